"""Sparsity patterns: every operator's rule against dense Jacobians, and what must not be dense.

The oracle is `cd.jacobian` at random points: an entry that is ever nonzero must be in the pattern;
for most functions the pattern is exactly those.
"""

import numpy as np
import pytest
import scipy.sparse

import cdiff as cd

RNG = np.random.default_rng(3)
INDEX = np.array([0, 1, 1, 2])
UPPER = np.triu(RNG.normal(size=(6, 6)), 3)
MASK = np.array([1.0, 0.0, 1.0, 0.0, 0.0, 1.0])
MASK.flags.writeable = False

EXACT = {
    "slices": lambda x: x[1:-1] * x[2:] - x[:-2],
    "negative step": lambda x: x[::-2] * x[1::2],
    "constant matrix": lambda x: UPPER @ x,
    "matrix on the right": lambda x: x @ UPPER,
    "gather": lambda x: x[INDEX] * x[INDEX[::-1]],
    "cumsum": np.cumsum,
    "convolve": lambda x: np.convolve(x, np.array([1.0, -2.0, 1.0])),
    "convolve valid": lambda x: np.convolve(x, np.array([1.0, -2.0, 1.0]), "valid"),
    "convolve both": lambda x: np.convolve(x[:2], x[2:], "same"),
    "correlate": lambda x: np.correlate(np.array([1.0, 2.0]), x**2),
    "cumsum backwards": lambda x: np.cumsum(x[::-1])[::-1],
    "product of matrices": lambda x: x.reshape(2, 3) @ x.reshape(3, 2),
    "stacked products": lambda x: np.matmul(x.reshape(3, 2, 1), x.reshape(3, 1, 2)),
    "sum over an axis": lambda x: x.reshape(2, 3).sum(axis=0),
    "sum": np.sum,
    "concatenate": lambda x: np.concatenate([x[:2], x[3:] ** 2]),
    "concatenate with constants": lambda x: np.concatenate([np.ones(2), x[:2], [0], x[4:]]),
    "concatenate along columns": lambda x: np.concatenate([x.reshape(2, 3), x.reshape(2, 3)], 1),
    "stack": lambda x: np.stack([x[0], x[3] * x[1], x[0]]),
    "numbers": lambda x: np.stack([x[0] * x[1] - 2.0, np.floor(x[2]) * x[3] + 0.0 * x[4], x[5]]),
    "floor": lambda x: np.floor(x) + x,
    "einsum": lambda x: np.einsum("ij,kj->ik", x.reshape(2, 3), x.reshape(2, 3)[:1]),
    "diagonal": lambda x: np.einsum("ii->i", x[:4].reshape(2, 2)),
    "einsum of batches": lambda x: np.einsum("bi,bi->b", x.reshape(3, 2), x.reshape(3, 2)),
    "solve": lambda x: np.linalg.solve(x[:4].reshape(2, 2) + 9 * np.eye(2), x[4:]),
    "inv": lambda x: np.linalg.inv(x[:4].reshape(2, 2) + 9 * np.eye(2)),
    "det": lambda x: np.linalg.det(x[:4].reshape(2, 2) + 9 * np.eye(2)),
    "prod": lambda x: np.prod(x[:3] + 2.0),
    "transpose": lambda x: x.reshape(2, 3).T,
    "cumprod": lambda x: np.cumprod(x + 3.0),
    "outer": lambda x: np.outer(x[:2], x[2:4]),
    "softmax": lambda x: cd.softmax(x[:3]),
    "norm": lambda x: np.linalg.norm(x.reshape(3, 2), axis=1),
    "constant mask": lambda x: x * MASK,
    "broadcasting": lambda x: x[:2, None] + x[2:4] * np.ones((3, 1, 2)),
    "repeat": lambda x: np.repeat(x[:2], 3) * 2.0,
    "pad": lambda x: np.pad(x[:3], 1),
    "assignment": lambda x: assigned(x),
    "stop_gradient": lambda x: cd.stop_gradient(x[::-1]) * x,
    "vmap": lambda x: cd.vmap(lambda row: np.stack([row @ row, row[0]]))(x.reshape(3, 2)),
    "where by a constant": lambda x: np.where(MASK > 0, x, x[::-1]),
}
INSIDE = {
    "scatter": lambda x: added(x),
    "where": lambda x: np.where(x > 0, x, 2 * x[::-1]),
    "sort": np.sort,
    "max": lambda x: x.reshape(2, 3).max(axis=1),
    "argmax": lambda x: x[np.argmax(x)],
    "cholesky": lambda x: np.linalg.cholesky(x[:4].reshape(2, 2) * 0.1 + 5 * np.eye(2)),
    "maximum": lambda x: np.maximum(x, x[::-1]),
    "scan": lambda x: cd.scan(lambda c, t: (c * t, c + t), x[0], x[1:])[1],
}
ALL = {**EXACT, **INSIDE}


def assigned(x):
    y = cd.array(np.zeros(6)) + 0.0 * x[0]
    y[1:4] = x[3:] ** 2
    return y


def added(x):
    y = cd.array(np.zeros(3)) * x[0]
    np.add.at(y, INDEX, x[:4])
    return y


def flat(f):
    return lambda *args: np.reshape(f(*args), (-1,))


def seen(f, points):
    return sum(abs(cd.jacobian(flat(f))(p)) for p in points) > 1e-13


@pytest.mark.filterwarnings("ignore::cdiff.SparsityWarning")
@pytest.mark.parametrize("name", ALL)
def test_the_pattern_holds_every_entry_that_is_ever_nonzero(name):
    f = ALL[name]
    found = cd.sparsity(f, RNG.normal(size=6)).toarray()
    ever = seen(f, [RNG.normal(size=6) for _ in range(20)])
    assert found.dtype == bool and found.shape == ever.shape
    assert (ever <= found).all()
    if name in EXACT:
        assert (ever == found).all()


@pytest.mark.filterwarnings("ignore::cdiff.SparsityWarning")
@pytest.mark.parametrize("name", ALL)
def test_a_local_pattern_holds_for_its_point(name):
    f, x = ALL[name], RNG.normal(size=6)
    local = cd.sparsity(f, x, local=True).toarray()
    assert (seen(f, [x]) <= local).all()
    assert (local <= cd.sparsity(f, x).toarray()).all()


@pytest.mark.parametrize(
    ("f", "count"),
    [
        (lambda x: np.where(x > 0, x, x[::-1]), 6),
        (lambda x: np.maximum(x, x[::-1]), 6),
        (lambda x: x.reshape(2, 3).max(axis=1), 2),
        (lambda x: np.array([0.0, 1.0] * 3) * x * x[::-1], 6),
        (lambda x: (x - x.max() * 0.0) * cd.relu(-np.abs(x)), 6),
        (np.sort, 6),
    ],
)
def test_local_patterns_leave_out_what_is_zero_at_the_point(f, count):
    assert cd.sparsity(f, np.array([3.0, -1.0, 2.0, 5.0, -4.0, 1.0]), local=True).nnz <= count


@pytest.mark.parametrize("name", ["slices", "softmax", "stacked products", "norm", "gather"])
def test_hessian_patterns(name):
    f = ALL[name]
    g = lambda x: np.sum(np.sin(flat(f)(x)))
    ever = sum(abs(cd.hessian(g)(RNG.normal(size=6))) for _ in range(10)) > 1e-13
    found = cd.sparsity(g, RNG.normal(size=6), kind="hessian").toarray()
    assert (ever <= found).all()
    assert (found == found.T).all()


def test_a_linear_chain_of_maps_costs_its_entries():
    n = 200_000
    f = lambda x: np.concatenate([x[::2], x[1::2]])[::-1].reshape(100, -1).T.reshape(-1)[:1000]
    found = cd.sparsity(f, np.zeros(n))
    assert found.shape == (1000, n) and found.nnz == 1000


def test_a_stencil_has_its_five_points():
    n = 40

    def f(u):
        u = np.pad(u.reshape(n, n), 1)
        total = 4 * u[1:-1, 1:-1] - u[2:, 1:-1] - u[:-2, 1:-1] - u[1:-1, 2:] - u[1:-1, :-2]
        return (total - np.exp(u[1:-1, 1:-1])).reshape(-1)

    line = scipy.sparse.diags_array([1.0, 2.0, 1.0], offsets=[-1, 0, 1], shape=(n, n))
    eye = scipy.sparse.eye_array(n)
    expected = (scipy.sparse.kron(line, eye) + scipy.sparse.kron(eye, line)).toarray() > 0
    assert (cd.sparsity(f, np.zeros(n * n)).toarray() == expected).all()


def test_calls_without_a_rule_are_dense_in_their_block_with_a_warning():
    @cd.custom_vjp
    def cube(x):
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, g: (3 * x**2 * g,))
    f = lambda x: np.concatenate([cube(x[:2]), x[2:]])
    with pytest.warns(cd.SparsityWarning, match="dense"):
        jac = cd.sparse_jacobian(f).prepare(np.ones(4))
    expected = np.eye(4, dtype=bool)
    expected[:2, :2] = True
    assert (jac.pattern.toarray() == expected).all()
    assert np.allclose(jac(np.arange(4.0)).toarray(), cd.jacobian(f)(np.arange(4.0)))
    blocks = lambda x: np.reshape(cd.vmap(cube)(x.reshape(3, 2)), (-1,))
    with pytest.warns(cd.SparsityWarning, match="3 blocks"):
        assert cd.sparse_jacobian(blocks).prepare(np.ones(6)).nnz == 12


def test_bad_input():
    with pytest.raises(ValueError, match="kind"):
        cd.sparsity(np.sin, np.ones(2), kind="gradient")
    with pytest.raises(TypeError, match="one number"):
        cd.sparsity(np.sin, np.ones(2), kind="hessian")
    with pytest.raises(MemoryError, match="entries"):
        cd.sparsity(lambda x: x * np.sum(x), np.ones(3_000_000))


def test_empty_and_constant():
    assert cd.sparsity(lambda x: x * 2, np.zeros(0)).shape == (0, 0)
    assert cd.sparsity(lambda x: np.ones(3), np.ones(2)).nnz == 0
