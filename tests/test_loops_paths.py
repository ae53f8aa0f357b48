"""Loops in loops that take, when they are replayed, ways that they did not take when recorded.

What they read on such a way, from the loop around them or from the function, has to be recorded by
whoever still has it. Each form is compared with the same function run without recording any loop.
"""

import io

import numpy as np
import pytest

import cdiff as cd

ROWS = np.linspace(0.1, 1.0, 4)
POINTS = [(0.1, 0.5), (1.9, 0.5), (-3.0, 0.2), (3.0, 1.5), (0.1, 0.5), (5.0, -1.0)]


def python_scan(f, carry, xs, **_):
    ys = []
    for x in xs:
        carry, y = f(carry, x)
        ys.append(y)
    return carry, np.stack(ys)


def python_while(cond, body, carry):
    while cond(carry):
        carry = body(carry)
    return carry


def carried(a, b, scan, loop):
    """A way that reads what is outside both loops."""

    def inner(c, x):
        return (np.sin(c) * b + x, c) if c > 1.0 else (c + a * x, c)

    last, ys = scan(lambda c, x: scan(inner, c, ROWS), a, np.arange(3.0))
    return last + np.sum(ys)


def between(a, b, scan, loop):
    """A way that reads what the loop around has computed."""

    def outer(c, x):
        t = a * b * x

        def inner(c, x):
            return (np.sin(c) * t + x, c) if c > 1.0 else (c + a * x, c)

        return scan(inner, c, ROWS)

    last, ys = scan(outer, a, np.arange(1.0, 4.0))
    return last + np.sum(ys)


def decided_outside(a, b, scan, loop):
    """A decision by a value from outside, on a way that is taken late."""

    def inner(c, x):
        if c > 1.0:
            return (c * 0.5 + b, c) if b > 0.3 else (np.cos(c) * b, c)
        return c + a * x, c

    last, ys = scan(lambda c, x: scan(inner, c * x, ROWS), a, np.arange(1.0, 3.0))
    return last + np.sum(ys)


def thrice(a, b, scan, loop):
    def outer(c, x):
        t = np.sin(c * b)

        def middle(c, x2):
            s = t * x2

            def inner(c, x3):
                if c > 1.0:
                    return c * 0.3 + s * x3, c
                return (np.sin(c) * a + t, s) if c < -1.0 else (c + x3 * x, c)

            return scan(inner, c, ROWS)

        return scan(middle, c, ROWS[:2])

    last, ys = scan(outer, a, ROWS[:3])
    return last + np.sum(ys)


def while_inside(a, b, scan, loop):
    def outer(c, x):
        t = np.sin(b * x)

        def body(state):
            u, k = state
            if u > 0.6:
                return u + 0.1 * b * b + 0.05, k + t
            return u + 0.07 * a * a + 0.02, np.sin(k)

        u, k = loop(lambda state: state[0] < 1.0, body, (c * 0.0 + a * 0.1, c))
        return k, u

    last, ys = scan(outer, a, np.arange(1.0, 4.0))
    return last + np.sum(ys)


def scan_in_while(a, b, scan, loop):
    def body(state):
        n, c = state
        t = c * b

        def inner(c, x):
            return (c * 0.5 + t, c) if c > 1.0 else (c + a * a * x, c)

        return n + 1.0, scan(inner, c, ROWS)[0]

    return loop(lambda state: state[0] < 2.5, body, (a * 0.0, a))[1]


def segmented(a, b, scan, loop):
    def inner(c, x):
        return (np.sin(c) * b + x, c * a) if x * c > 0.7 else (c + a * x, c)

    last, ys = scan(inner, a, np.linspace(0.1, 1.0, 10), checkpoint_every=3)
    return last + np.sum(ys)


FORMS = [carried, between, decided_outside, thrice, while_inside, scan_in_while, segmented]
WRAPS = {
    "value": lambda f: f,
    "gradient": lambda f: cd.grad(f, argnums=(0, 1)),
    "forward": lambda f: cd.jacfwd(f, argnums=(0, 1)),
    "hessian": lambda f: cd.jacfwd(cd.grad(f, argnums=0), argnums=(0, 1)),
    "checkpoint": lambda f: cd.grad(cd.checkpoint(f), argnums=(0, 1)),
}


def recorded(form):
    return lambda a, b: form(a, b, cd.scan, cd.while_loop)


def plain(form):
    return lambda a, b: form(a, b, python_scan, python_while)


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("form", FORMS)
def test_new_ways(form, wrap):
    want = WRAPS[wrap](plain(form))
    eager = WRAPS[wrap](recorded(form))
    compiled = cd.compile(eager)
    for point in POINTS:
        np.testing.assert_allclose(eager(*point), want(*point), rtol=1e-9)
        np.testing.assert_allclose(compiled(*point), want(*point), rtol=1e-9)
    before = compiled.stats()["recordings"]
    for point in POINTS:
        np.testing.assert_allclose(compiled(*point), want(*point), rtol=1e-9)
    assert compiled.stats()["recordings"] == before


@pytest.mark.parametrize("form", FORMS)
def test_new_ways_inside_a_loop(form):
    """Three loops: each step of the outermost goes other ways."""
    points = POINTS[:3]  # where the last digits of a sum do not matter

    def total(f, scan):
        return lambda a, b: scan(lambda c, x: (np.sin(f(c + a, b * x)), c), a, np.array([1.0, 0.5]))

    def gradients(f, scan):
        return total(lambda a, b: cd.grad(f)(a, b), scan)

    for wrap in (total, gradients):
        want = wrap(plain(form), python_scan)
        f = wrap(recorded(form), cd.scan)
        compiled = cd.compile(f)
        for point in points:
            for got in (f(*point), compiled(*point)):
                np.testing.assert_allclose(got[0], want(*point)[0], rtol=1e-9)
    down = cd.grad(lambda a, b: total(recorded(form), cd.scan)(a, b)[0], argnums=(0, 1))
    want = cd.grad(lambda a, b: total(plain(form), python_scan)(a, b)[0], argnums=(0, 1))
    compiled = cd.compile(down)
    for point in points:
        np.testing.assert_allclose(down(*point), want(*point), rtol=1e-8)
        np.testing.assert_allclose(compiled(*point), want(*point), rtol=1e-8)


@pytest.mark.parametrize("form", FORMS)
def test_new_ways_at_many_points(form):
    a, b = np.array(POINTS).T
    f = recorded(form)
    for g, point in ((f, plain(form)), (cd.grad(f), cd.grad(plain(form)))):
        want = np.array([point(*p) for p in POINTS])
        compiled = cd.compile(cd.vmap(g))
        for many in (cd.vmap(g), compiled, compiled):
            np.testing.assert_allclose(many(a, b), want, rtol=1e-9)
            np.testing.assert_allclose(many(a[::-1], b[::-1]), want[::-1], rtol=1e-9)


def test_a_decision_by_nothing_but_values_from_outside():
    """The new way depends on a value of the call that no program of the loop reads."""

    def f(a, b):
        def inner(c, x):
            if c > 1.0:
                return (c * 0.5, c) if b > 0.3 else (np.cos(c), c)
            return c + a * x, c

        return cd.scan(inner, a, ROWS)[0]

    compiled = cd.compile(f)
    assert compiled(0.1, 0.5) == f(0.1, 0.5)
    for point in [(2.0, 0.2), (2.0, 0.5), (1.5, 0.1), (0.1, 0.1)]:
        inside = cd.grad(lambda s, p=point: s * s * compiled(*p))(1.0)  # depths are others here
        np.testing.assert_allclose([compiled(*point), inside / 2.0], f(*point), rtol=1e-12)
    before = compiled.stats()["recordings"]
    for point in [(2.0, 0.2), (2.0, 0.5), (0.1, 0.7)]:
        np.testing.assert_allclose(compiled(*point), f(*point), rtol=1e-12)
    assert compiled.stats()["recordings"] == before


def test_an_error_for_a_value_of_another_call():
    """The way that is taken late raises an error for what was outside when it was recorded."""

    def f(a, b):
        def inner(c, x):
            if c > 1.0:
                if b < 0.0:
                    raise ValueError("b is negative")
                return c * b, c
            return c + a * x, c

        return cd.scan(inner, a, ROWS)[0]

    compiled = cd.compile(f)
    assert compiled(0.1, -1.0) == f(0.1, -1.0)
    assert compiled(2.0, 0.5) == f(2.0, 0.5)
    with pytest.raises(ValueError, match="b is negative"):
        compiled(2.0, -1.0)


def test_a_loop_whose_steps_alternate():
    """Single steps where a loop inside goes ways of its own, the rest in one go."""

    def f(a, b):
        def outer(c, x):
            t = np.cos(c * b)

            def inner(d, y):
                return (d * 0.5 + t, d) if y * x > 0.5 else (d + a * y, d)

            return cd.scan(inner, c, ROWS)

        return cd.scan(outer, a, np.tile([1.0, -1.0, -1.0], 20))[0]

    def python(a, b):
        c = a
        for x in np.tile([1.0, -1.0, -1.0], 20):
            t = np.cos(c * b)
            for y in ROWS:
                c = c * 0.5 + t if y * x > 0.5 else c + a * y
        return c

    for g in (f, cd.compile(f)):
        np.testing.assert_allclose(g(0.3, 0.4), python(0.3, 0.4), rtol=1e-12)
    got = cd.compile(cd.grad(f))(0.3, 0.4)
    np.testing.assert_allclose(got, cd.grad(python)(0.3, 0.4), rtol=1e-9)


def test_a_loop_from_a_file_asks_the_function():
    """It has no program for its new way, and the fallback has."""

    def f(a, b):
        return cd.scan(lambda c, x: (c * b if c > 1.0 else c + a * x, c), a, ROWS)[0]

    compiled, file = cd.compile(f), io.BytesIO()
    compiled(0.1, 0.5)
    compiled.save(file)
    loaded = cd.load(io.BytesIO(file.getvalue()), fallback=f)
    assert loaded(0.1, 0.5) == f(0.1, 0.5)
    assert loaded(2.0, 0.5) == f(2.0, 0.5)
    np.testing.assert_allclose(cd.grad(loaded)(2.0, 0.5), cd.grad(f)(2.0, 0.5))
    without = cd.load(io.BytesIO(file.getvalue()))
    for call in (without, cd.grad(without)):
        with pytest.raises(LookupError, match="decisions are not those"):
            call(2.0, 0.5)
