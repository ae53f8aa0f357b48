"""`numpy.polynomial.polynomial`: series of powers, by points and by coefficients.

All that is special about this basis is its recurrence; the functions are made by `_basis.py`. Other
names are NumPy's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cdiff._core import any_array
from cdiff._face import misfit
from cdiff.numpy._common import NUMPY, ArrayLike, as_array
from cdiff.numpy._reduce import prod
from cdiff.numpy._shape import atleast_1d
from cdiff.numpy.polynomial._basis import Basis

BASIS = Basis(np.polynomial.polynomial, "poly", lambda k: (1.0, 0.0, 0.0))


def polyvalfromroots(x: ArrayLike, r: ArrayLike, tensor: bool = True) -> Any:
    """As `numpy.polynomial.polynomial.polyvalfromroots`: the product of x - r over the roots.

    >>> cd.grad(lambda x: cnp.polynomial.polynomial.polyvalfromroots(x, [1.0, 2.0]))(3.0)
    3.0
    """
    if not any_array(x, r):
        return NUMPY.polynomial.polynomial.polyvalfromroots(x, r, tensor)
    x, r = as_array(x), atleast_1d(as_array(r))
    if tensor:
        r = r.reshape(r.shape + (1,) * x.ndim)
    elif x.ndim and x.ndim >= r.ndim:
        raise misfit(
            f"polyvalfromroots: x.ndim must be < r.ndim when tensor == False, not {x.shape} and "
            f"{r.shape}"
        )
    return prod(x - r, axis=0)


FUNCTIONS = {**BASIS.functions(), "polyvalfromroots": polyvalfromroots}

__all__ = [*FUNCTIONS]


def __getattr__(name: str) -> Any:
    return FUNCTIONS[name] if name in FUNCTIONS else getattr(np.polynomial.polynomial, name)


def __dir__() -> list[str]:
    return sorted(__all__)
