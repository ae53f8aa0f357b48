"""`numpy.polynomial.hermite_e`: Hermite series (probabilists'), by points and by coefficients.

All that is special about this basis is its recurrence; the functions are made by `_basis.py`. Other
names are NumPy's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cdiff.numpy.polynomial._basis import Basis

BASIS = Basis(np.polynomial.hermite_e, "herme", lambda k: (1.0, 0.0, float(k)))
FUNCTIONS = BASIS.functions()

__all__ = [*FUNCTIONS]


def __getattr__(name: str) -> Any:
    return FUNCTIONS[name] if name in FUNCTIONS else getattr(np.polynomial.hermite_e, name)


def __dir__() -> list[str]:
    return sorted(__all__)
