"""`cdiff.scipy.stats`: every family and method, values and derivatives against SciPy's own.

Derivatives are compared with extrapolated differences of SciPy's values, which share nothing with
the expressions of the table. A new row is tested by being there.
"""

import pickle

import mpmath
import numpy as np
import pytest
import scipy.stats as st
from special_cases import difference

import cdiff as cd
import cdiff.scipy.stats as css
from cdiff.scipy._frozen import UNKNOWN
from cdiff.scipy._stats_table import CONTINUOUS, DISCRETE
from cdiff.scipy.stats import _expression

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

LOC, SCALE = 0.3, 1.7
METHODS = ("logpdf", "pdf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf")
CASES = [(name, method) for name in CONTINUOUS for method in METHODS]
COUNTED = [(name, method) for name, family in DISCRETE.items()
           for method in ("logpmf", "pmf", "cdf", "sf", "logcdf", "logsf")
           if _expression(family, method)]  # fmt: skip


def places_of(name):
    """The places of the variable and of the parameters by which there are derivatives."""
    family = CONTINUOUS[name]
    shapes = [k + 1 for k, s in enumerate(family.shapes) if s not in family.constant]
    return (0, *shapes, len(family.shapes) + 1, len(family.shapes) + 2)


def points(name, method):
    """Three points inside, as quantiles of SciPy's distribution."""
    shapes = CONTINUOUS[name].at
    q = np.array([0.17, 0.46, 0.83])
    return q if method in ("ppf", "isf") else getattr(st, name).ppf(q, *shapes, LOC, SCALE)


@pytest.mark.parametrize(("name", "method"), CASES)
def test_values(name, method):
    x, shapes = points(name, method), CONTINUOUS[name].at
    plain, mine = getattr(getattr(st, name), method), getattr(getattr(css, name), method)
    want = plain(x, *shapes, LOC, SCALE)
    np.testing.assert_array_equal(mine(x, *shapes, loc=LOC, scale=SCALE), want)
    found = mine(cd.array(x), *shapes, LOC, SCALE)
    integrated = CONTINUOUS[name].mode is not None and not method.endswith("pdf")
    np.testing.assert_allclose(found.numpy(), want, rtol=1e-6 if integrated else 1e-9, atol=1e-13)
    if method not in ("ppf", "isf"):
        far = np.array([-1e3, -0.5, 0.0, 0.31, 1.9, 2.5, 1e3, np.nan])
        if integrated:
            # SciPy integrates these, from far away to wrong numbers.
            sums = [getattr(css, name).cdf(cd.array(far), *shapes).numpy(),
                    getattr(css, name).sf(cd.array(far), *shapes).numpy()]  # fmt: skip
            np.testing.assert_allclose(sum(sums), np.where(np.isnan(far), np.nan, 1.0), rtol=1e-9)
            return
        want, found = plain(far, *shapes), mine(cd.array(far), *shapes).numpy()
        if method.startswith("log"):
            # SciPy takes the logarithm of some that underflow or cancel.
            small = (want < -30) | (want == 0)
            found, want = np.where(small, 0.0, found), np.where(small, 0.0, want)
        np.testing.assert_allclose(found, want, rtol=1e-7, atol=1e-13)


@pytest.mark.parametrize(("name", "method"), CASES)
def test_derivatives(name, method):
    """By the variable and all parameters, in both modes, eager and compiled."""
    x = points(name, method)[1 if name == "uniform" else 2]
    args = [x, *CONTINUOUS[name].at, LOC, SCALE]
    plain, mine = getattr(getattr(st, name), method), getattr(getattr(css, name), method)
    places = places_of(name)
    gradient = cd.grad(mine, argnums=places)
    found = gradient(*args)
    compiled = cd.compile(gradient)
    compiled(*[1.001 * z for z in args])
    np.testing.assert_allclose(compiled(*args), found, rtol=1e-12, atol=1e-15)
    several = [np.array([z, 1.001 * z]) for z in args]
    for z, y in zip(cd.vmap(gradient)(*several), found, strict=True):
        np.testing.assert_allclose(z[0], y, rtol=1e-10, atol=1e-15)
    call = lambda z: mine(*[z[places.index(k)] if k in places else args[k]
                            for k in range(len(args))])  # fmt: skip
    forward = cd.jacfwd(call)(np.array([args[k] for k in places]))
    np.testing.assert_allclose(forward, found, rtol=1e-10, atol=1e-15)
    for k, y in zip(places, found, strict=True):
        want = difference(plain, args, k, 1e-3, levels=3)  # at each, SciPy may integrate
        np.testing.assert_allclose(y, want, rtol=2e-6, atol=2e-8)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_second_order(name):
    args = [points(name, "logpdf")[2], *CONTINUOUS[name].at, LOC, SCALE]
    f, places = getattr(css, name).logpdf, places_of(name)
    gradient = cd.grad(f, argnums=places)
    call = lambda z: f(*[z[places.index(k)] if k in places else args[k] for k in range(len(args))])
    hessian = cd.hessian(call)(np.array([args[k] for k in places]))
    for i, k in enumerate(places):
        column = [difference(lambda *z: gradient(*z)[j], args, k, 1e-3) for j in range(len(places))]
        np.testing.assert_allclose(hessian[i], column, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("name", "method"), COUNTED)
def test_discrete(name, method):
    shapes = DISCRETE[name].at
    plain, mine = getattr(getattr(st, name), method), getattr(getattr(css, name), method)
    k = np.array([-1.0, 0.0, 1.0, 2.0, 3.0, 6.0, 2.5, 9.0])
    if name == "yulesimon":
        k = k[k == np.floor(k)]  # SciPy's distribution function is no step function
    want = plain(k, *shapes)
    tracked = [cd.array(float(s)) for s in shapes]
    np.testing.assert_allclose(mine(k, *tracked).numpy(), want, rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(mine(k + 1.0, *tracked, loc=1).numpy(), want, rtol=1e-10, atol=1e-15)
    for place in [i for i, value in enumerate(shapes) if isinstance(value, float)]:
        found = cd.grad(mine, argnums=place + 1)(1.0, *shapes)
        want = difference(lambda *z: plain(*z), [1.0, *shapes], place + 1, 1e-3)
        if np.isfinite(want):
            np.testing.assert_allclose(found, want, rtol=1e-7, atol=1e-9)


def test_enough_families():
    assert len(CONTINUOUS) + len(DISCRETE) >= 60


def test_outside_the_support():
    """Values and derivatives as on the other side of a wall, never nan."""
    assert css.expon.logpdf(cd.array(-1.0)).item() == -np.inf
    assert cd.grad(css.expon.pdf)(-1.0) == 0.0
    assert cd.grad(css.beta.cdf, argnums=1)(1.5, 2.0, 3.0) == 0.0
    assert np.isnan(css.gamma.logpdf(cd.array(1.0), -2.0).item())
    assert np.isnan(css.norm.pdf(cd.array(1.0), scale=-1.0).item())


@pytest.mark.parametrize(("name", "method"), CASES)
def test_ends(name, method):
    """At the ends of the support, at infinity, and at the probabilities 0 and 1."""
    shapes = CONTINUOUS[name].at
    plain, mine = getattr(getattr(st, name), method), getattr(getattr(css, name), method)
    x = np.array([0.0, 1.0])
    if method not in ("ppf", "isf"):
        x = np.array([*getattr(st, name).support(*shapes), 0.0, -np.inf, np.inf])
    want, found = plain(x, *shapes), mine(cd.array(x), *shapes).numpy()
    known = ~np.isnan(want)  # of some infinite points SciPy does not know
    np.testing.assert_allclose(found[known], want[known], rtol=1e-9, atol=1e-13)
    if method in ("pdf", "cdf", "sf"):
        slopes = cd.grad(lambda x: np.sum(mine(x, *shapes)))(x[np.isfinite(x)])
        assert not np.isnan(slopes).any(), slopes


# Where the quantile itself cannot tell the tail from the end of the support, or SciPy's inverse of
# the incomplete beta function gives up.
ENDS = {name for name, family in CONTINUOUS.items() if family.high not in (None, "0", "inf")}
ENDS |= {"t", "alpha"}


@pytest.mark.parametrize("name", [n for n, f in CONTINUOUS.items() if f.ppf and n not in ENDS])
@pytest.mark.parametrize("p", [1e-60, 1e-20, 1e-8])
def test_tails_of_either_side(name, p):
    """The quantile of a small probability has it, by logarithms too; and so has its slope."""
    shapes, q = CONTINUOUS[name].at, cd.array(p)
    d = getattr(css, name)
    for quantile, tail, log_tail, log_rest in (
        (d.isf, d.sf, d.logsf, d.logcdf), (d.ppf, d.cdf, d.logcdf, d.logsf),
    ):  # fmt: skip
        x = quantile(q, *shapes)
        if CONTINUOUS[name].low == "1" and quantile == d.ppf:
            continue
        np.testing.assert_allclose(tail(x, *shapes).item(), p, rtol=2e-5)
        np.testing.assert_allclose(log_tail(x, *shapes).item(), np.log(p), rtol=1e-6)
        np.testing.assert_allclose(log_rest(x, *shapes).item(), -p, rtol=2e-5)
        slope = cd.grad(lambda x: log_rest(x, *shapes))(x.item())
        np.testing.assert_allclose(abs(slope), d.pdf(x, *shapes).item(), rtol=2e-5)


def test_tails_keep_their_digits():
    np.testing.assert_allclose(css.norm.logcdf(cd.array(-40.0)).item(), st.norm.logcdf(-40.0),
                               rtol=1e-13)  # fmt: skip
    with mpmath.workdps(30):
        want = float(mpmath.npdf(-40) / mpmath.ncdf(-40))
    np.testing.assert_allclose(cd.grad(css.norm.logcdf)(-40.0), want, rtol=1e-13)
    np.testing.assert_allclose(css.truncnorm.logpdf(cd.array(31.0), 30.0, 40.0).item(),
                               st.truncnorm.logpdf(31.0, 30.0, 40.0), rtol=1e-10)  # fmt: skip


@pytest.mark.parametrize(("name", "method", "x", "want"), [
    ("gamma", "logsf", 1e4, lambda x: mpmath.log(mpmath.gammainc(1.7, x, regularized=True))),
    ("chi2", "logsf", 1e4, lambda x: mpmath.log(mpmath.gammainc(1.7, x / 2, regularized=True))),
    ("gamma", "logcdf", 1e-250, lambda x: 1.7 * mpmath.log(x) - mpmath.loggamma(2.7)),
    ("skewnorm", "logcdf", -15.0, lambda x: mpmath.log(2 * mpmath.quad(
        lambda t: mpmath.npdf(t) * mpmath.ncdf(1.7 * t),
        [x - k for k in (1, 0.3, 0.1, 0.05, 0.02, 0)]))),
    ("skewnorm", "logsf", 40.0, lambda x: mpmath.log(2 * mpmath.ncdf(-x))),
    ("halfnorm", "logsf", 200.0, lambda x: mpmath.log(2 * mpmath.ncdf(-x))),
    ("gumbel_r", "logsf", 900.0, lambda x: mpmath.log(-mpmath.expm1(-mpmath.exp(-x)))),
    ("laplace", "logcdf", -900.0, lambda x: x - mpmath.log(2)),
    ("invgauss", "logsf", 2000.0, lambda x: mpmath.log(mpmath.quad(
        lambda t: mpmath.sqrt(1 / (2 * mpmath.pi * t**3))
        * mpmath.exp(-((t - 0.8) ** 2) / (2 * 0.64 * t)), [x, x + 5, x + 40, x + 200]))),
    ("rice", "logsf", 15.0, lambda x: mpmath.log(mpmath.quad(
        lambda t: t * mpmath.exp(-(t * t + 1.44) / 2) * mpmath.besseli(0, 1.2 * t),
        [x, x + 0.5, x + 4]))),
])  # fmt: skip
def test_logarithms_where_nothing_is_left_of_the_probability(name, method, x, want):
    """Value and slope, where they were -inf and 0; compiled too."""
    f, shapes = getattr(getattr(css, name), method), CONTINUOUS[name].at
    g = cd.value_and_grad(lambda x: f(x, *shapes))
    found = g(x)
    with mpmath.workdps(40):
        value, slope = want(mpmath.mpf(x)), mpmath.diff(lambda u: want(x * u), 1) / x
    np.testing.assert_allclose(found[0], float(value), rtol=1e-9)
    np.testing.assert_allclose(found[1], float(slope), rtol=1e-8)
    compiled = cd.compile(g)
    compiled(0.5 * x)
    np.testing.assert_allclose(compiled(x), found, rtol=1e-12)


def test_pearson3_has_no_special_point_at_skew_zero():
    """Its derivative there is the next term of Edgeworth's series."""
    x = 0.7
    np.testing.assert_allclose(cd.grad(css.pearson3.logpdf, argnums=1)(x, 0.0), (x**3 - 3 * x) / 6)
    found = css.pearson3.cdf(cd.array(x), 0.0).item()
    np.testing.assert_allclose(found, st.norm.cdf(x), rtol=1e-12)
    for skew in (0.02, -0.3, 0.44, 0.46):  # on both sides of where a series ends
        near = css.pearson3.logpdf(cd.array(x), skew).item()
        np.testing.assert_allclose(near, st.pearson3.logpdf(x, skew), rtol=1e-9)
    slope = -(x * x - 1) / 6 * st.norm.pdf(x)
    np.testing.assert_allclose(cd.grad(css.pearson3.cdf, argnums=1)(x, 0.0), slope, rtol=1e-9)


def test_probabilities_as_integrals_know_what_is_no_number():
    assert np.isnan(css.norminvgauss.cdf(cd.array(np.nan), 1.3, 0.4).item())
    assert css.norminvgauss.sf(cd.array([-np.inf, np.inf]), 1.3, 0.4).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("name", ["genpareto", "genextreme"])
def test_shape_zero_is_no_special_point(name):
    f = getattr(css, name).logpdf
    at = [cd.grad(f, argnums=1)(0.7, c) for c in (-1e-4, 0.0, 1e-4)]
    np.testing.assert_allclose(at[1], (at[0] + at[2]) / 2, rtol=1e-6)


def test_frozen():
    f = lambda mu, s: css.norm(mu, scale=s).logpdf(1.3)
    found = f(cd.array(0.3), cd.array(2.0)).item()
    np.testing.assert_allclose(found, st.norm(0.3, 2.0).logpdf(1.3))
    cd.testing.check_grads(f, (0.3, 2.0), order=2)
    assert css.norm(0.0, 1.0).pdf(0.0) == st.norm.pdf(0.0)
    assert css.norm.rvs(size=3, random_state=1).shape == (3,)


@pytest.mark.parametrize(("frozen", "plain", "x"), [
    (css.norm(0.5, 2.0), st.norm(0.5, 2.0), 0.7), (css.gamma(2.0, scale=3.0),
    st.gamma(2.0, scale=3.0), 1.3), (css.beta(a=2.0, b=3.0), st.beta(a=2.0, b=3.0), 0.4),
])  # fmt: skip
def test_plain_parameters_and_a_tracked_variable(frozen, plain, x):
    """A prior made once of numbers, and differentiated later by its variable."""
    for name in ("logpdf", "pdf", "cdf", "sf", "logcdf", "logsf"):
        got, slope = cd.value_and_grad(getattr(frozen, name))(x)
        np.testing.assert_allclose(got, getattr(plain, name)(x), rtol=1e-12)
        h = 1e-6
        f = getattr(plain, name)
        np.testing.assert_allclose(slope, (f(x + h) - f(x - h)) / (2 * h), rtol=1e-7)
        assert getattr(frozen, name)([x, x]).tolist() == f([x, x]).tolist()
    assert frozen.mean() == plain.mean()
    assert frozen.interval(0.9) == plain.interval(0.9)
    assert frozen.rvs(3, random_state=1).tolist() == plain.rvs(3, random_state=1).tolist()
    assert pickle.loads(pickle.dumps(frozen)).cdf(x) == plain.cdf(x)
    with pytest.raises(AttributeError):
        frozen.no_such_name


def test_quantiles_with_names():
    a, q = cd.array(1.3), np.array([0.25, 0.5, 0.95])
    median = css.gamma(a, scale=2.0).median().item()
    np.testing.assert_allclose(median, st.gamma(1.3, 0, 2).median(), rtol=1e-12)
    found = [x.item() for x in css.gamma.interval(0.9, a, scale=2.0)]
    np.testing.assert_allclose(found, st.gamma(1.3, 0, 2).interval(0.9), rtol=1e-12)
    assert css.gamma.median(1.3) == st.gamma.median(1.3)
    assert css.gamma.interval(0.9, 1.3) == st.gamma.interval(0.9, 1.3)
    assert css.gamma(a).ppf(q).shape == (3,)


@pytest.mark.parametrize("method", sorted(UNKNOWN))
def test_methods_without_a_derivative_say_so(method):
    """With parameters that are given before or with the call."""
    args = {"moment": (1,), "expect": (abs,), "fit": (np.ones(3),), "nnlf": ((1.0, 2.0),
            np.ones(3))}.get(method, ())  # fmt: skip
    text = rf"gamma\.{method} has no derivative in cdiff: {UNKNOWN[method][:9]}"
    with pytest.raises(NotImplementedError, match=text):
        getattr(css.gamma(cd.array(2.0, requires_grad=True)), method)(*args)
    with pytest.raises(NotImplementedError, match=text):
        getattr(css.gamma, method)(*args, cd.array(2.0, requires_grad=True))


def test_errors():
    x = cd.array(1.0)
    with pytest.raises(TypeError, match="the shape a is missing"):
        css.gamma.pdf(x)
    with pytest.raises(TypeError, match="unexpected or repeated parameter scales"):
        css.norm.pdf(x, scales=2.0)
    with pytest.raises(TypeError, match=r"takes \(loc, scale\), not 3"):
        css.norm.pdf(x, 0.0, 1.0, 2.0)
    with pytest.raises(AttributeError):
        css.no_such_distribution
