"""`python -m benchmarks.gradbench --all`: every eval at its default sizes, beside the peers.

A process for each tool and workload, so that first calls are first calls and memory is that of one
tool. A row has the least CPU time of an evaluation in cdiff, that of each peer with the ratio to
cdiff's, the peak of the memory, the first call (recording or compiling included; the least of some
fresh processes, which cdiff and the peer take in turn), and how the result was checked. Below the
rows stand the geometric means, and the times published elsewhere for tools that are not run here,
scaled by what both places have measured.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._report import Bound, Report, environment
from benchmarks._timing import Failure, Missing, Worker
from benchmarks.gradbench import _checks, published, workloads
from benchmarks.gradbench.peers import ALONE, TOOLS

OWN = "cdiff"
CHILD = "benchmarks.gradbench._child:measure"
FIRST_CALL = "benchmarks.gradbench._child:first_call"
BEGUN = (OWN, "jax")  # whose first calls are compared
DERIVATIVES = {
    "ba": ["jacobian"], "det": ["gradient"], "gmm": ["jacobian"], "ht": ["jacobian"],
    "kmeans": ["dir"], "llsq": ["gradient"], "lse": ["gradient"], "lstm": ["jacobian"],
    "ode": ["gradient"], "particle": ["ff", "fr", "rf", "rr"], "saddle": ["ff", "fr", "rf", "rr"],
}  # fmt: skip
PRIMALS = {
    "ba": "objective", "det": "primal", "gmm": "objective", "ht": "objective", "kmeans": "cost",
    "llsq": "primal", "lse": "primal", "lstm": "objective", "ode": "primal",
}  # fmt: skip
BY_HAND = {  # cdiff's time in those of C++ by hand
    "ba": 1.0, "det": 1.0, "lstm": 1.0, "lse": 1.0, "gmm": 1.5, "llsq": 1.5, "kmeans": 1.5,
    "ht": 1.5,
}  # fmt: skip
WIDTHS = (9, 29, 9, 10)
Outcome = dict[str, float] | str


@dataclass
class Options:
    """What is to be run."""

    evals: list[str]
    tools: list[str]
    which: str
    seconds: float
    limit: float
    processes: int
    primal: bool


@dataclass
class Found:
    """The outcomes of one function of one workload, by tool."""

    module: str
    workload: str
    function: str
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    check: str = ""

    @property
    def name(self) -> tuple[str, str, str]:
        """What was run."""
        return self.module, self.workload, self.function

    def figure(self, tool: str, name: str) -> float | None:
        """One figure of one tool."""
        outcome = self.outcomes.get(tool, "")
        return None if isinstance(outcome, str) else outcome[name]

    def ratio(self, tool: str, name: str = "best") -> float | None:
        """A peer's figure in those of cdiff."""
        peer, own = self.figure(tool, name), self.figure(OWN, name)
        return None if peer is None or own is None else peer / own


def milliseconds(x: float | None) -> str:
    """A time in a table."""
    return "-" if x is None else f"{x:.3g}" if x < 1000 else f"{x:.0f}"


def mean(ratios: Iterable[float]) -> float:
    """The geometric mean."""
    logs = [math.log(x) for x in ratios]
    return math.exp(sum(logs) / len(logs)) if logs else float("nan")


class Table:
    """Runs and prints."""

    def __init__(self, report: Report, options: Options) -> None:
        self.report = report
        self.options = options
        self.rows: list[Found] = []
        self.hopeless: set[tuple[str, str]] = set()  # tools that are out of time in an eval

    def chosen(self, module: str) -> list[str]:
        """The workloads of an eval that are run."""
        names = workloads.names(module)
        if self.options.which == "small":
            return names[:1]
        if self.options.which == "published":
            return [name for name in names if published.times(module, name, "ff")] or names
        return names

    def run(self) -> None:
        self.verified()
        tools = [OWN, *self.options.tools]
        self.report.say()
        self.report.say(
            "least CPU milliseconds of an evaluation (ratio to cdiff); MB; first call, the least "
            f"of {self.options.processes} fresh processes"
        )
        if ALONE in tools:
            self.report.say(f"{ALONE}: the function alone, in the rows of its derivatives too")
        heads = [f"{tool} ms" for tool in tools[:1]] + tools[1:]
        self.line(["eval", "workload", "function", *heads, "MB", "first", "jax first", "check"])
        for module in self.options.evals:
            for workload in self.chosen(module):
                functions = DERIVATIVES[module]
                if self.options.primal and module in PRIMALS:
                    functions = [PRIMALS[module], *functions]
                for function in functions:
                    self.row(module, workload, function)

    def line(self, cells: list[str]) -> None:
        widths = (*WIDTHS, *[15] * len(self.options.tools), 6, 8, 9, 30)
        self.report.rows(widths, [cells])

    def verified(self) -> None:
        """Everything that there are verified outputs for."""
        self.report.say("verified outputs: the largest error by GradBench's rule (1e-4 is allowed)")
        for module in self.options.evals:
            for name, function, error in _checks.verified(module):
                verdict = self.report.verdict(
                    f"{name} {function}", error, Bound(at_most=_checks.TOLERANCE)
                )
                self.report.say(f"  {name:16s} {function:10s} {error:8.1e}  {verdict}")

    def row(self, module: str, workload: str, function: str) -> None:
        """Measure one function of one workload in all tools, and print it."""
        found = Found(module, workload, function)
        with tempfile.TemporaryDirectory() as folder:
            paths = {tool: str(Path(folder) / f"{tool}.npy") for tool in (OWN, *TOOLS)}
            for tool in (OWN, *self.options.tools):
                found.outcomes[tool] = self.outcome(tool, found, paths[tool])
            found.check = self.checked(found, paths)
        self.begin_again(found)
        self.rows.append(found)
        cells = [module, workload, function, milliseconds(found.figure(OWN, "best"))]
        for tool in self.options.tools:
            ratio = found.ratio(tool)
            text = milliseconds(found.figure(tool, "best"))
            cells.append(text if ratio is None else f"{text} ({ratio:.2g}x)")
        peak = found.figure(OWN, "peak")
        cells.append("-" if peak is None else f"{peak:.0f}")
        cells.append(milliseconds(found.figure(OWN, "first")))
        cells.append(milliseconds(found.figure("jax", "first")))
        self.line([*cells, found.check])

    def outcome(self, tool: str, found: Found, path: str) -> Outcome:
        """What a child process of its own measures, or why it does not."""
        if (tool, found.module) in self.hopeless:
            return "a smaller workload took too long"
        function = PRIMALS.get(found.module, "") if tool == ALONE else found.function
        arguments = (found.module, found.workload, function, self.options.seconds, path)
        try:
            with Worker(self.options.limit) as worker:
                outcome: dict[str, float] = worker.call(CHILD, tool, *arguments)
        except Missing as error:
            return str(error)
        except Failure as error:
            if "no such eval" not in str(error):
                self.hopeless.add((tool, found.module))
                self.report.say(f"  ! {tool} {found.module} {found.workload}: {str(error)[:150]}")
            return str(error)
        return outcome

    def begin_again(self, found: Found) -> None:
        """The least first call of some fresh processes, in place of that of one."""
        for _ in range(self.options.processes - 1):
            for tool in BEGUN:
                outcome = found.outcomes.get(tool, "")
                if isinstance(outcome, str):
                    continue
                try:
                    with Worker(self.options.limit) as worker:
                        again: float = worker.call(FIRST_CALL, tool, *found.name)
                except Failure as error:
                    self.report.say(f"  ! {tool} {' '.join(found.name)}: {str(error)[:150]}")
                    continue
                outcome["first"] = min(outcome["first"], again)

    def checked(self, found: Found, paths: dict[str, str]) -> str:
        """The largest error against the other tools, against differences where there are none."""
        if isinstance(found.outcomes[OWN], str):
            self.report.verdict(f"{found.module} {found.workload}", None, Bound(at_most=0.0))
            return "FAILED"
        own = np.load(paths[OWN])
        errors = {
            tool: _checks.error(own, np.load(paths[tool]))
            for tool in self.options.tools
            if not isinstance(found.outcomes[tool], str)
            and (tool != ALONE or found.function == PRIMALS.get(found.module))
        }
        if not errors and found.module in _checks.UNKNOWNS:
            module = __import__(f"benchmarks.gradbench.{found.module}", fromlist=["read"])
            data = module.read(workloads.message(found.module, found.workload))
            errors["differences"] = _checks.differences(found.module, data)
        if not errors:
            return "verified output above"
        worst = max(errors.values())
        label = f"{found.module} {found.workload} {found.function}: error"
        self.report.verdict(label, worst, Bound(at_most=_checks.TOLERANCE))
        return f"{worst:.0e} ({', '.join(errors)})"

    # --- what follows from the rows -------------------------------------------------------------

    def summary(self) -> None:
        """Geometric means, the published times, and what was wanted."""
        self.report.say()
        for tool in self.options.tools:
            self.against(tool)
        self.elsewhere()

    def against(self, tool: str) -> None:
        """Ratios to one tool, over all rows that it has."""
        rows = [row for row in self.rows if row.ratio(tool) is not None]
        if not rows:
            return
        ratios = {f"{row.module} {row.workload}": row.ratio(tool) or 0.0 for row in rows}
        least = min(ratios, key=ratios.__getitem__)
        faster = sum(ratio > 1.0 for ratio in ratios.values())
        self.report.say(
            f"{tool}: {mean(ratios.values()):.2f}x cdiff's time in the geometric mean of "
            f"{len(rows)}; cdiff is faster in {faster}; least {ratios[least]:.2f}x ({least})"
        )
        if tool in ("jax", "torch"):
            for name, ratio in ratios.items():
                self.report.verdict(f"{tool} / cdiff, {name}", ratio, Bound(at_least=1.0))
            self.report.verdict(f"{tool} / cdiff", mean(ratios.values()), Bound(at_least=3.0))
        if tool == "jax":
            for row in rows:
                first = row.ratio(tool, "first")
                self.report.verdict(
                    f"jax / cdiff, first call, {row.module} {row.workload}", first,
                    Bound(at_least=10.0),
                )  # fmt: skip
        if tool == "manual":
            for row in rows:
                self.by_hand(row, row.figure("manual", "best") or 0.0, "built here")

    def by_hand(self, row: Found, manual: float, where: str) -> None:
        """cdiff's time in those of C++ by hand."""
        limit = BY_HAND.get(row.module)
        own = row.figure(OWN, "best")
        if limit is not None and own is not None:
            label = f"cdiff / manual ({where}), {row.module} {row.workload}"
            self.report.verdict(label, own / manual, Bound(at_most=limit))

    def elsewhere(self) -> None:
        """Published times, scaled by the tools that were measured in both places."""
        pairs = []
        for row in self.rows:
            there = published.times(row.module, row.workload, row.function)
            for tool in ("jax", "torch"):
                here = row.figure(tool, "best")
                if tool in there and here is not None:
                    pairs.append(here / there[tool])
        factor = mean(pairs) if pairs else 1.0
        self.report.say()
        self.report.say(
            f"published times of other tools, times {factor:.2f} (JAX and PyTorch here / there, "
            f"{len(pairs)} pairs); ratios to cdiff"
        )
        for row in self.rows:
            there = published.times(row.module, row.workload, row.function)
            own = row.figure(OWN, "best")
            if there and own is not None:
                self.scaled(row, own, {tool: factor * t for tool, t in there.items()})

    def scaled(self, row: Found, own: float, there: dict[str, float]) -> None:
        """One row of published times."""
        cells = [row.module, row.workload, row.function, milliseconds(own)]
        for tool in ("manual", "codipack", "enzyme"):
            t = there.get(tool)
            cells.append("-" if t is None else f"{tool} {milliseconds(t)} ({t / own:.2g}x)")
        self.report.rows((*WIDTHS, 24, 24, 24), [cells])
        label = f"{row.module} {row.workload} {row.function}"
        if "manual" in there:
            self.by_hand(row, there["manual"], "published, scaled")
        if "codipack" in there:
            bound = Bound(at_least=1.0)
            self.report.verdict(f"codipack / cdiff, {label}", there["codipack"] / own, bound)
        if row.module in published.NESTED:
            bound = Bound(at_most=3.0)
            self.report.verdict(f"cdiff / enzyme, {label}", own / there["enzyme"], bound)


def parsed(arguments: list[str]) -> tuple[Options, Any]:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gradbench", description=__doc__)
    parser.add_argument("--all", action="store_true", help="run the comparison", required=True)
    parser.add_argument("--evals", nargs="+", choices=workloads.EVALS, default=workloads.EVALS)
    parser.add_argument("--tools", nargs="*", choices=TOOLS, default=TOOLS[:-1])
    parser.add_argument(
        "--workloads", choices=("default", "published", "small"), default="default",
        help="all default sizes, those with published times, or the smallest",
    )  # fmt: skip
    parser.add_argument("--seconds", type=float, default=0.3, help="of each measurement")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds a child may take")
    parser.add_argument("--processes", type=int, default=3, help="fresh ones, for first calls")
    parser.add_argument("--primal", action="store_true", help="the functions alone, too")
    parser.add_argument("--write", type=Path, help="append what was printed to this file")
    given = parser.parse_args(arguments)
    options = Options(
        list(given.evals), list(given.tools), given.workloads, given.seconds, given.limit,
        given.processes, given.primal,
    )  # fmt: skip
    return options, given.write


def main(arguments: list[str]) -> None:
    """Run, print, append."""
    options, path = parsed(arguments)
    report = Report()
    about = environment()
    for text in about:
        report.say(text)
    report.heading("gradbench")
    table = Table(report, options)
    table.run()
    table.summary()
    report.summary()
    if path is not None:
        text = "\n".join(report.lines).strip("\n")
        with path.open("a", encoding="utf-8") as file:
            file.write(f"\n## {about[0]}\n\n```text\n{text}\n```\n")
