"""How deep transformations may be nested, and what high derivatives cost."""

import math

import numpy as np
import pytest

import cdiff as cd

DEEPEST = 17


def nested(f, depth, transformation=cd.grad):
    for _ in range(depth):
        f = transformation(f)
    return f


def by_jvp(f):
    return lambda x: cd.jvp(f, (x,), (1.0,))[1]


def by_vjp(f):
    return lambda x: cd.vjp(f, x)[1](1.0)[0]


@pytest.mark.parametrize("transformation", [cd.grad, by_jvp, by_vjp])
@pytest.mark.parametrize("depth", [9, 10, 13, DEEPEST])
def test_line_at_depth(transformation, depth):
    assert nested(lambda x: 3.0 * x, depth, transformation)(2.0) == 0.0


@pytest.mark.parametrize("depth", [1, 5, 8, 9])
def test_power_at_depth(depth):
    exact = math.perm(10, depth) * 1.5 ** (10 - depth)
    assert nested(lambda x: x**10, depth, by_jvp)(1.5) == pytest.approx(exact, rel=1e-12)


def test_product_of_as_many_variables_as_levels():
    """Every level differentiates by a variable of its own, so nothing grows."""

    def integrand(k, product):
        if k == 0:
            return product
        return cd.grad(lambda x: integrand(k - 1, product * x))(1.0 + k)

    assert integrand(DEEPEST, 2.0) == 2.0


@pytest.mark.parametrize("transformation", [cd.grad, by_jvp, by_vjp])
def test_one_level_too_many(transformation):
    with pytest.raises(RecursionError, match="nested more than 17 deep"):
        nested(lambda x: 3.0 * x, DEEPEST + 1, transformation)(2.0)
    assert nested(lambda x: 3.0 * x * x, 2, transformation)(2.0) == 6.0


def test_independent_transformations_inside_each_other():
    """Those that track nothing of one another, in containers, down to the deepest level."""

    def f(depth):
        if depth == 0:
            return {"x": 1.0, "y": np.ones(2)}
        below = f(depth - 1)
        inner = cd.grad(lambda t: t["x"] ** 2 + (t["y"] * t["y"]).sum())(below)
        return {"x": inner["x"] / 2.0, "y": inner["y"] / 2.0}

    def down(depth):
        if depth == 0:
            return 5.0
        return cd.grad(lambda t: t["x"] * t["x"] + t["y"][0])({"x": 1.0, "y": [down(depth - 1)]})[
            "x"
        ]

    assert f(40)["x"] == 1.0
    assert down(40) == 2.0


def test_deep_levels_are_kept_apart():
    """d/dx of x * (d/dy of x * y at each of many levels) counts every x once."""

    def f(x, depth):
        return x if depth == 0 else cd.grad(lambda y: y * f(x, depth - 1))(7.0)

    assert cd.grad(lambda x: f(x, DEEPEST - 1) * x)(3.0) == 6.0
    assert cd.jvp(lambda x: f(x, DEEPEST - 1) * x, (3.0,), (1.0,)) == (9.0, 6.0)


FUNCTIONS = {
    "sin": (lambda x, m: m.sin(x), 0.7),
    "exp sin": (lambda x, m: m.exp(x) * m.sin(x), 0.3),
    "rational": (lambda x, m: x**5 / (1 + x * x), 0.8),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_high_derivatives_of_scalars(name):
    mpmath = pytest.importorskip("mpmath")
    f, x = FUNCTIONS[name]
    with mpmath.workdps(60):
        exact = [float(mpmath.diff(lambda t: f(t, mpmath), x, n)) for n in range(8)]
    for order in range(1, 7):
        scale = max(abs(v) for v in exact[: order + 1])
        assert abs(nested(lambda t: f(t, np), order)(x) - exact[order]) <= 1e-12 * scale
    for order in (1, 4, 7):
        scale = max(abs(v) for v in exact[: order + 1])
        assert abs(nested(lambda t: f(t, np), order, by_jvp)(x) - exact[order]) <= 1e-12 * scale


# ------------------------------------------------------------------ values that outlive their run


def by_linearize(f):
    return lambda x: cd.linearize(f, x)[1](np.ones_like(x) if np.ndim(x) else 1.0)


def by_value_and_grad(f):
    return lambda x: cd.value_and_grad(f)(x)[1]


@pytest.mark.parametrize("way", [cd.grad, by_value_and_grad, by_vjp, by_linearize, cd.jacobian])
def test_leaked_dual_gives_plain_results(way):
    leaked = []
    cd.jvp(lambda x: leaked.append(x * 1.0) or x * x, (2.0,), (1.0,))
    slope = way(lambda y: leaked[0] * y)(3.0)
    assert type(slope) is float
    assert slope == 2.0


@pytest.mark.parametrize("way", [cd.vjp, cd.linearize])
def test_output_changed_in_place_after_the_run(way):
    kept = []

    def f(x):
        kept.append(x * x)
        return kept[-1]

    x, ones = np.array([1.0, 2.0]), np.ones(2)
    value, linear = way(f, x)
    kept[-1][0] = 5.0 * kept[-1][1]
    kept[-1][1:] = 7.0
    derivative = linear(ones)[0] if way is cd.vjp else linear(ones)
    np.testing.assert_array_equal(value, [1.0, 4.0])
    np.testing.assert_array_equal(derivative, [2.0, 4.0])


@pytest.mark.parametrize("way", [cd.vjp, cd.linearize])
def test_view_returned_and_its_base_changed(way):
    kept = []

    def f(x):
        kept.append(x * x)
        return kept[-1][:1]

    _, linear = way(f, np.array([1.0, 2.0]))
    kept[-1][:] = 0.0
    derivative = linear(np.ones(1))[0] if way is cd.vjp else linear(np.ones(2))
    np.testing.assert_array_equal(derivative, [2.0, 0.0] if way is cd.vjp else [2.0])
