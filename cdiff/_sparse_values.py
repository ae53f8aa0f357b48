"""The values of a derivative program side by side, and the entries that are made of them.

Knows programs and places of entries; it must not know directions. Values are computed where they
are read, in a workspace that is used again at each call; what is constant is computed once and
takes one number for each different value. So a call is one run of the program and one pass over
the entries.
"""

from __future__ import annotations

import threading
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import (
    Entries,
    Runner,
    constant_values,
    few_numbers,
    replay_deciding,
    scatter_add,
    subtract_in_order,
)

if TYPE_CHECKING:
    from cdiff._core import Program

__all__ = ["Workspace"]


class View:
    """Where one value lies; `direct` if it is computed there."""

    __slots__ = ("direct", "shape", "start", "stop")

    def __init__(self, start: int, stop: int, shape: tuple[int, ...], direct: bool) -> None:
        self.start = start
        self.stop = stop
        self.shape = shape
        self.direct = direct

    def array(self, values: Any) -> Any:
        """The value's place in the workspace, None if it is not computed there."""
        return values[self.start : self.stop].reshape(self.shape) if self.direct else None


class Workspace:
    """The values of a program side by side, constants first, and the entries made of them.

    Parameters
    ----------
    program : Program
    n_entries : int
    steps : pair of ndarray or None
        Entries of which others are to be subtracted in this order, and these others.

    Attributes
    ----------
    is_exact : bool
        False once a subtraction has lost digits.
    """

    def __init__(self, program: Program, n_entries: int, steps: Any) -> None:
        self.program = program
        self.n_entries = n_entries
        self.steps = steps
        self.is_exact = True
        self._room = np.empty(0 if steps is None else n_entries)
        self._constant = constant_values(program)
        self._fixed: list[Any] = []
        self._changing: dict[int, list[Any]] = {}
        nothing = np.zeros(0, np.int64)
        self._numbers: Any = (nothing, nothing, nothing, np.zeros(0))
        self._views: list[View] = []
        self._lock = threading.Lock()

    def add(self, v: int, places: Any, elements: Any, factors: Any) -> None:
        """Value v of the program contributes to entries."""
        if places.size:
            if self._constant[v]:
                self._fixed.append((v, places, elements, factors))
            else:
                self._changing.setdefault(v, []).append((places, elements, factors))

    def add_numbers(self, values: Any, places: Any, which: Any, factors: Any) -> None:
        """Values of the program that are numbers, very many perhaps, contribute to entries; `which`
        of them to each of the places. Called once at most."""
        fixed = self._constant[values[which]]
        for k in np.flatnonzero(fixed):
            each = places[k : k + 1], np.zeros(1, np.int64), factors[k : k + 1]
            self._fixed.append((int(values[which[k]]), *each))
        values, which = np.unique(values[which[~fixed]], return_inverse=True)
        self._numbers = values, places[~fixed], which, factors[~fixed]

    def finish(self, kept: list[int], inputs: list[Any]) -> None:
        """Compute constants, and make the program that computes the rest.

        Parameters
        ----------
        kept : list of int
            Values of the program that are results besides the entries.
        inputs : list
            A point.
        """
        constants = self._constants(inputs)
        distinct, slots = _distinct(constants)
        touched = np.zeros(self.n_entries, bool)
        pieces = []
        start = self._first = distinct.size
        for v, added in self._changing.items():
            _, dtype, shape, _, _ = self.program.instruction(v)
            stop = start + prod(shape)
            self._views.append(View(start, stop, shape, dtype == np.float64 and shape != ()))
            for places, elements, factors in added:
                touched[places] = True
                pieces.append((places, elements + start, factors))
            start = stop
        numbers, places, which, factors = self._numbers
        touched[places] = True
        pieces.append((places, which + start, factors))
        self._first_number = start
        start += len(numbers)
        rest = np.flatnonzero(~touched | (constants != 0.0))
        pieces.append((rest, slots[rest], np.ones(rest.size)))
        places, sources, factors = [np.concatenate(x) for x in zip(*pieces, strict=True)]
        table, each = _distinct(factors)
        self.entries = Entries(self.n_entries, start, places, sources, each, table)
        self._values = np.empty(start)
        self._values[: distinct.size] = distinct
        self._n_kept = len(kept)
        self.program.outputs = [*kept, *self._changing, *numbers.tolist()]
        del self._numbers, self._changing
        self.runner = Runner(self.program.simplify())

    def _constants(self, inputs: list[Any]) -> Any:
        """The part of each entry that never changes."""
        out = np.zeros(self.n_entries)
        if self._fixed:
            self.program.outputs = [v for v, *_ in self._fixed]
            found, _, _ = Runner(self.program.simplify()).run(inputs)
            for (_, places, elements, factors), x in zip(self._fixed, found or (), strict=True):
                np.add.at(out, places, np.ravel(x)[elements] * factors)
        return out

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
        outputs, _, _ = replay_deciding(self.runner.program, inputs)
        if outputs is None:
            return None
        flat: list[Any] = [np.reshape(y, (-1,)) for y in outputs[self._n_kept :]]
        values: Any = np.concatenate([self._values[: self._first], *flat])
        e = self.entries
        data = values[e.source.astype(np.int64)] * e.factors[e.factor]
        if e.more_place.size:
            more = values[e.more_source.astype(np.int64)] * e.factors[e.more_factor]
            data = data + scatter_add(more, e.more_place.astype(np.int64), self.n_entries)
        return data

    def _run(
        self, inputs: list[Any], data: Any, values: Any, room: Any
    ) -> tuple[list[Any], Any] | None:
        into = [None] * self._n_kept + [view.array(values) for view in self._views]
        into += [None] * (values.size - self._first_number)
        outputs, _, _ = self.runner.run(inputs, into)
        if outputs is None:
            return None
        arrays = self._n_kept + len(self._views)
        for view, x in zip(self._views, outputs[self._n_kept : arrays], strict=True):
            if not view.direct:
                values[view.start : view.stop] = np.ravel(x)
        values[self._first_number :] = outputs[arrays:]
        data = self.entries.fill(values, data)
        if self.steps is not None:
            targets, sources = self.steps
            if not subtract_in_order(data, targets, sources, room):
                self.is_exact = False
                return None
        return outputs[: self._n_kept], data


def _distinct(x: Any) -> tuple[Any, Any]:
    """The distinct numbers and which of them each element is; mostly these are few."""
    few = few_numbers(x)
    if few is not None:
        return few
    found, slots = np.unique(x, return_inverse=True)
    return found, slots.reshape(-1)
