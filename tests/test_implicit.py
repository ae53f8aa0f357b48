"""Implicit differentiation: roots, fixed points, minimisers, linear systems.

Every solution here is also known in closed form or by steps that are differentiated as they stand,
so that all modes, orders and nestings are compared with a function that knows nothing of equations.
"""

import pickle
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cdiff as cd
import cdiff.numpy as cnp
from cdiff._arguments._tree import flatten


def kepler_equation(E, e, M):
    return E - e * np.sin(E) - M


kepler = cd.custom_root(kepler_equation)


def kepler_steps(guess, e, M):
    """Newton's method unrolled: its last steps have the derivatives of the root."""
    E = guess + 0.0 * e
    for _ in range(10):
        E = E - (E - e * np.sin(E) - M) / (1 - e * np.cos(E))
    return E


def ridge(a, y, penalty):
    """The minimiser of |a w - y|^2 + penalty |w|^2 in closed form."""
    gram = np.matmul(a.T, a) + penalty * np.eye(a.shape[1])
    return np.linalg.solve(gram, np.matmul(a.T, y))


def cosine(x, a):
    return 0.5 * np.cos(a * x) + 0.1 * a


MODES = {
    "value": lambda f: f,
    "grad": cd.grad,
    "jacfwd": cd.jacfwd,
    "second, rev rev": lambda f: cd.grad(cd.grad(f)),
    "second, fwd rev": lambda f: cd.jacfwd(cd.grad(f)),
    "second, rev fwd": lambda f: cd.grad(cd.jacfwd(f)),
    "second, fwd fwd": lambda f: cd.jacfwd(cd.jacfwd(f)),
    "third": lambda f: cd.grad(cd.jacfwd(cd.grad(f))),
    "fourth": lambda f: cd.grad(cd.grad(cd.grad(cd.grad(f)))),
    "jvp": lambda f: lambda x: cd.jvp(f, (x,), (0.7,))[1],
    "linearize": lambda f: lambda x: cd.linearize(f, x)[1](0.7),
    "checkpoint": lambda f: cd.grad(cd.checkpoint(f)),
    "in a loop": lambda f: cd.grad(lambda x: cd.fori_loop(0, 3, lambda i, c: f(0.3 * c + x), x)),
}
PAIRS = {
    "root": (lambda e: kepler(1.0, e, 0.8), lambda e: kepler_steps(1.0, e, 0.8)),
    "fixed point": (
        lambda a: cd.custom_fixed_point(cosine)(0.5, a),
        lambda a: cd.fori_loop(0, 60, lambda i, x: cosine(x, a), 0.5 + 0.0 * a),
    ),
    "minimum": (
        lambda p: np.sum(cd.implicit_minimize(ridge_loss)(np.zeros(2), A, Y, p) ** 2),
        lambda p: np.sum(ridge(A, Y, p) ** 2),
    ),
    "linear": (
        lambda k: np.sum(np.sin(cd.linear_solve(lambda x: tridiagonal(x, k), Y))),
        lambda k: np.sum(np.sin(np.linalg.solve(k * np.eye(4) + NEXT, Y))),
    ),
}
A = np.array([[1.0, 0.3], [0.2, -0.7], [0.5, 1.1], [0.4, 0.9]])
Y = np.array([1.0, -0.5, 0.3, 0.8])
NEXT = np.eye(4, k=1) * 0.3 - np.eye(4, k=-1) * 0.7


def ridge_loss(w, a, y, penalty):
    return np.sum((np.matmul(a, w) - y) ** 2) + penalty * np.sum(w * w)


def tridiagonal(x, k):
    return k * x + np.matmul(NEXT, x)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pair", PAIRS)
def test_all_modes_agree_with_the_explicit_solution(pair, mode, compiled):
    got, expected = [MODES[mode](f) for f in PAIRS[pair]]
    got = cd.compile(got) if compiled else got
    for x in (0.3, 0.3, 0.2):
        np.testing.assert_allclose(got(x), expected(x), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("pair", PAIRS)
def test_many_points(pair):
    got, expected = PAIRS[pair]
    points = np.array([0.1, 0.25, 0.4])
    for f in (lambda g: g, cd.grad, lambda g: cd.grad(cd.grad(g))):
        rows = [f(expected)(x) for x in points]
        np.testing.assert_allclose(cd.vmap(f(got))(points), rows, rtol=1e-8)
        np.testing.assert_allclose(cd.compile(cd.vmap(f(got)))(points), rows, rtol=1e-8)
    total = lambda x: cnp.sum(cd.vmap(got)(x))
    np.testing.assert_allclose(
        cd.grad(total)(points), [cd.grad(expected)(x) for x in points], rtol=1e-8
    )


# --- containers -----------------------------------------------------------------------------------


class State(NamedTuple):
    x: float
    v: np.ndarray


@dataclass
class Law:
    pull: float
    shape: np.ndarray
    name: str = "law"


def system(s, law, shift):
    return {
        "a": s.x**3 + law.pull * s.x - np.sum(law.shape),
        "b": s.v * (1.0 + s.x**2) - law.shape * shift["by"],
    }


def explicit(law, shift):
    x = 1.0
    for _ in range(20):
        x = x - (x**3 + law.pull * x - np.sum(law.shape)) / (3 * x**2 + law.pull)
    return State(x, law.shape * shift["by"] / (1.0 + x**2))


def test_unknowns_and_parameters_in_containers():
    law, shift = Law(0.7, np.array([1.0, 2.0])), {"by": 1.5}
    solve = cd.custom_root(system)
    guess = State(1, np.zeros(2))
    found, expected = solve(guess, law, shift), explicit(law, shift)
    assert type(found) is State and type(found.x) is float and type(found.v) is np.ndarray
    np.testing.assert_allclose(found.v, expected.v, rtol=1e-12)

    def loss(f):
        def of(pull, shape, by):
            s = f(Law(pull, shape), {"by": by})
            return s.x**2 + np.sum(np.sin(s.v))

        return of

    got = loss(lambda law, shift: solve(guess, law, shift))
    point = (law.pull, law.shape, shift["by"])
    for mode in (cd.grad, cd.jacfwd, cd.hessian):
        found = mode(got, (0, 1, 2))(*point), mode(loss(explicit), (0, 1, 2))(*point)
        for a, b in zip(*[flatten(x)[0] for x in found], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9)


def test_by_a_container():
    law = Law(0.7, np.array([1.0, 2.0]))
    solve = cd.custom_root(system)
    f = lambda law: solve(State(1.0, np.zeros(2)), law, {"by": 1.5}).x
    got = cd.grad(lambda p: f(Law(**p)))({"pull": 0.7, "shape": law.shape})
    expected = cd.grad(lambda p: explicit(Law(**p), {"by": 1.5}).x)(
        {"pull": 0.7, "shape": law.shape}
    )
    assert got["pull"] == pytest.approx(expected["pull"], rel=1e-12)
    np.testing.assert_allclose(got["shape"], expected["shape"], rtol=1e-12)


def test_what_the_function_reads_from_outside_is_a_parameter():
    def root(a):
        return cd.custom_root(lambda x: x * x - a)(1.0)

    assert cd.grad(root)(4.0) == pytest.approx(0.25, rel=1e-14)
    assert cd.compile(cd.grad(root))(4.0) == pytest.approx(0.25, rel=1e-14)

    def either(a, b):  # the other branch reads another value
        return cd.custom_root(lambda x: x - a if x < 5.0 else x - 2.0 * b)(1.0)

    assert cd.grad(either, (0, 1))(2.0, 3.0) == (1.0, 0.0)
    assert cd.grad(either, (0, 1))(7.0, 3.0) == (0.0, 2.0)


def test_the_guess_has_no_derivative_but_decides_which_root():
    f = cd.custom_root(lambda x, a: x * x - a)
    assert f(1.0, 4.0) == 2.0 and f(-1.0, 4.0) == -2.0
    assert cd.grad(f, (0, 1))(-1.0, 4.0) == (0.0, -0.25)
    compiled = cd.compile(cd.grad(f, (0, 1)))
    assert compiled(1.0, 4.0) == (0.0, 0.25) and compiled(-1.0, 4.0) == (0.0, -0.25)


def test_integers_and_float32():
    f = cd.custom_root(lambda x, a, n: x**n - a)
    assert f(1, 9.0, 2) == pytest.approx(3.0)
    a = np.array([4.0, 9.0], np.float32)
    found = cd.custom_root(lambda x, a: x * x - a)(np.ones(2, np.float32), a)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [2.0, 3.0], rtol=1e-6)
    slope = cd.jacobian(lambda a: cd.custom_root(lambda x, a: x * x - a)(np.ones(2, np.float32), a))
    np.testing.assert_allclose(slope(a), np.diag([0.25, 1 / 6]), rtol=1e-5)


def test_newton_in_single_precision():
    """What does not change any more at float32 is a solution, and so is zero among others."""
    single = np.float32
    root = cd.custom_root(lambda x, a: x * x - a)
    assert root(single(1.0), single(2.0)) == pytest.approx(np.sqrt(2.0), rel=2e-7)
    assert cd.grad(root, 1)(single(1.0), single(2.0)) == pytest.approx(8.0**-0.5, rel=1e-6)
    pair = cd.custom_root(lambda x, a: np.stack([x[0] ** 2 - a, x[1] + 3.0 * x[0] - 3.0 * a**0.5]))
    found = pair(np.ones(2, single), single(2.0))
    np.testing.assert_allclose(found, [np.sqrt(2.0), 0.0], atol=1e-6)
    lowest = cd.implicit_minimize(lambda x, a: (x - a) ** 4 + (x - single(1.3)) ** 2)
    double = cd.implicit_minimize(lambda x, a: (x - a) ** 4 + (x - 1.3) ** 2)(1.0, 2.0)
    assert lowest(single(1.0), single(2.0)) == pytest.approx(double, rel=1e-5)


# --- solvers --------------------------------------------------------------------------------------


def bisection(g, guess):
    low, high = 0.0, 10.0
    while high - low > 1e-15 * high:
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        low, high = (middle, high) if g(middle) < 0 else (low, middle)
    return low


def test_a_solver_that_cannot_be_differentiated():
    f = cd.custom_root(kepler_equation, solver=bisection)
    for order in (1, 2, 3):
        got, expected = f, kepler_steps
        for _ in range(order):
            got, expected = cd.grad(got, 1), cd.grad(expected, 1)
        assert got(0.0, 0.4, 0.8) == pytest.approx(expected(1.0, 0.4, 0.8), rel=1e-11)
        assert cd.compile(got)(0.0, 0.4, 0.8) == pytest.approx(expected(1.0, 0.4, 0.8), rel=1e-11)


def test_a_solver_may_differentiate_what_it_gets():
    def newton(g, x):
        for _ in range(30):
            value, slope = cd.value_and_grad(g)(x)
            x = x - value / slope
        return x

    f = lambda e: cd.custom_root(kepler_equation, solver=newton)(1.0, e, 0.8)
    assert cd.grad(cd.grad(f))(0.3) == pytest.approx(
        cd.grad(cd.grad(PAIRS["root"][1]))(0.3), rel=1e-11
    )


def test_solvers_get_what_users_wrote():
    seen = []

    def descend(g, w):
        assert isinstance(w, dict) and type(g(w)) is float
        seen.append(g(w))
        for _ in range(200):
            slope = cd.grad(g)(w)
            w = {k: w[k] - 0.3 * slope[k] for k in w}
        return w

    def step(g, x):
        for _ in range(100):
            x = g(x)
        return x

    f = cd.implicit_minimize(lambda w, a: (w["u"] - a) ** 2 + np.sum((w["v"] + a) ** 2),
                             solver=descend)  # fmt: skip
    found = f({"u": 0.0, "v": np.zeros(2)}, 3.0)
    assert found["u"] == pytest.approx(3.0) and seen == [27.0]
    slope = cd.jacobian(lambda a: f({"u": 0.0, "v": np.zeros(2)}, a))(3.0)
    assert slope["u"] == pytest.approx(1.0)
    np.testing.assert_allclose(slope["v"], [-1.0, -1.0])
    root = cd.custom_fixed_point(lambda x, a: 0.5 * (x + a / x), solver=step)
    assert cd.grad(root, 1)(1.0, 4.0) == pytest.approx(0.25)


def conjugate_gradients(product, b):
    """Plain, and for a symmetric positive system only."""
    x, r = np.zeros_like(b), b
    p = r
    for _ in range(4 * b.size):
        if r @ r < 1e-30:
            break
        q = product(p)
        step = (r @ r) / (p @ q)
        x, old, r = x + step * p, r, r - step * q
        p = r + (r @ r) / (old @ old) * p
    return x


def by_columns(product, b):
    return np.linalg.solve(np.stack([product(e) for e in np.eye(b.size)], axis=1), b)


@pytest.mark.parametrize("mode", ["grad", "second, rev rev", "second, fwd rev", "third"])
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_linear_systems_by_products_only(mode, compiled):
    symmetric = NEXT + NEXT.T

    def product(k):
        return lambda x: (2.0 + k * k) * x + np.matmul(symmetric, x)

    def lost(k, solve):
        return np.sum(np.sin(cd.linear_solve(product(k), Y * k, solve, symmetric=True)))

    def dense(k):
        return np.sum(np.sin(np.linalg.solve((2.0 + k * k) * np.eye(4) + symmetric, Y * k)))

    got = MODES[mode](lambda k: lost(k, conjugate_gradients))
    got = cd.compile(got) if compiled else got
    assert got(0.3) == pytest.approx(MODES[mode](dense)(0.3), rel=1e-9)


def test_the_adjoint_uses_the_transposed_solver():
    calls = []

    def there(product, b):
        calls.append("there")
        return by_columns(product, b)

    def back(product, b):
        calls.append("back")
        assert np.allclose([product(e) for e in np.eye(4)], 2.0 * np.eye(4) + NEXT)
        return by_columns(product, b)

    f = lambda k, b: np.sum(cd.linear_solve(lambda x: tridiagonal(x, k), b, there, back) ** 2)
    expected = lambda k, b: np.sum(np.linalg.solve(k * np.eye(4) + NEXT, b) ** 2)
    got = cd.grad(f, (0, 1))(2.0, Y)
    assert calls == ["there", "back"]
    assert got[0] == pytest.approx(cd.grad(expected)(2.0, Y), rel=1e-12)
    np.testing.assert_allclose(got[1], cd.grad(expected, 1)(2.0, Y), rtol=1e-12)
    calls.clear()
    cd.jvp(f, (2.0, Y), (1.0, Y))
    assert calls == ["there", "there"]


def test_products_instead_of_a_jacobian():
    for compiled in (False, True):
        for mode in ("grad", "jvp", "second, fwd rev", "second, rev rev"):
            f = cd.custom_root(lambda x, k: x**3 + tridiagonal(x, k) - Y, linear_solver=by_columns)
            dense = cd.custom_root(lambda x, k: x**3 + tridiagonal(x, k) - Y)
            got = MODES[mode](lambda k: np.sum(f(np.zeros(4), k)))  # noqa: B023
            got = cd.compile(got) if compiled else got
            expected = MODES[mode](lambda k: np.sum(dense(np.zeros(4), k)))  # noqa: B023
            assert got(2.0) == pytest.approx(expected(2.0), rel=1e-10)
    minimum = cd.implicit_minimize(ridge_loss, linear_solver=conjugate_gradients)
    slope = cd.jacobian(lambda p: minimum(np.zeros(2), A, Y, p))(0.3)
    np.testing.assert_allclose(slope, cd.jacobian(lambda p: ridge(A, Y, p))(0.3), rtol=1e-9)


def test_a_linear_system_in_containers():
    def product(x):
        return {"p": 2.0 * x["p"] + np.sum(x["q"]), "q": 3.0 * x["q"] + x["p"]}

    b = {"p": 1.0, "q": np.array([1.0, 2.0])}
    x = cd.linear_solve(product, b)
    back = product(x)
    assert back["p"] == pytest.approx(1.0)
    np.testing.assert_allclose(back["q"], b["q"])
    slope = cd.grad(lambda b: cd.linear_solve(product, b)["p"])(b)
    matrix = np.array([[2.0, 1, 1], [1, 3, 0], [1, 0, 3]])
    row = np.linalg.inv(matrix)[0]
    np.testing.assert_allclose([slope["p"], *slope["q"]], row)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(0, 10**6))
def test_random_systems(n, seed):
    """A random smooth system: the Jacobian of its root against the theorem written out."""
    rng = np.random.default_rng(seed)
    a, b, p = rng.normal(size=(n, n)), rng.normal(size=(n, 3)), rng.normal(size=3)
    f = lambda x, p: 3.0 * x + np.sin(np.matmul(a, x)) / (1.0 + np.abs(a).sum()) - np.matmul(b, p)
    root = cd.custom_root(f)
    x = root(np.zeros(n), p)
    np.testing.assert_allclose(f(x, p), 0.0, atol=1e-10)
    expected = -np.linalg.solve(cd.jacobian(f, 0)(x, p), cd.jacobian(f, 1)(x, p))
    for mode in (cd.jacrev, cd.jacfwd):
        np.testing.assert_allclose(mode(root, 1)(np.zeros(n), p), expected, rtol=1e-8, atol=1e-10)


# --- mistakes -------------------------------------------------------------------------------------


def test_a_singular_jacobian_is_an_error_eager_and_compiled():
    f = cd.custom_root(lambda x, a: (x - a) ** 2 * 0.0 + a * 0.0, solver=lambda g, x: x)
    for g in (cd.grad(f, 1), cd.compile(cd.grad(f, 1)), cd.jacfwd(f, 1)):
        with pytest.raises(np.linalg.LinAlgError, match="no equation depends on the unknown"):
            g(1.0, 2.0)
    rank = cd.custom_root(
        lambda x, a: cnp.stack([x[0] + x[1], 2.0 * x[0] + 2.0 * x[1]]) - a * np.array([1.0, 2.0]),
        solver=lambda g, x: np.array([1.0, 1.0]),
    )
    with pytest.raises(np.linalg.LinAlgError, match=r"\(2 x 2\) is singular"):
        cd.jacobian(rank, 1)(np.zeros(2), 2.0)
    hidden = cd.custom_root(lambda x, a: x["u"] ** 2 + x["v"] * 0.0 + a,
                            solver=lambda g, x: x)  # fmt: skip
    with pytest.raises(ValueError, match="holds 1 number"):
        hidden({"u": 1.0, "v": 2.0}, 1.0)
    with pytest.raises(np.linalg.LinAlgError, match="the matrix"):
        cd.linear_solve(lambda x: np.ones((3, 3)) @ x, np.ones(3))


def test_badly_scaled_is_not_singular():
    scale = np.array([1e-12, 1e12])
    f = cd.custom_root(lambda x, a: scale * x - a)
    np.testing.assert_allclose(
        cd.jacobian(f, 1)(np.zeros(2), np.ones(2)), np.diag(1 / scale), rtol=1e-12
    )


class Report(dict):
    """As SciPy's OptimizeResult: a dict whose entries are attributes, too."""

    __getattr__ = dict.__getitem__


def test_mistakes_are_named():
    with pytest.raises(ValueError, match=r"3 number\(s\).*for 2 unknown"):
        cd.custom_root(lambda x: np.ones(3) * x[0])(np.zeros(2))
    with pytest.raises(TypeError, match="is None; does the function lack a return"):
        cd.custom_root(lambda x: None)(1.0)
    with pytest.raises(TypeError, match=r"linear_solve takes a function.*np.linalg.solve"):
        cd.linear_solve(np.eye(2), np.ones(2))
    with pytest.raises(RuntimeError, match="does not converge"):
        cd.custom_root(lambda x: x * x + 1.0)(0.7)
    with pytest.raises(RuntimeError, match="singular Jacobian"):
        cd.custom_root(lambda x: x * x + 1.0)(0.0)
    with pytest.raises(RuntimeError, match="iteration does not converge"):
        cd.custom_fixed_point(lambda x: 2.0 * x)(1.0)
    with pytest.raises(ValueError, match="has shape"):
        cd.custom_fixed_point(lambda x: x[:1])(np.zeros(2))
    with pytest.raises(ValueError, match="one number"):
        cd.implicit_minimize(lambda x: x)(np.zeros(2))
    with pytest.raises(TypeError, match="solver needs a function"):
        cd.custom_root(kepler_equation, solver=3)
    with pytest.raises(ValueError, match="the solver returned"):
        cd.custom_root(lambda x: x, solver=lambda g, x: np.zeros(3))(np.zeros(2))
    with pytest.raises(TypeError, match=r"all that SciPy reports \(Report\); return its field x"):
        cd.custom_root(lambda x: x, solver=lambda g, x: Report(x=x))(np.ones(2))
    with pytest.raises(RuntimeError, match="not finite"):
        cd.custom_root(lambda x: x, solver=lambda g, x: np.nan)(1.0)
    with pytest.raises(TypeError, match="unknown"):
        cd.custom_root(lambda x: x)("a")
    with pytest.raises(ValueError, match="not linear"):
        cd.linear_solve(lambda x: x + 1.0, np.ones(2))
    with pytest.raises(ValueError, match="no number"):
        cd.custom_root(lambda x: x)({})


def test_a_decorator_that_can_be_pickled():
    @cd.custom_root(solver=bisection)
    def f(x, a):
        return x**3 - a

    assert f(0.0, 8.0) == pytest.approx(2.0)
    assert "custom_root" in repr(f)
    again = pickle.loads(pickle.dumps(kepler))
    assert again(1.0, 0.1, 0.8) == kepler(1.0, 0.1, 0.8)


def test_loops_under_checkpoint_and_vmap():
    """A loop that is differentiated gives its carries too, behind what was recorded of it."""
    f = lambda a: cd.fori_loop(0, 60, lambda i, x: a * x, a)
    x = np.array([0.9, 0.8, 0.95])
    assert cd.grad(cd.checkpoint(f))(0.9) == pytest.approx(61 * 0.9**60, rel=1e-12)
    for g in (f, cd.checkpoint(f)):
        total = lambda x, g=g: cnp.sum(cd.vmap(g)(x))
        np.testing.assert_allclose(cd.grad(total)(x), 61 * x**60, rtol=1e-12)
        np.testing.assert_allclose(cd.compile(cd.grad(total))(x), 61 * x**60, rtol=1e-12)


@pytest.mark.parametrize(
    ("f", "b"),
    [
        (lambda v: v + v * v, np.ones(2)),  # 0 at 0, and the identity as far as its slope there
        (lambda v: v + 0.5 * np.abs(v), -np.ones(2)),
        (lambda v: np.sin(v), np.full(2, 0.1)),
    ],
)
@pytest.mark.parametrize("solve", [None, lambda product, b: b])
def test_a_function_that_is_not_linear_is_refused(f, b, solve):
    with pytest.raises(ValueError, match=r"is not linear.*custom_root solves"):
        cd.linear_solve(f, b, solve)


def test_rounding_is_not_taken_for_a_nonlinear_function():
    rng = np.random.default_rng(0)
    for n in (1, 5, 40):
        u, _ = np.linalg.qr(rng.normal(size=(n, n)))
        a = u @ np.diag(10.0 ** -np.linspace(0.0, 9.0, n)) @ u.T
        x = rng.normal(size=n)
        found = cd.linear_solve(lambda v: a @ v, a @ x)  # noqa: B023
        np.testing.assert_allclose(a @ found, a @ x, rtol=0.0, atol=1e-12)
    assert not np.any(cd.linear_solve(lambda v: 3.0 * v, np.zeros(3)))


@pytest.mark.parametrize(
    ("f", "start", "kind"),
    [
        (lambda x: -x * x, 0.0, "maximum"),
        (lambda x: x[0] ** 2 - x[1] ** 2, np.array([1.0, 0.0]), "saddle point"),
        (lambda x: np.cos(x), 0.0, "maximum"),
    ],
)
def test_what_is_no_minimum_is_refused(f, start, kind):
    with pytest.raises(RuntimeError, match=f"ended at a {kind} .the Hessian has the eigenvalue -"):
        cd.implicit_minimize(f)(start)


def test_a_function_without_a_minimum(recwarn):
    with pytest.raises(RuntimeError, match="falls without bound"):
        cd.implicit_minimize(lambda x, a: a * x)(0.0, 1.0)
    assert not recwarn.list


@pytest.mark.parametrize("start", [-2.0, 4.0, 31.0])
def test_steps_that_lead_upwards_are_shortened(start):
    """Newton's own would go to and fro ever further."""
    lowest = cd.implicit_minimize(lambda x, a: np.sqrt(1.0 + (x - a) ** 2))
    assert abs(lowest(start, 1.0) - 1.0) < 1e-12
    assert abs(cd.grad(lambda a: lowest(start, a))(1.0) - 1.0) < 1e-12


def test_an_iteration_that_grows_without_end(recwarn):
    with pytest.raises(RuntimeError, match="does not converge"):
        cd.custom_fixed_point(lambda x: 2.0 * x)(1.0)
    assert not recwarn.list


def test_flat_minima_are_minima():
    assert abs(cd.implicit_minimize(lambda x: (x - 1.0) ** 4)(1.0) - 1.0) < 1e-12
    assert cd.implicit_minimize(lambda x: 0.0 * np.sum(x))(np.ones(2)).tolist() == [1.0, 1.0]
