"""The forward rules of products and of solutions of linear equations, whatever holds the matrix.

A product is linear in each operand; the solution y of a y = b moves by that of a y' = b' - a' y. It
must not know how a matrix is stored: `times` says what it does to a vector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdiff._core import Array, call
from cdiff._transformations._mapped import PointCallee

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Bilinear", "LinearSolution"]


class Bilinear(PointCallee):
    """A callee that is linear in each of its operands."""

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        terms = [call(self, [t if i == k else x for i, x in enumerate(operands)])
                 for k, t in enumerate(tangents) if t is not None]  # fmt: skip
        return sum(terms[1:], terms[0])


class LinearSolution(PointCallee):
    """The solution y of a @ y = b, with the operands a and b."""

    times: Callable[[Any, Any], Any]  # a matrix, stored as a is, times what is like y

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        ta, tb = tangents
        if ta is not None:
            product = self.times(ta, y)
            tb = -product if tb is None else tb - product
        return call(self, [operands[0], tb])
