"""The code without prompts on the pages of the documentation runs and computes what they say.

What needs a cluster or another library stands in blocks of `py`, which nobody runs.
"""

import math
import re
from pathlib import Path

import numpy as np
import pytest

import cdiff as cd

DOCS = Path(__file__).resolve().parent.parent / "docs"

PLAIN = re.compile(r"```python\n(?!>>>)(.*?)```", re.DOTALL)
OF_OTHER_TESTS = {"matrix_calculus.md", "sparse.md"}

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the documentation is not installed")


def run(page):
    """The names that the blocks of a page define, run one after the other."""
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = PLAIN.findall(text)  # test_docstrings has those with prompts
    names = {}
    for block in blocks:
        exec(block, names)
    assert blocks
    return names


def test_loops():
    names = run("loops.md")
    slope = cd.grad(names["simulate"])(0.3, names["forces"])
    step = 1e-6
    expected = (names["simulate"](0.3 + step, names["forces"])
                - names["simulate"](0.3 - step, names["forces"])) / (2 * step)  # fmt: skip
    assert slope == pytest.approx(expected, rel=1e-6)
    w, x = np.eye(2) * 0.5, np.ones(2)
    total = lambda x: np.sum(names["block"](x, w))
    cd.testing.check_grads(total, (x,), order=2)


def test_rules():
    names = run("custom_rules.md")
    assert cd.grad(names["log1pexp"])(1000.0) == 1.0
    assert cd.grad(cd.grad(names["cube"]))(2.0) == 12.0
    assert cd.grad(names["gamma"])(5.0) == pytest.approx(24.0 * 1.5061176684, rel=1e-6)
    assert names["gamma"](5.0) == math.gamma(5.0)


def test_compiled():
    assert run("compile.md")["norm"](np.array([6.0, 8.0])) == 10.0


def test_in_place():
    names = run("in_place.md")
    cd.testing.check_grads(names["f"], (np.array([1.0, 2.0, 3.0]),), order=2)
    assert names["w"].numpy() == pytest.approx([3.0, 3.0])


def test_vmap():
    names = run("vmap.md")
    w, xs, ys = (names[name] for name in ("w", "xs", "ys"))
    alone = np.stack([cd.grad(names["loss"])(w, x, y) for x, y in zip(xs, ys, strict=True)])
    assert names["gradients"](w, xs, ys) == pytest.approx(alone)
    assert names["nearest"](names["centres"][::7]) == pytest.approx(np.arange(5000)[::7])


def test_no_page_is_forgotten():
    found = {page.name for page in DOCS.glob("*.md") if PLAIN.search(page.read_text("utf-8"))}
    tested = set(re.findall(r"run\(\"([\w.]+)\"\)", Path(__file__).read_text("utf-8")))
    assert found == tested | OF_OTHER_TESTS
