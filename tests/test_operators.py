"""Every elementwise operator on the built core: values, layouts, broadcasting, sizes and dtypes.

Driven by the table: what a row gets wrong here, some user gets wrong. Values come from NumPy and
mpmath; derivatives in odd layouts are compared with those of single numbers, which
test_operator_derivatives.py compares with the mathematics. It must not know any row by its formula.
"""

import itertools
import math

import numpy as np
import pytest

mpmath = pytest.importorskip("mpmath")

from operator_modes import (  # noqa: E402
    BINARY,
    FUNCTIONS,
    NAMES,
    QUESTIONS,
    assert_all_near,
    awkward,
    by_jvp,
    columns,
    everywhere,
    moderate,
    near,
    numpys,
    points,
    slopes,
)
from optable_exact import ROWS, differentiable, exact_value  # noqa: E402

import cdiff as cd  # noqa: E402
from cdiff import _core  # noqa: E402

# Around the sizes of blocks and of the part that runs without the GIL.
SIZES = (0, 1, 7, 511, 512, 513, 1025, 40000)

# A warning is an answer too; NumPy's own are about its own calls.
pytestmark = pytest.mark.filterwarnings("error")


# --- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_values_are_exact_to_a_few_ulp(name):
    function, arrays = getattr(_core, name), columns(points(name))
    of_arrays = np.asarray(function(*map(cd.array, arrays)))
    for i, point in enumerate(points(name)):
        want, allowed = exact_value(name, point)
        for got in (function(*map(cd.array, point)), of_arrays[i]):
            assert abs(float(got) - want) <= allowed, (point, got, want)


def numpys_zeros_are_ordered():
    """In old versions of NumPy, fmax(0.0, -0.0) is -0.0."""
    return math.copysign(1, np.fmax(np.float64(0.0), np.float64(-0.0))) == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_values_at_the_edges_are_numpys(name):
    function, given = getattr(_core, name), awkward(name)
    of_arrays = np.asarray(function(*map(cd.array, columns(given))))
    for i, point in enumerate(given):
        scalar = float(function(*map(cd.array, point)))
        zero_dim = float(function(*[cd.array(np.array(x)) for x in point]))
        want = numpys(name, *map(np.float64, point))
        want = scalar if want is None else float(want)
        for got in (scalar, zero_dim, float(of_arrays[i])):
            assert near(got, want), (point, got, want)
            if name in ("fmax", "fmin") and not numpys_zeros_are_ordered():
                continue
            assert want != 0 or math.copysign(1, got) == math.copysign(1, want), (point, got)


# How to look at memory (of the library or of NumPy) so that a grid comes out, and that memory.
VIEWS = {
    "contiguous": (lambda x: x, lambda grid: grid),
    "strided": (lambda x: x[::2, 1::3], lambda grid: np.repeat(np.repeat(grid, 2, 0), 3, 1)),
    "reversed": (lambda x: x[::-1, ::-1], lambda grid: grid[::-1, ::-1].copy()),
    "transposed": (lambda x: x.T, lambda grid: grid.T.copy()),
    "mixed": (lambda x: x.T[:, ::-2], lambda grid: np.repeat(grid[:, ::-1], 2, 1).T.copy()),
}


def unaligned(x):
    """The same numbers one byte off."""
    out = np.zeros(x.nbytes + 1, np.uint8)[1:].view(float).reshape(x.shape)
    out[...] = x
    return out


def seeds(like):
    return np.cos(np.arange(like.size)).reshape(like.shape)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_layouts(name):
    """Views of tracked memory, and constants in memory of every kind."""
    function, given = getattr(_core, name), everywhere(name)
    plain = [np.resize(column, (2 * len(given), 3)) for column in columns(given)]
    want, seed = function(*map(cd.array, plain)).numpy(), seeds(plain[0])
    gradients = cd.vjp(function, *plain)[1](seed)
    for views in itertools.product(VIEWS.values(), repeat=len(plain)):
        memory = [lay(x) for (_, lay), x in zip(views, plain, strict=True)]

        def of_memory(*xs):
            return function(*[view(x) for (view, _), x in zip(views, xs, strict=True)])  # noqa: B023

        out, pull = cd.vjp(of_memory, *memory)
        assert_all_near(out, want)
        assert_all_near(cd.jvp(of_memory, memory, memory)[0], want)
        for k, got in enumerate(pull(np.asfortranarray(seed))):
            inside = views[k][0](got)
            assert_all_near(inside, gradients[k])
            inside[...] = 0.0
            assert not got.any()
        constants = [unaligned(view(x)) for (view, _), x in zip(views, memory, strict=True)]
        for k, arrays in itertools.product(range(len(plain)), (memory, constants)):
            args = [view(x) if arrays is memory else x
                    for (view, _), x in zip(views, arrays, strict=True)]  # fmt: skip
            out, pull = cd.vjp(lambda x: function(*args[:k], x, *args[k + 1:]), plain[k])  # noqa: B023
            assert_all_near(out, want)
            assert_all_near(pull(seed)[0], gradients[k])
    for k in range(len(plain)):
        partials = np.resize(slopes(name, k, given), seed.shape)
        assert_all_near(gradients[k], np.where(partials, partials * seed, 0.0), 64)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_sizes_around_the_blocks(name):
    function, samples = getattr(_core, name), points(name)
    values = np.array([float(function(*map(cd.array, point))) for point in samples])
    for n in SIZES:
        chosen = np.resize(np.arange(len(samples)), n)
        args = [column[chosen] for column in columns(samples)]
        seed = np.linspace(0.5, 1.5, n)
        want = [slopes(name, k, samples)[chosen] * seed for k in range(len(args))]
        out, pull = cd.vjp(function, *args)
        assert_all_near(out, values[chosen])
        for k, gradient in enumerate(pull(seed)):
            assert_all_near(gradient, want[k], 64)
            assert_all_near(by_jvp(name, args, k, seed), want[k], 64)
        # Twice the same cotangent: the second is added in place.
        _, pull = cd.vjp(lambda *xs: function(*[x[::-1] for x in xs]) + function(*xs)[::-1], *args)
        for k, gradient in enumerate(pull(seed[::-1])):
            assert_all_near(gradient, 2 * want[k], 64)


# --- operands of all kinds ----------------------------------------------------------------------


@pytest.mark.parametrize("name", BINARY)
def test_broadcasting(name):
    a, b = columns(moderate(name))
    if name == "sinc_derivative":
        b = np.ones_like(b)
    function, seed = getattr(_core, name), seeds(np.empty((a.size, b.size)))
    pairs = tuple(itertools.product(a.tolist(), b.tolist()))
    values = np.array([function(cd.array(u), cd.array(v)).item() for u, v in pairs])
    table = [slopes(name, k, pairs).reshape(seed.shape) * seed for k in (0, 1)]
    for args, reshaped in (
        ((a[:, None], b), lambda x: x),
        ((a[:, None], b[None]), lambda x: x),
        ((np.broadcast_to(a[:, None], seed.shape), b), lambda x: x),
        ((a[None, :, None], np.stack([b] * 2)[:, None]), lambda x: np.stack([x] * 2)),
    ):
        out, pull = cd.vjp(function, *args)
        assert_all_near(np.ravel(out), np.ravel(reshaped(values)), message="values")
        for k, got in enumerate(pull(reshaped(seed))):
            full = reshaped(table[k])
            axes = tuple(i for i in range(-full.ndim, 0)
                         if -i > args[k].ndim or args[k].shape[i] == 1)  # fmt: skip
            want = full.sum(axes, keepdims=True).reshape(args[k].shape)
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)
    for i, j in ((0, 0), (a.size - 1, b.size - 1)):
        scalar_left = cd.vjp(function, a[i], b)[1](seed[i])
        np.testing.assert_allclose(scalar_left[0], table[0][i].sum(), rtol=1e-12, atol=1e-12)
        assert_all_near(scalar_left[1], table[1][i], 64)
        scalar_right = cd.vjp(function, a, float(b[j]))[1](seed[:, j])
        assert_all_near(scalar_right[0], table[0][:, j], 64)
        np.testing.assert_allclose(scalar_right[1], table[1][:, j].sum(), rtol=1e-12, atol=1e-12)


SPREAD = [  # shapes whose rows are one number or lie in memory, on both sides of the least length
    ((40, 1), (1, 33)),
    ((6, 1), (6, 7)),
    ((1, 8), (9, 8)),
    ((7, 1, 9), (1, 5, 9)),
    ((3, 1, 4, 1), (5, 1, 16)),
    ((2, 3, 1, 12), (1, 3, 4, 1)),
    ((300, 1), (1, 300)),
    ((0, 1), (1, 9)),
]


@pytest.mark.parametrize("memory", ["own", "across", "backward", "unaligned"])
@pytest.mark.parametrize("shapes", SPREAD)
@pytest.mark.parametrize("name", ["multiply", "divide", "arctan2", "hypot", "maximum"])
def test_rows_are_what_whole_arrays_are(name, shapes, memory):
    """Broadcast operands, in memory of every kind, give what copies of the full shape give."""
    function, random = getattr(_core, name), np.random.default_rng(3)
    small = [random.uniform(0.5, 1.5, shape) for shape in shapes]
    lay = {
        "own": lambda x: x,
        "across": np.asfortranarray,
        "backward": lambda x: x[..., ::-1].copy()[..., ::-1],
        "unaligned": unaligned,
    }[memory]
    given, shape = [lay(x) for x in small], np.broadcast_shapes(*shapes)
    whole = [np.broadcast_to(x, shape).copy() for x in small]
    seed = seeds(np.empty(shape))
    out, pull = cd.vjp(function, *given)
    want, pull_whole = cd.vjp(function, *whole)
    np.testing.assert_allclose(out, want, rtol=1e-15)
    for got, full, x in zip(pull(seed), pull_whole(seed), small, strict=True):
        lead = full.ndim - x.ndim
        axes = tuple(i for i in range(full.ndim) if i < lead or x.shape[i - lead] == 1)
        total = full.sum(axes, keepdims=True).reshape(x.shape)
        np.testing.assert_allclose(got, total, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 40])
@pytest.mark.parametrize("columns", [15, 16, 17, 300])
def test_transposed_operands(rows, columns):
    random = np.random.default_rng(4)
    a, b = random.uniform(0.5, 1.5, (2, rows, columns))
    stack = random.uniform(0.5, 1.5, (3, rows, columns))
    x, y, many = (cd.array(z, requires_grad=True) for z in (a, b, stack))
    np.testing.assert_array_equal((x.T / y.T).numpy(), a.T / b.T)
    np.testing.assert_array_equal((2.0 / x.T).numpy(), 2.0 / a.T)
    np.testing.assert_array_equal((many.mT - x.T).numpy(), stack.mT - a.T)
    np.testing.assert_array_equal((x.T.copy() * many.mT).numpy(), a.T * stack.mT)
    np.testing.assert_array_equal(x.T.copy().numpy(), a.T)
    seed = seeds(a.T)
    (x.T * y.T).backward(seed)
    np.testing.assert_array_equal(x.grad.numpy(), (seed * b.T).T)
    np.testing.assert_array_equal(y.grad.numpy(), (seed * a.T).T)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32(name):
    function = getattr(_core, name)
    # More than two blocks, which are converted one by one.
    args = [np.resize(column.astype(np.float32), 1300) for column in columns(moderate(name))]
    wide = [column.astype(np.float64) for column in args]
    seed = np.linspace(0.5, 1.5, args[0].size)
    value, pull = cd.vjp(function, *args)
    want_value, want_pull = cd.vjp(function, *wide)
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, want_value, rtol=1e-6, atol=1e-44)
    for got, want in zip(pull(seed.astype(np.float32)), want_pull(seed), strict=True):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-44)
    tangents = [np.ones_like(x) for x in args]
    got, want = cd.jvp(function, args, tangents)[1], cd.jvp(function, wide, tangents)[1]
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-44)
    if numpys(name, *args) is not None:
        assert numpys(name, *args).dtype == np.float32


# What a user may write for the constants 2 and 1, beside a float64 array of two elements.
SPELLINGS = {
    2.0: (2.0, 2, np.float64(2), np.float32(2), np.int64(2), np.array(2.0), np.array([2, 2]),
          np.array([2.0, 2.0])[::-1], np.array([2, 2], np.float32), [2.0, 2], cd.array(2.0),
          cd.array([2, 2])),
    1.0: (True, np.True_, 1, np.array([True, True]), np.array(1, np.uint8), (1.0, True)),
}  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("k", [0, 1])
def test_constants_of_every_kind_on_either_side(name, k):
    function = getattr(_core, name)
    spelled = {function, getattr(np, ROWS[name].numpy or name, function)}
    x = np.array([point[k] for point in moderate(name)[:2]])
    if k not in differentiable(ROWS[name]):
        x = np.ones(2)
    seed = np.array([0.5, -1.5])
    for number, constants in SPELLINGS.items():
        def call(f, x, c):
            return f(x, c) if k == 0 else f(c, x)

        value, pull = cd.vjp(lambda x: call(function, x, np.full(2, number)), x)  # noqa: B023
        want = pull(seed)[0]
        for f, c in itertools.product(spelled, constants):
            got, pull = cd.vjp(lambda x: call(f, x, c), x)  # noqa: B023
            assert got.dtype == np.float64
            assert_all_near(got, value, message=repr(c))
            assert_all_near(pull(seed)[0], want, message=repr(c))
            assert_all_near(cd.jvp(lambda x: call(f, x, c), (x,), (seed,))[1], want)  # noqa: B023
            if np.ndim(c) == 0:
                got = cd.grad(lambda x: call(f, x, c))(float(x[0])) * seed[0]  # noqa: B023
                assert near(got, want[0]), repr(c)
                got = cd.jvp(lambda x: call(f, x, c), (float(x[0]),), (seed[0],))[1]  # noqa: B023
                assert near(got, want[0]), repr(c)


@pytest.mark.parametrize("name", [name for name in NAMES if ROWS[name].numpy])
def test_integers_and_booleans_follow_numpy(name):
    function, count = getattr(_core, name), len(ROWS[name].operands)
    for given in ([3, 1, 2], np.array([1, 2, 1], np.int8), np.array([True, True, True])):
        operands = [np.asarray(given), np.array([2, 1, 1])][:count]
        try:
            want = numpys(name, *operands)
        except TypeError:  # NumPy does not negate booleans; neither do we
            with pytest.raises(TypeError):
                function(*map(cd.array, operands))
            continue
        with np.errstate(all="ignore"):
            got = function(*map(cd.array, operands))
        if want.dtype == np.float16:  # the smallest type here is float32
            want = numpys(name, *operands, dtype=np.float32)
        assert got.dtype == want.dtype
        if name != "sinc":  # NumPy's is not 0 at the whole numbers
            assert_all_near(np.asarray(got, float), np.asarray(want, float), 16)


# Operands that decide the dtype of a result together with a floating array.
PARTNERS = (2.0, 2, True, np.float64(2), np.float32(2), np.int64(2), np.int8(2), np.True_,
            np.array(2.0), np.array(2.0, np.float32), np.array([2, 2]), np.array([2, 2], np.int16),
            np.array([True, True]), np.array([2, 2], np.float32), [2.0, 2.0], [2, 2])  # fmt: skip
FLOATING = [np.array(x, dtype) for x in (1.5, [1.5], [1.5, 2.5]) for dtype in "fd"]


@pytest.mark.parametrize("name", ["add", "divide", "maximum", "arctan2"])
def test_dtypes_are_promoted_as_numpy_does(name):
    for x, partner in itertools.product(FLOATING, PARTNERS):
        for swap, tracked in itertools.product((False, True), repeat=2):
            a = cd.array(x, requires_grad=tracked)
            want = numpys(name, *((partner, x) if swap else (x, partner)))
            for f in (getattr(_core, name), getattr(np, name)):
                got = f(partner, a) if swap else f(a, partner)
                assert got.dtype == want.dtype and got.shape == want.shape, (x, partner)
            if tracked:
                got.backward()
                assert a.grad.dtype == x.dtype and a.grad.shape == x.shape, (x, partner)
            out, tangent = cd.jvp(lambda x: f(x, partner), (x,), (np.ones_like(x),))  # noqa: B023
            assert np.result_type(out) == np.result_type(tangent) == np.result_type(f(x, partner))


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_questions_have_plain_answers(name):
    args = columns(awkward(name))
    tracked = [cd.array(x, requires_grad=True) for x in args]
    answer = getattr(_core, name)(*tracked)
    assert type(answer) is np.ndarray and answer.dtype == bool
    np.testing.assert_array_equal(answer, getattr(np, name)(*args))
    np.testing.assert_array_equal(getattr(np, name)(*tracked), answer)
