"""Programs that a derivative rule records while a sweep through it is recorded in turn.

A rule may scan, map, checkpoint, integrate or solve; each of these records a program at a level of
its own, which must not be that of values the sweep hands to the rule. All results are compared with
formulae, or with those of the same function without a rule.
"""

import numpy as np
import pytest

import cdiff as cd


def wave(n):
    rng = np.random.default_rng(n)
    w = 0.4 * rng.normal(size=(n, n)) / np.sqrt(n) + np.eye(n)
    return w, 0.3 * rng.normal(size=n) + 0.1, rng.normal(size=n), 0.4 * rng.normal(size=n)


# The sine of w @ x + b, with something that is recorded in each; w and b come from outside.
WAVES = {
    "scan": lambda w, b, x: cd.scan(lambda c, row: (c, np.sin(row[0] @ x + row[1])), 0.0, (w, b))[
        1
    ],
    "fori_loop": lambda w, b, x: cd.fori_loop(0, 1, lambda i, c: np.sin(w @ x + b), x),
    "while_loop": lambda w, b, x: cd.while_loop(
        lambda c: c[0] < 1.0, lambda c: (c[0] + 1.0, np.sin(w @ x + b)), (0.0, x)
    )[1],
    "checkpoint": lambda w, b, x: cd.checkpoint(lambda c: np.sin(w @ x + c))(b),
    "vmap": lambda w, b, x: cd.vmap(lambda row, c: np.sin(row @ x + c))(w, b),
    "compile": lambda w, b, x: cd.compile(lambda x: np.sin(w @ x + b))(x),
    "custom_root": lambda w, b, x: cd.custom_root(lambda y: y - np.sin(w @ x + b))(b),
    "linear_solve": lambda w, b, x: np.sin(
        cd.linear_solve(lambda y: y * np.exp(b), np.exp(b) * (w @ x + b))
    ),
    "jacobian": lambda w, b, x: cd.jacobian(lambda s: s * np.sin(w @ x + b))(1.0),
    "odeint": lambda w, b, x: cd.integrate.odeint(
        lambda y, t: np.sin(w @ x + b) + 0.0 * y, 0.0 * b, np.array([0.0, 1.0])
    )[-1],
}


def with_rule(h, w, b, rule):
    """The sine of w @ x + b, whose derivative is found by `h`: the cosine is a sine elsewhere."""
    quarter = np.linalg.solve(w, np.full(len(b), np.pi / 2))
    slope = lambda x: h(w, b, x + quarter)
    if rule == "jvp":
        f = cd.custom_jvp(lambda x: np.sin(w @ x + b))
        f.defjvp(lambda x, t: (h(w, b, x[0]), slope(x[0]) * (w @ t[0])))
    else:
        f = cd.custom_vjp(lambda x: np.sin(w @ x + b))
        f.defvjp(lambda x: (h(w, b, x), x), lambda x, g: ((g * slope(x)) @ w,))
    return f


def orders(f, c, d):
    """Derivatives of f of order one to three by all pairs of modes, with constants in between."""
    square = lambda x: np.sum((f(x + c) + c) ** 2)
    inner = lambda x: f(x + c) + c
    yield cd.jacfwd(lambda x: cd.linearize(inner, x)[1](d) + c)
    yield cd.jacrev(lambda x: cd.linearize(inner, x)[1](d * x) + c)
    yield cd.jacfwd(lambda x: cd.vjp(inner, x)[1](d * x)[0] + c)
    yield cd.grad(lambda x: d @ (cd.hessian(square)(x + c) @ d + c))
    yield lambda x: cd.jvp(cd.grad(lambda x: d @ cd.linearize(inner, x)[1](d * x)), (x,), (d,))[1]
    for outer in (cd.jacfwd, cd.jacrev):
        yield outer(lambda x, outer=outer: outer(inner)(x + c) @ d + c)
        for mode in (cd.jacfwd, cd.jacrev):
            second = lambda x, mode=mode: mode(lambda x: cd.grad(square)(x) + c)(x + c) @ d + c
            yield outer(second)
            yield lambda x, mode=mode, outer=outer: outer(
                lambda x: cd.jvp(lambda x: mode(inner)(x) @ d + c, (x,), (d + c,))[1]
            )(x)


STATES = {
    "eager": lambda f: f,
    "compiled": cd.compile,
    "mapped": lambda f: lambda x: cd.vmap(f)(np.stack([x, 0.9 * x]))[0],
}


def check(f, plain, n, state="eager"):
    _, _, c, x = wave(n)
    d = np.linspace(-1.0, 1.0, n) + 0.3
    for got, want in zip(orders(f, 0.1 * c, d), orders(plain, 0.1 * c, d), strict=True):
        np.testing.assert_allclose(STATES[state](got)(x), want(x), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("rule", ["jvp", "vjp"])
@pytest.mark.parametrize("name", WAVES)
@pytest.mark.parametrize("n", [5, 12])
def test_recordings_in_rules(n, name, rule):
    """Where a sweep forward was recorded, constants of the function were lost in the rule's."""
    w, b, _, _ = wave(n)
    check(with_rule(WAVES[name], w, b, rule), lambda x: np.sin(w @ x + b), n)


@pytest.mark.parametrize("state", ["compiled", "mapped"])
@pytest.mark.parametrize("name", ["scan", "vmap", "custom_root"])
def test_recordings_in_rules_in_programs(name, state):
    w, b, _, _ = wave(9)
    check(with_rule(WAVES[name], w, b, "jvp"), lambda x: np.sin(w @ x + b), 9, state)


@pytest.mark.parametrize("name", ["scan", "custom_root"])
def test_recordings_in_rules_of_many_directions(name):
    n = 70
    w, b, c, x = wave(n)
    f = with_rule(WAVES[name], w, b, "jvp")
    d = np.linspace(-1.0, 1.0, n)
    z = w @ x + b
    along = lambda x: cd.linearize(lambda x: f(x + c) + c, x)[1](d) + c
    for mode in (cd.jacfwd, cd.jacrev):
        np.testing.assert_allclose(
            mode(along)(x - c), -(np.sin(z) * (w @ d))[:, None] * w, rtol=1e-9, atol=1e-9
        )


SOLUTIONS = {
    "custom_root": lambda w, b, x: cd.custom_root(lambda y, p: w @ y - np.sin(p) - b)(b, x),
    "captured": lambda w, b, x: cd.custom_root(lambda y: w @ y - np.sin(x) - b)(b),
    "linear_solve": lambda w, b, x: cd.linear_solve(lambda y: w @ y, np.sin(x) + b),
    "products": lambda w, b, x: cd.linear_solve(
        lambda y: w @ y,
        np.sin(x) + b,
        lambda _, r: np.linalg.solve(w, r),
        lambda _, r: np.linalg.solve(w.T, r),
    ),
}


@pytest.mark.parametrize("name", SOLUTIONS)
@pytest.mark.parametrize("n", [5, 12])
def test_solutions_in_recorded_sweeps(n, name):
    w, b, _, _ = wave(n)
    check(lambda x: SOLUTIONS[name](w, b, x), lambda x: np.linalg.solve(w, np.sin(x) + b), n)


@pytest.mark.parametrize("rule", ["jvp", "vjp"])
@pytest.mark.parametrize("name", ["scan", "vmap", "custom_root"])
def test_linear_functions_kept_beyond_the_transformations_around_them(name, rule):
    n = 5
    w, b, v, x = wave(n)
    f = with_rule(WAVES[name], w, b, rule)
    kept = {}

    def keeping(x):
        y, kept["pull"] = cd.vjp(lambda z: f(z * 1.0), x + b - b)
        _, kept["push"] = cd.linearize(lambda z: f(z * 1.0), x + b - b)
        return np.sum(y)

    cd.grad(lambda x: np.sum(cd.grad(keeping)(x)))(x)
    slope = np.cos(w @ x + b)[:, None] * w
    for _ in range(2):
        np.testing.assert_allclose(kept["pull"](v)[0].numpy(), v @ slope, rtol=1e-9)
        np.testing.assert_allclose(kept["push"](v).numpy(), slope @ v, rtol=1e-9)
