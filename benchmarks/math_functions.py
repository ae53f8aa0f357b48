"""The vector math of src/math: nanoseconds per element, by instruction set, beside NumPy's ufuncs.

The headers are compiled here as the tests do it, one shared library per instruction set, and each
function runs over an array that fits in the second-level cache. For a function with a fast version
that version is timed. It knows the names and ranges of arguments.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._peers import ROOT
from benchmarks._report import Report

LENGTH = 8192
# Function -> interval of the operands; a second interval makes it binary.
RANGES: dict[str, tuple[tuple[float, float], ...]] = {
    "exp": ((-10, 10),),
    "exp2": ((-10, 10),),
    "expm1": ((-3, 3),),
    "log": ((0.01, 100),),
    "log2": ((0.01, 100),),
    "log10": ((0.01, 100),),
    "log1p": ((-0.9, 10),),
    "sin": ((-10, 10),),
    "cos": ((-10, 10),),
    "tan": ((-10, 10),),
    "arcsin": ((-1, 1),),
    "arccos": ((-1, 1),),
    "arctan": ((-5, 5),),
    "arctan2": ((-5, 5), (-5, 5)),
    "sinh": ((-5, 5),),
    "cosh": ((-5, 5),),
    "tanh": ((-5, 5),),
    "arcsinh": ((-5, 5),),
    "arccosh": ((1, 10),),
    "arctanh": ((-1, 1),),
    "power": ((0.1, 10), (-5, 5)),
    "hypot": ((-5, 5), (-5, 5)),
    "cbrt": ((-5, 5),),
    "erf": ((-3, 3),),
    "erfc": ((-3, 3),),
    "sigmoid": ((-5, 5),),
    "softplus": ((-5, 5),),
    "log_sigmoid": ((-5, 5),),
    "logaddexp": ((-5, 5), (-5, 5)),
    "logaddexp2": ((-5, 5), (-5, 5)),
    "sinc": ((-10, 10),),
    "fmod": ((-50, 50), (-9, 9)),
    "remainder": ((-50, 50), (-9, 9)),
    "floor_divide": ((-50, 50), (-9, 9)),
    "floor": ((-50, 50),),
    "rint": ((-50, 50),),
    "sign": ((-1, 1),),
    "maximum": ((-1, 1), (-1, 1)),
    "heaviside": ((-1, 1), (-1, 1)),
}
FAST = ("sin", "cos", "tan", "power", "fmod", "remainder", "floor_divide")


def _build(folder: Path) -> dict[str, Any]:
    """The libraries that this machine can run, by name of the instruction set."""
    tests = str(ROOT / "tests")
    if tests not in sys.path:
        sys.path.insert(0, tests)
    tools = importlib.import_module("math_library")
    if tools.compiler() is None:
        return {}
    wanted = [v for v in tools.VARIANTS if v.name in ("baseline", "avx2", "avx512")]
    return {v.name: tools.MathLibrary(v, folder) for v in wanted if tools.usable(v)}


def _best(call: Callable[[], Any], quick: bool) -> float:
    """Nanoseconds per element, the best of several bursts."""
    bursts, turns = (3, 2) if quick else (15, 10)
    least = float("inf")
    for _ in range(bursts):
        start = time.perf_counter_ns()
        for _ in range(turns):
            call()
        least = min(least, time.perf_counter_ns() - start)
    return least / turns / LENGTH


def _operands(name: str) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [random.uniform(low, high, LENGTH) for low, high in RANGES[name]]


def _time_loop(library: Any, name: str, operands: list[np.ndarray], quick: bool) -> float:
    loop = library.loop(f"{name}_fast" if name in FAST else name)
    out = np.empty(LENGTH)
    pointers = [array.ctypes.data for array in (out, operands[0], operands[-1])]
    return _best(lambda: loop(LENGTH, *pointers), quick)


def _time_numpy(name: str, operands: list[np.ndarray], quick: bool) -> float | None:
    ufunc = getattr(np, name, None)
    if ufunc is None:
        return None
    out = np.empty(LENGTH)
    if not isinstance(ufunc, np.ufunc):
        return _best(lambda: ufunc(*operands), quick)
    return _best(lambda: ufunc(*operands, out=out), quick)


def main(report: Report) -> None:
    """Run this benchmark."""
    report.heading("math functions")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        libraries = _build(Path(folder))
        if not libraries:
            report.say("not measured: no C compiler of the gcc kind found")
            return
        widths = (14, *[9] * (len(libraries) + 1), 14)
        report.say(f"nanoseconds per element, n = {LENGTH}, and the speed-up over NumPy")
        report.rows(widths, [("", *libraries, "NumPy", "")])
        for name in list(RANGES)[::6] if report.quick else RANGES:
            operands = _operands(name)
            times = [_time_loop(lib, name, operands, report.quick) for lib in libraries.values()]
            numpy = _time_numpy(name, operands, report.quick)
            shown = [f"{t:.2f}" for t in times] + ["-" if numpy is None else f"{numpy:.2f}"]
            gain = "" if numpy is None else f"{numpy / times[-1]:.1f}x"
            report.rows(widths, [(name, *shown, gain)])


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("math_functions")
