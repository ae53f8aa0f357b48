"""Matrix products of many shapes, one thread, beside NumPy's BLAS and torch's.

Only the recorded forward pass is timed: the products of a backward pass are those with transposed
operands here, and both operands are tracked, lest one be copied as a constant of the graph. The
bounds are in `structural`. This file knows shapes and layouts; it must not know how a product is
computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks._peers import load
from benchmarks._report import Reasons, Report, duration, ratio, shown
from benchmarks._timing import Case, Pace, Race

# Rows, terms, columns: squares, a layer of a network and its two derivatives, long and flat ones.
SHAPES = (
    *((n, n, n) for n in (4, 10, 16, 32, 64, 100, 256, 1000)),
    (128, 784, 256),
    (784, 128, 256),
    (128, 256, 784),
    (1000, 10, 1000),
    (1000, 1000, 10),
    (10, 1000, 1000),
)
LAYOUTS = ("a @ b", "a @ b.T", "a.T @ b")
WIDTHS = (16, 9, 10, 10, 10, 10, 10)
CONTENDERS = ("cdiff", "numpy", "torch")


def operands(key: str) -> tuple[np.ndarray, np.ndarray]:
    """Both arrays as they are stored."""
    layout, *shape = key.split(" | ")
    m, k, n = map(int, shape)
    random = np.random.default_rng(m + n)
    a, b = random.uniform(-1.0, 1.0, (m, k)), random.uniform(-1.0, 1.0, (k, n))
    left, right = layout.split(" @ ")
    return (a.T.copy() if left == "a.T" else a), (b.T.copy() if right == "b.T" else b)


def build(contender: str, key: str) -> Case:
    """One contender's version of `layout | rows | terms | columns`."""
    library = load(contender)
    a, b = operands(key)
    left, right = key.split(" | ")[0].split(" @ ")
    x, y = library.leaf(a), library.leaf(b)
    x = x.T if left == "a.T" else x
    y = y.T if right == "b.T" else y
    names: dict[str, Any] = {"product": library.xp.matmul, "x": x, "y": y}
    return Case("product(x, y)", names, lambda: [library.plain(library.xp.matmul(x, y))])


def _row(race: Race, report: Report, reasons: Reasons, layout: str, shape: Any) -> None:
    key = " | ".join([layout, *map(str, shape)])
    a, b = operands(key)
    left, right = layout.split(" @ ")
    value = (a.T if left == "a.T" else a) @ (b.T if right == "b.T" else b)
    times = race.run(key, [value])
    reasons.note(key, times)
    figures = [ratio(times[peer], times["cdiff"]) for peer in CONTENDERS[1:]]
    cells = [duration(times[one]) for one in CONTENDERS]
    report.rows(WIDTHS, [("x".join(map(str, shape)), layout, *cells, *map(shown, figures))])


def main(report: Report) -> None:
    """Run this benchmark."""
    pace = Pace(2, 0.002) if report.quick else Pace(7, 0.01)
    report.heading("products")
    reasons = Reasons()
    report.rows(WIDTHS, [("rows, terms, cols", "", *CONTENDERS, "numpy/cd", "torch/cd")])
    with Race("benchmarks.products", CONTENDERS, ("cdiff", "numpy"), pace) as race:
        for shape in SHAPES[:6] if report.quick else SHAPES:
            for layout in LAYOUTS:
                _row(race, report, reasons, layout, shape)
    reasons.tell(report)


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("products")
