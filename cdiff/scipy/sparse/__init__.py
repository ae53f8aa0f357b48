"""`scipy.sparse`: products with sparse matrices, by the dense operand and by the nonzeros.

`csr_array((data, indices, indptr), shape)`, `coo_array((data, (row, col)), shape)` and `diags` with
an `Array` as data give a `SparseArray`: its structure is constant, its nonzeros are differentiated.
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

from inspect import isfunction
from typing import Any

import numpy as np

from cdiff._core import any_array, is_tracked
from cdiff._face import misfit
from cdiff.numpy._common import as_array
from cdiff.numpy._shape import atleast_1d
from cdiff.scipy._mirror import any_tracked, constant
from cdiff.scipy._need import scipy_module
from cdiff.scipy.sparse import linalg
from cdiff.scipy.sparse._array import (
    SparseArray,
    as_sparse,
    from_compressed,
    from_coordinates,
    from_diagonals,
    kron_of,
    matmul,
    refusing,
)

_sparse = scipy_module("sparse")

__all__ = ["SparseArray", "coo_array", "coo_matrix", "csc_array", "csc_matrix", "csr_array",
           "csr_matrix", "diags", "diags_array", "kron", "linalg", "matmul"]  # fmt: skip


def _maker(name: str) -> Any:
    original = getattr(_sparse, name)

    def make(arg1: Any, shape: Any = None, dtype: Any = None, copy: bool = False) -> Any:
        if isinstance(arg1, SparseArray) and dtype is None:
            return arg1
        arg1 = constant(arg1) if not isinstance(arg1, tuple) else arg1
        tracked = is_tracked(arg1) or isinstance(arg1, SparseArray)
        if not tracked and (not isinstance(arg1, tuple) or not any_array(*arg1)):
            return original(arg1, shape=shape, dtype=dtype, copy=copy)
        if dtype is not None:
            raise TypeError(f"{name}: dtype cannot be used with cdiff arrays; cast the data")
        if tracked:  # a dense matrix, of which every element is stored
            if arg1.ndim != 2:
                raise misfit(f"{name}: expected a matrix, got shape {arg1.shape}")
            places = [np.ravel(k) for k in np.indices(arg1.shape)]
            return from_coordinates(arg1.reshape(-1), places, arg1.shape)
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


def _diagonals(name: str) -> Any:
    original = getattr(_sparse, name)

    def make(
        diagonals: Any, offsets: Any = 0, shape: Any = None, format: Any = None, dtype: Any = None
    ) -> Any:
        if not any_tracked([diagonals]):
            diagonals = constant(diagonals)
            return original(diagonals, offsets=offsets, shape=shape, format=format, dtype=dtype)
        if dtype is not None:
            raise TypeError(f"{name}: dtype cannot be used with cdiff arrays; cast the diagonals")
        if np.ndim(offsets) == 0:
            offsets = [offsets]
            diagonals = [diagonals] if np.ndim(diagonals[0]) == 0 else diagonals
        lines = [atleast_1d(as_array(d)) for d in diagonals]
        if len(lines) != len(offsets):
            raise misfit(f"{name}: {len(lines)} diagonals and {len(offsets)} offsets")
        return from_diagonals(lines, [int(k) for k in offsets], shape)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = (
        f"As `scipy.sparse.{name}`; of diagonals among which is an `Array` a `SparseArray`.\n\n"
        f">>> f = lambda d: (css.{name}([d, [1.0]], offsets=[0, 1]) @ np.array([1.0, 2.0])).sum()\n"
        ">>> cd.grad(f)(np.array([2.0, 3.0]))\narray([1., 2.])"
    )
    return make


def kron(A: Any, B: Any, format: Any = None) -> Any:
    """As `scipy.sparse.kron`: Kronecker's product of sparse matrices, by the nonzeros of both.

    >>> f = lambda d: css.kron(np.eye(2), css.coo_array((d, ([0, 1], [1, 0])), (2, 2))).sum()
    >>> cd.grad(f)(np.array([3.0, 4.0]))
    array([2., 2.])
    """
    if isinstance(A, SparseArray) or isinstance(B, SparseArray):
        a, b = (x if isinstance(x, SparseArray) else _sparse.coo_array(x) for x in (A, B))
        return kron_of(as_sparse(a, "kron"), as_sparse(b, "kron"))
    return _sparse.kron(A, B, format)


diags, diags_array = _diagonals("diags"), _diagonals("diags_array")
csr_array, csr_matrix = _maker("csr_array"), _maker("csr_matrix")
csc_array, csc_matrix = _maker("csc_array"), _maker("csc_matrix")
coo_array, coo_matrix = _maker("coo_array"), _maker("coo_matrix")


def __getattr__(name: str) -> Any:
    if name.startswith("__") or not hasattr(_sparse, name):
        raise AttributeError(f"module 'cdiff.scipy.sparse' has no attribute {name!r}")
    thing = getattr(_sparse, name)
    if not isfunction(thing):
        return thing
    return refusing(thing, f"scipy.sparse.{name}", "make its data, and coo_array of these")


def __dir__() -> list[str]:
    return sorted(__all__)
