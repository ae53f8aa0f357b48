"""`checkpoint`: nothing changes but the memory that is kept, and how often the function is run."""

import gc
import weakref

import numpy as np
import pytest

import cdiff as cd

X = np.array([0.3, -0.7, 1.1])


def layer(x, scale=1.0):
    return np.tanh(np.sin(x) * x * scale) + 0.1 * x


def deciding(x, scale=1.0):
    return np.exp(x * scale) if np.sum(x) > 0.5 else np.sin(x) * scale


def network(f):
    def function(x, s):
        y = f(f(x, scale=s), s)
        return np.sum(y * y) + s * np.sum(f(x))

    return function


TRANSFORMATIONS = {
    "value": lambda f: f,
    "grad": lambda f: cd.grad(f, argnums=(0, 1)),
    "hessian": cd.hessian,
    "jacfwd": lambda f: cd.jacfwd(f, argnums=1),
    "jvp": lambda f: lambda x, s: cd.jvp(f, (x, s), (np.ones(3), 0.5)),
    "third": lambda f: cd.grad(cd.grad(cd.grad(f, 1), 1), 1),
    "hvp": lambda f: lambda x, s: cd.hvp(lambda y: f(y, s), (x,), (np.ones(3),)),
    "in a loop": lambda f: cd.grad(lambda x, s: cd.fori_loop(0, 3, lambda i, c: f(x * c, s), s)),
}


def close(got, expected):
    if isinstance(expected, tuple):
        for g, e in zip(got, expected, strict=True):
            close(g, e)
        return
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("f", [layer, deciding])
@pytest.mark.parametrize("what", TRANSFORMATIONS)
def test_derivatives_stay_the_same(what, f, depth, compiled):
    checked = cd.checkpoint(f)
    whole = network(checked) if depth == 1 else cd.checkpoint(network(checked))
    got, expected = TRANSFORMATIONS[what](whole), TRANSFORMATIONS[what](network(f))
    got = cd.compile(got) if compiled else got
    for x, s in ((X, 0.8), (-X, 1.2), (X * 2.0, 0.3)):
        close(got(x, s), expected(x, s))


def test_backward_and_values_from_outside():
    a, b = cd.array(X, requires_grad=True), cd.array(2.0, requires_grad=True)

    @cd.checkpoint
    def f(x):
        return np.sum(np.sin(x) * b)

    f(a).backward()
    close(a.grad.numpy(), np.cos(X) * 2.0)
    close(b.grad.item(), np.sum(np.sin(X)))
    inner = lambda a: cd.jvp(cd.checkpoint(lambda x: x * a), (1.5,), (1.0,))[1]
    assert cd.grad(inner)(3.0) == 1.0
    outer = lambda a: cd.checkpoint(lambda x: np.sin(x) * a)(1.5)
    assert cd.jvp(outer, (3.0,), (1.0,))[1] == pytest.approx(np.sin(1.5))
    same = lambda a: cd.checkpoint(lambda x: a)(1.5)
    assert cd.grad(same)(3.0) == 1.0 and cd.jvp(same, (3.0,), (1.0,))[1] == 1.0


def test_containers_and_results_without_derivative():
    @cd.checkpoint
    def f(p, flag, *, k=2):
        return {"y": p["a"] * k, "n": 7, "i": np.argmax(p["a"]), "name": flag}

    def total(a):
        out = f({"a": a}, "here", k=3)
        assert out["n"] == 7 and out["name"] == "here" and int(out["i"]) == 2
        return np.sum(out["y"])

    assert cd.grad(total)(X).tolist() == [3.0] * 3
    assert f({"a": X}, "x")["y"].tolist() == (X * 2).tolist()


@pytest.mark.memory
def test_less_memory_is_kept():
    """A chain of long blocks: what a block computes inside is not kept for the sweep."""
    n, blocks, steps = 2000, 12, 12

    def block(x):
        for _ in range(steps):
            x = np.sin(x) * 1.01
        return x

    def chain(f):
        def function(x):
            for _ in range(blocks):
                x = f(x)
            return np.sum(x)

        return function

    x = np.linspace(0, 1, n)
    close(cd.grad(chain(cd.checkpoint(block)))(x), cd.grad(chain(block))(x))
    without, checked = graph_bytes(chain(block), x), graph_bytes(chain(cd.checkpoint(block)), x)
    assert without > 8 * n * blocks * steps
    assert checked < without / 4


def graph_bytes(f, x):
    """What the graph of a function holds: all that comes back when it is freed."""
    a = cd.array(x, requires_grad=True)
    y = f(a)
    gc.collect()
    cd._core.pool_clear()
    del y
    gc.collect()
    return cd._core.pool_info()["pooled_bytes"]


def test_random_numbers_stay_the_same():
    rng = np.random.default_rng(0)
    seen = []

    @cd.checkpoint
    def noisy(x):
        seen.append(rng.normal(size=3))
        return x * seen[-1]

    gradient = cd.grad(lambda x: np.sum(noisy(x)))(X)
    assert len(seen) == 1 and gradient.tolist() == seen[0].tolist()


def test_exceptions_and_bad_input():
    with pytest.raises(TypeError, match="checkpoint"):
        cd.checkpoint(3)

    @cd.checkpoint
    def fails(x):
        raise KeyError("mine")

    for g in (cd.grad, lambda f: cd.grad(cd.grad(f)), lambda f: cd.compile(cd.grad(f))):
        with pytest.raises(KeyError, match="mine"):
            g(fails)(1.0)
    assert cd.grad(lambda x: x * x)(3.0) == 6.0


def test_what_it_recorded_is_freed():
    class Mark:
        pass

    marks = []

    def f(x):
        mark = Mark()
        marks.append(weakref.ref(mark))
        return cd.checkpoint(lambda y: np.sin(y) * x + (mark is None))(x)

    for g in (f, cd.grad(f), cd.grad(cd.grad(f)), cd.jacfwd(f)):
        g(0.5)
    gc.collect()
    assert all(mark() is None for mark in marks)
