"""SciPy's optimisers for plain functions: derivatives and containers come by themselves.

`minimize`, `least_squares`, `root` and `curve_fit` take a function written in NumPy and a first
guess in any container; the gradient, the Hessian or its products, Jacobians and constraints are
those of cdiff, recorded once as programs. Everything else is SciPy's, which is imported when one of
these is called. `brentq` finds a root that has derivatives itself. Nothing here knows a method of
optimisation.

Examples
--------
>>> import cdiff.optimize as cdo
>>> found = cdo.minimize(lambda p: (p["a"] - 1.0) ** 2 + (p["b"] * p["a"] - 3.0) ** 2,
...                      {"a": 0.5, "b": 1.0})
>>> {name: round(value, 4) for name, value in found.x.items()}
{'a': 1.0, 'b': 3.0}
"""

from __future__ import annotations

from cdiff.optimize._bracketed import brentq
from cdiff.optimize._curve_fit import CurveFit, curve_fit
from cdiff.optimize._least_squares import least_squares
from cdiff.optimize._minimize import minimize
from cdiff.optimize._root import root

__all__ = ["CurveFit", "brentq", "curve_fit", "least_squares", "minimize", "root"]


def __dir__() -> list[str]:
    return sorted(__all__)
