"""Newton's method for roots and minima of functions of one vector: the solvers used by default.

Small dense problems, NumPy only: whoever has a large or a hard one passes a solver made for it.
It knows vectors and the transformations; it must not know containers or who wants the solution.
Convergence is quadratic, so a solution is exact to rounding, which the derivatives rely on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cdiff._transformations._jacobian import hessian, jacobian
from cdiff._transformations._reverse import grad

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["iterate", "newton_minimum", "newton_root"]

Vector = NDArray[np.float64]

MOST_STEPS = 100
MOST_ITERATIONS = 100_000
SHORTEST = 2.0**-30  # of a step, before a direction is given up
# Of the digits of relative steps: where a solution is zero, steps are rounding if they are shorter.
LEAST = 2.25


def _settled(step: Vector, v: Vector, digits: float, least: float) -> bool:
    """Is a step no longer than what rounding makes of it?"""
    return bool(np.all(np.abs(step) <= digits * np.abs(v) + least))


def newton_root(
    f: Callable[[Any], Any], v: Vector, who: str, digits: float = 1e-6, most: int = MOST_STEPS
) -> Vector:
    """A root of a vector function of as many numbers, by Newton's method with shortened steps.

    Parameters
    ----------
    f : callable
        From a vector to a vector, differentiable.
    v : ndarray
        Where to begin.
    who : str
        For messages.
    digits : float, default 1e-6
        A step that improves nothing ends the search if it is relatively smaller than this.
    most : int, default 100

    Returns
    -------
    ndarray

    Raises
    ------
    RuntimeError
        If there is no convergence.
    """
    jacobian_of, value = jacobian(f), f(v)
    # As Python's numbers: those of float32 would call a value smaller that is the same.
    size = float(np.linalg.norm(value))
    least = digits**LEAST
    for _ in range(most):
        if size == 0.0:
            return v
        if not np.isfinite(size):
            raise RuntimeError(f"{who}: the function is not finite at the first guess; choose one")
        try:
            step = np.linalg.solve(jacobian_of(v), -value)
        except np.linalg.LinAlgError:
            raise RuntimeError(
                f"{who}: Newton's method met a singular Jacobian where the norm of the function is "
                f"{size:.3g}; begin elsewhere, or pass a solver"
            ) from None
        length, shorter = 1.0, size
        while length >= SHORTEST:
            value = f(v + length * step)
            shorter = float(np.linalg.norm(value))
            if shorter <= (1.0 - 1e-4 * length) * size:
                break
            length /= 2
        else:
            if _settled(step, v, digits, least):
                return v
            break
        v, size = v + length * step, shorter
    raise RuntimeError(
        f"{who}: Newton's method does not converge (the norm of the function is still {size:.3g}); "
        "begin nearer to the solution, or pass a solver"
    )


def _descent(h: Any, g: Vector) -> Vector:
    """A direction downwards: Newton's where the Hessian is positive, else by a shifted Hessian."""
    values, vectors = np.linalg.eigh((h + h.T) / 2)
    floor = 1e-8 * max(float(np.max(np.abs(values))), 1e-300)
    direction: Vector = -vectors @ ((vectors.T @ g) / np.maximum(np.abs(values), floor))
    return direction


def newton_minimum(f: Callable[[Any], Any], v: Vector, who: str, digits: float = 1e-6) -> Vector:
    """A minimum of a function of a vector, by Newton's method.

    Parameters
    ----------
    f : callable
        From a vector to a number, twice differentiable.
    v : ndarray
    who : str
    digits : float, default 1e-6
        As for `newton_root`, which finishes the search by the gradient.

    Returns
    -------
    ndarray

    Raises
    ------
    RuntimeError
        If there is no convergence, or only to a point that is no minimum.
    """
    gradient, hessian_of = grad(f), hessian(f)
    with np.errstate(over="ignore"):  # an error of its own says so
        v = _descended(f, gradient, hessian_of, v, who, digits)
    v = newton_root(gradient, v, who, digits)
    curvature = np.linalg.eigvalsh(hessian_of(v))
    if curvature[0] < -1e-8 * np.max(np.abs(curvature)):
        kind = "maximum" if curvature[-1] <= 0.0 else "saddle point"
        raise RuntimeError(
            f"{who}: Newton's method ended at a {kind} (the Hessian has the eigenvalue "
            f"{curvature[0]:.3g}); begin elsewhere, or pass a solver"
        )
    return v


def _descended(
    f: Any, gradient: Any, hessian_of: Any, v: Vector, who: str, digits: float
) -> Vector:
    """A point so low that values tell little from here on, and gradients do."""
    value = float(f(v))
    for _ in range(MOST_STEPS):
        g = gradient(v)
        step = _descent(hessian_of(v), g)
        promised = -float(g @ step)
        if promised <= digits**1.6 * abs(value) + 1e-14:
            return v
        length = 1.0
        while True:
            lower = float(f(v + length * step))
            if lower < value and lower <= value - 1e-4 * length * promised:
                break
            length /= 2
            if length < SHORTEST:
                return v
        v, value = v + length * step, lower
        if not np.isfinite(value):
            raise RuntimeError(f"{who}: there is no minimum: the function falls without bound")
    raise RuntimeError(
        f"{who}: no minimum in {MOST_STEPS} steps of Newton's method (the gradient is still "
        f"{np.linalg.norm(g):.3g}); begin nearer to it, or pass a solver"
    )


def iterate(f: Callable[[Any], Any], v: Vector, who: str, digits: float) -> Vector:
    """A fixed point of v + f(v), by going on until nothing changes.

    Parameters
    ----------
    f : callable
        The change at a vector.
    v : ndarray
    who : str
    digits : float
        The relative change at which it is reached.

    Returns
    -------
    ndarray

    Raises
    ------
    RuntimeError
        If there is no convergence.
    """
    for _ in range(MOST_ITERATIONS):
        change = f(v)
        with np.errstate(over="ignore"):  # an error of its own says so
            v = v + change
        if not np.all(np.isfinite(v)):
            break
        if _settled(change, v, digits, digits * 1e-8):
            return v
    raise RuntimeError(
        f"{who}: the iteration does not converge (the last change is "
        f"{np.max(np.abs(change)):.3g}); pass a solver"
    )
