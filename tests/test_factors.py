"""Factorisations of the core's own, beside NumPy's LAPACK: every size around a block, any strides,
triangles, singular matrices, factors that are kept, and derivatives through them."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cdiff as cd
import cdiff.numpy as cnp
from cdiff import _core
from cdiff.testing import check_grads

SIZES = (8, 9, 15, 16, 17, 31, 40, 63, 64, 65, 129, 257)
LAYOUTS = {
    "rows": np.ascontiguousarray,
    "columns": np.asfortranarray,
    "gaps": lambda a: np.repeat(np.repeat(a, 2, 0), 3, 1)[::2, ::3],
    "backward": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
}


def plain(x):
    return np.asarray(_core.value(x))


def shared(a):
    """A node over this very memory, strides and all."""
    return _core.array(a, copy=False)


def matrix(n, seed=0):
    return np.random.default_rng([n, seed]).normal(size=(n, n))


def definite(n):
    a = matrix(n)
    return a @ a.T + n * np.eye(n)


@cache
def triangle(n):
    """A lower one, and its condition."""
    t = np.linalg.cholesky(definite(n))
    return t, np.linalg.cond(t)


def close(found, wanted, condition):
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-14 * (1 + condition) * scale)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n", SIZES)
def test_inverse_solution_and_determinant_are_lapacks(n, layout):
    a, b = matrix(n), matrix(n, 1)[:, : 1 + n // 3]
    condition = np.linalg.cond(a)
    x = LAYOUTS[layout](a)
    assert plain(_core.inv(shared(x))) is not x
    close(plain(_core.inv(shared(x))), np.linalg.inv(a), condition)
    close(plain(_core.inv(shared(x).T)), np.linalg.inv(a).T, condition)
    b = LAYOUTS[layout](b)
    close(plain(_core.solve(shared(x), shared(b))), np.linalg.solve(a, b), condition)
    close(plain(_core.solve(shared(x).T, shared(b))), np.linalg.solve(a.T, b), condition)
    assert plain(_core.det(shared(x))) == pytest.approx(np.linalg.det(a), rel=1e-13 * condition)
    size = np.linalg.slogdet(a)[1]
    assert plain(_core.logabsdet(shared(x))) == pytest.approx(size, abs=1e-13 * condition)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n", SIZES)
def test_cholesky_reads_the_lower_half(n, layout):
    a = definite(n)
    given = LAYOUTS[layout](np.tril(a) + np.triu(matrix(n, 2), 1))
    found = plain(_core.cholesky(shared(given)))
    close(found, np.linalg.cholesky(a), np.linalg.cond(a))
    assert not np.triu(found, 1).any()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("n", SIZES)
def test_triangles(n, upper, layout):
    turn = np.transpose if upper else np.asarray
    lower, condition = triangle(n)
    t = LAYOUTS[layout](turn(lower))
    # A triangle on the same side, on the other side, and a single column.
    for b in (np.tril(matrix(n, 1)), np.triu(matrix(n, 2)), matrix(n, 3), matrix(n, 4)[:, :1]):
        close(plain(_core.solve(shared(t), shared(b))), np.linalg.solve(t, b), condition)


@given(n=st.integers(1, 40), columns=st.integers(0, 30), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_systems_of_any_shape(n, columns, seed):
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(n, n)), random.normal(size=(n, columns))
    found = plain(_core.solve(a, b))
    assert found.shape == b.shape
    if columns:
        close(found, np.linalg.solve(a, b), np.linalg.cond(a))


def test_a_determinant_out_of_range_keeps_its_logarithm():
    a = np.diag(np.full(40, 1e200))
    a[0, 1] = 1.0
    assert plain(_core.det(a)) == np.inf
    assert plain(_core.logabsdet(a)) == pytest.approx(40 * 200 * np.log(10))
    a[:20] *= 1e-300
    a[20:] *= 1e-100  # 1e-2000 * 1e2000 on the way
    assert plain(_core.det(a)) == pytest.approx(np.linalg.det(a), rel=1e-11)


@pytest.mark.parametrize("bad", [
    np.ones((20, 20)), np.zeros((9, 9)), np.full((10, 10), np.nan), -np.eye(10),
    np.diag([1.0] * 9 + [0.0]), np.tri(12) - np.eye(12), np.eye(9) * 1e-300,
    np.diag(np.full(9, np.inf)),
])  # fmt: skip
@pytest.mark.parametrize("name", ["inv", "det", "cholesky", "solve"])
def test_what_cannot_be_divided_by_is_left_to_lapack(name, bad):
    function = getattr(np.linalg, name)
    rest = (np.ones((len(bad), 2)),) if name == "solve" else ()
    with np.errstate(all="ignore"):
        try:
            wanted = function(bad, *rest)
        except np.linalg.LinAlgError as error:
            with pytest.raises(np.linalg.LinAlgError, match=str(error)):
                getattr(_core, name)(bad, *rest)
            return
        found = plain(getattr(_core, name)(bad, *rest))
    np.testing.assert_allclose(found, wanted, rtol=1e-12, equal_nan=True)


def test_kept_factors_are_those_of_the_present_values():
    a, b = matrix(20), matrix(20, 1)
    first = plain(_core.solve(shared(a), b)).copy()
    a[3, 4] += 1.0
    close(plain(_core.solve(shared(a), b)), np.linalg.solve(a, b), np.linalg.cond(a))
    assert np.abs(plain(_core.solve(shared(a), b)) - first).max() > 1e-3
    inverse = _core.array(_core.inv(shared(a)), copy=True)
    again = _core.inv(shared(a))
    again[...] = 0.0  # a result is nobody else's
    np.testing.assert_array_equal(plain(_core.inv(shared(a))), plain(inverse))
    close(plain(_core.inv(shared(a).T)), plain(inverse).T, np.linalg.cond(a))


def test_one_thread_or_two_are_the_same_bits():
    a = matrix(400)
    before = cd.get_num_threads()
    try:
        found = []
        for threads in (1, 2):
            cd.set_num_threads(threads)
            found.append(plain(_core.inv(a + 0.0 * threads)).copy())
            _core.inv(matrix(8))  # forget the factors
    finally:
        cd.set_num_threads(before)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("name", ["inv", "det", "slogdet", "cholesky", "solve"])
def test_derivatives_through_them(name):
    a = definite(9) / 9 + (0.0 if name == "cholesky" else 0.3 * matrix(9))
    weights = matrix(9, 5)

    def f(a):
        if name == "cholesky":
            a = 0.5 * (a + a.T)
        y = getattr(cnp.linalg, name)(a, *([weights] if name == "solve" else []))
        y = y[1] if name == "slogdet" else y
        return cnp.sum(cnp.sin(y) * (weights if name in ("inv", "cholesky", "solve") else 1.0))

    check_grads(f, (a,), order=2, modes=("fwd", "rev"))
    np.testing.assert_allclose(cd.compile(cd.grad(f))(a), cd.grad(f)(a), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_the_sign_of_a_determinant_that_is_out_of_range(size):
    for a in (matrix(20) * size, -np.eye(21) * size, np.stack([matrix(20), -matrix(20)]) * size):
        found = cnp.linalg.slogdet(cd.array(a))
        wanted = np.linalg.slogdet(a)
        np.testing.assert_array_equal(np.asarray(found.sign), wanted.sign)
        np.testing.assert_allclose(found.logabsdet.numpy(), wanted.logabsdet, rtol=1e-12)
    assert np.asarray(cnp.linalg.slogdet(cd.array(np.ones((9, 9)))).sign) == 0


QR_SHAPES = [(1, 1), (2, 1), (9, 1), (3, 3), (8, 8), (9, 9), (31, 31), (20, 13), (64, 64), (65, 65),
             (90, 17), (150, 140), (20000, 2)]  # fmt: skip


def random_of(shape, scale=1.0):
    return np.random.default_rng(shape).normal(size=shape) * scale


QR_CASES = {f"{m} x {n}": random_of((m, n)) for m, n in QR_SHAPES} | {
    "graded columns": random_of((40, 40), 10.0 ** -np.arange(40)),
    "graded rows": random_of((40, 40), 10.0 ** np.arange(40)[:, None]),
    "a small rank": random_of((60, 5)) @ random_of((5, 40)),
    "zeros": np.zeros((20, 9)),
    "ones": np.ones((20, 20)),
    "a triangle": np.triu(random_of((20, 20))),
    "small": random_of((20, 20), 1e-170),
    "large": random_of((20, 20), 1e170),
    "small below large": np.vstack([np.eye(9), random_of((5, 9), 1e-200)]),
    "nothing": np.zeros((4, 0)),
}


@pytest.mark.parametrize("layout", ["rows", "columns"])
@pytest.mark.parametrize("name", QR_CASES)
def test_qr_is_lapacks(name, layout):
    a = QR_CASES[name]
    q, r = (x.numpy() for x in cnp.linalg.qr(shared(LAYOUTS[layout](a))))
    theirs = np.linalg.qr(a)[1]
    noise = 1e-16 * (8 + 2 * a.shape[1])
    largest = np.abs(a).max(initial=0.0) or 1.0
    size = np.linalg.norm(a / largest, axis=0) * largest
    assert not np.tril(r, -1).any()
    assert np.abs(q.T @ q - np.eye(len(r))).max(initial=0.0) <= noise
    assert (np.abs(q @ r - a) <= noise * size).all()  # column by column, as graded ones want it
    if len(r) and np.linalg.matrix_rank(a / (size + (size == 0.0))) == len(r):
        noise *= 100 * np.linalg.cond(a / size)
        assert (np.abs(r - theirs) <= noise * size).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (3, 11), (11, 3), (11, 11), (13, 5)])
def test_qr_of_what_is_not_finite_is_lapacks(bad, place):
    a = np.vstack([np.triu(random_of((12, 12))), np.zeros((3, 12))])
    a[place] = bad
    with np.errstate(all="ignore"):
        for found, wanted in zip(cnp.linalg.qr(shared(a)), np.linalg.qr(a), strict=True):
            np.testing.assert_array_equal(found.numpy(), wanted)


@pytest.mark.parametrize("shape", [(9, 9), (20, 11), (70, 67)])
def test_derivatives_through_qr(shape):
    a, x = random_of(shape), random_of((2, *shape))
    weights = random_of((sum(shape), shape[1]))
    weights[shape[0] :] = np.triu(weights[shape[0] :])

    def f(a, both=True):
        q, r = cnp.linalg.qr(a)
        return cnp.sum(r * weights[shape[0] :]) + both * cnp.sum(q * weights[: shape[0]])

    check_grads(f, (a,), order=1, modes=("fwd", "rev"))
    check_grads(lambda a: f(a, False), (a,), order=1, modes=("fwd", "rev"))
    stack = cd.vmap(cd.grad(f))(x)  # whose values are NumPy's
    for k in range(2):
        np.testing.assert_allclose(cd.grad(f)(x[k]), stack[k], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(cd.compile(cd.grad(f))(x[k]), stack[k], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n", [48, 49, 64, 83, 129])
@pytest.mark.parametrize("name", ["eigvalsh", "eigh"])
def test_gradients_of_eigenvalues_of_any_size(name, n):
    a, weights = definite(n), random_of((n,))

    def f(a):
        w = getattr(cnp.linalg, name)(a)
        return cnp.sum(weights * (w if name == "eigvalsh" else w[0]))

    v = np.linalg.eigh(a)[1]
    found = cd.grad(f)(a)
    np.testing.assert_allclose(found, v * weights @ v.T, rtol=0, atol=1e-12)
    np.testing.assert_allclose(cd.compile(cd.grad(f))(a), found, rtol=0, atol=1e-12)
