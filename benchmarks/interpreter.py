"""The one-point gear: nanoseconds per instruction, and what a compiled call costs from Python.

Determinants by minors (each minor computed once) are programs of nothing but products and sums, in
which the interpreter can hide nothing; their time includes the call from Python with all elements
as floats. The function of 70 operations is called with two floats, as an optimiser or a simulation
would call it, beside the same function on plain floats and compiled by other libraries. This file
knows how each library compiles a function of numbers.
"""

from __future__ import annotations

import cmath
import math
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks._peers import complex_step, load
from benchmarks._report import Bound, Reasons, Report, duration, ratio, shown
from benchmarks._timing import Case, Pace, Race, fresh

POINT = (1.3, 0.7)
FUNCTION = "70 operations"
SIZES = (6, 7, 8)
KINDS = ("value", "value and gradient")
# Of the largest: the call itself, which reads and makes up to a hundred floats, weighs less there.
PER_INSTRUCTION = {8: Bound(at_most=2.0)}
PER_CALL = Bound(at_most=800.0)


# --- the determinant ----------------------------------------------------------------------------


def determinant(n: int) -> Callable[..., Any]:
    """The determinant of n*n numbers by minors along the first row."""

    def function(*elements: Any) -> Any:
        rows = [elements[n * i : n * i + n] for i in range(n)]
        minors: dict[tuple[int, ...], Any] = {}

        def minor(row: int, columns: tuple[int, ...]) -> Any:
            if len(columns) == 1:
                return rows[row][columns[0]]
            if columns not in minors:
                total = rows[row][columns[0]] * minor(row + 1, columns[1:])
                for k in range(1, len(columns)):
                    rest = columns[:k] + columns[k + 1 :]
                    term = rows[row][columns[k]] * minor(row + 1, rest)
                    total = total - term if k % 2 else total + term
                minors[columns] = total
            return minors[columns]

        return minor(0, tuple(range(n)))

    return function


def elements(n: int) -> list[float]:
    """A matrix, row after row."""
    rng = random.Random(n)
    return [rng.uniform(-1.0, 1.0) for _ in range(n * n)]


def number_call(function: Callable[..., Any], point: Sequence[float], template: Any) -> Any:
    """The function's program as a call of the one-point gear, without anything around it."""
    import cdiff
    from cdiff._core import NumberCall, NumberCode

    compiled = cdiff.compile(function)
    compiled(*point)
    call = NumberCall(NumberCode(compiled.program), "f" * len(point), template, None)
    operations = [row for row in compiled.program.instructions() if row[0] not in ("leaf", "const")]
    return call, len(operations)


def determinant_call(n: int, kind: str) -> Any:
    """The call and the number of operations of its program."""
    import cdiff

    function = determinant(n)
    template: Any = 0
    if kind != "value":
        function = cdiff.value_and_grad(function, argnums=tuple(range(n * n)))
        template = (0, tuple(range(1, n * n + 1)))
    return number_call(function, elements(n), template)


def expected_of(n: int, kind: str) -> list[Any]:
    """The determinant, and its gradient if wanted, by LAPACK."""
    matrix = np.array(elements(n)).reshape(n, n)
    value = np.linalg.det(matrix)
    return [value] if kind == "value" else [value, (value * np.linalg.inv(matrix).T).ravel()]


def _determinant(key: str) -> Case:
    kind, _, n = key.rpartition(" ")
    call, _ = determinant_call(int(n), kind)
    given = elements(int(n))
    names = {f"x{k}": x for k, x in enumerate(given)}

    def answer() -> Iterable[Any]:
        result = call(*given)
        return [result] if kind == "value" else [result[0], np.array(result[1])]

    return Case(f"f({', '.join(names)})", {"f": call, **names}, answer)


# --- the function of 70 operations --------------------------------------------------------------


def make(xp: Any) -> Callable[[Any, Any], Any]:
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


def _python() -> tuple[Any, Sequence[Any]]:
    return make(math), POINT


def _gradient() -> Any:
    import cdiff

    return cdiff.value_and_grad(make(load("cdiff").xp), argnums=(0, 1))


def _cdiff() -> tuple[Any, Sequence[Any]]:
    return number_call(_gradient(), POINT, (0, (1, 2)))[0], POINT


def _cdiff_compile() -> tuple[Any, Sequence[Any]]:
    import cdiff

    return cdiff.compile(_gradient()), POINT


def _cdiff_eager() -> tuple[Any, Sequence[Any]]:
    return _gradient(), POINT


def _jax() -> tuple[Any, Sequence[Any]]:
    import jax

    library = load("jax")
    compiled = jax.jit(jax.value_and_grad(make(library.xp), argnums=(0, 1)))
    ready = jax.block_until_ready
    return lambda x, y: ready(compiled(x, y)), [library.leaf(value) for value in POINT]


def _casadi() -> tuple[Any, Sequence[Any]]:
    import casadi

    x, y = casadi.SX.sym("x"), casadi.SX.sym("y")
    value = make(casadi)(x, y)
    slopes = [casadi.gradient(value, x), casadi.gradient(value, y)]
    function = casadi.Function("f", [x, y], [value, *slopes])

    def value_and_gradient(x: Any, y: Any) -> Any:
        value, *slopes = function(x, y)
        return value, slopes

    return value_and_gradient, POINT


_CONTENDERS: dict[str, Callable[[], tuple[Any, Sequence[Any]]]] = {
    "float": _python,
    "cdiff code": _cdiff,
    "cdiff compile": _cdiff_compile,
    "cdiff eager": _cdiff_eager,
    "jax jit": _jax,
    "casadi": _casadi,
}
RIVALS = {"jax jit": Bound(at_least=10.0)}


def _function_case(contender: str) -> Case:
    function, point = _CONTENDERS[contender]()

    def answer() -> list[float]:
        if contender == "float":
            return [function(*point), *complex_step(make(cmath), *POINT)[1]]
        value, slopes = function(*point)
        return [float(value), *map(float, slopes)]

    return Case("f(x, y)", {"f": function, "x": point[0], "y": point[1]}, answer)


def build(contender: str, key: str) -> Case:
    """One contender's version of a determinant or of the function."""
    return _function_case(contender) if key == FUNCTION else _determinant(key)


# --- the tables ---------------------------------------------------------------------------------


def _determinants(report: Report, pace: Pace) -> None:
    widths = (24, 6, 11, 13, 9, 14, 18)
    report.say("determinants by minors; the time is that of the call with all elements")
    head = ("", "size", "operations", "instructions", "time", "/ instruction", "")
    report.rows(widths, [head])
    reasons = Reasons()
    with Race("benchmarks.interpreter", ("cdiff",), (), pace) as race:
        for kind in KINDS:
            for n in SIZES:
                key = f"{kind} {n}"
                times = race.run(key, expected_of(n, kind))
                reasons.note(key, times)
                call, operations = determinant_call(n, kind)
                instructions = call.code.n_instructions
                each = ratio(times["cdiff"], float(instructions))
                verdict = report.verdict(key, each, PER_INSTRUCTION.get(n))
                counts = (f"{n}x{n}", str(operations), str(instructions))
                cells = (*counts, duration(times["cdiff"]), duration(each), verdict)
                report.rows(widths, [(kind, *cells)])
    reasons.tell(report)


def _function(report: Report, pace: Pace) -> None:
    widths = (36, 10, 9, 9, 18)
    value, slopes = complex_step(make(cmath), *POINT)
    report.say()
    report.say("value and gradient of a function of 70 operations in two variables")
    with Race("benchmarks.interpreter", tuple(_CONTENDERS), (), pace) as race:
        times = race.run(FUNCTION, [value.real, *slopes])
    own, floats = times["cdiff code"], times["float"]
    report.rows(widths, [("", "time", "/ floats", "/ code", "")])
    report.rows(widths, [("the function alone on floats", duration(floats), "1x", "", "")])
    verdict = report.verdict("ns per call", own, PER_CALL)
    cells = (duration(own), shown(ratio(own, floats)), "1x", verdict)
    report.rows(widths, [("cdiff, its code alone", *cells)])
    for name in ("cdiff compile", "cdiff eager", "jax jit", "casadi"):
        figure = ratio(times[name], own)
        verdict = report.verdict(f"{name} / code", figure, RIVALS.get(name))
        cells = (duration(times[name]), shown(ratio(times[name], floats)), shown(figure), verdict)
        report.rows(widths, [(name, *cells)])
    reasons = Reasons()
    reasons.note(FUNCTION, times)
    reasons.tell(report)


def main(report: Report) -> None:
    """Run this benchmark."""
    pace = Pace(3, 0.005) if report.quick else Pace(11, 0.03)
    report.heading("interpreter")
    _determinants(report, pace)
    _function(report, pace)


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("interpreter")
