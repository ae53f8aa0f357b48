"""Which directions give a sparse derivative: patterns and colors of the part between the cuts.

Knows patterns and colorings; it must not know programs beyond their shapes, nor how a direction is
run. Forward directions are columns that share no row, reverse ones rows that share no column; rows
and columns can be colored together, or a few dense lines taken the other way than the rest; a
symmetric matrix can be read from its mirror image, or by substitution. Colors are found by the
core; here are a few passes of NumPy over the entries.
"""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import (
    color_both,
    color_columns,
    color_symmetric,
    pattern_of,
    transposed_pattern,
)
from cdiff._sparsity._sample import Pattern

if TYPE_CHECKING:
    from cdiff._sparsity._cut import Cut

__all__ = ["Candidate", "Directions", "Part", "candidates"]

BACKWARD = 1.5  # the work of a reverse sweep; that of a forward one is 1
ORDERINGS = ("natural", "smallest_last", "incidence_degree")
ROUNDS, ROUNDS_OF_TRIALS = 12, 6  # over colors that are known
MOST_SQUARES = 1 << 28  # the work of a coloring by pairs of neighbours
MOST_DEPTH = 64  # subtractions that depend on one another


class Part:
    """The Jacobian of the part between the cuts: its pattern, and where entries go.

    Parameters
    ----------
    cut : Cut
    given : pair of ndarray, optional
        Start and items of a pattern that is known.

    Attributes
    ----------
    start, items : ndarray
        CSR: rows are the elements of the outputs one after the other, columns those of the roots.
    """

    def __init__(self, cut: Cut, given: tuple[Any, Any] | None = None) -> None:
        self.cut = cut
        roots = [cut.part.instruction(v) for v in range(len(cut.roots))]
        outputs = [cut.part.instruction(v) for v in cut.part.outputs]
        self.in_sizes = [c.size for c in cut.columns]
        self.shapes = [shape for _, _, shape, _, _ in roots]
        self.dtypes = [dtype for _, dtype, _, _, _ in roots]
        self.out_shapes = [shape for _, _, shape, _, _ in outputs]
        self.out_dtypes = [dtype for _, dtype, _, _, _ in outputs]
        self.out_sizes = [prod(s) for s in self.out_shapes]
        self.in_starts = np.cumsum([0, *self.in_sizes])
        self.out_starts = np.cumsum([0, *self.out_sizes])
        firsts: list[int | None] = [int(s) for s in self.in_starts[:-1]]
        firsts += [None] * (cut.part.n_inputs - len(firsts))
        self.notes: list[str] = []
        self._rows: Any = None
        self.watched = list(cut.watched)
        if given is not None:
            self.start, self.items = given
            return
        sets, watched, self.notes = pattern_of(cut.part, firsts)
        self.watched += watched
        self.start, self.items = _stacked(sets)

    @property
    def n(self) -> int:
        return int(self.in_starts[-1])

    @property
    def m(self) -> int:
        return int(self.out_starts[-1])

    def rows(self) -> Any:
        """The row of every entry."""
        if self._rows is None:
            self._rows = np.repeat(np.arange(self.m), np.diff(self.start))
        return self._rows


def _stacked(sets: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Patterns one below the other."""
    if len(sets) == 1:
        return sets[0]
    counts = np.concatenate([[0], *[np.diff(start) for start, _ in sets]])
    return np.cumsum(counts), np.concatenate([items for _, items in sets])


class Directions:
    """Colors, and which direction each entry of the part is read from.

    Attributes
    ----------
    columns : ndarray or None
        The color of each column of the part; a forward direction is the columns of a color.
    rows : ndarray or None
        The color of each row, for reverse directions.
    by_row : ndarray of bool or None
        Where there are both: the entries that are read from reverse directions.
    flipped : ndarray of bool or None
        Of a symmetric matrix: the entries that are read as their mirror image.
    steps : pair of ndarray or None
        Then these entries have to be subtracted (second) from those (first), in this order.
    """

    __slots__ = ("by_row", "columns", "flipped", "rows", "steps")

    def __init__(
        self,
        columns: Any = None,
        rows: Any = None,
        by_row: Any = None,
        flipped: Any = None,
        steps: Any = None,
    ):
        self.columns = columns
        self.rows = rows
        self.by_row = by_row
        self.flipped = flipped
        self.steps = steps

    def counts(self) -> tuple[int, int]:
        """How many forward and reverse directions there are."""
        found = [0 if c is None or not c.size else int(c.max()) + 1 for c in self._both()]
        return found[0], found[1]

    def _both(self) -> tuple[Any, Any]:
        return self.columns, self.rows

    def work(self) -> float:
        forward, backward = self.counts()
        return forward + BACKWARD * backward


class Candidate:
    """A part with directions for it."""

    __slots__ = ("directions", "part")

    def __init__(self, part: Part, directions: Directions) -> None:
        self.part = part
        self.directions = directions


def candidates(
    part: Part, mode: str, symmetric: bool, limit: float, direct: bool = False
) -> list[Candidate]:
    """Ways to get the Jacobian of a part.

    Parameters
    ----------
    part : Part
    mode : {"auto", "fwd", "rev", "mixed"}
    symmetric : bool
        Whether the pattern is that of a Hessian, whole.
    limit : float
        Work from which a candidate is of no use.
    direct : bool, default False
        Whether entries may not be found by substitution.

    Returns
    -------
    list of Candidate
        Those that may be better than `limit`.
    """
    # Between the cuts each element has copies of its own, and nothing is a grid.
    pattern = Pattern(part.start, part.items, part.n, part.cut.is_whole)
    if not symmetric and pattern.fewest(BACKWARD) >= limit:
        return []
    sample = pattern.sample()
    ways = [_reverse] * (mode in ("auto", "rev")) + [_forward] * (mode in ("auto", "fwd"))
    found = _tried(ways, pattern, sample, limit)
    limit = min([limit, *[d.work() for d in found]])
    if symmetric and mode in ("auto", "fwd", "symmetric") and limit > 2:
        found += _symmetric(part, direct)
        limit = min([limit, *[d.work() for d in found]])
    if mode == "mixed" or (mode == "auto" and limit > 4):
        found += _tried(_mixed_ways(pattern), pattern, sample, limit)
    return [Candidate(part, d) for d in found]


def _tried(ways: list[Any], pattern: Pattern, sample: Pattern, limit: float) -> list[Directions]:
    """Directions found in those of the ways that may need less work than `limit`.

    A way takes a pattern, and the numbers of forward and reverse directions with which it may be
    content.
    """
    if sample is pattern:
        return [way(pattern, (0, 0)) for way in ways]
    trials = [(way, way(sample, (0, 0))) for way in ways]
    found = []
    for way, trial in sorted(trials, key=lambda x: x[1].work()):
        if trial.work() < limit:
            found.append(way(pattern, trial.counts()))
            limit = min(limit, found[-1].work())
    return found


def _forward(p: Pattern, enough: tuple[int, int]) -> Directions:
    return Directions(_colored(p, p.start, p.items, p.n, enough[0]))


def _reverse(p: Pattern, enough: tuple[int, int]) -> Directions:
    return Directions(rows=_colored(p, p.t_start, p.t_items, p.m, enough[1]))


def _colored(p: Pattern, start: Any, items: Any, n: int, enough: int) -> Any:
    rounds = ROUNDS if enough else ROUNDS_OF_TRIALS
    return color_columns(start, items, n, ORDERINGS, rounds, fewest=enough, grids=p.may_be_grid)


def _squares(*lengths: Any) -> int:
    return int(sum([np.square(n).sum() for n in lengths]))


def _symmetric(part: Part, direct: bool) -> list[Directions]:
    """A star coloring, or an acyclic one that needs fewer directions and few subtractions in a row;
    none where the pattern is not symmetric."""
    if part.m != part.n or _squares(np.diff(part.start)) > MOST_SQUARES:
        return []
    pattern = part.start, part.items, part.n, ORDERINGS
    try:
        colors, flipped, _, _ = color_symmetric(*pattern)
    except ValueError:
        return []
    found = [Directions(columns=colors, flipped=flipped)]
    if not direct and found[0].work() > 2:
        colors, flipped, steps, depth = color_symmetric(*pattern, acyclic=True)
        if depth <= MOST_DEPTH:
            found.append(Directions(columns=colors, flipped=flipped, steps=steps))
    return found


def _mixed_ways(pattern: Pattern) -> list[Any]:
    """Rows and columns colored together; dense rows backward and all else forward, or dense columns
    forward and all else backward."""
    ways: list[Any] = [partial(_dense_rows, c) for c in _dense_limits(pattern.row_lengths)]
    ways += [partial(_dense_columns, c) for c in _dense_limits(pattern.column_lengths)]
    if _squares(pattern.row_lengths, pattern.column_lengths) <= MOST_SQUARES:
        ways.append(_together)
    return ways or [partial(_dense_rows, 0)]


def _together(p: Pattern, enough: tuple[int, int]) -> Directions:
    rows, columns, by_row = color_both(p.start, p.items, p.n, ORDERINGS, backward=BACKWARD)
    return Directions(columns, rows, by_row)


def _dense_rows(cut: int, p: Pattern, enough: tuple[int, int]) -> Directions:
    return _split(p, np.repeat(p.row_lengths > cut, np.diff(p.start)), enough)


def _dense_columns(cut: int, p: Pattern, enough: tuple[int, int]) -> Directions:
    return _split(p, (p.column_lengths <= cut)[p.items], enough)


def _dense_limits(lengths: Any) -> list[int]:
    """Lengths between those of few long lines and many short ones."""
    if not lengths.size:
        return []
    last = lengths.size - 1
    ranks = [int(q * last) for q in (0.5, 0.9, 0.99)] + [max(last - k, 0) for k in (1, 2, 3)]
    up_to = np.cumsum(np.bincount(lengths))
    found = {int(x) for x in np.searchsorted(up_to, ranks, side="right")}
    return sorted(x for x in found if x < up_to.size - 1)


def _split(part: Pattern, by_row: Any, enough: tuple[int, int]) -> Directions:
    """Colors where some entries are read from reverse directions and the others from forward ones.

    A row with entries of the first kind must not share a direction with another such row where
    one has an entry of that kind; the same for columns. So each side is colored with all entries
    of the lines that it takes.
    """
    rows = part.rows()
    takes_row = np.zeros(part.m, bool)
    takes_row[rows[by_row]] = True
    takes_column = np.zeros(part.n, bool)
    takes_column[part.items[~by_row]] = True
    forward = _lines(part, rows, ~by_row, takes_column)
    columns = _colored(part, *forward, part.n, enough[0])
    t = transposed_pattern(*_lines(part, rows, by_row, takes_row, True), part.n)
    return Directions(columns, _colored(part, *t, part.m, enough[1]), by_row)


def _lines(
    part: Pattern, rows: Any, wanted: Any, taken: Any, by_row: bool = False
) -> tuple[Any, Any]:
    """The pattern whose conflicts count: lines that are taken, where they cross a wanted entry."""
    if by_row:
        crossed = np.zeros(part.n, bool)
        crossed[part.items[wanted]] = True
        keep = taken[rows] & crossed[part.items]
    else:
        crossed = np.zeros(part.m, bool)
        crossed[rows[wanted]] = True
        keep = taken[part.items] & crossed[rows]
    counts = np.bincount(rows[keep], minlength=part.m)
    return np.concatenate([[0], np.cumsum(counts)]), part.items[keep]
