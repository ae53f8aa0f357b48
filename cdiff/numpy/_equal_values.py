"""Gaps between eigenvalues or singular values, and what may be asked for where there are none.

Vectors of equal values are not unique, so a derivative that would turn one into another is an
error, not a number. To see it, vectors of equal values are turned by a fixed rotation: LAPACK's are
often axes, along which the cotangents of a function may vanish while its derivative does not. It
knows values, vectors and their cotangents and tangents, and no decomposition; where all values
differ it costs a comparison of neighbours.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import math
import operator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, in_program
from cdiff.numpy._common import of_values

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "all_differ",
    "allowed",
    "column",
    "inequality",
    "over_gaps",
    "row",
    "turned",
]

LinAlgError = np.linalg.LinAlgError

FEW = 64  # values that are compared sooner one by one than as an array


def row(x: Array) -> Array:
    """Numbers that belong to columns."""
    return _core.reshape(x, (*x.shape[:-1], 1, x.shape[-1]))


def column(x: Array) -> Array:
    return _core.reshape(x, (*x.shape, 1))


@lru_cache(maxsize=64)
def _noise_of(n: int, dtype: Any) -> float:
    """How far apart equal ones among n values may be by rounding, over the largest of them."""
    return float(8 * n * np.finfo(dtype).eps)


def _noise(values: Any) -> Any:
    """How far apart equal values may be by rounding."""
    size = np.abs(values).max(-1, initial=0.0)[..., None, None]
    return _noise_of(values.shape[-1], values.dtype) * size


def _close(values: Any) -> Any:
    """Which pairs of values are equal but for rounding."""
    return np.abs(values[..., None, :] - values[..., :, None]) <= _noise(values)


def all_differ(values: Any) -> bool:
    """Do the real parts alone show that all values differ?"""
    if values.ndim == 1 and values.dtype.kind == "f" and values.size <= FEW:
        ordered = sorted(values.tolist()) or [0.0]
        noise = _noise_of(len(ordered), values.dtype) * max(-ordered[0], ordered[-1])
        return all(map(noise.__lt__, map(operator.sub, ordered[1:], ordered)))
    parts = values.real.copy()
    parts.sort(-1)
    return bool((parts[..., 1:] - parts[..., :-1] > _noise(values)[..., 0]).all())


def turned(values: Any, vectors: Any, second: bool = False, oblique: bool = False) -> Any:
    """Vectors in columns, those of equal values combined by a fixed unitary matrix.

    Parameters
    ----------
    values, vectors : ndarray
    second : bool
        By another one where the values are 0: left and right singular vectors are independent.
    oblique : bool
        By a matrix that is not unitary.

    Returns
    -------
    ndarray
        Something of each vector is in each, so that no derivative that would turn them can hide.
    """
    if all_differ(values) or not np.isfinite(values).all():
        return vectors
    equal = _close(values)
    found = vectors.copy()
    for point in np.ndindex(values.shape[:-1]):
        part, own = found[point], values[point]
        first = equal[point].argmax(-1)
        for k in np.flatnonzero(np.bincount(first) > 1):
            group = np.flatnonzero(first == k)
            is_zero = bool(np.abs(own[k]) <= _noise(own)[0, 0])
            u = _direction(group.size, vectors.dtype, second and is_zero)
            w = _direction(group.size, vectors.dtype, True) if oblique else u
            block = part[:, group]
            part[:, group] = block - 2.0 * np.outer(block @ u, w.conj())
    return found


def _direction(n: int, dtype: Any, second: bool) -> Any:
    """A unit vector without any symmetry."""
    k = np.arange(1, n + 1)
    u = 1.0 + k * (math.sqrt(5.0) - 1.0) / 2.0 % 1.0
    if second:
        u = np.cos(math.sqrt(2.0) * k * k)
    if dtype.kind == "c":
        u = u * np.exp(1j * math.sqrt(3.0) * k * k)
    return (u / np.linalg.norm(u)).astype(dtype)


def _equal(values: Any, name: str, *forces: Any) -> Any:
    """Which pairs of values are equal but for rounding.

    There vectors are not unique, and an error is raised if a force would turn one into another.
    """
    eps = np.finfo(values.dtype).eps
    equal = _close(values)
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


def allowed(g: Array, values: Array, name: str, forces: Callable[[], tuple[Array, ...]]) -> Array:
    """The packed cotangent g, if none of its forces would turn vectors of equal values: as it is
    where all values differ, and the forces need not be known."""
    if not in_program(values) and all_differ(_core.value(values)):
        return g
    return _core.where(of_values(_unique, values, name, *forces()), g, 0.0)


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
