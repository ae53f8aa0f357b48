"""gmm: the posterior of a Gaussian mixture with full covariances, and its gradient."""

from __future__ import annotations

from math import lgamma, log, pi
from typing import Any

import numpy as np

import cdiff as cd
from benchmarks.gradbench._eval import Function, array, compiled, number, plain, whole

Parameters = dict[str, Any]


def log_gamma(d: int, a: float) -> float:
    """The logarithm of the multivariate gamma function."""
    return 0.25 * d * (d - 1) * log(pi) + sum(lgamma(a - 0.5 * j) for j in range(d))


def factors(q: Any, l: Any) -> Any:  # noqa: E741
    """The lower triangular matrices Q, (k, d, d), from their logarithmic diagonals and rests."""
    k, d = q.shape
    lower = cd.numpy.zeros((k, d, d))
    columns, rows = np.triu_indices(d, 1)  # column by column
    lower[:, rows, columns] = l
    diagonal = np.arange(d)
    lower[:, diagonal, diagonal] = np.exp(q)
    return lower


def log_sum_exp(x: Any) -> Any:
    """Along the last axis, shifted by the largest entry: any shift gives the same value."""
    largest = cd.stop_gradient(np.max(x, axis=-1, keepdims=True))
    return np.log(np.sum(np.exp(x - largest), axis=-1)) + largest[..., 0]


def log_posterior(p: Parameters, x: Any, gamma: Any, m: int) -> Any:
    (n, d), k = x.shape, p["alpha"].shape[0]
    q_sums = np.sum(p["q"], axis=1)
    lower = factors(p["q"], p["l"])
    centred = x - p["mu"][:, None, :]
    scaled = centred @ np.transpose(lower, (0, 2, 1))
    terms = p["alpha"][:, None] + q_sums[:, None] - 0.5 * np.sum(scaled**2, axis=2)
    likelihood = np.sum(log_sum_exp(terms.T)) - n * log_sum_exp(p["alpha"])
    degrees = d + m + 1
    prior = k * (degrees * d * (np.log(gamma) - 0.5 * log(2)) - log_gamma(d, 0.5 * degrees))
    prior = prior - 0.5 * gamma**2 * np.sum(lower**2) + m * np.sum(q_sums)
    return -n * (0.5 * d * log(2 * pi)) + likelihood + prior


def read(message: Any) -> tuple[Parameters, np.ndarray, float, int]:
    d, k, n = (whole(message, name, 1) for name in "dkn")
    parameters = {
        "alpha": array(message, "alpha", (k,)),
        "mu": array(message, "mu", (k, d)),
        "q": array(message, "q", (k, d)),
        "l": array(message, "l", (k, d * (d - 1) // 2)),
    }
    points = array(message, "x", (n, d))
    return parameters, points, number(message, "gamma"), whole(message, "m")


FUNCTIONS = {
    "objective": Function(lambda data: compiled(log_posterior, *data), plain),
    "jacobian": Function(lambda data: compiled(cd.grad(log_posterior), *data), plain),
}
