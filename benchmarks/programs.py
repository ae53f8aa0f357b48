"""Programs: what it costs to simplify one, per instruction.

The determinant by minors is written down without any reuse, 109,600 operations for 8 rows and
986,409 for 9, and has to come down to a few thousand by common subexpressions alone. The chain is
the opposite: no instruction is like another, so all of them are kept. Programs are put together
from bytes, as a file would be, and the simplified determinant is run against NumPy's.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks._report import Bound, Report
from cdiff import _core

INSTRUCTION = np.dtype([("op", "u2"), ("type", "u2"), ("a", "i4"), ("b", "i4"), ("c", "i4")])
NUMBERS = [(np.dtype("f8").num, ()), (np.dtype("f8").num, ())]
PER_INSTRUCTION = Bound(at_most=100.0)  # ns


def codes() -> dict[str, int]:
    """The codes of the operators that are used here, read off a program."""
    program = _core.Program()
    x = program.input("f8")
    names = ["add", "subtract", "multiply", "sin"]
    for name in names:
        program.apply(name, [x] if name == "sin" else [x, x])
    found = np.frombuffer(_core.program_parts(program)[0], INSTRUCTION)["op"]
    return dict(zip(["leaf", *names], map(int, found), strict=True))


def assembled(rows: list[tuple[int, int, int, int]], inputs: int) -> _core.Program:
    """A program of (op, a, b, c); the last value is its output."""
    table = np.zeros(len(rows), INSTRUCTION)
    table["op"], table["a"], table["b"], table["c"] = np.array(rows, "i4").T
    return _core.program_of_parts(table.tobytes(), b"", b"", inputs, NUMBERS, [], [],
                                  [len(rows) - 1], [])


def minors(n: int) -> _core.Program:
    """The determinant of n rows, its n * n inputs first."""
    code = codes()
    rows = [(code["leaf"], k, -1, -1) for k in range(n * n)]

    def determinant(row: int, columns: tuple[int, ...]) -> int:
        if row == n - 1:
            return row * n + columns[0]
        total = 0
        for k, column in enumerate(columns):
            rest = determinant(row + 1, columns[:k] + columns[k + 1 :])
            rows.append((code["multiply"], row * n + column, rest, -1))
            if k:
                term = len(rows) - 1
                rows.append((code["subtract" if k % 2 else "add"], total, term, -1))
            total = len(rows) - 1
        return total

    determinant(0, tuple(range(n)))
    return assembled(rows, n * n)


def chain(n: int) -> _core.Program:
    """sin(x), sin(x) + x, sin(sin(x) + x), ...: nothing to share."""
    code = codes()
    rows = [(code["leaf"], 0, -1, -1)]
    rows += [(code["add"], k, 0, -1) if k % 2 else (code["sin"], k, -1, -1) for k in range(n)]
    return assembled(rows, 1)


def value(program: _core.Program, inputs: list[float]) -> float:
    """The output of a program of sums and products, in plain Python."""
    do: dict[str, Any] = {"add": float.__add__, "subtract": float.__sub__,
                          "multiply": float.__mul__}
    values: list[float] = []
    for name, _, _, operands, extra in program.instructions():
        values.append(inputs[extra] if name == "leaf" else do[name](*(values[k]
                                                                      for k in operands)))
    return values[program.outputs[0]]


def fastest(program: _core.Program, rounds: int) -> float:
    """Seconds of the fastest round."""
    times = []
    for _ in range(rounds):
        start = perf_counter()
        program.simplify()
        times.append(perf_counter() - start)
    return min(times)


def check(program: _core.Program, simple: _core.Program) -> None:
    """The simplified determinant is the determinant."""
    n = round(program.n_inputs**0.5)
    matrix = np.random.default_rng(0).normal(size=(n, n))
    assert np.isclose(value(simple, matrix.ravel().tolist()), np.linalg.det(matrix))


def main(report: Report) -> None:
    """Run this benchmark."""
    report.heading("programs")
    report.say("simplify, ns per instruction of the input; instructions before and after")
    sizes = (6, 7) if report.quick else (8, 9)
    programs = {f"determinant {n}x{n}": minors(n) for n in sizes}
    for program in programs.values():
        check(program, program.simplify())
    programs["chain"] = chain(10**4 if report.quick else 10**6)
    for name, program in programs.items():
        cost = fastest(program, 3 if report.quick else 10) / len(program) * 1e9
        report.rows((18, 10, 10, 10, 20), [(
            name, f"{cost:.1f} ns", f"{len(program):,}", f"{len(program.simplify()):,}",
            report.verdict(f"simplify, {name}", cost, PER_INSTRUCTION),
        )])


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("programs")
