"""`scipy.ndimage`: images at other places, and linear filters.

Names only: `_resample.py` has the transformations, by the image and by the places, `_filters.py`
the linear filters, by the image and by their weights, `_ranks.py` those that sort or compare. Other
names are SciPy's.

Examples
--------
>>> import numpy as np, cdiff as cd
>>> import cdiff.scipy.ndimage as csn
>>> a = np.array([0.0, 1.0, 4.0, 9.0])
>>> cd.grad(lambda c: csn.map_coordinates(a, [[c]], order=1)[0])(1.5)
3.0
"""

from __future__ import annotations

from typing import Any

from cdiff.scipy import _filters, _ranks, _resample
from cdiff.scipy._filters import *  # noqa: F403
from cdiff.scipy._need import scipy_module
from cdiff.scipy._others import other
from cdiff.scipy._ranks import *  # noqa: F403
from cdiff.scipy._resample import *  # noqa: F403

_ndimage = scipy_module("ndimage")

__all__: list[str] = sorted([*_filters.__all__, *_ranks.__all__, *_resample.__all__])


def __getattr__(name: str) -> Any:
    return other(_ndimage, "ndimage", name)


def __dir__() -> list[str]:
    return sorted(__all__)
