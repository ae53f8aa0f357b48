"""`out=`: results of a compiled function in arrays that the caller has already.

Knows containers and memory; it must not know programs, nor how one runs. An array that fits takes
the result as it is computed; one that shares memory with what the program reads, or is not in C
order, gets a copy at the end, so that overlaps are never seen.
"""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._leaves import leaf_dtype, shape_of
from cdiff._arguments._tree import describe, leaf_paths, unflatten
from cdiff._core import Array
from cdiff._face import misfit

if TYPE_CHECKING:
    from cdiff._arguments._tree import TreeDef
    from cdiff._bodies._paths import Path

__all__ = ["Buffers"]


class Buffers:
    """The arrays that a caller wants the results in.

    Parameters
    ----------
    out : ndarray or container
        Of the structure of the result; None stands for any part of it that is to be made anew.

    Attributes
    ----------
    apart : list of ndarray
        What the function may read besides its arguments and what its program reads.
    outside : bool
        Whether it reads anything besides its arguments.
    """

    __slots__ = ("apart", "out", "outside")

    def __init__(self, out: Any) -> None:
        self.out = out
        self.apart: list[Any] = []
        self.outside = False

    def into(self, path: Path, inputs: list[Any]) -> list[Any] | None:
        """The array for each output of a path's program, None for those that get a copy.

        Parameters
        ----------
        path : Path
        inputs : list
            Floats and ndarrays that the program will read.

        Returns
        -------
        list or None
            None where nothing may be written to yet, or does not fit; the error comes when the
            path has turned out to be the one.
        """
        linked = path.apart(self.outside)
        if linked is None:
            return None
        rows = path.runner.program.instructions()
        outputs = path.runner.program.outputs
        try:
            leaves = _matched(path.treedef, self.out, "out")
            found: list[Any] = [None] * len(outputs)
            for x, k in zip(leaves, path.places, strict=True):
                if x is not None and k is not None:
                    _, dtype, shape, _, _ = rows[outputs[k]]
                    _check(x, dtype, shape, "out")
                    found[k] = x
            _check_apart(leaves, ["out"] * len(leaves))
        except (TypeError, ValueError):
            return None
        every = (*inputs, *linked, *self.apart)
        read = [x for x in every if isinstance(x, np.ndarray)]
        return [
            x
            if x is not None
            and x.flags.c_contiguous
            and x.flags.aligned
            and not any(np.may_share_memory(x, y) for y in read)
            else None
            for x in found
        ]

    def filled(self, path: Path, outputs: list[Any]) -> Any:
        """The result of a path, with the outputs of its program in the caller's arrays.

        Parameters
        ----------
        path : Path
        outputs : list

        Returns
        -------
        container

        Raises
        ------
        TypeError, ValueError
            If an array does not fit.
        """
        values = [
            x if k is None else outputs[k] for k, x in zip(path.places, path.leaves, strict=True)
        ]
        return self.copied(path.treedef, values)

    def copied(self, treedef: TreeDef, values: list[Any]) -> Any:
        """A result in the caller's arrays.

        Parameters
        ----------
        treedef : TreeDef
            The structure of the result.
        values : list
            Its leaves, which are copied where they are not in their place yet.

        Returns
        -------
        container

        Raises
        ------
        TypeError, ValueError
            If an array does not fit.
        """
        buffers = _matched(treedef, self.out, "out")
        given = [v if b is None else b for b, v in zip(buffers, values, strict=True)]
        if all(map(is_, given, values)):
            return unflatten(treedef, given)  # all in their places, which `into` has looked at
        names = leaf_paths(treedef, "out")
        for buffer, value, name in zip(buffers, values, names, strict=True):
            if buffer is None or buffer is value:
                continue
            if not isinstance(value, (float, np.ndarray, np.generic)):
                raise TypeError(f"{name}: the result is a {type(value).__name__}; give None")
            _check(buffer, leaf_dtype_of(value), shape_of(value), name)
        _check_apart(buffers, names)
        for buffer, value in zip(buffers, values, strict=True):
            if buffer is not None and buffer is not value:
                np.copyto(buffer, value)
        return unflatten(treedef, given)


def leaf_dtype_of(value: Any) -> np.dtype[Any]:
    """The dtype of a result."""
    return value.dtype if isinstance(value, (np.ndarray, np.generic)) else leaf_dtype(value)


def _matched(treedef: TreeDef, out: Any, name: str) -> list[Any]:
    """The leaves of `out`, None for those that were left out."""
    if out is None:
        return [None] * treedef.n_leaves
    family = treedef.family
    if family is None:
        return [out]
    if out.__class__ is not treedef.cls:
        raise TypeError(
            f"{name} must be a {treedef.cls.__name__} like the result, got {describe(out)}"
        )
    children, keys, _ = family.opened(out)
    by_key = dict(zip(keys, children, strict=True))
    if by_key.keys() != set(treedef.keys):
        raise TypeError(f"{name} must have the entries {list(treedef.keys)}, it has {list(keys)}")
    found: list[Any] = []
    for key, child in zip(treedef.keys, treedef.children, strict=True):
        found += _matched(child, by_key[key], name + family.label.format(key))
    return found


def _check(x: Any, dtype: np.dtype[Any], shape: tuple[int, ...], name: str) -> None:
    """Raise unless a result of this dtype and shape can be written into `x`."""
    if not isinstance(x, np.ndarray):
        hint = "; give a NumPy array" if x.__class__ is Array else ""
        raise TypeError(f"{name} must be an ndarray, got a {type(x).__name__}{hint}")
    if x.dtype != dtype:
        raise misfit(f"{name} has dtype {x.dtype}, but the result has dtype {dtype}", TypeError)
    if x.shape != shape:
        raise misfit(f"{name} has shape {x.shape}, but the result has shape {shape}")
    if not x.flags.writeable:
        raise ValueError(f"{name} is read-only")


def _check_apart(buffers: list[Any], names: list[str]) -> None:
    """Raise if two results would be written over each other."""
    given = [(x, name) for x, name in zip(buffers, names, strict=True) if x is not None]
    for k, (x, name) in enumerate(given):
        for y, other in given[:k]:
            if np.may_share_memory(x, y) and _share(x, y):
                raise ValueError(f"{other} and {name} share memory")


def _share(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> bool:
    try:
        return np.shares_memory(x, y, max_work=10_000)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True
