"""Large arrays, whose kernels are others and wait for each other: the same bits as piece by piece.

Pieces below the size from which kernels wait are the oracle: each element of an elementwise
function and of its derivative depends on no other, so that nothing may change but the time.
"""

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp

SIZE = 70_001  # above the size from which kernels wait (32768), and no multiple of a stretch
PIECE = 9_000
RANDOM = np.random.default_rng(5)
X = RANDOM.uniform(0.1, 1.1, SIZE)
Y = RANDOM.uniform(0.5, 2.0, SIZE)


def six(x, y):
    growth = cnp.exp(cnp.sin(x))
    return (cnp.tanh(growth * x) + y) / growth


def long_chain(x, y):
    for _ in range(25):  # more calls than may wait
        x = x * y
        y = y + 0.1 * x
    return x / y


def shared(x, y):
    s = x + y
    return s * s + s * x - (s + s) + cnp.maximum(s, y)


def with_numbers(x, y):
    return 2.0 / (1.0 + x * 3.0) - (-y) ** 2 + x**3.0


def moved_between(x, y):
    z = cnp.sin(x) * y
    z = cnp.reshape(z, (1, z.size))
    return cnp.exp(cnp.reshape(z * 0.5, (z.size,))) * x


def single(x, y):
    return cnp.exp(cnp.sin(x)) + 0.0 * y


def stacked(x, y):
    return cnp.where(x > 0.5, x * y, x / y) * cnp.sqrt(x)


FUNCTIONS = [six, long_chain, shared, with_numbers, moved_between, single, stacked]


def pieces(*arrays):
    for start in range(0, SIZE, PIECE):
        yield [a[start : start + PIECE] for a in arrays]


@pytest.mark.parametrize("f", FUNCTIONS)
def test_value_and_gradient(f):
    total = cd.grad(lambda x, y, g: cnp.sum(f(x, y) * g), argnums=(0, 1))
    g = RANDOM.standard_normal(SIZE)
    expected = [total(*piece) for piece in pieces(X, Y, g)]
    for _ in range(3):  # in fresh memory, in what was used before, upward and downward
        found = total(X, Y, g)
        for k in range(2):
            np.testing.assert_array_equal(found[k], np.concatenate([e[k] for e in expected]))


@pytest.mark.parametrize("f", FUNCTIONS)
def test_values(f):
    expected = np.concatenate([np.asarray(f(cd.array(x), cd.array(y))) for x, y in pieces(X, Y)])
    for _ in range(3):
        np.testing.assert_array_equal(np.asarray(f(cd.array(X), cd.array(Y))), expected)


def test_several_outputs_and_accumulation():
    x = cd.array(X, requires_grad=True)
    slopes = []
    for _ in range(2):
        (six(x, Y) * 2.0).backward(Y)
        slopes.append(np.array(x.grad))
    (expected,) = cd.vjp(lambda x: six(x, Y) * 2.0, X)[1](Y)
    np.testing.assert_array_equal(slopes[0], expected)
    np.testing.assert_array_equal(slopes[1], 2.0 * expected)


def test_two_sizes_in_one_sweep():
    def f(x, y):
        return cnp.sum(cnp.sin(x) * x) * cnp.sum(cnp.exp(y) / y)

    y = Y[:40_000]
    found = cd.grad(f, argnums=(0, 1))(X, y)
    first, second = np.sum(np.sin(X) * X), np.sum(np.exp(y) / y)
    np.testing.assert_allclose(found[0], second * (np.cos(X) * X + np.sin(X)), rtol=1e-13)
    np.testing.assert_allclose(found[1], first * np.exp(y) * (y - 1.0) / y**2, rtol=1e-11)


def test_an_error_while_kernels_wait():
    """What waits is dropped, and the next sweep knows nothing of it."""

    @cd.custom_vjp
    def refuses(x):
        return x * 1.0

    def backward(_, g):
        raise ArithmeticError("no derivative")

    refuses.defvjp(lambda x: (x * 1.0, None), backward)
    gradient = cd.grad(lambda x: cnp.sum(cnp.exp(cnp.sin(refuses(x)) * x)))
    for _ in range(3):
        with pytest.raises(ArithmeticError, match="no derivative"):
            gradient(X)
    good = cd.grad(lambda x: cnp.sum(cnp.exp(cnp.sin(x) * x)))(X)
    expected = np.exp(np.sin(X) * X) * (np.cos(X) * X + np.sin(X))
    np.testing.assert_allclose(good, expected, rtol=1e-13)


@pytest.mark.parametrize("n", [511, 512, 513, 768, 1024, 1025, 5000, 100_001])
@pytest.mark.parametrize("start", [1, 2, 7, 8])
def test_copies_a_little_beside_whole_pages(n, start):
    """They go in pieces, for processors whose string instructions are slow there."""
    seed = np.random.default_rng(n).standard_normal(n)
    x = cd.array(np.zeros(n + start), requires_grad=True)
    x[start:].backward(cd.array(seed))
    np.testing.assert_array_equal(x.grad[start:], seed)
    assert not np.any(x.grad[:start])
    y = np.concatenate([cd.array(np.ones(start), requires_grad=True), cd.array(seed)])
    np.testing.assert_array_equal(y.numpy(), [*np.ones(start), *seed])


PAST = 1_000_003  # elements from which sums, differences and products go past the caches (24 MB)
STRANGE = [np.nan, np.inf, -np.inf, -0.0, 5e-324, 1e300, -1e-300]


def with_strange_numbers(n):
    a = RANDOM.standard_normal(n)
    for start in (0, 60, n - len(STRANGE)):
        a[start : start + len(STRANGE)] = RANDOM.permutation(STRANGE)
    return a


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "maximum"])
@pytest.mark.parametrize("n", [SIZE, PAST])
@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_one_operation_has_the_bits_of_numpy(n, name):
    """With arrays at any distance, numbers, one operand twice, rows, and in place."""
    f, given = getattr(np, name), (with_strange_numbers(n), with_strange_numbers(n))
    x, y = (cd.array(a, requires_grad=True) for a in given)
    a, b = given
    np.testing.assert_array_equal(f(x, y).detach(), f(a, b))
    np.testing.assert_array_equal(f(x[1:], y[:-1]).detach(), f(a[1:], b[:-1]))
    np.testing.assert_array_equal(f(x, 2.5).detach(), f(a, 2.5))
    np.testing.assert_array_equal(f(2.5, x).detach(), f(2.5, a))
    np.testing.assert_array_equal(f(x, x).detach(), f(a, a))
    np.testing.assert_array_equal((x**2).detach(), a**2)
    whole, row = n // 301 * 301, b[:301]
    table = a[:whole].reshape(-1, 301)
    np.testing.assert_array_equal(f(x[:whole].reshape(-1, 301), row).detach(), f(table, row))
    z = cd.array(a)
    np.testing.assert_array_equal(f(z, y, out=z).detach(), f(a, b))


def test_a_result_past_the_caches_is_read_at_once():
    x = RANDOM.standard_normal(PAST)
    t = cd.array(x, requires_grad=True)
    total = cnp.sum(t * t + t)
    total.backward()
    np.testing.assert_allclose(float(total.detach()), np.sum(x * x + x), rtol=1e-12)
    np.testing.assert_allclose(t.grad, 2 * x + 1, rtol=1e-14, atol=1e-15)


# Bounds in either order or equal, and those of which clip is not made in one go.
BOUNDS = [(-0.5, 0.75), (0.0, -0.0), (0.25, 0.25), (0.5, -0.5), (-np.inf, 0.5), (np.nan, 0.5),
          (None, 0.5), (-1, 0.5)]  # fmt: skip
# The first half has neither a bound nor nan among its elements.
LIMITED = np.resize([-0.51, 0.8, 0.125, -1.5, 0.3, 0.7, 2.0], SIZE)
LIMITED[SIZE // 2 :: 2] = np.resize([-0.5, 0.75, 0.0, -0.0, 0.25, 0.5, np.nan, np.inf, -np.inf],
                                    SIZE // 4 + 1)  # fmt: skip
HANDED = np.resize([1.5, -0.0, 0.7, np.inf, -2.0, 0.0, np.nan, 1.0, 3.0, -np.inf, 0.1], SIZE)


@pytest.mark.parametrize(("low", "high"), BOUNDS, ids=str)
def test_clip_is_the_minimum_of_the_maximum(low, high):
    """Also at ties and nan, in reverse and forward mode, and one inside the other."""

    def clip(x):
        return cnp.clip(x, low, high)

    def chained(x):
        return cnp.minimum(x if low is None else cnp.maximum(x, low), high)

    def slope(f):
        return cd.grad(lambda t: cnp.sum(f(t) * f(t) * t))

    for result in (
        lambda f: f(cd.array(LIMITED)).numpy(),
        lambda f: cd.vjp(f, LIMITED)[1](HANDED)[0],
        lambda f: cd.grad(lambda x: cnp.sum(f(x)))(LIMITED),
        lambda f: cd.jvp(f, (LIMITED,), (HANDED,))[1],
        lambda f: cd.jvp(slope(f), (LIMITED,), (HANDED,))[1],
        lambda f: cd.grad(lambda t: cnp.sum(slope(f)(t) * 3.0))(LIMITED),
        lambda f: cd.compile(slope(f))(LIMITED),
        lambda f: cd.vmap(slope(f))(LIMITED.reshape(1, -1)),
    ):
        found, expected = result(clip), result(chained)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


@pytest.mark.parametrize(
    "shape", [(230, 190), (33, 1001), (1025, 40), (4100, 9), (7, 5000)], ids=str
)
def test_turned_matrices(shape):
    """Copied, added to and operated on in panels, whose last one is smaller."""
    a = RANDOM.uniform(0.5, 1.5, shape)
    b = RANDOM.uniform(0.5, 1.5, shape[::-1])
    x = cd.array(a, requires_grad=True)
    np.testing.assert_array_equal(x.T.copy().numpy(), a.T)
    np.testing.assert_array_equal((x.T * 2.0).numpy(), a.T * 2.0)
    np.testing.assert_array_equal((x.T + b).numpy(), a.T + b)
    (x * 3.0 + (x.T * b).T).backward(a)
    np.testing.assert_allclose(x.grad.numpy(), a * (3.0 + b.T), rtol=1e-15)


@pytest.mark.parametrize("first", [0, 1, 7])
def test_large_constants_are_those_of_when_they_were_used(first):
    constant = np.random.default_rng(0).normal(size=(1 << 19) + 12)[first:]
    constant[:2] = np.nan, np.inf
    before = constant.copy()
    x = cd.array(np.ones(constant.size), requires_grad=True)
    y = x * constant
    constant[:] = 7.0
    y.backward(np.ones(y.shape))
    np.testing.assert_array_equal(x.grad.numpy(), before)
