"""Changing arrays in place: as NumPy does it, with the right derivative, without leaks.

The same lines run on ndarrays and on Arrays. For derivatives, random programs are run a third time
on single cells of memory (`Cells`), where every cell is a scalar and nothing is ever mutated.
"""

from __future__ import annotations

import copy

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import cdiff as cd

X = np.array([0.5, -1.25, 2.0, 0.75, -0.5, 1.5])


def same_everywhere(f, reference, x=X):
    """f mutates, reference does not: value, gradient, tangent and second derivative agree."""
    before = x.copy()
    np.testing.assert_allclose(cd.value_and_grad(f)(x)[0], f(x.copy()), rtol=1e-13)
    expected = cd.grad(reference)(x)
    np.testing.assert_allclose(cd.grad(f)(x), expected, rtol=1e-12, atol=1e-12)
    t = np.linspace(-1.0, 1.0, x.size).reshape(x.shape)
    value, tangent = cd.jvp(f, (x,), (t,))
    np.testing.assert_allclose(value, reference(x), rtol=1e-13)
    np.testing.assert_allclose(tangent, np.sum(expected * t), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(cd.hessian(f)(x), cd.hessian(reference)(x), rtol=1e-11, atol=1e-11)
    leaf = cd.array(x, requires_grad=True)
    f(leaf.copy()).backward()
    np.testing.assert_allclose(leaf.grad, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(x, before)


# --- random programs ------------------------------------------------------------------------------

VIEWS = (
    lambda a: a[1:],
    lambda a: a[::-1],
    lambda a: a[::2],
    lambda a: a.T,
    lambda a: a.reshape(-1),
    lambda a: a[None],
    lambda a: a[..., :1],
    lambda a: a[0] if a.ndim > 1 else a[:2],
    lambda a: a[:, 0] if a.ndim > 1 else a[-2:],
    lambda a: a.reshape(2, -1) if a.size % 2 == 0 else a.reshape(1, -1),
)
KEYS = (0, -1, slice(1, None), slice(None, None, -1), Ellipsis, [0, 0], slice(0, 1))
OPERATORS = ("+", "-", "*", "/")


class Direct:
    """Programs on ndarrays or Arrays, with the operators under test."""

    def __init__(self, x):
        self.arrays = [x]
        self.total = 0.0

    def shapes(self):
        return [np.empty(a.shape) for a in self.arrays]

    def view(self, k, view):
        self.arrays.append(view(self.arrays[k]))

    def fresh(self, k):
        a = self.arrays[k] * 0.5 + 0.25
        self.arrays.append(np.ascontiguousarray(a) if isinstance(a, np.ndarray) else a)

    def operand(self, k, j):
        a, b = self.arrays[k], self.arrays[j]
        return b if a.shape == b.shape else b.mean() * 0.5

    def operator(self, k, op, j):
        a, b = self.arrays[k], self.operand(k, j)
        if op == "+":
            a += b
        elif op == "-":
            a -= b
        elif op == "*":
            a *= b
        else:
            a /= b * b + 1.0

    def assign(self, k, key, j):
        a, b = self.arrays[k], self.arrays[j]
        part = np.empty(a.shape)[key]
        a[key] = b * 0.75 if b.shape == np.shape(part) else b.mean()

    def read(self, k):
        a = self.arrays[k]
        self.total = self.total + (a * a).sum() * 0.5 + a.sum()


class Cells(Direct):
    """The same on lists of scalars; an array is the positions of its elements."""

    def __init__(self, values, shape):
        self.cells = list(values)
        self.arrays = [np.arange(len(self.cells)).reshape(shape)]
        self.total = 0.0

    def load(self, k):
        return [self.cells[i] for i in self.arrays[k].ravel()]

    def view(self, k, view):
        """A reshape that NumPy answers with a copy gets cells of its own."""
        places = self.arrays[k]
        found = view(places)
        if not np.shares_memory(found, places):
            n = len(self.cells)
            self.cells += [self.cells[i] for i in found.ravel()]
            found = np.arange(n, n + found.size).reshape(found.shape)
        self.arrays.append(found)

    def store(self, places, values):
        for i, v in zip(np.ravel(places), values, strict=True):
            self.cells[i] = v

    def fresh(self, k):
        values = [v * 0.5 + 0.25 for v in self.load(k)]
        n = len(self.cells)
        self.arrays.append(np.arange(n, n + len(values)).reshape(self.arrays[k].shape))
        self.cells += values

    def mean(self, j):
        values = self.load(j)
        return sum(values) / len(values)

    def operator(self, k, op, j):
        a = self.load(k)
        same = self.arrays[k].shape == self.arrays[j].shape
        b = self.load(j) if same else [self.mean(j) * 0.5] * len(a)
        f = {
            "+": lambda u, v: u + v,
            "-": lambda u, v: u - v,
            "*": lambda u, v: u * v,
            "/": lambda u, v: u / (v * v + 1.0),
        }[op]
        self.store(self.arrays[k], [f(u, v) for u, v in zip(a, b, strict=True)])

    def assign(self, k, key, j):
        places = self.arrays[k][key]
        if self.arrays[j].shape == np.shape(places):
            values = [v * 0.75 for v in self.load(j)]
        else:
            values = [self.mean(j)] * np.size(places)
        self.store(places, values)

    def read(self, k):
        for v in self.load(k):
            self.total = self.total + v * v * 0.5 + v


def run(machine, program):
    """All steps, then everything that is left is read."""
    for what, k, i, j in program:
        n = len(machine.arrays)
        k, j = k % n, j % n
        shape = machine.arrays[k].shape
        if what == "view" and (shape[0] < 3 or len(shape) > 2) and i % len(VIEWS) not in (3, 4):
            continue
        if what == "view":
            machine.view(k, VIEWS[i % len(VIEWS)])
        elif what == "fresh":
            machine.fresh(k)
        elif what == "operator":
            machine.operator(k, OPERATORS[i % len(OPERATORS)], j)
        elif what == "assign":
            key = KEYS[i % len(KEYS)]
            machine.assign(k, key if shape[0] > 1 or i % len(KEYS) != 2 else 0, j)
        else:
            machine.read(k)
    for k in range(len(machine.arrays)):
        machine.read(k)
    return machine.total


steps = st.tuples(
    st.sampled_from(["view", "view", "fresh", "operator", "operator", "assign", "assign", "read"]),
    st.integers(0, 9),
    st.integers(0, 9),
    st.integers(0, 9),
)


@given(st.lists(steps, min_size=1, max_size=10), st.sampled_from([(6,), (3, 2), (2, 3)]))
@settings(max_examples=200, deadline=None)
def test_random_programs(program, shape):
    x = X.reshape(shape)

    def direct(x):
        return run(Direct(x), program)

    def cells(x):
        return run(Cells([x[i] for i in np.ndindex(shape)], shape), program)

    expected, slope = cd.value_and_grad(cells)(x)
    np.testing.assert_allclose(direct(x.copy()), expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(direct(cd.array(x)).item(), expected, rtol=1e-10, atol=1e-10)
    value, g = cd.value_and_grad(direct)(x)
    np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(g, slope, rtol=1e-9, atol=1e-9)
    t = np.linspace(1.0, 2.0, 6).reshape(shape)
    value, tangent = cd.jvp(direct, (x,), (t,))
    np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(tangent, np.sum(slope * t), rtol=1e-9, atol=1e-9)
    leaf = cd.array(x, requires_grad=True)
    direct(leaf.copy()).backward()
    np.testing.assert_allclose(leaf.grad, slope, rtol=1e-9, atol=1e-9)


@given(st.lists(steps, min_size=1, max_size=7), st.sampled_from([(6,), (3, 2)]))
@settings(max_examples=60, deadline=None)
def test_random_programs_twice_differentiated(program, shape):
    x = X.reshape(shape)

    def direct(x):
        return run(Direct(x), program)

    def cells(x):
        return run(Cells([x[i] for i in np.ndindex(shape)], shape), program)

    t = np.linspace(1.0, 2.0, 6).reshape(shape)
    expected = cd.jvp(cd.grad(cells), (x,), (t,))[1]
    for second in (
        cd.jvp(cd.grad(direct), (x,), (t,))[1],
        cd.grad(lambda x: cd.jvp(direct, (x,), (t,))[1])(x),
        cd.grad(lambda x: (cd.grad(direct)(x) * t).sum())(x),
    ):
        np.testing.assert_allclose(second, expected, rtol=1e-8, atol=1e-8)


# --- functions that change their argument ---------------------------------------------------------


def test_centering_in_place():
    def f(x):
        x -= x.mean()
        return (x**2).sum()

    same_everywhere(f, lambda x: ((x - x.mean()) ** 2).sum())


def test_first_element_set_to_zero():
    def f(x):
        x[0] = 0.0
        return (x**3).sum()

    same_everywhere(f, lambda x: (x[1:] ** 3).sum())


def test_views_write_through_and_follow():
    def f(x):
        tail = x[1:]
        tail *= 2.0
        x[1] = 5.0
        first = x.reshape(2, 3)[0]
        first += tail[0]
        x.reshape(2, 3).T[0] *= 3.0
        return (x * np.arange(1.0, 7.0) * x).sum() + tail[1]

    def reference(x):
        a, c, d, e, g = x[0], 2 * x[2], 2 * x[3], 2 * x[4], 2 * x[5]
        values = [3.0 * (a + 5.0), 10.0, c + 5.0, 3.0 * d, e, g]
        return sum(k * v * v for k, v in zip(range(1, 7), values, strict=True)) + c + 5.0

    same_everywhere(f, reference)


def test_assigning_through_a_transpose_keeps_the_layout():
    def f(x):
        a = x.reshape(3, 2)
        t = a.T
        t *= 2.0
        flat = a.reshape(-1)
        flat += 1.0
        return (x * x).sum()

    same_everywhere(f, lambda x: ((2.0 * x + 1.0) ** 2).sum())


def test_recurrence_into_an_array():
    def f(x):
        c = cd.numpy.zeros(6) if isinstance(x, cd.Array) else np.zeros(6)
        c[0] = x[0]
        for i in range(1, 6):
            c[i] = c[i - 1] * x[i] + c[:i].sum()
        return c.sum()

    def reference(x):
        c = [x[0]]
        for i in range(1, 6):
            c.append(c[-1] * x[i] + sum(c))
        return sum(c)

    same_everywhere(f, reference)


def test_rows_of_a_loop_are_views():
    def f(x):
        a = x.reshape(3, 2)
        for row in a:
            row *= row.sum()
        return (x**2).sum()

    def reference(x):
        return sum(
            (x[i] * (x[i] + x[i + 1])) ** 2 + (x[i + 1] * (x[i] + x[i + 1])) ** 2 for i in (0, 2, 4)
        )

    same_everywhere(f, reference)


def test_value_saved_before_the_change():
    def f(x):
        y = x * x
        s = np.sin(x[2:])
        x[...] = 7.0
        return y.sum() + s.sum() + x.sum()

    same_everywhere(f, lambda x: (x * x).sum() + np.sin(x[2:]).sum() + 42.0)


def test_saved_result_is_not_overwritten():
    """exp reads its own result, a reduction reads its result as well."""

    def f(x):
        y = np.exp(x)
        y[0] = 1.0
        y[1] = y[2] * 2.0
        y[3] = 4.0
        z = y.reshape(2, 3).max(axis=1)
        z[0] = 2.0
        return y.sum() + z.sum()

    def reference(x):
        e = np.exp(x)
        top = np.maximum(np.maximum(4.0, e[4]), e[5])
        return 1.0 + 3.0 * e[2] + 4.0 + e[4] + e[5] + 2.0 + top

    same_everywhere(f, reference)


def test_boolean_and_index_arrays():
    def f(x):
        x[x < 0] *= -2.0
        x[[0, 2]] += x[[2, 0]]
        return (x**3).sum()

    def reference(x):
        y = np.where(x < 0, -2.0 * x, x)
        swapped = y[[2, 1, 0, 3, 4, 5]]
        mask = np.array([1.0, 0, 1, 0, 0, 0])
        return ((y + mask * swapped) ** 3).sum()

    same_everywhere(f, reference)


def test_advanced_results_and_copies_are_not_views():
    for make in (
        lambda a: a[[0, 1]],
        lambda a: a[a > 0],
        lambda a: a.copy(),
        lambda a: +a,
        lambda a: a.astype(float),
        lambda a: cd.array(a),
        lambda a: a.flatten(),
        lambda a: np.roll(a, 0),
        lambda a: np.repeat(a, 1),
        lambda a: np.tile(a, 1),
        lambda a: np.concatenate([a]),
        lambda a: a.detach(),
        copy.copy,
    ):
        for x in (cd.array(X), cd.array(X, requires_grad=True) * 1.0):
            y = make(x)
            y += 1.0
            y[0] = 9.0
            np.testing.assert_array_equal(x.numpy(), X)
            kept = y.numpy().copy()
            x *= 3.0
            x[1] = 4.0
            np.testing.assert_array_equal(y.numpy(), kept)


def test_broadcast_views_are_read_only():
    x = cd.array(X)
    for y in (np.broadcast_to(x, (2, 6)), np.broadcast_to(x * 1.0, (2, 6))[0]):
        with pytest.raises(ValueError, match="read-only"):
            y[0] = 1.0
        with pytest.raises(ValueError, match="read-only"):
            y += 1.0


def test_views_of_views_after_their_base_is_gone():
    x = cd.array(X)
    a, b = x[1:], x[:-1].reshape(5, 1)
    del x
    a *= 2.0
    b[1, 0] = 7.0
    np.testing.assert_array_equal(a.numpy(), [7.0, 4.0, 1.5, -1.0, 3.0])
    np.testing.assert_array_equal(b.numpy().ravel(), [0.5, 7.0, 4.0, 1.5, -1.0])


def test_long_chains_of_views():
    x = y = cd.array(np.zeros(3001))
    t = cd.array(np.zeros(3001), requires_grad=True) * 1.0
    for _ in range(3000):
        y, t = y[1:], t[1:]
    y += 1.0
    assert x.numpy()[-1] == 1.0 and t.shape == (1,)
    z = t
    for _ in range(2000):
        z = z.T
    z += 1.0
    assert t.item() == 1.0


# --- operators ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "a += b",
        "a -= b",
        "a *= b",
        "a /= b",
        "a **= 2",
        "a //= b",
        "a %= b",
        "a @= m",
        "a += 0.5",
        "a[0] += b[1]",
        "a[:, 1:] -= 2",
        "a.T[0] = 3",
        "a[...] = b",
        "a[1] = [1, 2]",
        "a += [1, 2]",
        "np.add(a, b, out=a)",
        "np.sin(a, out=a)",
        "a.fill(3)",
        "a.sort()",
        "np.multiply(a[:1], 2, out=a[:1])",
        "np.multiply(a, 2, out=a[:1])",
        "a[:, 0], a[:, 1] = a[:, 1].copy(), a[:, 0].copy()",
        "a[1:] = a[:-1]",
        "a[::-1] = a",
        "a += a.T",
        "a -= a[0]",
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int8, bool])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_same_code_as_numpy(code, dtype):
    values = [np.array([[3, 1], [2, 4]]), np.array([[1, 2], [2, 1]]), np.array([[0, 1], [1, 1]])]
    expected = dict(zip("abm", [v.astype(dtype) for v in values], strict=True), np=np)
    found = dict(zip("abm", [cd.array(v.astype(dtype)) for v in values], strict=True), np=np)
    same = found["a"]
    try:
        exec(code, expected)
    except (TypeError, ValueError):
        before = same.numpy().copy()
        with pytest.raises((TypeError, ValueError)):
            exec(code, found)
        np.testing.assert_array_equal(same.numpy(), before)
        return
    exec(code, found)
    assert found["a"] is same and same.dtype == dtype
    np.testing.assert_allclose(same.numpy(), expected["a"], rtol=1e-6)


def test_bitwise_operators_in_place():
    a, b = np.array([True, False, True]), cd.array(np.array([True, False, True]))
    view = b[1:]
    for x in (a, b):
        x &= np.array([True, True, False])
        x |= np.array([False, False, True])
        x ^= np.array([True, False, False])
    np.testing.assert_array_equal(b.numpy(), a)
    np.testing.assert_array_equal(view.numpy(), a[1:])


def test_shifts_in_place():
    a = np.array([[3, 1], [2, 5]], dtype=np.int16)
    b = cd.array(a)
    view = b[1:]
    for x in (a, b):
        x <<= np.array([1, 2], dtype=np.int8)
        x >>= 1
    np.testing.assert_array_equal(b.numpy(), a)
    np.testing.assert_array_equal(view.numpy(), a[1:])
    assert b.dtype == np.int16
    with pytest.raises(TypeError):
        b <<= np.ones(2, np.uint64)
    with pytest.raises(ValueError, match="broadcast"):
        b >>= np.ones((3, 2, 2), int)
    with pytest.raises(TypeError):
        b <<= 1.5


def test_matmul_in_place_derivative():
    m = np.array([[1.0, 2.0], [-1.0, 0.5]])

    def f(x):
        y = x.reshape(3, 2)
        y @= m
        return (x**2).sum()

    same_everywhere(f, lambda x: ((x.reshape(3, 2) @ m) ** 2).sum())


def test_integers_refuse_what_numpy_refuses():
    for make in (np.array, cd.array):
        a = make([1, 2, 3])
        with pytest.raises(TypeError):
            a += 0.5
        with pytest.raises(TypeError):
            a /= 2
        with pytest.raises(OverflowError):
            a[0] = 2**70
        assert a.tolist() == [1, 2, 3]
        a[1] = 2.7
        assert a.tolist() == [1, 2, 3]
    a = cd.array([1, 2, 3])
    with pytest.raises(TypeError, match="dtype"):
        a += cd.array([1.0, 2.0, 3.0], requires_grad=True)
    with pytest.raises(TypeError, match="dtype"):
        a[0] = cd.array(1.0, requires_grad=True)


def test_scalars_are_rebound_not_changed():
    x = y = cd.array(2.0, requires_grad=True)
    y += 1.0
    assert x.item() == 2.0 and y.item() == 3.0
    with pytest.raises(TypeError, match="scalar"):
        y[...] = 3.0
    with pytest.raises(TypeError, match="scalar"):
        cd.array(1.0)[()] = 3.0
