"""`scipy.signal` over the samples of one axis: trends, other rates.

What the other files of this room share is here, too: operands as numbers, an axis at the end. It
knows no filter but those between two rates. Each function costs a transform, a product with two
columns, or a sum of the samples that a filter meets for each sample of the result; where those are
many, they are not written down, but a call of an operator.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, call
from cdiff._face import misfit
from cdiff.numpy._common import as_array, axis_of
from cdiff.numpy._index import median
from cdiff.numpy._reduce import max as _largest
from cdiff.numpy._reduce import mean
from cdiff.numpy._reduce import min as _smallest
from cdiff.numpy.fft import fft, ifft, irfft, rfft
from cdiff.scipy._mirror import mirror_of, no_keywords
from cdiff.scipy._need import scipy_module
from cdiff.scipy._rates import Filtered

_signal = scipy_module("signal")
__all__: list[str] = []
_mirrors = mirror_of(_signal, __all__)

MOST_GATHERED = 50000  # products of a filter with samples, beyond which they are one call


def numbers(x: Any, name: str) -> Array:
    """Real or complex numbers, some."""
    x = as_array(x)
    if x.size == 0:
        raise misfit(f"{name}: an operand has no elements: shape {x.shape}")
    return x if x.dtype.kind in "fc" else _core.cast(x, float)


def last_axis(x: Array, axis: int) -> tuple[Array, Any]:
    """The array with an axis at the end, and the way back."""
    perm = [k for k in range(x.ndim) if k != axis] + [axis]
    return _core.transpose(x, perm), lambda y: _core.transpose(y, np.argsort(perm).tolist())


@_mirrors
def detrend(
    data: Any, axis: int = -1, type: str = "linear", bp: Any = 0, overwrite_data: bool = False
) -> Array:
    """As `scipy.signal.detrend`: without the mean or the straight line of least squares.

    >>> cd.grad(lambda x: css.detrend(x, type="constant")[0])(np.ones(4))
    array([ 0.75, -0.25, -0.25, -0.25])
    """
    x = numbers(data, "detrend")
    axis = axis_of(x, axis, "detrend")
    n = x.shape[axis]
    if type in ("constant", "c"):
        edges = np.array([0, n])
    elif type in ("linear", "l"):
        edges = np.unique(np.concatenate([[0], np.ravel(bp), [n]])).astype(int)
        if edges[-1] > n or edges[0] < 0:
            raise ValueError(f"detrend: breakpoints {bp} must lie in the axis of length {n}")
    else:
        raise ValueError("Trend type must be 'linear' or 'constant'.")
    rows, back = last_axis(x, axis)
    pieces = []
    for start, stop in pairwise(edges):
        places = np.arange(stop - start) + 1.0
        basis = [np.ones(stop - start)] + ([places] if type in ("linear", "l") else [])
        q = np.linalg.qr(np.stack(basis, axis=1))[0].astype(x.dtype)
        piece = rows[..., start:stop]
        pieces.append(piece - _core.matmul(_core.matmul(piece, q), np.ascontiguousarray(q.T)))
    return back(_core.concatenate(pieces, rows.ndim - 1))


@_mirrors
def hilbert(x: Any, N: int | None = None, axis: int = -1) -> Array:
    """As `scipy.signal.hilbert`: the analytic signal of real numbers.

    >>> cd.grad(lambda x: css.hilbert(x)[0].imag)(np.ones(4)).round(6) + 0.0
    array([ 0. , -0.5,  0. ,  0.5])
    """
    x = numbers(x, "hilbert")
    if x.dtype.kind == "c":
        raise ValueError("hilbert: x must be real")
    axis = axis_of(x, axis, "hilbert")
    n = x.shape[axis] if N is None else int(N)
    if n <= 0:
        raise ValueError(f"hilbert: N must be positive, not {n}")
    # Frequencies in between stand for two, negative ones for none.
    weights = np.zeros(n, x.dtype)
    weights[0] = weights[n // 2] = 1.0
    weights[1 : (n + 1) // 2] = 2.0
    weights = weights.reshape((-1,) + (1,) * (x.ndim - axis - 1))
    return ifft(fft(x, n, axis) * weights, axis=axis)


@_mirrors
def resample(
    x: Any, num: int, t: Any = None, axis: int = 0, window: Any = None, domain: str = "time"
) -> Any:
    """As `scipy.signal.resample`, without a window: as many samples of a periodic signal, by
    Fourier's method.

    >>> cd.grad(lambda x: css.resample(x, 4)[1])(np.ones(2)).round(6) + 0.0
    array([0.5, 0.5])
    """
    no_keywords("resample", window=(window, None), domain=(domain, "time"))
    x = numbers(x, "resample")
    rows, back = last_axis(x, axis_of(x, axis, "resample"))
    n, real = rows.shape[-1], x.dtype.kind == "f"
    m = min(num, n)
    half, paired = m // 2, m % 2 == 0 and num != n  # the highest frequency stands for two
    spectrum = rfft(rows) if real else fft(rows)
    low, top = spectrum[..., : (m + 1) // 2], spectrum[..., half : half + 1]
    parts: list[Any] = [low]
    if m % 2 == 0:
        parts.append(top * (2.0 if num < n else 0.5) if paired and real else top)
    if not real:
        other = spectrum[..., n - half : n - half + 1]
        if paired:
            parts[-1] = top + other if num < n else 0.5 * top
        zeros = np.zeros((*rows.shape[:-1], num - m - (paired and num > n)), spectrum.dtype)
        parts += [zeros, 0.5 * top] if paired and num > n else [zeros]
        parts.append(spectrum[..., n - (m - 1) // 2 :])
    whole = _core.concatenate(parts, rows.ndim - 1)
    y = back((irfft(whole, num) if real else ifft(whole, num)) * (num / n))
    return y if t is None else (y, t[0] + (t[1] - t[0]) * (n / num) * np.arange(num))


def _filtered(h: Array, rows: Array, up: int, down: int, start: int, count: int) -> Array:
    """Rows with `up - 1` zeros after each sample, filtered; from `start` on each `down`-th: sums of
    those samples that are no such zeros, whose weights come again after `up` sums."""
    n, turns = rows.shape[-1], -(-count // up)
    if rows.size // n * turns * h.size > MOST_GATHERED:
        kind = np.result_type(h.dtype, rows.dtype)
        operands = [_core.cast(a, kind) for a in (h, rows)]
        return call(Filtered(up, down, start, count), operands)
    taps, first = np.arange(-(-h.size // up)), start + np.arange(up)[:, None] * down
    weights = np.minimum(first % up + taps * up, h.size)
    places = np.arange(turns)[:, None, None] * down + (first // up - taps)
    places = np.where((places >= 0) & (places < n), places, n)  # one zero more stands for all
    zero = np.zeros((*rows.shape[:-1], 1), rows.dtype)
    rows = _core.concatenate([rows, zero], rows.ndim - 1)
    h = _core.concatenate([h, np.zeros(1, h.dtype)], 0)[weights]
    sums = _core.sum(rows[..., places] * h, (rows.ndim + 1,))
    return _core.reshape(sums, (*rows.shape[:-1], turns * up))[..., :count]


def _rates(up: Any, down: Any, name: str) -> tuple[int, int]:
    if int(up) != up or int(down) != down:
        raise ValueError(f"{name}: up and down must be integers, not {up} and {down}")
    if up < 1 or down < 1:
        raise ValueError(f"{name}: up and down must be >= 1, not {up} and {down}")
    return int(up), int(down)


@_mirrors
def upfirdn(
    h: Any, x: Any, up: int = 1, down: int = 1, axis: int = -1, mode: str = "constant",
    cval: float = 0,
) -> Array:  # fmt: skip
    """As `scipy.signal.upfirdn`, with zeros beyond the ends: filtered with h at another rate, by
    both.

    >>> cd.grad(lambda h: css.upfirdn(h, [1.0, 2.0, 4.0], down=2)[1])(np.ones(2))
    array([4., 2.])
    """
    no_keywords("upfirdn", mode=(mode, "constant"), cval=(cval, 0))
    h, x = numbers(h, "upfirdn"), numbers(x, "upfirdn")
    if h.ndim != 1:
        raise misfit(f"upfirdn: h must be 1-D with non-zero length, not of shape {h.shape}")
    up, down = _rates(up, down, "upfirdn")
    rows, back = last_axis(x, axis_of(x, axis, "upfirdn"))
    count = -(-((rows.shape[-1] - 1) * up + h.size) // down)
    return back(_filtered(h, rows, up, down, 0, count))


LEVELS: dict[str, Any] = {"mean": mean, "median": median, "minimum": _smallest, "maximum": _largest}


@_mirrors
def resample_poly(
    x: Any, up: int, down: int, axis: int = 0, window: Any = ("kaiser", 5.0),
    padtype: str = "constant", cval: Any = None,
) -> Array:  # fmt: skip
    """As `scipy.signal.resample_poly`: up / down times as many samples, by the signal and by the
    filter, if that is given as `window`.

    >>> cd.grad(lambda x: css.resample_poly(x, 1, 2, window=[1.0, 2.0, 1.0])[1])(np.ones(4))
    array([0., 1., 2., 1.])
    """
    if padtype not in ("constant", *LEVELS) or cval not in (None, 0):
        raise NotImplementedError(
            f"resample_poly: of Arrays padtype is 'constant' with cval=0, 'mean', 'median', "
            f"'minimum' or 'maximum', not {padtype!r} with cval={cval!r}"
        )
    up, down = _rates(up, down, "resample_poly")
    up, down = up // math.gcd(up, down), down // math.gcd(up, down)
    x = numbers(x, "resample_poly")
    if up == down:
        return x.copy()
    if isinstance(window, (list, np.ndarray, Array)):
        h = numbers(window, "resample_poly: window")
        if h.ndim != 1:
            raise misfit(f"resample_poly: window must be 1-D, not of shape {h.shape}")
    else:
        rate = max(up, down)
        h = as_array(_signal.firwin(20 * rate + 1, 1 / rate, window=window).astype(x.dtype))
    rows, back = last_axis(x, axis_of(x, axis, "resample_poly"))
    level = LEVELS[padtype](rows, axis=-1, keepdims=True) if padtype in LEVELS else None
    rows = rows if level is None else rows - level
    count = -(-rows.shape[-1] * up // down)
    y = _filtered(h * up, rows, up, down, (h.size - 1) // 2, count)
    return back(y if level is None else y + level)


def smoothed(x: Array, q: Any, n: int | None, axis: int, zero_phase: bool) -> Array:
    """Each q-th sample of a signal that went through a window of `scipy.signal.decimate`."""
    b = _signal.firwin((20 * q if n is None else n) + 1, 1 / q, window="hamming").astype(x.dtype)
    if zero_phase:
        return resample_poly(x, 1, q, axis=axis, window=b)
    y = upfirdn(b, x, 1, q, axis)
    return y[(slice(None),) * axis + (slice(-(-x.shape[axis] // q)),)]
