"""`gaussian_kde` of `scipy.stats`: the density of a sample as a mean of normal densities.

Points and places are brought to a round covariance by its Cholesky factor; the rest is one sum of
exponentials. It must not know how a derivative is made.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np

import cdiff.numpy as cnp
from cdiff import _core
from cdiff._core import Array, any_array
from cdiff._face import misfit
from cdiff.numpy._common import as_array
from cdiff.scipy._need import scipy_module

_stats = scipy_module("stats")
__all__ = ["gaussian_kde"]


def _real(x: Any) -> Array:
    x = as_array(x)
    if x.dtype.kind == "c":
        raise TypeError("gaussian_kde takes real numbers only")
    return _core.cast(x, float)


class gaussian_kde:
    """As `scipy.stats.gaussian_kde`: the density of a sample, by its points, weights, width and by
    where it is asked for.

    Parameters
    ----------
    dataset : array_like
        A vector, or a matrix with a column for each point.
    bw_method : "scott", "silverman" or number, optional
    weights : array_like, optional

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import cdiff as cd
    >>> round(cd.grad(lambda x: css.gaussian_kde([0.0, 2.0], 1.0)(x)[0])(1.5), 4)
    -0.0271
    """

    def __init__(self, dataset: Any, bw_method: Any = None, weights: Any = None) -> None:
        self._own: Any = None
        if not any_array(dataset, bw_method, weights):
            width = bw_method[()] if isinstance(bw_method, np.ndarray) else bw_method
            self._own = _stats.gaussian_kde(dataset, width, weights)
            bw_method = self._own.factor
        data = _real(dataset)
        self.dataset = _core.reshape(data, (1, data.size)) if data.ndim < 2 else data
        self.d, self.n = self.dataset.shape
        w = _real(np.ones(self.n) if weights is None else weights)
        if self.dataset.ndim != 2 or self.n < 2 or w.shape != (self.n,):
            raise misfit(
                f"gaussian_kde: a dataset of shape {data.shape} and weights of shape {w.shape}"
            )
        self.weights = w / _core.sum(w)
        self.neff = 1.0 / _core.sum(_core.square(self.weights))
        if bw_method is None or (isinstance(bw_method, str) and bw_method == "scott"):
            self.factor = _core.power(self.neff, -1.0 / (self.d + 4))
        elif isinstance(bw_method, str) and bw_method == "silverman":
            self.factor = _core.power(self.neff * ((self.d + 2.0) / 4.0), -1.0 / (self.d + 4))
        elif isinstance(bw_method, str) or callable(bw_method):
            raise ValueError("gaussian_kde: bw_method is 'scott', 'silverman' or a number here")
        else:
            self.factor = as_array(bw_method)
        centred = self.dataset - cnp.sum(self.dataset * self.weights, axis=1, keepdims=True)
        spread = _core.matmul(centred * self.weights, _core.transpose(centred, (1, 0)))
        self.covariance = spread / (1.0 - 1.0 / self.neff) * _core.square(self.factor)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or self._own is None:
            raise AttributeError(f"gaussian_kde of cdiff arrays has no {name!r}")
        return getattr(self._own, name)

    def logpdf(self, x: Any) -> Any:
        """The logarithm of the density at points, the columns of x."""
        if self._own is not None and not any_array(x):
            return self._own.logpdf(x)
        points = as_array(x)
        points = _core.reshape(points, (1, points.size)) if points.ndim < 2 else points
        if points.shape[0] != self.d and points.shape == (1, self.d):
            points = _core.transpose(points, (1, 0))
        if points.shape[0] != self.d:
            raise misfit(f"gaussian_kde: points have dimension {points.shape[0]}, not {self.d}")
        factor = cnp.linalg.cholesky(self.covariance)
        own, there = (cnp.linalg.solve(factor, z) for z in (self.dataset, points))
        apart = cnp.expand_dims(own, 2) - cnp.expand_dims(there, 1)
        energy = 0.5 * _core.sum(apart * apart, (0,), False)
        size = 0.5 * self.d * log(2 * pi) + _core.sum(_core.log(cnp.diagonal(factor)))
        logs = cnp.expand_dims(_core.log(self.weights), 1) - energy
        top = cnp.max(logs, axis=0)
        return top + _core.log(_core.sum(_core.exp(logs - top), (0,), False)) - size

    def evaluate(self, points: Any) -> Any:
        """The density at points."""
        if self._own is not None and not any_array(points):
            return self._own.evaluate(points)
        return _core.exp(self.logpdf(points))

    __call__ = pdf = evaluate
