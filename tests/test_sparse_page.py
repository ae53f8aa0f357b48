"""The code on docs/sparse.md runs and gives what the page says."""

import doctest
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import scipy.sparse

import cdiff as cd

PAGE = Path(__file__).resolve().parent.parent / "docs" / "sparse.md"

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not installed")


@pytest.fixture(scope="module")
def names():
    """The names that the blocks define, run one after the other; examples are compared."""
    found = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for block in blocks:
        if ">>>" not in block:
            exec(block, found)
            continue
        test = doctest.DocTestParser().get_doctest(block, found, "sparse.md", str(PAGE), 0)
        runner = doctest.DocTestRunner(verbose=False)
        assert runner.run(test, clear_globs=False).failed == 0
        found.update(test.globs)
    return found


def test_solvers(names):
    assert names["solution"].cost < 1e-20
    assert names["optimum"].success or names["optimum"].status in (1, 2)
    assert names["path"].success


def test_ipopt_callbacks_agree_with_dense_derivatives():
    objective, constraints = lambda x: np.sum(x**4 * x[::-1]), lambda x: x[1:] * x[:-1] ** 2
    x, v = np.arange(1.0, 5.0), np.array([3.0, -1.0, 2.0])
    problem = cd.sparse.IpoptProblem(objective, constraints, np.ones(4))
    rows, columns = problem.jacobianstructure()
    found = scipy.sparse.coo_array((problem.jacobian(x), (rows, columns)), shape=(3, 4)).toarray()
    np.testing.assert_allclose(found, cd.jacobian(constraints)(x))
    rows, columns = problem.hessianstructure()
    found = scipy.sparse.coo_array((problem.hessian(x, v, 0.5), (rows, columns)), shape=(4, 4))
    expected = cd.hessian(lambda x: 0.5 * objective(x) + v @ constraints(x))(x)
    np.testing.assert_allclose(found.toarray(), np.tril(expected))
    np.testing.assert_allclose(problem.gradient(x), cd.grad(objective)(x))
    assert problem.objective(x) == objective(x) and problem.m == 3
    np.testing.assert_allclose(problem.constraints(x), constraints(x))
    free = cd.sparse.IpoptProblem(objective, None, np.ones(4))
    assert free.m == 0 and free.jacobian(x).size == 0 and free.constraints(x).size == 0
    assert free.hessian(x, np.zeros(0), 1.0).size == len(free.hessianstructure()[0])


def test_pictures():
    text = cd.sparse.picture(np.eye(3))
    assert text.splitlines() == ["#..", ".#.", "..#"]
    large = cd.sparse.picture(scipy.sparse.eye_array(1000))
    assert len(large.splitlines()) == 77 and large.count("+") == 77
    drawn = cd.sparse.picture(np.eye(3), "svg")
    assert repr(drawn) == "<matrix of 3 x 3, 3 entries stored>"
    assert drawn.svg.count("fill-opacity='1.00'") == 3 and drawn._repr_svg_() == drawn.svg
    ElementTree.fromstring(drawn.svg)
    twice = scipy.sparse.coo_array((np.ones(2), ([0, 0], [1, 1])), shape=(1, 2))
    assert cd.sparse.picture(twice) == ".#" and "1 entries" in repr(cd.sparse.picture(twice, "svg"))
    with pytest.raises(ValueError, match=r"two axes, got the shape \(3,\)"):
        cd.sparse.picture(np.ones(3))
    with pytest.raises(ValueError, match="form"):
        cd.sparse.picture(np.eye(3), "png")


def test_colors():
    a = np.eye(5) + np.eye(5, k=1)
    for kind in ("columns", "rows"):
        assert cd.sparse.color(a, kind).max() == 1
    assert cd.sparse.color(a + a.T, "symmetric").max() == 2
    with pytest.raises(ValueError, match="kind"):
        cd.sparse.color(a, "diagonals")


def test_patterns_say_what_is_dense():
    f = lambda x: cd.scan(lambda c, a: (c + a, c * a), x[0], x[1:4])[1]
    with pytest.warns(cd.SparsityWarning, match=r"sparsity of .*taken as dense"):
        cd.sparsity(f, np.ones(8))
