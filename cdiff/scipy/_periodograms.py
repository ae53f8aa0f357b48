"""Spectra of signals in `scipy.signal`: periodograms, Welch's averages, short-time transforms.

The signal is cut into overlapping segments, each of which is detrended, windowed and transformed;
all of these are operators elsewhere, so that spectra are differentiated by signals, windows and the
sampling rate. It must not know how a derivative is made.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy._common import as_array, axis_of
from cdiff.numpy._edit import sliding_window_view
from cdiff.numpy._pad import pad
from cdiff.numpy._shape import moveaxis
from cdiff.numpy.fft import fft, rfft
from cdiff.scipy._mirror import mirror_of, no_keywords
from cdiff.scipy._need import scipy_module
from cdiff.scipy._samples import detrend as _detrended
from cdiff.scipy._samples import last_axis, numbers

_signal = scipy_module("signal")
__all__: list[str] = []
_mirrors = mirror_of(_signal, __all__)


class _Plan:
    """How a signal is cut: the window, the length and distance of segments, that of transforms."""

    def __init__(
        self, n: int, window: Any, nperseg: Any, noverlap: Any, nfft: Any, kind: Any, name: str
    ) -> None:
        named = isinstance(window, (str, tuple))
        nperseg = 256 if nperseg is None and named else nperseg
        if named:
            self.length = min(int(nperseg), n)
            window = _signal.get_window(window, max(self.length, 1))
        else:
            self.length = window.shape[0] if np.ndim(window) == 1 else 0
            if not 0 < self.length <= n or nperseg not in (None, self.length):
                raise misfit(f"{name}: a window of shape {np.shape(window)}, nperseg={nperseg}")
        if self.length < 1:
            raise ValueError(f"{name}: nperseg must be a positive integer, not {nperseg}")
        self.window = _core.cast(as_array(window), np.result_type(np.dtype(kind).char.lower()))
        self.overlap = self.length // 2 if noverlap is None else int(noverlap)
        self.nfft = self.length if nfft is None else int(nfft)
        if self.overlap >= self.length:
            raise ValueError(f"{name}: noverlap must be less than nperseg.")
        if self.nfft < self.length:
            raise ValueError(f"{name}: nfft must be greater than or equal to nperseg.")

    def spectra(self, x: Array, trend: Any, real: bool) -> Array:
        """The transforms of the segments, which are the last axis but one."""
        step = self.length - self.overlap
        parts = sliding_window_view(x, self.length, -1)[..., ::step, :]
        if callable(trend):
            parts = trend(parts)
        elif trend:
            parts = _detrended(parts, type=trend)
        parts = parts * self.window
        return rfft(parts, self.nfft) if real else fft(parts, self.nfft)

    def scale(self, fs: Any, scaling: str, name: str) -> Array:
        """The factor of powers."""
        if scaling == "density":
            return 1.0 / (fs * _core.sum(self.window * self.window))
        if scaling != "spectrum":
            raise ValueError(f"{name}: Unknown scaling: {scaling!r}")
        return 1.0 / _core.square(_core.sum(self.window))

    def frequencies(self, fs: Any, real: bool) -> Any:
        return (np.fft.rfftfreq if real else np.fft.fftfreq)(self.nfft) * fs

    def times(self, n: int, fs: Any) -> Any:
        middle = self.length / 2
        return np.arange(middle, n - middle + 1, self.length - self.overlap) / fs


def _weights(nfft: int, real: bool) -> Any:
    """Frequencies of real signals in between stand for two."""
    twice = np.ones(nfft // 2 + 1 if real else nfft)
    if real:
        twice[1 : (nfft + 1) // 2] = 2.0
    return twice


def _powers(
    x: Array, y: Array, fs: Any, plan: _Plan, trend: Any, real: bool, scaling: str, name: str
) -> Array:
    """Cross powers of all segments, along the last two axes."""
    first = plan.spectra(x, trend, real)
    if y is x:
        found = _core.square(_core.real(first)) + _core.square(_core.imag(first))
    else:
        found = _core.conj(first) * plan.spectra(y, trend, real)
    weights = _weights(plan.nfft, real).astype(plan.window.dtype)
    return found * (plan.scale(fs, scaling, name) * weights)


def _densities(
    x: Any, y: Any, fs: Any, window: Any, nperseg: Any, noverlap: Any, nfft: Any, trend: Any,
    onesided: bool, scaling: str, axis: int, name: str,
) -> tuple[Any, Array]:  # fmt: skip
    """Frequencies, and the mean of the powers of all segments."""
    same = y is x
    x, y = (moveaxis(z, axis_of(z, axis, name), -1) for z in (numbers(x, name), numbers(y, name)))
    n = max(x.shape[-1], y.shape[-1])
    if not same:  # the shorter one goes on with zeros
        x, y = (pad(z, [(0, 0)] * (z.ndim - 1) + [(0, n - z.shape[-1])]) for z in (x, y))
    plan = _Plan(n, window, nperseg, noverlap, nfft, np.result_type(x.dtype, y.dtype), name)
    real = onesided and "c" not in (x.dtype.kind, y.dtype.kind)
    found = _powers(x, x if same else y, fs, plan, trend, real, scaling, name)
    found = _core.sum(found, (-2,), False) / found.shape[-2]
    return plan.frequencies(fs, real), moveaxis(found, -1, axis)


@_mirrors
def csd(
    x: Any, y: Any, fs: Any = 1.0, window: Any = "hann", nperseg: Any = None, noverlap: Any = None,
    nfft: Any = None, detrend: Any = "constant", return_onesided: bool = True,
    scaling: str = "density", axis: int = -1, average: str = "mean",
) -> tuple[Any, Array]:  # fmt: skip
    """As `scipy.signal.csd`, with the mean of the segments: cross powers of two signals, by both,
    by the window and by the sampling rate.

    >>> f = lambda x: css.csd(x, [1.0, 2.0, 4.0, 1.0], window="boxcar", detrend=False)[1][0].real
    >>> cd.grad(f)(np.ones(4))
    array([2., 2., 2., 2.])
    """
    no_keywords("csd", average=(average, "mean"))
    return _densities(x, y, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling,
                      axis, "csd")  # fmt: skip


@_mirrors
def welch(
    x: Any, fs: Any = 1.0, window: Any = "hann", nperseg: Any = None, noverlap: Any = None,
    nfft: Any = None, detrend: Any = "constant", return_onesided: bool = True,
    scaling: str = "density", axis: int = -1, average: str = "mean",
) -> tuple[Any, Array]:  # fmt: skip
    """As `scipy.signal.welch`, with the mean of the segments: the power at each frequency, by the
    signal, the window and the sampling rate.

    >>> f = lambda x: css.welch(x, window="boxcar", detrend=False)[1][0]
    >>> cd.grad(f)(np.ones(4))
    array([2., 2., 2., 2.])
    """
    no_keywords("welch", average=(average, "mean"))
    return _densities(x, x, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling,
                      axis, "welch")  # fmt: skip


@_mirrors
def periodogram(
    x: Any, fs: Any = 1.0, window: Any = "boxcar", nfft: Any = None, detrend: Any = "constant",
    return_onesided: bool = True, scaling: str = "density", axis: int = -1,
) -> tuple[Any, Array]:  # fmt: skip
    """As `scipy.signal.periodogram`: the power at each frequency, of the whole signal.

    >>> cd.grad(lambda x: css.periodogram(x, detrend=False)[1][0])(np.ones(4))
    array([2., 2., 2., 2.])
    """
    x = numbers(x, "periodogram")
    axis = axis_of(x, axis, "periodogram")
    n = x.shape[axis]
    if nfft is not None and nfft < n:
        x, n, nfft = x[(slice(None),) * axis + (slice(int(nfft)),)], int(nfft), None
    window = "boxcar" if window is None else window
    return _densities(x, x, fs, window, n, 0, nfft, detrend, return_onesided, scaling, axis,
                      "periodogram")  # fmt: skip


@_mirrors
def coherence(
    x: Any, y: Any, fs: Any = 1.0, window: Any = "hann", nperseg: Any = None, noverlap: Any = None,
    nfft: Any = None, detrend: Any = "constant", axis: int = -1,
) -> tuple[Any, Array]:  # fmt: skip
    """As `scipy.signal.coherence`: how much of the power of two signals is common, by both.

    >>> x = np.array([1.0, 2.0, 4.0, 1.0, 3.0])
    >>> cd.grad(lambda y: css.coherence(x, y, nperseg=2)[1][1])(x[::-1].copy()).round(4) + 0.0
    array([-0.0933,  0.0604,  0.1372, -0.225 ,  0.1207])
    """
    given = (window, nperseg, noverlap, nfft, detrend, True, "density", axis, "coherence")
    frequencies, both = _densities(x, y, fs, *given)
    alone = [_densities(z, z, fs, *given)[1] for z in (x, y)]
    size = _core.square(_core.real(both)) + _core.square(_core.imag(both))
    return frequencies, size / (alone[0] * alone[1])


def _frames(
    x: Array, fs: Any, plan: _Plan, trend: Any, onesided: bool, scaling: str, mode: str, name: str
) -> tuple[Any, Any, Array]:
    """Frequencies, times, and the powers or amplitudes of all segments of the last axis."""
    real = onesided and x.dtype.kind != "c"
    if mode == "psd":
        found = _powers(x, x, fs, plan, trend, real, scaling, name)
    else:
        found = plan.spectra(x, trend, real) * _core.sqrt(plan.scale(fs, scaling, name))
        found = _core.absolute(found) if mode == "magnitude" else found
    return plan.frequencies(fs, real), plan.times(x.shape[-1], fs), found


@_mirrors
def spectrogram(
    x: Any, fs: Any = 1.0, window: Any = ("tukey", 0.25), nperseg: Any = None, noverlap: Any = None,
    nfft: Any = None, detrend: Any = "constant", return_onesided: bool = True,
    scaling: str = "density", axis: int = -1, mode: str = "psd",
) -> tuple[Any, Any, Array]:  # fmt: skip
    """As `scipy.signal.spectrogram` with its modes "psd", "magnitude" and "complex": the power of
    each segment at each frequency, by the signal, the window and the sampling rate.

    >>> f = lambda x: css.spectrogram(x, window="boxcar", nperseg=2, detrend=False)[2][0, 1]
    >>> cd.grad(f)(np.ones(4))
    array([0., 0., 2., 2.])
    """
    if mode not in ("psd", "magnitude", "complex"):
        raise ValueError(f"spectrogram: mode is psd, magnitude or complex here, not {mode!r}")
    x = numbers(x, "spectrogram")
    axis = axis_of(x, axis, "spectrogram")
    rows = last_axis(x, axis)[0]
    plan = _Plan(rows.shape[-1], window, nperseg, 0, nfft, x.dtype, "spectrogram")
    plan.overlap = plan.length // 8 if noverlap is None else int(noverlap)
    if plan.overlap >= plan.length:
        raise ValueError("spectrogram: noverlap must be less than nperseg.")
    frequencies, times, found = _frames(
        rows, fs, plan, detrend, return_onesided, scaling, mode, "spectrogram")  # fmt: skip
    return frequencies, times, moveaxis(found, -1, axis)


@_mirrors
def stft(
    x: Any, fs: Any = 1.0, window: Any = "hann", nperseg: Any = 256, noverlap: Any = None,
    nfft: Any = None, detrend: Any = False, return_onesided: bool = True,
    boundary: str | None = "zeros", padded: bool = True, axis: int = -1, scaling: str = "spectrum",
) -> tuple[Any, Any, Array]:  # fmt: skip
    """As `scipy.signal.stft`, with zeros (or nothing) around: the transform of each segment, by the
    signal, the window and the sampling rate.

    >>> f = lambda x: css.stft(x, window="boxcar", nperseg=2)[2][0, 1].real
    >>> cd.grad(f)(np.ones(4))
    array([0.5, 0.5, 0. , 0. ])
    """
    if boundary not in ("zeros", None) or scaling not in ("spectrum", "psd"):
        raise ValueError(f"stft: boundary={boundary!r}, scaling={scaling!r} have no derivative")
    x = numbers(x, "stft")
    axis = axis_of(x, axis, "stft")
    rows = last_axis(x, axis)[0]
    plan = _Plan(rows.shape[-1], window, nperseg, noverlap, nfft, x.dtype, "stft")
    n, around = plan.length, [(0, 0)] * (x.ndim - 1)
    edge = n // 2 if boundary else 0
    count = rows.shape[-1] + 2 * edge
    more = (-(count - n) % (n - plan.overlap)) % n if padded else 0
    rows = pad(rows, [*around, (edge, edge + more)])
    kind = "density" if scaling == "psd" else "spectrum"
    frequencies, times, found = _frames(
        rows, fs, plan, detrend, return_onesided, kind, "complex", "stft")  # fmt: skip
    return frequencies, times - (n / 2) / fs if boundary else times, moveaxis(found, -1, axis)


__all__.sort()
