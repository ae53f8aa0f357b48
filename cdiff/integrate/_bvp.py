"""SciPy's `solve_bvp` for plain functions: all Jacobians come by themselves, states are containers.

SciPy wants matrices, a row for each number of the state and a column for each place; users write
containers whose last axis is that of the places. This file knows the two and what turns one into
the other; derivatives are those of the transformations. Functions and Jacobians run as programs,
one for each number of places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._tree import flatten, flatten_like, leaf_paths, unflatten
from cdiff._arguments._wrap import check_function, function_name
from cdiff._compiled._compile import compile as compiled
from cdiff._face import misfit
from cdiff._pictures._progress import counted
from cdiff._transformations._forward import jvp
from cdiff._transformations._jacobian import jacobian
from cdiff.integrate._scipy import Dense, columns
from cdiff.numpy import broadcast_to, concatenate, stack
from cdiff.optimize._vector import Variables, as_vector, is_container
from cdiff.scipy._need import scipy_module

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["solve_bvp"]


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
    """`scipy.integrate.solve_bvp` of plain functions of containers, with all their Jacobians.

    Parameters
    ----------
    fun : callable
        ``fun(x, y)`` or ``fun(x, y, p)`` for all places at once: x of shape (m,), y and the result
        containers like `y`, each leaf with the m places as its last axis (a number counts for all
        of them). Each column must depend on its own place only.
    bc : callable
        ``bc(ya, yb)`` or ``bc(ya, yb, p)``: the boundary conditions, as many numbers as there are
        in a state and in `p`, in any container; ya and yb are states without the last axis.
    x : array of shape (m,)
        The first mesh.
    y : container of arrays of shape (..., m)
        The first guess. A matrix is what it is in SciPy.
    p : container of floats and arrays, optional
        The first guess of unknown parameters.
    compile : bool, default True
        Record the functions as programs.
    **options : object
        What else SciPy takes: `S`, `tol`, `max_nodes`, `verbose`, `bc_tol`.

    Returns
    -------
    object
        SciPy's result, with `y`, `yp` and what `sol(x)` gives in the container of `y`, and `p` in
        that of `p`.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.
    ImportError
        Without SciPy.

    Examples
    --------
    >>> import numpy as np, cdiff.integrate as cdi
    >>> x = np.linspace(0.0, 1.0, 5)
    >>> found = cdi.solve_bvp(lambda x, y: {"u": y["du"], "du": -np.exp(y["u"])},
    ...                       lambda a, b: (a["u"], b["u"]),
    ...                       x, {"u": np.zeros(5), "du": np.zeros(5)})
    >>> found.success, round(float(found.sol(0.5)["u"]), 4)
    (True, 0.1405)
    """
    check_function(fun, "solve_bvp")
    check_function(bc, "solve_bvp: bc")
    if own := {"fun_jac", "bc_jac"} & options.keys():
        raise TypeError(
            f"solve_bvp: the Jacobians are found by themselves: leave {' and '.join(own)} out"
        )
    scipy = scipy_module("integrate", "cdiff.integrate")
    x = np.asarray(x, dtype=float)
    state, guess = _state(x, y)
    unknown = () if p is None else (Variables(p, "solve_bvp", real=False),)
    made: Callable[[Any], Any] = compiled if compile else lambda f: f
    slope = _slope(fun, state, unknown)
    conditions, by_conditions = _conditions(bc, state, unknown)
    by_slope = _slope_jacobian(slope, _complex(state))
    with counted(made(slope), "solve_bvp", _mesh) as f:
        result = scipy.solve_bvp(
            f, made(conditions), x, guess, unknown[0].start if unknown else None,
            fun_jac=made(by_slope), bc_jac=made(by_conditions), **options,
        )  # fmt: skip
    return _in_containers(result, state, unknown)


def _state(x: Any, y: Any) -> tuple[Variables, Any]:
    """One state of the guess, and all states as a matrix."""
    if not is_container(y) and all(np.ndim(leaf) == 0 for leaf in flatten(y)[0]):
        y = np.asarray(y)  # lists of numbers, as SciPy takes them
    leaves, treedef = flatten(y)
    if x.ndim != 1 or not x.size:
        raise misfit(f"solve_bvp: x must be a vector of places, got the shape {x.shape}")
    for leaf, path in zip(leaves, leaf_paths(treedef, "y"), strict=True):
        if np.shape(leaf)[-1:] != x.shape:
            raise misfit(
                f"solve_bvp: the last axis of {path} must be that of the {x.size} places in x, got "
                f"the shape {np.shape(leaf)}"
            )
    leaves = [np.asarray(leaf) for leaf in leaves]
    state = Variables(unflatten(treedef, [leaf[..., 0] for leaf in leaves]), "solve_bvp", False)
    return state, np.concatenate([leaf.reshape((-1, x.size)) for leaf in leaves]).astype(
        state.packing.dtype
    )


def _mesh(rows: Any) -> str:
    return f"{np.shape(rows)[1]} places"


def _slope(fun: Callable[..., Any], state: Variables, unknown: tuple[Variables, ...]) -> Any:
    """The user's function as one of a matrix and a vector."""
    shapes = [shape for _, shape in state.packing.specs]
    name = f"the output of {function_name(fun)}"

    def slope(x: Any, y: Any, *p: Any) -> Any:
        given = [u.tree(v) for u, v in zip(unknown, p, strict=True)]
        out = fun(x, columns(y, state), *given)
        if state.bare:
            leaves, treedef = flatten(out)
            if treedef.family is not None and leaves:  # rows, as SciPy's users write them
                return concatenate([_spread(row, (), x, state, name, "a row") for row in leaves])
        leaves = flatten_like(state.treedef, out, f"solve_bvp: {name}")
        parts = zip(leaves, shapes, state.paths, strict=True)
        rows = [_spread(leaf, shape, x, state, name, path) for leaf, shape, path in parts]
        return concatenate(rows)

    return slope


def _spread(
    leaf: Any, shape: tuple[int, ...], x: Any, state: Variables, name: str, path: str
) -> Any:
    """One leaf of the slope as rows of a matrix; a number counts for all places."""
    whole = (*shape, *x.shape)
    if np.shape(leaf) not in ((), whole):
        raise misfit(
            f"solve_bvp: {name} has shape {np.shape(leaf)} at {path}; it must have the shape "
            f"{shape} of a state and the {x.size} places: {whole}"
        )
    if np.iscomplexobj(leaf) and not _complex(state):
        raise TypeError(
            f"solve_bvp: {name} is complex at {path}, the first guess is real; begin with complex "
            "numbers, or take .real"
        )
    return broadcast_to(leaf, whole).reshape((-1, *x.shape))


def _slope_jacobian(slope: Callable[..., Any], holomorphic: bool) -> Any:
    """By the state, and by the parameters if there are any, at each place."""

    def by_state(x: Any, y: Any, *p: Any) -> Any:
        found = []
        for k in range(y.shape[0]):
            direction = np.zeros(y.shape, y.dtype)
            direction[k] = 1.0
            found.append(jvp(lambda y: slope(x, y, *p), (y,), (direction,))[1])
        by_y = stack(found, axis=1)
        if not p:
            return by_y
        by_p = jacobian(lambda q: slope(x, y, q), holomorphic=holomorphic)(p[0])
        return by_y, by_p.transpose((0, 2, 1))

    return by_state


def _conditions(
    bc: Callable[..., Any], state: Variables, unknown: tuple[Variables, ...]
) -> tuple[Any, Any]:
    """The boundary conditions of vectors, and their Jacobians."""
    parts = (state, state, *unknown)

    def conditions(*ends: Any) -> Any:
        out = bc(*[part.tree(v) for part, v in zip(parts, ends, strict=True)])
        return as_vector(out, "solve_bvp", bc)

    numbers = tuple(range(len(parts)))
    return conditions, jacobian(conditions, argnums=numbers, holomorphic=_complex(state))


def _complex(state: Variables) -> bool:
    return bool(state.packing.dtype.kind == "c")


def _in_containers(result: Any, state: Variables, unknown: tuple[Variables, ...]) -> Any:
    """SciPy's result, in the user's containers."""
    result.y, result.yp = columns(result.y, state), columns(result.yp, state)
    result.sol = Dense(result.sol, state)
    for parameters in unknown:
        result.p = parameters.tree(result.p)
    return result
