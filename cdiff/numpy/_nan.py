"""The nan-functions: reductions and running sums that take NaN for absent.

A NaN has derivative 0. Each function is the one without "nan" on an operand in which NaN is
replaced or masked, so it must not know how anything is differentiated.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, in_program, value
from cdiff.numpy import _reduce
from cdiff.numpy._common import (
    NO_VALUE,
    ArrayLike,
    any_true,
    as_array,
    axes_of,
    mask_of,
    mirrors,
    of_values,
    store,
)

__all__ = [
    "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum",
    "nanvar",
]  # fmt: skip


def _without_nan(a: ArrayLike, neutral: float) -> Array:
    a = as_array(a)
    return _core.where(np.isnan(a), np.asarray(neutral, a.dtype), a) if a.dtype.kind in "fc" else a


def _complete(result: Array) -> bool:
    """Did a reduction to floats meet no NaN?  A program being recorded does not know, so: no."""
    inexact = result.dtype.kind in "fc"
    return inexact and not in_program(result) and not np.isnan(value(result)).any()


def _valid(a: Array, where: Any) -> Any:
    """Where an element counts, for a where= argument of NumPy."""
    if a.dtype.kind not in "fc":
        return where
    given = True if where is NO_VALUE else where
    return of_values(_not_nan, a, mask_of(given, a.shape))


def _not_nan(a: Any, where: Any) -> Any:
    return ~np.isnan(a) & where


def _reduced(
    reduce: Any, a: ArrayLike, neutral: float, axis: Any, dtype: Any, out: Any, *others: Any
) -> Array:
    """Of all elements where none of them is NaN, else of the rest."""
    a = as_array(a)
    if out is None and a.dtype.kind in "fc":
        with np.errstate(invalid="ignore"):
            result = reduce(a, axis, dtype, None, *others)
        if _complete(result):
            return result
    return reduce(_without_nan(a, neutral), axis, dtype, out, *others)


def _check_floating(a: Array, dtype: Any, name: str) -> None:
    if dtype is not None and a.dtype.kind in "fc" and np.dtype(dtype).kind not in "fc":
        raise TypeError(f"{name}: if a is inexact, then dtype must be inexact, not {dtype}")


@mirrors(np.nansum)
def nansum(
    a: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = NO_VALUE,
    initial: Any = NO_VALUE,
    where: Any = NO_VALUE,
) -> Array:
    """As `numpy.nansum`: the sum without NaN.

    >>> cd.grad(cnp.nansum)(np.array([2.0, np.nan]))
    array([1., 0.])
    """
    return _reduced(_reduce.sum, a, 0.0, axis, dtype, out, keepdims, initial, where)


@mirrors(np.nanprod)
def nanprod(
    a: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = NO_VALUE,
    initial: Any = NO_VALUE,
    where: Any = NO_VALUE,
) -> Array:
    """As `numpy.nanprod`: the product without NaN; the derivative is exact where factors are zero.

    >>> cd.grad(cnp.nanprod)(np.array([0.0, np.nan, 3.0]))
    array([3., 0., 0.])
    """
    return _reduced(_reduce.prod, a, 1.0, axis, dtype, out, keepdims, initial, where)


@mirrors(np.nancumsum)
def nancumsum(a: ArrayLike, axis: Any = None, dtype: Any = None, out: Any = None) -> Array:
    """As `numpy.nancumsum`: running sums, NaN counting as 0.

    >>> cd.grad(lambda x: cnp.nancumsum(x)[-1])(np.array([2.0, np.nan]))
    array([1., 0.])
    """
    return _reduce.cumsum(_without_nan(a, 0.0), axis, dtype, out)


@mirrors(np.nancumprod)
def nancumprod(a: ArrayLike, axis: Any = None, dtype: Any = None, out: Any = None) -> Array:
    """As `numpy.nancumprod`: running products, NaN counting as 1; the derivative is exact where
    factors are zero.

    >>> cd.grad(lambda x: cnp.nancumprod(x)[-1])(np.array([0.0, np.nan, 3.0]))
    array([3., 0., 0.])
    """
    return _reduce.cumprod(_without_nan(a, 1.0), axis, dtype, out)


@mirrors(np.nanmax)
def nanmax(
    a: ArrayLike,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = NO_VALUE,
    initial: Any = NO_VALUE,
    where: Any = NO_VALUE,
) -> Array:
    """As `numpy.nanmax`; equal largest elements share the derivative evenly.

    >>> cd.grad(cnp.nanmax)(np.array([2.0, np.nan, 2.0]))
    array([0.5, 0. , 0.5])
    """
    return _extreme("nanmax", a, axis, out, keepdims, initial, where)


@mirrors(np.nanmin)
def nanmin(
    a: ArrayLike,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = NO_VALUE,
    initial: Any = NO_VALUE,
    where: Any = NO_VALUE,
) -> Array:
    """As `numpy.nanmin`; equal smallest elements share the derivative evenly.

    >>> cd.grad(cnp.nanmin)(np.array([2.0, np.nan, 5.0]))
    array([1., 0., 0.])
    """
    return _extreme("nanmin", a, axis, out, keepdims, initial, where)


def _extreme(
    name: str, a: ArrayLike, axis: Any, out: Any, keepdims: Any, initial: Any, where: Any
) -> Array:
    a = as_array(a)
    reduce, never = (_reduce.max, -np.inf) if name == "nanmax" else (_reduce.min, np.inf)
    result = reduce(a, axis, None, keepdims, initial, where)
    if a.dtype.kind in "fc" and not _complete(result):
        result = reduce(_without_nan(a, never), axis, None, keepdims, initial, where)
        if a.dtype.kind == "f":
            result = _where_empty(name, a, result, axis, keepdims, initial, where)
    return result if out is None else store(out, result, name)


def _where_empty(
    name: str, a: Array, result: Array, axis: Any, keepdims: Any, initial: Any, where: Any
) -> Array:
    """The result with NaN where there was nothing else, and a warning."""
    kept = keepdims is not NO_VALUE and bool(keepdims)
    empty = of_values(_all_nan, a, axes_of(a, axis, name, True), kept, initial, where)
    if not any_true(empty):
        return result
    if type(empty) is not Array:
        warnings.warn("All-NaN slice encountered", RuntimeWarning, stacklevel=5)
    return _core.where(empty, np.asarray(np.nan, a.dtype), result)


def _all_nan(a: Any, axes: tuple[int, ...], keepdims: bool, initial: Any, where: Any) -> Any:
    """Where nothing but NaN is left to take the extreme of."""
    if initial is not NO_VALUE:
        return np.zeros((), bool)
    given = True if where is NO_VALUE else where
    return np.asarray(np.all(np.isnan(a), axes, keepdims=keepdims, where=given))


@mirrors(np.nanmean)
def nanmean(
    a: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = NO_VALUE,
    *,
    where: Any = NO_VALUE,
) -> Array:
    """As `numpy.nanmean`: the mean without NaN.

    >>> cd.grad(cnp.nanmean)(np.array([2.0, np.nan, 5.0]))
    array([0.5, 0. , 0.5])
    """
    a = as_array(a)
    _check_floating(a, dtype, "nanmean")
    if not a.ndim:  # unlike mean, it adds by a ufunc, which takes axis 0 of a number
        axis = axes_of(a, axis, "nanmean", True)
    with np.errstate(divide="ignore", invalid="ignore"):  # of nothing but NaN
        if out is None:
            result = _reduce.mean(a, axis, dtype, None, keepdims, where=where)
            if _complete(result):
                return result
        return _reduce.mean(a, axis, dtype, out, keepdims, where=_valid(a, where))


@mirrors(np.nanvar)
def nanvar(
    a: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: Any = NO_VALUE,
    *,
    where: Any = NO_VALUE,
    mean: Any = NO_VALUE,
    correction: Any = NO_VALUE,
) -> Array:
    """As `numpy.nanvar`: the variance without NaN.

    >>> cd.grad(cnp.nanvar)(np.array([2.0, np.nan, 6.0]))
    array([-2.,  0.,  2.])
    """
    return _spread("var", a, axis, dtype, out, ddof, keepdims, where, mean, correction)


@mirrors(np.nanstd)
def nanstd(
    a: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: Any = NO_VALUE,
    *,
    where: Any = NO_VALUE,
    mean: Any = NO_VALUE,
    correction: Any = NO_VALUE,
) -> Array:
    """As `numpy.nanstd`: the standard deviation without NaN; the derivative is 0 where all elements
    are equal.

    >>> cd.grad(cnp.nanstd)(np.array([2.0, np.nan, 6.0]))
    array([-0.5,  0. ,  0.5])
    """
    return _spread("std", a, axis, dtype, out, ddof, keepdims, where, mean, correction)


def _spread(
    name: str,
    a: ArrayLike,
    axis: Any,
    dtype: Any,
    out: Any,
    ddof: float,
    keepdims: Any,
    where: Any,
    mean: Any,
    correction: Any,
) -> Array:
    """nanvar or nanstd: NaN, not inf, where there are too few elements."""
    a = as_array(a)
    _check_floating(a, dtype, f"nan{name}")
    if not a.ndim and a.dtype.kind in "fc":
        axis = axes_of(a, axis, f"nan{name}", True)
    valid = _valid(a, where)
    function = getattr(_reduce, name)
    with np.errstate(divide="ignore", invalid="ignore"):  # where too few are not NaN
        result = function(
            a, axis, dtype, None, ddof, keepdims, where=valid, mean=mean, correction=correction
        )
    if valid is not NO_VALUE:
        lost = ddof if correction is NO_VALUE else correction
        axes = axes_of(a, axis, "nan" + name)
        kept = keepdims is not NO_VALUE and bool(keepdims)
        few = of_values(_too_few, valid, axes, kept, lost)
        if any_true(few):
            result = _core.where(few, np.asarray(np.nan, result.dtype), result)
    return result if out is None else store(out, result, "nan" + name, "same_kind")


def _too_few(valid: Any, axes: tuple[int, ...], keepdims: bool, lost: float) -> Any:
    return np.asarray(np.sum(valid, axes, keepdims=keepdims) <= lost)
