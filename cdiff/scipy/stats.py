"""`scipy.stats` with SciPy's names: densities, distribution functions and quantiles that are
differentiated by the variable and by every real parameter, to any order.

`norm`, `gamma` and the others have SciPy's methods and signatures, with `loc` and `scale`. On
Arrays they are compositions of special functions (`_stats_table.py`); plain arguments, and all
methods without a derivative (`rvs`, `fit`, ...), go to SciPy. Frozen distributions work too.

Examples
--------
>>> import cdiff as cd
>>> import cdiff.scipy.stats as css
>>> round(cd.grad(lambda s: css.norm.logpdf(1.0, loc=0.0, scale=s))(2.0), 12)
-0.375
>>> round(cd.grad(css.t.cdf, argnums=1)(1.0, 3.0), 12)  # by the degrees of freedom
0.011110456705
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff.numpy._common import any_true, as_array, of_values
from cdiff.scipy import _language, _multivariate, _statistics, _stats_more  # noqa: F401 -- fill the language, the tables
from cdiff.scipy._examples import example
from cdiff.scipy._frozen import CONTINUOUS_METHODS, DISCRETE_METHODS, UNKNOWN, Frozen, refuse
from cdiff.scipy._mirror import any_tracked, holds_arrays, plainly
from cdiff.scipy._multivariate import *  # noqa: F403
from cdiff.scipy._need import scipy_module
from cdiff.scipy._others import other
from cdiff.scipy._quantiles import DISTRIBUTIONS, quantile
from cdiff.scipy._rows import LANGUAGE
from cdiff.scipy._statistics import *  # noqa: F403
from cdiff.scipy._stats_table import CONTINUOUS, DISCRETE, POWER, Family
from cdiff.scipy._tails import log_mass

_stats = scipy_module("stats")
_REAL = np.dtype(float)


def _log_normal_mass(a: Any, b: Any) -> Any:
    """log(ndtr(b) - ndtr(a)), in the tail where both are small."""
    log_ndtr = LANGUAGE["log_ndtr"]
    low = _core.where(_core.greater(a, 0), -b, a)
    high = _core.where(_core.greater(a, 0), -a, b)
    left, right = log_ndtr(low), log_ndtr(high)
    return right + _core.log(-_core.expm1(left - right))


def _log_of(p: Any, rest: Any) -> Any:
    """log(p), where p + rest = 1: from the smaller of the two, which has all its digits."""
    small = _core.less(p, 0.5)
    from_rest = _core.log1p(-_core.where(small, 0.0, rest))
    return _core.where(small, _core.log(_core.where(small, p, 1.0)), from_rest)


def _log_less_exp(u: Any) -> Any:
    """log(1 - exp(u)) for u < 0."""
    near = _core.greater(u, -0.7)
    small, large = _core.where(near, u, -1.0), _core.where(near, -1.0, u)
    return _core.where(near, _core.log(-_core.expm1(small)), _core.log1p(-_core.exp(large)))


def _log_upper(a: Any, x: Any) -> Any:
    """log(gammaincc(a, x)), by a confluent function where that underflows."""
    far = _core.greater(x, a + 500.0)
    inside = _core.where(far, _core.minimum(x, 1e300), a + 501.0)
    log, hyperu, gammaln = _core.log, LANGUAGE["hyperu"], LANGUAGE["gammaln"]
    below = a * log(inside) - inside - gammaln(a) + log(hyperu(1.0, a + 1, inside))
    near = _core.where(far, a, x)
    p, rest = LANGUAGE["gammaincc"](a, near), LANGUAGE["gammainc"](a, near)
    below = _core.where(_core.less(x, 1e300), below, -np.inf)
    return _core.where(far, below, _log_of(p, rest))


def _log_lower(a: Any, x: Any) -> Any:
    """log(gammainc(a, x)), by a confluent function where that underflows."""
    hyp1f1, gammaln = LANGUAGE["hyp1f1"], LANGUAGE["gammaln"]
    first = a * _core.log(x) - x - gammaln(a + 1)
    far = _core.less(first, -500.0) & _core.less(x, a)
    below = first + _core.log(hyp1f1(1.0, a + 1, _core.where(far, x, 1.0)))
    near = _core.where(far, a, x)
    p, rest = LANGUAGE["gammainc"](a, near), LANGUAGE["gammaincc"](a, near)
    return _core.where(far, below, _log_of(p, rest))


def _lower_mass(a: Any, x: Any, c: Any, factor: Any = 1.0) -> Any:
    """gammainc(a, factor * x**c); at 0 the first term of its series, which has the slope."""
    end = _core.equal(x, 0.0)
    first = _core.power(factor, a) * _core.power(x, a * c) / LANGUAGE["gamma"](a + 1)
    inside = factor * _core.power(_core.where(end, 1.0, x), c)
    return _core.where(end, first, LANGUAGE["gammainc"](a, inside))


def _lower_root(a: Any, p: Any, c: Any) -> Any:
    """gammaincinv(a, p)**(1 / c); at 0 by the first term of its series, which has the slope."""
    first = _core.power(LANGUAGE["gamma"](a + 1) * p, 1 / (a * c))
    end = _core.equal(p, 0.0)
    inside = LANGUAGE["gammaincinv"](a, _core.where(end, 0.5, p))
    return _core.where(end, first, _core.power(inside, 1 / c))


def _upper_root(a: Any, p: Any, c: Any) -> Any:
    """gammainccinv(a, p)**(1 / c); at 1 as `_lower_root` at 0."""
    first = _core.power(LANGUAGE["gamma"](a + 1) * (1 - p), 1 / (a * c))
    end = _core.equal(p, 1.0)
    inside = LANGUAGE["gammainccinv"](a, _core.where(end, 0.5, p))
    return _core.where(end, first, _core.power(inside, 1 / c))


def _stirling_rest(t: Any) -> Any:
    """log(gamma(a)) - (a - 1/2) log(a) + a - log(2 pi) / 2 for a = 1 / t, by its series near 0."""
    near = _core.less(t, 0.05)
    u, a = _core.where(near, t, 0.0), 1.0 / _core.where(near, 1.0, t)
    s, terms = u * u, (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
    series: Any = 0.0
    for c in reversed(terms):
        series = series * s + c
    whole = LANGUAGE["gammaln"](a) - (a - 0.5) * _core.log(a) + a - 0.5 * np.log(2 * np.pi)
    return _core.where(near, u * series, whole)


def _middle_mass(x: Any, beta: Any) -> Any:
    """The mass of gennorm between 0 and an x near it: the series of gammainc, x its factor."""
    s, u = 1 / beta, _core.minimum(_compiled(POWER, ("x", "beta"))(x, beta), 1e-3)
    total: Any = 1.0
    for k, factor in ((1, -1.0), (2, 1 / 2), (3, -1 / 6), (4, 1 / 24)):
        total = total + factor * s / (s + k) * u**k
    return 0.5 * x / LANGUAGE["gamma"](s + 1) * total


def _turned_mass(x: Any, kappa: Any) -> Any:
    """The distribution function of von Mises's distribution: one more for each turn."""
    turns = _core.rint(x / (2 * np.pi))
    line = globals()["vonmises_line"]
    return turns + line._integral("cdf", x - 2 * np.pi * turns, [kappa])


_MORE = ("arctan", "arctan2", "arctanh", "arcsin", "arcsinh", "hypot", "logaddexp", "sinh", "tan",
         "tanh")  # fmt: skip
_WORDS = {**LANGUAGE, **{name: getattr(_core, name) for name in _MORE}}
_WORDS.update({name[1:]: globals()[name] for name in (
    "_log_normal_mass", "_log_of", "_log_less_exp", "_log_upper", "_log_lower", "_lower_mass",
    "_lower_root", "_upper_root", "_middle_mass", "_stirling_rest", "_turned_mass",
)}, inf=np.inf)  # fmt: skip

# What a method takes, and its value below and above the support.
_METHODS = {
    "logpdf": ("x", "-inf", "-inf"), "pdf": ("x", "0.0", "0.0"), "cdf": ("x", "0.0", "1.0"),
    "sf": ("x", "1.0", "0.0"), "logcdf": ("x", "-inf", "0.0"), "logsf": ("x", "0.0", "-inf"),
    "ppf": ("q", "", ""), "isf": ("q", "", ""),
}  # fmt: skip


def _expression(family: Family, method: str) -> str | None:
    """The method's expression, made of the others where the family does not give it."""
    given: str | None = getattr(family, {"logpmf": "logpdf"}.get(method, method), None)
    if given is not None:
        return given
    sources = {
        "pdf": (("logpdf",), "exp({})"), "pmf": (("logpdf",), "exp({})"),
        "sf": (("cdf",), "1 - ({})"), "logcdf": (("cdf", "sf"), "log_of({}, {})"),
        "logsf": (("sf", "cdf"), "log_of({}, {})"),
    }  # fmt: skip
    if method == "isf" and family.ppf is not None:
        return re.sub(r"\bq\b", "(1 - q)", family.ppf)
    names, form = sources.get(method, ((), ""))
    parts = [_expression(family, name) for name in names]
    return form.format(*parts) if form and None not in parts else None


@lru_cache(maxsize=1024)
def _compiled(expression: str, arguments: tuple[str, ...]) -> Any:
    return eval(f"lambda {', '.join(arguments)}: {expression}", _WORDS)


class _Distribution:
    """What continuous and discrete distributions have in common."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._plain = getattr(_stats, family.name)
        self.__doc__ = (
            f"As `scipy.stats.{family.name}`, differentiated by the variable, "
            f"{''.join([s + ', ' for s in family.shapes])}loc and scale.\n\n"
            f"The logarithm of the density at the standardised x is ``{family.logpdf}``."
        )
        known = [k for k, s in enumerate(family.shapes, 1) if s not in family.constant]
        density = "logpmf" if family.name in DISCRETE else "logpdf"
        call = f"css.{family.name}.{density}"
        self.__doc__ += example("stats", family.name, call, max(known, default=0))

    def __repr__(self) -> str:
        return f"<cdiff.scipy.stats.{self._family.name}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        plain = getattr(self._plain, name)
        if name not in UNKNOWN:
            return plain

        def known(*args: Any, **kwargs: Any) -> Any:
            if any_tracked([*args, *kwargs.values()]):
                refuse(self._family.name, name)
            return plainly(plain, args, kwargs)

        return known

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The distribution with these parameters."""
        return Frozen(self, self._plain, args, kwargs)

    def _parameters(self, args: tuple[Any, ...], kwargs: dict[str, Any], count: int) -> list[Any]:
        """Shapes, loc and scale (discrete: no scale) from a call."""
        names = [*self._family.shapes, "loc", "scale"][: len(self._family.shapes) + count]
        if len(args) > len(names):
            raise TypeError(f"{self._family.name} takes ({', '.join(names)}), not {len(args)}")
        found = dict(zip(names, args, strict=False))
        for name, x in kwargs.items():
            if name not in names or name in found:
                raise TypeError(f"{self._family.name}: unexpected or repeated parameter {name}")
            found[name] = x
        defaults = {"loc": 0.0, "scale": 1.0}
        missing = [s for s in self._family.shapes if s not in found]
        if missing:
            raise TypeError(f"{self._family.name}: the shape {', '.join(missing)} is missing")
        return [self._form(found.get(name, defaults.get(name)), name) for name in names]

    def _form(self, x: Any, name: str) -> Any:
        """An argument; lists as arrays, and a zero as one that numbers can be divided by."""
        kind = type(x)
        if kind in (list, tuple) or (kind in (int, float) and not x and name != "loc"):
            x = as_array(x)
        return x

    def _check_real(self, method: str, *given: Any) -> None:
        """Densities are expressions in complex numbers, too; all others compare or integrate."""
        kinds = [getattr(x, "dtype", _REAL).kind for x in given]
        if "c" in kinds and method[-3:] not in ("pdf", "pmf"):
            raise TypeError(f"{self._family.name}.{method} takes real numbers only")

    def _limited(self, y: Any, x: Any, shapes: list[Any], below: Any, above: Any) -> Any:
        """The value outside the support in its place."""
        family = self._family
        for side, end, outside, at_end, value in (
            (0, family.low, _core.less, _core.less_equal, below),
            (1, family.high, _core.greater, _core.greater_equal, above),
        ):
            if end is not None:
                edge, vanishes = _compiled(end, family.shapes)(*shapes), family.vanishes
                if isinstance(vanishes, tuple):
                    condition = _compiled(vanishes[side], family.shapes)(*shapes)
                    beyond = outside(x, edge) | (_core.equal(x, edge) & condition)
                else:
                    beyond = (at_end if vanishes or end.endswith("inf") else outside)(x, edge)
                y = _core.where(beyond, value, y)
        return y

    def _valid(self, y: Any, shapes: list[Any], scale: Any = None) -> Any:
        """nan where a parameter is not allowed."""
        if self._family.valid:
            allowed = _compiled(self._family.valid, self._family.shapes)(*shapes)
            y = _core.where(allowed, y, np.nan)
        if self._family.mode:  # an integral of nan may be a number
            for s in shapes:
                y = _core.where(_core.less(_core.absolute(s), np.inf), y, np.nan)
        return y if scale is None else _core.where(_core.greater(scale, 0), y, np.nan)


def _no_probability(x: Any) -> Any:
    return (x < 0) | (x > 1)


class _Continuous(_Distribution):
    """A distribution with a density."""

    def _call(self, method: str, x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        family = self._family
        variable, below, above = _METHODS[method]
        *shapes, loc, scale = self._parameters(args, kwargs, 2)
        first = args[0] if args else kwargs.get(family.shapes[0]) if family.shapes else None
        if family.limit and isinstance(first, float) and first == np.inf:
            # Of a number: what is tracked has no derivative there.
            limit: Any = globals()[family.limit]
            return limit._call(method, x, (), {"loc": loc, "scale": scale})
        function = self._function(method, variable)
        x = self._form(x, variable)
        self._check_real(method, x, *shapes, loc, scale)
        if variable == "q":
            y = function(x, *shapes)
            if _expression(family, method) is not None:
                y = self._ended(y, x, shapes, method == "isf")
            inside = _core.greater_equal(x, 0.0) & _core.less_equal(x, 1.0)
            y = _core.where(inside, loc + scale * y, np.nan)
            return self._valid(y, shapes, scale)
        z = self._form((x - loc) / scale, variable)
        y = function(z, *shapes)
        if method in ("logcdf", "logsf") and getattr(family, method) is None and not family.mode:
            y = self._in_tail(y, z, shapes, method == "logsf")
        y = self._limited(y, z, shapes, float(below), float(above))
        if method == "pdf":
            y = y / scale
        elif method == "logpdf":
            y = y - _core.log(scale)
        return self._valid(y, shapes, scale)

    def _ended(self, y: Any, q: Any, shapes: list[Any], falling: bool) -> Any:
        """Quantiles of 0 and 1 where the density is 0, or the expression not finite: the ends of
        the support, left by a root, which has the infinite slope and is 0."""
        family, edges, dtype = self._family, self._ends(shapes), getattr(y, "dtype", _REAL)
        for end, edge, side, at in (
            (family.low, edges[0], 1.0, falling),
            (family.high, edges[1], -1.0, not falling),
        ):
            lost = _core.equal(q, float(at))
            if family.vanishes is not True and end not in (None, "inf", "-inf"):
                if not end.startswith("where"):
                    continue  # of ends that are always finite the expression has a value
                lost = lost & ~_core.less(_core.absolute(y), np.inf)
            y = _core.where(lost, edge + side * _core.sqrt(1.0 - q if at else q), y)
        return y if getattr(y, "dtype", dtype) == dtype else _core.cast(y, dtype)

    def _ends(self, shapes: list[Any]) -> tuple[Any, Any]:
        """The ends of the support."""
        ends = self._family.low or "-inf", self._family.high or "inf"
        names = self._family.shapes
        return tuple([_compiled(e.replace("1.7e308", "inf"), names)(*shapes) for e in ends])

    def _density(self, x: Any, *shapes: Any) -> Any:
        """The density of the standardised variable, also at the ends and beyond."""
        y = self._function("pdf", "x")(x, *shapes)
        return self._limited(y, x, list(shapes), 0.0, 0.0)

    def _function(self, method: str, variable: str) -> Any:
        """A method for the standardised variable and the shapes."""
        expression = _expression(self._family, method)
        if expression is not None:
            return _compiled(expression, (variable, *self._family.shapes))
        if variable == "q":
            return lambda q, *shapes: quantile(self._family.name, method == "isf", q, shapes)
        return lambda z, *shapes: self._integral(method, z, list(shapes))

    def _integral(self, method: str, z: Any, shapes: list[Any]) -> Any:
        """A probability as the integral of the density, over the smaller side."""
        assert self._family.mode is not None
        mode = _compiled(self._family.mode, self._family.shapes)(*shapes)
        left = _core.less(z, mode)
        low = self._log_mass(_core.where(left, z, mode), shapes, -1.0)
        high = self._log_mass(_core.where(left, mode, z), shapes, 1.0)
        upper = method.endswith("sf")
        if method.startswith("log"):
            other = _core.log1p(-_core.exp(low if upper else high))
            return _core.where(left, other, high) if upper else _core.where(left, low, other)
        low, high = _core.exp(low), _core.exp(high)
        return _core.where(left, 1.0 - low, high) if upper else _core.where(left, low, 1.0 - high)

    def _log_mass(self, z: Any, shapes: list[Any], side: float) -> Any:
        family = self._family
        end = family.high if side > 0 else family.low
        end = None if end is None or end.endswith("inf") else _compiled(end, family.shapes)(*shapes)
        return log_mass(_compiled(family.logpdf, ("x", *family.shapes)), z, shapes, side, end)

    def _in_tail(self, y: Any, z: Any, shapes: list[Any], right: bool) -> Any:
        """The logarithm of a probability, by an integral where nothing is left of the number."""
        small = _core.less(y, float(np.log(self._family.floor)))
        if not any_true(small):
            return y
        return _core.where(small, self._log_mass(z, shapes, 1.0 if right else -1.0), y)

    def median(self, *args: Any, **kwargs: Any) -> Any:
        """As SciPy's: the quantile of one half."""
        if not holds_arrays(args, kwargs):
            return self._plain.median(*args, **kwargs)
        return self._call("ppf", 0.5, args, kwargs)

    def interval(self, confidence: Any, *args: Any, **kwargs: Any) -> Any:
        """As SciPy's: the quantiles that have equal tails outside."""
        if not holds_arrays((confidence, *args), kwargs):
            return self._plain.interval(confidence, *args, **kwargs)
        confidence = self._form(confidence, "confidence")
        if np.any(of_values(_no_probability, confidence)):
            raise ValueError(f"{self._family.name}: the confidence of an interval is from 0 to 1")
        tail = 0.5 * (1.0 - confidence)
        return tuple([self._call(m, tail, args, kwargs) for m in ("ppf", "isf")])


class _Discrete(_Distribution):
    """A distribution on whole numbers."""

    def _call(self, method: str, k: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        family = self._family
        *shapes, loc = self._parameters(args, kwargs, 1)
        expression = _expression(family, method)
        if expression is None:
            raise NotImplementedError(
                f"{family.name}.{method} has no derivative here; its value is "
                f"scipy.stats.{family.name}.{method} of plain numbers"
            )
        k = self._form(k, "k")
        self._check_real(method, k, *shapes, loc)
        place = k - loc
        x = _core.floor(place)
        log = method.startswith("log")
        below, above = (-np.inf if log else 0.0), (-np.inf if log else 0.0)
        if method in ("cdf", "logcdf"):
            above = 0.0 if log else 1.0
        elif method in ("sf", "logsf"):
            below = 0.0 if log else 1.0
        # Outside the support the expressions are not defined: they are given a number inside.
        inside = _compiled(family.low or "0", family.shapes)(*shapes)
        safe = self._limited(x, x, shapes, inside, inside)
        if family.high is None:
            safe = _core.where(_core.equal(x, np.inf), inside, safe)
        if method in ("cdf", "sf", "logcdf", "logsf") and family.high == "n":
            safe = _core.where(_core.greater_equal(x, shapes[0]), inside, safe)
        y = _compiled(expression, ("x", *family.shapes))(safe, *shapes)
        y = self._limited(y, x, shapes, below, above)
        if family.high is None:
            y = _core.where(_core.equal(x, np.inf), above, y)
        if method in ("cdf", "sf", "logcdf", "logsf") and family.high == "n":
            y = _core.where(_core.greater_equal(x, shapes[0]), above, y)
        if method in ("pmf", "logpmf"):
            y = _core.where(_core.equal(x, place), y, below)
        y = _core.where(_core.equal(place, place), y, np.nan)
        return self._valid(y, shapes)


def _method(name: str, variable: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        first = args[0] if args else None
        if type(first) is not Array and not holds_arrays(args, kwargs):
            return getattr(self._plain, name)(*args, **kwargs)
        if not args:
            if variable not in kwargs:
                raise TypeError(f"{self._family.name}.{name}: the argument {variable} is missing")
            first = kwargs.pop(variable)
        return self._call(name, first, args[1:], kwargs)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = (
        f"As the `{name}` of SciPy's distribution: ({variable}, *shapes, loc=0, scale=1)."
    )
    return method


for _name in CONTINUOUS_METHODS:
    setattr(_Continuous, _name, _method(_name, _METHODS[_name][0]))
for _name in DISCRETE_METHODS:
    setattr(_Discrete, _name, _method(_name, "k"))

for _name, _family in CONTINUOUS.items():
    _made = globals()[_name] = _Continuous(_family)
    DISTRIBUTIONS[_name] = _made._function("cdf", "x"), _made._density, _made._ends
for _name, _family in DISCRETE.items():
    globals()[_name] = _Discrete(_family)

reciprocal = globals()["loguniform"]


__all__ = sorted(
    [*CONTINUOUS, *DISCRETE, *_multivariate.__all__, *_statistics.__all__, "reciprocal"]
)


def __getattr__(name: str) -> Any:
    return other(_stats, "stats", name)


def __dir__() -> list[str]:
    return sorted(__all__)
