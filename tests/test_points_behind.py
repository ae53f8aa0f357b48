"""Batched values with the points along the last axis (src/points/behind.pxi): vmap and compiled
Jacobians of gathers, products and what follows them, against one point at a time."""

import numpy as np
import pytest

import cdiff as cd

RNG = np.random.default_rng(3)
TALL = RNG.normal(size=(9, 3))
ROWS = RNG.integers(0, 4, 11)
SOME = RNG.integers(0, 9, 13)
TABLE = RNG.integers(0, 4, (5, 2))


def decides(x):
    """Points part after values that have the points behind."""
    y = x.reshape(4, 3)[ROWS] * 2.0
    return np.sin(y) if np.sum(y) > 0 else y[::-1] * y


def product_then_all(x):
    y = np.tanh(TALL @ x.reshape(3, 4))  # (9, 4)
    z = (y[1:7:2] + np.arange(4.0)).T.reshape(2, 6)
    return np.sum(z, axis=0) + np.sum(z) - z[1, 2]


FUNCTIONS = {
    "gather": lambda x: x.reshape(4, 3)[ROWS],
    "gather of numbers": lambda x: x[np.arange(12)[::-1]],
    "gather by a table": lambda x: x.reshape(4, 3)[TABLE] * np.ones((1, 2, 1)),
    "rows of a product": lambda x: np.sin(TALL @ x.reshape(3, 4))[SOME] * x[:4] + TALL[SOME, :1],
    "rows of a product by a table": lambda x: (TALL @ x.reshape(3, 4))[TABLE] * np.ones((2, 1)),
    "weighted rows": lambda x: np.linspace(0, 1, 11)[:, None] * x.reshape(4, 3)[ROWS] + x[:3],
    "of two values": lambda x: x.reshape(4, 3)[ROWS] * np.exp(x.reshape(4, 3)[ROWS[::-1]]) - x[0],
    "mixed sides": lambda x: x.reshape(4, 3)[ROWS][:4] / (2.0 + np.cumsum(x.reshape(4, 3), 0) ** 2),
    "product": lambda x: TALL @ x.reshape(3, 4),
    "product of a product": lambda x: TALL @ (TALL.T @ (TALL @ x.reshape(3, 4))),
    "product and rows": lambda x: (TALL @ x.reshape(3, 4))[np.arange(20) % 9] * x[:4],
    "product then all": product_then_all,
    "transposed": lambda x: np.transpose(TALL @ x.reshape(3, 4)) @ np.ones(9),
    "sum kept": lambda x: np.sum(TALL @ x.reshape(3, 4), axis=1, keepdims=True) * x[:2],
    "where": lambda x: np.where(x.reshape(4, 3)[ROWS] > 0, x.reshape(4, 3)[ROWS], 0.0),
    "set": lambda x: cd.numpy.concatenate([x.reshape(4, 3)[ROWS], x.reshape(4, 3)]).max(axis=0),
    "decides": decides,
}


@pytest.mark.parametrize("n", [1, 3, 7])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_many_points(name, n):
    f, points = FUNCTIONS[name], RNG.normal(size=(n, 12))
    want = np.stack([f(x) for x in points])
    np.testing.assert_allclose(cd.vmap(f)(points), want, rtol=1e-13, atol=1e-14)
    compiled = cd.compile(cd.vmap(f))
    for _ in range(2):
        np.testing.assert_allclose(compiled(points), want, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobians(name):
    f, x = FUNCTIONS[name], RNG.normal(size=12)
    want = np.stack([f(x + 1e-6 * e) - f(x - 1e-6 * e) for e in np.eye(12)], axis=-1) / 2e-6
    for transformation in (cd.jacfwd, cd.jacrev):
        np.testing.assert_allclose(cd.compile(transformation(f))(x), want, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "decides"])
def test_derivatives_of_many_points(name):
    """Reverse through a batch, a batch of gradients, and a batch of batches."""
    f, points = FUNCTIONS[name], RNG.normal(size=(5, 12))
    loss = lambda x: np.sum(np.sin(f(x)))
    want = np.stack([cd.grad(loss)(x) for x in points])
    np.testing.assert_allclose(cd.vmap(cd.grad(loss))(points), want, rtol=1e-12, atol=1e-13)
    through = cd.grad(lambda p: np.sum(np.sin(cd.vmap(f)(p))))
    np.testing.assert_allclose(through(points), want, rtol=1e-12, atol=1e-13)
    pairs = np.stack([points, points[::-1]])
    found = cd.compile(cd.vmap(cd.vmap(f)))(pairs)
    want = np.stack([f(x) for x in points[::-1]])
    np.testing.assert_allclose(found[1], want, rtol=1e-13, atol=1e-13)


def test_no_transpositions_are_left():
    """What is transposed for the points to be behind is transposed back, and that is nothing."""
    rows = lambda x: (TALL @ np.reshape(np.sin(x), (3, 4)))[np.arange(20) % 9] * np.ones((20, 1))
    compiled = cd.compile(cd.jacfwd(rows))
    compiled(RNG.normal(size=12))
    text = str(compiled.program)
    large = [line for line in text.splitlines() if "transpose" in line and "20" in line]
    assert "gather" in text and not large


def test_positions_out_of_range_are_still_errors():
    for n in (2, 8):
        with pytest.raises(IndexError):
            cd.compile(cd.vmap(lambda x, at: x.reshape(4, 3)[at], in_axes=(0, None)))(
                np.ones((n, 12)), np.array([0, 4])
            )
