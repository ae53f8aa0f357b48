"""`scipy.integrate` of samples: trapezoid, Simpson and their running forms, by samples and places.

Plain arguments go to SciPy itself; on Arrays the rules are compositions. Other names are SciPy's.

Examples
--------
>>> import cdiff as cd
>>> import cdiff.scipy.integrate as csi
>>> cd.grad(lambda y: csi.trapezoid(y, dx=0.5))([1.0, 2.0, 4.0])
[0.25, 0.5, 0.25]
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy._common import as_array, axis_of, index_along, of_values
from cdiff.numpy._shape import moveaxis
from cdiff.scipy._mirror import doubled, mirror_of
from cdiff.scipy._need import scipy_before, scipy_module
from cdiff.scipy._others import other

_integrate = scipy_module("integrate")
__all__: list[str] = []
_mirrors = mirror_of(_integrate, __all__)


def _steps(y: Array, x: Any, dx: Any, axis: int, name: str) -> Any:
    """The widths between samples, ready to be multiplied along the axis."""
    if x is None:
        return as_array(dx) if np.ndim(dx) else dx
    x = as_array(x)
    count = y.shape[axis]
    if x.ndim not in (1, y.ndim) or x.shape[axis if x.ndim == y.ndim else -1] != count:
        raise misfit(f"{name}: x of shape {x.shape} does not fit y of shape {y.shape}")
    if x.ndim == 1:
        shape = [1] * y.ndim
        shape[axis] = count
        x = _core.reshape(x, tuple(shape))
    return x[index_along(axis, slice(1, None))] - x[index_along(axis, slice(-1))]


@_mirrors
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Array:
    """As `scipy.integrate.trapezoid`: straight lines between samples.

    >>> cd.grad(lambda y: csi.trapezoid(y, dx=0.5))([1.0, 2.0, 4.0])
    [0.25, 0.5, 0.25]
    """
    y = as_array(y)
    axis = axis_of(y, axis, "trapezoid")
    if x is not None and np.ndim(x) > 1:
        x = _core.broadcast_to(as_array(x), y.shape)
    total = _core.sum(_areas(y, _steps(y, x, dx, axis, "trapezoid"), axis), (axis,))
    # SciPy's dtype is that of the samples, whatever that of the places.
    wide = total.dtype.kind == y.dtype.kind and y.dtype.kind in "fc"
    return _core.cast(total, y.dtype) if wide else total


def _areas(y: Array, d: Any, axis: int) -> Array:
    return 0.5 * d * (y[index_along(axis, slice(1, None))] + y[index_along(axis, slice(-1))])


@_mirrors
def cumulative_trapezoid(
    y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None
) -> Array:
    """As `scipy.integrate.cumulative_trapezoid`: the running integral by straight lines.

    >>> cd.grad(lambda y: csi.cumulative_trapezoid(y)[-1])([1.0, 2.0, 4.0])
    [0.5, 1.0, 0.5]
    """
    y = as_array(y)
    axis = axis_of(y, axis, "cumulative_trapezoid")
    if np.ndim(initial) or initial not in (None, 0):
        raise ValueError("cumulative_trapezoid: `initial` must be `None` or `0`.")
    _check_samples(y, axis, "cumulative_trapezoid")
    areas = _areas(y, _steps(y, x, dx, axis, "cumulative_trapezoid"), axis)
    return _running(areas, axis, initial)


def _check_samples(y: Array, axis: int, name: str) -> None:
    if not y.shape[axis]:
        raise misfit(f"{name}: at least one point is needed along axis {axis} of shape {y.shape}")


def _running(areas: Array, axis: int, initial: Any) -> Array:
    total = _core.cumsum(areas, axis)
    if initial is None:
        return total
    shape = tuple([1 if k == axis else n for k, n in enumerate(total.shape)])
    first = _core.broadcast_to(_core.cast(as_array(initial), total.dtype), shape)
    return _core.concatenate([first, total + first], axis)


def _simpson_areas(y: Array, d: Any, axis: int) -> Array:
    """The integral over the first of each two neighbouring intervals, by their parabola."""

    def at(start: int | None, stop: int | None) -> Any:
        return index_along(axis, slice(start, stop))

    h0, h1 = (d[at(None, -1)], d[at(1, None)]) if _vary(d, axis) else (d, d)
    f0, f1, f2 = y[at(None, -2)], y[at(1, -1)], y[at(2, None)]
    total = h0 + h1
    ratio = h0 / h1
    return (
        h0
        / 6
        * (
            (3 - h0 / total) * f0
            + (3 + h0 * ratio / total + h0 / total) * f1
            - ratio * h0 / total * f2
        )
    )


def _vary(d: Any, axis: int) -> bool:
    """Whether there is a width for every interval."""
    return bool(np.ndim(d)) and d.shape[axis] > 1


@_mirrors
def simpson(y: Any, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Array:
    """As `scipy.integrate.simpson`: parabolas through pairs of intervals.

    Where the number of intervals is odd, the last one is integrated by the parabola through the
    last three samples. Of places that are equal a quotient of widths counts as 0, as in SciPy.

    >>> round(cd.grad(lambda h: csi.simpson([1.0, 2.0, 4.0], dx=h))(3.0), 6)
    4.333333
    """
    y = as_array(y)
    axis = axis_of(y, axis, "simpson")
    if x is None and np.ndim(dx):
        raise misfit(f"simpson: dx is one number, got shape {np.shape(dx)}; give the places as x")
    n = y.shape[axis]
    _check_samples(y, axis, "simpson")
    if n > 2 and (x is not None or y.ndim == 1 and n % 2 == 0) and scipy_before(1, 18):
        y = doubled(y)  # SciPy multiplied with widths in double precision
    d = _steps(y, x, dx, axis, "simpson")
    if n < 3:
        return _core.sum(_areas(y, d, axis), (axis,))
    y = y if y.dtype.kind in "fc" else _core.cast(y, float)

    def pick(v: Any, start: int, stop: int | None, step: int = 1) -> Any:
        return v[index_along(axis, slice(start, stop, step))]

    end = n if n % 2 else n - 1  # an odd number of samples
    samples = [pick(y, k, end - 2 + k, 2) for k in range(3)]
    kind = np.result_type(y.dtype, np.float32)
    own = np.ndim(d) or isinstance(d, np.generic)  # numbers of Python take the samples' dtype
    step = d if type(d) is Array else _core.array(d, dtype=None if own else kind)
    widths = [pick(d, k, end - 1, 2) for k in range(2)] if np.ndim(d) else [step] * 2
    total = _core.sum(_pairs(*samples, *widths), (axis,))
    if n % 2:
        return total
    samples = [pick(y, n - 3 + k, n - 2 + k) for k in range(3)]
    widths = [pick(d, n - 3 + k, n - 2 + k) for k in range(2)] if np.ndim(d) else widths
    return total + _core.sum(_last_area(*samples, *widths), (axis,))


def _pairs(f0: Array, f1: Array, f2: Array, h0: Array, h1: Array) -> Array:
    """The integrals over two neighbouring intervals, by the parabola through three samples."""
    both, ratio = h0 + h1, _core.safe_divide(h0, h1)
    middle = both * _core.safe_divide(both, h0 * h1)
    return both / 6 * (f0 * (2 - _core.safe_divide(1.0, ratio)) + f1 * middle + f2 * (2 - ratio))


def _last_area(f0: Array, f1: Array, f2: Array, h0: Array, h1: Array) -> Array:
    """The integral over the second interval alone."""
    both, divide = h0 + h1, _core.safe_divide
    by_last = divide(h1 * (2 * h1 + 3 * h0), 6 * both)
    by_middle = divide(h1 * (h1 + 3 * h0), 6 * h0)
    return by_last * f2 + by_middle * f1 - divide(h1 * h1 * h1, 6 * h0 * both) * f0


def _no_steps(d: Any) -> Any:
    return d <= 0


@_mirrors
def cumulative_simpson(
    y: Any, *, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None
) -> Array:
    """As `scipy.integrate.cumulative_simpson`: the running integral by parabolas.

    >>> round(cd.grad(lambda h: csi.cumulative_simpson([1.0, 2.0, 3.0], dx=h)[-1])(3.0), 6)
    4.0
    """
    y = as_array(y)
    axis = axis_of(y, axis, "cumulative_simpson")
    _check_samples(y, axis, "cumulative_simpson")
    y = y if y.dtype.kind in "fc" else _core.cast(y, float)
    one = tuple([1 if k == axis else m for k, m in enumerate(y.shape)])
    if np.shape(initial) not in ((), one):
        raise misfit(f"cumulative_simpson: initial of shape {np.shape(initial)} is neither one "
                     f"number nor of shape {one}")  # fmt: skip
    n = y.shape[axis]
    if n > 2:
        given = [z for z in (dx if x is None else None, initial) if z is not None]
        y = _core.cast(y, np.result_type(y.dtype, np.float32, *[as_array(z).dtype for z in given]))
    d = _steps(y, x, dx, axis, "cumulative_simpson")
    if n < 3:
        return _running(_areas(y, d, axis), axis, initial)
    if x is not None and np.any(of_values(_no_steps, d)):
        raise ValueError("cumulative_simpson: x must be strictly increasing")
    if (x is None and np.shape(d) not in ((), one)) or np.ndim(x) > 1 and np.shape(x) != y.shape:
        raise misfit(
            f"cumulative_simpson: dx of shape {np.shape(dx)} is no number and has no shape {one}, "
            f"or x of shape {np.shape(x)} is no vector and has no shape {y.shape}"
        )
    # Interval k by the parabola that begins with it where k is even, that ends with it elsewhere.
    forward = _simpson_areas(y, d, axis)
    flipped = index_along(axis, slice(None, None, -1))
    backward = _simpson_areas(y[flipped], d[flipped] if _vary(d, axis) else d, axis)[flipped]
    edge = index_along(axis, slice(-1, None))
    first = _core.concatenate([forward, backward[edge]], axis)
    start = index_along(axis, slice(0, 1))
    second = _core.concatenate([forward[start], backward], axis)
    shape = [1] * y.ndim
    shape[axis] = n - 1
    even = (np.arange(n - 1) % 2 == 0).reshape(shape)
    return _running(_core.where(even, first, second), axis, initial)


@_mirrors
def romb(y: Any, dx: Any = 1.0, axis: int = -1, show: bool = False) -> Array:
    """As `scipy.integrate.romb`: Romberg's rule for 2**k + 1 samples.

    >>> cd.grad(csi.romb)(np.ones(3)).round(6)
    array([0.333333, 1.333333, 0.333333])
    """
    y = as_array(y)
    axis = axis_of(y, axis, "romb")
    count = y.shape[axis] - 1
    if count < 1 or count & (count - 1):
        raise ValueError("romb: Number of samples must be one plus a non-negative power of 2.")
    y = _core.cast(moveaxis(y, axis, 0), np.result_type(y.dtype, float))
    width: Any = dx * count
    row = [(y[0] + y[-1]) * 0.5 * width]
    step = count
    while step > 1:
        new = [0.5 * (row[0] + width * _core.sum(y[step // 2 :: step], (0,), False))]
        for j, last in enumerate(row, 1):
            new.append(new[-1] + (new[-1] - last) / (4.0**j - 1.0))
        row, width, step = new, 0.5 * width, step // 2
    return row[-1]


__all__.sort()


def __getattr__(name: str) -> Any:
    return other(_integrate, "integrate", name)


def __dir__() -> list[str]:
    return sorted(__all__)
