"""A bar for loops that take long: `progress`, and `bar` for the code that runs them.

Knows how far somebody is, and nothing of what is done. A loop is cut into a hundred pieces while
the switch is on, and runs in one while it is off.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["bar", "is_on", "progress"]

DELAY = 0.5  # seconds before a bar is shown
EVERY = 0.2  # seconds between two lines of the plain bar

_shown = 0.0  # a bar is shown after so many seconds; none if it is 0
_on = False


class progress:
    """Show a progress bar for long loops (`scan`, `fori_loop`) on standard error.

    It is tqdm's, where that is installed, else a percentage. For all threads.

    Parameters
    ----------
    on : bool, default True
        Switched on (or off) at once; at the end of a ``with`` block the former state comes back.
    delay : float, default 0.5
        Seconds that a loop has to take before its bar appears.

    Raises
    ------
    TypeError
        If `on` is not a bool.

    Examples
    --------
    >>> import cdiff as cd, numpy as np
    >>> with cd.progress():
    ...     cd.scan(lambda c, x: (c + x, c), 0.0, np.ones(1000))[0]
    1000.0
    """

    def __init__(self, on: bool = True, delay: float = DELAY) -> None:
        global _on, _shown
        if on.__class__ is not bool:
            raise TypeError(f"progress takes True or False, got a {type(on).__name__}")
        self._before = (_on, _shown)
        _on, _shown = on, delay

    def __enter__(self) -> progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        global _on, _shown
        _on, _shown = self._before

    def __repr__(self) -> str:
        return f"<cdiff.progress, {'on' if _on else 'off'}>"


def is_on() -> bool:
    """Is a bar wanted?"""
    return _on


def bar(total: int, name: str) -> Any:
    """A bar with ``update(n)`` and ``close()``.

    Parameters
    ----------
    total : int
        Steps.
    name : str

    Returns
    -------
    bar
    """
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return _Plain(total, name, _shown)
    return tqdm(total=total, desc=name, delay=_shown, leave=False, file=sys.stderr)


class _Plain:
    """A percentage on one line of standard error."""

    def __init__(self, total: int, name: str, delay: float) -> None:
        self.total = total
        self.name = name
        self.done = 0
        self.next = time.monotonic() + delay
        self.written = 0

    def update(self, n: int) -> None:
        self.done += n
        now = time.monotonic()
        if now >= self.next:
            self.next = now + EVERY
            self._write(f"{self.name}: {100 * self.done // max(1, self.total)} %")

    def close(self) -> None:
        if self.written:
            self._write("")
            sys.stderr.write("\r")

    def _write(self, line: str) -> None:
        sys.stderr.write("\r" + line.ljust(self.written))
        sys.stderr.flush()
        self.written = max(self.written, len(line))
