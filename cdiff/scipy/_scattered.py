"""Interpolation between scattered points in `scipy.interpolate`: radial functions, by all
arguments, and linear interpolation in triangles, by values and queries.

Which triangle a query lies in is found by SciPy, and has no derivative. It must not know how a
derivative is made; the system of radial functions is one dense matrix.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any

import numpy as np

import cdiff.numpy as cnp
from cdiff import _core
from cdiff._core import Array, any_array
from cdiff._face import misfit
from cdiff.numpy._common import as_array, of_values
from cdiff.scipy._interp1d import interp1d
from cdiff.scipy._mirror import any_tracked, constant, doubled, no_keywords, plainly, rows_at
from cdiff.scipy._need import scipy_module

_interpolate = scipy_module("interpolate")
__all__ = ["LinearNDInterpolator", "NearestNDInterpolator", "RBFInterpolator", "griddata"]

# Of the square of the distance, positive; their values at 0; the least degree of polynomials.
KERNELS: dict[str, tuple[Any, float, int]] = {
    "linear": (lambda s: -_core.sqrt(s), 0.0, 0),
    "thin_plate_spline": (lambda s: 0.5 * s * _core.log(s), 0.0, 1),
    "cubic": (lambda s: s * _core.sqrt(s), 0.0, 1),
    "quintic": (lambda s: -_core.square(s) * _core.sqrt(s), 0.0, 2),
    "multiquadric": (lambda s: -_core.sqrt(1.0 + s), -1.0, 0),
    "inverse_multiquadric": (lambda s: 1.0 / _core.sqrt(1.0 + s), 1.0, -1),
    "inverse_quadratic": (lambda s: 1.0 / (1.0 + s), 1.0, -1),
    "gaussian": (lambda s: _core.exp(-s), 1.0, -1),
}
INVARIANT = ("linear", "thin_plate_spline", "cubic", "quintic")


def _points(x: Any, count: int | None, name: str) -> Array:
    x = as_array(x)
    x = x if x.dtype.kind == "f" else _core.cast(x, float)
    if x.ndim != 2 or (count is not None and x.shape[1] != count):
        raise misfit(f"{name}: points are rows of a matrix of {count or 'any'} columns: {x.shape}")
    return x


class RBFInterpolator:
    """As `scipy.interpolate.RBFInterpolator` with all neighbours: a sum of radial functions and a
    polynomial, by the points, the values, the queries, smoothing and epsilon.

    >>> y = np.array([[0.0], [1.0], [3.0]])
    >>> cd.grad(lambda d: csi.RBFInterpolator(y, d, kernel="linear")([[0.5]])[0])(y[:, 0]).round(6)
    array([0.5, 0.5, 0. ])
    """

    def __init__(self, y: Any, d: Any, neighbors: Any = None, smoothing: Any = 0.0,
                 kernel: str = "thin_plate_spline", epsilon: Any = None,
                 degree: int | None = None) -> None:  # fmt: skip
        self._own: Any = None
        if not any_array(y, d, smoothing, epsilon):
            self._own = _interpolate.RBFInterpolator(
                y, d, neighbors, smoothing, kernel, epsilon, degree)  # fmt: skip
        kernel = kernel.lower()
        if self._own is None:
            no_keywords("RBFInterpolator", neighbors=(neighbors, None))
            if kernel not in KERNELS:
                raise ValueError(f"RBFInterpolator: kernel is one of {', '.join(KERNELS)}")
            if epsilon is None and kernel not in INVARIANT:
                raise ValueError(f"RBFInterpolator: the kernel {kernel!r} needs epsilon")
        self._neighbors, self._kernel = neighbors, kernel
        self._epsilon = 1.0 if epsilon is None else epsilon
        least = KERNELS[kernel][2]
        degree = max(least, 0) if degree is None else int(degree)
        if degree < -1:
            raise ValueError("RBFInterpolator: `degree` must be at least -1.")
        self._y = _points(y, None, "RBFInterpolator")
        (n, dim), d = self._y.shape, as_array(d)
        if d.ndim < 1 or d.shape[0] != n:
            raise misfit(f"RBFInterpolator: values of shape {d.shape} for {n} points")
        self._powers = [c for k in range(degree + 1)
                        for c in combinations_with_replacement(range(dim), k)]  # fmt: skip
        if len(self._powers) > n:
            raise misfit(
                f"RBFInterpolator: at least {len(self._powers)} data points are required when "
                f"`degree` is {degree} and the number of dimensions is {dim}, not {n}"
            )
        self._rest = d.shape[1:]
        self._weights = self._solved(_core.reshape(d, (n, d.size // n)), smoothing)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or self._own is None:
            raise AttributeError(f"RBFInterpolator of cdiff arrays has no {name!r}")
        return getattr(self._own, name)

    def _radial(self, x: Array) -> Array:
        """The kernel between places and points; equal ones are apart from its formula, which may
        have a root or a logarithm there."""
        made, at_zero, _ = KERNELS[self._kernel]
        apart = (cnp.expand_dims(x, 1) - cnp.expand_dims(self._y, 0)) * self._epsilon
        square = _core.sum(apart * apart, (2,), False)
        if self._kernel not in INVARIANT:
            return made(square)
        same = _core.equal(square, 0.0)
        return _core.where(same, at_zero, made(_core.where(same, 1.0, square)))

    def _polynomials(self, x: Array) -> Array:
        """Monomials of the places."""
        ones = cnp.ones_like(x[:, 0])
        columns = [cnp.prod(x[:, list(c)], axis=1) if c else ones for c in self._powers]
        return cnp.stack(columns, 1)

    def _solved(self, d: Array, smoothing: Any) -> Array:
        n, m = d.shape[0], len(self._powers)
        matrix = self._radial(self._y) + cnp.diag(_core.broadcast_to(as_array(smoothing), (n,)))
        if not m:
            return cnp.linalg.solve(matrix, d)
        low = self._polynomials(self._y)
        upper = _core.concatenate([matrix, low], 1)
        lower = cnp.pad(_core.transpose(low, (1, 0)), ((0, 0), (0, m)))
        return cnp.linalg.solve(_core.concatenate([upper, lower], 0), cnp.pad(d, ((0, m), (0, 0))))

    def __call__(self, x: Any) -> Any:
        """The interpolant at the rows of x."""
        if self._own is not None and not any_array(x):
            return self._own(x)
        if self._neighbors is not None:
            raise NotImplementedError("RBFInterpolator: neighbors= has no derivative in cdiff")
        x = _points(x, self._y.shape[1], "RBFInterpolator")
        made = self._radial(x)
        if self._powers:
            made = _core.concatenate([made, self._polynomials(x)], 1)
        return _core.reshape(_core.matmul(made, self._weights), (x.shape[0], *self._rest))


# --- triangles and neighbours ---------------------------------------------------------------------


def _queries(args: tuple[Any, ...], dim: int, name: str) -> Array:
    """Places along the last axis, of one array or one for each coordinate."""
    if len(args) == 1 and isinstance(args[0], tuple):
        args = args[0]
    if len(args) > 1:
        shape = np.broadcast_shapes(*[np.shape(x) for x in args])
        columns = [_core.broadcast_to(as_array(x), shape) for x in args]
        x = cnp.stack(columns, len(shape))
    else:
        x = as_array(args[0])
        if x.ndim == 1 and x.size % dim == 0:  # a list of places, as in SciPy
            x = _core.reshape(x, (x.size // dim, dim))
    if x.ndim == 0 or x.shape[-1] != dim:
        raise misfit(f"{name}: queries of shape {x.shape} for points of {dim} coordinates")
    return x if x.dtype.kind == "f" else _core.cast(x, float)


class _Scattered:
    """Constant points, with values that may be tracked."""

    def __init__(self, points: Any, values: Any, **more: Any) -> None:
        name, points = type(self).__name__, constant(points)
        if any_array(points):
            raise NotImplementedError(f"{name}: by its points there is no derivative in cdiff: "
                                      "give them as plain numbers")  # fmt: skip
        self._more = more
        self._own: Any = None
        if not any_array(values):
            self._own = getattr(_interpolate, name)(points, values, **more)
        self._points = np.stack(np.broadcast_arrays(*points), -1) if isinstance(
            points, tuple) else np.asarray(points, float)  # fmt: skip
        scale = np.ptp(self._points, axis=0)
        self._offset = np.mean(self._points, axis=0) if more.get("rescale") else 0.0
        self._scale = np.where(scale > 0, scale, 1.0) if more.get("rescale") else 1.0
        values = as_array(values)
        values = values if values.dtype.kind in "fc" else _core.cast(values, float)
        self._values = values if values.dtype.kind == "c" else doubled(values)
        if self._points.ndim != 2 or self._values.shape[:1] != self._points.shape[:1]:
            raise misfit(f"{name}: values of shape {values.shape} for {self._points.shape} points")
        self._prepare((self._points - self._offset) / self._scale)

    def _prepare(self, points: Any) -> None:
        raise NotImplementedError

    def _found(self, x: Array) -> Array:
        raise NotImplementedError

    def __call__(self, *args: Any) -> Any:
        """The interpolant at places along the last axis, or by their coordinates."""
        if self._own is not None and not any_array(*args):
            return self._own(*args)
        x = _queries(args, self._points.shape[1], type(self).__name__)
        rows = _core.reshape((x - self._offset) / self._scale, (x.size // x.shape[-1], x.shape[-1]))
        return _core.reshape(self._found(rows), x.shape[:-1] + self._values.shape[1:])

    def _spread(self, x: Array) -> Array:
        return _core.reshape(x, x.shape + (1,) * (self._values.ndim - 1))


class Mesh:
    """The triangles (or their like) between points, which can be made once more.

    Parameters
    ----------
    points : ndarray
    simplices : ndarray, optional
        Those that are expected: another version of SciPy may cut a square the other way.
    """

    def __init__(self, points: Any, simplices: Any = None) -> None:
        self.points = points
        self.own = scipy_module("spatial").Delaunay(points)
        if simplices is not None and not np.array_equal(simplices, self.own.simplices):
            raise ValueError("this version of SciPy makes other triangles of the points")

    def __reduce__(self) -> Any:
        return Mesh, (self.points, self.own.simplices)


class Tree:
    """Where points lie, which can be made once more.

    Parameters
    ----------
    points : ndarray
    """

    def __init__(self, points: Any) -> None:
        self.points = points
        self.own = scipy_module("spatial").cKDTree(points)

    def __reduce__(self) -> Any:
        return Tree, (self.points,)


def _simplex(x: Any, mesh: Any) -> Any:
    """In which one each query lies, -1 outside all."""
    return mesh.own.find_simplex(x)


def _corners(simplices: Any, places: Any) -> Any:
    return simplices[places]


def _nearest(x: Any, tree: Any) -> Any:
    return np.asarray(tree.own.query(x)[1])


class LinearNDInterpolator(_Scattered):
    """As `scipy.interpolate.LinearNDInterpolator`: linear in the triangles (or their like) between
    points, by the values and the queries.

    >>> corners = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    >>> cd.grad(lambda v: csi.LinearNDInterpolator(corners, v)(0.25, 0.5))(np.ones(3))
    array([0.25, 0.25, 0.5 ])
    """

    def __init__(self, points: Any, values: Any, fill_value: Any = np.nan,
                 rescale: bool = False) -> None:  # fmt: skip
        super().__init__(points, values, fill_value=fill_value, rescale=rescale)

    def _prepare(self, points: Any) -> None:
        self._mesh = Mesh(points)

    def _found(self, x: Array) -> Array:
        mesh, dim = self._mesh, x.shape[1]
        place = of_values(_simplex, x, mesh)
        inside = of_values(np.maximum, place, 0)
        frame = rows_at(as_array(mesh.own.transform), inside)
        part = _core.matmul(frame[:, :dim], cnp.expand_dims(x - frame[:, dim], 2))[:, :, 0]
        last = 1.0 - _core.sum(part, (1,), True)
        weights = self._spread(_core.concatenate([part, last], 1))
        corners = rows_at(self._values, of_values(_corners, mesh.own.simplices, inside))
        found = _core.sum(weights * corners, (1,), False)
        outside = self._spread(as_array(of_values(np.less, place, 0)))
        return _core.where(outside, self._more["fill_value"], found)


class NearestNDInterpolator(_Scattered):
    """As `scipy.interpolate.NearestNDInterpolator`: the value of the nearest point, by the values.

    >>> corners = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    >>> cd.grad(lambda v: csi.NearestNDInterpolator(corners, v)(0.25, 0.6))(np.ones(3))
    array([0., 0., 1.])
    """

    def __init__(self, x: Any, y: Any, rescale: bool = False) -> None:
        super().__init__(x, y, rescale=rescale)

    def _prepare(self, points: Any) -> None:
        self._tree = Tree(points)

    def _found(self, x: Array) -> Array:
        return rows_at(self._values, of_values(_nearest, x, self._tree))


def griddata(
    points: Any, values: Any, xi: Any, method: str = "linear", fill_value: Any = np.nan,
    rescale: bool = False,
) -> Any:  # fmt: skip
    """As `scipy.interpolate.griddata`, "linear" or "nearest" (of one coordinate also "cubic"): by
    the values and the queries.

    >>> corners = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    >>> cd.grad(lambda v: csi.griddata(corners, v, (0.25, 0.5)))(np.ones(3))
    array([0.25, 0.25, 0.5 ])
    """
    if not any_array(points, values, xi, *(xi if isinstance(xi, (tuple, list)) else ())):
        return _interpolate.griddata(points, values, xi, method, fill_value, rescale)
    form = np.shape(points[0]) if isinstance(points, tuple) else np.shape(points)[1:]
    if isinstance(points, tuple) and len(points) == 1:
        points, form = points[0], ()
    if form == (1,) or (isinstance(points, tuple) and len(points) < 2):
        points, form = cnp.ravel(points), ()
    if form == () and not isinstance(points, tuple):
        xi = xi[0] if isinstance(xi, tuple) and len(xi) == 1 else xi
        fill = "extrapolate" if method == "nearest" else fill_value
        return interp1d(points, values, method, 0, bounds_error=False, fill_value=fill)(xi)
    if method == "nearest":
        return NearestNDInterpolator(points, values, rescale=rescale)(xi)
    if method != "linear":
        if not any_tracked([points, values, xi]):
            return plainly(_interpolate.griddata, (points, values, xi, method), {
                "fill_value": fill_value, "rescale": rescale})  # fmt: skip
        raise NotImplementedError(
            f"griddata: the method {method!r} has no derivative in cdiff: use 'linear', or "
            "RBFInterpolator, which is smooth"
        )
    return LinearNDInterpolator(points, values, fill_value=fill_value, rescale=rescale)(xi)
