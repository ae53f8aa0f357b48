"""`scipy.signal.windows`: those with a parameter, by it. All others are SciPy's own constants.

Examples
--------
>>> import cdiff as cd
>>> import cdiff.scipy.signal as css
>>> cd.jacobian(lambda s: css.windows.gaussian(3, s))(1.0).round(6)
array([0.606531, 0.      , 0.606531])
"""

from __future__ import annotations

from functools import wraps
from inspect import signature
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff.scipy._language import FUNCTIONS
from cdiff.scipy._mirror import mirror_of, no_keywords
from cdiff.scipy._need import scipy_module

_windows = scipy_module("signal.windows")
__all__: list[str] = []
_mirror = mirror_of(_windows, __all__)


def _mirrors(f: Any) -> Any:
    """Also with SciPy's rule for lengths: a window of one element is 1, whatever its parameters."""
    form = signature(f)

    @wraps(f)
    def window(*args: Any, xp: Any = None, device: Any = None, **kwargs: Any) -> Array:
        no_keywords(f.__name__, xp=(xp, None), device=(device, None))
        try:
            given = form.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{f.__name__}: {error}") from None
        M = given.arguments["M"]
        if int(M) != M or M < 0:
            raise ValueError(f"{f.__name__}: the length M is a non-negative integer, not {M!r}")
        given.arguments["M"] = int(M)
        result: Array = f(*given.args, **given.kwargs)
        return result if M > 1 else _core.array(np.ones(int(M)))

    return _mirror(window)


def _places(M: int, sym: bool) -> Any:
    """0, 1, ... M - 1, and the length whose window is symmetric."""
    return np.arange(M), M if sym else M + 1


@_mirrors
def gaussian(M: int, std: Any, sym: bool = True) -> Array:
    """As `scipy.signal.windows.gaussian`, by std.

    >>> round(cd.grad(lambda s: css.windows.gaussian(3, s)[0])(1.0), 6)
    0.606531
    """
    k, length = _places(M, sym)
    result: Array = _core.exp(-0.5 * _core.square((k - 0.5 * (length - 1)) / std))
    return result


@_mirrors
def general_gaussian(M: int, p: Any, sig: Any, sym: bool = True) -> Array:
    """As `scipy.signal.windows.general_gaussian`, by p and sig.

    >>> round(cd.grad(lambda s: css.windows.general_gaussian(3, 1.0, s)[0])(1.0), 6)
    0.606531
    """
    k, length = _places(M, sym)
    distance = _core.absolute((k - 0.5 * (length - 1)) / sig)
    result: Array = _core.exp(-0.5 * _core.power(distance, 2 * p))
    return result


@_mirrors
def exponential(M: int, center: Any = None, tau: Any = 1.0, sym: bool = True) -> Array:
    """As `scipy.signal.windows.exponential`, by tau (and by center, for a window of the filter).

    >>> round(cd.grad(lambda t: css.windows.exponential(3, tau=t)[0])(1.0), 6)
    0.367879
    """
    k, length = _places(M, sym)
    if sym and center is not None:
        raise ValueError("If sym==True, center must be None.")
    center = 0.5 * (length - 1) if center is None else center
    result: Array = _core.exp(-_core.absolute(k - center) / tau)
    return result


@_mirrors
def kaiser(M: int, beta: Any, sym: bool = True) -> Array:
    """As `scipy.signal.windows.kaiser`, by beta.

    >>> round(cd.grad(lambda b: css.windows.kaiser(3, b)[0])(1.0), 6)
    -0.35258
    """
    k, length = _places(M, sym)
    if length == 1:
        return _core.array(np.ones(1))
    half = 0.5 * (length - 1)
    i0 = FUNCTIONS["i0"]
    result: Array = i0(beta * np.sqrt(1 - ((k - half) / half) ** 2)) / i0(beta)
    return result


@_mirrors
def general_cosine(M: int, a: Any, sym: bool = True) -> Array:
    """As `scipy.signal.windows.general_cosine`, by the coefficients.

    >>> cd.grad(lambda a: css.windows.general_cosine(3, a)[0])(np.ones(2))
    array([ 1., -1.])
    """
    _, length = _places(M, sym)
    angle = np.linspace(-np.pi, np.pi, length)[:M]
    total: Any = sum([a[j] * np.cos(j * angle) for j in range(len(a))])
    return total  # type: ignore[no-any-return]


@_mirrors
def general_hamming(M: int, alpha: Any, sym: bool = True) -> Array:
    """As `scipy.signal.windows.general_hamming`, by alpha.

    >>> cd.grad(lambda a: css.windows.general_hamming(3, a)[0])(0.5)
    2.0
    """
    return general_cosine(M, [alpha, 1.0 - alpha], sym)  # type: ignore[no-any-return]


__all__.sort()


def __getattr__(name: str) -> Any:
    if name.startswith("__") or not hasattr(_windows, name):
        raise AttributeError(f"module 'cdiff.scipy.signal.windows' has no attribute {name!r}")
    return getattr(_windows, name)


def __dir__() -> list[str]:
    return sorted(__all__)
