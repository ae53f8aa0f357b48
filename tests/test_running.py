"""Running sums and products, recurrences and shares of extremes: NumPy's bits, exact derivatives.

The oracles are NumPy, a recurrence written as a Python loop over rational or ordinary numbers, and
the same reduction over the last axis of a transposed array. Lengths lie around those where the
loops change their way (parts of a row, blocks of columns, rows together).
"""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cdiff as cd
import cdiff.numpy as cnp
from cdiff import _core

RANDOM = np.random.default_rng(3)
LENGTHS = [1, 2, 3, 4, 5, 7, 8, 9, 255, 256, 257, 263, 264, 1000, 4099]
SHAPES = [(n,) for n in LENGTHS] + [(3, 5), (4, 6), (5, 300), (9, 257), (300, 3), (2, 270, 3)]


def recurrence(a, b, reverse):
    """t[j] = a[j] t[j-1] + b[j] along the last axis."""
    a, b = (np.flip(v, -1) if reverse else v for v in (a, b))
    t = np.array(b)
    for j in range(1, t.shape[-1]):
        t[..., j] = a[..., j] * t[..., j - 1] + b[..., j]
    return np.flip(t, -1) if reverse else t


def axes_of(shape):
    return range(len(shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_running_sums(shape):
    x = RANDOM.normal(size=shape)
    g = RANDOM.normal(size=shape)
    for axis in axes_of(shape):
        out, pull = cd.vjp(lambda x, axis=axis: cnp.cumsum(x, axis), x)
        np.testing.assert_array_equal(out, np.cumsum(x, axis))
        expected = np.flip(np.cumsum(np.flip(g, axis), axis), axis)
        scale = np.cumsum(np.abs(g), axis).max()
        np.testing.assert_allclose(pull(g)[0], expected, rtol=0, atol=1e-15 * scale * 4)
        whole = cd.grad(lambda x, axis=axis: cnp.sum(cnp.cumsum(x, axis)) * 3.0)(x)
        expected = np.flip(np.cumsum(np.full(shape, 3.0), axis), axis)
        np.testing.assert_allclose(whole, expected, rtol=1e-13)


def test_running_sums_from_the_end_are_as_accurate_as_numpy():
    x = np.ldexp(RANDOM.uniform(1, 2, 5000), RANDOM.integers(-20, 20, 5000))
    exact = np.array([float(v) for v in np.cumsum([Fraction(v) for v in x[::-1]])[::-1]])
    own = _core.to_plain(_core.cumsum(x, 0, True))
    error = np.abs(own - exact).max()
    assert error <= 2 * np.abs(np.cumsum(x[::-1])[::-1] - exact).max() + np.spacing(exact.max())


SPECIAL = [np.inf, -np.inf, np.nan, 0.0, -0.0, 1e308]


@pytest.mark.parametrize("special", SPECIAL)
@pytest.mark.parametrize("at", [0, 130, 256, 299])
def test_special_values(special, at):
    x = RANDOM.uniform(0.9, 1.1, 300)
    x[at] = special
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(cnp.cumsum(leaf(x), 0).numpy(), np.cumsum(x))
        np.testing.assert_array_equal(cnp.cumprod(leaf(x)).numpy(), np.cumprod(x))
        g = RANDOM.uniform(0.5, 1.5, 300)
        for reverse in (False, True):
            found = _core.to_plain(_core.linrec(x, g, 0, reverse))
            np.testing.assert_allclose(found, recurrence(x, g, reverse), rtol=1e-12)


def leaf(x):
    return cd.array(x, requires_grad=True)


def test_parts_do_not_overflow_where_the_row_does_not():
    a = np.ones(800)
    a[500:520] = 1e200  # in one part: its product is infinite, but what it multiplies is 0
    b = np.zeros(800)
    b[:400] = 1.0
    found = _core.to_plain(_core.linrec(a, b, 0, True))
    np.testing.assert_array_equal(found, recurrence(a, b, True))
    x = np.ones(800)
    x[100] = 0.0
    x[500:520] = 1e200
    with np.errstate(all="ignore"):
        before = np.concatenate([[1.0], np.cumprod(x)[:-1]])
        after = np.concatenate([np.cumprod(x[::-1])[-2::-1], [1.0]])
        found = cd.grad(cnp.prod)(x)
        np.testing.assert_array_equal(found, before * after)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reverse", [False, True])
def test_recurrences(shape, reverse):
    for axis in axes_of(shape):
        a, b, g, da, db = RANDOM.uniform(-1.05, 1.05, (5, *shape))
        a.flat[a.size // 2] = 0.0

        def last(v, axis=axis):
            return np.moveaxis(v, axis, -1)

        out, pull = cd.vjp(lambda a, b, axis=axis: _core.linrec(a, b, axis, reverse), a, b)
        expected = recurrence(last(a), last(b), reverse)
        np.testing.assert_allclose(last(out), expected, rtol=1e-11, atol=1e-13)
        ga, gb = pull(g)
        step = 1e-30
        moved = recurrence(last(a + step * 1j * da), last(b + step * 1j * db), reverse)
        along = np.sum(last(g) * moved.imag / step)
        np.testing.assert_allclose(np.sum(ga * da) + np.sum(gb * db), along, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("n", [*LENGTHS, 40_000])
@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_running_products(n, zeros):
    x = RANDOM.uniform(1 - 0.5 / np.sqrt(n), 1 + 0.5 / np.sqrt(n), n)
    x[RANDOM.integers(0, n, zeros)] = 0.0
    g, t = RANDOM.uniform(0.5, 1.5, (2, n))
    out, pull = cd.vjp(cnp.cumprod, x)
    np.testing.assert_array_equal(out, np.cumprod(x))
    step = 1e-30
    tangent = np.cumprod(x + 1j * step * t).imag / step
    np.testing.assert_allclose(np.sum(pull(g)[0] * t), np.sum(g * tangent), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        cd.jvp(cnp.cumprod, (x,), (t,))[1], tangent, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_products_of_all_others(n, zeros):
    x = RANDOM.uniform(0.9, 1.1, (3, n))
    x[1, RANDOM.integers(0, n, zeros)] = 0.0
    found = cd.grad(lambda x: cnp.sum(cnp.prod(x, 1)))(x)
    expected = [[np.prod(np.delete(row, j)) for j in range(n)] for row in x]
    np.testing.assert_allclose(found, expected, rtol=1e-12 * max(1, n / 100))


@settings(max_examples=60)
@given(
    st.integers(1, 4),
    st.integers(1, 700),
    st.integers(1, 4),
    st.sampled_from(["max", "min"]),
    st.integers(0, 2**31),
)
def test_shares_of_columns(outer, inner, values, name, seed):
    """Ties and nan, where the reduced axis is not the last one."""
    random = np.random.default_rng(seed)
    x = random.integers(0, values, (outer, 3, inner)).astype(float)
    x[random.uniform(size=x.shape) < 0.05] = np.nan
    g = random.uniform(0.5, 1.5, (outer, inner))
    reduce = getattr(cnp, name)
    out, pull = cd.vjp(lambda x: reduce(x, axis=1), x)
    np.testing.assert_array_equal(out, getattr(np, name)(x, axis=1))
    top = np.expand_dims(out, 1)
    holders = np.where(np.isnan(top), np.isnan(x), x == top)
    expected = np.expand_dims(g, 1) * (holders / holders.sum(1, keepdims=True))
    np.testing.assert_allclose(pull(g)[0], expected, rtol=1e-15)
