"""Operations on float32 arrays: the bits of NumPy, whatever the layout, and compiled the same."""

import numpy as np
import pytest
from other_isa import latest_only, passes

import cdiff as cd
import cdiff.numpy as cnp

UNARY = ("negative", "absolute", "square", "sqrt", "reciprocal", "positive", "sign", "floor")
BINARY = ("add", "subtract", "multiply", "divide", "maximum", "minimum", "fmax", "fmin")
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e-45, -1e-45, 1.1754944e-38,
                    3.4028235e38, -3.4028235e38, 0.1, 16777216.0], np.float32)  # fmt: skip


def numbers(size, seed):
    """Any bits but those of signalling NaN, and each special number beside each other one."""
    random = np.random.default_rng(seed)
    x = random.integers(0, 2**32, size, dtype=np.uint32).view(np.float32)
    x[np.isnan(x)] = np.nan
    pairs = SPECIAL[random.integers(0, len(SPECIAL), size)]
    close = random.uniform(-2, 2, size).astype(np.float32)
    return np.where(random.random(size) < 0.3, pairs, np.where(random.random(size) < 0.5, x, close))


def check(name, *operands):
    """The bits of NumPy, but for zeros of which its vector loops take either one.  Arrays lie as
    they do where they are given as they are, and in order where they are made Arrays."""
    with np.errstate(all="ignore"):
        want = getattr(np, name)(*operands)
    either = 0 if name in ("fmax", "fmin") else np.float32(-0.0)
    arrays = sum(isinstance(x, np.ndarray) for x in operands)
    for mask in range(2**arrays):
        leaves, bit = [], 1
        for x in operands:
            is_array = isinstance(x, np.ndarray)
            leaves.append(cd.array(x, requires_grad=True) if is_array and mask & bit else x)
            bit <<= is_array
        with np.errstate(all="ignore"):
            same_bits(getattr(cnp, name)(*leaves) + either, want + either)


def same_bits(got, want):
    """NaN anywhere NumPy has it, and the bits of all other numbers."""
    got = np.asarray(got.detach() if isinstance(got, cd.Array) else got)
    assert got.dtype == want.dtype == np.float32
    assert got.shape == want.shape
    broken = np.isnan(want)
    np.testing.assert_array_equal(np.isnan(got), broken)
    np.testing.assert_array_equal(
        np.ascontiguousarray(got).view(np.uint32)[~broken],
        np.ascontiguousarray(want).view(np.uint32)[~broken],
    )


@pytest.mark.parametrize("size", [0, 1, 7, 16, 33, 1000, 70_001])
@pytest.mark.parametrize("name", UNARY + BINARY)
def test_bits_of_numpy(name, size):
    operands = [numbers(size, seed) for seed in (1, 2)[: 1 + (name in BINARY)]]
    check(name, *operands)


def layouts(x):
    """Views of the same shape that lie otherwise."""
    return {
        "as it is": x,
        "steps": np.repeat(x, 2, axis=-1)[..., ::2],
        "backwards": x[::-1, ::-1],
        "columns": np.asfortranarray(x),
        "one row": np.broadcast_to(x[:1], x.shape),
        "row": x[:1],
        "column": x[:, :1],
        "one column": np.broadcast_to(x[:, :1], x.shape),
        "vector": x[0],
        "number": x[1, 5],
        "half": 0.5,
        "minus zero": -0.0,
        "nan": float("nan"),
        "inf": float("inf"),
    }


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("shape", [(40, 33), (300, 7), (2, 20_000)])
def test_layouts(name, shape):
    a, b = (layouts(numbers(np.prod(shape), seed).reshape(shape)) for seed in (3, 4))
    for left in a.values():
        for right in b.values():
            if np.ndim(left) + np.ndim(right) < 2:
                continue
            check(name, left, right)


@pytest.mark.parametrize("name", ["negative", "sqrt"])
def test_layouts_of_one(name):
    x = numbers(40 * 33, 9).reshape(40, 33)
    for view in layouts(x).values():
        if np.ndim(view):
            check(name, view)
    with np.errstate(all="ignore"):
        want = getattr(np, name)(x[:, :1].repeat(20, axis=1))
    same_bits(getattr(cnp, name)(cnp.broadcast_to(cd.array(x[:, :1]), want.shape)), want)


@pytest.mark.parametrize("shape", [(9,), (40, 33), (70_001,)])
def test_gradients_of_products(shape):
    """Of a product: g times the other operand, 0 beside a 0.  Of a quotient: rounded once."""
    x, y, g = (numbers(np.prod(shape), seed).reshape(shape) for seed in (5, 6, 7))
    zero = np.float32(0)
    with np.errstate(all="ignore"):
        by_x = np.where((g == 0) | (y == 0), zero, g * y)
        wide = [a.astype(np.float64) for a in (x, y, g)]
        slope = np.where((wide[2] == 0) | np.isinf(wide[1]), 0.0, wide[2] * (1 / wide[1]))
        by_quotient = slope.astype(np.float32)
    pull = cd.vjp(cnp.multiply, x, y)[1]
    same_bits(pull(g)[0], by_x)
    same_bits(cd.vjp(cnp.divide, x, y)[1](g)[0], by_quotient)
    same_bits(cd.jvp(lambda x: cnp.multiply(x, y), (x,), (g,))[1], by_x)


def test_gradient_of_a_broadcast_product():
    x, row = numbers(40 * 33, 8).reshape(40, 33), np.linspace(1, 2, 33, dtype=np.float32)
    x = np.nan_to_num(x, posinf=1, neginf=1) % np.float32(4)
    got_x, got_row = cd.grad(lambda x, row: (x * row).sum(), argnums=(0, 1))(x, row)
    same_bits(got_x, np.broadcast_to(row, x.shape))
    np.testing.assert_allclose(got_row, x.sum(axis=0, dtype=np.float64), rtol=1e-5)


CHAINS = {
    "light": lambda x, y: ((x * y + x) / y - x) * 0.5 + abs(-y),
    "extremes": lambda x, y: cnp.maximum(x, y) * cnp.minimum(x, 2.0) + cnp.sqrt(abs(x)),
    "heavy between": lambda x, y: cnp.exp(x * 0.25) * y + cnp.tanh(y) * x,
    "where": lambda x, y: cnp.where(x > y, x * y, x - y) * x,
    "wide at the end": lambda x, y: (x * y).astype(np.float64) + 1e-9,
}


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("size", [5, 33, 5000, 70_001])
def test_compiled_groups_round_as_operations_do(name, size):
    f = CHAINS[name]
    random = np.random.default_rng(size)
    x, y, g = (random.uniform(-3, 3, size).astype(np.float32) for _ in range(3))
    value, pull = cd.vjp(f, x, y)
    compiled, compiled_pull = cd.compile(lambda x, y, g: both(f, x, y, g))(x, y, g)
    assert compiled.dtype == value.dtype
    np.testing.assert_array_equal(compiled, value)
    for got, want in zip(compiled_pull, pull(g.astype(value.dtype)), strict=True):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-6)


def both(f, x, y, g):
    value, pull = cd.vjp(f, x, y)
    return value, pull(g.astype(value.dtype))


def test_compiled_extremes_of_float32():
    """Overflow to infinity and subnormal numbers: as where each operation is rounded."""
    x = np.resize(np.array([1e30, -1e30, 1e-30, 3e-39, 1e38, 0.0, -0.0], np.float32), 100)
    f = lambda x: (x * x * 1e-30 + x * 2.0, x * 1e-10 * 1e10)
    for got, want in zip(cd.compile(f)(x), f(cd.array(x)), strict=True):
        same_bits(got, np.asarray(want))


def test_numbers_that_floats_do_not_hold():
    """0.1 beside a float32 array: the product is rounded once, compiled or not."""
    x = np.linspace(-3, 3, 1001, dtype=np.float32)
    want = (x.astype(np.float64) * 0.1).astype(np.float32)
    same_bits(cd.array(x) * 0.1, want)
    same_bits(cd.compile(lambda x: x * 0.1 + 0.0)(x), want + np.float32(0))


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.uint16, np.int32])
def test_compiled_functions_of_short_integers_are_single(dtype):
    k = np.arange(3).astype(dtype)
    for f in (cnp.exp, lambda k: cnp.sqrt(k) * np.float32(0.1), lambda k: cnp.hypot(k, k)):
        got, want = cd.compile(f)(k), f(cd.array(k)).numpy()
        assert got.dtype == want.dtype == np.result_type(np.float32, dtype)
        np.testing.assert_allclose(got, want, rtol=1e-6)


@latest_only
@pytest.mark.parametrize("isa", ["baseline", "avx2"])
def test_other_instruction_sets(isa):
    passes(__file__, isa)
