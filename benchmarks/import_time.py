"""What `import cdiff` adds to `import numpy`, and the size of the wheel and of the core.

Each figure is the least of many fresh interpreters, in alternating order with a bare NumPy; the
clock runs inside the interpreter, between the two imports, so that its own start is not counted.
It knows nothing of cdiff but its name.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks._peers import ROOT
from benchmarks._report import Bound, Report

PROGRAM = """
import time
start = time.perf_counter()
import numpy
between = time.perf_counter()
{statement}
end = time.perf_counter()
print(between - start, end - between)
"""
OWN = ("import cdiff", "import cdiff, cdiff.numpy")
PEERS = ("import autograd", "import casadi", "import jax", "import torch")
ADDED = Bound(at_most=3.0)
WHEEL = Bound(at_most=2.0)


def imported(statement: str) -> tuple[float, float] | str:
    """Milliseconds for NumPy and then for the statement in a fresh interpreter."""
    program = PROGRAM.format(statement=statement)
    command = [sys.executable, "-c", program]
    # Byte code is kept, as it is for an installed package.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = str(Path(tempfile.gettempdir()) / "cdiff-import-time")
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return f"not installed ({last})" if "ModuleNotFoundError" in last else last
    first, second = map(float, done.stdout.split())
    return first * 1e3, second * 1e3


def _least(statements: tuple[str, ...], rounds: int) -> dict[str, tuple[float, float] | str]:
    """The least of both figures for each statement; a first round only warms the disk cache."""
    known: dict[str, tuple[float, float] | str] = {}
    order = list(statements)
    for statement in order:
        first = imported(statement)
        known[statement] = first if isinstance(first, str) else (math.inf, math.inf)
    for _ in range(rounds):
        for statement in order:
            before = known[statement]
            took = imported(statement) if not isinstance(before, str) else before
            if isinstance(before, str) or isinstance(took, str):
                known[statement] = took
            else:
                known[statement] = min(before[0], took[0]), min(before[1], took[1])
        order.reverse()
    return known


def _imports(report: Report) -> None:
    widths = (28, 12, 12, 18)
    report.rows(widths, [("milliseconds", "numpy", "on top", "")])
    own = _least(("pass", *OWN), 5 if report.quick else 40)
    for statement, took in (own | _least(PEERS, 1 if report.quick else 3)).items():
        figure = took if isinstance(took, str) else took[1]
        bound = ADDED if statement == "import cdiff" else None
        verdict = report.verdict(f"{statement}, ms", figure, bound)
        if isinstance(took, str):
            report.rows(widths, [(statement, "-", "-", verdict or took)])
        else:
            report.rows(widths, [(statement, f"{took[0]:.1f}", f"{took[1]:.2f}", verdict)])


def _sizes(report: Report) -> None:
    report.say()
    wheels = sorted(ROOT.glob("dist/*.whl"))
    cores = sorted((ROOT / "cdiff").glob("_core*.so")) + sorted((ROOT / "cdiff").glob("_core*.pyd"))
    for file in wheels + cores:
        size = file.stat().st_size / 1e6
        bound = WHEEL if file.suffix == ".whl" else None
        verdict = report.verdict(f"{file.name}, MB", size, bound)
        report.say(f"{size:7.3f} MB  {file.name}  {verdict}".rstrip())
    if not wheels:
        report.say("no wheel in dist/")


def main(report: Report) -> None:
    """Run this benchmark."""
    report.heading("import_time")
    _imports(report)
    _sizes(report)


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("import_time")
