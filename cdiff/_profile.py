"""Where the time of a compiled call goes: what `compiled.profile(...)` returns.

Knows rows of operators and times, and how to print them; it must not know how a program runs. The
program is run several times, and the best time of each row is kept.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdiff._core import Program

__all__ = ["Profile", "ProfileRow", "measured"]

SECONDS = 0.05  # that a profile may take, where one call is shorter
ROUNDS = 100


class ProfileRow(NamedTuple):
    """One line of a profile.

    Attributes
    ----------
    operator : str
        An operator of the table; "numbers" for a stretch of work on numbers.
    where : str
        The source line, where it is known.
    instructions : int
        How many of the program.
    seconds : float or None
        In one call; None where only the whole program is timed.
    bytes : int
        Read and written in memory in one call.
    """

    operator: str
    where: str
    instructions: int
    seconds: float | None
    bytes: int


class Profile:
    """Time and memory of one compiled call, by operator.

    Attributes
    ----------
    name : str
        Of the function.
    seconds : float
        What the program takes.
    rows : tuple of ProfileRow
        The slowest first.
    """

    __slots__ = ("name", "rows", "seconds")

    def __init__(self, name: str, seconds: float, rows: list[ProfileRow]) -> None:
        self.name = name
        self.seconds = seconds
        self.rows = tuple(sorted(rows, key=lambda row: (-(row.seconds or 0.0), -row.instructions)))

    def __repr__(self) -> str:
        count = sum([row.instructions for row in self.rows])
        lines = [f"{self.name}: {_duration(self.seconds)} a call, {count} instructions"]
        width = max([8, *[len(row.operator) for row in self.rows]])
        lines.append(
            f"{'operator':{width}}  {'count':>6}  {'time':>8}  {'share':>5}  {'memory':>8}"
        )
        total = sum([row.seconds or 0.0 for row in self.rows])
        for row in self.rows:
            spent, share = "", ""
            if row.seconds is not None:
                spent = _duration(row.seconds)
                share = f"{100 * row.seconds / total:.0f} %" if total else ""
            moved = _size(row.bytes) if row.bytes else ""
            line = (
                f"{row.operator:{width}}  {row.instructions:>6}  {spent:>8}  {share:>5}  {moved:>8}"
            )
            lines.append(f"{line}  {row.where}".rstrip())
        return "\n".join(lines)


def measured(
    name: str,
    program: Program,
    run: Callable[[], Any],
    profile: Callable[[], list[tuple[Any, ...]]],
) -> Profile:
    """The profile of a program.

    Parameters
    ----------
    name : str
    program : Program
    run : callable
        Runs it once.
    profile : callable
        Runs it once with a clock beside each step: rows (step, operator, shape, where, seconds,
        count, bytes).

    Returns
    -------
    Profile
    """
    seconds = _best(run)
    samples = _sampled(profile)
    if [row[1] for row in samples[0]] == ["numbers"]:
        counts = Counter([row[0] for row in program.instructions()])
        rows = [ProfileRow(op, "", n, None, 0) for op, n in counts.items() if op not in _GIVEN]
        return Profile(name, seconds, rows)
    merged: dict[tuple[str, str], ProfileRow] = {}
    for same in zip(*samples, strict=True):
        _, operator, _, where, _, count, moved = same[0]
        spent = min([row[4] for row in same])
        old = merged.get((operator, where), ProfileRow(operator, where, 0, 0.0, 0))
        merged[operator, where] = ProfileRow(
            operator,
            where,
            old.instructions + count,
            (old.seconds or 0.0) + spent,
            old.bytes + moved,
        )
    return Profile(name, seconds, list(merged.values()))


_GIVEN = frozenset(("leaf", "const"))


def _best(run: Callable[[], Any]) -> float:
    best = float("inf")
    end = time.perf_counter() + SECONDS
    for _ in range(ROUNDS):
        start = time.perf_counter()
        run()
        stop = time.perf_counter()
        best = min(best, stop - start)
        if stop > end:
            break
    return best


def _sampled(profile: Callable[[], list[Any]]) -> list[list[Any]]:
    samples = []
    end = time.perf_counter() + SECONDS
    for _ in range(ROUNDS):
        samples.append(profile())
        if time.perf_counter() > end:
            break
    return samples


def _duration(seconds: float) -> str:
    for limit, unit, scale in ((1e-6, "ns", 1e9), (1e-3, "us", 1e6), (1.0, "ms", 1e3)):
        if seconds < limit:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds:.3g} s"


def _size(n: int) -> str:
    for limit, unit in ((10**3, "B"), (10**6, "kB"), (10**9, "MB")):
        if n < limit:
            return f"{n * 1000 / limit:.3g} {unit}"
    return f"{n / 1e9:.3g} GB"
