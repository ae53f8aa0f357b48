"""`minimize`: SciPy's minimisers with derivatives of every kind that a method asks for.

This file knows which method takes which derivative, and how SciPy writes constraints and callbacks;
derivatives themselves belong to `_vector.py`. Value and gradient come from one program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._pictures._progress import counted
from cdiff.optimize._adapt import (
    container_callback,
    no_derivative,
    of_vectors,
    plain_args,
    scipy_bounds,
    with_containers,
)
from cdiff.optimize._vector import Variables, VectorFunction, is_container
from cdiff.scipy._need import scipy_module

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["minimize"]

WITHOUT_GRADIENT = {"nelder-mead", "powell", "cobyla", "cobyqa"}
BY_PRODUCTS = {"newton-cg", "trust-ncg", "trust-krylov"}
BY_HESSIAN = {"dogleg", "trust-exact"}
LIMITS = {"eq": (0.0, 0.0), "ineq": (0.0, np.inf)}  # of constraints that are dicts
NO_DERIVATIVE = (
    "minimize: fun depends on a value that is being differentiated, and the results of SciPy's "
    "minimisers have no derivative; take cdiff.implicit_minimize, whose results have"
)
LARGEST_HESSIAN = 100  # variables up to which trust-constr gets a matrix, and products beyond


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: Any = None,
    *,
    bounds: Any = None,
    constraints: Any = (),
    callback: Callable[..., Any] | None = None,
    sparse: bool = False,
    compile: bool = True,
    **options: Any,
) -> Any:
    """`scipy.optimize.minimize` of a plain function: its derivatives are found by themselves.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)``, one number, for x like `x0`.
    x0 : container of floats and arrays
        The first guess.
    args : tuple, optional
        Further arguments of `fun`, not differentiated.
    method : str or callable, optional
        As for SciPy. Methods get the gradient; "Newton-CG", "trust-ncg" and "trust-krylov" products
        with the Hessian; "dogleg" and "trust-exact" the Hessian; "trust-constr" the Hessian of up
        to a hundred variables, else products.
    bounds : container, optional
        Like `x0`, with a pair (lower, upper) for each number or array; None, or an entry of a dict
        that is left out, is no bound. For a single array also what SciPy takes.
    constraints : optional
        As for SciPy, with functions of containers like `x0`: dicts, or `NonlinearConstraint` and
        `LinearConstraint` (of all variables as one vector). Their Jacobians and Hessians are added.
        The limits of a `NonlinearConstraint` may be containers like the results of its function;
        what is left out there is no limit.
    callback : callable, optional
        As for SciPy; it gets containers.
    sparse : bool, default False
        Give "trust-constr" sparse Hessians, and sparse Jacobians of the constraints (see
        `cdiff.sparse_hessian`), for large problems.
    compile : bool, default True
        Record the functions as programs. False for functions that must run at each call.
    **options : object
        What else SciPy takes: `tol`, `options`; `jac`, `hess` and `hessp` where they are to be
        other ones, of containers, or strings and update strategies of SciPy.

    Returns
    -------
    scipy.optimize.OptimizeResult
        SciPy's, with `x` and `jac` in the container of `x0`.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit, or `fun` does not return one number.
    ImportError
        Without SciPy.

    Examples
    --------
    >>> import numpy as np, cdiff.optimize as cdo
    >>> rosenbrock = lambda x: np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
    >>> cdo.minimize(rosenbrock, np.zeros(4), method="trust-exact").x.round(3)
    array([1., 1., 1., 1.])
    """
    scipy = scipy_module("optimize", "cdiff.optimize")
    variables = Variables(x0, "minimize")
    function = VectorFunction(fun, variables, compile)
    method = method.lower() if isinstance(method, str) else method  # as SciPy reads it
    if sparse and method != "trust-constr":
        raise ValueError(f"minimize: sparse=True is for method='trust-constr', not {method!r}")
    given = _derivatives(function, method, options, sparse)
    args = plain_args(args)
    with (
        no_derivative(lambda: function.made("value")(variables.start, *args), NO_DERIVATIVE),
        counted(given.pop("fun"), "minimize", _reached) as f,
    ):
        result = scipy.minimize(
            f,
            variables.start,
            args=args,
            method=method,
            bounds=scipy_bounds(scipy, variables, bounds),
            constraints=_constraints(scipy, constraints, variables, compile, method, sparse),
            callback=container_callback(callback, variables),
            **given,
            **options,
        )
    return with_containers(result, variables, ("x", "jac"))


def _reached(out: Any) -> str:
    """The value, of a result that may have a gradient beside it."""
    return f"value {float(out[0] if isinstance(out, tuple) else out):.6g}"


def _derivatives(
    function: VectorFunction, method: Any, options: dict[str, Any], sparse: bool
) -> dict[str, Any]:
    """The function and its derivatives for a method; what the user gave is taken from `options`."""
    name = method if isinstance(method, str) else ""
    variables, own = function.variables, {}
    for key in ("jac", "hess", "hessp"):
        value = options.pop(key, None)
        if value is True:
            raise TypeError(
                f"minimize: {key}=True says that fun returns its derivative too; here fun returns "
                f"its value alone, and the derivative is found by itself: leave {key} out"
            )
        if value is not None:
            own[key] = _of_containers(value, key, variables)
    if name in WITHOUT_GRADIENT or "jac" in own:
        return {"fun": function.made("value"), **own}
    found = {"fun": function.made("value_and_grad"), "jac": True, **own}
    if "hess" in own or "hessp" in own:
        return found
    small = variables.packing.size <= LARGEST_HESSIAN
    if sparse:
        found["hess"] = function.made("sparse_hessian")
    elif name in BY_HESSIAN or (name == "trust-constr" and small):
        found["hess"] = function.made("hessian")
    elif name in BY_PRODUCTS or name == "trust-constr":
        found["hessp"] = function.made("product")
    return found


def _of_containers(value: Any, key: str, variables: Variables) -> Any:
    """A derivative of the user's, as a function of vectors."""
    if not callable(value) or isinstance(value, type) or hasattr(value, "initialize"):
        return value  # a name of SciPy's, or one of its update strategies
    if key == "hess":
        return of_vectors(value, variables)
    if key == "hessp":
        return lambda v, p, *args: variables.vector(
            value(variables.tree(v), variables.tree(p), *args), "what hessp returned"
        )
    return lambda v, *args: variables.vector(value(variables.tree(v), *args), "what jac returned")


def _constraints(
    scipy: Any, given: Any, variables: Variables, compile: bool, method: Any, sparse: bool
) -> Any:
    """Constraints with their derivatives."""
    if isinstance(given, (list, tuple)):
        return [_constraints(scipy, c, variables, compile, method, sparse) for c in given]
    kind = "sparse_" if sparse else ""
    if callable(given) or (isinstance(given, dict) and not callable(given.get("fun"))):
        raise TypeError(
            "minimize: a constraint is a dict with the entries 'type' ('eq' or 'ineq') and 'fun', "
            f"a NonlinearConstraint or a LinearConstraint, got {given!r:.60}"
        )
    if isinstance(given, dict):
        function = VectorFunction(given["fun"], variables, compile)
        jac = given.get("jac")
        by_itself = function.made(f"{kind}jacobian")
        jac = by_itself if jac is None else of_vectors(jac, variables)
        limits = LIMITS.get(str(given.get("type")).lower())
        if method != "trust-constr" or limits is None:
            return {**given, "fun": function.made("flat"), "jac": jac}
        args = plain_args(given.get("args", ()))
        return scipy.NonlinearConstraint(
            _at(function.made("flat"), args), *limits, _at(jac, args),
            _at(function.made(f"{kind}weighted_hessian"), args),
        )  # fmt: skip
    if isinstance(given, scipy.NonlinearConstraint):
        function = VectorFunction(given.fun, variables, compile)
        own: dict[str, Any] = {"jac": function.made(f"{kind}jacobian")}
        if callable(method) or method == "trust-constr":  # the others warn that they ignore it
            own["hess"] = function.made(f"{kind}weighted_hessian")
        if np.any(given.keep_feasible):
            own["keep_feasible"] = given.keep_feasible
        return scipy.NonlinearConstraint(function.made("flat"), *_limits(given, variables), **own)
    return given


def _at(f: Any, args: tuple[Any, ...]) -> Any:
    """A function with its further arguments given; what is none stays as it is."""
    return (lambda *v: f(*v, *args)) if callable(f) and args else f


def _limits(given: Any, variables: Variables) -> tuple[Any, Any]:
    """The limits of a constraint, which may be containers like the results of its function."""
    if not (is_container(given.lb) or is_container(given.ub)):
        return given.lb, given.ub
    results = Variables(given.fun(variables.tree(variables.start)), "minimize: a constraint")
    return results.spread(given.lb, "lb", -np.inf), results.spread(given.ub, "ub", np.inf)
