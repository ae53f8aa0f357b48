"""`backward`: what arrives in `grad`, what is freed, what an error leaves behind."""

from __future__ import annotations

import math

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp


def leaf(*values, **kwargs):
    return cd.array(values[0] if len(values) == 1 else list(values), requires_grad=True, **kwargs)


def values_of(x):
    return None if x is None else x.tolist()


# ------------------------------------------------------------------ accumulation


@pytest.mark.parametrize("start", [3.0, [3.0, 4.0], [[3.0], [4.0]]])
def test_gradients_accumulate_until_zeroed(start):
    x = leaf(start)
    assert x.grad is None
    single = 2.0 * np.array(start)
    for times in (1, 2, 3):
        (x * x).backward()
        np.testing.assert_array_equal(x.grad.numpy(), times * single)
    x.zero_grad()
    assert x.grad is None
    (x * x).backward()
    np.testing.assert_array_equal(x.grad.numpy(), single)
    assert not cd.is_tracked(x.grad)
    assert x.grad.shape == x.shape


def test_a_gradient_taken_away_is_not_changed_later():
    x = leaf(1.0, 2.0)
    (x * x).backward()
    first = x.grad
    memory = first.numpy()
    (x * x).backward()
    assert first.tolist() == memory.tolist() == [2.0, 4.0]
    assert x.grad.tolist() == [4.0, 8.0]


def test_gradients_are_objects_of_their_own():
    x, z = leaf(1.0, 2.0), leaf(3.0, 4.0)
    v = cd.array([10.0, 20.0]) * 1.0  # in memory of the library
    (x + z).backward(v)
    assert x.grad is not z.grad
    x.grad[0] = 99.0
    assert (z.grad.tolist(), v.tolist()) == ([10.0, 20.0], [10.0, 20.0])
    x.zero_grad()
    x.backward(v)
    v[0] = 77.0
    assert x.grad.tolist() == [10.0, 20.0]
    seed = np.array([1.0, 2.0])
    z.zero_grad()
    (z + 0.0).backward(seed)
    seed[:] = 0.0
    assert z.grad.tolist() == [1.0, 2.0]


def test_gradients_of_leaves_given_as_results_share_no_memory():
    x = leaf(np.ones(100))
    (x * x).sum().backward()
    _, aux = cd.grad(lambda u: (u.sum(), x.grad), has_aux=True)(np.ones(3))
    if isinstance(aux, np.ndarray) and aux.flags.writeable:
        aux[0] = 77.0
    assert x.grad[0].item() == 2.0
    g = cd.grad(lambda u: (u * u).sum())(cd.array(np.ones(100)))
    _, aux = cd.grad(lambda u: (u.sum(), g), has_aux=True)(np.ones(3))
    aux[0] = 77.0
    assert g[0].item() == 2.0


@pytest.mark.parametrize("n", [1, 3, 100])
def test_results_are_different_arrays(n):
    pull = cd.vjp(lambda x, y: x + y, cd.array(np.ones(n)), cd.array(np.ones(n)))[1]
    seed = cd.array(np.ones(n)) * 1.0
    gx, gy = pull(seed)
    assert gx is not gy
    assert gx is not seed
    gx[0] = 5.0
    assert (gy[0].item(), seed[0].item()) == (1.0, 1.0)


def test_a_leaf_is_its_own_gradient_graph():
    x = leaf(2.0)
    x.backward()
    x.backward(3.0)
    assert x.grad.item() == 4.0


def test_leaves_not_reached_are_left_alone():
    x, unused, constant = leaf(2.0), leaf(3.0), cd.array(4.0)
    y = x * constant
    unused * constant
    y.backward()
    assert (x.grad.item(), unused.grad, constant.grad) == (4.0, None, None)


def test_a_leaf_reached_without_effect_gets_zeros():
    x = leaf(1.0, 2.0)
    y = leaf(3.0)
    (cnp.sign(y) + (x * 0.0).sum()).backward()
    assert values_of(x.grad) == [0.0, 0.0]
    assert y.grad is None or y.grad.item() == 0.0


def test_one_leaf_used_many_times():
    x = leaf(2.0)
    y = x * x + x / x + x**3 + 5.0 * x - x
    y.backward()
    assert x.grad.item() == 4.0 + 0.0 + 12.0 + 5.0 - 1.0


def test_float32():
    x = leaf(1.0, 2.0, dtype=np.float32)
    y = leaf(3.0, 4.0)
    (x * y).backward()
    assert (x.grad.dtype, y.grad.dtype) == (np.float32, np.float64)
    assert (values_of(x.grad), values_of(y.grad)) == ([3.0, 4.0], [1.0, 2.0])
    (x * 2).backward(np.array([1.0, 0.5]))
    assert x.grad.dtype == np.float32
    assert values_of(x.grad) == [5.0, 5.0]


def test_zero_size():
    x = leaf(np.zeros((0, 3)))
    (x * 2.0).sum().backward()
    assert x.grad.shape == (0, 3)
    x.zero_grad()
    (x * 2.0).backward()
    assert x.grad.shape == (0, 3)


# ------------------------------------------------------------------ seeds


def test_seeds_that_fit():
    for seed in ([1.0, 2.0], (1, 2), np.array([1, 2]), np.array([1.0, 2.0], np.float32),
                 cd.array([1.0, 2.0]), np.array([2.0, 1.0])[::-1], np.array([1.0, 2.0], ">f8"),
                 [np.float64(1.0), True + 1]):  # fmt: skip
        x = leaf(3.0, 4.0)
        (x * x).backward(seed)
        assert values_of(x.grad) == [6.0, 16.0]
    for seed in (2, 2.0, np.float32(2.0), np.array(2.0), cd.array(2.0), True + 1):
        x = leaf(3.0)
        (x * x).backward(seed)
        assert x.grad.item() == 12.0


BAD_SEEDS = {
    "scalar": (1.0, ValueError, r"shape \(\).*shape \(2,\)"),
    "shape": ([1.0, 2.0, 3.0], ValueError, r"shape \(3,\)"),
    "column": (np.ones((2, 1)), ValueError, r"shape \(2, 1\)"),
    "empty": ([], ValueError, r"shape \(0,\)"),
    "ragged": ([[1.0], [1.0, 2.0]], ValueError, "inhomogeneous"),
    "text": ("ab", TypeError, "got str"),
    "texts": (["a", "b"], TypeError, "dtype <U1"),
    "objects": ([None, None], TypeError, "object"),
    "complex": ([1j, 2j], TypeError, "complex"),
    "dict": ({}, TypeError, "got dict"),
    "function": (len, TypeError, "got builtin_function"),
    "generator": ((v for v in (1.0, 2.0)), TypeError, "got generator"),
    "leaf": (leaf(1.0, 2.0), TypeError, "must not be tracked"),
    "huge": ([2**70, 1], TypeError, "object"),
}


@pytest.mark.parametrize("kind", BAD_SEEDS)
def test_seeds_that_do_not_fit(kind):
    seed, error, message = BAD_SEEDS[kind]
    x = leaf(3.0, 4.0)
    y = x * x
    for _ in range(2):
        with pytest.raises(error, match=message):
            y.backward(seed)
        assert x.grad is None
    y.backward()
    assert values_of(x.grad) == [6.0, 8.0]


def test_seeds_that_are_not_finite():
    x = leaf(3.0, 4.0)
    (x * x).backward([math.nan, math.inf])
    assert math.isnan(x.grad[0].item())
    assert x.grad[1].item() == math.inf


# ------------------------------------------------------------------ the graph and its end


@pytest.mark.parametrize("make", [lambda x: x * x * x, lambda x: cnp.exp(x).sum() * 2.0])
@pytest.mark.parametrize("start", [2.0, [2.0, 3.0]])
def test_twice_needs_retain_graph(make, start):
    x = leaf(start)
    y = make(x)
    y.backward(retain_graph=True)
    once = x.grad.numpy().copy()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), 3 * once)
    for retain in (False, True):
        with pytest.raises(RuntimeError, match="retain_graph=True"):
            y.backward(retain_graph=retain)
    np.testing.assert_array_equal(x.grad.numpy(), 3 * once)
    # The value is still there.
    np.testing.assert_array_equal(y.numpy(), make(x).numpy())
    assert "tracked" in repr(y)


@pytest.mark.parametrize("start", [2.0, [2.0, 3.0]])
def test_a_freed_part_reached_from_another_output(start):
    x, w = leaf(start), leaf(start)
    shared = x * x
    first, second = shared * 2.0, (shared * w) * 3.0
    first.backward()
    before = values_of(x.grad)
    with pytest.raises(RuntimeError, match="already freed"):
        second.backward()
    assert values_of(x.grad) == before
    assert w.grad is None
    # What does not reach the freed part is still fine.
    (w * 2.0).backward()
    np.testing.assert_array_equal(w.grad.numpy(), np.full(np.shape(start), 2.0))


def test_a_freed_array_goes_on_as_part_of_a_new_expression_with_an_error():
    x = leaf(2.0)
    y = x * x
    y.backward()
    z = y * x
    assert z.item() == 8.0
    with pytest.raises(RuntimeError, match="already freed"):
        z.backward()
    assert x.grad.item() == 4.0
    (y.detach() * x).backward()
    assert x.grad.item() == 8.0


def test_several_outputs_that_share_a_part():
    x = leaf(1.0, 2.0)
    shared = cnp.exp(x)
    a, b = (shared * shared).sum(), (shared * x).sum()
    a.backward(retain_graph=True)
    b.backward()
    e = np.exp([1.0, 2.0])
    np.testing.assert_allclose(x.grad.numpy(), 2 * e * e + e + np.array([1.0, 2.0]) * e)


def test_freeing_gives_back_memory_but_not_what_others_use():
    x = leaf(np.ones(1000))
    y = x * 2.0
    z = y * y
    z.sum().backward()
    assert y.tolist() == [2.0] * 1000
    assert z.tolist() == [4.0] * 1000


@pytest.mark.parametrize(
    "y",
    [
        cd.array(1.0),
        cd.array([1.0, 2.0]) * 2.0,
        cd.array([1, 2]),
        leaf(1.0).detach() * 2.0,
        cd.stop_gradient(leaf(1.0)),
    ],
    ids=repr,
)
def test_nothing_to_do_is_an_error(y):
    with pytest.raises(RuntimeError, match="requires_grad=True"):
        y.backward()


@pytest.mark.parametrize("w", [1.0, leaf(1.0)], ids=["alone", "with a leaf"])
def test_backward_inside_of_a_transformation(w):
    """Of what the transformation follows: it freed the graph, or gave the gradient of one point."""

    def f(x):
        y = w * x * x
        for retain in (False, True):
            with pytest.raises(RuntimeError, match=r"whose function is running.*cdiff\.grad"):
                y.backward(retain_graph=retain)
        return y

    assert cd.grad(f)(3.0) == 6.0
    assert [y.item() for y in map(cd.array, cd.jvp(f, (3.0,), (1.0,)))] == [9.0, 6.0]
    assert cd.compile(f)(3.0) == 9.0
    assert cd.vmap(f)(np.array([3.0, 1.0])).tolist() == [9.0, 1.0]
    assert getattr(w, "grad", None) is None


def test_detach():
    x = leaf(2.0, 3.0)
    y = x * x
    d = y.detach()
    assert not cd.is_tracked(d)
    assert not d.requires_grad
    (d * x).backward()
    assert values_of(x.grad) == [4.0, 9.0]
    assert values_of(x) == [2.0, 3.0]
    d[0] = 100.0
    assert values_of(y) == [4.0, 9.0]
    assert x.detach().grad is None


# ------------------------------------------------------------------ the attribute grad


def test_setting_the_gradient():
    x = leaf(1.0, 2.0)
    memory = np.array([5.0, 6.0])
    x.grad = memory
    memory[:] = 0.0
    assert values_of(x.grad) == [5.0, 6.0]
    (x * 2.0).backward()
    assert values_of(x.grad) == [7.0, 8.0]
    for given in ([1, 2], (1.0, 2.0), cd.array([1.0, 2.0]), np.array([1.0, 2.0], np.float32)):
        x.grad = given
        assert (x.grad.dtype, values_of(x.grad)) == (np.float64, [1.0, 2.0])
    x.grad = None
    assert x.grad is None
    x.grad = [1.0, 2.0]
    del x.grad
    assert x.grad is None
    s = leaf(1.0, dtype=np.float32)
    s.grad = 2.0
    assert (s.grad.dtype, s.grad.item()) == (np.float32, 2.0)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (1.0, ValueError, "shape"),
        ([1.0], ValueError, "shape"),
        ("ab", TypeError, "got str"),
        ([1j, 2.0], TypeError, "complex"),
        (leaf(1.0, 2.0), TypeError, r"detach\(\)"),
    ],
)
def test_gradients_that_do_not_fit(value, error, message):
    x = leaf(1.0, 2.0)
    x.grad = [5.0, 6.0]
    with pytest.raises(error, match=message):
        x.grad = value
    assert values_of(x.grad) == [5.0, 6.0]


def test_only_leaves_have_a_gradient():
    for y in (cd.array([1.0]), leaf(1.0) * 2.0):
        assert y.grad is None
        assert not y.requires_grad
        with pytest.raises(AttributeError, match="only leaves"):
            y.grad = [1.0]
        y.zero_grad()
    x = leaf(1.0)
    with pytest.raises(AttributeError):
        x.requires_grad = False


def test_gradient_descent():
    x = leaf(5.0, -3.0)
    for _ in range(200):
        x.zero_grad()
        ((x - cd.array([1.0, 2.0])) ** 2).sum().backward()
        x = cd.array(x.detach() - 0.1 * x.grad, requires_grad=True)
    np.testing.assert_allclose(x.numpy(), [1.0, 2.0], atol=1e-12)


# ------------------------------------------------------------------ an error midway


@pytest.mark.parametrize("where", ["kernel", "rule"])
@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt, ZeroDivisionError])
def test_an_error_midway_leaves_no_partial_gradient(monkeypatch, where, error):
    """NumPy functions that the sweep calls raise, after part of the graph has been swept."""
    # A stack of matrices, since single ones are solved for without NumPy on some processors.
    x, z = leaf(np.ones((2, 3, 3)) + np.eye(3)), leaf(2.0, 3.0, 4.0)
    x.grad = np.full((2, 3, 3), 7.0)
    if where == "kernel":
        y, name, module = (x @ z).sum() + cnp.concatenate([z, z]).sum(), "matmul", np
        large = cd.array(np.ones((30, 30), np.float32), requires_grad=True)
        y = y + (large @ large).sum()
    else:
        y, name, module = cnp.linalg.solve(x, z).sum() + (z * z).sum(), "solve", np.linalg
    calls = []

    def broken(*args, **kwargs):
        calls.append(args)
        raise error("midway")

    monkeypatch.setattr(module, name, broken)
    for _ in range(3):
        with pytest.raises(error, match="midway"):
            y.backward()
    assert len(calls) == 3
    monkeypatch.undo()
    assert np.all(x.grad.numpy() == 7.0)
    assert z.grad is None
    # The graph is whole, recording is on, and no level is left open.
    assert cd.grad(lambda u: u * u)(3.0) == 6.0
    assert cd.is_tracked(z * 2.0)
    y.backward()
    assert np.all(x.grad.numpy() != 7.0)
    assert z.grad is not None


def test_an_error_midway_in_a_pullback(monkeypatch):
    a, g = np.stack([np.eye(3) * 2.0] * 2), np.ones((2, 3))
    _, pull = cd.vjp(lambda m, b: np.linalg.solve(m, b), a, np.ones(3))
    expected = pull(g)
    with monkeypatch.context() as patch:
        patch.setattr(np.linalg, "solve", lambda *args: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            pull(g)
    for found, right in zip(pull(g), expected, strict=True):
        np.testing.assert_array_equal(found, right)


# ------------------------------------------------------------------ with transformations


def test_a_leaf_captured_by_a_function_that_is_differentiated():
    w = leaf(3.0)
    gradient = cd.grad(lambda x: w * x * x)(2.0)
    assert cd.is_tracked(gradient)
    assert gradient.item() == 12.0
    gradient.backward()
    assert w.grad.item() == 4.0
    w.zero_grad()
    value, gradient = cd.value_and_grad(lambda x: (w * x * x).sum())(np.array([1.0, 2.0]))
    (value + gradient.sum()).backward()
    assert w.grad.item() == 5.0 + 6.0


@pytest.mark.parametrize("way", ["jvp", "jacobian", "hessian", "linearize"])
def test_a_leaf_captured_by_other_transformations(way):
    w = leaf(3.0)

    def f(x):
        return w * x**3

    y = {
        "jvp": lambda: cd.jvp(f, (2.0,), (1.0,))[1],
        "jacobian": lambda: cd.jacobian(f)(2.0),
        "hessian": lambda: cd.hessian(f)(2.0),
        "linearize": lambda: cd.linearize(f, 2.0)[1](1.0),
    }[way]()
    assert y.item() == 36.0
    y.backward()
    assert w.grad.item() == 12.0


def test_backward_inside_a_function_that_is_differentiated():
    w = leaf(3.0)

    def f(x):
        (w * w * 2.0).backward()
        return x * w.grad

    assert cd.grad(f)(5.0) == 12.0
    assert w.grad.item() == 12.0
    w.zero_grad()
    assert cd.jvp(f, (5.0,), (1.0,)) == (60.0, 12.0)


def test_backward_through_a_transformation_of_the_same_leaf():
    x = leaf(2.0)
    y = cd.grad(lambda u: u**3)(x)
    (y * x).backward()
    assert x.grad.item() == 36.0
