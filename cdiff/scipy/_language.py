"""The language of the tables: every name that an expression may use.

The rows' own functions, NumPy's elementwise functions, and helpers written as compositions of both;
families of derivatives by a parameter (`gammainc_order` and the like) make their rows when they are
asked for. It knows rows and Arrays, and no derivative that is not itself a composition or a row.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import log, pi
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import any_array, zmul
from cdiff.scipy import _gamma_beta, _orders, _quadrature
from cdiff.scipy._differences import by_steps
from cdiff.scipy._gamma_beta import beta_factors
from cdiff.scipy._need import scipy_module
from cdiff.scipy._quadrature import bell_recursion
from cdiff.scipy._rows import LANGUAGE, Elementwise, Row, apply_row, function_of, tracked_function
from cdiff.scipy._table_bessel import BESSEL
from cdiff.scipy._table_gamma import GAMMA
from cdiff.scipy._table_inverse import INVERSE
from cdiff.scipy._table_more import MORE

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FUNCTIONS", "ROWS", "Elementwise", "jointly", "named_row"]

ROWS: dict[str, Row] = {**GAMMA, **BESSEL, **MORE, **INVERSE}


def _component(name: str, k: int) -> Any:
    """One output of a SciPy function with several."""
    function = getattr(scipy_module("special"), name)
    return lambda *args: function(*args)[k]


for _row in ROWS.values():
    _name, _, _k = _row.name.rpartition("_")
    if _row.value is None and not _row.public and _k.isdigit():
        _row.value = _component(_name, int(_k))


def _real(z: Any) -> Any:
    """Complex numbers as real ones, nan where they are not real."""
    return np.where(z.imag == 0, z.real, np.nan)


_special = scipy_module("special")
ROWS["lambertw_real"].value = lambda x, k: _real(_special.lambertw(x, k))
ROWS["zeta_riemann"].value = lambda x: _special.zeta(x)
ROWS["zeta_hurwitz"].value = lambda x, q: _special.zeta(x, q)
# The core has these itself: an operator of its table is faster than a call.
OWN = {
    "cbrt": _core.cbrt, "erf": _core.erf, "erfc": _core.erfc, "exp2": _core.exp2,
    "expit": _core.sigmoid, "expm1": _core.expm1, "log1p": _core.log1p,
    "log_expit": _core.log_sigmoid, "sinc": _core.sinc,
}  # fmt: skip


def _where(c: Any, a: Any, b: Any) -> Any:
    return _core.where(c, a, b) if any_array(c, a, b) else np.where(c, a, b)[()]


def _clip(x: Any, low: Any, high: Any) -> Any:
    return _core.minimum(_core.maximum(x, low), high)


# --- families of derivatives by parameters --------------------------------------------------------


def _in_dtype(value: Any, *leading: int) -> Any:
    """The values in the dtype of the arguments: they are computed in float64."""

    def compute(*args: Any) -> Any:
        dtype = np.result_type(*args)
        found = value(*leading, *args)
        return found.astype(dtype, copy=False) if dtype.kind in "fc" else found

    return compute


# Orders that come first, the other arguments, and the partial derivatives.
FAMILIES: dict[str, tuple[int, str, Callable[..., tuple[str | None, ...]]]] = {
    "gammainc_order": (1, "a x", lambda n: (
        f"gammainc_order({n + 1}, a, x)", f"gamma_density_order({n}, a, x)")),
    "betainc_order": (2, "a b x", lambda m, n: (
        f"betainc_order({m + 1}, {n}, a, b, x)", f"betainc_order({m}, {n + 1}, a, b, x)",
        f"beta_density_order({m}, {n}, a, b, x)")),
    "voigt_order": (2, "x sigma gamma", lambda n, k: (
        f"voigt_order({n + 1}, {k}, x, sigma, gamma)",
        f"sigma * voigt_order({n + 2}, {k}, x, sigma, gamma)",
        f"{'+' if k else '-'}voigt_order({n + 1}, {1 - k}, x, sigma, gamma)")),
    "carlson": (4, "x y_ z p", lambda i, j, k, n: (
        f"{-i - 0.5} * carlson({i + 1}, {j}, {k}, {n}, x, y_, z, p)",
        f"{-j - 0.5} * carlson({i}, {j + 1}, {k}, {n}, x, y_, z, p)",
        f"{-k - 0.5} * carlson({i}, {j}, {k + 1}, {n}, x, y_, z, p)",
        f"{-n} * carlson({i}, {j}, {k}, {n + 1}, x, y_, z, p)")),
    "erfcx_order": (1, "x", lambda n: (f"erfcx_order({n + 1}, x)",)),
    "dawsn_order": (1, "x", lambda n: (f"dawsn_order({n + 1}, x)",)),
    "zeta_order": (1, "x q", lambda n: (
        f"zeta_order({n + 1}, x, q)",
        (f"-{n} * zeta_order({n - 1}, x + 1, q)" if n else "")
        + f" - x * zeta_order({n}, x + 1, q)")),
    "jv_order": (1, "v x", lambda n: (
        f"jv_order({n + 1}, v, x)", f"0.5 * (jv_order({n}, v - 1, x) - jv_order({n}, v + 1, x))")),
    "yv_order": (1, "v x", lambda n: (
        f"yv_order({n + 1}, v, x)", f"0.5 * (yv_order({n}, v - 1, x) - yv_order({n}, v + 1, x))")),
    "ive_order": (1, "v x", lambda n: (
        f"ive_order({n + 1}, v, x)",
        f"0.5 * (ive_order({n}, v - 1, x) + ive_order({n}, v + 1, x)) - y")),
    "kve_order": (1, "v x", lambda n: (
        f"kve_order({n + 1}, v, x)",
        f"y - 0.5 * (kve_order({n}, v - 1, x) + kve_order({n}, v + 1, x))")),
}  # fmt: skip


@lru_cache(maxsize=256)
def _family_row(name: str, orders: tuple[int, ...]) -> Row:
    _, args, partials = FAMILIES[name]
    full = f"{name}_value"
    where = next(m for m in (_gamma_beta, _orders, _quadrature) if hasattr(m, full))
    value = _in_dtype(getattr(where, full), *orders)
    shown = f"{name}({', '.join(map(str, orders))})"
    return Row(shown, tuple(args.split()), partials(*orders), value=value, public=False)


def _family(name: str) -> Callable[..., Any]:
    """Derivatives of a function by its parameters, of the orders that are the first arguments."""
    count = FAMILIES[name][0]
    return lambda *args: apply_row(_family_row(name, args[:count]), args[count:])


def named_row(name: str) -> Row | None:
    """The row of a name, also of one in a family; None if there is none."""
    family, _, rest = name.partition("(")
    if family in FAMILIES and re.fullmatch(r"\d{1,3}(, \d{1,3})*\)", rest):
        orders = tuple([int(n) for n in rest[:-1].split(", ")])
        return _family_row(family, orders) if len(orders) == FAMILIES[family][0] else None
    return ROWS.get(name)


def _gamma_density(a: Any, x: Any) -> Any:
    """The derivative of gammainc by x."""
    x = _core.minimum(x, 1e300)  # infinity minus infinity is no number
    return _core.exp(_call("xlogy", a - 1, x) - x - _call("gammaln", a))


def _gamma_density_order(n: int, a: Any, x: Any) -> Any:
    """Derivative n by a of `gamma_density`."""
    first = _core.log(x) - _call("digamma", a)
    slopes = [first, *[-_call("polygamma", j, a) for j in range(1, n)]]
    return zmul(_gamma_density(a, x), bell_recursion(n, lambda j: slopes[j], 1.0)[n])


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    """The derivative of betainc by x."""
    return _core.exp(_call("xlogy", a - 1, x) + _call("xlog1py", b - 1, -x) - _call("betaln", a, b))


def _beta_density_order(m: int, n: int, a: Any, b: Any, x: Any) -> Any:
    """Derivative (m, n) by (a, b) of `beta_density`."""

    def psi(z: Any) -> Callable[[int], Any]:
        return lambda j: _call("polygamma", j, z) if j else _call("digamma", z)

    logs = _core.log(x), _core.log1p(-x)
    factor = beta_factors(m, n, *logs, psi(a), psi(b), psi(a + b), 1.0)
    return zmul(_beta_density(a, b, x), factor)


# --- compositions ---------------------------------------------------------------------------------


def _beta_rest(y: Any, a: Any, b: Any) -> Any:
    """beta(a, b) * digamma(a + b); where a + b is a pole, of 1 / gamma, which is smooth there."""
    total = a + b
    near = _core.minimum(total, 0.5)
    small = _where(total > 0, 1.0, a), _where(total > 0, 1.0, b)
    left = -_call("gamma", small[0]) * _call("gamma", small[1]) * ROWS["rgamma"].partial(0)(
        _call("rgamma", near), near)  # fmt: skip
    return _where(total > 0, zmul(y, _call("digamma", _where(total > 0, total, 1.0))), left)


def _poch_slope(y: Any, z: Any, m: Any) -> Any:
    """The derivative of poch by z: where z is a pole, of 1 / gamma, which is smooth there; where
    z + m is one, too, by reflection, which only whole m allow."""
    end, digamma = z + m, LANGUAGE["digamma"]
    both = y * (digamma(_where(end > 0, 1.0, 1 - end)) - digamma(_where(end > 0, 1.0, 1 - z)))
    near = _core.minimum(z, 0.5)
    pole = (end <= 0) & (end == _core.floor(end))
    inside = _where(pole, 1.0, end)
    one = zmul(y, digamma(inside)) + _call("gamma", inside) * ROWS["rgamma"].partial(0)(
        _call("rgamma", near), near)  # fmt: skip
    usual = y * (digamma(end) - digamma(z))
    left = _where(m == _core.floor(m), both, _where(z == _core.floor(z), one, usual))
    left = _where(end > 0, one, left)
    return _where(z > 0, usual, left)


def _binom_rest(y: Any, n: Any, k: Any) -> Any:
    """binom(n, k) * digamma(n - k + 1), as `_beta_rest` where that is a pole."""
    rest, gammaln = n - k + 1, LANGUAGE["gammaln"]
    near = _core.minimum(rest, 0.5)
    ratio = _core.exp(gammaln(_where(rest > 0, 1.0, n + 1)) - gammaln(_where(rest > 0, 1.0, k + 1)))
    ratio = ratio * _call("gammasgn", n + 1) * _call("gammasgn", k + 1)
    left = -ratio * ROWS["rgamma"].partial(0)(_call("rgamma", near), near)
    pole = (rest <= 0) & (rest == _core.floor(rest))
    return _where(pole, left, y * _call("digamma", _where(pole, 1.0, rest)))


def _binom_pole(y: Any, n: Any, k: Any) -> Any:
    """binom(n, k) * digamma(k + 1), as `_binom_rest`; where n - k + 1 is a pole, too, it stays."""
    pole = (k < 0) & (k == _core.floor(k)) & (n - k + 1 > 0)
    near = _where(pole, k + 1, 0.0)
    rgamma = ROWS["rgamma"].partial(0)(_call("rgamma", near), near)
    rest, gammaln = _where(pole, n - k + 1, 1.0), LANGUAGE["gammaln"]
    left = -_call("gammasgn", n + 1) * _core.exp(gammaln(n + 1) - gammaln(rest)) * rgamma
    return _where(pole, left, y * _call("digamma", _where(pole, 1.0, k + 1)))


def _boxcox_slope(u: Any, lmbda: Any, y: Any) -> Any:
    """The derivative of (exp(lmbda * u) - 1) / lmbda, which is y, by lmbda."""
    z = lmbda * u
    near = _core.absolute(z) < 1
    inside = _where(near, z, 0.0)
    series = _core.square(_where(near, u, 0.0)) * ROWS["exprel"].partial(0)(
        _call("exprel", inside), inside)  # fmt: skip
    return _where(near, series, (zmul(_core.exp(z), u) - y) / _where(near, 1.0, lmbda))


def _student_density(df: Any, t: Any) -> Any:
    """The density of Student's distribution."""
    df = _core.minimum(df, 1e15)  # beyond it is the normal distribution
    exponent = -0.5 * (df + 1) * _core.log1p(t * t / df) - _call("betaln", 0.5 * df, 0.5)
    return _core.exp(exponent) / _core.sqrt(df)


def _student_by_df(df: Any, t: Any) -> Any:
    """The derivative of stdtr by df: of the parameter of betainc, and of its argument."""
    df, t = _core.minimum(df, 1e15), _clip(t, -1e150, 1e150)
    square = t * t
    near = _call("betainc_order", 0, 1, 0.5, 0.5 * df, square / (df + square))
    far = -_call("betainc_order", 1, 0, 0.5 * df, 0.5, df / (df + square))
    by_parameter = 0.25 * _core.sign(t) * _where(square < df, near, far)
    return by_parameter - 0.5 * t / df * _student_density(df, t)


def _log_noncentral_density(x: Any, df: Any, nc: Any) -> Any:
    """The logarithm of the density of the noncentral chi-squared distribution, which is a Bessel
    function of x * nc; near 0 by one that does not divide by nc."""
    x = _core.minimum(x, 1e300)  # infinity minus infinity is no number
    order, z = 0.5 * df - 1, x * nc
    near = _call("xlogy", order, 0.5 * x) - 0.5 * (x + nc) - _call("gammaln", 0.5 * df) - log(2)
    near = near + _core.log(_call("hyp0f1", 0.5 * df, 0.25 * _core.minimum(z, 1.0)))
    root = _core.square(_core.sqrt(x) - _core.sqrt(nc))
    far = 0.5 * order * _core.log(x / nc) - 0.5 * root - log(2)
    # SciPy has no Bessel functions of huge arguments: there they fall like a root.
    z = _core.sqrt(_where(z < 1, 1.0, z))
    inside = _core.minimum(z, 1e8)
    far = far + _core.log(_call("ive", order, inside)) - 0.5 * _core.log(z / inside)
    return _where(x * nc < 1, near, far)


def _noncentral_density(x: Any, df: Any, nc: Any) -> Any:
    """The density of the noncentral chi-squared distribution."""
    return _core.exp(_log_noncentral_density(x, df, nc))


def _by_steps(name: str, k: int, *args: Any) -> Any:
    """The derivative of a function of the tables by argument k, by values beside it."""
    return by_steps(LANGUAGE[name], k, args)


def _by_steps_within(room: Any, name: str, k: int, *args: Any) -> Any:
    """The same where the next singular point is as far away as `room`."""
    return by_steps(LANGUAGE[name], k, args, room)


def _pole_free(x: Any) -> Any:
    """How far x is from 0, -1, -2, ..."""
    return _where(x > 0, x, _core.absolute(x - _core.rint(x)))


def _kolmogorov_density(x: Any) -> Any:
    """-1 times the derivative of kolmogorov, by its series, left of 1 by that of the transformed
    theta function."""
    near = x < 1
    far, inside = _where(near, 1.0, x), _where(near, _core.maximum(x, 1e-3), 1.0)
    far = _core.minimum(far, 1e3)  # where nothing is left
    terms = [(-1.0) ** (k - 1) * k * k * _core.exp(-2.0 * k * k * _core.square(far))
             for k in range(1, 6)]  # fmt: skip
    q = 1 / _core.square(inside)
    rates = [(k * pi) ** 2 / 8 for k in (1, 3, 5)]
    others = [(2 * r * q - 1) * q * _core.exp(-r * q) for r in rates]
    return _where(near, (2 * pi) ** 0.5 * sum(others), 8.0 * far * sum(terms))


def _tukey_slope(p: Any, lmbda: Any) -> Any:
    """The derivative by lmbda of Tukey's quantile function (p**lmbda - (1 - p)**lmbda) / lmbda."""
    both = [ROWS[f"boxcox{k}"].partial(1)(_call(f"boxcox{k}", x, lmbda), x, lmbda)
            for k, x in (("", p), ("1p", -p))]  # fmt: skip
    return both[0] - both[1]


def _reduced(phi: Any) -> tuple[Any, Any]:
    """An angle between -pi/2 and pi/2, and how many half turns were taken away."""
    turns = _core.rint(phi / pi)
    return phi - turns * pi, turns


def _incomplete(phi: Any, m: Any, complete: str, sign: int) -> Any:
    """The derivative by m of an incomplete elliptic integral (Carlson's form, which is smooth at
    m = 0), with that of the complete one for each half turn."""
    angle, turns = _reduced(phi)
    s, c = _core.sin(angle), _core.cos(angle)
    ends = (1.0, 1 - m * s * s)[::sign]
    slope = ROWS[complete].partial(0)(_call(complete, m), m)
    whole = _where(turns == 0, 0.0, 2 * turns * slope)
    return sign * s**3 * _call("elliprd", c * c, *ends) / 6 + whole


def _ellipkinc_by_m(phi: Any, m: Any) -> Any:
    """The derivative of ellipkinc by m."""
    return _incomplete(phi, m, "ellipk", 1)


def _ellipeinc_by_m(phi: Any, m: Any) -> Any:
    """The derivative of ellipeinc by m."""
    return _incomplete(phi, m, "ellipe", -1)


def _amplitude_by_m(u: Any, m: Any) -> Any:
    """The derivative of Jacobi's amplitude by m, as that of the inverse of ellipkinc."""
    return -_call("ellipj_2", u, m) * _ellipkinc_by_m(_call("ellipj_3", u, m), m)


def _call(name: str, *args: Any) -> Any:
    return LANGUAGE[name](*args)


# --- all names ------------------------------------------------------------------------------------


def jointly(name: str, count: int, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """All outputs of a function whose rows are ``name_0``, ``name_1`` and so on.

    Parameters
    ----------
    name : str
    count : int
    args : tuple

    Returns
    -------
    tuple of Array
    """
    return tuple([tracked_function(ROWS[f"{name}_{k}"])(*args) for k in range(count)])


FUNCTIONS: dict[str, Any] = {name: function_of(row) for name, row in ROWS.items()}

_ELEMENTWISE = (
    "absolute cos cosh exp floor hypot log maximum minimum power safe_divide sign sin sqrt square "
    "trunc zmul"
)
_HELPERS = {
    name[1:]: value
    for name, value in list(globals().items())
    if name.endswith(("_order", "_density", "_slope", "_rest", "_pole", "_by_m", "_by_df"))
    or name in ("_by_steps", "_by_steps_within", "_pole_free")
}

LANGUAGE.update({name: getattr(_core, name) for name in _ELEMENTWISE.split()})
LANGUAGE.update(OWN, **FUNCTIONS, **_HELPERS)
LANGUAGE.update({name: _family(name) for name in FAMILIES})
LANGUAGE.update(pi=pi, where=_where, clip=_clip)
