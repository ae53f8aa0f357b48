"""The gradient descent of the evals particle and saddle, as GradBench prescribes it.

Plain Python on tuples of numbers, tracked or not: a transformation around it differentiates
through all of its steps. It knows how a mode is called and nothing of what is minimised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import cdiff as cd

Point = tuple[Any, ...]
Value = Callable[[Point], Any]
Slope = Callable[[Point], Point]

GRADIENTS = {"f": cd.jacfwd, "r": cd.grad}  # forward and reverse
CLOSE = 1e-5


def norm(x: Point) -> Any:
    return np.sqrt(sum([a * a for a in x]))


def argmin(value: Value, slope: Slope, start: Point) -> Point:
    """Where a function is smallest, from its values and gradients."""
    x, fx, gx = start, value(start), slope(start)
    eta, successes = 1e-5, 0
    while norm(gx) > CLOSE:
        if successes == 10:
            eta, successes = 2.0 * eta, 0
            continue
        trial = tuple([a - eta * g for a, g in zip(x, gx, strict=True)])
        if norm(tuple([a - b for a, b in zip(x, trial, strict=True)])) <= CLOSE:
            break
        f_trial = value(trial)
        if f_trial < fx:
            x, fx, gx = trial, f_trial, slope(trial)
            successes += 1
        else:
            eta, successes = eta / 2.0, 0
    return x


def argmax(value: Value, slope: Slope, start: Point) -> Point:
    """Where a function is largest."""
    return argmin(
        lambda x: -value(x), lambda x: tuple([-g for g in slope(x)]), start
    )
