"""The gamma, beta and error functions, and what statistics makes of them, as rows.

A partial derivative stands here and nowhere else, in the language of these functions and of
`cdiff.numpy`; ``y`` is the result. It is written so that it keeps its digits where terms would
cancel. ``gammainc_order(n, a, x)`` and ``betainc_order(m, n, a, b, x)`` are the derivatives of that
order by the parameters.
"""

# A table: one row is one line or two.
# fmt: off

from __future__ import annotations

from cdiff.scipy._table import Table

__all__ = ["GAMMA"]

GAMMA = Table()
row, equal = GAMMA.row, GAMMA.equal

UNIT = (0.03, 0.4, 0.93)
REAL = (-2.3, -0.4, 0.7, 1.9)

# --- gamma and beta

row("gamma", "x", "y * digamma(x)", mp="gamma(x)", at=(0.3, 1.7, 6.2, -1.4, 30.0))
row("gammaln", "x", "digamma(x)", mp="log(abs(gamma(x)))", at=(0.3, 1.7, 60.0, -1.4))
row("loggamma", "x", "digamma(x)", mp="loggamma(x)", at=(0.3, 1.7, 60.0), domain="x > 0")
# 1 / gamma is smooth at the poles, where digamma is not finite: by reflection.
row("rgamma", "x",
    "where(x < 0.5, gamma(1 - x) * (cos(pi * x) - sin(pi * x) / pi * digamma(1 - x)),"
    " zmul(-y, digamma(x)))", mp="rgamma(x)", at=(0.3, 1.7, 9.0, -1.4, 0.0, -2.0))
row("digamma", "x", "polygamma(1, x)", mp="digamma(x)", at=(0.3, 1.7, 60.0, -1.4))
row("psi", "x", "polygamma(1, x)", mp="digamma(x)", at=(0.3, 1.7, 60.0, -1.4))
row("polygamma", "n x", None, "polygamma(n + 1, x)", mp="polygamma(int(n), x)",
    at=((1, 0.3), (2, 1.7), (3, 12.0)))
row("gammasgn", "x", "0.0 * sign(x)", mp="sign(gamma(x))", at=(0.3, -1.4))
row("beta", "a b", "zmul(y, digamma(a)) - beta_rest(y, a, b)",
    "zmul(y, digamma(b)) - beta_rest(y, a, b)",
    mp="beta(a, b)", at=((0.4, 2.1), (3.3, 0.2), (5.0, 7.5), (0.5, -0.5), (0.3, -7.3)))
row("betaln", "a b", "digamma(a) - digamma(a + b)", "digamma(b) - digamma(a + b)",
    mp="log(beta(a, b))", at=((0.4, 2.1), (3.3, 0.2), (5.0, 7.5)))
row("poch", "z m", "poch_slope(y, z, m)", "zmul(y, digamma(z + m))", mp="rf(z, m)",
    at=((0.4, 2.1), (3.3, 0.2), (0.0, 3.0)), domain="z + m > 0, or m whole; by m: z > 0")
row("binom", "n k", "y * digamma(n + 1) - binom_rest(y, n, k)",
    "binom_rest(y, n, k) - binom_pole(y, n, k)", mp="binomial(n, k)",
    at=((4.4, 2.1), (3.3, 0.2), (3.0, 5.0), (0.5, 1.5)), domain="n > -1, k > -1")

P = "gammainc(a, 0, x, regularized=True)"
row("gammainc", "a x", "gammainc_order(1, a, x)", "gamma_density(a, x)", mp=P,
    at=((0.4, 0.2), (2.5, 1.3), (2.5, 6.0), (30.0, 31.0)), domain="a > 0, x > 0")
row("gammaincc", "a x", "-gammainc_order(1, a, x)", "-gamma_density(a, x)", mp=f"1 - {P}",
    at=((0.4, 0.2), (2.5, 1.3), (2.5, 6.0), (30.0, 31.0)), domain="a > 0, x > 0")
row("gammaincinv", "a p", "-safe_divide(gammainc_order(1, a, y), gamma_density(a, y))",
    "1 / gamma_density(a, y)", mp="inverse(lambda x: gammainc(a, 0, x, regularized=True), p, y)",
    at=((0.8, 0.3), (2.5, 0.6), (12.0, 0.97)), domain="a > 0, 0 < p < 1", accuracy=1e-8)
row("gammainccinv", "a p", "-safe_divide(gammainc_order(1, a, y), gamma_density(a, y))",
    "-1 / gamma_density(a, y)",
    mp="inverse(lambda x: gammainc(a, x, inf, regularized=True), p, y)",
    at=((0.8, 0.3), (2.5, 0.6), (12.0, 0.97)), domain="a > 0, 0 < p < 1", accuracy=1e-8)

RATIO = "betainc(a, b, 0, x, regularized=True)"
BETA_AT = ((0.4, 0.7, 0.2), (2.5, 1.3, 0.8), (8.0, 3.0, 0.5), (20.0, 31.0, 0.4))
row("betainc", "a b x", "betainc_order(1, 0, a, b, x)", "betainc_order(0, 1, a, b, x)",
    "beta_density(a, b, x)", mp=RATIO, at=BETA_AT, domain="a > 0, b > 0, 0 < x < 1")
row("betaincc", "a b x", "-betainc_order(1, 0, a, b, x)", "-betainc_order(0, 1, a, b, x)",
    "-beta_density(a, b, x)", mp=f"1 - {RATIO}", at=BETA_AT, domain="a > 0, b > 0, 0 < x < 1")
row("betaincinv", "a b p", "-safe_divide(betainc_order(1, 0, a, b, y), beta_density(a, b, y))",
    "-safe_divide(betainc_order(0, 1, a, b, y), beta_density(a, b, y))",
    "1 / beta_density(a, b, y)",
    mp="inverse(lambda x: betainc(a, b, 0, x, regularized=True), p, y)",
    at=((1.4, 0.7, 0.2), (2.5, 1.3, 0.8)), domain="a > 0, b > 0, 0 < p < 1")
row("betainccinv", "a b p", "-safe_divide(betainc_order(1, 0, a, b, y), beta_density(a, b, y))",
    "-safe_divide(betainc_order(0, 1, a, b, y), beta_density(a, b, y))",
    "-1 / beta_density(a, b, y)",
    mp="inverse(lambda x: betainc(a, b, x, 1, regularized=True), p, y)",
    at=((1.4, 0.7, 0.2), (2.5, 1.3, 0.8)), domain="a > 0, b > 0, 0 < p < 1")

# --- error functions and the normal distribution

# The slope 2*x*y - 2/sqrt(pi) would cancel for large x.
row("erfcx", "x", "erfcx_order(1, x)", mp="exp(x * x) * erfc(x)", at=(*REAL, 20.0, 300.0))
row("erfi", "x", "2 / sqrt(pi) * exp(square(x))", mp="erfi(x)", at=REAL)
row("erfinv", "x", "0.5 * sqrt(pi) * exp(square(y))", mp="erfinv(x)", at=(-0.7, 0.1, 0.99))
row("erfcinv", "x", "-0.5 * sqrt(pi) * exp(square(y))", mp="erfinv(1 - x)", at=(0.1, 1.7, 1e-9))
row("dawsn", "x", "dawsn_order(1, x)", mp="sqrt(pi) / 2 * exp(-x * x) * erfi(x)",
    at=(*REAL, 7.0, -15.0, 200.0))
row("ndtr", "x", "exp(-0.5 * square(x)) / sqrt(2 * pi)", mp="ncdf(x)", at=(*REAL, -9.0))
# The quotient of density and distribution, without either underflowing.
row("log_ndtr", "x", "sqrt(2 / pi) / erfcx(-sqrt(0.5) * x)", mp="log(ncdf(x))",
    at=(*REAL, -30.0, 5.0))
row("ndtri", "p", "sqrt(2 * pi) * exp(0.5 * square(y))", mp="-sqrt(2) * erfinv(1 - 2 * p)",
    at=UNIT)
row("ndtri_exp", "p", "sqrt(0.5 * pi) * erfcx(-sqrt(0.5) * y)",
    mp="inverse(lambda x: log(ncdf(x)), p, y)", at=(-0.1, -2.3, -50.0))
row("owens_t", "h a", "-exp(-0.5 * square(h)) * erf(a * h * sqrt(0.5)) / sqrt(8 * pi)",
    "exp(-0.5 * square(h) * (1 + square(a))) / (2 * pi * (1 + square(a)))",
    mp="quad(lambda t: exp(-h * h * (1 + t * t) / 2) / (1 + t * t), [0, a]) / (2 * pi)",
    at=((0.4, 0.7), (-1.2, 2.0), (0.3, -3.0)))
# The real part of a function of x + i gamma that solves the heat equation in sigma**2 / 2.
row("voigt_profile", "x sigma gamma", "voigt_order(1, 0, x, sigma, gamma)",
    "sigma * voigt_order(2, 0, x, sigma, gamma)", "-voigt_order(1, 1, x, sigma, gamma)",
    mp="re(faddeeva((x + 1j * gamma) / (sigma * sqrt(2)))) / (sigma * sqrt(2 * pi))",
    at=((0.3, 0.8, 0.5), (-2.0, 1.5, 0.2), (0.3, 0.01, 1.0)),
    domain="sigma >= 0, gamma >= 0, not both 0")

# --- distributions as special functions

equal("chdtr", "v x", "gammainc(0.5 * v, 0.5 * x)", "v x", at=((2.3, 1.7), (5.0, 9.0)))
equal("chdtrc", "v x", "gammaincc(0.5 * v, 0.5 * x)", "v x", at=((2.3, 1.7), (5.0, 9.0)))
equal("chdtri", "v p", "2 * gammainccinv(0.5 * v, p)", "v p", at=((2.3, 0.7), (5.0, 0.2)))
row("chndtr", "x df nc", "noncentral_density(x, df, nc)",
    "by_steps_within(df, 'chndtr', 1, x, df, nc)",
    "-noncentral_density(x, df + 2, nc)", at=((3.0, 7.5, 1.2), (9.0, 1.5, 2.0), (0.7, 3.0, 0.9)),
    domain="x > 0, df > 0, nc >= 0")
FDTR_AT = ((2.3, 4.0, 0.7), (5.0, 8.0, 2.0))
equal("fdtr", "dfn dfd x", "betainc(0.5 * dfn, 0.5 * dfd, dfn * x / (dfd + dfn * x))", "dfn dfd x",
      at=FDTR_AT)
equal("fdtrc", "dfn dfd x", "where(dfn * x < dfd,"
      " betaincc(0.5 * dfn, 0.5 * dfd, dfn * x / (dfd + dfn * x)),"
      " betainc(0.5 * dfd, 0.5 * dfn, dfd / (dfd + dfn * x)))", "dfn dfd x",
      at=FDTR_AT)
equal("fdtri", "dfn dfd p",
      "dfd / dfn * betaincinv(0.5 * dfn, 0.5 * dfd, p) / betainccinv(0.5 * dfd, 0.5 * dfn, p)",
      "dfn dfd p", at=((2.3, 4.0, 0.7), (5.0, 8.0, 0.2)))
equal("gdtr", "a b x", "gammainc(b, a * x)", "a b x", at=((2.3, 1.7, 0.5), (0.5, 3.0, 9.0)))
equal("gdtrc", "a b x", "gammaincc(b, a * x)", "a b x", at=((2.3, 1.7, 0.5), (0.5, 3.0, 9.0)))
equal("gdtrix", "a b p", "gammaincinv(b, p) / a", "a b p", at=((2.3, 1.7, 0.5), (0.5, 3.0, 0.9)))
equal("bdtr", "k n p", "where(floor(k) < trunc(n),"
      " betaincc(floor(k) + 1, trunc(n) - floor(k), p), 1.0)", "p", at=((2.0, 5, 0.3),))
equal("bdtrc", "k n p", "where(floor(k) < trunc(n),"
      " betainc(floor(k) + 1, trunc(n) - floor(k), p), 0.0)", "p", at=((2.0, 5, 0.3),))
equal("nbdtr", "k n p", "betainc(trunc(n), trunc(k) + 1, p)", "p", at=((2, 5, 0.3),))
equal("nbdtrc", "k n p", "betaincc(trunc(n), trunc(k) + 1, p)", "p", at=((2, 5, 0.3),))
equal("pdtr", "k m", "gammaincc(floor(k) + 1, m)", "m", at=((2.0, 1.3), (4.0, 9.0)))
equal("pdtrc", "k m", "gammainc(floor(k) + 1, m)", "m", at=((2.0, 1.3), (4.0, 9.0)))
equal("pdtri", "k p", "gammainccinv(floor(k) + 1, p)", "p", at=((2, 0.3), (4, 0.9)))
STDTR_AT = ((2.3, -1.7), (5.0, 0.4), (1.0, 9.0))
row("stdtr", "df t", "student_by_df(df, t)", "student_density(df, t)",
    mp="0.5 + sign(t) * (0.5 - betainc(df / 2, 0.5, 0, df / (df + t * t), regularized=True) / 2)",
    at=STDTR_AT, domain="df > 0")
row("stdtrit", "df p", "-student_by_df(df, y) / student_density(df, y)",
    "1 / student_density(df, y)", at=((2.3, 0.3), (5.0, 0.9)), domain="df > 0, 0 < p < 1",
    mp="inverse(lambda t: 0.5 + sign(t) * (0.5 - betainc(df / 2, 0.5, 0, df / (df + t * t),"
       " regularized=True) / 2), p, y)")
equal("nrdtrimn", "p std x", "x - std * ndtri(p)", "p std x", at=((0.3, 2.0, 1.0),))
equal("nrdtrisd", "mn p x", "(x - mn) / ndtri(p)", "mn p x", at=((0.3, 0.7, 1.0),))
row("kolmogorov", "x", "where(x > 0, -kolmogorov_density(x), 0.0)",
    at=(0.5, 0.9, 2.0), domain="x > 0.2")
row("kolmogi", "p", "-1 / kolmogorov_density(y)", at=(0.03, 0.5, 0.9), domain="0 < p < 1")
row("tklmbda", "x lmbda",
    "where(absolute(x) * lmbda < 1, 1 / (power(y, lmbda - 1) + power(1 - y, lmbda - 1)), 0.0)",
    "where(absolute(x) * lmbda < 1, -tukey_slope(y, lmbda)"
    " / (power(y, lmbda - 1) + power(1 - y, lmbda - 1)), 0.0)",
    at=((0.4, 0.3), (-1.2, -0.7)), domain="lmbda != 0, inside the support",
    mp="inverse(lambda p: (p**lmbda - (1 - p)**lmbda) / lmbda, x, y)")

# --- entropies, losses, transformations of data

row("entr", "x", "-log(x) - 1", mp="-x * log(x)", at=(0.3, 2.0), domain="x > 0")
row("rel_entr", "x y_", "log(x / y_) + 1", "-x / y_", mp="x * log(x / y_)",
    at=((0.3, 2.0), (2.0, 0.7)), domain="x > 0, y > 0")
row("kl_div", "x y_", "log(x / y_)", "1 - x / y_", mp="x * log(x / y_) - x + y_",
    at=((0.3, 2.0), (2.0, 0.7)), domain="x > 0, y > 0")
row("huber", "delta r", "maximum(absolute(r) - delta, 0.0)", "clip(r, -delta, delta)",
    mp="r * r / 2 if abs(r) <= delta else delta * (abs(r) - delta / 2)",
    at=((1.0, 0.4), (1.0, -3.0), (0.5, 2.0)), domain="delta > 0")
row("pseudo_huber", "delta r", "2 * y / delta - r * (r / delta) / hypot(1.0, r / delta)",
    "r / hypot(1.0, r / delta)", mp="delta**2 * (sqrt(1 + (r / delta)**2) - 1)",
    at=((1.0, 0.4), (1.0, -3.0), (0.5, 2.0)), domain="delta > 0")
row("xlogy", "x y_", "log(y_)", "safe_divide(x, y_)", mp="x * log(y_)",
    at=((0.3, 2.0), (-2.0, 0.7), (0.0, 3.0)), domain="y > 0")
row("xlog1py", "x y_", "log1p(y_)", "safe_divide(x, 1 + y_)", mp="x * log1p(y_)",
    at=((0.3, 2.0), (-2.0, -0.7), (0.0, 3.0)), domain="y > -1")
row("logit", "p", "1 / (p * (1 - p))", mp="log(p / (1 - p))", at=UNIT, domain="0 < p < 1")
row("boxcox", "x lmbda", "power(x, lmbda - 1)", "boxcox_slope(log(x), lmbda, y)",
    mp="log(x) * hyp1f1(1, 2, lmbda * log(x))",
    at=((2.0, 0.7), (0.3, -1.5), (3.0, 0.0), (1e-6, 7.3)))
row("boxcox1p", "x lmbda", "exp(xlog1py(lmbda - 1, x))", "boxcox_slope(log1p(x), lmbda, y)",
    at=((1.0, 0.7), (-0.3, -1.5)), mp="((1 + x)**lmbda - 1) / lmbda")
# By log1prel, so that lmbda = 0 is no special point.
equal("inv_boxcox", "x lmbda", "exp(x * log1prel(lmbda * x))", "x lmbda",
      at=((2.0, 0.7), (0.3, -1.5), (1.2, 0.0)), mp="exp(x * hyp2f1(1, 1, 2, -lmbda * x))")
equal("inv_boxcox1p", "x lmbda", "expm1(x * log1prel(lmbda * x))", "x lmbda",
      at=((1.0, 0.7), (-0.3, -1.5)), mp="(lmbda * x + 1)**(1 / lmbda) - 1")
row("log1prel", "u", "where(absolute(u) < 0.5, -0.5 * hyp2f1(2.0, 2.0, 3.0, -clip(u, -0.5, 0.5)),"
    " safe_divide(1 - zmul(1 + u, y), u * (1 + u)))", mp="log1p(u) / u", at=(-0.9, -0.3, 0.4, 7.0),
    value=lambda u: _log1prel(u), public=False)
row("softplus", "x", "expit(x)", mp="log1p(exp(x))", at=REAL)
row("powm1", "x y_", "zmul(power(x, y_ - 1), y_)", "zmul(power(x, y_), log(x))", mp="x**y_ - 1",
    at=((2.0, 0.7), (0.3, -1.5)), domain="x > 0")


def _log1prel(u: object) -> object:
    """log(1 + u) / u, and 1 at 0."""
    import numpy as np

    x = np.asarray(u)
    x = x if x.dtype.kind in "fc" else x.astype(float)  # whole numbers too
    return np.where(x == 0, 1, np.log1p(x) / np.where(x == 0, 1, x)).astype(x.dtype, copy=False)
