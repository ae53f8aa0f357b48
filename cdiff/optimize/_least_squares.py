"""`least_squares` and `root`: SciPy's solvers of systems, with Jacobians of plain functions.

This file knows what SciPy's two functions take; Jacobians belong to `_vector.py`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._wrap import function_name
from cdiff.optimize._adapt import container_callback, plain_args, scipy_bounds, with_containers
from cdiff.optimize._vector import Variables, VectorFunction
from cdiff.scipy._need import scipy_module

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["least_squares", "root"]

WITH_JACOBIAN = {"hybr", "lm"}


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
        `tr_solver`, `verbose`, ...

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
    scipy = scipy_module("optimize", "cdiff.optimize")
    variables = Variables(x0, "least_squares")
    function = VectorFunction(_with_kwargs(fun, kwargs), variables, compile)
    if callback is not None:
        options["callback"] = container_callback(callback, variables)
    if bounds is not None:
        options["bounds"] = scipy_bounds(scipy, variables, bounds)
    if x_scale is not None:
        known = isinstance(x_scale, str) or np.ndim(x_scale) == 0 and not isinstance(x_scale, dict)
        options["x_scale"] = x_scale if known else variables.vector(x_scale, "x_scale")
    options.setdefault("jac", function.made("sparse_jacobian" if sparse else "jacobian"))
    result = scipy.least_squares(
        function.made("flat"),
        variables.start,
        args=plain_args(args),
        **options,
    )
    return with_containers(result, variables, ("x", "grad", "active_mask"))


def _with_kwargs(f: Callable[..., Any], kwargs: dict[str, Any] | None) -> Callable[..., Any]:
    return partial(f, **kwargs) if kwargs else f


def root(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    *,
    callback: Callable[..., Any] | None = None,
    compile: bool = True,
    **options: Any,
) -> Any:
    """`scipy.optimize.root` of a plain function: the Jacobian is found by itself.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)``: as many numbers as there are in x, in any container.
    x0 : container of floats and arrays
    args : tuple, optional
    method : str, default "hybr"
        As for SciPy; "hybr" and "lm" get the Jacobian, the others do not ask for it.
    callback : callable, optional
    compile : bool, default True
        Record the functions as programs.
    **options : object
        What else SciPy takes: `tol`, `options`, `jac`.

    Returns
    -------
    scipy.optimize.OptimizeResult
        SciPy's, with `x` in the container of `x0`.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit, or the numbers of equations and unknowns differ.
    ImportError
        Without SciPy.

    See Also
    --------
    cdiff.custom_root : a root that can itself be differentiated.

    Examples
    --------
    >>> import numpy as np, cdiff.optimize as cdo
    >>> found = cdo.root(lambda p: (p["x"] + p["y"] - 3.0, p["x"] * p["y"] - 2.0),
    ...                  {"x": 0.5, "y": 2.5})
    >>> {name: round(value, 6) for name, value in found.x.items()}
    {'x': 1.0, 'y': 2.0}
    """
    scipy = scipy_module("optimize", "cdiff.optimize")
    variables = Variables(x0, "root")
    function = VectorFunction(fun, variables, compile)
    value = function.made("flat")
    size = np.size(value(variables.start, *plain_args(args)))
    if size != variables.packing.size:
        raise ValueError(
            f"root: {function_name(fun)} returned {size} number(s) for {variables.packing.size} "
            "unknown(s); there must be as many equations as unknowns"
        )
    if method in WITH_JACOBIAN:
        options.setdefault("jac", function.made("jacobian"))
    if callback is not None:
        options["callback"] = container_callback(callback, variables)
    result = scipy.root(value, variables.start, args=plain_args(args), method=method, **options)
    return with_containers(result, variables, ("x",))
