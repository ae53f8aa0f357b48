"""The methods, attributes and protocols of `Array`: items, text, ufuncs, copies, conversions."""

from __future__ import annotations

import copy
import gc
import math
import operator
import pickle
import sys
import weakref

import numpy as np
import pytest
from test_array import ARRAYS, assert_same

import cdiff as cd
import cdiff.numpy as cnp

# ------------------------------------------------------------------ rounding and conversions


@pytest.mark.parametrize("value", [1.5, -1.5, 2.5, -0.3, 7.0])
@pytest.mark.parametrize("tracked", [False, True])
def test_rounding_to_python_ints(value, tracked):
    x = cd.array(value, requires_grad=tracked)
    for function in (math.floor, math.ceil, math.trunc, int):
        found = function(x)
        assert (type(found), found) == (int, function(value))
    assert float(cd.array(round(x)).item()) == round(value)
    assert abs(round(x, 1).item() - round(value, 1)) < 1e-15


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_rounding_what_is_not_finite(value):
    for function in (math.floor, math.ceil, int):
        with pytest.raises((OverflowError, ValueError)):
            function(cd.array(value))


def test_conversions_of_untracked_arrays():
    for x in (cd.array(2.0), cd.array([2.0]), cd.array([[2.0]], dtype=np.float32), cd.array([2])):
        assert (float(x), int(x), complex(x), math.sqrt(x * x)) == (2.0, 2, 2.0, 2.0)
    assert [10, 20, 30][cd.array(1)] == 20
    assert list(range(cd.array(3))) == [0, 1, 2]
    with pytest.raises(TypeError, match="integer"):
        [10, 20][cd.array(1.0)]
    for function in (float, int, complex, math.floor):
        with pytest.raises(TypeError, match=r"shape \(2,\)"):
            function(cd.array([1.0, 2.0]))
        with pytest.raises(TypeError, match=r"shape \(0,\)"):
            function(cd.array([]))


PLAIN = np.zeros(3)


@pytest.mark.parametrize("way", ["leaf", "grad", "jvp"])
@pytest.mark.parametrize(
    ("use", "instead"),
    {
        "float": (float, "cdiff.numpy"),
        "math": (math.sin, "cdiff.numpy"),
        "math.hypot": (lambda x: math.hypot(x, 1.0), "cdiff.numpy"),
        "complex": (complex, r"x\.item\(\)"),
        "format": (lambda x: operator.mod("%f", x), r"x\.item\(\)"),
        "np.array": (lambda x: np.array([x, x]), r"cdiff\.numpy\.(array|stack)"),
        "lists": (lambda x: np.array([[x, 1.0], [2.0, x]]), r"cdiff\.numpy\.(array|stack)"),
        "np.asarray": (np.asarray, r"cdiff\.numpy\.(array|stack)"),
        "np.float64": (np.float64, r"cdiff\.numpy\.(array|stack)"),
        "item": (lambda x: operator.setitem(PLAIN, 0, x), "instead of a plain ndarray"),
        "slice": (lambda x: operator.setitem(PLAIN, slice(0, 2), x), "cdiff array"),
        "mask": (lambda x: operator.setitem(PLAIN, PLAIN == 0, x), "cdiff array"),
        "fill": (PLAIN.fill, "cdiff array"),
        "in place": (lambda x: operator.iadd(PLAIN, x), "write a = a . x"),
        "out": (lambda x: np.sin(x, out=PLAIN[0:1]), "leave out= away"),
        "np.copyto": (lambda x: np.copyto(PLAIN, x), "cannot hold a derivative"),
        "astype half": (lambda x: x.astype(np.float16), r"detach\(\)"),
        "dtype": (lambda x: np.sin(x, dtype=np.longdouble), "derivatives need"),
        "object": (lambda x: x.astype(object), "derivatives need"),
        "where": (lambda x: np.sin(x, where=np.array(True)), r"cdiff\.numpy\.where"),
    }.values(),
)
def test_what_would_lose_a_derivative(way, use, instead):
    def f(x):
        use(x)
        return x

    with pytest.raises(TypeError, match=instead):
        if way == "leaf":
            f(cd.array(2.0, requires_grad=True))
        elif way == "grad":
            cd.grad(f)(2.0)
        else:
            cd.jvp(f, (2.0,), (1.0,))
    assert not PLAIN.any()


def test_dropping_the_derivative_on_purpose():
    x = cd.array([1.0, 2.0], requires_grad=True)
    y = x * 2
    assert y.tolist() == [2.0, 4.0]
    assert (y[0].item(), y.item(1)) == (2.0, 4.0)
    assert y.numpy().tolist() == [2.0, 4.0]
    assert not cd.is_tracked(y.detach())
    assert y.astype(int).tolist() == [2, 4]


def test_conversion_to_numpy():
    x = cd.array([1.0, 2.0])
    assert np.asarray(x).base is not None
    assert not np.asarray(x).flags.writeable
    assert np.array(x).flags.writeable
    assert np.asarray(x, dtype=np.float32).dtype == np.float32
    assert np.array(x, copy=True).flags.writeable
    with pytest.raises(ValueError, match="copy"):
        np.array(x, dtype=np.float32, copy=False)
    with pytest.raises(ValueError, match="read-only"):
        x.numpy()[0] = 5.0


# ------------------------------------------------------------------ items


def test_partition_in_place_is_along_the_last_axis():
    rows = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]])
    x = cd.array(rows)
    x.partition(1)
    rows.partition(1)
    assert x.tolist() == rows.tolist()


def test_len_and_iteration():
    x = cd.array([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    assert [row.tolist() for row in x] == [[1.0, 2.0], [3.0, 4.0]]
    assert [row.tolist() for row in reversed(x)] == [[3.0, 4.0], [1.0, 2.0]]
    assert [v.item() for v in x.flat] == [1.0, 2.0, 3.0, 4.0]
    assert [(at, v.item()) for at, v in cnp.ndenumerate(x)] == list(np.ndenumerate(x.numpy()))
    ours, theirs = x.flat, x.numpy().flat
    for _ in range(4):
        assert ours.coords == theirs.coords
        assert next(ours).item() == next(theirs)
    a, b = x[0]
    assert (a.item(), b.item()) == (1.0, 2.0)
    assert list(cd.array(np.zeros((0, 2)))) == []
    for call in (len, iter, list, reversed):
        with pytest.raises(TypeError):
            call(cd.array(1.0))


def test_iteration_is_differentiated():
    np.testing.assert_array_equal(
        cd.grad(lambda x: sum(w * v for w, v in enumerate(reversed(x))))(np.ones(3)), [2, 1, 0]
    )


def test_contains():
    x = cd.array([1.0, math.nan, 3.0], requires_grad=True)
    assert 3.0 in x
    assert 3 in x
    assert cd.array(1.0) in x
    assert 2.0 not in x
    assert math.nan not in x
    assert 1.0 not in cd.array([])
    assert None not in x


def test_truth():
    for value in (0.0, 1.0, -0.0, math.nan, 0, 3, True, [0.0], [[2.0]], np.float32(0)):
        assert bool(cd.array(value)) is bool(np.array(value))
    with pytest.raises(ValueError, match="ambiguous"):
        bool(cd.array([1.0, 2.0]))
    # NumPy before 2.2 warns only.
    with pytest.raises((ValueError, DeprecationWarning), match="ambiguous"):
        bool(cd.array([]))


def test_hash():
    for x in (cd.array(1.0), cd.array([1.0], requires_grad=True)):
        with pytest.raises(TypeError, match="unhashable"):
            hash(x)
        with pytest.raises(TypeError, match="unhashable"):
            {x: 1}


# ------------------------------------------------------------------ text


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (cd.array(1.5), "Array(1.5)"),
        (cd.array(3), "Array(3, dtype=int64)"),
        (cd.array([1.0, 2.5]), "Array([1. , 2.5])"),
        (cd.array([1, 2]), "Array([1, 2], dtype=int64)"),
        (cd.array(1.5, dtype=np.float32), "Array(1.5, dtype=float32)"),
        (cd.array([True]), "Array([ True], dtype=bool)"),
        (cd.array([]), "Array([])"),
        (cd.array(np.zeros((0, 3))), "Array([], shape=(0, 3))"),
        (cd.array(np.zeros((2, 0), np.float32)), "Array([], shape=(2, 0), dtype=float32)"),
        (cd.array([[1.0, 2.0], [3.0, 4.0]]), "Array([[1., 2.],\n       [3., 4.]])"),
        (cd.array([1.0], requires_grad=True), "Array([1.], requires_grad=True)"),
        (cd.array([1.0], requires_grad=True) * 2, "Array([2.], tracked)"),
        (cd.array(1.0, requires_grad=True) * 2, "Array(2., tracked)"),
        (cd.array([math.nan, math.inf]), "Array([nan, inf])"),
    ],
)
def test_repr(x, text):
    assert repr(x).replace("Array(2.0,", "Array(2.,") == text


def test_repr_inside_transformations():
    seen = []

    def f(x):
        seen.append((repr(x), str(x), f"{x:.2f}", f"{x}"))
        return x * x

    cd.grad(f)(1.5)
    cd.jvp(f, (1.5,), (1.0,))
    cd.grad(cd.grad(f))(1.5)
    assert set(seen) == {("Array(1.5, tracked)", "1.5", "1.50", "1.5")}


def test_format():
    assert f"{cd.array(3.14159):.2f} {cd.array([3.14159]):8.3f}" == "3.14    3.142"
    assert f"{cd.array(7):d}" == "7"
    assert f"{cd.array([1.0, 2.0])}" == "[1. 2.]"
    with pytest.raises(TypeError, match="format"):
        f"{cd.array([1.0, 2.0]):.2f}"
    with pytest.raises(ValueError, match=r"[Ff]ormat"):
        f"{cd.array(1.0):nonsense}"


def test_a_large_array_is_abbreviated():
    assert "..." in repr(cd.array(np.arange(1e5)))
    assert len(repr(cd.array(np.arange(1e5)))) < 200


# ------------------------------------------------------------------ attributes


@pytest.mark.parametrize("kind", ARRAYS)
def test_attributes_are_numpys(kind):
    x = np.asarray(ARRAYS[kind])
    for tracked in (False, True):
        if tracked and x.dtype.kind != "f":
            continue
        a = cd.array(x, requires_grad=tracked)
        for name in ("shape", "ndim", "size", "dtype", "itemsize", "nbytes"):
            assert getattr(a, name) == getattr(x, name), name
        assert_same(a.T, x.T)
        assert a.real is a
        if x.ndim >= 2:
            assert_same(a.mT, x.mT)
        else:
            with pytest.raises(ValueError, match="two axes"):
                a.mT


def test_unknown_attributes():
    x = cd.array([1.0])
    with pytest.raises(AttributeError, match="no attribute 'foo'"):
        x.foo
    assert not hasattr(x, "__dict__")
    assert getattr(x, "foo", 3) == 3
    for name in ("foo", "shape", "dtype", "T", "requires_grad", "sum"):
        with pytest.raises(AttributeError):
            setattr(x, name, 1)
    with pytest.raises(TypeError):
        cd.Array.foo = 1
    with pytest.raises(AttributeError):
        del x.shape


def test_dir_has_what_ndarray_has():
    names = set(dir(cd.array([1.0])))
    assert {"backward", "grad", "zero_grad", "detach", "numpy", "requires_grad"} <= names
    not_numbers = {"byteswap", "choose", "compress", "ctypes", "data", "device", "dump", "dumps",
                   "getfield", "imag", "itemset", "newbyteorder", "partition", "put", "resize",
                   "setfield", "setflags", "strides", "to_device", "tobytes", "tofile", "tostring",
                   "view", "base", "flags"}  # fmt: skip
    public = {name for name in dir(np.ndarray) if not name.startswith("_")}
    assert public - names - not_numbers == set()


METHODS = {
    "all": (), "any": (), "argmax": (), "argmin": (), "argpartition": (1,), "argsort": (),
    "astype": (np.float32,), "clip": (1.5, 3.0), "conj": (), "conjugate": (), "copy": (),
    "cumprod": (), "cumsum": (), "diagonal": (), "dot": ([1.0, 2.0],), "flatten": (), "max": (),
    "mean": (), "min": (), "nonzero": (), "prod": (), "ravel": (), "repeat": (2,),
    "reshape": (4,), "round": (), "squeeze": (), "std": (), "sum": (), "swapaxes": (0, 1),
    "take": ([1, 0],), "tolist": (), "trace": (), "transpose": (), "var": (),
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("tracked", [False, True])
def test_methods_are_numpys(name, tracked):
    values = np.array([[1.25, 2.0], [4.0, 3.5]])
    found = getattr(cd.array(values, requires_grad=tracked), name)(*METHODS[name])
    expected = getattr(values, name)(*METHODS[name])
    if name in ("nonzero", "tolist"):
        np.testing.assert_array_equal(found, expected)
    else:
        assert_same(found, expected)
        differentiable = expected.dtype.kind == "f" and name != "round"
        assert cd.is_tracked(found) == (tracked and differentiable)


def test_methods_that_change_the_array():
    x = cd.array([3.0, 1.0, 2.0])
    x.sort()
    assert x.tolist() == [1.0, 2.0, 3.0]
    x.fill(7.0)
    assert x.tolist() == [7.0, 7.0, 7.0]


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.sum(axis=2),
        lambda x: x.sum(axis=1.0),
        lambda x: x.sum(axis="a"),
        lambda x: x.sum(axis=(0, 0)),
        lambda x: x.sum(2**70),
        lambda x: x.reshape(3),
        lambda x: x.reshape(-1, -1),
        lambda x: x.reshape(2.0, 2.0),
        lambda x: x.reshape("a"),
        lambda x: x.reshape(2**40, 2**40),
        lambda x: x.transpose(0),
        lambda x: x.transpose(0, 0),
        lambda x: x.transpose(0, 2),
        lambda x: x.transpose(0.0, 1.0),
        lambda x: x.transpose("0", "1"),
        lambda x: x.astype("nonsense"),
        lambda x: x.astype(int, casting="safe"),
        lambda x: x.item(),
        lambda x: x.item(7),
        lambda x: x.max(axis=5),
        lambda x: x.mean(axis="a"),
        lambda x: x[0, 0, 0],
        lambda x: x[5],
        lambda x: x[1.0],
        lambda x: x["a"],
        lambda x: x[..., ...],
        lambda x: x[[True, False, True]],
        lambda x: x[np.array([5])],
        lambda x: x[np.array([0.5])],
        lambda x: x[object()],
        lambda x: x[2**70],
        lambda x: np.broadcast_to(x, (-1, 2, 2)),
        lambda x: np.broadcast_to(x, (3, 2)),
        lambda x: x + np.ones(3),
    ],
)
@pytest.mark.parametrize("tracked", [False, True])
def test_bad_arguments_are_errors_as_in_numpy(call, tracked):
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    errors = (TypeError, ValueError, IndexError, OverflowError)
    with pytest.raises(errors):
        call(values)
    with pytest.raises(errors):
        call(cd.array(values, requires_grad=tracked))


def test_a_broadcast_too_large_for_memory():
    x = cd.array(np.ones(1))
    with pytest.raises((ValueError, MemoryError)):
        np.broadcast_to(x, (2**32, 2**32))
    with pytest.raises(ValueError, match="reshape"):
        cd.array([]).reshape(2**32, 2**32)
    wide = np.broadcast_to(x, (2**20, 2**20))
    assert wide.shape == (2**20, 2**20)
    with pytest.raises(MemoryError):
        np.broadcast_to(x, (2**30, 2**29)) * 2.0


# ------------------------------------------------------------------ making and copying


@pytest.mark.parametrize(
    "call",
    [
        lambda: cd.Array(),
        lambda: cd.Array([1.0]),
        lambda: cd.Array(data=[1.0]),
        lambda: object.__new__(cd.Array),
        lambda: cd.Array.__new__(cd.Array),
        lambda: type("Sub", (cd.Array,), {}),
        lambda: cd.array(1.0).__class__.__call__(),
        lambda: setattr(cd.array(1.0), "__class__", float),
        lambda: weakref.ref(cd.array(1.0)),
        lambda: vars(cd.array(1.0)),
        lambda: cd.array(),
        lambda: cd.array([1.0], nonsense=True),
        lambda: cd.array([1.0], dtype="nonsense"),
        lambda: cd.array([1.0], dtype=int, requires_grad=True),
        lambda: cd.array([1.0], dtype=object),
        lambda: cd.array("text"),
        lambda: cd.array(None),
        lambda: cd.array({}),
        lambda: cd.array({1.0}),
        lambda: cd.array(x for x in "ab"),
        lambda: cd.array([object()]),
        lambda: cd.array(lambda: 1.0),
    ],
)
def test_what_cannot_be_made(call):
    with pytest.raises(TypeError):
        call()


def test_ragged_data():
    with pytest.raises(ValueError, match="inhomogeneous"):
        cd.array([[1.0], [2.0, 3.0]])


def test_init_of_an_existing_array_changes_nothing():
    x = cd.array([1.0, 2.0])
    x.__init__()
    assert x.tolist() == [1.0, 2.0]
    assert sys.getsizeof(x) == cd._core.pool_info()["node_bytes"]
    gc.collect()


LEAF = cd.array([1.0, 2.0], requires_grad=True)
(LEAF * LEAF).sum().backward()
COPIED = {
    "scalar": cd.array(1.5),
    "vector": cd.array([1.0, 2.0]),
    "f32": cd.array([[1.0]], dtype=np.float32),
    "0-d f32": cd.array(1.0, dtype=np.float32),
    "int": cd.array([1, 2]),
    "0-d int": cd.array(2**62 + 1),
    "bool": cd.array([True]),
    "empty": cd.array(np.zeros((0, 3))),
    "view": cd.array(np.arange(12.0).reshape(3, 4))[::2, ::-1].T,
    "leaf": LEAF,
    "fresh leaf": cd.array(1.5, requires_grad=True),
}


@pytest.mark.parametrize("kind", COPIED)
@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, *range(pickle.HIGHEST_PROTOCOL + 1)])
def test_pickle_and_copies(kind, way):
    x = COPIED[kind]
    y = pickle.loads(pickle.dumps(x, way)) if isinstance(way, int) else way(x)
    assert type(y) is cd.Array
    assert y is not x
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    assert y.tolist() == x.tolist()
    if way is copy.copy:
        return
    assert y.requires_grad == x.requires_grad
    if x.grad is None:
        assert y.grad is None
    else:
        assert y.grad is not x.grad
        assert y.grad.tolist() == x.grad.tolist()
        y.grad[0] = 77.0
        assert x.grad.tolist() == [2.0, 4.0]


def test_deepcopy_keeps_identity_inside_a_container():
    x = cd.array([1.0], requires_grad=True)
    model = copy.deepcopy({"a": x, "b": x})
    assert model["a"] is model["b"]
    model = pickle.loads(pickle.dumps({"a": x, "b": x}))
    assert model["a"] is model["b"]


@pytest.mark.parametrize("way", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_tracked_array_is_not_pickled(way):
    def f(x):
        with pytest.raises(TypeError, match="tracked array cannot be pickled"):
            pickle.dumps(x, way)
        return x * 1.0

    f(cd.array([1.0], requires_grad=True) * 2.0)
    assert cd.grad(f)(1.0) == 1.0
    assert cd.jvp(f, (1.0,), (1.0,))[1] == 1.0
    assert cd.grad(cd.grad(f))(1.0) == 0.0


def test_a_copy_of_a_tracked_array_is_tracked():
    def f(x):
        return (copy.copy(x) * x.copy()).sum()

    np.testing.assert_array_equal(cd.grad(f)(np.array([1.0, 2.0])), [2.0, 4.0])


@pytest.mark.parametrize("way", [lambda a: a.copy(), np.copy, copy.deepcopy, cd.array])
def test_copies_of_truth_values_are_recorded(way):
    """Of which there is no positive."""

    def f(x):
        mask = x > 0.0
        other = way(mask)
        other[0] = not bool(mask[0])
        return mask, other

    points = np.array([[1.0, -1.0], [-2.0, 3.0]])
    for run in (cd.compile(f), lambda x: cd.scan(lambda c, row: (c, f(row)), 0.0, x[None])[1]):
        for x in points:
            mask, other = (np.ravel(y) for y in run(x))
            assert mask.dtype == other.dtype == bool
            assert list(mask) == list(x > 0.0) and list(other) == [x[0] <= 0.0, x[1] > 0.0]
    mask = cd.vmap(lambda x: way(x > 0.0))(points)
    assert mask.dtype == bool and np.array_equal(mask, points > 0.0)


def test_a_deep_copy_of_a_state_is_tracked():
    """Simulations keep copies of their state."""

    def f(x):
        scale = x[1] * 1.0
        state = {"x": x, "old": [x * 2.0]}
        kept = copy.deepcopy(state)
        state["x"] += 10.0
        kept["old"][0][0] = 7.0
        return (kept["x"] * kept["x"] * scale).sum() + kept["old"][0].sum()

    x = np.array([1.0, 2.0])
    want = [4.0, 15.0]
    np.testing.assert_array_equal(cd.grad(f)(x), want)
    np.testing.assert_array_equal(cd.jacfwd(f)(x), want)
    compiled = cd.compile(cd.grad(f))
    np.testing.assert_array_equal(compiled(x + 1.0), cd.grad(f)(x + 1.0))
    np.testing.assert_array_equal(compiled(x), want)
    assert compiled.stats()["recordings"] == 1
    np.testing.assert_array_equal(cd.vmap(cd.grad(f))(x[None]), [want])


def test_array_of_an_array_is_another():
    x = cd.array([1.0, 2.0])
    y = cd.array(x)
    y[0] = 5.0
    assert x.tolist() == [1.0, 2.0]
    memory = np.array([1.0, 2.0])
    shared, own = cd.array(memory, copy=False), cd.array(memory)
    memory[0] = 9.0
    assert shared.tolist() == [9.0, 2.0]
    assert own.tolist() == [1.0, 2.0]
