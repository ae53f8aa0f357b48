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
from math import pi
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy._common import as_array
from cdiff.scipy import _language  # noqa: F401 -- fills the language
from cdiff.scipy._mirror import holds_arrays
from cdiff.scipy._need import scipy_module
from cdiff.scipy._rows import LANGUAGE
from cdiff.scipy._stats_table import CONTINUOUS, DISCRETE, Family

_stats = scipy_module("stats")


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


_MORE = ("arctan", "arctan2", "arctanh", "arcsin", "arcsinh", "hypot", "logaddexp", "sinh", "tan",
         "tanh")  # fmt: skip
_WORDS = {**LANGUAGE, **{name: getattr(_core, name) for name in _MORE}}
_WORDS.update(inf=np.inf, log_normal_mass=_log_normal_mass, log_of=_log_of)

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
            f"The logarithm of the density at the standardised x is ``{family.logpdf}``.\n"
        )

    def __repr__(self) -> str:
        return f"<cdiff.scipy.stats.{self._family.name}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._plain, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The distribution with these parameters."""
        return _Frozen(self, self._plain, args, kwargs)

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
        return [found.get(name, defaults.get(name)) for name in names]

    def _limited(
        self, y: Any, x: Any, shapes: list[Any], below: Any, above: Any, density: bool = False
    ) -> Any:
        """The value outside the support in its place."""
        family = self._family
        closed = density and family.vanishes
        less = _core.less_equal if closed else _core.less
        greater = _core.greater_equal if closed else _core.greater
        for end, outside, value in ((family.low, less, below),
                                    (family.high, greater, above)):  # fmt: skip
            if end is not None:
                edge = _compiled(end, family.shapes)(*shapes)
                y = _core.where(outside(x, edge), value, y)
        return y

    def _valid(self, y: Any, shapes: list[Any], scale: Any = None) -> Any:
        """nan where a parameter is not allowed."""
        if self._family.valid:
            allowed = _compiled(self._family.valid, self._family.shapes)(*shapes)
            y = _core.where(allowed, y, np.nan)
        return y if scale is None else _core.where(_core.greater(scale, 0), y, np.nan)


class _Continuous(_Distribution):
    """A distribution with a density."""

    def _call(self, method: str, x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        family = self._family
        variable, below, above = _METHODS[method]
        *shapes, loc, scale = self._parameters(args, kwargs, 2)
        expression = _expression(family, method)
        if expression is None:
            raise NotImplementedError(
                f"{family.name}.{method} has no derivative here; its value is "
                f"scipy.stats.{family.name}.{method} of plain numbers"
            )
        function = _compiled(expression, (variable, *family.shapes))
        x = as_array(x) if isinstance(x, (list, tuple)) else x
        if variable == "q":
            return self._valid(loc + scale * function(x, *shapes), shapes, scale)
        z = (x - loc) / scale
        y = function(z, *shapes)
        y = self._limited(y, z, shapes, float(below), float(above), method.endswith("pdf"))
        if method == "pdf":
            y = y / scale
        elif method == "logpdf":
            y = y - _core.log(scale)
        return self._valid(y, shapes, scale)


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
        k = as_array(k) if isinstance(k, (list, tuple)) else k
        x = _core.floor(k - loc)
        log = method.startswith("log")
        below, above = (-np.inf if log else 0.0), (-np.inf if log else 0.0)
        if method in ("cdf", "logcdf"):
            above = 0.0 if log else 1.0
        elif method in ("sf", "logsf"):
            below = 0.0 if log else 1.0
        # Outside the support the expressions are not defined: they are given a number inside.
        inside = _compiled(family.low or "0", family.shapes)(*shapes)
        safe = self._limited(x, x, shapes, inside, inside)
        if method in ("cdf", "sf", "logcdf", "logsf") and family.high == "n":
            safe = _core.where(_core.greater_equal(x, shapes[0]), inside, safe)
        y = _compiled(expression, ("x", *family.shapes))(safe, *shapes)
        y = self._limited(y, x, shapes, below, above)
        if method in ("cdf", "sf", "logcdf", "logsf") and family.high == "n":
            y = _core.where(_core.greater_equal(x, shapes[0]), above, y)
        if method in ("pmf", "logpmf"):
            y = _core.where(_core.equal(x, k - loc), y, below)
        return self._valid(y, shapes)


CONTINUOUS_METHODS = ("logpdf", "pdf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf")
DISCRETE_METHODS = ("logpmf", "pmf", "cdf", "sf", "logcdf", "logsf")
OF_POINTS = {*CONTINUOUS_METHODS, *DISCRETE_METHODS}  # what is differentiated by its argument


class _Frozen:
    """A distribution whose parameters are given; with plain ones, SciPy's answers plain calls."""

    def __init__(
        self, distribution: Any, plain: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._distribution = distribution
        self._plain = None if holds_arrays(args, kwargs) else plain(*args, **kwargs)
        self._args = args
        self._kwargs = kwargs

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if self._plain is not None and name not in OF_POINTS:
            return getattr(self._plain, name)
        method = getattr(self._distribution, name)

        def call(x: Any) -> Any:
            if self._plain is not None and not holds_arrays((x,), {}):
                return getattr(self._plain, name)(x)
            return method(x, *self._args, **self._kwargs)

        return call


def _method(name: str) -> Any:
    def method(self: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        if type(x) is not Array and not holds_arrays((x, *args), kwargs):
            return getattr(self._plain, name)(x, *args, **kwargs)
        return self._call(name, x, args, kwargs)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"As the `{name}` of SciPy's distribution: (x, *shapes, loc=0, scale=1)."
    return method


for _name in CONTINUOUS_METHODS:
    setattr(_Continuous, _name, _method(_name))
for _name in DISCRETE_METHODS:
    setattr(_Discrete, _name, _method(_name))

for _name, _family in CONTINUOUS.items():
    globals()[_name] = _Continuous(_family)
for _name, _family in DISCRETE.items():
    globals()[_name] = _Discrete(_family)

reciprocal = globals()["loguniform"]


def _centred(x: Any, mean: Any, cov: Any) -> tuple[Any, Any]:
    """Points (along the last axis) less their mean, and the covariance as a matrix, as in SciPy.

    Without a mean, one number as covariance means one variable: a vector is many points.
    """
    n = np.size(mean) if mean is not None else cov.shape[-1] if cov.ndim else 1
    cov = cov * np.eye(n) if cov.ndim < 2 else cov
    if n == 1 and x.ndim < 2:
        x = _core.reshape(x, (-1, 1))
    if np.ndim(mean) > 1 or cov.shape != (n, n) or (x.ndim and x.shape[-1] != n):
        raise misfit(
            f"multivariate_normal: x of shape {x.shape}, mean of shape {np.shape(mean)} and cov of "
            f"shape {cov.shape} do not fit: mean is a vector, the last axis of x is as long"
        )
    return x if mean is None else x - as_array(mean), cov


class _MultivariateNormal:
    """As `scipy.stats.multivariate_normal`, differentiated by x, mean and cov."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_stats.multivariate_normal, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The distribution with this mean and covariance."""
        return _Frozen(self, _stats.multivariate_normal, args, kwargs)

    def logpdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
        """The logarithm of the density; points along the last axis, cov positive definite."""
        if not holds_arrays((x, mean, cov), {}):
            return _stats.multivariate_normal.logpdf(x, mean, cov, allow_singular)
        if allow_singular:
            raise TypeError("multivariate_normal: allow_singular cannot be used with cdiff arrays")
        d, cov = _centred(as_array(x), mean, as_array(cov))
        n = cov.shape[0]
        factor = _core.cholesky(cov)
        rows = _core.reshape(d, (d.size // n, n))
        z = _core.solve(factor, rows.mT)
        # SciPy drops all axes of length one, too.
        squares = _core.reshape(_core.sum(z * z, (0,)), tuple([k for k in d.shape[:-1] if k != 1]))
        log_det = _core.sum(_core.log(factor[np.arange(n), np.arange(n)]))
        return -0.5 * squares - log_det - 0.5 * n * np.log(2 * pi)

    def pdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
        """The density."""
        if not holds_arrays((x, mean, cov), {}):
            return _stats.multivariate_normal.pdf(x, mean, cov, allow_singular)
        return _core.exp(self.logpdf(x, mean, cov, allow_singular))


multivariate_normal = _MultivariateNormal()

__all__ = sorted([*CONTINUOUS, *DISCRETE, "multivariate_normal", "reciprocal"])


def __getattr__(name: str) -> Any:
    if name.startswith("__") or not hasattr(_stats, name):
        raise AttributeError(f"module 'cdiff.scipy.stats' has no attribute {name!r}")
    return getattr(_stats, name)
