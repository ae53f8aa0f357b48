"""Filters of `scipy.ndimage`: weighted sums over the neighbours of each element.

The image is continued beyond its border and then correlated with the weights, both of which are
operators elsewhere: the derivative by image, weights and widths follows. It must not know how a
derivative is made.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy._common import as_array, axis_of
from cdiff.numpy._pad import pad
from cdiff.scipy import signal as _signal
from cdiff.scipy._images import PADS, as_given, image, per_axis
from cdiff.scipy._mirror import mirror_of
from cdiff.scipy._need import scipy_module

if TYPE_CHECKING:
    from collections.abc import Sequence

_ndimage = scipy_module("ndimage")
__all__: list[str] = []
_mirrors = mirror_of(_ndimage, __all__, keeps_integers=True)


def _correlated(a: Array, w: Array, mode: Any, cval: Any, origins: Any, name: str) -> Array:
    """The sums, with as many axes in the weights as in the image."""
    if not isinstance(mode, str) or mode not in PADS:
        raise RuntimeError(f"{name}: mode is one of {', '.join(PADS)}, not {mode!r}")
    if a.dtype.kind != "c" and np.iscomplexobj(cval):
        raise ValueError(f"{name}: a complex cval is for complex images")
    widths = []
    for m, origin in zip(w.shape, origins, strict=True):
        before = m // 2 + origin
        if not 0 <= before < m:
            raise ValueError(f"{name}: origin={origin} lies outside of {m} weights")
        widths.append((before, m - 1 - before))
    if not a.size:
        return _core.cast(a, np.result_type(a.dtype, w.dtype)) if w.dtype.kind == "c" else a
    keywords = {"constant_values": cval} if PADS[mode] == "constant" else {}
    whole = pad(a, widths, PADS[mode], **keywords)
    found = _signal.correlate(whole, w, "valid", "direct")
    return _core.cast(found, a.dtype) if found.dtype.kind == a.dtype.kind else found


def _turned(w: Array, origins: list[Any]) -> tuple[Array, list[Any]]:
    """The weights and origins of a correlation that is the convolution with these."""
    back = [-o - (m % 2 == 0) for o, m in zip(origins, w.shape, strict=True)]
    return _core.conj(w[(slice(None, None, -1),) * w.ndim]), back


def _along(
    input: Any, weights: Any, axis: int, output: Any, mode: str, cval: Any, origin: int,
    name: str, convolve: bool = False,
) -> Array:  # fmt: skip
    """The sums along one axis."""
    a, w = image(input, output, name), as_array(weights)
    if w.ndim != 1 or not w.size:
        raise misfit(f"{name}: no filter weights given: shape {w.shape}", RuntimeError)
    axis = axis_of(a, axis, name)
    shape, origins = [1] * a.ndim, [0] * a.ndim
    shape[axis], origins[axis] = w.size, origin
    w = _core.reshape(w, tuple(shape))
    if convolve:
        w, origins = _turned(w, origins)
    return _correlated(a, w, mode, cval, origins, name)


@_mirrors
def correlate1d(
    input: Any, weights: Any, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: float = 0.0, origin: int = 0,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.correlate1d`: along one axis, by the image and by the weights.

    >>> cd.grad(lambda w: csn.correlate1d([1.0, 2.0, 4.0], w)[1])(np.ones(3))
    array([1., 2., 4.])
    """
    return _along(input, weights, axis, output, mode, cval, origin, "correlate1d")


@_mirrors
def convolve1d(
    input: Any, weights: Any, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: float = 0.0, origin: int = 0,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.convolve1d`: along one axis, by the image and by the weights.

    >>> cd.grad(lambda w: csn.convolve1d([1.0, 2.0, 4.0], w)[1])(np.ones(3))
    array([4., 2., 1.])
    """
    return _along(input, weights, axis, output, mode, cval, origin, "convolve1d", True)


def _over(
    input: Any, weights: Any, output: Any, mode: str, cval: Any, origin: Any, axes: Any,
    name: str, convolve: bool = False,
) -> Array:  # fmt: skip
    """The sums over some axes; those of the weights belong to them in ascending order."""
    a, w = image(input, output, name), as_array(weights)
    given = as_given(a, axes, name)
    if w.ndim != len(given) or not w.size:
        raise misfit(f"{name}: weights of shape {w.shape} for {len(given)} axes", RuntimeError)
    chosen, origins = sorted(given), [0] * a.ndim
    sizes = dict(zip(chosen, w.shape, strict=True))
    w = _core.reshape(w, tuple([sizes.get(k, 1) for k in range(a.ndim)]))
    places = chosen if len(chosen) == a.ndim else given  # which SciPy tells apart
    for k, o in zip(places, per_axis(origin, len(given), name), strict=True):
        origins[k] = o
    if convolve:
        w, origins = _turned(w, origins)
    return _correlated(a, w, mode, cval, origins, name)


@_mirrors
def correlate(
    input: Any, weights: Any, output: Any = None, mode: str = "reflect", cval: float = 0.0,
    origin: Any = 0, *, axes: Any = None,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.correlate`, by the image and by the weights.

    >>> cd.grad(lambda w: csn.correlate([1.0, 2.0, 4.0], w)[1])(np.ones(3))
    array([1., 2., 4.])
    """
    return _over(input, weights, output, mode, cval, origin, axes, "correlate")


@_mirrors
def convolve(
    input: Any, weights: Any, output: Any = None, mode: str = "reflect", cval: float = 0.0,
    origin: Any = 0, *, axes: Any = None,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.convolve`, by the image and by the weights.

    >>> cd.grad(lambda w: csn.convolve([1.0, 2.0, 4.0], w)[1])(np.ones(3))
    array([4., 2., 1.])
    """
    return _over(input, weights, output, mode, cval, origin, axes, "convolve", True)


# --- smoothing ------------------------------------------------------------------------------------


def _gaussian(sigma: Array, order: int, radius: int) -> Array:
    """The weights of derivative `order` of a Gaussian."""
    x = np.arange(-radius, radius + 1.0)
    square = sigma * sigma
    bell = _core.exp(-0.5 / square * (x * x))
    bell = bell / _core.sum(bell, None, False)
    # The polynomial in front of it: the derivative of q * exp(-x**2 / 2 s) is (q' - x q / s) * exp.
    q: list[Any] = [1.0] + [0.0] * order
    for _ in range(order):
        slope = [(k + 1) * q[k + 1] for k in range(order)] + [0.0]
        rest = [0.0] + [-q[k] / square for k in range(order)]
        q = [a + b for a, b in zip(slope, rest, strict=True)]
    return sum([c * x**k for k, c in enumerate(q)]) * bell


@_mirrors
def gaussian_filter1d(
    input: Any, sigma: Any, axis: int = -1, order: int = 0, output: Any = None,
    mode: str = "reflect", cval: float = 0.0, truncate: float = 4.0, *, radius: Any = None,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.gaussian_filter1d`: along one axis, by the image and by sigma (the number
    of weights is constant).

    >>> round(cd.grad(lambda s: csn.gaussian_filter1d([0.0, 1.0, 0.0], s)[1])(1.0), 4)
    -0.328
    """
    if order < 0 or (radius is not None and (radius < 0 or radius != int(radius))):
        raise ValueError(
            f"gaussian_filter1d: order={order} and radius={radius} must be nonnegative integers"
        )
    reach = int(truncate * sigma + 0.5) if radius is None else int(radius)
    if sigma == 0 or reach < 0:
        raise ValueError(f"gaussian_filter1d: sigma={sigma} must be positive")
    weights = _gaussian(as_array(sigma), order, reach)[::-1]
    return correlate1d(as_array(input), weights, axis, output, mode, cval)


def _one_by_one(
    f: Any, a: Array, axes: tuple[int, ...], used: list[int], **lists: Sequence[Any]
) -> Array:
    """A filter along each of the axes that are used, with its own element of each list."""
    for i in used:
        a = f(a, axis=axes[i], **{name: values[i] for name, values in lists.items()})
    return a


@_mirrors
def gaussian_filter(
    input: Any, sigma: Any, order: Any = 0, output: Any = None, mode: Any = "reflect",
    cval: float = 0.0, truncate: float = 4.0, *, radius: Any = None, axes: Any = None,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.gaussian_filter`: along all axes, by the image and by sigma.

    >>> round(cd.grad(lambda s: csn.gaussian_filter([0.0, 1.0, 0.0], s)[1])(1.0), 4)
    -0.328
    """
    a = image(input, output, "gaussian_filter")
    chosen = as_given(a, axes, "gaussian_filter")
    n = len(chosen)
    sigmas, orders, modes, radii = [
        per_axis(x, n, "gaussian_filter") for x in (sigma, order, mode, radius)
    ]
    used = [i for i, s in enumerate(sigmas) if s > 1e-15]
    along = partial(gaussian_filter1d, cval=cval, truncate=truncate)
    return _one_by_one(along, a, chosen, used, sigma=sigmas, order=orders, mode=modes, radius=radii)


@_mirrors
def uniform_filter1d(
    input: Any, size: int, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: float = 0.0, origin: int = 0,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.uniform_filter1d`: means of windows along one axis.

    >>> cd.grad(lambda x: csn.uniform_filter1d(x, 2)[1])(np.ones(3))
    array([0.5, 0.5, 0. ])
    """
    if size < 1:
        raise RuntimeError(f"uniform_filter1d: incorrect filter size {size}")
    a = image(input, output, "uniform_filter1d")
    return correlate1d(a, np.full(size, 1.0 / size), axis, None, mode, cval, origin)


@_mirrors
def uniform_filter(
    input: Any, size: Any = 3, output: Any = None, mode: Any = "reflect", cval: float = 0.0,
    origin: Any = 0, *, axes: Any = None,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.uniform_filter`: means of windows.

    >>> cd.grad(lambda x: csn.uniform_filter(x, 2)[1])(np.ones(3))
    array([0.5, 0.5, 0. ])
    """
    a = image(input, output, "uniform_filter")
    chosen = as_given(a, axes, "uniform_filter")
    sizes, modes, origins = [
        per_axis(x, len(chosen), "uniform_filter") for x in (size, mode, origin)
    ]
    used = [i for i, m in enumerate(sizes) if m > 1]
    whole = [int(m) for m in sizes]
    along = partial(uniform_filter1d, cval=cval)
    return _one_by_one(along, a, chosen, used, size=whole, mode=modes, origin=origins)


# --- slopes ---------------------------------------------------------------------------------------


def _slope(input: Any, axis: int, output: Any, mode: Any, cval: float, smooth: Any,
           name: str) -> Array:  # fmt: skip
    a = image(input, output, name)
    axis, modes = axis_of(a, axis, name), per_axis(mode, a.ndim, name)
    y = correlate1d(a, [-1.0, 0.0, 1.0], axis, None, modes[axis], cval)
    for k in range(a.ndim):
        y = y if k == axis else correlate1d(y, smooth, k, None, modes[k], cval)
    return y


@_mirrors
def prewitt(
    input: Any, axis: int = -1, output: Any = None, mode: Any = "reflect", cval: float = 0.0
) -> Array:
    """As `scipy.ndimage.prewitt`: differences along an axis, summed across it.

    >>> cd.grad(lambda x: csn.prewitt(x)[1])(np.ones(3))
    array([-1.,  0.,  1.])
    """
    return _slope(input, axis, output, mode, cval, [1.0, 1.0, 1.0], "prewitt")


@_mirrors
def sobel(
    input: Any, axis: int = -1, output: Any = None, mode: Any = "reflect", cval: float = 0.0
) -> Array:
    """As `scipy.ndimage.sobel`: differences along an axis, weighted across it.

    >>> cd.grad(lambda x: csn.sobel(x)[1])(np.ones(3))
    array([-1.,  0.,  1.])
    """
    return _slope(input, axis, output, mode, cval, [1.0, 2.0, 1.0], "sobel")


@_mirrors
def laplace(
    input: Any, output: Any = None, mode: Any = "reflect", cval: float = 0.0, *, axes: Any = None
) -> Array:
    """As `scipy.ndimage.laplace`: the sum of second differences.

    >>> cd.grad(lambda x: csn.laplace(x)[1])(np.ones(3))
    array([ 1., -2.,  1.])
    """
    a = image(input, output, "laplace")
    chosen = as_given(a, axes, "laplace")
    modes = per_axis(mode, len(chosen), "laplace")
    terms = [correlate1d(a, [1.0, -2.0, 1.0], k, None, m, cval)
             for k, m in zip(chosen, modes, strict=True)]  # fmt: skip
    return sum(terms[1:], terms[0]) if terms else a


def _bends(
    a: Array, sigma: Any, order: int, mode: Any, cval: float, axes: tuple[int, ...],
    keywords: dict[str, Any], name: str,
) -> list[Array]:  # fmt: skip
    """Derivatives along each axis, smoothed along all axes with the mode of that one."""
    modes = per_axis(mode, len(axes), name)
    found = []
    for j, m in zip(axes, modes, strict=True):
        orders = [order if k == j else 0 for k in range(a.ndim)]
        found.append(gaussian_filter(a, sigma, orders, None, m, cval, **keywords))
    return found


@_mirrors
def gaussian_laplace(
    input: Any, sigma: Any, output: Any = None, mode: Any = "reflect", cval: float = 0.0, *,
    axes: Any = None, **kwargs: Any,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.gaussian_laplace`: second derivatives of Gaussians, by the image and by
    sigma.

    >>> round(cd.grad(lambda s: csn.gaussian_laplace([0.0, 1.0, 0.0], s)[1])(1.0), 4)
    1.4627
    """
    a = image(input, output, "gaussian_laplace")
    chosen = as_given(a, axes, "gaussian_laplace")
    sigmas = per_axis(sigma, len(chosen), "gaussian_laplace")
    if len(chosen) < a.ndim:  # SciPy's: without smoothing elsewhere
        own = dict(zip(chosen, sigmas, strict=True))
        sigmas = [own.get(k, 0) for k in range(a.ndim)]
    terms = _bends(a, sigmas, 2, mode, cval, chosen, kwargs, "gaussian_laplace")
    return sum(terms[1:], terms[0]) if terms else a


@_mirrors
def gaussian_gradient_magnitude(
    input: Any, sigma: Any, output: Any = None, mode: Any = "reflect", cval: float = 0.0, *,
    axes: Any = None, **kwargs: Any,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.gaussian_gradient_magnitude`: the length of the slope of Gaussians, by the
    image and by sigma.

    >>> round(cd.grad(lambda s: csn.gaussian_gradient_magnitude([0.0, 1.0, 4.0], s)[1])(1.0), 4)
    -1.5316
    """
    name = "gaussian_gradient_magnitude"
    a = image(input, output, name)
    chosen = as_given(a, axes, name)
    terms = [_core.square(x) for x in _bends(a, sigma, 1, mode, cval, chosen, kwargs, name)]
    return _core.sqrt(sum(terms[1:], terms[0])) if terms else a


__all__.sort()
