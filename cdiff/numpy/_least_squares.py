"""The pseudo-inverse and least squares, differentiable where the rank is constant.

The solution of least squares is the pseudo-inverse times the right side, so the rule of the
pseudo-inverse is all there is; it is written in its own result. This file must not know sweeps.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff.numpy._common import (
    NO_VALUE,
    NUMPY,
    ArrayLike,
    adjoint,
    mirrors,
    of_values,
    real_dtype,
    squared_size,
)
from cdiff.numpy._decompositions import (
    Decomposition,
    floating,
    matrix_of,
    singular_values,
    symmetric_of,
)

__all__ = ["least_squares", "lstsq", "pinv"]

LinAlgError = np.linalg.LinAlgError


class Pinv(Decomposition):
    """G. H. Golub and V. Pereyra, SIAM J. Numer. Anal. 10 (1973) 413-432: of constant rank."""

    name = "pinv"

    def shapes(self, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [(*shape[:-2], shape[-1], shape[-2])]

    def results(self, a: Any) -> tuple[Any, ...]:
        return (np.linalg.pinv(a, self.options[0]),)

    def tangents(self, a: Array, t: Array, results: list[Array], check: bool) -> tuple[Array, ...]:
        p = results[0]
        ap, pa = _core.matmul(a, p), _core.matmul(p, a)
        th, ph = adjoint(t), adjoint(p)
        turned = _core.matmul(th, np.eye(a.shape[-2], dtype=a.dtype) - ap)
        other = _core.matmul(np.eye(a.shape[-1], dtype=a.dtype) - pa, th)
        return (
            _core.matmul(_core.matmul(p, ph), turned)
            + _core.matmul(_core.matmul(other, ph), p)
            - _core.matmul(_core.matmul(p, t), p),
        )


@mirrors(np.linalg.pinv)
def pinv(
    a: ArrayLike, rcond: Any = None, hermitian: bool = False, *, rtol: Any = NO_VALUE
) -> Array:
    """As `numpy.linalg.pinv`, differentiable where the rank is constant."""
    a = symmetric_of(a, "L", "pinv") if hermitian else matrix_of(a, "pinv")
    if rcond is not None and rtol is not NO_VALUE:
        raise ValueError("pinv: `rtol` and `rcond` can't be both set.")
    if rcond is None and rtol in (NO_VALUE, None):
        default = 1e-15 if rtol is NO_VALUE else max(a.shape[-2:]) * NUMPY.finfo(a.dtype).eps
        rcond = default
    elif rcond is None:
        rcond = rtol
    return Pinv(of_values(np.asarray, rcond))(a)[0]


def least_squares(a: Array, b: Array, rcond: float, name: str) -> tuple[Any, Any, Any, Array]:
    """What lstsq returns."""
    m, n = a.shape
    if b.shape[0] != m:
        raise LinAlgError(f"{name}: Incompatible dimensions: {a.shape} and {b.shape}")
    dtype = np.result_type(a.dtype, b.dtype)
    a, b = _core.cast(a, dtype), _core.cast(b, dtype)
    x = _core.matmul(Pinv(np.asarray(rcond))(a)[0], b)
    s = singular_values(a)
    rank = np.int32(np.count_nonzero(np.greater(s, s.max() * rcond)) if s.size else 0)
    if rank < n or m <= n:
        return x, _core.array(np.zeros(0, real_dtype(a))), rank, s
    errors = squared_size(b - _core.matmul(a, x))
    residuals = _core.sum(errors, (0,), False)
    return x, _core.reshape(residuals, (-1,)), rank, s


@mirrors(np.linalg.lstsq)
def lstsq(a: ArrayLike, b: ArrayLike, rcond: float | None = None) -> Any:
    """As `numpy.linalg.lstsq`, differentiable where the rank is constant."""
    a, b = floating(a), floating(b)
    if a.ndim != 2 or b.ndim not in (1, 2):
        raise LinAlgError(f"lstsq: a matrix and one or two axes are needed, not {a.shape} and "
                          f"{b.shape}")  # fmt: skip
    if rcond is None:
        rcond = float(NUMPY.finfo(np.result_type(a.dtype, b.dtype)).eps) * max(a.shape)
    elif rcond < 0:
        rcond = float(NUMPY.finfo(np.result_type(a.dtype, b.dtype)).eps)
    return least_squares(a, b, rcond, "lstsq")
