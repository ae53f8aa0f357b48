"""Functions of sampled curves: interpolation, differences, integrals, unwrapped phases.

Which two samples a point lies between, and how many turns a phase jumps by, are decided on values
and carry no derivative; everything computed from the samples does. At a sample, interp has the
slope on its right (on its left at the last one). Knows nothing of how derivatives are made.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import operator
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array
from cdiff._face import misfit
from cdiff.numpy._common import (
    ArrayLike,
    any_order,
    as_array,
    axes_of,
    axis_of,
    index_along,
    listed_axes,
    mirrors,
    of_values,
)
from cdiff.numpy._shape import ravel

__all__ = ["ediff1d", "gradient", "interp", "trapezoid", "unwrap"]

TURN = 2 * np.pi


@mirrors(np.interp)
def interp(
    x: ArrayLike,
    xp: ArrayLike,
    fp: ArrayLike,
    left: ArrayLike = None,
    right: ArrayLike = None,
    period: ArrayLike = None,
) -> Array:
    """As `numpy.interp`: straight lines between points, differentiable in all arguments.

    >>> cd.grad(lambda x: cnp.interp(x, [0.0, 1.0, 2.0], [0.0, 3.0, 4.0]))(0.5)
    3.0
    """
    x, xp = (_core.cast(as_array(a), np.float64) for a in (x, xp))
    fp = as_array(fp)
    fp = _core.cast(fp, np.complex128 if fp.dtype.kind == "c" else np.float64)
    if fp.dtype.kind != "c" and any(
        as_array(y).dtype.kind == "c" for y in (left, right) if y is not None
    ):
        raise TypeError("interp: left and right are real where fp is; give complex fp")
    if xp.ndim != 1 or fp.ndim != 1:
        raise misfit(f"interp: Data points must be 1-D sequences, not {xp.shape}, {fp.shape}")
    if xp.shape != fp.shape:
        raise misfit(f"interp: fp and xp are not of the same length: {fp.shape} and {xp.shape}")
    if not xp.size:
        raise ValueError("interp: array of sample points is empty")
    if period is not None:
        x, xp, fp = _periodic(x, xp, fp, as_array(period))
        left = right = None
    last = xp.size - 1
    left = _core.index(fp, 0) if left is None else left
    right = _core.index(fp, last) if right is None else right
    if last == 0:
        inside = _core.broadcast_to(_core.index(fp, 0), x.shape)
    else:
        place = of_values(_segment, x, xp)
        x0, y0 = _core.index(xp, place), _core.index(fp, place)
        y1 = _core.index(fp, place + 1)
        step = _core.index(xp, place + 1) - x0
        empty = np.equal(step, 0.0)  # at the last samples, if these stand at the same place
        slope = _core.where(empty, 0.0, (y1 - y0) / _core.where(empty, 1.0, step))
        inside = slope * (x - x0) + _core.where(empty, y1, y0)
    result = _core.where(np.less(x, _core.index(xp, 0)), left, inside)
    return _core.where(np.greater(x, _core.index(xp, last)), right, result)


def _segment(x: Any, xp: Any) -> Any:
    """The number of the sample on the left of each point."""
    return np.asarray(np.clip(np.searchsorted(xp, x, side="right") - 1, 0, len(xp) - 2))


def _periodic(x: Array, xp: Array, fp: Array, period: Array) -> tuple[Array, Array, Array]:
    """Points and samples in one period, samples in order and continued on both sides."""
    if np.any(np.equal(period, 0.0)):
        raise ValueError("interp: period must be a non-zero value")
    period = _core.absolute(period)
    x, xp = _core.remainder(x, period), _core.remainder(xp, period)
    order = of_values(np.argsort, xp)
    xp, fp = _core.index(xp, order), _core.index(fp, order)
    first, last = slice(0, 1), slice(-1, None)
    xp = _core.concatenate([_core.index(xp, last) - period, xp, _core.index(xp, first) + period], 0)
    fp = _core.concatenate([_core.index(fp, last), fp, _core.index(fp, first)], 0)
    return x, xp, fp


@mirrors(np.ediff1d)
def ediff1d(ary: ArrayLike, to_end: ArrayLike = None, to_begin: ArrayLike = None) -> Array:
    """As `numpy.ediff1d`: differences of neighbours of the flat array.

    >>> cd.grad(lambda x: cnp.ediff1d(x)[0])(np.ones(3))
    array([-1.,  1.,  0.])
    """
    a = ravel(as_array(ary))
    parts = [_core.index(a, slice(1, None)) - _core.index(a, slice(None, -1))]
    for extra, place in ((to_begin, 0), (to_end, 2)):
        if extra is None:
            continue
        extra = as_array(extra)
        if not np.can_cast(extra.dtype, a.dtype, casting="same_kind"):
            raise misfit(
                f"ediff1d: dtype {extra.dtype} of `{'to_end' if place else 'to_begin'}` must be "
                f"compatible with input `ary` of dtype {a.dtype} under the `same_kind` rule.",
                TypeError,
            )
        parts.insert(place, _core.cast(ravel(extra), a.dtype))
    return _core.concatenate(parts, 0)


@mirrors(np.trapezoid)
def trapezoid(y: ArrayLike, x: ArrayLike = None, dx: ArrayLike = 1.0, axis: int = -1) -> Array:
    """As `numpy.trapezoid`: the integral by straight lines, by samples and places.

    >>> cd.grad(lambda y: cnp.trapezoid(y, dx=0.5))(np.ones(3))
    array([0.25, 0.5 , 0.25])
    """
    y = as_array(y)
    axis = axis_of(y, axis, "trapezoid")
    width: Any = dx
    if x is not None:
        x = as_array(x)
        if not x.ndim:
            raise ValueError("trapezoid: x has at least one axis; the distance of samples is dx")
        if x.ndim == 1:
            width = _core.index(x, slice(1, None)) - _core.index(x, slice(None, -1))
            width = _core.reshape(width, (-1,) + (1,) * (y.ndim - axis - 1))
        else:
            along = x.ndim - y.ndim + axis
            width = _later(x, along) - _earlier(x, along)
    product = width * (_later(y, axis) + _earlier(y, axis)) / 2.0
    return _core.sum(product, (product.ndim - y.ndim + axis,), False)


def _later(a: Array, axis: int) -> Array:
    return _core.index(a, index_along(axis, slice(1, None)))


def _earlier(a: Array, axis: int) -> Array:
    return _core.index(a, index_along(axis, slice(None, -1)))


@mirrors(np.unwrap)
@any_order
def unwrap(
    p: ArrayLike, discont: float | None = None, axis: int = -1, *, period: ArrayLike = TURN
) -> Array:
    """As `numpy.unwrap`: angles without jumps; the number of turns has no derivative.

    >>> cd.grad(lambda x: cnp.unwrap(x)[1])(np.array([0.0, 6.0]))
    array([0., 1.])
    """
    p = as_array(p)
    axis = axis_of(p, axis, "unwrap")
    if p.dtype.kind in "iu" and not _core.is_tracked(period):  # whole numbers may stay so
        return as_array(of_values(np.unwrap, p, discont, axis, period=period))
    p = p if p.dtype.kind == "f" else _core.cast(p, float)
    return p + of_values(_turns, p, discont, axis, period) * period


def _turns(p: Any, discont: Any, axis: int, period: Any) -> Any:
    """How many periods are to be added to each element."""
    moved = np.unwrap(p, discont, axis, period=float(period)) - p
    return np.rint(moved / period).astype(p.dtype)


# --- gradient -------------------------------------------------------------------------------------


@mirrors(np.gradient)
def gradient(f: ArrayLike, *varargs: ArrayLike, axis: Any = None, edge_order: int = 1) -> Any:
    """As `numpy.gradient`: slopes by differences, differentiable in the samples and in their
    spacing or places.

    >>> cd.grad(lambda y: cnp.gradient(y, 0.5)[1])(np.ones(3))
    array([-1.,  0.,  1.])
    """
    f = as_array(f)
    f = f if f.dtype.kind in "fc" else _core.cast(f, float)
    axes = _gradient_axes(f, axis)
    if edge_order not in (1, 2):
        raise ValueError("gradient: 'edge_order' greater than 2 not supported")
    out = [
        _core.cast(_slope(f, k, h, edge_order), f.dtype)
        for k, h in zip(axes, _spacings(f, axes, varargs), strict=True)
    ]
    return out[0] if len(axes) == 1 else tuple(out)


def _gradient_axes(f: Array, axis: Any) -> list[int]:
    if axis is None:
        return list(range(f.ndim))
    axis = listed_axes(axis)
    if isinstance(axis, tuple):
        axes_of(f, axis, "gradient")  # complains about axes that are repeated
        return [axis_of(f, k, "gradient") for k in axis]
    return [axis_of(f, operator.index(axis), "gradient")]


def _spacings(f: Array, axes: list[int], varargs: tuple[Any, ...]) -> list[Any]:
    """For each axis a number, or the widths between samples."""
    varargs = tuple([as_array(h) if any_array(h) else h for h in varargs])
    if not varargs:
        return [1.0] * len(axes)
    if len(varargs) == 1 and np.ndim(varargs[0]) == 0:
        return list(varargs) * len(axes)
    if len(varargs) != len(axes):
        raise TypeError(f"gradient: {len(varargs)} spacings for {len(axes)} axes")
    spacings: list[Any] = []
    for h, k in zip(varargs, axes, strict=True):
        if np.ndim(h) == 0:
            spacings.append(h)
            continue
        places = as_array(h)
        if places.ndim != 1:
            raise ValueError("gradient: distances must be either scalars or 1d")
        if places.size != f.shape[k]:
            raise misfit(
                f"gradient: when 1d, distances must match the length of the corresponding "
                f"dimension ({places.size} and axis {k} of {f.shape})"
            )
        places = places if places.dtype.kind == "f" else _core.cast(places, float)
        spacings.append(_later(places, 0) - _earlier(places, 0))
    return spacings


def _slope(f: Array, axis: int, h: Any, edge_order: int) -> Array:
    if f.shape[axis] < edge_order + 1:
        raise misfit(
            f"gradient: Shape of array too small to calculate a numerical gradient, at least "
            f"(edge_order + 1) elements are required, not {f.shape[axis]} along axis {axis}"
        )

    def part(start: int | None, stop: int | None) -> Array:
        return _core.index(f, index_along(axis, slice(start, stop)))

    def width(k: slice) -> Array:
        return _core.reshape(_core.index(h, k), (-1,) + (1,) * (f.ndim - axis - 1))

    uniform = np.ndim(h) == 0
    if uniform:
        inner = (part(2, None) - part(None, -2)) / (2.0 * h)
        ends: Any = (h, h)
    else:
        a, b = width(slice(None, -1)), width(slice(1, None))
        inner = (
            -b / (a * (a + b)) * part(None, -2)
            + (b - a) / (a * b) * part(1, -1)
            + a / (b * (a + b)) * part(2, None)
        )
        ends = (width(slice(0, 1)), width(slice(-1, None)))
    if edge_order == 1:
        first = (part(1, 2) - part(0, 1)) / ends[0]
        last = (part(-1, None) - part(-2, -1)) / ends[1]
    else:
        second = (h, h) if uniform else (width(slice(1, 2)), width(slice(-2, -1)))
        first = _edge(part(0, 1), part(1, 2), part(2, 3), ends[0], second[0])
        last = -_edge(part(-1, None), part(-2, -1), part(-3, -2), ends[1], second[1])
    return _core.concatenate([first, inner, last], axis)


def _edge(f0: Array, f1: Array, f2: Array, a: Any, b: Any) -> Array:
    """The slope at the first of three points at the distances a and b."""
    return -(2.0 * a + b) / (a * (a + b)) * f0 + (a + b) / (a * b) * f1 - a / (b * (a + b)) * f2
