"""A bar for loops and solvers that take long: `progress`, and `bar` and `counted` for what runs.

Knows how far somebody is, and nothing of what is done. A loop is cut into a hundred pieces while
the switch is on, and runs in one while it is off; a solver is counted by its calls of a function.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cdiff._checks._switch import Switch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["bar", "counted", "covered", "is_on", "progress"]

DELAY = 0.5  # seconds before a bar is shown
EVERY = 0.2  # seconds between two lines of the plain bar
PIECES = 1000  # of a way that is covered, see `covered`

_on, _delay = False, DELAY


class progress(Switch):
    """Show a progress bar on standard error for what takes long.

    Loops (`scan`, `fori_loop`, and with them `vmap` with `chunk_size`) and `solve_ivp` show how far
    they are, optimisers and fits how often they have called the function, and its value. It is
    tqdm's bar, where that is installed, else a line. For all threads.

    Parameters
    ----------
    on : bool, default True
        Switched on (or off) at once; at the end of a ``with`` block the former state comes back.
    delay : float, default 0.5
        Seconds that something has to take before its bar appears.

    Raises
    ------
    TypeError
        If `on` is not a bool, or `delay` no number.

    Examples
    --------
    >>> import cdiff as cd, numpy as np
    >>> with cd.progress():
    ...     cd.scan(lambda c, x: (c + x, c), 0.0, np.ones(1000))[0]
    1000.0
    """

    def __init__(self, on: bool = True, delay: float = DELAY) -> None:
        kind: type = type(delay)
        if kind is bool or not issubclass(kind, (int, float)):
            raise TypeError(f"progress: delay is a number of seconds, got a {kind.__name__}")
        super().__init__(on, delay)

    @classmethod
    def state(cls) -> tuple[bool, float]:
        """Whether bars are shown, and after how many seconds."""
        return _on, _delay

    @classmethod
    def put(cls, on: bool, delay: float) -> None:
        """Show bars, or none."""
        global _on, _delay
        _on, _delay = on, delay


def is_on() -> bool:
    """Is a bar wanted?"""
    return _on


def bar(total: int | None, name: str) -> Any:
    """A bar with ``update(n)``, ``set_postfix_str(note, refresh)`` and ``close()``.

    Parameters
    ----------
    total : int or None
        Steps; None if nobody knows how many there will be.
    name : str

    Returns
    -------
    bar
    """
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return _Plain(total, name, _delay)
    return tqdm(total=total, desc=name, delay=_delay, leave=False, file=sys.stderr)


@contextmanager
def counted(
    f: Callable[..., Any], name: str, note: Callable[[Any], str]
) -> Iterator[Callable[..., Any]]:
    """A function that shows how often it was called, as long as the block lasts.

    Parameters
    ----------
    f : callable
        Comes back as it is where no bar is wanted.
    name : str
    note : callable
        What a result says, in a few letters.

    Yields
    ------
    callable
    """
    if not _on:
        yield f
        return
    meter = bar(None, name)

    def called(*args: Any) -> Any:
        out = f(*args)
        meter.set_postfix_str(note(out), refresh=False)
        meter.update(1)
        return out

    try:
        yield called
    finally:
        meter.close()


@contextmanager
def covered(
    f: Callable[..., Any], name: str, start: float, end: float
) -> Iterator[Callable[..., Any]]:
    """A function whose first argument goes from a start to an end, with a bar that says how far.

    Parameters
    ----------
    f : callable
        Comes back as it is where no bar is wanted.
    name : str
    start, end : float

    Yields
    ------
    callable
    """
    if not _on or start == end:
        yield f
        return
    meter, farthest = bar(PIECES, name), 0

    def called(t: Any, *args: Any) -> Any:
        nonlocal farthest
        here = int(PIECES * min(1.0, float((t - start) / (end - start))))
        if here > farthest:
            meter.update(here - farthest)
            farthest = here
        return f(t, *args)

    try:
        yield called
    finally:
        meter.close()


class _Plain:
    """A percentage, or a count, on one line of standard error."""

    def __init__(self, total: int | None, name: str, delay: float) -> None:
        self.total = total
        self.name = name
        self.done = 0
        self.note = ""
        self.next = time.monotonic() + delay
        self.written = 0

    def set_postfix_str(self, note: str, refresh: bool) -> None:
        self.note = note

    def update(self, n: int) -> None:
        self.done += n
        now = time.monotonic()
        if now >= self.next:
            self.next = now + EVERY
            self._write(f"{self.name}: {self._amount()}")

    def _amount(self) -> str:
        if self.total is None:
            return f"{self.done} calls, {self.note}"
        return f"{100 * self.done // max(1, self.total)} %"

    def close(self) -> None:
        if self.written:
            self._write("")
            sys.stderr.write("\r")

    def _write(self, line: str) -> None:
        sys.stderr.write("\r" + line.ljust(self.written))
        sys.stderr.flush()
        self.written = max(self.written, len(line))
