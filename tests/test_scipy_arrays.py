"""`cdiff.scipy`: signal, integrate, interpolate, spatial.distance and sparse.

Values against SciPy, derivatives in both modes to order two against differences, compiled against
eager. It must not know how a derivative is made.
"""

import numpy as np
import pytest
import scipy.interpolate as si
import scipy.sparse as ss
import scipy.spatial.distance as sd
from scipy.sparse import linalg as ss_linalg
from scipy_checks import checks_of, compiled_agrees, values_are_scipys

import cdiff as cd
import cdiff.scipy.integrate as ci
import cdiff.scipy.interpolate as cip
import cdiff.scipy.signal as csg
import cdiff.scipy.sparse as csp
import cdiff.scipy.sparse.linalg as cspl
import cdiff.scipy.spatial.distance as cdist_module

rng = np.random.default_rng(8)
V = rng.normal(size=7)
W = rng.normal(size=4)
M = rng.normal(size=(5, 6))
K = rng.normal(size=(2, 3))
X = np.cumsum(rng.uniform(0.4, 1.0, size=7))
Y2 = rng.normal(size=(7, 2))
Q = np.array([X[0] + 0.1, X[2] + 0.2, X[5] + 0.3, X[6] - 0.05])
FAR = np.array([X[0] - 0.4, X[3] + 0.1, X[6] + 0.7])
AR = np.array([1.2, -0.5, 0.3])
POS = rng.uniform(0.2, 1.0, size=(4, 3))
P4 = rng.normal(size=(4, 3))
P3 = rng.normal(size=(3, 3))
GRID = (np.array([0.0, 0.7, 1.5, 3.0]), np.array([-1.0, 0.2, 1.0]))
TABLE = rng.normal(size=(4, 3))
XI = np.stack([rng.uniform(0.1, 2.9, 5), rng.uniform(-0.9, 0.9, 5)], axis=-1)
SOS = np.array([[1.0, 0.4, 0.2, 1.0, -0.3, 0.1], [0.7, 0.1, 0.2, 1.0, 0.4, 0.1]])
STATES = np.linspace(-1.0, 1.0, 24).reshape(2, 2, 6)

SIGNAL = {
    "lfilter": (csg.lfilter, (W, AR, V)),
    "lfilter axis": (lambda b, a, x: csg.lfilter(b, a, x, axis=0), (W[:2], AR, M)),
    "lfilter long": (csg.lfilter, (V, AR, W)),
    "lfilter state": (lambda b, a, x, z: csg.lfilter(b, a, x, zi=z)[0], (W[:2], AR, V, W[:2])),
    "lfilter end": (lambda b, a, x, z: csg.lfilter(b, a, x, zi=z)[1], (W, AR, V, AR)),
    "lfilter end of few": (lambda b, a, x, z: csg.lfilter(b, a, x, zi=z)[1], (W, AR, V[:2], AR)),
    "lfilter state axis": (lambda a, x, z: csg.lfilter([0.5], a, x, 0, z)[1], (AR, M, M[:2])),
    "sosfilt state": (lambda x, z: csg.sosfilt(SOS, x, zi=z)[0], (V, P4[:2, :2])),
    "sosfilt end": (lambda x, z: csg.sosfilt(SOS, x, axis=0, zi=z)[1], (M, STATES)),
    "fftconvolve axis": (lambda a, b: csg.fftconvolve(a, b, "same", axes=1), (M, K[:1])),
    "fftconvolve axes": (lambda a, b: csg.fftconvolve(a, b, axes=[0, -1]), (M, K)),
    "oaconvolve axis": (lambda a, b: csg.oaconvolve(a, b, "valid", axes=0), (M, M[:2])),
    "sosfilt": (lambda s, x: csg.sosfilt(s * (np.arange(6) != 3) + np.eye(6)[3], x),
                (np.array([[1.0, 0.4, 0.2, 0.0, -0.3, 0.1]] * 2), V)),
    "detrend": (csg.detrend, (M,)),
    "detrend constant": (lambda x: csg.detrend(x, axis=0, type="constant"), (M,)),
    "detrend pieces": (lambda x: csg.detrend(x, bp=[3]), (V,)),
    "gaussian": (lambda s: csg.windows.gaussian(6, s, sym=False), (np.array(1.3),)),
    "general_gaussian": (lambda p, s: csg.windows.general_gaussian(6, p, s),
                         (np.array(1.5), np.array(2.0))),
    "exponential": (lambda t: csg.windows.exponential(5, tau=t), (np.array(1.3),)),
    "kaiser": (lambda b: csg.windows.kaiser(5, b), (np.array(2.3),)),
    "general_hamming": (lambda a: csg.windows.general_hamming(5, a), (np.array(0.6),)),
    "general_cosine": (lambda a: csg.windows.general_cosine(6, a), (AR,)),
}  # fmt: skip
for _mode in ("full", "same", "valid"):
    for _name in ("convolve", "correlate", "fftconvolve", "oaconvolve"):
        _f = getattr(csg, _name)
        SIGNAL[f"{_name} {_mode}"] = (lambda a, b, f=_f, m=_mode: f(a, b, m), (M, K))
        if _name != "oaconvolve":
            SIGNAL[f"{_name} {_mode} short"] = (lambda a, b, f=_f, m=_mode: f(a, b, m), (W, V))

INTEGRATE = {
    "trapezoid": (ci.trapezoid, (V, X)),
    "trapezoid axis": (lambda y: ci.trapezoid(y, dx=0.3, axis=0), (M,)),
    "trapezoid rows": (lambda y, x: ci.trapezoid(y, x, axis=0), (Y2, X)),
    "cumulative_trapezoid": (ci.cumulative_trapezoid, (V, X)),
    "cumulative_trapezoid initial": (lambda y: ci.cumulative_trapezoid(y, initial=0), (M,)),
    "simpson odd": (lambda y, x: ci.simpson(y, x), (V, X)),
    "simpson even": (lambda y, x: ci.simpson(y, x), (V[:6], X[:6])),
    "simpson step": (lambda y: ci.simpson(y, dx=0.3), (M,)),
    "simpson two": (lambda y, x: ci.simpson(y, x), (V[:2], X[:2])),
    "simpson axis": (lambda y, x: ci.simpson(y, x, axis=0), (Y2, X)),
    "cumulative_simpson": (lambda y, x: ci.cumulative_simpson(y, x=x), (V, X)),
    "cumulative_simpson even": (lambda y, x: ci.cumulative_simpson(y, x=x, initial=0.5),
                                (V[:6], X[:6])),
    "cumulative_simpson step": (lambda y: ci.cumulative_simpson(y, dx=0.3), (M,)),
}  # fmt: skip

INTERPOLATE = {
    "pchip": (lambda x, y, q: cip.PchipInterpolator(x, y)(q), (X, V, Q)),
    "pchip columns": (lambda y, q: cip.PchipInterpolator(X, y)(q), (Y2, Q)),
    "pchip outside": (lambda y, q: cip.PchipInterpolator(X, y)(q), (V, FAR)),
    "hermite": (lambda x, y, d, q: cip.CubicHermiteSpline(x, y, d)(q), (X, V, V[::-1].copy(), Q)),
    "interp1d": (lambda x, y, q: cip.interp1d(x, y)(q), (X, V, Q)),
    "interp1d axis": (lambda y, q: cip.interp1d(X[:6], y)(q), (M, Q[:2])),
    "interp1d extrapolate": (lambda y, q: cip.interp1d(X, y, fill_value="extrapolate")(q),
                             (V, FAR)),
    "interp1d fill": (lambda y, q: cip.interp1d(X, y, bounds_error=False,
                                                fill_value=(1.0, 2.0))(q), (V, FAR)),
    "grid": (lambda v, q: cip.RegularGridInterpolator(GRID, v)(q), (TABLE, XI)),
    "grid axes": (lambda g, v, q: cip.RegularGridInterpolator((g, GRID[1]), v)(q),
                  (GRID[0], TABLE, XI)),
    "grid fill": (lambda v, q: cip.RegularGridInterpolator(GRID, v, bounds_error=False,
                                                           fill_value=0.5)(q), (TABLE, XI + 0.5)),
}  # fmt: skip
for _bc in ("not-a-knot", "natural", "clamped", ((1, 0.3), (2, -0.4)), ((2, 0.7), (1, 0.2))):
    INTERPOLATE[f"spline {_bc}"] = (
        lambda x, y, q, bc=_bc: cip.CubicSpline(x, y, bc_type=bc)(q), (X, V, Q))  # fmt: skip
for _n in (2, 3, 4):
    INTERPOLATE[f"spline of {_n}"] = (
        lambda x, y, q: cip.CubicSpline(x, y)(q), (X[:_n], V[:_n], X[:1] + 0.1))  # fmt: skip
INTERPOLATE["spline nu"] = (lambda y, q: cip.CubicSpline(X, y)(q, 1), (Y2, FAR))
INTERPOLATE["spline inside"] = (
    lambda y, q: cip.CubicSpline(X, y, extrapolate=False)(q), (V, Q))  # fmt: skip

# A grid with a descending axis, values with an axis of their own, queries outside too.
CUBE = (np.cumsum(rng.uniform(0.4, 1.0, 7)), -np.cumsum(rng.uniform(0.4, 1.0, 6)))
CUBE_TABLE = rng.normal(size=(7, 6, 2))
CUBE_XI = np.stack([rng.uniform(g.min(), g.max(), 4) for g in CUBE], axis=-1)
CUBE_FAR = CUBE_XI + np.array([[0.0, 0.0], [9.0, 0.0], [0.0, -9.0], [-9.0, 0.0]])
METHODS = ("linear", "nearest", "slinear", "cubic", "quintic", "pchip")


def in_cube(method, *fill):
    def f(g, v, q):
        return cip.RegularGridInterpolator((g, CUBE[1]), v, method, not fill, *fill)(q)

    return f


for _method in METHODS:
    INTERPOLATE[f"grid {_method}"] = (in_cube(_method), (CUBE[0], CUBE_TABLE, CUBE_XI))
    INTERPOLATE[f"grid {_method} fill"] = (
        in_cube(_method, 0.5), (CUBE[0], CUBE_TABLE, CUBE_FAR))  # fmt: skip
INTERPOLATE["grid cubic outside"] = (
    in_cube("cubic", None), (CUBE[0], CUBE_TABLE, CUBE_XI + 0.2))  # fmt: skip
INTERPOLATE["grid nu"] = (
    lambda v, q: cip.RegularGridInterpolator(CUBE, v, "cubic")(q, nu=(1, 2)),
    (CUBE_TABLE, CUBE_XI))  # fmt: skip
INTERPOLATE["grid of one variable"] = (
    lambda v, q: cip.RegularGridInterpolator((X,), v, "pchip")(q), (V, Q))  # fmt: skip
INTERPOLATE["interpn"] = (
    lambda v, a, b: cip.interpn(CUBE, v, (a, b), "quintic"),
    (CUBE_TABLE, CUBE_XI[:2, :1], CUBE_XI[:, 1]))  # fmt: skip

INTERPOLATE.update({
    "spline derivative": (lambda y, q: cip.CubicSpline(X, y).derivative()(q), (V, FAR)),
    "spline derivative 4": (lambda y: cip.CubicSpline(X, y).derivative(4)(Q), (V,)),
    "spline integral": (lambda y, q: cip.CubicSpline(X, y).antiderivative()(q), (V, FAR)),
    "spline integral twice": (lambda x, y: cip.CubicSpline(x, y).antiderivative(2)(Q), (X, V)),
    "spline there and back": (lambda y, q: cip.CubicSpline(X, y, axis=1).derivative()
                              .antiderivative()(q), (Y2.T.copy(), FAR)),
    "spline integrate": (lambda y, q: cip.CubicSpline(X, y).integrate(q[0], q[2]), (Y2, FAR)),
    "pchip derivative": (lambda y, q: cip.PchipInterpolator(X, y).derivative()(q), (V, Q)),
    "pchip integrate": (lambda y: cip.PchipInterpolator(X, y).integrate(Q[2], Q[0]), (V,)),
    "plain derivative": (lambda q: cip.CubicSpline(X, V).derivative()(q, 1), (FAR,)),
})  # fmt: skip

DISTANCE = {
    f"{metric} {kind}": case
    for metric in sorted(cdist_module.METRICS)
    for kind, case in (
        ("cdist", (lambda a, b, m=metric: cdist_module.cdist(a, b, m),
                   (POS, POS[:3] + 0.3 * POS[1:]))),
        ("pdist", (lambda a, m=metric: cdist_module.pdist(a, m), (POS,))),
    )
    if not (metric == "mahalanobis" and kind == "pdist")
}  # fmt: skip
DISTANCE["minkowski 3 weights"] = (
    lambda a, b, w: cdist_module.cdist(a, b, "minkowski", p=3, w=w), (P4, P3, POS[0]))  # fmt: skip
DISTANCE["squareform"] = (lambda d: cdist_module.squareform(d), (V[:6],))
DISTANCE["squareform back"] = (
    lambda d: cdist_module.squareform(cdist_module.squareform(d)), (V[:6],))  # fmt: skip
DISTANCE["cosine"] = (cdist_module.cosine, (V, X))
DISTANCE["euclidean"] = (cdist_module.euclidean, (V, X))
DISTANCE["minkowski"] = (lambda u, v: cdist_module.minkowski(u, v, 3), (V, X))

ROWS, COLUMNS = np.array([0, 0, 1, 2, 2, 3, 3]), np.array([0, 2, 1, 0, 2, 3, 3])
DATA = np.array([4.0, 1.0, 3.0, -1.0, 5.0, 1.0, 2.0])
B = rng.normal(size=(4, 2))


def close(x):
    """A tolerance that a solution of this dtype can keep."""
    return max(1e-14, 10.0 * float(np.finfo(x.dtype).eps))


def sparse(data):
    return csp.coo_array((data, (ROWS, COLUMNS)), (4, 4))


def twice(f, x):
    return f(f(x))


SPARSE = {
    "matrix": (lambda d, x: sparse(d) @ x, (DATA, B)),
    "vector": (lambda d, x: sparse(d) @ x, (DATA, B[:, 0])),
    "from the left": (lambda d, x: x @ sparse(d), (DATA, B.T.copy())),
    "dense": (lambda d: sparse(d).toarray(), (DATA,)),
    "diagonal": (lambda d: sparse(d).diagonal(), (DATA,)),
    "spsolve": (lambda d, b: cspl.spsolve(sparse(d).T.T if isinstance(d, cd.Array)
                                          else sparse(d).tocsc(), b), (DATA, B)),
    "spsolve vector": (lambda d, b: cspl.spsolve(sparse(d) if isinstance(d, cd.Array)
                                                 else sparse(d).tocsc(), b), (DATA, B[:, 1])),
    "splu": (lambda d, b: cspl.splu(sparse(d).tocsc()).solve(b, "T"), (DATA, B)),
    "splu twice": (lambda b: twice(cspl.splu(sparse(DATA).tocsc()).solve, b), (B,)),
    "factorized": (lambda d, b: twice(cspl.factorized(sparse(d).tocsc()), b), (DATA, B[:, 0])),
    "cg": (lambda d, b: cspl.cg(sparse(d).T @ sparse(d), b, rtol=close(d))[0], (DATA, B[:, 0])),
    "bicgstab": (lambda d, b: cspl.bicgstab(sparse(d), b, rtol=close(d))[0], (DATA, B[:, 0])),
    "gmres": (lambda d, b: cspl.gmres(sparse(d), b, rtol=close(d), x0=b)[0], (DATA, B[:, 0])),
    "norms": (lambda d: [cspl.norm(sparse(d)), cspl.norm(sparse(d), 1),
                         cspl.norm(sparse(d), axis=0)], (DATA,)),
    "diags": (lambda d, e: csp.diags([d, 2.0, e], [0, 1, -2], (4, 5)) @ np.arange(5.0),
              (DATA[:4], DATA[:3])),
    "diags_array": (lambda d: csp.diags_array(d, offsets=1).toarray(), (DATA[:3],)),
    "of a dense one": (lambda x: csp.csr_matrix(csp.csc_array(x.T @ x)) @ x[0], (B,)),
    "kron": (lambda d: csp.kron(sparse(d), np.eye(2)).toarray() @ csp.kron(
        ss.eye_array(2), sparse(d)).toarray(), (DATA,)),
    "rows and columns": (lambda d: sparse(d).tocsr()[1:, [0, 2]].toarray(), (DATA,)),
    "mesh": (lambda d: sparse(d).tocsr()[np.ix_([2, 0], [2, 0])].toarray(), (DATA,)),
    "element": (lambda d: sparse(d).tocsr()[2, -2], (DATA,)),
}  # fmt: skip
CASES = {
    f"{group}: {name}": case
    for group, cases in (
        ("signal", SIGNAL), ("integrate", INTEGRATE), ("interpolate", INTERPOLATE),
        ("distance", DISTANCE), ("sparse", SPARSE))
    for name, case in cases.items()
}  # fmt: skip
test_values_are_scipys, test_derivatives, test_compiled, test_mapped = checks_of(CASES)


def test_other_intervals_when_compiled():
    """A query in another interval needs no other program."""
    f = cd.compile(lambda y, q: cip.CubicSpline(X, y)(q))
    for shift in (0.0, 0.4, 0.9, 2.0):
        np.testing.assert_allclose(f(V, Q + shift), si.CubicSpline(X, V)(Q + shift), rtol=1e-12)
    assert f.stats()["recordings"] == 1


@pytest.mark.parametrize("point", [(1.0, 0.5), [1.0, 0.5], [[1.0, 0.5]], (1.0, [0.5, 0.2])])
def test_points_of_a_grid_in_any_form(point):
    want = si.RegularGridInterpolator(GRID, TABLE)(point)
    got = cip.RegularGridInterpolator(GRID, cd.array(TABLE))(point)
    assert got.shape == want.shape
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-12)


def test_plain_interpolants_are_scipys():
    spline = cip.CubicSpline(X, V)
    assert spline(Q).tolist() == si.CubicSpline(X, V)(Q).tolist()
    assert spline.c.shape == (4, 6)
    assert cip.interp1d(X, V, kind="nearest")(Q).shape == (4,)


@pytest.mark.parametrize("method", METHODS)
def test_grids_are_scipys_by_its_direct_solver(method):
    """The oracle of the cases is made by this library, with a solver that is not SciPy's default
    one: here SciPy is called by itself, and the method is that of the call."""
    options = {"solver": ss_linalg.spsolve} if method in ("slinear", "cubic", "quintic") else {}
    want = si.RegularGridInterpolator(CUBE, CUBE_TABLE, method, **options)(CUBE_XI)
    for values in (CUBE_TABLE, cd.array(CUBE_TABLE)):
        for first in ("linear", method):
            grid = cip.RegularGridInterpolator(CUBE, values, first)
            found = np.asarray(grid(CUBE_XI, method))
            np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-9)
    tracked = cip.RegularGridInterpolator(CUBE, CUBE_TABLE, method)
    for _ in range(2):  # coefficients are kept
        np.testing.assert_allclose(tracked(cd.array(CUBE_XI)).numpy(), want, rtol=1e-9, atol=1e-9)


def test_grid_of_complex_values_and_nan_and_single_points():
    table = CUBE_TABLE[..., 0] + 1j * CUBE_TABLE[..., 1]
    want = cip.RegularGridInterpolator(CUBE, table, "cubic")(CUBE_XI)
    found = cip.RegularGridInterpolator(CUBE, cd.array(table), "cubic")(CUBE_XI)
    np.testing.assert_allclose(found.numpy(), want, rtol=1e-11)
    queries = CUBE_XI.copy()
    queries[1, 0] = np.nan
    for method in METHODS:
        grid = cip.RegularGridInterpolator(CUBE, cd.array(CUBE_TABLE), method, False, 0.5)
        assert np.isnan(grid(queries).numpy()).any(1).tolist() == [False, True, False, False]
    thin = (np.array([2.0]), CUBE[1])
    for method in ("linear", "nearest"):
        options = (thin, CUBE_TABLE[:1], method, False, None)
        grid = cip.RegularGridInterpolator(thin, cd.array(CUBE_TABLE[:1]), method, False, None)
        want = si.RegularGridInterpolator(*options)(CUBE_XI)
        np.testing.assert_allclose(grid(CUBE_XI).numpy(), want, rtol=1e-12)


def test_a_compiled_grid_goes_to_other_cells():
    f = cd.compile(lambda v, q: cip.RegularGridInterpolator(CUBE, v, "cubic", False, None)(q))
    for shift in (0.0, 0.5, 1.1):
        want = cip.RegularGridInterpolator(CUBE, CUBE_TABLE, "cubic", False, None)(CUBE_XI + shift)
        np.testing.assert_allclose(f(CUBE_TABLE, CUBE_XI + shift), want, rtol=1e-9)
    assert f.stats()["recordings"] == 1


def test_compiled_bounds_of_a_grid_are_one_decision():
    f = cd.compile(lambda v, q: cip.RegularGridInterpolator(GRID, v)(q))
    for shift in (0.0, 0.01, 0.02):
        want = si.RegularGridInterpolator(GRID, TABLE)(XI + shift)
        np.testing.assert_allclose(f(TABLE, XI + shift), want, rtol=1e-12)
    assert f.stats()["recordings"] == 1
    with pytest.raises(ValueError, match="out of bounds"):
        f(TABLE, XI + 9.0)


def test_scipys_sparse_matrices_and_dense_arrays():
    a = ss.csr_array((DATA, (ROWS, COLUMNS)), (4, 4))
    x = B[:, 0]
    g = cd.grad(lambda x: np.sum(csp.matmul(a, x) ** 2))(x)
    np.testing.assert_allclose(g, 2 * a.T @ (a @ x))
    np.testing.assert_allclose(csp.matmul(cd.array(x), a).numpy(), x @ a.toarray())
    g = cd.grad(lambda b: np.sum(cspl.spsolve(a, b)))(x)
    np.testing.assert_allclose(g, np.linalg.solve(a.toarray().T, np.ones(4)), rtol=1e-12)
    parts = a.tocsr()
    b = csp.csr_array((cd.array(parts.data), parts.indices, parts.indptr), (4, 4))
    c = csp.csc_array((cd.array(a.tocsc().data), a.tocsc().indices, a.tocsc().indptr))
    np.testing.assert_allclose((b @ x).numpy(), a @ x, rtol=1e-15)
    np.testing.assert_allclose((2.0 * c).toarray().numpy(), 2 * a.toarray())
    assert (b.nnz, b.shape) == (parts.nnz, (4, 4)) and "nonzeros" in repr(b)
    assert isinstance(csp.csr_array(a.toarray()), ss.csr_array)


def uneven(u, v, power=1.0):
    m = cd.numpy if isinstance(u, cd.Array) or isinstance(v, cd.Array) else np
    return m.sum((u - v) ** 2) ** 0.5 + power * u[0] * v[1]


@pytest.mark.parametrize("tracked", [True, False])
def test_a_matrix_is_factorised_once(tracked, monkeypatch):
    """However often one solves, forward and backward."""
    counted, made = [], ss_linalg.splu
    monkeypatch.setattr(ss_linalg, "splu", lambda a: (counted.append(1), made(a))[1])
    f = lambda d, b: np.sum(twice(cspl.factorized(sparse(d).tocsc()), b))
    cd.grad(f, 0 if tracked else 1)(DATA, B)
    assert len(counted) == 1


def test_metrics_that_are_functions():
    """SciPy's own by name; one of the user's for each pair, whatever its name is."""
    module = cdist_module
    for metric in (module.cosine, sd.cosine):
        found = module.pdist(cd.array(P4), metric).numpy()
        np.testing.assert_allclose(found, sd.pdist(P4, "cosine"), rtol=1e-12)
    other = lambda u, v: uneven(u, v)
    other.__name__ = "cosine"
    for metric in (uneven, other):
        values_are_scipys(lambda a, b, m=metric: module.cdist(a, b, m), (P4, P3))
        values_are_scipys(lambda a, m=metric: module.pdist(a, m), (P4,))
    f = lambda a, b: module.cdist(a, b, uneven, power=0.3)
    cd.testing.check_grads(f, (P4, P3), order=2)
    compiled_agrees(f, (P4, P3))
    mapped = cd.vmap(lambda a: module.pdist(a, uneven))(np.stack([P4, 2 * P4]))
    np.testing.assert_allclose(mapped[1], sd.pdist(2 * P4, uneven), rtol=1e-12)
    assert module.pdist(cd.array(P4[:1]), uneven).shape == (0,)
    with pytest.raises(ValueError, match="one number for two points"):
        module.pdist(cd.array(P4), lambda u, v: u - v)
    with pytest.raises(NotImplementedError, match=r"np.max\(np.min\(cdist"):
        cd.grad(lambda a: module.directed_hausdorff(a, P3)[0])(P4)


def test_equal_points():
    """A distance of a point to itself has derivative 0, not nan."""
    for metric in ("euclidean", "minkowski", "sqeuclidean", "cityblock", "canberra"):
        g = cd.grad(lambda a: np.sum(cdist_module.cdist(a, P3, metric)))(P3)
        assert np.isfinite(g).all(), metric


@pytest.mark.parametrize(("call", "error", "text"), [
    (lambda: csg.convolve(cd.array(V), M), ValueError, "other numbers of axes"),
    (lambda: csg.convolve(cd.array(V), V, mode="odd"), ValueError, "mode is full"),
    (lambda: csg.lfilter(W, cd.array(AR), V, zi=V[:2]), ValueError, r"zi has shape \(2,\)"),
    (lambda: csg.fftconvolve(cd.array(M), K, axes=1), ValueError, "differ outside"),
    (lambda: csg.convolve(cd.array(np.ones((2, 5))), np.ones((3, 2)), "valid"), ValueError,
     "as large as"),
    (lambda: csg.detrend(cd.array(V), type="odd"), ValueError, "Trend type"),
    (lambda: csg.sosfilt(cd.array(M.T), V), ValueError, "n_sections"),
    (lambda: ci.trapezoid(cd.array(V), W), ValueError, "does not fit"),
    (lambda: cip.CubicSpline(X, cd.array(W)), ValueError, "do not fit"),
    (lambda: cip.CubicSpline(X[::-1], cd.array(V)), ValueError, "increasing"),
    (lambda: cip.interp1d(X, cd.array(V))(FAR), ValueError, "outside the interpolation"),
    (lambda: cip.RegularGridInterpolator(GRID, cd.array(TABLE))(XI + 9), ValueError, "bounds"),
    (lambda: cip.RegularGridInterpolator(GRID, cd.array(TABLE), "odd"), ValueError, "use one of"),
    (lambda: cip.RegularGridInterpolator(GRID, cd.array(TABLE), "cubic"), ValueError, "3 points"),
    (lambda: cip.RegularGridInterpolator(GRID, cd.array(TABLE))(XI[:, :1]), ValueError,
     r"\(5, 1\) for a grid of 2"),
    (lambda: cip.RegularGridInterpolator(GRID, cd.array(TABLE.T)), ValueError, r"\(3, 4\)"),
    (lambda: cip.RegularGridInterpolator(GRID, cd.array(V)), ValueError, "2 axes"),
    (lambda: cip.RegularGridInterpolator((GRID[1], np.array([0.0, 2.0, 1.0, 3.0])),
                                         cd.array(TABLE.T)), ValueError, "ascending"),
    (lambda: cip.RegularGridInterpolator(GRID, cd.array(TABLE))(XI, nu=(1, 0)), ValueError, "nu"),
    (lambda: cip.RegularGridInterpolator(CUBE, cd.array(CUBE_TABLE + 0j), "pchip"), ValueError,
     "real"),
    (lambda: cdist_module.cdist(cd.array(P4), M), ValueError, "columns"),
    (lambda: cdist_module.pdist(cd.array(P4, requires_grad=True), "hamming"), NotImplementedError,
     "hamming"),
    (lambda: cdist_module.pdist(cd.array(P4), "l1"), ValueError, "'l1' is not differentiated"),
    (lambda: csp.coo_array((cd.array(DATA), (ROWS, COLUMNS)), (3, 4)), ValueError, "outside"),
    (lambda: csp.coo_array((cd.array(DATA[:2]), (ROWS, COLUMNS)), (4, 4)), ValueError, "shape"),
    (lambda: sparse(cd.array(DATA)) @ V, ValueError, "do not fit"),
    (lambda: cspl.spsolve(V, cd.array(V)), TypeError, "a sparse matrix is needed"),
    (lambda: cspl.splu(sparse(cd.array(DATA))).solve(V, "X"), ValueError, "trans must be"),
    (lambda: cspl.splu(sparse(cd.array(DATA))).L, AttributeError, "not available"),
    (lambda: cspl.gmres(sparse(cd.array(DATA)), B[:, 0], maxiter=1, restart=1, rtol=1e-14),
     RuntimeError, "must converge"),
    (lambda: csp.diags([cd.array(V, requires_grad=True)], [0, 1]), ValueError, "1 diagonals and 2"),
    (lambda: csp.diags([cd.array(V, requires_grad=True)], [0], (9, 9)), ValueError, "not fit"),
    (lambda: cspl.spsolve(sparse(cd.array(DATA)), sparse(DATA)), TypeError, "is dense"),
    (lambda: cspl.cg(ss_linalg.aslinearoperator(np.eye(4)), cd.array(B[:, 0], requires_grad=True)),
     TypeError, "cdiff.linear_solve"),
    (lambda: csp.vstack([sparse(cd.array(DATA, requires_grad=True))] * 2), NotImplementedError,
     "vstack of a Sparse"),
    (lambda: cspl.eigs(sparse(cd.array(DATA, requires_grad=True))), NotImplementedError,
     "eigs of a Sparse"),
    (lambda: csg.savgol_filter(cd.array(1j * V), 5, 2), TypeError, "imaginary"),
    (lambda: sparse(cd.array(DATA))[[0, 1], [0, 1]], IndexError, "np.ix_"),
])  # fmt: skip
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call_result = call()
        if callable(call_result):  # an interpolant looks at its data when it is first called
            call_result(Q)


def test_complex_vectors_of_sqeuclidean():
    """Versions of SciPy differ in what that is."""
    u = cd.array([1.0 + 1.0j, 2.0])
    with pytest.raises(TypeError, match="complex vectors"):
        cdist_module.sqeuclidean(u, u * 2.0)


def test_other_names_are_scipys():
    for module in (csg, ci, cip, csp, cspl, cdist_module):
        with pytest.raises(AttributeError):
            module.no_such_name
    assert csg.butter(2, 0.3)[0].shape == (3,)
