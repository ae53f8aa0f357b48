"""A pattern from both sides, and a part of it that is like the whole.

Colorings are tried on the surroundings of a few rows first: what needs more directions there than
are known to suffice is not tried on the whole, and what has reached the number of the sample is not
tried to be made better. This file knows patterns in CSR form and no colors. It is a few passes of
NumPy over the sample.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cdiff._core import transposed_pattern

__all__ = ["Pattern"]

LARGE = 20_000  # entries, from which a sample is taken
SEEDS = 32  # rows whose surroundings are the sample
ENOUGH = 1_000  # rows of a sample
MOST_STEPS = 8  # from a seed
LONG = 256  # entries of a line that leads everywhere


class Pattern:
    """A pattern by rows and by columns.

    Parameters
    ----------
    start, items : ndarray
        CSR.
    n : int
        How many columns there are.
    may_be_grid : bool
        Whether columns may be the points of a regular grid in their order.
    lengths : pair of ndarray, optional
        Of rows and columns, where they are not those of this pattern but of one that it is a part
        of.
    """

    def __init__(
        self, start: Any, items: Any, n: int, may_be_grid: bool, lengths: Any = None
    ) -> None:
        self.start = start
        self.items = items
        self.m = len(start) - 1
        self.n = n
        self.may_be_grid = may_be_grid
        self.t_start, self.t_items = transposed_pattern(start, items, n)
        if lengths is None:
            lengths = np.diff(start), np.diff(self.t_start)
        self.row_lengths, self.column_lengths = lengths

    def rows(self) -> Any:
        """The row of every entry."""
        return np.repeat(np.arange(self.m), np.diff(self.start))

    def fewest(self, backward: float) -> float:
        """Work below which no directions give all entries: a forward one gives an entry of each
        row at most, a reverse one (which costs `backward`) one of each column.
        """
        forward_gives = int(np.count_nonzero(self.row_lengths))
        backward_gives = int(np.count_nonzero(self.column_lengths)) / backward
        return float(self.items.size / max(forward_gives, backward_gives, 1))

    def sample(self) -> Pattern:
        """The entries between a few rows, what shares columns with them, and so on.

        Returns
        -------
        Pattern
            The whole if that is small.
        """
        if self.items.size <= LARGE:
            return self
        filled = np.flatnonzero(self.row_lengths)
        rows = filled[:: filled.size // SEEDS + 1]
        columns = _met(self.start, self.items, rows)
        for _ in range(MOST_STEPS):
            known = rows.size
            rows = np.union1d(rows, _met(self.t_start, self.t_items, columns))
            columns = np.union1d(columns, _met(self.start, self.items, rows))
            if rows.size in (known, ENOUGH) or rows.size > ENOUGH:
                break
        return self._between(rows, columns)

    def _between(self, rows: Any, columns: Any) -> Pattern:
        """The entries that are in these rows and columns."""
        items, owners = _gathered(self.start, self.items, rows)
        at = np.searchsorted(columns, items)
        inside = columns[np.minimum(at, columns.size - 1)] == items
        counts = np.bincount(owners[inside], minlength=rows.size)
        start = np.concatenate([[0], np.cumsum(counts)])
        lengths = self.row_lengths[rows], self.column_lengths[columns]
        return Pattern(start, at[inside].astype(np.int32), columns.size, False, lengths)


def _gathered(start: Any, items: Any, lines: Any) -> tuple[Any, Any]:
    """The items of lines one after the other, and the number of the line of each."""
    counts = start[lines + 1] - start[lines]
    owners = np.repeat(np.arange(lines.size), counts)
    first = start[lines] - np.concatenate([[0], np.cumsum(counts)[:-1]])
    return items[first[owners] + np.arange(owners.size)], owners


def _met(start: Any, items: Any, lines: Any) -> Any:
    """The lines of the other side that cross these, but for those that lead everywhere."""
    short = lines[start[lines + 1] - start[lines] <= LONG]
    return np.unique(_gathered(start, items, short)[0])
