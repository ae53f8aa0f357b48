"""Calls applied to many points at once, for `vmap`: the general way, point by point.

A mapped call has a leading axis in its result and in some of its operands. This file knows callees
and nothing of what they compute. It is as fast as as many calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import Array, Callee, array, concatenate, reshape

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Mapped", "PointCallee"]


class PointCallee(Callee):
    """A callee that is mapped point by point."""

    def batched(self, n: int, flags: tuple[bool, ...]) -> Callee:
        """The callee for n points, of which the operands with a flag have the leading axis."""
        return Mapped(self, n, flags)


class Mapped(PointCallee):
    """A callee applied to n points.

    Parameters
    ----------
    callee : Callee
    n : int
        At least 1.
    flags : tuple of bool
        Which operands have a leading axis of this length.
    """

    def __init__(self, callee: Callee, n: int, flags: tuple[bool, ...]) -> None:
        self.callee = callee
        self.n = n
        self.flags = flags

    def __repr__(self) -> str:
        return f"{self.callee!r} at {self.n} points"

    def _point(self, operands: Sequence[Any], i: int) -> list[Any]:
        """The operands, or what belongs to them, of point i."""
        return [
            x[i] if batched and x is not None else x
            for x, batched in zip(operands, self.flags, strict=True)
        ]

    def value(self, arrays: list[Any]) -> Any:
        return np.stack([self.callee.value(self._point(arrays, i)) for i in range(self.n)])

    def differentiated(self, operands: list[Array]) -> Callee:
        return Mapped(self.callee.differentiated(self._point(operands, 0)), self.n, self.flags)

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        rows = [
            self.callee.pull(y[i], self._point(operands, i), g[i], wanted) for i in range(self.n)
        ]
        found: list[Any] = []
        for k, batched in enumerate(self.flags):
            parts = [row[k] for row in rows]
            if not wanted[k] or all(part is None for part in parts):
                found.append(None)
            elif batched:
                found.append(_stacked(parts))
            else:
                found.append(sum([part for part in parts if part is not None]))
        return found

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        parts = [
            self.callee.push(y[i], self._point(operands, i), self._point(tangents, i))
            for i in range(self.n)
        ]
        return None if all(part is None for part in parts) else _stacked(parts)


def _stacked(parts: list[Any]) -> Array:
    """Rows of one array; None is a row of zeros."""
    like = next(part for part in parts if part is not None)
    rows = [array(np.zeros(like.shape, like.dtype)) if x is None else x for x in parts]
    return concatenate([reshape(x, (1, *like.shape)) for x in rows], 0)
