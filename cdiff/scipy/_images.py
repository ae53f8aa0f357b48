"""What filters of images have in common: operands, names of borders, entries for each axis, and the
windows around each element. It knows no filter.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy._common import as_array, axes_of, axis_of, listed_axes
from cdiff.numpy._edit import sliding_window_view
from cdiff.numpy._pad import pad
from cdiff.scipy._mirror import constant, no_keywords

__all__ = ["PADS", "as_given", "image", "per_axis", "windows"]

# SciPy's names of continuations, and NumPy's.
PADS = {"reflect": "symmetric", "grid-mirror": "symmetric", "constant": "constant",
        "grid-constant": "constant", "nearest": "edge", "mirror": "reflect", "wrap": "wrap",
        "grid-wrap": "wrap"}  # fmt: skip


def image(input: Any, output: Any, name: str) -> Array:
    """An operand as an array of real or complex numbers."""
    no_keywords(name, output=(output, None))
    a = as_array(input)
    return a if a.dtype.kind in "fc" else _core.cast(a, float)


def per_axis(given: Any, count: int, name: str) -> list[Any]:
    """One entry for each axis."""
    given = constant(given)
    several = isinstance(given, (list, tuple))
    if isinstance(given, str) or (not several and np.ndim(given) == 0):
        return [given] * count
    if len(given) != count:
        raise RuntimeError(f"{name}: {len(given)} entries for {count} axes")
    return list(given)


def as_given(a: Array, axes: Any, name: str) -> tuple[int, ...]:
    """Axes in the order in which they are given, as that of the entries for each."""
    axes = listed_axes(axes)
    chosen = axes_of(a, axes, name)
    return tuple([axis_of(a, k, name) for k in axes]) if isinstance(axes, tuple) else chosen


def windows(
    a: Array, footprint: Any, mode: Any, cval: Any, origin: Any, axes: tuple[int, ...], name: str
) -> Array:
    """The elements of a footprint around each element, along a new last axis.

    Parameters
    ----------
    a : Array
    footprint : ndarray of bool
        With an axis for each of `axes`.
    mode, origin
        As SciPy's, one or one for each axis.
    cval : number or Array
    axes : tuple of int
    name : str

    Returns
    -------
    Array
    """
    if a.dtype.kind == "c":
        raise TypeError(f"{name}: Complex type not supported")
    if footprint.ndim != len(axes) or not footprint.any():
        raise misfit(f"{name}: a footprint {footprint.shape} for {len(axes)} axes", RuntimeError)
    entries = (per_axis(z, len(axes), name) for z in (mode, origin))
    for k, m, kind, shift in zip(axes, footprint.shape, *entries, strict=True):
        before = m // 2 + shift
        if not 0 <= before < m:
            raise ValueError(f"{name}: origin={shift} lies outside of {m} elements")
        if not isinstance(kind, str) or kind not in PADS:
            raise RuntimeError(f"{name}: mode is one of {', '.join(PADS)}, not {kind!r}")
        widths = [(before, m - 1 - before) if i == k else (0, 0) for i in range(a.ndim)]
        values = {"constant_values": cval} if PADS[kind] == "constant" else {}
        a = pad(a, widths, PADS[kind], **values)
    found = sliding_window_view(a, footprint.shape, axes)
    shape = found.shape[: a.ndim]
    found = _core.reshape(found, (*shape, footprint.size))
    return found if footprint.all() else found[..., np.flatnonzero(footprint)]
