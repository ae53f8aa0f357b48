"""Sparse Jacobians put together from the dense blocks of many small functions.

Bundle adjustment, factor graphs, finite elements: each element reads a few rows of the unknowns,
and its outputs depend on nothing else. Where every entry stands follows from the lists of rows, so
no pattern has to be found and nothing colored; values are computed a few elements at a time, in
their places in the matrix. That takes no memory besides the matrix, whatever the number of elements
is. This file knows blocks and places; derivatives and chunks are `jacobian`'s and `vmap`'s work.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._wrap import function_name
from cdiff._compiled._compile import compile
from cdiff._core import vector_room
from cdiff._sparsity._plan import scipy_sparse
from cdiff._transformations._chunks import filled
from cdiff._transformations._jacobian import jacobian
from cdiff._transformations._vmap import vmap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["block_jacobian"]

Shapes = tuple[tuple[int, ...], ...]
CHUNK = 256  # elements that are evaluated together, so that all values of theirs stay in the cache
PIECE = 1 << 17  # entries whose columns are computed together, for the same reason


class _Term:
    """Elements of one kind: a function, and the rows of which unknowns each of them reads."""

    def __init__(
        self, f: Callable[..., Any], reads: Sequence[tuple[int, Any]], chunk_size: int
    ) -> None:
        if not callable(f):
            raise TypeError(f"block_jacobian: a term is (function, reads), got {f!r:.40} first")
        self.f = f
        self.name = function_name(f)
        self.unknowns: list[int] = []
        given: list[Any] = []
        for read in reads:
            unknown, rows = read
            rows = np.asarray(rows)
            if rows.ndim != 1 or rows.dtype.kind not in "iu":
                raise TypeError(
                    f"block_jacobian of {self.name}: the rows of unknown {unknown} must be a "
                    f"vector of integers, got {rows.dtype} of shape {rows.shape}"
                )
            self.unknowns.append(int(unknown))
            given.append(rows)
        lengths = {len(rows) for rows in given}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError(
                f"block_jacobian of {self.name}: all reads must have as many rows as there are "
                f"elements, one at least; got {[len(rows) for rows in given]}"
            )
        self.count = len(given[0])
        points = self.points(chunk_size)
        # Copies, since they belong to the structure; filled up once: they are always the same.
        self.filled = [
            x.astype(np.intp, copy=x is rows)
            for rows, x in ((rows, filled(rows, points)) for rows in given)
        ]
        self.rows = [x[: self.count] for x in self.filled]

    def check(self, shapes: Shapes) -> None:
        """Are these rows of unknowns of these shapes, no row twice in one element?"""
        for k, (unknown, rows) in enumerate(zip(self.unknowns, self.rows, strict=True)):
            if not 0 <= unknown < len(shapes) or not shapes[unknown]:
                raise ValueError(
                    f"block_jacobian of {self.name}: it reads rows of unknown {unknown}; the "
                    f"unknowns have the shapes {', '.join(map(str, shapes))}"
                )
            if rows.min() < 0 or rows.max() >= shapes[unknown][0]:
                raise ValueError(
                    f"block_jacobian of {self.name}: rows {rows.min()} to {rows.max()} of unknown "
                    f"{unknown}, which has the shape {shapes[unknown]}"
                )
            for other in range(k):
                same = self.rows[other] == rows if self.unknowns[other] == unknown else ()
                if np.any(same):
                    e = int(np.argmax(same))
                    raise ValueError(
                        f"block_jacobian of {self.name}: element {e} reads row {rows[e]} of "
                        f"unknown {unknown} twice; let it read that once, or take sparse_jacobian"
                    )

    def outputs(self, unknowns: Sequence[Any], data: Sequence[Any]) -> int:
        """How many numbers the function returns for an element."""
        given = [unknowns[u][rows[0]] for u, rows in zip(self.unknowns, self.rows, strict=True)]
        y = self.f(*given, *[x[0] for x in data])
        if isinstance(y, list | tuple | dict):
            raise TypeError(
                f"block_jacobian of {self.name}: the function of an element must return a number "
                f"or an array, got a {type(y).__name__}"
            )
        return prod(np.shape(y))

    def width(self, shapes: Shapes) -> int:
        """How many numbers an element reads."""
        return sum(prod(shapes[u][1:]) for u in self.unknowns)

    def function(self, chunk_size: int, has_value: bool) -> Callable[..., Any]:
        """The function from (unknowns, rows, data) to the blocks (count, outputs, width), after the
        values (count, outputs) if those are wanted."""
        f, unknown = self.f, self.unknowns
        n = len(unknown)

        def twice(*given: Any) -> Any:
            y = f(*given)
            return y, y

        slope = jacobian(twice, argnums=tuple(range(n)), has_aux=True)
        points = self.points(chunk_size)

        def blocks(unknowns: Any, rows: Any, data: Any) -> Any:
            def block(*each: Any) -> Any:
                given = [unknowns[u][i] for u, i in zip(unknown, each, strict=False)]
                parts, y = slope(*given, *each[n:])
                size = prod(np.shape(y))
                parts = [np.reshape(part, (size, prod(np.shape(part)) // size)) for part in parts]
                found = np.concatenate(parts, axis=1)
                return (np.reshape(y, (size,)), found) if has_value else found

            size = chunk_size if chunk_size < self.count else None
            found = vmap(block, chunk_size=size)(*rows, *[filled(x, points) for x in data])
            if points == self.count:
                return found
            return tuple([y[: self.count] for y in found]) if has_value else found[: self.count]

        return blocks

    def points(self, chunk_size: int) -> int:
        """The elements, and the last one again until there are whole chunks."""
        return self.count if chunk_size >= self.count else -(-self.count // chunk_size) * chunk_size

    def columns(self, shapes: Shapes, firsts: Sequence[int], out: Any) -> None:
        """The columns of the blocks, into an array of shape (count, outputs, width).

        Each is a row times the size of a row, plus something that is the same for all elements: a
        product of matrices, so that no loop is as short as a block is wide. A float64 holds all
        of these numbers.
        """
        n, at = len(self.rows), 0
        factors = np.zeros((n + 1, *out.shape[1:]))
        for k, unknown in enumerate(self.unknowns):
            size = prod(shapes[unknown][1:])
            factors[k, :, at : at + size] = size
            factors[n, :, at : at + size] = firsts[unknown] + np.arange(size)
            at += size
        factors = factors.reshape(n + 1, -1)
        out = out.reshape(self.count, -1)
        piece = max(PIECE // max(out.shape[1], 1), 1)
        for first in range(0, self.count, piece):
            some = out[first : first + piece]
            rows = np.ones((len(some), n + 1))
            for k, each in enumerate(self.rows):
                rows[:, k] = each[first : first + piece]
            np.copyto(some, rows @ factors, casting="unsafe")


class _Structure:
    """What depends on the shapes of the unknowns alone: the places of all entries."""

    def __init__(self, terms: Sequence[_Term], shapes: Shapes, outputs: Sequence[int]) -> None:
        firsts = np.cumsum([0, *[prod(shape) for shape in shapes]])
        self.forms = [(t.count, r, t.width(shapes)) for t, r in zip(terms, outputs, strict=True)]
        sizes = [prod(form) for form in self.forms]
        self.entries = np.cumsum([0, *sizes])
        self.rows = np.cumsum([0, *[count * r for count, r, _ in self.forms]])
        self.shape = int(self.rows[-1]), int(firsts[-1])
        index = np.int32 if max(*self.shape, self.entries[-1]) < 2**31 - 1 else np.int64
        self.start = np.empty(self.shape[0] + 1, index)
        self.items = np.empty(self.entries[-1], index)
        for k, (term, (count, r, width)) in enumerate(zip(terms, self.forms, strict=True)):
            first, end = self.rows[k : k + 2]
            starts = np.arange(count * r, dtype=index)
            np.multiply(starts, width, out=starts)
            np.add(starts, self.entries[k], out=self.start[first:end], casting="same_kind")
            term.columns(shapes, firsts.tolist(), self.blocks(self.items, k))
        self.start[-1] = self.entries[-1]
        # All results have them, and SciPy changes them in place (`eliminate_zeros`).
        self.start.flags.writeable = self.items.flags.writeable = False

    def is_of(self, matrix: Any) -> bool:
        """Has a CSR matrix this structure?"""
        if (matrix.shape, matrix.nnz) != (self.shape, self.entries[-1]) or matrix.format != "csr":
            return False
        return np.may_share_memory(matrix.indices, self.items) or (
            np.array_equal(matrix.indices, self.items) and np.array_equal(matrix.indptr, self.start)
        )

    def blocks(self, entries: Any, k: int) -> Any:
        """The entries of term k, (count, outputs, width)."""
        return entries[self.entries[k] : self.entries[k + 1]].reshape(self.forms[k])

    def outputs(self, values: Any, k: int) -> Any:
        """The values of term k, (count, outputs)."""
        return values[self.rows[k] : self.rows[k + 1]].reshape(self.forms[k][:2])


class BlockJacobian:
    """The Jacobian of many small functions; `block_jacobian` makes it."""

    def __init__(self, terms: Sequence[_Term], chunk_size: int, has_value: bool) -> None:
        self._terms = list(terms)
        self._has_value = has_value
        self._structures: dict[Any, _Structure] = {}
        self._rows = [t.filled for t in terms]

        def values(unknowns: Any, rows: Any, data: Any) -> Any:
            return [
                term.function(chunk_size, has_value)(unknowns, *given)
                for term, *given in zip(self._terms, rows, data, strict=True)
            ]

        self._values = compile(values)

    def __repr__(self) -> str:
        terms = ", ".join(f"{term.count} of {term.name}" for term in self._terms)
        return f"<block_jacobian of {terms}>"

    def __call__(self, unknowns: Any, *data: Any, out: Any = None) -> Any:
        """The Jacobian at a point.

        Parameters
        ----------
        unknowns : sequence of ndarray
            Of float64; the first axis are the rows.
        *data : sequence of ndarray
            For each term the arrays whose rows its function takes after those of the unknowns; ()
            for a term without them. Trailing ones may be left out.
        out : csr_array, optional
            An earlier result for unknowns of the same shapes, whose entries are overwritten.

        Returns
        -------
        csr_array
            The structure is shared by all results. A pair with the values before it, as one vector,
            if ``has_value``.

        Raises
        ------
        TypeError
            If an unknown is not an array of float64, or a function returns a container.
        ValueError
            If rows do not exist or are read twice by an element, or `data` does not fit.
        """
        points = tuple([_unknown(x, k) for k, x in enumerate(unknowns)])
        each = self._data(data)
        structure = self._structure(points, each)
        entries = structure.entries[-1]
        if out is not None and not structure.is_of(out):
            raise ValueError(
                f"block_jacobian: `out` is of shape {out.shape} with {out.nnz} entries, the result "
                f"of {structure.shape} with {entries}, and must be an earlier one"
            )
        values = np.empty(structure.shape[0]) if self._has_value else None
        entry = vector_room(entries) if out is None else out.data
        places = [structure.blocks(entry, k) for k in range(len(self._terms))]
        if values is not None:
            places = [(structure.outputs(values, k), place) for k, place in enumerate(places)]
        self._values(points, self._rows, each, out=places)
        if out is None:
            out = scipy_sparse().csr_array(
                (entry, structure.items, structure.start), shape=structure.shape
            )
        return out if values is None else (values, out)

    def _data(self, data: Sequence[Any]) -> list[list[Any]]:
        """The arrays of each term, checked."""
        if len(data) > len(self._terms):
            raise ValueError(
                f"block_jacobian: data for {len(data)} terms, but there are {len(self._terms)}"
            )
        data = [*data, *[()] * (len(self._terms) - len(data))]
        found = [[np.asarray(x) for x in arrays] for arrays in data]
        for term, arrays in zip(self._terms, found, strict=True):
            for x in arrays:
                if x.ndim == 0 or len(x) != term.count:
                    raise ValueError(
                        f"block_jacobian of {term.name}: data of shape {x.shape} for "
                        f"{term.count} elements; the first axis must be theirs"
                    )
        return found

    def _structure(self, points: Sequence[Any], data: Sequence[Any]) -> _Structure:
        key = tuple([x.shape for x in points])
        found = self._structures.get(key)
        if found is None:
            for term in self._terms:
                term.check(key)
            outputs = [t.outputs(points, x) for t, x in zip(self._terms, data, strict=True)]
            found = _Structure(self._terms, key, outputs)
            self._structures = {key: found}
        return found


def _unknown(x: Any, k: int) -> Any:
    """An array of unknowns."""
    if not isinstance(x, np.ndarray) or x.dtype != np.float64:
        got = getattr(x, "dtype", type(x).__name__)
        raise TypeError(f"block_jacobian: unknown {k} must be an ndarray of float64, got {got}")
    return x


def block_jacobian(
    *terms: tuple[Callable[..., Any], Sequence[tuple[int, Any]]],
    chunk_size: int = CHUNK,
    has_value: bool = False,
) -> Any:
    """The function that puts a sparse Jacobian together from the blocks of many elements.

    For sums and lists of residuals in which each element reads a few rows of the unknowns: bundle
    adjustment, factor graphs, finite elements. `sparse_jacobian` gives the same matrix from a
    function of whole arrays; this takes no preparation and no memory besides the matrix.

    Parameters
    ----------
    *terms : (callable, reads)
        A function of one element and what it reads: for each of its first arguments a pair of the
        number of an unknown and a vector with one row for each element. Its other arguments are
        rows of data. It returns a number or an array.
    chunk_size : int, default 256
        How many elements are evaluated together.
    has_value : bool, default False
        Whether the values of the functions are returned too, before the Jacobian.

    Returns
    -------
    callable
        Takes a sequence of the unknowns (float64, the first axis are the rows), and for each term
        that has some a sequence of its data; returns a csr_array. The rows of the matrix are those
        of the terms one after the other, in each of them element by element; columns are the
        entries of the unknowns. In each row they stand in the order of the reads.

    Raises
    ------
    ImportError
        Without SciPy.
    TypeError, ValueError
        If a term is no such pair, or reads are no vectors of integers of one length; when called,
        if rows do not exist, an element reads a row twice, or data do not fit.

    See Also
    --------
    cdiff.sparse_jacobian

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> stretch = lambda a, b, length: np.sqrt(np.sum((a - b) ** 2)) - length
    >>> springs = cd.sparse.block_jacobian((stretch, [(0, [0, 1]), (0, [1, 2])]))
    >>> points, lengths = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 5.0]]), np.ones(2)
    >>> springs([points], [lengths]).toarray()
    array([[-0.6, -0.8,  0.6,  0.8,  0. ,  0. ],
           [ 0. ,  0. ,  0. , -1. ,  0. ,  1. ]])
    """
    scipy_sparse()
    if not terms:
        raise ValueError("block_jacobian: a term at least is needed: (function, reads)")
    if isinstance(chunk_size, bool) or int(chunk_size) != chunk_size or chunk_size < 1:
        raise ValueError(f"block_jacobian: chunk_size must be a positive int, got {chunk_size!r}")
    found = []
    given: tuple[Any, ...] = terms
    for term in given:
        if not isinstance(term, tuple) or len(term) != 2:
            raise TypeError(f"block_jacobian: a term is (function, reads), got {term!r:.60}")
        found.append(_Term(*term, int(chunk_size)))
    return BlockJacobian(found, int(chunk_size), bool(has_value))
