"""The block gear: fused elementwise work over large arrays.

Value and gradient of ten elementwise operations and a sum, compiled, beside torch and `jax.jit`;
the same with two threads; then a long chain of arithmetic, per instruction and point, which shows
what the memory hierarchy leaves of the kernels. This file knows how each library compiles a
function of arrays and which figures are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks._peers import complex_step, load
from benchmarks._report import Bound, Reasons, Report, duration, ratio, shown
from benchmarks._timing import Case, Pace, Race, fresh

CONTENDERS = ("cdiff", "two threads", "torch", "jax jit")
TEN, CHAIN = "ten operations", "chain"
SIZES = (1000, 100_000, 1_000_000)
CHAIN_SIZES = (10, 100, 1000, 10_000, 100_000, 1_000_000)
LENGTH = 60  # operations of the chain
NEEDS = {"torch": Bound(at_least=5.0), "jax jit": Bound(at_least=5.0)}
SCALING = Bound(at_least=1.7)
PER_POINT = Bound(at_most=0.15)


def data(size: int) -> np.ndarray:
    return np.random.default_rng(size).uniform(0.1, 1.1, size)


def ten(xp: Any, total: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Multiply, sin, add, exp, multiply, tanh, subtract, multiply, sqrt, divide; then a sum."""
    sin, exp, tanh, sqrt = xp.sin, xp.exp, xp.tanh, xp.sqrt

    def function(x: Any) -> Any:
        wave = sin(x * x) + x
        growth = exp(-wave)
        bend = tanh(wave * growth) - x
        return total(bend * growth / sqrt(x))

    own: Callable[[Any], Any] = fresh(function)
    return own


def chain(x: Any) -> Any:
    """Nothing but products, sums and differences."""
    y = x
    for _ in range(LENGTH // 3):
        y = (y * x + 0.25) - x
    return y


def _compiled(function: Callable[[Any], Any], x: np.ndarray) -> Case:
    import cdiff

    call = cdiff.compile(function)
    call(x)

    def answer() -> list[Any]:
        found = call(x)
        return list(found) if isinstance(found, tuple) else [found]

    return Case("f(x)", {"f": call, "x": x}, answer)


def _torch(size: int) -> Case:
    library = load("torch")
    x = library.leaf(data(size))
    function = ten(library.xp, library.xp.sum)

    def answer() -> list[Any]:
        value = function(x)
        value.backward()
        return [library.plain(value.detach()), library.plain(x.grad)]

    return Case("x.grad = None; f(x).backward()", {"x": x, "f": function}, answer)


def _jax(size: int) -> Case:
    from benchmarks._jax import jax

    library = load("jax")
    compiled = jax.jit(jax.value_and_grad(ten(library.xp, library.xp.sum)))
    ready = jax.block_until_ready
    x = library.constant(data(size))
    return Case("f(x)", {"f": lambda x: ready(compiled(x)), "x": x}, lambda: compiled(x))


def build(contender: str, key: str) -> Case:
    """One contender's version of `function @ size`."""
    name, _, size = key.partition(" @ ")
    if contender == "torch":
        return _torch(int(size))
    if contender == "jax jit":
        return _jax(int(size))
    import cdiff

    cdiff.set_num_threads(2 if contender == "two threads" else 1)
    if name == CHAIN:
        return _compiled(chain, data(int(size)))
    library = load("cdiff")
    return _compiled(cdiff.value_and_grad(ten(library.xp, library.xp.sum)), data(int(size)))


def _ten(report: Report, pace: Pace, sizes: tuple[int, ...]) -> None:
    widths = (14, 10, 12, 10, 10, 30)
    report.say("value and gradient of ten elementwise operations and a sum; below: peer / cdiff")
    report.rows(widths, [("", *CONTENDERS, "")])
    reasons = Reasons()
    with Race("benchmarks.blocks", CONTENDERS, (), pace) as race:
        for size in sizes:
            x = data(size)
            slopes = complex_step(ten(np, np.asarray), x)[1]
            key = f"{TEN} @ {size}"
            times = race.run(key, [ten(np, np.sum)(x), *slopes])
            reasons.note(key, times)
            report.rows(widths, [(f"n = {size}", *(duration(times[c]) for c in CONTENDERS), "")])
            large = size == max(SIZES)
            gain = ratio(times["cdiff"], times["two threads"])
            told = [report.verdict(f"{key}: one thread / two", gain, SCALING if large else None)]
            figures = []
            for peer, bound in NEEDS.items():
                figures.append(ratio(times[peer], times["cdiff"]))
                told.append(
                    report.verdict(f"{key}: {peer} / cdiff", figures[-1], bound if large else None)
                )
            verdict = "; ".join(filter(None, told))
            report.rows(widths, [("", "", shown(gain), *map(shown, figures), verdict)])
    reasons.tell(report)


def _chain(report: Report, pace: Pace, sizes: tuple[int, ...]) -> None:
    widths = (14, 10, 22, 24)
    report.say()
    report.say(f"a chain of {LENGTH} products, sums and differences, from Python")
    report.rows(widths, [("", "time", "ns / (instr. x point)", "")])
    reasons = Reasons()
    with Race("benchmarks.blocks", ("cdiff",), (), pace) as race:
        for size in sizes:
            key = f"{CHAIN} @ {size}"
            times = race.run(key, [chain(data(size))])
            reasons.note(key, times)
            each = ratio(times["cdiff"], float(LENGTH * size))
            verdict = report.verdict(key, each, PER_POINT if size >= 1000 else None)
            cells = (duration(times["cdiff"]), duration(each), verdict)
            report.rows(widths, [(f"n = {size}", *cells)])
    reasons.tell(report)


def main(report: Report) -> None:
    """Run this benchmark."""
    quick = report.quick
    pace = Pace(2, 0.005) if quick else Pace(11, 0.05)
    report.heading("blocks")
    _ten(report, pace, SIZES[:1] if quick else SIZES)
    _chain(report, pace, CHAIN_SIZES[:3] if quick else CHAIN_SIZES)


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("blocks")
