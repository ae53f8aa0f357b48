"""The matrix norms of singular values: derivatives to order five, ties, kinks, stacks, dtypes.

What is right comes from differences of mpmath's singular values in many digits.
"""

import numpy as np
import pytest

mpmath = pytest.importorskip("mpmath")

import cdiff as cd  # noqa: E402
import cdiff.numpy as cnp  # noqa: E402
from cdiff.testing import check_grads  # noqa: E402

NORMS = ("nuc", 2, -2)


@pytest.fixture
def rng():
    """The same numbers in whatever order the tests run."""
    return np.random.default_rng(3)


def exact_norm(x, norm):
    s = sorted(mpmath.svd_r(x if x.rows >= x.cols else x.T, compute_uv=False))
    return {"nuc": sum(s), 2: s[-1], -2: s[0]}[norm]


def exact_slope(x, t, norm, order):
    """The derivative of norm(x + h t) in h at 0, by central differences."""
    with mpmath.workdps(80):
        step = mpmath.mpf(10) ** -12
        a, b = mpmath.matrix(x.tolist()), mpmath.matrix(t.tolist())
        terms = [
            (-1) ** j
            * mpmath.binomial(order, j)
            * exact_norm(a + (mpmath.mpf(order) / 2 - j) * step * b, norm)
            for j in range(order + 1)
        ]
        return float(sum(terms) / step**order)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (1, 3), (1, 1)])
def test_derivatives_to_order_five(shape, norm, rng):
    x, t = rng.standard_normal(shape), rng.standard_normal(shape)
    f = lambda h: cnp.linalg.norm(x + h * t, norm)
    assert abs(f(0.0) - np.linalg.norm(x, norm)) < 1e-14
    ways = [cd.grad, lambda f: lambda h: cd.jvp(f, (h,), (1.0,))[1]]
    for order in range(1, 6):
        f = ways[order % 2](f)
        want = exact_slope(x, t, norm, order)
        assert abs(f(0.0) - want) <= 1e-10 * (1 + abs(want)), order


@pytest.mark.parametrize("norm", NORMS)
def test_in_all_modes(norm, rng):
    check_grads(lambda x: cnp.linalg.norm(x, norm), (rng.standard_normal((3, 4)),), order=3)


@pytest.mark.parametrize("norm", NORMS)
def test_stacks_axes_and_dtypes(norm, rng):
    x = rng.standard_normal((2, 3, 4))
    for axis in ((1, 2), (2, 0), (-3, -2)):
        for keepdims in (False, True):
            for dtype, allowed in ((np.float64, 1e-13), (np.float32, 1e-5)):
                leaf = cd.array(x.astype(dtype), requires_grad=True)
                found = np.linalg.norm(leaf, norm, axis, keepdims)
                want = np.linalg.norm(x, norm, axis, keepdims)
                assert (found.shape, found.dtype) == (want.shape, dtype)
                np.testing.assert_allclose(found.numpy(), want, rtol=allowed)
                found.backward()
                assert leaf.grad.dtype == dtype
    gradient = cd.grad(lambda x: np.linalg.matrix_norm(x, ord=norm).sum())(x)
    for whole, part in zip(gradient, x, strict=True):
        one = cd.grad(lambda x: np.linalg.norm(x, norm))(part)
        np.testing.assert_allclose(whole, one, atol=1e-14)


def test_ties_and_kinks(rng):
    def gradient(x, norm):
        return cd.grad(lambda x: np.linalg.norm(x, norm))(np.array(x))

    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    np.testing.assert_allclose(gradient(rotation, "nuc"), rotation, atol=1e-14)
    np.testing.assert_allclose(gradient(rotation, 2), rotation / 3, atol=1e-14)
    np.testing.assert_allclose(gradient(rotation, -2), rotation / 3, atol=1e-14)
    np.testing.assert_array_equal(gradient([[2.0, 0.0], [0.0, 0.0]], "nuc"), [[1, 0], [0, 0]])
    for norm in NORMS:
        np.testing.assert_array_equal(gradient(np.zeros((2, 3)), norm), np.zeros((2, 3)))
    np.testing.assert_array_equal(gradient([[1.0, 0.0], [0.0, 0.0]], -2), np.zeros((2, 2)))


def test_second_derivative_of_the_nuclear_norm_at_equal_singular_values(rng):
    x, t = np.diag([2.0, 2.0, 1.0]), rng.standard_normal((3, 3))
    found = cd.hvp(lambda x: np.linalg.norm(x, "nuc"), (x,), (t,))
    slope = cd.grad(lambda x: np.linalg.norm(x, "nuc"))
    np.testing.assert_allclose(found, (slope(x + 1e-5 * t) - slope(x - 1e-5 * t)) / 2e-5, atol=1e-8)


IN_A_PROGRAM = {
    "checkpoint": cd.checkpoint,
    "scan": lambda f: lambda x: cd.scan(lambda c, _: (c + f(x), None), 0.0, length=2)[0] / 2,
    "rows": lambda f: lambda x: cd.scan(lambda c, y: (c, f(y)), 0.0, np.stack([2 * x, x]))[1][1],
    "vmap": lambda f: lambda x: cd.vmap(f)(np.stack([x, 2.0 * x]))[1] / 2,
    "shared": lambda f: lambda x: cd.vmap(lambda k: f(k * x))(np.array([1.0, 3.0]))[1] / 3,
}


@pytest.mark.parametrize("way", IN_A_PROGRAM)
@pytest.mark.parametrize("norm", NORMS)
def test_programs_have_all_derivatives(norm, way, rng):
    """Of the second one nothing was known when the program was recorded."""
    f = lambda x: np.linalg.norm(x, norm)
    x, t = rng.standard_normal((2, 3, 3))
    g = IN_A_PROGRAM[way](f)
    for second in (
        lambda f: cd.hvp(f, (x,), (t,)),
        lambda f: cd.grad(lambda x: (cd.grad(f)(x) * t).sum())(x),
        lambda f: cd.grad(lambda x: cd.jvp(cd.grad(f), (x,), (t,))[1][0, 1])(x),
    ):
        np.testing.assert_allclose(second(g), second(f), rtol=1e-9, atol=1e-12)


def test_nothing_tracked_and_nothing_there():
    x = cd.array(np.arange(6).reshape(2, 3))
    assert abs(np.linalg.norm(x, "nuc").item() - np.linalg.norm(x.numpy(), "nuc")) < 1e-14
    assert np.linalg.norm(cd.array(np.zeros((0, 3))), "nuc").item() == 0.0
    assert np.linalg.norm(cd.array(np.zeros((0, 3))), 2).item() == 0.0  # as since NumPy 2.3
