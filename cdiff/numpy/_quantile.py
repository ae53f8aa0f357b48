"""Quantiles by every method of NumPy, with and without NaN, and the functions made of them.

A quantile is one sorted element or a point between two, so two things are to be known: the places
and the weight between them. NumPy answers both when it is asked for the same quantile of the
*ranks* 0, 1, 2, ...: its answer is a place in the sorted data. So no method has a formula here,
and this file must not know any but how fast a place moves with q. Places carry no derivative in
the data; the elements there do. Places that depend on the number of data alone are kept for the
next call, which then only looks for the few elements that stand there, in no more than one sort or
a partition of the data.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array, in_program, value
from cdiff._face import misfit
from cdiff.numpy._common import (
    NO_VALUE,
    NUMPY,
    ArrayLike,
    along,
    any_order,
    as_array,
    axes_of,
    holds_tracked,
    listed_axes,
    mirrors,
    of_values,
    store,
)
from cdiff.numpy._index import middle_element, positions_of_ranks, sort, stable_order
from cdiff.numpy._nan import nanmean
from cdiff.numpy._shape import moveaxis

__all__ = [
    "nanmedian",
    "nanpercentile",
    "nanquantile",
    "percentile",
    "quantile",
]

FEW = 16  # quantiles whose places are kept

# d(place)/dq = n + this; the methods that are not here jump from place to place.
SPEED = {
    "linear": -1.0,
    "interpolated_inverted_cdf": 0.0,
    "hazen": 0.0,
    "weibull": 1.0,
    "median_unbiased": 1 / 3,
    "normal_unbiased": 1 / 4,
}


@mirrors(np.quantile)
@any_order
def quantile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: ArrayLike = None,
) -> Array:
    """As `numpy.quantile`, differentiable in `a` and in `q`.

    >>> cd.grad(lambda x: cnp.quantile(x, 0.25))(np.array([1.0, 4.0, 2.0]))
    array([0.5, 0. , 0.5])
    """
    return _quantile("quantile", a, q, axis, out, method, keepdims, weights)


@mirrors(np.percentile)
@any_order
def percentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: ArrayLike = None,
) -> Array:
    """As `numpy.percentile`, differentiable in `a` and in `q`.

    >>> cd.grad(lambda x: cnp.percentile(x, 25))(np.array([1.0, 4.0, 2.0]))
    array([0.5, 0. , 0.5])
    """
    return _quantile("percentile", a, _hundredth(q), axis, out, method, keepdims, weights)


@mirrors(np.nanquantile)
@any_order
def nanquantile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = NO_VALUE,
    *,
    weights: ArrayLike = None,
) -> Array:
    """As `numpy.nanquantile`: the quantile without NaN, differentiable in `a` and in `q`.

    >>> cd.grad(lambda x: cnp.nanquantile(x, 0.5))(np.array([1.0, np.nan, 2.0]))
    array([0.5, 0. , 0.5])
    """
    return _quantile("nanquantile", a, q, axis, out, method, keepdims, weights)


@mirrors(np.nanpercentile)
@any_order
def nanpercentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = NO_VALUE,
    *,
    weights: ArrayLike = None,
) -> Array:
    """As `numpy.nanpercentile`: the percentile without NaN, differentiable in `a` and in `q`.

    >>> cd.grad(lambda x: cnp.nanpercentile(x, 50))(np.array([1.0, np.nan, 2.0]))
    array([0.5, 0. , 0.5])
    """
    return _quantile("nanpercentile", a, _hundredth(q), axis, out, method, keepdims, weights)


@mirrors(np.nanmedian)
@any_order
def nanmedian(
    a: ArrayLike,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    keepdims: Any = NO_VALUE,
) -> Array:
    """As `numpy.nanmedian`; the derivative goes to the element(s) in the middle.

    >>> cd.grad(cnp.nanmedian)(np.array([1.0, np.nan, 2.0]))
    array([0.5, 0. , 0.5])
    """
    a = as_array(a)
    if a.dtype.kind != "c" and _is_complete(a):
        return middle_element("nanmedian", a, axis, out, keepdims is not NO_VALUE and keepdims)
    return _quantile("nanmedian", a, 0.5, axis, out, "linear", keepdims, None)


def _is_complete(a: Array) -> bool:
    """Has it elements, and is none of them NaN?  A program being recorded does not know, so: no."""
    return bool(a.size) and not in_program(a) and not np.isnan(value(a)).any()


def _hundredth(q: ArrayLike) -> ArrayLike:
    # NumPy's float64 stays one: it makes the result of float32 a float64, unlike Python's float.
    return q / 100 if type(q) in (int, float, Array) else np.true_divide(q, 100)


def _quantile(
    name: str,
    a: ArrayLike,
    q: ArrayLike,
    axis: Any,
    out: Any,
    method: str,
    keepdims: Any,
    weights: ArrayLike,
) -> Array:
    a = as_array(a)
    axis = listed_axes(axis)
    if a.dtype.kind in "iu" and not holds_tracked(q):
        return _of_whole_numbers(name, a, q, axis, out, method, keepdims, weights)
    if a.dtype.kind not in ("fc" if name == "nanmedian" else "f"):
        a = _core.cast(a, float)
    axes = axes_of(a, axis, name)
    shape = a.shape
    if not a.size and name.startswith("nan"):  # whatever the quantiles are, as in NumPy
        return nanmean(a, axis, None, out, keepdims)
    w = None if weights is None else _fitted(weights, a, axis, axes, name)
    rows = _last(a, axes)
    if rows.shape[-1] == 0:
        raise IndexError(f"{name}: there are no elements along axes {axes} of shape {shape}")
    w = None if w is None else _last(w, axes)
    real = a.dtype.kind == "f"  # or the nanmedian of complex numbers
    dtype = _dtype(a, q, method if w is None else "inverted_cdf") if real else a.dtype
    ranked = not name.startswith("nan") or (real and _is_complete(rows))
    if w is None and ranked and not any_array(q) and not in_program(rows):
        result = _at_points(rows, _points(rows.shape[-1], q, method, dtype))
    else:
        places = _places(name, rows, q, method, w)
        result = _at_places(sort(rows), places, np.shape(q), dtype, name)
    if keepdims is not NO_VALUE and keepdims:
        kept = tuple([1 if i in axes else n for i, n in enumerate(shape)])
        result = _core.reshape(result, (*np.shape(q), *kept))
    return result if out is None else store(out, result, name, "same_kind")


def _of_whole_numbers(
    name: str, a: Array, q: ArrayLike, axis: Any, out: Any, method: str, keepdims: Any,
    weights: ArrayLike,
) -> Array:  # fmt: skip
    """As NumPy has it: elements of integers are integers, however large, and have no derivative."""
    function = NUMPY.nanquantile if name.startswith("nan") else NUMPY.quantile
    given = {} if keepdims is NO_VALUE else {"keepdims": keepdims}
    result = of_values(function, a, q, axis, method=method, weights=weights, **given)
    result = as_array(result)
    return result if out is None else store(out, result, name, "same_kind")


def _fitted(weights: ArrayLike, a: Array, axis: Any, axes: tuple[int, ...], name: str) -> Any:
    """Weights of the shape of the data; they choose places, so they carry no derivative."""
    w = of_values(np.asarray, weights)
    if w.shape == a.shape:
        return w
    if axis is None:
        raise misfit(
            f"{name}: Axis must be specified when shapes of a {a.shape} and weights {w.shape} "
            "differ.",
            TypeError,
        )
    if w.shape != tuple([a.shape[i] for i in axes]):
        raise misfit(
            f"{name}: Shape of weights {w.shape} must be consistent with shape of a {a.shape} "
            "along specified axis."
        )
    ones = tuple([n if i in axes else 1 for i, n in enumerate(a.shape)])
    return of_values(np.broadcast_to, w.reshape(ones), a.shape)


def _last(a: Any, axes: tuple[int, ...]) -> Any:
    """The axes merged into the last one."""
    if a.ndim == 1 and axes:
        return a
    rest = [i for i in range(a.ndim) if i not in axes]
    lead = tuple([a.shape[i] for i in rest])
    count = int(np.prod([a.shape[i] for i in axes], dtype=int))
    return a.transpose((*rest, *axes)).reshape((*lead, count))


def _places(name: str, rows: Array, q: ArrayLike, method: str, w: Any) -> Any:
    """Where in the sorted rows the quantiles are: shape of the rows without the last axis, then
    that of q. Differentiable in q where the method is."""
    skip = name.startswith("nan")
    if skip or w is not None:
        places = of_values(_places_by_rank, rows, q, method, w, skip)
    else:
        places = of_values(_places_of_count, rows.shape[-1], q, method)
    if not _core.is_tracked(q) or method not in SPEED:
        return places
    # The value stays; what moves with q is added, and is zero.
    last = rows.shape[-1] - 1.0 if not skip else of_values(_last_places, rows, q)
    inside = of_values(_strictly_between, places, last)
    moving = as_array(q) - of_values(np.positive, q)
    places = as_array(places)
    return places + _core.where(inside, moving * (last + 1.0 + SPEED[method]), 0.0)


def _places_of_count(n: int, q: Any, method: str) -> Any:
    # q as float64: the place has to be exact, whatever the dtype of the data.
    return np.asarray(NUMPY.quantile(np.arange(float(n)), np.asarray(q, float), method=method))


def _places_by_rank(rows: Any, q: Any, method: str, w: Any, skip: bool) -> Any:
    ranks = stable_order(rows, -1).argsort(-1).astype(float)
    ranks[np.isnan(rows)] = np.nan
    given = {} if w is None else {"weights": w}
    function = NUMPY.nanquantile if skip else NUMPY.quantile
    places = function(ranks, np.asarray(q, float), axis=-1, method=method, **given)
    return np.asarray(np.moveaxis(places, range(np.ndim(q)), range(-np.ndim(q), 0)))


def _last_places(rows: Any, q: Any) -> Any:
    count = np.count_nonzero(~np.isnan(rows), axis=-1) - 1.0
    return np.asarray(count.reshape(count.shape + (1,) * np.ndim(q)))


def _strictly_between(places: Any, last: Any) -> Any:
    return np.asarray((places > 0) & (places < last))


def _floor(places: Any, last: int) -> Any:
    return np.asarray(np.fmin(np.fmax(np.floor(places), 0), last)).astype(np.intp)


def _at_places(rows: Array, places: Any, q_shape: tuple[int, ...], dtype: Any, name: str) -> Array:
    """The points between sorted elements at these places; q's axes come first in the result."""
    n, lead = rows.shape[-1], rows.shape[:-1]
    low = of_values(_floor, places, n - 1)
    high = of_values(np.minimum, low + 1, n - 1)
    weight = _core.cast(places - low, dtype)
    lower, upper = _picked(rows, low, lead, q_shape), _picked(rows, high, lead, q_shape)
    # On an element, what stands above it does not count, not even inf.
    exact = np.equal(weight, 0.0)
    # A median is a mean, which has a value where one of two is infinite.
    mean = name == "nanmedian"
    between = (lower + upper) * 0.5 if mean else lower + (upper - lower) * weight
    result = _core.where(exact, lower, between)
    last = _core.index(rows, (..., n - 1))
    last = _core.reshape(last, lead + (1,) * len(q_shape))
    result = _core.where(np.isnan(places), np.nan, result)
    if not name.startswith("nan"):
        result = _core.where(np.isnan(last), last, result)
    return _q_first(_core.cast(result, dtype), len(q_shape))


def _q_first(result: Array, k: int) -> Array:
    """The k axes of q, which are last here, are first in NumPy's results."""
    return moveaxis(result, range(-k, 0), range(k)) if 0 < k < result.ndim else result


def _dtype(a: Array, q: ArrayLike, method: str) -> Any:
    """The dtype of NumPy's result."""
    if type(q) in (int, float):
        return _dtype_for(a.dtype, None, None, method)
    of_q = getattr(q, "dtype", None) or (float if any_array(q) else np.asarray(q).dtype)
    return _dtype_for(a.dtype, of_q, None if isinstance(q, np.generic) else np.ndim(q) > 0, method)


@lru_cache(maxsize=64)
def _dtype_for(dtype: Any, of_q: Any, several: bool | None, method: str) -> Any:
    """Of quantiles in an array of several or one, or (None) in a number, Python's without dtype."""
    given = np.zeros((1,) if several else (), of_q)
    number = 0.5 if of_q is None else given[()]
    q = number if several is None else given
    return np.asarray(NUMPY.quantile(np.zeros(1, dtype), q, method=method)).dtype


# --- where places are known and values may decide -------------------------------------------------


class _Points(NamedTuple):
    """Points between the elements of two ranks, of the shape of q, by these weights."""

    low: Any
    high: Any
    weight: Any
    exact: Any  # where the weight is zero; None if it is nowhere
    whole: bool  # it is everywhere


def _points(n: int, q: ArrayLike, method: str, dtype: Any) -> _Points:
    q = np.asarray(q, float)
    if q.size > FEW:
        return _points_of(n, q, method, dtype)
    return _kept_points(n, q.tobytes(), q.shape, method, dtype)


@lru_cache(maxsize=64)
def _kept_points(n: int, q: bytes, shape: tuple[int, ...], method: str, dtype: Any) -> _Points:
    return _points_of(n, np.frombuffer(q).reshape(shape), method, dtype)


def _points_of(n: int, q: Any, method: str, dtype: Any) -> _Points:
    places = _places_of_count(n, q, method)
    low = _floor(places, n - 1)
    weight = (places - low).astype(dtype)
    exact = weight == 0
    # Numbers stay numbers: [()] makes them of what has no axes.
    return _Points(low[()], np.minimum(low + 1, n - 1)[()], weight[()],
                   exact if exact.any() else None, bool(exact.all()))  # fmt: skip


def _at_points(rows: Array, points: _Points) -> Array:
    """As `_at_places`, of data that are at hand."""
    values, last = _core.value(rows), rows.shape[-1] - 1
    k = points.low.ndim
    ranks = np.hstack([points.low.ravel(), points.high.ravel(), last])
    positions = positions_of_ranks(values, ranks)
    count = points.low.size
    lower = _elements(rows, positions[..., :count], points.low.shape)
    result = lower
    if not points.whole:
        upper = _elements(rows, positions[..., count:-1], points.low.shape)
        result = lower + (upper - lower) * points.weight
        if points.exact is not None:
            # On an element, what stands above it does not count, not even inf.
            result = _core.where(points.exact, lower, result)
    if np.isnan(values[positions[-1]] if values.ndim == 1 else values).any():
        top = _elements(rows, positions[..., -1:], (1,) * k)
        result = _core.where(np.isnan(_core.value(top)), top, result)
    return _q_first(_core.cast(result, points.weight.dtype), k)


def _elements(rows: Array, positions: Any, shape: tuple[int, ...]) -> Array:
    """The elements at positions of each row, in the shape of q."""
    if rows.ndim == 1:
        return _core.index(rows, positions.reshape(shape) if shape else int(positions[0]))
    return _core.reshape(along(rows, positions, rows.ndim - 1), rows.shape[:-1] + shape)


def _picked(rows: Array, places: Any, lead: tuple[int, ...], q_shape: tuple[int, ...]) -> Array:
    if len(np.shape(places)) == len(q_shape):
        return _core.index(rows, (..., places))
    count = int(np.prod(q_shape, dtype=int))
    picked = along(rows, places.reshape((*lead, count)), len(lead))
    return _core.reshape(picked, (*lead, *q_shape))
