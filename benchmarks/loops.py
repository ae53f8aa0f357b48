"""Loops: a recurrence of 1000 steps in the style of an LSTM, value and gradient by scan.

Three sizes, beside `jax.jit` of a `lax.scan` and a loop in torch: the first call, which has to
record or compile, and calls after that. What every answer is compared with is the backward pass
written by hand in NumPy, which is a contender too. This file knows how each library writes a loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks._peers import load
from benchmarks._report import Bound, Reasons, Report, duration, ratio, shown
from benchmarks._timing import Case, Failure, Missing, Pace, Race, Worker

STEPS = 1000
SIZES = (8, 32, 64)
CONTENDERS = ("cdiff", "cdiff eager", "by hand", "torch", "jax jit")
REPEATED_CALLS = {"torch": Bound(at_least=1.0), "jax jit": Bound(at_least=1.0)}
FIRST_CALLS = {"jax jit": Bound(at_least=10.0)}

Gradient = Callable[[], Any]


def data(size: int) -> tuple[np.ndarray, ...]:
    """Weights of the state and of the inputs, bias, inputs."""
    rng = np.random.default_rng(size)
    inputs = size // 2
    return (
        rng.normal(size=(4 * size, size)) * 0.1,
        rng.normal(size=(4 * size, inputs)) * 0.1,
        rng.normal(size=4 * size) * 0.1,
        rng.normal(size=(STEPS, inputs)),
    )


def make_step(xp: Any, sigmoid: Any, total: Any, weights: Any, size: int) -> Any:
    """One step in the mathematics of `xp`: the state, and what it adds to the loss."""
    tanh = xp.tanh
    state, inputs, bias = weights

    def step(carry: Any, x: Any) -> Any:
        h, c = carry
        z = state @ h + inputs @ x + bias
        gates = sigmoid(z[: 3 * size])
        i, f, o = gates[:size], gates[size : 2 * size], gates[2 * size :]
        c = f * c + i * tanh(z[3 * size :])
        h = o * tanh(c)
        return (h, c), total(h * h)

    return step


def by_hand(size: int) -> tuple[float, list[np.ndarray]]:
    """Value and gradient, forward and backward written out."""
    state, inputs, bias, xs = data(size)
    h, c, value, saved = np.zeros(size), np.zeros(size), 0.0, []
    for x in xs:
        z = state @ h + inputs @ x + bias
        i, f, o = (1.0 / (1.0 + np.exp(-z[: 3 * size]))).reshape(3, size)
        g = np.tanh(z[3 * size :])
        before, c = c, f * c + i * g
        bent = np.tanh(c)
        saved.append((h, before, x, i, f, o, g, bent))
        h = o * bent
        value += float(h @ h)
        saved[-1] += (h,)
    dh, dc, dz = np.zeros(size), np.zeros(size), np.empty(4 * size)
    slopes = [np.zeros_like(state), np.zeros_like(inputs), np.zeros_like(bias)]
    for h, before, x, i, f, o, g, bent, after in reversed(saved):
        dh = dh + 2.0 * after
        dc = dc + dh * o * (1.0 - bent * bent)
        dz[:size] = dc * g * i * (1.0 - i)
        dz[size : 2 * size] = dc * before * f * (1.0 - f)
        dz[2 * size : 3 * size] = dh * bent * o * (1.0 - o)
        dz[3 * size :] = dc * i * (1.0 - g * g)
        slopes[0] += np.outer(dz, h)
        slopes[1] += np.outer(dz, x)
        slopes[2] += dz
        dh, dc = state.T @ dz, dc * f
    return value, slopes


def _cdiff(size: int, compiled: bool) -> Gradient:
    import cdiff

    *weights, xs = data(size)
    zero = np.zeros(size)

    def loss(weights: Any) -> Any:
        step = make_step(np, cdiff.sigmoid, np.sum, weights, size)
        return np.sum(cdiff.scan(step, (zero, zero), xs)[1])

    both = cdiff.value_and_grad(loss)
    run = cdiff.compile(both) if compiled else both
    return lambda: run(weights)


def _torch(size: int) -> Gradient:
    library = load("torch")
    torch = library.xp
    *weights, xs = data(size)
    leaves, rows = [library.leaf(w) for w in weights], [library.constant(x) for x in xs]

    def value_and_gradient() -> Any:
        step = make_step(torch, torch.sigmoid, torch.sum, leaves, size)
        zero = torch.zeros(size, dtype=torch.float64)
        carry, value = (zero, zero), 0.0
        for x in rows:
            carry, y = step(carry, x)
            value = value + y
        return value.detach(), torch.autograd.grad(value, leaves)

    return value_and_gradient


def _jax(size: int) -> Gradient:
    from benchmarks._jax import jax

    jax.config.update("jax_enable_x64", True)
    xp = load("jax").xp
    *weights, xs = [xp.asarray(part) for part in data(size)]
    zero = xp.zeros(size)

    def loss(weights: Any) -> Any:
        step = make_step(xp, jax.nn.sigmoid, xp.sum, weights, size)
        return xp.sum(jax.lax.scan(step, (zero, zero), xs)[1])

    run, ready = jax.jit(jax.value_and_grad(loss)), jax.block_until_ready
    return lambda: ready(run(weights))


_MAKERS: dict[str, Callable[[int], Gradient]] = {
    "cdiff": lambda size: _cdiff(size, True),
    "cdiff eager": lambda size: _cdiff(size, False),
    "by hand": lambda size: lambda: by_hand(size),
    "torch": _torch,
    "jax jit": _jax,
}


def build(contender: str, key: str) -> Case:
    """One contender's value and gradient for the size `key`."""
    run = _MAKERS[contender](int(key))

    def answer() -> list[Any]:
        value, slopes = run()
        return [np.asarray(value), *map(np.asarray, slopes)]

    return Case("f()", {"f": run}, answer)


def first(contender: str, key: str) -> float:
    """Nanoseconds of the first call, in a process in which nothing was called before."""
    run = _MAKERS[contender](int(key))
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e9


def first_call(contender: str, key: str) -> float | str:
    """The same in a process of its own."""
    with Worker() as worker:
        try:
            return float(worker.call("benchmarks.loops:first", contender, key))
        except Missing as error:
            return str(error)
        except Failure as error:
            return f"failed: {error}"


def main(report: Report) -> None:
    """Run this benchmark."""
    pace = Pace(2, 0.05) if report.quick else Pace(9, 0.1)
    widths = (14, 10, 10, 10, 10, 16, 16)
    report.heading("loops")
    report.say(f"value and gradient of an LSTM-style recurrence of {STEPS} steps; ratios to cdiff")
    reasons = Reasons()
    with Race("benchmarks.loops", CONTENDERS, (), pace) as race:
        for size in SIZES[:1] if report.quick else SIZES:
            value, slopes = by_hand(size)
            times = race.run(str(size), [value, *slopes])
            firsts = {name: first_call(name, str(size)) for name in CONTENDERS}
            reasons.note(str(size), times)
            header = (f"state of {size}", "call", "/ cdiff", "first", "/ cdiff", "", "")
            report.rows(widths, [header])
            for name in CONTENDERS:
                again = ratio(times[name], times["cdiff"])
                once = ratio(firsts[name], firsts["cdiff"])
                verdicts = [
                    report.verdict(f"{size}, {name} / cdiff", again, REPEATED_CALLS.get(name)),
                    report.verdict(f"{size}, first, {name} / cdiff", once, FIRST_CALLS.get(name)),
                ]
                cells = (duration(times[name]), shown(again), duration(firsts[name]), shown(once))
                report.rows(widths, [(name, *cells, *verdicts)])
    reasons.tell(report)


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("loops")
