"""Which directions give a sparse derivative, and the program that runs them all.

Knows patterns, colorings and how a derivative program is recorded; it must not know operators. A
plan is made for the cut program and for the whole one, forward, backward or both, and the one with
the least work wins. Few directions are recorded one by one, so that the zeros and ones of their
seeds vanish from the program; many run along a new axis. What comes out constant is computed here
and never again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import (
    Array,
    Batch,
    Level,
    Program,
    Trace,
    color_columns,
    color_symmetric,
    dual,
    leaf,
    lower,
    pattern_of,
    peek,
    pullback,
    replay_deciding,
    structure_of_entries,
    transposed_pattern,
    undual,
    unique_colors,
)

if TYPE_CHECKING:
    from cdiff._sparse_cut import Cut, Term

__all__ = ["Candidate", "Directions", "Part", "Structure", "candidates", "derivative_program"]

MOST_UNROLLED = 24  # directions that are recorded one by one
BACKWARD = 1.5  # the work of a reverse sweep; that of a forward one is 1
ORDERINGS = ("natural", "smallest_last", "incidence_degree")


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
        code = cut.part.instructions()
        self.in_sizes = [c.size for c in cut.columns]
        self.shapes = [shape for _, _, shape, _, _ in code[: len(cut.roots)]]
        self.dtypes = [dtype for _, dtype, _, _, _ in code[: len(cut.roots)]]
        self.out_shapes = [code[v][2] for v in cut.part.outputs]
        self.out_dtypes = [code[v][1] for v in cut.part.outputs]
        self.out_sizes = [int(np.prod(s, dtype=np.int64)) for s in self.out_shapes]
        self.in_starts = np.cumsum([0, *self.in_sizes])
        self.out_starts = np.cumsum([0, *self.out_sizes])
        firsts: list[int | None] = [int(s) for s in self.in_starts[:-1]]
        firsts += [None] * (cut.part.n_inputs - len(firsts))
        self.notes: list[str] = []
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
        return np.repeat(np.arange(self.m), np.diff(self.start))


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
    """

    __slots__ = ("by_row", "columns", "flipped", "rows")

    def __init__(
        self, columns: Any = None, rows: Any = None, by_row: Any = None, flipped: Any = None
    ):
        self.columns = columns
        self.rows = rows
        self.by_row = by_row
        self.flipped = flipped  # of a symmetric matrix: entries that are read as their mirror image

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


def _longest(start: Any) -> int:
    return int(np.diff(start).max(initial=0))


def candidates(part: Part, mode: str, symmetric: bool, limit: float) -> list[Candidate]:
    """Ways to get the Jacobian of a part.

    Parameters
    ----------
    part : Part
    mode : {"auto", "fwd", "rev", "mixed"}
    symmetric : bool
        Whether the pattern is that of a Hessian, whole.
    limit : float
        Work from which a candidate is of no use.

    Returns
    -------
    list of Candidate
        Those that may be better than `limit`.
    """
    found = []
    t_start, t_items = transposed_pattern(part.start, part.items, part.n)
    if mode in ("auto", "rev") and BACKWARD * _longest(t_start) < limit:
        found.append(Directions(rows=color_columns(t_start, t_items, part.m, ORDERINGS)))
        limit = min(limit, found[-1].work())
    if mode in ("auto", "fwd") and _longest(part.start) < limit:
        found.append(Directions(columns=color_columns(part.start, part.items, part.n, ORDERINGS)))
        limit = min(limit, found[-1].work())
    if symmetric and mode in ("auto", "fwd", "symmetric") and limit > 2:
        star = _symmetric(part)
        found += [star] if star is not None else []
        limit = min([limit, *[d.work() for d in found]])
    if mode == "mixed" or (mode == "auto" and limit > 4):
        found.append(_mixed(part, t_start, t_items))
    return [Candidate(part, d) for d in found]


def _symmetric(part: Part) -> Directions | None:
    """A star coloring; None where the pattern is not symmetric."""
    try:
        colors = color_symmetric(part.start, part.items, part.n, ORDERINGS)
    except ValueError:
        return None
    direct = unique_colors(part.start, part.items, colors)
    return Directions(columns=colors, flipped=~direct)


def _mixed(part: Part, t_start: Any, t_items: Any) -> Directions:
    """Dense rows backward and all else forward, or dense columns forward and all else backward."""
    best = None
    for cut in _dense_limits(np.diff(part.start)):
        dense = np.diff(part.start) > cut
        trial = _split(part, np.repeat(dense, np.diff(part.start)))
        best = trial if best is None or trial.work() < best.work() else best
    for cut in _dense_limits(np.diff(t_start)):
        dense = np.diff(t_start) > cut
        trial = _split(part, ~dense[part.items])
        best = trial if best is None or trial.work() < best.work() else best
    return best if best is not None else _split(part, np.zeros(part.items.size, bool))


def _dense_limits(lengths: Any) -> list[int]:
    """Lengths between those of few long lines and many short ones."""
    if not lengths.size:
        return []
    found = {int(np.quantile(lengths, q, method="lower")) for q in (0.5, 0.9, 0.99)}
    found |= {int(x) for x in np.sort(lengths)[-4:-1]}
    return sorted(x for x in found if x < lengths.max())


def _split(part: Part, by_row: Any) -> Directions:
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
    columns = color_columns(*forward, part.n, ORDERINGS)
    t = transposed_pattern(*_lines(part, rows, by_row, takes_row, True), part.n)
    return Directions(columns, color_columns(*t, part.m, ORDERINGS), by_row)


def _lines(part: Part, rows: Any, wanted: Any, taken: Any, by_row: bool = False) -> tuple[Any, Any]:
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


# ---------------------------------------------------------------- the structure


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
        self._layers = _layers(part.cut.terms, term_of, place, source, int(self._offsets[-1]))

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


def _layers(
    terms: list[Term], term_of: Any, place: Any, source: Any, size: int
) -> list[tuple[Any, Any]]:
    """(the entry that each element is added to, factors); several where one has several places."""
    factors = np.array([t.factor for t in terms])
    depth = np.array(_depths(terms), np.int64)
    layers = []
    for level in range(int(depth.max(initial=0)) + 1):
        chosen = slice(None) if not depth.any() else depth[term_of] == level
        s, f = source[chosen], factors[term_of[chosen]]
        table = np.full(size, -1, np.int32)
        table[s] = place[chosen]
        scale: Any = float(f[0]) if f.size else 1.0
        if f.size and (f != scale).any():
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


# ---------------------------------------------------------------- the program


def derivative_program(
    program: Program, candidate: Candidate, point: list[Any]
) -> tuple[Program, list[Any], int]:
    """The program of the values and of all directions.

    Parameters
    ----------
    program : Program
        The whole.
    candidate : Candidate
    point : list
        Inputs at which the program can be run.

    Returns
    -------
    program : Program
        Its outputs are those of the given one, then parts of directions.
    parts : list of (int, int, int, int)
        (direction, how many, first element, last element) of each, forward directions first.
    n_values : int
    """
    part = candidate.part
    whole = program.with_inputs(_specs(program), list(range(program.n_inputs)))
    n_values = len(whole.outputs)
    whole.outputs = [*whole.outputs, *part.cut.roots]
    trace = Trace()
    with trace:
        inputs = [trace.input(x) for x in point]
        outputs, failed, _ = replay_deciding(whole, inputs)
        if outputs is None:
            raise ValueError(f"another path: {program.guards[failed].where}")
        roots = [*outputs[n_values:], *inputs]
        found, parts = _directions(candidate, roots)
        frozen, _ = trace.freeze([*outputs[:n_values], *found])
    _fix_constants(frozen, program)
    return frozen.simplify(), parts, n_values


def _fix_constants(program: Program, known: Program) -> None:
    """Make what was computed from seeds alone constant: only what the function itself has read
    can be changed by somebody."""
    outside = {id(original) for _, original in known.refreshed} | {id(x) for x in known.arrays}
    kept = []
    for copy, original in program.refreshed:
        if original.__class__ is Array and id(original) not in outside:
            copy.flags.writeable = False
        else:
            kept.append((copy, original))
    program.refreshed = kept


def _specs(program: Program) -> list[Any]:
    return [(d, s) for _, d, s, _, _ in program.instructions()[: program.n_inputs]]


def _directions(candidate: Candidate, roots: list[Any]) -> tuple[list[Any], list[Any]]:
    """All directions: what comes out, and where it belongs."""
    part, d = candidate.part, candidate.directions
    forward, backward = d.counts()
    found: list[Any] = []
    parts: list[Any] = []
    for colors, count, first, run, many in (
        (d.columns, forward, 0, _forward_one, _forward_many),
        (d.rows, backward, forward, _backward_one, _backward_many),
    ):
        if not count:
            continue
        starts = part.in_starts if colors is d.columns else part.out_starts
        if count > MOST_UNROLLED:
            _add_many(found, parts, many(part, roots, colors, starts, count), first)
        else:
            for lane, outputs in enumerate(run(part, roots, colors, starts, count)):
                _add(found, parts, outputs, first + lane)
    return found, parts


def _add(found: list[Any], parts: list[Any], outputs: list[tuple[Any, int, int]], lane: int):
    for y, a, b in outputs:
        if y is not None:
            found.append(y)
            parts.append((lane, 1, a, b))


def _add_many(found: list[Any], parts: list[Any], outputs: Any, first: int) -> None:
    for y, count, a, b in outputs:
        if y is not None:
            found.append(y)
            parts.append((first, count, a, b))


def _seed(colors: Any, lane: int, shape: Any, dtype: Any) -> Any:
    """The seed of a direction for one array; None for zeros."""
    inside = colors == lane
    if not inside.any():
        return None
    if shape == () and dtype == np.float64:
        return 1.0
    # A copy, since what has a base might be changed by its owner.
    seed = inside.astype(dtype).reshape(shape).copy()
    seed.flags.writeable = False
    return seed


def _slices(starts: Any) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b in zip(starts[:-1], starts[1:], strict=True)]


def _replayed(part: Part, inputs: list[Any]) -> list[Any]:
    outputs, _, _ = replay_deciding(part.cut.part, inputs)
    return list(outputs or ())


def _forward_one(part: Part, roots: list[Any], colors: Any, starts: Any, count: int) -> Any:
    """Directions one by one: [(output, first row, last row), ...] of each."""
    at = _slices(starts)
    for lane in range(count):
        with Level() as level:
            inputs = list(roots)
            for k, (a, b) in enumerate(at):
                seed = _seed(colors[a:b], lane, part.shapes[k], part.dtypes[k])
                if seed is not None:
                    inputs[k] = dual(roots[k], seed, level)
            tangents = [undual(y, level)[1] for y in _replayed(part, inputs)]
        yield [(t, a, b) for t, (a, b) in zip(tangents, _slices(part.out_starts), strict=True)]


def _backward_one(part: Part, roots: list[Any], colors: Any, starts: Any, count: int) -> Any:
    """Reverse directions one by one, over one graph."""
    n = len(part.cut.roots)
    with Level() as level:
        leaves = [leaf(x, level) for x in roots[:n]]
        outputs = _replayed(part, [*leaves, *roots[n:]])
        rows = []
        for lane in range(count):
            seeds = [
                _seed(colors[a:b], lane, shape, dtype)
                for (a, b), shape, dtype in zip(
                    _slices(starts), part.out_shapes, part.out_dtypes, strict=True
                )
            ]
            some = [(y, s) for y, s in zip(outputs, seeds, strict=True) if s is not None]
            grads = pullback([y for y, _ in some], [s for _, s in some], leaves, level)
            rows.append([None if g is None else lower(g, level) for g in grads])
    for row in rows:
        yield [(g, a, b) for g, (a, b) in zip(row, _slices(part.in_starts), strict=True)]


def _seed_lanes(colors: Any, starts: Any, shapes: Any, dtypes: Any, count: int) -> list[Any]:
    """All seeds along a new first axis, for each array."""
    lanes = np.arange(count)[:, None]
    return [
        (colors[None, a:b] == lanes).astype(dtype).reshape((count, *shape))
        for (a, b), shape, dtype in zip(_slices(starts), shapes, dtypes, strict=True)
    ]


def _many(program: Program, seeds: list[Any], roots: list[Any], count: int, starts: Any) -> Any:
    batch = Batch(
        program, [*seeds, *roots], [True] * len(seeds) + [False] * len(roots), count
    ).outputs()
    found = []
    for (y, batched), (a, b) in zip(batch, _slices(starts), strict=True):
        if not batched:
            y = np.broadcast_to(y, (count, *y.shape))
        found.append((y, count, a, b))
    return found


def _forward_many(part: Part, roots: list[Any], colors: Any, starts: Any, count: int) -> Any:
    """Many directions along a new axis: [(output, directions, first row, last row), ...]."""
    n = len(part.cut.roots)
    trace = Trace()
    with trace:
        given = [trace.input(_like(x)) for x in roots[:n]] + [trace.input(_like(x)) for x in roots]
        with Level() as level:
            duals = [dual(x, t, level) for x, t in zip(given[n : 2 * n], given[:n], strict=True)]
            outputs = _replayed(part, [*duals, *given[2 * n :]])
            pushed = [undual(y, level)[1] for y in outputs]
        zero = [np.zeros(s, t) for s, t in zip(part.out_shapes, part.out_dtypes, strict=True)]
        tangents = [z if t is None else t for z, t in zip(zero, pushed, strict=True)]
        program, _ = trace.freeze(tangents)
    seeds = _seed_lanes(colors, starts, part.shapes, part.dtypes, count)
    return _many(program.simplify(), seeds, roots, count, part.out_starts)


def _backward_many(part: Part, roots: list[Any], colors: Any, starts: Any, count: int) -> Any:
    """Many reverse directions along a new axis."""
    n, m = len(part.cut.roots), len(part.out_shapes)
    trace = Trace()
    with trace:
        zeros = [np.zeros(s, t) for s, t in zip(part.out_shapes, part.out_dtypes, strict=True)]
        seeds = [trace.input(z) for z in zeros]
        given = [trace.input(_like(x)) for x in roots]
        with Level() as level:
            leaves = [leaf(x, level) for x in given[:n]]
            outputs = _replayed(part, [*leaves, *given[n:]])
            inside = [k for k in range(m) if outputs[k].__class__ is type(leaves[0])]
            grads = pullback(
                [outputs[k] for k in inside], [seeds[k] for k in inside], leaves, level
            )
        filled = [
            np.zeros(s, t) if g is None else g
            for g, s, t in zip(grads, part.shapes, part.dtypes, strict=True)
        ]
        program, _ = trace.freeze(filled)
    values = _seed_lanes(colors, starts, part.out_shapes, part.out_dtypes, count)
    return _many(program.simplify(), values, roots, count, part.in_starts)


def _like(x: Any) -> Any:
    """The plain value of an Array, for an input of another trace."""
    found = peek(x)
    return float(found) if np.shape(found) == () and found.dtype == np.float64 else found

