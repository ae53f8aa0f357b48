"""What a call from Python costs: value and gradient of small functions, compiled by each library.

A function of 70 operations is called with two floats, and Rosenbrock's function with an array of
ten, as an optimiser or a simulation would call them: beside the same function on plain floats or in
plain NumPy, and compiled by other libraries in the way that their documentation recommends. The
first call, which records or compiles, is shown as well. This file knows how each library compiles a
function of numbers and one of an array.
"""

from __future__ import annotations

import cmath
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks._peers import complex_step, load
from benchmarks._report import Bound, Reasons, Report, duration, ratio, shown
from benchmarks._timing import Case, Pace, Race, fresh

NUMBERS, ARRAY = "70 operations, 2 floats", "Rosenbrock, array of 10"
CONTENDERS = ("plain", "cdiff", "cdiff eager", "jax jit", "casadi", "torch")
PEERS = ("jax jit", "casadi", "torch")
POINT = (1.3, 0.7)
# Peer by cdiff, and cdiff in nanoseconds or by the plain function.
NEEDS = {
    NUMBERS: {"jax jit": Bound(at_least=10.0)},
    ARRAY: {peer: Bound(at_least=10.0) for peer in PEERS},
}
PER_CALL = Bound(at_most=800.0)
BY_PLAIN = Bound(at_most=1.0)
LATENCY = Bound(at_least=10.0)


def of_numbers(xp: Any) -> Callable[[Any, Any], Any]:
    """The function of 70 operations in the mathematics of `xp`."""
    sin, exp, sqrt, tanh = xp.sin, xp.exp, xp.sqrt, xp.tanh

    def function(x: Any, y: Any) -> Any:
        for _ in range(5):  # 14 operations each
            wave = sin(x * y) + 0.5 * x  # 4
            share = wave / (1.0 + exp(-y))  # 8
            y = tanh(y - share * 0.3)  # 11
            x = sqrt(share * share + 1.0)  # 14
        return x + y

    own: Callable[[Any, Any], Any] = fresh(function)
    return own


def of_array(xp: Any) -> Callable[[Any], Any]:
    """Rosenbrock's function in the mathematics of `xp`."""
    total = xp.sum

    def function(x: Any) -> Any:
        return total(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    own: Callable[[Any], Any] = fresh(function)
    return own


def parameters() -> np.ndarray:
    return np.random.default_rng(10).uniform(-1.0, 1.5, 10)


def slopes_of_array(x: np.ndarray) -> np.ndarray:
    """The gradient of Rosenbrock's function, by hand."""
    slopes = np.zeros_like(x)
    bend = x[1:] - x[:-1] ** 2
    slopes[1:] += 200.0 * bend
    slopes[:-1] -= 400.0 * bend * x[:-1] + 2.0 * (1.0 - x[:-1])
    return slopes


# --- the contenders: a function of the arguments, which gives value and gradient ------------------

Ready = tuple[Callable[..., Any], Sequence[Any]]


def _plain(key: str) -> Ready:
    return (of_numbers(math), POINT) if key == NUMBERS else (of_array(np), [parameters()])


def _eager(key: str) -> Ready:
    import cdiff

    if key == NUMBERS:
        return cdiff.value_and_grad(of_numbers(load("cdiff").xp), argnums=(0, 1)), POINT
    return cdiff.value_and_grad(of_array(np)), [parameters()]


def _cdiff(key: str) -> Ready:
    import cdiff

    function, given = _eager(key)
    return cdiff.compile(function), given


def _jax(key: str) -> Ready:
    from benchmarks._jax import jax

    library = load("jax")
    ready = jax.block_until_ready
    if key == NUMBERS:
        two = jax.jit(jax.value_and_grad(of_numbers(library.xp), argnums=(0, 1)))
        return lambda x, y: ready(two(x, y)), [library.leaf(value) for value in POINT]
    one = jax.jit(jax.value_and_grad(of_array(library.xp)))
    return lambda x: ready(one(x)), [library.leaf(parameters())]


def _casadi(key: str) -> Ready:
    import casadi

    if key == NUMBERS:
        x, y = casadi.SX.sym("x"), casadi.SX.sym("y")
        value = of_numbers(casadi)(x, y)
        slopes = [casadi.gradient(value, x), casadi.gradient(value, y)]
        function = casadi.Function("f", [x, y], [value, *slopes])

        def of_two(x: Any, y: Any) -> Any:
            value, *slopes = function(x, y)
            return value, slopes

        return of_two, POINT
    x = casadi.SX.sym("x", 10)
    value = casadi.sum1(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
    return casadi.Function("f", [x], [value, casadi.gradient(value, x)]), [parameters()]


def _torch(key: str) -> Ready:
    import torch

    library = load("torch")
    function = of_numbers(torch) if key == NUMBERS else of_array(torch)
    given = POINT if key == NUMBERS else (parameters(),)

    def value_and_gradient(*leaves: Any) -> Any:
        for x in leaves:
            x.grad = None
        value = function(*leaves)
        value.backward()
        return value.detach(), leaves[0].grad if key == ARRAY else [x.grad for x in leaves]

    return value_and_gradient, [library.leaf(x) for x in given]


_CONTENDERS: dict[str, Callable[[str], Ready]] = {
    "plain": _plain,
    "cdiff": _cdiff,
    "cdiff eager": _eager,
    "jax jit": _jax,
    "casadi": _casadi,
    "torch": _torch,
}


def build(contender: str, key: str) -> Case:
    """One contender's version of a function."""
    function, given = _CONTENDERS[contender](key)

    def answer() -> list[Any]:
        if contender == "plain":
            return [function(*given), *_expected(key)[1:]]
        value, slopes = function(*given)
        if key == NUMBERS:
            return [float(value), *map(float, slopes)]
        return [np.asarray(value), np.asarray(slopes).ravel()]

    names = {f"x{k}": x for k, x in enumerate(given)}
    return Case(f"f({', '.join(names)})", {"f": function, **names}, answer)


def first_call(contender: str, key: str) -> float:
    """Nanoseconds of the call that records or compiles, without importing the library."""
    _CONTENDERS[contender](key)
    start = time.perf_counter()
    function, given = _CONTENDERS[contender](key)
    function(*given)
    return (time.perf_counter() - start) * 1e9


def _expected(key: str) -> list[Any]:
    """Value and slopes without any library."""
    if key == NUMBERS:
        value, slopes = complex_step(of_numbers(cmath), *POINT)
        return [value.real, *slopes]
    return [of_array(np)(parameters()), slopes_of_array(parameters())]


# --- the tables -----------------------------------------------------------------------------------


def _table(report: Report, race: Race, key: str) -> None:
    widths = (24, 10, 10, 12, 34)
    times = race.run(key, _expected(key))
    own = times["cdiff"]
    report.rows(widths, [(key, "time", "/ cdiff", "first call", "")])
    latency = {name: race.ask(name, "benchmarks.calls:first_call", name, key) for name in PEERS}
    latency["cdiff"] = race.ask("cdiff", "benchmarks.calls:first_call", "cdiff", key)
    for name in CONTENDERS:
        figure = ratio(times[name], own)
        told = [report.verdict(f"{key}: {name} / cdiff", figure, NEEDS[key].get(name))]
        if name == "cdiff":
            told.append(report.verdict(f"{key}: ns", own, PER_CALL if key == NUMBERS else None))
            share = ratio(own, times["plain"])
            told.append(
                report.verdict(f"{key}: cdiff / NumPy", share, BY_PLAIN if key == ARRAY else None)
            )
        if name == "jax jit":
            gain = ratio(latency[name], latency["cdiff"])
            told.append(report.verdict(f"{key}: first call, {name} / cdiff", gain, LATENCY))
        first = duration(latency[name]) if name in latency else ""
        cells = (duration(times[name]), shown(figure), first, "; ".join(filter(None, told)))
        report.rows(widths, [(name, *cells)])
    reasons = Reasons()
    reasons.note(key, times)
    reasons.tell(report)


def main(report: Report) -> None:
    """Run this benchmark."""
    pace = Pace(3, 0.005) if report.quick else Pace(11, 0.03)
    report.heading("calls")
    report.say("value and gradient; `plain` is the value alone, on floats or in NumPy")
    with Race("benchmarks.calls", CONTENDERS, (), pace) as race:
        for key in (NUMBERS, ARRAY):
            report.say()
            _table(report, race, key)


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("calls")
