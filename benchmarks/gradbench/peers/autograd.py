"""autograd, the Python library that differentiates NumPy code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np

from benchmarks.gradbench.peers import shared

NAMES = shared.Names(
    anp,
    lambda x: anp.max(x, -1, keepdims=True),
    lambda x: anp.min(x, -1),
    lambda x: np.cumprod(x, -1),
    np.asarray,
    anp.concatenate,
)
Run = Callable[[], Any]


def run_of(function: Callable[..., Any], *arguments: Any) -> Run:
    """The gradient by all arguments."""
    gradient = autograd.grad(lambda p: function(*p))
    return lambda: gradient(arguments)


def gmm(data: Any) -> Run:
    p, x, gamma, m = data
    leaves = [p[name] for name in ("alpha", "mu", "q", "l")]
    return run_of(lambda *p: shared.log_posterior(NAMES, p, x, gamma, m), *leaves)


def llsq(data: Any) -> Run:
    x, t = data
    return run_of(lambda x: shared.polynomial_error(NAMES, x, t), x)


def lse(x: Any) -> Run:
    return run_of(lambda x: shared.log_sum_exp(NAMES, x), x)


def kmeans(data: Any) -> Run:
    centroids, points = data
    slope = autograd.grad(lambda c: shared.cluster_cost(NAMES, c, points))
    product = autograd.make_hvp(lambda c: shared.cluster_cost(NAMES, c, points))
    ones = np.ones(centroids.shape)
    return lambda: slope(centroids) / product(centroids)[0](ones)


def ode(data: Any) -> Run:
    x, steps = data
    return run_of(lambda x: shared.runge_kutta(NAMES, x, steps)[-1], x)


EVALS: dict[tuple[str, str], Callable[[Any], Run]] = {
    ("gmm", "jacobian"): gmm,
    ("kmeans", "dir"): kmeans,
    ("llsq", "gradient"): llsq,
    ("lse", "gradient"): lse,
    ("ode", "gradient"): ode,
}
