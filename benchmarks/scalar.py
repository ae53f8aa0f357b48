"""Scalars: one recorded operation, and value and gradient of a function of 25 operations.

Plain Python floats are the yardstick of both, the pure-Python oracle and the other libraries run
beside them. This file knows the libraries' ways to differentiate a function of two numbers. Each
contender gets the same source of the function with its own code object and its own `sin`, `exp`
and so on, bound before the clock starts.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks._peers import complex_step, load, reference
from benchmarks._report import Bound, Reasons, Report, duration, ratio, shown
from benchmarks._timing import Case, Pace, Race, fresh

POINT = (1.3, 0.7)
OPERATIONS = {
    "x * y": Bound(at_most=2.0),
    "x + y": None,
    "x - y": None,
    "x / y": None,
    "-x": None,
    "x * 2.5": None,
    "2.5 + x": None,
    "x ** y": None,
    "sqrt(x)": None,
    "exp(x)": None,
    "sin(x)": None,
    "tanh(x)": None,
}
FUNCTION = "25 operations"
RIVALS = {
    "reference": Bound(at_least=50.0),
    "autograd": Bound(at_least=100.0),
    "torch": Bound(at_least=100.0),
    "jax": None,
    "jax jit": None,
    "casadi": None,
}


def make(xp: Any) -> Callable[[Any, Any], Any]:
    """The function of 25 operations in the mathematics of `xp`."""
    sin, cos, exp, log, sqrt, tanh = xp.sin, xp.cos, xp.exp, xp.log, xp.sqrt, xp.tanh

    def function(x: Any, y: Any) -> Any:
        product = x * y  # 1 operation
        decay = exp(-x)  # 3
        wave = sin(product) + decay  # 5
        level = wave * wave / (1.0 + y * y)  # 9
        root = sqrt(level + 2.0)  # 11
        step = tanh(log(root) * x - y)  # 15
        turn = cos(step) * decay + product * root  # 19
        share = turn / (level + 1.5)  # 21
        return exp(share * -0.5) * y + step  # 25

    own: Callable[[Any, Any], Any] = fresh(function)
    return own


# --- one operation -----------------------------------------------------------------------------


def _operation(contender: str, expression: str) -> Case:
    """`z = expression` on floats or on tracked scalars, written out fifty times."""
    x: Any
    y: Any
    if contender == "float":
        xp: Any = math
        x, y = POINT
        plain: Callable[[Any], Any] = float
    else:
        library = load(contender)
        xp, plain = library.xp, library.plain
        x, y = map(library.leaf, POINT)
    names = {name: getattr(xp, name) for name in ("sqrt", "exp", "sin", "tanh")} | {"x": x, "y": y}
    return Case(f"z = {expression}", names, lambda: [plain(eval(expression, dict(names)))], 50)


# --- value and gradient ------------------------------------------------------------------------

Gradient = Callable[..., Any]


def _python() -> tuple[Gradient, Sequence[Any]]:
    return make(math), POINT


def _cdiff() -> tuple[Gradient, Sequence[Any]]:
    import cdiff

    return cdiff.value_and_grad(make(load("cdiff").xp), argnums=(0, 1)), POINT


def _cdiff_eager() -> tuple[Gradient, Sequence[Any]]:
    library = load("cdiff")
    function = make(library.xp)

    def value_and_gradient(x: Any, y: Any) -> Any:
        x.zero_grad()
        y.zero_grad()
        value = function(x, y)
        value.backward()
        return value.detach(), (x.grad, y.grad)

    return value_and_gradient, [library.leaf(value) for value in POINT]


def _reference() -> tuple[Gradient, Sequence[Any]]:
    oracle = reference()
    return oracle.value_and_grad(make(oracle), argnums=(0, 1)), POINT


def _autograd() -> tuple[Gradient, Sequence[Any]]:
    import autograd

    return autograd.value_and_grad(make(load("autograd").xp), argnum=(0, 1)), POINT


def _torch() -> tuple[Gradient, Sequence[Any]]:
    library = load("torch")
    function, differentiate = make(library.xp), library.xp.autograd.grad

    def value_and_gradient(x: Any, y: Any) -> Any:
        value = function(x, y)
        return value.detach(), differentiate(value, (x, y))

    return value_and_gradient, [library.leaf(value) for value in POINT]


def _jax(jit: bool) -> tuple[Gradient, Sequence[Any]]:
    from benchmarks._jax import jax

    library = load("jax")
    both = jax.value_and_grad(make(library.xp), argnums=(0, 1))
    compiled = jax.jit(both) if jit else both
    ready = jax.block_until_ready
    return lambda x, y: ready(compiled(x, y)), [library.leaf(value) for value in POINT]


def _casadi() -> tuple[Gradient, Sequence[Any]]:
    import casadi

    x, y = casadi.SX.sym("x"), casadi.SX.sym("y")
    value = make(casadi)(x, y)
    slopes = [casadi.gradient(value, x), casadi.gradient(value, y)]
    function = casadi.Function("f", [x, y], [value, *slopes])

    def value_and_gradient(x: Any, y: Any) -> Any:
        value, *slopes = function(x, y)
        return value, slopes

    return value_and_gradient, POINT


_GRADIENTS: dict[str, Callable[[], tuple[Gradient, Sequence[Any]]]] = {
    "float": _python,
    "cdiff": _cdiff,
    "cdiff eager": _cdiff_eager,
    "reference": _reference,
    "autograd": _autograd,
    "torch": _torch,
    "jax": lambda: _jax(jit=False),
    "jax jit": lambda: _jax(jit=True),
    "casadi": _casadi,
}


def _gradient(contender: str) -> Case:
    function, point = _GRADIENTS[contender]()

    def answer() -> list[float]:
        if contender == "float":
            return [function(*point), *complex_step(make(cmath), *POINT)[1]]
        value, slopes = function(*point)
        return [float(value), *map(float, slopes)]

    return Case("f(x, y)", {"f": function, "x": point[0], "y": point[1]}, answer)


def build(contender: str, key: str) -> Case:
    """One contender's version of an operation or of the function."""
    return _gradient(contender) if key == FUNCTION else _operation(contender, key)


# --- the tables --------------------------------------------------------------------------------


def _operations(report: Report, pace: Pace) -> None:
    widths = (12, 10, 10, 10, 8, 8, 18)
    contenders = ("float", "cdiff", "torch")
    report.say("one operation, its result recorded and dropped; ratio: cdiff / float")
    report.rows(widths, [("", "float", "cdiff", "torch", "ratio", "torch/cd", "")])
    reasons = Reasons()
    with Race("benchmarks.scalar", contenders, ("float", "cdiff"), pace) as race:
        for expression, bound in OPERATIONS.items():
            names = {name: getattr(math, name) for name in ("sqrt", "exp", "sin", "tanh")}
            expected = eval(expression, names | dict(zip("xy", POINT, strict=True)))
            times = race.run(expression, [expected])
            reasons.note(expression, times)
            figure = ratio(times["cdiff"], times["float"])
            cells = [duration(times[name]) for name in contenders]
            torch = shown(ratio(times["torch"], times["cdiff"]))
            verdict = report.verdict(expression, figure, bound)
            report.rows(widths, [(expression, *cells, shown(figure), torch, verdict)])
    reasons.tell(report)


def _function(report: Report, pace: Pace) -> None:
    widths = (36, 10, 9, 9, 18)
    contenders = tuple(_GRADIENTS)
    value, slopes = complex_step(make(cmath), *POINT)
    expected = [value.real, *slopes]
    report.say()
    report.say("value and gradient of a function of 25 operations in two variables")
    with Race("benchmarks.scalar", contenders, (), pace) as race:
        times = race.run(FUNCTION, expected)
    own, floats = times["cdiff"], times["float"]
    report.rows(widths, [("", "time", "/ floats", "/ cdiff", "")])
    report.rows(widths, [("the function alone on floats", duration(floats), "1x", "", "")])
    figure = ratio(own, floats)
    verdict = report.verdict("value_and_grad / floats", figure, Bound(at_most=3.0))
    report.rows(widths, [("cdiff value_and_grad", duration(own), shown(figure), "1x", verdict)])
    for name in ("cdiff eager", *RIVALS):
        time = times[name]
        figure = ratio(time, own)
        verdict = report.verdict(f"{name} / value_and_grad", figure, RIVALS.get(name))
        cells = (duration(time), shown(ratio(time, floats)), shown(figure), verdict)
        report.rows(widths, [(name, *cells)])
    reasons = Reasons()
    reasons.note(FUNCTION, times)
    reasons.tell(report)


def main(report: Report) -> None:
    """Run this benchmark."""
    pace = Pace(3, 0.005) if report.quick else Pace(11, 0.03)
    report.heading("scalar")
    _operations(report, pace)
    _function(report, pace)


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("scalar")
