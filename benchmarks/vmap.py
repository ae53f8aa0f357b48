"""Functions of one point at many points: per-example gradients, Jacobians of small functions.

The gradients of a small network for each example of a batch, and the 2 by 15 Jacobians of
bundle-adjustment residuals (camera, point and weight of an observation), beside
`torch.func.vmap` and `jax.jit(jax.vmap(...))`; then what `vmap` costs beside the same residuals
written by hand for columns of observations. Every answer is compared with formulae in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks._peers import complex_step, load
from benchmarks._report import Bound, Reasons, Report, duration, ratio, shown
from benchmarks._timing import Case, Pace, Race, fresh

CONTENDERS = ("cdiff", "torch", "jax jit")
GRADIENTS, JACOBIANS, MAPPED, BY_HAND = "gradients", "jacobians", "mapped", "by hand"
BATCH, WIDTHS = 256, (10, 32)
SIZES = (1000, 100_000)
NEEDS = {"torch": Bound(at_least=1.0), "jax jit": Bound(at_least=1.0)}
OVERHEAD = Bound(at_most=1.3)


# --- the problems ---------------------------------------------------------------------------------


def network_data() -> list[np.ndarray]:
    """Weights and bias of a hidden layer, weights of the output; inputs and targets."""
    rng = np.random.default_rng(1)
    n_in, n_hidden = WIDTHS
    parts = [(n_hidden, n_in), (n_hidden,), (n_hidden,), (BATCH, n_in), (BATCH,)]
    return [rng.normal(size=shape) / 3 for shape in parts]


def network(xp: Any) -> Callable[..., Any]:
    def loss(a: Any, b: Any, c: Any, x: Any, y: Any) -> Any:
        return (c @ xp.tanh(a @ x + b) - y) ** 2

    own: Callable[..., Any] = fresh(loss)
    return own


def network_gradients() -> list[np.ndarray]:
    """By hand."""
    a, b, c, x, y = network_data()
    h = np.tanh(x @ a.T + b)
    g = 2.0 * (h @ c - y)
    inner = g[:, None] * c * (1.0 - h * h)
    return [inner[:, :, None] * x[:, None, :], inner, g[:, None] * h]


def observations(n: int) -> np.ndarray:
    """Rotation, centre, focal length, principal point, distortion; point; weight."""
    return np.random.default_rng(n).uniform(0.3, 1.0, (n, 15))


def residual(xp: Any) -> Callable[[Any], tuple[Any, Any]]:
    """The error of one observation, or of columns of them."""

    def errors(v: Any) -> tuple[Any, Any]:
        r, d = [v[0], v[1], v[2]], [v[11 + k] - v[3 + k] for k in range(3)]
        angle = xp.sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2])
        cos, sin = xp.cos(angle), xp.sin(angle)
        w = [x / angle for x in r]
        along = (w[0] * d[0] + w[1] * d[1] + w[2] * d[2]) * (1.0 - cos)
        x, y, z = [
            d[i] * cos + (w[j] * d[k] - w[k] * d[j]) * sin + w[i] * along
            for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1))
        ]
        p, q = x / z, y / z
        square = p * p + q * q
        bend = (1.0 + v[9] * square + v[10] * square * square) * v[6]
        return v[14] * (p * bend + v[7] - 0.5), v[14] * (q * bend + v[8] - 0.5)

    own: Callable[[Any], tuple[Any, Any]] = fresh(errors)
    return own


def residual_jacobians(v: np.ndarray) -> np.ndarray:
    """By complex steps."""
    rows = []
    for k in (0, 1):
        slopes = complex_step(lambda *columns, k=k: residual(np)(columns)[k], *v.T)[1]
        rows.append(np.stack(slopes, axis=1))
    return np.stack(rows, axis=1)


# --- the contenders -------------------------------------------------------------------------------


def _cdiff(name: str, size: int) -> Case:
    import cdiff
    import cdiff.numpy as cnp

    def stacked(v: Any) -> Any:
        return cnp.stack(residual(cnp)(v))

    if name == GRADIENTS:
        gradients = cdiff.grad(network(cnp), argnums=(0, 1, 2))
        call = cdiff.compile(cdiff.vmap(gradients, in_axes=(None, None, None, 0, 0)))
        arguments = network_data()
    else:
        arguments = [observations(size)]
        if name == JACOBIANS:
            call = cdiff.compile(cdiff.vmap(cdiff.jacobian(stacked)))
        elif name == MAPPED:
            call = cdiff.compile(cdiff.vmap(stacked))
        else:
            call = cdiff.compile(
                lambda v: cnp.stack(residual(cnp)([v[:, k] for k in range(15)]), axis=1)
            )
    call(*arguments)
    return _case(call, arguments, np.asarray)


def _torch(name: str, size: int) -> Case:
    import torch

    library = load("torch")

    def stacked(v: Any) -> Any:
        return torch.stack(residual(torch)(v))

    if name == GRADIENTS:
        gradients = torch.func.grad(network(torch), argnums=(0, 1, 2))
        call = torch.func.vmap(gradients, in_dims=(None, None, None, 0, 0))
        arguments = network_data()
    else:
        call = torch.func.vmap(torch.func.jacrev(stacked))
        arguments = [observations(size)]
    return _case(call, [torch.as_tensor(x) for x in arguments], library.plain)


def _jax(name: str, size: int) -> Case:
    from benchmarks._jax import jax

    library = load("jax")

    def stacked(v: Any) -> Any:
        return library.xp.stack(residual(library.xp)(v))

    if name == GRADIENTS:
        gradients = jax.grad(network(library.xp), argnums=(0, 1, 2))
        mapped = jax.jit(jax.vmap(gradients, in_axes=(None, None, None, 0, 0)))
        arguments = network_data()
    else:
        mapped = jax.jit(jax.vmap(jax.jacrev(stacked)))
        arguments = [observations(size)]
    return _case(
        lambda *xs: jax.block_until_ready(mapped(*xs)),
        [library.constant(x) for x in arguments],
        np.asarray,
    )


def _case(call: Callable[..., Any], arguments: list[Any], plain: Callable[[Any], Any]) -> Case:
    def answer() -> list[Any]:
        found = call(*arguments)
        return [plain(x) for x in (found if isinstance(found, (tuple, list)) else [found])]

    return Case("f(*xs)", {"f": call, "xs": arguments}, answer)


def build(contender: str, key: str) -> Case:
    """One contender's version of `problem @ size`."""
    name, _, size = key.partition(" @ ")
    if contender == "torch":
        return _torch(name, int(size))
    if contender == "jax jit":
        return _jax(name, int(size))
    return _cdiff(contender if contender in (MAPPED, BY_HAND) else name, int(size))


# --- the report -----------------------------------------------------------------------------------


def _race(report: Report, pace: Pace, sizes: tuple[int, ...]) -> None:
    widths = (22, 10, 10, 10, 40)
    report.say("beside other libraries; below: peer / cdiff")
    report.rows(widths, [("", *CONTENDERS, "")])
    reasons = Reasons()
    with Race("benchmarks.vmap", CONTENDERS, (), pace) as race:
        for key in (f"{GRADIENTS} @ {BATCH}", *[f"{JACOBIANS} @ {n}" for n in sizes]):
            name, _, size = key.partition(" @ ")
            expected = (
                network_gradients()
                if name == GRADIENTS
                else [residual_jacobians(observations(int(size)))]
            )
            times = race.run(key, expected)
            reasons.note(key, times)
            report.rows(widths, [(key, *(duration(times[c]) for c in CONTENDERS), "")])
            figures = {peer: ratio(times[peer], times["cdiff"]) for peer in NEEDS}
            told = [
                report.verdict(f"{key}: {peer} / cdiff", figures[peer], NEEDS[peer])
                for peer in NEEDS
            ]
            report.rows(
                widths, [("", "", *map(shown, figures.values()), "; ".join(filter(None, told)))]
            )
    reasons.tell(report)


def _overhead(report: Report, pace: Pace, sizes: tuple[int, ...]) -> None:
    widths = (22, 10, 10, 10, 24)
    report.say()
    report.say("residuals of many observations, compiled: by vmap, and written for columns")
    report.rows(widths, [("", MAPPED, BY_HAND, "ratio", "")])
    reasons = Reasons()
    with Race("benchmarks.vmap", (MAPPED, BY_HAND), (MAPPED, BY_HAND), pace) as race:
        for size in sizes:
            key = f"residuals @ {size}"
            times = race.run(key, [np.stack(residual(np)(observations(size).T), axis=1)])
            reasons.note(key, times)
            each = ratio(times[MAPPED], times[BY_HAND])
            verdict = report.verdict(f"{key}: mapped / by hand", each, OVERHEAD)
            cells = (*(duration(times[c]) for c in (MAPPED, BY_HAND)), shown(each), verdict)
            report.rows(widths, [(f"n = {size}", *cells)])
    reasons.tell(report)


def main(report: Report) -> None:
    """Run this benchmark."""
    pace = Pace(2, 0.005) if report.quick else Pace(11, 0.05)
    sizes = SIZES[:1] if report.quick else SIZES
    report.heading("vmap")
    _race(report, pace, sizes)
    _overhead(report, pace, sizes)


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("vmap")
