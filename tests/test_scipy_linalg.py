"""`cdiff.scipy.linalg`: values, both modes, second order, compiled, against SciPy and differences.

Each case is a function of arrays that calls the module under test; the same call on plain arrays is
SciPy's own. It must not know how a derivative is computed.
"""

import numpy as np
import pytest
import scipy.linalg as sl
from scipy_checks import compiled_agrees, flat, loss_of, mapped_agrees, values_are_scipys

import cdiff as cd
import cdiff.scipy.linalg as csl
from cdiff.scipy._others import INSTEAD

rng = np.random.default_rng(5)
A = rng.normal(size=(3, 3)) + 3.0 * np.eye(3)
B = rng.normal(size=(3, 3)) - 4.0 * np.eye(3)
S = A @ A.T + np.eye(3)
Q = rng.normal(size=(3, 2))
V = rng.normal(size=3)
W = rng.normal(size=4)
STACK = np.stack([A, A.T + 1.0])
BAND = rng.normal(size=(4, 5)) + np.array([0.0, 0.0, 5.0, 0.0])[:, None]
HALF = rng.normal(size=(2, 5)) + np.array([0.0, 5.0])[:, None]
B5 = rng.normal(size=(5, 2))

CASES = {
    "solve": (csl.solve, (A, Q)),
    "solve vector": (csl.solve, (A, V)),
    "solve stack": (csl.solve, (STACK, Q)),
    "solve transposed": (lambda a, b: csl.solve(a, b, transposed=True), (A, Q)),
    "solve_triangular": (csl.solve_triangular, (A, Q)),
    "solve_triangular lower": (lambda a, b: csl.solve_triangular(a, b, lower=True, trans="T"),
                               (A, V)),
    "solve_triangular unit": (lambda a, b: csl.solve_triangular(a, b, unit_diagonal=True), (A, V)),
    "solve_banded": (lambda ab, b: csl.solve_banded((1, 2), ab, b), (BAND, B5)),
    "solve_banded vector": (lambda ab, b: csl.solve_banded((2, 1), ab[::-1], b), (BAND[::-1] * 1.0 +
                            np.array([0, 4.0, -4.0, 0])[:, None], B5[:, 0])),
    "solveh_banded": (csl.solveh_banded, (HALF, B5)),
    "solveh_banded lower": (lambda ab, b: csl.solveh_banded(ab, b, lower=True),
                            (HALF[::-1].copy(), B5)),
    "cholesky": (csl.cholesky, (S,)),
    "cholesky lower": (lambda a: csl.cholesky(a, lower=True), (S,)),
    "cho_solve": (lambda a, b: csl.cho_solve(csl.cho_factor(a), b), (S, Q)),
    "cho_solve lower": (lambda a, b: csl.cho_solve(csl.cho_factor(a, lower=True), b), (S, V)),
    "lu": (lambda a: csl.lu(a)[1:], (A,)),
    "lu tall": (lambda a: csl.lu(a)[1:], (Q,)),
    "lu wide": (lambda a: csl.lu(a, p_indices=True)[1:], (Q.T.copy(),)),
    "lu permuted": (lambda a: csl.lu(a, permute_l=True), (A[::-1].copy(),)),
    "lu_factor": (lambda a: csl.lu_factor(a)[0], (A[::-1].copy(),)),
    "lu_solve": (lambda a, b: csl.lu_solve(csl.lu_factor(a), b), (A[[1, 2, 0]], Q)),
    "lu_solve transposed": (lambda a, b: csl.lu_solve(csl.lu_factor(a), b, trans=1),
                            (A[[1, 2, 0]], V)),
    "expm": (csl.expm, (A / 3,)),
    "expm stack": (csl.expm, (STACK / 3,)),
    "logm": (csl.logm, (S,)),
    "sqrtm": (csl.sqrtm, (S,)),
    "cosm": (csl.cosm, (A,)),
    "sinm": (csl.sinm, (A,)),
    "tanm": (csl.tanm, (A / 5,)),
    "coshm": (csl.coshm, (A / 3,)),
    "sinhm": (csl.sinhm, (A / 3,)),
    "tanhm": (csl.tanhm, (A / 5,)),
    "fractional_matrix_power": (lambda a: csl.fractional_matrix_power(a, 0.3), (S,)),
    "expm_frechet": (lambda a, e: csl.expm_frechet(a, e), (A / 3, B / 3)),
    "solve_sylvester": (csl.solve_sylvester, (A, -B[:2, :2], Q)),
    "solve_continuous_lyapunov": (csl.solve_continuous_lyapunov, (A, B)),
    "solve_discrete_lyapunov": (csl.solve_discrete_lyapunov, (A / 5, B)),
    "toeplitz": (csl.toeplitz, (V, W)),
    "toeplitz symmetric": (csl.toeplitz, (V,)),
    "hankel": (csl.hankel, (V, W)),
    "hankel alone": (csl.hankel, (V,)),
    "circulant": (csl.circulant, (W,)),
    "companion": (csl.companion, (W,)),
    "convolution_matrix": (lambda a: [csl.convolution_matrix(a, 3, mode)
                                      for mode in ("full", "same", "valid")], (W,)),
    "convolution_matrix long": (lambda a: [csl.convolution_matrix(a, 7, mode)
                                           for mode in ("full", "same", "valid")], (W,)),
    "block_diag": (csl.block_diag, (A, Q, V)),
    "khatri_rao": (csl.khatri_rao, (Q, A[:, :2])),
    "solve_toeplitz": (lambda c, b: csl.solve_toeplitz(c, b), (np.array([5.0, 1.0, 0.5]), Q)),
    "det": (csl.det, (A,)),
    "inv": (csl.inv, (A,)),
    "inv pos": (lambda a: csl.inv(a, assume_a="pos"), (S,)),
    "norm": (lambda a: csl.norm(a, 1), (A,)),
}  # fmt: skip
for _kind in ("gen", "sym", "pos", "diagonal", "tridiagonal", "banded", "upper triangular",
              "lower triangular"):  # fmt: skip
    CASES[f"solve {_kind}"] = (lambda a, b, kind=_kind: csl.solve(a, b, assume_a=kind), (S, Q))
CASES["solve pos lower"] = (lambda a, b: csl.solve(a, b, assume_a="pos", lower=True), (S, V))


CASES["solve her"] = (lambda a, b: csl.solve(a, b, assume_a="her"), (S, V))

# --- decompositions

G = A.T @ A + 2.0 * np.eye(3)  # positive definite, the other matrix of generalised problems
X = rng.normal(size=(4, 3))
INDEFINITE = np.array([[0.1, 2.0, 0.5], [2.0, 0.2, 1.0], [0.5, 1.0, -3.0]])
for _type in (1, 2, 3):
    for _lower in (True, False):
        CASES[f"eigh {_type} {_lower}"] = (
            lambda a, b, t=_type, low=_lower: csl.eigh(a, b, type=t, lower=low), (A + A.T, G))
    CASES[f"eigvalsh {_type}"] = (lambda a, b, t=_type: csl.eigvalsh(a, b, type=t), (A + A.T, G))
CASES |= {
    "eigh": (csl.eigh, (S,)),
    "eigh subset": (lambda a: csl.eigh(a, subset_by_index=[1, 2]), (S,)),
    "eigh values": (lambda a: csl.eigh(a, lower=False, eigvals_only=True), (S,)),
    "eigvalsh subset": (lambda a: csl.eigvalsh(a, subset_by_index=(0, 1)), (S,)),
    "svd": (lambda a: csl.svd(a, full_matrices=False), (X,)),
    "svd values": (lambda a: csl.svd(a, compute_uv=False), (X,)),
    "svdvals": (csl.svdvals, (X.T.copy(),)),
    "pinv": (csl.pinv, (X,)),
    "pinvh": (csl.pinvh, (S,)),
    "lstsq": (lambda a, b: csl.lstsq(a, b)[:2], (X, W)),
    "lstsq matrix": (lambda a, b: csl.lstsq(a, b)[:2], (X, X * X)),
    "qr": (csl.qr, (A,)),
    "qr wide": (csl.qr, (X.T.copy(),)),
    "qr economic": (lambda a: csl.qr(a, mode="economic"), (X,)),
    "qr r": (lambda a: csl.qr(a, mode="r"), (X,)),
    "qr pivoting": (lambda a: csl.qr(a, mode="economic", pivoting=True)[:2], (X,)),
    "ldl": (lambda a: csl.ldl(a)[:2], (S,)),
    "ldl upper": (lambda a: csl.ldl(a, lower=False)[:2], (S,)),
    "ldl blocks": (lambda a: csl.ldl(a)[:2], (INDEFINITE,)),
    "ldl blocks upper": (lambda a: csl.ldl(a, lower=False)[:2], (INDEFINITE[::-1, ::-1],)),
}  # fmt: skip

# --- complex numbers: functions of complex matrices made of two real ones

J = rng.normal(size=(3, 3))
BANDJ = rng.normal(size=(4, 5))


def parts(y):
    """The real and imaginary parts of results, as SciPy gives them too."""
    flat = y if isinstance(y, (tuple, list)) else [y]
    return [part for x in flat for part in (np.real(x), np.imag(x))]


def both(f, *real):
    """f of complex matrices, as a function of their real and imaginary parts."""
    return lambda *args: parts(f(*[args[2 * k] + 1j * args[2 * k + 1]
                                   for k in range(len(args) // 2)]))  # fmt: skip


def definite(f):
    """The same for a Hermitian positive definite first matrix."""
    return lambda x, y, *rest: f((x + 1j * y) @ (x + 1j * y).conj().T + 2.0 * np.eye(3), *rest)


COMPLEX = {
    "complex solve": (both(csl.solve), (A, J, B, A)),
    "complex right side": (lambda a, x, y: parts(csl.solve(a, x + 1j * y)), (A, B, J)),
    "complex matrix": (lambda x, y, b: parts(csl.solve(x + 1j * y, b)), (A, J, V)),
    "complex her": (definite(lambda a, b: parts(csl.solve(a, b, assume_a="her"))), (A, J, V)),
    "complex pos": (definite(lambda a, b: parts(csl.solve(a, b, assume_a="pos", lower=True))),
                    (A, J, V)),
    "complex sym": (both(lambda a, b: csl.solve(a, b, assume_a="sym")), (S, J + J.T, Q, Q)),
    "complex triangular": (both(lambda a, b: csl.solve_triangular(a, b, trans="C")),
                           (A, J, Q, Q)),
    "complex banded": (both(lambda ab, b: csl.solve_banded((1, 2), ab, b)),
                       (BAND, BANDJ, B5, B5 + 1.0)),
    "complex half band": (both(csl.solveh_banded), (HALF, BANDJ[:2] * [[1.0], [0.0]], B5, -B5)),
    "complex cholesky": (definite(lambda a: parts(csl.cholesky(a))), (A, J)),
    "complex cho_solve": (definite(lambda a, b: parts(csl.cho_solve(csl.cho_factor(a), b))),
                          (A, J, Q)),
    "complex lu": (both(lambda a: csl.lu(a)[1:]), (A, J)),
    "complex lu_solve": (both(lambda a, b: csl.lu_solve(csl.lu_factor(a), b, trans=2)),
                         (A, J, Q, Q)),
    "complex sylvester": (both(csl.solve_sylvester), (A, J, -B, J, A, B)),
    "complex lyapunov": (both(csl.solve_continuous_lyapunov), (A, J, S, S)),
    "complex discrete": (both(csl.solve_discrete_lyapunov), (A / 5, J / 5, S, S)),
    "complex toeplitz": (both(csl.toeplitz), (V, V * V)),
    "complex det": (both(csl.det), (A, J)),
    "complex inv": (both(csl.inv), (A, J)),
    "complex expm": (both(csl.expm), (A / 3, J / 3)),
    "complex eigvalsh": (definite(csl.eigvalsh), (A, J)),
    "complex eigh": (definite(lambda a, b: csl.eigvalsh(b + b.T, a)), (A, J, B)),
    "complex svdvals": (lambda x, y: csl.svdvals(x + 1j * y), (A, J)),
    "complex pinv": (both(csl.pinv), (X, X * X)),
    "complex qr": (both(lambda a: csl.qr(a, mode="economic")), (X, X * X)),
    "complex ldl": (definite(lambda a: parts(csl.ldl(a - 9.0 * np.eye(3))[:2])), (A, J)),
    "complex symmetric ldl": (both(lambda a: csl.ldl(a, hermitian=False)[:2]), (S, J + J.T)),
}  # fmt: skip
CASES |= COMPLEX

STACK = np.stack([A, A.T @ A + 0.3 * S])
TALL = np.stack([X, X[::-1] * 1.3])
NEAR = np.eye(3) + 1e-9 * A  # all singular values nearly the same
CASES |= {
    "polar": (csl.polar, (A,)),
    "polar left": (lambda a: csl.polar(a, "left"), (A,)),
    "polar tall": (csl.polar, (X,)),
    "polar wide left": (lambda a: csl.polar(a, side="left"), (X.T.copy(),)),
    "polar wide": (lambda a: csl.polar(a)[0], (X.T.copy(),)),
    "polar of a rotation": (lambda a: csl.polar(np.eye(3) + a), (0.0 * A,)),
    "orthogonal_procrustes": (csl.orthogonal_procrustes, (A, S)),
    "signm": (csl.signm, (S - 3.5 * np.eye(3),)),
    "solve_circulant": (csl.solve_circulant, (V + 3.0, Q[:3])),
    "matmul_toeplitz": (lambda c, r, x: csl.matmul_toeplitz((c, r), x), (V, V[::-1] + 1.0, Q[:3])),
    "leslie": (csl.leslie, (V, V[:2])),
    "eigh_tridiagonal": (lambda d, e: csl.eigh_tridiagonal(d, e, True), (V, V[:2] + 0.5)),
    "eigvalsh_tridiagonal": (lambda d, e: csl.eigvalsh_tridiagonal(d, e, "i", (1, 2)),
                             (V, V[:2] + 0.5)),
    "eigvalsh by value": (lambda a: csl.eigvalsh(a, subset_by_value=(2.0, 40.0)), (S,)),
    "eigh by value": (lambda a: np.abs(csl.eigh(a, subset_by_value=(0.0, 3.0))[1]), (S,)),
    # What is in the other triangle, no version of SciPy promises.
    "cho_factor": (lambda a: np.triu(csl.cho_factor(a)[0]), (S,)),
    "cho_factor lower": (lambda a: np.tril(csl.cho_factor(a, lower=True)[0]), (S,)),
    "lstsq gelsy": (lambda a, b: csl.lstsq(a, b, lapack_driver="gelsy")[:2], (X, X[:, 0] ** 2)),
    "qr of several": (lambda a: tuple(csl.qr(a, mode="economic")), (TALL,)),
    "qr r of several": (lambda a: csl.qr(a, mode="r"), (TALL,)),
    "svd of several": (lambda a: csl.svd(a, full_matrices=False)[1], (TALL,)),
    "svdvals of several": (csl.svdvals, (STACK,)),
    "pinv of several": (csl.pinv, (TALL,)),
}  # fmt: skip
R = np.array([[2.0, 0.3], [0.3, 1.0]])
UNEVEN = np.diag([1.0, -2.5])  # no definite R, as in games
for _name in ("solve_continuous_are", "solve_discrete_are"):
    _are = getattr(csl, _name)
    CASES[_name] = (lambda a, b, q, r, f=_are: f(a, b, q + q.T, r + r.T), (A, Q, S, R))
    CASES[f"{_name} with e and s"] = (
        lambda a, b, q, e, s, f=_are: f(a, b, q + q.T, R, np.eye(3) + e / 9, s / 9),
        (A, Q, S, B, Q * Q))  # fmt: skip
    CASES[f"complex {_name}"] = (
        lambda x, y, b, e, f=_are: parts(
            f(x + 1j * y, b + 0.3j, S, R, np.eye(3) + 0.2j * e, b * 1j / 9)),
        (A, J, Q, B / 9))  # fmt: skip
    CASES[f"{_name} indefinite"] = (lambda a, b, f=_are: f(a, b, np.eye(3), UNEVEN), (A, Q))
ROWS = np.stack([V + 2.0, V[::-1] - 3.0])
CASES |= {
    "lu of several": (lambda a: csl.lu(a)[1:], (STACK,)),
    "lu of a table": (lambda a: csl.lu(a, permute_l=True), (np.stack([STACK, STACK[::-1]]),)),
    "lu_factor of several": (lambda a: csl.lu_factor(a)[0], (STACK,)),
    "polar of several": (lambda a: tuple(csl.polar(a)), (STACK,)),
    "solve_sylvester of several": (csl.solve_sylvester, (STACK, -B[:2, :2], Q)),
    "solve_continuous_lyapunov of several": (csl.solve_continuous_lyapunov, (STACK, B)),
    "solve_discrete_lyapunov of several": (csl.solve_discrete_lyapunov, (A / 5, STACK)),
    "solve_continuous_are of several": (lambda a, q: csl.solve_continuous_are(a, Q, q + q.T, R),
                                        (STACK, S)),
    "toeplitz of several": (csl.toeplitz, (ROWS, W)),
    "circulant of several": (csl.circulant, (ROWS,)),
    "companion of several": (csl.companion, (ROWS,)),
    "convolution_matrix of several": (lambda a: csl.convolution_matrix(a, 2, "same"), (ROWS,)),
    "khatri_rao of several": (csl.khatri_rao, (STACK, B)),
    "leslie of several": (csl.leslie, (ROWS, V[:2])),
    "lu_factor tall": (lambda a: csl.lu_factor(a)[0], (X,)),
    "lu_factor wide": (lambda a: csl.lu_factor(a)[0], (X.T.copy(),)),
    "lu_solve of several": (lambda a, b: csl.lu_solve(csl.lu_factor(a), b, trans=1), (STACK, V)),
    "lstsq of several": (lambda a, b: tuple(csl.lstsq(a, b)[:2]), (TALL, X[:, 0] ** 2)),
    "ldl of several": (lambda a: tuple(csl.ldl(a)[:2]), (STACK @ STACK.mT,)),
    "qr with pivots of several": (
        lambda a: tuple(csl.qr(a, mode="economic", pivoting=True)[:2]), (TALL,)),
    "eigvalsh of pairs": (lambda a, b: csl.eigvalsh(a=a, b=b), (STACK, S)),
    "solve_banded of several": (lambda ab, b: csl.solve_banded((1, 2), ab, b),
                                (np.stack([BAND, BAND + 0.1]), B5)),
    "solveh_banded of several": (lambda ab, b: csl.solveh_banded(ab, b),
                                 (np.stack([HALF, HALF + 0.1]), B5[:, 0])),
    "solve_toeplitz of several": (csl.solve_toeplitz, (ROWS + 3.0, V)),
    "matmul_toeplitz of several": (lambda c, r, x: csl.matmul_toeplitz((c, r), x), (ROWS, V, Q)),
    "eigvalsh_tridiagonal of several": (csl.eigvalsh_tridiagonal, (ROWS, V[:2] + 0.5)),
}  # fmt: skip
NEW = list(CASES)[-55:]


@pytest.mark.parametrize("name", NEW)
def test_mapped(name):
    mapped_agrees(*CASES[name], factor=1.01, rtol=1e-8)


def test_shapes_of_results_are_those_of_the_installed_scipy():
    for args in ((X,), (TALL,)):
        want, got = sl.qr(*args, mode="r"), csl.qr(*map(cd.array, args), mode="r")
        assert isinstance(got, tuple) == isinstance(want, tuple)
    for lower, outside in ((False, np.tril), (True, np.triu)):
        factor, which = csl.cho_factor(cd.array(S), lower)
        assert which is lower and not np.any(outside(factor.numpy(), 1 if lower else -1))


def test_factors_of_stacks_that_scipy_made():
    assert csl.cho_factor(cd.array(np.stack([S, S])))[1].tolist() == [False, False]
    assert type(csl.lstsq(cd.array(X), X[:, 0])[2]) is int
    c, b = sl.cho_factor(np.stack([S, S + 1.0])), cd.array(V, requires_grad=True)
    np.testing.assert_allclose(csl.cho_solve(c, b).numpy(), sl.cho_solve(c, V), rtol=1e-13)
    assert csl.lu(cd.array(A.astype("c8")))[0].dtype == sl.lu(A.astype("c8"))[0].dtype


def test_polar_factors_of_complex_matrices_and_close_to_a_rotation():
    a = A + 1j * S[::-1]
    for side in ("left", "right"):
        for got, want in zip(csl.polar(cd.array(a), side), sl.polar(a, side), strict=True):
            np.testing.assert_allclose(got.numpy(), want, rtol=1e-10, atol=1e-12)
    # U(I + E) = I + (E - E^T) / 2 + O(E^2)
    _, tangent = cd.jvp(lambda a: csl.polar(a)[0], (NEAR,), (A,))
    np.testing.assert_allclose(tangent, (A - A.T) / 2, atol=1e-7)


def test_an_interval_of_eigenvalues():
    w = np.linalg.eigvalsh(S)
    for interval in ((w[0] - 1, w[1] + 1e-9), (w[0] + 1e-9, w[2] + 1e-9), (w[2] + 1, w[2] + 2),
                     (-np.inf, np.inf)):  # fmt: skip
        want = sl.eigh(S, subset_by_value=interval)
        got = csl.eigh(cd.array(S), subset_by_value=interval)
        for x, y in zip(got, want, strict=True):
            assert x.shape == y.shape
            np.testing.assert_allclose(x.numpy(), y, rtol=1e-10, atol=1e-10)
    count = cd.compile(lambda a: np.sum(csl.eigvalsh(a, subset_by_value=(0.0, w[1] + 1e-9))))
    for factor in (1.0, 0.5, 1e-3):  # other numbers of eigenvalues
        inside = np.linalg.eigvalsh(factor * S)
        np.testing.assert_allclose(count(factor * S), inside[inside <= w[1] + 1e-9].sum())


def test_functions_without_a_derivative_say_what_to_write():
    for name, text in INSTEAD.items():
        with pytest.raises(NotImplementedError) as caught:
            cd.grad(lambda a, name=name: np.sum(getattr(csl, name)(a, a)[0]))(S)
        assert f"scipy.linalg.{name} has no derivative" in str(caught.value)
        assert text in str(caught.value)
    with pytest.raises(NotImplementedError, match="other functions, or give it x"):
        cd.grad(lambda a: csl.expm_cond(a))(S)
    assert csl.null_space(S[:2]).shape == (3, 1)
    assert csl.null_space(cd.array(S[:2])).shape == (3, 1)
    assert csl.lstsq(cd.array(X), X[:, 0], lapack_driver="gelsy")[3] is None


@pytest.mark.parametrize("kind", ["eig", "eigvals"])
def test_general_eigenvalues(kind):
    f = lambda a: [abs(x) for x in flat_of(getattr(csl, kind)(a))]
    cd.testing.check_grads(f, (A,), order=2)
    for x, y in zip(flat(getattr(csl, kind)(cd.array(A))), flat_of(getattr(sl, kind)(A)),
                    strict=True):  # fmt: skip
        np.testing.assert_allclose(x, y, rtol=1e-12)
        assert x.dtype == y.dtype


PENCILS = {
    "real": (A, B),
    "complex values": (J - J.T + 0.3 * S, G),
    "stack": (STACK, B),
    "complex": (A + 1j * J, B - 1j * A),
}


def without_phases(a, b, y):
    """Parts of the results of `eig` that have no arbitrary sign or phase."""
    w, left, right = y
    h = lambda x: np.conj(np.swapaxes(x, -1, -2))
    products = [h(left) @ (a @ right), h(left) @ (b @ right)]
    return [w.real, w.imag, abs(left), abs(right), *[abs(x) for x in products]]


@pytest.mark.parametrize("name", PENCILS)
def test_eigenvalues_of_two_matrices(name):
    a, b = PENCILS[name]
    found = csl.eig(cd.array(a), cd.array(b), left=True)
    for x, y in zip(flat(found), sl.eig(a, b, left=True), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-12)
        assert x.dtype == y.dtype
    np.testing.assert_allclose(csl.eig(a, cd.array(b), right=False).numpy(), found[0].numpy())
    assert len(csl.eig(cd.array(a), b)) == 2
    np.testing.assert_allclose(
        np.sort_complex(csl.eigvals(cd.array(a), b).numpy()),
        np.sort_complex(sl.eigvals(a, b)), rtol=1e-10, atol=1e-12)  # fmt: skip


@pytest.mark.parametrize("name", PENCILS)
def test_derivatives_of_eigenvalues_of_two_matrices(name):
    a, b = PENCILS[name]
    if name == "complex":
        f = lambda x, y, u, v: without_phases(
            x + 1j * y, u + 1j * v, csl.eig(x + 1j * y, u + 1j * v, left=True))  # fmt: skip
        cd.testing.check_grads(f, (a.real, a.imag, b.real, b.imag), order=2)
        return
    f = lambda a, b: without_phases(a, b, csl.eig(a, b, left=True))
    cd.testing.check_grads(f, (a, b), order=2)
    cd.testing.check_grads(lambda a, b: abs(csl.eigvals(a, b) ** 3), (a, b), order=2)
    assert compiled_agrees(f, (a, b)) <= 2


@pytest.mark.parametrize("a", [A, J - J.T + 0.3 * S, A + 1j * J])
def test_left_vectors_of_one_matrix(a):
    found = csl.eig(cd.array(a), left=True)
    for x, y in zip(flat(found), sl.eig(a, left=True), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-12)
    real, imag = np.real(a), np.imag(a)

    def f(x, y):
        z = x + 1j * y if imag.any() else x
        return without_phases(z, np.eye(3), csl.eig(z, left=True))

    cd.testing.check_grads(f, (real, imag), order=2)
    # The largest element of each is real, whichever way the matrix changes.
    turn = lambda x: sum([np.sum(np.imag(v)[np.abs(cd._core.value(v)).argmax(0), [0, 1, 2]] ** 2)
                          for v in csl.eig(x, left=True)[1:]])  # fmt: skip
    np.testing.assert_allclose(cd.grad(turn)(a), 0.0, atol=1e-12)


def test_eigenvalues_of_a_singular_or_unfitting_second_matrix():
    b = np.diag([1.0, 2.0, 0.0])
    assert np.isinf(csl.eig(cd.array(A), b)[0].numpy()).any()
    with pytest.raises(np.linalg.LinAlgError, match="second matrix is singular"):
        cd.grad(lambda a: np.sum(abs(csl.eigvals(a, b))))(A)
    with pytest.raises(ValueError, match=r"\(3, 3\) and \(2, 2\) do not fit"):
        csl.eig(cd.array(A), np.eye(2))
    with pytest.raises(TypeError, match="homogeneous_eigvals"):
        csl.eig(cd.array(A), B, homogeneous_eigvals=True)


def flat_of(y):
    return y if isinstance(y, tuple) else [y]


def test_generalised_eigenvectors_of_complex_matrices():
    z = A + 1j * J
    a, b = z + z.conj().T, z @ z.conj().T + np.eye(3)
    w, v = csl.eigh(cd.array(a), b)
    want = sl.eigh(a, b)
    np.testing.assert_allclose(w.numpy(), want[0], rtol=1e-12)
    np.testing.assert_allclose(v.numpy(), want[1], rtol=1e-10)
    np.testing.assert_allclose(a @ v.numpy(), b @ v.numpy() * w.numpy(), rtol=1e-10)


@pytest.mark.parametrize("name", CASES)
def test_values_are_scipys(name):
    values_are_scipys(*CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_derivatives(name):
    f, args = CASES[name]
    if name.startswith("eigh"):
        # SciPy's eigenvectors of neighbouring matrices differ in sign.
        cd.testing.check_grads(lambda *args: [x * x for x in flat_of(f(*args))], args, order=2)
        return
    # Differences of what SciPy solves in many steps have fewer digits.
    cd.testing.check_grads(f, args, order=2, rtol=1e-5 if name == "solve_discrete_are" else 1e-6)


@pytest.mark.parametrize("name", CASES)
def test_compiled(name):
    # The determinant decides by the condition of the matrix.
    assert compiled_agrees(*CASES[name]) == 1 or name == "det"


@pytest.mark.parametrize("name", ["solve", "expm", "sqrtm", "lu", "solve_banded"])
def test_float32(name):
    f, args = CASES[name]
    args = [x.astype("f4") for x in args]
    for x in flat(f(*[cd.array(x) for x in args])):
        assert x.dtype == np.float32
    assert cd.grad(loss_of(f))(*args).dtype == np.float32


def test_third_order_of_a_matrix_function():
    f = lambda t: np.sum(csl.expm(t * A))
    third = cd.grad(cd.grad(cd.grad(f)))(0.3)
    np.testing.assert_allclose(third, np.sum(sl.expm(0.3 * A) @ A @ A @ A), rtol=1e-12)


def test_a_tracked_power():
    f = lambda t: csl.fractional_matrix_power(cd.array(S), t)[0, 1]
    want = (sl.fractional_matrix_power(S, 0.3) @ sl.logm(S))[0, 1]
    np.testing.assert_allclose(cd.grad(f)(0.3), want, rtol=1e-9)


def test_other_pivots_when_compiled():
    """The permutation is computed anew at each call of a program."""
    f = cd.compile(lambda a: csl.lu(a)[1])
    for rows in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        np.testing.assert_allclose(f(A[rows]), sl.lu(A[rows])[1], rtol=1e-13)
    assert f.stats()["recordings"] == 1


def test_answers_without_a_derivative():
    for name in ("bandwidth", "issymmetric", "ishermitian"):
        for a in (A, S, np.tril(A)):
            got = getattr(csl, name)(cd.array(a, requires_grad=True))
            assert got == getattr(sl, name)(a)
    f = lambda a: np.sum(a) if csl.issymmetric(a, rtol=1e-9) else np.sum(a * a)
    compiled = cd.compile(cd.grad(f))
    for a in (S, A):  # a decision that is made anew
        np.testing.assert_allclose(compiled(a), cd.grad(f)(a))


def test_riccati_equations_of_unfitting_matrices():
    with pytest.raises(ValueError, match=r"solve_discrete_are: shapes .*\(2, 2\) .* do not fit"):
        csl.solve_discrete_are(cd.array(A), Q, R, R)


def test_errors():
    x = cd.array(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"solve: expected a square matrix, got shape \(2, 3\)"):
        csl.solve(x, np.ones(2))
    with pytest.raises(ValueError, match=r"\(3, 3\) and \(4,\) do not fit"):
        csl.solve(cd.array(A), np.ones(4))
    with pytest.raises(ValueError, match="not a recognized"):
        csl.solve(cd.array(A), V, assume_a="odd")
    with pytest.raises(np.linalg.LinAlgError):
        csl.solve(cd.array(np.zeros((2, 2))), np.ones(2))
    with pytest.raises(ValueError, match="result is complex"):
        csl.logm(cd.array(-np.eye(2)))
    with pytest.raises(ValueError, match="'type' keyword"):
        csl.eigh(cd.array(S), S, type=4)
    with pytest.raises(ValueError, match=r"\(3, 3\) and \(2, 2\) do not fit"):
        csl.eigvalsh(cd.array(S), np.eye(2))
    with pytest.raises(ValueError, match="indices are not valid"):
        csl.eigh(cd.array(S), subset_by_index=[1, 3])
    with pytest.raises(ValueError, match="interval of eigenvalues"):
        csl.eigh(cd.array(S), subset_by_value=(1.0, 0.0))
    with pytest.raises(ValueError, match="mode is one of"):
        csl.qr(cd.array(S), mode="odd")
    with pytest.raises(NotImplementedError, match="Householder"):
        csl.qr(cd.array(S, requires_grad=True), mode="raw")
    with pytest.raises(ValueError, match=r"lu: a stack of shape \(0,\) is empty"):
        csl.lu(cd.array(STACK[:0]))
    with pytest.raises(ValueError, match="`side` must be"):
        csl.polar(cd.array(S), "up")
    with pytest.raises(ValueError, match=r"\(3, 3\) and \(4, 3\) differ"):
        csl.orthogonal_procrustes(cd.array(S), np.ones((4, 3)))
    with pytest.raises(ValueError, match="f of 3 and s of 3"):
        csl.leslie(cd.array(V), V)
    with pytest.raises(ValueError, match="3 and 3 elements"):
        csl.eigh_tridiagonal(cd.array(V), V)
    with pytest.raises(ValueError, match="select='x'"):
        csl.eigvalsh_tridiagonal(cd.array(V), V[:2], "x")
    with pytest.raises(ValueError, match="driver"):
        csl.lstsq(cd.array(S), V, lapack_driver="odd")
    with pytest.raises(NotImplementedError, match="not unique"):
        csl.qr(cd.array(X, requires_grad=True))
    with pytest.raises(ValueError, match="expected a square matrix"):
        csl.expm(cd.array(np.ones((2, 3), complex)))
    with pytest.raises(ValueError, match="needs ab with 3 rows"):
        csl.solve_banded((1, 1), cd.array(BAND), B5)
    with pytest.raises(ValueError, match="columns"):
        csl.khatri_rao(cd.array(Q), A)
