"""Frequency responses of filters in `scipy.signal`, by their coefficients.

A response is a quotient of two polynomials on a circle, or a product of such. It must not know how
a derivative is made.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from math import pi
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy._common import as_array, of_parts
from cdiff.scipy._mirror import mirror_of, no_keywords
from cdiff.scipy._need import scipy_module
from cdiff.scipy._samples import numbers

__all__: list[str] = []
_mirrors = mirror_of(scipy_module("signal"), __all__)


def _angles(worN: Any, whole: bool, fs: Any, include_nyquist: bool) -> Any:
    """Angles of frequencies."""
    if worN is None or np.ndim(worN) == 0:
        count = 512 if worN is None else int(worN)
        end = 2 * pi if whole else pi
        return np.linspace(0, end, count, endpoint=include_nyquist and not whole)
    return as_array(worN) * (2 * pi / fs)


def _polynomial(c: Array, w: Any) -> Array:
    """sum(c[k] * exp(-1j * k * w)) over all k."""
    shape = np.shape(w)
    angle = _core.reshape(as_array(w), (*shape, 1)) * np.arange(float(c.size))
    waves = of_parts(_core.cos(angle), -_core.sin(angle))
    waves = _core.cast(waves, np.result_type(c.dtype, np.complex64))
    return _core.sum(waves * c, (len(shape),), False)


@_mirrors
def freqz(
    b: Any, a: Any = 1, worN: Any = 512, whole: bool = False, plot: Any = None, fs: Any = 2 * pi,
    include_nyquist: bool = False,
) -> tuple[Any, Array]:  # fmt: skip
    """As `scipy.signal.freqz`: the response of a filter at frequencies, by the coefficients, which
    are vectors, and by the frequencies.

    >>> cd.grad(lambda b: abs(css.freqz(b, worN=[0.0])[1][0]))(np.ones(3))
    array([1., 1., 1.])
    """
    no_keywords("freqz", plot=(plot, None))
    b, a = (_core.reshape(c, (1,)) if c.ndim == 0 else c
            for c in (numbers(b, "freqz"), numbers(a, "freqz")))  # fmt: skip
    if b.ndim != 1 or a.ndim != 1:
        raise misfit(f"freqz: b and a are vectors here, got shapes {b.shape} and {a.shape}")
    w = _angles(worN, whole, fs, include_nyquist)
    if type(w) is not Array:
        w = w.astype(np.result_type(b.dtype, a.dtype).char.lower())
    return w * (fs / (2 * pi)), _polynomial(b, w) / _polynomial(a, w)


def _of_sections(
    sos: Any, worN: Any = 512, whole: bool = False, fs: Any = 2 * pi
) -> tuple[Any, Array]:
    sos = numbers(sos, "freqz_sos")
    if sos.ndim != 2 or sos.shape[1] != 6:
        raise misfit(f"freqz_sos: sos must have shape (n_sections, 6), not {sos.shape}")
    w, y = freqz(as_array(sos[0, :3]), sos[0, 3:], worN, whole, fs=fs)
    for k in range(1, sos.shape[0]):
        y = y * freqz(as_array(sos[k, :3]), sos[k, 3:], worN, whole, fs=fs)[1]
    return w, y


for _name in ("freqz_sos", "sosfreqz"):
    if hasattr(scipy_module("signal"), _name):

        def _made(*args: Any, **kwargs: Any) -> tuple[Any, Array]:
            return _of_sections(*args, **kwargs)

        _made.__name__ = _made.__qualname__ = _name
        _made.__doc__ = (
            f"As `scipy.signal.{_name}`: the response of sections of second order at frequencies, "
            "by the sections and the frequencies.\n\n"
            f">>> f = lambda s: abs(css.{_name}(s, [0.0])[1][0])\n"
            ">>> cd.grad(f)(np.array([[1.0, 1.0, 0.0, 1.0, 0.0, 0.0]]))\n"
            "array([[ 1.,  1.,  1., -2., -2., -2.]])"
        )
        globals()[_name] = _mirrors(_made)

__all__.sort()
