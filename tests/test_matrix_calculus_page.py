"""The documentation page on matrix calculus runs, and its tables have their hundred rows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parent.parent / "docs" / "matrix_calculus.md"

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not installed")


def blocks():
    """The page's Python blocks, each padded so that error messages name the page's lines."""
    text = PAGE.read_text(encoding="utf-8")
    for found in re.finditer(r"```python\n(.*?)```", text, flags=re.DOTALL):
        yield "\n" * (text[: found.start()].count("\n") + 1) + found.group(1)


def test_the_page_runs(capsys):
    namespace = {}
    for source in blocks():
        exec(compile(source, str(PAGE), "exec"), namespace)
    printed = capsys.readouterr().out
    rows = re.findall(r"^\S.* {2,}\d+e[+-]\d+$", printed, flags=re.MULTILINE)
    assert len(rows) >= 100
    shown = re.search(r"```text\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert shown.group(1).strip() in printed
