"""Special functions of real arguments whose values are complex: Hankel functions, Faddeeva's, and
spherical harmonics.

Real and imaginary part are rows of the tables, from which the derivatives come. It knows these rows
by name, and no derivative.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array
from cdiff.numpy._common import as_array, of_parts
from cdiff.scipy._language import FUNCTIONS
from cdiff.scipy._mirror import constant, mirror_of
from cdiff.scipy._need import scipy_module

__all__: list[str] = []
_special = scipy_module("special")
_mirrors = mirror_of(_special, __all__)


def _real(x: Any, name: str) -> Array:
    x = as_array(x)
    if x.dtype.kind == "c":
        raise TypeError(f"{name}: of cdiff arrays it takes real numbers only")
    return x if x.dtype.kind == "f" else _core.cast(x, float)


def _as_scipys(y: Array, f: Any, *operands: Any) -> Array:
    """A result in the dtype of SciPy's, which in single precision depends on its version."""
    return _core.cast(y, f(*[np.ones((), x.dtype) for x in operands]).dtype)


def _hankel(kind: int, scaled: bool) -> Any:
    name, sign = f"hankel{kind}{'e' if scaled else ''}", 1.0 if kind == 1 else -1.0

    def function(v: Any, z: Any) -> Array:
        v, z = _real(v, name), _real(z, name)
        y = of_parts(FUNCTIONS["jv"](v, z), sign * FUNCTIONS["yv"](v, z))
        return y * of_parts(_core.cos(z), -sign * _core.sin(z)) if scaled else y

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"As `scipy.special.{name}(v, z)` of real numbers: jv(v, z) {'+' if kind == 1 else '-'} "
        f"1j * yv(v, z){f' times exp({-sign:g}j * z)' if scaled else ''}, by both.\n\n"
        f">>> round(cd.grad(lambda z: abs(csp.{name}(0.0, z)) ** 2)(1.0), 4)\n-0.5356"
    )
    return _mirrors(function)


for _kind in (1, 2):
    for _scaled in (False, True):
        globals()[f"hankel{_kind}{'e' if _scaled else ''}"] = _hankel(_kind, _scaled)


@_mirrors
def wofz(z: Any) -> Array:
    """As `scipy.special.wofz` of real numbers: exp(-z**2) and Dawson's integral, which is its
    imaginary part.

    >>> round(cd.grad(lambda z: csp.wofz(z).imag)(0.0), 4)
    1.1284
    """
    z = _real(z, "wofz")
    y = of_parts(_core.exp(-z * z), FUNCTIONS["dawsn"](z) * (2.0 / np.sqrt(np.pi)))
    return _as_scipys(y, _special.wofz, z)


def sph_harm_y(n: Any, m: Any, theta: Any, phi: Any, *, diff_n: int = 0) -> Array:
    """As `scipy.special.sph_harm_y`: the spherical harmonic of degree n and order m, by the polar
    angle theta and the azimuth phi.

    >>> round(cd.grad(lambda t: csp.sph_harm_y(1, 0, t, 0.3).real)(0.5), 4)
    -0.2342
    """
    n, m = constant(n), constant(m)
    if any_array(n, m) or diff_n:
        raise TypeError("sph_harm_y: n and m count, and diff_n is 0: differentiate the function")
    theta, phi = _real(theta, "sph_harm_y"), _real(phi, "sph_harm_y")
    n, m = np.asarray(n), np.asarray(m)
    order = np.abs(m)
    log_ratio = _special.gammaln(n - order + 1.0) - _special.gammaln(n + order + 1.0)
    known = (order <= n) & (n >= 0)
    size = np.exp(0.5 * np.where(known, log_ratio, 0.0)) * np.sqrt((2 * n + 1) / (4 * np.pi))
    size = np.where(known, size, 0.0) * np.where((m < 0) & (order % 2 == 1), -1.0, 1.0)
    y = FUNCTIONS["lpmv"](order, n, _core.cos(theta)) * size
    y = of_parts(y * _core.cos(m * phi), y * _core.sin(m * phi))
    return _as_scipys(y, _special.sph_harm_y, np.intp(0), np.intp(0), theta, phi)


if hasattr(_special, "sph_harm_y"):
    sph_harm_y = _mirrors(sph_harm_y)

__all__.sort()
