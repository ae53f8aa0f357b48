"""Between users and SciPy's solvers: bounds, callbacks, results in containers.

This file knows SciPy's conventions and `Variables`; it must not know derivatives or methods.
"""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._tree import flatten
from cdiff._arguments._wrap import check_function
from cdiff._core import Array
from cdiff.optimize._vector import Variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "container_callback",
    "no_derivative",
    "of_vectors",
    "plain_args",
    "scipy_bounds",
    "with_containers",
]


@contextmanager
def no_derivative(evaluate: Callable[[], Any], message: str) -> Iterator[None]:
    """Around a solver of SciPy's, which stumbles over values that are being differentiated.

    It does so in many ways, none of which says so: where it fails, this looks whether that is why.

    Parameters
    ----------
    evaluate : callable
        What the solver computes with, or calls first.
    message : str
        Which solver has derivatives.

    Raises
    ------
    TypeError
        With the message, if so.
    """
    try:
        yield
    except Exception as error:
        if _is_differentiated(evaluate):
            raise TypeError(message) from error
        raise


def _is_differentiated(evaluate: Callable[[], Any]) -> bool:
    try:
        leaves = flatten(evaluate())[0]
    except Exception:  # the mistake is in the function, and known already
        return False
    for x in leaves:
        try:
            np.asarray(x) if isinstance(x, Array) else None
        except TypeError:  # a derivative would be lost
            return True
    return False


def plain_args(args: Any) -> tuple[Any, ...]:
    """What SciPy calls args: a tuple, or one argument that is none."""
    return args if isinstance(args, tuple) else (args,)


def of_vectors(matrix: Any, variables: Variables) -> Any:
    """A matrix of derivatives that the user computes from containers, as a function of vectors.

    Parameters
    ----------
    matrix : callable or object
        What is none, a name of SciPy's, stays as it is.
    variables : Variables

    Returns
    -------
    callable or object
    """
    if not callable(matrix):
        return matrix
    return lambda v, *args: matrix(variables.tree(v), *args)


def with_containers(result: Any, variables: Variables, names: tuple[str, ...]) -> Any:
    """A result of SciPy with vectors among its entries as containers like the variables.

    Parameters
    ----------
    result : OptimizeResult
    variables : Variables
    names : tuple of str

    Returns
    -------
    OptimizeResult
    """
    for name in names:
        found = result.get(name)
        if isinstance(found, np.ndarray) and found.shape == (variables.packing.size,):
            result[name] = variables.tree(np.asarray(found, dtype=float))
    return result


def scipy_bounds(scipy: Any, variables: Variables, given: Any) -> Any:
    """Bounds as SciPy takes them.

    Parameters
    ----------
    scipy : module
        `scipy.optimize`.
    variables : Variables
    given : object
        What the user wrote: SciPy's for a single array, else a container of pairs.

    Returns
    -------
    object
    """
    if isinstance(given, scipy.Bounds) and np.asarray(given.lb).dtype == object:
        raise TypeError(
            f"{variables.who}: scipy.optimize.Bounds holds vectors; for containers give bounds as "
            "a container like the variables, with a pair (lower, upper) for each leaf"
        )
    if given is None:
        return given
    if isinstance(given, scipy.Bounds):  # numbers in it count for all, which not all methods know
        n = variables.packing.size
        sides = [np.full(n, x) if np.size(x) == 1 else x for x in (given.lb, given.ub)]
        return scipy.Bounds(*sides, given.keep_feasible)
    if variables.bare and (len(given) != 2 or _has_pairs(given)):
        return given
    return scipy.Bounds(*variables.bounds(given))


def _has_pairs(given: Any) -> bool:
    return all(isinstance(x, (tuple, list)) and len(x) == 2 for x in given)


def container_callback(callback: Any, variables: Variables) -> Any:
    """A callback that gets containers; SciPy tells the two kinds by the name of the parameter.

    Parameters
    ----------
    callback : callable or None
    variables : Variables

    Returns
    -------
    callable or None
    """
    if callback is None:
        return None
    check_function(callback, f"{variables.who}: callback")
    try:
        names = list(inspect.signature(callback).parameters)
    except (TypeError, ValueError):
        names = []
    if names == ["intermediate_result"]:

        def modern(intermediate_result: Any) -> Any:
            seen = type(intermediate_result)(intermediate_result)
            return callback(with_containers(seen, variables, ("x", "jac")))

        return modern
    return lambda v, *rest: callback(variables.tree(np.array(v, dtype=float)), *rest)
