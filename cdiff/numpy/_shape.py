"""The same elements in other shapes: reshaping, reordering, joining, repeating.

Everything here moves elements and is linear, so each function is a few of the core's views and
copies (reshape, transpose, broadcast, slice, concatenate) and knows nothing of derivatives.
Repetition is a broadcast and a reshape rather than a gather, so its derivative is a plain sum.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.exceptions import AxisError
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from cdiff import _core
from cdiff._core import Array, any_array, value
from cdiff._face import misfit, noted
from cdiff.numpy._common import (
    NUMPY,
    ArrayLike,
    as_array,
    axes_of,
    axis_of,
    handles,
    index_along,
    line_of,
    listed_axes,
    mirrors,
    shortcut,
    store,
    whole_axis,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "append", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays", "broadcast_to",
    "column_stack", "concat", "concatenate", "dstack", "expand_dims", "flip", "fliplr",
    "flipud", "hstack", "matrix_transpose", "moveaxis", "permute_dims", "ravel", "repeat",
    "reshape", "roll", "rollaxis", "rot90", "squeeze", "stack", "swapaxes", "tile", "transpose",
    "vstack",
]  # fmt: skip


# --- shape ----------------------------------------------------------------------------------------


@handles(np.reshape)
@shortcut(_core.reshape, 2)
def reshape(a: ArrayLike, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> Array:
    """As `numpy.reshape`: the same elements in another shape; order "A" only where it cannot
    matter (see `_by_columns`).

    >>> cd.grad(lambda x: cnp.reshape(x, (2, 2))[1, 0])(np.ones(4))
    array([0., 0., 1., 0.])
    """
    if type(a) is not Array:
        if not any_array(a):
            given = {} if copy is None else {"copy": copy}  # NumPy 2.0 has no copy
            return NUMPY.reshape(a, shape, order, **given)
        a = as_array(a)
    if type(shape) is not tuple:
        shape = (shape,) if type(shape) is int or not np.iterable(shape) else tuple(shape)
    if order != "C" and _by_columns(a, order, "reshape"):
        made = _core.reshape(transpose(a), shape[::-1])
        result = transpose(made)
    else:
        result = made = _core.reshape(a, shape)
    if copy is False and result.size and not _core.is_view(made):
        raise misfit(f"reshape: {a.shape} becomes {result.shape} by a copy, and copy=False")
    return result.copy() if copy else result


@handles(np.ravel)
def ravel(a: ArrayLike, order: str = "C") -> Array:
    """As `numpy.ravel`: all elements in one axis. Orders "A" and "K" only where they cannot matter
    (see `_by_columns`).

    >>> cd.grad(lambda x: cnp.ravel(x)[1])(np.ones((2, 2)))
    array([[0., 1.],
           [0., 0.]])
    """
    if type(a) is not Array:
        if not any_array(a):
            return NUMPY.ravel(a, order)
        a = as_array(a)
    columns = order != "C" and _by_columns(a, order, "ravel")
    return _core.ravel(transpose(a) if columns else a)


def _by_columns(a: Array, order: str | None, name: str) -> bool:
    """Does an order of the elements let the first axis run fastest?

    Orders "A" and "K" go by the memory. Results of operators lie in C order here, those of NumPy
    as their operands do: with two axes the elements could silently come in another order.
    """
    if not isinstance(order, str):
        if order is None:
            return False
        raise TypeError(f"{name}: order must be str, not {type(order).__name__}")
    order = order.upper()
    if order not in ("C", "F", "A", "K"):
        raise ValueError(f"{name}: order must be one of 'C', 'F', 'A', or 'K' (got {order!r})")
    if order == "K" and name == "reshape":
        raise ValueError("reshape: order 'K' is not permitted for reshaping")
    if order in "AK" and a.size and sum(n > 1 for n in a.shape) > 1:
        raise ValueError(
            f"{name}: order={order!r} asks for the order in memory, in which an Array of shape "
            f"{a.shape} need not lie as NumPy's would; write order='C' or order='F'"
        )
    return order == "F"


@mirrors(np.expand_dims)
def expand_dims(a: ArrayLike, axis: Any) -> Array:
    """As `numpy.expand_dims`: new axes of length 1.

    >>> cd.jacobian(lambda x: cnp.expand_dims(x, 0))(np.ones(2)).shape
    (1, 2, 2)
    """
    a = as_array(a)
    axis = axis if isinstance(axis, (tuple, list)) else (axis,)
    ndim = a.ndim + len(axis)
    new = noted(normalize_axis_tuple, axis, ndim, f"expand_dims of shape {a.shape}")
    old = iter(a.shape)
    return _core.reshape(a, tuple([1 if i in new else next(old) for i in range(ndim)]))


@mirrors(np.squeeze)
def squeeze(a: ArrayLike, axis: Any = None) -> Array:
    """As `numpy.squeeze`: without the axes of length 1.

    >>> cd.grad(lambda x: cnp.squeeze(x) * 2.0)(np.ones((1, 1)))
    array([[2.]])
    """
    a = as_array(a)
    shape = a.shape
    if axis is None:
        return _core.reshape(a, tuple([n for n in shape if n != 1]))
    axes = axes_of(a, axis, "squeeze", True)
    for i in axes:
        if shape[i] != 1:
            raise misfit(
                f"squeeze: cannot select an axis to squeeze out which has size not equal to one "
                f"(axis {i} of shape {shape})"
            )
    return _core.reshape(a, tuple([n for i, n in enumerate(shape) if i not in axes]))


@mirrors(np.broadcast_to)
def broadcast_to(array: ArrayLike, shape: Any, subok: bool = False) -> Array:
    """As `numpy.broadcast_to`: a read-only view; what is repeated adds up in the derivative.

    >>> cd.grad(lambda x: cnp.broadcast_to(x, (3, 2)).sum())(np.ones(2))
    array([3., 3.])
    """
    return _core.broadcast_view(array, tuple(shape) if np.iterable(shape) else (shape,))


@mirrors(np.broadcast_arrays)
def broadcast_arrays(*args: ArrayLike, subok: bool = False) -> tuple[Array, ...]:
    """As `numpy.broadcast_arrays`: views of one shape, which may not be assigned to.

    >>> cd.grad(lambda x: cnp.broadcast_arrays(x, np.ones(3))[0].sum())(2.0)
    3.0
    """
    arrays = [as_array(a) for a in args]
    shape = noted(np.broadcast_shapes, *[a.shape for a in arrays])
    return tuple([_core.broadcast_view(a, shape) for a in arrays])


def _at_least(widened: Callable[[tuple[int, ...]], tuple[int, ...]], original: Any) -> Any:
    """One of atleast_1d, _2d, _3d, from what it does to a shape."""

    @mirrors(original)
    def at_least(*arys: ArrayLike) -> Any:
        arrays = [as_array(a) for a in arys]
        out = [_core.reshape(a, widened(a.shape)) for a in arrays]
        return out[0] if len(out) == 1 else tuple(out)

    at_least.__name__ = at_least.__qualname__ = original.__name__
    name, ndim = original.__name__, len(widened(()))
    at_least.__doc__ = (
        f"As `numpy.{name}`: new axes of length 1 where there are fewer than {ndim}.\n\n"
        f">>> cd.jacobian(cnp.{name})(3.0).shape\n{(1,) * ndim}"
    )
    return at_least


atleast_1d = _at_least(lambda s: s or (1,), np.atleast_1d)
atleast_2d = _at_least(lambda s: (1,) * (2 - len(s)) + s, np.atleast_2d)
atleast_3d = _at_least(lambda s: ((1, *s, 1) if len(s) < 2 else s + (1,) * (3 - len(s)))
                       if s else (1, 1, 1), np.atleast_3d)  # fmt: skip


# --- order of the axes and of the elements --------------------------------------------------------


@handles(np.transpose, np.permute_dims)
def transpose(a: ArrayLike, axes: Any = None) -> Array:
    """As `numpy.transpose`: the axes in reverse or in a given order.

    >>> cd.grad(lambda x: cnp.transpose(x)[1, 0])(np.ones((2, 2)))
    array([[0., 1.],
           [0., 0.]])
    """
    if a.__class__ is not Array:
        if not any_array(a):
            return NUMPY.transpose(a, axes)
        a = as_array(a)
    return a.T if axes is None else _core.transpose(a, tuple(axes))


permute_dims = transpose


@mirrors(np.matrix_transpose)
def matrix_transpose(x: ArrayLike, /) -> Array:
    """As `numpy.matrix_transpose`: the last two axes exchanged.

    >>> cd.grad(lambda x: cnp.matrix_transpose(x)[1, 0])(np.ones((2, 2)))
    array([[0., 1.],
           [0., 0.]])
    """
    return as_array(x).mT


@mirrors(np.swapaxes)
def swapaxes(a: ArrayLike, axis1: int, axis2: int) -> Array:
    """As `numpy.swapaxes`: two axes exchanged.

    >>> cd.grad(lambda x: cnp.swapaxes(x, 0, 1)[1, 0])(np.ones((2, 2)))
    array([[0., 1.],
           [0., 0.]])
    """
    a = as_array(a)
    i, j = axis_of(a, axis1, "swapaxes"), axis_of(a, axis2, "swapaxes")
    perm = list(range(a.ndim))
    perm[i], perm[j] = j, i
    return _core.transpose(a, tuple(perm))


@mirrors(np.moveaxis)
def moveaxis(a: ArrayLike, source: Any, destination: Any) -> Array:
    """As `numpy.moveaxis`: some axes in other places, the rest in order.

    >>> cd.grad(lambda x: cnp.moveaxis(x, 0, -1)[1, 0])(np.ones((2, 2)))
    array([[0., 1.],
           [0., 0.]])
    """
    a = as_array(a)
    name = f"moveaxis of shape {a.shape}: "
    source = noted(normalize_axis_tuple, source, a.ndim, name + "source")
    destination = noted(normalize_axis_tuple, destination, a.ndim, name + "destination")
    if len(source) != len(destination):
        raise ValueError(name + "`source` and `destination` must have the same number of elements")
    perm = [i for i in range(a.ndim) if i not in source]
    for to, axis in sorted(zip(destination, source, strict=True)):
        perm.insert(to, axis)
    return _core.transpose(a, tuple(perm))


@mirrors(np.rollaxis)
def rollaxis(a: ArrayLike, axis: int, start: int = 0) -> Array:
    """As `numpy.rollaxis`: one axis moved back to a place.

    >>> cd.grad(lambda x: cnp.rollaxis(x, 1)[1, 0])(np.ones((2, 2)))
    array([[0., 1.],
           [0., 0.]])
    """
    a = as_array(a)
    axis = axis_of(a, axis, "rollaxis")
    start = operator.index(start)
    if not -a.ndim <= start <= a.ndim:
        raise misfit(f"rollaxis: start={start} is out of bounds for shape {a.shape}", AxisError)
    start += a.ndim if start < 0 else 0  # of the axes, not of the places between them
    perm = [i for i in range(a.ndim) if i != axis]
    perm.insert(start - 1 if axis < start else start, axis)
    return _core.transpose(a, tuple(perm))


@mirrors(np.flip)
def flip(m: ArrayLike, axis: Any = None) -> Array:
    """As `numpy.flip`: reversed along axes.

    >>> cd.grad(lambda x: cnp.flip(x)[0])(np.ones(3))
    array([0., 0., 1.])
    """
    m = as_array(m)
    axes = axes_of(m, listed_axes(axis), "flip")
    return _core.index(m, tuple([slice(None, None, -1 if i in axes else 1) for i in range(m.ndim)]))


@mirrors(np.fliplr)
def fliplr(m: ArrayLike) -> Array:
    """As `numpy.fliplr`: columns reversed.

    >>> cd.grad(lambda x: cnp.fliplr(x)[0, 0])(np.ones((1, 3)))
    array([[0., 0., 1.]])
    """
    m = as_array(m)
    if m.ndim < 2:
        raise misfit(f"fliplr: input must be >= 2-d, not of shape {m.shape}")
    return flip(m, 1)


@mirrors(np.flipud)
def flipud(m: ArrayLike) -> Array:
    """As `numpy.flipud`: rows reversed.

    >>> cd.grad(lambda x: cnp.flipud(x)[0])(np.ones(3))
    array([0., 0., 1.])
    """
    m = as_array(m)
    if m.ndim < 1:
        raise ValueError("flipud: input must be >= 1-d")
    return flip(m, 0)


@mirrors(np.rot90)
def rot90(m: ArrayLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """As `numpy.rot90`: turned in the plane of two axes.

    >>> cd.grad(lambda x: cnp.rot90(x)[0, 0])(np.ones((2, 2)))
    array([[0., 1.],
           [0., 0.]])
    """
    m = as_array(m)
    if len(axes) != 2:
        raise ValueError("rot90: len(axes) must be 2")
    i, j = (axis_of(m, axis, "rot90") for axis in axes)
    if i == j:
        raise ValueError("rot90: axes must be different")
    k %= 4
    m = flip(m, (j,) if k == 1 else (i,) if k == 3 else (i, j) if k == 2 else ())
    return swapaxes(m, i, j) if k % 2 else m


@mirrors(np.roll)
def roll(a: ArrayLike, shift: Any, axis: Any = None) -> Array:
    """As `numpy.roll`: shifted in a circle; the shift is constant.

    >>> cd.grad(lambda x: cnp.roll(x, 1)[0])(np.ones(3))
    array([0., 0., 1.])
    """
    a = as_array(a)
    if axis is None:
        return _core.reshape(roll(_core.reshape(a, (a.size,)), shift, 0), a.shape)
    axes = normalize_axis_tuple(axis, a.ndim, f"roll of shape {a.shape}", allow_duplicate=True)
    pairs = np.broadcast(shift, axes)
    if pairs.ndim > 1:
        raise ValueError("roll: 'shift' and 'axis' should be scalars or 1D sequences")
    result = a
    for step, i in pairs:
        n = a.shape[i]
        step = int(step) % n if n else 0
        if step:
            tail = _core.index(result, index_along(i, slice(n - step, None)))
            head = _core.index(result, index_along(i, slice(0, n - step)))
            result = _core.concatenate([tail, head], i)
    return a.copy() if result is a else result


# --- joining --------------------------------------------------------------------------------------


@handles(np.concatenate)
@shortcut(_core.concatenate, 1, "items")
def concatenate(
    arrays: Sequence[ArrayLike],
    /,
    axis: int | None = 0,
    out: Any = None,
    *,
    dtype: Any = None,
    casting: str = "same_kind",
) -> Array:
    """As `numpy.concatenate`: arrays one after another along an axis.

    >>> cd.grad(lambda x: cnp.concatenate([x, 2.0 * x]).sum())(np.ones(2))
    array([3., 3.])
    """
    if not any_array(arrays, out):
        return NUMPY.concatenate(arrays, axis, out, dtype=dtype, casting=casting)
    if axis is None:
        arrays, axis = [ravel(as_array(a)) for a in arrays], 0
    result = _core.concatenate(arrays, whole_axis(axis, "concatenate"))
    if casting != "same_kind":
        _check_casts(arrays, dtype, casting)
    if dtype is None and out is None:
        return result
    return _finished(result, out, dtype, casting, "concatenate")


def _check_casts(arrays: Sequence[ArrayLike], dtype: Any, casting: str) -> None:
    """Raise as NumPy does where a rule forbids to put these together in a dtype."""
    empty = [np.empty(0, as_array(a).dtype) for a in arrays]
    NUMPY.concatenate(empty, dtype=dtype, casting=casting)


def _finished(result: Array, out: Any, dtype: Any, casting: str, name: str) -> Array:
    if dtype is not None:
        result = result.astype(dtype, casting=casting)
    return result if out is None else store(out, result, name)


concat = concatenate


@handles(np.stack)
def stack(
    arrays: Sequence[ArrayLike],
    axis: int = 0,
    out: Any = None,
    *,
    dtype: Any = None,
    casting: str = "same_kind",
) -> Array:
    """As `numpy.stack`: arrays along a new axis.

    >>> cd.grad(lambda x: cnp.stack([x, x**2]).sum())(np.array([1.0, 2.0]))
    array([3., 5.])
    """
    if not any_array(arrays, out):
        return NUMPY.stack(arrays, axis, out, dtype=dtype, casting=casting)
    rows = [as_array(a) for a in arrays]
    if not rows:
        raise ValueError("stack: need at least one array to stack")
    shape = rows[0].shape
    for row in rows:
        if row.shape != shape:
            raise misfit(
                f"stack: all input arrays must have the same shape, got {shape} and {row.shape}"
            )
    ndim = len(shape) + 1
    if type(axis) is not int or not 0 <= axis < ndim:
        axis = noted(normalize_axis_index, operator.index(axis), ndim, f"stack of shape {shape}")
    shape = (*shape[:axis], 1, *shape[axis:])
    rows = [_core.reshape(row, shape) for row in rows]
    if casting != "same_kind":
        _check_casts(rows, dtype, casting)
    return _finished(_core.concatenate(rows, axis), out, dtype, casting, "stack")


@mirrors(np.hstack)
def hstack(
    tup: Sequence[ArrayLike], *, dtype: Any = None, casting: str = "same_kind"
) -> Array:  # fmt: skip
    """As `numpy.hstack`: arrays side by side (vectors: one after another).

    >>> cd.grad(lambda x: cnp.hstack([x, x**2]).sum())(np.array([1.0, 2.0]))
    array([3., 5.])
    """
    rows = [atleast_1d(as_array(a)) for a in tup]
    axis = 0 if rows and rows[0].ndim == 1 else 1
    return concatenate(rows, axis, dtype=dtype, casting=casting)


@mirrors(np.vstack)
def vstack(
    tup: Sequence[ArrayLike], *, dtype: Any = None, casting: str = "same_kind"
) -> Array:  # fmt: skip
    """As `numpy.vstack`: arrays below each other, vectors as rows.

    >>> cd.grad(lambda x: cnp.vstack([x, x**2])[1, 1])(np.array([1.0, 2.0]))
    array([0., 4.])
    """
    return concatenate([atleast_2d(as_array(a)) for a in tup], dtype=dtype, casting=casting)


@mirrors(np.dstack)
def dstack(tup: Sequence[ArrayLike]) -> Array:
    """As `numpy.dstack`: arrays along the third axis.

    >>> cd.grad(lambda x: cnp.dstack([x, x**2])[0, 1, 1])(np.array([1.0, 2.0]))
    array([0., 4.])
    """
    return concatenate([atleast_3d(as_array(a)) for a in tup], 2)


@mirrors(np.column_stack)
def column_stack(tup: Sequence[ArrayLike]) -> Array:
    """As `numpy.column_stack`: vectors as the columns of a matrix.

    >>> cd.grad(lambda x: cnp.column_stack([x, x**2])[1, 1])(np.array([1.0, 2.0]))
    array([0., 4.])
    """
    columns = [as_array(a) for a in tup]
    return concatenate([a if a.ndim > 1 else _core.reshape(a, (a.size, 1)) for a in columns], 1)


@mirrors(np.append)
def append(arr: ArrayLike, values: ArrayLike, axis: int | None = None) -> Array:
    """As `numpy.append`: values at the end, all flat if there is no axis.

    >>> cd.grad(lambda x: cnp.append(x, 5.0).prod())(np.array([2.0, 3.0]))
    array([15., 10.])
    """
    return concatenate((as_array(arr), as_array(values)), axis)


# --- repeating ------------------------------------------------------------------------------------


@mirrors(np.repeat)
def repeat(a: ArrayLike, repeats: Any, axis: int | None = None) -> Array:
    """As `numpy.repeat`: elements several times; their derivatives add up.

    >>> cd.grad(lambda x: cnp.repeat(x, [1, 3]).sum())(np.ones(2))
    array([1., 3.])
    """
    a, axis = line_of(a, axis, "repeat")
    counts = np.asarray(value(repeats))
    n = a.shape[axis]
    if counts.size != 1:
        rows = np.repeat(np.arange(n), counts)
        return _core.index(a, index_along(axis, rows))
    times = int(np.repeat(0, counts.reshape(())).size)
    if times == 1:
        return a.copy()
    before, after = a.shape[:axis], a.shape[axis + 1 :]
    spread = _core.broadcast_to(
        _core.reshape(a, (*before, n, 1, *after)), (*before, n, times, *after)
    )
    return _own(_core.reshape(spread, (*before, n * times, *after)))


@mirrors(np.tile)
def tile(A: ArrayLike, reps: Any) -> Array:
    """As `numpy.tile`: copies side by side; their derivatives add up.

    >>> cd.grad(lambda x: cnp.tile(x, 3).sum())(np.ones(2))
    array([3., 3.])
    """
    a = as_array(A)
    reps = tuple(reps) if np.iterable(reps) else (reps,)
    shape = (1,) * (len(reps) - a.ndim) + a.shape
    reps = (1,) * (len(shape) - len(reps)) + reps
    if set(reps) <= {1}:
        return _core.reshape(a, shape).copy()
    apart: list[int] = []
    spread: list[int] = []
    for times, n in zip(reps, shape, strict=True):
        apart += (1, n)
        spread += (times, n)
    a = _core.broadcast_to(_core.reshape(a, tuple(apart)), tuple(spread))
    return _own(_core.reshape(a, tuple([times * n for times, n in zip(reps, shape, strict=True)])))


def _own(a: Array) -> Array:
    """A result that users may assign to: some reshapes of what was broadcast are views of it."""
    return a if _core.is_writeable(a) else a.copy()
