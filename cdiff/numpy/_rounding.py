"""Functions that leave numbers as they are, or round them.

Rounding has derivative 0, as have the elements that nan_to_num replaces. Knows nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff.numpy._common import ArrayLike, any_order, as_array, mirrors, of_parts, of_values, store
from cdiff.numpy._gufuncs import of_ufunc

__all__ = ["around", "divmod", "fix", "imag", "nan_to_num", "real", "round"]


@mirrors(np.round, np.around)
@any_order
def round(a: ArrayLike, decimals: int = 0, out: Any = None) -> Array:
    """As `numpy.round`: to a number of decimals; the derivative is 0.

    >>> cd.grad(cnp.round)(2.4)
    0.0
    """
    a = as_array(a)
    result = as_array(of_values(_rounded, a, decimals))
    return result if out is None else store(out, result, "round")


def _rounded(a: Any, decimals: int) -> Any:
    return np.asarray(np.round(a, decimals))


around = round


@of_ufunc(np.divmod)
def divmod(x1: ArrayLike, x2: ArrayLike, /) -> tuple[Array, Array]:
    """As `numpy.divmod`: quotient (whose derivative is 0) and remainder.

    >>> cd.grad(lambda x: cnp.divmod(x, 2.0)[1])(7.5)
    1.0
    """
    return _core.floor_divide(x1, x2), _core.remainder(x1, x2)


@mirrors(getattr(np, "fix", np.trunc))  # deprecated in NumPy 2.5, to be removed
def fix(x: ArrayLike, out: Any = None) -> Array:
    """As `numpy.fix`: towards zero; the derivative is 0.

    >>> cd.grad(cnp.fix)(2.4)
    0.0
    """
    result: Array = _core.trunc(x)
    return result if out is None else store(out, result, "fix")


@mirrors(np.real)
def real(val: ArrayLike) -> Array:
    """As `numpy.real`; a real array itself.

    >>> cd.grad(lambda x: cnp.real((1.0 + 2.0j) * x))(3.0)
    1.0
    """
    part: Array = as_array(val).real
    return part


@mirrors(np.imag)
def imag(val: ArrayLike) -> Array:
    """As `numpy.imag`; zeros for a real array.

    >>> cd.grad(lambda x: cnp.imag((1.0 + 2.0j) * x))(3.0)
    2.0
    """
    part: Array = as_array(val).imag
    return part


@mirrors(np.nan_to_num)
def nan_to_num(
    x: ArrayLike,
    copy: bool = True,
    nan: ArrayLike = 0.0,
    posinf: ArrayLike = None,
    neginf: ArrayLike = None,
) -> Array:
    """As `numpy.nan_to_num`: NaN and infinities replaced by numbers, which have derivative 0.

    >>> cd.grad(lambda x: cnp.nan_to_num(x).sum())(np.array([np.nan, 2.0]))
    array([0., 1.])
    """
    a = as_array(x)
    if a.dtype.kind == "c":
        parts = [
            nan_to_num(part, True, nan, posinf, neginf) for part in (_core.real(a), _core.imag(a))
        ]
        result = of_parts(*parts)
        if not copy:
            a[...] = result
        return a if not copy else result
    if a.dtype.kind != "f":
        return a.copy() if copy else a
    limits = np.finfo(a.dtype)
    others = (
        nan,
        limits.max if posinf is None else posinf,
        limits.min if neginf is None else neginf,
    )
    places = (np.isnan(a), np.equal(a, np.inf), np.equal(a, -np.inf))
    result = a
    for place, other in zip(places, others, strict=True):
        if (other := as_array(other)).dtype.kind == "c":
            raise TypeError("nan_to_num: a complex number cannot replace a real one")
        result = _core.where(place, _core.cast(other, a.dtype), result)
    if not copy:
        a[...] = result
        return a
    return result
