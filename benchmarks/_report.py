"""What the benchmarks print: aligned rows, each figure beside the bound it has to keep.

It knows nothing of timing or of libraries. A bound that is missed is printed as MISSED and
counted, never raised: a benchmark on a busy machine must still print everything. Everything
said is remembered, so that `python -m benchmarks --write` can keep it in RESULTS.md.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("cdiff-ad", "numpy", "torch", "autograd", "jax", "jaxlib", "casadi")


@dataclass(frozen=True)
class Bound:
    """A ratio or an amount that must stay on one side of a limit."""

    at_most: float | None = None
    at_least: float | None = None

    def kept(self, figure: float) -> bool:
        """Whether the figure is on the right side; a NaN is not."""
        above = self.at_least is None or figure >= self.at_least
        below = self.at_most is None or figure <= self.at_most
        return above and below and figure == figure

    def __str__(self) -> str:
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        return f">= {self.at_least:g}"


@dataclass
class Report:
    """Prints and remembers; `missed` lists every bound that was not kept."""

    quick: bool = False
    lines: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    checked: int = 0
    unmeasured: int = 0
    title: str = ""

    def say(self, text: str = "") -> None:
        """One line, at once."""
        self.lines.append(text)
        print(text, flush=True)

    def heading(self, title: str) -> None:
        """Start a section; misses are listed under its name."""
        self.title = title
        self.say()
        self.say(f"== {title} ==")

    def verdict(self, label: str, figure: float | str | None, bound: Bound | None) -> str:
        """`ok` or `MISSED` with the bound, empty without one; an error counts as missed."""
        if bound is None:
            return ""
        if isinstance(figure, str) and absent(figure):
            self.unmeasured += 1
            return f"not measured ({bound})"
        self.checked += 1
        if isinstance(figure, float | int) and bound.kept(figure):
            return f"ok ({bound})"
        shown = f"{figure:.3g}" if isinstance(figure, float | int) else str(figure)[:80]
        self.missed.append(f"{self.title}: {label}: {shown}, wanted {bound}")
        return f"MISSED ({bound})"

    def rows(self, widths: Sequence[int], rows: Iterable[Sequence[str]]) -> None:
        """Cells padded to widths: the first and the last to the left, the others to the right."""
        for row in rows:
            cells = [
                cell.ljust(width) if place in (0, len(widths) - 1) else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            self.say("  ".join(cells).rstrip())

    def summary(self) -> None:
        """How many bounds were kept, and those that were not."""
        self.say()
        kept = f"{self.checked - len(self.missed)} of {self.checked} bounds kept"
        rest = f", {self.unmeasured} not measured" if self.unmeasured else ""
        self.say(kept + rest)
        for line in self.missed:
            self.say(f"  MISSED {line}")


def absent(outcome: str) -> bool:
    """Whether the reason for a missing figure is that the library is missing."""
    return outcome.startswith("not installed")


def duration(outcome: float | str) -> str:
    """Nanoseconds for a reader; the reason in place of a missing figure."""
    if isinstance(outcome, str):
        return "absent" if absent(outcome) else "failed"
    for limit, unit, scale in ((1e3, "ns", 1.0), (1e6, "us", 1e3), (1e9, "ms", 1e6)):
        if outcome < limit:
            return f"{outcome / scale:.3g} {unit}"
    return f"{outcome / 1e9:.3g} s"


def ratio(above: float | str, below: float | str) -> float | str:
    """The quotient of two outcomes, or the reason why there is none."""
    if isinstance(above, str):
        return above
    if isinstance(below, str):
        return below
    return above / below


def shown(figure: float | str) -> str:
    """A ratio for a reader; a dash where there is none."""
    if isinstance(figure, str):
        return "-"
    return f"{figure:.0f}x" if figure >= 100 else f"{figure:.3g}x"


class Reasons:
    """Why figures are absent, each reason printed once below its table."""

    def __init__(self) -> None:
        self._seen: dict[str, list[str]] = {}

    def note(self, key: str, outcomes: dict[str, float | str]) -> None:
        """Remember the reasons among the outcomes of one key."""
        for contender, outcome in outcomes.items():
            if isinstance(outcome, str):
                self._seen.setdefault(f"{contender}: {outcome}", []).append(key)

    def tell(self, report: Report) -> None:
        """Print them."""
        for reason, keys in self._seen.items():
            where = "" if absent(reason.partition(": ")[2]) else f" [{', '.join(keys)}]"
            report.say(f"  ! {reason}{where}")
        self._seen.clear()


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.processor()


def environment() -> list[str]:
    """Commit, processor, load and versions: what a figure means nothing without."""
    commit = _output("git", "rev-parse", "--short=12", "HEAD") or "unknown"
    if _output("git", "status", "--porcelain", "--untracked-files=no"):
        commit += " with local changes"
    versions = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{package} not installed")
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    now = datetime.datetime.now(datetime.UTC)
    return [
        f"{now:%Y-%m-%d %H:%M} UTC, commit {commit}",
        f"{_processor()}, {os.cpu_count()} CPUs, {sys.platform}, one thread, float64",
        ", ".join(versions),
        f"load average at start {load} (above 1, another job shares the processor)",
    ]
