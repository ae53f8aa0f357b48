"""`scipy.interpolate.interp1d`: steps, lines and splines through points, by query points and data.

Where everything is plain it is SciPy's own. Which point or interval belongs to a query has no
derivative; splines are those of `_bsplines.py`. It must not know how a derivative is made.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array
from cdiff.numpy._common import NUMPY, as_array, of_values
from cdiff.scipy._bsplines import make_interp_spline
from cdiff.scipy._curves import Data, Interpolant, filled, interval_of, real_query
from cdiff.scipy._mirror import rows_at

__all__ = ["interp1d"]

STEPS = ("nearest", "nearest-up", "previous", "next")
DEGREES = {"zero": 0, "slinear": 1, "quadratic": 2, "cubic": 3}


def _outside(x: Any, query: Any) -> Any:
    return (query < x[0]) | (query > x[-1])


def _order(x: Any) -> Any:
    return np.argsort(x, kind="stable")


def _step(x: Any, query: Any, kind: str) -> Any:
    """The point that each query takes its value from."""
    last = len(x) - 1
    if kind in ("previous", "next"):
        side, away, before = ("left", -np.inf, 1) if kind == "previous" else ("right", np.inf, 0)
        found = NUMPY.searchsorted(np.nextafter(x, away), query, side) - before
    else:
        half = x / 2.0
        found = np.searchsorted(
            half[1:] + half[:-1], query, "left" if kind == "nearest" else "right"
        )
    return np.clip(found, 0, last)


class interp1d(Interpolant):
    """As `scipy.interpolate.interp1d`: a function through points, with every `kind`, by points,
    values and where it is called.

    >>> cd.grad(lambda x: csi.interp1d([0.0, 1.0], [2.0, 5.0])(x))(0.5)
    3.0
    """

    def __init__(self, x: Any, y: Any, kind: Any = "linear", axis: int = -1, copy: bool = True,
                 bounds_error: bool | None = None, fill_value: Any = np.nan,
                 assume_sorted: bool = False) -> None:  # fmt: skip
        given = {"kind": kind, "axis": axis, "bounds_error": bounds_error,
                 "fill_value": fill_value, "assume_sorted": assume_sorted}  # fmt: skip
        super().__init__(((x, y), given), "interp1d")
        self._kind = DEGREES.get(kind, kind)
        known = self._kind in ("linear", *STEPS) or isinstance(self._kind, int)
        if not known:
            raise NotImplementedError(f"interp1d: kind={kind!r} is unsupported")
        if isinstance(fill_value, str) and fill_value != "extrapolate":
            raise ValueError(f'interp1d: fill_value={fill_value!r}, but a text is "extrapolate"')
        if isinstance(fill_value, str) and bounds_error:
            raise ValueError("interp1d: Cannot extrapolate and raise at the same time.")
        if self._is_plain():
            self._plain()
        else:
            self._start()

    def _start(self) -> None:
        (x, y), given = self._given
        x, least = as_array(x), self._kind + 1 if isinstance(self._kind, int) else 1
        order = None if given["assume_sorted"] or x.ndim != 1 else of_values(_order, x)
        self._data = Data(x, y, given["axis"], "interp1d", max(least, 1), order, single=True)
        if isinstance(self._kind, int):
            self._spline = make_interp_spline(self._data.x, self._data.y, self._kind)
        self._ready = True

    def __call__(self, x: Any) -> Any:
        """The interpolant at x."""
        if self._is_plain() and not any_array(x):
            return self._plain()(x)
        if not self._ready:
            self._start()
        data, query, given = self._data, real_query(x, "interp1d"), self._given[1]
        flat = _core.reshape(query, (query.size,))
        bounds_error, fill = given["bounds_error"], given["fill_value"]
        extrapolate = isinstance(fill, str) and fill == "extrapolate"
        strict = bounds_error or (bounds_error is None and not extrapolate)
        if strict and np.any(of_values(_outside, data.x, flat)):
            raise ValueError("interp1d: a value in x_new is outside the interpolation range.")
        y = self._inside(flat)
        if extrapolate and self._kind in ("previous", "next"):
            fill = (np.nan, data.y[-1]) if self._kind == "previous" else (data.y[0], np.nan)
        elif extrapolate:
            return data.restored(y, query.shape)
        below, above = fill if isinstance(fill, tuple) and len(fill) == 2 else (fill, fill)
        return data.restored(filled(y, flat, data.x, below, above), query.shape)

    def _inside(self, flat: Array) -> Any:
        data = self._data
        if self._kind in STEPS:
            return rows_at(data.y, of_values(_step, data.x, flat, self._kind))
        if self._kind != "linear":
            return _core.where(_core.reshape(_core.equal(flat, flat), (flat.size, 1)),
                               self._spline(flat), np.nan)  # fmt: skip
        if data.x.size == 1:
            known = _core.reshape(_core.equal(flat, flat), (flat.size, 1))
            return _core.where(known, data.y, np.nan)
        k = interval_of(data.x, flat)
        t = _core.reshape(flat - rows_at(data.x, k), (flat.size, 1))
        return rows_at(data.y, k) + rows_at(data.slope, k) * t
