"""What a function reads besides its arguments: closures, global variables, attributes, defaults.

A recorded program holds whatever number stood there as a constant, so it may be used only while
they stand there still. This file finds the places, by looking through the code of the function and
of the Python functions that it names; the core looks at them at each call. Libraries and modules
are not looked through, nor are containers of more than a hundred entries. It runs once for each
recording, and the instructions of a function are read once.
"""

from __future__ import annotations

import functools
import sys
import types
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import Array, Surroundings, is_tracked
from cdiff._reads import innermost, variables_of_programs
from cdiff._wrap import Transformed

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Observer"]

MAX_ENTRIES = 100  # of a dict or list that is looked through
MAX_OBJECTS = 1000  # that are looked through
LIBRARIES = frozenset(("cdiff", "numpy", "scipy", "builtins")) | sys.stdlib_module_names
_GLOBALS = frozenset(("LOAD_GLOBAL", "LOAD_NAME"))
_ATTRIBUTES = frozenset(("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"))

Place = tuple[Any, Any, str]


@functools.lru_cache(maxsize=1000)
def _names(code: types.CodeType) -> tuple[frozenset[str], frozenset[str]]:
    """The global variables and the attributes that code reads, also in functions inside it."""
    from dis import get_instructions

    variables, attributes = set(), set()
    for instruction in get_instructions(code):
        if instruction.opname in _GLOBALS:
            variables.add(instruction.argval)
        elif instruction.opname in _ATTRIBUTES:
            attributes.add(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner = _names(constant)
            variables |= inner[0]
            attributes |= inner[1]
    return frozenset(variables), frozenset(attributes)


def _is_library(x: Any) -> bool:
    """Does a function, a class or a module belong to a library that is not looked through?"""
    if isinstance(x, types.FunctionType) and "__name__" not in x.__globals__:
        return False  # made by `exec` in a plain dict: it belongs to no module
    module = getattr(x, "__name__" if isinstance(x, types.ModuleType) else "__module__", None)
    return not isinstance(module, str) or module.partition(".")[0] in LIBRARIES


class Observer:
    """Looks through a function and the static arguments of a call before it is recorded.

    Parameters
    ----------
    f : callable
    statics : iterable
        Objects that are arguments and no inputs.
    """

    def __init__(self, f: Any, statics: Iterable[Any]) -> None:
        self._ways: dict[int, int] = {}  # to arrays
        self._places: dict[tuple[int, Any], Place] = {}
        self._arrays: dict[int, tuple[Any, str]] = {}
        self._seen: dict[int, Any] = {}
        self._attributes: set[str] = set()
        self._owners: list[tuple[Any, str]] = []
        self._look(f, "the function")
        for x in statics:
            self._look(x, "a static argument")
        known = -1
        while known != len(self._attributes) + len(self._owners):
            known = len(self._attributes) + len(self._owners)
            for owner, label in tuple(self._owners):
                self._look_at_attributes(owner, label)
        self._before = Surroundings(self._places.values())

    def surroundings(
        self, linked: Iterable[Any] = (), alone: Iterable[Any] = ()
    ) -> Surroundings | None:
        """What has to stay as it is; to be called when the function has run.

        Parameters
        ----------
        linked, alone : iterable of ndarray
            As for `content`.

        Returns
        -------
        Surroundings or None
            None for nothing. Without what the function itself has changed.
        """
        found = self._before.without_changed(self.content(linked, alone))
        return found if len(found) else None

    def arrays(self) -> list[Any]:
        """All arrays that were found.

        Returns
        -------
        list of ndarray and Array
        """
        return [x for x, _ in self._arrays.values()]

    def content(self, linked: Iterable[Any] = (), alone: Iterable[Any] = ()) -> list[Place]:
        """The arrays whose content has to stay as it is.

        Parameters
        ----------
        linked : iterable of ndarray
            Whose memory somebody else looks after.
        alone : iterable of ndarray
            That nothing but a program reads, at each run; other views of their memory may be read
            while recording.

        Returns
        -------
        list of places
        """
        linked, known = list(linked), {id(x) for x in alone}
        return [
            (x, None, f"the content of {label}")
            for key, (x, label) in self._arrays.items()
            if x.__class__ is Array
            or (
                key not in known
                and _may_change(x)
                and not any(np.may_share_memory(x, y) for y in linked)
            )
        ]

    def knows(self, x: Any) -> bool:
        """Was this object there before the call, where the function or an argument leads to it?"""
        return id(x) in self._seen

    def alone(self, f: Any, traced: frozenset[int]) -> list[Any]:
        """The arrays that Python code does no more with than to combine them with traced values.

        Parameters
        ----------
        f : callable
        traced : frozenset of int
            The arguments that are traced values.

        Returns
        -------
        list of ndarray
        """
        f = innermost(f)
        if f.__class__ is not types.FunctionType or not self._arrays:
            return []
        found = []
        modules = {k for k in f.__code__.co_names if _is_numpy(f.__globals__.get(k))}
        for name in variables_of_programs(f.__code__, traced, frozenset(modules)):
            x = _variable(f, name)
            is_array = x.__class__ is np.ndarray and x.dtype.kind in "fc"
            if is_array and x.ndim and self._ways.get(id(x)) == 1:
                found.append(x)
        return found

    def changed(self, labels: Iterable[str], among: Iterable[Any]) -> list[Any] | None:
        """The arrays whose contents have these labels; None if one is not among those given.

        Parameters
        ----------
        labels : iterable of str
        among : iterable of ndarray

        Returns
        -------
        list of ndarray, or None
        """
        known = {f"the content of {self._arrays[id(x)][1]}": x for x in among}
        found = [known.get(label) for label in labels]
        return None if any(x is None for x in found) else found

    def _look(self, x: Any, label: str) -> None:
        """Look through whatever stands somewhere."""
        if x.__class__ is np.ndarray:
            self._ways[id(x)] = self._ways.get(id(x), 0) + 1
        if id(x) in self._seen or len(self._seen) >= MAX_OBJECTS:
            return
        cls = x.__class__
        if cls in (float, int, bool, str, type(None)) or isinstance(x, np.generic):
            return
        self._seen[id(x)] = x
        if cls is np.ndarray or (cls is Array and not is_tracked(x)):
            self._arrays[id(x)] = (x, label)
        elif cls is types.FunctionType:
            if not _is_library(x):
                self._look_into_function(x)
            else:
                self._look(getattr(x, "__wrapped__", None), label)
        elif cls in (tuple, list, dict):
            self._look_into_container(x, label)
        elif cls is functools.partial:
            self._look((x.func, x.args, x.keywords), label)
        elif cls is types.MethodType:
            self._look((x.__func__, x.__self__), label)
        elif not isinstance(x, (type, types.ModuleType, Array)):
            self._look_into_object(x, label)
        elif not _is_library(x):
            self._owners.append((x, label))

    def _look_into_function(self, f: types.FunctionType) -> None:
        code = f.__code__
        variables, attributes = _names(code)
        self._attributes |= attributes
        for name, cell in zip(code.co_freevars, f.__closure__ or (), strict=True):
            self._place(cell, None, name, *_content(cell))
        for name in variables:
            x = f.__globals__.get(name)
            if _is_fixed(x):
                self._look(x, name)
            elif name in f.__globals__:
                self._place(f.__globals__, name, name, x)
        self._look((f.__defaults__, f.__kwdefaults__), f"a default of {f.__name__}")

    def _look_into_container(self, x: Any, label: str) -> None:
        if len(x) > MAX_ENTRIES:
            return
        keys = x if x.__class__ is dict else range(len(x))
        if x.__class__ is tuple:
            for k in keys:
                self._look(x[k], f"{label}[{k}]")
            return
        self._places[id(x), len] = (x, len, f"len({label})")
        for key in keys:
            self._place(x, key, f"{label}[{key!r}]", x[key])

    def _look_into_object(self, x: Any, label: str) -> None:
        """A method, a transformation, or an instance of the user's class."""
        self._look(getattr(x, "__wrapped__", None), label)
        for name in x._rule_names if isinstance(x, Transformed) else ():
            self._place(vars(x), name, f"{label}.{name}", getattr(x, name))
        if _is_library(x.__class__):
            return
        self._owners.append((x, label))
        self._attributes.add("__call__")

    def _look_at_attributes(self, owner: Any, label: str) -> None:
        """The attributes of an instance, a class or a module that some code names."""
        own = getattr(owner, "__dict__", {})
        for name in self._attributes.copy():
            if name in own and hasattr(own[name], "__get__"):
                self._look_through(own[name], f"{label}.{name}")
            elif name in own:
                where = owner if isinstance(owner, type) else own
                self._place(where, name, f"{label}.{name}", own[name])
            elif not isinstance(owner, types.ModuleType):
                self._look_at_class(owner, own, name, f"{label}.{name}")

    def _look_at_class(self, owner: Any, own: Any, name: str, label: str) -> None:
        """An attribute that an instance has from its class."""
        classes = owner.__mro__[1:] if isinstance(owner, type) else owner.__class__.__mro__
        for cls in classes:
            if name not in vars(cls) or _is_library(cls):
                continue
            found = vars(cls)[name]
            if hasattr(found, "__get__"):
                self._look_through(found, label)
                return
            if own.__class__ is dict:
                self._place(own, name, label)  # where one of its own would hide that of the class
            self._place(cls, name, label, found)
            return

    def _look_through(self, descriptor: Any, label: str) -> None:
        """A method or a property: the function that it runs."""
        found = getattr(descriptor, "fget", None) or getattr(descriptor, "__func__", descriptor)
        self._look(found, label)

    def _place(self, where: Any, key: Any, label: str, *content: Any) -> None:
        self._places.setdefault((id(where), key), (where, key, label))
        for x in content:
            self._look(x, label)


def _is_numpy(x: Any) -> bool:
    return isinstance(x, types.ModuleType) and x.__name__ in ("numpy", "cdiff.numpy")


def _variable(f: types.FunctionType, name: str) -> Any:
    """A variable of a function from outside."""
    names = f.__code__.co_freevars
    if name not in names:
        return f.__globals__.get(name)
    return next(iter(_content((f.__closure__ or ())[names.index(name)])), None)


def _content(cell: types.CellType) -> tuple[Any, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # empty
        return ()


def _may_change(x: Any) -> bool:
    """May the content of an array change: is it, or what it is a part of, writeable?"""
    while isinstance(x, np.ndarray):
        if x.flags.writeable:
            return True
        x = x.base
    return x is not None


def _is_fixed(x: Any) -> bool:
    """Is a global variable of this kind not looked at, since it does not change?"""
    return isinstance(x, (type, types.ModuleType, types.BuiltinFunctionType, np.ufunc)) or (
        callable(x) and _is_library(x) and not hasattr(x, "__wrapped__")
    )
