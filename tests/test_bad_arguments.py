"""Arguments that no function can use: an error that names them, at once, and no crash."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest

import cdiff as cd


class Subclass(float):
    pass


def nested():
    """A list that contains itself."""
    inside = []
    inside.append(inside)
    return inside


def leaked():
    kept = []

    def f(x):
        kept.append(x * 2.0)
        return x * x

    cd.grad(f)(3.0)
    return kept[0]


def test_a_drawing_of_a_value_left_behind():
    # A sweep from a node without a place in it wrote into memory that was not its own.
    picture = cd.draw(leaked())
    assert "<svg" in picture.svg
    kept = []
    cd.compile(lambda x: (kept.append(x * 2.0), x * x)[1])(3.0)
    assert "<svg" in cd.draw(kept[0]).svg


@pytest.mark.parametrize("make", [nested, lambda: "1", lambda: -1, lambda: None, lambda: [1, 2]])
def test_seeds_are_whole_numbers(make):
    f = np.sin
    with pytest.raises(ValueError, match="verify: seed must be an integer >= 0"):
        cd.verify(f, 1.0, order=1, seed=make())
    with pytest.raises(ValueError, match="check_grads: seed must be an integer >= 0"):
        cd.testing.check_grads(f, (1.0,), order=1, seed=make())
    with pytest.raises(ValueError, match="color: seed must be an integer >= 0"):
        cd.sparse.color(np.eye(3), seed=make())
    cd.testing.check_grads(f, (1.0,), order=1, seed=np.int64(3))


@pytest.mark.parametrize("order", [0, -1, 1.0, "1", None, True])
def test_a_wrong_order_is_no_wrong_derivative(order):
    with pytest.raises(ValueError, match="verify: order must be an integer >= 1"):
        cd.verify(np.sin, 1.0, order=order)


def test_no_memory_is_no_wrong_derivative():
    def f(x):
        if isinstance(x, cd.Array):
            raise MemoryError("none left")
        return x * x

    with pytest.raises(MemoryError, match="none left"):
        cd.verify(f, 2.0)


@pytest.mark.parametrize("cls", [float, int, str, np.ndarray, cd.Array, np.float64])
def test_leaves_are_no_containers(cls):
    with pytest.raises(TypeError, match="is a leaf"):
        cd.register_container(cls, lambda x: ((x,), None), lambda aux, children: children[0])
    assert cd.grad(lambda x: x * x)(3.0) == 6.0


@pytest.mark.parametrize("place", [0, 1])
def test_a_container_needs_two_functions(place):
    class Pair:
        pass

    functions = [lambda x: ((), None), lambda aux, children: Pair()]
    functions[place] = "flatten"
    with pytest.raises(TypeError, match="flatten must be a function, got a str"):
        cd.register_container(Pair, *functions)
    assert cd.tree_map(lambda x: x, [Pair()])[0].__class__ is Pair  # still a leaf


def test_numbers_are_no_files():
    f = cd.compile(lambda x: x * x)
    f(2.0)
    descriptors = os.pipe()
    try:
        for descriptor in (*descriptors, True):
            with pytest.raises(TypeError, match="PathLike"):
                f.save(descriptor)
            with pytest.raises(TypeError, match="PathLike"):
                cd.load(descriptor)
        os.write(descriptors[1], b"still open")
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    file = io.BytesIO()
    f.save(file)
    assert cd.load(io.BytesIO(file.getvalue()))(3.0) == 9.0


def test_numbers_of_a_class_of_their_own():
    recorded = []

    def f(x):
        recorded.append(x)
        return x**3

    assert cd.sparse_jacobian(f)(Subclass(2.0)).toarray().tolist() == [[12.0]]
    assert cd.sparse_hessian(f)(Subclass(2.0)).toarray().tolist() == [[12.0]]
    found = cd.sparse_jacobian(lambda d: d["a"] ** 2)({"a": Subclass(3.0)})
    assert found.toarray().tolist() == [[6.0]]
    del recorded[:]
    compiled = cd.compile(f)
    assert [compiled(Subclass(x)) for x in (1.0, 2.0, 3.0)] == [1.0, 8.0, 27.0]
    assert len(recorded) == 1  # an input of the program, as a float is


@pytest.mark.parametrize("cls", [cd.Array, np.float64, float])
def test_classes_are_no_directions(cls):
    x = np.ones(3)
    for call in (
        lambda: cd.jvp(np.sin, (x,), (cls,)),
        lambda: cd.vjp(np.sin, x)[1](cls),
        lambda: cd.linearize(np.sin, x)[1](cls),
        lambda: cd.hvp(lambda x: np.sin(x).sum(), (x,), (cls,)),
    ):
        with pytest.raises(TypeError, match="must be a number or an array"):
            call()


def endless():
    """Names without end: the first that is no text ends it."""
    n = 0
    while True:
        n += 1
        yield n


def test_names_are_looked_at_one_by_one():
    with pytest.raises(TypeError, match="static_argnames are strings, not 1"):
        cd.compile(lambda x: x, static_argnames=endless())
    assert cd.compile(lambda x, k: x * k, static_argnames=iter(["k"]))(2.0, k=3) == 6.0


@pytest.mark.parametrize("n", [np.array([None]), np.array(["a"]), np.zeros(2), np.ones(2, int)])
def test_counts_are_whole_numbers(n):
    for call in (
        lambda: cd.scan(lambda c, x: (c, c), 1.0, length=n),
        lambda: cd.scan(lambda c, x: (c, c), 1.0, np.ones(2), checkpoint_every=n),
        lambda: cd.while_loop(lambda c: c < 3.0, lambda c: c + 1.0, 0.0, max_steps=n),
    ):
        with pytest.raises(TypeError, match="integer"):
            call()


@pytest.mark.parametrize("delay", [None, "1", True, [1.0]])
def test_a_delay_is_a_number(delay):
    with pytest.raises(TypeError, match="progress: delay is a number of seconds"):
        cd.progress(True, delay)
    assert not cd.progress.state()[0]


@pytest.mark.parametrize("max_steps", [0, -1, -(2**63), 0.5, 2.5, float("nan")])
def test_a_solver_takes_a_step_at_least(max_steps):
    # A negative number of steps was no step: the first state came back for all times.
    times = np.array([0.0, 0.1])

    def slope(t, y):
        return -y

    for call in (
        lambda: cd.integrate.odeint(slope, np.ones(3), times, max_steps=max_steps),
        lambda: cd.integrate.ode_solution(slope, 1.0, (0.0, 1.0), max_steps=max_steps),
        lambda: cd.integrate.ode_event(
            slope, 1.0, (0.0, 1.0), lambda t, y: y - 0.9, max_steps=max_steps
        ),
    ):
        with pytest.raises(ValueError, match="max_steps must be an integer >= 1"):
            call()


@pytest.mark.parametrize("direction", [2, -0.5, None, "up"])
def test_a_direction_is_up_or_down(direction):
    with pytest.raises(ValueError, match="direction must be -1, 0 or 1"):
        cd.integrate.ode_event(
            lambda t, y: -y, 1.0, (0.0, 1.0), lambda t, y: y - 0.9, direction=direction
        )


@pytest.mark.parametrize("name", ["atol", "rtol", "eps"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_wrong_tolerance_is_no_wrong_derivative(name, value):
    with pytest.raises(ValueError, match=f"check_grads: {name} must be a number >= 0"):
        cd.testing.check_grads(np.sin, (1.0,), **{name: value})


def test_only_programs_are_simplified():
    with pytest.raises(TypeError, match="simplify needs a program, got a function"):
        cd.programs.simplify(lambda x: x)


@pytest.mark.parametrize("call", [
    lambda: cd.grad(np.sum, np.ones(3)),
    lambda: cd.value_and_grad(np.sum, cd.array([1.0])),
    lambda: cd.hessian(np.sum, 2.0),
])  # fmt: skip
def test_arguments_of_the_function_in_the_place_of_argnums(call):
    with pytest.raises(TypeError, match=r"argnums must be .*; the arguments .*, \w+\(f\)\(x\)$"):
        call()


def test_a_value_in_the_place_of_the_function():
    with pytest.raises(TypeError, match=r"got a float64; write grad\(f\)\(x\), not grad\(f\(x\)\)"):
        cd.grad(np.sum(np.ones(3)))


@pytest.mark.parametrize("transform", [
    cd.grad, cd.value_and_grad, cd.elementwise_grad, cd.jacobian, cd.hessian,
    lambda f: lambda x: cd.vjp(f, x), lambda f: lambda x: cd.jvp(f, (x,), (x,)),
    lambda f: lambda x: cd.grad(lambda y: cd.grad(f)(y)[0])(x),
])  # fmt: skip
def test_a_list_in_the_place_of_an_array_has_a_note(transform):
    for f in (lambda x: np.sum(x**2), lambda x: x.sum()):
        with pytest.raises((AttributeError, TypeError)) as caught:
            transform(f)([1.0, 2.0])
        (note,) = caught.value.__notes__
        assert note.startswith("argument 0 is a list, a container of numbers: give np.array(...)")
    with pytest.raises(TypeError) as caught:
        transform(lambda p: p["a"] + "text")({"a": 1.0})
    assert not hasattr(caught.value, "__notes__")


def test_names_that_are_not_there():
    with pytest.raises(AttributeError, match=r"no attribute 'sin'; .* np\.sin takes an Array"):
        cd.sin
    with pytest.raises(AttributeError, match=r"no attribute 'gradd'$") as caught:
        cd.gradd
    assert (caught.value.name, caught.value.obj) == ("gradd", cd)
    with pytest.raises(AttributeError, match=r"'cdiff.numpy' has no attribute 'sinn'$") as caught:
        cd.numpy.sinn
    assert (caught.value.name, caught.value.obj) == ("sinn", cd.numpy)
