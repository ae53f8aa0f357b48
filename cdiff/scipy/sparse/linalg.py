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

import numpy as np

from cdiff import _core
from cdiff._core import any_array
from cdiff.numpy._common import as_array
from cdiff.scipy._need import scipy_module
from cdiff.scipy._others import other
from cdiff.scipy.sparse._array import SparseArray, as_sparse, solved

_linalg = scipy_module("sparse.linalg")

__all__ = ["spsolve"]


def spsolve(A: Any, b: Any, permc_spec: Any = None, use_umfpack: bool = True) -> Any:
    """As `scipy.sparse.linalg.spsolve`: x of A @ x = b, by both, for a dense b.

    >>> cd.grad(lambda b: csl.spsolve(scipy.sparse.csc_array([[4.0]]), b)[0])(np.ones(1))
    array([0.25])
    """
    if not isinstance(A, SparseArray) and not any_array(b):
        return _linalg.spsolve(A, b, permc_spec, use_umfpack)
    if permc_spec not in (None, "NATURAL", "MMD_ATA", "MMD_AT_PLUS_A", "COLAMD"):
        raise ValueError(f"spsolve: invalid permc_spec={permc_spec!r}")
    a, b = as_sparse(A, "spsolve"), as_array(b)
    b = b if b.dtype.kind in "fc" else _core.cast(b, float)
    kind = np.result_type(a.data.dtype, b.dtype)
    a, b = SparseArray(_core.cast(a.data, kind), a.structure), _core.cast(b, kind)
    # A matrix of one column is a vector to SciPy.
    b = _core.reshape(b, (b.size,)) if b.ndim == 2 and b.shape[1] == 1 else b
    return solved(a, b, "spsolve")


def __getattr__(name: str) -> Any:
    return other(_linalg, "sparse.linalg", name)


def __dir__() -> list[str]:
    return sorted(__all__)
