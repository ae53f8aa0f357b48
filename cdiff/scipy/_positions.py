"""Elements at positions that are computed from values: `rows_at`.

Positions have no derivative, and in a program they are values like others, so that another position
needs no other program. It knows first axes only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, Callee, call

__all__ = ["rows_at"]


class _Rows(Callee):
    """a[positions]."""

    def __repr__(self) -> str:
        return "rows_at"

    def value(self, arrays: list[Any]) -> Any:
        return arrays[0][arrays[1]]

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        return [call(_Sums(operands[0].shape), [g, operands[1]]), None]

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        return call(self, [tangents[0], operands[1]])


class _Sums(Callee):
    """Zeros of a shape to whose rows at the positions the operand is added."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def __repr__(self) -> str:
        return "add_at"

    def value(self, arrays: list[Any]) -> Any:
        out = np.zeros(self.shape, arrays[0].dtype)
        np.add.at(out, arrays[1], arrays[0])
        return out

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        return [call(_Rows(), [g, operands[1]]), None]

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        return call(self, [tangents[0], operands[1]])


def rows_at(a: Any, positions: Any) -> Any:
    """The rows of an array at positions.

    Parameters
    ----------
    a : Array or ndarray
    positions : Array or ndarray of int
        From `hosted_value`: an `Array` while a program is recorded.

    Returns
    -------
    Array or ndarray
    """
    if type(positions) is not Array:
        return a[positions]
    return call(_Rows(), [a if type(a) is Array else _core.array(a, copy=False), positions])
