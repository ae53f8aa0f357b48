"""Methods for differential equations: a step, plain or tracked, and the choice of steps.

The choice is made on plain values and has no derivative; the steps that were chosen are then taken
again by whoever differentiates. This file knows vectors and functions of (t, v) only. The plain
search costs one run of a compiled program for each step that is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

__all__ = ["METHODS", "Steps", "System", "chosen_steps", "plain_steps", "round_number"]

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


class _Tolerance(NamedTuple):
    rtol: float
    atol: float

    def norm(self, x: Any, *around: Any) -> float:
        """The size of x in units of what is tolerated."""
        scale = self.atol + self.rtol * np.max(np.abs(np.stack(around)), axis=0)
        return float(np.sqrt(np.mean((x / scale) ** 2))) if x.size else 0.0


def _first_width(f: Any, t: float, v: Any, slope: Any, sign: float, tol: _Tolerance) -> float:
    """A width for the first step, after Hairer, Norsett and Wanner (II.4)."""
    size, speed = tol.norm(v, v), tol.norm(slope, v)
    width = 1e-6 if size < 1e-5 or speed < 1e-5 else 0.01 * size / speed
    ahead = f(t + sign * width, v + sign * width * slope)
    bend = tol.norm(ahead - slope, v) / width
    most = max(speed, bend)
    return float(min(100 * width, max(1e-6, width * 1e-3) if most <= 1e-15
                     else (0.01 / most) ** 0.2))  # fmt: skip


def plain_steps(
    order: int,
    slope_of: Callable[[Any, Any], Any],
    attempt: Callable[..., Any],
    v: Any,
    stops: Any,
    rtol: float,
    atol: float,
    max_steps: int,
    who: str,
) -> Iterator[tuple[float, float, Any, Any, int]]:
    """The steps through a sequence of times, for plain values.

    Parameters
    ----------
    order : int
        Of the method.
    slope_of : callable
        ``slope_of(t, v)``.
    attempt : callable
        ``attempt(t, v, h, slope)``: the state behind a step, its error (1 is what is tolerated),
        and the slope there.
    v : ndarray
        The state at the first of the times.
    stops : ndarray
        Monotonic; every one of them is the end of a step.
    rtol, atol : float
    max_steps : int
        In all, between two of the times.
    who : str
        For messages.

    Yields
    ------
    t, h : float
        Beginning and width of a step.
    before, after : ndarray
    k : int
        The number of the stop behind the step.

    Raises
    ------
    RuntimeError
        If there are too many steps, or a state or the function is not finite.
    """
    search = _Search(order, attempt, float(stops[0]), v, slope_of(float(stops[0]), v))
    if not np.all(np.isfinite(search.slope)):
        raise RuntimeError(
            f"{who}: the function is not finite at the first state (t = {search.t:.6g})"
        )
    for k in range(1, len(stops)):
        end, t, v = float(stops[k]), search.t, search.v
        if end == t:  # no step at all, but one that has a derivative by the times
            yield t, 0.0, v, v, k
            continue
        sign = 1.0 if end > t else -1.0
        if search.width < 0.0:
            tol = _Tolerance(rtol, atol)
            search.width = _first_width(slope_of, t, v, search.slope, sign, tol)
        left = max_steps
        while search.t != end:
            left = search.advance(end, sign, left)
            if left < 0:
                raise RuntimeError(
                    f"{who}: more than {max_steps} steps between two times (at t = {search.t:.6g}, "
                    f"with steps of {search.width:.2g}); the problem may be stiff (method='rodas4' "
                    "is for that), the tolerances too small (for float32 in particular), or "
                    "max_steps"
                )
            if not search.h:
                raise RuntimeError(f"{who}: the solution is not finite behind t = {search.t:.6g}")
            yield t, search.h, v, search.v, k
            t, v = search.t, search.v


class _Search:
    """Where a search for steps is: a state, the slope there, and the width that is to be tried.

    It runs for each step of each solution, and so it does with floats what floats can.

    Parameters
    ----------
    order : int
    attempt : callable
        Both as for `plain_steps`.
    t : float
    v, slope : ndarray
        The first state.
    """

    __slots__ = ("attempt", "exponent", "h", "slope", "t", "v", "width")

    def __init__(self, order: int, attempt: Callable[..., Any], t: float, v: Any, slope: Any):
        self.attempt = attempt
        self.exponent = -1.0 / order
        self.t, self.v, self.slope = t, v, slope
        self.width = -1.0
        self.h = 0.0

    def advance(self, end: float, sign: float, left: int) -> int:
        """Take one step, by as many attempts as it needs.

        Parameters
        ----------
        end : float
            Where a step must end; the time becomes exactly this there.
        sign : float
            1 forward, -1 backward.
        left : int
            How many attempts are allowed.

        Returns
        -------
        int
            How many are left, -1 if none was; `h` is the width of the step, 0 if there is none
            because the solution is not finite.
        """
        t, v = self.t, self.v
        while left > 0:
            left -= 1
            whole = abs(end - t)
            is_last = whole <= self.width * (1.0 + 1e-12)
            h = end - t if is_last else sign * self.width
            new, error, behind = self.attempt(t, v, h, self.slope)
            error = float(error)
            if not isfinite(error):
                if abs(h) < 1e-14 * max(abs(t), 1e-10):
                    self.h = 0.0
                    return left
                self.width = 0.1 * abs(h)
                continue
            factor = 0.9 * max(error, 1e-10) ** self.exponent
            if error > 1.0:
                self.width = abs(h) * max(0.2, factor)
                continue
            self.h, self.t, self.v, self.slope = h, end if is_last else t + h, new, behind
            # A step that was cut short to end at a stop says nothing against a longer one.
            self.width = max(self.width, abs(h) * min(10.0, factor)) if is_last else (
                self.width * min(10.0, max(0.2, factor)))  # fmt: skip
            return left
        return -1


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


def chosen_steps(steps: Iterator[Any], stops: Any) -> Steps:
    """The steps of `plain_steps` in a form that has a derivative by the times.

    Parameters
    ----------
    steps : iterator
    stops : ndarray

    Returns
    -------
    Steps
    """
    times = stops.tolist()
    start, width, interval, ends = [], [], [], [0] * len(times)
    with np.errstate(all="ignore"):
        for t, h, _, _, k in steps:
            whole = times[k] - times[k - 1]
            start.append((t - times[k - 1]) / whole if whole else 0.0)
            width.append(h / whole if whole else 1.0)
            interval.append(k - 1)
            ends[k] = len(start)
    before = np.maximum.accumulate(np.array(ends, dtype=int))
    return Steps(np.array(start), np.array(width), np.array(interval, dtype=int), before)


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
