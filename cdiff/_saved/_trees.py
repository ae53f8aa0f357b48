"""Structures of containers as plain values and back, for `save` and `load`.

A class is written by its name, and read only if it is a tuple, list or dict or was given to `load`:
no class is ever looked up. This file knows containers; it must not know programs. It runs once for
each container.
"""

from __future__ import annotations

from typing import Any

from cdiff._arguments._tree import LEAF, TreeDef, class_name, family_of, is_named
from cdiff._compiled._signature import static_value
from cdiff._saved._plain import FormatError, written

__all__ = ["named_classes", "plain_static", "plain_structure", "treedef_of"]

BUILT_IN: dict[str, type] = {"tuple": tuple, "list": list, "dict": dict, "None": type(None)}


def plain_static(form: Any) -> Any:
    """A static value out of its key; TypeError if a file cannot hold it."""
    x = static_value(form)
    try:
        written(x)
    except TypeError as error:
        raise TypeError(f"the static argument {x!r:.60} contains {error}") from None
    return x


def named_classes(x: Any) -> set[type]:
    """The namedtuples and dataclasses in a structure.

    Parameters
    ----------
    x : tuple or None
        What `structure` gives.

    Returns
    -------
    set of type
    """
    if x is None:
        return set()
    own = {x[0]} if is_named(x[0]) else set()
    return own.union(*map(named_classes, x[3]))


def plain_structure(x: Any) -> Any:
    """The structure of a container with names in place of classes."""
    if x is None:
        return None
    cls, keys, static, children = x
    name = next((name for name, known in BUILT_IN.items() if known is cls), None)
    if name is None:
        if not is_named(cls):
            raise TypeError(f"a {cls.__name__} among arguments or results")
        name = class_name(cls)
    if cls is dict:
        keys = tuple([k if k.__class__ is str else plain_static(k) for k in keys])
    if static is not None:
        static = tuple([(field_name, plain_static(value)) for field_name, value in static])
    return name, keys, static, tuple([plain_structure(child) for child in children])


def treedef_of(x: Any, classes: dict[str, type], depth: int = 0) -> TreeDef:
    """The structure of a container from names, checked."""
    if x is None:
        return LEAF
    if x.__class__ is not tuple or len(x) != 4 or depth > 50:
        raise FormatError(f"a container has the form {x!r:.60}")
    name, keys, static, parts = x
    if name.__class__ is not str or keys.__class__ is not tuple or parts.__class__ is not tuple:
        raise FormatError(f"a container has the form {x!r:.60}")
    cls = BUILT_IN.get(name, classes.get(name))
    if cls is None:
        raise FormatError(
            f"the arguments or results contain a {name!r:.80}; classes are not imported by name: "
            "give the class to load(..., containers=(...,))"
        )
    meta = _static_fields(static)
    _check_keys(cls, keys, meta, len(parts))
    children = tuple([treedef_of(part, classes, depth + 1) for part in parts])
    return TreeDef(cls, family_of(cls), keys, meta, children)


def _static_fields(static: Any) -> dict[str, Any] | None:
    if static is None:
        return None
    try:
        found = dict(static)
    except (TypeError, ValueError):
        found = {0: None}
    if static.__class__ is not tuple or any(name.__class__ is not str for name in found):
        raise FormatError(f"static fields have the form {static!r:.60}")
    return found


def _check_keys(cls: type, keys: tuple[Any, ...], meta: Any, n: int) -> None:
    """Are these the keys or fields of such a container?"""
    kinds = {k.__class__ for k in keys}
    if cls is dict:
        try:
            fits = len(set(keys)) == n
        except TypeError:
            fits = False
    elif cls in (tuple, list):
        fits = kinds <= {int} and keys == tuple(range(n))
    elif cls is type(None):
        fits = keys == ()
    elif hasattr(cls, "_fields"):
        fits = kinds <= {str} and keys == cls._fields
    else:
        fields = getattr(cls, "__dataclass_fields__", {})
        fits = kinds <= {str} and meta is not None and sorted([*keys, *meta]) == sorted(fields)
        meta = None
    if not fits or len(keys) != n or meta is not None:
        raise FormatError(f"a {cls.__name__} has the entries {keys!r:.60}")
