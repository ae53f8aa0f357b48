"""Exact derivatives of calls that hypothesis draws: functions, shapes, axes, keywords, numbers.

Each call is compared with itself in numbers of fifty digits (`exact_modes.py`), in every mode to
order two, eager, compiled and for several points; a derivative that is wrong in its eleventh digit
fails. Examples are drawn from a fixed seed.
"""

import warnings

import numpy as np
import pytest
from exact_modes import compare
from exact_space import space
from hypothesis import given, settings
from hypothesis import strategies as st

import cdiff as cd
import cdiff.numpy as cnp

CLOSE = 1e-10
same_draws = settings(derandomize=True, database=None, max_examples=30, deadline=None)
SHAPES = st.lists(st.integers(1, 3), min_size=0, max_size=3).map(tuple)
SEEDS = st.integers(0, 2**16)


def numbers(shape, seed, low=-1.5, high=1.5, complex_too=False):
    """Numbers that are apart from each other and from zero."""
    rng = np.random.default_rng(seed)
    n = int(np.prod(shape, dtype=int))
    grid = (np.arange(n) + rng.uniform(0.2, 0.8, n)) / max(n, 1)
    x = rng.permutation(low + (high - low) * grid).reshape(shape)
    x = np.where(np.abs(x) < 0.05, 0.1, x)
    return x + 1j * numbers(shape, seed + 1) if complex_too else x


def directions(args):
    rng = np.random.default_rng(5)
    part = lambda x: rng.uniform(0.2, 1.0, x.shape) * rng.choice([-1.0, 1.0], x.shape)
    return [part(x) + (1j * part(x) if x.dtype.kind == "c" else 0.0) for x in args]


def check(call, *args):
    """A call over a namespace and arrays."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = compare(lambda *x: call(cnp, *x), lambda *x: call(space, *x), args,
                        directions(args))  # fmt: skip
    far = {(kind, mode): e for kind, errors in found.items() for mode, e in errors.items()
           if not e < CLOSE}  # fmt: skip
    assert not far, far


# --- elementwise ----------------------------------------------------------------------------------

EVERYWHERE = """sin cos tan exp exp2 expm1 sinh cosh tanh arctan arcsinh square cbrt absolute fabs
                negative positive reciprocal sinc deg2rad rad2deg i0 sign floor"""
POSITIVE, INSIDE = "log log2 log10 log1p sqrt", "arcsin arccos arctanh"
UNARY = {
    **dict.fromkeys(EVERYWHERE.split(), (-1.5, 1.5)), **dict.fromkeys(POSITIVE.split(), (0.2, 3.0)),
    **dict.fromkeys(INSIDE.split(), (-0.9, 0.9)), "arccosh": (1.1, 3.0),
}  # fmt: skip
OF_COMPLEX = """sin cos tan exp exp2 expm1 sinh cosh tanh square absolute negative reciprocal sinc
                log log2 log10 log1p sqrt conjugate real imag angle arctan arcsinh arcsin arctanh
                sign"""
BINARY = """add subtract multiply divide power float_power hypot arctan2 logaddexp logaddexp2
            maximum minimum fmax fmin fmod remainder copysign heaviside"""
REDUCING = """sum prod mean var std max min ptp median average nansum nanmean nanstd nanmax
              logaddexp.reduce"""


@given(st.sampled_from(sorted(UNARY)), SHAPES, SEEDS)
@same_draws
def test_functions_of_one_number(name, shape, seed):
    check(lambda m, x: getattr(m, name)(x), numbers(shape, seed, *UNARY[name]))


@given(st.sampled_from(OF_COMPLEX.split()), SHAPES, SEEDS)
@same_draws
def test_functions_of_one_complex_number(name, shape, seed):
    check(lambda m, z: getattr(m, name)(z), 0.6 * numbers(shape, seed, complex_too=True))


@given(st.data(), st.sampled_from(BINARY.split()), SHAPES, SEEDS)
@same_draws
def test_functions_of_two_numbers(data, name, shape, seed):
    other = tuple([data.draw(st.sampled_from([1, n])) for n in shape])
    other = other[data.draw(st.integers(0, len(other))):]
    low = 0.2 if "power" in name else -1.5
    x, y = numbers(shape, seed, low, 1.5), numbers(other, seed + 3, 0.3, 1.4)
    check(lambda m, x, y: getattr(m, name)(x, y), x, y)


# --- reductions and what keeps the shape ----------------------------------------------------------

@st.composite
def reductions(draw):
    """A function, a shape, and keywords that it takes."""
    name = draw(st.sampled_from(REDUCING.split()))
    shape = tuple(draw(st.lists(st.integers(2, 3), min_size=1, max_size=3)))
    axes = draw(st.lists(st.integers(0, len(shape) - 1), unique=True, min_size=1))
    axis = draw(st.sampled_from([None, axes[0], axes[0] - len(shape), tuple(axes)]))
    options = {"axis": axis, "keepdims": draw(st.booleans())}
    if name in ("var", "std", "nanstd"):
        options["ddof"] = draw(st.sampled_from([0, 1, 0.5]))
    if name in ("sum", "prod", "mean", "var") and draw(st.booleans()):
        options["where"] = np.arange(int(np.prod(shape))).reshape(shape) % 5 != 2
    return name, shape, options


@given(reductions(), SEEDS)
@same_draws
def test_reductions(call, seed):
    name, shape, options = call
    check(lambda m, x: attribute(m, name)(x, **options), numbers(shape, seed))


def attribute(m, name):
    for part in name.split("."):
        m = getattr(m, part)
    return m


@st.composite
def moves(draw):
    """A call that moves elements, as (function of namespace and array, shape)."""
    shape = tuple(draw(st.lists(st.integers(1, 3), min_size=2, max_size=3)))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    other = draw(st.integers(-len(shape), len(shape) - 1))
    k = draw(st.integers(-3, 3))
    order = draw(st.permutations(range(len(shape))))
    width = draw(st.lists(st.tuples(*[st.integers(0, 2)] * 2), min_size=len(shape),
                          max_size=len(shape)))  # fmt: skip
    mode = draw(st.sampled_from(["constant", "edge", "wrap", "linear_ramp", "mean", "symmetric"]))
    f = draw(st.sampled_from([
        lambda m, x: m.roll(x, k, axis), lambda m, x: m.flip(x, axis),
        lambda m, x: m.swapaxes(x, axis, other), lambda m, x: m.moveaxis(x, axis, other),
        lambda m, x: m.transpose(x, order), lambda m, x: m.repeat(x, abs(k), axis),
        lambda m, x: m.tile(x, (2, abs(k) % 3 + 1)), lambda m, x: m.diff(x, axis=axis),
        lambda m, x: m.cumsum(x, axis), lambda m, x: m.cumprod(x, axis),
        lambda m, x: m.sort(x, axis), lambda m, x: m.take(x, [0, -1, 0], axis),
        lambda m, x: m.pad(x, width, mode), lambda m, x: m.tril(x, k), lambda m, x: m.triu(x, k),
        lambda m, x: m.diagonal(x, k), lambda m, x: m.trace(x, k), lambda m, x: m.rot90(x, k),
        lambda m, x: m.stack([x, x * x], axis), lambda m, x: m.concatenate([x, x * x], axis),
        lambda m, x: m.expand_dims(x, axis), lambda m, x: m.reshape(x, (-1, shape[0])),
        lambda m, x: m.quantile(x, 0.3, axis), lambda m, x: m.insert(x, 0, 2.0, axis),
        lambda m, x: m.delete(x, 0, axis), lambda m, x: m.trapezoid(x, axis=axis),
        lambda m, x: m.array_split(x, 2, axis)[0], lambda m, x: m.where(x > 0, x, x * x),
    ]))  # fmt: skip
    return f, shape


@given(moves(), SEEDS, st.booleans())
@settings(same_draws, max_examples=60)
def test_moves(call, seed, squared):
    f, shape = call
    check((lambda m, x: f(m, x * x)) if squared else f, numbers(shape, seed))


# --- products, linear algebra, transforms ---------------------------------------------------------


@st.composite
def products(draw):
    """A product of two arrays that fit."""
    n, k, p, stack = (draw(st.integers(1, 3)) for _ in range(4))
    return draw(st.sampled_from([
        ("matmul", (n, k), (k, p)), ("matmul", (stack, n, k), (k, p)), ("matmul", (k,), (k, p)),
        ("matmul", (stack, n, k), (stack, k, p)), ("dot", (n, k), (k,)),
        ("dot", (stack, n, k), (k, p)),
        ("inner", (n, k), (p, k)), ("outer", (n,), (p,)), ("kron", (n, k), (p, stack)),
        ("vdot", (n, k), (n, k)), ("vecdot", (n, k), (n, k)), ("tensordot", (p, n, k), (n, k)),
        ("convolve", (n + 1,), (k,)), ("correlate", (n + k,), (k,)), ("cross", (n, 3), (n, 3)),
        ("matvec", (stack, n, k), (k,)), ("polyval", (n,), (k,)), ("polymul", (n,), (k,)),
    ]))  # fmt: skip


@given(products(), SEEDS, st.booleans())
@same_draws
def test_products(call, seed, complex_too):
    name, left, right = call
    if not hasattr(np, name):
        return
    check(lambda m, x, y: getattr(m, name)(x, y), numbers(left, seed, complex_too=complex_too),
          numbers(right, seed + 5, complex_too=complex_too))  # fmt: skip


def matrices(draw, tall=False):
    n, stack = draw(st.integers(1, 3)), draw(st.sampled_from([(), (2,)]))
    rows = n + draw(st.integers(0, 2)) if tall else n
    a = numbers((*stack, rows, n), draw(SEEDS), complex_too=draw(st.booleans()))
    return a + 2 * np.eye(rows, n)


def hermitian(m, a):
    apart = np.diag([0.0, 2.0, 5.0][: a.shape[-1]])
    return a + m.conj(m.swapaxes(a, -1, -2)) + m.array(apart)


SQUARE = {
    "inv": lambda m, a: m.linalg.inv(a), "det": lambda m, a: m.linalg.det(a),
    "slogdet": lambda m, a: m.linalg.slogdet(a)[1],
    "solve": lambda m, a: m.linalg.solve(a, a * a),
    "matrix_power": lambda m, a: m.linalg.matrix_power(a, -2),
    "cholesky": lambda m, a: m.linalg.cholesky(a @ m.conj(m.swapaxes(a, -1, -2))),
    "eigvalsh": lambda m, a: m.linalg.eigvalsh(hermitian(m, a)),
    "eigh": lambda m, a: m.abs(m.linalg.eigh(hermitian(m, a))[1]) ** 2,
    "norm 2": lambda m, a: m.linalg.matrix_norm(a, ord=2),
    "cond": lambda m, a: m.linalg.cond(a, 1),
}  # fmt: skip
TALL = {
    "qr": lambda m, a: m.linalg.qr(a)[0], "qr r": lambda m, a: m.linalg.qr(a).R,
    "svdvals": lambda m, a: m.linalg.svdvals(a), "pinv": lambda m, a: m.linalg.pinv(a),
    "svd": lambda m, a: m.abs(m.linalg.svd(a, False)[0]) ** 2,
    "norm nuc": lambda m, a: m.linalg.matrix_norm(a, ord="nuc"),
    "norm inf": lambda m, a: m.linalg.matrix_norm(a, ord=np.inf),
}  # fmt: skip


@given(st.data(), st.sampled_from(sorted(SQUARE)))
@same_draws
def test_square_matrices(data, name):
    check(SQUARE[name], matrices(data.draw))


@given(st.data(), st.sampled_from(sorted(TALL)))
@same_draws
def test_tall_matrices(data, name):
    check(TALL[name], matrices(data.draw, tall=True))


ONE_AXIS = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")


@given(st.data(), st.sampled_from(ONE_AXIS), SEEDS, st.sampled_from([None, "ortho", "forward"]))
@same_draws
def test_transforms(data, name, seed, norm):
    shape = tuple(data.draw(st.lists(st.integers(2, 4), min_size=1, max_size=2)))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    n = data.draw(st.none() | st.integers(1, 6))
    if n == 1 or (n is None and shape[axis] == 1):
        n = 2
    x = numbers(shape, seed, complex_too=name not in ("rfft", "ihfft"))
    check(lambda m, x: getattr(m.fft, name)(x * x, n, axis, norm), x)


# --- points at which a formula is singular and the function is not --------------------------------

RANK_ONE = np.outer([1.0, 2.0, -1.0], [3.0, 1.0, 2.0])
SMOOTH_AT = {
    "sinc": (lambda m, x: m.sinc(x), [0.0, 0.5]),
    "square": (lambda m, x: m.power(x, 2), [0.0, 1.0]),
    "cube": (lambda m, x: x**3, [0.0, -2.0]), "power 0": (lambda m, x: x**0 + x, [0.0, 1.0]),
    "power 1": (lambda m, x: m.float_power(x, 1.0), [0.0, -1.0]),
    "prod": (lambda m, x: m.prod(x), [0.0, 2.0, 3.0]),
    "prod of two zeros": (lambda m, x: m.prod(x), [0.0, 2.0, 0.0]),
    "cumprod": (lambda m, x: m.cumprod(x), [2.0, 0.0, 3.0, 0.0]),
    "det": (lambda m, x: m.linalg.det(x), [[1.0, 2.0], [2.0, 4.0]]),
    "det of zeros": (lambda m, x: m.linalg.det(x), np.zeros((2, 2))),
    "det of rank one": (lambda m, x: m.linalg.det(x), RANK_ONE),
    "det of rank two": (lambda m, x: m.linalg.det(x), RANK_ONE + np.diag([0.0, 0.0, 1.0])),
    "norm": (lambda m, x: m.linalg.norm(x), [0.0, 3.0]),
    "norm 4": (lambda m, x: m.linalg.norm(x, 4), [0.0, 3.0]),
    "var": (lambda m, x: m.var(x), [2.0, 2.0]), "i0": (lambda m, x: m.i0(x), [0.0, 1.0]),
    "logaddexp": (lambda m, x: m.logaddexp(x, x[::-1]), [1.0, 1.0]),
    "hypot": (lambda m, x: m.hypot(x, x[::-1]), [0.0, 2.0]),
    "arctan2": (lambda m, x: m.arctan2(x, x[::-1]), [0.0, 2.0]),
    "convolve": (lambda m, x: m.convolve(x, x), [0.0, 0.0, 1.0]),
    "poly": (lambda m, x: m.poly(x), [0.0, 0.0, 1.0]),
    "vander": (lambda m, x: m.vander(x, 4), [0.0, 1.0]),
    "inv": (lambda m, x: m.linalg.inv(x), np.eye(2)),
    "matrix_power": (lambda m, x: m.linalg.matrix_power(x, 3), np.zeros((2, 2))),
    "polyval": (lambda m, x: m.polyval([1.0, 0.0, 0.0, 2.0], x), [0.0, 1.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", SMOOTH_AT)
def test_smooth_functions_where_their_formula_is_singular(name):
    f, point = SMOOTH_AT[name]
    check(f, np.array(point))


# --- the tests themselves -------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [1e-6, 1e-9])
@pytest.mark.parametrize("kind", ["jvp", "vjp"])
def test_a_slightly_wrong_derivative_is_seen(kind, wrong):
    """Also where differences would not see it."""
    if kind == "jvp":
        cube = cd.custom_jvp(lambda x: x**3)
        cube.defjvp(lambda primals, tangents: (
            primals[0] ** 3, 3.0 * (1.0 + wrong) * primals[0] ** 2 * tangents[0]))  # fmt: skip
    else:
        cube = cd.custom_vjp(lambda x: x**3)
        cube.defvjp(lambda x: (x**3, x), lambda x, g: (3.0 * (1.0 + wrong) * x**2 * g,))
    x = numbers((3,), 4, 0.5, 1.5)
    check(lambda m, x: x**3, x)
    errors = compare(cube, lambda x: x**3, (x,), directions([x]), ("eager",))["eager"]
    assert max(errors.values()) > wrong / 10 > CLOSE / 10
    assert errors["values"] < 1e-14
