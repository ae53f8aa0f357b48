"""Derivatives by parameters that no function of SciPy gives, by numerical integration.

Integrals over a half line by one quadrature: the double-exponential rule v = s * exp(t - exp(-t)),
whose nodes lie evenly on the logarithmic scale, so that it finds features of every width. It needs
250 evaluations a point, all points at once. Error functions follow recurrences, the zeta function
the formula of Euler and Maclaurin. This file knows plain arrays only, and nothing of derivatives.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from math import comb, factorial
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff.scipy._need import scipy_module

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Floats = npt.NDArray[Any]

__all__ = [
    "bell_recursion",
    "carlson_value",
    "dawsn_order_value",
    "erfcx_order_value",
    "half_line",
    "voigt_order_value",
    "zeta_order_value",
]

STEP = 0.07
# From where exp(t - exp(-t)) is 1e-12 to where it is 1e6: a tail may be that much longer than the
# scale. With twice the step the error would be 1e-8 where two scales meet (a = 1e-3, x = 0.5).
T = np.arange(-3.3, 14.0, STEP)
NODES = np.exp(T - np.exp(-T))
WEIGHTS = STEP * NODES * (1.0 + np.exp(-T))
# Points that are integrated together: nodes times points stay in the second-level cache.
CHUNK = 512


def half_line(integrand: Callable[..., Floats], scale: Any, *parameters: Any) -> Floats:
    """The integral of ``integrand(v, *parameters)`` over v from 0 to infinity, point by point.

    Parameters
    ----------
    integrand : callable
        Of arrays with one row for each node.
    scale : array_like
        A width of the integrand, to its order of magnitude.
    *parameters : array_like

    Returns
    -------
    ndarray
    """
    given = np.broadcast_arrays(scale, *parameters)
    flat = [np.asarray(x, dtype=np.result_type(x, float)).ravel() for x in given]
    out = np.empty(flat[0].shape, np.result_type(*flat))
    with np.errstate(all="ignore"):
        for start in range(0, out.size, CHUNK):
            s, *rest = (x[start : start + CHUNK] for x in flat)
            values = integrand(s * NODES[:, None], *rest)
            out[start : start + CHUNK] = s * np.einsum("t,tp->p", WEIGHTS, values)
    return out.reshape(given[0].shape)


def bell_recursion(n: int, slope: Callable[[int], Any], one: Any) -> list[Any]:
    """The derivatives of exp(e), divided by it, to order n.

    Parameters
    ----------
    n : int
    slope : callable
        ``slope(j)``: derivative j + 1 of the exponent e.
    one : the number 1 in the type of the slopes

    Returns
    -------
    list

    Examples
    --------
    >>> bell_recursion(3, lambda j: [2.0, 1.0, 0.0][j], 1.0)
    [1.0, 2.0, 5.0, 14.0]
    """
    found = [one]
    for k in range(n):
        found.append(sum([comb(k, j) * slope(j) * found[k - j] for j in range(k + 1)]))
    return found


def erfcx_order_value(n: int, x: Any) -> Floats:
    """Derivative n of exp(x**2) * erfc(x): a recurrence, and for x > 1 the integral.

    Parameters
    ----------
    n : int
    x : array_like

    Returns
    -------
    ndarray

    Examples
    --------
    >>> round(float(erfcx_order_value(1, 0.0)), 12)
    -1.128379167096
    """
    special = scipy_module("special")
    x = np.asarray(x, dtype=float)
    older, newer = special.erfcx(x), 2 * x * special.erfcx(x) - 2 / np.sqrt(np.pi)
    with np.errstate(all="ignore"):
        for k in range(1, n):
            older, newer = newer, 2 * x * newer + 2 * k * older
        newer = np.asarray(older if n == 0 else newer)
    far = x > 1

    def integrand(v: Floats, x: Floats) -> Floats:
        return (-2 * v) ** n * np.exp(-v * (v + 2 * x))

    if far.any():
        newer = np.array(newer)
        newer[far] = 2 / np.sqrt(np.pi) * half_line(integrand, 0.5 / x[far], x[far])
    return newer


def dawsn_order_value(n: int, x: Any) -> Floats:
    """Derivative n of Dawson's integral: a recurrence, and for abs(x) > 7 the asymptotic series.

    Parameters
    ----------
    n : int
    x : array_like

    Returns
    -------
    ndarray

    Examples
    --------
    >>> float(dawsn_order_value(1, 0.0))
    1.0
    """
    special = scipy_module("special")
    x = np.asarray(x, dtype=float)
    older, newer = special.dawsn(x), 1 - 2 * x * special.dawsn(x)
    with np.errstate(all="ignore"):
        for k in range(1, n):
            older, newer = newer, -2 * x * newer - 2 * k * older
        newer = np.asarray(older if n == 0 else newer)
        # D(x) ~ sum of (2k - 1)!! / (2**(k+1) * x**(2k+1)), each term differentiated n times.
        term, series = 0.5 / x, np.zeros_like(x)
        for j in range(n):
            term = -term * (j + 1) / x
        for k in range(25):
            series = series + term
            term = term * (2 * k + 1 + n) * (2 * k + 2 + n) / (4 * (k + 1) * x * x)
        return np.where(np.abs(x) > 7, series, newer)


def carlson_value(i: int, j: int, k: int, n: int, x: Any, y: Any, z: Any, p: Any) -> Floats:
    """The integral of (t + x)**-(i + 1/2) (t + y)**-(j + 1/2) (t + z)**-(k + 1/2) (t + p)**-n over
    t from 0 to infinity: derivatives of Carlson's elliptic integrals, equal arguments or not.

    Parameters
    ----------
    i, j, k, n : int
    x, y, z, p : array_like

    Returns
    -------
    ndarray

    Examples
    --------
    >>> round(float(carlson_value(0, 0, 1, 0, 1.0, 1.0, 1.0, 1.0)), 12)
    0.666666666667
    """
    x, y, z, p = np.broadcast_arrays(
        *[np.asarray(a, dtype=np.result_type(a, float)) for a in (x, y, z, p)]
    )

    def integrand(s: Floats, x: Floats, y: Floats, z: Floats, p: Floats) -> Floats:
        t = s * s
        a, b, c = t + x, t + y, t + z
        return 2 * s / (a**i * b**j * c**k * (t + p) ** n * np.sqrt(a) * np.sqrt(b) * np.sqrt(c))

    with np.errstate(all="ignore"):
        all_of = np.abs([x, y, z, p] if n else [x, y, z])
        # Beyond the largest the integrand soon vanishes, so the nodes may begin at the smallest.
        least = np.where(all_of > 0, all_of, np.inf).min(axis=0)
        scale = np.sqrt(np.maximum(least, 1e-6 * all_of.max(axis=0)))
        found = half_line(integrand, scale, x, y, z, p)
        if found.dtype.kind == "c":
            return found
        inside = (np.minimum(np.minimum(x, y), z) >= 0) & ((p > 0) | (n == 0))
        diverges = (i > 0) & (x == 0) | (j > 0) & (y == 0) | (k > 0) & (z == 0)
        return np.where(inside, np.where(diverges, np.inf, found), np.nan)


def voigt_order_value(n: int, k: int, x: Any, sigma: Any, gamma: Any) -> Floats:
    """Derivative n by x of the Voigt profile (k = 0), or of its conjugate function (k = 1).

    By the recurrence of the Faddeeva function, and by its asymptotic series where terms would
    cancel, which for sigma = 0 is that of Lorentz alone.

    Parameters
    ----------
    n, k : int
    x, sigma, gamma : array_like

    Returns
    -------
    ndarray

    Examples
    --------
    >>> round(float(voigt_order_value(1, 0, 1.0, 0.0, 1.0)), 12)
    -0.159154943092
    """
    special = scipy_module("special")
    x, sigma, gamma = np.broadcast_arrays(*[np.asarray(a, dtype=float) for a in (x, sigma, gamma)])
    place = x + 1j * gamma
    with np.errstate(all="ignore"):
        far = (np.abs(place) > 6 * np.sqrt(2) * sigma) & (gamma >= 0) & (sigma >= 0)
        unit = np.where(far, 1.0, sigma * np.sqrt(2))
        z = np.where(far, 0.0, place / unit)
        older, newer = special.wofz(z), -2 * z * special.wofz(z) + 2j / np.sqrt(np.pi)
        for m in range(1, n):
            older, newer = newer, -2 * z * newer - 2 * m * older
        near = (newer if n else older) / (np.sqrt(np.pi) * unit ** (n + 1))
        outside = np.where(far, place, 1.0)
        term = 1j * (-1.0) ** n * factorial(n) / (np.pi * outside ** (n + 1))
        ratio, series = np.where(far, sigma, 0.0) / outside, np.zeros_like(term)
        for m in range(30):
            series = series + term
            term = term * ratio * ratio * (2 * m + 1 + n) * (2 * m + 2 + n) / (2 * m + 2)
        found = np.where(far, series, near)
    return found.imag if k else found.real


BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510,
             43867 / 798, -174611 / 330, 854513 / 138, -236364091 / 2730)  # fmt: skip
SHARES = [b / factorial(2 * k) for k, b in enumerate(BERNOULLI, 1)]
TERMS = 14


def zeta_order_value(n: int, s: Any, q: Any) -> Floats:
    """Derivative n by s of the zeta function of Hurwitz, by the formula of Euler and Maclaurin.

    Parameters
    ----------
    n : int
    s, q : array_like

    Returns
    -------
    ndarray

    Examples
    --------
    >>> round(float(zeta_order_value(1, 2.0, 1.0)), 12)
    -0.937548254316
    """
    s, q = np.broadcast_arrays(np.asarray(s, dtype=float), np.asarray(q, dtype=float))
    with np.errstate(all="ignore"):
        k = np.arange(TERMS).reshape(-1, *(1,) * s.ndim)
        logs = -np.log(k + q)
        # log(1) is 0, and 0**0 is 1.
        found = np.sum(logs**n * np.exp(s * logs), axis=0)
        edge = q + TERMS
        slope = -np.log(edge)
        taylor, power = _beyond(n, s, edge), np.exp(s * slope)
        for j, c in enumerate(taylor):
            # What overflows stands beside a power that is 0.
            term = factorial(n) / factorial(n - j) * slope ** (n - j) * c
            found = found + np.where(power == 0, 0.0, power * term)
        return np.where(q > 0, found, np.nan)


def _beyond(n: int, s: Floats, edge: Floats) -> list[Any]:
    """The Taylor coefficients in s, to order n, of the rest of the sum times edge**s.

    It is edge / (s - 1) + 1 / 2 and the sum of B_2k / (2k)! s (s+1) ... (s+2k-2) edge**(1-2k).
    """
    share = 1 / (edge * edge)
    found: list[Any] = [SHARES[-1], *[0.0] * n]
    for k in range(len(SHARES) - 1, 0, -1):
        root = s + (2 * k - 1)
        level, rise = root * (root + 1) * share, (2 * root + 1) * share
        older = [0.0, 0.0, *found]
        found = [level * older[j + 2] + rise * older[j + 1] + share * older[j]
                 for j in range(n + 1)]  # fmt: skip
        found[0] = found[0] + SHARES[k - 1]
    found = [(s * c + b) / edge for b, c in zip([0.0, *found], found, strict=False)]
    pole = edge / (s - 1)
    found[0] = found[0] + 0.5
    for j in range(n + 1):
        found[j] = found[j] + pole
        pole = -pole / (s - 1)
    return found
