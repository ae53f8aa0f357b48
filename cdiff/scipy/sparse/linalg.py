"""`scipy.sparse.linalg`: solutions of sparse systems, by the right side and by the nonzeros.

Examples
--------
>>> import numpy as np, cdiff as cd, scipy.sparse
>>> import cdiff.scipy.sparse as css, cdiff.scipy.sparse.linalg as csl
>>> a = scipy.sparse.csc_array(np.array([[2.0, 0.0], [1.0, 4.0]]))
>>> cd.grad(lambda b: csl.spsolve(a, b)[1])(np.array([1.0, 1.0]))
array([-0.125,  0.25 ])
"""

from __future__ import annotations

from inspect import isroutine
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import any_array, is_tracked
from cdiff._face import misfit
from cdiff.numpy._common import as_array
from cdiff.numpy.linalg import norm as _norm
from cdiff.scipy._mirror import constant
from cdiff.scipy._need import scipy_before, scipy_module
from cdiff.scipy._others import other
from cdiff.scipy.sparse._array import Solution, SparseArray, as_sparse, refusing, solved

_linalg, _sparse = scipy_module("sparse.linalg"), scipy_module("sparse")

__all__ = ["bicgstab", "cg", "factorized", "gmres", "norm", "splu", "spsolve"]


def spsolve(A: Any, b: Any, permc_spec: Any = None, use_umfpack: bool = True) -> Any:
    """As `scipy.sparse.linalg.spsolve`: x of A @ x = b, by both, for a dense b.

    >>> cd.grad(lambda b: csl.spsolve(scipy.sparse.csc_array([[4.0]]), b)[0])(np.ones(1))
    array([0.25])
    """
    if isinstance(b, SparseArray) or (isinstance(A, SparseArray) and _sparse.issparse(b)):
        raise TypeError("spsolve: the right side of a SparseArray is dense; give b.toarray()")
    if not isinstance(A, SparseArray) and not any_array(b):
        return _linalg.spsolve(A, b, permc_spec, use_umfpack)
    if permc_spec not in (None, "NATURAL", "MMD_ATA", "MMD_AT_PLUS_A", "COLAMD"):
        raise ValueError(f"spsolve: invalid permc_spec={permc_spec!r}")
    b = as_array(b)
    # A matrix of one column is a vector to SciPy.
    b = _core.reshape(b, (b.size,)) if b.ndim == 2 and b.shape[1] == 1 else b
    return solved(as_sparse(A, "spsolve"), b, "spsolve")


class Factors:
    """What `splu` gives: solutions with one matrix, by right sides and by the nonzeros, and what
    else SciPy's own factors have where the matrix is plain."""

    def __init__(self, A: Any, own: Any) -> None:
        self._a = as_sparse(A, "splu")
        self._own = own
        self._kept = [None if own is None else (_core.peek(self._a.data), own)]

    def solve(self, rhs: Any, trans: str = "N") -> Any:
        """The solution of the system, of the transposed ("T") or the adjoint one ("H")."""
        if self._own is not None and not any_array(rhs):
            return self._own.solve(rhs, trans)
        if trans not in ("N", "T", "H"):
            raise ValueError("trans must be N, T, or H")
        if trans == "H" and self._a.dtype.kind == "c":
            a = SparseArray(_core.conj(self._a.data), self._a.structure)
            return solved(a, rhs, "splu", Solution(*a.structure, True))
        solution = Solution(*self._a.structure, trans != "N", self._kept)
        return solved(self._a, rhs, "splu", solution)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or self._own is None:
            raise AttributeError(f"splu: {name} is not available with cdiff arrays")
        return getattr(self._own, name)


def splu(A: Any, *args: Any, **kwargs: Any) -> Factors:
    """As `scipy.sparse.linalg.splu`: `solve` of the result is differentiated by right sides and by
    the nonzeros; a matrix is factorised once.

    >>> lu = csl.splu(scipy.sparse.csc_array([[4.0]]))
    >>> cd.grad(lambda b: lu.solve(b)[0])(np.ones(1))
    array([0.25])
    """
    if not isinstance(A, SparseArray):
        return Factors(A, _linalg.splu(A, *args, **kwargs))
    if args or kwargs:
        raise TypeError("splu: of a tracked matrix all options are those by default")
    return Factors(A, None)


def factorized(A: Any) -> Any:
    """As `scipy.sparse.linalg.factorized`: a function that solves, by right sides and by the
    nonzeros.

    >>> solve = csl.factorized(scipy.sparse.csc_array([[4.0]]))
    >>> cd.grad(lambda b: solve(b)[0])(np.ones(1))
    array([0.25])
    """
    return splu(A).solve


def norm(x: Any, ord: Any = None, axis: Any = None) -> Any:
    """As `scipy.sparse.linalg.norm`, of a tracked matrix by its nonzeros.

    >>> f = lambda d: csl.norm(css.coo_array((d, ([0, 1], [1, 0])), (2, 2)))
    >>> cd.grad(f)(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """
    if not isinstance(x, SparseArray):
        return _linalg.norm(x, ord, axis)
    if axis is not None or ord not in (None, "f", "fro"):
        dense = x.toarray()
        of_matrix = axis is None or np.size(axis) == 2
        if not (scipy_before(1, 18) or of_matrix and ord in (None, "f", "fro", 2)):
            # SciPy adds up real numbers of any precision in double.
            dense = dense if dense.dtype.kind == "c" else _core.cast(dense, float)
        return _norm(dense, ord, axis)
    at = x.structure  # elements that are given twice are added
    places, where = np.unique(
        np.asarray(at.rows, np.int64) * at.shape[1] + at.columns, return_inverse=True
    )
    return _norm(_core.scatter_add(x.data, where, places.size))


# --- iterative solvers ----------------------------------------------------------------------------


SOLVERS = ("bicgstab", "cg", "gmres")


class Iterated(Solution):
    """A solution by one of SciPy's iterative solvers, as are its derivatives, with its options.

    Parameters
    ----------
    name : str
        One of `SOLVERS`.
    options : tuple of pairs
    *structure
        As that of `Solution`.
    """

    def __init__(self, name: str, options: Any, *structure: Any) -> None:
        if name not in SOLVERS:
            raise ValueError(f"{name!r:.40} is no solver that has a derivative")
        super().__init__(*structure)
        self.name, self.options = name, options

    def __reduce__(self) -> Any:
        return Iterated, (self.name, self.options, *self.structure, self.transposed)

    def __repr__(self) -> str:
        return self.name

    def turned(self) -> Iterated:
        return Iterated(self.name, self.options, *self.structure, not self.transposed)

    def value(self, arrays: list[Any]) -> Any:
        a, options = self.structure.matrix(arrays[0]).tocsr(), dict(self.options)
        if self.transposed:
            a = a.T
            if "M" in options:
                options["M"] = options["M"].T
        x, info = getattr(_linalg, self.name)(a, arrays[1][:, 0], **options)
        if info:
            raise RuntimeError(
                f"{self.name}: no solution of the accuracy that was asked for (info={info}); one "
                "that is differentiated must converge: give it more iterations"
            )
        return x.reshape(-1, 1)


def _iterative(name: str) -> Any:
    original = getattr(_linalg, name)

    def solver(A: Any, b: Any, x0: Any = None, **options: Any) -> Any:
        if not isinstance(A, SparseArray) and not is_tracked(b):
            return original(constant(A), constant(b), constant(x0), **options)
        if not isinstance(A, SparseArray) and not _sparse.issparse(A):
            raise TypeError(
                f"{name}: of cdiff arrays a sparse matrix is needed, not {type(A).__name__}; for "
                "functions and operators there is cdiff.linear_solve"
            )
        a, b = as_sparse(A, name), as_array(b)
        if x0 is not None:  # by which the solution does not go
            options["x0"] = _core.peek(as_array(x0))
        given = tuple([(k, v) for k, v in options.items() if v is not None])
        b = _core.reshape(b, (b.size,)) if b.ndim == 2 and b.shape[1] == 1 else b
        if b.ndim != 1:
            raise misfit(f"{name}: the right side is a vector, got shape {b.shape}")
        return solved(a, b, name, Iterated(name, given, *a.structure)), 0

    solver.__name__ = solver.__qualname__ = name
    solver.__doc__ = (
        f"As `scipy.sparse.linalg.{name}`, by right sides and by the nonzeros of a sparse matrix; "
        "what does not converge is an error.\n\n"
        f">>> f = lambda b: csl.{name}(scipy.sparse.csr_array([[4.0]]), b)[0][0]\n"
        ">>> cd.grad(f)(np.ones(1))\narray([0.25])"
    )
    return solver


bicgstab, cg, gmres = (_iterative(name) for name in SOLVERS)


def __getattr__(name: str) -> Any:
    found = other(_linalg, "sparse.linalg", name)
    if not isroutine(found):
        return found
    instead = "use the function of toarray()"
    return refusing(found, f"scipy.sparse.linalg.{name}", instead)


def __dir__() -> list[str]:
    return sorted(__all__)
