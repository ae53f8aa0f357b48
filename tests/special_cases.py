"""What the tests of `cdiff.scipy.special` compare with: mpmath on the expressions of the tables.

It knows rows of the tables as data; it must not use any derivative of cdiff.
"""

from itertools import pairwise

import mpmath
import numpy as np
from mpmath import mp

DIGITS = 40


def faddeeva(z):
    return mpmath.exp(-z * z) * mpmath.erfc(-1j * z)


def namespace(y):
    """The language of the rows' `mp`; `inverse(f, target, y)` finds x with f(x) = target near y."""
    names = {name: getattr(mpmath, name) for name in dir(mpmath) if not name.startswith("_")}

    def inverse(f, target, guess):
        return mpmath.findroot(lambda x: f(x) - target, mpmath.mpf(guess))

    return {**names, "abs": abs, "faddeeva": faddeeva, "inverse": inverse, "y": float(y)}


def exact(row, point, y, orders):
    """A partial derivative of a row's function, by mpmath's differences with many digits."""
    moving = [k for k, n in enumerate(orders) if n]
    scope = namespace(y)

    def function(*moved):
        scope.update(zip(row.args, map(fixed, point), strict=True))
        scope.update({row.args[k]: x for k, x in zip(moving, moved, strict=True)})
        return mpmath.re(eval(row.mp, scope))

    with mp.workdps(DIGITS):
        at = [mpmath.mpf(point[k]) for k in moving]
        if not moving:
            return float(function())
        found = mpmath.diff(function, tuple(at), tuple(orders[k] for k in moving))
        return float(mpmath.re(found))


def fixed(x):
    return x if isinstance(x, int) else mpmath.mpf(x)


def difference(f, point, k, scale=1e-2, levels=6):
    """A derivative by argument k of a plain function, by so many differences, extrapolated."""
    x = np.array(point, dtype=float)
    h = scale * max(1e-3, min(1.0, abs(x[k])))

    def central(h):
        up, down = list(point), list(point)
        up[k], down[k] = x[k] + h, x[k] - h
        return (f(*up) - f(*down)) / (2 * h)

    table = [central(h / 2**i) for i in range(levels)]
    for j in range(1, levels):
        table = [(4**j * b - a) / (4**j - 1) for a, b in pairwise(table)]
    return float(table[-1])
