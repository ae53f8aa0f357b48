"""The table of docs/conventions.md: cdiff gives what its column says, forward and in reverse."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp

PAGE = Path(__file__).resolve().parent.parent / "docs" / "conventions.md"

pytestmark = [
    pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not installed"),
    pytest.mark.filterwarnings("ignore:Degrees of freedom"),
]


def rows():
    """(function, point, partial derivatives), as text."""
    if not PAGE.exists():
        return []
    page = PAGE.read_text(encoding="utf-8")
    return re.findall(r"^\| `(.*?)` \| `(.*?)` \| `(.*?)` \|", page, re.MULTILINE)


def numbers(text):
    """The arguments or partials in a cell: arrays, or floats between commas."""
    found = eval(text, {"inf": math.inf, "nan": math.nan})
    if isinstance(found, tuple):
        return list(found)
    return [np.array(found)] if isinstance(found, list) else [found]


def test_the_table_is_found():
    assert len(rows()) > 20


# What every library does alike, or what the words below the table say.
MORE = [
    ("cnp.floor(x)", "1.0", "0.0"),
    ("cnp.ceil(x)", "1.0", "0.0"),
    ("cnp.trunc(x)", "-2.0", "0.0"),
    ("cnp.rint(x)", "0.5", "0.0"),
    ("cnp.round(x, 1)", "0.25", "0.0"),
    ("cnp.minimum(a, b)", "1.0, 1.0", "0.5, 0.5"),
    ("cnp.fmin(a, b)", "2.0, 2.0", "0.5, 0.5"),
    ("cnp.clip(x, 0.0, 1.0)", "1.0", "0.5"),
    ("cnp.min(x)", "[1.0, 1.0, 2.0]", "[0.5, 0.5, 0.0]"),
    ("cnp.ptp(x)", "[1.0, 1.0]", "[0.0, 0.0]"),
    ("cnp.sqrt(x) * 0.0 + x", "0.0", "1.0"),
    ("cnp.sum(cnp.where(x > 0, cnp.arcsin(x) / x, 1.0))", "[0.0, 0.0]", "[0.0, 0.0]"),
    ("cnp.linalg.norm(x, 1)", "[0.0, 2.0]", "[0.0, 1.0]"),
    ("cnp.linalg.norm(x, 3)", "[0.0, 0.0]", "[0.0, 0.0]"),
    ("cnp.linalg.norm(x, cnp.inf)", "[2.0, -2.0]", "[0.5, -0.5]"),
    ("cnp.linalg.norm(x, 'nuc')", "[[0.0, 0.0], [0.0, 0.0]]", "[[0.0, 0.0], [0.0, 0.0]]"),
    ("cnp.std(x, ddof=1)", "[2.0, 2.0, 2.0]", "[0.0, 0.0, 0.0]"),
    ("cnp.cov(x, -x).sum()", "[2.0]", "[0.0]"),
    ("cnp.corrcoef(x).sum()", "[[2.0], [3.0]]", "[[0.0], [0.0]]"),
    ("cnp.var(x, ddof=1)", "[2.0]", "[0.0]"),
    ("cnp.std(x, ddof=3)", "[1.0, 2.0]", "[0.0, 0.0]"),
    ("cnp.var(x, 1, ddof=1, where=x < 3).sum()", "[[1.0, 4.0], [0.0, 2.0]]", "[[0, 0], [-2, 2]]"),
    ("cnp.cov(x, ddof=2)", "[1.0, 2.0]", "[0.0, 0.0]"),
    ("cnp.cov(x, fweights=[1, 1], ddof=2)", "[1.0, 2.0]", "[0.0, 0.0]"),
    ("cnp.prod(x)", "[0.0, 0.0, 3.0]", "[0.0, 0.0, 0.0]"),
    ("cnp.cumprod(x)[2]", "[0.0, 2.0, 3.0]", "[6.0, 0.0, 0.0]"),
    ("x ** 0", "0.0", "0.0"),
    ("cnp.power(a, b)", "3.0, 0.0", "0.0, 1.0986122886681098"),
    ("cnp.power(x, 1.0)", "0.0", "1.0"),
    ("cnp.linalg.det(x)", "[[0.0, 0.0], [0.0, 0.0]]", "[[0.0, 0.0], [0.0, 0.0]]"),
    ("cnp.linalg.det(x)", "[[0.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]]",
     "[[6.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "point", "partials"), rows() + MORE)
@pytest.mark.parametrize("start", [0.0, 0.375])
def test_the_table_is_true_when_compiled(text, point, partials, start):
    """Recorded at the point itself or beside it; the gradient and the tangent."""
    args, want = numbers(point), numbers(partials)
    names = ["x"] if len(args) == 1 else ["a", "b"]
    f = eval(f"lambda {', '.join(names)}: {text}", {"cnp": cnp, "cd": cd})
    for k in range(len(args)):
        gradient = cd.compile(cd.grad(f, argnums=k))
        gradient(*[x + start for x in args])
        for _ in range(2):
            np.testing.assert_allclose(gradient(*args), want[k], rtol=1e-14)
        tangents = [np.zeros_like(x) if i != k else np.ones_like(x) for i, x in enumerate(args)]
        slope = cd.compile(lambda *args: cd.jvp(f, args, tangents)[1])  # noqa: B023
        slope(*[x + start for x in args])
        for _ in range(2):
            np.testing.assert_allclose(slope(*args), np.sum(want[k]), rtol=1e-14)


@pytest.mark.parametrize(("text", "point", "partials"), rows() + MORE)
def test_the_table_is_true(text, point, partials):
    args, want = numbers(point), numbers(partials)
    names = ["x"] if len(args) == 1 else ["a", "b"]
    f = eval(f"lambda {', '.join(names)}: {text}", {"cnp": cnp, "cd": cd})
    for k in range(len(args)):
        np.testing.assert_allclose(cd.grad(f, argnums=k)(*args), want[k], rtol=1e-14)
        for index in np.ndindex(np.shape(args[k])):
            tangents = [np.zeros_like(x) for x in args]
            tangents[k][index] = 1.0
            slope = cd.jvp(f, args, [t if np.ndim(t) else float(t) for t in tangents])[1]
            np.testing.assert_allclose(slope, np.asarray(want[k])[index], rtol=1e-14)
