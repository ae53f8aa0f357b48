"""Awkward and wrong input: the right answer or a clear error, and nothing left behind."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp
from cdiff import _core
from cdiff.testing import check_grads

# ------------------------------------------------------------------ awkward memory

BASE = np.arange(1.0, 25.0).reshape(4, 6)


def unaligned():
    raw = np.zeros(8 * 12 + 1, dtype=np.uint8)[1:]
    x = raw.view(np.float64).reshape(3, 4)
    x[...] = BASE[:3, :4]
    assert not x.flags.aligned
    return x


def read_only():
    x = BASE[:3, :4].copy()
    x.flags.writeable = False
    return x


AWKWARD = {
    "contiguous": lambda: BASE[:3, :4].copy(),
    "negative strides": lambda: BASE[::-1, ::-1][:3, :4],
    "one negative stride": lambda: BASE[:3, ::-1][:, :4],
    "zero stride": lambda: np.broadcast_to(BASE[0, :4], (3, 4)),
    "all zero strides": lambda: np.broadcast_to(np.array(2.0), (3, 4)),
    "steps": lambda: BASE[:3, ::2][:, :3],
    "transposed": lambda: BASE[:4, :3].T,
    "Fortran order": lambda: np.asfortranarray(BASE[:3, :4]),
    "byte-swapped": lambda: BASE[:3, :4].astype(">f8"),
    "byte-swapped f32": lambda: BASE[:3, :4].astype(">f4"),
    "unaligned": unaligned,
    "read-only": read_only,
    "f32 steps": lambda: BASE.astype(np.float32)[:3, ::2],
    "zero size": lambda: np.zeros((3, 0)),
    "zero size f32": lambda: np.zeros((3, 0), np.float32),
    "unit axes": lambda: BASE[:3, :4].copy()[:, None, :, None][:, 0],
}
USES = {
    "elementwise": lambda x, c: (np.sin(x) * c + x / (1.0 + c * c)).sum(),
    "reduction": lambda x, c: (x.sum(axis=0) * c.sum(axis=0)).sum() + (x * x).mean(axis=-1).sum()
    if x.size
    else (x * c).sum(),
    "product": lambda x, c: (x.reshape(x.shape[0], -1).T @ c.reshape(x.shape[0], -1)).sum()
    if x.size
    else x.sum(),
    "views": lambda x, c: (x[::-1].T * c[::-1].T).sum() + x[..., :1].sum(),
    "joined": lambda x, c: (cnp.concatenate([x, c, x]) ** 2).sum(),
    "chosen": lambda x, c: cnp.where(c > 5.0, x * c, x).sum(),
    "gathered": lambda x, c: (x[np.array([-1, 0, -1])] * 2.0).sum() if x.shape[0] else x.sum(),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("kind", AWKWARD)
def test_awkward_memory_makes_no_difference(kind, use):
    x, f = AWKWARD[kind](), USES[use]
    native = np.ascontiguousarray(x, dtype=x.dtype.newbyteorder("="))
    before = x.tolist()
    for argnums in (0, 1):
        found = cd.grad(f, argnums)(x, x)
        expected = cd.grad(f, argnums)(native, native)
        assert found.shape == x.shape
        assert found.dtype == native.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(
        cd.jvp(f, (x, x), (x, x))[1], cd.jvp(f, (native, native), (native, native))[1], rtol=1e-5
    )
    np.testing.assert_allclose(float(f(cd.array(x), x)), float(f(native, native)), rtol=1e-5)
    assert x.tolist() == before


def test_the_reference_itself_is_right():
    for name, f in USES.items():
        if name != "chosen":
            check_grads(f, (BASE[:3, :4].copy(), BASE[1:, 1:5].copy()), order=1)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3)])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * 2.0,
        lambda x: np.exp(x).sum(),
        lambda x: x.sum(axis=0),
        lambda x: x.sum(axis=-1, keepdims=True),
        lambda x: x.reshape(-1, 1) if x.size else x.reshape(0, 1),
        lambda x: x.T,
        lambda x: x[..., :0],
        lambda x: cnp.concatenate([x, x]),
        lambda x: cnp.stack([x, x]),
        lambda x: x.prod(),
        lambda x: cnp.cumsum(x),
        lambda x: cnp.where(x > 0, x, 1.0),
        lambda x: x[np.zeros(0, int)] if x.ndim == 1 else x.sum(),
    ],
)
def test_zero_size(f, shape):
    x = np.zeros(shape)
    y = f(x)
    assert np.shape(f(cd.array(x))) == np.shape(y)
    assert cd.jacobian(f)(x).shape == np.shape(y) + shape
    assert cd.elementwise_grad(f)(x).shape == shape
    assert np.shape(cd.jvp(f, (x,), (x,))[1]) == np.shape(y)


@pytest.mark.parametrize("f", [lambda x: x.max(), lambda x: x.min(), lambda x: x.argmax()])
def test_zero_size_without_a_value(f):
    for call in (f, cd.grad(f), lambda x: cd.jvp(f, (x,), (x,))):
        with pytest.raises(ValueError, match=r"(zero-size|empty)"):
            call(np.zeros(0) if call is not f else cd.array(np.zeros(0)))


# ------------------------------------------------------------------ numbers


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1.7e308])
def test_numbers_at_the_edge(value):
    gradient = cd.grad(lambda x: x * x)(value)
    assert gradient == value + value or math.isnan(value)
    assert math.isnan(gradient) == math.isnan(value)
    array = np.array([value, 1.0])
    with np.errstate(over="ignore"):
        np.testing.assert_equal(cd.grad(lambda x: (x * x).sum())(array), array + array)
    assert cd.grad(lambda x: (x * 0.0 + 3.0 * x))(value) == 3.0


def test_nan_in_one_place_stays_there():
    x = np.array([1.0, math.nan, math.inf, 2.0])
    np.testing.assert_equal(
        cd.grad(lambda u: (u**2).sum())(x), np.array([2.0, math.nan, math.inf, 4.0])
    )
    masked = cd.grad(lambda u: cnp.where(np.isfinite(u), u * u, 0.0).sum())(x)
    np.testing.assert_array_equal(masked, [2.0, 0.0, 0.0, 4.0])


@pytest.mark.parametrize("n", [2**53 + 1, 2**63 - 1, 2**63, 2**64, 2**100, -(2**63), -(2**64)])
def test_huge_integers_as_factors(n):
    assert cd.grad(lambda x: n * x)(1.0) == float(n)
    np.testing.assert_array_equal(cd.grad(lambda x: (x * n).sum())(np.ones(2)), [float(n)] * 2)
    assert cd.grad(lambda x: x + n)(1.0) == 1.0
    assert cd.jvp(lambda x: x * n, (1.0,), (1.0,)) == (float(n), float(n))
    assert cd.grad(lambda x: x.sum() * n)(np.ones(1, np.float32)).dtype == np.float32


def test_integers_too_large_for_a_double():
    for f in (lambda x: x * 10**400, lambda x: (x + 10**400).sum(), lambda x: 10**400 - x):
        for x in (1.0, np.ones(2)):
            with pytest.raises(OverflowError):
                cd.elementwise_grad(f)(x)


def test_huge_integers_as_powers():
    assert cd.grad(lambda x: x ** (2**60))(1.0) == float(2**60)
    assert cd.grad(lambda x: x**1000)(1.0) == 1000.0
    assert cd.grad(lambda x: x**-1)(2.0) == -0.25
    assert cd.grad(lambda x: x**True)(2.0) == 1.0


@pytest.mark.parametrize("x", [2**70, -(2**70), 10**400, 3, True, np.int64(3), np.uint8(3)])
def test_integers_as_arguments(x):
    for transform in (cd.grad, cd.jacobian, cd.hessian, cd.elementwise_grad, cd.value_and_grad):
        with pytest.raises(TypeError, match="no derivative"):
            transform(lambda u: u * u)(x)
    for call in (lambda: cd.vjp(lambda u: u, x), lambda: cd.jvp(lambda u: u, (x,), (1.0,))):
        with pytest.raises(TypeError, match="no derivative"):
            call()


NO_NUMBERS = {
    "ints": (np.arange(3), "dtype int64"),
    "bools": (np.array([True]), "dtype bool"),
    "objects": (np.array([1.0, None]), "dtype object"),
    "tracked objects": (np.array([cd.array(1.0), "x"], dtype=object), "dtype object"),
    "texts": (np.array(["a"]), "dtype <U1"),
    "bytes": (np.array([b"a"]), r"dtype \|S1"),
    "half": (np.ones(2, np.float16), "float16"),
    "long": (np.ones(2, np.longdouble), "float64 or float32"),
    "dates": (np.array(["2020-01-01"], dtype="M8[D]"), "datetime64"),
    "records": (np.zeros(2, dtype=[("a", float)]), "no derivative"),
    "masked": (np.ma.array([1.0, 2.0], mask=[0, 1]), "MaskedArray"),
    "text": ("1.0", "str"),
    "none": (None, "None"),
    "set": ({1.0}, "set"),
    "object": (object(), "object"),
    "class": (float, "type"),
    "int Array": (cd.array([1, 2]), "dtype int64"),
}


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_arguments_that_are_no_numbers(kind):
    x, message = NO_NUMBERS[kind]
    for call in (
        lambda: cd.grad(lambda u: u)(x),
        lambda: cd.grad(lambda u: u["a"][0])({"a": [x]}),
        lambda: cd.jvp(lambda u: u, (x,), (x,)),
        lambda: cd.linearize(lambda u: u, x),
        lambda: cd.jacobian(lambda u: u)(x),
    ):
        with pytest.raises(TypeError, match=message):
            call()


def test_text_is_never_a_number():
    for text in ("1.0", b"1.0", np.str_("1.0")):
        for f in (
            lambda x, t=text: x * t,
            lambda x, t=text: np.add(x, t),
            lambda x, t=text: cnp.maximum(x, t),
            lambda x, t=text: cnp.array([x, t]),
            lambda x, t=text: cnp.where(True, x, t),
        ):
            with pytest.raises((TypeError, ValueError)):
                cd.grad(f)(1.0)


# ------------------------------------------------------------------ shapes


@pytest.mark.parametrize(
    ("f", "shapes"),
    [
        (lambda x, y: x + y, ((2,), (3,))),
        (lambda x, y: x * y, ((2, 3), (2,))),
        (lambda x, y: x @ y, ((2, 3), (2, 3))),
        (lambda x, y: x @ y, ((), (3,))),
        (lambda x, y: cnp.concatenate([x, y]), ((2,), (2, 2))),
        (lambda x, y: cnp.stack([x, y]), ((2,), (3,))),
        (lambda x, y: cnp.linalg.solve(x, y), ((2, 3), (2,))),
        (lambda x, y: cnp.linalg.solve(x, y), ((2, 2), (3,))),
        (lambda x, y: cnp.einsum("ij,jk->ik", x, y), ((2, 3), (2, 3))),
        (lambda x, y: cnp.where(x > 0, x, y), ((2,), (3,))),
        (lambda x, y: cnp.dot(x, y), ((2,), (3,))),
        (lambda x, y: cnp.array([x, y]), ((2,), (3,))),
        (lambda x, y: x.reshape(y.shape), ((2,), (3,))),
    ],
)
def test_shapes_that_do_not_fit(f, shapes):
    x, y = (np.ones(shape) if shape else 1.0 for shape in shapes)
    for call in (
        lambda: f(cd.array(x), y),
        lambda: f(x, cd.array(y)),
        lambda: cd.jacobian(f, (0, 1))(x, y),
        lambda: cd.jvp(f, (x, y), (x, y)),
    ):
        with pytest.raises((ValueError, np.linalg.LinAlgError)):
            call()
    assert cd.grad(lambda u: u * u)(3.0) == 6.0


def test_too_many_dimensions():
    x = cd.array(np.ones((1,) * 64))
    assert (x * 2.0).ndim == 64
    assert cd.grad(lambda u: (u * u).sum())(x.numpy().copy()).ndim == 64
    for call in (
        lambda: x[None],
        lambda: cnp.expand_dims(x, 0),
        lambda: cnp.stack([x, x]),
        lambda: x.reshape((1,) * 65),
        lambda: cnp.broadcast_to(x, (1,) * 65),
        lambda: cnp.tensordot(x, x, 0),
        lambda: np.multiply.outer(x, x),
    ):
        with pytest.raises(ValueError, match="dim"):
            call()


def test_singular_matrices():
    for f in (np.linalg.inv, np.linalg.cholesky, lambda x: np.linalg.solve(x, np.ones(2))):
        with pytest.raises(np.linalg.LinAlgError):
            cd.grad(lambda x, f=f: f(x).sum())(np.zeros((2, 2)) - np.array([[0, 0], [0, 1.0]]))


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
@pytest.mark.parametrize(
    "name", ["inv", "det", "slogdet", "cholesky", "eig", "eigh", "eigvals", "eigvalsh"]
)
def test_matrices_have_to_be_square(name, shape):
    with pytest.raises(np.linalg.LinAlgError, match=r"dimension|square"):
        getattr(cnp.linalg, name)(cd.array(np.ones(shape)))


def test_elements_cannot_be_deleted():
    x = cd.array([1.0, 2.0])
    with pytest.raises(ValueError, match="cannot delete array elements"):
        del x[0]
    assert x.shape == (2,)


# ------------------------------------------------------------------ deep and cyclic containers


def nested(depth, inner):
    for _ in range(depth):
        inner = [inner]
    return inner


def cyclic():
    items = []
    items.append(items)
    return items


@pytest.mark.parametrize("make", [lambda: nested(200_000, 1.0), cyclic], ids=["deep", "cyclic"])
def test_operands_nested_without_end(make):
    x = cd.array([1.0, 2.0], requires_grad=True)
    items = make()
    for call in (
        lambda: x * items,
        lambda: items * x,
        lambda: np.add(x, items),
        lambda: cd.array(items),
        lambda: cd.array([x, items]),
        lambda: x[items],
        lambda: cnp.stack([x, items]),
    ):
        with pytest.raises((ValueError, IndexError, RecursionError, TypeError)):
            call()


def test_tracked_values_nested_without_end():
    x = cd.array(1.0, requires_grad=True)
    for call in (lambda: cd.array(nested(200_000, x)), lambda: cd.array([x, cyclic()])):
        with pytest.raises((ValueError, TypeError)):
            call()
    assert cd.array(nested(60, x)).ndim == 60


@pytest.mark.parametrize("limit", [1000, 100_000])
def test_containers_nested_deeply(limit):
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    try:
        shallow = nested(200, 2.0)

        def f(tree):
            while isinstance(tree, list):
                (tree,) = tree
            return tree * tree

        found = cd.grad(f)(shallow)
        while isinstance(found, list):
            (found,) = found
        assert found == 4.0
        with pytest.raises(RecursionError):
            cd.grad(f)(nested(200_000, 2.0))
        with pytest.raises(RecursionError):
            cd.grad(f)(cyclic())
    finally:
        sys.setrecursionlimit(before)
    assert cd.grad(lambda x: x * x)(3.0) == 6.0


def test_a_function_that_recurses_without_end():
    def f(x):
        return f(x * 1.5)

    for transform in (cd.grad, cd.jacobian, cd.hessian):
        with pytest.raises(RecursionError):
            transform(f)(1.0)

    def g(x):
        return cd.grad(g)(x)

    with pytest.raises(RecursionError):
        g(1.0)
    assert cd.grad(lambda x: x * x)(3.0) == 6.0


# ------------------------------------------------------------------ constants changed afterwards


def changed(f, x, constants):
    """Gradient of f at x where f changes its constants after having used them."""

    def g(u):
        memory = [c.copy() for c in constants]
        y = f(u, *memory)
        for c in memory:
            c[...] = 1 if c.dtype.kind in "iub" else 1e6
        return y

    return g


CONSTANT_USES = {
    "add": lambda u, c: u + c,
    "multiply": lambda u, c: u * c,
    "multiply reflected": lambda u, c: c * u,
    "divide": lambda u, c: c / u,
    "power": lambda u, c: u**c,
    "power reflected": lambda u, c: c**u,
    "hypot": lambda u, c: np.hypot(u, c),
    "maximum": lambda u, c: np.maximum(u, c),
    "arctan2": lambda u, c: np.arctan2(u, c),
    "view": lambda u, c: u * c[::-1],
    "transposed": lambda u, c: u * c.T,
    "reshaped": lambda u, c: u * cnp.reshape(c, (3, 3)),
    "as Array": lambda u, c: u * cnp.asarray(c),
    "copied": lambda u, c: u * cd.array(c),
    "reduced": lambda u, c: u * c.sum(axis=0),
    "matmul": lambda u, c: u @ c,
    "matmul reflected": lambda u, c: c @ u,
    "large matmul": lambda u, c: cnp.tile(u, (7, 7)) @ cnp.tile(c, (7, 7)),
    "matmul of views": lambda u, c: c.T[::-1] @ u,
    "vector": lambda u, c: u @ c[0],
    "einsum": lambda u, c: cnp.einsum("ij,jk->ik", u, c),
    "einsum of three": lambda u, c: cnp.einsum("ij,jk,kl->il", u, c, u),
    "solve": lambda u, c: cnp.linalg.solve(c, u),
    "solve for": lambda u, c: cnp.linalg.solve(u, c),
    "concatenate": lambda u, c: cnp.concatenate([u, c, u]) ** 2,
    "stack": lambda u, c: cnp.stack([u, c]) ** 2,
    "where": lambda u, c: cnp.where(c > 0.9, u * u, c),
    "where branch": lambda u, c: cnp.where(u > 0.9, u * c, c),
    "clip": lambda u, c: cnp.clip(u, c, None) ** 2,
    "dot": lambda u, c: cnp.dot(u, c),
    "kron": lambda u, c: cnp.kron(u, c),
    "tensordot": lambda u, c: cnp.tensordot(u, c, 1),
    "outer": lambda u, c: cnp.outer(u, c),
    "average": lambda u, c: cnp.average(u, weights=c),
    "broadcast": lambda u, c: u * cnp.broadcast_to(c[0], (3, 3)),
    "list": lambda u, c: u * [c[0], c[1], c[2]],
    "index_set": lambda u, c: cd._core.index_set(c, (0,), u[0]) * u,
    "untracked first": lambda u, c: (cd.array(c, copy=False) * 2.0) * u,
    "shared": lambda u, c: cd.array(c, copy=False) * u,
    "scalar": lambda u, c: u.sum() * c,
    "item": lambda u, c: u * c[0, 0],
    "logsumexp": lambda u, c: cd.logsumexp(u, b=c, axis=0),
}


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("use", CONSTANT_USES)
def test_a_constant_changed_after_it_was_recorded(use, dtype, order):
    f = CONSTANT_USES[use]
    rng = np.random.default_rng(1)
    x = rng.uniform(0.5, 1.5, (3, 3)) + np.eye(3)
    c = np.array(rng.uniform(0.5, 1.5, (3, 3)) + np.eye(3), dtype=dtype, order=order)
    expected = cd.jacobian(lambda u: f(u, c))(x)
    found = {
        "rev": cd.jacobian(changed(f, x, [c]), mode="rev")(x),
        "fwd": cd.jacobian(changed(f, x, [c]), mode="fwd")(x),
        "jvp": cd.jvp(changed(f, x, [c]), (x,), (x,))[1],
        "hvp": cd.hvp(lambda u: (changed(f, x, [c])(u) ** 2).sum(), (x,), (x,)),
    }
    np.testing.assert_allclose(found["rev"], expected, rtol=1e-5)
    np.testing.assert_allclose(found["fwd"], expected, rtol=1e-5)
    np.testing.assert_allclose(found["jvp"], np.tensordot(expected, x, 2), rtol=1e-4)
    exact = cd.hvp(lambda u: (f(u, c) ** 2).sum(), (x,), (x,))
    np.testing.assert_allclose(found["hvp"], exact, rtol=1e-4)


INDEX_USES = {
    "rows": lambda u, i: u[i] ** 2,
    "columns": lambda u, i: u[:, i] ** 2,
    "two": lambda u, i: u[i, i[::-1]] ** 2,
    "take": lambda u, i: cnp.take(u, i, axis=0) ** 2,
    "take flat": lambda u, i: cnp.take(u, i) ** 2,
    "take_along_axis": lambda u, i: cnp.take_along_axis(u, i[:, None], axis=1) ** 2,
    "mask": lambda u, i: u[i > 0] ** 2,
    "mask of elements": lambda u, i: u[(i > 0)[:, None] & (i < 2)] ** 2,
    "power": lambda u, i: u**i,
    "multiply": lambda u, i: u * i,
    "repeat": lambda u, i: cnp.repeat(u, i, axis=0) ** 2,
    "where": lambda u, i: cnp.where(i > 0, u * u, u),
    "gather": lambda u, i: cd._core.gather(u, i) ** 2,
    "scatter": lambda u, i: cd._core.scatter_add(u, i, 4) ** 2,
    "index list": lambda u, i: u[[i[0], i[1]]] ** 2,
}


@pytest.mark.parametrize("outside", [5, -6, 2**31, -(2**31), 2**63 - 1, -(2**63)])
def test_index_arrays_out_of_bounds(outside):
    x = cd.array(np.arange(5.0), requires_grad=True)
    with pytest.raises(IndexError, match=f"index {outside} is out of bounds for axis 0"):
        x[np.array([0, outside, -1])]
    with pytest.raises(IndexError, match="out of bounds"):
        cd.array(np.zeros((0, 3)))[np.array([0])]
    assert cd.array(np.zeros((0, 3)))[np.array([], dtype=int)].shape == (0, 3)


@pytest.mark.parametrize(
    "index",
    [
        np.array([[4, -5], [-1, 0]]),
        np.array([4, -5, 0, -1, 2, 2])[::-2],
        np.array([4, -5, 0, -1], dtype=">i8"),
        np.array([4, -5, 0, -1], dtype=np.int8),
        np.array([4, 0, 1], dtype=np.uint64),
        np.asfortranarray([[4, -5, 0], [-1, 0, 2]]),
        np.frombuffer(b"\x00" + np.array([4, -5, -1], dtype=np.int64).tobytes(), "i8", offset=1),
    ],
)
def test_index_arrays_of_every_kind(index):
    values, kept = np.arange(5.0) ** 2, index.copy()
    found, pullback = cd.vjp(lambda x: x[index], values)
    np.testing.assert_array_equal(found, values[index])
    expected = np.zeros(5)
    np.add.at(expected, index, found)
    np.testing.assert_array_equal(pullback(found)[0], expected)
    np.testing.assert_array_equal(index, kept)


@pytest.mark.parametrize("use", INDEX_USES)
def test_an_index_changed_after_it_was_recorded(use):
    f, index = INDEX_USES[use], np.array([2, 0, 2])
    x = np.arange(1.0, 10.0).reshape(3, 3)
    expected = cd.jacobian(lambda u: f(u, index))(x)
    for mode in ("fwd", "rev"):
        found = cd.jacobian(changed(f, x, [index]), mode=mode)(x)
        np.testing.assert_array_equal(found, expected)


def test_a_constant_changed_between_backward_and_its_repetition():
    x = cd.array(np.ones(3), requires_grad=True)
    c = np.array([1.0, 2.0, 3.0])
    y = (x * c * x).sum()
    y.backward(retain_graph=True)
    c[:] = 0.0
    y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), [4.0, 8.0, 12.0])


def test_an_argument_changed_inside_the_function_is_seen_as_python_does():
    x = np.ones(3)

    def f(u):
        y = (u * u).sum()
        x[:] = 100.0
        return y + (u * x).sum()

    np.testing.assert_array_equal(cd.grad(f)(x), [102.0] * 3)


def test_a_seed_or_tangent_changed_afterwards():
    x, v = np.ones(3), np.ones(3)
    _, pull = cd.vjp(lambda u: u * 1.0, x)
    first = pull(v)[0]
    v[:] = 9.0
    np.testing.assert_array_equal(first, np.ones(3))
    v = np.ones(3)

    def f(u):
        v[:] = 9.0
        return u * 2.0

    np.testing.assert_array_equal(cd.jvp(f, (x,), (v,))[1], [2.0] * 3)


def test_a_result_changed_by_its_owner():
    x = np.ones(100)
    right = cd.vjp(lambda u: np.exp(u), x)[0]
    value, pull = cd.vjp(lambda u: np.exp(u), x)
    value[:] = 0.0
    np.testing.assert_array_equal(pull(np.ones(100))[0], right)
    value, push = cd.linearize(lambda u: np.exp(u), x)
    value[:] = 0.0
    np.testing.assert_array_equal(push(np.ones(100)), right)
    (value, aux), gradient = cd.value_and_grad(
        lambda u: (np.exp(u).sum(), np.exp(u)), has_aux=True
    )(x)
    aux[:] = 0.0
    np.testing.assert_array_equal(gradient, right)


@pytest.mark.parametrize("name", ["solve", "inv", "cholesky", "det", "logabsdet"])
def test_operators_of_matrices_refuse_vectors(name):
    operands = [np.eye(2), np.ones(2)] if name == "solve" else [np.ones(2)]
    with pytest.raises(ValueError, match=rf"{name}: a matrix .* \(2,\)"):
        getattr(_core, name)(*operands)


@pytest.mark.parametrize("axis", [1.5, 0.0, np.float64(1.0)])
@pytest.mark.parametrize("name", ["sum", "mean", "max", "prod", "var", "cumsum", "logsumexp"])
def test_an_axis_that_is_no_integer_raises_numpys_error(name, axis):
    with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
        getattr(cnp, name)(cd.array(BASE), axis=axis)
