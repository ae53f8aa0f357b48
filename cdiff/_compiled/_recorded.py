"""What one run of a compiled function did: its program, and its result.

Large values are not computed while a function is recorded, unless Python looks at them: the program
that comes of it makes the results, in one run over memory that it uses again. Where that would be
more work than to finish what is missing, what is missing is computed operation by operation. This
file knows traces and paths; it must not know signatures, caches or what values depend on. It is
fast because a result is never computed twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._leaves import is_lasting, outside
from cdiff._arguments._tree import flatten
from cdiff._bodies._body import has_rules, lasting
from cdiff._bodies._paths import NewPath, Path
from cdiff._core import (
    Array,
    Trace,
    from_signal,
    is_waiting,
    leaf_value,
    let_out,
    peek,
    texts_made,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cdiff._arguments._tree import TreeDef
    from cdiff._compiled._out import Buffers

__all__ = ["Recorded", "recorded"]


def recorded(
    function: Callable[[list[Array]], Any],
    inputs: Sequence[Any],
    defers: bool,
    buffers: Buffers | None = None,
) -> tuple[Recorded, list[Any]]:
    """A function run once, and the leaves of its result.

    Where a value that was left out turns out to be an error, the function is run once more with all
    values, so that the error is raised by the line that made it; or there is none, since only the
    function itself can take the new way that a loop in it wants to go. A loop that waits has been
    recorded for its first step only.

    Parameters
    ----------
    function, inputs
        As for `Recorded`.
    defers : bool
        Whether large values may be left out until somebody looks at them.
    buffers : Buffers, optional
        Where results may be made.

    Returns
    -------
    Recorded
    list
    """
    trace = Trace(rules=True, closed=True, defers=defers)  # rules: for derivatives of what is saved
    try:
        found = Recorded(function, inputs, trace)
    except Exception as error:
        again = trace.has_failed or (defers and isinstance(error, NewPath))
        if not again or from_signal(error):
            raise
    else:
        if not trace.has_failed:
            try:
                return found, found.values(buffers)
            except Exception as error:
                if not defers or from_signal(error):
                    raise
    return recorded(function, inputs, False, buffers)


class Recorded:
    """A function run once for the sake of its program.

    Parameters
    ----------
    function : callable
        Takes a list of Arrays, the inputs of the program; returns any containers.
    inputs : list
        Floats and ndarrays.
    trace : Trace
        Not in use yet.

    Attributes
    ----------
    path : Path or None
        None if the function reads values that a transformation outside tracks.
    treedef : TreeDef
        Structure of the result.
    passing : list
        Parts of the result that may be different at each call, and that no program makes: texts of
        values, objects that may hold values.
    """

    __slots__ = ("inputs", "leaves", "level", "nodes", "passing", "path", "trace", "treedef")

    path: Path | None
    treedef: TreeDef

    def __init__(
        self, function: Callable[[list[Array]], Any], inputs: Sequence[Any], trace: Trace
    ) -> None:
        self.trace = trace
        self.inputs = inputs
        texts = texts_made()
        with lasting(), trace as self.level:
            self.nodes = [trace.input(x) for x in inputs]
            self.leaves, self.treedef = flatten(function(self.nodes))
            given = [isinstance(y, (Array, np.ndarray)) for y in self.leaves]
            arrays = [y for y, is_array in zip(self.leaves, given, strict=True) if is_array]
            program, captured = trace.freeze(arrays)
            runs = trace.freeze(arrays, False)[0].simplify() if has_rules(program) else None
        self.path = None
        told = texts_made() != texts
        self.passing = [
            y
            for y, is_array in zip(self.leaves, given, strict=True)
            if not is_array and (told if isinstance(y, (str, bytes)) else not is_lasting(y))
        ]
        if not captured:
            numbers = iter(range(len(arrays)))
            places = [next(numbers) if is_array else None for is_array in given]
            constants = [None if a else y for y, a in zip(self.leaves, given, strict=True)]
            self.path = Path(program.simplify(), self.treedef, places, constants, runs)

    def values(self, buffers: Buffers | None = None) -> list[Any]:
        """The leaves of the result.

        Parameters
        ----------
        buffers : Buffers, optional
            Where they may be made.

        Returns
        -------
        list
        """
        path = self.path
        if path is not None and not self.trace.has_computed and any(map(is_waiting, self.leaves)):
            given = [self._given(k) for k in range(len(self.nodes))]
            into = None if buffers is None else buffers.into(path, given)
            outputs, _, _ = path.runner.run(given, into)
            # None if it decides otherwise than the function, by the last digit of a sum.
            if outputs is not None:
                return [
                    y if k is None else outputs[k]
                    for k, y in zip(path.places, self.leaves, strict=True)
                ]
        let_out(self.nodes)
        return [
            y.copy() if isinstance(y, np.ndarray) else outside(y, self.level) for y in self.leaves
        ]

    def _given(self, k: int) -> Any:
        """Input k as it was in the beginning, whatever the function has done to the array since."""
        if isinstance(self.inputs[k], np.ndarray):
            return peek(leaf_value(self.nodes[k], self.level))
        return self.inputs[k]
