"""Programs of which only some rows are read compute these alone.

NumPy is the oracle of values, the eager sweep that of derivatives; what is computed is seen in the
shapes of the program.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cdiff as cd

RANDOM = np.random.default_rng(5)
N = 60


def products(f):
    """The shapes of the matrix products in the program of a compiled function."""
    lines = str(f.program).splitlines()
    return [line.split("f64")[1].split("]")[0] + "]" for line in lines if "= matmul(" in line]


def count(f, operator):
    return sum(f"= {operator}(" in line for line in str(f.program).splitlines())


def test_rows_of_a_product():
    a, b, p = RANDOM.random((N, 4)), RANDOM.random((4, 3)), np.array([3, -1, 7, 3])
    f = cd.compile(lambda a, b, p: np.exp(a @ b + 1.0)[p])
    np.testing.assert_allclose(f(a, b, p), np.exp(a @ b + 1.0)[p], rtol=1e-14)
    assert products(f) == ["[4,3]"]
    q = np.array([0, -N, N - 1, 2])
    np.testing.assert_allclose(f(a, b, q), np.exp(a @ b + 1.0)[q], rtol=1e-14)
    with pytest.raises(IndexError, match=f"index {N} is out of bounds for axis 0 with size {N}"):
        f(a, b, np.array([0, N, 0, 0]))


def test_columns_through_shapes():
    a, b, p = RANDOM.random((4, 3)), RANDOM.random((N, 3)), np.array([3, -1, 7])

    def g(a, b, p):
        return np.reshape((a @ b.T).T, (N, 2, 2))[p]

    f = cd.compile(g)
    np.testing.assert_allclose(f(a, b, p), g(a, b, p), rtol=1e-14)
    assert products(f) == ["[4,3]"]


def test_several_readers_share_what_is_chosen():
    a, b = RANDOM.random((N, 4)), RANDOM.random((4, 3))
    p, q = np.array([3, -1, 7]), np.array([0, 1])
    f = cd.compile(lambda a, b: (np.sin(a @ b)[p], np.cos(a @ b)[q], np.cos(a @ b)[p]))
    y = a @ b
    for found, right in zip(f(a, b), (np.sin(y)[p], np.cos(y)[q], np.cos(y)[p]), strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-14)
    assert sorted(products(f)) == ["[2,3]", "[3,3]"]


def test_rows_of_a_jacobian():
    """What values alone needed is dead in the program of the derivative, and reads nothing."""
    w, m, p = RANDOM.random((N, 5)), RANDOM.random((5, 3)), np.array([3, -1, 7, 2])

    def g(m, w, p):
        return np.sin((2.0 * w) @ m)[p]

    f = cd.compile(cd.jacfwd(g))
    found, right = f(m, w, p), np.zeros((4, 3, 5, 3))
    for k in range(3):
        right[:, k, :, k] = (2.0 * w * np.cos(2.0 * w @ m)[:, [k]])[p]
    np.testing.assert_allclose(found, right, rtol=1e-13)
    computed = [line for line in str(f.program).splitlines() if "60" in line.split("]")[0]]
    assert all("= input" in line for line in computed)


def test_what_is_read_otherwise_is_computed_once():
    a, b, p = RANDOM.random((N, 4)), RANDOM.random((4, 3)), np.array([3, -1, 7])
    for g in (
        lambda a, b: (a @ b, np.sin(a @ b)[p]),
        lambda a, b: np.max(a @ b) + (a @ b)[p],
        lambda a, b: (a @ b)[p] @ (a @ b)[:3].T,
        lambda a, b: (a @ b)[RANDOM.integers(0, N, N // 2 + 1)],
        lambda a, b: np.cumsum(a @ b, axis=0)[p],
        lambda a, b: (a @ b).T[np.array([1])],
        lambda a, b: ((a @ b)[p], (a @ b).T[np.array([1])]),
    ):
        f = cd.compile(g)
        f(a, b)
        assert "[60,3]" in products(f)


def test_a_long_chain():
    x, p = RANDOM.random(N), np.array([1, 2])

    def g(x):
        y = x
        for _ in range(1000):
            y = np.sin(y) + x
        return y[p]

    f = cd.compile(g)
    np.testing.assert_allclose(f(x), g(x), rtol=1e-12)
    assert 0 < count(f, "gather") <= 2


STEPS = {
    "sin": lambda y, w: np.sin(y),
    "add row": lambda y, w: y + w[: y.shape[1]],
    "add column": lambda y, w: y * w[: y.shape[0], None],
    "product": lambda y, w: y @ np.outer(w[: y.shape[1]], w[:3]),
    "product left": lambda y, w: np.outer(w[: y.shape[0]], w[: y.shape[0]]) @ y,
    "transpose": lambda y, w: y.T,
    "reshape": lambda y, w: np.reshape(y, (y.shape[1], y.shape[0])),
    "stack of one": lambda y, w: np.reshape(y, (1, *y.shape))[0],
    "sum": lambda y, w: y + np.sum(y, axis=0),
    "where": lambda y, w: np.where(y > 0.3, y, -y),
    "again": lambda y, w: y + y[-1],
    "rows": lambda y, w: y[np.array([0, -1, 1])],
}


@settings(max_examples=80, deadline=None)
@given(
    names=st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=6),
    positions=st.lists(st.integers(-3, 2), min_size=1, max_size=4),
    shape=st.sampled_from([(40, 5), (5, 40), (12, 12), (3, 60)]),
    seed=st.integers(0, 2**16),
)
def test_random_functions(names, positions, shape, seed):
    random = np.random.default_rng(seed)
    x, w = random.uniform(-1.0, 1.0, shape), random.uniform(-1.0, 1.0, 64)
    p = np.array(positions)

    def f(x):
        y = x
        for name in names:
            y = STEPS[name](y, w)
        return y[p] * 2.0

    right = f(x)
    scale = 1.0 + np.max(np.abs(right))
    np.testing.assert_allclose(cd.compile(f)(x), right, atol=1e-13 * scale, rtol=1e-11)
    cotangent = random.standard_normal(right.shape)
    slope = cd.grad(lambda x: np.sum(f(x) * cotangent))
    wanted = slope(x)
    scale = 1.0 + np.max(np.abs(wanted))
    np.testing.assert_allclose(cd.compile(slope)(x), wanted, atol=1e-12 * scale, rtol=1e-10)
    points = np.stack([x, 0.5 * x])
    np.testing.assert_allclose(
        cd.compile(cd.vmap(f))(points), np.stack([f(y) for y in points]), atol=1e-12 * scale
    )
