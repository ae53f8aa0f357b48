"""Arrays that lie in memory across the order of their elements, or against it.

NumPy is the oracle. What is gathered from columns or backwards is only moved, and each element then
goes through the same arithmetic as in a contiguous array: results are equal to the last bit.
"""

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp

RANDOM = np.random.default_rng(11)

# The last two are gathered in panels of rows; beyond 2048 columns a panel would be too large.
SHAPES = [
    (1, 7),
    (2, 2),
    (3, 2),
    (5, 9),
    (8, 8),
    (17, 64),
    (40, 2),
    (65, 67),
    (200, 210),
    (90, 2100),
]


def across(shape):
    """A matrix of this shape in columns, and its elements in C order."""
    a = RANDOM.uniform(0.5, 1.5, shape[::-1])
    return cd.array(a).T, np.ascontiguousarray(a.T)


def check(found, expected):
    np.testing.assert_array_equal(np.asarray(found), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_one_operand_across(shape):
    a, plain = across(shape)
    b = RANDOM.uniform(0.5, 1.5, shape)
    row, column = b[0], b[:, :1]
    for _ in range(2):  # upward and downward
        check(a * 2.5, plain * 2.5)
        check(-a, -plain)
        check(a / b, plain / b)
        check(b - a, b - plain)
        check(cnp.maximum(a, b), np.maximum(plain, b))
        check(a + row, plain + row)
        check(a * column, plain * column)
        check(cnp.exp(a), np.asarray(cnp.exp(cd.array(plain))))
        check(cnp.where(b > 1.0, a, b), np.where(b > 1.0, plain, b))


@pytest.mark.parametrize("shape", SHAPES)
def test_two_operands_across(shape):
    (a, plain), (b, other) = across(shape), across(shape)
    check(a * b, plain * other)
    check(cnp.copy(a), plain)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_across(shape):
    """The cotangent goes back across, beside one that has come the straight way."""
    a = RANDOM.uniform(0.5, 1.5, shape[::-1])
    g = RANDOM.uniform(0.5, 1.5, shape)
    x = cd.array(a, requires_grad=True)
    (x.T * 2.0).backward(g)
    check(x.grad, 2.0 * g.T)
    (value,) = cd.vjp(lambda x: x.T * (x.T * g), a)[1](g)
    np.testing.assert_allclose(np.asarray(value), 2.0 * a * (g * g).T, rtol=4e-16)


@pytest.mark.parametrize("shape", [(200, 210), (90, 2100)])
def test_result_in_the_memory_of_an_operand(shape):
    """Where the result takes over what is read as well, nothing is gathered into it."""
    a, b = RANDOM.uniform(0.5, 1.5, shape[::-1]), RANDOM.uniform(0.5, 1.5, shape)

    def f(x, y):
        return cnp.sum(cnp.exp(x.T) * cnp.sin(y) * x.T)

    first, second = cd.grad(f, argnums=(0, 1))(a, b)
    e = np.exp(a.T)
    np.testing.assert_allclose(first, (e * np.sin(b) * (1.0 + a.T)).T, rtol=1e-14)
    np.testing.assert_allclose(second, e * np.cos(b) * a.T, rtol=1e-14)
    # Here the shares of the elements are large memory that nobody wants any more.
    c = RANDOM.uniform(0.5, 1.5, (2, *shape))
    z = cd.array(c, requires_grad=True)
    cnp.max(z, axis=0).backward(a.T)
    check(z.grad, np.where(c == np.max(c, axis=0), a.T, 0.0))
    compiled = cd.compile(cd.grad(f, argnums=(0, 1)))
    for found, expected in zip(compiled(a, b), (first, second), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 0, 2), (2, 0, 1), (0, 2, 1), (1, 2, 0)])
@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 9, 8), (33, 40, 37)])
def test_any_order_of_axes(order, shape):
    a = RANDOM.uniform(0.5, 1.5, shape)
    x = cd.array(a)
    expected = np.ascontiguousarray(np.transpose(a, order))
    check(cnp.copy(cnp.transpose(x, order)), expected)
    check(cnp.transpose(x, order) * 3.0, expected * 3.0)
    check(
        cnp.sin(cnp.transpose(x, order))[::-1, ::-1] * 1.0,
        np.asarray(cnp.sin(cd.array(expected)))[::-1, ::-1],
    )
    check(
        cnp.concatenate((cnp.transpose(x, order), expected)), np.concatenate((expected, expected))
    )
    g = RANDOM.uniform(0.5, 1.5, expected.shape)
    (back,) = cd.vjp(lambda x: cnp.transpose(x, order), a)[1](g)
    check(back, np.transpose(g, np.argsort(order)))
    moves = cd.compile(lambda x: cnp.concatenate((cnp.transpose(x, order), expected)))
    check(moves(a), np.concatenate((expected, expected)))


@pytest.mark.parametrize("n", [1, 2, 3, 511, 512, 513, 70_001])
def test_backwards(n):
    a, b = RANDOM.uniform(0.5, 1.5, n), RANDOM.uniform(0.5, 1.5, n)
    x = cd.array(a, requires_grad=True)
    for _ in range(2):
        check((cnp.flip(x) * b).detach(), a[::-1] * b)
        check((x[::-1] + x[::-1]).detach(), 2.0 * a[::-1])
        check(cnp.copy(x[::-1]).detach(), a[::-1])
        check(cnp.where(b > 1.0, x[::-1], b).detach(), np.where(b > 1.0, a[::-1], b))
    x.zero_grad()
    cnp.flip(x).backward(b)
    check(x.grad, b[::-1])


@pytest.mark.parametrize("n", [40_000, 70_001])
def test_select_downward(n):
    """Large selections go up and down in turn."""
    a, b = RANDOM.uniform(0.5, 1.5, n), RANDOM.uniform(0.5, 1.5, n)
    for _ in range(3):
        check(cnp.where(a > b, cd.array(a), b), np.where(a > b, a, b))


@pytest.mark.parametrize("shape", [*SHAPES, (3, 40, 333)])
def test_compiled_functions_of_operands_across(shape):
    a, b, c = (RANDOM.uniform(0.5, 1.5, shape[::-1]) for _ in range(3))
    c = np.ascontiguousarray(c.T)
    check(cd.compile(lambda a, b, c: (a.T - b.T) * c + a.T)(a, b, c), (a.T - b.T) * c + a.T)
    plain = cd.array(np.ascontiguousarray(a.T))
    check(cd.compile(lambda a, c: cnp.exp(a.T) * c)(a, c), np.asarray(cnp.exp(plain)) * c)
    for axis in (None, 0, -1):
        found = cd.compile(lambda a, c: cnp.sum(a.T * c, axis))(a, c)  # noqa: B023
        np.testing.assert_allclose(found, np.sum(a.T * c, axis), rtol=1e-13)


@pytest.mark.parametrize("shape", [(5, 9), (40, 2), (65, 67)])
def test_norms_of_what_lies_across(shape):
    a, plain = across(shape)
    for x, scale in ((plain, 1.0), (plain, 1e200), (plain, 1e-200), (plain[::-1, ::2], 1.0)):
        for axis in (None, 0, 1, (0, 1)):
            wanted = np.linalg.norm(x, axis=axis) * scale
            for form in (x, np.asfortranarray(x)):
                found = cnp.linalg.norm(cd.array(form * scale), axis=axis)
                np.testing.assert_allclose(np.asarray(found), wanted, rtol=1e-13)
    single = plain.astype(np.float32)
    found = cnp.linalg.norm(cd.array(single), axis=0)
    check(found, np.linalg.norm(single.astype(float), axis=0).astype(np.float32))
    check(cnp.linalg.norm(a * 0.0, axis=0), np.zeros(shape[1]))
    check(cnp.linalg.norm(a * np.inf, axis=0), np.full(shape[1], np.inf))
