"""`python -m benchmarks.baseline [--write] [--quick]`: has anything become slower?

A score of typical cases, timed and compared with those that were kept in baseline.json. Each is
divided by the time of a fixed piece of Python and NumPy work on the same machine, so that a faster
or a busier machine is not mistaken for a change; what is left of that is the tolerance
(docs/decisions/0015-baseline.md says why seconds would not do). It ends with status 1 if a case is
slower than kept by more than the tolerance, and it knows cdiff's public names only.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import cdiff as cd
from benchmarks._report import environment
from benchmarks._timing import Case, Pace, best

KEPT = Path(__file__).with_name("baseline.json")
TOLERANCE = 1.3
CALM, QUICK = Pace(rounds=41, seconds=0.02), Pace(rounds=2, seconds=0.002)


def yardstick() -> float:
    """Work in Python and NumPy that no version of cdiff touches."""
    total = 0.0
    for k in range(200):
        total += k * 0.5
    x = np.arange(1000.0)
    return total + float(np.sum(np.sqrt(x) * x))


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def chain(x: Any) -> Any:
    for _ in range(50):
        x = np.sin(x) * 1.01 + 0.1
    return x


def network(w: Any, x: Any) -> Any:
    return np.sum(np.tanh(x @ w) ** 2)


def decay(c: Any, x: Any) -> Any:
    return 0.9 * c + np.sin(x), c


def calls() -> dict[str, Callable[[], Any]]:
    """The cases, by name."""
    small, large = np.linspace(-1.0, 1.0, 10), np.linspace(-1.0, 1.0, 100_000)
    a, b = cd.array(1.5, requires_grad=True), cd.array(2.5, requires_grad=True)
    v = cd.array(small, requires_grad=True)
    w, x = np.full((20, 20), 0.1), np.ones((50, 20))
    f, g = cd.compile(cd.value_and_grad(rosenbrock)), cd.compile(cd.value_and_grad(chain))
    points = cd.compile(cd.vmap(cd.grad(chain)))
    loop = cd.compile(cd.grad(lambda c: cd.scan(decay, c, large[:2000])[0]))
    gradient, jacobian, hessian = cd.grad(rosenbrock), cd.jacobian(np.sin), cd.hessian(rosenbrock)
    return {
        "x * y of numbers": lambda: a * b,
        "sin(v), n = 10": lambda: np.sin(v),
        "eager gradient, 100 operations": lambda: cd.grad(chain)(0.3),
        "eager gradient, n = 10": lambda: gradient(small),
        "eager gradient, n = 1e5": lambda: gradient(large),
        "jvp, 100 operations": lambda: cd.jvp(chain, (0.3,), (1.0,)),
        "jacobian, 10 x 10": lambda: jacobian(small),
        "hessian, 10 x 10": lambda: hessian(small),
        "compiled, numbers": lambda: g(0.3),
        "compiled, n = 10": lambda: f(small),
        "compiled, n = 1e5": lambda: f(large),
        "compiled vmap, 1e5 points": lambda: points(large),
        "compiled scan, 2000 steps": lambda: loop(0.5),
        "matrix product, gradient": lambda: cd.grad(network)(w, x),
        "recording a program": lambda: cd.programs.record(rosenbrock, small),
    }


def measured(pace: Pace) -> dict[str, float]:
    """Every case as a multiple of the yardstick."""
    named = {"yardstick": yardstick, **calls()}
    cases = {name: Case("call()", {"call": call}, list) for name, call in named.items()}
    times = best(cases, pace)
    return {name: times[name] / times["yardstick"] for name in times if name != "yardstick"}


def compared(now: dict[str, float], kept: dict[str, float]) -> list[str]:
    """Print each case beside what was kept; the names of those that are slower."""
    slower = []
    for name, figure in now.items():
        before = kept.get(name)
        quotient = "" if before is None else f"{figure / before:6.2f}x"
        mark = ""
        if before is not None and figure > TOLERANCE * before:
            slower.append(name)
            mark = f"  SLOWER (> {TOLERANCE}x)"
        print(f"{name:32} {figure:10.4g} yardsticks {quotient}{mark}")
    return slower


def main(arguments: list[str] | None = None) -> int:
    """The command line; the status to exit with."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.baseline", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"keep the figures in {KEPT.name}")
    parser.add_argument("--quick", action="store_true", help="only see that everything runs")
    options = parser.parse_args(arguments)
    about = environment()
    print("\n".join(about))
    now = measured(QUICK if options.quick else CALM)
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {"cases": {}}
    slower = compared(now, kept["cases"])
    if options.write:
        text = json.dumps({"about": about[:3], "cases": now}, indent=1)
        KEPT.write_text(text + "\n", encoding="utf-8")
    return 1 if slower and not (options.write or options.quick) else 0


if __name__ == "__main__":
    sys.exit(main())
