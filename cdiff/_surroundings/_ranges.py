"""Which arrays may share memory with one of many others.

To ask NumPy for each pair would take as long as there are pairs; here the others are put in order
once. This file knows addresses and strides; it must not know what the arrays are for.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["overlapping"]


def _bounds(x: Any) -> tuple[int, int]:
    """The first address of an array, and the one after its last."""
    low = high = x.ctypes.data
    for n, stride in zip(x.shape, x.strides, strict=True):
        if n == 0:
            return low, low
        low += min((n - 1) * stride, 0)
        high += max((n - 1) * stride, 0)
    return low, high + x.itemsize


def overlapping(arrays: Iterable[Any]) -> Callable[[Any], bool]:
    """A function that tells whether an array may share memory with one of these.

    Parameters
    ----------
    arrays : iterable of ndarray

    Returns
    -------
    callable

    Examples
    --------
    >>> import numpy as np
    >>> x = np.zeros(4)
    >>> meets = overlapping([x[:2]])
    >>> meets(x[1:]), meets(x[2:])
    (True, False)
    """
    ends: list[int] = []
    starts: list[int] = []
    for low, high in sorted(map(_bounds, arrays)):
        if ends and low < ends[-1]:
            ends[-1] = max(ends[-1], high)
        elif low < high:
            starts.append(low)
            ends.append(high)

    def meets(x: Any) -> bool:
        if not ends:
            return False
        low, high = _bounds(x)
        k = bisect_left(ends, low + 1)
        return low < high and k < len(ends) and starts[k] < high

    return meets
