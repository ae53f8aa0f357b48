"""SciPy's special functions in numbers of fifty digits, as mpmath has them.

They join the elementwise functions of `exact_numbers`: a ufunc of `scipy.special` on an `Exact`
array answers exactly, and so does SciPy's Python code that is made of such, above all the densities
of `scipy.stats`. Must not know cdiff, nor any derivative.
"""

import numpy as np
import scipy.special as sc
from exact_numbers import ELEMENTWISE, UFUNCS, element
from mpmath import mp

__all__ = ["SPECIAL"]

ROOT2 = lambda: mp.sqrt(2)


def times(f):
    """x f(y), 0 where x is."""
    return lambda x, y: mp.mpf(0) if x == 0 else x * f(y)


def lower_gamma(a, x):
    return mp.gammainc(a, 0, x, regularized=True)


def upper_gamma(a, x):
    return mp.gammainc(a, x, mp.inf, regularized=True)


def incomplete_beta(a, b, x):
    return mp.betainc(a, b, 0, x, regularized=True)


def log_beta(a, b):
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def normal(x):
    return mp.erfc(-x / ROOT2()) / 2


SPECIAL = {
    "gammaln": lambda x: mp.re(mp.loggamma(x)), "loggamma": mp.loggamma, "gamma": mp.gamma,
    "rgamma": mp.rgamma, "psi": mp.digamma, "digamma": mp.digamma, "xlogy": times(mp.log),
    "xlog1py": times(mp.log1p), "betaln": log_beta, "beta": mp.beta, "erf": mp.erf, "erfc": mp.erfc,
    "ndtr": normal, "_norm_cdf": normal, "log_ndtr": lambda x: mp.log(normal(x)),
    "expit": lambda x: 1 / (1 + mp.exp(-x)), "log_expit": lambda x: -mp.log1p(mp.exp(-x)),
    "logit": lambda x: mp.log(x / (1 - x)), "gammainc": lower_gamma, "gammaincc": upper_gamma,
    "betainc": incomplete_beta,
    "betaincc": lambda a, b, x: mp.betainc(a, b, x, 1, regularized=True),
    "kv": mp.besselk, "kve": lambda v, x: mp.besselk(v, x) * mp.exp(x), "iv": mp.besseli,
    "ive": lambda v, x: mp.besseli(v, x) * mp.exp(-abs(x)), "jv": mp.besselj, "yv": mp.bessely,
    "i0e": lambda x: mp.besseli(0, x) * mp.exp(-abs(x)),
    "i1e": lambda x: mp.besseli(1, x) * mp.exp(-abs(x)), "i0": lambda x: mp.besseli(0, x),
    "i1": lambda x: mp.besseli(1, x), "k1e": lambda x: mp.besselk(1, x) * mp.exp(x),
    "k0": lambda x: mp.besselk(0, x), "k1": lambda x: mp.besselk(1, x),
    "hyp2f1": mp.hyp2f1, "hyp1f1": mp.hyp1f1, "hyp0f1": mp.hyp0f1, "poch": mp.rf,
    "binom": mp.binomial,
    "boxcox": lambda x, y: mp.log(x) if y == 0 else mp.expm1(y * mp.log(x)) / y,
    "boxcox1p": lambda x, y: mp.log1p(x) if y == 0 else mp.expm1(y * mp.log1p(x)) / y,
    "inv_boxcox1p": lambda x, y: mp.expm1(x) if y == 0 else mp.expm1(mp.log1p(y * x) / y),
    "cosm1": lambda x: -2 * mp.sin(x / 2) ** 2, "powm1": lambda x, y: mp.powm1(x, y),
    "_zeta": mp.zeta, "exprel": lambda x: mp.expm1(x) / x if x != 0 else mp.mpf(1),
    "erfcx": lambda x: mp.exp(x * x) * mp.erfc(x), "entr": lambda x: -x * mp.log(x),
    "rel_entr": lambda x, y: x * mp.log(x / y) if x != 0 else mp.mpf(0),
    "kl_div": lambda x, y: x * mp.log(x / y) - x + y,
    "_log1pmx": lambda x: mp.log1p(x) - x, "log1pmx": lambda x: mp.log1p(x) - x,
    "sindg": lambda x: mp.sin(mp.radians(x)), "cosdg": lambda x: mp.cos(mp.radians(x)),
    "erfinv": mp.erfinv, "ndtri": lambda p: ROOT2() * mp.erfinv(2 * p - 1),
    "pdtr": lambda k, m: upper_gamma(mp.floor(k) + 1, m),
    "pdtrc": lambda k, m: lower_gamma(mp.floor(k) + 1, m),
    "bdtr": lambda k, n, p: incomplete_beta(n - mp.floor(k), mp.floor(k) + 1, 1 - p),
    "bdtrc": lambda k, n, p: incomplete_beta(mp.floor(k) + 1, n - mp.floor(k), p),
    "nbdtr": lambda k, n, p: incomplete_beta(n, k + 1, p),
    "nbdtrc": lambda k, n, p: incomplete_beta(k + 1, n, 1 - p),
    "chdtr": lambda v, x: lower_gamma(v / 2, x / 2),
    "chdtrc": lambda v, x: upper_gamma(v / 2, x / 2),
    "gdtr": lambda a, b, x: lower_gamma(b, a * x), "gdtrc": lambda a, b, x: upper_gamma(b, a * x),
    "fdtr": lambda n, d, x: incomplete_beta(n / 2, d / 2, n * x / (n * x + d)),
    "fdtrc": lambda n, d, x: incomplete_beta(d / 2, n / 2, d / (n * x + d)),
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)), "exp2": lambda x: mp.mpf(2) ** x,
    "exp10": lambda x: mp.mpf(10) ** x, "expm1": mp.expm1, "log1p": mp.log1p,
}  # fmt: skip


# --- inverses -------------------------------------------------------------------------------------


def student(df, t):
    tail = incomplete_beta(df / 2, mp.mpf(1) / 2, df / (df + t * t)) / 2
    return 1 - tail if t > 0 else tail


def noncentral(x, df, nc):
    terms = [mp.exp(-nc / 2) * (nc / 2) ** j / mp.factorial(j) * lower_gamma(df / 2 + j, x / 2)
             for j in range(90)]  # fmt: skip
    return mp.fsum(terms)


def kolmogorov(y):
    return 2 * mp.fsum([(-1) ** (k - 1) * mp.exp(-2 * (k * y) ** 2) for k in range(1, 60)])


def binomial_cdf(k, n, p):
    return incomplete_beta(n - k, k + 1, 1 - p)


def negative_cdf(k, n, p):
    return incomplete_beta(n, k + 1, p)


# A function of the unknown and of SciPy's arguments, which is 0.
ROOTS = {
    "bdtri": lambda p, k, n, y: binomial_cdf(mp.floor(k), n, p) - y,
    "bdtrik": lambda k, y, n, p: binomial_cdf(k, n, p) - y,
    "bdtrin": lambda n, k, y, p: binomial_cdf(k, n, p) - y,
    "btdtria": lambda a, p, b, x: incomplete_beta(a, b, x) - p,
    "btdtrib": lambda b, a, p, x: incomplete_beta(a, b, x) - p,
    "chdtri": lambda x, v, p: upper_gamma(v / 2, x / 2) - p,
    "chdtriv": lambda v, p, x: lower_gamma(v / 2, x / 2) - p,
    "chndtrix": lambda x, p, df, nc: noncentral(x, df, nc) - p,
    "chndtrinc": lambda nc, x, df, p: noncentral(x, df, nc) - p,
    "fdtri": lambda x, n, d, p: incomplete_beta(n / 2, d / 2, n * x / (n * x + d)) - p,
    "gdtria": lambda a, p, b, x: lower_gamma(b, a * x) - p,
    "gdtrib": lambda b, a, p, x: lower_gamma(b, a * x) - p,
    "gdtrix": lambda x, a, b, p: lower_gamma(b, a * x) - p,
    "nbdtri": lambda p, k, n, y: negative_cdf(mp.floor(k), n, p) - y,
    "nbdtrik": lambda k, y, n, p: negative_cdf(k, n, p) - y,
    "nbdtrin": lambda n, k, y, p: negative_cdf(k, n, p) - y,
    "pdtri": lambda m, k, y: upper_gamma(mp.floor(k) + 1, m) - y,
    "pdtrik": lambda k, p, m: upper_gamma(k + 1, m) - p,
    "stdtridf": lambda df, p, t: student(df, t) - p,
    "kolmogi": lambda y, p: kolmogorov(y) - p,
}  # fmt: skip


def root(name):
    """By Newton's steps from SciPy's own answer."""
    ufunc, equation = getattr(sc, name), ROOTS[name]

    def f(*args):
        start = mp.mpf(float(ufunc(*map(float, args))))
        return mp.findroot(lambda t: equation(t, *args), start)

    return f


SPECIAL.update({name: root(name) for name in ROOTS})
SPECIAL.update({
    "chndtr": noncentral, "kolmogorov": kolmogorov,
    "nrdtrimn": lambda p, sd, x: x - sd * ROOT2() * mp.erfinv(2 * p - 1),
    "nrdtrisd": lambda mean, p, x: (x - mean) / (ROOT2() * mp.erfinv(2 * p - 1)),
    "lambertw": lambda x, *k: mp.lambertw(x), "zeta": mp.zeta, "factorial": mp.factorial,
})  # fmt: skip

for _name, _f in SPECIAL.items():
    _ufunc = getattr(sc, _name, None)
    _count = _ufunc.nin if isinstance(_ufunc, np.ufunc) else 2
    ELEMENTWISE.setdefault(_name, _f)
    if _name not in UFUNCS:
        UFUNCS[_name] = np.frompyfunc(element(_name), _count, 1)
