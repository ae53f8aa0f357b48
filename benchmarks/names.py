"""How many of NumPy's functions a library differentiates: counted, for the page of the coverage.

Counts the names that cdiff's list calls differentiable. autograd has a derivative where its own
registry of rules has one, or where the function is composed of such; JAX where `jax.numpy` has a
function of the name. Nothing is timed.

    python -m benchmarks.names
"""

from __future__ import annotations

import importlib
import runpy
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent / "tests"
COVERAGE = runpy.run_path(str(TESTS / "numpy_coverage.py"))["COVERAGE"]


def found(library: str, module: str, name: str) -> Any:
    """The function of a library that has the name of one of NumPy's, or None."""
    place = importlib.import_module(library)
    for part in module.split(".")[1:]:
        place = getattr(place, part, None)
    return getattr(place, name, None)


def has_rule(function: Any) -> bool:
    """Does autograd differentiate this function of its namespace?"""
    rules = importlib.import_module("autograd.core").primitive_vjps
    if not callable(function):
        return False
    own = getattr(function, "__module__", "").startswith("autograd.") and not hasattr(
        function, "fun"
    )
    return function in rules or own


def main() -> None:
    rows = [row for row in COVERAGE if row.kind == "differentiable"]
    autograd = [r for r in rows if has_rule(found("autograd.numpy", r.module, r.name))]
    jax = [r for r in rows if found("jax.numpy", r.module, r.name) is not None]
    print(f"cdiff {len(rows)}, autograd {len(autograd)}, JAX {len(jax)}")


if __name__ == "__main__":
    main()
