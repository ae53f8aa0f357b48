"""Bessel functions and their relatives as rows, by the argument and by real orders.

As in the table of the gamma functions, ``y`` is the result and every derivative is an expression in
functions of these tables, by the recurrences that hold everywhere (no division by the argument).
"""

# A table: one row is one line or two.
# fmt: off

from __future__ import annotations

from cdiff.scipy._table import Table

__all__ = ["BESSEL"]

BESSEL = Table()
row = BESSEL.row

REAL = (-2.3, 0.4, 1.9, 12.0)
POSITIVE = (0.2, 1.9, 12.0)
ORDERS = ((0, 1.3), (2, 0.7), (3, 9.0), (1.4, 2.2), (-2.3, 0.9))
# K is even in its order.
EVEN = ((0.2, 1.3), (2, 0.7), (3, 9.0), (1.4, 2.2), (-2.3, 0.9))
STRUVE_AT = ((1.4, 2.2), (0, 1.3), (2, 0.7), (3, 9.0))
WHOLE = ((0, 1.3), (2, 0.7), (3, 9.0))

# --- of order 0 and 1

row("j0", "x", "-j1(x)", mp="besselj(0, x)", at=(*REAL, 0.0))
row("j1", "x", "0.5 * (j0(x) - jv(2, x))", mp="besselj(1, x)", at=(*REAL, 0.0))
row("y0", "x", "-y1(x)", mp="bessely(0, x)", at=POSITIVE)
row("y1", "x", "0.5 * (y0(x) - yv(2, x))", mp="bessely(1, x)", at=POSITIVE)
row("i0", "x", "i1(x)", mp="besseli(0, x)", at=(*REAL, 0.0))
row("i1", "x", "0.5 * (i0(x) + iv(2, x))", mp="besseli(1, x)", at=(*REAL, 0.0))
row("k0", "x", "-k1(x)", mp="besselk(0, x)", at=POSITIVE)
row("k1", "x", "-0.5 * (k0(x) + kv(2, x))", mp="besselk(1, x)", at=POSITIVE)
row("i0e", "x", "i1e(x) - sign(x) * y", mp="exp(-abs(x)) * besseli(0, x)", at=REAL)
# Of huge arguments SciPy has no order 2: there the second term of the asymptotic series is enough.
row("i1e", "x", "where(absolute(x) < 1e8, 0.5 * (i0e(x) + ive(2, x)) - sign(x) * y,"
    " -safe_divide(0.5 * y, x) * (1 - safe_divide(0.75, absolute(x))))",
    mp="exp(-abs(x)) * besseli(1, x)", at=REAL)
row("k0e", "x", "y - k1e(x)", mp="exp(x) * besselk(0, x)", at=POSITIVE)
row("k1e", "x", "where(x < 1e8, y - 0.5 * (k0e(x) + kve(2, x)), -0.5 * y / x * (1 + 0.75 / x))",
    mp="exp(x) * besselk(1, x)", at=POSITIVE)

# --- of any order

row("jv", "v x", "jv_order(1, v, x)", "0.5 * (jv(v - 1, x) - jv(v + 1, x))", mp="besselj(v, x)",
    at=ORDERS)
row("jn", "v x", "jv_order(1, v, x)", "0.5 * (jv(v - 1, x) - jv(v + 1, x))", mp="besselj(v, x)",
    at=WHOLE)
row("jve", "v x", "jv_order(1, v, x)", "0.5 * (jve(v - 1, x) - jve(v + 1, x))", mp="besselj(v, x)",
    at=ORDERS)
row("yv", "v x", "yv_order(1, v, x)", "0.5 * (yv(v - 1, x) - yv(v + 1, x))", mp="bessely(v, x)",
    at=ORDERS)
row("yn", "n x", None, "0.5 * (yn(trunc(n) - 1, x) - yn(trunc(n) + 1, x))",
    mp="bessely(n, x)", at=WHOLE)
row("yve", "v x", "yv_order(1, v, x)", "0.5 * (yve(v - 1, x) - yve(v + 1, x))", mp="bessely(v, x)",
    at=ORDERS)
row("iv", "v x", "zmul(ive_order(1, v, x), exp(x))", "0.5 * (iv(v - 1, x) + iv(v + 1, x))",
    mp="besseli(v, x)", at=ORDERS)
row("ive", "v x", "ive_order(1, v, x)", "0.5 * (ive(v - 1, x) + ive(v + 1, x)) - sign(x) * y",
    mp="exp(-abs(x)) * besseli(v, x)", at=ORDERS)
row("kv", "v x", "zmul(exp(-x), kve_order(1, v, x))", "-0.5 * (kv(v - 1, x) + kv(v + 1, x))",
    mp="besselk(v, x)", at=EVEN)
row("kn", "n x", None, "-0.5 * (kv(trunc(n) - 1, x) + kv(trunc(n) + 1, x))",
    mp="besselk(n, x)", at=WHOLE)
row("kve", "v x", "kve_order(1, v, x)", "y - 0.5 * (kve(v - 1, x) + kve(v + 1, x))",
    mp="exp(x) * besselk(v, x)", at=EVEN)
STRUVE = "power(0.5 * x, v) * rgamma(v + 1.5) / sqrt(pi)"
row("struve", "v x", "by_steps('struve', 0, v, x)",
    f"0.5 * (struve(v - 1, x) - struve(v + 1, x) + {STRUVE})",
    mp="struveh(v, x)", at=STRUVE_AT, accuracy=1e-10)
row("modstruve", "v x", "by_steps('modstruve', 0, v, x)",
    f"0.5 * (modstruve(v - 1, x) + modstruve(v + 1, x) + {STRUVE})",
    mp="struvel(v, x)", at=STRUVE_AT, accuracy=1e-10)
row("wright_bessel", "a b x", "by_steps_within(a, 'wright_bessel', 0, a, b, x)",
    "by_steps_within(b, 'wright_bessel', 1, a, b, x)", "wright_bessel(a, a + b, x)",
    mp="nsum(lambda k: x**k / (factorial(k) * gamma(a * k + b)), [0, inf])",
    at=((0.7, 1.2, 0.8), (1.5, 0.3, 2.0)), domain="a >= 0, b >= 0, x >= 0")
row("log_wright_bessel", "a b x", "by_steps_within(a, 'log_wright_bessel', 0, a, b, x)",
    "by_steps_within(b, 'log_wright_bessel', 1, a, b, x)",
    "exp(log_wright_bessel(a, a + b, x) - y)",
    mp="log(nsum(lambda k: x**k / (factorial(k) * gamma(a * k + b)), [0, inf]))",
    at=((0.7, 1.2, 0.8), (1.5, 0.3, 2.0)), domain="a >= 0, b >= 0, x >= 0")

# --- spherical; n is a whole number

# That of order 0 has no function of lower order in it, which can be infinite.
LOWER = "(where(n < 1, 0.0, trunc(n) * spherical_{0}n(maximum(trunc(n) - 1, 0), x))"
for _kind, _sign, _factor, _mp in (
    ("j", "-", "", "sqrt(pi / (2 * x)) * besselj(n + 0.5, x)"),
    ("y", "-", "", "sqrt(pi / (2 * x)) * bessely(n + 0.5, x)"),
    ("i", "+", "", "sqrt(pi / (2 * x)) * besseli(n + 0.5, x)"),
    ("k", "+", "-", "sqrt(pi / (2 * x)) * besselk(n + 0.5, x)"),
):
    row(f"spherical_{_kind}n", "n x", None,
        f"{_factor}{LOWER.format(_kind)} {_sign} (trunc(n) + 1)"
        f" * spherical_{_kind}n(trunc(n) + 1, x)) / (2 * trunc(n) + 1)", mp=_mp, at=WHOLE)

# --- Airy functions, and integrals; each output is a row of its own

AIRY = (-3.0, 0.0, 0.8, 4.0)
row("airy_0", "x", "airy_1(x)", mp="airyai(x)", at=AIRY, public=False)
row("airy_1", "x", "x * airy_0(x)", mp="airyai(x, derivative=1)", at=AIRY, public=False)
row("airy_2", "x", "airy_3(x)", mp="airybi(x)", at=AIRY, public=False)
row("airy_3", "x", "x * airy_2(x)", mp="airybi(x, derivative=1)", at=AIRY, public=False)
EXP = "2 * x * sqrt(x) / 3"
# Left of 0 the second two are not scaled.
UP = "sqrt(maximum(x, 0.0))"
row("airye_0", "x", "airye_1(x) + sqrt(x) * y", mp=f"exp({EXP}) * airyai(x)", at=(0.8, 4.0),
    public=False)
row("airye_1", "x", "x * airye_0(x) + sqrt(x) * y", mp=f"exp({EXP}) * airyai(x, derivative=1)",
    at=(0.8, 4.0), public=False)
row("airye_2", "x", f"airye_3(x) - {UP} * y", mp=f"exp(-{EXP}) * airybi(x)", at=(0.8, 4.0),
    public=False)
row("airye_3", "x", f"x * airye_2(x) - {UP} * y", mp=f"exp(-{EXP}) * airybi(x, derivative=1)",
    at=(0.8, 4.0), public=False)
row("itairy_0", "x", "airy_0(x)", mp="quad(lambda t: airyai(t), [0, x])",
    at=(0.8, 2.0), public=False)
row("itairy_1", "x", "airy_2(x)", mp="quad(lambda t: airybi(t), [0, x])",
    at=(0.8, 2.0), public=False)
row("itairy_2", "x", "airy_0(-x)", mp="quad(lambda t: airyai(-t), [0, x])",
    at=(0.8, 2.0), public=False)
row("itairy_3", "x", "airy_2(-x)", mp="quad(lambda t: airybi(-t), [0, x])",
    at=(0.8, 2.0), public=False)
row("itj0y0_0", "x", "j0(x)", at=(0.8, 7.0), public=False)
row("itj0y0_1", "x", "y0(x)", at=(0.8, 7.0), public=False)
row("iti0k0_0", "x", "i0(x)", at=(0.8, 4.0), public=False)
row("iti0k0_1", "x", "k0(x)", at=(0.8, 4.0), public=False)
# Near 0 by their series: the difference of two numbers near 1 has no digits.
SERIES = "0.25 * x * (1 {0} q / 4 * (1 {0} q / 9 * (1 {0} q / 16 * (1 {0} q / 25))))"
LESS, MORE_THAN = [SERIES.format(s).replace("q", "square(0.5 * clip(x, -0.5, 0.5))") for s in "-+"]
row("it2j0y0_0", "x", f"where(absolute(x) < 0.5, {LESS}, safe_divide(1 - j0(x), x))",
    at=(0.8, 7.0), public=False)
row("it2j0y0_1", "x", "-y0(x) / x", at=(0.8, 7.0), public=False)
row("it2i0k0_0", "x", f"where(absolute(x) < 0.5, {MORE_THAN}, safe_divide(i0(x) - 1, x))",
    at=(0.8, 4.0), public=False)
row("it2i0k0_1", "x", "-k0(x) / x", at=(0.8, 4.0), public=False)
row("itstruve0", "x", "struve(0, x)", at=(0.8, 4.0), domain="x > 0")
row("it2struve0", "x",
    "where(absolute(x) < 1e-3, (square(x) / 9 - 1) * 2 / pi, -struve(0, x) / x)", at=(0.8, 4.0),
    domain="x > 0")
row("itmodstruve0", "x", "modstruve(0, x)", at=(0.8, 4.0), domain="x > 0")

# --- Kelvin functions, by their differential equation

# At 0, where the quotient has no value, by their series.
FOURTH = "square(square(x))"
NEAR = {
    "ber": f"where(absolute(x) < 0.01, square(x) * ({FOURTH} * 7 / 18432 - 3 / 16), ",
    "bei": f"where(absolute(x) < 0.01, 0.5 - {FOURTH} * (5 / 384 - {FOURTH} / 163840), ",
    "ker": "where(x == 0, power(x, -2.0), ", "kei": "where(x == 0, ker(x), ",
}  # fmt: skip
for _re, _im in (("ber", "bei"), ("ker", "kei")):
    row(_re, "x", f"{_re}p(x)", mp=f"{_re}(0, x)", at=(0.8, 4.0), domain="x > 0")
    row(_im, "x", f"{_im}p(x)", mp=f"{_im}(0, x)", at=(0.8, 4.0), domain="x > 0")
    row(f"{_re}p", "x", NEAR[_re] + f"-{_im}(x) - y / x)", mp=f"diff(lambda t: {_re}(0, t), x)",
        at=(0.8, 4.0), domain="x > 0")
    row(f"{_im}p", "x", NEAR[_im] + f"{_re}(x) - y / x)", mp=f"diff(lambda t: {_im}(0, t), x)",
        at=(0.8, 4.0), domain="x > 0")
