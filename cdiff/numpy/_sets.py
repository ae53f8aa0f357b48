"""Sets of numbers: unique, union, intersection, differences.

Which elements a set has, and how often, is decided on values; the elements keep their derivative
(that of the first equal one). How many there are is the shape of the result, so in a compiled
function that number is a decision, and nothing else is. Knows nothing of derivatives.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff.numpy._common import NUMPY, ArrayLike, as_array, index_along, mirrors, of_values, plain
from cdiff.numpy._shape import ravel

__all__ = [
    "intersect1d", "setdiff1d", "setxor1d", "union1d", "unique", "unique_all", "unique_counts",
    "unique_inverse", "unique_values",
]  # fmt: skip


@mirrors(np.unique)
def unique(
    ar: ArrayLike,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    """As `numpy.unique`: distinct elements in order; the derivative is that of the first of equal
    elements.

    >>> cd.grad(lambda x: cnp.unique(x).sum())(np.array([2.0, 1.0, 2.0]))
    array([1., 1., 0.])
    """
    a = as_array(ar)
    if axis is None:
        index, counts, inverse = _listed(of_values(_distinct, a, equal_nan), 2)
        values, inverse = ravel(a)[index], inverse.reshape(a.shape)
    else:
        found = NUMPY.unique(plain(a), True, True, True, axis, equal_nan=equal_nan)
        _, index, inverse, counts = found
        values = _core.index(a, index_along(axis % a.ndim, index))
    extras = [x for x, wanted in ((index, return_index), (inverse, return_inverse),
                                  (counts, return_counts)) if wanted]  # fmt: skip
    return (values, *extras) if extras else values


def _distinct(a: Any, equal_nan: bool) -> Any:
    """Where the distinct elements are first, and how often each; which of them each element is."""
    _, index, inverse, counts = NUMPY.unique(a, True, True, True, equal_nan=equal_nan)
    return np.vstack((_padded(a.size, index, counts), inverse.reshape(1, -1)))


def _padded(size: int, *rows: Any) -> Any:
    """Lists of equal length as rows of a length that the shapes of the operands tell."""
    out = np.full((len(rows), size), -1)
    for k, row in enumerate(rows):
        out[k, : len(row)] = row
    return out


def _listed(rows: Any, count: int) -> list[Any]:
    """What `_padded` was given, of the first `count` rows; the other rows whole."""
    length = int(np.count_nonzero(np.greater_equal(rows[0], 0)))
    return [row[:length] if k < count else row for k, row in enumerate(rows)]


class UniqueAllResult(NamedTuple):
    """Distinct elements, where they are first, what is where, and how often."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCountsResult(NamedTuple):
    """Distinct elements, and how often they occur."""

    values: Any
    counts: Any


class UniqueInverseResult(NamedTuple):
    """Distinct elements, and what is where."""

    values: Any
    inverse_indices: Any


@mirrors(np.unique_all)
def unique_all(x: ArrayLike) -> UniqueAllResult:
    """As `numpy.unique_all`: values, their first places, the place of each element, and counts.

    >>> cnp.unique_all(cd.array([2.0, 1.0, 2.0])).counts
    array([1, 2])
    """
    return UniqueAllResult(*unique(x, True, True, True, equal_nan=False))


@mirrors(np.unique_counts)
def unique_counts(x: ArrayLike) -> UniqueCountsResult:
    """As `numpy.unique_counts`: values and how often they occur.

    >>> cnp.unique_counts(cd.array([2.0, 1.0, 2.0])).counts
    array([1, 2])
    """
    return UniqueCountsResult(*unique(x, return_counts=True, equal_nan=False))


@mirrors(np.unique_inverse)
def unique_inverse(x: ArrayLike) -> UniqueInverseResult:
    """As `numpy.unique_inverse`: values and the place of each element among them.

    >>> cnp.unique_inverse(cd.array([2.0, 1.0, 2.0])).inverse_indices
    array([1, 0, 1])
    """
    return UniqueInverseResult(*unique(x, return_inverse=True, equal_nan=False))


@mirrors(np.unique_values)
def unique_values(x: ArrayLike) -> Array:
    """As `numpy.unique_values`, in ascending order.

    >>> cnp.unique_values(cd.array([2.0, 1.0, 2.0]))
    Array([1., 2.])
    """
    return unique(x, equal_nan=False)


@mirrors(np.union1d)
def union1d(ar1: ArrayLike, ar2: ArrayLike) -> Array:
    """As `numpy.union1d`: what is in one of two sets; of equal elements that of `ar1` counts.

    >>> cd.grad(lambda x: cnp.union1d(x, [1.0]).sum())(np.array([1.0, 2.0]))
    array([1., 1.])
    """
    return unique(_core.concatenate([ravel(as_array(ar1)), ravel(as_array(ar2))], 0))


@mirrors(np.intersect1d)
def intersect1d(
    ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    """As `numpy.intersect1d`: what is in both; the derivative is that of the element of `ar1`.

    >>> cd.grad(lambda x: cnp.intersect1d(x, [1.0]).sum())(np.array([1.0, 2.0]))
    array([1., 0.])
    """
    a, b = as_array(ar1), as_array(ar2)
    first, second = _listed(of_values(_common, a, b, assume_unique), 2)
    values = _core.cast(ravel(a)[first], np.result_type(a.dtype, b.dtype))
    return (values, first, second) if return_indices else values


def _common(a: Any, b: Any, assume_unique: bool) -> Any:
    _, first, second = np.intersect1d(a, b, assume_unique, True)
    return _padded(min(a.size, b.size), first, second)


@mirrors(np.setxor1d)
def setxor1d(ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False) -> Array:
    """As `numpy.setxor1d`: what is in one of two sets only.

    >>> cd.grad(lambda x: cnp.setxor1d(x, [1.0]).sum())(np.array([1.0, 2.0]))
    array([0., 1.])
    """
    a, b = ravel(as_array(ar1)), ravel(as_array(ar2))
    if not assume_unique:
        a, b = unique(a), unique(b)
    joined = _core.concatenate([a, b], 0)
    (index,) = _listed(of_values(_single, joined), 1)
    return joined[index]


def _single(values: Any) -> Any:
    """Where the elements are that have no equal one, in order."""
    order = values.argsort(kind="stable")
    ordered = values[order]
    apart = np.concatenate(([True], ordered[1:] != ordered[:-1], [True]))
    return _padded(values.size, order[apart[1:] & apart[:-1]])


@mirrors(np.setdiff1d)
def setdiff1d(ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False) -> Array:
    """As `numpy.setdiff1d`: what is in `ar1` and not in `ar2`.

    >>> cd.grad(lambda x: cnp.setdiff1d(x, [1.0]).sum())(np.array([1.0, 2.0]))
    array([0., 1.])
    """
    a = ravel(as_array(ar1)) if assume_unique else unique(ar1)
    (index,) = _listed(of_values(_missing, a, ar2), 1)
    return a[index]


def _missing(a: Any, others: Any) -> Any:
    return _padded(a.size, np.flatnonzero(np.isin(a, others, invert=True)))
