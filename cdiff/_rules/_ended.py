"""Rules of users that run after the recordings in which they were made.

A function with a rule that is called inside `vmap`, a loop or a compiled function may have its
derivative taken when that recording is over. What the rule gets as arguments and residuals is then
that of the call; a value of the recording that it finds elsewhere is one point's or one step's.
This file knows when a rule was made and when it runs; it must not know what it computes. It costs
one look at a tuple where the rule was made outside of all recordings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdiff._core import Ended, ended

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["READS_ENDED", "apart"]

READS_ENDED = (
    "a derivative rule reads a value from its closure, a global or an attribute that a "
    "transformation tracks, and is used where that has ended (for points of vmap, steps of a loop, "
    "a checkpoint); return the value from fwd with the residuals, or make it an argument of the "
    "function with the rule"
)


def apart(callee: Any, rule: Callable[..., Any], *given: Any) -> Any:
    """What a rule gives, which must not depend on values of recordings that have ended.

    Parameters
    ----------
    callee : Callee
        With `made_in`, the recordings in which it was made.
    rule : callable
        Its way to pull or push.
    *given
        Arguments of the rule: Arrays, lists of them, and what holds none.

    Returns
    -------
    Array, list of Array or None

    Raises
    ------
    TypeError
        If the rule read such a value.
    """
    levels = ended(callee.made_in) if callee.made_in else None
    if not levels:
        return rule(*given)
    operands = [x for part in given for x in (part if isinstance(part, list) else [part])]
    with Ended(levels, operands, f"{callee!r}: {READS_ENDED}") as held:
        return held.checked(rule(*given))
