"""Calls that SciPy takes, or refuses, and that were once answered otherwise: dtypes, short
integers, stacks, points outside of a domain, samples that are too few.

Each is compared with SciPy's own answer, derivatives with differences of it. It must not know how a
function is made.
"""

import importlib
import io

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
import scipy.special
import scipy.stats

import cdiff as cd
import cdiff.scipy.linalg as csl
import cdiff.scipy.signal as csg
import cdiff.scipy.special as csp
import cdiff.scipy.stats as css
from cdiff.scipy._stats_table import CONTINUOUS

RNG = np.random.default_rng(11)
A = RNG.standard_normal((4, 4)) + 4 * np.eye(4)
STACK = np.stack([A @ A.T, A.T @ A + np.eye(4)])
SINGLE = np.array([1.5, -2.0, 0.25, 3.0], np.float32)
SHORT = np.array([100, -90, 3, 7], np.int8)


def modules(name):
    return [importlib.import_module(f"{package}.{name}") for package in ("scipy", "cdiff.scipy")]


def leaves(y):
    return [x for part in y for x in leaves(part)] if isinstance(y, (tuple, list)) else [y]


def check_same(module, f, *args, rtol=1e-9):
    """Values, shapes and dtypes of SciPy's."""
    theirs, ours = modules(module)
    want, got = leaves(f(theirs, *args)), leaves(f(ours, *map(cd.array, args)))
    assert len(want) == len(got)
    single = any(np.dtype(x.dtype) in (np.float32, np.complex64) for x in args)
    rtol, atol = (2e-5, 1e-6) if single else (rtol, 1e-14)
    for w, g in zip(want, got, strict=True):
        w = np.asarray(w)
        assert np.shape(g) == w.shape
        assert g.dtype == w.dtype
        np.testing.assert_allclose(np.asarray(g), w, rtol=rtol, atol=atol)


# --- linalg ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [
    lambda m, a: m.cholesky(a), lambda m, a: m.eigvalsh(a), lambda m, a: m.pinvh(a),
    lambda m, a: m.inv(a, assume_a="her"), lambda m, a: m.ldl(a)[1], lambda m, a: m.det(a),
    lambda m, a: m.det(a[:2, :2].real),
])  # fmt: skip
def test_hermitian_matrices_in_single_precision(f):
    h = np.array([[4, 1 + 1j, 0], [1 - 1j, 3, 1j], [0, -1j, 5]], np.complex64)
    check_same("linalg", f, h)


@pytest.mark.parametrize("f", [
    lambda m, c: m.hankel(c), lambda m, c: m.hankel(c, c[::-1]), lambda m, c: m.companion(c),
    lambda m, c: m.block_diag(c, c.reshape(2, 2)), lambda m, c: m.leslie(c, c[1:]),
    lambda m, c: m.eigvalsh_tridiagonal(c, c[1:]),
])  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.int32])
def test_dtypes_of_matrices_of_vectors(f, dtype):
    c = SINGLE.astype(dtype) + dtype(5)
    if np.dtype(dtype).kind == "i" and f(scipy.linalg, c).dtype == np.float32:
        pytest.skip("LAPACK's driver of SciPy's")
    check_same("linalg", f, c)


def test_exchanged_rows_are_short_integers():
    check_same("linalg", lambda m, a: m.lu(a, p_indices=True), A)


def test_stacks_of_matrices():
    for index in ((1, 2), (0, 3)):
        check_same("linalg", lambda m, a, i=index: m.eigh(a, subset_by_index=i), STACK)
    b = np.arange(1.0, 5.0)
    for lower in (True, False):
        factors = np.linalg.cholesky(STACK) if lower else np.linalg.cholesky(STACK).mT
        found = csl.cho_solve((cd.array(factors), lower), b)
        np.testing.assert_allclose(found.numpy(), np.linalg.solve(STACK, b), rtol=1e-9)


def test_unitary_factors_of_singular_matrices_have_no_derivative():
    flat = np.outer([1.0, 2.0], [3.0, -1.0])
    for f in (lambda a: csl.polar(a)[0], lambda a: csl.orthogonal_procrustes(a, np.eye(2))[0]):
        with pytest.raises(np.linalg.LinAlgError, match="rank"):
            cd.jvp(f, (flat,), (np.ones((2, 2)),))
        with pytest.raises(np.linalg.LinAlgError, match="rank"):
            cd.grad(lambda a, f=f: f(a).sum())(flat)


# --- distances, integrals, transforms -------------------------------------------------------------


@pytest.mark.parametrize("name", ["canberra", "braycurtis", "sqeuclidean"])
@pytest.mark.parametrize("v", [SHORT[::-1].copy(), SHORT > 5, SINGLE])
def test_distances_of_short_integers_do_not_overflow(name, v):
    check_same("spatial.distance", lambda m, u, v: getattr(m, name)(u, v), SHORT, v)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "mahalanobis", "seuclidean"])
def test_distances_of_single_precision_are_computed_in_double(metric):
    x = RNG.standard_normal((5, 3)).astype(np.float32) + 10
    want = modules("spatial.distance")[0].pdist(x, metric)
    found = modules("spatial.distance")[1].pdist(cd.array(x), metric)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found.numpy(), want, rtol=1e-9)
    check_same("spatial.distance", lambda m, x: m.cdist(x, x[:2], metric), x)


def test_too_few_points():
    distance, interpolate = (modules(n)[1] for n in ("spatial.distance", "interpolate"))
    with pytest.raises(ValueError, match="number of observations"):
        distance.pdist(cd.array(np.eye(3)), "mahalanobis")
    with pytest.raises(ValueError, match="at least 3 data points"):
        interpolate.RBFInterpolator(cd.array(np.eye(2)), np.ones(2))
    integrate = modules("integrate")[1]
    for name in ("simpson", "cumulative_trapezoid", "cumulative_simpson"):
        with pytest.raises(ValueError, match="at least one point"):
            getattr(integrate, name)(cd.array(np.ones((3, 0))))
    with pytest.raises(ValueError, match="initial"):
        integrate.cumulative_simpson(cd.array(np.ones((3, 4))), initial=np.zeros(1))


@pytest.mark.parametrize("f", [
    lambda m, y: m.simpson(y), lambda m, y: m.simpson(y[:3]), lambda m, y: m.cumulative_simpson(y),
    lambda m, y: m.trapezoid(y, x=np.arange(4.0)), lambda m, y: m.cumulative_simpson(y[:2]),
    lambda m, y: m.trapezoid(y, dx=0.5), lambda m, y: m.simpson(y[:3], dx=np.float64(0.5)),
])  # fmt: skip
@pytest.mark.parametrize("y", [SINGLE, SHORT // 4, SINGLE + 1j], ids=["f4", "i1", "c8"])
def test_dtypes_of_integrals(f, y):
    check_same("integrate", f, y.astype(np.complex64) if y.dtype.kind == "c" else y)


def test_hankel_transforms_in_single_precision():
    check_same("fft", lambda m, y: m.fht(y, 0.1, 0.5), SINGLE)
    check_same("fft", lambda m, y: m.ifht(y, 0.1, 0.5, bias=0.1), SINGLE)


# --- interpolate ----------------------------------------------------------------------------------


def test_queries_of_scattered_points_as_one_list():
    points = np.array([[0.0, 0.0], [1.0, 0.1], [0.0, 1.0], [1.2, 1.0]])
    for name in ("LinearNDInterpolator", "NearestNDInterpolator"):
        for values in (np.arange(4.0), np.arange(8.0).reshape(4, 2)):
            for query in (np.array([0.3, 0.4]), np.array([0.3, 0.4, 0.2, 0.1])):
                check_same("interpolate", lambda m, v, q, n=name: getattr(m, n)(points, v)(q),
                           values, query)  # fmt: skip


def test_interpolants_of_other_dtypes():
    x = np.array([0.1, 0.3, 0.7, 1.1], np.float32)
    y, q = np.array([1.0, 3.0, 2.0, 5.0]), np.array([0.2, 0.9])
    check_same("interpolate", lambda m, x, y, q: m.CubicSpline(x, y)(q), x, y, q, rtol=1e-12)
    check_same("interpolate", lambda m, x, y, q: m.CubicSpline(x, y).x, np.arange(4), y, q)
    c = np.array([[1, 0, 1], [2, 3, 4]])
    for dtype in (bool, np.int64, np.float32, np.complex64):
        check_same("interpolate", lambda m, c, x, q: m.PPoly(c, x)(q, 1), c.astype(dtype),
                   y.cumsum(), q)  # fmt: skip
    interpolate = modules("interpolate")[1]
    with pytest.raises(ValueError, match="real values"):
        interpolate.Akima1DInterpolator(np.arange(4), cd.array(y + 1j))(0.5)
    assert np.isnan(interpolate.interp1d([1.0], cd.array([2.0]))(np.nan).numpy())
    found = interpolate.interp1d(x, cd.array(y), bounds_error=False, fill_value=(7.0,))(9.0)
    assert found.numpy() == 7.0


# --- ndimage --------------------------------------------------------------------------------------


@pytest.mark.parametrize("angle", [90, 180.0, -90.0, 270])
@pytest.mark.parametrize("mode", ["constant", "wrap", "nearest"])
def test_quarter_turns_are_exact(angle, mode):
    """An element on the border was outside by a rounding error."""
    image = RNG.standard_normal((3, 4, 2))
    for order in (0, 1, 3):
        check_same("ndimage", lambda m, x, k=order: m.rotate(x, angle, order=k, mode=mode), image)


# --- special --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "args"), [
    ("fdtr", (0.0, 1.0, 0.5)), ("nrdtrimn", (0.3, 0.0, 1.0)), ("pdtri", (1.0, 1.0)),
    ("pdtr", (-1.0, 0.5)), ("chdtri", (1.0, 2.35)), ("pdtrc", (-1.0, 0.9)),
    ("chdtr", (2.0, 1.5)), ("fdtri", (2.0, 3.0, 0.4)),
])  # fmt: skip
def test_values_outside_of_a_domain_are_those_of_scipy(name, args):
    want = getattr(scipy.special, name)(*args)
    f = getattr(csp, name)
    for found in (f(*map(cd.array, args)), cd.compile(f)(*map(cd.array, args)),
                  cd.vmap(f)(*[np.array([x, x]) for x in args])[1]):  # fmt: skip
        np.testing.assert_allclose(np.asarray(found), want, rtol=1e-12)
    first = [[x] for x in args[:-1]]
    np.testing.assert_allclose(f(*first, cd.array(args[-1])).numpy(), [want], rtol=1e-12)


@pytest.mark.parametrize("k", [1, 2.7, 3, 4])
@pytest.mark.parametrize("p", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("name", ["bdtr", "bdtrc"])
def test_all_of_a_binomial_distribution(name, p, k):
    want = getattr(scipy.special, name)(float(k), 3, p)
    np.testing.assert_allclose(float(getattr(csp, name)(float(k), 3, cd.array(p))), want)


@pytest.mark.parametrize(("f", "point"), [
    ("poch", (-3.01, 1.0)), ("poch", (-1.46, 2.0)), ("poch", (-1.0, 0.3638)),
    ("poch", (-2.3, 0.4)), ("poch", (2.5, 1.3)), ("binom", (-1.786, 1.9987)),
    ("binom", (-2.6, 0.3)), ("binom", (0.4, 2.7)),
    ("binom", (-3.3, -0.6)), ("voigt_profile", (-2.7, -1.0, 0.1)),
    ("voigt_profile", (0.7, 1.0, -1.0)),
])  # fmt: skip
def test_derivatives_left_of_the_poles(f, point):
    ours, theirs = getattr(csp, f), getattr(scipy.special, f)
    for k in range(len(point)):
        if (f, k) == ("poch", 1) and point[0] == -1.0:
            continue
        beside = [theirs(*[x + h * (i == k) for i, x in enumerate(point)])
                  for h in (-2e-4, -1e-4, 1e-4, 2e-4)]  # fmt: skip
        want = (beside[0] - 8 * beside[1] + 8 * beside[2] - beside[3]) / 1.2e-3
        np.testing.assert_allclose(cd.grad(ours, argnums=k)(*point), want, rtol=1e-7)


def test_multigammaln_refuses_what_scipy_refuses():
    for a, d in ((0.4, 2), ([3.0, 1.0], 3)):
        with pytest.raises(ValueError, match="condition a"):
            csp.multigammaln(cd.array(a), d)


@pytest.mark.parametrize("b", [None, np.array([1j, 2.0, -1.0]), np.array([1.0, -2.0, 0.5])])
def test_signs_of_complex_sums_of_exponentials(b):
    z = np.array([1 + 1j, 2 - 0.5j, 0.3j])
    check_same("special", lambda m, z: m.logsumexp(z, b=b, return_sign=True), z)
    check_same("special", lambda m, z: m.logsumexp(z, b=b, return_sign=True), z.real + 1)


# --- quantiles without an inverse function --------------------------------------------------------


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ["vonmises", "nct", "rice", "skewnorm", "cosine", "pearson3"])
def test_quantiles_that_are_searched_for(name):
    """Value, dtype and form are SciPy's; the derivatives of order two those of the first ones."""
    shapes = CONTINUOUS[name].at
    q = np.array([[0.0], [0.3], [1.0], [np.nan], [1.1]])
    for method in ("ppf", "isf"):
        plain, mine = [getattr(getattr(m, name), method) for m in (scipy.stats, css)]
        np.testing.assert_array_equal(mine(cd.array(q), *shapes).numpy(), plain(q, *shapes))
        slope = cd.grad(mine)
        for k in range(1 + len(shapes)):
            point, h = [0.3, *shapes], 1e-4
            beside = [slope(*[x + e * (i == k) for i, x in enumerate(point)]) for e in (-h, h)]
            second = cd.grad(slope, argnums=k)
            want = (beside[1] - beside[0]) / (2 * h)
            np.testing.assert_allclose(second(*point), want, rtol=1e-5, atol=1e-7)
            compiled = cd.compile(second)
            compiled(*[x + 0.05 for x in point])
            np.testing.assert_allclose(compiled(*point), second(*point), rtol=1e-9)
            many = cd.vmap(second)(*[np.array([x + 0.02, x]) for x in point])
            np.testing.assert_allclose(many[1], second(*point), rtol=1e-9)
    assert np.isnan(getattr(css, name).ppf(cd.array(0.3), *shapes, scale=-1.0).item())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("name", "x", "shapes", "slope"), [
    ("genextreme", 1.0, (1.0,), 0.5), ("genextreme", 0.5, (2.0,), None),
    ("mielke", 0.0, (1.0, 1.9), 0.0), ("mielke", 0.0, (0.5, 1.9), None),
    ("kappa4", 0.0, (1.0, 0.5), -0.5), ("kappa4", 1.0, (0.5, 1.0), 0.25),
    ("kappa4", 0.0, (1.0, 1.0), 0.0), ("kappa4", 0.5, (0.5, 2.0), None),
])  # fmt: skip
def test_densities_that_do_not_vanish_at_the_ends(name, x, shapes, slope):
    """They were 0 there; the slope is the mean of that inside and that outside where it jumps."""
    plain, mine = [getattr(m, name) for m in (scipy.stats, css)]
    np.testing.assert_allclose(mine.pdf(cd.array(x), *shapes).item(), plain.pdf(x, *shapes))
    np.testing.assert_allclose(mine.cdf(cd.array(x), *shapes).item(), plain.cdf(x, *shapes))
    if slope is not None:
        np.testing.assert_allclose(cd.grad(mine.logpdf)(x, *shapes), slope, atol=1e-12)


def test_functions_of_whole_numbers_are_not_cut():
    check_same("special", lambda m, x: m.inv_boxcox(x, 1), np.array([2, 0, 3]))
    check_same("special", lambda m, x: m.inv_boxcox1p(x, 2), np.array([2, 0, 3]))
    for dtype in (np.int8, bool):
        z = np.array([1, 0, 1]).astype(dtype)
        want = scipy.special.hankel1e(0.5, z[::2].astype(float))
        np.testing.assert_allclose(csp.hankel1e(0.5, cd.array(z[::2])).numpy(), want, rtol=1e-12)


# --- filters between two rates --------------------------------------------------------------------


@pytest.mark.parametrize(("up", "down"), [(1, 10), (3, 2), (4, 6)])
def test_filters_between_rates_are_scipys_own_where_there_is_much_to_add(up, down):
    x = RNG.normal(size=20000)
    for name, more in (("resample_poly", ()), ("upfirdn", (np.ones(50),))):
        plain, mine = [getattr(m, name) for m in (scipy.signal, csg)]
        want = plain(*more, x, up, down)
        np.testing.assert_array_equal(mine(*more, cd.array(x), up, down).numpy(), want)


@pytest.mark.parametrize(("up", "down"), [(1, 10), (3, 2), (4, 6)])
@pytest.mark.parametrize("shape", [(9,), (2, 5)])
def test_calls_of_such_filters_have_the_derivatives_of_sums(up, down, shape, monkeypatch):
    """What is written down as products for few samples is the reference."""
    h, x = RNG.normal(size=7), RNG.normal(size=shape)

    def f(h, x):
        return csg.upfirdn(h, x, up, down)

    def loss(h, x):
        return np.sum(np.sin(f(h, x)))

    def found():
        each = [f(h, x), cd.jvp(f, (h, x), (h, -x))[1], *cd.grad(loss, (0, 1))(h, x)]
        each += [block for row in cd.hessian(loss, (0, 1))(h, x) for block in row]
        for axes in ((0, 0), (None, 0), (0, None)):
            points = [a if k is None else np.stack([a, a * a])
                      for a, k in zip((h, x), axes, strict=True)]  # fmt: skip
            each += cd.vmap(cd.grad(loss, (0, 1)), axes)(*points)
        if x.ndim == 1:
            each += [cd.sparse_jacobian(f, k)(h, x).toarray() for k in (0, 1)]
        saved = cd.compile(cd.grad(loss, (0, 1)))
        saved(h, x)
        file = io.BytesIO()
        saved.save(file)
        file.seek(0)
        return each + list(cd.load(file)(h, x))

    want = found()
    monkeypatch.setattr("cdiff.scipy._samples.MOST_GATHERED", 0)
    for a, b in zip(found(), want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
