"""Older names of `scipy.interpolate` for curves and surfaces through points: FITPACK's splines
without smoothing, Lagrange's polynomial, pchip in one call.

They are differentiated by points, values and queries: compositions of `make_interp_spline` and its
like. It must not know how a derivative is made.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

import cdiff.numpy as cnp
from cdiff import _core
from cdiff._core import Array, any_array
from cdiff._face import misfit
from cdiff.numpy._common import as_array, axis_of
from cdiff.scipy._bsplines import BSpline, make_interp_spline
from cdiff.scipy._curves import PchipInterpolator
from cdiff.scipy._mirror import doubled, mirror_of, no_keywords
from cdiff.scipy._need import scipy_module

_interpolate = scipy_module("interpolate")
__all__ = ["BarycentricInterpolator", "InterpolatedUnivariateSpline", "RectBivariateSpline"]
_mirrors = mirror_of(_interpolate, __all__)

EXTENSIONS = {0: 0, "extrapolate": 0, 1: 1, "zeros": 1, 3: 3, "const": 3}


def _beyond(spline: BSpline, x: Any, nu: int, ext: Any) -> Array:
    """A spline outside of its points as FITPACK's `ext` says."""
    if ext not in EXTENSIONS:
        raise ValueError(f"ext is one of {list(EXTENSIONS)} for cdiff arrays, not {ext!r}")
    kind, x = EXTENSIONS[ext], as_array(x)
    low, high = spline.t[spline.k], spline.t[-spline.k - 1]
    if kind == 3:
        x = _core.minimum(_core.maximum(x, low), high)
    y = as_array(spline(x, nu))
    if kind == 1:
        y = _core.where(_core.less(x, low) | _core.greater(x, high), 0.0, y)
    return y


@_mirrors
def splrep(
    x: Any, y: Any, w: Any = None, xb: Any = None, xe: Any = None, k: int = 3, task: int = 0,
    s: Any = None, t: Any = None, full_output: int = 0, per: int = 0, quiet: int = 1,
) -> tuple[Any, Array, int]:  # fmt: skip
    """As `scipy.interpolate.splrep` without smoothing: knots, coefficients and degree of the spline
    through points, by these and the values.

    >>> line = lambda y: csi.splev(0.5, csi.splrep([0.0, 1.0, 2.0], y, k=1))
    >>> cd.grad(line)(np.ones(3))
    array([0.5, 0.5, 0. ])
    """
    no_keywords("splrep", w=(w, None), xb=(xb, None), xe=(xe, None), task=(task, 0), t=(t, None),
                full_output=(full_output, 0), per=(per, 0), s=(s or None, None))  # fmt: skip
    made = make_interp_spline(x, y, k)
    return made.t, cnp.pad(as_array(made.c), (0, k + 1)), k


@_mirrors
def splev(x: Any, tck: Any, der: int = 0, ext: Any = 0) -> Any:
    """As `scipy.interpolate.splev`: a spline of `splrep`, or its derivative, by places, knots and
    coefficients.

    >>> round(cd.grad(lambda x: csi.splev(x, csi.splrep([0, 1, 2, 3], [0, 1, 8, 27])))(1.5), 6)
    6.75
    """
    t, c, k = tck if isinstance(tck, (tuple, list)) else tck.tck
    return _beyond(BSpline(as_array(t), c, k), x, der, ext)


@_mirrors
def splint(a: Any, b: Any, tck: Any, full_output: int = 0) -> Any:
    """As `scipy.interpolate.splint`: the integral of a spline of `splrep`, which is 0 beyond its
    points, by the limits, knots and coefficients.

    >>> line = csi.splrep([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], k=1)
    >>> cd.grad(lambda b: csi.splint(0.0, b, line))(1.5)
    1.5
    """
    no_keywords("splint", full_output=(full_output, 0))
    t, c, k = tck if isinstance(tck, (tuple, list)) else tck.tck
    return BSpline(as_array(t), c, k).integrate(a, b, extrapolate=False)


@_mirrors
def pchip_interpolate(xi: Any, yi: Any, x: Any, der: Any = 0, axis: int = 0) -> Any:
    """As `scipy.interpolate.pchip_interpolate`: a monotone curve through points, or its
    derivatives, in one call.

    >>> cd.grad(lambda y: csi.pchip_interpolate([0.0, 1.0, 2.0], y, 1.0))(np.arange(3.0))
    array([0., 1., 0.])
    """
    curve = PchipInterpolator(xi, yi, axis)
    return [curve(x, nu) for nu in der] if np.ndim(der) else curve(x, der)


class InterpolatedUnivariateSpline:
    """As `scipy.interpolate.InterpolatedUnivariateSpline`: the spline of degree k through points,
    by these, the values and the queries.

    >>> f = lambda y: csi.InterpolatedUnivariateSpline([0.0, 1.0, 2.0], y, k=1)(0.5)
    >>> cd.grad(f)(np.ones(3))
    array([0.5, 0.5, 0. ])
    """

    def __init__(self, x: Any, y: Any, w: Any = None, bbox: Any = (None, None), k: int = 3,
                 ext: Any = 0, check_finite: bool = False) -> None:  # fmt: skip
        self._ext, self._own = ext, None
        if not any_array(x, y):
            self._own = _interpolate.InterpolatedUnivariateSpline(x, y, w, bbox, k, ext)
        else:
            no_keywords("InterpolatedUnivariateSpline", w=(w, None))
            if any(z is not None for z in bbox) or np.ndim(y) != 1:
                raise misfit("InterpolatedUnivariateSpline: a vector without bbox is needed")
        self._spline = make_interp_spline(x, y, k)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or self._own is None:
            raise AttributeError(f"InterpolatedUnivariateSpline of cdiff arrays has no {name!r}")
        return getattr(self._own, name)

    def __call__(self, x: Any, nu: int = 0, ext: Any = None) -> Any:
        """The spline, or its derivative nu, at x."""
        if self._own is not None and not any_array(x):
            return self._own(x, nu, ext)
        return _beyond(self._spline, x, nu, self._ext if ext is None else ext)

    def _made(self, spline: BSpline) -> InterpolatedUnivariateSpline:
        made = object.__new__(InterpolatedUnivariateSpline)
        made._spline, made._ext, made._own = spline, self._ext, None
        return made

    def derivative(self, n: int = 1) -> InterpolatedUnivariateSpline:
        """The spline that is derivative n of this one."""
        return self._made(self._spline.derivative(n))

    def antiderivative(self, n: int = 1) -> InterpolatedUnivariateSpline:
        """The spline whose derivative n this one is."""
        return self._made(self._spline.antiderivative(n))

    def integral(self, a: Any, b: Any) -> Any:
        """The integral from a to b; beyond the points the spline is 0."""
        if self._own is not None and not any_array(a, b):
            return self._own.integral(a, b)
        return self._spline.integrate(a, b, extrapolate=False)


class RectBivariateSpline:
    """As `scipy.interpolate.RectBivariateSpline` without smoothing: the surface of splines through
    the points of a grid, by the grid, the values and the queries, which are moved to the border
    from outside.

    >>> f = lambda z: csi.RectBivariateSpline([0.0, 1.0], [0.0, 1.0], z, kx=1, ky=1).ev(0.5, 0.0)
    >>> cd.grad(f)(np.ones((2, 2)))
    array([[0.5, 0. ],
           [0.5, 0. ]])
    """

    def __init__(self, x: Any, y: Any, z: Any, bbox: Any = (None,) * 4, kx: int = 3, ky: int = 3,
                 s: Any = 0, maxit: int = 20) -> None:  # fmt: skip
        self._own: Any = None
        if not any_array(x, y, z):
            self._own = _interpolate.RectBivariateSpline(x, y, z, list(bbox), kx, ky, s)
        if s != 0 or any(v is not None for v in bbox):
            if self._own is None:
                raise TypeError("RectBivariateSpline: bbox and s cannot be used with cdiff arrays")
            return
        x, y, z = as_array(x), as_array(y), as_array(z)
        if z.ndim != 2 or z.shape != (x.size, y.size):
            raise misfit(f"RectBivariateSpline: values of shape {z.shape} on {x.size} x {y.size}")
        self._rows = make_interp_spline(x, z, kx)
        # What the values of a row are multiplied with, as a spline: no row needs one of its own.
        self._columns = make_interp_spline(y, np.eye(y.size), ky)
        self._ends = [(v[0], v[-1]) for v in (x, y)]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or self._own is None:
            raise AttributeError(f"RectBivariateSpline of cdiff arrays has no {name!r}")
        return getattr(self._own, name)

    def _parts(self, x: Any, y: Any, dx: int, dy: int) -> tuple[Array, Array]:
        if not hasattr(self, "_ends"):
            raise NotImplementedError("RectBivariateSpline: s and bbox have no derivative in cdiff")
        x, y = (_core.minimum(_core.maximum(as_array(v), a), b)
                for v, (a, b) in zip((x, y), self._ends, strict=True))  # fmt: skip
        return as_array(self._rows(x, dx)), as_array(self._columns(y, dy))

    def __call__(self, x: Any, y: Any, dx: int = 0, dy: int = 0, grid: bool = True) -> Any:
        """The surface, or its derivative, on a grid or at points."""
        if self._own is not None and not any_array(x, y):
            return self._own(x, y, dx, dy, grid)
        if not grid:
            return self.ev(x, y, dx, dy)
        rows, columns = self._parts(cnp.ravel(x), cnp.ravel(y), dx, dy)
        return _core.matmul(rows, _core.transpose(columns, (1, 0)))

    def ev(self, xi: Any, yi: Any, dx: int = 0, dy: int = 0) -> Any:
        """The surface, or its derivative, at points."""
        if self._own is not None and not any_array(xi, yi):
            return self._own.ev(xi, yi, dx, dy)
        shape = np.broadcast_shapes(np.shape(xi), np.shape(yi))
        xi, yi = (_core.broadcast_to(as_array(v), shape) for v in (xi, yi))
        rows, columns = self._parts(xi, yi, dx, dy)
        return _core.sum(rows * columns, (rows.ndim - 1,), False)


# --- Lagrange's polynomial ------------------------------------------------------------------------


class BarycentricInterpolator:
    """As `scipy.interpolate.BarycentricInterpolator`: the polynomial through points, by these, the
    values and the queries.

    >>> f = lambda y: csi.BarycentricInterpolator([0.0, 1.0, 2.0], y)(0.5)
    >>> cd.grad(f)(np.ones(3))
    array([ 0.375,  0.75 , -0.125])
    """

    def __init__(self, xi: Any, yi: Any = None, axis: int = 0, **more: Any) -> None:
        self._own: Any = None
        if not any_array(xi, yi):
            self._own = _interpolate.BarycentricInterpolator(xi, yi, axis, **more)
            if yi is None:
                return
        self._x, y = doubled(as_array(xi)), doubled(as_array(yi))
        self._axis = axis_of(y, axis, "BarycentricInterpolator")
        self._y = cnp.moveaxis(y, self._axis, 0)
        if self._x.ndim != 1 or self._x.size != self._y.shape[0]:
            raise misfit(f"BarycentricInterpolator: {self._x.shape} points, values {y.shape}")
        n, off = self._x.size, ~np.eye(self._x.size, dtype=bool)
        apart = cnp.expand_dims(self._x, 1) - self._x
        scale = 4.0 / (cnp.max(self._x) - cnp.min(self._x)) if n > 1 else 1.0
        self._scale = scale
        self._factors = cnp.prod(_core.where(off, apart * scale, 1.0), axis=1)
        self._off = off

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or self._own is None:
            raise AttributeError(f"BarycentricInterpolator of cdiff arrays has no {name!r}")
        return getattr(self._own, name)

    def __call__(self, x: Any) -> Any:
        """The polynomial at x."""
        if self._own is not None and not any_array(x):
            return self._own(x)
        query = as_array(x)
        apart = (cnp.reshape(query, (-1, 1)) - self._x) * self._scale
        # The product of all but one, as in the formula of degree n: the points are not special.
        products = cnp.prod(_core.where(self._off, cnp.expand_dims(apart, 1), 1.0), axis=2)
        rest = self._y.shape[1:]
        table = _core.reshape(self._y, (self._y.shape[0], self._y.size // self._y.shape[0]))
        found = _core.reshape(_core.matmul(products / self._factors, table), query.shape + rest)
        places = range(query.ndim)
        return cnp.moveaxis(found, list(places), [self._axis + k for k in places])


@_mirrors
def barycentric_interpolate(
    xi: Any, yi: Any, x: Any, axis: int = 0, *, der: int = 0, rng: Any = None
) -> Any:
    """As `scipy.interpolate.barycentric_interpolate`: the polynomial through points, in one call.

    >>> cd.grad(lambda x: csi.barycentric_interpolate([0.0, 1.0, 2.0], [0.0, 1.0, 4.0], x))(1.5)
    3.0
    """
    no_keywords("barycentric_interpolate", der=(der, 0))
    return BarycentricInterpolator(as_array(xi), yi, axis)(x)


__all__.sort()
