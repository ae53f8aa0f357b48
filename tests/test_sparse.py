"""Sparse Jacobians and Hessians against dense ones, in all modes, formats and situations."""

import threading
import warnings
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse
from test_sparse_pattern import ALL, flat

import cdiff as cd
from cdiff import _core, _sparse_program

RNG = np.random.default_rng(5)
MODES = ("auto", "fwd", "rev", "mixed")


def dense(f, *args, argnums=0):
    return cd.jacobian(flat(f), argnums)(*args)


@pytest.mark.filterwarnings("ignore::cdiff.SparsityWarning")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ALL)
def test_jacobians(name, mode):
    f = ALL[name]
    prepared = cd.sparse_jacobian(f, mode=mode, verify=True).prepare(RNG.normal(size=6))
    for _ in range(3):
        x = RNG.normal(size=6)
        np.testing.assert_allclose(prepared(x).toarray(), dense(f, x), rtol=1e-12, atol=1e-13)


@pytest.mark.filterwarnings("ignore::cdiff.SparsityWarning")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", [name for name in ALL if name not in ("scan", "stop_gradient")])
def test_hessians(name, mode):
    f = flat(ALL[name])
    g = lambda x: np.sum(np.sin(f(x) * np.arange(1.0, 1 + f(np.ones(6)).size)))
    prepared = cd.sparse_hessian(g, mode=mode, verify=True).prepare(RNG.normal(size=6))
    x = RNG.normal(size=6)
    np.testing.assert_allclose(prepared(x).toarray(), cd.hessian(g)(x), rtol=1e-10, atol=1e-11)


@pytest.mark.filterwarnings("ignore::cdiff.SparsityWarning")
@pytest.mark.parametrize("mode", MODES)
def test_many_directions_run_as_lanes(mode, monkeypatch):
    monkeypatch.setattr(_sparse_program, "MOST_UNROLLED", 0)
    for name in ("slices", "softmax", "stacked products", "gather", "cumsum", "solve", "vmap"):
        f = ALL[name]
        x = RNG.normal(size=6)
        found = cd.sparse_jacobian(f, mode=mode, verify=True)(x).toarray()
        np.testing.assert_allclose(found, dense(f, x), rtol=1e-12, atol=1e-13)
    g = lambda x: np.sum(np.sin(x[1:] * x[:-1])) + np.exp(x[0] * x[5])
    x = RNG.normal(size=6)
    found = cd.sparse_hessian(g, mode=mode)(x).toarray()
    np.testing.assert_allclose(found, cd.hessian(g)(x), rtol=1e-12, atol=1e-13)


def residuals(x):
    return x[1:] ** 2 * x[:-1] - np.sin(x[1:])


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
def test_formats_store_the_structural_nonzeros(form):
    prepared = cd.sparse_jacobian(residuals, format=form).prepare(np.ones(5))
    found = prepared(np.zeros(5))
    assert found.format == form and found.nnz == prepared.nnz == 8
    assert isinstance(found, scipy.sparse.sparray)
    x = RNG.normal(size=5)
    rows, columns = prepared.structure
    again = scipy.sparse.coo_array((prepared.values(x), (rows, columns)), shape=prepared.shape)
    np.testing.assert_allclose(again.toarray(), dense(residuals, x))
    assert (prepared.pattern.toarray() == (dense(residuals, np.full(5, 0.7)) != 0)).all()


def test_results_share_structure_and_can_be_overwritten():
    prepared = cd.sparse_jacobian(residuals).prepare(np.ones(5))
    a, b = prepared(np.ones(5)), prepared(np.arange(5.0))
    assert not np.shares_memory(a.data, b.data)
    kept = a.data.copy()
    assert prepared(np.arange(5.0), out=a) is a
    assert (a.data == b.data).all() and not (a.data == kept).all()


def test_values_together_with_derivatives():
    value, jac = cd.sparse_jacobian(lambda x: {"r": residuals(x), "s": x.sum()}, has_value=True)(
        np.arange(4.0)
    )
    np.testing.assert_allclose(value["r"], residuals(np.arange(4.0)))
    assert value["s"] == 6.0 and jac.shape == (4, 4)
    value, hess = cd.sparse_hessian(lambda x: np.sum(x**3), has_value=True)(np.arange(3.0))
    assert value == 9.0
    np.testing.assert_allclose(hess.toarray(), np.diag(6 * np.arange(3.0)))


def test_containers_and_several_arguments():
    f = lambda p, t, q: [p["a"] * t, q[0] * p["b"].sum()]
    p = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, 4.0])}
    jac = cd.sparse_jacobian(f, argnums=(2, 0))
    expected = [[0, 5, 0, 0, 0], [0, 0, 5, 0, 0], [7, 0, 0, 2, 2]]
    np.testing.assert_allclose(jac(p, 5.0, (2.0,)).toarray(), expected)
    assert jac(p, 6.0, (2.0,)).toarray()[0, 1] == 6.0  # other floats are inputs


def test_lagrangians():
    c = lambda x: np.stack([x[0] * x[1], np.sum(x**3)])
    hess = cd.sparse_hessian(c, weighted=True)
    x, v = RNG.normal(size=3), np.array([2.0, -1.0])
    expected = cd.hessian(lambda x: v @ c(x))(x)
    np.testing.assert_allclose(hess(x, v).toarray(), expected)
    np.testing.assert_allclose(hess(x, 3 * v).toarray(), 3 * expected)
    with pytest.raises(ValueError, match="2 outputs"):
        hess(x, np.ones(3))
    with pytest.raises(TypeError, match="weights"):
        hess(x)


def test_another_path_is_prepared_again():
    f = lambda x: x[1:] * x[:-1] if x[0] > 0 else x[:-1] ** 2
    prepared = cd.sparse_jacobian(f).prepare(np.ones(3))
    for x in (np.array([1.0, 2.0, 3.0]), np.array([-1.0, 2.0, 3.0]), np.array([4.0, 2.0, 3.0])):
        np.testing.assert_allclose(prepared(x).toarray(), dense(f, x))


def test_surroundings_and_captured_arrays():
    scale, at, weights = [2.0], np.array([0, 1]), np.ones(2)

    def f(x):
        return x[at] * weights * scale[0]

    prepared = cd.sparse_jacobian(f).prepare(np.ones(3))
    for change in (lambda: scale.__setitem__(0, 3.0), lambda: at.__setitem__(1, 2),
                   lambda: weights.__setitem__(0, 9.0)):  # fmt: skip
        change()
        np.testing.assert_allclose(prepared(np.ones(3)).toarray(), dense(f, np.ones(3)))


def test_integer_arguments_belong_to_the_structure():
    f = lambda x, at: x[at] ** 2
    prepared = cd.sparse_jacobian(f).prepare(np.ones(4), np.array([0, 1]))
    for at in ([0, 1], [3, 3], [0, 2]):
        x = RNG.normal(size=4)
        np.testing.assert_allclose(prepared(x, np.array(at)).toarray(), dense(f, x, np.array(at)))


def test_constant_entries_are_not_computed_again():
    prepared = cd.sparse_jacobian(lambda x: 3.0 * x[1:] - x[:-1]).prepare(np.ones(100))
    program = prepared._plan.workspace.runner.program
    assert program.outputs == []
    assert prepared(RNG.normal(size=100)).sum() == pytest.approx(2.0 * 99)


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
    np.testing.assert_allclose(
        prepared(x).toarray(), cd.hessian(f)(x).reshape(21, 21), atol=1e-14
    )
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


def test_a_pattern_of_ones_own():
    right = scipy.sparse.csr_array(dense(residuals, np.full(6, 0.7)) != 0)
    x = RNG.normal(size=6)
    found = cd.sparse_jacobian(residuals, pattern=right)(x)
    np.testing.assert_allclose(found.toarray(), dense(residuals, x))
    wider = np.ones((5, 6), bool)
    np.testing.assert_allclose(
        cd.sparse_jacobian(residuals, pattern=wider)(x).toarray(), dense(residuals, x)
    )
    wrong = right.toarray()
    wrong[2, 3] = False
    with pytest.raises(ValueError, match="lacks entries"):
        cd.sparse_jacobian(residuals, pattern=wrong)(x)
    with pytest.raises(ValueError, match="shape"):
        cd.sparse_jacobian(residuals, pattern=right.T)(x)


def test_float32():
    x = np.linspace(0.5, 1.5, 4, dtype=np.float32)
    found = cd.sparse_jacobian(residuals)(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.toarray(), dense(residuals, x), rtol=1e-5)


def test_arrow_matrices_take_dense_lines_the_other_way():
    def f(x):
        return np.concatenate([np.reshape(np.sum(np.sin(x)), (1,)), x[1:] ** 2 + x[0]])

    x = RNG.normal(size=200)
    prepared = cd.sparse_jacobian(f, mode="mixed").prepare(x)
    assert sum(prepared.directions) <= 3
    np.testing.assert_allclose(prepared(x).toarray(), dense(f, x))


def test_dense_functions_say_so():
    with pytest.warns(cd.SparsityWarning, match=r"cd\.jacobian"):
        found = cd.sparse_jacobian(lambda x: x * np.sum(x))(np.ones(150))
    assert found.nnz == 150 * 150


def test_empty_and_constant_functions():
    assert cd.sparse_jacobian(lambda x: x * 2)(np.zeros(0)).shape == (0, 0)
    found = cd.sparse_jacobian(lambda x: np.arange(3.0))(np.ones(2))
    assert found.shape == (3, 2) and found.nnz == 0
    assert cd.sparse_jacobian(lambda x: x[:0])(np.ones(2)).shape == (0, 2)
    assert cd.sparse_hessian(lambda x: np.sum(x))(np.ones(3)).nnz == 0
    assert cd.sparse_hessian(lambda x: 1.0)(np.ones(3)).nnz == 0
    assert cd.sparse_jacobian(lambda x: x * x)(3.0).toarray() == [[6.0]]


def test_bad_input():
    jac = cd.sparse_jacobian(residuals)
    prepared = jac.prepare(np.ones(4))
    with pytest.raises(ValueError, match=r"float64\[4\], now float64\[5\]"):
        prepared(np.ones(5))
    assert jac(np.ones(5)).shape == (4, 5)  # the function itself takes any shape
    for options in ({"format": "bsr"}, {"mode": "sideways"}, {"argnums": ()}):
        with pytest.raises(ValueError, match=next(iter(options))):
            cd.sparse_jacobian(residuals, **options)
    with pytest.raises(TypeError, match="one number"):
        cd.sparse_hessian(residuals)(np.ones(3))
    with pytest.raises(TypeError, match="function"):
        cd.sparse_jacobian(3)
    with pytest.raises(TypeError, match="outer transformation"):
        cd.grad(lambda x: cd.sparse_jacobian(residuals)(x).sum())(np.ones(3))
    with pytest.raises(TypeError):
        cd.sparse_jacobian(lambda x: "text")(np.ones(3))
    for out in (
        cd.sparse_jacobian(residuals)(np.ones(6)),
        cd.sparse_jacobian(residuals, format="csc")(np.ones(4)),
        scipy.sparse.csr_array(np.tri(3, 4)),
        np.zeros((3, 4)),
    ):
        with pytest.raises(ValueError, match="earlier result"):
            prepared(np.ones(4), out=out)
    assert prepared(np.ones(4), out=prepared(np.zeros(4)).copy()).nnz == 6
    for pattern in ("abc", 3.0, [[1, 2], [3]]):
        with pytest.raises((TypeError, ValueError), match="pattern"):
            cd.sparse_jacobian(residuals, pattern=pattern)(np.ones(4))
        with pytest.raises(ValueError, match=r"matrix|shape"):
            cd.sparse.color(pattern)


@pytest.mark.filterwarnings("ignore::cdiff.SparsityWarning")
def test_complex_values_in_between():
    turn = np.exp(1j * np.arange(6.0))
    x = RNG.normal(size=6)
    for f in (
        lambda x: np.abs(np.fft.fft(x)) ** 2,
        lambda x: np.real(x * turn) * np.imag(x[::-1] * (1 + 2j)),
        lambda x: np.concatenate([np.real(x[:3] * turn[:3]), np.imag(np.exp(1j * x[3:]))]),
    ):
        np.testing.assert_allclose(
            cd.sparse_jacobian(f, verify=True)(x).toarray(), dense(f, x), atol=1e-12
        )
        g = lambda x, f=f: np.sum(f(x) ** 2)
        found = cd.sparse_hessian(g, verify=True)(x).toarray()
        np.testing.assert_allclose(found, cd.hessian(g)(x), rtol=1e-10, atol=1e-10)


def test_patterns_of_elementwise_complex_values_are_exact():
    """Without a warning, for nothing is dense."""
    turn, x = np.exp(1j * np.arange(6.0)), RNG.normal(size=6)
    for f, pattern in (
        (lambda x: np.real(x * turn) * np.imag(x[::-1] * (1 + 2j)), np.eye(6) + np.eye(6)[::-1]),
        (lambda x: np.abs(np.exp(1j * x) + np.conj(x * turn)), np.eye(6)),
        (lambda x: np.angle(x + 1j * np.roll(x, 1)), np.eye(6) + np.roll(np.eye(6), 1, 0)),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            jacobian = cd.sparse_jacobian(f, verify=True)(x)
        np.testing.assert_array_equal(cd.sparsity(f, x).toarray(), pattern.astype(bool))
        assert jacobian.nnz == pattern.sum()
        np.testing.assert_allclose(jacobian.toarray(), dense(f, x), atol=1e-12)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # parts that become complex again count as dense
            hessian = cd.sparse_hessian(lambda x, f=f: np.sum(f(x) ** 2), verify=True)(x)
        want = cd.hessian(lambda x, f=f: np.sum(f(x) ** 2))(x)
        np.testing.assert_allclose(hessian.toarray(), want, atol=1e-10)


def test_complex_inputs_and_outputs_are_refused():
    for f, x in ((residuals, np.ones(4) * 1j), (lambda x: x * 1j, np.ones(4))):
        with pytest.raises(TypeError, match="real functions"):
            cd.sparse_jacobian(f)(x)
        with pytest.raises(TypeError, match="real functions"):
            cd.sparsity(f, x)
        with pytest.raises(TypeError, match="real functions"):
            cd.sparse_hessian(lambda x, f=f: np.sum(f(x)))(x)


def test_memory_is_estimated_before_it_is_taken():
    with pytest.raises(MemoryError, match="entries"):
        cd.sparse_jacobian(lambda x: np.cumsum(x) * np.sum(x))(np.ones(2_000_000))


def test_the_random_check_finds_a_wrong_entry(monkeypatch):
    from cdiff._sparse_values import Workspace

    run = Workspace.run

    def wrong(self, inputs, data):
        values, entries = run(self, inputs, data)
        entries[2] += 0.5
        return values, entries

    monkeypatch.setattr(Workspace, "run", wrong)
    with pytest.raises(ValueError, match="fails its check"):
        cd.sparse_jacobian(residuals, verify=True)(np.ones(5))


def test_threads_share_a_preparation():
    prepared = cd.sparse_jacobian(residuals).prepare(np.ones(3000))
    points = [RNG.normal(size=3000) for _ in range(8)]
    expected = [prepared(x).data for x in points]
    wrong = []

    def work(k):
        found = [prepared(points[k]).data for _ in range(20)]
        wrong.extend(k for data in found if not (data == expected[k]).all())

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_values_under_other_transformations():
    prepared = cd.sparse_jacobian(residuals).prepare(np.ones(5))
    x = RNG.normal(size=5)
    entries = lambda x: dense(residuals, x)[prepared.structure]
    compiled = cd.compile(prepared.values)
    for point in (x, -x):
        np.testing.assert_allclose(compiled(point), entries(point))
    assert compiled.stats()["recordings"] == 1
    np.testing.assert_allclose(
        cd.jacobian(prepared.values)(x), cd.jacobian(lambda x: entries(x))(x), atol=1e-14
    )
    hess = cd.sparse_hessian(residuals, weighted=True).prepare(x, np.ones(4))
    slope = cd.grad(lambda v: np.sum(hess.values(x, v)))(np.ones(4))
    expected = [hess(x, e).sum() for e in np.eye(4)]
    np.testing.assert_allclose(slope, expected)
    turned = cd.sparse_jacobian(lambda x: x**3 if x[0] > 0 else x**2).prepare(np.ones(2))
    np.testing.assert_allclose(cd.jacobian(turned.values)(-np.ones(2)), 2 * np.eye(2))


def test_compiled_functions_and_methods():
    f = cd.compile(residuals)
    x = RNG.normal(size=5)
    np.testing.assert_allclose(cd.sparse_jacobian(f)(x).toarray(), dense(residuals, x))

    class Model:
        k = 2.0

        @cd.sparse_jacobian
        def jac(self, x):
            return x[1:] * x[:-1] * self.k

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = Model()
        with pytest.raises(TypeError):
            model.jac(x)  # argnums=0 is the instance
        assert cd.sparse_jacobian(lambda x: x * model.k)(x).diagonal()[0] == 2.0
        model.k = 5.0
        assert cd.sparse_jacobian(lambda x: x * model.k)(x).diagonal()[0] == 5.0
