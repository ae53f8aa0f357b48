"""Methods for differential equations: a step, plain or tracked, and steps relative to times.

The steps that a search has chosen are taken again by whoever differentiates. This file knows
vectors and functions of (t, v) only; the search it must not know. A step is as few operations on
vectors as it can be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["METHODS", "Steps", "System", "placed_steps", "round_number"]

NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0)
WEIGHTS = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
)
RESULT = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)
# What the embedded method of order 4 differs by; the last is for the slope at the end.
ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)

# RODAS of Hairer and Wanner, Solving Ordinary Differential Equations II: for each stage its node,
# the factor of the slope by time, and the weights of the earlier stages in both places.
RODAS_GAMMA = 0.25
_LAST = (1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950)
RODAS: tuple[tuple[float, float, tuple[float, ...], tuple[float, ...]], ...] = (
    (0.0, 0.25, (), ()),
    (0.386, -0.1043, (1.544,), (-5.6688,)),
    (0.21, 0.1035, (0.9466785280815826, 0.2557011698983284),
     (-2.430093356833875, -0.2063599157091915)),
    (0.63, -0.03620000000000023, (3.314825187068521, 2.896124015972201, 0.9986419139977817),
     (-0.1073529058151375, -9.594562251023355, -20.47028614809616)),
    (1.0, 0.0, _LAST,
     (7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160)),
    (1.0, 0.0, (*_LAST, 1.0),
     (8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136,
      -6.058818238834054)),
)  # fmt: skip
RODAS_RESULT = (*_LAST, 1.0, 1.0)


def _combined(weights: tuple[float, ...], slopes: list[Any]) -> Any:
    terms = [w * k for w, k in zip(weights, slopes, strict=False) if w]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


class System(NamedTuple):
    """A differential equation as methods see it, for plain or for tracked values.

    Attributes
    ----------
    slope : callable
        ``slope(t, v)``, a vector.
    linear : callable
        ``linear(t, v)``: the slope's derivatives, by the state (a matrix) and by the time.
    inv : callable
        The inverse of a matrix.
    """

    slope: Callable[[Any, Any], Any]
    linear: Callable[[Any, Any], tuple[Any, Any]]
    inv: Callable[[Any], Any]


class Dopri5:
    """The explicit method of order 5 by Dormand and Prince."""

    order = 5

    def step(self, f: System, t: Any, v: Any, h: Any) -> Any:
        """The state after a step of width h."""
        return v + h * _combined(RESULT, self._slopes(f.slope, t, v, h, f.slope(t, v)))

    def attempt(self, f: System, t: Any, v: Any, h: Any, first: Any) -> tuple[Any, Any, Any]:
        """The same, its error, and the slope behind it, from the slope before it."""
        slopes = self._slopes(f.slope, t, v, h, first)
        new = v + h * _combined(RESULT, slopes)
        slopes.append(f.slope(t + h, new))
        return new, h * _combined(ERROR, slopes), slopes[-1]

    def _slopes(self, f: Callable[[Any, Any], Any], t: Any, v: Any, h: Any, first: Any) -> Any:
        slopes = [first]
        for node, weights in zip(NODES[1:], WEIGHTS[1:], strict=True):
            slopes.append(f(t + node * h, v + h * _combined(weights, slopes)))
        return slopes


class Rodas4:
    """The linearly implicit method of order 4 by Hairer and Wanner, for stiff problems.

    A stage k solves (1 - h gamma J) k = gamma h (slope + h d f_t) + gamma * (earlier stages), with
    the exact Jacobian J of the slope.
    """

    order = 4

    def step(self, f: System, t: Any, v: Any, h: Any) -> Any:
        """The state after a step of width h."""
        stages = self._stages(f, t, v, h, f.slope(t, v))
        return v + _combined(RODAS_RESULT, stages)

    def attempt(self, f: System, t: Any, v: Any, h: Any, first: Any) -> tuple[Any, Any, Any]:
        """The same, its error, and the slope behind it, from the slope before it."""
        stages = self._stages(f, t, v, h, first)
        new = v + _combined(RODAS_RESULT, stages)
        return new, stages[-1], f.slope(t + h, new)

    def _stages(self, f: System, t: Any, v: Any, h: Any, first: Any) -> list[Any]:
        by_state, by_time = f.linear(t, v)
        width = h * RODAS_GAMMA
        # Six stages share it, and small systems cost their calls of LAPACK, not the digits.
        inverse = f.inv(np.eye(v.shape[0]) - width * by_state)
        stages: list[Any] = []
        for node, drift, weights, carried in RODAS:
            there = first
            if weights:
                there = f.slope(t + node * h, v + _combined(weights, stages))
            right = width * (there + (drift * h) * by_time)
            if carried:
                right = right + RODAS_GAMMA * _combined(carried, stages)
            stages.append(inverse @ right)
        return stages


METHODS: dict[str, Dopri5 | Rodas4] = {"dopri5": Dopri5(), "rodas4": Rodas4()}


class Steps(NamedTuple):
    """Steps that were chosen, relative to the times between which they lie.

    Attributes
    ----------
    start, width : ndarray
        As parts of the interval.
    interval : ndarray of int
    ends : ndarray of int
        For each time, how many steps lie before it.
    """

    start: Any
    width: Any
    interval: Any
    ends: Any


def placed_steps(t: Any, h: Any, stops: Any) -> Steps:
    """Steps through all of some times in a form that has a derivative by these.

    Parameters
    ----------
    t, h : ndarray
        Where each step begins, and its width.
    stops : ndarray

    Returns
    -------
    Steps
    """
    way = stops if stops[-1] >= stops[0] else -stops
    interval = way.searchsorted(t if way is stops else -t, side="right") - 1
    first, whole = stops[interval], (stops[1:] - stops[:-1])[interval]
    start, width = (t - first) / whole, h / whole
    repeated = way[1:] == way[:-1]
    if repeated.any():  # no step at all, but one that has a derivative by the times
        empty = repeated.nonzero()[0]
        order = np.argsort(np.concatenate([interval, empty]), kind="stable")
        start, width, interval = (
            np.concatenate([x, np.full(empty.size, y) if y is not None else empty])[order]
            for x, y in ((start, 0.0), (width, 1.0), (interval, None))
        )
    return Steps(start, width, interval, interval.searchsorted(np.arange(stops.size)))


def round_number(n: int) -> int:
    """The next of 4, 6, 8, 12, 16, 24, ..., so that few different numbers of steps occur.

    Parameters
    ----------
    n : int

    Returns
    -------
    int

    Examples
    --------
    >>> [round_number(n) for n in (1, 5, 7, 13, 100)]
    [4, 6, 8, 16, 128]
    """
    size = 4
    while size < n:
        size = size * 3 // 2 if size & (size - 1) == 0 else size * 4 // 3
    return size
