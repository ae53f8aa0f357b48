"""`cdiff.integrate`: `odeint` and integrals against closed forms.

Derivatives are compared with those of solutions in closed form (all orders and modes), with those
of much more accurate numerical solutions, and the discrete ones with differences of the very
numbers that are returned.
"""

import gc
import sys
from typing import NamedTuple

import numpy as np
import pytest

import cdiff as cd
import cdiff.integrate as cdi
import cdiff.numpy as cnp
from cdiff.integrate._choice import Choice
from cdiff.integrate._odeint import _Problem
from cdiff.integrate._runge_kutta import METHODS, System

scipy_integrate = pytest.importorskip("scipy.integrate")

TIMES = np.array([0.0, 0.4, 1.1])
CONTINUOUS = {"adjoint": "continuous"}
WAYS = {
    "discrete": {},
    "continuous": CONTINUOUS,
    "Radau": {**CONTINUOUS, "method": "Radau"},
    "LSODA": {**CONTINUOUS, "method": "LSODA"},
}
TIGHT = {"rtol": 1e-10, "atol": 1e-10}


def logistic(t, y, rate):
    return rate * y * (1.0 - y)


def logistic_exact(start, rate, t):
    return 1.0 / (1.0 + (1.0 / start - 1.0) * np.exp(-rate * (t - t[0])))


def weigh(y):
    return y[0] + 2.0 * y[1] ** 2 + np.sin(3.0 * y[2])


MODES = {
    "value": lambda f: f,
    "grad": cd.grad,
    "jacfwd": cd.jacfwd,
    "fwd rev": lambda f: cd.jacfwd(cd.grad(f)),
    "rev rev": lambda f: cd.grad(cd.grad(f)),
    "rev fwd": lambda f: cd.grad(cd.jacfwd(f)),
    "third": lambda f: cd.jacfwd(cd.jacfwd(cd.grad(f))),
    "vmap": lambda f: lambda x: cd.vmap(cd.grad(f))(cnp.stack([x, 1.5 * x])),
}


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", WAYS)
def test_the_logistic_equation(way, mode, compiled):
    if way in ("Radau", "LSODA") and mode in ("third", "rev rev", "rev fwd"):
        pytest.skip("the same code as with dopri5, and slow")
    options = WAYS[way] | TIGHT
    got = MODES[mode](lambda r: weigh(cdi.odeint(logistic, 0.2, TIMES, r, **options)))
    expected = MODES[mode](lambda r: weigh(logistic_exact(0.2, r, TIMES)))
    got = cd.compile(got) if compiled else got
    for rate in (1.3, 1.3, 2.9):
        np.testing.assert_allclose(got(rate), expected(rate), rtol=2e-6)


@pytest.mark.parametrize("way", WAYS)
def test_by_start_and_times(way):
    f = lambda y, t: weigh(cdi.odeint(logistic, y, t, 1.3, **WAYS[way], **TIGHT))
    exact = lambda y, t: weigh(logistic_exact(y, 1.3, t))
    for times in (TIMES, np.array([1.0, 0.3, -0.5]), np.array([0.0, 0.5, 0.5])):
        if way in ("Radau", "LSODA") and times[1] == times[2]:
            continue
        expected = cd.grad(exact, (0, 1))(0.2, times)
        got = cd.grad(f, (0, 1))(0.2, times)
        np.testing.assert_allclose(got[0], expected[0], rtol=1e-7)
        np.testing.assert_allclose(got[1], expected[1], rtol=1e-6, atol=1e-9)
        for k, t in enumerate(np.eye(3)):
            moved = cd.jvp(f, (0.2, times), (0.0, t))[1]
            assert moved == pytest.approx(expected[1][k], rel=1e-6, abs=1e-9)


def volterra(t, s, p):
    return {"prey": p["a"] * s["prey"] - s["prey"] * s["fox"] + 0.1 * np.sin(t),
            "fox": s["prey"] * s["fox"] - p["b"] * s["fox"]}  # fmt: skip


def volterra_loss(p, start, **options):
    s = cdi.odeint(volterra, start, np.linspace(0.0, 2.0, 5), p, **options)
    return np.sum(s["prey"] ** 2) + np.sum(np.cos(s["fox"]))


@pytest.mark.parametrize("way", ["discrete", "continuous"])
def test_states_and_parameters_in_containers(way):
    p = {"a": 1.1, "b": np.array([0.4, 0.9])}
    start = {"prey": np.array([1.0, 0.7]), "fox": np.array([0.5, 1.2])}
    states = cdi.odeint(volterra, start, np.linspace(0.0, 2.0, 5), p)
    assert states["prey"].shape == (5, 2) and type(states["prey"]) is np.ndarray

    def accurate(v):
        def slope(t, y):
            s = volterra(t, {"prey": y[:2], "fox": y[2:]}, {"a": v[0], "b": v[1:3]})
            return np.concatenate([s["prey"], s["fox"]])

        y = scipy_integrate.solve_ivp(slope, (0, 2), v[3:], "DOP853", np.linspace(0.0, 2.0, 5),
                                      rtol=1e-13, atol=1e-13).y  # fmt: skip
        return np.sum(y[:2] ** 2) + np.sum(np.cos(y[2:]))

    v = np.array([1.1, 0.4, 0.9, 1.0, 0.7, 0.5, 1.2])
    h = 1e-4
    numeric = [(accurate(v + h * e) - accurate(v - h * e)) / (2 * h) for e in np.eye(7)]
    got = cd.grad(lambda p, s: volterra_loss(p, s, **WAYS[way], **TIGHT), (0, 1))(p, start)
    flat = [got[0]["a"], *got[0]["b"], *got[1]["prey"], *got[1]["fox"]]
    np.testing.assert_allclose(flat, numeric, rtol=1e-5)


@pytest.mark.parametrize("method", ["dopri5", "rodas4"])
def test_the_discrete_derivative_is_that_of_the_numbers_returned(method, monkeypatch):
    """With loose tolerances the solution is wrong; its derivative is still that of what it is."""
    loose = {"rtol": 1e-2, "atol": 1e-2, "method": method}
    times = np.array([0.0, 3.0, 6.0])
    slope = lambda t, y: np.sin(y) - 0.3 * y + np.cos(t)
    f = lambda y: np.sum(cdi.odeint(slope, y, times, **loose) ** 2)
    kept = []
    choose = Choice.steps
    monkeypatch.setattr(Choice, "steps", lambda self: kept.append(choose(self)) or kept[-1])
    own = cd.grad(f)(0.4)
    monkeypatch.setattr(Choice, "steps", lambda self: kept[0])  # the same steps for neighbours
    h = 1e-5
    assert own == pytest.approx((f(0.4 + h) - f(0.4 - h)) / (2 * h), rel=1e-8)
    tight = lambda y: np.sum(cdi.odeint(slope, y, times, **CONTINUOUS, **TIGHT) ** 2)
    assert own != pytest.approx(cd.grad(tight)(0.4), rel=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_the_orders_of_the_methods(method):
    f = lambda t, y: cnp.stack([y[1] * np.cos(t), -y[0] * y[1] + t])
    start = np.array([1.0, 0.5])
    exact = cdi.odeint(f, start, [0.0, 1.0], rtol=1e-13, atol=1e-13)[-1]
    problem, errors = _Problem(f, start, (), "test"), []
    system = System(problem.slope, problem.linear, cnp.linalg.inv)
    for n in (8, 16):
        v = cd.array(start)
        for k in range(n):
            v = METHODS[method].step(system, k / n, v, 1.0 / n)
        errors.append(np.max(np.abs(v.numpy() - exact)))
    assert np.log2(errors[0] / errors[1]) > METHODS[method].order - 0.1


def test_outer_values_count():
    def end(rate, way):
        return cdi.odeint(lambda t, y: -rate * y, 1.0, np.array([0.0, 1.0]), **WAYS[way])[-1]

    for way in ("discrete", "continuous"):
        assert cd.grad(end)(0.7, way) == pytest.approx(-np.exp(-0.7), rel=1e-6)


def test_branches_and_calls_in_the_slope():
    def slope(t, y):
        return -y if t < 0.5 else -2.0 * y

    got = cdi.odeint(slope, 1.0, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(got, [1.0, np.exp(-0.5), np.exp(-1.5)], rtol=1e-6)
    f = lambda y: cdi.odeint(slope, y, np.array([0.0, 0.5, 1.0]))[-1]
    assert cd.grad(f)(1.0) == pytest.approx(np.exp(-1.5), rel=1e-6)


def test_a_stiff_problem():
    def slope(t, y, k):
        return cnp.stack([-k * (y[0] - np.cos(t)), y[0] - y[1]])

    def end(k, **options):
        return cdi.odeint(slope, np.array([0.0, 1.0]), np.array([0.0, 1.0]), k, **options)[-1, 1]

    f = lambda k: end(k, method="rodas4")
    h = 100.0
    expected = (f(1e4 + h) - f(1e4 - h)) / (2 * h)
    for g in (cd.grad(f), cd.jacfwd(f), cd.compile(cd.grad(f))):
        assert g(1e4) == pytest.approx(expected, rel=1e-2)
    stiff = lambda k: end(k, **WAYS["Radau"], rtol=1e-5, atol=1e-7)
    assert cd.jacfwd(stiff)(1e4) == pytest.approx(expected, rel=1e-2)
    with pytest.raises(RuntimeError, match="rodas4"):
        end(1e7, max_steps=500)
    event = lambda k: cdi.ode_event(slope, np.array([0.0, 1.0]), (0.0, 3.0),
                                    lambda t, y, k: y[0] - 0.5, k, direction=-1,
                                    method="rodas4", rtol=1e-4)[0]  # fmt: skip
    assert event(1e4) == pytest.approx(np.pi / 3, abs=1e-3)
    # y[0] = cos(t) + sin(t) / k and more
    assert cd.grad(event)(1e4) == pytest.approx(-1e-8, rel=1e-2)


def test_mistakes_of_odeint():
    f = lambda t, y: -y
    with pytest.raises(ValueError, match="increase or decrease"):
        cdi.odeint(f, 1.0, [0.0, 2.0, 1.0])
    with pytest.raises(ValueError, match="vector of times"):
        cdi.odeint(f, 1.0, 1.0)
    with pytest.raises(ValueError, match="adjoint must be"):
        cdi.odeint(f, 1.0, TIMES, adjoint="other")
    with pytest.raises(ValueError, match="no discrete derivative"):
        cdi.odeint(f, 1.0, TIMES, method="Radau")
    with pytest.raises(ValueError, match="shape"):
        cdi.odeint(lambda t, y: y[:1], np.ones(2), TIMES)
    with pytest.raises(TypeError, match="output"):
        cdi.odeint(lambda t, y: [y], 1.0, TIMES)
    with pytest.raises(RuntimeError, match=r"finite|steps"):
        cdi.odeint(lambda t, y: y * y, 1.0, [0.0, 2.0])
    with pytest.raises(ValueError, match="positive"):
        cdi.odeint(f, 1.0, TIMES, rtol=0.0, atol=0.0)
    with pytest.raises(TypeError, match="function"):
        cdi.odeint(3, 1.0, TIMES)
    with pytest.raises(RuntimeError, match=r"more than 5 steps.*rodas4.*float32.*max_steps"):
        cdi.odeint(f, 1.0, [0.0, 100.0], max_steps=5)
    with pytest.raises(ValueError, match="there are no times"):
        cdi.odeint(f, 1.0, [])
    with pytest.raises(TypeError, match=r"quad: the output of .* is None"):
        cdi.quad(lambda x: None, 0.0, 1.0)
    np.testing.assert_allclose(cdi.odeint(f, 1, [0, 1]), [1.0, np.exp(-1)], rtol=1e-7)
    whole = cdi.odeint(f, np.array([1, 2]), [0, 1])
    np.testing.assert_allclose(whole[1], [np.exp(-1), 2.0 * np.exp(-1)], rtol=1e-7)
    assert cdi.odeint(f, np.zeros(0), [0.0, 1.0]).shape == (2, 0)
    np.testing.assert_array_equal(cdi.odeint(f, 2.0, [0.0]), [2.0])


# --- dense output and events ----------------------------------------------------------------------


def test_dense_output():
    grid = np.linspace(0.0, 3.0, 31)
    y = cdi.ode_solution(logistic, 0.2, (0.0, 3.0), 1.3)
    np.testing.assert_allclose(y(grid), logistic_exact(0.2, 1.3, grid), rtol=1e-6)
    assert y(0.0) == 0.2  # not continued backwards from a later step
    at = lambda t: y(t)
    slope = cd.elementwise_grad(at)(grid[1:-1])
    np.testing.assert_allclose(slope, logistic(0, y(grid[1:-1]), 1.3), rtol=1e-4)

    def middle(rate, t):
        return cdi.ode_solution(logistic, 0.2, (0.0, 3.0), rate)(t)

    exact = lambda rate, t: 1.0 / (1.0 + 4.0 * np.exp(-rate * t))
    for f in (middle, cd.grad(middle), cd.grad(middle, 1), cd.grad(cd.grad(middle))):
        g = {middle: exact}.get(f)
        if g is not None:
            assert f(1.3, 1.7) == pytest.approx(g(1.3, 1.7), rel=1e-6)
    assert cd.grad(middle)(1.3, 1.7) == pytest.approx(cd.grad(exact)(1.3, 1.7), rel=1e-5)
    assert cd.grad(middle, 1)(1.3, 1.7) == pytest.approx(cd.grad(exact, 1)(1.3, 1.7), rel=1e-5)
    compiled = cd.compile(cd.grad(middle))
    for rate in (1.3, 2.0, 0.4):
        assert compiled(rate, 1.7) == pytest.approx(cd.grad(exact)(rate, 1.7), rel=1e-5)
    backward = cdi.ode_solution(lambda t, y: {"y": -y["y"]}, {"y": np.ones(2)}, (1.0, -1.0))
    np.testing.assert_allclose(backward(np.array([0.0, -1.0]))["y"][:, 0],
                               np.exp([1.0, 2.0]), rtol=1e-6)  # fmt: skip
    np.testing.assert_allclose(backward(0.5)["y"], np.exp([0.5, 0.5]), rtol=1e-6)
    with pytest.raises(ValueError, match=r"from t = 0 to 3"):
        y(3.5)
    with pytest.raises(ValueError, match="different times"):
        cdi.ode_solution(logistic, 0.2, (1.0, 1.0), 1.3)


class Ball(NamedTuple):
    height: float
    speed: float


def fall(t, ball, gravity):
    return Ball(ball.speed, -gravity)


def landing(height, speed, gravity):
    t, ball = cdi.ode_event(fall, Ball(height, speed), (0.0, 50.0),
                            lambda t, ball, gravity: ball.height, gravity)  # fmt: skip
    return t, ball.speed


def landing_exact(height, speed, gravity):
    root = np.sqrt(speed**2 + 2.0 * gravity * height)
    return (speed + root) / gravity, -root


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("which", [0, 1])
def test_events(which, compiled):
    f = lambda *x: landing(*x)[which]
    exact = lambda *x: landing_exact(*x)[which]
    modes = (lambda g: g, lambda g: cd.grad(g, (0, 1, 2)), lambda g: cd.jacfwd(g, (0, 1, 2)),
             lambda g: cd.grad(cd.grad(g, 1), 0))  # fmt: skip
    for mode in modes:
        got = cd.compile(mode(f)) if compiled else mode(f)
        for point in ((1.5, 2.0, 9.81), (1.5, 2.0, 9.81), (3.0, 0.5, 5.0)):
            np.testing.assert_allclose(got(*point), mode(exact)(*point), rtol=1e-6)


def test_kinds_of_events():
    swing = lambda t, y: cnp.stack([y[1], -y[0]])
    start = np.array([0.1, 1.0])
    down = cdi.ode_event(swing, start, (0.0, 20.0), lambda t, y: y[0], direction=-1)[0]
    up = cdi.ode_event(swing, start, (0.0, 20.0), lambda t, y: y[0], direction=1)[0]
    assert up == pytest.approx(down + np.pi, rel=1e-6)
    assert cdi.ode_event(swing, start, (0.0, 20.0), lambda t, y: y[0])[0] == down
    assert cdi.ode_event(swing, start, (0.0, 20.0), lambda t, y: t - 2.5)[0] == pytest.approx(2.5)
    with pytest.raises(RuntimeError, match="no event between t = 0 and 1"):
        cdi.ode_event(swing, start, (0.0, 1.0), lambda t, y: y[0] - 9.0)
    with pytest.raises(ValueError, match="one number"):
        cdi.ode_event(swing, start, (0.0, 1.0), lambda t, y: y)


# --- integrals ------------------------------------------------------------------------------------


def gamma_by_integral(a):
    return cdi.quad(lambda x: x ** (a - 1.0) * np.exp(-x), 0.0, np.inf)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("mode", ["value", "grad", "jacfwd", "fwd rev", "rev rev", "third", "vmap"])
def test_an_integral_by_a_parameter(mode, compiled):
    import cdiff.scipy.special as csp

    got, expected = MODES[mode](gamma_by_integral), MODES[mode](lambda a: csp.gamma(a))
    got = cd.compile(got) if compiled else got
    for a in (3.5, 4.2):
        np.testing.assert_allclose(got(a), expected(a), rtol=1e-8)


def test_by_the_limits():
    f = lambda a, b, k: cdi.quad(lambda x, k: np.cos(k * x), a, b, k)
    exact = lambda a, b, k: (np.sin(k * b) - np.sin(k * a)) / k
    point = (0.3, 1.7, 2.0)
    for mode in (cd.grad, cd.jacfwd, cd.hessian):
        got, expected = mode(f, (0, 1, 2))(*point), mode(exact, (0, 1, 2))(*point)
        np.testing.assert_allclose(np.ravel(got), np.ravel(expected), rtol=1e-9, atol=1e-12)
    assert f(1.0, 0.0, 2.0) == pytest.approx(-f(0.0, 1.0, 2.0), rel=1e-12)
    tail = lambda a, b: cdi.quad(lambda x: np.exp(-x), a, b)
    assert cd.grad(tail, (0, 1))(0.5, np.inf) == pytest.approx((-np.exp(-0.5), 0.0))
    assert cd.compile(cd.grad(tail, (0, 1)))(0.5, np.inf) == pytest.approx((-np.exp(-0.5), 0.0))


def test_integrals_of_containers():
    def f(x, p):
        return {"a": p["k"] * x, "b": np.stack([x**2, p["v"] @ p["v"] * x])}

    p = {"k": 2.0, "v": np.array([1.0, 3.0])}
    found = cdi.quad(f, 0, 2, p)
    assert type(found["a"]) is float and found["a"] == pytest.approx(4.0)
    np.testing.assert_allclose(found["b"], [8 / 3, 20.0])
    got = cd.grad(lambda p: cdi.quad(f, 0.0, 2.0, p)["b"][1])(p)
    np.testing.assert_allclose(got["v"], 4.0 * p["v"])
    assert got["k"] == 0.0


def test_an_integral_with_a_kink_and_one_that_fails():
    f = lambda c: cdi.quad(lambda x: np.abs(x - 0.3) * c, 0.0, 1.0, points=[0.3])
    assert cd.grad(f)(2.0) == pytest.approx(0.29, rel=1e-12)
    with pytest.raises(RuntimeError, match="not found to the tolerance"):
        cdi.quad(lambda x: np.sin(1.0 / x) / x, 0.0, 1.0, limit=20)
    with pytest.raises(TypeError, match="limit b"):
        cdi.quad(lambda x: x, 0.0, np.ones(2))
    with pytest.raises(TypeError, match="output of"):
        cdi.quad(lambda x: "text", 0.0, 1.0)


def test_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.integrate", None)
    assert cdi.odeint(lambda t, y: -y, 1.0, [0.0, 1.0])[-1] == pytest.approx(np.exp(-1.0))
    with pytest.raises(ImportError, match=r"pip install cdiff-ad\[scipy\]"):
        cdi.solve_ivp(lambda t, y: -y, (0, 1), 1.0)
    with pytest.raises(ImportError, match=r"pip install cdiff-ad\[scipy\]"):
        cdi.quad(lambda x: x, 0.0, 1.0)


@pytest.mark.parametrize("method", ["dopri5", "rodas4"])
def test_a_slope_that_is_not_finite_from_the_start(method):
    with pytest.raises(RuntimeError, match=r"not finite at the first state .t = 0\)"):
        cdi.odeint(lambda t, y: np.log(-y), 1.0, [0.0, 1.0], method=method)


@pytest.mark.parametrize("span", [1.0, (0.0, 1.0, 2.0), "ab c"])
def test_a_span_has_two_ends(span):
    with pytest.raises(ValueError, match="t_span must be a pair of times, got"):
        cdi.solve_ivp(lambda t, y: -y, span, np.ones(2))


def test_jacobians_of_ones_own():
    seen = []
    jac = lambda t, y, rate: (seen.append(y["a"]), [[-rate]])[1]
    found = cdi.solve_ivp(lambda t, y, rate: {"a": -rate * y["a"]}, (0.0, 1.0), {"a": 1.0}, "BDF",
                          args=(3.0,), rtol=1e-8, atol=1e-9, jac=jac)  # fmt: skip
    np.testing.assert_allclose(found.y["a"][-1], np.exp(-3.0), rtol=1e-5)
    x = np.linspace(0.0, 1.0, 5)
    with pytest.raises(TypeError, match="leave bc_jac out"):
        cdi.solve_bvp(lambda x, y: y, lambda a, b: a, x, np.ones((1, 5)), bc_jac=lambda a, b: a)
    assert seen


def test_odeint_says_that_it_is_for_real_states():
    for start in (1j, np.array([1j, 2.0]), {"a": 1.0, "b": 1j}):
        with pytest.raises(TypeError, match="odeint: the state is complex; give real and imag"):
            cdi.odeint(lambda t, y: y, start, np.linspace(0.0, 1.0, 3))


def _objects_kept(call):
    """How many more objects there are after a few calls."""
    for _ in range(3):
        call()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(10):
        call()
    gc.collect()
    return len(gc.get_objects()) - before


def test_gradients_leave_nothing_behind():
    """A graph holds the steps that it is made of; if these held the graph, nothing would see it."""
    decay = lambda p: lambda t, y: -p[0] * y
    end = lambda p: cdi.odeint(decay(p), p, TIMES)[-1].sum()
    inside = lambda p: cdi.ode_solution(decay(p), p, (0.0, 1.0))(np.array([0.2, 0.5])).sum()
    for f in (end, inside):
        assert _objects_kept(lambda f=f: cd.grad(f)(np.array([0.5, 1.0]))) < 10


def compiled_at(f, *args):
    """A compiled function that was recorded at these arguments."""
    compiled = cd.compile(f)
    compiled(*args)
    return compiled


def decayed(t, y0, **options):
    return cdi.odeint(lambda t, y: -y, y0, t, **options)


@pytest.mark.parametrize("options", [{}, CONTINUOUS, {**CONTINUOUS, "method": "RK45"}])
def test_a_compiled_function_checks_times_that_are_arguments(options):
    f = lambda t, y0: decayed(t, y0, **options)
    compiled = compiled_at(f, np.array([0.0, 1.0, 2.0]), 1.0)
    for wrong in ([0.0, 2.0, 1.0], [0.0, 1.0, np.nan], [0.0, 1.0, np.inf]):
        with pytest.raises(ValueError, match="the times must be finite, and increase or decrease"):
            compiled(np.array(wrong), 1.0)
    back = np.array([0.0, -1.0, -2.0])
    np.testing.assert_allclose(compiled(back, 1.0), f(back, 1.0), rtol=1e-12)


def test_a_compiled_solution_knows_where_it_ends():
    f = lambda ends, t: cdi.ode_solution(lambda t, y: -y, 1.0, ends)(t)
    ends = np.array([0.0, 2.0])
    for t in (1.0, np.array([1.0, 0.5])):
        compiled = compiled_at(f, ends, t)
        for wrong in (5.0 * t, -t):
            with pytest.raises(ValueError, match="the solution is known from t = 0 to 2"):
                compiled(ends, wrong)
        np.testing.assert_allclose(compiled(-ends, -t), f(-ends, -t), rtol=1e-12)
        np.testing.assert_allclose(compiled(ends, 1.9 * t), f(ends, 1.9 * t), rtol=1e-12)
