"""`scipy.linalg` with SciPy's names, on arrays that are differentiated.

Where SciPy reads one triangle of a matrix only (`assume_a="pos"`, `cholesky`, `cho_factor`), the
derivative by the other one is 0, as that of the function that it is. The keywords `overwrite_*` and
`check_finite` are taken and have no effect on Arrays. Plain arguments go to SciPy itself. This file
translates SciPy's signatures to the operators of `_matrix.py` and to compositions.

Examples
--------
>>> import numpy as np, cdiff as cd
>>> import cdiff.scipy.linalg as csl
>>> cd.grad(lambda t: np.sum(csl.expm(t * np.array([[0.0, 1.0], [-1.0, 0.0]]))))(0.0)
0.0
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, call
from cdiff._face import misfit
from cdiff.numpy import linalg as _numpy_linalg
from cdiff.numpy._common import adjoint, as_array, of_values
from cdiff.numpy._index import tril as _tril
from cdiff.numpy._index import triu as _triu
from cdiff.numpy._linalg import kron as _kron
from cdiff.scipy import _polar, _powers, _riccati, _spectral
from cdiff.scipy._matrix import Banded, PackedLU, Solve, Sylvester, joined, unpacked
from cdiff.scipy._mirror import mirror_of, no_keywords, rows_at, without_derivative
from cdiff.scipy._need import scipy_module
from cdiff.scipy._others import INSTEAD
from cdiff.scipy._polar import *  # noqa: F403
from cdiff.scipy._powers import *  # noqa: F403
from cdiff.scipy._spectral import *  # noqa: F403
from cdiff.scipy._structure import (
    check_method,
    hermitian_of,
    matrix_of,
    over_stacks,
    promoted,
    square_of,
    symmetric_of,
)

_linalg = scipy_module("linalg")
__all__: list[str] = [*_polar.__all__, *_powers.__all__, *_spectral.__all__]
_mirrors = mirror_of(_linalg, __all__)

_SHORT = {
    "gen": "general", "diag": "diagonal", "tridiag": "tridiagonal", "sym": "symmetric",
    "her": "hermitian", "pos": "positive definite",
}  # fmt: skip
_KINDS = {None, *_SHORT.values(), "banded", "upper triangular", "lower triangular"}


def _kind_of(name: str, assume_a: str | None) -> str | None:
    kind = _SHORT.get(assume_a or "", assume_a)
    if kind not in _KINDS:
        raise ValueError(f"{name}: {assume_a!r} is not a recognized matrix structure")
    return kind


def _read_part(a: Array, kind: str | None, lower: bool) -> Array:
    """The matrix as SciPy sees it where it reads a part of `a` only."""
    if kind in ("hermitian", "positive definite"):
        return hermitian_of(a, lower)
    if kind == "symmetric":
        return symmetric_of(a, lower)
    if kind == "upper triangular":
        return _triu(a)
    if kind == "lower triangular":
        return _tril(a)
    width = {"diagonal": 0, "tridiagonal": 1}.get(kind or "")
    return a if width is None else _triu(_tril(a, width), -width)


def _solved(a: Array, b: Any, kind: str | None, name: str) -> Array:
    """The solution for a vector, a matrix or a stack of matrices."""
    a, b = promoted(a, b)
    vector = b.ndim == 1
    if b.ndim == 0 or b.shape[0 if vector else -2] != a.shape[-1]:
        raise misfit(f"{name}: shapes {a.shape} and {b.shape} do not fit")
    stack = np.broadcast_shapes(a.shape[:-2], () if vector else b.shape[:-2])
    b = _core.reshape(b, (b.size, 1)) if vector else b
    if stack != a.shape[:-2]:
        a = _core.broadcast_to(a, stack + a.shape[-2:])
    if stack != b.shape[:-2]:
        b = _core.broadcast_to(b, stack + b.shape[-2:])
    x = call(Solve(kind), [a, b])
    return _core.reshape(x, x.shape[:-1]) if vector else x


# --- systems --------------------------------------------------------------------------------------


@_mirrors
def solve(
    a: Any, b: Any, lower: bool = False, overwrite_a: bool = False, overwrite_b: bool = False,
    check_finite: bool = True, assume_a: str | None = None, transposed: bool = False,
) -> Array:  # fmt: skip
    """As `scipy.linalg.solve`, with every `assume_a`."""
    a = square_of(a, "solve")
    kind = _kind_of("solve", assume_a)
    a = _read_part(a, kind, lower)
    if transposed:
        a = a.mT
        kind = {"upper triangular": "lower triangular",
                "lower triangular": "upper triangular"}.get(kind or "", kind)  # fmt: skip
    return _solved(a, b, kind, "solve")


@_mirrors
def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False,
    overwrite_b: bool = False, check_finite: bool = True,
) -> Array:  # fmt: skip
    """As `scipy.linalg.solve_triangular`."""
    a = square_of(a, "solve_triangular")
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ValueError(f"solve_triangular: trans is 0, 1, 2, 'N', 'T' or 'C', not {trans!r}")
    if unit_diagonal:
        part = _tril(a, -1) if lower else _triu(a, 1)
        a = part + np.eye(a.shape[-1], dtype=a.dtype)
    else:
        a = _tril(a) if lower else _triu(a)
    if trans not in (0, "N"):
        a, lower = adjoint(a) if trans in (2, "C") else a.mT, not lower
    kind = "lower triangular" if lower else "upper triangular"
    return _solved(a, b, kind, "solve_triangular")


@_mirrors
def solve_banded(
    l_and_u: tuple[int, int], ab: Any, b: Any, overwrite_ab: bool = False,
    overwrite_b: bool = False, check_finite: bool = True,
) -> Array:  # fmt: skip
    """As `scipy.linalg.solve_banded`; elements of `ab` outside the matrix have derivative 0."""
    low, up = l_and_u
    ab, b = promoted(matrix_of(ab, "solve_banded"), b)
    if ab.shape[0] != low + up + 1:
        raise misfit(f"solve_banded: {l_and_u=} needs ab with {low + up + 1} rows, not {ab.shape}")
    if b.ndim not in (1, 2) or b.shape[0] != ab.shape[1]:
        raise misfit(f"solve_banded: shapes of ab {ab.shape} and b {b.shape} do not fit")
    if b.ndim == 2:
        return call(Banded(low, up), [ab, b])
    return _core.reshape(call(Banded(low, up), [ab, _core.reshape(b, (b.size, 1))]), b.shape)


@_mirrors
def solveh_banded(
    ab: Any, b: Any, overwrite_ab: bool = False, overwrite_b: bool = False, lower: bool = False,
    check_finite: bool = True,
) -> Array:  # fmt: skip
    """As `scipy.linalg.solveh_banded`."""
    ab = matrix_of(ab, "solveh_banded")
    width = ab.shape[0] - 1
    if ab.dtype.kind == "c":
        # The main diagonal counts as real.
        main = (np.arange(width + 1) == (0 if lower else width))[:, None]
        ab = _core.where(main, _core.real(ab), ab)
    # As a half band, and its transpose without the diagonal.
    half = Banded(width, 0) if lower else Banded(0, width)
    other = _core.conj(half.transposed(ab))
    parts = [other[:-1], ab] if lower else [ab, other[1:]]
    return solve_banded((width, width), _core.concatenate(parts, 0), b)


@_mirrors
def cholesky(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Array:
    """As `scipy.linalg.cholesky`."""
    factor = _core.cholesky(hermitian_of(square_of(a, "cholesky"), lower))
    return factor if lower else adjoint(factor)


@_mirrors
def cho_factor(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Array, bool]:
    """As `scipy.linalg.cho_factor`; the other triangle, where SciPy leaves anything, is 0."""
    return cholesky(square_of(a, "cho_factor"), lower), lower


@_mirrors
def cho_solve(
    c_and_lower: tuple[Any, bool], b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> Array:
    """As `scipy.linalg.cho_solve`."""
    c, lower = c_and_lower
    first = solve_triangular(c, b, trans=0 if lower else 2, lower=lower)
    return solve_triangular(c, first, trans=2 if lower else 0, lower=lower)


# --- LU -------------------------------------------------------------------------------------------


def _pivot_order(a: Any) -> Any:
    """The rows of a in the order of L @ U."""
    return np.argsort(_linalg.lu(a, p_indices=True, check_finite=False)[0])


def _pivots(a: Any) -> Any:
    return _linalg.lu_factor(a, check_finite=False)[1]


def _order_of_pivots(piv: Any, m: int) -> Any:
    """The permutation that the exchanges of rows make."""
    order = np.arange(m)
    for i, j in enumerate(piv):
        order[[i, j]] = order[[j, i]]
    return order


def _lu_factors(a: Array) -> tuple[Any, Array, Array]:
    """The order of the rows, L and U; the permutation is constant where there are no ties."""
    m, n = a.shape
    k = min(m, n)
    order = of_values(_pivot_order, a)
    rows = rows_at(a, order)
    low, up = unpacked(call(PackedLU(), [rows[:k, :k]]))
    if m > k:
        rest = _solved(up.mT, rows[k:].mT, "lower triangular", "lu").mT
        low = _core.concatenate([low, rest], 0)
    if n > k:
        up = _core.concatenate([up, _solved(low, rows[:, k:], "lower triangular", "lu")], 1)
    return order, low, up


def _inverse_order(order: Any) -> Any:
    return np.argsort(order)


def _permutation(order: Any) -> Any:
    return np.eye(len(order))[np.argsort(order)]


@_mirrors
@over_stacks(2)
def lu(
    a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True,
    p_indices: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """As `scipy.linalg.lu`, of matrices of full rank."""
    order, low, up = _lu_factors(matrix_of(a, "lu"))
    if permute_l:
        return rows_at(low, of_values(_inverse_order, order)), up
    return of_values(_inverse_order if p_indices else _permutation, order), low, up


@_mirrors
@over_stacks(2)
def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Array, Any]:
    """As `scipy.linalg.lu_factor`, of square matrices."""
    a = square_of(matrix_of(a, "lu_factor"), "lu_factor")
    return call(PackedLU(), [rows_at(a, of_values(_pivot_order, a))]), of_values(_pivots, a)


@_mirrors
def lu_solve(
    lu_and_piv: tuple[Any, Any], b: Any, trans: int = 0, overwrite_b: bool = False,
    check_finite: bool = True,
) -> Array:  # fmt: skip
    """As `scipy.linalg.lu_solve`."""
    packed, piv = lu_and_piv
    packed, b = promoted(square_of(matrix_of(packed, "lu_solve"), "lu_solve"), b)
    if trans not in (0, 1, 2):
        raise ValueError(f"lu_solve: trans is 0, 1 or 2, not {trans!r}")
    low, up = unpacked(packed)
    order = of_values(_order_of_pivots, piv, packed.shape[0])
    if trans == 0:
        first = _solved(low, rows_at(b, order), "lower triangular", "lu_solve")
        return _solved(up, first, "upper triangular", "lu_solve")
    turned = [adjoint(x) if trans == 2 else x.mT for x in (up, low)]
    first = _solved(turned[0], b, "lower triangular", "lu_solve")
    found = _solved(turned[1], first, "upper triangular", "lu_solve")
    return rows_at(found, of_values(_inverse_order, order))


# --- matrix equations -----------------------------------------------------------------------------


@_mirrors
@over_stacks(2, 2, 2)
def solve_sylvester(a: Any, b: Any, q: Any) -> Array:
    """As `scipy.linalg.solve_sylvester`."""
    a, b = square_of(a, "solve_sylvester"), square_of(b, "solve_sylvester")
    q = matrix_of(q, "solve_sylvester")
    if q.shape != (a.shape[0], b.shape[0]):
        raise misfit(f"solve_sylvester: shapes {a.shape}, {b.shape} and {q.shape} do not fit")
    return call(Sylvester(), promoted(a, b, q))


@_mirrors
@over_stacks(2, 2)
def solve_continuous_lyapunov(a: Any, q: Any) -> Array:
    """As `scipy.linalg.solve_continuous_lyapunov`."""
    a = square_of(a, "solve_continuous_lyapunov")
    return solve_sylvester(a, adjoint(a), matrix_of(q, "solve_continuous_lyapunov"))


@_mirrors
@over_stacks(2, 2)
def solve_discrete_lyapunov(a: Any, q: Any, method: str | None = None) -> Array:
    """As `scipy.linalg.solve_discrete_lyapunov`, by the direct method."""
    check_method("solve_discrete_lyapunov", method and method.lower(), "direct", "bilinear")
    a, q = square_of(a, "solve_discrete_lyapunov"), square_of(q, "solve_discrete_lyapunov")
    n = a.shape[0]
    system = as_array(np.eye(n * n, dtype=a.dtype)) - _kron(a, _core.conj(a))
    return _core.reshape(_solved(system, _core.reshape(q, (n * n,)), None, "lyapunov"), (n, n))


solve_continuous_are = _mirrors(over_stacks(2, 2, 2, 2, 2, 2)(_riccati.solve_continuous_are))
solve_discrete_are = _mirrors(over_stacks(2, 2, 2, 2, 2, 2)(_riccati.solve_discrete_are))


def _bandwidth(a: Any) -> Any:
    return _linalg.bandwidth(a)


@_mirrors
def bandwidth(a: Any) -> Any:
    """As `scipy.linalg.bandwidth`: whole numbers, without a derivative."""
    return of_values(_bandwidth, as_array(a))


def _is_equal(a: Any, hermitian: bool, atol: Any, rtol: Any) -> Any:
    return (_linalg.ishermitian if hermitian else _linalg.issymmetric)(a, atol, rtol)


def _is(name: str) -> Any:
    def function(a: Any, atol: Any = None, rtol: Any = None) -> Any:
        return of_values(_is_equal, as_array(a), name == "ishermitian", atol, rtol)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"As `scipy.linalg.{name}`, without a derivative."
    return _mirrors(function)


issymmetric, ishermitian = _is("issymmetric"), _is("ishermitian")


# --- special matrices -----------------------------------------------------------------------------


def _vector(c: Any, name: str) -> Array:
    c = as_array(c)
    if c.ndim != 1:
        raise misfit(f"{name}: expected a vector, got shape {c.shape}")
    return c


@_mirrors
@over_stacks(1, 1)
def toeplitz(c: Any, r: Any = None) -> Array:
    """As `scipy.linalg.toeplitz`, of vectors."""
    c = _vector(c, "toeplitz")
    r = _core.conj(c) if r is None else _vector(r, "toeplitz")
    values = _core.concatenate([c[::-1], r[1:]], 0)
    i, j = np.arange(c.size)[:, None], np.arange(r.size)
    return values[c.size - 1 - i + j]


@_mirrors
def hankel(c: Any, r: Any = None) -> Array:
    """As `scipy.linalg.hankel`, of vectors."""
    c = _vector(c, "hankel")
    r = np.zeros(c.size) if r is None else _vector(r, "hankel")
    values = _core.concatenate([c, as_array(r[1:])], 0)
    return values[np.arange(c.size)[:, None] + np.arange(r.size)]


@_mirrors
@over_stacks(1)
def circulant(c: Any) -> Array:
    """As `scipy.linalg.circulant`, of a vector."""
    c = _vector(c, "circulant")
    return c[(np.arange(c.size)[:, None] - np.arange(c.size)) % c.size]


@_mirrors
@over_stacks(1)
def companion(a: Any) -> Array:
    """As `scipy.linalg.companion`, of a vector."""
    a = _vector(a, "companion")
    if a.size < 2:
        raise ValueError(f"companion: at least two coefficients are needed, not {a.size}")
    first = _core.reshape(-a[1:] / a[0], (1, a.size - 1))
    return _core.concatenate([first, as_array(np.eye(a.size - 2, a.size - 1))], 0)


@_mirrors
@over_stacks(1)
def convolution_matrix(a: Any, n: int, mode: str = "full") -> Array:
    """As `scipy.linalg.convolution_matrix`, of a vector."""
    a = _vector(a, "convolution_matrix")
    if n <= 0 or not a.size:
        raise ValueError(f"convolution_matrix: n={n} and the length {a.size} must be positive")
    starts = {"full": (0, a.size + n - 1), "same": ((min(a.size, n) - 1) // 2, max(a.size, n)),
              "valid": (min(a.size, n) - 1, max(a.size, n) - min(a.size, n) + 1)}  # fmt: skip
    if mode not in starts:
        raise ValueError(f"convolution_matrix: mode is full, same or valid, not {mode!r}")
    start, count = starts[mode]
    place = np.arange(start, start + count)[:, None] - np.arange(n)
    inside = (place >= 0) & (place < a.size)
    return a[np.where(inside, place, 0)] * inside.astype(a.dtype)


@_mirrors
def block_diag(*arrs: Any) -> Array:
    """As `scipy.linalg.block_diag`."""
    blocks = [as_array(x) for x in arrs]
    blocks = [_core.reshape(x, (1, x.size)) if x.ndim < 2 else x for x in blocks]
    if any(x.ndim > 2 for x in blocks):
        raise misfit(f"block_diag: matrices are needed, got {[x.shape for x in blocks]}")
    rows, before, total = [], 0, sum([x.shape[1] for x in blocks])
    for x in blocks:
        after = total - before - x.shape[1]
        left, right = np.zeros((x.shape[0], before)), np.zeros((x.shape[0], after))
        rows.append([as_array(left), x, as_array(right)])
        before += x.shape[1]
    return joined(rows)


@_mirrors
@over_stacks(2, 2)
def khatri_rao(a: Any, b: Any) -> Array:
    """As `scipy.linalg.khatri_rao`."""
    a, b = matrix_of(a, "khatri_rao"), matrix_of(b, "khatri_rao")
    if a.shape[1] != b.shape[1]:
        raise misfit(f"khatri_rao: the numbers of columns of {a.shape} and {b.shape} differ")
    product = _core.reshape(a, (a.shape[0], 1, a.shape[1])) * b
    return _core.reshape(product, (a.shape[0] * b.shape[0], a.shape[1]))


@_mirrors
def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Array:
    """As `scipy.linalg.solve_toeplitz`, by the general solver."""
    pair = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr,)
    return _solved(toeplitz(*[as_array(x) for x in pair]), b, None, "solve_toeplitz")


@_mirrors
def solve_circulant(
    c: Any, b: Any, singular: str = "raise", tol: Any = None, caxis: int = -1, baxis: int = 0,
    outaxis: int = 0,
) -> Array:  # fmt: skip
    """As `scipy.linalg.solve_circulant`, of one circulant matrix, by the general solver."""
    no_keywords("solve_circulant", singular=(singular, "raise"), tol=(tol, None),
                caxis=(caxis, -1), baxis=(baxis, 0), outaxis=(outaxis, 0))  # fmt: skip
    if np.ndim(c) != 1 or np.ndim(b) > 2:
        raise misfit("solve_circulant: for several systems use cd.vmap")
    return _solved(circulant(as_array(c)), b, None, "solve_circulant")


@_mirrors
def matmul_toeplitz(
    c_or_cr: Any, x: Any, check_finite: bool = False, workers: int | None = None
) -> Array:
    """As `scipy.linalg.matmul_toeplitz`, as a product of matrices."""
    pair = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr,)
    table, x = promoted(toeplitz(*[as_array(z) for z in pair]), x)
    return _core.matmul(table, x)


@_mirrors
@over_stacks(1, 1)
def leslie(f: Any, s: Any) -> Array:
    """As `scipy.linalg.leslie`, of vectors."""
    f, s = promoted(_vector(f, "leslie"), _vector(s, "leslie"))
    if not s.size or f.size != s.size + 1:
        raise ValueError(f"leslie: f of {f.size} and s of {s.size} elements do not fit")
    below = _core.reshape(s, (s.size, 1)) * np.eye(s.size, f.size)
    return _core.concatenate([_core.reshape(f, (1, f.size)), below], 0)


def _tridiagonal(d: Any, e: Any, name: str) -> Array:
    d, e = promoted(_vector(d, name), _vector(e, name))
    if d.size != e.size + 1 or d.dtype.kind == "c":
        raise ValueError(f"{name}: real diagonals of {d.size} and {e.size} elements do not fit")
    main = _core.reshape(d, (d.size, 1)) * np.eye(d.size)
    if not e.size:
        return main
    below = _core.reshape(e, (e.size, 1)) * np.eye(e.size, d.size)
    return main + _core.concatenate([np.zeros((1, d.size)), below], 0)


_SELECT = {"a": "all", "v": "value", "i": "index", 0: "all", 1: "value", 2: "index"}


def _selected(select: Any, select_range: Any, name: str) -> dict[str, Any]:
    kind = _SELECT.get(select, select)
    if kind not in ("all", "value", "index") or (kind != "all" and select_range is None):
        raise ValueError(f"{name}: invalid select={select!r} with select_range={select_range!r}")
    return {} if kind == "all" else {f"subset_by_{kind}": tuple(select_range)}


@_mirrors
def eigh_tridiagonal(
    d: Any, e: Any, eigvals_only: bool = False, select: Any = "a", select_range: Any = None,
    check_finite: bool = True, tol: float = 0.0, lapack_driver: str = "auto",
) -> Any:  # fmt: skip
    """As `scipy.linalg.eigh_tridiagonal`, by the whole matrix."""
    name = "eigh_tridiagonal"
    chosen = _selected(select, select_range, name)
    return _spectral.eigh(_tridiagonal(d, e, name), eigvals_only=eigvals_only, **chosen)


@_mirrors
def eigvalsh_tridiagonal(
    d: Any, e: Any, select: Any = "a", select_range: Any = None, check_finite: bool = True,
    tol: float = 0.0, lapack_driver: str = "auto",
) -> Array:  # fmt: skip
    """As `scipy.linalg.eigvalsh_tridiagonal`, by the whole matrix."""
    name = "eigvalsh_tridiagonal"
    return _spectral.eigvalsh(_tridiagonal(d, e, name), **_selected(select, select_range, name))


# --- what NumPy has too ---------------------------------------------------------------------------


@_mirrors
def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """As `scipy.linalg.det`; exact at singular matrices too."""
    return _numpy_linalg.det(square_of(a, "det"))


@_mirrors
def inv(
    a: Any, overwrite_a: bool = False, check_finite: bool = True, *, assume_a: str | None = None,
    lower: bool = False,
) -> Array:  # fmt: skip
    """As `scipy.linalg.inv`."""
    a = square_of(a, "inv")
    kind = _kind_of("inv", assume_a)
    return _numpy_linalg.inv(_read_part(a, kind, lower))


@_mirrors
def norm(
    a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True
) -> Array:
    """As `scipy.linalg.norm`; the derivative is 0 where the norm is 0."""
    return _numpy_linalg.norm(a, ord, axis, keepdims)


__all__.sort()


def __getattr__(name: str) -> Any:
    if name.startswith("__") or not hasattr(_linalg, name):
        raise AttributeError(f"module 'cdiff.scipy.linalg' has no attribute {name!r}")
    return without_derivative(getattr(_linalg, name), f"scipy.linalg.{name}", INSTEAD.get(name))
