"""The code on docs/loops.md and docs/custom_rules.md runs and computes what the pages say."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

import cdiff as cd

DOCS = Path(__file__).resolve().parent.parent / "docs"

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the documentation is not installed")


def run(page):
    """The names that the blocks of a page define, run one after the other."""
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(?!>>>)(.*?)```", text, re.DOTALL)  # test_pages has >>>
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
