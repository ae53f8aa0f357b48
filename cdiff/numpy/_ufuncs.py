"""Methods of NumPy's ufuncs on arrays that are differentiated: reduce, accumulate, outer, reduceat.

Sums, products, extremes and their running forms are reductions of the core; every other ufunc of
two operands is applied along the axis element by element, as its definition says. This file must
not know derivatives. The folds loop in Python over the axis, each step one operation on arrays.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff.numpy import _elementary, _in_place, _reduce
from cdiff.numpy._common import ArrayLike, as_array, axes_of, axis_of, index_along

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["UFUNC_METHODS"]

# Ufuncs of two operands with a derivative, and the functions that stand for them.
PAIRS: dict[Any, Callable[..., Array]] = {
    **{getattr(np, name): getattr(_core, name) for name in (
        "add", "arctan2", "copysign", "divide", "floor_divide", "fmax", "fmin", "fmod", "heaviside",
        "hypot", "logaddexp", "logaddexp2", "maximum", "minimum", "multiply", "power", "remainder",
        "subtract",
    )},
    np.float_power: _elementary.float_power,
}  # fmt: skip


def _first_axis(reduction: Any) -> Any:
    """`np.add.reduce` and relatives take axis 0 by default, not all axes."""

    def reduce(array: ArrayLike, axis: Any = 0, *args: Any, **kwargs: Any) -> Any:
        return reduction(array, axis, *args, **kwargs)

    return reduce


def _logaddexp_reduce(array: ArrayLike, axis: Any = 0, *, keepdims: bool = False) -> Array:
    a = as_array(array)
    return _core.logsumexp(a, axes_of(a, axis, "logaddexp.reduce"), keepdims)


def _folded(function: Callable[..., Array], a: Array, axis: int, name: str) -> list[Array]:
    """The first element along the axis, and what it becomes with each further one."""
    if not a.shape[axis]:
        raise ValueError(
            f"{name}: zero-size axis {axis} of shape {a.shape} has nothing to start from"
        )
    kept = [_core.index(a, index_along(axis, slice(0, 1)))]
    for k in range(1, a.shape[axis]):
        kept.append(function(kept[-1], _core.index(a, index_along(axis, slice(k, k + 1)))))
    return kept


def _reduce_of(ufunc: Any, function: Callable[..., Array]) -> Any:
    name = f"{ufunc.__name__}.reduce"

    def reduce(array: ArrayLike, axis: int = 0, *, keepdims: bool = False) -> Array:
        a = as_array(array)
        axis = axis_of(a, axis, name)
        last = _folded(function, a, axis, name)[-1]
        return last if keepdims else _core.index(last, index_along(axis, 0))

    return reduce


def _accumulate_of(ufunc: Any, function: Callable[..., Array]) -> Any:
    name = f"{ufunc.__name__}.accumulate"

    def accumulate(array: ArrayLike, axis: int = 0) -> Array:
        a = as_array(array)
        axis = axis_of(a, axis, name)
        return _core.concatenate(_folded(function, a, axis, name), axis)

    return accumulate


def _outer_of(function: Callable[..., Array]) -> Any:
    def outer(a: ArrayLike, b: ArrayLike, /) -> Array:
        a, b = as_array(a), as_array(b)
        return function(_core.reshape(a, a.shape + (1,) * b.ndim), b)

    return outer


def _reduceat_of(reduce: Any, name: str) -> Any:
    def reduceat(array: ArrayLike, indices: Any, axis: int = 0) -> Array:
        a, starts = as_array(array), np.asarray(indices)
        axis = axis_of(a, axis, name)
        n = a.shape[axis]
        if starts.ndim != 1 or starts.dtype.kind not in "iu":
            raise TypeError(f"{name}: indices are a vector of integers, not {starts!r}")
        if starts.size and not (starts.min() >= 0 and starts.max() < n):
            raise IndexError(f"{name}: indices {starts} are out of range for axis of length {n}")
        parts = [
            reduce(_core.index(a, index_along(axis, slice(i, max(i + 1, j)))), axis, keepdims=True)
            for i, j in zip(starts, [*starts[1:], n], strict=True)
        ]
        if not parts:
            return _core.index(a, index_along(axis, slice(0, 0)))
        return _core.concatenate(parts, axis)

    return reduceat


UFUNC_METHODS: dict[Any, Any] = {
    **{(u, "reduce"): _reduce_of(u, f) for u, f in PAIRS.items()},
    **{(u, "accumulate"): _accumulate_of(u, f) for u, f in PAIRS.items()},
    **{(u, "outer"): _outer_of(f) for u, f in PAIRS.items()},
    (np.add, "reduce"): _first_axis(_reduce.sum),
    (np.multiply, "reduce"): _first_axis(_reduce.prod),
    (np.maximum, "reduce"): _first_axis(_reduce.max),
    (np.minimum, "reduce"): _first_axis(_reduce.min),
    (np.logaddexp, "reduce"): _logaddexp_reduce,
    (np.add, "accumulate"): _first_axis(_reduce.cumsum),
    (np.multiply, "accumulate"): _first_axis(_reduce.cumprod),
    **{(ufunc, "at"): function for ufunc, function in _in_place.AT.items()},
}
UFUNC_METHODS.update(
    {(u, "reduceat"): _reduceat_of(UFUNC_METHODS[u, "reduce"], f"{u.__name__}.reduceat")
     for u in PAIRS}
)  # fmt: skip
