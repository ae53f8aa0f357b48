"""`numpy.fft`: the discrete Fourier transforms, and the shifts of their frequencies.

A transform of one axis or of several is one linear operator of the core, of complex or of real
numbers; what is here fits NumPy's arguments to it: lengths by zeros or by leaving numbers out,
axes, and where the factor 1 / n goes. This file must not know derivatives. A call adds two
conversions of arguments to NumPy's own time.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.fft import fftfreq, rfftfreq

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy._common import ArrayLike, as_array, axis_of, index_along, mirrors, store
from cdiff.numpy._shape import roll

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift",
    "ihfft", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip

LAST_TWO = (-2, -1)
OTHER_WAY = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def _norm(norm: Any, name: str) -> str:
    norm = "backward" if norm is None else norm
    if norm not in OTHER_WAY:
        raise ValueError(
            f'{name}: Invalid norm value {norm}; should be "backward","ortho" or "forward".'
        )
    return str(norm)


def of_length(a: Array, n: int, axis: int, name: str) -> Array:
    """Zeros behind the elements of an axis, or fewer of them."""
    if n < 1:
        raise ValueError(f"{name}: Invalid number of FFT data points ({n}) specified.")
    missing = n - a.shape[axis]
    if missing == 0:
        return a
    if missing < 0:
        return _core.index(a, index_along(axis, slice(0, n)))
    zeros = np.zeros([missing if k == axis else m for k, m in enumerate(a.shape)], a.dtype)
    return _core.concatenate([a, zeros], axis)


def _along(
    a: ArrayLike, n: Any, axis: Any, norm: Any, out: Any, inverse: bool, name: str
) -> Array:  # fmt: skip
    """A complex transform along one axis."""
    a, norm = as_array(a), _norm(norm, name)
    axis = axis_of(a, axis, name)
    a = of_length(a, a.shape[axis] if n is None else operator.index(n), axis, name)
    return _finished(_core.fft(a, (axis,), inverse, norm), out, name)


def _finished(result: Array, out: Any, name: str) -> Array:
    return result if out is None else store(out, result, name)


@mirrors(np.fft.fft)
def fft(a: ArrayLike, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Array:
    """As `numpy.fft.fft`: the transform along one axis.

    >>> cd.grad(lambda x: cnp.fft.fft(x)[1].real)(np.ones(4)).round(6) + 0.0
    array([ 1.,  0., -1.,  0.])
    """
    return _along(a, n, axis, norm, out, False, "fft")


@mirrors(np.fft.ifft)
def ifft(a: ArrayLike, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Array:
    """As `numpy.fft.ifft`: the inverse of `fft`.

    >>> cd.grad(lambda x: cnp.fft.ifft(x)[0].real)(np.ones(4))
    array([0.25, 0.25, 0.25, 0.25])
    """
    return _along(a, n, axis, norm, out, True, "ifft")


# --- real sequences -------------------------------------------------------------------------------


def _half(a: ArrayLike, n: Any, axis: Any, norm: str, name: str) -> Array:
    """The half spectrum of real numbers along an axis."""
    a = as_array(a)
    axis = axis_of(a, axis, name)
    if a.dtype.kind == "c":
        raise misfit(
            f"{name} takes real numbers, got dtype {a.dtype} of shape {a.shape}; use fft, or the "
            "real part",
            TypeError,
        )
    a = of_length(a, a.shape[axis] if n is None else operator.index(n), axis, name)
    return _core.rfft(a, axis, norm)


def _from_half(a: ArrayLike, n: Any, axis: Any, norm: str, name: str) -> Array:
    """The real numbers to a half spectrum along an axis."""
    a = as_array(a)
    axis = axis_of(a, axis, name)
    n = 2 * (a.shape[axis] - 1) if n is None else operator.index(n)
    if n < 1:
        raise ValueError(f"{name}: Invalid number of data points ({n}) specified.")
    return _core.irfft(of_length(a, n // 2 + 1, axis, name), axis, n, norm)


@mirrors(np.fft.rfft)
def rfft(a: ArrayLike, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Array:
    """As `numpy.fft.rfft`: the n // 2 + 1 nonnegative frequencies of n real numbers.

    >>> cd.grad(lambda x: cnp.fft.rfft(x)[0].real)(np.ones(4))
    array([1., 1., 1., 1.])
    """
    return _finished(_half(a, n, axis, _norm(norm, "rfft"), "rfft"), out, "rfft")


@mirrors(np.fft.irfft)
def irfft(a: ArrayLike, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Array:
    """As `numpy.fft.irfft`: the inverse of `rfft`, n real numbers.

    >>> cd.grad(lambda x: cnp.fft.irfft(x)[0])(np.ones(3))
    array([0.25, 0.5 , 0.25])
    """
    return _finished(_from_half(a, n, axis, _norm(norm, "irfft"), "irfft"), out, "irfft")


@mirrors(np.fft.hfft)
def hfft(a: ArrayLike, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Array:
    """As `numpy.fft.hfft`: n real numbers, the transform of half a hermitian signal.

    >>> cd.grad(lambda x: cnp.fft.hfft(x)[0])(np.ones(3))
    array([1., 2., 1.])
    """
    norm = OTHER_WAY[_norm(norm, "hfft")]
    return _finished(_from_half(_core.conj(as_array(a)), n, axis, norm, "hfft"), out, "hfft")


@mirrors(np.fft.ihfft)
def ihfft(a: ArrayLike, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Array:
    """As `numpy.fft.ihfft`: the inverse of `hfft`.

    >>> cd.grad(lambda x: cnp.fft.ihfft(x)[0].real)(np.ones(4))
    array([0.25, 0.25, 0.25, 0.25])
    """
    norm = OTHER_WAY[_norm(norm, "ihfft")]
    return _finished(_core.conj(_half(a, n, axis, norm, "ihfft")), out, "ihfft")


# --- several axes ---------------------------------------------------------------------------------


def lengths_of(a: Array, s: Any, axes: Any, name: str) -> tuple[list[Any], list[int]]:
    """A length (None: that of the array) for each of the axes."""
    if axes is None:
        axes = range(a.ndim) if s is None else range(-len(s), 0)
    axes = [axis_of(a, k, name) for k in axes]
    s = [None] * len(axes) if s is None else s
    if len(s) != len(axes):
        raise ValueError(f"{name}: Shape and axes have different lengths.")
    # -1 is the length of the array, also where the result would have another one without it.
    return [a.shape[k] if n == -1 else n for n, k in zip(s, axes, strict=True)], axes


def _along_all(
    a: ArrayLike, s: Any, axes: Any, norm: Any, out: Any, inverse: bool, name: str
) -> Array:  # fmt: skip
    """Complex transforms along several axes."""
    a, norm = as_array(a), _norm(norm, name)
    s, axes = lengths_of(a, s, axes, name)
    if len(set(axes)) < len(axes):
        for n, axis in zip(s[::-1], axes[::-1], strict=True):
            a = _along(a, n, axis, norm, None, inverse, name)
        return _finished(a, out, name)
    for n, axis in zip(s, axes, strict=True):
        a = of_length(a, a.shape[axis] if n is None else operator.index(n), axis, name)
    if not axes:
        return _finished(a, out, name)
    return _finished(_core.fft(a, tuple(axes), inverse, norm), out, name)


@mirrors(np.fft.fftn)
def fftn(
    a: ArrayLike, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None
) -> Array:  # fmt: skip
    """As `numpy.fft.fftn`: the transform along several axes.

    >>> cd.grad(lambda x: cnp.fft.fftn(x)[0, 0].real)(np.ones((1, 2)))
    array([[1., 1.]])
    """
    return _along_all(a, s, axes, norm, out, False, "fftn")


@mirrors(np.fft.ifftn)
def ifftn(
    a: ArrayLike, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None
) -> Array:  # fmt: skip
    """As `numpy.fft.ifftn`: the inverse of `fftn`.

    >>> cd.grad(lambda x: cnp.fft.ifftn(x)[0, 0].real)(np.ones((1, 2)))
    array([[0.5, 0.5]])
    """
    return _along_all(a, s, axes, norm, out, True, "ifftn")


@mirrors(np.fft.fft2)
def fft2(
    a: ArrayLike, s: Any = None, axes: Sequence[int] = LAST_TWO, norm: Any = None, out: Any = None
) -> Array:
    """As `numpy.fft.fft2`: the transform along two axes.

    >>> cd.grad(lambda x: cnp.fft.fft2(x)[0, 0].real)(np.ones((1, 2)))
    array([[1., 1.]])
    """
    return _along_all(a, s, axes, norm, out, False, "fft2")


@mirrors(np.fft.ifft2)
def ifft2(
    a: ArrayLike, s: Any = None, axes: Sequence[int] = LAST_TWO, norm: Any = None, out: Any = None
) -> Array:
    """As `numpy.fft.ifft2`: the inverse of `fft2`.

    >>> cd.grad(lambda x: cnp.fft.ifft2(x)[0, 0].real)(np.ones((1, 2)))
    array([[0.5, 0.5]])
    """
    return _along_all(a, s, axes, norm, out, True, "ifft2")


def _half_of_all(a: ArrayLike, s: Any, axes: Any, norm: Any, out: Any, name: str) -> Array:
    a, norm = as_array(a), _norm(norm, name)
    s, axes = lengths_of(a, s, axes, name)
    if not axes:
        raise misfit(f"{name}: at least one axis is needed, got shape {a.shape}", IndexError)
    if len(set(axes)) < len(axes):  # the lengths are those from before the transform of an axis
        s = [a.shape[k] if n is None else n for n, k in zip(s, axes, strict=True)]
    a = _half(a, s[-1], axes[-1], norm, name)
    return _along_all(a, s[:-1], axes[:-1], norm, out, False, name)


def _from_half_of_all(a: ArrayLike, s: Any, axes: Any, norm: Any, out: Any, name: str) -> Array:
    a, norm = as_array(a), _norm(norm, name)
    s, axes = lengths_of(a, s, axes, name)
    if not axes:
        raise misfit(f"{name}: at least one axis is needed, got shape {a.shape}", IndexError)
    a = _along_all(a, s[:-1], axes[:-1], norm, None, True, name)
    return _finished(_from_half(a, s[-1], axes[-1], norm, name), out, name)


@mirrors(np.fft.rfftn)
def rfftn(
    a: ArrayLike, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None
) -> Array:  # fmt: skip
    """As `numpy.fft.rfftn`: the transform of real numbers, half of it along the last axis.

    >>> cd.grad(lambda x: cnp.fft.rfftn(x)[0, 0].real)(np.ones((1, 2)))
    array([[1., 1.]])
    """
    return _half_of_all(a, s, axes, norm, out, "rfftn")


@mirrors(np.fft.rfft2)
def rfft2(
    a: ArrayLike, s: Any = None, axes: Sequence[int] = LAST_TWO, norm: Any = None, out: Any = None
) -> Array:
    """As `numpy.fft.rfft2`: as `rfftn`, along two axes.

    >>> cd.grad(lambda x: cnp.fft.rfft2(x)[0, 0].real)(np.ones((1, 2)))
    array([[1., 1.]])
    """
    return _half_of_all(a, s, axes, norm, out, "rfft2")


@mirrors(np.fft.irfftn)
def irfftn(
    a: ArrayLike, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None
) -> Array:  # fmt: skip
    """As `numpy.fft.irfftn`: the inverse of `rfftn`, real numbers.

    >>> cd.grad(lambda x: cnp.fft.irfftn(x)[0, 0])(np.ones((1, 2)))
    array([[0.5, 0.5]])
    """
    return _from_half_of_all(a, s, axes, norm, out, "irfftn")


@mirrors(np.fft.irfft2)
def irfft2(
    a: ArrayLike, s: Any = None, axes: Sequence[int] = LAST_TWO, norm: Any = None, out: Any = None
) -> Array:
    """As `numpy.fft.irfft2`: the inverse of `rfft2`, real numbers.

    >>> cd.grad(lambda x: cnp.fft.irfft2(x)[0, 0])(np.ones((1, 2)))
    array([[0.5, 0.5]])
    """
    return _from_half_of_all(a, s, axes, norm, out, "irfft2")


# --- frequencies ----------------------------------------------------------------------------------


@mirrors(np.fft.fftshift)
def fftshift(x: ArrayLike, axes: Any = None) -> Array:
    """As `numpy.fft.fftshift`: frequency 0 in the middle.

    >>> cd.grad(lambda x: cnp.fft.fftshift(x)[0])(np.ones(3))
    array([0., 0., 1.])
    """
    return _shifted(as_array(x), axes, 1)


@mirrors(np.fft.ifftshift)
def ifftshift(x: ArrayLike, axes: Any = None) -> Array:
    """As `numpy.fft.ifftshift`: the inverse of `fftshift`.

    >>> cd.grad(lambda x: cnp.fft.ifftshift(x)[0])(np.ones(3))
    array([0., 1., 0.])
    """
    return _shifted(as_array(x), axes, -1)


def _shifted(a: Array, axes: Any, direction: int) -> Array:
    axes = tuple(range(a.ndim)) if axes is None else axes if np.iterable(axes) else (axes,)
    return roll(a, [direction * (a.shape[k] // 2) for k in axes], tuple(axes))


def __dir__() -> list[str]:
    return sorted(__all__)
