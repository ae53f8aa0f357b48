"""`scipy.sparse.linalg`: solutions of sparse systems, by the right side and by the nonzeros.

Examples
--------
>>> import numpy as np, cdiff as cd, scipy.sparse
>>> import cdiff.scipy.sparse.linalg as csl
>>> a = scipy.sparse.csc_array(np.array([[2.0, 0.0], [1.0, 4.0]]))
>>> cd.grad(lambda b: csl.spsolve(a, b)[1])(np.array([1.0, 1.0]))
array([-0.125,  0.25 ])
"""

from __future__ import annotations

from typing import Any

from cdiff import _core
from cdiff._core import any_array
from cdiff.numpy._common import as_array
from cdiff.scipy._need import scipy_module
from cdiff.scipy._others import other
from cdiff.scipy.sparse._array import SparseArray, as_sparse, solved

_linalg = scipy_module("sparse.linalg")

__all__ = ["spsolve"]


def spsolve(A: Any, b: Any, permc_spec: Any = None, use_umfpack: bool = True) -> Any:
    """As `scipy.sparse.linalg.spsolve`, for a dense b."""
    if not isinstance(A, SparseArray) and not any_array(b):
        return _linalg.spsolve(A, b, permc_spec, use_umfpack)
    b = as_array(b)
    b = b if b.dtype.kind == "f" else _core.cast(b, float)
    return solved(as_sparse(A, "spsolve"), b, "spsolve")


def __getattr__(name: str) -> Any:
    return other(_linalg, "sparse.linalg", name)
