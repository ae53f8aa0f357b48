"""Matrices as SciPy reads them: dtypes, square or not, one triangle that stands for the whole.

Shared by the files of `cdiff.scipy.linalg`; it must not know what is computed of them.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy._common import adjoint, as_array
from cdiff.numpy._decompositions import floating
from cdiff.numpy._index import diagonal, tril, triu

__all__ = ["hermitian_of", "matrices_of", "matrix_of", "promoted", "square_of", "symmetric_of"]


def square_of(a: Any, name: str) -> Array:
    """Real or complex square matrices, or an error."""
    a = floating(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise misfit(f"{name}: expected a square matrix, got shape {a.shape}")
    return a


def matrix_of(a: Any, name: str) -> Array:
    """One real or complex matrix, or an error."""
    a = floating(a)
    if a.ndim != 2:
        several = "; for several matrices use cd.vmap" if a.ndim > 2 else ""
        raise misfit(f"{name}: expected a matrix, got shape {a.shape}{several}")
    return a


def matrices_of(a: Any, name: str) -> Array:
    """Real or complex matrices, or an error."""
    a = floating(a)
    if a.ndim < 2:
        raise misfit(f"{name}: expected a matrix, got shape {a.shape}")
    return a


def promoted(*arrays: Any) -> list[Array]:
    """Operands in one dtype, real or complex."""
    found = [floating(as_array(a)) for a in arrays]
    dtype = np.result_type(*[a.dtype for a in found])
    return [_core.cast(a, dtype) for a in found]


def symmetric_of(a: Array, lower: bool) -> Array:
    """The symmetric matrix of which one triangle is given."""
    return tril(a) + tril(a, -1).mT if lower else triu(a) + triu(a, 1).mT


def hermitian_of(a: Array, lower: bool) -> Array:
    """The Hermitian matrix of which one triangle is given; imaginary parts of the diagonal do not
    count."""
    if a.dtype.kind != "c":
        return symmetric_of(a, lower)
    half = tril(a, -1) if lower else triu(a, 1)
    d = _core.real(diagonal(a, 0, -2, -1))
    return half + adjoint(half) + _core.reshape(d, (*d.shape, 1)) * np.eye(a.shape[-1])
