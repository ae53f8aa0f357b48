"""Distributions whose parameters are given once, and methods of distributions that have no
derivative. It must not know any particular distribution.
"""

from __future__ import annotations

from typing import Any

from cdiff.scipy._mirror import holds_arrays

__all__ = ["CONTINUOUS_METHODS", "DISCRETE_METHODS", "UNKNOWN", "Frozen", "refuse"]

CONTINUOUS_METHODS = ("logpdf", "pdf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf")
DISCRETE_METHODS = ("logpmf", "pmf", "cdf", "sf", "logcdf", "logsf")
OF_POINTS = {*CONTINUOUS_METHODS, *DISCRETE_METHODS}  # what is differentiated by its argument

VARIABLES = {"x", "k", "q", "confidence"}  # as SciPy calls the argument of a method

# What to write instead of the methods that have no derivative.
UNKNOWN = {
    "mean": "write its formula", "var": "write its formula", "std": "write its formula",
    "stats": "write the formulas", "moment": "write its formula", "entropy": "write its formula",
    "expect": "integrate f(x) * pdf(x) over points, as cdiff.scipy.integrate.simpson does",
    "fit": "minimise -sum(logpdf) with cdiff.optimize",
    "nnlf": "write -sum(logpdf(x, ...))", "support": "write its ends",
}  # fmt: skip


def refuse(name: str, method: str) -> None:
    """Say that a method of a distribution has no derivative.

    Raises
    ------
    NotImplementedError
    """
    instead = UNKNOWN.get(method, "write it with logpdf, cdf or ppf")
    raise NotImplementedError(
        f"{name}.{method} has no derivative in cdiff: {instead}, or give it x.numpy() if none is "
        "needed"
    )


class Frozen:
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

        def call(*points: Any, **keywords: Any) -> Any:
            if self._plain is not None and not holds_arrays(points, keywords):
                return getattr(self._plain, name)(*points, **keywords)
            # The one argument of a method stands before the parameters, under its name, too.
            for own in VARIABLES & keywords.keys():
                points = (*points, keywords.pop(own))
            return method(*points, *self._args, **keywords, **self._kwargs)

        return call
