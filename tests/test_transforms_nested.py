"""Transformations inside transformations: perturbation confusion, all mixes of modes to third
order, captured values, threads, and exceptions that leave nothing behind."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from many_threads import in_threads

import cdiff as cd

# ------------------------------------------------------------------ one number, all modes


def by_grad(f):
    return cd.grad(f)


def by_vjp(f):
    return lambda x: cd.vjp(f, x)[1](1.0)[0]


def by_jvp(f):
    return lambda x: cd.jvp(f, (x,), (1.0,))[1]


def by_linearize(f):
    return lambda x: cd.linearize(f, x)[1](1.0)


def by_jacfwd(f):
    return cd.jacfwd(f)


def by_jacrev(f):
    return cd.jacrev(f)


def by_elementwise(f):
    return cd.elementwise_grad(f)


WAYS = [by_grad, by_vjp, by_jvp, by_linearize, by_jacfwd, by_jacrev, by_elementwise]
NAMES = [way.__name__[3:] for way in WAYS]


def mix_name(ways):
    return "-".join(way.__name__[3:] for way in ways)


def wave(x):
    return np.exp(0.3 * x) * np.sin(x) / (1.0 + x * x)


def series_of_wave(x0, order):
    """Derivatives of `wave` from Taylor coefficients, by power-series arithmetic."""
    n = order + 1
    exp = [np.exp(0.3 * x0) * 0.3**k / float(np.prod(range(1, k + 1), initial=1)) for k in range(n)]
    cycle = [np.sin(x0), np.cos(x0), -np.sin(x0), -np.cos(x0)]
    sin = [cycle[k % 4] / float(np.prod(range(1, k + 1), initial=1)) for k in range(n)]
    below = [1.0 + x0 * x0, 2.0 * x0, 1.0] + [0.0] * n
    above = [sum(exp[i] * sin[k - i] for i in range(k + 1)) for k in range(n)]
    quotient = []
    for k in range(n):
        rest = sum(quotient[i] * below[k - i] for i in range(k))
        quotient.append((above[k] - rest) / below[0])
    return [q * float(np.prod(range(1, k + 1), initial=1)) for k, q in enumerate(quotient)]


@pytest.mark.parametrize("ways", list(itertools.product(WAYS, repeat=2)), ids=mix_name)
def test_second_derivatives_in_every_mix(ways):
    f = wave
    for way in ways:
        f = way(f)
    np.testing.assert_allclose(f(0.7), series_of_wave(0.7, 2)[2], rtol=1e-13)


@pytest.mark.parametrize("ways", list(itertools.product(WAYS, repeat=3)), ids=mix_name)
def test_third_derivatives_in_every_mix(ways):
    f = wave
    for way in ways:
        f = way(f)
    result = f(0.7)
    assert type(result) is float
    np.testing.assert_allclose(result, series_of_wave(0.7, 3)[3], rtol=1e-12)


@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_sixth_derivative(way):
    f = wave
    for _ in range(6):
        f = way(f)
    np.testing.assert_allclose(f(0.7), series_of_wave(0.7, 6)[6], rtol=1e-10)


# ------------------------------------------------------------------ perturbation confusion


PAIRS = pytest.mark.parametrize(
    ("outer", "inner"), list(itertools.product(WAYS, repeat=2)), ids=lambda w: w.__name__[3:]
)


@PAIRS
def test_constant_inner_function(outer, inner):
    # d/dx (x * d/dy (x + y)) = 1; confusing the two perturbations gives 2.
    assert outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0) == 1.0


@PAIRS
def test_inner_product_with_the_outer_value(outer, inner):
    # d/dx (x * d/dy (x * y)) = 2 x.
    assert outer(lambda x: x * inner(lambda y: x * y)(2.0))(3.0) == 6.0


@PAIRS
def test_inner_at_the_outer_value(outer, inner):
    # d/dx d/dy (x y^2) at y = x: d/dx (2 x^2) = 4 x.
    assert outer(lambda x: inner(lambda y: x * y * y)(x))(3.0) == 12.0


@PAIRS
def test_amazing_bug(outer, inner):
    """Manzyuk et al. 2019, "Perturbation confusion in forward automatic differentiation of
    higher-order functions": d/dx of the shift operator, applied twice."""

    def shift(u):
        return lambda f: lambda x: f(x + u)

    # D s(0) applied to f is f'; applied twice it must be f''.
    def derivative_of_shift(f):
        return lambda x: outer(lambda u: shift(u)(f)(x))(0.0)

    twice = derivative_of_shift(derivative_of_shift(inner(lambda x: x**4)))
    np.testing.assert_allclose(twice(2.0), 48.0)


@PAIRS
def test_unused_outer_value(outer, inner):
    assert outer(lambda x: inner(lambda y: y * y)(3.0))(5.0) == 0.0


def test_vjp_function_used_inside_another_transformation():
    x = np.array([1.0, 2.0])
    _, pull = cd.vjp(lambda u: u * u, x)
    gradient = cd.grad(lambda c: (pull(c)[0] ** 2).sum())(np.array([3.0, 4.0]))
    np.testing.assert_array_equal(gradient, 2.0 * np.array([3.0, 4.0]) * (2.0 * x) ** 2)
    np.testing.assert_array_equal(cd.jacfwd(lambda c: pull(c)[0])(x), np.diag(2.0 * x))
    _, push = cd.linearize(lambda u: u * u, x)
    np.testing.assert_array_equal(cd.jacobian(push)(x), np.diag(2.0 * x))
    np.testing.assert_array_equal(cd.jvp(push, (x,), (x,))[1], 2.0 * x * x)


def test_vjp_function_made_inside_and_differentiated():
    def f(x):
        _, pull = cd.vjp(lambda u: u**3, x)
        return pull(x)[0]  # 3 x^2 * x

    assert cd.grad(f)(2.0) == 36.0
    assert cd.jvp(f, (2.0,), (1.0,))[1] == 36.0
    assert cd.grad(cd.grad(f))(2.0) == 36.0

    def g(x):
        _, push = cd.linearize(lambda u: u**3, x)
        return push(x)

    assert cd.grad(g)(2.0) == 36.0
    assert cd.jvp(g, (2.0,), (1.0,))[1] == 36.0


def test_gradient_step_inside_a_loss():
    """Differentiate through an optimiser: x1 = x0 - rate * f'(x0), d f(x1) / d rate."""
    x0 = np.array([1.0, -2.0])

    def loss(x):
        return (x**4).sum()

    def after_steps(rate, count):
        x = x0
        for _ in range(count):
            x = x - rate * cd.grad(loss)(x)
        return loss(x)

    for count in (1, 2, 3):
        numerical = (after_steps(0.01 + 1e-6, count) - after_steps(0.01 - 1e-6, count)) / 2e-6
        derivative = cd.grad(after_steps)(0.01, count)
        np.testing.assert_allclose(derivative, numerical, rtol=1e-7)


def test_results_inside_are_tracked_and_outside_plain():
    seen = []

    def f(x):
        value, gradient = cd.value_and_grad(lambda y: (y * y).sum())(x)
        seen.append((cd.is_tracked(value), cd.is_tracked(gradient)))
        return value + gradient.sum()

    assert type(cd.value_and_grad(f)(np.ones(3))[0]) is float
    assert seen == [(True, True)]
    assert cd.is_tracked(cd.grad(f)(np.ones(3))) is False


def test_inner_derivative_of_plain_numbers_stays_plain():
    def f(x):
        inner = cd.grad(lambda y: y * y)(3.0)
        assert type(inner) is float
        return x * inner

    assert cd.grad(f)(1.0) == 6.0


WAYS_IN = [by_grad, by_vjp, by_jvp, by_linearize]


@pytest.mark.parametrize("way", WAYS_IN)
@pytest.mark.parametrize("leaky", WAYS_IN)
def test_values_that_leaked_out_are_constants_of_later_transformations(leaky, way):
    """They met at the same depth, but not in the same transformation."""
    leaked = []
    leaky(lambda x: leaked.append(x * 1.0) or x * x)(2.0)

    def slope(y):
        return cd.array(way(lambda y: leaked[0] * y * y)(y)).item()

    assert slope(3.0) == 12.0
    curvature = by_jvp(cd.grad(lambda y: leaked[0] * y * y))(3.0)
    assert cd.array(curvature).item() == 4.0


# ------------------------------------------------------------------ arrays


def energy(x):
    return np.sum(np.sin(x) * x[::-1]) + np.exp(-np.sum(x * x))


HESSIANS = {
    "hessian": cd.hessian,
    "fwd-rev": lambda f: cd.jacfwd(cd.jacrev(f)),
    "rev-fwd": lambda f: cd.jacrev(cd.jacfwd(f)),
    "fwd-fwd": lambda f: cd.jacfwd(cd.jacfwd(f)),
    "rev-rev": lambda f: cd.jacrev(cd.jacrev(f)),
    "jac-grad": lambda f: cd.jacobian(cd.grad(f)),
    "hvp": lambda f: lambda x: np.stack([cd.hvp(f, (x,), (e,)) for e in np.eye(len(x))]),
    "grad-vjp": lambda f: (
        lambda x: np.stack(
            [cd.grad(lambda u, e=e: cd.vjp(f, u)[1](1.0)[0] @ e)(x) for e in np.eye(len(x))]
        )
    ),
    "grad-jvp": lambda f: (
        lambda x: np.stack(
            [cd.grad(lambda u, e=e: cd.jvp(f, (u,), (e,))[1])(x) for e in np.eye(len(x))]
        )
    ),
    "jvp-jvp": lambda f: (
        lambda x: np.stack(
            [
                [
                    cd.jvp(lambda u, a=a: cd.jvp(f, (u,), (a,))[1], (x,), (b,))[1]
                    for a in np.eye(len(x))
                ]
                for b in np.eye(len(x))
            ]
        )
    ),
}


@pytest.mark.parametrize("name", HESSIANS)
def test_hessians_agree(name):
    x = np.array([0.3, -0.8, 1.1])
    s = np.exp(-np.sum(x * x))
    expected = np.diag(-np.sin(x) * x[::-1]) + s * (4.0 * np.outer(x, x) - 2.0 * np.eye(3))
    cross = np.diag(np.cos(x))[:, ::-1]
    expected += cross + cross.T
    np.testing.assert_allclose(HESSIANS[name](energy)(x), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("modes", list(itertools.product(["fwd", "rev"], repeat=3)), ids="-".join)
def test_third_derivative_tensor(modes):
    def f(x):
        return x[0] ** 2 * x[1] * x[2] + x[2] ** 3

    g = f
    for mode in modes:
        g = cd.jacobian(g, mode=mode)
    a, b, c = x = np.array([2.0, 3.0, 5.0])
    expected = np.zeros((3, 3, 3))
    for index, value in {(0, 0, 1): 2 * c, (0, 0, 2): 2 * b, (0, 1, 2): 2 * a}.items():
        for permuted in itertools.permutations(index):
            expected[permuted] = value
    expected[2, 2, 2] = 6.0
    np.testing.assert_allclose(g(x), expected, rtol=1e-13, atol=1e-13)


def test_nested_containers_in_nested_transformations():
    tree = {"a": 2.0, "b": [np.array([1.0, 3.0])]}

    def f(t):
        return t["a"] ** 2 * (t["b"][0] ** 2).sum()

    def norm(t):
        g = cd.grad(f)(t)
        return g["a"] ** 2 + (g["b"][0] ** 2).sum()

    # |grad f|^2 = 4 a^2 s^2 + 4 a^4 s with s = sum b^2
    gradient = cd.grad(norm)(tree)
    a, b, s = 2.0, tree["b"][0], 10.0
    assert gradient["a"] == pytest.approx(8 * a * s * s + 16 * a**3 * s)
    np.testing.assert_allclose(gradient["b"][0], (8 * a * a * s + 4 * a**4) * 2 * b)


def test_jacobian_of_part_of_a_container_while_an_outer_one_is_tracked():
    def f(x):
        J = cd.jacobian(lambda u: {"p": u * x, "q": 1.0})(x)
        return (J["p"] ** 2).sum() + (J["q"] ** 2).sum()

    for transform in (cd.grad, cd.jacfwd, cd.jacrev):
        np.testing.assert_allclose(transform(f)(np.array([1.0, 2.0])), [2.0, 4.0])


def test_zero_size():
    x = np.zeros((0,))
    assert cd.grad(lambda u: u.sum())(x).shape == (0,)
    assert cd.hessian(lambda u: (u * u).sum())(x).shape == (0, 0)
    assert cd.jacobian(lambda u: u * 2.0)(x).shape == (0, 0)
    assert cd.jvp(lambda u: u * u, (x,), (x,))[1].shape == (0,)
    assert cd.grad(lambda t: 3.0)({}) == {}
    assert cd.grad(lambda t, u: u)([], 1.0) == []


# ------------------------------------------------------------------ exceptions and threads


class Stop(BaseException):
    pass


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, Stop, GeneratorExit])
@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_an_exception_midway_leaves_nothing_behind(way, error):
    def failing(x):
        y = np.sin(x) * x
        way(lambda u: u * y)(x)
        raise error("midway")

    def outer(x):
        with pytest.raises(error):
            way(failing)(x)
        return x * x

    for _ in range(30):
        with pytest.raises(error):
            way(failing)(2.0)
    # The depth is back: nesting is as deep, and as right, as before.
    assert way(outer)(3.0) == 6.0
    np.testing.assert_allclose(cd.grad(cd.grad(cd.grad(wave)))(0.7), series_of_wave(0.7, 3)[3])


def test_exception_in_a_pullback_leaves_nothing_behind():
    _, pull = cd.vjp(lambda x: x * x, np.ones(2))
    for _ in range(20):
        with pytest.raises(ValueError, match="shape"):
            cd.grad(lambda c, pull=pull: pull(np.ones(3))[0].sum())(1.0)
    np.testing.assert_array_equal(pull(np.ones(2))[0], [2.0, 2.0])


def test_threads():
    errors = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(20):
            x = float(rng.uniform(-1.0, 1.0))
            for first, second in ((cd.grad, by_jvp), (by_jvp, cd.grad), (cd.grad, cd.grad)):
                got = first(second(wave))(x)
                if not np.isclose(got, series_of_wave(x, 2)[2], rtol=1e-10):
                    errors.append((seed, x, got))

    in_threads(work)
    assert not errors


def test_one_transformed_function_in_many_threads():
    gradient = cd.grad(cd.grad(wave))
    expected = series_of_wave(0.7, 2)[2]
    np.testing.assert_allclose(in_threads(lambda _: gradient(0.7)), [expected] * 8)


def test_generators_may_interleave():
    """Two derivatives under way at once, each suspended in the middle of the other's work."""

    def steps(x, out):
        def f(u):
            return u * u * u

        _value, pull = cd.vjp(f, x)
        yield
        out.append(pull(1.0)[0])
        yield

    first, second = [], []
    a, b = steps(2.0, first), steps(3.0, second)
    for g in (a, b, b, a):
        next(g)
    assert (first, second) == ([12.0], [27.0])


def test_recording_inside_no_grad():
    with cd.no_grad():
        assert cd.grad(lambda x: x * x)(3.0) == 6.0
        assert cd.jvp(lambda x: x * x, (3.0,), (1.0,)) == (9.0, 6.0)

    def partly(x):
        with cd.no_grad():
            y = x * x
        return x * y

    assert cd.grad(partly)(3.0) == 9.0


def test_python_control_flow():
    def f(x, n):
        y = x
        for k in range(n):
            if y > 1.0:
                y = y * 0.5
            else:
                y = y * y + 0.1 * k
        while y < 4.0:
            y = y + x
        return y

    for x in (0.3, 0.9, 1.7):
        numerical = (f(x + 1e-7, 6) - f(x - 1e-7, 6)) / 2e-7
        np.testing.assert_allclose(cd.grad(f)(x, 6), numerical, rtol=1e-6)
        np.testing.assert_allclose(cd.jvp(lambda u: f(u, 6), (x,), (1.0,))[1], numerical, rtol=1e-6)
