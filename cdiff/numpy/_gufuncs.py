"""The calls of NumPy's ufuncs that are functions of this package: their common arguments.

A ufunc that is no operator of the core takes `out=`, `where=`, `dtype=`, ... and has methods
(`reduce`, `outer`, ...) as every other one; a generalised one, of vectors or matrices, has `axes=`,
`axis=` and `keepdims=` as well. `of_ufunc` gives a function all of that, so that it is written for
its operands alone. This file must not know any particular function. A plain call costs one test
more than the function itself; all others take NumPy's own way to the function.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import Array, any_array
from cdiff._face import misfit
from cdiff.numpy._common import HANDLERS, NUMPY, as_array, like_ufunc
from cdiff.numpy._shape import expand_dims, moveaxis

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["carried", "core_ndims", "in_loop", "of_ufunc"]


def core_ndims(side: str) -> list[int]:
    """How many axes belong to each operand, of one side of a signature like "(n),()->(n)"."""
    operands = side.replace(" ", "")[1:-1].split("),(")
    return [len(names.split(",")) if names else 0 for names in operands]


def of_ufunc(ufunc: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function of operands alone stand for a ufunc, with all that a ufunc has.

    None stands for a ufunc that this NumPy does not have: then there are the operands only.
    """
    if ufunc is None:
        return lambda f: f

    def decorate(f: Callable[..., Any]) -> Callable[..., Any]:
        operands = ufunc.nin

        @wraps(f)
        def handler(*args: Any, **kwargs: Any) -> Any:
            return f(*args) if not kwargs else _called(ufunc, f, args, **kwargs)

        @wraps(f)
        def call(*args: Any, **kwargs: Any) -> Any:
            if (
                len(args) == operands
                and not kwargs
                and (args[0].__class__ is Array or any_array(*args))
            ):
                return f(*args)
            return ufunc(*map(_joined, args), **kwargs)

        HANDLERS[ufunc] = handler
        call.__dict__["__signature__"] = _signature(f, ufunc)
        return like_ufunc(call, ufunc)

    return decorate


def _signature(f: Callable[..., Any], ufunc: Any) -> inspect.Signature:
    """That of the operands, and what every ufunc takes."""
    names = ["casting", "order", "dtype", "subok"]
    names += ["axes", "axis", "keepdims"] if ufunc.signature else ["where"]
    operands = inspect.signature(f).parameters.values()
    out = inspect.Parameter("out", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
    options = [inspect.Parameter(x, inspect.Parameter.KEYWORD_ONLY, default=None) for x in names]
    return inspect.Signature([*operands, out, *options])


def _joined(x: Any) -> Any:
    """A sequence with Arrays in it as an Array, which NumPy asks what to do."""
    return as_array(x) if isinstance(x, (list, tuple)) and any_array(x) else x


def _called(
    ufunc: Any, f: Callable[..., Any], args: Any, *, dtype: Any = None, axes: Any = None,
    axis: Any = None, keepdims: Any = False, casting: str = "same_kind", **unknown: Any,
) -> Any:  # fmt: skip
    """A function of operands alone, computed in a dtype and along other axes than the last."""
    for name in unknown:
        raise TypeError(f"{ufunc.__name__}: keyword {name} is not supported on cdiff arrays")
    args = [as_array(x) for x in args]
    if dtype is not None:
        for x in args:
            if not NUMPY.can_cast(x.dtype, dtype, casting):
                raise misfit(
                    f"{ufunc.__name__}: cannot cast from {x.dtype} to {np.dtype(dtype)} by the "
                    f"rule {casting!r}",
                    TypeError,
                )
        signature = (None,) * ufunc.nin + (np.dtype(dtype),) * ufunc.nout
        args = [*in_loop(ufunc, args, (None,) * ufunc.nout, casting, signature)]
    if axes is None and axis is None and not keepdims:
        return f(*args)
    if ufunc.signature is None:
        raise TypeError(f"{ufunc.__name__}: axes, axis and keepdims are for functions of vectors")
    places = _places(ufunc, args, axes, axis, keepdims)
    result = f(*[_moved(x, place) for x, place in zip(args, places, strict=False)])
    if keepdims:
        return expand_dims(result, places[-1])
    return moveaxis(result, range(-len(places[-1]), 0), places[-1]) if places[-1] else result


def in_loop(ufunc: Any, inputs: Any, outs: Any, casting: str, signature: Any) -> tuple[Any, ...]:
    """Operands in the dtypes of the loop that NumPy would take for them and for these results."""
    # NumPy's own search crashes where the type of a Python number is refused as not equivalent.
    kinds = map(_own_dtype if casting == "equiv" else _promoted, inputs)
    asked = [*kinds, *[None if x is None else x.dtype for x in outs]]
    given = {} if signature is None else {"signature": signature}
    loop = ufunc.resolve_dtypes(tuple(asked), casting=casting, **given)
    return tuple([
        x if isinstance(kind, type) else as_array(x).astype(carried(to), copy=False)
        for x, kind, to in zip(inputs, asked, loop, strict=False)
    ])  # fmt: skip


def _promoted(x: Any) -> Any:
    """The dtype of an operand; the type of a Python number, which does not decide one."""
    return type(x) if type(x) in (int, float, complex) else _own_dtype(x)


def _own_dtype(x: Any) -> Any:
    """The dtype of an operand by itself."""
    return as_array(x).dtype


def carried(dtype: Any) -> Any:
    """The dtype that is computed in: half precision is not."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def _places(ufunc: Any, args: Any, axes: Any, axis: Any, keepdims: Any) -> list[tuple[int, ...]]:
    """The axes that belong to each operand, and to the result."""
    name, signature = ufunc.__name__, ufunc.signature
    taken, given = map(core_ndims, signature.split("->"))
    if axis is not None and axes is not None:
        raise TypeError(f"{name}: cannot specify both 'axis' and 'axes'")
    if (axis is not None or keepdims) and (any(given) or set(taken) != {1}):
        raise TypeError(
            f"{name} does not support {'keepdims' if keepdims else 'axis'}: its signature is "
            f"{signature}"
        )
    if "?" in signature:  # a vector counts as a matrix that lacks an axis, and so does the result
        lengths = [min(k, x.ndim) for k, x in zip(taken, args, strict=True)]
        given, taken = [given[0] - sum(taken) + sum(lengths)], lengths
    last = tuple(range(-1 if keepdims else -given[0], 0))
    if axis is not None:
        return [*[(axis,)] * len(taken), (axis,) if keepdims else ()]
    if axes is None:
        return [*[tuple(range(-k, 0)) for k in taken], last]
    if not isinstance(axes, list):
        raise TypeError(f"{name}: axes should be a list, not {axes!r}")
    places = [k if isinstance(k, tuple) else (k,) for k in axes]
    if len(places) == len(taken) and not any(given):
        places.append(last)
    counts = [*taken, len(last)]
    if [len(k) for k in places] != counts:
        raise ValueError(
            f"{name}: axes should name {counts} axes of the operands and of the result, got {axes}"
        )
    return places


def _moved(x: Array, place: tuple[int, ...]) -> Array:
    """The named axes last."""
    return moveaxis(x, place, range(-len(place), 0)) if place else x
