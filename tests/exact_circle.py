"""Exact derivatives of functions of complex numbers, from their values on a circle: `circle`.

Cauchy's integrals of a holomorphic function over a circle around the point are its Taylor
coefficients, and the mean of few values is such an integral to the last digits: no difference is
taken and no digit lost. What is not holomorphic shows in the coefficient of order -1, what is not
smooth in the highest. Knows NumPy; must not know cdiff.
"""

import numpy as np
from exact_modes import Truth, inexact

__all__ = ["NotHolomorphic", "circle"]

RADII, POINTS = (0.3, 0.1, 0.03), 24  # the larger, the less of the rounding is left


class NotHolomorphic(ValueError):
    """The function has no derivative in the complex sense, or a singular point is too near."""


def circle(f, args, directions):
    """The values and first two derivatives along directions, as `exact_modes.truth` gives them."""
    for radius in RADII[:-1]:
        try:
            return of_radius(f, args, directions, radius)
        except (ArithmeticError, ValueError):
            continue
    return of_radius(f, args, directions, RADII[-1])


def of_radius(f, args, directions, radius):
    turns = np.exp(2j * np.pi * np.arange(POINTS) / POINTS)
    moved = [[x + radius * t * d for x, d in zip(args, directions, strict=True)] for t in turns]
    rows = list(zip(*[inexact(f(*row)) for row in moved], strict=True))
    plainly = [np.iscomplexobj(y) for y in inexact(f(*args))]
    parts = [coefficients(np.stack(row), turns, radius, c)
             for row, c in zip(rows, plainly, strict=True)]  # fmt: skip
    return Truth(*[list(x) for x in zip(*parts, strict=True)])


def coefficients(values, turns, radius, is_complex):
    """Value, first and second derivative of one result."""
    moment = lambda k: np.tensordot(turns**-k, values, 1) / POINTS
    size = np.max(np.abs(values), initial=1e-300)
    doubtful = np.max(np.abs([moment(-1), moment(-2), moment(POINTS // 2)]), initial=0.0)
    if not doubtful < 1e-12 * size:
        raise NotHolomorphic(f"{doubtful / size:.1e}")
    found = [moment(0), moment(1) / radius, 2.0 * moment(2) / radius**2]
    return found if is_complex else [x.real for x in found]
