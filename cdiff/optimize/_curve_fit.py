"""`curve_fit`: a model fitted to data, with standard errors from exact derivatives at the solution.

SciPy's `least_squares` finds the parameters; the covariance is that of the exact Jacobian there, or
of the exact Hessian of the sum of squares. This file knows statistics; solvers and derivatives it
takes from its neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cdiff._face import misfit
from cdiff._wrap import check_function
from cdiff.optimize._least_squares import by_minpack
from cdiff.optimize._model import Model, fit_function
from cdiff.optimize._vector import Variables, is_container, refuse_complex

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CurveFit", "curve_fit"]

TOLERANCE = 1e-12  # SciPy's is for differences of values; exact Jacobians reach this in a step more


class CurveFit(NamedTuple):
    """What `curve_fit` found.

    Attributes
    ----------
    parameters : container
        The best parameters, like `p0`.
    covariance : ndarray
        Of the parameters as one vector, in the order of their container.
    errors : container
        Standard errors: the square roots of its diagonal, like `p0`.
    result : scipy.optimize.OptimizeResult
        What `least_squares` returned.

    Examples
    --------
    >>> import numpy as np, cdiff.optimize as cdo
    >>> fit = cdo.curve_fit(lambda x, a, b: a * x + b, np.arange(4.0), [1.0, 2.9, 5.1, 7.0])
    >>> fit.parameters.round(3), fit.errors.round(3)
    (array([2.02, 0.97]), array([0.042, 0.079]))
    """

    parameters: Any
    covariance: Any
    errors: Any
    result: Any


def curve_fit(
    f: Callable[..., Any],
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    bounds: Any = None,
    *,
    covariance: str = "jacobian",
    compile: bool = True,
    **options: Any,
) -> CurveFit:
    """Least-squares fit of a model, as `scipy.optimize.curve_fit`, by exact derivatives.

    Parameters
    ----------
    f : callable
        ``f(x, *parameters)`` for `p0` as a vector or left out, ``f(x, parameters)`` for any other
        container; returns an array like `ydata`.
    xdata : object
        What `f` gets as its first argument.
    ydata : array
    p0 : container of floats and arrays, optional
        The first guess; ones by default, as many as `f` has parameters.
    sigma : array, optional
        Standard deviations of `ydata`, or the covariance matrix of its errors.
    absolute_sigma : bool, default False
        Whether `sigma` is in the units of `ydata`; else it is a weight, and the covariance is
        scaled by the variance of the residuals.
    bounds : container, optional
        Like `p0`, with a pair (lower, upper) for each number or array; for vectors also SciPy's.
    covariance : {"jacobian", "hessian"}
        From the Jacobian of the model (as all software does), or from the Hessian of the sum of
        squares, which also counts the curvature of the model.
    compile : bool, default True
        Record the model as a program.
    **options : object
        What `least_squares` takes: `method` (by default "lm", with bounds "trf"), `loss`,
        `max_nfev`, ...

    Returns
    -------
    CurveFit
        ``(parameters, covariance, errors, result)``.

    Raises
    ------
    ValueError
        If shapes do not fit, data are not finite, or there are fewer data than parameters.
    RuntimeError
        If the fit does not converge.
    numpy.linalg.LinAlgError
        If the data do not determine the parameters.
    ImportError
        Without SciPy.

    Examples
    --------
    >>> import numpy as np, cdiff.optimize as cdo
    >>> t = np.arange(5.0)
    >>> y = np.array([5.1, 3.0, 1.9, 1.1, 0.7])
    >>> fit = cdo.curve_fit(lambda t, p: p["size"] * np.exp(-p["rate"] * t), t, y,
    ...                     {"size": 1.0, "rate": 1.0})
    >>> {name: round(value, 4) for name, value in fit.errors.items()}
    {'size': 0.0493, 'rate': 0.0096}
    """
    check_function(f, "curve_fit")
    if covariance not in ("jacobian", "hessian"):
        raise ValueError(
            f"curve_fit: covariance must be 'jacobian' or 'hessian', got {covariance!r}"
        )
    if options.get("jac") is not None:
        raise TypeError("curve_fit: the Jacobian is found by itself, and is exact: leave jac out")
    refuse_complex([ydata, sigma], "curve_fit", "ydata or sigma")
    y = np.asarray(ydata, dtype=float)
    if not np.all(np.isfinite(y)):
        raise ValueError("curve_fit: ydata must be finite")
    p0 = _default_guess(f) if p0 is None else p0
    variables = Variables(p0, "curve_fit")
    n = variables.packing.size
    if y.size < n:
        raise ValueError(f"curve_fit: {y.size} data do not determine {n} parameters")
    model = Model(f, variables, spread=_is_vector(p0))
    function, data = fit_function(model, xdata, y, _weights(sigma, y), compile)
    for name in ("ftol", "xtol", "gtol"):
        options.setdefault(name, TOLERANCE)
    options.setdefault("method", "lm" if bounds is None else "trf")
    if bounds is not None:
        options["bounds"] = bounds
    result = by_minpack(function, data, **options)
    if not result.success:
        raise RuntimeError(f"curve_fit: {result.message}")
    at = variables.vector(result.x, "the solution")
    curvature = None
    if covariance == "hessian":
        curvature = function.made("weighted_hessian")(at, result.fun, *data)
    cov = _covariance(function.made("jacobian")(at, *data), curvature, variables)
    if not absolute_sigma:
        cov = cov * _variance(result.fun, y.size - n)
    errors = np.sqrt(np.diag(cov))
    return CurveFit(result.x, cov, variables.tree(errors), result)


def _default_guess(f: Callable[..., Any]) -> Any:
    """Ones, as many as the model has parameters."""
    import inspect

    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # functions written in C have none
        parameters = []
    names = [p for p in parameters if p.kind in kinds]
    if len(names) < 2:
        raise ValueError("curve_fit: the model's signature does not tell how many parameters there "
                         "are; give p0")  # fmt: skip
    return np.ones(len(names) - 1)


def _is_vector(p0: Any) -> bool:
    """Is the model called with a number for each parameter, as for SciPy?"""
    return not is_container(p0) and np.ndim(p0) == 1


def _weights(sigma: Any, y: Any) -> tuple[Any, ...]:
    """What makes residuals of equal variance: nothing, a factor for each, or a matrix."""
    if sigma is None:
        return ()
    sigma = np.asarray(sigma, dtype=float)
    if sigma.shape == (y.size, y.size) and y.ndim == 1 and y.size > 1:
        return (np.linalg.inv(np.linalg.cholesky(sigma)),)
    if sigma.shape not in ((), y.shape):
        raise misfit(
            f"curve_fit: sigma has shape {sigma.shape}; it must be a number, or have the shape of "
            f"ydata, {y.shape}, or be a covariance matrix"
        )
    if not np.all(sigma > 0):
        raise ValueError("curve_fit: sigma must be positive")
    return (np.broadcast_to(1.0 / sigma, y.shape).reshape(-1),)


def _covariance(jacobian: Any, curvature: Any, variables: Variables) -> Any:
    """The inverse of J^T J, or of that with the curvature, whatever the parameters' units are."""
    scale = np.linalg.norm(jacobian, axis=0)
    if not np.all(scale > 0):
        name = variables.name(int(np.argmin(scale))).replace("the unknown", "the parameter", 1)
        raise np.linalg.LinAlgError(f"curve_fit: the data do not depend on {name}")
    # Of the Jacobian itself: its product with itself would be twice as ill-conditioned.
    _, singular, axes = np.linalg.svd(jacobian / scale, full_matrices=False)
    if not singular[0] * np.finfo(float).eps < 0.1 * singular[-1]:
        raise np.linalg.LinAlgError(
            "curve_fit: the data do not determine the parameters (the Jacobian has linearly "
            "dependent columns); fix some of them, or change the model"
        )
    back = axes.T / singular
    if curvature is not None:
        inner = np.eye(scale.size) + back.T @ (curvature / np.outer(scale, scale)) @ back
        back = back @ np.linalg.inv(np.linalg.cholesky(inner)).T
    return back @ back.T / np.outer(scale, scale)


def _variance(residuals: Any, degrees: int) -> float:
    """That of the residuals."""
    return float(residuals @ residuals / degrees) if degrees else float("inf")
