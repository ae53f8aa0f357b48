"""Programs in the hand: recorded, run, transformed and transformed again, against eager calls."""

from __future__ import annotations

import numpy as np
import pytest

import cdiff as cd
from cdiff import programs

X = np.array([0.3, -1.2, 2.0])
M = np.array([[2.0, 0.5, 0.1], [0.5, 3.0, -0.2], [0.1, -0.2, 1.5]])

FUNCTIONS = [
    (lambda x: (np.sin(x) * x).sum(), (X,)),
    (lambda x, y: x * y + np.exp(x), (0.5, 2.0)),
    (lambda a, b: np.linalg.solve(a, b), (M, X)),
    (lambda a: np.cumprod(a, axis=0), (M,)),
    (lambda a: np.sort(a, axis=1) @ a, (M,)),
    (lambda a: a[::-1, [0, 0, 2]], (M,)),
    (lambda x: np.where(x > 0, np.sqrt(np.abs(x)), 0.0), (X,)),
    (lambda x: x.astype(np.float32) * np.float32(2), (X,)),
    (lambda x: np.max(x) * np.min(x), (np.array([1.0, 1.0, -2.0]),)),
    (lambda x: cd.grad(lambda y: (y**3).sum())(x), (X,)),
]


def directions(args, seed):
    rng = np.random.default_rng(seed)
    return tuple(
        rng.standard_normal(np.shape(a)) if np.ndim(a) else float(rng.standard_normal())
        for a in args
    )


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(("f", "args"), FUNCTIONS)
def test_run_gives_what_the_function_gives(f, args):
    program = programs.record(f, *args)
    program.check()
    (found,) = programs.run(program, *args)
    close(found, f(*args))


@pytest.mark.parametrize(("f", "args"), FUNCTIONS)
def test_jvp_is_the_forward_derivative(f, args):
    tangents = directions(args, 1)
    program = programs.jvp(programs.record(f, *args), *args)
    program.check()
    value, tangent = programs.run(program, *args, *tangents)
    expected = cd.jvp(f, args, tangents)
    close(value, expected[0])
    close(tangent, expected[1])


@pytest.mark.parametrize(("f", "args"), FUNCTIONS)
def test_vjp_is_the_reverse_derivative(f, args):
    out, pull = cd.vjp(f, *args)
    seed = np.random.default_rng(2).standard_normal(np.shape(out)).astype(np.result_type(out))
    seed = seed if seed.shape else float(seed)
    program = programs.vjp(programs.record(f, *args), *args)
    program.check()
    value, *grads = programs.run(program, *args, seed)
    close(value, out)
    for found, expected in zip(grads, pull(seed), strict=True):
        close(found, expected)


@pytest.mark.parametrize(("f", "args"), FUNCTIONS)
def test_linearize_is_jvp_at_a_point(f, args):
    tangents = directions(args, 3)
    program = programs.linearize(programs.record(f, *args), *args)
    program.check()
    (tangent,) = programs.run(program, *tangents)
    close(tangent, cd.jvp(f, args, tangents)[1])


def test_second_order_by_transforming_twice():
    def f(x):
        return (np.exp(np.sin(x)) * x[::-1]).prod()

    t = directions((X,), 4)[0]
    gradient = programs.vjp(programs.record(f, X), X)
    both = programs.jvp(gradient, X, 1.0)
    *_, hvp = programs.run(both, X, 1.0, t, 0.0)
    close(hvp, cd.hvp(f, (X,), (t,)))


def test_four_orders_in_mixed_modes():
    program = programs.record(lambda x: np.tanh(x), 0.3)
    for order in range(4):
        n = program.n_inputs
        point = [0.3] + [1.0] * (n - 1)
        if order % 2:
            program = programs.jvp(program, *point)
            program = pick(program, -1, [0.3, *[1.0] * (n - 1), 1.0, *[0.0] * (n - 1)])
        else:
            program = programs.vjp(program, *point)
            program = pick(program, len(program.outputs) - n, [*point, 1.0])
    g = cd.grad(cd.grad(cd.grad(cd.grad(np.tanh))))
    close(programs.run(program, 0.3)[0], g(0.3))


def pick(program, output, point):
    """The one output as a function of the first input; the others stay at the point."""
    return programs.record(lambda x: replayed(program, x, point)[output], point[0])


def replayed(program, x, point):
    return cd._core.replay(program, [x, *[cd.array(p) for p in point[1:]]])


def test_guards_are_kept_and_told():
    def f(x, y):
        if y > 1:
            return x * y
        return x - y

    program = programs.vjp(programs.record(f, 2.0, 3.0), 2.0, 3.0)
    assert programs.run(program, 5.0, 2.0, 1.0) == [10.0, 2.0, 5.0]
    with pytest.raises(ValueError, match=r"has to be recorded"):
        programs.run(program, 5.0, 0.0, 1.0)
    with pytest.raises(ValueError, match=r"test_programs_transform.py:\d+ found True"):
        programs.run(programs.record(f, 2.0, 3.0), 5.0, 0.0)
    with pytest.raises(ValueError, match="has to be recorded"):
        programs.jvp(programs.record(f, 2.0, 3.0), 5.0, 0.0)


def test_integers_have_no_tangent():
    program = programs.record(lambda k, x: (x * k, k + 1), 3, np.ones(2, np.float32))
    assert program.n_inputs == 1  # a Python int is fixed
    program = programs.record(lambda k, x: (x * k, k + 1), np.array([3, 4]), np.ones(2))
    pushed = programs.run(programs.jvp(program, np.array([3, 4]), X[:2]), [1, 2], X[:2], [1.0, 1.0])
    assert len(pushed) == 3
    assert pushed[1].dtype.kind == "i"
    close(pushed[2], [1.0, 2.0])


def test_unused_inputs_have_zero_gradients():
    program = programs.vjp(programs.record(lambda x, y: x * 1.0, 2.0, X), 2.0, X)
    value, gx, gy = programs.run(program, 2.0, X, 1.0)
    assert (value, gx) == (2.0, 1.0)
    close(gy, np.zeros(3))


def test_captured_arrays_stay_linked():
    scale = np.ones(3)
    program = programs.vjp(programs.record(lambda x: (x * scale).sum(), X), X)
    scale[:] = 5.0
    close(programs.run(program, X, 1.0)[1], [5.0, 5.0, 5.0])


def test_containers_are_flattened():
    program = programs.record(
        lambda d, s: {"a": d["x"] * s[0], "b": (s[1], 3)}, {"x": X}, (2.0, 4.0)
    )
    assert program.n_inputs == 3
    outputs = programs.run(program, X, 2.0, 4.0)
    close(outputs[0], 2 * X)
    assert outputs[1:] == [4.0, 3.0]


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        ((X,), TypeError, "2 inputs was given 1"),
        (
            (X[:2], 1.0),
            ValueError,
            r"of shape \(3,\), got float64 of shape \(2,\)",
        ),
        ((X, 1j), ValueError, "input 1 is float64 .* got complex128"),
        ((X, "one"), ValueError, "input 1 is float64"),
        ((X, None), ValueError, "input 1 is float64"),
    ],
)
@pytest.mark.parametrize("verb", [programs.run, programs.jvp, programs.vjp, programs.linearize])
def test_wrong_inputs(verb, inputs, error, message):
    program = programs.record(lambda x, y: x * y, X, 2.0)
    with pytest.raises(error, match=message):
        verb(program, *inputs)


@pytest.mark.parametrize("verb", [programs.run, programs.jvp, programs.vjp, programs.linearize])
def test_not_a_program(verb):
    with pytest.raises(TypeError, match="takes a Program, got a function"):
        verb(lambda x: x, 1.0)


def test_recording_inside_a_transformation():
    def f(x):
        return programs.run(programs.record(lambda y: y * x, 2.0), 2.0)[0]

    with pytest.raises(ValueError, match="pass them as arguments"):
        cd.grad(f)(3.0)


def test_derivatives_of_its_own_stay_in_a_recorded_function():
    """Stopped derivatives and custom rules are part of the program, for derivatives taken later."""

    @cd.custom_jvp
    def rule(x):
        return x * x

    rule.defjvp(lambda primals, tangents: (rule(*primals), 100.0 * tangents[0]))
    x, ones = np.array([2.0, 3.0]), np.ones(2)
    for f, slope in (
        (lambda x: cd.stop_gradient(x) * x, x),
        (lambda x: rule(x) + x, 101.0 * ones),
        (lambda x: cd.checkpoint(lambda y: cd.stop_gradient(y) * y)(x), x),
    ):
        program = programs.record(f, x)
        for derivative in (programs.jvp(program, x), programs.vjp(program, x)):
            value, change = programs.run(derivative, x, ones)
            np.testing.assert_array_equal(value, f(x))
            np.testing.assert_array_equal(change, slope)
        twice = programs.vjp(programs.jvp(program, x), x, ones)
        assert len(programs.run(twice, x, ones, ones, ones)) == 4
