"""Quotients of quotients and of roots in machine code: what is known of the size of their operands.

An operand of a quotient is looked at for its size, what a quotient or root of such operands is
need not be; and a reciprocal that the divider has made is one already. Whatever is computed is
computed twice, with machine code and by kernels, which do it by NumPy's rule: bit for bit the same.
"""

import itertools

import numpy as np
import pytest
from machine_code import both_ways, needs_machine_code

import cdiff as cd

pytestmark = needs_machine_code

LIMIT = 330  # exponents of operands up to which a round is made by the quick body
EDGES = [-1074, -1022, -700, -500, -LIMIT - 1, -LIMIT, -1, 0, LIMIT, LIMIT + 1, 500, 1023]


def assert_same(f, *args):
    for with_code, without in zip(*both_ways(f, *args), strict=True):
        np.testing.assert_array_equal(with_code.view(np.int64), without.view(np.int64))


def sizes(count):
    """All combinations of edges, a vector of eight points each, so that none hides another."""
    rng = np.random.default_rng(count)
    powers = np.repeat(np.array(list(itertools.product(EDGES, repeat=count))).T, 8, axis=1)
    return list(np.ldexp(rng.uniform(1, 2, powers.shape), powers))


def chains(a, b):
    q, root = a / b, np.sqrt(a)
    return (q / b, b / q, np.sqrt(q) / b, 1.0 / q, q / root, 1.0 / root, root / b, b / root / root,
            np.sqrt(np.sqrt(b)) / a, (a / root) / (b / root), 1.0 / (1.0 / b) / a)  # fmt: skip


def test_operands_of_any_size():
    assert_same(chains, *sizes(2))


def test_quotients_of_three():
    assert_same(lambda a, b, c: (a / b / c, c / (a / b), (a / b) / (b / c), np.sqrt(a / b) / c),
                *sizes(3))  # fmt: skip


@pytest.mark.parametrize("special", [0.0, -0.0, np.inf, -np.inf, np.nan, -1.5, 5e-324])
@pytest.mark.parametrize("place", range(9))
def test_one_point_among_others(special, place):
    a, b = np.random.default_rng(place).uniform(0.5, 2, (2, 9))
    for x in (a, b):
        kept, x[place] = x[place], special
        assert_same(chains, a, b)
        x[place] = kept


def slopes(a, b):
    """Reciprocals of a root and of an operand, read as such and by quotients, before and after
    registers are used anew."""
    root = np.sqrt(a)
    first = 1.0 / root
    others = [(a * k + b) * (b - k * a) for k in range(20)]
    second = 1.0 / b
    return (b / root * first, second - a / b, 1.0 / root + sum(others), second * first,
            *[y / root for y in others], *[y / b for y in others])  # fmt: skip


@pytest.mark.parametrize("n", [1, 8, 13, 5000])
def test_reciprocals_that_are_kept(n):
    a, b = np.random.default_rng(n).uniform(0.1, 3, (2, n))
    a[::3] = np.nextafter(4, 0)
    b[::5] = np.nextafter(2, 0)
    assert_same(slopes, a, b)
    assert_same(lambda a, b: cd.elementwise_grad(lambda a: slopes(a, b)[0])(a)[None], a, b)
