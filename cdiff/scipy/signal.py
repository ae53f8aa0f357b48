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

import operator
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, call
from cdiff._face import misfit
from cdiff._transformations._mapped import PointCallee
from cdiff.numpy._common import as_array, axes_of, axis_of, listed_axes, of_values
from cdiff.numpy._pad import pad
from cdiff.numpy.fft import fftn, ifftn, irfftn, rfftn
from cdiff.scipy import _periodograms, _ranks, _responses, _samples
from cdiff.scipy import _windows as windows
from cdiff.scipy._linear import Bilinear
from cdiff.scipy._mirror import mirror_of
from cdiff.scipy._need import scipy_module
from cdiff.scipy._others import other
from cdiff.scipy._periodograms import *  # noqa: F403
from cdiff.scipy._ranks import medfilt, medfilt2d, order_filter  # noqa: F401
from cdiff.scipy._responses import *  # noqa: F403
from cdiff.scipy._samples import *  # noqa: F403
from cdiff.scipy._samples import last_axis, smoothed
from cdiff.scipy._samples import numbers as _numbers

_signal = scipy_module("signal")
__all__: list[str] = ["windows"]
_mirrors = mirror_of(_signal, __all__)
_keeps_integers = mirror_of(_signal, __all__, keeps_integers=True)


def _flipped(x: Array) -> Array:
    return x[(slice(None, None, -1),) * x.ndim]


# --- convolution ----------------------------------------------------------------------------------


class Convolution(Bilinear):
    """The convolution of two arrays with as many axes: "full", or "valid" where the first is as
    large as the second in every axis. Each mode is the other's adjoint: no sum is made in vain."""

    def __init__(self, method: str, mode: str = "full") -> None:
        self.method = method
        self.mode = mode

    def __repr__(self) -> str:
        return "convolve"

    def __reduce__(self) -> Any:
        return Convolution, (self.method, self.mode)

    def value(self, arrays: list[Any]) -> Any:
        return _signal.convolve(*arrays, mode=self.mode, method=self.method)

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        a, b = operands
        full, valid = (Convolution(self.method, mode) for mode in ("full", "valid"))
        if self.mode == "full":
            return [call(valid, [g, _flipped(b)]) if wanted[0] else None,
                    call(valid, [g, _flipped(a)]) if wanted[1] else None]  # fmt: skip
        return [call(full, [g, _flipped(b)]) if wanted[0] else None,
                _flipped(call(valid, [a, _flipped(g)])) if wanted[1] else None]  # fmt: skip


def _convolved(in1: Any, in2: Any, mode: str, method: str, name: str) -> Array:
    a, b = _numbers(in1, name), _numbers(in2, name)
    if a.ndim != b.ndim:
        raise misfit(f"{name}: shapes {a.shape} and {b.shape} have other numbers of axes")
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"{name}: mode is full, same or valid, not {mode!r}")
    if not a.ndim:
        return a * b
    wide, narrow = (a, b) if a.size >= b.size else (b, a)
    if mode == "valid" and narrow.size and all(map(operator.ge, wide.shape, narrow.shape)):
        return call(Convolution(method, "valid"), [wide, narrow])
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


@_keeps_integers
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


@_keeps_integers
def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Array:
    """As `scipy.signal.correlate`: in any number of axes, by both.

    >>> cd.grad(lambda x: css.correlate(x, [1.0, 2.0])[1])(np.ones(3))
    array([1., 2., 0.])
    """
    turned = _flipped(_core.conj(_numbers(in2, "correlate")))
    return _convolved(in1, turned, mode, method, "correlate")


# --- analytic signals -----------------------------------------------------------------------------


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


# --- filters there and back -----------------------------------------------------------------------


@_mirrors
def lfilter_zi(b: Any, a: Any) -> Array:
    """As `scipy.signal.lfilter_zi`: the state of a filter that has answered a step for ever, by the
    coefficients, of which a[0] is not 0.

    >>> cd.grad(lambda a: css.lfilter_zi([1.0], cnp.array([1.0, -a]))[0])(0.5)
    4.0
    """
    b, a = _numbers(b, "lfilter_zi"), _numbers(a, "lfilter_zi")
    if b.ndim != 1 or a.ndim != 1:
        raise misfit(f"lfilter_zi: b and a are vectors, got shapes {b.shape} and {a.shape}")
    n = max(b.size, a.size)
    if n < 2:
        raise misfit("lfilter_zi: The length of `a` along the last axis must be at least 2.")
    b, a = (pad(c / a[0], (0, n - c.size)) for c in (b, a))
    rest = b[1:] - a[1:] * b[0]
    first = _core.sum(rest) / _core.sum(a)
    return _core.cumsum(a[:-1], 0) * first - _core.cumsum(pad(rest[:-1], (1, 0)), 0)


@_mirrors
def sosfilt_zi(sos: Any) -> Array:
    """As `scipy.signal.sosfilt_zi`: the states of sections that have answered a step for ever.

    >>> cd.grad(lambda a: css.sosfilt_zi(cnp.array([[1.0, 0, 0, 1.0, -a, 0]]))[0, 0])(0.5)
    4.0
    """
    sos, states = _numbers(sos, "sosfilt_zi"), []
    scale: Any = 1.0
    if sos.ndim != 2 or sos.shape[1] != 6:
        raise misfit(f"sosfilt_zi: sos must have shape (n_sections, 6), not {sos.shape}")
    for k in range(sos.shape[0]):
        b, a = sos[k, :3], sos[k, 3:]
        states.append(_core.reshape(scale * lfilter_zi(b, a), (1, 2)))
        scale = scale * (_core.sum(b) / _core.sum(a))
    return _core.concatenate(states, 0)


def _extended(x: Array, kind: str | None, count: int) -> Array:
    """The signal, along its last axis, with as many samples more at both ends."""
    if not count:
        return x
    first, last = x[..., :1], x[..., -1:]
    before, after = x[..., count:0:-1], x[..., -2 : -count - 2 : -1]
    if kind == "odd":
        before, after = 2.0 * first - before, 2.0 * last - after
    elif kind == "constant":
        before, after = (_core.broadcast_to(v, before.shape) for v in (first, last))
    return _core.concatenate([before, x, after], x.ndim - 1)


def _there_and_back(
    run: Any, x: Any, axis: int, padtype: Any, padlen: Any, usual: int, name: str
) -> Array:
    """A filter over the extended signal, once in each direction."""
    x = _numbers(x, name)
    axis = axis_of(x, axis, name)
    if padtype not in ("even", "odd", "constant", None):
        raise ValueError(f"{name}: padtype is 'even', 'odd', 'constant' or None, not {padtype!r}")
    n, edge = x.shape[axis], 0 if padtype is None else usual if padlen is None else int(padlen)
    if not 0 <= edge < n:
        raise ValueError(f"{name}: padlen={edge} needs a signal that is longer, not one of {n}")
    rows, back = last_axis(x, axis)
    y = _extended(rows, padtype, edge)
    for _ in range(2):
        y = run(y, y[..., :1])[..., ::-1]
    return back(y[..., edge : edge + n])


@_mirrors
def filtfilt(
    b: Any, a: Any, x: Any, axis: int = -1, padtype: str | None = "odd", padlen: Any = None,
    method: str = "pad", irlen: Any = None,
) -> Array:  # fmt: skip
    """As `scipy.signal.filtfilt` with its method "pad": a filter there and back, without delay, by
    the signal and the coefficients.

    >>> cd.grad(lambda x: css.filtfilt([0.5, 0.5], [1.0], x, padtype=None)[1])(np.ones(3))
    array([0.25, 0.5 , 0.25])
    """
    if method != "pad":
        raise ValueError(f"filtfilt: the method of cdiff arrays is 'pad', not {method!r}")
    given = [_core.reshape(c, (c.size,)) if c.ndim == 0 else c
             for c in (_numbers(b, "filtfilt"), _numbers(a, "filtfilt"))]  # fmt: skip
    count = max([c.size for c in given])
    zi: Any = lfilter_zi(*given) if count > 1 else None

    def run(v: Array, first: Array) -> Any:
        return lfilter(*given, v, zi=zi * first)[0] if count > 1 else lfilter(*given, v)

    return _there_and_back(run, x, axis, padtype, padlen, 3 * count, "filtfilt")


@_mirrors
def sosfiltfilt(
    sos: Any, x: Any, axis: int = -1, padtype: str | None = "odd", padlen: Any = None
) -> Array:
    """As `scipy.signal.sosfiltfilt`: sections of second order there and back, by the signal and the
    sections.

    >>> half = [[0.5, 0.5, 0.0, 1.0, 0.0, 0.0]]
    >>> cd.grad(lambda x: css.sosfiltfilt(half, x, padtype=None)[1])(np.ones(3))
    array([0.25, 0.5 , 0.25])
    """
    sos = _numbers(sos, "sosfiltfilt")
    zi = sosfilt_zi(sos)
    count = sos.shape[0]
    trimmed = min([sum([bool(of_values(_is_zero, sos[k, j])) for k in range(count)])
                   for j in (2, 5)])  # fmt: skip

    def run(v: Array, first: Array) -> Any:
        states = _core.reshape(zi, (count, *(1,) * (v.ndim - 1), 2))
        return sosfilt(sos, v, zi=states * first)[0]

    usual = 3 * (2 * count + 1 - trimmed)
    return _there_and_back(run, x, axis, padtype, padlen, usual, "sosfiltfilt")


@_mirrors
def decimate(
    x: Any, q: int, n: int | None = None, ftype: str = "iir", axis: int = -1,
    zero_phase: bool = True,
) -> Array:  # fmt: skip
    """As `scipy.signal.decimate`, by filters of its own: each q-th sample of the smoothed signal.

    >>> cd.grad(lambda x: css.decimate(x, 2, 4, "fir")[1])(np.ones(4)).round(2)
    array([0.  , 0.2 , 0.59, 0.2 ])
    """
    if ftype not in ("iir", "fir"):
        raise NotImplementedError("decimate: of Arrays ftype is 'iir' or 'fir'")
    x, q = _numbers(x, "decimate"), operator.index(q)
    axis = axis_of(x, axis, "decimate")
    if ftype == "fir":
        return smoothed(x, q, n, axis, zero_phase)
    sos = _signal.cheby1(8 if n is None else n, 0.05, 0.8 / q, output="sos").astype(x.dtype)
    y = (sosfiltfilt if zero_phase else sosfilt)(sos, x, axis=axis)
    return y[(slice(None),) * axis + (slice(None, None, q),)]


def _is_zero(x: Any) -> Any:
    return x == 0


SMOOTHED = {"mirror": "reflect", "constant": "constant", "nearest": "edge", "wrap": "wrap"}


@_mirrors
def savgol_filter(
    x: Any, window_length: int, polyorder: int, deriv: int = 0, delta: Any = 1.0, axis: int = -1,
    mode: str = "interp", cval: Any = 0.0,
) -> Array:  # fmt: skip
    """As `scipy.signal.savgol_filter`: the polynomial of least squares in each window, or its
    derivative, by the signal and by the step.

    >>> cd.grad(lambda x: css.savgol_filter(x, 3, 1)[1])(np.ones(4)).round(6)
    array([0.333333, 0.333333, 0.333333, 0.      ])
    """
    x, w = _numbers(x, "savgol_filter"), int(window_length)
    if x.dtype.kind == "c":
        raise TypeError("savgol_filter: SciPy drops the imaginary part; smooth x.real and x.imag")
    axis = axis_of(x, axis, "savgol_filter")
    if mode not in (*SMOOTHED, "interp"):
        raise ValueError(f"savgol_filter: mode is interp or {', '.join(SMOOTHED)}, not {mode!r}")
    rows, back = last_axis(x, axis)
    weights = _signal.savgol_coeffs(w, polyorder, deriv).reshape((1,) * (x.ndim - 1) + (-1,))
    weights = weights.astype(x.dtype)
    if mode == "interp":
        if w > rows.shape[-1]:
            raise ValueError("savgol_filter: in mode 'interp' the window must fit into the signal")
        ends = _signal.savgol_filter(np.eye(w), w, polyorder, deriv, axis=0).astype(x.dtype)
        half = w // 2
        middle = _convolved(rows, weights, "valid", "direct", "savgol_filter")
        left = _core.matmul(rows[..., :w], np.ascontiguousarray(ends[:half].T))
        right = _core.matmul(rows[..., -w:], np.ascontiguousarray(ends[w - half :].T))
        # With an even window the last of the middle is fitted, too.
        y = _core.concatenate([left, middle[..., 1 - w % 2 :], right], x.ndim - 1)
    else:
        around = [(0, 0)] * (x.ndim - 1) + [((w - 1) // 2, w // 2)]
        values = {"constant_values": cval} if mode == "constant" else {}
        whole = pad(rows, around, SMOOTHED[mode], **values)
        y = _convolved(whole, weights, "valid", "direct", "savgol_filter")
    return back(y / delta**deriv if deriv else y)


@_mirrors
def deconvolve(signal: Any, divisor: Any) -> tuple[Array, Array]:
    """As `scipy.signal.deconvolve`: quotient and remainder of a division of polynomials, by both.

    >>> cd.grad(lambda x: css.deconvolve(x, [2.0, 1.0])[0][1])(np.ones(3))
    array([-0.25,  0.5 ,  0.  ])
    """
    num, den = _numbers(signal, "deconvolve"), _numbers(divisor, "deconvolve")
    if num.ndim != 1 or den.ndim != 1:
        raise misfit(f"deconvolve: two vectors are needed, not {num.shape} and {den.shape}")
    if den.size > num.size:
        return num[:0], num
    step = np.zeros(num.size - den.size + 1)
    step[0] = 1.0
    quotient = lfilter(num, den, step)
    return quotient, num - _convolved(den, quotient, "full", "auto", "deconvolve")


# --- images, and other rates ----------------------------------------------------------------------


BOUNDARIES = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}


def _in_plane(
    in1: Any, in2: Any, mode: str, boundary: str, fillvalue: Any, name: str, turned: bool
) -> Array:
    a, b = _numbers(in1, name), _numbers(in2, name)
    if a.ndim != 2 or b.ndim != 2:
        raise misfit(f"{name}: both are images, got shapes {a.shape} and {b.shape}")
    if mode not in ("full", "same", "valid") or boundary not in BOUNDARIES:
        raise ValueError(
            f"{name}: mode is full, same or valid, boundary {', '.join(BOUNDARIES)}; not {mode!r} "
            f"and {boundary!r}"
        )
    swapped = mode == "valid" and any(n < m for n, m in zip(a.shape, b.shape, strict=True))
    a, b = (b, a) if swapped else (a, b)
    b = _flipped(_core.conj(b)) if turned else b
    if mode != "valid":
        values = {"constant_values": fillvalue} if boundary == "fill" else {}
        around = [(m - 1, m - 1) for m in b.shape]
        shape, a = a.shape, pad(a, around, BOUNDARIES[boundary], **values)
    y = _convolved(a, b, "valid", "direct", name)
    if mode == "same":
        starts = [m // 2 if turned else (m - 1) // 2 for m in b.shape]
        y = y[tuple([slice(k, k + n) for k, n in zip(starts, shape, strict=True)])]
    return _flipped(y) if swapped and turned else y


@_keeps_integers
def convolve2d(
    in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0
) -> Array:
    """As `scipy.signal.convolve2d`: of two images, by both and by the value around the first.

    >>> cd.grad(lambda x: css.convolve2d(x, [[1.0, 2.0]], "same", "wrap")[0, 0])(np.ones((1, 3)))
    array([[1., 0., 2.]])
    """
    return _in_plane(in1, in2, mode, boundary, fillvalue, "convolve2d", False)


@_keeps_integers
def correlate2d(
    in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0
) -> Array:
    """As `scipy.signal.correlate2d`: of two images, by both and by the value around the first.

    >>> cd.grad(lambda x: css.correlate2d(x, [[1.0, 2.0]], "valid")[0, 0])(np.ones((1, 3)))
    array([[1., 2., 0.]])
    """
    return _in_plane(in1, in2, mode, boundary, fillvalue, "correlate2d", True)


@_mirrors
def wiener(im: Any, mysize: Any = None, noise: Any = None) -> Array:
    """As `scipy.signal.wiener`: nearer to the local mean, the less the local variance exceeds the
    noise; by the image and the noise.

    >>> cd.grad(lambda x: css.wiener(x, 3, 9.0)[1])(np.ones(3)).round(6)
    array([0.333333, 0.333333, 0.333333])
    """
    x = _numbers(im, "wiener")
    sizes = [3 if mysize is None else mysize] * x.ndim if np.ndim(mysize) == 0 else list(mysize)
    ones = np.full(sizes, 1.0 / np.prod(sizes))
    mean = correlate(x, ones, "same")
    variance = correlate(x * x, ones, "same") - mean * mean
    noise = _core.sum(variance) / variance.size if noise is None else noise
    inside = _core.less(variance, noise)
    factor = 1.0 - noise / _core.where(inside, 1.0, variance)
    return _core.where(inside, mean, mean + (x - mean) * factor)


__all__ += [*_samples.__all__, *_periodograms.__all__, *_ranks.OF_SIGNALS, *_responses.__all__]
__all__.sort()


def __getattr__(name: str) -> Any:
    return other(_signal, "signal", name)


def __dir__() -> list[str]:
    return sorted(__all__)
