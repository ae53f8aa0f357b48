"""Where the time of a compiled call goes: what `compiled.profile(...)` returns.

Knows rows of operators and times, and how to print them; it must not know how a program runs. The
program is run several times, and the best time of each row is kept.
"""

from __future__ import annotations

import linecache
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdiff._core import Program
    from cdiff._pictures._svg import Picture

__all__ = ["Profile", "ProfileRow", "duration", "measured"]

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

    def plus(self, other: ProfileRow) -> ProfileRow:
        """The sum of two rows, under the name of this one."""
        seconds = None if self.seconds is None else self.seconds + (other.seconds or 0.0)
        return ProfileRow(
            self.operator,
            self.where,
            self.instructions + other.instructions,
            seconds,
            self.bytes + other.bytes,
        )


class Profile:
    """Time and memory of one compiled call, by operator and by source line.

    In a notebook it shows itself as a picture: bars for operators and for lines.

    Attributes
    ----------
    name : str
        Of the function.
    seconds : float
        What the program takes.
    rows : tuple of ProfileRow
        One for each operator at each line, the slowest first.
    """

    __slots__ = ("name", "rows", "seconds")

    def __init__(self, name: str, seconds: float, rows: list[ProfileRow]) -> None:
        self.name = name
        self.seconds = seconds
        self.rows = tuple(sorted(rows, key=lambda row: (-(row.seconds or 0.0), -row.instructions)))

    def by_operator(self) -> list[ProfileRow]:
        """The rows of one operator made one, the slowest first."""
        return self._grouped(lambda row: row._replace(where=""))

    def by_line(self) -> list[ProfileRow]:
        """The rows of one source line made one, the slowest first; unknown lines are left out."""
        known = self._grouped(lambda row: row._replace(operator=""))
        return [row for row in known if row.where]

    def _grouped(self, key: Callable[[ProfileRow], ProfileRow]) -> list[ProfileRow]:
        found: dict[tuple[str, str], ProfileRow] = {}
        for row in self.rows:
            row = key(row)
            place = (row.operator, row.where)
            found[place] = row if place not in found else found[place].plus(row)
        return sorted(found.values(), key=lambda row: (-(row.seconds or 0.0), -row.instructions))

    def __repr__(self) -> str:
        count = sum([row.instructions for row in self.rows])
        head = f"{self.name}: {duration(self.seconds)} a call, {count} instructions"
        operators = [(row.operator, row) for row in self.by_operator()]
        lines = [(_short(row.where), row) for row in self.by_line()]
        text = [head, *self._table("operator", operators)]
        if lines:
            text += ["", *[_with_source(x, row) for x, row in self._lines(lines)]]
        return "\n".join(text)

    def _lines(self, lines: list[tuple[str, ProfileRow]]) -> list[tuple[str, ProfileRow | None]]:
        rows = [None, *[row for _, row in lines]]
        return list(zip(self._table("line", lines), rows, strict=True))

    def _table(self, what: str, rows: list[tuple[str, ProfileRow]]) -> list[str]:
        """A head and a line of text for each row."""
        width = max([len(what), *[len(name) for name, _ in rows]])
        text = [f"{what:{width}}  {'count':>6}  {'time':>8}  {'share':>5}  {'memory':>8}"]
        total = sum([row.seconds or 0.0 for row in self.rows])
        for name, row in rows:
            spent, share = "", ""
            if row.seconds is not None:
                spent = duration(row.seconds)
                share = f"{100 * row.seconds / total:.0f} %" if total else ""
            moved = _size(row.bytes) if row.bytes else ""
            text.append(
                f"{name:{width}}  {row.instructions:>6}  {spent:>8}  {share:>5}  "
                f"{moved:>8}".rstrip()
            )
        return text

    def picture(self) -> Picture:
        """Bars for operators and for source lines, as a drawing.

        Returns
        -------
        Picture
        """
        from cdiff._pictures._svg import Picture, bars  # seldom needed

        def group(rows: list[ProfileRow], names: list[str]) -> list[tuple[str, float, str]]:
            sizes = [row.instructions if row.seconds is None else row.seconds for row in rows]
            notes = [
                f"{row.instructions}" if row.seconds is None else duration(row.seconds)
                for row in rows
            ]
            return list(zip(names, [float(x) for x in sizes], notes, strict=True))

        operators, lines = self.by_operator(), self.by_line()
        title = f"profile of {self.name}: {duration(self.seconds)} a call"
        groups = [("by operator", group(operators, [row.operator for row in operators]))]
        if lines:
            names = [f"{_short(row.where)}  {_source(row.where)[:48]}".rstrip() for row in lines]
            groups.append(("by source line", group(lines, names)))
        return Picture(bars(title, groups), title)

    def _repr_svg_(self) -> str:
        return self.picture().svg


def _short(where: str) -> str:
    return where.replace("\\", "/").rpartition("/")[2]


def _source(where: str) -> str:
    """The source that stands at FILE:LINE, where it can be read."""
    file, _, line = where.rpartition(":")
    return linecache.getline(file, int(line)).strip() if line.isdigit() else ""


def _with_source(text: str, row: ProfileRow | None) -> str:
    source = "" if row is None else _source(row.where)
    return f"{text:{len(text)}}   {source}".rstrip()


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
        lines = program.lines or [None] * len(program)
        names = [row[0] for row in program.instructions()]
        rows = [
            ProfileRow(op, f"{line[0]}:{line[1]}" if line else "", 1, None, 0)
            for op, line in zip(names, lines, strict=True)
            if op not in _GIVEN
        ]
    else:
        rows = [
            ProfileRow(
                same[0][1], same[0][3], same[0][5], min([row[4] for row in same]), same[0][6]
            )
            for same in zip(*samples, strict=True)
        ]
    merged: dict[tuple[str, str], ProfileRow] = {}
    for row in rows:
        place = (row.operator, row.where)
        merged[place] = row if place not in merged else merged[place].plus(row)
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


def duration(seconds: float) -> str:
    """A time in the unit in which it is a number between 1 and 1000."""
    for limit, unit, scale in ((1e-6, "ns", 1e9), (1e-3, "us", 1e6), (1.0, "ms", 1e3)):
        if seconds < limit:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds:.3g} s"


def _size(n: int) -> str:
    for limit, unit in ((10**3, "B"), (10**6, "kB"), (10**9, "MB")):
        if n < limit:
            return f"{n * 1000 / limit:.3g} {unit}"
    return f"{n / 1e9:.3g} GB"
