"""Points where a formula of a derivative divides by zero, cancels or takes another branch, and the
derivative exists: poles that a quotient removes, equal arguments, the middle and the ends of a
distribution, tails that fall like a power. Each was a wrong number or nan once.
"""

import mpmath
import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
import scipy.sparse.linalg
import scipy.special as sc
import scipy.stats as ss

import cdiff as cd
import cdiff.integrate as cdi
import cdiff.scipy.linalg as cslinalg
import cdiff.scipy.sparse as csparse
import cdiff.scipy.spatial.distance as cdistance
import cdiff.scipy.special as csp
import cdiff.scipy.stats as css

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def slopes(f, point):
    """The derivatives by all arguments, which both modes and a program must give alike."""
    every = tuple(range(len(point)))
    found = cd.grad(f, argnums=every)(*point)
    compiled = cd.compile(cd.grad(f, argnums=every))
    compiled(*[x + 0.25 for x in point])
    np.testing.assert_allclose(compiled(*point), found, rtol=1e-12, atol=1e-300)
    for k in every:
        tangents = tuple([1.0 if i == k else 0.0 for i in every])
        np.testing.assert_allclose(cd.jvp(f, point, tangents)[1], found[k], rtol=1e-12, atol=1e-300)
    return found


# --- special functions


@pytest.mark.parametrize(("f", "point", "want"), [
    (csp.kolmogorov, (0.01,), (0.0,)),
    (csp.kolmogorov, (0.07,), (-1.1622797944674e-104,)),
    (lambda x: csp.it2j0y0(x)[0], (1e-5,), (2.49999999998438e-6,)),
    (lambda x: csp.it2i0k0(x)[0], (0.0,), (0.0,)),
    (lambda x: csp.airye(x)[2], (-1.0,), (0.592375626422792,)),
    (lambda x: csp.airye(x)[3], (-1.0,), (-0.103997389496945,)),
    (csp.beta, (0.5, -0.5), (-2 * np.pi, -2 * np.pi)),
    (csp.poch, (0.0, 3.0), (2.0, 0.0)),
    (lambda z: csp.poch(z, 3.0), (-2.0,), (2.0,)),
    (csp.binom, (0.5, 1.5), (2 / 3, -2 / 3)),
    (csp.binom, (2.0, 30.0), (-8.210180623973734e-5, 8.210180623973734e-5)),
    (csp.boxcox, (0.0, 0.5), (np.inf, 4.0)),
    (csp.boxcox, (1e-6, 7.3), (1e-6**6.3, 7.3**-2)),
    (csp.boxcox1p, (-1.0, 2.0), (0.0, 0.25)),
    (csp.powm1, (0.0, 1.0), (1.0, 0.0)),
    (lambda y: csp.xlog1py(0.0, y), (-1.0,), (0.0,)),
    (csp.gammaincinv, (2.0, 0.0), (0.0, np.inf)),
    (lambda a: csp.betaincinv(a, 2.0, 1.0), (1.5,), (0.0,)),
    (csp.stdtr, (3.0, np.inf), (0.0, 0.0)),
    (lambda t: csp.stdtr(np.inf, t), (1.0,), (0.24197072451914337,)),
    (csp.tklmbda, (0.4, 0.0), (0.2402607457415291, 0.0685238305066789)),
    (csp.kv, (1e5, 1e5), (0.0, 0.0)),
    (lambda v: csp.jv(v, 0.0), (1.5,), (0.0,)),
    (lambda v: csp.iv(v, 0.0), (1.5,), (0.0,)),
    (lambda m: csp.ellipj(0.7, m)[0], (0.0,), (-0.0396331919068752,)),
    (lambda m: csp.ellipj(0.7, m)[0], (1.0,), (-0.0400125160323387,)),
    (csp.elliprc, (1.0, 1.0), (-1 / 6, -1 / 3)),
    (csp.elliprd, (2.0, 2.0, 2.0), (-0.3 / 2**2.5, -0.3 / 2**2.5, -0.9 / 2**2.5)),
    (lambda p: csp.elliprj(1.0, 2.0, 3.0, p), (3.0,), (-0.063070076782491,)),
    (csp.voigt_profile, (0.3, 0.0, 1.0), (-0.160749037715911, 0.0, -0.243802707202466)),
    (csp.voigt_profile, (0.3, 1e-6, 1.0), (-0.160749037715173, -3.5885870805e-7, -0.2438027072021)),
    (lambda x: csp.hyp2f1(0.0, 0.0, 1.0, x), (1.0,), (0.0,)),
    (lambda a: csp.eval_gegenbauer(-0.5, a, 0.0), (0.3,), (-63.8262611106,)),
    (lambda p: csp.eval_sh_jacobi(0.5, p, 0.0, 0.5), (-0.7,), (-7.8771356252,)),
    (lambda a: csp.eval_jacobi(1.7, a, 0.3, 0.5), (-2.5,), (-8.1759677466200,)),
    (lambda a: csp.eval_genlaguerre(-2.5, a, -2.5), (1.7,), (-0.6656929702303,)),
    (csp.agm, (-2.5, -1.0), (0.4060440125219, 0.6493885403317)),
    (lambda x: csp.struve(-2.5, x), (0.3,), (0.02159903312122776,)),
    (lambda x: csp.modstruve(-2.5, x), (0.3,), (0.0221047302226040,)),
    (lambda x: csp.hyp1f1(0.3, 0, x), (1.7,), (np.inf,)),
    (lambda p: csp.fdtri(0.0, 0.5, p), (0.7,), (np.nan,)),
    (lambda k: csp.binom(4.4, k), (-2.0,), (-0.0289351851851852,)),
    (csp.beta, (np.inf, 2.1), (0.0, 0.0)),
    (csp.rgamma, (np.inf,), (0.0,)),
    (csp.gammasgn, (np.inf,), (0.0,)),
    (csp.kolmogorov, (np.inf,), (0.0,)),
    (lambda x: csp.sici(x)[0], (np.inf,), (0.0,)),
    (csp.zetac, (np.inf,), (0.0,)),
    (csp.elliprc, (0.7, -1.3), (0.17857491010709031, 0.28112840117536875)),
    (csp.agm, (0.0, 1.3), (np.inf, 0.0)),
    (csp.it2struve0, (0.0,), (-2 / np.pi,)),
    (csp.boxcox1p, (-1.0, 1.0), (1.0, 1.0)),
])  # fmt: skip
def test_special_functions(f, point, want):
    np.testing.assert_allclose(slopes(f, point), want, rtol=3e-11, atol=1e-300)


@pytest.mark.parametrize("m", [0.0, 1e-7, 1e-4])
def test_second_derivatives_of_elliptic_integrals(m):
    with mpmath.workdps(30):
        want = float(mpmath.diff(lambda m: mpmath.ellipf(0.7, m), m, 2))
    second = cd.grad(cd.grad(lambda m: csp.ellipkinc(0.7, m)))(m)
    np.testing.assert_allclose(second, want, rtol=1e-12)


@pytest.mark.parametrize("apart", [1e-10, 1e-6, 1e-3])
def test_carlsons_integrals_of_nearly_equal_arguments(apart):
    with mpmath.workdps(40):
        x = mpmath.mpf(1.0 + apart)
        want = [float(mpmath.diff(lambda x: mpmath.elliprd(x, 0.7, 1), x, n)) for n in (1, 2)]
    f = lambda x: csp.elliprd(x, 0.7, 1.0)
    found = cd.grad(f)(1.0 + apart), cd.grad(cd.grad(f))(1.0 + apart)
    np.testing.assert_allclose(found, want, rtol=1e-12)
    np.testing.assert_allclose(cd.grad(cd.grad(csp.agm))(1.0, 1.0), -0.125, rtol=1e-11)


def test_a_factor_zero_of_an_exponential_has_a_derivative():
    a, b = np.array([0.1, 0.2, 3.0]), np.array([1.0, 0.0, 2.0])
    by_factors = cd.compile(cd.grad(lambda b: csp.logsumexp(a, b=b)))(b)
    np.testing.assert_allclose(by_factors, np.exp(a - sc.logsumexp(a, b=b)), rtol=1e-14)
    for what in (np.nan, np.inf, 1e5):  # it takes out anything
        found = cd.grad(lambda a: csp.logsumexp(a, b=b))(np.array([0.1, what, 3.0]))
        np.testing.assert_allclose(found, by_factors * b, rtol=1e-14)


def test_scipys_own_names_on_arrays():
    assert cd.grad(lambda x: sc.zeta(x))(2.3) == cd.grad(csp.zeta)(2.3)
    assert cd.grad(lambda x: sc.zeta(x, 1.5))(2.3) == cd.grad(lambda x: csp.zeta(x, 1.5))(2.3)
    assert cd.grad(lambda x: sc.lambertw(x).real)(2.3) == cd.grad(csp.lambertw)(2.3)


@pytest.mark.parametrize(("name", "at", "want"), [
    ("berp", 0.0, (0.0, -0.0)), ("beip", 0.0, (0.5, 0.0)), ("kerp", 0.0, (np.inf, -np.inf)),
    ("keip", 0.0, (np.inf, -np.inf)), ("ber", 0.0, (0.0, 0.0)), ("kei", 0.0, (0.0, np.inf)),
    ("berp", 0.009, (-1.518749999979817e-05, -0.003374999999865448)),
    ("beip", 0.009, (0.49999999991457034, -3.796874999976645e-08)),
])  # fmt: skip
def test_kelvins_functions_near_zero(name, at, want):
    f = getattr(csp, name)
    np.testing.assert_allclose((cd.grad(f)(at), cd.grad(cd.grad(f))(at)), want, rtol=1e-13)


# --- distributions


@pytest.mark.parametrize(("name", "method", "point", "want"), [
    ("norm", "ppf", (0.0,), (np.inf,)), ("norm", "isf", (0.0,), (-np.inf,)),
    ("cauchy", "ppf", (1.0,), (np.inf,)), ("rayleigh", "isf", (1.0,), (-np.inf,)),
    ("invgauss", "ppf", (0.0, 0.8), (np.inf, 0.0)), ("invgauss", "isf", (0.0, 0.8), (-np.inf, 0.0)),
    ("wald", "ppf", (1.0,), (np.inf,)), ("ncx2", "ppf", (0.0, 3.4, 1.2), (np.inf, 0.0, 0.0)),
    ("recipinvgauss", "isf", (1.0, 0.8), (-np.inf, 0.0)),
    ("rel_breitwigner", "ppf", (0.0, 1.7), (1 / ss.rel_breitwigner.pdf(0.0, 1.7), 0.0)),
    ("chi", "ppf", (0.0, 1.0), (np.sqrt(np.pi / 2), 0.0)), ("chi", "cdf", (0.0, 1.0), None),
    ("nakagami", "isf", (1.0, 0.5), (-np.sqrt(np.pi / 2), 0.0)),
    ("nakagami", "cdf", (0.0, 0.5), None),
    ("halfgennorm", "ppf", (0.0, 2.0), (np.sqrt(np.pi) / 2, 0.0)),
    ("halfgennorm", "cdf", (0.0, 2.0), None),
    ("exponweib", "ppf", (0.0, 2.0, 0.5), (1.0, 0.0, 0.0)),
    ("exponweib", "cdf", (0.0, 2.0, 0.5), (1.0, 0.0, 0.0)),
    ("f", "isf", (1.0, 2.0, 6.1), (-1.0, 0.0, 0.0)),
    ("gengamma", "ppf", (0.0, 1.7, -1.2), (np.inf, 0.0, 0.0)),
    ("fisk", "ppf", (0.0, 1.0), (1.0, 0.0)), ("fisk", "cdf", (0.0, 1.0), None),
    ("burr", "ppf", (0.0, 2.0, 0.5), (1.0, 0.0, 0.0)), ("burr", "sf", (0.0, 2.0, 0.5), None),
    ("mielke", "isf", (1.0, 1.0, 1.9), (-1.0, 0.0, 0.0)), ("mielke", "cdf", (0.0, 1.0, 1.9), None),
    ("kappa3", "ppf", (0.0, 2.0), (np.sqrt(2.0), 0.0)), ("kappa3", "sf", (0.0, 2.0), None),
    ("kappa3", "ppf", (1.0, 1.0), (np.inf, 0.0)), ("powerlaw", "isf", (1.0, 1.0), (-1.0, 0.0)),
    ("genextreme", "ppf", (1.0, 1.0), (1.0, -1.0)), ("genextreme", "ppf", (1.0, 2.0), (0.0, -0.25)),
    ("genpareto", "isf", (0.0, -1.0), (-1.0, 1.0)), ("genpareto", "ppf", (1.0, 0.0), (np.inf, 0.0)),
    ("kappa4", "ppf", (1.0, 1.0, 1.0), (1.0, 0.0, -1.0)), ("triang", "ppf", (1.0, 1.0), (0.5, 0.5)),
    ("genhalflogistic", "ppf", (1.0, 1.0), (0.5, -1.0)),
    ("truncnorm", "cdf", (-0.7, -0.7, 1.9), None),
    ("tukeylambda", "ppf", (1.0, 1.0), (2.0, -1.0)), ("foldnorm", "cdf", (0.0, 1.3), None),
    ("rice", "cdf", (np.inf, 1.2), (0.0, 0.0)), ("rice", "sf", (1e300, 1.2), (0.0, 0.0)),
    ("skewcauchy", "cdf", (np.inf, 0.3), (0.0, 0.0)),
    ("skewcauchy", "sf", (-np.inf, 0.3), (0.0, 0.0)),
    ("ncx2", "pdf", (1e300, 3.4, 1.2), (0.0, 0.0, 0.0)),
    ("skewnorm", "cdf", (np.inf, 0.0), (0.0, 0.0)),
])  # fmt: skip
def test_slopes_at_the_ends_of_a_support(name, method, point, want):
    """Where a quantile is 0 or 1 the slope is that of the inverse, and the end moves with its
    shapes; a distribution function has the slope of its density (None), and is level far out."""
    f, plain = getattr(getattr(css, name), method), getattr(getattr(ss, name), method)
    np.testing.assert_allclose(float(f(cd.array(point[0]), *point[1:])), plain(*point), atol=1e-15)
    found = slopes(f, point)
    if want is None:
        density = getattr(ss, name).pdf(*point)
        found, want = found[:1], (density if method == "cdf" else -density,)
    np.testing.assert_allclose(found, want, rtol=1e-12)


def test_all_of_a_discrete_distribution():
    for method in ("cdf", "sf", "logcdf"):
        f = lambda n, p: getattr(css.nbinom, method)(np.inf, n, p)
        assert slopes(f, (4.5, 0.3)) == (0.0, 0.0)


def test_second_derivatives_in_the_middle_and_at_an_end():
    f = lambda x: css.wrapcauchy.logcdf(x, 0.4)
    slope = css.wrapcauchy.pdf(np.pi, 0.4) / 0.5
    np.testing.assert_allclose(slopes(cd.grad(f), (np.pi,)), (-(slope**2),), rtol=1e-12)
    for f in (css.gamma.cdf, css.beta.sf):  # 0 times the logarithm of 0
        shapes = (1.7, 2.4)[: 1 + (f == css.beta.sf)]
        assert cd.grad(cd.grad(f), argnums=1)(0.0, *shapes) == 0.0


def test_quantiles_of_probabilities_that_round_away():
    q = np.nextafter(1.0, 0.0)
    families = (css.powernorm, 2.3), (css.powerlognorm, 2.0, 0.8), (css.exponweib, 2.0, 1.3)
    for f, *shapes in families:
        x = f.isf(cd.array(q), *shapes).item()
        np.testing.assert_allclose(f.sf(cd.array(x), *shapes).item(), q, rtol=1e-12)
        assert np.isfinite(f.ppf(cd.array(q), *shapes).item())
    x = css.genlogistic.ppf(cd.array(1e-300), 0.5).item()
    np.testing.assert_allclose(x, 2 * np.log(1e-300))


@pytest.mark.parametrize(("name", "shapes"), [
    ("laplace", ()), ("gennorm", (0.6,)), ("gennorm", (1.0,)), ("gennorm", (1.7,)),
    ("gennorm", (2.0,)), ("dgamma", (1.0,)), ("dweibull", (1.0,)),
])  # fmt: skip
def test_the_middle_of_a_distribution(name, shapes):
    loc, scale, f = 0.3, 1.7, getattr(css, name)
    density = getattr(ss, name).pdf(loc, *shapes, loc, scale)
    for method, want in (("cdf", 1.0), ("sf", -1.0), ("logcdf", 2.0), ("logsf", -2.0)):
        by_x, by_loc = slopes(lambda x, m: getattr(f, method)(x, *shapes, m, scale), (loc, loc))
        np.testing.assert_allclose((by_x, by_loc), (want * density, -want * density), rtol=1e-13)
    for method, want in (("ppf", 1.0), ("isf", -1.0)):
        found = cd.grad(lambda q: getattr(f, method)(q, *shapes, loc, scale))(0.5)
        np.testing.assert_allclose(found, want / density, rtol=1e-13)


@pytest.mark.parametrize(("kind", "slope"), [("j", 0.0), ("y", np.inf), ("i", 0.0), ("k", -np.inf)])
def test_spherical_bessel_functions_of_order_zero_at_zero(kind, slope):
    f = getattr(csp, f"spherical_{kind}n")
    assert cd.grad(lambda x: f(0, x))(0.0) == cd.jvp(lambda x: f(0, x), (0.0,), (1.0,))[1] == slope


def test_curvature_in_the_middle():
    assert cd.grad(cd.grad(css.gennorm.logpdf))(0.0, 2.0) == -2.0
    third = cd.grad(cd.grad(cd.grad(css.gennorm.cdf)))(0.0, 2.0)
    np.testing.assert_allclose(third, -2 / np.sqrt(np.pi), rtol=1e-13)


@pytest.mark.parametrize(("name", "shapes", "x"), [
    ("triang", (1.0,), 1.0), ("exponweib", (1.0, 1.0), 0.0), ("loglaplace", (1.0,), 0.0),
    ("genhalflogistic", (1.0,), 1.0), ("powernorm", (1.0,), np.inf),
    ("powerlognorm", (1.0, 1.0), np.inf), ("powerlaw", (0.6,), 0.0), ("powerlaw", (0.6,), 1.0),
])  # fmt: skip
def test_densities_at_the_ends(name, shapes, x):
    for method in ("pdf", "cdf", "sf"):
        found = getattr(getattr(css, name), method)(cd.array(x), *shapes)
        assert float(found) == getattr(getattr(ss, name), method)(x, *shapes)


def test_slopes_at_the_ends():
    assert cd.grad(css.invgamma.pdf, argnums=1)(0.7, 2.0, 0.7) == 0.0  # at a Python 0.0
    assert cd.grad(css.genhalflogistic.logpdf)(2.5, 0.4) == -np.inf
    assert cd.grad(lambda p: css.bernoulli.logpmf(1, p))(1.0) == 1.0
    assert cd.grad(lambda p: css.binom.logpmf(4, 4, p))(1.0) == 4.0
    assert cd.grad(lambda p: css.geom.logpmf(1, p))(1.0) == 1.0
    assert cd.grad(css.beta.logpdf)(1.0, 2.0, 1.0) == 1.0
    assert float(css.tukeylambda.ppf(cd.array(0.0), 1.0)) == -1.0
    assert float(css.yulesimon.cdf(np.inf, cd.array(2.7))) == 1.0


@pytest.mark.parametrize(("name", "shapes", "x"), [
    ("ncf", (1.0, 1.0, 1.0), 4.2), ("ncf", (7.4, 0.6, 1.3), 4.2), ("nct", (0.5, 0.3), 40.0),
    ("nct", (1.0, 1.0), -1e4),
])  # fmt: skip
def test_probabilities_of_heavy_tails(name, shapes, x):
    for method in ("cdf", "sf"):
        found = getattr(getattr(css, name), method)(cd.array(x), *shapes)
        want = getattr(getattr(ss, name), method)(x, *shapes)
        np.testing.assert_allclose(float(found), want, rtol=1e-10)


def test_an_integral_up_to_an_end_where_a_factor_is_not_finite():
    f = lambda b: css.gausshyper.cdf(0.98, 1.0, b, 1.0, 1.0)
    by_hand = (ss.gausshyper.cdf(0.98, 1.0, 1.001, 1.0, 1.0)
               - ss.gausshyper.cdf(0.98, 1.0, 0.999, 1.0, 1.0)) / 0.002  # fmt: skip
    np.testing.assert_allclose(cd.grad(f)(1.0), by_hand, rtol=1e-4)


def _noncentral_t(x, df, nc):
    x, df, nc = (mpmath.mpf(z) for z in (x, df, nc))
    r = df + x * x
    z = nc * nc * x * x / (2 * r)
    odd = mpmath.sqrt(2) * nc * x / r * mpmath.hyp1f1(0.5 - df / 2, 1.5, -z)
    both = odd * mpmath.gamma(df / 2 + 1) / mpmath.gamma(df / 2 + 0.5)
    both += mpmath.hyp1f1(-df / 2, 0.5, -z) / mpmath.sqrt(r)
    rest = mpmath.loggamma(df + 1) - df * mpmath.log(2) - mpmath.loggamma(df / 2)
    return (df / 2 * mpmath.log(df / r) + rest - mpmath.loggamma(df / 2 + 1)
            - df / 2 * nc * nc / r + mpmath.log(both))  # fmt: skip


@pytest.mark.parametrize("point", [(-50.0, 5.3, 3.0), (-50.0, 100.0, 4.0), (2.0, 5.0, -3.0)])
def test_the_other_side_of_a_noncentral_distribution(point):
    with mpmath.workdps(60):
        want = [float(_noncentral_t(*point))]
        for k in range(3):
            moved = lambda z: _noncentral_t(*[z if i == k else x for i, x in enumerate(point)])
            want.append(float(mpmath.diff(moved, point[k])))
    found = [float(css.nct.logpdf(cd.array(point[0]), *point[1:]))]
    found += cd.grad(css.nct.logpdf, argnums=(0, 1, 2))(*point)
    np.testing.assert_allclose(found, want, rtol=1e-8)


def test_a_mean_of_tracked_numbers_in_a_list():
    cov = [[1.0, 0.2], [0.2, 1.0]]
    found = cd.grad(lambda m: css.multivariate_normal.logpdf([1.0, 2.0], [m, 1.0], cov))(0.3)
    np.testing.assert_allclose(found, 0.5208333333333333, rtol=1e-14)


# --- matrices


@pytest.mark.parametrize("f", [
    cslinalg.sqrtm, cslinalg.logm, lambda a: cslinalg.fractional_matrix_power(a, 0.3),
])  # fmt: skip
def test_roots_of_a_singular_matrix_have_no_derivative(f):
    loss = lambda a: np.sum(f(a))
    for gradient in (cd.grad(loss), cd.compile(cd.grad(loss)), cd.jacfwd(loss)):
        assert np.all(np.isfinite(gradient(np.array([[2.0, 1.0], [1.0, 2.0]]))))
        with pytest.raises(np.linalg.LinAlgError, match="add a small multiple of the identity"):
            gradient(np.ones((2, 2)))
    several = np.stack([np.eye(2), np.array([[2.0, 1.0], [1.0, 2.0]])])
    mapped = cd.vmap(cd.grad(loss))(several)
    np.testing.assert_allclose(mapped, [cd.grad(loss)(a) for a in several], rtol=1e-12)


@pytest.mark.parametrize("solve", [cslinalg.solve_continuous_are, cslinalg.solve_discrete_are])
def test_riccati_equations_without_control(solve):
    a = np.diag([-0.5, -0.25])
    f = lambda t: np.sum(solve(t * a, np.zeros((2, 1)), np.eye(2), np.eye(1)))
    np.testing.assert_allclose(f(cd.array(1.0)), f(1.0), rtol=1e-14)
    np.testing.assert_allclose(cd.grad(f)(1.0), (f(1.0001) - f(0.9999)) / 2e-4, rtol=1e-6)


# --- solvers


def test_linear_operators_of_scipy_ask_by_whole_numbers():
    operator = scipy.sparse.linalg.LinearOperator

    def solve(product, b):
        return scipy.sparse.linalg.gmres(operator((3, 3), matvec=product), b, rtol=1e-14)[0]

    d, b = np.array([2.0, 3.0, 4.0]), np.array([1.0, -2.0, 0.5])
    by_scipy = lambda d: cd.linear_solve(lambda x: d * x + 0.1 * np.sum(x), b, solve)
    directly = lambda d: cd.linear_solve(lambda x: d * x + 0.1 * np.sum(x), b)
    np.testing.assert_allclose(cd.jacobian(by_scipy)(d), cd.jacobian(directly)(d), rtol=1e-12)


def test_an_objective_of_differential_evolution():
    def least(a):
        found = scipy.optimize.differential_evolution(lambda x: np.sum((x - a) ** 2), [(0, 2)] * 2)
        return found.x[0]

    with pytest.raises(NotImplementedError, match="SciPy's minimizers take plain numbers"):
        cd.grad(least)(1.3)


def test_an_event_that_is_met_at_the_end_of_a_step():
    t, _ = cdi.ode_event(lambda t, y: 0.0 * y, 1.0, (0.0, 1.0), lambda t, y: t - 1.0)
    assert t == 1.0


def test_differential_equations_that_read_more_on_another_way():
    def bent(a):  # -2 * a is computed outside of what is recorded
        f = lambda t, y: -a * y if t < 0.5 else -2 * a * y
        return cdi.odeint(f, 1.0, np.array([0.0, 0.5, 1.0]))[-1]

    def met(a):
        f = lambda t, y: -a if t < 0.5 else -3 * a
        return cdi.ode_event(f, 3.0, (0.0, 10.0), lambda t, y: y)[0]

    for f, value, slope in (
        (bent, lambda a: np.exp(-1.5 * a), lambda a: -1.5 * np.exp(-1.5 * a)),
        (met, lambda a: 1 / a + 1 / 3, lambda a: -1 / a**2),
    ):
        compiled = cd.compile(f), cd.compile(cd.grad(f))
        for a in (1.3, 0.4, 5.0):
            np.testing.assert_allclose(f(a), value(a), rtol=1e-4)
            np.testing.assert_allclose(cd.grad(f)(a), slope(a), rtol=1e-4)
            assert (compiled[0](a), compiled[1](a)) == (f(a), cd.grad(f)(a))


def test_times_that_move_where_the_slope_jumps():
    f = lambda t: cdi.odeint(lambda s, y: -y * (1.0 if s < 0.5 else 3.0), 1.0, t, rtol=1e-10)
    times = np.array([0.0, 0.3, 1.0, 1.4])
    y = f(times)
    want = np.diag(-y * np.where(times < 0.5, 1.0, 3.0))
    want[:, 0] += y
    np.testing.assert_allclose(cd.jacobian(f)(times), want, atol=1e-7)
    np.testing.assert_allclose(cd.jacfwd(f)(times), want, atol=1e-7)


def test_a_state_at_one_time_only():
    last = lambda y: cdi.odeint(lambda t, y: -y, y, np.array([1.0]))[0]
    assert (last(1.3), cd.grad(last)(1.3), cd.compile(cd.grad(last))(1.3)) == (1.3, 1.0, 1.0)


def test_a_matrix_that_is_said_to_be_symmetric():
    a, b = np.array([[1.0, 2.0], [0.0, 3.0]]), np.array([1.0, 5.0])
    with pytest.raises(ValueError, match="not symmetric"):
        cd.linear_solve(lambda x: a @ x, b, symmetric=True)
    found = cd.linear_solve(lambda x: (a @ a.T) @ x, b, symmetric=True)
    np.testing.assert_allclose(a @ a.T @ found, b)


def test_the_distance_of_equal_distributions():
    x = np.array([[1.0, 2.0, 3.0], [2.0, 1.0, 0.5], [1.0, 2.0, 3.0]])
    found = cd.grad(lambda x: np.sum(cdistance.pdist(x, "jensenshannon")[1]))(x)
    assert np.array_equal(found, np.zeros((3, 3)))


def test_products_and_sums_of_sparse_matrices():
    rng = np.random.default_rng(2)
    s = scipy.sparse.random_array((6, 6), density=0.4, rng=rng, format="csr")
    other = scipy.sparse.random_array((6, 4), density=0.5, rng=rng, format="csc")
    made = lambda d: csparse.csr_array((d, s.indices, s.indptr), shape=s.shape)
    for f in (
        lambda d: (made(d) @ made(d * d)).toarray(), lambda d: (made(d) @ other).toarray(),
        lambda d: (other.T.tocsr() @ made(d)).toarray(), lambda d: made(d).sum(),
        lambda d: made(d).sum(axis=0), lambda d: made(d).sum(axis=1),
    ):  # fmt: skip
        np.testing.assert_allclose(f(cd.array(s.data)), f(s.data), rtol=1e-14)
        jacobian = cd.jacobian(f)(s.data)
        np.testing.assert_allclose(jacobian, cd.jacfwd(f)(s.data), rtol=1e-13)
        step = 1e-6 * rng.normal(size=s.nnz)
        moved = (f(s.data + step) - f(s.data - step)) / 2
        np.testing.assert_allclose(jacobian @ step, moved, rtol=1e-5, atol=1e-12)
    with pytest.raises(ValueError, match="sparse matmul: shapes"):
        made(cd.array(s.data)) @ other.T
    with pytest.raises(ValueError, match="axes 0 and 1"):
        made(cd.array(s.data)).sum(axis=2)
