"""`scipy.ndimage.map_coordinates`, by the array and by the coordinates.

Orders 0, 1 and (with mode="mirror") 3 are differentiated; the coefficients of the cubic spline come
from a banded system along each axis. Other names are SciPy's.

Examples
--------
>>> import numpy as np, cdiff as cd
>>> import cdiff.scipy.ndimage as csn
>>> a = np.array([0.0, 1.0, 4.0, 9.0])
>>> cd.grad(lambda c: csn.map_coordinates(a, [[c]], order=1)[0])(1.5)
3.0
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff.numpy._common import as_array, of_values
from cdiff.scipy._mirror import mirror_of, no_keywords, rows_at
from cdiff.scipy._need import scipy_module
from cdiff.scipy._splines import solved_along

_ndimage = scipy_module("ndimage")
__all__: list[str] = []
_mirrors = mirror_of(_ndimage, __all__)

MODES = {0: ("constant", "nearest", "mirror", "reflect", "grid-wrap", "wrap"),
         1: ("constant", "nearest", "mirror", "reflect", "grid-wrap", "wrap"),
         3: ("mirror",)}  # fmt: skip


def _floor(c: Any) -> Any:
    return np.floor(c).astype(np.int64)


def _nearest(c: Any, n: int, mode: str) -> Any:
    """The index next to a coordinate that is folded first: which way a half is rounded tells."""
    if mode == "wrap":
        c = c + _turns(c, n)
    elif mode == "mirror" and n > 1:
        period = 2 * n - 2
        down, up = c + period * np.trunc(-c / period), c - period * np.trunc(c / period)
        below = np.where(down <= 1 - n, down + period, -down)
        c = np.where(c < 0, below, np.where(c > n - 1, np.where(up >= n, period - up, up), c))
    elif mode == "reflect":
        period = 2 * n
        down = np.where(c < -period, c + period * np.trunc(-c / period), c)
        below = np.where(down < -n, down + period, np.maximum(-down, 1e-15) - 1)
        up = c - period * np.trunc(c / period)
        c = np.where(c < 0, below, np.where(c > n - 1, np.where(up >= n, period - up - 1, up), c))
    return _floor(c + 0.5)


def _turns(c: Any, n: int) -> Any:
    """What brings a coordinate into [0, n - 1], where SciPy's "wrap" makes the ends meet."""
    if n == 1:
        return -c
    period = n - 1
    up, down = period * (np.floor(-c / period) + 1), -period * np.floor(c / period)
    return np.where(c < 0, up, np.where(c > period, down, 0.0))


def _folded(low: Any, shift: int, n: int, mode: str) -> Any:
    """Indices brought into an axis of length n."""
    i = low + shift
    if mode == "mirror":
        period = max(2 * n - 2, 1)
        i = i % period
        return np.where(i >= n, period - i, i)
    if mode == "reflect":
        i = i % (2 * n)
        return np.where(i >= n, 2 * n - 1 - i, i)
    if mode == "grid-wrap":
        return i % n
    return np.clip(i, 0, n - 1)


def _coefficients(a: Array) -> Array:
    """The coefficients of the cubic B-spline through the values, mirrored at the borders."""
    for axis, n in enumerate(a.shape):
        if n == 1:
            continue
        bands = np.full((3, n), 1 / 6)
        bands[1] = 4 / 6
        bands[0, 1] = bands[2, n - 2] = 2 / 6
        a = solved_along(bands.astype(a.dtype), 1, a, axis)
    return a


def _weights(t: Any, order: int) -> list[Any]:
    """The B-splines of the neighbours at the fraction t."""
    if order == 0:
        return [1.0]
    if order == 1:
        return [1 - t, t]
    s = 1 - t
    return [s * s * s / 6, (4 - 3 * t * t * (2 - t)) / 6, (4 - 3 * s * s * (2 - s)) / 6,
            t * t * t / 6]  # fmt: skip


@_mirrors
def map_coordinates(
    input: Any, coordinates: Any, output: Any = None, order: int = 3, mode: str = "constant",
    cval: float = 0.0, prefilter: bool = True,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.map_coordinates`, with order 0, 1 or 3."""
    no_keywords("map_coordinates", output=(output, None))
    a, c = as_array(input), as_array(coordinates)
    a = a if a.dtype.kind == "f" else _core.cast(a, float)
    if order not in MODES or mode not in MODES[order]:
        known = "; ".join([f"order {k}: {', '.join(m)}" for k, m in MODES.items()])
        raise ValueError(
            f"map_coordinates: order={order} with mode={mode!r} is not differentiated; use {known}"
        )
    if c.ndim < 1 or c.shape[0] != a.ndim:
        raise ValueError(f"map_coordinates: coordinates of shape {c.shape} for {a.ndim} axes")
    if order == 3 and prefilter:
        a = _coefficients(a)
    places: list[list[Any]] = []
    weights: list[list[Any]] = []
    outside: Any = None
    for axis, n in enumerate(a.shape):
        x = c[axis]
        if mode == "wrap" and order:
            x = x + of_values(_turns, x, n) if n > 1 else 0.0 * x
        low = of_values(_floor, x) if order else of_values(_nearest, x, n, mode)
        first = 1 if order == 3 else 0
        places.append([of_values(_folded, low, k - first, n, mode) for k in range(order + 1)])
        weights.append(_weights(x - low, order))
        if mode == "constant":
            beyond = _core.add(_core.less(x, 0), _core.greater(x, n - 1))
            outside = beyond if outside is None else _core.add(outside, beyond)
    flat, total = _core.reshape(a, (a.size,)), as_array(0.0)
    for corner in product(range(order + 1), repeat=a.ndim):
        weight: Any = 1.0
        for axis, k in enumerate(corner):
            weight = weight * weights[axis][k]
        chosen = [places[axis][k] for axis, k in enumerate(corner)]
        total = total + weight * rows_at(flat, of_values(_flat_position, a.shape, *chosen))
    return total if outside is None else _core.where(outside, cval, total)


def _flat_position(shape: Any, *places: Any) -> Any:
    return np.ravel_multi_index(places, shape)


def __getattr__(name: str) -> Any:
    if name.startswith("__") or not hasattr(_ndimage, name):
        raise AttributeError(f"module 'cdiff.scipy.ndimage' has no attribute {name!r}")
    return getattr(_ndimage, name)
