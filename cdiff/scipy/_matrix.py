"""Operators on matrices: solutions of linear equations and functions of matrices.

Each has one rule in each direction, in matrix products and in the operators themselves, so that it
is differentiated to any order. The value is SciPy's. It knows two-dimensional arrays (and stacks of
them where SciPy does), not SciPy's keywords, which `linalg` translates.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, call
from cdiff._transformations._mapped import PointCallee
from cdiff.numpy._common import of_values
from cdiff.scipy._linear import LinearSolution
from cdiff.scipy._need import scipy_module

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Banded", "MatrixFunction", "PackedLU", "Solve", "Sylvester", "joined",
           "singular"]  # fmt: skip

_linalg = scipy_module("linalg")

# What the transpose of a matrix of some structure has.
TRANSPOSED = {"upper triangular": "lower triangular", "lower triangular": "upper triangular"}


class Solve(LinearSolution):
    """The solution y of a @ y = b, where a has a structure that SciPy makes use of.

    Parameters
    ----------
    kind : str or None
        As SciPy's `assume_a`.
    """

    def __init__(self, kind: str | None) -> None:
        self.kind = kind

    def __reduce__(self) -> Any:
        return Solve, (self.kind,)

    def __repr__(self) -> str:
        return f"solve({self.kind})"

    def value(self, arrays: list[Any]) -> Any:
        a, b = arrays
        if self.kind in TRANSPOSED:
            return _linalg.solve_triangular(a, b, lower=self.kind[0] == "l", check_finite=False)
        return _linalg.solve(a, b, assume_a=self.kind, check_finite=False)

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        a, _ = operands
        back = Solve(TRANSPOSED.get(self.kind or "", self.kind))
        w = call(back, [a.mT, g])
        return [-_core.matmul(w, y.mT) if wanted[0] else None, w]

    def times(self, a: Any, x: Any) -> Any:
        return _core.matmul(a, x)


class Sylvester(PointCallee):
    """The solution y of a @ y + y @ b = q."""

    def __repr__(self) -> str:
        return "solve_sylvester"

    def __reduce__(self) -> Any:
        return Sylvester, ()

    def value(self, arrays: list[Any]) -> Any:
        return _linalg.solve_sylvester(*arrays)

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        a, b, _ = operands
        w = call(self, [a.mT, b.mT, g])
        by_a = -_core.matmul(w, y.mT) if wanted[0] else None
        return [by_a, -_core.matmul(y.mT, w) if wanted[1] else None, w]

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        ta, tb, tq = tangents
        terms: list[Any] = [] if tq is None else [tq]
        terms += [] if ta is None else [-_core.matmul(ta, y)]
        terms += [] if tb is None else [-_core.matmul(y, tb)]
        return call(self, [*operands[:2], sum(terms[1:], terms[0])])


FUNCTIONS = frozenset((
    "coshm", "cosm", "expm", "fractional_matrix_power", "logm", "signm", "sinhm", "sinm", "sqrtm",
    "tanhm", "tanm",
))  # fmt: skip


ROOTS = ("logm", "sqrtm")  # whose slopes are infinite at eigenvalues 0


def singular(a: Any) -> Any:
    """Whether a matrix has not full rank."""
    s = np.linalg.svd(a, compute_uv=False)
    return s[..., -1:] <= s[..., :1] * a.shape[-1] * np.finfo(a.dtype).eps


class MatrixFunction(PointCallee):
    """A function of a square matrix, like the exponential.

    For every such function f, f([[A, E], [0, A]]) has the derivative of f at A in the direction E
    in its upper right corner (Higham, Functions of Matrices, theorem 3.6): no other rule is needed.

    Parameters
    ----------
    name : str
        Of a function of `scipy.linalg`.
    *arguments
        Further arguments of it.
    """

    def __init__(self, name: str, *arguments: Any) -> None:
        if name not in FUNCTIONS:
            raise ValueError(f"{name!r:.40} is no function of a matrix that has a derivative")
        self.name = name
        self.arguments = arguments

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> Any:
        return MatrixFunction, (self.name, *self.arguments)

    def value(self, arrays: list[Any]) -> Any:
        y = np.asarray(getattr(_linalg, self.name)(arrays[0], *self.arguments))
        if y.dtype.kind == "c" and arrays[0].dtype.kind != "c":
            scale = np.abs(y).max(initial=0.0) * np.sqrt(np.finfo(y.dtype).eps)
            if np.abs(y.imag).max(initial=0.0) > scale:
                raise ValueError(
                    f"{self.name}: the result is complex; for its derivative give a complex "
                    "matrix, such as A.astype(complex)"
                )
            y = y.real
        return y.astype(arrays[0].dtype, copy=False)

    def along(self, a: Array, direction: Array) -> Array:
        """The derivative at a in a direction."""
        is_root = self.name in ROOTS or (self.arguments and self.arguments[0] < 1)
        if is_root and np.any(of_values(singular, a)):
            raise np.linalg.LinAlgError(
                f"{self.name}: at a singular matrix it has no derivative; add a small multiple of "
                "the identity"
            )
        n = a.shape[-1]
        zeros = np.zeros(a.shape, a.dtype)
        whole = call(self, [joined([[a, direction], [zeros, a]])])
        return _core.index(whole, (..., slice(n), slice(n, None)))

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        return [self.along(operands[0].mT, g)]

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        assert tangents[0] is not None
        return self.along(operands[0], tangents[0])


class PackedLU(PointCallee):
    """L and U of a square matrix that needs no pivoting, in one matrix (the ones left out)."""

    def __repr__(self) -> str:
        return "lu"

    def __reduce__(self) -> Any:
        return PackedLU, ()

    def value(self, arrays: list[Any]) -> Any:
        return _linalg.lu_factor(arrays[0], check_finite=False)[0]

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        low, up = unpacked(y)
        strict, upper = masks(y)
        inner = strict * _core.matmul(low.mT, strict * g) + upper * _core.matmul(upper * g, up.mT)
        left = call(Solve("upper triangular"), [low.mT, inner])
        return [call(Solve("upper triangular"), [up, left.mT]).mT]

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        low, up = unpacked(y)
        strict, upper = masks(y)
        left = call(Solve("lower triangular"), [low, tangents[0]])
        inner = call(Solve("lower triangular"), [up.mT, left.mT]).mT
        return _core.matmul(low, strict * inner) + _core.matmul(upper * inner, up)


def masks(y: Array) -> tuple[Any, Any]:
    """Ones below the diagonal, and ones on and above it."""
    strict = np.tri(y.shape[-1], k=-1, dtype=y.dtype)
    return strict, 1 - strict


def unpacked(y: Array) -> tuple[Array, Array]:
    """The factors L and U of a packed square matrix."""
    strict, upper = masks(y)
    return strict * y + np.eye(y.shape[-1], dtype=y.dtype), upper * y


class Banded(LinearSolution):
    """The solution of a banded system in LAPACK's storage: a[i, j] = ab[u + i - j, j].

    Parameters
    ----------
    low, up : int
        The numbers of diagonals below and above the main one.
    """

    def __init__(self, low: int, up: int) -> None:
        self.low = low
        self.up = up

    def __repr__(self) -> str:
        return f"solve_banded({self.low}, {self.up})"

    def __reduce__(self) -> Any:
        return Banded, (self.low, self.up)

    def value(self, arrays: list[Any]) -> Any:
        return _linalg.solve_banded((self.low, self.up), *arrays, check_finite=False)

    def rows(self, n: int) -> tuple[Any, Any]:
        """The row of each stored element, and whether it lies in the matrix."""
        i = np.arange(n) + np.arange(self.low + self.up + 1)[:, None] - self.up
        return np.clip(i, 0, n - 1), (i >= 0) & (i < n)

    def transposed(self, ab: Array) -> Array:
        """The storage of the transpose."""
        i, inside = Banded(self.up, self.low).rows(ab.shape[1])
        k = (self.low + self.up) - np.arange(self.low + self.up + 1)[:, None]
        return ab[np.broadcast_to(k, i.shape), i] * inside.astype(ab.dtype)

    def times(self, ab: Array, x: Array) -> Array:
        """The product of the stored matrix with a matrix."""
        at = self.transposed(ab)
        i, _ = Banded(self.up, self.low).rows(ab.shape[1])
        return _core.sum(_core.reshape(at, (*at.shape, 1)) * x[i], (0,))

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        ab = operands[0]
        w = call(Banded(self.up, self.low), [self.transposed(ab), g])
        if not wanted[0]:
            return [None, w]
        i, inside = self.rows(ab.shape[1])
        return [-_core.sum(w[i] * y, (2,)) * inside.astype(ab.dtype), w]


def joined(blocks: Sequence[Sequence[Any]]) -> Array:
    """A matrix of blocks, or a stack of such matrices."""
    rows = [_core.concatenate(row, len(row[0].shape) - 1) for row in blocks]
    return _core.concatenate(rows, rows[0].ndim - 2)
