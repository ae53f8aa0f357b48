"""The choice of steps for a differential equation: attempts on plain values, as a loop of the core.

An attempt is a step, its error, whether it counts, and the width of the next one: a recorded
program with one decision, whether there is anything left to do. So attempts follow each other
without Python, until all times are reached, or a slope that decides by values goes another way.
This file knows vectors and bodies; what becomes of the steps it must not know. The choice is no
function of anything: it has no derivative.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._bodies._body import Body
from cdiff._bodies._paths import NewPath
from cdiff._core import OF_VALUES, Array, array, concatenate, peek, run_steps
from cdiff._transformations._forward import jvp
from cdiff._transformations._jacobian import jacobian
from cdiff.integrate._runge_kutta import METHODS, System
from cdiff.numpy.linalg import inv

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdiff.integrate._adjoint import Settings

__all__ = ["Search", "plain_function", "plain_system"]

MANY = 256  # attempts in a row, of which the widths are kept
ROW_ERRORS: tuple[type[Exception], ...] = (NewPath, *OF_VALUES)
WINDOW = 16  # times that a row of attempts may reach at most


# --- a recorded slope -----------------------------------------------------------------------------


def plain_function(body: Body, consts: list[Any]) -> Callable[..., Any]:
    """The only result of a body as a function of its own inputs, for plain values.

    Parameters
    ----------
    body : Body
    consts : list
        The values of what it captured, as far as it is known.

    Returns
    -------
    callable
    """

    def f(*inputs: Any) -> Any:
        return body.run([*[np.asarray(x) for x in inputs], *_outer(body, consts)])[0]

    return f


def _outer(body: Body, consts: list[Any]) -> list[Any]:
    """The values of what a body has captured by now, of which the first are given."""
    return [*consts, *[peek(x) for x in body.captured[len(consts) :]]]


class _Linear:
    """The derivatives of a recorded slope by the state and by the time, as a function of a body."""

    n_inputs = 2

    def __init__(self, slope: Body) -> None:
        self.base = slope

    def __call__(self, nodes: list[Array]) -> list[Any]:
        t, v, *consts = nodes
        return list(_tracked_system(self.base, consts).linear(t, v))


def _derived(slope: Body, n: int, kind: Any, *options: Any) -> Body:
    """What is recorded of a slope that has captured n values: these are inputs behind its own."""
    found: Body | None = slope.derived.get((kind, n, *options))
    if found is None:
        found = Body(kind(slope, *options), kind.n_inputs + n)
        slope.derived[kind, n, *options] = found
    return found


def _tracked_system(slope: Body, consts: list[Any]) -> System:
    """A recorded slope as methods see it, for tracked values."""

    def f(t: Any, v: Any) -> Any:
        return slope.apply([array(t), array(v), *consts])[0]

    def linear(t: Any, v: Any) -> tuple[Any, Any]:
        by_time = jvp(lambda s: f(s, v), (t,), (1.0,))[1]
        return jacobian(lambda x: f(t, x))(v), by_time

    return System(f, linear, inv)


def plain_system(body: Body, consts: list[Any]) -> System:
    """A recorded slope as methods see it, for plain values.

    Parameters
    ----------
    body : Body
    consts : list
        The values of what it captured.

    Returns
    -------
    System
    """

    def linear(t: Any, v: Any) -> tuple[Any, Any]:
        outer = _outer(body, consts)
        by_state, by_time = _derived(body, len(outer), _Linear).run(
            [np.asarray(t), np.asarray(v), *outer]
        )
        return by_state, by_time

    return System(plain_function(body, consts), linear, np.linalg.inv)


# --- widths ---------------------------------------------------------------------------------------


def _size(x: Any) -> Any:
    """The root of the mean square; a state may be empty, which has no mean."""
    return np.sqrt(np.sum(x**2) / max(x.size, 1))


class _First:
    """A width for the first step, after Hairer, Norsett and Wanner (II.4)."""

    n_inputs = 4

    def __init__(self, slope: Body, rtol: float, atol: float) -> None:
        self.base = slope
        self.rtol = rtol
        self.atol = atol

    def __call__(self, nodes: list[Array]) -> list[Any]:
        t, v, slope, sign, *consts = nodes
        scale = self.atol + self.rtol * abs(v)
        size, speed = _size(v / scale), _size(slope / scale)
        width = np.where(size < 1e-5, 1e-6, np.where(speed < 1e-5, 1e-6, 0.01 * size / speed))
        f = _tracked_system(self.base, consts).slope
        ahead = f(t + sign * width, v + sign * width * slope)
        bend = _size((ahead - slope) / scale) / width
        most = np.where(bend > speed, bend, speed)
        small = np.maximum(1e-6, width * 1e-3)
        found = np.where(most <= 1e-15, small, (0.01 / most) ** 0.2)
        return [np.where(found < 100 * width, found, 100 * width)]


class _Attempt:
    """An attempt at a step.

    It goes from (t, state, slope there, width to be tried, attempts left, times still to be
    reached) to the same behind the step, or to another width if the error is too large; and gives
    where the step begins, and its width, 0 for none. A width of 0 is left where the solution is
    not finite.
    """

    n_inputs = 6

    def __init__(
        self, slope: Body, method: str, rtol: float, atol: float, most: int, room: int
    ) -> None:
        self.base = slope
        self.room = room
        self.method = METHODS[method]
        self.rtol = rtol
        self.atol = atol
        self.most = float(most)

    def __call__(self, nodes: list[Array]) -> list[Any]:
        t, v, first, width, left, ends, *consts = nodes
        assert ends.shape == (self.room,)
        end = ends[0]
        if not np.minimum(np.minimum(left, width), inf - end) > 0.0:  # the only decision
            raise AssertionError("an attempt where there is nothing to do")
        gap = end - t
        is_last = abs(gap) <= width * (1.0 + 1e-12)
        h = np.where(is_last, gap, np.where(gap > 0.0, width, -width))
        system = _tracked_system(self.base, consts)
        new, wrong, behind = self.method.attempt(system, t, v, h, first)
        error = _size(wrong / (self.atol + self.rtol * np.maximum(abs(v), abs(new))))
        taken = error <= 1.0
        after = np.where(taken, np.where(is_last, end, t + h), t)
        reached = after == end
        return [
            after,
            np.where(taken, new, v),
            np.where(taken, behind, first),
            self._next_width(error, abs(h), width, is_last, t),
            np.where(reached, self.most, left - 1.0),
            np.where(reached, concatenate([ends[1:], array([inf])], 0), ends),
            t,
            np.where(taken, h, 0.0),
        ]

    def _next_width(self, error: Any, size: Any, width: Any, is_last: Any, t: Any) -> Any:
        factor = 0.9 * np.maximum(error, 1e-10) ** (-1.0 / self.method.order)
        factor, grown = np.maximum(0.2, factor), np.minimum(10.0, factor)
        # A step that was cut short to end at a time says nothing against a longer one.
        longer = np.where(
            is_last, np.maximum(width, size * grown), width * np.minimum(10.0, factor)
        )
        smallest = 1e-14 * np.maximum(abs(t), 1e-10)
        unknown = np.where(size < smallest, 0.0, 0.1 * size)  # a nan or an infinity
        return np.where(error <= 1.0, longer, np.where(error < inf, size * factor, unknown))


# --- the search -----------------------------------------------------------------------------------


class Search:
    """Where a search for steps is. It runs where warnings are off: a step may go wrong.

    Parameters
    ----------
    settings : Settings
    slope : Body
        Of (t, v, captured).
    consts : list
        The values of what it captured, as far as it is known.
    t : float
    v : ndarray
        The state there.

    Raises
    ------
    RuntimeError
        If the function is not finite there.
    """

    __slots__ = ("_consts", "_inputs", "_often", "_settings", "_slope", "_stuck", "t", "v")

    def __init__(
        self, settings: Settings, slope: Body, consts: list[Any], t: float, v: Any
    ) -> None:
        self._settings, self._slope, self._consts = settings, slope, consts
        self.t, self.v = t, v
        first = plain_function(slope, consts)(t, v)
        if not np.isfinite(first).all():
            raise RuntimeError(
                f"{settings.who}: the function is not finite at the first state (t = {t:.6g})"
            )
        self._inputs: list[Any] = [t, v, first, -1.0, 0.0, np.full(1, inf)]
        self._stuck: Any = None
        self._often = "searched" in slope.derived
        slope.derived["searched"] = True

    def through(self, ends: Any, most: int = MANY) -> tuple[Any, Any]:
        """Take steps through some times.

        Parameters
        ----------
        ends : ndarray
            At least one; monotonic, none of them twice, behind the time that was reached.
        most : int
            How many attempts in a row.

        Returns
        -------
        t, h : ndarray
            Where each step begins, and its width.

        Raises
        ------
        RuntimeError
            If there are too many steps, or a state is not finite.
        """
        rows = []
        for k in range(0, len(ends), WINDOW):
            self.aim(ends[k : k + WINDOW])
            while self.is_going():
                rows.append(self.attempts(most))
        t, h = rows[0] if len(rows) == 1 else map(np.concatenate, zip(*rows, strict=True))
        taken = h != 0.0
        return t[taken], h[taken]

    def aim(self, ends: Any) -> None:
        """The next times that are to be reached, at most so many as are reached in a row."""
        room = 1
        while room < len(ends):  # few different numbers of them
            room *= 4
        self._inputs[4] = float(self._settings.max_steps)
        self._inputs[5] = window = np.empty(room)
        window[: len(ends)] = ends
        window[len(ends) :] = inf
        if self._inputs[3] < 0.0:
            self._inputs[3] = self._first_width(1.0 if ends[0] > self.t else -1.0)

    def _first_width(self, sign: float) -> float:
        settings, slope = self._settings, self._slope
        inputs = [*self._inputs[:3], sign, *_outer(slope, self._consts)]
        if not self._often:  # what runs only once is not worth a program
            first = _First(slope, settings.rtol, settings.atol)
            return float(peek(first([array(x) for x in inputs])[0]))
        body = _derived(slope, len(inputs) - 4, _First, settings.rtol, settings.atol)
        return float(body.run(inputs)[0])

    def is_going(self) -> bool:
        """Is there a time left to be reached? RuntimeError if it cannot be."""
        if self._inputs[5][0] == inf:
            return False
        settings, width, left = self._settings, float(self._inputs[3]), self._inputs[4]
        if not left > 0.0:
            raise RuntimeError(
                f"{settings.who}: more than {settings.max_steps} steps between two times (at t = "
                f"{self.t:.6g}, with steps of {width:.2g}); the problem may be stiff "
                "(method='rodas4' is for that), the tolerances too small (for float32 in "
                "particular), or max_steps"
            )
        if not width > 0.0:
            raise RuntimeError(
                f"{settings.who}: the solution is not finite behind t = {self.t:.6g}"
            )
        return True

    def attempts(self, most: int) -> tuple[Any, Any]:
        """Up to so many attempts, and at least one: where each begins, and its width or 0."""
        settings, outer = self._settings, _outer(self._slope, self._consts)
        body = _derived(
            self._slope, len(outer), _Attempt, settings.method, settings.rtol, settings.atol,
            settings.max_steps, len(self._inputs[5]),
        )  # fmt: skip
        rows = [np.empty(most), np.empty(most)]
        count = self._row(body, outer, rows)
        if not count:
            found = body.run([*self._inputs, *outer])
            self._inputs = found[:6]
            rows[0][0], rows[1][0] = found[6:]
            count = 1
        self.t, self.v = float(self._inputs[0]), self._inputs[1]
        return rows[0][:count], rows[1][:count]

    def _row(self, body: Body, outer: list[Any], rows: list[Any]) -> int:
        """As many attempts as go the way of the last one; how many that were."""
        path = None if body.paths is None else body.paths.last
        if path is None or path is self._stuck:
            return 0
        carry = list(self._inputs)
        known = [*outer, *[peek(x) for x in body.captured]]
        try:
            count: int = run_steps(
                path.runner, 0, len(rows[0]), carry, [], known, rows, None, self._often
            )
        except ROW_ERRORS:  # at one of them, to which single ones go
            self._stuck = path
            return 0
        self._inputs = carry
        return count
