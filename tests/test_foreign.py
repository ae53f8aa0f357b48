"""Where other libraries meet an Array, and axes and dtypes that NumPy takes or refuses."""

import re

import numpy as np
import pytest
import scipy
import scipy.sparse as sp
from numpy_cases import NUMPY

import cdiff as cd
import cdiff.numpy as cnp

A = np.array([[2.0, 0.0, 1.0], [0.0, 0.5, 0.0], [3.0, 0.0, 0.0]])
V = np.array([0.3, 1.2, 0.7])
FORMS = [getattr(sp, f"{kind}_{form}") for kind in ("csr", "csc", "coo", "lil", "dok", "dia", "bsr")
         for form in ("array", "matrix")]  # fmt: skip


@pytest.mark.parametrize("form", FORMS, ids=lambda f: f.__name__)
def test_products_with_scipys_sparse_matrices(form):
    """As with the dense matrix: both sides, vectors and matrices, compiled, second order."""
    a = form(A)
    for f in (lambda m, x: m @ np.sin(x), lambda m, x: np.sin(x) @ m,
              lambda m, x: m @ np.outer(x, x), lambda m, x: np.outer(x, x) @ m):  # fmt: skip
        one, two = (lambda x, m=m, f=f: np.sum(np.cos(f(m, x))) for m in (a, A))
        np.testing.assert_allclose(cd.grad(one)(V), cd.grad(two)(V), rtol=1e-13)
        np.testing.assert_allclose(cd.hessian(one)(V), cd.hessian(two)(V), rtol=1e-12)
        compiled = cd.compile(cd.grad(one))
        compiled(V + 0.1)
        np.testing.assert_allclose(compiled(V), cd.grad(two)(V), rtol=1e-13)
        assert compiled.stats()["recordings"] == 1


@pytest.mark.parametrize("form", FORMS, ids=lambda f: f.__name__)
def test_numbers_times_scipys_sparse_matrices(form):
    """And the operator * of those for which it is a product of matrices."""
    a = form(A)
    by_number = cd.jacobian(lambda x: (x * a) @ V - ((1 / x) * a) @ V)
    np.testing.assert_allclose(by_number(2.0), 1.25 * A @ V, rtol=1e-13)
    np.testing.assert_allclose(cd.compile(by_number)(4.0), (1 + 1 / 16) * A @ V, rtol=1e-13)
    for untracked in (cd.array(2.0) * a, a / cd.array(0.5)):
        assert sp.issparse(untracked) and (untracked.toarray() == 2.0 * A).all()
    if issubclass(form, sp.spmatrix):
        np.testing.assert_allclose(cd.jacobian(lambda x: (a * x[0]) @ x + x * a)(V),
                                   cd.jacobian(lambda x: x[0] * (A @ x) + x @ A)(V))  # fmt: skip
        np.testing.assert_allclose(cd.jacobian(lambda x: a * x)(V), A)
    else:
        for x in (V, V[:, None], A + 1.0):
            by_element = cd.jacobian(lambda t, x=x: ((a * (t * x)) @ V + ((x * t) * a) @ V))
            np.testing.assert_allclose(by_element(0.3), 2.0 * (A * x) @ V, rtol=1e-13)
    for x in (2.0, V, V[:, None], A + 1.0):
        quotient = cd.jacobian(lambda t, x=x: (a / (x / t)) @ V)
        np.testing.assert_allclose(quotient(0.3), (A / x) @ V, rtol=1e-13)
    times = cd.compile(cd.grad(lambda x: ((a * x) @ V).sum()))
    assert times(2.0) == times(3.0) == pytest.approx((A @ V).sum(), rel=1e-13)
    with pytest.raises(TypeError, match=r"A \* x or A / x for a number"):
        cd.grad(lambda x: a.multiply(x).sum())(2.0)
    with pytest.raises(ValueError, match=r"\(2,\).*\(3, 3\)"):
        cd.grad(lambda x: (a / x).sum())(V[:2])


def test_sparse_products_keep_dtypes_and_complain():
    x = cd.array(V.astype("f4"), requires_grad=True)
    assert (sp.csr_array(A.astype("f4")) @ x).dtype == np.float32
    y = sp.csr_array(A * 1j) @ cd.array(V, requires_grad=True)
    np.testing.assert_allclose(y.numpy(), A @ V * 1j)
    with pytest.raises(ValueError, match="do not fit"):
        sp.csr_array(A) @ cd.array(np.ones(2), requires_grad=True)
    with pytest.raises(TypeError, match=r"A\.toarray\(\) \* x"):
        sp.csr_array(A).multiply(x)
    np.testing.assert_array_equal(sp.csr_array(A) @ cd.array(V), A @ V)  # nothing to track


def test_nditer_says_what_to_write():
    x = cd.array(V, requires_grad=True)
    with pytest.raises(NotImplementedError, match=r"iterate over x\.flat"):
        list(np.nditer(x))
    if NUMPY >= (2, 3):  # before, NumPy itself crashes where one operand raises and one is None
        with pytest.raises(NotImplementedError, match="nditer"):
            np.nditer([x, None])
    with pytest.raises(TypeError, match="lose its derivative"):
        np.asarray(x)


@pytest.mark.parametrize("method", ["BFGS", "Nelder-Mead", "SLSQP", "COBYLA", "L-BFGS-B", "TNC",
                                    "Powell", "CG", "trust-constr"])  # fmt: skip
def test_minimizers_of_scipy_do_not_hide_what_to_write(method):
    """SciPy puts "must return a scalar value" in the place of a TypeError of the objective."""
    from scipy.optimize import minimize

    def f(p):
        return minimize(lambda x: np.sum((x - p) ** 2), V, method=method).x.sum()

    with pytest.raises(NotImplementedError, match=r"cdiff\.optimize\.minimize"):
        cd.grad(f)(0.5)


def test_minpack_prints_what_to_write(capfd):
    from scipy.optimize import fsolve

    with pytest.raises(Exception, match="not a proper array of floats"):
        cd.grad(lambda p: fsolve(lambda x: x**2 - p, V).sum())(0.5)
    assert "cdiff.optimize" in capfd.readouterr().err


def test_tables_of_pandas_say_what_to_write():
    """By the module that asks, so that pandas itself is not needed."""
    scope = {"np": np, "__name__": "pandas.core.frame"}
    exec("def dot(other):\n    return np.asarray(other)", scope)
    with pytest.raises(TypeError, match=r"np\.dot\(table, v\)"):
        scope["dot"](cd.array(V, requires_grad=True))
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(A)
    with pytest.raises(TypeError, match=r"np\.dot\(table, v\)"):
        table @ cd.array(V, requires_grad=True)
    np.testing.assert_allclose(cd.grad(lambda v: np.sum(np.dot(table, v)))(V), A.sum(axis=0))


M = np.eye(3) + 0.1 * np.arange(9.0).reshape(3, 3)
SCIPYS = {
    "cdiff.scipy.linalg.expm": lambda v: scipy.linalg.expm(M * v[0]),
    "cdiff.scipy.linalg.solve": lambda v: scipy.linalg.solve(M, v),
    "cdiff.scipy.special.logsumexp": lambda v: scipy.special.logsumexp(v),
    "cdiff.scipy.signal.lfilter": lambda v: scipy.signal.lfilter([1.0], [1.0], v),
    "cdiff.scipy.fft.dct": lambda v: scipy.fft.dct(v),
    "cdiff.scipy.interpolate.CubicSpline": lambda v: scipy.interpolate.CubicSpline(V, v),
    "cdiff.scipy.interpolate.PchipInterpolator":
        lambda v: scipy.interpolate.PchipInterpolator(np.sort(V), V)(v),
    "cdiff.scipy.stats.norm": lambda v: scipy.stats.norm.logpdf(v, 0.0, 2.0),
    "cdiff.scipy.stats.gamma": lambda v: scipy.stats.gamma(2.0).logpdf(v),
    "cdiff.scipy.ndimage.map_coordinates":
        lambda v: scipy.ndimage.map_coordinates(M, [v, v], order=1),
    "cdiff.scipy.spatial.distance.cdist": lambda v: scipy.spatial.distance.cdist(v[:, None], M),
    "cdiff.scipy.integrate.simpson": lambda v: scipy.integrate.simpson(v),
    "cdiff.integrate.quad": lambda v: scipy.integrate.quad(lambda t: t * v[0], 0.0, 1.0),
    "cdiff.integrate.solve_ivp":
        lambda v: scipy.integrate.solve_ivp(lambda t, y: y * v[0], (0.0, 1.0), [1.0]),
    "cdiff.scipy, cdiff.optimize and cdiff.integrate":
        lambda v: scipy.optimize.minimize_scalar(lambda t: (t - v[0]) ** 2).x,
    "cdiff.optimize.brentq": lambda v: scipy.optimize.brentq(lambda t: t - v[0], 0.0, 1.0),
    "cdiff.scipy.linalg.cho_factor": lambda v: scipy.linalg.cho_factor(M @ M.T * v[0]),
}  # fmt: skip


@pytest.mark.parametrize("name", SCIPYS)
def test_functions_of_scipy_name_those_with_derivatives(name):
    with pytest.raises(TypeError, match=f"would lose its derivative.* {re.escape(name)}"):
        cd.grad(lambda v: np.sum(SCIPYS[name](v)))(V)


GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize("function, instead", [
    (lambda v: np.r_[v, 1.0], r"cdiff\.numpy\.r_"),
    (lambda v: np.c_[v, v], r"cdiff\.numpy\.c_"),
    (lambda v: np.vectorize(lambda x: x * x)(v), r"cdiff\.numpy\.vectorize"),
    (lambda v: sum([x for _, x in np.ndenumerate(v)]), r"cdiff\.numpy\.ndenumerate"),
    (lambda v: np.format_float_positional(v[0]), r"keep it an Array"),
    (lambda v: np.ma.array(v), "masked arrays hold no derivatives"),
    (lambda v: np.array(v), r"use cdiff\.numpy\.array.*to assign into$"),
    (lambda v: np.random.default_rng(0).normal(v), r"samples of cdiff\.numpy\.random have"),
    (lambda v: GENERATOR.normal(0.0, v[0]), r"samples of cdiff\.numpy\.random have"),
    (lambda v: GENERATOR.uniform(v, 2.0), r"samples of cdiff\.numpy\.random have"),
])  # fmt: skip
def test_other_code_of_numpy_says_what_to_write(function, instead):
    with pytest.raises(TypeError, match=f"would lose its derivative.*{instead}"):
        cd.grad(lambda v: np.sum(function(v)))(V)


@pytest.mark.parametrize("wrap", [
    cd.grad, cd.hessian, lambda f: cd.compile(cd.grad(f)),
    lambda f: lambda x: cd.jvp(f, (x,), (x,)), lambda f: lambda x: cd.vmap(cd.grad(f))(x[None])[0],
])  # fmt: skip
@pytest.mark.parametrize("name", ["allclose", "array_equal", "array_almost_equal", "array_max_ulp"])
def test_assertions_of_numpy_go_by_values(name, wrap):
    holds = getattr(np.testing, f"assert_{name}")

    def f(x):
        holds(x * 2.0, np.stack([x[0] + x[0], x[1] + x[1], 2.4 + 0.0 * x[2]]))
        return np.sum(x**3)

    both = [wrap(g) for g in (f, lambda x: np.sum(x**3))]
    for x in (np.array([0.3, 0.5, 1.2]), np.array([0.7, 0.1, 1.2])):
        np.testing.assert_allclose(both[0](x), both[1](x), rtol=1e-13)
    with pytest.raises(AssertionError):
        both[0](np.array([0.3, 0.5, 1.3]))


def test_code_that_scipy_calls_is_the_users_own():
    with pytest.raises(TypeError, match="keep it an Array"):
        cd.grad(lambda v: scipy.integrate.quad(lambda t: float(v[0] * t), 0.0, 1.0)[0])(V)


@pytest.mark.parametrize("name", ["mean", "var", "std"])
@pytest.mark.parametrize("dtype", [int, "i4", bool])
def test_moments_in_whole_numbers_are_numpys(name, dtype):
    data = np.arange(6.0).reshape(2, 3) + 0.7
    x = cd.array(data, requires_grad=True)
    # The root of an array of whole numbers is NumPy's own error.
    several = ({"axis": 1}, {"axis": 0, "keepdims": True}) if name != "std" else ()
    for keywords in ({}, *several):
        want = getattr(np, name)(data, dtype=dtype, **keywords)
        for found in (getattr(np, name)(x, dtype=dtype, **keywords),
                      getattr(x, name)(dtype=dtype, **keywords)):  # fmt: skip
            assert found.dtype == want.dtype and not cd.is_tracked(found)
            np.testing.assert_array_equal(found.numpy(), want)


X = np.arange(1.0, 7.0).reshape(2, 3)


@pytest.mark.parametrize("axis", [[0], [0, 1], True, False])
@pytest.mark.parametrize("name", [
    "sum", "prod", "mean", "var", "std", "max", "min", "ptp", "nansum", "nanmean", "nanmax",
    "cumsum", "squeeze", "take", "repeat", "concatenate", "add.reduce",
])  # fmt: skip
def test_axes_that_numpy_refuses(name, axis):
    f = np.add.reduce if name == "add.reduce" else getattr(np, name)
    more = {"take": ([0],), "repeat": (2,)}.get(name, ())
    for data in (X, cd.array(X, requires_grad=True)):
        with pytest.raises(TypeError):
            f([data, data] if name == "concatenate" else data, *more, axis=axis)


@pytest.mark.parametrize("axis", [[0], [0, 1], True])
@pytest.mark.parametrize("name", ["median", "nanmedian", "average", "flip", "quantile", "gradient"])
def test_axes_that_numpy_takes(name, axis):
    more = {"quantile": (0.3,)}.get(name, ())
    if (name, axis) == ("gradient", True):
        return
    want = getattr(np, name)(X, *more, axis=axis)
    found = getattr(cnp, name)(cd.array(X, requires_grad=True), *more, axis=axis)
    for x, y in zip(np.atleast_1d(found) if isinstance(found, cd.Array) else found,
                    np.atleast_1d(want), strict=True):  # fmt: skip
        np.testing.assert_allclose(cd._core.value(x), y)


def test_transforms_over_no_axis_raise_numpys_error():
    for f in (np.fft.rfftn, np.fft.irfftn):
        for x in (X, cd.array(X, requires_grad=True)):
            with pytest.raises(IndexError):
                f(x, axes=())
    with pytest.raises(TypeError, match="integer or a tuple"):
        np.linalg.norm(cd.array(X, requires_grad=True), axis=[0])


class Sevens(np.ndarray):
    """Its class answers for NumPy's functions, and for those that it does not know NumPy."""

    def __array_function__(self, func, types, args, kwargs):
        if func is np.dot:
            return 7.0
        return super().__array_function__(func, types, args, kwargs)


def test_arrays_whose_class_answers_for_functions():
    """They were taken for ndarrays."""
    x, sevens = np.array([1.0, 2.0]), np.ones(2).view(Sevens)
    for f in (lambda x: np.dot(x, sevens), lambda x: np.dot(sevens, x)):
        assert f(x) == 7.0
        assert cd.value_and_grad(lambda x, f=f: f(x) * x[0])(x)[0] == 7.0
        assert cd.compile(lambda x, f=f: f(x) * x[0])(x) == 7.0


def test_functions_that_no_class_answers_for():
    class Nothing:
        def __array_function__(self, func, types, args, kwargs):
            return NotImplemented

    with pytest.raises(TypeError, match="no implementation found"):
        cd.grad(lambda x: np.dot(x, Nothing()))(np.ones(2))
