"""NumPy's values for the functions of tests/numpy_more_cases.py, with arguments drawn at random,
and their errors."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy_cases import operands_as, run
from numpy_more_cases import METHODS, NUMPY

import cdiff as cd
import cdiff.numpy as cnp

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

QUARTERS = st.integers(-8, 8).map(lambda k: k / 4)


def leaf(x):
    return cd.array(x, requires_grad=True)


def check(got, want):
    want = np.asarray(want)
    assert isinstance(got, cd.Array)
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    tolerance = 1e-6 if want.dtype == np.float32 else 1e-11
    np.testing.assert_allclose(got.numpy(), want, rtol=tolerance, atol=tolerance)


def same(f, *arrays):
    """The same result from cdiff.numpy on arrays and from NumPy on ndarrays, or the same error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            want = f(np, *arrays)
        except (ValueError, IndexError, TypeError, np.linalg.LinAlgError) as error:
            with pytest.raises(type(error)):
                f(cnp, *map(leaf, arrays))
            return
        got = f(cnp, *map(leaf, arrays))
    if isinstance(want, (tuple, list)):
        assert len(got) == len(want)
        for ours, theirs in zip(got, want, strict=True):
            check(ours, theirs)
    else:
        check(got, want)


@st.composite
def arrays(draw, min_dims=0, max_dims=3, min_side=1, max_side=4, dtype=np.float64, distinct=False):
    shape = draw(hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side,
                                  max_side=max_side))  # fmt: skip
    if distinct:
        size = int(np.prod(shape, dtype=int))
        order = draw(st.permutations(range(size)))
        return (np.array(order, dtype=dtype) / 4 - 1).reshape(shape)
    return draw(hnp.arrays(dtype, shape, elements=QUARTERS))


@st.composite
def with_nan(draw):
    a = draw(arrays())
    return np.where(draw(hnp.arrays(bool, a.shape)), np.nan, a)


def axes(draw, ndim, several=True):
    choices = [st.none()]
    if ndim:
        choices.append(st.integers(-ndim, ndim - 1))
        if several:
            choices.append(st.permutations(range(ndim)).flatmap(
                lambda p: st.integers(1, ndim).map(lambda k: tuple(p[:k]))))  # fmt: skip
    return draw(st.one_of(choices))


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(METHODS), st.booleans())
def test_quantiles(data, method, keepdims):
    a = data.draw(st.one_of(arrays(), with_nan()))
    axis = axes(data.draw, a.ndim)
    q = data.draw(hnp.arrays(float, hnp.array_shapes(min_dims=0, max_dims=2, max_side=3),
                             elements=st.integers(0, 20).map(lambda k: k / 20)))  # fmt: skip
    q = float(q) if q.ndim == 0 else q
    for name in ("quantile", "nanquantile"):
        if name == "nanquantile" and np.ndim(q) > 1:
            continue  # NumPy's puts the axes of a matrix q elsewhere than its quantile does
        same(lambda m, a, k=name: getattr(m, k)(a, q, axis, method=method, keepdims=keepdims), a)
    same(lambda m, a: m.percentile(a, q * 100, axis, method=method), a.astype(np.float32))


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_weighted_quantiles(data):
    a = data.draw(arrays(min_dims=1))
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    w = np.array(data.draw(st.lists(st.integers(0, 3), min_size=a.shape[axis],
                                    max_size=a.shape[axis])), float)  # fmt: skip
    q = data.draw(st.sampled_from([0.0, 0.3, 0.5, 1.0]))
    if not w.sum():
        return
    same(lambda m, a: m.quantile(a, q, axis, weights=w, method="inverted_cdf"), a)
    # NumPy's nanquantile fails with weights for one axis only.
    shape = [len(w) if i == axis % a.ndim else 1 for i in range(a.ndim)]
    full = np.broadcast_to(w.reshape(shape), a.shape)
    same(lambda m, a: m.nanquantile(a, q, axis, weights=full, method="inverted_cdf"), a)


@settings(max_examples=25, deadline=None)
@given(st.data(), st.booleans())
def test_nan_functions(data, keepdims):
    a = data.draw(with_nan())
    axis = axes(data.draw, a.ndim)
    mask = data.draw(hnp.arrays(bool, a.shape))
    for name in ("nansum", "nanprod", "nanmax", "nanmin", "nanmean", "nanvar", "nanstd"):
        same(lambda m, a, k=name: getattr(m, k)(a, axis, keepdims=keepdims), a)
    for name in ("nansum", "nanprod", "nanmean", "nanvar"):
        same(lambda m, a, k=name: getattr(m, k)(a, axis, keepdims=keepdims, where=mask), a)
    for name in ("nanmax", "nanmin"):
        options = {"keepdims": keepdims, "initial": 0.5, "where": mask}
        same(lambda m, a, k=name, o=options: getattr(m, k)(a, axis, **o), a)
    same(lambda m, a: m.nanmedian(a, axis, keepdims=keepdims), a)
    one = axes(data.draw, a.ndim, several=False)
    same(lambda m, a: m.nancumsum(a, one), a)
    same(lambda m, a: m.nancumprod(a, one), a)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_insert_and_delete(data):
    a = data.draw(arrays(min_dims=1))
    axis = data.draw(st.one_of(st.none(), st.integers(-a.ndim, a.ndim - 1)))
    n = a.size if axis is None else a.shape[axis]
    place = st.integers(-n, n - 1)
    some = st.slices(n).filter(lambda s: len(range(*s.indices(n))) != 0)
    obj = data.draw(st.one_of(place, st.lists(place, min_size=1, max_size=3), some))
    same(lambda m, a: m.delete(a, obj, axis), a)
    same(lambda m, a: m.insert(a, obj, 2.5, axis), a)
    if isinstance(obj, list):
        k = len(obj)
        shape = (k,) if axis is None else tuple(k if i == axis % a.ndim else s
                                                for i, s in enumerate(a.shape))  # fmt: skip
        same(lambda m, a, b: m.insert(a, obj, b, axis), a, np.arange(float(np.prod(shape)))
             .reshape(shape))  # fmt: skip


PAD_MODES = ["constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect",
             "symmetric", "wrap"]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(PAD_MODES))
def test_pad(data, mode):
    a = data.draw(arrays(min_dims=1))
    width = st.integers(0, 5)
    pair = st.tuples(width, width)
    widths = data.draw(st.one_of(width, pair, st.lists(pair, min_size=a.ndim, max_size=a.ndim)))
    options = {}
    if mode in ("reflect", "symmetric"):
        options["reflect_type"] = data.draw(st.sampled_from(["even", "odd"]))
    if mode in ("maximum", "mean", "median", "minimum") and data.draw(st.booleans()):
        options["stat_length"] = data.draw(st.integers(1, 5))
    if mode == "linear_ramp":
        options["end_values"] = data.draw(st.one_of(QUARTERS, st.tuples(QUARTERS, QUARTERS)))
    if mode == "constant":
        options["constant_values"] = data.draw(st.one_of(QUARTERS, st.tuples(QUARTERS, QUARTERS)))
    same(lambda m, a: m.pad(a, widths, mode, **options), a)
    same(lambda m, a: m.pad(a, widths, mode, **options), a.astype(np.float32))


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_samples(data):
    a = data.draw(arrays(min_dims=1, min_side=1, max_side=5))
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    places = np.cumsum(np.arange(1.0, a.shape[axis] + 1))
    order = data.draw(st.integers(1, 2))
    same(lambda m, a: m.gradient(a, axis=axis, edge_order=order), a)
    same(lambda m, a: m.gradient(a, 0.5, edge_order=order), a)
    if len(places) > order:
        same(lambda m, a, x: m.gradient(a, x, axis=axis, edge_order=order), a, places)
    same(lambda m, a: m.trapezoid(a, dx=0.5, axis=axis), a)
    same(lambda m, a, x: m.trapezoid(a, x, axis=axis), a, places)
    same(lambda m, a: m.unwrap(a * 3, axis=axis), a)
    same(lambda m, a: m.unwrap(a * 3, axis=axis, discont=2.5, period=3.3), a)
    same(lambda m, a: m.ediff1d(a, to_begin=1.0), a)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_interp(data):
    n = data.draw(st.integers(1, 6))
    xp = np.cumsum(np.array(data.draw(st.lists(st.integers(1, 4), min_size=n, max_size=n)))) / 4
    fp = np.array(data.draw(st.lists(QUARTERS, min_size=n, max_size=n)))
    x = data.draw(arrays())
    left, right = data.draw(st.tuples(st.none() | QUARTERS, st.none() | QUARTERS))
    same(lambda m, x, xp, fp: m.interp(x, xp, fp, left, right), x, xp, fp)
    order = data.draw(st.permutations(range(n)))
    same(lambda m, x, xp, fp: m.interp(x, xp, fp, period=1.75), x, xp[order], fp[order])


@settings(max_examples=25, deadline=None)
@given(arrays(1, 1, 0, 7), arrays(1, 1, 0, 7), st.sampled_from(["full", "same", "valid"]))
def test_convolutions_and_polynomials(a, b, mode):
    same(lambda m, a, b: m.convolve(a, b, mode), a, b)
    same(lambda m, a, b: m.correlate(a, b, mode), a, b)
    if a.size and b.size:
        for name in ("polyadd", "polysub", "polymul"):
            same(lambda m, a, b, name=name: getattr(m, name)(a, b), a, b)
        same(lambda m, a, b: m.polyval(a, b), a, b)
        same(lambda m, a: m.polyder(a, 2), a)
        same(lambda m, a: m.polyint(a, 2), a)
        same(lambda m, a: m.vander(a, 3), a)
        same(lambda m, a: m.poly(a), a)
        if abs(b[0]) > 0.2:
            same(lambda m, a, b: m.polydiv(a, b), a, b)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_sets_and_choices(data):
    a, b = data.draw(arrays()), data.draw(arrays())
    same(lambda m, a: m.unique(a), a)
    if a.ndim:
        axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
        same(lambda m, a: m.unique(a, axis=axis), a)
        same(lambda m, a: m.partition(m.sort(a, axis), 0, axis), a)
        condition = data.draw(st.lists(st.booleans(), max_size=a.shape[axis]))
        same(lambda m, a: m.compress(condition, a, axis), a)
        trim = data.draw(st.sampled_from(["fb", "b", "f"]))
        same(lambda m, a: m.trim_zeros(m.ravel(a), trim), a)
    for name in ("union1d", "intersect1d", "setdiff1d", "setxor1d"):
        same(lambda m, a, b, name=name: getattr(m, name)(a, b), a, b)
    same(lambda m, a: m.resize(a, (2, 3)), a)
    same(lambda m, a: m.diagflat(a, 1), a)
    number = data.draw(hnp.arrays(np.int64, a.shape, elements=st.integers(-3, 3)))
    same(lambda m, a: m.choose(number, [a, a * 2, 1.0], mode="wrap"), a)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_statistics(data):
    n, k = data.draw(st.integers(1, 5)), data.draw(st.integers(2, 6))
    a = data.draw(hnp.arrays(float, (n, k), elements=QUARTERS))
    ddof = data.draw(st.sampled_from([None, 0, 1]))
    w = np.arange(1.0, k + 1)
    same(lambda m, a: m.cov(a, ddof=ddof), a)
    same(lambda m, a: m.cov(a, aweights=w, ddof=ddof, fweights=[1] * k), a)
    if n > 1 or NUMPY >= (2, 2):  # before, a single row was taken for a column all the same
        same(lambda m, a: m.cov(a, rowvar=False, bias=True), a)
    bins = data.draw(st.one_of(st.integers(1, 5), st.just([-2.0, -0.5, 0.0, 2.0])))
    same(lambda m, w: m.histogram(a[0], bins, weights=w)[0], w)
    same(lambda m, w: m.histogram(a[0], bins, (-1.0, 1.5), weights=w)[0], w)
    same(lambda m, w: m.histogramdd(a.T, bins=3, weights=w)[0], w)
    same(lambda m, a: m.histogram(a, 3)[1], a)
    spread = np.ptp(a)
    same(lambda m, a: m.histogram(a, 3, density=True)[0], a) if spread else None
    same(lambda m, w: m.bincount(np.arange(k) % 3, w, 4), w)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_decompositions(data):
    lead = data.draw(hnp.array_shapes(min_dims=0, max_dims=1, max_side=2))
    m_, n_ = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    a = rng.standard_normal((*lead, m_, n_))
    s = rng.standard_normal((*lead, n_, n_))
    s = s + np.swapaxes(s, -1, -2)
    for full in (True, False):
        same(lambda m, a, full=full: m.linalg.svd(a, full), a)
    same(lambda m, a: m.linalg.svdvals(a), a)
    for mode in ("reduced", "r"):
        same(lambda m, a, mode=mode: m.linalg.qr(a, mode), a)
    same(lambda m, a: m.linalg.pinv(a), a)
    same(lambda m, a: m.linalg.cond(a), a)
    for uplo in "LU":
        same(lambda m, s, uplo=uplo: m.linalg.eigh(s, uplo), s)
        same(lambda m, s, uplo=uplo: m.linalg.eigvalsh(s, uplo), s)
    if not lead:
        same(lambda m, a, b: m.linalg.lstsq(a, b)[0], a, rng.standard_normal((m_, 2)))


def test_eigh_reads_one_half_only():
    a = np.array([[1.0, 9.0], [0.5, 2.0]])
    for uplo in "LU":
        check(cnp.linalg.eigvalsh(leaf(a), uplo), np.linalg.eigvalsh(a, uplo))


def test_vectorize():
    f = cnp.vectorize(lambda x, k=2.0: x * k if x > 0 else 0.0 * x)
    x = np.array([[1.0, -2.0, 3.0]])
    check(f(leaf(x)), [[2.0, 0.0, 6.0]])
    check(f(leaf(x), k=leaf(np.array([[1.0], [3.0]]))), [[1.0, 0.0, 3.0], [3.0, 0.0, 9.0]])
    np.testing.assert_array_equal(cd.grad(lambda x: f(x).sum())(x), [[2.0, 0.0, 2.0]])
    np.testing.assert_array_equal(f(x), [[2.0, 0.0, 6.0]])
    g = cnp.vectorize(lambda u, v: cnp.dot(u, v), signature="(n),(n)->()")
    y = np.arange(6.0).reshape(2, 3)
    check(g(leaf(y), y[0]), y @ y[0])
    two = cnp.vectorize(lambda x: (x, x * x))
    check(two(leaf(x))[1], x * x)
    power = cnp.vectorize(lambda x, p: x**p, excluded={1})
    check(power(leaf(x), 3), x**3)


def test_histogram_of_derivative_free_data_is_plain():
    counts, edges = cnp.histogram(leaf(np.array([0.0, 1.0, 3.0])), 3)
    assert isinstance(counts, np.ndarray) and isinstance(edges, cd.Array)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ("m.quantile(c, 1.5)", ValueError, "range"),
        ("m.quantile(c[:0], 0.5, 0)", IndexError, r"quantile: .*axes \(0,\) of shape \(0, 4\)"),
        ("m.quantile(c, 0.5, method='no')", ValueError, "method"),
        ("m.quantile(c, 0.5, 5)", np.exceptions.AxisError, r"quantile of shape \(3, 4\)"),
        ("m.cov(a)", ValueError, r"cov: m has more than 2 dimensions: shape \(2, 3, 4\)"),
        ("m.cov(c, aweights=v)", RuntimeError, r"cov: incompatible.*\(5,\)"),
        ("m.histogram(v, 0, weights=u)", ValueError, "histogram: `bins` must be positive"),
        ("m.histogram(v, 3.0, weights=u)", TypeError, "`bins` must be an integer"),
        ("m.histogram_bin_edges(v, 3, weights=u[:2])", ValueError, r"\(2,\) do not fit .*\(5,\)"),
        ("m.histogram(v, [1.0, 0.0], weights=u)", ValueError, "monotonically"),
        ("m.histogram(v, 3, weights=c)", ValueError, r"weights of shape \(3, 4\)"),
        ("m.interp(v, u, c[0])", ValueError, r"interp: fp and xp.*\(4,\) and \(5,\)"),
        ("m.interp(v, u, v, period=0)", ValueError, "interp: period"),
        ("m.gradient(v, edge_order=3)", ValueError, "gradient: 'edge_order'"),
        ("m.gradient(v[:1])", ValueError, "gradient: Shape of array too small"),
        ("m.gradient(c, 1.0, 2.0, 3.0)", TypeError, "gradient: 3 spacings for 2 axes"),
        ("m.convolve(v[:0], u)", ValueError, "convolve: a cannot be empty"),
        ("m.convolve(v, c)", ValueError, r"convolve: object too deep.*\(3, 4\)"),
        ("m.convolve(v, u, 'no')", ValueError, "convolve: mode must be"),
        ("m.linalg.eigh(c)", np.linalg.LinAlgError, r"eigh: .*\(3, 4\)"),
        ("m.linalg.eigh(p, 'X')", ValueError, "eigh: UPLO"),
        ("m.linalg.svd(v)", np.linalg.LinAlgError, r"svd: .*\(5,\)"),
        ("m.linalg.qr(d, 'complete')", NotImplementedError, "qr: with mode 'complete'"),
        ("m.linalg.qr(d, 'raw')", NotImplementedError, "qr: Householder"),
        ("m.linalg.lstsq(c, v)", np.linalg.LinAlgError, r"lstsq: .*\(3, 4\) and \(5,\)"),
        ("m.linalg.tensorsolve(c, d)", np.linalg.LinAlgError, "tensorsolve"),
        ("m.linalg.tensorinv(c)", np.linalg.LinAlgError, "tensorinv"),
        ("m.linalg.cond(v)", np.linalg.LinAlgError, r"cond: .*\(5,\)"),
        ("m.cross(v, v)", ValueError, r"cross: .*\(5,\)"),
        ("m.block([[c], v])", ValueError, "block: List depths"),
        ("m.block([c, []])", ValueError, "block: List at arrays"),
        ("m.choose([5], [v, u])", ValueError, "choose: invalid entry"),
        ("m.piecewise(v, [v > 0], [1.0, 2.0, 3.0])", ValueError, "piecewise"),
        ("m.pad(c, -1)", ValueError, "negative"),
        ("m.pad(c, 1.5)", TypeError, "integral"),
        ("m.pad(c, 1, 'edge', stat_length=2)", ValueError, "unsupported keyword"),
        ("m.geomspace(s, 0.0, 3)", ValueError, "geomspace: .*zero"),
        ("m.geomspace(s, -s, 3)", ValueError, "geomspace: .*complex"),
        ("m.polyfit(v, u, -1)", ValueError, "polyfit: expected deg"),
        ("m.polyfit(v, c[0], 1)", TypeError, "polyfit: expected x and y"),
        ("m.vander(c)", ValueError, r"vander: .*\(3, 4\)"),
        ("m.matvec(c, v)", ValueError, r"matvec: shapes \(3, 4\) and \(5,\)"),
        ("m.ldexp(v, 0.5)", TypeError, "ldexp"),
        ("m.unique(c, axis=4)", np.exceptions.AxisError, "4"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        run(call, cnp, **operands_as(leaf, call))
