"""What a function reads besides its arguments: closures, global variables, attributes, defaults.

A recorded program holds whatever number stood there as a constant, so it may be used only while
they stand there still. Here the places are found, by looking through the code of the function and
of the Python functions that it names, and through all that it finds there; the core looks at them
at each call. What was found is kept by `_found`; `_opening` knows what objects hold, `_attributes`
where they have attributes from. It runs once for each recording: what is found is opened once, and
each name is asked for once at each object.
"""

from __future__ import annotations

import types
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._wrap import Transformed
from cdiff._core import Array, Surroundings
from cdiff._surroundings._attributes import Attributes
from cdiff._surroundings._drawing import Draws
from cdiff._surroundings._found import Bound, Found, Wanted
from cdiff._surroundings._objects import cell_content, may_change, module_of
from cdiff._surroundings._opening import Opener
from cdiff._surroundings._ranges import overlapping
from cdiff._surroundings._reads import innermost, variables_of_programs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdiff._surroundings._found import Place

__all__ = ["Observer"]


class Observer:
    """Looks through a function and the static arguments of a call before it is recorded.

    Parameters
    ----------
    f : callable
    statics : iterable
        Objects that are arguments and no inputs.
    """

    def __init__(self, f: Any, statics: Iterable[Any]) -> None:
        self._found = Found(Bound(_package(f)))
        self._draws = Draws()
        self._found.look(f, "the function")
        for x in statics:
            self._found.look(x, "a static argument")
        wanted = Wanted()
        self._open_all(wanted)
        if "random" in wanted.attributes:
            self._draws.add(import_module("numpy.random"))  # which NumPy imports at its first use
        self._before = Surroundings(self._found.places.values())

    def _open_all(self, wanted: Wanted) -> None:
        """Open what is found, and look for each name at each owner, until nothing is left."""
        owners = self._found.owners
        opener = Opener(self._found, wanted, self._draws)
        attributes = Attributes(self._found, wanted)
        known: dict[str, bool] = {}
        extent: Any = None  # of what the known names come from
        done = more = 0  # owners that have been asked for the known names, and for others
        others = (False, False)
        while True:
            opener.open_all()
            if extent != (now := wanted.extent()):
                extent, names = now, wanted.names()
                added = dict(sorted(names.items() - known.items()))
                known |= added
                for owner in owners[:done]:
                    attributes.look_for(owner, added)
            elif done < len(owners):
                attributes.look_for(owners[done], known)
                done += 1
            elif others != (wanted.any_attribute, wanted.compares):
                others, more = (wanted.any_attribute, wanted.compares), 0
            elif any(others) and more < done:
                attributes.look_at_others(owners[more])
                more += 1
            else:
                return

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
        return [x for x, _ in self._found.arrays.values()]

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
        if not self._found.arrays:
            return []
        known, is_linked = {id(x) for x in alone}, overlapping(linked)
        return [
            (x, None, f"the content of {label}")
            for key, (x, label) in self._found.arrays.items()
            if x.__class__ is Array or (key not in known and may_change(x) and not is_linked(x))
        ]

    def count(self) -> int:
        """How many places, entries of containers and arrays are looked at at each call.

        Returns
        -------
        int
        """
        return self._found.count()

    def knows(self, x: Any) -> bool:
        """Was this object there before the call, where the function or an argument leads to it?"""
        return id(x) in self._found.seen

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
        if f.__class__ is not types.FunctionType or not self._found.arrays:
            return []
        found = []
        modules = {k for k in f.__code__.co_names if _is_numpy(f.__globals__.get(k))}
        for name in variables_of_programs(f.__code__, traced, frozenset(modules)):
            x = _variable(f, name)
            is_array = x.__class__ is np.ndarray and x.dtype.kind in "fc"
            if is_array and x.ndim and self._found.has_one_way(x):
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
        known = {f"the content of {self._found.arrays[id(x)][1]}": x for x in among}
        found = [known.get(label) for label in labels]
        return None if any(x is None for x in found) else found


def _package(f: Any) -> str:
    """The package of a function, under all transformations."""
    while isinstance(f, Transformed):
        f = f.__wrapped__
    return (module_of(f) or "").partition(".")[0]


def _is_numpy(x: Any) -> bool:
    return isinstance(x, types.ModuleType) and x.__name__ in ("numpy", "cdiff.numpy")


def _variable(f: types.FunctionType, name: str) -> Any:
    """A variable of a function from outside."""
    names = f.__code__.co_freevars
    if name not in names:
        return f.__globals__.get(name)
    return next(iter(cell_content((f.__closure__ or ())[names.index(name)])), None)
