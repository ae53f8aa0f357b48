"""The attributes of objects that code names, wherever an object has them from.

What an instance has of its own, what its classes give it, what goes before these (properties,
slots), what a method may reach by `super`, and where a name that is missing would appear. No code
of the objects runs. This file knows how Python finds attributes; it must not know who asks for
them. Each name is asked for once at each object, and the names that a class gives are put together
once.
"""

from __future__ import annotations

import types
from itertools import chain
from typing import TYPE_CHECKING, Any

from cdiff._surroundings._objects import (
    Namespace,
    classes_of,
    in_classes,
    is_library,
    is_set,
    module_of,
    own,
    slot,
)

if TYPE_CHECKING:
    from cdiff._surroundings._found import Found, Wanted

__all__ = ["Attributes"]


class Attributes:
    """Looks for the names that are wanted among the attributes of what has some.

    Parameters
    ----------
    found : Found
        Where places are noted.
    wanted : Wanted
    """

    def __init__(self, found: Found, wanted: Wanted) -> None:
        self._found = found
        self._bound = found.bound
        self._wanted = wanted
        self._inherited: dict[type, frozenset[str]] = {}

    def look_for(self, owner: tuple[Any, str, bool], names: dict[str, bool]) -> None:
        """Names at an owner; where the value is True, also one that is not there."""
        x, label, self._bound.behind = owner
        if self._bound.has_room():
            self._look_for(x, label, names)

    def look_at_others(self, owner: tuple[Any, str, bool]) -> None:
        """Attributes that are read without being named."""
        x, label, self._bound.behind = owner
        fields = in_classes(type(x), "__dataclass_fields__")
        if self._wanted.compares and fields:  # what `==` reads
            self._look_for(x, label, dict.fromkeys(fields[0], False))
        if self._wanted.any_attribute:
            self._look_at_all(x, label)

    def _look_for(self, owner: Any, label: str, names: dict[str, bool]) -> None:
        mine, is_class = own(owner), isinstance(owner, type)
        has_class = not isinstance(owner, (types.ModuleType, types.FunctionType, Namespace))
        inherited = self._class_attributes(owner) if has_class else frozenset()
        makes = "__getattr__" in inherited  # what is not there
        asked: Any = names.keys()
        if not makes:
            asks = (self._wanted.asks or self._wanted.misses) and not self._bound.behind
            missed = {name for name in names if names[name]} if asks else set()
            asked = asked & inherited | (set() if is_class else asked & mine.keys()) | missed
        for name in sorted(asked):
            whole = f"{label}.{name}"
            if not is_class and name in mine:
                self._found.place(mine, name, whole)
                self._look_through(mine[name], whole)
                if name in inherited and any(map(is_set, in_classes(type(owner), name))):
                    self._look_at_class(owner, {}, name, whole)  # a property goes before
                elif has_class:
                    self._place_in_classes(owner, name, whole)
            elif name in inherited:
                self._look_at_class(owner, mine, name, whole)
            elif (names[name] or makes) and mine.__class__ is dict:
                self._found.place(mine, name, whole)  # which is not there yet

    def _is_passed_over(self, cls: type) -> bool:
        return is_library(cls) or self._bound.is_foreign(cls.__module__)

    def _place_in_classes(self, owner: Any, name: str, label: str) -> None:
        """Where a property would go before what an instance has of its own."""
        for cls in type(owner).__mro__:
            if not self._is_passed_over(cls):
                self._found.place(cls, name, label)

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
                self._found.place(owner, found, label, *slot(owner, found))
                return
            for where in hiding if not is_set(found) else hiding[mine.__class__ is dict :]:
                self._found.place(where, name, label)  # where another one would hide this
            hiding = []
            self._found.place(cls, name, label)
            self._look_through(found, label)
            if not hasattr(found, "__get__"):
                return

    def _look_at_all(self, owner: Any, label: str) -> None:
        """All attributes, for code that makes names while it runs; not of other packages."""
        mine = own(owner)
        if self._bound.is_foreign(module_of(owner)):
            return
        if mine.__class__ is dict:
            self._look_at_variables(mine, mine, label)
        for cls in owner.__mro__ if isinstance(owner, type) else type(owner).__mro__:
            if self._is_passed_over(cls):
                continue
            self._look_at_variables(cls, vars(cls), label)
            for name, member in tuple(vars(cls).items()):
                is_slot = member.__class__ is types.MemberDescriptorType
                if is_slot and not isinstance(owner, type):
                    self._found.place(owner, member, f"{label}.{name}", *slot(owner, member))

    def _look_at_variables(self, where: Any, variables: Any, label: str) -> None:
        entries = tuple(chain.from_iterable(variables.items()))
        self._found.place_entries(where, entries, label)
        for name, x in zip(entries[::2], entries[1::2], strict=True):
            if str(name)[:2] != "__":
                self._look_through(x, f"{label}.{name}")

    def _look_through(self, found: Any, label: str) -> None:
        """An attribute; of a method or a property, the function that it runs."""
        for name in ("fget", "__func__", "func") if hasattr(found, "__get__") else ():
            found = getattr(found, name, None) or found
        self._found.look(found, label)
