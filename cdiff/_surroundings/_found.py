"""What was found around a function: places, arrays, and what is still to be looked at.

Whoever goes through objects notes here what they hold; each object is opened once, and numbers in
containers are passed over by their types. Behind other packages than the function's own lie their
caches and registries, so there are only so many objects, places and entries that are looked at.
This file must not know what kinds of objects there are. It does a dictionary's work for each.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import Contents
from cdiff._surroundings._objects import is_installed, module_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdiff._surroundings._named import Names

    Place = tuple[Any, Any, str]

__all__ = ["Bound", "Found", "Wanted"]

MAX_INSTALLED = 2_000  # objects, places and entries behind other packages that are looked at

_PLAIN = frozenset(
    (float, int, bool, complex, str, bytes, type(None), *np.sctypeDict.values())
) - {np.object_, np.void}  # fmt: skip


class Bound:
    """How much of what lies behind other packages is looked at.

    Parameters
    ----------
    package : str
        That of the function.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._spent = 0
        self.behind = False  # an object of another package, in what is looked at now

    def is_foreign(self, module: str | None) -> bool:
        """Is a module of an installed package that is not the function's own?"""
        return is_installed(module) and (module or "").partition(".")[0] != self._package

    def enter(self, x: Any, behind: bool) -> bool:
        """Look at what x holds, which may itself be behind a package; False without room."""
        self.behind = behind or self.is_foreign(module_of(x))
        if self.behind:
            self.spend(1)
        return self.has_room()

    def spend(self, n: int) -> None:
        """Count so many things that are behind another package."""
        self._spent += n

    def has_room(self, n: int = 0) -> bool:
        """May n more things be looked at?"""
        return not self.behind or self._spent + n <= MAX_INSTALLED


class Found:
    """Places whose values have to stay, arrays whose contents have to, and what is not done yet.

    Parameters
    ----------
    bound : Bound
    """

    def __init__(self, bound: Bound) -> None:
        self.bound = bound
        self.places: dict[tuple[int, Any], Place] = {}
        self.arrays: dict[int, tuple[Any, str]] = {}
        self.seen: dict[int, Any] = {}
        self.unopened: deque[tuple[Any, str, bool]] = deque()
        self.owners: list[tuple[Any, str, bool]] = []  # of attributes
        self._ways: dict[int, int] = {}  # to arrays
        self._n_entries = 0

    def look(self, x: Any, label: str) -> None:
        """Note whatever stands somewhere, to be opened."""
        cls = x.__class__
        if cls is np.ndarray:
            self._ways[id(x)] = self._ways.get(id(x), 0) + 1
        if cls not in _PLAIN and id(x) not in self.seen:
            self.seen[id(x)] = x
            self.unopened.append((x, label, self.bound.behind))

    def look_at_entries(self, keys: Iterable[Any], values: tuple[Any, ...], label: str) -> None:
        """The entries of a container; numbers and texts are passed over by their types."""
        if not self.bound.has_room(len(values)) or _PLAIN.issuperset(map(type, values)):
            return
        for key, y in zip(keys, values, strict=True):
            if type(y) not in _PLAIN:
                self.look(y, f"{label}[{key!r}]")

    def own(self, x: Any, label: str) -> None:
        """Note what has attributes."""
        self.owners.append((x, label, self.bound.behind))

    def place(self, where: Any, key: Any, label: str, *content: Any) -> None:
        """Note a place, and look at what stands there."""
        if self.bound.behind:
            self.bound.spend(1)
        self.places.setdefault((id(where), key), (where, key, label))
        for x in content:
            self.look(x, label)

    def place_entries(self, where: Any, entries: tuple[Any, ...], label: str) -> None:
        """Note all entries of a container as one place."""
        if self.bound.has_room(len(entries)):
            self.places[id(where), Contents] = (where, Contents(entries), label)
            self._n_entries += len(entries)
            if self.bound.behind:
                self.bound.spend(len(entries))

    def place_array(self, x: Any, label: str) -> None:
        """Note an array, whose content counts."""
        self.arrays[id(x)] = (x, label)
        if x.__class__ is np.ndarray:
            self.place(x, False, f"the shape of {label}")

    def has_one_way(self, x: Any) -> bool:
        """Is there a single place from which an array can be reached?"""
        return self._ways.get(id(x)) == 1

    def count(self) -> int:
        """How many places, entries and arrays there are."""
        return len(self.places) + len(self.arrays) + self._n_entries


class Wanted:
    """The names that the code which was found reads, as in `Names`."""

    def __init__(self) -> None:
        self.attributes: set[str] = set()
        self.texts: set[str] = set()  # that may be names
        self.asks = self.misses = self.any_attribute = self.compares = False
        self._mine: set[str] = set()  # of the attributes, what code names that is not installed

    def add(self, names: Names, is_foreign: bool) -> None:
        """What another function reads; of other packages' functions, only attributes."""
        self.attributes |= names.attributes
        if not is_foreign:
            self._mine |= names.attributes
            self.texts |= names.texts
            self.asks |= names.asks
            self.misses |= names.misses
            self.any_attribute |= names.any_attribute
            self.compares |= names.compares

    def extent(self) -> tuple[Any, ...]:
        """What changes when `names` would give more."""
        return len(self.attributes), len(self.texts), self.asks, self.misses

    def names(self) -> dict[str, bool]:
        """The names of attributes, and whether one that is not there counts, too."""
        asked = self.texts if self.asks else set()
        missed = self._mine | asked if self.misses else asked
        return {name: name in missed for name in self.attributes | asked}
