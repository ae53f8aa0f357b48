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
from cdiff._face import misfit
from cdiff.numpy._common import as_array, axis_of, of_values
from cdiff.scipy._mirror import doubled, rows_at
from cdiff.scipy._need import scipy_module
from cdiff.scipy.linalg import solve_banded

_interpolate = scipy_module("interpolate")

__all__ = ["Akima1DInterpolator", "CubicHermiteSpline", "CubicSpline", "Data", "Interpolant",
           "PPoly", "PchipInterpolator", "filled", "interval", "interval_of",
           "real_query"]  # fmt: skip


def interval(x: Any, query: Any) -> Any:
    """The interval of each query, the first or the last one outside; points may descend."""
    if x[0] > x[-1]:
        x, query = -x, -query
    return np.clip(np.searchsorted(x, query, side="right") - 1, 0, len(x) - 2)


def interval_of(x: Array, query: Array) -> Any:
    """The same for Arrays: plain, or part of a program."""
    return of_values(interval, x, query)


def real_query(x: Any, name: str) -> Array:
    """Where an interpolant is asked for."""
    query = as_array(x)
    if query.dtype.kind == "c":
        raise TypeError(f"{name}: queries are real numbers, not {query.dtype}")
    return query


def filled(found: Array, flat: Array, x: Any, below: Any, above: Any) -> Array:
    """Rows of results with something else where the query lies below or above all points."""
    column = _core.reshape(flat, (flat.size, 1))
    found = _core.where(_core.less(column, x[0]), below, found)
    return _core.where(_core.greater(column, x[-1]), above, found)


class Data:
    """Data along an axis that is moved to the front."""

    def __init__(
        self, x: Any, y: Any, axis: int, name: str, least: int = 2, rows: Any = None,
        single: bool = False, descends: bool = False,
    ) -> None:  # fmt: skip
        self.x, y = as_array(x), as_array(y)
        if not single:
            self.x, y = doubled(self.x), doubled(y)
        if self.x.dtype.kind == "c":
            raise ValueError(f"{name}: `x` must contain real values.")
        y = y if y.dtype.kind in "fc" else _core.cast(y, float)
        self.x = _core.cast(self.x, np.empty(0, np.result_type(self.x.dtype, y.dtype)).real.dtype)
        self.axis = axis_of(y, axis, name)
        if self.x.ndim != 1 or self.x.size != y.shape[self.axis] or self.x.size < least:
            raise misfit(
                f"{name}: x of shape {self.x.shape} and y of shape {y.shape} do not fit along "
                f"axis {axis}, or have fewer than {least} points"
            )
        if rows is not None:
            self.x = rows_at(self.x, rows)
        steps = np.diff(_core.peek(self.x))
        if not ((steps > 0).all() or (descends and (steps < 0).all())):
            raise ValueError(f"{name}: `x` must be strictly increasing sequence.")
        order = [self.axis] + [k for k in range(y.ndim) if k != self.axis]
        y = _core.transpose(y, order)
        y = y if rows is None else rows_at(y, rows)
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


class Interpolant:
    """What the interpolants of one variable have in common: SciPy's own where all is plain."""

    _data: Data

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


class _Piecewise(Interpolant):
    """A polynomial for each interval, in powers of the distance from its first point."""

    _extrapolate: Any
    _coefficients: list[Array]

    def _start(self) -> None:
        """Make the data and the coefficients."""
        raise NotImplementedError

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        """The interpolant, or its derivative nu, at x."""
        if self._is_plain() and not any_array(x):
            return self._plain()(x, nu, extrapolate)
        self._prepare()
        data, query = self._data, real_query(x, self._name)
        if nu < 0:
            raise ValueError(f"{self._name}: the order of a derivative cannot be negative: {nu}")
        extrapolate = self._extrapolate if extrapolate is None else extrapolate
        if not isinstance(extrapolate, (bool, np.bool_)) and extrapolate != "periodic":
            raise TypeError(f"{self._name}: extrapolate={extrapolate!r} cannot be used here")
        flat = _core.reshape(query, (query.size,))
        if isinstance(extrapolate, str):
            flat = data.x[0] + _core.remainder(flat - data.x[0], data.x[-1] - data.x[0])
        k = interval_of(data.x, flat)
        t = _core.reshape(flat - rows_at(data.x, k), (query.size, 1))
        found = _horner([rows_at(c, k) for c in self._coefficients], t, nu)
        if not extrapolate:
            ends = data.x[0], data.x[-1]
            ends = _core.minimum(*ends), _core.maximum(*ends)
            found = filled(found, flat, ends, np.nan, np.nan)
        return data.restored(found, query.shape)

    def _prepare(self) -> None:
        if not self._ready:
            self._start()
            self._ready = True

    @property
    def x(self) -> Any:
        """The points between which the polynomials change."""
        if self._is_plain():
            return self._plain().x
        self._prepare()
        return self._data.x

    @property
    def c(self) -> Any:
        """The coefficients, those of the highest power first."""
        if self._is_plain():
            return self._plain().c
        self._prepare()
        rows = [_core.reshape(a, (1, *a.shape)) for a in reversed(self._coefficients)]
        table = _core.concatenate(rows, 0)
        return _core.reshape(table, (*table.shape[:2], *self._data.rest))

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
        self._prepare()
        whole = self.antiderivative()
        extrapolate = self._extrapolate if extrapolate is None else extrapolate
        if extrapolate != "periodic":
            return whole(b, 0, extrapolate) - whole(a, 0, extrapolate)
        data = self._data
        width = data.x[-1] - data.x[0]
        ends = [_core.floor((as_array(z) - data.x[0]) / width) for z in (a, b)]
        inside = [whole(z, 0, "periodic") for z in (a, b)]
        return inside[1] - inside[0] + (ends[1] - ends[0]) * whole(data.x[-1])


class _Cubic(_Piecewise):
    """Cubics given by values and slopes at the points."""

    def _slopes(self) -> Array:
        raise NotImplementedError

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
    """As `scipy.interpolate.CubicSpline`, with every `bc_type`.

    >>> x = [0.0, 1.0, 2.0, 3.0]
    >>> round(cd.grad(lambda t: csi.CubicSpline(x, [0.0, 1.0, 4.0, 9.0])(t))(1.5), 6)
    3.0
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, bc_type: Any = "not-a-knot",
                 extrapolate: bool | None = None) -> None:  # fmt: skip
        super().__init__(((x, y, axis, bc_type, extrapolate), {}), "CubicSpline")
        self._repeats = isinstance(bc_type, str) and bc_type == "periodic"
        usual = "periodic" if self._repeats else True
        self._extrapolate = usual if extrapolate is None else extrapolate
        if self._is_plain():
            self._plain()

    def _slopes(self) -> Array:
        x, y, axis, bc_type, _ = self._given[0]
        self._data = data = Data(x, y, axis, "CubicSpline")
        n = data.x.size
        if self._repeats:
            return self._periodic_slopes()
        ends = [bc_type, bc_type] if isinstance(bc_type, str) else list(bc_type)
        named = {"clamped": (1, 0.0), "natural": (2, 0.0)}
        ends = [named.get(e, e) if isinstance(e, str) else e for e in ends]
        if len(ends) != 2 or any(isinstance(e, str) and e != "not-a-knot" for e in ends):
            raise ValueError(f"CubicSpline: bc_type={bc_type!r} is not allowed")
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

    def _periodic_slopes(self) -> Array:
        """The slopes where value, slope and bend at both ends are the same."""
        data = self._data
        if not np.allclose(_core.peek(data.y[0]), _core.peek(data.y[-1]), rtol=1e-15, atol=1e-15):
            raise ValueError(
                "CubicSpline: the first and the last value along the axis must be identical with "
                "bc_type='periodic'"
            )
        h, slope, m = data.h, data.slope, data.x.size - 2
        if m < 2:
            weights = 1 / h
            mean = _core.sum(slope * weights, (0,), True) / _core.sum(weights, (0,), True)
            return _core.concatenate([mean] * data.x.size, 0)
        before = _core.concatenate([h[-1:], h[:-1]], 0)
        right = 3 * (h * _core.concatenate([slope[-1:], slope[:-1]], 0) + before * slope)
        main, none = 2 * (before + h), as_array(np.zeros((1, 1)))
        bands = [_core.concatenate([none, before[: m - 1]], 0), main[:m],
                 _core.concatenate([h[1:m], none], 0)]  # fmt: skip
        # The last unknown stands in the first and the last of the other equations, too.
        corner = _core.concatenate([-h[:1], np.zeros((m - 2, 1)), -before[m - 1 : m]], 0)
        ab = _core.concatenate([_core.reshape(z, (1, m)) for z in bands], 0)
        both = solve_banded((1, 1), ab, _core.concatenate([right[:m], corner], 1))
        s, by_last = both[:, :-1], both[:, -1:]
        last = (right[m:] - before[m:] * s[:1] - h[m:] * s[-1:]) / (
            main[m:] + before[m:] * by_last[:1] + h[m:] * by_last[-1:])  # fmt: skip
        s = s + last * by_last
        return _core.concatenate([s, last, s[:1]], 0)

    def _parabola(self) -> Array:
        """The slopes of the parabola through three points."""
        h, slope = self._data.h, self._data.slope
        bend = (slope[1:2] - slope[:1]) / (h[:1] + h[1:2])
        return _core.concatenate(
            [slope[:1] - bend * h[:1], slope[:1] + bend * h[:1], slope[1:2] + bend * h[1:2]], 0
        )


class PchipInterpolator(_Cubic):
    """As `scipy.interpolate.PchipInterpolator`: monotone cubics.

    >>> cd.grad(lambda t: csi.PchipInterpolator([0.0, 1.0, 2.0], [0.0, 1.0, 2.0])(t))(0.5)
    1.0
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, extrapolate: bool | None = None) -> None:
        super().__init__(((x, y, axis, extrapolate), {}), "PchipInterpolator")
        self._extrapolate = True if extrapolate is None else extrapolate
        if self._is_plain():
            self._plain()

    def _slopes(self) -> Array:
        x, y, axis, _ = self._given[0]
        self._data = data = Data(x, y, axis, "PchipInterpolator")
        if data.y.dtype.kind == "c":
            raise ValueError("PchipInterpolator: `y` must contain real values.")
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


class _Pieces(_Piecewise):
    """A derivative, or an integral, of an interpolant: as many polynomials of another degree."""

    def __init__(self, source: _Piecewise, nu: int) -> None:
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
        if nu < 0 and self._extrapolate == "periodic":
            self._extrapolate = False  # as SciPy's: an integral is not periodic
        c = source._coefficients
        self._coefficients = _derived(c, nu) if nu > 0 else _integrated(c, self._data.h, -nu)


class CubicHermiteSpline(_Cubic):
    """As `scipy.interpolate.CubicHermiteSpline`: cubics of given values and slopes.

    >>> cd.grad(lambda t: csi.CubicHermiteSpline([0.0, 1.0], [0.0, 1.0], [0.0, 0.0])(t))(0.5)
    1.5
    """

    def __init__(self, x: Any, y: Any, dydx: Any, axis: int = 0,
                 extrapolate: bool | None = None) -> None:  # fmt: skip
        super().__init__(((x, y, dydx, axis, extrapolate), {}), "CubicHermiteSpline")
        self._extrapolate = True if extrapolate is None else extrapolate
        if self._is_plain():
            self._plain()

    def _slopes(self) -> Array:
        x, y, dydx, axis, _ = self._given[0]
        self._data = Data(x, y, axis, "CubicHermiteSpline")
        return Data(x, dydx, axis, "CubicHermiteSpline").y


class Akima1DInterpolator(_Cubic):
    """As `scipy.interpolate.Akima1DInterpolator`: cubics that overshoot little, with both methods.

    >>> cd.grad(lambda t: csi.Akima1DInterpolator([0.0, 1.0, 2.0], [0.0, 2.0, 4.0])(t))(0.5)
    2.0
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, *, method: str = "akima",
                 extrapolate: bool | None = None) -> None:  # fmt: skip
        given = {"method": method, "extrapolate": extrapolate}
        super().__init__(((x, y, axis), given), "Akima1DInterpolator")
        self._extrapolate = False if extrapolate is None else extrapolate
        self._method = method
        if method not in ("akima", "makima"):
            raise NotImplementedError(f"Akima1DInterpolator: method={method!r} is unsupported")
        if self._is_plain():
            self._plain()

    def _slopes(self) -> Array:
        x, y, axis = self._given[0]
        self._data = data = Data(x, y, axis, "Akima1DInterpolator")
        if data.y.dtype.kind == "c":
            raise ValueError("Akima1DInterpolator: it works with real values of `y` only")
        m = data.slope
        if data.x.size == 2:
            return _core.concatenate([m, m], 0)
        left, right = 2 * m[:1] - m[1:2], 2 * m[-1:] - m[-2:-1]
        m = _core.concatenate([2 * left - m[:1], left, m, right, 2 * right - m[-1:]], 0)
        change = _core.absolute(m[1:] - m[:-1])
        if self._method == "makima":
            change = change + 0.5 * _core.absolute(m[1:] + m[:-1])
        after, before = change[2:], change[:-2]
        both = after + before
        # Where the slopes do not change the weights are not defined: SciPy takes the mean.
        known = _core.greater(both, 1e-9 * of_values(np.max, both))
        share = before / _core.where(known, both, 1.0)
        weighted = m[1:-2] + share * (m[2:-1] - m[1:-2])
        return _core.where(known, weighted, 0.5 * (m[3:] + m[:-3]))


class PPoly(_Piecewise):
    """As `scipy.interpolate.PPoly`: polynomials on intervals, whose points ascend or descend.

    >>> cd.grad(lambda t: csi.PPoly([[1.0], [0.0]], [0.0, 1.0])(t))(0.5)
    1.0
    """

    def __init__(self, c: Any, x: Any, extrapolate: Any = None, axis: int = 0) -> None:
        super().__init__(((c, x, extrapolate, axis), {}), "PPoly")
        self._extrapolate = True if extrapolate is None else extrapolate
        if self._is_plain():
            self._plain()
        else:
            self._prepare()

    def _start(self) -> None:
        c, x, _, axis = self._given[0]
        c = as_array(c)
        c = _core.cast(c, np.result_type(c.dtype, float))
        axis = axis_of(c, axis, "PPoly")
        if c.ndim < 2 or axis == c.ndim - 1:
            raise misfit(f"PPoly: coefficients of shape {c.shape} have no axis {axis + 1}")
        order = [axis, axis + 1, *[k for k in range(c.ndim) if k not in (axis, axis + 1)]]
        c = _core.transpose(c, order)
        # The data only say where the pieces begin, and which shape the results have.
        shape = c.shape[2 : 2 + axis] + (c.shape[1] + 1,) + c.shape[2 + axis :]
        self._data = Data(x, np.zeros(shape), axis, "PPoly", descends=True)
        rows = _core.reshape(c, (*c.shape[:2], c.size // (c.shape[0] * c.shape[1])))
        self._coefficients = [rows[k] for k in reversed(range(c.shape[0]))]
