"""Loops that keep their carries at the ends of segments only: as right as any, with less memory."""

import gc

import numpy as np
import pytest

import cdiff as cd
import cdiff._core as core


def peak(f):
    import tracemalloc

    gc.collect()
    core.pool_clear()
    tracemalloc.start()
    f()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found + core.pool_info()["pooled_bytes"]  # of which Python knows nothing


@pytest.mark.memory
def test_memory_of_checkpointed_loops():
    n, size = 400, 500

    def value(a, **options):
        step = lambda c, x: (np.tanh(a * c + x), None)
        return np.sum(cd.scan(step, np.ones(size), np.zeros(n), **options)[0])

    kept = peak(lambda: cd.grad(lambda a: value(a, checkpoint_every=n))(0.5))
    less = peak(lambda: cd.grad(lambda a: value(a, checkpoint_every=20))(0.5))
    assert kept > 8 * n * size
    assert less < kept / 4


@pytest.mark.memory
def test_memory_of_loops_with_conditions():
    n, size = 1000, 5000

    def value(a):
        more, step = lambda c: c[1] < n, lambda c: (np.tanh(a * c[0] + 1.0), c[1] + 1.0)
        return np.sum(cd.while_loop(more, step, (np.ones(size), 0.0))[0])

    assert peak(lambda: cd.grad(value)(0.5)) < 8 * n * size / 2


def in_segments(every, n):
    """A loop that reads values from outside, and goes on with a whole number."""

    def f(v):
        step = lambda c: (np.sin(c[0]) * (v + 1.0) + 0.1 * v[::-1], c[1] + 1.0, c[2] + 1)
        more = lambda c: c[1] < n + 0.0 * v[0]
        return cd.while_loop(more, step, (v, 0.0, 0), checkpoint_every=every)[0].sum()

    return f


@pytest.mark.parametrize("every", [1, 3, 4, 11])
def test_loops_with_conditions_in_segments(every):
    near = lambda found, wanted: np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-13)
    x = np.array([0.5, 0.3, -0.4])
    f, wanted = in_segments(every, 11), in_segments(100, 11)
    for derivative in (cd.grad, cd.hessian, lambda f: cd.jacrev(cd.hessian(f))):
        near(derivative(f)(x), derivative(wanted)(x))
    compiled = cd.compile(cd.vmap(cd.grad(f)))
    near(compiled(np.stack([x, 0.5 * x])), [cd.grad(wanted)(x), cd.grad(wanted)(0.5 * x)])


def test_points_that_go_round_as_often_as_they_want_in_segments():
    f = lambda v, n: in_segments(3, n)(v)
    points, numbers = np.array([[0.5, 0.3], [0.1, 0.2], [0.7, 0.6]]), np.array([2.0, 7.0, 11.0])
    found = cd.vmap(cd.grad(f))(points, numbers)
    wanted = [cd.grad(f)(v, n) for v, n in zip(points, numbers, strict=True)]
    np.testing.assert_allclose(found, wanted, rtol=1e-13)


def test_counted_loops_in_segments():
    f = lambda every: lambda a: cd.fori_loop(0, 10, lambda i, c: np.sin(c) * a + i, 1.0, every)
    for derivative in (lambda f: f, cd.grad, lambda f: cd.grad(cd.grad(f))):
        assert derivative(f(3))(0.5) == pytest.approx(derivative(f(None))(0.5), rel=1e-13)


@pytest.mark.parametrize(("first", "n"), [(0, 2_100_000), (-7, 2_097_153)])
def test_a_long_fori_loop_counts_in_segments(first, n):
    def value(a):
        return cd.fori_loop(first, first + n, lambda i, c: c * a + i, 0.0)

    exact = 0.0
    for i in range(first + n - 200, first + n):  # what is earlier is smaller than the rounding
        exact = exact * 0.5 + i
    assert value(0.5) == exact
    assert cd.fori_loop(first, first + n, lambda i, c: c + i, 0) == sum(range(first, first + n))
    kept = peak(lambda: value(0.5))
    assert kept < n  # an array of the numbers would take eight times as much
    compiled = cd.compile(cd.value_and_grad(value))
    assert compiled(0.5) == pytest.approx((exact, 2.0 * (exact - 2.0)), rel=1e-6)
    assert compiled.stats()["programs"] == 1
