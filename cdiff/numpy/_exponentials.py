"""The logarithm of a sum of exponentials, and what is made of it: `softmax` and its logarithm.

Without overflow, whatever the operands; a weight of 0 takes its element out. This file must not
know how a primitive is differentiated. One primitive of the core does the work in the common call.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array, to_plain
from cdiff.numpy._common import ArrayLike, as_array, axes_of, in_shape

__all__ = ["log_softmax", "logsumexp", "softmax"]


def logsumexp(a: ArrayLike, axis: Any = None, b: ArrayLike = None, keepdims: bool = False) -> Array:
    """log(sum(b * exp(a))) without overflow, as `scipy.special.logsumexp`.

    Parameters
    ----------
    a : array_like
    axis : int, tuple of int or None
        None stands for all axes.
    b : array_like, optional
        Factors of the exponentials; where one is 0 the element of `a` does not count.
    keepdims : bool

    Returns
    -------
    Array; plain NumPy where neither operand is an `Array`.

    Raises
    ------
    AxisError
        If `a` has no such axis.

    Examples
    --------
    >>> import cdiff as cd
    >>> cd.grad(cd.logsumexp)(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    x = as_array(a)
    if b is None:
        result = _core.logsumexp(x, axes_of(x, axis, "logsumexp", True), keepdims)
    else:
        result = _weighted_logsumexp(x, axis, as_array(b), keepdims)
    return result if any_array(a, b) else to_plain(result)


def _weighted_logsumexp(a: Array, axis: Any, b: Array, keepdims: bool) -> Array:
    shape = np.broadcast_shapes(a.shape, b.shape)
    a = _core.broadcast_to(a, shape)
    axes = axes_of(a, axis, "logsumexp", True)
    # Any shift is exact: what it adds to the result it takes from the exponents.
    size = _core.real(a) if a.dtype.kind == "c" else a
    shift = _core.max(_core.where(_core.equal(b, 0.0), -np.inf, size), axes, True)
    shift = _core.where(_core.isfinite(shift), shift, 0.0)
    # A factor 0 takes its exponential out, whatever that is, and still has a derivative.
    result = _core.log(_core.sum(_core.zmul(b, _core.exp(a - shift)), axes, True)) + shift
    if keepdims:
        return result
    kept = tuple([n for i, n in enumerate(result.shape) if i not in axes])
    return in_shape(result, kept)


def log_softmax(x: ArrayLike, axis: Any = None) -> Array:
    """The logarithm of `softmax`, without overflow, as `scipy.special.log_softmax`.

    Parameters
    ----------
    x : array_like
    axis : int, tuple of int or None
        The axes along which the exponentials of the result sum to 1; None stands for all.

    Returns
    -------
    Array of the shape of `x`; plain NumPy where `x` holds no `Array`.

    Raises
    ------
    AxisError
        If `x` has no such axis.

    Examples
    --------
    >>> import cdiff as cd
    >>> cd.log_softmax([1000.0, 1000.0])
    array([-0.69314718, -0.69314718])
    """
    a = as_array(x)
    result = a - _core.logsumexp(a, axes_of(a, axis, "log_softmax", True), True)
    return result if any_array(x) else to_plain(result)


def softmax(x: ArrayLike, axis: Any = None) -> Array:
    """exp(x) / sum(exp(x)) without overflow, as `scipy.special.softmax`.

    Parameters
    ----------
    x : array_like
    axis : int, tuple of int or None
        The axes along which the result sums to 1; None stands for all.

    Returns
    -------
    Array of the shape of `x`; plain NumPy where `x` holds no `Array`.

    Raises
    ------
    AxisError
        If `x` has no such axis.

    Examples
    --------
    >>> import cdiff as cd
    >>> cd.softmax([1000.0, 1000.0, -1000.0])
    array([0.5, 0.5, 0. ])
    """
    a = as_array(x)
    result = _core.exp(a - _core.logsumexp(a, axes_of(a, axis, "softmax", True), True))
    return result if any_array(x) else to_plain(result)
