"""Derivatives of any order: against mpmath to order eight, and every nesting against the others.

The functions are scalar and known to mpmath; how a derivative is nested (forward, reverse, in
loops, compiled) must not matter.
"""

import itertools
import math

import mpmath
import numpy as np
import pytest

import cdiff as cd

ORDERS = 8
FUNCTIONS = {
    "exp(sin x)": (lambda x: np.exp(np.sin(x)), lambda x: mpmath.exp(mpmath.sin(x)), 0.7),
    "tanh": (np.tanh, mpmath.tanh, 0.4),
    "x**x": (lambda x: x**x, lambda x: x**x, 1.3),
    "1/(1+x^2)": (lambda x: 1.0 / (1.0 + x * x), lambda x: 1 / (1 + x * x), 0.6),
    "log1p": (np.log1p, mpmath.log1p, 0.25),
    "erf": (cd.erf, mpmath.erf, 0.8),
    "sqrt(1 + exp x)": (
        lambda x: np.sqrt(1.0 + np.exp(x)), lambda x: mpmath.sqrt(1 + mpmath.exp(x)), 0.3,
    ),
    "arctan": (np.arctan, mpmath.atan, 0.9),
    "sigmoid": (cd.sigmoid, lambda x: 1 / (1 + mpmath.exp(-x)), -0.5),
    "x**7": (lambda x: x**7, lambda x: x**7, 1.1),
    "if": (lambda x: np.sin(x) if x > 0.0 else x * x, mpmath.sin, 0.5),
}  # fmt: skip


def exact(name, point):
    """Value and derivatives of all orders, by Taylor coefficients of fifty digits."""
    with mpmath.workdps(50):
        coefficients = mpmath.taylor(FUNCTIONS[name][1], mpmath.mpf(point), ORDERS)
        return [float(c * mpmath.factorial(n)) for n, c in enumerate(coefficients)]


def push(f):
    return lambda x: cd.jvp(f, (x,), (1.0,))[1]


def pull(f):
    return lambda x: cd.vjp(f, x)[1](1.0)[0]


def nested(f, steps):
    for step in steps:
        f = step(f)
    return f


NESTINGS = {
    "reverse": lambda n: [cd.grad] * n,
    "forward": lambda n: [push] * n,
    "reverse, forward, ...": lambda n: ([cd.grad, push] * n)[:n],
    "forward, reverse, ...": lambda n: ([push, cd.grad] * n)[:n],
    "vjp": lambda n: [pull] * n,
    "reverse inside, forward outside": lambda n: [cd.grad] * (n // 2) + [push] * (n - n // 2),
}


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("nesting", NESTINGS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_to_order_eight(name, nesting, compiled):
    function, _, point = FUNCTIONS[name]
    expected = exact(name, point)
    scale = max(map(abs, expected))
    for n in range(1, ORDERS + 1):
        f = nested(function, NESTINGS[nesting](n))
        found = (cd.compile(f) if compiled else f)(point)
        assert found == pytest.approx(expected[n], rel=2e-10, abs=1e-13 * scale), n


@pytest.mark.parametrize("steps", list(itertools.product([cd.grad, push, pull], repeat=4)))
def test_all_nestings_of_order_four_agree(steps):
    name = "exp(sin x)"
    expected = exact(name, 0.7)[4]
    assert nested(FUNCTIONS[name][0], steps)(0.7) == pytest.approx(expected, rel=1e-12)


def test_the_check_would_fail():
    """One order too few is not close enough to pass."""
    expected = exact("tanh", 0.4)
    assert nested(np.tanh, [cd.grad] * 3)(0.4) != pytest.approx(expected[4], rel=1e-2)


# ---------------------------------------------------------------- of arrays


def tensor(f, steps, x):
    for step in steps:
        f = step(f)
    return f(x)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize(
    "steps", list(itertools.product([cd.jacfwd, cd.jacrev], repeat=3)), ids=lambda s: "-".join(
        [f.__name__[3:] for f in s])
)  # fmt: skip
def test_third_derivatives_of_arrays(steps, compiled):
    """All ways of nesting, of products, reductions and elementwise work together."""
    a = np.array([[0.3, -0.2, 0.5], [0.1, 0.7, -0.4]])

    def f(x):
        return np.sum(np.tanh(a @ x) ** 2) * np.exp(x[0] * x[2]) + np.sum(x**3)

    x = np.array([0.4, -0.3, 0.6])
    third = cd.compile(lambda x: tensor(f, steps, x)) if compiled else lambda x: tensor(f, steps, x)
    found = third(x)
    # along a direction, one variable: exact by the scalar nest
    for direction in (np.array([1.0, 0.0, 0.0]), np.array([0.3, -1.0, 0.7])):
        line = nested(lambda t, d=direction: f(x + t * d), [cd.grad, cd.grad, cd.grad])(0.0)
        along = np.einsum("ijk,i,j,k", found, direction, direction, direction)
        assert along == pytest.approx(line, rel=1e-10)
    for order in itertools.permutations(range(3)):
        np.testing.assert_allclose(found.transpose(order), found, rtol=1e-10, atol=1e-12)


# ---------------------------------------------------------------- through loops and rules


def looped(x):
    """exp(x) by its series: 25 terms."""

    def step(carry, n):
        term, total = carry
        return (term * x / n, total + term), None

    return cd.scan(step, (1.0, 0.0), np.arange(1.0, 26.0))[0][1]


def checked(x):
    return cd.checkpoint(lambda y: np.exp(np.sin(y)))(x)


def ruled(x):
    f = cd.custom_vjp(np.exp)
    f.defvjp(lambda x: (f(x), f(x)), lambda y, g: (g * y,))
    return f(x)


def pushed_rule(x):
    f = cd.custom_jvp(np.exp)
    f.defjvp(lambda p, t: (f(p[0]), f(p[0]) * t[0]))
    return f(x)


def made(x):
    f = cd.operator(math.exp)
    f.defvjp(lambda g, out, x: (g * out,))
    return f(x)


THROUGH = {
    "scan": (looped, mpmath.exp),
    "checkpoint": (checked, FUNCTIONS["exp(sin x)"][1]),
    "custom_vjp": (ruled, mpmath.exp),
    "custom_jvp": (pushed_rule, mpmath.exp),
    "operator": (made, mpmath.exp),
}


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("nesting", ["reverse", "forward", "reverse, forward, ..."])
@pytest.mark.parametrize("name", THROUGH)
def test_orders_through_loops_and_rules(name, nesting, compiled):
    function, theirs = THROUGH[name]
    with mpmath.workdps(40):
        expected = [float(c * mpmath.factorial(n))
                    for n, c in enumerate(mpmath.taylor(theirs, mpmath.mpf(0.7), 4))]  # fmt: skip
    for n in range(1, 5):
        f = nested(function, NESTINGS[nesting](n))
        found = (cd.compile(f) if compiled else f)(0.7)
        assert found == pytest.approx(expected[n], rel=1e-11), n


def test_grad_of_scan_of_grad_of_scan():
    def inner(p, a):
        return cd.scan(lambda c, x: (np.sin(c * a + x * p), None), p, np.array([0.1, 0.4]))[0]

    def outer(a):
        step = lambda c, x: (c - 0.3 * cd.grad(inner)(c, a) * x, c)
        carry, ys = cd.scan(step, 0.5, np.array([1.0, 0.5, 2.0]))
        return carry + np.sum(ys)

    def series(a):
        """The same in mpmath, the inner derivative by hand."""
        c, total = mpmath.mpf(0.5), mpmath.mpf(0)
        for x in (mpmath.mpf(1), mpmath.mpf(0.5), mpmath.mpf(2)):
            value, slope = c, mpmath.mpf(1)
            for r in (mpmath.mpf("0.1"), mpmath.mpf("0.4")):
                value, slope = (mpmath.sin(value * a + r * c),
                                mpmath.cos(value * a + r * c) * (slope * a + r))  # fmt: skip
            total += c
            c -= mpmath.mpf("0.3") * slope * x
        return total + c

    with mpmath.workdps(40):
        expected = [float(mpmath.diff(series, mpmath.mpf("0.8"), n)) for n in (1, 2, 3)]
    for wrap in (lambda f: f, cd.compile):
        for n, steps in enumerate([[cd.grad], [cd.grad, push], [push, cd.grad, cd.grad]]):
            found = wrap(nested(outer, steps))(0.8)
            assert found == pytest.approx(expected[n], rel=1e-9)
