"""`cdiff.optimize` against SciPy called by hand, and against certified results.

What SciPy computes is SciPy's affair: the tests look at what it is given (derivatives, bounds,
constraints) and at what comes back in containers.
"""

import sys
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest

import cdiff as cd
import cdiff.optimize as cdo

scipy_optimize = pytest.importorskip("scipy.optimize")

scipy_sparse = pytest.importorskip("scipy.sparse")

METHODS = ["CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP", "Newton-CG", "trust-ncg", "trust-krylov",
           "trust-exact", "dogleg", "trust-constr"]  # fmt: skip
FREE = ["Nelder-Mead", "Powell", "COBYLA"]


def rosenbrock(x, a=100.0):
    return np.sum(a * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def bowl(p, shift):
    return np.sum((p["u"] - shift) ** 4 + (p["u"] - shift) ** 2) + (p["v"] + p["u"][0]) ** 2


@pytest.mark.parametrize("compile", [True, False])
@pytest.mark.parametrize("method", [*METHODS, *FREE])
def test_every_method_reaches_the_minimum(method, compile):
    guess = {"u": np.array([0.3, 0.9]), "v": 0.0}
    tol = {"tol": 1e-9} if method in FREE else {"tol": 1e-6}
    found = cdo.minimize(bowl, guess, (0.5,), method, compile=compile, **tol)
    assert found.success or "precision loss" in found.message
    assert set(found.x) == {"u", "v"} and type(found.x["v"]) is float
    np.testing.assert_allclose(found.x["u"], [0.5, 0.5], atol=1e-3)
    assert found.x["v"] == pytest.approx(-0.5, abs=1e-3)
    if method not in FREE and method != "trust-constr":
        assert set(found.jac) == {"u", "v"}


@pytest.mark.parametrize("method", METHODS)
def test_the_steps_are_those_with_derivatives_by_hand(method):
    start = np.array([1.2, 0.8, 1.1])
    given = {"jac": scipy_optimize.rosen_der}
    if method in ("Newton-CG", "trust-ncg", "trust-krylov"):
        given["hessp"] = scipy_optimize.rosen_hess_prod
    elif method in ("trust-exact", "dogleg", "trust-constr"):
        given["hess"] = scipy_optimize.rosen_hess
    if method == "dogleg":  # for convex functions only
        start = np.array([1.01, 1.02, 1.04])
    by_hand = scipy_optimize.minimize(scipy_optimize.rosen, start, method=method, **given)
    found = cdo.minimize(rosenbrock, start, method=method)
    np.testing.assert_allclose(found.x, by_hand.x, rtol=1e-5)
    assert abs(found.nit - by_hand.nit) <= 1


def test_the_function_runs_in_python_a_few_times_only():
    calls = []

    def counted(x):
        calls.append(1)
        return rosenbrock(x)

    found = cdo.minimize(counted, np.zeros(5), method="L-BFGS-B")
    assert len(calls) <= 3 < found.nfev
    calls.clear()
    assert cdo.minimize(counted, np.zeros(5), compile=False).nfev == len(calls)


Point = namedtuple("Point", "x y")


@dataclass
class Box:
    low: Point
    size: np.ndarray
    name: str = "box"


def test_bounds_in_containers():
    f = lambda p: np.sum((p["a"] - np.array([2.0, -3.0])) ** 2) + (p["b"][0] - 1.0) ** 2
    guess = {"a": np.zeros(2), "b": [0.0]}
    found = cdo.minimize(f, guess, bounds={"a": (np.array([-1.0, -1.0]), 1.0)})
    np.testing.assert_allclose(found.x["a"], [1.0, -1.0])
    assert found.x["b"] == [pytest.approx(1.0)]
    found = cdo.minimize(f, guess, bounds={"a": (None, 1.0), "b": [(None, 0.5)]})
    np.testing.assert_allclose(found.x["a"], [1.0, -3.0], rtol=1e-5)
    assert found.x["b"] == [0.5]
    point = cdo.minimize(lambda p: (p.x - 3.0) ** 2 + p.y**2, Point(0.0, 1.0),
                         bounds=Point((0.0, 2.0), None)).x  # fmt: skip
    assert type(point) is Point and point.x == 2.0
    assert point.y == pytest.approx(0.0, abs=1e-6)


def test_bounds_of_a_bare_array_are_scipys():
    f = lambda x: np.sum((x - 2.0) ** 2)
    for bounds in ([(0, 1), (None, 1)], scipy_optimize.Bounds(0, 1), (0.0, 1.0),
                   (None, np.array([1.0, 1.0]))):  # fmt: skip
        np.testing.assert_allclose(cdo.minimize(f, np.zeros(2), bounds=bounds).x, [1.0, 1.0])
    assert cdo.minimize(lambda x: (x - 2.0) ** 2, 0.0, bounds=(None, 1.5)).x == 1.5
    found = cdo.least_squares(lambda x: x - 2.0, np.full(2, 0.5), bounds=([0, 0], [1, 1]))
    np.testing.assert_allclose(found.x, [1.0, 1.0], rtol=1e-6)


def test_wrong_bounds_are_named():
    f, guess = lambda p: p["a"] ** 2, {"a": 1.0}
    with pytest.raises(ValueError, match="no variables: \\['b'\\]"):
        cdo.minimize(f, guess, bounds={"b": (0, 1)})
    with pytest.raises(TypeError, match="pair"):
        cdo.minimize(f, guess, bounds={"a": 3.0})
    with pytest.raises(TypeError, match=r"bounds\['a'\] must be a number or an array, got 'low'"):
        cdo.minimize(f, guess, bounds={"a": ("low", 1.0)})
    with pytest.raises(ValueError, match="above the upper one"):
        cdo.minimize(f, guess, bounds={"a": (2.0, 1.0)})
    with pytest.raises(TypeError, match="must be a dict"):
        cdo.minimize(f, guess, bounds=[(0, 1)])
    with pytest.raises(TypeError, match="Bounds holds vectors"):
        cdo.minimize(f, guess, bounds=scipy_optimize.Bounds({"a": 0.0}, {"b": 1.0}))
    with pytest.raises(ValueError, match="shape"):
        cdo.minimize(
            lambda p: np.sum(p["a"] ** 2), {"a": np.ones(2)}, bounds={"a": (np.ones(3), 4)}
        )


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr"])
def test_constraints(method):
    f = lambda p: (p["x"] - 1.0) ** 2 + (p["y"] - 2.5) ** 2
    inside = lambda p, r: {"ring": r - p["x"] ** 2 - p["y"] ** 2}
    expected = np.array([1.0, 2.5]) / np.hypot(1.0, 2.5)
    forms = [
        {"type": "ineq", "fun": inside, "args": (1.0,)},
        scipy_optimize.NonlinearConstraint(lambda p: inside(p, 1.0), 0.0, np.inf),
        [scipy_optimize.NonlinearConstraint(lambda p: [p["x"] ** 2 + p["y"] ** 2], -np.inf, 1.0),
         scipy_optimize.LinearConstraint(np.eye(2), -5.0, 5.0)],
    ]  # fmt: skip
    for constraints in forms:
        found = cdo.minimize(f, {"x": 0.1, "y": 0.1}, method=method, constraints=constraints)
        np.testing.assert_allclose([found.x["x"], found.x["y"]], expected, atol=1e-3)


def test_constraints_get_exact_derivatives():
    seen = {}

    def method(fun, x0, args=(), constraints=(), **rest):
        c = constraints[0]
        seen.update(jac=c.jac(x0), hess=c.hess(x0, np.array([2.0, 3.0])))
        return scipy_optimize.OptimizeResult(x=x0, success=True)

    g = lambda p: [p["a"][0] * p["a"][1], np.sin(p["a"][0])]
    cdo.minimize(lambda p: np.sum(p["a"]), {"a": np.array([0.5, 2.0])}, method=method,
                 constraints=[scipy_optimize.NonlinearConstraint(g, 0, 1)])  # fmt: skip
    np.testing.assert_allclose(seen["jac"], [[2.0, 0.5], [np.cos(0.5), 0.0]])
    np.testing.assert_allclose(seen["hess"], [[-3 * np.sin(0.5), 2.0], [2.0, 0.0]])


def chain(p):
    x = p["x"]
    return {"bend": 10.0 * (x[1:] - x[:-1] ** 2), "pull": 1.0 - x[:-1]}


def test_sparse_derivatives():
    guess = {"x": np.zeros(40)}
    found = cdo.least_squares(chain, guess, sparse=True)
    dense = cdo.least_squares(chain, guess)
    assert scipy_sparse.issparse(found.jac) and not scipy_sparse.issparse(dense.jac)
    assert found.jac.nnz < 3 * 40
    np.testing.assert_allclose(found.x["x"], np.ones(40), rtol=1e-5)
    small = {"x": np.full(12, 0.5)}
    objective = lambda p: sum([np.sum(r**2) for r in chain(p).values()])
    limit = scipy_optimize.NonlinearConstraint(lambda p: p["x"][1:] * p["x"][:-1], -1.0, 4.0)
    options = {"constraints": [limit], "method": "trust-constr"}
    found = cdo.minimize(objective, small, sparse=True, **options)
    dense = cdo.minimize(objective, small, **options)
    np.testing.assert_allclose(found.x["x"], np.ones(12), atol=1e-3)
    np.testing.assert_allclose(found.x["x"], dense.x["x"], atol=1e-3)
    with pytest.raises(ValueError, match="trust-constr"):
        cdo.minimize(objective, small, sparse=True)


def test_limits_of_constraints_in_containers():
    f = lambda p: (p["x"] - 3.0) ** 2 + np.sum((p["y"] + 2.0) ** 2)
    parts = lambda p: {"sum": p["x"] + np.sum(p["y"]), "y": p["y"], "x": p["x"]}
    guess = {"x": 1.0, "y": np.zeros(2)}
    limit = scipy_optimize.NonlinearConstraint(
        parts, {"sum": 0.5, "y": np.array([-1.0, -3.0])}, {"x": 2.0}
    )
    joined = scipy_optimize.NonlinearConstraint(
        lambda v: np.concatenate([[v.sum()], v[1:], v[:1]]),
        [0.5, -1.0, -3.0, -np.inf], [np.inf, np.inf, np.inf, 2.0],
    )  # fmt: skip
    by_hand = scipy_optimize.minimize(
        lambda v: (v[0] - 3.0) ** 2 + np.sum((v[1:] + 2.0) ** 2), [1.0, 0.0, 0.0],
        method="SLSQP", constraints=[joined],
    )  # fmt: skip
    for method in ("SLSQP", "trust-constr"):
        found = cdo.minimize(f, guess, method=method, constraints=[limit])
        np.testing.assert_allclose([found.x["x"], *found.x["y"]], by_hand.x, atol=1e-3)
    for wrong, error, message in (
        ({"other": 1.0}, ValueError, "no variables"),
        ({"y": np.zeros(3)}, ValueError, "shape"),
        (Box(1.0, 2.0), TypeError, "must be a dict"),
    ):
        bad = scipy_optimize.NonlinearConstraint(parts, wrong, np.inf)
        with pytest.raises(error, match=message):
            cdo.minimize(f, guess, constraints=[bad])


def test_callbacks_of_both_kinds():
    seen = []
    cdo.minimize(bowl, {"u": np.zeros(2), "v": 0.0}, 0.5, callback=lambda x: seen.append(x))
    assert seen and set(seen[0]) == {"u", "v"}
    modern = []

    def callback(intermediate_result):
        modern.append(intermediate_result)
        if len(modern) == 2:
            raise StopIteration

    found = cdo.minimize(bowl, {"u": np.zeros(2), "v": 0.0}, 0.5, callback=callback)
    assert len(modern) == 2 and set(modern[0].x) == {"u", "v"} and not found.success
    np.testing.assert_allclose(modern[0].x["u"], seen[0]["u"])


def test_callbacks_of_systems():
    seen = []
    cubic = lambda p: {"a": p["a"] ** 3 - 2.0}
    for options in ({"sparse": True}, {"method": "df-sane"}):
        cdo.root(cubic, {"a": 1.0}, callback=lambda x, f: seen.append(x), **options)
        assert seen.pop()["a"] == pytest.approx(2.0 ** (1.0 / 3.0), abs=1e-4)
    with pytest.raises(TypeError, match="callback"):
        cdo.root(lambda x: x, np.ones(2), callback=3)


def test_what_users_say_about_constraints():
    f, guess = (lambda p: np.sum(p["x"] ** 2)), {"x": np.array([0.5, 2.0])}
    calls, seen = [], {}

    def jac(p):
        calls.append(p)
        return np.ones((1, 2))

    line = {"type": "eq", "fun": lambda p: np.sum(p["x"]) - 2.0, "jac": jac}
    found = cdo.minimize(f, guess, constraints=[line])
    np.testing.assert_allclose(found.x["x"], [1.0, 1.0], atol=1e-6)
    assert calls and set(calls[0]) == {"x"}

    def method(fun, x0, args=(), constraints=(), **rest):
        c = constraints[0]
        seen.update(keep=c.keep_feasible, low=c.lb, high=c.ub)
        return scipy_optimize.OptimizeResult(x=x0, success=True)

    parts = lambda p: {"sum": np.sum(p["x"]), "x": p["x"]}
    limit = scipy_optimize.NonlinearConstraint(parts, {"sum": 1.0}, 9.0, keep_feasible=True)
    cdo.minimize(f, guess, method=method, constraints=[limit])
    np.testing.assert_array_equal(seen["low"], [1.0, -np.inf, -np.inf])
    assert seen["keep"] and seen["high"] == 9.0
    with pytest.raises(TypeError, match=r"the output of .*lambda.* is a list"):
        cdo.minimize(f, guess, constraints=[{"type": "eq", "fun": lambda p: []}])


def test_derivatives_of_the_users_own():
    f = lambda p: p["a"] ** 2 + p["b"] ** 2
    calls = []

    def jac(p):
        calls.append(p)
        return {"b": 2.0 * p["b"], "a": 2.0 * p["a"]}

    found = cdo.minimize(f, {"a": 1.0, "b": 2.0}, jac=jac, method="BFGS")
    assert calls and found.x["a"] == pytest.approx(0.0, abs=1e-6)
    product = lambda p, q: {"a": 2.0 * q["a"], "b": 2.0 * q["b"]}
    found = cdo.minimize(f, {"a": 1.0, "b": 2.0}, hessp=product, method="Newton-CG")
    assert found.x["b"] == pytest.approx(0.0, abs=1e-8)
    cdo.minimize(f, {"a": 1.0, "b": 2.0}, hess=scipy_optimize.BFGS(), method="trust-constr")


def test_least_squares_in_containers():
    t = np.linspace(0.0, 2.0, 20)
    y = 3.0 * np.exp(-1.5 * t) + 0.2
    model = lambda p, y: {"data": p["decay"].x * np.exp(-p["decay"].y * t) + p["c"] - y}
    guess = {"decay": Point(1.0, 1.0), "c": 0.0}
    for options in ({}, {"method": "lm"}, {"loss": "soft_l1"}, {"x_scale": "jac"},
                    {"x_scale": {"decay": Point(2.0, 1.0), "c": 0.1}}):  # fmt: skip
        found = cdo.least_squares(model, guess, args=(y,), **options)
        assert type(found.x["decay"]) is Point
        np.testing.assert_allclose([*found.x["decay"], found.x["c"]], [3.0, 1.5, 0.2], rtol=1e-6)
        assert found.jac.shape == (20, 3) and set(found.grad) == {"decay", "c"}
    by_kwargs = cdo.least_squares(lambda p, *, to: p - to, np.zeros(2), kwargs={"to": 3.0})
    np.testing.assert_allclose(by_kwargs.x, 3.0)
    expected = scipy_optimize.least_squares(
        lambda v: v[0] * np.exp(-v[1] * t) + v[2] - y, [1.0, 1.0, 0.0],
        jac=lambda v: np.stack([np.exp(-v[1] * t), -v[0] * t * np.exp(-v[1] * t), t * 0 + 1], 1),
    )  # fmt: skip
    found = cdo.least_squares(model, guess, args=(y,))
    assert found.nfev == expected.nfev
    np.testing.assert_allclose(found.jac, expected.jac, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", ["hybr", "lm", "krylov", "df-sane"])
def test_root(method):
    f = lambda p, a: {"first": p["x"] + 2.0 * p["y"] - a, "second": p["x"] ** 2 - p["y"]}
    found = cdo.root(f, {"x": 1.0, "y": 0.5}, (3.0,), method=method)
    assert found.success
    assert found.x["x"] == pytest.approx(1.0, abs=1e-4)
    assert found.x["y"] == pytest.approx(1.0, abs=1e-4)
    with pytest.raises(ValueError, match="as many equations"):
        cdo.root(lambda x: x[:1], np.ones(2))


def bratu(p, strength):
    """u'' + strength * exp(u) = 0 with zeros at both ends, in two parts of one container."""
    u = np.concatenate([np.zeros(1), p["left"], p["right"], np.zeros(1)])
    step = 1.0 / (u.shape[0] - 1)
    residual = (u[2:] - 2.0 * u[1:-1] + u[:-2]) / step**2 + strength * np.exp(u[1:-1])
    half = p["left"].shape[0]
    return {"left": residual[:half], "right": residual[half:]}


@pytest.mark.parametrize("compile", [True, False])
def test_a_sparse_root(compile):
    guess = {"left": np.zeros(150), "right": np.zeros(149)}
    found = cdo.root(bratu, guess, (1.0,), sparse=True, compile=compile, tol=1e-12)
    assert found.success and found.nit < 8  # Newton's method: the digits double
    dense = cdo.root(bratu, guess, (1.0,), compile=compile)
    for name in guess:
        np.testing.assert_allclose(found.x[name], dense.x[name], rtol=1e-9)
    assert found.x["right"][0] == pytest.approx(0.14054, abs=1e-4)
    by_name = cdo.root(bratu, guess, (1.0,), "krylov", sparse=True,
                       options={"maxiter": 1, "jac_options": {"inner_maxiter": 7}})  # fmt: skip
    assert by_name.nit <= 2 and not by_name.success


def test_a_sparse_root_names_mistakes():
    with pytest.raises(ValueError, match="method='krylov', not 'hybr'"):
        cdo.root(lambda x: x, np.ones(2), method="hybr", sparse=True)
    with pytest.raises(np.linalg.LinAlgError, match="singular at a step"):
        cdo.root(lambda x: x**2 - 1.0, np.array([1.5, 0.0]), sparse=True)


@pytest.mark.parametrize("compile", [True, False])
def test_complex_numbers_are_refused(compile):
    """SciPy would go on with their real parts."""
    turned, pair = (lambda p: 1j * p), (lambda p: (p[0] * 1j, p[1]))
    flat, t = (lambda p: np.sum(p**2)), np.arange(3.0)
    guess, given = np.array([3.0, 2.0]), {"compile": compile}
    equal = lambda f: [{"type": "eq", "fun": f}]
    for call in (
        lambda: cdo.least_squares(turned, guess, **given),
        lambda: cdo.least_squares(pair, guess, **given),
        lambda: cdo.root(turned, guess, **given),
        lambda: cdo.root(pair, guess, method="krylov", **given),
        lambda: cdo.root(turned, guess, sparse=True, **given),
        lambda: cdo.minimize(lambda p: 1j * flat(p), guess, **given),
        lambda: cdo.minimize(lambda p: 1j * flat(p), guess, method="Nelder-Mead", **given),
        lambda: cdo.minimize(flat, guess, constraints=equal(turned), **given),
        lambda: cdo.curve_fit(lambda t, a: 1j * a * t, t, t, **given),
        lambda: cdo.curve_fit(lambda t, a: a * t, t, 1j * t, **given),
        lambda: cdo.curve_fit(lambda t, a: a * t, t, t, sigma=1j * (t + 1.0), **given),
        lambda: cdo.minimize(lambda p: np.sum(abs(p) ** 2), guess + 1j, **given),
    ):
        with pytest.raises(TypeError, match="is complex; give real and imaginary parts"):
            call()


def rows(x):
    return x


def test_numbers_and_lists_as_guesses():
    both = cdo.minimize(lambda p: (p["a"] - 1.5) ** 2 + np.sum(p["b"] ** 2),
                        {"a": 1, "b": np.arange(3)})  # fmt: skip
    assert both.x["b"].dtype == float and both.x["a"] == pytest.approx(1.5)
    assert cdo.minimize(lambda x: (x - 1.5) ** 2, 0).x == pytest.approx(1.5)
    np.testing.assert_allclose(cdo.minimize(rosenbrock, [0, 0]).x, [1.0, 1.0], rtol=1e-4)
    with pytest.raises(TypeError, match="minimize: the unknown"):
        cdo.minimize(lambda x: 1.0, "start")


@pytest.mark.parametrize("method", ["BFGS", "Nelder-Mead", "trust-exact"])
def test_what_a_function_to_be_minimised_returns(method):
    column = lambda x: (x - 1.0).reshape((-1, 1))
    for f in (lambda x: column(x).T @ column(x), lambda x: np.sum((x - 1.0) ** 2).reshape((1,))):
        found = cdo.minimize(f, np.zeros(2), method=method)
        np.testing.assert_allclose(found.x, [1.0, 1.0], atol=1e-4)

    def forgets(x):
        np.sum(x**2)

    cases = [
        (lambda x: x * 2.0, r"has shape \(2,\); return one number.*least_squares"),
        (forgets, "forgets is None; does the function lack a return statement"),
        (lambda x: (x @ x, 2.0 * x), "a tuple with 2 entries; return one number"),
        (lambda x: "far", "is a str"),
    ]
    for f, message in cases:
        with pytest.raises(TypeError, match="^minimize: the output of .*" + message):
            cdo.minimize(f, np.ones(2), method=method)


def test_what_functions_of_equations_and_residuals_return():
    nothing = lambda x: None
    calls = [
        lambda f: cdo.root(f, np.ones(2)),
        lambda f: cdo.least_squares(f, np.ones(2)),
        lambda f: cdo.minimize(np.sum, np.ones(2), constraints={"type": "eq", "fun": f}),
        lambda f: cdo.curve_fit(lambda x, a: f(x), np.ones(3), np.ones(3)),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="is None; does the function lack a return"):
            call(nothing)
        with pytest.raises(TypeError, match="is a str"):
            call(lambda x: ["near", "far"])
    for x0 in (np.zeros(0), {"a": np.zeros((0, 3))}):
        with pytest.raises(ValueError, match="minimize: there is no number among the unknowns"):
            cdo.minimize(lambda x: 1.0, x0)
    for constraint in (nothing, {"type": "eq"}, [{"type": "eq", "fun": 3}]):
        with pytest.raises(TypeError, match="minimize: a constraint is a dict with"):
            cdo.minimize(np.sum, np.ones(2), constraints=constraint)
    with pytest.raises(TypeError, match="root: jac=True"):
        cdo.root(lambda x: (x, np.eye(2)), np.ones(2), jac=True)


# --- fits -----------------------------------------------------------------------------------------


def test_curve_fit_is_scipys():
    rng = np.random.default_rng(3)
    x = np.linspace(0.0, 4.0, 40)
    y = 2.5 * np.exp(-1.3 * x) + 0.5 + 0.05 * rng.normal(size=40)
    f = lambda x, a, b, c: a * np.exp(-b * x) + c
    root = rng.normal(size=(40, 40))
    sigmas = [None, np.linspace(0.5, 2.0, 40), root @ root.T + np.eye(40)]
    for sigma in sigmas:
        for absolute in (False, True):
            expected = scipy_optimize.curve_fit(f, x, y, sigma=sigma, absolute_sigma=absolute,
                                                ftol=1e-13, xtol=1e-13)  # fmt: skip
            fit = cdo.curve_fit(f, x, y, sigma=sigma, absolute_sigma=absolute)
            np.testing.assert_allclose(fit.parameters, expected[0], rtol=1e-6)
            np.testing.assert_allclose(fit.covariance, expected[1], rtol=1e-4)
            np.testing.assert_allclose(fit.errors, np.sqrt(np.diag(fit.covariance)), rtol=1e-14)
    bounded = cdo.curve_fit(f, x, y, [1.0, 1.0, 0.0], bounds=([0, 0, 0], [2.0, 5.0, 1.0]))
    assert bounded.parameters[0] == pytest.approx(2.0, rel=1e-6)
    single = cdo.curve_fit(lambda x, a: a * x, x, 2.0 * x, 1.0)
    assert single.parameters == pytest.approx(2.0) and type(single.errors) is float


def test_curve_fit_in_containers_and_by_the_hessian():
    x = np.linspace(0.1, 2.0, 15)
    y = 1.7 * x**0.6 + 0.05 * np.sin(9.0 * x)
    f = lambda x, p: p["size"] * x ** p["power"]
    fit = cdo.curve_fit(f, x, y, {"size": 1.0, "power": 1.0}, bounds={"power": (0.0, 2.0)})
    curved = cdo.curve_fit(f, x, y, {"size": 1.0, "power": 1.0}, covariance="hessian")
    best = np.array([curved.parameters["size"], curved.parameters["power"]])
    half = lambda v: 0.5 * np.sum((v[0] * x ** v[1] - y) ** 2)
    expected = np.linalg.inv(cd.hessian(half)(best)) * 2.0 * half(best) / 13
    np.testing.assert_allclose(curved.covariance, expected, rtol=1e-9)
    jacobian = cd.jacobian(lambda v: v[0] * x ** v[1])(best)
    expected = np.linalg.inv(jacobian.T @ jacobian) * 2.0 * half(best) / 13
    np.testing.assert_allclose(fit.covariance, expected, rtol=1e-6)
    assert not np.allclose(fit.covariance, curved.covariance, rtol=1e-3)
    assert fit.errors.keys() == {"size", "power"}


def test_curve_fit_names_mistakes():
    x = np.arange(4.0)
    with pytest.raises(np.linalg.LinAlgError, match="do not depend on the parameter\\['b'\\]"):
        cdo.curve_fit(lambda x, p: p["a"] * x + 0.0 * p["b"], x, x, {"a": 1.0, "b": 1.0})
    with pytest.raises(np.linalg.LinAlgError, match="linearly dependent"):
        cdo.curve_fit(lambda x, a, b: (a + b) * x, x, x + 1.0)
    with pytest.raises(ValueError, match="2 data do not determine 3"):
        cdo.curve_fit(lambda x, a, b, c: a * x, x[:2], x[:2])
    with pytest.raises(ValueError, match="the model has shape"):
        cdo.curve_fit(lambda x, a: a * x[:2], x, x)
    with pytest.raises(ValueError, match="sigma"):
        cdo.curve_fit(lambda x, a: a * x, x, x, sigma=np.ones(3))
    with pytest.raises(ValueError, match="positive"):
        cdo.curve_fit(lambda x, a: a * x, x, x, sigma=np.zeros(4))
    with pytest.raises(ValueError, match="finite"):
        cdo.curve_fit(lambda x, a: a * x, x, x * np.nan)
    with pytest.raises(ValueError, match="give p0"):
        cdo.curve_fit(lambda x, *a: x, x, x)
    with pytest.raises(ValueError, match="covariance"):
        cdo.curve_fit(lambda x, a: a * x, x, x, covariance="other")
    with pytest.raises(RuntimeError, match="curve_fit: "):
        cdo.curve_fit(lambda x, a, b: a * np.exp(b * x), x, np.exp(-3.0 * x), max_nfev=2)


def test_without_scipy_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    for call in (
        lambda: cdo.minimize(rosenbrock, np.zeros(2)),
        lambda: cdo.least_squares(lambda x: x, np.zeros(2)),
        lambda: cdo.root(lambda x: x, np.zeros(2)),
    ):
        with pytest.raises(ImportError, match=r"pip install cdiff-ad\[scipy\]"):
            call()


def test_constraints_in_dicts_bring_their_hessians(recwarn):
    """SciPy would update an approximation, and warn where it does not change."""
    asked = []

    def total(p, most):
        asked.append(1)
        return most - p["a"] - np.sum(p["b"])

    start = {"a": 0.2, "b": np.array([0.1, 0.1])}
    f = lambda p: (p["a"] - 1.0) ** 2 + np.sum((p["b"] - 2.0) ** 2)
    for kind, sparse in (("ineq", False), ("eq", False), ("EQ", True)):
        rule = {"type": kind, "fun": total, "args": (1.0,)}
        found = cdo.minimize(f, start, method="trust-constr", constraints=rule, sparse=sparse)
        np.testing.assert_allclose(found.x["a"], -1.0 / 3.0, atol=1e-3)
        np.testing.assert_allclose(found.x["b"], 2.0 / 3.0, atol=1e-3)
    assert asked and not [w for w in recwarn.list if "delta_grad" in str(w.message)]
    with pytest.raises(ValueError, match="type"):
        cdo.minimize(f, start, method="trust-constr", constraints={"type": "x", "fun": total})


def test_constraints_in_dicts_may_have_jacobians_of_their_own():
    ring = {"type": "eq", "fun": lambda x: x @ x - 1.0, "jac": lambda x: 2.0 * np.asarray(x)}
    found = cdo.minimize(lambda x: np.sum(x), np.array([0.5, 0.6]), method="trust-constr",
                         constraints=ring)  # fmt: skip
    np.testing.assert_allclose(found.x, -np.sqrt(0.5), atol=1e-5)


@pytest.mark.parametrize("name", ["jac", "hess"])
def test_a_function_does_not_return_its_derivative(name):
    with pytest.raises(TypeError, match=f"{name}=True .* leave {name} out"):
        cdo.minimize(lambda x: x**2, 1.0, **{name: True})


def test_jacobians_of_ones_own_are_of_containers():
    seen = []

    def jac(p, shift):
        seen.append(p)
        return np.array([[2.0 * p["u"], 0.0], [-1.0, 1.0]])

    equations = lambda p, shift: (p["u"] ** 2 - shift, p["v"] - p["u"])
    start = {"u": 1.0, "v": 0.0}
    for method in ("hybr", "LM"):
        found = cdo.root(equations, start, args=(2.0,), method=method, jac=jac)
        np.testing.assert_allclose([found.x["u"], found.x["v"]], np.sqrt(2.0))
    found = cdo.least_squares(equations, start, args=(2.0,), jac=jac)
    np.testing.assert_allclose([found.x["u"], found.x["v"]], np.sqrt(2.0))
    assert len(seen) > 5 and all(set(p) == {"u", "v"} for p in seen)
    assert cdo.least_squares(equations, start, args=(2.0,), jac="3-point").success
    with pytest.raises(TypeError, match="leave jac out"):
        cdo.curve_fit(lambda x, a: a * x, np.ones(3), np.ones(3), jac=lambda x, a: x)


@pytest.mark.parametrize("method", ["LM", "Hybr"])
def test_names_of_methods_are_read_as_scipy_reads_them(method):
    calls = []

    def f(x):
        calls.append(1)
        return x**2 - 2.0

    assert abs(cdo.root(f, 1.0, method=method, compile=False).x - np.sqrt(2.0)) < 1e-6
    with_jacobian = len(calls)
    cdo.root(f, 1.0, method=method.lower(), compile=False)
    assert len(calls) == 2 * with_jacobian
