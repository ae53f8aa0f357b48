"""The first event of a differential equation, by plain values: when a number changes its sign.

Steps are searched as for a solution; in the one at whose ends the signs differ, the time is found
by halving the step. This file knows recorded slopes and numbers; it must not know what is
differentiated, or containers. An event costs one step more for each halving, about fifty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff.integrate._runge_kutta import METHODS
from cdiff.integrate._search import Search, plain_function, plain_system

if TYPE_CHECKING:
    from cdiff._bodies._body import Body
    from cdiff.integrate._adjoint import Settings

__all__ = ["FirstEvent"]


class FirstEvent:
    """When a number that goes with a solution first meets zero.

    Parameters
    ----------
    slope, number : Body
        Of (t, v, captured).
    direction : int
        1 for events where the number goes up, -1 where it goes down, 0 for both.
    settings : Settings
    """

    def __init__(self, slope: Body, number: Body, direction: int, settings: Settings) -> None:
        self.slope = slope
        self.number = number
        self.direction = direction
        self.settings = settings

    def __repr__(self) -> str:
        return self.settings.who

    def time(self, v: Any, stops: Any, *consts: Any) -> Any:
        """The time for a state, the times between which it lies, and what the bodies captured."""
        n = len(self.slope.captured) if self.slope.sealed else 0
        number = plain_function(self.number, [*consts[n:]])
        return np.asarray(self._found([*consts[:n]], number, v, stops))

    def _found(self, consts: list[Any], number: Any, v: Any, stops: Any) -> float:
        settings, direction = self.settings, self.direction
        method, system = METHODS[settings.method], plain_system(self.slope, consts)
        with np.errstate(all="ignore"):
            search = Search(settings, self.slope, list(consts), float(stops[0]), v)
            search.aim(stops[1:])
            before = float(number(search.t, v))
            while search.is_going():
                state = search.v
                (t,), (h,) = search.attempts(1)
                first = before if not h else float(number(search.t, search.v))
                if not (before < 0.0 <= first or before > 0.0 >= first) or (
                    direction and (first > before) != (direction > 0)
                ):
                    before = first
                    continue
                low, high = 0.0, 1.0
                while high - low > 1e-16:
                    middle = 0.5 * (low + high)
                    if not low < middle < high:
                        break
                    there = float(number(t + middle * h, method.step(system, t, state, middle * h)))
                    low, high = (middle, high) if (there > 0) == (before > 0) else (low, middle)
                return float(t + high * h)
        raise RuntimeError(
            f"{settings.who}: no event between t = {float(stops[0]):.6g} and {float(stops[1]):.6g}"
        )
