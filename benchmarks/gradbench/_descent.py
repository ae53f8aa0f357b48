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
Sloped = Callable[[Point], tuple[Any, Point]]  # value and gradient

CLOSE = 1e-5


def forward(f: Callable[..., Any], argnum: int = 0) -> Callable[..., tuple[Any, Point]]:
    """Value and gradient in forward mode."""
    slope = cd.jacfwd(lambda *args: (f(*args),) * 2, argnums=argnum, has_aux=True)

    def sloped(*args: Any) -> tuple[Any, Point]:
        gradient, value = slope(*args)
        return value, gradient

    return sloped


def reverse(f: Callable[..., Any], argnum: int = 0) -> Callable[..., tuple[Any, Point]]:
    """Value and gradient in reverse mode."""
    sloped: Callable[..., tuple[Any, Point]] = cd.value_and_grad(f, argnums=argnum)
    return sloped


MODES = {"f": forward, "r": reverse}


def norm(x: Point) -> Any:
    return np.sqrt(sum([a * a for a in x]))


def argmin(sloped: Sloped, start: Point) -> Point:
    """Where a function is smallest."""
    x, (fx, gx) = start, sloped(start)
    eta, successes = 1e-5, 0
    while norm(gx) > CLOSE:
        if successes == 10:
            eta, successes = 2.0 * eta, 0
            continue
        trial = tuple([a - eta * g for a, g in zip(x, gx, strict=True)])
        if norm(tuple([a - b for a, b in zip(x, trial, strict=True)])) <= CLOSE:
            break
        f_trial, g_trial = sloped(trial)
        if f_trial < fx:
            x, fx, gx = trial, f_trial, g_trial
            successes += 1
        else:
            eta, successes = eta / 2.0, 0
    return x


def argmax(sloped: Sloped, start: Point) -> Point:
    """Where a function is largest."""

    def negated(x: Point) -> tuple[Any, Point]:
        value, gradient = sloped(x)
        return -value, tuple([-g for g in gradient])

    return argmin(negated, start)
