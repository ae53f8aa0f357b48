"""A neural network of two layers (784-256-10, batch of 128): loss and gradient by all weights.

Compiled, beside torch and `jax.jit`. Nearly all the time is in three matrix products, so the
figure shows what everything else costs. It knows how each library writes the loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks._report import Bound, Reasons, Report, duration, ratio, shown
from benchmarks._timing import Case, Pace, Race

CONTENDERS = ("cdiff", "torch", "jax jit")
BATCH, INPUTS, HIDDEN, CLASSES = 128, 784, 256, 10
NEEDS = {"torch": Bound(at_least=1.0), "jax jit": None}


def data() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Weights and biases, images, and their classes one-hot."""
    rng = np.random.default_rng(0)
    weights = [
        rng.normal(0, 0.05, (INPUTS, HIDDEN)),
        rng.normal(0, 0.1, HIDDEN),
        rng.normal(0, 0.1, (HIDDEN, CLASSES)),
        np.zeros(CLASSES),
    ]
    return (
        weights,
        rng.normal(size=(BATCH, INPUTS)),
        np.eye(CLASSES)[rng.integers(0, CLASSES, BATCH)],
    )


def by_hand() -> list[np.ndarray]:
    """The loss and its derivatives in NumPy."""
    (w1, b1, w2, b2), x, y = data()
    before = x @ w1 + b1
    hidden = np.maximum(before, 0.0)
    scores = hidden @ w2 + b2
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    back = (shares - y) / BATCH
    inner = (back @ w2.T) * (before > 0)
    loss = -np.sum(y * np.log(shares)) / BATCH
    return [loss, x.T @ inner, inner.sum(axis=0), hidden.T @ back, back.sum(axis=0)]


def _cdiff() -> Case:
    import cdiff as cd
    import cdiff.numpy as cnp

    weights, x, y = data()

    def loss(weights: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = weights
        scores = cd.relu(x @ w1 + b1) @ w2 + b2
        return -cnp.sum(y * cd.log_softmax(scores, axis=1)) / BATCH

    call = cd.compile(cd.value_and_grad(loss))
    call(weights, x, y)

    def answer() -> list[Any]:
        value, slopes = call(weights, x, y)
        return [value, *slopes]

    return Case("f(w, x, y)", {"f": call, "w": weights, "x": x, "y": y}, answer)


def _torch() -> Case:
    import torch

    torch.set_num_threads(1)
    arrays, images, classes = data()
    leaves = [torch.tensor(w, requires_grad=True) for w in arrays]
    x, y = torch.tensor(images), torch.tensor(classes)

    def step() -> Any:
        for leaf in leaves:
            leaf.grad = None
        scores = torch.relu(x @ leaves[0] + leaves[1]) @ leaves[2] + leaves[3]
        loss = -(y * torch.log_softmax(scores, 1)).sum() / BATCH
        loss.backward()
        return loss

    return Case(
        "f()", {"f": step}, lambda: [step().detach().numpy(), *(w.grad.numpy() for w in leaves)]
    )


def _jax() -> Case:
    import jax.numpy as jnp

    from benchmarks._jax import jax

    weights, x, y = data()

    def loss(weights: Any) -> Any:
        w1, b1, w2, b2 = weights
        scores = jax.nn.relu(x @ w1 + b1) @ w2 + b2
        return -jnp.sum(y * jax.nn.log_softmax(scores, axis=1)) / BATCH

    compiled = jax.jit(jax.value_and_grad(loss))
    ready = jax.block_until_ready
    leaves = [jnp.asarray(w) for w in weights]

    def answer() -> list[Any]:
        value, slopes = compiled(leaves)
        return [value, *slopes]

    return Case("f(w)", {"f": lambda w: ready(compiled(w)), "w": leaves}, answer)


def build(contender: str, key: str) -> Case:
    """One contender's version."""
    return {"cdiff": _cdiff, "torch": _torch, "jax jit": _jax}[contender]()


def main(report: Report) -> None:
    """Run this benchmark."""
    pace = Pace(2, 0.02) if report.quick else Pace(15, 0.1)
    widths = (22, 10, 10, 10, 24)
    report.heading("networks")
    report.rows(widths, [("", *CONTENDERS, "")])
    reasons = Reasons()
    with Race("benchmarks.networks", CONTENDERS, (), pace) as race:
        times = race.run("784-256-10", by_hand())
        reasons.note("784-256-10", times)
        report.rows(
            widths, [("784-256-10, batch 128", *(duration(times[c]) for c in CONTENDERS), "")]
        )
        figures = {peer: ratio(times[peer], times["cdiff"]) for peer in NEEDS}
        told = [
            report.verdict(f"{peer} / cdiff", figures[peer], None if report.quick else bound)
            for peer, bound in NEEDS.items()
        ]
        verdict = "; ".join(filter(None, told))
        report.rows(widths, [("", "", *map(shown, figures.values()), verdict)])
    reasons.tell(report)


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("networks")
