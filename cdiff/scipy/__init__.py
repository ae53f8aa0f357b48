"""SciPy's names and signatures on arrays that are differentiated.

``import cdiff.scipy.special as csp`` and write SciPy: every function accepts an `Array` (and then
gives one, with its derivative), or plain numbers and ndarrays (and then it is SciPy's own function,
so that the values are SciPy's to the last bit). SciPy is an optional dependency, imported by the
submodules; this file only names them.

Examples
--------
>>> import cdiff as cd
>>> import cdiff.scipy
>>> round(cd.grad(cd.scipy.special.gamma)(3.0), 12)
1.845568670197
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cdiff.scipy import (
        fft,
        integrate,
        interpolate,
        linalg,
        ndimage,
        signal,
        sparse,
        spatial,
        special,
        stats,
    )

__all__ = [
    "fft",
    "integrate",
    "interpolate",
    "linalg",
    "ndimage",
    "signal",
    "sparse",
    "spatial",
    "special",
    "stats",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return import_module(f"cdiff.scipy.{name}")
    raise AttributeError(f"module 'cdiff.scipy' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
