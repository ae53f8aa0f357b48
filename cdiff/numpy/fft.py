"""`numpy.fft` as far as results are real: shifts of the frequencies, and the frequencies.

The transforms themselves give complex numbers, which cdiff does not differentiate yet; they raise
an error on tracked arrays that says so.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.fft import fftfreq, rfftfreq

from cdiff._core import Array
from cdiff.numpy._common import ArrayLike, as_array, mirrors
from cdiff.numpy._shape import roll

__all__ = ["fftfreq", "fftshift", "ifftshift", "rfftfreq"]


@mirrors(np.fft.fftshift)
def fftshift(x: ArrayLike, axes: Any = None) -> Array:
    """As `numpy.fft.fftshift`."""
    return _shifted(as_array(x), axes, 1)


@mirrors(np.fft.ifftshift)
def ifftshift(x: ArrayLike, axes: Any = None) -> Array:
    """As `numpy.fft.ifftshift`."""
    return _shifted(as_array(x), axes, -1)


def _shifted(a: Array, axes: Any, direction: int) -> Array:
    axes = tuple(range(a.ndim)) if axes is None else axes if np.iterable(axes) else (axes,)
    return roll(a, [direction * (a.shape[k] // 2) for k in axes], tuple(axes))
