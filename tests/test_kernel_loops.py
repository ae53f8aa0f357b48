"""The loops that kernels are made of: every length around a round and a stretch, and every layout.

It knows what makes a loop take another way (few elements, results in place of operands, arguments
beyond the fast range of a function, NaN in a row) and compares with NumPy, and each element of an
array with the same element alone: a result must not depend on its neighbours. The tests run again
in a process for each lesser instruction set.
"""


import numpy as np
import pytest
from other_isa import latest_only, passes

import cdiff as cd
import cdiff.numpy as cn
from cdiff import _core

LENGTHS = [1, 2, 7, 8, 9, 10, 15, 16, 63, 64, 65, 71, 72, 73, 127, 128, 136, 200, 1000]
HEAVY = ["exp", "log", "sin", "cos", "tan", "tanh", "log1p", "exp2", "arcsinh", "cbrt", "sinh"]
HEAVY += ["log2", "log10"]
BEYOND = {"exp": -745.0, "exp2": -1074.0, "log": 5e-324, "log1p": 1e305, "arcsinh": 1e200}
BEYOND |= dict.fromkeys(["log2", "log10", "cbrt"], 5e-324)
RANDOM = np.random.default_rng(5)


def numbers(name, n):
    """Arguments of which one, if there are more than nine, is out of the function's fast range."""
    x = RANDOM.uniform(0.1, 3.0, n)
    if n > 9:
        x[n - 3] = BEYOND.get(name, 1e22)
    return x


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("name", HEAVY)
def test_elements_do_not_depend_on_their_neighbours(name, n):
    x = numbers(name, n)
    f = getattr(cn, name)
    whole = np.asarray(f(cd.array(x)))
    alone = np.concatenate([np.asarray(f(cd.array(x[i : i + 1]))) for i in range(n)])
    np.testing.assert_array_equal(whole, alone)
    with np.errstate(all="ignore"):
        wanted = getattr(np, name)(x)
    np.testing.assert_allclose(whole, wanted, rtol=1e-14, atol=1e-320)


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("base, exponent", [(None, None), (None, 1.3), (2.3, None)])
def test_powers_do_not_depend_on_their_neighbours(n, base, exponent):
    """Of arrays and numbers; a negative base and results beyond the range are among them."""
    x, y = RANDOM.uniform(0.1, 3.0, n), RANDOM.uniform(-3.0, 3.0, n)
    if n > 9:
        x[[1, n - 3]], y[[1, n - 3]] = (-2.0, 5e-324), (3.0, 0.5)
        y[n // 2] = -2000.0

    def powers(part):
        return np.asarray(cn.power(*operands(part, cd.array)))

    def operands(part, array):
        return (array(x[part]) if base is None else base,
                array(y[part]) if exponent is None else exponent)

    whole = powers(slice(None))
    alone = np.concatenate([powers(slice(i, i + 1)) for i in range(n)])
    np.testing.assert_array_equal(whole, alone)
    with np.errstate(all="ignore"):
        wanted = np.power(*operands(slice(None), np.asarray))
    np.testing.assert_allclose(whole, wanted, rtol=1e-14, atol=1e-320)


@pytest.mark.parametrize("n", [n for n in LENGTHS if n > 8])
@pytest.mark.parametrize("f", [cn.sin, cn.tanh, cd.erf, cd.erfc])
def test_value_and_slope_together_do_not_depend_on_their_place(f, n):
    """One kernel for both, whose last round is another one when three elements are left out."""
    both = cd.compile(lambda x: (f(x), cd.elementwise_grad(f)(x)))
    x = numbers("sin", n)
    whole, some = both(x), both(x[3:])
    np.testing.assert_array_equal(whole[0][3:], some[0])
    np.testing.assert_array_equal(whole[1][3:], some[1])
    np.testing.assert_array_equal(whole[0], np.asarray(f(cd.array(x))))


@pytest.mark.parametrize("n", LENGTHS)
def test_results_in_place_of_operands(n):
    """A chain whose results take each other's memory, in one program and operation by operation."""
    x = numbers("sin", n)

    def chain(x):
        y = x
        for _ in range(3):
            y = cn.exp(cn.sin(y))
        return cn.fmod(cn.power(y, cn.tanh(y)), 0.75)

    compiled = cd.compile(chain)
    np.testing.assert_array_equal(np.asarray(compiled(x)), np.asarray(chain(cd.array(x))))
    slope = cd.compile(cd.elementwise_grad(chain))(x)
    np.testing.assert_allclose(slope, cd.elementwise_grad(chain)(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("lowest", [-2.0, -1000.0])
def test_exponentials_in_place_of_differences(n, lowest):
    """As logsumexp takes them, row by row; the lowest is beyond the fast range."""
    x = RANDOM.standard_normal((2, n))
    x[:, 0] = lowest
    top = x.max(axis=1, keepdims=True)
    wanted = top[:, 0] + np.log(np.exp(x - top).sum(axis=1))
    np.testing.assert_allclose(_core.logsumexp(x, (1,), False).numpy(), wanted, rtol=1e-14)


@pytest.mark.parametrize("op", ["power", "fmod", "arctan2", "logaddexp"])
@pytest.mark.parametrize("n", [1, 5, 8, 70, 300])
def test_broadcast_operands_of_heavy_functions(op, n):
    f = getattr(cn, op)
    x = RANDOM.uniform(0.5, 2.0, n)
    one = cd.array(1.25)
    np.testing.assert_array_equal(f(cd.array(x), one), f(cd.array(x), cd.array(np.full(n, 1.25))))
    np.testing.assert_array_equal(f(one, cd.array(x)), f(cd.array(np.full(n, 1.25)), cd.array(x)))


SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1e308]


PLAIN = ["add", "subtract", "multiply", "divide", "maximum", "minimum", "fmax", "fmin", "copysign",
         "heaviside", "less", "less_equal", "equal"]  # fmt: skip
PLAIN_UNARY = ["negative", "square", "absolute", "sqrt", "reciprocal", "sign", "floor", "ceil",
               "trunc", "rint", "deg2rad", "rad2deg", "isnan", "isfinite", "isinf",
               "signbit"]  # fmt: skip


def same_bits(large, small):
    """Also the sign of a zero; of nan only that it is one."""
    large, small = np.asarray(large, float), np.resize(np.asarray(small, float), large.shape)
    np.testing.assert_array_equal(large, small)
    ordinary = ~np.isnan(small)
    np.testing.assert_array_equal(np.signbit(large)[ordinary], np.signbit(small)[ordinary])


@pytest.mark.parametrize("name", PLAIN + PLAIN_UNARY)
def test_large_arrays_have_the_results_of_small_ones(name):
    """Which other kernels compute: where one is another, its results must be the same."""
    few = np.concatenate([SPECIAL, [0.1, -0.3, 2.5, 1e16 + 1.0, np.pi * 1e-300]])
    pairs = [np.repeat(few, few.size), np.tile(few, few.size)]
    operands = pairs[: 2 if name in PLAIN else 1]
    f = getattr(cn, name)
    large = f(*[cd.array(np.tile(x, 500)) for x in operands])
    same_bits(large, f(*[cd.array(x) for x in operands]))
    with np.errstate(all="ignore"):  # NumPy leaves open which zero an extreme of two is
        wanted = getattr(np, name)(*operands)
    np.testing.assert_array_equal(large, np.resize(wanted, large.shape))


@pytest.mark.parametrize("n", LENGTHS)
def test_quotients_of_any_length(n):
    """The last ones, that are no whole round, are computed otherwise."""
    a, b = RANDOM.standard_normal((2, n))
    a[-1:], b[-2:-1] = RANDOM.choice(SPECIAL, 2)
    x, y = cd.array(a), cd.array(b)
    with np.errstate(all="ignore"):
        for found, wanted in ((x / y, a / b), (x / 0.3, a / 0.3), (0.3 / y, 0.3 / b)):
            same_bits(found, wanted)
        x /= y
        same_bits(x, a / b)


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("name", ["max", "min"])
def test_extremes_of_rows(name, n):
    x = RANDOM.standard_normal((3, n))
    reduce = getattr(np, name)

    def same(x):
        for axis in (None, 1):
            np.testing.assert_array_equal(np.asarray(reduce(cd.array(x), axis=axis)),
                                          reduce(x, axis=axis))  # fmt: skip

    same(x)
    for place in {0, n // 2, n - 1}:
        odd = x.copy()
        odd[1, place] = np.nan
        same(odd)
        odd[1, 0], odd[1, n - 1] = np.inf, -np.inf  # whose sum is nan as well
        same(odd)
        odd[1, place] = x[1, place]
        same(odd)
    same(np.full((3, n), -np.inf))
    same(np.where(x > 0, 1e308, -1e308))


@pytest.mark.parametrize("n", [*LENGTHS, 40_000])
def test_one_number_for_many(n):
    """A cotangent that is the same along an axis, and one number seen through a shape."""
    x = cd.array(RANDOM.standard_normal((2, n)), requires_grad=True)
    x.sum(axis=1).backward([2.0, -3.0])
    np.testing.assert_array_equal(x.grad, np.repeat([[2.0], [-3.0]], n, axis=1))
    x.zero_grad()
    x.sum().backward(1.5)
    np.testing.assert_array_equal(x.grad, np.full((2, n), 1.5))


@latest_only
@pytest.mark.parametrize("isa", ["baseline", "avx2"])
def test_without_the_latest_instructions(isa):
    passes(__file__, isa)
