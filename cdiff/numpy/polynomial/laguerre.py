"""`numpy.polynomial.laguerre`: Laguerre series, by points and by coefficients.

All that is special about this basis is its recurrence; the functions are made by `_basis.py`. Other
names are NumPy's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cdiff.numpy.polynomial._basis import Basis

BASIS = Basis(
    np.polynomial.laguerre, "lag", lambda k: (-1 / (k + 1), (2 * k + 1) / (k + 1), k / (k + 1))
)
FUNCTIONS = BASIS.functions()

__all__ = [*FUNCTIONS]


def __getattr__(name: str) -> Any:
    return FUNCTIONS[name] if name in FUNCTIONS else getattr(np.polynomial.laguerre, name)


def __dir__() -> list[str]:
    return sorted(__all__)
