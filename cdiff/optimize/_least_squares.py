"""`least_squares`: SciPy's solver of nonlinear least squares, with Jacobians of plain functions.

This file knows what SciPy's function takes; Jacobians belong to `_vector.py`. Residuals and
Jacobian are two programs, which `curve_fit` goes on to use.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._pictures._progress import counted, is_on
from cdiff.optimize._adapt import (
    container_callback,
    no_derivative,
    of_vectors,
    plain_args,
    scipy_bounds,
    with_containers,
)
from cdiff.optimize._vector import Variables, VectorFunction
from cdiff.scipy._need import scipy_module

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["by_minpack", "fitted", "least_squares", "undifferentiated"]

# What MINPACK says in the numbers of `least_squares`; what is not here is none of its results.
STATUS = {1: 2, 2: 3, 3: 4, 4: 1, 5: 0}
TOLERANCES = ("ftol", "xtol", "gtol")


def least_squares(
    fun: Callable[..., Any],
    x0: Any,
    *,
    bounds: Any = None,
    args: Any = (),
    kwargs: dict[str, Any] | None = None,
    x_scale: Any = None,
    callback: Callable[..., Any] | None = None,
    sparse: bool = False,
    compile: bool = True,
    **options: Any,
) -> Any:
    """`scipy.optimize.least_squares` of plain residuals: the Jacobian is found by itself.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args, **kwargs)``: residuals, as an array or any container of them.
    x0 : container of floats and arrays
    bounds : container, optional
        Like `x0`, with a pair (lower, upper) for each number or array. For a single array also what
        SciPy takes.
    args : tuple, optional
    kwargs : dict, optional
        Further arguments of `fun`.
    x_scale : optional
        As for SciPy, or a container like `x0`.
    callback : callable, optional
        As for SciPy (1.16 and later); it gets containers.
    sparse : bool, default False
        Give SciPy a sparse Jacobian (see `cdiff.sparse_jacobian`), for large problems; not for
        ``method="lm"``.
    compile : bool, default True
        Record the functions as programs.
    **options : object
        What else SciPy takes: `method`, `ftol`, `xtol`, `gtol`, `loss`, `f_scale`, `max_nfev`,
        `tr_solver`, `verbose`, ...; `jac`, of containers like `x0`, where it is to be another one.

    Returns
    -------
    scipy.optimize.OptimizeResult
        SciPy's, with `x`, `grad` and `active_mask` in the container of `x0`; `fun` is one vector
        and `jac` a matrix.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.
    ImportError
        Without SciPy.

    Examples
    --------
    >>> import numpy as np, cdiff.optimize as cdo
    >>> t = np.linspace(0.0, 1.0, 9)
    >>> y = 2.0 * np.exp(-3.0 * t)
    >>> found = cdo.least_squares(lambda p: p["size"] * np.exp(-p["rate"] * t) - y,
    ...                           {"size": 1.0, "rate": 1.0}, bounds={"rate": (0.0, None)})
    >>> {name: round(value, 6) for name, value in found.x.items()}
    {'size': 2.0, 'rate': 3.0}
    """
    variables = Variables(x0, "least_squares")
    function = VectorFunction(_with_kwargs(fun, kwargs), variables, compile)
    return fitted(function, plain_args(args), bounds=bounds, x_scale=x_scale, callback=callback,
                  sparse=sparse, **options)  # fmt: skip


def fitted(
    function: VectorFunction,
    args: tuple[Any, ...] = (),
    *,
    bounds: Any = None,
    x_scale: Any = None,
    callback: Callable[..., Any] | None = None,
    sparse: bool = False,
    **options: Any,
) -> Any:
    """What `least_squares` does, for residuals whose programs its caller goes on to use.

    Parameters
    ----------
    function : VectorFunction
    args, bounds, x_scale, callback, sparse
        As for `least_squares`.
    **options : object
        As for `least_squares`.

    Returns
    -------
    scipy.optimize.OptimizeResult
    """
    scipy = scipy_module("optimize", "cdiff.optimize")
    variables = function.variables
    if callback is not None:
        options["callback"] = container_callback(callback, variables)
    if bounds is not None:
        options["bounds"] = scipy_bounds(scipy, variables, bounds)
    if x_scale is not None:
        known = isinstance(x_scale, str) or np.ndim(x_scale) == 0 and not isinstance(x_scale, dict)
        options["x_scale"] = x_scale if known else variables.vector(x_scale, "x_scale")
    given = options.pop("jac", None)
    by_itself = function.made("sparse_jacobian" if sparse else "jacobian")
    options["jac"] = by_itself if given is None else of_vectors(given, variables)
    flat = function.made("flat")
    with (
        no_derivative(lambda: flat(variables.start, *args), undifferentiated(variables)),
        counted(flat, variables.who, _cost) as residuals,
    ):
        result = scipy.least_squares(residuals, variables.start, args=args, **options)
    return with_containers(result, variables, ("x", "grad", "active_mask"))


def by_minpack(function: VectorFunction, args: tuple[Any, ...], **options: Any) -> Any:
    """What `fitted` does by ``method="lm"``, past what SciPy's interface costs a small fit.

    That is as much as ten evaluations of a model and its Jacobian. Only for tolerances and
    `max_nfev`; where there is anything else, or a progress bar, `fitted` does it.

    Parameters
    ----------
    function, args, **options
        As for `fitted`.

    Returns
    -------
    scipy.optimize.OptimizeResult
    """
    tolerances = [options.get(name) for name in TOLERANCES]
    plain = options.keys() <= {"method", "max_nfev", *TOLERANCES} and options["method"] == "lm"
    allowed = all(x.__class__ is float and x > np.finfo(float).eps for x in tolerances)
    if not (plain and allowed) or is_on():
        return fitted(function, args, **options)
    scipy = scipy_module("optimize", "cdiff.optimize")
    variables = function.variables
    residuals, jacobian = function.made("flat"), function.made("jacobian")
    if not np.all(np.isfinite(residuals(variables.start, *args))):
        raise ValueError(f"{variables.who}: the residuals are not finite at the first guess")
    most = options.get("max_nfev") or 100 * variables.start.size
    given = dict(zip(TOLERANCES, tolerances, strict=True))
    with no_derivative(lambda: residuals(variables.start, *args), undifferentiated(variables)):
        x, _, info, says, code = scipy.leastsq(
            residuals, variables.start, args, jacobian, full_output=True, maxfev=most, **given
        )
    matrix = jacobian(x, *args)
    gradient = info["fvec"] @ matrix
    result = scipy.OptimizeResult(
        x=x, cost=0.5 * (info["fvec"] @ info["fvec"]), fun=info["fvec"], jac=matrix, grad=gradient,
        optimality=np.max(np.abs(gradient)), active_mask=np.zeros(x.size), nfev=info["nfev"],
        njev=info["njev"], status=STATUS.get(code, -1), message=says,
        success=STATUS.get(code, -1) > 0,
    )  # fmt: skip
    return with_containers(result, variables, ("x", "grad", "active_mask"))


def undifferentiated(variables: Variables) -> str:
    """What to take where derivatives of the result are wanted."""
    return (
        f"{variables.who}: the function or its data depend on a value that is being "
        "differentiated, and the results of SciPy's solvers have no derivative; take "
        "cdiff.implicit_minimize of the sum of squares, whose results have"
    )


def _cost(residuals: Any) -> str:
    return f"cost {0.5 * float(np.sum(np.square(residuals))):.6g}"


def _with_kwargs(f: Callable[..., Any], kwargs: dict[str, Any] | None) -> Callable[..., Any]:
    return partial(f, **kwargs) if kwargs else f
