"""Calls that do several operations at once, and concatenations written where they are computed."""

import itertools
import signal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program_oracle import Recorder, check, evaluate

import cdiff as cd
import cdiff._core as core

LIGHT = ("add", "subtract", "multiply", "zmul", "square")
SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, 1.5, -2.5, 5e-324, 1e308)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape)


def special(n, seed):
    """Ordinary numbers among which each special one meets each."""
    return np.random.default_rng(seed).choice([*SPECIAL, 0.25, 3.0, -7.0, 2.0], n)


def apply(r, name, a, b):
    return r.apply(name, a) if name == "square" else r.apply(name, a, b)


def same(program, inputs):
    """Each operation is rounded as it is alone."""
    executable = core.Executable(program)
    values = evaluate(program, inputs)
    for y, k in zip(executable.run(list(inputs)), program.outputs, strict=True):
        np.testing.assert_array_equal(y, values[k])


# ------------------------------------------------------------------ light operations


@pytest.mark.parametrize(("first", "then"), list(itertools.product(LIGHT, LIGHT[:4])))
@pytest.mark.parametrize("left", [True, False])
def test_two_operations_in_one(first, then, left):
    """Every pair, in either order, of arrays and numbers, for any length."""
    for n, kinds in itertools.product((1, 7, 8, 16, 31, 300, 1025), ("aaa", "ana", "aan", "naa")):
        r = Recorder()
        a, b, c = (r.input(shape=(n,) if kind == "a" else ()) for kind in kinds)
        t = apply(r, first, a, b)
        r.program.outputs = [r.apply(then, *((t, c) if left else (c, t)))]
        given_ = [special(n, k) if kind == "a" else 1.5 for k, kind in enumerate(kinds)]
        same(r.program, [x if np.ndim(x) else float(x) for x in given_])


@pytest.mark.parametrize(
    ("first", "second", "sign"),
    list(itertools.product(LIGHT[2:], LIGHT[2:], ("add", "subtract"))),
)
def test_sums_of_two_products(first, second, sign):
    for n in (1, 8, 15, 16, 17, 999):
        r = Recorder()
        x = [r.input(shape=(n,)) for _ in range(4)]
        r.program.outputs = [
            r.apply(sign, apply(r, first, x[0], x[1]), apply(r, second, x[2], x[3]))
        ]
        same(r.program, [special(n, k) for k in range(4)])


def test_the_zero_law_where_a_product_overflows():
    """A zero absorbs in the first and in the second of two products; overflow is kept."""
    r = Recorder()
    a, b, c = (r.input(shape=(4,)) for _ in range(3))
    r.program.outputs = [r.apply("zmul", r.apply("zmul", a, b), c)]
    found = core.Executable(r.program).run(
        [
            np.array([0.0, 1e300, 2.0, np.nan]),
            np.array([np.inf, 1e300, 3.0, 0.0]),
            np.array([np.nan, 1.0, 0.0, np.inf]),
        ]
    )[0]
    assert found.tolist() == [0.0, np.inf, 0.0, 0.0]


def test_a_difference_of_equal_products_is_zero():
    """A root of the discriminant of a double zero is 0, not NaN."""

    @cd.compile
    def root(a, b, c):
        return np.sqrt(b * b - 4.0 * a * c)

    a, x = numbers(1000), numbers(1000, seed=1)
    b, c = np.round(a, 3) * 2.0 * np.round(x, 3), np.round(x, 3)
    with np.errstate(invalid="ignore"):
        want = np.sqrt(b * b - 4.0 * a * (c * c))
        np.testing.assert_array_equal(root(a, b, c * c), want)


def test_what_is_read_twice_is_kept():
    r = Recorder()
    x, y = r.input(shape=(500,)), r.input(shape=(500,))
    t = r.apply("multiply", x, y)
    u = r.apply("add", t, x)
    r.program.outputs = [r.apply("subtract", u, t), r.apply("multiply", t, t), r.sum(t)]
    check(r.program, [numbers(500), numbers(500, seed=1)], rtol=1e-11)


def test_an_operand_that_a_result_lies_over():
    """Its memory is taken for a result before the operation that would be joined."""
    r = Recorder()
    x = r.input(shape=(30, 30))
    old = r.apply("matmul", x, x)
    t = r.apply("multiply", old, x)
    over = r.apply("exp", r.apply("negative", old))
    u = r.apply("add", t, over)
    r.program.outputs = [r.apply("matmul", over, u), r.apply("matmul", u, over)]
    check(r.program, [numbers(30, 30) / 10], rtol=1e-11)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_random_light_programs(data):
    n = data.draw(st.sampled_from([1, 5, 16, 100, 1030]))
    r = Recorder()
    values = [r.input(shape=(n,)) for _ in range(3)] + [r.input()]
    for _ in range(data.draw(st.integers(1, 25))):
        a, b = (values[data.draw(st.integers(0, len(values) - 1))] for _ in range(2))
        values.append(apply(r, data.draw(st.sampled_from(LIGHT)), a, b))
    arrays = [k for k in values if r.shape(k)]
    r.program.outputs = [arrays[-1], arrays[len(arrays) // 2]]
    inputs = [numbers(n, seed=k) - 0.6 for k in range(3)]
    want = evaluate(r.program, [*inputs, 0.75])
    sizes = max(1.0, *(float(np.max(np.abs(v))) for v in want))
    check(r.program, [*inputs, 0.75], rtol=1e-10, atol=1e-13 * sizes)


def test_single_precision_is_rounded_in_between():
    r = Recorder()
    x, y = r.input("f4", (100,)), r.input("f4", (100,))
    r.program.outputs = [r.apply("add", r.apply("multiply", x, y), y)]
    a, b = (numbers(100, seed=k).astype("f4") for k in range(2))
    assert np.array_equal(core.Executable(r.program).run([a, b])[0], a * b + b)


# ------------------------------------------------------------------ concatenations


def column(r, x):
    return r.reshape(x, (*r.shape(x), 1))


@pytest.mark.parametrize("n", [1, 2, 8, 100, 9001])
def test_columns_of_a_table(n):
    """Computed ones, given ones, constants, and one that is also read elsewhere."""
    r = Recorder()
    x, table = r.input(shape=(n,)), r.input(shape=(n, 3))
    y = r.apply("exp", x)
    z = r.apply("multiply", y, x)
    parts = [column(r, y), table, column(r, z), column(r, x), r.constant(np.zeros((n, 1)))]
    whole = r.concatenate(parts, 1)
    r.program.outputs = [whole, r.sum(z), y, r.apply("sin", whole)]
    check(r.program, [numbers(n), numbers(n, 3)], rtol=1e-11)


def test_very_many_columns():
    """One that is computed among thousands that are given."""
    r = Recorder()
    x, table = r.input(shape=(20,)), r.input(shape=(20, 3000))
    given_ = [r.slice(table, 0, 1, 20, k, 1, 1) for k in range(3000)]
    r.program.outputs = [r.concatenate([column(r, r.apply("exp", x)), *given_], 1)]
    check(r.program, [numbers(20), numbers(20, 3000)])


@pytest.mark.parametrize("n", [1, 5, 300, 20_000])
def test_tables_of_tables(n):
    r = Recorder()
    x = r.input(shape=(n,))
    rows = []
    for k in range(3):
        y = r.apply("sin", r.apply("multiply", x, r.constant(k + 1.0)))
        row = r.concatenate([column(r, y), column(r, r.apply("exp", y)), column(r, x)], 1)
        rows.append(r.reshape(row, (n, 1, 3)))
    inner = r.concatenate(rows[:2], 1)
    r.program.outputs = [r.concatenate([inner, rows[2]], 1), r.concatenate(rows, 2)]
    check(r.program, [numbers(n)])


def test_tables_that_are_read_in_between():
    """A table inside another that is also a result, read by a group, or transposed."""
    r = Recorder()
    x = r.input(shape=(40,))
    inner = r.concatenate([column(r, r.apply("sin", x)), column(r, r.apply("cos", x))], 1)
    outer = r.concatenate([inner, column(r, r.apply("exp", x))], 1)
    back = r.concatenate([r.transpose(inner, (1, 0)), r.reshape(r.apply("tanh", x), (1, 40))], 0)
    r.program.outputs = [outer, r.apply("square", inner), back, r.sum(back)]
    check(r.program, [numbers(40)])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_blocks_along_any_axis(axis):
    r = Recorder()
    x = r.input(shape=(6, 5, 4))
    y = r.apply("exp", x)
    index = [v for k, n in enumerate((6, 5, 4)) for v in (0, 1, 2 if k == axis else n)]
    z = r.slice(r.apply("sin", y), *index)
    r.program.outputs = [r.concatenate([y, z, x, r.apply("negative", x)], axis)]
    check(r.program, [numbers(6, 5, 4)])


@pytest.mark.parametrize("dtype", ["f4", "?"])
def test_tables_of_other_types(dtype):
    r = Recorder()
    x = r.input("f4", (50,))
    y = r.apply("exp", x) if dtype == "f4" else r.apply("less", x, r.constant(1.0))
    r.program.outputs = [r.concatenate([column(r, y), column(r, y)], 1)]
    check(r.program, [numbers(50).astype("f4")], rtol=1e-6)


def test_tables_by_several_threads():
    r = Recorder()
    x = r.input(shape=(100_000,))
    y = r.apply("exp", r.apply("sin", x))
    executable = r.returns(
        r.concatenate([column(r, y), column(r, x), column(r, r.apply("tanh", y))], 1)
    )
    right = executable.run([numbers(100_000)])[0]
    before = core.set_num_threads(3)
    try:
        for _ in range(3):
            assert np.array_equal(executable.run([numbers(100_000)])[0], right)
    finally:
        core.set_num_threads(before)


def test_jacobians_of_many_points_agree_with_single_ones():
    def error(c, x):
        t = np.sqrt(c[0] * c[0] + c[1] * c[1])
        p, q = x[0] * np.cos(t) - c[1], x[1] * np.sin(t) + c[0]
        return np.stack([p / q * c[2], q * c[2] - p])

    def both(c, x):
        return (error(c, x), *cd.jacobian(error, argnums=(0, 1))(c, x))

    c, x = numbers(300, 4), numbers(300, 2, seed=1)
    found = cd.compile(cd.vmap(both))(c, x)
    for k in (0, 7, 299):
        for whole, single in zip(found, both(c[k], x[k]), strict=True):
            np.testing.assert_allclose(whole[k], np.asarray(single), rtol=1e-13, atol=1e-15)


# ------------------------------------------------------------------ memory and signals


@pytest.mark.memory
def test_the_pool_keeps_what_was_released_last():
    core.pool_clear()
    many = [cd.array(np.ones(1_200_000)) * 2.0 for _ in range(28)]
    del many
    full = core.pool_info()["pooled_bytes"]
    large = cd.array(np.ones(4_000_000)) * 2.0
    del large
    kept = core.pool_info()["pooled_bytes"]
    assert 0 < kept <= 256 << 20 and full > 200 << 20
    x = cd.array(np.ones(4_000_000))
    before = core.pool_info()["pooled_bytes"]
    y = x * 2.0
    assert core.pool_info()["pooled_bytes"] < before  # reused
    del y
    core.pool_clear()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_signal_within_one_large_group(threads):
    """It ends the work in between, and the function goes on to be right."""

    def f(x):
        y = x
        for _ in range(150):
            y = np.sin(y) + x
        return y

    def ring(*_):
        raise InterruptedError("stop")

    compiled = cd.compile(f)
    x, out = numbers(200_000), np.full(200_000, np.nan)
    want = compiled(x)
    before_threads = core.set_num_threads(threads)
    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.004)
        with pytest.raises(InterruptedError):
            compiled(x, out=out)
        assert np.isnan(out[-1])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
        core.set_num_threads(before_threads)
    assert np.array_equal(compiled(x, out=out), want)


@pytest.mark.parametrize("count", [5, 40])
def test_gathered_numbers_do_not_end_groups(count):
    """Each is followed by work that the next one does not need."""
    p, size = core.Program(), 1000
    x = p.input("f8", (50,))
    at = [p.input("i8", (size,)) for _ in range(count)]
    total = p.constant(np.ones(size))
    for i in at:
        y = p.apply("sin", [p.apply("gather", [x, i], shape=(size,))], shape=(size,))
        total = p.apply("add", [y, total], shape=(size,))
    p.outputs = [total]
    executable = core.Executable(p)
    table, places = np.linspace(0.1, 2.0, 50), [np.arange(k, size + k) % 50 for k in range(count)]
    rows = executable.profile([table, *places])
    assert len({row[0] for row in rows if row[1] in ("sin", "add")}) == 1
    expected = np.ones(size) + sum(np.sin(table[i]) for i in places)
    np.testing.assert_allclose(executable.run([table, *places])[0], expected, rtol=1e-14)


@pytest.mark.parametrize(("shape", "axis"), [((3, 0), 0), ((0, 3), 0), ((2, 0, 3), (1, 2))])
@pytest.mark.parametrize("x", [2.0, np.inf])
def test_the_sum_of_no_numbers_is_zero(x, shape, axis):
    f = lambda x: np.broadcast_to(x, shape).sum(axis)
    for g in (f, cd.jacobian(f)):
        compiled = cd.compile(g)
        compiled(x)
        np.testing.assert_array_equal(compiled(x), np.zeros(shape).sum(axis))
