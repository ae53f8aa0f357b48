"""What functions of cdiff.numpy do at their ends: empty operands, the least sizes, arguments of the
wrong shape.  An Array leads where an ndarray does: to the same value, or the same kind of error.
"""

import warnings

import numpy as np
import pytest
from numpy_cases import since

import cdiff as cd
import cdiff.numpy as cnp

X = np.array([0.4, -1.3, 2.2, 0.9])
A = np.array([[0.4, -1.3, 2.2], [0.9, 1.7, -0.6], [1.1, 0.3, 0.8]])
E = np.zeros(0)
N = np.array([1, 2, 3, 4])

# Of a module (NumPy, or cdiff.numpy) and a function that makes an operand of an ndarray.
VALUES = {
    "svd, hermitian": lambda m, t: m.linalg.svd(t(A + A.T), hermitian=True)[0],
    "svd, hermitian, V": lambda m, t: m.linalg.svd(t(np.stack([A, 2 * A])), True, True, True)[2],
    "nanmedian, complex": lambda m, t: m.nanmedian(t(np.where(A > 0.35, A * (1 - 1j), np.nan)), 1),
    "resize to nothing": lambda m, t: m.resize(t(X), (0, 2)),
    "resize of nothing": lambda m, t: m.resize(t(E), (2, 2)),
    "einsum in float32": lambda m, t: m.einsum("i,i", t(X), t(X), dtype="f", casting="unsafe"),
    "emath.arccos": lambda m, t: m.emath.arccos(t(X / 3)),
    "emath.arctanh": lambda m, t: m.emath.arctanh(t(X / 3)),
    "select of one row": lambda m, t: m.select([t(X) > 0], [t(X)], 0.5),
    "clip without bounds": lambda m, t: m.clip(t(X), None, None),
    "take at booleans of int8": lambda m, t: m.take(t(X), np.array([1, 0], np.int8)),
    "complex of int8": lambda m, t: m.sort_complex(t(np.array([3, 1, 2], np.int8))),
    "complex of int64": lambda m, t: m.sort_complex(t(N)),
    "nan_to_num of integers": lambda m, t: m.nan_to_num(t(N)),
    "nanmax of integers": lambda m, t: m.nanmax(t(N)),
    "pad of integers": lambda m, t: m.pad(t(N), 2, "mean"),
    "pad by a dict": lambda m, t: m.pad(t(A), {0: 1, -1: (2, 0)}),
    "poly of nothing": lambda m, t: m.poly(t(E)),
    "roots of nothing": lambda m, t: m.roots(t(E)),
    "roots of zeros": lambda m, t: m.roots(t(np.zeros(3))),
    "max of nothing": lambda m, t: m.max(t(np.zeros((0, 3))), axis=0, initial=0.5),
    "max of nothing, kept": lambda m, t: m.max(t(np.zeros((0, 3))), initial=0.5, keepdims=True),
    "concatenate in float32": lambda m, t: m.concatenate([t(X), t(X)], dtype=np.float32),
    "cov of no rows": lambda m, t: m.cov(t(np.zeros((0, 3)))),
    "histogram of nothing": lambda m, t: m.histogram(t(E), 3)[0],
    "histogram2d": lambda m, t: m.histogram2d(t(X), t(X), [2, 3])[0],
    "histogramdd": lambda m, t: m.histogramdd(t(A), 2)[0],
    "reduceat at nothing": lambda m, t: m.add.reduceat(t(X), np.zeros(0, int)),
    "tensorsolve": lambda m, t: m.linalg.tensorsolve(t(A.reshape(3, 3, 1)), t(X[:3]), axes=(1,)),
    "power 4": lambda m, t: m.linalg.matrix_power(t(A), 4),
    "power 6": lambda m, t: m.linalg.matrix_power(t(A), 6),
    "power 12": lambda m, t: m.linalg.matrix_power(t(A), 12),
    "kaiser(0)": lambda m, t: m.kaiser(0, t(np.array(3.0))),
    "kaiser(1)": lambda m, t: m.kaiser(1, t(np.array(3.0))),
    "tri": lambda m, t: m.tril(t(np.ones((70, 80))), 2),
    "piecewise of one condition": lambda m, t: m.piecewise(t(X), [X > 0], [lambda x: x * x, 0.1]),
}
since(VALUES, {"clip without bounds": (2, 1), "pad by a dict": (2, 4)})

ERRORS = {
    "compress": lambda m, t: m.compress([[True, False]], t(X)),
    "partition, order": lambda m, t: m.partition(t(X), 1, order="a"),
    "sort, order": lambda m, t: m.sort(t(X), order="a"),
    "resize": lambda m, t: m.resize(t(X), (-1, 2)),
    "trim_zeros": lambda m, t: m.trim_zeros(t(X), "q"),
    "block": lambda m, t: m.block((t(X), t(X))),
    "einsum, no operand": lambda m, t: m.einsum("i"),
    "einsum, label": lambda m, t: m.einsum("i;->i", t(X)),
    "einsum, diagonal": lambda m, t: m.einsum("ii->i", t(np.ones((2, 3)))),
    "einsum, sublist": lambda m, t: m.einsum(t(X), ["a"]),
    "apply_along_axis": lambda m, t: m.apply_along_axis(np.sum, 1, t(np.zeros((0, 3)))),
    "vectorize": lambda m, t: np.vectorize(np.dot, signature="(n),(n)->()")(t(X)),
    "select": lambda m, t: m.select([], [], t(X)),
    "take, mode": lambda m, t: m.take(t(X), [0], mode="q"),
    "take_along_axis": lambda m, t: m.take_along_axis(t(A), np.zeros((1, 1), int), None),
    "take_along_axis, floats": lambda m, t: m.take_along_axis(t(X), np.zeros(1), 0),
    "diagonal": lambda m, t: m.diagonal(t(A), 0, 1, 1),
    "interp": lambda m, t: m.interp(t(X), A, A),
    "interp, nothing": lambda m, t: m.interp(t(X), E, E),
    "ediff1d": lambda m, t: m.ediff1d(t(N), to_end=0.5),
    "gradient": lambda m, t: m.gradient(t(X), A),
    "gradient, too few": lambda m, t: m.gradient(t(X), X[:2]),
    "pad, a dict of values": lambda m, t: m.pad(t(X), 1, constant_values={0: 1.0}),
    "pad, negative": lambda m, t: m.pad(t(X), -1),
    "pad, of nothing": lambda m, t: m.pad(t(X), 1, "maximum", stat_length=0),
    "roots": lambda m, t: m.roots(t(A)),
    "polyder": lambda m, t: m.polyder(t(X), -1),
    "polyint": lambda m, t: m.polyint(t(X), -1),
    "polyint, constants": lambda m, t: m.polyint(t(X), 3, [1.0, 2.0]),
    "poly": lambda m, t: m.poly(t(np.ones((2, 3)))),
    "polyfit, weights": lambda m, t: m.polyfit(t(X), X, 1, w=X[:2]),
    "polyfit, 2-d": lambda m, t: m.polyfit(t(A), X, 1),
    "polyfit, nothing": lambda m, t: m.polyfit(t(E), E, 1),
    "polyfit, 3-d": lambda m, t: m.polyfit(t(X), np.ones((4, 1, 1)), 1),
    "polyfit, cov": lambda m, t: m.polyfit(t(X), X, 3, cov=True),
    "average": lambda m, t: m.average(t(A), axis=0, weights=X),
    "fliplr": lambda m, t: m.fliplr(t(X)),
    "flipud": lambda m, t: m.flipud(t(np.array(1.0))),
    "rot90": lambda m, t: m.rot90(t(A), 1, (0,)),
    "rot90, twice": lambda m, t: m.rot90(t(A), 1, (0, 0)),
    "roll": lambda m, t: m.roll(t(X), [[1]], 0),
    "stack": lambda m, t: m.stack([]),
    "unstack": lambda m, t: m.unstack(t(np.array(1.0))),
    "cov, ddof": lambda m, t: m.cov(t(A), ddof=0.5),
    "cov, fweights": lambda m, t: m.cov(t(A), fweights=[0.5, 1.0, 1.0]),
    "cov, 2-d fweights": lambda m, t: m.cov(t(A), fweights=[[1, 1, 1]]),
    "cov, negative": lambda m, t: m.cov(t(A), aweights=[-1.0, 1.0, 1.0]),
    "histogram2d": lambda m, t: m.histogram2d(t(X), X[:3]),
    "histogramdd, bins": lambda m, t: m.histogramdd(t(A), [2, 2]),
    "histogramdd, range": lambda m, t: m.histogramdd(t(A), 2, [(0, 1)]),
    "histogram, bins": lambda m, t: m.histogram(t(X), np.ones((2, 2))),
    "histogram, range": lambda m, t: m.histogram(t(X), 2, (1, 0)),
    "tensorinv": lambda m, t: m.linalg.tensorinv(t(A), 0),
    "norm": lambda m, t: m.linalg.norm(t(A), axis=(1, 1)),
    "matrix_norm": lambda m, t: m.linalg.matrix_norm(t(X)),
    "cross": lambda m, t: m.linalg.cross(t(X), X),
    "multi_dot": lambda m, t: m.linalg.multi_dot([t(A), t(np.ones((1, 1, 1))), t(A)]),
}
since(ERRORS, {"trim_zeros": (2, 2)})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", VALUES)
def test_values(case):
    want = VALUES[case](np, np.copy)
    for module in (np, cnp):
        got = VALUES[case](module, cd.array)
        assert np.shape(got) == np.shape(want) and np.asarray(got).dtype == np.asarray(want).dtype
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", ERRORS)
def test_errors(case):
    with pytest.raises(Exception) as numpys:
        ERRORS[case](np, np.copy)
    for module in (np, cnp):
        with pytest.raises(Exception) as ours:
            ERRORS[case](module, cd.array)
        assert isinstance(ours.value, (numpys.type, ValueError)), (ours.type, numpys.type)


def test_warnings_are_numpys():
    for call in (
        lambda m, t: m.median(t(E)),
        lambda m, t: m.cov(t(A[:, :1])),
        lambda m, t: m.polyfit(t(np.ones(4)), X, 2),
    ):
        with warnings.catch_warnings(record=True) as numpys:
            warnings.simplefilter("always")
            want = call(np, np.copy)
        with warnings.catch_warnings(record=True) as ours:
            warnings.simplefilter("always")
            got = call(cnp, cd.array)
        assert {w.category for w in ours} <= {w.category for w in numpys} and ours
        np.testing.assert_allclose(np.asarray(got), want)


def test_positions_are_whole():
    """NumPy cuts them off."""
    with pytest.raises(TypeError, match="must be integers"):
        cnp.take(cd.array(X), [0.5])


def test_nan_to_num_in_place():
    x = cd.array([1.0, np.nan])
    assert cnp.nan_to_num(x, copy=False, nan=0.5) is x
    assert np.asarray(x).tolist() == [1.0, 0.5]


def test_cov_refuses_complex_weights():
    """NumPy drops their imaginary parts, with a warning."""
    x, w = np.ones((2, 3)), np.array([1.0, 2.0, 1.0]) + 0.5j
    for weights in (w, cd.array(w)):
        with pytest.raises(TypeError, match="cov: aweights must be real, not complex128"):
            cnp.cov(cd.array(x), aweights=weights)


def test_singular_values_of_a_fit_to_complex_points_are_numpys():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((2, 6)) + 1j * rng.standard_normal((2, 6))
    want = np.polyfit(x, y, 2, full=True)
    for got, value in zip(cnp.polyfit(cd.array(x), y, 2, full=True), want, strict=True):
        np.testing.assert_allclose(got, value, rtol=1e-10)


def test_bounds_of_clip_decide_the_dtype_together():
    single = np.float32(1.5)
    for dtype in (bool, np.int8, np.int16, np.int64, np.float32, np.float64):
        x = np.arange(3).astype(dtype)
        for low, high in ((0, single), (0.5, single), (single, 2), (np.float64(0.5), single)):
            want, got = np.clip(x, low, high), cnp.clip(cd.array(x), low, high)
            assert got.dtype == want.dtype
            np.testing.assert_array_equal(got.numpy(), want)


def test_keepdims_is_a_number():
    x = cd.array(np.ones((2, 3)), requires_grad=True)
    for f in (np.sum, np.prod, np.max, np.min, np.mean, np.var, np.std):
        for wrong in ("x", None, 1.5):
            with pytest.raises(TypeError, match="integer"):
                f(x, axis=0, keepdims=wrong)
            with pytest.raises(TypeError, match="integer"):
                getattr(x, f.__name__)(axis=0, keepdims=wrong)
        assert f(x, axis=0, keepdims=1).shape == f(x, axis=0, keepdims=np.True_).shape == (1, 3)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64])
def test_einsum_of_whole_numbers_is_numpys(dtype):
    x = np.array([[1, 0, 1], [1, 1, 0], [100, 0, 100]]).astype(dtype)
    for spec in ("ii", "ij->", "ij->j", "ii->i", "ij,jk->ik", "ij,ij->"):
        operands = [x] * (spec.count(",") + 1)
        want, got = np.einsum(spec, *operands), cnp.einsum(spec, *map(cd.array, operands))
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got.numpy(), want)
