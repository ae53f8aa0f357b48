"""`numpy.emath`: roots, logarithms and powers that become complex where they have to.

A real operand whose result is complex is converted before the function is called, as in NumPy;
which one that is decides a program that is being recorded. This file must not know derivatives. A
call adds one test of the values to that of the function.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff.numpy._common import ArrayLike, as_array, mirrors, of_parts, of_values

__all__ = ["arccos", "arcsin", "arctanh", "log", "log2", "log10", "logn", "power", "sqrt"]


def _negative(x: Any) -> Any:
    return np.asarray(bool((x < 0).any()))


def _beyond_one(x: Any) -> Any:
    return np.asarray(bool((np.abs(x) > 1).any()))


def _extended(x: ArrayLike) -> Array:
    """The operand, complex if some element is negative."""
    a = as_array(x)
    if a.dtype.kind == "c" or not bool(of_values(_negative, a)):
        return a
    return _core.cast(a, np.result_type(a.dtype, np.complex64))


@mirrors(np.emath.sqrt)
def sqrt(x: ArrayLike) -> Array:
    """As `numpy.emath.sqrt`: the root, complex where `x` is negative.

    >>> cd.grad(lambda x: cnp.emath.sqrt(x).imag)(-4.0)
    -0.25
    """
    return _core.sqrt(_extended(x))


@mirrors(np.emath.log)
def log(x: ArrayLike) -> Array:
    """As `numpy.emath.log`: the logarithm, complex where `x` is negative.

    >>> cd.grad(lambda x: cnp.emath.log(x).real)(-4.0)
    -0.25
    """
    return _core.log(_extended(x))


@mirrors(np.emath.log2)
def log2(x: ArrayLike) -> Array:
    """As `numpy.emath.log2`: to the base 2, complex where `x` is negative.

    >>> round(cd.grad(lambda x: cnp.emath.log2(x).real)(-1.0), 6)
    -1.442695
    """
    return _core.log2(_extended(x))


@mirrors(np.emath.log10)
def log10(x: ArrayLike) -> Array:
    """As `numpy.emath.log10`: to the base 10, complex where `x` is negative.

    >>> round(cd.grad(lambda x: cnp.emath.log10(x).real)(-1.0), 6)
    -0.434294
    """
    return _core.log10(_extended(x))


@mirrors(np.emath.logn)
def logn(n: ArrayLike, x: ArrayLike) -> Array:
    """As `numpy.emath.logn`: the logarithm of `x` to the base `n`, by both.

    >>> round(cd.grad(lambda x: cnp.emath.logn(2.0, x).real)(-1.0), 6)
    -1.442695
    """
    return _core.log(_extended(x)) / _core.log(_extended(n))


@mirrors(np.emath.power)
def power(x: ArrayLike, p: ArrayLike) -> Array:
    """As `numpy.emath.power`: a power, complex where `x` is negative, by both.

    >>> round(cd.grad(lambda p: cnp.emath.power(-1.0, p).imag)(1.0), 6)
    -3.141593
    """
    exponent = as_array(p)
    if exponent.dtype.kind in "iub" and bool(of_values(_negative, exponent)):
        exponent = _core.cast(exponent, float)
    return _core.power(_extended(x), exponent)


# Beyond one, the functions below are put together of real ones: their complex derivatives
# would have to tell apart the two sides of a branch cut, on which the operand lies.


def _joined(inside: Any, value: Array, real: Any, imag: Array) -> Array:
    """A value where the operand is inside of [-1, 1], a complex number outside."""
    return of_parts(_core.where(inside, value, real), _core.where(inside, 0.0, imag))


def _split(x: ArrayLike) -> tuple[Array, Any, Array, Array]:
    """A real operand that leaves [-1, 1], where it does not, and it inside and outside alone."""
    a = as_array(x)
    a = a if a.dtype.kind == "f" else _core.cast(a, float)
    inside = _core.less_equal(_core.absolute(a), 1.0)
    return a, inside, _core.where(inside, a, 0.0), _core.where(inside, 2.0, a)


def _is_plain(x: ArrayLike) -> bool:
    """Is the operand complex, or the result real?"""
    a = as_array(x)
    return a.dtype.kind == "c" or not bool(of_values(_beyond_one, a))


@mirrors(np.emath.arccos)
def arccos(x: ArrayLike) -> Array:
    """As `numpy.emath.arccos`, complex where abs(x) > 1.

    >>> round(cd.grad(lambda x: cnp.emath.arccos(x).imag)(1.25), 6)
    -1.333333
    """
    if _is_plain(x):
        return _core.arccos(x)
    a, inside, near, far = _split(x)
    real = (1.0 - _core.sign(a)) * (np.pi / 2)
    return _joined(inside, _core.arccos(near), real, -_core.arccosh(_core.absolute(far)))


@mirrors(np.emath.arcsin)
def arcsin(x: ArrayLike) -> Array:
    """As `numpy.emath.arcsin`, complex where abs(x) > 1.

    >>> round(cd.grad(lambda x: cnp.emath.arcsin(x).imag)(1.25), 6)
    1.333333
    """
    if _is_plain(x):
        return _core.arcsin(x)
    a, inside, near, far = _split(x)
    real = _core.sign(a) * (np.pi / 2)
    return _joined(inside, _core.arcsin(near), real, _core.arccosh(_core.absolute(far)))


@mirrors(np.emath.arctanh)
def arctanh(x: ArrayLike) -> Array:
    """As `numpy.emath.arctanh`, complex where abs(x) > 1.

    >>> round(cd.grad(lambda x: cnp.emath.arctanh(x).real)(2.0), 6)
    -0.333333
    """
    if _is_plain(x):
        return _core.arctanh(x)
    _, inside, near, far = _split(x)
    half_turn = 0.0 * far + np.pi / 2
    return _joined(inside, _core.arctanh(near), _core.arctanh(1.0 / far), half_turn)


def __dir__() -> list[str]:
    return sorted(__all__)
