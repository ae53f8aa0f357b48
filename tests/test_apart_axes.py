"""Reductions over axes that are no neighbours, and operands that are broadcast in several axes."""

import itertools

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp

RANDOM = np.random.default_rng(5)
APART = [(0, 2), (1, 3), (0, 3), (0, 1, 3), (0, 2, 3), (0, 2, 4), (0, 1, 3, 4)]


@pytest.mark.parametrize("axes", APART, ids=repr)
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions_are_numpys(name, axes, keepdims):
    x = RANDOM.uniform(0.5, 1.5, (3, 2, 4, 3, 17))
    x[1, 1, 2, 0, 3] = np.nan
    f = getattr(np, name)
    got, expected = f(cd.array(x), axes, keepdims=keepdims), f(x, axes, keepdims=keepdims)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-14)


@pytest.mark.parametrize("axes", [(0, 2), (0, 1, 3)])
def test_of_nothing_and_of_what_is_not_in_order(axes):
    for x in (np.ones((2, 0, 3, 2)), np.ones((2, 4, 0, 2))):
        np.testing.assert_array_equal(np.sum(cd.array(x), axes).numpy(), np.sum(x, axes))
    x = RANDOM.normal(size=(5, 4, 3, 2)).T
    np.testing.assert_allclose(np.sum(cd.array(x), axes).numpy(), np.sum(x, axes), rtol=1e-14)
    single = x.astype(np.float32)
    got = np.sum(cd.array(single), axes)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got.numpy(), np.sum(single, axes), rtol=1e-6)


# Rows that are not copied, in panels: those of one axis, of two and of more before the last two.
SHAPES = [
    ((6, 1, 9), (1, 5, 9)), ((6, 5, 1), (1, 5, 9)), ((3, 1, 4, 1), (1, 2, 1, 11)),
    ((2, 1, 3, 1, 8), (1, 4, 3, 2, 8)), ((2, 3, 1, 1, 8), (2, 1, 4, 2, 1)),
    ((3, 1, 1, 12), (1, 4, 1, 1)), ((2, 1, 2, 1, 2, 9), (1, 3, 1, 3, 1, 9)),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), SHAPES, ids=repr)
def test_broadcast_operands(a, b):
    x, y = RANDOM.uniform(0.5, 1.5, a), RANDOM.uniform(0.5, 1.5, b)
    g = RANDOM.normal(size=np.broadcast_shapes(a, b))
    for f, slopes in (
        (lambda x, y: x * y, lambda x, y: (y, x)),
        (lambda x, y: x / y, lambda x, y: (1 / y, -x / y**2)),
        (lambda x, y: np.arctan2(x, y), lambda x, y: (y / (x * x + y * y), -x / (x * x + y * y))),
    ):
        np.testing.assert_allclose(f(cd.array(x), y).numpy(), f(x, y), rtol=1e-14)
        got = cd.grad(lambda x, y, f=f: (f(x, y) * g).sum(), (0, 1))(x, y)
        for found, slope, shape in zip(got, slopes(x, y), (a, b), strict=True):
            axes = tuple([k for k, n in enumerate(shape) if n != g.shape[k]])
            np.testing.assert_allclose(found, (g * slope).sum(axes, keepdims=True), rtol=1e-11)


def test_large_ones_and_views():
    x, y = RANDOM.normal(size=(40, 1, 31, 1)), RANDOM.normal(size=(1, 29, 1, 37))
    np.testing.assert_array_equal((cd.array(x) * y).numpy(), x * y)
    wide = RANDOM.normal(size=(7, 20, 18))
    got = cd.array(wide)[:, ::2, 1:10] * y[0, :10, 0, :9]
    np.testing.assert_array_equal(got.numpy(), wide[:, ::2, 1:10] * y[0, :10, 0, :9])


def test_kron_absorbs_zeros():
    """A cotangent of zero times an infinite element is zero, as everywhere."""
    b = np.array([[1.0, np.inf]])
    mask = np.array([[True, False, True, False]])
    g = cd.grad(lambda a: np.where(mask, np.kron(a, b), 0.0).sum())(np.array([[2.0, 3.0]]))
    np.testing.assert_array_equal(g, [[1.0, 1.0]])
    for m, n in itertools.product([(3, 15), (4,), (2, 2, 9)], repeat=2):
        p, q = RANDOM.normal(size=m), RANDOM.normal(size=n)
        np.testing.assert_array_equal(cnp.kron(cd.array(p), q).numpy(), np.kron(p, q))
