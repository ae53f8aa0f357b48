"""Gradients of what only looks at memory otherwise: who may change what, and how they lie.

NumPy is the oracle. Cotangents go through views without copies where nobody can tell; so whatever
users write into afterwards (the seed, an input, one of two gradients) must not be seen elsewhere.
"""

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp
from cdiff import _core

RANDOM = np.random.default_rng(12)
SHAPES = [(5, 4), (200, 210), (30, 40, 50)]  # the larger ones are handled in large pieces

# A function of one array, and its cotangent for the cotangent g.
HANDED_ON = {
    "reshape": (lambda x: x.reshape(-1), lambda g, x: g.reshape(x.shape)),
    "transpose": (lambda x: x.T, lambda g, x: g.T),
    "flip": (lambda x: cnp.flip(x, 0), lambda g, x: np.flip(g, 0)),
    "flip of all": (cnp.flip, lambda g, x: np.flip(g)),
    "flip of a part": (lambda x: x[:1:-1], lambda g, x: embedded(g, x)),
    "add": (lambda x: x + np.ones(x.shape), lambda g, x: g),
    "reshape of a transpose": (lambda x: x.T.reshape(-1), lambda g, x: g.reshape(x.T.shape).T),
    "concatenate": (lambda x: cnp.concatenate((np.ones(x.shape), x)), lambda g, x: g[len(x) :]),
    "stack": (lambda x: cnp.stack((x, np.ones(x.shape))), lambda g, x: g[0]),
}


def embedded(g, x):
    whole = np.zeros(x.shape)
    whole[:1:-1] = g
    return whole


# A function of a transposed array t (of the shape of w), and its slope in t.
ACROSS = {
    "t * 2": (lambda t, w: t * 2.0, lambda t, w: 2.0),
    "2 - t": (lambda t, w: 2.0 - t, lambda t, w: -1.0),
    "-t": (lambda t, w: -t, lambda t, w: -1.0),
    "t / 4": (lambda t, w: t / 4.0, lambda t, w: 0.25),
    "4 / t": (lambda t, w: 4.0 / t, lambda t, w: -4.0 / t**2),
    "square": (lambda t, w: t**2, lambda t, w: 2.0 * t),
    "sin": (lambda t, w: cnp.sin(t), lambda t, w: np.cos(t)),
    "exp": (lambda t, w: cnp.exp(t), lambda t, w: np.exp(t)),
    "t * w": (lambda t, w: t * w, lambda t, w: w),
    "w / t": (lambda t, w: w / t, lambda t, w: -w / t**2),
    "t * t": (lambda t, w: t * t, lambda t, w: 2.0 * t),
    "read twice": (lambda t, w: t * 2.0 + cnp.sin(t) * w, lambda t, w: 2.0 + np.cos(t) * w),
    "a row": (lambda t, w: t * w[0], lambda t, w: np.broadcast_to(w[0], w.shape)),
    "a constant array": (lambda t, w: t + w, lambda t, w: 1.0),
}


def multiply(a):
    a *= 3.0


# Ways to write into an array.
WRITES = {
    "all": lambda a: a.__setitem__(..., -1.0),
    "one": lambda a: a.__setitem__((0,) * a.ndim, -1.0),
    "a row": lambda a: a.__setitem__(slice(1, 2), -1.0),
    "by a mask": lambda a: a.__setitem__(a > 1.0, -1.0),
    "a view": lambda a: a.reshape(-1).__setitem__(3, -1.0),
    "a transposed view": lambda a: a.T.__setitem__(-1, -1.0),
    "in place": multiply,
    "out": lambda a: np.negative(a, out=a),
}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", HANDED_ON)
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("make", [np.array, cd.array], ids=["ndarray", "Array"])
def test_writing_into_seed_and_gradient(name, shape, write, make):
    function, pull = HANDED_ON[name]
    x = RANDOM.uniform(0.5, 1.5, shape)
    leaf = cd.array(x, requires_grad=True)
    y = function(leaf)
    seed = RANDOM.uniform(0.5, 1.5, y.shape)
    seed[..., 0] = 1.25
    expected, value = pull(seed, x).copy(), y.numpy().copy()
    g = make(seed)
    y.backward(g)
    kept = leaf.grad.numpy()  # which says that it does not change
    assert kept.flags.c_contiguous and not kept.flags.writeable
    WRITES[write](g)
    assert (np.asarray(g) != seed).any()
    changed = np.array(g)
    np.testing.assert_array_equal(leaf.grad.numpy(), expected)
    gradient = leaf.grad
    WRITES[write](gradient)
    assert (gradient.numpy() != expected).any()
    np.testing.assert_array_equal(kept, expected)
    np.testing.assert_array_equal(np.asarray(g), changed)
    np.testing.assert_array_equal(y.numpy(), value)
    np.testing.assert_array_equal(leaf.numpy(), x)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", HANDED_ON)
def test_arrays_of_users_stay_apart(name, shape):
    function, pull = HANDED_ON[name]
    x = RANDOM.uniform(0.5, 1.5, shape)
    y, pullback = cd.vjp(function, x)
    g = RANDOM.uniform(0.5, 1.5, y.shape)
    expected = pull(g, x).copy()
    (first,), (second,) = pullback(g), pullback(g)
    g[...] = np.nan
    first[...] = 7.0
    np.testing.assert_array_equal(second, expected)
    assert second.flags.c_contiguous and second.flags.writeable
    (third,) = pullback(np.ones(y.shape))
    np.testing.assert_array_equal(third, pull(np.ones(y.shape), x))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("write", WRITES)
def test_two_gradients_of_one_cotangent(shape, write):
    """A sum hands the same cotangent to both operands."""
    a, b, c = [cd.array(np.full(shape, k), requires_grad=True) for k in (1.0, 2.0, 3.0)]
    seed = cd.array(RANDOM.uniform(0.5, 1.5, shape))
    expected = seed.numpy().copy()
    (a + b + c.reshape(-1).reshape(shape)).backward(seed)
    WRITES[write](a.grad)
    np.testing.assert_array_equal(seed.numpy(), expected)
    WRITES[write](seed)
    np.testing.assert_array_equal(b.grad.numpy(), expected)
    np.testing.assert_array_equal(c.grad.numpy(), expected)
    (a + 2.0 * b).backward(b.grad)  # one that was shared as a seed
    np.testing.assert_array_equal(b.grad.numpy(), 3.0 * expected)
    np.testing.assert_array_equal(c.grad.numpy(), expected)
    ((a + b) * 2.0).backward(c.grad)
    WRITES[write](b.grad)
    np.testing.assert_array_equal(c.grad.numpy(), expected)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gradients_as_arrays_of_users_stay_apart(shape):
    x = np.ones(shape)
    first, second = cd.grad(lambda u, v: cnp.sum((u + v).T * 2.0), (0, 1))(x, x)
    first[...] = 9.0
    np.testing.assert_array_equal(second, np.full(shape, 2.0))


def test_a_seed_that_is_an_array_is_not_copied():
    """Until somebody writes to one of the two (see docs/performance.md)."""
    x = cd.array(np.ones((100, 100)), requires_grad=True)
    seed = cd.array(RANDOM.uniform(0.5, 1.5, 10_000))
    x.reshape(-1).backward(seed)
    assert np.shares_memory(x.grad.numpy(), seed.numpy())
    seed[0] = 5.0
    assert not np.shares_memory(x.grad.numpy(), seed.numpy())


@pytest.mark.parametrize(("others", "shared"), [(1, True), (2, False)])
def test_a_part_of_a_seed_is_not_copied(others, shared):
    """If it is half of it at least: a gradient keeps no more than twice its memory."""
    x = cd.array(np.ones(10_000), requires_grad=True)
    y = cnp.concatenate((x, np.ones(others * 10_000)))
    seed = cd.array(RANDOM.uniform(0.5, 1.5, y.shape))
    y.backward(seed)
    assert np.shares_memory(x.grad.numpy(), seed.numpy()) == shared
    np.testing.assert_array_equal(x.grad.numpy(), seed.numpy()[:10_000])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ACROSS)
def test_an_operand_across(name, shape):
    """Value and cotangent, whichever way the cotangent of the transposed array is computed."""
    function, slope = ACROSS[name]
    x, w = RANDOM.uniform(0.5, 1.5, shape), RANDOM.uniform(0.5, 1.5, shape[::-1])
    g = RANDOM.uniform(0.5, 1.5, shape[::-1])
    expected = (g * slope(x.T, w)).T
    leaf = cd.array(x, requires_grad=True)
    kept = leaf.T
    for transposed in (lambda: leaf.T, lambda: kept):
        leaf.zero_grad()
        y = function(transposed(), w)
        value = y.numpy().copy()
        y.backward(g, retain_graph=True)
        np.testing.assert_allclose(leaf.grad.numpy(), expected, rtol=1e-14)
        y.backward(g)
        np.testing.assert_allclose(leaf.grad.numpy(), 2.0 * expected, rtol=1e-14)
        assert leaf.grad.numpy().flags.c_contiguous
        np.testing.assert_array_equal(y.numpy(), value)
        np.testing.assert_array_equal(leaf.numpy(), x)


@pytest.mark.parametrize("name", ACROSS)
def test_an_operand_in_a_cycle_of_axes(name):
    """The order that takes it back is another one, unlike that of a reversal."""
    function, slope = ACROSS[name]
    x = RANDOM.uniform(0.5, 1.5, (30, 40, 50))
    w, g = RANDOM.uniform(0.5, 1.5, (2, 40, 50, 30))
    leaf = cd.array(x, requires_grad=True)
    function(cnp.transpose(leaf, (1, 2, 0)), w).backward(g)
    expected = np.transpose(g * slope(np.transpose(x, (1, 2, 0)), w), (2, 0, 1))
    np.testing.assert_allclose(leaf.grad.numpy(), expected, rtol=1e-14)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_other_seeds_and_orders(shape):
    """A number seen through a shape, zeros that absorb, and the sweep of a sweep."""
    x = RANDOM.uniform(0.5, 1.5, shape)
    found = cd.grad(lambda x: cnp.sum(cnp.transpose(x) * 3.0))(x)
    np.testing.assert_array_equal(found, np.full(shape, 3.0))
    _, pullback = cd.vjp(lambda x: cnp.log(x.T), np.zeros(shape))
    np.testing.assert_array_equal(pullback(np.zeros(shape[::-1]))[0], np.zeros(shape))
    second = cd.grad(lambda x: cnp.sum(cd.grad(lambda x: cnp.sum(cnp.sin(x.T)))(x) ** 2))(x)
    np.testing.assert_allclose(second, -2.0 * np.cos(x) * np.sin(x), rtol=1e-13)
    _, tangent = cd.jvp(cd.grad(lambda x: cnp.sum(x.T**2 * 2.0)), (x,), (x,))
    np.testing.assert_allclose(tangent, 4.0 * x, rtol=1e-14)


def test_a_gradient_across_lies_as_it_came():
    """Nothing is moved, and nothing shares its memory, which may be written to."""
    x, g = RANDOM.uniform(0.5, 1.5, (250, 200)), RANDOM.uniform(0.5, 1.5, (200, 250))
    leaf, seed = cd.array(x, requires_grad=True), cd.array(g)
    (leaf.T * 2.0).backward(seed)
    found = leaf.grad.numpy()
    assert found.flags.f_contiguous and not np.shares_memory(found, seed.numpy())
    np.testing.assert_array_equal(found, 2.0 * g.T)
    leaf.grad[3] = 0.0
    np.testing.assert_array_equal(leaf.grad.numpy()[2:4], [2.0 * g[:, 2], 0.0 * g[:, 3]])
    np.testing.assert_array_equal(seed.numpy(), g)
    (leaf.T * 2.0).backward(seed)
    np.testing.assert_array_equal(leaf.grad.numpy()[2:4], [4.0 * g[:, 2], 2.0 * g[:, 3]])
    first, second = cd.vjp(lambda u, v: (u + v).T * 3.0, x, x)[1](g)
    first[...] = 9.0
    np.testing.assert_array_equal(second, 3.0 * g.T)


@pytest.mark.parametrize("shape", [(30, 1200), (4, 90, 110), (40_000, 1)], ids=str)
def test_gradients_across_of_other_shapes(shape):
    """Views of a part, of more axes, and of rows of one element."""
    x = RANDOM.uniform(0.5, 1.5, shape)
    g = RANDOM.uniform(0.5, 1.5, shape[::-1])
    leaf = cd.array(x, requires_grad=True)
    (leaf.T * 2.0).backward(g)
    np.testing.assert_array_equal(leaf.grad.numpy(), 2.0 * g.T)
    leaf.zero_grad()
    (leaf[1:].T * 2.0).backward(g[..., 1:])
    np.testing.assert_array_equal(leaf.grad.numpy()[1:], 2.0 * g.T[1:])
    np.testing.assert_array_equal(leaf.grad.numpy()[0], 0.0)
    leaf.zero_grad()
    (leaf.T * 2.0 + leaf.T).backward(g)
    np.testing.assert_allclose(leaf.grad.numpy(), 3.0 * g.T, rtol=1e-15)


def test_constants_of_a_concatenation_are_not_kept():
    """No derivative reads them."""
    leaf = cd.array(np.ones(3), requires_grad=True)
    _core.pool_clear()
    y = cnp.concatenate((leaf, cd.array(np.ones(50_000))))
    kept = _core.pool_info()["pooled_bytes"]
    del y
    freed = _core.pool_info()["pooled_bytes"] - kept
    assert 400_000 <= freed < 800_000 or freed == 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
def test_tangents_of_a_concatenation_with_constants(dtype):
    """They are zeros of the shape of what is not kept."""
    x, before, after = (RANDOM.uniform(0.5, 1.5, (n, 2)).astype(dtype) for n in (3, 1, 2))
    constant = cd.array(before)
    leaf = cd.array(x, requires_grad=True)
    y = cnp.concatenate((constant, leaf, after))
    y.backward(cd.array(np.ones((6, 2), dtype)))
    np.testing.assert_array_equal(leaf.grad.numpy(), np.ones_like(x))

    def function(x):
        return cnp.concatenate((constant, x, after, x * 2.0))[::-1]

    expected = np.concatenate((0.0 * before, x, 0.0 * after, 2.0 * x))[::-1]
    for linear in (
        cd.jvp(function, (x,), (x,))[1],
        cd.linearize(function, x)[1](x),
        cd.jvp(lambda t: cd.jvp(function, (x,), (t,))[1], (x,), (x,))[1],
    ):
        assert linear.dtype == dtype
        np.testing.assert_allclose(linear, expected)
    if dtype is not np.complex128:
        np.testing.assert_array_equal(cd.jacfwd(function)(x), cd.jacrev(function)(x))
