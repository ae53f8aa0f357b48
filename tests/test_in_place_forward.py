"""Assignments in forward mode: right where old versions are read later, as cheap as backward."""

from __future__ import annotations

import numpy as np
import pytest
from test_in_place import same_everywhere

import cdiff as cd
from cdiff import _core

X = np.array([0.5, -1.25, 2.0, 0.75, -0.5, 1.5])


def pushed(f, x):
    """The Jacobian by one forward sweep per direction."""
    push = cd.linearize(f, x)[1]
    return np.stack([push(e) for e in np.eye(x.size)], axis=-1)


def changed_after_a_read(x):
    y = x * x
    kept = y * 3.0
    y[0] = x[1]
    y[1:3] = 4.0
    return y * np.sin(kept)  # y comes first in the order, though `kept` reads an older version


def changed_between_reads(x):
    y = x * x
    parts = [y[0]]
    for i in range(1, 6):
        y[i] = y[i - 1] * x[i]
        parts.append(y[i] + y[0])
        y[0] = 2.0 if i == 3 else y[0]
    return np.stack(parts) + y.sum()


def broadcast_parts(x):
    y = np.stack([x, x * 2.0])
    y[:, 1::2] = x[:3]
    y[1] = x[0]
    y[0, ::-1] = x * x
    return y[:, :3].reshape(-1)


def a_constant_filled(x):
    y = cd.numpy.zeros(6)
    y[4] = 7.0
    for i in (3, 1, 4):
        y[i] = x[i] * x[0]
    z = y
    z[1] = 1.0
    return y


def two_from_one(x):
    first = x * 2.0
    second = first.copy()
    first[0] = x[5]
    second[1] = x[4]
    return first * second


FUNCTIONS = [changed_after_a_read, changed_between_reads, broadcast_parts, a_constant_filled,
             two_from_one]  # fmt: skip


@pytest.mark.parametrize("f", FUNCTIONS)
def test_forward_is_reverse(f):
    expected = cd.jacrev(f)(X)
    np.testing.assert_allclose(pushed(f, X), expected, rtol=1e-14)
    np.testing.assert_allclose(cd.jacfwd(f)(X), expected, rtol=1e-14)
    columns = [cd.jvp(f, (X,), (e,))[1] for e in np.eye(6)]
    np.testing.assert_allclose(np.stack(columns, axis=-1), expected, rtol=1e-14)
    second = cd.jacrev(cd.jacrev(f))(X)
    np.testing.assert_allclose(cd.jacfwd(cd.jacfwd(f))(X), second, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("f", FUNCTIONS)
def test_seeds_and_earlier_results_stay(f):
    value, push = cd.linearize(f, X)
    seed = np.arange(1.0, 7.0)
    first = push(seed)
    kept = first.copy()
    np.testing.assert_array_equal(push(2.0 * seed), 2.0 * kept)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(seed, np.arange(1.0, 7.0))
    np.testing.assert_array_equal(value, f(X.copy()))


def test_the_argument_itself_is_changed():
    def f(x):
        x[0] = x[1] * x[2]
        x[3:] = x[:3]
        return (x**3).sum()

    same_everywhere(f, lambda x: 2 * (x[1:3] ** 3).sum() + 2 * (x[1] * x[2]) ** 3)


def recurrence(x):
    for i in range(1, 1000):
        x[i] = x[i - 1] * 0.5 + x[i]
    return x


def by_linearize(f, n):
    push = cd.linearize(f, np.ones(n))[1]
    return lambda: push(np.ones(n))


def by_jvp(f, n):
    return lambda: cd.jvp(f, (np.ones(n),), (np.ones(n),))


def by_nested_jvp(f, n):
    return lambda: cd.jvp(
        lambda x: cd.jvp(f, (x,), (x * 2.0,))[1], (np.ones(n),), (np.ones(n),)
    )


def once(x):
    return x * 1.0


def blocks(way, f, n):
    """How many arrays of n numbers lay in memory at the same time during a call."""
    call = way(f, n)
    call()  # what is made once for a function
    _core.pool_clear()
    call()
    return round(_core.pool_clear() / (8 * n))


@pytest.mark.memory
@pytest.mark.parametrize("way", [by_linearize, by_jvp, by_nested_jvp])
def test_an_assignment_costs_its_part_not_the_array(way):
    """A copy for an assignment would lie beside the array that it is made of."""
    assert blocks(way, recurrence, 300_000) == blocks(way, once, 300_000)
