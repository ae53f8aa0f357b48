"""First calls: how long a compiled function takes to be ready, beside `jax.jit`.

Each figure is the least of some fresh processes. The workload is built and called once at a small
size, so that all imports are over; then a new function of it is made and called: what is timed is
making the data, recording or compiling, and one run. The scalar function, the Rosenbrock function
and the recurrence are timed by `calls` and `loops`. It knows the other benchmarks by name only.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

from benchmarks._report import Bound, Report, duration, ratio, shown
from benchmarks._timing import Case, Failure, Worker
from benchmarks.interpreter import determinant, elements

CONTENDERS = ("cdiff", "jax jit")
FASTER = Bound(at_least=10.0)
# The file, and what its `build` is asked for: a small size, and that which is timed.
WORKLOADS = {
    "ten operations": ("blocks", "ten operations @ 10", "ten operations @ 1000"),
    "Black-Scholes": ("greeks", "10", "1000"),
    "bundle adjustment": ("bundle", "10", "1000"),
    "784-256-10": ("networks", "", ""),
    "determinant 7x7": ("first_calls", "3", "7"),
}


def build(contender: str, key: str) -> Case:
    """The determinant by minors with its gradient: few numbers, many operations."""
    n = int(key)
    function, point, places = determinant(n), elements(n), tuple(range(n * n))
    if contender == "cdiff":
        import cdiff

        call: Any = cdiff.compile(cdiff.value_and_grad(function, places))
    else:
        from benchmarks._jax import jax

        call = jax.jit(jax.value_and_grad(function, places))

    def answer() -> list[Any]:
        value, slopes = call(*point)
        return [value, *slopes]

    return Case("f(*x)", {"f": call, "x": point}, answer)


def first_call(contender: str, module: str, small: str, key: str) -> float:
    """Nanoseconds until a new function has given its first results."""
    build: Any = import_module(f"benchmarks.{module}").build
    build(contender, small).answer()
    start = time.perf_counter()
    build(contender, key).answer()
    return (time.perf_counter() - start) * 1e9


def least(contender: str, workload: str, rounds: int) -> float | str:
    """The least of so many processes, or why there is none."""
    arguments = (contender, *WORKLOADS[workload])
    found = []
    for _ in range(rounds):
        with Worker() as worker:
            try:
                found.append(worker.call("benchmarks.first_calls:first_call", *arguments))
            except Failure as error:
                return str(error)
    return float(min(found))


def main(report: Report) -> None:
    """Run this benchmark."""
    widths = (20, 10, 10, 12, 24)
    report.heading("first_calls")
    report.rows(widths, [("", *CONTENDERS, "jax / cdiff", "")])
    for name in WORKLOADS:
        times = [least(c, name, 1 if report.quick else 3) for c in CONTENDERS]
        gain = ratio(times[1], times[0])
        told = report.verdict(f"{name}: jax jit / cdiff", gain, FASTER)
        report.rows(widths, [(name, *map(duration, times), shown(gain), told)])


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("first_calls")
