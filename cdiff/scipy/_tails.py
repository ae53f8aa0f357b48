"""Probabilities as integrals of a density, for tails where differences of larger numbers or
underflow would leave nothing, and for distributions whose distribution function is in no table.

The logarithm of the mass beyond a point is that of the density there plus that of an integral of
the density relative to it: a sum over fixed nodes, so a composition like any other, with
derivatives of every order by the point and by the shapes. The nodes lie evenly on the logarithmic
scale (a double-exponential rule), so that one rule serves tails of every width. It knows densities
as functions, and no distribution. It costs 250 values of the density.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._transformations._reverse import stop_gradient
from cdiff.scipy._differences import column

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["log_mass"]

COUNT = 250
# To infinity: nodes that reach 1e41 widths, so that tails may fall like any power.
_S = np.linspace(-3.6, 4.8, COUNT)
NODES = np.exp(0.5 * np.pi * np.sinh(_S))
WEIGHTS = (_S[1] - _S[0]) * 0.5 * np.pi * np.cosh(_S) * NODES
# Between two ends, by as many nodes: u and 1 - u, both with all their digits.
_U = np.linspace(-4.6, 4.6, COUNT)
NEAR = 1.0 / (1.0 + np.exp(-np.pi * np.sinh(_U)))
BETWEEN = (_U[1] - _U[0]) * np.pi * np.cosh(_U) * NEAR / (1.0 + np.exp(np.pi * np.sinh(_U)))
# An end farther away than that many widths is not seen.
FAR = 60.0
EPS = float(np.finfo(float).eps)


def log_mass(
    log_density: Callable[..., Any], z: Any, shapes: list[Any], side: float, end: Any = None
) -> Any:
    """The logarithm of the mass from a point to the end of the support.

    Parameters
    ----------
    log_density : callable
        Of a point and the shapes; falling from z to the end.
    z : Array
    shapes : list of Array or number
    side : float
        -1 for what is left of z, 1 for what is right of it.
    end : Array or number, optional
        Of the support on that side; infinite if it is not given.

    Returns
    -------
    Array
    """
    at = log_density(z, *shapes)
    columns = [column(s) for s in shapes]
    size = stop_gradient(_core.absolute(at))
    width = (1.0 + _core.absolute(z)) / (1.0 + _core.where(_core.less(size, 1e300), size, 1.0))
    width = stop_gradient(width)
    points, weights = column(z) + side * column(width) * NODES, column(width) * WEIGHTS
    if end is not None:
        length = side * (end - z)
        close = _core.less(length, FAR * (1.0 + _core.absolute(z)))
        safe = column(_core.where(close, length, 1.0))
        last = column(_core.where(close, end, z))
        # At the end itself, where rounding would put the first ones, a factor may be log(0).
        apart = _core.maximum(safe * NEAR, stop_gradient(EPS * _core.absolute(last)))
        points = _core.where(column(close), last - side * apart, points)
        weights = _core.where(column(close), safe * BETWEEN, weights)
    relative = _core.exp(log_density(points, *columns) - column(at))
    # Outside of the support an expression has no value.
    inside = _core.where(_core.equal(relative, relative), relative, 0.0)
    found = at + _core.log(_core.sum(inside * weights, (-1,), False))
    known = _core.less(size, 1e300) & _core.less(_core.absolute(z), 1e300)
    nothing = _core.where(_core.equal(z, z), -np.inf, np.nan)  # at an end of the support
    return _core.where(known, found, nothing)
