"""`r_` and `c_`: arrays put together by an index expression.

NumPy itself decides where each element goes: it is asked to join the elements' numbers, by which
they are then taken from one vector. So every directive works, and nothing of it is repeated here.
This file must not know derivatives.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import any_array
from cdiff.numpy._common import NUMPY, as_array
from cdiff.numpy._creation import arange, linspace

__all__ = ["c_", "r_"]


def _ranged(item: slice) -> Any:
    """The numbers that a slice stands for."""
    start = 0 if item.start is None else item.start
    step = 1 if item.step is None else item.step
    if isinstance(step, complex):
        return linspace(start, item.stop, int(abs(step)))
    return arange(start, item.stop, step)


class _Concatenator:
    """As `numpy.r_` or `numpy.c_`, differentiable in all that is put together."""

    def __init__(self, name: str) -> None:
        self._original = getattr(NUMPY, name)
        self.__doc__ = (
            f"As `numpy.{name}`; arrays that are put together keep their derivatives.\n\n"
            f">>> cd.grad(lambda x: cnp.{name}[x, x**2].sum())(3.0)\n7.0"
        )

    def __len__(self) -> int:
        return 0

    def __getitem__(self, key: Any) -> Any:
        items = key if isinstance(key, tuple) else (key,)
        ends = [z for s in items if isinstance(s, slice) for z in (s.start, s.stop, s.step)]
        if not any_array(*items, *ends):
            return self._original[key]
        numbers: list[Any] = []
        parts, kinds, before = [], [], 0
        for item in items:
            if isinstance(item, str):
                if item in ("r", "c"):
                    raise TypeError(
                        "r_: the class matrix is not differentiated; use '0,2' or '1,2'"
                    )
                numbers.append(item)
                continue
            part = as_array(_ranged(item) if isinstance(item, slice) else item)
            kinds.append(item if isinstance(item, (int, float, complex)) else part.dtype)
            after = before + part.size
            place: Any = slice(before, after)
            if not isinstance(item, slice):
                place = np.arange(before, after).reshape(part.shape)
            numbers.append(place)
            parts.append(_core.reshape(part, (part.size,)))
            before = after
        dtype = np.result_type(*kinds)
        vector = _core.concatenate([_core.cast(part, dtype) for part in parts], 0)
        return _core.index(vector, np.asarray(self._original[tuple(numbers)]))


r_ = _Concatenator("r_")
c_ = _Concatenator("c_")
