"""New arrays: filled, ranged, converted, copied.

What is made of floating-point numbers is an `Array`, so that ``y = zeros(n); y[i] = tracked``
works; integers and booleans come as plain NumPy arrays (indices, masks), which have no derivative
to carry. Start, stop, step and fill value may be tracked. Knows nothing of derivatives.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import operator
from itertools import islice
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array, is_waiting
from cdiff._face import misfit
from cdiff.numpy._common import (
    NUMPY,
    ArrayLike,
    any_order,
    as_array,
    axis_of,
    handles,
    mirrors,
    named,
    of_values,
    plain,
)

__all__ = [
    "arange", "array", "asanyarray", "asarray", "asarray_chkfinite", "ascontiguousarray",
    "asfortranarray", "astype", "copy", "empty", "empty_like", "eye", "from_dlpack",
    "fromfunction", "fromiter", "full", "full_like", "geomspace", "identity", "ix_", "linspace",
    "logspace", "meshgrid", "ones", "ones_like", "require", "tri", "zeros", "zeros_like",
]  # fmt: skip

DIFFERENTIABLE = (np.float64, np.float32, np.complex128, np.complex64)


def _made(x: Any) -> Any:
    """NumPy's new array as an Array where it is differentiable."""
    return _core.changeable(_core.array(x)) if x.dtype.type in DIFFERENTIABLE else x


# --- filled ---------------------------------------------------------------------------------------


def _filled(original: Any) -> Any:
    """One of zeros, ones, empty."""

    @handles(original)
    def filled(
        shape: Any, dtype: Any = None, order: str = "C", *, device: Any = None, like: Any = None
    ) -> Any:
        return _made(original(plain(shape), dtype, order))

    name = original.__name__
    text = f"As `numpy.{name}`; an `Array` where the dtype is floating."
    return named(filled, name, f"{text}\n\n>>> cnp.{name}((2, 3)).shape\n(2, 3)")


zeros = _filled(np.zeros)
ones = _filled(np.ones)
empty = _filled(np.empty)


@handles(np.full)
def full(
    shape: Any,
    fill_value: ArrayLike,
    dtype: Any = None,
    order: str = "C",
    *,
    device: Any = None,
    like: Any = None,
) -> Any:
    """As `numpy.full`: one number everywhere; differentiable in it, an `Array` where it is
    floating.

    >>> cd.grad(lambda v: cnp.full(3, v).sum())(2.0)
    3.0
    """
    if not any_array(fill_value):
        return _made(NUMPY.full(plain(shape), fill_value, dtype, order))
    shape = tuple(shape) if np.iterable(shape) else (shape,)
    fill = as_array(fill_value) if dtype is None else _core.cast(fill_value, dtype)
    return _core.changeable(_core.broadcast_to(fill, shape).copy())


def _filled_like(make: Any, original: Any) -> Any:
    """One of zeros_like, ones_like, empty_like."""

    @handles(original)
    def filled_like(
        a: ArrayLike,
        dtype: Any = None,
        order: str = "K",
        subok: bool = True,
        shape: Any = None,
        *,
        device: Any = None,
    ) -> Any:
        a = a if type(a) is Array else np.asarray(plain(a))
        out = make(a.shape if shape is None else shape, a.dtype if dtype is None else dtype)
        return _laid_out(out, a, order)

    name = original.__name__
    example = f">>> cnp.{name}(np.ones((2, 3))).shape\n(2, 3)"
    text = f"As `numpy.{name}`; an `Array` where it is floating.\n\n{example}"
    return named(filled_like, name, text)


zeros_like = _filled_like(zeros, np.zeros_like)
ones_like = _filled_like(ones, np.ones_like)
empty_like = _filled_like(empty, np.empty_like)


def _laid_out(out: Any, like: Any, order: str) -> Any:
    """A new array, in the order in memory that NumPy would choose."""
    if type(out) is not Array or out.ndim < 2 or order in ("C", "c"):
        return out
    return _core.note_any_order(out) if order in ("F", "f") else _core.note_layout(out, like)


@handles(np.full_like)
def full_like(
    a: ArrayLike,
    fill_value: ArrayLike,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    """As `numpy.full_like`: one number everywhere, in the shape of `a`; differentiable in it.

    >>> cd.grad(lambda v: cnp.full_like(np.ones(3), v).sum())(2.0)
    3.0
    """
    a = a if type(a) is Array else np.asarray(plain(a))
    out = full(a.shape if shape is None else shape, fill_value, a.dtype if dtype is None else dtype)
    return _laid_out(out, a, order)


@handles(np.eye)
def eye(
    N: int,
    M: int | None = None,
    k: int = 0,
    dtype: Any = float,
    order: str = "C",
    *,
    device: Any = None,
    like: Any = None,
) -> Any:
    """As `numpy.eye`: ones on a diagonal; an `Array` where the dtype is floating.

    >>> cd.grad(lambda x: (x * cnp.eye(2)).sum())(3.0)
    2.0
    """
    return _made(np.eye(N, M, k, dtype))


@handles(np.identity)
def identity(n: int, dtype: Any = None, *, like: Any = None) -> Any:
    """As `numpy.identity`: the unit matrix; an `Array` where the dtype is floating.

    >>> cd.grad(lambda x: (x * cnp.identity(2)).sum())(3.0)
    2.0
    """
    return _made(np.identity(n, dtype))


@handles(np.tri)
def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = float, *, like: Any = None) -> Any:
    """As `numpy.tri`: ones on and below a diagonal; an `Array` where the dtype is floating.

    >>> cd.grad(lambda x: (x * cnp.tri(2)).sum())(3.0)
    3.0
    """
    return _made(np.tri(N, M, k, dtype))


# --- ranged ---------------------------------------------------------------------------------------


@handles(np.arange)
def arange(
    start: ArrayLike,
    /,
    stop: ArrayLike = None,
    step: ArrayLike = None,
    dtype: Any = None,
    *,
    device: Any = None,
    like: Any = None,
) -> Any:
    """As `numpy.arange`: steps from start to before stop, differentiable in start and step; their
    number is constant.

    >>> cd.grad(lambda h: cnp.arange(0.0, 3.0, h)[2])(1.0)
    2.0
    """
    if not any_array(start, stop, step):
        step = 1 if step is None else step
        return _made(NUMPY.arange(start, stop, step, dtype))
    start, stop = (0, start) if stop is None else (start, stop)
    step = 1 if step is None else step
    plainly = np.arange(plain(start), plain(stop), plain(step))
    result = as_array(start) + as_array(step) * np.arange(len(plainly))
    return _core.cast(result, plainly.dtype if dtype is None else dtype)


@handles(np.linspace)
def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    """As `numpy.linspace`: equal steps, differentiable in start and stop.

    >>> cd.grad(lambda a: cnp.linspace(a, 1.0, 5)[1])(0.0)
    0.75
    """
    if not any_array(start, stop):
        out = NUMPY.linspace(start, stop, num, endpoint, retstep, dtype, axis)
        return (_made(out[0]), out[1]) if retstep else _made(out)
    kinds = [x.dtype if hasattr(x, "dtype") else x for x in (start, stop)]
    kind = NUMPY.result_type(*[x if np.ndim(x) == 0 else as_array(x).dtype for x in kinds], 1.0)
    start, stop = _core.cast(as_array(start), kind), _core.cast(as_array(stop), kind)
    if device not in (None, "cpu"):
        raise ValueError(f"linspace: arrays are on the device 'cpu' only, got {device!r}")
    if num < 0:
        raise ValueError(f"linspace: Number of samples, {num}, must be non-negative.")
    delta = stop - start
    # NumPy's own steps: a position that is rounded otherwise would put elements into other bins.
    number = np.arange(operator.index(num), dtype=kind).reshape((-1,) + (1,) * delta.ndim)
    parts = num - 1 if endpoint else num
    step = delta / parts if parts > 0 else delta
    result = number * step + start
    if endpoint and num > 1:
        result = _core.where(number == num - 1, stop, result)
    axis = axis_of(result, axis, "linspace")
    if axis:
        perm = list(range(1, result.ndim))
        perm.insert(axis, 0)
        result = _core.transpose(result, tuple(perm))
    if dtype is not None and np.dtype(dtype).kind in "iu":
        result = _core.floor(result)
    result = _core.cast(result, kind if dtype is None else dtype)
    return (result, step if parts > 0 else delta * np.nan) if retstep else result


@handles(np.logspace)
def logspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    base: ArrayLike = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """As `numpy.logspace`: powers of a base, differentiable in start, stop and base.

    >>> round(cd.grad(lambda b: cnp.logspace(0.0, 2.0, 3, base=b)[2])(3.0), 6)
    6.0
    """
    if not any_array(start, stop, base):
        return _made(NUMPY.logspace(start, stop, num, endpoint, base, dtype, axis))
    if np.ndim(base):
        base = as_array(base)
        shape = np.broadcast_shapes(np.shape(start), np.shape(stop), base.shape)
        start, stop = _core.broadcast_to(start, shape), _core.broadcast_to(stop, shape)
        base = _core.broadcast_to(base, shape)
    powers = linspace(start, stop, num, endpoint, axis=axis)
    if np.ndim(base):
        place = axis_of(powers, axis, "logspace")
        base = _core.reshape(base, (*shape[:place], 1, *shape[place:]))
    result = _core.power(base, powers)
    return as_array(result) if dtype is None else _core.cast(result, dtype)


@handles(np.geomspace)
@any_order
def geomspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """As `numpy.geomspace`: equal factors, differentiable in start and stop.

    >>> round(cd.grad(lambda b: cnp.geomspace(1.0, b, 3)[1])(4.0), 6)
    0.25
    """
    if not any_array(start, stop):
        return _made(NUMPY.geomspace(start, stop, num, endpoint, dtype, axis))
    start, stop = as_array(start), as_array(stop)
    start, stop = start + 0.0 * stop, stop + 0.0 * start
    if np.any(np.equal(start, 0.0)) or np.any(np.equal(stop, 0.0)):
        raise ValueError("geomspace: Geometric sequence cannot include zero")
    ratio = stop / start
    if ratio.dtype.kind != "c" and np.any(np.less(ratio, 0.0)):
        raise ValueError(
            "geomspace: start and stop of opposite signs: the numbers between them are complex; "
            "give complex ones"
        )
    place = axis_of(_core.reshape(start, (*start.shape, 1)), axis, "geomspace")
    shape = (*start.shape[:place], 1, *start.shape[place:])
    t = np.linspace(0.0, 1.0, num, endpoint).reshape(
        [num if i == place else 1 for i in range(start.ndim + 1)]
    )
    start, stop = _core.reshape(start, shape), _core.reshape(stop, shape)
    inner = start * _core.power(_core.reshape(ratio, shape), t.astype(ratio.dtype))
    # Both ends are exactly what was given.
    result = _core.where(t == 1.0, stop, _core.where(t == 0.0, start, inner))
    wide = complex if result.dtype.kind == "c" else float
    return _core.cast(result, wide if dtype is None else dtype)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Any:
    """As `numpy.from_dlpack`; an `Array` where the dtype is floating, of memory of its own.

    >>> cnp.from_dlpack(np.ones(2))
    Array([1., 1.])
    """
    options = {"device": device, "copy": copy}
    given = {name: option for name, option in options.items() if option is not None}
    return _made(NUMPY.from_dlpack(x, **given))


@mirrors(np.meshgrid)
def meshgrid(
    *xi: ArrayLike, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> tuple[Array, ...]:
    """As `numpy.meshgrid`: coordinates of the points of a grid.

    >>> cd.grad(lambda x: cnp.meshgrid(x, np.ones(3))[0].sum())(np.ones(2))
    array([3., 3.])
    """
    if indexing not in ("xy", "ij"):
        raise ValueError("meshgrid: valid values for `indexing` are 'xy' and 'ij'.")
    ndim = len(xi)
    order = list(range(ndim))
    if indexing == "xy" and ndim > 1:
        order[:2] = [1, 0]
    grids = []
    for axis, x in zip(order, [as_array(x) for x in xi], strict=True):
        grids.append(_core.reshape(x, tuple([x.size if i == axis else 1 for i in range(ndim)])))
    if not sparse:
        shape = np.broadcast_shapes(*[g.shape for g in grids])
        grids = [_core.broadcast_view(g, shape) for g in grids]
    return tuple([g.copy() if copy else g for g in grids])


@mirrors(np.ix_)
def ix_(*args: ArrayLike) -> tuple[Any, ...]:
    """As `numpy.ix_`: an index of chosen rows and columns; how many elements a mask takes is a
    decision of a program.

    >>> cd.grad(lambda x: x[cnp.ix_([1], [0])].sum())(np.ones((2, 2)))
    array([[0., 0.],
           [1., 0.]])
    """
    rows = [_line_of_mesh(as_array(x) if any_array(x) else x) for x in args]
    shape = (1,) * len(rows)
    return tuple([x.reshape(*shape[:k], -1, *shape[k + 1 :]) for k, x in enumerate(rows)])


def _line_of_mesh(x: Any) -> Any:
    if type(x) is not Array or x.dtype.kind not in "fc" or not x.size:
        rows = of_values(np.nonzero, x) if type(x) is Array and x.dtype.kind == "b" else (x,)
        return of_values(np.ix_, *rows)[0]
    if x.ndim != 1:
        raise misfit(f"ix_: cross index must be 1 dimensional, not of shape {x.shape}")
    return x


# --- converted ------------------------------------------------------------------------------------


@handles(np.array)
def array(
    object: ArrayLike,
    dtype: Any = None,
    *,
    copy: bool | None = True,
    order: str = "K",
    subok: bool = False,
    ndmin: int = 0,
    ndmax: int = 0,
    like: Any = None,
) -> Any:
    """As `numpy.array`; nested sequences may hold tracked values, whose derivatives are kept.

    >>> cd.grad(lambda x: cnp.array([x, x**2]).sum())(3.0)
    7.0
    """
    if not any_array(object):
        limit: Any = {"ndmax": ndmax} if ndmax else {}  # NumPy has it since 2.4
        return _made(np.array(object, dtype, ndmin=ndmin, **limit))
    if type(object) is Array and not copy:
        result = object if dtype is None else _core.cast(object, dtype)
        result = result if copy is False else _core.changeable(result)  # of a number an array
    else:
        result = object.copy(order) if type(object) is Array else _core.array(object)
        result = _core.changeable(result if dtype is None else result.astype(dtype))
        if ndmax and type(object) is not Array and result.ndim > ndmax:
            raise misfit(
                f"array: sequences of shape {result.shape} have more axes than ndmax={ndmax}"
            )
    missing = ndmin - result.ndim
    return result.reshape((1,) * missing + result.shape) if missing > 0 else result


@handles(np.asarray, np.asanyarray)
def asarray(
    a: ArrayLike,
    dtype: Any = None,
    order: Any = None,
    *,
    device: Any = None,
    copy: bool | None = None,
    like: Any = None,
) -> Any:
    """As `numpy.asarray`: an `Array` as it is, floating numbers as a new `Array`.

    >>> cd.grad(lambda x: cnp.asarray([x, x**2]).sum())(3.0)
    7.0
    """
    return _apart(array(a, dtype, copy=copy), a, order)


def _apart(result: Any, given: Any, order: Any) -> Any:
    """The result, or a copy where NumPy makes one for the order of the elements: changes of one are
    not seen in the other. How an `Array` lies in memory is its own."""
    if result is not given or type(given) is not Array or order not in ("C", "F"):
        return result
    if _core.is_layout_unknown(given):
        return _core.unsure_alias(given)
    if is_waiting(given):
        return result if order == "C" or given.ndim < 2 else given.copy(order)
    flags = given.flags
    return (
        result
        if (flags.c_contiguous if order == "C" else flags.f_contiguous)
        else given.copy(order)
    )


asanyarray = asarray


def asarray_chkfinite(a: ArrayLike, dtype: Any = None, order: Any = None) -> Any:
    """As `numpy.asarray_chkfinite`: as `asarray`, and an error for NaN and infinity.

    >>> cd.grad(lambda x: cnp.asarray_chkfinite([x, x**2]).sum())(3.0)
    7.0
    """
    result = asarray(a, dtype)
    if bool(of_values(_has_no_finite, result)):
        raise misfit(
            f"asarray_chkfinite: an array of shape {np.shape(result)} must not contain infs or NaNs"
        )
    return result


def _has_no_finite(a: Any) -> Any:
    return np.asarray(a.dtype.kind in "fc" and not bool(np.isfinite(a).all()))


def ascontiguousarray(a: ArrayLike, dtype: Any = None, *, like: Any = None) -> Any:
    """As `numpy.ascontiguousarray`: one axis at least.

    >>> cd.grad(lambda x: cnp.ascontiguousarray(x)[0])(3.0)
    1.0
    """
    return _apart(array(a, dtype, copy=False, ndmin=1), a, "C")


def asfortranarray(a: ArrayLike, dtype: Any = None, *, like: Any = None) -> Any:
    """As `numpy.asfortranarray`: one axis at least.

    >>> cd.grad(lambda x: cnp.asfortranarray(x)[0])(3.0)
    1.0
    """
    return _apart(array(a, dtype, copy=False, ndmin=1), a, "F")


def require(a: ArrayLike, dtype: Any = None, requirements: Any = None, *, like: Any = None) -> Any:
    """As `numpy.require`: as `asarray`.

    >>> cnp.require(cd.array([1.0]), requirements="C")
    Array([1.])
    """
    given = [requirements] if isinstance(requirements, str) else requirements or ()
    NUMPY.require(np.empty(0), None, list(given))  # NumPy's own errors
    asked = {str(name)[0].upper() for name in given}
    result = asarray(a, dtype, "C" if "C" in asked else "F" if "F" in asked else None)
    own = type(result) is not Array or (
        not ("O" in asked and _core.is_view(result))
        and not ("W" in asked and not _core.is_writeable(result))
    )
    return result if own else result.copy()


def fromiter(iter: Any, dtype: Any, count: int = -1, *, like: Any = None) -> Any:
    """As `numpy.fromiter`, of numbers that may be tracked.

    >>> cd.grad(lambda x: cnp.fromiter((x**k for k in range(3)), float).sum())(3.0)
    7.0
    """
    items = list(iter) if count < 0 else list(islice(iter, count))
    if len(items) < count:
        raise ValueError(f"fromiter: iterator too short: expected {count} but iterator had only "
                         f"{len(items)} items.")  # fmt: skip
    if not any_array(items):
        return _made(NUMPY.fromiter(items, dtype))
    return array(items, dtype)


def fromfunction(
    function: Any, shape: Any, *, dtype: Any = float, like: Any = None, **kwargs: Any
) -> Any:
    """As `numpy.fromfunction`; what the function closes over may be tracked.

    >>> cd.grad(lambda a: cnp.fromfunction(lambda i: a * i, (3,)).sum())(2.0)
    3.0
    """
    result = NUMPY.fromfunction(function, shape, dtype=dtype, **kwargs)
    return _made(result) if isinstance(result, np.ndarray) else result


@mirrors(np.copy)
def copy(a: ArrayLike, order: str = "K", subok: bool = False) -> Array:
    """As `numpy.copy`: new memory, the same derivative.

    >>> cd.grad(lambda x: cnp.copy(x).sum())(np.ones(2))
    array([1., 1.])
    """
    return _core.changeable(as_array(a).copy(order))


@mirrors(np.astype)
def astype(x: ArrayLike, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """As `numpy.astype`; integers and booleans come as plain NumPy arrays.

    >>> cd.grad(lambda x: cnp.astype(x, np.float32).sum())(np.ones(2))
    array([1., 1.])
    """
    return as_array(x).astype(dtype, copy=copy)
