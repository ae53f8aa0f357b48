"""`python -m cdiff`: versions, the kernels in use, a self-check, a small benchmark.

What to run after an installation, and to paste into a report of a problem. Knows public functions
only; each check compares two independent ways to one number.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

import cdiff as cd
from cdiff._compiled._profile import duration
from cdiff._core import kernels_in_use, use_machine_code

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["main"]

OPTIONAL = ("scipy", "tqdm")


def versions() -> list[str]:
    """One line for each version that matters."""
    lines = [
        f"cdiff {cd.__version__}",
        f"Python {platform.python_version()} ({platform.python_implementation()})",
        f"numpy {np.__version__}",
    ]
    for name in OPTIONAL:
        try:
            lines.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{name} is not installed (optional)")
    lines.append(f"{platform.system()} on {platform.machine()}")
    lines.append(f"kernels: {kernels_in_use()}")
    lines.append(f"machine code: {'yes' if use_machine_code() else 'no'}")
    lines.append(f"threads: {cd.get_num_threads()}")
    return lines


def _f(x: Any) -> Any:
    return np.sum(np.tanh(x[1:] * x[:-1]) / (1.0 + np.exp(-x[:-1])))


def _value(x: Any, w: Any) -> Any:
    return np.log(x * x + 1.0) * w if x > 0.0 else np.sin(x) * w


def checks() -> list[tuple[str, Callable[[], float]]]:
    """Names, and functions that give how far two ways to one number are apart."""
    x = np.linspace(-1.0, 2.0, 12)
    v = np.cos(x)
    compiled = cd.compile(cd.value_and_grad(_f))
    mapped = cd.vmap(cd.grad(_value), in_axes=(0, None))

    def slope(h: float = 1e-4) -> float:
        """Differences with an error of order h**4."""
        d = [(_f(x + k * v) - _f(x - k * v)) / (2 * k) for k in (h, h / 2)]
        return float((4 * d[1] - d[0]) / 3)

    def loop(c: float) -> Any:
        return cd.scan(lambda c, t: (np.sin(c) + t, c), c, x)[0]

    def unrolled(c: Any) -> Any:
        for t in x.tolist():
            c = np.sin(c) + t
        return c

    hessian = cd.hessian(_f)
    return [
        ("gradient against differences", lambda: _far(cd.grad(_f)(x) @ v, slope())),
        ("forward against reverse", lambda: _far(cd.jvp(_f, (x,), (v,))[1], cd.grad(_f)(x) @ v)),
        ("hessian against hvp", lambda: _far(hessian(x) @ v, cd.hvp(_f, (x,), (v,)))),
        ("compiled against eager", lambda: _far(compiled(x)[1], cd.grad(_f)(x))),
        ("replayed against eager", lambda: _far(compiled(x + 0.1)[1], cd.grad(_f)(x + 0.1))),
        (
            "mapped against a loop",
            lambda: _far(mapped(x, 2.0), [cd.grad(_value)(t, 2.0) for t in x.tolist()]),
        ),
        ("scan against a loop", lambda: _far(cd.grad(loop)(0.3), cd.grad(unrolled)(0.3))),
        (
            "float32 against float64",
            lambda: 1e-6 * _far(cd.grad(_f)(x.astype(np.float32)), cd.grad(_f)(x)),
        ),
    ]


def _far(a: Any, b: Any) -> float:
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    return float(np.max(np.abs(a - b) / (1.0 + np.abs(b))))


def self_check() -> int:
    """Run all checks and print them; how many failed."""
    failed = 0
    for name, check in checks():
        try:
            error = check()
            ok = error <= 1e-9
            result = f"{'ok' if ok else 'FAILED'} ({error:.0e})"
        except Exception as problem:  # report it, and go on with the others
            ok, result = False, f"FAILED ({type(problem).__name__}: {problem})"
        failed += not ok
        print(f"  {name:32} {result}")
    return failed


def benchmark() -> None:
    """A few figures, each the best of many."""
    x, y = cd.array(1.5, requires_grad=True), cd.array(2.5, requires_grad=True)
    small, large = np.linspace(0.0, 1.0, 10), np.linspace(0.0, 1.0, 1_000_000)
    compiled = cd.compile(cd.value_and_grad(_f))
    cases: list[tuple[str, Callable[[], Any]]] = [
        ("x * y of two tracked numbers", lambda: x * y),
        ("value and gradient, n = 10, eager", lambda: cd.value_and_grad(_f)(small)),
        ("value and gradient, n = 10, compiled", lambda: compiled(small)),
        ("value and gradient, n = 1e6, compiled", lambda: compiled(large)),
        ("the value alone, n = 1e6, NumPy", lambda: _f(large)),
    ]
    for name, run in cases:
        print(f"  {name:40} {duration(_best(run))}")


def _best(run: Callable[[], Any], budget: float = 0.2) -> float:
    run()
    start = time.perf_counter()
    run()
    count = max(1, min(10_000, int(budget / 10 / max(time.perf_counter() - start, 1e-7))))
    best = float("inf")
    end = time.perf_counter() + budget
    while time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(count):
            run()
        best = min(best, (time.perf_counter() - start) / count)
    return best


def main(arguments: list[str] | None = None) -> int:
    """The command line.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the process by default.

    Returns
    -------
    int
        1 if the self-check fails, else 0.
    """
    parser = argparse.ArgumentParser(prog="python -m cdiff", description=__doc__)
    parser.add_argument("--version", action="store_true", help="print the version and nothing else")
    parser.add_argument("--no-benchmark", action="store_true", help="leave out the benchmark")
    options = parser.parse_args(arguments)
    if options.version:
        print(cd.__version__)
        return 0
    print("\n".join(versions()))
    print("\nself-check")
    failed = self_check()
    if not options.no_benchmark:
        print("\nbenchmark (the best of many)")
        benchmark()
    return 1 if failed else 0


def _in_a_pipe() -> int:
    """The same; a reader that has seen enough is no error."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    return code


if __name__ == "__main__":
    sys.exit(_in_a_pipe())
