"""The solution of a system of equations as one operator, differentiated by the equations alone.

An unknown x that makes r(x, p) = 0 has the derivative dx = -(dr/dx)^-1 (dr/dp) dp, however it was
found. The equations are recorded as a program, a solver finds the value from plain numbers, and
both derivatives are solutions of linear systems made of ordinary operators, so that every order
exists. This file knows bodies, packings and containers; it must not know which problem is solved.
The derivative costs one Jacobian of the equations and one linear system, whatever the solver did.
"""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._leaves import check_input, unwrapped
from cdiff._arguments._tree import flatten, flatten_like, leaf_paths, unflatten
from cdiff._bodies._body import Body
from cdiff._bodies._packing import Packing, spec_of
from cdiff._core import Array, array, call, conj, is_tracked, peek
from cdiff._face import misfit
from cdiff._loops._checkpoint import Recorded
from cdiff._transformations._jacobian import jacobian
from cdiff._transformations._mapped import PointCallee
from cdiff.numpy import linalg, stack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cdiff._arguments._tree import TreeDef
    from cdiff._bodies._packing import Spec

__all__ = ["Checked", "Given", "Solution", "Unknown", "dense_solution", "solved"]


AT_SOLUTION = "the Jacobian of the equations by the unknowns at the solution"


class Unknown:
    """What is solved for: its structure, and the form of each leaf; no values.

    Parameters
    ----------
    guess : container of numbers and arrays
    who : str
    apart : bool, default False
        Whether complex numbers are solved for as two real ones each, so that equations need not
        be holomorphic.

    Attributes
    ----------
    treedef : TreeDef
    paths : list of str
    packing : Packing
        All leaves as one vector.
    """

    __slots__ = ("packing", "paths", "treedef", "who")

    def __init__(self, guess: Any, who: str, apart: bool = False) -> None:
        leaves, self.treedef = flatten(guess)
        self.who = who
        self.paths = leaf_paths(self.treedef, "the unknown")
        for x, path in zip(leaves, self.paths, strict=True):
            check_input(float(x) if x.__class__ is int else x, f"{who}: {path}")
        if not leaves:
            raise ValueError(f"{who}: there is no number among the unknowns")
        leaves = [float(x) if x.__class__ is int else x for x in leaves]
        self.packing = Packing([spec_of(x) for x in leaves], bare=False, apart=apart)

    @classmethod
    def of_parts(
        cls, who: str, treedef: TreeDef, paths: Sequence[str], specs: Sequence[Spec], apart: bool
    ) -> Unknown:
        """The unknown of which a file tells the form."""
        self = cls.__new__(cls)
        self.who, self.treedef, self.paths = who, treedef, list(paths)
        self.packing = Packing(specs, bare=False, apart=apart)
        return self

    def opened(self, tree: Any, name: str) -> list[Any]:
        """The leaves of a container of this structure, checked; rows in a list are an array."""
        if self.treedef.family is None and self.packing.specs[0][1]:
            tree = _stacked(tree)
        leaves = flatten_like(self.treedef, tree, f"{self.who}: {name}")
        for x, path, (dtype, shape) in zip(leaves, self.paths, self.packing.specs, strict=True):
            if np.shape(x) != shape:
                raise misfit(
                    f"{self.who}: {path} has shape {shape}, but {name} has shape {np.shape(x)} "
                    "there"
                )
            if dtype.kind != "c" and np.iscomplexobj(x):
                raise TypeError(
                    f"{self.who}: {path} is real, but {name} is complex there; begin with complex "
                    "numbers, or take .real"
                )
        return leaves

    def plain(self, v: Any) -> list[Any]:
        """The leaves of a plain vector, as users get them."""
        return [_number(x) for x in self.packing.unpack_plain(v)]

    def tree(self, v: Any) -> Any:
        """The container of a vector."""
        return unflatten(self.treedef, self.leaves(v))

    def leaves(self, v: Any) -> list[Any]:
        """The leaves of a vector, tracked or plain."""
        return self.packing.unpack(v) if isinstance(v, Array) else self.plain(v)

    def name(self, k: int) -> str:
        """What number k of the vector is called."""
        place = int(np.searchsorted(self.packing.starts, k, side="right")) - 1
        _, shape = self.packing.specs[place]
        part, at = divmod(k - self.packing.starts[place], prod(shape))
        ending = (".imag" if part else ".real") if self.packing.is_pair(place) else ""
        if not shape:
            return self.paths[place] + ending
        position = np.unravel_index(at, shape)
        return f"{self.paths[place]}[{', '.join([str(i) for i in position])}]{ending}"

    @property
    def digits(self) -> float:
        """The relative accuracy that all leaves can have."""
        return max(float(np.finfo(dtype).eps) for dtype, _ in self.packing.specs)


def _stacked(rows: Any) -> Any:
    """A list of numbers or of arrays of one shape as one array; anything else as it is."""
    if rows.__class__ not in (list, tuple) or not rows:
        return rows
    leaves, treedef = flatten(rows)
    if any(child.family is not None for child in treedef.children):
        return rows
    if len({np.shape(x) for x in leaves}) != 1:
        return rows
    return stack(leaves) if any(isinstance(x, Array) for x in leaves) else np.array(leaves)


def _number(x: Any) -> Any:
    """An array of no dimensions as a number."""
    if x.ndim:
        return x
    return float(x) if x.dtype == np.float64 else x[()]


class Given:
    """A recorded function of the unknowns at given parameters: what a solver gets.

    It takes the container of the unknowns, plain or tracked, and can be differentiated.

    Parameters
    ----------
    body : Body
        Of the leaves of the unknowns, the parameters, and what it captures.
    unknown : Unknown
    parameters : list
        Plain values; those of the captured ones at the end, as far as they are known.
    closed : callable
        Makes the result from the leaves of the recorded one and those of the unknowns.
    """

    def __init__(
        self,
        body: Body,
        unknown: Unknown,
        parameters: list[Any],
        closed: Callable[[Any, Any], Any],
    ) -> None:
        self._body = body
        self._unknown = unknown
        self._parameters = parameters
        self._closed = closed

    def __call__(self, x: Any) -> Any:
        leaves = self._unknown.opened(x, "the argument of the function")
        # Solvers ask by whole numbers, too: SciPy's LinearOperator for its dtype.
        specs = self._unknown.packing.specs
        leaves = [x if isinstance(x, Array) else _number(np.asarray(x, dtype))
                  for x, (dtype, _) in zip(leaves, specs, strict=True)]  # fmt: skip
        return self._closed(self._values(leaves), leaves)

    def vector(self, v: Any) -> Any:
        """The results as one vector, of the unknowns as one."""
        leaves, apart = self._values(self._unknown.leaves(v)), self._unknown.packing.apart
        if apart or any(x.__class__ is Array for x in leaves):
            packing = Packing(self._body.results, bare=False, apart=apart)
            tracked = any(x.__class__ is Array for x in leaves)
            return packing.pack(leaves) if tracked else packing.pack_plain(leaves)
        return np.concatenate([np.ravel(x) for x in leaves])

    def number(self, v: Any) -> Any:
        """The only result, a number."""
        return self._values(self._unknown.leaves(v))[0]

    def _values(self, leaves: list[Any]) -> list[Any]:
        body, given = self._body, self._parameters
        known = len(given) - (body.n_inputs - len(leaves))
        inputs = [*leaves, *given, *[peek(x) for x in body.captured[known:]]]
        if any(x.__class__ is Array for x in leaves):
            return [unwrapped(y) for y in body.apply([array(x) for x in inputs])]
        return [_number(np.asarray(y)) for y in body.run([np.asarray(x) for x in inputs])]


class Checked(PointCallee):
    """A matrix as it is, or an error where the implicit function theorem does not hold.

    Parameters
    ----------
    unknown : Unknown
    what : str
        What the matrix is called.
    """

    def __init__(self, unknown: Unknown, what: str) -> None:
        self.unknown = unknown
        self.what = what

    def __repr__(self) -> str:
        return "check of a Jacobian"

    def value(self, arrays: list[Any]) -> Any:
        a = arrays[0]
        if not np.all(np.isfinite(a)):
            self._refuse("has entries that are not finite")
        largest = np.max(np.abs(a), axis=0)
        if not np.all(largest):
            name = self.unknown.name(int(np.argmin(largest)))
            self._refuse(f"is singular: no equation depends on {name}")
        scaled = a / largest
        largest = np.max(np.abs(scaled), axis=1, keepdims=True)
        if not np.all(largest):
            k = int(np.argmin(largest))
            self._refuse(f"is singular: equation {k} depends on no unknown")
        condition = np.linalg.cond(scaled / largest, 1)
        if not condition * np.finfo(float).eps < 1.0:
            self._refuse(f"is singular (its condition is {condition:.1g})")
        return np.array(a)

    def _refuse(self, problem: str) -> None:
        n = self.unknown.packing.size
        raise np.linalg.LinAlgError(
            f"{self.unknown.who}: {self.what} ({n} x {n}) {problem}; the linear "
            "system has no unique solution"
        )

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        return [g]

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        return tangents[0]


class Solution(PointCallee):
    """The solution of a system as one operator.

    Its operands are the leaves of the first guess, of which the solution is no function, those of
    the parameters, and what the equations captured; its result the unknowns as one vector.

    Parameters
    ----------
    body : Body
        The equations: as many numbers as there are unknowns, all zero at the solution.
    unknown : Unknown
    find : callable
        ``find(guess, parameters)``, of plain leaves, is the solution as a plain vector; a `Problem`
        of `_solving.py`.
    linear : callable, optional
        ``linear(product, rhs, transposed)`` solves a linear system by products of its matrix with
        vectors, where it may be told apart from its transpose; else the Jacobian is made.
    symmetric : bool, default False
        Whether the Jacobian is.
    """

    def __init__(
        self,
        body: Body,
        unknown: Unknown,
        find: Callable[[list[Any], list[Any]], Any],
        linear: Callable[[Any, Any, bool], Any] | None = None,
        symmetric: bool = False,
    ) -> None:
        self.body = body
        self.unknown = unknown
        self.find = find
        self.linear = linear
        self.symmetric = symmetric
        self.n = len(unknown.paths)
        self.equations = Recorded(body, bare=False, apart=unknown.packing.apart)

    def __repr__(self) -> str:
        return self.unknown.who

    def value(self, arrays: list[Any]) -> Any:
        return self.find(list(arrays[: self.n]), list(arrays[self.n :]))

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        inputs = [*self.unknown.packing.unpack(y), *operands[self.n :]]
        adjoint = self._solved(inputs, y, g, not self.symmetric)
        asked = [False] * self.n + wanted[self.n :]
        return self.equations.pull(y, inputs, -adjoint, asked)

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        if all(t is None for t in tangents[self.n :]):
            return None
        inputs = [*self.unknown.packing.unpack(y), *operands[self.n :]]
        fixed: list[Array | None] = [None] * self.n
        moved = self.equations.push(y, inputs, [*fixed, *tangents[self.n :]])
        return -self._solved(inputs, y, moved, False)

    def _solved(self, inputs: list[Array], y: Array, rhs: Array, transposed: bool) -> Any:
        """The solution of a linear system with the Jacobian by the unknowns, or its transpose."""
        rest = inputs[self.n :]
        if self.linear is None:
            packing = self.unknown.packing

            def equations(v: Array) -> Any:
                return self.equations.packing.pack(self.body.apply([*packing.unpack(v), *rest]))

            matrix = call(Checked(self.unknown, AT_SOLUTION), [jacobian(equations)(y)])
            return linalg.solve(matrix.T if transposed else matrix, rhs)
        product = self._transposed if transposed else self._product
        return self.linear(partial(product, inputs), rhs, transposed)

    def _product(self, inputs: list[Array], v: Any) -> Array:
        """The Jacobian by the unknowns times a vector."""
        rest = [None] * (len(inputs) - self.n)
        directions = self.unknown.packing.unpack(array(v))
        moved: Array = self.equations.push(inputs[0], inputs, [*directions, *rest])
        return moved

    def _transposed(self, inputs: list[Array], v: Any) -> Array:
        """Its transpose times a vector."""
        asked = [True] * self.n + [False] * (len(inputs) - self.n)
        found = self.equations.pull(inputs[0], inputs, array(v), asked)[: self.n]
        specs = self.unknown.packing.specs
        full = [
            array(np.zeros(shape, dtype)) if c is None else c
            for c, (dtype, shape) in zip(found, specs, strict=True)
        ]
        if self.unknown.packing.apart:  # the cotangent of x + iy is a - ib
            full = [conj(c) for c in full]
        packed: Array = self.unknown.packing.pack(full)
        return packed


def dense_solution(product: Callable[[Any], Any], rhs: Any, unknown: Unknown) -> Any:
    """The plain solution of a linear system given by products, by making its matrix.

    Parameters
    ----------
    product : callable
        The linear function, of a plain or tracked vector.
    rhs : ndarray
    unknown : Unknown

    Returns
    -------
    ndarray

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is singular.
    """
    matrix = Checked(unknown, "the matrix").value([jacobian(product)(np.zeros_like(rhs))])
    return np.linalg.solve(matrix, rhs)


def solved(callee: Solution, found: Any, operands: Sequence[Any]) -> Any:
    """The solution in its container, as an operation that is recorded where anything is tracked.

    Parameters
    ----------
    callee : Solution
    found : ndarray
        Its value.
    operands : sequence
        Those of the callee.

    Returns
    -------
    container
    """
    unknown = callee.unknown
    if not np.all(np.isfinite(found)):
        raise RuntimeError(f"{unknown.who}: the solver found values that are not finite")
    if not any(isinstance(x, Array) and is_tracked(x) for x in operands):
        return unflatten(unknown.treedef, unknown.plain(found))
    y = call(callee, operands, array(found))
    return unflatten(unknown.treedef, unknown.packing.unpack(y))
