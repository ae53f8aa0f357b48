"""What a function reads besides its arguments: closures, global variables, attributes, defaults.

A recorded program holds whatever number stood there as a constant, so it may be used only while
they stand there still. This file finds the places, by looking through the code of the function and
of the Python functions that it names, and through all that it finds there; the core looks at them
at each call. Libraries are not looked through. It runs once for each recording: what is found is
opened once, each name is asked for once at each object, and numbers in containers are passed over
by their types.
"""

from __future__ import annotations

import builtins
import functools
import gc
import operator
import types
import weakref
from collections import OrderedDict, deque
from contextlib import suppress
from importlib import import_module
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import Array, Contents, Surroundings, is_tracked
from cdiff._drawing import Draws
from cdiff._named import code_digest, identifiers, names_of
from cdiff._objects import (
    SEEN,
    Namespace,
    cell_content,
    classes_of,
    imported,
    in_classes,
    is_installed,
    is_library,
    is_set,
    may_change,
    module_of,
    order_of,
    own,
    slot,
)
from cdiff._ranges import overlapping
from cdiff._reads import innermost, variables_of_programs
from cdiff._wrap import Transformed

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Observer"]

MAX_INSTALLED = 2_000  # objects, places and entries behind other packages that are looked at

# Objects of the standard library that are nothing but their attributes, or what those hold.
_OPEN = frozenset((("types", "SimpleNamespace"), ("argparse", "Namespace")))
_WRAPPERS = frozenset(("ChainMap", "UserDict", "UserList"))  # of `collections`
_MADE_OF_ARRAYS = frozenset(("numpy", "scipy"))
# Methods that Python calls for operators, and that no result depends on.
_SILENT = frozenset(("__repr__", "__str__", "__reduce__", "__reduce_ex__", "__del__",
                     "__getstate__", "__setstate__", "__setattr__", "__dir__",
                     "__annotate__", "__annotate_func__"))  # fmt: skip
_MAKING = frozenset(("__new__", "__init__", "__post_init__"))
_PLAIN = frozenset(
    (float, int, bool, complex, str, bytes, type(None), *np.sctypeDict.values())
) - {np.object_, np.void}  # fmt: skip
_CONTAINERS = frozenset((tuple, list, dict, frozenset))
# What reads names, where it has another name than that.
_READERS = frozenset((getattr, hasattr, vars, dir, globals, eval, exec))
_VIEWS = frozenset((type({}.keys()), type({}.values()), type({}.items())))

Place = tuple[Any, Any, str]


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
        self._found: deque[tuple[Any, str, bool]] = deque()  # what is not opened yet
        self._behind = False  # an object of another package, in what is looked through now
        self._attributes: set[str] = set()
        self._mine: set[str] = set()  # of these, what code names that is not installed
        self._texts: set[str] = set()  # that may be names
        self._asks = self._misses = self._any = self._compares = False  # as in `Names`
        self._owners: list[tuple[Any, str, bool]] = []
        self._operators: set[tuple[type, frozenset[str]]] = set()  # classes, by what is left out
        self._inherited: dict[type, frozenset[str]] = {}
        self._installed = self._n_entries = 0
        self._draws = Draws()
        inside = f
        while isinstance(inside, Transformed):
            inside = inside.__wrapped__
        self._package = (module_of(inside) or "").partition(".")[0]
        self._look(f, "the function")
        for x in statics:
            self._look(x, "a static argument")
        self._open_all()
        if "random" in self._attributes:
            self._draws.add(import_module("numpy.random"))  # which NumPy imports at its first use
        self._before = Surroundings(self._places.values())

    def _open_all(self) -> None:
        """Open what is found, and look for each name at each owner, until nothing is left."""
        known: dict[str, bool] = {}
        state: Any = None  # what the names come from
        done = more = 0  # owners that have been asked for the known names, and for others
        asked = (False, False)
        while True:
            while self._found:
                self._open(*self._found.popleft())
            now = (len(self._attributes), len(self._texts), self._asks, self._misses)
            if now != state:
                state, names = now, self._names()
                added = dict(sorted(names.items() - known.items()))
                known |= added
                for owner in self._owners[:done]:
                    self._look_for(owner, added)
            elif done < len(self._owners):
                self._look_for(self._owners[done], known)
                done += 1
            elif asked != (self._any, self._compares):
                asked, more = (self._any, self._compares), 0
            elif any(asked) and more < done:
                self._look_at_others(*self._owners[more])
                more += 1
            else:
                return

    def _names(self) -> dict[str, bool]:
        """The names of attributes, and whether one that is not there counts, too."""
        asked = self._texts if self._asks else set()
        missed = self._mine | asked if self._misses else asked
        return {name: name in missed for name in self._attributes | asked}

    def _look_for(self, owner: tuple[Any, str, bool], names: dict[str, bool]) -> None:
        x, label, self._behind = owner
        if self._has_room():
            self._look_at_attributes(x, label, names)

    def _is_foreign(self, module: str | None) -> bool:
        """Is a module of an installed package that is not the function's own?"""
        return is_installed(module) and (module or "").partition(".")[0] != self._package

    def _has_room(self, n: int = 0) -> bool:
        """May n more things be looked at? Behind other packages there are only so many."""
        return not self._behind or self._installed + n <= MAX_INSTALLED

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
        if not self._arrays:
            return []
        known, is_linked = {id(x) for x in alone}, overlapping(linked)
        return [
            (x, None, f"the content of {label}")
            for key, (x, label) in self._arrays.items()
            if x.__class__ is Array or (key not in known and may_change(x) and not is_linked(x))
        ]

    def count(self) -> int:
        """How many places, entries of containers and arrays are looked at at each call.

        Returns
        -------
        int
        """
        return len(self._places) + len(self._arrays) + self._n_entries

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
        """Note whatever stands somewhere, to be opened."""
        cls = x.__class__
        if cls is np.ndarray:
            self._ways[id(x)] = self._ways.get(id(x), 0) + 1
        if cls not in _PLAIN and id(x) not in self._seen:
            self._seen[id(x)] = x
            self._found.append((x, label, self._behind))

    def _look_at_entries(self, keys: Iterable[Any], values: tuple[Any, ...], label: str) -> None:
        """The entries of a container; numbers and texts are passed over by their types."""
        if not self._has_room(len(values)) or _PLAIN.issuperset(map(type, values)):
            return
        for key, y in zip(keys, values, strict=True):
            if type(y) not in _PLAIN:
                self._look(y, f"{label}[{key!r}]")

    def _open(self, x: Any, label: str, behind: bool) -> None:
        """Look through whatever stands somewhere."""
        cls = x.__class__
        self._behind = behind or self._is_foreign(module_of(x))
        self._installed += self._behind
        if not self._has_room():
            return
        if cls in _CONTAINERS or isinstance(x, (tuple, list, dict, frozenset)):
            self._look_into_container(x, label)
        elif isinstance(x, np.ndarray) or (cls is Array and not is_tracked(x)):
            self._look_into_array(x, label)
        elif cls is types.FunctionType:
            if not is_library(x):
                self._look_into_function(x, label)
            else:
                self._look(getattr(x, "__wrapped__", None), label)
        elif cls in SEEN:
            self._look_from_outside(x, label)
        elif cls in (operator.attrgetter, operator.methodcaller):
            self._asks = True
            made = x.__reduce__()
            given = (*getattr(made[0], "args", ()), *made[1])
            self._texts.update(*(identifiers(y) for y in given if isinstance(y, str)))
            self._look(made, label)
        elif cls is functools.partial:
            self._look((x.func, x.args, x.keywords), label)
        elif cls is types.MethodType:
            self._look((x.__func__, x.__self__), label)
        elif cls is weakref.ref:
            self._look(x(), label)
        elif cls is types.MappingProxyType:
            self._look(gc.get_referents(x)[0], label)
        elif cls in _VIEWS:
            self._look(x.mapping, label)
        elif not isinstance(x, (type, types.ModuleType, Array)):
            self._look_into_object(x, label)
        elif not is_library(x):
            self._look_into_class_or_module(x, label)

    def _own(self, x: Any, label: str) -> None:
        """Note what has attributes."""
        self._owners.append((x, label, self._behind))

    def _look_into_class_or_module(self, x: Any, label: str) -> None:
        self._own(x, label)
        if isinstance(x, type):
            self._place(x, type, f"the class {label}")
            self._look_at_operators(x, label, _SILENT)
            for names in in_classes(x, "__match_args__"):
                self._texts.update(names)

    def _look_into_array(self, x: Any, label: str) -> None:
        """An array of any class; what is masked counts like the rest."""
        if x.__class__ in (np.ndarray, Array):
            self._note_array(x, label)
            if x.__class__ is np.ndarray and x.dtype.hasobject:
                self._look_at_entries(range(x.size), tuple(x.ravel().tolist()), label)
            return
        for y in (x, own(x).get("_mask")):
            plain = y.view(np.ndarray) if isinstance(y, np.ndarray) else None
            # A file that is only read changes by other processes, if at all.
            if plain is not None and (plain.flags.writeable or not isinstance(y, np.memmap)):
                self._note_array(plain, label)
        self._look_into_object(x, label)

    def _note_array(self, x: Any, label: str) -> None:
        self._arrays[id(x)] = (x, label)
        if x.__class__ is np.ndarray:
            self._place(x, False, f"the shape of {label}")

    def _look_into_function(self, f: types.FunctionType, label: str) -> None:
        code, outside = f.__code__, f.__globals__
        names = names_of(code)
        self._place(f, code_digest, f"the code of {label}")
        self._attributes |= names.attributes
        if not self._is_foreign(f.__module__):
            self._mine |= names.attributes
            self._texts |= names.texts
            self._asks |= names.asks
            self._misses |= names.misses
            self._any |= names.any_attribute
            self._compares |= names.compares
        for name, cell in zip(code.co_freevars, f.__closure__ or (), strict=True):
            self._place(cell, None, name, *cell_content(cell))
        for name in sorted(names.variables):
            x = outside.get(name)
            if isinstance(x, (types.ModuleType, types.BuiltinFunctionType)):
                self._draws.add(x)
            self._place(outside, name, name, x)
        if "globals" in names.variables or names.any_variable:
            self._own(Namespace(outside), "the module")
        if names.modules:
            for module, name in imported(names.modules, outside.get("__package__") or ""):
                self._draws.add(module)
                self._look(module, name)
        self._look((f.__defaults__, f.__kwdefaults__), f"a default of {f.__name__}")
        if f.__dict__:
            self._own(f, label)
            self._look(f.__dict__.get("registry"), label)  # of `functools.singledispatch`

    def _look_into_container(self, x: Any, label: str) -> None:
        """A tuple, a list or a dict; of classes of the user's, which have attributes too."""
        if x.__class__ not in _CONTAINERS:
            self._look_into_object(x, label)
        if isinstance(x, dict):
            if x is not vars(builtins):
                self._look_into_dict(x, label)
        elif isinstance(x, list):
            entries = tuple(list.__iter__(x))
            self._place_entries(x, entries, label)
            self._look_at_entries(range(len(entries)), entries, label)
        else:
            entries = tuple((tuple if isinstance(x, tuple) else frozenset).__iter__(x))
            self._look_at_entries(range(len(entries)), entries, label)

    def _look_into_dict(self, x: dict[Any, Any], label: str) -> None:
        entries = tuple(chain.from_iterable(dict.items(x)))  # while no other thread runs
        self._place_entries(x, entries, label)
        self._look_at_entries(entries[::2], entries[1::2], label)
        self._look_at_entries(entries[::2], entries[::2], f"the keys of {label}")
        if isinstance(x, OrderedDict):
            self._place(x, order_of, f"the order of {label}")

    def _look_from_outside(self, x: Any, label: str) -> None:
        """An object of which a function gives what is in it."""
        seen = SEEN[x.__class__]
        with suppress(ValueError, RuntimeError):  # let go of, or changed by another thread
            content = seen(x)
            self._place(x, seen, f"the content of {label}")
            self._look_at_entries(range(len(content)), content, label)

    def _look_into_object(self, x: Any, label: str) -> None:
        """A method, a transformation, or an instance of the user's class."""
        cls = x.__class__
        is_ours = isinstance(x, Transformed)
        self._look(x.__wrapped__ if is_ours else own(x).get("__wrapped__"), label)
        for name in x._rule_names if is_ours else ():
            self._place(vars(x), name, f"{label}.{name}", getattr(x, name))
        if is_library(cls):
            self._draws.add(x)
            self._any |= cls is types.BuiltinFunctionType and x in _READERS
        if is_library(cls) and (cls.__module__, cls.__name__) not in _OPEN:
            if cls.__module__ == "collections" and cls.__name__ in _WRAPPERS:
                self._look(vars(x), label)
            elif _is_made_of_arrays(cls):
                self._look_at_parts(x, label)
            return
        self._own(x, label)
        for y in (x, type(x)):
            self._place(y, type, f"the class of {label}")
        self._look_at_operators(cls, label, _SILENT | _MAKING)

    def _look_at_parts(self, x: Any, label: str) -> None:
        """An object that is made of arrays: a sparse matrix, a polynomial, a spline."""
        for name, y in tuple(own(x).items()):
            # A spline of SciPy 1.18 holds another.
            if isinstance(y, np.ndarray) or _is_made_of_arrays(y.__class__):
                self._place(own(x), name, f"{label}.{name}", y)
        for cls in type(x).__mro__:
            for name, member in tuple(vars(cls).items()):
                if member.__class__ is types.MemberDescriptorType:
                    content = slot(x, member)
                    if content and isinstance(content[0], np.ndarray):
                        self._place(x, member, f"{label}.{name}", *content)

    def _look_at_operators(self, cls: Any, label: str, besides: frozenset[str]) -> None:
        """The methods that Python calls for operators, `len(x)`, `for`, `with`, new instances."""
        if (cls, besides) in self._operators or not isinstance(cls, type):
            return
        self._operators.add((cls, besides))
        for base in cls.__mro__:
            if is_library(base) or self._is_foreign(base.__module__):
                continue
            for name, found in tuple(vars(base).items()):
                method = getattr(found, "__func__", found)
                if (
                    name[:2] == name[-2:] == "__"
                    and name not in besides
                    and method.__class__ is types.FunctionType
                    and (name in _MAKING or method.__code__.co_filename != "<string>")
                ):  # not `==` of dataclasses, which reads everything
                    self._place(base, name, f"{label}.{name}", method)

    def _look_at_attributes(self, owner: Any, label: str, names: dict[str, bool]) -> None:
        """The attributes of an instance, a class or a module that some code names; some of the
        names count where there is no attribute, too."""
        mine, is_class = own(owner), isinstance(owner, type)
        has_class = not isinstance(owner, (types.ModuleType, types.FunctionType, Namespace))
        inherited = self._class_attributes(owner) if has_class else frozenset()
        makes = "__getattr__" in inherited  # what is not there
        wanted: Any = names.keys()
        if not makes:
            asks = (self._asks or self._misses) and not self._behind
            missed = {name for name in wanted if names[name]} if asks else set()
            wanted = wanted & inherited | (set() if is_class else wanted & mine.keys()) | missed
        for name in sorted(wanted):
            whole = f"{label}.{name}"
            if not is_class and name in mine:
                self._place(mine, name, whole)
                self._look_through(mine[name], whole)
                if name in inherited and any(map(is_set, in_classes(type(owner), name))):
                    self._look_at_class(owner, {}, name, whole)  # a property goes before
                elif has_class:
                    self._place_in_classes(owner, name, whole)
            elif name in inherited:
                self._look_at_class(owner, mine, name, whole)
            elif (names[name] or makes) and mine.__class__ is dict:
                self._place(mine, name, whole)  # which is not there yet

    def _place_in_classes(self, owner: Any, name: str, label: str) -> None:
        """Where a property would go before what an instance has of its own."""
        for cls in type(owner).__mro__:
            if not is_library(cls) and not self._is_foreign(cls.__module__):
                self._place(cls, name, label)

    def _class_attributes(self, owner: Any) -> frozenset[str]:
        """The names that an instance has from its classes, or a class."""
        key = owner if isinstance(owner, type) else type(owner)
        if key not in self._inherited:
            found = [vars(cls) for cls in classes_of(owner) if not is_library(cls)]
            self._inherited[key] = frozenset().union(*found)
        return self._inherited[key]

    def _look_at_class(self, owner: Any, mine: Any, name: str, label: str) -> None:
        """An attribute that an instance has from its class, or a class.

        Behind a method are those that it may call by `super`.
        """
        hiding: list[Any] = [mine] if mine.__class__ is dict else []
        for cls in classes_of(owner):
            if is_library(cls):
                continue
            if name not in vars(cls):
                hiding.append(cls)
                continue
            found = vars(cls)[name]
            if found.__class__ is types.MemberDescriptorType and not isinstance(owner, type):
                self._place(owner, found, label, *slot(owner, found))
                return
            for where in hiding if not is_set(found) else hiding[mine.__class__ is dict :]:
                self._place(where, name, label)  # where another one would hide this
            hiding = []
            self._place(cls, name, label)
            self._look_through(found, label)
            if not hasattr(found, "__get__"):
                return

    def _look_at_others(self, owner: Any, label: str, behind: bool) -> None:
        """Attributes that are read without being named."""
        self._behind = behind
        fields = in_classes(type(owner), "__dataclass_fields__")
        if self._compares and fields:  # what `==` reads
            self._look_at_attributes(owner, label, dict.fromkeys(fields[0], False))
        if self._any:
            self._look_at_all(owner, label)

    def _look_at_all(self, owner: Any, label: str) -> None:
        """All attributes, for code that makes names while it runs; not of other packages."""
        mine = own(owner)
        if self._is_foreign(module_of(owner)):
            return
        if mine.__class__ is dict:
            self._look_at_variables(mine, mine, label)
        for cls in owner.__mro__ if isinstance(owner, type) else type(owner).__mro__:
            if is_library(cls) or self._is_foreign(cls.__module__):
                continue
            self._look_at_variables(cls, vars(cls), label)
            for name, member in tuple(vars(cls).items()):
                is_slot = member.__class__ is types.MemberDescriptorType
                if is_slot and not isinstance(owner, type):
                    self._place(owner, member, f"{label}.{name}", *slot(owner, member))

    def _look_at_variables(self, where: Any, variables: Any, label: str) -> None:
        entries = tuple(chain.from_iterable(variables.items()))
        self._place_entries(where, entries, label)
        for name, x in zip(entries[::2], entries[1::2], strict=True):
            if str(name)[:2] != "__":
                self._look_through(x, f"{label}.{name}")

    def _look_through(self, found: Any, label: str) -> None:
        """An attribute; of a method or a property, the function that it runs."""
        for name in ("fget", "__func__", "func") if hasattr(found, "__get__") else ():
            found = getattr(found, name, None) or found
        self._look(found, label)

    def _place_entries(self, where: Any, entries: tuple[Any, ...], label: str) -> None:
        if not self._has_room(len(entries)):
            return
        self._places[id(where), Contents] = (where, Contents(entries), label)
        self._n_entries += len(entries)
        self._installed += self._behind * len(entries)

    def _place(self, where: Any, key: Any, label: str, *content: Any) -> None:
        self._installed += self._behind
        self._places.setdefault((id(where), key), (where, key, label))
        for x in content:
            self._look(x, label)


def _is_made_of_arrays(cls: Any) -> bool:
    return is_library(cls) and cls.__module__.partition(".")[0] in _MADE_OF_ARRAYS


def _is_numpy(x: Any) -> bool:
    return isinstance(x, types.ModuleType) and x.__name__ in ("numpy", "cdiff.numpy")


def _variable(f: types.FunctionType, name: str) -> Any:
    """A variable of a function from outside."""
    names = f.__code__.co_freevars
    if name not in names:
        return f.__globals__.get(name)
    return next(iter(cell_content((f.__closure__ or ())[names.index(name)])), None)
