"""docs/numpy_coverage.json, what is said of NumPy's names with a derivative, is measured again.

The file may claim less than holds (another NumPy may do better in single precision) but never more,
and it has every name once. The page made of it says the same.
"""

import runpy
from pathlib import Path

import pytest
from evidence import claimed
from numpy_evidence import OWN_CODE, TRANSCRIPT, has, measured, names

DOCS = Path(__file__).resolve().parent.parent / "docs"
FILE = DOCS / "numpy_coverage.json"
# Names that some supported NumPy does not have.
COMING_OR_GOING = {"cumulative_prod", "cumulative_sum", "fix", "matvec", "unstack", "vecmat"}
SINGLE = {"float32", "float64"}

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the documentation is not installed")


def test_every_name_stands_in_the_list_once():
    assert [(row.module, row.name) for row in claimed(FILE)] == names()


def test_names_are_numpys():
    assert {row.name for row in claimed(FILE) if not has(row.module, row.name)} <= COMING_OR_GOING


@pytest.mark.parametrize("row", [row for row in claimed(FILE) if has(row.module, row.name)],
                         ids=lambda row: f"{row.module}.{row.name}")  # fmt: skip
def test_what_the_list_claims_holds(row):
    found = measured(row.module, row.name)
    assert found.against == row.against in (OWN_CODE, TRANSCRIPT)
    assert found.orders >= row.orders == 2
    assert set(found.modes) >= set(row.modes) == {"forward", "reverse", "compiled", "mapped"}
    assert set(found.dtypes) >= set(row.dtypes) >= SINGLE


def test_the_page_says_what_the_list_says():
    page = runpy.run_path(str(DOCS / "make_pages.py"))["coverage_page"]("numpy")
    for row in claimed(FILE):
        assert f"`{row.name}`" in page
    assert f"{len(claimed(FILE))} names" in page
