"""Statistics of samples in `scipy.stats`: means, moments, scores, transformations, distances.

Each is SciPy's formula over the differentiated functions of NumPy, so that it is differentiated by
the sample and by every real parameter. Plain arguments go to SciPy. nan is passed on: SciPy's other
policies for it are refused. It must not know how a derivative is made.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from functools import partial, wraps
from inspect import signature
from math import log, pi
from typing import Any, NamedTuple

import numpy as np

import cdiff.numpy as cnp
from cdiff import _core
from cdiff._core import Array, any_array
from cdiff._face import misfit
from cdiff.numpy._common import as_array
from cdiff.scipy import _kde
from cdiff.scipy._kde import *  # noqa: F403
from cdiff.scipy._mirror import mirror_of, no_keywords, rows_at
from cdiff.scipy._need import scipy_before, scipy_module
from cdiff.scipy._rows import LANGUAGE

_stats = scipy_module("stats")
__all__: list[str] = []
_mirror = mirror_of(_stats, __all__)


def _mirrors(f: Any) -> Any:
    """Arguments in SciPy's order; its policy for nan is to pass it on."""
    form = signature(getattr(_stats, f.__name__))

    @wraps(f)
    def passing(*args: Any, **kwargs: Any) -> Any:
        try:
            given = form.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{f.__name__}: {error}") from None
        policy = given.pop("nan_policy", "propagate")
        no_keywords(f.__name__, nan_policy=(policy, "propagate"))
        return f(**given)

    return _mirror(passing)


def _real(x: Any, name: str) -> Array:
    x = as_array(x)
    if x.dtype.kind == "c":
        raise TypeError(f"{name} takes real numbers only")
    if x.size == 0:
        raise misfit(f"{name}: a sample has no elements: shape {x.shape}")
    return x if x.dtype.kind == "f" else _core.cast(x, float)


def _count(x: Array, axis: Any) -> int:
    return x.size if axis is None else x.shape[axis]


# --- means ----------------------------------------------------------------------------------------


@_mirrors
def gmean(
    a: Any, axis: Any = 0, dtype: Any = None, weights: Any = None, *, keepdims: bool = False
) -> Any:
    """As `scipy.stats.gmean`: the geometric mean, by the sample and the weights.

    >>> cd.grad(css.gmean)(np.array([1.0, 4.0]))
    array([1.  , 0.25])
    """
    a = _core.cast(_real(a, "gmean"), dtype) if dtype is not None else _real(a, "gmean")
    return _core.exp(cnp.average(_core.log(a), axis, weights, keepdims=keepdims))


@_mirrors
def pmean(
    a: Any, p: Any, *, axis: Any = 0, dtype: Any = None, weights: Any = None,
    keepdims: bool = False,
) -> Any:  # fmt: skip
    """As `scipy.stats.pmean`: the mean of powers, by the sample and the weights, and by the
    exponent where that is tracked.

    >>> cd.grad(css.pmean)(np.array([1.0, 1.0]), 3.0)
    array([0.5, 0.5])
    """
    a = _core.cast(_real(a, "pmean"), dtype) if dtype is not None else _real(a, "pmean")
    if type(p) is not Array and p == 0:
        return gmean(a, axis, None, weights, keepdims=keepdims)
    negative = _core.less(cnp.min(a, axis=axis, keepdims=keepdims), 0)
    found = cnp.average(_core.power(a, p), axis, weights, keepdims=keepdims)
    return _core.where(negative, np.nan, _core.power(found, 1.0 / p))


@_mirrors
def hmean(
    a: Any, axis: Any = 0, dtype: Any = None, *, weights: Any = None, keepdims: bool = False
) -> Any:
    """As `scipy.stats.hmean`: the harmonic mean, by the sample and the weights.

    >>> cd.grad(css.hmean)(np.array([1.0, 1.0]))
    array([0.5, 0.5])
    """
    return pmean(as_array(a), -1.0, axis=axis, dtype=dtype, weights=weights, keepdims=keepdims)


@_mirrors
def trim_mean(a: Any, proportiontocut: float, axis: Any = 0, *, keepdims: bool = False) -> Any:
    """As `scipy.stats.trim_mean`: the mean without the smallest and largest ones, by the sample.

    >>> cd.grad(lambda a: css.trim_mean(a, 0.25))(np.array([1.0, 9.0, 2.0, 3.0]))
    array([0. , 0. , 0.5, 0.5])
    """
    a = _real(a, "trim_mean")
    shape = (1,) * a.ndim
    a, axis, flat = (cnp.ravel(a), 0, True) if axis is None else (a, axis, False)
    n = a.shape[axis]
    cut = int(proportiontocut * n)
    if 2 * cut >= n:
        raise ValueError("trim_mean: Proportion too big.")
    rows = cnp.moveaxis(cnp.sort(a, axis=axis), axis, 0)[cut : n - cut]
    found = cnp.mean(rows, axis=0)
    if not keepdims:
        return found
    return cnp.reshape(found, shape) if flat else cnp.expand_dims(found, axis)


# --- moments and scores ---------------------------------------------------------------------------


def _central(a: Array, order: int, axis: Any, keepdims: bool = False, center: Any = None) -> Array:
    middle = cnp.mean(a, axis=axis, keepdims=True) if center is None else center
    return cnp.mean((a - middle) ** order, axis=axis, keepdims=keepdims)


@_mirrors
def moment(
    a: Any, order: int = 1, axis: Any = 0, *, center: Any = None, keepdims: bool = False
) -> Any:
    """As `scipy.stats.moment` of one order: the mean power of the distance from the mean, or from
    a centre, by the sample and the centre.

    >>> cd.grad(lambda a: css.moment(a, 2))(np.array([1.0, 4.0]))
    array([-1.5,  1.5])
    """
    a = _real(a, "moment")
    if np.ndim(order) or int(order) != order or order < 0:
        raise ValueError(f"moment: the order is one whole number, not {order!r}")
    return _central(a, int(order), axis, keepdims, center)


def _standardized(a: Any, order: int, axis: Any, keepdims: bool, name: str) -> tuple[Array, int]:
    """A central moment over that power of the deviation, and how many there are."""
    a = _real(a, name)
    middle = cnp.mean(a, axis=axis, keepdims=True)
    second, found = (_central(a, k, axis, keepdims, middle) for k in (2, order))
    size = cnp.mean(_core.absolute(a), axis=axis, keepdims=keepdims)
    flat = _core.less_equal(second, _core.square(size * float(np.finfo(a.dtype).eps)))
    ratio = found / _core.power(_core.where(flat, 1.0, second), order / 2)
    return _core.where(flat, np.nan, ratio), _count(a, axis)


@_mirrors
def skew(a: Any, axis: Any = 0, bias: bool = True, *, keepdims: bool = False) -> Any:
    """As `scipy.stats.skew`, by the sample.

    >>> cd.grad(css.skew)(np.array([1.0, 2.0, 3.0])).round(4)
    array([ 0.6124, -1.2247,  0.6124])
    """
    y, n = _standardized(a, 3, axis, keepdims, "skew")
    return y if bias or n < 3 else y * (n * (n - 1)) ** 0.5 / (n - 2)


@_mirrors
def kurtosis(
    a: Any, axis: Any = 0, fisher: bool = True, bias: bool = True, *, keepdims: bool = False
) -> Any:
    """As `scipy.stats.kurtosis`, by the sample.

    >>> cd.grad(css.kurtosis)(np.array([1.0, 2.0, 3.0, 5.0])).round(4) + 0.0
    array([ 0.0627,  0.2508, -0.5016,  0.1881])
    """
    y, n = _standardized(a, 4, axis, keepdims, "kurtosis")
    if not bias and n > 3:
        y = (n * n - 1) / ((n - 2) * (n - 3)) * y - 3 * (n - 1) ** 2 / ((n - 2) * (n - 3)) + 3
    return y - 3.0 if fisher else y


@_mirrors
def sem(a: Any, axis: Any = 0, ddof: int = 1, *, keepdims: bool = False) -> Any:
    """As `scipy.stats.sem`: the standard error of the mean, by the sample.

    >>> cd.grad(css.sem)(np.array([1.0, 3.0]))
    array([-0.5,  0.5])
    """
    a = _real(a, "sem")
    return cnp.std(a, axis=axis, ddof=ddof, keepdims=keepdims) / _count(a, axis) ** 0.5


@_mirrors
def variation(a: Any, axis: Any = 0, ddof: int = 0, *, keepdims: bool = False) -> Any:
    """As `scipy.stats.variation`: the standard deviation over the mean, by the sample.

    >>> cd.grad(css.variation)(np.array([1.0, 3.0]))
    array([-0.375,  0.125])
    """
    a = _real(a, "variation")
    spread = cnp.std(a, axis=axis, ddof=ddof, keepdims=keepdims)
    return spread / cnp.mean(a, axis=axis, keepdims=keepdims)


@_mirrors
def zmap(scores: Any, compare: Any, axis: Any = 0, ddof: int = 0) -> Any:
    """As `scipy.stats.zmap`: distances from the mean of another sample in its standard deviations,
    by both; nan where all of these are equal.

    >>> cd.grad(lambda x: css.zmap(x, [1.0, 3.0])[0])(np.array([2.5]))
    array([1.])
    """
    scores, compare = _real(scores, "zmap"), _real(compare, "zmap")
    mean = cnp.mean(compare, axis=axis, keepdims=True)
    spread = cnp.std(compare, axis=axis, ddof=ddof, keepdims=True)
    least = float(np.finfo(compare.dtype).eps) * _core.absolute(mean)
    same = _core.less_equal(spread, least)
    return _core.where(same, np.nan, (scores - mean) / _core.where(same, 1.0, spread))


@_mirrors
def zscore(a: Any, axis: Any = 0, ddof: int = 0) -> Any:
    """As `scipy.stats.zscore`: distances from the mean in standard deviations, by the sample.

    >>> cd.grad(lambda a: css.zscore(a)[0])(np.array([1.0, 2.0, 3.0])).round(4)
    array([ 0.2041, -0.4082,  0.2041])
    """
    a = as_array(a)
    return zmap(a, a, axis, ddof)


@_mirrors
def gzscore(a: Any, *, axis: Any = 0, ddof: int = 0) -> Any:
    """As `scipy.stats.gzscore`: the scores of the logarithms, by the sample.

    >>> cd.grad(lambda a: css.gzscore(a)[0])(np.array([1.0, 2.0, 4.0])).round(4)
    array([ 0.2945, -0.2945,  0.0736])
    """
    return zscore(_core.log(_real(a, "gzscore")), axis, ddof)


@_mirrors
def gstd(a: Any, axis: Any = 0, ddof: int = 1, *, keepdims: bool = False) -> Any:
    """As `scipy.stats.gstd`: the geometric standard deviation, by the sample.

    >>> cd.grad(css.gstd)(np.array([1.0, 2.0, 4.0])).round(4) + 0.0
    array([-1.  ,  0.  ,  0.25])
    """
    logs = _core.log(_real(a, "gstd"))
    return _core.exp(cnp.std(logs, axis=axis, ddof=ddof, keepdims=keepdims))


NORMAL = 0.6744897501960817  # the quartile of the normal distribution


@_mirrors
def iqr(
    x: Any, axis: Any = None, rng: Any = (25, 75), scale: Any = 1.0, interpolation: str = "linear",
    keepdims: bool = False,
) -> Any:  # fmt: skip
    """As `scipy.stats.iqr`: the distance of two percentiles, by the sample.

    >>> cd.grad(css.iqr)(np.array([1.0, 2.0, 4.0]))
    array([-0.5,  0. ,  0.5])
    """
    x = _real(x, "iqr")
    low, high = (cnp.percentile(x, q, axis=axis, method=interpolation, keepdims=keepdims)
                 for q in sorted(rng))  # fmt: skip
    return (high - low) / (2 * NORMAL if scale == "normal" else scale)


@_mirrors
def median_abs_deviation(
    x: Any, axis: Any = 0, center: Any = None, scale: Any = 1.0, *, keepdims: bool = False
) -> Any:
    """As `scipy.stats.median_abs_deviation`, about the median, by the sample.

    >>> cd.grad(css.median_abs_deviation)(np.array([1.0, 2.0, 4.0]))
    array([-1.,  1.,  0.])
    """
    no_keywords("median_abs_deviation", center=(center, None))
    x = _real(x, "median_abs_deviation")
    distance = _core.absolute(x - cnp.median(x, axis=axis, keepdims=True))
    return cnp.median(distance, axis=axis, keepdims=keepdims) / (
        NORMAL if scale == "normal" else scale)  # fmt: skip


@_mirrors
def entropy(
    pk: Any, qk: Any = None, base: Any = None, axis: Any = 0, *, keepdims: bool = False
) -> Any:
    """As `scipy.stats.entropy`: of a distribution, or relative to another one, by both.

    >>> cd.grad(css.entropy)(np.array([0.5, 0.5]))
    array([0., 0.])
    """
    pk = _real(pk, "entropy")
    pk = pk / cnp.sum(pk, axis=axis, keepdims=True)
    if qk is None:
        terms = LANGUAGE["entr"](pk)
    else:
        qk = _real(qk, "entropy")
        terms = LANGUAGE["rel_entr"](pk, qk / cnp.sum(qk, axis=axis, keepdims=True))
    found = cnp.sum(terms, axis=axis, keepdims=keepdims)
    return found if base is None else found / (_core.log(base) if any_array(base) else log(base))


# --- angles ---------------------------------------------------------------------------------------


def _mean_point(samples: Any, high: Any, low: Any, axis: Any, keepdims: bool, name: str) -> Any:
    angles = (_real(samples, name) - low) * (2 * pi / (high - low))
    return [cnp.mean(f(angles), axis=axis, keepdims=keepdims) for f in (_core.sin, _core.cos)]


@_mirrors
def circmean(
    samples: Any, high: Any = 2 * pi, low: Any = 0, axis: Any = None, *, keepdims: bool = False
) -> Any:
    """As `scipy.stats.circmean`: the direction of the mean point of a circle, by the angles.

    >>> cd.grad(css.circmean)(np.array([0.5, 1.5]))
    array([0.5, 0.5])
    """
    s, c = _mean_point(samples, high, low, axis, keepdims, "circmean")
    angle = _core.arctan2(s, c)
    angle = _core.where(_core.less(angle, 0), angle + 2 * pi, angle)
    return angle * ((high - low) / (2 * pi)) + low


@_mirrors
def circvar(
    samples: Any, high: Any = 2 * pi, low: Any = 0, axis: Any = None, *, keepdims: bool = False
) -> Any:
    """As `scipy.stats.circvar`: how far the mean point is from the circle, by the angles.

    >>> cd.grad(css.circvar)(np.array([0.5, 1.5])).round(4)
    array([-0.2397,  0.2397])
    """
    s, c = _mean_point(samples, high, low, axis, keepdims, "circvar")
    return 1.0 - _core.hypot(s, c)


@_mirrors
def circstd(
    samples: Any, high: Any = 2 * pi, low: Any = 0, axis: Any = None, *, normalize: bool = False,
    keepdims: bool = False,
) -> Any:  # fmt: skip
    """As `scipy.stats.circstd`: the standard deviation of angles, by these.

    >>> cd.grad(css.circstd)(np.array([0.5, 1.5])).round(4)
    array([-0.5345,  0.5345])
    """
    s, c = _mean_point(samples, high, low, axis, keepdims, "circstd")
    spread = _core.sqrt(-2.0 * _core.log(_core.hypot(s, c)))
    return spread if normalize else spread * ((high - low) / (2 * pi))


# --- transformations ------------------------------------------------------------------------------


@_mirrors
def boxcox(x: Any, lmbda: Any = None, alpha: Any = None, optimizer: Any = None) -> Array:
    """As `scipy.stats.boxcox` with its lmbda: a power less one, by the sample and by lmbda.

    >>> round(cd.grad(lambda l: css.boxcox([2.0], l)[0])(0.0), 4)
    0.2402
    """
    if lmbda is None or alpha is not None:
        raise TypeError("boxcox: of a cdiff array lmbda is given: maximise boxcox_llf to find it")
    return LANGUAGE["boxcox"](_real(x, "boxcox"), lmbda)


def _log_variance(x: Array, axis: Any, keepdims: bool) -> Array:
    return _core.log(cnp.var(x, axis=axis, keepdims=keepdims))


@_mirrors
def boxcox_llf(lmb: Any, data: Any, *, axis: Any = 0, keepdims: bool = False) -> Any:
    """As `scipy.stats.boxcox_llf`: the logarithm of the likelihood of lmb, by it and by the sample.

    >>> round(cd.grad(css.boxcox_llf)(0.5, [1.0, 2.0, 4.0]), 4)
    -0.2955
    """
    x = _real(data, "boxcox_llf")
    sums = cnp.sum(_core.log(x), axis=axis, keepdims=keepdims)
    spread = _log_variance(LANGUAGE["boxcox"](x, lmb), axis, keepdims)
    return (lmb - 1) * sums - 0.5 * _count(x, axis) * spread


def _yeo(x: Array, lmbda: Any) -> Array:
    low, boxcox1p = _core.less(x, 0), LANGUAGE["boxcox1p"]
    right, left = _core.where(low, 0.0, x), _core.where(low, -x, 0.0)
    return _core.where(low, -boxcox1p(left, 2.0 - lmbda), boxcox1p(right, lmbda))


@_mirrors
def yeojohnson(x: Any, lmbda: Any = None) -> Array:
    """As `scipy.stats.yeojohnson` with its lmbda: a power of numbers of any sign, by both.

    >>> cd.grad(lambda x: css.yeojohnson(x, 0.5)[0])(np.array([3.0]))
    array([0.5])
    """
    if lmbda is None:
        raise TypeError("yeojohnson: of a cdiff array lmbda is given: maximise yeojohnson_llf")
    return _yeo(_real(x, "yeojohnson"), lmbda)


@_mirrors
def yeojohnson_llf(lmb: Any, data: Any, *, axis: Any = 0, keepdims: bool = False) -> Any:
    """As `scipy.stats.yeojohnson_llf`: the logarithm of the likelihood of lmb, by both.

    >>> round(cd.grad(css.yeojohnson_llf)(0.5, [1.0, 2.0, 4.0]), 4)
    -0.2061
    """
    x = _real(data, "yeojohnson_llf")
    sums = cnp.sum(_core.sign(x) * _core.log1p(_core.absolute(x)), axis=axis, keepdims=keepdims)
    spread = _log_variance(_yeo(x, lmb), axis, keepdims)
    return (lmb - 1) * sums - 0.5 * _count(x, axis) * spread


# --- pairs of samples -----------------------------------------------------------------------------


class Correlation(NamedTuple):
    """What `pearsonr` answers."""

    statistic: Any
    pvalue: Any


class Line(NamedTuple):
    """What `linregress` answers."""

    slope: Any
    intercept: Any
    rvalue: Any
    pvalue: Any
    stderr: Any
    intercept_stderr: Any


@_mirrors
def pearsonr(x: Any, y: Any, *, axis: Any = 0, keepdims: bool = False) -> Correlation:
    """As `scipy.stats.pearsonr`, for both sides: the correlation of two samples and the probability
    of a larger one, by both.

    >>> cd.grad(lambda x: css.pearsonr(x, [1.0, 2.0, 4.0])[0])(np.array([1.0, 3.0, 2.0])).round(4)
    array([-0.2728, -0.2728,  0.5455])
    """
    x, y = _real(x, "pearsonr"), _real(y, "pearsonr")
    n = _count(x, axis)
    if _count(y, axis) != n or n < 2:
        raise misfit(f"pearsonr: two samples of 2 or more, not shapes {x.shape} and {y.shape}")
    x, y = (z - cnp.mean(z, axis=axis, keepdims=True) for z in (x, y))
    total = partial(cnp.sum, axis=axis, keepdims=keepdims)
    r = total(x * y) / _core.sqrt(total(x * x) * total(y * y))
    if n == 2:
        return Correlation(r, _core.cast(_core.where(_core.equal(r, r), 1.0, np.nan), r.dtype))
    half = 0.5 * n - 1.0
    tail = LANGUAGE["betainc"](half, half, 0.5 * _core.maximum(1.0 - _core.absolute(r), 0.0))
    return Correlation(r, 2.0 * tail)


@_mirrors
def linregress(x: Any, y: Any, alternative: str = "two-sided") -> Line:
    """As `scipy.stats.linregress`, for both sides: the line of least squares, by both samples. The
    sixth result is an element here, too.

    >>> cd.grad(lambda y: css.linregress([0.0, 1.0, 2.0], y)[0])(np.array([1.0, 3.0, 2.0]))
    array([-0.5,  0. ,  0.5])
    """
    no_keywords("linregress", alternative=(alternative, "two-sided"))
    x, y = _real(x, "linregress"), _real(y, "linregress")
    if x.ndim != 1 or x.shape != y.shape or x.size < 3:
        raise misfit(f"linregress: two vectors of 3 or more, not shapes {x.shape} and {y.shape}")
    kind: Any = np.result_type(x.dtype, y.dtype)
    kind = float if kind.kind != "f" or scipy_before(1, 18) else kind
    x, y = _core.cast(x, kind), _core.cast(y, kind)
    middle, n = cnp.mean(x), x.size
    dx, dy = x - middle, y - cnp.mean(y)
    sxx, sxy, syy = (_core.sum(z) / n for z in (dx * dx, dx * dy, dy * dy))
    slope, r = sxy / sxx, sxy / _core.sqrt(sxx * syy)
    error = _core.sqrt((1.0 - r * r) * syy / sxx / (n - 2))
    t = _core.absolute(r) * _core.sqrt((n - 2) / ((1.0 - r + 1e-20) * (1.0 + r + 1e-20)))
    return Line(slope, cnp.mean(y) - slope * middle, r, 2.0 * LANGUAGE["stdtr"](n - 2.0, -t), error,
                error * _core.sqrt(sxx + middle * middle))  # fmt: skip


def _cdf_gap(u: Any, v: Any, u_weights: Any, v_weights: Any, name: str) -> tuple[Array, Array]:
    """Widths of the intervals between all values, and the differences of the distributions."""
    samples = [_real(z, name) for z in (u, v)]
    if any(z.ndim != 1 for z in samples):
        raise misfit(f"{name}: two vectors are needed, not {[z.shape for z in samples]}")
    both = cnp.sort(_core.concatenate(samples, 0))
    gap: Any = 0.0
    for z, w, sign in zip(samples, (u_weights, v_weights), (1.0, -1.0), strict=True):
        order = cnp.argsort(z)
        places = cnp.searchsorted(rows_at(z, order), both[:-1], "right")
        w = as_array(np.ones(z.size) if w is None else w)
        if w.shape != z.shape:
            raise misfit(f"{name}: weights of shape {w.shape} for {z.shape} values")
        sums = _core.concatenate([np.zeros(1), _core.cumsum(rows_at(w, order), 0)], 0)
        gap = gap + sign * rows_at(sums, places) / _core.sum(w)
    return both[1:] - both[:-1], gap


@_mirrors
def wasserstein_distance(
    u_values: Any, v_values: Any, u_weights: Any = None, v_weights: Any = None
) -> Array:
    """As `scipy.stats.wasserstein_distance`: of two samples, by the values and the weights.

    >>> cd.grad(css.wasserstein_distance)(np.array([0.0, 1.0]), [3.0])
    array([-0.5, -0.5])
    """
    widths, gap = _cdf_gap(u_values, v_values, u_weights, v_weights, "wasserstein_distance")
    return _core.sum(_core.absolute(gap) * widths)


@_mirrors
def energy_distance(
    u_values: Any, v_values: Any, u_weights: Any = None, v_weights: Any = None
) -> Array:
    """As `scipy.stats.energy_distance`: of two samples, by the values and the weights.

    >>> cd.grad(css.energy_distance)(np.array([0.0]), [2.0])
    array([-0.5])
    """
    widths, gap = _cdf_gap(u_values, v_values, u_weights, v_weights, "energy_distance")
    return _core.sqrt(2.0 * _core.sum(gap * gap * widths))


__all__ += _kde.__all__
__all__.sort()
