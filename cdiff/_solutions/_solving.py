"""What a solution is found by: the recorded function, the unknowns, and a solver of plain numbers.

A root, a fixed point, a minimum and a linear system differ in what their function means to a
solver, in the solver that is used if the user has none, and in the equations that hold at the
solution. This file knows that of each kind; it must not know how users write problems, nor how
solutions are differentiated. Everything of a problem but the user's solver is a program, so a
problem can be kept in a file. The solver costs what it costs: nothing is done here beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._tree import unflatten
from cdiff._bodies._body import Body
from cdiff._core import Array, Level, conj, leaf, pullback
from cdiff._rules._rules import zeros
from cdiff._solutions._newton import iterate, newton_minimum, newton_root
from cdiff._solutions._solution import Given, dense_solution

if TYPE_CHECKING:
    from cdiff._solutions._solution import Unknown

__all__ = ["FixedPoint", "Linear", "Minimum", "Problem", "as_guessed"]


def as_guessed(_function: Any, guess: Any) -> Any:
    """The solver of those who give the solution as the first guess.

    Parameters
    ----------
    _function : callable
    guess : container

    Returns
    -------
    container
    """
    return guess


class Problem:
    """A root: plain values of the unknowns for those of a first guess and of the parameters.

    Parameters
    ----------
    body : Body
        The function, of the leaves of the unknowns, the parameters, and what it captured.
    unknown : Unknown
    form : object
        Its ``treedef`` is the structure of what the function returns, once that is known.
    solver : callable or None
        The user's.
    """

    symmetric = False  # the Jacobian of the equations

    def __init__(self, body: Body, unknown: Unknown, form: Any, solver: Any) -> None:
        self.body = body
        self.unknown = unknown
        self.form = form
        self.solver = solver

    def __call__(self, guess: list[Any], parameters: list[Any]) -> Any:
        given, start = self.given(parameters), self.start(guess, parameters)
        if self.solver is None:
            return self.default(given, start)
        found = _opened(self.solver(given, self.unknown.tree(start)), self.unknown)
        return self.unknown.packing.pack_plain(found)

    def given(self, parameters: list[Any]) -> Given:
        """The function at these parameters, as a solver gets it."""
        return Given(self.body, self.unknown, parameters, self.closed)

    def start(self, guess: list[Any], parameters: list[Any]) -> Any:
        """What a solver gets beside the function, as a vector."""
        return self.unknown.packing.pack_plain(guess)

    def closed(self, leaves: list[Any], given: list[Any]) -> Any:
        """What the function that a solver gets returns for these leaves of the unknowns."""
        return unflatten(self.form.treedef, leaves)

    def default(self, given: Given, start: Any) -> Any:
        """The solution by a solver of ours."""
        return newton_root(given.vector, start, self.unknown.who, self.unknown.digits**0.4)

    def equations(self) -> Body:
        """What is zero at the solution, once the body has captured all that it reads."""
        return self.body


class FixedPoint(Problem):
    """A fixed point; the body gives how much the unknowns change."""

    def closed(self, leaves: list[Any], given: list[Any]) -> Any:
        moved = [x + change for x, change in zip(given, leaves, strict=True)]
        return unflatten(self.unknown.treedef, moved)

    def default(self, given: Given, start: Any) -> Any:
        return iterate(given.vector, start, self.unknown.who, 8.0 * self.unknown.digits)


class Minimum(Problem):
    """A minimum; the body gives one number."""

    symmetric = True

    def closed(self, leaves: list[Any], given: list[Any]) -> Any:
        return leaves[0]

    def default(self, given: Given, start: Any) -> Any:
        return newton_minimum(given.number, start, self.unknown.who, self.unknown.digits**0.4)

    def equations(self) -> Body:
        body, n = self.body, len(self.unknown.paths)
        gradient = Body(_GradientOf(body, n), body.n_inputs + len(body.captured))
        gradient.results = list(self.unknown.packing.specs)
        return gradient


class _GradientOf:
    """The gradient of a recorded objective by the unknowns, as the function of a body."""

    def __init__(self, objective: Body, n: int) -> None:
        self.base = objective
        self.n = n

    def __call__(self, nodes: list[Array]) -> list[Any]:
        with Level() as level:
            leaves = [leaf(x, level) for x in nodes[: self.n]]
            out = self.base.apply([*leaves, *nodes[self.n :]])
            found = pullback(out, [None], leaves, level)
        pairs = zip(found, nodes, strict=False)
        # Of a complex unknown the slopes by both parts, which stand in the conjugate.
        return [zeros(x) if c is None else conj(c) for c, x in pairs]


class Linear(Problem):
    """A linear system; the body gives the map minus the right side, which is its parameter."""

    def given(self, parameters: list[Any]) -> Given:
        """The map alone: with a right side of zero."""
        specs = self.unknown.packing.specs
        origin = [np.zeros(shape, dtype) for dtype, shape in specs]
        return super().given([*origin, *parameters[len(specs) :]])

    def start(self, guess: list[Any], parameters: list[Any]) -> Any:
        return self.unknown.packing.pack_plain(parameters[: len(self.unknown.paths)])

    def closed(self, leaves: list[Any], given: list[Any]) -> Any:
        return unflatten(self.unknown.treedef, leaves)

    def default(self, given: Given, start: Any) -> Any:
        return dense_solution(given.vector, start, self.unknown)


def _opened(found: Any, unknown: Unknown) -> list[Any]:
    """The leaves of what a solver of the user returned."""
    if isinstance(found, dict) and "x" in found and hasattr(found, "x"):
        raise TypeError(
            f"{unknown.who}: the solver returned all that SciPy reports ({type(found).__name__}); "
            "return its field x"
        )
    return unknown.opened(found, "what the solver returned")
