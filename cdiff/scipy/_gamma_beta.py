"""Derivatives of the incomplete gamma and beta functions by their parameters, of every order.

Both are integrals of exp(e(v)) over a half line on the logarithmic scale, where the exponent falls
monotonically from v = 0 once the side of the maximum is chosen; a derivative has the same
exponential times a polynomial in logarithms. Gauss's rule of 32 nodes integrates it as far as it is
not negligible, if it falls fast enough in the end: so a small parameter is first raised by the
recurrences of these functions (DLMF 8.8.11, 8.17.20), whose terms have closed derivatives, all of
one sign in the first order, so that nothing cancels. Where an exponent is level first, three such
rules follow each other. Measured against mpmath, the relative error of first derivatives is below
2e-12 (a, b from 1e-3 to 1e3). One of many points costs less than a microsecond. It knows plain
arrays only.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from functools import partial
from math import comb, factorial
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff.scipy._need import scipy_module
from cdiff.scipy._quadrature import bell_recursion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[Any]

__all__ = ["beta_factors", "betainc_order_value", "gammainc_order_value"]

_special = scipy_module("special")

GAUSS, GAUSS_WEIGHTS = np.polynomial.legendre.leggauss(32)
NODES, WEIGHTS = 0.5 * (1 + GAUSS[:, None]), 0.5 * GAUSS_WEIGHTS
END = 40.0  # what lies below exp(-END) of the integrand's start is left out
STEPS = 10  # a parameter below it is raised by as much
COUNT = np.arange(STEPS)[:, None]
LATER = np.triu(np.ones((STEPS, STEPS - 1)))  # sums the steps from a row on
LEVEL = 3.0  # how far beyond log(a) an exponent that is level begins to fall
CHUNK = 1024  # points that are integrated together: they stay in the second-level cache


def psi(j: int, z: Floats) -> Floats:
    """The polygamma function."""
    return _special.polygamma(j, z) if j else _special.digamma(z)


def psi_from(j: int, z: Floats) -> Floats:
    """The polygamma function of z, z + 1, ..., z + STEPS - 1, as rows, by its recurrence."""
    steps = (-1) ** j * factorial(j) / (z + COUNT[:-1]) ** (j + 1)
    return psi(j, z + (STEPS - 1)) - LATER @ steps


def falling(first: Floats, ratios: Floats) -> Floats:
    """Terms, from the first one and the ratios of neighbours."""
    return np.cumprod(np.concatenate([first[None], ratios]), axis=0)


def flat(*given: Any) -> list[Floats]:
    """Arrays of numbers as vectors of equal length, the last one in the shape of all."""
    arrays = [np.asarray(z, dtype=float) for z in given]
    if any(z.shape != arrays[0].shape for z in arrays):
        arrays = list(np.broadcast_arrays(*arrays))
    return [*[z.reshape(-1) for z in arrays], arrays[0]]


def by_kinds(kinds: Any, functions: Sequence[Callable[..., Floats]], *given: Floats) -> Floats:
    """Each point by the function of its kind, so many at once as fit into the cache."""
    if kinds.size <= CHUNK and kinds.size and (kinds == kinds[0]).all():
        return functions[kinds[0]](*given)
    out = np.empty(kinds.shape)
    for kind, function in enumerate(functions):
        places = np.flatnonzero(kinds == kind)
        for start in range(0, places.size, CHUNK):
            k = places[start : start + CHUNK]
            out[k] = function(*[z[k] for z in given])
    return out


# --- gamma ----------------------------------------------------------------------------------------


def gammainc_order_value(n: int, a: Any, x: Any) -> Floats:
    """Derivative n by a of the regularised lower incomplete gamma function P(a, x).

    Parameters
    ----------
    n : int
        At least 1.
    a, x : array_like

    Returns
    -------
    ndarray

    Examples
    --------
    >>> round(float(gammainc_order_value(1, 1.0, 1.0)), 12)
    -0.431729710635
    """
    a, x, whole = flat(a, x)
    with np.errstate(all="ignore"):
        kinds = np.where(x > np.maximum(a, 1.0), 1, np.where(a < STEPS, 2, 3))
        kinds[~((a > 0) & (x > 0) & (x < np.inf))] = 0
        parts = [partial(part, n) for part in (_upper_gamma, _raised_gamma, _lower_gamma)]
        return by_kinds(kinds, [_gamma_ends, *parts], a, x).reshape(whole.shape)


def _gamma_ends(a: Floats, x: Floats) -> Floats:
    return np.where((a > 0) & (x >= 0), 0.0, np.nan)


def _gamma_part(u: Floats, a: Floats, x: Floats, slopes: list[Floats]) -> Floats:
    """The integral over u = log(t / x) from 0 to its end, relative to the integrand at x; `slopes`
    are those of its logarithm by a, at x."""
    u = u * NODES
    slopes = [slopes[0] + u, *slopes[1:]]
    factor = bell_recursion(len(slopes), lambda j: slopes[j], 1.0)[-1]
    return WEIGHTS @ (np.exp(a * u - x * np.expm1(u)) * factor)


def _gamma_slopes(n: int, a: Floats, x: Floats) -> list[Floats]:
    return [np.log(x) - psi(0, a), *[-psi(j, a) for j in range(1, n)]]


def _gamma_density(a: Floats, x: Floats) -> Floats:
    return np.exp(a * np.log(x) - x - _special.gammaln(a))


def _down(a: Floats, x: Floats) -> Floats:
    """A bound of where a * v + x * expm1(-v) is END, for x <= a."""
    half = a - x - 0.5 * END
    return (np.sqrt(half * half + 2 * END * a) - half) / a


def _lower_gamma(n: int, a: Floats, x: Floats) -> Floats:
    """For x <= a."""
    reach = _down(a, x)
    return _gamma_density(a, x) * reach * _gamma_part(-reach, a, x, _gamma_slopes(n, a, x))


def _upper_gamma(n: int, a: Floats, x: Floats) -> Floats:
    """For x > a: to a bound of where x * expm1(v) - a * v is END."""
    slope = x - a
    reach = 2 * END / (slope + np.sqrt(slope * slope + 2 * END * x))
    for _ in range(2):
        reach = np.minimum(reach, np.log1p((END + a * reach) / x))
    return -_gamma_density(a, x) * reach * _gamma_part(reach, a, x, _gamma_slopes(n, a, x))


def _raised_gamma(n: int, a: Floats, x: Floats) -> Floats:
    """P(a, x) as P(a + STEPS, x) and the terms x**(a + k) exp(-x) / gamma(a + k + 1)."""
    log_x, top = np.log(x), a + STEPS
    slopes = [-psi_from(j, a + 1) for j in range(n)]
    slopes[0] += log_x
    terms = falling(np.exp(a * log_x - x - _special.gammaln(a + 1)), x / (a + COUNT[1:]))
    found = np.sum(terms * bell_recursion(n, lambda j: slopes[j], 1.0)[n], axis=0)
    reach = _down(top, x)
    return found + terms[-1] * x * reach * _gamma_part(-reach, top, x, [s[-1] for s in slopes])


# --- beta -----------------------------------------------------------------------------------------


def beta_factors(m: int, n: int, log_t: Any, log_u: Any, of_a: Callable[[int], Any],
                 of_b: Callable[[int], Any], of_sum: Callable[[int], Any], one: Any
                 ) -> Any:  # fmt: skip
    """Derivative (m, n) by (a, b) of t**a * u**b / B(a, b), divided by it.

    Parameters
    ----------
    m, n : int
    log_t, log_u : logarithms of t and u
    of_a, of_b, of_sum : callable
        The polygamma function of order j at a, b and a + b.
    one : the number 1 in the type of the others

    Returns
    -------
    In the type of the others.
    """
    known: dict[tuple[int, int], Any] = {(0, 0): one}

    def slope_a(i: int, j: int) -> Any:
        s = of_sum(i + j)
        return s + log_t - of_a(0) if i == j == 0 else s - of_a(i) if j == 0 else s

    def slope_b(j: int) -> Any:
        s = of_sum(j) - of_b(j)
        return s + log_u if j == 0 else s

    def factor(m: int, n: int) -> Any:
        if (m, n) not in known:
            if m:
                terms = [comb(m - 1, i) * comb(n, j) * slope_a(i, j) * factor(m - 1 - i, n - j)
                         for i in range(m) for j in range(n + 1)]  # fmt: skip
            else:
                terms = [comb(n - 1, j) * slope_b(j) * factor(0, n - 1 - j) for j in range(n)]
            known[m, n] = sum(terms)
        return known[m, n]

    return factor(m, n)


def betainc_order_value(m: int, n: int, a: Any, b: Any, x: Any) -> Floats:
    """Derivative (m, n) by (a, b) of the regularised incomplete beta function I_x(a, b).

    Parameters
    ----------
    m, n : int
        Not both 0.
    a, b, x : array_like

    Returns
    -------
    ndarray

    Examples
    --------
    >>> round(float(betainc_order_value(1, 0, 1.0, 1.0, 0.5)), 12)
    -0.34657359028
    """
    a, b, x, whole = flat(a, b, x)
    with np.errstate(all="ignore"):
        lower = x * (a + b) <= a
        kinds = np.where(np.where(lower, a, b) < STEPS, 1, 2) + 2 * ~lower
        kinds[~((a > 0) & (b > 0) & (x > 0) & (x < 1))] = 0
        parts = [partial(part, m, n) for part in (_raised_beta, _lower_beta)]

        # The upper part is the lower one of the other tail, with the other sign.
        def upper(part: Any) -> Any:
            return lambda a, b, x, u, log_x, log_u: -part(n, m, b, a, u, x, log_u, log_x)

        others = [upper(_raised_beta), upper(_lower_beta)]
        given = a, b, x, 1.0 - x, np.log(x), np.log1p(-x)
        return by_kinds(kinds, [_beta_ends, *parts, *others], *given).reshape(whole.shape)


def _beta_ends(a: Floats, b: Floats, x: Floats, *_: Floats) -> Floats:
    return np.where((a > 0) & (b > 0) & (x >= 0) & (x <= 1), 0.0, np.nan)


def _raised_beta(
    m: int, n: int, a: Floats, b: Floats, x: Floats, u: Floats, log_x: Floats, log_u: Floats
) -> Floats:
    """I(a, b) as I(a + STEPS, b) and the terms x**(a + k) u**b / ((a + k) B(a + k, b))."""
    total = a + b
    factor = beta_factors(m, n, log_x, log_u, lambda j: psi_from(j, a + 1), lambda j: psi(j, b),
                          lambda j: psi_from(j, total), 1.0)  # fmt: skip
    first = np.exp(a * log_x + b * log_u - _special.betaln(a, b)) / a
    terms = falling(first, x * (total + COUNT[:-1]) / (a + COUNT[1:]))
    rest = _lower_beta(m, n, a + STEPS, b, x, u, log_x, log_u)
    return np.sum(terms * factor, axis=0) + rest


def _lower_beta(
    m: int, n: int, a: Floats, b: Floats, x: Floats, u: Floats, log_x: Floats, log_u: Floats
) -> Floats:
    """The integral over v, by which the logit falls from that of x, which is below the mean."""
    total = a + b
    reach = _beta_reach(a, total, x, u)
    psis = [[psi(j, z) for j in range(m + n)] for z in (a, b, total)]
    of_a, of_b, of_sum = [found.__getitem__ for found in psis]

    def part(start: Any, stop: Any) -> Floats:
        v = start + (stop - start) * NODES
        rise = -np.log1p(x * np.expm1(-v))
        factor = beta_factors(m, n, log_x - v + rise, log_u + rise, of_a, of_b, of_sum, 1.0)
        return (stop - start) * (WEIGHTS @ (np.exp(total * rise - a * v) * factor))

    # The exponent is level down to a logit of log(a), and as good as straight more than 30 above.
    level = log_x - log_u - np.log(a) - LEVEL
    if np.all(level < 0):
        found = part(0.0, reach)
    else:
        ends = [np.minimum(np.maximum(z, 0.0), reach) for z in (level - 30.0, level)]
        found = part(0.0, ends[0]) + part(*ends) + part(ends[1], reach)
    return found * np.exp(a * log_x + b * log_u - _special.betaln(a, b))


def _beta_reach(a: Floats, total: Floats, x: Floats, u: Floats) -> Floats:
    """Where the integrand has fallen by END, or beyond: by Newton's steps, as it falls convexly."""
    slope = a - total * x
    reach = 2 * END / (slope + np.sqrt(slope * slope + 2 * END * total * x * u))
    for _ in range(2):
        low = x * np.exp(-reach)
        excess = a * reach + total * np.log(u + low) - END
        reach = reach - excess / (a - total * low / (u + low))
    return reach
