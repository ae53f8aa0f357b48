"""`scipy.special` with SciPy's names: functions that are differentiated by every argument for which
a derivative is known, to any order.

The elementwise ones are rows of tables (`_table_gamma.py`, `_table_bessel.py`, `_table_more.py`);
those with several outputs, with keywords or over axes are put together here from them. Asking for a
derivative by an order or a degree that counts raises a NotImplementedError that names the argument.
Plain arguments go to SciPy itself.

Examples
--------
>>> import cdiff as cd
>>> import cdiff.scipy.special as csp
>>> print(f"{cd.grad(csp.gammainc)(2.0, 1.0):.12f}")  # by the parameter
-0.276196045703
>>> print(f"{cd.grad(lambda x: csp.jv(2, x))(1.0):.12f}")
0.210243615881
"""

from __future__ import annotations

from functools import wraps
from math import comb as _comb
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import any_array
from cdiff._face import misfit
from cdiff._transformations._reverse import stop_gradient
from cdiff.numpy._common import HANDLERS, of_values
from cdiff.numpy._exponentials import log_softmax as _log_softmax
from cdiff.numpy._exponentials import logsumexp as _logsumexp
from cdiff.numpy._exponentials import softmax as _softmax
from cdiff.numpy._reduce import max as _max
from cdiff.numpy._reduce import sum as _sum
from cdiff.scipy import _complex_valued
from cdiff.scipy._complex_valued import *  # noqa: F403
from cdiff.scipy._examples import example
from cdiff.scipy._language import FUNCTIONS, OWN, ROWS, jointly
from cdiff.scipy._mirror import constant
from cdiff.scipy._need import scipy_module
from cdiff.scipy._others import other
from cdiff.scipy._rows import apply_row

_special = scipy_module("special")

__all__: list[str] = []


def _mirrors(f: Any) -> Any:
    """Calls without any `Array` go to SciPy's function of the same name, unchanged."""
    original = getattr(_special, f.__name__)

    @wraps(f)
    def mirror(*args: Any, **kwargs: Any) -> Any:
        if any_array(*args) or (kwargs and any_array(*kwargs.values())):
            return f(*args, **kwargs)
        return original(*args, **kwargs)

    __all__.append(f.__name__)
    HANDLERS[original] = mirror
    return mirror


def _several(name: str, count: int, args: str) -> Any:
    """A function with several outputs, each of which is a row."""

    def function(*given: Any) -> tuple[Any, ...]:
        return jointly(name, count, given)

    function.__name__ = function.__qualname__ = name
    first = f"lambda {args}: csp.{name}({args})[0]"
    function.__doc__ = f"As `scipy.special.{name}({args})`: a tuple of {count} results." + example(
        "special", name, first, args.count(",")
    )
    return _mirrors(function)


for _name, _row in ROWS.items():
    if _row.public and not _name.startswith("spherical"):
        globals()[_name] = FUNCTIONS[_name]
        HANDLERS[getattr(_special, _name)] = FUNCTIONS[_name]
        __all__.append(_name)

for _name, _function in OWN.items():

    def _own(x: Any, function: Any = _function) -> Any:
        return function(x)

    _own.__name__ = _own.__qualname__ = _name
    _own.__doc__ = f"As `scipy.special.{_name}(x)`; an operator of the core." + example(
        "special", _name, f"csp.{_name}", 0
    )
    globals()[_name] = _mirrors(_own)

for _name, _count, _args in (
    ("airy", 4, "x"), ("airye", 4, "x"), ("itairy", 4, "x"), ("itj0y0", 2, "x"),
    ("iti0k0", 2, "x"), ("it2j0y0", 2, "x"), ("it2i0k0", 2, "x"), ("shichi", 2, "x"),
    ("sici", 2, "x"), ("fresnel", 2, "x"), ("ellipj", 4, "u, m"),
    ("mathieu_cem", 2, "m, q, x"), ("mathieu_sem", 2, "m, q, x"), ("pbdv", 2, "v, x"),
    ("pbvv", 2, "v, x"), ("pbwa", 2, "a, x"),
):  # fmt: skip
    globals()[_name] = _several(_name, _count, _args)


# --- spherical Bessel functions, derivatives of Bessel functions ----------------------------------


def _spherical(kind: str) -> Any:
    name = f"spherical_{kind}n"
    row = ROWS[name]

    def function(n: Any, z: Any, derivative: bool = False) -> Any:
        y = apply_row(row, (n, z))
        return row.partial(1)(y, n, z) if derivative else y

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"As `scipy.special.{name}(n, z, derivative=False)`, by the argument z."
        + example("special", name, f"csp.{name}", 1)
    )
    return _mirrors(function)


for _kind in "jyik":
    globals()[f"spherical_{_kind}n"] = _spherical(_kind)


def _bessel_derivative(kind: str, sign: int, factor: float) -> Any:
    """Derivative n of a Bessel function by its recurrence, applied n times (DLMF 10.6.7)."""
    name, function = f"{kind}vp", FUNCTIONS[f"{kind}v"]

    def derivative(v: Any, z: Any, n: int = 1) -> Any:
        if n < 0:
            raise ValueError(f"{name}: n is an order of derivation, not {n}")
        terms = [sign**k * _comb(n, k) * function(v - n + 2 * k, z) for k in range(n + 1)]
        return (0.5 * factor) ** n * sum(terms)

    derivative.__name__ = derivative.__qualname__ = name
    derivative.__doc__ = (
        f"As `scipy.special.{name}(v, z, n=1)`: derivative n of {kind}v by z."
        + example("special", name, f"csp.{name}", 1)
    )
    return _mirrors(derivative)


for _kind, _sign, _factor in (("j", -1, 1.0), ("y", -1, 1.0), ("i", 1, 1.0), ("k", 1, -1.0)):
    globals()[f"{_kind}vp"] = _bessel_derivative(_kind, _sign, _factor)


# --- functions with keywords ----------------------------------------------------------------------


@_mirrors
def zeta(x: Any, q: Any = None, out: Any = None) -> Any:
    """As `scipy.special.zeta`: Riemann's and Hurwitz's function, by both arguments.

    >>> round(cd.grad(csp.zeta)(2.0, 1.0), 6)
    -0.937548
    """
    if out is not None:
        raise TypeError("zeta: out= cannot be used with cdiff arrays; assign the result instead")
    if q is None:
        return apply_row(ROWS["zeta_riemann"], (x,))
    return apply_row(ROWS["zeta_hurwitz"], (x, q))


@_mirrors
def lambertw(z: Any, k: int = 0, tol: float = 1e-8) -> Any:
    """As `scipy.special.lambertw`, real: the branches 0 (z >= -1/e) and -1 (-1/e <= z < 0).

    SciPy returns complex numbers, which have no derivative here: an `Array` gives an `Array` of the
    real values, nan where there is none.

    >>> cd.grad(csp.lambertw)(0.0)
    1.0
    """
    if any_array(k) or k not in (0, -1):
        raise ValueError(f"lambertw: only the branches k = 0 and k = -1 are real, not {k}")
    return apply_row(ROWS["lambertw_real"], (z, k))


# What SciPy's own functions of these names call, where an Array meets it.
for _name, _handler in (
    ("_riemann_zeta", zeta), ("_zeta", zeta), ("_lambertw", lambda z, k, tol: lambertw(z, k)),
):  # fmt: skip
    if hasattr(_special._ufuncs, _name):
        HANDLERS[getattr(_special._ufuncs, _name)] = _handler


@_mirrors
def multigammaln(a: Any, d: int) -> Any:
    """As `scipy.special.multigammaln(a, d)`: the logarithm of the gamma function of dimension d, by
    a.

    >>> round(cd.grad(csp.multigammaln)(3.0, 2), 6)
    1.625941
    """
    d = constant(d)
    if any_array(d) or int(d) != d or d < 1:
        raise misfit("multigammaln: d must be a positive integer (dimension), and is constant")
    if np.any(of_values(np.less_equal, a, 0.5 * (d - 1))):
        raise ValueError(f"multigammaln: condition a > 0.5 * (d-1) ({0.5 * (d - 1)}) not met")
    terms = [FUNCTIONS["gammaln"](a - 0.5 * j) for j in range(int(d))]
    return 0.25 * d * (d - 1) * np.log(np.pi) + sum(terms)


@_mirrors
def diric(x: Any, n: Any) -> Any:
    """As `scipy.special.diric(x, n)`, by x: a Chebyshev polynomial of cos(x / 2), so that the
    multiples of 2 pi are no special points.

    >>> round(cd.grad(csp.diric)(1.0, 3), 6)
    -0.560981
    """
    n = constant(n)
    if any_array(n):
        raise TypeError("diric: n counts, and has no derivative; give it as a plain number")
    whole = np.asarray(n) == np.floor(n)
    y = FUNCTIONS["eval_chebyu"](np.subtract(n, 1), _core.cos(0.5 * x)) / n
    return _core.where(whole & np.greater(n, 0), y, np.nan)


@_mirrors
def factorial(n: Any, exact: bool = False, extend: str = "zero") -> Any:
    """As `scipy.special.factorial(n)`: gamma(n + 1), 0 with derivative 0 for negative n.

    >>> round(cd.grad(csp.factorial)(3.0), 6)
    7.536706
    """
    if exact or extend != "zero":
        raise TypeError("factorial: exact= and extend= cannot be used with cdiff arrays")
    return _core.where(_core.less(n, 0), 0.0, FUNCTIONS["gamma"](n + 1))


@_mirrors
def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Any:
    """As `scipy.special.comb(N, k)`: binomial coefficients, by both arguments; 0 outside 0 <= k <=
    N.

    >>> round(cd.grad(csp.comb)(4.0, 2.0), 6)
    3.5
    """
    if exact:
        raise TypeError("comb: exact=True counts with integers, which have no derivative")
    if repetition:
        return FUNCTIONS["binom"](N + k - 1, k)
    return _between(k, N, FUNCTIONS["binom"](N, k))


@_mirrors
def perm(N: Any, k: Any, exact: bool = False) -> Any:
    """As `scipy.special.perm(N, k)`: N! / (N - k)!, by both arguments; 0 outside 0 <= k <= N.

    >>> round(cd.grad(csp.perm)(4.0, 2.0), 6)
    7.0
    """
    if exact:
        raise TypeError("perm: exact=True counts with integers, which have no derivative")
    return _between(k, N, FUNCTIONS["poch"](N - k + 1, k))


def _between(k: Any, N: Any, y: Any) -> Any:
    """y where 0 <= k <= N, and 0 elsewhere."""
    return _core.where(_core.less(k, 0), 0.0, _core.where(_core.greater(k, N), 0.0, y))


# --- over axes ------------------------------------------------------------------------------------


@_mirrors
def softmax(x: Any, axis: Any = None) -> Any:
    """As `scipy.special.softmax`: exp(x) divided by its sum over axes.

    >>> cd.grad(lambda x: csp.softmax(x)[0])(np.zeros(2))
    array([ 0.25, -0.25])
    """
    return _softmax(x, axis)


@_mirrors
def log_softmax(x: Any, axis: Any = None) -> Any:
    """As `scipy.special.log_softmax`: the logarithm of `softmax`, exact where that underflows.

    >>> cd.grad(lambda x: csp.log_softmax(x)[0])(np.zeros(2))
    array([ 0.5, -0.5])
    """
    return _log_softmax(x, axis)


@_mirrors
def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """As `scipy.special.logsumexp`: log(sum(b exp(a))) without overflow; the sign, where it is
    asked for, has no derivative.

    >>> cd.grad(csp.logsumexp)(np.zeros(2))
    array([0.5, 0.5])
    """
    if not return_sign:
        return _logsumexp(a, axis, b, keepdims)
    if any(np.asarray(_core.peek(z)).dtype.kind == "c" for z in (a, b)):
        found = _logsumexp(a, axis, b, keepdims)  # its imaginary part is an angle
        return _core.real(found), _core.exp(1j * _core.imag(found))
    if b is None:
        found = _logsumexp(a, axis, None, keepdims)
        return found, np.ones(found.shape, found.dtype)
    # The sign of the sum goes into the factors, so that the logarithm is one of a positive sum.
    terms = b * _core.exp(a - _max(a, axis=axis, keepdims=True))
    sign = stop_gradient(_core.sign(_sum(terms, axis=axis, keepdims=True)))
    found = _logsumexp(a, axis, b * sign, keepdims)
    return found, _core.reshape(sign, found.shape)


__all__ += _complex_valued.__all__
__all__.sort()


def __getattr__(name: str) -> Any:
    return other(_special, "special", name)


def __dir__() -> list[str]:
    return sorted(__all__)
