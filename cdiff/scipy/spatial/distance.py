"""`scipy.spatial.distance`: distances of points and of pairs of points, by all of them.

A metric is one expression of two arrays of points and their last axis; `cdist` and `pdist` apply it
to all pairs. A distance of equal points has derivative 0. Plain arguments go to SciPy itself.

Examples
--------
>>> import numpy as np, cdiff as cd
>>> import cdiff.scipy.spatial.distance as csd
>>> x = np.array([[0.0, 0.0], [3.0, 4.0]])
>>> cd.grad(lambda x: csd.pdist(x)[0])(x)
array([[-0.6, -0.8],
       [ 0.6,  0.8]])
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy._common import as_array, axes_of, listed_axes, of_values
from cdiff.numpy._reduce import mean as _mean
from cdiff.numpy._reduce import var as _var
from cdiff.numpy.linalg import inv as _inv
from cdiff.numpy.linalg import vector_norm as _vector_norm
from cdiff.scipy._language import FUNCTIONS
from cdiff.scipy._mirror import doubled, mirror_of, without_derivative
from cdiff.scipy._need import scipy_before, scipy_module

if TYPE_CHECKING:
    from collections.abc import Callable

_distance = scipy_module("spatial.distance")
__all__: list[str] = []
_mirrors = mirror_of(_distance, __all__)


def _total(x: Array) -> Array:
    return _core.sum(x, (x.ndim - 1,))


def _minkowski(u: Array, v: Array, p: Any = 2, w: Any = None) -> Array:
    d = u - v
    if w is not None:
        d = _core.power(w, 1 / p) * d if p != np.inf else _core.where(_core.equal(w, 0), 0.0, d)
    return _vector_norm(d, axis=-1, ord=p)


def _euclidean(u: Array, v: Array, w: Any = None) -> Array:
    return _minkowski(u, v, 2, w)


def _sqeuclidean(u: Array, v: Array, w: Any = None) -> Array:
    d = _doubles(u) - _doubles(v)
    if d.dtype.kind == "c":  # SciPy 1.18 takes the square of the modulus, versions before did not
        raise TypeError("sqeuclidean: complex vectors; write np.sum(np.abs(u - v) ** 2)")
    return _total(d * d if w is None else w * d * d)


def _cityblock(u: Array, v: Array, w: Any = None) -> Array:
    d = _core.absolute(u - v)
    return _total(d if w is None else w * d)


def _chebyshev(u: Array, v: Array, w: Any = None) -> Array:
    return _minkowski(u, v, np.inf, w)


def _doubles(x: Array) -> Array:
    """Whole numbers as float64, where SciPy computes with these: int8 would overflow."""
    return x if x.dtype.kind in "fc" else _core.cast(x, float)


def _canberra(u: Array, v: Array, w: Any = None) -> Array:
    u, v = _doubles(u), _doubles(v)
    d = _core.safe_divide(_core.absolute(u - v), _core.absolute(u) + _core.absolute(v))
    return _total(d if w is None else w * d)


def _braycurtis(u: Array, v: Array, w: Any = None) -> Array:
    u, v = _doubles(u), _doubles(v)
    top, bottom = _core.absolute(u - v), _core.absolute(u + v)
    return _total(top if w is None else w * top) / _total(bottom if w is None else w * bottom)


def _cosine(u: Array, v: Array, w: Any = None) -> Array:
    w = 1.0 if w is None else w
    return 1 - _total(w * u * v) / _core.sqrt(_total(w * u * u) * _total(w * v * v))


def _correlation(u: Array, v: Array, w: Any = None, centered: bool = True) -> Array:
    if centered:
        share = 1.0 / u.shape[-1] if w is None else w / _total(as_array(w))
        u = u - _core.sum(share * u, (u.ndim - 1,), True)
        v = v - _core.sum(share * v, (v.ndim - 1,), True)
    return _cosine(u, v, w)


def _seuclidean(u: Array, v: Array, V: Any) -> Array:
    V = as_array(V)
    if V.shape != u.shape[-1:]:
        raise misfit(f"seuclidean: V has shape {V.shape}, but {u.shape[-1:]} is needed")
    if np.any(of_values(_negative, V)):
        raise ValueError("seuclidean: variances must not be negative")
    return _core.norm2((u - v) / _core.sqrt(V), (max(u.ndim, v.ndim) - 1,))


def _mahalanobis(u: Array, v: Array, VI: Any) -> Array:
    d, VI = u - v, as_array(VI)
    product = _core.matmul(d, VI if VI.ndim > 1 else _core.reshape(VI, (1, VI.size)))
    return _root(_total(product * d))


def _root(squares: Array) -> Array:
    """The square root, whose derivative is 0 at equal points, as that of every norm."""
    zero = _core.equal(squares, 0.0)
    return _core.where(zero, 0.0, _core.sqrt(_core.where(zero, 1.0, squares)))


def _jensenshannon(u: Array, v: Array, base: Any = None) -> Array:
    return _divergence(u, v, base, -1, False)


def _divergence(p: Array, q: Array, base: Any, axis: Any, keepdims: bool) -> Array:
    p, q = (x / _core.sum(x, axes_of(x, axis, "jensenshannon"), True) for x in (p, q))
    m = 0.5 * (p + q)
    rel_entr = FUNCTIONS["rel_entr"]
    total = _core.sum(rel_entr(p, m) + rel_entr(q, m), axes_of(m, axis, "jensenshannon"), keepdims)
    return _root(0.5 * total / (1.0 if base is None else _core.log(base)))


METRICS: dict[str, Callable[..., Array]] = {
    "braycurtis": _braycurtis, "canberra": _canberra, "chebyshev": _chebyshev,
    "cityblock": _cityblock, "correlation": _correlation, "cosine": _cosine,
    "euclidean": _euclidean, "jensenshannon": _jensenshannon, "mahalanobis": _mahalanobis,
    "minkowski": _minkowski, "seuclidean": _seuclidean, "sqeuclidean": _sqeuclidean,
}  # fmt: skip


COUNTING = ("dice", "hamming", "jaccard", "rogerstanimoto", "russellrao", "sokalsneath", "yule")
# Metrics of vectors that SciPy does not know of complex ones, or whose imaginary parts it drops.
REAL = ("braycurtis", "canberra", "correlation", "cosine")
DOUBLE = ("braycurtis", "canberra", "seuclidean")  # of two vectors too
FORMS = {name: signature(metric) for name, metric in METRICS.items()}


def _negative(x: Any) -> Any:
    return x < 0


def _measured(name: str, u: Array, v: Array, *args: Any, **kwargs: Any) -> Array:
    """A metric, after SciPy's checks of its parameters."""
    try:
        given = FORMS[name].bind(u, v, *args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None
    w = given.arguments.get("w")
    if w is not None:
        w = given.arguments["w"] = as_array(w)
        if w.shape != u.shape[-1:] or w.dtype.kind == "c":
            raise misfit(
                f"{name}: weights are {u.shape[-1]} real numbers, not {w.dtype} of shape {w.shape}"
            )
        if np.any(of_values(_negative, w)):
            raise ValueError(f"{name}: Input weights should be all non-negative")
    if not given.arguments.get("p", 2) > 0:
        raise ValueError(f"{name}: p must be greater than 0")
    return METRICS[name](*given.args, **given.kwargs)


def _between_points(name: str, arguments: str, slope: str, given: str = "") -> Any:
    """A metric of two vectors; `slope` is what its example shows, with more arguments `given`."""

    def distance(u: Any, v: Any, *args: Any, **kwargs: Any) -> Array:
        u, v = as_array(u), as_array(v)
        if u.ndim != 1 or v.shape != u.shape:
            raise misfit(f"{name}: two vectors of equal length, not {u.shape} and {v.shape}")
        if name in REAL and "c" in (u.dtype.kind, v.dtype.kind):
            raise TypeError(f"{name}: u and v must be real")
        if name in DOUBLE or (name == "euclidean" and scipy_before(1, 18)):
            u, v = doubled(u), doubled(v)
        return _measured(name, u, v, *args, **kwargs)

    distance.__name__ = distance.__qualname__ = name
    distance.__doc__ = (
        f"As `scipy.spatial.distance.{name}(u, v{arguments})`.\n\n"
        f">>> f = lambda v: csd.{name}([3.0, 0.0, 1.0], v{given})\n"
        f">>> cd.grad(f)(np.array([1.0, 2.0, 3.0])).round(4) + 0.0\narray([{slope}])"
    )
    return _mirrors(distance)


sqeuclidean = _between_points("sqeuclidean", ", w=None", "-4.,  4.,  4.")
cityblock = _between_points("cityblock", ", w=None", "-1.,  1.,  1.")
chebyshev = _between_points("chebyshev", ", w=None", "-0.3333,  0.3333,  0.3333")
canberra = _between_points("canberra", ", w=None", "-0.375,  0.   ,  0.125")
braycurtis = _between_points("braycurtis", ", w=None", "-0.16,  0.04,  0.04")
cosine = _between_points("cosine", ", w=None", "-0.2173,  0.0724,  0.0241")
correlation = _between_points("correlation", ", w=None, centered=True", "-0.2182,  0.4364, -0.2182")
euclidean = _between_points("euclidean", ", w=None", "-0.5774,  0.5774,  0.5774")
minkowski = _between_points("minkowski", ", p=2, w=None", "-0.4807,  0.4807,  0.4807", ", 3")
seuclidean = _between_points("seuclidean", ", V", "-0.6667,  0.1667,  0.6667", ", [1.0, 4.0, 1.0]")
mahalanobis = _between_points("mahalanobis", ", VI", "-0.5774,  0.5774,  0.5774", ", np.eye(3)")


@_mirrors
def jensenshannon(
    p: Any, q: Any, base: Any = None, *, axis: Any = 0, keepdims: bool = False
) -> Array:
    """As `scipy.spatial.distance.jensenshannon`: a distance of distributions, along an axis.

    >>> cd.grad(lambda q: csd.jensenshannon([1.0, 1.0], q))(np.array([1.0, 3.0])).round(4)
    array([-0.1498,  0.0499])
    """
    return _divergence(as_array(p), as_array(q), base, listed_axes(axis), keepdims)


def _points(x: Any, name: str) -> Array:
    x = as_array(x)
    if x.ndim != 2:
        raise misfit(f"{name}: points are the rows of a matrix, got shape {x.shape}")
    if x.dtype.kind == "c":
        raise TypeError(f"{name}: points have real coordinates, got {x.dtype}")
    return _core.cast(x, float)  # as SciPy's, which know no single precision


def _defaults(metric: str, points: Array, given: dict[str, Any]) -> dict[str, Any]:
    """What SciPy estimates from the points."""
    if metric == "seuclidean" and given.get("V") is None:
        return {**given, "V": _var(points, axis=0, ddof=1)}
    if metric == "mahalanobis" and given.get("VI") is None:
        if points.shape[0] <= points.shape[1]:
            raise misfit(
                f"mahalanobis: the number of observations ({points.shape[0]}) is too small; the "
                f"covariance matrix is singular. For observations with {points.shape[1]} "
                f"dimensions, at least {points.shape[1] + 1} observations are required"
            )
        d = points - _mean(points, axis=0)
        return {**given, "VI": _inv(_core.matmul(d.mT, d) / (points.shape[0] - 1)).mT}
    return given


def _of_pairs(metric: Any, u: Array, v: Array, kwargs: dict[str, Any]) -> Array:
    """A function of the user for pairs of rows, one after the other."""
    shape = np.broadcast_shapes(u.shape, v.shape)
    rows = [_core.reshape(_core.broadcast_to(x, shape), (-1, shape[-1])) for x in (u, v)]
    found = [as_array(metric(rows[0][k], rows[1][k], **kwargs)) for k in range(rows[0].shape[0])]
    if any(d.size != 1 for d in found):
        raise ValueError("the metric must give one number for two points")
    flat = [_core.reshape(d, (1,)) for d in found]
    whole = _core.concatenate(flat, 0) if flat else as_array(np.zeros(0))
    return _core.reshape(whole, shape[:-1])


def _own_name(metric: Any) -> Any:
    """The name of SciPy's function, or ours, of a metric; other functions are what they are."""
    name = getattr(metric, "__name__", "")
    known = name in METRICS and metric in (getattr(_distance, name), globals()[name])
    return name if known else metric


SHORT = {
    "chebyshev": "chebychev cheby cheb ch", "cityblock": "cblock cb c",
    "correlation": "co", "cosine": "cos", "euclidean": "euclid eu e", "jensenshannon": "js",
    "mahalanobis": "mahal mah", "minkowski": "mi m pnorm", "seuclidean": "se s",
    "sqeuclidean": "sqe sqeuclid",
}  # fmt: skip
ALIASES = {short: name for name, several in SHORT.items() for short in several.split()}


def _metric(metric: Any, name: str) -> Any:
    if callable(metric):
        metric = _own_name(metric)
        if callable(metric):
            return metric
    if not isinstance(metric, str):
        raise TypeError(f"{name}: the metric is a name or a function, not {metric!r}")
    metric = ALIASES.get(metric.lower(), metric.lower())
    if metric not in METRICS:
        error = NotImplementedError if metric in COUNTING else ValueError
        raise error(f"{name}: the metric {metric!r} is not differentiated; there are "
                    f"{', '.join(sorted(METRICS))}")  # fmt: skip
    return metric


@_mirrors
def cdist(XA: Any, XB: Any, metric: Any = "euclidean", *, out: Any = None, **kwargs: Any) -> Array:
    """As `scipy.spatial.distance.cdist`: all distances between two sets of points, by both and the
    metric's parameters.

    >>> cd.grad(lambda x: csd.cdist([[0.0, 0.0]], x)[0, 0])(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    """
    a, b = _points(XA, "cdist"), _points(XB, "cdist")
    if out is not None:
        raise TypeError("cdist: out= cannot be used with cdiff arrays; assign the result instead")
    if a.shape[1] != b.shape[1]:
        raise misfit(f"cdist: the numbers of columns of {a.shape} and {b.shape} differ")
    metric = _metric(metric, "cdist")
    rows = _core.reshape(a, (a.shape[0], 1, a.shape[1]))
    columns = _core.reshape(b, (1, *b.shape))
    if callable(metric):
        return _of_pairs(metric, rows, columns, kwargs)
    kwargs = _defaults(metric, _core.concatenate([a, b], 0), kwargs)
    return _measured(metric, rows, columns, **kwargs)


@_mirrors
def pdist(X: Any, metric: Any = "euclidean", *, out: Any = None, **kwargs: Any) -> Array:
    """As `scipy.spatial.distance.pdist`: the n (n - 1) / 2 distances within a set of points, by
    these and the metric's parameters.

    >>> cd.grad(lambda x: csd.pdist(x)[0])(np.array([[0.0], [2.0]]))
    array([[-1.],
           [ 1.]])
    """
    x = _points(X, "pdist")
    if out is not None:
        raise TypeError("pdist: out= cannot be used with cdiff arrays; assign the result instead")
    metric = _metric(metric, "pdist")
    i, j = np.triu_indices(x.shape[0], 1)
    if callable(metric):
        return _of_pairs(metric, x[i], x[j], kwargs)
    return _measured(metric, x[i], x[j], **_defaults(metric, x, kwargs))


def _asymmetric(x: Any) -> Any:
    return np.asarray(not _distance.is_valid_dm(x))


@_mirrors
def squareform(X: Any, force: str = "no", checks: bool = True) -> Array:
    """As `scipy.spatial.distance.squareform`: distances as a vector or as a matrix, both ways.

    >>> cd.grad(lambda d: csd.squareform(d).sum())(np.ones(1))
    array([2.])
    """
    x = as_array(X)
    if x.ndim != {"tomatrix": 1, "tovector": 2}.get(force.lower(), x.ndim):
        raise misfit(f"squareform: {force=} does not fit X of shape {x.shape}")
    if x.ndim == 2:
        if x.shape[0] != x.shape[1]:
            raise misfit(f"squareform: expected a square matrix, got shape {x.shape}")
        if checks and x.size and bool(of_values(_asymmetric, x)):
            raise ValueError(
                "squareform: a distance matrix is symmetric, with zeros on the diagonal; with "
                "checks=False the triangle above it is taken"
            )
        return x[np.triu_indices(x.shape[0], 1)]
    n = int(np.ceil(np.sqrt(x.size * 2))) if x.size else 1
    if x.ndim != 1 or n * (n - 1) != x.size * 2:
        raise misfit(f"squareform: no distances of pairs: shape {x.shape}")
    place = np.zeros((n, n), dtype=int)
    i, j = np.triu_indices(n, 1)
    place[i, j] = place[j, i] = np.arange(x.size)
    if not x.size:
        return as_array(np.zeros((1, 1), x.dtype))
    return _core.where(np.eye(n, dtype=bool), np.zeros((), x.dtype), x[place])


_BOOLEAN = "it compares and counts, and is constant almost everywhere"
_INSTEAD = {"directed_hausdorff": "write it as np.max(np.min(cdist(u, v), axis=1))"}

__all__.sort()


def __getattr__(name: str) -> Any:
    if name.startswith("__") or not hasattr(_distance, name):
        raise AttributeError(f"module 'cdiff.scipy.spatial.distance' has no attribute {name!r}")
    full = f"scipy.spatial.distance.{name}"
    return without_derivative(getattr(_distance, name), full, _INSTEAD.get(name, _BOOLEAN))


def __dir__() -> list[str]:
    return sorted(__all__)
