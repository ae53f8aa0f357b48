"""Exact derivatives of SciPy's functions, and what they come from: `truth_of`.

Densities are SciPy's own formulas in numbers of fifty digits; special functions are mpmath's; what
takes complex numbers is evaluated by SciPy on a complex circle; the others are written once more
(`exact_scipy_*.py`). For a name with none of these the answer is None, and differences have to do:
today there is no such name. Must not know how cdiff makes a derivative.
"""

import exact_scipy_curves  # noqa: F401 -- fills the table
import exact_scipy_forms  # noqa: F401 -- fills the table
import exact_scipy_samples  # noqa: F401 -- fills the table
import exact_scipy_through  # noqa: F401 -- fills the table
import numpy as np
from exact_circle import circle
from exact_modes import parts_of, truth
from exact_numbers import DIGITS, Number, exact, lifted, wrapped
from exact_scipy_calls import WRITTEN
from exact_special import log_beta, normal
from mpmath import mp
from special_cases import namespace

from cdiff.scipy._stats_table import CONTINUOUS, DISCRETE

__all__ = ["CIRCLE", "MPMATH", "OWN_CODE", "truth_of"]

OWN_CODE, MPMATH = "its own code in 50 digits", "mpmath in 50 digits"
CIRCLE = "its own values on a complex circle"


def of_numbers(f, nin):
    """A function of mpmath's numbers, elementwise."""
    loops = np.frompyfunc(lambda *a: Number(f(*map(lifted, a))), nin, 1)
    return lambda *args: wrapped(loops(*[np.asarray(x) for x in args]))


# --- densities that SciPy computes in C, as its pages write them ----------------------------------


def genhyperbolic(x, p, a, b):
    t, r = mp.sqrt(a * a - b * b), mp.sqrt(1 + x * x)
    tail = mp.besselk(p - 0.5, a * r) * r ** (p - 0.5)
    return mp.log(t**p / (mp.sqrt(2 * mp.pi) * a ** (p - 0.5) * mp.besselk(p, t)) * tail) + b * x


def pearson3(x, skew):
    beta = 2 / skew
    y = beta * (x + beta)
    return mp.log(abs(beta)) + (beta**2 - 1) * mp.log(y) - y - mp.loggamma(beta**2)


def ncf(x, n, d, nc):
    y = n * x / d
    series = mp.hyp1f1((n + d) / 2, n / 2, nc / 2 * y / (1 + y))
    body = (n / 2) * mp.log(n / d) + (n / 2 - 1) * mp.log(x) - (n + d) / 2 * mp.log1p(y)
    return body - nc / 2 - log_beta(n / 2, d / 2) + mp.log(series)


def nct(x, df, nc):
    s = df + x * x
    z = nc * nc * x * x / (2 * s)
    odd = mp.sqrt(2) * nc * x * mp.hyp1f1(df / 2 + 1, 1.5, z) / (s * mp.gamma((df + 1) / 2))
    even = mp.hyp1f1((df + 1) / 2, 0.5, z) / (mp.sqrt(s) * mp.gamma(df / 2 + 1))
    front = df / 2 * mp.log(df) + mp.loggamma(df + 1) - nc * nc / 2 - df * mp.log(2)
    return front - df / 2 * mp.log(s) - mp.loggamma(df / 2) + mp.log(odd + even)


def trapezoid(x, c, d):
    side = x / c if x < c else (1 - x) / (1 - d) if x > d else mp.mpf(1)
    return mp.log(2 / (d - c + 1) * side)


def tukeylambda(x, a):
    q = mp.findroot(lambda p: (p**a - (1 - p) ** a) / a - x, mp.mpf(1) / 2)
    return -mp.log(q ** (a - 1) + (1 - q) ** (a - 1))


DENSITIES = {
    "genextreme": lambda x, c: (1 / c - 1) * mp.log(1 - c * x) - (1 - c * x) ** (1 / c),
    "genhyperbolic": genhyperbolic, "pearson3": pearson3, "ncf": ncf, "nct": nct,
    "geninvgauss": lambda x, p, b: (
        (p - 1) * mp.log(x) - b * (x + 1 / x) / 2 - mp.log(2 * mp.besselk(p, b))),
    "kappa4": lambda x, h, k: (
        (1 / k - 1) * mp.log(1 - k * x) + (1 / h - 1) * mp.log(1 - h * (1 - k * x) ** (1 / k))),
    "skellam": lambda k, a, b: (
        k / 2 * mp.log(a / b) - a - b + mp.log(mp.besseli(k, 2 * mp.sqrt(a * b)))),
    "trapezoid": trapezoid, "tukeylambda": tukeylambda,
    "triang": lambda x, c: mp.log(2 * x / c if x < c else 2 * (1 - x) / (1 - c)),
    "truncnorm": lambda x, a, b: (
        -x * x / 2 - mp.log(2 * mp.pi) / 2 - mp.log(normal(b) - normal(a))),
}  # fmt: skip


def density(d, name):
    """SciPy's logarithm of a density as a function of the moved arguments, and where it is from."""
    continuous, theirs = CONTINUOUS.get(d._family.name), d._plain
    label = MPMATH if name in DENSITIES else OWN_CODE
    if continuous is not None:
        written = DENSITIES.get(name)
        count = 1 + len(continuous.at)
        return (of_numbers(written, count) if written else theirs._logpdf), label
    shapes = DISCRETE[name].at
    written = of_numbers(DENSITIES[name], 1 + len(shapes)) if name in DENSITIES else theirs._logpmf

    def f(*moved):
        given = iter(moved)
        full = [next(given) if isinstance(s, float) else s for s in shapes]
        return written(exact(np.array([1.0])), *full)

    return f, label


# --- special functions ----------------------------------------------------------------------------


def by_row(row):
    """The expression of a row for mpmath, of the arguments that have a derivative."""
    places = [k for k, d in enumerate(row.d) if d is not None]
    point = row.samples[0]
    at = [float(x) if k in places else x for k, x in enumerate(point)]
    guess = float(np.real(row.plain()(*at)))

    def number(*moved):
        scope = namespace(guess)
        fixed = [x if isinstance(x, int) else mp.mpf(x) for x in point]
        scope.update(zip(row.args, fixed, strict=True))
        scope.update({row.args[k]: x for k, x in zip(places, moved, strict=True)})
        return mp.re(eval(row.mp, scope))

    return of_numbers(number, len(places))


# --- everything -----------------------------------------------------------------------------------


def bent(f):
    """With squares, so that linear functions have more than one derivative too."""
    return lambda *args: [y * y + y for y in parts_of(f(*args))]


def agrees(found, f, args):
    """Is the value the function's, and is everything finite?"""
    values = [np.asarray(y) for y in parts_of(f(*args))]
    pairs = list(zip(found.values, values, strict=True))
    finite = all(np.isfinite(x).all() for part in found for x in part)
    return finite and all(np.allclose(x, y, rtol=1e-7, atol=1e-9) for x, y in pairs)


def ways(module, name, f, row, d):
    """Functions that may be exact, with their labels."""
    if module == "stats" and hasattr(d, "_family"):
        yield density(d, name)
    if row is not None and row.mp:
        yield by_row(row), MPMATH
    if module == "special":
        yield f, MPMATH
    if (module, name) in WRITTEN:
        yield WRITTEN[module, name], MPMATH


def truth_of(module, name, f, args, directions, row=None, d=None):
    """The exact derivatives of a call, those of `bent`, and what they come from; or None."""
    for original, label in ways(module, name, f, row, d):
        try:
            with mp.workdps(DIGITS):
                found = truth(original, args, directions)
            if agrees(found, f, args):
                return truth(bent(original), args, directions), label
        except Exception:  # what was never meant for such numbers may fail in any way
            continue
    try:
        if agrees(circle(f, args, directions), f, args):
            return circle(bent(f), args, directions), CIRCLE
    except Exception:
        return None
    return None
