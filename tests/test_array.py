"""The operators of `Array` are NumPy's, for operands of every kind."""

from __future__ import annotations

import operator
from array import array
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import cdiff as cd

ARITHMETIC = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": operator.truediv,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "pow": operator.pow,
}
COMPARISONS = (operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge)

ARRAYS = {
    "scalar": np.array(1.5),
    "f64": np.array([1.5, 2.0, -3.0]),
    "matrix": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
    "f32": np.array([1.5, 2.0, 3.0], dtype=np.float32),
    "0-d f32": np.array(1.5, dtype=np.float32),
    "int": np.array([1, 2, 3]),
    "int8": np.array([1, 2, 3], dtype=np.int8),
    "uint8": np.array([1, 2, 3], dtype=np.uint8),
    "0-d int": np.array(3),
    "bool": np.array([True, False, True]),
    "empty": np.zeros(0),
}
OPERANDS = {
    "int": 2,
    "negative int": -2,
    "zero": 0,
    "float": 2.5,
    "whole float": 2.0,
    "bool": True,
    "float64": np.float64(2.5),
    "float32": np.float32(2.5),
    "int64": np.int64(2),
    "int8": np.int8(2),
    "bool_": np.bool_(True),
    "f64 array": np.array([1.5, -2.0, 4.0]),
    "f32 array": np.array([1.5, 2.0, 4.0], dtype=np.float32),
    "f16 array": np.array([1.5, 2.0, 4.0], dtype=np.float16),
    "int array": np.array([1, 2, 4]),
    "uint8 array": np.array([1, 2, 4], dtype=np.uint8),
    "bool array": np.array([True, True, False]),
    "column": np.array([[1.0], [2.0]]),
    "0-d array": np.array(2.0),
    "one": np.array([2.0]),
    "list": [1.0, 2.0, 4.0],
    "list of ints": [1, 2, 4],
    "tuple": (1.0, 2.0, 4.0),
}


def result_of(function, *args):
    """The result, or the class of the error."""
    with np.errstate(all="ignore"):
        try:
            return function(*args)
        except (TypeError, ValueError, OverflowError) as error:
            return type(error)


def assert_same(found, expected, case=""):
    if isinstance(expected, type):
        assert found is expected, case
        return
    assert not isinstance(found, type), (case, found)
    expected = np.asarray(expected)
    # float16 is carried as float32.
    dtype = np.dtype(np.float32) if expected.dtype == np.float16 else expected.dtype
    assert (found.shape, found.dtype) == (expected.shape, dtype), case
    value = found.numpy() if isinstance(found, cd.Array) else found
    tolerance = 2e-3 if dtype != expected.dtype else 1e-6
    np.testing.assert_allclose(value, expected, rtol=tolerance, err_msg=case)


def is_half(*xs):
    return any(getattr(x, "dtype", None) == np.float16 for x in xs)


# ------------------------------------------------------------------ operators


@pytest.mark.parametrize("other", OPERANDS)
@pytest.mark.parametrize("kind", ARRAYS)
def test_arithmetic_is_numpys(kind, other):
    x, y = ARRAYS[kind], OPERANDS[other]
    if is_half(y) and x.dtype.kind in "iub":
        pytest.skip("float16 with small integers stays float16 in NumPy")
    for name, op in ARITHMETIC.items():
        if name == "pow" and (np.ones(1, np.float32) ** np.array(2)).dtype != np.float64:
            continue  # this NumPy forgets the dtype of some exponents
        assert_same(result_of(op, cd.array(x), y), result_of(op, x, y), name)
        assert_same(result_of(op, y, cd.array(x)), result_of(op, y, x), name)
        if isinstance(y, np.ndarray):
            assert_same(result_of(op, cd.array(x), cd.array(y)), result_of(op, x, y), name)


@pytest.mark.parametrize("other", OPERANDS)
@pytest.mark.parametrize("kind", ARRAYS)
def test_comparisons_are_numpys(kind, other):
    x, y = ARRAYS[kind], OPERANDS[other]
    for op in COMPARISONS:
        for found, expected in (
            (result_of(op, cd.array(x), y), result_of(op, x, y)),
            (result_of(op, y, cd.array(x)), result_of(op, y, x)),
        ):
            assert not isinstance(found, cd.Array)
            assert_same(found, expected, op.__name__)


@pytest.mark.parametrize("kind", ARRAYS)
def test_unary_operators_are_numpys(kind):
    x = ARRAYS[kind]
    for op in (operator.neg, operator.pos, operator.abs, operator.invert):
        assert_same(result_of(op, cd.array(x)), result_of(op, x))


@pytest.mark.parametrize("name", ["and_", "or_", "xor", "lshift", "rshift"])
@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("other", ["int", "bool", "int array", "bool array", "f64 array", "list"])
def test_bitwise_operators_are_numpys(name, kind, other):
    op = getattr(operator, name)
    x, y = ARRAYS[kind], OPERANDS[other]
    assert_same(result_of(op, cd.array(x), y), result_of(op, x, y))
    assert_same(result_of(op, y, cd.array(x)), result_of(op, y, x))


@pytest.mark.parametrize("other", [1, 2.5, np.int64(3), np.array([2.0, 3.0, 4.0])], ids=repr)
@pytest.mark.parametrize("kind", ["scalar", "f64", "int", "f32"])
def test_divmod(kind, other):
    x = ARRAYS[kind]
    for found, expected in zip(divmod(cd.array(x), other), divmod(x, other), strict=True):
        assert_same(found, expected)
    for found, expected in zip(divmod(other, cd.array(x)), divmod(other, x), strict=True):
        assert_same(found, expected)


def test_divmod_is_differentiated():
    quotient, rest = cd.jacobian(lambda x: divmod(x, 2.0))(7.5)
    assert (quotient, rest) == (0.0, 1.0)
    assert cd.grad(lambda x: divmod(7.5, x)[1])(2.0) == -3.0


def test_matmul_operands():
    x = cd.array([[1.0, 2.0], [3.0, 4.0]])
    for other in ([1.0, 2.0], (1, 2), np.array([1, 2]), np.array([1.0, 2.0], dtype=np.float32)):
        assert_same(x @ other, x.numpy() @ np.asarray(other))
        assert_same(other @ x, np.asarray(other) @ x.numpy())
    for other in (2.0, 2, cd.array(2.0)):
        with pytest.raises(ValueError, match="at least one dimension"):
            x @ other
    for other in (None, "ab", object()):
        with pytest.raises(TypeError, match="unsupported operand"):
            x @ other
    with pytest.raises(ValueError, match="do not fit"):
        x @ np.ones(3)


def test_whole_number_operands_keep_their_type():
    x = cd.array([1, 2])
    assert (x * 2).dtype == np.int64
    assert (x * 2.0).dtype == np.float64
    assert (x**2.0).dtype == np.float64
    assert (cd.array([True]) + True).dtype == bool
    with pytest.raises(ValueError, match="negative integer powers"):
        x**-1


def test_float32_stays_with_python_numbers_only():
    x = cd.array([1.0], dtype=np.float32)
    for other in (2, 2.0, 2**60, True, np.float32(2), np.int8(2)):
        assert (x * other).dtype == (other * x).dtype == np.float32
    for other in (np.float64(2), np.array([2.0]), np.int64(2)):
        assert (x * other).dtype == (np.float32([1]) * other).dtype


@pytest.mark.parametrize("name", ARITHMETIC)
def test_fractions_are_the_floats_they_are_beside_floats(name):
    operation = ARITHMETIC[name]
    half = Fraction(3, 2)
    for f in (lambda x: operation(x, half), lambda x: operation(half, x)):
        for g in (cd.value_and_grad(f), cd.compile(cd.value_and_grad(f))):
            assert g(1.25)[0] == f(1.25)
    x = cd.array([1.0, 2.0], dtype=np.float32)
    assert operation(x, half).dtype == np.float32
    assert (x > half).tolist() == [False, True]


@pytest.mark.parametrize("other", [
    array("d", [1.0, 2.0, 4.0]), memoryview(np.array([1, 2, 4])), bytearray([1, 2, 4]),
], ids=["array", "memoryview", "bytearray"])  # fmt: skip
def test_buffers_are_the_arrays_that_numpy_makes_of_them(other):
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal((other - cd.array(x)).numpy(), np.asarray(other) - x)
    np.testing.assert_array_equal(cd.grad(lambda x: (x * other).sum())(x), np.asarray(other))
    np.testing.assert_array_equal(cd.array(x) == other, [True, True, False])


def test_decimals_are_compared():
    x, two = cd.array([1.0, 2.0, 3.0]), Decimal(2)
    np.testing.assert_array_equal(x == two, [False, True, False])
    np.testing.assert_array_equal(two > x, [True, False, False])
    assert x[1] == two
    assert cd.grad(lambda x: x * x if x > two else x)(3.0) == 6.0


def test_large_integers_are_exact():
    big = 2**62 + 1
    x = cd.array([1, 2])
    np.testing.assert_array_equal((x + big).numpy(), [big + 1, big + 2])
    np.testing.assert_array_equal((big - x).numpy(), [big - 1, big - 2])
    np.testing.assert_array_equal(x < big, [True, True])
    assert int(cd.array(big)) == big
    assert cd.array([big])[0].item() == big
    assert not np.any(cd.array([big]) == big - 1)
    # A double is what a float array makes of it.
    assert cd.grad(lambda u: u * big)(1.0) == float(big)
    with pytest.raises(OverflowError):
        x + 2**70
    with pytest.raises(OverflowError):
        cd.array(1.0) * 10**400


@pytest.mark.parametrize("other", ["text", b"x", None, object(), {}, {1.0}, lambda x: x, ...])
@pytest.mark.parametrize("name", ARITHMETIC)
def test_foreign_operands(name, other):
    x = cd.array([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError):
        ARITHMETIC[name](x, other)
    if name == "mod" and isinstance(other, (str, bytes)):
        return  # formats text
    with pytest.raises(TypeError):
        ARITHMETIC[name](other, x)


@pytest.mark.parametrize(
    "other",
    [
        np.array(["a", "b"]),
        np.array([None, 1.0]),
        np.str_("a"),
        np.datetime64("2020-01-01"),
        np.array([1], dtype="m8[s]"),
        np.zeros(2, dtype=[("a", float)]),
        ["a", 1.0],
    ],
    ids=repr,
)
def test_dtypes_that_are_no_numbers(other):
    x = cd.array([1.0, 2.0], requires_grad=True)
    for call in (
        lambda: x * other,
        lambda: other * x,
        lambda: np.add(x, other),
        lambda: np.add(other, x),
        lambda: cd.array(other),
    ):
        with pytest.raises((TypeError, ValueError)):
            call()


def test_equality_with_what_is_no_number():
    x = cd.array([1.0, 2.0])
    np.testing.assert_array_equal(x == None, [False, False])  # noqa: E711
    np.testing.assert_array_equal(x != "a", [True, True])
    assert (x == object()) is False
    assert (x != {}) is True
    with pytest.raises(TypeError):
        operator.lt(x, "a")
    with pytest.raises(TypeError):
        operator.lt(x, object())


class Foreign:
    """A class with operators of its own."""

    def __radd__(self, other):
        return "radd"

    def __rmul__(self, other):
        return "rmul"

    def __rpow__(self, other):
        return "rpow"

    def __rmatmul__(self, other):
        return "rmatmul"

    def __rdivmod__(self, other):
        return "rdivmod"

    def __rand__(self, other):
        return "rand"

    def __eq__(self, other):
        return "eq"

    def __gt__(self, other):
        return "gt"

    __hash__ = None


class Unufunc(Foreign):
    __array_ufunc__ = None


class Priority(Foreign):
    __array_priority__ = 1000.0

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("was asked for its value")


@pytest.mark.parametrize("other", [Foreign(), Unufunc(), Priority()])
@pytest.mark.parametrize("x", [1.5, [1.5, 2.0]])
def test_foreign_classes_are_asked(x, other):
    x = cd.array(x, requires_grad=True)
    assert (x + other, x * other, x**other, x @ other) == ("radd", "rmul", "rpow", "rmatmul")
    assert divmod(x, other) == "rdivmod"
    assert (x & other) == "rand"
    assert (x == other, x < other) == ("eq", "gt")
    y = x
    y += other
    assert y == "radd"
    with pytest.raises(TypeError):
        x - other


class Quantity(np.ndarray):
    """An ndarray that takes NumPy's protocol into its own hands."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return "quantity"


class Plain(np.ndarray):
    """An ndarray that means the same."""


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_subclasses_of_ndarray(tmp_path):
    x = cd.array([1.0, 2.0])
    values = np.array([3.0, 4.0])
    file = np.memmap(tmp_path / "file", mode="w+", shape=2)
    file[:] = values
    for same in (values.view(Plain), file):
        np.testing.assert_array_equal((x * same).numpy(), [3.0, 8.0])
        np.testing.assert_array_equal((same * x).numpy(), [3.0, 8.0])
    quantity = values.view(Quantity)
    assert x * quantity == quantity * x == "quantity"
    masked = np.ma.array(values, mask=[False, True])
    assert (x * masked).tolist() == [3.0, None]
    x = cd.array([1.0, 2.0], requires_grad=True)
    for call in (
        lambda: x * masked,
        lambda: np.multiply(x, masked),
        lambda: x @ np.matrix([[1.0], [2.0]]),
    ):
        with pytest.raises(TypeError, match=r"np\.asarray|would lose its derivative"):
            call()


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_matrix_is_refused():
    with pytest.raises(TypeError, match=r"np\.asarray"):
        cd.array(np.matrix([[1.0]]))


def test_lists_with_tracked_values_are_operands():
    def f(x):
        return ([x, 2.0] * cd.array([3.0, 4.0]) + (x, [x][0])).sum()

    assert cd.grad(f)(1.0) == 5.0
    with pytest.raises(ValueError, match="ragged"):
        cd.array([[cd.array(1.0), 2.0], [3.0]])


def test_operator_methods_can_be_called_by_name():
    x = cd.array(3.0)
    assert float(x.__add__(2.0)) == 5.0
    assert float(x.__rsub__(2.0)) == -1.0
    assert float(x.__rtruediv__(6.0)) == 2.0
    assert x.__mul__("a") is NotImplemented
    assert x.__radd__(None) is NotImplemented
    assert x.__lt__(object()) is NotImplemented


@pytest.mark.parametrize("place", [0, 1, 2])
def test_pow_with_a_modulus(place):
    args = [2, 2, 3]
    args[place] = cd.array(2.0)
    with pytest.raises(TypeError):
        pow(*args)


def test_numbers_have_one_axis_to_sum_over():
    for x in (1.5, np.array(1.5), np.array(1.5 + 1j), np.array(3)):
        for axis in (0, -1, None, ()):
            got, want = cd.array(x).sum(axis=axis), np.asarray(x).sum(axis=axis)
            assert got.dtype == want.dtype and got.numpy() == want
    with pytest.raises(np.exceptions.AxisError, match="axis 1"):
        cd.array(1.5).sum(axis=1)
    assert cd.grad(lambda x: 3.0 * x.sum(axis=0))(2.0) == 3.0


@pytest.mark.parametrize("part", [
    lambda x: x[None], lambda x: x[()], lambda x: x[...], lambda x: x[None, ..., None],
    lambda x: np.flip(x), lambda x: x[(Ellipsis,)][None, ...], lambda x: x[None][::-1],
])  # fmt: skip
def test_parts_of_numbers_hand_on_the_derivative(part):
    """Twice in one function, so that the second cotangent is added to the first."""

    def f(x):
        return np.sum(part(x) * 3.0) + np.sum(np.sin(part(x))) + np.sum(part(x * x))

    def df(x):
        return 3.0 + np.cos(x) + 2 * x

    for x in (0.75, np.array(0.75)):
        np.testing.assert_allclose(cd.grad(f)(x), df(0.75), rtol=1e-15)
        np.testing.assert_allclose(cd.compile(cd.grad(f))(x), df(0.75), rtol=1e-15)
        np.testing.assert_allclose(cd.jvp(f, (x,), (x * 0 + 1.0,))[1], df(0.75), rtol=1e-15)
        np.testing.assert_allclose(cd.grad(cd.grad(f))(x), 2.0 - np.sin(0.75), rtol=1e-15)
    np.testing.assert_allclose(cd.vmap(cd.grad(f))(np.ones(2)), df(1.0), rtol=1e-15)
    leaf = cd.array(0.75, requires_grad=True)
    f(leaf).backward()
    np.testing.assert_allclose(leaf.grad.numpy(), df(0.75), rtol=1e-15)


def test_shape_is_not_assigned():
    x = cd.array([[1.0, 2.0]])
    with pytest.raises(AttributeError, match=r"shape \(1, 2\) is kept; write x = x.reshape\(2\)"):
        x.shape = 2
    assert x.shape == (1, 2)


def test_one_ellipsis_in_what_is_assigned_to():
    x = cd.array([[1.0, 2.0]])
    for key in ((..., ...), (..., 0, ...)):
        with pytest.raises(IndexError, match="single ellipsis"):
            x[key] = 0.0
    assert x.tolist() == [[1.0, 2.0]]


class Column:
    """As a column of pandas: an operand that steps back for what has a greater priority."""

    __pandas_priority__ = 3000

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return NotImplemented

    def __mul__(self, other):
        return NotImplemented if other.__pandas_priority__ > 3000 else "a column"

    __add__ = __mul__


def test_columns_of_tables_are_their_values():
    column, values = Column([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])
    for f in (
        lambda a, c: a * c,
        lambda a, c: c * a,
        lambda a, c: c + a,
        lambda a, c: np.multiply(c, a),
        lambda a, c: np.arctan2(a, c),
        lambda a, c: np.dot(c, a * values),
    ):
        got, want = cd.value_and_grad(lambda a, c=column, f=f: np.sum(f(a, c)))(2.0), f(2.0, values)
        assert got[0] == np.sum(want)
        assert got[1] == cd.grad(lambda a, f=f: np.sum(f(a, values)))(2.0)


def test_arrays_of_results_of_loops_and_rules_keep_their_derivatives():
    square = cd.custom_vjp(lambda x: x * x)
    square.defvjp(lambda x: (x * x, x), lambda x, g: (2.0 * x * g,))
    makers = {
        "scan": lambda x: cd.scan(lambda c, a: (c + a * x, None), 0.0 * x, np.ones(2))[0],
        "checkpoint": lambda x: cd.checkpoint(lambda x: 2.0 * x)(x),
        "rule": lambda x: square(x) / x,
    }
    x = np.array([1.0, 2.0])
    for name, f in makers.items():
        for made in (lambda x: cd.array(x, dtype=float), cd.array):
            total = lambda x, f=f, made=made: (made(f(x)) ** 2).sum()
            expected = 2.0 * x if name == "rule" else 8.0 * x
            np.testing.assert_allclose(cd.grad(total)(x), expected, err_msg=name)
            np.testing.assert_allclose(cd.jacfwd(total)(x), expected, err_msg=name)
            compiled = cd.compile(total)
            for y in (x, 3.0 * x):
                np.testing.assert_allclose(compiled(y), total(y), err_msg=name)
