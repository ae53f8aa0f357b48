"""vmap: many points at once give what a Python loop over the points gives.

Functions go through `cd.vmap` alone and under the other transformations, in any nesting; the loop
is the oracle. The rule of each operator is tested in test_vmap_rules.py.
"""

import itertools
import math
import pickle
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vmap_loop import data, looped, near, same

import cdiff as cd
import cdiff.numpy as cnp
from programs import OPERATORS, points, programs

# --- functions -----------------------------------------------------------------------------------

X, V, W = data(5, 3, 4), data(5, 4), data(4, 2)
FUNCTIONS = {
    "products": lambda x, v: np.tanh(x @ v) @ x,
    "weights": lambda x, v: (x @ W).sum(axis=0) * v.sum(),
    "weights on the left": lambda x, v: W.T @ v,
    "reductions": lambda x, v: {"a": np.mean(x, axis=0), "b": (np.var(v), np.max(x))},
    "indices": lambda x, v: [x[1, ::2], v[np.array([0, 0, 2])], x[:, None, 1:]],
    "norms": lambda x, v: np.linalg.norm(x, axis=1) + cnp.logsumexp(v),
    "set": lambda x, v: cnp.concatenate([v[:2] * 2.0, np.ones(1), x[0]]),
    "where": lambda x, v: np.where(x > v, x, 0.0) + np.clip(v, -0.1, 0.3),
    "einsum": lambda x, v: np.einsum("ij,j,ik->k", x, v, x),
    "linear algebra": lambda x, v: np.linalg.solve(x @ x.T + np.eye(3), x @ v),
    "factors": lambda x, v: np.linalg.cholesky(x @ x.T + np.eye(3)),
    "answers": lambda x, v: (v > 0, np.isfinite(v), np.logical_and(v > 0, v < 1)),
    "whole numbers": lambda x, v: (np.argmin(v), np.argsort(v), np.sum(v > 0), (v > 0) * 2 + 1),
    "sorted": lambda x, v: np.sort(v) * v[0],
    "constants": lambda x, v: (1, 2.5, True, np.arange(3), v[0]),
    "single": lambda x, v: (x.astype(np.float32) * 2.0, np.float32(3.0) * v),
    "det": lambda x, v: np.linalg.det(x @ x.T + np.outer(v[:3], v[1:])),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    same(FUNCTIONS[name], X, V)
    same(FUNCTIONS[name], X, V[0], in_axes=(0, None))
    same(FUNCTIONS[name], X[0], V, in_axes=(None, 0))


class Names:
    """NumPy's names and those that NumPy lacks."""


for _name in {op.name for op in OPERATORS} | {"where", "greater", "clip"}:
    setattr(Names, _name, staticmethod(getattr(cnp, _name, None) or getattr(cd, _name)))


@given(programs(), st.lists(points(2), min_size=1, max_size=4))
@settings(deadline=None, max_examples=40)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_random_programs(program, given_points):
    f = lambda x, y: program(Names, x, y) * 1.0
    columns = [np.array(c) for c in zip(*given_points, strict=True)]
    got = cd.vmap(f)(*columns)
    np.testing.assert_allclose(got, looped(f, *columns), rtol=1e-9, atol=1e-9)
    got = cd.vmap(cd.grad(f, (0, 1)))(*columns)
    want = cd.grad(lambda x, y: cd.vmap(f)(x, y).sum(), (0, 1))(*columns)
    near(got, want, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "i4", "u1", "?"])
def test_mapped_dtypes(dtype):
    x = (np.arange(12).reshape(4, 3) % 5).astype(dtype)
    same(lambda a: a * 2.5 + 1, x, rtol=1e-6)
    same(lambda a: (a, a == 1), x)
    if dtype != "?":
        same(lambda a: a * 2 + 1, x)
        same(lambda a: -(a - a) + a**2 if dtype != "u1" else a, x)


def test_indices_that_are_mapped():
    table = data(6, 2)
    rows = np.array([5, 0, -1, 3])
    same(lambda i: cd.array(table)[i] * 2.0, rows)
    same(lambda t, i: t[i], table[:4], np.array([1, 0, 1, -1]))
    same(lambda d: cd.array(table)[np.argmin(d)], data(4, 6))


def test_a_python_number_keeps_the_dtype():
    x = data(3).astype(np.float32)
    assert cd.vmap(lambda a, b: a * b, in_axes=(0, None))(x, 2.5).dtype == np.float32
    assert cd.vmap(lambda a: a if a > 0 else 0.0)(x).dtype == np.float32


def test_single_results_and_out_axes():
    f = lambda x: (x, {"s": x.sum(axis=0), "c": np.ones(2)})
    out = cd.vmap(f, out_axes=(-1, {"s": 1, "c": None}))(X)
    np.testing.assert_array_equal(out[0], np.moveaxis(X, 0, -1))
    np.testing.assert_allclose(out[1]["s"], X.sum(axis=1).T)
    np.testing.assert_array_equal(out[1]["c"], np.ones(2))
    assert cd.vmap(lambda x: 2.5, out_axes=None)(X) == 2.5


@pytest.mark.parametrize("outer", [lambda f: f, cd.compile])
def test_results_of_points_that_decide_differently_may_be_one(outer):
    """As long as they are equal, which is a decision again."""
    f = lambda x, w, a: (x * w if x > 0 else x, a * w if x > 0 else w + w)
    mapped = outer(cd.vmap(f, in_axes=(0, None, None), out_axes=(0, None)))
    points = np.array([1.0, -1.0, 2.0])
    for w in (1.0, 3.0):
        rows, one = mapped(points, w, 2.0)
        assert one == 2.0 * w and list(rows) == [w, -1.0, 2.0 * w]
    with pytest.raises(ValueError, match="differs from point to point"):
        mapped(points, 1.0, 2.5)
    assert cd.grad(lambda w: mapped(points, w, 2.0)[1])(1.0) == 2.0


def test_results_are_the_callers_own():
    x = data(4)
    y = cd.vmap(lambda a: a)(x)
    y += 1.0
    np.testing.assert_array_equal(y, x + 1.0)
    constant = np.zeros(2)
    y = cd.vmap(lambda a: constant)(x)
    y += 1.0
    assert not constant.any()


# --- arguments -----------------------------------------------------------------------------------

Pair = namedtuple("Pair", "left right")


def test_containers_and_axes():
    args = {"w": X, "b": [V, 2.0]}, Pair(data(2, 5), 3.0)
    f = lambda p, q: (p["w"] @ p["b"][0]) * p["b"][1] + q.left.sum() * q.right
    got = cd.vmap(f, in_axes=({"w": 0, "b": [0, None]}, Pair(-1, None)))(*args)
    want = [f({"w": X[i], "b": [V[i], 2.0]}, Pair(args[1].left[:, i], 3.0)) for i in range(5)]
    np.testing.assert_allclose(got, want)


def test_keywords_are_mapped():
    got = cd.vmap(lambda x, *, k: x * k)(V, k=np.arange(5.0))
    np.testing.assert_allclose(got, V * np.arange(5.0)[:, None])


def test_arguments_that_are_not_mapped_pass_through():
    got = cd.vmap(lambda x, how, n: getattr(np, how)(x) * n, in_axes=(0, None, None))(V, "sin", 3)
    np.testing.assert_allclose(got, np.sin(V) * 3)


def test_no_points():
    y = cd.vmap(lambda x: (x @ W, x.sum() > 0, 1, np.float32(2)), out_axes=(1, 0, 0, 0))(
        np.zeros((0, 3, 4))
    )
    assert [(a.shape, a.dtype.str[1:]) for a in y] == [
        ((3, 0, 2), "f8"), ((0,), "b1"), ((0,), "i8"), ((0,), "f4")]  # fmt: skip
    assert cd.vmap(lambda x: 7, out_axes=None)(np.zeros(0)) == 7


def test_one_point():
    same(lambda x: np.sin(x) if x.sum() > 0 else x, V[:1])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cd.vmap(3), TypeError, "vmap needs a function, got a int"),
        (lambda: cd.vmap(np.sin, in_axes="0"), TypeError, "in_axes must be an int"),
        (lambda: cd.vmap(np.sin, in_axes=True), TypeError, "in_axes must be an int"),
        (lambda: cd.vmap(np.sin, out_axes=1.5), TypeError, "out_axes must be an int"),
        (lambda: cd.vmap(np.add)(V, X[:3]), ValueError,
         r"argument 0 has 5 \(axis 0 of shape \(5, 4\)\), argument 1 has 3 \(axis 0 of shape"),
        (lambda: cd.vmap(np.add)(V, 2.0), ValueError, "argument 1 is a float without axes"),
        (lambda: cd.vmap(lambda p: p["a"][0])({"a": [1.0]}), ValueError,
         r"argument 0\['a'\]\[0\] is a float without axes"),
        (lambda: cd.vmap(lambda x, k: x)(V, k=2), ValueError, "argument k is a int without axes"),
        (lambda: cd.vmap(np.sin, in_axes=2)(V), ValueError, r"in_axes=2 for argument 0, .*5, 4"),
        (lambda: cd.vmap(np.sin, in_axes=(0, 0))(V), ValueError, "has 2 entries"),
        (lambda: cd.vmap(np.sin, in_axes={"x": 0})(V), TypeError, "in_axes must be an int, None"),
        (lambda: cd.vmap(np.sin, in_axes=([0],))(V), TypeError, "argument 0, which is a number"),
        (lambda: cd.vmap(np.sin, in_axes=({"a": 0},))([V]), TypeError, "which is a list"),
        (lambda: cd.vmap(lambda p: p["a"], in_axes=({"b": 0},))({"a": V}), TypeError, "entries"),
        (lambda: cd.vmap(np.sin, in_axes=None)(V), ValueError, "nothing is mapped"),
        (lambda: cd.vmap(np.sin)(), ValueError, "nothing is mapped"),
        (lambda: cd.vmap(np.sin, out_axes=2)(V), ValueError, "out_axes=2 for the output of sin"),
        (lambda: cd.vmap(np.sin, out_axes=None)(V), ValueError, "out_axes cannot be None"),
        (lambda: cd.vmap(np.sin, out_axes=(0, 0))(V), TypeError, "out_axes has a tuple"),
        (lambda: cd.vmap(lambda x: "text")(V), TypeError, "returned a str"),
        (lambda: cd.vmap(np.sin)(np.array(["a"])), TypeError, "dtype <U1"),
        (lambda: cd.vmap(lambda x: x[:2] if x[0] > 0 else x)(V), ValueError, "different shapes"),
        (lambda: cd.vmap(lambda x: [x] if x[0] > 0 else x)(V), TypeError, "structure"),
    ],
)  # fmt: skip
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_errors_of_the_function_come_through():
    with pytest.raises(ZeroDivisionError):
        cd.vmap(lambda x: 1 / 0)(V)
    with pytest.raises(np.linalg.LinAlgError, match="solve"):
        cd.vmap(lambda x: np.linalg.solve(x, np.ones(3)))(np.zeros((2, 3, 3)))


# --- as a function -------------------------------------------------------------------------------


@cd.vmap
def decorated(x):
    """Twice."""
    return 2.0 * x


@cd.vmap(in_axes=1)
def decorated_with_axes(x):
    return x.sum()


def test_decorator_name_and_pickle():
    assert decorated.__name__ == "decorated"
    assert decorated.__doc__ == "Twice."
    assert repr(decorated) == "<cdiff.vmap(decorated, in_axes=0, out_axes=0)>"
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(decorated))(V), 2.0 * V)
    again = pickle.loads(pickle.dumps(cd.vmap(np.sum, in_axes=1)))
    np.testing.assert_array_equal(again(V), decorated_with_axes(V))


# --- with the other transformations --------------------------------------------------------------


def model(p, x):
    return np.tanh(x @ p["w"] + p["b"]).sum() ** 2


PARAMS = {"w": data(4, 3), "b": data(3)}


def test_gradients_per_example():
    got = cd.vmap(cd.grad(model), in_axes=(None, 0))(PARAMS, V)
    for i in range(5):
        want = cd.grad(model)(PARAMS, V[i])
        near({k: g[i] for k, g in got.items()}, want)


def test_gradient_through():
    f = lambda p: cd.vmap(model, in_axes=(None, 0))(p, V).sum()
    near(cd.grad(f)(PARAMS), cd.grad(lambda p: sum([model(p, v) for v in V]))(PARAMS))


@pytest.mark.parametrize("transform", [cd.jacfwd, cd.jacrev, cd.jacobian])
def test_jacobians_both_ways(transform):
    f = lambda x: np.sin(x) * x.sum() + x @ W @ W.T
    same(transform(f), V)
    inside = transform(lambda v: cd.vmap(f)(v))(V)
    for i in range(5):
        np.testing.assert_allclose(inside[i, :, i], transform(f)(V[i]))
        assert not np.delete(inside[i], i, axis=1).any()


def test_hessians_both_ways():
    f = lambda x: np.exp(np.sin(x).sum()) * x[0]
    same(cd.hessian(f), V)
    got = cd.hessian(lambda v: cd.vmap(f)(v).sum())(V)
    for i in range(5):
        np.testing.assert_allclose(got[i, :, i], cd.hessian(f)(V[i]))


def test_forward_both_ways():
    f = lambda x: np.sin(x) * x.sum()
    t = data(5, 4, seed=3)
    near(cd.vmap(lambda x, d: cd.jvp(f, (x,), (d,)))(V, t), cd.jvp(cd.vmap(f), (V,), (t,)))
    near(cd.vmap(lambda x, d: cd.hvp(lambda y: f(y).sum(), (x,), (d,)))(V, t),
         looped(lambda x, d: cd.hvp(lambda y: f(y).sum(), (x,), (d,)), V, t))  # fmt: skip


def test_values_of_outer_transformations_inside():
    """Closed-over values: reverse, forward, eager, and forward over reverse."""
    f = lambda a: cd.vmap(lambda x: a * np.sin(a * x).sum())(V).sum()
    plain = lambda a: (a * np.sin(a * V)).sum()
    assert cd.grad(f)(1.3) == pytest.approx(cd.grad(plain)(1.3))
    assert cd.jvp(f, (1.3,), (1.0,))[1] == pytest.approx(cd.grad(plain)(1.3))
    assert cd.grad(cd.grad(f))(1.3) == pytest.approx(cd.grad(cd.grad(plain))(1.3))
    assert cd.hvp(f, (1.3,), (1.0,)) == pytest.approx(cd.hvp(plain, (1.3,), (1.0,)))
    twice = lambda a: cd.jvp(f, (a,), (1.0,))[1]
    assert cd.jvp(twice, (1.3,), (1.0,))[1] == pytest.approx(cd.grad(cd.grad(plain))(1.3))
    a = cd.array(1.3, requires_grad=True)
    f(a).backward()
    assert a.grad.item() == pytest.approx(cd.grad(plain)(1.3))
    assert cd.grad(lambda b: cd.vmap(lambda x: b, out_axes=None)(V) * b)(3.0) == 6.0
    assert cd.grad(lambda b: cd.vmap(lambda x: b * b)(V).sum())(3.0) == 30.0
    assert cd.jvp(lambda b: cd.vmap(lambda x: b * b)(V).sum(), (3.0,), (1.0,))[1] == 30.0


def test_derivatives_inside_of_products_with_outer_values():
    f = lambda a: cd.vmap(cd.grad(lambda x: np.sin(a * x)))(V[:, 0]).sum()
    plain = lambda a: (a * np.cos(a * V[:, 0])).sum()
    assert cd.grad(f)(0.7) == pytest.approx(cd.grad(plain)(0.7))
    assert cd.jvp(f, (0.7,), (1.0,))[1] == pytest.approx(cd.grad(plain)(0.7))


@pytest.mark.parametrize("axes", list(itertools.product([0, 1, -1], repeat=2)))
def test_nesting(axes):
    f = lambda x, y: np.sin(x) @ y
    x, y = data(3, 3, 3), data(3, 3)
    g = cd.vmap(cd.vmap(f, in_axes=(axes[0], None)), in_axes=(axes[1], 0))
    got = g(x, y)
    for i in range(3):
        rows = np.take(x, i, axes[1])
        for j in range(3):
            np.testing.assert_allclose(got[i, j], f(np.take(rows, j, axes[0]), y[i]))


def test_pairs():
    x, y = data(3), data(4)
    table = cd.vmap(cd.vmap(lambda a, b: a**2 + b, in_axes=(None, 0)), in_axes=(0, None))
    np.testing.assert_allclose(table(x, y), x[:, None] ** 2 + y)


def test_nested_functions_of_plain_values():
    same(lambda x: cd.vmap(lambda r: np.argsort(r) + np.argmin(r))(x), X)
    same(lambda x: cd.vmap(lambda r: np.where(np.logical_or(r > 0, r < -1), r, 2.0))(x), X)


# --- decisions -----------------------------------------------------------------------------------


def newton(a):
    x, steps = a, 0
    while abs(x * x - a) > 1e-10:
        x = 0.5 * (x + a / x)
        steps += 1
    return x, steps


def branches(x):
    if x[0] > 0.3:
        return np.sqrt(x[0]) * x
    if x[0] > 0:
        return x / 3.0
    return np.log(-x[0]) + 0 * x


POSITIVE = np.array([4.0, 0.5, 9.0, 2.0, 100.0, 4.0])


@pytest.mark.filterwarnings("error")
def test_points_are_grouped_by_path():
    """No warning: no point sees the square root or the logarithm of another path."""
    calls = []
    counted = lambda x: (calls.append(1), branches(x))[1]
    x = data(40, 4)
    same(branches, x)
    cd.vmap(counted)(x)
    assert len(calls) == 3
    same(cd.jacobian(branches), x)


def test_loops():
    same(newton, POSITIVE)
    same(cd.grad(lambda a: newton(a)[0]), POSITIVE)
    got = cd.grad(lambda a: cd.vmap(newton)(a)[0].sum())(POSITIVE)
    np.testing.assert_allclose(got, 0.5 / np.sqrt(POSITIVE), rtol=1e-6)


def test_derivatives_through_groups():
    x = data(40, 4)
    total = lambda x: cd.vmap(branches)(x).sum()
    loop = lambda x: sum([branches(x[i]).sum() for i in range(40)])
    np.testing.assert_allclose(cd.grad(total)(x), cd.grad(loop)(x))
    np.testing.assert_allclose(
        cd.jvp(total, (x,), (x,))[1], cd.jvp(loop, (x,), (x,))[1])  # fmt: skip


def test_nothing_leaks_from_other_paths():
    f = lambda x: np.sqrt(x) if x > 0 else 0.0 * x
    x = np.array([0.0, 4.0, -1.0])
    np.testing.assert_array_equal(cd.grad(lambda x: cd.vmap(f)(x).sum())(x), [0.0, 0.25, 0.0])
    g = lambda a: np.linalg.inv(a)[0, 0] if a[0, 0] else a[0, 0]
    a = np.array([np.eye(2), np.zeros((2, 2)), 2 * np.eye(2)])
    np.testing.assert_allclose(cd.vmap(g)(a), [1.0, 0.0, 0.5])


def test_a_path_for_every_point():
    same(lambda x: x * x.item(), data(7))
    same(lambda x: x[: int(abs(x[0] * 3))].sum(), V)


def test_decisions_by_shared_values():
    f = lambda x, k: x * 2 if k > 0 else x
    same(f, V[:, 0], np.float64(1.0), in_axes=(0, None))
    near(cd.grad(lambda k: cd.vmap(f, in_axes=(0, None))(V[:, 0], k).sum() * k)(3.0),
         2 * V[:, 0].sum())  # fmt: skip


def test_exceptions_decide_too():
    def f(x):
        try:
            return 1.0 / math.log(x.item()) * x
        except ValueError:
            return x

    same(f, np.array([2.0, -1.0, 3.0]))


def test_masks():
    same(lambda x: x[x > 0].sum(), data(20, 3))


def test_numbers_and_vectors_without_derivative_of_each_point():
    f = lambda x: np.equal(np.argsort(x), np.argmax(x)) * x
    xs = np.array([[3.0, 1.0, 2.0], [1.0, 5.0, 2.0], [2.0, 1.0, 9.0]])  # as many points as entries
    np.testing.assert_array_equal(cd.vmap(f)(xs), np.stack([f(x) for x in xs]))


def test_nested_decisions():
    f = lambda x, y: x * y if x > y else x - y
    outer = cd.vmap(cd.vmap(f, in_axes=(None, 0)), in_axes=(0, None))
    x, y = data(4), data(5)
    np.testing.assert_allclose(outer(x, y), [[f(a, b) for b in y] for a in x])
    got = cd.jacobian(lambda x: outer(x, y).sum(axis=1))(x)
    np.testing.assert_allclose(
        np.diag(got), [sum([cd.grad(f)(a, b) for b in y]) for a in x])  # fmt: skip


# --- compiled ------------------------------------------------------------------------------------


def test_compiled():
    f = cd.compile(cd.vmap(branches))
    for seed in range(4):
        x = data(10, 4, seed=seed)
        np.testing.assert_allclose(f(x), looped(branches, x))
    before = f.stats()["recordings"]
    f(data(10, 4, seed=2))
    assert f.stats()["recordings"] == before


def test_compiled_gradient():
    f = cd.compile(cd.vmap(cd.value_and_grad(model), in_axes=(None, 0)))
    g = cd.compile(cd.grad(lambda p, x: cd.vmap(model, in_axes=(None, 0))(p, x).sum()))
    for seed in range(3):
        v = data(5, 4, seed=seed)
        near(f(PARAMS, v), cd.vmap(cd.value_and_grad(model), in_axes=(None, 0))(PARAMS, v))
        near(g(PARAMS, v), cd.grad(lambda p, v=v: sum([model(p, x) for x in v]))(PARAMS))
    assert f.stats()["recordings"] == 1
    assert g.stats()["recordings"] == 1


def test_of_a_compiled_function():
    same(cd.compile(branches), data(20, 4))
    same(cd.compile(cd.grad(lambda x: branches(x).sum())), data(20, 4))
    same(lambda x: cd.compile(lambda y: np.argmin(y) * y)(x), data(20, 4))


def test_compiled_with_values_from_outside():
    f = cd.compile(lambda a, v: cd.vmap(lambda x: x * a if x > a else a)(v))
    for a in (0.0, 0.5, -0.5):
        want = [x * a if x > a else a for x in V[:, 0]]
        np.testing.assert_allclose(f(a, V[:, 0]), want)


def test_compiled_indices():
    table = data(6, 2)
    f = cd.compile(cd.vmap(lambda d: cd.array(table)[np.argmin(d)] * d[0]))
    for seed in range(3):
        d = data(4, 6, seed=seed)
        np.testing.assert_allclose(f(d), table[np.argmin(d, axis=1)] * d[:, :1])


def test_what_is_outside_is_read_at_every_call():
    scale = np.array([2.0])
    f = cd.vmap(lambda x: x * scale)
    f(V[:, :1])
    scale[:] = 3.0
    np.testing.assert_array_equal(f(V[:, :1]), V[:, :1] * 3.0)


def test_every_point_has_its_own_extreme():
    rows = np.array([[1.0, 3.0, 2.0], [5.0, 3.0, 2.0], [2.0, 1.0, 2.0], [np.nan, 1.0, 2.0]])
    for f in (lambda x: x.max(), lambda x: np.min(x) * x[0]):
        same(cd.grad(f), rows)
        same(cd.jacfwd(f), rows)


def test_a_decision_by_an_empty_array():
    x = np.arange(6.0).reshape(2, 3)
    f = lambda x, limit: x.sum() if np.nonzero(x > limit)[0].tolist() == [] else -x.sum()
    for limit, want in [(50.0, [3.0, 12.0]), (2.5, [3.0, -12.0])]:
        np.testing.assert_array_equal(cd.vmap(f, in_axes=(0, None))(x, limit), want)
