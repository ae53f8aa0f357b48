"""Errors that come out of work which was put off, or is done by a program: they arrive, once.

A function of the user's that raises (an operator, its rule, the body of a loop) is called when a
function is recorded, when a large value that waited is looked at, in a sweep, and by programs. It
is made to raise at each of its calls in turn. Every time either that error comes out or the result
is right, and afterwards everything is as if nothing had been.
"""

import numpy as np
import pytest

import cdiff as cd
from cdiff import _core

V = np.linspace(0.2, 1.7, 40)
MANY = 200  # calls, more than any of these functions makes


class Stopped(BaseException):
    """What no `except Exception` sees."""


ERRORS = [ValueError, MemoryError, KeyboardInterrupt, Stopped, StopIteration, RecursionError]


class Fuse:
    """An operator that raises at its n-th call, in its value or in its rule."""

    def __init__(self, error):
        self.error = error
        self.left = MANY
        self.operator = cd.operator(self.value)
        self.operator.defvjp(lambda g, out, x: (self.burnt(g * np.cos(x)),))

    def burnt(self, y):
        self.left -= 1
        if self.left == 0:
            raise self.error("lit")
        return y

    def value(self, x):
        return self.burnt(np.sin(x))

    def __call__(self, x):
        return self.operator(x)


def straight(fuse, x):
    return np.sum(fuse(x * 2.0) * x)


def deciding(fuse, x):
    y = fuse(x * 2.0)
    return np.sum(y * x) if y[0] > 0.0 else np.sum(fuse(y))


def decided_before(fuse, x):
    y = fuse(x) if np.sum(x) > 0.0 else x
    return np.sum(fuse(y * 2.0) * x)


def looped(fuse, x):
    return np.sum(cd.scan(lambda c, r: (fuse(c) * r, None), x, np.arange(1.0, 4.0))[0])


def until(fuse, x):
    return np.sum(cd.while_loop(lambda c: np.sum(c * c) > 4.0, lambda c: fuse(c) * 0.7, x))


def again(fuse, x):
    return np.sum(cd.checkpoint(lambda x: fuse(x * 2.0) * x)(x))


def at_points(fuse, x):
    return np.sum(cd.vmap(lambda r: np.sum(fuse(r) * r))(x.reshape(4, 10)))


FUNCTIONS = [straight, deciding, decided_before, looped, until, again, at_points]
WAYS = {
    "eager": lambda f: f,
    "compiled": cd.compile,
    "grad": cd.grad,
    "compiled grad": lambda f: cd.compile(cd.grad(f)),
    "grad of compiled": lambda f: cd.grad(cd.compile(f)),
    "jvp": lambda f: lambda x: cd.jvp(f, (x,), (x + 1.0,))[1],
    "compiled jvp": lambda f: cd.compile(lambda x: cd.jvp(f, (x,), (x + 1.0,))[1]),
}


@pytest.fixture
def deferred():
    before = _core.set_deferred_size(4)
    yield
    _core.set_deferred_size(before)


def check_unchanged():
    """No level is taken, and nothing is recorded that should not be."""
    assert _core.depth() == 0
    assert not cd.is_tracked(cd.array(V) * 2.0)
    assert cd.is_tracked(cd.array(V, requires_grad=True) * 2.0)
    assert cd.grad(lambda x: x * x)(3.0) == 6.0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("error", ERRORS)
def test_an_error_at_any_call_comes_out(deferred, error, function, way):
    fuse = Fuse(error)
    want = WAYS[way](lambda x: function(np.sin, x))(V)
    new = lambda: WAYS[way](lambda x: function(fuse, x))
    known = new()
    fuse.left = MANY
    known(V)
    calls = MANY - fuse.left
    raised = 0
    for n in range(1, calls + 1):
        for f in (new(), known):
            fuse.left = n
            try:
                found = f(V)
            except error as caught:
                assert str(caught) == "lit"
                raised += 1
            else:
                assert fuse.left > 0 or issubclass(error, Exception)
                np.testing.assert_allclose(found, want, rtol=1e-12)
            check_unchanged()
            fuse.left = MANY
            np.testing.assert_allclose(f(V), want, rtol=1e-12)
    assert raised
