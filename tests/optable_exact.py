"""The rows of the operator table in many digits: values, and derivatives by differences.

For the tests that compare the library's numbers with the mathematics. A derivative here is a
quotient of differences of a row's value (its `mp` expression) in so many digits that nothing is
lost, so it is independent of the partials that the table states. It knows the table and mpmath;
it must not know the library. Needs mpmath: callers skip where it is missing.
"""

import math
import operator
import sys
from functools import cache
from pathlib import Path

import mpmath
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

import codegen

EPS = np.finfo(float).eps
# The slope of sigmoid at 700 is 1e-304 beside a value of 1.
DIGITS = 700
# Differences of order three need their steps three times over.
STEP_DIGITS = 30
TABLE = codegen.load()
ROWS = {row.name: row for row in TABLE.elementwise}
SMALL = [row for row in TABLE.elementwise if len(row.operands) < 3]
INFIX = {"add": operator.add, "subtract": operator.sub, "multiply": operator.mul,
         "divide": operator.truediv, "negative": operator.neg}

# Higher derivatives at special points, which a careless closure loses or turns into nan:
# name, point, the operands by which to differentiate, derivative.
SPECIAL = [
    ("power", (0.0, 2.0), (0, 0), 2.0),
    ("power", (0.0, 2.0), (0, 0, 0), 0.0),
    ("power", (0.0, 3.0), (0, 0, 0), 6.0),
    ("power", (0.0, 3.0), (0, 1), 0.0),
    ("power", (0.0, 3.0), (1, 1), 0.0),
    ("power", (0.0, 3.0), (0, 1, 1), 0.0),
    ("power", (0.0, 0.0), (0, 0), 0.0),
    ("power", (2.0, 0.0), (0, 1), 0.5),
    ("power", (0.0, 1.0), (0, 0), 0.0),
    ("power", (-2.0, 3.0), (0, 0, 0), 6.0),
    ("sinc", (0.0,), (0, 0), -math.pi**2 / 3),
    ("sinc", (0.0,), (0, 0, 0), 0.0),
    ("sinc", (0.0,), (0, 0, 0, 0), math.pi**4 / 5),
    ("sinc", (0.0,), (0,) * 6, -math.pi**6 / 7),
    ("sinc", (0.0,), (0,) * 8, math.pi**8 / 9),
    ("hypot", (0.0, 0.0), (0, 0), 0.0),
    ("hypot", (0.0, 0.0), (0, 1), 0.0),
    ("hypot", (1.0, 1e-12), (0, 0), 1e-24),
    ("hypot", (1e-12, 1.0), (1, 1, 1), -3e-24),
    ("hypot", (1.0, 1e-12), (0, 0, 0, 0), 12e-24),
    ("cbrt", (1e-300,), (0, 0, 0), math.inf),
    ("cbrt", (0.0,), (0, 0), -math.inf),
    ("arctan2", (0.0, 0.0), (0, 0), 0.0),
    ("arctan2", (0.0, 0.0), (0, 1, 1), 0.0),
    ("absolute", (0.0,), (0, 0), 0.0),
    ("relu", (0.0,), (0, 0), 0.0),
    ("maximum", (1.0, 1.0), (0, 1), 0.0),
    ("logaddexp", (1.0, 1.0), (0, 0), 0.25),
    ("logaddexp", (1.0, 1.0), (0, 1), -0.25),
    ("logaddexp", (math.inf, math.inf), (0, 0), 0.25),
    ("logaddexp", (-math.inf, 1.0), (0, 1), 0.0),
    ("tanh", (math.inf,), (0, 0), 0.0),
    ("sigmoid", (-math.inf,), (0, 0), 0.0),
    ("erf", (math.inf,), (0, 0), 0.0),
    ("arctan", (math.inf,), (0, 0), 0.0),
    ("square", (0.0,), (0, 0), 2.0),
]


def by_name(row, numbers):
    return dict(zip(row.operands, numbers, strict=True))


def mp_function(row):
    """The value of a row as a function of mpmath numbers."""
    if row.name in INFIX:
        return INFIX[row.name]
    code = compile(row.mp, row.name, "eval")
    space = {name: getattr(mpmath, name) for name in dir(mpmath) if not name.startswith("_")}
    space.update(mpf=mpmath.mpf, max=max, min=min, abs=abs, int=int)
    return lambda *args: mpmath.mpf(eval(code, {**space, **by_name(row, args)}))


MP = {row.name: mp_function(row) for row in TABLE.elementwise}


def differentiable(row):
    """The operands by which a row may be differentiated; the order of a derivative is whole."""
    return (0,) if row.name == "sinc_derivative" else tuple(range(len(row.operands)))


def small_step(x, digits):
    return min(abs(x) or 1, 1) * mpmath.mpf(10) ** -digits


def mp_partial(row, k, point):
    """The derivative of the value: independent of the table's partials."""
    x = list(map(mpmath.mpf, point))
    step = small_step(x[k], 40)

    def along(t):
        return MP[row.name](*x[:k], t, *x[k + 1:])

    # Central differences with one extrapolation: an error of order step**4.
    def central(h):
        return (along(x[k] + h) - along(x[k] - h)) / (2 * h)

    return (4 * central(step / 2) - central(step)) / 3


@cache
def exact_value(name, point):
    """(value, tolerance): one rounding of an operand is allowed for, besides a few of the result.
    """
    row = ROWS[name]
    with mpmath.workdps(DIGITS):
        want = MP[name](*map(mpmath.mpf, point))
        shift = max((abs(mp_partial(row, k, point) * point[k]) for k in differentiable(row)),
                    default=0)
        return want, 4 * EPS * (abs(want) + shift) + 5e-324


@cache
def exact_partial(name, k, point):
    """(partial k, tolerance): a few roundings of the partial and one of each operand."""
    row, shift = ROWS[name], mpmath.mpf(0)
    with mpmath.workdps(DIGITS):
        exact = mp_partial(row, k, point)
        for j in differentiable(row):
            x = mpmath.mpf(point[j])
            nudge = small_step(x, 12)
            moved = [mpmath.mpf(p) for p in point]
            moved[j] += nudge
            shift += abs((mp_partial(row, k, moved) - exact) / nudge * x)
        return exact, 16 * EPS * (abs(exact) + shift) + 5e-324


@cache
def exact_mixed(name, directions, point):
    """The derivative by several operands in turn, by central differences of all of them."""
    with mpmath.workdps(DIGITS):
        x = list(map(mpmath.mpf, point))
        steps = [small_step(p, STEP_DIGITS) for p in x]

        def difference(place, left):
            if not left:
                return MP[name](*place)
            k, h = left[0], steps[left[0]]
            above, below = list(place), list(place)
            above[k] += h
            below[k] -= h
            return (difference(above, left[1:]) - difference(below, left[1:])) / (2 * h)

        return difference(x, directions)
