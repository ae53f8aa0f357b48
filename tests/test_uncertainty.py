"""`cdiff.uncertainty` against formulae in closed form and against samples."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

import cdiff as cd
import cdiff.uncertainty as cdu


def area(p):
    return {"area": p["a"] * p["b"], "ratio": p["a"] / p["b"]}


def test_independent_inputs():
    x, errors = {"a": 3.0, "b": 2.0}, {"a": 0.1, "b": 0.2}
    found = cdu.propagate(area, x, errors)
    assert found.value == {"area": 6.0, "ratio": 1.5}
    assert found.errors["area"] == pytest.approx(np.hypot(2.0 * 0.1, 3.0 * 0.2), rel=1e-14)
    assert found.errors["ratio"] == pytest.approx(np.hypot(0.1 / 2.0, 3.0 / 4.0 * 0.2), rel=1e-14)
    expected = 2.0 * 0.5 * 0.01 - 3.0 * 0.75 * 0.04
    assert found.covariance[0, 1] == pytest.approx(expected, rel=1e-14)


def test_correlated_inputs_and_arrays():
    rng = np.random.default_rng(0)
    root, matrix = rng.normal(size=(3, 3)), rng.normal(size=(4, 3))
    covariance = root @ root.T
    found = cdu.propagate(lambda x, m: np.matmul(m, x), np.ones(3), covariance, matrix)
    np.testing.assert_allclose(found.covariance, matrix @ covariance @ matrix.T, rtol=1e-12)
    np.testing.assert_allclose(found.errors, np.sqrt(np.diag(found.covariance)))
    assert found.value.shape == (4,)


def test_second_order_is_exact_for_quadratic_functions_of_normal_inputs():
    rng = np.random.default_rng(1)
    root = rng.normal(size=(2, 2))
    covariance, x = root @ root.T, np.array([1.0, -0.5])
    h = np.array([[1.0, 0.3], [0.3, -0.7]])
    f = lambda x: [x @ np.matmul(h, x), x[0] * x[1] + 2.0 * x[0]]
    found = cdu.propagate(f, x, covariance, order=2)
    draws = rng.multivariate_normal(x, covariance, size=400_000)
    values = np.stack([np.einsum("ni,ij,nj->n", draws, h, draws),
                       draws[:, 0] * draws[:, 1] + 2.0 * draws[:, 0]])  # fmt: skip
    np.testing.assert_allclose(found.value, values.mean(axis=1), atol=0.05)
    np.testing.assert_allclose(found.covariance, np.cov(values), rtol=0.03, atol=0.05)
    linear = cdu.propagate(f, x, covariance)
    assert not np.allclose(linear.covariance, found.covariance, rtol=0.03)


def test_sensitivity():
    table = cdu.sensitivity(area, {"a": 3.0, "b": 2.0}, errors={"a": 0.1, "b": 0.2})
    np.testing.assert_allclose(table.derivatives, [[2.0, 3.0], [0.5, -0.75]])
    np.testing.assert_allclose(table.elasticities, [[1.0, 1.0], [1.0, -1.0]])
    np.testing.assert_allclose(table.shares, [[0.1, 0.9], [0.1, 0.9]])
    text = str(table)
    assert len(text.splitlines()) == 5 and "['ratio']  ['b']       -0.75" in text
    zero = cdu.sensitivity(lambda x: x - 1.0, np.array([1.0, 2.0]))
    assert np.isnan(zero.elasticities[0]).all() and zero.shares is None
    assert zero.inputs == ["[0]", "[1]"]


def test_a_table_of_sensitivities_in_a_notebook():
    table = cdu.sensitivity(lambda p: {"<b>": p["a"] * 2.0}, {"a": 3.0}, errors={"a": 0.1})
    html = ET.fromstring(table._repr_html_())
    rows = [[cell.text for cell in row] for row in html]
    assert rows[0] == ["output", "input", "derivative", "elasticity", "share"]
    assert rows[1] == ["['<b>']", "['a']", "2", "1", "100.0%"] and len(rows) == 2


def logistic(p, x, y):
    z = p["w"] * x + p["b"]
    return y * z - cd.softplus(z)


def test_fisher_information_of_a_logistic_regression():
    rng = np.random.default_rng(2)
    x = rng.normal(size=20_000)
    p = {"w": 0.8, "b": -0.3}
    y = (rng.random(x.size) < 1.0 / (1.0 + np.exp(-(0.8 * x - 0.3)))).astype(float)
    total = lambda p, x, y: np.sum(logistic(p, x, y))
    observed = cdu.fisher_information(total, p, x, y)
    chance = 1.0 / (1.0 + np.exp(-(0.8 * x - 0.3)))
    design = np.stack([x, np.ones_like(x)], axis=1)
    np.testing.assert_allclose(observed, design.T * (chance * (1 - chance)) @ design, rtol=1e-12)
    scores = cdu.fisher_information(logistic, p, x, y, kind="scores")
    np.testing.assert_allclose(scores, observed, rtol=0.05, atol=100.0)
    errors = cdu.standard_errors(observed, p)
    expected = np.sqrt(np.diag(np.linalg.inv(observed)))
    np.testing.assert_allclose([errors["w"], errors["b"]], expected, rtol=1e-12)


def test_it_agrees_with_curve_fit():
    cdo = pytest.importorskip("cdiff.optimize")
    pytest.importorskip("scipy")
    x = np.linspace(0.0, 2.0, 30)
    y = 2.0 * np.exp(-x) + 0.1 * np.cos(20.0 * x)
    f = lambda x, p: p["a"] * np.exp(-p["b"] * x)
    fit = cdo.curve_fit(f, x, y, {"a": 1.0, "b": 1.0}, sigma=np.full(30, 0.1),
                        absolute_sigma=True, covariance="hessian")  # fmt: skip
    likelihood = lambda p: -0.5 * np.sum(((f(x, p) - y) / 0.1) ** 2)
    information = cdu.fisher_information(likelihood, fit.parameters)
    errors = cdu.standard_errors(information, fit.parameters)
    assert errors["a"] == pytest.approx(fit.errors["a"], rel=1e-9)
    half = lambda p: np.log(2.0) / p["b"]
    assert cdu.propagate(half, fit.parameters, fit.covariance).errors == pytest.approx(
        np.log(2.0) / fit.parameters["b"] ** 2 * fit.errors["b"], rel=1e-12
    )


def test_mistakes_are_named():
    f, x = lambda p: p["a"] * p["b"], {"a": 1.0, "b": 2.0}
    with pytest.raises(ValueError, match="standard deviation of the input\\['b'\\] is -1"):
        cdu.propagate(f, x, {"a": 1.0, "b": -1.0})
    with pytest.raises(TypeError, match="standard deviations must be a dict"):
        cdu.propagate(f, x, np.eye(3))
    with pytest.raises(ValueError, match="not symmetric"):
        cdu.propagate(f, x, np.array([[1.0, 0.5], [0.0, 1.0]]))
    with pytest.raises(ValueError, match="order"):
        cdu.propagate(f, x, x, order=3)
    with pytest.raises(TypeError, match="output of"):
        cdu.propagate(lambda p: "text", x, x)
    with pytest.raises(ValueError, match="one number"):
        cdu.fisher_information(lambda p: np.ones(2) * p["a"], x)
    with pytest.raises(ValueError, match="kind"):
        cdu.fisher_information(f, x, kind="other")
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        cdu.standard_errors(np.array([[1.0, 2.0], [2.0, 1.0]]), x)
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        cdu.standard_errors(np.ones((2, 2)), x)
    with pytest.raises(ValueError, match="shape"):
        cdu.standard_errors(np.eye(3), x)


def test_what_is_no_covariance_is_refused():
    with pytest.raises(ValueError, match=r"not positive semidefinite.*eigenvalue is -1"):
        cdu.propagate(area, {"a": 2.0, "b": 3.0}, np.array([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(ValueError, match="not positive semidefinite"):
        cdu.propagate(area, {"a": 2.0, "b": 3.0}, np.array([[0.0, 1e-3], [1e-3, 1e6]]))
    for singular in (np.ones((2, 2)), np.zeros((2, 2)), np.diag([0.0, 1.0])):
        found = cdu.propagate(area, {"a": 2.0, "b": 3.0}, singular)
        assert np.all(np.diag(found.covariance) >= 0.0)


@pytest.mark.parametrize("wrong", [np.inf, np.nan, -1.0])
def test_a_deviation_that_is_none_is_refused(wrong):
    """An infinite one made the others nan."""
    with pytest.raises(ValueError, match=rf"standard deviation of the input\[1\] is {wrong:g}"):
        cdu.propagate(lambda x: x * 1.0, np.ones(3), np.array([0.1, wrong, 0.1]))


def test_deviations_and_covariances_in_every_form():
    f = lambda p: np.sum(p[0]) * p[1]
    found = cdu.propagate(f, [np.ones(3), 2.0], [np.full(3, 0.1), 0.2])
    assert found.errors == pytest.approx(np.hypot(0.2 * np.sqrt(3.0), 0.6))
    matrix = np.diag([0.04, 0.09])
    for given in (matrix, matrix.tolist(), cd.array(matrix), np.array([0.2, 0.3]), [0.2, 0.3]):
        errors = cdu.propagate(lambda x: 2.0 * x, np.ones(2), given).errors
        np.testing.assert_allclose(errors, [0.4, 0.6])
    slope = cd.grad(lambda a: cdu.propagate(lambda p: p[0] * p[1], [3.0, 2.0], [a, 0.2]).errors)
    assert slope(0.1) == pytest.approx(0.4 / np.sqrt(0.4))
    with pytest.raises(ValueError, match=r"of shape \(1, 1\)"):
        cdu.propagate(lambda x: x[0, 0] ** 2, np.array([[3.0]]), np.array([[0.5]]))


def test_shares_of_correlated_inputs_are_refused():
    correlated = np.array([[1.0, 0.5], [0.5, 1.0]])
    with pytest.raises(ValueError, match="inputs are correlated"):
        cdu.sensitivity(area, {"a": 2.0, "b": 3.0}, errors=correlated)
    table = cdu.sensitivity(area, {"a": 2.0, "b": 3.0}, errors=np.diag([0.01, 0.04]))
    same = cdu.sensitivity(area, {"a": 2.0, "b": 3.0}, errors={"a": 0.1, "b": 0.2})
    np.testing.assert_allclose(table.shares, same.shares, rtol=1e-12)


def test_scores_need_a_number_for_each_observation():
    y = np.array([1.0, 2.0, 4.0])
    with pytest.raises(ValueError, match="one number for each observation"):
        cdu.fisher_information(lambda m, y: -0.5 * np.sum((y - m) ** 2), 2.0, y, kind="scores")
    found = cdu.fisher_information(lambda m, y: -0.5 * (y - m) ** 2, 2.0, y, kind="scores")
    assert found == [[np.sum((y - 2.0) ** 2)]]


RESULTS = {
    "propagate, errors": lambda m, s: cdu.propagate(energy, point(m), deviations(s)).errors,
    "propagate, covariance": lambda m, s: cdu.propagate(energy, point(m), deviations(s)).covariance,
    "propagate, second order": lambda m, s: np.stack(
        [*cdu.propagate(energy, point(m), deviations(s), order=2)[::2]]
    ),
    "sensitivity": lambda m, s: cdu.sensitivity(energy, point(m), errors=deviations(s)).derivatives,
    "elasticities": lambda m, s: cdu.sensitivity(lambda p: energy(p) + 1.0, point(m)).elasticities,
    "shares": lambda m, s: cdu.sensitivity(energy, point(m), errors=deviations(s)).shares,
    "fisher_information": lambda m, s: cdu.fisher_information(log_density, {"m": m, "s": s}),
    "standard_errors": lambda m, s: cdu.standard_errors(
        cdu.fisher_information(log_density, {"m": m, "s": s + 0.6}), {"m": m, "s": s}
    )["s"],
}


def energy(p):
    return 0.5 * p["m"] * p["v"] ** 2


def point(m):
    return {"m": m, "v": 3.0}


def deviations(s):
    return {"m": s, "v": 0.1}


def log_density(p):
    seen = np.array([1.0, 2.5, 4.0])
    return np.sum(-0.5 * ((seen - p["m"]) / p["s"]) ** 2 - np.log(p["s"]))


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("argnum", [0, 1])
def test_results_have_derivatives_by_the_point_and_the_deviations(name, argnum):
    f, x, h = RESULTS[name], [2.0, 0.4], 1e-5
    up, down = [[v + d * (k == argnum) for k, v in enumerate(x)] for d in (h, -h)]
    expected = (np.asarray(f(*up)) - np.asarray(f(*down))) / (2 * h)
    forward, backward = cd.jacfwd(f, argnum), cd.jacrev(f, argnum)
    for derivative in (forward, backward, cd.compile(forward)):
        np.testing.assert_allclose(derivative(*x), expected, rtol=1e-6, atol=1e-7)


def test_outputs_that_are_no_numbers():
    with pytest.raises(TypeError, match="is None; does the function lack a return"):
        cdu.propagate(lambda x: None, 1.0, 0.1)
    with pytest.raises(TypeError, match="is None; does the function lack a return"):
        cdu.sensitivity(lambda x: None, 1.0)
