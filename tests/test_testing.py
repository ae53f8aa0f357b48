"""check_grads accepts right derivatives, and finds and names wrong ones."""

from __future__ import annotations

import numpy as np
import pytest

import cdiff as cd
from cdiff.testing import check_grads


def lossy_square(x):
    """x^2 with the derivative 1.5 x: half of one factor is hidden from the derivative."""
    return x * (0.5 * x + 0.5 * cd.stop_gradient(x))


def lossy_cube(x):
    """x^3 with the right first derivative: the extra term shows in the second one only."""
    c = cd.stop_gradient(x)
    return x**3 + (x - c) ** 2 * c


@pytest.mark.parametrize("modes", [("fwd",), ("rev",), ("fwd", "rev"), ["rev"]])
def test_right_derivatives_pass(modes):
    check_grads(lambda x: np.exp(x) * np.sin(x), (0.7,), order=3, modes=modes)
    check_grads(
        lambda p, y: {"a": p["w"] @ y, "b": [np.tanh(y).sum() * p["c"], 1.0]},
        ({"w": np.arange(6.0).reshape(2, 3), "c": 2.0}, np.array([0.1, -0.2, 3.0])),
        modes=modes,
    )


@pytest.mark.parametrize(
    "x",
    [0.5, np.float64(0.5), np.array(0.5), np.full((2, 1, 2), 0.5), np.zeros((0, 2)), 1e6, 1e-6],
    ids=str,
)
def test_kinds_of_arguments(x):
    check_grads(lambda u: u * u * 3.0 + u, (x,), order=3)
    check_grads(lambda u: u * u * 3.0, [cd.array(x)])


def test_float32():
    check_grads(lambda x: np.sin(x) * x, (np.array([0.5, 1.5], dtype=np.float32),))
    check_grads(lambda x, y: x * y, (np.float32(2.0), 3.0))
    with pytest.raises(AssertionError, match="wrong"):
        check_grads(lossy_square, (np.float32(2.0),))


def test_constant_and_large_values():
    check_grads(lambda x: 5.0, (1.0,))
    check_grads(lambda x: 1e9 + x, (1.0,))
    check_grads(lambda x: (x * 1e8, x), (1.0,))


def test_tracked_arguments_are_checked_by_value():
    check_grads(lambda x: x * x, (cd.array([1.0, 2.0], requires_grad=True),))


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_a_wrong_derivative_is_named(mode):
    with pytest.raises(AssertionError) as caught:
        check_grads(lossy_square, (4.0,), modes=(mode,))
    message = str(caught.value)
    name = {"fwd": "forward derivative (jvp)", "rev": "reverse derivative (vjp)"}[mode]
    assert f"the {name} of lossy_square is wrong" in message
    assert "/ d argument 0 is computed as" in message
    assert "(difference" in message


def test_the_worst_entry_is_named():
    def f(p):
        x = p["w"][1]
        return {"u": x * x, "v": 3.0 * cd.stop_gradient(x[1, 0]) * x[1, 0]}

    point = ({"w": [1.0, np.array([[1.0, 2.0], [5.0, 4.0]])]},)
    with pytest.raises(AssertionError) as caught:
        check_grads(f, point, modes=("fwd",))
    message = str(caught.value)
    assert "d output['v'] / d argument 0['w'][1][1, 0] is computed as 15" in message
    assert "numerically it is 30 (difference 15)" in message
    with pytest.raises(AssertionError, match=r"d argument 0\['w'\]\[1\]\[1, 0\] is computed as"):
        check_grads(f, point, modes=("rev",))


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_a_wrong_second_derivative_is_found_at_order_two(mode):
    name = {"fwd": "jvp", "rev": "vjp"}[mode]
    check_grads(lossy_cube, (2.0,), order=1, modes=(mode,))
    with pytest.raises(AssertionError, match=rf"\({name}\) of {name} of lossy_cube is wrong"):
        check_grads(lossy_cube, (2.0,), order=2, modes=(mode,))


def test_a_small_error_is_found():
    def f(x):
        return x**2 + 1e-4 * cd.stop_gradient(x) * 1.0

    with pytest.raises(AssertionError):
        check_grads(f, (np.array([1.0, 2.0]),))
    check_grads(f, (np.array([1.0, 2.0]),), atol=1e-2)


def test_not_finite():
    with (
        np.errstate(all="ignore"),
        pytest.raises(AssertionError, match="not finite around the given arguments"),
    ):
        check_grads(lambda x: np.log(x), (-1.0,))


@pytest.mark.parametrize(
    ("args", "options", "error", "message"),
    [
        (1.0, {}, TypeError, r"args must be a tuple of arguments; for one write \(x,\)"),
        ((1,), {}, TypeError, "argument 0 is the integer 1"),
        (("x",), {}, TypeError, "argument 0 is a str"),
        ((1.0,), {"order": 0}, ValueError, "order must be an integer >= 1"),
        ((1.0,), {"order": 1.5}, ValueError, "order must be an integer >= 1"),
        ((1.0,), {"modes": "fwd"}, ValueError, "modes must be a sequence"),
        ((1.0,), {"modes": ()}, ValueError, "modes must be a sequence"),
        ((1.0,), {"modes": ("forward",)}, ValueError, "modes must be a sequence"),
    ],
)
def test_bad_input(args, options, error, message):
    with pytest.raises(error, match=message):
        check_grads(lambda x: x, args, **options)
    with pytest.raises(TypeError, match="needs a function"):
        check_grads(1.0, (1.0,))


def test_many_entries():
    with pytest.raises(AssertionError, match="is wrong"):
        check_grads(lambda x: lossy_square(x).sum(), (np.full(1500, 2.0),), order=1)
