"""Where calls that NumPy takes, or refuses, were once answered otherwise: ufunc keywords, dtypes of
results, attributes, operands of rare kinds.

Each is compared with NumPy's own answer. It must not know how a function is made.
"""

import io
import operator

import numpy as np
import pytest
from numpy_cases import NUMPY

import cdiff as cd
import cdiff.numpy as cnp

A = np.arange(6.0).reshape(2, 3) + 0.5
SINGLE = A.astype(np.float32)
WHOLE = np.array([[3, 1, 2], [4, 6, 5]])
COMPLEX = A + 1j
HUGE = np.array([2**60 + 1, 2**60 + 3])
BUFFER = io.BytesIO


def check_same(f, *args):
    """The value, dtype and shape of NumPy's; NumPy's own half precision is float32 here."""
    want, got = f(np, *args), f(cnp, *map(cd.array, args))
    want = np.asarray(want)
    dtype = np.dtype(np.float32) if want.dtype == np.float16 else want.dtype
    assert np.shape(got) == want.shape
    assert got.dtype == dtype
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-3 if dtype != want.dtype else 1e-6)


def integers(m):
    return np.zeros(3, int) if m is np else cd.array(np.zeros(3, int))


# --- keywords of ufuncs ---------------------------------------------------------------------------

WORDS = [
    ({"casting": "bad"}, ValueError), ({"casting": None}, TypeError),
    ({"order": "bad"}, ValueError), ({"order": 1}, TypeError),
    ({"subok": "bad"}, TypeError), ({"subok": 1}, TypeError),
    ({"signature": "bad"}, (TypeError, ValueError)),
    ({"dtype": float, "signature": "dd->d"}, TypeError),
    ({"casting": "no"}, TypeError), ({"casting": "equiv", "dtype": float}, TypeError),
    ({"signature": "ff->f", "casting": "safe"}, TypeError), ({"signature": "ll->l"}, TypeError),
]  # fmt: skip


@pytest.mark.parametrize("where", [np, cnp], ids=["np", "cnp"])
@pytest.mark.parametrize(("words", "error"), WORDS)
def test_ufuncs_refuse_the_words_that_numpy_refuses(where, words, error):
    with pytest.raises(error):
        np.add(A, SINGLE, **words)
    for x in (cd.array(A), cd.array(A, requires_grad=True)):
        with pytest.raises(error):
            where.add(x, cd.array(SINGLE), **words)
    with pytest.raises(error):
        cnp.add(A, SINGLE, **words)


@pytest.mark.parametrize("words", [
    {"signature": "dd->d"}, {"sig": "dd->d"}, {"signature": (None, None, np.float64)},
    {"signature": "ff->f", "casting": "unsafe"}, {"casting": "no"}, {"casting": "safe"},
    {"dtype": float, "casting": "safe"}, {"order": "F", "subok": False}, {"order": None},
])  # fmt: skip
def test_ufuncs_compute_in_the_loop_that_is_asked_for(words):
    check_same(lambda m, x: np.add(x, x, **words), SINGLE)
    check_same(lambda m, x: np.add(x, 1, **words), SINGLE)
    check_same(lambda m, x: m.add(x, x, **words), SINGLE)
    slope = cd.grad(lambda x: np.sum(np.multiply(x, x, **words)))(SINGLE)
    np.testing.assert_array_equal(slope, 2 * SINGLE)


def test_words_of_functions_that_numpy_does_not_have():
    x = cd.array(A)
    np.testing.assert_allclose(cnp.sinc(x, order="F", subok=False).numpy(), np.sinc(A), rtol=1e-12)
    with pytest.raises(ValueError, match=r"sinc.*bad"):
        cnp.sinc(x, casting="bad")
    with pytest.raises(TypeError, match=r"sinc.*signature"):
        cnp.sinc(x, signature="d->d")


@pytest.mark.parametrize("f", [
    lambda m, x: m.matmul(x, x.T, dtype=float), lambda m, x: m.vecdot(x, x, dtype=complex),
    lambda m, x: m.matmul(x, x.T, dtype=np.float32, casting="unsafe"),
    lambda m, x: m.ldexp(x, 2, dtype=float), lambda m, x: m.conjugate(x, dtype="f4"),
    lambda m, x: m.fabs(x), lambda m, x: m.unwrap(x, period=3),
    lambda m, x: m.trace(x / 2, dtype=bool),
    lambda m, x: m.trace(x / 2, dtype="i1"), lambda m, x: m.clip(x, None, 2, dtype="f4"),
])  # fmt: skip
def test_dtypes_of_results(f):
    check_same(f, WHOLE)


@pytest.mark.parametrize("mode", ["reflect", "symmetric"])
def test_integers_padded_by_odd_reflections(mode):
    for x in (WHOLE, WHOLE.astype(np.int8), HUGE):
        check_same(lambda m, x: m.pad(x, (3, 2), mode, reflect_type="odd"), x)


def test_weights_of_cov_are_computed_in_full():
    weights = np.array([0.1, 0.7, 0.3], np.float32)
    want, got = np.cov(A, aweights=weights), cnp.cov(cd.array(A), aweights=cd.array(weights))
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-13)


@pytest.mark.parametrize("name", ["fabs", "positive", "square", "sqrt", "trunc", "exp"])
def test_dtypes_of_functions_of_short_integers(name):
    for dtype in (np.int8, np.uint8, np.int16, np.uint16, np.int32):
        check_same(lambda m, x: getattr(m, name)(x), WHOLE.astype(dtype))
    check_same(lambda m, x: m.power(x, 2), WHOLE > 2)
    check_same(lambda m, x: m.fabs(x), WHOLE > 2)


@pytest.mark.parametrize("name", ["arctan2", "hypot", "floor_divide", "fmin", "subtract", "divide"])
@pytest.mark.parametrize("dtype", [np.int64, np.int8, bool])
def test_methods_compute_in_the_loop_of_numpy(name, dtype):
    """The elements themselves, too, that no call has been made with."""
    for x in (WHOLE.astype(dtype), np.zeros((0, 3), dtype)):
        for f in (lambda u, x: u.accumulate(x), lambda u, x: u.reduceat(x, range(len(x)))):
            ufunc = getattr(np, name)
            try:
                f(ufunc, x)
            except TypeError:
                with pytest.raises(TypeError):
                    f(ufunc, cd.array(x))
            else:
                check_same(lambda m, x, f=f: f(getattr(m, name), x), x)


def test_dtypes_of_parts():
    for dtype in (bool, np.int8, np.float32):
        check_same(lambda m, x, d=dtype: m.add.reduceat(x, [0, 1], dtype=d), A)
        check_same(lambda m, x, d=dtype: m.multiply.reduceat(x, [0, 1], dtype=d), WHOLE)
    for ufunc in (np.gcd, np.bitwise_and, np.arctan2):
        with pytest.raises(TypeError):
            ufunc.reduceat(cd.array(COMPLEX), [0, 1])


@pytest.mark.parametrize("name", ["maximum", "multiply", "floor_divide", "power", "bitwise_or"])
def test_numbers_at_places_of_integers(name):
    for dtype in (np.int64, np.int8):
        want, got = WHOLE.astype(dtype), cd.array(WHOLE.astype(dtype))
        getattr(np, name).at(want, ([0, 1, 0], [0, 2, 0]), 5)
        getattr(np, name).at(got, ([0, 1, 0], [0, 2, 0]), 5)
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("ufunc", [np.add, np.subtract, np.maximum, np.multiply])
def test_numbers_are_not_changed_in_silence(ufunc):
    for x in (np.array(2), np.array(2.0)):
        with pytest.raises(TypeError, match=r"\.at: a scalar cannot be changed"):
            ufunc.at(cd.array(x), ..., 3)
    with pytest.raises(TypeError, match=r"\.at: a scalar cannot be changed"):
        cd.grad(lambda x: ufunc.at(x, (), 3.0) or x)(2.0)


# --- crashes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [
    operator.iand, operator.ior, operator.ixor, operator.ilshift, operator.irshift,
])  # fmt: skip
def test_bits_of_what_is_differentiated(change):
    """Which ended the process in forward mode."""
    for transform in (cd.grad, lambda f: lambda x: cd.jvp(f, (x,), (x,)), cd.hessian):
        with pytest.raises(TypeError, match="not supported for the input types"):
            transform(lambda x: change(x, 1).sum())(np.ones(3))


@pytest.mark.parametrize("out", [(), (None, None), (np.zeros(3), None)])
def test_tuples_of_results_have_one_entry_each(out):
    """An empty one ended the process."""
    for f in (cnp.absolute, cnp.sin, np.exp, np.add.reduce, cnp.isnan):
        with pytest.raises((TypeError, ValueError), match=r"tuple|out"):
            f(cd.array([1.0, -2.0, 3.0]), out=out)
    x = cd.array([1.0, -2.0, 3.0])
    assert cnp.absolute(x, out=(None,)).tolist() == [1.0, 2.0, 3.0]


# --- operands -------------------------------------------------------------------------------------


def test_ranges_are_operands():
    x = cd.array([0.0, 5.0, 2.0])
    for f in (operator.eq, operator.lt, operator.add, operator.sub, operator.matmul, np.maximum):
        np.testing.assert_array_equal(f(x, range(3)), f(x.numpy(), range(3)))
        np.testing.assert_array_equal(f(range(3), x), f(range(3), x.numpy()))
    np.testing.assert_array_equal(cd.grad(lambda x: x @ range(3))(np.ones(3)), [0, 1, 2])


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize <= 8, reason="long doubles are doubles here")
@pytest.mark.parametrize("dtype", [np.longdouble, np.clongdouble])
def test_digits_are_not_lost_without_a_word(dtype):
    wide, x = np.ones(3, dtype), cd.array([1.0, 2.0, 3.0])
    for f in (cd.array, cnp.sum, lambda w: x + w, lambda w: x * w[0], lambda w: np.maximum(x, w),
              lambda w: operator.setitem(x, 0, w[0]), lambda w: cd.grad(np.sum)(w)):  # fmt: skip
        if f is not cnp.sum:
            with pytest.raises(TypeError, match=r"(float128|complex256|longdouble).*convert"):
                f(wide)
    assert cnp.sum(wide).dtype == dtype  # plain arrays are NumPy's
    assert x.astype(dtype).dtype == dtype


def test_powers_of_nothing():
    for x in (np.array([1, 2]), A):
        for nothing in (None, "a", {}):
            with pytest.raises(TypeError):
                cnp.power(cd.array(x), nothing)


def test_vectors_of_integers_multiplied_in_place():
    for x in (np.array([1, 2, 3]), np.array([True, False]), A[0]):
        with pytest.raises(ValueError, match="matmul"):
            operator.imatmul(cd.array(x), x)


def test_integers_beyond_all_indices():
    x = cd.array(A)
    for key in (10**30, (0, -(10**30))):
        with pytest.raises(IndexError):
            x[key]


# --- methods and attributes -----------------------------------------------------------------------


def test_what_a_view_is_a_view_of():
    x = cd.array(A)
    assert x.base is None
    for view in (x[1:], x[:, 1], x.T, x[1:][:, ::-1].T, x.reshape(-1)[2:], x.diagonal()):
        assert view.base is x
    for own in (x + 1, x.copy(), x[[0, 1]], x.flatten(), x[0, 0]):
        assert own.base is None
    assert cd.grad(lambda x: np.sum(x**2) if x[1:].base is x else 0.0 * x.sum())(A).any()


def test_bytes_of_arrays_without_derivative():
    for data in (A, WHOLE, np.array(3), np.array([1, 2], np.uint8)):
        x = cd.array(data)
        assert bytes(x) == bytes(x.data) == data.tobytes()
        assert x.byteswap().tobytes() == data.byteswap().tobytes()
        assert x.getfield(data.dtype).tobytes() == data.tobytes()
    with pytest.raises(TypeError, match=r"read-only|cannot modify"):
        cd.array(A).data[0, 0] = 1.0
    tracked = cd.array(A, requires_grad=True)
    for read in (bytes, lambda x: x.byteswap(), lambda x: x.getfield(float)):
        with pytest.raises(TypeError, match="lose its derivative"):
            read(tracked)
    with pytest.raises(AttributeError, match="lose its derivative"):
        tracked.data


def test_what_arrays_do_not_give():
    x = cd.array(A)
    assert not hasattr(x, "ctypes")
    with pytest.raises(AttributeError, match=r"np\.array\(x\)"):
        x.ctypes
    with pytest.raises(TypeError, match=r"x\[\.\.\.\] = v"):
        x.setfield(1.0, float)


def test_fill_and_put():
    x = cd.array(A)
    for value in ([1.0, 2.0, 3.0], [], A, [1.0]):
        with pytest.raises(ValueError, match="fill: one number"):
            x.fill(value)
    x.fill(np.float32(2.5))
    x.put(indices=[1, 2], values=[7.0], mode="wrap")
    assert x.tolist() == [[2.5, 7.0, 7.0], [2.5, 2.5, 2.5]]


@pytest.mark.parametrize("f", [
    np.min_scalar_type, lambda x: np.save(BUFFER(), x), lambda x: np.savez(BUFFER(), x),
    lambda x: np.savetxt(BUFFER(), x),
])  # fmt: skip
def test_functions_without_counterpart(f):
    """They are NumPy's for arrays without derivative."""
    assert f(cd.array(A)) == f(A)


@pytest.mark.parametrize("write", [np.save, np.savetxt, np.savez])
def test_functions_without_counterpart_lose_no_derivative(write):
    for x in (cd.array(A, requires_grad=True), 2.0 * cd.array(A, requires_grad=True)):
        with pytest.raises(TypeError, match="is not differentiated by cdiff"):
            write(BUFFER(), x)
    with pytest.raises(TypeError, match="is not differentiated by cdiff"):
        cd.jvp(lambda x: write(BUFFER(), x), (A,), (A,))


# --- functions ------------------------------------------------------------------------------------

DISCRETE = ("lower", "higher", "nearest", "inverted_cdf", "closest_observation")


@pytest.mark.parametrize("method", [*DISCRETE, "linear", "midpoint", "weibull"])
def test_quantiles_of_integers(method):
    check_same(lambda m, x: m.quantile(x, 0.4, axis=1, method=method), WHOLE)
    check_same(lambda m, x: m.percentile(x, [30, 60], method=method, keepdims=True), WHOLE)
    check_same(lambda m, x: m.nanpercentile(x, np.float64(30), 0, method=method), WHOLE)
    if method in DISCRETE:
        assert cnp.quantile(cd.array(HUGE), 0.0, method=method) == HUGE[0]  # no double has it
    tracked = cd.jacobian(lambda q: cnp.quantile(cd.array(WHOLE), q, axis=1, method=method))(0.4)
    assert tracked.any() == (method not in (*DISCRETE, "midpoint"))


@pytest.mark.skipif(
    tuple(map(int, np.__version__.split(".")[:2])) < (2, 3), reason="raises before NumPy 2.3"
)
@pytest.mark.parametrize("order", [1, 2, np.inf, "fro", "nuc"])
@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (2, 0, 3)])
def test_norms_of_empty_matrices(shape, order):
    empty = np.zeros(shape)
    check_same(lambda m, x: m.linalg.matrix_norm(x, ord=order), empty)
    check_same(lambda m, x: m.linalg.norm(x, order, axis=(-2, -1), keepdims=True), empty)
    assert cd.grad(lambda x: np.sum(np.linalg.matrix_norm(x, ord=order)))(empty).shape == shape


@pytest.mark.parametrize("f", [
    lambda m, x: m.nanvar(x[0, 0], axis=0), lambda m, x: m.nanstd(x[0, 0], axis=-1),
    lambda m, x: m.linalg.lstsq(x.T, m.arange(3.0) ** 2, rcond=1)[0],
    lambda m, x: m.polyfit(x[0], x[1] ** 2, 1, rcond=1),
    lambda m, x: m.add.reduceat(x, [0, 1], axis=1, out=m.zeros((2, 2))),
])  # fmt: skip
def test_results_at_the_edges(f):
    check_same(f, A)


@pytest.mark.parametrize(("f", "error"), [
    (lambda m, x: m.cov(x, dtype=int), TypeError),
    (lambda m, x: m.copy(x, order="bad"), ValueError),
    (lambda m, x: m.clip(x, None, 2, casting="bad"), ValueError),
    (lambda m, x: m.clip(x, None, 2, nonsense=1), TypeError),
    (lambda m, x: m.fabs(x + 1j), TypeError),
    (lambda m, x: m.linspace(x, 2, 3, device="gpu"), ValueError),
    (lambda m, x: m.ptp(x, 0, out=integers(m)), TypeError),
    (lambda m, x: m.std(x, 0, out=integers(m)), TypeError),
    (lambda m, x: m.nanstd(x, 0, out=integers(m)), TypeError),
    (lambda m, x: m.percentile(x, 30, 0, out=integers(m)), TypeError),
    (lambda m, x: m.std(x, 0, out=3), TypeError),
    *[(lambda m, x: m.reshape(x, (3, 2), order="F", copy=False), ValueError)] * (NUMPY >= (2, 1)),
    (lambda m, x: m.ldexp(x, 2, dtype=np.float32), TypeError),
    (lambda m, x: m.add.reduceat(x, [0], axis=1, out=m.zeros((1, 1))), ValueError),
    (lambda m, x: m.add.reduce(x, out=m.zeros((2, 3))), ValueError),
    (lambda m, x: m.add.reduce(x, out=m.zeros((1, 3))), ValueError),
    (lambda m, x: m.logical_and.reduce(x, out=m.zeros((2, 3))), ValueError),
])  # fmt: skip
def test_what_numpy_refuses(f, error):
    for m, x in ((np, A), (cnp, cd.array(A)), (cnp, cd.array(A, requires_grad=True))):
        with pytest.raises(error):
            f(m, x)
