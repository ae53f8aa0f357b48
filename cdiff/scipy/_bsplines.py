"""`BSpline` and `make_interp_spline`: splines by query points, knots, coefficients and data.

Where everything is plain they are SciPy's own. The basis and the systems are those of
`_splines.py`; derivatives and integrals of a spline are splines, whose coefficients are
differences and sums of the first ones. It must not know how a derivative is made, and costs a few
operations per degree, whatever the number of queries.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import operator
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array
from cdiff._face import misfit
from cdiff.numpy._common import as_array, axis_of, of_values
from cdiff.scipy._mirror import rows_at
from cdiff.scipy._need import scipy_module
from cdiff.scipy._splines import (
    basis,
    coefficients,
    even_knots,
    knots,
    periodic_coefficients,
    periodic_knots,
)

_interpolate = scipy_module("interpolate")

__all__ = ["BSpline", "make_interp_spline"]


class BSpline:
    """As `scipy.interpolate.BSpline`: a sum of B-splines.

    Parameters
    ----------
    t : array_like
        Knots, in ascending order.
    c : array_like
        Coefficients, along `axis`.
    k : int
        Degree.
    extrapolate : bool or "periodic", optional
    axis : int, optional

    Raises
    ------
    ValueError
        If the knots, the coefficients and the degree do not fit.

    Examples
    --------
    >>> import cdiff as cd
    >>> tent = lambda c: csi.BSpline([0.0, 0.0, 1.0, 1.0], c, 1)(0.25)
    >>> cd.grad(tent)(np.array([3.0, 5.0]))
    array([0.75, 0.25])
    """

    def __init__(self, t: Any, c: Any, k: int, extrapolate: Any = True, axis: int = 0) -> None:
        self.k, self.extrapolate = operator.index(k), extrapolate
        self._own: Any = None
        if not any_array(t, c):
            self._own = _interpolate.BSpline(t, c, k, extrapolate, axis)
            self.t, self.c, self.axis = self._own.t, self._own.c, self._own.axis
            return
        self.t, c = _core.cast(as_array(t), float), as_array(c)
        c = c if c.dtype.kind in "fc" else _core.cast(c, float)
        self.axis = axis_of(c, axis, "BSpline")
        order = [self.axis, *[i for i in range(c.ndim) if i != self.axis]]
        self.c = _core.transpose(c, order)
        n = self.t.size - self.k - 1
        if self.k < 0 or self.t.ndim != 1 or n < self.k + 1 or self.c.shape[0] < n:
            raise misfit(
                f"BSpline: knots of shape {self.t.shape} and coefficients of shape {c.shape} do "
                f"not fit for degree {self.k}: at least {2 * self.k + 2} knots and, along axis "
                f"{self.axis}, {max(n, self.k + 1)} coefficients are needed"
            )
        if bool(np.any(np.diff(_core.peek(self.t)) < 0)):
            raise ValueError("BSpline: knots must be in a non-decreasing order")

    @property
    def tck(self) -> tuple[Any, Any, int]:
        """Knots, coefficients (along the first axis) and degree."""
        return self.t, self.c, self.k

    def _rows(self) -> tuple[Array, Array, tuple[int, ...]]:
        """Knots, coefficients as a matrix, and the shape of one row."""
        t, c = as_array(self.t), as_array(self.c)
        n, rest = t.size - self.k - 1, c.shape[1:]
        return t, _core.reshape(c[:n], (n, c.size // c.shape[0])), rest

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        """The spline, or its derivative nu, at x."""
        if self._own is not None and not any_array(x):
            return self._own(x, nu, extrapolate)
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        (t, c, rest), query = self._rows(), as_array(x)
        flat = _core.cast(_core.reshape(query, (query.size,)), float)
        first, last = t[self.k], t[t.size - self.k - 1]
        if isinstance(extrapolate, str):
            if extrapolate != "periodic":
                raise ValueError(
                    f"BSpline: extrapolate is a bool or 'periodic', not {extrapolate!r}"
                )
            flat = first + _core.remainder(flat - first, last - first)
        if nu < 0:
            raise ValueError(f"BSpline: the order of a derivative cannot be negative: {nu}")
        places, weights = basis(t, flat, self.k, nu)
        chosen = rows_at(c, places)
        found = _core.sum(chosen * _core.reshape(weights, (*weights.shape, 1)), (1,), False)
        if not extrapolate:
            column = _core.reshape(flat, (flat.size, 1))
            found = _core.where(_core.less(column, first), np.nan, found)
            found = _core.where(_core.greater(column, last), np.nan, found)
        found = _core.reshape(found, query.shape + rest)
        n, k = query.ndim, self.axis
        return _core.transpose(found, [*range(n, n + k), *range(n), *range(n + k, found.ndim)])

    def _made(self, t: Array, c: Array, k: int, extrapolate: Any) -> BSpline:
        """A spline with coefficients in rows and the other axes of this one."""
        c = _core.reshape(c, (c.shape[0], *as_array(self.c).shape[1:]))
        order = [*range(1, self.axis + 1), 0, *range(self.axis + 1, c.ndim)]
        return BSpline(t, _core.transpose(c, order), k, extrapolate, self.axis)

    def derivative(self, nu: int = 1) -> BSpline:
        """Derivative nu as a spline; an integral where nu is negative."""
        if nu < 0:
            return self.antiderivative(-nu)
        if nu > self.k:
            raise ValueError(f"BSpline: the order of a derivative is 0 to {self.k}, not {nu}")
        t, c, _ = self._rows()
        for k in range(self.k, self.k - nu, -1):
            width = _core.reshape(t[k + 1 : -1] - t[1 : -k - 1], (c.shape[0] - 1, 1))
            c, t = k * (c[1:] - c[:-1]) / width, t[1:-1]
        return self._made(t, c, self.k - nu, self.extrapolate)

    def antiderivative(self, nu: int = 1) -> BSpline:
        """What is integrated nu times from the first knot on, as a spline."""
        if nu < 0:
            return self.derivative(-nu)
        t, c, _ = self._rows()
        for k in range(self.k, self.k + nu):
            width = _core.reshape(t[k + 1 :] - t[: -k - 1], (c.shape[0], 1))
            whole = _core.cumsum(c * width / (k + 1), 0)
            c = _core.concatenate([np.zeros((1, c.shape[1])), whole], 0)
            t = _core.concatenate([t[:1], t, t[-1:]], 0)
        extrapolate = self.extrapolate != "periodic" and self.extrapolate
        return self._made(t, c, self.k + nu, extrapolate)

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Any:
        """The integral from a to b; 0 outside where there is no extrapolation."""
        if self._own is not None and not any_array(a, b):
            return self._own.integrate(a, b, extrapolate)
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        if isinstance(extrapolate, str):
            raise NotImplementedError(
                "BSpline: the integral with extrapolate='periodic' is not differentiated; write it "
                "with limits within one period and extrapolate=False"
            )
        t = as_array(self.t)
        if not extrapolate:
            first, last = t[self.k], t[t.size - self.k - 1]
            a, b = [_core.minimum(_core.maximum(as_array(z), first), last) for z in (a, b)]
        whole = self.antiderivative()
        return whole(b, 0, True) - whole(a, 0, True)


def _ends(bc_type: Any) -> list[list[tuple[int, Any]]]:
    """What is asked for at both ends: pairs of the order of a derivative and its value."""
    if bc_type is None or (isinstance(bc_type, str) and bc_type == "not-a-knot"):
        return [[], []]
    named = {"clamped": [(1, 0.0)], "natural": [(2, 0.0)]}
    pair = (bc_type, bc_type) if isinstance(bc_type, str) else tuple(bc_type)
    if len(pair) != 2 or any(isinstance(e, str) and e not in named for e in pair):
        raise ValueError(f"make_interp_spline: unknown boundary condition {bc_type!r}")
    return [[] if e is None else named[e] if isinstance(e, str) else list(e) for e in pair]


def _knots_for(x: Array, k: int, conditions: bool) -> Array:
    """SciPy's knots for interpolation at the points x."""
    if k == 0:
        return _core.concatenate([x, x[-1:]], 0)
    if conditions or k == 1:
        n = x.size
        return x[np.concatenate([np.zeros(k, int), np.arange(n), np.full(k, n - 1)])]
    return knots(x, k) if k % 2 else even_knots(x, k)


def _values(end: list[tuple[int, Any]], y: Array) -> list[Any]:
    """The values of the conditions at an end as rows beside those of the data."""
    shape = (1, *y.shape[1:])
    given = [_core.broadcast_to(as_array(v), shape[1:]) for _, v in end]
    return [_core.reshape(_core.cast(v, y.dtype), shape) for v in given]


def make_interp_spline(
    x: Any, y: Any, k: int = 3, t: Any = None, bc_type: Any = None, axis: int = 0,
    check_finite: bool = True,
) -> BSpline:  # fmt: skip
    """As `scipy.interpolate.make_interp_spline`: the spline of degree k through points, by points
    and values.

    >>> cd.grad(lambda y: csi.make_interp_spline([0.0, 1.0, 2.0], y, k=1)(0.5))(np.ones(3))
    array([0.5, 0.5, 0. ])
    """
    conditions = () if bc_type is None or isinstance(bc_type, str) else bc_type
    values = [v for end in conditions if end is not None and not isinstance(end, str)
              for _, v in end]  # fmt: skip
    if not any_array(x, y, t, *values):
        own = _interpolate.make_interp_spline(x, y, k, t, bc_type, axis, check_finite)
        return BSpline(own.t, np.moveaxis(own.c, 0, own.axis), k, own.extrapolate, own.axis)
    periodic = isinstance(bc_type, str) and bc_type == "periodic"
    k, ends = operator.index(k), _ends(None if periodic else bc_type)
    x, y = _core.cast(as_array(x), float), as_array(y)
    y = y if y.dtype.kind in "fc" else _core.cast(y, float)
    axis = axis_of(y, axis, "make_interp_spline")
    if x.ndim != 1 or x.size != y.shape[axis] or k < 0:
        raise misfit(
            f"make_interp_spline: x of shape {x.shape} and y of shape {y.shape} do not fit along "
            f"axis {axis}, or the degree {k} is negative"
        )
    if not bool(np.all(np.diff(_core.peek(x)) > 0)):
        raise ValueError("make_interp_spline: x must be strictly increasing")
    if periodic and k > 1:
        return _periodic(x, y, k, t, axis)
    t = _knots_for(x, k, any(ends)) if t is None else _core.cast(as_array(t), float)
    _check_count(t, x, k, ends)
    if k == 0 or (k == 1 and not any(ends) and t.size == x.size + 2):
        return BSpline(t, y, k, True, axis)
    order = [axis, *[i for i in range(y.ndim) if i != axis]]
    rows = _core.transpose(y, order)
    rows = _core.concatenate([*_values(ends[0], rows), rows, *_values(ends[1], rows)], 0)
    c = coefficients(t, x, rows, 0, k, [[nu for nu, _ in end] for end in ends])
    back = np.argsort(order).tolist()
    return BSpline(t, _core.transpose(c, back), k, True, axis)


def _apart(y: Any) -> Any:
    return not np.allclose(y[0], y[-1], atol=1e-15)


def _periodic(x: Array, y: Array, k: int, t: Any, axis: int) -> BSpline:
    """The periodic spline of a degree above 1."""
    order = [axis, *[i for i in range(y.ndim) if i != axis]]
    rows = _core.transpose(y, order)
    if of_values(_apart, rows):
        raise ValueError("make_interp_spline: the first and the last of y differ; with "
                         "bc_type='periodic' they are the same point")  # fmt: skip
    t = periodic_knots(x, k) if t is None else _core.cast(as_array(t), float)
    if t.size != x.size + 2 * k:
        raise ValueError(f"make_interp_spline: a periodic spline of degree {k} through {x.size} "
                         f"points has {x.size + 2 * k} knots, not {t.size}")  # fmt: skip
    c = _core.transpose(periodic_coefficients(t, x, rows, k), np.argsort(order).tolist())
    return BSpline(t, c, k, "periodic", axis)


def _beyond(t: Any, x: Any, k: int) -> Any:
    return np.asarray(len(t) > 2 * k + 1 and (x[0] < t[k] or x[-1] > t[-k - 1]))


def _check_count(t: Array, x: Array, k: int, ends: list[list[tuple[int, Any]]]) -> None:
    """As many conditions as coefficients, of orders that a spline of the degree has."""
    free, given = t.size - k - 1 - x.size, len(ends[0]) + len(ends[1])
    if free != given:
        raise ValueError(
            f"make_interp_spline: {x.size} points, degree {k} and {t.size} knots leave {free} "
            f"derivatives at the ends to be given, not {given}"
        )
    if any(not 0 <= nu <= k for end in ends for nu, _ in end):
        raise ValueError(f"make_interp_spline: orders of derivatives at the ends are 0 to {k}")
    if of_values(_beyond, t, x, k):
        raise ValueError("make_interp_spline: points x lie outside of the base interval of knots t")
