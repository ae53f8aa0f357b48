"""particle: steer a charged particle by moving a charge, so that it lands at the origin.

The acceleration is a derivative of the potential, and the descent needs the derivative of the
whole simulation: all four combinations of forward and reverse mode. The number of steps until the
particle lands is a decision of the simulation; each number is recorded once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import cdiff as cd
from benchmarks.gradbench._descent import MODES, argmin
from benchmarks.gradbench._eval import Function, Run, number

STEP = 0.1


def potential(position: tuple[Any, Any], w: Any) -> Any:
    x, y = position
    charges = ((10.0, 10.0 - w), (10.0, 0.0))
    return sum([1.0 / np.sqrt((x - a) ** 2 + (y - b) ** 2) for a, b in charges])


def miss(mode: str) -> Callable[[tuple[Any]], Any]:
    """The squared distance at which the particle lands, by the place of the charge."""
    sloped = MODES[mode](potential)

    def landing(steering: tuple[Any]) -> Any:
        (w,) = steering
        x, y, vx, vy = 0.0, 8.0, 0.75, 0.0
        while True:
            _, (gx, gy) = sloped((x, y), w)
            next_x, next_y = x + STEP * vx, y + STEP * vy
            if next_y <= 0.0:
                rest = -next_y / vy
                return (next_x + rest * vx) ** 2
            x, y, vx, vy = next_x, next_y, vx - STEP * gx, vy - STEP * gy

    return landing


def prepare(modes: str) -> Callable[[float], Run]:
    """Outer and inner mode as two letters."""

    def prepared(w: float) -> Run:
        sloped = cd.compile(MODES[modes[0]](miss(modes[1])))

        def run() -> float:
            return argmin(sloped, (w,))[0]

        run()
        return run

    return prepared


def read(message: Any) -> float:
    return number(message, "w")


FUNCTIONS = {modes: Function(prepare(modes), float) for modes in ("ff", "fr", "rf", "rr")}
