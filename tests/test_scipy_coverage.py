"""docs/scipy_coverage.json, what is said of every name of `cdiff.scipy`, is measured again.

The file may claim less than holds (another SciPy may do better in single precision) but never more,
and it has every name once. The page made of it says the same.
"""

import runpy
from pathlib import Path

import pytest
from evidence import claimed
from scipy_evidence import DIFFERENCES, NO_CASE, measured, names

DOCS = Path(__file__).resolve().parent.parent / "docs"
FILE = DOCS / "scipy_coverage.json"

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the documentation is not installed")


def test_every_name_stands_in_the_list_once():
    assert [(row.module, row.name) for row in claimed(FILE)] == list(names())


@pytest.mark.parametrize("row", claimed(FILE), ids=lambda row: f"{row.module}.{row.name}")
def test_what_the_list_claims_holds(row):
    found = measured(row.module, row.name)
    assert found.against == row.against != NO_CASE
    assert found.orders >= row.orders == 2
    assert set(found.modes) >= set(row.modes) == {"forward", "reverse", "compiled", "mapped"}
    assert set(found.dtypes) >= set(row.dtypes) >= {"float64"}


def test_no_name_is_left_to_differences():
    assert [row.name for row in claimed(FILE) if row.against == DIFFERENCES] == []


def test_the_page_says_what_the_list_says():
    page = runpy.run_path(str(DOCS / "make_pages.py"))["coverage_page"]()
    for row in claimed(FILE):
        assert f"`{row.name}`" in page
    assert f"{len(claimed(FILE))} names" in page
