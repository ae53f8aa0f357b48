"""Quantiles of data at hand: places that are kept, and few elements looked for among many.

While a program is recorded the same quantile goes another way, by a sort, which is the measure
here: values and derivatives have to be the same, also where elements are equal or NaN.
"""

import numpy as np
import pytest

import cdiff as cd
from cdiff.numpy._index import LONG_ROW, positions_of_ranks

METHODS = ["linear", "inverted_cdf", "closest_observation", "hazen", "midpoint", "nearest"]


def row(kind, n):
    random = np.random.default_rng(n)
    return {
        "distinct": random.normal(size=n),
        "equal": random.integers(0, 4, n).astype(float),
        "signed zeros": np.where(random.uniform(size=n) > 0.5, 0.0, -0.0),
        "infinite": np.where(random.uniform(size=n) > 0.7, np.inf, random.normal(size=n)),
    }[kind]


@pytest.mark.parametrize("kind", ["distinct", "equal", "signed zeros", "infinite"])
@pytest.mark.parametrize("n", [1, 5, LONG_ROW - 1, LONG_ROW, 3 * LONG_ROW])
def test_positions_are_those_of_the_stable_order(kind, n):
    x = row(kind, n)
    for ranks in ([0, n - 1], [n // 3, min(n // 3 + 1, n - 1), n - 1], [n // 2, n // 2, n - 1]):
        np.testing.assert_array_equal(
            positions_of_ranks(x, np.array(ranks)), x.argsort(kind="stable")[ranks]
        )


def test_positions_among_nan():
    x = row("equal", 2 * LONG_ROW)
    x[5::7] = np.nan
    ranks = np.array([10, x.size - 3, x.size - 1])
    np.testing.assert_array_equal(positions_of_ranks(x, ranks), x.argsort(kind="stable")[ranks])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("q", [0.0, 0.3, 1.0, [0.25, 0.5, 1.0], [[0.1], [0.7]]], ids=repr)
@pytest.mark.parametrize("shape", [(7,), (3, 5), (2 * LONG_ROW,)], ids=repr)
def test_eager_and_compiled_agree(method, q, shape):
    x = row("equal", int(np.prod(shape))).reshape(shape)

    def f(a):
        return np.quantile(a, q, axis=-1, method=method)

    np.testing.assert_array_equal(f(cd.array(x)).numpy(), f(x))
    np.testing.assert_array_equal(cd.compile(f)(x), f(x))
    if x.size < 100:
        np.testing.assert_array_equal(cd.jacobian(f)(x), cd.compile(cd.jacobian(f))(x))


def test_nan_and_infinity():
    x = np.array([[1.0, np.nan, 2.0], [-np.inf, 3.0, np.inf], [1.0, 2.0, 3.0]])
    for q, found in (
        (0.5, [np.nan, 3.0, 2.0]),  # on an element, the infinite ones beside it do not count
        ([0.0, 0.75], [[np.nan, -np.inf, 1.0], [np.nan, np.inf, 2.5]]),
    ):
        np.testing.assert_array_equal(np.quantile(cd.array(x), q, axis=1).numpy(), found)
        np.testing.assert_array_equal(cd.compile(lambda x, q=q: np.quantile(x, q, 1))(x), found)
        for k in range(3):
            got = np.quantile(cd.array(x[k]), q).numpy()
            np.testing.assert_array_equal(got, np.array(found)[..., k])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, int])
@pytest.mark.parametrize("q", [0.3, np.float32(0.3), np.array(0.3), [0.3], np.array([0, 1])])
@pytest.mark.parametrize("method", ["linear", "higher", "averaged_inverted_cdf"])
def test_dtypes_are_numpys(dtype, q, method):
    x = np.array([3, 1, 2, 7]).astype(dtype)
    expected = np.quantile(x, q, method=method)
    got = np.quantile(cd.array(x), q, method=method)
    if dtype is not int:  # quantiles of whole numbers are floats, which may have a derivative
        assert got.dtype == expected.dtype
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-6)


def test_what_is_kept_is_told_apart():
    x = cd.array(np.arange(4.0))
    answers = [np.quantile(x, q).numpy().tolist() for q in (0.5, [0.5], [0.5, 0.5], 1, True, 0.0)]
    assert answers == [1.5, [1.5], [1.5, 1.5], 3.0, 3.0, 0.0]
    assert np.quantile(x, 0.5, method="lower").item() == 1.0
    assert np.quantile(cd.array(np.arange(5.0)), 0.5).item() == 2.0
    many = np.linspace(0, 1, 40)
    np.testing.assert_array_equal(np.quantile(x, many).numpy(), np.quantile(np.arange(4.0), many))


@pytest.mark.parametrize("kind", ["distinct", "equal", "infinite"])
@pytest.mark.parametrize("n", [1, 2, 7, LONG_ROW, LONG_ROW + 1])
def test_medians(kind, n):
    x = row(kind, n)
    for a in (x, x[: n // 2 * 2].reshape(2, -1), x.astype(np.float32), (x > 0).astype(int)):
        if not a.size:
            continue
        got = np.median(cd.array(a), -1)
        np.testing.assert_array_equal(got.numpy(), np.median(a, -1))
        assert got.dtype == np.median(a, -1).dtype
    slopes = cd.grad(lambda x: np.median(x))
    np.testing.assert_array_equal(slopes(x), cd.compile(slopes)(x))
    x[n // 3] = np.nan
    assert np.isnan(np.median(cd.array(x)).numpy())


def test_two_orders_and_an_outer_derivative():
    x = np.array([0.4, 2.0, 1.0, 3.0])
    g = cd.grad(lambda x: cd.grad(lambda y: np.quantile(y * y, 0.4) * x[0])(x).sum())(x)
    # y**2 sorted: 0.16, 1, 4, 9; place 1.2: 0.8 * y[2]**2 + 0.2 * y[1]**2, times x[0].
    np.testing.assert_allclose(g, [1.6 * 1.0 + 0.4 * 2.0, 0.4 * 0.4, 1.6 * 0.4, 0.0])
