"""logsumexp over any axes: rows, columns of narrow and of wide arrays, in both precisions."""

from functools import partial

import mpmath
import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp
import cdiff.scipy.special as special

SHAPES = [(3, 3), (1, 7), (7, 1), (600, 3), (5, 511), (4, 512), (3, 1300), (2, 3, 4), (40, 30, 20),
          (2, 700, 3)]  # fmt: skip


def expected(x, axis):
    top = x.max(axis=axis, keepdims=True)
    return np.log(np.exp(x - top).sum(axis=axis)) + np.squeeze(top, axis=axis)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_values_and_derivatives(shape, dtype):
    x = (5.0 * np.random.default_rng(3).standard_normal(shape)).astype(dtype)
    digits = 1e-13 if dtype == np.float64 else 1e-5
    for axis in (*range(len(shape)), (0, 1), tuple(range(len(shape)))):
        f = partial(special.logsumexp, axis=axis)
        value = np.asarray(f(cd.array(x)))
        assert value.dtype == dtype and value.shape == expected(x, axis).shape
        np.testing.assert_allclose(value, expected(x.astype(float), axis), digits, digits)
        np.testing.assert_allclose(cd.compile(f)(x), value, digits, digits)
        weights = np.exp(x.astype(float) - np.expand_dims(expected(x.astype(float), axis), axis))
        found = cd.vjp(f, x)[1](np.ones_like(value))[0]
        np.testing.assert_allclose(found, weights, 10 * digits, 10 * digits)


@pytest.mark.parametrize("width", [1, 3, 600])
def test_reduce_of_logaddexp_is_the_same(width):
    x = np.random.default_rng(4).standard_normal((9, width))
    f = lambda x: cnp.logaddexp.reduce(x, axis=0)
    np.testing.assert_allclose(f(cd.array(x)), np.logaddexp.reduce(x, axis=0), 1e-13)
    np.testing.assert_allclose(cd.compile(f)(x), np.logaddexp.reduce(x, axis=0), 1e-13)


@pytest.mark.parametrize("rows", [2, 300])
@pytest.mark.parametrize("width", [6, 600])
def test_infinities_and_nan_stay_in_their_columns(rows, width):
    inf, nan = np.inf, np.nan
    x = np.zeros((rows, width))
    x[:, 0], x[0, 1], x[-1, 2], x[-1, 3] = -inf, inf, -inf, nan
    x[0, 4], x[-1, 4] = 1000.0, -1000.0
    x[0, 5], x[-1, 5] = inf, nan
    plain = [-inf, inf, np.log(rows - 1.0), nan, 1000.0, nan]
    found = np.asarray(special.logsumexp(cd.array(x), axis=0))
    np.testing.assert_allclose(found[:6], plain, 1e-14, 1e-14)
    np.testing.assert_allclose(found[6:], np.log(rows), 1e-14)


def test_digits():
    x = np.array([[1e-3, 700.0], [2e-3, -700.0], [-5.0, 699.0]])
    for k, value in enumerate(np.asarray(special.logsumexp(cd.array(x), axis=0))):
        exact = mpmath.log(sum(mpmath.exp(mpmath.mpf(v)) for v in x[:, k]))
        np.testing.assert_allclose(value, float(exact), 2e-15)


def test_without_elements():
    found = special.logsumexp(cd.array(np.zeros((0, 3))), axis=0)
    np.testing.assert_array_equal(found, [-np.inf] * 3)
    assert special.logsumexp(cd.array(np.zeros((3, 0))), axis=0).shape == (0,)
