"""`python -m benchmarks [name ...] [--write] [--quick] [--cpu N]`: run them, print, keep.

Without names all run, one after the other. `--write` puts what was printed into RESULTS.md in
place of older runs of the same benchmarks on the same processor. `--quick` takes seconds instead of
minutes and shows that the scripts work; its figures mean little. `--cpu N` pins this process and
its children. It knows the names of the benchmarks and nothing else of them.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
from pathlib import Path

from benchmarks._report import Report, environment
from benchmarks._results import added

NAMES = (
    "import_time",
    "scalar",
    "chain",
    "elementwise",
    "structural",
    "products",
    "wrapping",
    "operators",
    "jacobian",
    "interpreter",
    "calls",
    "first_calls",
    "blocks",
    "loops",
    "bundle",
    "greeks",
    "networks",
    "math_functions",
    "memory",
    "programs",
    "solvers",
    "vmap",
    "sparse",
    "patterns",
)
RESULTS = Path(__file__).with_name("RESULTS.md")


def run(names: list[str], quick: bool = False, write: bool = False) -> Report:
    """Run the named benchmarks and return what they printed."""
    report = Report(quick=quick)
    for line in environment():
        report.say(line)
    # For times of first calls: what pip would have compiled.
    subprocess.run([sys.executable, "-c", "import cdiff, cdiff.numpy"], check=False)
    for name in names:
        importlib.import_module(f"benchmarks.{name}").main(report)
    report.summary()
    if write:
        text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
        run_text = "\n".join(report.lines).strip("\n")
        RESULTS.write_text(added(text, run_text), encoding="utf-8")
    return report


def alone(name: str) -> None:
    """Run one benchmark as a script."""
    main([name, *sys.argv[1:]])


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--write", action="store_true", help=f"keep it in {RESULTS.name}")
    parser.add_argument("--quick", action="store_true", help="only see that everything runs")
    parser.add_argument("--cpu", type=int, help="pin to this CPU")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}")
    if options.cpu is not None:
        os.sched_setaffinity(0, {options.cpu})
    run(options.names or list(NAMES), options.quick, options.write)


if __name__ == "__main__":
    main()
