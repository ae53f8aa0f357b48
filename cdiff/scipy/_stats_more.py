"""More distributions as rows, in the language of `_stats_table.py`, which explains it: the ones met
less often. There is no derivative here.
"""

# A table: one row is one line or two.
# fmt: off

from __future__ import annotations

from dataclasses import replace

from cdiff.scipy._stats_table import CONTINUOUS, WHOLE, discrete, family

__all__: list[str] = []

# --- on the whole line

TOTAL = "(m / beta / (m - 1) * exp(-0.5 * square(beta)) + sqrt(2 * pi) * ndtr(beta))"
LEFT = ("exp(-0.5 * square(beta)) * m / (beta * (m - 1))"
        " * exp((1 - m) * log1p(-beta / m * (x + beta)))")
family("crystalball", "beta m",
       "where(x > -beta, -0.5 * square(x), -m * log1p(-beta / m * (x + beta)) - 0.5 * square(beta))"
       f" - log({TOTAL})", f"where(x > -beta, {TOTAL} - sqrt(2 * pi) * ndtr(-x), {LEFT}) / {TOTAL}",
       f"where(x > -beta, sqrt(2 * pi) * ndtr(-x), {TOTAL} - {LEFT}) / {TOTAL}",
       valid="(beta > 0) * (m > 1)", at=(1.2, 2.7))
family("genhyperbolic", "p a b",
       "p * log(sqrt((a - b) * (a + b))) - (p - 0.5) * (log(a) - log(hypot(1.0, x)))"
       " - log(2 * pi) / 2 - log(kve(p, sqrt((a - b) * (a + b)))) + sqrt((a - b) * (a + b)) + b * x"
       " + log(kve(p - 0.5, a * hypot(1.0, x))) - a * hypot(1.0, x)",
       valid="absolute(b) < a", mode="b / sqrt((a - b) * (a + b))", at=(0.7, 1.6, 0.4))
# 1 + x / h and 1 - x / h with h = sqrt(a + b + x**2), the smaller one without a difference.
ROOT = "sqrt(a + b + square(x))"
UP = f"where(x > 0, 1 + x / {ROOT}, (a + b) / ({ROOT} * ({ROOT} - x)))"
DOWN = f"where(x > 0, (a + b) / ({ROOT} * ({ROOT} + x)), 1 - x / {ROOT})"
family("jf_skew_t", "a b", f"(a + 0.5) * log({UP}) + (b + 0.5) * log({DOWN})"
       " - (a + b - 1) * log(2) - betaln(a, b) - 0.5 * log(a + b)",
       f"betainc(a, b, 0.5 * ({UP}))", f"betainc(b, a, 0.5 * ({DOWN}))",
       "(betaincinv(a, b, q) - betainccinv(b, a, q)) * sqrt(a + b)"
       " / (2 * sqrt(betaincinv(a, b, q) * betainccinv(b, a, q)))", at=(1.7, 2.4), low="-inf",
       high="inf",
       isf="(betainccinv(a, b, q) - betaincinv(b, a, q)) * sqrt(a + b)"
       " / (2 * sqrt(betainccinv(a, b, q) * betaincinv(b, a, q)))")
# With u = (1 - k x)**(1 / k), no shape 0 is a special point.
KAPPA = "x * log1prel(-k * x)"
# exp(-w); as a power it has its slope at the upper end, too.
FALLEN = ("where(k > 0.5, power(maximum(1 - k * x, 0.0), 1 / where(k > 0.5, k, 1.0)),"
          f" exp(-{KAPPA}))")
LOG_CDF = f"-{FALLEN} * log1prel(-minimum(h * {FALLEN}, 1.0))"
BELOW = "where(({p} == 0) * (h > 0.5), 1 / where(h > 0.5, h, 1.0) * (1 - power({p}, h)), -{log}"
BELOW += " * exprel(h * {log}))"
ROSE = "where(({0} == 0) * (k > 0.5), (1 - power({0}, k)) / where(k > 0.5, k, 1.0), -log({0})"
ROSE += " * exprel(k * log({0})))"
family("kappa4", "h k", f"-zmul(1 - k, {KAPPA}) + zmul(1 - h, {LOG_CDF})", f"exp({LOG_CDF})",
       f"-expm1({LOG_CDF})", ROSE.format(BELOW.format(p="q", log="log(q)")),
       logcdf=LOG_CDF, valid="",
       low="where(h > 0, log(maximum(h, 1e-300)) * exprel(-k * log(maximum(h, 1e-300))),"
       " where(k < 0, 1 / minimum(k, -1e-300), -inf))",
       high="where(k > 0, 1 / maximum(k, 1e-300), inf)", vanishes=("h < 1", "k < 1"),
       at=(0.3, 0.2),
       isf=ROSE.format(BELOW.format(p="(1 - q)", log="log1p(-q)")))
family("laplace_asymmetric", "kappa",
       "where(x < 0, x / kappa, -x * kappa) - log(kappa + 1 / kappa)",
       "where(x < 0, kappa / (kappa + 1 / kappa) * exp(x / kappa),"
       " 1 - exp(-x * kappa) / (1 + square(kappa)))",
       "where(x < 0, 1 - kappa / (kappa + 1 / kappa) * exp(x / kappa),"
       " exp(-x * kappa) / (1 + square(kappa)))",
       "where(q < square(kappa) / (1 + square(kappa)),"
       " kappa * log(q * (1 + 1 / square(kappa))), -log((1 - q) * (1 + square(kappa))) / kappa)",
       isf="where(q < 1 / (1 + square(kappa)), -log(q * (1 + square(kappa))) / kappa,"
       " kappa * log((1 - q) * (1 + 1 / square(kappa))))", at=(1.4,),
       logcdf="where(x < 0, x / kappa - log1p(1 / square(kappa)),"
       " log1p(-exp(-x * kappa) / (1 + square(kappa))))",
       logsf="where(x > 0, -x * kappa - log1p(square(kappa)),"
       " log1p(-exp(x / kappa) * square(kappa) / (1 + square(kappa))))")
family("norminvgauss", "a b", "log(a / pi) + sqrt((a - b) * (a + b)) + b * x - a * hypot(1.0, x)"
       " + log(k1e(a * hypot(1.0, x))) - log(hypot(1.0, x))",
       valid="(a > 0) * (absolute(b) < a)", low="-inf", high="inf",
       mode="b / sqrt((a - b) * (a + b))", at=(1.3, 0.4))
family("skewcauchy", "a", "-log(pi) - log1p(square(x / where(x < 0, 1 - a, 1 + a)))",
       "where(x < 0, (1 - a) / pi * arctan2(1 - a, -x), 1 - (1 + a) / pi * arctan2(1 + a, x))",
       "where(x < 0, 1 - (1 - a) / pi * arctan2(1 - a, -x), (1 + a) / pi * arctan2(1 + a, x))",
       "where(q < 0.5 * (1 - a), -(1 - a) / tan(pi * q / (1 - a)),"
       " (1 + a) * tan(pi * (q - 0.5 * (1 - a)) / (1 + a)))",
       isf="where(q < 0.5 * (1 + a), (1 + a) / tan(pi * q / (1 + a)),"
       " -(1 - a) * tan(pi * (q - 0.5 * (1 + a)) / (1 - a)))", valid="absolute(a) < 1", low="-inf",
       high="inf", at=(0.3,))
family("tukeylambda", "lam",
       "-log(power(tklmbda(x, lam), lam - 1) + power(tklmbda(-x, lam), lam - 1))",
       "tklmbda(x, lam)", "tklmbda(-x, lam)", "boxcox(q, lam) - boxcox1p(-q, lam)", valid="",
       low="where(lam > 0, -1 / maximum(lam, 1e-300), -1.7e308)",
       high="where(lam > 0, 1 / maximum(lam, 1e-300), 1.7e308)",
       isf="boxcox1p(-q, lam) - boxcox(q, lam)", vanishes=("True", "True"), at=(-0.3,))
VONMISES = "kappa * cosm1(x) - log(2 * pi) - log(i0e(kappa))"
family("vonmises", "kappa", VONMISES, "turned_mass(x, kappa)", valid="kappa >= 0", low="-inf",
       high="inf", at=(1.7,))

R = "(df + square(x))"
Z = f"(0.5 * square(nc * x) / {R})"
# Where the two terms cancel, their difference is one function; of large df it underflows.
FAR = f"(nc * x < 0) * ({Z} > 0.5) * (df < 200)"
family("nct", "df nc", f"0.5 * df * log(df / {R}) + gammaln(df + 1) - df * log(2)"
       f" - gammaln(0.5 * df) - gammaln(0.5 * df + 1) - 0.5 * df * square(nc) / {R}"
       f" + where({FAR}, gammaln(0.5 * df + 1) - 0.5 * log(pi * {R}) - {Z}"
       f" + log(hyperu(0.5 * df + 0.5, 0.5, where({FAR}, {Z}, 1.0))),"
       f" log(where({FAR}, 1.0, sqrt(2) * nc * x / {R} * hyp1f1(0.5 - 0.5 * df, 1.5, -{Z})"
       f" * exp(gammaln(0.5 * df + 1) - gammaln(0.5 * df + 0.5))"
       f" + hyp1f1(-0.5 * df, 0.5, -{Z}) / sqrt({R}))))", valid="df > 0", mode="nc", at=(5.3, 0.7))
# (1 + k x)**(1 / k**2 - 1) with k = skew / 2: no special point at skew = 0.
family("pearson3", "skew", "-0.5 * log(2 * pi) - stirling_rest(square(0.5 * skew))"
       " - log1p(0.5 * skew * x) - 0.5 * square(x) * hyp2f1(2.0, 1.0, 3.0, -0.5 * skew * x)",
       low="where(skew > 0, -2 / where(skew > 0, skew, 1.0), -inf)",
       high="where(skew < 0, -2 / where(skew < 0, skew, -1.0), inf)", vanishes=True, valid="",
       mode="-0.5 * skew", at=(0.8,))

# --- on the positive half line

family("alpha", "a", "-2 * log(x) - 0.5 * square(a - 1 / x) - log(2 * pi) / 2 - log_ndtr(a)",
       "exp(log_ndtr(a - 1 / x) - log_ndtr(a))",
       "exp(log_normal_mass(a - 1 / x, a) - log_ndtr(a))",
       "1 / (a - ndtri(q * ndtr(a)))", logcdf="log_ndtr(a - 1 / x) - log_ndtr(a)",
       low="0", vanishes=True, at=(1.3,))
CONTINUOUS["erlang"] = replace(CONTINUOUS["gamma"], name="erlang", at=(2.0,))
family("exponpow", "b", "1 + log(b) + xlogy(b - 1, x) + power(x, b) - exp(power(x, b))",
       "-expm1(-expm1(power(x, b)))", "exp(-expm1(power(x, b)))",
       "power(log1p(-log1p(-q)), 1 / b)", isf="power(log1p(-log(q)), 1 / b)",
       logsf="-expm1(power(x, b))", low="0", at=(1.7,))
family("foldcauchy", "c", "-log(pi) + log(1 / (1 + square(x - c)) + 1 / (1 + square(x + c)))",
       "(arctan(x - c) + arctan(x + c)) / pi", "(arctan2(1.0, x - c) + arctan2(1.0, x + c)) / pi",
       low="0", valid="c >= 0", at=(1.3,))
family("foldnorm", "c", "logaddexp(-0.5 * square(x - c), -0.5 * square(x + c)) - log(2 * pi) / 2",
       "where(x == 0, x * (2 / pi)**0.5 * exp(-0.5 * square(c + 0.0 * x)),"
       " exp(log_normal_mass(-x - c, x - c)))", "ndtr(c - x) + ndtr(-c - x)", low="0",
       valid="c >= 0", at=(1.3,),
       logsf="logaddexp(log_ndtr(c - x), log_ndtr(-c - x))")
family("gibrat", "", "-0.5 * square(log(x)) - log(x) - log(2 * pi) / 2", "ndtr(log(x))",
       "ndtr(-log(x))", "exp(ndtri(q))", isf="exp(-ndtri(q))", logcdf="log_ndtr(log(x))",
       logsf="log_ndtr(-log(x))", low="0", vanishes=True)
GROWN = "-x * (a + b * (1 - exprel(-c * x)))"
family("genexpon", "a b c", f"log(a - b * expm1(-c * x)) + {GROWN}", f"-expm1({GROWN})",
       f"exp({GROWN})", logsf=GROWN, low="0", at=(1.2, 0.7, 1.6))
family("geninvgauss", "p b", "xlogy(p - 1, x) - 0.5 * b * square(x - 1) / x - log(2)"
       " - log(kve(p, b))", low="0", high="inf", vanishes=True, valid="b > 0", at=(1.7, 0.8),
       mode="(p - 1 + hypot(p - 1, b)) / b")
family("kappa3", "a", "log(a) - (1 / a + 1) * log(a + power(x, a))",
       "x * power(a + power(x, a), -1 / a)",
       "where(x == 0, 1 - x * a**(-1 / a), -expm1(log_expit(a * log(x * a**(-1 / a))) / a))",
       "q * power(-expm1(a * log(q)) / a, -1 / a)",
       isf="(1 - q) * power(-expm1(a * log1p(-q)) / a, -1 / a)",
       low="0", high="inf", at=(1.6,))
MIELKE = "k / s * log_expit(s * log(x))"
family("mielke", "k s", "log(k) + xlogy(k - 1, x) + (1 + k / s) * log_expit(-s * log(x))",
       f"where(x == 0, power(x, k), exp({MIELKE}))",
       f"where(x == 0, 1 - power(x, k), -expm1({MIELKE}))",
       "power(q, 1 / k) * power(-expm1(s / k * log(q)), -1 / s)",
       logcdf=MIELKE, low="0",
       isf="power(1 - q, 1 / k) * power(-expm1(s / k * log1p(-q)), -1 / s)", high="inf",
       at=(2.7, 1.9))
family("ncx2", "df nc", "log_noncentral_density(x, df, nc)", "chndtr(x, df, nc)",
       low="0", high="inf", vanishes=True, valid="(df > 0) * (nc >= 0)",        at=(3.4, 1.2),
       floor=1e-4)
family("ncf", "dfn dfd nc", "where(x == 0, -inf, 0.5 * (dfn * log(dfn) + dfd * log(dfd))"
       " + xlogy(0.5 * dfn - 1, x)"
       " - 0.5 * (dfn + dfd) * log(dfd + dfn * x) - betaln(0.5 * dfn, 0.5 * dfd)"
       " - 0.5 * nc * dfd / (dfd + dfn * x)"
       " + log(hyp1f1(-0.5 * dfd, 0.5 * dfn, -0.5 * nc * dfn * x / (dfd + dfn * x))))", low="0",
       high="inf", valid="(dfn > 0) * (dfd > 0) * (nc >= 0)", mode="(dfn + nc) / dfn",
       at=(7.4, 6.1, 1.3))
family("powerlognorm", "c s", "log(c) - log(s * x) - 0.5 * square(log(x) / s) - log(2 * pi) / 2"
       " + zmul(c - 1, log_ndtr(-log(x) / s))", "-expm1(c * log_ndtr(-log(x) / s))",
       "exp(c * log_ndtr(-log(x) / s))",
       "exp(s * where(q < 0.5, ndtri(-expm1(log1p(-q) / c)), -ndtri(power(1 - q, 1 / c))))",
       isf="exp(-s * where(q < 0.5, ndtri(power(q, 1 / c)), -ndtri(-expm1(log(q) / c))))",
       logsf="c * log_ndtr(-log(x) / s)", low="0", high="inf", vanishes=True, at=(1.7, 0.8),
       logcdf="where(log(x) < -9 * s, log(c) + log_ndtr(log(x) / s),"
       " log_less_exp(c * log_ndtr(-where(log(x) < -9 * s, 0.0, log(x) / s))))")
family("recipinvgauss", "mu", "-0.5 * log(2 * pi * x) - square(1 / mu - x) / (2 * x)",
       "ndtr((x - 1 / mu) / sqrt(x)) - exp(2 / mu + log_ndtr(-(x + 1 / mu) / sqrt(x)))",
       "ndtr((1 / mu - x) / sqrt(x)) + exp(2 / mu + log_ndtr(-(x + 1 / mu) / sqrt(x)))",
       low="0", high="inf", vanishes=True, at=(0.8,),
       floor=1e-4)
family("rel_breitwigner", "rho",
       "log(2 / pi) + 0.5 * log(2 * (1 + 1 / square(rho)) / (1 + hypot(1.0, 1 / rho)))"
       " - log1p(square((x - rho) * (x + rho) / rho))", low="0", mode="rho", at=(1.7,))
family("rice", "b", "log(x) - 0.5 * square(x - b) + log(i0e(x * b))",
       "chndtr(square(x), 2.0, square(b))", low="0", high="inf", vanishes=True,
       valid="b >= 0", at=(1.2,),
       floor=1e-4)

# --- bounded

family("anglit", "", "log(cos(2 * x))", "square(sin(x + 0.25 * pi))", "square(sin(0.25 * pi - x))",
       "arcsin(sqrt(q)) - 0.25 * pi", isf="0.25 * pi - arcsin(sqrt(q))", low="-0.25 * pi",
       high="0.25 * pi")
ARGUS = "gammainc(1.5, 0.5 * square(chi))"
family("argus", "chi", f"3 * log(chi) - log(2 * pi) / 2 - log(0.5 * {ARGUS}) + log(x)"
       " + 0.5 * log1p(-square(x)) - 0.5 * square(chi) * (1 - square(x))",
       f"1 - gammainc(1.5, 0.5 * square(chi) * (1 - square(x))) / {ARGUS}",
       f"gammainc(1.5, 0.5 * square(chi) * (1 - square(x))) / {ARGUS}",
       f"sqrt(maximum(1 - 2 * gammaincinv(1.5, (1 - q) * {ARGUS}) / square(chi), 0.0))",
       isf=f"sqrt(1 - 2 * gammaincinv(1.5, q * {ARGUS}) / square(chi))",
       low="0", high="1", vanishes=True, at=(1.6,))
family("cosine", "", "log(square(cos(0.5 * x)) / pi)", "(x + pi - sin(x + pi)) / (2 * pi)",
       "(pi - x - sin(pi - x)) / (2 * pi)", low="-pi", high="pi", vanishes=True)
family("gausshyper", "a b c z", "xlogy(a - 1, x) + xlog1py(b - 1, -x) - c * log1p(z * x)"
       " - betaln(a, b) - log(hyp2f1(c, a, a + b, -z))", low="0", high="1", mode="0.5 + 0.0 * a",
       valid="(a > 0) * (b > 0) * (z > -1)", at=(2.3, 1.8, 0.7, 1.4))
HALF = "x * log1prel(-c * x)"
family("genhalflogistic", "c", f"log(2) - zmul(1 - c, {HALF}) - 2 * log1p(exp(-{HALF}))",
       f"tanh(0.5 * {HALF})", f"2 * expit(-{HALF})",
       "where(q < 1, -expm1(-2 * c * arctanh(q)), 1 - power((1 - q) / (1 + q), c)) / c",
       isf="where(q > 0, -expm1(-c * (log1p(1 - q) - log(q))), 1 - power(q / (2 - q), c)) / c",
       low="0", high="1 / c",
       at=(0.4,))
family("levy_l", "", "-0.5 * log(2 * pi) - 1.5 * log(-x) + 0.5 / x", "erf(sqrt(0.5 / absolute(x)))",
       "erfc(sqrt(0.5 / absolute(x)))", "-0.5 / square(erfinv(q))", isf="-0.5 / square(erfcinv(q))",
       high="0", vanishes=True)
family("rdist", "c", "xlog1py(0.5 * c - 1, x) + xlog1py(0.5 * c - 1, -x) - betaln(0.5, 0.5 * c)",
       "betainc(0.5 * c, 0.5 * c, 0.5 * (1 + x))", "betainc(0.5 * c, 0.5 * c, 0.5 * (1 - x))",
       "2 * betaincinv(0.5 * c, 0.5 * c, q) - 1", isf="1 - 2 * betaincinv(0.5 * c, 0.5 * c, q)",
       low="-1.0", high="1", at=(2.6,))
family("semicircular", "", "log(2 / pi) + 0.5 * log1p(-square(x))",
       "betainc(1.5, 1.5, 0.5 * (1 + x))", "betainc(1.5, 1.5, 0.5 * (1 - x))",
       "2 * betaincinv(1.5, 1.5, q) - 1", isf="1 - 2 * betaincinv(1.5, 1.5, q)", low="-1.0",
       high="1")
family("trapezoid", "c d",
       "log(2 * where(x < c, x / c, where(x > d, (1 - x) / (1 - d), 1.0 + 0.0 * x))"
       " / (1 + d - c))",
       "where(x < c, square(x) / c, where(x > d, 1 + d - c - square(1 - x) / (1 - d), 2 * x - c))"
       " / (1 + d - c)",
       "where(x < c, 1 + d - c - square(x) / c, where(x > d, square(1 - x) / (1 - d),"
       " 1 + d - 2 * x)) / (1 + d - c)",
       "where(q * (1 + d - c) < c, sqrt(q * c * (1 + d - c)), where((1 - q) * (1 + d - c) < 1 - d,"
       " 1 - sqrt((1 - q) * (1 + d - c) * (1 - d)), 0.5 * (q * (1 + d - c) + c)))",
       valid="(c >= 0) * (d >= c) * (d <= 1)", low="0", high="1", at=(0.2, 0.7),
       isf="where((1 - q) * (1 + d - c) < c, sqrt((1 - q) * c * (1 + d - c)),"
       " where(q * (1 + d - c) < 1 - d, 1 - sqrt(q * (1 + d - c) * (1 - d)),"
       " 0.5 * ((1 - q) * (1 + d - c) + c)))")
family("truncpareto", "b c", "log(-b / expm1(-b * log(c))) - (b + 1) * log(x)",
       "expm1(-b * log(x)) / expm1(-b * log(c))",
       "power(x, -b) * expm1(b * log(x / c)) / expm1(-b * log(c))",
       "exp(-log1p(q * expm1(-b * log(c))) / b)",
       isf="exp(-log(power(c, -b) - q * expm1(-b * log(c))) / b)", valid="c > 1", low="1",
       high="c", at=(1.9, 3.4))
MASS = "expm1(power(a, c) - power(b, c))"
family("truncweibull_min", "c a b",
       f"log(c) + xlogy(c - 1, x) + power(a, c) - power(x, c) - log(-{MASS})",
       f"expm1(power(a, c) - power(x, c)) / {MASS}",
       f"exp(power(a, c) - power(x, c)) * expm1(power(x, c) - power(b, c)) / {MASS}",
       f"power(power(a, c) - log1p(q * {MASS}), 1 / c)", low="a", high="b",
       isf=f"power(power(a, c) - where(q > 0.5, log1p((1 - q) * {MASS}),"
           f" log(exp(power(a, c) - power(b, c)) - q * {MASS})), 1 / c)",
       valid="(c > 0) * (a >= 0) * (b > a)", at=(1.7, 0.3, 1.9))
family("vonmises_line", "kappa", VONMISES, valid="kappa >= 0", low="-pi", high="pi",
       mode="0.0 * kappa", at=(1.7,))
family("wrapcauchy", "c", "log1p(-square(c)) - log(2 * pi)"
       " - log(square(1 - c) + 4 * c * square(sin(0.5 * x)))",
       "arctan2((1 + c) * sin(0.5 * x), (1 - c) * cos(0.5 * x)) / pi",
       "arctan2((1 + c) * sin(0.5 * (2 * pi - x)), (1 - c) * cos(0.5 * (2 * pi - x))) / pi",
       "2 * arctan2((1 - c) * sin(pi * q), (1 + c) * cos(pi * q))",
       isf="2 * pi - 2 * arctan2((1 - c) * sin(pi * q), (1 + c) * cos(pi * q))", low="0",
       high="2 * pi",
       valid="(c > 0) * (c < 1)", at=(0.4,))

# --- on whole numbers

discrete("betanbinom", "n a b", "-log(n + x) - betaln(n, x + 1) + betaln(a + n, b + x)"
         " - betaln(a, b)", None, None, "0", None, f"{WHOLE} * (a > 0) * (b > 0)", (5, 2.3, 1.8))
discrete("boltzmann", "lambda_ N", "log(expm1(-lambda_) / expm1(-lambda_ * N)) - lambda_ * x",
         "expm1(-lambda_ * (x + 1)) / expm1(-lambda_ * N)",
         "exp(-lambda_ * (x + 1)) * expm1(-lambda_ * (N - x - 1)) / expm1(-lambda_ * N)", "0",
         "N - 1", "(lambda_ > 0) * (N > 0) * (floor(N) == N)", (0.7, 8))
discrete("dlaplace", "a", "log(tanh(0.5 * a)) - a * absolute(x)",
         "where(x < 0, exp(a * x) * expit(a), 1 - exp(-a * x) * expit(-a))",
         "where(x < 0, 1 - exp(a * x) * expit(a), exp(-a * x) * expit(-a))", None, None,
         "a > 0", (0.8,))
discrete("skellam", "mu1 mu2", "-square(sqrt(mu1) - sqrt(mu2)) + 0.5 * x * log(mu1 / mu2)"
         " + log(ive(absolute(x), 2 * sqrt(mu1 * mu2)))", None, None, None, None,
         "(mu1 > 0) * (mu2 > 0)", (2.3, 1.7))
discrete("yulesimon", "alpha", "log(alpha) + betaln(x, alpha + 1)",
         "1 - zmul(beta(x, alpha + 1), x)",
         "zmul(beta(x, alpha + 1), x)", "1", None, "alpha > 0", (2.7,))
