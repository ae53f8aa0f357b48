"""Choosing elements: by position, by condition, by order.

Positions, conditions and orders are decided on values and carry no derivative; the elements they
choose do. This file must not know how a choice is differentiated: it makes an index and leaves the
rest to the core. Conventions: equal elements keep their order in sort and median (the derivative
follows the element that was taken); clip shares the derivative evenly at its bounds.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any, overload

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array, in_program
from cdiff._face import misfit
from cdiff.numpy._common import (
    NO_VALUE,
    NUMPY,
    ArrayLike,
    along,
    any_order,
    any_true,
    as_array,
    axes_of,
    axis_of,
    handles,
    index_along,
    line_of,
    listed_axes,
    mirrors,
    of_values,
    positions_of,
    shortcut,
    store,
)
from cdiff.numpy._reduce import mean
from cdiff.numpy._values import flatnonzero, invert, nonzero

__all__ = [
    "clip", "diag", "diagonal", "diff", "extract", "median", "select", "sort",
    "sort_complex",
    "take", "take_along_axis", "tril", "triu", "where",
]  # fmt: skip

SHORT = "?bBhHf"  # dtypes that become single precision beside it
SMALL_MATRIX = 4096  # elements of a triangular mask that is kept

FEW_RANKS = 8  # in a long row, that are looked for one by one
LONG_ROW = 1000  # elements from where a second look at a sorted row costs less than it saves,
MANY_KEYS, SHORT_ROW = 2000, 16  # and of rows that are not short

# --- by condition ---------------------------------------------------------------------------------


@overload
def where(condition: Any, /) -> tuple[Any, ...]: ...
@overload
def where(condition: Any, x: ArrayLike, y: ArrayLike, /) -> Array: ...
@handles(np.where)
@shortcut(_core.where, 3, "any")
def where(condition: Any, x: ArrayLike = NO_VALUE, y: ArrayLike = NO_VALUE, /) -> Any:
    """As `numpy.where`: `x` where a condition is true, else `y`; the branch that is not taken
    contributes no derivative, not even NaN.

    >>> cd.grad(lambda x: cnp.where(x > 0, x**2, 0.0).sum())(np.array([-1.0, 3.0]))
    array([0., 6.])
    """
    if y is NO_VALUE:
        if x is not NO_VALUE:
            raise ValueError("where: either both or neither of x and y should be given")
        return nonzero(condition) if type(condition) is Array else np.where(condition)
    if any_array(condition, x, y):
        return _core.where(condition, x, y)
    return np.where(condition, x, y)


@mirrors(np.select)
def select(condlist: Any, choicelist: Any, default: ArrayLike = 0) -> Array:
    """As `numpy.select`: the choice of the first true condition; one that is not taken contributes
    no derivative.

    >>> cd.grad(lambda x: cnp.select([x < 0, x < 9], [0.0, x**2]).sum())(np.array([-1.0, 3.0]))
    array([0., 6.])
    """
    if len(condlist) != len(choicelist):
        raise ValueError(
            f"select: list of cases must be same length as list of conditions, got "
            f"{len(choicelist)} and {len(condlist)}"
        )
    if not len(condlist):
        raise ValueError("select with an empty condition list is not possible")
    result = default
    for i in range(len(condlist) - 1, -1, -1):
        condition = condlist[i] if type(condlist[i]) is Array else np.asarray(condlist[i])
        if condition.dtype.type is not np.bool_:
            raise TypeError(f"select: invalid entry {i} in condlist: should be boolean ndarray")
        result = _core.where(condition, choicelist[i], result)
    return result


@mirrors(np.extract)
def extract(condition: Any, arr: ArrayLike) -> Array:
    """As `numpy.extract`: the elements where a condition is true.

    >>> cd.grad(lambda x: cnp.extract(x > 0, x).sum())(np.array([-1.0, 3.0]))
    array([0., 1.])
    """
    a = as_array(arr)
    return take(a, flatnonzero(condition))


@mirrors(np.clip)
def clip(
    a: ArrayLike,
    a_min: ArrayLike = NO_VALUE,
    a_max: ArrayLike = NO_VALUE,
    out: Any = None,
    *,
    min: ArrayLike = NO_VALUE,
    max: ArrayLike = NO_VALUE,
    **kwargs: Any,
) -> Array:
    """As `numpy.clip`: elements moved to the nearest bound; at a bound the derivative is shared
    evenly between element and bound.

    >>> cd.grad(lambda x: cnp.clip(x, 0.0, 1.0).sum())(np.array([-1.0, 0.5, 1.0]))
    array([0. , 1. , 0.5])
    """
    low = _bound(a_min, min, "min")
    high = _bound(a_max, max, "max")
    where = kwargs.pop("where", True)
    result = as_array(a)
    if result.dtype.char in SHORT and not type(low) is type(high) is float and not kwargs:
        # One dtype for all three: a number must not be rounded before an array makes it wider.
        result = _as_wide_as(result, low, high)
    if type(low) is type(high) is float and not kwargs:
        result = _core.clip(result, low, high)
        low = high = None
    elif low is None and high is None:
        result = _core.positive(result, **kwargs)
    if low is not None:
        result = _core.maximum(result, low, **kwargs)
    if high is not None:
        result = _core.minimum(result, high, **kwargs)
    if where is not True:
        return _core.positive(result, out=out, where=where)
    return result if out is None else store(out, result, "clip")


def _as_wide_as(a: Array, low: ArrayLike, high: ArrayLike) -> Array:
    if low is None or high is None:
        return a
    bounds = [x if type(x) in (bool, int, float) else as_array(x).dtype for x in (low, high)]
    dtype = NUMPY.result_type(a.dtype, *bounds)
    return _core.cast(a, dtype) if dtype.kind in "fc" else a


def _bound(old: ArrayLike, new: ArrayLike, name: str) -> ArrayLike:
    """NumPy has two names for each bound of clip; None means no bound."""
    if new is NO_VALUE:
        return None if old is NO_VALUE else old
    if old is not NO_VALUE:
        raise ValueError(f"clip: give either a_{name} or {name}, not both")
    return new


# --- by position ----------------------------------------------------------------------------------


@mirrors(np.take)
def take(
    a: ArrayLike, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise"
) -> Array:
    """As `numpy.take`: elements or slices at positions along an axis.

    >>> cd.grad(lambda x: cnp.take(x, [1, 1]).sum())(np.ones(3))
    array([0., 2., 0.])
    """
    a, axis = line_of(a, axis, "take")
    positions = positions_of(indices)
    if positions.dtype != np.intp:
        if positions.dtype.kind not in "iub" and positions.size:
            raise misfit(f"take: indices must be integers, not {positions.dtype}", TypeError)
        positions = positions.astype(np.intp)
    n = a.shape[axis]
    if mode == "wrap" and n:
        positions = positions % n
    elif mode == "clip" and n:
        positions = np.clip(positions, 0, n - 1)
    elif mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"take: mode must be 'raise', 'wrap' or 'clip', not {mode!r}")
    result = _core.index(a, index_along(axis, positions))
    return result if out is None else store(out, result, "take")


@mirrors(np.take_along_axis)
def take_along_axis(arr: ArrayLike, indices: Any, axis: int | None = -1) -> Array:
    """As `numpy.take_along_axis`: elements at positions that differ from line to line.

    >>> cd.grad(lambda x: cnp.take_along_axis(x, np.array([1, 1]), 0).sum())(np.ones(3))
    array([0., 2., 0.])
    """
    a = as_array(arr)
    indices = positions_of(indices)
    if axis is None:
        if indices.ndim != 1:
            raise misfit("take_along_axis: when axis=None, `indices` must have 1 dimension")
        a, axis = _core.reshape(a, (a.size,)), 0
    axis = axis_of(a, axis, "take_along_axis")
    if indices.ndim != a.ndim:
        raise misfit(
            f"take_along_axis: `indices` of shape {indices.shape} and `arr` of shape {a.shape} "
            "must have the same number of dimensions"
        )
    if indices.dtype.kind not in "iu":
        raise IndexError("take_along_axis: `indices` must be an integer array")
    return along(a, indices, axis)


@mirrors(np.diagonal)
def diagonal(a: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """As `numpy.diagonal`: a read-only view of a diagonal, along the last axis.

    >>> cd.grad(lambda x: cnp.diagonal(x).sum())(np.ones((2, 2)))
    array([[1., 0.],
           [0., 1.]])
    """
    return _core.set_writeable(diagonal_view(a, offset, axis1, axis2), False)


def diagonal_view(a: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """A diagonal, which may be assigned to where the memory of the array is in C order."""
    a = as_array(a)
    if a.ndim < 2:
        raise misfit(f"diagonal: an array of at least two dimensions is required, not {a.shape}")
    i, j = axis_of(a, axis1, "diagonal"), axis_of(a, axis2, "diagonal")
    if i == j:
        raise ValueError("diagonal: axis1 and axis2 cannot be the same")
    order = [k for k in range(a.ndim) if k not in (i, j)] + [i, j]
    turned = a if order == sorted(order) else _core.transpose(a, order)
    *lead, rows, columns = turned.shape
    part = index_along(len(lead), _diagonal_slice(rows, columns, offset))
    flat = _core.reshape(turned, (*lead, rows * columns))
    if _core.is_view(flat):
        return _core.index(flat, part)
    places = np.arange(a.size, dtype=np.int64).reshape(a.shape).transpose(order)
    return _core.places_view(a, np.ascontiguousarray(places.reshape(flat.shape)[part]))


def _diagonal_slice(rows: int, columns: int, offset: int) -> slice:
    """Where a diagonal lies in a matrix whose rows are laid end to end."""
    first = offset if offset >= 0 else -offset * columns
    count = min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns)
    if count <= 0:
        return slice(0, 0)
    return slice(first, first + (count - 1) * (columns + 1) + 1, columns + 1)


@mirrors(np.diag)
def diag(v: ArrayLike, k: int = 0) -> Array:
    """As `numpy.diag`: the diagonal of a matrix, or the matrix of a diagonal.

    >>> cd.grad(lambda x: cnp.diag(x)[1, 1])(np.ones(2))
    array([0., 1.])
    """
    v = as_array(v)
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise misfit(f"diag: input must be 1- or 2-d, not of shape {v.shape}")
    n = v.size + abs(k)
    flat = _core.index_set(np.zeros(n * n, v.dtype), _diagonal_slice(n, n, k), v)
    return _core.reshape(flat, (n, n))


@mirrors(np.tril)
def tril(m: ArrayLike, k: int = 0) -> Array:
    """As `numpy.tril`: zeros above a diagonal.

    >>> cd.grad(lambda x: cnp.tril(x).sum())(np.ones((2, 2)))
    array([[1., 0.],
           [1., 1.]])
    """
    m = as_array(m)
    return _core.where(lower_half(_matrix(m, "tril"), k), m, np.zeros(1, m.dtype))


@mirrors(np.triu)
def triu(m: ArrayLike, k: int = 0) -> Array:
    """As `numpy.triu`: zeros below a diagonal.

    >>> cd.grad(lambda x: cnp.triu(x).sum())(np.ones((2, 2)))
    array([[1., 1.],
           [0., 1.]])
    """
    m = as_array(m)
    return _core.where(lower_half(_matrix(m, "triu"), k - 1), np.zeros(1, m.dtype), m)


def lower_half(shape: tuple[int, ...], k: int) -> Any:
    """Which elements of a matrix lie on the k-th diagonal or below it."""
    rows, columns = shape
    if rows * columns <= SMALL_MATRIX and type(k) is int:
        return _small_lower(rows, columns, k)
    return NUMPY.tri(rows, columns, k=k, dtype=bool)


@lru_cache(maxsize=64)
def _small_lower(rows: int, columns: int, k: int) -> Any:
    found = NUMPY.tri(rows, columns, k=k, dtype=bool)
    found.flags.writeable = False
    return found


def _matrix(m: Array, name: str) -> tuple[int, ...]:
    """The shape of the matrices in a stack; a vector stands for the rows of a square one."""
    if m.ndim == 0:
        raise ValueError(f"{name}: input must be at least 1-d")
    return (m.shape * 2)[-2:] if m.ndim == 1 else m.shape[-2:]


@mirrors(np.diff)
def diff(
    a: ArrayLike,
    n: int = 1,
    axis: int = -1,
    prepend: ArrayLike = NO_VALUE,
    append: ArrayLike = NO_VALUE,
) -> Array:
    """As `numpy.diff`: differences of neighbours.

    >>> cd.grad(lambda x: cnp.diff(x)[0])(np.ones(3))
    array([-1.,  1.,  0.])
    """
    a = as_array(a)
    if n < 0:
        raise ValueError(f"diff: order must be non-negative but got {n}")
    if a.ndim == 0:
        raise misfit("diff requires input that is at least one dimensional")
    if n == 0:
        return a
    if a.dtype == bool:
        return as_array(of_values(np.diff, a, n, axis, prepend, append))
    axis = axis_of(a, axis, "diff")
    parts = [x if x is a else _edge(x, a, axis) for x in (prepend, a, append) if x is not NO_VALUE]
    a = _core.concatenate(parts, axis) if len(parts) > 1 else a
    later, earlier = index_along(axis, slice(1, None)), index_along(axis, slice(None, -1))
    for _ in range(n):
        a = _core.index(a, later) - _core.index(a, earlier)
    return a


def _edge(x: ArrayLike, a: Array, axis: int) -> Array:
    """What diff puts before or after the operand; a number becomes a slice of it."""
    x = as_array(x)
    if x.ndim:
        return x
    return _core.broadcast_to(x, tuple([1 if i == axis else n for i, n in enumerate(a.shape)]))


# --- by order -------------------------------------------------------------------------------------


@mirrors(np.sort)
@any_order
def sort(
    a: ArrayLike,
    axis: int | None = -1,
    kind: Any = None,
    order: Any = None,
    *,
    stable: Any = None,
    descending: Any = NO_VALUE,
) -> Array:
    """As `numpy.sort`; the derivative follows each element, equal elements keep their order.

    >>> cd.grad(lambda x: cnp.sort(x)[0])(np.array([3.0, 1.0, 2.0]))
    array([0., 1., 0.])
    """
    if order is not None:
        raise ValueError("sort: Cannot specify order when the array has no fields.")
    if kind is not None:
        NUMPY.sort(np.empty(0), kind=kind, stable=stable)  # NumPy's own errors
        if descending is not NO_VALUE:
            raise ValueError("sort: `kind` and `descending` can't be provided at the same time")
    a = as_array(a)
    if axis is None:
        a, axis = _core.reshape(a, (a.size,)), 0
    axis = axis_of(a, axis, "sort")
    keys: Any = a
    if descending is not NO_VALUE and descending:
        # Not a reversed result: nan stays at the end, and equal elements keep their order.
        keys = -a if a.dtype.kind in "fc" else invert(a)
    return along(a, of_values(stable_order, keys, axis), axis)


def stable_order(keys: Any, axis: int) -> Any:
    """As `argsort(axis, kind="stable")`, of many keys by NumPy's vectorised sorts, which are not
    stable: one of the keys, and where some are equal one of their numbers and places together, or
    in few rows the stable one."""
    if keys.dtype.kind != "f" or keys.size < MANY_KEYS or keys.shape[axis] < SHORT_ROW:
        return keys.argsort(axis, kind="stable")
    order = keys.argsort(axis)
    n = order.shape[axis]
    ordered = np.take_along_axis(keys, order, axis)
    if np.isnan(ordered.take(-1, axis)).any():
        return keys.argsort(axis, kind="stable")
    lower, upper = (index_along(axis, part) for part in (slice(None, -1), slice(1, None)))
    larger = ordered[upper] != ordered[lower]
    if larger.all():
        return order
    mixed = ~larger.all(axis)
    if np.count_nonzero(mixed) * 4 < mixed.size:
        rows = np.moveaxis(order, axis, -1)
        rows[mixed] = np.moveaxis(keys, axis, -1)[mixed].argsort(-1, kind="stable")
        return order
    order[upper] += np.cumsum(larger, axis) * n
    order.sort(axis)
    order %= n
    return order


def positions_of_ranks(values: Any, ranks: Any) -> Any:
    """Where in the rows of an ndarray the elements of some ranks stand, by the stable order.

    The last rank is to be among them; in one long row no more is put in order than that takes.
    """
    n = values.shape[-1]
    few = ranks.size <= FEW_RANKS and values.dtype.kind == "f"
    if values.ndim > 1 or n < LONG_ROW or not few:
        return stable_order(values, -1)[..., ranks]
    wanted = np.unique(ranks)
    order = values.argpartition(wanted)
    if np.isnan(values[order[-1]]):
        return stable_order(values, -1)[ranks]
    found = order[ranks]
    for k, rank in enumerate(ranks):
        equal = values == values[found[k]]
        if np.count_nonzero(equal) > 1:
            less = np.count_nonzero(values < values[found[k]])
            found[k] = np.flatnonzero(equal)[rank - less]
    return found


@mirrors(np.sort_complex)
def sort_complex(a: ArrayLike) -> Array:
    """As `numpy.sort_complex`: in order along the last axis, and complex.

    >>> cnp.sort_complex(cd.array([3.0, 1.0]))
    Array([1.+0.j, 3.+0.j], dtype=complex128)
    """
    a = sort(a)
    if a.dtype.kind == "c":
        return a
    return _core.cast(a, np.complex64 if a.dtype.char in "bBhH" else np.complex128)


@mirrors(np.median)
@any_order
def median(
    a: ArrayLike,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    keepdims: bool = False,
) -> Array:
    """As `numpy.median`; the derivative goes to the element(s) in the middle.

    >>> cd.grad(cnp.median)(np.array([3.0, 1.0, 2.0, 9.0]))
    array([0.5, 0. , 0.5, 0. ])
    """
    return middle_element("median", a, axis, out, keepdims)


def middle_element(name: str, a: ArrayLike, axis: Any, out: Any, keepdims: Any) -> Array:
    """The median over axes; `name` is that of the function for errors."""
    a = as_array(a)
    axes = axes_of(a, listed_axes(axis), name)
    shape = a.shape
    rest = [i for i in range(len(shape)) if i not in axes]
    lead = tuple([shape[i] for i in rest])
    n = int(np.prod([shape[i] for i in axes], dtype=int))
    a = _core.reshape(_core.transpose(a, (*rest, *axes)), (*lead, n))
    result = _middle(a, n)
    if keepdims:
        result = _core.reshape(result, tuple([1 if i in axes else k for i, k in enumerate(shape)]))
    return result if out is None else store(out, result, name)


def _middle(a: Array, n: int) -> Array:
    """Median along the last axis."""
    if n == 0:
        warnings.warn("Mean of empty slice.", RuntimeWarning, stacklevel=5)
        return as_array(np.full(a.shape[:-1], np.nan, np.result_type(a.dtype, np.float32)))
    low, high = (n - 1) // 2, n // 2
    if n < LONG_ROW or in_program(a):
        a, part = sort(a), slice(low, high + 1)
    else:
        positions = positions_of_ranks(_core.value(a), np.array([low, high, n - 1]))
        a, part = along(a, positions, a.ndim - 1), slice(1 - (high - low), 2)
    middle = mean(_core.index(a, (..., part)), -1)
    last = _core.index(a, (..., -1))
    # NaN sorts to the end and is then the median.
    invalid: Any = np.isnan(last)
    return _core.where(invalid, last, middle) if any_true(invalid) else middle
