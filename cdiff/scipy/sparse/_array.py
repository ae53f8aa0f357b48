"""Sparse matrices of constant structure whose nonzeros are an `Array`, and their operators.

Product and solution are one operator each, in the nonzeros and the dense operand; a derivative by
the nonzeros is computed at their places only. It knows coordinates, nothing of formats.
"""

from __future__ import annotations

from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from cdiff import _core
from cdiff._core import Array, call, is_tracked
from cdiff._face import misfit
from cdiff.numpy._common import as_array
from cdiff.scipy._linear import Bilinear, LinearSolution
from cdiff.scipy._mirror import constant
from cdiff.scipy._need import scipy_module

__all__ = [
    "Solution",
    "SparseArray",
    "as_sparse",
    "from_compressed",
    "from_coordinates",
    "from_diagonals",
    "matmul",
    "solved",
]  # fmt: skip

_sparse = scipy_module("sparse")
_solvers = scipy_module("sparse.linalg")


class Structure(NamedTuple):
    """Where the nonzeros of a matrix lie.

    Attributes
    ----------
    rows, columns : ndarray of int
    shape : (int, int)
    """

    rows: Any
    columns: Any
    shape: tuple[int, int]

    def flipped(self) -> Structure:
        """That of the transpose."""
        return Structure(self.columns, self.rows, self.shape[::-1])

    def matrix(self, data: Any) -> Any:
        """SciPy's matrix; places that are given twice are added."""
        return _sparse.coo_array((data, (self.rows, self.columns)), self.shape)


class Product(Bilinear):
    """The product of a sparse matrix with a matrix."""

    def __init__(self, *structure: Any) -> None:
        self.structure = Structure(*structure)

    def __reduce__(self) -> Any:
        return Product, tuple(self.structure)

    def __repr__(self) -> str:
        return "sparse_matmul"

    def value(self, arrays: list[Any]) -> Any:
        return self.structure.matrix(arrays[0]) @ arrays[1]

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        data, x = operands
        at = self.structure
        by_data = _core.sum(g[at.rows] * x[at.columns], (1,)) if wanted[0] else None
        return [by_data, call(Product(*at.flipped()), [data, g]) if wanted[1] else None]


class Solution(LinearSolution):
    """The solution y of a @ y = b for a sparse matrix a, or for its transpose.

    Parameters
    ----------
    rows, columns, shape
        As those of a `Structure`.
    transposed : bool
    kept : list of one element, optional
        Shared with the solutions of the same and of the transposed system: the nonzeros that were
        factorised last, and their factors.
    """

    def __init__(
        self, rows: Any, columns: Any, shape: Any, transposed: bool = False, kept: Any = None
    ) -> None:
        self.structure = Structure(rows, columns, shape)
        self.transposed = transposed
        self.kept = [None] if kept is None else kept

    def __reduce__(self) -> Any:
        return Solution, (*self.structure, self.transposed)

    def __repr__(self) -> str:
        return "spsolve"

    def value(self, arrays: list[Any]) -> Any:
        return self.factors(arrays[0]).solve(arrays[1], "T" if self.transposed else "N")

    def factors(self, data: Any) -> Any:
        """Those of the matrix with these nonzeros."""
        found = self.kept[0]
        if found is None or found[0].dtype != data.dtype or not np.array_equal(found[0], data):
            found = data.copy(), _solvers.splu(self.structure.matrix(data).tocsc())
            self.kept[0] = found
        return found[1]

    def turned(self) -> Solution:
        """That of the transposed system."""
        return Solution(*self.structure, not self.transposed, self.kept)

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        w, at = call(self.turned(), [operands[0], g]), self.structure
        left, right = (y, w) if self.transposed else (w, y)
        by_data = -_core.sum(left[at.rows] * right[at.columns], (1,)) if wanted[0] else None
        return [by_data, w]

    def times(self, a: Any, x: Any) -> Any:
        at = self.structure
        return call(Product(*(at.flipped() if self.transposed else at)), [a, x])


class SparseArray:
    """A sparse matrix of constant structure, differentiated by its nonzeros.

    Parameters
    ----------
    data : Array
    structure : Structure

    Examples
    --------
    >>> import cdiff as cd, cdiff.scipy.sparse as css
    >>> a = css.coo_array((cd.array([2.0, 3.0]), ([0, 1], [1, 0])), (2, 2))
    >>> a @ [1.0, 10.0]
    Array([20.,  3.])
    """

    # NumPy's arrays must leave x @ a to __rmatmul__.
    __array_ufunc__ = None

    def __init__(self, data: Array, structure: Structure) -> None:
        self.data = data
        self.structure = structure

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.structure.shape

    @property
    def nnz(self) -> int:
        """How many nonzeros are stored."""
        return self.data.size

    @property
    def ndim(self) -> int:
        """Two."""
        return 2

    @property
    def dtype(self) -> Any:
        """That of the nonzeros."""
        return self.data.dtype

    @property
    def T(self) -> SparseArray:
        """The transpose."""
        return SparseArray(self.data, self.structure.flipped())

    def __repr__(self) -> str:
        return f"<SparseArray of shape {self.shape} with {self.nnz} nonzeros>"

    def __matmul__(self, x: Any) -> Any:
        if isinstance(x, SparseArray) or _sparse.issparse(x):
            return _sparse_product(self, as_sparse(x, "sparse matmul"))
        return _product(self, as_array(x))

    def __rmatmul__(self, x: Any) -> Any:
        if _sparse.issparse(x):
            return _sparse_product(as_sparse(x, "sparse matmul"), self)
        x = as_array(x)
        return _product(self.T, x) if x.ndim == 1 else _product(self.T, x.T).T

    def __mul__(self, factor: Any) -> SparseArray:
        return SparseArray(self.data * self._at_nonzeros(factor), self.structure)

    __rmul__ = __mul__
    dot = __matmul__

    def __getitem__(self, key: Any) -> Any:
        """An element, or the matrix of some rows and columns: slices, lists, masks, `np.ix_`."""
        key = key if isinstance(key, tuple) else (key, slice(None))
        if len(key) != 2 or any(k is None or k is Ellipsis for k in key):
            raise IndexError(f"a SparseArray has rows and columns, no {key}")
        whole = [isinstance(k, slice) for k in key]
        if all(np.ndim(k) == 0 for k in key) and not any(whole):
            return self[[key[0]], :][:, [key[1]]].sum()
        open_mesh = [np.shape(k) for k in key] == [(np.size(key[0]), 1), (1, np.size(key[1]))]
        if not (open_mesh or any(whole)) or any(
            np.ndim(k) != 1 + open_mesh for k, w in zip(key, whole, strict=True) if not w
        ):
            raise IndexError(
                "of a SparseArray take one element, or rows and columns by slices, lists or "
                "np.ix_(rows, columns); other choices are made of toarray()"
            )
        found = self
        for axis, k in enumerate(key):
            places = np.arange(self.shape[axis])[k if isinstance(k, slice) else np.ravel(k)]
            ones = _core.array(np.ones(places.size, self.dtype))
            picked = Structure(np.arange(places.size), places, (places.size, self.shape[axis]))
            chosen = SparseArray(ones, picked if axis == 0 else picked.flipped())
            found = _sparse_product(*((chosen, found) if axis == 0 else (found, chosen)))
        return found

    def transpose(self) -> SparseArray:
        """The transpose."""
        return self.T

    def _itself(self, copy: bool = False) -> SparseArray:
        """In SciPy's other formats it is the same."""
        return self

    tocsr = tocsc = tocoo = _itself

    def __neg__(self) -> SparseArray:
        return SparseArray(-self.data, self.structure)

    def __truediv__(self, divisor: Any) -> SparseArray:
        return SparseArray(self.data / self._at_nonzeros(divisor), self.structure)

    def _at_nonzeros(self, x: Any) -> Any:
        """A number, or the elements of an array that meet the nonzeros."""
        if np.ndim(x) == 0:
            return x
        x = as_array(x)
        ends = zip(x.shape[::-1], self.shape[::-1], strict=False)
        if x.ndim > 2 or any(n not in (1, m) for n, m in ends):
            raise misfit(f"sparse product: an array of shape {x.shape} does not fit into the shape "
                         f"{self.shape}; @ is the product of matrices")  # fmt: skip
        places = (self.structure.rows, self.structure.columns)[-x.ndim :]
        return x[tuple(i * (n > 1) for i, n in zip(places, x.shape, strict=True))]

    def __add__(self, other: Any) -> SparseArray:
        if not isinstance(other, SparseArray) and not _sparse.issparse(other):
            return NotImplemented
        other = as_sparse(other, "sparse addition")
        if other.shape != self.shape:
            raise misfit(f"sparse addition: shapes {self.shape} and {other.shape} do not fit")
        kind = np.result_type(self.dtype, other.dtype)
        data = _core.concatenate([_core.cast(x.data, kind) for x in (self, other)], 0)
        rows = np.concatenate([self.structure.rows, other.structure.rows])
        columns = np.concatenate([self.structure.columns, other.structure.columns])
        return SparseArray(data, Structure(rows, columns, self.shape))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self + -other

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def sum(self, axis: int | None = None) -> Array:
        """The sum of all elements, or along an axis."""
        if axis is None:
            return _core.sum(self.data, (0,))
        if axis not in (0, 1, -1, -2):
            raise ValueError(f"a SparseArray has the axes 0 and 1, not {axis}")
        at = self.structure
        kept = at.columns if axis in (0, -2) else at.rows
        return _core.scatter_add(self.data, kept, at.shape[1 if axis in (0, -2) else 0])

    def toarray(self) -> Array:
        """The dense matrix."""
        at = self.structure
        flat = _core.scatter_add(self.data, at.rows * at.shape[1] + at.columns,
                                 at.shape[0] * at.shape[1])  # fmt: skip
        return _core.reshape(flat, at.shape)

    def diagonal(self) -> Array:
        """The elements of the main diagonal."""
        at = self.structure
        on = np.flatnonzero(at.rows == at.columns)
        return _core.scatter_add(self.data[on], at.rows[on], min(at.shape))


def _sparse_product(a: SparseArray, b: SparseArray) -> SparseArray:
    """The product of two sparse matrices: a product for each pair of nonzeros that meet, and their
    sums at the places of the result."""
    if a.shape[1] != b.shape[0]:
        raise misfit(f"sparse matmul: shapes {a.shape} and {b.shape} do not fit")
    order = np.argsort(b.structure.rows, kind="stable")
    first = np.searchsorted(b.structure.rows[order], np.arange(b.shape[0] + 1))
    start, count = first[a.structure.columns], np.diff(first)[a.structure.columns]
    left = np.repeat(np.arange(a.nnz), count)
    right = order[np.arange(left.size) - np.repeat(np.cumsum(count) - count - start, count)]
    shape = (a.shape[0], b.shape[1])
    places, where = np.unique(
        a.structure.rows[left].astype(np.int64) * shape[1] + b.structure.columns[right],
        return_inverse=True,
    )
    data = _core.scatter_add(a.data[left] * b.data[right], where, places.size)
    return SparseArray(data, Structure(places // shape[1], places % shape[1], shape))


def kron_of(a: SparseArray, b: SparseArray) -> SparseArray:
    """Kronecker's product of two sparse matrices."""
    data = _core.reshape(a.data, (a.nnz, 1)) * b.data
    rows, columns = (
        np.ravel(np.asarray(i, np.int64)[:, None] * n + j)
        for i, j, n in zip(a.structure[:2], b.structure[:2], b.shape, strict=True)
    )
    shape = (a.shape[0] * b.shape[0], a.shape[1] * b.shape[1])
    return SparseArray(_core.reshape(data, (data.size,)), Structure(rows, columns, shape))


def refusing(function: Any, name: str, instead: str) -> Any:
    """A function of SciPy that says so where it is given a `SparseArray`."""

    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            args = _plain(args)
            kwargs = {key: _plain(x) for key, x in kwargs.items()}
        except ValueError:
            raise NotImplementedError(
                f"{name} of a SparseArray is not in cdiff: {instead}"
            ) from None
        return function(*args, **kwargs)

    return checked


def _plain(x: Any) -> Any:
    """What is not tracked as SciPy's matrix, in lists and tuples too; what is, is a ValueError."""
    if isinstance(x, (list, tuple)):
        return type(x)([_plain(y) for y in x])
    if not isinstance(x, SparseArray):
        return x
    if is_tracked(x.data):
        raise ValueError
    return x.structure.matrix(constant(x.data)).tocsr()


def _product(a: SparseArray, x: Array) -> Array:
    if x.ndim not in (1, 2) or x.shape[0] != a.shape[1]:
        raise misfit(f"sparse matmul: shapes {a.shape} and {x.shape} do not fit")
    dtype = np.result_type(a.data.dtype, x.dtype)
    data, x = (z if z.dtype == dtype else _core.cast(z, dtype) for z in (a.data, x))
    if x.ndim == 2:
        return call(Product(*a.structure), [data, x])
    y = call(Product(*a.structure), [data, _core.reshape(x, (x.size, 1))])
    return _core.reshape(y, (a.shape[0],))


def solved(a: SparseArray, b: Any, name: str, solution: Solution | None = None) -> Array:
    """The solution for a vector or a matrix, in the dtype of both; by default of a itself."""
    b = as_array(b)
    kind = np.result_type(a.dtype, b.dtype if b.dtype.kind in "fc" else float)
    data, b = _core.cast(a.data, kind), _core.cast(b, kind)
    if a.shape[0] != a.shape[1] or b.ndim not in (1, 2) or b.shape[0] != a.shape[0]:
        raise misfit(f"{name}: shapes {a.shape} and {b.shape} do not fit")
    solution = solution or Solution(*a.structure)
    if b.ndim == 2:
        return call(solution, [data, b])
    return _core.reshape(call(solution, [data, _core.reshape(b, (b.size, 1))]), (b.size,))


def as_sparse(a: Any, name: str) -> SparseArray:
    """SciPy's sparse matrix as one of constant nonzeros."""
    if isinstance(a, SparseArray):
        return a
    if not _sparse.issparse(a):
        raise TypeError(f"{name}: a sparse matrix is needed, not {type(a).__name__}")
    if a.ndim != 2:
        raise misfit(f"{name}: a sparse matrix has two axes, this one has the shape {a.shape}")
    coo = a.tocoo()
    data = coo.data if coo.data.dtype.kind in "fc" else coo.data.astype(float)
    return SparseArray(as_array(data), Structure(coo.row, coo.col, coo.shape))


def from_coordinates(data: Any, coords: Any, shape: Any) -> SparseArray:
    """From nonzeros and their rows and columns."""
    rows, columns = (np.asarray(z, dtype=np.intp) for z in coords)
    if shape is None:
        shape = (int(rows.max(initial=-1)) + 1, int(columns.max(initial=-1)) + 1)
    if len(shape) != 2:
        raise misfit(f"sparse: a matrix has two axes, not the shape {tuple(shape)}")
    data = as_array(data)
    if data.shape != rows.shape or rows.shape != columns.shape or rows.ndim != 1:
        raise misfit(f"sparse: data of shape {data.shape} for coordinates of shapes "
                         f"{rows.shape} and {columns.shape}")  # fmt: skip
    for z, n, what in ((rows, shape[0], "row"), (columns, shape[1], "column")):
        if z.size and (z.min() < 0 or z.max() >= n):
            raise ValueError(f"sparse: a {what} outside the shape {tuple(shape)}")
    return SparseArray(data, Structure(rows, columns, (int(shape[0]), int(shape[1]))))


def from_compressed(data: Any, indices: Any, indptr: Any, shape: Any,
                    by_columns: bool) -> SparseArray:  # fmt: skip
    """From the compressed format of rows or of columns."""
    indices, indptr = np.asarray(indices, dtype=np.intp), np.asarray(indptr, dtype=np.intp)
    if shape is None:
        ends = (indptr.size - 1, int(indices.max(initial=-1)) + 1)
        shape = ends[::-1] if by_columns else ends
    count = shape[1 if by_columns else 0] + 1
    if indptr.shape != (count,) or indptr[0] or (np.diff(indptr) < 0).any():
        raise ValueError(
            f"sparse: for the shape {tuple(shape)} the index pointer has {count} ascending numbers "
            f"from 0 on, not {indptr.tolist()!s:.60}"
        )
    major = np.repeat(np.arange(indptr.size - 1), np.diff(indptr))
    coords = (indices, major) if by_columns else (major, indices)
    return from_coordinates(data, coords, shape)


def from_diagonals(lines: list[Array], offsets: list[int], shape: Any) -> SparseArray:
    """From vectors along diagonals; one of one element is a constant diagonal."""
    n = lines[0].size + abs(offsets[0])
    m, n = (n, n) if shape is None else (int(k) for k in shape)
    data, rows, columns = [], [], []
    for line, k in zip(lines, offsets, strict=True):
        count = min(m + min(k, 0), n - max(k, 0))
        if count < 0 or (line.size < count and line.size != 1):
            raise misfit(f"sparse: a diagonal of {line.size} elements at offset {k} does not fit "
                         f"into the shape {(m, n)}")  # fmt: skip
        data.append(_core.broadcast_to(line, (count,)) if line.size == 1 else line[:count])
        rows.append(np.arange(count) - min(k, 0))
        columns.append(np.arange(count) + max(k, 0))
    kind = np.result_type(*[x.dtype for x in data])
    whole = _core.concatenate([_core.cast(x, kind) for x in data], 0)
    return from_coordinates(whole, (np.concatenate(rows), np.concatenate(columns)), (m, n))


def matmul(a: Any, x: Any) -> Any:
    """A product in which one operand is sparse and the other one dense.

    Parameters
    ----------
    a, x : SparseArray, sparse matrix of SciPy, or array_like

    Returns
    -------
    Array

    Raises
    ------
    TypeError
        If neither is sparse.
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import scipy.sparse, cdiff as cd, cdiff.scipy.sparse as css
    >>> a = scipy.sparse.csr_array([[1.0, 0.0], [2.0, 3.0]])
    >>> cd.grad(lambda x: css.matmul(a, x)[1])(np.ones(2))
    array([2., 3.])
    """
    if isinstance(a, SparseArray) or _sparse.issparse(a):
        return as_sparse(a, "matmul") @ x
    return as_sparse(x, "matmul").__rmatmul__(a)
