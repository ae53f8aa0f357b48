"""Solutions defined by equations: `custom_root`, `custom_fixed_point`, `implicit_minimize`,
`linear_solve`.

What users write (a function of unknowns and parameters, a solver) becomes a recorded system and a
`Solution`. This file knows containers and messages; how a problem is solved belongs to
`_solving.py`, how a solution is differentiated to `_solution.py`. A call records the function once,
in tens of microseconds, and the solver works on its program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._leaves import check_output
from cdiff._arguments._tree import LEAF, flatten, leaf_paths, unflatten
from cdiff._arguments._wrap import Transformed, check_function, function_name
from cdiff._bodies._body import Body
from cdiff._bodies._packing import Packing, spec_of
from cdiff._core import Array, array, peek, refused
from cdiff._face import misfit
from cdiff._rules._rules import Arguments
from cdiff._solutions._solution import Solution, Unknown, solved
from cdiff._solutions._solving import FixedPoint, Linear, Minimum, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdiff._arguments._tree import TreeDef

__all__ = ["Products", "custom_fixed_point", "custom_root", "implicit_minimize", "linear_solve"]


class _Function:
    """A user's function as one of a flat list. It holds no values, only forms.

    Parameters
    ----------
    f : callable
        Of the unknowns and the parameters.
    unknown : Unknown
    parameters : Arguments
        Without their leaves.

    Attributes
    ----------
    treedef : TreeDef
        The structure of the result, once there is one.
    """

    def __init__(self, f: Any, unknown: Unknown, parameters: Arguments) -> None:
        self.f = f
        self.unknown = unknown
        self.parameters = parameters
        self.treedef: TreeDef = LEAF

    def __call__(self, nodes: list[Array]) -> list[Any]:
        n = len(self.unknown.paths)
        x = unflatten(self.unknown.treedef, nodes[:n])
        out = self.f(x, *self.parameters.filled(nodes[n:], self.parameters.leaves))
        return self.taken(out, nodes[:n])

    def taken(self, out: Any, nodes: list[Array]) -> list[Any]:
        """The leaves of the result, which must be as many numbers as there are unknowns."""
        leaves, self.treedef = flatten(out)
        who, name = self.unknown.who, f"the output of {function_name(self.f)}"
        if out is None:
            check_output(out, f"{who}: {name}")
        for y, path in zip(leaves, leaf_paths(self.treedef, name), strict=True):
            check_output(y, f"{who}: {path}")
        packing = self.unknown.packing
        count = Packing([spec_of(y) for y in leaves], bare=False, apart=packing.apart).size
        if count != packing.size:
            shapes = ", ".join([str(np.shape(y)) for y in leaves]) or "none"
            note = " (complex ones are two)" if packing.apart else ""
            raise misfit(
                f"{who}: {name} holds {count} number(s) (shapes {shapes}) for {packing.size} "
                f"unknown(s){note}; there must be as many equations as unknowns"
            )
        return [y if isinstance(y, Array) else np.asarray(y, dtype=float) for y in leaves]


class _Change(_Function):
    """A map of the unknowns to themselves: how much it changes them."""

    def taken(self, out: Any, nodes: list[Array]) -> list[Any]:
        name = f"the output of {function_name(self.f)}"
        pairs = zip(self.unknown.opened(out, name), nodes, strict=True)
        return [array(y, dtype=x.dtype) - x for y, x in pairs]


class _Objective(_Function):
    """A function to be minimised."""

    def taken(self, out: Any, nodes: list[Array]) -> list[Any]:
        name = f"{self.unknown.who}: the output of {function_name(self.f)}"
        check_output(out, name)
        if np.shape(out) != ():
            raise misfit(f"{name} must be one number, but it has shape {np.shape(out)}")
        return [out if isinstance(out, Array) else np.asarray(out, dtype=float)]


class _Implicit(Transformed):
    """What `custom_root` and its relatives return: the solution for a first guess."""

    kind: type[_Function] = _Function
    problem: type[Problem] = Problem

    def __init__(self, f: Callable[..., Any], factory: Any, options: dict[str, Any]) -> None:
        super().__init__(f, factory, options)
        for name in ("solver", "linear_solver"):
            if options[name] is not None:
                check_function(options[name], f"{factory.__name__}: {name}")
        self._who = f"{factory.__name__}({function_name(f)})"

    def __call__(self, guess: Any, /, *parameters: Any) -> Any:
        unknown = Unknown(guess, self._who, apart=True)
        leaves = [float(x) if x.__class__ is int else x for x in flatten(guess)[0]]
        arguments = Arguments(parameters, ())
        operands = [*leaves, *arguments.operands()]
        function = self.kind(self._f, unknown, arguments.forget())
        body = Body(function, len(operands))
        problem = self.problem(body, unknown, function, self._options["solver"])
        plain = [peek(x) if isinstance(x, Array) else np.asarray(x) for x in operands]
        body.run(plain)
        try:
            found = problem(plain[: len(leaves)], plain[len(leaves) :])
        except Exception:  # the function that is being recorded may catch it
            body.sealed = True
            given = operands[len(leaves) :] + body.captured
            refused(problem, operands[: len(leaves)], given)
            raise
        body.sealed = True
        solve = self._options["linear_solver"]
        linear = None if solve is None else Products(unknown, solve, None, problem.symmetric)
        callee = Solution(problem.equations(), unknown, problem, linear, problem.symmetric)
        return solved(callee, found, [*operands, *body.captured])


class _FixedPoint(_Implicit):
    kind = _Change
    problem = FixedPoint


class _Minimum(_Implicit):
    kind = _Objective
    problem = Minimum


class Products:
    """A solver of linear systems that knows the matrix by its products only, for vectors.

    Parameters
    ----------
    unknown : Unknown
    solve, transpose_solve : callable or None
        The user's, for containers.
    symmetric : bool
    """

    def __init__(self, unknown: Unknown, solve: Any, transpose_solve: Any, symmetric: bool) -> None:
        self.unknown = unknown
        self.solvers = solve, solve if transpose_solve is None else transpose_solve
        self.symmetric = symmetric

    def __call__(self, product: Any, rhs: Array, transposed: bool) -> Array:
        unknown = self.unknown

        def matvec(x: Any) -> Any:
            v = unknown.packing.pack([array(part) for part in flatten(x)[0]])
            return unflatten(unknown.treedef, unknown.packing.unpack(product(v)))

        there, back = reversed(self.solvers) if transposed else self.solvers
        right = unflatten(unknown.treedef, unknown.packing.unpack(rhs))
        symmetric = self.symmetric and not unknown.packing.apart  # for real numbers only
        found = linear_solve(matvec, right, there, back, symmetric)
        packed: Array = unknown.packing.pack([array(x) for x in flatten(found)[0]])
        return packed


class _Residual(_Function):
    """A linear map minus the right side."""

    def __call__(self, nodes: list[Array]) -> list[Any]:
        n = len(self.unknown.paths)
        out = self.f(unflatten(self.unknown.treedef, nodes[:n]))
        leaves = self.unknown.opened(out, f"the output of {function_name(self.f)}")
        pairs = zip(leaves, nodes[n:], strict=True)
        return [array(y, dtype=b.dtype) - b for y, b in pairs]


def linear_solve(
    matvec: Callable[[Any], Any],
    b: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any] | None = None,
    transpose_solve: Callable[[Callable[[Any], Any], Any], Any] | None = None,
    symmetric: bool = False,
) -> Any:
    """The solution x of ``matvec(x) = b`` for a linear function, differentiated by what defines it.

    Neither the matrix nor the steps of the solver are differentiated: derivatives are solutions of
    the same system, or of the transposed one, whose products follow from `matvec`.

    Parameters
    ----------
    matvec : callable
        A linear function from containers like `b` to containers like `b`. It may use tracked values
        from outside; derivatives by these are part of the result.
    b : container of floats and arrays
        The right side.
    solve : callable, optional
        ``solve(matvec, b) -> x`` for plain numbers and arrays, such as a call of
        `scipy.sparse.linalg.cg`. By default the matrix is made, column by column, and factorised.
    transpose_solve : callable, optional
        The same for the transposed system; by default `solve`.
    symmetric : bool, default False
        Whether the matrix is: `matvec` is then its own transpose.

    Returns
    -------
    container
        Like `b`.

    Raises
    ------
    ValueError
        If `matvec` is not linear, or its result has another shape than `b`, or it is seen not to be
        symmetric although `symmetric` says so.
    numpy.linalg.LinAlgError
        If no `solve` is given and the matrix is singular.
    TypeError, RuntimeError
        If `solve` returns another structure, or values that are not finite.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> def solution(k):
    ...     return cd.linear_solve(lambda x: k * x + np.roll(x, 1), np.array([3.0, 3.0, 3.0]))
    >>> solution(2.0)
    array([1., 1., 1.])
    >>> cd.jacobian(solution)(2.0).round(12)
    array([-0.33333333, -0.33333333, -0.33333333])
    """
    if not callable(matvec) and np.ndim(matvec) == 2:
        raise TypeError("linear_solve takes a function, matvec(x); for a matrix there is "
                        "np.linalg.solve")  # fmt: skip
    check_function(matvec, "linear_solve")
    for f in (solve, transpose_solve):
        if f is not None:
            check_function(f, "linear_solve")
    who = f"linear_solve({function_name(matvec)})"
    # Products by a user's solver keep to complex numbers, and to symmetric as it is for these.
    unknown = Unknown(b, who, apart=solve is None)
    leaves = [float(x) if x.__class__ is int else x for x in flatten(b)[0]]
    n = len(leaves)
    function = _Residual(matvec, unknown, Arguments((), ()))
    body = Body(function, 2 * n)
    problem = Linear(body, unknown, function, solve)
    plain = [peek(x) if isinstance(x, Array) else np.asarray(x) for x in leaves]
    origin = [np.zeros(shape, dtype) for dtype, shape in unknown.packing.specs]
    if any(np.any(y) for y in body.run([*origin, *origin])):
        raise ValueError(f"{who}: the function is not linear: it is not 0 at 0")
    found = problem(plain, plain)
    matrix = problem.given(plain).vector
    _check_linear(matrix, found, who)
    symmetric = symmetric and not unknown.packing.apart
    if symmetric and unknown.packing.dtype.kind == "f":
        _check_symmetric(matrix, found, unknown.packing.pack_plain(plain), who)
    body.sealed = True
    linear = None if solve is None else Products(unknown, solve, transpose_solve, symmetric)
    callee = Solution(body, unknown, problem, linear, symmetric)
    return solved(callee, found, [*leaves, *leaves, *body.captured])


def _check_linear(product: Callable[[Any], Any], v: Any, who: str) -> None:
    """Raise where minus twice a vector does not give minus twice the product, as rounding does."""
    there, back = product(v), product(-2.0 * v)
    if np.max(np.abs(back + 2.0 * there)) > 1e-6 * np.max(np.abs(there)):
        raise ValueError(
            f"{who}: the function is not linear: at minus twice the solution it is not minus twice "
            "what it is there; cdiff.custom_root solves nonlinear equations"
        )


def _check_symmetric(product: Callable[[Any], Any], v: Any, w: Any, who: str) -> None:
    """Raise where two vectors tell that a matrix, said to be symmetric, is not."""
    there, back = product(v), product(w)
    size = np.linalg.norm(w) * np.linalg.norm(there) + np.linalg.norm(v) * np.linalg.norm(back)
    if np.abs(w @ there - v @ back) > 1e-4 * size:
        raise ValueError(
            f"{who}: the function is not symmetric, and its derivative would be wrong: leave "
            "symmetric=True out"
        )


def custom_root(
    f: Callable[..., Any] | None = None,
    *,
    solver: Callable[[Callable[[Any], Any], Any], Any] | None = None,
    linear_solver: Callable[[Callable[[Any], Any], Any], Any] | None = None,
) -> Any:
    """The root of a function of unknowns and parameters, as a function of the parameters.

    Derivatives come from the equations at the root (the implicit function theorem), not from the
    steps of the solver: they are exact, cost one linear system, and the solver may be anything.

    Parameters
    ----------
    f : callable
        ``f(x, *parameters)``, which is to be zero: as many numbers as there are in x, in any
        containers; a complex number counts as two real ones, and equations in them need not be
        holomorphic. It may use tracked values from outside. Left out, the result is a decorator.
    solver : callable, optional
        ``solver(g, guess) -> x`` for the function ``g(x) = f(x, *parameters)`` of plain values,
        which can be differentiated. By default Newton's method.
    linear_solver : callable, optional
        ``linear_solver(product, b) -> x`` solves the linear system of the derivative from products
        with the Jacobian, see `linear_solve`; by default the Jacobian is made and factorised.

    Returns
    -------
    callable
        ``root(guess, *parameters)`` gives the root in the container of the guess, a function of the
        parameters in every mode and order, under `vmap` and in compiled functions.

    Raises
    ------
    ValueError
        If there are more or fewer equations than unknowns.
    RuntimeError
        If the solver does not converge.
    numpy.linalg.LinAlgError
        When differentiated, if the Jacobian by the unknowns is singular at the root.

    See Also
    --------
    custom_fixed_point, implicit_minimize, linear_solve

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> kepler = cd.custom_root(lambda E, e, M: E - e * np.sin(E) - M)
    >>> round(kepler(1.0, 0.1, 0.8), 12)
    0.876874361296
    >>> round(cd.grad(kepler, argnums=1)(1.0, 0.1, 0.8), 12)
    0.821268415885
    """
    options = {"solver": solver, "linear_solver": linear_solver}
    if f is None:
        return lambda f: custom_root(f, **options)
    return _Implicit(f, custom_root, options)


def custom_fixed_point(
    f: Callable[..., Any] | None = None,
    *,
    solver: Callable[[Callable[[Any], Any], Any], Any] | None = None,
    linear_solver: Callable[[Callable[[Any], Any], Any], Any] | None = None,
) -> Any:
    """The fixed point of a map of unknowns to themselves, as a function of the parameters.

    Parameters
    ----------
    f : callable
        ``f(x, *parameters)``, which is to be x: a container like it.
    solver : callable, optional
        ``solver(g, guess) -> x`` for ``g(x) = f(x, *parameters)``. By default the map is applied
        until nothing changes any more.
    linear_solver : callable, optional
        As for `custom_root`.

    Returns
    -------
    callable
        ``fixed_point(guess, *parameters)``.

    Raises
    ------
    TypeError, ValueError
        If the map gives another structure or another shape than it takes.
    RuntimeError
        If the iteration does not converge.
    numpy.linalg.LinAlgError
        When differentiated, if the point is a multiple one.

    See Also
    --------
    custom_root

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> settle = cd.custom_fixed_point(lambda x, a: 0.5 * (x + a / x))
    >>> settle(1.0, 4.0), cd.grad(settle, argnums=1)(1.0, 4.0)
    (2.0, 0.25)
    """
    options = {"solver": solver, "linear_solver": linear_solver}
    if f is None:
        return lambda f: custom_fixed_point(f, **options)
    return _FixedPoint(f, custom_fixed_point, options)


def implicit_minimize(
    f: Callable[..., Any] | None = None,
    *,
    solver: Callable[[Callable[[Any], Any], Any], Any] | None = None,
    linear_solver: Callable[[Callable[[Any], Any], Any], Any] | None = None,
) -> Any:
    """The minimiser of a function of unknowns and parameters, as a function of the parameters.

    Parameters
    ----------
    f : callable
        ``f(x, *parameters)``, one number.
    solver : callable, optional
        ``solver(g, guess) -> x`` for the objective ``g(x) = f(x, *parameters)`` of plain values,
        which can be differentiated. By default Newton's method. The derivatives are as accurate as
        its solution.
    linear_solver : callable, optional
        As for `custom_root`, with products of the Hessian.

    Returns
    -------
    callable
        ``minimiser(guess, *parameters)``.

    Raises
    ------
    ValueError
        If `f` returns more than one number.
    RuntimeError
        If there is no convergence, or without `solver` only to a maximum or a saddle point.
    numpy.linalg.LinAlgError
        When differentiated, if the Hessian is singular at the minimum.

    See Also
    --------
    custom_root

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> nearest = cd.implicit_minimize(lambda x, a: (x - a) ** 2 + 0.5 * x ** 2)
    >>> round(nearest(0.0, 3.0), 12), round(cd.grad(nearest, argnums=1)(0.0, 3.0), 12)
    (2.0, 0.666666666667)
    """
    options = {"solver": solver, "linear_solver": linear_solver}
    if f is None:
        return lambda f: implicit_minimize(f, **options)
    return _Minimum(f, implicit_minimize, options)
