"""Covariances and histograms.

Covariance and correlation are products of deviations, differentiable in the data and in `aweights`.
A histogram counts, and a count has no derivative in the data; what has one are its weights, and
its edges where they come from the smallest and the largest element. Knows nothing of derivatives.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import math
import operator
import warnings
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array
from cdiff._face import misfit
from cdiff.numpy._common import (
    ArrayLike,
    adjoint,
    any_order,
    as_array,
    constant_where,
    mirrors,
    of_values,
    plain,
    positions_of,
)
from cdiff.numpy._creation import linspace
from cdiff.numpy._index import clip, diag, diff
from cdiff.numpy._reduce import average
from cdiff.numpy._shape import ravel, squeeze

__all__ = [
    "bincount", "corrcoef", "cov", "histogram", "histogram2d", "histogram_bin_edges", "histogramdd",
]  # fmt: skip

# --- covariances ----------------------------------------------------------------------------------


@mirrors(np.cov)
def cov(
    m: ArrayLike,
    y: ArrayLike = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: ArrayLike = None,
    *,
    dtype: Any = None,
) -> Array:
    """As `numpy.cov`: the matrix of covariances, differentiable in `m`, `y` and `aweights`.

    >>> cd.grad(cnp.cov)(np.array([1.0, 3.0]))
    array([-2.,  2.])
    """
    if ddof is not None and ddof != int(ddof):
        raise ValueError("cov: ddof must be integer")
    rows = _variables(m, rowvar, dtype, "cov: m")
    if rows.shape[0] == 0:
        return as_array(np.zeros((0, 0)))
    if y is not None:
        rows = _core.concatenate([rows, _variables(y, rowvar, dtype, "cov: y")], 0)
    ddof = (0 if bias else 1) if ddof is None else ddof
    if aweights is not None and as_array(aweights).dtype.kind == "c":
        raise TypeError(f"cov: aweights must be real, not {as_array(aweights).dtype}")
    aweights = None if aweights is None else _core.cast(as_array(aweights), float)
    w = _weights(rows.shape[1], fweights, aweights)
    mean, total = average(rows, 1, w, True)
    total = _core.index(total, 0)
    factor: Any
    if w is None:
        factor = rows.shape[1] - ddof
    elif ddof == 0:
        factor = total
    elif aweights is None:
        factor = total - ddof
    else:
        factor = total - ddof * _core.sum(w * as_array(aweights)) / total
    none: Any = False
    if type(factor) is not Array and factor <= 0:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=3)
        factor, none = 0.0, True
    elif type(factor) is Array:
        none = of_values(np.less_equal, factor, 0.0)
        factor = _core.where(none, 0.0, factor)
    if rows.shape[1] == 1:  # is its own mean; 0 / 0 below would be nan backward and 0 forward
        none = True
    deviation = rows - _core.reshape(mean, (-1, 1))
    weighted = deviation if w is None else deviation * w
    return constant_where(none, squeeze(_core.matmul(deviation, adjoint(weighted)) / factor))


@mirrors(np.corrcoef)
def corrcoef(x: ArrayLike, y: ArrayLike = None, rowvar: bool = True, *, dtype: Any = None) -> Array:
    """As `numpy.corrcoef`: the matrix of correlations.

    >>> round(cd.grad(lambda t: cnp.corrcoef([0.0, 1.0, 2.0], [0.0, 1.0, t])[0, 1])(1.0), 6)
    0.433013
    """
    c = as_array(cov(x, y, rowvar, dtype=dtype))
    if c.ndim == 0:
        return c / c
    spread = _core.sqrt(_core.real(diag(c)))
    c = c / _core.reshape(spread, (-1, 1)) / spread
    if c.dtype.kind != "c":
        return clip(c, -1, 1)
    return clip(_core.real(c), -1, 1) + 1j * clip(_core.imag(c), -1, 1)


def _variables(m: ArrayLike, rowvar: bool, dtype: Any, name: str) -> Array:
    """One row for each variable."""
    m = as_array(m)
    if m.ndim > 2:
        raise misfit(f"{name} has more than 2 dimensions: shape {m.shape}")
    dtype = np.result_type(m.dtype, np.float64) if dtype is None else np.dtype(dtype)
    if dtype.kind not in "fc":
        raise misfit(f"{name} would be cut to {dtype}; its means are no integers", TypeError)
    m = _core.cast(m, dtype)
    if m.ndim < 2:
        return _core.reshape(m, (1, m.size))
    return m if rowvar else m.T


def _weights(n: int, fweights: Any, aweights: ArrayLike) -> Any:
    """Both kinds of weights as one, None where there are none."""
    w: Any = None
    if fweights is not None:
        counts = np.asarray(plain(fweights), float)
        if not np.all(counts == np.around(counts)):
            raise TypeError("cov: fweights must be integer")
        _check_weights(counts, n, "fweights")
        w = counts
    if aweights is not None:
        _check_weights(as_array(aweights), n, "aweights")
        w = as_array(aweights) if w is None else as_array(aweights) * w
    return w


def _check_weights(w: Any, n: int, name: str) -> None:
    if w.ndim > 1:
        raise misfit(
            f"cov: cannot handle multidimensional {name}, got shape {w.shape}", RuntimeError
        )
    if w.shape != (n,):
        raise misfit(
            f"cov: incompatible numbers of samples ({n}) and {name} {w.shape}", RuntimeError
        )
    if np.any(np.less(w, 0)):
        raise ValueError(f"cov: {name} cannot be negative")


# --- histograms -----------------------------------------------------------------------------------


@mirrors(np.bincount)
def bincount(x: Any, /, weights: ArrayLike = None, minlength: int = 0) -> Any:
    """As `numpy.bincount`: sums of weights by number, differentiable in the weights; without them
    plain counts.

    >>> cd.grad(lambda w: cnp.bincount([0, 1, 1], w)[1])(np.ones(3))
    array([0., 1., 1.])
    """
    if not any_array(weights):
        return of_values(np.bincount, x, weights, minlength)
    positions, w = positions_of(x), as_array(weights)
    if not positions.size:
        positions = np.zeros(positions.shape, np.intp)
    if positions.shape != w.shape or positions.ndim != 1:
        raise misfit(
            f"bincount: The weights and list don't have the same length: {w.shape} and "
            f"{positions.shape}"
        )
    count = of_values(np.bincount, positions, None, minlength).size
    return _core.scatter_add(_core.cast(w, np.float64), positions, count)


@mirrors(np.histogram_bin_edges)
def histogram_bin_edges(
    a: ArrayLike, bins: Any = 10, range: Any = None, weights: ArrayLike = None
) -> Any:
    """As `numpy.histogram_bin_edges`, differentiable in the elements at both ends.

    >>> cd.grad(lambda x: cnp.histogram_bin_edges(x, 2)[1])(np.array([0.0, 1.0, 4.0]))
    array([0.5, 0. , 0.5])
    """
    if weights is not None and np.shape(weights) != np.shape(a):
        raise ValueError(
            f"histogram: weights of shape {np.shape(weights)} do not fit data of shape "
            f"{np.shape(a)}"
        )
    if isinstance(bins, str):
        bins = len(np.histogram_bin_edges(plain(a), bins, plain(range), plain(weights))) - 1
    return _edges(ravel(as_array(a)), bins, range, "histogram")


@mirrors(np.histogram)
def histogram(
    a: ArrayLike,
    bins: Any = 10,
    range: Any = None,
    density: bool | None = None,
    weights: ArrayLike = None,
) -> tuple[Any, Any]:
    """As `numpy.histogram`: sums of weights by bins, differentiable in the weights and in the
    edges.

    >>> cd.grad(lambda w: cnp.histogram([0.1, 0.9], 2, weights=w)[0][1])(np.ones(2))
    array([0., 1.])
    """
    edges = histogram_bin_edges(a, bins, range, weights)
    w = ravel(as_array(weights)) if any_array(weights) else weights
    flat = ravel(as_array(a))
    counts, _ = _counted([flat], [edges], w, whole=not density)
    if not density:
        if w is not None:
            counts = counts.astype(w.dtype if type(w) is Array else np.asarray(w).dtype)
        return counts, edges
    return counts / _core.cast(diff(edges), float) / counts.sum(), edges


@mirrors(np.histogram2d)
@any_order
def histogram2d(
    x: ArrayLike,
    y: ArrayLike,
    bins: Any = 10,
    range: Any = None,
    density: bool | None = None,
    weights: ArrayLike = None,
) -> tuple[Any, Any, Any]:
    """As `numpy.histogram2d`: sums of weights by bins of pairs, differentiable in the weights and
    in the edges.

    >>> f = lambda w: cnp.histogram2d([0.1, 0.9], [0.1, 0.9], 2, weights=w)[0][1, 1]
    >>> cd.grad(f)(np.ones(2))
    array([0., 1.])
    """
    if np.shape(x) != np.shape(y):
        raise misfit(
            f"histogram2d: x and y must have the same length, not {np.shape(x)} and {np.shape(y)}."
        )
    try:
        count = len(bins)
    except TypeError:
        count = 1
    if count not in (1, 2):
        bins = [bins, bins]
    counts, (xedges, yedges) = histogramdd([x, y], bins, range, density, weights)
    return counts, xedges, yedges


@mirrors(np.histogramdd)
@any_order
def histogramdd(
    sample: ArrayLike,
    bins: Any = 10,
    range: Any = None,
    density: bool | None = None,
    weights: ArrayLike = None,
) -> tuple[Any, tuple[Any, ...]]:
    """As `numpy.histogramdd`: sums of weights by bins of points, differentiable in the weights and
    in the edges.

    >>> f = lambda w: cnp.histogramdd(np.array([[0.1], [0.9]]), 2, weights=w)[0][1]
    >>> cd.grad(f)(np.ones(2))
    array([0., 1.])
    """
    columns = _columns(sample)
    try:
        if len(bins) != len(columns):
            raise misfit(
                f"histogramdd: The dimension of bins ({len(bins)}) must be equal to the dimension "
                f"of the sample ({len(columns)})."
            )
    except TypeError:
        bins = len(columns) * [bins]
    if range is not None and len(range) != len(columns):
        raise misfit("histogramdd: range argument must have one entry per dimension")
    ranges = [None] * len(columns) if range is None else range
    edges = [_edges(x, b, r, "histogramdd") for x, b, r in zip(columns, bins, ranges, strict=True)]
    w = as_array(weights) if any_array(weights) else weights
    counts, shape = _counted(columns, edges, w, whole=False)
    if density:
        total = counts.sum()
        for i, e in enumerate(edges):
            counts = counts / diff(e).reshape([n if i == k else 1 for k, n in enumerate(shape)])
        counts = counts / total
    return counts, tuple(edges)


def _columns(sample: ArrayLike) -> list[Array]:
    """The coordinates of a sample: columns of an array, or a sequence of them."""
    if isinstance(sample, (Array, np.ndarray)):
        a = as_array(sample)
        a = _core.reshape(a, (-1, 1)) if a.ndim == 1 else a
        return [_core.index(a, (slice(None), k)) for k in range(a.shape[1])]
    return [as_array(x) for x in sample]


def _edges(x: Array, bins: Any, range: Any, name: str) -> Any:
    """The edges of the bins along one coordinate; `bins` is a number or the edges."""
    if np.ndim(bins) == 1:
        edges = as_array(bins) if any_array(bins) else np.asarray(bins)
        if np.any(np.greater(edges[:-1], edges[1:])):
            raise ValueError(f"{name}: `bins` must increase monotonically, when an array")
        return edges
    if np.ndim(bins) != 0:
        raise misfit(f"{name}: `bins` must be 1d, when an array, not of shape {np.shape(bins)}")
    if range is not None:
        first, last = range
        if first > last:
            raise ValueError(f"{name}: max must be larger than min in range parameter.")
    elif x.size == 0:
        first, last = 0.0, 1.0
    else:
        first, last = x.min(), x.max()
    if not (np.isfinite(first) and np.isfinite(last)):
        raise ValueError(f"{name}: range of [{plain(first)}, {plain(last)}] is not finite")
    if first == last:
        first, last = first - 0.5, last + 0.5
    try:
        bins = operator.index(bins)
    except TypeError:
        raise TypeError(
            f"{name}: `bins` must be an integer, a string, or an array, not {bins!r}"
        ) from None
    if bins < 1:
        raise ValueError(f"{name}: `bins` must be positive, when an integer, not {bins}")
    dtype = np.result_type(x.dtype, *[y.dtype if hasattr(y, "dtype") else y for y in (first, last)])
    return linspace(first, last, bins + 1, dtype=dtype if dtype.kind == "f" else float)


def _counted(
    columns: list[Array], edges: list[Any], w: Any, whole: bool
) -> tuple[Any, tuple[int, ...]]:
    """How many elements, or which weight, each bin has, and how many bins there are."""
    shape = tuple([len(e) - 1 for e in edges])
    size = math.prod(shape)
    positions = of_values(_bin_numbers, columns, edges, shape)
    if type(w) is Array:
        w = w if whole or w.dtype.kind != "f" else _core.cast(w, np.float64)
        padded = _core.scatter_add(w, positions, size + 1)
        return _core.reshape(_core.index(padded, slice(size)), shape), shape
    counts = of_values(_bin_counts, positions, w, size, shape)
    return (counts if whole else counts.astype(float)), shape


def _bin_numbers(columns: Any, edges: Any, shape: tuple[int, ...]) -> Any:
    """The flat number of the bin of each element; one more than all for those outside."""
    inside = np.ones(len(columns[0]), bool)
    places = []
    for x, e, n in zip(columns, edges, shape, strict=True):
        x, e = np.asarray(x), np.asarray(e)
        k = np.searchsorted(e, x, side="right") - 1
        k[x == e[-1]] = n - 1
        inside &= (k >= 0) & (k < n)
        places.append(np.where((k >= 0) & (k < n), k, 0))
    flat = np.ravel_multi_index(places, shape)
    return np.where(inside, flat, math.prod(shape)).astype(np.int64)


def _bin_counts(positions: Any, w: Any, size: int, shape: tuple[int, ...]) -> Any:
    w = None if w is None else np.asarray(w).ravel()
    return np.bincount(positions, w, size + 1)[:size].reshape(shape)
