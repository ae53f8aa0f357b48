"""QR: an operator of matrices with as many rows as columns at least, and the rest from it.

Only the tangent of the reduced form is written here; a wide matrix is a square one and what its
rotation makes of the other columns. This file must not know sweeps or programs.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff.numpy._common import ArrayLike, adjoint, mirrors
from cdiff.numpy._decompositions import Decomposition, matrix_of
from cdiff.numpy._index import diagonal, tril, triu

__all__ = ["qr"]


class Qr(Decomposition):
    """Reduced, of matrices with as many rows as columns at least."""

    name = "qr"

    def shapes(self, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [shape, (*shape[:-2], shape[-1], shape[-1])]

    def results(self, a: Any) -> tuple[Any, ...]:
        return tuple(np.linalg.qr(a))

    def tangents(self, a: Array, t: Array, results: list[Array], check: bool) -> tuple[Array, ...]:
        q, r = results
        right = _core.solve(r.mT, t.mT).mT  # dA inv(R)
        inner = _core.matmul(adjoint(q), right)
        below = tril(inner, -1)
        turn = below - adjoint(below)
        if q.dtype.kind == "c":
            # The diagonal of R stays real.
            phase = 1j * _core.imag(diagonal(inner, 0, -2, -1))
            turn = turn + _core.reshape(phase, (*phase.shape, 1)) * np.eye(q.shape[-1])
        tq = right - _core.matmul(q, inner - turn)
        return tq, _core.matmul(inner - turn, r)


QR = Qr()


class QRResult(NamedTuple):
    """An orthonormal and an upper triangular matrix."""

    Q: Any
    R: Any


@mirrors(np.linalg.qr)
def qr(a: ArrayLike, mode: str = "reduced") -> Any:
    """As `numpy.linalg.qr` with the modes reduced, r, and complete where Q is unique."""
    if mode not in ("reduced", "complete", "r"):
        if mode == "raw":
            raise NotImplementedError("qr: Householder vectors (mode 'raw') have no derivative "
                                      "in cdiff; use mode 'reduced'")  # fmt: skip
        raise ValueError(f"qr: Unrecognized mode {mode!r}")
    a = matrix_of(a, "qr")
    rows, columns = a.shape[-2:]
    if mode == "complete" and rows > columns:
        raise NotImplementedError(
            f"qr: with mode 'complete' the last columns of Q are not unique for shape {a.shape}; "
            "use mode 'reduced'"
        )
    lead = a if rows >= columns else _core.index(a, (..., slice(rows)))
    q, r = QR(lead)
    r = (
        triu(r)
        if rows >= columns
        else _core.concatenate(
            [triu(r), _core.matmul(adjoint(q), _core.index(a, (..., slice(rows, None))))],
            a.ndim - 1,
        )
    )
    return r if mode == "r" else QRResult(q, r)
