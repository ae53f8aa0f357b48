"""What a function reads besides its arguments: closures, global variables, attributes, defaults.

A recorded program holds whatever number stood there as a constant, so it may be used only while
they stand there still. This file finds the places, by looking through the code of the function and
of the Python functions that it names; the core looks at them at each call. Libraries are not looked
through, nor are containers of more than a hundred entries. It runs once for each recording, and the
instructions of a function are read once.
"""

from __future__ import annotations

import builtins
import functools
import gc
import operator
import sys
import threading
import types
import weakref
from array import array as typed_array
from collections import deque
from contextlib import suppress
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cdiff._core import Array, Surroundings, is_tracked
from cdiff._drawing import Draws
from cdiff._reads import innermost, variables_of_programs
from cdiff._wrap import Transformed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Observer"]

MAX_ENTRIES = 100  # of a dict or list that is looked through
MAX_OBJECTS = 20_000  # that are looked through
LIBRARIES = frozenset(("cdiff", "numpy", "scipy", "builtins")) | sys.stdlib_module_names
_GLOBALS = frozenset(("LOAD_GLOBAL", "LOAD_NAME"))
_ATTRIBUTES = frozenset(("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"))

# Code that names these may read any name that is a text somewhere, or ask whether it is there.
_BY_TEXT = frozenset(("getattr", "hasattr", "vars", "globals", "attrgetter", "methodcaller",
                      "__dict__", "__match_args__", "AttributeError"))  # fmt: skip
# Objects of the standard library that are nothing but their attributes, or what those hold.
_OPEN = frozenset((("types", "SimpleNamespace"), ("argparse", "Namespace")))
_WRAPPERS = frozenset(("ChainMap", "UserDict", "UserList"))  # of `collections`
_MADE_OF_ARRAYS = frozenset(("numpy", "scipy"))
# Methods that Python calls for operators, and that no result depends on.
_SILENT = frozenset(("__repr__", "__str__", "__reduce__", "__reduce_ex__", "__del__",
                     "__getstate__", "__setstate__", "__setattr__", "__dir__",
                     "__annotate__", "__annotate_func__"))  # fmt: skip
_MAKING = frozenset(("__new__", "__init__", "__post_init__"))

Place = tuple[Any, Any, str]


class _Names(NamedTuple):
    """What code reads, also in functions inside it: global variables, attributes, modules that it
    imports; and texts in it that may be names."""

    variables: frozenset[str]
    attributes: frozenset[str]
    modules: frozenset[str]
    texts: frozenset[str]


@functools.lru_cache(maxsize=1000)
def _names(code: types.CodeType) -> _Names:
    from dis import get_instructions

    found: list[set[str]] = [set(), set(), set(), set()]
    variables, attributes, modules, texts = found
    for instruction in get_instructions(code):
        if instruction.opname in _GLOBALS:
            variables.add(instruction.argval)
        elif instruction.opname in _ATTRIBUTES or instruction.opname == "IMPORT_FROM":
            attributes.add(instruction.argval)
        elif instruction.opname == "IMPORT_NAME":
            modules.add(instruction.argval)
        elif instruction.opname == "MATCH_CLASS":
            attributes.add("__match_args__")
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            for mine, inner in zip(found, _names(constant), strict=True):
                mine |= inner
        for x in constant if isinstance(constant, tuple) else (constant,):
            if isinstance(x, str) and x.isidentifier():
                texts.add(x)
    return _Names(*map(frozenset, found))


def _modules(names: Iterable[str], package: str) -> list[tuple[Any, str]]:
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


# What can be seen of objects that are no places themselves.
_SEEN: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    deque: tuple,
    set: tuple,
    ContextVar: _current,
    bytearray: _bytes,
    typed_array: _bytes,
    memoryview: _bytes,
    threading.local: _items,
}


def _is_library(x: Any) -> bool:
    """Does a function, a class or a module belong to a library that is not looked through?"""
    if isinstance(x, types.FunctionType) and "__name__" not in x.__globals__:
        return False  # made by `exec` in a plain dict: it belongs to no module
    module = getattr(x, "__name__" if isinstance(x, types.ModuleType) else "__module__", None)
    return not isinstance(module, str) or module.partition(".")[0] in LIBRARIES


@functools.lru_cache(maxsize=1000)
def _is_installed(module: str | None) -> bool:
    """Is a module of a package that is installed, whose code is read by its names only?"""
    file = getattr(sys.modules.get(module or ""), "__file__", None) or ""
    return "site-packages" in file or "dist-packages" in file


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
        self._texts: set[str] = set()  # that may be names
        self._asks = False  # whether by texts
        self._owners: list[tuple[Any, str]] = []
        self._draws = Draws()
        self._look(f, "the function")
        for x in statics:
            self._look(x, "a static argument")
        known: Any = None
        while known != (found := (len(self._attributes), len(self._owners), self._names_asked())):
            known = found
            for owner, label in tuple(self._owners):
                self._look_at_attributes(owner, label)
        if "random" in self._attributes:
            self._draws.add(import_module("numpy.random"))  # which NumPy imports at its first use
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

    def has_drawn(self) -> bool:
        """Have random numbers been drawn since?"""
        return self._draws.happened()

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
        if cls is str and x.isidentifier():
            self._texts.add(x)
        if cls in (float, int, bool, str, type(None)) or isinstance(x, np.generic):
            return
        self._seen[id(x)] = x
        if isinstance(x, np.ndarray) or (cls is Array and not is_tracked(x)):
            self._look_into_array(x, label)
        elif cls is types.FunctionType:
            if not _is_library(x):
                self._look_into_function(x, label)
            else:
                self._look(getattr(x, "__wrapped__", None), label)
        elif isinstance(x, (tuple, list, dict)):
            self._look_into_container(x, label)
        elif cls in _SEEN:
            self._look_from_outside(x, label)
        elif cls in (operator.attrgetter, operator.methodcaller):
            self._asks = True
            self._look(x.__reduce__()[1:], label)
        elif cls is functools.partial:
            self._look((x.func, x.args, x.keywords), label)
        elif cls is types.MethodType:
            self._look((x.__func__, x.__self__), label)
        elif cls is weakref.ref:
            self._look(x(), label)
        elif cls is types.MappingProxyType:
            self._look(gc.get_referents(x)[0], label)
        elif not isinstance(x, (type, types.ModuleType, Array)):
            self._look_into_object(x, label)
        elif not _is_library(x):
            self._owners.append((x, label))
            self._look_at_operators(x, label, _SILENT)

    def _look_into_array(self, x: Any, label: str) -> None:
        """An array of any class; what is masked counts like the rest."""
        if x.__class__ in (np.ndarray, Array):
            self._arrays[id(x)] = (x, label)
            return
        for y in (x, _own(x).get("_mask")):
            plain = y.view(np.ndarray) if isinstance(y, np.ndarray) else None
            # A file that is only read changes by other processes, if at all.
            if plain is not None and (plain.flags.writeable or not isinstance(y, np.memmap)):
                self._arrays[id(plain)] = (plain, label)
        self._look_into_object(x, label)

    def _look_into_function(self, f: types.FunctionType, label: str) -> None:
        code, outside = f.__code__, f.__globals__
        names = _names(code)
        self._attributes |= names.attributes
        if not _is_installed(f.__module__):
            self._texts |= names.texts
            self._asks |= not _BY_TEXT.isdisjoint(names.variables | names.attributes)
        for name, cell in zip(code.co_freevars, f.__closure__ or (), strict=True):
            self._place(cell, None, name, *_content(cell))
        for name in sorted(names.variables):
            x = outside.get(name)
            if isinstance(x, (types.ModuleType, types.BuiltinFunctionType)):
                self._draws.add(x)
            if _is_fixed(x):
                self._look(x, name)
            elif name in outside or not hasattr(builtins, name):
                self._place(outside, name, name, x)
        if "globals" in names.variables:
            self._owners.append((_Namespace(outside), "the module"))
        if names.modules:
            for module, name in _modules(names.modules, outside.get("__package__") or ""):
                self._draws.add(module)
                self._look(module, name)
        self._look((f.__defaults__, f.__kwdefaults__), f"a default of {f.__name__}")
        if f.__dict__:
            self._owners.append((f, label))
            self._look(f.__dict__.get("registry"), label)  # of `functools.singledispatch`

    def _look_into_container(self, x: Any, label: str) -> None:
        """A tuple, a list or a dict; of classes of the user's, which have attributes too."""
        if x.__class__ not in (tuple, list, dict):
            self._look_into_object(x, label)
        if len(x) > MAX_ENTRIES:
            return
        if isinstance(x, tuple):
            for k, y in enumerate(tuple.__iter__(x)):
                self._look(y, f"{label}[{k}]")
            return
        self._places[id(x), len] = (x, len, f"len({label})")
        pairs = dict.items(x) if isinstance(x, dict) else enumerate(list.__iter__(x))
        for key, y in tuple(pairs):
            self._place(x, key, f"{label}[{key!r}]", y)

    def _look_from_outside(self, x: Any, label: str) -> None:
        """An object of which a function gives what is in it."""
        seen = _SEEN[x.__class__]
        with suppress(ValueError, RuntimeError):  # let go of, or changed by another thread
            content = seen(x)
            if len(content) <= MAX_ENTRIES:
                self._place(x, seen, f"the content of {label}", *content)

    def _look_into_object(self, x: Any, label: str) -> None:
        """A method, a transformation, or an instance of the user's class."""
        cls = x.__class__
        is_ours = isinstance(x, Transformed)
        self._look(x.__wrapped__ if is_ours else _own(x).get("__wrapped__"), label)
        for name in x._rule_names if is_ours else ():
            self._place(vars(x), name, f"{label}.{name}", getattr(x, name))
        if _is_library(cls):
            self._draws.add(x)
        if _is_library(cls) and (cls.__module__, cls.__name__) not in _OPEN:
            if cls.__module__ == "collections" and cls.__name__ in _WRAPPERS:
                self._look(vars(x), label)
            elif _is_made_of_arrays(cls):
                self._look_at_parts(x, label)
            return
        self._owners.append((x, label))
        self._look_at_operators(cls, label, _SILENT | _MAKING)

    def _look_at_parts(self, x: Any, label: str) -> None:
        """An object that is made of arrays: a sparse matrix, a polynomial, a spline."""
        for name, y in tuple(_own(x).items()):
            # A spline of SciPy 1.18 holds another.
            if isinstance(y, np.ndarray) or _is_made_of_arrays(y.__class__):
                self._place(_own(x), name, f"{label}.{name}", y)
        for cls in type(x).__mro__:
            for name, member in vars(cls).items():
                if member.__class__ is types.MemberDescriptorType:
                    content = _slot(x, member)
                    if content and isinstance(content[0], np.ndarray):
                        self._place(x, member, f"{label}.{name}", *content)

    def _look_at_operators(self, cls: Any, label: str, besides: frozenset[str]) -> None:
        """The methods that Python calls for operators, `len(x)`, `for`, `with`, new instances."""
        for base in cls.__mro__ if isinstance(cls, type) else ():
            if _is_library(base) or _is_installed(base.__module__):
                continue
            for name, found in vars(base).items():
                method = getattr(found, "__func__", found)
                if (
                    name[:2] == name[-2:] == "__"
                    and name not in besides
                    and method.__class__ is types.FunctionType
                    and (name in _MAKING or method.__code__.co_filename != "<string>")
                ):  # not `==` of dataclasses, which reads everything
                    self._look(method, f"{label}.{name}")

    def _look_at_attributes(self, owner: Any, label: str) -> None:
        """The attributes of an instance, a class or a module that some code names."""
        own = _own(owner)
        is_class = isinstance(owner, type)
        for name in sorted(self._attributes | (self._texts if self._asks else set())):
            whole = f"{label}.{name}"
            if not is_class and name in own:
                self._place(own, name, whole)
                self._look_through(own[name], whole)
                if any(hasattr(vars(c).get(name), "__set__") for c in type(owner).__mro__):
                    self._look_at_class(owner, {}, name, whole)  # a property goes before
            elif isinstance(owner, (types.ModuleType, types.FunctionType, _Namespace)):
                if self._asks and name in self._texts:
                    self._place(own, name, whole)
            elif self._look_at_class(owner, own, name, whole):
                pass
            elif self._asks and own.__class__ is dict:
                self._place(own, name, whole)  # which is not there yet

    def _look_at_class(self, owner: Any, own: Any, name: str, label: str) -> bool:
        """An attribute that an instance has from its class, or a class; whether there is one.

        Behind a method are those that it may call by `super`.
        """
        is_class = isinstance(owner, type)
        known = False
        for cls in (*owner.__mro__, *type(owner).__mro__) if is_class else type(owner).__mro__:
            if name not in vars(cls) or _is_library(cls):
                continue
            found = vars(cls)[name]
            known = True
            if found.__class__ is types.MemberDescriptorType and not is_class:
                self._place(owner, found, label, *_slot(owner, found))
                return True
            self._place(cls, name, label)
            self._look_through(found, label)
            if not hasattr(found, "__get__"):
                if own.__class__ is dict:
                    self._place(own, name, label)  # where its own would hide that of the class
                return True
        return known

    def _look_through(self, found: Any, label: str) -> None:
        """An attribute; of a method or a property, the function that it runs."""
        for name in ("fget", "__func__", "func") if hasattr(found, "__get__") else ():
            found = getattr(found, name, None) or found
        self._look(found, label)

    def _names_asked(self) -> int:
        return len(self._texts) if self._asks else -1

    def _place(self, where: Any, key: Any, label: str, *content: Any) -> None:
        self._places.setdefault((id(where), key), (where, key, label))
        for x in content:
            self._look(x, label)


class _Namespace:
    """The global variables of a module, which code may read by their names as texts."""

    def __init__(self, variables: dict[str, Any]) -> None:
        self.__dict__ = variables


def _own(x: Any) -> Any:
    """The attributes of an object itself; no code of its class runs for it."""
    try:
        return object.__getattribute__(x, "__dict__")
    except AttributeError:
        return {}


def _is_made_of_arrays(cls: Any) -> bool:
    return _is_library(cls) and cls.__module__.partition(".")[0] in _MADE_OF_ARRAYS


def _slot(owner: Any, member: Any) -> tuple[Any, ...]:
    try:
        return (member.__get__(owner),)
    except AttributeError:  # nothing yet
        return ()


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
    return isinstance(x, (types.ModuleType, types.BuiltinFunctionType, np.ufunc)) or (
        callable(x) and _is_library(x) and not hasattr(x, "__wrapped__")
    )
