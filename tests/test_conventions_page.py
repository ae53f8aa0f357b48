"""The table of docs/conventions.md: cdiff gives what its column says, forward and in reverse."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp

PAGE = Path(__file__).resolve().parent.parent / "docs" / "conventions.md"

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not installed")


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


@pytest.mark.parametrize(("text", "point", "partials"), rows())
def test_the_table_is_true(text, point, partials):
    args, want = numbers(point), numbers(partials)
    names = ["x"] if len(args) == 1 else ["a", "b"]

    def f(*values):
        return eval(text, {"cnp": cnp, "cd": cd, **dict(zip(names, values, strict=True))})

    for k in range(len(args)):
        np.testing.assert_allclose(cd.grad(f, argnums=k)(*args), want[k], rtol=1e-14)
        for index in np.ndindex(np.shape(args[k])):
            tangents = [np.zeros_like(x) for x in args]
            tangents[k][index] = 1.0
            slope = cd.jvp(f, args, [t if np.ndim(t) else float(t) for t in tangents])[1]
            np.testing.assert_allclose(slope, np.asarray(want[k])[index], rtol=1e-14)
