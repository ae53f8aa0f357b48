"""Elementwise functions beside those of the operator table: parts, exponents, Bessel's I0.

Each is composed of the table's operators, so it must not know a derivative. What is whole (an
integer part, an exponent) has derivative 0 or none.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy._common import ArrayLike, any_order, as_array, mirrors, of_values
from cdiff.numpy._gufuncs import of_ufunc

__all__ = [
    "angle", "conj", "conjugate", "fabs", "float_power", "frexp", "i0", "kaiser", "ldexp", "modf",
    "real_if_close",
]  # fmt: skip


@of_ufunc(np.conjugate)
def conjugate(x: ArrayLike, /) -> Array:
    """As `numpy.conjugate`: imaginary parts with the other sign.

    >>> cd.grad(lambda x: cnp.conjugate(1j * x).imag)(2.0)
    -1.0
    """
    a = as_array(x)
    if a.dtype.kind == "b":
        a = _core.cast(a, np.int8)  # as NumPy's ufunc
    return _core.conj(a) if a.dtype.kind == "c" else _core.positive(a)


conj = conjugate


@mirrors(np.real_if_close)
def real_if_close(a: ArrayLike, tol: float = 100) -> Array:
    """As `numpy.real_if_close`: real where all imaginary parts are tiny; a program being recorded
    decides by them.

    >>> cnp.real_if_close(cd.array([2.0 + 0.0j]))
    Array([2.])
    """
    a = as_array(a)
    if a.dtype.kind != "c":
        return a
    return a.real if bool(of_values(_is_real, a, tol)) else a


def _is_real(a: Any, tol: float) -> Any:
    return np.asarray(not np.iscomplexobj(np.real_if_close(a, tol)))


@mirrors(np.angle)
@any_order
def angle(z: ArrayLike, deg: bool = False) -> Array:
    """As `numpy.angle`: the argument of complex numbers; 0 or pi for real ones, with derivative 0.

    >>> cd.grad(lambda x: cnp.angle(1.0 + 1j * x))(0.0)
    1.0
    """
    z = as_array(z)
    if z.dtype.kind == "c":
        turn = _core.arctan2(_core.imag(z), _core.real(z))
        return _core.rad2deg(turn) if deg else turn
    result = of_values(np.angle, as_array(z), deg)
    return as_array(result if type(result) is Array else np.asarray(result))


@of_ufunc(np.fabs)
def fabs(x: ArrayLike, /) -> Array:
    """As `numpy.fabs`: absolute values of real numbers, as floats.

    >>> cd.grad(cnp.fabs)(-2.0)
    -1.0
    """
    a = as_array(x)
    if a.dtype.kind == "c":
        raise misfit(
            f"fabs is not defined for complex numbers, shape {a.shape}; use abs", TypeError
        )
    if a.dtype.kind != "f":
        a = _core.cast(a, np.promote_types(a.dtype, np.float32))
    return _core.absolute(a)


@of_ufunc(np.float_power)
def float_power(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """As `numpy.float_power`: a power in float64 at least.

    >>> cd.grad(cnp.float_power)(3.0, 2)
    6.0
    """
    x1, x2 = as_array(x1), as_array(x2)
    if not x1.dtype.char == x2.dtype.char == "d":
        wide = np.result_type(x1.dtype, x2.dtype, float)
        x1, x2 = _core.cast(x1, wide), _core.cast(x2, wide)
    return _core.power(x1, x2)


@of_ufunc(np.modf)
def modf(x: ArrayLike, /) -> tuple[Array, Array]:
    """As `numpy.modf`: fractional part, and whole part, whose derivative is 0.

    >>> cd.grad(lambda x: cnp.modf(x)[0])(2.5)
    1.0
    """
    a = as_array(x)
    a = _core.cast(a, np.promote_types(a.dtype, np.float32))
    whole = _core.trunc(a)
    return _core.where(np.isinf(a), 0.0, a - whole), whole


@of_ufunc(np.ldexp)
def ldexp(x1: ArrayLike, x2: Any, /) -> Array:
    """As `numpy.ldexp`: x1 * 2**x2, differentiable in `x1`.

    >>> cd.grad(lambda x: cnp.ldexp(x, 3))(1.5)
    8.0
    """
    a = as_array(x1)
    a = _core.cast(a, np.promote_types(a.dtype, np.float32))
    # Two factors: one alone may be out of range where the result is not.
    half, rest = of_values(_halves, x2, a.dtype)
    return _core.where(of_values(_stays, a), a, a * half * rest)


def _stays(a: Any) -> Any:
    return (a == 0) | ~np.isfinite(a)


def _halves(exponents: Any, dtype: Any) -> tuple[Any, Any]:
    whole = np.asarray(exponents)
    if whole.dtype.kind not in "iub":
        raise misfit(f"ldexp: exponents must be integers, not {whole.dtype}", TypeError)
    half = whole // 2
    one = np.ones((), dtype)
    return np.ldexp(one, half), np.ldexp(one, whole - half)


@of_ufunc(np.frexp)
def frexp(x: ArrayLike, /) -> tuple[Array, Any]:
    """As `numpy.frexp`: mantissas, and exponents, which are plain integers.

    >>> cd.grad(lambda x: cnp.frexp(x)[0])(5.0)
    0.125
    """
    a = as_array(x)
    a = _core.cast(a, np.promote_types(a.dtype, np.float32))
    exponents = of_values(_exponents, a)
    return ldexp(a, -exponents), exponents


def _exponents(a: Any) -> Any:
    return np.asarray(np.frexp(a)[1])


# I0(x) = mean of cosh(x cos t) over a quarter turn. The midpoint rule converges faster than any
# power: its error is I_4n(x) / I0(x), below 1e-19 with n = 64 for all x that do not overflow, and
# as a sum of positive terms it has the rounding of one of them. So do all its derivatives.
NODES = np.cos(np.pi * (np.arange(64) + 0.5) / 128)


@mirrors(np.i0)
def i0(x: ArrayLike) -> Array:
    """As `numpy.i0`, the modified Bessel function of order 0.

    >>> round(cd.grad(cnp.i0)(1.0), 6)
    0.565159
    """
    a = as_array(x)
    a = a if a.dtype.kind == "f" else _core.cast(a, float)
    terms = _core.cosh(_core.reshape(a, (*a.shape, 1)) * NODES.astype(a.dtype))
    return _core.sum(terms, (a.ndim,), False) / len(NODES)


@mirrors(np.kaiser)
def kaiser(M: int, beta: ArrayLike) -> Array:
    """As `numpy.kaiser`: a window, differentiable in `beta`.

    >>> round(cd.grad(lambda b: cnp.kaiser(4, b)[0])(2.0), 6)
    -0.306097
    """
    if M < 1:
        return _core.array(np.zeros(0))
    if M == 1:
        return _core.array(np.ones(1))
    alpha = (M - 1) / 2.0
    beta = as_array(beta)
    height = np.sqrt(np.maximum(1 - ((np.arange(M) - alpha) / alpha) ** 2.0, 0.0))
    return i0(beta * height) / i0(beta)
