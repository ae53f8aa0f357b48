"""The determinant, with exact derivatives of every order at singular matrices too.

The usual rule det(A) inv(A)^T fails where A is singular, though the determinant is a polynomial.
Up to order three the polynomial is written out. A well-conditioned larger matrix goes through
log |det|. Any other is rotated by the singular vectors of its *value* (constants, so the identity
det A = det(U) det(U^T A V) det(V^T) holds to every order) and split into a well-conditioned block
and a block near zero: det = det(M11) det(M22 - M21 inv(M11) M12), see Golub and Van Loan, Matrix
Computations, section 3.2. The small block has no inverse to take: its determinant is computed
without division, after R. S. Bird, "A simple division-free algorithm for computing determinants",
Information Processing Letters 111 (2011) 1072-1074.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import math
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, in_program
from cdiff._face import misfit
from cdiff.numpy._common import ArrayLike, as_array, mirrors, of_values
from cdiff.numpy._derived import Derived
from cdiff.numpy._index import diagonal, triu
from cdiff.numpy._shape import stack

__all__ = ["Determinant", "det"]

# The error of derivative k through inv(A) is about epsilon * condition**k.
WELL_CONDITIONED = 1e4


@mirrors(np.linalg.det)
def det(a: ArrayLike) -> Array:
    """As `numpy.linalg.det`: determinants; all derivatives are exact at singular matrices too.

    >>> cd.grad(cnp.linalg.det)(np.array([[2.0, 4.0], [1.0, 2.0]]))
    array([[ 2., -1.],
           [-4.,  2.]])
    """
    a = as_array(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise misfit(
            f"det: the last two axes must be square, got shape {a.shape}", np.linalg.LinAlgError
        )
    if not _core.is_tracked(a):
        return as_array(np.asarray(np.linalg.det(_core.value(a))))
    if a.dtype.kind not in "fc":
        a = _core.cast(a, float)
    if a.shape[-1] <= 3:
        return _expanded(a)
    wide = np.result_type(a.dtype, np.float64)
    return _core.cast(_factored(_core.cast(a, wide)), a.dtype)


def _expanded(a: Array) -> Array:
    """The polynomial itself, up to order three."""
    n = a.shape[-1]
    if n == 0:
        return as_array(np.ones(a.shape[:-2], a.dtype))
    e = [[_core.index(a, (..., i, j)) for j in range(n)] for i in range(n)]
    if n == 1:
        return e[0][0]
    if n == 2:
        return e[0][0] * e[1][1] - e[0][1] * e[1][0]
    (p, q, r), (s, t, u), (v, w, x) = e
    return p * (t * x - u * w) - q * (s * x - u * v) + r * (s * w - t * v)


def _factored(a: Array) -> Array:
    """A stack of matrices of order four and more."""
    if bool(of_values(_is_regular, a)):
        return _core.det(a)
    return Determinant()(a) if in_program(a) else _at_values(a)


def _is_regular(values: Any) -> Any:
    """May all derivatives of these determinants go through the inverse?"""
    # Decided first: a tangent of the operator needs the inverse at once.
    # By the core, which keeps the factors and the inverse for the derivative.
    dets = _core.value(_core.det(values))
    return np.asarray(_nearly_orthogonal(values, dets) or _well_conditioned(values))


class Determinant(Derived):
    """Of matrices that are nearly singular."""

    def function(self, a: Array) -> Array:
        return _at_values(a)


def _at_values(a: Array) -> Array:
    n = a.shape[-1]
    count = math.prod(a.shape[:-2])
    matrices = _core.reshape(a, (count, n, n))
    if count == 1:
        return _core.reshape(_rotated(_core.index(matrices, 0)), a.shape[:-2])
    parts = [_rotated(_core.index(matrices, i)) for i in range(count)]
    return _core.reshape(stack(parts), a.shape[:-2])


def _nearly_orthogonal(values: Any, dets: Any) -> bool:
    """A bound of the condition that costs nothing: 2 / |det| (|a| / sqrt(n))**n, with Frobenius's
    norm (Guggenheimer, Edelman and Johnson, College Math. J. 26 (1995) 2-5)."""
    n = values.shape[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.einsum("...ij,...ij->...", values, values.conj()).real
        size = np.log(squares / n) * (n / 2)
        return bool((size - np.log(np.abs(dets)) < np.log(WELL_CONDITIONED / 2)).all())


def _regular(a: Array) -> Array:
    """The determinant of well-conditioned matrices over its value: 1, with all derivatives."""
    if a.dtype.kind == "c":
        return _core.det(_core.solve(_core.value(a), a))
    size = _core.logabsdet(a)
    # No digit is lost to the logarithm.
    return _core.exp(size - _core.value(size))


def _well_conditioned(values: Any) -> bool:
    """Is no matrix of a stack near a singular one? (True for NaN: nothing is lost.)"""
    if not values.size or not np.isfinite(values).all():
        return True
    try:
        inverse = _core.inv(values)
    except np.linalg.LinAlgError:
        return False
    columns = values.ndim - 2
    sizes = [_core.sum(_core.absolute(x), (columns,), False) for x in (values, inverse)]
    size, inverse_size = (_core.value(_core.max(x, (columns,), False)) for x in sizes)
    return bool((size * inverse_size < WELL_CONDITIONED).all())


def _rotated(a: Array) -> Array:
    """One matrix, as the product of a well-conditioned block and a block near zero."""
    u, s, vt = np.linalg.svd(_core.value(a))
    uh, v = np.ascontiguousarray(u.conj().T), np.ascontiguousarray(vt.conj().T)
    m = _core.matmul(_core.matmul(uh, a), v)
    sign = np.linalg.det(u) * np.linalg.det(vt)
    sign = complex(sign) if np.iscomplexobj(u) else float(np.rint(sign))
    rank = int(np.count_nonzero(s * WELL_CONDITIONED > s[0])) if s[0] > 0 else 0
    rest = _core.index(m, (slice(rank, None), slice(rank, None)))
    if rank == 0:
        return sign * _division_free(rest)
    lead = _core.index(m, (slice(rank), slice(rank)))
    block = float(np.prod(s[:rank])) * _regular(lead)
    if rank == len(s):
        return sign * block
    below = _core.index(m, (slice(rank, None), slice(rank)))
    right = _core.index(m, (slice(rank), slice(rank, None)))
    return sign * block * _division_free(rest - _core.matmul(below, _core.solve(lead, right)))


def _division_free(a: Array) -> Array:
    """Bird's recurrence X <- mu(X) A: sums and products only."""
    n = a.shape[-1]
    if n <= 3:
        return _expanded(a)
    x = a
    for _ in range(n - 1):
        # mu(X): the part above the diagonal; on it, minus the sum of the diagonal below.
        d = diagonal(x)
        tails = d - _core.cumsum(d, 0, True)
        x = _core.matmul(triu(x, 1) + _core.reshape(tails, (n, 1)) * np.eye(n), a)
    return _core.index(x, (0, 0)) * (1.0 if n % 2 else -1.0)
