"""The values of a derivative program side by side, and the entries that are made of them.

Knows programs and places of entries; it must not know directions. Values are computed where they
are read, in a workspace that is used again at each call; what is constant is computed once and
takes one number for each different value. So a call is one run of the program and one pass over
the entries, without those that stand in rows of equal form (a mapped function): they are columns of
a table, which the program writes where the matrix has it, and which is nowhere else.
"""

from __future__ import annotations

import threading
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._bodies._paths import NewPath
from cdiff._core import (
    Entries,
    Runner,
    constant_values,
    replay_deciding,
    scatter_add,
    subtract_in_order,
)

if TYPE_CHECKING:
    from cdiff._core import Program
    from cdiff._sparsity._structure import Structure

__all__ = ["Workspace"]

NUMBER = (np.dtype(np.float64), ())
FEWEST_ROWS = 256  # of a table that the program writes


class View:
    """Where one value lies; `direct` if it is computed there."""

    __slots__ = ("direct", "shape", "start", "stop")

    def __init__(self, start: int, shape: tuple[int, ...], direct: bool) -> None:
        self.start = start
        self.stop = start + prod(shape)
        self.shape = shape
        self.direct = direct

    def array(self, values: Any) -> Any:
        """The value's place in the workspace, None if it is not computed there."""
        return values[self.start : self.stop].reshape(self.shape) if self.direct else None


class Workspace:
    """The values of a program side by side, constants last, and the entries made of them.

    Parameters
    ----------
    program : Program
    structure : Structure
        Of the entries.
    parts : list of (int, int, int, int)
        What each output of the program is: (direction, how many, first element, last element).
    kept : list of int
        Values of the program that are results besides the entries.
    inputs : list
        A point.

    Attributes
    ----------
    is_exact : bool
        False once a subtraction has lost digits.
    """

    def __init__(
        self, program: Program, structure: Structure, parts: list[Any], kept: list[int],
        inputs: list[Any],
    ) -> None:  # fmt: skip
        self.program = program
        self.steps = structure.steps
        self.is_exact = True
        self._room = np.empty(0 if self.steps is None else structure.size)
        self._lock = threading.Lock()
        self._n_kept = len(kept)
        self._in_pieces: Program | None = None
        layout = _Layout(program, structure, parts)
        known = layout.computed(inputs)
        self.entries = Entries(
            structure.size,
            layout.size,
            structure.places,
            structure.elements,
            structure.terms,
            layout.where,
            known,
        )
        self._first_number, self._first_constant = layout.first_number, layout.size
        self._values = np.empty(layout.size + self.entries.constants.size)
        self._values[layout.size :] = self.entries.constants
        self._whole = [*kept, *layout.changing]
        self._tables = _Tables(program, self.entries, layout)
        self._views = [layout.views[k] for k in self._tables.others]
        self.program.outputs = [*kept, *self._tables.outputs(layout)]
        self.runner = Runner(self.program.simplify())

    def run(self, inputs: list[Any], data: Any) -> tuple[list[Any], Any] | None:
        """The results that were kept and the entries, in `data` if that is given.

        Parameters
        ----------
        inputs : list
        data : ndarray or None

        Returns
        -------
        (list, ndarray) or None
            None where a guard does not hold, or where subtractions lose digits.
        """
        if not self._lock.acquire(blocking=False):
            return self._run(inputs, data, self._values.copy(), np.empty_like(self._room))
        try:
            return self._run(inputs, data, self._values, self._room)
        finally:
            self._lock.release()

    def replay(self, inputs: list[Any]) -> Any:
        """The entries as an Array that the transformations outside see.

        Parameters
        ----------
        inputs : list of float, ndarray or Array

        Returns
        -------
        Array or None
            None where a guard does not hold.
        """
        try:
            outputs, _, _ = replay_deciding(self._replayed(), inputs)
        except NewPath:  # of a loop: a guard that is known to the loop alone
            return None
        if outputs is None:
            return None
        flat: list[Any] = [np.reshape(y, (-1,)) for y in outputs[self._n_kept :]]
        values: Any = np.concatenate([*flat, self.entries.constants])
        e = self.entries
        data = values[e.source.astype(np.int64)] * e.factors[e.factor]
        if e.more_place.size:
            more = values[e.more_source.astype(np.int64)] * e.factors[e.more_factor]
            data = data + scatter_add(more, e.more_place.astype(np.int64), e.source.size)
        return data

    def _replayed(self) -> Program:
        """The program that gives all values, and no tables."""
        if not self._tables.places:
            return self.runner.program
        if self._in_pieces is None:
            specs = [self.program.instruction(k)[1:3] for k in range(self.program.n_inputs)]
            pieces = self.program.with_inputs(specs, list(range(self.program.n_inputs)))
            pieces.outputs = self._whole
            self._in_pieces = pieces.simplify()
        return self._in_pieces

    def _run(
        self, inputs: list[Any], data: Any, values: Any, room: Any
    ) -> tuple[list[Any], Any] | None:
        if data is not None:
            self.entries.check(data)
            if self._tables.places and self._is_read(data, inputs):
                found = self._run(inputs, None, values, room)
                if found is not None:
                    data[:] = found[1]
                return found and (found[0], data)
        data = np.empty(self.entries.source.size) if data is None else data
        into = [None] * self._n_kept + self._tables.arrays(data)
        first = len(into)
        into += [view.array(values) for view in self._views]
        arrays = len(into)
        into += [None] * (self._first_constant - self._first_number)
        try:
            outputs, _, _ = self.runner.run(inputs, into)
        except NewPath:
            return None
        if outputs is None:
            return None
        for view, x in zip(self._views, outputs[first:arrays], strict=True):
            if not view.direct:
                values[view.start : view.stop] = np.ravel(x)
        values[self._first_number : self._first_constant] = outputs[arrays:]
        data = self.entries.fill(values, data)
        if self.steps is not None:
            targets, sources = self.steps
            if not subtract_in_order(data, targets, sources, room):
                self.is_exact = False
                return None
        return outputs[: self._n_kept], data

    def _is_read(self, data: Any, inputs: list[Any]) -> bool:
        """May the program read memory in which it would write tables?  Of captured arrays it reads
        copies."""
        return any(np.may_share_memory(data, x) for x in inputs if not isinstance(x, float))


class _Tables:
    """The entries that are columns of tables: each a value of the program, whole, or constant.

    Attributes
    ----------
    places : list of (int, tuple)
        The first entry of each table, and its shape.
    others : list of int
        The views that are needed besides.
    """

    def __init__(self, program: Program, entries: Entries, layout: _Layout) -> None:
        self.places: list[tuple[int, tuple[int, ...]]] = []
        self._tables: list[int] = []
        views = layout.views
        self._starts = {(view.start, 1): k for k, view in enumerate(views) if view.direct}
        rest = np.ones(entries.source.size, bool)
        for k, first, count, columns in entries.tables():
            moving = [self._starts[x] for x in columns if x in self._starts]
            fixed = sum(source >= layout.size for source, _ in columns)
            sizes = {views[x].stop - views[x].start for x in moving}
            if len(moving) + fixed < len(columns) or fixed > len(moving) or sizes != {count}:
                continue
            if count >= FEWEST_ROWS:
                entries.leave_out(k)
                rest[first : first + count * len(columns)] = False
                self._add(program, entries, layout, first, count, columns)
        self.others = list(range(len(views)))
        if self.places:
            read = np.concatenate([entries.source[rest], entries.more_source])
            read = np.unique(read[read < layout.first_number])
            ends = [view.stop for view in views]
            self.others = np.unique(np.searchsorted(ends, read, side="right")).tolist()

    def _add(
        self, program: Program, entries: Entries, layout: _Layout, first: int, count: int,
        columns: list[tuple[int, int]],
    ) -> None:  # fmt: skip
        """A table with these columns: (first value, step)."""
        if len(columns) == 1:
            view = self._starts[columns[0]]
            self.places.append((first, layout.views[view].shape))
            self._tables.append(layout.changing[view])
            return
        values = []
        for x in columns:
            if x in self._starts:
                v = layout.changing[self._starts[x]]
            else:
                v = program.constant(np.full(count, entries.constants[x[0] - layout.size]))
            values.append(program.apply("reshape", [v], "f8", (count, 1), ((count, 1),)))
        shape, starts = (count, len(values)), tuple(range(len(values) + 1))
        self.places.append((first, shape))
        self._tables.append(program.apply("concatenate", values, "f8", shape, (1, starts)))

    def outputs(self, layout: _Layout) -> list[int]:
        """Tables, views, numbers."""
        views = [layout.changing[k] for k in self.others]
        return [*self._tables, *views, *layout.changing[len(layout.views) :]]

    def arrays(self, data: Any) -> list[Any]:
        """Where the tables are among the entries."""
        return [data[a : a + prod(shape)].reshape(shape) for a, shape in self.places]


class _Layout:
    """Where the elements of all directions lie: arrays first, then numbers, of which there may be
    very many.

    Attributes
    ----------
    where : ndarray
        The place of each element; below -1 for one that is constant; -1 for zero.
    changing : list of int
        The values of the program that are computed at each call, in the order of their places.
    """

    def __init__(self, program: Program, structure: Structure, parts: list[Any]) -> None:
        self.program = program
        self.where = structure.nowhere()
        self.views: list[View] = []
        self.size = 0
        self._n_fixed = 0
        constant = constant_values(program)
        arrays: dict[int, list[Any]] = {}
        numbers = []
        values = program.outputs[len(program.outputs) - len(parts) :]
        for v, part in zip(values, parts, strict=True):
            if program.instruction(v)[1:3] == NUMBER:
                numbers.append((v, part[0], part[2]))
            else:
                arrays.setdefault(v, []).append(part)
        self.fixed = [v for v in arrays if constant[v]]
        self.changing = [v for v in arrays if not constant[v]]
        for v in (*self.changing, *self.fixed):
            at = self._placed(v, bool(constant[v]))
            for part in arrays[v]:
                pieces = structure.slices(*part)
                for piece, x in zip(pieces, at.reshape(len(pieces), -1), strict=True):
                    self.where[piece] = x
        self.first_number = self.size
        if numbers:
            which, lanes, starts = np.array(numbers).T
            self._place_numbers(which, structure.firsts(lanes, starts), constant)

    def _placed(self, v: int, constant: bool) -> Any:
        """The places of the elements of an array."""
        _, dtype, shape, _, _ = self.program.instruction(v)
        size = prod(shape)
        if constant:
            self._n_fixed += size
            return np.arange(-2 - self._n_fixed + size, -2 - self._n_fixed, -1, dtype=np.int32)
        self.views.append(View(self.size, shape, dtype == np.float64 and shape != ()))
        self.size += size
        return np.arange(self.size - size, self.size, dtype=np.int32)

    def _place_numbers(self, values: Any, elements: Any, constant: Any) -> None:
        fixed = constant[values]
        found, which = np.unique(values[fixed], return_inverse=True)
        self.where[elements[fixed]] = -2 - self._n_fixed - which
        self.fixed += found.tolist()
        found, which = np.unique(values[~fixed], return_inverse=True)
        self.where[elements[~fixed]] = self.size + which
        self.changing += found.tolist()
        self.size += len(found)

    def computed(self, inputs: list[Any]) -> Any:
        """What never changes."""
        if not self.fixed:
            return np.zeros(0)
        self.program.outputs = self.fixed
        found, _, _ = Runner(self.program.simplify()).run(inputs)
        return np.concatenate([np.ravel(x).astype(np.float64) for x in found or ()])
