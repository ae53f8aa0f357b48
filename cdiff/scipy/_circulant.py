"""`scipy.linalg.solve_circulant`: systems whose rows are one vector, turned, by Fourier transforms.

A composition of the transforms of `cdiff.numpy.fft` and a quotient; it must not know matrices. It
costs n log n where the general solver costs n cubed.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy._common import as_array, axis_of, of_values
from cdiff.numpy.fft import fft, ifft
from cdiff.scipy._mirror import mirror_of
from cdiff.scipy._need import scipy_module

_linalg = scipy_module("linalg")
__all__: list[str] = []
_mirrors = mirror_of(_linalg, __all__)


@_mirrors
def solve_circulant(
    c: Any, b: Any, singular: str = "raise", tol: Any = None, caxis: int = -1, baxis: int = 0,
    outaxis: int = 0,
) -> Array:  # fmt: skip
    """As `scipy.linalg.solve_circulant`, by both, through Fourier transforms."""
    c, b = as_array(c), as_array(b)
    c, b = (_core.reshape(x, (1,)) if x.ndim == 0 else x for x in (c, b))
    c = _last(c, axis_of(c, caxis, "solve_circulant"))
    b = _last(b, axis_of(b, baxis, "solve_circulant"))
    n = c.shape[-1]
    if b.shape[-1] != n:
        raise misfit(f"solve_circulant: shapes of c {c.shape} and b {b.shape}, along their last "
                     "axes, do not fit")  # fmt: skip
    modes = fft(c)
    none = of_values(_no_modes, modes, tol)
    if np.any(none) and singular != "lstsq":
        raise np.linalg.LinAlgError("solve_circulant: near singular circulant matrix.")
    x = ifft(_core.where(none, 0.0, fft(b) / _core.where(none, 1.0, modes)))
    if "c" not in (c.dtype.kind, b.dtype.kind):
        x = _core.real(x)
    order = [*range(x.ndim - 1)]
    order.insert(outaxis % x.ndim, x.ndim - 1)
    return _core.transpose(x, order)


def _last(x: Array, axis: int) -> Array:
    return _core.transpose(x, [*[k for k in range(x.ndim) if k != axis], axis])


def _no_modes(modes: Any, tol: Any) -> Any:
    """Which modes count as zero, along the last axis."""
    size = np.abs(modes)
    if tol is None:
        tol = size.max(-1, keepdims=True) * modes.shape[-1] * np.finfo(float).eps
    return size <= tol
