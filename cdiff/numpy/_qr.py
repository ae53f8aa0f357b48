"""QR: an operator of matrices with as many rows as columns at least, and the rest from it.

Only the cotangent of the reduced form is written here; a wide matrix is a square one and what its
rotation makes of the other columns. This file must not know sweeps or programs.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff.numpy._common import ArrayLike, adjoint, any_order, mirrors
from cdiff.numpy._decomposition import ByCotangent, is_zero
from cdiff.numpy._decompositions import matrix_of
from cdiff.numpy._index import lower_half

__all__ = ["qr"]


class Qr(ByCotangent):
    """Reduced, of matrices with as many rows as columns at least."""

    name = "qr"

    def __init__(self, *options: Any) -> None:
        super().__init__(*options)
        self.is_own = True

    @staticmethod
    def shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [shape, (*shape[:-2], shape[-1], shape[-1])]

    def results(self, a: Any) -> Any:
        found = _core.reduced_qr(a)
        return tuple(np.linalg.qr(a)) if found is None else found

    def cotangent(self, a: Array, results: list[Array], cotangents: list[Array]) -> Array:
        """S. F. Walter and L. Lehmann, arXiv:1001.1654, section 3.2, for square and tall matrices;
        the diagonal of R stays real."""
        (q, r), (gq, gr) = results, cotangents
        by_r_alone = is_zero(gq)
        inner = _core.matmul(gr, r.mT)
        inner = inner if by_r_alone else inner - _core.matmul(q.mT, gq)
        both = _core.where(lower_half(inner.shape[-2:], -1), adjoint(inner), inner)
        both = both if q.dtype.kind == "f" else (both + adjoint(both)) * 0.5
        if by_r_alone:
            return _core.matmul(_core.conj(q), _core.solve(r, both.mT).mT)
        return _core.solve(r, (gq + _core.matmul(_core.conj(q), both)).mT).mT


QR = Qr()


class QRResult(NamedTuple):
    """An orthonormal and an upper triangular matrix."""

    Q: Any
    R: Any


@mirrors(np.linalg.qr)
@any_order
def qr(a: ArrayLike, mode: str = "reduced") -> Any:
    """As `numpy.linalg.qr`: Q and R, with the modes reduced, r, and complete where Q is unique.

    >>> round(cd.grad(lambda t: cnp.linalg.qr([[3.0], [t]])[1][0, 0] ** 2)(4.0), 6)
    8.0
    """
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
    if rows < columns:
        rest = _core.matmul(adjoint(q), _core.index(a, (..., slice(rows, None))))
        r = _core.concatenate([r, rest], a.ndim - 1)
    return r if mode == "r" else QRResult(q, r)
