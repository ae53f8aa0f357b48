"""`float(x)`, `complex(x)` and `np.asarray(x)` inside what is recorded before it is differentiated.

Loops, checkpoints, mapped functions, sparse derivatives and functions from a file record a program
first, of plain values. Where it has made a constant of a value, and that value is differentiated
afterwards, the derivative would silently lack a part: it is the same error as in eager code. Where
nothing is lost, everything works; what drops a derivative on purpose does.
"""

import io
import math

import numpy as np
import pytest

import cdiff as cd
import cdiff.integrate as cdi

pytest.importorskip("scipy.sparse")

X = np.array([0.5, 2.0, 3.0])
ONES = np.ones(3)
LOST = {
    "float": lambda x: x * float(x[0]),
    "math": lambda x: x * math.sin(x.sum()),
    "asarray": lambda x: x * np.asarray(x),
    "array": lambda x: x * np.array([x[0], x[1], x[2]]),
    "complex": lambda x: x * complex(x[1]).real,
    "nothing is left": lambda x: np.asarray(x) * 2.0,
    "assigned": lambda x: x * _assigned(x),
    "after another look": lambda x: x * x[0].item() * float(x[0]),
}
DROPPED = {
    "item": lambda x: x * x[0].item(),
    "numpy": lambda x: x * x.numpy(),
    "detach": lambda x: x * float(x[0].detach()),
    "stop_gradient": lambda x: x * cd.stop_gradient(x),
}


def _assigned(x):
    out = np.ones(3)
    out[1] = x[1]
    return out


def loaded(f):
    file = io.BytesIO()
    g = cd.compile(f)
    g(X)
    g.save(file)
    return cd.load(io.BytesIO(file.getvalue()))


def steps(f):
    return lambda x: cd.fori_loop(0, 2, lambda i, c: f(c) * 0.1, x)


def scanned(f):
    return lambda x: cd.scan(lambda c, _: (f(c) * 0.1, c.sum()), x, None, length=2)[0]


def until(f):
    return lambda x: cd.while_loop(lambda c: c.sum() > 1e-3, lambda c: f(c) * 0.1, x)


def solution(f):
    return lambda x: cdi.odeint(lambda t, y: -0.1 * f(y), x, np.array([0.0, 1.0]))[-1]


def minimum(f):
    return lambda x: cd.implicit_minimize(lambda y, x: ((y - f(x)) ** 2).sum())(ONES, x)


def grad(f, x=X):
    return cd.grad(lambda x: f(x).sum())(x)


def pushed(f):
    return cd.jvp(f, (X,), (ONES,))[1]


WAYS = {
    "checkpoint": lambda f: grad(cd.checkpoint(f)),
    "checkpoint forward": lambda f: pushed(cd.checkpoint(f)),
    "compiled checkpoint": lambda f: cd.compile(lambda x: grad(cd.checkpoint(f), x))(X),
    "vmap": lambda f: grad(cd.vmap(f), X[None]),
    "vmap forward": lambda f: cd.jvp(cd.vmap(f), (X[None],), (ONES[None],))[1],
    "loop": lambda f: grad(steps(f)),
    "loop forward": lambda f: pushed(steps(f)),
    "scan": lambda f: grad(scanned(f)),
    "while": lambda f: grad(until(f)),
    "while forward": lambda f: pushed(until(f)),
    "checkpoint of a loop": lambda f: grad(cd.checkpoint(steps(f))),
    "vmap in chunks": lambda f: grad(cd.vmap(f, chunk_size=2), np.stack([X, X, X])),
    "minimum": lambda f: grad(minimum(f)),
    "odeint": lambda f: grad(solution(f)),
    "sparse": lambda f: cd.sparse_jacobian(f)(X).toarray(),
    "loaded": lambda f: grad(loaded(f)),
    "program": lambda f: cd.programs.vjp(cd.programs.record(f, X), X),
    "program forward": lambda f: cd.programs.jvp(cd.programs.record(f, X), X),
}


@pytest.mark.parametrize("conversion", LOST)
@pytest.mark.parametrize("way", WAYS)
def test_what_would_be_lost_is_an_error(way, conversion):
    with pytest.raises(TypeError, match="would lose its derivative"):
        WAYS[way](LOST[conversion])


def test_the_line_is_named():
    with pytest.raises(TypeError, match=rf"float\(\) at {__file__}:\d+ of a tracked array"):
        grad(steps(LOST["float"]))


@pytest.mark.parametrize("drop", DROPPED)
@pytest.mark.parametrize("way", WAYS)
def test_what_is_dropped_on_purpose(way, drop):
    WAYS[way](DROPPED[drop])


def test_dropped_values():
    for drop in ("numpy", "stop_gradient"):
        np.testing.assert_array_equal(WAYS["checkpoint"](DROPPED[drop]), X)
        np.testing.assert_array_equal(WAYS["vmap"](DROPPED[drop])[0], X)
        np.testing.assert_array_equal(WAYS["sparse"](DROPPED[drop]), np.diag(X))


def test_values_that_nothing_differentiates():
    """Another argument may be looked at, and all of them without a derivative."""
    f = lambda x, a: x * float(a) * np.asarray(a)
    a = 3.0
    for g in (
        cd.checkpoint(f),
        lambda x, a: cd.vmap(f, in_axes=(0, None))(x[None], a)[0],
        lambda x, a: cd.fori_loop(0, 1, lambda i, c: (f(c[0], c[1]), c[1]), (x, a))[0],
    ):
        np.testing.assert_allclose(cd.grad(lambda x, g=g: g(x, a).sum())(X), 9.0 * ONES)
    np.testing.assert_allclose(cd.sparse_jacobian(f)(X, a).toarray(), 9.0 * np.eye(3))
    for conversion in ("float", "math", "asarray", "array", "complex", "assigned"):
        f = LOST[conversion]
        want = f(cd.array(X)).numpy()
        for g in (cd.checkpoint(f), lambda x, f=f: cd.vmap(f)(x[None])[0], loaded(f)):
            np.testing.assert_allclose(g(X), want, rtol=1e-15)
