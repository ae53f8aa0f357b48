"""Where the values that directions give belong: the structure of a sparse derivative.

Knows entries, directions and terms of a cut as index arrays; it must not know programs. Everything
here is a few passes of NumPy or the core over all entries, once for each preparation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import structure_of_entries

if TYPE_CHECKING:
    from cdiff._sparse_colors import Candidate, Directions, Part
    from cdiff._sparse_cut import Term

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
    steps : pair of ndarray or None
        Entries of which others are to be subtracted in this order, and these others.
    """

    def __init__(self, candidate: Candidate, m: int, n: int, by_columns: bool) -> None:
        part, d = candidate.part, candidate.directions
        entry, term_of, rows, columns = _entries(part)
        ends = (columns, rows, n, m) if by_columns else (rows, columns, m, n)
        self.start, self.items, place = structure_of_entries(*ends)
        self.size = len(self.items)
        forward, backward = d.counts()
        self._offsets = np.cumsum([0, *[part.m] * forward, *[part.n] * backward])
        lane, at = _sources(part, d)
        source = self._offsets[lane[entry]] + at[entry]
        # A source may have several places: its value stands in several terms, and of a symmetric
        # matrix it is two entries.
        level = np.array(_depths(part.cut.terms), np.int64)[term_of]
        if d.flipped is not None:
            level = 2 * level + d.flipped[entry]
        self.steps = None
        if d.steps is not None:
            # Only a whole derivative is symmetric: each entry of the part is one of the matrix.
            at = np.empty(len(part.items), np.int64)
            at[entry] = place
            self.steps = at[d.steps[0]], at[d.steps[1]]
        factors = np.array([t.factor for t in part.cut.terms])[term_of]
        self._layers = _layers(level, factors, place, source, int(self._offsets[-1]))

    def numbers(self, lanes: Any, firsts: Any) -> tuple[Any, Any, Any]:
        """What single elements of directions are added to, all at once: (entry, which of them,
        factor)."""
        found = []
        source = self._offsets[lanes] + firsts
        for table, factors in self._layers:
            places = table[source]
            inside = np.flatnonzero(places >= 0)
            each = factors if isinstance(factors, float) else factors[source[inside]]
            found.append((places[inside], inside, np.broadcast_to(each, inside.shape)))
        return tuple([np.concatenate(x) for x in zip(*found, strict=True)])  # type: ignore[return-value]

    def contributions(self, lane: int, count: int, a: int, b: int) -> tuple[Any, Any, Any]:
        """What the elements from a to b of directions are added to: (entry, element, factor), the
        element counted from the first of them."""
        found = []
        lanes = self._offsets[lane : lane + count]
        for table, factors in self._layers:
            places = np.concatenate([table[o + a : o + b] for o in lanes])
            inside = np.flatnonzero(places >= 0)
            if isinstance(factors, float):
                each = np.full(inside.size, factors)
            else:
                each = np.concatenate([factors[o + a : o + b] for o in lanes])[inside]
            found.append((places[inside], inside, each))
        return tuple([np.concatenate(x) for x in zip(*found, strict=True)])  # type: ignore[return-value]


def _entries(part: Part) -> tuple[Any, Any, Any, Any]:
    """(entry of the part, number of the term, row, column) of everything that is added up."""
    local_rows = part.rows()
    columns = np.concatenate([*part.cut.columns, np.zeros(0, np.int64)])[part.items]
    if part.cut.is_whole and len(part.cut.terms) == len(part.out_sizes):
        # Each output is in its own place, and all factors are one.
        return np.arange(columns.size), np.zeros(columns.size, np.int64), local_rows, columns
    pieces = []
    for number, term in enumerate(part.cut.terms):
        first, last = part.out_starts[term.value], part.out_starts[term.value + 1]
        inside = slice(part.start[first], part.start[last])
        rows = term.rows[local_rows[inside] - first]
        entry = np.arange(part.start[first], part.start[last])
        kept = (rows >= 0) & (columns[inside] >= 0)
        whole = bool(kept.all())
        pieces.append(
            (
                entry if whole else entry[kept],
                np.full(entry.size if whole else int(kept.sum()), number),
                rows if whole else rows[kept],
                columns[inside] if whole else columns[inside][kept],
            )
        )
    if not pieces:
        return tuple([np.zeros(0, np.int64)] * 4)  # type: ignore[return-value]
    joined = [np.concatenate(x) if len(pieces) > 1 else x[0] for x in zip(*pieces, strict=True)]
    return joined[0], joined[1], joined[2], joined[3]


def _sources(part: Part, d: Directions) -> tuple[Any, Any]:
    """For each entry of the part the direction that it is read from, reverse ones after forward
    ones, and its place among the elements that come out there."""
    forward, _ = d.counts()
    rows = part.rows()
    if d.rows is None:
        lane, at = d.columns[part.items], rows
        if d.flipped is not None:
            lane = np.where(d.flipped, d.columns[rows], lane)
            at = np.where(d.flipped, part.items, at)
        return lane, at
    if d.columns is None:
        return d.rows[rows], part.items
    lane = np.where(d.by_row, forward + d.rows[rows], d.columns[part.items])
    return lane, np.where(d.by_row, part.items, rows)


def _layers(level: Any, factors: Any, place: Any, source: Any, size: int) -> list[tuple[Any, Any]]:
    """(the entry that each element is added to, factors) of each level."""
    layers = []
    last = int(level.max(initial=0))
    for k in range(last + 1):
        chosen = level == k if last else slice(None)
        s, f = source[chosen], factors[chosen]
        table = np.full(size, -1, np.int32)
        table[s] = place[chosen]
        scale: Any = float(f[0]) if f.size else 1.0
        if (f != scale).any():
            scale = np.zeros(size)
            scale[s] = f
        layers.append((table, scale))
    return layers


def _depths(terms: list[Term]) -> list[int]:
    """For each term how many terms of the same value come before it."""
    seen: dict[int, int] = {}
    out = []
    for term in terms:
        out.append(seen.get(term.value, 0))
        seen[term.value] = out[-1] + 1
    return out
