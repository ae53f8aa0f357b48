"""The arguments of `vmap`: which axis of which leaf counts the points.

Axes are given once for a whole container or in a container of the same structure; here they are
spread to the leaves, checked against shapes, and moved to the front. This file knows containers and
shapes; it must not know what is done with the points. It costs one pass over the leaves of a call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._arguments._leaves import shape_of
from cdiff._arguments._tree import flatten, leaf_paths, unflatten
from cdiff._arguments._wrap import function_name
from cdiff._core import Array
from cdiff._face import misfit

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdiff._arguments._tree import TreeDef

__all__ = ["MappedCall", "check_axes", "out_axis", "spread_axes"]


def check_axes(axes: Any, who: str) -> None:
    """Raise unless all leaves of a container are ints (None is an empty container).

    Parameters
    ----------
    axes : object
    who : str
        ``in_axes`` or ``out_axes``.

    Raises
    ------
    TypeError
    """
    for x in flatten(axes)[0]:
        if not _is_int(x):
            raise TypeError(
                f"vmap: {who} must be an int, None or a container of them, got {x!r} "
                f"of type {type(x).__name__}"
            )


def _is_int(x: Any) -> bool:
    return hasattr(type(x), "__index__") and not isinstance(x, (bool, np.ndarray, Array))


def spread_axes(axes: Any, treedef: TreeDef, who: str, name: str) -> list[int | None]:
    """The axis of every leaf.

    Parameters
    ----------
    axes : int, None or container
        Of the structure, or of the upper part of the structure, of the arguments or results.
    treedef : TreeDef
        That structure.
    who : str
        ``in_axes`` or ``out_axes``, for messages.
    name : str
        What they are the axes of, for messages.

    Returns
    -------
    list of int or None

    Raises
    ------
    TypeError
        If the structures differ.
    """
    if axes is None or _is_int(axes):
        return [None if axes is None else axes.__index__()] * treedef.n_leaves
    family = treedef.family
    if family is None or axes.__class__ is not treedef.cls:
        kind = "a number or an array" if family is None else f"a {treedef.cls.__name__}"
        raise TypeError(
            f"vmap: {who} has a {type(axes).__name__} ({axes!r}) for {name}, which is {kind}"
        )
    children, keys, _ = family.opened(axes)
    given = dict(zip(keys, children, strict=True))
    if given.keys() != set(treedef.keys):
        raise TypeError(
            f"vmap: {who} has the entries {list(keys)} for {name}, which has {list(treedef.keys)}"
        )
    out: list[int | None] = []
    for key, child in zip(treedef.keys, treedef.children, strict=True):
        out += spread_axes(given[key], child, who, name + family.label.format(key))
    return out


def out_axis(axis: int, ndim: int, name: Callable[[], str]) -> int:
    """An axis of a result, counted from its first one.

    Parameters
    ----------
    axis : int
        Negative counts from the end.
    ndim : int
        Number of axes of the result, that of the points included.
    name : callable
        Gives the name of the result for the message.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If there is no such axis.
    """
    if not -ndim <= axis < ndim:
        raise ValueError(
            f"vmap: out_axes={axis} for {name()}, which has {ndim} axes with that of the points"
        )
    return axis % ndim


class MappedCall:
    """The arguments of one call, and what of them is mapped.

    Parameters
    ----------
    args, kwargs : the call's arguments
    in_axes : int, None or container
    f : callable
        For messages.

    Attributes
    ----------
    batch : list of Array or ndarray
        The mapped leaves, the axis of the points first.
    size : int
        Number of points.

    Raises
    ------
    TypeError
        If `in_axes` does not fit the arguments.
    ValueError
        If a mapped axis is not there, or their lengths differ, or nothing is mapped.
    """

    __slots__ = ("batch", "leaves", "mapped", "size", "treedef")

    def __init__(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], in_axes: Any, f: Callable[..., Any]
    ) -> None:
        self.leaves, self.treedef = flatten((args, kwargs))
        axes = _argument_axes(in_axes, args, self.treedef.children[0])
        axes += [0] * self.treedef.children[1].n_leaves
        self.mapped = [k for k, axis in enumerate(axes) if axis is not None]
        if not self.mapped:
            raise ValueError(
                f"vmap: nothing is mapped in the call of {function_name(f)}: in_axes={in_axes!r}, "
                f"{len(args)} positional and {len(kwargs)} keyword arguments"
            )
        self.batch: list[Any] = []
        sizes = set()
        for k in self.mapped:
            axis: Any = axes[k]
            x = self._checked(k, axis)
            sizes.add(x.shape[axis])
            self.batch.append(_moved(x, axis % x.ndim))
        if len(sizes) > 1:
            raise ValueError(self._lengths(axes))
        self.size: int = sizes.pop()

    def _names(self) -> list[str]:
        positional, named = self.treedef.children
        names = []
        for i, child in enumerate(positional.children):
            names += leaf_paths(child, f"argument {i}")
        for key, child in zip(named.keys, named.children, strict=True):
            names += leaf_paths(child, f"argument {key}")
        return names

    def _checked(self, k: int, axis: int) -> Any:
        """Leaf k, which must be an array with this axis."""
        x = self.leaves[k]
        if not isinstance(x, (Array, np.ndarray)) or not x.ndim:
            raise ValueError(
                f"vmap: {self._names()[k]} is a {type(x).__name__} without axes, so there is none "
                "to map over; give None for it in in_axes, or make an array of the points"
            )
        if x.dtype.kind not in "fiubc":
            raise misfit(
                f"vmap: {self._names()[k]} has dtype {x.dtype}, which is not supported", TypeError
            )
        if not -x.ndim <= axis < x.ndim:
            raise misfit(f"vmap: in_axes={axis} for {self._names()[k]}, which has shape {x.shape}")
        return x

    def _lengths(self, axes: list[int | None]) -> str:
        """The message that lengths differ."""
        names = self._names()
        parts = []
        for k in self.mapped:
            axis: Any = axes[k]
            shape = shape_of(self.leaves[k])
            parts.append(f"{names[k]} has {shape[axis]} (axis {axis} of shape {shape})")
        return "vmap: the lengths of the mapped axes differ: " + ", ".join(parts)

    def apply(self, f: Callable[..., Any], point: list[Any]) -> Any:
        """Call a function with one point in the place of the mapped leaves."""
        leaves = list(self.leaves)
        for k, x in zip(self.mapped, point, strict=True):
            leaves[k] = x
        args, kwargs = unflatten(self.treedef, leaves)
        return f(*args, **kwargs)


def _argument_axes(in_axes: Any, args: tuple[Any, ...], treedef: TreeDef) -> list[int | None]:
    """The axis of every leaf of the positional arguments."""
    if in_axes is None or _is_int(in_axes):
        return spread_axes(in_axes, treedef, "in_axes", "the arguments")
    if not isinstance(in_axes, (tuple, list)):
        raise TypeError(
            f"vmap: in_axes must be an int, None or a tuple with an entry for each positional "
            f"argument, got a {type(in_axes).__name__}: {in_axes!r}"
        )
    if len(in_axes) != len(args):
        raise ValueError(
            f"vmap: in_axes={in_axes!r} has {len(in_axes)} entries, but the function was called "
            f"with {len(args)} positional argument(s)"
        )
    out: list[int | None] = []
    for i, (axes, child) in enumerate(zip(in_axes, treedef.children, strict=True)):
        out += spread_axes(axes, child, "in_axes", f"argument {i}")
    return out


def _moved(x: Any, axis: int) -> Any:
    """An array with this axis first."""
    if not axis:
        return x
    perm = (axis, *range(axis), *range(axis + 1, x.ndim))
    return _core.transpose(x, perm) if x.__class__ is Array else np.transpose(x, perm)
