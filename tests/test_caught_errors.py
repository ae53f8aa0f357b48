"""Errors that a function catches: which branch it takes is a decision like any other.

A program that was recorded where an operation raised an error must not answer where it raises none,
and the other way round; whether it is compiled, mapped, or both. This file must not know how
decisions are kept.
"""

import functools
import signal
import threading

import numpy as np
import pytest
from numpy.linalg import LinAlgError

import cdiff as cd
import cdiff.numpy as cnp
import cdiff.scipy.linalg as clinalg

GOOD, BAD, WORSE = 0.3, 1.2, 3.5  # off the diagonal of a matrix with ones on it


def matrix(x):
    return cnp.array([[1.0, x], [x, 1.0]])


def with_jitter(x):
    """As Gaussian processes are written: more and more on the diagonal until it is definite."""
    jitter = 0.0
    while True:
        try:
            factor = np.linalg.cholesky(matrix(x) + jitter * np.eye(2))
        except LinAlgError:
            jitter = 0.5 if jitter == 0.0 else 4.0 * jitter
        else:
            return 2.0 * np.log(np.diag(factor)).sum() * x


def by_scipy(x):
    try:
        return clinalg.cho_solve(clinalg.cho_factor(matrix(x)), np.array([1.0, 2.0])) @ np.ones(2)
    except LinAlgError:
        return x * x


def by_solve(x):
    """Exactly singular at 1, and there only."""
    try:
        return np.linalg.solve(matrix(x), np.array([1.0, 0.0])).sum() * x
    except LinAlgError:
        return 5.0 * x


@cd.operator
def root(x):
    if x < 0.0:
        raise ValueError("no root")
    return np.sqrt(x)


root.defvjp(lambda g, out, x: (g / (2.0 * out),))


def by_operator(x):
    try:
        return root(1.0 - x) * x
    except ValueError:
        return x**3


def by_root(x):
    """There is no solution for large x."""
    try:
        return cd.custom_root(lambda y, x: y * y + x - 1.0)(1.0, x) * x
    except RuntimeError:
        return x**3


TABLE = np.array([0.0, 0.4, 0.7, 1.1])


def by_index(x):
    """Beyond the end of a table."""
    table = TABLE * x
    try:
        return table[np.searchsorted(TABLE, x)] * x
    except IndexError:
        return 5.0 * x


def by_assignment(x):
    table = TABLE * x
    try:
        table[np.searchsorted(TABLE, x)] = x * x
    except IndexError:
        table = table * table
    return table.sum()


FUNCTIONS = {
    "jitter": (with_jitter, [GOOD, BAD, WORSE]),
    "scipy": (by_scipy, [GOOD, BAD, WORSE]),
    "solve": (by_solve, [GOOD, 1.0, WORSE]),
    "operator": (by_operator, [GOOD, BAD, WORSE]),
    "root": (by_root, [GOOD, BAD, WORSE]),
    "index": (by_index, [GOOD, BAD, WORSE]),
    "assignment": (by_assignment, [GOOD, BAD, WORSE]),
}
ORDERS = [(0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0)]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_compiled_functions_take_the_branch_of_each_call(name, order):
    f, points = FUNCTIONS[name]
    compiled = cd.compile(cd.value_and_grad(f))
    around = cd.value_and_grad(cd.compile(f))
    for _ in range(3):
        for k in order:
            want = cd.value_and_grad(f)(points[k])
            assert compiled(points[k]) == pytest.approx(want, rel=1e-12)
            assert around(points[k]) == pytest.approx(want, rel=1e-12)
    assert compiled.stats()["recordings"] <= 3


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", ["jitter", "scipy", "solve"])
def test_mapped_functions_take_the_branch_of_each_point(name, order):
    f, points = FUNCTIONS[name]
    xs = np.array([points[k] for k in order * 2])
    want = np.array([cd.value_and_grad(f)(float(x)) for x in xs]).T
    for mapped in (cd.vmap(cd.value_and_grad(f)), cd.compile(cd.vmap(cd.value_and_grad(f)))):
        np.testing.assert_allclose(mapped(xs), want, rtol=1e-12)
        np.testing.assert_allclose(mapped(xs[::-1]), want[:, ::-1], rtol=1e-12)


def test_mapped_functions_of_an_operator_that_raised_at_the_first_point():
    """Points at which it does raise an error when others do not are an error, never a number."""
    xs = np.array([BAD, WORSE])
    np.testing.assert_allclose(cd.vmap(by_operator)(xs), xs**3)


def test_a_program_that_cannot_be_told_from_another_is_not_kept():
    """What is computed differently for a reason that no decision tells is run as Python."""
    f = cd.operator(lambda x: x if x[0] > 0.0 else x[:1])
    compiled = cd.compile(lambda x: f(x) * 2.0)
    x = np.array([1.0, 2.0])
    for y in (x, -x, x, -x):
        np.testing.assert_array_equal(compiled(y), f(y) * 2.0)
    assert compiled.stats()["recordings"] == 1


def test_errors_that_nobody_catches_come_from_the_line_that_makes_them():
    @cd.compile
    def f(x):
        return np.linalg.cholesky(matrix(x)).sum()

    assert f(GOOD) > 0.0
    with pytest.raises(LinAlgError, match="cholesky: Matrix is not positive definite") as caught:
        f(BAD)
    assert any(entry.path == __file__ or "test_caught" in str(entry.path)
               for entry in caught.traceback[1:])  # fmt: skip
    assert f(GOOD) == cd.compile(f)(GOOD)


def test_results_in_arrays_of_ones_own_raise_since_these_may_be_written_over():
    a = np.array([GOOD, 2.0])

    @cd.compile
    def f(x):
        try:
            return np.linalg.cholesky(matrix(x[0]))
        except LinAlgError:
            return matrix(x[1])

    out = np.empty((2, 2))
    f(a)
    f(a, out=out)
    np.testing.assert_allclose(out @ out.T, [[1.0, GOOD], [GOOD, 1.0]])
    with pytest.raises(LinAlgError):
        f(np.array([BAD, 2.0]), out=out)
    np.testing.assert_allclose(f(np.array([BAD, 2.0])), [[1.0, 2.0], [2.0, 1.0]])


class Ringing:
    def ring(self, *_):
        raise ValueError("the bell")

    __call__ = ring


HANDLERS = {
    "function": lambda *_: Ringing().ring(),
    "method": Ringing().ring,
    "object": Ringing(),
    "partial": functools.partial(Ringing.ring, None),
}


@pytest.fixture
def bell():
    """Something that raises a signal where it is called, once it is armed."""
    armed = threading.Event()  # which no recording looks into

    def bell():
        if armed.is_set():
            armed.clear()
            signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    bell.armed = armed
    yield bell
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("catches", [False, True])
def test_errors_of_handlers_of_signals_are_no_decisions(bell, handler, catches):
    """They ended nothing: the function was run anew, as if an operation could not be done."""

    @cd.operator
    def sine(x):
        bell()
        if np.any(x < 0.0):
            raise ValueError("negative")
        return np.sin(x)

    def caught(x):
        try:
            return np.sum(sine(x * 2.0)) * x[0]
        except ValueError:
            return x[0]

    f = caught if catches else lambda x: np.sum(sine(x * 2.0)) * x[0]
    for points in ([1.0, 2.0], [-1.0, 1.0, 2.0])[: 1 + catches]:
        compiled = cd.compile(f)
        for x in points:
            assert compiled(np.full(3, x)) == f(np.full(3, x))
        count = compiled.stats()["recordings"]
        signal.signal(signal.SIGTERM, HANDLERS[handler])
        bell.armed.set()
        with pytest.raises(ValueError, match="the bell"):
            compiled(np.ones(3))
        assert compiled.stats()["recordings"] == count
        assert compiled(np.ones(3)) == f(np.ones(3))


@pytest.mark.parametrize("size", [(), (3,)])
def test_errors_that_do_not_come_again_are_accidents(size):
    """The branch for such an error answered for the calls that came after it."""
    errors = iter([False, True])

    @cd.operator
    def sine(x):
        if next(errors, False):
            raise ValueError("this time")
        return np.sin(x)

    @cd.compile
    def f(x):
        try:
            return np.sum(sine(x * 2.0))
        except ValueError:
            return np.sum(x) * 100.0

    points = [np.full(size, k) for k in (1.0, 1.1, 1.2)]
    assert next(errors) is False
    assert f(points[0]) == np.sum(points[0]) * 100.0
    for x in points:
        assert f(x) == pytest.approx(np.sum(np.sin(2.0 * x)), rel=1e-14)
