"""Loops over small arrays, which run as programs of their elements once they have run often.

Every kind of instruction that has elements is compared with the loop written out in NumPy, and with
the derivatives of the unrolled loop; and what has none must go on as before.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp

N = 300  # steps, more than a program runs before it becomes one of elements
ROWS = np.linspace(-1.0, 1.0, 3 * N).reshape(N, 3)
FEW = 12
TABLE = np.array([[0.9, -0.2, 0.1], [0.3, 0.7, 0.0], [-0.1, 0.2, 0.8]])
PLACES = np.array([2, 0, 1])


def moved(c, x):
    c = cnp.concatenate([c[1:], c[:1]]) * 0.9
    return c + x[::-1], c[None, :].T[:2, 0]


def assigned(c, x):
    c = cnp.array(c * 0.5)
    c[1:] = x[:2]
    return c, c[0]


def summed(c, x):
    total = np.sum(c) + np.max(x) - np.min(c * x)
    return 0.5 * c + 0.1 * total, np.sum(c[:, None] * x[None, :], axis=0)


def multiplied(c, x):
    c = 0.5 * (cnp.asarray(TABLE) @ c) + 0.1 * x
    return c, c @ x


def gathered(c, x):
    return 0.9 * c[PLACES] + x, c[PLACES][:2]


def chosen(c, x):
    return cnp.where(c > x, 0.5 * c, x), cnp.where(c[0] > 0.1, c, -c)


def heavy(c, x):
    return np.tanh(c[:2] + x[:2]), np.exp(c[0])


def counted(c, x):
    return 0.9 * c + np.sum((c > x) * 1.0), cnp.maximum(c, x)


BODIES = [moved, assigned, summed, multiplied, gathered, chosen, counted]


def written_out(f, c, rows):
    ys = []
    for x in rows:
        c, y = f(c, x)
        ys.append(y)
    return c, cnp.stack(ys)


@pytest.mark.parametrize("f", [*BODIES, heavy], ids=lambda f: f.__name__)
@pytest.mark.parametrize("reverse", [False, True])
def test_values(f, reverse):
    start = np.array([0.3, -0.2, 0.5])[: 2 if f is heavy else 3]
    rows = ROWS[::-1] if reverse else ROWS
    c, ys = written_out(f, start, rows)
    got_c, got = cd.scan(f, start, ROWS, reverse=reverse)
    np.testing.assert_allclose(got_c, c, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(got, ys[::-1] if reverse else ys, rtol=1e-13, atol=1e-15)


def loss(f, rows):
    def total(c):
        last, ys = cd.scan(f, c, rows)
        return np.sum(last**2) + np.sum(np.sin(ys))

    def plain(c):
        last, ys = written_out(f, c, rows)
        return np.sum(last**2) + np.sum(np.sin(ys))

    return total, plain


MODES = {
    "grad": cd.grad,
    "jacfwd": cd.jacfwd,
    "hessian": cd.hessian,
    "vmap": lambda f: lambda c: cd.vmap(cd.grad(f))(cnp.stack([c, 0.5 * c])),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("f", BODIES, ids=lambda f: f.__name__)
def test_derivatives_of_compiled_loops(f, mode):
    total, plain = loss(f, ROWS[:FEW])
    expected = MODES[mode](plain)
    got = cd.compile(MODES[mode](total))
    for k in range(40):  # of FEW steps each, so that the last ones run as elements
        c = np.array([0.3, -0.2, 0.5]) * (1.0 + 0.01 * k)
        if k % 13 == 0 or k == 39:
            np.testing.assert_allclose(got(c), expected(c), rtol=1e-11, atol=1e-13)
        else:
            got(c)


def test_constants_from_outside_may_change():
    table = np.array([0.5, 0.25])

    def last(c):
        return cd.scan(lambda c, x: (c * table + x[:2], None), c, ROWS)[0]

    compiled = cd.compile(last)
    for k in range(6):
        table[:] = 0.5 + 0.05 * k
        expected = np.array([0.1, 0.2])
        for x in ROWS:
            expected = expected * table + x[:2]
        np.testing.assert_allclose(compiled(np.array([0.1, 0.2])), expected, rtol=1e-13)


def test_positions_from_outside_may_change():
    places = np.array([1, 0])

    def last(c):
        return cd.scan(lambda c, x: (0.9 * c[places] + x[:2], None), c, ROWS[:101])[0]

    compiled = cd.compile(last)
    for _ in range(6):
        expected = np.array([0.1, 0.2])
        for x in ROWS[:101]:
            expected = 0.9 * expected[places] + x[:2]
        np.testing.assert_allclose(compiled(np.array([0.1, 0.2])), expected, rtol=1e-13)
        places[:] = places[::-1].copy()


def test_other_types_go_on_as_before():
    def f(carry, x):
        c, n, hot = carry
        return (c + x * n, n + 1, hot ^ (x[0] > 0.5)), (n, x > 0.0, x.astype(np.float32))

    start = (np.zeros(3), 0, False)
    for _ in range(2):
        (c, n, hot), (numbers, signs, single) = cd.scan(f, start, ROWS)
    np.testing.assert_allclose(c, np.sum(ROWS * np.arange(N)[:, None], axis=0))
    assert n == N and bool(hot) == bool(np.sum(ROWS[:, 0] > 0.5) % 2)
    np.testing.assert_array_equal(numbers, np.arange(N))
    np.testing.assert_array_equal(signs, ROWS > 0.0)
    assert single.dtype == np.float32


def test_truth_values_of_numbers():
    for _ in range(2):
        c, signs = cd.scan(lambda c, x: (c + x, c > 1.0), 0.0, np.ones(N))
    assert c == N and signs.dtype == bool
    np.testing.assert_array_equal(signs, np.arange(N) > 1.0)
    flags = np.arange(N) % 3 == 0
    assert cd.scan(lambda c, b: (c + cnp.where(b, 1.0, 0.0), None), 0.0, flags)[0] == flags.sum()


def test_conditions_end_small_loops():
    def root(a):
        go = lambda x: np.max(np.abs(x * x - a)) > 1e-12
        return cd.while_loop(go, lambda x: 0.5 * (x + a / x), a)

    got = cd.compile(cd.jacobian(root))
    for k in range(60):
        a = np.array([4.0, 2.0]) + 0.1 * k
        np.testing.assert_allclose(got(a), np.diag(0.5 / np.sqrt(a)), rtol=1e-8)
    long = cd.while_loop(lambda c: c[1] < 5000.0, lambda c: cnp.stack([c[0] + c[1], c[1] + 1.0]),
                         np.zeros(2))  # fmt: skip
    np.testing.assert_array_equal(long, [5000.0 * 4999.0 / 2.0, 5000.0])


def test_decisions_in_small_loops():
    def f(c, x):
        return (c + x if c[0] < 0.0 else c - x), c

    start = np.array([0.1, 0.2, 0.3])
    c, ys = written_out(f, start, ROWS)
    for _ in range(2):
        got_c, got = cd.scan(f, start, ROWS)
        np.testing.assert_allclose(got_c, c, rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(got, ys, rtol=1e-13, atol=1e-14)


def test_empty_arrays_and_no_rows():
    c, ys = cd.scan(lambda c, x: (c * 1.0, c[:, None] + x), np.zeros(0), ROWS)
    assert c.shape == (0,) and ys.shape == (N, 0, 3)
    c, ys = cd.scan(lambda c, x: (c + 1.0, None), np.zeros(2), None, N)
    np.testing.assert_array_equal(c, [N, N])


def test_many_threads_at_once():
    compiled = cd.compile(cd.grad(lambda c: np.sum(cd.scan(chosen, c, ROWS)[1])))
    points = [np.array([0.1, 0.2, 0.3]) * k for k in range(1, 5)]
    expected = [compiled(p) for p in points]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda p: [compiled(p) for _ in range(30)], points))
    for results, x in zip(found, expected, strict=True):
        np.testing.assert_allclose(results, [x] * 30, rtol=1e-13)
