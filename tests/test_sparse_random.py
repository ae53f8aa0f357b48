"""Sparse derivatives of functions put together at random, and of loops over single elements."""

from itertools import pairwise

import numpy as np
import pytest
from test_sparse import MODES

import cdiff as cd
from cdiff import _core

RNG = np.random.default_rng(7)


def loop_of_numbers(x):
    """A sum over single elements, as plain Python writes it."""
    total = 0.0
    for i in range(1, x.shape[0]):
        total = total + (x[i] - x[i - 1] ** 2) ** 2 + np.sin(x[i] * x[i - 1])
    return total


@pytest.mark.parametrize("n", [40, 90])  # below and above what is put together at once
def test_loops_over_single_elements(n):
    x = RNG.normal(size=n)
    found = cd.sparse_hessian(loop_of_numbers, verify=True).prepare(x)
    assert found.nnz == 3 * n - 2
    np.testing.assert_allclose(found(x).toarray(), cd.hessian(loop_of_numbers)(x), rtol=1e-11)
    f = lambda x: [x[i] * x[i + 1] ** 2 - 3.0 * x[i + 2] for i in range(n - 2)]
    jac = cd.sparse_jacobian(f).prepare(x)
    x = RNG.normal(size=n)
    expected = cd.jacobian(lambda x: np.stack(f(x)))(x)
    np.testing.assert_allclose(jac(x).toarray(), expected, rtol=1e-12)
    assert (jac.values(x)[2::3] == -3.0).all()
    np.testing.assert_allclose(
        cd.jacobian(jac.values)(x), cd.jacobian(lambda x: dense_entries(f, jac, x))(x), atol=1e-12
    )


def dense_entries(f, prepared, x):
    return cd.jacobian(lambda x: np.stack(f(x)))(x)[prepared.structure]


@pytest.mark.parametrize("shape", [(100,), (10, 10), (2, 5, 10)])
def test_gradients_of_gradients_of_single_elements(shape):
    """Elements of an array of any shape, some of them read twice and some never."""
    places = [tuple(at) for at in np.argwhere(np.arange(100).reshape(shape) % 7)]
    x = RNG.normal(size=shape)

    def f(x):
        return sum((np.sin(x[a] * x[b]) for a, b in pairwise(places)), 0.0)

    def whole(x):
        flat = np.reshape(x, (-1,))[np.flatnonzero(np.arange(100) % 7)]
        return np.sum(np.sin(flat[1:] * flat[:-1]))

    v = RNG.normal(size=shape)
    for make in (
        lambda f: cd.grad(lambda x: np.sum(cd.grad(f)(x) * v))(x),
        lambda f: cd.hvp(f, (x,), (v,)),
        lambda f: cd.compile(cd.grad(f))(x),
    ):
        np.testing.assert_allclose(make(f), make(whole), rtol=1e-11, atol=1e-12)


def test_numbers_that_are_few():
    for x in (np.zeros(0), np.array([2.0, 2.0, -0.0, 0.0, np.inf, 2.0]), np.arange(64.0) % 63):
        distinct, slots = _core.few_numbers(x)
        assert distinct.size == len({v.tobytes() for v in x})
        np.testing.assert_array_equal(distinct[slots], x)
    assert _core.few_numbers(np.array([np.nan, np.nan]))[0].size == 1
    assert _core.few_numbers(np.arange(65.0)) is None
    with pytest.raises(ValueError, match="float64"):
        _core.few_numbers(np.arange(3))


def test_values_that_never_change():
    own, captured = np.arange(3.0), np.arange(3.0)
    own.flags.writeable = False
    program = cd.programs.record(lambda x: np.cos(own) * 2.0 + x * np.sin(captured), np.ones(3))
    fixed = _core.constant_values(program)
    for i, (op, _, _, operands, _) in enumerate(program.instructions()):
        assert program.instruction(i)[0] == op
        if op not in ("const", "leaf"):
            assert fixed[i] == all(fixed[k] for k in operands)
        else:
            assert not fixed[i] or op == "const"
    assert program.count_of("leaf") == 1 and not fixed[program.outputs].any()
    with pytest.raises(IndexError, match="instruction"):
        program.instruction(len(program))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("mode", MODES)
def test_random_sums_of_products(seed, mode):
    """Hessians of any pattern: sums of products of a few variables at random."""
    rng = np.random.default_rng(seed)
    n, terms = 25, int(rng.integers(5, 60))
    at = rng.integers(0, n, (terms, 3))
    c = rng.normal(size=terms)
    whole = lambda x: np.sum(c * x[at[:, 0]] * np.sin(x[at[:, 1]]) + np.cos(x[at[:, 2]]) * x[0])
    loop = lambda x: sum(
        (c[k] * x[i] * np.sin(x[j]) + np.cos(x[m]) * x[1] for k, (i, j, m) in enumerate(at[:12])),
        0.0,
    )
    x = rng.normal(size=n)
    for f in (whole, loop):
        found = cd.sparse_hessian(f, mode=mode, verify=True)(x).toarray()
        np.testing.assert_allclose(found, cd.hessian(f)(x), atol=1e-12)


def random_function(seed):
    """Slices, gathers, sums, products and elementwise functions put together at random."""
    steps = np.random.default_rng(seed).integers(0, 2**31, int(3 + seed % 6))

    def pick(r, values):
        a, b = (values[int(r.integers(len(values)))] for _ in range(2))
        n, half = min(a.shape[0], b.shape[0]), a.shape[0] // 2 * 2
        choices = [
            lambda: np.sin(a),
            lambda: a[1:] * a[:-1] if a.shape[0] > 1 else a * 2.0,
            lambda: a[::-1],
            lambda: np.concatenate([a[: half // 2] ** 2, b]),
            lambda: a[r.integers(0, a.shape[0], int(r.integers(1, 12)))],
            lambda: a[:n] * b[:n],
            lambda: a[:n] - 3.0 * b[:n],
            lambda: np.pad(a, (1, 2)) * 0.5,
            lambda: np.sum(a[:half].reshape(-1, 2), axis=1) if half else a,
            lambda: np.cumsum(a[:3]),
            lambda: np.where(a > 0, a, np.exp(a)),
            lambda: a[:half].reshape(2, -1).T.reshape(-1) - 1.0 if half else a,
            lambda: a[::2] / 2.0 + a.sum() * 0.1,
        ]
        return choices[int(r.integers(len(choices)))]()

    def f(x):
        values = [x]
        for step in steps:
            values.append(pick(np.random.default_rng(step), values))
        return np.concatenate(values[-2:])

    return f


@pytest.mark.parametrize("seed", range(60))
def test_random_functions(seed):
    f, x = random_function(seed), np.random.default_rng(seed).normal(size=2 + seed % 7) * 0.7
    mode = MODES[seed % 4]
    expected = cd.jacobian(f)(x)
    found = cd.sparse_jacobian(f, mode=mode)(x).toarray()
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
    assert ((np.abs(expected) > 1e-13) <= cd.sparsity(f, x, local=True).toarray()).all()
    g = lambda x: np.sum(np.sin(f(x)))
    hess = cd.hessian(g)(x)
    found = cd.sparse_hessian(g, mode=mode)(x).toarray()
    np.testing.assert_allclose(found, hess, rtol=1e-9, atol=1e-9 * (1 + np.abs(hess).max()))
