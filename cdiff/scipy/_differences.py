"""Derivatives by a parameter for which no formula is known: the central difference of order twelve.

It is a composition like any other, a sum of twelve values of the function, so it has derivatives by
all arguments and of every order, each as accurate as the values allow: the rule itself errs by less
than 1e-14, and multiplies the error of a value by 80 (measured against mpmath: 1e-10 or better for
the functions that use it). It must not know any function.
"""

from __future__ import annotations

from math import factorial
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._transformations._reverse import stop_gradient

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["by_steps", "column"]

HALF = 6
STEP = 1 / 32
# Of a pole at the distance d the error is (6!)**2 * (step / d)**12, relatively.
FROM_POLES = 1 / 36
STEPS = np.array([*range(1, HALF + 1), *range(-1, -HALF - 1, -1)])
WEIGHTS = np.array([
    (-1.0) ** (k + 1) * factorial(HALF) ** 2 / (k * factorial(HALF - k) * factorial(HALF + k))
    for k in range(1, HALF + 1)
])  # fmt: skip


def by_steps(function: Callable[..., Any], k: int, args: tuple[Any, ...], room: Any = None) -> Any:
    """The derivative of an elementwise function by argument k.

    Parameters
    ----------
    function : callable
        Smooth in the argument on the scale of 1.
    k : int
    args : tuple of Array, ndarray or number
        At least one is an Array.
    room : Array, optional
        How far the next singular point of the function is.

    Returns
    -------
    Array
    """
    step: Any = STEP
    if room is not None:
        step = stop_gradient(_core.minimum(STEP, FROM_POLES * room))
    moved = [column(_in_double(x)) for x in args]
    moved[k] = moved[k] + column(_in_double(step)) * STEPS
    y = function(*moved)
    total = _core.sum((y[..., :HALF] - y[..., HALF:]) * WEIGHTS, (-1,), False) / step
    dtype = np.result_type(*[x.dtype for x in args if type(x) is Array])
    return _core.cast(total, dtype) if dtype.kind == "f" and dtype != total.dtype else total


def _in_double(x: Any) -> Any:
    return _core.cast(x, float) if type(x) is Array and x.dtype != np.float64 else x


def column(x: Any) -> Any:
    """An argument with a last axis for steps or nodes.

    Parameters
    ----------
    x : Array, ndarray or number

    Returns
    -------
    Array, ndarray or number
        Of shape ``x.shape + (1,)``; a number as it is.
    """
    if type(x) is Array:
        return _core.reshape(x, (*x.shape, 1))
    return np.asarray(x)[..., None] if np.ndim(x) else x
