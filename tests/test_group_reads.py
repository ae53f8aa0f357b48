"""What fused groups read by index or with an offset, and what is written where it is wanted.

Functions of random operations are NumPy code; NumPy itself is the oracle of their values, the eager
sweep that of their derivatives.  Other tests know groups without such reads.
"""

import signal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from other_isa import latest_only, passes

import cdiff as cd

RANDOM = np.random.default_rng(11)
SIZES = (1, 2, 9, 64, 65, 1000, 1025, 8195)


def shifted(y, k, back):
    """y moved by k places, with halves where nothing comes from."""
    k = min(k, len(y))
    half = np.full(k, 0.5)
    return np.concatenate([half, y[: len(y) - k]] if back else [y[k:], half])


def windowed(y, low, high):
    """Zeros but for a stretch."""
    z = np.zeros_like(y)
    z[low:high] = y[low:high]
    return z


def tamed(y):
    """Small, however large y has become: sines of large numbers lose the digits compared here."""
    return y / (1.0 + y * y)


def rows(y, positions):
    """Rows of a table with three columns, scaled, as a vector."""
    table = np.stack([y, 2.0 * y, np.cos(tamed(y))], axis=1)
    return np.sum(table[positions] * y[:, None], axis=1)


STEPS = {
    "sin": lambda y, x, p, k: np.sin(tamed(y)),
    "times": lambda y, x, p, k: y * x,
    "plus": lambda y, x, p, k: y + 0.25 * x,
    "back": lambda y, x, p, k: shifted(y, k, True) * x,
    "ahead": lambda y, x, p, k: shifted(y, k, False) - x,
    "window": lambda y, x, p, k: windowed(y * x, k, len(y) - k // 2) + y,
    "take": lambda y, x, p, k: y[p] * y + x,
    "take x": lambda y, x, p, k: np.cos(x[p]) * y,
    "take twice": lambda y, x, p, k: y[p[::-1]] - x[p] * y,
    "rows": lambda y, x, p, k: rows(y, p) + x,
    "take of take": lambda y, x, p, k: (y[p] + x)[p] * 0.5,
}


def function(names, p, k):
    def f(x):
        y = x
        for name in names:
            y = STEPS[name](y, x, p, k)
        return y

    return f


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=7),
    n=st.sampled_from(SIZES),
    k=st.sampled_from([1, 2, 8, 63]),
    seed=st.integers(0, 2**16),
    strided=st.booleans(),
)
def test_random_functions(names, n, k, seed, strided):
    random = np.random.default_rng(seed)
    x, w = random.uniform(-1.0, 1.0, n), random.standard_normal(n)
    positions = random.integers(-n, n, (n, 3))
    p = positions[:, 1] if strided else positions[:, 1].copy()
    f = function(names, p, k)
    np.testing.assert_allclose(cd.compile(f)(x), f(x), rtol=1e-11, atol=1e-11)
    slope = cd.grad(lambda x: np.sum(f(x) * w))
    right = slope(x)
    compiled = cd.compile(slope)
    for _ in range(2):
        np.testing.assert_allclose(compiled(x), right, rtol=1e-9, atol=1e-9)


def test_positions_that_are_arguments(threads):
    n = 30_000
    x = RANDOM.uniform(-1.0, 1.0, n)
    g = cd.compile(cd.value_and_grad(lambda x, p: np.sum(np.sin(x[p]) * x + np.exp(x)[p])))
    for count in (1, 2, 1):
        threads(count)
        for seed in range(3):
            p = np.random.default_rng(seed).integers(-n, n, n)
            found = g(x, p)
            np.testing.assert_allclose(found[0], np.sum(np.sin(x[p]) * x + np.exp(x)[p]))
            wanted = np.sin(x[p])
            np.add.at(wanted, p, np.cos(x[p]) * x)
            np.add.at(wanted, p, np.exp(x)[p])
            np.testing.assert_allclose(found[1], wanted, rtol=1e-12, atol=1e-12)


def test_results_do_not_depend_on_the_number_of_threads(threads):
    n = 50_000
    x, p = RANDOM.uniform(-1.0, 1.0, n), RANDOM.integers(-n, n, n)
    f = function(["take", "back", "rows", "window", "ahead"], p, 8)
    found = []
    for count in (1, 2, 3):
        threads(count)
        found.append(cd.compile(cd.value_and_grad(lambda x: np.sum(f(x))))(x))
    for other in found[1:]:
        assert found[0][0] == other[0]
        np.testing.assert_array_equal(found[0][1], other[1])


@pytest.mark.parametrize("bad", [40, -41, 2**62, -(2**63)])
@pytest.mark.parametrize("place", [0, 511, 512, 2999])
@pytest.mark.parametrize("width", [(), (3,)])
def test_a_position_outside_is_named_and_nothing_is_lost(bad, place, width):
    x = RANDOM.standard_normal((40, *width))
    good = RANDOM.integers(-40, 40, 3000)
    positions = good.copy()
    positions[place] = bad
    f = cd.compile(lambda x, p: np.sin(x[p]) * 2.0 + 1.0)
    wanted = f(x, good)
    with pytest.raises(IndexError, match=f"index {bad} is out of bounds for axis 0 with size 40"):
        f(x, positions)
    np.testing.assert_array_equal(f(x, good), wanted)


@pytest.mark.parametrize("sizes", [(40, 40, 30), (30, 40, 40), (40, 30, 40)])
@pytest.mark.parametrize("bad", [30, 39, -31])
def test_rows_of_several_tables_at_the_same_positions(sizes, bad):
    tables = [RANDOM.standard_normal(n) for n in sizes]
    good = RANDOM.integers(-30, 30, 3000)
    positions = good.copy()
    positions[2000] = bad
    f = cd.compile(lambda p, *tables: sum(np.sin(t[p]) for t in tables))
    expected = sum(np.sin(t[good]) for t in tables)
    np.testing.assert_allclose(f(good, *tables), expected, rtol=1e-14, atol=1e-15)
    with pytest.raises(IndexError, match=f"index {bad} is out of bounds for axis 0 with size 30"):
        f(positions, *tables)


def test_a_position_outside_in_a_loop():
    def last(x, steps):
        return cd.scan(lambda c, p: (np.sin(c[p]) * 0.5 + c, None), x, steps)[0]

    f = cd.compile(last)
    x, steps = RANDOM.standard_normal(50), RANDOM.integers(-50, 50, (6, 50))
    expected = x
    for p in steps:
        expected = np.sin(expected[p]) * 0.5 + expected
    for _ in range(2):
        np.testing.assert_allclose(f(x, steps), expected, rtol=1e-13)
    steps[4, 7] = 50
    with pytest.raises(IndexError, match="index 50 is out of bounds for axis 0 with size 50"):
        f(x, steps)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_a_signal_within_a_group_of_a_loop():
    def step(_, y):
        for _ in range(60):
            y = np.sin(y)
        return y

    def alarm(*_):
        raise TimeoutError("enough")

    f = cd.compile(lambda x: cd.fori_loop(0, 4, step, x))
    x = np.linspace(0.0, 1.0, 1_000_000)
    right = f(x)
    before = signal.signal(signal.SIGALRM, alarm)
    try:
        for k in range(8):
            with pytest.raises(TimeoutError, match="enough"):
                signal.setitimer(signal.ITIMER_REAL, 0.01 + 0.007 * k)
                f(x)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    np.testing.assert_array_equal(f(x), right)


@pytest.mark.parametrize("shape", [(6000, 20), (3000, 78), (70, 1500), (5, 30_000), (40_000, 3)])
@pytest.mark.parametrize("strided", [False, True])
def test_tables_that_are_not_near(shape, strided):
    x = RANDOM.standard_normal(shape)
    n = 301 if shape[1] < 10_000 else 31
    positions = RANDOM.integers(-shape[0], shape[0], (n, 2))
    p = positions[:, 0] if strided else positions[:, 0].copy()
    f = cd.compile(lambda x, p: x[p] * 2.0 + 1.0)
    for _ in range(2):
        np.testing.assert_array_equal(f(x, p), x[p] * 2.0 + 1.0)


def test_empty_positions_and_tables():
    f = cd.compile(lambda x, p: np.exp(x[p]) + 1.0)
    assert f(np.ones(3), np.zeros(0, int)).shape == (0,)
    assert f(np.ones((3, 0)), np.zeros(4, int)).shape == (4, 0)
    assert f(np.ones((0, 2)), np.zeros(0, int)).shape == (0, 2)
    with pytest.raises(IndexError):
        cd.compile(lambda x, p: np.exp(x[p] * 2.0))(np.ones((0, 2)), np.zeros(4, int))


def test_nan_and_infinity_pass():
    x = np.array([np.nan, np.inf, -np.inf, -0.0, 1.0])
    p = RANDOM.integers(-5, 5, 400)
    np.testing.assert_array_equal(cd.compile(lambda x: np.negative(x[p]) * 1.5)(x), -x[p] * 1.5)
    slope = cd.compile(cd.grad(lambda x: np.sum(np.where(x[p] > 0.5, np.sqrt(x[p]), 0.0))))(x)
    assert slope[3] == slope[0] == slope[2] == slope[1] == 0.0
    assert slope[4] == pytest.approx(0.5 * np.sum(np.isin(p, (4, -1))))


def test_a_table_is_not_overwritten_while_it_is_read():
    """The result of a group may take the memory of what dies in it, but not of a table."""
    p = RANDOM.integers(0, 5000, 5000)
    x = RANDOM.standard_normal(5000)

    def f(x):
        y = np.cumsum(np.sin(x))  # computed outside of the group, and dies in it
        return np.cumsum(y[p] * y + y)

    y = np.cumsum(np.sin(x))
    np.testing.assert_allclose(cd.compile(f)(x), np.cumsum(y[p] * y + y), rtol=1e-12)


def test_many_points_and_higher_orders():
    x = RANDOM.uniform(0.5, 1.0, (6, 70))
    p = RANDOM.integers(-70, 70, 70)
    f = function(["take", "back", "window", "rows"], p, 3)
    np.testing.assert_allclose(
        cd.compile(cd.vmap(f))(x), np.stack([f(row) for row in x]), rtol=1e-12
    )
    v = RANDOM.standard_normal(70)
    total = lambda x: np.sum(f(x) ** 2)
    product = cd.compile(lambda x, v: cd.hvp(total, (x,), (v,)))(x[0], v)
    slope = cd.grad(total)
    h = 1e-6
    np.testing.assert_allclose(
        product, (slope(x[0] + h * v) - slope(x[0] - h * v)) / (2 * h), rtol=1e-5, atol=1e-5
    )


# ---------------------------------------------------------------- results where they are wanted


@pytest.mark.parametrize("n", [1, 15, 16, 17, 33, 160])
@pytest.mark.parametrize("has_out", [False, True])
def test_points_in_chunks_go_straight_into_the_result(n, has_out):
    x = RANDOM.standard_normal((n, 3))
    f = cd.compile(cd.vmap(lambda x: (np.sin(x), np.sum(x)), chunk_size=16))
    for _ in range(2):
        out = (np.full((n, 3), 7.0), np.full(n, 7.0)) if has_out else None
        found = f(x, out=out)
        np.testing.assert_allclose(found[0], np.sin(x), rtol=1e-14)
        np.testing.assert_allclose(found[1], np.sum(x, axis=1), rtol=1e-14)


@pytest.mark.parametrize("reverse", [False, True])
def test_parts_of_what_a_loop_returns(reverse):
    xs = RANDOM.uniform(0.5, 1.0, (7, 4))

    def loop(xs):
        def step(c, x):
            y = np.cos(c * x)
            return y, (y[:2], c > 0.7, np.sum(y))

        return cd.scan(step, np.full(4, 0.8), xs, reverse=reverse)

    def plain(xs):
        c, found = np.full(4, 0.8), []
        for x in xs[::-1] if reverse else xs:
            y = np.cos(c * x)
            found.append((y[:2], c > 0.7, np.sum(y)))
            c = y
        order = found[::-1] if reverse else found
        return c, tuple(np.array(part) for part in zip(*order, strict=True))

    wanted = {
        "all": lambda c, ys: (c, *ys),
        "some rows": lambda c, ys: (c, ys[0][:5], ys[2][:3]),
        "a part of a row": lambda c, ys: (ys[0].reshape(-1)[:5], c[:3]),
        "not from the start": lambda c, ys: (ys[0][2:], ys[2][:1]),
        "twice": lambda c, ys: (ys[0][:2], ys[0][:4], c),
        "read as well": lambda c, ys: (ys[0], np.sum(ys[0]), c),
    }
    right = plain(xs)
    for pick in wanted.values():
        f = cd.compile(lambda xs, pick=pick: pick(*loop(xs)))
        for _ in range(2):
            for found, expected in zip(f(xs), pick(*right), strict=True):
                assert np.shape(found) == np.shape(expected)
                np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_results_of_two_calls_are_apart():
    f = cd.compile(cd.vmap(np.sin, chunk_size=8))
    x = RANDOM.standard_normal((2, 30))
    first, second = f(x[0]), f(x[1])
    np.testing.assert_allclose([first, second], np.sin(x), rtol=1e-14)


@latest_only
@pytest.mark.parametrize("isa", ["baseline", "avx2"])
def test_without_the_latest_instructions(isa):
    passes(__file__, isa)
