"""Calls applied to many points at once, for `vmap`: point by point, or all by broadcasting.

A mapped call has a leading axis in its result and in some of its operands. This file knows callees
and nothing of what they compute. The general way is as fast as as many calls; what broadcasts its
operands is one call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, Callee, array, concatenate, reshape
from cdiff._rules._ended import apart

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Broadcast", "Mapped", "PointCallee", "RuleCallee", "Stacked"]


class PointCallee(Callee):
    """A callee that is mapped point by point."""

    def batched(self, n: int, flags: tuple[bool, ...]) -> Callee:
        """The callee for n points, of which the operands with a flag have the leading axis."""
        return Mapped(self, n, flags)


class RuleCallee(PointCallee):
    """One whose derivative is a rule of the user's, given by `_pull` and `_push`.

    It knows the recordings that it was `made_in`.
    """

    made_in: tuple[tuple[int, int], ...] = ()

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> Any:
        return apart(self, self._pull, y, operands, g, wanted)

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        return apart(self, self._push, y, operands, tangents)

    def _pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> Any:
        raise NotImplementedError

    def _push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        raise NotImplementedError


class Mapped(RuleCallee):
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
        self.made_in = getattr(callee, "made_in", ())

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

    def _pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        rows = [self._pull_point(i, y, operands, g, wanted) for i in range(self.n)]
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

    def _push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        parts = [self._push_point(i, y, operands, tangents) for i in range(self.n)]
        return None if all(part is None for part in parts) else _stacked(parts)

    def _pull_point(
        self, i: int, y: Array, operands: list[Array], g: Array, wanted: list[bool]
    ) -> Sequence[Any]:
        return self.callee.pull(y[i], self._point(operands, i), g[i], wanted)

    def _push_point(
        self, i: int, y: Array, operands: list[Array], tangents: list[Array | None]
    ) -> Any:
        return self.callee.push(y[i], self._point(operands, i), self._point(tangents, i))


class Stacked(Mapped):
    """A callee that takes stacks of its operands: one call for all points.

    Parameters
    ----------
    callee, n, flags
        As for `Mapped`.
    whole : Callee
        What does the same to all rows.
    """

    def __init__(self, callee: Callee, n: int, flags: tuple[bool, ...], whole: Any) -> None:
        super().__init__(callee, n, flags)
        self.whole = whole

    def value(self, arrays: list[Any]) -> Any:
        return self.whole.value(self._repeated(arrays, np.broadcast_to))

    def differentiated(self, operands: list[Array]) -> Callee:
        return self

    def _repeated(self, operands: Sequence[Any], broadcast_to: Any) -> list[Any]:
        """The operands, or what belongs to them, each with a row for every point."""
        return [
            x if batched or x is None else broadcast_to(x, (self.n, *x.shape))
            for x, batched in zip(operands, self.flags, strict=True)
        ]

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        found = self.whole.pull(y, self._repeated(operands, _core.broadcast_to), g, wanted)
        return [
            c if batched or c is None else _core.sum(c, (0,))
            for c, batched in zip(found, self.flags, strict=True)
        ]

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        repeated = [self._repeated(x, _core.broadcast_to) for x in (operands, tangents)]
        return self.whole.push(y, *repeated)


class Broadcast(Mapped):
    """A callee that broadcasts its operands, element by element: one call for all points."""

    def _raised(self, operands: Sequence[Any]) -> list[Any]:
        """Operands, or what belongs to them, with the axes that make the points broadcast."""
        ranks = [
            0 if x is None else x.ndim - batched
            for x, batched in zip(operands, self.flags, strict=True)
        ]
        rank = max(ranks)
        return [
            x.reshape((self.n, *(1,) * (rank - k), *x.shape[1:]))
            if x is not None and batched and k < rank
            else x
            for x, k, batched in zip(operands, ranks, self.flags, strict=True)
        ]

    def value(self, arrays: list[Any]) -> Any:
        return self.callee.value(self._raised(arrays))

    def differentiated(self, operands: list[Array]) -> Callee:
        return self

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        raised = self._raised(operands)
        found = self.callee.pull(y, raised, g, wanted)
        return [
            c if c is None or x is r else _lowered(c, r, x)
            for c, r, x in zip(found, raised, operands, strict=True)
        ]

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        # Tangents are raised to the ranks of their operands, which some of them may lack.
        full = [operand if t is None else t for t, operand in zip(tangents, operands, strict=True)]
        given = [None if t is None else x
                 for t, x in zip(tangents, self._raised(full), strict=True)]  # fmt: skip
        return self.callee.push(y, self._raised(operands), given)


def _lowered(c: Array, raised: Array, operand: Array) -> Array:
    """A cotangent of the result's shape as that of an operand which was raised."""
    axes = tuple([i for i, n in enumerate(raised.shape) if n != c.shape[i]])
    return reshape(_core.sum(c, axes) if axes else c, operand.shape)


def _stacked(parts: list[Any]) -> Array:
    """Rows of one array; None is a row of zeros."""
    like = next(part for part in parts if part is not None)
    rows = [array(np.zeros(like.shape, like.dtype)) if x is None else x for x in parts]
    return concatenate([reshape(x, (1, *like.shape)) for x in rows], 0)
