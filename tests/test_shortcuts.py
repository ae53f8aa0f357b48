"""Functions of cdiff.numpy whose common calls go to the core at once.

The function of the package answers all other calls, so both have to give the same; and what stands
for a function has to look and travel like one.
"""

import copy
import inspect
import pickle

import numpy as np
import pytest
from numpy_cases import NUMPY

import cdiff as cd
import cdiff.numpy as cnp
from cdiff._core import Shortcut, in_program, is_column

X = np.linspace(0.5, 2.0, 6)
M = np.array([[2.0, 0.5], [0.25, 1.0]])
MASK = X > 1.0

# The common call, and the same one in a form that only the package understands.
CALLS = {
    "reshape": (lambda x: cnp.reshape(x, (2, 3)), lambda x: cnp.reshape(x, shape=(2, 3))),
    "reshape to a length": (lambda x: cnp.reshape(x, -1), lambda x: cnp.reshape(x, shape=[6])),
    "concatenate": (
        lambda x: cnp.concatenate([x, X]), lambda x: cnp.concatenate([x, X], axis=0)
    ),
    "concatenate, plain first": (
        lambda x: cnp.concatenate((X, x)), lambda x: cnp.concatenate((X, x), axis=0)
    ),
    "where": (lambda x: cnp.where(MASK, x, 2.0), lambda x: cnp.where(list(MASK), x, np.float64(2))),
    "matmul": (lambda x: cnp.matmul(X, x), lambda x: cnp.matmul(X, x, axes=[(0,), (0,), ()])),
    "cumsum": (lambda x: cnp.cumsum(x, 0), lambda x: cnp.cumsum(x, axis=-1)),
    "sum": (lambda x: cnp.sum(x), lambda x: cnp.sum(x, initial=0.0)),
    "prod": (lambda x: cnp.prod(x), lambda x: cnp.prod(x, initial=1.0)),
    "max": (lambda x: cnp.max(x), lambda x: cnp.max(x, initial=-9.0)),
    "min": (lambda x: cnp.min(x), lambda x: cnp.min(x, initial=9.0)),
    "mean": (lambda x: cnp.mean(x), lambda x: cnp.mean(x, axis=0)),
    "norm": (lambda x: cnp.linalg.norm(x), lambda x: cnp.linalg.norm(x, axis=0)),
}  # fmt: skip
SHORT = [cnp.reshape, cnp.concatenate, cnp.where, cnp.matmul, cnp.cumsum, cnp.sum, cnp.prod,
         cnp.max, cnp.min, cnp.mean, cnp.linalg.norm, cnp.linalg.inv]  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_the_core_and_the_package_answer_alike(name):
    short, long = CALLS[name]
    for f in (short, long):
        assert isinstance(f(cd.array(X)), cd.Array)
    np.testing.assert_allclose(short(cd.array(X)).numpy(), long(cd.array(X)).numpy(), rtol=1e-15)
    np.testing.assert_allclose(cd.jacobian(short)(X), cd.jacobian(long)(X), rtol=1e-15)


@pytest.mark.parametrize("function", SHORT, ids=lambda f: f.__name__)
def test_it_is_like_a_function(function):
    assert isinstance(function, Shortcut)
    original = getattr(np, function.__name__, None) or getattr(np.linalg, function.__name__)
    assert inspect.isroutine(function) and inspect.getdoc(function).startswith("As `numpy.")
    assert function.__module__.startswith("cdiff.numpy.")
    assert function.__name__ in repr(function)
    if not isinstance(original, np.ufunc) and NUMPY >= (2, 4):  # before, some show no signature
        ours = [*inspect.signature(function).parameters][:2]
        assert ours == [*inspect.signature(original).parameters][:2]
    assert pickle.loads(pickle.dumps(function)) is function
    assert copy.deepcopy(function) is function


def test_it_becomes_a_method():
    class Sums:
        total = cnp.sum

    assert Sums.total is cnp.sum
    with pytest.raises(TypeError):  # as of a function: the instance is the first argument
        Sums().total(cd.array(X), 0, float, None, False, 0.0, True)


def test_plain_calls_are_numpys():
    assert type(cnp.sum(X)) is np.float64
    assert type(cnp.reshape(X, (2, 3))) is np.ndarray
    assert type(cnp.matmul(M, M)) is np.ndarray
    assert cnp.concatenate(([1], [2])).dtype == int


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: cnp.reshape(x, (4, 4)), ValueError, "cannot reshape"),
        (lambda x: cnp.linalg.inv(x.reshape(2, 3)), np.linalg.LinAlgError, "inv: the last two axe"),
        (lambda x: cnp.cumsum(x, 3), np.exceptions.AxisError, "cumsum of shape"),
        (lambda x: cnp.matmul(x, 2.0), ValueError, "matmul"),
        (lambda x: cnp.concatenate([x, M]), ValueError, "concatenate"),
        (lambda x: cnp.where(MASK, x, np.ones(4)), ValueError, "could not be broadcast"),
        (lambda x: cnp.sum(x, 0, 1, 2, 3, 4, 5, 6), TypeError, "positional"),
    ],
)
def test_what_the_core_refuses_the_package_explains(call, error, text):
    with pytest.raises(error, match=text):
        call(cd.array(X))


def test_what_the_core_does_not_know_the_package_does():
    assert cnp.cumsum(cd.array(2.0), 0).shape == (1,)
    with pytest.warns(RuntimeWarning, match="Mean of empty slice"):
        assert np.isnan(cnp.mean(cd.array(np.zeros(0))).numpy())
    assert cnp.mean(cd.array([1, 2])).item() == 1.5


def test_whether_a_program_is_recorded():
    seen = []

    def f(x):
        seen.append((in_program(x), in_program(1.0, [x]), in_program(X)))
        return x * 2.0

    cd.compile(f)(X)
    f(cd.array(X))
    cd.grad(lambda x: f(x).sum())(X)
    assert seen == [(True, True, False)] + [(False, False, False)] * 2


def test_what_a_column_is():
    class Column:
        __pandas_priority__ = 3000

    assert is_column(Column()) and not is_column(X) and not is_column(cd.array(X))
