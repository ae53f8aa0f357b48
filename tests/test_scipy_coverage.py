"""docs/scipy_coverage.json, what is said of every name of `cdiff.scipy`, is measured again.

The file may claim less than holds (another SciPy may do better in single precision) but never more,
and it has every name once. The page made of it says the same.
"""

import runpy
from pathlib import Path

import pytest
import scipy_evidence
from evidence import claimed
from exact_scipy import bent
from scipy_evidence import DIFFERENCES, NO_CASE, case_of, exactly, measured, names

from cdiff import stop_gradient

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


WATCHED = [("special", "mathieu_a"), ("stats", "wishart"), ("stats", "zscore"), ("linalg", "ldl"),
           ("fft", "fht"), ("interpolate", "BSpline"), ("interpolate", "CubicSpline"),
           ("ndimage", "affine_transform"), ("spatial.distance", "cdist"), ("signal", "filtfilt")]


@pytest.mark.parametrize(("module", "name"), WATCHED)
def test_a_slightly_wrong_derivative_is_seen(module, name, monkeypatch):
    """The values stay, the slopes are a millionth too large."""
    right = exactly(module, name, *case_of(module, name))
    assert right[0] == 2 and {"forward", "reverse"} <= set(right[1])

    def bent_wrong(f):
        return lambda *args: [1.000001 * y - 0.000001 * stop_gradient(y) for y in bent(f)(*args)]

    made = scipy_evidence.compare
    monkeypatch.setattr(scipy_evidence, "compare", lambda f, truth, args, along: made(
        bent_wrong(f), truth, args, along, ("eager", "compiled", "mapped")))  # fmt: skip
    monkeypatch.setattr(scipy_evidence, "bent", lambda f: f)
    wrong = exactly(module, name, *case_of(module, name))
    assert wrong[0] == 0 and not {"forward", "reverse"} & set(wrong[1])


def test_no_name_is_left_to_differences():
    assert [row.name for row in claimed(FILE) if row.against == DIFFERENCES] == []


def test_the_page_says_what_the_list_says():
    page = runpy.run_path(str(DOCS / "make_pages.py"))["coverage_page"]()
    for row in claimed(FILE):
        assert f"`{row.name}`" in page
    assert f"{len(claimed(FILE))} names" in page
