"""The polar decomposition, and the nearest rotation that `orthogonal_procrustes` finds.

The unitary factor is an operator of matrices with as many rows as columns at least; everything else
is a product with it. Its tangent is the solution of a Sylvester equation and so exists where
singular values are equal, which that of `svd` does not. This file must not know sweeps or programs.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, call
from cdiff._face import misfit
from cdiff._transformations._mapped import PointCallee
from cdiff.numpy._common import adjoint, of_values
from cdiff.numpy._decomposition import Decomposition
from cdiff.scipy._matrix import Sylvester, singular
from cdiff.scipy._mirror import mirror_of
from cdiff.scipy._need import scipy_module
from cdiff.scipy._structure import matrix_of, over_stacks, promoted

_linalg = scipy_module("linalg")
__all__: list[str] = []
_mirrors = mirror_of(_linalg, __all__)


class UnitaryFactor(Decomposition):
    """U of A = U P, of full rank: P W + W P = U^H dA - dA^H U, and outside of U's columns
    dA P^-1."""

    name = "polar"
    batched = PointCallee.batched  # Sylvester's equation is solved for one matrix at a time

    @staticmethod
    def shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [shape]

    def results(self, a: Any) -> tuple[Any, ...]:
        return (_linalg.polar(a)[0],)

    def tangents(self, a: Array, t: Array, results: list[Array], check: bool) -> tuple[Array, ...]:
        u = results[0]
        if np.any(of_values(singular, a)):
            raise np.linalg.LinAlgError(
                "polar: the unitary factor of a matrix that has not full rank has no derivative"
            )
        p, inner = _core.matmul(adjoint(u), a), _core.matmul(adjoint(u), t)
        turn = call(Sylvester(), [p, p, inner - adjoint(inner)])
        tangent = _core.matmul(u, turn)
        if a.shape[0] > a.shape[1]:
            rest = t - _core.matmul(u, inner)
            tangent = tangent + adjoint(_core.solve(adjoint(p), adjoint(rest)))
        return (tangent,)


UNITARY = UnitaryFactor()


def _unitary(a: Array) -> Array:
    rows, columns = a.shape
    return UNITARY(a)[0] if rows >= columns else adjoint(UNITARY(adjoint(a))[0])


@_mirrors
@over_stacks(2)
def polar(a: Any, side: str = "right") -> tuple[Array, Array]:
    """As `scipy.linalg.polar`: unitary times positive definite, of one matrix of full rank.

    >>> round(cd.grad(lambda t: csl.polar([[t]])[1][0, 0])(2.0), 6)
    1.0
    """
    if side not in ("right", "left"):
        raise ValueError(f"polar: `side` must be either 'right' or 'left', not {side!r}")
    a = matrix_of(a, "polar")
    u = _unitary(a)
    p = _core.matmul(adjoint(u), a) if side == "right" else _core.matmul(a, adjoint(u))
    return u, (p + adjoint(p)) / 2


@_mirrors
def orthogonal_procrustes(A: Any, B: Any, check_finite: bool = True) -> tuple[Array, Array]:
    """As `scipy.linalg.orthogonal_procrustes`: the best rotation of A into B and its scale, where
    A^H B has full rank.

    >>> round(cd.grad(lambda t: csl.orthogonal_procrustes(t * np.eye(2), np.eye(2))[1])(3.0), 6)
    2.0
    """
    a, b = promoted(matrix_of(A, "orthogonal_procrustes"), matrix_of(B, "orthogonal_procrustes"))
    if a.shape != b.shape:
        raise misfit(f"orthogonal_procrustes: shapes {a.shape} and {b.shape} differ")
    product = _core.matmul(adjoint(a), b)
    r = _unitary(product)
    return r, _core.sum(_core.real(_core.conj(r) * product), None, False)
