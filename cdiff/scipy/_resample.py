"""Values of an image at other places: the transformations of `scipy.ndimage`.

A value is a sum over the neighbours of its place, whose weights are uniform B-splines of the
distance; the spline's coefficients are made of the image by SciPy's own filter, whose transpose is
the same filter but for a scale. Which neighbours they are, and where a place beyond the border is
folded to, has no derivative; the fold itself has slope 1 or -1. This file must not know how a
derivative is made, and makes a few operations per axis, whatever the number of places.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import math
from functools import wraps
from inspect import signature
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, call
from cdiff._face import misfit
from cdiff._transformations._mapped import PointCallee
from cdiff.numpy._common import as_array, axis_of, of_parts, of_values
from cdiff.numpy._pad import pad
from cdiff.scipy._language import FUNCTIONS
from cdiff.scipy._mirror import mirror_of, no_keywords, rows_at
from cdiff.scipy._need import scipy_module

_ndimage = scipy_module("ndimage")
__all__: list[str] = []
_mirrors = mirror_of(_ndimage, __all__, keeps_integers=True)

MODES = ("constant", "grid-constant", "nearest", "mirror", "reflect", "grid-wrap", "wrap")
ALIASES = {"grid-mirror": "reflect"}
PADDED = {"nearest": "edge", "grid-constant": "constant"}  # to approximate the spline beyond
PADDING = 12
SHORT = 64  # from here on SciPy's filter is symmetric but for rounding, in all modes


# --- the coefficients of splines ------------------------------------------------------------------


class SplineFilter(PointCallee):
    """From values to the coefficients of a spline, along some axes.

    Parameters
    ----------
    order : int
    mode : str
    axes : tuple of int
    back : bool, optional
        Whether this is the transposed filter.
    """

    def __init__(self, order: int, mode: str, axes: tuple[int, ...], back: bool = False) -> None:
        if order not in range(2, 6) or mode not in MODES or not all(axis >= 0 for axis in axes):
            raise ValueError(f"there are no splines of order {order!r:.40} and mode {mode!r:.40}")
        self.order = order
        self.mode = mode
        self.axes = axes
        self.back = back

    def __repr__(self) -> str:
        return f"spline_filter({self.order}, {self.mode})"

    def __reduce__(self) -> Any:
        return SplineFilter, (self.order, self.mode, self.axes, self.back)

    def value(self, arrays: list[Any]) -> Any:
        found = arrays[0]
        for axis in self.axes:
            found = self._transposed(found, axis) if self.back else self._along(found, axis)
        return found

    def _along(self, x: Any, axis: int) -> Any:
        return _ndimage.spline_filter1d(x, self.order, axis, np.float64, self.mode)

    def _transposed(self, x: Any, axis: int) -> Any:
        """The filter is symmetric if each value counts as often as it stands in a period of the
        signal without border; but SciPy's is not quite in short lines of some modes."""
        n = x.shape[axis]
        if self.mode in ("reflect", "nearest"):
            if n > SHORT:
                return self._along(x, axis)
            table = self._along(np.eye(n), 0)
            return np.moveaxis(np.tensordot(table, x, (0, axis)), 0, axis)
        if self.mode == "grid-wrap" or n <= 2:
            return self._along(x, axis)
        scale = np.full((n,) + (1,) * (x.ndim - 1 - axis), 2.0)
        scale[0] = scale[-1] = 1.0
        return scale * self._along(x / scale, axis)

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        return [call(SplineFilter(self.order, self.mode, self.axes, not self.back), [g])]

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        return call(self, [tangents[0]])


def _by_parts(f: Any) -> Any:
    """A decorator: of complex images the real parts, and then the imaginary ones, as in SciPy."""
    form = signature(f)

    @wraps(f)
    def function(*args: Any, **kwargs: Any) -> Array:
        try:
            given = form.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{f.__name__}: {error}") from None
        a, beyond = as_array(given["input"]), as_array(given.get("cval", 0.0))
        if a.dtype.kind != "c":
            return f(*args, **kwargs)
        found = []
        for part in (_core.real, _core.imag):
            more = {"cval": part(beyond)} if "cval" in given else {}
            found.append(f(**{**given, "input": part(a), **more}))
        return of_parts(*found)

    return function


def _image(input: Any) -> Array:
    return _core.cast(as_array(input), float)


def _mode_of(mode: Any, name: str) -> str:
    mode = ALIASES.get(mode, mode)
    if mode not in MODES:
        raise ValueError(f"{name}: mode is one of {', '.join(MODES)}, not {mode!r}")
    return mode


def _checked_order(order: int, name: str, least: int = 0) -> None:
    if not least <= order <= 5:
        raise RuntimeError(f"{name}: the order of a spline is {least} to 5, not {order}")


@_mirrors
@_by_parts
def spline_filter1d(
    input: Any, order: int = 3, axis: int = -1, output: Any = np.float64, mode: str = "mirror"
) -> Array:
    """As `scipy.ndimage.spline_filter1d`: the coefficients of a spline along one axis.

    >>> round(cd.grad(lambda t: csn.spline_filter1d([t, t])[0])(1.0), 6)
    1.0
    """
    no_keywords("spline_filter1d", output=(output, np.float64))
    a, mode = _image(input), _mode_of(mode, "spline_filter1d")
    _checked_order(order, "spline_filter1d")
    axis = axis_of(a, axis, "spline_filter1d")
    return a if order < 2 else call(SplineFilter(order, mode, (axis,)), [a])


@_mirrors
@_by_parts
def spline_filter(
    input: Any, order: int = 3, output: Any = np.float64, mode: str = "mirror"
) -> Array:
    """As `scipy.ndimage.spline_filter`: the coefficients of a spline.

    >>> round(cd.grad(lambda t: csn.spline_filter([t, t])[0])(1.0), 6)
    1.0
    """
    no_keywords("spline_filter", output=(output, np.float64))
    a, mode = _image(input), _mode_of(mode, "spline_filter")
    _checked_order(order, "spline_filter", 2)
    return call(SplineFilter(order, mode, tuple(range(a.ndim))), [a])


def _coefficients(
    a: Array, order: int, mode: str, cval: Any, prefilter: bool, count: int
) -> tuple[Array, int]:
    """What is combined along the first axes, and by how much these are wider on each side."""
    if order < 2 or not prefilter:
        return a, 0
    width = PADDING if mode in PADDED else 0
    around = [(width, width) if k < count else (0, 0) for k in range(a.ndim)]
    if mode == "nearest":
        a = pad(a, around, "edge")
    elif mode == "grid-constant":
        a = pad(a, around, "constant", constant_values=cval)
    return call(SplineFilter(order, mode, tuple(range(count))), [a]), width


# --- neighbours -----------------------------------------------------------------------------------


def _turned(c: Any, n: int, half: bool) -> tuple[Any, Any]:
    """Places in an image that is mirrored at its borders (half a step further out or not), and
    whether they lie in a mirrored copy."""
    period = 2 * n if half else 2 * n - 2
    edge = 1e-15 if half else 0.0  # so that nothing is turned to -1 exactly, as SciPy does
    below, above = c < 0, c > n - 1
    far = c < -period if half else below
    down = np.where(far, c + period * np.trunc(-c / period), c)
    whole = down < -n if half else down <= 1 - n
    left = np.where(whole, down + period, np.maximum(-down, edge) - half)
    up = c - period * np.trunc(c / period)
    right = np.where(up >= n, period - up - half, up)
    back = np.where(below, ~whole, above & (up >= n))
    return np.where(below, left, np.where(above, right, c)), back


def _folded(c: Any, n: int, mode: str) -> tuple[Any, Any]:
    """Where SciPy takes places beyond the border from, and whether it walks backwards there."""
    forward = np.zeros(np.shape(c), bool)
    if n == 1 and mode != "grid-constant":
        return 0 * c, forward
    if mode in ("mirror", "reflect"):
        return _turned(c, n, mode == "reflect")
    if mode == "wrap":
        period = n - 1
        up, down = period * (np.floor(-c / period) + 1), -period * np.floor(c / period)
        return c + np.where(c < 0, up, np.where(c > period, down, 0)), forward
    if mode == "grid-wrap":
        up, down = n * (np.trunc((-1 - c) / n) + 1), -n * np.trunc(c / n)
        return c + np.where(c < 0, up, np.where(c > n - 1, down, 0)), forward
    return (np.clip(c, 0, n - 1) if mode == "nearest" else c), forward


def _fold(c: Any, n: int, mode: str) -> Any:
    """The fold as slopes and offsets, in one array."""
    place, back = _folded(c, n, mode)
    slope = np.where(back, -1.0, 1.0)
    if n == 1 and mode not in ("nearest", "grid-constant"):
        slope = np.zeros(np.shape(c))
    return np.stack([slope, place - slope * c])


def _first(c: Any, order: int) -> Any:
    """The number of the first neighbour; of nan some number, since the weights are nan."""
    known = np.where(np.isfinite(c), c, 0.0)
    return np.floor(known if order % 2 else known + 0.5).astype(np.int64) - order // 2


def _places(first: Any, order: int, n: int, mode: str) -> Any:
    """The neighbours, along a new last axis; n for what lies outside and counts as `cval`."""
    at = first[..., None] + np.arange(order + 1)
    if mode == "grid-constant":
        return np.where((at < 0) | (at >= n), n, at)
    edge = "mirror" if mode in ("constant", "wrap") else mode
    return _folded(at, n, edge)[0].astype(np.int64)


def _weights(t: Array, order: int) -> Array:
    """The uniform B-splines of the neighbours at a fraction of a step, along a new last axis."""
    column = _core.reshape(t, (*t.shape, 1))
    last, zero = t.ndim, 0.0 * column
    found = zero + 1.0
    for p in range(1, order + 1):
        rising, falling = column + np.arange(p - 1, -1, -1), 1.0 - column + np.arange(p)
        found = (
            _core.concatenate([zero, rising * found], last)
            + _core.concatenate([falling * found, zero], last)
        ) / p
    return found


def _neighbours(c: Array, n: int, order: int, mode: str) -> tuple[Any, Array]:
    """The neighbours of places on an axis, and their weights."""
    if mode not in ("constant", "nearest", "grid-constant"):
        fold = of_values(_fold, c, n, mode)
        c = fold[0] * c + fold[1]
    first = of_values(_first, c, order)
    t = c - first - order // 2
    return of_values(_places, first, order, n, mode), _weights(t if order % 2 else t + 0.5, order)


def _outside(c: Any, shape: tuple[int, ...]) -> Any:
    """Which places lie outside of the image."""
    ends = np.reshape(np.array(shape) - 1, (-1,) + (1,) * (c.ndim - 1))
    return ~((c >= 0) & (c <= ends)).all(0)


def _flat_places(shape: Any, *places: Any) -> Any:
    """Where each combination of neighbours on the axes stands in the flat image; its size where
    one of them is outside."""
    count, total, out = len(shape), 0, False
    for axis, (k, n) in enumerate(zip(places, shape, strict=True)):
        spread = (*k.shape[:-1], *[k.shape[-1] if i == axis else 1 for i in range(count)])
        k = k.reshape(spread)
        total, out = total * n + np.minimum(k, n - 1), out | (k == n)
    return np.where(out, math.prod(shape), total)


def _taken(a: Array, c: Array, order: int, mode: str, cval: Any, prefilter: bool) -> Array:
    """The values of an image at places whose coordinates lie along the first axis of c; axes of
    the image beyond these stay as they are."""
    count, rest = c.shape[0], a.shape[c.shape[0] :]
    table, width = _coefficients(a, order, mode, cval, prefilter, count)
    shape = table.shape[:count]
    places, weights = [], []
    for axis, n in enumerate(shape):
        k, w = _neighbours(c[axis] + width, n, order, mode)
        places.append(k)
        weights.append(w)
    flat = _core.reshape(table, (math.prod(shape), *rest))
    if mode == "grid-constant":
        flat = _core.concatenate([flat, np.full((1, *rest), float(cval))], 0)
    found = rows_at(flat, of_values(_flat_places, shape, *places))
    front = c.ndim - 1
    for axis in reversed(range(count)):
        w = weights[axis]
        spread = (*w.shape[:-1], *(1,) * axis, order + 1, *(1,) * len(rest))
        found = found * _core.reshape(w, spread)
        found = _core.sum(found, (front + axis,), False)
    if mode == "constant":
        outside = as_array(of_values(_outside, c, a.shape[:count]))
        outside = _core.reshape(outside, outside.shape + (1,) * len(rest))
        found = _core.where(outside, cval, found)
    return found


def _taken_by_axes(a: Array, lines: list[Array], order: int, mode: str, cval: Any,
                   prefilter: bool) -> Array:  # fmt: skip
    """The same on a rectangular grid, axis by axis."""
    found, width = _coefficients(a, order, mode, cval, prefilter, a.ndim)
    outside: Any = None
    for axis, c in enumerate(lines):
        places, weights = _neighbours(c + width, found.shape[axis], order, mode)
        order_of_axes = [axis, *[i for i in range(a.ndim) if i != axis]]
        rows = _core.transpose(found, order_of_axes)
        if mode == "grid-constant":
            beyond = np.full((1, *rows.shape[1:]), float(cval))
            rows = _core.concatenate([rows, beyond], 0)
        chosen = rows_at(rows, places)
        spread = _core.reshape(weights, (*weights.shape, *(1,) * (a.ndim - 1)))
        rows = _core.sum(chosen * spread, (1,), False)
        found = _core.transpose(rows, np.argsort(order_of_axes).tolist())
        if mode == "constant":
            line = of_values(_outside, _core.reshape(c, (1, c.size)), (a.shape[axis],))
            line = line.reshape((c.size,) + (1,) * (a.ndim - axis - 1))
            outside = line if outside is None else _core.add(outside, line)
    return found if outside is None else _core.where(outside, cval, found)


# --- transformations ------------------------------------------------------------------------------


def _begun(input: Any, order: int, mode: str, output: Any, name: str) -> tuple[Array, str, Any]:
    """The image, the mode, and the dtype of the result: that of a floating image."""
    no_keywords(name, output=(output, None))
    a = _image(input)
    if a.ndim < 1:
        raise misfit(f"{name}: the image must have an axis, got shape {a.shape}", RuntimeError)
    _checked_order(order, name)
    given = as_array(input).dtype
    return a, _mode_of(mode, name), given if given.kind == "f" else a.dtype


@_mirrors
@_by_parts
def map_coordinates(
    input: Any, coordinates: Any, output: Any = None, order: int = 3, mode: str = "constant",
    cval: float = 0.0, prefilter: bool = True,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.map_coordinates`: values between the elements, by the image and the places;
    the result of an image of integers is not rounded.

    >>> cd.grad(lambda c: csn.map_coordinates([0.0, 1.0, 4.0], [[c]], order=1)[0])(1.5)
    3.0
    """
    a, mode, dtype = _begun(input, order, mode, output, "map_coordinates")
    c = as_array(coordinates)
    if c.ndim < 2 or c.shape[0] != a.ndim:
        raise misfit(
            f"map_coordinates: coordinates of shape {c.shape} for {a.ndim} axes; one row of places "
            "for each axis is needed"
        )
    return _core.cast(_taken(a, _core.cast(c, float), order, mode, cval, prefilter), dtype)


def _each(given: Any, ndim: int, name: str) -> Array:
    """A number for every axis, or one for each."""
    x = as_array(given)
    if x.ndim > 1 or (x.ndim == 1 and x.size != ndim):
        raise misfit(
            f"{name}: a number or {ndim} numbers are needed, got shape {x.shape}", RuntimeError
        )
    return _core.cast(_core.broadcast_to(x, (ndim,)), float)


@_mirrors
@_by_parts
def shift(
    input: Any, shift: Any, output: Any = None, order: int = 3, mode: str = "constant",
    cval: float = 0.0, prefilter: bool = True,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.shift`: moved by a distance, by the image and by the shift.

    >>> cd.grad(lambda s: csn.shift([0.0, 1.0, 4.0], s, order=1)[2])(0.5)
    -3.0
    """
    a, mode, dtype = _begun(input, order, mode, output, "shift")
    by = _each(shift, a.ndim, "shift")
    lines = [as_array(np.arange(n)) - by[k] for k, n in enumerate(a.shape)]
    return _core.cast(_taken_by_axes(a, lines, order, mode, cval, prefilter), dtype)


@_mirrors
@_by_parts
def zoom(
    input: Any, zoom: Any, output: Any = None, order: int = 3, mode: str = "constant",
    cval: float = 0.0, prefilter: bool = True, *, grid_mode: bool = False,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.zoom`: enlarged, by the image; the zoom only decides the shape of the
    result.

    >>> cd.grad(lambda a: csn.zoom(a, 2, order=1).sum())(np.ones(2)).round(6)
    array([2., 2.])
    """
    a, mode, dtype = _begun(input, order, mode, output, "zoom")
    factors = np.broadcast_to(np.asarray(of_values(np.asarray, zoom), float), (a.ndim,))
    shape = [round(n * f) for n, f in zip(a.shape, factors.tolist(), strict=True)]
    if prefilter and (factors == 1).all():
        return _core.cast(a, dtype)
    lines = []
    for n, m in zip(a.shape, shape, strict=True):
        top, bottom = (n, m) if grid_mode else (n - 1, m - 1)
        step = top / bottom if bottom else 1.0
        k = np.arange(m)
        lines.append(as_array((k + 0.5) * step - 0.5 if grid_mode else k * step))
    return _core.cast(_taken_by_axes(a, lines, order, mode, cval, prefilter), dtype)


def _affine_parts(matrix: Any, offset: Any, ndim: int) -> tuple[Array, Array]:
    """The linear part as a matrix, and the offset; both may stand in one matrix."""
    m = _core.cast(as_array(matrix), float)
    if m.shape in ((ndim,), ()):
        m = _core.reshape(_each(m, ndim, "affine_transform"), (ndim, 1)) * np.eye(ndim)
    if m.shape in ((ndim, ndim + 1), (ndim + 1, ndim + 1)):
        return m[:ndim, :ndim], m[:ndim, ndim]
    if m.ndim != 2 or m.shape[0] != ndim:
        raise misfit(
            f"affine_transform: a matrix of shape {m.shape} does not map to the {ndim} axes of the "
            "image",
            RuntimeError,
        )
    return m, _each(offset, ndim, "affine_transform")


@_mirrors
@_by_parts
def affine_transform(
    input: Any, matrix: Any, offset: Any = 0.0, output_shape: Any = None, output: Any = None,
    order: int = 3, mode: str = "constant", cval: float = 0.0, prefilter: bool = True,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.affine_transform`: taken at matrix @ place + offset, by the image, the
    matrix and the offset.

    >>> cd.grad(lambda m: csn.affine_transform([0.0, 1.0, 4.0], [[m]], order=1)[1])(1.5)
    3.0
    """
    a, mode, dtype = _begun(input, order, mode, output, "affine_transform")
    m, by = _affine_parts(matrix, offset, a.ndim)
    shape = a.shape if output_shape is None else tuple(output_shape)
    if m.shape[1] != len(shape):
        raise misfit(
            f"affine_transform: a matrix of shape {m.shape} for a result of {len(shape)} axes",
            RuntimeError,
        )
    return _core.cast(_taken(a, _moved(m, by, shape), order, mode, cval, prefilter), dtype)


def _moved(m: Array, by: Array, shape: tuple[int, ...]) -> Array:
    """Where the elements of a result are taken from."""
    grid = np.indices(shape, float).reshape(len(shape), -1)
    c = _core.matmul(m, as_array(grid)) + _core.reshape(by, (by.size, 1))
    return _core.reshape(c, (by.size, *shape))


def _rotated_shape(turn: Any, plane: Any) -> Any:
    """The size of the box around a turned plane."""
    corners = turn @ np.array([[0, 0, plane[0], plane[0]], [0, plane[1], 0, plane[1]]])
    return tuple((np.ptp(corners, axis=1) + 0.5).astype(int).tolist())


@_mirrors
@_by_parts
def rotate(
    input: Any, angle: Any, axes: tuple[int, int] = (1, 0), reshape: bool = True,
    output: Any = None, order: int = 3, mode: str = "constant", cval: float = 0.0,
    prefilter: bool = True,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.rotate`: turned by degrees, by the image and by the angle.

    >>> round(cd.grad(lambda t: csn.rotate(np.eye(3), t, reshape=False, order=1).sum())(10.0), 4)
    0.0418
    """
    a, mode, dtype = _begun(input, order, mode, output, "rotate")
    if a.ndim < 2 or len(axes) != 2:
        raise misfit(f"rotate: two axes are needed; got {axes} for shape {a.shape}")
    i, j = sorted(axis_of(a, k, "rotate") for k in axes)
    if i == j:
        raise ValueError(f"rotate: axes must differ, got {axes}")
    angle = as_array(angle)  # in degrees: quarter turns are exact
    cos, sin = FUNCTIONS["cosdg"](angle), FUNCTIONS["sindg"](angle)
    turn = _core.reshape(_core.concatenate(
        [_core.reshape(x, (1,)) for x in (cos, sin, -sin, cos)], 0), (2, 2))  # fmt: skip
    plane = np.array([a.shape[i], a.shape[j]])
    shape = of_values(_rotated_shape, turn, plane) if reshape else tuple(plane.tolist())
    middle = (np.array(shape) - 1) / 2
    by = as_array((plane - 1) / 2) - _core.matmul(turn, as_array(middle))
    c = _moved(turn, by, shape)
    # Plane by plane, as SciPy: the filter of short lines is not exact, so other axes have none.
    there = [i, j, *[k for k in range(a.ndim) if k not in (i, j)]]
    found = _taken(_core.transpose(a, there), c, order, mode, cval, prefilter)
    return _core.cast(_core.transpose(found, np.argsort(there).tolist()), dtype)
