"""Simplified programs: the same values, fewer instructions, and the rules one by one."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program_values import guards_hold, result, run

from cdiff._core import Program

INF, NAN = float("inf"), float("nan")
SPECIAL = (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, INF, -INF, NAN, 1e300, -1e-300, 5e-324, 3.7)


class Builder:
    """A program under construction: the type of each result is the one that NumPy gives."""

    def __init__(self, *inputs: Any) -> None:
        self.program = Program()
        self.inputs = [np.asarray(x) for x in inputs]
        self.values = list(self.inputs)
        self.weak: set[int] = set()
        for x in self.inputs:
            self.program.input(x.dtype, x.shape)

    def constant(self, x: Any) -> int:
        place = self.program.constant(x)
        if isinstance(x, float):
            self.weak.add(place)
        self.values.append(np.asarray(x))
        return place

    def __call__(self, name: str, *operands: int | float, attrs: Any = None) -> int:
        places = [self.constant(x) if isinstance(x, float) else x for x in operands]
        values = [float(self.values[k]) if k in self.weak else self.values[k] for k in places]
        value = np.asarray(result(name, values, attrs))
        if value.dtype == bool and all(np.shape(x) == () and np.asarray(x).dtype == float
                                       for x in values):
            value = value.astype(float)
        self.values.append(value)
        return self.program.apply(name, places, value.dtype, value.shape, attrs)

    def done(self, *outputs: int) -> Program:
        self.program.outputs = list(outputs)
        self.program.check()
        simple = self.program.simplify()
        simple.check()
        assert str(simple.simplify()) == str(simple)
        assert simple.n_inputs == self.program.n_inputs
        for before, after in zip(run(self.program, self.inputs), run(simple, self.inputs),
                                 strict=True):
            assert before.dtype == after.dtype
            assert before.shape == after.shape
            np.testing.assert_allclose(after, before, rtol=1e-14 if before.dtype == "f8" else 1e-6)
        return simple


def names(program: Program) -> list[str]:
    """The operators that are left, without inputs and constants."""
    return [step[0] for step in program.instructions() if step[0] not in ("leaf", "const")]


# ---------------------------------------------------------------- rules on numbers

RULES: list[tuple[str, list[tuple[Any, ...]], list[str]]] = [
    # each step: operator and operands, which are inputs (0, 1), steps (10, 11, ...) or numbers
    ("x * 1", [("multiply", 0, 1.0)], []),
    ("1 * x", [("multiply", 1.0, 0)], []),
    ("x * -1", [("multiply", 0, -1.0)], ["negative"]),
    ("x * 0", [("multiply", 0, 0.0)], ["multiply"]),
    ("x * x", [("multiply", 0, 0)], ["square"]),
    ("x / 1", [("divide", 0, 1.0)], []),
    ("x / 4", [("divide", 0, 4.0)], ["multiply"]),
    ("x / 3", [("divide", 0, 3.0)], ["divide"]),
    ("1 / x", [("divide", 1.0, 0)], ["reciprocal"]),
    ("x + 0", [("add", 0, 0.0)], ["add"]),
    ("x + -0", [("add", 0, -0.0)], []),
    ("x - 0", [("subtract", 0, 0.0)], []),
    ("x - -0", [("subtract", 0, -0.0)], ["subtract"]),
    ("exp(x) + 0", [("exp", 0), ("add", 10, 0.0)], ["exp"]),
    ("x + -y", [("negative", 1), ("add", 0, 10)], ["subtract"]),
    ("-x + y", [("negative", 0), ("add", 10, 1)], ["subtract"]),
    ("x - -y", [("negative", 1), ("subtract", 0, 10)], ["add"]),
    ("- -x", [("negative", 0), ("negative", 10)], []),
    ("-x * -y", [("negative", 0), ("negative", 1), ("multiply", 10, 11)], ["multiply"]),
    ("-x * y", [("negative", 0), ("multiply", 10, 1)], ["multiply", "negative"]),
    ("-x * 3", [("negative", 0), ("multiply", 10, 3.0)], ["multiply"]),
    ("(x * 3) * 2", [("multiply", 0, 3.0), ("multiply", 10, 2.0)], ["multiply"]),
    ("(x * -4) * 7", [("multiply", 0, -4.0), ("multiply", 10, 7.0)], ["multiply"]),
    ("(x * 0.5) * 7", [("multiply", 0, 0.5), ("multiply", 10, 7.0)], ["multiply", "multiply"]),
    ("(x * 3) * 5", [("multiply", 0, 3.0), ("multiply", 10, 5.0)], ["multiply", "multiply"]),
    ("-(x * 3)", [("multiply", 0, 3.0), ("negative", 10)], ["multiply"]),
    ("z - x*-y", [("negative", 1), ("multiply", 0, 10), ("subtract", 0, 11)],
     ["multiply", "add"]),
    ("+x", [("positive", 0)], []),
    ("|-x|", [("negative", 0), ("absolute", 10)], ["absolute"]),
    ("|x|**2", [("absolute", 0), ("square", 10)], ["square"]),
    ("max(x, x)", [("maximum", 0, 0)], []),
    ("max(x, y), max(y, x)", [("maximum", 0, 1), ("maximum", 1, 0), ("add", 10, 11)],
     ["maximum", "maximum", "add"]),
    ("x * y, y * x", [("multiply", 0, 1), ("multiply", 1, 0), ("add", 10, 11)],
     ["multiply", "add"]),
    ("x > y, y < x", [("greater", 0, 1), ("less", 1, 0), ("add", 10, 11)], ["less", "add"]),
    ("x ** 2", [("power", 0, 2.0)], ["square"]),
    ("x ** 1", [("power", 0, 1.0)], []),
    ("x ** 0", [("power", 0, 0.0)], []),
    ("x ** -1", [("power", 0, -1.0)], ["reciprocal"]),
    ("x ** 3", [("power", 0, 3.0)], ["power"]),
    ("zmul(x, 0)", [("zmul", 0, 0.0)], []),
    ("zmul(x, 1)", [("zmul", 0, 1.0)], []),
    ("zmul(x, -1)", [("zmul", 0, -1.0)], ["negative"]),
    ("zmul(3, x)", [("zmul", 3.0, 0)], ["multiply"]),
    ("zmul(x, inf)", [("zmul", 0, INF)], ["zmul"]),
    ("zmul(-x, y)", [("negative", 0), ("zmul", 10, 1)], ["zmul", "negative"]),
    ("where(1, x, y)", [("where", 1.0, 0, 1)], []),
    ("where(x, y, y)", [("where", 0, 1, 1)], []),
    ("2 * 3 + x", [("multiply", 2.0, 3.0), ("add", 10, 0)], ["add"]),
    ("sin(0.5)", [("sin", 0.5)], []),
]


def built(steps: list[tuple[Any, ...]], inputs: tuple[Any, Any]) -> Program:
    build = Builder(*inputs)
    places: list[int] = []
    for name, *operands in steps:
        places.append(build(name, *[x if isinstance(x, float) else places[x - 10] if x >= 10
                                    else x for x in operands]))
    return build.done(places[-1])


@pytest.mark.parametrize(("steps", "left"), [r[1:] for r in RULES], ids=[r[0] for r in RULES])
def test_rules(steps: list[tuple[Any, ...]], left: list[str]) -> None:
    for pair in itertools.product(SPECIAL, SPECIAL):
        assert names(built(steps, pair)) == left
    if steps[0][0] not in ("zmul", "power") and steps[-1][0] != "zmul":
        for pair in itertools.product(SPECIAL, SPECIAL):
            same_zeros(steps, pair)


def same_zeros(steps: list[tuple[Any, ...]], pair: tuple[float, float]) -> None:
    """Outside of derivatives the sign of a zero is kept."""
    program = built(steps, pair)
    build = Builder(*pair)
    places: list[int] = []
    for name, *operands in steps:
        places.append(build(name, *[x if isinstance(x, float) else places[x - 10] if x >= 10
                                    else x for x in operands]))
    [simple] = run(program, build.inputs)
    value = build.values[places[-1]]
    if value == 0.0:
        assert np.signbit(simple) == np.signbit(value), pair


@pytest.mark.parametrize("steps", [r[1] for r in RULES if "greater" not in r[0]],
                         ids=[r[0] for r in RULES])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_rules_on_arrays(steps: list[tuple[Any, ...]], dtype: str) -> None:
    a, b = np.meshgrid(np.array(SPECIAL, dtype), np.array(SPECIAL, dtype))
    with np.errstate(all="ignore"):
        built(steps, (a, b))
        built(steps, (a[0], b))
        built(steps, (a, b[:, :1]))


# ---------------------------------------------------------------- rules on shapes

X = np.arange(24.0).reshape(2, 3, 4) + 0.5
V = np.arange(6.0) - 2.5
WHOLE = (0, 1, 2, 0, 1, 3, 0, 1, 4)


def chain(x: Any, *steps: tuple[Any, ...]) -> list[str]:
    """What is left of operators applied one after the other."""
    build = Builder(x)
    place = 0
    for name, *attrs in steps:
        place = build(name, place, attrs=tuple(attrs))
    return names(build.done(place))


@pytest.mark.parametrize(("x", "steps", "left"), [
    (X, [("reshape", (2, 3, 4))], []),
    (X, [("reshape", (6, 4)), ("reshape", (24,))], ["reshape"]),
    (X, [("reshape", (6, 4)), ("reshape", (2, 3, 4))], []),
    (X, [("transpose", (0, 1, 2))], []),
    (X, [("transpose", (2, 0, 1)), ("transpose", (1, 2, 0))], []),
    (X, [("transpose", (2, 0, 1)), ("transpose", (2, 0, 1))], ["transpose"]),
    (X, [("broadcast_to", (2, 3, 4))], []),
    (V, [("broadcast_to", (2, 6)), ("broadcast_to", (3, 2, 6))], ["broadcast_to"]),
    (2.5, [("reshape", (1, 1)), ("broadcast_to", (3, 4))], ["broadcast_to"]),
    (V, [("sum_to", (6,))], []),
    (X, [("sum_to", (3, 4)), ("sum_to", (1, 4))], ["sum_to"]),
    (2.5, [("broadcast_to", (3, 4)), ("sum", (0, 1), False)], ["multiply"]),
    (2.5, [("broadcast_to", (3, 4)), ("sum_to", (1, 4))], ["multiply", "broadcast_to"]),
    (V, [("broadcast_to", (3, 6)), ("exp",)], ["exp", "broadcast_to"]),
    (V, [("cast", 11), ("cast", 11)], ["cast"]),
    (V.astype("f4"), [("cast", 12), ("cast", 11)], []),
    (X, [("slice", WHOLE)], []),
    (V, [("slice", (1, 1, 4)), ("slice", (3, -1, 2))], ["slice"]),
    (V, [("slice", (5, -1, 6)), ("slice", (5, -1, 6))], []),
    (X, [("slice", (1, 1, -1, 0, 1, 3, 0, 2, 2)), ("slice", (2, 1, -1, 1, 1, 1))], ["slice"]),
    (V, [("embed", (9,), (1, 1, 6)), ("slice", (1, 1, 6))], []),
    (V, [("embed", (9,), (1, 1, 6)), ("slice", (2, 2, 2))], ["slice"]),
    (V, [("embed", (9,), (3, 1, 6)), ("slice", (0, 1, 3))], ["broadcast_to"]),
    (V, [("embed", (9,), (1, 1, 6)), ("slice", (0, 1, 3))], ["embed", "slice"]),
    (V, [("embed", (9,), (1, 1, 6)), ("embed", (2, 9), (1, 1, -1, 0, 1, 9))], ["embed"]),
    (V, [("embed", (6,), (0, 1, 6))], []),
    (V, [("embed", (6,), (5, -1, 6))], ["embed"]),
])
def test_views(x: Any, steps: list[tuple[Any, ...]], left: list[str]) -> None:
    steps = [step if len(step) > 1 else (step[0],) for step in steps]
    build = Builder(x)
    place = 0
    for name, *attrs in steps:
        place = build(name, place, attrs=tuple(attrs) or None)
    assert names(build.done(place)) == left


def test_parts_of_a_concatenation() -> None:
    for index, left in (((0, 1, 6), []), ((6, 1, 2), []), ((7, 1, -1), ["slice"]),
                        ((1, 2, 2), ["slice"]), ((4, 1, 4), ["concatenate", "slice"])):
        build = Builder(V, np.array([7.0, 8.0]))
        joined = build("concatenate", 0, 1, attrs=(0, (0, 6, 8)))
        assert names(build.done(build("slice", joined, attrs=(index,)))) == left


def test_the_parts_of_an_array_make_it_up_again() -> None:
    for cut, left in ((((0, 1, 2), (2, 1, 4)), 0), (((0, 1, 2), (1, 1, 4)), 3)):
        build = Builder(V)
        parts = [build("slice", 0, attrs=(index,)) for index in cut]
        joined = build("concatenate", *parts, attrs=(0, (0, 2, 6)))
        assert len(names(build.done(joined))) == left


def test_changed_parts() -> None:
    def left(first: Any, second: Any, read: Any) -> list[str]:
        build = Builder(V, 1.5, 2.5)
        place = build("index_set", 0, 1, attrs=(first,))
        place = build("index_set", place, 2, attrs=(second,))
        return names(build.done(build("slice", place, attrs=(read,))))

    assert left((0, 1, 2), (0, 1, 2), (0, 1, 6)) == ["index_set"]
    assert left((0, 1, 2), (3, 1, 2), (3, 1, 2)) == ["broadcast_to"]
    assert left((0, 1, 2), (3, 1, 2), (2, 1, -1)) == ["slice"]
    assert left((0, 1, 2), (0, 1, 6), (0, 1, 6)) == ["broadcast_to"]
    build = Builder(V)
    part = build("slice", 0, attrs=((1, 1, 2),))
    assert names(build.done(build("index_set", 0, part, attrs=((1, 1, 2),)))) == []
    zeros = build.constant(np.zeros(8))
    assert names(build.done(build("index_set", zeros, 0, attrs=((1, 1, 6),)))) == ["embed"]


def test_repetition_moves_outward() -> None:
    build = Builder(X, 1.5)
    repeated = build("broadcast_to", 1, attrs=((2, 3, 4),))
    twice = build("multiply", repeated, build.constant(np.full((2, 3, 4), 2.0)))
    simple = build.done(build("add", 0, twice))
    assert names(simple) == ["multiply", "add"]
    assert all(not isinstance(step[-1], np.ndarray) for step in simple.instructions())


def test_a_weak_number_that_is_repeated_decides_the_dtype() -> None:
    build = Builder(V.astype("f4"))
    repeated = build("broadcast_to", 1.0 / 3.0, attrs=((6,),))
    assert build.values[repeated].dtype == "f8"
    simple = build.done(build("multiply", 0, repeated))
    assert names(simple) == ["multiply"]


# ---------------------------------------------------------------- constants and guards

def test_equal_constants_are_one() -> None:
    build = Builder(V)
    sums = [build("add", 0, build.constant(np.arange(6.0))) for _ in range(3)]
    simple = build.done(*sums)
    assert len(simple) == 3
    assert len(simple.arrays) == 1
    build = Builder(1.0)
    sums = [build("add", 0, x) for x in (0.0, 0.0, NAN, NAN, 2.0, np.float64(2.0))]
    assert len(set(build.done(*sums).outputs)) == 3


def test_a_python_number_among_float64_is_an_ordinary_one() -> None:
    for x, different in ((V, 1), (np.float64(1.5), 1), (V.astype("f4"), 2)):
        build = Builder(x)
        products = [build("multiply", 0, k) for k in (0.75, build.constant(np.array(0.75)))]
        assert len(set(build.done(*products).outputs)) == different


def test_an_array_that_may_change_is_no_constant() -> None:
    program = Program()
    captured = np.ones(3)
    x = program.input("f8", (3,))
    frozen = program.constant(captured)
    program.arrays[0] = captured
    program.outputs = [program.apply("multiply", [x, frozen], shape=(3,))]
    program.guard(frozen, np.ones(3))
    simple = program.simplify()
    assert simple.arrays[0] is captured
    assert names(simple) == ["multiply"]
    assert len(simple.guards) == 1
    captured.flags.writeable = False
    assert names(program.simplify()) == []
    assert program.simplify().guards == []


def test_guards() -> None:
    build = Builder(1.5, 2.5)
    less = build("less", 0, 1)
    greater = build("greater", 1, 0)
    constant = build("less", 1.0, 2.0)
    for value, expected in ((less, 1.0), (constant, 1.0), (greater, 1.0), (less, 0.0),
                            (constant, 0.0)):
        build.program.guard(value, expected)
    simple = build.done(0)
    assert [float(g.expected) for g in simple.guards] == [1.0, 0.0, 0.0]
    assert simple.guards[0].value == simple.guards[1].value
    assert not guards_hold(simple, build.inputs)
    assert len(build.program.guards) == 5


def test_dead_instructions_go_and_inputs_stay() -> None:
    build = Builder(1.0, 2.0, V)
    build("sin", 0)
    build("reshape", 2, attrs=((3, 2),))
    simple = build.done(build("exp", 1))
    assert str(simple) == ("%0: f64 = input 0\n%1: f64 = input 1\n%2: f64[6] = input 2\n"
                           "%3: f64 = exp(%1)\nreturn %3")
    assert simple.types == [(12, ()), (12, ()), (12, (6,))]
    assert simple.attrs == []


def test_the_input_is_unchanged() -> None:
    build = Builder(V)
    build.done(build("multiply", build("broadcast_to", 1.0, attrs=((6,),)), 0))
    before = str(build.program)
    build.program.simplify()
    assert str(build.program) == before


def test_an_empty_program() -> None:
    simple = Program().simplify()
    assert len(simple) == 0
    assert simple.outputs == []


SUMS_OF_PRODUCTS: list[tuple[str, Any, tuple[int, ...], tuple[int, ...]]] = [
    # operator, attributes, shapes of the matrices that are multiplied instead
    ("sum_to", ((4, 1, 6),), (4, 1, 3), (4, 3, 6)),
    ("sum_to", ((1, 6),), (4, 1, 3), (4, 3, 6)),
    ("sum_to", ((4, 5, 1),), (4, 5, 3), (4, 3, 1)),
    ("sum_to", ((),), (4, 1, 3), (4, 3, 1)),
    ("sum", ((1,), False), (4, 1, 3), (4, 3, 6)),
    ("sum", ((0, 1), True), (4, 1, 3), (4, 3, 6)),
    ("sum", ((2,), False), (4, 5, 3), (4, 3, 1)),
    ("sum", ((0,), False), (4, 5, 3), (4, 3, 6)),
]


@pytest.mark.parametrize(("name", "attrs", "first", "second"), SUMS_OF_PRODUCTS)
def test_a_sum_of_a_product_is_a_product_of_sums(
    name: str, attrs: Any, first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(5)
    build = Builder(rng.uniform(1, 2, (4, 5, 3)), rng.uniform(1, 2, (4, 3, 6)))
    simple = build.done(build(name, build("matmul", 0, 1), attrs=attrs))
    rows = simple.instructions()
    (product,) = (row for row in rows if row[0] == "matmul")
    assert [rows[k][2] for k in product[3]] == [first, second]


def test_only_a_product_that_one_sum_reads_is_one_of_sums() -> None:
    rng = np.random.default_rng(6)
    x, y = rng.uniform(1, 2, (5, 3)), rng.uniform(1, 2, (3, 6))

    def left(*more: tuple[Any, ...], to: tuple[int, ...] = (1, 6), second: Any = y) -> list[str]:
        build = Builder(x, second)
        product = build("matmul", 0, 1)
        total = build("sum_to", product, attrs=(to,))
        return names(build.done(total, *[build(name, product) for name, in more]))

    assert left() == ["sum_to", "matmul"]
    assert left(("sin",)) == ["matmul", "sum_to", "sin"]
    assert left(second=y[:, :1], to=(1, 1)) == ["matmul", "sum_to"]  # as much work as before
    build = Builder(x, y)
    product = build("matmul", 0, 1)
    assert names(build.done(build("sum_to", product, attrs=((1, 6),)), product)) == [
        "matmul", "sum_to"
    ]  # fmt: skip


def test_the_sum_of_a_chain_of_products_multiplies_rows() -> None:
    rng = np.random.default_rng(7)
    build = Builder(*[rng.uniform(1, 2, (4, 4)) for _ in range(4)])
    y = build("matmul", build("matmul", build("matmul", 0, 1), 2), 3)
    simple = build.done(build("sum_to", y, attrs=((1, 4),)))
    shapes = [row[2] for row in simple.instructions() if row[0] == "matmul"]
    assert shapes == [(1, 4)] * 3


def test_calls_are_never_merged() -> None:
    class Callee:
        result_type = None

    program = Program()
    x = program.input("f8")
    callee = Callee()
    calls = [program.apply("call", [x], attrs=(callee,)) for _ in range(3)]
    program.outputs = calls[:2]
    assert names(program.simplify()) == ["call", "call"]


# ---------------------------------------------------------------- common subexpressions

def minors(n: int) -> Program:
    """The determinant by minors, written down without any reuse."""
    program = Program()
    x = [[program.input("f8") for _ in range(n)] for _ in range(n)]

    def minor(row: int, columns: tuple[int, ...]) -> int:
        if row == n - 1:
            return x[row][columns[0]]
        total = -1
        for k, column in enumerate(columns):
            rest = minor(row + 1, columns[:k] + columns[k + 1:])
            term = program.apply("multiply", [x[row][column], rest])
            total = term if k == 0 else program.apply("subtract" if k % 2 else "add",
                                                      [total, term])
        return total

    program.outputs = [minor(0, tuple(range(n)))]
    return program


@pytest.mark.parametrize("n", [3, 6])
def test_the_determinant_by_minors_is_shared(n: int) -> None:
    program = minors(n)
    simple = program.simplify()
    # one product for each column of each minor that has two rows or more, and sums between
    products = n * 2 ** (n - 1) - n
    assert names(simple).count("multiply") == products
    assert len(names(simple)) == 2 * products - (2**n - 1 - n)
    matrix = np.random.default_rng(1).normal(size=(n, n))
    assert run(simple, list(matrix.ravel()))[0] == run(program, list(matrix.ravel()))[0]
    assert np.isclose(run(simple, list(matrix.ravel()))[0], np.linalg.det(matrix))


# ---------------------------------------------------------------- random programs

UNARY = ("negative", "absolute", "square", "exp", "sin", "reciprocal", "sqrt", "isnan", "positive",
         "tanh")
BINARY = ("add", "subtract", "multiply", "divide", "zmul", "maximum", "minimum", "less", "greater",
          "equal", "power", "safe_divide", "fmax")
NUMBERS = st.sampled_from(SPECIAL) | st.floats(-4.0, 4.0)
SHAPES = st.sampled_from([(), (3,), (2, 3), (2, 1), (1,)])


@st.composite
def random_programs(draw: st.DrawFn) -> tuple[Builder, list[int]]:
    dtype = draw(st.sampled_from(["f8", "f8", "f4"]))
    build = Builder(*[np.array(draw(st.lists(NUMBERS, min_size=int(np.prod(s)),
                                             max_size=int(np.prod(s)))), dtype).reshape(s)
                      for s in draw(st.lists(SHAPES, min_size=1, max_size=3))])
    for _ in range(draw(st.integers(1, 12))):
        a = draw(st.integers(0, len(build.values) - 1))
        kind = draw(st.sampled_from(["unary", "binary", "binary", "constant", "where", "view"]))
        if kind == "constant":
            build.constant(draw(NUMBERS) if draw(st.booleans())
                           else np.full(draw(SHAPES), draw(st.sampled_from(SPECIAL)), dtype))
        elif kind == "view":
            draw_view(draw, build, a)
        elif kind == "unary":
            if build.values[a].dtype != "?":
                build(draw(st.sampled_from(UNARY)), a)
        else:
            b, c = (draw(st.integers(0, len(build.values) - 1)) for _ in range(2))
            if build.values[a].dtype == build.values[b].dtype == "?":
                continue
            try:
                np.broadcast_shapes(*(build.values[k].shape for k in (a, b, c)))
            except ValueError:
                continue
            if kind == "where":
                if build.values[b].dtype != "?" != build.values[c].dtype:
                    build("where", a, b, c)
            else:
                build(draw(st.sampled_from(BINARY)), a, b)
    count = len(build.values)
    return build, draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=4))


def draw_view(draw: st.DrawFn, build: Builder, a: int) -> None:
    shape = build.values[a].shape
    kind = draw(st.sampled_from(["reshape", "transpose", "broadcast_to", "slice", "sum_to"]))
    if kind == "reshape":
        build("reshape", a, attrs=((1, int(np.prod(shape))),))
    elif kind == "transpose":
        build("transpose", a, attrs=(tuple(reversed(range(len(shape)))),))
    elif kind == "broadcast_to":
        build("broadcast_to", a, attrs=((2, *shape),))
    elif kind == "sum_to" and shape and build.values[a].dtype != "?":
        build("sum_to", a, attrs=(shape[1:],))
    elif kind == "slice" and shape:
        index = [0, 1, -1] + [k for n in shape[1:] for k in (n - 1, -1, n)]
        build("slice", a, attrs=(tuple(index),))


@settings(max_examples=400, deadline=None)
@given(random_programs())
def test_random_programs_keep_their_values(case: tuple[Builder, list[int]]) -> None:
    build, outputs = case
    build.program.outputs = outputs
    build.program.check()
    simple = build.program.simplify()
    simple.check()
    assert str(simple.simplify()) == str(simple)
    assert len(simple) <= 2 * len(build.program)
    for before, after in zip(run(build.program, build.inputs), run(simple, build.inputs),
                             strict=True):
        assert before.dtype == after.dtype
        assert before.shape == after.shape
        np.testing.assert_allclose(after, before, rtol=1e-12 if before.dtype == "f8" else 1e-5,
                                   atol=0)


@pytest.mark.parametrize("name, attrs", [("reshape", (1, 6)), ("transpose", (1, 0))])
def test_a_repeated_uniform_constant_in_another_shape(name: str, attrs: tuple[int, ...]) -> None:
    """What is repeated is not one element here, and its own shape does not broadcast there."""
    build = Builder(np.ones(3))
    twice = build("broadcast_to", build.constant(np.full(3, 2.0)), attrs=((2, 3),))
    build.program.outputs = [build(name, twice, attrs=(attrs,))]
    simple = build.program.simplify()
    simple.check()
    [before], [after] = run(build.program, build.inputs), run(simple, build.inputs)
    np.testing.assert_array_equal(after, before)
