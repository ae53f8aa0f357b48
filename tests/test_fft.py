"""numpy.fft: values and errors are NumPy's for any length, axes and norm; derivatives against
differences and against the matrix of the transform, in both modes, to order two, eager, compiled
and for many points.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cdiff as cd
import cdiff.numpy as cnp
from cdiff import _core
from cdiff.testing import check_grads

ONE_AXIS = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
MANY_AXES = ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn")
REAL_OPERAND = ("rfft", "ihfft", "rfft2", "rfftn")
NORMS = (None, "backward", "ortho", "forward")


def numbers(shape, real, seed=0, single=False):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    x = x if real else x + 1j * rng.standard_normal(shape)
    return x.astype(np.float32 if real else np.complex64) if single else x


def assert_same(got, wanted, rtol=1e-12):
    got = np.asarray(got)
    assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=rtol * 10)


def both(name):
    return getattr(np.fft, name), getattr(cnp.fft, name)


@st.composite
def calls(draw, names, many):
    """A function, the shape of its operand, and its arguments."""
    name = draw(st.sampled_from(names))
    ndim = draw(st.integers(2 if many else 1, 3))
    shape = tuple(draw(st.lists(st.integers(2, 5), min_size=ndim, max_size=ndim)))
    options = {"norm": draw(st.sampled_from(NORMS))}
    if not many:
        options["axis"] = draw(st.integers(-ndim, ndim - 1))
        options["n"] = draw(st.none() | st.integers(1, 7))
        return name, shape, options
    count = 2 if name.endswith("2") else draw(st.integers(1, ndim))
    axes = draw(st.permutations(range(ndim)))[:count]
    options["axes"] = [k - ndim if draw(st.booleans()) else k for k in axes]
    if draw(st.booleans()):
        options["s"] = draw(st.lists(st.integers(1, 6), min_size=count, max_size=count))
    return name, shape, options


@given(calls(ONE_AXIS, False) | calls(MANY_AXES, True), st.booleans(), st.booleans())
def test_values_are_numpys(call, real, single):
    name, shape, options = call
    x = numbers(shape, real or name in REAL_OPERAND, single=single)
    theirs, ours = both(name)
    wanted = theirs(x, **options)
    rtol = 1e-5 if single else 1e-12
    assert_same(ours(cd.array(x), **options).numpy(), wanted, rtol)
    assert_same(theirs(cd.array(x), **options).numpy(), wanted, rtol)
    assert_same(ours(x, **options), wanted, rtol)


@settings(max_examples=40)
@given(calls(ONE_AXIS, False) | calls(MANY_AXES, True), st.booleans())
def test_derivatives(call, real):
    name, shape, options = call
    x = numbers(shape, real or name in REAL_OPERAND, 1)
    f = both(name)[0]
    check_grads(lambda x: f(x * x, **options), (x,), order=2)


@settings(max_examples=40)
@given(calls(ONE_AXIS, False) | calls(MANY_AXES, True))
def test_forward_and_reverse_are_transposes_exactly(call):
    name, shape, options = call
    real = name in REAL_OPERAND
    f = both(name)[0]
    x, t = numbers(shape, real, 2), numbers(shape, real, 3)
    y, tangent = cd.jvp(lambda x: f(x, **options), (x,), (t,))
    assert_same(tangent, f(t, **options))
    g = numbers(y.shape, y.dtype.kind == "f", 4)
    (back,) = cd.vjp(lambda x: f(x, **options), x)[1](g)
    assert back.dtype == x.dtype
    np.testing.assert_allclose(np.sum(back * t).real, np.sum(g * tangent).real, rtol=1e-10,
                               atol=1e-10)  # fmt: skip


@pytest.mark.parametrize("name", ONE_AXIS + MANY_AXES)
def test_compiled_and_many_points(name):
    f = both(name)[0]
    real = name in REAL_OPERAND
    x = numbers((3, 4), real, 5)

    def loss(x):
        return np.sum(np.abs(f(np.sin(x))) ** 2)

    wanted = cd.value_and_grad(loss)
    compiled = cd.compile(wanted)
    for point in (x, 2 * x):
        for a, b in zip(compiled(point), wanted(point), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    rows = numbers((5, 3, 4), real, 6)
    np.testing.assert_allclose(cd.vmap(f)(rows), np.stack([f(r) for r in rows]), rtol=1e-12)
    np.testing.assert_allclose(
        cd.vmap(cd.grad(loss))(rows), np.stack([cd.grad(loss)(r) for r in rows]), rtol=1e-12
    )


def test_the_jacobian_is_the_matrix_of_the_transform():
    n = 6
    k = np.arange(n)
    matrix = np.exp(-2j * np.pi * np.outer(k, k) / n)
    x, z = numbers(n, True), numbers(n, False)
    np.testing.assert_allclose(cd.jacobian(np.fft.fft)(x), matrix, atol=1e-13)
    for mode in ("fwd", "rev"):
        found = cd.jacobian(np.fft.fft, holomorphic=True, mode=mode)(z)
        np.testing.assert_allclose(found, matrix, atol=1e-13)
    np.testing.assert_allclose(cd.jacobian(np.fft.rfft)(x), matrix[: n // 2 + 1], atol=1e-13)
    inverse = cd.jacobian(np.fft.ifft, holomorphic=True)(z)
    np.testing.assert_allclose(inverse, matrix.conj() / n, atol=1e-13)


def test_parseval():
    """The energy has the gradient 2 n x, whichever way it is computed."""
    x = numbers(7, True)
    energy = lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2)
    np.testing.assert_allclose(cd.grad(energy)(x), 14 * x, rtol=1e-12)
    np.testing.assert_allclose(cd.hessian(energy)(x), 14 * np.eye(7), atol=1e-12)
    z = numbers(7, False)
    np.testing.assert_allclose(cd.grad(energy)(z), 14 * z.conj(), rtol=1e-12)


def test_convolution_by_the_transform():
    x, w = numbers(16, True), numbers(5, True, 1)

    def by_fft(x, w):
        n = x.size + w.size - 1
        return np.fft.irfft(np.fft.rfft(x, n) * np.fft.rfft(w, n), n)

    def loss(f):
        return lambda x, w: np.sum(np.tanh(f(x, w)))

    found = cd.grad(loss(by_fft), argnums=(0, 1))(x, w)
    wanted = cd.grad(loss(np.convolve), argnums=(0, 1))(x, w)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


@pytest.mark.parametrize("axes", [None, 0, (0, -1), [1]])
def test_shifts(axes):
    z = numbers((3, 4), False)
    for name in ("fftshift", "ifftshift"):
        f = getattr(np.fft, name)
        assert_same(f(cd.array(z), axes).numpy(), f(z, axes))
        check_grads(lambda z, f=f: f(z, axes) ** 2, (z,))


def test_out():
    z = numbers(4, False)
    out = cnp.zeros(4, complex)
    found = np.fft.fft(cd.array(z), out=out)
    assert found is out
    np.testing.assert_allclose(out.numpy(), np.fft.fft(z))

    def loss(z):
        out = cnp.zeros(4, complex)
        np.fft.ifft(z, out=out)
        return np.sum(np.abs(out * out))

    check_grads(loss, (z,))
    with pytest.raises(ValueError, match="shape"):
        np.fft.fft(cd.array(z), out=cnp.zeros(3, complex))


@pytest.mark.parametrize("call", [
    lambda x: np.fft.fftn(x, axes=()), lambda x: np.fft.fftn(x[0, 0]),
    lambda x: np.fft.irfftn(x, axes=(0,)), lambda x: np.fft.irfftn(x, s=(-1,), axes=(0,)),
    lambda x: np.fft.irfft2(x, s=(2, -1)), lambda x: np.fft.irfftn(x, (3, -1), (0, 1), "ortho"),
])  # fmt: skip
def test_transforms_of_no_axis_and_of_whole_axes(call):
    x = numbers((3, 4), True)
    assert_same(call(cd.array(x)).numpy(), call(x))

    def loss(x):
        return np.sum(np.square(np.real(call(x))))

    check_grads(loss, (x,))
    np.testing.assert_allclose(cd.compile(cd.grad(loss))(x), cd.grad(loss)(x), rtol=1e-13)


def test_repeated_axes():
    z = numbers((3, 4), False)
    assert_same(np.fft.fftn(cd.array(z), axes=(0, 0, 1)).numpy(), np.fft.fftn(z, axes=(0, 0, 1)))


@pytest.mark.parametrize("call, error, message", [
    (lambda x: np.fft.fft(x, norm="half"), ValueError, "fft: Invalid norm value half"),
    (lambda x: np.fft.fft(x, 0), ValueError, r"fft: Invalid number of FFT data points \(0\)"),
    (lambda x: np.fft.irfft(x, -1), ValueError, r"irfft: Invalid number of data points \(-1\)"),
    (lambda x: np.fft.fft(x, axis=2), np.exceptions.AxisError, "axis 2"),
    (lambda x: np.fft.rfft(x * 1j), TypeError, r"rfft takes real numbers.*complex128.*\(3, 4\)"),
    (lambda x: np.fft.fftn(x, s=(2,), axes=(0, 1)), ValueError, "different lengths"),
    (lambda x: np.fft.rfftn(x, axes=()), IndexError, "at least one axis"),
    (lambda x: np.fft.fft(x, 2.5), TypeError, "integer"),
])  # fmt: skip
def test_bad_calls(call, error, message):
    with pytest.raises(error, match=message):
        call(cd.array(np.ones((3, 4))))


def test_programs_refuse_damaged_transforms():
    """What a saved program says is not trusted."""
    f = cd.compile(lambda x: np.fft.irfft(np.fft.rfft(x) * 2.0, 4))
    f(np.ones(4))
    assert "rfft" in str(f.program)
    assert "irfft" in str(f.program)


# --- the operator whose result may be the real part -----------------------------------------------


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("shape", [(1,), (2,), (7,), (8,), (3, 5), (2, 3, 4), (1, 1)])
@pytest.mark.parametrize("real", [False, True])
def test_spectra_and_their_real_parts_by_half_the_work(real, shape, inverse, norm):
    function = np.fft.ifft if inverse else np.fft.fft
    for order in "CF":  # by rows without gaps, and as NumPy does it
        x = np.asarray(numbers(shape, real), order=order)
        for axis in range(len(shape)):
            wanted = function(x, axis=axis, norm=norm)
            assert_same(_core.value(_core.fft(x, (axis,), inverse, norm)), wanted)
            assert_same(_core.value(_core.spectrum(x, (axis,), inverse, norm, False)), wanted)
            found = _core.value(_core.spectrum(x, (axis,), inverse, norm, True))
            assert_same(found, wanted.real)


@pytest.mark.parametrize("n", [6, 7])
@pytest.mark.parametrize("name", ["fft", "ifft"])
def test_the_cotangent_of_real_numbers_to_order_three(name, n):
    weights = numbers((n,), False, 3)

    def f(x):
        return cnp.sum(cnp.abs(getattr(cnp.fft, name)(x) * weights) ** 3)

    check_grads(f, (numbers((n,), True),), order=3, modes=("fwd", "rev"))
