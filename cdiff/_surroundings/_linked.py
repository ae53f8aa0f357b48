"""Captured arrays that derivative programs read: does anything in them depend on their content?

Python code that only hands an array on (`_reads.py`) says nothing about derivatives: what they need
of arrays alone (the sum of a, its products with other arrays) is computed while they are recorded,
and a constant of the program. So the content of such an array is compared at each call. Where one
changes, the derivative is recorded once more, of a function in which other arrays stand for those
that change: if that gives the same program, the program is all that reads them, and they are not
looked at any more. This file knows paths; it must not know how they are recorded. It runs once for
each recording.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._wrap import Transformed
from cdiff._core import program_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cdiff._bodies._paths import Path
    from cdiff._core import Program

    Pairs = Iterable[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]

__all__ = ["only_in_program"]


def only_in_program(
    f: Any, path: Path, arrays: list[Any], record: Callable[[Any], Path | None]
) -> list[Any]:
    """Those of some arrays on which nothing but the program depends.

    Parameters
    ----------
    f : callable
        A transformed function, with these arrays among its variables from outside.
    path : Path
        What it does.
    arrays : list of ndarray
    record : callable
        Gives the path of another function for the same arguments.

    Returns
    -------
    list of ndarray
    """
    rng = np.random.default_rng(len(arrays))
    others = [(x, _other(x, x, rng)) for x in arrays]
    found = _parts_with(f, others, record)
    if found is None or len(arrays) == 1 or found == _parts(path):
        return arrays if found == _parts(path) else []
    alone = []
    for k, (x, other) in enumerate(others):
        more = [*others[:k], (x, _other(x, other, rng)), *others[k + 1 :]]
        if _parts_with(f, more, record) == found:
            alone.append(x)
    return alone


def _other(x: Any, content: Any, rng: np.random.Generator) -> Any:
    """An array like `x` whose elements have other signs than a content, and any sizes."""
    low, high = np.lib.array_utils.byte_bounds(x)
    first = x.__array_interface__["data"][0] - low
    other = np.ndarray(x.shape, x.dtype, np.empty(high - low, np.uint8), first, x.strides)
    signs = np.where(content.real > 0.0, -1.0, 1.0)
    other[...] = signs * (0.5 + rng.random(x.shape))
    if x.dtype.kind == "c":
        other.imag[...] = np.where(content.imag > 0.0, -1.0, 1.0) * (0.5 + rng.random(x.shape))
    return other


def _parts_with(f: Any, others: Pairs, record: Callable[[Any], Path | None]) -> list[Any] | None:
    """What a function does where others stand for some arrays; None if that fails."""
    try:
        path = record(_with(f, others))
    except Exception:
        return None
    return None if path is None else _parts(path, others)


def _with(f: Any, others: Pairs) -> Any:
    """A function whose variables from outside hold others for some arrays."""
    if isinstance(f, Transformed):
        return f._factory(_with(f._f, others), **f._options)

    def instead(x: Any) -> Any:
        return next((other for y, other in others if y is x), x)

    variables = {k: instead(x) for k, x in f.__globals__.items()}
    closure = None
    if f.__closure__ is not None:
        closure = tuple([types.CellType(instead(cell.cell_contents)) for cell in f.__closure__])
    g = types.FunctionType(f.__code__, variables, f.__name__, f.__defaults__, closure)
    g.__kwdefaults__ = f.__kwdefaults__
    return g


def _parts(path: Path, others: Pairs = ()) -> list[Any]:
    """What a path does; arrays that may change stand for themselves, others for these."""
    program: Program = path.runner.program
    *parts, arrays, outputs, guards = program_parts(program)
    originals = {id(copy): original for copy, original in program.refreshed}
    held = [_place(originals.get(id(x), x), others) for x in arrays]
    leaves = [_constant(x) for x in path.leaves]
    decided = [(value, _form(x), lost) for value, x, lost in guards]
    return [path.places, leaves, *parts, held, outputs, decided]


def _place(x: Any, others: Pairs) -> Any:
    """What tells one array that a program reads from another; its content if that is for ever."""
    if not isinstance(x, np.ndarray):
        return id(x)
    if not x.flags.writeable and x.base is None:
        return _form(x)
    at = x.__array_interface__["data"][0]
    for y, other in others:
        if np.may_share_memory(x, other):
            at += y.__array_interface__["data"][0] - other.__array_interface__["data"][0]
    return at, x.strides, x.shape, x.dtype.str


def _form(x: Any) -> tuple[Any, ...]:
    return x.dtype.str, x.shape, x.tobytes()


def _constant(x: Any) -> Any:
    """What tells a constant of a result from another."""
    numbers = isinstance(x, (float, int, complex, np.ndarray, np.generic))
    return (x.__class__, _form(np.asarray(x))) if numbers else id(x)
