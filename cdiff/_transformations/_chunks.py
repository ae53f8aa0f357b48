"""Many points a few at a time: `vmap` with `chunk_size`, as a loop over chunks of points.

Each step of a `scan` evaluates one chunk of points, so that what exists in between is that of one
chunk, in the cache if it is small, and derivatives are loops again. The last chunk is filled up
with its last point; what that gives is cut off. This file knows points and the loop; how a function
is evaluated at the points of a chunk it must not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._arguments._axes import out_axis, spread_axes
from cdiff._arguments._tree import flatten, leaf_paths, unflatten
from cdiff._arguments._wrap import function_name
from cdiff._core import Array
from cdiff._loops._loops import scan

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdiff._arguments._axes import MappedCall

__all__ = ["filled", "in_chunks"]


def in_chunks(
    vmap: Callable[..., Any], f: Callable[..., Any], call: MappedCall, out_axes: Any, size: int
) -> Any:
    """The results of a call at all of its points, `size` of them at a time.

    Parameters
    ----------
    vmap : callable
        Evaluates a function at the points of one chunk.
    f : callable
    call : MappedCall
    out_axes : int, None or container
    size : int

    Returns
    -------
    container
        As of a call without chunks.
    """
    count = -(-call.size // size)

    def step(carry: Any, rows: list[Any]) -> tuple[Any, Any]:
        return carry, vmap(lambda *point: call.apply(f, list(point)), 0, _inner(out_axes))(*rows)

    _, found = scan(step, (), [_chunks(x, count, size) for x in call.batch])
    leaves, treedef = flatten(found)
    axes = spread_axes(out_axes, treedef, "out_axes", "the result")
    names = leaf_paths(treedef, f"the output of {function_name(f)}")
    return unflatten(
        treedef,
        [
            y[0] if axis is None else _joined(y, call.size, axis, name)
            for y, axis, name in zip(leaves, axes, names, strict=True)
        ],
    )


def _inner(out_axes: Any) -> Any:
    """The axes of the results of a chunk: the points first, where there are any."""
    leaves, treedef = flatten(out_axes)
    return unflatten(treedef, [0] * len(leaves))


def _chunks(x: Any, count: int, size: int) -> Any:
    """The points of one argument as chunks, (count, size, ...)."""
    return filled(x, count * size).reshape((count, size, *x.shape[1:]))


def filled(x: Any, n: int) -> Any:
    """n points: those of x, and the last one again as often as it takes."""
    if n == len(x):
        return x
    last = _core.broadcast_to(x[-1:], (n - len(x), *x.shape[1:]))
    join = _core.concatenate if x.__class__ is Array else _plain_join
    return join([x, last], 0)


def _plain_join(parts: list[Any], axis: int) -> Any:
    return np.concatenate([np.asarray(part) for part in parts], axis)


def _joined(y: Any, n: int, axis: int, name: str) -> Any:
    """The chunks of one result as points, and their axis in place."""
    y = y.reshape((-1, *y.shape[2:]))[:n]
    at = out_axis(axis, y.ndim, lambda: name)
    if not at:
        return y
    order = (*range(1, at + 1), 0, *range(at + 1, y.ndim))
    return _core.transpose(y, order) if y.__class__ is Array else np.transpose(y, order)
