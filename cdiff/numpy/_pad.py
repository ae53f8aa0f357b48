"""numpy.pad with every mode.

Modes that repeat elements are one gather at positions that NumPy itself pads; the others are joined
to the array axis by axis, as NumPy does it, so corners come out alike. This file must not know how
a join is differentiated.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import operator
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array
from cdiff._face import misfit
from cdiff.numpy import _index, _reduce
from cdiff.numpy._common import (
    NUMPY,
    ArrayLike,
    any_order,
    as_array,
    index_along,
    mirrors,
    of_values,
    plain,
)
from cdiff.numpy._creation import linspace
from cdiff.numpy._functional import lines, restacked

__all__ = ["pad"]

REPEATING = ("edge", "reflect", "symmetric", "wrap")
STATISTICS: dict[str, Any] = {"maximum": _reduce.max, "minimum": _reduce.min, "mean": _reduce.mean,
              "median": _index.median}  # fmt: skip
# The keywords of each mode, as NumPy has them.
ALLOWED = {
    "constant": ("constant_values",), "edge": (), "empty": (), "linear_ramp": ("end_values",),
    "maximum": ("stat_length",), "mean": ("stat_length",), "median": ("stat_length",),
    "minimum": ("stat_length",), "reflect": ("reflect_type",), "symmetric": ("reflect_type",),
    "wrap": (),
}  # fmt: skip


@mirrors(np.pad)
@any_order
def pad(array: ArrayLike, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Array:
    """As `numpy.pad`: more elements at the ends, with every mode, differentiable in constant and
    end values too.

    >>> cd.grad(lambda x: cnp.pad(x, 1, mode="edge").sum())(np.ones(3))
    array([2., 1., 2.])
    """
    a = as_array(array)
    widths = _widths(pad_width, a.ndim)
    if callable(mode):
        return _by_function(a, widths, mode, kwargs)
    if mode not in ALLOWED:
        raise ValueError(f"pad: mode '{mode}' is not supported")
    if surplus := sorted(set(kwargs) - set(ALLOWED[mode])):
        raise ValueError(f"pad: unsupported keyword arguments for mode '{mode}': {surplus}")
    nothing = not any(map(any, widths))
    if nothing:
        a = a.copy()  # also nothing around it is an array of its own
    elif mode not in ("constant", "empty"):
        _check_empty(a, widths)
    if mode in REPEATING:
        return a if nothing else _repeated(a, widths, mode, kwargs.get("reflect_type", "even"))
    if mode in ("constant", "empty"):
        sides = _pairs(kwargs.get("constant_values", 0), a.ndim)
    elif mode == "linear_ramp":
        sides = _pairs(kwargs.get("end_values", 0), a.ndim)
    else:
        sides = _lengths(kwargs.get("stat_length"), a.ndim)
    if a.dtype.kind not in "fc" and mode not in ("constant", "empty") and not nothing:
        return _core.array(NUMPY.pad(plain(a), widths, mode, **kwargs))
    for axis, width in enumerate(widths):
        if any(width):
            parts = [_side(a, axis, width[k], mode, sides[axis][k], k) for k in (0, 1)]
            a = _core.concatenate([parts[0], a, parts[1]], axis)
    return a


def _check_empty(a: Array, widths: list[tuple[int, int]]) -> None:
    """Raise where there is no element to go by."""
    for axis, width in enumerate(widths):
        if any(width) and not a.shape[axis]:
            raise misfit(
                f"pad: can't extend empty axis {axis} using modes other than 'constant' or 'empty'"
            )


def _widths(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    """How many elements go before and after each axis."""
    if isinstance(pad_width, dict):
        pairs = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            pairs[axis] = (width, width) if np.ndim(width) == 0 else tuple(width)
        pad_width = pairs
    widths = np.asarray(pad_width)
    if widths.dtype.kind not in "iu":
        raise TypeError("pad: `pad_width` must be of integral type.")
    pairs = [(int(i), int(j)) for i, j in np.broadcast_to(widths, (ndim, 2))]
    if any(min(pair) < 0 for pair in pairs):
        raise ValueError("pad: index can't contain negative values")
    return pairs


def _pairs(x: Any, ndim: int) -> list[tuple[Any, Any]]:
    """A pair for each axis of what may be a number, a pair, or a sequence of pairs; tracked too."""
    if isinstance(x, dict):
        raise TypeError("pad: a dict is understood for pad_width only")
    if not any_array(x):
        return [(pair[0], pair[1]) for pair in np.broadcast_to(np.asarray(x), (ndim, 2))]
    full = _core.broadcast_to(_core.array(x, copy=False), (ndim, 2))
    return [(_core.index(full, (i, 0)), _core.index(full, (i, 1))) for i in range(ndim)]


def _lengths(x: Any, ndim: int) -> list[tuple[Any, Any]]:
    if x is None:
        return [(None, None)] * ndim
    pairs = [(operator.index(i), operator.index(j)) for i, j in np.broadcast_to(x, (ndim, 2))]
    if any(min(pair) < 0 for pair in pairs):
        raise ValueError("pad: index can't contain negative values")
    return pairs


def _side(a: Array, axis: int, width: int, mode: str, given: Any, end: int) -> Array:
    """What goes before (end 0) or after (end 1) an axis."""
    shape = tuple([width if i == axis else n for i, n in enumerate(a.shape)])
    if mode in ("constant", "empty"):
        return _core.broadcast_to(_core.cast(given, a.dtype), shape)
    n = a.shape[axis]
    if mode == "linear_ramp":
        edge = _core.index(a, index_along(axis, -1 if end else 0))
        ramp = linspace(as_array(given), edge, width, endpoint=False, axis=axis)
        ramp = _core.cast(ramp, a.dtype)
        return _core.index(ramp, index_along(axis, slice(None, None, -1))) if end else ramp
    length = n if given is None else min(given, n)
    if not length and mode in ("maximum", "minimum"):
        raise ValueError("pad: stat_length of 0 yields no value for padding")
    part = slice(n - length, None) if end else slice(length)
    statistic = STATISTICS[mode](_core.index(a, index_along(axis, part)), axis, keepdims=True)
    return _core.broadcast_to(_core.cast(statistic, a.dtype), shape)


# --- repeated elements ----------------------------------------------------------------------------


def _repeated(a: Array, widths: list[tuple[int, int]], mode: str, reflect_type: str) -> Array:
    if mode not in ("reflect", "symmetric") or reflect_type == "even":
        positions = NUMPY.pad(np.arange(a.size).reshape(a.shape), widths, mode)
        return _core.index(_core.reshape(a, (a.size,)), positions)
    if a.dtype.kind not in "fc":
        return as_array(of_values(NUMPY.pad, a, widths, mode, reflect_type=reflect_type))
    for axis, width in enumerate(widths):
        a = _odd(a, axis, width, mode) if any(width) else a
    return a


def _odd(a: Array, axis: int, width: tuple[int, int], mode: str) -> Array:
    """Reflected at both ends, again and again: each element is one of the axis with a factor, and
    multiples of the first and the last. NumPy pads unit vectors to find the factors."""
    n = a.shape[axis]
    positions = NUMPY.pad(np.arange(n), width, mode)
    column = (-1,) + (1,) * (a.ndim - axis - 1)
    first, last = (NUMPY.pad(unit, width, mode, reflect_type="odd").reshape(column)
                   for unit in np.eye(n, dtype=a.dtype)[[0, n - 1]])  # fmt: skip
    own = 1 - first - last if n > 1 else 0 * first
    last = last if n > 1 else 0 * last
    ends = [_core.index(a, index_along(axis, slice(k, k + 1))) for k in (0, n - 1)]
    moved = _core.index(a, index_along(axis, positions))
    return _times(own.astype(a.dtype), moved) + _times(first, ends[0]) + _times(last, ends[1])


def _times(factor: Any, x: Array) -> Array:
    """What has the factor 0 does not count, not even inf or nan."""
    return _core.where(factor == 0, 0.0, factor * x)


# --- a function of the user -----------------------------------------------------------------------


def _by_function(
    a: Array, widths: list[tuple[int, int]], function: Any, kwargs: dict[str, Any]
) -> Array:
    """`function(vector, pad_width, axis, kwargs)` changes each line of the array in place."""
    for axis in range(a.ndim):
        for end in (0, 1):
            shape = [widths[axis][end] if i == axis else n for i, n in enumerate(a.shape)]
            zeros = np.zeros(shape, a.dtype)
            a = _core.concatenate([a, zeros] if end else [zeros, a], axis)
    for axis in range(a.ndim):
        changed = []
        for line in lines(a, axis):
            vector = line.copy()
            function(vector, widths[axis], axis, kwargs)
            changed.append(vector)
        a = restacked(changed, a, axis)
    return a
