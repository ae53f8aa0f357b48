"""Exponential integrals, elliptic integrals, hypergeometric functions, orthogonal polynomials, zeta
functions and elementary functions as rows.

As in the other tables, ``y`` is the result, and a derivative is an expression in functions of the
tables that keeps its digits where a quotient of small differences would not.
"""

# A table: one row is one line or two.
# fmt: off

from __future__ import annotations

from math import log, pi

from cdiff.scipy._table import Table

__all__ = ["MORE"]

MORE = Table()
row, equal = MORE.row, MORE.equal

REAL = (-2.3, -0.4, 0.7, 1.9)
POSITIVE = (0.2, 1.9, 12.0)

# --- exponential integrals and relatives

row("exp1", "x", "-exp(-x) / x", mp="e1(x)", at=POSITIVE, domain="x > 0")
row("expi", "x", "exp(x) / x", mp="ei(x)", at=(-1.5, 0.3, 4.0), domain="x != 0")
row("expn", "n x", None, "where(n >= 1, -expn(maximum(trunc(n) - 1, 0), x), -(1 + 1 / x) * y)",
    mp="expint(n, x)", at=((0, 0.7), (1, 0.7), (3, 2.0)), domain="x > 0")
# SciPy's hyp1f1 does not return from infinite arguments.
row("exprel", "x", "where(absolute(x) < 3, 0.5 * hyp1f1(2.0, 3.0, clip(x, -3.0, 3.0)),"
    " safe_divide(exp(x) - y, x))", mp="expm1(x) / x if x else mpf(1)",
    at=(*REAL, 0.0, 30.0, -30.0))
row("shichi_0", "x", "0.5 * (exprel(x) + exprel(-x))", mp="shi(x)", at=POSITIVE[:2], public=False)
row("shichi_1", "x", "cosh(x) / x", mp="chi(x)", at=POSITIVE[:2], public=False)
row("sici_0", "x", f"where(absolute(x) < 1e300, sinc(x / {pi!r}), 0.0)", mp="si(x)",
    at=(*REAL, 12.0), public=False)
row("sici_1", "x", "where(x < 1e300, cos(x) / x, 0.0)", mp="ci(x)", at=POSITIVE, public=False)
row("fresnel_0", "x", "sin(0.5 * pi * square(x))", mp="fresnels(x)", at=REAL, public=False)
row("fresnel_1", "x", "cos(0.5 * pi * square(x))", mp="fresnelc(x)", at=REAL, public=False)
row("spence", "x", "-log1prel(x - 1)", mp="polylog(2, 1 - x)", at=(0.2, 0.9, 1.6),
    domain="x > 0")
row("lambertw_real", "x k", "exp(-y) / (1 + y)", None, mp="re(lambertw(x, int(k)))",
    at=((0.3, 0), (4.0, 0), (-0.2, -1), (-0.2, 0)), public=False)
row("wrightomega", "x", "y / (1 + y)", mp="re(lambertw(exp(x)))", at=(-2.0, 0.5, 6.0))

# --- elliptic integrals: the quotients are removable singularities at m = 0

row("ellipk", "m", "where(absolute(m) < 0.3, pi / 8 * hyp2f1(1.5, 1.5, 2.0, m),"
    " safe_divide(ellipe(m) - (1 - m) * y, 2 * m * (1 - m)))", mp="ellipk(m)",
    at=(-3.0, -0.2, 0.0, 0.2, 0.9), domain="m < 1")
equal("ellipkm1", "p", "ellipk(1 - p)", "p", mp="ellipk(1 - p)", at=(0.2, 1.0, 1.6))
row("ellipe", "m", "where(absolute(m) < 0.3, -pi / 8 * hyp2f1(0.5, 1.5, 2.0, m),"
    " safe_divide(y - ellipk(m), 2 * m))", mp="ellipe(m)", at=(-3.0, -0.2, 0.0, 0.2, 0.9),
    domain="m < 1")
row("ellipkinc", "phi m", "1 / sqrt(1 - m * square(sin(phi)))", "ellipkinc_by_m(phi, m)",
    mp="ellipf(phi, m)", at=((0.7, 0.3), (1.2, -2.0), (4.0, 0.6)),
    domain="m < 1, phi no multiple of pi/2")
row("ellipeinc", "phi m", "sqrt(1 - m * square(sin(phi)))", "ellipeinc_by_m(phi, m)",
    mp="ellipe(phi, m)", at=((0.7, 0.3), (1.2, -2.0), (4.0, 0.6)),
    domain="m < 1, phi no multiple of pi/2")
ELLIPJ = ((0.7, 0.3), (1.9, 0.8))
ELLIPTIC = "ellipj_0({0}) * ellipj_1({0})".format("u, m")
row("ellipj_0", "u m", "ellipj_1(u, m) * ellipj_2(u, m)", "ellipj_1(u, m) * amplitude_by_m(u, m)",
    mp="ellipfun('sn', u, m=m)", at=ELLIPJ, public=False)
row("ellipj_1", "u m", "-ellipj_0(u, m) * ellipj_2(u, m)", "-ellipj_0(u, m) * amplitude_by_m(u, m)",
    mp="ellipfun('cn', u, m=m)", at=ELLIPJ, public=False)
row("ellipj_2", "u m", f"-m * {ELLIPTIC}",
    f"-(square(ellipj_0(u, m)) + 2 * m * {ELLIPTIC} * amplitude_by_m(u, m)) / (2 * y)",
    mp="ellipfun('dn', u, m=m)", at=ELLIPJ, public=False)
row("ellipj_3", "u m", "ellipj_2(u, m)", "amplitude_by_m(u, m)",
    mp="asin(ellipfun('sn', u, m=m))", at=ELLIPJ[:1], public=False)
row("elliprf", "x y_ z", "-elliprd(y_, z, x) / 6", "-elliprd(x, z, y_) / 6",
    "-elliprd(x, y_, z) / 6", mp="elliprf(x, y_, z)", at=((0.7, 1.3, 2.0),),
    domain="x, y, z > 0")
row("elliprd", "x y_ z", "-0.75 * carlson(1, 0, 1, 0, x, y_, z, 1.0)",
    "-0.75 * carlson(0, 1, 1, 0, x, y_, z, 1.0)", "-2.25 * carlson(0, 0, 2, 0, x, y_, z, 1.0)",
    mp="elliprd(x, y_, z)", at=((0.7, 1.3, 2.0), (1.0, 0.4, 1.0), (2.0, 2.0, 2.0)),
    domain="x, y, z > 0")
# Of a negative y the value is Cauchy's: there the difference of x and y is not 0.
BY_X = "(0.5 * (y - 1 / sqrt(x)) / (y_ - x))"
row("elliprc", "x y_", f"where(y_ < 0, {BY_X}, -elliprd(y_, y_, x) / 6)",
    f"where(y_ < 0, -(0.5 * y + x * {BY_X}) / y_, -elliprd(x, y_, y_) / 3)", mp="elliprc(x, y_)",
    at=((0.7, 1.3), (2.0, 0.4), (1.5, 1.5), (0.7, -1.3)), domain="x > 0, y != 0")
row("elliprg", "x y_ z", "0.25 * (elliprf(x, y_, z) - zmul(x, elliprd(y_, z, x)) / 3)",
    "0.25 * (elliprf(x, y_, z) - zmul(y_, elliprd(x, z, y_)) / 3)",
    "0.25 * (elliprf(x, y_, z) - zmul(z, elliprd(x, y_, z)) / 3)", mp="elliprg(x, y_, z)",
    at=((0.7, 1.3, 2.0), (1.0, 1.0, 1.0)), domain="x, y, z > 0")
row("agm", "a b", "where(a == 0, power(a, -2.0),"
    " 2 * absolute(a) / (3 * pi) * zmul(square(y), elliprd(0.0, square(b), square(a))))",
    "where(b == 0, power(b, -2.0),"
    " 2 * absolute(b) / (3 * pi) * zmul(square(y), elliprd(0.0, square(a), square(b))))",
    mp="agm(a, b)", at=((0.7, 1.3), (5.0, 0.4)), domain="a, b > 0")

# --- hypergeometric functions, by the argument

row("hyp0f1", "v x", "by_steps_within(pole_free(v), 'hyp0f1', 0, v, x)", "hyp0f1(v + 1, x) / v",
    mp="hyp0f1(v, x)", at=((1.3, 0.7), (0.4, -2.0)))
row("hyp1f1", "a b x", "by_steps('hyp1f1', 0, a, b, x)",
    "by_steps_within(pole_free(b), 'hyp1f1', 1, a, b, x)", "zmul(a / b, hyp1f1(a + 1, b + 1, x))",
    mp="hyp1f1(a, b, x)",
    at=((1.3, 0.7, 0.5), (0.4, 2.2, -2.0)))
row("hyp2f1", "a b c x", "by_steps('hyp2f1', 0, a, b, c, x)", "by_steps('hyp2f1', 1, a, b, c, x)",
    "by_steps_within(pole_free(c), 'hyp2f1', 2, a, b, c, x)",
    "zmul(a * b / c, hyp2f1(a + 1, b + 1, c + 1, x))",
    mp="hyp2f1(a, b, c, x)", at=((1.3, 0.7, 2.0, 0.5), (0.4, 2.2, 1.5, -2.0)), domain="x < 1")
row("hyperu", "a b x", "by_steps('hyperu', 0, a, b, x)", "by_steps('hyperu', 1, a, b, x)",
    "-zmul(a, hyperu(a + 1, b + 1, x))", mp="hyperu(a, b, x)",
    at=((1.3, 0.7, 0.5), (0.4, 2.2, 2.0)), domain="x > 0")

# --- orthogonal polynomials, by the argument and not by the degree

LOW = "n - (n != 0)"
DEGREES = ((0, 0.3), (1, 0.3), (4, -0.6), (2.5, 0.4))
WHOLE = DEGREES[:3]
row("eval_legendre", "n x", None,
    f"where(n == 0, 0.0, 0.5 * (n + 1)) * eval_jacobi({LOW}, 1, 1, x)",
    mp="legendre(n, x)", at=DEGREES)
row("eval_chebyt", "n x", None, f"n * eval_chebyu({LOW}, x)", mp="chebyt(n, x)", at=DEGREES)
row("eval_chebyu", "n x", None, f"where(n == 0, 0.0, 2.0) * eval_gegenbauer({LOW}, 2.0, x)",
    mp="chebyu(n, x)", at=DEGREES)
row("eval_chebyc", "n x", None, f"n * eval_chebyu({LOW}, 0.5 * x)", mp="2 * chebyt(n, x / 2)",
    at=DEGREES)
row("eval_chebys", "n x", None, f"where(n == 0, 0.0, 1.0) * eval_gegenbauer({LOW}, 2.0, 0.5 * x)",
    mp="chebyu(n, x / 2)", at=DEGREES)
row("eval_sh_chebyt", "n x", None, f"2 * n * eval_chebyu({LOW}, 2 * x - 1)",
    mp="chebyt(n, 2 * x - 1)", at=((0, 0.3), (1, 0.3), (4, 0.6)))
row("eval_sh_chebyu", "n x", None,
    f"where(n == 0, 0.0, 4.0) * eval_gegenbauer({LOW}, 2.0, 2 * x - 1)",
    mp="chebyu(n, 2 * x - 1)", at=((0, 0.3), (1, 0.3), (4, 0.6)))
row("eval_sh_legendre", "n x", None,
    f"where(n == 0, 0.0, n + 1.0) * eval_jacobi({LOW}, 1, 1, 2 * x - 1)",
    mp="legendre(n, 2 * x - 1)", at=((0, 0.3), (1, 0.3), (4, 0.6)))
row("eval_hermite", "n x", None, f"2 * n * eval_hermite({LOW}, x)", mp="hermite(n, x)", at=WHOLE)
row("eval_hermitenorm", "n x", None, f"n * eval_hermitenorm({LOW}, x)",
    mp="2**(-mpf(n) / 2) * hermite(n, x / sqrt(2))", at=WHOLE)
row("eval_laguerre", "n x", None, f"where(n == 0, 0.0, -1.0) * eval_genlaguerre({LOW}, 1.0, x)",
    mp="laguerre(n, 0, x)", at=DEGREES)
row("eval_genlaguerre", "n alpha x", None,
    "by_steps_within(where(n == floor(n), alpha + 1, minimum(pole_free(alpha + 1),"
    " pole_free(n + alpha + 1))), 'eval_genlaguerre', 1, n, alpha, x)",
    f"where(n == 0, 0.0, -1.0) * eval_genlaguerre({LOW}, alpha + 1, x)",
    mp="laguerre(n, alpha, x)", at=((0, 0.4, 0.3), (4, 1.2, 0.6)))
row("eval_gegenbauer", "n alpha x", None,
    "by_steps_within(where(n == floor(n), 1.0, 0.5 * pole_free(n + 2 * alpha)),"
    " 'eval_gegenbauer', 1, n, alpha, x)",
    f"where(n == 0, 0.0, 2.0 * alpha) * eval_gegenbauer({LOW}, alpha + 1, x)",
    mp="gegenbauer(n, alpha, x)", at=((0, 0.4, 0.3), (4, 1.2, -0.6)))
row("eval_jacobi", "n alpha beta x", None,
    "by_steps_within(where(n == floor(n), 1.0, pole_free(n + alpha + 1)),"
    " 'eval_jacobi', 1, n, alpha, beta, x)",
    "by_steps('eval_jacobi', 2, n, alpha, beta, x)", "where(n == 0, 0.0, 0.5 * (n + alpha"
    f" + beta + 1)) * eval_jacobi({LOW}, alpha + 1, beta + 1, x)",
    mp="jacobi(n, alpha, beta, x)", at=((0, 0.4, 0.7, 0.3), (4, 1.2, 0.5, -0.6)))
row("eval_sh_jacobi", "n p q x", None, "by_steps_within(where(n == 0, 1.0, pole_free(2 * n + p)),"
    " 'eval_sh_jacobi', 1, n, p, q, x)",
    "by_steps_within(q, 'eval_sh_jacobi', 2, n, p, q, x)",
    f"n * eval_sh_jacobi({LOW}, p + 2, q + 1, x)",
    mp="jacobi(n, p - q, q - 1, 2 * x - 1) / binomial(2 * n + p - 1, n)",
    at=((0, 2.4, 0.7, 0.3), (4, 2.2, 0.5, 0.6)))
row("lpmv", "m v x", None, "by_steps('lpmv', 1, m, v, x)",
    "(v * x * y - (v + m) * lpmv(m, v - 1, x)) / (square(x) - 1)",
    mp="re(legenp(v, m, x))", at=((0, 2, 0.3), (1, 3, -0.6)), domain="-1 < x < 1")

# --- zeta functions

# Left of -1 by the functional equation, zeta(x) = 2 (2 pi)**(x - 1) sin(pi x / 2) G(1 - x) with
# G = gamma * zeta: what is summed there would be large terms that cancel.
LEFT = "minimum(x, -1.0)"
ZETA = (f"where(x < -1, 2 * exp(gammaln(1 - {LEFT}) + ({LEFT} - 1) * {log(2 * pi)!r})"
        f" * zeta_riemann(1 - {LEFT}) * (0.5 * pi * cos(0.5 * pi * {LEFT}) + sin(0.5 * pi * {LEFT})"
        f" * ({log(2 * pi)!r} - digamma(1 - {LEFT})"
        f" - zeta_order(1, 1 - {LEFT}, 1.0) / zeta_riemann(1 - {LEFT}))),"
        " zeta_order(1, minimum(x, 1e4), 1.0))")
row("zeta_riemann", "x", ZETA, mp="zeta(x)", at=(1.3, 4.0, 30.0, -1.5, -8.5, -20.0, -30.0),
    public=False)
row("zeta_hurwitz", "x q", "zeta_order(1, x, q)", "-x * zeta_hurwitz(x + 1, q)", mp="zeta(x, q)",
    at=((1.3, 0.4), (4.0, 2.7)), public=False)
row("zetac", "x", ZETA, mp="zeta(x) - 1", at=(1.3, 4.0, -8.5, -20.0))

# --- elementary functions

row("cosm1", "x", "-sin(x)", mp="cos(x) - 1", at=REAL)
DEGREE = repr(pi / 180)
row("sindg", "x", f"{DEGREE} * cosdg(x)", mp="sin(radians(x))", at=(-70.0, 30.0, 200.0))
row("cosdg", "x", f"-{DEGREE} * sindg(x)", mp="cos(radians(x))", at=(-70.0, 30.0, 200.0))
row("tandg", "x", f"{DEGREE} * (1 + square(y))", mp="tan(radians(x))", at=(-70.0, 30.0, 200.0))
row("cotdg", "x", f"-{DEGREE} * (1 + square(y))", mp="cot(radians(x))", at=(-70.0, 30.0, 200.0))
row("radian", "d m s", DEGREE, f"{DEGREE} / 60", f"{DEGREE} / 3600",
    mp="radians(d + m / 60 + s / 3600)", at=((12.0, 30.0, 10.0),))
row("exp10", "x", f"{log(10)!r} * y", mp="mpf(10)**x", at=REAL)
row("round", "x", "0.0 * sign(x)", mp="nint(x)", at=(-1.7, 0.3))
