"""cd.sparse.block_jacobian against dense Jacobians, sparse_jacobian and wrong use."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cdiff as cd

scipy_sparse = pytest.importorskip("scipy.sparse")
RNG = np.random.default_rng(11)


def residual(a, b, m, t):
    """Two numbers of a row of points, another one, a row of matrices, and a datum."""
    return m @ (np.sin(a) - t * b)[:2]


def length(a):
    return np.sqrt(np.sum(a * a))


def problem(p, n=5, k=3):
    """Unknowns, reads and data of `residual`; no element reads a point twice."""
    first = RNG.integers(0, n, p)
    second = (first + RNG.integers(1, n, p)) % n
    unknowns = RNG.normal(size=(n, 3)), RNG.normal(size=(k, 2, 2))
    return unknowns, [(0, first), (0, second), (1, RNG.integers(0, k, p))], RNG.normal(size=p)


def dense(terms, unknowns, data):
    """Row by row, from the definition."""
    starts = np.cumsum([0, *[x.size for x in unknowns]])
    values, rows = [], []
    for (f, reads), arrays in zip(terms, data, strict=True):
        for e in range(len(reads[0][1])):
            given = [unknowns[u][at[e]] for u, at in reads]
            rest = [x[e] for x in arrays]
            y = np.ravel(f(*given, *rest))
            slopes = cd.jacobian(f, argnums=tuple(range(len(reads))))(*given, *rest)
            row = np.zeros((y.size, starts[-1]))
            for (u, at), slope in zip(reads, slopes, strict=True):
                size = unknowns[u][0].size
                first = starts[u] + size * at[e]
                row[:, first : first + size] = np.reshape(slope, (y.size, size))
            values.append(y)
            rows.append(row)
    return np.concatenate(values), np.concatenate(rows)


@pytest.mark.parametrize("chunk_size", [1, 4, 7, 256])
def test_two_terms_against_the_definition(chunk_size):
    unknowns, reads, t = problem(7)
    terms = [(residual, reads), (length, [(0, np.arange(5))])]
    jacobian = cd.sparse.block_jacobian(*terms, chunk_size=chunk_size, has_value=True)
    for _ in range(3):
        unknowns = [RNG.normal(size=x.shape) for x in unknowns]
        value, found = jacobian(unknowns, [t])
        y, want = dense(terms, unknowns, [[t], []])
        np.testing.assert_allclose(value, y, rtol=1e-13)
        np.testing.assert_allclose(found.toarray(), want, rtol=1e-12, atol=1e-14)
        assert found.nnz == 7 * 2 * 10 + 5 * 3
        found.check_format(full_check=True)


def test_against_sparse_jacobian():
    unknowns, reads, t = problem(40, n=30)
    unknowns = unknowns[0], RNG.normal(size=(40, 2, 2))
    reads[2] = (1, RNG.permutation(40))
    (_, i), (_, j), (_, k) = reads

    def whole(points, matrices):
        moved = np.sin(points[i]) - t[:, None] * points[j]
        return np.sum(matrices[k] * moved[:, None, :2], axis=2)

    want = cd.sparse_jacobian(whole, argnums=(0, 1))(*unknowns)
    found = cd.sparse.block_jacobian((residual, reads))(unknowns, [t])
    np.testing.assert_allclose(found.toarray(), want.toarray(), rtol=1e-12, atol=1e-14)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 30), st.integers(2, 6), st.integers(1, 9))
def test_any_numbers_of_elements(p, n, chunk_size):
    unknowns, reads, t = problem(p, n)
    found = cd.sparse.block_jacobian((residual, reads), chunk_size=chunk_size)(unknowns, [t])
    _, want = dense([(residual, reads)], unknowns, [[t]])
    np.testing.assert_allclose(found.toarray(), want, rtol=1e-12, atol=1e-14)


def test_decisions_of_elements():
    """Python may decide by values, differently in each element and at each call."""
    f = lambda a: a[0] * a[1] if a[0] > 0 else -a[1]
    jacobian = cd.sparse.block_jacobian((f, [(0, np.arange(6))]), chunk_size=2)
    for _ in range(4):
        x = RNG.normal(size=(6, 2))
        np.testing.assert_allclose(
            jacobian([x]).toarray(), dense([(f, [(0, np.arange(6))])], [x], [[]])[1]
        )


def test_into_an_earlier_result():
    unknowns, reads, t = problem(6)
    jacobian = cd.sparse.block_jacobian((residual, reads))
    first = jacobian(unknowns, [t])
    other = [2 * x for x in unknowns]
    want = jacobian(other, [t]).toarray()
    assert jacobian(other, [t], out=first) is first
    np.testing.assert_array_equal(first.toarray(), want)
    with pytest.raises(ValueError, match="`out` is of shape"):
        jacobian(unknowns, [t], out=scipy_sparse.csr_array(np.eye(3)))


def test_unknowns_of_another_shape_have_another_structure():
    jacobian = cd.sparse.block_jacobian((lambda a: a * a, [(0, [1, 0])]))
    assert jacobian([np.array([2.0, 3.0])]).toarray().tolist() == [[0.0, 6.0], [4.0, 0.0]]
    assert jacobian([np.array([2.0, 3.0, 4.0])]).shape == (2, 3)
    assert jacobian([np.array([5.0, 3.0])]).toarray().tolist() == [[0.0, 6.0], [10.0, 0.0]]


def test_reads_are_copied():
    rows = np.array([0, 1])
    jacobian = cd.sparse.block_jacobian((lambda a: a * a, [(0, rows)]))
    rows[:] = 7
    assert jacobian([np.array([2.0, 3.0])]).toarray().tolist() == [[4.0, 0.0], [0.0, 6.0]]


def test_says_what_it_is():
    _, reads, _ = problem(3)
    assert repr(cd.sparse.block_jacobian((residual, reads))) == "<block_jacobian of 3 of residual>"


X = np.ones((3, 2))
WRONG = [
    ([(length, [(0, [0, 1])])], None, ""),
    ([(length, [(0, [0.0, 1.0])])], TypeError, "vector of integers, got float64 of shape (2,)"),
    ([(length, [(0, [[0, 1]])])], TypeError, "vector of integers, got int64 of shape (1, 2)"),
    ([(length, [(0, [0, 1]), (0, [2])])], ValueError, "as many rows as there are elements"),
    ([(length, [(0, np.zeros(0, int))])], ValueError, "one at least; got [0]"),
    ([(length, [(0, [0, 3])])], ValueError, "rows 0 to 3 of unknown 0, which has the shape (3, 2)"),
    ([(length, [(0, [-1])])], ValueError, "rows -1 to -1 of unknown 0"),
    ([(length, [(1, [0])])], ValueError, "reads rows of unknown 1; the unknowns have the shapes"),
    ([(length, [(0, [0, 1]), (0, [1, 1])])], ValueError, "1 reads row 1 of unknown 0 twice"),
    ([(lambda a: (a, a), [(0, [0])])], TypeError, "a number or an array, got a tuple"),
    ([(3, [(0, [0])])], TypeError, "a term is (function, reads), got 3 first"),
    ([length], TypeError, "a term is (function, reads), got <function length"),
]


@pytest.mark.parametrize(("terms", "error", "text"), WRONG)
def test_wrong_terms(terms, error, text):
    if error is None:
        assert cd.sparse.block_jacobian(*terms)([X]).shape == (2, 6)
        return
    with pytest.raises(error, match=re.escape(text)):
        cd.sparse.block_jacobian(*terms)([X])


def test_wrong_calls():
    jacobian = cd.sparse.block_jacobian((length, [(0, [0, 1])]))
    with pytest.raises(TypeError, match="unknown 0 must be an ndarray of float64, got float32"):
        jacobian([X.astype(np.float32)])
    with pytest.raises(ValueError, match="data of shape \\(3,\\) for 2 elements"):
        jacobian([X], [np.ones(3)])
    with pytest.raises(ValueError, match="data for 2 terms, but there are 1"):
        jacobian([X], [], [])
    with pytest.raises(TypeError, match="unknown 0 must be an ndarray"):
        cd.grad(lambda x: jacobian([x]).sum())(X)
    with pytest.raises(ValueError, match="a term at least"):
        cd.sparse.block_jacobian()
    with pytest.raises(ValueError, match="chunk_size must be a positive int, got 0"):
        cd.sparse.block_jacobian((length, [(0, [0])]), chunk_size=0)


def test_results_share_a_structure_that_nobody_changes():
    at = np.array([0, 1, 2])
    jacobian = cd.sparse.block_jacobian((lambda a, b: a[0] * b, [(0, at), (0, np.roll(at, 1))]))
    points = [np.arange(6.0).reshape(3, 2)]
    found = jacobian(points)
    want = found.toarray()
    with pytest.raises(ValueError, match="read-only"):
        found.eliminate_zeros()
    assert (jacobian(points).toarray() == want).all()
    assert (jacobian(points, out=found.copy()).toarray() == want).all()
    moved = found.copy()
    moved.indices[0] += 1
    for out in (moved, found.tocsc()):
        with pytest.raises(ValueError, match="earlier one"):
            jacobian(points, out=out)
