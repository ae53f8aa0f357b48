"""`vmap` with `chunk_size`: the same values and derivatives as without, in less memory."""

import tracemalloc

import numpy as np
import pytest

import cdiff as cd
from cdiff._arguments._tree import flatten

POINTS = 10
SIZES = (1, 3, 5, 10, 11)


@pytest.fixture
def xs():
    return np.random.default_rng(3).normal(size=(POINTS, 3))


@pytest.fixture
def matrix():
    return np.random.default_rng(4).normal(size=(3, 3))


def mixed(x, a):
    """A vector, a position and a number."""
    return {"wave": np.sin(a @ x) * x[0], "least": np.argmin(x), "square": x @ x}


def summed(mapped):
    def total(xs, a):
        found = mapped(xs, a)
        return np.sum(found["wave"] ** 2) + np.sum(np.exp(found["square"]))

    return total


@pytest.mark.parametrize("size", SIZES)
def test_values(size, xs, matrix):
    found = cd.vmap(mixed, (0, None), chunk_size=size)(xs, matrix)
    for name in found:
        want = np.stack([np.asarray(mixed(x, matrix)[name]) for x in xs])
        assert found[name].dtype == want.dtype and found[name].shape == want.shape
        np.testing.assert_allclose(found[name], want, rtol=1e-14)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("transform", [cd.grad, cd.hessian, cd.jacfwd])
def test_derivatives(size, transform, xs, matrix):
    """By mapped and by shared arguments, eager and compiled."""
    want = transform(summed(cd.vmap(mixed, (0, None))), argnums=(0, 1))(xs, matrix)
    chunked = transform(summed(cd.vmap(mixed, (0, None), chunk_size=size)), argnums=(0, 1))
    compiled = cd.compile(chunked)
    for found in (chunked(xs, matrix), compiled(xs, matrix), compiled(xs, matrix)):
        for a, b in zip(flatten(found)[0], flatten(want)[0], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_derivatives_at_each_point(size, xs, matrix):
    of_one = cd.jacobian(lambda x: mixed(x, matrix)["wave"])
    found = cd.compile(cd.vmap(of_one, chunk_size=size))(xs)
    np.testing.assert_allclose(found, np.stack([of_one(x) for x in xs]), rtol=1e-13)


@pytest.mark.parametrize("size", SIZES)
def test_points_may_decide(size, xs):
    def f(x):
        return -x if x > 0 else x * x

    values, slopes = cd.vmap(cd.value_and_grad(f), chunk_size=size)(xs[:, 0])
    assert values.tolist() == [f(x) for x in xs[:, 0].tolist()]
    assert slopes.tolist() == [-1.0 if x > 0 else 2 * x for x in xs[:, 0].tolist()]


@pytest.mark.parametrize("out", [False, True])
def test_decisions_of_values_from_outside_the_chunk(out):
    """Where they are new in a later call, the compiled function is recorded again."""
    slopes = cd.vmap(cd.grad(lambda a: a[0] * a[1] if a[0] > 0 else -a[1]))

    def f(table, rows):
        return cd.vmap(lambda k: slopes(table[k][None])[0], chunk_size=2)(rows)

    compiled, rows = cd.compile(f), np.arange(6)
    for seed in range(6):
        table = np.random.default_rng(seed).normal(size=(6, 2))
        found = compiled(table, rows, **({"out": np.empty((6, 2))} if out else {}))
        np.testing.assert_array_equal(found, f(table, rows))


@pytest.mark.parametrize("size", SIZES)
def test_axes(size, xs, matrix):
    mapped = cd.vmap(lambda x: (x, 2 * x, matrix), 1, (0, -1, None), chunk_size=size)
    first, last, shared = mapped(xs.T)
    assert np.array_equal(first, xs) and np.array_equal(last, 2 * xs.T)
    assert np.array_equal(shared, matrix)


def test_it_nests(xs):
    def pair(x, y):
        return np.sum(np.cos(x * y))

    inner = cd.vmap(pair, (None, 0), chunk_size=4)
    found = cd.vmap(lambda x: inner(x, xs), chunk_size=3)(xs)
    np.testing.assert_allclose(found, np.cos(xs[:, None] * xs).sum(2), rtol=1e-14)


def test_no_points():
    assert cd.vmap(np.sin, chunk_size=2)(np.ones((0, 3))).shape == (0, 3)


def test_as_a_decorator(xs):
    @cd.vmap(chunk_size=4)
    def f(x):
        return x @ x

    np.testing.assert_allclose(f(xs), np.sum(xs * xs, 1))
    assert "chunk_size=4" in repr(f) and "chunk_size" not in repr(cd.vmap(np.sin))


@pytest.mark.memory
def test_memory_is_that_of_a_chunk():
    n = 4000
    a = np.random.default_rng(0).normal(size=(n, 4))

    def nearest(size):
        run = cd.compile(cd.vmap(lambda p: np.argmin(np.sum((a - p) ** 2, 1)), chunk_size=size))
        tracemalloc.start()
        assert np.array_equal(run(a[:500]), np.arange(500))
        assert np.array_equal(run(a[:500]), np.arange(500))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    assert nearest(10) * 5 < nearest(None)


@pytest.mark.parametrize("bad", [0, -3])
def test_sizes_that_are_no_size(bad):
    with pytest.raises(ValueError, match="chunk_size must be positive"):
        cd.vmap(np.sin, chunk_size=bad)


@pytest.mark.parametrize("bad", [2.0, "2", True])
def test_sizes_of_another_type(bad):
    with pytest.raises(TypeError, match="chunk_size must be an int"):
        cd.vmap(np.sin, chunk_size=bad)


def test_chunks_of_large_products_do_not_pile_up():
    """Many points times a matrix are a product by themselves: they wait for no other chunk."""
    points, centres = np.ones((64 * 128, 4)), np.arange(4000.0).reshape(4, 1000)
    chunk = 128 * 1000 * 8

    def nearest(points, centres):
        return cd.vmap(lambda p: np.argmin(p @ centres), chunk_size=128)(points)

    compiled = cd.compile(nearest)
    compiled(points, centres)
    tracemalloc.start()
    try:
        found = compiled(points, centres)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(found, np.argmin(points @ centres, axis=1))
    assert peak < 8 * chunk
