"""A function of flat inputs, recorded once for each path through it, that can be transformed.

The body of a loop and a function to be recomputed are kept in this form: programs that run on plain
values, and that are replayed on Arrays where a derivative is wanted. Values from outside that some
transformation tracks are found while recording and become inputs behind the others. A derivative of
a body is a body again, recorded from the replay of the first, so every order exists. This file
knows programs and paths, and nothing of loops. Running costs nothing beside the program itself.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._tree import LEAF
from cdiff._bodies._beside import reads_beside, refuse_beside
from cdiff._bodies._packing import Spec, spec_of
from cdiff._bodies._paths import NewPath, Path, Paths
from cdiff._core import (
    Array,
    Callee,
    Level,
    Trace,
    depth,
    from_signal,
    leaf,
    peek,
    replay_deciding,
)
from cdiff._locks import shared_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cdiff._core import Program

__all__ = [
    "Body", "SavingBody", "callees_of", "has_rules", "lasting", "next_level", "refuse_lost",
    "rules_of",
]  # fmt: skip


class _Recording(threading.local):
    """Does what is recorded now, if anything is, belong to a program of many calls?"""

    lasts = False


RECORDING = _Recording()


@contextmanager
def lasting() -> Iterator[None]:
    """Bodies that are made here are of programs that run again in later calls, which read arrays
    from outside as they are then; others keep these as they were."""
    before, RECORDING.lasts = RECORDING.lasts, True
    try:
        yield
    finally:
        RECORDING.lasts = before


class Body:
    """A function of a flat list of values.

    Parameters
    ----------
    function : callable
        Takes a list of Arrays, returns a list of Arrays and ndarrays.
    n_inputs : int
        Length of the list that it takes.

    Attributes
    ----------
    captured : list of Array
        What the function reads from outside and a transformation tracks: further inputs.
    sealed : bool
        Set when `captured` must not grow any more.
    results : list of (dtype, shape)
        The form of what it returns; the same on every path.
    paths : Paths or None
    """

    def __init__(self, function: Callable[[list[Array]], Sequence[Any]], n_inputs: int) -> None:
        self.function: Callable[[list[Array]], Sequence[Any]] | None = function
        self.n_inputs = n_inputs
        self.captured: list[Array] = []
        self.sealed = False
        self.results: list[Spec] = []
        self.paths: Paths | None = None
        self.derived: dict[Any, Any] = {}
        base = getattr(function, "base", None)  # of which this is a derivative
        self.fine: set[Any] = base.fine if isinstance(base, Body) else set()  # see `reads_beside`
        self.lasts: bool = base.lasts if isinstance(base, Body) else RECORDING.lasts
        self._lock = shared_lock()
        self._level = next_level()

    def run(self, inputs: list[Any]) -> list[Any]:
        """The outputs for plain values.

        Parameters
        ----------
        inputs : list
            Floats and ndarrays, with the values of `captured` at the end.

        Returns
        -------
        list

        Raises
        ------
        NewPath
            If only whoever recorded this body can record what it has to do now: a new path would
            capture more although the body is sealed, or the function goes by values from outside
            that are others by now.
        """
        return self._run(inputs)[1]

    def _run(self, inputs: list[Any]) -> tuple[Path, list[Any]]:
        found = None if self.paths is None else self.paths.run(inputs)
        if found is not None:
            return found
        with self._lock:
            stale = bool(self.captured)
            path, outputs = self._recorded(inputs)
            if not stale:
                return path, [peek(y) if isinstance(y, Array) else y for y in outputs]
            # The function was run with outer values that may have changed since.
            assert self.paths is not None
            found = self.paths.run([*inputs[: self.n_inputs], *self._outer(inputs)])
        if found is None:
            raise NewPath
        return found

    def _recorded(self, inputs: list[Any]) -> tuple[Path, list[Any]]:
        """A new path. An error of a sealed body may come of values that are others by now."""
        try:
            return self._record(inputs)
        except Exception as error:
            if self.sealed and not isinstance(error, NewPath) and not from_signal(error):
                raise NewPath from error
            raise

    def learn(self, inputs: list[Any]) -> None:
        """Record the first path, without computing large values that nobody looks at.

        Parameters
        ----------
        inputs : list
            Floats, ndarrays and Arrays, which may wait.
        """
        with self._lock:
            if self.paths is None:
                self._record(inputs, defers=True)

    def _outer(self, inputs: list[Any]) -> list[Any]:
        """The values of `captured`: those given, and those of what was captured since."""
        given = inputs[self.n_inputs :]
        return [*given, *[peek(x) for x in self.captured[len(given) :]]]

    def _filled(self, inputs: list[Array]) -> list[Array]:
        """Inputs with what was captured since they were collected."""
        return [*inputs, *self.captured[len(inputs) - self.n_inputs :]]

    def apply(self, inputs: list[Array]) -> list[Array]:
        """The outputs for Arrays, by operations that outer transformations see.

        Parameters
        ----------
        inputs : list of Array
            As for `run`.

        Returns
        -------
        list of Array

        Raises
        ------
        TypeError
            If a derivative by an input would lose what a function with a rule reads of it.
        """
        path, given = self.only_path(), inputs
        if path is None:
            path, _ = self._run([peek(x) for x in self._filled(given)])
        # A new path may read more from outside than whoever calls this knew of.
        inputs = self._filled(given)
        refuse_beside(path.reads, inputs)
        outputs, _, _ = replay_deciding(path.program, inputs)
        if outputs is None:
            raise RuntimeError("a recorded function decided otherwise when it was replayed")
        return outputs

    def seal(self) -> None:
        """No more can be captured, and a function that has one path will not be run again.

        It is let go: nodes, which hold this, are unknown to the garbage collector, and what is in
        the function's closure may hold such a node.
        """
        self.sealed = True
        if self.only_path() is not None:
            self.function = None

    def only_path(self) -> Path | None:
        """The path that all inputs take, if nothing in it decides."""
        path = None if self.paths is None else self.paths.last
        return None if path is None or path.decides else path

    def _record(self, inputs: list[Any], defers: bool = False) -> tuple[Path, list[Any]]:
        """Run the function itself; its path and what it returned."""
        before, RECORDING.lasts = RECORDING.lasts, self.lasts
        try:
            with ExitStack() as stack:
                # Above all levels at which something captured may be tracked.
                while next_level() < self._level:
                    stack.enter_context(Level())
                trace = Trace(rules=True, defers=defers, past=self.sealed)
                with trace:
                    nodes = [trace.input(x) for x in inputs[: self.n_inputs]]
                    assert self.function is not None  # while there may be another path
                    outputs = list(self.function(nodes))
                    program, captured = trace.freeze(outputs)
                    without = trace.freeze(outputs, False) if has_rules(program) else None
        finally:
            RECORDING.lasts = before
        if not self.lasts:
            _own_arrays([program] if without is None else [program, without[0]])
        self._check_results([spec_of(y) for y in outputs])
        self._capture(captured)
        specs = [spec_of(x) for x in nodes] + [spec_of(x) for x in self.captured]
        kept = self._placed(program, captured, specs)
        runs = None if without is None else self._placed(*without, specs)
        path = Path(kept, LEAF, [], [], runs)
        self._keep(path)
        if without is not None:
            order = [*range(self.n_inputs), *[self.n_inputs + k for k in self._order(captured)]]
            path.reads = [
                ({order[k] for k in beside}, {order[k] for k in given})
                for beside, given in reads_beside(program, self.n_inputs, self.fine)
            ]
        return path, outputs

    def _check_results(self, specs: list[Spec]) -> None:
        if self.results and specs != self.results:
            raise TypeError(
                f"a recorded function returned {_described(self.results)} on one path and "
                f"{_described(specs)} on another"
            )
        self.results = specs

    def _capture(self, captured: list[Array]) -> None:
        """Add to the captured values, and give the paths that are there the new inputs."""
        new = [x for x in captured if all(x is not y for y in self.captured)]
        if not new:
            return
        if self.sealed:
            raise NewPath
        self.captured += new
        if self.paths is None:
            return
        old, self.paths = self.paths, None
        for path in old.distinct():
            program = path.program
            count = program.n_inputs
            types = [program.instructions()[i][1:3] for i in range(count)]
            specs = [*types, *[spec_of(x) for x in new]]
            places = list(range(count))
            runs = path.runner.program.with_inputs(specs, places)
            self._keep(Path(program.with_inputs(specs, places), LEAF, [], [], runs))

    def _placed(self, program: Program, captured: list[Array], specs: list[Spec]) -> Program:
        """A program whose inputs are those of the body, in their order."""
        order = self._order(captured)
        if order != list(range(len(self.captured))):
            places = [*range(self.n_inputs), *[self.n_inputs + k for k in order]]
            program = program.with_inputs(specs, places)
        return program.simplify()

    def _order(self, captured: list[Array]) -> list[int]:
        """Which of the captured values these are."""
        return [next(k for k, y in enumerate(self.captured) if y is x) for x in captured]

    def _keep(self, path: Path) -> None:
        path.decides = bool(path.decisions or path.program.guards) or any(
            body.only_path() is None
            for callee in callees_of(path.program)
            for body in bodies_of(callee)
        )
        if self.paths is None:
            self.paths = Paths(path)
        else:
            self.paths.add(path)


class SavingBody(Body):
    """A body that also returns some of its inputs, with the paths of the original.

    Parameters
    ----------
    base : Body
    count : int
        How many of its first inputs are returned behind its results.
    """

    def __init__(self, base: Body, count: int) -> None:
        super().__init__(base.apply, base.n_inputs)
        self.base = base
        self.count = count
        self.captured = base.captured

    def _record(self, inputs: list[Any], defers: bool = False) -> tuple[Path, list[Any]]:
        if defers:  # for the sake of its path
            self.base.learn(inputs)
            assert self.base.paths is not None
            return self._added(self.base.paths.last), []
        path, outputs = self.base._run(inputs)
        return self._added(path), [*outputs, *inputs[: self.count]]

    def _added(self, path: Path) -> Path:
        """The path that returns some inputs as well."""
        program, runs = path.program, path.runner.program
        specs = [program.instructions()[i][1:3] for i in range(program.n_inputs)]
        self.results = [*self.base.results, *specs[: self.count]]
        made = []
        for original in (program, runs):
            copy = original.with_inputs(specs, list(range(program.n_inputs)))
            copy.outputs = [*copy.outputs, *range(self.count)]
            made.append(copy)
        kept = Path(made[0], LEAF, [], [], made[1])
        self._keep(kept)
        return kept


def _own_arrays(programs: list[Program]) -> None:
    """Let programs keep what they read from outside: it may change before a derivative asks."""
    copies = {id(x): x for program in programs for x, _ in program.refreshed}
    for x in copies.values():
        x.flags.writeable = False
    for program in programs:
        program.refreshed = []
        for k, x in enumerate(program.arrays):
            if x.flags.writeable or x.base is not None:
                if id(x) not in copies:
                    copies[id(x)] = np.array(x, order="C")
                    copies[id(x)].flags.writeable = False
                program.arrays[k] = copies[id(x)]


def next_level() -> int:
    """The level of a transformation that would begin now."""
    return depth() + 1


def has_rules(program: Program) -> bool:
    """Are there operators in it that stand for another derivative only?"""
    return bool(rules_of(program))


def rules_of(program: Program) -> list[Any]:
    """The operators that stand for another derivative only.

    Parameters
    ----------
    program : Program

    Returns
    -------
    list of Callee
    """
    return [x for x in callees_of(program) if x.is_first]


def callees_of(program: Program) -> list[Any]:
    """The operators in it that are functions with derivatives of their own.

    Parameters
    ----------
    program : Program

    Returns
    -------
    list of Callee
    """
    heads = [attrs[0] for attrs in program.attrs if attrs]
    return [x for x in heads if isinstance(x, Callee)]


def bodies_of(callee: Callee) -> list[Body]:
    """The bodies that such an operator runs."""
    found, todo = [], [callee]
    while todo:
        for x in getattr(todo.pop(), "__dict__", {}).values():
            if isinstance(x, Body):
                found.append(x)
            elif isinstance(x, Callee):
                todo.append(x)
            elif isinstance(x, list):
                todo += [y for y in x if isinstance(y, Callee)]
    return found


def refuse_lost(program: Program, inputs: Sequence[Any], tracked: Sequence[bool]) -> None:
    """Raise where a recorded function has made a plain number of what will be differentiated.

    Parameters
    ----------
    program : Program
    inputs : list
        Plain values.
    tracked : list of bool
        Which of them are differentiated.

    Raises
    ------
    TypeError
        With the line that did it.
    """
    if any(guard.lost for guard in program.guards):
        with Level() as level:
            pairs = zip(inputs, tracked, strict=True)
            replay_deciding(program, [leaf(x, level) if chosen else x for x, chosen in pairs])


def _described(specs: list[Spec]) -> str:
    return ", ".join([f"{dtype}{list(shape) if shape else ''}" for dtype, shape in specs])
