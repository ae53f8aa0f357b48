"""What a call of a compiled function is recognised by.

Knows arguments and their containers; it must not know programs or how they are found. This is the
general way only: a call that looks like a recent one never comes here.
"""

from __future__ import annotations

import inspect
from dataclasses import fields, is_dataclass
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._tree import flatten, leaf_paths, unflatten
from cdiff._arguments._wrap import check_argnums, function_name
from cdiff._core import Array, is_crosswise, is_tracked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cdiff._arguments._tree import TreeDef

__all__ = ["Signature", "Statics", "static_key", "static_value", "structure", "takes"]

NOTHING: frozenset[int] = frozenset()


class Statics:
    """Which arguments of a call are static whatever they are.

    Parameters
    ----------
    f : callable
    argnums : int or tuple of int
        Positions; negative ones count from the last parameter of `f`.
    argnames : str or tuple of str
        Names, for arguments that are given by name; where the parameters of `f` are known, a
        position and its name mean the same.

    Raises
    ------
    TypeError
        If `argnums` are no ints or `argnames` no strings.
    ValueError
        If `f` has no such parameter, as far as that is known.
    """

    __slots__ = ("names", "positions")

    def __init__(self, f: Callable[..., Any], argnums: Any, argnames: Any) -> None:
        given = _positions(argnums)
        names = (argnames,) if isinstance(argnames, str) else argnames
        for name in names:
            if not isinstance(name, str):
                raise TypeError(f"compile: static_argnames are strings, not {name!r}")
        self.names = frozenset(names)
        self.positions = frozenset(given)
        if not given and not self.names:
            return
        parameters = _parameters(f)
        if parameters is None:
            return
        by_place = [p.name for p in parameters if p.kind <= p.POSITIONAL_OR_KEYWORD]
        open_ended = any(p.kind == p.VAR_POSITIONAL for p in parameters)
        for i in given:
            if not -len(by_place) <= i < len(by_place) and not open_ended:
                raise ValueError(
                    f"compile: static_argnums={i}, but {function_name(f)} takes "
                    f"{len(by_place)} positional argument(s)"
                )
        known = {p.name for p in parameters}
        taken = any(p.kind == p.VAR_KEYWORD for p in parameters)
        for name in self.names:
            if name not in known and not taken:
                raise ValueError(
                    f"compile: static_argnames={name!r}, but {function_name(f)} has no parameter "
                    "of that name"
                )
        if not open_ended:
            self.positions = frozenset([i % len(by_place) for i in given])
        self.names |= {by_place[i] for i in self.positions if -len(by_place) <= i < len(by_place)}
        self.positions |= {i for i, name in enumerate(by_place) if name in self.names}

    def fixed(self, n: int, kwargs: dict[str, Any]) -> frozenset[int]:
        """Which arguments of a call are static: positions, then keywords in their order.

        Parameters
        ----------
        n : int
            The number of positional arguments.
        kwargs : dict

        Returns
        -------
        frozenset of int
        """
        if not self.positions and not self.names:
            return NOTHING
        found = {i + n if i < 0 else i for i in self.positions if -n <= i < n}
        found |= {n + k for k, name in enumerate(kwargs) if name in self.names}
        return frozenset(found)


def _positions(argnums: Any) -> tuple[int, ...]:
    if isinstance(argnums, (tuple, list)) and not argnums:
        return ()
    found = check_argnums(argnums, "compile")
    return found if isinstance(found, tuple) else (found,)


def _parameters(f: Callable[..., Any]) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return None


def takes(f: Callable[..., Any], name: str) -> bool:
    """Has a function a parameter of this name?

    Parameters
    ----------
    f : callable
    name : str

    Returns
    -------
    bool
        False where its parameters are not known.
    """
    inner = inspect.unwrap(f, stop=_says_itself)
    if inner.__class__ is MethodType and not _says_itself(inner.__func__):
        inner = inspect.unwrap(inner.__func__, stop=_says_itself)
    if inner.__class__ is not FunctionType or _says_itself(inner):
        return any(p.name == name for p in _parameters(f) or ())
    # What a signature would say, but it takes longer than to record a short function.
    code = inner.__code__
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return name in code.co_varnames[:count]


def _says_itself(f: Any) -> bool:
    """Has it been given a signature that is not that of its code?"""
    return hasattr(f, "__signature__")


class Signature:
    """What a call is recognised by: the leaves of its arguments, and everything else as a key.

    Floats and arrays are inputs of the program; whatever else is in the arguments is static.

    Parameters
    ----------
    args, kwargs : the call's arguments
    fixed : frozenset of int
        Arguments that are static whatever they are: positions, then keywords in their order.

    Attributes
    ----------
    inputs : list of float or ndarray
    statics : list
        Objects that are no inputs.
    tracked : bool
        Whether an outer transformation tracks one of the inputs.
    key : tuple
        Hashable.

    Raises
    ------
    TypeError
        If something static cannot be hashed.
    """

    __slots__ = (
        "args", "fixed", "inputs", "key", "kwargs", "leaves", "places", "statics", "tracked",
        "treedef",
    )  # fmt: skip

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any], fixed: frozenset[int]):
        self.args = args
        self.kwargs = kwargs
        self.fixed = fixed
        everything = [*args, *kwargs.values()]
        given = [None if i in fixed else x for i, x in enumerate(everything)]
        self.leaves, self.treedef = flatten(given)
        self.inputs: list[Any] = []
        self.places: list[int] = []
        self.statics = [everything[i] for i in sorted(fixed)]
        self.tracked = False
        forms: list[Any] = []
        for k, x in enumerate(self.leaves):
            form = self._form(x)
            if form is not None:
                self.places.append(k)
            else:
                self.statics.append(x)
                form = static_key(x)
            forms.append(form)
        values = tuple([static_key(everything[i]) for i in sorted(fixed)])
        self.key = (structure(self.treedef), tuple(kwargs), tuple(forms), values)
        self._check_hashable()

    def traced(self) -> frozenset[int]:
        """The positions of the arguments that are inputs themselves, not containers of them."""
        found, k, inputs = set(), 0, frozenset(self.places)
        for i, child in enumerate(self.treedef.children):
            if i < len(self.args) and child.family is None and k in inputs:
                found.add(i)
            k += child.n_leaves
        return frozenset(found)

    def _form(self, x: Any) -> Any:
        """The form of an input, which joins `inputs`; None for a static leaf."""
        if x.__class__ is float:
            self.inputs.append(x)
            return "f"
        if x.__class__ is Array:
            self.tracked = self.tracked or is_tracked(x)
            self.inputs.append(x if self.tracked else x.numpy())
            return "a", x.dtype.str, x.shape
        if x.__class__ is complex:
            self.inputs.append(np.complex128(x))
            return "c"
        if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "fiubc":
            if x.dtype == np.float16:  # which is converted on the way in
                x = x.astype(np.float32)
            self.inputs.append(x)
            if isinstance(x, np.ndarray) and is_crosswise(x):
                return "a", x.dtype.str, x.shape, "turned"  # by which reshapes are views or not
            return "a" if isinstance(x, np.ndarray) else "g", x.dtype.str, x.shape
        if isinstance(x, float):
            self.inputs.append(float(x))
            return "f"
        return None

    def _check_hashable(self) -> None:
        try:
            hash(self.key)
        except TypeError:
            inputs = set(self.places)
            for k, (x, path) in enumerate(zip(self.leaves, self.paths(), strict=True)):
                if k not in inputs:
                    _check_hash(x, path)
            raise TypeError(
                "compile: a static argument must be hashable, for programs are found by its value"
            ) from None

    def with_floats(self) -> tuple[Any, ...]:
        """The key of the same call with Python floats for all float64 numbers."""
        forms = ["f" if form[1:] == ("<f8", ()) else form for form in self.key[2]]
        return (*self.key[:2], tuple(forms), self.key[3])

    def in_rows(self) -> tuple[Any, ...]:
        """The key of the same call with arrays in C order."""
        return (*self.key[:2], tuple([form[:3] for form in self.key[2]]), self.key[3])

    def paths(self, called: Sequence[str] = ()) -> list[str]:
        """What the leaves are called in messages, where `called` are names of the arguments."""
        return _paths(self.treedef, len(self.args), tuple(self.kwargs), called)

    def naming(self) -> Callable[[Sequence[str]], list[str]]:
        """`paths` of the inputs alone, as a function that keeps no argument alive."""
        form = (self.treedef, len(self.args), tuple(self.kwargs))
        places = tuple(self.places)

        def names(called: Sequence[str]) -> list[str]:
            paths = _paths(*form, called)
            return [paths[k] for k in places]

        return names

    def call(self, f: Callable[..., Any], inputs: list[Any]) -> Any:
        """Call a function with other inputs in their places."""
        leaves = list(self.leaves)
        for k, x in zip(self.places, inputs, strict=True):
            leaves[k] = x
        given = unflatten(self.treedef, leaves)
        n = len(self.args)
        for i in self.fixed:
            given[i] = self.args[i] if i < n else [*self.kwargs.values()][i - n]
        return f(*given[:n], **dict(zip(self.kwargs, given[n:], strict=True)))


def _paths(treedef: TreeDef, n: int, keywords: Iterable[str], called: Sequence[str]) -> list[str]:
    """What the leaves of `n` positional and some keyword arguments are called."""
    names = [called[i] if i < len(called) else f"argument {i}" for i in range(n)]
    names += [name if called else f"argument {name!r}" for name in keywords]
    found = []
    for name, child in zip(names, treedef.children, strict=True):
        found += leaf_paths(child, name)
    return found


def _check_hash(x: Any, path: str) -> None:
    try:
        hash(x)
    except TypeError:
        raise TypeError(
            f"compile: {path} is a {type(x).__name__}, neither a float nor an array nor hashable; "
            "convert it to an array, or make it part of the function"
        ) from None


def static_key(x: Any) -> Any:
    """What a static value is told apart by: Python thinks that 1, 1.0 and True are equal.

    Parameters
    ----------
    x : object

    Returns
    -------
    tuple
        Hashable if `x` is.
    """
    cls = x.__class__
    if cls is float:
        return cls, x.hex()
    if cls is complex:
        return cls, x.real.hex(), x.imag.hex()
    if isinstance(x, tuple):
        parts = tuple([static_key(y) for y in x])
        return (cls, parts) if cls is tuple or hasattr(cls, "_fields") else (cls, x, parts)
    if cls is frozenset:
        return cls, frozenset([static_key(y) for y in x])
    if cls is slice:
        return cls, static_key((x.start, x.stop, x.step))
    if isinstance(x, np.generic):
        return cls, x.dtype, x.tobytes()  # the class knows no unit of time and no length
    return (cls, x, _field_keys(x)) if is_dataclass(cls) else (cls, x)


def _field_keys(x: Any) -> tuple[Any, ...]:
    """Those of the fields that equal dataclasses share, as far as they can be hashed."""
    keys = tuple([static_key(getattr(x, field.name, None)) for field in fields(x) if field.compare])
    try:
        hash(keys)
    except TypeError:  # its equality and its hash are not those of its fields
        return ()
    return keys


def static_value(key: Any) -> Any:
    """The value that `static_key` was made of.

    Parameters
    ----------
    key : tuple

    Returns
    -------
    object
    """
    cls, *parts = key
    if cls is float:
        return float.fromhex(parts[0])
    if cls is complex:
        return complex(*map(float.fromhex, parts))
    if cls is frozenset:
        return frozenset(map(static_value, parts[0]))
    if cls is slice:
        return slice(*static_value(parts[0]))
    if issubclass(cls, tuple) and len(parts) == 1:
        return tuple.__new__(cls, map(static_value, parts[0]))
    if issubclass(cls, np.generic):
        return np.ndarray((), *parts)[()]
    return parts[0]


def structure(treedef: TreeDef) -> Any:
    """A hashable stand-in for the structure of a container.

    Parameters
    ----------
    treedef : TreeDef

    Returns
    -------
    tuple or None
        Equal for equal structures.
    """
    if treedef.family is None:
        return None
    static, keys = treedef.meta, treedef.keys
    if isinstance(static, dict):
        static = tuple([(name, static_key(x)) for name, x in sorted(static.items())])
    if treedef.cls is dict:
        keys = tuple([k if k.__class__ is str else static_key(k) for k in keys])
    return treedef.cls, keys, static, tuple([structure(c) for c in treedef.children])
