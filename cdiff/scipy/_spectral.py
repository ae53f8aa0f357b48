"""`scipy.linalg`'s decompositions: eigenvalues, singular values, QR, LDL, and what is made of them.

Those that NumPy has too go through its operators, with SciPy's signatures and shapes; generalised
eigenvalue problems are reduced by Cholesky's factor; LDL is an operator of its own, with its
tangent. Plain arguments go to SciPy itself. It must not know sweeps or programs.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy import linalg as _numpy_linalg
from cdiff.numpy._common import NUMPY, adjoint, as_array, of_values
from cdiff.numpy._decomposition import Decomposition
from cdiff.numpy._decompositions import TURNED, Eigh, eigenvalues
from cdiff.numpy._least_squares import kept_values, pseudo_inverse
from cdiff.scipy._mirror import mirror_of, no_keywords, rows_at
from cdiff.scipy._need import scipy_before, scipy_module
from cdiff.scipy._pencil import left_vectors, pair_eig
from cdiff.scipy._structure import (
    EITHER,
    hermitian_of,
    matrices_of,
    matrix_of,
    over_stacks,
    square_of,
    symmetric_of,
)

_linalg = scipy_module("linalg")
__all__: list[str] = []
_mirrors = mirror_of(_linalg, __all__)


# --- symmetric eigenvalues ------------------------------------------------------------------------


class _Eigh(Eigh):
    """With SciPy's vectors, which may have other signs than NumPy's; option 0 is `lower`."""

    def plain(self, a: Any) -> tuple[Any, ...]:
        return tuple(_linalg.eigh(a, lower=self.options[0], check_finite=False))


def _reduced(a: Array, b: Array, type: int) -> tuple[Array, Array, bool]:
    """The ordinary problem of a generalised one, Cholesky's factor, and whether vectors are
    multiplied by it (or by its inverse, transposed)."""
    factor = _core.cholesky(b)
    if type == 1:
        half = _core.solve(factor, a)
        return adjoint(_core.solve(factor, adjoint(half))), factor, False
    return _core.matmul(_core.matmul(adjoint(factor), a), factor), factor, type == 3


def _phases(
    v: Any, by_index: Any, by_value: Any, driver: Any, lower: bool, type: int, a: Any,
    b: Any = None,
) -> Any:  # fmt: skip
    """What makes each column the one that SciPy gives."""
    given = _linalg.eigh(a, b, lower=lower, type=type, subset_by_index=by_index,
                         subset_by_value=by_value, driver=driver)[1]  # fmt: skip
    ratio = (v.conj() * given).sum(-2, keepdims=True)
    size = np.abs(ratio)
    return np.where(size > 0, ratio / np.where(size > 0, size, 1), 1).astype(v.dtype)


def _between(w: Any, interval: Any) -> Any:
    return np.searchsorted(w, interval, side="right")


def _indices(w: Array, by_index: Any, by_value: Any, name: str) -> Any:
    """The first and the last of the eigenvalues that are asked for; how many they are decides a
    program."""
    if by_value is None:
        if by_index is not None:
            by_index = tuple([int(k) for k in by_index])
            if len(by_index) != 2 or by_index[0] > by_index[1]:
                raise ValueError(f"{name}: subset_by_index={by_index!r} is no pair start <= end")
        return by_index
    low, high = by_value
    if by_index is not None or not low < high or w.ndim > 1:
        raise ValueError(
            f"{name}: subset_by_value={by_value!r} is an interval of eigenvalues of one matrix, "
            "and goes with no subset_by_index"
        )
    ends = of_values(_between, w, (float(low), float(high)))
    return int(ends[0]), int(ends[1]) - 1


def _subset(w: Array, subset: Any) -> slice:
    if subset is None:
        return slice(None)
    low, high = subset
    if low == high + 1:  # an interval without any
        return slice(0, 0)
    if not 0 <= low <= high < w.shape[-1]:
        raise misfit(
            f"eigh: requested eigenvalue indices are not valid. Valid range is "
            f"[0, {w.shape[-1] - 1}] and start <= end, but {subset} is given"
        )
    return slice(low, high + 1)


def _operands(a: Any, b: Any, lower: bool, type: int, name: str) -> tuple[Array, Any]:
    a = hermitian_of(square_of(a, name), lower)
    if type not in (1, 2, 3):
        raise ValueError(f"{name}: 'type' keyword only accepts 1, 2, and 3, not {type!r}")
    if b is None:
        return a, None
    b = hermitian_of(square_of(b, name), lower)
    if a.shape != b.shape or a.ndim != 2:
        raise misfit(f"{name}: shapes {a.shape} and {b.shape} do not fit")
    kind = np.result_type(a.dtype, b.dtype)
    return _core.cast(a, kind), _core.cast(b, kind)


def _check_driver(driver: Any, pair: bool, some: bool, name: str) -> None:
    """The drivers of LAPACK differ in the signs of vectors, and in what they can."""
    known: tuple[str, ...] = ("gvx",) if some else ("gv", "gvd", "gvx")
    if not pair:
        known = ("evr", "evx") if some else ("ev", "evd", "evr", "evx")
    if driver is not None and driver not in known:
        raise ValueError(f"{name}: here the driver is one of {', '.join(known)}, not {driver!r}")


@_mirrors
@over_stacks(2, 2, pairs_only=True)
def eigh(
    a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False,
    overwrite_a: bool = False, overwrite_b: bool = False, type: int = 1, check_finite: bool = True,
    subset_by_index: Any = None, subset_by_value: Any = None, driver: Any = None,
) -> Any:  # fmt: skip
    """As `scipy.linalg.eigh`: values and vectors of hermitian matrices, generalised problems too,
    by both.

    >>> round(cd.grad(lambda t: csl.eigh(t * np.diag([1.0, 2.0]))[0][1])(3.0), 6)
    2.0
    """
    some = subset_by_index is not None or subset_by_value is not None
    _check_driver(driver, b is not None, some, "eigh")
    a, b = _operands(a, b, lower, type, "eigh")
    if b is None:
        w, v = _Eigh(bool(lower), TURNED)(a)
    else:
        reduced, factor, is_product = _reduced(a, b, type)
        w, v = _numpy_linalg.eigh(reduced)
        v = _core.matmul(factor, v) if is_product else _core.solve(adjoint(factor), v)
    chosen = _subset(w, _indices(w, subset_by_index, subset_by_value, "eigh"))
    w, v = _core.index(w, (..., chosen)), _core.index(v, (..., chosen))
    if eigvals_only:
        return w
    if not w.size:
        return w, v
    if b is not None or some or driver is not None:
        given = (a,) if b is None else (a, b)
        v = v * of_values(_phases, v, subset_by_index, subset_by_value, driver, lower, type, *given)
    return w, v


@_mirrors
@over_stacks(2, 2, pairs_only=True)
def eigvalsh(
    a: Any, b: Any = None, *, lower: bool = True, overwrite_a: bool = False,
    overwrite_b: bool = False, type: int = 1, check_finite: bool = True,
    subset_by_index: Any = None, subset_by_value: Any = None, driver: Any = None,
) -> Array:  # fmt: skip
    """As `scipy.linalg.eigvalsh`: the values of `eigh`, generalised problems too, by both matrices.

    >>> round(cd.grad(lambda t: csl.eigvalsh(t * np.diag([1.0, 2.0]))[1])(3.0), 6)
    2.0
    """
    some = subset_by_index is not None or subset_by_value is not None
    _check_driver(driver, b is not None, some, "eigvalsh")
    a, b = _operands(a, b, lower, type, "eigvalsh")
    w = _numpy_linalg.eigvalsh(a if b is None else _reduced(a, b, type)[0])
    subset_by_index = _indices(w, subset_by_index, subset_by_value, "eigvalsh")
    return _core.index(w, (..., _subset(w, subset_by_index)))


# --- other eigenvalues and singular values --------------------------------------------------------


def _complex(x: Array) -> Array:
    return _core.cast(x, np.result_type(x.dtype, np.complex64))


@_mirrors
def eig(
    a: Any, b: Any = None, left: bool = False, right: bool = True, overwrite_a: bool = False,
    overwrite_b: bool = False, check_finite: bool = True, homogeneous_eigvals: bool = False,
) -> Any:  # fmt: skip
    """As `scipy.linalg.eig`: values and vectors of one matrix or two, by both, with right and left
    vectors.

    >>> round(cd.grad(lambda t: csl.eig(t * np.diag([1.0, 2.0]))[0][1].real)(3.0), 6)
    2.0
    """
    no_keywords("eig", homogeneous_eigvals=(homogeneous_eigvals, False))
    a = square_of(a, "eig")
    b = None if b is None else square_of(b, "eig")
    w, v = _numpy_linalg.eig(a) if b is None else pair_eig(a, b, "eig")
    found = [_complex(w)]
    if left:
        found.append(left_vectors(v, a, b))
    if right:
        found.append(v)
    return tuple(found) if len(found) > 1 else found[0]


@_mirrors
def eigvals(
    a: Any, b: Any = None, overwrite_a: bool = False, check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Array:  # fmt: skip
    """As `scipy.linalg.eigvals`: the values of `eig`, of one matrix or two, by both.

    >>> round(cd.grad(lambda t: csl.eigvals(t * np.diag([1.0, 2.0]))[1].real)(3.0), 6)
    2.0
    """
    no_keywords("eigvals", homogeneous_eigvals=(homogeneous_eigvals, False))
    a = square_of(a, "eigvals")
    if b is not None:
        return _complex(pair_eig(a, square_of(b, "eigvals"), "eigvals")[0])
    return _complex(eigenvalues(a, "eigvals", True))


@_mirrors
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, overwrite_a: bool = False,
    check_finite: bool = True, lapack_driver: str = "gesdd",
) -> Any:  # fmt: skip
    """As `scipy.linalg.svd`: U, the singular values, and V transposed.

    >>> round(cd.grad(lambda t: csl.svd(t * np.diag([2.0, 1.0]))[1][0])(3.0), 6)
    2.0
    """
    a = matrices_of(a, "svd")
    if lapack_driver not in ("gesdd", "gesvd"):
        raise ValueError(f'svd: lapack_driver must be "gesdd" or "gesvd", not {lapack_driver!r}')
    result = _numpy_linalg.svd(a, full_matrices, compute_uv)
    if not compute_uv:
        return result
    if lapack_driver == "gesvd":
        return _with_signs(a, *result)
    return tuple(result)


def _with_signs(a: Array, u: Array, s: Array, vt: Array) -> tuple[Array, Array, Array]:
    """With the signs of the vectors that the driver gesvd gives."""
    if u.shape[-1] != vt.shape[-2]:
        raise NotImplementedError(
            "svd: lapack_driver='gesvd' with full_matrices=True is for square matrices; use "
            "full_matrices=False"
        )
    signs = of_values(_svd_signs, u, a)
    return u * signs, s, vt * signs.conj().mT


def _svd_signs(u: Any, a: Any) -> Any:
    given = _linalg.svd(a, full_matrices=False, lapack_driver="gesvd")[0]
    ratio = (u.conj() * given).sum(-2, keepdims=True)
    return (ratio / np.abs(ratio)).astype(u.dtype)


@_mirrors
def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """As `scipy.linalg.svdvals`: the singular values, in descending order.

    >>> round(cd.grad(lambda t: csl.svdvals(t * np.diag([2.0, 1.0]))[0])(3.0), 6)
    2.0
    """
    return _numpy_linalg.svdvals(matrices_of(a, "svdvals"))


def _relative(a: Array) -> float:
    return max(a.shape[-2:]) * float(NUMPY.finfo(a.dtype).eps)


@_mirrors
def pinv(
    a: Any, *, atol: Any = None, rtol: Any = None, return_rank: bool = False,
    check_finite: bool = True,
) -> Array:  # fmt: skip
    """As `scipy.linalg.pinv`: the pseudoinverse, along changes that keep the rank.

    >>> round(cd.grad(lambda t: csl.pinv([[t], [0.0]])[0, 0])(2.0), 6)
    -0.25
    """
    return _pinv(matrices_of(a, "pinv"), atol, rtol, return_rank, "pinv")


def _pinv(a: Array, atol: Any, rtol: Any, return_rank: bool, name: str) -> Any:
    cut = _relative(a) if rtol is None else rtol
    if cut < 0 or (atol is not None and atol < 0):
        raise ValueError(f"{name}: atol={atol} and rtol={rtol} must be positive")
    more = 0.0 if atol is None else float(atol)
    found = pseudo_inverse(a, np.asarray(cut), more)
    return (found, of_values(_rank, a, cut, more)) if return_rank else found


def _rank(a: Any, cut: float, more: float) -> Any:
    return np.sum(kept_values(np.linalg.svd(a, compute_uv=False), cut, more), axis=-1)


@_mirrors
def pinvh(
    a: Any, atol: Any = None, rtol: Any = None, lower: bool = True, return_rank: bool = False,
    check_finite: bool = True,
) -> Array:  # fmt: skip
    """As `scipy.linalg.pinvh`: the pseudoinverse of hermitian matrices, along changes that keep the
    rank.

    >>> round(cd.grad(lambda t: csl.pinvh([[t]])[0, 0])(2.0), 6)
    -0.25
    """
    a = hermitian_of(square_of(a, "pinvh"), lower)
    return _pinv(a, atol, rtol, return_rank, "pinvh")


@_mirrors
@over_stacks(2, EITHER)
def lstsq(
    a: Any, b: Any, cond: Any = None, overwrite_a: bool = False, overwrite_b: bool = False,
    check_finite: bool = True, lapack_driver: Any = None,
) -> Any:  # fmt: skip
    """As `scipy.linalg.lstsq`: the solution of least squares, along changes that keep the rank.

    >>> cd.grad(lambda b: csl.lstsq([[1.0], [1.0]], b)[0][0])(np.array([1.0, 3.0])).round(6)
    array([0.5, 0.5])
    """
    if lapack_driver not in (None, "gelsd", "gelsy", "gelss"):
        raise ValueError(f'lstsq: LAPACK driver "{lapack_driver}" is not found')
    a, b = matrix_of(a, "lstsq"), as_array(b)
    cond = float(NUMPY.finfo(a.dtype).eps) if cond is None else cond
    x, residuals, rank, s = _numpy_linalg.lstsq(a, b, cond)
    rank = int(rank)
    if lapack_driver == "gelsy":  # which gives neither of them
        if rank < min(a.shape):
            raise NotImplementedError(
                f"lstsq: with lapack_driver='gelsy' a matrix must have full rank; {rank} of "
                f"{min(a.shape)} singular values are larger than cond={cond} allows"
            )
        return x, as_array(np.zeros(0, a.dtype)), rank, None
    if not scipy_before(1, 18):
        residuals = _core.cast(residuals, x.dtype)
    if b.ndim == 1 and residuals.size:
        residuals = residuals[0]
    return x, residuals, rank, s


# --- QR -------------------------------------------------------------------------------------------

# Before SciPy 1.18, mode="r" is a tuple for one matrix only.
_R_ALONE = scipy_before(1, 18)


def _column_order(a: Any) -> Any:
    return _linalg.qr(a, mode="r", pivoting=True)[1]


@_mirrors
def qr(
    a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full",
    pivoting: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """As `scipy.linalg.qr`: Q and R, with the modes economic and r, and full where Q is unique.

    >>> round(cd.grad(lambda t: csl.qr([[3.0], [t]], mode="r")[0][0, 0] ** 2)(4.0), 6)
    8.0
    """
    names = {"full": "complete", "economic": "reduced", "r": "reduced"}
    if mode == "raw":
        raise NotImplementedError(
            "qr: Householder vectors (mode='raw') have no derivative in cdiff; use mode='economic'"
        )
    if mode not in names:
        raise ValueError(f"qr: mode is one of {sorted(names)}, not {mode!r}")
    a = matrices_of(a, "qr")
    if mode == "full" and a.shape[-2] > a.shape[-1]:
        raise NotImplementedError(
            f"qr: with mode='full' the last columns of Q are not unique for shape {a.shape}; use "
            "mode='economic'"
        )
    if pivoting:
        return _pivoted(a, mode, names[mode])
    found = _orthogonal(a, mode, names[mode])
    return found[0] if mode == "r" and a.ndim > 2 and _R_ALONE else found


def _orthogonal(a: Array, mode: str, ours: str) -> tuple[Array, ...]:
    """Q and R, or R alone with SciPy's rows of zeros; `ours` is NumPy's name of the mode."""
    q, r = _numpy_linalg.qr(a, ours)
    rows, columns = a.shape[-2:]
    if mode == "r" and rows > columns:
        zeros = np.zeros((*a.shape[:-2], rows - columns, columns), a.dtype)
        r = _core.concatenate([r, as_array(zeros)], a.ndim - 2)
    return (r,) if mode == "r" else (q, r)


@over_stacks(2)
def _pivoted(a: Array, mode: str, ours: str) -> tuple[Any, ...]:
    order = of_values(_column_order, a)
    return *_orthogonal(rows_at(a.mT, order).mT, mode, ours), order


# --- LDL ------------------------------------------------------------------------------------------


class Ldl(Decomposition):
    """A = L D L^H (or L D L^T), with the rows of L permuted, and D of blocks of order one and two.

    Options are SciPy's `lower` and `hermitian`. Where the permutation and the blocks stay, the
    tangent follows from L^-1 dA L^-H = W D + dD + D W^H, W = L^-1 dL being zero in the blocks.
    """

    name = "ldl"

    @staticmethod
    def shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [shape, shape]

    def results(self, a: Any) -> tuple[Any, ...]:
        return _linalg.ldl(a, *self.options, check_finite=False)[:2]

    def tangents(self, a: Array, t: Array, results: list[Array], check: bool) -> tuple[Array, ...]:
        turned = adjoint if self.options[1] else _transposed
        low, d = results
        order = of_values(_ldl_order, a, *self.options)
        low = rows_at(low, order)
        moved = rows_at(rows_at(t, order).mT, order).mT
        x = turned(_core.solve(low, turned(_core.solve(low, moved))))
        blocks, below = of_values(_ldl_masks, d, self.options[0])
        w = _core.solve(d.mT, (x * below).mT).mT
        back = of_values(np.argsort, order)
        return rows_at(_core.matmul(low, w), back), x * blocks


def _transposed(a: Array) -> Array:
    return a.mT


def _ldl_order(a: Any, lower: Any, hermitian: Any) -> Any:
    return _linalg.ldl(a, bool(lower), bool(hermitian), check_finite=False)[2]


def _ldl_masks(d: Any, lower: Any) -> tuple[Any, Any]:
    """Where D may differ from zero, and where L may, but for its ones."""
    n = d.shape[-1]
    blocks = np.eye(n) + (d != 0) * (np.eye(n, k=1) + np.eye(n, k=-1))
    triangle = np.tri(n) if lower else np.tri(n).T
    return blocks.astype(d.dtype), (triangle * (blocks == 0)).astype(d.dtype)


@_mirrors
@over_stacks(2)
def ldl(
    A: Any, lower: bool = True, hermitian: bool = True, overwrite_a: bool = False,
    check_finite: bool = True,
) -> tuple[Any, ...]:  # fmt: skip
    """As `scipy.linalg.ldl`: A = L D L^H of symmetric matrices; the permutation and the blocks of D
    are constant.

    >>> cd.grad(lambda t: csl.ldl([[t]])[1][0, 0])(2.0)
    1.0
    """
    a = matrix_of(square_of(A, "ldl"), "ldl")
    is_hermitian = hermitian and a.dtype.kind == "c"
    a = (hermitian_of if is_hermitian else symmetric_of)(a, lower)
    low, d = Ldl(bool(lower), is_hermitian)(a)
    return low, d, of_values(_ldl_order, a, lower, is_hermitian)
