"""The program that runs all directions of a sparse derivative.

Knows how a derivative program is recorded from another one's replay; it must not know operators, or
why a direction is what it is. Few directions are recorded one by one, so that the zeros and ones of
their seeds vanish from the program; many run along a new axis, as lanes.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import (
    Array,
    Batch,
    Level,
    Program,
    Trace,
    dual,
    leaf,
    lower,
    peek,
    pullback,
    replay_deciding,
    undual,
)

if TYPE_CHECKING:
    from cdiff._sparsity._colors import Candidate, Part

__all__ = ["derivative_program"]

MOST_UNROLLED = 24  # directions that are recorded one by one


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
    return [program.instruction(k)[1:3] for k in range(program.n_inputs)]


def _directions(candidate: Candidate, roots: list[Any]) -> tuple[list[Any], list[Any]]:
    """All directions: what comes out, and where it belongs."""
    part, d = candidate.part, candidate.directions
    forward, backward = d.counts()
    found: list[Any] = []
    parts: list[Any] = []
    for colors, count, first, one_by_one, together in (
        (d.columns, forward, 0, _forward_one, _forward_many),
        (d.rows, backward, forward, _backward_one, _backward_many),
    ):
        run = together if count > MOST_UNROLLED else one_by_one
        for lane, lanes, y, start, stop in run(part, roots, colors, count) if count else ():
            if y is not None:
                found.append(y)
                parts.append((first + lane, lanes, start, stop))
    return found, parts


def _seed(colors: Any, lane: int, shape: Any, dtype: Any) -> Any:
    """The seed of a direction for one array; None for zeros."""
    if colors.size and not colors.min() <= lane <= colors.max():
        return None
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
    return [(int(a), int(b)) for a, b in pairwise(starts)]


def _replayed(part: Part, inputs: list[Any]) -> list[Any]:
    outputs, _, _ = replay_deciding(part.cut.part, inputs)
    return list(outputs or ())


def _forward_one(part: Part, roots: list[Any], colors: Any, count: int) -> Any:
    """Directions one by one: (direction, 1, tangent, first row, last row) of each output."""
    at = _slices(part.in_starts)
    for lane in range(count):
        with Level() as level:
            inputs = list(roots)
            for k, (a, b) in enumerate(at):
                seed = _seed(colors[a:b], lane, part.shapes[k], part.dtypes[k])
                if seed is not None:
                    inputs[k] = dual(roots[k], seed, level)
            tangents = [undual(y, level)[1] for y in _replayed(part, inputs)]
        for t, (a, b) in zip(tangents, _slices(part.out_starts), strict=True):
            yield lane, 1, t, a, b


def _backward_one(part: Part, roots: list[Any], colors: Any, count: int) -> Any:
    """Reverse directions one by one, over one graph."""
    n = len(part.cut.roots)
    at = _slices(part.out_starts)
    with Level() as level:
        leaves = [leaf(x, level) for x in roots[:n]]
        outputs = _replayed(part, [*leaves, *roots[n:]])
        rows = []
        for lane in range(count):
            some = []
            for k, (a, b) in enumerate(at):
                seed = _seed(colors[a:b], lane, part.out_shapes[k], part.out_dtypes[k])
                if seed is not None:
                    some.append((outputs[k], seed))
            grads = pullback([y for y, _ in some], [s for _, s in some], leaves, level)
            rows.append([None if g is None else lower(g, level) for g in grads])
    for lane, row in enumerate(rows):
        for g, (a, b) in zip(row, _slices(part.in_starts), strict=True):
            yield lane, 1, g, a, b


def _forward_many(part: Part, roots: list[Any], colors: Any, count: int) -> Any:
    """Many directions along a new axis: (0, directions, tangents, first row, last row)."""
    n = len(part.cut.roots)
    trace = Trace()
    with trace:
        tangents = [trace.input(_like(x)) for x in roots[:n]]
        given = [trace.input(_like(x)) for x in roots]
        with Level() as level:
            duals = [dual(x, t, level) for x, t in zip(given, tangents, strict=False)]
            outputs = [undual(y, level)[1] for y in _replayed(part, [*duals, *given[n:]])]
        program = _filled(trace, outputs, part.out_shapes, part.out_dtypes)
    if program.guards:  # of a rule: each direction may decide otherwise
        return _forward_one(part, roots, colors, count)
    seeds = _seed_lanes(colors, part.in_starts, part.shapes, part.dtypes, count)
    return _many(program, seeds, roots, count, part.out_starts)


def _backward_many(part: Part, roots: list[Any], colors: Any, count: int) -> Any:
    """Many reverse directions along a new axis."""
    n = len(part.cut.roots)
    trace = Trace()
    with trace:
        shapes = zip(part.out_shapes, part.out_dtypes, strict=True)
        cotangents = [trace.input(np.zeros(s, t)) for s, t in shapes]
        given = [trace.input(_like(x)) for x in roots]
        with Level() as level:
            leaves = [leaf(x, level) for x in given[:n]]
            outputs = _replayed(part, [*leaves, *given[n:]])
            found = pullback(outputs, cotangents, leaves, level)
            found = [None if g is None else lower(g, level) for g in found]
        program = _filled(trace, found, part.shapes, part.dtypes)
    if program.guards:
        return _backward_one(part, roots, colors, count)
    seeds = _seed_lanes(colors, part.out_starts, part.out_shapes, part.out_dtypes, count)
    return _many(program, seeds, roots, count, part.in_starts)


def _filled(trace: Trace, found: list[Any], shapes: list[Any], dtypes: list[Any]) -> Program:
    """The program of what was found, with zeros for None."""
    zeros = [np.zeros(s, t) for s, t in zip(shapes, dtypes, strict=True)]
    program, _ = trace.freeze([z if y is None else y for y, z in zip(found, zeros, strict=True)])
    return program.simplify()


def _seed_lanes(colors: Any, starts: Any, shapes: Any, dtypes: Any, count: int) -> list[Any]:
    """All seeds along a new first axis, for each array."""
    lanes = np.arange(count)[:, None]
    return [
        (colors[None, a:b] == lanes).astype(dtype).reshape((count, *shape))
        for (a, b), shape, dtype in zip(_slices(starts), shapes, dtypes, strict=True)
    ]


def _many(program: Program, seeds: list[Any], roots: list[Any], count: int, starts: Any) -> Any:
    mapped = [True] * len(seeds) + [False] * len(roots)
    outputs = Batch(program, [*seeds, *roots], mapped, count).outputs()
    for (y, batched), (a, b) in zip(outputs, _slices(starts), strict=True):
        if batched:
            yield 0, count, y, a, b
        else:
            yield from ((lane, 1, y, a, b) for lane in range(count))


def _like(x: Any) -> Any:
    """The plain value of an Array, for an input of another trace."""
    found = peek(x)
    return float(found) if np.shape(found) == () and found.dtype == np.float64 else found
