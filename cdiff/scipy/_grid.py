"""Interpolation on rectilinear grids, by query points, values and the grid.

Where everything is plain it is SciPy's own. With an `Array` among data or queries each query has,
on each axis, a few neighbours and their weights (one of the nearest, two of a line, degree + 1 of a
spline whose coefficients take the place of the values), and the result is one sum over them; pchip,
which is not linear in the values, goes axis by axis as SciPy does. Which cell a query lies in has
no derivative. It must not know how a derivative is made; the number of operations does not grow
with the number of queries.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array
from cdiff._face import misfit
from cdiff.numpy._common import as_array, of_values
from cdiff.scipy._curves import PchipInterpolator, interval, interval_of, real_query
from cdiff.scipy._mirror import rows_at
from cdiff.scipy._need import scipy_module
from cdiff.scipy._splines import basis, coefficients, knots

_interpolate = scipy_module("interpolate")

__all__ = ["RegularGridInterpolator", "interpn"]

_solve = scipy_module("sparse.linalg").spsolve

SPLINES = {"slinear": 1, "cubic": 3, "quintic": 5}
LEAST = {"linear": 1, "nearest": 1, "pchip": 4, **{m: k + 1 for m, k in SPLINES.items()}}


def _nearest(g: Any, q: Any) -> Any:
    """The nearer of the two neighbours, the lower one half way."""
    if len(g) == 1:
        return np.zeros(q.shape, np.int64)
    k = interval(g, q)
    return k + ((q - g[k]) / (g[k + 1] - g[k]) > 0.5)


def _flat_places(shape: Any, *places: Any) -> Any:
    """Where each combination of neighbours on the axes stands in the flat array."""
    n, total = len(shape), 0
    for axis, k in enumerate(places):
        spread = (k.shape[0], *[k.shape[1] if i == axis else 1 for i in range(n)])
        total = total * shape[axis] + k.reshape(spread)
    return total


def _any_nan(q: Any) -> Any:
    return np.isnan(q).any(-1)


def _out_of(g: Any, q: Any) -> Any:
    return ~((g[0] <= q) & (q <= g[-1]))


class RegularGridInterpolator:
    """As `scipy.interpolate.RegularGridInterpolator` with its methods "linear", "nearest",
    "slinear", "cubic", "quintic" and "pchip", by query points, values and the grid.

    The coefficients of splines come from a direct solver; SciPy's default is an iterative one,
    which stops where three to six digits are right. Arguments `solver` and `solver_args` count
    where everything is plain.

    >>> f = lambda x: csi.RegularGridInterpolator([[0.0, 1.0]], [2.0, 5.0])(x)[0]
    >>> cd.grad(f)(np.array([0.5]))
    array([3.])
    """

    def __init__(self, points: Any, values: Any, method: str = "linear", bounds_error: bool = True,
                 fill_value: Any = np.nan, *, solver: Any = None,
                 solver_args: Any = None) -> None:  # fmt: skip
        self.method, self.bounds_error, self.fill_value = method, bounds_error, fill_value
        self._own: Any = None
        self._kept: dict[str, Any] = {}
        if not any_array(values, *points):
            solver = _solve if solver is None and method in SPLINES else solver
            self._own = _interpolate.RegularGridInterpolator(
                points, values, method, bounds_error, fill_value, solver=solver,
                solver_args=solver_args,
            )  # fmt: skip
            self.grid, self.values = self._own.grid, self._own.values
            return
        self.grid, self.values = _ascending([as_array(g) for g in points], as_array(values))
        self._check_method(method)
        kind = np.result_type(self.values.dtype, float)
        if (
            fill_value is not None
            and type(fill_value) is not Array
            and not np.can_cast(np.asarray(fill_value).dtype, kind, "same_kind")
        ):
            raise ValueError(
                f"RegularGridInterpolator: fill_value={fill_value!r} is neither None nor of a type "
                "compatible with values"
            )

    def _plain(self, method: str) -> Any:
        """SciPy's own for a method, which may be another one than that it was made with."""
        if method == self.method:
            return self._own
        made = RegularGridInterpolator(
            self.grid, self.values, method, self.bounds_error, self.fill_value
        )
        return made._own

    def _check_method(self, method: str) -> None:
        if method not in LEAST:
            raise ValueError(
                f"RegularGridInterpolator: method={method!r} is not differentiated; use one of "
                f"{', '.join(sorted(LEAST))}"
            )
        for axis, g in enumerate(self.grid):
            if g.size < LEAST[method]:
                raise misfit(
                    f"RegularGridInterpolator: there are {g.size} points in dimension {axis}, but "
                    f"method {method!r} requires at least {LEAST[method]}"
                )
        if method == "pchip" and self.values.dtype.kind == "c":
            raise ValueError("RegularGridInterpolator: method='pchip' needs real values")

    def __call__(self, xi: Any, method: str | None = None, *, nu: Any = None) -> Any:
        """The interpolant at points whose coordinates lie along the last axis of xi."""
        method = method or self.method
        if self._own is not None and not any_array(xi):
            return self._plain(method)(xi, nu=nu)
        self._check_method(method)
        if nu is not None and method not in SPLINES:
            raise ValueError(f"RegularGridInterpolator: nu is for {list(SPLINES)}, not {method!r}")
        orders = np.zeros(len(self.grid), int) if nu is None else np.asarray(nu)
        if orders.shape != (len(self.grid),) or np.any(orders < 0):
            raise ValueError(
                f"RegularGridInterpolator: nu is {len(self.grid)} orders of derivatives, not {nu!r}"
            )
        points, shape = self._points(xi)
        outside = self._outside(points)
        if method == "pchip":
            found = self._pchip(points)
        else:
            found = self._combined(points, method, orders.tolist())
        rest = found.shape[1:]
        rows = (points.shape[0],) + (1,) * len(rest)
        if outside is not None:
            found = _core.where(_core.reshape(outside, rows), self.fill_value, found)
        unknown = _core.reshape(as_array(of_values(_any_nan, points)), rows)
        return _core.reshape(_core.where(unknown, np.nan, found), shape + rest)

    def _points(self, xi: Any) -> tuple[Array, tuple[int, ...]]:
        """The queries in rows, and the shape of the result."""
        n = len(self.grid)
        several = not isinstance(xi, tuple)  # a tuple of numbers is one point, in SciPy, too
        if isinstance(xi, tuple):
            parts = [as_array(z) for z in xi]
            whole = np.broadcast_shapes(*[p.shape for p in parts])
            parts = [_core.reshape(_core.broadcast_to(p, whole), (*whole, 1)) for p in parts]
            xi = _core.concatenate(parts, len(whole))
        xi = _core.cast(real_query(xi, "RegularGridInterpolator"), np.float64)
        if several and xi.ndim == 1 and xi.size % n == 0:
            xi = _core.reshape(xi, (xi.size // n, n))
        if xi.ndim == 0 or xi.shape[-1] != n:
            raise misfit(
                f"RegularGridInterpolator: points of shape {xi.shape} for a grid of {n} dimensions"
            )
        return _core.reshape(xi, (xi.size // n, n)), xi.shape[:-1]

    def _outside(self, points: Array) -> Any:
        """Which points are to be filled, if any; with `bounds_error` they are an error."""
        outside: Any = None
        for axis, g in enumerate(self.grid):
            q = points[:, axis]
            if self.bounds_error:
                # A decision of a program, since the error depends on it.
                if np.any(of_values(_out_of, g, q)):
                    raise misfit(
                        "RegularGridInterpolator: One of the requested xi is out of bounds in "
                        f"dimension {axis}"
                    )
            elif self.fill_value is not None:
                beyond = _core.add(_core.less(q, g[0]), _core.greater(q, g[-1]))
                outside = beyond if outside is None else _core.add(outside, beyond)
        return outside

    def _combined(self, points: Array, method: str, nu: Any) -> Array:
        """The sum over the neighbours of each point."""
        places, weights = [], []
        for axis, g in enumerate(self.grid):
            k, w = _neighbours(as_array(g), points[:, axis], method, nu[axis])
            places.append(k)
            weights.append(w)
        n = len(places)
        table = self._coefficients(method)
        shape, rest = table.shape[:n], table.shape[n:]
        flat = _core.reshape(table, (int(np.prod(shape)), *rest))
        found = rows_at(flat, of_values(_flat_places, shape, *places))
        for axis in reversed(range(n)):
            if weights[axis] is not None:
                count = weights[axis].shape[1]
                spread = (points.shape[0],) + (1,) * axis + (count,) + (1,) * len(rest)
                found = found * _core.reshape(weights[axis], spread)
            found = _core.sum(found, (axis + 1,), False)
        return found

    def _coefficients(self, method: str) -> Array:
        """What is combined; kept if it is of plain values."""
        if method in self._kept:
            return self._kept[method]
        table, degree = as_array(self.values), SPLINES.get(method, 1)
        table = table if table.dtype.kind in "fc" else _core.cast(table, float)
        if degree > 1:
            for axis, g in enumerate(self.grid):
                x = as_array(g)
                table = coefficients(knots(x, degree), x, table, axis, degree)
        if self._own is not None:
            self._kept[method] = table
        return table

    def _pchip(self, points: Array) -> Array:
        """Axis by axis from the last one; after the first, each point has data of its own."""
        n, table = len(self.grid), as_array(self.values)
        table = _core.transpose(table, [n - 1, *range(n - 1), *range(n, table.ndim)])
        found = as_array(PchipInterpolator(self.grid[-1], table)(points[:, n - 1]))
        for axis in reversed(range(n - 1)):
            curve = PchipInterpolator(self.grid[axis], found, axis + 1)
            found = curve.each_its_own(points[:, axis])
        return _core.cast(found, table.dtype) if table.dtype == np.float32 else found


def _ascending(grid: list[Array], values: Array) -> tuple[tuple[Array, ...], Array]:
    """The grid with each axis in ascending order, and the values turned with it."""
    if len(grid) > values.ndim:
        raise misfit(
            f"RegularGridInterpolator: {len(grid)} axes of points for values of shape "
            f"{values.shape}"
        )
    turned = []
    for axis, g in enumerate(grid):
        if g.shape != values.shape[axis : axis + 1]:
            raise misfit(
                f"RegularGridInterpolator: points of shape {g.shape} in dimension {axis} for "
                f"values of shape {values.shape}"
            )
        steps = np.diff(_core.peek(g))
        if not (np.all(steps > 0) or np.all(steps < 0)):
            raise misfit(
                f"RegularGridInterpolator: the points in dimension {axis} must be strictly "
                "ascending or descending"
            )
        turned.append(slice(None, None, -1 if steps.size and steps[0] < 0 else None))
    grid = [_core.cast(g, float)[key] for g, key in zip(grid, turned, strict=True)]
    return tuple(grid), _core.index(values, tuple(turned))


def _neighbours(g: Array, q: Array, method: str, nu: int) -> tuple[Any, Any]:
    """The places of the neighbours of each query on an axis, and their weights (None: one)."""
    if method == "nearest" or g.size == 1:
        return of_values(_nearest, g, q)[:, None], None
    if method in SPLINES:
        return basis(knots(g, SPLINES[method]), q, SPLINES[method], nu)
    k = interval_of(g, q)
    part = _core.reshape((q - rows_at(g, k)) / rows_at(g[1:] - g[:-1], k), (q.size, 1))
    return k[:, None] + np.arange(2), _core.concatenate([1 - part, part], 1)


def interpn(
    points: Any, values: Any, xi: Any, method: str = "linear", bounds_error: bool = True,
    fill_value: Any = np.nan,
) -> Any:  # fmt: skip
    """As `scipy.interpolate.interpn`: values between the points of a grid, with the methods of
    `RegularGridInterpolator`.

    >>> cd.grad(lambda x: csi.interpn([[0.0, 1.0]], [2.0, 5.0], x)[0])(np.array([0.5]))
    array([3.])
    """
    if method not in LEAST and not any_array(values, xi, *points):
        return _interpolate.interpn(points, values, xi, method, bounds_error, fill_value)
    return RegularGridInterpolator(points, values, method, bounds_error, fill_value)(xi)
