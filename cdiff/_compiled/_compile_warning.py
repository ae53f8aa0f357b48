"""What a compiled function warns of: that it is recorded so often, and why.

Knows signatures, paths and guards by what they tell; it must not know how one is found or run. It
runs only where there is something to warn of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdiff._arguments._tree import class_name
from cdiff._arguments._wrap import function_name

if TYPE_CHECKING:
    from cdiff._compiled._compile import Compiled
    from cdiff._compiled._signature import Signature

__all__ = ["MANY_PLACES", "MAX_PATHS", "CompileWarning", "drawn", "not_kept", "too_many", "watched"]

MAX_PATHS = 256  # programs that one compiled function keeps
MANY_PLACES = 100_000  # outside a function that are looked at at each call without a word


class CompileWarning(UserWarning):
    """A compiled function is recorded so often that it might better not be compiled.

    Examples
    --------
    >>> import warnings, cdiff as cd
    >>> warnings.simplefilter("error", cd.CompileWarning)  # to find out where
    """


def too_many(compiled: Compiled, signature: Signature) -> str:
    """What keeps changing, for the warning that the cache is full.

    Parameters
    ----------
    compiled : Compiled
    signature : Signature
        Of the call that was one too many.

    Returns
    -------
    str
    """
    name = function_name(compiled._f)
    head = f"compile: {name} has {MAX_PATHS} programs and starts again; "
    keys = list(compiled._entries)
    around = {w for _, e, _ in compiled._kept() if e.surroundings for w in e.surroundings.changed()}
    if len(keys) * 2 > MAX_PATHS:
        what = ", ".join(_changing(signature, keys)[:3]) or "the structure or a static argument"
        return (
            f"{head}what changes is {what}: a number that changes from call to call should be a "
            "float or an array, and an array should keep its shape"
        )
    if around:
        what = ", ".join(sorted(around)[:3])
        return f"{head}what changes is {what}, from outside the function: make it an argument"
    guards = [g for _, _, path in compiled._kept() for g in path.runner.program.guards]
    where = guards[-1].where if guards else "?"
    return (
        f"{head}it decides by values that change from call to call, last at {where}; write "
        "such a choice as np.where, or do not compile it"
    )


def _changing(signature: Signature, keys: list[Any]) -> list[str]:
    """The arguments that are not the same in all signatures."""
    paths = signature.paths()
    among = [key for key in keys if len(key[2]) == len(paths)]
    found = [path for k, path in enumerate(paths) if len({key[2][k] for key in among}) > 1]
    positions = sorted(signature.fixed)
    names = [*range(len(signature.args)), *map(repr, signature.kwargs)]
    for k, i in enumerate(positions):
        if len({key[3][k] for key in keys if len(key[3]) == len(positions)}) > 1:
            found.append(f"argument {names[i]}")
    return found


def not_kept(compiled: Compiled, x: Any) -> str:
    """What in a result no program can make, for the warning that there is none.

    Parameters
    ----------
    compiled : Compiled
    x : object
        A part of the result.

    Returns
    -------
    str
    """
    name = function_name(compiled._f)
    what = "a text of a value" if isinstance(x, str) else f"a {class_name(x.__class__)}"
    return (
        f"compile: {name} returned {what}, which a program cannot make, so {name} runs as Python "
        "at each call; return numbers and arrays, in tuples, lists, dicts, namedtuples, "
        "dataclasses or classes given to register_container"
    )


def watched(compiled: Compiled, n: int) -> str:
    """That very much outside the function is looked at at each call.

    Parameters
    ----------
    compiled : Compiled
    n : int
        Places and entries of containers.

    Returns
    -------
    str
    """
    name = function_name(compiled._f)
    return (
        f"compile: {name} may read {n:,} objects and entries of containers outside, all of which "
        "are looked at at each call; make them arguments, or an array that is read-only"
    )


def drawn(compiled: Compiled) -> str:
    """That random numbers are constants of a program."""
    name = function_name(compiled._f)
    return (
        f"compile: {name} has drawn random numbers, which are the same at every later call; draw "
        "them outside and give them as an argument, or make the generator inside from a seed"
    )
