"""Make what the pages show: pictures, and the page of benchmarks.

A page with an image `pictures/NAME.svg` has a variable NAME in its examples, which are run here as
the tests run them; so a picture cannot disagree with the code above it. Needs the built package.
"""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
PICTURES = DOCS / "pictures"
IMAGE = re.compile(r"\(pictures/(\w+)\.svg\)")

BENCHMARKS = """# Benchmarks

Made from `benchmarks/RESULTS.md` by `make docs`. `make bench` runs them beside the peers on your
own machine; `make bench-compare` compares with figures that were kept. A column `ratio` says what
is divided by what, and `ok (<= 2)` marks a bound that the project has set itself. Times are the
best of several; the load average says how far to trust them.
"""


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


def make_benchmarks() -> None:
    """The latest full run."""
    text = (DOCS.parent / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    runs = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    longest = max(runs, key=len)
    (DOCS / "benchmarks.md").write_text(f"{BENCHMARKS}\n## {longest}", encoding="utf-8")


if __name__ == "__main__":
    make_pictures()
    make_benchmarks()
