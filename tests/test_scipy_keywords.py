"""The rarer keywords of SciPy: each call gives what SciPy gives, or the error that SciPy gives.

Values are compared with SciPy's, derivatives by every argument (both modes, compiled and mapped)
with differences of SciPy's values. It must not know how a derivative is made.
"""

from importlib import import_module

import numpy as np
import pytest
import scipy.sparse as ss
from scipy_checks import flat

import cdiff as cd

rng = np.random.default_rng(11)
V, W, T = rng.normal(size=7), rng.normal(size=4), rng.uniform(0.2, 1.0, size=(4, 3))
M, K, CUBE = rng.normal(size=(5, 6)), rng.normal(size=(2, 3)), rng.normal(size=(3, 4, 5))
X, Y, AR = np.cumsum(rng.uniform(0.4, 1.0, 7)), rng.normal(size=7), np.array([1.2, -0.5, 0.3])
TALL, SQUARE = rng.normal(size=(4, 3)), rng.normal(size=(3, 3)) + 3 * np.eye(3)
TWICE, LAST_TWICE = X[[0, 1, 1, 3, 4, 5, 6]], X[[0, 1, 2, 3, 4, 5, 5]]
ONE, TWO, Q = np.array(1.3), np.array([0.8, 1.1]), np.array([0.2, 0.6])
U, P = rng.uniform(0.2, 1.0, size=5), rng.uniform(0.2, 1.0, size=5)
GRID = (np.arange(4.0), np.arange(5.0))
SOS = np.array([1.0, 0.4, 0.2, 1.0, -0.3, 0.1])
COUNTS, SHARES, DISTANCES = [2, 1, 3], np.array([1.5, 2.0, 0.7]), np.arange(1.0, 7.0)
ROWS = ([0, 1, 0, 2], [0, 1, 2, 4])
Z, ZK = M + 0.3j * M[::-1], K[0] + 0.2j * K[1]

# A name, a call of the function of that name, and what is differentiated.
SAME = [
    ("signal.windows.gaussian", lambda f, s: f(1, s, sym=False), (ONE,)),
    ("signal.windows.exponential", lambda f, t: f(1, 0.7, t, sym=False), (ONE,)),
    ("signal.windows.kaiser", lambda f, b: f(1, b, sym=False, xp=None, device=None), (ONE,)),
    ("signal.windows.general_cosine", lambda f, a: f(1, a), (AR,)),
    ("signal.windows.general_hamming", lambda f, a: f(0, a), (ONE,)),
    ("signal.fftconvolve", lambda f, a, b: f(a[:, :1], b, "same", axes=0), (M, K)),
    ("signal.fftconvolve", lambda f, a, b: f(a[:, :1], b, "valid"), (M, K)),
    ("signal.oaconvolve", lambda f, a, b: f(a[:1], b[:, :1], "full", axes=1), (M, K)),
    ("signal.lfilter", lambda f, b, a, x, z: f(b, a, 1j * x + x[::-1], zi=z), (W, AR, V, V[:3])),
    ("signal.sosfilt", lambda f, x: f(SOS, x + 1j), (V,)),
    ("signal.detrend", lambda f, x: f(x * (1 + 2j), axis=0, bp=[2]), (M,)),
    ("integrate.simpson", lambda f, y: f(y, x=TWICE), (Y,)),
    ("integrate.simpson", lambda f, y: f(y[:6], x=TWICE[:6]), (Y,)),
    ("integrate.simpson", lambda f, y: f(y, x=LAST_TWICE), (Y,)),
    ("integrate.simpson", lambda f, y: f(y[:6], x=LAST_TWICE[1:]), (Y,)),
    ("integrate.simpson", lambda f, y, d: f(y[:6], dx=d), (Y, ONE)),
    ("integrate.trapezoid", lambda f, y, x: f(y, x, axis=0), (T, X[:4, None])),
    ("integrate.trapezoid", lambda f, y: f(y, dx=[[0.1], [0.2], [0.3], [0.4]]), (T,)),
    ("integrate.cumulative_simpson", lambda f, y, d: f(y, dx=d), (M, X[:5, None])),
    ("integrate.cumulative_simpson", lambda f, y, i: f(y, axis=0, initial=i), (M, M[:1])),
    ("spatial.distance.jensenshannon", lambda f, p, q: f(p, q, 2.0, axis=0), (T, T[::-1])),
    ("spatial.distance.jensenshannon", lambda f, p, q: f(p, q, axis=1, keepdims=True),
     (T, T[::-1])),
    ("spatial.distance.mahalanobis", lambda f, u, v, w: f(u[:1], v[:1], w), (U, P, ONE)),
    ("spatial.distance.cdist", lambda f, a, b: f(a, b, "sqe"), (T, T[::-1] + 1)),
    ("spatial.distance.squareform", lambda f, x: f(x, "tomatrix", checks=False), (DISTANCES,)),
    ("ndimage.convolve1d", lambda f, a, w: f(a, w + 1j * w[::-1], 0), (M, AR)),
    ("ndimage.uniform_filter1d", lambda f, a: f(a, 1), (V,)),
    ("ndimage.gaussian_filter", lambda f, a: f(a, 1.3, truncate=1.5), (M,)),
    ("special.jvp", lambda f, z: f(1.5, z), (U,)),
    ("ndimage.convolve", lambda f, a, w: f(a, w * (1 + 2j)), (M, K)),
    ("ndimage.convolve", lambda f, a, w: f(a, w, axes=(2, 0), origin=(-1, 0)), (CUBE, K)),
    ("ndimage.correlate", lambda f, a, w: f(a, w, axes=(2, 1), origin=[-1, 0]), (CUBE, K)),
    ("ndimage.gaussian_filter", lambda f, a, s: f(a, s, (0, 1), axes=(1, 0), radius=(1, 2)),
     (M, TWO)),
    ("ndimage.gaussian_filter", lambda f, a, s: f(a, [s, 2 * s], axes=(0, 1)), (M, ONE)),
    ("ndimage.uniform_filter", lambda f, a: f(a, (2, 3), axes=(1, 0), origin=(-1, 1)), (M,)),
    ("ndimage.uniform_filter", lambda f, a: f(a, 0), (M,)),
    ("ndimage.laplace", lambda f, a: f(a, mode=("wrap", "nearest"), axes=(1, 0)), (M,)),
    ("ndimage.laplace", lambda f, a: f(a, axes=()), (M,)),
    ("ndimage.gaussian_laplace", lambda f, a, s: f(a, s, mode=("wrap", "nearest")), (M, ONE)),
    ("ndimage.gaussian_laplace", lambda f, a, s: f(a, s, axes=0), (M, ONE)),
    ("ndimage.gaussian_gradient_magnitude", lambda f, a, s: f(a, s, axes=0), (M, ONE)),
    ("ndimage.gaussian_gradient_magnitude",
     lambda f, a, s: f(a, s, axes=(1, 0), mode=("wrap", "nearest")), (M, ONE)),
    ("ndimage.shift", lambda f, a: f(a, [0.3, np.nan], cval=0.7), (M,)),
    ("ndimage.correlate1d", lambda f, a: f(a[:0], [1.0, 2.0], 0), (M,)),
    ("linalg.pinv", lambda f, a: f(a, rtol=0.3), (TALL,)),
    ("linalg.pinv", lambda f, a: f(0.01 * a, atol=0.012, rtol=0.0), (TALL,)),
    ("linalg.eigvalsh", lambda f, a: f(a + a.T, driver="ev"), (SQUARE,)),
    ("linalg.pinv", lambda f, a: f(a, atol=1.3, rtol=0.1), (TALL.T,)),
    ("linalg.pinv", lambda f, a: f(a, atol=1e-3, return_rank=True)[0], (SQUARE,)),
    ("linalg.pinvh", lambda f, a: f(a + a.T, rtol=0.5), (SQUARE,)),
    ("linalg.lstsq", lambda f, a, b: f(a, b, cond=0.5)[0], (TALL, W)),
    ("linalg.svd", lambda f, a: f(a, False, lapack_driver="gesvd"), (TALL,)),
    ("linalg.eigh", lambda f, a: f(a + a.T, driver="ev")[0], (SQUARE,)),
    ("interpolate.interp1d", lambda f, y: f(X, y, 0)([np.nan, X[2] + 0.1])[1:], (Y,)),
    ("interpolate.PPoly", lambda f, c: f(c, X).derivative().integrate(1.0, 2.0), (M[:4],)),
    ("interpolate.BSpline", lambda f, c: f(X, c, 2).derivative(-1)(2.1), (W,)),
    ("interpolate.BSpline", lambda f, c: f(X, c, 2).antiderivative(-1)(2.1), (W,)),
    ("interpolate.RegularGridInterpolator",
     lambda f, v: f(GRID, v, "slinear")([[1.2, 0.3]], nu=np.array([1, 0])), (CUBE[0].copy(),)),
    ("interpolate.interpn", lambda f, v: f(GRID, v, np.zeros((0, 2))), (CUBE[0].copy(),)),
    ("stats.norm", lambda f, q, s: f.ppf(q=q, scale=s), (Q, ONE)),
    ("stats.norm", lambda f, x, s: f(0.1, s).logpdf(x=x), (Q, ONE)),
    ("stats.norm", lambda f, x: f.logpdf(x, [0.0, 0.1], [1.0, 2.0]), (Q,)),
    ("stats.norm", lambda f, s: f.interval(confidence=[0.3, 0.9], scale=s), (ONE,)),
    ("stats.t", lambda f, x: f.cdf(x, [2.5]), (Q,)),
    ("stats.poisson", lambda f, m: f.logpmf(k=[1, 2], mu=m), (ONE,)),
    ("stats.t", lambda f, x, s: f.logpdf(x, np.inf, 0.1, s), (Q, ONE)),
    ("stats.t", lambda f, x, s: f.cdf(x, df=np.inf, scale=s), (Q, ONE)),
    ("stats.t", lambda f, q: f.ppf(q, np.inf), (Q,)),
    ("stats.gengamma", lambda f, x, c: f.logpdf(x, 2.0, -c), (Q, ONE)),
    ("stats.gengamma", lambda f, x, a, c: f.cdf(x, a, -c), (Q, TWO, ONE)),
    ("stats.gengamma", lambda f, x, c: f.logsf(x, 2.0, -c), (Q, ONE)),
    ("stats.gengamma", lambda f, q, c: f.ppf(q, 2.0, -c) + f.isf(q, 2.0, -c), (Q, ONE)),
    ("stats.gengamma", lambda f, c: f.pdf([0.0, 0.2], 2.0, -c), (ONE,)),
    ("stats.multivariate_t", lambda f, x, s: f.logpdf(x, shape=s, df=np.inf), (Q, ONE)),
    ("stats.dirichlet", lambda f, a: f.logpdf(np.array([[0.2], [0.5], [0.3]]), a), (SHARES,)),
    ("stats.normal_inverse_gamma", lambda f, x: f.logpdf(x, [1.0, 2.0], [0.1, 0.2]), (Q,)),
]  # fmt: skip
NAN = [
    ("stats.cauchy", lambda f, q: f.ppf(q), np.array([-0.1, 1.1, np.nan])),
    ("stats.uniform", lambda f, q: f.isf(q), np.array([-0.1, np.inf, -np.inf])),
    ("stats.exponnorm", lambda f, x: f.logpdf(x, 0.0), Q),
    ("stats.genhyperbolic", lambda f, x: f.cdf(x, np.nan, 1.6, 0.4), Q),
    ("stats.pearson3", lambda f, x: f.cdf(x, np.nan), Q),
    ("stats.poisson", lambda f, m: f.logpmf([np.nan], m), Q),
    ("stats.poisson", lambda f, m: f.pmf([1], m, loc=np.nan), Q),
    ("stats.binom", lambda f, p: f.pmf(1, 2.5, p), Q),
    ("stats.boltzmann", lambda f, s: f.pmf(1, s, 2.5), Q),
    ("stats.betabinom", lambda f, a: f.pmf(1, 2.5, a, 1.0), Q),
    ("stats.multinomial", lambda f, p: f.logpmf(COUNTS, -1, p), SHARES / 4.2),
    ("stats.normal_inverse_gamma", lambda f, x: f.logpdf(x, 1.0, a=-1.5), Q),
]
# The same with what SciPy refuses, the error, and what it says.
REFUSED = [
    ("signal.windows.gaussian", lambda f, s: f(5, s, foo=1), ONE, TypeError, "gaussian.*foo"),
    ("signal.windows.kaiser", lambda f, s: f(5.5, s), ONE, ValueError, "kaiser.*5.5"),
    ("signal.sosfilt", lambda f, x: f(2 * SOS, x), V, ValueError, "should be all ones"),
    ("signal.sosfilt", lambda f, x: f(SOS, x, zi=np.zeros((2, 2))), V, ValueError, r"\(1, 2\)"),
    ("signal.hilbert", lambda f, x: f(x * 1j), V, ValueError, "hilbert"),
    ("signal.upfirdn", lambda f, x: f([x, x], x), V, ValueError, r"h must be 1-D.*\(2, "),
    ("signal.upfirdn", lambda f, x: f(x, x, 0), V, ValueError, "upfirdn: up and down.* 0 and 1"),
    ("signal.resample_poly", lambda f, x: f(x, 2.5, 1), V, ValueError, "integers, not 2.5 and 1"),
    ("signal.resample_poly", lambda f, x: f(x, 2, 1, window=[x, x]), V, ValueError, "must be 1-D"),
    ("signal.decimate", lambda f, x: f(x, 2.5), V, TypeError, "integer"),
    ("fft.fftn", lambda f, x: f(x, plan=1), V, TypeError, "fftn.*plan"),
    ("fft.fft", lambda f, x: f(x, plan=1), V, TypeError, "fft.*plan"),
    ("fft.dctn", lambda f, x: f(x, s=(1.5,)), V, TypeError, "integer"),
    ("ndimage.uniform_filter1d", lambda f, x: f(x, 0), V, RuntimeError, "filter size 0"),
    ("special.multigammaln", lambda f, x: f(x, 1.5), U + 2, ValueError, "positive integer"),
    ("integrate.cumulative_simpson", lambda f, y: f(y, x=TWICE), Y, ValueError, "increasing"),
    ("integrate.cumulative_simpson", lambda f, y: f(y, dx=X[:6]), Y, ValueError, r"\(1,\)"),
    ("integrate.simpson", lambda f, y: f(y, x=np.array(1.0)), Y, ValueError, "simpson"),
    ("spatial.distance.euclidean", lambda f, u: f(u, P, -P), U, ValueError, "non-negative"),
    ("spatial.distance.cdist", lambda f, a: f(a, a, "cityblock", w=-AR**2), T, ValueError,
     "non-negative"),
    ("spatial.distance.cdist", lambda f, a: f(a, a, "cosine", w=2.0), T, ValueError, "weights"),
    ("spatial.distance.cdist", lambda f, a: f(a, a, "euclidean", p=3), T, TypeError, "euclid.*p"),
    ("spatial.distance.minkowski", lambda f, u: f(u, P, p=-1), U, ValueError, "greater than 0"),
    ("spatial.distance.cosine", lambda f, u: f(u, 1j * P), U, TypeError, "real"),
    ("spatial.distance.seuclidean", lambda f, u: f(u, P, -P), U, ValueError, "negative"),
    ("spatial.distance.squareform", lambda f, x: f(x, "tovector"), U[:3], ValueError, "force"),
    ("spatial.distance.squareform", lambda f, x: f(x), SQUARE, ValueError, "symmetric"),
    ("spatial.distance.pdist", lambda f, x: f(x, 3), T, TypeError, "pdist"),
    ("ndimage.correlate1d", lambda f, a: f(a, AR, mode=["wrap"]), M, RuntimeError, "mode"),
    ("ndimage.convolve", lambda f, a: f(a, K, mode="constant", cval=2j), M, (ValueError, TypeError),
     "convolve.*complex"),
    ("ndimage.gaussian_filter1d", lambda f, a: f(a, 0.0), M, (ValueError, ZeroDivisionError),
     "positive"),
    ("linalg.eigh", lambda f, a: f(a, subset_by_index=[2, 1]), SQUARE, ValueError, "start <= end"),
    ("linalg.eigvalsh", lambda f, a: f(a, driver="gvd"), SQUARE, ValueError, "driver"),
    ("linalg.eigvalsh", lambda f, a: f(a, driver="ev", subset_by_index=[0, 1]), SQUARE, ValueError,
     "driver"),
    ("linalg.svd", lambda f, a: f(a, lapack_driver="no"), SQUARE, ValueError, "lapack_driver"),
    ("linalg.solve_circulant", lambda f, c: f(0 * c + 1, AR), AR, np.linalg.LinAlgError,
     "singular"),
    ("linalg.expm_frechet", lambda f, a: f(a, a, method="no"), SQUARE, ValueError, "method 'no'"),
    ("linalg.solve_discrete_lyapunov", lambda f, a: f(a, a, method="no"), SQUARE, ValueError,
     "method 'no'"),
    ("fft.fftn", lambda f, x: f(x, axes=(1, 1)), M, ValueError, "axis|axes"),
    ("fft.dctn", lambda f, x: f(x, axes=(0, 0)), M, ValueError, "axis|axes"),
    ("interpolate.CubicSpline", lambda f, y: f(X, y)(1.2, -1), Y, ValueError, "negative"),
    ("interpolate.BSpline", lambda f, c: f(X, c, 2)(2.1, -1), W, (ValueError, NotImplementedError),
     "negative"),
    ("interpolate.CubicSpline", lambda f, y: f(X * 1j, y)(1.2), Y, ValueError, "real"),
    ("interpolate.interp1d", lambda f, y: f(X, y, fill_value=2.0)(0.1), Y, ValueError, "range"),
    ("interpolate.interp1d", lambda f, y: f(X, y, fill_value="extrapolate", bounds_error=True), Y,
     ValueError, "extrapolate"),
    ("interpolate.RegularGridInterpolator", lambda f, v: f(GRID, v, foo=1), CUBE[0], TypeError,
     "foo"),
    ("interpolate.RegularGridInterpolator",
     lambda f, v: f(GRID, v, bounds_error=False, fill_value=1j), CUBE[0], ValueError, "fill_value"),
    ("interpolate.RegularGridInterpolator",
     lambda f, v: f(GRID, v, "slinear")([[1, 1]], nu=(-1, 0)), CUBE[0], ValueError, "nu"),
    ("interpolate.make_interp_spline", lambda f, y: f(X, y, t=np.linspace(1.5, 9, 11)), Y,
     ValueError, "knots|bounds"),
    ("stats.norm", lambda f, s: f.interval(1.1, scale=s), ONE, ValueError, "0 (to|and) 1"),
    ("stats.multivariate_t", lambda f, x: f.logpdf(x, df=-1), Q, ValueError, "df"),
    ("stats.dirichlet", lambda f, a: f.logpdf([0.2, 0.5, 0.3], -a), SHARES, ValueError, "greater"),
    ("stats.dirichlet", lambda f, a: f.pdf([0.5, 0.5, 0.0], a), SHARES, ValueError, "greater"),
    ("stats.dirichlet_multinomial", lambda f, a: f.pmf([2, 1.5, 3], a, 6), SHARES, ValueError,
     "integers"),
    ("stats.dirichlet_multinomial", lambda f, a: f.pmf(COUNTS, -a, 6), SHARES, ValueError,
     "greater|positive"),
    ("stats.vonmises_fisher", lambda f, x: f.logpdf(x, [0.6, 0.8], -1), TWO / np.hypot(*TWO),
     ValueError, "kappa"),
    ("sparse.csr_array", lambda f, d: f((d, *ROWS), (4, 3)), W, ValueError, "index pointer"),
]  # fmt: skip


def of(name, where):
    module, function = name.rsplit(".", 1)
    return getattr(import_module(f"{where}.{module}"), function)


def ours(name):
    return of(name.replace("signal.windows", "_windows"), "cdiff.scipy")


def ids(cases):
    return [f"{k} {case[0]}" for k, case in enumerate(cases)]


def loss_of(call, function):
    """A sum of all results with weights of their own, imaginary parts too."""

    def loss(*args):
        y, total = call(function, *args), 0.0
        for part in y if isinstance(y, tuple) else [y]:
            weights = np.cos(np.arange(np.size(part))).reshape(np.shape(part))
            total = total + np.sum(weights * (np.real(part) + 0.7 * np.imag(part)))
        return total

    return loss


def difference(f, args, k):
    """The gradient by argument k, by extrapolated differences."""
    found = np.zeros(args[k].shape)
    for i in np.ndindex(found.shape):

        def at(step, i=i):
            moved = [x.copy() for x in args]
            moved[k][i] += step
            return float(f(*moved))

        wide, near = [(at(h) - at(-h)) / (2 * h) for h in (4e-4, 2e-4)]
        found[i] = (4 * near - wide) / 3
    return found


@pytest.mark.parametrize(("name", "call", "args"), SAME, ids=ids(SAME))
def test_as_scipys(name, call, args):
    want, found = flat(call(of(name, "scipy"), *args)), flat(call(ours(name), *map(cd.array, args)))
    for x, y in zip(want, found, strict=True):
        assert x.shape == y.shape
        np.testing.assert_allclose(y, x, rtol=1e-10, atol=1e-12)
    loss, plain = loss_of(call, ours(name)), loss_of(call, of(name, "scipy"))
    places = tuple(range(len(args)))
    gradients = cd.grad(loss, argnums=places)(*args)
    moves = [np.cos(np.arange(x.size)).reshape(x.shape) for x in args]
    slope = cd.jvp(loss, args, moves)[1]
    for k, g in enumerate(gradients):
        np.testing.assert_allclose(g, difference(plain, args, k), rtol=2e-7, atol=2e-7)
    total = sum([np.sum(g * t) for g, t in zip(gradients, moves, strict=True)])
    np.testing.assert_allclose(slope, total, rtol=1e-9, atol=1e-9)
    compiled = cd.compile(cd.grad(loss, argnums=places))(*args)
    mapped = cd.vmap(cd.grad(loss, argnums=places))(*[np.stack([x, x]) for x in args])
    for g, c, m in zip(gradients, compiled, mapped, strict=True):
        np.testing.assert_allclose(c, g, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(m[1], g, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("name", "call", "x"), NAN, ids=ids(NAN))
def test_nan_where_scipy_gives_nan(name, call, x):
    with np.errstate(all="ignore"):
        assert np.isnan(call(of(name, "scipy"), x)).all()
        assert np.isnan(cd._core.value(call(ours(name), cd.array(x)))).all()


@pytest.mark.parametrize(("name", "call", "x", "error", "text"), REFUSED, ids=ids(REFUSED))
def test_refused_as_by_scipy(name, call, x, error, text):
    with pytest.raises((ValueError, TypeError, RuntimeError, ArithmeticError, NotImplementedError)):
        call(of(name, "scipy"), x)
    with pytest.raises(error, match=text):
        call(ours(name), cd.array(x))


def test_complex_images():
    """Filters of complex images with complex weights, as SciPy's."""
    for name in ("convolve1d", "correlate1d"):
        for a, w, c in ((Z, ZK, 1 + 2j), (M, ZK, 2.0), (Z, K[0], 1j)):
            want = of(f"ndimage.{name}", "scipy")(a, w, mode="constant", cval=c)
            found = ours(f"ndimage.{name}")(cd.array(a), cd.array(w), mode="constant", cval=c)
            np.testing.assert_allclose(np.asarray(found), want, rtol=1e-12)


@pytest.mark.parametrize(("name", "keywords"), [
    ("shift", {"shift": 0.3, "cval": 1 - 2j}), ("zoom", {"zoom": 1.5, "order": 1}),
    ("rotate", {"angle": 20.0}), ("spline_filter", {}), ("spline_filter1d", {"axis": 0}),
    ("map_coordinates", {"coordinates": [[0.3, 1.2], [0.4, 9.0]], "cval": 3j}),
    ("affine_transform", {"matrix": [1.1, 0.8], "mode": "grid-constant", "cval": 2.0}),
])  # fmt: skip
def test_complex_images_at_other_places(name, keywords):
    for a in (Z, Z.astype("c8")):
        want = of(f"ndimage.{name}", "scipy")(a, **keywords)
        found = ours(f"ndimage.{name}")(cd.array(a), **keywords)
        assert found.dtype == want.dtype
        np.testing.assert_allclose(np.asarray(found), want, rtol=1e-5 if a is not Z else 1e-9)
    f = lambda x: np.sum(abs(ours(f"ndimage.{name}")(x + 1j * x * x, **keywords)) ** 2)
    cd.testing.check_grads(f, (Z.real,), order=1)


def test_arrays_that_nothing_is_differentiated_by_are_constants():
    """Code that makes all of its arrays by `cdiff.numpy` has them where SciPy wants plain ones."""
    X = cd.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.1]])
    for f in (
        lambda v: ours("interpolate.griddata")(X, v, cd.array([[0.2, 0.3]])).sum(),
        lambda v: ours("stats.multinomial").logpmf(cd.array([1, 2, 0, 1]), 4, v / v.sum()),
        lambda v: ours("special.diric")(v, cd.array([1, 2, 3, 4])).sum(),
        lambda v: ours("special.sph_harm_y")(cd.array([1, 2]), 0, v[:2], 0.3).real.sum(),
        lambda v: (ours("sparse.diags")([cd.array([1.0, 2.0])], [0]) @ v[:2])[0],
    ):  # fmt: skip
        assert np.isfinite(cd.grad(f)(np.array([0.3, 0.4, 0.7, 0.5]))).all()
    for name, args in (
        ("stats.gamma", None), ("spatial.distance.pdist", (X, "hamming")),
        ("interpolate.griddata", (X, X[:, 0], X[:1] + 0.1, "cubic")),
        ("special.jn_zeros", (cd.array(2), 3)), ("linalg.null_space", (X[:1],)),
        ("ndimage.gaussian_filter", (X, cd.array([1.0, 2.0]), cd.array([0, 1]))),
    ):  # fmt: skip
        calls = [(f.mean, (X[2, 1], 0.0)) if args is None else (f, args)
                 for f in (ours(name), of(name, "scipy"))]  # fmt: skip
        plain = [np.asarray(x)[()] if isinstance(x, cd.Array) else x for x in calls[1][1]]
        found = np.asarray(calls[0][0](*calls[0][1]))
        np.testing.assert_allclose(found, calls[1][0](*plain), rtol=1e-12)


@pytest.mark.parametrize(("c", "b"), [((2, 3), (3,)), ((3,), (3, 3, 2))])
def test_several_circulant_systems(c, b):
    with pytest.raises(ValueError, match=r"solve_circulant.*vmap"):
        ours("linalg.solve_circulant")(cd.array(np.ones(c)), np.ones(b))


def test_lstsq_of_a_driver_that_drops_in_its_own_way():
    with pytest.raises(NotImplementedError, match="gelsy"):
        ours("linalg.lstsq")(cd.array(TALL, requires_grad=True), W, 0.5, lapack_driver="gelsy")


def test_higher_orders_of_a_truncated_pseudo_inverse():
    def f(a):
        return np.sum(np.sin(np.linalg.pinv(a, rcond=0.3)))

    cd.testing.check_grads(f, (TALL,), order=2)


def test_pinv_of_a_stack_with_a_tolerance_for_each():
    a, rtol = rng.normal(size=(2, 4, 3)), np.array([1e-12, 0.3])
    found = np.linalg.pinv(cd.array(a), rtol=rtol)
    np.testing.assert_allclose(np.asarray(found), np.linalg.pinv(a, rtol=rtol), atol=1e-13)


def test_sparse_systems_of_other_dtypes():
    a = ss.csc_array(np.diag([2.0, 3.0, 4.0]).astype(np.float32))
    solve = ours("sparse.linalg.spsolve")
    np.testing.assert_allclose(cd.grad(lambda b: np.sum(solve(a, b)))(AR), [0.5, 1 / 3, 0.25])
    found = solve(a, cd.array(AR * 1j))
    np.testing.assert_allclose(np.asarray(found), AR * 1j / [2, 3, 4])


def test_sums_and_quotients_of_sparse_arrays():
    make = ours("sparse.csr_array")
    plain = ss.csr_array(np.diag([1.0, 2.0, 3.0]))

    def f(d):
        a = make((d, *ROWS), (3, 3))
        return np.sum((plain - (-a + plain) / 2 + a).toarray() * SQUARE) + np.sum(a.dot(AR))

    dense = make((cd.array(W), *ROWS), (3, 3))
    assert dense.ndim == 2 and dense.dtype == float
    rows, columns = np.repeat(np.arange(3), np.diff(ROWS[1])), np.array(ROWS[0])
    np.testing.assert_allclose(cd.grad(f)(W), 1.5 * SQUARE[rows, columns] + AR[columns])
    with pytest.raises(ValueError, match="do not fit"):
        dense + ss.csr_array((4, 3))
    with pytest.raises(TypeError, match="unsupported operand"):
        dense + 1


def test_spsolve_of_one_column_is_a_vector():
    a, solve = ss.csc_array(np.diag([2.0, 3.0, 4.0])), ours("sparse.linalg.spsolve")
    assert solve(a, cd.array(AR[:, None])).shape == of("sparse.linalg.spsolve", "scipy")(
        a, AR[:, None]).shape  # fmt: skip
    with pytest.raises(ValueError, match="permc_spec"):
        solve(a, cd.array(AR), permc_spec="no")
