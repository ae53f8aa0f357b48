"""Products of matrices that make an operand on the way, a strip at a time.

Programs are written down instruction by instruction; the oracle knows NumPy's meaning of each.
Where the array is a result as well it has memory of its own, and the same numbers come of it, to
the bit.
"""

import numpy as np
import pytest
from program_oracle import Recorder, check

import cdiff as cd
import cdiff._core as core

pytestmark = pytest.mark.skipif(
    core.kernels_in_use() != "avx512", reason="NumPy's BLAS computes batches of products here"
)

RANDOM = np.random.default_rng(7)
SHAPES = [(100, 300, 20), (9, 1000, 60), (700, 28, 28)]


def numbers(*shape):
    return RANDOM.standard_normal(shape)


def given(r, *shape):
    """The same numbers for the same shape."""
    return r.constant(np.random.default_rng(sum(shape)).standard_normal(shape))


def compared(make, k, n, d):
    """The executable, whose results are those of one that stores the array of all differences of
    points and centers, to the bit."""
    found = []
    inputs = [numbers(n, d), numbers(k, 1, d)]
    for stored in (False, True):
        r = Recorder()
        v = r.apply("subtract", r.input(shape=(n, d)), r.input(shape=(k, 1, d)))
        outputs = make(r, v)
        r.returns(*outputs, *([v] if stored else []))
        executable = check(r.program, inputs, rtol=1e-9, atol=1e-9)
        found.append((executable, executable.run(inputs)[: len(outputs)]))
    assert found[1][0].stripped() == []
    for y, z in zip(found[0][1], found[1][1], strict=True):
        assert np.array_equal(y, z)
    return found[0][0]


def turned(r, v):
    return r.transpose(v, (0, 2, 1))


def by_both(r, v):
    """A product with a matrix for each center, and one along the points."""
    k, n, d = r.shape(v)
    scaled = r.apply("matmul", v, turned(r, given(r, k, d, d)))
    return [scaled, r.apply("matmul", turned(r, given(r, k, n, d)), v)]


@pytest.mark.parametrize("shape", SHAPES)
def test_differences_read_by_products(shape):
    executable = compared(by_both, *shape)
    most = max(1, (1 << 16) // (shape[1] * shape[2]))
    assert [count for _, count in executable.stripped()] == [most, most]


@pytest.mark.parametrize("shape", SHAPES[1:])
@pytest.mark.parametrize("threads", [2, 5])
def test_by_several_threads(shape, threads):
    before = cd.set_num_threads(threads)
    try:
        assert len(compared(by_both, *shape).stripped()) == 2
    finally:
        cd.set_num_threads(before)


def test_the_same_matrix_for_all():
    def make(r, v):
        k, _, d = r.shape(v)
        w = given(r, d, d)
        return [r.apply("matmul", v, r.broadcast(r.reshape(w, (1, d, d)), (k, d, d)))]

    assert len(compared(make, 64, 512, 32).stripped()) == 1


@pytest.mark.parametrize("op", ["add", "multiply", "zmul"])
@pytest.mark.parametrize(
    "shapes",
    [
        ((10, 30, 20), (100, 1, 1, 1)),
        ((10, 30, 1), (100, 1, 1, 20)),
        ((30, 20), (100, 10, 1, 1)),
        ((100, 10, 30, 1), (20,)),
    ],
)
def test_axes_that_operands_walk(op, shapes):
    """Rows are along the axes that both walk as one; some are only numbers for a row."""
    r = Recorder()
    a, b = (r.input(shape=shape) for shape in shapes)
    w = given(r, 100, 10, 20, 24)
    r.returns(r.apply("matmul", r.apply(op, a, b), w))
    executable = check(r.program, [numbers(*shape) for shape in shapes], rtol=1e-9, atol=1e-9)
    assert [count for _, count in executable.stripped()] == [10]


def test_a_part_of_each_matrix():
    def make(r, v):
        k, n, d = r.shape(v)
        half = r.slice(v, 0, 1, k, 0, 1, n // 2, 0, 1, d)
        return [r.apply("matmul", half, given(r, k, d, d))]

    assert len(compared(make, 100, 300, 20).stripped()) == 1


def read_twice_by_one(r, v):
    return [r.apply("matmul", v, turned(r, v))]


def read_by_a_sum(r, v):
    return [*by_both(r, v), r.sum(v, (2,))]


def by_too_many(r, v):
    return [*by_both(r, v), *by_both(r, v)]


def heavy(r, v):
    k, _, d = r.shape(v)
    return [r.apply("matmul", r.apply("exp", v), given(r, k, d, d))]


def several_light(r, v):
    k, _, d = r.shape(v)
    return [r.apply("matmul", r.apply("square", v), given(r, k, d, 30))]


def from_as_much(r, v):
    k, n, d = r.shape(v)
    v = r.apply("multiply", v, given(r, k, n, d))
    return [r.apply("matmul", v, given(r, k, d, d))]


def other_order(r, v):
    _, n, d = r.shape(v)
    return [r.apply("matmul", r.transpose(v, (1, 0, 2)), given(r, n, d, d))]


@pytest.mark.parametrize(
    "make",
    [
        read_twice_by_one,
        read_by_a_sum,
        by_too_many,
        heavy,
        several_light,
        from_as_much,
        other_order,
    ],
)
def test_others_are_stored(make):
    assert compared(make, 100, 300, 20).stripped() == []


@pytest.mark.parametrize("shape", [(10, 300, 20), (3, 3000, 64), (100, 700, 8)])
def test_small_ones_few_matrices_and_short_rows_are_stored(shape):
    assert compared(by_both, *shape).stripped() == []


def test_memory_of_operands_stays_until_the_last_strip():
    """What the array is made of is computed, and would be overwritten between the products."""
    r = Recorder()
    x, mu, w = r.input(shape=(300, 20)), r.input(shape=(100, 1, 20)), r.input(shape=(100, 20, 20))
    moved = r.apply("exp", x)
    v = r.apply("subtract", moved, r.apply("sin", mu))
    first = r.apply("matmul", v, w)
    other = r.apply("multiply", first, first)
    last = r.apply("matmul", turned(r, other), v)
    r.returns(last)
    executable = check(r.program, [numbers(300, 20), numbers(100, 1, 20), numbers(100, 20, 20)])
    assert len(executable.stripped()) == 2


def distances(x, mu, w):
    moved = (x - mu[:, None, :]) @ w
    return np.sum(np.log1p(np.sum(moved**2, axis=2)))


def test_gradient_of_weighted_distances():
    """With the values in memory of their own, as `grad` without `compile` has them."""
    x, mu, w = numbers(500, 16), numbers(80, 16), numbers(80, 16, 16)
    right = cd.grad(distances, argnums=(0, 1, 2))(x, mu, w)
    compiled = cd.compile(cd.grad(distances, argnums=(0, 1, 2)))
    for _ in range(2):
        for y, z in zip(compiled(x, mu, w), right, strict=True):
            np.testing.assert_allclose(y, z, rtol=1e-9, atol=1e-9)
