"""What every function of this namespace needs: dispatch, axes, `out=`.

`handles` enters a function into the table in which `_dispatch.py` finds what stands for `np.f` on
an `Array`; `mirrors` does that and leaves calls without any `Array` to NumPy itself;
`on_values` is for functions whose results carry no derivative. This file must not know any
particular function. It is fast because `handles` adds nothing to a call (hot functions test their
first argument themselves, or leave that to the core by `shortcut`), and because messages are made
only when an error is raised.
"""

from __future__ import annotations

import operator
from functools import wraps
from types import MethodType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar, cast

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from cdiff import _core
from cdiff._core import (
    Array,
    Shortcut,
    any_array,
    array,
    hosted,
    in_program,
    index,
    is_tracked,
    is_waiting,
    levels,
    note_any_order,
    peek,
    texts_made,
    to_plain,
    value,
)
from cdiff._face import misfit, noted

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ALL_AXES",
    "HANDLERS",
    "NO_VALUE",
    "NUMPY",
    "ArrayLike",
    "adjoint",
    "along",
    "any_order",
    "any_true",
    "as_array",
    "axes_of",
    "axis_of",
    "dtype_with",
    "handles",
    "holds_tracked",
    "index_along",
    "initial_of",
    "like_ufunc",
    "line_of",
    "listed_axes",
    "mask_of",
    "mirrors",
    "named",
    "of_parts",
    "of_values",
    "on_forms",
    "on_values",
    "plain",
    "positions_of",
    "real_dtype",
    "shortcut",
    "squared_size",
    "squeezed",
    "store",
    "whole_axis",
]

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound="Callable[..., Any]")

# Array, ndarray, number, or nested sequences of them.
ArrayLike: TypeAlias = Any

# NumPy without the overloads of its stubs, for calls that are handed on.
NUMPY: Any = np

# NumPy's own mark for an argument that was not given: calls are handed on exactly as they came.
NO_VALUE = NUMPY._NoValue

ALL_AXES = tuple(tuple(range(ndim)) for ndim in range(65))

# np.sinc is the one row of the operator table that is no ufunc.
HANDLERS: dict[Any, Any] = {np.sinc: _core.sinc}


# What a function of this package has of the ufunc that it stands for. The methods know Arrays.
UFUNC_ATTRIBUTES = (
    "accumulate", "at", "outer", "reduce", "reduceat", "identity", "nargs", "nin", "nout",
    "ntypes", "signature", "types",
)  # fmt: skip


def like_ufunc(f: F, ufunc: Any) -> F:
    """A function with the methods and attributes of a ufunc."""
    for name in UFUNC_ATTRIBUTES:
        setattr(f, name, getattr(ufunc, name))
    return f


def handles(*originals: Any) -> Callable[[F], F]:
    """Let a function stand for NumPy functions that are called on an `Array`."""

    def decorate(f: F) -> F:
        for original in originals:
            HANDLERS[original] = f
        return f

    return decorate


def mirrors(*originals: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """As `handles`; calls without any `Array` go to the (first) NumPy function.

    None stands for a function that this NumPy does not have: then ours answers.
    """
    original = originals[0]

    def decorate(f: Callable[P, R]) -> Callable[P, R]:
        @wraps(f)
        def mirror(*args: P.args, **kwargs: P.kwargs) -> R:
            if (
                (args and args[0].__class__ is Array)
                or any_array(*args)
                or (kwargs and any_array(*kwargs.values()))
            ):
                return f(*args, **kwargs)
            if original is None:
                return cast("R", _plain_result(f(*args, **kwargs)))
            return cast("R", original(*args, **kwargs))

        return handles(*[x for x in originals if x is not None])(mirror)

    return decorate


def any_order(f: Callable[P, R]) -> Callable[P, R]:
    """For functions whose results NumPy lays out in memory in an order of its own, on which depends
    whether a reshape of them is a view."""

    @wraps(f)
    def noted(*args: P.args, **kwargs: P.kwargs) -> R:
        return cast("R", note_any_order(f(*args, **kwargs)))

    return noted


def _plain_result(y: Any) -> Any:
    return tuple(map(_plain_result, y)) if isinstance(y, tuple) else to_plain(y)


@Shortcut.enable
class _Shortcut(Shortcut):
    """A function whose common calls go to the core; it looks and travels like that function."""

    def __init__(self, function: Any, *_: Any) -> None:
        self._function = function
        for name in ("__module__", "__name__", "__qualname__", "__doc__"):
            setattr(self, name, getattr(function, name))
        self.__dict__.update(function.__dict__)

    @property
    def __signature__(self) -> Any:
        import inspect

        return inspect.signature(self._function)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return repr(self._function)

    def __reduce__(self) -> str:
        return str(self._function.__qualname__)


def shortcut(
    core: Callable[..., Any], count: int = 1, operands: str = "first"
) -> Callable[[F], F]:  # fmt: skip
    """Let calls of `count` arguments without a name go to a function of the core.

    Where an `Array` is the "first" of them, or "any", or the first of the "items" of a list or a
    tuple. The core may refuse a call by a TypeError or a ValueError; all that it does not, it
    answers as the function would.
    """
    place = ("first", "any", "items").index(operands)

    def decorate(f: F) -> F:
        return cast("F", _Shortcut(f, core, count, place))

    return decorate


def named(f: F, name: str, doc: str) -> F:
    """A function that another one has made, with a name and a docstring of its own."""
    f.__name__ = f.__qualname__ = name
    f.__doc__ = doc
    return f


def plain(x: Any) -> Any:
    """The value of `x` without derivative, also inside lists and tuples."""
    if type(x) is Array:
        return value(x)
    if isinstance(x, (list, tuple)) and any_array(x):
        return [plain(item) for item in x]
    return x


def holds_tracked(x: Any) -> bool:
    """Is `x` an array with a derivative, or one of them in lists and tuples?"""
    return any(map(holds_tracked, x)) if isinstance(x, (list, tuple)) else is_tracked(x)


def of_values(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A function without derivative of the values of Arrays: plain, or part of a program."""
    result = hosted(function, args, kwargs)
    if result is not NotImplemented:
        texts_made(result.__class__ is str)
        return result
    return function(*[plain(x) for x in args], **{name: plain(x) for name, x in kwargs.items()})


def positions_of(indices: Any) -> Any:
    """Indices as an array: an Array where a program computes them."""
    if type(indices) is Array:
        return indices
    return of_values(np.asarray, indices) if in_program(indices) else np.asarray(plain(indices))


def _explained(f: F, original: Any, call: str, result: str) -> F:
    """NumPy's docstring below what is particular here, and one example."""
    text = (original.__doc__ or "").lstrip("\n")
    before = "\n" + " " * (len(text) - len(text.lstrip()))
    name, _, given = call.partition("(")
    first = [">>> x = cd.array([3.0, 1.0, 2.0])"] if "x" in given else []
    lines = [f"As `numpy.{name}`, of the values: the result has no derivative.", "", *first,
             f">>> cnp.{call}", result, ""]  # fmt: skip
    f.__doc__ = before.join(lines) + "\n" + text
    return f


def on_values(original: Any, call: str, result: str) -> Callable[..., Any]:
    """A NumPy function whose results have no derivative, called on values.

    The docstring shows what a `call`, with ``x`` an `Array` of three numbers, gives.
    """
    is_ufunc = isinstance(original, np.ufunc)

    @wraps(original)
    def f(*args: Any, **kwargs: Any) -> Any:
        if is_ufunc and len(args) > original.nin:
            return original(*args, **kwargs)  # which knows where its result goes
        if kwargs and any_array(kwargs.get("out")):
            if is_ufunc:
                return original(*args, **kwargs)
            return store(kwargs.pop("out"), of_values(original, *args, **kwargs), original.__name__)
        return of_values(original, *args, **kwargs)

    f = handles(original)(_explained(f, original, call, result))
    return like_ufunc(f, original) if is_ufunc else f


def on_forms(original: Any, call: str, result: str) -> Callable[..., Any]:
    """A NumPy function of shapes and dtypes only: no decision of a program being recorded."""

    @wraps(original)
    def f(*args: Any, **kwargs: Any) -> Any:
        return original(*map(_form, args), **{name: _form(x) for name, x in kwargs.items()})

    return handles(original)(_explained(f, original, call, result))


def _form(x: Any) -> Any:
    """An ndarray for an Array; what waits goes on waiting, and its values are not there."""
    if type(x) is Array:
        return np.broadcast_to(np.zeros((), x.dtype), x.shape) if is_waiting(x) else peek(x)
    return [_form(item) for item in x] if isinstance(x, (list, tuple)) else x


def as_array(x: ArrayLike) -> Array:
    """An `Array` of any operand; memory of an ndarray is shared."""
    return x if type(x) is Array else array(x, copy=False)


def in_shape(result: Array, shape: tuple[int, ...]) -> Array:
    """A new result in another shape: a number where no axes are left, and no view of one."""
    result = _core.reshape(result, shape)
    return result if shape else result[()]


def along(a: Array, positions: Any, axis: int) -> Array:
    """take_along_axis for arguments that are known to fit."""
    if a.ndim == 1:
        return index(a, positions)
    key = list(np.ogrid[tuple([slice(n) for n in a.shape])])
    key[axis] = positions
    return index(a, tuple(key))


def mask_of(where: Any, shape: tuple[int, ...]) -> Any:
    """A where= argument as booleans of a shape; numbers do not silently count as true."""
    mask = as_array(where) if any_array(where) else np.asarray(where)
    if mask.dtype != bool:
        raise misfit(f"where= is a mask of booleans, not of dtype {mask.dtype}", TypeError)
    return (
        of_values(np.broadcast_to, mask, shape)
        if type(mask) is Array
        else np.broadcast_to(mask, shape)
    )


def initial_of(initial: ArrayLike, dtype: Any, name: str) -> Array:
    """An initial= argument, one number, in the dtype of the reduction."""
    first = as_array(initial)
    if first.ndim:
        raise misfit(f"{name}: initial= is one number, not an array of shape {first.shape}")
    if first.dtype.kind == "c" and dtype.kind != "c":
        raise misfit(f"{name}: initial= is {first.dtype}, but the result is {dtype}", TypeError)
    return _core.cast(first, dtype)


def of_parts(real: ArrayLike, imag: ArrayLike) -> Array:
    """Complex numbers of real and imaginary parts, infinite ones too: 1j * inf is not real."""
    imag = as_array(imag)
    finite = _core.where(np.isfinite(imag), imag, 0.0)
    return as_array(real + 1j * finite + as_array(of_values(_endless, imag)))


def _endless(imag: Any) -> Any:
    """Infinite and undefined numbers as imaginary parts, 0 in place of all others."""
    whole = np.zeros(imag.shape, np.result_type(imag.dtype, np.complex64))
    whole.imag = np.where(np.isfinite(imag), 0.0, imag)
    return whole


def any_true(mask: Any) -> bool:
    """Whether something may be true; a program being recorded must not decide by that, so: yes."""
    return type(mask) is Array or bool(np.any(mask))


def constant_where(mask: Any, a: Array) -> Array:
    """An array that has no derivative where a mask says so."""
    return _core.where(mask, a.detach(), a) if any_true(mask) else a


def adjoint(a: Array) -> Array:
    """The conjugate of the matrix transpose."""
    return _core.conj(a.mT)


def real_dtype(a: Array) -> Any:
    """The dtype of absolute values: float64 for integers."""
    return np.empty(0, a.dtype).real.dtype if a.dtype.kind in "fc" else np.dtype(float)


def squared_size(a: Array) -> Array:
    """The square of real numbers, of the absolute value of complex ones."""
    if a.dtype.kind != "c":
        return _core.square(a)
    return _core.square(_core.real(a)) + _core.square(_core.imag(a))


def squeezed(a: Any, axes: tuple[int, ...]) -> Any:
    """An array, plain or not, without axes of length one."""
    return a.reshape(tuple([n for i, n in enumerate(a.shape) if i not in axes]))


def axis_of(a: Array, axis: Any, name: str) -> int:
    """One axis as a non-negative int."""
    ndim = a.ndim
    if type(axis) is int and -ndim <= axis < ndim:
        return axis if axis >= 0 else axis + ndim
    return noted(normalize_axis_index, operator.index(axis), ndim, f"{name} of shape {a.shape}")


def axes_of(a: Array, axis: Any, name: str, scalar_axis: bool = False) -> tuple[int, ...]:
    """Reduced axes, ascending; `scalar_axis` allows axis 0 of a 0-d array, as ufuncs do."""
    ndim = a.ndim
    if axis is None:
        return ALL_AXES[ndim]
    if type(axis) is int and -ndim <= axis < ndim:
        return (axis if axis >= 0 else axis + ndim,)
    if not isinstance(axis, tuple):
        axis = whole_axis(axis, name)
        if scalar_axis and ndim == 0 and axis in (0, -1):
            return ()
        return (axis_of(a, axis, name),)
    return tuple(sorted(noted(normalize_axis_tuple, axis, ndim, f"{name} of shape {a.shape}")))


def whole_axis(axis: Any, name: str) -> int:
    """An axis as an int where NumPy takes no truth values for one, nor lists of axes."""
    if isinstance(axis, bool):
        raise TypeError(f"{name}: an integer is required for the axis, not {axis!r}")
    return operator.index(axis)


def listed_axes(axis: Any) -> Any:
    """Axes of the functions that take any sequence of them, as a tuple."""
    return tuple(axis) if np.iterable(axis) else None if axis is None else operator.index(axis)


def line_of(a: ArrayLike, axis: Any, name: str) -> tuple[Array, int]:
    """The operand and one axis; without an axis it is flattened, and a number has one element."""
    a = as_array(a)
    if axis is None or not a.ndim:
        a, axis = _core.reshape(a, (a.size,)), axis or 0
    return a, axis_of(a, whole_axis(axis, name), name)


def index_along(axis: int, key: Any) -> tuple[Any, ...]:
    """The index that applies `key` to one axis."""
    return (*(slice(None),) * axis, key)


def dtype_with(out: Any, dtype: Any, a: Any) -> Any:
    """The dtype in which to sum or multiply: that of an `out` with more digits, as in NumPy."""
    kind, own = getattr(out, "dtype", None), a.dtype
    if dtype is not None or kind is None or own.kind not in "fc":
        return dtype
    return kind if kind.kind == own.kind and kind.itemsize > own.itemsize else None


def store(out: Any, result: Any, name: str, casting: Any = "unsafe") -> Array:
    """Give a result to the caller's `out`, which must be able to hold its derivative.

    NumPy's sums and extremes cut a result to the dtype of `out`; for others `casting` says more.
    """
    kind = getattr(out, "dtype", None)  # of what is no array something is said below
    if casting != "unsafe" and kind and not np.can_cast(result.dtype, kind, casting):
        raise misfit(
            f"{name}: out= has dtype {kind}, which cannot hold a result of dtype {result.dtype}",
            TypeError,
        )
    if type(out) is not Array:
        if isinstance(out, np.ndarray) and not levels(as_array(result)):
            np.copyto(out, plain(result), casting="same_kind")
            return cast("Array", out)  # the caller's own, as NumPy returns it
        raise TypeError(
            f"{name}: out={type(out).__name__} cannot hold a derivative; pass an array made by "
            f"cdiff.numpy.zeros, or write y = {name}(...) without out="
        )
    if out.shape != np.shape(result):
        raise misfit(f"{name}: out has shape {out.shape}, the result {np.shape(result)}")
    out[...] = result
    return out
