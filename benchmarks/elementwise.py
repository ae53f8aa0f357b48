"""Elementwise operations: one recorded operation beside NumPy, then a function both ways.

The first table times the same expression on tracked arrays and on plain ndarrays, in one process,
and so does one of float32 arrays, where six light operations are also compiled as one function.
The last times forward and backward of six operations and a sum beside torch and autograd, each
in its own process: the eager face (`y.backward()`) and the functional one (`value_and_grad`).
This file knows which expressions are measured and their bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks._peers import complex_step, load
from benchmarks._report import Bound, Reasons, Report, duration, ratio, shown
from benchmarks._timing import Case, Pace, Race, fresh

SIZES = (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)
ARITHMETIC = ("x + y", "x - y", "x * y", "x / y", "x * 2.5", "-x")
BOUNDED = ("exp(x)", "log(x)", "sin(x)", "tanh(x)")
OTHERS = (
    "cos(x)",
    "sqrt(x)",
    "x * x",
    "x ** 2",
    "x ** y",
    "arctan(x)",
    "log1p(x)",
    "maximum(x, y)",
)
FUNCTIONS = (
    "exp",
    "log",
    "sin",
    "cos",
    "tanh",
    "sqrt",
    "arctan",
    "log1p",
    "maximum",
)
SINGLE = ("x + y", "x * y", "x / y", "x * 2.5", "-x", "sqrt(x)", "maximum(x, y)")
SINGLE_SIZES = (10, 1000, 10_000, 100_000, 1_000_000)
IN_SINGLE = "in float32: "
LIGHT = "light(x, y)"
SIX = "six operations and a sum"
SIX_SIZES = (1, 10, 100, 1000, 10_000, 1_000_000)
SIX_CONTENDERS = ("cdiff", "cdiff grad", "torch", "torch func", "autograd", "jax jit")
# Each face beside the same face of torch, and beside autograd, which has but one.
COUNTERPARTS = {"backward()": ("torch", "autograd"), "value_and_grad": ("torch func", "autograd")}


def data(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays in the common domain of all the functions."""
    random = np.random.default_rng(size)
    return random.uniform(0.1, 1.1, size), random.uniform(0.5, 2.0, size)


def limit(expression: str, size: int) -> Bound:
    """What issue 2 asks of one recorded operation, as a multiple of NumPy's time."""
    if size in (10, 100) and expression in ARITHMETIC:
        return Bound(at_most=0.2)
    if size == 10 and expression in BOUNDED:
        return Bound(at_most=0.2)
    if size == 100 and expression in BOUNDED:
        return Bound(at_most=0.5)
    return Bound(at_most=1.0)


def light(x: Any, y: Any) -> Any:
    """Six operations of one rounding each."""
    return abs((x * y + x) / y - x) * 0.5


def _operation(contender: str, expression: str, size: int, dtype: str = "d") -> Case:
    library = load(contender)
    x, y = (array.astype(dtype) for array in data(size))
    if expression == LIGHT:
        return _light(contender, x, y)
    x, y = library.leaf(x), library.leaf(y)
    names = {name: getattr(library.xp, name) for name in FUNCTIONS} | {"x": x, "y": y}
    unroll = 10 if size <= 1000 else 1
    return Case(
        f"z = {expression}", names, lambda: [library.plain(eval(expression, dict(names)))], unroll
    )


def _light(contender: str, x: np.ndarray, y: np.ndarray) -> Case:
    function = light
    if contender == "cdiff":
        import cdiff

        function = cdiff.compile(light)
    return Case("light(x, y)", {"light": function, "x": x, "y": y}, lambda: [function(x, y)])


# --- six operations and a sum ------------------------------------------------------------------


def make(xp: Any, total: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function in the mathematics of `xp`: sin, exp, multiply, tanh, add, divide, sum."""
    sin, exp, tanh = xp.sin, xp.exp, xp.tanh

    def function(x: Any) -> Any:
        wave = sin(x)
        growth = exp(wave)
        return total((tanh(growth * x) + x) / growth)

    own: Callable[[Any], Any] = fresh(function)
    return own


def _eager(name: str, size: int) -> Case:
    library = load(name)
    x = library.leaf(data(size)[0])
    function = make(library.xp, library.xp.sum)

    def answer() -> list[Any]:
        value = function(x)
        value.backward()
        return [library.plain(value.detach()), library.plain(x.grad)]

    clear = library.clear.format(x="x")
    return Case(f"{clear}; f(x).backward()", {"x": x, "f": function}, answer)


def _functional(contender: str, size: int) -> Case:
    """Value and gradient through the library's transformation."""
    library = load(contender.split()[0])
    function = make(library.xp, library.xp.sum)
    x = library.constant(data(size)[0])
    order = slice(None)
    if contender == "autograd":
        import autograd

        both = autograd.value_and_grad(function)
    elif contender == "jax jit":
        from benchmarks._jax import jax

        compiled, ready = jax.jit(jax.value_and_grad(function)), jax.block_until_ready
        both = lambda x: ready(compiled(x))  # noqa: E731
    elif contender == "torch func":
        import torch

        both, order = torch.func.grad_and_value(function), slice(None, None, -1)
    else:
        import cdiff

        both = cdiff.value_and_grad(function)
    return Case("f(x)", {"f": both, "x": x}, lambda: both(x)[order])


def build(contender: str, key: str) -> Case:
    """One contender's version of `expression @ size`."""
    expression, size = key.split(" @ ")
    if expression.startswith(IN_SINGLE):
        return _operation(contender, expression.removeprefix(IN_SINGLE), int(size), "f")
    if expression != SIX:
        return _operation(contender, expression, int(size))
    if contender in ("cdiff", "torch"):
        return _eager(contender, int(size))
    return _functional(contender, int(size))


# --- the tables --------------------------------------------------------------------------------


def _operations(report: Report, pace: Pace, sizes: tuple[int, ...]) -> None:
    report.say("one operation on float64 arrays, its result recorded and dropped; NumPy's is not")
    _table(report, pace, sizes, ARITHMETIC + BOUNDED + OTHERS, "d")


def _singles(report: Report, pace: Pace, sizes: tuple[int, ...]) -> None:
    report.say()
    report.say(f"the same on float32 arrays; {LIGHT} is six light operations, compiled")
    _table(report, pace, sizes, (*SINGLE, LIGHT), "f")


def _table(
    report: Report, pace: Pace, sizes: tuple[int, ...], expressions: tuple[str, ...], dtype: str
) -> None:
    widths = (14, 10, 10, 8, 18)
    reasons = Reasons()
    with Race("benchmarks.elementwise", ("cdiff", "numpy"), ("cdiff", "numpy"), pace) as race:
        for size in sizes:
            report.rows(widths, [(f"n = {size}", "cdiff", "numpy", "ratio", "")])
            x, y = (array.astype(dtype) for array in data(size))
            functions = {name: getattr(np, name) for name in FUNCTIONS} | {"light": light}
            names = functions | {"x": x, "y": y}
            for expression in expressions:
                key = f"{IN_SINGLE * (dtype == 'f')}{expression} @ {size}"
                times = race.run(key, [eval(expression, dict(names))])
                reasons.note(key, times)
                figure = ratio(times["cdiff"], times["numpy"])
                bound = limit(expression, size) if dtype == "d" else Bound(at_most=1.0)
                verdict = report.verdict(key, figure, bound)
                cells = (duration(times["cdiff"]), duration(times["numpy"]), shown(figure))
                report.rows(widths, [(expression, *cells, verdict)])
    reasons.tell(report)


def _six(report: Report, pace: Pace, sizes: tuple[int, ...]) -> None:
    """Both faces beside all peers; the bounds are for those with the same face."""
    widths = (18, 12, 14, 10, 12, 10, 10, 30)
    report.say()
    report.say("forward and backward of six operations and a sum; below the times: peer / cdiff")
    report.rows(widths, [("", "backward()", "value_and_grad", *SIX_CONTENDERS[2:], "")])
    reasons = Reasons()
    needs = {1: 50.0, 10: 50.0, 1000: 5.0, 1_000_000: 1.5}
    with Race("benchmarks.elementwise", SIX_CONTENDERS, (), pace) as race:
        for size in sizes:
            x = data(size)[0]
            slopes = complex_step(make(np, np.asarray), x)[1]
            key = f"{SIX} @ {size}"
            times = race.run(key, [make(np, np.sum)(x), *slopes])
            reasons.note(key, times)
            cells = [duration(times[name]) for name in SIX_CONTENDERS]
            report.rows(widths, [(f"n = {size}", *cells, "")])
            bound = Bound(at_least=needs[size]) if size in needs else None
            for own, label in (("cdiff", "backward()"), ("cdiff grad", "value_and_grad")):
                figures = {name: ratio(times[name], times[own]) for name in SIX_CONTENDERS[2:]}
                verdicts = [
                    report.verdict(f"{key}: {peer} / {label}", figures[peer], bound)
                    for peer in COUNTERPARTS[label]
                ]
                told = "; ".join(filter(None, verdicts))
                report.rows(widths, [(f"  / {label}", "", "", *map(shown, figures.values()), told)])
    reasons.tell(report)


def main(report: Report) -> None:
    """Run this benchmark."""
    quick = report.quick
    report.heading("elementwise")
    _operations(report, Pace(3, 0.002) if quick else Pace(9, 0.01), SIZES[1:4] if quick else SIZES)
    _singles(
        report,
        Pace(2, 0.002) if quick else Pace(9, 0.01),
        SINGLE_SIZES[:2] if quick else SINGLE_SIZES,
    )
    _six(
        report,
        Pace(2, 0.005) if quick else Pace(9, 0.02),
        SIX_SIZES[1:4] if quick else SIX_SIZES,
    )


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("elementwise")
