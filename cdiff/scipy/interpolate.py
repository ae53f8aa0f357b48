"""`scipy.interpolate`: interpolation on lines and grids, by query points, values and abscissae.

Names only: `_curves.py`, `_interp1d.py` and `_bsplines.py` have the interpolants of one variable,
`_through.py` FITPACK's names, `_grid.py` and `_scattered.py` those of several variables. Other
names are SciPy's.

Examples
--------
>>> import numpy as np, cdiff as cd
>>> import cdiff.scipy.interpolate as csi
>>> x = np.array([0.0, 1.0, 2.0, 3.0])
>>> round(cd.grad(lambda t: csi.CubicSpline(x, x**3)(t))(1.5), 12)
6.75
"""

from __future__ import annotations

from typing import Any

from cdiff.scipy import _scattered, _through
from cdiff.scipy._bsplines import BSpline, make_interp_spline
from cdiff.scipy._curves import (
    Akima1DInterpolator,
    CubicHermiteSpline,
    CubicSpline,
    PchipInterpolator,
    PPoly,
)
from cdiff.scipy._grid import RegularGridInterpolator, interpn
from cdiff.scipy._interp1d import interp1d
from cdiff.scipy._need import scipy_module
from cdiff.scipy._others import other
from cdiff.scipy._scattered import *  # noqa: F403
from cdiff.scipy._through import *  # noqa: F403

_interpolate = scipy_module("interpolate")

__all__ = ["Akima1DInterpolator", "BSpline", "CubicHermiteSpline", "CubicSpline", "PPoly",
           "PchipInterpolator", "RegularGridInterpolator", "interp1d", "interpn",
           "make_interp_spline", *_scattered.__all__, *_through.__all__]  # fmt: skip
__all__.sort()


def __getattr__(name: str) -> Any:
    return other(_interpolate, "interpolate", name)


def __dir__() -> list[str]:
    return sorted(__all__)
