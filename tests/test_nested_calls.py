"""Derivatives called inside other transformations, where the core has the call; second derivatives
by either mode; compiled calls with dataclasses; what recording a loop copies."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

import cdiff as cd
from cdiff import _core
from cdiff._transformations._jacobian import _Jacobian
from cdiff._transformations._reverse import _Gradient

X = np.linspace(0.5, 1.5, 6)


@pytest.fixture
def core_only(monkeypatch):
    """The general way is an error."""

    def general(self, args, kwargs, found):
        raise AssertionError("not by this way")

    monkeypatch.setattr(_Gradient, "general", general)
    monkeypatch.setattr(_Jacobian, "general", general)


def chained(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def differences(f, x, h=1e-6):
    columns = [(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(len(x))]
    return np.stack(columns, -1)


def by_slices(x):
    a, b, c = x[0], x[1:3], x[3:]
    return a * np.sum(b**2) + np.exp(c[0]) * np.sum(c * a)


def by_entries(x):
    s = 0.0
    for i in range(len(x) - 1):
        s = s + x[i] ** 2 * np.sin(x[i + 1])
    return s


def whole(x):
    return np.sum(np.tanh(np.outer(x, x) @ x) ** 2)


@pytest.mark.parametrize("f", [chained, by_slices, by_entries, whole, lambda x: x[2] ** 3])
def test_hessian_stays_in_the_core(core_only, f):
    found = cd.hessian(f)(X)
    np.testing.assert_allclose(found, differences(cd.grad(f), X), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found, found.T, rtol=1e-13, atol=1e-13)
    for mode in ("fwd", "rev"):
        np.testing.assert_allclose(cd.jacobian(cd.jacrev(f), mode=mode)(X), found, rtol=1e-13)
    np.testing.assert_allclose(cd.hvp(f, (X,), (X,)), found @ X, rtol=1e-12)


def test_hessian_around_rules():
    """There the mode is forward over reverse, as ever."""
    asked = []
    step = cd.custom_vjp(lambda x: x * x)
    step.defvjp(lambda x: (x * x, x), lambda x, g: asked.append(x) or (2.0 * x * g,))
    np.testing.assert_allclose(
        cd.hessian(lambda x: np.sum(step(x[1:]) * x[:-1]))(X),
        cd.hessian(lambda x: np.sum(x[1:] ** 2 * x[:-1]))(X),
        rtol=1e-13,
    )
    assert asked


def test_gradients_of_gradients_stay_in_the_core(core_only):
    def f(x, y):
        return np.sum(x**3 * y) + y**2

    inner = cd.grad(f, argnums=(0, 1))
    found = cd.grad(lambda x, y: np.sum(inner(x, y)[0]) + inner(x, y)[1] * y, argnums=(0, 1))
    gx, gy = found(X, 0.5)
    np.testing.assert_allclose(gx, 6 * X * 0.5 + 3 * X**2 * 0.5, rtol=1e-13)
    np.testing.assert_allclose(gy, 3 * np.sum(X**2) + np.sum(X**3) + 4 * 0.5, rtol=1e-13)


def test_a_value_comes_along(core_only):
    """Of a value and a gradient both depend on what is around."""
    both = cd.value_and_grad(lambda x: np.sum(x**2))

    def f(x):
        value, gradient = both(x)
        return value * np.sum(gradient)

    np.testing.assert_allclose(cd.grad(f)(X), 2 * X * np.sum(2 * X) + 2 * np.sum(X**2), rtol=1e-13)


def test_what_does_not_depend(core_only):
    """Gradients that nothing tracks, of linear functions or of none, are Arrays with a zero
    derivative, each of its own."""
    gradient = cd.grad(lambda x, y: 3.0 * np.sum(x), argnums=(0, 1))

    def f(x):
        g, h = gradient(x, x)
        assert type(g) is type(h) is cd.Array and h.shape == x.shape
        g[0] = x[1]
        return np.sum(g * x) + np.sum(h)

    np.testing.assert_allclose(cd.grad(f)(X), [X[1], 3 + X[0], 3, 3, 3, 3], rtol=1e-13)


def test_forward_around(core_only):
    value, tangent = cd.jvp(cd.grad(chained), (X,), (np.ones(6),))
    np.testing.assert_allclose(value, cd.grad(chained)(X), rtol=1e-13)
    np.testing.assert_allclose(tangent, cd.hessian(chained)(X) @ np.ones(6), rtol=1e-12)


@pytest.mark.parametrize("wrong", [lambda x: x, lambda x: (x[0], x[1]), lambda x: x[0] > 0])
def test_other_results_are_errors_as_ever(wrong):
    """What is not one real number goes to the general way, which says so."""
    with pytest.raises(TypeError, match=r"grad needs|carries no derivative"):
        cd.grad(lambda x: np.sum(cd.grad(wrong)(x)))(X)


def test_other_numbers_go_the_general_way():
    single = X.astype(np.float32)
    found = cd.hessian(lambda x: np.sum(x**3))(single)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.diag(6 * single), rtol=1e-6)
    with pytest.raises(TypeError, match="complex"):
        cd.grad(lambda x: cd.grad(lambda y: y**2 * (1 + 1j))(x))(1.0)


# ---------------------------------------------------------------- dataclasses


@dataclass
class Model:
    scale: float
    weights: np.ndarray
    power: int = field(default=2, metadata={"static": True})


@dataclass
class Other(Model):
    pass


def score(m, x):
    return m.scale * np.sum(m.weights * x**m.power)


def direct(f, *args):
    compiled = cd.compile(f)
    compiled(*args)

    def general(args, kwargs):
        raise AssertionError("not by this way")

    compiled._general = general
    return compiled


def test_dataclasses_need_no_python():
    model = Model(2.0, X.copy())
    both = direct(cd.value_and_grad(score), model, X)
    for scale in (2.0, 3.0):
        model.scale = scale
        value, gradient = both(model, X)
        assert type(gradient) is Model and gradient.power == 2
        np.testing.assert_allclose(value, scale * np.sum(X**3), rtol=1e-14)
        np.testing.assert_allclose(gradient.scale, np.sum(X**3), rtol=1e-14)
        np.testing.assert_allclose(gradient.weights, scale * X**2, rtol=1e-14)
    nested = direct(lambda m: {"m": [m["m"][0], 2.0]}, {"m": (model,)})
    np.testing.assert_array_equal(nested({"m": (model,)})["m"][0].weights, X)


def test_dataclasses_of_another_form_are_recorded():
    call = cd.compile(score)
    assert call(Model(1.0, X), X) == pytest.approx(np.sum(X**3))
    assert call(Model(1.0, X, 3), X) == pytest.approx(np.sum(X**4))
    assert call(Other(1.0, X), X) == pytest.approx(np.sum(X**3))
    assert call(Model(1.0, X[:3]), X[:3]) == pytest.approx(np.sum(X[:3] ** 3))
    assert call(Model(X, X), X).shape == (6,)
    assert call.stats()["recordings"] == 5
    bare = Model(1.0, X)
    del bare.weights
    with pytest.raises(AttributeError):
        call(bare, X)


def test_fields_that_are_made_when_they_are_read():
    """A list and an array that live only while the arguments are read."""

    @dataclass
    class Made:
        parts: list

        def __getattribute__(self, name):
            found = super().__getattribute__(name)
            return [x * 2.0 for x in found] if name == "parts" else found

    given = [np.full(100, 1.0), np.full(100, 2.0)]
    call = direct(lambda m: m.parts[0] + m.parts[1], Made(given))
    for _ in range(20):
        np.testing.assert_array_equal(call(Made(given)), 12.0)  # read once more by the function


def test_a_dataclass_with_rules_of_its_own_is_not_opened_by_fields():
    @dataclass
    class Pair:
        a: float
        b: float

    cd.register_container(Pair, lambda p: ((p.a,), p.b), lambda b, c: Pair(c[0], b))
    call = cd.compile(cd.grad(lambda p: p.a**2 * p.b))
    assert call(Pair(3.0, 2.0)) == Pair(12.0, 2.0)
    assert call(Pair(3.0, 5.0)) == Pair(30.0, 5.0)


# ---------------------------------------------------------------- loops


def test_zero_parts():
    for n in (1, 2, 1000):
        x = np.zeros(n + 2)
        assert _core.is_zero_part(x, 0, n + 2) and _core.is_zero_part(x, 1, 1)
        x[n] = 1.0
        assert _core.is_zero_part(x, 0, n) and _core.is_zero_part(x, n + 1, n + 2)
        assert not _core.is_zero_part(x, 0, n + 1) and not _core.is_zero_part(x, n, n + 2)
        assert not _core.is_zero_part(np.full(n, 2.0), 0, n)
        assert not _core.is_zero_part(np.full(n, np.nan), 0, n)
        assert _core.is_zero_part(np.zeros(2 * n)[::2], 0, n)


def test_first_values_are_copied_once():
    """A large array that a loop begins with is in a program as the copy that recording made."""
    given = np.ones(20_000)

    def f(x):
        return cd.fori_loop(0, 3, lambda _, y: y * x, given * 2.0)

    call = cd.compile(f)
    np.testing.assert_array_equal(call(np.full(20_000, 3.0)), 54.0)
    (constant,) = [a for a in call.program.arrays if a.size == 20_000]
    assert constant.base is None and not constant.flags.writeable


def test_first_values_that_change_are_seen():
    start, kept = np.ones(20_000), {}

    def body(_, y):
        y += 1.0  # what the loop begins with stays what it is
        return y * kept["x"]

    def f(x):
        kept["x"] = x
        start[:] = 1.0
        y = cd.fori_loop(0, 2, body, start)
        start[:] = 7.0
        return np.sum(y - start)

    for make in (lambda f: f, cd.compile, cd.grad, lambda f: cd.compile(cd.grad(f))):
        start[:] = 1.0
        found = make(f)(np.full(20_000, 2.0))
        if np.ndim(found):
            np.testing.assert_array_equal(found, 2 * 2.0 * 2 + 1)
        else:
            assert found == 20_000 * ((2.0 * 2 + 1) * 2 - 7)


def test_a_carry_of_the_outer_loop_changed_in_the_inner():
    def outer(_, y):
        def inner(_, z):
            z[0] = z[0] * 2.0
            return z

        z = cd.fori_loop(0, 3, inner, y)
        return z + y

    def f(x):
        return cd.fori_loop(0, 2, outer, x * 1.0)

    x = np.arange(1.0, 9001.0)
    right = 4 * x
    right[0] = 81.0
    np.testing.assert_array_equal(f(x), right)
    np.testing.assert_array_equal(cd.compile(f)(x), right)
    slopes = np.full(9000, 4.0)
    slopes[0] = 81.0
    np.testing.assert_array_equal(cd.compile(cd.grad(lambda x: np.sum(f(x))))(x), slopes)
