"""Random functions under random chains of transformations: each step keeps the function (compiled,
mapped, looped, checkpointed ...) or takes a derivative of it, in one of many ways.

The oracle is the chain of plain `jvp` and `vjp`, which `test_random_transformations.py` compares
with values. Values wait from the first element on in every second chain, and loops keep few carries
in every fourth. It must not know how a function is made (see `vector_programs.py`).
"""

import random

import numpy as np
import pytest
from vector_programs import Library, Program

import cdiff as cd
import cdiff.numpy as cnp
from cdiff import _core
from cdiff._loops import _scan

SIZES = (1, 2, 3, 5, 8, 9, 17)
SEEDS = range(100)


def custom(f):
    made = cd.custom_vjp(f)
    made.defvjp(lambda x: (made(x), x), lambda x, g: cd.vjp(f, x)[1](g))
    return made


def other_custom(f):
    made = cd.custom_jvp(f)
    made.defjvp(lambda p, t: (made(p[0]), cd.jvp(f, p, t)[1]))
    return made


def looped(f):
    return lambda x: cd.while_loop(lambda p: p[1] < 1, lambda p: (f(x), p[1] + 1), (f(x), 0))[0]


def written(f):
    def g(x):
        y = f(x) * 1.0
        y[0] = 2.0 * y[0]
        y[:1] -= y[:1] * 0.5
        return y

    return g


def rows(x):
    return cnp.stack([x, 0.5 * x, 0.2 * x])


KEEPING = {
    "compile": cd.compile,
    "checkpoint": cd.checkpoint,
    "custom_vjp": custom,
    "custom_jvp": other_custom,
    "vmap": lambda f: lambda x: cd.vmap(f)(rows(x))[0],
    "vmap in chunks": lambda f: lambda x: cd.vmap(f, chunk_size=2)(rows(x))[0],
    "vmap of a constant": lambda f: lambda x: cd.vmap(lambda t: f(x) * t)(np.array([1.0, 2.0]))[0],
    "scan": lambda f: lambda x: cd.scan(lambda c, y: (c, f(y)), 0.0, rows(x))[1][0],
    "scan of carries": lambda f: lambda x: cd.scan(lambda c, _: (f(x), c), f(x), None, 3)[0],
    "while_loop": looped,
    "written": written,
    "value of jvp": lambda f: lambda x: cd.jvp(f, (x,), (x * 0.0 + 1.0,))[0],
    "value of vjp": lambda f: lambda x: cd.vjp(f, x)[0],
    "auxiliary": lambda f: lambda x: cd.grad(lambda y: ((y * y).sum(), f(y)), has_aux=True)(x)[1],
}


def step(f, x, d):
    """x + s d in the place of x, by s."""
    return lambda s: f(x + s * d)


def turned(f, d):
    """Beside complex numbers."""
    turn = lambda y: y * np.exp(1j * np.arange(len(y)))
    g = cd.compile(lambda x: cd.jvp(lambda y: turn(f(y)), (x,), (d,))[1])
    return lambda x: (g(x) * np.exp(-1j * np.arange(len(g(x))))).real


def again(take):
    """The same in the steps of a loop, which read the point from outside."""
    return lambda x: cd.scan(lambda c, _: (c, take(x)), 0.0, None, 2)[1][1]


ALONG = {
    "in a loop": lambda f, d: again(ALONG["jvp"](f, d)),
    "in a checkpoint": lambda f, d: (
        lambda x: cd.checkpoint(lambda t: cd.jvp(f, (x,), (t,))[1])(d + 0.0 * x)
    ),
    "jvp": lambda f, d: lambda x: cd.jvp(f, (x,), (d,))[1],
    "linearize": lambda f, d: lambda x: cd.linearize(f, x)[1](d),
    "compiled": lambda f, d: cd.compile(lambda x: cd.jvp(f, (x,), (d,))[1]),
    "jacfwd": lambda f, d: lambda x: cd.jacfwd(f)(x) @ d,
    "jacrev": lambda f, d: lambda x: cd.jacrev(f)(x) @ d,
    "mapped": lambda f, d: lambda x: cd.vmap(cd.linearize(f, x)[1])(np.stack([-d, d]))[1],
    "at points": lambda f, d: lambda x: cd.vmap(ALONG["jvp"](f, d))(rows(x))[0],
    "scanned": lambda f, d: (
        lambda x: cd.scan(lambda c, t: (c, cd.linearize(f, x)[1](t)), 0.0, np.stack([-d, d]))[1][1]
    ),
    "by one number": lambda f, d: lambda x: cd.jacrev(step(f, x, d))(0.0),
    "beside complex": turned,
}
BACK = {
    "in a loop": lambda f, w: again(BACK["vjp"](f, w)),
    "vjp": lambda f, w: lambda x: cd.vjp(f, x)[1](w)[0],
    "grad": lambda f, w: cd.grad(lambda x: (f(x) * w).sum()),
    "compiled": lambda f, w: cd.compile(cd.grad(lambda x: (f(x) * w).sum())),
    "jacfwd": lambda f, w: lambda x: w @ cd.jacfwd(f)(x),
    "mapped": lambda f, w: lambda x: cd.vmap(cd.vjp(f, x)[1])(np.stack([-w, w]))[0][1],
    "at points": lambda f, w: lambda x: cd.vmap(BACK["grad"](f, w))(rows(x))[0],
    "of linearize": lambda f, w: (
        lambda x: cd.grad(lambda t: (cd.linearize(f, x)[1](t) * w).sum())(x * 0.0)
    ),
}


def closing(take, f, x):
    """The derivative at a constant point of a function that reads p from outside, by p."""
    return lambda p: take(lambda y: f(0.4 * y * np.cos(p) + 0.5 * p))(x)


def chain(seed):
    """A chain for the library, the same for the oracle, a point, and what the steps are."""
    chosen, rng = random.Random(seed), np.random.default_rng(seed)
    n = chosen.choice(SIZES)
    made = Program(seed, n, chosen.randint(1, 3), heavy=False)
    f = wanted = lambda x: made.vector(Library, x)
    names, order = [made.names], 0
    for _ in range(chosen.randint(2, 5)):
        kind = chosen.choice("kkabc") if order < 3 else "k"
        order += kind != "k"
        names.append((kind, chosen.choice(list({"k": KEEPING, "b": BACK}.get(kind, ALONG)))))
        name = names[-1][1]
        if kind == "k":
            f = KEEPING[name](f)
            continue
        if kind == "b":
            w = rng.standard_normal(len(np.asarray(wanted(made.x))))
            f, wanted = BACK[name](f, w), BACK["vjp"](wanted, w)
            continue
        d = rng.standard_normal(n) / np.sqrt(n)
        ways = [lambda g, d=d, k=k: ALONG[k](g, d) for k in (name, "jvp")]
        if kind == "a":
            f, wanted = ways[0](f), ways[1](wanted)
        else:
            f, wanted = closing(ways[0], f, made.x), closing(ways[1], wanted, made.x)
    return f, wanted, made.x, names


@pytest.mark.parametrize("seed", SEEDS)
def test_chains(seed, monkeypatch):
    if seed % 4 == 0:
        monkeypatch.setattr(_scan, "KEPT_BYTES", 64)
    before = _core.set_deferred_size(0 if seed % 2 else 4096)
    try:
        f, wanted, x, names = chain(seed)
        for point in (x, x, 0.9 * x):
            expected = np.asarray(wanted(point))
            found = f(point)
            assert not cd.is_tracked(found), names
            scale = max(1.0, np.max(np.abs(expected), initial=0.0))
            assert np.shape(found) == expected.shape, names
            assert np.max(np.abs(found - expected), initial=0.0) <= 1e-8 * scale, names
    finally:
        _core.set_deferred_size(before)
