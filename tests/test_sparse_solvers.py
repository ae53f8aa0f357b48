"""Sparse derivatives in the hands of the solvers that take them: IPOPT, OSQP, SciPy's."""

import warnings

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
from scipy.integrate import solve_bvp, solve_ivp

import cdiff as cd

SOLVED = 0  # IPOPT's status


def ipopt(problem, x0, lower=None, upper=None, limits=((), ()), **options):
    """(x, what IPOPT says) of a problem, with its own check of the derivatives."""
    cyipopt = pytest.importorskip("cyipopt", reason="cyipopt is not installed")
    solver = cyipopt.Problem(
        n=len(x0), m=problem.m, problem_obj=problem, lb=lower, ub=upper, cl=limits[0], cu=limits[1]
    )
    for name, value in {"print_level": 0, "sb": "yes", **options}.items():
        solver.add_option(name, value)
    return solver.solve(x0)


def test_ipopt_finds_the_optimum_of_hock_schittkowski_71():
    problem = cd.sparse.IpoptProblem(
        lambda x: x[0] * x[3] * np.sum(x[:3]) + x[2],
        lambda x: np.stack([np.prod(x), x @ x]),
        [1, 5, 5, 1],
    )
    limits = [25.0, 40.0], [2e19, 40.0]
    x, info = ipopt(problem, np.array([1.0, 5.0, 5.0, 1.0]), [1.0] * 4, [5.0] * 4, limits)
    assert info["status"] == SOLVED
    np.testing.assert_allclose(x, [1.0, 4.74299963, 3.82114998, 1.37940829], rtol=1e-6)


def test_ipopt_without_constraints():
    def chained(x):
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    problem = cd.sparse.IpoptProblem(chained, None, np.zeros(500))
    x, info = ipopt(problem, np.full(500, -0.5))
    assert info["status"] == SOLVED
    np.testing.assert_allclose(x, 1.0, rtol=1e-7)


def bent(x):
    """Another path has fewer entries."""
    return np.sum(x[1:] * x[:-1]) + np.sum(x**2) if x[0] > 0 else np.sum(x**4)


def bent_limits(x):
    return x[:2] * x[1:] if x[0] > 0 else x[:2] ** 3


def dense_of(structure, values, shape):
    return scipy.sparse.coo_array((values, structure), shape=shape).toarray()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_structure_that_ipopt_has_stays_on_other_paths(sign):
    problem = cd.sparse.IpoptProblem(bent, bent_limits, np.ones(3))
    before = problem.jacobianstructure(), problem.hessianstructure()
    v = np.array([2.0, -3.0])
    for x in (np.array([0.5, 2.0, 3.0]) * sign, np.array([0.25, 1.5, 3.0])):
        jacobian = dense_of(problem.jacobianstructure(), problem.jacobian(x), (2, 3))
        np.testing.assert_allclose(jacobian, cd.jacobian(bent_limits)(x))
        hessian = dense_of(problem.hessianstructure(), problem.hessian(x, v, 0.5), (3, 3))
        wanted = cd.hessian(lambda x: 0.5 * bent(x) + v @ bent_limits(x))(x)
        np.testing.assert_allclose(hessian, np.tril(wanted))
    after = problem.jacobianstructure(), problem.hessianstructure()
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_path_with_entries_that_ipopt_does_not_know_is_refused():
    problem = cd.sparse.IpoptProblem(bent, bent_limits, -np.ones(3))
    with pytest.raises(ValueError, match=r"constraints take another path.*row 0, column 1.*x0"):
        problem.jacobian(np.ones(3))
    with pytest.raises(ValueError, match=r"second derivatives take another path.*row 1, column 0"):
        problem.hessian(np.ones(3), np.ones(2), 1.0)
    np.testing.assert_array_equal(problem.jacobian(-np.ones(3)), [3.0, 3.0])


def test_osqp_takes_a_quadratic_model():
    osqp = pytest.importorskip("osqp", reason="osqp is not installed")
    objective = lambda x: np.sum(x**2) + x[0] * x[1] + x[2]
    constraints = lambda x: np.stack([x[0] + x[1], x[2] - x[0]])
    p, q, a, c = cd.sparse.quadratic_model(objective, constraints, np.zeros(3))
    solver = osqp.OSQP()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # of matrices that have to be converted
        solver.setup(p, q, a, l=1.0 - c, u=2.0 - c, verbose=False, eps_abs=1e-9, eps_rel=1e-9)
    np.testing.assert_allclose(solver.solve().x, [-0.5, 1.5, 0.5], atol=1e-6)


def test_a_quadratic_model_is_what_osqp_checks():
    p, q, a, c = cd.sparse.quadratic_model(lambda x: x[0] * x[1], lambda x: x[:1] ** 2, np.ones(2))
    assert type(p) is type(a) is scipy.sparse.csc_matrix
    assert p.format == a.format == "csc" and p.indices.dtype == a.indices.dtype == np.int32
    np.testing.assert_array_equal(p.toarray(), [[0.0, 1.0], [0.0, 0.0]])
    np.testing.assert_array_equal(a.toarray(), [[2.0, 0.0]])
    assert q.tolist() == [1.0, 1.0] and c.tolist() == [1.0]


@pytest.mark.parametrize("x", [1.0, np.ones((2, 2)), np.array([1j, 1.0]), np.array(["a"])])
def test_solvers_take_vectors_of_real_numbers(x):
    # The imaginary part was dropped, and a matrix gave what no solver takes.
    for made in (cd.sparse.quadratic_model, cd.sparse.IpoptProblem):
        with pytest.raises(TypeError, match="the point must be a vector of real numbers"):
            made(np.sum, lambda x: x[:1], x)


def bratu(u):
    padded = np.concatenate([[0.0], u, [0.0]])
    return padded[2:] - 2 * u + padded[:-2] + 0.01 * np.exp(u)


@pytest.mark.parametrize("method", ["hybr", "lm"])
def test_root_takes_dense_jacobians_only(method):
    x0 = np.zeros(12)
    dense = cd.jacobian(bratu)
    found = scipy.optimize.root(bratu, x0, jac=dense, method=method)
    assert found.success and np.abs(bratu(found.x)).max() < 1e-10
    with pytest.raises(TypeError):
        scipy.optimize.root(bratu, x0, jac=cd.sparse_jacobian(bratu), method=method)
    sparse = cd.optimize.root(bratu, x0, sparse=True)
    assert np.abs(bratu(sparse.x)).max() < 1e-5


@pytest.mark.parametrize("method", ["trf", "dogbox"])
def test_least_squares_takes_sparse_jacobians(method):
    jac = cd.sparse_jacobian(bratu)
    found = scipy.optimize.least_squares(bratu, np.zeros(12), jac=jac, method=method, xtol=1e-15)
    assert np.abs(bratu(found.x)).max() < 1e-6


@pytest.mark.parametrize("method", ["trust-constr", "Newton-CG"])
def test_minimize_takes_sparse_hessians(method):
    f = lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    found = scipy.optimize.minimize(
        f, np.full(8, 0.5), jac=cd.grad(f), hess=cd.sparse_hessian(f), method=method
    )
    np.testing.assert_allclose(found.x, 1.0, atol=1e-3)


@pytest.mark.parametrize("method", ["trust-ncg", "trust-krylov"])
def test_where_minimize_takes_none_products_do(method):
    f = lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    hessian = cd.sparse_hessian(f)
    found = scipy.optimize.minimize(
        f, np.full(8, 0.5), jac=cd.grad(f), hessp=lambda x, v: hessian(x) @ v, method=method
    )
    np.testing.assert_allclose(found.x, 1.0, atol=1e-3)


@pytest.mark.parametrize("method", ["BDF", "Radau", "LSODA"])
def test_stiff_systems_take_sparse_jacobians(method):
    decay = lambda t, y: np.concatenate([y[-1:], y[:-1]]) * 0.1 - y**3
    jac = cd.sparse_jacobian(decay, argnums=1)
    found = solve_ivp(decay, (0.0, 1.0), np.ones(8), method=method, jac=jac)
    wanted = solve_ivp(decay, (0.0, 1.0), np.ones(8), method="RK45", rtol=1e-9)
    assert found.success
    np.testing.assert_allclose(found.y[:, -1], wanted.y[:, -1], rtol=1e-2)


def test_boundary_value_problems_take_a_block_for_each_place():
    rhs = lambda x, y: np.stack([y[1], -np.exp(y[0])])
    ends = lambda a, b: np.stack([a[0], b[0]])
    at = np.linspace(0.0, 1.0, 7)
    blocks = cd.vmap(cd.jacobian(rhs, argnums=1), in_axes=(0, 1), out_axes=2)
    fun_jac = lambda x, y: blocks(x, y)
    bc_jac = lambda a, b: (cd.jacobian(ends, 0)(a, b), cd.jacobian(ends, 1)(a, b))
    found = solve_bvp(rhs, ends, at, np.zeros((2, 7)), fun_jac=fun_jac, bc_jac=bc_jac)
    plain = solve_bvp(rhs, ends, at, np.zeros((2, 7)))
    assert found.status == plain.status == 0
    np.testing.assert_allclose(found.sol(0.5), plain.sol(0.5), rtol=1e-8)
