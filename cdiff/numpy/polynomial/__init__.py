"""`numpy.polynomial`: series as objects, and the modules with their functions.

The classes are NumPy's own with coefficients, arguments and domains that may be `Array`s: all their
arithmetic goes through a few functions, which here are those of `_basis.py`. They must not know
derivatives.

Examples
--------
>>> import numpy as np, cdiff as cd
>>> from cdiff.numpy.polynomial import Chebyshev
>>> cd.grad(lambda c: Chebyshev(c)(0.5))(np.array([1.0, 2.0, 3.0]))
array([ 1. ,  0.5, -0.5])
>>> cd.grad(lambda x: Chebyshev([1.0, 2.0, 3.0]).deriv()(x))(0.5)
12.0
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import any_array
from cdiff._face import misfit
from cdiff.numpy._common import as_array
from cdiff.numpy.polynomial import chebyshev, hermite, hermite_e, laguerre, legendre, polynomial

__all__ = ["Chebyshev", "Hermite", "HermiteE", "Laguerre", "Legendre", "Polynomial", "chebyshev",
           "hermite", "hermite_e", "laguerre", "legendre", "polynomial"]  # fmt: skip


class _Series:
    """What the classes have beside NumPy's methods."""

    coef: Any
    domain: Any
    window: Any

    def __init__(
        self, coef: Any, domain: Any = None, window: Any = None, symbol: str = "x"
    ) -> None:
        if not any_array(coef, domain, window):
            super().__init__(coef, domain, window, symbol)  # type: ignore[call-arg]
            return
        super().__init__([0.0], None, None, symbol)  # type: ignore[call-arg]
        self.coef = _core.cast(as_array(coef), float) if _whole(coef) else as_array(coef)
        if self.coef.ndim != 1 or not self.coef.size:
            raise misfit(f"coefficients must be 1-d and not empty, got shape {self.coef.shape}")
        for name, given in (("domain", domain), ("window", window)):
            if given is not None:
                ends = as_array(given)
                if ends.shape != (2,):
                    raise misfit(f"{name} has the wrong number of elements: {ends.shape}")
                if _whole(ends):
                    ends = _core.cast(ends, float)
                setattr(self, name, ends if any_array(given) else ends.numpy())

    def __call__(self, arg: Any) -> Any:
        if not any_array(arg, self.coef, self.domain, self.window):
            return super().__call__(arg)  # type: ignore[misc]
        off, scale = self.mapparms()  # type: ignore[attr-defined]
        if isinstance(arg, _NUMPYS):
            return self._composed(off + scale * _of_ours(arg))
        return self._val(off + scale * as_array(arg), self.coef)  # type: ignore[attr-defined]

    def _composed(self, inner: Any) -> Any:
        """The series whose values are those of this one at the values of another series."""
        c = as_array(self.coef)
        terms = [c[k] for k in range(c.size)]
        return self._basis.clenshaw(terms, lambda f: inner * f) + 0.0 * inner  # type: ignore[attr-defined]

    def roots(self) -> Any:
        """As NumPy's: the zeros, by the coefficients and the domain."""
        if not any_array(self.coef, self.domain, self.window):
            return super().roots()  # type: ignore[misc]
        off, scale = np.polynomial.polyutils.mapparms(self.window, self.domain)
        return off + scale * self._roots(self.coef)  # type: ignore[attr-defined]

    def trim(self, tol: float = 0) -> Any:
        """As NumPy's: without the last coefficients, up to one that is larger than `tol`."""
        if not any_array(self.coef):
            return super().trim(tol)  # type: ignore[misc]
        coef = self._basis.trim(self.coef, tol)  # type: ignore[attr-defined]
        return self.__class__(coef, self.domain, self.window, self.symbol)  # type: ignore[attr-defined]

    @classmethod
    def fit(
        cls, x: Any, y: Any, deg: Any, domain: Any = None, rcond: float | None = None,
        full: bool = False, w: Any = None, window: Any = None, symbol: str = "x",
    ) -> Any:  # fmt: skip
        """As NumPy's, by x, y and w; a domain that is not given is that of the values of x."""
        if not any_array(x, y, w, domain, window):
            return super().fit(x, y, deg, domain, rcond, full, w, window, symbol)  # type: ignore[misc]
        at = as_array(x)
        window = cls.window if window is None else window
        if domain is None:
            domain = _core.concatenate(
                [_core.reshape(f(at), (1,)) for f in (np.min, np.max)], 0)  # fmt: skip
        elif isinstance(domain, list) and not domain:
            domain = cls.domain
        old, new = as_array(domain), as_array(window)
        scale = (new[1] - new[0]) / (old[1] - old[0])
        found = cls._fit(new[0] + scale * (at - old[0]), y, deg, rcond, full, w)  # type: ignore[attr-defined]
        c, status = found if full else (found, None)
        series = cls(c, domain, window, symbol)
        return (series, status) if full else series


def _whole(coef: Any) -> bool:
    return as_array(coef).dtype.kind not in "fc"


def _class(name: str, module: Any) -> Any:
    """NumPy's class of that name with our functions."""
    base = getattr(np.polynomial, name)
    parts = ("val", "add", "sub", "mul", "div", "pow", "der", "int", "line", "fromroots", "roots",
             "fit")  # fmt: skip
    functions = {
        f"_{part}": staticmethod(module.FUNCTIONS[module.BASIS.prefix + part]) for part in parts
    }
    doc = (
        f"As `numpy.polynomial.{name}`, differentiable by coefficients, arguments and domain.\n\n"
        f">>> squared = cnp.polynomial.{name}.identity() ** 2\n"
        ">>> round(cd.grad(squared)(3.0), 6)\n6.0"
    )
    own = {"_basis": module.BASIS, "__doc__": doc, "__module__": __name__}
    return type(name, (_Series, base), {**functions, **own})


Polynomial = _class("Polynomial", polynomial)
Chebyshev = _class("Chebyshev", chebyshev)
Legendre = _class("Legendre", legendre)
Hermite = _class("Hermite", hermite)
HermiteE = _class("HermiteE", hermite_e)
Laguerre = _class("Laguerre", laguerre)

_NUMPYS = (np.polynomial.Polynomial, np.polynomial.Chebyshev, np.polynomial.Legendre,
           np.polynomial.Hermite, np.polynomial.HermiteE, np.polynomial.Laguerre)  # fmt: skip


def _of_ours(series: Any) -> Any:
    """A series in the class of this module, whose arithmetic takes Arrays."""
    if isinstance(series, _Series):
        return series
    ours = globals()[type(series).__name__]
    return ours(series.coef, series.domain, series.window, series.symbol)


def __getattr__(name: str) -> Any:
    return getattr(np.polynomial, name)


def __dir__() -> list[str]:
    return sorted(__all__)
