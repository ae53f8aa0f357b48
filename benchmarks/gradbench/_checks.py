"""Whether results are right: GradBench's rule, the verified outputs, finite differences.

The rule compares element by element, |x - y| / max(|x| + |y|, 1) <= 1e-4. It knows where the
unknowns of each eval are in its data and how to move them; it knows no tool.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.gradbench import workloads

TOLERANCE = 1e-4
STEP = 1e-6
DIRECTIONS = 3


def error(got: Any, expected: Any) -> float:
    """The largest error by GradBench's rule; infinite where the structure differs."""
    if isinstance(expected, dict):
        if not isinstance(got, dict) or got.keys() != expected.keys():
            return float("inf")
        return max([error(got[name], expected[name]) for name in expected], default=0.0)
    try:
        x, y = np.asarray(got, dtype=float), np.asarray(expected, dtype=float)
    except (TypeError, ValueError):
        return float("inf")
    if x.shape != y.shape:
        return float("inf")
    apart = np.abs(x - y) / np.maximum(np.abs(x) + np.abs(y), 1.0)
    apart = np.where(x == y, 0.0, apart)
    return float("inf") if np.isnan(apart).any() else float(apart.max(initial=0.0))


def verified(module: str) -> Iterator[tuple[str, str, float]]:
    """File, function and error of everything that verified outputs are stored for."""
    own = importlib.import_module(f"benchmarks.gradbench.{module}")
    for name, message, expected in workloads.golden(module):
        data = own.read(message)
        for function, wanted in expected.items():
            run = own.FUNCTIONS[function].prepare(data)
            yield name, function, error(own.FUNCTIONS[function].answer(run()), wanted)


# --- finite differences -------------------------------------------------------------------------


@dataclass(frozen=True)
class Unknowns:
    """Where the unknowns are: `get` gives them, `put` data with others in their place.

    `primal` and `derivative` name the functions, `part` picks what is differentiated out of the
    primal's result, `along` multiplies the derivative with a direction.
    """

    primal: str
    derivative: str
    get: Callable[[Any], list[np.ndarray]]
    put: Callable[[Any, list[np.ndarray]], Any]
    part: Callable[[Any], Any] = np.asarray
    along: Callable[[Any, list[np.ndarray]], Any] = lambda found, v: sum(
        [np.sum(g * d) for g, d in zip(_listed(found), v, strict=True)]
    )


def _listed(found: Any) -> list[np.ndarray]:
    if isinstance(found, dict):
        return list(found.values())
    return [found] if isinstance(found, np.ndarray) else list(found)


def _put_gmm(data: Any, new: list[np.ndarray]) -> Any:
    return (dict(zip(data[0], new, strict=True)), *data[1:])


FIRST: dict[str, Any] = {"get": lambda d: [d[0]], "put": lambda d, new: (new[0], *d[1:])}
WHOLE: dict[str, Any] = {"get": lambda d: [d], "put": lambda d, new: new[0]}
UNKNOWNS = {
    "det": Unknowns("primal", "gradient", **WHOLE),
    "lse": Unknowns("primal", "gradient", **WHOLE),
    "llsq": Unknowns("primal", "gradient", **FIRST),
    "ode": Unknowns("primal", "gradient", **FIRST, part=lambda y: y[-1]),
    "gmm": Unknowns("objective", "jacobian", lambda d: _listed(d[0]), _put_gmm),
    "lstm": Unknowns(
        "objective", "jacobian", lambda d: list(d[:2]), lambda d, new: (*new, *d[2:])
    ),
    "ht": Unknowns(
        "objective", "jacobian", **FIRST, part=np.ravel,
        along=lambda found, v: found[:, -len(v[0]) :] @ v[0],
    ),
}  # fmt: skip


def differences(module: str, data: Any, seed: int = 0) -> float:
    """The largest error against central differences along a few random directions."""
    unknowns = UNKNOWNS[module]
    functions = importlib.import_module(f"benchmarks.gradbench.{module}").FUNCTIONS
    found = functions[unknowns.derivative].prepare(data)()
    random = np.random.default_rng(seed)
    worst = 0.0
    at = unknowns.get(data)
    for _ in range(DIRECTIONS):
        direction = [random.normal(size=x.shape) for x in at]
        ends = []
        for h in (STEP, -STEP):
            moved = unknowns.put(data, [x + h * d for x, d in zip(at, direction, strict=True)])
            ends.append(unknowns.part(functions[unknowns.primal].prepare(moved)()))
        slope = (ends[0] - ends[1]) / (2 * STEP)
        worst = max(worst, error(unknowns.along(found, direction), slope))
    return worst
