"""saddle: a minimum over one point of the maximum over another, by descent inside descent.

The outer descent differentiates through all steps of the inner one, in all four combinations of
forward and reverse mode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cdiff as cd
from benchmarks.gradbench._descent import MODES, Point, argmax, argmin
from benchmarks.gradbench._eval import Function, Run, array


def surface(first: Point, second: Point) -> Any:
    (x1, y1), (x2, y2) = first, second
    return (x1 * x1 + y1 * y1) - (x2 * x2 + y2 * y2)


def highest(mode: str) -> Callable[[Point, Point], Point]:
    """The second point at which the surface is highest over the first."""
    sloped = MODES[mode](surface, 1)

    def found(first: Point, start: Point) -> Point:
        return argmax(lambda p: sloped(first, p), start)

    return found


def prepare(modes: str) -> Callable[[Point], Run]:
    """Outer and inner mode as two letters."""

    def prepared(start: Point) -> Run:
        second_of = highest(modes[1])

        def ridge(first: Point, start: Point) -> Any:
            return surface(first, second_of(first, start))

        sloped = cd.compile(MODES[modes[0]](ridge))
        second = cd.compile(second_of)

        def run() -> list[float]:
            first = argmin(lambda p: sloped(p, start), start)
            return [*first, *second(first, start)]

        run()
        return run

    return prepared


def read(message: Any) -> Point:
    start: list[float] = array(message, "start", (2,)).tolist()
    return tuple(start)


FUNCTIONS = {modes: Function(prepare(modes), list) for modes in ("ff", "fr", "rf", "rr")}
