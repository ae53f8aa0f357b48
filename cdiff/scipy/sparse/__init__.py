"""`scipy.sparse`: products with sparse matrices, by the dense operand and by the nonzeros.

`csr_array((data, indices, indptr), shape)` and `coo_array((data, (row, col)), shape)` with an
`Array` as data give a `SparseArray`: its structure is constant, its nonzeros are differentiated.
`matmul` takes SciPy's own matrices too. Solutions are in `linalg`. All other names are SciPy's.

Examples
--------
>>> import numpy as np, cdiff as cd
>>> import cdiff.scipy.sparse as css
>>> rows, columns = np.array([0, 1, 1]), np.array([0, 0, 1])
>>> f = lambda d: np.sum(css.coo_array((d, (rows, columns)), (2, 2)) @ np.array([1.0, 10.0]))
>>> cd.grad(f)(np.array([1.0, 2.0, 3.0]))
array([ 1.,  1., 10.])
"""

from __future__ import annotations

from typing import Any

from cdiff._core import any_array
from cdiff.scipy._need import scipy_module
from cdiff.scipy.sparse import linalg
from cdiff.scipy.sparse._array import SparseArray, from_compressed, from_coordinates, matmul

_sparse = scipy_module("sparse")

__all__ = ["SparseArray", "coo_array", "coo_matrix", "csc_array", "csc_matrix", "csr_array",
           "csr_matrix", "linalg", "matmul"]  # fmt: skip


def _maker(name: str) -> Any:
    original = getattr(_sparse, name)

    def make(arg1: Any, shape: Any = None, dtype: Any = None, copy: bool = False) -> Any:
        if not isinstance(arg1, tuple) or not any_array(*arg1):
            return original(arg1, shape=shape, dtype=dtype, copy=copy)
        if dtype is not None:
            raise TypeError(f"{name}: dtype cannot be used with cdiff arrays; cast the data")
        if len(arg1) == 2:
            return from_coordinates(arg1[0], arg1[1], shape)
        data, indices, indptr = arg1
        return from_compressed(data, indices, indptr, shape, by_columns=name.startswith("csc"))

    make.__name__ = make.__qualname__ = name
    places = "([1, 0], [0, 1])" if name.startswith("coo") else "[1, 0], [0, 1, 2]"
    make.__doc__ = (
        f"As `scipy.sparse.{name}`; with an `Array` as data a `SparseArray`.\n\n"
        f">>> f = lambda d: (css.{name}((d, {places}), (2, 2)) @ np.ones(2)).sum()\n"
        ">>> cd.grad(f)(np.array([2.0, 3.0]))\narray([1., 1.])"
    )
    return make


csr_array, csr_matrix = _maker("csr_array"), _maker("csr_matrix")
csc_array, csc_matrix = _maker("csc_array"), _maker("csc_matrix")
coo_array, coo_matrix = _maker("coo_array"), _maker("coo_matrix")


def __getattr__(name: str) -> Any:
    if name.startswith("__") or not hasattr(_sparse, name):
        raise AttributeError(f"module 'cdiff.scipy.sparse' has no attribute {name!r}")
    return getattr(_sparse, name)


def __dir__() -> list[str]:
    return sorted(__all__)
