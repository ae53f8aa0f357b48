"""NumPy functions that change their argument: copyto, put, place and their like, and `ufunc.at`.

Each becomes one assignment ``a[key] = values`` (or ``a += ...``), so what may be changed, what a
view passes on and what is differentiated is decided by the core alone, as docs/in_place.md has it.
This file must not know versions or views. Positions and masks carry no derivative.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, in_program, is_tracked, value
from cdiff._face import misfit
from cdiff.numpy._common import (
    NUMPY,
    ArrayLike,
    as_array,
    axis_of,
    handles,
    holds_tracked,
    plain,
    positions_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"]


def changes(original: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a function that changes its first argument stand for a NumPy function."""
    name = f"{original.__name__}.at" if isinstance(original, np.ufunc) else original.__name__

    def decorate(f: Callable[..., None]) -> Callable[..., None]:
        first = f.__code__.co_varnames[0]

        @wraps(f)
        def change(*args: Any, **kwargs: Any) -> None:
            a = args[0] if args else kwargs.get(first)
            given = [*args, *kwargs.values()]
            if type(a) is Array:
                f(*args, **kwargs)
            elif any(map(holds_tracked, given)):
                raise TypeError(
                    f"{name}: {type(a).__name__} cannot hold a derivative; change an array made by "
                    "cdiff.numpy.zeros or cdiff.numpy.array instead of a plain ndarray"
                )
            else:
                call = original.at if isinstance(original, np.ufunc) else original
                call(*map(plain, args), **{key: plain(x) for key, x in kwargs.items()})

        return change if isinstance(original, np.ufunc) else handles(original)(change)

    return decorate


def _fitting(a: Array, values: ArrayLike, name: str, casting: Any = "unsafe") -> Array:
    """Values for an array; for one of integers as NumPy converts them, or refuses to."""
    if a.dtype.kind in "fc" or _core.any_array(values):
        return as_array(values)
    if isinstance(values, np.ndarray) and not NUMPY.can_cast(values.dtype, a.dtype, casting):
        raise misfit(
            f"{name}: cannot cast from {values.dtype} to {a.dtype} by the rule {casting!r}",
            TypeError,
        )
    return as_array(NUMPY.asarray(values, a.dtype))


def _cycled(values: Array, count: int) -> Array:
    """The first `count` elements of a sequence that is repeated for ever."""
    flat = _core.reshape(values, (values.size,))
    return flat if flat.size == count else _core.index(flat, np.arange(count) % flat.size)


@changes(np.copyto)
def copyto(dst: Array, src: ArrayLike, casting: str = "same_kind", where: Any = True) -> None:
    """As `numpy.copyto`: `dst[...] = src` where a mask allows it; differentiable in both.

    >>> a = cnp.zeros(2)
    >>> cnp.copyto(a, 3.0, where=[True, False])
    >>> a
    Array([3., 0.])
    """
    # NumPy 2 does not look at the values of Python numbers: only their kind has to fit.
    given = np.result_type(src, dst.dtype) if isinstance(src, (int, float)) else as_array(src).dtype
    if not NUMPY.can_cast(given, dst.dtype, casting):
        raise misfit(
            f"copyto: cannot cast from {given} to {dst.dtype} by the rule {casting!r}", TypeError
        )
    if not (isinstance(src, int) or _core.any_array(src)):
        src = np.asarray(src)  # cast without a look at the numbers
    if where is True:
        dst[...] = src
        return
    if _is_mask(where):
        dst[...] = _core.where(where, _fitting(dst, src, "copyto"), dst)
        return
    mask = np.broadcast_to(np.asarray(plain(where), dtype=bool), dst.shape)
    dst[mask] = _core.index(_core.broadcast_to(_fitting(dst, src, "copyto"), dst.shape), mask)


@changes(np.put)
def put(a: Array, ind: Any, v: ArrayLike, mode: str = "raise") -> None:
    """As `numpy.put`: values at flat positions; where positions are repeated, the last value
    counts.

    >>> a = cnp.zeros(3)
    >>> cnp.put(a, [0, 2], 5.0)
    >>> a
    Array([5., 0., 5.])
    """
    if a.ndim == 1 and mode == "raise" and type(ind) is Array and in_program(ind):
        a[_core.reshape(ind, (-1,))] = _cycled(_fitting(a, v, "put"), ind.size)
        return
    positions = np.asarray(plain(ind)).reshape(-1)
    if positions.size and not np.can_cast(positions.dtype, np.intp, "safe"):
        raise misfit(f"put: positions must be integers, not {positions.dtype}", TypeError)
    positions = positions.astype(np.intp)
    n = a.size
    if mode == "wrap" and n:
        positions %= n
    elif mode == "clip" and n:
        positions = np.clip(positions, 0, n - 1)
    elif mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"put: mode must be 'raise', 'wrap' or 'clip', not {mode!r}")
    outside = positions[(positions < -n) | (positions >= n)]
    if outside.size:
        raise IndexError(f"put: index {outside[0]} is out of bounds for size {n}")
    put_flat(a, positions % n if n else positions, _fitting(a, v, "put"))


def put_flat(a: Array, positions: Any, v: Array) -> None:
    """Assign to places of the flattened array, from no values nothing."""
    if positions.size and v.size and not a.ndim:
        a[...] = _cycled(v, positions.size)[-1]
    elif positions.size and v.size:
        a[np.unravel_index(positions, a.shape)] = _cycled(v, positions.size)


@changes(np.place)
def place(arr: Array, mask: Any, vals: ArrayLike) -> None:
    """As `numpy.place`: the values one after another where `mask` is true.

    >>> a = cnp.zeros(3)
    >>> cnp.place(a, [True, False, True], [1.0, 2.0])
    >>> a
    Array([1., 0., 2.])
    """
    vals = _fitting(arr, vals, "place", "safe")
    if vals.size == 1 and _is_mask(mask):
        putmask(arr, mask, vals)
        return
    positions = np.flatnonzero(_mask_of(arr, mask, "place"))
    if positions.size and not vals.size:
        raise ValueError("place: Cannot insert from an empty array!")
    put_flat(arr, positions, vals)


@changes(np.putmask)
def putmask(a: Array, mask: Any, values: ArrayLike) -> None:
    """As `numpy.putmask`: where `mask` is true, the value that stands at the same place.

    >>> a = cnp.zeros(3)
    >>> cnp.putmask(a, [True, False, True], [1.0, 2.0, 3.0])
    >>> a
    Array([1., 0., 3.])
    """
    values = _fitting(a, values, "putmask", "safe")
    if _is_mask(mask) and mask.shape == a.shape and values.size:
        a[...] = _core.where(mask, _core.reshape(_cycled(values, a.size), a.shape), a)
        return
    positions = np.flatnonzero(_mask_of(a, mask, "putmask"))
    if positions.size and values.size:
        put_flat(a, positions, _core.index(_cycled(values, a.size), positions))


def _is_mask(mask: Any) -> bool:
    """Is this a mask that a program computes, which decides nothing?"""
    return type(mask) is Array and mask.dtype == bool and in_program(mask)


def _mask_of(a: Array, mask: Any, name: str) -> Any:
    mask = np.asarray(plain(mask), dtype=bool)
    if mask.size != a.size:
        raise misfit(f"{name}: mask of shape {mask.shape} and array of shape {a.shape} differ")
    return mask


@changes(np.fill_diagonal)
def fill_diagonal(a: Array, val: ArrayLike, wrap: bool = False) -> None:
    """As `numpy.fill_diagonal`: values written into the diagonal.

    >>> a = cnp.zeros((2, 2))
    >>> cnp.fill_diagonal(a, 3.0)
    >>> a
    Array([[3., 0.],
           [0., 3.]])
    """
    shape = a.shape
    if len(shape) < 2:
        raise ValueError("fill_diagonal: array must be at least 2-d")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise misfit("fill_diagonal: All dimensions of input must be of equal length")
    step = 1 + int(np.cumprod(shape[:0:-1]).sum())
    stop = shape[1] ** 2 if len(shape) == 2 and not wrap else a.size
    put_flat(a, np.arange(a.size)[:stop:step], _fitting(a, val, "fill_diagonal"))


@changes(np.put_along_axis)
def put_along_axis(arr: Array, indices: Any, values: ArrayLike, axis: int | None) -> None:
    """As `numpy.put_along_axis`: values at positions along an axis; where they are repeated, the
    last value counts.

    >>> a = cnp.zeros(3)
    >>> cnp.put_along_axis(a, np.array([1]), 4.0, 0)
    >>> a
    Array([0., 4., 0.])
    """
    indices = positions_of(indices)
    if indices.dtype.kind not in "iu":
        raise IndexError("put_along_axis: `indices` must be an integer array")
    if axis is None:
        if indices.ndim != 1:
            raise misfit("put_along_axis: when axis=None, `indices` must have 1 dimension")
        # Through the places: `a` flattened is a copy where its memory allows no view.
        arr[np.unravel_index(np.arange(arr.size)[plain(indices)], arr.shape)] = values
        return
    axis = axis_of(arr, axis, "put_along_axis")
    if indices.ndim != arr.ndim:
        raise misfit(
            f"put_along_axis: `indices` of shape {indices.shape} and `arr` of shape {arr.shape} "
            "must have the same number of dimensions"
        )
    key = list(np.ogrid[tuple([slice(n) for n in arr.shape])])
    key[axis] = indices
    arr[tuple(key)] = values


# --- np.add.at and its like -----------------------------------------------------------------------


@changes(np.add)
def add_at(a: Array, indices: Any, b: ArrayLike) -> None:
    """As `numpy.add.at`: every repetition of a position counts."""
    a, indices = _with_axes(a, indices, np.add)
    a += _scattered(a, indices, b, np.add)


@changes(np.subtract)
def subtract_at(a: Array, indices: Any, b: ArrayLike) -> None:
    """As `numpy.subtract.at`: every repetition of a position counts."""
    a, indices = _with_axes(a, indices, np.subtract)
    a -= _scattered(a, indices, b, np.subtract)


def at_of(ufunc: Any) -> Callable[..., None]:
    """What stands for the method `at` of a ufunc of one or two operands and one result."""
    known = {np.add: add_at, np.subtract: subtract_at}
    if ufunc in known:
        return known[ufunc]

    @changes(ufunc)
    def at(a: Array, indices: Any, *b: ArrayLike) -> None:
        a, indices = _with_axes(a, indices, ufunc)
        positions = plain(_positions(a, indices))
        flat = positions.reshape(-1)
        others = [as_array(x) for x in b]  # of a number, too, one that has a dtype
        others = [_core.reshape(_core.broadcast_to(x, positions.shape), (-1,)) for x in others]
        for chosen in _rounds(flat):
            key = np.unravel_index(flat[chosen], a.shape)
            changed = ufunc(a[key], *[_core.index(x, chosen) for x in others])
            if not np.can_cast(changed.dtype, a.dtype, "same_kind"):
                raise misfit(
                    f"{ufunc.__name__}.at: an array of dtype {a.dtype} cannot hold a result of "
                    f"dtype {changed.dtype}",
                    TypeError,
                )
            a[key] = changed

    return at


def _with_axes(a: Array, indices: Any, ufunc: Any) -> tuple[Array, Any]:
    """The array and what names places in it; of an only element, a view with one axis."""
    if a.ndim:
        return a, indices
    if not _core.is_view(a):
        raise TypeError(
            f"{ufunc.__name__}.at: a scalar cannot be changed in place; assign to the name instead"
        )
    return _core.reshape(a, (1,)), np.zeros((), dtype=np.intp)[plain(indices)]


def _positions(a: Array, indices: Any) -> Any:
    """The places in the flattened array that an index of any kind names."""
    places = np.arange(a.size).reshape(a.shape)
    if in_program(indices):
        return _core.index(places, indices)
    return np.asarray(places[plain(indices)])


def _rounds(positions: Any) -> list[Any]:
    """Which positions can be changed together: all first occurrences, all second ones, ..."""
    order = np.argsort(positions, kind="stable")
    ordered, places = positions[order], np.arange(positions.size)
    fresh = np.diff(ordered, prepend=-1) != 0
    occurrence = np.empty_like(places)
    occurrence[order] = places - np.maximum.accumulate(np.where(fresh, places, 0))
    return [np.flatnonzero(occurrence == k) for k in range(occurrence.max(initial=-1) + 1)]


def _scattered(a: Array, indices: Any, b: ArrayLike, ufunc: Any) -> Array:
    """The operand in an array of the shape of `a`, summed where positions are repeated."""
    if a.dtype.kind not in "fc":
        if is_tracked(b):
            raise misfit(
                f"{ufunc.__name__}.at: a tracked value cannot be stored in an array of dtype "
                f"{a.dtype}; make the array with dtype float",
                TypeError,
            )
        whole = np.zeros(a.shape, a.dtype)
        np.add.at(whole, plain(indices), value(b))
        return as_array(whole)
    positions = _positions(a, indices)
    b = as_array(b)
    b = _core.cast(b, np.promote_types(a.dtype, b.dtype))  # what repetitions are summed in
    parts = _core.reshape(_core.broadcast_to(b, positions.shape), (-1,))
    flat = _core.reshape(positions, (-1,)) if type(positions) is Array else positions.reshape(-1)
    return _core.reshape(_core.scatter_add(parts, flat, a.size), a.shape)
