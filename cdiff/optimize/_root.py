"""`root`: SciPy's solvers of systems of equations, with Jacobians of plain functions.

This file knows which method takes which Jacobian, and how a sparse one comes into the method that
takes none; Jacobians belong to `_vector.py`. A large sparse system costs one sparse factorization
for each step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._wrap import function_name
from cdiff._pictures._progress import counted
from cdiff.optimize._adapt import (
    container_callback,
    no_derivative,
    of_vectors,
    plain_args,
    with_containers,
)
from cdiff.optimize._vector import Variables, VectorFunction
from cdiff.scipy._need import scipy_module

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["root"]

WITH_JACOBIAN = {"hybr", "lm"}
NO_DERIVATIVE = (
    "root: fun depends on a value that is being differentiated, and the results of SciPy's solvers "
    "have no derivative; take cdiff.custom_root, whose results have"
)


def root(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str | None = None,
    *,
    callback: Callable[..., Any] | None = None,
    sparse: bool = False,
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
    method : str, optional
        As for SciPy, "hybr" by default; "hybr" and "lm" get the Jacobian, the others do not ask for
        it.
    callback : callable, optional
    sparse : bool, default False
        For large systems: SciPy's "krylov" with its line search, whose linear systems are solved by
        a factorization of the sparse Jacobian (see `cdiff.sparse_jacobian`): Newton's method.
    compile : bool, default True
        Record the functions as programs.
    **options : object
        What else SciPy takes: `tol`, `options`; `jac`, of containers like `x0`, where it is to be
        another one.

    Returns
    -------
    scipy.optimize.OptimizeResult
        SciPy's, with `x` in the container of `x0`.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit, or the numbers of equations and unknowns differ.
    numpy.linalg.LinAlgError
        With `sparse`, if the Jacobian is singular.
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
    if options.get("jac") is True:
        raise TypeError(
            "root: jac=True says that fun returns its Jacobian too; here fun returns its values "
            "alone, and the Jacobian is found by itself: leave jac out"
        )
    variables = Variables(x0, "root")
    function = VectorFunction(fun, variables, compile)
    value = function.made("flat")
    size = np.size(value(variables.start, *plain_args(args)))
    if size != variables.packing.size:
        raise ValueError(
            f"root: {function_name(fun)} returned {size} number(s) for {variables.packing.size} "
            "unknown(s); there must be as many equations as unknowns"
        )
    method, more = _method(function, method, sparse, plain_args(args), options)
    if callback is not None:
        more["callback"] = container_callback(callback, variables)
    args = plain_args(args)
    with (
        no_derivative(lambda: value(variables.start, *args), NO_DERIVATIVE),
        counted(value, "root", _size) as f,
    ):
        result = scipy.root(f, variables.start, args=args, method=method, **more)
    return with_containers(result, variables, ("x",))


def _size(values: Any) -> str:
    return f"|f| {float(np.linalg.norm(values)):.6g}"


def _method(
    function: VectorFunction,
    method: str | None,
    sparse: bool,
    args: tuple[Any, ...],
    options: dict[str, Any],
) -> tuple[str, dict[str, Any]]:
    """The method, and its options with the Jacobian that it takes."""
    if not sparse:
        method = "hybr" if method is None else method.lower()
        given = options.get("jac")
        if given is not None:
            return method, {**options, "jac": of_vectors(given, function.variables)}
        by_itself = {"jac": function.made("jacobian")} if method in WITH_JACOBIAN else {}
        return method, {**options, **by_itself}
    if method not in (None, "krylov"):
        raise ValueError(f"root: sparse=True is for method='krylov', not {method!r}")
    own = options.get("options") or {}
    step = {"method": _newton, "inner_M": _Factorized(function, args)}
    step.update(own.get("jac_options") or {})
    return "krylov", {**options, "options": {**own, "jac_options": step}}


class _Factorized:
    """The inverse of a sparse Jacobian, made anew at each point; SciPy calls it a preconditioner.

    Parameters
    ----------
    function : VectorFunction
    args : tuple
    """

    def __init__(self, function: VectorFunction, args: tuple[Any, ...]) -> None:
        self.jacobian = function.made("sparse_jacobian")
        self.args = args

    def setup(self, x: Any, values: Any, f: Any) -> None:
        """The first point."""
        self.update(x, values)

    def update(self, x: Any, values: Any) -> None:
        """The next point."""
        from scipy.sparse.linalg import splu

        matrix = self.jacobian(np.array(x, dtype=float), *self.args).tocsc()
        try:
            self.factors = splu(matrix)
        except RuntimeError as error:
            raise np.linalg.LinAlgError(
                "root: the Jacobian is singular at a step; try another first guess, or dense "
                "Jacobians (sparse=False)"
            ) from error


def _newton(operator: Any, right: Any, rtol: float, maxiter: int, M: _Factorized) -> Any:
    """What SciPy takes for an iterative method: the solution, and 0 for success."""
    return M.factors.solve(right), 0
