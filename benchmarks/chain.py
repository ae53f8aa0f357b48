"""A chain of a million scalar nodes: nanoseconds to record, sweep and free each, and its bytes.

The loop is a plain Python loop, so the same loop on floats is printed beside it; what is freed is
the whole graph, by dropping its last node. Each contender builds the chain in its own process, in
alternating order, and the best of several rounds counts. This file knows how each library keeps
the graph alive after the sweep, so that sweep and deallocation can be told apart.
"""

from __future__ import annotations

import gc
import math
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks._peers import load, reference
from benchmarks._report import Bound, Report, duration
from benchmarks._timing import Failure, Worker

NODES = 1_000_000
PEER_NODES = 100_000  # the others take seconds for a million
CONTENDERS = ("float", "cdiff", "torch", "autograd", "reference")
BOUNDS = {"sweep": Bound(at_most=20.0), "free": Bound(at_most=10.0)}
BYTES = Bound(at_most=80.0)
START = 0.5  # a power of two: x / x and its derivative have no rounding error

Phases = dict[str, float]


# --- the chains: each is a loop over n of one statement ------------------------------------------


def _product(xp: Any, x: Any, n: int) -> Any:
    y = x
    one = x / x
    for _ in range(n):
        y = y * one
    return y


def _shift(xp: Any, x: Any, n: int) -> Any:
    y = x
    for _ in range(n):
        y = y + 0.5
    return y


def _sine(xp: Any, x: Any, n: int) -> Any:
    y = x
    sin = xp.sin
    for _ in range(n):
        y = sin(y)
    return y


KINDS: dict[str, tuple[str, Callable[[Any, Any, int], Any]]] = {
    "product": ("y = y * x", _product),
    "shift": ("y = y + 0.5", _shift),
    "sine": ("y = sin(y)", _sine),
}


def expected(kind: str, n: int) -> tuple[float, float]:
    """Value and derivative of a chain, from its closed form or in plain floats."""
    if kind == "product":
        return START, 1.0
    if kind == "shift":
        return START + 0.5 * n, 1.0
    y, slope = START, 1.0
    for _ in range(n):
        slope *= math.cos(y)
        y = math.sin(y)
    return y, slope


# --- one round in the child ----------------------------------------------------------------------


def _clocked(phases: Phases, name: str, n: int, work: Callable[[], Any]) -> Any:
    start = time.perf_counter()
    result = work()
    phases[name] = (time.perf_counter() - start) / n * 1e9
    return result


def _float(kind: str, n: int, phases: Phases) -> tuple[float, float]:
    value = _clocked(phases, "record", n, lambda: KINDS[kind][1](math, START, n))
    return value, expected(kind, n)[1]


def _eager(name: str, kind: str, n: int, phases: Phases) -> tuple[float, float]:
    library = load(name)
    x = library.leaf(START)
    held = [_clocked(phases, "record", n, lambda: KINDS[kind][1](library.xp, x, n))]
    _clocked(phases, "sweep", n, lambda: held[0].backward(retain_graph=True))
    result = float(library.plain(held[0])), float(library.plain(x.grad))
    _clocked(phases, "free", n, held.clear)
    held = [KINDS[kind][1](library.xp, x, n)]
    _clocked(phases, "sweep+free", n, lambda: held.pop().backward())
    return result


def _autograd(kind: str, n: int, phases: Phases) -> tuple[float, float]:
    import autograd.numpy
    from autograd.core import VJPNode, backward_pass
    from autograd.tracer import trace

    def chain(x: Any) -> Any:
        return KINDS[kind][1](autograd.numpy, x, n)

    root = VJPNode.new_root()
    value, node = _clocked(phases, "record", n, lambda: trace(root, chain, START))
    held = [node]
    del node
    slope = _clocked(phases, "sweep", n, lambda: backward_pass(1.0, held[0]))
    _clocked(phases, "free", n, held.clear)
    return float(value), float(slope)


def _reference(kind: str, n: int, phases: Phases) -> tuple[float, float]:
    oracle = reference()

    def chain(x: Any) -> Any:
        return KINDS[kind][1](oracle, x, n)

    held = list(_clocked(phases, "record", n, lambda: oracle.vjp(chain, START)))
    slope = _clocked(phases, "sweep", n, lambda: held[1](1.0)[0])
    value = float(held[0])
    _clocked(phases, "free", n, held.clear)
    return value, float(slope)


def phases(contender: str, kind: str, n: int) -> Phases:
    """Build, sweep and drop one chain; nanoseconds per node of each, the answer checked."""
    taken: Phases = {}
    gc.collect()
    gc.disable()
    try:
        if contender == "float":
            value, slope = _float(kind, n, taken)
        elif contender == "autograd":
            value, slope = _autograd(kind, n, taken)
        elif contender == "reference":
            value, slope = _reference(kind, n, taken)
        else:
            value, slope = _eager(contender, kind, n, taken)
    finally:
        gc.enable()
    for got, wanted in zip((value, slope), expected(kind, n), strict=True):
        if not math.isclose(got, wanted, rel_tol=1e-9, abs_tol=1e-300):
            raise ArithmeticError(f"wrong answer: {got} instead of {wanted}")
    return taken


# --- memory --------------------------------------------------------------------------------------


def resident() -> int:
    """Bytes of this process in memory now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def footprint(contender: str, kind: str, n: int, size: int = 0) -> dict[str, float]:
    """Bytes per node of a chain that is alive: by the size of the process, and by `sizeof`.

    With a `size` the chain is of arrays of so many elements, else of scalars.
    """
    chain = KINDS[kind][1]
    start: Any = np.full(size, START) if size else START
    if contender == "reference":
        oracle = reference()
        xp, x = oracle, oracle.Var(1, start)
    elif contender == "autograd":
        from autograd.core import VJPNode
        from autograd.tracer import new_box

        xp = load(contender).xp
        x = new_box(start, 0, VJPNode.new_root())
    else:
        library = load(contender)
        xp, x = library.xp, library.leaf(start)
    chain(xp, x, 1000)
    gc.collect()
    before = resident()
    y = chain(xp, x, n)
    after = resident()
    return {"rss": (after - before) / n, "sizeof": float(sys.getsizeof(y))}


# --- the tables ----------------------------------------------------------------------------------


def _race(kind: str, rounds: int, nodes: dict[str, int]) -> dict[str, Phases | str]:
    """The best of each phase for every contender, or why there is none."""
    best: dict[str, Phases | str] = {name: {} for name in CONTENDERS}
    workers = {name: Worker() for name in CONTENDERS}
    order = list(CONTENDERS)
    for _ in range(rounds):
        for name in order:
            known = best[name]
            if isinstance(known, str):
                continue
            try:
                taken = workers[name].call("benchmarks.chain:phases", name, kind, nodes[name])
            except Failure as error:
                best[name] = str(error)
                continue
            best[name] = {phase: min(ns, known.get(phase, ns)) for phase, ns in taken.items()}
        order.reverse()
    for worker in workers.values():
        worker.close()
    return best


def _phases_table(report: Report, kind: str, rounds: int, nodes: dict[str, int]) -> None:
    widths = (22, 10, 10, 10, 12, 40)
    report.say()
    report.say(f"ns per node of a chain of `{KINDS[kind][0]}`")
    report.rows(widths, [("", "record", "sweep", "free", "sweep+free", "")])
    for name, best in _race(kind, rounds, nodes).items():
        label = f"{name}, {nodes[name]:.0e} nodes"
        verdicts = []
        for phase, bound in BOUNDS.items() if name == "cdiff" else ():
            figure = best if isinstance(best, str) else best[phase]
            verdict = report.verdict(f"{KINDS[kind][0]}, {phase}", figure, bound)
            verdicts.append(f"{phase} {verdict}")
        told = "; ".join(verdicts)
        if isinstance(best, str):
            report.rows(widths, [(label, "-", "-", "-", "-", told or best)])
            continue
        cells = [
            duration(best[phase]) if phase in best else "-"
            for phase in ("record", "sweep", "free", "sweep+free")
        ]
        report.rows(widths, [(label, *cells, told)])


def bytes_table(report: Report, nodes: dict[str, int]) -> None:
    """Bytes per node of the scalar chains, each in a fresh process."""
    widths = (22, 12, 12, 12, 10, 24)
    report.say()
    report.say("bytes per node while the chain is alive, by the size of a fresh process")
    titles = [KINDS[kind][0] for kind in KINDS]
    report.rows(widths, [("", *titles, "sizeof", "")])
    for name in CONTENDERS[1:]:
        cells, size, verdicts = [], "-", []
        for kind in KINDS:
            with Worker() as worker:
                figure: float | str
                try:
                    got = worker.call("benchmarks.chain:footprint", name, kind, nodes[name])
                    figure, size = got["rss"], f"{got['sizeof']:.0f}"
                except Failure as error:
                    figure = str(error)
            cells.append("-" if isinstance(figure, str) else f"{figure:.0f}")
            if name == "cdiff":
                verdicts.append(report.verdict(f"bytes, {KINDS[kind][0]}", figure, BYTES))
        told = "; ".join(dict.fromkeys(verdicts))
        report.rows(widths, [(name, *cells, size, told)])


def sizes(quick: bool) -> dict[str, int]:
    """Nodes of the chain by contender."""
    scale = 10 if quick else 1
    own = dict.fromkeys(("float", "cdiff"), NODES // scale)
    return own | dict.fromkeys(CONTENDERS[2:], PEER_NODES // scale)


def main(report: Report) -> None:
    """Run this benchmark."""
    report.heading("chain")
    nodes = sizes(report.quick)
    for kind in KINDS:
        _phases_table(report, kind, 2 if report.quick else 5, nodes)
    bytes_table(report, nodes)


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("chain")
