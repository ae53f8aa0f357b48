"""`cdiff.scipy.linalg`: values, both modes, second order, compiled, against SciPy and differences.

Each case is a function of arrays that calls the module under test; the same call on plain arrays is
SciPy's own. It must not know how a derivative is computed.
"""

import numpy as np
import pytest
import scipy.linalg as sl
from scipy_checks import compiled_agrees, flat, loss_of, values_are_scipys

import cdiff as cd
import cdiff.scipy.linalg as csl

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


@pytest.mark.parametrize("name", CASES)
def test_values_are_scipys(name):
    values_are_scipys(*CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_derivatives(name):
    f, args = CASES[name]
    cd.testing.check_grads(f, args, order=2)


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
    with pytest.raises(ValueError, match="expected a square matrix"):
        csl.expm(cd.array(np.ones((2, 3), complex)))
    with pytest.raises(ValueError, match="needs ab with 3 rows"):
        csl.solve_banded((1, 1), cd.array(BAND), B5)
    with pytest.raises(ValueError, match="columns"):
        csl.khatri_rao(cd.array(Q), A)
    assert csl.svdvals is sl.svdvals
