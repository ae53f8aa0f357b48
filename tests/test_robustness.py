"""Very long, very wide and leaked graphs: right answers, never a crash."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp


def fine():
    """Is the state of this thread as it should be?"""
    x = cd.array(3.0, requires_grad=True)
    assert cd.is_tracked(x * x)
    assert cd.grad(lambda u: u * u)(3.0) == 6.0
    assert cd.grad(cd.grad(cd.grad(lambda u: u**3)))(3.0) == 6.0
    np.testing.assert_array_equal(cd.grad(lambda u: (u * u).sum())(np.ones(3)), [2.0] * 3)
    (x * x).backward()
    assert x.grad.item() == 6.0


# ------------------------------------------------------------------ long chains


@pytest.mark.parametrize("retain", [False, True])
def test_a_chain_of_a_million_scalars(retain):
    x = cd.array(1.0, requires_grad=True)
    y = x
    for _ in range(1_000_000):
        y = y + 1e-6
    y.backward(retain_graph=retain)
    assert x.grad.item() == 1.0
    del y
    fine()


def test_a_chain_of_a_million_scalars_inside_grad():
    def f(x):
        for _ in range(1_000_000):
            x = x * 1.000001
        return x

    assert cd.grad(f)(1.0) == pytest.approx(np.exp(1.0), rel=1e-5)


def test_a_chain_that_is_only_dropped():
    y = cd.array(1.0, requires_grad=True)
    for _ in range(1_000_000):
        y = -y
    del y
    fine()


CHAINS = {
    "multiply": lambda y, x: y * 1.0,
    "two operands": lambda y, x: y + x,
    "slice": lambda y, x: y[::-1],
    "gather": lambda y, x: y[[2, 1, 0]],
    "reshape": lambda y, x: y.reshape(3, 1).reshape(3),
    "where": lambda y, x: cnp.where(x > 0, y, x),
    "concatenate": lambda y, x: cnp.concatenate([y[:1], x[1:2], y[2:]]),
    "index_set": lambda y, x: cd._core.index_set(y, 0, x[0]),
    "sum": lambda y, x: y.sum() * x,
    "matmul": lambda y, x: cd._core.matmul(np.eye(3), y),
    "cast": lambda y, x: y.astype(np.float32).astype(float),
}


@pytest.mark.parametrize("kind", CHAINS)
def test_a_chain_of_arrays(kind):
    step, start = CHAINS[kind], np.array([0.1, 0.2, 0.3])
    x = cd.array(start, requires_grad=True)

    def chain(n):
        y = x
        for _ in range(n):
            y = step(y, x)
        return y

    n = 20_000 if kind in ("concatenate", "gather") else 100_000
    y = chain(n if kind != "sum" else 1000)
    y.backward()
    assert x.grad.shape == (3,)
    del y
    x.zero_grad()
    y = chain(10)
    y.backward()
    expected = cd.elementwise_grad(lambda u: [v := u] + [v := step(v, u) for _ in range(10)])
    last = expected(start) - cd.elementwise_grad(
        lambda u: [v := u] + [v := step(v, u) for _ in range(9)]
    )(start)
    np.testing.assert_allclose(x.grad.numpy(), last, rtol=1e-5, atol=1e-12)
    del y
    chain(n)
    fine()


def test_a_chain_of_second_derivatives():
    def f(x):
        for _ in range(3000):
            x = cnp.sin(x)
        return x

    assert np.isfinite(cd.grad(cd.grad(f))(1.0))
    assert np.isfinite(cd.hessian(lambda x: f(x).sum())(np.ones(2))).all()


def test_a_chain_of_nodes_and_ndarrays():
    y = cd.array(np.ones(3))
    for _ in range(200_000):
        y = cd.array(y.numpy(), copy=False)
    del y
    fine()


def test_a_chain_of_forward_mode():
    def f(x):
        for _ in range(300_000):
            x = x * 1.000001
        return x

    value, tangent = cd.jvp(f, (1.0,), (1.0,))
    assert value == pytest.approx(tangent)


# ------------------------------------------------------------------ wide graphs


N_WIDE = 100_000


def test_one_node_used_many_times():
    x = cd.array(2.0, requires_grad=True)
    y = x * x
    total = cd.array(0.0)
    for _ in range(N_WIDE):
        total = total + y
    total.backward()
    assert x.grad.item() == 4.0 * N_WIDE


def test_one_array_used_many_times():
    x = cd.array([1.0, 2.0], requires_grad=True)
    y = x * x
    total = 0.0
    for _ in range(N_WIDE):
        total = total + y
    total.backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.array([2.0, 4.0]) * N_WIDE)


@pytest.mark.parametrize(
    "join",
    [
        cnp.stack,
        cnp.array,
        cd.array,
        lambda parts: cnp.concatenate([p.reshape(1) for p in parts]),
        lambda parts: sum(parts) * cnp.ones(1),
    ],
)
def test_many_scalars_joined(join):
    x = cd.array(2.0, requires_grad=True)
    y = join([x * w for w in range(N_WIDE)])
    y.sum().backward()
    assert x.grad.item() == N_WIDE * (N_WIDE - 1) / 2
    del y


def test_many_leaves():
    leaves = [cd.array(float(i), requires_grad=True) for i in range(N_WIDE)]
    (cnp.stack(leaves) ** 2).sum().backward()
    assert all(x.grad.item() == 2.0 * i for i, x in enumerate(leaves))
    tree = cd.grad(lambda t: sum([u * u for u in t]))([float(i) for i in range(N_WIDE)])
    assert tree == [2.0 * i for i in range(N_WIDE)]


# ------------------------------------------------------------------ leaks out of a transformation


def leaked(way):
    """A tracked value that outlived its transformation: x * x at 3."""
    out = []

    def f(x):
        y = x * x
        out.append(y)
        return y.sum()

    start = np.array([3.0, 4.0]) if way.endswith("array") else 3.0
    if way.startswith("grad of"):
        cd.grad(cd.grad(f))(3.0)
    elif way.startswith("grad"):
        cd.grad(f)(start)
    elif way.startswith("vjp"):
        cd.vjp(f, start)
    elif way.startswith("jvp of"):
        cd.jvp(lambda x: cd.jvp(f, (x,), (1.0,))[1], (3.0,), (1.0,))
    elif way.startswith("hvp"):
        cd.hvp(f, (start,), (start,))
    else:
        cd.jvp(f, (start,), (start,))
    return out[0]


USES = {
    "grad": lambda leak: cd.grad(lambda u: (u * leak).sum())(5.0),
    "jvp": lambda leak: np.sum(cd.jvp(lambda u: u * leak, (5.0,), (1.0,))[1]),
    "jvp of grad": lambda leak: cd.jvp(cd.grad(lambda u: (u * u * leak / 2).sum()), (5.0,), (1.0,))[
        1
    ],
    "hessian": lambda leak: cd.hessian(lambda u: (u * u * leak / 2).sum())(5.0),
    "jacobian": lambda leak: np.sum(cd.jacobian(lambda u: u * leak, mode="fwd")(5.0)),
    "linearize": lambda leak: np.sum(cd.linearize(lambda u: u * leak, 5.0)[1](1.0)),
    "grad of jvp": lambda leak: cd.grad(
        lambda u: cd.jvp(lambda w: (w * w * leak / 2).sum(), (u,), (1.0,))[1]
    )(5.0),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    "way", ["grad", "grad array", "vjp", "jvp", "jvp array", "hvp", "grad of grad", "jvp of jvp"]
)
def test_a_leaked_value_is_a_constant_elsewhere(way, use):
    leak = leaked(way)
    right = 25.0 if way.endswith("array") else 9.0
    found = USES[use](leak)
    assert float(found.item() if isinstance(found, cd.Array) else found) == right
    assert leak.numpy().sum() == right
    # And used as an argument, at the same level.
    found = cd.grad(lambda u: (u * u).sum())(leak)
    np.testing.assert_array_equal(cnp.asarray(found).numpy(), 2.0 * leak.numpy())
    with pytest.raises((TypeError, RuntimeError)):
        leak.backward()
    del leak
    fine()


def test_leaks_through_generators():
    generators = []

    def f(x):
        def steps():
            y = x
            while True:
                y = y * x
                yield y

        generator = steps()
        generators.append(generator)
        return next(generator)

    assert cd.grad(f)(3.0) == 6.0
    assert cd.jvp(f, (3.0,), (1.0,)) == (9.0, 6.0)
    for generator in generators:
        assert next(generator).numpy() == 27.0
        assert cd.grad(lambda u, g=generator: u * next(g))(1.0) == 81.0
        assert cd.jvp(lambda u, g=generator: u * next(g), (1.0,), (1.0,)) == (243.0, 243.0)
    fine()


# ------------------------------------------------------------------ leaks out of a body


def in_scan(x, keep):
    return cd.scan(lambda c, z: (keep(c * z), c), x, np.ones(3) * 2.0)


def in_condition(x, keep):
    return cd.while_loop(lambda c: keep(c) < 100.0, lambda c: c * 2.0, x)


def solved(x, keep):
    return cd.custom_root(lambda z, a: keep(z - a))(x, x)


BODIES = {
    "scan": in_scan,
    "while_loop": in_condition,
    "fori_loop": lambda x, keep: cd.fori_loop(0, 3, lambda i, c: keep(c * 2.0), x),
    "checkpoint": lambda x, keep: cd.checkpoint(lambda c: keep(c * 2.0))(x),
    "vmap": lambda x, keep: cd.vmap(lambda c: keep(c * 2.0))(cnp.stack([x, x])),
    "custom_root": solved,
    "closure": lambda x, keep: cd.fori_loop(0, 3, lambda i, c: keep(c * x), 1.0),
    "nested": lambda x, keep: cd.checkpoint(lambda u: in_scan(u, keep)[0])(x),
}
AROUND = {
    "grad": lambda f: cd.grad(f)(2.0),
    "jvp": lambda f: cd.jvp(f, (2.0,), (1.0,)),
    "vjp": lambda f: cd.vjp(f, 2.0),
    "hessian": lambda f: cd.hessian(f)(2.0),
    "jacobian": lambda f: cd.jacobian(f)(2.0),
    "jacfwd": lambda f: cd.jacfwd(f)(2.0),
    "jacrev": lambda f: cd.jacrev(lambda x: cnp.stack([f(x), x]))(2.0),
    "vmap": lambda f: cd.vmap(f)(np.array([2.0, 3.0])),
    "compile": lambda f: cd.compile(f)(2.0),
    "compiled grad": lambda f: cd.compile(cd.grad(f))(2.0),
    "checkpoint": lambda f: cd.grad(cd.checkpoint(f))(2.0),
    "scan": lambda f: cd.scan(lambda c, z: (f(c), c), 2.0, np.ones(2)),
    "backward": lambda f: f(cd.array(2.0, requires_grad=True)).backward(),
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("body", BODIES)
def test_a_value_kept_by_a_body_is_refused_outside_of_it(body, around):
    # It was a constant: a derivative was lost, and a compiled function kept the first value.
    kept = []

    def keep(y):
        kept.append(y)
        return y

    def f(x):
        del kept[:]
        BODIES[body](x, keep)
        return kept[0] * x

    with pytest.raises(RuntimeError, match="return such values instead"):
        AROUND[around](f)
    assert isinstance(cd.stop_gradient(kept[0]).numpy(), (np.ndarray, np.float64))
    fine()


@pytest.mark.parametrize("around", ["grad", "jvp", "hessian", "compile", "compiled grad"])
def test_a_value_kept_by_a_derivative_keeps_its_own(around):
    def f(x):
        kept = []
        cd.grad(lambda u: (kept.append(u * 3.0), u * u)[1])(x)
        return kept[0] * x  # 3 x^2

    right = {"grad": 12.0, "jvp": (12.0, 12.0), "hessian": 6.0, "compile": 12.0}
    assert AROUND[around](f) == right.get(around, 12.0)


# ------------------------------------------------------------------ the garbage collector


def test_the_collector_may_run_anywhere():
    class Finished:
        """Uses the library while it is being destroyed, in a reference cycle."""

        def __init__(self, x):
            self.me, self.x = self, x

        def __del__(self):
            (self.x * self.x).sum().backward()
            assert cd.grad(lambda u: u * u)(3.0) == 6.0

    x = cd.array(np.ones(4), requires_grad=True)
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(100):
            Finished(x)
            value = cd.hessian(lambda u: cnp.concatenate([u, u * u]).prod())(np.ones(2))
            np.testing.assert_array_equal(value, [[6.0, 9.0], [9.0, 6.0]])
    finally:
        gc.set_threshold(*before)
    gc.collect()
    np.testing.assert_array_equal(x.grad.numpy(), np.full(4, 200.0))


def test_arrays_inside_cycles_are_collected():
    class Model:
        pass

    gc.collect()
    for _ in range(10):
        model = Model()
        model.me, model.w = model, cd.array(np.ones(1000), requires_grad=True)
        model.loss = (model.w * model.w).sum()
    del model
    assert gc.collect() > 0
    fine()
