"""The array API standard: `cdiff.numpy` is the namespace of arrays, has the standard's names, and
its functions give what NumPy's do (values, shapes, dtypes) for shapes and dtypes drawn at random;
DLPack in both directions; and what Python's own protocols (`in`, `sorted`, iteration, formatting,
copies) make of arrays, tracked or not.
"""

import copy
import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import cdiff as cd
import cdiff.numpy as cnp


def words(text):
    return text.split()


NAMES = words("""
    abs acos acosh add all any arange argmax argmin argsort asarray asin asinh astype atan atan2
    atanh bitwise_and bitwise_invert bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor
    broadcast_arrays broadcast_to can_cast ceil clip concat conj copysign cos cosh count_nonzero
    cumulative_prod cumulative_sum diff divide empty empty_like equal exp expand_dims expm1 eye
    finfo flip floor floor_divide from_dlpack full full_like greater greater_equal hypot iinfo imag
    isdtype isfinite isin isinf isnan less less_equal linspace log log10 log1p log2 logaddexp
    logical_and logical_not logical_or logical_xor matmul matrix_transpose max maximum mean meshgrid
    min minimum moveaxis multiply negative nextafter nonzero not_equal ones ones_like permute_dims
    positive pow prod real reciprocal remainder repeat reshape result_type roll round searchsorted
    sign signbit sin sinh sort sqrt square squeeze stack std subtract sum take take_along_axis tan
    tanh tensordot tile tril triu trunc unique_all unique_counts unique_inverse unique_values
    unstack var vecdot where zeros zeros_like
""")
LINALG = words("""
    cholesky cross det diagonal eigh eigvalsh inv matmul matrix_norm matrix_power matrix_rank
    matrix_transpose outer pinv qr slogdet solve svd svdvals tensordot trace vecdot vector_norm
""")
FFT = words("""
    fft ifft fftn ifftn rfft irfft rfftn irfftn hfft ihfft fftfreq rfftfreq fftshift ifftshift
""")
CONSTANTS = words("e inf nan newaxis pi")
DTYPES = words("""
    bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128
""")
NEW = {"cumulative_prod", "unstack"}  # of NumPy 2.1 and later

UNARY = words("""
    abs acos acosh asin asinh atan atanh ceil conj cos cosh exp expm1 floor imag isfinite isinf
    isnan log log10 log1p log2 negative positive real reciprocal round sign sin sinh sqrt square
    tan tanh trunc
""")
BINARY = words("""
    add atan2 copysign divide equal floor_divide greater greater_equal hypot less less_equal
    logaddexp maximum minimum multiply not_equal pow remainder subtract
""")
REAL_ONLY = set(words("ceil floor trunc atan2 copysign floor_divide hypot logaddexp remainder"))
REDUCTIONS = words("max mean min prod std sum var")

quiet = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def test_the_namespace_of_arrays():
    x = cd.array([1.0, 2.0])
    assert x.__array_namespace__() is cnp
    assert x.__array_namespace__(api_version="2024.12") is cnp
    with pytest.raises(ValueError, match=r"2099\.12"):
        x.__array_namespace__(api_version="2099.12")
    assert (x.device, x.to_device("cpu") is x) == ("cpu", True)
    with pytest.raises(ValueError, match="'cuda'"):
        x.to_device("cuda")


@pytest.mark.parametrize("module, names", [
    ("", NAMES + CONSTANTS + DTYPES), ("linalg", LINALG), ("fft", FFT)])  # fmt: skip
def test_the_names_of_the_standard(module, names):
    space = getattr(cnp, module) if module else cnp
    for name in names:
        assert hasattr(space, name) or name in NEW, name
    missing = set(names) - set(space.__all__) - NEW
    assert missing == set()


@pytest.mark.parametrize("name", sorted(set(dir(np.ndarray)) & {
    f"__{n}__" for n in words("""abs add and bool complex eq float floordiv ge getitem gt index int
    invert le lshift lt matmul mod mul ne neg or pos pow rshift setitem sub truediv xor iadd isub
    imul itruediv ifloordiv ipow imatmul imod radd rsub rmul rtruediv rfloordiv rpow rmatmul rmod
    array_namespace dlpack dlpack_device""")}))  # fmt: skip
def test_the_methods_of_the_standard(name):
    assert callable(getattr(cd.Array, name))


def numbers(dtype):
    """Ordinary numbers: what happens at the edges is tested by operator."""
    if dtype.kind == "c":
        return st.complex_numbers(max_magnitude=8, allow_nan=False, width=dtype.itemsize * 8)
    return st.floats(-8, 8, width=dtype.itemsize * 8, allow_subnormal=False)


@st.composite
def arrays(draw, shape=None, kinds="fc"):
    names = [n for n in ("float32", "float64", "complex64", "complex128") if n[0] in kinds]
    dtype = np.dtype(draw(st.sampled_from(names)))
    shape = hnp.array_shapes(min_dims=0, max_dims=3, max_side=4) if shape is None else shape
    return draw(hnp.arrays(dtype, shape, elements=numbers(dtype)))


def assert_same(found, wanted):
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    rtol = 1e-4 if wanted.dtype.char in "fF" else 1e-10
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol)


def accepted(function, *args, **kwargs):
    """What NumPy gives, or None where it raises TypeError."""
    try:
        return function(*args, **kwargs)
    except TypeError:
        return None


@quiet
@settings(max_examples=60)
@given(st.data())
def test_elementwise_functions_of_one_array(data):
    x = data.draw(arrays())
    for name in UNARY:
        wanted = accepted(getattr(np, name), x)
        if wanted is None:
            with pytest.raises(TypeError):
                getattr(cnp, name)(cd.array(x))
        else:
            assert_same(getattr(cnp, name)(cd.array(x)), wanted)


@quiet
@settings(max_examples=60)
@given(st.data())
def test_elementwise_functions_of_two_arrays(data):
    shapes = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3)
    first, second = data.draw(shapes).input_shapes
    x, y = data.draw(arrays(first)), data.draw(arrays(second))
    complex_one = "c" in (x.dtype.kind, y.dtype.kind)
    y = np.where(np.abs(y) < 0.1, np.ones((), y.dtype), y)
    for name in BINARY:
        if complex_one and name in REAL_ONLY:
            with pytest.raises(TypeError):
                getattr(cnp, name)(cd.array(x), cd.array(y))
        elif name != "pow" or complex_one or (x >= 0).all():
            for a, b in ((cd.array(x), cd.array(y)), (cd.array(x), y), (x, cd.array(y))):
                assert_same(getattr(cnp, name)(a, b), getattr(np, name)(x, y))


@quiet
@given(st.data())
def test_reductions(data):
    x = data.draw(arrays(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4)))
    axis = data.draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    keepdims = data.draw(st.booleans())
    for name in REDUCTIONS:
        wanted = getattr(np, name)(x, axis=axis, keepdims=keepdims)
        assert_same(getattr(cnp, name)(cd.array(x), axis=axis, keepdims=keepdims), wanted)
    for name in ("argmax", "argmin", "count_nonzero", "any", "all"):
        wanted = getattr(np, name)(x, axis=axis, keepdims=keepdims)
        np.testing.assert_array_equal(
            getattr(cnp, name)(cd.array(x), axis=axis, keepdims=keepdims), wanted
        )


@given(arrays(), st.data())
def test_functions_of_shapes(x, data):
    ours = cd.array(x)
    perm = data.draw(st.permutations(range(x.ndim)))
    assert_same(cnp.permute_dims(ours, tuple(perm)), np.permute_dims(x, tuple(perm)))
    assert_same(cnp.reshape(ours, (-1,)), x.reshape(-1))
    assert_same(cnp.expand_dims(ours, axis=0), x[None])
    assert_same(cnp.flip(ours), np.flip(x))
    assert_same(cnp.roll(ours, 2), np.roll(x, 2))
    assert_same(cnp.stack([ours, ours], axis=-1), np.stack([x, x], axis=-1))
    assert_same(cnp.concat([ours, ours], axis=None), np.concatenate([x, x], axis=None))
    assert_same(cnp.broadcast_to(ours, (2, *x.shape)), np.broadcast_to(x, (2, *x.shape)))
    assert_same(cnp.where(np.abs(x) > 1, ours, 0.0), np.where(np.abs(x) > 1, x, 0.0))
    if x.ndim:
        assert_same(cnp.take(ours, np.array([0]), axis=0), np.take(x, [0], axis=0))
        assert_same(cnp.sort(ours, axis=0), np.sort(x, axis=0))


@given(arrays(), st.sampled_from(["float64", "complex128", "complex64"]))
def test_astype(x, dtype):
    if x.dtype.kind == "c" and dtype[0] == "f":
        with pytest.raises(TypeError):
            cnp.astype(cd.array(x), dtype)
    else:
        assert_same(cnp.astype(cd.array(x), dtype), x.astype(dtype))


def test_dtypes_and_their_questions():
    x = cd.array(np.ones(2, np.complex64))
    assert cnp.isdtype(x.dtype, "complex floating")
    assert cnp.result_type(x, cnp.float64) == np.complex128
    assert cnp.can_cast(x, cnp.complex128)
    assert cnp.finfo(x.dtype).bits == 32


# --- code that is written against the standard ----------------------------------------------------


def softmax(x, axis):
    xp = x.__array_namespace__()
    e = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
    return e / xp.sum(e, axis=axis, keepdims=True)


def whiten(x):
    xp = x.__array_namespace__()
    centred = x - xp.mean(x, axis=0)
    u, s, vh = xp.linalg.svd(centred, full_matrices=False)
    return xp.linalg.matrix_norm(xp.matmul(u * s, vh)) + xp.sum(xp.linalg.vector_norm(u, axis=0))


def spectrum(x):
    xp = x.__array_namespace__()
    return xp.sum(xp.abs(xp.fft.rfft(x, axis=-1)) ** 2)


@pytest.mark.parametrize("f", [lambda x: softmax(x, 1), whiten, spectrum])
def test_code_against_the_standard(f):
    x = np.random.default_rng(0).standard_normal((5, 3))
    np.testing.assert_allclose(np.asarray(f(cd.array(x))), f(x), rtol=1e-12)
    cd.testing.check_grads(f, (x,), order=2)


# --- DLPack ---------------------------------------------------------------------------------------


class OldConsumer:
    """Hands an array on as a library does that knows the protocol before its version 1.0."""

    def __init__(self, x):
        self.x = x

    def __dlpack__(self, **kwargs):
        return self.x.__dlpack__()

    def __dlpack_device__(self):
        return self.x.__dlpack_device__()


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128, np.int64, bool])
def test_dlpack(dtype):
    values = np.arange(6).reshape(2, 3).astype(dtype)
    x = cd.array(values)
    for y in (x, x.T, x[:, 1:], OldConsumer(x)):
        plain = y.x if type(y) is OldConsumer else y
        np.testing.assert_array_equal(np.from_dlpack(y), plain.numpy())
    assert x.__dlpack_device__() == values.__dlpack_device__()
    back = cnp.from_dlpack(values)
    np.testing.assert_array_equal(np.asarray(back), values)
    assert isinstance(back, cd.Array) == (np.dtype(dtype).kind in "fc")
    assert np.from_dlpack(cd.array(2.0)).shape == ()


def test_what_dlpack_hands_out_does_not_change():
    x = cd.array([1.0, 2.0])
    seen = np.from_dlpack(x)
    old = np.from_dlpack(OldConsumer(x))
    x[0] = 7.0
    assert (seen.tolist(), old.tolist()) == ([1.0, 2.0], [1.0, 2.0])
    if "max_version" in (np.ndarray.__dlpack__.__doc__ or ""):
        assert not seen.flags.writeable
    with pytest.raises(BufferError, match="read-only or as a copy"):
        x.__dlpack__(copy=False)


def test_dlpack_does_not_lose_a_derivative():
    leaf = cd.array([1.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"would lose its derivative; write x\.detach\(\)"):
        np.from_dlpack(leaf * 2)
    with pytest.raises(TypeError, match="would lose its derivative"):
        cd.grad(lambda x: np.from_dlpack(x)[0])(np.ones(2))
    assert np.from_dlpack((leaf * 2).detach()).tolist() == [2.0]


# --- Python's protocols ---------------------------------------------------------------------------


@pytest.fixture(params=["plain", "tracked"])
def array(request):
    return cd.array([3.0, 1.0, 2.0], requires_grad=request.param == "tracked")


def test_membership_order_and_iteration(array):
    assert (1.0 in array, 5.0 in array, np.float64(2) in array) == (True, False, True)
    assert [x.item() for x in sorted(array)] == [1.0, 2.0, 3.0]
    assert [x.item() for x in reversed(array)] == [2.0, 1.0, 3.0]
    assert (max(array).item(), min(array).item(), sum(array).item()) == (3.0, 1.0, 6.0)
    assert [x.item() for x in array] == list(array.tolist())
    first, *rest = array
    assert (first.item(), len(rest), len(array)) == (3.0, 2, 3)
    assert all(cd.is_tracked(x) == array.requires_grad for x in sorted(array))
    assert array.tolist().index(1.0) == 1
    with pytest.raises(TypeError, match="iteration over a scalar"):
        iter(cd.array(1.0))


def test_sorting_keeps_the_derivative():
    def f(x):
        low, _, high = sorted(x)
        return high**2 - low**3

    x = np.array([3.0, -1.0, 2.0])
    np.testing.assert_allclose(cd.grad(f)(x), [6.0, -3.0, 0.0])
    compiled = cd.compile(cd.grad(f))
    for point in (x, x[::-1].copy(), -x):
        np.testing.assert_allclose(compiled(point), cd.grad(f)(point))


def test_formatting(array):
    assert f"{array[0]:.2f}|{array[1]:>6.1e}|{array[2]}" == "3.00|1.0e+00|2.0"
    assert str(array) == "[3. 1. 2.]"
    assert f"{array}" == str(array)
    assert repr(array).startswith("Array([3., 1., 2.]")
    assert f"{cd.array(1 - 2j):.1f}" == "1.0-2.0j"


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, lambda x: x.copy(), cnp.copy])
def test_copies(make):
    x = cd.array([1.0, 2.0])
    y = make(x)
    y[0] = 9.0
    assert (x.tolist(), y.tolist()) == ([1.0, 2.0], [9.0, 2.0])
    g = cd.grad(lambda x: np.sum((copy.copy(x) if make is copy.deepcopy else make(x)) ** 2))
    np.testing.assert_allclose(g(np.array([1.0, 2.0])), [2.0, 4.0])


def test_signatures_take_the_keywords_of_the_standard():
    """Keyword-only arguments of the standard that NumPy has are there under the same names."""
    for name, keywords in {
        "sum": ("axis", "dtype", "keepdims"), "std": ("axis", "correction", "keepdims"),
        "sort": ("axis", "descending", "stable"), "cumulative_sum": ("axis", "include_initial"),
        "vecdot": ("axis",), "take": ("axis",), "concat": ("axis",), "roll": ("axis",),
    }.items():  # fmt: skip
        parameters = inspect.signature(getattr(cnp, name)).parameters
        assert set(keywords) <= set(parameters), name
