"""Jacobians in one pass: many directions or cotangents at once, beside one at a time."""

import gc
import tracemalloc

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp

RANDOM = np.random.default_rng(7)
X = RANDOM.uniform(0.5, 1.5, 6)
T = np.linspace(0.1, 2.0, 9)
M = RANDOM.uniform(0.5, 1.5, (4, 6))
MODES = ("fwd", "rev", "auto")


def in_place(x):
    y = x * 2.0
    y[1:3] = x[2:4] * x[0]
    y[0] += y[5]
    return y


def looped(x):
    total = x[0]
    for k in range(1, 6):
        total = total * 0.5 + np.sin(x[k]) * x[k - 1]
    return total


FUNCTIONS = {
    "elementwise": lambda x: np.exp(x) * np.sin(x) / (1.0 + x * x),
    "model": lambda x: x[0] * np.exp(-x[1] * T) + x[2] * T ** x[3] - x[4] / (x[5] + T),
    "shared operand": lambda x: x * x + x - x * 3.0,
    "parameter twice": lambda x: (x[0] * T + x[1]) * np.exp(-x[0] * T) / x[1],
    "constant term": lambda x: x[0] + T * 0.0 + x[3],
    "product of a number": lambda x: x[2] * T,
    "difference": lambda x: T - x[1],
    "scalar": lambda x: (x * x).sum() * x[0],
    "scalars": looped,
    "sum along axes": lambda x: (x[:, None] * x[None, :]).sum(axis=1),
    "outer": lambda x: x[:, None] * x[None, :3],
    "broadcast": lambda x: x.reshape(2, 3) * x[:3] + x[3:5].reshape(2, 1),
    "matmul": lambda x: M @ np.sqrt(x),
    "matrix": lambda x: x.reshape(2, 3) @ x.reshape(3, 2),
    "transposed": lambda x: x.reshape(2, 3).T * 2.0,
    "reversed": lambda x: x[::-1] * x,
    "steps": lambda x: x[1::2] * x[::2],
    "gathered": lambda x: x[np.array([0, 0, 3, 5])] ** 2,
    "masked": lambda x: x[X > 1.0] * x[0],
    "concatenated": lambda x: np.concatenate([x[:2] * x[3], x, 2.0 * x[4:], np.ones(2)]),
    "stacked": lambda x: np.stack([x[0] * x[1], x[2], np.sin(x[3]) * x[5], x[0]]),
    "listed": lambda x: cnp.array([x[0] * x[1], 3.0, x[2]]),
    "joined rows": lambda x: np.concatenate([x.reshape(2, 3), x[:3].reshape(1, 3) * x[5]]),
    "joined columns": lambda x: np.concatenate([x.reshape(3, 2), x[:3].reshape(3, 1)], axis=1),
    "where": lambda x: np.where(x > 1.0, x * x, np.exp(x)),
    "prod": lambda x: np.cumsum(x) * x.prod() + x.max() - x.min(),
    "in place": in_place,
    "identity": lambda x: x,
    "part of the argument": lambda x: x[2:4],
    "element": lambda x: x[3],
    "constant": lambda x: x.detach() * 2.0,
    "single precision inside": lambda x: (x.astype(np.float32) * x[0].astype(np.float32)) * 1.0,
    "einsum": lambda x: np.einsum("ij,kj->ik", x.reshape(2, 3), x.reshape(2, 3) ** 2),
    "solve": lambda x: np.linalg.solve(np.eye(3) * 5.0 + x[:3, None] * x[None, 3:], x[:3]),
}


def one_by_one(f, x):
    """Column by column with jvp."""
    units = np.eye(x.size).reshape(x.size, *x.shape)
    columns = [cd.jvp(f, (x,), (unit,))[1] for unit in units]
    return np.stack([np.asarray(c) for c in columns], axis=-1).reshape(
        np.shape(columns[0]) + x.shape
    )


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("mode", MODES)
def test_same_as_one_direction_at_a_time(name, mode):
    f = FUNCTIONS[name]
    matrix = cd.jacobian(f, mode=mode)(X)
    expected = one_by_one(f, X)
    assert matrix.shape == expected.shape
    assert matrix.dtype == np.float64
    assert type(matrix) is np.ndarray
    precision = 1e-6 if name.startswith("single") else 1e-13
    np.testing.assert_allclose(matrix, expected, rtol=precision, atol=precision)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_inside_another_transformation(name):
    """Where the entries are tracked, the sweeps are recorded one by one."""
    if name.startswith("single"):
        pytest.skip("tested in double precision")
    f = FUNCTIONS[name]
    expected = cd.jacfwd(lambda x: np.sum(cd.jacfwd(f)(x) ** 2))(X)
    for mode in ("fwd", "rev"):
        inner = cd.jacobian(f, mode=mode)
        np.testing.assert_allclose(
            cd.grad(lambda x, inner=inner: np.sum(inner(x) ** 2))(X), expected, rtol=1e-11
        )


@pytest.mark.parametrize("mode", MODES)
def test_several_arguments_and_containers(mode):
    def f(p, q):
        return {"a": p["w"] * q, "b": (p["v"] + q[0], 3.0), "c": p["w"] @ q}

    p, q = {"w": X[:3], "v": 0.5}, X[3:]
    found = cd.jacobian(f, argnums=(0, 1), mode=mode)(p, q)
    np.testing.assert_allclose(found["a"][0]["w"], np.diag(q))
    np.testing.assert_array_equal(found["a"][0]["v"], np.zeros(3))
    np.testing.assert_allclose(found["a"][1], np.diag(p["w"]))
    assert found["b"][0][0]["v"] == 1.0
    np.testing.assert_array_equal(found["b"][0][1], [1.0, 0.0, 0.0])
    np.testing.assert_array_equal(found["b"][1][0]["w"], np.zeros(3))
    np.testing.assert_allclose(found["c"][0]["w"], q)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("layout", ["numerator", "denominator"])
def test_shapes_and_types(mode, layout):
    def jacobian(f):
        return cd.jacobian(f, mode=mode, layout=layout)

    assert jacobian(lambda x: x * x)(3.0) == 6.0
    assert type(jacobian(lambda x: x * x)(3.0)) is float
    np.testing.assert_array_equal(jacobian(lambda x: x * np.ones(2))(3.0), [1.0, 1.0])
    single = jacobian(lambda x: x * x)(np.ones((2, 1), np.float32))
    assert single.dtype == np.float32
    assert single.shape == (2, 1, 2, 1)
    assert jacobian(lambda x: x[:0] * 2.0)(X).shape == ((0, 6) if layout == "numerator" else (6, 0))
    assert jacobian(lambda x: x * 2.0)(np.ones((2, 0))).shape == (2, 0, 2, 0)
    assert isinstance(jacobian(lambda x: x * x)(cd.array(X)), cd.Array)
    assert jacobian(lambda x: x.reshape(6))(np.asfortranarray(M[:2, :3])).shape == (
        (6, 2, 3) if layout == "numerator" else (2, 3, 6)
    )


@pytest.mark.parametrize("mode", MODES)
def test_zero_absorbs(mode):
    f = cd.jacobian(lambda x: np.where(x > 0.0, np.sqrt(x), 0.0) * x[0], mode=mode)
    found = f(np.array([2.0, 0.0]))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, [[1.5 * np.sqrt(2.0), 0.0], [0.0, 0.0]])


def test_more_directions_than_one_pass():
    n = 3000
    x = np.linspace(0.0, 1.0, n)
    matrix = cd.jacfwd(lambda x: np.sin(x) * x[0] + np.concatenate([x[1:], x[:1]]))(x)
    expected = np.diag(np.cos(x) * x[0]) + np.roll(np.eye(n), 1, axis=1)
    expected[:, 0] += np.sin(x)
    np.testing.assert_allclose(matrix, expected, atol=1e-15)


def test_many_outputs_made_one_by_one():
    def f(x):
        return cnp.array([x[k % 6] * x[(k + 1) % 6] for k in range(400)])

    np.testing.assert_allclose(cd.jacfwd(f)(X), cd.jacrev(f)(X), rtol=1e-15)


def test_large_arrays():
    t = np.linspace(0.0, 1.0, 100_000)
    matrix = cd.jacobian(lambda b: b[0] * np.exp(-b[1] * t) + b[2])(np.array([2.0, 3.0, 4.0]))
    e = np.exp(-3.0 * t)
    np.testing.assert_allclose(matrix, np.stack([e, -2.0 * t * e, np.ones_like(t)], axis=1))


def test_error_inside_a_rule_leaves_nothing_behind():
    def f(x):
        kept.append(np.sqrt(x) * x[0])
        return kept[-1][np.array([0, 1])]

    kept = []
    for _ in range(3):
        cd.jacfwd(f)(X)
        kept.clear()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(1000):
        cd.jacfwd(f)(X)
        cd.jacrev(f)(X)
        kept.clear()
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 5000


def test_results_do_not_share_memory():
    jacobian = cd.jacobian(lambda x: x * 2.0)
    first, second = jacobian(X), jacobian(X)
    first[:] = 0.0
    np.testing.assert_array_equal(second, 2.0 * np.eye(6))
    gradient = cd.grad(lambda x: (x * x).sum())
    first, second = gradient(X), gradient(X)
    first[:] = 0.0
    np.testing.assert_array_equal(second, 2.0 * X)
    x = X.copy()
    value, tangent = cd.jvp(lambda x: x, (x,), (x,))
    value[:] = 0.0
    tangent[:] = 0.0
    np.testing.assert_array_equal(x, X)


def test_argument_changed_while_the_function_runs():
    x = X.copy()

    def f(y):
        x[:] = 0.0
        return y * y

    np.testing.assert_allclose(cd.jacobian(f)(x), np.diag(2.0 * X))
    x[:] = X
    np.testing.assert_allclose(cd.grad(lambda y: f(y).sum())(x), 2.0 * X)
    x[:] = X
    np.testing.assert_allclose(cd.jvp(f, (x,), (np.ones(6),))[1], 2.0 * X)


def test_hessians_of_small_vectors():
    def f(x):
        return np.sum(np.sin(x) * x[::-1]) * x[0]

    np.testing.assert_allclose(cd.hessian(f)(X), cd.jacrev(cd.jacrev(f))(X), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(cd.hessian(f)(X) @ T[:6], cd.hvp(f, (X,), (T[:6],)), rtol=1e-12)


def test_gradient_of_arrays_and_floats_together():
    f = cd.value_and_grad(lambda a, x, b: a * (x * x).sum() + b, argnums=(0, 1, 2))
    value, (da, dx, db) = f(2.0, X, 5.0)
    assert value == 2.0 * float(X @ X) + 5.0
    assert type(da) is float
    assert da == pytest.approx(X @ X)
    np.testing.assert_allclose(dx, 4.0 * X)
    assert db == 1.0
    np.testing.assert_array_equal(cd.grad(lambda a, x: a * a, 1)(3.0, X), np.zeros(6))


def test_jvp_of_arrays_and_floats_together():
    value, tangent = cd.jvp(lambda a, x: a * x, (2.0, X), (1.0, T[:6]))
    np.testing.assert_allclose(value, 2.0 * X)
    np.testing.assert_allclose(tangent, X + 2.0 * T[:6])
    assert cd.jvp(lambda x: 3.0, (X,), (X,)) == (3.0, 0.0)
    assert cd.jvp(lambda x: (x[0], {"k": x[1] * 2.0}), (X,), (X,))[1] == (X[0], {"k": 2.0 * X[1]})
    with pytest.raises(ValueError, match="shape"):
        cd.jvp(lambda x: x, (X,), (X[:3],))
    with pytest.raises(TypeError, match="function"):
        cd.jvp(3.0, (X,), (X,))


@pytest.mark.parametrize("key", [..., (), None, (None, ...)])
def test_matrices_of_a_number_that_is_indexed(key):
    c = np.arange(1.0, 4.0)
    np.testing.assert_allclose(cd.jacobian(lambda x: x[key] ** 2 * c)(0.7), 1.4 * c)
    np.testing.assert_allclose(cd.hessian(lambda x: cnp.sum(x[key] ** 3 * c))(0.7), 4.2 * 6.0)
