"""The one-point gear: nanoseconds per instruction, and what a compiled call costs from Python.

Determinants by minors (each minor computed once) are programs of nothing but products and sums, in
which the interpreter can hide nothing; their time includes the call from Python with all elements
as floats.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks._report import Bound, Reasons, Report, duration, ratio
from benchmarks._timing import Case, Pace, Race

SIZES = (6, 7, 8)
KINDS = ("value", "value and gradient")
# Of the largest: the call itself, which reads and makes up to a hundred floats, weighs less there.
PER_INSTRUCTION = {8: Bound(at_most=2.0)}


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


def recorded(function: Callable[..., Any], point: Sequence[float]) -> Any:
    """The compiled function, the operations and the instructions of its program."""
    import cdiff
    from cdiff._core import NumberCode

    compiled = cdiff.compile(function)
    compiled(*point)
    operations = [row for row in compiled.program.instructions() if row[0] not in ("leaf", "const")]
    return compiled, len(operations), NumberCode(compiled.program).n_instructions


def determinant_call(n: int, kind: str) -> Any:
    """The compiled function, the operations and the instructions of its program."""
    import cdiff

    function = determinant(n)
    if kind != "value":
        function = cdiff.value_and_grad(function, argnums=tuple(range(n * n)))
    return recorded(function, elements(n))


def expected_of(n: int, kind: str) -> list[Any]:
    """The determinant, and its gradient if wanted, by LAPACK."""
    matrix = np.array(elements(n)).reshape(n, n)
    value = np.linalg.det(matrix)
    return [value] if kind == "value" else [value, (value * np.linalg.inv(matrix).T).ravel()]


def _determinant(key: str) -> Case:
    kind, _, n = key.rpartition(" ")
    call, _, _ = determinant_call(int(n), kind)
    given = elements(int(n))
    names = {f"x{k}": x for k, x in enumerate(given)}

    def answer() -> Iterable[Any]:
        result = call(*given)
        return [result] if kind == "value" else [result[0], np.array(result[1])]

    return Case(f"f({', '.join(names)})", {"f": call, **names}, answer)


def build(contender: str, key: str) -> Case:
    """The case of a determinant."""
    return _determinant(key)


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
                _, operations, instructions = determinant_call(n, kind)
                each = ratio(times["cdiff"], float(instructions))
                verdict = report.verdict(key, each, PER_INSTRUCTION.get(n))
                counts = (f"{n}x{n}", str(operations), str(instructions))
                cells = (*counts, duration(times["cdiff"]), duration(each), verdict)
                report.rows(widths, [(kind, *cells)])
    reasons.tell(report)


def main(report: Report) -> None:
    """Run this benchmark."""
    pace = Pace(3, 0.005) if report.quick else Pace(11, 0.03)
    report.heading("interpreter")
    _determinants(report, pace)


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("interpreter")
