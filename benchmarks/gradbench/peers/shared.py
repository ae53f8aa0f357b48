"""Evals whose definition can be written once for all tools that have NumPy's names.

`xp` is jax.numpy, autograd.numpy or torch; what these call differently is behind `Names`. It knows
the definitions of the evals and no way of differentiating.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log, pi
from typing import Any

import numpy as np

from benchmarks.gradbench.gmm import log_gamma


@dataclass(frozen=True)
class Names:
    """NumPy's names in one tool, and the functions that it calls differently.

    `largest(x)` is the maximum along the last axis, kept as an axis; `smallest` the minimum along
    it; `running(x)` the products along it.
    """

    xp: Any
    largest: Callable[[Any], Any]
    smallest: Callable[[Any], Any]
    running: Callable[[Any], Any]
    constant: Callable[[Any], Any]
    join: Callable[[list[Any]], Any]


def log_sum_exp(names: Names, x: Any) -> Any:
    largest = names.largest(x)
    return names.xp.log(names.xp.sum(names.xp.exp(x - largest), -1)) + largest[..., 0]


def polynomial_error(names: Names, x: Any, t: Any) -> Any:
    """llsq by the matrix of powers, which is how one writes it where loops are slow."""
    factors = [names.xp.ones_like(t)] + [t] * (len(x) - 1)
    powers = names.running(names.xp.stack(factors, 1))
    return 0.5 * names.xp.sum((names.xp.sign(t) - powers @ x) ** 2)


def log_posterior(names: Names, p: tuple[Any, ...], x: Any, gamma: float, m: int) -> Any:
    """gmm; the factors are Q = L + diag(exp q), with L put together by a product with 0 and 1."""
    xp = names.xp
    alpha, mu, q, l = p  # noqa: E741
    k, d = q.shape
    n = x.shape[0]
    columns, rows = np.triu_indices(d, 1)
    place = np.zeros((len(rows), d * d))
    place[np.arange(len(rows)), rows * d + columns] = 1.0
    strict = (l @ names.constant(place)).reshape(k, d, d)
    lower = strict + xp.exp(q)[:, :, None] * names.constant(np.eye(d))
    centred = x[None] - mu[:, None, :]
    scaled = xp.matmul(centred, xp.swapaxes(lower, 1, 2))
    sums = xp.sum(q, -1)
    terms = alpha[:, None] + sums[:, None] - 0.5 * xp.sum(scaled**2, -1)
    value = xp.sum(log_sum_exp(names, terms.T)) - n * log_sum_exp(names, alpha)
    degrees = d + m + 1
    prior = k * (degrees * d * (log(gamma) - 0.5 * log(2)) - log_gamma(d, 0.5 * degrees))
    prior = prior - 0.5 * gamma**2 * xp.sum(lower**2) + m * xp.sum(sums)
    return -n * d * 0.5 * log(2 * pi) + value + prior


def cluster_cost(names: Names, centroids: Any, points: Any) -> Any:
    """kmeans with all distances at once, by the product of the matrices."""
    xp = names.xp
    squares = xp.sum(points**2, -1)[:, None] + xp.sum(centroids**2, -1)[None]
    return xp.sum(names.smallest(squares - 2.0 * points @ centroids.T))


def runge_kutta_step(names: Names, x: Any, y: Any, h: float) -> Any:
    """One step of the chain of equations of ode."""

    def slope(y: Any) -> Any:
        return names.join([x[:1], x[1:] * y[:-1]])

    k1 = slope(y)
    k2 = slope(y + h / 2 * k1)
    k3 = slope(y + h / 2 * k2)
    k4 = slope(y + h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def runge_kutta(names: Names, x: Any, steps: int) -> Any:
    """ode's solution by a loop in Python."""
    y = names.constant(np.zeros(x.shape))
    for _ in range(steps):
        y = runge_kutta_step(names, x, y, 2.0 / steps)
    return y


def ba_structure(data: Any) -> tuple[np.ndarray, np.ndarray]:
    """Row pointers and columns of ba's Jacobian in compressed rows."""
    n, m, p = len(data.cameras), len(data.points), len(data.weights)
    rows = np.empty(3 * p + 1, np.int32)
    rows[: 2 * p] = 15 * np.arange(2 * p)
    rows[2 * p :] = 30 * p + np.arange(p + 1)
    columns = np.empty(31 * p, np.int32)
    block = columns[: 30 * p].reshape(p, 2, 15)
    weight = 11 * n + 3 * m + np.arange(p)
    block[:, :, :11] = (11 * data.camera_of[:, None] + np.arange(11))[:, None]
    block[:, :, 11:14] = (11 * n + 3 * data.point_of[:, None] + np.arange(3))[:, None]
    block[:, :, 14] = weight[:, None]
    columns[30 * p :] = weight
    return rows, columns
