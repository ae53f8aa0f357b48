"""Programs of numbers in the one-point gear: NumberCode, which runs them.

Driven by the operator table: every row at all its points must be, bit for bit, what the same row is
on eager scalars. Programs are written down by hand here, instruction by instruction; how they come
from Python functions is not this file's business.
"""

import itertools
import os
import random
import struct
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from many_threads import in_threads
from other_isa import latest_only, passes

SRC = Path(__file__).resolve().parent.parent / "src"
sys.path.insert(0, str(SRC))

import cdiff as cd  # noqa: E402
import optable  # noqa: E402
from cdiff._core import NumberCode, Program, kernels_in_use  # noqa: E402

ROWS = {row.name: row for row in optable.ELEMENTWISE}
QUESTIONS = {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "isnan",
             "isfinite", "isinf", "signbit"}  # fmt: skip


def bits(x):
    """What two numbers must have in common to be the same: all bits, or being nan."""
    return "nan" if x != x else struct.pack("d", x)


def assert_same(got, want, message=None):
    assert [bits(x) for x in got] == [bits(x) for x in want], (message, got, want)


def eager(name, *operands):
    """The row on eager scalars."""
    if name == "where":
        return operands[1] if operands[0] != 0 else operands[2]
    return float(getattr(cd._core, name)(*map(cd.array, operands)))


def program_of(n_inputs, *steps):
    """(operator, operands...) each; outputs are the last value."""
    program = Program()
    for _ in range(n_inputs):
        program.input("f8")
    for name, *operands in steps:
        program.apply(name, operands, "?" if name in QUESTIONS else "f8")
    program.outputs = [len(program) - 1]
    return program


def run(program, *inputs):
    failed, outputs = NumberCode(program).evaluate(*inputs)
    assert failed == -1
    return outputs


# --- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_the_eager_value_bit_for_bit(name):
    row = ROWS[name]
    n = len(row.operands)
    code = NumberCode(program_of(n, (name, *range(n))))
    for point in row.samples + row.edges + tuple(point for point, _ in row.at_kink):
        assert_same(code.evaluate(*point)[1], [eager(name, *point)], point)


PRODUCTS = {"multiply": 2, "zmul": 2, "square": 1}


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("total", ["add", "subtract"])
@pytest.mark.parametrize("product_first", [True, False])
def test_a_product_in_a_sum_is_rounded_once_or_twice(product, total, product_first):
    n = PRODUCTS[product]
    program = program_of(3, (product, *range(n)), (total, 3, 2) if product_first else (total, 2, 3))
    code = NumberCode(program)
    assert code.n_instructions == 1
    rng = random.Random(1)
    for _ in range(500):
        x = [rng.uniform(-2, 2) * 10.0 ** rng.randint(-3, 3) for _ in range(3)]
        # Without and with cancellation.
        for c in (x[2], -eager(product, *x[:n]), eager(product, *x[:n])):
            factors = [Fraction(f) for f in (x[0], x[0] if n == 1 else x[1])]
            exact = factors[0] * factors[1]
            terms = [exact, Fraction(c)] if product_first else [Fraction(c), exact]
            once = float(terms[0] + terms[1] if total == "add" else terms[0] - terms[1])
            pair = [eager(product, *x[:n]), c]
            twice = eager(total, *(pair if product_first else pair[::-1]))
            [got] = code.evaluate(x[0], x[1], c)[1]
            assert got in (once, twice)


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("total", ["add", "subtract"])
@pytest.mark.parametrize("product_first", [True, False])
def test_a_product_in_a_sum_at_the_edges(product, total, product_first):
    n = PRODUCTS[product]
    code = NumberCode(
        program_of(3, (product, *range(n)), (total, 3, 2) if product_first else (total, 2, 3))
    )
    special = (0.0, -0.0, 1.0, -3.0, float("inf"), -float("inf"), float("nan"))
    for a, b, c in itertools.product(special, repeat=3):
        pair = [eager(product, *(a, b)[:n]), c]
        want = eager(total, *(pair if product_first else pair[::-1]))
        assert_same(code.evaluate(a, b, c)[1], [want], (a, b, c))


def test_sums_of_three_are_added_in_their_order():
    left = NumberCode(program_of(3, ("add", 0, 1), ("add", 3, 2)))
    right = NumberCode(program_of(3, ("add", 1, 2), ("add", 0, 3)))
    assert left.n_instructions == right.n_instructions == 1
    rng = random.Random(2)
    for _ in range(200):
        a, b, c = (rng.uniform(-1, 1) * 10.0 ** rng.randint(-9, 9) for _ in range(3))
        assert_same(left.evaluate(a, b, c)[1], [(a + b) + c])
        assert_same(right.evaluate(a, b, c)[1], [a + (b + c)])


def test_a_product_that_others_need_stays():
    program = program_of(3, ("multiply", 0, 1), ("add", 3, 2))
    program.outputs = [3, 4]
    assert NumberCode(program).n_instructions == 2
    assert run(program, 2.0, 3.0, 4.0) == [6.0, 10.0]
    twice = program_of(2, ("multiply", 0, 1), ("add", 2, 2))
    assert run(twice, 2.0, 3.0) == [12.0]
    guarded = program_of(3, ("multiply", 0, 1), ("add", 3, 2))
    guarded.guard(3, 6.0)
    assert NumberCode(guarded).evaluate(2.0, 3.0, 4.0) == (-1, [10.0])


def test_what_nobody_needs_is_left_out():
    program = program_of(2, ("sin", 0), ("exp", 2), ("add", 0, 1))
    program.constant(5.0)
    assert NumberCode(program).n_instructions == 1
    assert NumberCode(program).n_constants == 0


def test_outputs_may_be_inputs_constants_and_repeated():
    program = Program()
    x, k = program.input("f8"), program.constant(2.5)
    program.outputs = [k, x, k, x]
    assert run(program, 7.0) == [2.5, 7.0, 2.5, 7.0]
    program.outputs = []
    assert run(program, 7.0) == []


def test_truth_values_are_numbers():
    program = Program()
    x, y = program.input("f8"), program.input("?")
    yes = program.constant(np.True_)
    less = program.apply("less", [x, program.constant(3)], "?")
    both = program.apply("multiply", [less, y], "?")
    number = program.apply("cast", [both], "f8", (), (np.dtype("f8").num,))
    program.outputs = [less, both, number, yes, program.apply("where", [both, x, yes])]
    assert run(program, 2.0, True) == [1.0, 1.0, 1.0, 1.0, 2.0]
    assert run(program, 2.0, False) == [1.0, 0.0, 0.0, 1.0, 1.0]
    assert run(program, 4.0, True) == [0.0, 0.0, 0.0, 1.0, 1.0]


# --- random programs ----------------------------------------------------------------------------

EXACT = {"add": 2, "subtract": 2, "multiply": 2, "zmul": 2, "square": 1, "negative": 1,
         "maximum": 2, "minimum": 2, "absolute": 1, "where": 3, "sign": 1, "floor": 1,
         "copysign": 2, "relu": 1, "less": 2}  # fmt: skip


def random_program(rng, n_inputs, length, reach):
    """A program of whole numbers, which no rounding changes, and what each value must be.

    Operands are among the `reach` latest values, so registers can be reused if it is small.
    """
    program = Program()
    values = [float(rng.randint(-9, 9)) for _ in range(n_inputs)]
    for _ in values:
        program.input("f8")
    while len(values) < length:
        if rng.random() < 0.05:
            values.append(float(rng.randint(-9, 9)))
            program.constant(values[-1])
            continue
        name = rng.choice(list(EXACT))
        operands = [
            rng.randrange(max(0, len(values) - reach), len(values)) for _ in range(EXACT[name])
        ]
        value = eager(name, *[values[k] for k in operands])
        if abs(value) > 1e6:
            name, operands = "sign", operands[:1]
            value = eager(name, values[operands[0]])
        program.apply(name, operands, "?" if name == "less" else "f8")
        values.append(value)
    return program, values


@pytest.mark.parametrize("seed", range(40))
def test_random_programs(seed):
    rng = random.Random(seed)
    program, values = random_program(rng, rng.randint(1, 5), 60, rng.choice([3, 8, 60]))
    program.outputs = rng.sample(range(60), 6)
    for k in rng.sample(range(60), 3):
        program.guard(k, values[k])
    inputs = values[: program.n_inputs]
    assert_same(run(program, *inputs), [values[k] for k in program.outputs], str(program))


@pytest.mark.parametrize("reach", [6, 20, 500])
def test_registers_are_used_again(reach):
    length = 30_000
    program, values = random_program(random.Random(reach), 4, length, reach)
    program.outputs = [*range(length - 300, length), *range(0, length, 1000)]
    code = NumberCode(program)
    kept = len(set(program.outputs))
    assert code.n_instructions > 5000
    assert code.n_registers < code.n_inputs + code.n_constants + kept + reach + 3
    failed, outputs = code.evaluate(*values[:4])
    assert failed == -1
    assert_same(outputs, [values[k] for k in program.outputs])


def logistic(steps):
    """x becomes 3.9 * x * (1 - x), so many times."""
    program = Program()
    x, one, rate = program.input("f8"), program.constant(1.0), program.constant(3.9)
    for _ in range(steps):
        rest = program.apply("subtract", [one, x])
        x = program.apply("multiply", [program.apply("multiply", [rate, x]), rest])
    program.outputs = [x]
    return program


def logistic_float(steps, x):
    for _ in range(steps):
        x = (3.9 * x) * (1.0 - x)
    return x


def test_a_million_instructions():
    steps = 333_334
    code = NumberCode(logistic(steps))
    assert code.n_instructions > 1_000_000
    assert code.n_registers < 10
    assert code.evaluate(0.3)[1] == [logistic_float(steps, 0.3)]


def test_a_million_registers():
    n = 1_000_000
    program = Program()
    x = program.input("f8")
    values = [program.apply("add", [x, x])]
    values += [program.apply("negative", [values[0]]) for _ in range(n)]
    program.outputs = values[1::1000]
    program.guard(values[-1], -4.0)
    code = NumberCode(program)
    assert code.evaluate(2.0) == (-1, [-4.0] * 1000)
    assert code.evaluate(3.0) == (0, [-6.0] * 1000)


# --- guards -------------------------------------------------------------------------------------


def test_the_first_guard_that_fails_is_named():
    program = program_of(2, ("less", 0, 1), ("add", 0, 1))
    program.guard(2, True)
    program.guard(3, 5.0)
    code = NumberCode(program)
    assert code.evaluate(2.0, 3.0) == (-1, [5.0])
    assert code.evaluate(1.0, 3.0) == (1, [4.0])
    assert code.evaluate(3.0, 2.0) == (0, [5.0])


def test_guards_compare_bits_but_any_nan_is_nan():
    for expected, same, others in (
        (0.0, [0.0], [-0.0, 5e-324, float("nan")]),
        (-0.0, [-0.0], [0.0]),
        (float("nan"), [float("nan"), -float("nan")], [0.0, float("inf")]),
        (1.5, [1.5], [1.5000000000000002]),
    ):
        program = program_of(1, ("positive", 0))
        program.guard(1, expected)
        code = NumberCode(program)
        assert [code.evaluate(x)[0] for x in same] == [-1] * len(same)
        assert [code.evaluate(x)[0] for x in others] == [0] * len(others)


# --- what is no program of numbers --------------------------------------------------------------


def broken_programs():
    array = Program()
    array.apply("sin", [array.input("f8", (3,))], "f8", (3,))
    yield "no number", array
    single = Program()
    single.input("f4")
    yield "no number", single
    structural = Program()
    structural.apply("sum", [structural.input("f8")], "f8", (), ((), False))
    yield "no number", structural
    truth = Program()
    x = truth.input("?")
    truth.apply("add", [x, x], "?")
    yield "no truth value", truth
    ahead = Program()
    ahead.input("f8")
    ahead.apply("add", [0, 1])
    yield "not there yet", ahead
    output = Program()
    output.outputs = [0]
    yield "no value 0", output
    guard = Program()
    guard.guard(-1, 0.0)
    yield "invalid program: guard", guard


@pytest.mark.parametrize("message, program", list(broken_programs()))
def test_other_programs_are_refused(message, program):
    with pytest.raises(ValueError, match=message):
        NumberCode(program)


def test_the_number_of_inputs_is_checked():
    with pytest.raises(ValueError, match="1 inputs for a program that takes 2"):
        NumberCode(program_of(2, ("add", 0, 1))).evaluate(1.0)
    with pytest.raises(TypeError):
        NumberCode(program_of(2, ("add", 0, 1))).evaluate(1.0, "2")


# --- threads ------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [5, 500, 20_000])
def test_threads_share_a_code(steps):
    code = NumberCode(logistic(steps))
    def work(k):
        x = 0.1 + 0.1 * k
        want = logistic_float(steps, x)
        for _ in range(20):
            assert code.evaluate(x) == (-1, [want])

    in_threads(work)


def test_threads_share_registers_on_the_heap():
    program, values = random_program(random.Random(5), 3, 5000, 5000)
    program.outputs = list(range(5000))
    code = NumberCode(program)
    inputs = values[:3]
    want = [bits(x) for x in code.evaluate(*inputs)[1]]
    assert want == [bits(x) for x in values]

    def work(k):
        moved = [x + k for x in inputs]
        first = code.evaluate(*moved)[1]
        for _ in range(30):
            assert [bits(x) for x in code.evaluate(*moved)[1]] == [bits(x) for x in first]

    in_threads(work)


# --- without the instructions of newer processors -----------------------------------------------


@latest_only
def test_the_baseline_interpreter_is_as_good():
    passes(__file__, "baseline")


@pytest.mark.skipif("CDIFF_ISA" in os.environ, reason="it asks for another one")
def test_the_processor_is_known_as_numpy_knows_it():
    features = pytest.importorskip("numpy._core._multiarray_umath").__cpu_features__
    if "AVX2" not in features:
        pytest.skip("not an x86 processor")
    names = {name for name, there in features.items() if there}
    expected = "baseline"
    if {"AVX2", "FMA3"} <= names:
        expected = "avx2"
    if expected == "avx2" and {"AVX512F", "AVX512DQ", "AVX512VL", "AVX512BW"} <= names:
        expected = "avx512"
    assert kernels_in_use() == expected
