"""Large arrays whose memory a sweep uses again: what users hold never changes, nothing is lost.

A saved copy that dies with the graph becomes the cotangent's memory, and structural rules compute
in the memory of their own intermediate values. The oracle is NumPy, by hand; what must not happen
is a changed operand, a shared gradient, or a second sweep through memory that is not what it was.
"""

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp

SIZE = 40_003  # above the size from which memory is used again (32768)
RANDOM = np.random.default_rng(11)
X = RANDOM.uniform(0.5, 1.5, SIZE)
Y = RANDOM.uniform(0.5, 1.5, SIZE)
G = RANDOM.uniform(0.5, 1.5, SIZE)


def leaf(x=X):
    return cd.array(x, requires_grad=True)


# Functions of a leaf and a plain array, and their gradients for the cotangent g.
WITH_ARRAY = {
    "x * y": (lambda x, y: x * y, lambda x, y, g: g * y),
    "y * x": (lambda x, y: y * x, lambda x, y, g: g * y),
    "x / y": (lambda x, y: x / y, lambda x, y, g: g / y),
    "y / x": (lambda x, y: y / x, lambda x, y, g: -g * y / x**2),
    "x ** y": (lambda x, y: x**y, lambda x, y, g: g * y * x ** (y - 1)),
    "arctan2": (lambda x, y: cnp.arctan2(x, y), lambda x, y, g: g * y / (x * x + y * y)),
    "twice": (lambda x, y: (x * y) * y, lambda x, y, g: g * y * y),
    "shared": (lambda x, y: x * y + x / y, lambda x, y, g: g * y + g / y),
    "squared": (lambda x, y: (x * y) * (x * y), lambda x, y, g: 2 * g * x * y * y),
    "broadcast": (
        lambda x, y: (x[None] * y[None])[0] + x * y[0],
        lambda x, y, g: g * y + g * y[0],
    ),
}


@pytest.mark.parametrize("name", WITH_ARRAY)
def test_products_with_plain_arrays(name):
    f, gradient = WITH_ARRAY[name]
    x, y, g = leaf(), Y.copy(), G.copy()
    expected = gradient(X, Y, G)
    out = f(x, y)
    before = out.numpy().copy()
    y *= 7.0  # the graph has a copy of its own
    out.backward(g)
    np.testing.assert_allclose(x.grad, expected, rtol=1e-14)
    np.testing.assert_array_equal(g, G)
    np.testing.assert_array_equal(out.numpy(), before)
    np.testing.assert_array_equal(x.numpy(), X)
    for other in (g, y, out.numpy(), x.numpy()):
        assert not np.shares_memory(x.grad.numpy(), other)


@pytest.mark.parametrize("name", WITH_ARRAY)
def test_a_graph_that_is_kept_keeps_its_memory(name):
    f, gradient = WITH_ARRAY[name]
    x = leaf()
    out = f(x, Y.copy())
    out.backward(G, retain_graph=True)
    out.backward(G, retain_graph=True)
    np.testing.assert_allclose(x.grad, 2 * gradient(X, Y, G), rtol=1e-14)
    out.backward(G)
    np.testing.assert_allclose(x.grad, 3 * gradient(X, Y, G), rtol=1e-14)
    with pytest.raises(RuntimeError, match=r"freed|retain_graph"):
        out.backward(G)


def test_a_part_of_two_results():
    x, y = leaf(), Y.copy()
    z = x * y
    first, second = (z * 2.0).sum(), (z * z).sum()
    first.backward(retain_graph=True)
    second.backward()
    np.testing.assert_allclose(x.grad, 2 * Y + 2 * X * Y * Y, rtol=1e-13)
    x.zero_grad()
    z = x * y
    first, second = (z * 2.0).sum(), (z * z).sum()
    first.backward()
    with pytest.raises(RuntimeError, match=r"freed|retain_graph"):
        second.backward()


def test_an_array_that_others_hold_is_left_alone():
    x, y = leaf(), cd.array(Y)
    (x * y).backward(G)
    np.testing.assert_array_equal(y.numpy(), Y)
    w = cd.array(Y)
    x.zero_grad()
    out = x * w
    seen = w[:]
    del w
    out.backward(G)
    np.testing.assert_array_equal(seen.numpy(), Y)
    np.testing.assert_allclose(x.grad, G * Y, rtol=1e-15)


def test_an_error_midway_leaves_the_graph_whole():
    fails = True

    @cd.custom_vjp
    def halves(x):
        return x * 0.5

    def back(_, g):
        if fails:
            raise ZeroDivisionError
        return (g * 0.5,)

    halves.defvjp(lambda x: (x * 0.5, None), back)
    x = leaf()
    out = halves(x) * Y.copy()
    with pytest.raises(ZeroDivisionError):
        out.backward(G)
    assert x.grad is None
    fails = False
    out.backward(G)
    np.testing.assert_allclose(x.grad, 0.5 * G * Y, rtol=1e-14)


@pytest.mark.parametrize("order", [1, -1])
def test_inner_products(order):
    x, y = leaf(), Y.copy()
    out = cnp.dot(*(x, y)[::order])
    np.testing.assert_allclose(out.item(), X @ Y, rtol=1e-13)
    out.backward(3.0, retain_graph=True)
    np.testing.assert_allclose(x.grad, 3 * Y, rtol=1e-15)
    out.backward(1.0)
    np.testing.assert_allclose(x.grad, 4 * Y, rtol=1e-15)
    assert x.grad.shape == X.shape
    np.testing.assert_array_equal(y, Y)
    both = cnp.dot(x, x) + cnp.dot(x, y)
    x.zero_grad()
    both.backward()
    np.testing.assert_allclose(x.grad, 2 * X + Y, rtol=1e-14)


def _softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


# Functions by structural rules that compute in place, and their gradients for the cotangent 2.
REDUCED = {
    "norm": (cnp.linalg.norm, lambda x: 2 * x / np.sqrt(np.sum(x * x))),
    "logsumexp": (cd.logsumexp, lambda x: 2 * _softmax(x)),
    "max": (cnp.max, lambda x: 2.0 * (x == x.max()) / np.sum(x == x.max())),
    "var": (cnp.var, lambda x: 4 * (x - x.mean()) / x.size),
    "std": (cnp.std, lambda x: 2 * (x - x.mean()) / (x.size * x.std())),
    "sum of squares": (lambda x: cnp.sum(x * x), lambda x: 4 * x),
    "reshaped": (lambda x: cnp.sum(cnp.exp(cnp.reshape(x, (1, -1)))), lambda x: 2 * np.exp(x)),
}


@pytest.mark.parametrize("name", REDUCED)
def test_rules_that_compute_in_place(name):
    f, gradient = REDUCED[name]
    x = leaf()
    out = f(x)
    out.backward(2.0, retain_graph=True)
    np.testing.assert_allclose(x.grad, gradient(X), rtol=1e-12, atol=1e-18)
    np.testing.assert_array_equal(x.numpy(), X)
    out.backward(2.0)
    np.testing.assert_allclose(x.grad, 2 * gradient(X), rtol=1e-12, atol=1e-18)
    found = cd.grad(f)(X)
    np.testing.assert_allclose(found, gradient(X) / 2, rtol=1e-12, atol=1e-18)
    tangent = cd.jvp(f, (X,), (Y,))[1]
    np.testing.assert_allclose(tangent, gradient(X) @ Y / 2, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("shape", [(200, 300), (300, 200), (7, 6000), (1, 50_000)])
def test_gradients_through_views_are_arrays_of_their_own(shape):
    data = RANDOM.uniform(0.5, 1.5, shape)
    x = leaf(data)
    g = RANDOM.uniform(0.5, 1.5, shape[::-1])
    out = x.T * 2.0
    out.backward(g)
    np.testing.assert_array_equal(x.grad, 2 * g.T)
    x.zero_grad()
    flat = cnp.reshape(x, (-1,))
    flat.backward(g.ravel())
    kept = g.copy()
    x.grad *= 2.0
    np.testing.assert_array_equal(g, kept)
    np.testing.assert_array_equal(x.grad, 2 * kept.reshape(shape))
    x.zero_grad()
    cnp.sum(cnp.reshape(cnp.exp(x), (-1,)) * 3.0).backward()
    first = x.grad
    first += 1.0
    np.testing.assert_allclose(x.grad, 3 * np.exp(data) + 1.0, rtol=1e-14)
    np.testing.assert_array_equal(x.numpy(), data)


def test_a_cotangent_that_goes_two_ways():
    """What shares memory is shown read-only, and no longer shares it once it is written to."""
    a, b = leaf(), leaf(Y)
    seed = cd.array(G)
    out = cnp.reshape(a, (1, -1)) + cnp.reshape(b, (1, -1))
    cnp.reshape(out, (-1,)).backward(seed)
    assert not any(one.numpy().flags.writeable for one in (a.grad, b.grad, seed))
    a.grad *= 2.0
    b.grad[0] = b.grad[0]
    for one, other in ((a.grad, b.grad), (a.grad, seed), (b.grad, seed)):
        assert not np.shares_memory(one.numpy(), other.numpy())
    np.testing.assert_array_equal(seed.numpy(), G)
    np.testing.assert_array_equal(b.grad, G)
    np.testing.assert_array_equal(a.grad, 2 * G)
    a.zero_grad()
    cnp.reshape(a, (1, -1)).backward(cnp.reshape(seed, (1, -1)))
    a.grad += 1.0
    assert not np.shares_memory(a.grad.numpy(), seed.numpy())
    np.testing.assert_array_equal(seed.numpy(), G)


@pytest.mark.parametrize("name", ["norm", "logsumexp", "max", "var"])
def test_tangents_leave_their_operands_alone(name):
    reduce, gradient = REDUCED[name]
    constant = cd.array(Y)

    def f(x):
        return reduce(x * 1.0) + reduce(x) + cnp.sum(x * x) + reduce(constant * x)

    tangent = cd.jvp(f, (cd.array(X),), (cd.array(G),))[1]
    expected = gradient(X) @ G + 2 * X @ G + gradient(X * Y) / 2 @ (Y * G)
    np.testing.assert_allclose(tangent, expected, rtol=1e-10)
    np.testing.assert_array_equal(constant.numpy(), Y)


def test_contributions_of_different_shapes():
    x = leaf()
    out = cnp.sum(x * Y) + 5.0 * cnp.sum(x) + cnp.sum(x) ** 2
    out.backward()
    np.testing.assert_allclose(x.grad, Y + 5.0 + 2 * X.sum(), rtol=1e-13)


@pytest.mark.parametrize("size", [1, 7, 8, 63, 511, 512, 513, 40_001])
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_select_by_masks(size, dtype):
    mask = RANDOM.uniform(size=2 * size) > 0.5
    a, b = RANDOM.uniform(size=(2, size)).astype(dtype)
    for m in (mask[:size], mask[::2], mask[size - 1 :: -1]):
        for fallback in (b, b[:1]):
            x = leaf(a)
            out = cnp.where(m, x, fallback)
            np.testing.assert_array_equal(out.numpy(), np.where(m, a, fallback))
            out.backward(b)
            np.testing.assert_array_equal(x.grad, np.where(m, b, 0))
    poles = np.where(mask[:size], 1.0, np.nan)
    np.testing.assert_array_equal(
        cnp.where(mask[:size], leaf(poles), 2.0).numpy(), np.where(mask[:size], 1.0, 2.0)
    )
