"""Differential equations and integrals, with derivatives.

`solve_ivp` and `solve_bvp` are SciPy's, for plain functions, whose Jacobians come by themselves.
`odeint`, `ode_solution`, `ode_event` and `quad` are functions that can be differentiated, by
initial values, times, limits and parameters. Nothing here knows a rule of differentiation.

Examples
--------
>>> import numpy as np, cdiff as cd, cdiff.integrate as cdi
>>> decay = lambda rate: cdi.odeint(lambda t, y: -rate * y, 2.0, np.array([0.0, 1.0]))[-1]
>>> round(float(decay(1.0)), 6), round(cd.grad(decay)(1.0), 6)
(0.735759, -0.735759)
"""

from __future__ import annotations

from cdiff.integrate._bvp import solve_bvp
from cdiff.integrate._odeint import ode_event, ode_solution, odeint
from cdiff.integrate._quad import quad
from cdiff.integrate._scipy import solve_ivp

__all__ = ["ode_event", "ode_solution", "odeint", "quad", "solve_bvp", "solve_ivp"]


def __dir__() -> list[str]:
    return sorted(__all__)
