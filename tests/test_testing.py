"""check_grads accepts right derivatives, and finds and names wrong ones."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import cdiff as cd
from cdiff._checks._evidence import complex_slope, ladder, sides
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
    with pytest.raises(AssertionError, match=r"d output\[1\] / d argument 0 is computed as 6,"):
        check_grads(lambda x: np.stack([99.0 * x, lossy_square(x)]), (4.0,), modes=("fwd",))


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


def one_lost(x):
    """The entries of an array, of which the last is hidden from the derivative."""
    return np.concatenate([x[:-1], cd.stop_gradient(x[-1:])])


HIDDEN = {
    "small numbers": (lambda x: 1e-12 * lossy_square(x), (2.0,)),
    "a small argument": (lambda x, y: 1e8 * x + lossy_square(y), (1.0, 2.0)),
    "beside a large argument": (lambda p: p["x"] + lossy_square(p["y"]), ({"x": 1e9, "y": 2.0},)),
    "beside a large output": (lambda x: (1e12 * x, lossy_square(x)), (2.0,)),
    "one of many": (one_lost, (np.ones(1500),)),
}


@pytest.mark.parametrize("mode", ["fwd", "rev"])
@pytest.mark.parametrize("name", HIDDEN)
def test_a_wrong_derivative_does_not_hide(name, mode):
    f, args = HIDDEN[name]
    with pytest.raises(AssertionError, match=r"is wrong.* the derivative is at fault") as caught:
        check_grads(f, args, order=1, modes=(mode,))
    if name == "one of many":
        assert "d argument 0[1499] is computed as 0, " in str(caught.value)


@pytest.mark.parametrize("f", [
    lambda x: 1e-30 * np.exp(x),
    lambda x: 1e-5 * (x - x.mean()).sum(),  # nothing but rounding errors
    lambda x: (x - x[0]) ** 4,
    lambda x: 1e9 + 1e-9 * x,
])  # fmt: skip
def test_small_derivatives_that_are_right_pass(f):
    for seed in range(3):
        check_grads(f, (np.array([1.0, 0.7, 1.1]),), order=3, seed=seed)


@pytest.mark.parametrize(
    ("f", "args", "what"),
    [
        (lambda: 1.0, (), "argument"),
        (lambda p: 1.0, ({},), "argument"),
        (lambda x: (), (1.0,), "result"),
    ],
)
def test_nothing_to_check_is_no_right_derivative(f, args, what):
    with pytest.raises(ValueError, match=f"has no {what}, so no derivative to check"):
        check_grads(f, args)


def test_results_of_numpy_and_of_cdiff_have_one_form():
    check_grads(np.linalg.qr, (np.array([[1.0, 2.0], [3.0, 5.0], [0.3, 1.0]]),))


def test_many_entries():
    with pytest.raises(AssertionError, match="is wrong"):
        check_grads(lambda x: lossy_square(x).sum(), (np.full(1500, 2.0),), order=1)


# --- whose fault it is ----------------------------------------------------------------------------


@pytest.mark.parametrize("modes", [("fwd",), ("rev",)])
def test_a_wrong_derivative_is_at_fault(modes):
    with pytest.raises(AssertionError, match=r"is wrong.* derivative is at fault: the complex"):
        check_grads(lossy_square, (np.array([4.0, 1.0]),), order=1, modes=modes)


@pytest.mark.parametrize("modes", [("fwd",), ("rev",)])
def test_a_wrong_difference_is_at_fault(modes):
    """A wave shorter than the step: only the complex step sees its slope."""
    with pytest.raises(AssertionError, match=r"cannot be confirmed.* difference is at fault"):
        check_grads(lambda x: np.sin(1e5 * x), (0.3,), order=1, modes=modes)


def test_richardson_clears_a_derivative_without_complex_numbers():
    """What is written with cdiff's own functions takes no complex step."""
    with pytest.raises(AssertionError) as caught:
        check_grads(lambda x: cd.sigmoid(x * 30.0), (0.0,), order=1, eps=0.3)
    assert "the finite difference is at fault: Richardson" in str(caught.value)


def test_nobody_is_trusted_where_the_function_is_rough():
    """The derivative of a derivative that jumps."""
    with pytest.raises(AssertionError, match="neither can be trusted"):
        check_grads(lambda x: np.heaviside(x, 0.5) * x, (0.0,), order=2, eps=1e-3)


@pytest.mark.parametrize(
    ("f", "slopes"),
    [
        (lambda x: np.abs(x - 1e-7), "-1 and 0.99"),
        (lambda x: np.where(x > 0.0, x, 0.0), "0 and 1"),
    ],
)
def test_a_kink_deceives_the_difference_and_not_the_verdict(f, slopes):
    """The complex step through abs gives 0, and every small difference steps over the kink."""
    with pytest.raises(AssertionError, match=r"cannot be confirmed.* difference is at fault") as c:
        check_grads(f, (0.0,), order=1)
    assert f"a kink at or beside this point, with the slopes {slopes}" in str(c.value)


def test_a_derivative_that_no_side_of_a_kink_has_is_at_fault():
    @cd.custom_vjp
    def size(x):
        return np.abs(x)

    size.defvjp(lambda x: (np.abs(x), x), lambda x, g: (3.0 * g,))
    with pytest.raises(AssertionError, match="the derivative is at fault"):
        check_grads(size, (1e-7,), order=1)


@pytest.mark.parametrize("f", [lambda h: np.cos(1e3 * h), lambda h: 1e9 + h, np.sqrt, np.exp])
def test_what_is_steep_or_noisy_is_no_kink(f):
    assert sides(lambda h: f(1.0 + h), 0.125) is None


@pytest.mark.parametrize("f", [np.sin, np.exp, lambda x: x**5 - x, lambda x: 1.0 / (2.0 + x)])
def test_the_ladder_knows_its_error(f):
    exact = cd.grad(f)(0.4)
    value, error = ladder(lambda h: f(0.4 + h), 0.1)
    assert abs(value - exact) <= 10 * error + 1e-13 and error < 1e-9


def test_the_complex_step_is_exact_where_it_can_be_taken():
    assert complex_slope(lambda h: np.exp(0.3 + h)) == np.exp(0.3)
    assert complex_slope(lambda h: float(h)) is None
    assert complex_slope(lambda h: np.nan * h) is None


# --- verify ---------------------------------------------------------------------------------------


def failures(error):
    return re.findall(r"^FAILED +(.*)$", str(error.value), re.MULTILINE)


def square_with(rule):
    @cd.custom_vjp
    def square(x):
        return x * x

    square.defvjp(lambda x: (x * x, x), rule)
    return square


def test_right_rules_are_verified():
    report = cd.verify(square_with(lambda x, g: (2.0 * x * g,)), np.array([1.0, -2.0]), order=3)
    assert len(report) == 9 and not any(check.problem for check in report)
    assert repr(report).count("ok ") == 9
    cd.verify(lambda p, y: {"a": p["w"] @ y}, {"w": np.ones((2, 3))}, np.array([0.1, -0.2, 3.0]))
    cd.verify(lambda x: x * 2.0, np.float32(3.0))

    @cd.operator
    def cube(x):
        return x**3

    cube.defvjp(lambda g, out, x: (3.0 * g * x**2,))
    cd.verify(cube, 2.0)


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        (lambda x, g: (3.0 * x * g,), ["forward derivatives to order 2, by differences",
                                       "reverse derivatives to order 2, by differences"]),
        (lambda x, g: (2.0 * x * g + g * g,), ["reverse derivatives to order 2, by differences",
                                               "forward and reverse agree",
                                               "the reverse derivative is linear"]),
        (lambda x, g: (2.0 * x * g + 1.0,), ["reverse derivatives to order 2, by differences",
                                             "forward and reverse agree",
                                             "the reverse derivative is linear"]),
        (lambda x, g: (2.0 * cd.stop_gradient(x) * g,),
         ["forward derivatives to order 2, by differences",
          "reverse derivatives to order 2, by differences"]),
    ],
)  # fmt: skip
def test_wrong_rules_are_found(rule, found):
    with pytest.raises(AssertionError) as caught:
        cd.verify(square_with(rule), np.array([1.0, -2.0]))
    assert failures(caught) == found
    assert "square has a wrong derivative" in str(caught.value)


def test_another_value_under_a_derivative_is_found():
    @cd.custom_vjp
    def f(x):
        return x * x

    f.defvjp(lambda x: (x * x + 1.0, x), lambda x, g: (2.0 * x * g,))
    with pytest.raises(AssertionError) as caught:
        cd.verify(f, 3.0)
    assert failures(caught)[0] == "the value under a derivative is the plain value"


def test_an_argument_that_is_changed_is_found():
    x = np.ones(2)

    def g(y):
        x[0] = 5.0
        return np.sum(y * y)

    with pytest.raises(AssertionError) as caught:
        cd.verify(g, x)
    assert "the arguments are left as they are" in failures(caught)


def test_verify_needs_something_to_check():
    with pytest.raises(TypeError, match="verify needs a function"):
        cd.verify(1.0, 2.0)
    with pytest.raises(ValueError, match="at least one argument"):
        cd.verify(np.sin)
    with pytest.raises(TypeError, match="argument 0 is the integer"):
        cd.verify(np.sin, 1)


def test_a_kink_keeps_its_slopes_and_their_order():
    assert sides(lambda h: abs(h), 1.0) == (-1.0, 1.0)
    assert sides(lambda h: max(h, 3.0 * h), 1.0) == (1.0, 3.0)
    assert sides(lambda h: h * h, 1.0) is None

    def turning(h):
        """Slopes of one size whose signs change from one step to the next that is looked at."""
        return abs(h) * math.cos(math.pi / 2 * (math.log2(1.0 / abs(h)) - 1)) if h else 0.0

    assert sides(turning, 1.0) is None
