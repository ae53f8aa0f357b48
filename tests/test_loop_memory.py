"""Where loops read and write their carries: as they were given, in two places, and at last where
the result is wanted. Nothing is written over that is still read, by any number of steps."""

import random

import numpy as np
import pytest

import cdiff as cd
import cdiff._core as core

RANDOM = np.random.default_rng(11)
STEPS = (1, 2, 3, 4, 7)


def turned(_, carry):
    """Each carry is another one as it came, or is computed of several."""
    a, b, c = carry
    return b, c[::-1] * 0.5 + a, a


def numbers(n):
    return RANDOM.uniform(0.5, 1.5, n)


@pytest.mark.parametrize("n", [3, 70, 5000])
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("compiled", [False, True])
def test_carries_that_change_places(n, steps, compiled):
    def f(a, b, c):
        return cd.fori_loop(0, steps, turned, (a, b, c))

    given = [numbers(n) for _ in range(3)]
    copies = [x.copy() for x in given]
    right = given
    for _ in range(steps):
        right = turned(0, right)
    call = cd.compile(f) if compiled else f
    for _ in range(2):
        found = call(*given)
        for y, z in zip(found, right, strict=True):
            np.testing.assert_array_equal(y, z)
        for x, copy in zip(given, copies, strict=True):
            np.testing.assert_array_equal(x, copy)
        for y in found:
            y[...] = np.nan  # results are their owner's


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("n", [70, 5000])
def test_derivatives_through_loops_in_loops(steps, n):
    """The reverse sweep keeps each carry before it is written over."""

    def last(x, y):
        def step(_, pair):
            u, v = pair
            inner = cd.fori_loop(0, 3, lambda _, w: w * x + 0.25 * v, u)
            return v, inner * 0.5

        u, v = cd.fori_loop(0, steps, step, (y, y * x))
        return np.sum(u * v)

    def plain(x, y):
        u, v = y, y * x
        for _ in range(steps):
            w = u
            for _ in range(3):
                w = w * x + 0.25 * v
            u, v = v, w * 0.5
        return np.sum(u * v)

    x, y = 0.5 * numbers(n), 0.5 * numbers(n)
    call = cd.compile(cd.grad(last, argnums=(0, 1)))
    for right, found, again in zip(
        cd.grad(plain, argnums=(0, 1))(x, y), call(x, y), call(x, y), strict=True
    ):
        np.testing.assert_allclose(found, right, rtol=1e-12)
        np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize("at", [0, 1, 2, 5])
def test_a_new_way_in_the_middle(at):
    """The carry before the step that decides otherwise is where the steps before have left it."""

    def step(i, y):
        return y * 2.0 - 1.0 if i == at else y[::-1] + 1.0

    def f(y):
        return cd.fori_loop(0, 6, step, y)

    y = numbers(5000)
    right = y
    for i in range(6):
        right = step(i, right)
    call = cd.compile(f)
    for _ in range(3):
        np.testing.assert_array_equal(call(y), right)
    into = np.empty_like(y)
    call(y, out=into)
    np.testing.assert_array_equal(into, right)


def test_what_a_function_does_to_an_input_stays_there():
    """A value that a recording takes over, without a copy, may be changed in place by a body."""

    def f(x):
        y = x * 1.0

        def step(_, z):
            z[0] = z[0] + 1.0
            return z * y

        total = cd.fori_loop(0, 5, step, y)
        y[1] = 7.0
        return total + y

    x = numbers(5000)
    right = x.copy()
    for _ in range(5):
        right[0] += 1.0
        right = right * x
    right = right + np.concatenate([x[:1], [7.0], x[2:]])
    for call in (f, cd.compile(f)):
        for _ in range(2):
            np.testing.assert_allclose(call(x), right, rtol=1e-13)
    tangent = numbers(5000)
    forward = cd.jvp(f, (x,), (tangent,))[1]
    backward = cd.compile(cd.grad(lambda x: np.sum(f(x) * tangent)))(x)
    np.testing.assert_allclose(np.sum(forward * tangent), np.sum(backward * tangent), rtol=1e-9)


def test_blocks_that_share_pages():
    """None lies over another, in whatever order they come and go."""
    sizes = [8_192, 20_000, 100_000, 120_000, 9_000]
    rng = random.Random(5)
    held = []
    for turn in range(600):
        n = rng.choice(sizes)
        x = core.pooled(n, float)
        x[...] = turn
        held.append((turn, x))
        if len(held) > 60:
            number, y = held.pop(rng.randrange(len(held)))
            assert y.min() == y.max() == number
    for number, y in held:
        assert y.min() == y.max() == number
    del held, x, y
    core.pool_clear()
    assert core.pool_info()["pooled_bytes"] == 0
    assert core.pooled(100_000, float).shape == (100_000,)
