"""NumPy's polynomial functions: coefficients from the highest power down.

Sums, products and Horner's scheme, composed of the core's operators. Two things are decided by
values and so are constant where one differentiates: how many leading zeros a polynomial has, and
the order of its roots. Roots are eigenvalues (see `_decompositions.py`) and must be real.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy._common import NUMPY, ArrayLike, any_order, as_array, mirrors
from cdiff.numpy._convolve import convolve
from cdiff.numpy._decompositions import eigenvalues, floating
from cdiff.numpy._least_squares import least_squares
from cdiff.numpy._linalg import outer, trace
from cdiff.numpy._shape import atleast_1d
from cdiff.numpy._values import flatnonzero

__all__ = [
    "poly", "polyadd", "polyder", "polydiv", "polyfit", "polyint", "polymul", "polysub", "polyval",
    "roots", "vander",
]  # fmt: skip


@mirrors(np.polyval)
@any_order
def polyval(p: ArrayLike, x: ArrayLike) -> Array:
    """As `numpy.polyval`: a polynomial's value, differentiable in the coefficients (highest first)
    and in `x`.

    >>> cd.grad(lambda x: cnp.polyval([1.0, 0.0, 2.0], x))(3.0)
    6.0
    """
    coefficients = as_array(p)
    point = as_array(x)
    if not coefficients.ndim:
        raise TypeError("polyval: the coefficients are a sequence, not one number")
    y: Any = _core.array(np.zeros(point.shape, point.dtype))
    for k in range(coefficients.shape[0]):
        y = y * point + _core.index(coefficients, k)
    return y


def _line(p: ArrayLike, name: str) -> Array:
    a = atleast_1d(as_array(p))
    if a.ndim != 1:
        raise misfit(f"{name}: Input must be a rank-1 array, not of shape {a.shape}")
    return a


def _leading(a: Array, n: int) -> Array:
    """With zeros before it, so that it has n coefficients."""
    missing = n - a.size
    return _core.concatenate([np.zeros(missing, a.dtype), a], 0) if missing > 0 else a


@mirrors(np.polyadd)
def polyadd(a1: ArrayLike, a2: ArrayLike) -> Array:
    """As `numpy.polyadd`: the sum of polynomials.

    >>> cd.grad(lambda p: cnp.polyadd(p, [1.0])[1])(np.ones(2))
    array([0., 1.])
    """
    a, b = _line(a1, "polyadd"), _line(a2, "polyadd")
    n = max(a.size, b.size)
    return _leading(a, n) + _leading(b, n)


@mirrors(np.polysub)
def polysub(a1: ArrayLike, a2: ArrayLike) -> Array:
    """As `numpy.polysub`: the difference of polynomials.

    >>> cd.grad(lambda p: cnp.polysub([1.0], p).sum())(np.ones(2))
    array([-1., -1.])
    """
    a, b = _line(a1, "polysub"), _line(a2, "polysub")
    n = max(a.size, b.size)
    return _leading(a, n) - _leading(b, n)


@mirrors(np.polymul)
def polymul(a1: ArrayLike, a2: ArrayLike) -> Array:
    """As `numpy.polymul`: the product of polynomials; leading zeros of the operands are dropped.

    >>> cd.grad(lambda p: cnp.polymul(p, p)[0])(np.array([3.0, 1.0]))
    array([6., 0.])
    """
    return convolve(_trimmed(_line(a1, "polymul")), _trimmed(_line(a2, "polymul")))


def _trimmed(a: Array) -> Array:
    """Without leading zeros, but with one coefficient at least."""
    places = flatnonzero(a)
    first = int(places[0]) if places.size else a.size - 1
    return _core.index(a, slice(first, None)) if first > 0 else a


@mirrors(np.polydiv)
def polydiv(u: ArrayLike, v: ArrayLike) -> tuple[Array, Array]:
    """As `numpy.polydiv`: quotient and remainder.

    >>> cd.grad(lambda p: cnp.polydiv(p, [2.0, 0.0])[0][0])(np.ones(2))
    array([0.5, 0. ])
    """
    a, b = _line(u, "polydiv") + 0.0, _line(v, "polydiv") + 0.0
    dtype = np.result_type(a.dtype, b.dtype)
    n = b.size
    lead = _core.index(b, 0)
    quotient = []
    rest = _core.cast(a, dtype)
    for _ in range(a.size - n + 1):
        d = _core.index(rest, 0) / lead
        quotient.append(d)
        head = _core.index(rest, slice(1, n)) - d * _core.index(b, slice(1, None))
        rest = _core.concatenate([head, _core.index(rest, slice(n, None))], 0)
    quotient = quotient or [_core.array(np.zeros((), dtype))]
    q = _core.concatenate([_core.reshape(d, (1,)) for d in quotient], 0)
    # NumPy keeps one coefficient, and drops those that are nothing but rounding.
    rest = rest if rest.size else _core.array(np.zeros(1, dtype))
    while rest.size > 1 and np.allclose(_core.index(rest, 0), 0, rtol=1e-14):
        rest = _core.index(rest, slice(1, None))
    return q, rest


@mirrors(np.polyder)
def polyder(p: ArrayLike, m: int = 1) -> Array:
    """As `numpy.polyder`: the coefficients of the derivative.

    >>> cd.grad(lambda p: cnp.polyder(p)[0])(np.ones(3))
    array([2., 0., 0.])
    """
    m = int(m)
    if m < 0:
        raise ValueError("polyder: Order of derivative must be positive (see polyint)")
    a = as_array(p)
    for _ in range(m):
        n = a.size - 1
        a = _core.index(a, slice(None, -1)) * np.arange(n, 0, -1)
    return a


@mirrors(np.polyint)
def polyint(p: ArrayLike, m: int = 1, k: ArrayLike = None) -> Array:
    """As `numpy.polyint`: the coefficients of an integral, differentiable in the constants `k` too.

    >>> cd.grad(lambda p: cnp.polyint(p)[0])(np.ones(2))
    array([0.5, 0. ])
    """
    m = int(m)
    if m < 0:
        raise ValueError("polyint: Order of integral must be positive (see polyder)")
    constants = _core.array(np.zeros(m)) if k is None else atleast_1d(as_array(k))
    if constants.size == 1 and m > 1:
        constants = constants * np.ones(m)
    if constants.size < m:
        raise ValueError("polyint: k must be a scalar or a rank-1 array of length 1 or >m.")
    a = as_array(p)
    for i in range(m):
        a = a / np.arange(a.size, 0, -1)
        a = _core.concatenate([a, _core.index(constants, slice(i, i + 1))], 0)
    return a


@mirrors(np.poly)
def poly(seq_of_zeros: ArrayLike) -> Array:
    """As `numpy.poly`: from zeros, or the characteristic polynomial of a square matrix.

    >>> cd.grad(lambda z: cnp.poly(z)[2])(np.array([2.0, 3.0]))
    array([3., 2.])
    """
    z = atleast_1d(as_array(seq_of_zeros))
    if z.shape == (0,):
        return _core.array(1.0)
    if z.ndim == 2 and z.shape[0] == z.shape[1] and z.shape[0]:
        return _characteristic(z)
    if z.ndim != 1:
        raise misfit(f"poly: input must be 1d or non-empty square 2d array, not {z.shape}")
    a = _core.array(np.ones(1, z.dtype if z.dtype.kind in "fc" else float))
    for k in range(z.size):
        zero = _core.index(z, slice(k, k + 1))
        shifted = _core.concatenate([np.zeros(1, a.dtype), a * zero], 0)
        a = _core.concatenate([a, np.zeros(1, a.dtype)], 0) - shifted
    return a


def _characteristic(a: Array) -> Array:
    """Coefficients of det(x I - A) by sums and products only (Faddeev and LeVerrier)."""
    n = a.shape[0]
    one = np.eye(n, dtype=a.dtype)
    product: Any = a
    coefficients: list[Any] = [np.ones((), a.dtype)]
    for k in range(1, n + 1):
        c = -trace(product) / k
        coefficients.append(c)
        product = _core.matmul(a, product + c * one)
    return _core.concatenate([_core.reshape(c, (1,)) for c in coefficients], 0)


@mirrors(np.roots)
def roots(p: ArrayLike) -> Array:
    """As `numpy.roots` where all roots are different, so that they have a derivative.

    >>> cd.grad(lambda p: cnp.roots(p)[0].real)(np.array([1.0, 0.0, -4.0])).round(6) + 0.0
    array([ 1.  , -0.5 ,  0.25])
    """
    a = _line(p, "roots")
    places = flatnonzero(a)
    if not places.size:
        return _core.array(np.zeros(0))
    zeros = a.size - int(places[-1]) - 1
    a = floating(_core.index(a, slice(int(places[0]), int(places[-1]) + 1)))
    found: Any = _core.array(np.zeros(0, a.dtype))
    n = a.size
    if n > 1:
        first = _core.index(a, slice(1, None)) / _core.index(a, slice(0, 1))
        below = np.eye(n - 1, k=-1, dtype=a.dtype)
        found = eigenvalues(_core.index_set(below, 0, -first), "roots", False)
    return _core.concatenate([found, np.zeros(zeros, found.dtype)], 0)


@mirrors(np.vander)
def vander(x: ArrayLike, N: int | None = None, increasing: bool = False) -> Array:
    """As `numpy.vander`: the powers of the elements as rows.

    >>> cd.grad(lambda x: cnp.vander(x, 3)[0, 0])(np.array([3.0, 1.0]))
    array([6., 0.])
    """
    a = as_array(x)
    if a.ndim != 1:
        raise misfit(f"vander: x must be a one-dimensional array or sequence, not {a.shape}")
    n = a.size if N is None else operator.index(N)
    if n < 0:
        raise ValueError(f"vander: negative dimensions are not allowed, N={n}")
    powers = np.arange(n) if increasing else np.arange(n - 1, -1, -1)
    a = _core.cast(a, np.result_type(a.dtype, int))
    return _core.power(_core.reshape(a, (a.size, 1)), powers.astype(a.dtype))


@mirrors(np.polyfit)
def polyfit(
    x: ArrayLike,
    y: ArrayLike,
    deg: int,
    rcond: float | None = None,
    full: bool = False,
    w: ArrayLike = None,
    cov: Any = False,
) -> Any:
    """As `numpy.polyfit`: the polynomial of least squares, differentiable in `x`, `y` and `w`.

    >>> cd.grad(lambda y: cnp.polyfit([0.0, 1.0, 2.0], y, 1)[0])(np.ones(3)).round(6) + 0.0
    array([-0.5,  0. ,  0.5])
    """
    order = int(deg) + 1
    at, right = as_array(x) + 0.0, as_array(y) + 0.0
    _check_fit(at, right, deg)
    rcond = at.size * float(NUMPY.finfo(at.dtype).eps) if rcond is None else rcond
    left = vander(at, order)
    if w is not None:
        weights = as_array(w) + 0.0
        if weights.shape != right.shape[:1]:
            raise misfit(
                f"polyfit: expected w of shape {right.shape[:1]}, not {weights.shape}", TypeError
            )
        column = _core.reshape(weights, (-1, 1))
        left = left * column
        right = right * (column if right.ndim == 2 else weights)
    # NumPy squares complex numbers too, and its singular values are those of this quotient.
    if left.dtype.kind == "c":
        scale = _core.sqrt(_core.sum(left * left, (0,), False))
    else:
        scale = _core.norm2(left, (0,), False)
    left = left / scale
    c, resids, rank, s = least_squares(left, right, rcond, "polyfit")
    c = (c.T / scale).T
    if rank != order and not full:
        warnings.warn("Polyfit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=3)
    if full:
        return c, resids, rank, s, rcond
    if not cov:
        return c
    base = _core.inv(_core.matmul(left.T, left)) / outer(scale, scale)
    factor: Any = 1.0
    if not (isinstance(cov, str) and cov == "unscaled"):
        if at.size <= order:
            raise ValueError("polyfit: the number of data points must exceed order to scale the "
                             "covariance matrix")  # fmt: skip
        factor = resids / (at.size - order)
    if right.ndim == 1:
        return c, base * factor
    return c, _core.reshape(base, (order, order, 1)) * factor


def _check_fit(x: Array, y: Array, deg: int) -> None:
    if deg < 0:
        raise ValueError("polyfit: expected deg >= 0")
    if x.ndim != 1:
        raise misfit(f"polyfit: expected 1D vector for x, not shape {x.shape}", TypeError)
    if x.size == 0:
        raise TypeError("polyfit: expected non-empty vector for x")
    if y.ndim < 1 or y.ndim > 2:
        raise misfit(f"polyfit: expected 1D or 2D array for y, not shape {y.shape}", TypeError)
    if x.shape[0] != y.shape[0]:
        raise misfit(f"polyfit: expected x and y to have same length, not {x.shape[0]} and "
                        f"{y.shape[0]}", TypeError)  # fmt: skip
