"""docs/scipy_coverage.json, what is said of every name of `cdiff.scipy`, is measured again.

The file may claim less than holds (another SciPy may do better in single precision) but never more,
and it has every name once. The page made of it says the same.
"""

import json
import runpy
from pathlib import Path

import pytest
from scipy_evidence import NO_CASE, Row, measured, names

DOCS = Path(__file__).resolve().parent.parent / "docs"
FILE = DOCS / "scipy_coverage.json"

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the documentation is not installed")


def rows():
    if not FILE.exists():
        return []
    return [Row(**row) for row in json.loads(FILE.read_text(encoding="utf-8"))]


def test_every_name_stands_in_the_list_once():
    assert [(row.module, row.name) for row in rows()] == list(names())


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.module}.{row.name}")
def test_what_the_list_claims_holds(row):
    found = measured(row.module, row.name)
    assert found.against == row.against != NO_CASE
    assert found.orders >= row.orders == 2
    assert set(found.modes) >= set(row.modes) == {"forward", "reverse", "compiled", "mapped"}
    assert set(found.dtypes) >= set(row.dtypes) >= {"float64"}


def test_the_page_says_what_the_list_says():
    page = runpy.run_path(str(DOCS / "make_pages.py"))["coverage_page"]()
    for row in rows():
        assert f"`{row.name}`" in page
    assert f"{len(rows())} names" in page
