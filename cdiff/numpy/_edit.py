"""Taking elements out and putting others in: insert, delete, compress, choose, partition, block.

Which elements stay where is found by NumPy itself on an array of positions, so it is NumPy's by
construction, and the elements are moved by one gather. This file must not know derivatives.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy._common import (
    NUMPY,
    ArrayLike,
    along,
    any_order,
    as_array,
    axis_of,
    in_shape,
    index_along,
    mirrors,
    of_values,
    plain,
    store,
)
from cdiff.numpy._index import diag, take
from cdiff.numpy._shape import ravel
from cdiff.numpy._values import flatnonzero, nonzero

__all__ = [
    "block", "choose", "compress", "delete", "diagflat", "insert", "partition", "resize",
    "trim_zeros",
]  # fmt: skip


def _flat(a: ArrayLike, axis: int | None, name: str) -> tuple[Array, int]:
    """The operand and the axis; None flattens."""
    a = as_array(a)
    return (ravel(a), 0) if axis is None else (a, axis_of(a, axis, name))


@mirrors(np.delete)
def delete(arr: ArrayLike, obj: Any, axis: int | None = None) -> Array:
    """As `numpy.delete`: without the elements at some places.

    >>> cd.grad(lambda x: cnp.delete(x, 1).sum())(np.ones(3))
    array([1., 0., 1.])
    """
    a, axis = _flat(arr, axis, "delete")
    return _core.index(a, index_along(axis, np.delete(np.arange(a.shape[axis]), plain(obj))))


@mirrors(np.insert)
def insert(arr: ArrayLike, obj: Any, values: ArrayLike, axis: int | None = None) -> Array:
    """As `numpy.insert`: values put between the elements, differentiable in `arr` and `values`.

    >>> cd.grad(lambda v: cnp.insert(np.ones(2), 1, v).prod())(3.0)
    1.0
    """
    a, axis = _flat(arr, axis, "insert")
    obj = plain(obj)
    new = as_array(values)
    positions = np.arange(a.shape[axis])
    # What NumPy does with one number in each new place tells how many there are.
    where = (
        np.asarray(obj) if not isinstance(obj, slice) else np.arange(*obj.indices(a.shape[axis]))
    )
    if where.size == 1 and where.dtype.kind != "b":
        new = _core.reshape(new, (1,) * (a.ndim - new.ndim) + new.shape)
        if where.ndim == 0:
            # NumPy moves the first axis here, and only here.
            new = _core.transpose(new, _moved_first(new.ndim, axis))
        count = new.shape[axis]
        where = np.repeat(where.reshape(-1), count)
    else:
        count = len(np.insert(positions, obj, 0)) - len(positions)
    shape = tuple([count if i == axis else n for i, n in enumerate(a.shape)])
    new = _core.cast(_core.broadcast_to(new, shape), a.dtype)
    joined = _core.concatenate([a, new], axis)
    chosen = np.insert(positions, where if where.size else obj, len(positions) + np.arange(count))
    return _core.index(joined, index_along(axis, chosen))


def _moved_first(ndim: int, axis: int) -> list[int]:
    perm = list(range(1, ndim))
    perm.insert(axis, 0)
    return perm


@mirrors(np.compress)
def compress(condition: Any, a: ArrayLike, axis: int | None = None, out: Any = None) -> Array:
    """As `numpy.compress`: the elements or slices where a condition is true.

    >>> cd.grad(lambda x: cnp.compress([True, False, True], x).sum())(np.ones(3))
    array([1., 0., 1.])
    """
    chosen = condition if type(condition) is Array else np.asarray(condition)
    if chosen.ndim != 1:
        raise misfit(f"compress: condition must be a 1-d array, not of shape {chosen.shape}")
    return take(a, flatnonzero(chosen), axis, out)


@mirrors(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Array:
    """As `numpy.choose`: each element from the array whose number stands in `a`; differentiable in
    the choices.

    >>> cd.grad(lambda x: cnp.choose([0, 1], [x, x**2]).sum())(np.array([1.0, 2.0]))
    array([1., 4.])
    """
    rows = [as_array(x) for x in choices]
    number = of_values(_chosen, a, len(rows), mode)
    shape = np.broadcast_shapes(number.shape, *[x.shape for x in rows])
    weak = [x if isinstance(x, (int, float)) else as_array(x).dtype for x in choices]
    dtype = NUMPY.result_type(*weak) if len(weak) > 1 else rows[0].dtype
    parts = [
        _core.reshape(_core.broadcast_to(_core.cast(x, dtype), shape), (1, math.prod(shape)))
        for x in rows
    ]
    number = of_values(_one_row, number, shape)
    result = in_shape(along(_core.concatenate(parts, 0), number, 0), shape)
    return result if out is None else store(out, result, "choose")


def _chosen(a: Any, n: int, mode: str) -> Any:
    number = np.asarray(a)
    if number.dtype.kind not in "iub":
        raise misfit(
            f"choose: the choosing array must hold integers, not {number.dtype}", TypeError
        )
    number = number.astype(np.intp)
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"choose: mode must be 'raise', 'wrap' or 'clip', not {mode!r}")
    if mode == "wrap":
        return number % n
    if mode == "clip":
        return np.clip(number, 0, n - 1)
    if np.any((number < 0) | (number >= n)):
        raise ValueError(f"choose: invalid entry in choice array, which has {n} choices")
    return number


def _one_row(number: Any, shape: tuple[int, ...]) -> Any:
    return np.broadcast_to(number, shape).reshape(1, -1)


@mirrors(np.partition)
@any_order
def partition(
    a: ArrayLike, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None
) -> Array:
    """As `numpy.partition`; the derivative follows each element.

    >>> cd.grad(lambda x: cnp.partition(x, 0)[0])(np.array([3.0, 1.0, 2.0]))
    array([0., 1., 0.])
    """
    if order is not None:
        raise ValueError("partition: Cannot specify order when the array has no fields.")
    a, axis = _flat(a, axis, "partition")
    return along(a, of_values(NUMPY.argpartition, a, plain(kth), axis, kind), axis)


@mirrors(np.resize)
def resize(a: ArrayLike, new_shape: Any) -> Array:
    """As `numpy.resize`: the elements one after another, repeated as often as needed.

    >>> cd.grad(lambda x: cnp.resize(x, 3).sum())(np.ones(2))
    array([2., 1.])
    """
    shape = tuple(new_shape) if np.iterable(new_shape) else (new_shape,)
    shape = tuple([operator.index(n) for n in shape])
    if any(n < 0 for n in shape):
        raise ValueError(f"resize: all elements of `new_shape` must be non-negative, not {shape}")
    a = ravel(as_array(a))
    size = math.prod(shape)
    if not a.size or not size:
        return _core.array(np.zeros(shape, a.dtype))
    return _core.reshape(_core.index(a, np.arange(size) % a.size), shape)


@mirrors(np.diagflat)
def diagflat(v: ArrayLike, k: int = 0) -> Array:
    """As `numpy.diagflat`: a matrix with the elements on a diagonal.

    >>> cd.grad(lambda x: cnp.diagflat(x)[1, 1])(np.ones(2))
    array([0., 1.])
    """
    return diag(ravel(as_array(v)), k)


@mirrors(np.trim_zeros)
def trim_zeros(filt: ArrayLike, trim: str = "fb", axis: Any = None) -> Array:
    """As `numpy.trim_zeros`: without the zeros at the ends; how many is decided by the values.

    >>> cd.grad(lambda x: cnp.trim_zeros(x).sum())(np.array([0.0, 2.0]))
    array([0., 1.])
    """
    a = as_array(filt)
    trim = trim.lower()
    if trim not in ("fb", "bf", "f", "b"):
        raise ValueError(f"trim_zeros: unexpected character(s) in `trim`: {trim!r}")
    if not a.ndim:
        return a
    axes = range(a.ndim) if axis is None else axis if np.iterable(axis) else (axis,)
    found = nonzero(a)
    key = [slice(None)] * a.ndim
    for k in [axis_of(a, k, "trim_zeros") for k in axes]:
        places = found[k]
        if not places.size:
            # Only zeros: NumPy trims them from the front first.
            key[k] = slice(a.shape[k], None) if "f" in trim else slice(0, 0)
            continue
        first = int(places.min()) if "f" in trim else 0
        key[k] = slice(first, int(places.max()) + 1 if "b" in trim else None)
    return _core.index(a, tuple(key))


# --- block ----------------------------------------------------------------------------------------


@mirrors(np.block)
def block(arrays: Any) -> Array:
    """As `numpy.block`: nested lists of blocks, the innermost joined along the last axis.

    >>> cd.grad(lambda x: cnp.block([[x, 2.0 * x]]).sum())(np.ones(2))
    array([3., 3.])
    """
    depth = _depth(arrays, ())
    blocks = _leaves(arrays)
    ndim = max(depth, *[x.ndim for x in blocks])
    return _joined(arrays, depth, ndim) if depth else blocks[0].copy()


def _depth(x: Any, place: tuple[int, ...]) -> int:
    if isinstance(x, tuple):
        raise TypeError("block: arrays is a tuple; only lists can be used to arrange blocks")
    if not isinstance(x, list):
        return len(place)
    if not x:
        raise ValueError(
            "block: List at arrays" + "".join(f"[{i}]" for i in place) + " cannot be empty"
        )
    depths = {_depth(item, (*place, i)) for i, item in enumerate(x)}
    if len(depths) > 1:
        raise ValueError("block: List depths are mismatched")
    return depths.pop()


def _leaves(x: Any) -> list[Array]:
    return [leaf for item in x for leaf in _leaves(item)] if isinstance(x, list) else [as_array(x)]


def _joined(x: Any, depth: int, ndim: int) -> Array:
    if not isinstance(x, list):
        a = as_array(x)
        return _core.reshape(a, (1,) * (ndim - a.ndim) + a.shape)
    return _core.concatenate([_joined(item, depth - 1, ndim) for item in x], ndim - depth)


@mirrors(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    x: ArrayLike, window_shape: Any, axis: Any = None, *, subok: bool = False,
    writeable: bool = False,
) -> Array:  # fmt: skip
    """As `numpy.lib.stride_tricks.sliding_window_view`: read-only, and shows later changes."""
    if writeable:
        raise ValueError("sliding_window_view: windows of a cdiff array cannot be written to")
    a = as_array(x)
    places = np.arange(a.size, dtype=np.int64).reshape(a.shape)
    windows = np.lib.stride_tricks.sliding_window_view(places, window_shape, axis)
    return _core.places_view(a, np.ascontiguousarray(windows))
