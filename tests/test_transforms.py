"""The transformations one at a time: values, types, containers, arguments, bad input."""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
import pickle
from collections import namedtuple

import numpy as np
import pytest

import cdiff as cd

Point = namedtuple("Point", "x y")


@dataclasses.dataclass(frozen=True)
class Model:
    w: object
    b: object
    name: str = dataclasses.field(default="", metadata={"static": True})


def cube(x):
    """x to the third."""
    return x**3


@cd.grad
def decorated(x):
    """Square."""
    return x * x


def rosenbrock(x):
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


def rosenbrock_gradient(x):
    a, b = x
    return np.array([-400.0 * a * (b - a * a) - 2.0 * (1.0 - a), 200.0 * (b - a * a)])


# ------------------------------------------------------------------ types of results


@pytest.mark.parametrize(
    "x",
    [
        2.0,
        np.float64(2.0),
        np.float32(2.0),
        np.array(2.0),
        np.array(2.0, dtype=np.float32),
        np.array([1.0, 2.0]),
        np.array([[1.0, 2.0]], dtype=np.float32),
        np.zeros((0, 3)),
    ],
    ids=lambda x: f"{type(x).__name__}{np.shape(x)}{getattr(x, 'dtype', '')}",
)
def test_gradient_has_the_type_of_its_argument(x):
    gradient = cd.grad(lambda u: (u * u).sum() if np.ndim(x) else u * u)(x)
    assert type(gradient) is type(x)
    assert np.shape(gradient) == np.shape(x)
    if not isinstance(x, float):
        assert gradient.dtype == x.dtype
    np.testing.assert_array_equal(gradient, 2 * x)


def test_gradient_by_an_array_of_the_library_is_one():
    gradient = cd.grad(lambda u: (u * u).sum())(cd.array([1.0, 2.0]))
    assert isinstance(gradient, cd.Array)
    assert not cd.is_tracked(gradient)
    np.testing.assert_array_equal(gradient.numpy(), [2.0, 4.0])


def test_value_of_a_scalar_is_a_float():
    value, gradient = cd.value_and_grad(lambda x: (x * x).sum())(np.array([1.0, 2.0]))
    assert (type(value), type(gradient)) == (float, np.ndarray)
    assert value == 5.0
    value, _ = cd.value_and_grad(lambda x: x * x)(np.float32(3.0))
    assert type(value) is np.float32


def test_gradient_belongs_to_the_caller():
    pull = cd.vjp(lambda x, y: x + y, np.ones(100), np.ones(100))[1]
    seed = np.ones(100)
    gx, gy = pull(seed)
    gx[0] = 7.0
    assert (gy[0], seed[0]) == (1.0, 1.0)
    assert pull(seed)[0][0] == 1.0


@pytest.mark.parametrize("n", [3, 1000])
def test_an_argument_changed_after_it_was_recorded(n):
    x = np.ones(n)
    _, pull = cd.vjp(lambda u: u * u, x)
    _, push = cd.linearize(lambda u: u * u, x)
    x[:] = 100.0
    seed = np.ones(n)
    for again in range(2):
        np.testing.assert_array_equal(pull(seed)[0], np.full(n, 2.0))
        np.testing.assert_array_equal(push(seed), np.full(n, 2.0))
        # Inside another transformation the function runs once more, at the recorded point.
        np.testing.assert_array_equal(cd.jvp(pull, (seed,), (seed,))[1][0], np.full(n, 2.0))
        np.testing.assert_array_equal(cd.jvp(push, (seed,), (seed,))[1], np.full(n, 2.0))
        x[:] = again


def test_an_argument_that_is_a_leaf_of_the_eager_world():
    x = cd.array([1.0, 2.0], requires_grad=True)
    gradient = cd.grad(lambda u: (u**3).sum())(x)
    assert cd.is_tracked(gradient)
    gradient.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [6.0, 12.0])


# ------------------------------------------------------------------ containers, arguments


def test_nested_containers():
    tree = {"w": [np.array([1.0, 2.0]), (3.0, Point(4.0, 5.0))], "m": Model(6.0, 7.0, "kept")}

    def f(t):
        w, (c, p) = t["w"]
        return (w * w).sum() * c + p.x * p.y + t["m"].w * t["m"].b

    gradient = cd.grad(f)(tree)
    assert list(gradient) == ["w", "m"]
    np.testing.assert_array_equal(gradient["w"][0], [6.0, 12.0])
    assert gradient["w"][1] == (5.0, Point(5.0, 4.0))
    assert gradient["m"] == Model(7.0, 6.0, "kept")


@pytest.mark.parametrize(
    ("argnums", "expected"),
    [
        (0, 6.0),
        (1, 3.0),
        (-1, 2.0),
        (-3, 6.0),
        ((0,), (6.0,)),
        ((1, 0), (3.0, 6.0)),
        ([0, -1], (6.0, 2.0)),
        (np.int64(1), 3.0),
    ],
)
def test_argnums(argnums, expected):
    assert cd.grad(lambda x, y, z: x * y * z, argnums)(1.0, 2.0, 3.0) == expected


@pytest.mark.parametrize("argnums", [3, -4, (0, 7)])
def test_argnums_out_of_range(argnums):
    with pytest.raises(ValueError, match="called with 3 positional"):
        cd.grad(lambda x, y, z: x, argnums)(1.0, 2.0, 3.0)


@pytest.mark.parametrize("argnums", [1.0, "x", True, None, ("a",), (0, 1.5)])
def test_argnums_of_wrong_type(argnums):
    with pytest.raises(TypeError, match="argnums must be an int or a tuple of ints"):
        cd.grad(cube, argnums)


def test_argnums_empty_or_repeated():
    with pytest.raises(ValueError, match="argnums is empty"):
        cd.jacobian(cube, ())
    with pytest.raises(ValueError, match="names an argument twice"):
        cd.grad(cube, (0, 0))
    with pytest.raises(ValueError, match="names an argument twice"):
        cd.grad(lambda x, y: x, (0, -2))(1.0, 2.0)


def test_keyword_arguments_pass_through():
    seen = []

    def f(x, *, power, label):
        seen.append((type(power), label))
        return x**power

    assert cd.grad(f)(3.0, power=2, label="name") == 6.0
    assert seen == [(int, "name")]
    with pytest.raises(ValueError, match="given by position"):
        cd.grad(f)(x=3.0, power=2, label="")


def test_other_arguments_pass_through_untouched():
    thing = object()
    assert cd.grad(lambda x, other: x if other is thing else 0.0)(1.0, thing) == 1.0


# ------------------------------------------------------------------ the single transformations


def test_grad_of_rosenbrock():
    x = np.array([-1.2, 1.0])
    np.testing.assert_allclose(cd.grad(rosenbrock)(x), rosenbrock_gradient(x), rtol=1e-14)


def test_elementwise_grad():
    x = np.linspace(0.1, 2.0, 7)
    np.testing.assert_allclose(cd.elementwise_grad(np.sin)(x), np.cos(x), rtol=1e-14)
    assert cd.elementwise_grad(lambda x: (x * x, [3.0 * x]))(2.0) == 7.0
    assert cd.elementwise_grad(lambda x: 1.0)(2.0) == 0.0


def test_vjp_with_containers():
    def f(x, p):
        return {"a": x * p["s"], "b": (x.sum(), 1.0)}

    out, pull = cd.vjp(f, np.array([1.0, 2.0]), {"s": 3.0})
    np.testing.assert_array_equal(out["a"], [3.0, 6.0])
    assert out["b"] == (3.0, 1.0)
    gx, gp = pull({"b": (10.0, 0.0), "a": np.array([1.0, -1.0])})
    np.testing.assert_array_equal(gx, [13.0, 7.0])
    assert gp == {"s": -1.0}
    assert pull({"b": (0, 0), "a": np.array([1, 0])})[1] == {"s": 1.0}


def test_vjp_of_a_constant_is_zero():
    out, pull = cd.vjp(lambda x: 5.0, np.ones(2))
    assert out == 5.0
    np.testing.assert_array_equal(pull(1.0)[0], [0.0, 0.0])


@pytest.mark.parametrize(
    ("cotangent", "error", "message"),
    [
        (np.ones(3), TypeError, "cotangent must be a dict with 2 entries, got a ndarray"),
        ({"a": np.ones(3), "b": 1.0}, ValueError, r"cotangent\['a'\] has shape \(3,\)"),
        ({"a": 1.0, "b": 1.0}, ValueError, r"cotangent\['a'\] has shape \(\), .* shape \(2,\)"),
        ({"a": np.ones(2)}, TypeError, "cotangent must have 2 entries"),
        ({"a": np.ones(2), "c": 1.0}, TypeError, r"entries \['a', 'b'\], it has \['a', 'c'\]"),
        ({"a": np.ones(2), "b": "x"}, TypeError, r"cotangent\['b'\] must be a number"),
        ({"a": np.ones(2), "b": True}, TypeError, r"cotangent\['b'\] must be a number"),
        ({"a": np.ones(2) > 0, "b": 1.0}, TypeError, "has dtype bool"),
        ({"a": 1j * np.ones(2), "b": 1.0}, TypeError, "is complex, but the output"),
        ({"a": np.ones(2), "b": None}, TypeError, "got None"),
    ],
)
def test_wrong_cotangents(cotangent, error, message):
    pull = cd.vjp(lambda x: {"a": x, "b": x.sum()}, np.ones(2))[1]
    with pytest.raises(error, match=message):
        pull(cotangent)
    np.testing.assert_array_equal(pull({"a": np.zeros(2), "b": 1.0})[0], [1.0, 1.0])


def test_jvp_with_containers():
    out, tangent = cd.jvp(
        lambda p, y: (p["a"] * y, [p["a"].sum(), 7.0]),
        ({"a": np.array([1.0, 2.0])}, 3.0),
        ({"a": np.array([1.0, 0.0])}, 1.0),
    )
    np.testing.assert_array_equal(out[0], [3.0, 6.0])
    np.testing.assert_array_equal(tangent[0], [4.0, 2.0])
    assert (out[1], tangent[1]) == ([3.0, 7.0], [1.0, 0.0])
    assert type(tangent[1][0]) is float


@pytest.mark.parametrize(
    ("primals", "tangents", "error", "message"),
    [
        (1.0, (1.0,), TypeError, r"primals must be a tuple .* write \(x,\)"),
        ((1.0,), 1.0, TypeError, "tangents must be a tuple"),
        ((1.0,), (1.0, 2.0), ValueError, "1 primals, but 2 tangents"),
        ((), (), ValueError, "at least one primal"),
        ((np.ones(2),), (np.ones(3),), ValueError, r"tangent 0 has shape \(3,\).*primal.*\(2,\)"),
        (({"a": 1.0},), ({"b": 1.0},), TypeError, r"tangent 0 must have the entries \['a'\]"),
        ((1.0,), ("x",), TypeError, "tangent 0 must be a number"),
        ((1,), (1.0,), TypeError, "primal 0 is the integer 1"),
        ((1.0,), (None,), TypeError, "got None"),
    ],
)
@pytest.mark.parametrize("transform", [cd.jvp, cd.hvp])
def test_wrong_tangents(transform, primals, tangents, error, message):
    with pytest.raises(error, match=message):
        transform(lambda x: x if np.ndim(x) == 0 else x.sum(), primals, tangents)


def test_linearize():
    A = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    out, push = cd.linearize(lambda x, y: A @ (x * x) + y, np.array([1.0, 2.0]), 10.0)
    np.testing.assert_array_equal(out, [19.0, 29.0, 39.0])
    np.testing.assert_array_equal(push(np.array([1.0, 0.0]), 0.0), 2.0 * A[:, 0])
    np.testing.assert_array_equal(push(np.array([0.0, 1.0]), 5.0), 4.0 * A[:, 1] + 5.0)
    with pytest.raises(ValueError, match="2 primals, but 1 tangents"):
        push(np.ones(2))
    assert cd.linearize(lambda x: (2.0, x), 1.0)[1](3.0) == (0.0, 3.0)


def test_hvp():
    x, v = np.array([-1.2, 1.0]), np.array([0.3, -0.7])
    expected = cd.hessian(rosenbrock)(x) @ v
    np.testing.assert_allclose(cd.hvp(rosenbrock, (x,), (v,)), expected, rtol=1e-13)
    assert cd.hvp(lambda x, y: x * x * y, (3.0, 5.0), (1.0, 0.0)) == (10.0, 6.0)
    product = cd.hvp(lambda p: p["a"] ** 3, ({"a": 2.0},), ({"a": 1.0},))
    assert product == {"a": 12.0}


@pytest.mark.parametrize("layout", ["numerator", "denominator"])
@pytest.mark.parametrize("mode", ["auto", "fwd", "rev"])
@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_jacobian_in_both_modes_and_layouts(mode, layout, rows):
    A = np.arange(3.0 * rows).reshape(rows, 3)
    J = cd.jacobian(lambda x: A @ (x * x), mode=mode, layout=layout)(np.array([1.0, 2.0, 3.0]))
    expected = A * np.array([2.0, 4.0, 6.0])
    np.testing.assert_array_equal(J, expected if layout == "numerator" else expected.T)
    assert type(J) is np.ndarray


@pytest.mark.parametrize("mode", ["auto", "fwd", "rev"])
def test_jacobian_of_containers(mode):
    def f(p, x):
        return {"u": p["a"] * x, "v": [p["b"] * 2.0, 1.0]}

    p, x = {"a": 3.0, "b": np.ones((2, 2))}, np.array([1.0, 2.0])
    J = cd.jacobian(f, argnums=(0, 1), mode=mode)(p, x)
    np.testing.assert_array_equal(J["u"][0]["a"], x)
    np.testing.assert_array_equal(J["u"][0]["b"], np.zeros((2, 2, 2)))
    np.testing.assert_array_equal(J["u"][1], 3.0 * np.eye(2))
    np.testing.assert_array_equal(J["v"][0][0]["b"].reshape(4, 4), 2.0 * np.eye(4))
    np.testing.assert_array_equal(J["v"][0][1], np.zeros((2, 2, 2)))
    assert J["v"][1][0]["a"] == 0.0
    assert type(J["v"][1][0]["a"]) is float


@pytest.mark.parametrize("mode", ["auto", "fwd", "rev"])
def test_types_of_jacobians(mode):
    jacobian = functools.partial(cd.jacobian, mode=mode)
    assert type(jacobian(cube)(2.0)) is float
    assert type(jacobian(cube)(np.float64(2.0))) is np.float64
    assert type(jacobian(cube)(np.array(2.0))) is np.ndarray
    assert jacobian(lambda x: x * np.ones(3))(2.0).shape == (3,)
    single = jacobian(cube)(np.ones(2, dtype=np.float32))
    assert single.dtype == np.float32
    assert isinstance(jacobian(cube)(cd.array([1.0, 2.0])), cd.Array)
    assert jacobian(lambda x: x.sum())(np.ones((2, 0))).shape == (2, 0)


def test_auto_mode_takes_the_smaller_number_of_sweeps():
    wide, tall = np.ones((1, 50)), np.ones((50, 1))
    np.testing.assert_array_equal(cd.jacobian(lambda x: wide @ x)(np.ones(50)), wide)
    np.testing.assert_array_equal(cd.jacobian(lambda x: tall @ x)(np.ones(1)), tall)


def test_hessian():
    a, b = x = np.array([-1.2, 1.0])
    expected = [[1200.0 * a * a - 400.0 * b + 2.0, -400.0 * a], [-400.0 * a, 200.0]]
    np.testing.assert_allclose(cd.hessian(rosenbrock)(x), expected, rtol=1e-13)
    H = cd.hessian(lambda p: p["a"] * p["b"] ** 2)({"a": 2.0, "b": 3.0})
    assert H == {"a": {"a": 0.0, "b": 6.0}, "b": {"a": 6.0, "b": 4.0}}
    assert cd.hessian(lambda x, y: x * y * y, (0, 1))(2.0, 3.0) == ((0.0, 6.0), (6.0, 4.0))
    assert cd.hessian(lambda x: x * x)(np.ones(2)).shape == (2, 2, 2)


def test_wrong_options():
    with pytest.raises(ValueError, match="mode must be one of"):
        cd.jacobian(cube, mode="forward")
    with pytest.raises(ValueError, match="layout must be one of"):
        cd.jacfwd(cube, layout="rows")


def test_stop_gradient():
    assert cd.grad(lambda x: x * cd.stop_gradient(x * x))(3.0) == 9.0
    assert cd.jvp(lambda x: x * cd.stop_gradient(x), (3.0,), (1.0,)) == (9.0, 3.0)
    tree = cd.stop_gradient({"a": 1.0, "b": ["text", None]})
    assert tree == {"a": 1.0, "b": ["text", None]}
    # It stops every derivative, also that of an outer transformation.
    assert cd.grad(lambda x: cd.grad(lambda y: y * cd.stop_gradient(x))(1.0) * x)(3.0) == 3.0


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (3, "argument 0 is the integer 3.*write it as a float"),
        (True, "argument 0 is the boolean True"),
        (np.int32(3), "argument 0 is the integer"),
        (10**400, "argument 0 is the integer"),
        ("text", r"argument 0 is a str \('text'\)"),
        (None, "argument 0 is None"),
        pytest.param(object(), "argument 0 is a object", id="object"),
        (np.arange(3), r"argument 0 has dtype int64.*astype\(float\)"),
        (np.array([True]), "argument 0 has dtype bool"),
        (np.array([1j], np.clongdouble), "argument 0 has dtype complex256; convert"),
        (np.array(["a"]), "argument 0 has dtype <U1"),
        (np.array([1.0, None]), "argument 0 is an array of Python objects.*stack"),
        (np.array([1.0], dtype=np.float16), "argument 0 has dtype float16; convert"),
        (np.array(["2020"], dtype="M8[D]"), "argument 0 has dtype datetime64"),
        (np.ma.masked_array([1.0, 2.0]), "argument 0 is a MaskedArray; convert"),
        (np.ones((1, 1)).view(np.matrix), "argument 0 is a matrix; convert"),
        ({"w": [1.0, 2]}, r"argument 0\['w'\]\[1\] is the integer 2"),
        ({"w": [1.0, "a"]}, r"argument 0\['w'\]\[1\] is a str"),
        (Model(1.0, np.arange(2)), r"argument 0\.b has dtype int64"),
    ],
    ids=lambda x: repr(x)[:30],
)
def test_arguments_without_derivative(x, message):
    for transform in (cd.grad, cd.value_and_grad, cd.elementwise_grad, cd.jacobian, cd.hessian):
        with pytest.raises(TypeError, match=message):
            transform(lambda u: 1.0)(x)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: x, r"<lambda> has shape \(2,\); use cdiff.jacobian .* cdiff.vjp"),
        (lambda x: x[:1], r"has shape \(1,\)"),
        (lambda x: np.ones(3), r"has shape \(3,\)"),
        (lambda x: (x.sum(), x), "is a tuple of 2 numbers or arrays; .* pass has_aux=True"),
        (lambda x: {"loss": x.sum()}, "is a dict of 1 numbers or arrays"),
        (lambda x: [x.sum()], "is a list of 1 numbers or arrays"),
        (lambda x: None, "is None; does the function lack a return statement"),
        (lambda x: "text", "is a str"),
        (lambda x: np.argmax(x.numpy()), "has dtype int64, which carries no derivative"),
        (lambda x: 1j, "grad needs real outputs, .* dtype complex128"),
        (lambda x: True, "is a bool"),
    ],
)
def test_outputs_that_are_no_scalar(f, message):
    for transform in (cd.grad, cd.value_and_grad):
        with pytest.raises(TypeError, match=message):
            transform(f)(np.ones(2))


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (None, "the output of f is None"),
        ({"a": [1.0, "x"]}, r"the output of f\['a'\]\[1\] is a str"),
        ([np.arange(3)], r"the output of f\[0\] has dtype int64.*has_aux=True"),
        (np.array([1j], np.clongdouble), "complex128 or complex64"),
        pytest.param(object(), "is a object", id="object"),
    ],
)
def test_outputs_without_derivative(out, message):
    def f(x):
        return out

    f.__qualname__ = "f"
    for call in (
        lambda: cd.jacobian(f)(1.0),
        lambda: cd.vjp(f, 1.0),
        lambda: cd.jvp(f, (1.0,), (1.0,)),
        lambda: cd.linearize(f, 1.0),
        lambda: cd.elementwise_grad(f)(1.0),
    ):
        with pytest.raises(TypeError, match=message):
            call()


def test_constant_functions():
    assert cd.value_and_grad(lambda x: 5.0)(2.0) == (5.0, 0.0)
    assert cd.value_and_grad(lambda x: 5)(2.0) == (5, 0.0)
    np.testing.assert_array_equal(cd.grad(lambda x: np.float64(1.0))(np.ones(2)), np.zeros(2))
    assert cd.grad(lambda x, y: y * 1.0)(2.0, 3.0) == 0.0
    assert cd.jvp(lambda x: 5.0, (2.0,), (1.0,)) == (5.0, 0.0)
    assert cd.jacobian(lambda x: np.ones(3))(np.ones(2)).shape == (3, 2)
    assert type(cd.grad(lambda x: 5.0)(cd.array([1.0]))) is cd.Array


def test_a_function_that_returns_its_argument():
    assert cd.value_and_grad(lambda x: x)(2.0) == (2.0, 1.0)
    np.testing.assert_array_equal(cd.jacobian(lambda x: x)(np.ones(2)), np.eye(2))
    assert cd.jvp(lambda x: (x, x), (2.0,), (3.0,)) == ((2.0, 2.0), (3.0, 3.0))


@pytest.mark.parametrize(
    "x",
    [
        np.arange(6.0)[::-1],
        np.arange(6.0).reshape(2, 3).T,
        np.broadcast_to(2.0, (3,)),
        np.arange(3.0).astype(">f8"),
        np.arange(12.0)[::3],
    ],
    ids=["reversed", "transposed", "zero-stride", "byte-swapped", "strided"],
)
def test_awkward_memory(x):
    gradient = cd.grad(lambda u: (u * u).sum())(x)
    np.testing.assert_array_equal(gradient, 2.0 * x)
    gradient[...] = 0.0  # owned and writable


def test_read_only_argument():
    x = np.arange(3.0)
    x.flags.writeable = False
    np.testing.assert_array_equal(cd.grad(lambda u: (u * u).sum())(x), 2.0 * x)


def test_not_a_function():
    for transform in (cd.grad, cd.jacobian, cd.hessian, cd.elementwise_grad, cd.jacfwd):
        with pytest.raises(TypeError, match=f"{transform.__name__} needs a function, got a float"):
            transform(1.0)
    with pytest.raises(TypeError, match="vjp needs a function"):
        cd.vjp(1.0, 1.0)
    with pytest.raises(TypeError, match="jvp needs a function"):
        cd.jvp(1.0, (1.0,), (1.0,))
    with pytest.raises(ValueError, match="vjp needs at least one primal"):
        cd.vjp(cube)


# ------------------------------------------------------------------ the callables themselves


def test_metadata():
    gradient = cd.grad(cube, 0)
    assert gradient.__name__ == "cube"
    assert gradient.__doc__ == "x to the third."
    assert gradient.__module__ == __name__
    assert gradient.__wrapped__ is cube
    assert inspect.signature(gradient) == inspect.signature(cube)
    assert repr(gradient) == "<cdiff.grad(cube, argnums=0, has_aux=False)>"
    assert "mode='fwd'" in repr(cd.jacobian(cube, mode="fwd"))
    assert repr(cd.vjp(cube, 1.0)[1]) == "<vjp function of cube>"
    assert repr(cd.linearize(cube, 1.0)[1]) == "<jvp function of cube>"
    assert "partial" in repr(cd.grad(functools.partial(cube)))


@pytest.mark.parametrize(
    "transform",
    [cd.grad, cd.value_and_grad, cd.elementwise_grad, cd.jacobian, cd.jacfwd, cd.hessian],
)
def test_pickle(transform):
    function = transform(transform(cube) if transform is cd.grad else cube)
    again = pickle.loads(pickle.dumps(function))
    assert again(2.0) == function(2.0)
    assert repr(again) == repr(function)
    assert copy.deepcopy(function)(2.0) == function(2.0)


def test_pickle_of_a_decorated_function():
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    assert decorated(3.0) == 6.0


def test_as_a_method():
    class Spring:
        def __init__(self, stiffness):
            self.stiffness = stiffness

        def energy(self, x):
            return 0.5 * self.stiffness * x * x

        force = cd.grad(energy, argnums=1)

    assert Spring(3.0).force(2.0) == 6.0
    assert Spring.force(Spring(3.0), 2.0) == 6.0


def test_public_names():
    for name in cd.__all__:
        assert getattr(cd, name) is not None
    assert set(cd.__all__) <= set(dir(cd))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        cd.nothing
