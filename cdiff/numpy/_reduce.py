"""Sums, products, extremes, moments and what is built from them along axes.

Each function turns NumPy's arguments into one or two primitives of the core; it must not know how
a primitive is differentiated. Conventions: ties of max, min and ptp share the derivative evenly;
the derivative of std is 0 where all elements are equal; cumprod and prod are exact at zeros.
The common call (an Array alone) goes to the core at once; with an axis it takes no other step than
finding that.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import math
import operator
import warnings
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array
from cdiff._face import misfit
from cdiff.numpy._common import (
    NO_VALUE,
    NUMPY,
    ArrayLike,
    as_array,
    axes_of,
    axis_of,
    constant_where,
    dtype_with,
    handles,
    index_along,
    initial_of,
    listed_axes,
    mask_of,
    mirrors,
    of_values,
    real_dtype,
    shortcut,
    squared_size,
    squeezed,
    store,
    whole_axis,
)

__all__ = [
    "amax", "amin", "average", "cumprod", "cumsum", "cumulative_prod", "cumulative_sum", "max",
    "mean", "min", "prod", "ptp", "std", "sum", "var",
]  # fmt: skip

core_sum = _core.sum


def kept_axes(keepdims: Any) -> bool:
    """What was given as `keepdims`: a bool, or an integer as in NumPy; for others NumPy's error."""
    if type(keepdims) is bool or keepdims is NO_VALUE or type(keepdims) is np.bool_:
        return keepdims is not NO_VALUE and bool(keepdims)
    return operator.index(keepdims) != 0


def _over(reduce: Any, a: Array, axis: Any, keepdims: Any, name: str) -> Array:
    """A primitive of the core; axes that it does not understand are looked at here."""
    keepdims = kept_axes(keepdims)
    if axis is not None:
        try:
            return reduce(a, axis, keepdims)
        except (TypeError, ValueError):
            axis = axes_of(a, axis, name, True)
    return reduce(a, axis, keepdims)


@handles(np.sum)
@shortcut(_core.sum)
def sum(
    a: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = NO_VALUE,
    initial: Any = NO_VALUE,
    where: Any = NO_VALUE,
) -> Array:
    """As `numpy.sum`: over all elements or over axes.

    >>> cd.grad(lambda x: cnp.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    plain = dtype is None and out is None and initial is NO_VALUE and where is NO_VALUE
    if type(a) is not Array:
        if not any_array(a, out, initial, where):
            return NUMPY.sum(a, axis, dtype, out, keepdims, initial, where)
        a = as_array(a)
    if plain:
        return _over(core_sum, a, axis, keepdims, "sum")
    return _reduce_with("sum", a, axis, dtype, out, keepdims, initial, where)


@handles(np.prod)
@shortcut(_core.prod)
def prod(
    a: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = NO_VALUE,
    initial: Any = NO_VALUE,
    where: Any = NO_VALUE,
) -> Array:
    """As `numpy.prod`: the product; the derivative is exact where factors are zero.

    >>> cd.grad(cnp.prod)(np.array([0.0, 2.0, 3.0]))
    array([6., 0., 0.])
    """
    plain = dtype is None and out is None and initial is NO_VALUE and where is NO_VALUE
    if type(a) is not Array:
        if not any_array(a, out, initial, where):
            return NUMPY.prod(a, axis, dtype, out, keepdims, initial, where)
        a = as_array(a)
    if plain:
        return _over(_core.prod, a, axis, keepdims, "prod")
    return _reduce_with("prod", a, axis, dtype, out, keepdims, initial, where)


@handles(np.max, np.amax)
@shortcut(_core.max)
def max(
    a: ArrayLike,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = NO_VALUE,
    initial: Any = NO_VALUE,
    where: Any = NO_VALUE,
) -> Array:
    """As `numpy.max`; equal largest elements share the derivative evenly.

    >>> cd.grad(cnp.max)(np.array([3.0, 1.0, 3.0]))
    array([0.5, 0. , 0.5])
    """
    if type(a) is not Array:
        if not any_array(a, out, initial, where):
            return NUMPY.max(a, axis, out, keepdims, initial, where)
        a = as_array(a)
    if out is None and initial is NO_VALUE and where is NO_VALUE:
        return _over(_core.max, a, axis, keepdims, "max")
    return _reduce_with("max", a, axis, None, out, keepdims, initial, where)


@handles(np.min, np.amin)
@shortcut(_core.min)
def min(
    a: ArrayLike,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = NO_VALUE,
    initial: Any = NO_VALUE,
    where: Any = NO_VALUE,
) -> Array:
    """As `numpy.min`; equal smallest elements share the derivative evenly.

    >>> cd.grad(cnp.min)(np.array([3.0, 1.0, 2.0]))
    array([0., 1., 0.])
    """
    if type(a) is not Array:
        if not any_array(a, out, initial, where):
            return NUMPY.min(a, axis, out, keepdims, initial, where)
        a = as_array(a)
    if out is None and initial is NO_VALUE and where is NO_VALUE:
        return _over(_core.min, a, axis, keepdims, "min")
    return _reduce_with("min", a, axis, None, out, keepdims, initial, where)


amax = max
amin = min

DOUBLE = np.dtype(np.float64)

# How a reduction takes in `initial`, and what it reads where `where` is False (None: `initial`).
_WITH: dict[str, tuple[Any, Any, float | None]] = {
    "sum": (_core.sum, _core.add, 0),
    "prod": (_core.prod, _core.multiply, 1),
    "max": (_core.max, _core.maximum, None),
    "min": (_core.min, _core.minimum, None),
}


def _reduce_with(
    name: str, a: Array, axis: Any, dtype: Any, out: Any, keepdims: Any, initial: Any, where: Any
) -> Array:
    """A reduction with any of the arguments that are rarely given."""
    reduce, combine, neutral = _WITH[name]
    axes = axes_of(a, axis, name, True)
    keepdims = kept_axes(keepdims)
    dtype = dtype_with(out, dtype, a)
    kept = a.dtype if dtype is None else np.dtype(dtype)
    if kept.kind not in "fc":
        result = _whole(name, a, axes, dtype, keepdims, initial, where)
        return result if out is None else store(out, result, name)
    a = a if dtype is None else _core.cast(a, dtype)
    initial = None if initial is NO_VALUE else initial
    if type(initial) is float and kept is DOUBLE and (neutral is not None or a.size):
        pass  # as it is
    elif initial is not None:
        initial = initial_of(initial, a.dtype, name)
    if where is not NO_VALUE and where is not True:
        if neutral is None and initial is None:
            raise ValueError(f"{name}: a where mask needs `initial`, since {name} has no identity")
        mask = mask_of(where, a.shape)
        a = _core.where(mask, a, initial if neutral is None else np.asarray(neutral, a.dtype))
    if neutral is None and initial is not None and a.size == 0:
        shape = np.max(np.empty(a.shape), axes, keepdims=keepdims, initial=0.0).shape
        result = _core.broadcast_to(initial, shape)
    else:
        result = reduce(a, axes, keepdims)
        result = result if initial is None else combine(result, initial)
    return result if out is None else store(out, result, name)


def _whole(
    name: str, a: Array, axes: Any, dtype: Any, keepdims: bool, initial: Any, where: Any
) -> Array:
    """A reduction to integers or booleans: NumPy's own, since there is no derivative."""
    if _core.is_tracked(initial):
        raise TypeError(
            f"{name}: the result is of integers, and would lose the derivative of initial=; give "
            "an operand of floats"
        )
    given = {"dtype": NO_VALUE if dtype is None else dtype, "initial": initial, "where": where}
    given = {key: x for key, x in given.items() if x is not NO_VALUE}
    function = getattr(np, name)
    return as_array(of_values(function, a, axes, keepdims=keepdims, **given))


@mirrors(np.ptp)
def ptp(a: ArrayLike, axis: Any = None, out: Any = None, keepdims: Any = NO_VALUE) -> Array:
    """As `numpy.ptp` (largest minus smallest); ties share the derivative evenly.

    >>> cd.grad(cnp.ptp)(np.array([3.0, 1.0, 2.0]))
    array([ 1., -1.,  0.])
    """
    result = max(a, axis, keepdims=keepdims) - min(a, axis, keepdims=keepdims)
    return result if out is None else store(out, result, "ptp", "same_kind")


# --- moments --------------------------------------------------------------------------------------


@handles(np.mean)
@shortcut(_core.mean)
def mean(
    a: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = NO_VALUE,
    *,
    where: Any = NO_VALUE,
) -> Array:
    """As `numpy.mean`: the sum divided by the number of elements.

    >>> cd.grad(cnp.mean)(np.array([1.0, 2.0]))
    array([0.5, 0.5])
    """
    if type(a) is not Array:
        if not any_array(a, out, where):
            return NUMPY.mean(a, axis, dtype, out, keepdims, where=where)
        a = as_array(a)
    dtype = dtype_with(out, dtype, a)
    if not _has_fractions(dtype, "mean"):
        return _whole_moment("mean", a, axis, dtype, out, keepdims, where=where)
    a, axes, count, mask = _sample(a, axis, dtype, where, "mean")
    if count == 0 if mask is None else _some(count, 0):
        warnings.warn("Mean of empty slice.", RuntimeWarning, stacklevel=2)
    keepdims = kept_axes(keepdims)
    if mask is not None:
        a = _core.where(mask, a, 0.0)
        count = count if keepdims else squeezed(count, axes)
    result = core_sum(a, axes, keepdims) / count
    return result if out is None else store(out, result, "mean")


@handles(np.var)
def var(
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
    """As `numpy.var`: the mean square of the distance from the mean.

    >>> cd.grad(cnp.var)(np.array([1.0, 3.0]))
    array([-1.,  1.])
    """
    return _spread("var", a, axis, dtype, out, ddof, keepdims, where, mean, correction)


@handles(np.std)
def std(
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
    """As `numpy.std`: the root of the variance; the derivative is 0 where all elements are equal.

    >>> cd.grad(cnp.std)(np.array([1.0, 3.0]))
    array([-0.5,  0.5])
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
    given_mean: Any,
    correction: Any,
) -> Array:
    """The variance or its root, whichever is named."""
    if type(a) is not Array and not any_array(a, out, where, given_mean):
        return getattr(NUMPY, name)(a, axis, dtype, out, ddof, keepdims, where=where,
                                    mean=given_mean, correction=correction)  # fmt: skip
    if not _has_fractions(dtype, name):
        return _whole_moment(name, as_array(a), axis, dtype, out, keepdims, ddof=ddof, where=where,
                             mean=given_mean, correction=correction)  # fmt: skip
    keepdims = kept_axes(keepdims)
    deviation, axes, dof = _deviation(
        as_array(a), axis, dtype, ddof, keepdims, where, given_mean, correction, name
    )
    if name == "var":
        result = core_sum(squared_size(deviation), axes, keepdims) / dof
    else:
        # A power, not np.sqrt: a Python number stays one and does not decide the dtype.
        result = _core.norm2(deviation, axes, keepdims) / dof**0.5
    if type(dof) not in (int, float):  # where there are none it is inf or nan all around
        result = constant_where(of_values(np.equal, dof, 0.0), result)
    if dtype is not None:
        result = _core.cast(result, dtype)  # complex numbers stay so
    casting = "same_kind" if name == "std" else "unsafe"
    return result if out is None else store(out, result, name, casting)


def _has_fractions(dtype: Any, name: str) -> bool:
    kind = "f" if dtype is None else np.dtype(dtype).kind
    if kind == "O":
        raise TypeError(f"{name}: numbers of dtype object have no derivative; leave dtype= away")
    return kind in "fc"


def _whole_moment(
    name: str, a: Array, axis: Any, dtype: Any, out: Any, keepdims: Any, **rest: Any
) -> Any:
    """A moment in a dtype of whole numbers: what NumPy cuts off has no derivative."""
    if keepdims is not NO_VALUE:
        rest["keepdims"] = keepdims
    given = {k: x for k, x in rest.items() if x is not NO_VALUE}
    function = getattr(np, name)
    result = as_array(of_values(function, a, axis=axis, dtype=dtype, **given))
    return result if out is None else store(out, result, name)


def _sample(
    a: Array, axis: Any, dtype: Any, where: Any, name: str
) -> tuple[Array, tuple[int, ...], Any, Any]:
    """The operand of a moment, its axes, the number of elements taken, and their mask."""
    axes = axes_of(a, axis, name)
    a = a if dtype is None else _core.cast(a, dtype)
    if where is NO_VALUE or where is True:
        return a, axes, math.prod([a.shape[i] for i in axes]), None
    mask = mask_of(where, a.shape)
    counts = of_values(np.sum, mask, axes, real_dtype(a), keepdims=True)
    return a, axes, counts, mask


def _deviation(
    a: Array,
    axis: Any,
    dtype: Any,
    ddof: float,
    keepdims: Any,
    where: Any,
    given_mean: Any,
    correction: Any,
    name: str,
) -> tuple[Array, tuple[int, ...], Any]:
    """Deviations from the mean, the axes, and the degrees of freedom."""
    if correction is not NO_VALUE:
        if ddof != 0:
            raise ValueError(f"{name}: ddof and correction can't be provided simultaneously.")
        ddof = correction
    if isinstance(ddof, np.generic):
        ddof = ddof.item()  # which does not decide the dtype
    a, axes, count, mask = _sample(a, axis, dtype, where, name)
    if given_mean is NO_VALUE or given_mean is None:
        kept = a if mask is None else _core.where(mask, a, 0.0)
        given_mean = core_sum(kept, axes, True) / count
    deviation = a - given_mean
    if mask is not None:
        deviation = _core.where(mask, deviation, 0.0)
        count = count if keepdims else squeezed(count, axes)
    dof = count - ddof
    if type(dof) is Array:
        dof = of_values(np.maximum, dof, np.zeros((), dof.dtype))
    elif np.any(dof <= 0):
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=4)
        dof = np.maximum(dof, 0).astype(real_dtype(deviation))
    return deviation, axes, dof


def _some(counts: Any, limit: float) -> bool:
    """Is a count as small as that?  Not asked while a program is being recorded."""
    return type(counts) is not Array and bool(np.any(counts <= limit))


@mirrors(np.average)
def average(
    a: ArrayLike,
    axis: Any = None,
    weights: ArrayLike = None,
    returned: bool = False,
    *,
    keepdims: Any = NO_VALUE,
) -> Any:
    """As `numpy.average`: a mean with weights, differentiable in them too.

    >>> cd.grad(lambda w: cnp.average([0.0, 4.0], weights=w))(np.ones(2))
    array([-1.,  1.])
    """
    a = as_array(a)
    keepdims = keepdims is not NO_VALUE and keepdims
    axis = listed_axes(axis)
    axes = axes_of(a, axis, "average")
    if weights is None:
        result = mean(a, axes, keepdims=keepdims)
        total = as_array(np.asarray(math.prod([a.shape[i] for i in axes]), result.dtype))
    else:
        w = _fitted_weights(a, axis, as_array(weights))
        least = (float,) if a.dtype.kind in "iub" else ()
        dtype = NUMPY.result_type(a.dtype, w.dtype, *least)
        a, w = _core.cast(a, dtype), _core.cast(w, dtype)
        total = core_sum(w, axes, keepdims)
        if np.any(total == 0):
            raise ZeroDivisionError("average: weights sum to zero, can't be normalized")
        result = core_sum(a * w, axes, keepdims) / total
    return (result, _core.broadcast_to(total, result.shape).copy()) if returned else result


def _fitted_weights(a: Array, axis: Any, w: Array) -> Array:
    """Weights with axes where the operand has them."""
    if w.shape == a.shape:
        return w
    if axis is None:
        raise misfit(
            f"average: axis must be specified when shapes of a {a.shape} and weights {w.shape} "
            "differ.",
            TypeError,
        )
    axes = [axis_of(a, i, "average") for i in (axis if isinstance(axis, tuple) else (axis,))]
    if w.shape != tuple([a.shape[i] for i in axes]):
        raise misfit(
            f"average: shape of weights {w.shape} must be consistent with shape of a {a.shape} "
            f"along axis {axis}"
        )
    w = _core.transpose(w, tuple(np.argsort(axes).tolist()))
    return _core.reshape(w, tuple([n if i in axes else 1 for i, n in enumerate(a.shape)]))


# --- running sums and products --------------------------------------------------------------------


@handles(np.cumsum)
@shortcut(_core.cumsum, 2)
def cumsum(a: ArrayLike, axis: Any = None, dtype: Any = None, out: Any = None) -> Array:
    """As `numpy.cumsum`: running sums.

    >>> cd.grad(lambda x: cnp.cumsum(x)[1])(np.ones(3))
    array([1., 1., 0.])
    """
    if type(a) is not Array and not any_array(a, out):
        return NUMPY.cumsum(a, axis, dtype, out)
    a = as_array(a)
    a, axis = _line(a, axis, dtype_with(out, dtype, a), "cumsum")
    whole = a.dtype.kind not in "fc"
    result = as_array(of_values(np.cumsum, a, axis, dtype)) if whole else _core.cumsum(a, axis)
    return result if out is None else store(out, result, "cumsum")


@mirrors(np.cumprod)
def cumprod(a: ArrayLike, axis: Any = None, dtype: Any = None, out: Any = None) -> Array:
    """As `numpy.cumprod`: running products; the derivative is exact where factors are zero.

    >>> cd.grad(lambda x: cnp.cumprod(x)[-1])(np.array([0.0, 2.0, 3.0]))
    array([6., 0., 0.])
    """
    a = as_array(a)
    a, axis = _line(a, axis, dtype_with(out, dtype, a), "cumprod")
    if a.dtype.kind not in "fc":
        result = as_array(of_values(np.cumprod, a, axis, dtype))
        return result if out is None else store(out, result, "cumprod")
    if a.shape[axis] == 0:
        return a
    # t[j] = a[j] t[j-1] + b[j] with b = (a[0], 0, 0, ...)
    first = _core.index(a, index_along(axis, slice(0, 1)))
    shape = tuple([n - (i == axis) for i, n in enumerate(a.shape)])
    rest = _core.broadcast_to(np.zeros((), a.dtype), shape)
    result = _core.linrec(a, _core.concatenate([first, rest], axis), axis)
    return result if out is None else store(out, result, "cumprod")


@mirrors(getattr(np, "cumulative_sum", None))
def cumulative_sum(
    x: ArrayLike,
    /,
    *,
    axis: int | None = None,
    dtype: Any = None,
    out: Any = None,
    include_initial: bool = False,
) -> Array:
    """As `numpy.cumulative_sum`: running sums, from 0 if so asked.

    >>> cd.grad(lambda x: cnp.cumulative_sum(x)[1])(np.ones(3))
    array([1., 1., 0.])
    """
    return _cumulative(cumsum, x, axis, dtype, out, include_initial, 0)


@mirrors(getattr(np, "cumulative_prod", None))
def cumulative_prod(
    x: ArrayLike,
    /,
    *,
    axis: int | None = None,
    dtype: Any = None,
    out: Any = None,
    include_initial: bool = False,
) -> Array:
    """As `numpy.cumulative_prod`: running products; the derivative is exact where factors are zero.

    >>> cd.grad(lambda x: cnp.cumulative_prod(x)[-1])(np.array([0.0, 2.0, 3.0]))
    array([6., 0., 0.])
    """
    return _cumulative(cumprod, x, axis, dtype, out, include_initial, 1)


def _cumulative(
    function: Any, x: ArrayLike, axis: Any, dtype: Any, out: Any, initial: bool, neutral: int
) -> Array:
    name = "cumulative_sum" if function is cumsum else "cumulative_prod"
    a = as_array(x)
    if a.ndim == 0:
        a = _core.reshape(a, (1,))
    if axis is None:
        if a.ndim > 1:
            raise misfit(f"{name}: axis must be given for arrays of more than one dimension")
        axis = 0
    given = axis if isinstance(axis, tuple) else (axis,)
    axes = [axis_of(a, whole_axis(k, name), name) for k in given]
    if len(axes) != 1:
        raise ValueError(f"{name}: accumulate does not allow multiple axes, got {axis!r}")
    axis = axes[0]
    result = function(a, axis, dtype)
    if initial:
        first = np.full(
            [1 if i == axis else n for i, n in enumerate(a.shape)], neutral, result.dtype
        )
        result = _core.concatenate([first, result], axis)
    return result if out is None else store(out, result, name)


def _line(a: ArrayLike, axis: Any, dtype: Any, name: str) -> tuple[Array, int]:
    """The operand of a running sum; without an axis, or 0-d, it is flattened."""
    a = as_array(a) if dtype is None else _core.cast(a, dtype)
    if axis is None or (a.ndim == 0 and axis in (0, -1)):
        return _core.reshape(a, (a.size,)), 0
    return a, axis_of(a, whole_axis(axis, name), name)
