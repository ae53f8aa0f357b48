"""The pages of the documentation name only what exists, and their code makes their pictures."""

import importlib.util
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import cdiff as cd
import cdiff.matrix_calculus
import cdiff.numpy
import cdiff.programs
import cdiff.testing

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = sorted(DOCS.glob("*.md")) if DOCS.exists() else []
SPACES = {"cd": cd, "cnp": cdiff.numpy, "mc": cdiff.matrix_calculus, "programs": cdiff.programs}

pytestmark = pytest.mark.skipif(not PAGES, reason="the documentation is not installed")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_exist(page):
    text = page.read_text(encoding="utf-8")
    for code in re.findall(r"`([^`\n]+)`", text):
        for space, path in re.findall(r"(?<![\w.])(cd|cnp|mc|programs)\.([a-zA-Z_][\w.]*)", code):
            thing = SPACES[space]
            for name in path.rstrip(".").split("."):
                assert hasattr(thing, name), f"{page.name}: {space}.{path}"
                thing = getattr(thing, name)


def loaded(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def make_pages():
    return loaded(DOCS / "make_pages.py")


def test_pictures_are_made_by_the_examples(make_pages, tmp_path, monkeypatch):
    monkeypatch.setattr(make_pages, "PICTURES", tmp_path / "pictures")
    make_pages.make_pictures()
    made = {path.name for path in (tmp_path / "pictures").iterdir()}
    shown = {f"{name}.svg" for page in PAGES for name in make_pages.IMAGE.findall(page.read_text())}
    assert made == shown and len(made) >= 6
    for path in (tmp_path / "pictures").iterdir():
        ET.fromstring(path.read_text(encoding="utf-8"))


RUNS = """# Results

## first

```text
2026-01-01, commit a
a processor

== one ==
x   1 ns   ok (<= 2)
y   9 ns   MISSED (<= 2)

== two ==
old

1 of 2 bounds kept
  MISSED one: y: 9, wanted <= 2
```

## second

```text
2026-01-02, commit b
a processor

== two ==
new

0 of 0 bounds kept
```
"""


def test_the_page_of_benchmarks_has_the_last_run_of_each(make_pages, tmp_path, monkeypatch):
    runs = make_pages.latest_runs(RUNS)
    assert list(runs) == ["one", "two"]
    assert runs["one"].about == ["2026-01-01, commit a", "a processor"]
    assert runs["one"].text.endswith("missed: y: 9, wanted <= 2") and "bounds" not in str(runs)
    assert runs["two"].about[0].endswith("b") and runs["two"].text.strip() == "new"
    (tmp_path / "benchmarks" / "gradbench").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    (tmp_path / "benchmarks" / "RESULTS.md").write_text(RUNS)
    (tmp_path / "benchmarks" / "gradbench" / "RESULTS.md").write_text("# Grad\n\n## Said\n")
    monkeypatch.setattr(make_pages, "DOCS", tmp_path / "docs")
    make_pages.make_benchmarks()
    page = (tmp_path / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert "| [one](#one) | 2026-01-01, commit a | 1 of 2 |" in page
    assert "| [two](#two) | 2026-01-02, commit b | none set |" in page
    assert "## Grad\n\n### Said\n" in page and "old" not in page


def test_a_run_takes_the_place_of_older_ones_on_its_processor():
    other = RUNS.replace("a processor", "another")
    added = loaded(DOCS.parent / "benchmarks" / "_results.py").added
    new = "2026-01-03, commit c\na processor\n\n== two ==\nnewest\n\n0 of 0 bounds kept"
    text = added(added(other, RUNS.partition("```text\n")[2].partition("```")[0].strip()), new)
    assert other.strip() in text  # what another processor did
    left = text.replace(other.strip(), "")
    assert "old" not in left and "newest" in left and "1 of 2 bounds kept" in left
    assert "MISSED one: y: 9" in left and left.count("```") == 4
    alone = added(text, new.replace("two", "one"))
    assert "1 of 2 bounds kept" not in alone.replace(other.strip(), "")
    assert alone.count("## 2026-01-0") == 2, "a chapter without runs goes"


def test_the_kept_results_make_a_page(make_pages):
    text = (DOCS.parent / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    runs = make_pages.latest_runs(text)
    assert {"scalar", "calls", "greeks", "bundle"} <= set(runs)
    assert set(runs) == set(re.findall(r"^== (\w+) ==$", text, flags=re.MULTILINE))


def test_a_picture_without_code_is_an_error(make_pages, tmp_path, monkeypatch):
    (tmp_path / "page.md").write_text("![nothing](pictures/nothing.svg)\n")
    monkeypatch.setattr(make_pages, "DOCS", tmp_path)
    monkeypatch.setattr(make_pages, "PICTURES", tmp_path / "pictures")
    with pytest.raises(KeyError, match="nothing"):
        make_pages.make_pictures()


def test_every_page_stands_in_the_index():
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    for page in PAGES:
        assert page.name == "index.md" or f"({page.name})" in index, page.name
