"""argmin and argmax of short rows in programs: NumPy's answer, whatever is in the rows."""

import numpy as np
import pytest

import cdiff as cd

NAMES = ["argmin", "argmax"]


def assert_numpys(f, *args):
    wanted = f(*args)
    compiled = cd.compile(f)
    for found in (compiled(*args), compiled(*args)):
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == wanted.dtype and found.shape == wanted.shape


@pytest.mark.parametrize("n", [1, 2, 3, 8, 23, 24, 25, 40])
@pytest.mark.parametrize("name", NAMES)
def test_rows_of_any_length(name, n):
    rng = np.random.default_rng(n)
    function = getattr(np, name)
    for shape in ((57, n), (3, 5, n), (0, n), (1, n)):
        x = np.round(rng.normal(size=shape), 1)  # the first of equal ones
        assert_numpys(lambda x: function(x * 1.0, axis=-1), x)
        assert_numpys(lambda x: function(x * 1.0, x.ndim - 1), x)


@pytest.mark.parametrize("name", NAMES)
def test_special_numbers(name):
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1e308, -1e308]
    x = np.random.default_rng(0).choice(special, (4000, 5))
    assert_numpys(lambda x: getattr(np, name)(x + 0.0 * x[0, 0], axis=1), x[np.isfinite(x[:, 0])])
    assert_numpys(lambda x: getattr(np, name)(abs(x), axis=1), x)


@pytest.mark.parametrize("name", NAMES)
def test_other_calls_are_numpys(name):
    function = getattr(np, name)
    x = np.random.default_rng(0).normal(size=(6, 4, 5))
    assert_numpys(lambda x: function(x * 2.0, axis=0), x)
    assert_numpys(lambda x: function(x * 2.0, axis=-2), x)
    assert_numpys(lambda x: function(x * 2.0, axis=2, keepdims=True), x)
    assert_numpys(lambda x: function(np.transpose(x * 2.0), axis=2), x)
    assert_numpys(lambda x: function((x * 2.0).astype(np.float32), axis=2), x)
    assert_numpys(lambda x: function((x * 9.0).astype(np.int64), axis=2), x)
    assert_numpys(lambda x: function(x > 0.0, axis=2), x)
    assert_numpys(lambda x: np.asarray(function(x * 2.0)), x)


@pytest.mark.parametrize("name", NAMES)
def test_mapped_rows_choose_what_is_differentiated(name):
    rng = np.random.default_rng(1)
    centres, points = rng.normal(size=(7, 3)), rng.normal(size=(50, 3))

    def chosen(p):
        return centres[getattr(np, name)(np.sum((centres - p) ** 2, axis=1))]

    gradient = cd.compile(cd.grad(lambda x: np.sum((x - cd.vmap(chosen)(x)) ** 2)))
    wanted = points - np.array([chosen(p) for p in points])
    gradient(points)
    np.testing.assert_allclose(gradient(points), 2.0 * wanted, rtol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_empty_rows_are_an_error(name):
    def f(x):
        return getattr(np, name)(x[:, :0] * 2.0, axis=1)

    with pytest.raises(ValueError, match="empty sequence"):
        cd.compile(f)(np.ones((3, 2)))
