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
from cdiff._core import any_array
from cdiff.scipy import _orders, _quadrature
from cdiff.scipy._differences import by_steps
from cdiff.scipy._need import scipy_module
from cdiff.scipy._quadrature import bell_recursion, beta_factors
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
ROWS["voigt_imaginary"].value = lambda x, sigma, gamma: (
    np.imag(_special.wofz((x + 1j * gamma) / (sigma * np.sqrt(2)))) / (sigma * np.sqrt(2 * pi))
)

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
        return found.astype(dtype, copy=False) if dtype.kind == "f" else found

    return compute


# Orders that come first, the other arguments, and the partial derivatives.
FAMILIES: dict[str, tuple[int, str, Callable[..., tuple[str | None, ...]]]] = {
    "gammainc_order": (1, "a x", lambda n: (
        f"gammainc_order({n + 1}, a, x)", f"gamma_density_order({n}, a, x)")),
    "betainc_order": (2, "a b x", lambda m, n: (
        f"betainc_order({m + 1}, {n}, a, b, x)", f"betainc_order({m}, {n + 1}, a, b, x)",
        f"beta_density_order({m}, {n}, a, b, x)")),
    "erfcx_order": (1, "x", lambda n: (f"erfcx_order({n + 1}, x)",)),
    "dawsn_order": (1, "x", lambda n: (f"dawsn_order({n + 1}, x)",)),
    "zeta_order": (1, "x q", lambda n: (
        f"zeta_order({n + 1}, x, q)",
        f"-{n} * zeta_order({n - 1}, x + 1, q) - x * zeta_order({n}, x + 1, q)")),
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
    where = _orders if hasattr(_orders, f"{name}_value") else _quadrature
    value = _in_dtype(getattr(where, f"{name}_value"), *orders)
    shown = f"{name}({', '.join(map(str, orders))})"
    return Row(shown, tuple(args.split()), partials(*orders), value=value, public=False)


def _family(name: str) -> Callable[..., Any]:
    """Derivatives of a function by its parameters, of the orders that are the first arguments."""
    count = FAMILIES[name][0]
    return lambda *args: apply_row(_family_row(name, args[:count]), args[count:])


def named_row(name: str) -> Row | None:
    """The row of a name, also of one in a family; None if there is none.

    Parameters
    ----------
    name : str

    Returns
    -------
    Row or None
    """
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
    return _gamma_density(a, x) * bell_recursion(n, lambda j: slopes[j], 1.0)[n]


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    """The derivative of betainc by x."""
    return _core.exp(_call("xlogy", a - 1, x) + _call("xlog1py", b - 1, -x) - _call("betaln", a, b))


def _beta_density_order(m: int, n: int, a: Any, b: Any, x: Any) -> Any:
    """Derivative (m, n) by (a, b) of `beta_density`."""

    def psi(j: int, z: Any) -> Any:
        return _call("polygamma", j, z) if j else _call("digamma", z)

    factor = beta_factors(m, n, _core.log(x), _core.log1p(-x), psi, a, b, 1.0)
    return _beta_density(a, b, x) * factor


# --- compositions ---------------------------------------------------------------------------------


def _voigt_x(x: Any, sigma: Any, gamma: Any) -> Any:
    """The derivative of voigt_profile by x: from that of the function w, -2zw + 2i/sqrt(pi)."""
    v, w = _call("voigt_profile", x, sigma, gamma), _call("voigt_imaginary", x, sigma, gamma)
    return (gamma * w - x * v) / (sigma * sigma)


def _voigt_gamma(x: Any, sigma: Any, gamma: Any) -> Any:
    """The derivative of voigt_profile by gamma."""
    v, w = _call("voigt_profile", x, sigma, gamma), _call("voigt_imaginary", x, sigma, gamma)
    return (x * w + gamma * v - 1 / pi) / (sigma * sigma)


def _student_density(df: Any, t: Any) -> Any:
    """The density of Student's distribution."""
    exponent = -0.5 * (df + 1) * _core.log1p(t * t / df) - _call("betaln", 0.5 * df, 0.5)
    return _core.exp(exponent) / _core.sqrt(df)


def _student_by_df(df: Any, t: Any) -> Any:
    """The derivative of stdtr by df: of the parameter of betainc, and of its argument."""
    square = t * t
    near = _call("betainc_order", 0, 1, 0.5, 0.5 * df, square / (df + square))
    far = -_call("betainc_order", 1, 0, 0.5 * df, 0.5, df / (df + square))
    by_parameter = 0.25 * _core.sign(t) * _where(square < df, near, far)
    return by_parameter - 0.5 * t / df * _student_density(df, t)


def _log_noncentral_density(x: Any, df: Any, nc: Any) -> Any:
    """The logarithm of the density of the noncentral chi-squared distribution, which is a Bessel
    function of x * nc; near 0 by one that does not divide by nc."""
    order, z = 0.5 * df - 1, x * nc
    near = _call("xlogy", order, 0.5 * x) - 0.5 * (x + nc) - _call("gammaln", 0.5 * df) - log(2)
    near = near + _core.log(_call("hyp0f1", 0.5 * df, 0.25 * _core.minimum(z, 1.0)))
    root = _core.square(_core.sqrt(x) - _core.sqrt(nc))
    far = 0.5 * order * _core.log(x / nc) - 0.5 * root - log(2)
    return _where(z < 1, near, far + _core.log(_call("ive", order, _core.sqrt(z))))


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
    """-1 times the derivative of kolmogorov, by its series."""
    terms = [
        (-1.0) ** (k - 1) * k * k * _core.exp(-2.0 * k * k * _core.square(x)) for k in range(1, 40)
    ]
    return 8.0 * x * sum(terms)


def _tukey_slope(p: Any, lmbda: Any) -> Any:
    """The derivative by lmbda of Tukey's quantile function (p**lmbda - (1 - p)**lmbda) / lmbda."""
    left, right = _core.power(p, lmbda), _core.power(1 - p, lmbda)
    by_power = left * _core.log(p) - right * _core.log1p(-p)
    return (by_power - (left - right) / lmbda) / lmbda


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
    """The derivative of Jacobi's amplitude by m (Byrd and Friedman, 710.50)."""
    sn, cn, dn, phi = (_call(f"ellipj_{k}", u, m) for k in range(4))
    rest = (m - 1) * u + _call("ellipeinc", phi, m) - m * sn * cn / dn
    return dn * rest / (2 * m * (m - 1))


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
    if name.endswith(("_order", "_density", "_slope", "_by_m", "_by_df"))
    or name in ("_voigt_x", "_voigt_gamma", "_by_steps", "_by_steps_within", "_pole_free")
}

LANGUAGE.update({name: getattr(_core, name) for name in _ELEMENTWISE.split()})
LANGUAGE.update(OWN, **FUNCTIONS, **_HELPERS)
LANGUAGE.update({name: _family(name) for name in FAMILIES})
LANGUAGE.update(pi=pi, where=_where, clip=_clip)
