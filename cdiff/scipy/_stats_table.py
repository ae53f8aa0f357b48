"""Distributions as rows: the logarithm of the density, the distribution function, its complement
and its inverse, as expressions in the language of the special functions.

``x`` is the standardised variable (x - loc) / scale, ``q`` a probability. There is no derivative
here: all of them follow from the expressions. They are written so that no term over- or underflows
where the result does not, and so that a shape may be 0 where the family has a limit there.
"""

# A table: one row is one line or two.
# fmt: off

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CONTINUOUS", "DISCRETE", "Family", "discrete", "family"]


@dataclass(frozen=True)
class Family:
    """A family of distributions.

    Parameters
    ----------
    name : str
    shapes : tuple of str
    logpdf, cdf, sf, ppf, isf, logcdf, logsf : str or None
        Expressions in ``x`` (or ``q``) and the shapes; None for what follows from the others, or is
        not available.
    low, high : str or None
        The ends of the support: None for infinity, "inf" where the expressions have no value there.
    valid : str
        When the shapes are allowed.
    at : tuple
        Shapes for the tests.
    vanishes : bool or pair of str
        Whether the density is 0 at the ends of the support, where the expression is not defined;
        for each end a condition on the shapes.
    constant : tuple of str
        Shapes by which no derivative is known.
    floor : float
        Below what the expressions of a probability have no digits left.
    mode : str or None
        A point in the middle of the density, for families whose probabilities are its integrals.
    limit : str or None
        The family without shapes that this one becomes where its first shape is infinite.
    """

    name: str
    shapes: tuple[str, ...]
    logpdf: str
    cdf: str | None = None
    sf: str | None = None
    ppf: str | None = None
    isf: str | None = None
    logcdf: str | None = None
    logsf: str | None = None
    low: str | None = None
    high: str | None = None
    valid: str = ""
    at: tuple[float, ...] = ()
    vanishes: bool | tuple[str, str] = False
    constant: tuple[str, ...] = ()
    floor: float = 1e-290
    mode: str | None = None
    limit: str | None = None


CONTINUOUS: dict[str, Family] = {}
DISCRETE: dict[str, Family] = {}

NORMAL = "-0.5 * square(x) - log(2 * pi) / 2"


def family(name: str, shapes: str, logpdf: str, cdf: str | None = None, sf: str | None = None,
           ppf: str | None = None, at: tuple[float, ...] = (), valid: str | None = None,
           vanishes: bool | tuple[str, str] = False, constant: tuple[str, ...] = (),
           floor: float = 1e-290, **more: str | None) -> None:  # fmt: skip
    """Add a family; shapes are positive unless `valid` says otherwise."""
    names = tuple(shapes.split())
    if valid is None:
        valid = " * ".join([f"({s} > 0)" for s in names])
    CONTINUOUS[name] = Family(
        name, names, logpdf, cdf=cdf, sf=sf, ppf=ppf, at=at, valid=valid, vanishes=vanishes,
        constant=constant, floor=floor, **more
    )


# --- on the whole line

family("norm", "", NORMAL, "ndtr(x)", "ndtr(-x)", "ndtri(q)", isf="-ndtri(q)",
       logcdf="log_ndtr(x)", logsf="log_ndtr(-x)")
family("logistic", "", "log_expit(x) + log_expit(-x)", "expit(x)", "expit(-x)", "logit(q)",
       isf="-logit(q)", logcdf="log_expit(x)", logsf="log_expit(-x)")
family("genlogistic", "c", "log(c) + log_expit(-x) + c * log_expit(x)", "exp(c * log_expit(x))",
       "-expm1(c * log_expit(x))", "log(q) / c - log(-expm1(log(q) / c))",
       logcdf="c * log_expit(x)", at=(1.4,),
       isf="log1p(-q) / c - log(-expm1(log1p(-q) / c))",
       logsf="where(x > 40, log(c) - x, log_less_exp(c * log_expit(where(x > 40, 0.0, x))))")
family("laplace", "", "-absolute(x) - log(2)", "where(x < 0, 0.5 * exp(x), 1 - 0.5 * exp(-x))",
       "where(x < 0, 1 - 0.5 * exp(x), 0.5 * exp(-x))",
       "where(q < 0.5, log(2 * q), -log(2 * (1 - q)))",
       isf="where(q < 0.5, -log(2 * q), log(2 * (1 - q)))",
       logcdf="where(x < 0, x - log(2), log1p(-0.5 * exp(where(x < 0, 0.0, -x))))",
       logsf="where(x > 0, -x - log(2), log1p(-0.5 * exp(where(x > 0, 0.0, x))))")
family("cauchy", "", "-log(pi) - 2 * log(hypot(1.0, x))", "arctan2(1.0, -x) / pi",
       "arctan2(1.0, x) / pi", "where(q < 0.25, -1 / tan(pi * q), tan(pi * (q - 0.5)))",
       isf="where(q < 0.25, 1 / tan(pi * q), tan(pi * (0.5 - q)))")
family("t", "df", "-0.5 * (df + 1) * log1p(square(x) / df) - 0.5 * log(df) - betaln(0.5 * df, 0.5)",
       "stdtr(df, x)", "stdtr(df, -x)", "stdtrit(df, q)", isf="-stdtrit(df, q)", at=(3.4,),
       limit="norm")
family("gumbel_r", "", "-x - exp(-x)", "exp(-exp(-x))", "-expm1(-exp(-x))", "-log(-log(q))",
       isf="-log(-log1p(-q))", logcdf="-exp(-x)",
       logsf="where(x > 40, -x, log_less_exp(-exp(-where(x > 40, 0.0, x))))")
family("gumbel_l", "", "x - exp(x)", "-expm1(-exp(x))", "exp(-exp(x))", "log(-log1p(-q))",
       isf="log(-log(q))", logsf="-exp(x)",
       logcdf="where(x < -40, x, log_less_exp(-exp(where(x < -40, 0.0, x))))")
family("hypsecant", "", "log(2 / pi) - logaddexp(x, -x)", "2 / pi * arctan(exp(x))",
       "2 / pi * arctan(exp(-x))", "log(tan(0.5 * pi * q))", isf="-log(tan(0.5 * pi * q))",
       logcdf="where(x < -20, log(2 / pi) + x,"
       " log_of(2 / pi * arctan(exp(x)), 2 / pi * arctan(exp(-x))))",
       logsf="where(x > 20, log(2 / pi) - x,"
       " log_of(2 / pi * arctan(exp(-x)), 2 / pi * arctan(exp(x))))")
family("exponnorm", "K", "-log(K) + 0.5 / square(K) - x / K + log_ndtr(x - 1 / K)",
       "ndtr(x) - exp(0.5 / square(K) - x / K + log_ndtr(x - 1 / K))",
       "ndtr(-x) + exp(0.5 / square(K) - x / K + log_ndtr(x - 1 / K))", low="-inf",
       vanishes=True, at=(1.3,),
       floor=1e-4)
family("skewnorm", "a", f"log(2) + log_ndtr(a * x) + ({NORMAL})",
       "maximum(ndtr(x) - 2 * owens_t(x, a), 0.0)",
       "maximum(ndtr(-x) + 2 * owens_t(x, a), 0.0)", valid="", low="-inf", high="inf", at=(1.7,),
       floor=1e-4)
family("powernorm", "c", f"log(c) + zmul(c - 1, log_ndtr(-x)) + ({NORMAL})",
       "-expm1(c * log_ndtr(-x))", "exp(c * log_ndtr(-x))",
       "where(q < 0.5, ndtri(-expm1(log1p(-q) / c)), -ndtri(power(1 - q, 1 / c)))",
       logsf="c * log_ndtr(-x)", at=(2.3,),
       isf="where(q < 0.5, -ndtri(power(q, 1 / c)), ndtri(-expm1(log(q) / c)))",
       logcdf="where(x < -9, log(c) + log_ndtr(x),"
       " log_less_exp(c * log_ndtr(-where(x < -9, 0.0, x))))")
family("moyal", "", "-0.5 * (x + exp(-x)) - log(2 * pi) / 2", "erfc(exp(-0.5 * x) / sqrt(2))",
       "erf(exp(-0.5 * x) / sqrt(2))", "-log(2 * square(erfcinv(q)))",
       isf="-log(2 * square(erfinv(q)))",
       logcdf="where(x < 0, log(2) + log_ndtr(-exp(-0.5 * x)),"
       " log_of(erfc(exp(-0.5 * x) / sqrt(2)), erf(exp(-0.5 * x) / sqrt(2))))")
# Both sides as functions of where the point is, not of its modulus, whose slope at 0 is none.
UP, DOWN = "where(x > 0, x, 0.0)", "where(x > 0, 0.0, -x)"
family("dgamma", "a", "xlogy(a - 1, absolute(x)) - absolute(x) - log(2) - gammaln(a)",
       f"where(x > 0, 0.5 + 0.5 * gammainc(a, {UP}), 0.5 * gammaincc(a, {DOWN}))",
       f"where(x > 0, 0.5 * gammaincc(a, {UP}), 0.5 + 0.5 * gammainc(a, {DOWN}))",
       "where(q > 0.5, gammainccinv(a, 2 * (1 - q)), -gammainccinv(a, 2 * q))", at=(1.6,),
       isf="where(q > 0.5, -gammainccinv(a, 2 * (1 - q)), gammainccinv(a, 2 * q))",
       logcdf=f"where(x > 0, log1p(-0.5 * gammaincc(a, {UP})), log_upper(a, {DOWN}) - log(2))",
       logsf=f"where(x > 0, log_upper(a, {UP}) - log(2), log1p(-0.5 * gammaincc(a, {DOWN})))")
RIGHT, LEFT = f"-power({UP}, c)", f"-power({DOWN}, c)"
family("dweibull", "c", "log(0.5 * c) + xlogy(c - 1, absolute(x)) - power(absolute(x), c)",
       f"where(x > 0, 1 - 0.5 * exp({RIGHT}), 0.5 * exp({LEFT}))",
       f"where(x > 0, 0.5 * exp({RIGHT}), 1 - 0.5 * exp({LEFT}))",
       "where(q > 0.5, power(-log(2 * (1 - q)), 1 / c), -power(-log(2 * q), 1 / c))", at=(1.6,),
       isf="where(q > 0.5, -power(-log(2 * (1 - q)), 1 / c), power(-log(2 * q), 1 / c))",
       logcdf=f"where(x > 0, log1p(-0.5 * exp({RIGHT})), {LEFT} - log(2))",
       logsf=f"where(x > 0, {RIGHT} - log(2), log1p(-0.5 * exp({LEFT})))")
# The square is smooth at 0, where the modulus has no second derivative.
POWER = "where(beta < 2, power(absolute(x), beta), power(square(x), 0.5 * beta))"
MIDDLE = f"where({POWER} < 1e-3, {{}}, {{}})"
family("gennorm", "beta", f"log(0.5 * beta) - gammaln(1 / beta) - {POWER}",
       MIDDLE.format("0.5 + middle_mass(x, beta)", "where(x > 0,"
       f" 0.5 + 0.5 * gammainc(1 / beta, {POWER}), 0.5 * gammaincc(1 / beta, {POWER}))"),
       MIDDLE.format("0.5 - middle_mass(x, beta)", "where(x > 0,"
       f" 0.5 * gammaincc(1 / beta, {POWER}), 0.5 + 0.5 * gammainc(1 / beta, {POWER}))"),
       "where(q == 0.5, (2 * q - 1) * gamma(1 / beta + 1), where(q > 0.5, 1.0, -1.0)"
       " * power(gammainccinv(1 / beta, 2 * minimum(q, 1 - q)), 1 / beta))", at=(1.7,),
       isf="where(q == 0.5, (1 - 2 * q) * gamma(1 / beta + 1), where(q > 0.5, -1.0, 1.0)"
       " * power(gammainccinv(1 / beta, 2 * minimum(q, 1 - q)), 1 / beta))",
       logcdf=MIDDLE.format("log(0.5 + middle_mass(x, beta))", "where(x > 0,"
       f" log1p(-0.5 * gammaincc(1 / beta, {POWER})), log_upper(1 / beta, {POWER}) - log(2))"),
       logsf=MIDDLE.format("log(0.5 - middle_mass(x, beta))", "where(x < 0,"
       f" log1p(-0.5 * gammaincc(1 / beta, {POWER})), log_upper(1 / beta, {POWER}) - log(2))"))
family("johnsonsu", "a b",
       "log(b) - 0.5 * log1p(square(x)) - log(2 * pi) / 2 - 0.5 * square(a + b * arcsinh(x))",
       "ndtr(a + b * arcsinh(x))", "ndtr(-a - b * arcsinh(x))", "sinh((ndtri(q) - a) / b)",
       logcdf="log_ndtr(a + b * arcsinh(x))", valid="b > 0", at=(0.4, 1.7),
       isf="-sinh((ndtri(q) + a) / b)",
       logsf="log_ndtr(-a - b * arcsinh(x))")
family("loggamma", "c", "c * x - exp(x) - gammaln(c)", "gammainc(c, exp(x))",
       "gammaincc(c, exp(x))", "log(gammaincinv(c, q))", at=(1.7,), isf="log(gammainccinv(c, q))",
       logcdf="log_lower(c, exp(x))", logsf="log_upper(c, exp(x))")
# (1 - c x)**(1 / c) is exp(-w) with w = x * log1prel(-c x): no special point at c = 0.
GEV = "x * log1prel(-c * x)"
# exp(-w); as a power it has its slope at the upper end, too.
FALL = ("where(c > 0.5, power(maximum(1 - c * x, 0.0), 1 / where(c > 0.5, c, 1.0)),"
        f" exp(-{GEV}))")
family("genextreme", "c", f"-{FALL} - zmul(1 - c, {GEV})", f"exp(-{FALL})", f"-expm1(-{FALL})",
       "where((q == 1) * (c > 0.5), (1 - power(-log(q), c)) / where(c > 0.5, c, 1.0),"
       " -log(-log(q)) * exprel(c * log(-log(q))))", logcdf=f"-{FALL}", valid="",
       low="where(c < 0, 1 / minimum(c, -1e-300), -inf)",
       high="where(c > 0, 1 / maximum(c, 1e-300), inf)", vanishes=("True", "c != 1"), at=(0.3,),
       isf="where((q == 0) * (c > 0.5), (1 - power(-log1p(-q), c)) / where(c > 0.5, c, 1.0),"
       " -log(-log1p(-q)) * exprel(c * log(-log1p(-q))))")

# --- on the positive half line

family("expon", "", "-x", "-expm1(-x)", "exp(-x)", "-log1p(-q)", isf="-log(q)", logsf="-x", low="0")
family("lognorm", "s", "-0.5 * square(log(x) / s) - log(s * x) - log(2 * pi) / 2",
       "ndtr(log(x) / s)", "ndtr(-log(x) / s)", "exp(s * ndtri(q))", isf="exp(-s * ndtri(q))",
       logcdf="log_ndtr(log(x) / s)", logsf="log_ndtr(-log(x) / s)",
       low="0", vanishes=True, at=(0.8,))
family("gamma", "a", "xlogy(a - 1, x) - x - gammaln(a)", "gammainc(a, x)", "gammaincc(a, x)",
       "gammaincinv(a, q)", isf="gammainccinv(a, q)", low="0", at=(1.7,),
       logcdf="log_lower(a, x)", logsf="log_upper(a, x)")
family("invgamma", "a", "-(a + 1) * log(x) - gammaln(a) - 1 / x", "gammaincc(a, 1 / x)",
       "gammainc(a, 1 / x)", "1 / gammainccinv(a, q)", isf="1 / gammaincinv(a, q)",
       low="0", vanishes=True,
       at=(2.7,),
       logcdf="log_upper(a, 1 / x)", logsf="log_lower(a, 1 / x)")
family("gengamma", "a c", "where((c < 0) * (x <= 0), -inf, log(absolute(c)) + xlogy(c * a - 1, x)"
       " - power(x, c) - gammaln(a))",
       "where(c > 0, lower_mass(a, x, c), gammaincc(a, power(x, c)))",
       "where(c > 0, gammaincc(a, power(x, c)), gammainc(a, power(x, c)))",
       "where(c > 0, lower_root(a, q, c), where(q == 0, sqrt(q), upper_root(a, q, c)))",
       isf="where(c > 0, upper_root(a, q, c), where(q == 1, sqrt(1 - q), lower_root(a, q, c)))",
       logcdf="where(c > 0, log_lower(a, power(x, c)), log_upper(a, power(x, c)))",
       logsf="where(c > 0, log_upper(a, power(x, c)), log_lower(a, power(x, c)))",
       low="0", valid="(a > 0) * (absolute(c) > 0)", at=(1.7, 1.2))
family("chi2", "df", "xlogy(0.5 * df - 1, x) - 0.5 * x - gammaln(0.5 * df) - 0.5 * log(2) * df",
       "chdtr(df, x)", "chdtrc(df, x)", "2 * gammaincinv(0.5 * df, q)", isf="chdtri(df, q)",
       low="0", at=(3.4,),
       logcdf="log_lower(0.5 * df, 0.5 * x)", logsf="log_upper(0.5 * df, 0.5 * x)")
family("chi", "df", "(1 - 0.5 * df) * log(2) - gammaln(0.5 * df) + xlogy(df - 1, x)"
       " - 0.5 * square(x)", "lower_mass(0.5 * df, x, 2.0, 0.5)",
       "gammaincc(0.5 * df, 0.5 * square(x))", "2**0.5 * lower_root(0.5 * df, q, 2.0)", low="0",
       at=(3.4,), isf="2**0.5 * upper_root(0.5 * df, q, 2.0)",
       logcdf="log_lower(0.5 * df, 0.5 * square(x))", logsf="log_upper(0.5 * df, 0.5 * square(x))")
family("f", "dfn dfd", "0.5 * (dfn * log(dfn) + dfd * log(dfd)) + xlogy(0.5 * dfn - 1, x)"
       " - 0.5 * (dfn + dfd) * log(dfd + dfn * x) - betaln(0.5 * dfn, 0.5 * dfd)",
       "fdtr(dfn, dfd, x)", "fdtrc(dfn, dfd, x)", "fdtri(dfn, dfd, q)", low="0", high="inf",
       at=(3.4, 6.1),
       isf="where(q > 0.5, fdtri(dfn, dfd, 1 - q), 1 / fdtri(dfd, dfn, q))")
family("betaprime", "a b", "where(x == 0, -inf, xlogy(a - 1, x)"
       " - (a + b) * log1p(x) - betaln(a, b))",
       "betainc(a, b, x / (1 + x))",
       "where(x < 1, betaincc(a, b, x / (1 + x)), betainc(b, a, 1 / (1 + x)))",
       "betaincinv(a, b, q) / betainccinv(b, a, q)", low="0", high="inf",
       at=(1.7, 3.2),
       isf="betainccinv(a, b, q) / betaincinv(b, a, q)")
family("weibull_min", "c", "log(c) + xlogy(c - 1, x) - power(x, c)", "-expm1(-power(x, c))",
       "exp(-power(x, c))", "power(-log1p(-q), 1 / c)", isf="power(-log(q), 1 / c)",
       logsf="-power(x, c)", low="0", at=(1.6,))
family("invweibull", "c", "log(c) - (c + 1) * log(x) - power(x, -c)", "exp(-power(x, -c))",
       "-expm1(-power(x, -c))", "power(-log(q), -1 / c)", logcdf="-power(x, -c)",
       low="0", vanishes=True,
       at=(2.6,), isf="power(-log1p(-q), -1 / c)")
WEIBULL = ("where({low}, power({p}, 1 / (a * c)), power(where({small}, -log1p(-power({p}, 1 / a)),"
           " -log(-expm1({log} / a))), 1 / c))")
family("exponweib", "a c", "log(a * c) + xlogy(a - 1, -expm1(-power(x, c))) + xlogy(c - 1, x)"
       " - power(x, c)", "where(x == 0, power(x, a * c), power(-expm1(-power(x, c)), a))",
       "-expm1(a * log_of(-expm1(-power(x, c)), exp(-power(x, c))))",
       WEIBULL.format(low="q == 0", p="q", small="q < 0.5", log="log(q)"), low="0", high="inf",
       at=(1.6, 1.3),
       isf=WEIBULL.format(low="q == 1", p="(1 - q)", small="q > 0.5", log="log1p(-q)"),
       logsf="where(power(x, c) > 40, log(a) - power(x, c),"
       " log_less_exp(a * log_of(-expm1(-power(x, c)), exp(-power(x, c)))))")
family("rayleigh", "", "log(x) - 0.5 * square(x)", "-expm1(-0.5 * square(x))",
       "exp(-0.5 * square(x))", "sqrt(-2 * log1p(-q))", isf="sqrt(0.0 - 2 * log(q))",
       logsf="-0.5 * square(x)", low="0", high="inf")
family("maxwell", "", "0.5 * log(2 / pi) + 2 * log(x) - 0.5 * square(x)",
       "gammainc(1.5, 0.5 * square(x))", "gammaincc(1.5, 0.5 * square(x))",
       "sqrt(2 * gammaincinv(1.5, q))", low="0", isf="sqrt(2 * gammainccinv(1.5, q))",
       logcdf="log_lower(1.5, 0.5 * square(x))", logsf="log_upper(1.5, 0.5 * square(x))")
family("nakagami", "nu", "log(2) + xlogy(nu, nu) - gammaln(nu) + xlogy(2 * nu - 1, x)"
       " - nu * square(x)", "lower_mass(nu, x, 2.0, nu)", "gammaincc(nu, nu * square(x))",
       "lower_root(nu, q, 2.0) / sqrt(nu)", low="0", at=(1.6,),
       isf="upper_root(nu, q, 2.0) / sqrt(nu)",
       logcdf="log_lower(nu, nu * square(x))", logsf="log_upper(nu, nu * square(x))")
family("halfnorm", "", "0.5 * log(2 / pi) - 0.5 * square(x)", "erf(sqrt(0.5) * x)", "2 * ndtr(-x)",
       "sqrt(2) * erfinv(q)", isf="-ndtri(0.5 * q)", low="0",
       logsf="where(x > 1, log(2) + log_ndtr(-x), log_of(2 * ndtr(-x), erf(sqrt(0.5) * x)))")
family("halfcauchy", "", "log(2 / pi) - log1p(square(x))", "2 / pi * arctan(x)",
       "2 / pi * arctan2(1.0, x)", "tan(0.5 * pi * q)", low="0", isf="1 / tan(0.5 * pi * q)")
family("halflogistic", "", "log(2) + log_expit(x) + log_expit(-x)", "tanh(0.5 * x)",
       "2 * expit(-x)", "2 * arctanh(q)", low="0", isf="log1p(1 - q) - log(q)",
       logsf="where(x > 1, log(2) + log_expit(-x), log_of(2 * expit(-x), tanh(0.5 * x)))")
family("halfgennorm", "beta", "log(beta) - gammaln(1 / beta) - power(x, beta)",
       "lower_mass(1 / beta, x, beta)", "gammaincc(1 / beta, power(x, beta))",
       "lower_root(1 / beta, q, beta)", low="0", at=(1.7,), isf="upper_root(1 / beta, q, beta)",
       logcdf="log_lower(1 / beta, power(x, beta))", logsf="log_upper(1 / beta, power(x, beta))")
family("invgauss", "mu", "-0.5 * log(2 * pi) - 1.5 * log(x) - square((x - mu) / mu) / (2 * x)",
       "ndtr((x / mu - 1) / sqrt(x)) + exp(2 / mu + log_ndtr(-(x / mu + 1) / sqrt(x)))",
       "ndtr(-(x / mu - 1) / sqrt(x)) - exp(2 / mu + log_ndtr(-(x / mu + 1) / sqrt(x)))",
       low="0", high="inf", vanishes=True, at=(0.8,),
       floor=1e-4)
family("wald", "", "-0.5 * log(2 * pi) - 1.5 * log(x) - square(x - 1) / (2 * x)",
       "ndtr((x - 1) / sqrt(x)) + exp(2 + log_ndtr(-(x + 1) / sqrt(x)))",
       "ndtr(-(x - 1) / sqrt(x)) - exp(2 + log_ndtr(-(x + 1) / sqrt(x)))", low="0", high="inf",
       vanishes=True,
       floor=1e-4)
family("fatiguelife", "c", "log1p(x) - log(2 * c) - 0.5 * log(2 * pi) - 1.5 * log(x)"
       " - square(x - 1) / (2 * x * square(c))", "ndtr((sqrt(x) - 1 / sqrt(x)) / c)",
       "ndtr((1 / sqrt(x) - sqrt(x)) / c)",
       "0.25 * square(c * ndtri(q) + sqrt(square(c * ndtri(q)) + 4))",
       low="0", high="inf", vanishes=True, at=(0.9,),
       isf="0.25 * square(-c * ndtri(q) + sqrt(square(c * ndtri(q)) + 4))",
       logcdf="log_ndtr((sqrt(x) - 1 / sqrt(x)) / c)",
       logsf="log_ndtr((1 / sqrt(x) - sqrt(x)) / c)")
family("gompertz", "c", "log(c) + x - c * expm1(x)", "-expm1(-c * expm1(x))", "exp(-c * expm1(x))",
       "log1p(-log1p(-q) / c)", logsf="-c * expm1(x)", low="0", at=(0.9,), isf="log1p(-log(q) / c)")
family("levy", "", "-0.5 * log(2 * pi) - 1.5 * log(x) - 0.5 / x", "erfc(sqrt(0.5 / x))",
       "erf(sqrt(0.5 / x))", "0.5 / square(erfcinv(q))", low="0", vanishes=True,
       isf="0.5 / square(erfinv(q))",
       logcdf="where(x < 1, log(2) + log_ndtr(-1 / sqrt(x)),"
       " log_of(erfc(sqrt(0.5 / x)), erf(sqrt(0.5 / x))))")
family("lomax", "c", "log(c) - (c + 1) * log1p(x)", "-expm1(-c * log1p(x))", "exp(-c * log1p(x))",
       "expm1(-log1p(-q) / c)", isf="expm1(-log(q) / c)", logsf="-c * log1p(x)", low="0", at=(1.9,))
family("fisk", "c", "log(c) + xlogy(c - 1, x) + 2 * log_expit(-c * log(x))",
       "where(x == 0, power(x, c), expit(c * log(x)))",
       "where(x == 0, 1 - power(x, c), expit(-c * log(x)))", "power(q / (1 - q), 1 / c)", low="0",
       high="inf", at=(1.9,), isf="power((1 - q) / q, 1 / c)")
family("burr", "c d", "log(c * d) + xlogy(c * d - 1, x) + (d + 1) * log_expit(-c * log(x))",
       "where(x == 0, power(x, c * d), exp(d * log_expit(c * log(x))))",
       "where(x == 0, 1 - power(x, c * d), -expm1(d * log_expit(c * log(x))))",
       "power(q, 1 / (c * d)) * power(-expm1(log(q) / d), -1 / c)", low="0", high="inf",
       at=(1.9, 0.8),
       isf="power(1 - q, 1 / (c * d)) * power(-expm1(log1p(-q) / d), -1 / c)")
family("burr12", "c d", "log(c * d) + xlogy(c - 1, x) - (d + 1) * log1p(power(x, c))",
       "-expm1(-d * log1p(power(x, c)))", "exp(-d * log1p(power(x, c)))",
       "power(expm1(-log1p(-q) / d), 1 / c)", logsf="-d * log1p(power(x, c))", low="0",
       at=(1.9, 0.8), isf="power(expm1(-log(q) / d), 1 / c)")
family("loglaplace", "c", "log(0.5 * c) + xlogy(where(x < 1, c - 1, -c - 1), x)",
       "where(x < 1, 0.5 * power(x, c), 1 - 0.5 * power(x, -c))",
       "where(x < 1, 1 - 0.5 * power(x, c), 0.5 * power(x, -c))",
       "where(q < 0.5, power(2 * q, 1 / c), power(2 * (1 - q), -1 / c))", low="0", at=(1.9,),
       isf="where(q < 0.5, power(2 * q, -1 / c), power(2 * (1 - q), 1 / c))")
PARETO = "x * log1prel(c * x)"
family("genpareto", "c", f"-(c + 1) * {PARETO}", f"-expm1(-{PARETO})", f"exp(-{PARETO})",
       "where((q == 1) * (c < -0.5), (power(1 - q, -c) - 1) / (c - (c >= -0.5)),"
       " -log1p(-q) * exprel(-c * log1p(-q)))",
       isf="where((q == 0) * (c < -0.5), (power(q, -c) - 1) / (c - (c >= -0.5)),"
       " -log(q) * exprel(-c * log(q)))",
       logsf=f"-{PARETO}", valid="", low="0",
       high="where(c < 0, -1 / minimum(c, -1e-300), 1.7e308)", at=(0.4,))

# --- bounded

family("uniform", "", "0.0 * x", "x", "1 - x", "q", low="0", high="1", isf="1 - q")
family("beta", "a b", "xlog1py(b - 1, -x) + xlogy(a - 1, x) - betaln(a, b)", "betainc(a, b, x)",
       "betaincc(a, b, x)", "betaincinv(a, b, q)", isf="betainccinv(a, b, q)", low="0", high="1",
       at=(1.7, 2.4))
family("arcsine", "", "-log(pi) - 0.5 * log(x * (1 - x))",
       "2 / pi * arctan2(sqrt(x), sqrt(1 - x))", "2 / pi * arctan2(sqrt(1 - x), sqrt(x))",
       "square(sin(0.5 * pi * q))", low="0", high="1", isf="square(cos(0.5 * pi * q))")
family("powerlaw", "a", "log(a) + where((x <= 0) * (a < 1), -inf, xlogy(a - 1, x))",
       "power(x, a)", "-expm1(a * log(x))",
       "power(q, 1 / a)", logcdf="a * log(x)", low="0", high="1", at=(1.7,),
       isf="power(1 - q, 1 / a)")
RISES = "x < where(c == 1, inf, c)"  # with c = 1 up to its end
family("triang", "c", f"log(2 * where({RISES}, x / c, (1 - x) / (1 - c)))",
       f"where({RISES}, square(x) / c, 1 - square(1 - x) / (1 - c))",
       f"where({RISES}, 1 - square(x) / c, square(1 - x) / (1 - c))",
       "where(q < where(c == 1, inf, c), sqrt(c * q), 1 - sqrt((1 - c) * (1 - q)))",
       low="0", high="1",
       valid="(c >= 0) * (c <= 1)", at=(0.4,),
       isf="where(q > where(c == 1, -inf, 1 - c), sqrt(c * (1 - q)), 1 - sqrt((1 - c) * q))")
family("johnsonsb", "a b",
       "log(b) - log(x * (1 - x)) - log(2 * pi) / 2 - 0.5 * square(a + b * logit(x))",
       "ndtr(a + b * logit(x))", "ndtr(-a - b * logit(x))", "expit((ndtri(q) - a) / b)",
       low="0", vanishes=True, high="1", valid="b > 0", at=(0.4, 1.7),
       isf="expit(-(ndtri(q) + a) / b)",
       logcdf="log_ndtr(a + b * logit(x))", logsf="log_ndtr(-a - b * logit(x))")
family("bradford", "c", "log(c) - log1p(c * x) - log(log1p(c))", "log1p(c * x) / log1p(c)",
       "log1p(c * (1 - x) / (1 + c * x)) / log1p(c)", "expm1(q * log1p(c)) / c", low="0", high="1",
       at=(1.4,))
family("truncexpon", "b", "-x - log(-expm1(-b))", "expm1(-x) / expm1(-b)",
       "exp(-x) * expm1(x - b) / expm1(-b)", "-log1p(q * expm1(-b))", low="0", high="b", at=(2.4,),
       isf="-log(exp(-b) - q * expm1(-b))")
family("loguniform", "a b", "-log(x) - log(log(b / a))", "log1p((x - a) / a) / log(b / a)",
       "log1p((b - x) / x) / log(b / a)", "a * exp(q * log(b / a))", low="a", high="b",
       valid="(a > 0) * (b > a)", at=(0.2, 2.4), isf="b * exp(-q * log(b / a))")
family("truncnorm", "a b", f"({NORMAL}) - log_normal_mass(a, b)",
       "where(x == a, (x - a) / (2 * pi)**0.5 * exp(-0.5 * square(a) - log_normal_mass(a, b)),"
       " exp(log_normal_mass(a, x) - log_normal_mass(a, b)))",
       "where(x == b, (b - x) / (2 * pi)**0.5 * exp(-0.5 * square(b) - log_normal_mass(a, b)),"
       " exp(log_normal_mass(x, b) - log_normal_mass(a, b)))",
       "where(a > 0, -ndtri(ndtr(-a) - q * exp(log_normal_mass(a, b))),"
       " ndtri(ndtr(a) + q * exp(log_normal_mass(a, b))))",
       logcdf="log_normal_mass(a, x) - log_normal_mass(a, b)", low="a", high="b", valid="a < b",
       at=(-0.7, 1.9))
family("pareto", "b", "log(b) - (b + 1) * log(x)", "-expm1(-b * log(x))", "power(x, -b)",
       "power(1 - q, -1 / b)", isf="power(q, -1 / b)", logsf="-b * log(x)", low="1", at=(1.9,))
family("weibull_max", "c", "log(c) + xlogy(c - 1, -x) - power(-x, c)", "exp(-power(-x, c))",
       "-expm1(-power(-x, c))", "-power(-log(q), 1 / c)", logcdf="-power(-x, c)", high="0",
       at=(1.6,), isf="-power(-log1p(-q), 1 / c)")


def discrete(name: str, shapes: str, logpmf: str, cdf: str | None, sf: str | None,
             low: str | None, high: str | None, valid: str,
             at: tuple[float, ...]) -> None:  # fmt: skip
    """Add a family on whole numbers ``x``, without a derivative by them."""
    DISCRETE[name] = Family(name, tuple(shapes.split()), logpmf, cdf=cdf, sf=sf, low=low, high=high,
                            valid=valid, at=at)  # fmt: skip


UNIT = "(p >= 0) * (p <= 1)"
WHOLE = "(n >= 0) * (floor(n) == n)"
discrete("bernoulli", "p", "xlogy(x, p) + xlog1py(1 - x, -p)", "where(x < 1, 1 - p, 1.0)",
         "where(x < 1, p, 0.0)", "0", "1", UNIT, (0.3,))
discrete("binom", "n p", "gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1) + xlogy(x, p)"
         " + xlog1py(n - x, -p)", "betaincc(x + 1, n - x, p)", "betainc(x + 1, n - x, p)", "0", "n",
         f"{WHOLE} * {UNIT}", (6, 0.3))
discrete("poisson", "mu", "xlogy(x, mu) - gammaln(x + 1) - mu", "gammaincc(x + 1, mu)",
         "gammainc(x + 1, mu)", "0", None, "mu >= 0", (2.3,))
discrete("geom", "p", "xlog1py(x - 1, -p) + log(p)", "-expm1(x * log1p(-p))",
         "exp(x * log1p(-p))", "1", None, "(p > 0) * (p <= 1)", (0.3,))
discrete("nbinom", "n p", "gammaln(n + x) - gammaln(x + 1) - gammaln(n) + n * log(p)"
         " + xlog1py(x, -p)", "betainc(n, x + 1, p)", "betaincc(n, x + 1, p)", "0", None,
         "(n > 0) * (p > 0) * (p <= 1)", (4.5, 0.3))
discrete("logser", "p", "xlogy(x, p) - log(x) - log(-log1p(-p))", None, None, "1", None,
         "(p > 0) * (p < 1)", (0.3,))
discrete("planck", "lambda_", "log(-expm1(-lambda_)) - lambda_ * x", "-expm1(-lambda_ * (x + 1))",
         "exp(-lambda_ * (x + 1))", "0", None, "lambda_ > 0", (0.7,))
discrete("zipf", "a", "-log(zeta_riemann(a)) - a * log(x)", None, None, "1", None, "a > 1", (2.3,))
discrete("betabinom", "n a b", "-log(n + 1) - betaln(n - x + 1, x + 1) + betaln(x + a, n - x + b)"
         " - betaln(a, b)", None, None, "0", "n", f"{WHOLE} * (a > 0) * (b > 0)", (6, 1.3, 0.8))
