"""Solvers in files: the same values and derivatives, an error where nothing was recorded for."""

import concurrent.futures
import io
import multiprocessing
import pickle
import random
import re
from collections import namedtuple

import numpy as np
import pytest
from damage import damage_bytes, exchange_parts

import cdiff as cd
from cdiff._saved._calls import call_of
from cdiff._saved._saving import Known, pack, unpack

POINT = np.array([0.7, 1.3])
MOVED = POINT * 1.003
Pair = namedtuple("Pair", "a b")


# --- solvers of ours, all of functions of two numbers ---------------------------------------------


def cubic(x):
    return cd.custom_root(lambda y, a: y**3 + a[0] * y - a[1])(1.0, x)


def containers(x):
    root = cd.custom_root(
        lambda y, p: {"u": y["u"] ** 2 - p.a, "v": y["v"] * y["u"] - np.outer(p.b, p.b)}
    )
    found = root({"u": 1.0, "v": np.ones((2, 2))}, Pair(x[0], x))
    return found["u"] + found["v"].sum()


def captured(x):
    return cd.custom_root(lambda y: np.sinh(y) - x * np.arange(1.0, 3.0))(np.ones(2)).sum()


def small(x):
    """In float32."""
    y = x.astype(np.float32)
    return cd.custom_root(lambda y, a: y * y - a)(np.ones(2, np.float32), y).astype(float).sum()


def settled(x):
    return cd.custom_fixed_point(lambda y, a: 0.5 * np.cos(y) * a[0] + a[1])(np.zeros(2), x).sum()


def lowest(x):
    return cd.implicit_minimize(lambda y, a: ((y - a) ** 4).sum() + (y**2).sum())(x * 0.0, x).sum()


def system(x):
    return cd.linear_solve(lambda y: 3.0 * y + x * np.roll(y, 1), x**2).sum()


def nested(x):
    """A root of what holds a minimum."""
    inner = lambda a: cd.implicit_minimize(lambda y, b: np.cosh(y - b) + y * y)(0.0, a)
    return cd.custom_root(lambda y, a: inner(y) + y - a)(0.5, x[0]) * x[1]


def in_a_loop(x):
    root = cd.custom_root(lambda y, a: y**3 + y - a)
    return cd.fori_loop(0, 3, lambda i, c: root(c, c + x), x).sum()


def absolute(x):
    """The equation decides by the unknown."""
    return cd.custom_root(lambda y, a: (y + y**2 if y > 0 else 2.0 * y) - a)(1.0, x[0]) + x[1]


def integral(x):
    quad = cd.integrate.quad
    return quad(lambda t: {"y": np.sin(t * x[0])}, 0.0, x[1], points=[0.3])["y"]


def half_line(x):
    return cd.integrate.quad(lambda t, a: np.exp(-a * t * t), 0.0, np.inf, x).sum()


def swing(t, y, a):
    return {"x": y["v"], "v": -a[0] * np.sin(y["x"])}


def pendulum(x, **options):
    start = {"x": x[1], "v": 0.0}
    found = cd.integrate.odeint(swing, start, np.array([0.0, 0.5, 1.0]), x, **options)
    return found["x"][-1] + found["v"].sum()


def stiff(x):
    slope = lambda t, y: -50.0 * (y - np.cos(t) * x)
    return cd.integrate.odeint(slope, x * 0.0, np.array([0.0, 1.0]), method="rodas4")[-1].sum()


def dense(x):
    solution = cd.integrate.ode_solution(lambda t, y: -x[0] * y, x[1], (0.0, 2.0))
    return solution(x[0]) + solution(np.array([0.1, 1.7])).sum()


def landing(x):
    t, y = cd.integrate.ode_event(
        lambda t, y: {"h": y["v"], "v": -9.81 - x[1] * y["v"]}, {"h": 0.0, "v": 5.0 * x[0]},
        (0.0, 10.0), lambda t, y: y["h"], direction=-1,
    )  # fmt: skip
    return t + y["v"]


def many_ends(x):
    """Two equations with different times and one solution."""
    times = np.array([0.0, 1.0])
    first = cd.integrate.odeint(lambda t, y: x * y, x, times)[-1]
    return cd.integrate.odeint(lambda t, y: np.sin(t * first), first, times, rtol=1e-4)[-1].sum()


EQUATIONS = {f.__name__: f for f in (
    cubic, containers, captured, small, settled, lowest, system, nested, in_a_loop,
    absolute,
)}  # fmt: skip
INTEGRATED = {f.__name__: f for f in (
    integral, half_line, pendulum, stiff, dense, landing, many_ends,
)}  # fmt: skip
for method in ("dopri5", "rodas4", "LSODA", "RK45", "Radau"):
    INTEGRATED[f"continuous {method}"] = lambda x, m=method: pendulum(
        x, adjoint="continuous", method=m
    )
FUNCTIONS = EQUATIONS | INTEGRATED


def function(name):
    if name in INTEGRATED:
        pytest.importorskip("scipy")
    return FUNCTIONS[name]


def saved(compiled):
    file = io.BytesIO()
    compiled.save(file)
    return file.getvalue()


def loaded(f, *points, **options):
    """A function from a file."""
    compiled = cd.compile(f)
    for x in points or (POINT,):
        compiled(x)
    return cd.load(io.BytesIO(saved(compiled)), **options)


def agree(found, expected, tolerance=1e-12):
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives_from_a_file(name):
    f = function(name)
    found = loaded(f)
    tolerance = 1e-5 if name == "small" else 1e-6 if "continuous" in name else 1e-11
    for x in (POINT, MOVED):
        agree(found(x), f(x), 1e-9 if "continuous" in name else tolerance)
        agree(cd.grad(found)(x), cd.grad(f)(x), tolerance)
        agree(cd.jvp(found, (x,), (POINT,))[1], cd.jvp(f, (x,), (POINT,))[1], tolerance)
    assert found.stats()["recordings"] == 0
    again = cd.load(io.BytesIO(saved(found)))
    agree(again(MOVED), found(MOVED), 1e-14)
    agree(cd.grad(again)(MOVED), cd.grad(f)(MOVED), tolerance)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if "continuous" not in name])
def test_a_derivative_in_a_file(name):
    gradient = cd.grad(function(name))
    found, tolerance = loaded(gradient), 1e-5 if name == "small" else 1e-11
    for x in (POINT, MOVED):
        agree(found(x), gradient(x), tolerance)
    if name not in ("half_line", "landing"):  # which take their time
        agree(cd.jacobian(found)(POINT), cd.hessian(FUNCTIONS[name])(POINT), 100.0 * tolerance)


@pytest.mark.parametrize("name", ["cubic", "containers", "lowest", "system", "integral", "stiff"])
def test_second_derivatives_and_points(name):
    f = function(name)
    found = loaded(f)
    agree(cd.hessian(found)(MOVED), cd.hessian(f)(MOVED), 1e-9)
    points = np.stack([POINT, MOVED])
    agree(cd.vmap(found)(points), [f(x) for x in points])
    agree(cd.vmap(cd.grad(found))(points), [cd.grad(f)(x) for x in points])
    mapped = cd.compile(cd.vmap(f))
    mapped(points)
    mapped = cd.load(io.BytesIO(saved(mapped)))
    agree(mapped(points * 1.001), [f(x) for x in points * 1.001])
    agree(cd.jacobian(mapped)(points), cd.jacobian(cd.vmap(f))(points))


def test_containers_of_the_unknowns_need_no_classes():
    f = lambda x: cd.custom_root(lambda y: Pair(y.a - x, y.b * y.a - 1.0))(Pair(1.0, 1.0)).b
    compiled = cd.compile(f)
    compiled(2.0)
    found = cd.load(io.BytesIO(saved(compiled)))
    assert found(4.0) == f(4.0) and cd.grad(found)(4.0) == cd.grad(f)(4.0)


def test_errors_have_the_names_that_they_had():
    f = lambda x: cd.custom_root(lambda y: {"low": y["low"] * x, "up": y["up"] - x})(
        {"low": 0.0, "up": 0.0}
    )["up"]
    compiled = cd.compile(f)
    compiled(1.0)
    found = cd.load(io.BytesIO(saved(compiled)))
    with pytest.raises(np.linalg.LinAlgError, match=r"custom_root\(.*no equation depends on .*low"):
        cd.grad(found)(0.0)
    with pytest.raises(RuntimeError, match=r"custom_root\(.*cubic.*is not finite"):
        loaded(cubic)(np.array([np.inf, 1.0]))


# --- what was not recorded ------------------------------------------------------------------------


def test_an_equation_that_decides_something_new():
    found = loaded(absolute)
    with pytest.raises(LookupError, match="loaded from a file"):
        found(-POINT)
    with pytest.raises(LookupError, match="loaded from a file"):
        cd.grad(found)(-POINT)
    both = loaded(absolute, POINT, -POINT)
    for x in (MOVED, -MOVED):
        assert both(x) == absolute(x)
        agree(cd.grad(both)(x), cd.grad(absolute)(x))
    with_fallback = loaded(absolute, fallback=absolute)
    assert with_fallback(-POINT) == absolute(-POINT)


def test_an_integrand_that_decides_something_new():
    pytest.importorskip("scipy")
    f = lambda x: cd.integrate.quad(lambda t: x[0] * t if t < 1.0 else t * t * x[1], 0.0, x[1])
    found = loaded(f, POINT / 2.0)
    agree(found(POINT / 3.0), f(POINT / 3.0))
    with pytest.raises(LookupError, match="loaded from a file"):
        found(POINT)
    agree(loaded(f, POINT)(POINT * 2.0), f(POINT * 2.0))


def test_a_solution_of_fewer_steps_and_of_more():
    found = loaded(pendulum)
    for x in (POINT * 0.5, POINT * 0.1):
        agree(found(x), pendulum(x), 1e-14)
        agree(cd.grad(found)(x), cd.grad(pendulum)(x), 1e-11)
    with pytest.raises(LookupError, match="loaded from a file"):
        found(POINT * 1e3)
    both = loaded(pendulum, POINT, POINT * 1e3)
    for x in (POINT * 900.0, POINT, POINT * 2.0, POINT * 1e3):
        agree(both(x), pendulum(x), 1e-12)
        agree(cd.grad(both)(x), cd.grad(pendulum)(x), 1e-9)


def test_numbers_of_steps_between_those_in_the_file():
    seen = {}
    for k in np.geomspace(1.0, 1e4, 60):
        compiled = cd.compile(pendulum)
        compiled(POINT * k)
        seen.setdefault(steps_in(compiled), POINT * k)
    sizes = sorted(seen)
    assert len(sizes) > 3
    first, between, last = sizes[0], sizes[1], sizes[2]
    for order in ((first, last), (last, first)):
        both = loaded(pendulum, *[seen[n] for n in order])
        for n in (first, between, last, between, first):
            agree(both(seen[n]), pendulum(seen[n]), 1e-13)


def steps_in(compiled):
    """How many steps an equation takes: the largest `scan` of its program."""
    return max(int(n) for n in re.findall(r"scan of (\d+) steps", str(compiled.program)))


# --- solvers of the user's ------------------------------------------------------------------------


def bisect(g, guess):
    """For increasing functions."""
    low, high = guess - 10.0, guess + 10.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if g(middle) > 0.0 else (middle, high)
    return high


def halving(g, guess):
    return {"p": Pair(guess["p"].a * 0.0, bisect(lambda y: g({"p": Pair(0.0, y)})["q"], 0.0))}


def by_columns(product, b):
    matrix = np.stack([product(row) for row in np.eye(b.size)], axis=1)
    return np.linalg.solve(matrix, b)


SOLVERS = {"bisect": bisect, "halving": halving, "by_columns": by_columns}


def bisected(x):
    return cd.custom_root(lambda y, a: y**3 + a[0] * y - a[1], solver=bisect)(1.0, x)


def halved(x):
    root = cd.custom_root(
        lambda y, a: {"q": y["p"].b ** 3 + a[0] * y["p"].b - a[1], "r": y["p"].a - y["p"].b * 0.0},
        solver=halving,
    )
    return root({"p": Pair(1.0, 1.0)}, x)["p"].b


def by_products(x):
    return cd.custom_root(lambda y, a: y**3 + y.sum() - a, linear_solver=by_columns)(x, x).sum()


def linear(x):
    return cd.linear_solve(lambda y: 3.0 * y + x * np.roll(y, 1), x**2, by_columns).sum()


@pytest.mark.parametrize("f", [bisected, halved, by_products, linear])
def test_solvers_are_given(f):
    found = loaded(f, solvers=SOLVERS, containers=(Pair,))
    for x in (POINT, MOVED):
        agree(found(x), f(x))
        agree(cd.grad(found)(x), cd.grad(f)(x))
    agree(cd.hessian(found)(MOVED), cd.hessian(f)(MOVED))
    gradient = loaded(cd.grad(f), solvers=SOLVERS, containers=(Pair,))
    agree(gradient(MOVED), cd.grad(f)(MOVED))
    copied = pickle.loads(pickle.dumps(found))
    assert copied(MOVED) == found(MOVED)
    again = cd.load(io.BytesIO(saved(found)), solvers=SOLVERS, containers=(Pair,))
    assert again(MOVED) == found(MOVED)


def test_solvers_that_are_not_given():
    with pytest.raises(cd.FormatError, match=r"solvers=\{'bisect': f\}"):
        loaded(bisected)
    with pytest.raises(cd.FormatError, match="containers="):
        loaded(halved, solvers=SOLVERS)
    for wrong in ({1: bisect}, {"bisect": 1}):
        with pytest.raises(TypeError, match="must be the name of a function"):
            loaded(bisected, solvers=wrong)

    def two(x):
        first = cd.custom_root(lambda y: y - x[0], solver=lambda g, y: y - g(y))
        second = cd.custom_root(lambda y: y - x[1], solver=lambda g, y: y - 1.0 * g(y))
        return first(1.0) + second(1.0)

    with pytest.raises(TypeError, match="two solvers are called '<lambda>'"):
        loaded(two)


def test_a_rule_in_an_equation():
    doubled = cd.custom_jvp(lambda x: np.sin(x))
    doubled.defjvp(lambda p, t: (np.sin(p[0]), np.cos(p[0]) * t[0]))
    f = lambda x: cd.custom_root(lambda y: y + 0.5 * doubled(y) - x[0])(0.0) * x[1]
    found = loaded(f, rules={"<lambda>": doubled})
    assert found(MOVED) == f(MOVED)
    agree(cd.grad(found)(MOVED), cd.grad(f)(MOVED))
    with pytest.raises(LookupError, match="rules="):  # Newton's method wants a derivative
        loaded(f)(MOVED)


# --- pickle, processes, threads -------------------------------------------------------------------

own = cd.compile(cubic)
own_by_halves = cd.compile(bisected)


def at_home(f, x):
    return f(x), cd.grad(f)(x), f.stats()["recordings"]


@pytest.mark.parametrize("name", ["cubic", "lowest", "integral", "pendulum", "landing"])
def test_pickles(name):
    f = function(name)
    compiled = cd.compile(f)
    compiled(POINT)
    again = pickle.loads(pickle.dumps(loaded(f)))
    assert again(MOVED) == loaded(f)(MOVED)
    agree(cd.grad(again)(MOVED), cd.grad(f)(MOVED), 1e-11)


def test_a_compiled_function_takes_its_solvers_along():
    expected = cubic(MOVED)
    compiled = cd.compile(cubic)
    compiled(POINT)
    copied = pickle.loads(pickle.dumps(compiled))
    assert copied(MOVED) == expected and copied.stats()["recordings"] == 0


def test_a_compiled_function_with_a_solver_of_ones_own_is_recorded_again():
    compiled = cd.compile(bisected)
    compiled(POINT)
    copied = pickle.loads(pickle.dumps(compiled))
    assert copied(MOVED) == bisected(MOVED) and copied.stats()["recordings"] == 1


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("no such processes here")
    found = loaded(lowest)
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        value, gradient, recordings = pool.submit(at_home, found, MOVED).result(60)
    assert value == found(MOVED) and recordings == 0
    agree(gradient, cd.grad(lowest)(MOVED))


@pytest.mark.parametrize("name", ["nested", "absolute", "pendulum", "integral", "landing"])
def test_threads(name):
    f = function(name)
    found = loaded(f)
    points = [POINT * k for k in (0.97, 0.98, 0.99, 1.0)]
    expected = [(f(x), cd.grad(f)(x)) for x in points]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        ask = lambda x: [(found(x), cd.grad(found)(x)) for _ in range(4)]
        results = list(pool.map(ask, points))
    for rows, (value, gradient) in zip(results, expected, strict=True):
        for row in rows:
            agree(row[0], value)
            agree(row[1], gradient, 1e-10)


# --- files from elsewhere -------------------------------------------------------------------------


def parts_of(f, tag):
    """The first part of a file that begins with this tag."""
    compiled = cd.compile(f)
    compiled(POINT)

    def search(x):
        if type(x) is tuple and x and type(x[0]) is str and x[0] == tag:
            return x
        children = x.values() if type(x) is dict else x if type(x) in (tuple, list) else ()
        return next((y for y in map(search, children) if y is not None), None)

    return search(unpack(saved(compiled)))


WRONG = {
    "kind": (cubic, "solution", lambda x: (x[0], "problem", *x[2:])),
    "attribute": (cubic, "solution", lambda x: (x[0], "__class__", *x[2:])),
    "other kind": (cubic, "solution", lambda x: (x[0], "linear", *x[2:])),
    "symmetric": (cubic, "solution", lambda x: (*x[:5], True, x[6])),
    "no unknowns": (cubic, "solution", lambda x: (*x[:2], ("w", (), ()), *x[3:])),
    "other unknowns": (cubic, "solution",
                       lambda x: (*x[:2], ("w", ("y",), (("<f4", ()),)), *x[3:])),
    "integers": (cubic, "solution", lambda x: (*x[:2], ("w", ("y",), (("<i8", ()),)), *x[3:])),
    "no body": (cubic, "solution", lambda x: (*x[:3], None, *x[4:])),
    "a solver": (cubic, "solution", lambda x: (*x[:4], ("system", None, None), *x[5:])),
    "two solvers": (cubic, "solution", lambda x: (*x[:4], (None, None), *x[5:])),
    "no name": (cubic, "solution", lambda x: (*x[:4], (1, None, None), *x[5:])),
    "trees": (cubic, "solution", lambda x: (*x[:6], (None,))),
    "minimum": (containers, "solution", lambda x: (x[0], "minimum", *x[2:5], True, x[6])),
    "check": (cd.grad(cubic), "checked", lambda x: (x[0], None, x[2])),
    "integrand": (integral, "integral", lambda x: (x[0], parts_of(cubic, "solution")[3], x[2])),
    "option": (integral, "integral", lambda x: (*x[:2], (("workers", 2),))),
    "workers": (integral, "integral", lambda x: (*x[:2], (("epsabs", "1"),))),
    "points": (integral, "integral", lambda x: (*x[:2], (("points", ("a",)),))),
    "method": (pendulum, "search", lambda x: (*x[:2], "__init__", x[3])),
    "attribute of steps": (pendulum, "search", lambda x: (*x[:2], "body", x[3])),
    "event": (landing, "search", lambda x: (*x[:2], "count", x[3])),
    "settings": (pendulum, "search",
                 lambda x: (x[0], (*x[1][:3], ("euler", *x[1][3][1:])), *x[2:])),
    "steps": (pendulum, "search", lambda x: (x[0], (*x[1][:2], -1, x[1][3]), *x[2:])),
    "slope": (pendulum, "search",
              lambda x: (x[0], (x[1][0], parts_of(cubic, "solution")[3], *x[1][2:]), *x[2:])),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_refused(name):
    f, tag, change = WRONG[name]
    if f in (integral, pendulum, landing):
        pytest.importorskip("scipy")
    part = parts_of(f, tag)
    call_of(part, Known())
    with pytest.raises(cd.FormatError):
        call_of(change(part), Known())


def values_and_derivatives(found):
    found(POINT)
    cd.grad(found)(POINT)


@pytest.mark.parametrize("name", ["cubic", "lowest", "system", "settled", "integral", "pendulum",
                                  "landing", "continuous dopri5"])  # fmt: skip
def test_damaged_files(name, monkeypatch):
    monkeypatch.setattr("cdiff._saved._loops.MAX_LENGTH", 1000)  # longer ones only take longer
    monkeypatch.setattr("cdiff._solutions._newton.MOST_ITERATIONS", 1000)
    compiled = cd.compile(function(name))
    compiled(POINT)
    data, rng = saved(compiled), random.Random(name)
    tries = 100 if name in EQUATIONS else 40  # which take their time
    with np.errstate(all="ignore"):
        for damaged in (damage_bytes, exchange_parts):
            seen = damaged(data, values_and_derivatives, rng, tries)
            assert seen["refused"] > tries // 6


def test_every_truncation_is_noticed():
    compiled = cd.compile(cubic)
    compiled(POINT)
    data = saved(compiled)
    for n in range(0, len(data), 7):
        with pytest.raises(cd.FormatError):
            cd.load(io.BytesIO(data[:n]))
    assert pack(unpack(data)) == data
