"""The functions alone, in plain NumPy: what a user has before any derivative is asked for.

It must not know cdiff, and has no derivative. A row of a derivative shows the time of the function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gradbench.peers import shared

NAMES = shared.Names(
    np,
    lambda x: np.max(x, -1, keepdims=True),
    lambda x: np.min(x, -1),
    lambda x: np.cumprod(x, -1),
    np.asarray,
    np.concatenate,
)
Run = Callable[[], Any]


def gmm(data: Any) -> Run:
    p, x, gamma, m = data
    leaves = tuple([p[name] for name in ("alpha", "mu", "q", "l")])
    return lambda: shared.log_posterior(NAMES, leaves, x, gamma, m)


def kmeans(data: Any) -> Run:
    return lambda: shared.cluster_cost(NAMES, *data)


def llsq(data: Any) -> Run:
    return lambda: shared.polynomial_error(NAMES, *data)


def lse(x: Any) -> Run:
    return lambda: shared.log_sum_exp(NAMES, x)


def ode(data: Any) -> Run:
    return lambda: shared.runge_kutta(NAMES, *data)


EVALS: dict[tuple[str, str], Callable[[Any], Run]] = {
    ("gmm", "objective"): gmm,
    ("kmeans", "cost"): kmeans,
    ("llsq", "primal"): llsq,
    ("lse", "primal"): lse,
    ("ode", "primal"): ode,
}
