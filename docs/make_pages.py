"""Make what the pages show: pictures, the pages of coverage, and that of benchmarks.

A page with an image `pictures/NAME.svg` has a variable NAME in its examples, which are run here as
the tests run them; so a picture cannot disagree with the code above it. Needs the built package.
"""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

DOCS = Path(__file__).resolve().parent
PICTURES = DOCS / "pictures"
IMAGE = re.compile(r"\(pictures/(\w+)\.svg\)")

RUN = re.compile(r"^```text\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
SECTION = re.compile(r"^== (\w+) ==\n", flags=re.MULTILINE)
SUMMARY = re.compile(r"^\d+ of \d+ bounds kept", flags=re.MULTILINE)

BENCHMARKS = """# Benchmarks

Made by `make docs` from `benchmarks/RESULTS.md` and `benchmarks/gradbench/RESULTS.md`: of each
benchmark its last run that was kept. `make bench` runs them beside the peers on your own machine;
`make bench-compare` compares with figures that were kept. A column `ratio` says what is divided by
what, and `ok (<= 2)` marks a bound that the project has set itself; missed bounds are listed below
their tables. Times are the best of several; the load average says how far to trust them.

| benchmark | run | bounds kept |
|---|---|---|
"""


class Kept(NamedTuple):
    """What one benchmark printed, and under which circumstances."""

    about: list[str]  # date and commit, processor, versions, load
    text: str


def namespace_of(page: Path) -> dict[str, Any]:
    """The variables after the examples of a page have run; AssertionError if one is wrong."""
    names: dict[str, Any] = {"__name__": "__main__"}
    text = page.read_text(encoding="utf-8")
    test = doctest.DocTestParser().get_doctest(text, names, page.name, str(page), 0)
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(test, clear_globs=False)
    assert runner.failures == 0, f"{page.name}: an example is wrong"
    return test.globs


def pages_with_pictures() -> list[Path]:
    return [p for p in sorted(DOCS.glob("*.md")) if IMAGE.search(p.read_text(encoding="utf-8"))]


def make_pictures() -> None:
    PICTURES.mkdir(exist_ok=True)
    for page in pages_with_pictures():
        names = namespace_of(page)
        for name in IMAGE.findall(page.read_text(encoding="utf-8")):
            names[name].save(PICTURES / f"{name}.svg")


def latest_runs(text: str) -> dict[str, Kept]:
    """The last run of each benchmark in RESULTS.md, which grows at its end."""
    found: dict[str, Kept] = {}
    for run in RUN.findall(text):
        head, *parts = SECTION.split(run)
        sections = dict(zip(parts[::2], parts[1::2], strict=True))
        for name, body in sections.items():
            found[name] = Kept(head.strip().splitlines(), SUMMARY.split(body)[0].rstrip())
        for name, missed in re.findall(r"^  (?:MISSED) (\w+): (.*)$", run, flags=re.MULTILINE):
            about, body = found[name]
            found[name] = Kept(about, f"{body}\nmissed: {missed}")
    return found


def make_benchmarks() -> None:
    """The last runs, and below them those of GradBench."""
    folder = DOCS.parent / "benchmarks"
    runs = latest_runs((folder / "RESULTS.md").read_text(encoding="utf-8"))
    rows, sections = [], []
    for name, (about, text) in runs.items():
        kept, missed = len(re.findall(r"\bok \(", text)), len(re.findall(r"\bMISSED \(", text))
        bounds = f"{kept} of {kept + missed}" if kept + missed else "none set"
        rows.append(f"| [{name}](#{name.replace('_', '-')}) | {about[0]} | {bounds} |\n")
        facts = "; ".join(about)
        sections.append(f"\n## {name}\n\n{facts}\n\n```text\n{text.strip()}\n```\n")
    gradbench = (folder / "gradbench" / "RESULTS.md").read_text(encoding="utf-8")
    lower = re.sub(r"^(#+) ", r"#\1 ", gradbench, flags=re.MULTILINE)
    page = BENCHMARKS + "".join([*rows, *sections, "\n", lower])
    (DOCS / "benchmarks.md").write_text(page, encoding="utf-8")


COVERAGE_OF_NUMPY = """# NumPy: what is tested

{count} names of NumPy that carry a derivative, as measured by `tests/numpy_evidence.py` and kept in
`docs/numpy_coverage.json`; a test measures each again. All have derivatives in forward and reverse
mode, eager, compiled and mapped (`vmap`), to second order and beyond: derivatives are functions of
the same kind, so higher orders are the same operation once more. First and second derivatives, in
each mode and nesting of modes, are compared with exact ones to ten digits (float64 and complex128;
three in single precision), values and their dtypes with NumPy's. The exact derivatives know no rule
of differentiation: the same call runs in numbers of 50 digits, where a difference over a step of
1e-14 is right to more digits than float64 has. The last column says which code ran: NumPy's own,
on arrays of such numbers, or, where NumPy computes in C, the function once more with mpmath. What
happens with all other names stands on [the page of functions](numpy.md).
"""

COVERAGE = """# SciPy: what is tested

{count} names of `cdiff.scipy`, as measured by `tests/scipy_evidence.py` and kept in
`docs/scipy_coverage.json`; a test measures each again. All have derivatives in forward and reverse
mode, eager, compiled and mapped (`vmap`), to second order and beyond: derivatives are functions of
the same kind, so higher orders are the same operation once more. First and second derivatives, in
each mode and nesting of modes, are compared to nine digits with exact ones that know no rule of
differentiation, from what stands in the last column: SciPy's own Python code or mpmath in numbers
of 50 digits, where a difference over a step of 1e-14 is right to more digits than float64 has, or
SciPy's values on a circle of complex numbers, whose means are derivatives (Cauchy). Where SciPy
computes in C, of real numbers only, and mpmath has no such function, the function is written once
more with mpmath (Mathieu functions by the eigenvectors of their recurrence, splines by the
conditions that they solve, Riccati equations by Newton's steps, filters of images by their weights)
and compared with SciPy's value; of filters that sort, SciPy's values say which elements they
choose. Nothing is left to differences. Values and their dtypes are compared with SciPy's. Which
arguments, and what has no derivative, stands on [the page of functions](scipy.md).
"""


def coverage_page(library: str = "scipy") -> str:
    """What was measured of NumPy or SciPy as a page: names that agree in all columns in one row."""
    rows = json.loads((DOCS / f"{library}_coverage.json").read_text(encoding="utf-8"))
    head = COVERAGE if library == "scipy" else COVERAGE_OF_NUMPY
    parts = [head.format(count=len(rows))]
    for module in dict.fromkeys([row["module"] for row in rows]):
        alike: dict[tuple[str, ...], list[str]] = {}
        for row in [row for row in rows if row["module"] == module]:
            facts = (", ".join(row["modes"]), str(row["orders"]), ", ".join(row["dtypes"]),
                     row["against"])  # fmt: skip
            alike.setdefault(facts, []).append(f"`{row['name']}`")
        parts.append(f"\n## {module}\n\n| names | modes | order | dtypes | against |\n")
        parts.append("|---|---|---|---|---|\n")
        for facts, found in alike.items():
            parts.append(f"| {', '.join(found)} | {' | '.join(facts)} |\n")
    return "".join(parts)


if __name__ == "__main__":
    make_pictures()
    for library in ("numpy", "scipy"):
        page = coverage_page(library)
        (DOCS / f"{library}_coverage.md").write_text(page, encoding="utf-8")
    make_benchmarks()
