"""B-splines on an axis: knots, the basis at points, and the coefficients of values on the axis.

The basis follows the recurrence of Cox and de Boor, for all points at once; which interval a point
lies in has no derivative, everything else does, by points, knots and values. The system for the
coefficients is banded. It knows no interpolant, and costs a few operations per degree.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff.numpy._common import as_array, of_values
from cdiff.scipy._mirror import rows_at
from cdiff.scipy.linalg import solve_banded

__all__ = ["basis", "coefficients", "even_knots", "knots", "periodic_coefficients",
           "periodic_knots", "solved_along"]  # fmt: skip


def knots(x: Array, degree: int) -> Array:
    """The not-a-knot knots for interpolation of an odd degree at the points x."""
    n, half = x.size, (degree + 1) // 2
    inner = np.arange(half, n - half)
    return x[np.concatenate([np.zeros(degree + 1, int), inner, np.full(degree + 1, n - 1)])]


def even_knots(x: Array, degree: int) -> Array:
    """SciPy's knots for an even degree: between the points, without the outer ones."""
    half, count = degree // 2, degree + 1
    inner = ((x[1:] + x[:-1]) / 2)[half:-half]
    return _core.concatenate([x[np.zeros(count, int)], inner, x[np.full(count, x.size - 1)]], 0)


def _span(t: Any, x: Any, degree: int) -> Any:
    """The number of the last spline that is not zero at each point; outside, as at the end."""
    return np.clip(np.searchsorted(t, x, side="right") - 1, degree, len(t) - degree - 2)


def basis(t: Array, x: Array, degree: int, nu: int = 0) -> tuple[Any, Array]:
    """The numbers of the splines at each point, and their derivatives of order nu.

    Parameters
    ----------
    t : Array
        Knots.
    x : Array of shape (m,)
    degree, nu : int

    Returns
    -------
    (array of int, Array) of shape (m, degree + 1)
    """
    m, zero = of_values(_span, t, x, degree), np.zeros((x.size, 1))
    column = _core.reshape(x, (x.size, 1))
    found: Any = as_array(np.ones((x.size, 1)))
    for p in range(1, degree + 1):
        right = rows_at(t, m[:, None] + np.arange(1, p + 1))
        left = rows_at(t, m[:, None] + np.arange(1 - p, 1))
        share = found / (right - left)
        if p > degree - nu:
            falling, rising = -p * share, p * share
        else:
            falling, rising = (right - column) * share, (column - left) * share
        found = _core.concatenate([falling, as_array(zero)], 1) + _core.concatenate(
            [as_array(zero), rising], 1
        )
    if nu > degree:
        found = 0.0 * found
    return m[:, None] + np.arange(-degree, 1), found


def _band_places(numbers: Any, n: int) -> Any:
    """Which element of the basis (or the one after the last, a zero) stands where in the bands."""
    degree = numbers.shape[1] - 1
    places = np.full((2 * degree + 1, n), numbers.size)
    places[degree + np.arange(n)[:, None] - numbers, numbers] = np.arange(numbers.size).reshape(
        numbers.shape
    )
    return places


def _as_rows(*numbers: Any) -> Any:
    return np.concatenate(numbers)


def coefficients(
    t: Array, x: Array, values: Array, axis: int, degree: int, ends: Any = ((), ())
) -> Array:
    """The coefficients, along an axis, of the spline through values at the points x.

    Parameters
    ----------
    t, x, values : Array
    axis, degree : int
    ends : pair of lists of int, optional
        Orders of derivatives at the first and the last point, whose values stand before and after
        those at the points.

    Returns
    -------
    Array
    """
    parts = [basis(t, x[:1], degree, nu) for nu in ends[0]] + [basis(t, x, degree)]
    parts += [basis(t, x[-1:], degree, nu) for nu in ends[1]]
    numbers, found = parts[0]
    if len(parts) > 1:
        numbers = of_values(_as_rows, *[part[0] for part in parts])
        found = _core.concatenate([part[1] for part in parts], 0)
    flat = _core.concatenate([_core.reshape(found, (found.size,)), as_array(np.zeros(1))], 0)
    bands = rows_at(flat, of_values(_band_places, numbers, values.shape[axis]))
    return solved_along(bands, degree, values, axis)


def periodic_knots(x: Array, degree: int) -> Array:
    """SciPy's knots of a periodic spline: the points, or for an even degree what lies between, and
    outside the distances of the other end."""
    if degree % 2 == 0:
        x = _core.concatenate([x[:1], (x[1:-1] + x[:-2]) / 2, x[-1:]], 0)
    far, count = x[1:] - x[:-1], np.arange(degree)
    after = _core.cumsum(far[count % far.size], 0)
    before = _core.cumsum(far[-1 - count % far.size], 0)[::-1]
    return _core.concatenate([x[0] - before, x, x[-1] + after], 0)


def _chosen(numbers: Any, n: int) -> Any:
    return (numbers[:, :, None] == np.arange(n)).astype(float)


def periodic_coefficients(t: Array, x: Array, rows: Array, degree: int) -> Array:
    """The coefficients of the spline through values (along the first axis) whose derivatives at the
    first point are those at the last."""
    n = t.size - degree - 1

    def dense(points: Array, nu: int) -> Array:
        numbers, found = basis(t, points, degree, nu)
        return _core.sum(
            _core.reshape(found, (*found.shape, 1)) * of_values(_chosen, numbers, n), (1,)
        )

    equal = [dense(x[:1], nu) - dense(x[-1:], nu) for nu in range(1, degree)]
    system = _core.cast(_core.concatenate([dense(x, 0), *equal], 0), rows.dtype)
    flat = _core.reshape(rows, (rows.shape[0], rows.size // rows.shape[0]))
    zeros = as_array(np.zeros((degree - 1, flat.shape[1]), rows.dtype))
    c = _core.solve(system, _core.concatenate([flat, zeros], 0))
    return _core.reshape(c, (n, *rows.shape[1:]))


def solved_along(bands: Any, width: int, a: Array, axis: int) -> Array:
    """The solution of a system with as many bands above as below, along an axis of a."""
    order = [axis] + [k for k in range(a.ndim) if k != axis]
    rows = _core.transpose(a, order)
    flat = _core.reshape(rows, (rows.shape[0], rows.size // rows.shape[0]))
    solved = _core.reshape(solve_banded((width, width), bands, flat), rows.shape)
    return _core.transpose(solved, np.argsort(order).tolist())
