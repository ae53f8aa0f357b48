"""Arrays whose last axis is short: broadcasting, sums and extremes along it and beside it.

NumPy is the oracle.  Lengths stand on both sides of those where another loop takes over.
"""

import numpy as np
import pytest

import cdiff as cd

RANDOM = np.random.default_rng(8)
WIDTHS = (1, 2, 3, 5, 8, 15, 16, 17, 33)
LENGTHS = (1, 2, 7, 8, 9, 127, 513, 2050)
REDUCTIONS = {"sum": np.sum, "max": np.max, "min": np.min, "prod": np.prod}


def same(f, *args, rtol=1e-13):
    """Compiled, twice, and on arrays of our own, f gives what it gives in NumPy."""
    expected = f(*args)
    compiled = cd.compile(f)
    for _ in range(2):
        np.testing.assert_allclose(compiled(*args), expected, rtol=rtol, atol=1e-13)
    eager = f(*[cd.array(x, requires_grad=True) for x in args])
    np.testing.assert_allclose(eager.numpy(), expected, rtol=rtol, atol=1e-13)


@pytest.mark.parametrize("n", WIDTHS)
@pytest.mark.parametrize("m", LENGTHS)
def test_operands_of_every_layout(m, n):
    full, row, column = (RANDOM.standard_normal(s) for s in [(m, n), (n,), (m, 1)])
    turned, wide = RANDOM.standard_normal((n, m)), RANDOM.standard_normal((m, 3 * n + 1))
    same(lambda a, b: a - b, full, row)
    same(lambda a, b: a - b, full, column)
    same(lambda a, b: a * b, row, column)
    same(lambda a, b: a + b.T, full, turned)
    same(lambda a, b: a + b[:, 1 : n + 1] * b[:, : 3 * n : 3], full, wide)
    same(lambda a, b: np.exp(a[:, ::-1]) - b, full, row)
    same(lambda a, b, c: (a - b) * c, full, row, column)


@pytest.mark.parametrize("n", (2, 3, 16, 17))
@pytest.mark.parametrize("shape", [(5, 1000), (3, 700, 2), (2, 2, 2, 300)])
def test_rows_that_are_repeated_within_more_axes(shape, n):
    x = RANDOM.standard_normal((*shape, n))
    row = RANDOM.standard_normal((shape[0], *[1] * (len(shape) - 1), n))
    column = RANDOM.standard_normal((*shape, 1))
    same(lambda a, b, c: (a - b) * c, x, row, column)
    same(lambda a, b, c: np.sum((a - b) ** 2 * c, axis=-1), x, row, column)
    order = (*range(1, len(shape)), len(shape), 0)
    same(lambda a, b: np.exp(a - b).transpose(order) * 2.0 + 1.0, x, row)


@pytest.mark.parametrize("name", sorted(REDUCTIONS))
@pytest.mark.parametrize("n", WIDTHS)
@pytest.mark.parametrize("m", LENGTHS)
def test_reductions(name, m, n):
    reduced = REDUCTIONS[name]
    x = RANDOM.uniform(0.9, 1.1, (m, n))
    for axis in (0, 1):
        same(lambda a: reduced(a, axis=axis), x, rtol=1e-12)  # noqa: B023
        same(lambda a: reduced(a * a, axis=axis), x, rtol=1e-12)  # noqa: B023
    if m < 600:
        y = RANDOM.uniform(0.9, 1.1, (3, m, n))
        same(lambda a: reduced(a, axis=1), y, rtol=1e-12)


@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize("axis", [0, 1])
def test_nan_wins(name, axis):
    for shape in [(600, 3), (40, 300), (9, 16), (8, 2)]:
        x = RANDOM.standard_normal(shape)
        x[RANDOM.integers(0, shape[0], 3), RANDOM.integers(0, shape[1], 3)] = np.nan
        f = cd.compile(lambda a: REDUCTIONS[name](a, axis=axis))
        np.testing.assert_array_equal(f(x), REDUCTIONS[name](x, axis=axis))


@pytest.mark.parametrize("n", (1, 2, 16, 17))
def test_short_rows_put_side_by_side(n):
    a, b = RANDOM.standard_normal((900, n)), RANDOM.standard_normal((900, 3))
    same(lambda a, b: np.concatenate([2.0 * a, b + 1.0, a - 1.0], axis=1), a, b)
    same(lambda a, b: np.concatenate([np.exp(a)[:, None, :], 2.0 * a[:, None, :]], axis=1), a, b)


def test_sums_of_many_short_rows_are_exact_enough():
    """As accurate as pairwise summation (Higham 2002, section 4.2)."""
    x = RANDOM.uniform(0.0, 1.0, (1_000_000, 2))
    exact = np.array([float(np.sum(x[:, k].astype(np.longdouble))) for k in range(2)])
    np.testing.assert_allclose(cd.array(x).sum(axis=0).numpy(), exact, rtol=1e-13)


@pytest.mark.parametrize("dtype", ["f4", "?", "i8"])
def test_other_types(dtype):
    a = RANDOM.integers(0, 2, (700, 3)).astype(dtype)
    x = RANDOM.standard_normal((700, 3))
    f = cd.compile(lambda x, a: (x + a) * a[:, :1])
    np.testing.assert_allclose(f(x, a), (x + a) * a[:, :1], rtol=1e-14)


def test_derivatives_through_short_rows():
    def f(mu, scale, x):
        z = (x - mu) @ scale
        return np.sum(np.log(np.sum(np.exp(-0.5 * np.sum(z**2, axis=2)), axis=0)))

    x = RANDOM.standard_normal((300, 2))
    mu, scale = RANDOM.standard_normal((5, 1, 2)), RANDOM.standard_normal((5, 2, 2))
    slope = cd.compile(cd.grad(f, argnums=(0, 1)))(mu, scale, x)
    h = 1e-6
    for k, given in enumerate((mu, scale)):
        for index in np.ndindex(given.shape):
            moved = [mu.copy(), scale.copy()], [mu.copy(), scale.copy()]
            moved[0][k][index] += h
            moved[1][k][index] -= h
            found = (f(*moved[0], x) - f(*moved[1], x)) / (2 * h)
            np.testing.assert_allclose(slope[k][index], found, rtol=1e-6, atol=1e-6)
