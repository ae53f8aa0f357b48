"""Interpolants of one variable, by query points, values and abscissae.

An interpolant whose data and queries are plain is SciPy's own; with an `Array` in either, slopes
and polynomials are computed by compositions with SciPy's formulas (the slopes of a spline by a
banded system). The interval of a query has no derivative. It must not know how a derivative is
made, and costs as many operations as there are coefficients, whatever the number of queries.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array
from cdiff.numpy._common import as_array, axis_of, of_values
from cdiff.scipy._mirror import rows_at
from cdiff.scipy._need import scipy_module
from cdiff.scipy.linalg import solve_banded

_interpolate = scipy_module("interpolate")

__all__ = ["CubicHermiteSpline", "CubicSpline", "PchipInterpolator", "interp1d", "interval",
           "interval_of"]  # fmt: skip


def interval(x: Any, query: Any) -> Any:
    """The interval of each query, the first or the last one outside."""
    return np.clip(np.searchsorted(x, query, side="right") - 1, 0, len(x) - 2)


def interval_of(x: Array, query: Array) -> Any:
    """The same for Arrays: plain, or part of a program."""
    return of_values(interval, x, query)


def _outside(x: Any, query: Any) -> Any:
    return (query < x[0]) | (query > x[-1])


class _Data:
    """Data along an axis that is moved to the front."""

    def __init__(self, x: Any, y: Any, axis: int, name: str, least: int = 2) -> None:
        self.x, y = as_array(x), as_array(y)
        self.axis = axis_of(y, axis, name)
        if self.x.ndim != 1 or self.x.size != y.shape[self.axis] or self.x.size < least:
            raise ValueError(
                f"{name}: x of shape {self.x.shape} and y of shape {y.shape} do not fit along "
                f"axis {axis}, or have fewer than {least} points"
            )
        if not bool(np.all(np.diff(_core.peek(self.x)) > 0)):
            raise ValueError(f"{name}: `x` must be strictly increasing sequence.")
        order = [self.axis] + [k for k in range(y.ndim) if k != self.axis]
        y = _core.transpose(y, order)
        self.rest = y.shape[1:]
        self.y = _core.reshape(y, (y.shape[0], y.size // y.shape[0]))
        self.h = _core.reshape(self.x[1:] - self.x[:-1], (self.x.size - 1, 1))
        self.slope = (self.y[1:] - self.y[:-1]) / self.h

    def restored(self, found: Array, queries: tuple[int, ...]) -> Array:
        """Rows of results for the queries, with the other axes of y in their places."""
        found = _core.reshape(found, queries + self.rest)
        n, k = len(queries), self.axis
        order = [*range(n, n + k), *range(n), *range(n + k, found.ndim)]
        return _core.transpose(found, order)


class _Interpolant:
    """What the interpolants of one variable have in common: SciPy's own where all is plain."""

    _data: _Data

    def __init__(self, given: Any, name: str) -> None:
        self._given = given
        self._name = name
        self._own: Any = None
        self._ready = False

    def _plain(self) -> Any:
        if self._own is None:
            args, kwargs = self._given
            self._own = getattr(_interpolate, self._name)(*args, **kwargs)
        return self._own

    def _is_plain(self) -> bool:
        args, kwargs = self._given
        return not any_array(*args, *kwargs.values())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not self._is_plain():
            raise AttributeError(f"{self._name}: {name} is not available with cdiff arrays")
        return getattr(self._plain(), name)


def _derived(c: list[Array], nu: int) -> list[Array]:
    """The coefficients of derivative nu of c[0] + c[1] t + c[2] t**2 + ... ."""
    for _ in range(nu):
        c = [k * a for k, a in enumerate(c)][1:] or [0.0 * c[0]]
    return c


def _integrated(c: list[Array], h: Array, nu: int) -> list[Array]:
    """Those of what is integrated nu times from the first point on; the pieces have length h."""
    for _ in range(nu):
        c = [0.0 * c[0], *[a / (k + 1) for k, a in enumerate(c)]]
        whole = _core.cumsum(_horner(c, h, 0), 0)
        c[0] = _core.concatenate([0.0 * whole[:1], whole[:-1]], 0)
    return c


def _horner(c: list[Array], t: Array, nu: int) -> Array:
    """Derivative nu of c[0] + c[1] t + c[2] t**2 + ... ."""
    c = _derived(c, nu)
    value = c[-1]
    for a in c[-2::-1]:
        value = value * t + a
    return value


class _Cubic(_Interpolant):
    """Cubics given by values and slopes at the points."""

    def _slopes(self) -> Array:
        raise NotImplementedError

    def __call__(self, x: Any, nu: int = 0, extrapolate: bool | None = None) -> Any:
        """The interpolant, or its derivative nu, at x."""
        if self._is_plain() and not any_array(x):
            return self._plain()(x, nu, extrapolate)
        self._prepare()
        data, query = self._data, as_array(x)
        if extrapolate is None:
            extrapolate = self._extrapolate
        if not isinstance(extrapolate, (bool, np.bool_)):
            raise TypeError(f"{self._name}: extrapolate={extrapolate!r} cannot be used here")
        flat = _core.reshape(query, (query.size,))
        k = interval_of(data.x, flat)
        t = _core.reshape(flat - rows_at(data.x, k), (query.size, 1))
        found = _horner([rows_at(c, k) for c in self._coefficients], t, nu)
        if not extrapolate:
            column = _core.reshape(flat, (query.size, 1))
            found = _core.where(_core.less(column, data.x[0]), np.nan, found)
            found = _core.where(_core.greater(column, data.x[-1]), np.nan, found)
        return data.restored(found, query.shape)

    def _prepare(self) -> None:
        if not self._ready:
            self._start()
            self._ready = True

    def derivative(self, nu: int = 1) -> _Pieces:
        """Derivative nu as an interpolant; an integral where nu is negative."""
        return _Pieces(self, nu)

    def antiderivative(self, nu: int = 1) -> _Pieces:
        """What is integrated nu times from the first point on."""
        return _Pieces(self, -nu)

    def integrate(self, a: Any, b: Any, extrapolate: bool | None = None) -> Any:
        """The integral from a to b."""
        if self._is_plain() and not any_array(a, b):
            return self._plain().integrate(a, b, extrapolate)
        whole = self.antiderivative()
        return whole(b, 0, extrapolate) - whole(a, 0, extrapolate)

    def each_its_own(self, query: Array) -> Array:
        """Query k in column k of the data alone (which has the columns of y as its first axis)."""
        self._start()
        data, count = self._data, query.size
        k = interval_of(data.x, query)
        t = _core.reshape(query - rows_at(data.x, k), (count, 1))
        width = data.y.shape[1] // count
        own = k * count + np.arange(count)
        rows = [_core.reshape(c, (c.shape[0] * count, width)) for c in self._coefficients]
        found = _horner([rows_at(c, own) for c in rows], t, 0)
        return _core.reshape(found, (count, *data.rest[1:]))

    def _start(self) -> None:
        s, data = self._slopes(), self._data
        bend = (s[:-1] + s[1:] - 2 * data.slope) / data.h
        self._coefficients = [data.y[:-1], s[:-1], (data.slope - s[:-1]) / data.h - bend,
                              bend / data.h]  # fmt: skip


class CubicSpline(_Cubic):
    """As `scipy.interpolate.CubicSpline`; `bc_type` is "not-a-knot", "natural", "clamped" or a pair
    of such names and (order, value)."""

    def __init__(self, x: Any, y: Any, axis: int = 0, bc_type: Any = "not-a-knot",
                 extrapolate: bool | None = None) -> None:  # fmt: skip
        super().__init__(((x, y, axis, bc_type, extrapolate), {}), "CubicSpline")
        self._extrapolate = True if extrapolate is None else extrapolate
        if self._is_plain():
            self._plain()

    def _slopes(self) -> Array:
        x, y, axis, bc_type, _ = self._given[0]
        self._data = data = _Data(x, y, axis, "CubicSpline")
        n = data.x.size
        ends = [bc_type, bc_type] if isinstance(bc_type, str) else list(bc_type)
        named = {"clamped": (1, 0.0), "natural": (2, 0.0)}
        ends = [named.get(e, e) if isinstance(e, str) else e for e in ends]
        if any(isinstance(e, str) and e != "not-a-knot" for e in ends):
            raise ValueError(f"CubicSpline: bc_type={bc_type!r} is not differentiated")
        if n == 2:
            # SciPy's line through two points: both slopes are that of the line.
            ends = [(1, data.slope[0]) if e == "not-a-knot" else e for e in ends]
        if n == 3 and ends == ["not-a-knot"] * 2:
            return self._parabola()
        h, slope = data.h, data.slope
        zero = np.zeros((1, 1))
        first = self._end(ends[0], h, slope)
        last = self._end(ends[1], h[::-1], slope[::-1])
        middle = 2 * (h[:-1] + h[1:])
        diagonal = _core.concatenate([as_array(z) for z in (first[0], middle, last[0])], 0)
        above = _core.concatenate([as_array(z) for z in (zero, first[1], h[:-1])], 0)
        below = _core.concatenate([as_array(z) for z in (h[1:], last[1], zero)], 0)
        inner = 3 * (h[1:] * slope[:-1] + h[:-1] * slope[1:])
        right = _core.concatenate(
            [as_array(z * np.ones((1, data.y.shape[1]))) if i != 1 else z
             for i, z in enumerate((first[2], inner, last[2]))], 0)  # fmt: skip
        rows = [_core.reshape(z, (1, n)) for z in (above, diagonal, below)]
        return solve_banded((1, 1), _core.concatenate(rows, 0), right)

    def _end(self, condition: Any, h: Array, slope: Array) -> tuple[Any, Any, Any]:
        """Diagonal, neighbour and right side of the equation of an end."""
        if isinstance(condition, str):
            d = h[:1] + h[1:2]
            right = ((h[:1] + 2 * d) * h[1:2] * slope[:1] + h[:1] * h[:1] * slope[1:2]) / d
            return h[1:2], d, right
        order, value = condition
        if order == 1:
            value = value if np.ndim(value) == 0 else _core.reshape(value, (1, slope.shape[1]))
            return np.ones((1, 1)), np.zeros((1, 1)), value
        if order == 2:
            sign = 1.0 if h is self._data.h else -1.0
            value = value if np.ndim(value) == 0 else _core.reshape(value, (1, slope.shape[1]))
            return 2 * h[:1], h[:1], 3 * h[:1] * slope[:1] - sign * 0.5 * value * h[:1] * h[:1]
        raise ValueError(f"CubicSpline: the order of a derivative at an end is 1 or 2, not {order}")

    def _parabola(self) -> Array:
        """The slopes of the parabola through three points."""
        h, slope = self._data.h, self._data.slope
        bend = (slope[1:2] - slope[:1]) / (h[:1] + h[1:2])
        return _core.concatenate(
            [slope[:1] - bend * h[:1], slope[:1] + bend * h[:1], slope[1:2] + bend * h[1:2]], 0
        )


class PchipInterpolator(_Cubic):
    """As `scipy.interpolate.PchipInterpolator`: monotone cubics."""

    def __init__(self, x: Any, y: Any, axis: int = 0, extrapolate: bool | None = None) -> None:
        super().__init__(((x, y, axis, extrapolate), {}), "PchipInterpolator")
        self._extrapolate = True if extrapolate is None else extrapolate
        if self._is_plain():
            self._plain()

    def _slopes(self) -> Array:
        x, y, axis, _ = self._given[0]
        self._data = data = _Data(x, y, axis, "PchipInterpolator")
        h, slope = data.h, data.slope
        if data.x.size == 2:
            return _core.concatenate([slope, slope], 0)
        w0, w1 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
        # The harmonic mean of neighbouring slopes, 0 where they differ in sign or one is 0.
        flat = _core.less_equal(_core.sign(slope[:-1]) * _core.sign(slope[1:]), 0.0)
        left = _core.where(flat, 1.0, slope[:-1])
        right = _core.where(flat, 1.0, slope[1:])
        inner = _core.where(flat, 0.0, (w0 + w1) / (w0 / left + w1 / right))
        ends = [self._edge(h, slope), self._edge(h[::-1], slope[::-1])]
        return _core.concatenate([ends[0], inner, ends[1]], 0)

    def _edge(self, h: Array, slope: Array) -> Array:
        """The one-sided formula of three points, limited so that the shape is kept."""
        d = ((2 * h[:1] + h[1:2]) * slope[:1] - h[:1] * slope[1:2]) / (h[:1] + h[1:2])
        other = _core.not_equal(_core.sign(d), _core.sign(slope[:1]))
        turns = _core.not_equal(_core.sign(slope[:1]), _core.sign(slope[1:2]))
        steep = _core.greater(_core.absolute(d), 3 * _core.absolute(slope[:1]))
        limited = _core.where(steep, 3 * slope[:1], d)
        return _core.where(other, 0.0, _core.where(turns, limited, d))


class _Pieces(_Cubic):
    """A derivative, or an integral, of an interpolant: as many polynomials of another degree."""

    def __init__(self, source: _Cubic, nu: int) -> None:
        super().__init__(source._given, source._name)
        self._source = source
        self._nu = nu

    def _plain(self) -> Any:
        if self._own is None:
            self._own = self._source._plain().derivative(self._nu)
        return self._own

    def _start(self) -> None:
        source, nu = self._source, self._nu
        source._prepare()
        self._data, self._extrapolate = source._data, source._extrapolate
        c = source._coefficients
        self._coefficients = _derived(c, nu) if nu > 0 else _integrated(c, self._data.h, -nu)


class CubicHermiteSpline(_Cubic):
    """As `scipy.interpolate.CubicHermiteSpline`: cubics of given values and slopes."""

    def __init__(self, x: Any, y: Any, dydx: Any, axis: int = 0,
                 extrapolate: bool | None = None) -> None:  # fmt: skip
        super().__init__(((x, y, dydx, axis, extrapolate), {}), "CubicHermiteSpline")
        self._extrapolate = True if extrapolate is None else extrapolate
        if self._is_plain():
            self._plain()

    def _slopes(self) -> Array:
        x, y, dydx, axis, _ = self._given[0]
        self._data = _Data(x, y, axis, "CubicHermiteSpline")
        return _Data(x, dydx, axis, "CubicHermiteSpline").y


class interp1d(_Interpolant):
    """As `scipy.interpolate.interp1d`, of Arrays with kind "linear" or "cubic" (a `CubicSpline`);
    `fill_value` is a number, a pair, or "extrapolate"."""

    def __init__(self, x: Any, y: Any, kind: str = "linear", axis: int = -1, copy: bool = True,
                 bounds_error: bool | None = None, fill_value: Any = np.nan,
                 assume_sorted: bool = False) -> None:  # fmt: skip
        given = {"kind": kind, "axis": axis, "bounds_error": bounds_error,
                 "fill_value": fill_value, "assume_sorted": assume_sorted}  # fmt: skip
        super().__init__(((x, y), given), "interp1d")
        if self._is_plain():
            self._plain()
        elif kind not in ("linear", "cubic"):
            raise ValueError(f"interp1d: kind={kind!r} is not differentiated")
        self._options = (kind, bounds_error, fill_value, axis)

    def __call__(self, x: Any) -> Any:
        """The interpolant at x."""
        if self._is_plain() and not any_array(x):
            return self._plain()(x)
        kind, bounds_error, fill, axis = self._options
        if kind not in ("linear", "cubic"):
            raise ValueError(f"interp1d: kind={kind!r} is not differentiated")
        extrapolate = isinstance(fill, str) and fill == "extrapolate"
        args = self._given[0]
        self._data = data = _Data(args[0], args[1], axis, "interp1d")
        query = as_array(x)
        flat = _core.reshape(query, (query.size,))
        strict = bounds_error or (bounds_error is None and np.ndim(fill) == 0 and fill != fill)
        if strict and not extrapolate and np.any(_outside(_core.value(data.x), _core.value(flat))):
            raise ValueError("interp1d: a value in x_new is outside the interpolation range.")
        if kind == "cubic":
            y = CubicSpline(data.x, data.y)(flat)
        else:
            k = interval_of(data.x, flat)
            t = _core.reshape(flat - rows_at(data.x, k), (flat.size, 1))
            y = rows_at(data.y, k) + rows_at(data.slope, k) * t
        if not extrapolate:
            below, above = fill if isinstance(fill, tuple) else (fill, fill)
            column = _core.reshape(flat, (flat.size, 1))
            y = _core.where(_core.less(column, data.x[0]), below, y)
            y = _core.where(_core.greater(column, data.x[-1]), above, y)
        return data.restored(y, query.shape)
