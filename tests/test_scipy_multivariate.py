"""`cdiff.scipy.stats`: distributions of vectors and matrices, values and derivatives.

Values are SciPy's own, derivatives are compared with differences of them. It must not know how a
derivative is made.
"""

import pickle

import numpy as np
import pytest
import scipy.stats as st
from scipy_checks import compiled_agrees, mapped_agrees

import cdiff as cd
import cdiff.scipy.stats as css

rng = np.random.default_rng(3)
X = rng.normal(size=(4, 3))
S = np.cov(rng.normal(size=(3, 9)))
T = S + np.eye(3)
SMALL = np.cov(rng.normal(size=(2, 9)))
MATRICES = np.stack([S, S @ S + T], axis=-1)  # SciPy has several along the last axis
PARTS = np.array([[0.2, 0.3], [0.3, 0.1], [0.5, 0.6]])
ALPHA = np.array([1.3, 2.0, 0.7])
COUNTS = np.array([[1, 2, 3], [2, 4, 0], [1, 1, 1]])


def unit(x):
    return x / np.sqrt(np.sum(x * x, axis=-1, keepdims=True))


def definite(a):
    """Any matrix as a symmetric one, so that differences by its elements are defined."""
    return (a + np.swapaxes(a, 0, 1)) / 2


NUMBERS = [np.array(z) for z in (3.3, 1.4, 2.0, 3.0)]
CASES = {
    "multivariate_normal": (lambda d, x, m, c: d.logpdf(x, m, definite(c)), (X, X[0], S)),
    "multivariate_t": (lambda d, x, m, c, n: d.logpdf(x, m, definite(c), n),
                       (X, X[0], S, NUMBERS[0])),
    "multivariate_t of one": (lambda d, x, m, c: d.pdf(x, m, definite(c), 2), (X[0], X[1], S)),
    "multivariate_t of numbers": (lambda d, x, n: d.logpdf(x, df=n), (X[0], NUMBERS[1])),
    "dirichlet": (lambda d, x, a: d.logpdf(x / np.sum(x, axis=0), a), (PARTS, ALPHA)),
    "dirichlet of the first": (lambda d, x, a: d.pdf(x, a), (PARTS[:2, 0], ALPHA)),
    "wishart": (lambda d, x, n, s: d.logpdf(definite(x), n, definite(s)), (S, NUMBERS[0], T)),
    "wishart of several": (lambda d, x, s: d.logpdf(definite(x), 4, definite(s)), (MATRICES, T)),
    "invwishart": (lambda d, x, n, s: d.logpdf(definite(x), n, definite(s)), (S, NUMBERS[0], T)),
    "invwishart of several": (lambda d, x, s: d.pdf(definite(x), 4, definite(s)), (MATRICES, T)),
    "matrix_normal": (lambda d, x, m, r, c: d.logpdf(x, m, definite(r), definite(c)),
                      (np.stack([X[:2], X[1:3]]), X[2:], SMALL, S)),
    "matrix_normal of one": (lambda d, x, c: d.pdf(x, None, np.eye(2), definite(c)), (X[:2], T)),
    "vonmises_fisher": (lambda d, x, m, k: d.logpdf(unit(x), unit(m), k), (X, X[0], NUMBERS[0])),
    "normal_inverse_gamma": (lambda d, *z: d.logpdf(*z), (X[0], *NUMBERS, NUMBERS[3])),
    "multinomial": (lambda d, p: d.logpmf(COUNTS, 6, p / np.sum(p)), (ALPHA,)),
    "dirichlet_multinomial": (lambda d, a: d.pmf(COUNTS[:2], a, 6), (ALPHA,)),
}  # fmt: skip


def number(z):
    """SciPy wants numbers, not arrays of one."""
    return float(z) if isinstance(z, np.ndarray) and not z.ndim else z


def of(name):
    f, args = CASES[name]
    return (lambda *z: f(getattr(css, name.split()[0]), *map(number, z))), f, args


@pytest.mark.parametrize("name", CASES)
def test_values_are_scipys(name):
    g, f, args = of(name)
    args = [number(z) for z in args]
    want, found = f(getattr(st, name.split()[0]), *args), g(*[cd.array(z) for z in args])
    assert found.shape == np.shape(want)
    np.testing.assert_allclose(found.numpy(), want, rtol=1e-12)
    np.testing.assert_array_equal(g(*args), want)  # plain arguments are SciPy's own call


@pytest.mark.parametrize("name", [n for n in CASES if n != "multinomial"])
def test_derivatives(name):
    g, _, args = of(name)
    cd.testing.check_grads(g, args, order=2)
    assert compiled_agrees(g, args) <= 2
    mapped_agrees(g, args, rtol=1e-8)


def test_multinomial_has_a_last_probability():
    """What remains of 1, as in SciPy: its own derivative is 0."""
    p = np.array([0.2, 0.3, 0.5])
    f = lambda p: css.multinomial.logpmf(COUNTS[0], 6, p)
    np.testing.assert_allclose(cd.grad(f)(p), [1 / 0.2 - 3 / 0.5, 2 / 0.3 - 3 / 0.5, 0.0])
    np.testing.assert_allclose(cd.hessian(f)(p)[:2, :2], -np.diag(COUNTS[0][:2] / p[:2] ** 2) - 12)
    assert css.multinomial.logpmf(COUNTS[2], 6, cd.array(p)).item() == -np.inf


def test_frozen_and_other_methods():
    f = lambda m: css.multivariate_t(m, S, 3.0).logpdf(X)
    np.testing.assert_allclose(f(cd.array(X[0])).numpy(), st.multivariate_t(X[0], S, 3).logpdf(X))
    cd.testing.check_grads(f, (X[0],), order=2)
    plain = css.dirichlet(ALPHA)
    np.testing.assert_allclose(plain.mean(), st.dirichlet(ALPHA).mean())
    cd.testing.check_grads(lambda x: plain.logpdf(x), (PARTS[:2],), order=2)
    assert css.wishart.rvs(4, T, random_state=1).shape == (3, 3)
    assert repr(pickle.loads(pickle.dumps(css.wishart))) == "<cdiff.scipy.stats.wishart>"
    with pytest.raises(NotImplementedError, match=r"wishart\.mean has no derivative in cdiff"):
        css.wishart.mean(4, cd.array(T, requires_grad=True))
    with pytest.raises(AttributeError):
        css.wishart.no_such_name


@pytest.mark.parametrize(("call", "error", "text"), [
    (lambda: css.multivariate_t.logpdf(cd.array(X), X), ValueError, "multivariate_t: .*a vector"),
    (lambda: css.multivariate_t.logpdf(cd.array(X), X[0], S, allow_singular=True), TypeError,
     "allow_singular"),
    (lambda: css.dirichlet.logpdf(cd.array(PARTS), ALPHA[:1]), ValueError, r"\(3, 2\) and .*\(1,"),
    (lambda: css.dirichlet.logpdf(cd.array(2 * PARTS), ALPHA), ValueError, "the sum 1"),
    (lambda: css.multinomial.logpmf(cd.array(X[0], requires_grad=True), 6, ALPHA), TypeError,
     "x and n count"),
    (lambda: css.multinomial.logpmf(COUNTS, 6, cd.array(X)[0, :2]), ValueError, r"\(2,\) do not"),
    (lambda: css.wishart.logpdf(cd.array(S), 4, SMALL), ValueError, r"\(3, 3\) and .*\(2, 2\)"),
    (lambda: css.matrix_normal.logpdf(cd.array(X), None, S, S), ValueError, r"needs .*\(4, 4\)"),
    (lambda: css.matrix_normal.logpdf(cd.array(X[0])), ValueError, "holds matrices"),
    (lambda: css.vonmises_fisher.logpdf(cd.array(X), X[0], 1), ValueError, "unit vectors"),
    (lambda: css.vonmises_fisher.logpdf(cd.array(X), X[0, :2], 1), ValueError, "do not fit"),
])  # fmt: skip
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize("call", [
    lambda m, x: m.logpdf(x),
    lambda m, x: m.logpdf(x, 0.3, 2.0),
    lambda m, x: m.logpdf(x, cov=2.0),
    lambda m, x: m.logpdf(x[0], [0.3], [[2.0]]),
    lambda m, x: m.logpdf(x[:, None], 0.3),
    lambda m, x: m.logpdf(x, [0.1, 0.2, 0.3], 2.0),
    lambda m, x: m.logpdf(x[None], [0.1, 0.2, 0.3], [1.0, 2.0, 3.0]),
    lambda m, x: m.pdf(x * [[1.0], [2.0]], [0.1, 0.2, 0.3]),
    lambda m, x: m.pdf(x * [[[1.0]], [[2.0]]], [0.1, 0.2, 0.3]),
    lambda m, x: m(0.3, 2.0).logpdf(x),
])  # fmt: skip
def test_multivariate_normal_in_any_form(call):
    x = np.array([0.4, 1.3, 2.1])
    want, got = call(st.multivariate_normal, x), call(css.multivariate_normal, cd.array(x))
    assert got.shape == np.shape(want)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-12)
    cd.testing.check_grads(lambda x: call(css.multivariate_normal, x), (x,), order=2)
    with pytest.raises(ValueError, match="mean is a vector"):
        css.multivariate_normal.logpdf(cd.array(x), np.eye(3))


def test_multivariate_normal():
    rng = np.random.default_rng(0)
    x, mean, a = rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=(3, 3))
    cov = a @ a.T + np.eye(3)
    f = css.multivariate_normal.logpdf
    np.testing.assert_allclose(f(cd.array(x), mean, cov).numpy(), f(x, mean, cov), rtol=1e-12)
    assert f(cd.array(x[0]), mean, cov).shape == ()
    cd.testing.check_grads(lambda x, m, a: f(x, m, a @ a.T + np.eye(3)), (x, mean, a), order=2)
    cd.testing.check_grads(lambda m: css.multivariate_normal(m, cov).pdf(x), (mean,), order=1)
    np.testing.assert_allclose(f(cd.array(x), mean, 2.0).numpy(), f(x, mean, 2.0), rtol=1e-12)
