"""The methods of `Array` that are functions of this package, as a table.

They have the parameters of `ndarray`'s methods, where these differ from those of the functions.
This file knows which function does the work and nothing of how; the core asks for one method at a
time, through `_dispatch.py`, and puts it into the class, where Python finds it fastest.
"""

from __future__ import annotations

import operator
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import is_tracked, peek
from cdiff._face import misfit
from cdiff.numpy import _edit, _in_place, _index, _linalg, _reduce, _rounding, _shape, _values
from cdiff.numpy._common import NO_VALUE, ArrayLike, as_array, named, of_parts
from cdiff.numpy._flat import Flat
from cdiff.numpy._foreign import (
    instead_of,
    sparse_product,
    sparse_sum,
    sparse_times,
    stand_in,
)

if TYPE_CHECKING:
    from cdiff._core import Array

__all__ = ["METHODS"]

API_VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")


# --- methods --------------------------------------------------------------------------------------


def _sort_in_place(
    self: Array, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None,
    descending: Any = NO_VALUE,
) -> None:  # fmt: skip
    """Sort the array in place, as `ndarray.sort`."""
    axis = operator.index(axis)
    self[...] = _index.sort(self, axis, kind, order, stable=stable, descending=descending)


def _fill(self: Array, value: ArrayLike) -> None:
    """Set every element to one number, as `ndarray.fill`."""
    if np.ndim(value):
        raise misfit(f"fill: one number is needed, not an array of shape {np.shape(value)}")
    self[...] = value


def _partition_in_place(
    self: Array, kth: Any, axis: int = -1, kind: str = "introselect", order: Any = None
) -> None:
    """Partition the array in place, as `ndarray.partition`."""
    self[...] = _edit.partition(self, kth, axis, kind, order)


def _compress(self: Array, condition: Any, axis: int | None = None, out: Any = None) -> Array:
    """The elements where a condition holds, as `ndarray.compress`."""
    return _edit.compress(condition, self, axis, out)


def _clip(
    self: Array, min: ArrayLike = None, max: ArrayLike = None, out: Any = None, **kwargs: Any
) -> Array:
    """Limit the elements, as `ndarray.clip`."""
    return _index.clip(self, min, max, out, **kwargs)


def _put(self: Array, indices: Any, values: ArrayLike, mode: str = "raise") -> None:
    """Assign to places of the flattened array, as `ndarray.put`."""
    _in_place.put(self, indices, values, mode)


def _flatten(self: Array, order: str = "C") -> Array:
    """A one-dimensional copy, as `ndarray.flatten`."""
    flat: Array = _shape.ravel(self, order).copy()
    return flat


def _set_flat(self: Array, value: ArrayLike) -> None:
    """`x.flat = value`: the values in C order, which begin anew when there are too few."""
    Flat(self)[:] = value


def _set_real(self: Array, value: ArrayLike) -> None:
    """`x.real = value`."""
    self[...] = value if self.dtype.kind != "c" else _of_parts(value, self.imag, "real")


def _set_imag(self: Array, value: ArrayLike) -> None:
    """`x.imag = value`."""
    if self.dtype.kind != "c":
        raise TypeError("array does not have imaginary part to set; make it complex")
    self[...] = _of_parts(self.real, value, "imag")


def _of_parts(real: ArrayLike, imag: ArrayLike, name: str) -> Array:
    real, imag = as_array(real), as_array(imag)
    if "c" in (real.dtype.kind, imag.dtype.kind):
        raise TypeError(f"{name}: a part of complex numbers is real; take v.real or abs(v)")
    return of_parts(real, imag)


def _view(self: Array, dtype: Any = None, type: Any = None) -> Array:
    """A view, as `ndarray.view` without another dtype or class."""
    if type is not None or (dtype is not None and np.dtype(dtype) != self.dtype):
        raise TypeError(
            "view: the memory of an Array is seen in its own dtype only; write x.astype(dtype) to "
            "convert the values, or x.numpy().view(...) to look at their bytes"
        )
    return self[...]


class Flags:
    """How the values of an Array lie in memory, as `ndarray.flags`; `writeable` can be set."""

    __slots__ = ("_array", "_found")
    _array: Array
    _found: Any

    def __init__(self, array: Array) -> None:
        object.__setattr__(self, "_array", array)
        object.__setattr__(self, "_found", peek(array).flags)

    @property
    def writeable(self) -> bool:
        """May users assign to the array?"""
        return _core.is_writeable(self._array)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "writeable":
            raise AttributeError(f"flags.{name} of an Array cannot be set")
        _core.set_writeable(self._array, bool(value))

    def __getitem__(self, key: str) -> Any:
        return self.writeable if key in ("WRITEABLE", "W") else self._found[key]

    def __setitem__(self, key: str, value: Any) -> None:
        setattr(self, "writeable" if key in ("WRITEABLE", "W") else key, value)

    def __repr__(self) -> str:
        lines = repr(self._found).splitlines()
        own = [f"  WRITEABLE : {self.writeable}" if "WRITEABLE" in s else s for s in lines]
        return "\n".join(own)


def _flags(self: Array) -> Flags:
    """How the values lie in memory, as `ndarray.flags`."""
    return Flags(self)


def _set_flags(
    self: Array, write: bool | None = None, align: bool | None = None, uic: bool | None = None
) -> None:
    """Let users assign to the array, or not, as `ndarray.setflags`."""
    if uic or align is False:
        raise ValueError("setflags: only write= of an Array can be set")
    if write is not None:
        _core.set_writeable(self, bool(write))


def _strides(self: Array) -> Any:
    """The bytes from one element to the next along each axis, as `ndarray.strides`."""
    return peek(self).strides


def _bytes_of(name: str) -> Any:
    """A method that writes the values somewhere else, where no derivative can follow."""

    def write(self: Array, *args: Any, **kwargs: Any) -> Any:
        if is_tracked(self):
            raise TypeError(
                f"{name}() of a tracked array would lose its derivative; write "
                f"x.numpy().{name}(...) if it may be dropped"
            )
        return getattr(self.numpy(), name)(*args, **kwargs)

    return named(write, name, f"As `ndarray.{name}`, of an array without derivative.")


def _data(self: Array) -> Any:
    """A read-only view of the bytes, as `ndarray.data`, of an array without derivative."""
    if is_tracked(self):
        raise AttributeError("data of a tracked array would lose its derivative; write "
                             "x.numpy().data if it may be dropped")  # fmt: skip
    return self.numpy().data


def _no_pointer(self: Array) -> Any:
    """Always an error: memory is handed out read-only, as `x.numpy()`."""
    raise AttributeError(
        "an Array gives no pointer to its memory, which other arrays may share and a derivative "
        "may need as it is; write a = np.array(x), and a.ctypes"
    )


def _set_field(self: Array, val: ArrayLike, dtype: Any, offset: int = 0) -> None:
    """Always an error: elements are assigned as a whole."""
    raise TypeError("setfield: the elements of an Array have no fields; write x[...] = v")


def _resize_in_place(self: Array, *shape: Any, refcheck: bool = True) -> None:
    """Always an error: the number of elements does not change."""
    raise misfit(
        f"resize: an Array of shape {self.shape} cannot be resized in place; write "
        f"x = np.resize(x, shape)",
        TypeError,
    )


def _method_sum(
    self: Array,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Array:
    """Sum over axes, as `ndarray.sum`."""
    initial = NO_VALUE if initial is None else initial
    where = NO_VALUE if where is True else where
    return _reduce.sum(self, axis, dtype, out, keepdims, initial, where)


def _namespace(self: Array, api_version: str | None = None) -> Any:
    """The namespace of the array API standard that belongs to an array."""
    if api_version not in (None, *API_VERSIONS):
        raise ValueError(
            f"cdiff.numpy follows the array API standard of {', '.join(API_VERSIONS)}; "
            f"{api_version!r} was asked for"
        )
    return import_module("cdiff.numpy")


def _check_words(called: Any, order: Any, casting: Any) -> None:
    """Raise for what NumPy does not take as `order=` or `casting=`."""
    try:
        np.empty(0).astype(float, order=order, casting=casting)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{getattr(called, '__name__', called)}: {error}") from None


def _operands_of_loop(ufunc: Any, inputs: tuple[Any, ...], out: Any, words: Any) -> Any:
    """The operands of a ufunc in the dtypes that its keywords ask for."""
    return import_module("cdiff.numpy._ufuncs").operands_of_loop(ufunc, inputs, out, words)


def _repr_html(self: Array) -> str:
    """The HTML that a notebook shows for an Array."""
    html: str = import_module("cdiff._pictures._html").array_html(self)  # which takes a millisecond
    return html


METHODS: dict[str, Any] = {
    "_repr_html_": _repr_html,
    "__array__": stand_in,
    "__array_namespace__": _namespace,
    "__loop__": _operands_of_loop,
    "__lost__": instead_of,
    "__matmul__": sparse_product,
    "__sum__": sparse_sum,
    "__times__": sparse_times,
    "__words__": _check_words,
    "byteswap": _bytes_of("byteswap"),
    "clip": _clip,
    "compress": _compress,
    "ctypes": property(_no_pointer),
    "data": property(_data),
    "fill": _fill,
    "flatten": _flatten,
    "partition": _partition_in_place,
    "put": _put,
    "dump": _bytes_of("dump"),
    "dumps": _bytes_of("dumps"),
    "flags": property(_flags),
    "flat": Flat,
    "flat=": _set_flat,
    "getfield": _bytes_of("getfield"),
    "imag=": _set_imag,
    "real=": _set_real,
    "reshape": _shape.reshape,
    "resize": _resize_in_place,
    "round": _rounding.round,
    "setfield": _set_field,
    "setflags": _set_flags,
    "sort": _sort_in_place,
    "strides": property(_strides),
    "sum": _method_sum,
    "__bytes__": _bytes_of("tobytes"),
    "tobytes": _bytes_of("tobytes"),
    "tofile": _bytes_of("tofile"),
    "view": _view,
}
for _module, _names in (
    (_reduce, "cumprod cumsum max mean min prod ptp std var"),
    (_edit, "choose"),
    (_index, "diagonal take"),
    (_linalg, "dot trace"),
    (_shape, "ravel repeat squeeze swapaxes"),
    (_values, "all any argmax argmin argpartition argsort nonzero searchsorted"),
):
    for _name in _names.split():
        METHODS[_name] = getattr(_module, _name)
