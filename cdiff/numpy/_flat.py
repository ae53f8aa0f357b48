"""What `x.flat` is: the elements of an `Array` in C order, as NumPy's flat iterator.

It is iterated, indexed and assigned into; what is written goes into the array itself, also where
a flattened one would be a copy. This file must not know views or versions: every access is one
index or one assignment by the places in the array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import any_array
from cdiff.numpy._common import ArrayLike, as_array, plain
from cdiff.numpy._in_place import put_flat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdiff._core import Array

__all__ = ["ndenumerate"]


def ndenumerate(arr: ArrayLike) -> Iterator[tuple[tuple[int, ...], Any]]:
    """As `numpy.ndenumerate`: the places of an array and its elements, one pair after another.

    >>> cd.grad(lambda x: sum(i * y for (i, j), y in cnp.ndenumerate(x)))(np.ones((2, 1)))
    array([[0.],
           [1.]])
    """
    if not any_array(arr):
        return np.ndenumerate(arr)
    a = as_array(arr)
    return zip(np.ndindex(a.shape), a.flat, strict=True)


def _with_elements(x: Any) -> Any:
    """Arguments in which the elements stand for `x.flat`, in sequences too."""
    if isinstance(x, Flat):
        return x.__elements__()
    return type(x)(map(_with_elements, x)) if type(x) in (list, tuple) else x


def _compared(ufunc: Any) -> Any:
    return lambda self, other: ufunc(self.__elements__(), other)


class Flat:
    """The elements of an array in C order, one after another.

    Examples
    --------
    >>> import cdiff as cd
    >>> x = cd.array([[1.0, 2.0], [3.0, 4.0]])
    >>> x.flat[2]
    Array(3.)
    >>> x.flat[1:3] = 0.0
    >>> x
    Array([[1., 0.],
           [0., 4.]])
    """

    def __init__(self, base: Array) -> None:
        self.base = base
        self.index = 0

    @property
    def coords(self) -> tuple[Any, ...]:
        """The place of the next element."""
        return np.unravel_index(self.index, self.base.shape)

    def copy(self) -> Array:
        """The elements as a vector of its own."""
        return _core.reshape(self.base, (-1,)).copy()

    def __elements__(self) -> Array:
        """The elements as what functions and operators take; not for writing, since they may be a
        copy."""
        elements = _core.reshape(self.base, (-1,)).view()
        elements.flags.writeable = False
        return elements

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*_with_elements(inputs), **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return func(*_with_elements(args), **kwargs)

    __lt__, __le__, __eq__ = map(_compared, (np.less, np.less_equal, np.equal))
    __gt__, __ge__, __ne__ = map(_compared, (np.greater, np.greater_equal, np.not_equal))

    def __len__(self) -> int:
        return self.base.size

    def __iter__(self) -> Iterator[Array]:
        rest = _core.reshape(self.base, (-1,))
        if not np.may_share_memory(_core.peek(rest), _core.peek(self.base)):
            return self  # a copy would not show what is changed while one goes through it
        rest = _core.index(rest, slice(self.index, None)) if self.index else rest
        self.index = self.base.size
        return iter(rest)

    def __next__(self) -> Array:
        if self.index >= self.base.size:
            raise StopIteration
        place = self.coords
        self.index += 1
        return _core.index(self.base, place)

    def __getitem__(self, key: Any) -> Array:
        part = _core.index(_core.reshape(self.base, (-1,)), key)
        return part.copy() if part.ndim else part

    def __setitem__(self, key: Any, value: ArrayLike) -> None:
        if not self.base.ndim:
            self.base[()] = value  # an error that says what to do with a number
        places = np.asarray(np.arange(self.base.size)[plain(key)])
        put_flat(self.base, places.reshape(-1), as_array(value))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(_core.reshape(self.base, (-1,)), dtype, copy=copy)
