"""Containers of numbers: taken apart into a flat list of leaves and put together again.

A container is any nesting of dict, list, tuple, namedtuple, dataclass, None (an empty
container) and the classes given to `register_container`; everything else is a leaf. This file
knows neither derivatives nor the compiled core nor NumPy: what a leaf may be is decided in
`_leaves.py`. It is fast because the usual argument, one array or one float, is recognised by
one set lookup and never walked, and because names for error messages are made only when an
error is raised.
"""

from __future__ import annotations

import sys
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "LEAF",
    "LEAF_TYPES",
    "TreeDef",
    "class_name",
    "describe",
    "family_of",
    "fields_of",
    "flatten",
    "flatten_like",
    "is_named",
    "is_plain",
    "leaf_paths",
    "register_container",
    "tree_map",
    "unflatten",
]

# Classes known to be leaves, so that they need no search for a container protocol.
LEAF_TYPES: set[type] = {float, int, bool, complex, str, bytes}


class Family:
    """How one family of containers is opened and closed, and how its children are called.

    Parameters
    ----------
    opened : callable
        ``opened(tree) -> (children, keys, meta)``.
    closed : callable
        ``closed(cls, keys, meta, children) -> tree``.
    label : str
        Format of a child's name in an error message.
    """

    __slots__ = ("closed", "label", "opened")

    def __init__(
        self,
        opened: Callable[[Any], tuple[Iterable[Any], tuple[Any, ...], Any]],
        closed: Callable[[Any, tuple[Any, ...], Any, Sequence[Any]], Any],
        label: str,
    ) -> None:
        self.opened = opened
        self.closed = closed
        self.label = label


class TreeDef:
    """The structure of a container without its leaves.

    Attributes
    ----------
    cls : type
        Class of the container; meaningless for a leaf.
    family : Family or None
        How to open and close the container; None for a leaf.
    keys : tuple
        The children's keys, field names or positions.
    meta : object
        What the container needs besides its children, e.g. static fields.
    children : tuple of TreeDef
    n_leaves : int
        Number of leaves below.
    """

    __slots__ = ("children", "cls", "family", "keys", "meta", "n_leaves")

    def __init__(
        self,
        cls: type,
        family: Family | None,
        keys: tuple[Any, ...],
        meta: Any,
        children: tuple[TreeDef, ...],
    ) -> None:
        self.cls = cls
        self.family = family
        self.keys = keys
        self.meta = meta
        self.children = children
        self.n_leaves: int = 1 if family is None else sum([c.n_leaves for c in children])

    def __repr__(self) -> str:
        if self.family is None:
            return "*"
        label = self.family.label
        inside = [
            f"{label.format(k)}: {c!r}" for k, c in zip(self.keys, self.children, strict=True)
        ]
        return f"{self.cls.__name__}({', '.join(inside)})"

    def __reduce__(self) -> Any:
        # A leaf is the one of this module; a family is found by its class, as when it was opened.
        if self.family is None:
            return "LEAF"
        return _restored, (self.cls, self.keys, self.meta, self.children)


def _restored(
    cls: type, keys: tuple[Any, ...], meta: Any, children: tuple[TreeDef, ...]
) -> TreeDef:
    """What was pickled."""
    return TreeDef(cls, family_of(cls), keys, meta, children)


LEAF = TreeDef(object, None, (), None, ())


def _open_sequence(tree: Sequence[Any]) -> tuple[Sequence[Any], tuple[Any, ...], Any]:
    return tree, tuple(range(len(tree))), None


def _open_dict(tree: dict[Any, Any]) -> tuple[Iterable[Any], tuple[Any, ...], Any]:
    return tree.values(), tuple(tree), None


def _open_defaultdict(tree: Any) -> tuple[Iterable[Any], tuple[Any, ...], Any]:
    return tree.values(), tuple(tree), tree.default_factory


def _open_namedtuple(tree: Any) -> tuple[Iterable[Any], tuple[Any, ...], Any]:
    return tree, tree._fields, None


def _open_dataclass(tree: Any) -> tuple[Iterable[Any], tuple[Any, ...], Any]:
    names, n = _field_names(tree.__class__)
    static = {name: getattr(tree, name) for name in names[n:]}
    return [getattr(tree, name) for name in names[:n]], names[:n], static


def _field_names(cls: type) -> tuple[tuple[str, ...], int]:
    """The fields of a dataclass, static ones last, and how many are not."""
    # Somebody has imported dataclasses already, else there would be no dataclass here.
    fields = sys.modules["dataclasses"].fields(cls)
    static = [f.name for f in fields if f.metadata.get("static", False)]
    names = [f.name for f in fields if f.name not in static]
    return (*names, *static), len(names)


def fields_of(cls: type) -> tuple[tuple[str, ...], int] | None:
    """How a dataclass is taken apart.

    Parameters
    ----------
    cls : type

    Returns
    -------
    names : tuple of str
        Of the fields, static ones last.
    count : int
        How many are not static.

    None for any other class.
    """
    return _field_names(cls) if family_of(cls) is _DATACLASS else None


def _close_dataclass(cls: Any, keys: tuple[Any, ...], meta: Any, children: Sequence[Any]) -> Any:
    # Past __init__ and __post_init__: a gradient need not pass the checks of a parameter set,
    # and object.__setattr__ also fills frozen classes and those with slots.
    tree = object.__new__(cls)
    for name, child in zip(keys, children, strict=True):
        object.__setattr__(tree, name, child)
    for name, value in meta.items():
        object.__setattr__(tree, name, value)
    return tree


_DICT = Family(_open_dict, lambda cls, keys, meta, c: cls(zip(keys, c, strict=True)), "[{!r}]")
_NAMEDTUPLE = Family(_open_namedtuple, lambda cls, keys, meta, c: tuple.__new__(cls, c), ".{}")
_DATACLASS = Family(_open_dataclass, _close_dataclass, ".{}")

_FAMILIES: dict[type, Family] = {
    list: Family(_open_sequence, lambda cls, keys, meta, c: list(c), "[{}]"),
    tuple: Family(_open_sequence, lambda cls, keys, meta, c: tuple(c), "[{}]"),
    dict: _DICT,
    OrderedDict: _DICT,
    defaultdict: Family(
        _open_defaultdict,
        lambda cls, keys, meta, c: defaultdict(meta, zip(keys, c, strict=True)),
        "[{!r}]",
    ),
    type(None): Family(lambda tree: ((), (), None), lambda cls, keys, meta, c: None, ""),
}


def _family(tree: Any) -> Family | None:
    """The family of a container, or None if `tree` is a leaf."""
    cls = tree.__class__
    return None if cls in LEAF_TYPES else family_of(cls)


def family_of(cls: Any) -> Family | None:
    """The family of containers of a class; None if its instances are leaves.

    Parameters
    ----------
    cls : type

    Returns
    -------
    Family or None
    """
    family = _FAMILIES.get(cls)
    if family is not None:
        return family
    if issubclass(cls, tuple):
        return _NAMEDTUPLE if hasattr(cls, "_fields") else None
    if hasattr(cls, "__dataclass_fields__") and not issubclass(cls, type):
        return _DATACLASS
    return None


def is_named(cls: Any) -> bool:
    """Is a class a namedtuple or a dataclass, of which names of fields are all there is to know?

    Parameters
    ----------
    cls : type

    Returns
    -------
    bool
    """
    return isinstance(cls, type) and family_of(cls) in (_NAMEDTUPLE, _DATACLASS)


def is_plain(treedef: TreeDef) -> bool:
    """Are all containers tuples, lists, dicts and None themselves, or dataclasses?"""
    if treedef.family is None:
        return True
    known = treedef.cls in (tuple, list, dict, type(None)) or fields_of(treedef.cls) is not None
    return known and all(map(is_plain, treedef.children))


def class_name(cls: type) -> str:
    """The full name of a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


def register_container(
    cls: type,
    flatten: Callable[[Any], tuple[Iterable[Any], Any]],
    unflatten: Callable[[Any, Sequence[Any]], Any],
) -> None:
    """Make a class a container: its instances may be arguments and results of functions.

    Parameters
    ----------
    cls : type
        The class (subclasses must be registered for themselves).
    flatten : callable
        ``flatten(instance) -> (children, aux)``: what is differentiated, and the rest.
    unflatten : callable
        ``unflatten(aux, children) -> instance``. It gets gradients and tracked arrays too, so
        it must not check or convert the children.

    Raises
    ------
    TypeError
        If `cls` is not a class, or one of numbers, texts or arrays; if the others are no functions.
    ValueError
        If `cls` is a container already.

    Examples
    --------
    >>> import cdiff as cd
    >>> class Pose:
    ...     def __init__(self, angle, name):
    ...         self.angle, self.name = angle, name
    >>> cd.register_container(
    ...     Pose, lambda p: ((p.angle,), p.name), lambda name, children: Pose(*children, name))
    >>> cd.grad(lambda p: p.angle ** 2)(Pose(3.0, "left")).angle
    6.0
    """
    if not isinstance(cls, type):
        raise TypeError(f"register_container needs a class, got {cls!r}")
    if cls in LEAF_TYPES:
        raise TypeError(f"register_container: {cls.__name__} is a leaf, and cannot be a container")
    if cls in _FAMILIES:
        raise ValueError(f"{cls.__name__} is a container already")
    for what, function in (("flatten", flatten), ("unflatten", unflatten)):
        if not callable(function):
            raise TypeError(
                f"register_container: {what} must be a function, got a {type(function).__name__}"
            )

    def opened(tree: Any) -> tuple[Iterable[Any], tuple[Any, ...], Any]:
        children, aux = flatten(tree)
        children = tuple(children)
        return children, tuple(range(len(children))), aux

    def closed(cls: Any, keys: tuple[Any, ...], aux: Any, children: Sequence[Any]) -> Any:
        return unflatten(aux, children)

    _FAMILIES[cls] = Family(opened, closed, "<{}>")


def flatten(tree: Any) -> tuple[list[Any], TreeDef]:
    """Take a container apart.

    Parameters
    ----------
    tree : container or leaf

    Returns
    -------
    leaves : list
        In the order of the container (dicts: insertion order).
    treedef : TreeDef
        What `unflatten` needs to build the container again.

    Examples
    --------
    >>> leaves, treedef = flatten({"w": [1.0, 2.0], "b": 3.0})
    >>> leaves
    [1.0, 2.0, 3.0]
    >>> unflatten(treedef, [10.0, 20.0, 30.0])
    {'w': [10.0, 20.0], 'b': 30.0}
    """
    if tree.__class__ in LEAF_TYPES:
        return [tree], LEAF
    leaves: list[Any] = []
    return leaves, _flatten_into(tree, leaves)


def _flatten_into(tree: Any, leaves: list[Any]) -> TreeDef:
    family = _family(tree)
    if family is None:
        leaves.append(tree)
        return LEAF
    children, keys, meta = family.opened(tree)
    below = tuple([_flatten_into(child, leaves) for child in children])
    return TreeDef(tree.__class__, family, keys, meta, below)


def unflatten(treedef: TreeDef, leaves: Iterable[Any]) -> Any:
    """Build a container from its structure and its leaves.

    Parameters
    ----------
    treedef : TreeDef
    leaves : iterable
        Exactly ``treedef.n_leaves`` objects.

    Returns
    -------
    container or leaf

    Raises
    ------
    ValueError
        If the number of leaves does not fit.

    Examples
    --------
    >>> unflatten(flatten((1.0, [2.0]))[1], [3.0, 4.0])
    (3.0, [4.0])
    """
    leaves = list(leaves)
    if len(leaves) != treedef.n_leaves:
        raise ValueError(f"the container has {treedef.n_leaves} leaves, got {len(leaves)}")
    if treedef.family is None:
        return leaves[0]
    return _build(treedef, iter(leaves))


def _build(treedef: TreeDef, leaves: Any) -> Any:
    family = treedef.family
    if family is None:
        return next(leaves)
    children = [_build(child, leaves) for child in treedef.children]
    return family.closed(treedef.cls, treedef.keys, treedef.meta, children)


def tree_map(function: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """Apply a function to every leaf of one container, or to those of several in step.

    Parameters
    ----------
    function : callable
        ``function(leaf, *leaves_of_rest)``.
    tree : container or leaf
    *rest : containers of the same structure

    Returns
    -------
    container
        Of the structure of `tree`.

    Raises
    ------
    TypeError
        If a further container has another structure; the message names the place.

    Examples
    --------
    >>> tree_map(lambda a, b: a - b, {"w": [5.0, 6.0]}, {"w": [1.0, 2.0]})
    {'w': [4.0, 4.0]}
    """
    leaves, treedef = flatten(tree)
    others = [flatten_like(treedef, r, f"container {i + 1}") for i, r in enumerate(rest)]
    return unflatten(treedef, [function(*group) for group in zip(leaves, *others, strict=True)])


def flatten_like(treedef: TreeDef, tree: Any, name: str) -> list[Any]:
    """Take a container apart that must have a given structure (dict keys in any order).

    Parameters
    ----------
    treedef : TreeDef
        The structure asked for.
    tree : container or leaf
    name : str
        What the container is called in error messages.

    Returns
    -------
    list
        The leaves, in the order of `treedef`.

    Raises
    ------
    TypeError
        If the structure differs; the message names the place.

    Examples
    --------
    >>> flatten_like(flatten({"a": 1.0, "b": 2.0})[1], {"b": 20.0, "a": 10.0}, "cotangent")
    [10.0, 20.0]
    """
    if treedef.family is None and tree.__class__ in LEAF_TYPES:
        return [tree]
    leaves: list[Any] = []
    _match_into(treedef, tree, name, leaves)
    return leaves


def _match_into(treedef: TreeDef, tree: Any, path: str, leaves: list[Any]) -> None:
    family = treedef.family
    if family is None:
        if _family(tree) is not None:
            raise TypeError(f"{path} must be one number or array, got {describe(tree)}")
        leaves.append(tree)
        return
    if tree.__class__ is not treedef.cls and not _same_fields(tree.__class__, treedef.cls):
        raise TypeError(
            f"{path} must be a {treedef.cls.__name__} with {len(treedef.keys)} entries, "
            f"got {describe(tree)}"
        )
    children, keys, _ = family.opened(tree)
    by_key = dict(zip(keys, children, strict=True))
    if len(by_key) != len(treedef.keys):
        raise TypeError(f"{path} must have {len(treedef.keys)} entries, it has {len(by_key)}")
    if by_key.keys() != set(treedef.keys):
        raise TypeError(f"{path} must have the entries {list(treedef.keys)}, it has {list(keys)}")
    for key, child in zip(treedef.keys, treedef.children, strict=True):
        _match_into(child, by_key[key], path + family.label.format(key), leaves)


def _same_fields(a: Any, b: Any) -> bool:
    """Are these named tuples of one name and the same fields, as results of NumPy and cdiff are?"""
    fields = getattr(a, "_fields", None)
    return fields is not None and (fields, a.__name__) == (getattr(b, "_fields", 0), b.__name__)


def describe(tree: Any) -> str:
    """A container or leaf in a few words, for error messages.

    Parameters
    ----------
    tree : container or leaf

    Returns
    -------
    str
    """
    if tree is None:
        return "None"
    family = _family(tree)
    if family is None:
        return f"a {tree.__class__.__name__}"
    return f"a {tree.__class__.__name__} with {len(family.opened(tree)[1])} entries"


def leaf_paths(treedef: TreeDef, name: str) -> list[str]:
    """Names of the leaves for error messages, like ``argument 0['w'][1]``.

    Parameters
    ----------
    treedef : TreeDef
    name : str
        What the container is called.

    Returns
    -------
    list of str

    Examples
    --------
    >>> leaf_paths(flatten({"w": [1.0, 2.0]})[1], "argument 0")
    ["argument 0['w'][0]", "argument 0['w'][1]"]
    """
    family = treedef.family
    if family is None:
        return [name]
    paths: list[str] = []
    for key, child in zip(treedef.keys, treedef.children, strict=True):
        paths += leaf_paths(child, name + family.label.format(key))
    return paths
