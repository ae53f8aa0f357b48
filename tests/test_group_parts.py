"""Groups write their results among others at once: every point at its place, and no other memory.

A part of a concatenation, or a stretch among zeros, may leave out points at either edge, of which
machine code computes whole vectors. Sizes lie around vectors, blocks and chunks; the oracle knows
NumPy's meaning of each instruction.
"""

import numpy as np
import pytest
from program_oracle import Recorder, check

import cdiff as cd

RANDOM = np.random.default_rng(6)
SIZES = (2, 7, 8, 9, 64, 1000, 1023, 1024, 1025, 2049, 8191, 8192, 8193, 8200, 20_000)


def numbers(*shape):
    return RANDOM.uniform(0.5, 1.5, shape)


def computed(r, n):
    """A value of two operations on two inputs, as machine code makes it."""
    x, y = r.input(shape=(n,)), r.input(shape=(n,))
    return x, y, r.apply("add", x, r.apply("multiply", x, y))


def among_zeros(r, v, low, high):
    n = r.shape(v)[0]
    return r.apply("embed", r.slice(v, low, 1, high - low), attrs=((n,), (n - high, 1, high - low)))


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("cut", [1, 3, 8])
def test_edges_left_out(n, cut):
    r = Recorder()
    _, y, v = computed(r, n)
    cut = min(cut, n - 1)
    ones = r.constant(np.ones(cut))
    r.returns(
        r.concatenate([ones, r.slice(v, 0, 1, n - cut)]),
        r.concatenate([r.slice(v, cut, 1, n - cut), ones]),
        among_zeros(r, v, cut, n),
        among_zeros(r, r.apply("add", v, y), 0, n - cut),
    )
    check(r.program, [numbers(n), numbers(n)])


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("cut", [1, 2, 9])
def test_turned_round(n, cut):
    """Both parts are of one value: what the one leaves out is the other's."""
    r = Recorder()
    _, _, v = computed(r, n)
    cut = min(cut, n - 1)
    parts = [r.slice(v, cut, 1, n - cut), r.slice(v, 0, 1, cut)]
    r.returns(r.concatenate(parts), r.concatenate(parts[::-1]))
    check(r.program, [numbers(n), numbers(n)])


@pytest.mark.parametrize("n", SIZES)
def test_side_by_side(n):
    """Several parts, whole and cut at both ends, of values that the same group computes."""
    r = Recorder()
    x, y, v = computed(r, n)
    w = r.apply("subtract", r.apply("multiply", v, y), x)
    low, count = n // 3, max(1, n // 2)
    r.returns(
        r.concatenate([v, w, x]),
        r.concatenate([r.slice(v, low, 1, count), r.slice(w, 0, 1, count), v]),
        w,
    )
    check(r.program, [numbers(n), numbers(n)])


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("threads", [1, 2])
def test_nothing_else_is_written(n, threads):
    def moved(x, y):
        v = x * y + x
        return np.concatenate([np.ones(1), v[:-1]]), np.concatenate([v[1:], np.zeros(1)])

    x, y = numbers(n), numbers(n)
    compiled = cd.compile(moved)
    rooms = np.full((2, n + 32), -7.0)
    out = rooms[0, 16:-16], rooms[1, 16:-16]
    before = cd.set_num_threads(threads)
    try:
        for _ in range(2):
            compiled(x, y, out=out)
    finally:
        cd.set_num_threads(before)
    for found, expected in zip(out, moved(x, y), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-15)
    assert np.all(rooms[:, :16] == -7.0)
    assert np.all(rooms[:, -16:] == -7.0)


def test_threads_share_a_group():
    def moved(x, y):
        v = x * y + x
        return np.concatenate([np.ones(3), v[:-3]]) * np.concatenate([v[5:], np.zeros(5)])

    x, y = numbers(1_000_003), numbers(1_000_003)
    before = cd.set_num_threads(2)
    try:
        found = cd.compile(moved)(x, y)
    finally:
        cd.set_num_threads(before)
    np.testing.assert_allclose(found, moved(x, y), rtol=1e-15)


@pytest.mark.parametrize("n", [9, 1025, 8193])
def test_gradient_of_shifts(n):
    def energy(x):
        y = x * np.concatenate([np.ones(1), x[:-1] ** 2])
        return np.sum(y * np.concatenate([y[2:], np.zeros(2)]))

    x = numbers(n)
    np.testing.assert_allclose(cd.compile(cd.grad(energy))(x), cd.grad(energy)(x), rtol=1e-13)
