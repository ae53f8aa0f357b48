"""`scipy.linalg`'s matrices that are made of vectors or of blocks: Toeplitz, companion, and others.

Each is a gather of the elements, or they are put together with zeros; so this file must not know
derivatives. Names and signatures are SciPy's.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy._common import as_array
from cdiff.scipy._matrix import joined
from cdiff.scipy._mirror import in_double, mirror_of
from cdiff.scipy._need import scipy_module
from cdiff.scipy._structure import EITHER, matrix_of, over_stacks, promoted, vector_of

__all__: list[str] = []
_mirrors = mirror_of(scipy_module("linalg"), __all__)


@_mirrors
@over_stacks(1, 1)
def toeplitz(c: Any, r: Any = None) -> Array:
    """As `scipy.linalg.toeplitz`: equal diagonals, of vectors.

    >>> cd.grad(lambda c: csl.toeplitz(c).sum())(np.ones(3))
    array([3., 4., 2.])
    """
    c = vector_of(c, "toeplitz")
    r = _core.conj(c) if r is None else vector_of(r, "toeplitz")
    values = _core.concatenate([c[::-1], r[1:]], 0)
    i, j = np.arange(c.size)[:, None], np.arange(r.size)
    return values[c.size - 1 - i + j]


@_mirrors
def hankel(c: Any, r: Any = None) -> Array:
    """As `scipy.linalg.hankel`: equal antidiagonals, of vectors.

    >>> cd.grad(lambda c: csl.hankel(c).sum())(np.ones(3))
    array([1., 2., 3.])
    """
    c = vector_of(c, "hankel")
    r = np.zeros(c.size, c.dtype) if r is None else vector_of(r, "hankel")
    values = _core.concatenate([c, as_array(r[1:])], 0)
    return values[np.arange(c.size)[:, None] + np.arange(r.size)]


@_mirrors
@over_stacks(1)
def circulant(c: Any) -> Array:
    """As `scipy.linalg.circulant`: a vector and its rotations as columns.

    >>> cd.grad(lambda c: csl.circulant(c).sum())(np.ones(3))
    array([3., 3., 3.])
    """
    c = vector_of(c, "circulant")
    return c[(np.arange(c.size)[:, None] - np.arange(c.size)) % c.size]


@_mirrors
@over_stacks(1)
def companion(a: Any) -> Array:
    """As `scipy.linalg.companion`: the matrix with a given characteristic polynomial.

    >>> cd.grad(lambda a: csl.companion([a, 2.0, 3.0])[0, 0])(1.0)
    2.0
    """
    a = vector_of(a, "companion")
    if a.size < 2:
        raise ValueError(f"companion: at least two coefficients are needed, not {a.size}")
    first = _core.reshape(-a[1:] / a[0], (1, a.size - 1))
    below = np.eye(a.size - 2, a.size - 1, dtype=first.dtype)
    return _core.concatenate([first, as_array(below)], 0)


@_mirrors
@over_stacks(1)
def convolution_matrix(a: Any, n: int, mode: str = "full") -> Array:
    """As `scipy.linalg.convolution_matrix`: the matrix that convolves with a vector.

    >>> cd.grad(lambda a: csl.convolution_matrix(a, 3).sum())(np.ones(2))
    array([3., 3.])
    """
    a = vector_of(a, "convolution_matrix")
    if n <= 0 or not a.size:
        raise ValueError(f"convolution_matrix: n={n} and the length {a.size} must be positive")
    starts = {"full": (0, a.size + n - 1), "same": ((min(a.size, n) - 1) // 2, max(a.size, n)),
              "valid": (min(a.size, n) - 1, max(a.size, n) - min(a.size, n) + 1)}  # fmt: skip
    if mode not in starts:
        raise ValueError(f"convolution_matrix: mode is full, same or valid, not {mode!r}")
    start, count = starts[mode]
    place = np.arange(start, start + count)[:, None] - np.arange(n)
    inside = (place >= 0) & (place < a.size)
    return a[np.where(inside, place, 0)] * inside.astype(a.dtype)


@_mirrors
def block_diag(*arrs: Any) -> Array:
    """As `scipy.linalg.block_diag`: matrices along the diagonal.

    >>> cd.grad(lambda a: csl.block_diag(a, a).sum())(np.ones((1, 2)))
    array([[2., 2.]])
    """
    blocks = [as_array(x) for x in arrs]
    blocks = [_core.reshape(x, (1, x.size)) if x.ndim < 2 else x for x in blocks]
    if any(x.ndim > 2 for x in blocks):
        raise misfit(f"block_diag: matrices are needed, got {[x.shape for x in blocks]}")
    rows, before, total = [], 0, sum([x.shape[1] for x in blocks])
    dtype = np.result_type(*[x.dtype for x in blocks]) if blocks else float
    for x in blocks:
        after = total - before - x.shape[1]
        left, right = (np.zeros((x.shape[0], n), dtype) for n in (before, after))
        rows.append([as_array(left), x, as_array(right)])
        before += x.shape[1]
    return joined(rows)


@_mirrors
@over_stacks(2, 2)
def khatri_rao(a: Any, b: Any) -> Array:
    """As `scipy.linalg.khatri_rao`: Kronecker products of columns.

    >>> cd.grad(lambda a: csl.khatri_rao(a, a).sum())(np.array([[1.0, 2.0]]))
    array([[2., 4.]])
    """
    a, b = matrix_of(a, "khatri_rao"), matrix_of(b, "khatri_rao")
    if a.shape[1] != b.shape[1]:
        raise misfit(f"khatri_rao: the numbers of columns of {a.shape} and {b.shape} differ")
    product = _core.reshape(a, (a.shape[0], 1, a.shape[1])) * b
    return _core.reshape(product, (a.shape[0] * b.shape[0], a.shape[1]))


@_mirrors
@in_double
def matmul_toeplitz(
    c_or_cr: Any, x: Any, check_finite: bool = False, workers: int | None = None
) -> Array:
    """As `scipy.linalg.matmul_toeplitz`: a Toeplitz matrix times x, as a product of matrices.

    >>> cd.grad(lambda x: csl.matmul_toeplitz([1.0, 2.0], x).sum())(np.ones(2))
    array([3., 3.])
    """
    pair = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr,)
    return _toeplitz_times(pair[0], pair[1] if len(pair) > 1 else None, x)


@over_stacks(1, 1, EITHER)
def _toeplitz_times(c: Any, r: Any, x: Any) -> Array:
    return _core.matmul(*promoted(toeplitz(c, r), x))


@_mirrors
@over_stacks(1, 1)
def leslie(f: Any, s: Any) -> Array:
    """As `scipy.linalg.leslie`: the matrix of a population, of fecundities and survivals.

    >>> cd.grad(lambda s: csl.leslie(np.ones(3), s).sum())(np.ones(2))
    array([1., 1.])
    """
    f, s = vector_of(f, "leslie"), vector_of(s, "leslie")
    kind = np.result_type(f.dtype, s.dtype)
    f, s = _core.cast(f, kind), _core.cast(s, kind)
    if not s.size or f.size != s.size + 1:
        raise ValueError(f"leslie: f of {f.size} and s of {s.size} elements do not fit")
    below = _core.reshape(s, (s.size, 1)) * np.eye(s.size, f.size, dtype=kind)
    return _core.concatenate([_core.reshape(f, (1, f.size)), below], 0)
