"""Inverses of distribution functions by a parameter, and solutions of differential equations with
their derivatives, as rows.

As in the other tables, ``y`` is the result. The derivative of an inverse is that of the function it
inverts, which is in the tables too, solved for it.
"""

# A table: one row is one line or two.
# fmt: off

from __future__ import annotations

from math import pi

from cdiff.scipy._table import Table

__all__ = ["INVERSE"]

INVERSE = Table()
row, equal = INVERSE.row, INVERSE.equal

# What SciPy finds by searching, it finds to eight digits or so.
FOUND = 1e-6

# --- inverses of the incomplete gamma function

equal("gdtria", "p b x", "gammaincinv(b, p) / x", "p b x", at=((0.3, 1.7, 0.5), (0.9, 3.0, 2.0)))
GAMMA_B = "gammainc_order(1, y, a * x)"
row("gdtrib", "a p x", f"-x * gamma_density(y, a * x) / {GAMMA_B}", f"1 / {GAMMA_B}",
    f"-a * gamma_density(y, a * x) / {GAMMA_B}", at=((1.2, 0.3, 2.0), (0.7, 0.8, 1.5)),
    domain="0 < p < 1", accuracy=FOUND)
GAMMA_V = "gammainc_order(1, 0.5 * y, 0.5 * x)"
row("chdtriv", "p x", f"2 / {GAMMA_V}", f"-gamma_density(0.5 * y, 0.5 * x) / {GAMMA_V}",
    at=((0.3, 2.0), (0.8, 5.0)), domain="0 < p < 1", accuracy=FOUND)
GAMMA_K = "gammainc_order(1, y + 1, m)"
row("pdtrik", "p m", f"-1 / {GAMMA_K}", f"-gamma_density(y + 1, m) / {GAMMA_K}",
    at=((0.5, 2.0), (0.8, 5.0)), domain="0 < p < 1", accuracy=FOUND)
NONCENTRAL = "noncentral_density({0}, df, {1})"
row("chndtrix", "p df nc", f"1 / {NONCENTRAL.format('y', 'nc')}",
    f"-by_steps_within(df, 'chndtr', 1, y, df, nc) / {NONCENTRAL.format('y', 'nc')}",
    f"noncentral_density(y, df + 2, nc) / {NONCENTRAL.format('y', 'nc')}",
    at=((0.3, 3.5, 1.2), (0.8, 2.5, 2.0)), domain="0 < p < 1", accuracy=FOUND)
row("chndtrinc", "x df p", f"{NONCENTRAL.format('x', 'y')} / noncentral_density(x, df + 2, y)",
    "by_steps_within(df, 'chndtr', 1, x, df, y) / noncentral_density(x, df + 2, y)",
    "-1 / noncentral_density(x, df + 2, y)", at=((5.0, 3.5, 0.4), (6.0, 2.5, 0.6)),
    domain="0 < p < 1", accuracy=FOUND)

# --- inverses of the incomplete beta function

equal("bdtri", "k n p", "betainccinv(floor(k) + 1, trunc(n) - floor(k), p)", "p",
      at=((2.0, 5, 0.3),))
equal("nbdtri", "k n p", "betaincinv(trunc(n), trunc(k) + 1, p)", "p", at=((2, 5, 0.3),))
BETA = "betainc_order({0}, {1}, {2})"
A_ONLY, A_OTHER = (BETA.format(*k, "y, b, x") for k in ((1, 0), (0, 1)))
row("btdtria", "p b x", f"1 / {A_ONLY}", f"-{A_OTHER} / {A_ONLY}",
    f"-beta_density(y, b, x) / {A_ONLY}", at=((0.3, 1.7, 0.5), (0.8, 2.5, 0.6)),
    domain="0 < p < 1, 0 < x < 1", accuracy=FOUND)
B_OTHER, B_ONLY = (BETA.format(*k, "a, y, x") for k in ((1, 0), (0, 1)))
row("btdtrib", "a p x", f"-{B_OTHER} / {B_ONLY}", f"1 / {B_ONLY}",
    f"-beta_density(a, y, x) / {B_ONLY}", at=((1.7, 0.3, 0.5), (2.5, 0.8, 0.6)),
    domain="0 < p < 1, 0 < x < 1", accuracy=FOUND)
K_FIRST, K_SECOND = (BETA.format(*k, "y + 1, n - y, p") for k in ((1, 0), (0, 1)))
row("bdtrik", "q n p", f"1 / ({K_SECOND} - {K_FIRST})", f"{K_SECOND} / ({K_SECOND} - {K_FIRST})",
    f"beta_density(y + 1, n - y, p) / ({K_SECOND} - {K_FIRST})",
    at=((0.6, 7.0, 0.4), (0.8, 12.5, 0.3)), domain="0 < q < 1", accuracy=FOUND)
N_FIRST, N_SECOND = (BETA.format(*k, "k + 1, y - k, p") for k in ((1, 0), (0, 1)))
row("bdtrin", "k q p", f"1 - {N_FIRST} / {N_SECOND}", f"-1 / {N_SECOND}",
    f"-beta_density(k + 1, y - k, p) / {N_SECOND}", at=((2.0, 0.6, 0.4), (4.5, 0.7, 0.3)),
    domain="0 < q < 1", accuracy=FOUND)
FAIL_FIRST, FAIL_SECOND = (BETA.format(*k, "n, y + 1, p") for k in ((1, 0), (0, 1)))
row("nbdtrik", "q n p", f"1 / {FAIL_SECOND}", f"-{FAIL_FIRST} / {FAIL_SECOND}",
    f"-beta_density(n, y + 1, p) / {FAIL_SECOND}", at=((0.6, 4.0, 0.4), (0.7, 2.5, 0.3)),
    domain="0 < q < 1", accuracy=FOUND)
DONE_FIRST, DONE_SECOND = (BETA.format(*k, "y, k + 1, p") for k in ((1, 0), (0, 1)))
row("nbdtrin", "k q p", f"-{DONE_SECOND} / {DONE_FIRST}", f"1 / {DONE_FIRST}",
    f"-beta_density(y, k + 1, p) / {DONE_FIRST}", at=((2.0, 0.6, 0.4), (4.5, 0.4, 0.3)),
    domain="0 < q < 1", accuracy=FOUND)
row("stdtridf", "p t", "1 / student_by_df(y, t)", "-student_density(y, t) / student_by_df(y, t)",
    at=((0.9, 1.5), (0.2, -0.9)), domain="0 < p < 1", accuracy=FOUND)

# --- solutions of differential equations, by the argument

DEGREE = repr(pi / 180)
row("mathieu_a", "m q", None, "by_steps('mathieu_a', 1, m, q)", at=((2, 0.7),))
row("mathieu_b", "m q", None, "by_steps('mathieu_b', 1, m, q)", at=((2, 0.7),))
for _kind, _value in (("cem", "a"), ("sem", "b")):
    row(f"mathieu_{_kind}_0", "m q x", None, f"by_steps('mathieu_{_kind}_0', 1, m, q, x)",
    f"{DEGREE} * mathieu_{_kind}_1(m, q, x)",
        at=((2, 0.7, 30.0), (1, 2.0, 100.0)), public=False)
    row(f"mathieu_{_kind}_1", "m q x", None, f"by_steps('mathieu_{_kind}_1', 1, m, q, x)",
    f"-{DEGREE} * (mathieu_{_value}(m, q)"
        f" - 2 * q * cosdg(2 * x)) * mathieu_{_kind}_0(m, q, x)",
        at=((2, 0.7, 30.0), (1, 2.0, 100.0)), public=False)
WEBER = "0.25 * square(x) - v - 0.5"
for _name, _factor in (("pbdv", WEBER), ("pbvv", WEBER), ("pbwa", "v - 0.25 * square(x)")):
    row(f"{_name}_0", "v x", f"by_steps('{_name}_0', 0, v, x)", f"{_name}_1(v, x)",
    at=((1.5, 0.7), (0.3, 2.0)), public=False)
    row(f"{_name}_1", "v x", f"by_steps('{_name}_1', 0, v, x)", f"({_factor}) * {_name}_0(v, x)",
    at=((1.5, 0.7), (0.3, 2.0)),
        public=False)
BY_ROOT = "-0.75 * carlson({}, x, y_, z, p)"
row("elliprj", "x y_ z p", BY_ROOT.format("1, 0, 0, 1"), BY_ROOT.format("0, 1, 0, 1"),
    BY_ROOT.format("0, 0, 1, 1"), "-1.5 * carlson(0, 0, 0, 2, x, y_, z, p)",
    mp="elliprj(x, y_, z, p)", at=((0.7, 1.3, 2.0, 3.1), (1.0, 2.0, 3.0, 3.0)),
    domain="all arguments > 0")
