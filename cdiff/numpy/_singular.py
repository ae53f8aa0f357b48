"""Matrix norms made of singular values, with derivatives of every order that can be asked for.

There is no operator for singular values. As in `_det.py`, the matrix is rotated by the singular
vectors of its *value*, which are constants: B = U^H A V is diag(s) but for a D that is zero and
has A's derivatives, and B^H B = diag(s^2) + E with an E of that kind, too. What is asked for
satisfies an equation in E whose fixed-point iteration wins one order of E in every step, so as
many steps as levels track the matrix give all derivatives that anybody can take, with matrix
products alone (in a program these are `Derived`):

* The sum of all singular values is the trace of Y = (B^H B)^(1/2). With Y = diag(s) + y,
  (s_i + s_j) y_ij = (E - y y)_ij. Equal singular values do no harm.
* An extreme one is the root of an eigenvalue of B^H B, w = s_1^2 + e with Z = (1, z)^T its
  eigenvector: (s_1^2 - s_j^2) z_j = (E Z - Z e)_j. Where k are equal, Z is their k vectors and e a
  matrix of order k, whose mean eigenvalue is differentiated: each has an equal share.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, in_program, value
from cdiff.numpy._common import NUMPY, adjoint, real_dtype
from cdiff.numpy._decompositions import Svd
from cdiff.numpy._derived import Derived
from cdiff.numpy._index import diagonal

__all__ = ["SingularNorm", "singular_norm"]


def singular_norm(a: Array, ord: Any) -> Array:
    """The norms "nuc", 2 and -2 of matrices in the last two axes."""
    return SingularNorm((ord,))(a) if in_program(a) else _at_values(a, ord)


class SingularNorm(Derived):
    """Option 0 is the norm."""

    def function(self, a: Array) -> Array:
        return _at_values(a, *self.options)


def _at_values(a: Array, ord: Any) -> Array:
    a = _core.transpose(a, (*range(a.ndim - 2), a.ndim - 1, a.ndim - 2)) if _is_wide(a) else a
    dtype = real_dtype(a)
    a = _core.cast(a, np.result_type(a.dtype, np.float64))
    order = _core.levels(a)
    first_sum = ord == "nuc" and order == 1
    u, s, vt = Svd().parts(value(a)) if first_sum else np.linalg.svd(value(a), order > 1)
    # What is below is zero but for rounding; what is as near to another is equal to it.
    blur = max(a.shape[-2:]) * NUMPY.finfo(dtype).eps * s.max(-1, keepdims=True, initial=0.0)
    if first_sum:
        return _core.cast(_first_order_sum(a, u, s, vt, blur), dtype)
    e = _change_of_square(a, u, s, vt, order) if order else None
    return _core.cast((_sum if ord == "nuc" else _extreme)(e, s, blur, order, ord), dtype)


def _is_wide(a: Array) -> bool:
    return a.shape[-2] < a.shape[-1]


def _change_of_square(a: Array, u: Any, s: Any, vt: Any, order: int) -> Array:
    """B^H B - diag(s^2), which is zero."""
    b = _core.matmul(_core.matmul(u.conj().mT, a), vt.conj().mT)
    d = b - value(b)
    half = _core.index(d, (..., slice(s.shape[-1]), slice(None))) * s[..., None]
    linear = half + adjoint(half)
    return linear if order == 1 else linear + _core.matmul(adjoint(d), d)


def _inverse(x: Any, blur: Any) -> Any:
    """1 / x, but 0 where x is only rounding."""
    small = np.abs(x) <= blur
    return np.where(small, 0.0, 1.0 / np.where(small, 1.0, x))


def _trace(x: Array) -> Array:
    """The trace of a Hermitian matrix."""
    d = _core.real(diagonal(x, 0, -2, -1))
    return _core.sum(d, (d.ndim - 1,), False)


def _first_order_sum(a: Array, u: Any, s: Any, vt: Any, blur: Any) -> Array:
    """What `_sum` makes of one level, where y has but a diagonal: a product less and no square."""
    slope = np.matmul((u if (s > blur).all() else u * (s > blur)[..., None, :]).conj(), vt.conj())
    batch, size = s.shape[:-1], a.shape[-2] * a.shape[-1]
    row = _core.reshape(a - value(a), (*batch, 1, size))
    column = _core.array(slope.reshape(*batch, size, 1), copy=False)
    change = _core.real(_core.reshape(_core.matmul(row, column), batch))
    return _core.array(s.sum(-1)) + change


def _sum(e: Array | None, s: Any, blur: Any, order: int, ord: Any) -> Array:
    total = _core.sum(_core.array(s), (s.ndim - 1,), False)
    if e is None:
        return total
    weight = _inverse(s[..., :, None] + s[..., None, :], blur[..., None])
    y = e * weight
    for _ in range(order - 1):
        y = (e - _core.matmul(y, y)) * weight
    return total + _trace(y)


def _extreme(e: Array | None, s: Any, blur: Any, order: int, ord: Any) -> Array:
    first = (s.max if ord == 2 else s.min)(-1, keepdims=True)
    if e is None:
        return _core.array(first[..., 0])
    equal = np.abs(s - first) <= blur
    own = np.eye(s.shape[-1]) * equal[..., None]
    # The difference of the squares, without their rounding.
    weight = _inverse((first - s) * (first + s), blur * first)[..., None]
    weight = np.where(equal[..., None], 0.0, weight)
    z: Any = own
    for _ in range(order - 1):
        ez = _core.matmul(e, z)
        z = own + (ez - _core.matmul(z, ez * equal[..., None])) * weight
    change = _trace(_core.matmul(e, z) * equal[..., None]) / equal.sum(-1)
    # A smallest value of zero is a kink, like that of abs(x), and has the derivative 0.
    ratio = change * _inverse(first**2, blur**2)[..., 0]
    return _core.sqrt(1.0 + ratio) * first[..., 0]
