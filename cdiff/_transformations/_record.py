"""A function recorded at a point, for `vjp` and `linearize`, which keep the record.

Knows how to record (open a level, make leaves, run) and when a record may not be used: it
knows no sweep. Recording is one run of the function; using the record again costs nothing here
but a test per cotangent.
"""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING, Any

from cdiff._arguments._wrap import Inputs, Outputs, split_aux
from cdiff._core import Array, Level, depth, frozen, leaf, leaf_value, lower

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

__all__ = ["Record"]

NOTHING = nullcontext()


class Record:
    """The graph of one run of a function, from tracked leaves to outputs.

    Parameters
    ----------
    f : callable
    inputs : Inputs
        All its arguments.
    has_aux : bool
        Whether `f` returns a pair with auxiliary data.
    points : list, optional
        Values of the leaves; by default those of `inputs`.

    Attributes
    ----------
    outputs : Outputs
    traced : list of Array
        The leaves of the graph.
    aux : object

    Raises
    ------
    TypeError
        If an output is not a real number or a float array.
    """

    __slots__ = ("aux", "f", "has_aux", "inputs", "outputs", "traced")

    def __init__(
        self,
        f: Callable[..., Any],
        inputs: Inputs,
        has_aux: bool,
        points: list[Any] | None = None,
    ) -> None:
        self.f = f
        self.inputs = inputs
        self.has_aux = has_aux
        self.aux = None
        with Level() as level:
            self.traced = [leaf(x, level) for x in points or inputs.leaves]
            out = inputs.run(f, self.traced)
            if has_aux:
                out, self.aux = split_aux(out, f, level)
            self.outputs = Outputs(out, f, level)
            # The function may have kept what it returned, and change it in place later.
            self.outputs.leaves = [
                frozen(y) if y.__class__ is Array else y for y in self.outputs.leaves
            ]

    def usable_with(self, vectors: list[Array]) -> Record:
        """This record, or a new one that may be used with the given tangents or cotangents.

        The level of this record is closed, so its number may since have been given to another
        transformation. If that one tracks a vector, sweeping this graph would confuse the two;
        the function is then run once more, at a level above.
        """
        level = self.outputs.level
        if all(lower(v, level) is v for v in vectors):
            return self
        # The leaves' own values: the caller may have changed his arrays in place since.
        points = [leaf_value(x, level) for x in self.traced]
        return Record(self.f, self.inputs, self.has_aux, points)

    def above_outer(self) -> AbstractContextManager[Any]:
        """The depth at which the record was made, for a sweep through it.

        What a rule records in the sweep must be above the values of outer transformations that
        the record holds, also where these have ended.

        Returns
        -------
        context manager
        """
        missing = self.outputs.level - 1 - depth()
        if missing <= 0:
            return NOTHING
        stack = ExitStack()
        for _ in range(missing):
            stack.enter_context(Level())
        return stack

    def results(self, function: Callable[..., Any]) -> tuple[Any, ...]:
        """What `vjp` and `linearize` return.

        Parameters
        ----------
        function : callable
            The linear function that uses this record.

        Returns
        -------
        tuple
            ``(out, function)``, and the auxiliary data if there are any.
        """
        out = self.outputs.values()
        return (out, function, self.aux) if self.has_aux else (out, function)
