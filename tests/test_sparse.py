"""Sparse Jacobians and Hessians against dense ones, in all modes, formats and situations."""

import warnings

import numpy as np
import pytest
import scipy.sparse
from many_threads import in_threads
from test_sparse_pattern import ALL, flat

import cdiff as cd

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


def residuals(x):
    return x[1:] ** 2 * x[:-1] - np.sin(x[1:])


@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize("mode", MODES)
def test_a_row_and_a_column_from_one_direction(mode, form):
    """One color of a symmetric matrix: most entries are read as their mirror image."""
    for f in (lambda x: x[0] * x.sum(), lambda x: np.sin(x[3]) * (x @ np.arange(6.0))):
        x = RNG.normal(size=6)
        got = cd.sparse_hessian(f, mode=mode, format=form)(x)
        np.testing.assert_allclose(got.toarray(), cd.hessian(f)(x), rtol=1e-12, atol=1e-13)


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
    for at, message in ((9, r"to 9 do not fit into the 4 columns"), (-1, "from -1 to")):
        broken = scipy.sparse.csr_array(np.eye(3, 4) + np.eye(3, 4, k=1))
        broken.indices[3] = at
        with pytest.raises(ValueError, match=message):
            cd.sparse_jacobian(residuals, pattern=broken)(np.ones(4))
        with pytest.raises(ValueError, match=message):
            cd.sparse.color(broken)
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
            warnings.simplefilter("error")
            hessian = cd.sparse_hessian(lambda x, f=f: np.sum(f(x) ** 2), verify=True)(x)
        want = cd.hessian(lambda x, f=f: np.sum(f(x) ** 2))(x)
        np.testing.assert_allclose(hessian.toarray(), want, atol=1e-10)
        entries = (pattern.T @ pattern) > 0
        assert (hessian.toarray()[~entries] == 0).all() and hessian.nnz <= entries.sum()


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
    from cdiff._sparsity._values import Workspace

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

    in_threads(work)
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


@pytest.mark.parametrize("form", ["csr", "csc"])
def test_nobody_changes_the_structure_that_results_share(form):
    prepared = cd.sparse_jacobian(residuals, format=form).prepare(np.ones(5))
    x = np.array([0.0, 1.0, 2.0, 0.0, 4.0])
    first, found = prepared(x), prepared(x)
    with pytest.raises(ValueError, match="read-only"):
        found.eliminate_zeros()
    for out in (first, prepared(x), prepared(x, out=first)):
        np.testing.assert_allclose(out.toarray(), dense(residuals, x))
    copy = first.copy()
    copy.eliminate_zeros()
    assert copy.nnz < first.nnz and (copy.toarray() == first.toarray()).all()


def test_out_of_another_structure_with_as_many_entries():
    def f(x):
        return x[:2] * x[1:] if x[0] > 0 else np.stack([x[0] * x[2], x[2] * x[1]])

    prepared = cd.sparse_jacobian(f).prepare(np.ones(3))
    out = prepared(np.ones(3))
    with pytest.raises(ValueError, match="structure has changed"):
        prepared(-np.ones(3), out=out)
    x = np.array([-1.0, 2.0, 3.0])
    np.testing.assert_array_equal(prepared(x).toarray(), cd.jacobian(f)(x))


def looping(x):
    def step(c, r):
        c = c * r if c > 1.0 else c + r * x[0]
        return c, c

    return cd.scan(step, x[1], x)[1]


def going_round(x):
    step = lambda s: (s[0] * 2.0 if s[0] > 3.0 else s[0] + 1.0, s[1] + s[0] * x[0])
    return x * cd.while_loop(lambda s: s[0] < 10.0, step, (x[0], 0.0))[1]


@pytest.mark.filterwarnings("ignore::cdiff.SparsityWarning")
@pytest.mark.parametrize("f", [looping, going_round])
def test_a_loop_that_decides_otherwise_at_another_point(f):
    """It was an error that spoke of what no user has to know."""
    g = lambda x: np.sum(f(x) ** 2)
    points = np.random.default_rng(0).normal(scale=3.0, size=(6, 3))
    jacobian, hessian = cd.sparse_jacobian(f), cd.sparse_hessian(g)
    prepared = cd.sparse_jacobian(f).prepare(points[0])
    entries = cd.compile(lambda x: prepared.values(x))
    for x in [*points, *points]:
        want = cd.jacobian(f)(x)
        np.testing.assert_allclose(jacobian(x).toarray(), want, rtol=1e-12)
        np.testing.assert_allclose(prepared(x).toarray(), want, rtol=1e-12)
        np.testing.assert_allclose(np.sum(entries(x)), np.sum(want), rtol=1e-9)
        np.testing.assert_allclose(hessian(x).toarray(), cd.hessian(g)(x), rtol=1e-9)


def test_one_warning_for_operators_of_one_kind():
    """A function that goes through ten decompositions is not told ten times."""

    def f(x):
        for _ in range(10):
            x = np.linalg.eigvalsh(0.01 * np.outer(x, x) + np.diag(x))
        return x

    with pytest.warns(cd.SparsityWarning) as seen:
        cd.sparse_jacobian(f)(np.array([1.0, 2.0, 4.0]))
    said = [str(w.message) for w in seen if "eigvalsh" in str(w.message)]
    assert len(said) == 1 and said[0].endswith("; and 9 more of the kind")
    with pytest.warns(cd.SparsityWarning) as seen:
        cd.sparsity(f, np.array([1.0, 2.0, 4.0]))
    assert len([w for w in seen if "eigvalsh" in str(w.message)]) == 1
