"""Transformations by the reverse sweep: grad, value_and_grad, elementwise_grad, vjp.

Each call opens a level, makes tracked leaves of the chosen arguments, runs the function and
asks the core for one sweep back. This file knows the core's five verbs for that (Level, leaf,
pullback, lower, to_plain) and nothing of operators. It is fast because it does no work per
operator: a few checks on the way in and out, all else in compiled code.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal, overload

from cdiff._arguments._holomorphic import check_for_reverse, promise
from cdiff._arguments._leaves import (
    FLOAT_TYPES,
    as_direction,
    check_output,
    leaf_dtype,
    outside,
    shape_of,
)
from cdiff._arguments._tree import flatten, flatten_like, leaf_paths, unflatten
from cdiff._arguments._wrap import (
    Inputs,
    Outputs,
    Transformed,
    check_argnums,
    check_function,
    function_name,
    split_aux,
)
from cdiff._core import Array, GradientCall, Level, leaf, pullback, refuse_left
from cdiff._transformations._record import Record

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Concatenate, ParamSpec, TypeVar

    from cdiff._types import Gradient, ValueAndGradient

    Argnums = int | tuple[int, ...]
    P = ParamSpec("P")
    X = TypeVar("X")

__all__ = ["elementwise_grad", "grad", "stop_gradient", "value_and_grad", "vjp"]


@GradientCall.enable
class _Gradient(GradientCall, Transformed):
    """What grad and value_and_grad return. The core has the call for floats and arrays."""

    def __init__(self, f: Callable[..., Any], factory: Any, options: dict[str, Any]) -> None:
        Transformed.__init__(self, f, factory, options)
        argnums = options["argnums"]
        self._with_value = factory is value_and_grad
        self._direct = not options["has_aux"]
        self._holomorphic: bool = options.get("holomorphic", False)
        single = argnums.__class__ is int
        # The core does not take negative positions.
        positions = (argnums,) if single else argnums
        fast = self._direct and not self._holomorphic
        self.prepare(f, positions, single, self._with_value, fast)

    def general(self, args: tuple[Any, ...], kwargs: dict[str, Any], found: Any) -> Any:
        """A call with any arguments and any scalar result; see `DirectCall` for `found`."""
        inputs = Inputs(args, self._options["argnums"], self._factory.__name__)
        aux = None
        # The function was called inside of a level that is open.
        with Level() if found is None else nullcontext(found[2]) as level:
            if found is None:
                traced = [leaf(x, level) for x in inputs.leaves]
                out = inputs.run(self._f, traced, kwargs)
            else:
                out, traced, _ = found
            if not self._direct:
                out, aux = split_aux(out, self._f, level)
            refuse_left([out], level)
            if (
                out.__class__ is not Array
                or out.shape != ()
                or out.dtype.type not in FLOAT_TYPES
                or self._holomorphic
            ):
                _check_scalar(out, self._f, self._factory.__name__)
                self._check_complex(inputs.leaves, out)
            grads = (
                pullback([out], [None], traced, level)
                if out.__class__ is Array
                else [None] * len(traced)
            )
        gradient = inputs.gradient(grads)
        if not self._with_value:
            return gradient if self._direct else (gradient, aux)
        value = outside(out, level)
        return (value if self._direct else (value, aux)), gradient

    def _check_complex(self, leaves: list[Any], out: Any) -> None:
        name = function_name(self._f)
        check_for_reverse(leaves, [out], name, self._factory.__name__, self._holomorphic)


def _check_scalar(out: Any, f: Callable[..., Any], who: str) -> None:
    """Raise unless an output is a scalar, saying what to use for others."""
    leaves, treedef = flatten(out)
    name = f"the output of {function_name(f)}"
    if len(leaves) != 1 or leaves[0] is not out:
        hint = "; if the second is auxiliary data, pass has_aux=True" if len(leaves) == 2 else ""
        if out is None:
            check_output(out, name)
        raise TypeError(
            f"{who} needs one scalar output, but {name} is a {type(out).__name__} of "
            f"{treedef.n_leaves} numbers or arrays{hint} (cdiff.jacobian and cdiff.vjp take "
            "any outputs)"
        )
    check_output(out, name)
    shape = shape_of(out)
    if shape != ():
        raise TypeError(
            f"{who} needs a scalar output, but {name} has shape {shape}; use cdiff.jacobian for "
            "the derivative of every entry, cdiff.vjp for that of a weighted sum, "
            "cdiff.elementwise_grad for that of the sum, or return a scalar such as y.sum()"
        )


@overload
def grad(
    f: Callable[Concatenate[Any, P], Any],
    argnums: Literal[0] = 0,
    has_aux: Literal[False] = False,
    holomorphic: bool = False,
) -> Gradient[P]: ...
@overload
def grad(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]: ...
def grad(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """The function that computes the gradient of a scalar function.

    Parameters
    ----------
    f : callable
        Returns a scalar (a float or an array of shape ``()``), or a pair of it and auxiliary
        data if `has_aux`.
    argnums : int or tuple of int, default 0
        The positional arguments to differentiate; negative counts from the end. Each may be a
        float, an array, or any nesting of dict, list, tuple, namedtuple, dataclass of them.
        Other arguments and all keyword arguments are passed through.
    has_aux : bool, default False
    holomorphic : bool, default False
        Promises that `f` is a holomorphic function of complex arguments with a complex result;
        the gradient is then its complex derivative.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns the gradient in the structure, the shapes and the
        types of the chosen argument (float to float, ndarray to ndarray, ...), a tuple of
        gradients if `argnums` is a tuple; ``(gradient, aux)`` if `has_aux`.  For a complex
        argument ``z = x + iy`` of a real function that is ``df/dx - i df/dy``.

    Raises
    ------
    TypeError
        When called, if an argument has no derivative (integers, strings, ...), or if the
        output is not a scalar, real unless `holomorphic`.
    ValueError
        If `argnums` does not fit the call.

    See Also
    --------
    value_and_grad, jacobian, vjp, elementwise_grad

    Examples
    --------
    >>> import cdiff as cd
    >>> cd.grad(lambda x: x ** 3)(2.0)
    12.0
    >>> cd.grad(lambda p, t: p["a"] * t + p["b"])({"a": 1.0, "b": 2.0}, 5.0)
    {'a': 5.0, 'b': 1.0}
    >>> cd.grad(cd.grad(lambda x: x ** 3))(2.0)
    12.0
    """
    argnums = check_argnums(argnums, "grad")
    options = {"argnums": argnums, "has_aux": bool(has_aux), **promise(holomorphic)}
    return _Gradient(f, grad, options)


@overload
def value_and_grad(
    f: Callable[Concatenate[Any, P], Any],
    argnums: Literal[0] = 0,
    has_aux: Literal[False] = False,
    holomorphic: bool = False,
) -> ValueAndGradient[P]: ...
@overload
def value_and_grad(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., tuple[Any, Any]]: ...
def value_and_grad(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """The function that computes a scalar function and its gradient together.

    Parameters
    ----------
    f : callable
    argnums : int or tuple of int, default 0
    has_aux : bool, default False
    holomorphic : bool, default False
        All as for `grad`.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns ``(value, gradient)``, or
        ``((value, aux), gradient)`` if `has_aux`. The value is a Python float for a float64
        scalar.

    Raises
    ------
    TypeError, ValueError
        As for `grad`.

    Examples
    --------
    >>> import cdiff as cd
    >>> cd.value_and_grad(lambda x, y: x * y * y, argnums=(0, 1))(2.0, 3.0)
    (18.0, (9.0, 12.0))
    """
    argnums = check_argnums(argnums, "value_and_grad")
    options = {"argnums": argnums, "has_aux": bool(has_aux), **promise(holomorphic)}
    return _Gradient(f, value_and_grad, options)


class _ElementwiseGrad(Transformed):
    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        inputs = Inputs(args, self._options["argnums"], "elementwise_grad")
        with Level() as level:
            traced = [leaf(x, level) for x in inputs.leaves]
            out, aux = inputs.run(self._f, traced, kwargs), None
            if self._options["has_aux"]:
                out, aux = split_aux(out, self._f, level)
            outputs = Outputs(out, self._f, level)
            check_for_reverse(
                inputs.leaves,
                outputs.leaves,
                function_name(self._f),
                "elementwise_grad",
                self._options.get("holomorphic", False),
            )
            grads = _pull(outputs, [None] * len(outputs.leaves), traced)
        gradient = inputs.gradient(grads)
        return (gradient, aux) if self._options["has_aux"] else gradient


@overload
def elementwise_grad(
    f: Callable[Concatenate[Any, P], Any],
    argnums: Literal[0] = 0,
    has_aux: Literal[False] = False,
    holomorphic: bool = False,
) -> Gradient[P]: ...
@overload
def elementwise_grad(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable[..., Any]: ...
def elementwise_grad(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable[..., Any]:
    """The function that computes the gradient of the sum of all outputs.

    For a function that acts on every entry for itself, like ``np.sin``, that is its derivative
    at every entry.

    Parameters
    ----------
    f : callable
        Returns numbers or arrays of any shape, in any container.
    argnums : int or tuple of int, default 0
    has_aux : bool, default False
    holomorphic : bool, default False
        As for `grad`.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns ``sum_j dy_j/dx_i`` in the structure, the shapes and
        the types of the chosen argument.

    Raises
    ------
    TypeError, ValueError
        As for `grad`.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> cd.elementwise_grad(lambda x: x ** 2)(np.array([1.0, 2.0, 3.0]))
    array([2., 4., 6.])
    """
    argnums = check_argnums(argnums, "elementwise_grad")
    options = {"argnums": argnums, "has_aux": bool(has_aux), **promise(holomorphic)}
    return _ElementwiseGrad(f, elementwise_grad, options)


def _pull(outputs: Outputs, cotangents: list[Any], traced: list[Array]) -> list[Any]:
    """One reverse sweep from those outputs that are Arrays; constants have no derivative.

    A cotangent of None stands for ones.
    """
    pairs = [
        (y, v) for y, v in zip(outputs.leaves, cotangents, strict=True) if y.__class__ is Array
    ]
    if not pairs:
        return [None] * len(traced)
    grads: list[Any] = pullback([y for y, _ in pairs], [v for _, v in pairs], traced, outputs.level)
    return grads


class _Pullback:
    """The function that `vjp` returns: cotangents of the outputs to those of the primals."""

    __slots__ = ("_record",)

    def __init__(self, record: Record) -> None:
        self._record = record

    def __call__(self, cotangent: Any) -> tuple[Any, ...]:
        outputs = self._record.outputs
        values = flatten_like(outputs.treedef, cotangent, "cotangent")
        paths = leaf_paths(outputs.treedef, "cotangent")
        vectors = [
            as_direction(v, shape_of(y), leaf_dtype(y), path, "output")
            for v, y, path in zip(values, outputs.leaves, paths, strict=True)
        ]
        record = self._record.usable_with(vectors)
        with record.above_outer():
            grads = _pull(record.outputs, vectors, record.traced)
        result: tuple[Any, ...] = record.inputs.gradient(grads)
        return result

    def __repr__(self) -> str:
        return f"<vjp function of {function_name(self._record.f)}>"


def vjp(f: Callable[..., Any], /, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Value of a function and its vector-Jacobian product, by reverse accumulation.

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
    vjp_fn : callable
        ``vjp_fn(cotangent)`` with a cotangent of the structure and the shapes of `out` returns
        a tuple with one entry per primal, of its structure, shapes and types. It may be called
        any number of times and differentiated in turn.
    aux : object
        Only if `has_aux`.

    Raises
    ------
    TypeError
        If a primal or an output has no derivative, or the cotangent another structure.
    ValueError
        If there is no primal, or the cotangent has another shape than the output.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> y, pull = cd.vjp(lambda x: 2.0 * x, np.array([1.0, 2.0, 3.0]))
    >>> pull(np.array([1.0, 2.0, 3.0]))
    (array([2., 4., 6.]),)
    """
    check_function(f, "vjp")
    if not primals:
        raise ValueError("vjp needs at least one primal: vjp(f, x, ...)")
    inputs = Inputs(primals, tuple(range(len(primals))), "vjp", "primal")
    record = Record(f, inputs, has_aux)
    return record.results(_Pullback(record))


def stop_gradient(x: X) -> X:
    """The same value, as a constant for every derivative.

    Parameters
    ----------
    x : container of anything

    Returns
    -------
    container
        Of the same structure; Arrays become untracked Arrays, all else is unchanged.

    Examples
    --------
    >>> import cdiff as cd
    >>> cd.grad(lambda x: x * cd.stop_gradient(x))(3.0)
    3.0
    """
    leaves, treedef = flatten(x)
    stopped: X = unflatten(treedef, [y.detach() if y.__class__ is Array else y for y in leaves])
    return stopped
