"""Paths: the programs that were recorded for one function, one for each way through it.

A path ends where a guard does not hold, and the path for the other decision is found by the
decisions that lead to it. A loop inside may have been recorded for other decisions of its own than
those it meets now: then a path of the same decisions whose loop knows them is looked for. Knows
programs only by their guards. A call that goes the way of the last one costs one run of its
program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._tree import fields_of, is_plain, unflatten
from cdiff._core import OF_VALUES, CallForm, Fixed, NewDecision, Runner, from_signal, peek, refuses

if TYPE_CHECKING:
    from cdiff._arguments._tree import TreeDef
    from cdiff._compiled._out import Buffers
    from cdiff._compiled._signature import Signature
    from cdiff._core import Program, Surroundings

__all__ = ["NewPath", "Path", "Paths", "call_form"]

MAX_ALIKE = 16  # paths of the same decisions, which differ in what loops inside them have met


class NewPath(NewDecision):
    """A program met a decision that cannot be recorded inside it: its caller has to record again.

    It says so to users where no caller is left that could.
    """

    def __init__(
        self,
        message: str = "a loop took a decision that it never took while it was recorded, and it "
        "reads values from outside that are gone by now; pass these as arguments",
    ) -> None:
        super().__init__(message)


class Path:
    """One recorded way through a function: its program, ready to run, and the form of its result.

    Parameters
    ----------
    program : Program
    result : object
        What the function returned when it was recorded.
    treedef : TreeDef
        Structure of the result.
    places : list
        For each leaf of the result the number of an output, or None for a constant.
    leaves : list
        The constants among the leaves of the result.
    runs : Program, optional
        What is run, if another program gives the same values.
    """

    __slots__ = (
        "decides",
        "decisions",
        "form",
        "has_form",
        "leaves",
        "places",
        "program",
        "reads",
        "runner",
        "treedef",
    )

    def __init__(
        self,
        program: Program,
        treedef: TreeDef,
        places: list[Any],
        leaves: list[Any],
        runs: Program | None = None,
    ) -> None:
        self.program = program
        self.runner = Runner(program if runs is None else runs)
        self.treedef = treedef
        self.places = places
        self.leaves = leaves
        self.form: CallForm | None = None  # how the core answers calls of it, where it can
        self.has_form = False  # whether that has been looked at
        self.decides = True  # whether other inputs may want another path
        self.reads: list[Any] = []  # beside the arguments of derivative rules: see `_beside`
        self.decisions = tuple([content(g.expected) for g in self.runner.program.guards])

    def result(self, outputs: list[Any]) -> Any:
        """The function's result from the outputs of the program."""
        leaves = [
            x if k is None else outputs[k] for k, x in zip(self.places, self.leaves, strict=True)
        ]
        return unflatten(self.treedef, leaves)

    def linked(self) -> list[Any]:
        """The arrays from outside that the program reads, as they are at each run."""
        program = self.runner.program
        return [*program.arrays, *[np.asarray(peek(x)) for _, x in program.refreshed]]

    def apart(self, outside: bool) -> list[Any] | None:
        """The arrays that results must not be computed into; None if in no array at all.

        Where a decision fails, other paths or the function itself read what is outside, so that
        nothing may have been written over it by then.

        Parameters
        ----------
        outside : bool
            Whether the function reads something besides its arguments.

        Returns
        -------
        list of ndarray, or None
        """
        if self.decisions and (outside or self.is_linked()):
            return None
        return self.linked()

    def is_linked(self) -> bool:
        """Does the program read arrays from outside that may change?"""
        program = self.runner.program
        return bool(program.refreshed) or any(
            x.flags.writeable or x.base is not None for x in program.arrays
        )


def content(x: Any) -> tuple[str, tuple[int, ...], bytes]:
    """What tells one decision from another: dtype, shape and bytes of an array."""
    return x.dtype.str, x.shape, x.tobytes()


def refusal(program: Program, k: int) -> bool:
    """Is guard k that an operation raises an error?  Where none is raised nothing is decided."""
    operator, *_, attrs = program.instruction(program.guards[k].value)
    return operator == "call" and getattr(attrs[0], "function", None) is refuses


class Paths:
    """The recorded paths for one signature, found by the decisions that lead to them."""

    __slots__ = ("by_decisions", "known", "last")

    def __init__(self, first: Path):
        self.by_decisions: dict[tuple[Any, ...], Path] = {}
        self.known: list[Path] = []  # all of them, the latest first
        self.add(first)

    def add(self, path: Path) -> None:
        """Keep a path, which becomes the first to be tried."""
        alike = [other for other in self.known if other.decisions == path.decisions]
        if len(alike) >= MAX_ALIKE:
            self._replace(alike[-1], path)
        self.known = [path, *self.known]
        self.last = path
        for n in range(len(path.decisions) + 1):
            self.by_decisions.setdefault(path.decisions[:n], path)

    def _replace(self, old: Path, path: Path) -> None:
        """Forget a path for one of the same decisions."""
        self.known = [other for other in self.known if other is not old]
        self.by_decisions = {
            key: path if other is old else other for key, other in self.by_decisions.items()
        }

    def run(
        self, inputs: list[Any], buffers: Buffers | None = None
    ) -> tuple[Path, list[Any]] | None:
        """The path that fits these inputs and its outputs; None if it is still to be recorded.

        Outputs are made in `buffers` where that is possible.
        """
        path: Path | None = self.last
        held = -1
        while path is not None:
            into = None if buffers is None else buffers.into(path, inputs)
            try:
                outputs, failed, seen = path.runner.run(inputs, into)
            except NewPath:
                return self._among_others(path, inputs)
            except OF_VALUES as error:  # which the function may have caught when it was recorded
                again = buffers is None and not from_signal(error)
                found = self._among_others(path, inputs) if again else None
                if found is None:
                    raise
                return found
            if outputs is not None:
                self.last = path
                return path, outputs
            if failed <= held:
                return None  # paths of a damaged file may lead in a circle
            held = failed
            known = self.by_decisions.get((*path.decisions[:failed], content(seen)))
            if known is None and refusal(path.runner.program, failed):
                return self._among_others(path, inputs)
            path = known
        return None

    def _among_others(self, stuck: Path, inputs: list[Any]) -> tuple[Path, list[Any]] | None:
        """The path in which a loop knows the decisions that it does not know in this one, or no
        error was raised where one is now, or the other way round."""
        for path in self.known:
            if path is stuck:
                continue
            try:
                outputs, _, _ = path.runner.run(inputs)
            except NewPath:
                continue
            except OF_VALUES as error:
                if from_signal(error):
                    raise
                continue
            if outputs is not None:
                self.last = path
                return path, outputs
        return None

    def distinct(self) -> set[Path]:
        return set(self.known)


def call_form(
    signature: Signature, path: Path, surroundings: Surroundings | None, apart: list[Any] | None
) -> CallForm | None:
    """What the core needs to answer such calls; None where only the general way can.

    Parameters
    ----------
    signature : Signature
    path : Path
    surroundings : Surroundings or None
    apart : list of ndarray, or None
        As `Path.apart` gives them; None where `out=` is no more than a parameter.

    Returns
    -------
    CallForm or None
    """
    if not is_plain(path.treedef):
        return None
    slots = [Fixed(x) if k is None else k for k, x in zip(path.places, path.leaves, strict=True)]
    template = unflatten(path.treedef, slots)
    inside = signature.statics[len(signature.fixed) :]
    try:
        return CallForm(
            path.runner, signature.args, signature.kwargs, template, signature.fixed, inside,
            surroundings, apart, fields_of,
        )  # fmt: skip
    except ValueError:
        return None
