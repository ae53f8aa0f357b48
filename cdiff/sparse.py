"""What goes with sparse derivatives: blocks, colorings, pictures, other solvers' conventions.

`cd.sparse_jacobian` and `cd.sparse_hessian` give SciPy's arrays, which its own solvers take as they
are. IPOPT wants structure and values apart and one triangle, OSQP a quadratic model in CSC. This
file knows those conventions; it must not know how a derivative is found.

Examples
--------
>>> import numpy as np, cdiff as cd
>>> print(cd.sparse.picture(cd.sparsity(lambda x: x[1:] - x[:-1], np.ones(4))))
##..
.##.
..##
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._wrap import check_seed
from cdiff._core import (
    ORDERINGS,
    color_both,
    color_columns,
    color_symmetric,
    transposed_pattern,
)
from cdiff._sparsity._blocks import block_jacobian
from cdiff._sparsity._plan import lines_of, scipy_sparse
from cdiff._sparsity._sparse import sparse_hessian, sparse_jacobian
from cdiff._transformations._reverse import grad

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdiff._pictures._svg import Picture

__all__ = ["IpoptProblem", "block_jacobian", "color", "picture", "quadratic_model"]

KINDS = ("columns", "rows", "symmetric", "both")
RECOVERIES = ("direct", "substitution")
MOST_CELLS = 80  # of a picture, along each side


def color(
    pattern: Any,
    kind: str = "columns",
    orderings: Any = ORDERINGS,
    seed: int = 0,
    recovery: str = "direct",
) -> Any:
    """Which columns, rows or variables may share a direction.

    Parameters
    ----------
    pattern : sparse array or ndarray of shape (m, n)
        Where entries may differ from zero.
    kind : {"columns", "rows", "symmetric", "both"}
        Columns that share no row (forward directions), rows that share no column (reverse ones), a
        coloring of a symmetric matrix, whose entries are read from their mirror image where that is
        easier, or rows and columns together: each entry is read from one of the two.
    orderings : sequence of str
        Orders in which colors are given; the best result is kept. ``"natural"``, ``"random"``,
        ``"largest_first"``, ``"smallest_last"``, ``"incidence_degree"``,
        ``"dynamic_largest_first"``.
    seed : int, default 0
        For the random order.
    recovery : {"direct", "substitution"}
        Of a symmetric matrix: whether each entry stands alone in a sum (a star coloring), or may be
        a sum minus entries that are known already (an acyclic coloring, with fewer colors).

    Returns
    -------
    ndarray of int
        The color of each; -1 where no direction is needed. For ``kind="both"`` a pair of them: of
        rows, of columns.

    Raises
    ------
    ValueError
        If an option is wrong, or a symmetric coloring of another matrix is asked for.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> cd.sparse.color(np.eye(4) + np.eye(4, k=1))
    array([0, 1, 0, 1], dtype=int32)
    >>> arrow = np.eye(5)
    >>> arrow[0] = arrow[:, 0] = 1
    >>> cd.sparse.color(arrow, kind="both")
    (array([ 0, -1, -1, -1, -1], dtype=int32), array([0, 1, 1, 1, 1], dtype=int32))
    >>> band = np.eye(5) + np.eye(5, k=1) + np.eye(5, k=-1)
    >>> cd.sparse.color(band, kind="symmetric", recovery="substitution")
    array([0, 1, 0, 1, 0], dtype=int32)
    """
    if kind not in KINDS:
        raise ValueError(f"color: kind must be one of {KINDS}, got {kind!r}")
    if recovery not in RECOVERIES or (recovery != "direct" and kind != "symmetric"):
        raise ValueError(
            f"color: recovery must be one of {RECOVERIES}, the latter for symmetric matrices only, "
            f"got {recovery!r} for {kind!r}"
        )
    if np.ndim(pattern) != 2:
        raise ValueError(f"color: pattern must be a matrix, got {pattern!r:.80}")
    seed = check_seed(seed, "color")
    found = scipy_sparse().csr_array(pattern)
    start, items = lines_of(found)
    m, n = found.shape
    names = (orderings,) if isinstance(orderings, str) else tuple(orderings)
    if kind == "symmetric":
        return color_symmetric(start, items, n, names, recovery != "direct", seed)[0]
    if kind == "both":
        return color_both(start, items, n, names, seed)[:2]
    if kind == "rows":
        return color_columns(*transposed_pattern(start, items, n), m, names, seed=seed)
    return color_columns(start, items, n, names, seed=seed)


def picture(matrix: Any, form: str = "text") -> str | Picture:
    """A picture of where the entries of a matrix are.

    Parameters
    ----------
    matrix : sparse array or ndarray
        A pattern, or values of which those that are stored count.
    form : {"text", "svg"}

    Returns
    -------
    str or Picture
        As text, each cell stands for a block of entries if there are more than fit: ``.`` where
        none is stored, ``+`` for some and ``#`` for all. As SVG, cells are the darker the more they
        hold; a `Picture` shows itself in a notebook, has the text as ``svg`` and ``save(path)``.

    Raises
    ------
    ValueError
        If `form` is neither of the two, or `matrix` is none.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> print(cd.sparse.picture(np.eye(3)))
    #..
    .#.
    ..#
    """
    if form not in ("text", "svg"):
        raise ValueError(f"picture: form must be 'text' or 'svg', got {form!r}")
    if np.ndim(matrix) != 2:
        raise ValueError(f"picture: there must be two axes, got the shape {np.shape(matrix)}")
    found = scipy_sparse().coo_array(matrix)
    found.sum_duplicates()
    (m, n), block = found.shape, max(-(-max(found.shape) // MOST_CELLS), 1)
    counts = np.zeros((-(-m // block), -(-n // block)))
    np.add.at(counts, (found.row // block, found.col // block), 1)
    heights = np.minimum(block, m - block * np.arange(counts.shape[0]))[:, None]
    share = counts / (heights * np.minimum(block, n - block * np.arange(counts.shape[1])))
    if form == "text":
        cells = np.where(share == 0, ".", np.where(share < 1, "+", "#"))
        return "\n".join(map("".join, cells.tolist()))
    return _drawn(share, f"matrix of {m} x {n}, {found.nnz} entries stored")


def _drawn(share: Any, summary: str) -> Picture:
    """A picture of cells, of which a share is filled."""
    from cdiff._pictures._svg import Picture, box, document, text, text_width  # seldom needed

    side, top = 6, 24
    rows, columns = share.shape
    parts = [text(4, 15, summary), box(3, top - 1, side * columns + 2, side * rows + 2, "white")]
    parts += [
        f"<rect x='{4 + side * j}' y='{top + side * i}' width='{side}' height='{side}' "
        f"fill-opacity='{0.3 + 0.7 * share[i, j]:.2f}'/>"
        for i, j in np.argwhere(share > 0)
    ]
    width = 8 + max(side * columns, text_width(summary, 11))
    return Picture(document(width, top + side * rows + 4, parts, summary), summary)


class _Steady:
    """The values of a prepared form in the structure that it had at first.

    Another path through a function may have other entries, and IPOPT asks for the structure once.
    """

    def __init__(self, prepared: Any, name: str, lower: bool = False) -> None:
        self._prepared = prepared
        self._name = name
        self._lower = lower
        self._plan: Any = None
        self.structure, self._keys = self._entries()

    def _entries(self) -> tuple[tuple[Any, Any], Any]:
        """Rows and columns of the entries that are asked for, and a number for each, ascending."""
        rows, columns = self._prepared.structure
        self._wanted = rows >= columns if self._lower else slice(None)
        rows, columns = rows[self._wanted], columns[self._wanted]
        return (rows, columns), rows.astype(np.int64) * self._prepared.shape[1] + columns

    def values(self, *args: Any) -> Any:
        """The entries; those that this path does not have are 0."""
        values = self._prepared.values(*args)
        if self._prepared._plan is not self._plan:
            self._find_places()
        out = np.zeros(self._keys.size)
        out[self._places] = values[self._wanted]
        return out

    def _find_places(self) -> None:
        """Where the entries of this path are in the structure."""
        (rows, columns), keys = self._entries()
        self._places = np.searchsorted(self._keys, keys)
        missing = np.flatnonzero(~np.isin(keys, self._keys))
        if missing.size:
            raise ValueError(
                f"IpoptProblem: at this point the {self._name} take another path through the "
                f"function, with {missing.size} entries that the structure does not have (row "
                f"{rows[missing[0]]}, column {columns[missing[0]]}), and IPOPT asks for it once: "
                "decide with np.where, or prepare at an x0 whose path has all entries"
            )
        self._plan = self._prepared._plan


class IpoptProblem:
    """An optimisation problem with the methods that cyipopt calls.

    Parameters
    ----------
    objective : callable
        A number from an array of shape (n,).
    constraints : callable or None
        An array of shape (m,) from an array of shape (n,).
    x0 : ndarray of shape (n,)
        A point at which the functions are prepared. Its structure is kept: where Python decides
        otherwise at another point, those of its entries that are not there are 0.

    Raises
    ------
    TypeError
        If `x0` is no vector of real numbers.
    ValueError
        By `jacobian` and `hessian`, where another path has entries that the structure lacks.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> p = cd.sparse.IpoptProblem(lambda x: np.sum(x**4), lambda x: x[1:] * x[:-1], np.ones(3))
    >>> p.jacobianstructure()
    (array([0, 0, 1, 1], dtype=int32), array([0, 1, 1, 2], dtype=int32))
    >>> p.hessian(np.ones(3), np.array([5.0, 7.0]), 1.0)
    array([12.,  5., 12.,  7., 12.])
    """

    def __init__(
        self,
        objective: Callable[[Any], Any],
        constraints: Callable[[Any], Any] | None,
        x0: Any,
    ) -> None:
        x0 = _point(x0, "IpoptProblem")
        self._objective = objective
        self._constraints = constraints
        self._gradient = grad(objective)
        self.m = 0 if constraints is None else int(np.size(constraints(x0)))

        def lagrangian(x: Any, v: Any, factor: Any) -> Any:
            total = factor * objective(x)
            return total if constraints is None else total + np.sum(v * constraints(x))

        hessian = sparse_hessian(lagrangian).prepare(x0, np.ones(self.m), 1.0)
        self._hessian = _Steady(hessian, "second derivatives", lower=True)
        self._jacobian = None
        if constraints is not None:
            self._jacobian = _Steady(sparse_jacobian(constraints).prepare(x0), "constraints")

    def objective(self, x: Any) -> float:
        """The value of the objective."""
        return float(self._objective(x))

    def gradient(self, x: Any) -> Any:
        """Its gradient, dense."""
        return self._gradient(x)

    def constraints(self, x: Any) -> Any:
        """The values of the constraints."""
        return np.zeros(0) if self._constraints is None else np.asarray(self._constraints(x))

    def jacobianstructure(self) -> tuple[Any, Any]:
        """(rows, columns) of the entries of the Jacobian."""
        empty = np.zeros(0, np.int32)
        return (empty, empty) if self._jacobian is None else self._jacobian.structure

    def jacobian(self, x: Any) -> Any:
        """The entries of the Jacobian of the constraints."""
        return np.zeros(0) if self._jacobian is None else self._jacobian.values(x)

    def hessianstructure(self) -> tuple[Any, Any]:
        """(rows, columns) of the entries of the Hessian's lower triangle."""
        return self._hessian.structure

    def hessian(self, x: Any, lagrange: Any, obj_factor: float) -> Any:
        """The entries of the lower triangle of the Hessian of the Lagrangian."""
        return self._hessian.values(x, np.asarray(lagrange, np.float64), float(obj_factor))


def quadratic_model(
    objective: Callable[[Any], Any], constraints: Callable[[Any], Any], x: Any
) -> tuple[Any, Any, Any, Any]:
    """A problem at a point as OSQP takes it: quadratic objective, linear constraints.

    Parameters
    ----------
    objective : callable
        A number from an array of shape (n,).
    constraints : callable
        An array of shape (m,) from an array of shape (n,).
    x : ndarray of shape (n,)

    Returns
    -------
    P : csc_matrix
        The upper triangle of the Hessian of the objective. (OSQP converts a csc_array, and warns.)
    q : ndarray
        Its gradient.
    A : csc_matrix
        The Jacobian of the constraints.
    c : ndarray
        Their values: a step d keeps l <= c + A d <= u.

    Raises
    ------
    TypeError
        If `x` is no vector of real numbers, or `objective` returns no number.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> P, q, A, c = cd.sparse.quadratic_model(lambda x: x @ x, lambda x: x[:1] - x[1:], np.ones(2))
    >>> P.toarray(), q, A.toarray(), c
    (array([[2., 0.],
           [0., 2.]]), array([2., 2.]), array([[ 1., -1.]]), array([0.]))
    """
    x = _point(x, "quadratic_model")
    sparse = scipy_sparse()
    hessian = sparse.triu(sparse_hessian(objective, format="csc")(x), format="csc")
    values, jacobian = sparse_jacobian(constraints, format="csc", has_value=True)(x)
    return sparse.csc_matrix(hessian), grad(objective)(x), sparse.csc_matrix(jacobian), values


def _point(x: Any, who: str) -> Any:
    """x in float64; solvers know vectors of real numbers only."""
    x = np.asarray(x)
    if x.ndim != 1 or x.dtype.kind not in "fiu":
        raise TypeError(
            f"{who}: the point must be a vector of real numbers, got shape {x.shape} of {x.dtype}"
        )
    return x.astype(np.float64)


def __dir__() -> list[str]:
    return sorted(__all__)
