"""What can be seen of objects without running code of theirs: attributes, slots, classes, content.

And whose they are: of the standard library, of an installed package, or of the user. This file must
not know what is done with all that. It asks C functions, each of which does one thing.
"""

from __future__ import annotations

import functools
import sys
import threading
import types
from array import array as typed_array
from collections import OrderedDict, deque
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["SEEN", "Namespace", "cell_content", "classes_of", "imported", "in_classes",
           "is_installed", "is_library", "is_set", "may_change", "module_of", "order_of", "own",
           "slot"]  # fmt: skip

LIBRARIES = frozenset(("cdiff", "numpy", "scipy", "builtins")) | sys.stdlib_module_names


def imported(names: Iterable[str], package: str) -> list[tuple[Any, str]]:
    """The modules that an import gives, wherever the package of the code is."""
    found = []
    for name in names:
        parts = package.split(".") if package else []
        for k in range(len(parts) + 1):
            whole = ".".join([*parts[:k], *([name] if name else [])])
            levels = whole.split(".")
            for n in range(1, len(levels) + 1):
                module = sys.modules.get(".".join(levels[:n]))
                if module is not None:
                    found.append((module, ".".join(levels[:n])))
    return found


def _current(x: ContextVar[Any]) -> tuple[Any, ...]:
    return (x.get(None),)


def _bytes(x: Any) -> tuple[bytes]:
    return (bytes(x),)


def _items(x: Any) -> tuple[Any, ...]:
    return (*vars(x), *vars(x).values())


def order_of(x: OrderedDict[Any, Any]) -> tuple[Any, ...]:
    """The keys in their order, which its entries as a dict do not tell."""
    return tuple(OrderedDict.__iter__(x))


# What can be seen of objects that are no places themselves.
SEEN: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    deque: tuple,
    set: tuple,
    ContextVar: _current,
    bytearray: _bytes,
    typed_array: _bytes,
    memoryview: _bytes,
    threading.local: _items,
}


def is_library(x: Any) -> bool:
    """Does a function, a class or a module belong to a library that is not looked through?"""
    if isinstance(x, types.FunctionType) and "__name__" not in x.__globals__:
        return False  # made by `exec` in a plain dict: it belongs to no module
    module = getattr(x, "__name__" if isinstance(x, types.ModuleType) else "__module__", None)
    return not isinstance(module, str) or module.partition(".")[0] in LIBRARIES


def module_of(x: Any) -> str | None:
    """The name of the module that something belongs to."""
    if isinstance(x, (Namespace, types.ModuleType)):
        return vars(x).get("__name__")
    owner = x if isinstance(x, (type, types.FunctionType)) else type(x)
    return getattr(owner, "__module__", None)


@functools.lru_cache(maxsize=1000)
def is_installed(module: str | None) -> bool:
    """Is a module of an installed package, whose code is read by its names only? Libraries are not
    read at all."""
    if (module or "").partition(".")[0] in LIBRARIES:
        return False
    file = getattr(sys.modules.get(module or ""), "__file__", None) or ""
    return "site-packages" in file or "dist-packages" in file


def classes_of(owner: Any) -> tuple[type, ...]:
    """Where an instance, or a class, has attributes from."""
    mro: tuple[type, ...] = type(owner).__mro__
    return (*owner.__mro__, *mro) if isinstance(owner, type) else mro


def in_classes(cls: type, name: str) -> list[Any]:
    """What a class and those that it is derived from have of this name."""
    return [vars(c)[name] for c in cls.__mro__ if name in vars(c)]


def is_set(found: Any) -> bool:
    """Does this go before what an instance has of its own: a property, a slot?"""
    return hasattr(type(found), "__set__") or hasattr(type(found), "__delete__")


class Namespace:
    """The global variables of a module, which code may read by their names as texts."""

    def __init__(self, variables: dict[str, Any]) -> None:
        self.__dict__ = variables


def own(x: Any) -> Any:
    """The attributes of an object itself; no code of its class runs for it."""
    try:
        return object.__getattribute__(x, "__dict__")
    except AttributeError:
        return {}


def slot(owner: Any, member: Any) -> tuple[Any, ...]:
    """What a slot of an instance holds, if anything."""
    try:
        return (member.__get__(owner),)
    except AttributeError:  # nothing yet
        return ()


def cell_content(cell: types.CellType) -> tuple[Any, ...]:
    """What a cell of a closure holds, if anything."""
    try:
        return (cell.cell_contents,)
    except ValueError:  # empty
        return ()


def may_change(x: Any) -> bool:
    """May the content of an array change: is it, or what it is a part of, writeable?"""
    while isinstance(x, np.ndarray):
        if x.flags.writeable:
            return True
        x = x.base
    return x is not None
