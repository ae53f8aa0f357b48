"""Eigenvalues and vectors of two matrices, A v = w B v, and left vectors of one matrix or of two.

An operator of both matrices as one array, since a decomposition has one operand: its value is
SciPy's, its tangent that of `Eig` in the basis B V. Left vectors follow from the right ones by an
inverse. It must not know SciPy's signatures; a decomposition costs far more than the calls here.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy._common import adjoint, along, of_values, squared_size
from cdiff.numpy._decompositions import TURNED, Eig, places_of_largest
from cdiff.numpy._equal_values import row
from cdiff.numpy.linalg import inv
from cdiff.scipy._need import scipy_module
from cdiff.scipy._structure import promoted

_linalg = scipy_module("linalg")

__all__ = ["left_vectors", "pair_eig"]


class PairEig(Eig):
    """Of matrices stacked as (..., 2, n, n); option 0 as for `Eig`."""

    @staticmethod
    def shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        lead = (*shape[:-3], shape[-1])
        return [lead, (*lead, shape[-1])]

    def plain(self, a: Any) -> tuple[Any, ...]:
        first, second = np.moveaxis(a, -3, 0)
        return tuple(_linalg.eig(first, second, check_finite=False))

    def tangents(self, a: Array, t: Array, results: list[Array], check: bool) -> tuple[Array, ...]:
        return super().tangents(a, t, [_finite(results[0]), results[1]], check)

    def checked(self, results: list[Array], cotangents: list[Array], g: Array) -> Array:
        return super().checked([_finite(results[0]), results[1]], cotangents, g)

    def change(self, a: Array, t: Array, results: list[Array]) -> Array:
        w, v = results
        b = _core.index(a, (..., 1, slice(None), slice(None)))
        ta = _core.index(t, (..., 0, slice(None), slice(None)))
        tb = _core.index(t, (..., 1, slice(None), slice(None)))
        change = _core.matmul(ta, v) - _core.matmul(tb, v) * row(w)
        return _core.solve(_core.matmul(b, v), change)


PAIRS = {real: PairEig(real, TURNED) for real in (False, True)}


def _finite(w: Array) -> Array:
    return _core.where(of_values(_all_finite, w), w, 0.0)


def _all_finite(w: Any) -> Any:
    if not np.isfinite(w).all():
        raise _linalg.LinAlgError(
            "eig: the second matrix is singular; eigenvalues that are infinite have no derivative"
        )
    return np.asarray(True)


def _turns(a: Any, b: Any) -> Any:
    """Have real matrices complex eigenvalues?"""
    return np.asarray(bool(_linalg.eigvals(a, b, check_finite=False).imag.any()))


def pair_eig(a: Any, b: Any, name: str) -> tuple[Array, Array]:
    """Eigenvalues and right vectors of two square matrices, or of stacks of them."""
    a, b = promoted(a, b)
    if a.shape[-2:] != b.shape[-2:]:
        raise misfit(f"{name}: shapes {a.shape} and {b.shape} do not fit")
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    parts = [_core.broadcast_to(x, stack + x.shape[-2:]) for x in (a, b)]
    real = a.dtype.kind == "f"
    if real and bool(of_values(_turns, *parts)):
        parts = [_core.cast(x, np.result_type(x.dtype, np.complex64)) for x in parts]
    shape = (*stack, 1, *a.shape[-2:])
    whole = _core.concatenate([_core.reshape(x, shape) for x in parts], len(stack))
    w, v = PAIRS[real](whole)
    return w, v


def _signs(u: Any, a: Any, b: Any) -> Any:
    """What makes each left vector the one that SciPy gives."""
    given = _linalg.eig(a, b, left=True, check_finite=False)[1]
    ratio = (u.conj() * given).sum(-2, keepdims=True)
    size = np.abs(ratio)
    ratio = np.where(size > 0, ratio / np.where(size > 0, size, 1), 1)
    return ratio.astype(u.dtype) if u.dtype.kind == "c" else ratio.real.astype(u.dtype)


def left_vectors(v: Array, a: Any, b: Any = None) -> Array:
    """Left vectors, of length one, where v are the right ones; b is None for one matrix.

    Their phases are those of SciPy's, and stand still at the largest element of each.
    """
    u = adjoint(inv(v if b is None else _core.matmul(_core.cast(b, v.dtype), v)))
    u = u / _core.sqrt(_core.sum(squared_size(u), (u.ndim - 2,), True))
    if u.dtype.kind == "c":
        top = along(u, places_of_largest(u), u.ndim - 2)
        u = u * (_core.conj(top) / _core.sqrt(squared_size(top)))
    return u * of_values(_signs, u, a, b)
