"""Distributions of vectors and matrices, differentiated by points and by all real parameters.

Each is SciPy's formula for the logarithm of the density, written in operators of matrices; the
density is its exponential. Plain arguments, and methods without a derivative, go to SciPy. It must
not know how a derivative is made.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy._common import as_array, of_values
from cdiff.numpy._index import diagonal
from cdiff.scipy import special
from cdiff.scipy._frozen import Frozen, refuse
from cdiff.scipy._mirror import any_tracked, constant, holds_arrays, plainly
from cdiff.scipy._need import scipy_module

_stats = scipy_module("stats")

__all__ = ["dirichlet", "dirichlet_multinomial", "invwishart", "matrix_normal", "multinomial",
           "multivariate_normal", "multivariate_t", "normal_inverse_gamma", "vonmises_fisher",
           "wishart"]  # fmt: skip


class Multivariate:
    """A distribution with SciPy's methods, of which two are differentiated.

    Parameters
    ----------
    name : str
        As in `scipy.stats`.
    log_density : callable
        Of Arrays: the method whose name begins with "log", with its parameters.
    method : str
        Its name.
    """

    def __init__(self, name: str, log_density: Any, method: str = "logpdf") -> None:
        self._name = name
        self._plain = getattr(_stats, name)
        self._log_density = log_density
        self._method = method
        self.__doc__ = log_density.__doc__

    def __repr__(self) -> str:
        return f"<cdiff.scipy.stats.{self._name}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The distribution with these parameters."""
        return Frozen(self, self._plain, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        plain = getattr(self._plain, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if name not in (self._method, self._method[3:]):
                if any_tracked([*args, *kwargs.values()]):
                    refuse(self._name, name)
                return plainly(plain, args, kwargs)
            if holds_arrays(args, kwargs):
                y = self._log_density(*args, **kwargs)
                return y if name == self._method else _core.exp(y)
            return plain(*args, **kwargs)

        return call if callable(plain) else plain


def _not_positive(x: Any) -> Any:
    return ~(np.asarray(x) > 0)


def _positive(x: Any, name: str, what: str) -> None:
    """Refuse parameters that SciPy refuses."""
    if np.any(of_values(_not_positive, x)):
        raise ValueError(f"{name}: {what} must be greater than 0")


def _squeezed(y: Array) -> Array:
    """Without axes of length one, as SciPy gives it."""
    return _core.reshape(y, tuple([n for n in y.shape if n != 1]))


def _log_det(factor: Array) -> Array:
    """The logarithm of the determinant of a matrix, from its Cholesky factor."""
    return 2.0 * _core.sum(_core.log(diagonal(factor, 0, -2, -1)), (-1,))


def _centred(x: Any, mean: Any, cov: Any, name: str) -> tuple[Any, Any]:
    """Points (along the last axis) less their mean, and the covariance as a matrix, as in SciPy.

    Without a mean, one number as covariance means one variable: a vector is many points.
    """
    mean = None if mean is None else as_array(mean)
    n = mean.size if mean is not None else cov.shape[-1] if cov.ndim else 1
    cov = cov * np.eye(n) if cov.ndim < 2 else cov
    if n == 1 and x.ndim < 2:
        x = _core.reshape(x, (-1, 1))
    if np.ndim(mean) > 1 or cov.shape != (n, n) or (x.ndim and x.shape[-1] != n):
        raise misfit(
            f"{name}: x of shape {x.shape}, mean of shape {np.shape(mean)} and cov of "
            f"shape {cov.shape} do not fit: mean is a vector, the last axis of x is as long"
        )
    return x if mean is None else x - mean, cov


def _distances(x: Any, mean: Any, cov: Any, name: str) -> tuple[Array, Array, int]:
    """Squared Mahalanobis distances, the logarithm of the determinant, and the dimension."""
    d, cov = _centred(as_array(x), mean, as_array(cov), name)
    n = cov.shape[0]
    factor = _core.cholesky(cov)
    rows = _core.reshape(d, (d.size // n, n))
    z = _core.solve(factor, rows.mT)
    # SciPy drops all axes of length one, too.
    shape = tuple([k for k in d.shape[:-1] if k != 1])
    return _core.reshape(_core.sum(z * z, (0,)), shape), _log_det(factor), n


def _definite(allow_singular: bool, name: str) -> None:
    if allow_singular:
        raise TypeError(f"{name}: allow_singular cannot be used with cdiff arrays")


def _normal(x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Array:
    """As `scipy.stats.multivariate_normal`: logpdf and pdf, by x, mean and cov (definite).

    >>> cd.grad(lambda m: css.multivariate_normal.logpdf(np.ones(2), m))(np.zeros(2))
    array([1., 1.])
    """
    _definite(allow_singular, "multivariate_normal")
    squares, log_det, n = _distances(x, mean, cov, "multivariate_normal")
    return -0.5 * (squares + log_det + n * log(2 * pi))


def _student(
    x: Any, loc: Any = None, shape: Any = 1, df: Any = 1, allow_singular: bool = False
) -> Array:
    """As `scipy.stats.multivariate_t`: logpdf and pdf, by x, loc, shape (definite) and df.

    >>> cd.grad(lambda m: css.multivariate_t.logpdf(np.ones(2), m, df=2.0))(np.zeros(2))
    array([1., 1.])
    """
    _definite(allow_singular, "multivariate_t")
    df = 1 if df is None else df
    _positive(df, "multivariate_t", "df")
    if type(df) is not Array and np.isinf(df):
        return _normal(x, loc, shape)
    squares, log_det, n = _distances(x, loc, shape, "multivariate_t")
    half = 0.5 * (df + n)
    constant = special.gammaln(half) - special.gammaln(0.5 * df) - 0.5 * n * _core.log(df * pi)
    return constant - 0.5 * log_det - half * _core.log1p(squares / df)


# --- proportions and counts -----------------------------------------------------------------------


def _off_simplex(x: Any) -> Any:
    return np.any(x < 0) or np.any(np.abs(np.sum(x, axis=0) - 1) > 1e-9)


def _at_pole(x: Any, alpha: Any) -> Any:
    return np.any((x == 0) & (alpha < 1).reshape(-1, *(1,) * (x.ndim - 1)))


def _dirichlet(x: Any, alpha: Any) -> Array:
    """As `scipy.stats.dirichlet`: logpdf and pdf, by x (one point, or one a column) and alpha.

    Of an x with one row less than alpha, the last one is what remains of 1.

    >>> cd.grad(lambda a: css.dirichlet.logpdf([0.5, 0.5], a))(np.array([1.0, 1.0])).round(4)
    array([0.3069, 0.3069])
    """
    x, alpha = as_array(x), as_array(alpha)
    if alpha.ndim != 1 or x.ndim not in (1, 2) or x.shape[0] not in (alpha.size, alpha.size - 1):
        raise misfit(
            f"dirichlet: x of shape {x.shape} and alpha of shape {alpha.shape} do not fit: alpha "
            "is a vector, the first axis of x is as long or shorter by one"
        )
    _positive(alpha, "dirichlet", "alpha")
    if x.shape[0] < alpha.size:
        x = _core.concatenate([x, 1.0 - _core.sum(x, (0,), True)], 0)
    if of_values(_off_simplex, x):
        raise ValueError("dirichlet: each column of x must be positive and have the sum 1")
    if of_values(_at_pole, x, alpha):
        raise ValueError("dirichlet: x must be greater than 0 where alpha is less than 1")
    powers = special.xlogy(_core.reshape(alpha - 1.0, (alpha.size,) + (1,) * (x.ndim - 1)), x)
    constant = special.gammaln(_core.sum(alpha, (0,))) - _core.sum(special.gammaln(alpha), (0,))
    return _squeezed(constant + _core.sum(powers, (0,)))


def _counted(x: Any, p: Any, n: Any, name: str) -> tuple[Any, Array, Any]:
    """Counts, which are constant, parameters along the last axis, and what counts are allowed."""
    x, n = constant(x), constant(n)
    if holds_arrays((x, n), {}):
        raise TypeError(
            f"{name}: x and n count, and have no derivative; give them as plain numbers"
        )
    x, p = np.asarray(x), as_array(p)
    if not x.ndim or not p.ndim or x.shape[-1] != p.shape[-1]:
        raise misfit(f"{name}: x of shape {x.shape} and parameters of {p.shape} do not fit")
    return x, p, (x.sum(axis=-1) == n) & (x >= 0).all(axis=-1) & (x == np.floor(x)).all(axis=-1)


def _multinomial(x: Any, n: Any, p: Any) -> Array:
    """As `scipy.stats.multinomial`: logpmf and pmf, by p, whose last element is what remains of
    1, as in SciPy, and has derivative 0.

    >>> round(cd.grad(lambda t: css.multinomial.logpmf([2, 2], 4, [t, 1 - t]))(0.25), 4)
    5.3333
    """
    x, p, allowed = _counted(x, p, n, "multinomial")
    first = p[..., :-1]
    p = _core.concatenate([first, 1.0 - _core.sum(first, (-1,), True)], p.ndim - 1)
    plain = special.gammaln(np.add(n, 1.0)) - special.gammaln(x + 1.0).sum(axis=-1)
    y = plain + _core.sum(special.xlogy(np.asarray(x, float), p), (-1,))
    return _core.where(np.asarray(n) < 0, np.nan, _core.where(allowed, y, -np.inf))


def _dirichlet_multinomial(x: Any, alpha: Any, n: Any) -> Array:
    """As `scipy.stats.dirichlet_multinomial`: logpmf and pmf, by alpha.

    >>> f = lambda a: css.dirichlet_multinomial.logpmf([1, 3], a, 4)
    >>> cd.grad(f)(np.array([1.0, 1.0])).round(4)
    array([-0.2833,  0.55  ])
    """
    x, alpha, allowed = _counted(x, alpha, n, "dirichlet_multinomial")
    if np.any((x < 0) | (x != np.floor(x))) or np.any((np.asarray(n) < 0) | (n != np.floor(n))):
        raise ValueError("dirichlet_multinomial: x and n must be non-negative integers")
    _positive(alpha, "dirichlet_multinomial", "alpha")
    total = _core.sum(alpha, (-1,))
    y = special.gammaln(total) - special.gammaln(total + n) + special.gammaln(np.add(n, 1.0))
    terms = special.gammaln(alpha + x) - special.gammaln(alpha) - special.gammaln(x + 1.0)
    return _core.where(allowed, y + _core.sum(terms, (-1,)), -np.inf)


# --- matrices -------------------------------------------------------------------------------------


def _definite_matrices(x: Any, scale: Any, name: str) -> tuple[Array, Array]:
    """Matrices along the first axis (SciPy has them along the last), and the scale."""
    x, scale = as_array(x), as_array(scale)
    if scale.ndim != 2 or x.ndim not in (2, 3) or x.shape[:2] != scale.shape:
        raise misfit(
            f"{name}: x of shape {x.shape} and scale of shape {scale.shape} do not fit: scale is a "
            "matrix, x one like it or several along the last axis"
        )
    return (_core.transpose(x, [2, 0, 1]) if x.ndim == 3 else x), scale


def _trace_of_quotient(a: Array, b: Array) -> Array:
    """The traces of a^-1 @ b."""
    shape = np.broadcast_shapes(a.shape, b.shape)
    a, b = _core.broadcast_to(a, shape), _core.broadcast_to(b, shape)
    return _core.sum(diagonal(_core.solve(a, b), 0, -2, -1), (-1,))


def _wishart(x: Any, df: Any, scale: Any) -> Array:
    """As `scipy.stats.wishart`: logpdf and pdf, by x, df and scale (both definite).

    >>> cd.grad(lambda x: css.wishart.logpdf([[x]], 3, [[1.0]]))(2.0)
    -0.25
    """
    x, scale = _definite_matrices(x, scale, "wishart")
    p = scale.shape[0]
    by_x = 0.5 * (df - p - 1) * _log_det(_core.cholesky(x)) - 0.5 * _trace_of_quotient(scale, x)
    rest = 0.5 * df * (p * log(2) + _log_det(_core.cholesky(scale)))
    return _squeezed(by_x - rest - special.multigammaln(0.5 * df, p))


def _invwishart(x: Any, df: Any, scale: Any) -> Array:
    """As `scipy.stats.invwishart`: logpdf and pdf, by x, df and scale (both definite).

    >>> cd.grad(lambda x: css.invwishart.logpdf([[x]], 3, [[1.0]]))(1.0)
    -2.0
    """
    x, scale = _definite_matrices(x, scale, "invwishart")
    p = scale.shape[0]
    by_x = -0.5 * (df + p + 1) * _log_det(_core.cholesky(x)) - 0.5 * _trace_of_quotient(x, scale)
    rest = 0.5 * df * (_log_det(_core.cholesky(scale)) - p * log(2))
    return _squeezed(by_x + rest - special.multigammaln(0.5 * df, p))


def _matrix_normal(X: Any, mean: Any = None, rowcov: Any = 1, colcov: Any = 1) -> Array:
    """As `scipy.stats.matrix_normal`: logpdf and pdf, by X, mean, rowcov and colcov (definite).

    >>> cd.grad(lambda x: css.matrix_normal.logpdf(x))(np.ones((1, 1)))
    array([[-1.]])
    """
    if mean is not None and np.ndim(mean) != 2:
        raise misfit(f"matrix_normal: the mean is a matrix, its shape is {np.shape(mean)}")
    x = as_array(X) if mean is None else as_array(X) - as_array(mean)
    if x.ndim < 2:
        raise misfit(f"matrix_normal: X holds matrices, its shape is {x.shape}")
    n, m = x.shape[-2:]
    covs = []
    for cov, k in ((as_array(rowcov), n), (as_array(colcov), m)):
        cov = cov * np.eye(k) if cov.ndim < 2 else cov
        if cov.shape != (k, k):
            raise misfit(f"matrix_normal: X of shape {x.shape} needs a covariance of shape "
                             f"{(k, k)}, not {cov.shape}")  # fmt: skip
        covs.append(_core.cholesky(cov))
    rows, columns = [_core.broadcast_to(c, (*x.shape[:-2], *c.shape)) for c in covs]
    z = _core.solve(columns, _core.solve(rows, x).mT)
    logs = n * m * log(2 * pi) + m * _log_det(covs[0]) + n * _log_det(covs[1])
    return -0.5 * (logs + _core.sum(z * z, (-2, -1)))


# --- others ---------------------------------------------------------------------------------------


def _no_unit(x: Any) -> Any:
    return np.any(np.abs(np.sum(x * x, axis=-1) - 1) > 1e-7)


def _vonmises_fisher(x: Any, mu: Any, kappa: Any) -> Array:
    """As `scipy.stats.vonmises_fisher`: logpdf and pdf, by x, mu (unit vectors) and kappa.

    >>> round(cd.grad(lambda k: css.vonmises_fisher.logpdf([1.0, 0.0], [1.0, 0.0], k))(1.0), 6)
    0.55361
    """
    x, mu = as_array(x), as_array(mu)
    if mu.ndim != 1 or not x.ndim or x.shape[-1] != mu.size:
        raise misfit(f"vonmises_fisher: x of shape {x.shape} and mu of shape {mu.shape} do not fit")
    if of_values(_no_unit, x) or of_values(_no_unit, mu):
        raise ValueError("vonmises_fisher: x and mu must be unit vectors")
    _positive(kappa, "vonmises_fisher", "kappa")
    half = 0.5 * mu.size - 1
    constant = special.xlogy(half, kappa) - (half + 1) * log(2 * pi)
    bessel = _core.log(special.ive(half, kappa))
    return constant - bessel + kappa * (_core.sum(x * mu, (-1,)) - 1.0)


def _normal_inverse_gamma(
    x: Any, s2: Any, mu: Any = 0.0, lmbda: Any = 1.0, a: Any = 1.0, b: Any = 1.0
) -> Array:
    """As `scipy.stats.normal_inverse_gamma`: logpdf and pdf, by all arguments, elementwise.

    >>> cd.grad(lambda x: css.normal_inverse_gamma.logpdf(x, 1.0))(0.5)
    -0.5
    """
    x, s2, mu, lmbda, a, b = (as_array(z) for z in (x, s2, mu, lmbda, a, b))
    inside = _core.where(_core.greater(s2, 0), s2, 1.0)
    constant = 0.5 * (_core.log(lmbda) - log(2 * pi)) + a * _core.log(b) - special.gammaln(a)
    rest = (a + 1.5) * _core.log(inside) + (b + 0.5 * lmbda * _core.square(x - mu)) / inside
    y = _core.where(_core.greater(s2, 0), constant - rest, -np.inf)
    allowed = _core.greater(lmbda, 0) & _core.greater(a, 0) & _core.greater(b, 0)
    return _core.where(allowed, y, np.nan)


multivariate_normal = Multivariate("multivariate_normal", _normal)
multivariate_t = Multivariate("multivariate_t", _student)
dirichlet = Multivariate("dirichlet", _dirichlet)
multinomial = Multivariate("multinomial", _multinomial, "logpmf")
dirichlet_multinomial = Multivariate("dirichlet_multinomial", _dirichlet_multinomial, "logpmf")
wishart = Multivariate("wishart", _wishart)
invwishart = Multivariate("invwishart", _invwishart)
matrix_normal = Multivariate("matrix_normal", _matrix_normal)
vonmises_fisher = Multivariate("vonmises_fisher", _vonmises_fisher)
normal_inverse_gamma = Multivariate("normal_inverse_gamma", _normal_inverse_gamma)
