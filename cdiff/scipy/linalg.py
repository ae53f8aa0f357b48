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
from cdiff.scipy import _polar, _powers, _riccati, _special_matrices, _spectral
from cdiff.scipy._matrix import Banded, PackedLU, Solve, Sylvester, unpacked
from cdiff.scipy._mirror import (
    doubled,
    in_double,
    mirror_of,
    no_keywords,
    rows_at,
    without_derivative,
)
from cdiff.scipy._need import scipy_module
from cdiff.scipy._others import INSTEAD
from cdiff.scipy._polar import *  # noqa: F403
from cdiff.scipy._powers import *  # noqa: F403
from cdiff.scipy._special_matrices import *  # noqa: F403
from cdiff.scipy._spectral import *  # noqa: F403
from cdiff.scipy._structure import (
    EITHER,
    check_method,
    hermitian_of,
    matrix_of,
    over_stacks,
    promoted,
    square_of,
    symmetric_of,
    vector_of,
)

_linalg = scipy_module("linalg")
__all__: list[str] = [*_polar.__all__, *_powers.__all__, *_special_matrices.__all__,
                      *_spectral.__all__]  # fmt: skip
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
    """As `scipy.linalg.solve`: x of a @ x = b, with every `assume_a`.

    >>> cd.grad(lambda b: csl.solve([[4.0]], b)[0])(np.ones(1))
    array([0.25])
    """
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
    """As `scipy.linalg.solve_triangular`: one triangle of `a` is read, the other one has derivative
    0.

    >>> cd.grad(lambda a: csl.solve_triangular(a, np.ones(1))[0])(np.eye(1))
    array([[-1.]])
    """
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
    """As `scipy.linalg.solve_banded`; elements of `ab` outside the matrix have derivative 0.

    >>> cd.grad(lambda b: csl.solve_banded((0, 0), [[4.0]], b)[0])(np.ones(1))
    array([0.25])
    """
    return _banded(ab, b, *l_and_u)


@over_stacks(2, EITHER)
def _banded(ab: Any, b: Any, low: int, up: int) -> Array:
    ab, b = promoted(matrix_of(ab, "solve_banded"), b)
    if ab.shape[0] != low + up + 1:
        raise misfit(
            f"solve_banded: l_and_u={low, up} needs ab with {low + up + 1} rows, not {ab.shape}"
        )
    if b.ndim not in (1, 2) or b.shape[0] != ab.shape[1]:
        raise misfit(f"solve_banded: shapes of ab {ab.shape} and b {b.shape} do not fit")
    if b.ndim == 2:
        return call(Banded(low, up), [ab, b])
    return _core.reshape(call(Banded(low, up), [ab, _core.reshape(b, (b.size, 1))]), b.shape)


@_mirrors
@over_stacks(2, EITHER)
def solveh_banded(
    ab: Any, b: Any, overwrite_ab: bool = False, overwrite_b: bool = False, lower: bool = False,
    check_finite: bool = True,
) -> Array:  # fmt: skip
    """As `scipy.linalg.solveh_banded`: of a positive definite matrix given by its bands.

    >>> cd.grad(lambda b: csl.solveh_banded([[4.0]], b)[0])(np.ones(1))
    array([0.25])
    """
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
    """As `scipy.linalg.cholesky`: the triangular factor (upper, unless `lower`).

    >>> cd.grad(lambda a: csl.cholesky(a)[0, 0])(np.array([[4.0]]))
    array([[0.25]])
    """
    factor = _core.cholesky(hermitian_of(square_of(a, "cholesky"), lower))
    return factor if lower else adjoint(factor)


@_mirrors
def cho_factor(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Array, Any]:
    """As `scipy.linalg.cho_factor`; the other triangle, where SciPy leaves anything, is 0.

    >>> cd.grad(lambda a: csl.cho_factor(a)[0][0, 0])(np.array([[4.0]]))
    array([[0.25]])
    """
    c = cholesky(square_of(a, "cho_factor"), lower)
    return c, lower if c.ndim == 2 else np.full(c.shape[:-2], lower)


@_mirrors
def cho_solve(
    c_and_lower: tuple[Any, bool], b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> Array:
    """As `scipy.linalg.cho_solve`: x of a @ x = b from `cho_factor`.

    >>> cd.grad(lambda b: csl.cho_solve(([[2.0]], True), b)[0])(np.ones(1))
    array([0.25])
    """
    (c, lower), b = c_and_lower, as_array(b)
    lower = bool(np.all(lower))  # of a stack SciPy gives one for each
    vector = b.ndim == 1
    b = _core.reshape(b, (b.size, 1)) if vector else b
    first = solve_triangular(c, b, trans=0 if lower else 2, lower=lower)
    x = solve_triangular(c, first, trans=2 if lower else 0, lower=lower)
    return _core.reshape(x, x.shape[:-1]) if vector else x


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
    m, k = a.shape[0], min(a.shape)
    order = of_values(_pivot_order, a)
    packed = _packed(rows_at(a, order))
    return order, _tril(packed[:, :k], -1) + np.eye(m, k, dtype=a.dtype), _triu(packed[:k])


def _packed(rows: Array) -> Array:
    """L and U of a matrix that needs no pivoting, in one matrix (the ones left out)."""
    m, n = rows.shape
    k = min(m, n)
    packed = call(PackedLU(), [rows[:k, :k]])
    if m == n:
        return packed
    low, up = unpacked(packed)
    if m > k:
        below = _solved(up.mT, rows[k:].mT, "lower triangular", "lu").mT
        return _core.concatenate([packed, below], 0)
    return _core.concatenate([packed, _solved(low, rows[:, k:], "lower triangular", "lu")], 1)


def _inverse_order(order: Any) -> Any:
    return np.argsort(order)


def _short_order(order: Any) -> Any:
    return np.argsort(order).astype(np.int32)


def _permutation(order: Any, dtype: str) -> Any:
    return np.eye(len(order), dtype=dtype)[np.argsort(order)]


@_mirrors
@over_stacks(2)
def lu(
    a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True,
    p_indices: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """As `scipy.linalg.lu`: P, L and U of matrices of full rank; P is constant.

    >>> cd.grad(lambda a: csl.lu(a)[2][1, 1])(np.array([[2.0, 1.0], [1.0, 3.0]]))
    array([[ 0.25, -0.5 ],
           [-0.5 ,  1.  ]])
    """
    order, low, up = _lu_factors(matrix_of(a, "lu"))
    if permute_l:
        return rows_at(low, of_values(_inverse_order, order)), up
    if p_indices:
        return of_values(_short_order, order), low, up
    return of_values(_permutation, order, low.dtype.char.lower()), low, up


@_mirrors
@over_stacks(2)
def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Array, Any]:
    """As `scipy.linalg.lu_factor`: L and U in one matrix, and the exchanged rows.

    >>> cd.grad(lambda a: csl.lu_factor(a)[0][1, 1])(np.array([[2.0, 1.0], [1.0, 3.0]]))
    array([[ 0.25, -0.5 ],
           [-0.5 ,  1.  ]])
    """
    a = matrix_of(a, "lu_factor")
    return _packed(rows_at(a, of_values(_pivot_order, a))), of_values(_pivots, a)


@_mirrors
def lu_solve(
    lu_and_piv: tuple[Any, Any], b: Any, trans: int = 0, overwrite_b: bool = False,
    check_finite: bool = True,
) -> Array:  # fmt: skip
    """As `scipy.linalg.lu_solve`: x of a @ x = b from `lu_factor`.

    >>> cd.grad(lambda b: csl.lu_solve((np.array([[2.0]]), [0]), b)[0])(np.ones(1))
    array([0.5])
    """
    if trans not in (0, 1, 2):
        raise ValueError(f"lu_solve: trans is 0, 1 or 2, not {trans!r}")
    return _lu_solved(*lu_and_piv, b, trans)


@over_stacks(2, 1, EITHER)
def _lu_solved(packed: Any, piv: Any, b: Any, trans: int) -> Array:
    packed, b = promoted(square_of(matrix_of(packed, "lu_solve"), "lu_solve"), b)
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
    """As `scipy.linalg.solve_sylvester`: x of a @ x + x @ b = q, by all three.

    >>> cd.grad(lambda t: csl.solve_sylvester([[t]], [[1.0]], [[8.0]]).sum())(1.0)
    -2.0
    """
    a, b = square_of(a, "solve_sylvester"), square_of(b, "solve_sylvester")
    q = matrix_of(q, "solve_sylvester")
    if q.shape != (a.shape[0], b.shape[0]):
        raise misfit(f"solve_sylvester: shapes {a.shape}, {b.shape} and {q.shape} do not fit")
    return call(Sylvester(), promoted(a, b, q))


@_mirrors
@over_stacks(2, 2)
def solve_continuous_lyapunov(a: Any, q: Any) -> Array:
    """As `scipy.linalg.solve_continuous_lyapunov`: x of a @ x + x @ a^H = q.

    >>> cd.grad(lambda t: csl.solve_continuous_lyapunov([[t]], [[8.0]]).sum())(1.0)
    -4.0
    """
    a = square_of(a, "solve_continuous_lyapunov")
    return solve_sylvester(a, adjoint(a), matrix_of(q, "solve_continuous_lyapunov"))


@_mirrors
@in_double
@over_stacks(2, 2)
def solve_discrete_lyapunov(a: Any, q: Any, method: str | None = None) -> Array:
    """As `scipy.linalg.solve_discrete_lyapunov`: x of a @ x @ a^H - x + q = 0, by the direct
    method.

    >>> round(cd.grad(lambda q: csl.solve_discrete_lyapunov([[0.5]], [[q]]).sum())(3.0), 6)
    1.333333
    """
    check_method("solve_discrete_lyapunov", method and method.lower(), "direct", "bilinear")
    a, q = square_of(a, "solve_discrete_lyapunov"), square_of(q, "solve_discrete_lyapunov")
    n = a.shape[0]
    system = as_array(np.eye(n * n, dtype=a.dtype)) - _kron(a, _core.conj(a))
    return _core.reshape(_solved(system, _core.reshape(q, (n * n,)), None, "lyapunov"), (n, n))


_riccati_stacks = over_stacks(2, 2, 2, 2, 2, 2)
solve_continuous_are = _mirrors(in_double(_riccati_stacks(_riccati.solve_continuous_are)))
solve_discrete_are = _mirrors(in_double(_riccati_stacks(_riccati.solve_discrete_are)))


def _bandwidth(a: Any) -> Any:
    return _linalg.bandwidth(a)


@_mirrors
def bandwidth(a: Any) -> Any:
    """As `scipy.linalg.bandwidth`: whole numbers, without a derivative.

    >>> csl.bandwidth(cd.array([[1.0, 2.0], [0.0, 3.0]]))
    (0, 1)
    """
    return of_values(_bandwidth, as_array(a))


def _is_equal(a: Any, hermitian: bool, atol: Any, rtol: Any) -> Any:
    return (_linalg.ishermitian if hermitian else _linalg.issymmetric)(a, atol, rtol)


def _is(name: str) -> Any:
    def function(a: Any, atol: Any = None, rtol: Any = None) -> Any:
        return of_values(_is_equal, as_array(a), name == "ishermitian", atol, rtol)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"As `scipy.linalg.{name}`, without a derivative.\n\n"
        f">>> csl.{name}(cd.array([[1.0, 2.0], [2.0, 1.0]]))\nTrue"
    )
    return _mirrors(function)


issymmetric, ishermitian = _is("issymmetric"), _is("ishermitian")


# --- systems of special matrices ------------------------------------------------------------------


@_mirrors
@in_double
def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Array:
    """As `scipy.linalg.solve_toeplitz`: by the general solver.

    >>> cd.grad(lambda b: csl.solve_toeplitz([4.0], b)[0])(np.ones(1))
    array([0.25])
    """
    pair = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr,)
    return _toeplitz_solved(pair[0], pair[1] if len(pair) > 1 else None, b)


@over_stacks(1, 1, EITHER)
def _toeplitz_solved(c: Any, r: Any, b: Any) -> Array:
    return _solved(_special_matrices.toeplitz(c, r), b, None, "solve_toeplitz")


@_mirrors
def solve_circulant(
    c: Any, b: Any, singular: str = "raise", tol: Any = None, caxis: int = -1, baxis: int = 0,
    outaxis: int = 0,
) -> Array:  # fmt: skip
    """As `scipy.linalg.solve_circulant`: of one circulant matrix, by the general solver.

    >>> cd.grad(lambda b: csl.solve_circulant([4.0], b)[0])(np.ones(1))
    array([0.25])
    """
    no_keywords("solve_circulant", singular=(singular, "raise"), tol=(tol, None),
                caxis=(caxis, -1), baxis=(baxis, 0), outaxis=(outaxis, 0))  # fmt: skip
    if np.ndim(c) != 1 or np.ndim(b) > 2:
        raise misfit("solve_circulant: for several systems use cd.vmap")
    return _solved(_special_matrices.circulant(as_array(c)), b, None, "solve_circulant")


def _tridiagonal(d: Any, e: Any, name: str) -> Array:
    d, e = promoted(vector_of(d, name), vector_of(e, name))
    if d.size != e.size + 1 or d.dtype.kind == "c":
        raise ValueError(f"{name}: real diagonals of {d.size} and {e.size} elements do not fit")
    main = _core.reshape(d, (d.size, 1)) * np.eye(d.size, dtype=d.dtype)
    if not e.size:
        return main
    below = _core.reshape(e, (e.size, 1)) * np.eye(e.size, d.size, dtype=d.dtype)
    return main + _core.concatenate([np.zeros((1, d.size), d.dtype), below], 0)


_SELECT = {"a": "all", "v": "value", "i": "index", 0: "all", 1: "value", 2: "index"}


def _selected(select: Any, select_range: Any, name: str) -> dict[str, Any]:
    kind = _SELECT.get(select, select)
    if kind not in ("all", "value", "index") or (kind != "all" and select_range is None):
        raise ValueError(f"{name}: invalid select={select!r} with select_range={select_range!r}")
    return {} if kind == "all" else {f"subset_by_{kind}": tuple(select_range)}


@_mirrors
@over_stacks(1, 1)
def eigh_tridiagonal(
    d: Any, e: Any, eigvals_only: bool = False, select: Any = "a", select_range: Any = None,
    check_finite: bool = True, tol: float = 0.0, lapack_driver: str = "auto",
) -> Any:  # fmt: skip
    """As `scipy.linalg.eigh_tridiagonal`: values and vectors, by the whole matrix.

    >>> cd.grad(lambda d: csl.eigh_tridiagonal(d, [0.0])[0][1])(np.array([1.0, 2.0]))
    array([0., 1.])
    """
    name = "eigh_tridiagonal"
    chosen = _selected(select, select_range, name)
    return _spectral.eigh(_tridiagonal(d, e, name), eigvals_only=eigvals_only, **chosen)


@_mirrors
@over_stacks(1, 1)
def eigvalsh_tridiagonal(
    d: Any, e: Any, select: Any = "a", select_range: Any = None, check_finite: bool = True,
    tol: float = 0.0, lapack_driver: str = "auto",
) -> Array:  # fmt: skip
    """As `scipy.linalg.eigvalsh_tridiagonal`: values, by the whole matrix.

    >>> cd.grad(lambda d: csl.eigvalsh_tridiagonal(d, [0.0])[1])(np.array([1.0, 2.0]))
    array([0., 1.])
    """
    name = "eigvalsh_tridiagonal"
    return _spectral.eigvalsh(_tridiagonal(d, e, name), **_selected(select, select_range, name))


# --- what NumPy has too ---------------------------------------------------------------------------


@_mirrors
@in_double
def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """As `scipy.linalg.det`: determinants, in double precision; exact at singular matrices too.

    >>> cd.grad(csl.det)(np.array([[2.0, 4.0], [1.0, 2.0]]))
    array([[ 2., -1.],
           [-4.,  2.]])
    """
    a = square_of(a, "det")
    return _numpy_linalg.det(_core.cast(a, np.result_type(a.dtype, float)))


@_mirrors
def inv(
    a: Any, overwrite_a: bool = False, check_finite: bool = True, *, assume_a: str | None = None,
    lower: bool = False,
) -> Array:  # fmt: skip
    """As `scipy.linalg.inv`: inverse matrices.

    >>> cd.grad(lambda a: csl.inv(a)[0, 0])(np.array([[2.0]]))
    array([[-0.25]])
    """
    a = square_of(a, "inv")
    kind = _kind_of("inv", assume_a)
    return _numpy_linalg.inv(_read_part(a, kind, lower))


@_mirrors
def norm(
    a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True
) -> Array:
    """As `scipy.linalg.norm`; the derivative is 0 where the norm is 0.

    >>> cd.grad(csl.norm)(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """
    a = as_array(a)
    if axis is None and not keepdims and ord in {1: (None, 2), 2: (1, np.inf)}.get(a.ndim, ()):
        a = doubled(a)  # of these LAPACK's functions make a Python float
    return _numpy_linalg.norm(a, ord, axis, keepdims)


__all__.sort()


def __getattr__(name: str) -> Any:
    if name.startswith("__") or not hasattr(_linalg, name):
        raise AttributeError(f"module 'cdiff.scipy.linalg' has no attribute {name!r}")
    return without_derivative(getattr(_linalg, name), f"scipy.linalg.{name}", INSTEAD.get(name))


def __dir__() -> list[str]:
    return sorted(__all__)
