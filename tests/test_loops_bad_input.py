"""Loops: what is not one gets an error, and errors, interrupts and threads lose nothing."""

import gc
import re
import signal
import threading
import weakref

import numpy as np
import pytest
from loop_bodies import ROWS, A, product_body
from many_threads import in_threads

import cdiff as cd
import cdiff.numpy as cnp

BAD = [
    (lambda: cd.scan(3, 1.0, np.zeros(2)), TypeError, "scan"),
    (lambda: cd.scan(lambda c, x: (c, x), 1.0), ValueError, "xs or length"),
    (lambda: cd.scan(lambda c, x: (c, x), 1.0, length=-1), ValueError, "length=-1"),
    (lambda: cd.scan(lambda c, x: (c, x), 1.0, length=2.0), TypeError, "length must be an int"),
    (lambda: cd.scan(lambda c, x: (c, x), 1.0, np.zeros(3), 2), ValueError, "xs has 3 rows"),
    (lambda: cd.scan(lambda c, x: (c, x), 1.0, 2.0), ValueError, "leading axis"),
    (
        lambda: cd.scan(lambda c, x: (c, 1), 1.0, (np.zeros(2), np.zeros(3))),
        ValueError,
        r"xs\[0\] has 2, xs\[1\] has 3",
    ),
    (lambda: cd.scan(lambda c, x: c, 1.0, np.zeros(2)), TypeError, "must return a pair"),
    (lambda: cd.scan(lambda c, x: (c, c, c), 1.0, np.zeros(2)), TypeError, "3 values"),
    (lambda: cd.scan(lambda c, x: ((c, c), x), 1.0, np.zeros(2)), TypeError, "tuple"),
    (
        lambda: cd.scan(lambda c, x: ({"a": c["a"][:1]}, x), {"a": np.ones(2)}, np.zeros(2)),
        TypeError,
        r"\['a'\] must keep its shape and dtype.*\(2,\).*\(1,\)",
    ),
    (
        lambda: cd.scan(lambda c, x: (c + x, x), np.float32(1.0), np.zeros(2)),
        TypeError,
        "float32.*float64",
    ),
    (lambda: cd.scan(lambda c, x: (c, x), "a", np.zeros(2)), TypeError, "got a str"),
    (lambda: cd.scan(lambda c, x: (c, "a"), 1.0, np.zeros(2)), TypeError, "got a str"),
    (
        lambda: cd.scan(lambda c, x: (c, x), 1.0, np.zeros(2), checkpoint_every=0),
        ValueError,
        "checkpoint_every",
    ),
    (lambda: cd.fori_loop(0, 3.0, lambda i, c: c, 1.0), TypeError, "whole numbers"),
    (lambda: cd.fori_loop("0", 3, lambda i, c: c, 1.0), TypeError, "whole numbers"),
    (lambda: cd.while_loop(lambda c: c < 3, lambda c: (c, c), 1.0), TypeError, "tuple"),
    (
        lambda: cd.while_loop(lambda c: c < 3, lambda c: c, np.ones(2)),
        TypeError,
        "one truth value.*Array",
    ),
    (lambda: cd.while_loop(lambda c: None, lambda c: c, 1.0), TypeError, "NoneType"),
    (lambda: cd.while_loop(lambda c: True, lambda c: c, 1.0, max_steps=3), RuntimeError, "3 steps"),
    (lambda: cd.while_loop(lambda c: c < 0, abs, 1.0, max_steps=-1), ValueError, "negative"),
]


@pytest.mark.parametrize(("call", "error", "text"), BAD, ids=range(len(BAD)))
def test_bad_input(call, error, text):
    with pytest.raises(error, match=re.compile(text, re.DOTALL)):
        call()


def test_an_exception_in_the_body_leaves_nothing_behind():
    def step(c, x):
        if c > 2.0:
            raise KeyError("mine")
        return c + x, c

    for g in (lambda f: f, cd.grad, cd.jacfwd, lambda f: cd.compile(cd.grad(f))):
        with pytest.raises(KeyError, match="mine"):
            g(lambda a: cd.scan(step, a, np.ones(5))[0])(0.5)
    assert cd.grad(lambda a: a * a)(1.5) == 3.0
    assert cd.grad(lambda a: cd.scan(step, a, np.ones(2))[0])(0.5) == 1.0


@pytest.fixture
def heard_interrupts():
    """A process in the background may have been told to ignore them, and Python ignores what a
    callback of the garbage collector raises (hypothesis has one)."""
    callbacks = gc.callbacks[:]
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.callbacks.clear()
    yield
    gc.callbacks[:] = callbacks
    signal.signal(signal.SIGINT, handler)


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals")
@pytest.mark.parametrize("kind", ["numbers", "arrays", "while", "counted"])
def test_a_long_loop_can_be_interrupted(kind, heard_interrupts):
    def run():
        if kind == "while":
            cd.while_loop(lambda c: c > -1.0, lambda c: c * 0.5, 1.0)
        if kind == "counted":
            cd.fori_loop(0, 10**11, lambda i, c: c * 0.5 + i, 1.0)
        init = 1.0 if kind == "numbers" else np.ones(3)
        cd.scan(lambda c, x: (np.sin(c), None), init, length=2_000_000_000)

    timer = threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run()
    timer.join()
    assert cd.scan(lambda c, x: (c + 1.0, None), 0.0, length=3)[0] == 3.0


def test_loops_are_freed():
    class Mark:
        pass

    def f(a):
        mark = Mark()
        marks.append(weakref.ref(mark))
        return cd.scan(lambda c, x: (c * a + (mark is None), None), a, np.ones(4))[0]

    marks = []
    for g in (f, cd.grad(f), cd.grad(cd.grad(f)), cd.jacfwd(f)):
        g(0.5)
    gc.collect()
    assert all(mark() is None for mark in marks)


def test_threads_share_a_compiled_loop():
    f = cd.compile(cd.grad(lambda a: cd.scan(product_body(a), np.ones(2), ROWS)[0].sum()))
    points = [A * k for k in np.linspace(0.5, 1.5, 8)]
    expected = [f(p) for p in points]
    found = [None] * len(points)

    def work(k):
        for _ in range(20):
            found[k] = f(points[k])

    in_threads(work, len(points))
    for got, want in zip(found, expected, strict=True):  # the first was recorded, not run
        np.testing.assert_allclose(got, want, rtol=1e-14)


def stops(x):
    """Places where a derivative must not pass, each in a body that is differentiated as a program.

    Each is x * x with one factor stopped, so that its derivative is x.
    """
    return {
        "scan, outer": cd.scan(lambda c, _: (cd.stop_gradient(x) * x, None), 0.0, length=1)[0],
        "scan, carry": cd.scan(lambda c, _: (cd.stop_gradient(c) * x, None), x, length=1)[0],
        "scan, row": cd.scan(
            lambda c, r: (c + cd.stop_gradient(r) * x, None), 0.0, cnp.stack([x])
        )[0],
        "fori_loop": cd.fori_loop(0, 1, lambda i, c: c.detach() * x, x),
        "while_loop": cd.while_loop(
            lambda c: c[1] < 1.0, lambda c: (cd.stop_gradient(c[0]) * x, c[1] + 1.0), (x, 0.0)
        )[0],
        "checkpoint": cd.checkpoint(lambda y: cd.stop_gradient(y) * y)(x),
        "vmap": np.sum(cd.vmap(lambda y: cd.stop_gradient(y) * y)(cnp.stack([x]))),
        "chunks": np.sum(
            cd.vmap(lambda y: y.detach() * y, chunk_size=1)(cnp.stack([x, 0.0 * x]))
        ),
        "vmap in scan": cd.scan(
            lambda c, r: (c + np.sum(cd.vmap(lambda y: cd.stop_gradient(y) * y)(r)), None),
            0.0, cnp.stack([cnp.stack([x])]),
        )[0],
        "compiled": cd.compile(lambda y: cd.stop_gradient(y) * y)(x),
    }  # fmt: skip


@pytest.mark.parametrize("transform", [cd.grad, cd.jacfwd, cd.jacrev])
def test_stopped_derivatives_stay_stopped(transform):
    """Also in programs that are differentiated after they have been recorded."""
    for name in stops(1.0):
        f = transform(lambda x, name=name: stops(x)[name])
        compiled = cd.compile(f)
        for x in (3.0, 5.0, 7.0):
            assert f(x) == x, name
            assert compiled(x) == x, name
            assert cd.grad(f)(x) == 0.0, name


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("wrap", [lambda f: f, cd.compile])
def test_a_loop_of_one_step_is_no_loop(wrap, reverse):
    """Same results, derivatives and forms as those of the step; nothing outside is changed."""

    def body(carry, x):
        moved, count = carry
        moved[0] = 5.0 * x["a"][1] * w
        return (moved, count + 1), {"y": moved * x["a"][0], "n": count}

    w = 2.0

    def loop(c, a):
        return cd.scan(body, (c, 3), {"a": a}, reverse=reverse)

    def step(c, a):
        y = np.concatenate([10.0 * a[0, 1:], c[1:]])
        return (y, np.int64(4)), {"y": (y * a[0, 0])[None], "n": np.array([3])}

    c, a = np.array([1.0, 2.0, 3.0]), np.array([[0.5, 0.7]])
    found, want = wrap(loop)(c, a), step(c, a)
    np.testing.assert_array_equal(found[0][0], want[0][0])
    np.testing.assert_array_equal(found[1]["y"], want[1]["y"])
    np.testing.assert_array_equal(found[1]["n"], want[1]["n"])
    assert (found[0][1], found[1]["n"].dtype) == (4, np.int64)
    np.testing.assert_array_equal(c, [1.0, 2.0, 3.0])
    for transformation in (cd.jacfwd, cd.jacrev):
        jacobian = wrap(transformation(lambda c, a: loop(c, a)[1]["y"], argnums=(0, 1)))
        expected = transformation(lambda c, a: step(c, a)[1]["y"], argnums=(0, 1))(c, a)
        for one, other in zip(jacobian(c, a), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-14)


def test_the_program_of_one_step_has_no_loop():
    compiled = cd.compile(cd.grad(lambda x: cd.fori_loop(0, 1, lambda _, y: np.sin(y * x), 1.0)))
    assert compiled(0.5) == pytest.approx(np.cos(0.5))
    assert "scan" not in str(compiled.program)
    longer = cd.compile(cd.grad(lambda x: cd.fori_loop(0, 2, lambda _, y: np.sin(y * x), 1.0)))
    longer(0.5)
    assert "scan" in str(longer.program)


def test_one_step_still_checks_the_carry():
    with pytest.raises(TypeError, match="must keep its shape and dtype"):
        cd.fori_loop(0, 1, lambda _, y: y[:1], np.ones(2))
    with pytest.raises(TypeError, match="must return a pair"):
        cd.scan(lambda c, x: c, 1.0, np.ones(1))
    assert cd.fori_loop(0, 1, lambda _, y: 0.5 * y, 3) == 1.5


CARRIED = {
    "fori_loop": lambda x, n: cd.fori_loop(0, 3, lambda i, c: (c[0] * x, c[1]), (1.0, n)),
    "while_loop": lambda x, n: cd.while_loop(
        lambda c: c[0] < 5.0, lambda c: (c[0] * x, c[1]), (1.0, n)
    ),
    "scan": lambda x, n: cd.scan(lambda c, k: (c * x, k * n), 1.0, np.arange(2)),
}


@pytest.mark.parametrize("name", CARRIED)
@pytest.mark.parametrize("sign", [1, -1])
def test_integers_go_through_exactly_or_not_at_all(name, sign):
    """Results of several dtypes are one vector of floats."""
    value = cd.value_and_grad(lambda x, n: CARRIED[name](x, n), has_aux=True)
    for n in sign * 2**53, 106, sign:
        (_, found), _ = value(2.0, np.int64(n))
        assert np.sum(found) == n and np.asarray(found).dtype == np.int64
    with pytest.raises(OverflowError, match="2\\*\\*53"):
        value(2.0, np.int64(sign * (2**53 + 1)))
