"""Memory: bytes per node of scalar and array graphs, and what 1e5 repetitions leave behind.

Bytes per node are the growth of a fresh process while a long chain is alive, so that pools,
headers and padding are all counted. Growth is measured between the end of a warm-up and the end
of the repetitions; one leaked node per repetition would show as 64 bytes. This file knows which
uses of the library are repeated.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks._peers import load
from benchmarks._report import Bound, Report
from benchmarks._timing import Failure, Worker
from benchmarks.chain import bytes_table, resident, sizes
from benchmarks.elementwise import make as six
from benchmarks.scalar import make as twenty_five

LENGTHS = (1, 10, 16, 100, 1000)
PEERS = ("cdiff", "torch", "autograd")
REPETITIONS = 100_000
GROWTH = Bound(at_most=1.0)

Step = Callable[[], Any]


class Midway(Exception):
    """Raised inside a function that is being differentiated."""


# --- what is repeated ------------------------------------------------------------------------


def _backward(length: int) -> Step:
    library = load("cdiff")
    function = six(library.xp, library.xp.sum)
    x = library.leaf(np.linspace(0.1, 1.1, length))

    def step() -> None:
        x.zero_grad()
        function(x).backward()

    return step


def _dropped() -> Step:
    library = load("cdiff")
    function = six(library.xp, library.xp.sum)
    x = library.leaf(np.linspace(0.1, 1.1, 10))
    return lambda: function(x)


def _value_and_grad() -> Step:
    import cdiff

    both = cdiff.value_and_grad(twenty_five(load("cdiff").xp), argnums=(0, 1))
    return lambda: both(1.3, 0.7)


def _nested() -> Step:
    import cdiff

    second = cdiff.grad(cdiff.grad(lambda x: x * x * x))
    return lambda: second(1.3)


def _jvp() -> Step:
    import cdiff

    function = twenty_five(load("cdiff").xp)
    return lambda: cdiff.jvp(function, (1.3, 0.7), (1.0, 0.5))


def _matrix(name: str) -> Step:
    import cdiff

    xp = load("cdiff").xp
    x = np.linspace(0.1, 1.1, 3)
    if name == "jacobian":
        rows = cdiff.jacobian(lambda x: xp.sin(x) * x[0])
        return lambda: rows(x)
    square = cdiff.hessian(lambda x: xp.sum(xp.sin(x) * x[0]))
    return lambda: square(x)


def _raising() -> Step:
    import cdiff

    xp = load("cdiff").xp

    def function(x: Any) -> Any:
        y = xp.sin(x) * x
        raise Midway(y.shape)

    both = cdiff.value_and_grad(function)

    def step() -> None:
        with contextlib.suppress(Midway):
            both(1.3)

    return step


def _assigning() -> Step:
    library = load("cdiff")
    x = library.leaf(np.linspace(0.1, 1.1, 10))

    def step() -> None:
        x.zero_grad()
        y = x * 2.0
        y[1] = x[0] * x[1]
        y[2:5] = x[5:8]
        y.sum().backward()

    return step


def _structural() -> Step:
    library = load("cdiff")
    xp = library.xp
    x = library.leaf(np.linspace(0.1, 1.1, 12))
    places = np.array([1, 3, 3, 0])

    def step() -> None:
        x.zero_grad()
        square = x.reshape(3, 4)
        product = xp.matmul(square, square.T)
        joined = xp.concatenate([product.ravel(), x[places]])
        (xp.max(joined) + xp.mean(joined)).backward()

    return step


def _protocol() -> Step:
    library = load("cdiff")
    x = library.leaf(np.linspace(0.1, 1.1, 10))

    def step() -> None:
        x.zero_grad()
        np.sum(np.sin(x) * np.arange(10.0)).backward()

    return step


STEPS: dict[str, Callable[[], Step]] = {
    "six operations, n = 10, backward": lambda: _backward(10),
    "six operations, n = 1000, backward": lambda: _backward(1000),
    "six operations, n = 10, dropped": _dropped,
    "25 operations, value_and_grad": _value_and_grad,
    "25 operations, jvp": _jvp,
    "grad of grad": _nested,
    "jacobian, n = 3": lambda: _matrix("jacobian"),
    "hessian, n = 3": lambda: _matrix("hessian"),
    "an exception inside value_and_grad": _raising,
    "index assignment": _assigning,
    "reshape, matmul, concatenate, take": _structural,
    "np.sum(np.sin(x) * ndarray)": _protocol,
}


def growth(name: str, repetitions: int) -> float:
    """Bytes per repetition by which this process has grown after the warm-up."""
    step = STEPS[name]()
    for _ in range(repetitions // 10):
        step()
    gc.collect()
    before = resident()
    for _ in range(repetitions):
        step()
    gc.collect()
    return (resident() - before) / repetitions


# --- the tables ------------------------------------------------------------------------------


def _arrays(report: Report) -> None:
    widths = (22, *([10] * len(LENGTHS)), 0)
    nodes = 10_000 if report.quick else 50_000
    report.say()
    report.say("bytes per node of a chain of `y = y * x` on arrays, the data of n doubles included")
    report.rows(widths, [("", *(f"n = {length}" for length in LENGTHS), "")])
    report.rows(widths, [("data alone", *(str(8 * length) for length in LENGTHS), "")])
    for name in PEERS:
        cells = []
        for length in LENGTHS:
            with Worker() as worker:
                try:
                    target = "benchmarks.chain:footprint"
                    got = worker.call(target, name, "product", nodes, length)
                    cells.append(f"{got['rss']:.0f}")
                except Failure:
                    cells.append("-")
        report.rows(widths, [(name, *cells, "")])


def _growth(report: Report) -> None:
    widths = (38, 14, 24)
    repetitions = REPETITIONS // 10 if report.quick else REPETITIONS
    report.say()
    report.say(f"bytes left behind per repetition, over {repetitions:.0e}")
    for name in STEPS:
        figure: float | str
        with Worker() as worker:
            try:
                figure = worker.call("benchmarks.memory:growth", name, repetitions)
            except Failure as error:
                figure = str(error)
        verdict = report.verdict(f"growth, {name}", figure, GROWTH)
        cell = "-" if isinstance(figure, str) else f"{figure:.2f}"
        report.rows(widths, [(name, cell, verdict)])
        if isinstance(figure, str):
            report.say(f"  ! {figure}")


def main(report: Report) -> None:
    """Run this benchmark."""
    report.heading("memory")
    bytes_table(report, sizes(report.quick))
    _arrays(report)
    _growth(report)


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("memory")
