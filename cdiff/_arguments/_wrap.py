"""What all transformations share: the callable they return, and how they pick arguments.

`Transformed` is a function made from a function: it carries the name, the documentation and
the signature of the original, can be printed, pickled, and used as a method. `Inputs` takes
the arguments that are to be differentiated out of a call and puts other objects (tracked
leaves, gradients) in their places. Neither knows how a derivative is computed. A call does
little here: one pass over the chosen arguments, none over the others.
"""

from __future__ import annotations

import sys
from operator import index
from types import MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._leaves import check_input, check_output, is_differentiable, outside, restore
from cdiff._arguments._tree import (
    LEAF,
    LEAF_TYPES,
    TreeDef,
    describe,
    flatten,
    leaf_paths,
    unflatten,
)
from cdiff._core import Array, refuse_left

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Argnums = int | tuple[int, ...]

__all__ = [
    "Inputs",
    "Outputs",
    "Transformed",
    "check_argnums",
    "check_function",
    "check_seed",
    "function_name",
    "split_aux",
]


NUMBERS = (Array, np.ndarray, np.generic, float)  # what somebody gives who forgets a call


def function_name(f: Any) -> str:
    """The name of a callable for messages.

    Parameters
    ----------
    f : callable

    Returns
    -------
    str
    """
    name = getattr(f, "__qualname__", None) or getattr(f, "__name__", None)
    return str(name) if name else type(f).__qualname__


def check_function(f: Any, who: str) -> None:
    """Raise unless `f` is callable.

    Parameters
    ----------
    f : object
    who : str
        The transformation, for the message.

    Raises
    ------
    TypeError
    """
    if not callable(f):
        hint = f"; write {who}(f)(x), not {who}(f(x))" if isinstance(f, NUMBERS) else ""
        raise TypeError(f"{who} needs a function, got a {type(f).__name__}{hint}")


def check_seed(seed: Any, who: str) -> int:
    """The seed of a random generator; NumPy would take anything, and follow it without end.

    Parameters
    ----------
    seed : int
    who : str
        The function that was called.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If it is no integer >= 0.
    """
    number = index(seed) if hasattr(type(seed), "__index__") else -1
    if number < 0:
        raise ValueError(f"{who}: seed must be an integer >= 0, got {seed!r:.80}")
    return number


def check_argnums(argnums: Any, who: str) -> Argnums:
    """Argument positions as an int or a tuple of ints.

    Parameters
    ----------
    argnums : int or sequence of int
    who : str
        The transformation, for the message.

    Returns
    -------
    int or tuple of int

    Raises
    ------
    TypeError
        If `argnums` is neither an int nor a sequence of ints.
    ValueError
        If it is empty or names an argument twice.
    """
    if argnums.__class__ is int:
        return argnums
    if isinstance(argnums, (tuple, list)):
        positions = tuple(argnums)
        if not positions:
            raise ValueError(f"{who}: argnums is empty; name at least one argument")
    else:
        positions = (argnums,)
    for i in positions:
        if isinstance(i, (bool, Array, np.ndarray)) or not hasattr(type(i), "__index__"):
            hint = f"; the arguments of f go into a call of their own, {who}(f)(x)"
            raise TypeError(
                f"{who}: argnums must be an int or a tuple of ints, got {argnums!r:.80}"
                f"{hint if isinstance(argnums, NUMBERS) else ''}"
            )
    indices = tuple([i.__index__() for i in positions])
    _check_distinct(indices, argnums, who)
    return indices if isinstance(argnums, (tuple, list)) else indices[0]


class Transformed:
    """A function made from a function by a transformation.

    Parameters
    ----------
    f : callable
        The original, kept as ``__wrapped__``.
    factory : callable
        The transformation; ``factory(f, **options)`` makes this object again (for pickle).
    options : dict
        The transformation's keyword arguments.
    """

    _rule_names: tuple[str, ...] = ()  # attributes with other functions of the user's

    def __init__(self, f: Callable[..., Any], factory: Any, options: dict[str, Any]) -> None:
        check_function(f, factory.__name__)
        for name in ("__module__", "__name__", "__qualname__", "__doc__"):
            value = getattr(f, name, None)
            if isinstance(value, str):
                self.__dict__[name] = value
        self.__wrapped__ = f
        self._f = f
        self._factory = factory
        self._options = options

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def __repr__(self) -> str:
        options = "".join([f", {name}={value!r}" for name, value in self._options.items()])
        return f"<cdiff.{self._factory.__name__}({function_name(self._f)}{options})>"

    def __get__(self, instance: Any, owner: type | None = None) -> Transformed | MethodType:
        if instance is None:
            return self
        return MethodType(self, instance)

    def __reduce__(self) -> str | tuple[Any, ...]:
        # Used as a decorator, the name of the original now means this object.
        qualname = self.__dict__.get("__qualname__")
        if qualname is not None and "<" not in qualname:
            found: Any = sys.modules.get(self.__module__)
            for part in qualname.split("."):
                found = getattr(found, part, None)
            if found is self:
                return str(qualname)
        return _remake, (self._factory, self._f, self._options)


def _remake(factory: Any, f: Callable[..., Any], options: dict[str, Any]) -> Any:
    return factory(f, **options)


class Inputs:
    """The arguments of one call that are differentiated.

    Parameters
    ----------
    args : sequence
        All positional arguments.
    argnums : int or tuple of int
        Positions of those to differentiate; negative counts from the end.
    who : str
        The transformation, for messages.
    noun : str
        What an argument is called in messages.

    Attributes
    ----------
    leaves : list
        All differentiated numbers and arrays, checked.

    Raises
    ------
    TypeError
        If a chosen argument holds anything without a derivative.
    ValueError
        If `argnums` does not fit the call.
    """

    __slots__ = ("args", "bare", "leaves", "positions", "single", "trees")

    def __init__(
        self, args: Sequence[Any], argnums: Argnums, who: str, noun: str = "argument"
    ) -> None:
        self.args = args
        self.single = argnums.__class__ is int
        numbers: Any = (argnums,) if self.single else argnums
        self.positions = _positions(numbers, len(args), who)
        self.bare = False
        if self.single:
            x = args[self.positions[0]]
            if x.__class__ in LEAF_TYPES and is_differentiable(x):
                # One number or array, as most often: no container to take apart or rebuild.
                self.bare = True
                self.leaves: list[Any] = [x]
                self.trees: list[TreeDef] = [LEAF]
                return
        self.leaves = []
        self.trees = []
        for i in self.positions:
            leaves, treedef = flatten(args[i])
            if args[i] is None:
                check_input(None, f"{noun} {i}")
            _check_leaves(check_input, leaves, treedef, noun, i)
            self.leaves += leaves
            self.trees.append(treedef)

    def run(
        self, f: Callable[..., Any], leaves: Iterable[Any], kwargs: dict[str, Any] | None = None
    ) -> Any:
        """The result of a function with other leaves in the chosen places.

        Parameters
        ----------
        f : callable
        leaves : iterable
            As many as ``self.leaves``.
        kwargs : dict, optional

        Returns
        -------
        object
        """
        try:
            return f(*self.call(leaves), **kwargs or {})
        except (AttributeError, TypeError) as error:
            self._note_lists(error)
            raise

    def _note_lists(self, error: BaseException) -> None:
        """NumPy's functions take lists for arrays, here they are containers of numbers."""
        for i in self.positions:
            if isinstance(x := self.args[i], (list, tuple)) and x and isinstance(x[0], NUMBERS):
                note = (
                    f"argument {i} is a {type(x).__name__}, a container of numbers: give "
                    "np.array(...) where it is to be an array"
                )
                if note not in getattr(error, "__notes__", ()):
                    error.add_note(note)

    def call(self, leaves: Iterable[Any]) -> list[Any]:
        """The arguments of the call with other leaves in the chosen places.

        Parameters
        ----------
        leaves : iterable
            As many as ``self.leaves``.

        Returns
        -------
        list
            All positional arguments.
        """
        args = list(self.args)
        if self.bare:
            (args[self.positions[0]],) = leaves
            return args
        for i, tree in zip(self.positions, self._trees(leaves), strict=True):
            args[i] = tree
        return args

    def _trees(self, leaves: Iterable[Any]) -> list[Any]:
        leaves = list(leaves)
        result = []
        start = 0
        for treedef in self.trees:
            stop = start + treedef.n_leaves
            result.append(unflatten(treedef, leaves[start:stop]))
            start = stop
        return result

    def result(self, leaves: Iterable[Any]) -> Any:
        """Objects that belong to the leaves, in the structure of the chosen arguments.

        Parameters
        ----------
        leaves : iterable
            As many as ``self.leaves``.

        Returns
        -------
        container
            Like the argument for one int as argnums; else a tuple with an entry for each.
        """
        trees = self._trees(leaves)
        return trees[0] if self.single else tuple(trees)

    def gradient(self, grads: Sequence[Any]) -> Any:
        """Derivatives in the structure and the types of the chosen arguments.

        Parameters
        ----------
        grads : list of Array or None
            As many as ``self.leaves``.

        Returns
        -------
        container
        """
        if self.bare:
            return restore(self.leaves[0], grads[0])
        return self.result([restore(x, g) for x, g in zip(self.leaves, grads, strict=True)])


def _check_leaves(
    check: Callable[[Any, str], None],
    leaves: list[Any],
    treedef: TreeDef,
    noun: str,
    owner: Any,
) -> None:
    """Check all leaves; names are made only when a check fails."""
    try:
        for x in leaves:
            check(x, "")
    except TypeError:
        name = f"{noun} {owner if owner.__class__ is int else function_name(owner)}"
        for x, path in zip(leaves, leaf_paths(treedef, name), strict=True):
            check(x, path)
        raise


def _positions(argnums: tuple[int, ...], n: int, who: str) -> tuple[int, ...]:
    """Positions counted from the start, checked."""
    if len(argnums) == 1 and 0 <= argnums[0] < n:
        return argnums
    positions = tuple([i + n if i < 0 else i for i in argnums])
    for i, given in zip(positions, argnums, strict=True):
        if not 0 <= i < n:
            raise ValueError(
                f"{who}: argnums={given}, but the function was called with {n} positional "
                "argument(s) (a differentiated argument must be given by position)"
            )
    _check_distinct(positions, argnums, who)
    return positions


def _check_distinct(positions: tuple[int, ...], argnums: Any, who: str) -> None:
    if len(set(positions)) < len(positions):
        raise ValueError(f"{who}: argnums={argnums} names an argument twice")


class Outputs:
    """What the function returned, taken apart and checked.

    Parameters
    ----------
    out : container
    f : callable
        The function, for messages.
    level : int
        Level of the transformation.

    Attributes
    ----------
    leaves : list
    treedef : TreeDef

    Raises
    ------
    TypeError
        If an output is not a real number or a float array.
    """

    __slots__ = ("f", "leaves", "level", "treedef")

    def __init__(self, out: Any, f: Callable[..., Any], level: int) -> None:
        self.f = f
        self.level = level
        self.leaves, self.treedef = flatten(out)
        refuse_left(self.leaves, level)
        if out is None:
            check_output(None, f"the output of {function_name(f)}")
        _check_leaves(check_output, self.leaves, self.treedef, "the output of", f)

    def values(self) -> Any:
        """The function's result as the caller of the transformation sees it.

        Returns
        -------
        container
        """
        return unflatten(self.treedef, [outside(y, self.level) for y in self.leaves])


def split_aux(out: Any, f: Callable[..., Any], level: int) -> tuple[Any, Any]:
    """Result and auxiliary data of a function that returns both.

    Parameters
    ----------
    out : object
        What the function returned.
    f : callable
        The function, for the message.
    level : int
        Level of the transformation that is left: auxiliary data are handed out without it.

    Returns
    -------
    out, aux : object

    Raises
    ------
    TypeError
        If `out` is not a pair.
    """
    if not isinstance(out, tuple) or len(out) != 2:
        raise TypeError(
            f"with has_aux=True {function_name(f)} must return a pair (output, auxiliary data), "
            f"it returned {describe(out)}"
        )
    leaves, treedef = flatten(out[1])
    plain = [outside(leaf, level) for leaf in leaves]
    if all(new is old for new, old in zip(plain, leaves, strict=True)):
        return out  # untouched: also what a container would not keep when built again
    return out[0], unflatten(treedef, plain)
