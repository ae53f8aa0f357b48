"""`scipy.signal`: convolutions, filters, detrending and windows, by signals and coefficients.

Convolution and filtering are operators with SciPy's values; everything else is put together from
them. Plain arguments go to SciPy itself, and names without a derivative are SciPy's.

Examples
--------
>>> import cdiff as cd
>>> import cdiff.scipy.signal as css
>>> css.lfilter([1.0], cd.array([1.0, -0.5]), [1.0, 0.0, 0.0])
Array([1.  , 0.5 , 0.25])
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, call
from cdiff._face import misfit
from cdiff._mapped import PointCallee
from cdiff.numpy._common import as_array, axes_of, axis_of, listed_axes, of_values
from cdiff.numpy.fft import fft, fftn, ifft, ifftn, irfftn, rfftn
from cdiff.scipy import _windows as windows
from cdiff.scipy._linear import Bilinear
from cdiff.scipy._mirror import mirror_of
from cdiff.scipy._need import scipy_module
from cdiff.scipy._others import other

_signal = scipy_module("signal")
__all__: list[str] = ["windows"]
_mirrors = mirror_of(_signal, __all__)


def _flipped(x: Array) -> Array:
    return x[(slice(None, None, -1),) * x.ndim]


def _numbers(x: Any, name: str) -> Array:
    """Real or complex numbers, some."""
    x = as_array(x)
    if x.size == 0:
        raise misfit(f"{name}: an operand has no elements: shape {x.shape}")
    return x if x.dtype.kind in "fc" else _core.cast(x, float)


# --- convolution ----------------------------------------------------------------------------------


class Convolution(Bilinear):
    """The full convolution of two arrays with as many axes."""

    def __init__(self, method: str) -> None:
        self.method = method

    def __repr__(self) -> str:
        return "convolve"

    def __reduce__(self) -> Any:
        return Convolution, (self.method,)

    def value(self, arrays: list[Any]) -> Any:
        return _signal.convolve(*arrays, mode="full", method=self.method)

    def back(self, g: Array, other: Array, shape: tuple[int, ...]) -> Array:
        """The transposed product: where the other operand, turned round, lies inside g."""
        whole = call(self, [g, _flipped(other)])
        return whole[tuple([slice(m - 1, m - 1 + n)
                            for m, n in zip(other.shape, shape, strict=True)])]  # fmt: skip

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        a, b = operands
        return [self.back(g, b, a.shape) if wanted[0] else None,
                self.back(g, a, b.shape) if wanted[1] else None]  # fmt: skip


def _convolved(in1: Any, in2: Any, mode: str, method: str, name: str) -> Array:
    a, b = _numbers(in1, name), _numbers(in2, name)
    if a.ndim != b.ndim:
        raise misfit(f"{name}: shapes {a.shape} and {b.shape} have other numbers of axes")
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"{name}: mode is full, same or valid, not {mode!r}")
    if not a.ndim:
        return a * b
    whole = call(Convolution(method), [a, b])
    return _part(whole, a.shape, b.shape, tuple(range(a.ndim)), mode, name)


def _part(
    whole: Array, a: tuple[int, ...], b: tuple[int, ...], axes: tuple[int, ...], mode: str,
    name: str,
) -> Array:  # fmt: skip
    """What a mode keeps of a full convolution of operands of these shapes, along axes."""
    if mode == "full":
        return whole
    pairs = [(a[k], b[k]) for k in axes]
    if mode == "same":
        starts = [(w - n) // 2 for w, n in zip(whole.shape, a, strict=True)]
        return whole[tuple([slice(k, k + n) for k, n in zip(starts, a, strict=True)])]
    if not (all(n >= m for n, m in pairs) or all(n <= m for n, m in pairs)):
        raise ValueError(
            f"{name}: for mode='valid' one operand must be as large as the other in every axis, "
            f"got {a} and {b}"
        )
    key = [slice(None)] * len(a)
    for k, (n, m) in zip(axes, pairs, strict=True):
        key[k] = slice(min(n, m) - 1, max(n, m))
    return whole[tuple(key)]


def _convolved_along(in1: Any, in2: Any, mode: str, axes: Any, name: str) -> Array:
    """By Fourier transforms over some axes; the others are broadcast."""
    a, b = _numbers(in1, name), _numbers(in2, name)
    if a.ndim != b.ndim or a.ndim == 0 or mode not in ("full", "same", "valid"):
        return _convolved(a, b, mode, "fft", name)
    axes = axes_of(a, listed_axes(axes), name)
    if not axes:
        raise ValueError(f"{name}: axes cannot be empty")
    # An axis of length one is broadcast, too.
    axes = tuple([k for k in axes if 1 not in (a.shape[k], b.shape[k])])
    if len(axes) == a.ndim:
        return _convolved(a, b, mode, "fft", name)
    rest = [(n, m) for k, (n, m) in enumerate(zip(a.shape, b.shape, strict=True)) if k not in axes]
    if any(n != m and 1 not in (n, m) for n, m in rest):
        raise misfit(f"{name}: shapes {a.shape} and {b.shape} differ outside the axes {axes}")
    if not axes:
        return _part(a * b, a.shape, b.shape, axes, mode, name)
    lengths = [a.shape[k] + b.shape[k] - 1 for k in axes]
    real = "c" not in (a.dtype.kind, b.dtype.kind)
    there, back = (rfftn, irfftn) if real else (fftn, ifftn)
    whole = back(there(a, lengths, axes) * there(b, lengths, axes), lengths, axes)
    return _part(whole, a.shape, b.shape, axes, mode, name)


@_mirrors
def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Array:
    """As `scipy.signal.convolve`: in any number of axes, by both.

    >>> cd.grad(lambda x: css.convolve(x, [1.0, 2.0])[1])(np.ones(3))
    array([2., 1., 0.])
    """
    return _convolved(in1, in2, mode, method, "convolve")


@_mirrors
def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Array:
    """As `scipy.signal.fftconvolve`: as `convolve`, by transforms, by both.

    >>> cd.grad(lambda x: css.fftconvolve(x, [1.0, 2.0])[1])(np.ones(3)).round(6) + 0.0
    array([2., 1., 0.])
    """
    return _convolved_along(in1, in2, mode, axes, "fftconvolve")


@_mirrors
def oaconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Array:
    """As `scipy.signal.oaconvolve`: as `convolve`, in blocks, by both.

    >>> cd.grad(lambda x: css.oaconvolve(x, [1.0, 2.0])[1])(np.ones(3)).round(6) + 0.0
    array([2., 1., 0.])
    """
    return _convolved_along(in1, in2, mode, axes, "oaconvolve")


@_mirrors
def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Array:
    """As `scipy.signal.correlate`: in any number of axes, by both.

    >>> cd.grad(lambda x: css.correlate(x, [1.0, 2.0])[1])(np.ones(3))
    array([1., 2., 0.])
    """
    turned = _flipped(_core.conj(_numbers(in2, "correlate")))
    return _convolved(in1, turned, mode, method, "correlate")


# --- analytic signals -----------------------------------------------------------------------------


@_mirrors
def hilbert(x: Any, N: int | None = None, axis: int = -1) -> Array:
    """As `scipy.signal.hilbert`: the analytic signal of real numbers.

    >>> cd.grad(lambda x: css.hilbert(x)[0].imag)(np.ones(4)).round(6) + 0.0
    array([ 0. , -0.5,  0. ,  0.5])
    """
    x = _numbers(x, "hilbert")
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


# --- filters --------------------------------------------------------------------------------------


class Filter(PointCallee):
    """y with sum(a[k] * y[n-k]) = sum(b[k] * x[n-k]) along the last axis."""

    def __repr__(self) -> str:
        return "lfilter"

    def __reduce__(self) -> Any:
        return Filter, ()

    def value(self, arrays: list[Any]) -> Any:
        return _signal.lfilter(*arrays, axis=-1)

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        b, a, x = operands
        one = np.ones(1, y.dtype)
        w = _reversed(call(self, [one, a, _reversed(g)]))
        by_x = _reversed(call(self, [b, one, _reversed(w)])) if wanted[2] else None
        return [_lagged(w, x, b.size) if wanted[0] else None,
                -_lagged(w, y, a.size) if wanted[1] else None, by_x]  # fmt: skip

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        b, a, x = operands
        tb, ta, tx = tangents
        one = np.ones(1, y.dtype)
        terms = [] if tb is None else [call(self, [tb, one, x])]
        terms += [] if ta is None else [-call(self, [ta, one, y])]
        terms += [] if tx is None else [call(self, [b, one, tx])]
        return call(self, [one, a, sum(terms[1:], terms[0])])


def _reversed(x: Array) -> Array:
    return x[..., ::-1]


def _lagged(w: Array, x: Array, count: int) -> Array:
    """sum(w[n] * x[n - k]) over all n, for each k below count."""
    n = x.shape[-1]
    sums = [_core.sum(w[..., k:] * x[..., : n - k]) if k < n else _core.sum(0.0 * w[..., :0])
            for k in range(count)]  # fmt: skip
    return _core.concatenate([_core.reshape(s, (1,)) for s in sums], 0)


@_mirrors
def lfilter(b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """As `scipy.signal.lfilter`: a recursive filter, by the signal, the coefficients and the state
    before it.

    >>> cd.grad(lambda a: css.lfilter([1.0], cnp.array([1.0, -a]), [1.0, 0.0, 0.0])[2])(0.5)
    1.0
    """
    given = [_numbers(c, "lfilter") for c in (b, a, x)]
    given += [] if zi is None else [as_array(zi)]
    kind = np.result_type(*[c.dtype for c in given])
    b, a, x, *states = [_core.cast(c, kind) for c in given]
    b, a = (_core.reshape(c, (1,)) if c.ndim == 0 else c for c in (b, a))
    if b.ndim != 1 or a.ndim != 1:
        raise misfit(f"lfilter: b and a are vectors, got shapes {b.shape} and {a.shape}")
    axis = axis_of(x, axis, "lfilter")
    last = axis == x.ndim - 1
    perm = [k for k in range(x.ndim) if k != axis] + [axis]
    there = (lambda v: v) if last else (lambda v: _core.transpose(v, perm))
    back = (lambda v: v) if last else (lambda v: _core.transpose(v, np.argsort(perm).tolist()))
    if not states:
        return back(call(Filter(), [b, a, there(x)]))
    order, state = max(b.size, a.size) - 1, states[0]
    expected = tuple([order if k == axis else n for k, n in enumerate(x.shape)])
    pairs = zip(state.shape, expected, strict=False)
    if state.ndim != x.ndim or any(m not in (1, n) for m, n in pairs):
        raise misfit(f"lfilter: zi has shape {state.shape}, but {expected} is needed")
    y, end = _from_state(b, a, there(x), there(_core.broadcast_to(state, expected)))
    return back(y), back(end)


def _from_state(b: Array, a: Array, x: Array, state: Array) -> tuple[Array, Array]:
    """The filtered signal and the state behind it, along the last axis.

    A state is what is left of all sums of b * x - a * y when x and y go on with zeros.
    """
    b, a = b / a[0], a / a[0]
    n, order, one = x.shape[-1], state.shape[-1], np.ones(1, x.dtype)
    zeros = np.zeros((*x.shape[:-1], n + order), x.dtype)
    left = _core.index_set(zeros, (..., slice(0, order)), state)
    y = call(Filter(), [b, a, x]) + call(Filter(), [one, a, left[..., :n]])
    for signal, coefficients, sign in ((x, b, 1.0), (y, a, -1.0)):
        longer = _core.index_set(zeros, (..., slice(0, n)), signal)
        left = left + sign * call(Filter(), [coefficients, one, longer])
    return y, left[..., n:]


def _not_one(x: Any) -> Any:
    return x != 1


@_mirrors
def sosfilt(sos: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """As `scipy.signal.sosfilt`: sections of second order, by the signal, the sections and the
    state before it.

    >>> cd.grad(lambda x: css.sosfilt([[1.0, 0.0, 0.0, 1.0, -0.5, 0.0]], x)[1])(np.ones(2))
    array([0.5, 1. ])
    """
    sos, y = _numbers(sos, "sosfilt"), _numbers(x, "sosfilt")
    sos = _core.reshape(sos, (1, sos.size)) if sos.ndim == 1 else sos
    if sos.ndim != 2 or sos.shape[1] != 6:
        raise misfit(f"sosfilt: sos must have shape (n_sections, 6), not {sos.shape}")
    if np.any(of_values(_not_one, sos[:, 3])):
        raise ValueError("sosfilt: sos[:, 3] should be all ones")
    axis = axis_of(y, axis, "sosfilt")
    needed = (sos.shape[0], *[2 if k == axis else n for k, n in enumerate(y.shape)])
    if zi is not None and np.shape(zi) != needed:
        raise misfit(f"sosfilt: zi has shape {np.shape(zi)}, but {needed} is needed")
    if zi is None:
        for k in range(sos.shape[0]):
            y = lfilter(sos[k, :3], sos[k, 3:], y, axis)
        return y
    ends = []
    for k in range(sos.shape[0]):
        y, end = lfilter(sos[k, :3], sos[k, 3:], y, axis, as_array(zi)[k])
        ends.append(_core.reshape(end, (1, *end.shape)))
    return y, _core.concatenate(ends, 0)


@_mirrors
def detrend(
    data: Any, axis: int = -1, type: str = "linear", bp: Any = 0, overwrite_data: bool = False
) -> Array:
    """As `scipy.signal.detrend`: without the mean or the straight line of least squares.

    >>> cd.grad(lambda x: css.detrend(x, type="constant")[0])(np.ones(4))
    array([ 0.75, -0.25, -0.25, -0.25])
    """
    x = _numbers(data, "detrend")
    axis = axis_of(x, axis, "detrend")
    n = x.shape[axis]
    if type in ("constant", "c"):
        projection = np.full((n, n), 1.0 / n)
    elif type in ("linear", "l"):
        edges = np.unique(np.concatenate([[0], np.ravel(bp), [n]])).astype(int)
        if edges[-1] > n or edges[0] < 0:
            raise ValueError(f"detrend: breakpoints {bp} must lie in the axis of length {n}")
        projection = np.zeros((n, n))
        for start, stop in pairwise(edges):
            basis = np.stack([np.ones(stop - start), np.arange(stop - start) + 1.0], axis=1)
            q = np.linalg.qr(basis)[0]
            projection[start:stop, start:stop] = q @ q.T
    else:
        raise ValueError("Trend type must be 'linear' or 'constant'.")
    perm = [k for k in range(x.ndim) if k != axis] + [axis]
    rows = _core.transpose(x, perm)
    trend = _core.matmul(rows, projection.astype(x.dtype))
    return _core.transpose(rows - trend, np.argsort(perm).tolist())


__all__.sort()


def __getattr__(name: str) -> Any:
    return other(_signal, "signal", name)


def __dir__() -> list[str]:
    return sorted(__all__)
