"""`numpy.polynomial.hermite`: Hermite series (physicists'), by points and by coefficients.

All that is special about this basis is its recurrence; the functions are made by `_basis.py`. Other
names are NumPy's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cdiff.numpy.polynomial._basis import Basis

BASIS = Basis(np.polynomial.hermite, "herm", lambda k: (2.0, 0.0, 2.0 * k))
FUNCTIONS = BASIS.functions()

__all__ = [*FUNCTIONS]


def __getattr__(name: str) -> Any:
    return FUNCTIONS[name] if name in FUNCTIONS else getattr(np.polynomial.hermite, name)


def __dir__() -> list[str]:
    return sorted(__all__)
