"""SciPy's `solve_ivp` and `solve_bvp` for plain functions: Jacobians come by themselves.

This file knows what SciPy's functions take and give, and containers; derivatives are those of the
transformations. The functions run as programs, and so do their Jacobians.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._compile import compile as compiled
from cdiff._forward import jvp
from cdiff._jacobian import jacobian
from cdiff._tree import unflatten
from cdiff._wrap import check_function
from cdiff.integrate._adjoint import IMPLICIT
from cdiff.numpy import stack
from cdiff.optimize._adapt import plain_args
from cdiff.optimize._vector import Variables
from cdiff.scipy._need import scipy_module

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["solve_bvp", "solve_ivp"]


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
    compile: bool = True,
    **options: Any,
) -> Any:
    """`scipy.integrate.solve_ivp` of a plain function of containers, with its Jacobian.

    The result has no derivative; see `odeint` for one that has.

    Parameters
    ----------
    fun : callable
        ``fun(t, y, *args)``, a container like `y0`.
    t_span : pair of float
    y0 : container of floats and arrays
    method : str or class, default "RK45"
        "Radau", "BDF" and "LSODA" get the Jacobian.
    t_eval : array, optional
    dense_output : bool, default False
    events : callable or list of them, optional
        ``event(t, y, *args)``, with SciPy's attributes `terminal` and `direction`.
    args : tuple, optional
        All as for SciPy.
    compile : bool, default True
        Record the functions as programs.
    **options : object
        What else SciPy takes: `rtol`, `atol`, `max_step`, `first_step`, `jac`, ...

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
    variables = Variables(y0, "solve_ivp")
    made: Callable[[Any], Any] = compiled if compile else lambda f: f

    def slope(t: Any, v: Any, *args: Any) -> Any:
        out = fun(t, variables.tree(v), *args)
        return variables.joined(variables.opened(out, "what fun returned"))

    if method in IMPLICIT:
        options.setdefault("jac", made(jacobian(slope, argnums=1)))
    if events is not None:
        single = callable(events)
        given = [_event(e, variables) for e in ([events] if single else events)]
        events = given[0] if single else given
    result = scipy.solve_ivp(
        made(slope), t_span, variables.start, method, t_eval, dense_output, events,
        args=plain_args(args) or None, **options,
    )  # fmt: skip
    result.y = _columns(result.y, variables)
    if result.y_events is not None:
        result.y_events = [_columns(y.T, variables) if len(y) else None for y in result.y_events]
    if result.sol is not None:
        result.sol = _Dense(result.sol, variables)
    return result


def _event(event: Callable[..., Any], variables: Variables) -> Any:
    """An event of containers as one of vectors."""
    check_function(event, "solve_ivp: events")

    def f(t: Any, v: Any, *args: Any) -> Any:
        return event(t, variables.tree(v), *args)

    for name in ("terminal", "direction"):
        if hasattr(event, name):
            setattr(f, name, getattr(event, name))
    return f


def _columns(y: Any, variables: Variables) -> Any:
    """States, which are columns of a matrix, as a container with the last axis for them."""
    if variables.bare and len(variables.packing.specs[0][1]) == 1:
        return y
    packing = variables.packing
    parts = [
        np.asarray(y[start:stop].reshape((*shape, *y.shape[1:])), dtype)
        for start, stop, (dtype, shape) in zip(
            packing.starts[:-1], packing.starts[1:], packing.specs, strict=True
        )
    ]
    return unflatten(variables.treedef, parts)


class _Dense:
    """SciPy's dense output, in containers."""

    def __init__(self, sol: Any, variables: Variables) -> None:
        self.sol = sol
        self.variables = variables

    def __call__(self, t: Any) -> Any:
        return _columns(self.sol(t), self.variables)


def solve_bvp(
    fun: Callable[..., Any],
    bc: Callable[..., Any],
    x: Any,
    y: Any,
    p: Any = None,
    *,
    compile: bool = True,
    **options: Any,
) -> Any:
    """`scipy.integrate.solve_bvp` of plain functions, with all their Jacobians.

    Parameters
    ----------
    fun : callable
        ``fun(x, y)`` or ``fun(x, y, p)`` for all places at once, as for SciPy: x of shape (m,), y
        and the result of shape (n, m). Each column must depend on its own place only.
    bc : callable
        ``bc(ya, yb)`` or ``bc(ya, yb, p)``: the boundary conditions.
    x : array of shape (m,)
    y : array of shape (n, m)
    p : array of shape (k,), optional
        All as for SciPy.
    compile : bool, default True
        Record the functions as programs.
    **options : object
        What else SciPy takes: `S`, `tol`, `max_nodes`, `verbose`, `bc_tol`.

    Returns
    -------
    object
        SciPy's result.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.
    ImportError
        Without SciPy.

    Examples
    --------
    >>> import numpy as np, cdiff.numpy as cnp, cdiff.integrate as cdi
    >>> x = np.linspace(0.0, 1.0, 5)
    >>> found = cdi.solve_bvp(lambda x, y: cnp.stack([y[1], -np.exp(y[0])]),
    ...                       lambda a, b: cnp.stack([a[0], b[0]]), x, np.zeros((2, 5)))
    >>> found.success, round(float(found.sol(0.5)[0]), 4)
    (True, 0.1405)
    """
    check_function(fun, "solve_bvp")
    check_function(bc, "solve_bvp")
    scipy = scipy_module("integrate", "cdiff.integrate")
    made: Callable[[Any], Any] = compiled if compile else lambda f: f

    def fun_jac(x: Any, y: Any, *p: Any) -> Any:
        columns = []
        for k in range(y.shape[0]):
            direction = np.zeros(y.shape)
            direction[k] = 1.0
            columns.append(jvp(lambda y: fun(x, y, *p), (y,), (direction,))[1])
        by_y = stack(columns, axis=1)
        if not p:
            return by_y
        by_p = jacobian(lambda q: fun(x, y, q))(p[0])
        return by_y, by_p.transpose((0, 2, 1))

    numbers = (0, 1) if p is None else (0, 1, 2)
    return scipy.solve_bvp(
        made(fun), made(bc), x, y, p,
        fun_jac=made(fun_jac), bc_jac=made(jacobian(bc, argnums=numbers)), **options,
    )  # fmt: skip
