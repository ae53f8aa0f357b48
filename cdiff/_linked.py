"""Captured arrays that derivative programs read: does anything in them depend on their content?

Python code that only hands an array on (`_reads.py`) says nothing about derivatives: what they need
of arrays alone (`a * a`, the sum of a) is computed while they are recorded, and a constant of the
program. So the content of such an array is compared at each call, and a change means another
recording, until one gives the same program although every element, and every sum, has changed
meanwhile: then the program is all that reads it, and it is not looked at any more. This file knows
paths; it must not know how they are recorded. It runs once for each recording.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import program_parts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdiff._core import Program
    from cdiff._paths import Path

__all__ = ["Trust"]


def _marks(x: Any) -> list[Any]:
    """Numbers of which some stay the same if a change keeps sizes, sums or what is in an array."""
    sizes = np.abs(x)
    marks = [sizes]
    for axis in range(x.ndim):
        marks += [x.sum(axis), (sizes * sizes).sum(axis)]
    return [*marks, x.sum(), (sizes * sizes).sum()]


class _Probation:
    """An array on the way to being trusted: what it held, and what has ever changed."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array
        self.marks = _marks(array)
        self.changed = [np.zeros(np.shape(x), bool) for x in self.marks]

    def is_over(self) -> bool:
        """Has everything changed by now?"""
        marks = _marks(self.array)
        for changed, old, new in zip(self.changed, self.marks, marks, strict=True):
            changed |= old != new
        self.marks = marks
        return all(bool(changed.all()) for changed in self.changed)


class Trust:
    """What is known of the arrays that the programs for one signature read."""

    def __init__(self) -> None:
        self._trusted: list[np.ndarray[Any, Any]] = []
        self._others: dict[int, Any] = {}

    def holds_for(self, x: Any) -> bool:
        """Does nothing but the program depend on an array?

        Parameters
        ----------
        x : ndarray

        Returns
        -------
        bool
        """
        return any(x is y for y in self._trusted)

    def learn(self, changed: Iterable[Any], before: Path, after: Path) -> None:
        """Compare two recordings between which nothing but the content of arrays has changed.

        Parameters
        ----------
        changed : iterable of ndarray
        before, after : Path
        """
        same = _is_same(before, after)
        for x in changed:
            known = self._others.get(id(x))
            if known is x:
                continue  # something else depends on it
            if not same:
                self._others[id(x)] = x
            elif known is None:
                self._others[id(x)] = _Probation(x)
            elif isinstance(known, _Probation) and known.is_over():
                del self._others[id(x)]
                self._trusted.append(x)


def _is_same(a: Path, b: Path) -> bool:
    """Do two paths compute the same from the same arrays, whatever these hold?"""
    if a.places != b.places or not all(map(_equal, a.leaves, b.leaves)):
        return False
    return _parts(a.runner.program) == _parts(b.runner.program)


def _parts(program: Program) -> list[Any]:
    """What a program does; arrays that may change stand for themselves."""
    *parts, arrays, outputs, guards = program_parts(program)
    originals = {id(copy): original for copy, original in program.refreshed}
    held = [_place(originals.get(id(x), x)) for x in arrays]
    return [*parts, held, outputs, [(value, _form(x), lost) for value, x, lost in guards]]


def _place(x: Any) -> Any:
    """What tells one array that a program reads from another; its content if that is for ever."""
    if not isinstance(x, np.ndarray):
        return id(x)
    if not x.flags.writeable and x.base is None:
        return _form(x)
    return x.__array_interface__["data"], x.strides, x.shape, x.dtype.str


def _form(x: Any) -> tuple[Any, ...]:
    return x.dtype.str, x.shape, x.tobytes()


def _equal(x: Any, y: Any) -> bool:
    """Are these constants of two results the same?"""
    if x is y:
        return True
    numbers = isinstance(x, (float, int, complex, np.ndarray, np.generic))
    return numbers and x.__class__ is y.__class__ and _form(np.asarray(x)) == _form(np.asarray(y))
