"""Eigenvalues and singular values by our own reductions (src/values/condensed.pxi), where the
processor and NumPy's LAPACK allow them: NumPy's numbers and signs, for all sizes and layouts.
"""

import numpy as np
import pytest

import cdiff as cd
from cdiff import _core
from cdiff import numpy as cnp

SIZES = [2, 3, 5, 8, 13, 24, 25, 26, 31, 32, 33, 34, 63, 64, 65, 97]
TALL = [(3, 2), (5, 3), (6, 5), (20, 11), (20, 10), (33, 32), (64, 33), (97, 60), (300, 7)]


def matrix(m, n, seed=0):
    return np.random.default_rng(seed + 1000 * m + n).normal(size=(m, n))


def symmetric(n):
    a = matrix(n, n)
    return a + a.T


def with_garbage_in_memory(f, a):
    """The value of f where the blocks of memory that are taken anew hold no numbers."""
    sizes = np.unique(np.geomspace(16, 40 * a.size + 100, 150).astype(int))
    blocks = [cd.array(np.full(n, np.nan)) + 0.0 for n in sizes]
    del blocks
    return f(cd.array(a, requires_grad=True))


def assert_eigen(w, v, a):
    given = np.linalg.eigh(a)
    size = np.abs(given[0]).max()
    np.testing.assert_allclose(w, given[0], rtol=0, atol=2e-14 * size)
    np.testing.assert_allclose(a @ v, v * w, rtol=0, atol=3e-14 * size)
    np.testing.assert_allclose(v.T @ v, np.eye(len(a)), rtol=0, atol=3e-14)


def assert_singular(u, s, vt, a):
    given = np.linalg.svd(a, compute_uv=False)
    np.testing.assert_allclose(s, given, rtol=0, atol=2e-14 * given[0])
    np.testing.assert_allclose(u * s @ vt, a, rtol=0, atol=3e-14 * given[0])
    np.testing.assert_allclose(u.T @ u, np.eye(len(s)), rtol=0, atol=3e-14)
    np.testing.assert_allclose(vt @ vt.T, np.eye(len(s)), rtol=0, atol=3e-14)


@pytest.mark.parametrize("n", SIZES)
def test_eigenvalues_and_vectors(n):
    a = symmetric(n)
    w, v = with_garbage_in_memory(cnp.linalg.eigh, a)
    assert_eigen(w.numpy(), v.numpy(), a)
    np.testing.assert_allclose(v.numpy(), np.linalg.eigh(a)[1], rtol=0, atol=1e-10)
    v = cnp.linalg.eigh(cd.array(a), "U")[1]
    np.testing.assert_allclose(v.numpy(), np.linalg.eigh(a, "U")[1], rtol=0, atol=1e-10)


@pytest.mark.parametrize("shape", [(n, n) for n in SIZES] + TALL)
def test_singular_values_and_vectors(shape):
    a = matrix(*shape)
    u, s, vt = with_garbage_in_memory(lambda x: cnp.linalg.svd(x, full_matrices=False), a)
    assert_singular(u.numpy(), s.numpy(), vt.numpy(), a)
    given = np.linalg.svd(a, full_matrices=False)
    np.testing.assert_allclose(u.numpy(), given[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(vt.numpy(), given[2], rtol=0, atol=1e-9)


@pytest.mark.parametrize("n", [6, 40])
def test_any_layout_and_only_the_lower_triangle_is_read(n):
    a = symmetric(n)
    lower = np.where(np.tri(n), a, np.nan)
    wide = np.zeros((n, 2 * n))
    wide[:, ::-2] = a
    for x in (np.asfortranarray(a), a[::-1][::-1], wide[:, ::-2], lower):
        assert_eigen(*(y.numpy() for y in cnp.linalg.eigh(cd.array(x))), a)
    b = matrix(n, n)
    wide[:, ::-2] = b
    for x in (np.asfortranarray(b), wide[:, ::-2]):
        assert_singular(*(y.numpy() for y in cnp.linalg.svd(cd.array(x))), b)


def special(n):
    a = symmetric(n)
    low = matrix(n, 2)
    blocks = np.kron(np.eye(2), a[: n // 2, : n // 2])
    graded = np.diag(10.0 ** -np.arange(n)) @ a @ np.diag(10.0 ** -np.arange(n))
    tiny = a.copy()
    tiny[n // 2 :] *= 1e-170
    tiny[:, n // 2 :] *= 1e-170
    return {
        "zeros": np.zeros((n, n)), "ones": np.ones((n, n)), "eye": np.eye(n),
        "diagonal": np.diag(np.arange(n) - 2.5), "rank 2": low @ low.T, "blocks": blocks,
        "graded": graded, "tiny": a * 1e-160, "huge": a * 1e160, "tiny part": tiny,
        "tridiagonal": np.diag(np.ones(n - 1), 1) + np.diag(np.ones(n - 1), -1),
    }  # fmt: skip


@pytest.mark.parametrize("name", special(4))
@pytest.mark.parametrize("n", [4, 12, 40])
def test_special_matrices(name, n):
    a = special(n)[name]
    scale = np.abs(a).max() or 1.0
    w, v = (y.numpy() for y in cnp.linalg.eigh(cd.array(a)))
    np.testing.assert_allclose(v.T @ v, np.eye(n), rtol=0, atol=3e-14)
    np.testing.assert_allclose(a / scale @ v, v * (w / scale), rtol=0, atol=1e-13 * n)
    u, s, vt = (y.numpy() for y in cnp.linalg.svd(cd.array(a)))
    np.testing.assert_allclose(u * (s / scale) @ vt, a / scale, rtol=0, atol=1e-13 * n)
    np.testing.assert_allclose(u.T @ u, np.eye(n), rtol=0, atol=3e-14)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("f", [np.linalg.eigh, lambda x: np.linalg.svd(x)[::-1]])
def test_what_is_not_finite_is_for_numpy(bad, f):
    a = symmetric(12)
    a[7, 3] = bad
    try:
        given = f(a)
    except np.linalg.LinAlgError as error:
        with pytest.raises(np.linalg.LinAlgError, match=str(error)):
            f(cd.array(a))
    else:
        np.testing.assert_array_equal(f(cd.array(a))[0].numpy(), given[0])


def test_out_of_the_usual_range_numpy_decides():
    a = symmetric(5)
    for x in (a * 1e160, a * 1e-160, a.astype(np.float32), a[None], a[:, :1], a[:3], a[:1, :1]):
        assert _core.reduced_svd(x) is None
        assert _core.symmetric_eigen(x) is None


@pytest.mark.parametrize("n", [3, 20, 40])
def test_derivatives(n):
    a, b = symmetric(n), matrix(n, n)
    c = np.arange(1.0, n + 1)
    v = np.linalg.eigh(a)[1]
    g = cd.grad(lambda x: (np.linalg.eigvalsh(x) * c).sum())(a)
    np.testing.assert_allclose(g, v * c @ v.T, rtol=0, atol=1e-11)
    u, _, vt = np.linalg.svd(b)
    for f in (lambda x: np.linalg.svd(x)[1], lambda x: np.linalg.svdvals(x)):
        g = cd.grad(lambda x, f=f: (f(x) * c).sum())(b)
        np.testing.assert_allclose(g, u * c @ vt, rtol=0, atol=1e-11)
    g = cd.grad(lambda x: np.linalg.norm(x, "nuc"))(b)
    np.testing.assert_allclose(g, u @ vt, rtol=0, atol=1e-11)
