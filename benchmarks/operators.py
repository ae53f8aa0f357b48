"""Every operator of the table: the time of value and gradient over the time of the value.

The rows come from the table itself (`src/optable.py`, data without imports), the expected values
and derivatives from the pure-Python oracle. The function runs on untracked arrays, the gradient
is recorded and swept; both on one scalar and on a thousand elements. A large ratio points to an
adjoint that costs more than it should. It knows nothing of how an operator is made.
"""

from __future__ import annotations

import importlib
import sys
from functools import cache
from typing import Any

import numpy as np

from benchmarks._peers import ROOT, load, reference
from benchmarks._report import Reasons, Report, duration, ratio, shown
from benchmarks._timing import Case, Outcome, Pace, Race

FUNCTION, GRADIENT = "function", "gradient"
LENGTH = 1000
ORDINARY = (1e-2, 50.0)  # sizes of operands: the far samples test accuracy, not speed


@cache
def table() -> dict[str, Any]:
    """The public elementwise rows that have a derivative, by name."""
    source = str(ROOT / "src")
    if source not in sys.path:
        sys.path.insert(0, source)
    rows = importlib.import_module("optable").ELEMENTWISE
    return {row.name: row for row in rows if row.public and any(d != "0" for d in row.d)}


def points(row: Any) -> list[tuple[float, ...]]:
    """The ordinary samples of a row that lie in its domain."""
    chosen = []
    for point in row.samples:
        names = vars(np) | dict(zip(row.operands, point, strict=True))
        ordinary = all(ORDINARY[0] <= abs(value) <= ORDINARY[1] for value in point if value)
        if ordinary and (row.domain is None or eval(row.domain, names)):
            chosen.append(point)
    return chosen


def operands(row: Any, length: int) -> list[np.ndarray]:
    """For each operand a 0-d array (length 0) or an array of that length."""
    known = points(row)
    if length == 0:
        return [np.array(value) for value in known[0]]
    chosen = [known[i % len(known)] for i in range(length)]
    return [np.array(column) for column in zip(*chosen, strict=True)]


def expected(row: Any, length: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Value and derivatives by the oracle, for the operands that are differentiated."""
    oracle = reference()
    function = getattr(oracle, row.name)
    columns = [np.atleast_1d(column).tolist() for column in operands(row, length)]
    rows = list(zip(*columns, strict=True))
    places = [k for k, name in enumerate(row.operands) if name != "c"]
    both = oracle.value_and_grad(function, argnums=places)
    known = {point: both(*point) for point in set(rows)}
    pairs = [known[point] for point in rows]
    values = np.array([value for value, _ in pairs])
    slopes = [np.array([slope[k] for _, slope in pairs]) for k in range(len(places))]
    return values, slopes


def build(contender: str, key: str) -> Case:
    """`function` or `gradient` of the row and length in the key."""
    import cdiff

    library = load("cdiff")
    name, length = key.split(" @ ")
    row = table()[name]
    function = getattr(library.xp, name, None) or getattr(cdiff, name)
    plain = operands(row, int(length))
    tracked = [
        library.leaf(value) if contender == GRADIENT and name != "c" else cdiff.array(value)
        for name, value in zip(row.operands, plain, strict=True)
    ]
    names = dict(zip(row.operands, tracked, strict=True))
    call = f"f({', '.join(names)})"
    if contender == FUNCTION:
        return Case(call, names | {"f": function}, lambda: [library.plain(function(*tracked))], 5)
    leaves = [value for name, value in names.items() if name != "c"]
    seed = np.ones(plain[0].shape)

    def answer() -> list[Any]:
        value = function(*tracked)
        value.backward(seed)
        slopes = [seed * 0.0 if leaf.grad is None else leaf.grad for leaf in leaves]
        return [library.plain(value.detach()), *map(library.plain, slopes)]

    clears = [library.clear.format(x=name) for name in names if name != "c"]
    stmt = "; ".join([*clears, f"{call}.backward(g)"])
    return Case(stmt, names | {"f": function, "g": seed}, answer)


def _times(race: Race, reasons: Reasons, name: str, length: int) -> dict[str, Outcome]:
    value, slopes = expected(table()[name], length)
    key = f"{name} @ {length}"
    times = race.run(key, [value], [FUNCTION]) | race.run(key, [value, *slopes], [GRADIENT])
    reasons.note(key, times)
    return times


def main(report: Report) -> None:
    """Run this benchmark."""
    report.heading("operators")
    pace = Pace(2, 0.001) if report.quick else Pace(7, 0.004)
    widths = (14, 10, 10, 8, 12, 10, 8, 0)
    report.say(f"function, function with gradient, their ratio: one scalar, then n = {LENGTH}")
    names = list(table())
    reasons = Reasons()
    contenders = (FUNCTION, GRADIENT)
    with Race("benchmarks.operators", contenders, contenders, pace) as race:
        for name in names[::6] if report.quick else names:
            cells: list[str] = []
            for length in (0, LENGTH):
                times = _times(race, reasons, name, length)
                figure = ratio(times[GRADIENT], times[FUNCTION])
                cells += [duration(times[FUNCTION]), duration(times[GRADIENT]), shown(figure)]
            report.rows(widths, [(name, *cells, "")])
    reasons.tell(report)


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("operators")
