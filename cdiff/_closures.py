"""What derivative rules of users read from their closures, where nothing could see that it is read.

A program that is recorded keeps the rules that were used in it. They may read what was returned
with the residuals; a value of the program that they take from a closure instead would be that of
the recording ever after. This file knows functions and their cells; it must not know what a rule
is for. It looks once, where a derivative of a loop is made; what is read in other ways `_ended`
finds when the rule runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdiff._beside import tracked_reads
from cdiff._body import callees_of, rules_of

if TYPE_CHECKING:
    from cdiff._core import Program

__all__ = ["READS_MORE", "check_rules", "reads_closures"]

READS_MORE = (
    "a derivative rule reads a value from its closure that a transformation tracks; return it from "
    "fwd with the residuals, or make it an argument of the function with the rule"
)


def check_rules(program: Program, who: str) -> None:
    """Raise if rules in the program of a step read tracked values from closures.

    Parameters
    ----------
    program : Program
    who : str

    Raises
    ------
    TypeError
    """
    for rule in rules_of(program):
        if tracked_reads(getattr(rule, "functions", ())):
            raise TypeError(f"{who}: {READS_MORE}")


def reads_closures(program: Program) -> bool:
    """Do rules of the operators in a program read tracked values from closures?"""
    for callee in callees_of(program):
        found: Any = callee
        while hasattr(found, "callee"):  # at many points
            found = found.callee
        if tracked_reads(getattr(found, "functions", ())):
            return True
    return False
