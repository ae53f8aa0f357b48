"""Matrix products, reductions and indexing, forward and both ways, beside torch and autograd.

Each row is one operation on arrays of about n elements with a given cotangent, so that nothing
but the operation and its adjoint is timed; the expected results are written out in NumPy by hand.
This file knows the name of each operation in each library. NumPy is timed too, as the price of
the forward pass without any recording.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks._peers import PEERS, load
from benchmarks._report import Bound, Reasons, Report, duration, ratio, shown
from benchmarks._timing import Case, Pace, Race, fresh

SIZES = (10, 1000, 1_000_000)
SHAPES = {10: (2, 5), 1000: (25, 40), 1_000_000: (1000, 1000)}
ITEMS = 100  # reads of the scalar loop, or all elements of a smaller array
FORWARD, BOTH = "forward", "forward+backward"
FASTER = Bound(at_least=1.0)
WIDTHS = (14, 18, 10, 10, 10, 10, 10, 12, 34)


@dataclass(frozen=True)
class Operation:
    """`make(xp, extra)` gives the function of one tracked array; `vjp(g, x, extra)` by hand."""

    make: Callable[[Any, Any], Callable[[Any], Any]]
    vjp: Callable[[Any, np.ndarray, Any], np.ndarray]
    extra: Callable[[np.ndarray], Any] = lambda x: None
    flat: bool = False  # of a vector of n elements, not of a matrix


def _reduce(name: str, axis: int | None) -> Callable[[Any, Any], Callable[[Any], Any]]:
    """A reduction under its name in each library; torch calls its maximum by an axis `amax`."""

    def make(xp: Any, _: Any) -> Callable[[Any], Any]:
        torch = xp.__name__ == "torch"
        reduce = getattr(xp, "amax" if torch and name == "max" and axis is not None else name)
        if axis is None:
            return lambda x: reduce(x)
        if torch:
            return lambda x: reduce(x, dim=axis)
        return lambda x: reduce(x, axis=axis)

    return make


def _spread(g: Any, x: np.ndarray, axis: int | None) -> np.ndarray:
    return np.broadcast_to(g if axis is None else np.expand_dims(g, axis), x.shape)


def _sum(axis: int | None) -> Operation:
    return Operation(_reduce("sum", axis), lambda g, x, _: _spread(g, x, axis))


def _mean(axis: int | None) -> Operation:
    def vjp(g: Any, x: np.ndarray, _: Any) -> np.ndarray:
        return _spread(g / (x.size if axis is None else x.shape[axis]), x, axis)

    return Operation(_reduce("mean", axis), vjp)


def _prod(axis: int | None) -> Operation:
    def vjp(g: Any, x: np.ndarray, _: Any) -> np.ndarray:
        return np.asarray(_spread(g * np.prod(x, axis=axis), x, axis) / x)

    return Operation(_reduce("prod", axis), vjp)


def _max(axis: int | None) -> Operation:
    def vjp(g: Any, x: np.ndarray, _: Any) -> np.ndarray:
        return np.asarray(_spread(g, x, axis) * (x == np.max(x, axis=axis, keepdims=True)))

    return Operation(_reduce("max", axis), vjp)


def _set(x: np.ndarray, index: Any, g: Any) -> np.ndarray:
    result = np.zeros_like(x)
    np.add.at(result, index, g)
    return result


def _places(x: np.ndarray) -> np.ndarray:
    return np.random.default_rng(1).integers(0, x.size, x.size)


def _items(xp: Any, n: int) -> Callable[[Any], Any]:
    def loop(x: Any) -> Any:
        total = x[0]
        for i in range(1, n):
            total = total + x[i]
        return total

    own: Callable[[Any], Any] = fresh(loop)
    return own


OPERATIONS = {
    "x @ b": Operation(
        lambda xp, b: lambda x: xp.matmul(x, b),
        lambda g, x, b: g @ b.T,
        lambda x: np.random.default_rng(2).uniform(0.5, 1.5, x.T.shape),
    ),
    "x @ x.T": Operation(
        lambda xp, _: lambda x: xp.matmul(x, x.T),
        lambda g, x, _: (g + g.T) @ x,
    ),
    "x @ v": Operation(
        lambda xp, v: lambda x: xp.matmul(x, v),
        lambda g, x, v: np.outer(g, v),
        lambda x: np.random.default_rng(3).uniform(0.5, 1.5, x.shape[1]),
    ),
    "sum": _sum(None),
    "sum axis 0": _sum(0),
    "sum axis 1": _sum(1),
    "mean": _mean(None),
    "mean axis 0": _mean(0),
    "max": _max(None),
    "max axis 1": _max(1),
    "prod": _prod(None),
    "prod axis 1": _prod(1),
    "x[1:-1]": Operation(
        lambda xp, _: lambda x: x[1:-1],
        lambda g, x, _: _set(x, slice(1, -1), g),
        flat=True,
    ),
    "x[::3]": Operation(
        lambda xp, _: lambda x: x[::3],
        lambda g, x, _: _set(x, slice(None, None, 3), g),
        flat=True,
    ),
    "x[:, 1]": Operation(
        lambda xp, _: lambda x: x[:, 1],
        lambda g, x, _: _set(x, (slice(None), 1), g),
    ),
    "x[places]": Operation(
        lambda xp, places: lambda x: x[places],
        lambda g, x, places: _set(x, places, g),
        _places,
        flat=True,
    ),
    "x[mask]": Operation(
        lambda xp, mask: lambda x: x[mask],
        lambda g, x, mask: _set(x, mask, g),
        lambda x: x > 1.0,
        flat=True,
    ),
    "loop of x[i]": Operation(
        _items,
        lambda g, x, n: _set(x, slice(0, n), g),
        lambda x: min(x.size, ITEMS),
        flat=True,
    ),
}


def data(name: str, size: int) -> tuple[np.ndarray, Any, np.ndarray, np.ndarray]:
    """The array, what the operation needs besides, its value in NumPy and a cotangent."""
    operation = OPERATIONS[name]
    random = np.random.default_rng(size)
    # Factors so close to 1 that the product of a million of them is an ordinary number.
    spread = 0.5 if "prod" not in name else 0.5 / np.sqrt(size)
    x = random.uniform(1.0 - spread, 1.0 + spread, size if operation.flat else SHAPES[size])
    extra = operation.extra(x)
    value = np.asarray(operation.make(np, extra)(x))
    return x, extra, value, random.uniform(0.5, 1.5, value.shape)


# --- one contender -----------------------------------------------------------------------------


def autograd_case(function: Callable[[Any], Any], x: Any, g: Any) -> Case:
    from autograd.core import make_vjp

    def answer() -> list[Any]:
        pull, value = make_vjp(function, x)
        return [value, pull(g)]

    stmt = "pull, y = make_vjp(f, x); pull(g)"
    return Case(stmt, {"f": function, "x": x, "g": g, "make_vjp": make_vjp}, answer)


def eager_case(name: str, function: Callable[[Any], Any], x: np.ndarray, g: Any) -> Case:
    library = load(name)
    leaf = library.leaf(x)

    def answer() -> list[Any]:
        value = function(leaf)
        value.backward(g)
        return [library.plain(value.detach()), library.plain(leaf.grad)]

    stmt = f"{library.clear.format(x='x')}; f(x).backward(g)"
    return Case(stmt, {"f": function, "x": leaf, "g": g}, answer)


def _forward(contender: str, function: Callable[[Any], Any], x: np.ndarray) -> Case:
    """The recorded operation alone; autograd records only inside a trace, so it is entered."""
    library = load(contender)
    if contender == "autograd":
        from autograd.core import VJPNode
        from autograd.tracer import trace

        names = {"root": VJPNode.new_root(), "trace": trace, "f": function, "x": x}
        return Case("y = trace(root, f, x)", names, lambda: [function(x)])
    leaf = library.leaf(x)
    return Case("y = f(x)", {"f": function, "x": leaf}, lambda: [library.plain(function(leaf))])


def build(contender: str, key: str) -> Case:
    """One contender's version of `operation | pass | size`."""
    name, what, size = key.split(" | ")
    x, extra, _, cotangent = data(name, int(size))
    library = load(contender)
    if isinstance(extra, np.ndarray):
        extra = library.constant(extra)
    function = OPERATIONS[name].make(library.xp, extra)
    if what == FORWARD:
        return _forward(contender, function, x)
    g = library.constant(cotangent)
    if contender == "autograd":
        return autograd_case(function, x, g)
    return eager_case(contender, function, x, g)


# --- the table ---------------------------------------------------------------------------------


def _row(race: Race, report: Report, reasons: Reasons, name: str, size: int) -> None:
    x, extra, value, cotangent = data(name, size)
    for what in (FORWARD, BOTH):
        key = f"{name} | {what} | {size}"
        expected = [value]
        contenders = ["cdiff", *PEERS]
        if what == FORWARD:
            contenders.append("numpy")
        else:
            expected.append(OPERATIONS[name].vjp(cotangent, x, extra))
        times = race.run(key, expected, contenders)
        reasons.note(key, times)
        figures = [ratio(times[peer], times["cdiff"]) for peer in PEERS]
        verdicts = [
            report.verdict(f"{key}, {peer} / cdiff", figure, FASTER)
            for peer, figure in zip(PEERS, figures, strict=True)
        ]
        cells = [duration(times[one]) for one in ("cdiff", *PEERS)]
        cells.append(duration(times["numpy"]) if what == FORWARD else "")
        told = "; ".join(dict.fromkeys(verdicts))
        first = name if what == FORWARD else ""
        report.rows(WIDTHS, [(first, what, *cells, *map(shown, figures), told)])


def main(report: Report) -> None:
    """Run this benchmark."""
    pace = Pace(2, 0.002) if report.quick else Pace(7, 0.01)
    report.heading("structural")
    reasons = Reasons()
    contenders = ("cdiff", *PEERS, "numpy")
    with Race("benchmarks.structural", contenders, ("cdiff", "numpy"), pace) as race:
        for size in SIZES[:2] if report.quick else SIZES:
            titles = ("cdiff", *PEERS, "numpy", "torch/cd", "autograd/cd", "")
            report.rows(WIDTHS, [(f"n = {size}", "", *titles)])
            for name in OPERATIONS:
                _row(race, report, reasons, name, size)
    reasons.tell(report)


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("structural")
