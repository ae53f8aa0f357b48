"""Where the values that directions give belong: the structure of a sparse derivative.

Knows entries, directions and terms of a cut as index arrays; it must not know programs. Everything
here is a few passes of NumPy or the core over all entries, once for each preparation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import structure_of_terms

if TYPE_CHECKING:
    from cdiff._sparsity._colors import Candidate, Directions, Part

__all__ = ["Structure"]


class Structure:
    """The structure of the whole derivative, and how its entries are put together.

    Parameters
    ----------
    candidate : Candidate
    m, n : int
        The shape of the derivative.
    by_columns : bool
        CSC and not CSR.

    Attributes
    ----------
    start, items : ndarray
    places, elements : ndarray
        For each contribution the entry that it is added to, and its place among the elements of
        all directions, reverse ones after forward ones.
    terms : list of (int, float)
        The end of the contributions of each term, and their factor.
    steps : pair of ndarray or None
        Entries of which others are to be subtracted in this order, and these others.
    """

    def __init__(self, candidate: Candidate, m: int, n: int, by_columns: bool) -> None:
        part, d = candidate.part, candidate.directions
        columns = np.concatenate([*part.cut.columns, np.zeros(0, np.int64)]).astype(np.int32)
        terms = [
            (int(part.out_starts[t.value]), int(part.out_starts[t.value + 1]), t.rows)
            for t in part.cut.terms
        ]
        lines = n if by_columns else m
        self.start, self.items, self.places, entry, ends = structure_of_terms(
            part.start, part.items, columns, terms, lines, by_columns
        )
        self.size = len(self.items)
        self.terms = [(k, t.factor) for k, t in zip(ends, part.cut.terms, strict=True)]
        forward, backward = d.counts()
        self._offsets = np.cumsum([0, *[part.m] * forward, *[part.n] * backward])
        self.elements = np.take(_sources(part, d, self._offsets).astype(np.int64), entry)
        self.steps = None
        if d.steps is not None:
            # Only a whole derivative is symmetric: each entry of the part is one of the matrix.
            at = np.empty(len(part.items), np.int64)
            at[entry] = self.places
            self.steps = at[d.steps[0]], at[d.steps[1]]

    def nowhere(self) -> Any:
        """For each element of all directions -1, which stands for a zero."""
        return np.full(int(self._offsets[-1]), -1, np.int32)

    def slices(self, lane: int, count: int, a: int, b: int) -> list[slice]:
        """Where the elements from a to b of directions are among all elements."""
        return [slice(int(o) + a, int(o) + b) for o in self._offsets[lane : lane + count]]

    def firsts(self, lanes: Any, starts: Any) -> Any:
        """Where single elements of directions are among all elements."""
        return self._offsets[lanes] + starts


def _sources(part: Part, d: Directions, offsets: Any) -> Any:
    """For each entry of the part its place among the elements of all directions."""
    forward, backward = d.counts()
    if forward + backward == 1 and d.flipped is None:
        return part.rows() if forward else part.items
    rows = part.rows()
    if d.rows is None:
        lane, at = d.columns[part.items], rows
        if d.flipped is not None:
            lane = np.where(d.flipped, d.columns[rows], lane)
            at = np.where(d.flipped, part.items, at)
    elif d.columns is None:
        lane, at = d.rows[rows], part.items
    else:
        lane = np.where(d.by_row, forward + d.rows[rows], d.columns[part.items])
        at = np.where(d.by_row, part.items, rows)
    return offsets[lane] + at
