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


@pytest.fixture(scope="module")
def make_pages():
    spec = importlib.util.spec_from_file_location("make_pages", DOCS / "make_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pictures_are_made_by_the_examples(make_pages, tmp_path, monkeypatch):
    monkeypatch.setattr(make_pages, "PICTURES", tmp_path / "pictures")
    make_pages.make_pictures()
    made = {path.name for path in (tmp_path / "pictures").iterdir()}
    shown = {f"{name}.svg" for page in PAGES for name in make_pages.IMAGE.findall(page.read_text())}
    assert made == shown and len(made) >= 6
    for path in (tmp_path / "pictures").iterdir():
        ET.fromstring(path.read_text(encoding="utf-8"))


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
