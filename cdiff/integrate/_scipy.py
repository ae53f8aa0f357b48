"""SciPy's `solve_ivp` for plain functions: the Jacobian comes by itself, and states are containers.

This file knows what SciPy's function takes and gives, and containers; derivatives are those of the
transformations. The slope runs as a program, and so does its Jacobian.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._arguments._tree import describe, flatten, unflatten
from cdiff._arguments._wrap import check_function, function_name
from cdiff._compiled._compile import compile as compiled
from cdiff._pictures._progress import covered
from cdiff._sparsity._sparse import sparse_jacobian
from cdiff._transformations._jacobian import jacobian
from cdiff.integrate._adjoint import IMPLICIT
from cdiff.optimize._adapt import no_derivative, plain_args
from cdiff.optimize._vector import Variables
from cdiff.scipy._need import scipy_module

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Dense", "columns", "solve_ivp"]

NO_DERIVATIVE = (
    "solve_ivp: fun or y0 depend on a value that is being differentiated, and SciPy's results have "
    "no derivative; take cdiff.integrate.odeint, whose results have"
)
SPARSE = ("Radau", "BDF")  # what takes sparse Jacobians


def solve_ivp(
    fun: Callable[..., Any],
    t_span: Any,
    y0: Any,
    method: Any = "RK45",
    t_eval: Any = None,
    dense_output: bool = False,
    events: Any = None,
    args: Any = (),
    *,
    sparse: bool = False,
    compile: bool = True,
    **options: Any,
) -> Any:
    """`scipy.integrate.solve_ivp` of a plain function of containers, with its Jacobian.

    The result has no derivative; see `odeint` for one that has.

    Parameters
    ----------
    fun : callable
        ``fun(t, y, *args)``, a container like `y0`; for a vector also a list of numbers.
    t_span : pair of float
    y0 : container of floats and arrays
        Where it is complex, `fun` must be a holomorphic function of it, as for SciPy.
    method : str or class, default "RK45"
        "Radau", "BDF" and "LSODA" get the Jacobian.
    t_eval : array, optional
    dense_output : bool, default False
    events : callable or list of them, optional
        ``event(t, y, *args)``, with SciPy's attributes `terminal` and `direction`.
    args : tuple, optional
        All as for SciPy.
    sparse : bool, default False
        Give "Radau" or "BDF" a sparse Jacobian (see `cdiff.sparse_jacobian`), for large systems.
    compile : bool, default True
        Record the functions as programs.
    **options : object
        What else SciPy takes: `rtol`, `atol`, `max_step`, `first_step`, ...; `jac` where it is to
        be another one, ``jac(t, y, *args)`` with y like `y0`.

    Returns
    -------
    object
        SciPy's result, with `y`, `y_events` and what `sol(t)` gives in the container of `y0`: each
        leaf has the times as its last axis, as in SciPy.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.
    ImportError
        Without SciPy.

    Examples
    --------
    >>> import cdiff.integrate as cdi
    >>> fast = lambda t, y: {"a": -1000.0 * (y["a"] - y["b"]), "b": -y["b"]}
    >>> found = cdi.solve_ivp(fast, (0.0, 1.0), {"a": 0.0, "b": 1.0}, "Radau", rtol=1e-8)
    >>> bool(abs(found.y["b"][-1] - 0.36787944) < 1e-6), found.njev < 10
    (True, True)
    """
    check_function(fun, "solve_ivp")
    scipy = scipy_module("integrate", "cdiff.integrate")
    with no_derivative(lambda: y0, NO_DERIVATIVE):  # a start is no guess, which has none
        for leaf in flatten(y0)[0]:
            np.asarray(leaf)
    variables = Variables(y0, "solve_ivp", real=False)
    made: Callable[[Any], Any] = compiled if compile else lambda f: f

    def slope(t: Any, v: Any, *args: Any) -> Any:
        out = fun(t, variables.tree(v), *args)
        return variables.joined(variables.opened(out, "what fun returned"))

    options |= _jacobian_option(method, sparse, slope, variables, made, options.get("jac"))
    if events is not None:
        single = callable(events)
        given = [_event(e, variables) for e in ([events] if single else events)]
        events = given[0] if single else given
    start, end = _span(t_span)
    args = plain_args(args)
    with (
        no_derivative(lambda: slope(start, variables.start, *args), NO_DERIVATIVE),
        covered(made(slope), "solve_ivp", start, end) as f,
    ):
        result = scipy.solve_ivp(
            f, t_span, variables.start, method, t_eval, dense_output, events,
            args=args or None, **options,
        )  # fmt: skip
    result.y = columns(result.y, variables)
    if result.y_events is not None:
        result.y_events = [columns(y.T, variables) if len(y) else None for y in result.y_events]
    if result.sol is not None:
        result.sol = Dense(result.sol, variables)
    return result


def _jacobian_option(
    method: Any, sparse: bool, slope: Any, variables: Variables, made: Any, given: Any
) -> dict[str, Any]:
    """What SciPy is told of the Jacobian: the caller's own, that of the slope, or nothing."""
    name = getattr(method, "__name__", method)  # SciPy takes its classes, too
    if sparse and name not in SPARSE:
        raise ValueError(
            f"solve_ivp: sparse=True is for the methods {' and '.join(SPARSE)}, not {name!r}"
        )
    if callable(given):
        return {"jac": lambda t, v, *args: given(t, variables.tree(v), *args)}
    if name not in IMPLICIT or given is not None:
        return {}
    kinds = {dtype.kind for dtype, _ in variables.packing.specs}
    if sparse:  # sparse derivatives are programs already
        return {"jac": sparse_jacobian(slope, 1)}
    if len(kinds) > 1:  # beside real numbers, complex ones are not a holomorphic function
        return {}
    return {"jac": made(jacobian(slope, argnums=1, holomorphic=kinds == {"c"}))}


def _span(t_span: Any) -> tuple[float, float]:
    """The two ends of a time span."""
    if np.shape(t_span) != (2,):
        raise ValueError(f"solve_ivp: t_span must be a pair of times, got {t_span!r}")
    return float(t_span[0]), float(t_span[1])


def _event(event: Callable[..., Any], variables: Variables) -> Any:
    """An event of containers as one of vectors."""
    check_function(event, "solve_ivp: events")

    def f(t: Any, v: Any, *args: Any) -> Any:
        found = event(t, variables.tree(v), *args)
        if found is None or isinstance(found, dict) or np.size(found) != 1:
            raise TypeError(
                f"solve_ivp: the output of {function_name(event)} is {describe(found)}; an event "
                "is one number, which is zero where it happens"
            )
        return np.reshape(found, ())[()]

    for name in ("terminal", "direction"):
        if hasattr(event, name):
            setattr(f, name, getattr(event, name))
    return f


def columns(y: Any, variables: Variables) -> Any:
    """States, which are columns of a matrix, as a container with the last axis for them.

    Parameters
    ----------
    y : ndarray or Array of shape (n,) or (n, m)
    variables : Variables
        Of one state.

    Returns
    -------
    container
    """
    if variables.bare and len(variables.packing.specs[0][1]) == 1:
        return y
    packing, rest = variables.packing, y.shape[1:]
    parts = [
        _core.cast(part, dtype) if isinstance(y, _core.Array) else part.astype(dtype, copy=False)
        for part, (dtype, _) in [
            (y[start:stop].reshape((*spec[1], *rest)), spec)
            for start, stop, spec in zip(
                packing.starts[:-1], packing.starts[1:], packing.specs, strict=True
            )
        ]
    ]
    return unflatten(variables.treedef, parts)


class Dense:
    """SciPy's dense output, in containers.

    Parameters
    ----------
    sol : callable
    variables : Variables
        Of one state.
    """

    def __init__(self, sol: Any, variables: Variables) -> None:
        self.sol = sol
        self.variables = variables

    def __call__(self, t: Any, *args: Any) -> Any:
        return columns(self.sol(t, *args), self.variables)

    def __getattr__(self, name: str) -> Any:
        if name == "sol":  # while it is copied or unpickled, there is none yet
            raise AttributeError(name)
        return getattr(self.sol, name)
