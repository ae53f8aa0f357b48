"""The choice of steps of `odeint`: attempts in a row, against the same rules in NumPy."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import cdiff as cd
import cdiff.integrate as cdi
import cdiff.numpy as cnp
from cdiff.integrate import _search
from cdiff.integrate._adjoint import Settings, captured_body
from cdiff.integrate._choice import Choice
from cdiff.integrate._odeint import _Problem
from cdiff.integrate._runge_kutta import METHODS, System, placed_steps
from cdiff.integrate._search import Search

GRID = np.linspace(0.0, 2.0, 5)
TIGHT = {"rtol": 1e-10, "atol": 1e-10}


def volterra(t, y):
    return cnp.stack([1.1 * y[0] - 0.9 * y[0] * y[1], 0.8 * y[0] * y[1] - 0.7 * y[1]])


def pendulum(t, y):
    return cnp.stack([y[1], -np.sin(y[0]) + 0.3 * np.cos(2.0 * t)])


def jumping(t, y):
    return cnp.stack([cnp.where(t < 0.5, -y[0], 5.0 * y[1]), -y[1]])


def branching(t, y):
    return -y if y[0] > 0.4 else -3.0 * y * y


def alternating(t, y):
    return -y if np.sin(40.0 * t) > 0.0 else -1.1 * y


def looping(t, y):
    return cd.scan(lambda c, a: (c + a * np.sin(y), None), -0.1 * y, np.array([0.1, 0.2]))[0]


SLOPES = [volterra, pendulum, jumping, branching, alternating, looping]
START = np.array([1.0, 0.6])


# The rules in NumPy, an attempt at a time.


def steps_by_hand(f, v, stops, settings):
    method, taken = METHODS[settings.method], []
    inv = lambda a: np.linalg.inv(np.asarray(a))
    plain = lambda t, v: np.asarray(f(t, v), dtype=float)
    problem = _Problem(f, v, (), "test")

    def linear(t, v):
        return tuple(np.asarray(x) for x in problem.linear(t, v))

    system = System(plain, linear, inv)
    norm = lambda x, v: np.sqrt(np.mean((x / (settings.atol + settings.rtol * abs(v))) ** 2))
    t, slope, width = stops[0], plain(stops[0], v), None
    for end in stops[1:]:
        if end == t:
            continue
        sign = np.sign(end - t)
        if width is None:
            size, speed = norm(v, v), norm(slope, v)
            width = 1e-6 if size < 1e-5 or speed < 1e-5 else 0.01 * size / speed
            bend = norm(plain(t + sign * width, v + sign * width * slope) - slope, v) / width
            width = min(100 * width, (0.01 / max(speed, bend)) ** 0.2)
        while t != end:
            last = abs(end - t) <= width * (1 + 1e-12)
            h = end - t if last else sign * width
            new, wrong, behind = method.attempt(system, t, v, h, slope)
            error = norm(wrong, np.maximum(abs(v), abs(new)))
            factor = 0.9 * max(error, 1e-10) ** (-1.0 / method.order)
            if error > 1.0:
                width = abs(h) * max(0.2, factor)
                taken.append((t, 0.0))
                continue
            taken.append((t, h))
            t, v, slope = end if last else t + h, new, behind
            wider = max(width, abs(h) * min(10.0, factor))
            width = wider if last else width * min(10.0, max(0.2, factor))
    return np.array(taken).T


def searched(f, v, stops, settings, most=_search.MANY):
    problem = _Problem(f, v, (), "test")
    body = captured_body(problem.slope, stops[0], problem.start)
    with np.errstate(all="ignore"):
        search = Search(settings, body, [], float(stops[0]), np.asarray(v))
        return search, *search.through(stops[1:], most)


TIMES = {
    "two": np.array([0.0, 1.0]),
    "backward": np.array([1.0, 0.3, -0.2]),
    "many": np.linspace(0.0, 2.0, 41),
    "uneven": np.array([0.0, 1e-9, 0.1, 0.100001, 3.0]),
}


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("f", SLOPES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("method", METHODS)
def test_the_steps_are_those_of_the_rules(method, f, times):
    settings = Settings(method, 1e-6, 1e-8, 10000, "test")
    t, h = steps_by_hand(f, START, TIMES[times], settings)
    for most in (_search.MANY, 7, 1):
        search, got_t, got_h = searched(f, START, TIMES[times], settings, most)
        assert search.t == TIMES[times][-1]
        np.testing.assert_allclose(got_t, t[h != 0], rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(got_h, h[h != 0], rtol=1e-4, atol=1e-9)


def test_some_steps_are_tried_again():
    settings = Settings("dopri5", 1e-6, 1e-8, 10000, "test")
    _, h = steps_by_hand(jumping, START, TIMES["two"], settings)
    assert np.sum(h == 0.0) > 2
    _, got, _ = searched(jumping, START, TIMES["two"], settings)
    assert len(got) == np.sum(h != 0.0)


def test_attempts_follow_each_other_in_the_core(monkeypatch):
    seen = []
    run = _search.run_steps
    monkeypatch.setattr(_search, "run_steps", lambda *a: seen.append(run(*a)) or seen[-1])
    searched(volterra, START, np.linspace(0.0, 5.0, 11), Settings("dopri5", 1e-8, 1e-8, 99, "test"))
    assert sum(seen) > 40 and len(seen) <= 2
    seen.clear()  # and so they do where a slope has gone another way
    searched(branching, START, np.linspace(0.0, 5.0, 11), Settings("dopri5", 1e-8, 1e-8, 99, "t"))
    assert max(seen) > 20


@pytest.mark.parametrize("back", [False, True])
def test_steps_relative_to_times_that_are_repeated(back):
    stops = np.array([0.0, 1.0, 1.0, 3.0, 3.0])
    t, h = np.array([0.0, 0.25, 1.0]), np.array([0.25, 0.75, 2.0])
    sign = -1.0 if back else 1.0
    found = placed_steps(sign * t, sign * h, sign * stops)
    np.testing.assert_array_equal(found.start, [0.0, 0.25, 0.0, 0.0, 0.0])
    np.testing.assert_array_equal(found.width, [0.25, 0.75, 1.0, 1.0, 1.0])
    np.testing.assert_array_equal(found.interval, [0, 0, 1, 2, 3])
    np.testing.assert_array_equal(found.ends, [0, 2, 3, 4, 5])
    none = placed_steps(np.empty(0), np.empty(0), np.zeros(3))
    np.testing.assert_array_equal(none.ends, [0, 1, 2])


def test_repeated_times():
    for times in ([0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0], [0.0, 0.0]):
        expected = START * np.exp(times[0] - np.array(times))[:, None]
        for options in ({}, {"adjoint": "continuous"}):
            got = cdi.odeint(lambda t, y: -y, START, times, **options)
            np.testing.assert_allclose(got, expected, rtol=1e-6)
        f = lambda t: cdi.odeint(lambda t, y: -y, START, t)[-1, 0]
        by_time = cd.grad(f)(np.array(times))
        np.testing.assert_allclose(by_time.sum(), 0.0, atol=1e-7)


MISTAKES = {
    "steps": (lambda t, y: -y, {"max_steps": 3}, "more than 3 steps between two times .at t = 0"),
    "infinite": (lambda t, y: y * y, {}, "not finite|more than"),
    "nan at some time": (lambda t, y: cnp.where(t > 0.5, np.nan, 1.0) * y, {},
                         "not finite behind t = 0.5"),
    "infinity at some time": (lambda t, y: cnp.where(t > 0.5, np.inf, 1.0) * y, {},
                              "not finite behind t = 0.5"),
    "nan at once": (lambda t, y: np.log(-y), {}, "not finite at the first state"),
    "tolerance": (lambda t, y: np.cos(30.0 * t) * y, {"rtol": 1e-18, "atol": 1e-300,
                  "max_steps": 50}, "more than 50 steps"),
}  # fmt: skip


@pytest.mark.parametrize("adjoint", ["discrete", "continuous"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(mistake, adjoint):
    f, options, message = MISTAKES[mistake]
    call = lambda y: cdi.odeint(f, y, [0.0, 5.0], adjoint=adjoint, **options)
    for _ in range(3):
        with pytest.raises(RuntimeError, match=message):
            call(START)
    with pytest.raises(RuntimeError, match=message):
        cd.grad(lambda y: np.sum(call(y)))(START)


def test_errors_of_a_compiled_function_come_each_time():
    f = cd.compile(lambda k: cdi.odeint(lambda t, y: k * y * y, 1.0, [0.0, 1.0])[-1])
    for _ in range(20):
        assert f(0.5) == pytest.approx(2.0, rel=1e-6)
        with pytest.raises(RuntimeError, match=r"not finite|more than"):
            f(2.0)


def test_an_error_of_the_slope_is_seen():
    def slope(t, y):
        if t > 0.5:
            raise KeyError("late")
        return -y

    for _ in range(3):
        with pytest.raises(KeyError, match="late"):
            cdi.odeint(slope, START, [0.0, 1.0])


def end(p):
    def slope(t, y):
        return cnp.stack([p[0] * y[0] - p[1] * y[0] * y[1], p[2] * y[0] * y[1] - p[3] * y[1]])

    return np.sum(cdi.odeint(slope, START, GRID, **TIGHT) ** 2)


MODES = {
    "grad": cd.grad,
    "jvp": lambda f: lambda p: cd.jvp(f, (p,), (np.ones(4),))[1],
    "hessian": cd.hessian,
    "vmap": lambda f: lambda p: cd.vmap(cd.grad(f))(cnp.stack([p, 1.1 * p])),
}


@pytest.mark.parametrize("mode", MODES)
def test_compiled_derivatives_stay_what_they_are(mode):
    """Also once the loops run as programs of their elements."""
    derivative = MODES[mode](end)
    compiled = cd.compile(derivative)
    for k in range(25):
        p = np.array([1.1, 0.9, 0.8, 0.7]) * (1.0 + 0.01 * k)
        got = compiled(p)
        if k in (0, 1, 12, 24):
            np.testing.assert_allclose(got, derivative(p), rtol=1e-9)


def again(t, y):
    return cd.checkpoint(lambda y: -0.1 * y + 0.3 * np.sin(y))(y)


@pytest.mark.parametrize("slope", [looping, again])
@pytest.mark.parametrize("adjoint", ["discrete", "continuous"])
def test_slopes_with_operators_of_their_own(slope, adjoint):
    """A loop, or a function that is computed again, in the slope: once taken for constant."""
    plain = lambda t, y: -0.1 * y + 0.3 * np.sin(y)
    last = lambda f, y: cdi.odeint(f, y, [0.0, 3.0], **TIGHT, adjoint=adjoint)[-1, 0]
    assert last(slope, START) == pytest.approx(last(plain, START), rel=1e-8)
    got, expected = (cd.grad(last, 1)(f, START) for f in (slope, plain))
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-9)
    when = lambda f: cdi.ode_event(f, START, (0.0, 9.0), lambda t, y: y[0] - 1.2)[0]
    assert when(slope) == pytest.approx(when(plain), rel=1e-6)


def test_slopes_that_decide_in_compiled_functions():
    def f(k):
        slope = lambda t, y: -k * y if y[0] > 0.4 else -2.0 * k * y
        return cdi.odeint(slope, START, [0.0, 2.0], **TIGHT)[-1, 0]

    exact = lambda k: 0.4 * np.exp(-2.0 * (2.0 * k - np.log(2.5)))
    compiled = cd.compile(f)
    for k in (0.6, 0.7, 0.8, 0.61, 0.72) * 3:
        assert f(k) == pytest.approx(exact(k), rel=1e-4)
        assert compiled(k) == pytest.approx(f(k), rel=1e-6)  # where it crosses, bits count
        assert cd.grad(f)(k) == pytest.approx(cd.grad(lambda k: f(k))(k), rel=1e-12)


def test_many_states_and_none():
    n = 2000
    rates = np.linspace(0.5, 2.0, n)
    got = cdi.odeint(lambda t, y: -rates * y, np.ones(n), np.linspace(0.0, 1.0, 20))
    np.testing.assert_allclose(got[-1], np.exp(-rates), rtol=1e-6)
    assert cdi.odeint(lambda t, y: -y, np.zeros(0), np.linspace(0.0, 1.0, 20)).shape == (20, 0)


def test_events_by_many_steps():
    swing = lambda t, y: cnp.stack([y[1], -y[0]])
    f = lambda y: cdi.ode_event(swing, y, (0.0, 30.0), lambda t, y: t - 20.0, **TIGHT)[1][0]
    start = np.array([0.2, 1.0])
    exact = 0.2 * np.cos(20.0) + np.sin(20.0)
    compiled = cd.compile(f)
    for _ in range(4):
        assert f(start) == pytest.approx(exact, rel=1e-6)
        assert compiled(start) == pytest.approx(exact, rel=1e-6)
    np.testing.assert_allclose(cd.grad(f)(start), [np.cos(20.0), np.sin(20.0)], rtol=1e-6)


def test_threads():
    compiled = cd.compile(cd.grad(end))
    points = [np.array([1.1, 0.9, 0.8, 0.7]) * k for k in (0.9, 1.0, 1.1, 1.2)]
    expected = [cd.grad(end)(p) for p in points]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda p: [compiled(p) for _ in range(12)], points))
    for results, x in zip(found, expected, strict=True):
        np.testing.assert_allclose(results, [x] * 12, rtol=1e-9)


def test_the_steps_of_neighbours_are_not_taken_for_others():
    body = Choice(_Problem(lambda t, y: -y, START, (), "t"), cd.array(np.array([0.0, 1.0])),
                   Settings("dopri5", 1e-8, 1e-8, 100, "t"))  # fmt: skip
    first, again = body.steps(), body.steps()
    assert first is again
