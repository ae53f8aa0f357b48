"""The method of Dormand and Prince: a step, for plain and tracked values, and the choice of steps.

The choice is made on plain values and has no derivative; the steps that were chosen are then taken
again by whoever differentiates. This file knows vectors and functions of (t, v) only. The plain
search costs six evaluations of a compiled program for each step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Steps", "chosen_steps", "dopri5_step", "plain_steps", "round_number"]

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


def _combined(weights: tuple[float, ...], slopes: list[Any]) -> Any:
    terms = [w * k for w, k in zip(weights, slopes, strict=False) if w]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _slopes(f: Callable[[Any, Any], Any], t: Any, v: Any, h: Any, first: Any = None) -> list[Any]:
    slopes = [f(t, v) if first is None else first]
    for node, weights in zip(NODES[1:], WEIGHTS[1:], strict=True):
        slopes.append(f(t + node * h, v + h * _combined(weights, slopes)))
    return slopes


def dopri5_step(f: Callable[[Any, Any], Any], t: Any, v: Any, h: Any) -> Any:
    """One step of order 5, of plain or tracked values.

    Parameters
    ----------
    f : callable
        The slope ``f(t, v)``.
    t : number
    v : vector
    h : number
        The width.

    Returns
    -------
    vector
    """
    return v + h * _combined(RESULT, _slopes(f, t, v, h))


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
    f: Callable[[Any, Any], Any],
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
    f : callable
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
        If there are too many steps, or a state is not finite.
    """
    tol = _Tolerance(rtol, atol)
    t, slope = float(stops[0]), f(float(stops[0]), v)
    width = -1.0
    for k in range(1, len(stops)):
        end = float(stops[k])
        sign = 1.0 if end > t else -1.0
        if end == t:
            continue
        if width < 0.0:
            width = _first_width(f, t, v, slope, sign, tol)
        for count in range(max_steps + 1):
            if count == max_steps:
                raise RuntimeError(
                    f"{who}: more than {max_steps} steps between two times (at t = {t:.6g}, with "
                    f"steps of {width:.2g}); the problem may be stiff (then take "
                    "adjoint='continuous' and method='Radau'), or give a larger max_steps"
                )
            is_last = abs(end - t) <= width * (1.0 + 1e-12)
            h = end - t if is_last else sign * width
            slopes = _slopes(f, t, v, h, slope)
            new = v + h * _combined(RESULT, slopes)
            slopes.append(f(t + h, new))
            error = tol.norm(h * _combined(ERROR, slopes), v, new)
            if not np.isfinite(error):
                if abs(h) < 1e-14 * max(abs(t), 1e-10):
                    raise RuntimeError(f"{who}: the solution is not finite behind t = {t:.6g}")
                width = 0.1 * abs(h)
                continue
            factor = 0.9 * max(error, 1e-10) ** -0.2
            if error <= 1.0:
                yield t, h, v, new, k
                t, v, slope = end if is_last else t + h, new, slopes[-1]
                # A step that was cut short to end at a stop says nothing against a longer one.
                width = max(width, abs(h) * min(10.0, factor)) if is_last else width * min(
                    10.0, max(0.2, factor))  # fmt: skip
                if is_last:
                    break
            else:
                width = abs(h) * max(0.2, factor)


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
    start, width, interval, ends = [], [], [], np.zeros(len(stops), dtype=int)
    for t, h, _, _, k in steps:
        whole = float(stops[k] - stops[k - 1])
        start.append((t - float(stops[k - 1])) / whole)
        width.append(h / whole)
        interval.append(k - 1)
        ends[k] = len(start)
    ends = np.maximum.accumulate(ends)
    return Steps(np.array(start), np.array(width), np.array(interval, dtype=int), ends)


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
