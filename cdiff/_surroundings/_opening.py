"""What an object holds, by its kind: functions, containers, arrays, instances, wrappers of these.

The code of functions is read for its names, everything else is asked by functions of C; no code of
the user's runs. Libraries are not looked through. This file knows kinds of objects; it must not
know what is done with what they hold. An object is opened once, the operators of a class are gone
through once.
"""

from __future__ import annotations

import builtins
import functools
import gc
import operator
import types
import weakref
from collections import OrderedDict
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._wrap import Transformed
from cdiff._core import Array, is_tracked
from cdiff._surroundings._named import code_digest, identifiers, names_of
from cdiff._surroundings._objects import (
    SEEN,
    Namespace,
    cell_content,
    imported,
    in_classes,
    is_library,
    order_of,
    own,
    slot,
)

if TYPE_CHECKING:
    from cdiff._surroundings._drawing import Draws
    from cdiff._surroundings._found import Found, Wanted

__all__ = ["Opener"]

# Objects of the standard library that are nothing but their attributes, or what those hold.
_OPEN = frozenset((("types", "SimpleNamespace"), ("argparse", "Namespace")))
_WRAPPERS = frozenset(("ChainMap", "UserDict", "UserList"))  # of `collections`
_MADE_OF_ARRAYS = frozenset(("numpy", "scipy"))
# Methods that Python calls for operators, and that no result depends on.
_SILENT = frozenset(("__repr__", "__str__", "__reduce__", "__reduce_ex__", "__del__",
                     "__getstate__", "__setstate__", "__setattr__", "__dir__",
                     "__annotate__", "__annotate_func__"))  # fmt: skip
_MAKING = frozenset(("__new__", "__init__", "__post_init__"))
_CONTAINERS = frozenset((tuple, list, dict, frozenset))
# What reads names, where it has another name than that.
_READERS = frozenset((getattr, hasattr, vars, dir, globals, eval, exec))
_VIEWS = frozenset((type({}.keys()), type({}.values()), type({}.items())))


class Opener:
    """Looks through what was found, until nothing is left that is not open.

    Parameters
    ----------
    found : Found
        What is to be opened, and where what it holds is noted.
    wanted : Wanted
        The names that code reads.
    draws : Draws
        What random numbers may be drawn from.
    """

    def __init__(self, found: Found, wanted: Wanted, draws: Draws) -> None:
        self._found = found
        self._bound = found.bound
        self._wanted = wanted
        self._draws = draws
        self._operators: set[tuple[type, frozenset[str]]] = set()  # classes, by what is left out

    def open_all(self) -> None:
        """Open all that was found, and what that holds."""
        while self._found.unopened:
            x, label, behind = self._found.unopened.popleft()
            if self._bound.enter(x, behind):
                self._open(x, label)

    def _open(self, x: Any, label: str) -> None:
        """Look through an object, by its kind."""
        cls = x.__class__
        if cls in _CONTAINERS or isinstance(x, (tuple, list, dict, frozenset)):
            self._look_into_container(x, label)
        elif isinstance(x, np.ndarray) or (cls is Array and not is_tracked(x)):
            self._look_into_array(x, label)
        elif cls is types.FunctionType:
            if not is_library(x):
                self._look_into_function(x, label)
            else:
                self._found.look(getattr(x, "__wrapped__", None), label)
        elif cls in SEEN:
            self._look_from_outside(x, label)
        elif cls in (operator.attrgetter, operator.methodcaller):
            self._wanted.asks = True
            made = x.__reduce__()
            given = (*getattr(made[0], "args", ()), *made[1])
            self._wanted.texts.update(*(identifiers(y) for y in given if isinstance(y, str)))
            self._found.look(made, label)
        elif cls is functools.partial:
            self._found.look((x.func, x.args, x.keywords), label)
        elif cls is types.MethodType:
            self._found.look((x.__func__, x.__self__), label)
        elif cls is weakref.ref:
            self._found.look(x(), label)
        elif cls is types.MappingProxyType:
            self._found.look(gc.get_referents(x)[0], label)
        elif cls in _VIEWS:
            self._found.look(x.mapping, label)
        elif not isinstance(x, (type, types.ModuleType, Array)):
            self._look_into_object(x, label)
        elif not is_library(x):
            self._look_into_class_or_module(x, label)

    def _look_into_class_or_module(self, x: Any, label: str) -> None:
        self._found.own(x, label)
        if isinstance(x, type):
            self._found.place(x, type, f"the class {label}")
            self._look_at_operators(x, label, _SILENT)
            for names in in_classes(x, "__match_args__"):
                self._wanted.texts.update(names)

    def _look_into_array(self, x: Any, label: str) -> None:
        """An array of any class; what is masked counts like the rest."""
        if x.__class__ in (np.ndarray, Array):
            self._found.place_array(x, label)
            if x.__class__ is np.ndarray and x.dtype.hasobject:
                self._found.look_at_entries(range(x.size), tuple(x.ravel().tolist()), label)
            return
        for y in (x, own(x).get("_mask")):
            plain = y.view(np.ndarray) if isinstance(y, np.ndarray) else None
            # A file that is only read changes by other processes, if at all.
            if plain is not None and (plain.flags.writeable or not isinstance(y, np.memmap)):
                self._found.place_array(plain, label)
        self._look_into_object(x, label)

    def _look_into_function(self, f: types.FunctionType, label: str) -> None:
        code, outside = f.__code__, f.__globals__
        names = names_of(code)
        self._found.place(f, code_digest, f"the code of {label}")
        self._wanted.add(names, self._bound.is_foreign(f.__module__))
        for name, cell in zip(code.co_freevars, f.__closure__ or (), strict=True):
            self._found.place(cell, None, name, *cell_content(cell))
        for name in sorted(names.variables):
            x = outside.get(name)
            if isinstance(x, (types.ModuleType, types.BuiltinFunctionType)):
                self._draws.add(x)
            self._found.place(outside, name, name, x)
        if "globals" in names.variables or names.any_variable:
            self._found.own(Namespace(outside), "the module")
        if names.modules:
            for module, name in imported(names.modules, outside.get("__package__") or ""):
                self._draws.add(module)
                self._found.look(module, name)
        self._found.look((f.__defaults__, f.__kwdefaults__), f"a default of {f.__name__}")
        if f.__dict__:
            self._found.own(f, label)
            self._found.look(f.__dict__.get("registry"), label)  # of `functools.singledispatch`

    def _look_into_container(self, x: Any, label: str) -> None:
        """A tuple, a list or a dict; of classes of the user's, which have attributes too."""
        if x.__class__ not in _CONTAINERS:
            self._look_into_object(x, label)
        if isinstance(x, dict):
            if x is not vars(builtins):
                self._look_into_dict(x, label)
        elif isinstance(x, list):
            entries = tuple(list.__iter__(x))
            self._found.place_entries(x, entries, label)
            self._found.look_at_entries(range(len(entries)), entries, label)
        else:
            entries = tuple((tuple if isinstance(x, tuple) else frozenset).__iter__(x))
            self._found.look_at_entries(range(len(entries)), entries, label)

    def _look_into_dict(self, x: dict[Any, Any], label: str) -> None:
        entries = tuple(chain.from_iterable(dict.items(x)))  # while no other thread runs
        self._found.place_entries(x, entries, label)
        self._found.look_at_entries(entries[::2], entries[1::2], label)
        self._found.look_at_entries(entries[::2], entries[::2], f"the keys of {label}")
        if isinstance(x, OrderedDict):
            self._found.place(x, order_of, f"the order of {label}")

    def _look_from_outside(self, x: Any, label: str) -> None:
        """An object of which a function gives what is in it."""
        seen = SEEN[x.__class__]
        with suppress(ValueError, RuntimeError):  # let go of, or changed by another thread
            content = seen(x)
            self._found.place(x, seen, f"the content of {label}")
            self._found.look_at_entries(range(len(content)), content, label)

    def _look_into_object(self, x: Any, label: str) -> None:
        """A method, a transformation, or an instance of the user's class."""
        cls = x.__class__
        is_ours = isinstance(x, Transformed)
        self._found.look(x.__wrapped__ if is_ours else own(x).get("__wrapped__"), label)
        for name in x._rule_names if is_ours else ():
            self._found.place(vars(x), name, f"{label}.{name}", getattr(x, name))
        if is_library(cls):
            self._draws.add(x)
            self._wanted.any_attribute |= cls is types.BuiltinFunctionType and x in _READERS
        if is_library(cls) and (cls.__module__, cls.__name__) not in _OPEN:
            if cls.__module__ == "collections" and cls.__name__ in _WRAPPERS:
                self._found.look(vars(x), label)
            elif _is_made_of_arrays(cls):
                self._look_at_parts(x, label)
            return
        self._found.own(x, label)
        for y in (x, type(x)):
            self._found.place(y, type, f"the class of {label}")
        self._look_at_operators(cls, label, _SILENT | _MAKING)

    def _look_at_parts(self, x: Any, label: str) -> None:
        """An object that is made of arrays: a sparse matrix, a polynomial, a spline."""
        for name, y in tuple(own(x).items()):
            # A spline of SciPy 1.18 holds another.
            if isinstance(y, np.ndarray) or _is_made_of_arrays(y.__class__):
                self._found.place(own(x), name, f"{label}.{name}", y)
        for cls in type(x).__mro__:
            for name, member in tuple(vars(cls).items()):
                if member.__class__ is types.MemberDescriptorType:
                    content = slot(x, member)
                    if content and isinstance(content[0], np.ndarray):
                        self._found.place(x, member, f"{label}.{name}", *content)

    def _look_at_operators(self, cls: Any, label: str, besides: frozenset[str]) -> None:
        """The methods that Python calls for operators, `len(x)`, `for`, `with`, new instances."""
        if (cls, besides) in self._operators or not isinstance(cls, type):
            return
        self._operators.add((cls, besides))
        for base in cls.__mro__:
            if is_library(base) or self._bound.is_foreign(base.__module__):
                continue
            for name, found in tuple(vars(base).items()):
                method = getattr(found, "__func__", found)
                if (
                    name[:2] == name[-2:] == "__"
                    and name not in besides
                    and method.__class__ is types.FunctionType
                    and (name in _MAKING or method.__code__.co_filename != "<string>")
                ):  # not `==` of dataclasses, which reads everything
                    self._found.place(base, name, f"{label}.{name}", method)


def _is_made_of_arrays(cls: Any) -> bool:
    return is_library(cls) and cls.__module__.partition(".")[0] in _MADE_OF_ARRAYS
