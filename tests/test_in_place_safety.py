"""Changing arrays in place: failures, leaves, what was seen before, and memory."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import cdiff as cd
from cdiff import _core

X = np.array([0.5, -1.25, 2.0, 0.75, -0.5, 1.5])


# --- failing operations change nothing ------------------------------------------------------------


class Interrupted:
    def __array__(self, dtype=None, copy=None):
        raise KeyboardInterrupt

    def __index__(self):
        raise KeyboardInterrupt


def failing(a):
    yield IndexError, lambda: a.__setitem__(99, 1.0)
    yield IndexError, lambda: a.__setitem__((0, 0), 1.0)
    yield IndexError, lambda: a.__setitem__([0, 99], 1.0)
    yield ValueError, lambda: a.__setitem__(slice(0, 2), [1.0, 2.0, 3.0])
    yield ValueError, lambda: a.__iadd__(np.ones((2, 6)))
    yield ValueError, lambda: a.__iadd__(np.ones(5))
    yield TypeError, lambda: a.__setitem__(0, "text")
    yield TypeError, lambda: a.__setitem__(0, 1j)
    yield ValueError, lambda: np.add(a, np.ones((2, 6)), out=a)
    yield KeyboardInterrupt, lambda: a.__setitem__(slice(Interrupted(), None), 1.0)


@pytest.mark.parametrize("kind", ["constant", "tracked", "view", "changed"])
def test_failure_leaves_everything_as_it_was(kind):
    leaf = cd.array(X, requires_grad=True)
    whole = cd.array(X) if kind == "constant" else leaf * 1.0
    if kind == "changed":
        whole[0] = whole[0] * 1.0
    a = whole.reshape(6) if kind == "view" else whole
    for error, action in failing(a):
        with pytest.raises(error):
            action()
        np.testing.assert_array_equal(a.numpy(), X)
        np.testing.assert_array_equal(whole.numpy(), X)
        assert cd.is_tracked(a) == (kind != "constant")
    if kind != "constant":
        (whole * a).sum().backward()
        np.testing.assert_allclose(leaf.grad, 2.0 * X)


# --- leaves ---------------------------------------------------------------------------------------


def test_training_loop():
    w = cd.array(X, requires_grad=True)
    row = w[:2]
    same, expected = w, X.copy()
    for _ in range(4):
        ((w - 1.0) ** 2).sum().backward()
        with cd.no_grad():
            w -= 0.1 * w.grad
        w.zero_grad()
        expected -= 0.2 * (expected - 1.0)
    assert w is same and w.requires_grad and w.grad is None and cd.is_tracked(w)
    np.testing.assert_allclose(w.numpy(), expected, rtol=1e-14)
    np.testing.assert_allclose(row.numpy(), expected[:2], rtol=1e-14)
    (row**2).sum().backward()
    np.testing.assert_allclose(w.grad, 2.0 * expected * [1, 1, 0, 0, 0, 0])


def test_graph_recorded_before_the_leaf_changed():
    w = cd.array(X, requires_grad=True)
    before = (w**3).sum()
    with cd.no_grad():
        w *= 2.0
        w[0] = 1.0
    after = (w**2).sum()
    before.backward()
    np.testing.assert_allclose(w.grad, 3.0 * X**2)
    after.backward()
    new = np.concatenate([[1.0], 2.0 * X[1:]])
    np.testing.assert_allclose(w.grad, 3.0 * X**2 + 2.0 * new)


def test_both_versions_of_a_leaf_in_one_graph():
    w = cd.array(X, requires_grad=True)
    before = (w**3).sum()
    with cd.no_grad():
        w *= 2.0
    y = before + (w**2).sum()
    y.backward()
    np.testing.assert_allclose(w.grad, 3.0 * X**2 + 4.0 * X)


def test_view_of_a_leaf_under_no_grad_writes_through():
    w = cd.array(X, requires_grad=True)
    with cd.no_grad():
        w[2:] -= 1.0
        part = w[:2]
        part *= 3.0
    assert not cd.is_tracked(part) and w.requires_grad
    expected = np.concatenate([3.0 * X[:2], X[2:] - 1.0])
    np.testing.assert_allclose(w.numpy(), expected)
    (w**2).sum().backward()
    np.testing.assert_allclose(w.grad, 2.0 * expected)


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w.__setitem__(0, 1.0),
        lambda w: w.__iadd__(1.0),
        lambda w: w[1:].__imul__(2.0),
        lambda w: w.reshape(2, 3).T.__setitem__(0, 1.0),
        lambda w: np.sin(w, out=w),
        lambda w: w.sort(),
    ],
)
def test_leaf_changed_while_recording(change):
    w = cd.array(X, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"no_grad\(\).*copy\(\)"):
        change(w)
    np.testing.assert_array_equal(w.numpy(), X)
    (w**2).sum().backward()
    np.testing.assert_array_equal(w.grad, 2.0 * X)


def test_changed_leaf_is_pickled_and_copied():
    w = cd.array(X, requires_grad=True)
    with cd.no_grad():
        w += 1.0
    for other in (pickle.loads(pickle.dumps(w)), copy.deepcopy(w)):
        assert other.requires_grad
        np.testing.assert_array_equal(other.numpy(), X + 1.0)
    assert repr(w).endswith("requires_grad=True)") and w.shape == (6,)


# --- what graphs and ndarrays have seen does not change -------------------------------------------


def test_exported_ndarray_keeps_its_values():
    x = cd.array(X)
    seen = x.numpy()
    part = x[1:].numpy()
    x += 1.0
    x[0] = 9.0
    np.testing.assert_array_equal(seen, X)
    np.testing.assert_array_equal(part, X[1:])


def test_borrowed_ndarrays_are_never_written():
    mine = X.copy()
    x = cd.array(mine, copy=False)
    v = x[1:]
    v *= 2.0
    x[0] = 3.0
    np.testing.assert_array_equal(mine, X)
    np.testing.assert_array_equal(x.numpy(), np.concatenate([[3.0], 2.0 * X[1:]]))
    leaf = cd.array(mine, requires_grad=True, copy=False)
    y = (leaf * leaf).sum()
    mine[:] = 0.0
    y.backward()
    np.testing.assert_array_equal(leaf.grad, 2.0 * X)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, c: (x * c).sum(),
        lambda x, c: np.dot(x, c),
        lambda x, c: np.einsum("i,i->", x, c),
        lambda x, c: (x.reshape(2, 3) @ c.reshape(3, 2)).sum(),
        lambda x, c: (np.concatenate([x, c]) ** 2).sum(),
        lambda x, c: np.where(c > 0, x, c).sum(),
        lambda x, c: (x / c[::-1]).sum(),
        lambda x, c: np.outer(x, c).sum(),
        lambda x, c: (x * c[None]).sum(),
        lambda x, c: (x[1:] * c[:-1]).sum(),
        lambda x, c: np.arctan2(x, c).sum(),
        lambda x, c: np.maximum(x, c * 0.5).sum(),
    ],
)
@pytest.mark.parametrize("kind", ["ndarray", "shared", "array", "view"])
def test_constant_changed_after_it_was_used(f, kind):
    expected = cd.grad(lambda x: f(x, X + 0.1))(X)
    data = X + 0.1
    makers = {
        "ndarray": lambda: data,
        "shared": lambda: cd.array(data, copy=False),
        "array": lambda: cd.array(data),
        "view": lambda: cd.array(np.append(data, 1.0))[:6],
    }
    c = makers[kind]()
    x = cd.array(X, requires_grad=True)
    y = f(x, c)
    data[:] = 77.0
    c[...] = 55.0
    y.backward()
    np.testing.assert_allclose(x.grad, expected, rtol=1e-13)


# Functions that are recorded as programs, of which a derivative is asked when c has changed.
RECORDED = {
    "checkpoint": lambda x, c: cd.checkpoint(lambda y: np.sin(y) * c)(x),
    "mask": lambda x, c: cd.checkpoint(lambda y: np.where(c > 1.4, y * y, y))(x),
    "scan": lambda x, c: cd.scan(lambda s, _: (np.sin(s) * c, None), x, length=3)[0],
    "segments": lambda x, c: cd.scan(
        lambda s, _: (np.sin(s) * c, None), x, length=9, checkpoint_every=3)[0],
    "paths": lambda x, c: cd.scan(
        lambda s, _: (np.sin(s) * c if s[0] > 0.6 else s * c, None), x, length=4)[0],
    "fori_loop": lambda x, c: cd.fori_loop(0, 3, lambda i, s: np.sin(s) * c, x),
    "while_loop": lambda x, c: cd.while_loop(
        lambda s: s[1] < 70, lambda s: (np.sin(s[0]) * c + 0.1, s[1] + 1), (x, 0))[0],
    "nested": lambda x, c: cd.checkpoint(
        lambda y: cd.fori_loop(0, 3, lambda i, s: np.sin(s) * c, y))(x),
    "mapped": lambda x, c: cd.vmap(
        lambda a: cd.fori_loop(0, 3, lambda i, s: np.sin(s) * c[0], a))(x),
    "custom_root": lambda x, c: cd.custom_root(lambda z, a: z + 0.1 * np.sin(z) - c * a)(x, x),
    "linear_solve": lambda x, c: cd.linear_solve(lambda z: z * c + 0.1 * z.sum(), x),
}  # fmt: skip
MADE = {
    "ndarray": np.array,
    "float32": lambda c: np.array(c, np.float32),
    "view": lambda c: np.repeat(c, 2)[::2],
    "read-only view": lambda c: np.broadcast_to(c, c.shape),
    "Array": cd.array,
}


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("name", RECORDED)
def test_array_from_outside_changed_after_it_was_recorded(name, made):
    x = np.array([0.5, 0.75, 1.0])
    found = []
    for changes in (False, True):
        c = MADE[made](np.array([1.0, 1.5, 2.0]))
        base = c.base if isinstance(c, np.ndarray) and c.base is not None else c
        _, pull = cd.vjp(lambda u, c=c: RECORDED[name](u, c), x)
        if changes:
            base[...] = 7.0
        found.append(pull(np.ones(3))[0])
    np.testing.assert_array_equal(found[1], found[0])


@pytest.mark.parametrize("name", RECORDED)
def test_array_from_outside_changed_between_calls_of_a_compiled_function(name):
    x, c = np.array([0.5, 0.75, 1.0]), np.ones(3)
    slope = cd.grad(lambda u: RECORDED[name](u, c).sum())
    compiled = cd.compile(slope)
    for k in range(4):
        c[...] = np.array([1.0, 1.5, 2.0]) + 0.1 * k
        np.testing.assert_allclose(compiled(x), slope(x), rtol=1e-12)


def test_index_array_changed_after_it_was_used():
    idx = np.array([0, 0, 1])
    x = cd.array(X, requires_grad=True)
    y = (x[idx] ** 2).sum() + _core.gather(x.reshape(6, 1), idx).sum()
    idx[:] = 5
    y.backward()
    np.testing.assert_allclose(x.grad, [4 * X[0] + 2, 2 * X[1] + 1, 0, 0, 0, 0])


def test_seed_changed_after_backward():
    x = cd.array(X, requires_grad=True)
    v = cd.array(np.ones(6))
    (x + 1.0).backward(v)
    v *= 5.0
    np.testing.assert_array_equal(x.grad, np.ones(6))


def test_tangent_changed_after_jvp_started():
    v = cd.array(np.ones(6))

    def f(x):
        v[0] = 9.0
        return (x * x).sum()

    np.testing.assert_allclose(cd.jvp(f, (X,), (v,))[1], 2.0 * X.sum())


def test_record_is_used_again_with_the_original_point():
    def f(x):
        x -= x.mean()
        x[0] = 0.0
        return x * x * x

    y, pull = cd.vjp(f, X)
    _, push = cd.linearize(f, X)
    np.testing.assert_allclose(y, f(X.copy()))
    ones = np.ones(6)
    first = pull(ones)[0]
    twice = cd.grad(lambda u: (pull(u)[0] * X).sum())(ones)
    np.testing.assert_allclose(pull(ones)[0], first)
    np.testing.assert_allclose(twice, push(X), rtol=1e-12)


def test_graph_of_changed_arrays_can_be_looked_at():
    x = cd.array(X, requires_grad=True)
    y = x * 2.0
    y[0] = 1.0
    y[1:] *= y[:-1]
    ops = [row.op for row in _core.graph(y.sum())]
    assert ops[0] == "leaf" and ops[-1] == "sum" and "index_set" in ops
    text = str(cd.matrix_calculus.explain(lambda x: _changed(x), X))
    assert "index_set" in text


def _changed(x):
    x[0] = 2.0 * x[1]
    return (x * x).sum()


# --- memory ---------------------------------------------------------------------------------------


def resident():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096


def cycle_by_operator():
    y = cd.array(X, requires_grad=True) * 2.0
    y -= y.mean()
    y *= y.sum()


def cycle_by_later_operand():
    y = cd.array(X, requires_grad=True) * 2.0
    z = y * 3.0
    y[0] = 1.0
    y[1] = z[1]
    y[2:] += y[:-2]


def cycle_through_views():
    x = cd.array(X) * cd.array(2.0, requires_grad=True)
    v = x[1:]
    w = v.reshape(5, 1).T
    x[:-1] += v
    w *= x.sum()
    v += w[0]


def cycle_of_constants():
    w = cd.array(X, requires_grad=True)
    c = cd.array(X)
    y = c * w
    v = c[1:]
    c += y
    v *= c[:-1]
    (v * c[1:]).sum().backward()


def cycle_in_transformations():
    def f(x):
        v = x[1:]
        x *= x.sum()
        v -= x[:-1]
        return (x * x).sum()

    cd.grad(f)(X)
    cd.jvp(f, (X,), (X,))


def cycle_of_a_leaf():
    w = cd.array(X, requires_grad=True)
    v = w[1:]
    y = (w * w).sum()
    with cd.no_grad():
        w -= 0.1 * w
        v *= 2.0
    (y + (w * v[0]).sum()).backward()


def cycle_through_views_with_memory():
    def f(x):
        v = np.lib.stride_tricks.sliding_window_view(x, 2)
        x[0] = x[1]
        return (v * v).sum()

    c = cd.array(X)
    for a in (c, c * cd.array(2.0, requires_grad=True), c * 1j):
        v = np.lib.stride_tricks.sliding_window_view(a, 2)
        b, d, r = np.broadcast_to(a, (2, 6)), np.diagonal(a.reshape(2, 3).T), a.real[1:]
        a[0] = a[1]
        assert (v.sum() + b.sum() + d.sum() + r.sum()).ndim == 0
        a *= 2.0
        assert v[0].shape == (2,)
        a.flags.writeable = False
    cd.grad(f)(X)
    cd.jvp(f, (X,), (X,))


@pytest.mark.memory
@pytest.mark.parametrize(
    "work",
    [
        cycle_by_operator,
        cycle_by_later_operand,
        cycle_through_views,
        cycle_through_views_with_memory,
        cycle_of_constants,
        cycle_in_transformations,
        cycle_of_a_leaf,
    ],
)
def test_no_leak(work):
    for _ in range(1000):
        work()
    before = resident()
    for _ in range(20000):
        work()
    # A leaked node and its block are at least 128 bytes: 2.5 MB.
    assert resident() - before < 1.5e6


@pytest.mark.memory
def test_assignments_reuse_the_buffer():
    """2e5 assignments into an array of 1.6 MB: copies would take minutes, versions terabytes."""
    n = 200_000
    c = cd.array(np.zeros(n))
    y = cd.array(0.5, requires_grad=True)
    before = resident()
    for i in range(n):
        c[i] = float(i)
    v = c[1:]
    for i in range(1000):
        v[i] = c[i]
    for i in range(n // 4):
        c[i] = y
    for i in range(1, n // 4):
        c[i] = c[i - 1] * 0.5 + y
    assert resident() - before < 250e6
    c.sum().backward()
    np.testing.assert_allclose(y.grad, n // 2 - 2 + 1, rtol=1e-3)


@pytest.mark.memory
def test_stencil_and_dual_loops_reuse_the_buffer():
    n = 50_000
    before = resident()

    def f(s):
        c = cd.numpy.zeros(n)
        c[0] = s
        c[1] = s
        for i in range(2, n):
            c[i] = 0.5 * (c[i - 2 : i] * c[i - 2 : i]).sum() + c[i - 1 : i].sum() * 0.1
        return c.sum()

    slope = cd.grad(f)(0.3)
    assert resident() - before < 200e6
    assert cd.jvp(f, (0.3,), (1.0,))[1] == pytest.approx(slope, rel=1e-12)
