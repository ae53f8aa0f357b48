"""`scipy.spatial` with SciPy's names: `distance`.

Examples
--------
>>> import cdiff as cd
>>> import cdiff.scipy.spatial.distance as csd
>>> cd.grad(csd.sqeuclidean)(cd.array([1.0, 2.0]), [0.0, 0.0])
Array([2., 4.])
"""

from __future__ import annotations

from cdiff.scipy.spatial import distance

__all__ = ["distance"]


def __dir__() -> list[str]:
    return sorted(__all__)
