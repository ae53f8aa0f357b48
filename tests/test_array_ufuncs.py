"""NumPy's ufuncs of an `Array`: keywords, `out=`, methods, lists."""

import functools
import math
import sys

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp


@pytest.mark.parametrize("f", [np.sin, np.exp, np.negative, np.floor], ids=lambda f: f.__name__)
def test_unary_ufunc_keywords(f):
    values = np.array([0.5, 1.5])
    x = cd.array(values)
    out = cd.array(np.zeros(2))
    assert f(x, out=out) is out
    np.testing.assert_allclose(out.numpy(), f(values), rtol=3e-16)
    plain = np.zeros(2)
    assert f(x, out=plain) is plain
    np.testing.assert_array_equal(plain, out.numpy())
    assert f(x, dtype=np.float32).dtype == np.float32
    assert f(x, casting="same_kind", order="K", subok=True).shape == (2,)
    with pytest.raises(TypeError, match="where"):
        f(x, where=np.array([True, False]))
    with pytest.raises(TypeError):
        f(x, nonsense=1)
    with pytest.raises(TypeError):
        f(x, x, x, x)


def test_ufunc_into_an_array_is_differentiated():
    def f(x):
        out = cnp.zeros(3)
        np.multiply(x, x, out=out)
        return out.sum()

    np.testing.assert_array_equal(cd.grad(f)(np.array([1.0, 2.0, 3.0])), [2.0, 4.0, 6.0])


def test_out_of_another_kind():
    x = cd.array([1.5, 2.5])
    with pytest.raises(TypeError, match=r"[Cc]ast"):
        np.add(x, 1.0, out=np.zeros(2, dtype=int))
    with pytest.raises(ValueError, match="broadcast"):
        np.add(x, 1.0, out=np.zeros(3))
    with pytest.raises(ValueError, match="broadcast"):
        np.add(x, 1.0, out=cd.array(np.zeros(3)))


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda x: np.add.reduce(x), [4.0, 6.0]),
        (lambda x: np.add.reduce(x, axis=1), [3.0, 7.0]),
        (lambda x: np.multiply.reduce(x, axis=None), 24.0),
        (lambda x: np.maximum.reduce(x), [3.0, 4.0]),
        (lambda x: np.minimum.reduce(x, keepdims=True), [[1.0, 2.0]]),
        (lambda x: np.add.accumulate(x), [[1.0, 2.0], [4.0, 6.0]]),
        (lambda x: np.multiply.accumulate(x, axis=1), [[1.0, 2.0], [3.0, 12.0]]),
        (lambda x: np.multiply.outer(x[0], x[1]), [[3.0, 4.0], [6.0, 8.0]]),
        (lambda x: np.less.outer(x[0], x[1]), [[True, True], [True, True]]),
        (lambda x: np.logical_and.reduce(x > 0), [True, True]),
    ],
)
def test_ufunc_methods(call, expected):
    for tracked in (False, True):
        found = call(cd.array([[1.0, 2.0], [3.0, 4.0]], requires_grad=tracked))
        np.testing.assert_array_equal(
            found.numpy() if isinstance(found, cd.Array) else found, expected
        )


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.modf.at(x, [0]),
        lambda x: np.nextafter.outer(x, x),
        lambda x: np.sin.reduce(x),
        lambda x: np.matmul.at(x, [0], 2.0),
        lambda x: np.add.at(np.zeros(2), [0], x[0]),
        lambda x: np.nextafter(x, 1.0),
        lambda x: np.gcd(x, x),
        lambda x: np.spacing(x, out=(x, x)),
    ],
)
def test_what_is_not_supported_says_so(call):
    with pytest.raises((TypeError, ValueError)):
        call(cd.array([1.0, 2.0], requires_grad=True))


@pytest.mark.parametrize("f", [np.isnan, np.isfinite, np.isinf, np.signbit, np.logical_not])
def test_tests_of_values_are_plain(f):
    values = np.array([0.0, -1.0, math.nan, math.inf])
    found = f(cd.array(values, requires_grad=True))
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, f(values))


def test_ufuncs_of_lists_with_tracked_values():
    assert cd.grad(lambda x: np.sum(cnp.sin([x, 2.0])))(1.0) == pytest.approx(math.cos(1.0))


@pytest.mark.parametrize("f", [cnp.tanh, cnp.add], ids=lambda f: f.__name__)
def test_a_function_that_its_operand_calls_again_ends(f):
    class Again:
        def __array_ufunc__(self, ufunc, method, *operands, **words):
            return f(*operands)

    count = getattr(np, f.__name__).nin
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(300)  # each takes 20 kB of stack in NumPy 2.0: a thousand do not fit
    try:
        with pytest.raises(RecursionError):
            f(*[Again()] * count)
    finally:
        sys.setrecursionlimit(limit)
    assert f(*[1.0] * count) == f(*(1.0,) * count)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: cnp.exp(x),
        lambda x: cnp.exp(*[x]),
        lambda x: cnp.exp(x, where=True),
        lambda x: cnp.exp.__call__(x),
        lambda x: next(map(cnp.exp, [x])),
        lambda x: functools.partial(cnp.exp, x)(),
        lambda x: functools.partial(cnp.exp, out=None)(x),
        lambda x: cnp.add(0.0, cnp.exp(x)),
        lambda x: cnp.multiply(cnp.exp(x), 1),
    ],
)
@pytest.mark.parametrize("value", [0.5, np.array([0.5, -2.0])], ids=["number", "array"])
def test_ways_to_call_a_function(call, value):
    found, pull = cd.vjp(call, value)
    np.testing.assert_allclose(found, np.exp(value), rtol=2e-16)
    np.testing.assert_allclose(pull(np.ones_like(value)[()])[0], np.exp(value), rtol=2e-16)
    np.testing.assert_allclose(call(value), np.exp(value), rtol=2e-16)


def test_wrong_calls_of_a_function():
    x = cd.array(0.5)
    for wrong in (
        lambda: cnp.exp(),
        lambda: cnp.exp(x, x, x),
        lambda: cnp.exp(x=x),
        lambda: cnp.exp(x, nonsense=1),
        lambda: cnp.add(x),
        lambda: cnp.add(x, None),
    ):
        with pytest.raises(TypeError):
            wrong()
