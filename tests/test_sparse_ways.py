"""Ways to entries: how few directions are needed, and that dense derivatives are the same."""

import numpy as np
import pytest
from test_sparse import MODES, dense
from test_sparse_pattern import ALL

import cdiff as cd
from cdiff._sparsity import _program

RNG = np.random.default_rng(6)


@pytest.mark.filterwarnings("ignore::cdiff.SparsityWarning")
@pytest.mark.parametrize("mode", MODES)
def test_many_directions_run_as_lanes(mode, monkeypatch):
    monkeypatch.setattr(_program, "MOST_UNROLLED", 0)
    for name in ("slices", "softmax", "stacked products", "gather", "cumsum", "solve", "vmap"):
        f = ALL[name]
        x = RNG.normal(size=6)
        found = cd.sparse_jacobian(f, mode=mode, verify=True)(x).toarray()
        np.testing.assert_allclose(found, dense(f, x), rtol=1e-12, atol=1e-13)
    g = lambda x: np.sum(np.sin(x[1:] * x[:-1])) + np.exp(x[0] * x[5])
    x = RNG.normal(size=6)
    found = cd.sparse_hessian(g, mode=mode)(x).toarray()
    np.testing.assert_allclose(found, cd.hessian(g)(x), rtol=1e-12, atol=1e-13)


def test_a_residual_of_a_stencil_needs_one_direction():
    n = 20

    def f(u):
        u = np.pad(u.reshape(n, n), 1)
        total = 4 * u[1:-1, 1:-1] - u[2:, 1:-1] - u[:-2, 1:-1] - u[1:-1, 2:] - u[1:-1, :-2]
        return (total - np.exp(u[1:-1, 1:-1])).reshape(-1)

    prepared = cd.sparse_jacobian(f).prepare(np.zeros(n * n))
    assert sum(prepared.directions) == 1
    x = RNG.normal(size=n * n)
    np.testing.assert_allclose(prepared(x).toarray(), dense(f, x), atol=1e-14)


def test_blocks_of_mapped_functions_need_no_coloring():
    """gather, vmap of a small function, scatter: as in a bundle adjustment."""
    one = lambda c, p, w: w * np.stack([c @ np.concatenate([p, p[:1]]), c[0] * p[2]])
    rng = np.random.default_rng(0)
    n = 300
    at, where = rng.integers(0, 5, n), rng.integers(0, 40, n)
    f = lambda cams, points, w: (cd.vmap(one)(cams[at], points[where], w), 1 - w * w)
    args = rng.normal(size=(5, 4)), rng.normal(size=(40, 3)), rng.normal(size=n)
    prepared = cd.sparse_jacobian(f, argnums=(0, 1, 2)).prepare(*args)
    assert sum(prepared.directions) <= 3
    blocks = cd.jacobian(lambda *a: np.concatenate([np.reshape(f(*a)[0], (-1,)), f(*a)[1]]),
                         argnums=(0, 1, 2))(*args)  # fmt: skip
    expected = np.concatenate([b.reshape(3 * n, -1) for b in blocks], axis=1)
    np.testing.assert_allclose(prepared(*args).toarray(), expected, atol=1e-14)


def test_elements_of_a_mesh_are_assembled():
    rng = np.random.default_rng(1)
    nodes, cells = 50, rng.integers(0, 50, (400, 3))

    def energy(x):
        corner = x[cells]
        return np.sum(np.prod(corner, axis=1) + np.exp(corner[:, 0] * corner[:, 1]))

    x = rng.normal(size=nodes) * 0.3
    found = cd.sparse_hessian(energy, verify=True).prepare(x)
    assert sum(found.directions) <= 3
    np.testing.assert_allclose(found(x).toarray(), cd.hessian(energy)(x), atol=1e-12)


def test_symmetric_matrices_are_read_from_their_mirror_image():
    """A star coloring reads one value for two entries."""
    f = lambda x: np.sum(np.sin(x[:, 0]) * x[:, 1] ** 2 + np.cos(x[:, 0]) * np.exp(x[:, 2]))
    x = RNG.normal(size=(7, 3))
    whole = cd.sparsity(f, x, kind="hessian")
    prepared = cd.sparse_hessian(f, pattern=whole).prepare(x)  # which is not cut
    assert prepared.directions == (2, 0) and np.diff(whole.indptr).max() == 3
    np.testing.assert_allclose(prepared(x).toarray(), cd.hessian(f)(x).reshape(21, 21), atol=1e-14)
    f = lambda x: np.sum(x[::3] * (x[1::3] ** 2 + np.exp(x[2::3]))) + np.sum(x[:-3:3] * x[3::3])
    x = RNG.normal(size=30)
    prepared = cd.sparse_hessian(f, mode="fwd", verify=True).prepare(x)
    np.testing.assert_allclose(prepared(x).toarray(), cd.hessian(f)(x), atol=1e-14)
    arrow = lambda x: x[0] * np.sum(np.sin(x[1:])) + np.sum(x**3)
    prepared = cd.sparse_hessian(arrow, verify=True).prepare(x)
    assert sum(prepared.directions) <= 3
    np.testing.assert_allclose(prepared(x).toarray(), cd.hessian(arrow)(x), atol=1e-14)


def springs(x):
    return np.sum(np.exp(x[1:] - x[:-1]))


def by_substitution(n, **options):
    """A preparation of a tridiagonal Hessian: a star coloring needs three directions."""
    whole = cd.sparsity(springs, np.zeros(n), kind="hessian")
    return cd.sparse_hessian(springs, pattern=whole, **options).prepare(np.zeros(n))


@pytest.mark.parametrize("form", ["csr", "csc"])
def test_entries_by_substitution(form):
    prepared = by_substitution(30, format=form, verify=True)
    assert prepared.directions == (2, 0)
    for _ in range(3):
        x = RNG.uniform(-0.3, 0.3, 30)
        found = prepared(x)
        np.testing.assert_allclose(found.toarray(), cd.hessian(springs)(x), rtol=1e-12)
        assert (found.toarray() == found.toarray().T).all()
        assert prepared(x, out=found) is found
    assert prepared.directions == (2, 0)


@pytest.mark.parametrize("step", [0.0, 1e3, np.nan])
def test_lost_digits_are_seen_and_entries_read_directly_from_then_on(step):
    prepared = by_substitution(30)
    x = np.cumsum(RNG.uniform(-9.0, 9.0, 30))
    x[-1] += step  # with 1e3 one entry is infinite, and the others are not
    with np.errstate(all="ignore"):
        expected = cd.hessian(springs)(x)
        for out in (None, prepared(np.zeros(30))):
            found = prepared(x, out=out).toarray()
            np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert prepared.directions == (3, 0)


def test_substitution_is_not_used_where_it_would_not_do():
    single = np.zeros(30, np.float32)
    whole = cd.sparsity(springs, single, kind="hessian")
    assert cd.sparse_hessian(springs, pattern=whole).prepare(single).directions == (3, 0)
    assert by_substitution(300).directions == (3, 0)  # too many subtractions in a row
    prepared, x = by_substitution(12), RNG.uniform(-0.3, 0.3, 12)
    entries = cd.compile(prepared.values)(x)
    np.testing.assert_allclose(entries, cd.hessian(springs)(x)[prepared.structure], rtol=1e-12)


def test_rows_and_columns_together():
    """A border of two dense rows and two dense columns around a diagonal."""

    def f(x):
        body = np.sin(x[2:]) * x[0] + x[1] ** 2 * x[2:]
        return np.concatenate([np.stack([np.prod(np.cos(x)), np.sum(x**3) * x[0]]), body])

    x = RNG.normal(size=60)
    whole = cd.sparsity(f, x)
    for mode in ("auto", "mixed"):
        prepared = cd.sparse_jacobian(f, mode=mode, pattern=whole).prepare(x)
        assert sum(prepared.directions) <= 5 and min(prepared.directions) >= 2
        np.testing.assert_allclose(prepared(x).toarray(), dense(f, x), rtol=1e-12, atol=1e-13)


def test_arrow_matrices_take_dense_lines_the_other_way():
    def f(x):
        return np.concatenate([np.reshape(np.sum(np.sin(x)), (1,)), x[1:] ** 2 + x[0]])

    x = RNG.normal(size=200)
    prepared = cd.sparse_jacobian(f, mode="mixed").prepare(x)
    assert sum(prepared.directions) <= 3
    np.testing.assert_allclose(prepared(x).toarray(), dense(f, x))
