"""What the core is told about the face: where the functions are that it does not have itself.

NumPy functions and most methods of `Array` live in `cdiff.numpy`, what is said about the operands
of an error in `_operands.py`. The core must not import them, so it is given functions to call when
it first needs one; `import cdiff` stays cheap. It is imported with the core, and sees whether that
has the lock of the interpreter, which it relies on.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from cdiff._core import set_face_loader

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["find", "misfit", "noted", "with_operands"]

E = TypeVar("E", bound=BaseException)
R = TypeVar("R")


# A free-threaded Python switches its lock on for the core, unless it was told to keep it off.
if not getattr(sys, "_is_gil_enabled", lambda: True)():
    raise ImportError(
        "cdiff needs the global interpreter lock, which is switched off (PYTHON_GIL=0, -X gil=0); "
        "leave PYTHON_GIL unset or set PYTHON_GIL=1: importing cdiff then switches the lock on"
    )


def find(wanted: Any) -> Any:
    """What stands for a NumPy function or a method of `Array`: see `cdiff.numpy._dispatch`."""
    return import_module("cdiff.numpy._dispatch").find(wanted)


def with_operands(error: E) -> E:
    """An error with a note about its operands: see `cdiff._checks._operands`."""
    return import_module("cdiff._checks._operands").with_operands(error)  # type: ignore[no-any-return]


def misfit(message: str, kind: type[Exception] = ValueError) -> Exception:
    """The error for operands whose shapes or dtypes do not go together, to be raised at once.

    It has a note on where the user's code made them: see `cdiff._checks._operands`.
    """
    return with_operands(kind(message))


def noted(function: Callable[..., R], *args: Any) -> R:
    """What a function of NumPy's gives, whose errors are about our operands."""
    try:
        return function(*args)
    except ValueError as error:
        raise with_operands(error) from None


set_face_loader(find, with_operands)
