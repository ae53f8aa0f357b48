"""Methods of NumPy's ufuncs on Arrays: reduce, accumulate, outer, reduceat, at.

Sums, products, extremes and their running forms are reductions of the core; every other ufunc of
two operands is applied along the axis element by element, as its definition says, by calling the
ufunc itself on Arrays. This file must not know derivatives. The folds loop in Python over the axis,
each step one operation on arrays. `out=` is the core's business.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from functools import lru_cache, partial, wraps
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array
from cdiff._face import misfit
from cdiff.numpy import _in_place, _reduce
from cdiff.numpy._common import (
    NO_VALUE,
    ArrayLike,
    as_array,
    axes_of,
    axis_of,
    index_along,
    initial_of,
    mask_of,
    of_values,
    whole_axis,
)
from cdiff.numpy._gufuncs import carried, in_loop

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["method_of", "taking_lists"]


def _logaddexp_reduce(
    a: Array, axis: Any, *, keepdims: Any, initial: Any, where: Any
) -> Array:  # fmt: skip
    if where is not NO_VALUE:
        a = _core.where(mask_of(where, a.shape), a, np.asarray(-np.inf, a.dtype))
    total = _core.logsumexp(a, axes_of(a, axis, "logaddexp.reduce", True), bool(keepdims))
    if initial is NO_VALUE or initial is None:
        return total
    return _core.logaddexp(total, initial_of(initial, a.dtype, "logaddexp.reduce"))


def operands_of_loop(
    ufunc: Any, inputs: tuple[Any, ...], out: Any, words: dict[str, Any]
) -> tuple[Any, ...]:
    """The operands of a call in the dtypes that its keywords ask for, as NumPy itself finds them.

    What has been seen to is taken out of the keywords.
    """
    name, dtype, casting = ufunc.__name__, words.get("dtype"), words.get("casting", "same_kind")
    subok, signature = words.pop("subok", True), words.pop("signature", None)
    if type(subok) is not bool:
        raise TypeError(f"{name}: 'subok' must be a boolean, not {subok!r}")
    try:
        np.empty(0).astype(float, order=words.pop("order", None) or "K", casting=casting)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None
    if signature is None and casting in ("same_kind", "unsafe"):
        return inputs
    if signature is None and dtype is not None:
        signature = (None,) * ufunc.nin + (np.dtype(dtype),) * ufunc.nout
    elif dtype is not None:
        raise TypeError(f"{name}: cannot specify both 'signature' and 'dtype'")
    outs = out if isinstance(out, tuple) else (out,) * ufunc.nout
    words.pop("dtype", None)
    words.pop("casting", None)
    return in_loop(ufunc, inputs, outs, casting, signature)


# Reductions of the core, with all of NumPy's arguments.
REDUCE: dict[Any, Any] = {
    np.add: _reduce.sum, np.multiply: _reduce.prod, np.maximum: _reduce.max,
    np.minimum: _reduce.min, np.logaddexp: _logaddexp_reduce,
}  # fmt: skip
ACCUMULATE: dict[Any, Any] = {np.add: _reduce.cumsum, np.multiply: _reduce.cumprod}
SUMS = (np.add, np.multiply)  # of which booleans are no number of times

REAL = (np.hypot, np.logaddexp, np.logaddexp2)

# What a reduction over several axes, in whatever order, may be made of.
ANY_ORDER = (np.fmax, np.fmin, np.hypot, np.logaddexp2)


def _cast(array: ArrayLike, dtype: Any) -> Array:
    a = as_array(array)
    return a if dtype is None else _core.cast(a, dtype)


def _in_loop(ufunc: Any, array: ArrayLike, dtype: Any) -> Array:
    """The operand of a method in the dtype in which NumPy would put its elements together."""
    a = as_array(array)
    given = {} if dtype is None else {"signature": (np.dtype(dtype), None, None)}
    loop = ufunc.resolve_dtypes((None, a.dtype, None), reduction=True, casting="unsafe", **given)
    return _core.cast(a, carried(loop[1]))


def _reduce_of(
    ufunc: Any, array: ArrayLike, axis: Any = 0, dtype: Any = None, *, keepdims: Any = False,
    initial: Any = NO_VALUE, where: Any = True,
) -> Array:  # fmt: skip
    """`ufunc.reduce`: one fold along one axis, into which several are put together."""
    name = f"{ufunc.__name__}.reduce"
    a = _cast(array, dtype) if ufunc in REDUCE else _in_loop(ufunc, array, dtype)
    if a.dtype.kind == "c" and ufunc in REAL:
        raise misfit(f"{name} is not defined for complex numbers, shape {a.shape}", TypeError)
    if ufunc in REDUCE:
        where = NO_VALUE if where is True else where
        if dtype is not None and ufunc in SUMS:
            return REDUCE[ufunc](a, axis, dtype, None, keepdims, initial, where)
        return REDUCE[ufunc](a, axis, keepdims=keepdims, initial=initial, where=where)
    axes = axes_of(a, axis, name, True)
    if len(axes) != 1 and ufunc not in ANY_ORDER:
        raise misfit(f"{name}: the order of its operands matters, so one axis is reduced, "
                         f"not {axes} of shape {a.shape}")  # fmt: skip
    kept = tuple([1 if k in axes else n for k, n in enumerate(a.shape)])
    rest = tuple([k for k in range(a.ndim) if k not in axes])
    shape = (-1, *[a.shape[k] for k in rest]) if a.size else _empty_shape(a, axes, rest)
    mask = None if where is True else mask_of(where, a.shape)
    if mask is not None:
        mask = of_values(_lines_of, mask, (*axes, *rest), shape)
    lines = _core.reshape(_core.transpose(a, (*axes, *rest)), shape)
    if ufunc is np.hypot and initial is NO_VALUE:
        initial = 0.0  # the size of one number, too, is not negative
    total = _fold(ufunc, lines, initial, mask, name)
    return _core.reshape(total, kept if keepdims else tuple([a.shape[k] for k in rest]))


def _lines_of(mask: Any, order: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    return np.transpose(mask, order).reshape(shape)


def _empty_shape(a: Array, axes: tuple[int, ...], rest: tuple[int, ...]) -> tuple[int, ...]:
    length = int(np.prod([a.shape[k] for k in axes], dtype=int))
    return (length, *[a.shape[k] for k in rest])


def _fold(ufunc: Any, lines: Array, initial: Any, mask: Any, name: str) -> Array:
    """f(...f(f(initial, lines[0]), lines[1])..., lines[-1]), without what the mask leaves out."""
    if initial is NO_VALUE or initial is None:
        initial = None
        if mask is not None or not lines.shape[0]:
            initial = None if ufunc.identity is None else np.asarray(ufunc.identity, lines.dtype)
        if initial is None and (mask is not None or not lines.shape[0]):
            raise ValueError(
                f"{name}: {ufunc.__name__} has no identity to start from with a zero-size axis or "
                "a where mask; pass initial="
            )
    first = 1 if initial is None else 0
    initial = initial if first else initial_of(initial, lines.dtype, name)
    total = _core.index(lines, 0) if first else _core.broadcast_to(initial, lines.shape[1:])
    if lines.shape[0] == first == 1:
        return total.copy()  # of one line, which is no view of it
    for k in range(first, lines.shape[0]):
        longer = ufunc(total, _core.index(lines, k))
        total = longer if mask is None else _core.where(mask[k], longer, total)
    return total


def _one_axis(a: Array, axis: Any, name: str) -> Any:
    """The axis that None or a tuple stands for, where it is one."""
    if axis is None or isinstance(axis, tuple):
        axes = axes_of(a, axis, name)
        if len(axes) != 1:
            raise misfit(f"{name}: accumulate does not allow multiple axes, {axes} of {a.shape}")
        return axes[0]
    return axis


def _accumulate_of(ufunc: Any, array: ArrayLike, axis: int = 0, dtype: Any = None) -> Array:
    """`ufunc.accumulate`: what the first element becomes with each further one."""
    name = f"{ufunc.__name__}.accumulate"
    a = _cast(array, dtype) if ufunc in ACCUMULATE else _in_loop(ufunc, array, dtype)
    if not a.ndim:
        raise TypeError(f"{name}: cannot accumulate on a scalar")
    axis = _one_axis(a, axis, name)
    if ufunc in ACCUMULATE:
        axis = axis if type(axis) is int else whole_axis(axis, name)
        given = () if dtype is None else (dtype,)  # the shorter call has a shorter way
        return ACCUMULATE[ufunc](a, axis, *given)
    axis = axis_of(a, axis, name)
    if not a.shape[axis]:
        return a.copy()
    kept = [_core.index(a, index_along(axis, slice(0, 1)))]
    for k in range(1, a.shape[axis]):
        kept.append(ufunc(kept[-1], _core.index(a, index_along(axis, slice(k, k + 1)))))
    return _core.concatenate(kept, axis)


def _outer_of(ufunc: Any, a: ArrayLike, b: ArrayLike, /, **kwargs: Any) -> Array:
    """`ufunc.outer`: every element of `a` with every one of `b`."""
    a, b = as_array(a), as_array(b)
    return ufunc(_core.reshape(a, a.shape + (1,) * b.ndim), b, **kwargs)


def _reduceat_of(
    ufunc: Any, array: ArrayLike, indices: Any, axis: int = 0, dtype: Any = None
) -> Array:
    """`ufunc.reduceat`: reductions from each position to the next one."""
    a = _cast(array, dtype) if ufunc in REDUCE else _in_loop(ufunc, array, dtype)
    starts, name = np.asarray(indices), f"{ufunc.__name__}.reduceat"
    starts = starts if starts.size else starts.astype(np.intp)
    dtype = dtype if ufunc in SUMS else None
    axis = axis_of(a, axis, name)
    n = a.shape[axis]
    if starts.ndim != 1 or starts.dtype.kind not in "iu":
        raise TypeError(f"{name}: indices are a vector of integers, not {starts!r}")
    if starts.size and not (starts.min() >= 0 and starts.max() < n):
        raise IndexError(f"{name}: indices {starts} are out of range for axis of length {n}")
    parts = [
        _reduce_of(ufunc, _core.index(a, index_along(axis, slice(i, max(i + 1, j)))), axis, dtype,
                   keepdims=True, initial=None)
        for i, j in pairwise([*starts, n])
    ]  # fmt: skip
    if not parts:
        return _core.index(a, index_along(axis, slice(0, 0)))
    return _core.concatenate(parts, axis)


PAIRED: dict[str, Callable[..., Any]] = {
    "accumulate": _accumulate_of, "outer": _outer_of, "reduce": _reduce_of,
    "reduceat": _reduceat_of,
}  # fmt: skip


@lru_cache(maxsize=256)
def taking_lists(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of a ufunc that takes lists of Arrays too."""

    @wraps(method)
    def called(array: ArrayLike, *args: Any, **kwargs: Any) -> Any:
        holds = type(array) in (list, tuple) and any_array(array)
        return method(as_array(array) if holds else array, *args, **kwargs)

    return called


def method_of(ufunc: Any, method: str) -> Callable[..., Any] | None:
    """What stands for a method of a ufunc; None if it makes no sense, as for matmul."""
    if ufunc.nout != 1 or ufunc.nin > 2 or ufunc.signature is not None:
        return None
    if method == "at":
        return _in_place.at_of(ufunc)
    return partial(PAIRED[method], ufunc) if ufunc.nin == 2 else None
