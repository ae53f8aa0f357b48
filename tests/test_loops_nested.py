"""Loops in loops, with checkpoints, and what they keep; plain Python is the oracle."""

import gc
import weakref

import numpy as np
import pytest

import cdiff as cd

X = np.array([0.5, -0.3])


def plain_for(n, step, x):
    for _ in range(n):
        x = step(x)
    return x


def loop_for(n, step, x):
    return cd.fori_loop(0, n, lambda i, c: step(c), x)


def loop_scan(n, step, x):
    return cd.scan(lambda c, _: (step(c), c.sum()), x, None, length=n)[0]


def loop_saved(n, step, x):
    return cd.scan(lambda c, _: (step(c), None), x, None, length=n, checkpoint_every=2)[0]


def loop_while(n, step, x):
    return cd.while_loop(lambda c: c[1] < n, lambda c: (step(c[0]), c[1] + 1.0), (x, 0.0))[0]


def loop_checkpoint(n, step, x):
    return plain_for(n, cd.checkpoint(step), x)


LOOPS = [loop_for, loop_scan, loop_saved, loop_while, loop_checkpoint]


def nested(outer, inner, shift):
    """A function of two loops; what the outer one adds, the inner one may read from outside."""

    def f(x):
        scale = x[0] * x[1] + 1.5
        step = lambda c: inner(2, lambda d: d * np.cos(d * scale), c) + shift * c[::-1]
        return (outer(3, step, x) ** 2).sum()

    return f


@pytest.mark.parametrize("inner", LOOPS)
@pytest.mark.parametrize("outer", LOOPS)
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_two_loops(outer, inner, shift):
    f, want = nested(outer, inner, shift), nested(plain_for, plain_for, shift)
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    close(f(X), want(X))
    close(cd.grad(f)(X), cd.grad(want)(X))
    close(cd.jvp(f, (X,), (X[::-1],))[1], cd.jvp(want, (X,), (X[::-1],))[1])
    close(cd.hvp(f, (X,), (X[::-1],))[1], cd.hvp(want, (X,), (X[::-1],))[1])
    for g in (f, cd.grad(f)):
        compiled = cd.compile(g)
        for x in (X, X * 1.1):
            close(compiled(x), g(x))


@pytest.mark.parametrize("inner", [loop_for, loop_scan, loop_checkpoint])
@pytest.mark.parametrize("outer", [loop_for, loop_scan, loop_checkpoint])
def test_two_loops_at_many_points(outer, inner):
    f, want = nested(outer, inner, 0.5), nested(plain_for, plain_for, 0.5)
    points = np.stack([X, X + 0.1, X * 2.0])
    for derivative in (lambda f: f, cd.grad, cd.hessian):
        got = cd.vmap(derivative(f))(points)
        rows = [derivative(want)(x) for x in points]
        np.testing.assert_allclose(got, np.stack(rows), rtol=1e-8, atol=1e-12)


def test_three_loops():
    def f(loop, x):
        step = lambda c: loop(2, lambda d: loop(2, lambda e: np.sin(e) + 0.1 * x, d), c)
        return loop(2, step, x).sum()

    want = cd.hessian(lambda x: f(plain_for, x))(X)
    for loop in (loop_for, loop_scan, loop_while):
        got = cd.hessian(lambda x, loop=loop: f(loop, x))(X)
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-13)


def deep(loop, depth):
    """A loop in a loop in a loop, to some depth."""
    if depth == 0:
        return lambda x: np.sin(x) * 1.1
    inner = deep(loop, depth - 1)
    return lambda x: loop(2, inner, x)


@pytest.mark.parametrize("loop", [loop_for, loop_while])
def test_many_loops_in_each_other(loop):
    f, want = deep(loop, 7), deep(plain_for, 7)
    assert f(0.7) == pytest.approx(want(0.7), rel=1e-14)
    for derivative in (cd.grad, lambda f: lambda x: cd.jvp(f, (x,), (1.0,))[1]):
        assert derivative(f)(0.7) == pytest.approx(derivative(want)(0.7), rel=1e-10)
        assert cd.compile(derivative(f))(0.7) == pytest.approx(derivative(want)(0.7), rel=1e-10)
    assert cd.grad(deep(loop_for, 8))(0.7) == pytest.approx(
        cd.grad(deep(plain_for, 8))(0.7), rel=1e-10
    )


def test_too_many_loops_in_each_other():
    assert deep(loop_for, 12)(0.7) == pytest.approx(deep(plain_for, 12)(0.7), rel=1e-14)
    for f in (deep(loop_for, 18), cd.grad(deep(loop_for, 10))):
        with pytest.raises(RecursionError, match="nested more than 17 deep; every derivative"):
            f(0.7)
    assert cd.grad(deep(loop_for, 1))(0.7) == pytest.approx(cd.grad(deep(plain_for, 1))(0.7))


# ---------------------------------------------------------------- carries kept for a derivative


def unrolled(step, carry, count, order):
    for k in order(range(count)):
        carry = step(carry, float(k))
    return carry


@pytest.mark.parametrize("count", [1, 2, 3, 8])
@pytest.mark.parametrize("reverse", [False, True])
def test_carries_that_are_kept(count, reverse):
    """Some change, one stays, one is a number, one is not float64; steps read those before."""
    a, b = np.linspace(0.2, 0.9, 50), np.linspace(-1.0, 1.0, 50)

    def step(carry, k):
        y, z, fixed, s, single = carry
        return z * 0.5 + np.sin(y) * fixed, y + k * s, fixed, s * 0.9, single * np.float32(0.5)

    def start(a, b):
        return a, b, a * b, 0.7 * a[0], np.ones(3, np.float32)

    def loop(a, b):
        rows = np.arange(count, dtype=float)
        last, _ = cd.scan(lambda c, k: (step(c, k), c[0]), start(a, b), rows, reverse=reverse)
        return np.sum(last[0] * last[1]) + np.sum(last[2]) + last[3] + np.sum(last[4])

    def plain(a, b):
        last = unrolled(step, start(a, b), count, reversed if reverse else list)
        return np.sum(last[0] * last[1]) + np.sum(last[2]) + last[3] + np.sum(last[4])

    value, wanted = cd.value_and_grad(plain, argnums=(0, 1))(a, b)
    for f in (loop, cd.checkpoint(loop)):
        compiled = cd.compile(cd.value_and_grad(f, argnums=(0, 1)))
        for _ in range(2):
            found, slopes = compiled(a, b)
            np.testing.assert_allclose(found, value, rtol=1e-12)
            for x, right in zip(slopes, wanted, strict=True):
                np.testing.assert_allclose(x, right, rtol=1e-11, atol=1e-13)


def test_carries_that_are_kept_when_a_step_goes_another_way():
    def step(y, k):
        y = y * 1.3 + 0.1
        return y - k if np.sum(y) > 40.0 else y * 0.9  # decided anew in each step

    def loop(x):
        return np.sum(cd.scan(lambda y, k: (step(y, k), None), x, np.arange(9.0))[0] ** 2)

    def plain(x):
        return np.sum(unrolled(step, x, 9, list) ** 2)

    compiled = cd.compile(cd.value_and_grad(loop))
    for x in (np.full(20, 1.0), np.full(20, 3.0), np.linspace(0.0, 2.0, 20)):
        value, wanted = cd.value_and_grad(plain)(x)
        for _ in range(2):
            found = compiled(x)
            np.testing.assert_allclose(found[0], value, rtol=1e-12)
            np.testing.assert_allclose(found[1], wanted, rtol=1e-12)


class Model:
    """Keeps results that were computed of what it holds."""

    def __init__(self, loop):
        self.w = cd.array(np.ones(3), requires_grad=True)
        self.kept = loop(self)


@pytest.mark.parametrize(
    "loop",
    [
        lambda m: cd.scan(lambda c, x: (c * m.w + x, None), np.ones(3), np.ones((4, 3)))[0],
        lambda m: cd.scan(lambda c, x: (c * m.w, c), m.w, np.ones(9), checkpoint_every=2)[1],
        lambda m: cd.fori_loop(0, 3, lambda i, c: c * m.w, np.ones(3)),
        lambda m: cd.while_loop(lambda c: c[1] < 3, lambda c: (c[0] * m.w, c[1] + 1), (m.w, 0))[0],
        lambda m: cd.checkpoint(lambda x: x * m.w)(m.w),
    ],
    ids=["scan", "segments", "fori_loop", "while_loop", "checkpoint"],
)
def test_what_keeps_the_result_of_a_body_that_reads_it_is_collected(loop):
    """The result's node, which the garbage collector does not know, held the body."""
    model = Model(loop)
    assert cd.is_tracked(model.kept)
    model.kept.sum().backward(retain_graph=True)
    assert np.all(model.w.grad.numpy() != 0.0)
    found = weakref.ref(model)
    del model
    gc.collect()
    assert found() is None


# ------------------------------------------------------------------ short loops inside of programs


def inner_of(limit):
    """An outer loop, in each of whose steps the state says how long the inner one is."""

    def f(x, length=150.0):
        def outer(state):
            k, y = state
            go_on = lambda t: t[0] < 2.0 + np.where(y > 0.5, 1.0, 0.0) + 0.0 * x
            _, z = cd.while_loop(
                go_on, lambda t: (t[0] + 1.0, np.sin(t[1]) + 0.1 * y), (0.0, y), max_steps=limit
            )
            return k + 1.0, z * 0.9 + 0.05 * x * np.cos(k)

        return cd.while_loop(lambda s: s[0] < length, outer, (0.0, x))[1]

    return f


def plain_inner(x, length=150):
    y = x
    for k in range(length):
        z = y
        for _ in range(3 if y > 0.5 else 2):
            z = np.sin(z) + 0.1 * y
        y = z * 0.9 + 0.05 * x * np.cos(float(k))
    return y


@pytest.mark.parametrize("wrap", [lambda f: f, cd.compile], ids=["eager", "compiled"])
@pytest.mark.parametrize("d", [lambda f: f, cd.grad, cd.jacfwd, lambda f: cd.jacfwd(cd.grad(f))])
def test_short_loops_in_a_loop(d, wrap):
    found, want = wrap(d(inner_of(None))), d(plain_inner)
    for x in (0.7, -0.4, 0.7, 2.0, 0.1):
        np.testing.assert_allclose(found(x), want(x), rtol=1e-11)
    points = np.array([0.7, -0.4, 2.0])
    at_once = wrap(lambda xs: cd.vmap(d(inner_of(None)))(xs))
    for _ in range(2):
        np.testing.assert_allclose(at_once(points), [want(x) for x in points], rtol=1e-11)


def test_the_limit_of_a_short_loop_in_a_loop():
    f = cd.compile(inner_of(3))
    np.testing.assert_allclose(f(0.7), plain_inner(0.7), rtol=1e-12)
    for x in (0.7, 2.0):
        np.testing.assert_allclose(f(x), plain_inner(x), rtol=1e-12)
    g = cd.compile(inner_of(2))
    with pytest.raises(RuntimeError, match="still holds after 2 steps"):
        g(0.7)
    with pytest.raises(RuntimeError, match="still holds after 2 steps"):
        g(0.7)


def test_loops_in_a_loop_that_become_long():
    """The core runs the short ones; a long one is the loop's own."""

    def f(x):
        def outer(state):
            k, y = state
            z = cd.while_loop(lambda t: t[0] < k * k, lambda t: (t[0] + 1.0, t[1] * x), (0.0, y))
            return k + 1.0, z[1] * 0.5

        return cd.while_loop(lambda s: s[0] < 40.0, outer, (0.0, x))[1]

    def plain(x):
        y = x
        for k in range(40):
            y = y * x ** float(k * k) * 0.5
        return y

    for d in (lambda f: f, cd.grad):
        found, want = cd.compile(d(f)), d(plain)
        for x in (1.0, 1.0001, 0.9999, 1.0):
            np.testing.assert_allclose(found(x), want(x), rtol=1e-8)


@pytest.mark.parametrize("reverse", [False, True])
def test_scans_of_numbers_in_a_program(reverse):
    xs, ys = np.linspace(0.5, 1.5, 7), np.linspace(-1.0, 1.0, 7)

    def f(a, xs, ys):
        step = lambda c, r: (c * r[0] + a * r[1], (c, c * r[1]))
        last, (first, second) = cd.scan(step, a, (xs, ys), reverse=reverse)
        return last + np.sum(first * np.arange(7.0)) + second[2] * second[-1]

    def plain(a, xs, ys):
        c, first, second = a, [None] * 7, [None] * 7
        for k in range(7)[:: -1 if reverse else 1]:
            first[k], second[k] = c, c * ys[k]
            c = c * xs[k] + a * ys[k]
        return c + sum(first[k] * float(k) for k in range(7)) + second[2] * second[-1]

    whole = lambda f: lambda a, xs, ys: cd.grad(f, argnums=(0, 1, 2))(a, xs, ys)
    for d in (lambda f: f, whole, lambda f: cd.hessian(f)):
        found = cd.compile(d(f))
        for a in (0.3, 0.3, -1.2, 2.0):
            for y, z in zip(np.atleast_1d(found(a, xs, ys)) if d is not whole else
                            found(a, xs, ys), np.atleast_1d(d(plain)(a, xs, ys)) if d is not whole
                            else d(plain)(a, xs, ys), strict=True):  # fmt: skip
                np.testing.assert_allclose(y, z, rtol=1e-11)
