"""PyTorch, eager, one thread."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from benchmarks.gradbench.peers import shared

torch.set_num_threads(1)

NAMES = shared.Names(
    torch,
    lambda x: torch.amax(x, -1, keepdim=True),
    lambda x: torch.amin(x, -1),
    lambda x: torch.cumprod(x, -1),
    torch.as_tensor,
    torch.cat,
)
Run = Callable[[], Any]


def run_of(function: Callable[..., Any], *leaves: np.ndarray) -> Run:
    """The gradient of a scalar function by `backward`."""
    tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in leaves]

    def run() -> Any:
        for x in tensors:
            x.grad = None
        function(*tensors).backward()
        return [x.grad.numpy() for x in tensors]

    run()
    return run


def gmm(data: Any) -> Run:
    p, x, gamma, m = data
    leaves = [p[name] for name in ("alpha", "mu", "q", "l")]
    points = torch.tensor(x)
    return run_of(lambda *p: shared.log_posterior(NAMES, p, points, gamma, m), *leaves)


def kmeans(data: Any) -> Run:
    centroids, points = map(torch.tensor, data)

    def cost(c: Any) -> Any:
        return shared.cluster_cost(NAMES, c, points)

    def run() -> Any:
        gradient, diagonal = torch.func.jvp(
            torch.func.grad(cost), (centroids,), (torch.ones_like(centroids),)
        )
        return (gradient / diagonal).numpy()

    run()
    return run


def llsq(data: Any) -> Run:
    x, t = data
    at = torch.tensor(t)
    return run_of(lambda x: shared.polynomial_error(NAMES, x, at), x)


def lse(x: Any) -> Run:
    return run_of(lambda x: shared.log_sum_exp(NAMES, x), x)


def ode(data: Any) -> Run:
    x, steps = data

    def last(x: Any) -> Any:
        y = torch.zeros_like(x)
        for _ in range(steps):
            y = shared.runge_kutta_step(NAMES, x, y, 2.0 / steps)
        return y[-1]

    return run_of(last, x)


def lstm(data: Any) -> Run:
    main, extra, state, sequence = data
    first, rows = torch.tensor(state), torch.tensor(sequence)
    count, width = sequence.shape

    def loss(main: Any, extra: Any) -> Any:
        weights = main.reshape(-1, 2, 4, width)
        states = [(first[2 * i], first[2 * i + 1]) for i in range(len(weights))]
        total = torch.zeros((), dtype=torch.float64)
        for now, following in pairwise(rows):
            x = now * extra[0]
            after = []
            for (w, b), (hidden, cell) in zip(weights, states, strict=True):
                forget = torch.sigmoid(x * w[0] + b[0])
                ingate = torch.sigmoid(hidden * w[1] + b[1])
                outgate = torch.sigmoid(x * w[2] + b[2])
                cell = cell * forget + ingate * torch.tanh(hidden * w[3] + b[3])
                x = outgate * torch.tanh(cell)
                after.append((x, cell))
            states = after
            predicted = x * extra[1] + extra[2]
            normed = predicted - torch.log(2.0 + torch.sum(torch.exp(predicted)))
            total = total + torch.sum(following * normed)
        return -total / ((count - 1) * width)

    return run_of(loss, main, extra)


EVALS: dict[tuple[str, str], Callable[[Any], Run]] = {
    ("gmm", "jacobian"): gmm,
    ("kmeans", "dir"): kmeans,
    ("llsq", "gradient"): llsq,
    ("lse", "gradient"): lse,
    ("lstm", "jacobian"): lstm,
    ("ode", "gradient"): ode,
}
