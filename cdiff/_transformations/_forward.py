"""Transformations by the forward sweep: jvp, linearize, and hvp over a reverse sweep.

`jvp` carries tangents beside the values while the function runs and stores no graph, so its
memory does not grow with the number of operations. `linearize` records the function once and
then carries any number of tangents through the record. This file knows the core's verbs for
that (dual and undual, leaf and pushforward) and nothing of operators; all work per operator is
done in compiled code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from cdiff._arguments._leaves import (
    as_direction,
    leaf_dtype,
    shape_of,
    unwrapped,
    zeros_like_output,
)
from cdiff._arguments._tree import flatten, flatten_like, leaf_paths, unflatten
from cdiff._arguments._wrap import Inputs, Outputs, check_function, function_name, split_aux
from cdiff._core import Array, Level, array, direct_jvp, dual, lower, pushforward, undual
from cdiff._transformations._record import Record
from cdiff._transformations._reverse import grad

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["hvp", "jvp", "linearize"]


def _primals(primals: Any, who: str) -> Inputs:
    """All arguments of a function as differentiated inputs."""
    if not isinstance(primals, (tuple, list)):
        raise TypeError(
            f"{who}: primals must be a tuple of the function's arguments, got a "
            f"{type(primals).__name__}; for one argument write (x,)"
        )
    if not primals:
        raise ValueError(f"{who} needs at least one primal")
    return Inputs(primals, tuple(range(len(primals))), who, "primal")


def _tangents(inputs: Inputs, tangents: Any, who: str) -> list[Array]:
    """The tangents of all leaves of the inputs, checked."""
    if not isinstance(tangents, (tuple, list)):
        raise TypeError(
            f"{who}: tangents must be a tuple with one entry per primal, got a "
            f"{type(tangents).__name__}"
        )
    if len(tangents) != len(inputs.trees):
        raise ValueError(f"{who}: {len(inputs.trees)} primals, but {len(tangents)} tangents")
    values: list[Any] = []
    paths: list[str] = []
    for i, (treedef, tangent) in enumerate(zip(inputs.trees, tangents, strict=True)):
        values += flatten_like(treedef, tangent, f"tangent {i}")
        paths += leaf_paths(treedef, f"tangent {i}")
    return [
        as_direction(v, shape_of(x), leaf_dtype(x), path, "primal")
        for v, x, path in zip(values, inputs.leaves, paths, strict=True)
    ]


def _tangent_outside(y: Any, tangent: Any) -> Any:
    """The tangent of the output `y` as the caller sees it; None stands for zero."""
    return zeros_like_output(y) if tangent is None else unwrapped(tangent)


@overload
def jvp(
    f: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    has_aux: Literal[False] = False,
) -> tuple[Any, Any]: ...
@overload
def jvp(
    f: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    has_aux: bool,
) -> tuple[Any, ...]: ...
def jvp(
    f: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    has_aux: bool = False,
) -> tuple[Any, ...]:
    """Value of a function and its directional derivative, by forward accumulation.

    Parameters
    ----------
    f : callable
        Returns numbers or arrays in any container.
    primals : tuple
        The arguments of `f`: containers of floats and arrays, all differentiated.
    tangents : tuple
        The direction: one entry per primal, of its structure and shapes.
    has_aux : bool, default False
        Whether `f` returns a pair ``(output, auxiliary data)``.

    Returns
    -------
    out : container
        What `f` returned.
    tangent_out : container
        ``J @ tangents``, of the structure and the shapes of `out`.
    aux : object
        Only if `has_aux`.

    Raises
    ------
    TypeError
        If a primal or an output has no derivative, or a tangent another structure.
    ValueError
        If the numbers of primals and tangents or their shapes differ.

    Notes
    -----
    No graph is stored: the memory used does not grow with the number of operations.

    Examples
    --------
    >>> import cdiff as cd
    >>> cd.jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    (6.0, 3.0)
    """
    found = direct_jvp(f, primals, tangents, _taken_apart) if not has_aux else None
    aux = None
    if found is None:
        check_function(f, "jvp")
        inputs = _primals(primals, "jvp")
        directions = _tangents(inputs, tangents, "jvp")
        with Level() as level:
            pairs = zip(inputs.leaves, directions, strict=True)
            out = inputs.run(f, [dual(x, t, level) for x, t in pairs])
            if has_aux:
                out, aux = split_aux(out, f, level)
            found = _taken_apart(out, f, level)
    outputs, tangent_out = found
    if outputs.__class__ is Outputs:
        result = (outputs.values(), unflatten(outputs.treedef, tangent_out))
        return (*result, aux) if has_aux else result
    return found


def _taken_apart(out: Any, f: Callable[..., Any], level: int) -> tuple[Outputs, list[Any]]:
    """What the function returned and the tangents of its leaves; to be called inside the level."""
    outputs = Outputs(out, f, level)
    return outputs, [_tangent_of(y, level) for y in outputs.leaves]


def _tangent_of(y: Any, level: int) -> Any:
    tangent = undual(y, level)[1] if y.__class__ is Array else None
    return _tangent_outside(y, None if tangent is None else lower(tangent, level))


class _Pushforward:
    """The function that `linearize` returns: tangents of the primals to those of the outputs."""

    __slots__ = ("_record",)

    def __init__(self, record: Record) -> None:
        self._record = record

    def __call__(self, *tangents: Any) -> Any:
        directions = _tangents(self._record.inputs, tangents, "linearize")
        record = self._record.usable_with(directions)
        outputs = record.outputs
        arrays = [y for y in outputs.leaves if y.__class__ is Array]
        with record.above_outer():
            pushed = iter(pushforward(arrays, record.traced, directions, outputs.level))
        result = [
            _tangent_outside(y, next(pushed) if y.__class__ is Array else None)
            for y in outputs.leaves
        ]
        return unflatten(outputs.treedef, result)

    def __repr__(self) -> str:
        return f"<jvp function of {function_name(self._record.f)}>"


def linearize(f: Callable[..., Any], /, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Value of a function and the linear function that approximates it there.

    The function runs once; the linear function can then be applied to any number of tangents
    without running it again.

    Parameters
    ----------
    f : callable
        Returns numbers or arrays in any container.
    *primals : containers of floats and arrays
        The arguments of `f`, all differentiated.
    has_aux : bool, default False
        Whether `f` returns a pair ``(output, auxiliary data)``.

    Returns
    -------
    out : container
        What `f` returned.
    f_jvp : callable
        ``f_jvp(*tangents)`` with one tangent per primal returns ``J @ tangents`` in the
        structure and the shapes of `out`.
    aux : object
        Only if `has_aux`.

    Raises
    ------
    TypeError, ValueError
        As for `jvp`.

    Examples
    --------
    >>> import cdiff as cd
    >>> y, push = cd.linearize(lambda x: x ** 3, 2.0)
    >>> y, push(1.0), push(10.0)
    (8.0, 12.0, 120.0)
    """
    check_function(f, "linearize")
    inputs = _primals(primals, "linearize")
    record = Record(f, inputs, has_aux)
    return record.results(_Pushforward(record))


def hvp(
    f: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    has_aux: bool = False,
) -> Any:
    """Product of the Hessian of a scalar function with a vector, forward over reverse.

    Parameters
    ----------
    f : callable
        Returns a scalar.
    primals : tuple
        The arguments of `f`, all differentiated.
    tangents : tuple
        The vector: one entry per primal, of its structure and shapes.
    has_aux : bool, default False
        Whether `f` returns a pair ``(output, auxiliary data)``.

    Returns
    -------
    container
        ``H @ tangents``, in the structure, shapes and types of the argument if there is one
        primal; a tuple with one entry per primal if there are several. With `has_aux` the pair of
        that and the auxiliary data.

    Raises
    ------
    TypeError, ValueError
        As for `grad` and `jvp`.

    Notes
    -----
    The Hessian is not formed: the cost is a small multiple of that of one gradient.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> x, v = np.array([1.0, 2.0]), np.array([1.0, 0.0])
    >>> cd.hvp(lambda x: x[0] ** 2 * x[1], (x,), (v,))
    array([4., 2.])
    """
    check_function(f, "hvp")
    inputs = _primals(primals, "hvp")
    inputs.single = len(inputs.trees) == 1
    argnums = 0 if inputs.single else tuple(range(len(inputs.trees)))
    gradient = grad(f, argnums=argnums, has_aux=has_aux)
    _, pushed, *aux = jvp(gradient, primals, tangents, has_aux=has_aux)
    products, _ = flatten(pushed)
    result = inputs.gradient([v if v.__class__ is Array else array(v) for v in products])
    return (result, *aux) if has_aux else result
