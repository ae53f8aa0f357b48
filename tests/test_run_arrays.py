"""Executables against the NumPy oracle: views, groups, steps, results, guards, errors."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program_oracle import Recorder, check

import cdiff as cd
import cdiff._core as core


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape)


# ------------------------------------------------------------------ groups


@pytest.mark.parametrize("n", [0, 1, 7, 64, 1000, 8192, 8193, 20_001])
def test_chain_and_sum(n):
    r = Recorder()
    x, y = r.input(shape=(n,)), r.input(shape=(n,))
    a = r.apply("sin", r.apply("multiply", x, y))
    b = r.apply("exp", r.apply("subtract", a, r.constant(0.5)))
    c = r.apply("where", r.apply("less", a, b), a, b)
    r.program.outputs = [r.sum(b), b, r.sum(r.apply("multiply", a, c)), c]
    check(r.program, [numbers(n), numbers(n, seed=1)])


def test_sum_spreads_back():
    """The cotangent of a sum is a number seen as an array."""
    r = Recorder()
    x = r.input(shape=(30, 4))
    s = r.sum(r.apply("exp", x))
    g = r.broadcast(r.reshape(s, (1, 1)), (30, 4))
    r.program.outputs = [r.apply("multiply", g, x), g, s]
    check(r.program, [numbers(30, 4)])


@pytest.mark.parametrize("shape", [(5, 3), (200, 30), (3, 2000), (2, 9000), (40, 1, 7)])
@pytest.mark.parametrize("keep", [False, True])
def test_row_sums(shape, keep):
    r = Recorder()
    x = r.input(shape=shape)
    y = r.apply("exp", x)
    last = len(shape) - 1
    r.program.outputs = [
        r.sum(y, (last,), keep),
        r.sum(y),
        r.sum(x, (0,), keep),
        r.sum(r.apply("sin", y), (last,), keep),
    ]
    check(r.program, [numbers(*shape)], rtol=1e-11)


def test_sums_over_rows_of_different_length():
    r = Recorder()
    x = r.apply("exp", r.input(shape=(6, 5, 4)))
    r.program.outputs = [r.sum(x, (2,)), r.sum(x, (1, 2)), r.sum(x), r.sum(x, (0, 1))]
    check(r.program, [numbers(6, 5, 4)])


@pytest.mark.parametrize(
    "shapes",
    [
        [(4, 5), (5,)],
        [(4, 1), (1, 5)],
        [(4, 5), (4, 1)],
        [(3, 4, 5), (4, 1)],
        [(2, 1, 5), (3, 1)],
        [(4, 5), ()],
        [(1,), (4, 5)],
        [(0, 5), (5,)],
        [(1, 1), (1,)],
    ],
)
def test_broadcasting(shapes):
    r = Recorder()
    x, y = (r.input(shape=shape) for shape in shapes)
    a = r.apply("add", x, y)
    r.program.outputs = [r.apply("multiply", a, y), r.apply("sin", a)]
    check(r.program, [numbers(*shape, seed=k) for k, shape in enumerate(shapes)])


def test_result_takes_the_memory_of_a_dying_operand_only():
    r = Recorder()
    x = r.input(shape=(50,))
    kept = r.apply("matmul", r.reshape(x, (5, 10)), r.reshape(x, (10, 5)))
    a = r.apply("sin", kept)
    b = r.apply("add", a, r.transpose(kept, (1, 0)))
    c = r.apply("multiply", b, kept)
    product = r.apply("matmul", b, c)
    r.program.outputs = [r.apply("matmul", product, a)]
    check(r.program, [numbers(50)])


def beside_a_number(dtype):
    """Of a result of this and a Python float."""
    return "f4" if dtype == "f4" else "f8"


@pytest.mark.parametrize("dtype", ["f4", "?", "i8", "i4", "u1"])
def test_operands_of_other_types(dtype):
    r = Recorder()
    x, y = r.input(dtype, (6, 7)), r.input("f8", (7,))
    r.program.outputs = [
        r.apply("add", x, y),
        r.apply("multiply", r.transpose(x, (1, 0)), r.constant(2.5), dtype=beside_a_number(dtype)),
    ]
    check(r.program, [(10 * numbers(6, 7)).astype(dtype), numbers(7)])


def test_single_precision_rounds_each_instruction():
    r = Recorder()
    x, y = r.input("f4", (300,)), r.input("f4", (300,))
    a = r.apply("multiply", x, y)
    b = r.apply("add", a, y)
    wide = r.apply("cast", b, attrs=(np.dtype("f8").num,), dtype="f8")
    r.program.outputs = [
        r.apply("exp", b),
        a,
        wide,
        r.sum(x),
        r.apply("sum", a, attrs=((0,), True)),
    ]
    check(r.program, [numbers(300).astype("f4"), numbers(300, seed=1).astype("f4")])


def test_questions_and_integers():
    r = Recorder()
    x, i = r.input(shape=(9,)), r.input("i8", (9,))
    less = r.apply("less", x, r.constant(1.0))
    both = r.apply("equal", i, r.constant(2))
    r.program.outputs = [
        less,
        both,
        r.apply("add", i, i),
        r.apply("multiply", i, r.constant(3)),
        r.apply("where", less, i, i, dtype="i8"),
        r.apply("where", both, x, r.constant(0.0)),
        r.apply("isnan", x),
    ]
    check(r.program, [numbers(9), np.arange(9) % 4])


def test_large_integers_stay_exact():
    r = Recorder()
    i = r.input("i8", (2,))
    r.program.outputs = [r.apply("where", r.apply("equal", i, i), i, i, dtype="i8")]
    big = np.array([2**62 + 1, -(2**62) - 1])
    assert (core.Executable(r.program).run([big])[0] == big).all()


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "?"])
def test_zero_dimensional(dtype):
    r = Recorder()
    x, y = r.input(dtype), r.input("f8", (3,))
    r.program.outputs = [
        x,
        r.apply("add", y, x, dtype="f8"),
        r.apply("add", x, r.constant(1.5), dtype=beside_a_number(dtype)),
    ]
    check(r.program, [np.array(1, dtype), numbers(3)])


# ------------------------------------------------------------------ views and steps


def test_views_of_views():
    r = Recorder()
    x = r.input(shape=(4, 6))
    t = r.transpose(x, (1, 0))
    s = r.slice(t, 5, -2, 3, 0, 1, 4)
    flat = r.reshape(s, (12,))
    one = r.slice(x, 2, 1, -1, 3, 1, -1)
    r.program.outputs = [
        t,
        s,
        flat,
        one,
        r.apply("exp", s),
        r.apply("multiply", flat, one),
        r.broadcast(r.slice(x, 0, 1, -1, 0, 1, 6), (2, 6)),
        r.reshape(r.reshape(one, (1, 1)), ()),
        r.reshape(r.reshape(t, (6, 1, 4)), (6, 4)),
    ]
    check(r.program, [numbers(4, 6)])


def test_numbers_stacked_and_taken_apart():
    r = Recorder()
    x = r.input(shape=(5,))
    items = [r.slice(x, k, 1, -1) for k in range(5)]
    products = [r.apply("multiply", a, b) for a, b in itertools.pairwise(items)]
    stacked = r.concatenate([r.reshape(p, (1,)) for p in products])
    question = r.apply("less", items[0], items[1])
    r.program.outputs = [
        stacked,
        products[2],
        r.apply("sin", stacked),
        question,
        r.apply("where", question, items[0], items[1]),
        r.sum(stacked),
    ]
    check(r.program, [numbers(5)])


def test_concatenations_of_another_rank():
    """What is put together and reshaped before it is put together again is no stretch of axes."""
    x = numbers(6)

    def f(x):
        y = np.sin(x)
        inner = np.concatenate([y[:3] * 2.0, y[3:] * 3.0])
        return np.concatenate([inner.reshape(2, 3), np.cos(x)[None, :3]])

    np.testing.assert_allclose(cd.compile(f)(x), f(x), rtol=1e-15)


STEPS = {
    "concatenate": lambda r, x, y: r.concatenate([x, r.transpose(y, (1, 0)), x], 1),
    "concatenate 0": lambda r, x, y: r.concatenate([x, r.transpose(y, (1, 0))], 0),
    "embed": lambda r, x, y: r.apply("embed", x, attrs=((5, 9), (1, 1, 4, 0, 2, 4))),
    "embed row": lambda r, x, y: r.apply(
        "embed", x, attrs=((4, 3, 4), (0, 1, 4, 2, 1, -1, 3, -1, 4))
    ),
    "index_set": lambda r, x, y: r.apply(
        "index_set", x, r.slice(y, 0, 1, -1, 0, 1, 4), attrs=((1, 1, 2, 0, 1, 4),)
    ),
    "index_set number": lambda r, x, y: r.apply(
        "index_set", x, r.constant(3.0), attrs=((1, 1, 2, 3, -1, 4),)
    ),
    "sum_to": lambda r, x, y: r.apply("sum_to", x, attrs=((1, 4),)),
    "sum_to rows": lambda r, x, y: r.apply("sum_to", x, attrs=((4, 1),)),
    "sum_to number": lambda r, x, y: r.apply("sum_to", x, attrs=((),)),
    "sum of transposed": lambda r, x, y: r.sum(r.transpose(x, (1, 0)), (0,)),
    "max": lambda r, x, y: r.apply("max", x, attrs=((0,), False)),
    "max of transposed": lambda r, x, y: r.apply("max", r.transpose(x, (1, 0)), attrs=((0,), True)),
    "min": lambda r, x, y: r.apply("min", x, attrs=((0, 1), False)),
    "prod": lambda r, x, y: r.apply("prod", x, attrs=((1,), True)),
    "logsumexp": lambda r, x, y: r.apply("logsumexp", x, attrs=((1,), False)),
    "norm2": lambda r, x, y: r.apply("norm2", x, attrs=((0,), True)),
    "cumsum": lambda r, x, y: r.apply("cumsum", x, attrs=(1, False)),
    "cumsum reverse": lambda r, x, y: r.apply("cumsum", x, attrs=(0, True)),
    "linrec": lambda r, x, y: r.apply("linrec", x, r.transpose(y, (1, 0)), attrs=(0, False)),
    "linrec reverse": lambda r, x, y: r.apply("linrec", x, x, attrs=(1, True)),
    "matmul": lambda r, x, y: r.apply("matmul", x, y),
    "matmul transposed": lambda r, x, y: r.apply("matmul", r.transpose(x, (1, 0)), x),
    "einsum": lambda r, x, y: r.apply("einsum", x, y, attrs=("ij,jk->ki",)),
    "solve": lambda r, x, y: r.apply("solve", spd(r, x), y),
    "inv": lambda r, x, y: r.apply("inv", spd(r, x)),
    "det": lambda r, x, y: r.apply("det", spd(r, x)),
    "logabsdet": lambda r, x, y: r.apply("logabsdet", spd(r, x)),
    "cholesky": lambda r, x, y: r.apply("cholesky", spd(r, x)),
    "cast": lambda r, x, y: r.apply("cast", x, attrs=(np.dtype("f4").num,), dtype="f4"),
    "cast to integers": lambda r, x, y: r.apply("cast", x, attrs=(np.dtype("i8").num,), dtype="i8"),
}


def spd(r, x):
    return r.apply("add", r.apply("matmul", r.transpose(x, (1, 0)), x), r.constant(4 * np.eye(4)))


@pytest.mark.parametrize("name", STEPS)
def test_step(name):
    r = Recorder()
    x, y = r.input(shape=(4, 4)), r.input(shape=(4, 4))
    z = STEPS[name](r, x, y)
    again = r.apply("multiply", z, r.constant(2.0)) if r.dtype(z) == "f8" else z
    r.program.outputs = [z, again]
    check(r.program, [numbers(4, 4), numbers(4, 4, seed=1)])


@pytest.mark.parametrize(
    "shapes",
    [
        ((40, 50), (50, 30)),
        ((3, 4, 5), (5, 6)),
        ((90, 1), (1, 80)),
        ((2, 0), (0, 3)),
        ((7, 3, 4), (7, 4, 2)),
    ],
)
def test_products(shapes):
    r = Recorder()
    x, y = (r.input(shape=shape) for shape in shapes)
    z = r.apply("matmul", x, y)
    r.program.outputs = [z, r.apply("sin", z)]
    check(r.program, [numbers(*shape, seed=k) for k, shape in enumerate(shapes)])


@pytest.mark.parametrize("shape", [(6,), (6, 3), (6, 2, 2)])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i8"])
def test_gather_and_scatter(shape, dtype):
    r = Recorder()
    x, i = r.input(dtype, shape), r.input("i8", (2, 4))
    rows = r.apply("gather", x, i)
    r.program.outputs = [rows, r.apply("scatter_add", rows, i, attrs=(7,))]
    places = np.array([[0, 5, -1, 2], [2, 2, -6, 3]])
    executable = check(r.program, [(9 * numbers(*shape)).astype(dtype), places])
    for wrong in (6, -7, 2**40):
        with pytest.raises(IndexError):
            executable.run([(9 * numbers(*shape)).astype(dtype), np.full((2, 4), wrong)])


def test_strided_positions():
    r = Recorder()
    x, i = r.input(shape=(6,)), r.input("i8", (4, 2))
    j = r.slice(i, 0, 1, 4, 1, 1, -1)
    r.program.outputs = [r.apply("gather", x, j)]
    check(r.program, [numbers(6), np.arange(8).reshape(4, 2) % 6])
    with pytest.raises(IndexError):
        core.Executable(r.program).run([numbers(6), np.full((4, 2), 6)])


class Doubling:
    def value(self, values):
        self.seen = values[0]
        return 2 * values[0]


def test_call_gets_arrays_of_its_own():
    custom = Doubling()
    r = Recorder()
    x = r.apply("sin", r.input(shape=(4,)))
    y = r.program.apply("call", [x], "f8", (4,), (custom,))
    r.program.outputs = [y]
    executable = core.Executable(r.program)
    first = executable.run([numbers(4)])[0]
    seen = custom.seen
    executable.run([numbers(4, seed=1)])
    assert (2 * seen == first).all()


# ------------------------------------------------------------------ what goes in and out


def test_outputs_never_alias():
    r = Recorder()
    x = r.input(shape=(100,))
    y = r.apply("sin", x)
    c = r.constant(np.arange(100.0))
    r.program.outputs = [y, y, x, c, r.reshape(y, (10, 10)), r.slice(y, 0, 1, 50), x]
    passed = numbers(100)
    executable = check(r.program, [passed])
    found = executable.run([passed])
    for k, a in enumerate(found):
        a[...] = k
    assert [a.flat[0] for a in found] == list(range(7))
    assert (passed == numbers(100)).all()
    check(r.program, [passed])


def test_layouts_of_inputs():
    r = Recorder()
    x = r.input(shape=(4, 3))
    r.program.outputs = [r.apply("exp", x), x]
    base = numbers(8, 6)
    shifted = np.frombuffer(b"x" + numbers(4, 3).tobytes(), np.uint8)[1:].view("f8").reshape(4, 3)
    frozen = numbers(4, 3)
    frozen.flags.writeable = False
    for passed in (
        base[::2, ::2],
        base[::-2, ::-2],
        base[:3, :4].T,
        shifted,
        frozen,
        np.asfortranarray(numbers(4, 3)),
        numbers(4, 3).astype(">f8"),
    ):
        check(r.program, [passed])


@pytest.mark.parametrize(
    ("passed", "error"),
    [
        (np.ones(4), ValueError),
        (np.ones((3, 1)), ValueError),
        (np.ones(3, "f4"), TypeError),
        ([1.0, 2.0, 3.0], TypeError),
        (1.0, TypeError),
        (None, TypeError),
        (np.ones(3, complex), TypeError),
    ],
)
def test_wrong_input(passed, error):
    r = Recorder()
    r.program.outputs = [r.apply("sin", r.input(shape=(3,)))]
    executable = core.Executable(r.program)
    with pytest.raises(error, match="input 0: expected float64"):
        executable.run([passed])
    with pytest.raises(TypeError, match="1 inputs"):
        executable.run([])
    assert executable.run([np.zeros(3)])[0].tolist() == [0, 0, 0]


def test_numbers_in():
    r = Recorder()
    x, b = r.input(), r.input("?")
    r.program.outputs = [r.apply("where", b, x, r.constant(7.0)), x, b]
    executable = core.Executable(r.program)
    for passed in (2.0, 2, np.float64(2), np.array(2.0), np.int64(2)):
        assert executable.run([passed, True])[:2] == [2.0, 2.0]
    assert executable.run([2.0, np.bool_(False)])[0] == 7.0
    for wrong in ("2", np.ones(1), None, 2j, np.array(2)):
        with pytest.raises((TypeError, ValueError)):
            executable.run([wrong, True])
    with pytest.raises(TypeError):
        executable.run([2.0, 1.5])


def test_empty_programs():
    r = Recorder()
    assert r.returns().run([]) == []
    r = Recorder()
    r.input(shape=(2,))
    assert r.returns(r.constant(2.5)).run([np.zeros(2)]) == [2.5]


# ------------------------------------------------------------------ guards and errors


def guarded():
    r = Recorder()
    x, i = r.input(shape=(3,)), r.input("i8", (2,))
    first = r.apply("less", r.slice(x, 0, 1, -1), r.constant(1.0))
    some = r.apply("less", x, r.constant(2.0))
    r.program.guard(first, np.array(True))
    r.program.guard(some, np.array([True, True, False]))
    r.program.guard(i, np.array([0, 1]))
    r.program.outputs = [r.apply("gather", r.apply("sin", x), i), first]
    return core.Executable(r.program)


def test_guards():
    executable = guarded()
    good, places = np.array([0.5, 1.5, 2.5]), np.array([0, 1])
    executable.run([good, places])
    for k, x in [(0, [1.5, 1.5, 2.5]), (0, [1.5, 3.5, 2.5]), (1, [0.5, 1.5, 0.5])]:
        with pytest.raises(core.GuardFailed) as error:
            executable.run([np.array(x), places])
        assert error.value.args[0] == k
    with pytest.raises(core.GuardFailed) as error:
        executable.run([good, np.array([0, 99])])  # and not that it is out of range
    assert error.value.args[0] == 2 and error.value.args[1].tolist() == [0, 99]


def test_guard_on_bytes():
    r = Recorder()
    x = r.input()
    r.program.guard(x, np.array(np.nan))
    executable = r.returns(x)
    executable.run([np.nan])
    with pytest.raises(core.GuardFailed):
        executable.run([0.0])
    r.program.guard(x, np.array(1, "i8"))
    with pytest.raises(ValueError, match="can never be"):
        core.Executable(r.program)


def test_errors_leave_it_usable():
    r = Recorder()
    x = r.input(shape=(2, 2))
    executable = r.returns(r.apply("inv", x))
    for _ in range(3):
        with pytest.raises(np.linalg.LinAlgError):
            executable.run([np.zeros((2, 2))])
        assert executable.run([np.eye(2)])[0].tolist() == [[1, 0], [0, 1]]


# ------------------------------------------------------------------ random programs

UNARY = ("sin", "tanh", "negative", "square", "absolute")
BINARY = ("add", "subtract", "multiply", "maximum", "arctan2")


@st.composite
def programs(draw):
    """A random program over arrays whose shapes broadcast, and its inputs."""
    r = Recorder()
    shapes = draw(
        st.lists(
            st.sampled_from([(), (3,), (4, 3), (4, 1), (1, 3), (2, 4, 3)]), min_size=1, max_size=4
        )
    )
    pool = [r.input(shape=shape) for shape in shapes]
    pool.append(r.constant(0.75))
    for _ in range(draw(st.integers(1, 25))):
        x, y = draw(st.sampled_from(pool)), draw(st.sampled_from(pool))
        choice = draw(st.integers(0, 7))
        shape = r.shape(x)
        if choice <= 1:
            pool.append(r.apply(draw(st.sampled_from(UNARY)), x))
        elif choice <= 3:
            try:
                np.broadcast_shapes(shape, r.shape(y))
            except ValueError:
                continue
            pool.append(r.apply(draw(st.sampled_from(BINARY)), x, y))
        elif choice == 4 and shape:
            axes = tuple(sorted(draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))))
            pool.append(r.sum(x, axes, draw(st.booleans())))
        elif choice == 5 and shape:
            perm = tuple(draw(st.permutations(range(len(shape)))))
            pool.append(r.transpose(x, perm))
        elif choice == 6 and shape:
            pool.append(r.reshape(x, shape[::-1]))
        elif choice == 7 and shape and shape[0] > 1:
            rest = [v for extent in shape[1:] for v in (0, 1, extent)]
            pool.append(
                draw(
                    st.sampled_from(
                        [
                            lambda x=x, rest=rest, n=shape[0]: r.slice(x, n - 1, -1, n - 1, *rest),
                            lambda x=x, rest=rest: r.slice(x, 1, 1, -1, *rest),
                        ]
                    )
                )()
            )
    r.program.outputs = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=5))
    return r.program, [numbers(*shape, seed=k) for k, shape in enumerate(shapes)]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_random_programs(case):
    program, inputs = case
    check(program, inputs, rtol=1e-9, atol=1e-9)


# ------------------------------------------------------------------ profiles


def test_profile_has_a_row_for_each_instruction():
    """Fused instructions have one step; what is read and written is counted once."""
    r = Recorder()
    x, m = r.input(shape=(3000,)), r.input(shape=(40, 40))
    y = r.apply("exp", r.apply("sin", x))
    n = r.apply("multiply", r.slice(y, 7, 1, -1), r.constant(2.0))
    r.program.outputs = [y, r.sum(y), n, r.apply("matmul", m, m), x]
    rows = core.Executable(r.program).profile([numbers(3000), numbers(40, 40)])
    fused = [row for row in rows if row[0] == next(k[0] for k in rows if k[1] == "sin")]
    assert [row[1:3] for row in fused] == [("sin", (3000,)), ("exp", (3000,)), ("sum", ())]
    assert [row[6] for row in fused] == [24000, 24000, 24000]
    names = [row[1] for row in rows]
    assert {"elements", "numbers", "matmul", "copy"} <= set(names)
    assert rows[names.index("matmul")][2:4] + rows[names.index("matmul")][5:] == (
        (40, 40),
        "",
        1,
        3 * 40 * 40 * 8,
    )
    assert all(row[4] >= 0 for row in rows) and sum(row[4] for row in rows) > 0


def test_profile_of_numbers_and_of_wrong_inputs():
    r = Recorder()
    x = r.input()
    r.program.outputs = [r.apply("sin", r.apply("exp", x))]
    rows = core.Runner(r.program).profile([0.5])
    assert [row[:4] + row[5:] for row in rows] == [(0, "numbers", (), "", 2, 0)]
    with pytest.raises(TypeError, match="1 inputs was given 0"):
        core.Executable(r.program).profile([])
def test_the_copy_of_a_slice_does_not_begin_where_the_slice_does():
    """A reshape that cannot be a view was written behind its memory."""
    x = np.arange(40.0).reshape(8, 5)
    for f in (
        lambda x: x[::-1].reshape(-1),
        lambda x: x[3:, 1:4].reshape(-1)[np.array([5, 0, 3])],
        lambda x: x[:, ::-1].reshape(4, 10) * 2.0,
    ):
        compiled = cd.compile(f)
        for k in range(3):
            np.testing.assert_array_equal(compiled(x + k), f(x + k))
