"""Functions of matrices that look at values, as one operator of a program, with all derivatives.

Some functions here are put together of constants that are found from the *value* of a matrix (its
singular vectors, its rank). In a program these would belong to the matrix that it was recorded
with, and how many derivatives will be asked for is not known either. So a program has one operator
for the whole function, whose derivatives are operators of the same kind: each is taken when it is
computed, by sweeps through the function itself. This file must not know any of these functions. It
costs as much as they do when nothing is recorded; for a stack of matrices that is one call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, Callee, Level, array, call, dual, leaf, pullback, undual
from cdiff._transformations._mapped import PointCallee, Stacked

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Derived"]


class Derived(PointCallee):
    """A function of one matrix (or a stack), or a derivative of it.

    Parameters
    ----------
    options : tuple
        What else decides the value.
    path : tuple of int
        The derivatives that were taken, in their order, each of which has one operand more: the
        cotangent of the result, for that of operand k, or where this is ``~k`` the tangent of
        operand k, for that of the result.
    """

    def __init__(self, options: tuple[Any, ...] = (), path: tuple[int, ...] = ()) -> None:
        self.is_first = False
        if not all(-n - 1 <= k <= n for n, k in enumerate(path)):
            raise ValueError(f"no derivatives are {path!r}")
        self.options = options
        self.path = path

    def function(self, a: Array) -> Array:
        """The function, of a matrix of which nothing is recorded in a program."""
        raise NotImplementedError

    def __call__(self, a: Array) -> Array:
        return call(self, [a])

    def __repr__(self) -> str:
        return type(self).__name__ + "'" * len(self.path)

    def __reduce__(self) -> Any:
        return type(self), (self.options, self.path)

    def batched(self, n: int, flags: tuple[bool, ...]) -> Callee:
        return Stacked(self, n, flags, self)

    def value(self, arrays: list[Any]) -> Any:
        operands = [array(x, copy=False) for x in arrays]
        return np.array(_core.value(self._derivative(self.path, operands)))

    def _derivative(self, path: tuple[int, ...], operands: Sequence[Any]) -> Array:
        if not path:
            return self.function(operands[0])
        *earlier, direction = operands
        k = max(path[-1], ~path[-1])
        with Level() as level:
            if path[-1] < 0:
                earlier[k] = dual(earlier[k], direction, level)
                y, tangent = undual(self._derivative(path[:-1], earlier), level)
                return _zeros(y) if tangent is None else tangent
            earlier[k] = leaf(earlier[k], level)
            y = self._derivative(path[:-1], earlier)
            found = pullback([y], [direction], [earlier[k]], level)[0]
            return _zeros(earlier[k]) if found is None else found

    def _after(self, k: int) -> Derived:
        return type(self)(self.options, (*self.path, k))

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        return [
            call(self._after(k), [*operands, g]) if wants else None
            for k, wants in enumerate(wanted)
        ]

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        parts = [
            call(self._after(~k), [*operands, t]) for k, t in enumerate(tangents) if t is not None
        ]
        return sum(parts[1:], parts[0]) if parts else None


def _zeros(like: Array) -> Array:
    return array(np.zeros(like.shape, like.dtype))
