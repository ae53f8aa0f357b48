"""Uncertainties by exact derivatives: propagation, sensitivities, Fisher information.

What a covariance of the inputs of a function says about its outputs, which input matters how much,
and how well data determine parameters. This file knows statistics and the transformations; it must
not know operators. Each answer costs one Jacobian or one Hessian.

Examples
--------
>>> import numpy as np, cdiff.uncertainty as cdu
>>> found = cdu.propagate(lambda p: p["m"] * p["v"] ** 2 / 2.0, {"m": 2.0, "v": 3.0},
...                       {"m": 0.1, "v": 0.2})
>>> found.value, round(found.errors, 6)
(9.0, 1.281601)
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cdiff._arguments._leaves import check_output
from cdiff._arguments._tree import flatten, leaf_paths
from cdiff._arguments._wrap import check_function, function_name
from cdiff._core import Array
from cdiff._face import misfit
from cdiff._transformations._jacobian import hessian, jacobian
from cdiff.optimize._vector import Variables, VectorFunction

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Propagated",
    "Sensitivity",
    "fisher_information",
    "propagate",
    "sensitivity",
    "standard_errors",
]


class Propagated(NamedTuple):
    """What `propagate` found.

    Attributes
    ----------
    value : container
        The expected outputs: those of the function at the expected inputs, to second order with the
        part that its curvature adds.
    covariance : ndarray
        Of all outputs as one vector, in the order of their container.
    errors : container
        Standard deviations, like `value`.

    Examples
    --------
    >>> import numpy as np, cdiff.uncertainty as cdu
    >>> cdu.propagate(lambda x: x ** 2, 3.0, 0.5)
    Propagated(value=9.0, covariance=array([[9.]]), errors=3.0)
    """

    value: Any
    covariance: Any
    errors: Any


class _Outputs:
    """A function of a container as one from vector to vector, at a point.

    Parameters
    ----------
    f : callable
    x : container
    args : tuple
    who : str
    """

    def __init__(self, f: Callable[..., Any], x: Any, args: tuple[Any, ...], who: str) -> None:
        check_function(f, who)
        self.inputs = Variables(x, who)
        self.args = args
        # Not the start of a search: derivatives by the point, of all results, are not zero.
        self.point = self.inputs.vector(x, "the point")
        self.out = f(self.inputs.tree(self.point), *args)
        name = f"{who}: the output of {function_name(f)}"
        leaves, treedef = flatten(self.out)
        for y, path in zip(leaves, leaf_paths(treedef, name), strict=True):
            check_output(y, path)
        if not leaves:
            check_output(self.out, name)
        self.outputs = Variables(self.out, who)
        self.values = self.outputs.vector(self.out, name)
        self.flat = VectorFunction(f, self.inputs, False).made("flat")

    def jacobian(self) -> Any:
        """All outputs by all inputs, a matrix."""
        found = jacobian(self.flat)(self.point, *self.args)
        return np.reshape(found, (self.outputs.packing.size, self.inputs.packing.size))

    def hessians(self) -> Any:
        """A matrix of second derivatives for each output."""
        n, m = self.outputs.packing.size, self.inputs.packing.size
        return np.reshape(hessian(self.flat)(self.point, *self.args), (n, m, m))

    def covariance(self, given: Any) -> Any:
        """The covariance of the inputs as a matrix, from what the user gave."""
        inputs, size = self.inputs, self.inputs.packing.size
        matrix = _matrix(given)
        if matrix is not None and matrix.shape == (size, size):
            if inputs.packing.specs[0][1] == (1, 1):
                raise ValueError(
                    f"{inputs.who}: for an input of shape (1, 1) this could be its standard "
                    "deviation or its variance; give the input as a number or a vector"
                )
            if not np.allclose(matrix, matrix.T, rtol=1e-8, atol=0.0):
                raise ValueError(f"{inputs.who}: the covariance is not symmetric")
            _refuse_indefinite(matrix, inputs.who)
            return matrix
        errors = inputs.vector(given, "the standard deviations")
        if not np.all((errors >= 0) & (errors < np.inf)):
            k = int(np.argmax(~((errors >= 0) & (errors < np.inf))))
            name = inputs.name(k).replace("the unknown", "the input", 1)
            raise ValueError(f"{inputs.who}: the standard deviation of {name} is {errors[k]:g}")
        return np.diag(errors**2)


def _matrix(given: Any) -> Any:
    """What may be a covariance as an array; None for other containers."""
    if isinstance(given, (np.ndarray, Array)):
        return np.asarray(given, dtype=float)
    try:
        return np.asarray(given, dtype=float) if isinstance(given, list) else None
    except (TypeError, ValueError):  # a list of arrays of several shapes, or of tracked numbers
        return None


def _refuse_indefinite(matrix: Any, who: str) -> None:
    """Raise where some combination of the inputs would have a negative variance."""
    scale = np.sqrt(np.abs(np.diag(matrix)))
    unit = np.where(scale > 0.0, scale, 1.0)
    lowest = np.linalg.eigvalsh(matrix / np.outer(unit, unit))[0]
    if not lowest > -1e-8 * scale.size or np.any(matrix[scale == 0.0]):
        raise ValueError(
            f"{who}: the covariance is not positive semidefinite (as correlations, its lowest "
            f"eigenvalue is {lowest:.3g})"
        )


def propagate(
    f: Callable[..., Any], x: Any, covariance: Any, *args: Any, order: int = 1
) -> Propagated:
    """The uncertainty of a function's outputs from that of its inputs.

    Parameters
    ----------
    f : callable
        ``f(x, *args)``: numbers and arrays in any container.
    x : container of floats and arrays
        The expected inputs.
    covariance : container or array
        Standard deviations of independent inputs, a container like `x`; or the covariance matrix of
        all inputs as one vector, such as that of `cdiff.optimize.curve_fit`.
    *args : object
        Further arguments of `f`, which are certain.
    order : {1, 2}
        1 takes `f` as linear. 2 counts its curvature, for normal inputs: the expected value moves,
        and the covariance grows.

    Returns
    -------
    Propagated
        ``(value, covariance, errors)``.

    Raises
    ------
    ValueError
        If the covariance has another shape, is not symmetric or not positive semidefinite, or an
        error is negative.
    TypeError
        If `f` returns something that is no number.

    Examples
    --------
    >>> import numpy as np, cdiff.uncertainty as cdu
    >>> found = cdu.propagate(lambda x: {"sum": x[0] + x[1], "product": x[0] * x[1]},
    ...                       np.array([2.0, 3.0]), np.array([[0.04, 0.01], [0.01, 0.09]]))
    >>> {name: round(error, 6) for name, error in found.errors.items()}
    {'sum': 0.387298, 'product': 0.916515}
    """
    if order not in (1, 2):
        raise ValueError(f"propagate: order must be 1 or 2, got {order!r}")
    problem = _Outputs(f, x, args, "propagate")
    before = problem.covariance(covariance)
    slopes = problem.jacobian()
    after = slopes @ before @ slopes.T
    value = problem.out
    if order == 2:
        curved = problem.hessians() @ before
        after = after + 0.5 * np.einsum("aij,bji->ab", curved, curved)
        moved = problem.values + 0.5 * np.trace(curved, axis1=1, axis2=2)
        value = problem.outputs.tree(moved)
    errors = problem.outputs.tree(np.sqrt(np.maximum(np.diag(after), 0.0)))
    return Propagated(value, after, errors)


class Sensitivity:
    """A table of how each output of a function depends on each input; printing shows it.

    Attributes
    ----------
    inputs, outputs : list of str
        The names of the columns and rows.
    derivatives : ndarray
        Outputs by inputs.
    elasticities : ndarray
        Relative changes of outputs for relative changes of inputs; nan where an output is 0.
    shares : ndarray or None
        Which part of the variance of an output comes from which (independent) input.

    Examples
    --------
    >>> import cdiff.uncertainty as cdu
    >>> table = cdu.sensitivity(lambda p: p["a"] * p["b"] ** 2, {"a": 2.0, "b": 5.0})
    >>> table.inputs, table.elasticities
    (["['a']", "['b']"], array([[1., 2.]]))
    """

    def __init__(self, problem: _Outputs, covariance: Any) -> None:
        self.inputs = [_short(problem.inputs, k) for k in range(problem.inputs.packing.size)]
        self.outputs = [_short(problem.outputs, k) for k in range(problem.outputs.packing.size)]
        self.derivatives = problem.jacobian()
        with np.errstate(all="ignore"):
            scale = problem.point / problem.values[:, None]
            self.elasticities = np.where(
                np.isfinite(scale), self.derivatives * np.where(np.isfinite(scale), scale, 0.0),
                np.nan,
            )  # fmt: skip
        self.shares = None
        if covariance is not None:
            if np.any(covariance != np.diag(np.diag(covariance))):
                raise ValueError(
                    "sensitivity: the inputs are correlated, so that their shares in the variance "
                    "do not add up to it; give standard deviations, or take propagate"
                )
            parts = self.derivatives**2 * np.diag(covariance)
            total = np.sum(parts, axis=1, keepdims=True)
            self.shares = parts / np.where(total > 0.0, total, 1.0)

    def _rows(self) -> list[list[str]]:
        """The cells of the table, the heads first."""
        heads = ["output", "input", "derivative", "elasticity"]
        rows = [heads if self.shares is None else [*heads, "share"]]
        for i, output in enumerate(self.outputs):
            for j, name in enumerate(self.inputs):
                cells = [output, name, f"{self.derivatives[i, j]:.6g}"]
                cells.append(f"{self.elasticities[i, j]:.4g}")
                if self.shares is not None:
                    cells.append(f"{100 * self.shares[i, j]:.1f}%")
                rows.append(cells)
        return rows

    def __str__(self) -> str:
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for row in rows:
            left = [cell.ljust(w) for cell, w in zip(row[:2], widths[:2], strict=True)]
            right = [cell.rjust(w) for cell, w in zip(row[2:], widths[2:], strict=True)]
            lines.append("  ".join(left + right))
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        heads, *rows = self._rows()
        lines = ["".join([f"<th>{head}</th>" for head in heads])]
        lines += ["".join([f"<td>{escape(cell)}</td>" for cell in row]) for row in rows]
        return "<table>" + "".join([f"<tr>{line}</tr>" for line in lines]) + "</table>"


def _short(variables: Variables, k: int) -> str:
    """The place of number k in its container."""
    return variables.name(k).removeprefix("the unknown") or "-"


def sensitivity(f: Callable[..., Any], x: Any, *args: Any, errors: Any = None) -> Sensitivity:
    """A table of derivatives, elasticities and, with errors, shares in the variance.

    Parameters
    ----------
    f : callable
        ``f(x, *args)``: numbers and arrays in any container.
    x : container of floats and arrays
    *args : object
        Further arguments of `f`.
    errors : container, optional
        Standard deviations of the inputs, like `x`.

    Returns
    -------
    Sensitivity

    Raises
    ------
    TypeError, ValueError
        As for `propagate`.

    Examples
    --------
    >>> import cdiff.uncertainty as cdu
    >>> cdu.sensitivity(lambda p: p["m"] * p["v"] ** 2 / 2.0, {"m": 2.0, "v": 3.0},
    ...                 errors={"m": 0.1, "v": 0.2})
    output  input  derivative  elasticity  share
    -       ['m']         4.5           1  12.3%
    -       ['v']           6           2  87.7%
    """
    problem = _Outputs(f, x, args, "sensitivity")
    return Sensitivity(problem, None if errors is None else problem.covariance(errors))


def fisher_information(
    log_likelihood: Callable[..., Any], x: Any, *args: Any, kind: str = "observed"
) -> Any:
    """How much data say about parameters: the Fisher information of a likelihood.

    Parameters
    ----------
    log_likelihood : callable
        ``log_likelihood(x, *args)``: the logarithm of the likelihood of all data, or for
        ``kind="scores"`` a vector with one number for each observation.
    x : container of floats and arrays
        The parameters, usually those that maximise it.
    *args : object
        Further arguments, such as the data.
    kind : {"observed", "scores"}
        The negative Hessian, or the sum of the products of the scores of single observations.

    Returns
    -------
    ndarray
        A matrix, of all parameters as one vector.

    Raises
    ------
    ValueError
        If `kind` is another one, or the output has another shape.
    TypeError
        If it is no number.

    Examples
    --------
    >>> import numpy as np, cdiff.uncertainty as cdu
    >>> normal = lambda p, y: -np.sum(0.5 * ((y - p[0]) / p[1]) ** 2) - y.size * np.log(p[1])
    >>> y = np.array([1.0, 2.0, 3.0])
    >>> np.diag(cdu.fisher_information(normal, np.array([2.0, 1.0]), y)).round(6)
    array([3., 3.])
    """
    problem = _Outputs(log_likelihood, x, args, "fisher_information")
    if kind == "observed":
        if np.shape(problem.out) != ():
            raise misfit(
                "fisher_information: the log-likelihood must be one number, it has shape "
                f"{np.shape(problem.out)}; return its sum, or take kind='scores'"
            )
        return -problem.hessians()[0]
    if kind != "scores":
        raise ValueError(f"fisher_information: kind must be 'observed' or 'scores', got {kind!r}")
    if np.shape(problem.out) == ():
        raise ValueError(
            "fisher_information: kind='scores' needs a log-likelihood that returns one number for "
            "each observation, it returned a single one; leave out its sum, or take kind='observed'"
        )
    scores = problem.jacobian()
    return scores.T @ scores


def standard_errors(information: Any, like: Any) -> Any:
    """Standard errors of parameters from their information.

    Parameters
    ----------
    information : ndarray
        From `fisher_information`.
    like : container of floats and arrays
        The parameters.

    Returns
    -------
    container
        Like the parameters.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the information is not positive definite: the data do not determine the parameters, or
        they do not maximise the likelihood.
    ValueError
        If it has another shape.

    Examples
    --------
    >>> import numpy as np, cdiff.uncertainty as cdu
    >>> cdu.standard_errors(np.diag([4.0, 25.0]), {"a": 1.0, "b": 2.0})
    {'a': 0.5, 'b': 0.2}
    """
    variables = Variables(like, "standard_errors")
    size = variables.packing.size
    if np.shape(information) != (size, size):
        raise misfit(
            f"standard_errors: the information has shape {np.shape(information)}, there are {size} "
            "parameters"
        )
    scale = np.sqrt(np.abs(np.diag(information)))
    scaled = information / np.outer(scale, scale) if np.all(scale > 0) else information
    try:
        if not np.linalg.cond(scaled) < 0.1 / np.finfo(float).eps:
            raise np.linalg.LinAlgError
        root = np.linalg.cholesky(scaled)
    except np.linalg.LinAlgError:
        raise np.linalg.LinAlgError(
            "standard_errors: the information is not positive definite: the data do not determine "
            "the parameters, or these do not maximise the likelihood"
        ) from None
    inverse = np.linalg.inv(root) / scale
    return variables.tree(np.sqrt(np.sum(inverse**2, axis=0)))


def __dir__() -> list[str]:
    return sorted(__all__)
