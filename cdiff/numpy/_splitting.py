"""Splitting: an array as a list of pieces along an axis.

Where the pieces end is found by NumPy itself on the positions; each piece is a view. This file must
not know derivatives.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array
from cdiff._face import misfit
from cdiff.numpy._common import (
    NUMPY,
    ArrayLike,
    as_array,
    axis_of,
    handles,
    index_along,
    mirrors,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["array_split", "dsplit", "hsplit", "split", "unstack", "vsplit"]


def _pieces(splitter: Any, a: Array, where: Any, axis: int, name: str) -> list[Array]:
    """Slices at the places where NumPy would split the positions along an axis."""
    axis = axis_of(a, axis, name)
    parts = splitter(np.arange(a.shape[axis]), where)
    ends = [(p[0], p[-1] + 1) if p.size else (0, 0) for p in parts]
    return [_core.index(a, index_along(axis, slice(int(i), int(j)))) for i, j in ends]


@mirrors(np.split)
def split(ary: ArrayLike, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """As `numpy.split`: a list of equal parts, or of those between given places.

    >>> cd.grad(lambda x: cnp.split(x, 2)[1].sum())(np.ones(4))
    array([0., 0., 1., 1.])
    """
    return _pieces(np.split, as_array(ary), indices_or_sections, axis, "split")


@mirrors(np.array_split)
def array_split(ary: ArrayLike, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """As `numpy.array_split`: as `split`, where the parts need not be equal.

    >>> cd.grad(lambda x: cnp.array_split(x, 2)[1].sum())(np.ones(3))
    array([0., 0., 1.])
    """
    return _pieces(np.array_split, as_array(ary), indices_or_sections, axis, "array_split")


def _split_along(axis: int, original: Any) -> Callable[[ArrayLike, Any], list[Array]]:
    """One of hsplit, vsplit, dsplit."""
    name = original.__name__

    @mirrors(original)
    def split_along(ary: ArrayLike, indices_or_sections: Any) -> list[Array]:
        a = as_array(ary)
        least = {"hsplit": 1, "vsplit": 2, "dsplit": 3}[name]
        if a.ndim < least:
            raise misfit(f"{name} only works on arrays of {least} or more dimensions")
        chosen = 0 if a.ndim == 1 else axis
        return _pieces(np.split, a, indices_or_sections, chosen, name)

    split_along.__name__ = split_along.__qualname__ = name
    split_along.__doc__ = (
        f"As `numpy.{name}`: a list of parts along axis {axis}"
        f"{' (of vectors along axis 0)' if name == 'hsplit' else ''}.\n\n"
        f">>> cd.grad(lambda x: cnp.{name}(x, 1)[0].sum())(np.ones((1, 1, 1)))\narray([[[1.]]])"
    )
    return split_along


vsplit = _split_along(0, np.vsplit)
hsplit = _split_along(1, np.hsplit)
dsplit = _split_along(2, np.dsplit)


def unstack(x: ArrayLike, /, *, axis: int = 0) -> tuple[Array, ...]:
    """As `numpy.unstack`: a tuple of the pieces along an axis.

    >>> cd.grad(lambda x: cnp.unstack(x)[1].sum())(np.ones((2, 2)))
    array([[0., 0.],
           [1., 1.]])
    """
    if not any_array(x):
        return NUMPY.unstack(x, axis=axis)
    a = as_array(x)
    if a.ndim == 0:
        raise ValueError("unstack: input array must be at least 1-d")
    axis = axis_of(a, axis, "unstack")
    return tuple([_core.index(a, index_along(axis, i)) for i in range(a.shape[axis])])


if hasattr(np, "unstack"):
    handles(np.unstack)(unstack)
