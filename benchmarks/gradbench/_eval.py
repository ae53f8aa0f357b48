"""What the evals have in common: reading their input, and preparing a function to be evaluated.

An eval is a module with `read(message) -> data`, which checks the numbers of a JSON message and
makes arrays of them, and `FUNCTIONS`, which for each name says how to prepare a run on such data
and how its result becomes JSON. This file knows no eval and no protocol. Recording and planning
happen in `prepare`, by a first call, as in the versions of the peers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import cdiff as cd

Run = Callable[[], Any]


class BadInput(ValueError):
    """A message whose numbers are missing or have another form; the text names it."""


@dataclass(frozen=True)
class Function:
    """One function of an eval.

    `prepare` makes of the data a run without arguments; `answer` makes JSON of its result.
    """

    prepare: Callable[[Any], Run]
    answer: Callable[[Any], Any]


def compiled(function: Callable[..., Any], *arguments: Any) -> Run:
    """Compile a function for these arguments, and return it as a run."""
    call = cd.compile(function)
    call(*arguments)
    return lambda: call(*arguments)


def plain(result: Any) -> Any:
    """Arrays as nested lists, containers as they are."""
    if isinstance(result, Mapping):
        return {name: plain(value) for name, value in result.items()}
    if isinstance(result, np.ndarray | np.generic):
        return result.tolist()
    return result


def field(message: Any, name: str) -> Any:
    """An entry of a message."""
    if not isinstance(message, Mapping):
        raise BadInput(f"the input must be an object, got a {type(message).__name__}")
    if name not in message:
        raise BadInput(f"the input has no {name!r}; it has {', '.join(map(repr, message))}")
    return message[name]


def whole(message: Any, name: str, least: int = 0) -> int:
    """An entry that is a whole number."""
    value = field(message, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1 != 0:
        raise BadInput(f"{name!r} must be a whole number, got {value!r:.40}")
    if value < least:
        raise BadInput(f"{name!r} must be at least {least}, got {value!r}")
    return int(value)


def number(message: Any, name: str) -> float:
    """An entry that is a number."""
    return float(array(message, name, ()))


def array(message: Any, name: str, shape: tuple[int | None, ...], dtype: Any = float) -> Any:
    """An entry as an array of a shape in which None stands for any length."""
    value = field(message, name)
    try:
        made = np.array(value)
    except ValueError:
        raise BadInput(f"{name!r} must be an array, but its rows differ in length") from None
    if made.size == 0 and made.dtype.kind == "f":
        made = made.astype(dtype)
    if made.dtype.kind not in ("iu" if dtype is int else "iuf"):
        raise BadInput(f"{name!r} must hold {dtype.__name__} numbers, got {made.dtype}")
    if made.size == 0 and 0 in _filled(shape):
        made = made.reshape(_filled(shape))
    fits = made.ndim == len(shape) and all(
        want is None or want == got for want, got in zip(shape, made.shape, strict=True)
    )
    if not fits:
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        raise BadInput(f"{name!r} must have the shape {wanted}, got {made.shape}")
    return made.astype(dtype)


def _filled(shape: tuple[int | None, ...]) -> tuple[int, ...]:
    """A shape with nothing where any length is allowed."""
    return tuple(n or 0 for n in shape)
