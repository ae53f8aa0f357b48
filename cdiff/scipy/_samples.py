"""`scipy.signal` over the samples of one axis: trends, other rates.

What the other files of this room share is here, too: operands as numbers, an axis at the end. It
knows no filter; each function costs a transform or a product with two columns.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy._common import as_array, axis_of
from cdiff.numpy.fft import fft, ifft, irfft, rfft
from cdiff.scipy._mirror import mirror_of, no_keywords
from cdiff.scipy._need import scipy_module

_signal = scipy_module("signal")
__all__: list[str] = []
_mirrors = mirror_of(_signal, __all__)


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
