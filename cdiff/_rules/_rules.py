"""What derivatives written by users have in common: arguments, results, and the missing direction.

The leaves of the arguments are operands of an operator, the results are packed into one, and what a
user's rule gives back is checked and named in messages. A rule for one mode gives the other by
transposition, for it is linear. This file knows containers and callees; it must not know what a
rule computes. It costs a few Python calls each time a function with a rule is called.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._leaves import (
    as_direction,
    check_output,
    is_differentiable,
    leaf_dtype,
    shape_of,
)
from cdiff._arguments._tree import TreeDef, flatten, flatten_like, leaf_paths, unflatten
from cdiff._arguments._wrap import function_name
from cdiff._bodies._packing import Packing, spec_of
from cdiff._core import Array, Callee, Level, array, is_tracked, leaf, pullback

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cdiff._bodies._packing import Spec

__all__ = [
    "Arguments",
    "Results",
    "any_given",
    "by_position",
    "transposed_pull",
    "transposed_push",
    "zeros",
]


class Arguments:
    """The arguments of one call of a function with a rule.

    Parameters
    ----------
    args : tuple
        All of them, by position.
    static : tuple of int
        Positions that no rule differentiates.

    Attributes
    ----------
    leaves : list
        Everything in the other arguments.
    places : list of int
        Which of the leaves are operands: floats, float arrays, and whatever else is an `Array`.
    specs : list
        The dtype and the shape of each of those.
    fixed : list
        The static arguments.
    """

    __slots__ = ("args", "fixed", "leaves", "places", "positions", "specs", "trees")

    def __init__(self, args: tuple[Any, ...], static: tuple[int, ...]) -> None:
        self.args = args
        skipped = {i % len(args) for i in static if -len(args) <= i < len(args)}
        self.fixed = [_untracked(args[i], i) for i in sorted(skipped)]
        self.positions = [i for i in range(len(args)) if i not in skipped]
        self.leaves: list[Any] = []
        self.trees: list[TreeDef] = []
        for i in self.positions:
            leaves, tree = flatten(args[i])
            self.leaves += leaves
            self.trees.append(tree)
        self.places = [
            k for k, x in enumerate(self.leaves) if isinstance(x, Array) or is_differentiable(x)
        ]
        self.specs = [spec_of(self.leaves[k]) for k in self.places]

    @classmethod
    def of_parts(
        cls,
        count: int,
        static: Sequence[int],
        fixed: Sequence[Any],
        trees: list[TreeDef],
        leaves: Sequence[Any],
        places: Sequence[int],
        specs: list[Spec],
    ) -> Arguments:
        """Those of a call of which a file tells the form."""
        self = cls.__new__(cls)
        self.args = (None,) * count
        self.fixed = list(fixed)
        self.positions = [i for i in range(count) if i not in static]
        self.trees, self.leaves = trees, list(leaves)
        self.places, self.specs = list(places), specs
        return self.forget()

    def forget(self) -> Arguments:
        """Let go of the operands, of which newer versions may depend on what will hold this."""
        self.args = (None,) * len(self.args)
        for k in self.places:
            self.leaves[k] = None
        return self

    def operands(self) -> list[Any]:
        """The leaves that the result depends on."""
        return [self.leaves[k] for k in self.places]

    def filled(self, operands: Sequence[Any], others: Sequence[Any]) -> list[Any]:
        """The arguments that are not static, with these leaves in the places of the operands."""
        leaves = list(others)
        for k, x in zip(self.places, operands, strict=True):
            leaves[k] = x
        result, start = [], 0
        for tree in self.trees:
            result.append(unflatten(tree, leaves[start : start + tree.n_leaves]))
            start += tree.n_leaves
        return result

    def call(self, f: Callable[..., Any], operands: Sequence[Any]) -> Any:
        """The function's result with other operands."""
        args = list(self.args)
        for i, x in zip(self.positions, self.filled(operands, self.leaves), strict=True):
            args[i] = x
        return f(*args)

    def tangents(self, operands: Sequence[Any], given: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments' tangents in their containers, with zeros where there is none."""
        directions = [zeros(x) if t is None else t for x, t in zip(operands, given, strict=True)]
        return tuple(self.filled(directions, [zeros(x) for x in self.leaves]))

    def cotangents(self, given: Any, who: str) -> list[Array | None]:
        """One cotangent per operand from what a user's rule returned: a tuple of containers."""
        if not isinstance(given, (tuple, list)) or len(given) != len(self.trees):
            what = (
                f"{len(given)} entries" if isinstance(given, (tuple, list)) else repr(type(given))
            )
            raise TypeError(
                f"{who} must return a tuple with one entry for each of the {len(self.trees)} "
                f"differentiated argument(s), got {what}"
            )
        leaves: list[Any] = []
        paths: list[str] = []
        for i, tree, tangent in zip(self.positions, self.trees, given, strict=True):
            name = f"{who}: the cotangent of argument {i}"
            paths += leaf_paths(tree, name)
            leaves += [None] * tree.n_leaves if tangent is None else _matched(tree, tangent, name)
        return [
            as_direction(leaves[k], shape, dtype, paths[k], "argument")
            if leaves[k] is not None and dtype.kind in "fc"
            else None
            for k, (dtype, shape) in zip(self.places, self.specs, strict=True)
        ]


def _untracked(x: Any, position: int) -> Any:
    """A static argument, which must not be a value of a transformation."""
    if any(isinstance(leaf, Array) and is_tracked(leaf) for leaf in flatten(x)[0]):
        raise TypeError(
            f"argument {position} is in nondiff_argnums but a transformation tracks it; make it an "
            "ordinary argument and let the rule return None for it"
        )
    return x


def _matched(tree: TreeDef, given: Any, name: str) -> list[Any]:
    """The leaves of a container of this structure, in which None may stand for a zero."""
    if tree.family is None or not _holds_none(given):
        return flatten_like(tree, given, name)
    if given.__class__ is not tree.cls:
        return flatten_like(tree, given, name)  # which raises the error
    children, keys, _ = tree.family.opened(given)
    by_key = dict(zip(keys, children, strict=True))
    leaves: list[Any] = []
    for key, child in zip(tree.keys, tree.children, strict=True):
        part = by_key.get(key)
        inside = name + tree.family.label.format(key)
        leaves += [None] * child.n_leaves if part is None else _matched(child, part, inside)
    return leaves


def _holds_none(given: Any) -> bool:
    tree = flatten(given)[1]
    return given is not None and any(c.cls is type(None) for c in _all_trees(tree))


def _all_trees(tree: TreeDef) -> list[TreeDef]:
    found = [tree]
    for child in tree.children:
        found += _all_trees(child)
    return found


def _is_number(y: Any) -> bool:
    return is_differentiable(y) or (
        isinstance(y, (int, np.ndarray, np.generic)) and spec_of(y)[0].kind in "iub"
    )


class Results:
    """What a function returned: which of its leaves have a derivative, and how they are packed.

    Parameters
    ----------
    out : container
    who : str
        The function, for messages.
    whole : bool, default False
        Whether integers and booleans are packed too.
    """

    __slots__ = ("leaves", "packing", "places", "treedef", "who")

    def __init__(self, out: Any, who: str, whole: bool = False) -> None:
        self.who = who
        self.leaves, self.treedef = flatten(out)
        taken = _is_number if whole else is_differentiable
        self.places = [k for k, y in enumerate(self.leaves) if taken(y)]
        if not self.places:
            name = f"the output of {who}"
            for y, path in zip(self.leaves, leaf_paths(self.treedef, name), strict=True):
                check_output(y, path)
            raise TypeError(f"{name} holds no numbers")
        self.packing = Packing([spec_of(self.leaves[k]) for k in self.places])

    @classmethod
    def of_parts(
        cls,
        who: str,
        treedef: TreeDef,
        leaves: Sequence[Any],
        places: Sequence[int],
        specs: list[Spec],
    ) -> Results:
        """Those of which a file tells the form."""
        self = cls.__new__(cls)
        self.who, self.treedef = who, treedef
        self.leaves, self.places = list(leaves), list(places)
        self.packing = Packing(specs)
        return self.forget()

    def forget(self) -> Results:
        """Keep the form only: a node holds this, and must not hold its own result."""
        differentiable = set(self.places)
        self.leaves = [None if k in differentiable else y for k, y in enumerate(self.leaves)]
        return self

    def packed(self) -> Any:
        """The results with a derivative as one."""
        return self.packing.pack([self.leaves[k] for k in self.places])

    def filled(self, arrays: Sequence[Any], others: Sequence[Any]) -> Any:
        """The container with these arrays in the places of the results with a derivative."""
        leaves = list(others)
        for k, x in zip(self.places, arrays, strict=True):
            leaves[k] = x
        return unflatten(self.treedef, leaves)

    def tangents(self, given: Any, who: str) -> Any:
        """The packed tangent from what a user's rule returned."""
        leaves = flatten_like(self.treedef, given, f"{who}: the tangent")
        paths = leaf_paths(self.treedef, f"{who}: the tangent")
        return self.packing.pack(
            [
                as_direction(leaves[k], shape, dtype, paths[k], "output")
                for k, (dtype, shape) in zip(self.places, self.packing.specs, strict=True)
            ]
        )


def zeros(x: Any) -> Any:
    """A zero tangent for any leaf; None for what is no number.

    Parameters
    ----------
    x : object

    Returns
    -------
    Array, float, ndarray or None
    """
    if is_differentiable(x):
        return array(np.zeros(shape_of(x), leaf_dtype(x)))
    if isinstance(x, (int, np.ndarray, np.generic, Array)):
        return np.zeros(shape_of(x)) if shape_of(x) else 0.0
    return None


def transposed_push(
    callee: Callee, y: Array, operands: list[Array], tangents: list[Array | None]
) -> Any:
    """The tangent of a call from its `pull`, which is linear in the cotangent: its transpose.

    Parameters
    ----------
    callee, y, operands, tangents
        As for `Callee.push`.

    Returns
    -------
    Array or None
    """
    wanted = [t is not None for t in tangents]
    with Level() as level:
        g = leaf(zeros(y), level)
        pairs = [
            (c, t)
            for c, t in zip(callee.pull(y, operands, g, wanted), tangents, strict=True)
            if c is not None and t is not None
        ]
        return pullback([c for c, _ in pairs], [t for _, t in pairs], [g], level)[0]


def transposed_pull(
    callee: Callee, y: Array, operands: list[Array], g: Array, wanted: list[bool]
) -> list[Any]:
    """The cotangents of a call from its `push`, which is linear in the tangents.

    Parameters
    ----------
    callee, y, operands, g, wanted
        As for `Callee.pull`.

    Returns
    -------
    list of Array or None
    """
    with Level() as level:
        tangents = [
            leaf(zeros(x), level) if want else None
            for x, want in zip(operands, wanted, strict=True)
        ]
        out = callee.push(y, operands, tangents)
        if out is None:
            return [None] * len(operands)
        found = iter(pullback([out], [g], [t for t in tangents if t is not None], level))
    return [next(found) if want else None for want in wanted]


def any_given(tangents: Sequence[Any]) -> bool:
    """Whether there is a tangent at all."""
    return any(t is not None for t in tangents)


def by_position(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The arguments of a call by position, with defaults filled in.

    Parameters
    ----------
    f : callable
    args, kwargs : the call's arguments

    Returns
    -------
    tuple

    Raises
    ------
    TypeError
        If they do not fit, or an argument can be given by keyword only.
    """
    if not kwargs:
        return args
    bound = inspect.signature(f).bind(*args, **kwargs)
    bound.apply_defaults()
    if bound.kwargs:
        raise TypeError(
            f"{function_name(f)} has a derivative rule, so its arguments must have positions; "
            f"{', '.join(bound.kwargs)} can only be given by keyword"
        )
    return bound.args
