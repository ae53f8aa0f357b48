"""Complex numbers: values against NumPy, derivatives against differences along both axes of the
plane, the complex step and Cauchy-Riemann, in both modes, eager, compiled and for many points; what
`holomorphic` promises; and which calls are refused.
"""

import pickle

import numpy as np
import pytest
from complex_cases import CASES, HOLOMORPHIC, POINTS, M, W, X, Z, points
from hypothesis import given
from hypothesis import strategies as st

import cdiff as cd
import cdiff.numpy as cnp
from cdiff._arguments._tree import flatten, unflatten
from cdiff.testing import check_grads

NO_BATCH = "no rule for many points"


def leaves(x):
    return [np.asarray(y) for y in flatten(x)[0]]


def assert_same(got, wanted, rtol=1e-11, atol=1e-12):
    for a, b in zip(leaves(got), leaves(wanted), strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def pulled(f):
    """Value and pullback of cotangents that have an imaginary part where the output has one."""

    def call(*args):
        out, pull = cd.vjp(f, *args)
        ys, treedef = flatten(out)
        seeds = [np.full(np.shape(y), 1 - 0.5j if np.asarray(y).dtype.kind == "c" else 0.7)
                 for y in leaves(cd.stop_gradient(out))]  # fmt: skip
        assert len(ys) == len(seeds)
        return out, pull(unflatten(treedef, seeds))

    return call


# --- functions of NumPy ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_values_are_numpys(name):
    f, args = CASES[name]
    assert_same(f(*[cd.array(x) for x in args]), f(*args), 1e-12, 1e-13)


@pytest.mark.parametrize("name", CASES)
def test_derivatives_to_order_two(name):
    f, args = CASES[name]
    check_grads(f, args, order=2)


@pytest.mark.parametrize("name", CASES)
def test_compiled_and_eager_agree(name):
    f, args = CASES[name]
    compiled = cd.compile(pulled(f))
    for k in range(2):
        moved = [x * (1 + 0.01 * k) for x in args]
        assert_same(compiled(*moved), pulled(f)(*moved))


@pytest.mark.parametrize("name", CASES)
def test_many_points(name):
    f, args = CASES[name]
    rows = [np.stack([np.asarray(x), np.asarray(x) * 1.02]) for x in args]
    try:
        found = cd.vmap(f)(*rows)
    except NotImplementedError as error:
        assert NO_BATCH in str(error)
        return
    each = [leaves(f(*[x[i] for x in rows])) for i in range(2)]
    assert_same(leaves(found), [np.stack(pair) for pair in zip(*each, strict=True)])


SINGLE = ("conj", "absolute", "power", "of real numbers", "where", "prod", "var", "matmul",
          "einsum", "solve", "norm", "svdvals", "integer powers")  # fmt: skip


@pytest.mark.parametrize("name", SINGLE)
def test_single_precision(name):
    f, args = CASES[name]
    single = [x.astype(np.complex64 if np.iscomplexobj(x) else np.float32) for x in args]
    out, back = pulled(f)(*single)
    wanted_out, wanted_back = pulled(f)(*args)
    for a, b in zip(leaves([out, back]), leaves([wanted_out, wanted_back]), strict=True):
        assert a.dtype == (np.complex64 if b.dtype.kind == "c" else np.float32)
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize(
    "x",
    [np.float32(2), np.float64(2), np.complex64(2), np.complex128(2), 2, 2.0, 2j, np.int64(2)],
)
def test_promotion_is_numpys(x, dtype):
    y = np.ones(2, dtype)
    for f in (np.add, np.multiply, np.divide, np.power):
        found = f(x, cd.array(y))
        assert found.dtype == f(x, y).dtype
        np.testing.assert_allclose(found.numpy(), f(x, y), rtol=1e-6)
    for f in (lambda a, b: a + b, lambda a, b: b - a, lambda a, b: b / a):
        assert f(x, cd.array(y)).dtype == f(x, y).dtype
        assert cd.compile(lambda b, f=f: f(x, b))(y).dtype == f(x, y).dtype


# --- holomorphic functions ------------------------------------------------------------------------


def holomorphic(name):
    return np.sinc if name == "sinc" else getattr(np, name)


@pytest.mark.parametrize("name", HOLOMORPHIC)
def test_derivatives_of_holomorphic_functions(name):
    """Reverse, forward and compiled agree with a step along the real and the imaginary axis."""
    f = holomorphic(name)
    derivative = cd.elementwise_grad(f, holomorphic=True)
    found = derivative(POINTS)
    h = 1e-5
    for step in (h, 1j * h):
        numerical = (f(POINTS + step) - f(POINTS - step)) / (2 * step)
        np.testing.assert_allclose(found, numerical, rtol=1e-8, atol=1e-8)
    tangent = np.exp(1j * np.arange(4))
    np.testing.assert_allclose(cd.jvp(f, (POINTS,), (tangent,))[1], found * tangent, rtol=1e-13)
    np.testing.assert_allclose(cd.compile(derivative)(POINTS), found, rtol=1e-13)
    check_grads(f, (POINTS,), order=3, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", HOLOMORPHIC)
def test_the_complex_step_gives_the_real_derivative(name):
    """A function of real numbers, evaluated by us at a complex number: the same derivative."""
    f = holomorphic(name)
    x = np.array([0.31, 0.62])
    x = x + 1 if name == "arccosh" else x
    step = f(cd.array(x + 1e-30j)).numpy().imag / 1e-30
    np.testing.assert_allclose(step, cd.elementwise_grad(f)(x), rtol=1e-13)


@given(st.complex_numbers(max_magnitude=5, min_magnitude=0.1), st.integers(-4, 5))
def test_powers(z, n):
    found = cd.grad(lambda w: w**n, holomorphic=True)(z)
    np.testing.assert_allclose(found, n * np.complex128(z) ** (n - 1), rtol=1e-12)
    found = cd.grad(lambda w: np.power(w, n + 0.5), holomorphic=True)(z)
    np.testing.assert_allclose(found, (n + 0.5) * np.complex128(z) ** (n - 0.5), rtol=1e-11)


def test_higher_orders_of_a_holomorphic_function():
    f = lambda z: np.exp(2j * z)
    for order in range(1, 5):
        f = cd.grad(f, holomorphic=True)
        np.testing.assert_allclose(f(0.3 + 0.1j), (2j) ** order * np.exp(2j * (0.3 + 0.1j)))


def test_jacobian_and_hessian_of_holomorphic_functions():
    def f(z):
        return np.stack([z[0] ** 2 * z[1], np.exp(z[1])])

    z = np.array([1 + 2j, 0.5 - 0.3j])
    wanted = np.array([[2 * z[0] * z[1], z[0] ** 2], [0, np.exp(z[1])]])
    for transform in (cd.jacobian, cd.jacfwd, cd.jacrev):
        np.testing.assert_allclose(transform(f, holomorphic=True)(z), wanted, rtol=1e-14)
    for mode in ("fwd", "rev", "auto"):
        found = cd.jacobian(f, mode=mode, holomorphic=True, layout="denominator")(z)
        np.testing.assert_allclose(found, wanted.T, rtol=1e-14)
    hessian = cd.hessian(lambda z: z[0] ** 2 * z[1], holomorphic=True)(z)
    np.testing.assert_allclose(hessian, [[2 * z[1], 2 * z[0]], [2 * z[0], 0]], rtol=1e-14)


# --- the convention -------------------------------------------------------------------------------


def test_the_gradient_of_a_real_function():
    """df/dx - i df/dy, which is JAX's and autograd's; PyTorch gives its conjugate."""
    z = 0.8 - 1.7j
    assert cd.grad(lambda z: z.real)(z) == 1
    assert cd.grad(lambda z: z.imag)(z) == -1j
    assert cd.grad(lambda z: np.abs(z) ** 2)(z) == pytest.approx(2 * np.conj(z))
    assert cd.grad(lambda z: np.abs(z))(z) == pytest.approx(np.conj(z) / abs(z))
    assert cd.grad(lambda z: np.angle(z))(z) == pytest.approx(-1j / z)
    assert cd.grad(lambda z: (z * np.conj(z)).real)(z) == pytest.approx(2 * np.conj(z))


def test_descent_along_the_conjugate():
    target, z = 3 - 4j, 0j
    for _ in range(60):
        z = z - 0.2 * np.conj(cd.grad(lambda w: np.abs(w - target) ** 2)(z))
    assert abs(z - target) < 1e-8


def test_types_of_results():
    gradient = cd.grad(lambda z: np.abs(z) ** 2)
    assert type(gradient(1j)) is complex
    assert type(gradient(np.complex64(1j))) is np.complex64
    value, gradient = cd.value_and_grad(lambda z: np.sum(np.abs(z)))(Z)
    assert type(value) is float
    assert gradient.dtype == np.complex128
    mixed = cd.grad(lambda p: np.abs(p["x"] * p["z"]))({"x": 2.0, "z": 1j})
    assert type(mixed["x"]) is float
    assert type(mixed["z"]) is complex
    assert cd.grad(lambda x: np.abs(np.exp(1j * x) + 1))(0.3).__class__ is float


def test_the_jacobian_between_real_and_complex():
    x = X[:2]
    wanted = np.diag(1j * np.exp(1j * x))
    for transform in (cd.jacobian, cd.jacfwd):
        np.testing.assert_allclose(transform(lambda x: np.exp(1j * x))(x), wanted)
    wanted = np.diag(np.conj(Z[:2]) / np.abs(Z[:2]))
    for transform in (cd.jacobian, cd.jacrev):
        np.testing.assert_allclose(transform(np.abs)(Z[:2]), wanted)
    assert type(cd.jacobian(lambda x: np.exp(1j * x))(0.3)) is np.complex128


def test_the_hessian_over_the_real_and_the_imaginary_part():
    def f(z):
        return np.sum(np.abs(np.exp(z) * z))

    def parts(v):
        return f(v[:2] + 1j * v[2:])

    v = np.array([0.3, -0.2, 0.5, 0.8])
    z = v[:2] + 1j * v[2:]
    hessian = cd.hessian(parts)(v)
    for k in range(4):
        direction = np.eye(4)[k]
        t = direction[:2] + 1j * direction[2:]
        product = cd.hvp(f, (z,), (t,))
        np.testing.assert_allclose(np.r_[product.real, -product.imag], hessian[k], rtol=1e-10)


@pytest.mark.parametrize("f, wanted", [
    (lambda z: np.abs(z), 0), (lambda z: np.linalg.norm(z * np.ones(3)), 0),
    (lambda z: np.abs(np.sign(z)), 0), (lambda z: np.std(z * np.ones(4)), 0),
    (lambda z: np.where(np.abs(z) > 0, np.abs(np.sqrt(z)), 0.0), 0),
    (lambda z: np.prod(np.stack([z, z + 2j])).real, 2j)])  # fmt: skip
def test_derivatives_at_zero(f, wanted):
    assert cd.grad(f)(0j) == wanted
    assert cd.jvp(f, (0j,), (1 + 0j,))[1] == np.real(wanted)
    assert cd.compile(cd.grad(f))(0j) == wanted


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_signs_of_the_smallest_numbers(dtype):
    """NumPy's quotient multiplies with the reciprocal, which would overflow."""
    tiny = np.finfo(dtype).smallest_subnormal
    z = np.array([tiny, -tiny, 1j * tiny, 0], dtype)
    np.testing.assert_array_equal(np.sign(cd.array(z)), np.sign(z))
    assert np.std(cd.array(z)) <= 4 * tiny
    assert tiny <= np.linalg.norm(cd.array(z)) <= 4 * tiny


@pytest.mark.parametrize("f", [np.arcsin, np.arccos, np.arccosh, np.sqrt, np.log, np.arcsinh])
@pytest.mark.parametrize("z", [complex(3, 0.0), complex(3, -0.0), complex(-3, 0.0),
                               complex(-3, -0.0), complex(-0.5, 0.0)])  # fmt: skip
def test_derivatives_on_branch_cuts(f, z):
    """The sign of an imaginary part 0 says from which side; so do differences along the cut."""
    h = 1e-6
    beside = [complex(z.real + s * h, z.imag) for s in (1, -1)]
    with np.errstate(invalid="ignore"):
        wanted = (f(beside[0]) - f(beside[1])) / (2 * h)
    np.testing.assert_allclose(cd.grad(f, holomorphic=True)(z), wanted, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("z", [0.1 + 0.2j, 6.9 + 3j, 8 - 1j, 9.5 + 2j, -1e6 + 0.5j, 40j])
def test_derivatives_of_sinc(z):
    """Near 0 an integral, elsewhere the closed form; both are compared where they meet."""
    mpmath = pytest.importorskip("mpmath")
    f = np.sinc
    with mpmath.workdps(60):
        for order in range(1, 4):
            f = cd.grad(f, holomorphic=True)
            wanted = complex(mpmath.diff(mpmath.sincpi, mpmath.mpc(z), order))
            np.testing.assert_allclose(f(z), wanted, rtol=1e-8)


# --- functions of SciPy ---------------------------------------------------------------------------


def scipy_cases():
    pytest.importorskip("scipy")
    import cdiff.scipy.linalg as csl
    import cdiff.scipy.signal as css

    small = M + 4 * np.eye(3)
    return {
        "expm": (csl.expm, (M,)), "logm": (csl.logm, (small,)), "sqrtm": (csl.sqrtm, (small,)),
        "sinm": (csl.sinm, (M,)),
        "powers": (lambda a: csl.fractional_matrix_power(a, 0.3), (small,)),
        "sqrtm beside the real line": (
            lambda a: csl.sqrtm(a.astype(complex)), (np.diag([-1.0, 2.0]),)),
        "convolve": (css.convolve, (Z, W)), "fftconvolve": (css.fftconvolve, (Z, X)),
        "correlate": (lambda z, w: css.correlate(z, w, "same"), (Z, W)),
        "hilbert": (css.hilbert, (X,)), "hilbert of more": (lambda x: css.hilbert(x, 7), (X,)),
        "hilbert along an axis": (lambda x: css.hilbert(x * x, axis=0), (M.real,)),
    }  # fmt: skip


@pytest.mark.parametrize("name", [
    "expm", "logm", "sqrtm", "sinm", "powers", "sqrtm beside the real line", "convolve",
    "fftconvolve", "correlate", "hilbert", "hilbert of more", "hilbert along an axis"])  # fmt: skip
def test_functions_of_scipy(name):
    f, args = scipy_cases()[name]
    assert_same(f(*[cd.array(x) for x in args]), f(*args), 1e-10, 1e-10)
    check_grads(f, args, order=2)


# --- transformations ------------------------------------------------------------------------------


def test_forward_and_reverse_are_transposes():
    f, args = CASES["qr"]
    t = points(args[0].shape, 11)
    out, tangent = cd.jvp(f, args, (t,))
    g = [points(y.shape, 12 + k) for k, y in enumerate(out)]
    (back,) = cd.vjp(f, *args)[1](tuple(g))
    forward = sum(np.sum(a * b).real for a, b in zip(g, tangent, strict=True))
    np.testing.assert_allclose(np.sum(back * t).real, forward, rtol=1e-10)


def test_linearize_and_checkpoint_and_loops():
    def step(carry, x):
        carry = carry * x + np.conj(carry) * 0.1
        return carry, np.abs(carry)

    def looped(z, w):
        last, sizes = cd.scan(step, z, w)
        return np.abs(last) + np.sum(sizes)

    def unrolled(z, w):
        total = 0.0
        for k in range(4):
            z, size = step(z, w[k])
            total = total + size
        return np.abs(z) + total

    wanted = cd.value_and_grad(unrolled, argnums=(0, 1))(1 + 1j, W)
    assert_same(cd.value_and_grad(looped, argnums=(0, 1))(1 + 1j, W), wanted)
    assert_same(cd.compile(cd.value_and_grad(looped, argnums=(0, 1)))(1 + 1j, W), wanted)
    checked = cd.value_and_grad(cd.checkpoint(unrolled), argnums=(0, 1))
    assert_same(checked(1 + 1j, W), wanted)
    check_grads(looped, (1 + 1j, W), order=2)
    push = cd.linearize(unrolled, 1 + 1j, W)[1]
    assert_same(push(1j, 1j * W), cd.jvp(unrolled, (1 + 1j, W), (1j, 1j * W))[1])
    power = cd.fori_loop(0, 3, lambda k, z: z * z, 0.5 + 0.5j)
    np.testing.assert_allclose(power, (0.5 + 0.5j) ** 8)


def test_backward():
    z = cd.array(Z, requires_grad=True)
    y = np.sum(np.abs(z) ** 2)
    y.backward()
    np.testing.assert_allclose(z.grad.numpy(), 2 * Z.conj())
    w = cd.array(Z, requires_grad=True)
    (w * w).backward(np.ones(4))
    np.testing.assert_allclose(w.grad.numpy(), 2 * Z)
    with pytest.raises(TypeError, match=r"complex128.*give the seed"):
        (w * w).sum().backward()


def test_custom_derivatives():
    @cd.custom_vjp
    def double(z):
        return 2 * z

    double.defvjp(lambda z: (2 * z, None), lambda _, g: (3j * g,))
    assert cd.grad(lambda z: np.abs(double(z)) ** 2)(1j) == pytest.approx(3j * 2 * -2j)
    check_grads(cd.checkpoint(lambda z: np.exp(z) * z.conj()), (Z,))


def test_compiled_programs_can_be_saved(tmp_path):
    f = cd.compile(lambda z, s: (np.sum(np.exp(z) * s), z.conj()))
    wanted = f(Z, 2 - 1j)
    f.save(tmp_path / "f.bin")
    assert_same(cd.load(tmp_path / "f.bin")(Z, 2 - 1j), wanted)


def test_a_compiled_function_of_python_numbers():
    f = cd.compile(lambda z: z * z + 1j)
    assert f(1 + 2j) == (1 + 2j) ** 2 + 1j
    assert f(3j) == -9 + 1j
    assert f.stats()["programs"] == 1
    assert f(2.0) == 4 + 1j


# --- arrays ---------------------------------------------------------------------------------------


def test_conversions():
    z = cd.array(1 + 2j)
    assert complex(z) == z.item() == 1 + 2j
    assert repr(cd.array([1j])) == "Array([0.+1.j], dtype=complex128)"
    assert f"{cd.array(1 + 2j):.1f}" == "1.0+2.0j"
    assert bool(cd.array(1j))
    for convert in (float, int):
        with pytest.raises(TypeError, match="complex"):
            convert(z)
    assert pickle.loads(pickle.dumps(cd.array(Z))).tolist() == Z.tolist()
    tracked = cd.array(Z, requires_grad=True)
    with pytest.raises(TypeError, match="would lose its derivative"):
        complex(tracked[0])
    assert 1 + 2j in cd.array([0j, 1 + 2j])


def test_parts_cannot_be_assigned_into():
    """In NumPy they are views: assigning would change the whole number."""
    for z in (cd.array(Z), cd.array(Z, requires_grad=True)):
        for part in (z.real, z.imag, np.real(z), np.imag(z)):
            with pytest.raises(ValueError, match="part of complex numbers"):
                part[0] = 1.0
            with pytest.raises(ValueError, match="part of complex numbers"):
                part += 1.0
        copy = z.real.copy()
        copy[0] = 7.0
        assert copy[0] == 7.0

    def assigned(x):
        part = (x * (1.0 + 2.0j)).real
        part[0] = 1.0
        return part

    for run in (lambda x: cd.jvp(assigned, (x,), (x,)), cd.jacrev(assigned), cd.compile(assigned)):
        with pytest.raises(ValueError, match="part of complex numbers"):
            run(np.ones(3))


def test_a_complex_value_needs_a_complex_array():
    x = cd.array(np.zeros(3))
    with pytest.raises(TypeError, match="cannot be stored"):
        x[0] = 1j
    with pytest.raises(TypeError, match="cannot be stored"):
        x[1:] = np.ones(2) * 1j
    with pytest.raises(TypeError, match="cannot be stored"):
        x += 1j
    for convert in (lambda z: z.astype(float), lambda z: cd.array(z, dtype=float),
                    lambda z: cnp.sum(z, dtype=float), lambda z: z.astype(int)):  # fmt: skip
        with pytest.raises(TypeError, match=r"take x\.real"):
            convert(cd.array(Z))
    z = cd.array(np.zeros(3, complex))
    z[1] = 2.0
    z[0] += 1j
    assert z.tolist() == [1j, 2, 0]


def test_functions_without_a_meaning_for_complex_numbers():
    for f in (np.floor, np.arctan2, np.hypot, np.fmod, np.cbrt, np.logaddexp,
              np.heaviside, np.copysign, np.deg2rad, cd.sigmoid, cd.erf, np.trunc):  # fmt: skip
        args = (Z, Z) if getattr(f, "nin", 1) == 2 else (Z,)
        with pytest.raises(TypeError, match="not defined for complex numbers"):
            f(*[cd.array(z) for z in args])
        with pytest.raises(TypeError, match="not defined for complex numbers"):
            cd.jvp(f, args, args)


# --- what is asked for must be a derivative -------------------------------------------------------

square = lambda z: z * z


@pytest.mark.parametrize("call, message", [
    (lambda: cd.grad(square)(1j), r"grad needs real outputs.*complex128.*holomorphic=True"),
    (lambda: cd.value_and_grad(square)(1j), "value_and_grad needs real outputs"),
    (lambda: cd.elementwise_grad(square)(Z), "elementwise_grad needs real outputs"),
    (lambda: cd.grad(lambda x: 1j * x)(2.0), "grad needs real outputs"),
    (lambda: cd.jacobian(square)(Z), "jacobian needs real"),
    (lambda: cd.jacrev(square)(Z), "jacrev needs real outputs"),
    (lambda: cd.jacfwd(np.abs)(Z), r"jacfwd needs real arguments.*complex128"),
    (lambda: cd.hessian(lambda z: np.sum(np.abs(z)))(Z), "hessian needs real arguments"),
    (lambda: cd.grad(square, holomorphic=True)(2.0), "needs complex arguments.*float64"),
    (lambda: cd.grad(np.abs, holomorphic=True)(2j), "needs complex outputs.*float64"),
    (lambda: cd.jacfwd(np.abs, holomorphic=True)(Z), "needs complex outputs"),
    (lambda: cd.vjp(np.abs, Z)[1](1j * np.ones(4)), "complex, but the output"),
    (lambda: cd.jvp(lambda x: x, (X,), (1j * X,)), "complex, but the primal"),
])  # fmt: skip
def test_what_is_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_check_grads_finds_a_wrong_derivative():
    @cd.custom_jvp
    def f(z):
        return np.exp(z)

    f.defjvp(lambda primals, tangents: (np.exp(primals[0]), np.conj(tangents[0]) * 2))
    with pytest.raises(AssertionError, match="argument 0"):
        check_grads(f, (Z,), order=1)


def test_real_functions_of_complex_matrices_do_not_depend_on_phases():
    """The trace of a function of a Hermitian matrix, by its eigenvalues and directly."""
    h = M + M.conj().T

    def by_values(a):
        return np.sum(np.linalg.eigvalsh(a) ** 3)

    def directly(a):
        return np.trace(a @ a @ a).real

    np.testing.assert_allclose(cd.grad(by_values)(h), cd.grad(directly)(h), rtol=1e-10)


# --- loops of the core ----------------------------------------------------------------------------

PARTS = (0.0, -0.0, 1.5, -2.0, np.inf, -np.inf, np.nan, 1e300)
SPECIAL = np.array([complex(re, im) for re in PARTS for im in PARTS])
REALS = np.tile(PARTS, len(PARTS))


def same(found, wanted):
    """Bit for bit, but for what nan is."""
    for part in (np.real, np.imag):
        a, b = part(found), part(wanted)
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(np.signbit(a[~np.isnan(a)]), np.signbit(b[~np.isnan(b)]))


def of_core(name, *operands):
    """An operator on Arrays: plain ndarrays would be NumPy's."""
    nodes = [cd.array(x) if isinstance(x, np.ndarray) else x for x in operands]
    return np.asarray(cd._core.value(getattr(cd._core, name)(*nodes)))


@pytest.mark.parametrize("name", ["add", "subtract", "multiply"])
@pytest.mark.parametrize("a, b", [
    (SPECIAL, SPECIAL[::-1].copy()), (SPECIAL, REALS), (REALS, SPECIAL), (SPECIAL, 2.5),
    (SPECIAL, np.array(1j)), (1j, REALS), (REALS, 1j), (SPECIAL[::2], SPECIAL[1::2]),
    (SPECIAL[:, None], SPECIAL[:3]), (SPECIAL[:0], REALS[:0]),
])  # fmt: skip
def test_arithmetic_is_numpys_at_every_special_number(name, a, b):
    with np.errstate(all="ignore"):
        wanted = getattr(np, name)(a, b)
    found = of_core(name, a, b)
    assert found.dtype == wanted.dtype
    same(found, wanted)


def test_zeros_absorb_in_the_loops_too():
    zeros = np.zeros(len(SPECIAL))
    for zero in (zeros, zeros + 0j, -zeros):
        assert not of_core("zmul", SPECIAL, zero).any()
        assert not of_core("zmul", zero, SPECIAL).any()
    assert not of_core("safe_divide", SPECIAL, zeros).any()
    finite = SPECIAL[np.isfinite(SPECIAL)]
    found = of_core("safe_divide", finite, np.full(len(finite), 3.0))
    same(found, np.array([complex(z.real / 3.0, z.imag / 3.0) for z in finite]))


def test_the_exponential_is_numpys():
    rng = np.random.default_rng(0)
    z = rng.uniform(-50, 50, 1500) + 1j * rng.uniform(-1e3, 1e3, 1500)
    np.testing.assert_allclose(np.exp(cd.array(z)).numpy(), np.exp(z), rtol=1e-15 * 4)
    for z in (SPECIAL, np.array([complex(x, y) for x in (0.0, -0.0) for y in (0.0, -0.0)])):
        with np.errstate(all="ignore"):
            wanted = np.exp(z)
        same(np.exp(cd.array(z)).numpy(), wanted)
