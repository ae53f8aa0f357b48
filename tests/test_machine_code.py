"""Runs of light operators as machine code give what the kernels give, bit for bit.

Whatever is compared is computed twice, by programs made with and without machine code. Only sums
may differ in the last bits, since blocks of points may have other sizes.
"""

import itertools
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_code import both_ways, leaves, needs_machine_code
from many_threads import in_threads

import cdiff as cd
from cdiff import _core

pytestmark = needs_machine_code

quiet = pytest.mark.filterwarnings("ignore::RuntimeWarning")
SPECIAL = [0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan, 5e-324, 1e-300, -1e300, 1e160, 3e-160]


@pytest.fixture(autouse=True)
def switch_on_again():
    yield
    _core.use_machine_code(True)


def assert_same(f, *args):
    for with_code, without in zip(*both_ways(f, *args), strict=True):
        assert with_code.dtype == without.dtype
        np.testing.assert_array_equal(with_code, without)
        zeros = without == 0
        np.testing.assert_array_equal(np.signbit(with_code[zeros]), np.signbit(without[zeros]))


UNARY = {
    "negative": np.negative, "absolute": np.abs, "square": np.square, "sqrt": np.sqrt,
    "reciprocal": np.reciprocal, "positive": np.positive, "relu": cd.relu,
}  # fmt: skip
BINARY = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide,
    "maximum": np.maximum, "minimum": np.minimum, "fmax": np.fmax, "fmin": np.fmin,
    "less": np.less, "less_equal": np.less_equal, "greater": np.greater,
    "greater_equal": np.greater_equal, "equal": np.equal, "not_equal": np.not_equal,
}  # fmt: skip
A, B = (x.ravel() for x in np.meshgrid(SPECIAL, SPECIAL))


def assert_same_of_either(f, *args):
    """Of doubles, and of floats, which have registers of their own."""
    assert_same(f, *args)
    assert_same(f, *[x.astype(np.float32) for x in args])


@quiet
@pytest.mark.parametrize("name", UNARY)
def test_operators_of_one_operand(name):
    op = UNARY[name]
    assert_same_of_either(lambda a: (op(a) + 1.0, op(op(a) * 3.0)), A)


@quiet
@pytest.mark.parametrize("name", BINARY)
def test_operators_of_two_operands(name):
    op = BINARY[name]
    assert_same_of_either(
        lambda a, b: (np.where(op(a, b), a * 2.0, b), op(a, b) * 1.5, op(a, 0.75) - a), A, B
    )


@quiet
def test_results_may_lie_in_the_registers_of_operands():
    """Each operand is read for the last time by the operator itself."""
    for op in BINARY.values():
        assert_same_of_either(lambda a, b, op=op: op(a * 1.5, b + 1.0) * 1.0, A, B)
        assert_same_of_either(lambda a, b, op=op: op(a * 1.5, a * 1.5) * 1.0, A, B)


@quiet
@pytest.mark.parametrize("f", [
    lambda a, b: a * b, lambda a, b: np.where(a > 0, a * b, 0.0), lambda a, b: (a * b) * (a / b),
    lambda a, b: np.sqrt(a * b) * b, lambda a, b: np.fmax(a * b, b * b) * a,
    lambda a, b: np.hypot(a, b) * a, lambda a, b: np.abs(a * b - a)])  # fmt: skip
def test_zeros_absorb_in_derivatives(f):
    """The quick body sees that a product is NaN and leaves the round to the exact one."""
    for g in (cd.elementwise_grad(f, 0), cd.elementwise_grad(f, 1),
              cd.elementwise_grad(cd.elementwise_grad(f, 0), 1)):  # fmt: skip
        assert_same_of_either(g, A, B)
        assert_same_of_either(lambda a, b, g=g: np.where(g(a, b) > 0, 1.0, g(a, b)), A, B)


OPERATIONS = [
    np.add, np.subtract, np.multiply, lambda a, b: a / (b * b + 1.5), np.maximum,
    lambda a, b: np.where(a > b, a, 2.0 * b), lambda a, b: -a, lambda a, b: np.sqrt(np.abs(a)),
    lambda a, b: np.sin(a), lambda a, b: np.exp(-a * a), lambda a, b: a * 0.75]  # fmt: skip


def random_function(nops, seed, outputs):
    """A function of three arrays with many values alive at the same time."""

    def f(*xs):
        rng = np.random.default_rng(seed)
        values = list(xs)
        for _ in range(nops):
            a, b = (values[rng.integers(len(values))] for _ in range(2))
            y = OPERATIONS[rng.integers(len(OPERATIONS))](a, b)
            values.append(y)
        return outputs(values[-4:])

    return f


OUTPUTS = {
    "all": tuple, "stacked": lambda ys: np.stack(ys, -1), "joined": np.concatenate,
    "mixed": lambda ys: (ys[0], np.stack(ys[1:], 0), ys[1] > ys[2]),
    "strided": lambda ys: np.stack([ys[0][::2], ys[1][1::2]]) if len(ys[0]) % 2 == 0 else ys[0],
}  # fmt: skip


@quiet
@settings(max_examples=60, deadline=None)
@given(st.integers(2, 150), st.integers(0, 10**6), st.sampled_from(sorted(OUTPUTS)),
       st.sampled_from([1, 2, 7, 8, 9, 16, 100, 1000, 3001]),
       st.sampled_from([None, 0.0, np.inf, np.nan, 1e300, 1e-300]),
       st.sampled_from("df"))  # fmt: skip
def test_random_programs(nops, seed, outputs, n, odd, dtype):
    rng = np.random.default_rng(seed)
    xs = [rng.normal(size=n) for _ in range(3)]
    if odd is not None:
        xs[seed % 3][seed % n] = odd
    assert_same(random_function(nops, seed, OUTPUTS[outputs]), *[x.astype(dtype) for x in xs])


@quiet
@settings(max_examples=25, deadline=None)
@given(st.integers(2, 60), st.integers(0, 10**6), st.sampled_from([3, 64, 1001]),
       st.sampled_from("df"))  # fmt: skip
def test_gradients_of_random_programs(nops, seed, n, dtype):
    xs = [np.random.default_rng(seed + k).normal(size=n).astype(dtype) for k in range(3)]
    f = random_function(nops, seed, lambda ys: np.sum(ys[0] * ys[-1]))
    with_code, without = both_ways(cd.grad(f, argnums=(0, 1, 2)), *xs)
    for y, z in zip(with_code, without, strict=True):
        np.testing.assert_array_equal(y, z)


def test_float32_and_booleans_between():
    x = np.linspace(-3, 3, 1003).astype(np.float32)
    y = x[::-1].astype(np.float64)
    assert_same(lambda x, y: (x * x + x, (x * y > x), x * y - y, np.where(x > y, x, x * 2)), x, y)


@pytest.mark.parametrize("n", range(1, 35))
def test_nothing_is_written_beside_the_result(n):
    compiled = cd.compile(lambda a, b: a * b + a - b / (a * a + 1.0))
    rng = np.random.default_rng(n)
    a, b = rng.normal(size=(2, n))
    room = np.full(n + 16, 77.0)
    compiled(a, b)
    compiled(a, b, out=room[8 : 8 + n])
    np.testing.assert_array_equal(room[8 : 8 + n], compiled(a, b))
    assert (room[:8] == 77).all() and (room[8 + n :] == 77).all()


def test_rows_and_broadcasting():
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(57, 33)), rng.normal(size=33), rng.normal(size=(57, 1))
    assert_same(lambda a, b, c: (a * b + c, (a - c) / (b * b + 1.0), np.sum(a * b, 1)), a, b, c)


def test_columns_of_tables():
    """Columns are read and written where they are, also backwards and many to a table."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(1003, 7)), rng.normal(size=(1003, 3))

    def f(a, b):
        u, v = a[:, 0] * b[:, 1] + a[:, 6], a[::-1, 2] - b[:, 0] * b[::-1, 2]
        return np.stack([u, v, u * v, a[:, 3], u / (v * v + 1.0)], axis=1), np.stack([v, u])

    assert_same(f, a, b)
    assert_same(f, np.asfortranarray(a), b[::-1])
    assert_same(lambda a, b: np.concatenate([a[:, :1] * 2.0 - b[:, 1:2], b * b + 1.0], 1), a, b)


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 5, 7, 11])
@pytest.mark.parametrize("n", [1, 7, 8, 9, 1003])
def test_columns_side_by_side(columns, n):
    """Four, two or one go together, in rounds of eight points and in the last one."""
    a = np.random.default_rng(columns).normal(size=(n, columns + 2))

    def f(a):
        parts = [a[:, k + 1] * (k + 1.5) - a[:, 0] for k in range(columns)]
        late = [y + np.exp(parts[0]) for y in parts]
        return np.stack(parts, 1), np.stack(late[::-1] + parts, 1), np.stack([*late, a[:, -1]], 1)

    assert_same(f, a)
    assert_same(f, a[::-1])


@pytest.mark.parametrize("n", [5, 64, 1003])
def test_values_that_find_no_register(n):
    """Those of one run have a place each, those that a kernel reads or that outlive it a lane."""

    def f(a, b):
        early = [a * (k + 0.5) + b for k in range(40)]
        middle = [np.exp(-y * y) for y in early[::4]]
        late = [y * z - b for y, z in zip(early, reversed(early), strict=True)]
        return np.stack([*late, *middle]), sum(late) / sum(middle), early[7] * middle[3]

    assert_same_of_either(f, *np.random.default_rng(n).normal(size=(2, n)))


@pytest.mark.parametrize("columns", [2, 22, 40, 61])
def test_tables_that_no_cache_holds(columns):
    """Their rows are asked for before they are written; some are too long for that."""
    a = np.random.default_rng(columns).normal(size=(2_000_003 // columns, 3))

    def f(a):
        parts = [a[:, k % 3] * (k + 0.5) - a[:, 0] for k in range(columns)]
        return np.stack(parts, axis=1), np.stack(parts[:2], axis=1)

    assert_same(f, a)


def test_more_strides_than_there_is_room_for():
    """What has no room for its places goes through kernels."""
    tables = [np.random.default_rng(k).normal(size=(101, k + 2)) for k in range(24)]

    def f(*tables):
        total = tables[0][:, 1] * 2.0
        for t in tables[1:]:
            total = total * t[:, 0] + t[:, 1]
        return total

    assert_same(f, *tables)


@quiet
def test_quotients_that_share_a_denominator():
    """Its reciprocal is made once, in the first of the runs that need it."""

    def f(a, b):
        c = b + 0.25
        first = a / b + (a - 1.0) / b + 1.0 / b
        second = np.exp(-first * first)
        return first, (second + a) / b, second / c, 1.0 / c, b / c, 3.0 / a, a / 3.0, b / 3.0

    assert_same(f, A, B)
    assert_same(cd.elementwise_grad(lambda a, b: f(a, b)[1], 1), A, B)
    rng = np.random.default_rng(0)
    for n, size in itertools.product((1, 8, 1003), (3, 600)):
        assert_same(f, *(np.exp(rng.uniform(-size, size, n)) for _ in range(2)))
    # Each alone in its run, and with the denominator's memory taken by the first result.
    assert_same(lambda a, b: np.exp(np.exp(a / b) / b), A, B)
    _core.use_machine_code(True)
    compiled = cd.compile(lambda a, b: (a / b, (a + 2.0) / b, np.exp(a) / b))
    wanted = [y.copy() for y in compiled(A, B)]
    compiled(A, B)
    a, b = A.copy(), B.copy()
    for y, z in zip(wanted, compiled(a, b, out=(b, a, None)), strict=True):
        np.testing.assert_array_equal(y, z)


def test_roots_and_their_reciprocals():
    """The steps of the root have most of the reciprocal; whatever stands in between."""

    def f(a, b):
        root = np.sqrt(a)
        other = np.sqrt(b)
        first = (a + b) / root + 1.0 / root
        middle = (a * b) / other - a / other
        return first, middle, np.exp(-first) / root, 1.0 / other, (b - a) / np.sqrt(a + b)

    rng = np.random.default_rng(0)
    assert_same(f, np.abs(A), np.abs(B))
    for n, size in itertools.product((1, 8, 1003), (1, 300)):
        assert_same(f, *(np.exp(rng.uniform(-size, size, n)) for _ in range(2)))
    assert_same(cd.elementwise_grad(lambda a, b: f(a, b)[0], 0), *np.exp(rng.normal(size=(2, 99))))


@pytest.mark.parametrize("code", [True, False])
def test_divisors_before_a_power_of_two(code):
    """All their digits are ones; a quotient is NumPy's, whatever stands beside it."""
    _core.use_machine_code(code)
    rng = np.random.default_rng(0)
    b = np.ldexp(rng.choice([1.0, -1.0], 99) * np.nextafter(1, 0), rng.integers(-9, 9, 99))
    a, c = rng.uniform(1, 2, (2, 99))
    a[::3] = 1.0
    b[::7] = rng.uniform(1, 2, b[::7].size)
    before_four = np.full(99, np.nextafter(4, 0))  # its root is a divisor of that kind

    def f(a, b, c, d):
        return a / b, 1.0 / b, c / b, 1.0 / np.sqrt(d), c / np.sqrt(d), np.reciprocal(b) * c

    compiled = cd.compile(f)
    compiled(a, b, c, before_four)
    for y, z in zip(compiled(a, b, c, before_four), f(a, b, c, before_four), strict=True):
        np.testing.assert_array_equal(y, z)
    np.testing.assert_array_equal((cd.array(a) / cd.array(b)).numpy(), a / b)


def next_to_a_middle(random, count):
    """a and b whose quotient is all but the middle of two numbers: a 2^k = b m + s, m odd, 54 bits.
    Some b have digits that are nearly all ones, for which reciprocals are hardest."""
    pairs = []
    while len(pairs) < count:
        below = random.choice((1 << 10, 1 << 27, 1 << 30, 1 << 52))
        b, k = (1 << 53) - 1 - 2 * random.randrange(below // 2), random.choice((53, 54))
        s = random.choice((-5, -3, -1, 1, 3, 5))
        m = -s * pow(b, -1, 1 << k) % (1 << k) + ((1 << 53) if k == 53 else 0)
        a = (b * m + s) >> k
        if m >> 53 and a >> 52 == 1:
            pairs.append((float(a), float(b)))
    return np.array(pairs).T


@pytest.mark.parametrize("code", [True, False])
def test_quotients_next_to_the_middle_between_two_numbers(code):
    """So many in one run that the divider makes some, and Newton's method the others."""
    _core.use_machine_code(code)
    random = Random(1)
    operands = [x for _ in range(5) for x in next_to_a_middle(random, 4001)]

    def f(*x):
        return [x[k] / x[k + 1] for k in range(0, 10, 2)], 1.0 / x[1], x[2] / x[1], x[0] / x[1]

    compiled = cd.compile(f)
    compiled(*operands)
    for y, z in zip(leaves(compiled(*operands)), leaves(f(*operands)), strict=True):
        np.testing.assert_array_equal(y, z)
    for k in range(0, 10, 2):
        a, b = map(cd.array, operands[k : k + 2])
        np.testing.assert_array_equal((a / b).numpy(), operands[k] / operands[k + 1])


def aligned(n, offset):
    """n numbers that begin `offset` bytes after a cache line, between others."""
    room = np.full(n + 64, 77.0)
    start = (-room.ctypes.data % 64) // 8 + 16 + offset // 8
    return room, room[start : start + n]


@pytest.mark.parametrize("n", [1 << 19, (1 << 19) + 5])
@pytest.mark.parametrize("offset", [0, 8, 32])
def test_large_results_go_past_the_caches(n, offset):
    """Where all is aligned; elsewhere, and where a result is read again, as small ones do."""

    def f(a, b, c):
        y = a * b - c
        return y, np.exp(-y * y) / b, c / b + a

    a, b, c = np.random.default_rng(n).uniform(0.5, 2.0, (3, n))
    assert_same(f, a, b, c)
    _core.use_machine_code(True)
    compiled = cd.compile(f)
    compiled(a, b, c)                   # from the next call on results are made where they go
    wanted = compiled(a, b, c)
    for over in (False, True):
        rooms = [aligned(n, k) for k in (offset, 0, offset)]
        if over:
            rooms[1][1][:] = a
        compiled(rooms[1][1] if over else a, b, c, out=tuple(y for _, y in rooms))
        for (room, y), right in zip(rooms, wanted, strict=True):
            np.testing.assert_array_equal(y, right)
            assert (room == 77.0).sum() == 64
    before = cd.set_num_threads(2)
    try:
        for y, right in zip(compiled(a, b, c), wanted, strict=True):
            np.testing.assert_array_equal(y, right)
    finally:
        cd.set_num_threads(before)


# --- one point ------------------------------------------------------------------------------------

NUMBER_OPERATIONS = [
    lambda a, b, c: a + b, lambda a, b, c: a - b, lambda a, b, c: a * b, lambda a, b, c: a * b + c,
    lambda a, b, c: c - a * b, lambda a, b, c: a * b - c, lambda a, b, c: a + b + c,
    lambda a, b, c: a / (b * b + 1.5), lambda a, b, c: -a, lambda a, b, c: np.sqrt(abs(a)),
    lambda a, b, c: np.maximum(a, b), lambda a, b, c: np.where(a > b, b, c),
    lambda a, b, c: np.tanh(a), lambda a, b, c: a * 0.7]  # fmt: skip


def random_numbers(nops, seed):
    """A function of three numbers."""

    def f(*xs):
        rng = np.random.default_rng(seed)
        values = list(xs)
        for _ in range(nops):
            # Mostly of what is recent, so that chains are long and values die.
            picked = rng.integers(max(0, len(values) - 40), len(values), size=3)
            op = NUMBER_OPERATIONS[rng.integers(len(NUMBER_OPERATIONS))]
            values.append(op(*(values[k] for k in picked)))
        return values[-3:]

    return f


@quiet
@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(0, 10**6), st.lists(
    st.sampled_from([0.0, -0.0, 0.5, -1.25, 3.0, np.inf, np.nan, 1e300, 5e-324]),
    min_size=3, max_size=3))  # fmt: skip
def test_programs_of_numbers(nops, seed, point):
    assert_same_numbers(random_numbers(nops, seed), point)


@quiet
@settings(max_examples=40, deadline=None)
@given(st.integers(1, 120), st.integers(0, 10**6), st.lists(
    st.sampled_from([0.0, 0.5, -1.25, 3.0, np.inf, np.nan]), min_size=3, max_size=3))  # fmt: skip
def test_gradients_of_programs_of_numbers(nops, seed, point):
    f = random_numbers(nops, seed)
    assert_same_numbers(cd.grad(lambda *x: f(*x)[0] * f(*x)[1], argnums=(0, 1, 2)), point)


def assert_same_numbers(f, point):
    with_code, without = both_ways(f, *point)
    np.testing.assert_array_equal(with_code, without)


@quiet
def test_programs_longer_than_a_run_and_than_the_registers():
    """Thousands of instructions: values outlive a function, and registers are used again."""
    for nops in (1500, 12000):
        assert_same_numbers(random_numbers(nops, nops), [0.3, -0.7, 1.1])
        # Nothing dies: every value is a result.
        assert_same_numbers(lambda x, n=nops // 4: [(x + k) * x - k for k in range(n)], [0.3])


@quiet
def test_numbers_between_arrays():
    """Numbers that are elements or sums of arrays, and that arrays are made with."""

    def f(v):
        a, b, c = np.sum(v * v), v[0], v[1]
        for _ in range(12):
            a, b, c = a * b - c, b / (c * c + 1.0), np.sqrt(abs(a)) + c
        return v * a + b, c

    assert_same(f, np.array([0.3, -0.4, 1.5]))
    with_code, without = both_ways(cd.grad(lambda v: f(v)[1]), np.array([0.3, -0.4, 1.5]))
    np.testing.assert_allclose(with_code, without, rtol=1e-12)


def test_decisions_by_numbers():
    def f(x, y):
        total = x
        for k in range(30):
            total = total * y + k if total < 5.0 else total - y * k
        return total

    compiled = cd.compile(cd.value_and_grad(f, argnums=(0, 1)))
    for x in (-3.0, 0.1, 2.0, 9.0):
        np.testing.assert_allclose(compiled(x, 0.7)[0], f(x, 0.7), rtol=1e-14)


def test_threads_share_programs(threads):
    f = cd.compile(random_function(100, 1, tuple))
    xs = [np.random.default_rng(k).normal(size=20011) for k in range(3)]
    wanted = f(*xs)
    wrong = []

    def work(_):
        for _ in range(20):
            found = f(*xs)
            if not all(np.array_equal(y, z) for y, z in zip(found, wanted, strict=True)):
                wrong.append(found)

    threads(2)
    in_threads(work, 4)
    assert not wrong


def test_code_is_given_back():
    """Programs that come and go leave no memory mapped."""

    def mapped():
        with open("/proc/self/maps") as f:
            return sum(" r-xp " in line and line.rstrip().endswith(" 0") for line in f)

    x = np.linspace(0.0, 1.0, 100)
    f = cd.compile(lambda x: x * x - x + 2.0 / (x + 1.0))
    f(x)
    before = mapped()
    for k in range(50):
        g = cd.compile(lambda x, k=k: x * x - x * k + 2.0 / (x + 1.0))
        g(x)
        g.clear()
        del g
    assert mapped() <= before + 2


def test_profiles_name_what_runs_together():
    f = cd.compile(lambda a, b: np.exp(a * b + a - b) * a - b * b)
    a, b = np.random.default_rng(0).normal(size=(2, 5000))
    f(a, b)
    text = str(f.profile(a, b))
    for name in ("multiply", "add", "subtract", "exp"):
        assert name in text


def test_runs_do_what_is_waited_for():
    """The root waits for the quotient, which nobody but a sum waits for: all that is one run, whose
    instructions share its time, after the tanh."""
    f = cd.compile(lambda x: np.sum((np.tanh(x * x) - x) / np.sqrt(x + 1.0)))
    x = np.random.default_rng(0).uniform(0.1, 1, 5000)
    f(x)
    seconds = {row.operator: row.seconds for row in f.profile(x).rows}
    assert seconds["add"] == seconds["sqrt"] == seconds["subtract"] == seconds["divide"]
    assert seconds["square"] != seconds["sqrt"]


def test_the_switch():
    assert _core.use_machine_code(False) is False
    assert _core.use_machine_code() is False
    assert _core.use_machine_code(True) is True
