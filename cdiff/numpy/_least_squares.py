"""The pseudo-inverse and least squares, differentiable where the rank is constant.

The solution of least squares is the pseudo-inverse times the right side, so the rule of the
pseudo-inverse is all there is; it is written in its own result. This file must not know sweeps.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import math
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, in_program, value
from cdiff._face import misfit
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
from cdiff.numpy._decomposition import ByCotangent
from cdiff.numpy._decompositions import (
    Svd,
    floating,
    matrix_of,
    singular_values,
    svd,
    symmetric_of,
)

__all__ = ["kept_values", "least_squares", "lstsq", "pinv", "pseudo_inverse"]

LinAlgError = np.linalg.LinAlgError
SMALL = 1e-11  # singular values below, relatively to the largest, count as rounding errors


class Pinv(ByCotangent):
    """G. H. Golub and V. Pereyra, SIAM J. Numer. Anal. 10 (1973) 413-432: of constant rank.

    Options: up to which singular values are dropped, relatively to the largest, and in addition.
    """

    name = "pinv"

    @staticmethod
    def shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [(*shape[:-2], shape[-1], shape[-2])]

    def results(self, a: Any) -> tuple[Any, ...]:
        cut, more = self.options
        u, s, vt = Svd().parts(a)
        kept = kept_values(s, cut, more)
        inverse = np.divide(1.0, s, where=kept, out=np.zeros_like(s))
        return (np.matmul(vt.conj().mT, inverse[..., None] * u.conj().mT),)

    def cotangent(self, a: Array, results: list[Array], cotangents: list[Array]) -> Array:
        # dp = p p^H da^H (1 - a p) + (1 - p a) da^H p^H p - p da p
        p, g, gt = results[0], cotangents[0], cotangents[0].mT
        ph = adjoint(p)
        rank = _rank(a, p)
        found = -_core.matmul(p.mT, _core.matmul(g, p.mT))
        if not rank > a.shape[-2] - 0.25:
            x = _core.matmul(gt, _core.matmul(p, ph))
            found = found + _core.conj(x - _core.matmul(a, _core.matmul(p, x)))
        if not rank > a.shape[-1] - 0.25:
            x = _core.matmul(_core.matmul(ph, p), gt)
            found = found + _core.conj(x - _core.matmul(_core.matmul(x, p), a))
        return found


def _rank(a: Array, p: Array) -> float:
    """The trace of a projector, least of a stack; 0 in a program, which must not decide by it."""
    if in_program(a):
        return 0.0
    return float((value(p) * value(a).mT).sum((-2, -1)).real.min(initial=math.inf))


def pseudo_inverse(a: Array, cut: Any, more: float = 0.0) -> Array:
    """The pseudo-inverse without singular values up to `cut` times the largest one, and `more`."""
    may_drop = type(cut) is Array or more or np.any(cut > SMALL)
    if may_drop and bool(of_values(_drops, a, cut, more)):
        return _truncated(a, cut, more)
    return Pinv(cut, more)(a)[0]


def _relative(s: Any, cut: Any, more: float) -> Any:
    """Both, relatively to the largest singular value."""
    if not more:
        return cut
    top = s.max(-1, initial=0.0)
    return cut + more / np.where(top > 0, top, 1.0)


def _drops(a: Any, cut: Any, more: float) -> Any:
    """Whether singular values are dropped that are more than rounding errors."""
    s = np.linalg.svd(a, compute_uv=False)
    return np.asarray(np.any(~kept_values(s, cut, more) & kept_values(s, SMALL)))


def kept_values(s: Any, cut: Any, more: float = 0.0) -> Any:
    """Which singular values are larger than that."""
    cut = np.asarray(_relative(s, cut, more))[..., None]
    return s > cut * s.max(-1, keepdims=True, initial=0.0)


def _truncated(a: Array, cut: Any, more: float) -> Array:
    """By the singular vectors: the rule of constant rank does not know of the dropped ones, into
    which the others turn."""
    u, s, vt = svd(a, full_matrices=False)
    kept = of_values(kept_values, s, cut, more)
    inverse = _core.where(kept, 1.0 / _core.where(kept, s, 1.0), 0.0)
    v = adjoint(vt)
    return _core.matmul(v * _core.reshape(inverse, (*s.shape[:-1], 1, s.shape[-1])), adjoint(u))


@mirrors(np.linalg.pinv)
def pinv(
    a: ArrayLike, rcond: Any = None, hermitian: bool = False, *, rtol: Any = NO_VALUE
) -> Array:
    """As `numpy.linalg.pinv`: the pseudoinverse, differentiable where the rank is constant.

    >>> round(cd.grad(lambda t: cnp.linalg.pinv([[t], [0.0]])[0, 0])(2.0), 6)
    -0.25
    """
    a = symmetric_of(a, "L", "pinv") if hermitian else matrix_of(a, "pinv")
    if rcond is not None and rtol is not NO_VALUE:
        raise ValueError("pinv: `rtol` and `rcond` can't be both set.")
    if rcond is None and (rtol is NO_VALUE or rtol is None):
        default = 1e-15 if rtol is NO_VALUE else max(a.shape[-2:]) * NUMPY.finfo(a.dtype).eps
        rcond = default
    elif rcond is None:
        rcond = rtol
    return pseudo_inverse(a, of_values(np.asarray, rcond))


def least_squares(a: Array, b: Array, rcond: float, name: str) -> tuple[Any, Any, Any, Array]:
    """What lstsq returns."""
    m, n = a.shape
    if b.shape[0] != m:
        raise misfit(f"{name}: Incompatible dimensions: {a.shape} and {b.shape}", LinAlgError)
    dtype = np.result_type(a.dtype, b.dtype)
    a, b = _core.cast(a, dtype), _core.cast(b, dtype)
    if rcond < 0 or rcond >= 1:  # as LAPACK reads it
        rcond = float(NUMPY.finfo(dtype).eps)
    x = _core.matmul(pseudo_inverse(a, np.asarray(rcond)), b)
    s = singular_values(a)
    rank = np.int32(np.count_nonzero(np.greater(s, s.max() * rcond)) if s.size else 0)
    if rank < n or m <= n:
        return x, _core.array(np.zeros(0, real_dtype(a))), rank, s
    errors = squared_size(b - _core.matmul(a, x))
    residuals = _core.sum(errors, (0,), False)
    return x, _core.reshape(residuals, (-1,)), rank, s


@mirrors(np.linalg.lstsq)
def lstsq(a: ArrayLike, b: ArrayLike, rcond: float | None = None) -> Any:
    """As `numpy.linalg.lstsq`: the solution of least squares, differentiable where the rank is
    constant.

    >>> cd.grad(lambda b: cnp.linalg.lstsq([[1.0], [1.0]], b)[0][0])(np.array([1.0, 3.0])).round(6)
    array([0.5, 0.5])
    """
    a, b = floating(a), floating(b)
    if a.ndim != 2 or b.ndim not in (1, 2):
        raise misfit(f"lstsq: a matrix and one or two axes are needed, not {a.shape} and "
                          f"{b.shape}", LinAlgError)  # fmt: skip
    if rcond is None:
        rcond = float(NUMPY.finfo(np.result_type(a.dtype, b.dtype)).eps) * max(a.shape)
    return least_squares(a, b, rcond, "lstsq")
