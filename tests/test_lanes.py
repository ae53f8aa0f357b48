"""Jacobians and Hessians with all directions at once.

What they give is compared with formulae, with both modes, and with the Jacobian row by row; that
they are used is seen from the length of the program, which must not grow with the directions.
"""

import numpy as np
import pytest

import cdiff as cd

RNG = np.random.default_rng(5)
A = RNG.normal(size=(40, 30))
S = RNG.normal(size=(30, 30)) + 12 * np.eye(30)
X = RNG.normal(size=30)


def layer(x):
    return np.tanh(A @ x)


@cd.custom_vjp
def clipped(x):
    return x * np.abs(x)


@cd.custom_vjp
def decided(x):
    return x * np.abs(x)


clipped.defvjp(lambda x: (clipped(x), x), lambda x, g: (2.0 * g * np.abs(x),))
# One that looks at each cotangent, as plain numbers too.
decided.defvjp(
    lambda x: (decided(x), x),
    lambda x, g: (2.0 * g * np.abs(x) * (1.0 if np.asarray(g)[0] == 0.0 else 3.0),),
)

FUNCTIONS = {
    "layer": layer,
    "convolution": lambda x: np.convolve(x, [1.0, 2.0, 3.0]) * x[0],
    "convolution of constants": lambda x: np.convolve(x, [1.0, 2.0, 3.0], "same"),
    "a rule of one's own": lambda x: clipped(A @ x),
    "elementwise": lambda x: np.sin(x) * x[::-1],
    "neighbours": lambda x: (x[1:] - x[:-1] ** 2) * x[0],
    "solve": lambda x: np.linalg.solve(S, x * x),
    "solve of a variable matrix": lambda x: np.linalg.solve(S + x[:, None], x),
    "einsum": lambda x: np.einsum("i,ij,j->ij", x, S, x),
    "reductions": lambda x: np.stack(
        [np.sin(x).sum(), (x**2).prod() ** 0.1, x.max(), np.linalg.norm(np.exp(x))]
    ),
    "matrix": lambda x: np.outer(x, x)[:5] @ S,
    "gather": lambda x: x[np.argsort(x)] * x,
    "part of it constant": lambda x: np.concatenate([np.ones(10), x, cd.stop_gradient(x)]),
    "cumulative": lambda x: np.cumsum(x * x)[::2],
}


def rows(f, x):
    """The oracle: one gradient after the other."""
    size = np.asarray(f(x)).size
    return np.stack([cd.grad(lambda x, k=k: f(x).reshape(-1)[k])(x) for k in range(size)])


@pytest.mark.parametrize("mode", ["fwd", "rev"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_compiled(name, mode):
    f = FUNCTIONS[name]
    jacobian = cd.compile(cd.jacobian(f, mode=mode))
    for x in (X, X[::-1].copy(), 2.0 * X):
        want = rows(f, x).reshape(np.shape(f(x)) + x.shape)
        np.testing.assert_allclose(jacobian(x), want, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(cd.jacobian(f, mode=mode)(x), want, rtol=1e-9, atol=1e-9)
    if name != "reductions":  # mostly numbers, for which there are no lanes
        assert len(jacobian.program) < 60


@pytest.mark.parametrize("mode", ["fwd", "rev"])
@pytest.mark.parametrize("name", ["layer", "neighbours", "solve of a variable matrix", "einsum"])
def test_derivatives_of_jacobians(name, mode):
    """In both modes, through both: the tensor of second derivatives is the same."""
    f, x = FUNCTIONS[name], X[:30]
    v = RNG.normal(size=30)

    def along(x):
        return cd.jvp(lambda x: rows_sum(f, x), (x,), (v,))[1]

    def rows_sum(f, x):
        y = f(x)
        return (y * np.cos(np.arange(y.size).reshape(y.shape))).sum()

    def through(x):
        jacobian = cd.jacobian(f, mode=mode)(x)
        weights = np.cos(np.arange(jacobian.size // 30).reshape(jacobian.shape[:-1]))
        return (jacobian * weights[..., None]).sum(tuple(range(jacobian.ndim - 1))) @ v

    want = cd.grad(along)(x)
    for got in (cd.grad(through)(x), cd.compile(cd.grad(through))(x),
                cd.jacfwd(through)(x), cd.compile(cd.jacfwd(through))(x)):  # fmt: skip
        np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-8)


def test_hessian():
    def loss(w):
        return np.log1p(np.exp(-(A @ w))).sum()

    p = 1 / (1 + np.exp(A @ X))
    want = A.T @ (A * (p * (1 - p))[:, None])
    hessian = cd.compile(cd.hessian(loss))
    for got in (cd.hessian(loss)(X), hessian(X), cd.jacrev(cd.jacrev(loss))(X),
                cd.jacrev(cd.jacfwd(loss))(X), cd.jacfwd(cd.jacfwd(loss))(X)):  # fmt: skip
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)
    assert len(hessian.program) < 60


def test_containers_and_several_arguments():
    def f(p, t):
        return {"a": A @ p["w"] + p["b"] * t, "b": t * 2.0, "c": np.zeros(3)}

    args = {"w": X, "b": np.ones(40)}, 2.0
    for mode in ("fwd", "rev"):
        transform = cd.jacobian(f, argnums=(0, 1), mode=mode)
        got = cd.compile(transform)(*args)
        np.testing.assert_allclose(got["a"][0]["w"], A)
        np.testing.assert_allclose(got["a"][0]["b"], 2.0 * np.eye(40))
        np.testing.assert_allclose(got["a"][1], np.ones(40))
        assert got["b"][1] == 2.0
        cd.tree_map(lambda x, y: np.testing.assert_array_equal(np.shape(x), np.shape(y)),
                    got, transform(*args))  # fmt: skip
        assert not np.any(got["c"][0]["w"])


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_single_precision(mode):
    x = X.astype(np.float32)
    got = cd.compile(cd.jacobian(lambda x: np.tanh(A.astype(np.float32) @ x), mode=mode))(x)
    assert got.dtype == np.float32
    want = (1 - np.tanh(A @ X) ** 2)[:, None] * A
    np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("mode", ["fwd", "rev", "auto"])
def test_products_of_plain_values(mode):
    """Large matrices go through one product, for all directions."""
    large = np.random.default_rng(0).normal(size=(70, 64)) / 8
    x = np.random.default_rng(1).normal(size=64)
    want = (1 - np.tanh(large @ x) ** 2)[:, None] * large
    f = cd.jacobian(lambda x: np.tanh(large @ x), mode=mode)
    np.testing.assert_allclose(f(x), want, rtol=1e-12)
    got = cd.jacobian(lambda p: [np.tanh(large @ p[0]) * p[1], p[1]], mode=mode)([x, np.ones(70)])
    np.testing.assert_allclose(got[0][0], want, rtol=1e-12)
    np.testing.assert_allclose(got[0][1], np.diag(np.tanh(large @ x)), rtol=1e-12)
    np.testing.assert_allclose(got[1][1], np.eye(70))
    np.testing.assert_allclose(
        cd.hessian(lambda x: (np.tanh(large @ x) ** 2).sum())(x),
        cd.jacrev(lambda x: 2 * (np.tanh(large @ x) * (1 - np.tanh(large @ x) ** 2)) @ large)(x),
    )


@pytest.mark.parametrize("rule", [clipped, decided])
def test_rules_of_ones_own(rule):
    """Directions that differ in what a rule decides are not taken at once."""
    large = np.random.default_rng(0).normal(size=(70, 64)) / 8
    x = np.random.default_rng(1).normal(size=64)
    want = 2.0 * np.abs(large @ x)[:, None] * large
    want[0] *= 3.0 if rule is decided else 1.0
    f = cd.jacrev(lambda x: rule(large @ x))
    for jacobian in (f, cd.compile(f), lambda x: cd.vmap(f)(x[None])[0]):
        np.testing.assert_allclose(jacobian(x), want, rtol=1e-12)


def test_inside_vmap():
    xs = RNG.normal(size=(4, 30))
    for mode in ("fwd", "rev"):
        got = cd.vmap(cd.jacobian(layer, mode=mode))(xs)
        np.testing.assert_allclose(got, np.stack([rows(layer, x) for x in xs]), rtol=1e-10)
        compiled = cd.compile(cd.vmap(cd.jacobian(layer, mode=mode)))
        np.testing.assert_allclose(compiled(xs), got, rtol=1e-12)


# ------------------------------------------------------------------ transformations in each other

# Of sum(sin(W x + b)), for which all derivatives are formulae.  A recording of all directions that
# was made at the level of an inner derivative took the nodes of that for its own, without `b`.


def wave(n):
    rng = np.random.default_rng(n)
    w, b = rng.normal(size=(n, n)) / np.sqrt(n), rng.normal(size=n)
    return w, b, rng.normal(size=n), rng.normal(size=n)


def hessian_of_wave(w, b, x):
    return w.T @ (-np.sin(w @ x + b)[:, None] * w)


WAYS = {
    "hessian": cd.hessian,
    "fwd of rev": lambda f: cd.jacfwd(cd.jacrev(f)),
    "rev of rev": lambda f: cd.jacrev(cd.jacrev(f)),
    "rev of fwd": lambda f: cd.jacrev(cd.jacfwd(f)),
    "fwd of fwd": lambda f: cd.jacfwd(cd.jacfwd(f)),
    "of the gradient": lambda f: cd.jacobian(cd.grad(f)),
}
STATES = {"eager": lambda f: f, "compiled": cd.compile}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("n", [12, 63, 64, 90])
def test_hessians_of_a_layer_with_a_constant(way, n, state):
    w, b, x, _ = wave(n)
    for f in (lambda x: np.sum(np.sin(w @ x + b)), lambda x: np.sum(np.sin(b + x @ w.T))):
        got = STATES[state](WAYS[way](f))(x)
        np.testing.assert_allclose(got, hessian_of_wave(w, b, x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n", [12, 40, 70])
def test_third_derivatives_of_a_layer_with_a_constant(n):
    w, b, x, v = wave(n)
    f = lambda x: np.sum(np.sin(w @ x + b))
    third = -np.cos(w @ x + b) * (w @ v) ** 2 @ w  # along v twice
    got = cd.grad(lambda x: v @ cd.hessian(f)(x) @ v)(x)
    np.testing.assert_allclose(got, third, rtol=1e-9, atol=1e-9)
    got = cd.jvp(cd.hessian(f), (x,), (v,))[1] @ v
    np.testing.assert_allclose(got, third, rtol=1e-9, atol=1e-9)
    got = v @ (v @ cd.jacobian(cd.jacobian(lambda x: w.T @ np.cos(w @ x + b)))(x))
    np.testing.assert_allclose(got, third, rtol=1e-9, atol=1e-9)
    got = cd.jacobian(lambda x: cd.jacobian(lambda x: np.sin(w @ x + b))(x) @ v)(x)
    want = -np.sin(w @ x + b)[:, None] * (w @ v)[:, None] * w
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)


def test_directions_through_a_pullback_that_is_kept():
    w, b, x, v = wave(70)
    pull = cd.vjp(lambda x: np.sin(w @ x + b), x)[1]
    want = np.cos(w @ x + b)[:, None] * w
    np.testing.assert_allclose(cd.jacobian(lambda g: pull(g)[0])(v), want.T, rtol=1e-12)


@pytest.mark.parametrize("n", [12, 70])
def test_directions_through_loops_in_rules(n):
    w, b, x, _ = wave(n)

    @cd.custom_vjp
    def layer(x):
        return np.sin(w @ x + b)

    def scanned(r, g):
        return cd.scan(lambda c, row: (c, np.cos(row[0]) * row[1]), 0.0, (r, g))[1] @ w

    def kept(r, g):
        return cd.checkpoint(lambda r, g: np.cos(r + b - b) * g)(r, g) @ w

    for pull in (scanned, kept):
        layer.defvjp(
            lambda x: (np.sin(w @ x + b), w @ x + b),
            lambda r, g, pull=pull: (pull(r, g),),
        )
        for mode in (cd.jacrev, cd.jacfwd):
            got = mode(cd.grad(lambda x: np.sum(layer(x + b - b))))(x)
            np.testing.assert_allclose(got, hessian_of_wave(w, b, x), rtol=1e-9, atol=1e-9)


LOOPS = {
    "scan": lambda x, w: cd.scan(lambda c, row: (c, np.sin(row)), 0.0, w @ x)[1],
    "scan of arrays": lambda x, w: cd.scan(
        lambda c, row: (np.tanh(c + row * x), None), np.zeros(len(x)), w @ x
    )[0],
    "fori_loop": lambda x, w: cd.fori_loop(0, 3, lambda i, c: np.sin(w @ c), x),
    "while_loop": lambda x, w: cd.while_loop(
        lambda c: c[0] < 3.0, lambda c: (c[0] + 1.0, np.sin(c[1]) + x), (0.0, x)
    )[1],
    "checkpoint": lambda x, w: cd.checkpoint(lambda x: np.sin(w @ x))(x),
    "loop in a loop": lambda x, w: cd.fori_loop(
        0, 2, lambda i, c: cd.scan(lambda d, row: (d, np.sin(row)), 0.0, w @ c)[1], x
    ),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("n", [9, 70])
@pytest.mark.parametrize("name", LOOPS)
def test_cotangents_of_all_entries_through_loops(name, n, state):
    """A sweep of all at once handed a loop its cotangent as a constant, which was zero."""
    w, _, x, v = wave(n)
    f = lambda x: LOOPS[name](x, w)
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    run = STATES[state]
    want = np.stack([cd.grad(lambda x, k=k: f(x)[k])(x) for k in range(n)])
    close(run(cd.jacrev(f))(x), want)
    close(run(cd.jacfwd(f))(x), want)
    slope = lambda x: v @ f(x)
    want = np.stack([cd.hvp(slope, (x,), (e,)) for e in np.eye(n)])
    for second in (cd.jacrev, cd.jacfwd):
        close(run(second(cd.grad(slope)))(x), want)
    along = lambda x: v @ cd.jacrev(f)(x) @ np.ones(n)
    close(run(cd.grad(along))(x), np.ones(n) @ want)
