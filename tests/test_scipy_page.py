"""docs/scipy.md says what the tables and modules say, and all names that it lists are explained."""

import importlib
import inspect
from pathlib import Path

import pytest

from cdiff.scipy import _coverage

PAGE = Path(__file__).resolve().parent.parent / "docs" / "scipy.md"
MODULES = ["special", "stats", *_coverage.MODULES]


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not installed")
def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == _coverage.page()


def test_counts():
    counts = _coverage.counts()
    assert counts["special"] >= 180 and counts["stats"] >= 60 and counts["linalg"] >= 35


@pytest.mark.parametrize("name", MODULES)
def test_names_are_explained(name):
    module = "cdiff.scipy._windows" if name == "signal.windows" else f"cdiff.scipy.{name}"
    module = importlib.import_module(module)
    assert len(set(module.__all__)) == len(module.__all__)
    for x in module.__all__:
        assert inspect.getdoc(getattr(module, x)), x
