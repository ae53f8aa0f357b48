"""Eigenvalues, singular values, QR and least squares: closed forms, equal values, singular points.

The cases of numpy_more_cases.py check these functions at points where all values differ.
"""

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp
from cdiff import _core
from cdiff.testing import check_grads

_rng = np.random.default_rng(11)
Q = np.linalg.qr(_rng.standard_normal((4, 4)))[0]
P = np.linalg.qr(_rng.standard_normal((4, 4)))[0]
W = np.array([1.0, 2.0, 2.0, 5.0])
TWICE = (Q * W) @ Q.T
TWICE = (TWICE + TWICE.T) / 2
B = _rng.standard_normal((4, 4))
B = B + B.T


def gradients(f, x):
    """The gradient in both modes and compiled, all of which must agree."""
    reverse = cd.grad(f)(x)
    forward = cd.jacfwd(f)(x)
    np.testing.assert_allclose(forward, reverse, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(cd.compile(cd.grad(f))(x), reverse, rtol=1e-9, atol=1e-9)
    return reverse


# ---------------------------------------------------------------- closed forms


def test_symmetric_functions_of_eigenvalues():
    a = B @ B.T + np.eye(4)
    inverse = np.linalg.inv(a)
    total = lambda power: lambda a: cnp.sum(cnp.linalg.eigvalsh(a) ** power)
    np.testing.assert_allclose(gradients(total(1), a), np.eye(4), atol=1e-12)
    np.testing.assert_allclose(gradients(total(2), a), 2 * a, atol=1e-9)
    logdet = lambda a: cnp.sum(cnp.log(cnp.linalg.eigvalsh(a)))
    np.testing.assert_allclose(gradients(logdet, a), inverse, atol=1e-10)
    # The second derivative along T: -inv(A) T inv(A), by the eigenvalues' own second derivatives.
    change = cd.jvp(cd.grad(logdet), (a,), (B,))[1]
    np.testing.assert_allclose(change, -inverse @ B @ inverse, atol=1e-9)


def test_matrix_function_by_eigh():
    """exp of a matrix and its Frechet derivative, by the integral of Duhamel."""
    a = B / 4

    def exponential(a):
        w, v = cnp.linalg.eigh(a)
        return cnp.matmul(v * cnp.exp(w), v.T)

    direction = np.diag([1.0, 0.0, -1.0, 2.0]) + 0.5
    got = cd.jvp(exponential, (a,), (direction,))[1]
    nodes, weights = np.polynomial.legendre.leggauss(20)
    e = lambda s: np.asarray(exponential(s * a))
    want = sum(w / 2 * e((1 + t) / 2) @ direction @ e((1 - t) / 2)
               for t, w in zip(nodes, weights, strict=True))  # fmt: skip
    np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-11)


def test_largest_singular_value():
    a = _rng.standard_normal((5, 3))
    u, _, vt = np.linalg.svd(a)
    want = np.outer(u[:, 0], vt[0])
    np.testing.assert_allclose(gradients(lambda a: cnp.linalg.svdvals(a)[0], a), want, atol=1e-12)
    np.testing.assert_allclose(gradients(lambda a: cnp.linalg.norm(a, 2), a), want, atol=1e-12)


def test_eigenvalues_of_a_triangular_matrix():
    a = np.triu(_rng.standard_normal((4, 4)), 1) + np.diag([4.0, 1.0, -2.0, 0.5])
    jacobian = cd.jacobian(cnp.linalg.eigvals)(a)
    for k in range(4):
        np.testing.assert_allclose(np.tril(jacobian[k], 0), np.tril(jacobian[k]), atol=0)
        assert jacobian[k, k, k] == pytest.approx(1.0)
    np.testing.assert_allclose(jacobian.sum(0), np.eye(4), atol=1e-12)


def test_roots_move_as_implicit_differentiation_says():
    p = np.poly([3.0, 1.0, -2.0])
    r = np.roots(p)
    jacobian = cd.jacobian(cnp.roots)(p)
    want = -np.vander(r, 4) / np.polyval(np.polyder(p), r)[:, None]
    np.testing.assert_allclose(jacobian, want, rtol=1e-9)


def test_least_squares_by_the_normal_equations():
    a, b = _rng.standard_normal((6, 3)), _rng.standard_normal(6)
    normal = lambda a, b: cnp.sum(cnp.linalg.solve(a.T @ a, a.T @ b) ** 2)
    direct = lambda a, b: cnp.sum(cnp.linalg.lstsq(a, b)[0] ** 2)
    for k in (0, 1):
        got, want = (cd.grad(f, argnums=k)(a, b) for f in (direct, normal))
        np.testing.assert_allclose(got, want, rtol=1e-9)


# ---------------------------------------------------------------- equal values


@pytest.mark.parametrize("power", [1, 2, 3])
def test_first_derivative_at_equal_eigenvalues(power):
    f = lambda a: cnp.sum(cnp.linalg.eigvalsh(a) ** power)
    want = power * np.linalg.matrix_power(TWICE, power - 1)
    np.testing.assert_allclose(gradients(f, TWICE), want, atol=1e-9)
    np.testing.assert_allclose(gradients(f, np.eye(4)), power * np.eye(4), atol=1e-12)


def test_single_values_may_be_differentiated_beside_equal_ones():
    top = lambda a: cnp.linalg.eigvalsh(a)[-1]
    np.testing.assert_allclose(gradients(top, TWICE), np.outer(Q[:, 3], Q[:, 3]), atol=1e-10)
    # Forward mode cannot know that the vectors are not used, reverse mode can.
    slope = cd.grad(lambda a: cnp.linalg.eigh(a)[0][-1])(TWICE)
    np.testing.assert_allclose(slope, np.outer(Q[:, 3], Q[:, 3]), atol=1e-10)
    vector = lambda a: cnp.sum(cnp.linalg.eigh(a)[1][:, -1] ** 2 * np.arange(4.0))
    assert np.isfinite(cd.grad(vector)(TWICE)).all()


def test_first_derivative_at_equal_singular_values():
    a = (Q * W) @ P.T
    np.testing.assert_allclose(gradients(lambda a: cnp.sum(cnp.linalg.svdvals(a)), a), Q @ P.T,
                               atol=1e-10)  # fmt: skip
    nuclear = lambda a: cnp.linalg.norm(a, "nuc")
    np.testing.assert_allclose(gradients(nuclear, a), Q @ P.T, atol=1e-10)


@pytest.mark.parametrize(
    "f",
    [
        lambda a: cnp.sum(cnp.linalg.eigh(a)[1] * B),
        lambda a: cnp.sum(cnp.linalg.svd(a)[0] * B),
        lambda a: cnp.sum(cnp.linalg.svd(a).U @ cnp.linalg.svd(a).Vh * B),
    ],
)
def test_vectors_of_equal_values_raise(f):
    message = "vectors that belong to equal values have no derivative"
    with pytest.raises(np.linalg.LinAlgError, match=message):
        cd.grad(f)(TWICE)
    with pytest.raises(np.linalg.LinAlgError, match=message):
        cd.jvp(f, (TWICE,), (B,))
    apart = TWICE + 0.1 * B
    compiled = cd.compile(cd.grad(f))
    np.testing.assert_allclose(compiled(apart), cd.grad(f)(apart), rtol=1e-9)
    with pytest.raises(np.linalg.LinAlgError, match=message):
        compiled(TWICE)


SINGULAR = (Q * np.array([0.0, 0.0, 1.0, 4.0])) @ Q.T


def function_of(a, f):
    w, v = cnp.linalg.eigh(a)
    return cnp.sum(((v * f(w)) @ v.T) * B)


def rebuilt(a, f):
    u, s, vt = cnp.linalg.svd(a)
    return cnp.sum(((u * f(s)) @ vt) * B)


@pytest.mark.parametrize(
    ("f", "a"),
    [
        (lambda a: function_of(a, lambda w: w), SINGULAR + SINGULAR.T),
        (lambda a: function_of(a, lambda w: w - 2.0), 2.0 * np.eye(4)),
        (lambda a: function_of(a, lambda w: cnp.maximum(w, 0.0)), np.diag([3.0, 1.0, 0.0, 0.0])),
        (lambda a: rebuilt(a, lambda s: s), SINGULAR),
        (lambda a: rebuilt(a, lambda s: s - 2.0), 2.0 * np.eye(4)),
        (lambda a: cnp.linalg.eigh(a)[0][-1], np.eye(4)),
    ],
)
def test_functions_of_matrices_that_vanish_at_equal_values_raise(f, a):
    """There the vectors have no cotangent, but the derivative is not that of the values alone."""
    with pytest.raises(np.linalg.LinAlgError, match="equal values"):
        cd.grad(f)(a)


def by_eigh(a, f):
    w, v = cnp.linalg.eigh(a)
    return (v * f(w)) @ cnp.conj(v.T)


def by_eig(a, f):
    w, v = cnp.linalg.eig(a)
    return (v * f(w)) @ cnp.linalg.inv(v)


def by_svd(a, f):
    u, s, vt = cnp.linalg.svd(a)
    return (u * f(s)) @ vt


HIDDEN = {  # what is put together, its function of the values, a matrix whose vectors are axes
    "eigh log": (by_eigh, cnp.log, np.eye(3)),
    "eigh zero": (by_eigh, lambda w: w, np.zeros((3, 3))),
    "eigh beside another": (by_eigh, lambda w: w - 1.0, np.diag([1.0, 1.0, 4.0])),
    "eigh complex": (by_eigh, lambda w: w - 1.0, np.eye(3) + 0j),
    "eig": (by_eig, lambda w: w - 2.0, np.diag([2.0, 2.0, 3.0])),
    "eig complex": (by_eig, lambda w: w - 2.0, np.diag([2.0, 2.0, 3.0j])),
    "svd": (by_svd, lambda s: s - 2.0, 2.0 * np.eye(3)),
    "svd zero": (by_svd, lambda s: s, np.zeros((3, 3))),
    "svd complex zero": (by_svd, lambda s: s, np.zeros((3, 3), complex)),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("entry", [[0, 1], [1, 0], "odd", "even"])
@pytest.mark.parametrize("name", HIDDEN)
def test_entries_whose_cotangents_vanish_at_equal_values_raise(name, entry, compiled):
    """The vectors of such matrices are axes, so entries beside the diagonal seem not to depend on
    values or vectors; they do. Differences of two of them are as hidden."""
    build, values, a = HIDDEN[name]
    weight = np.zeros((3, 3))
    if isinstance(entry, list):
        weight[tuple(entry)] = 1.0
    else:
        weight[0, 1], weight[1, 0] = 1.0, 1.0 if entry == "even" else -1.0
    f = lambda a: cnp.sum(cnp.real(build(a, values)) * weight)
    gradient = cd.compile(cd.grad(f)) if compiled else cd.grad(f)
    if entry == "odd" and (name == "svd" or name.startswith("eigh")):
        # These functions are Hermitian to first order.
        np.testing.assert_allclose(gradient(a), 0.0, atol=1e-12)
        return
    with pytest.raises(np.linalg.LinAlgError, match="equal values"):
        gradient(a)


@pytest.mark.parametrize("a", [np.eye(3), np.diag([1.0, 4.0, 1.0, 1.0]) * (1 + 0j),
                               np.zeros((5, 5)), np.stack([np.eye(3), np.diag([1.0, 2.0, 3.0])])])
def test_vectors_of_equal_values_are_turned_and_still_vectors(a):
    h = lambda x: np.conj(np.swapaxes(x, -1, -2))
    one = np.broadcast_to(np.eye(a.shape[-1]), a.shape)
    w, v = [x.numpy() for x in cnp.linalg.eigh(cd.array(a))]
    np.testing.assert_allclose(h(v) @ v, one, atol=1e-14)
    np.testing.assert_allclose(a @ v, v * w[..., None, :], atol=1e-14)
    u, s, vt = [x.numpy() for x in cnp.linalg.svd(cd.array(a))]
    np.testing.assert_allclose((u * s[..., None, :]) @ vt, a, atol=1e-14)
    np.testing.assert_allclose(h(u) @ u, one, atol=1e-14)
    np.testing.assert_allclose(vt @ h(vt), one, atol=1e-14)
    w, v = [x.numpy() for x in cnp.linalg.eig(cd.array(a))]
    np.testing.assert_allclose(a @ v, v * w[..., None, :], atol=1e-14)
    np.testing.assert_allclose(np.linalg.norm(v, axis=-2), 1.0, rtol=1e-14)
    assert np.linalg.cond(v).max() < 100.0
    top = np.take_along_axis(v, np.abs(v).argmax(-2)[..., None, :], -2)
    np.testing.assert_allclose(top.imag, 0.0, atol=1e-15)
    assert all(np.abs(x).min() > 1e-3 for x in (u, vt)) or len(a) != 5


def test_vectors_of_values_that_differ_are_numpys():
    for a in (B + B.T, B + 1j * B.T):
        for f in (cnp.linalg.eigh, cnp.linalg.eig, cnp.linalg.svd):
            for x, y in zip(f(cd.array(a)), getattr(np.linalg, f.__name__)(a), strict=True):
                np.testing.assert_allclose(x.numpy(), y, rtol=0, atol=2e-14)


@pytest.mark.parametrize("a", [TWICE @ TWICE.T, 3.0 * np.eye(4)])
def test_smooth_functions_of_equal_values_are_exact(a):
    inverse = np.linalg.inv(a)
    for values in (cnp.linalg.eigvalsh, lambda a: cnp.linalg.eigh(a)[0]):
        logdet = lambda a: cnp.sum(cnp.log(values(a)))  # noqa: B023
        np.testing.assert_allclose(cd.grad(logdet)(a), inverse, rtol=1e-9, atol=1e-9)
        det = lambda a: cnp.prod(values(a))  # noqa: B023
        want = np.linalg.det(a) * inverse
        np.testing.assert_allclose(cd.grad(det)(a), want, rtol=1e-9, atol=1e-9)
        heat = lambda a: cnp.sum(cnp.exp(-values(a)))  # noqa: B023
        w, v = np.linalg.eigh(a)
        np.testing.assert_allclose(cd.grad(heat)(a), (v * -np.exp(-w)) @ v.T, atol=1e-9)
    energy = lambda a: cnp.sum(cnp.linalg.svd(a)[1] ** 2)
    np.testing.assert_allclose(cd.grad(energy)(a), 2 * a, rtol=1e-9, atol=1e-9)


def test_second_derivative_at_equal_eigenvalues_raises_rather_than_being_wrong():
    f = lambda a: cnp.sum(cnp.linalg.eigvalsh(a) ** 2)
    with pytest.raises(np.linalg.LinAlgError, match="equal values"):
        cd.jvp(cd.grad(f), (TWICE,), (B,))


def test_singular_vectors_of_rank_deficient_matrices():
    a = np.outer([1.0, 2.0, 3.0], [1.0, -1.0])
    with pytest.raises(np.linalg.LinAlgError, match="full rank"):
        cd.grad(lambda a: cnp.sum(cnp.linalg.svd(a, False)[0] ** 3))(a)
    top = gradients(lambda a: cnp.linalg.svdvals(a)[0], a)
    np.testing.assert_allclose(top, a / np.linalg.norm(a), atol=1e-12)


def test_pinv_of_a_rank_deficient_matrix_along_matrices_of_that_rank():
    x, y = np.array([1.0, 2.0, 3.0]), np.array([1.0, -1.0])
    check_grads(lambda x, y: cnp.linalg.pinv(cnp.outer(x, y)), (x, y), order=2)


def test_halves_of_a_symmetric_matrix_share_the_derivative():
    g = cd.grad(lambda a: cnp.linalg.eigvalsh(a)[0])(TWICE + 0.1 * B)
    np.testing.assert_allclose(g, g.T, atol=1e-14)


def test_complex_eigenvalues_of_a_real_matrix():
    rotation = np.array([[0.2, 1.5], [-1.0, 0.3]])
    for f in (lambda a: cnp.linalg.eigvals(a), lambda a: tuple(cnp.linalg.eig(a))):
        check_grads(f, (rotation,), order=2)
    # Their product is the determinant, whatever they are.
    for a in (rotation, np.abs(rotation)):
        f = cd.compile(cd.grad(lambda a: cnp.real(cnp.prod(cnp.linalg.eigvals(a)))))
        for point in (a, 2 * a, np.abs(a)):
            np.testing.assert_allclose(f(point), cd.grad(cnp.linalg.det)(point), rtol=1e-12)


# ---------------------------------------------------------------- dtypes and stacks


@pytest.mark.parametrize("name", ["eigvalsh", "svdvals", "pinv"])
def test_float32_and_stacks(name):
    a = np.stack([np.diag([1.0, 2.0, 4.0]), np.diag([3.0, 1.0, 0.5])]).astype(np.float32)
    g = cd.grad(lambda a: cnp.sum(getattr(cnp.linalg, name)(a)))(a)
    assert g.dtype == np.float32
    single = [cd.grad(lambda a: cnp.sum(getattr(cnp.linalg, name)(a)))(x) for x in a]
    np.testing.assert_allclose(g, single, rtol=1e-5)


def test_integer_divisors_are_real_numbers_in_every_order():
    """1 / b of integers, as the partial of a / b, is not NumPy's whole reciprocal."""
    x, b = np.array([1.0, 2.0, 3.0]), np.array([3, 2, 4])
    f = lambda x: np.sum((x / b) ** 2)
    np.testing.assert_allclose(cd.hessian(f)(x), np.diag(2.0 / b**2))
    np.testing.assert_allclose(cd.compile(cd.hessian(f))(x), np.diag(2.0 / b**2))
    f = lambda x: np.sum((b / x) ** 2)
    np.testing.assert_allclose(cd.hessian(f)(x), np.diag(6.0 * b**2 / x**4))


# ---------------------------------------------------------------- many matrices

STACKABLE = {
    "eigh": lambda a: cnp.linalg.eigh(a + a.T)[1] ** 2 @ np.arange(4.0),
    "eigvalsh": lambda a: cnp.linalg.eigvalsh(a + a.T),
    "svd": lambda a: (lambda u, s, vt: (u * s**2) @ vt)(*cnp.linalg.svd(a)),
    "svdvals": cnp.linalg.svdvals,
    "eig": lambda a: cnp.real(cnp.linalg.eig(a)[1] ** 2),
    "eigvals": lambda a: cnp.real(cnp.linalg.eigvals(a) ** 3),
    "qr": lambda a: cnp.linalg.qr(a)[1],
    "pinv": lambda a: cnp.linalg.pinv(a[:3]),
}


@pytest.mark.parametrize("name", STACKABLE)
def test_mapped_decompositions_are_those_of_a_stack(name, monkeypatch):
    """One call for all points, forward and reverse; the same numbers as point by point."""
    f = STACKABLE[name]
    loss = lambda a: cnp.sum(cnp.sin(f(a)))
    points = np.stack([np.diag([1.0, 2.0, 4.0, 7.0]) + 0.2 * k * B for k in (1, 2, -1)])
    tangent = np.ones((4, 4)) + B
    for g in (
        f,
        cd.grad(loss),
        lambda a: cd.jvp(f, (a,), (tangent,))[1],
        lambda a: cd.jvp(cd.grad(loss), (a,), (tangent,))[1],
    ):
        want = np.stack([g(a) for a in points])
        np.testing.assert_allclose(cd.vmap(g)(points), want, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(cd.compile(cd.vmap(g))(points), want, rtol=1e-8, atol=1e-8)
    twice = cd.vmap(cd.vmap(f))(np.stack([points, points + 0.1]))
    np.testing.assert_allclose(twice[0], cd.vmap(f)(points), rtol=1e-10, atol=1e-10)


def test_values_and_vectors_come_from_one_call(monkeypatch):
    calls = []
    for own in ("symmetric_eigen", "reduced_svd"):
        monkeypatch.setattr(_core, own, lambda a: None)
    for name in ("eigh", "eigvalsh", "svd"):
        original = getattr(np.linalg, name)
        counted = lambda *args, name=name, original=original, **kwargs: (
            calls.append(name) or original(*args, **kwargs)
        )
        monkeypatch.setattr(np.linalg, name, counted)
    a = np.diag([1.0, 2.0, 4.0, 7.0]) + 0.1 * (B + B.T)
    values = cnp.linalg.eigvalsh
    x = cd.array(a, requires_grad=True)
    cnp.sum(values(x) ** 3).backward()
    np.testing.assert_allclose(x.grad.numpy(), 3.0 * a @ a, rtol=1e-10)
    assert calls == ["eigh"]
    calls.clear()
    z = x.copy()
    y = values(z)
    z[0, 0] = 9.0  # the vectors that were kept are those of the matrix as it was
    x.zero_grad()
    cnp.sum(y**2).backward()
    np.testing.assert_allclose(x.grad.numpy(), 2.0 * a, rtol=1e-10)
    assert calls == ["eigh"]
    calls.clear()
    values(cd.array(a))
    cnp.sum(cnp.linalg.svdvals(cd.array(a, requires_grad=True))).backward()
    assert calls == ["eigvalsh", "svd"]


# ---------------------------------------------------------------- shorter ways to a cotangent

VALUES_ALONE = {
    "eigh": (lambda a: cnp.linalg.eigh(a)[0], cnp.linalg.eigvalsh),
    "svd": (lambda a: cnp.linalg.svd(a)[1], cnp.linalg.svdvals),
}


@pytest.mark.parametrize("matrix", [B, B + 1j * (Q - Q.T)])
@pytest.mark.parametrize("name", VALUES_ALONE)
def test_values_whose_vectors_are_not_used(name, matrix, monkeypatch):
    """Their derivative is that of the values alone, in every order, and no gap is looked at."""
    by_all, by_values = VALUES_ALONE[name]
    weights = np.arange(1.0, 5.0)
    losses = [lambda a, f=f: cnp.sum(weights * cnp.sin(f(a))) for f in (by_all, by_values)]
    tangent = TWICE if matrix.dtype == float else TWICE + 1j * (P - P.T)
    for f in (
        lambda loss: cd.jvp(cd.grad(loss), (matrix,), (tangent,))[1],
        lambda loss: cd.compile(cd.grad(loss))(matrix),
    ):
        np.testing.assert_allclose(f(losses[0]), f(losses[1]), rtol=1e-9, atol=1e-12)

    def refused(*args):
        raise AssertionError("the gaps were asked for")

    monkeypatch.setattr("cdiff.numpy._decompositions.over_gaps", refused)
    np.testing.assert_allclose(cd.grad(losses[0])(matrix), cd.grad(losses[1])(matrix), rtol=1e-12)


@pytest.mark.parametrize("complex_too", [False, True])
@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5)])
def test_pinv_and_qr_of_any_shape(shape, complex_too):
    """Square, tall and wide: of full rank one or both projectors of the pseudo-inverse are 0."""
    random = np.random.default_rng(7)
    a = random.uniform(-1.0, 1.0, shape) + 2.0 * np.eye(*shape)
    a = a + 1j * random.uniform(-1.0, 1.0, shape) if complex_too else a
    for f in (cnp.linalg.pinv, lambda a: tuple(cnp.linalg.qr(a)), lambda a: cnp.linalg.qr(a)[1]):
        check_grads(f, (a,), order=2)
    loss = lambda a: cnp.sum(cnp.abs(cnp.linalg.pinv(a)) ** 2)
    np.testing.assert_allclose(cd.compile(cd.grad(loss))(a), cd.grad(loss)(a), rtol=1e-10)


def test_pinv_leaves_projectors_out_where_they_are_zero(monkeypatch):
    import cdiff.numpy._least_squares as least_squares

    ranks = []
    original = least_squares._rank
    monkeypatch.setattr(
        least_squares, "_rank", lambda a, p: ranks.append(original(a, p)) or ranks[-1]
    )
    loss = lambda a: cnp.sum(cnp.linalg.pinv(a) ** 2)
    cd.grad(loss)(np.vander(np.arange(1.0, 5.0)))
    cd.grad(loss)(np.outer([1.0, 2.0], [1.0, -1.0, 3.0]))
    np.testing.assert_allclose(ranks, [4.0, 1.0], atol=1e-8)
