"""What functions with derivative rules of users read beside their arguments, in a recorded program.

A rule goes by the arguments. Eagerly the function runs on arguments that nothing tracks, so that a
result that is tracked all the same has read something else; in a program it depends on everything
by operations of its own, and the rule takes their place. This file looks through a program that has
just been recorded for what only those operations know; it must not know what a rule computes. It
costs nothing where a program has no rules.
"""

from __future__ import annotations

from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

from cdiff._core import Array, Callee, Stop, depth, is_tracked, swept, undual

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdiff._core import Program

__all__ = ["reads_beside", "refuse_beside", "tracked_reads"]


def tracked_reads(functions: Sequence[Any]) -> list[Array]:
    """The tracked Arrays in closures and defaults of functions, and of what stands in these."""
    found, todo, seen = [], list(functions), set()
    while todo:
        x = todo.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        if isinstance(x, Array):
            found += [x] if is_tracked(x) else []
        elif isinstance(x, FunctionType):
            todo += [value for cell in x.__closure__ or () for value in _content(cell)]
            todo += [x.__defaults__, x.__kwdefaults__]
        elif isinstance(x, partial):
            todo += [x.func, x.args, x.keywords]
        elif isinstance(x, (list, tuple, dict)):
            todo += x.values() if isinstance(x, dict) else x
    return found


def _content(cell: Any) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:  # nothing yet
        return []


def reads_beside(program: Program, n_own: int, fine: set[Any]) -> list[tuple[set[int], set[int]]]:
    """For each rule the inputs that its function reads beside the arguments, and those in these.

    Parameters
    ----------
    program : Program
        As it was recorded: in a simplified one a result may go by parts of the arguments.
    n_own : int
        How many inputs are those of the recording. The others are values from outside, which may
        have been computed there from the arguments; they count where the function has some in its
        closure.
    fine : set of Callee
        Rules whose functions were found to read nothing beside when they were recorded: not looked
        at again, for in the derivative of a recording all inputs seem to be its own. More are
        added.

    Returns
    -------
    list of (set of int, set of int)
    """
    rows = program.instructions()
    found: list[tuple[set[int], set[int]]] = []
    for *_, operands, attrs in rows:
        rule: Any = attrs[0] if isinstance(attrs, tuple) and attrs else None
        if not isinstance(rule, Callee) or not rule.is_first:
            continue
        while hasattr(rule, "callee"):  # at many points
            rule = rule.callee
        if hasattr(rule, "arguments") and rule not in fine:
            given = rule.inputs(operands)
            beside = _inputs(rows, program.n_inputs, [operands[0]], set(given))
            if beside and not tracked_reads([rule.owner.__wrapped__]):
                beside = {k for k in beside if k < n_own}
            if beside:
                found.append((beside, _inputs(rows, program.n_inputs, list(given), set())))
            else:
                fine.add(rule)
    return found


def _inputs(rows: list[Any], n_inputs: int, todo: list[int], seen: set[int]) -> set[int]:
    """The inputs that these values have derivatives by, but for what is behind those seen."""
    found = set()
    while todo:
        v = todo.pop()
        _, dtype, _, operands, attrs = rows[v]
        stops = isinstance(attrs, tuple) and attrs and isinstance(attrs[0], Stop)
        if v in seen or dtype.kind not in "fc" or stops:
            continue
        seen.add(v)
        if v < n_inputs:
            found.add(v)
        else:
            todo += operands
    return found


def refuse_beside(reads: Sequence[tuple[set[int], set[int]]], inputs: Sequence[Any]) -> None:
    """Raise where a rule would be applied, and what it does not know is differentiated too.

    Parameters
    ----------
    reads : list of (set of int, set of int)
    inputs : sequence
        Of the program.

    Raises
    ------
    TypeError
    """
    for beside, given in reads:
        if all(any(_is_differentiated(inputs[k]) for k in part) for part in (beside, given)):
            raise TypeError(
                "a function with a derivative rule, which is by its arguments only, reads values "
                "beside them that are differentiated too; pass these as arguments, or read them "
                "through cdiff.stop_gradient"
            )


def _is_differentiated(x: Any) -> bool:
    if not isinstance(x, Array):
        return False
    return swept([x]) or any(undual(x, k)[1] is not None for k in range(1, depth() + 1))
