"""The steps of `odeint`, chosen by plain values at each run of a program.

They are a decision and constants of the derivative, which goes through the steps found. This file
knows the search and how a program asks for plain values; it must not know what is solved with the
steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, hosted, peek
from cdiff.integrate._adjoint import Settings, captured_body
from cdiff.integrate._runge_kutta import Steps, placed_steps, round_number
from cdiff.integrate._search import Search

if TYPE_CHECKING:
    from cdiff._bodies._body import Body

__all__ = ["Choice"]


class Choice:
    """The steps for a problem, which are chosen by plain values at each run.

    Parameters
    ----------
    problem : object
        With `slope`, a function, and `start`, a vector.
    times : Array
    settings : Settings
    """

    _sizes: frozenset[int] | set[int] = frozenset()  # numbers of steps, out of a file

    def __init__(self, problem: Any, times: Array, settings: Settings) -> None:
        self.body = captured_body(problem.slope, times[0], problem.start)
        self.settings = settings
        self.size = 0  # how many steps there are in the program that it belongs to
        self._last: tuple[Any, Any] = (None, None)
        # The search itself tells what the function reads from outside, on all ways that it takes.
        steps = self._found(peek(problem.start), peek(times))
        self.body.sealed = True
        self._inputs = (problem.start, times, *self.body.captured)
        self._last = _contents([peek(x) for x in self._inputs]), steps

    @classmethod
    def of_parts(cls, body: Body, settings: Settings, size: int, sizes: set[int]) -> Choice:
        """What a program out of a file calls: there is none for other numbers of steps than these,
        and one of more steps takes some of no width."""
        self = cls.__new__(cls)
        self.body, self.settings, self.size, self._sizes = body, settings, size, sizes
        self._inputs, self._last = (), (None, None)
        return self

    def __repr__(self) -> str:
        return "odeint"

    def steps(self) -> Steps:
        """The steps; in a program their number is a decision, and rounded so that few occur."""
        n = hosted(self.count, self._inputs, {})
        if n is NotImplemented:
            return self._found(*[peek(x) for x in self._inputs])
        self.size, stops = n, self._inputs[1].shape[0]
        table = hosted(self.table, (n, *self._inputs), {})
        parts = [table[k * n : (k + 1) * n] for k in range(3)] + [table[3 * n :]]
        assert parts[3].shape == (stops,)
        return Steps(parts[0], parts[1], *[_core.cast(x, np.int64) for x in parts[2:]])

    def _found(self, v: Any, times: Any, *consts: Any) -> Steps:
        """The steps for plain values; those of the last call are remembered."""
        key = _contents([v, times, *consts])
        known, steps = self._last
        if known != key:
            with np.errstate(all="ignore"):
                search = Search(self.settings, self.body, list(consts), float(times[0]), v)
                ends = times[1:][times[1:] != times[:-1]]
                t, h = search.through(ends) if ends.size else (ends, ends)
            steps = placed_steps(t, h, times)
            self._last = key, steps
        return steps  # type: ignore[no-any-return]

    def count(self, *inputs: Any) -> int:
        """The number of steps, rounded."""
        n = round_number(len(self._found(*inputs).start))
        if self._sizes and n <= self.size:
            return self.size
        return min([size for size in self._sizes if size >= n], default=n)

    def table(self, n: int, *inputs: Any) -> Any:
        """All in one vector, with steps of no width at the end; n decides its length."""
        steps = self._found(*inputs)
        flat = np.empty(3 * n + len(steps.ends))
        np.minimum(steps.ends, n, out=flat[3 * n :])
        nowhere = 1.0, 0.0, max(len(inputs[1]) - 2, 0)
        for row, values, empty in zip(flat[: 3 * n].reshape(3, n), steps, nowhere, strict=False):
            row[: len(values)] = values[:n]
            row[len(values) :] = empty
        return flat


def _contents(arrays: list[Any]) -> list[bytes]:
    return [np.asarray(x).tobytes() for x in arrays]
