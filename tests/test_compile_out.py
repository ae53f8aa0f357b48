"""out=: results in arrays of the caller, whatever they overlap with, and errors otherwise."""

import contextlib
import functools
import gc
import inspect
import io
import sys

import numpy as np
import pytest

import cdiff as cd
from cdiff._compiled._out import Buffers
from cdiff._compiled._signature import takes

POINT = np.array([0.5, -1.2, 2.0, 0.7])


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def twice(f, *args, out):
    """Results of the recording call and of a later one, which are the same objects."""
    compiled = cd.compile(f)
    first = compiled(*args, out=out)
    assert compiled.stats()["recordings"] == 1
    copies = cd.tree_map(np.copy, first)
    cd.tree_map(lambda x: x.fill(-7), first)
    again = compiled(*args, out=out)
    assert compiled.stats()["recordings"] == 1
    assert cd.tree_map(lambda x, y: np.array_equal(x, y), again, copies) == cd.tree_map(
        lambda x: True, copies
    )
    return again


def test_one_array():
    out = np.empty(4)
    assert twice(cd.grad(rosenbrock), POINT, out=out) is out
    np.testing.assert_allclose(out, cd.grad(rosenbrock)(POINT), rtol=1e-13)


@pytest.fixture
def made_in(monkeypatch):
    """The arrays that programs were to compute into, call by call."""
    calls, into = [], Buffers.into
    monkeypatch.setattr(
        Buffers, "into", lambda *args: calls.append(into(*args)) or calls[-1]
    )
    return calls


def test_results_are_computed_where_they_are_wanted(made_in):
    """Where the core leaves a call to Python: an operand in Fortran order."""
    x = np.asfortranarray(np.arange(12.0).reshape(3, 4))
    f = cd.compile(lambda x: (x + 1.0, [x * 2.0], x - 1.0, 5, np.sum(x)))
    f(x)
    plain, across, odd = np.empty((3, 4)), np.empty((4, 3)).T, np.empty(97, "u1")[1:].view(float)
    out = (plain, [across], odd.reshape(3, 4), None, None)
    result = f(x, out=out)
    (found,) = made_in
    assert found[0] is plain and found[1:] == [None] * 3
    assert result[0] is plain and result[1][0] is across and result[4] == 66.0
    for part, expected in zip((plain, across, out[2]), (x + 1.0, x * 2.0, x - 1.0), strict=True):
        np.testing.assert_array_equal(part, expected)
    shared = np.empty((4, 4))
    for wrong in (np.empty((2, 3)), np.empty((3, 4), "f4"), "text"):
        with pytest.raises((ValueError, TypeError)):
            f(x, out=(wrong, None, None, None, None))
    with pytest.raises(ValueError, match="share memory"):
        f(x, out=(shared[:3], None, shared[1:], None, None))
    assert made_in[1:] == [None] * 4


def test_results_are_not_computed_into_what_is_read(made_in):
    f = cd.compile(lambda x, y: (x + 1.0, 2.0 * y))
    x, y = np.ones((2, 2), order="F"), np.arange(4.0).reshape(2, 2)
    f(x, y)
    out, doubled = f(x, y, out=(y, None))
    assert out is y and made_in == [[None, None]]
    np.testing.assert_array_equal(out, x + 1.0)
    np.testing.assert_array_equal(doubled, [[0.0, 2.0], [4.0, 6.0]])


def test_nothing_is_written_before_a_decision_that_others_may_read_after(made_in):
    world = {"scale": 2.0}
    f = cd.compile(lambda x: x * world["scale"] if x[0, 0] > 0 else x - 1.0)
    x, out = np.ones((2, 2), order="F"), np.empty((2, 2))
    f(x)
    np.testing.assert_array_equal(f(x, out=out), 2.0 * x)
    assert made_in == [None]


def test_containers_and_numbers():
    value, slopes = np.empty(()), np.empty(4)
    result = twice(cd.value_and_grad(rosenbrock), POINT, out=(value, slopes))
    assert result[0] is value and result[1] is slopes
    assert value == pytest.approx(rosenbrock(POINT))
    f = cd.compile(lambda x: {"a": [x * 2.0], "n": 3, "b": x.sum()})
    for _ in range(2):
        a = np.empty(4)
        found = f(POINT, out={"b": None, "a": [a], "n": None})
        assert found["a"][0] is a and found["n"] == 3 and found["b"] == POINT.sum()
        np.testing.assert_array_equal(a, 2.0 * POINT)
        assert f(POINT, out=None)["b"] == POINT.sum()
    g = cd.compile(lambda x: (x > 0.6, x * x))
    for x in (0.5, 0.7):
        truth, number = np.empty((), bool), np.empty(())
        assert g(x, out=(truth, number)) == (x > 0.6, x * x)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
def test_dtypes(dtype):
    x = np.arange(4).astype(dtype)
    out = np.empty(4, dtype)
    twice(lambda x: x * 2, x, out=out)
    np.testing.assert_array_equal(out, x * 2)


def test_memory_in_another_order():
    x = np.arange(12.0).reshape(3, 4)
    whole = np.zeros((4, 8, 3))
    for out in (np.empty((4, 3)).T, whole[0].T[:, ::2], whole[:3, :4, 0], np.zeros((3, 4))[::-1]):
        twice(lambda x: x + 1.0, x, out=out)
        np.testing.assert_array_equal(out, x + 1.0)


def test_results_over_arguments():
    def step(x, y):
        return x[::-1] + y, x * y

    for k in range(4):
        x, y = POINT.copy(), POINT + 1.0
        want = step(x, y)
        compiled = cd.compile(step)
        if k % 2:
            compiled(x, y)
        out = (x, y) if k < 2 else (y, x)
        compiled(x, y, out=out)
        for a, b in zip(out, want, strict=True):
            np.testing.assert_array_equal(a, b)
    buffer = np.arange(6.0)
    compiled = cd.compile(lambda x: np.cumsum(x))
    for _ in range(2):
        buffer[:] = np.arange(6.0)
        compiled(buffer[:4], out=buffer[2:])
        np.testing.assert_array_equal(buffer, [0, 1, 0, 1, 3, 6])


def test_results_over_captured_arrays():
    state = np.ones(3)
    step = cd.compile(lambda x: state[::-1] * 2.0 + x)
    want = np.ones(3)
    for k in range(4):
        want = want[::-1] * 2.0 + k
        step(np.full(3, float(k)), out=state)
        np.testing.assert_array_equal(state, want)


def test_a_decision_that_fails_has_written_over_nothing():
    """A result over what only another path reads, or one that is still to be recorded."""
    x = np.ones(4)
    for first in (False, True):
        a, b = np.full(4, 2.0), np.full(4, 3.0)
        f = cd.compile(lambda x, a=a, b=b: x * a if np.sum(x) > 0 else x * b + np.sum(b))
        if first:
            f(-x)
        f(x)
        assert f(-x, out=b).tolist() == [9.0] * 4 and b.tolist() == [9.0] * 4
        assert a.tolist() == [2.0] * 4 and f(x, out=a).tolist() == [2.0] * 4
    file = io.BytesIO()
    c, d = np.full(4, 2.0), np.full(4, 3.0)
    f = cd.compile(lambda x: x * c if np.sum(x) > 0 else x * d)
    f(x)
    f.save(file)
    file.seek(0)
    g = cd.load(file, fallback=f)
    assert g(-x, out=d).tolist() == [-3.0] * 4


def test_a_decision_that_fails_has_written_over_no_argument():
    f = cd.compile(lambda x: x * 2.0 if np.sum(x) > 0 else x * 3.0)
    f(np.ones(4))
    for k in range(3):
        x = (-np.arange(1.0, 9.0))[::2] if k else -np.ones(4)
        want = x * 3.0
        if k == 1:
            f(x)
            f(np.ones(4))
        out = x if x.flags.c_contiguous else x.base[:4]
        np.testing.assert_array_equal(f(x, out=out), want)


def test_keys_that_are_not_those_of_the_result():
    f = cd.compile(lambda x: {"a": x * 2.0, "b": x + 1.0})
    f(POINT)
    for out in ({"a": np.empty(4), "c": None}, {"c": np.empty(4), "d": None}):
        with pytest.raises(TypeError, match="entries"):
            f(POINT, out=out)


def no_general(args, kwargs):
    raise AssertionError("not by this way")


def test_results_that_fit_need_no_python():
    def f(x, *, k):
        return {"a": (x * k, x + 1.0), "b": [x.sum(), None, (x > 0.0).astype("i4")]}

    compiled = cd.compile(f)
    compiled(POINT, k=2.0)
    want = f(POINT, k=3.0)
    compiled._general = no_general
    a, b, c = np.empty(4), np.empty(4), np.empty(4, "i4")
    for out in (
        {"b": [None, None, c], "a": (a, b)},
        {"b": None, "a": (a, None)},
        {"a": None, "b": [None, None, c]},
        None,
    ):
        for room in (a, b, c):
            room.fill(-7)
        got = compiled(POINT, k=3.0, out=out)
        np.testing.assert_equal(got, want)
        if out is not None and out["a"] is not None:
            assert got["a"][0] is a and (got["a"][1] is b) == (out["a"][1] is b)
        if out is not None and out["b"] is not None:
            assert got["b"][2] is c
    whole = np.empty((3, 4))
    got = compiled(POINT, k=3.0, out={"a": (whole[0], whole[2]), "b": None})
    np.testing.assert_array_equal(whole[[0, 2]], want["a"])
    one = cd.compile(lambda x: x * 2.0)
    one(POINT)
    one._general = no_general
    assert one(POINT, out=a) is a and a.tolist() == (POINT * 2.0).tolist()


def test_results_that_do_not_fit_are_not_written():
    """What the core leaves to Python: nothing is written there before Python has looked."""
    table = np.linspace(0.0, 1.0, 4)
    f = cd.compile(lambda x, y: (x * y + table, x - y))
    x, y = POINT.copy(), POINT + 1.0
    f(x, y)
    room, other = np.empty(4), np.empty(4)
    f._general = no_general
    assert f(x, y, out=(room, other))[0] is room
    pair = np.empty(7)
    for out in (
        (x, other), (other, y), (room, table), (table[:], None), (pair[:4], pair[3:]),
        (room, room), (np.empty(8)[::2], None), (np.empty(4, ">f8"), None),
        (np.empty((4, 1)), None),
        (np.empty(5), None), (np.empty(4, "f4"), None), [room, other], (room,), (room, other, None),
        {0: room, 1: other}, room, (3.0, None), (np.empty(4).view(np.recarray), None),
        (pair[::-1][:4], None),
    ):  # fmt: skip
        with pytest.raises(AssertionError, match="not by this way"):
            f(x, y, out=out)
    with pytest.raises(AssertionError, match="not by this way"):
        f(x, y, result=(room, other))
    assert x.tolist() == POINT.tolist() and table[0] == 0.0


def test_no_references_are_lost_or_kept():
    f = cd.compile(lambda x: (x * 2.0, [x + 1.0]))
    f(POINT)
    rooms = [np.empty(4), np.empty(4)]
    out = (rooms[0], [rooms[1]])
    counts = lambda: [sys.getrefcount(y) for y in (*rooms, out, POINT)]
    f(POINT, out=out)
    gc.collect()
    before = counts()
    for _ in range(100):
        f(POINT, out=out)
        with pytest.raises(TypeError):
            f(POINT, out=(rooms[0], rooms[1]))
    gc.collect()
    assert counts() == before


def test_a_new_path_and_a_new_shape():
    f = cd.compile(lambda x: x * 2.0 if x[0] > 0 else x.sum())
    out, number = np.empty(2), np.empty(())
    assert f(np.ones(2), out=out) is out
    assert f(-np.ones(2), out=number) == -2.0 and number == -2.0
    for _ in range(2):
        with pytest.raises(ValueError, match="shape"):
            f(-np.ones(2), out=out)
    assert f(np.ones(2), out=out).tolist() == [2.0, 2.0]
    assert f(np.ones(3), out=np.empty(3)).tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    "out, error, message",
    [
        (np.empty(5), ValueError, r"out has shape \(5,\), but the result has shape \(4,\)"),
        (np.empty(4, "f4"), TypeError, "out has dtype float32, but the result has dtype float64"),
        (np.empty(4, ">f8"), TypeError, "dtype >f8"),
        ([0.0] * 4, TypeError, "one number or array|must be"),
        (3.0, TypeError, "must be an ndarray, got a float"),
        (cd.array(POINT), TypeError, "NumPy array"),
        ((np.empty(4),), TypeError, "ndarray"),
    ],
)
def test_arrays_that_do_not_fit(out, error, message):
    f = cd.compile(lambda x: x * 2.0)
    for _ in range(2):
        with pytest.raises(error, match=message):
            f(POINT, out=out)
    np.testing.assert_array_equal(f(POINT), POINT * 2.0)


def test_arrays_that_cannot_be_written():
    f = cd.compile(lambda x: (x * 2.0, x + 1.0, "text"))
    out = np.empty(4)
    read_only = np.zeros(4)
    read_only.flags.writeable = False
    for _ in range(2):
        with pytest.raises(ValueError, match=r"out\[0\] is read-only"):
            f(POINT, out=(read_only, out, None))
        with pytest.raises(ValueError, match=r"out\[0\] and out\[1\] share memory"):
            f(POINT, out=(out, out, None))
        with pytest.raises(TypeError, match=r"out\[2\].*str"):
            f(POINT, out=(None, None, out))
        with pytest.raises(TypeError, match="tuple like the result"):
            f(POINT, out=[out, out, None])
        with pytest.raises(TypeError, match="entries"):
            f(POINT, out=(out, out))
    assert not read_only.any()
    halves = np.empty((4, 2))
    f(POINT, out=(halves[:, 0], halves[:, 1], None))
    np.testing.assert_array_equal(halves, np.stack([POINT * 2, POINT + 1], 1))


def test_a_parameter_called_out():
    f = cd.compile(lambda x, out=1.0: x * out)
    assert f(2.0, out=3.0) == 6.0 and f(2.0) == 2.0
    g = cd.compile(cd.grad(lambda x, out: x * out))
    assert g(2.0, out=3.0) == 3.0


def test_no_out_under_a_transformation():
    f = cd.compile(lambda x: x * 2.0)
    with pytest.raises(TypeError, match="no derivative"):
        cd.grad(lambda x: f(x, out=np.empty(())))(1.0)


def test_no_memory_is_taken_for_results():
    import tracemalloc

    f = cd.compile(lambda x: x * 2.0 + 1.0)
    x, out = np.ones(1_000_000), np.empty(1_000_000)
    f(x, out=out)
    from cdiff import _core

    gc.collect()
    _core.pool_clear()
    tracemalloc.start()
    try:
        f(x, out=out)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert _core.pool_info()["pooled_bytes"] < 1_000_000
    assert (out == 3.0).all()


def _functions_and_whether_they_take_out():
    def wrapped(x):
        return x

    wrapped.__wrapped__ = lambda x, out: x
    def says_itself(x):
        return x

    says_itself.__signature__ = inspect.signature(lambda x, *, out=None: x)

    class Methods:
        def plain(self, x):
            out = x
            return out

        def with_out(self, x, *, out=None):
            return x

    return [
        (lambda x, out: x, True), (lambda x, *, out=1: x, True), (lambda *out: 1, True),
        (lambda **out: 1, True), (lambda x, *args, y=1, **kwargs: x, False), (wrapped, True),
        (says_itself, True), (Methods().plain, False), (Methods().with_out, True),
        (functools.partial(Methods().with_out, out=2), True), (abs, False),
        (cd.grad(Methods().with_out), True), (cd.grad(Methods().plain), False), (3, False),
    ]  # fmt: skip


@pytest.mark.parametrize(("f", "expected"), _functions_and_whether_they_take_out())
def test_whether_a_function_takes_out(f, expected):
    assert takes(f, "out") is expected
    with contextlib.suppress(TypeError, ValueError):  # some have no signature
        assert ("out" in inspect.signature(f).parameters) is expected
