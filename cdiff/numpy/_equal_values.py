"""Gaps between eigenvalues or singular values, and what may be asked for where there are none.

Vectors of equal values are not unique, so a derivative that would turn one into another is an
error, not a number. It knows values, cotangents and tangents of vectors, and no decomposition.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff.numpy._common import of_values

__all__ = ["allowed", "column", "inequality", "over_gaps", "row"]

LinAlgError = np.linalg.LinAlgError


def row(x: Array) -> Array:
    """Numbers that belong to columns."""
    return _core.reshape(x, (*x.shape[:-1], 1, x.shape[-1]))


def column(x: Array) -> Array:
    return _core.reshape(x, (*x.shape, 1))


def _equal(values: Any, name: str, *forces: Any) -> Any:
    """Which pairs of values are equal but for rounding.

    There vectors are not unique, and an error is raised if a force would turn one into another.
    """
    eps = np.finfo(values.dtype).eps
    size = np.abs(values).max(-1, initial=0.0)[..., None, None]
    equal = np.abs(values[..., None, :] - values[..., :, None]) <= 8 * values.shape[-1] * eps * size
    off = equal & ~np.eye(values.shape[-1], dtype=bool)
    for force in forces:
        strongest = np.abs(force).max((-2, -1), initial=0.0, keepdims=True)
        if np.any(off & (np.abs(force) > np.sqrt(eps) * strongest)):
            raise LinAlgError(
                f"{name}: vectors that belong to equal values have no derivative (they are not "
                "unique); differentiate symmetric functions of the values alone, by eigvalsh or "
                "svdvals, and once only, or functions of the matrix (inv, solve, and expm, logm, "
                "sqrtm of cdiff.scipy.linalg), or separate the values"
            )
    return equal


def _unique(values: Any, name: str, *forces: Any) -> Any:
    _equal(values, name, *forces)
    return np.asarray(True)


def allowed(g: Array, values: Array, name: str, *forces: Array) -> Array:
    """The packed cotangent g, if none of its forces would turn vectors of equal values."""
    return _core.where(of_values(_unique, values, name, *forces), g, 0.0)


def inequality(g: Array) -> Array:
    """As a force: how the cotangents of values differ, and their size on the diagonal.

    A function that depends on the vectors of equal values through the values alone, as that of a
    matrix does, asks for the change of a whole block of them, of which the values are but the
    diagonal. Only what treats equal values alike asks for no more than that.
    """
    unit = np.eye(g.shape[-1], dtype=g.dtype)
    return column(g) - row(g) * (1 - unit)


def over_gaps(m: Array, values: Array, force: Array | None, name: str) -> Array:
    """m[i, j] / (values[j] - values[i]), and 0 where they are equal."""
    equal = of_values(_equal, values, name, *([] if force is None else [force]))
    gaps = _core.where(equal, 1.0, row(values) - column(values))
    return _core.where(equal, 0.0, m / gaps)
