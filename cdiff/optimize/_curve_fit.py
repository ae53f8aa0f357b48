"""`curve_fit`: a model fitted to data, with standard errors from exact derivatives at the solution.

SciPy's `least_squares` finds the parameters; the covariance is that of the exact Jacobian there, or
of the exact Hessian of the sum of squares. This file knows statistics; solvers and derivatives it
takes from its neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cdiff._arguments._wrap import check_function
from cdiff._face import misfit
from cdiff.optimize._adapt import no_derivative
from cdiff.optimize._least_squares import by_minpack, undifferentiated
from cdiff.optimize._model import Model, finite_data, fit_function
from cdiff.optimize._vector import Variables, is_container, refuse_complex

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CurveFit", "curve_fit"]

NOT_TAKEN = {  # of what SciPy's takes: by default, and what there is instead
    "jac": (None, "the Jacobian is found by itself, and is exact"),
    "full_output": (False, "what SciPy reports is always in the field result of what is returned"),
    "check_finite": (True, "data must be finite; for NaN among them there is nan_policy='omit'"),
}
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
    nan_policy: str = "raise",
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
        What `f` gets as its first argument; a list of numbers, or of lists, as an array of floats.
    ydata : array
    p0 : container of floats and arrays, optional
        The first guess; by default, as for SciPy, ones, or what lies between the bounds, as many as
        `f` has parameters.
    sigma : array, optional
        Standard deviations of `ydata`, or the covariance matrix of its errors.
    absolute_sigma : bool, default False
        Whether `sigma` is in the units of `ydata`; else it is a weight, and the covariance is
        scaled by the variance of the residuals.
    bounds : container, optional
        Like `p0`, with a pair (lower, upper) for each number or array; for vectors also SciPy's.
    nan_policy : {"raise", "omit"}
        What happens where `ydata` or `xdata` is NaN: an error, or these data are left out (of all
        arrays in `xdata` whose last axis is as long as `ydata`, and of `sigma`).
    covariance : {"jacobian", "hessian"}
        From the Jacobian of the model (as all software does), or from the Hessian of the sum of
        squares, which also counts the curvature of the model.
    compile : bool, default True
        Record the model as a program.
    **options : object
        What `least_squares` takes: `method` (by default "lm", with bounds "trf"), `loss`,
        `max_nfev` (or `maxfev`, SciPy's other name for it), ...

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
    _refuse_options(options)
    refuse_complex([ydata, sigma], "curve_fit", "ydata or sigma")
    p0 = _default_guess(f, bounds) if p0 is None else p0
    variables = Variables(p0, "curve_fit")
    with no_derivative(lambda: (ydata, sigma), undifferentiated(variables)):
        x, y, sigma = finite_data(xdata, np.asarray(ydata, dtype=float), sigma, nan_policy)
        weights = _weights(sigma, y)
    n = variables.packing.size
    if y.size < n:
        raise ValueError(f"curve_fit: {y.size} data do not determine {n} parameters")
    model = Model(f, variables, spread=_is_vector(p0))
    function, data = fit_function(model, x, y, weights, compile)
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


def _refuse_options(options: dict[str, Any]) -> None:
    """Raise for what SciPy's `curve_fit` takes and this one does not; rename what has two names."""
    if "maxfev" in options:
        options["max_nfev"] = options.pop("maxfev")
    for name, (default, advice) in NOT_TAKEN.items():
        if options.pop(name, default) is not default:
            raise TypeError(f"curve_fit: {advice}: leave {name} out")


def _default_guess(f: Callable[..., Any], bounds: Any) -> Any:
    """As many numbers as the model has parameters: ones, or what lies between SciPy's bounds."""
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
    ones = np.ones(len(names) - 1)
    if bounds is None or is_container(bounds):
        return ones
    pair = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else bounds
    if len(pair) != 2:  # SciPy says what is wrong
        return ones
    low, high = [np.asarray(side, dtype=float) + 0.0 * ones for side in pair]
    with np.errstate(invalid="ignore"):  # the middle of what has no end
        middle = 0.5 * (low + high)
    beside = np.where(np.isfinite(low), low + 1.0, np.where(np.isfinite(high), high - 1.0, 1.0))
    return np.where(np.isfinite(middle), middle, beside)


def _is_vector(p0: Any) -> bool:
    """Is the model called with a number for each parameter, as for SciPy?"""
    return not is_container(p0) and np.ndim(p0) == 1


def _weights(sigma: Any, y: Any) -> tuple[Any, ...]:
    """What makes residuals of equal variance: nothing, a factor for each, or a matrix."""
    if sigma is None:
        return ()
    sigma = np.asarray(sigma, dtype=float)
    if sigma.shape == (y.size, y.size) and y.ndim == 1 and y.size > 1:
        try:
            return (np.linalg.inv(np.linalg.cholesky(sigma)),)
        except np.linalg.LinAlgError:
            raise ValueError("curve_fit: sigma, as a covariance matrix, is not positive definite"
                             ) from None  # fmt: skip
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
