"""Calls of compiled functions that need no Python: which they are, and that they are right.

Where a call has to be answered by the core, the general way is replaced by an error.
"""

import contextlib
import gc
import sys
import threading
import tracemalloc
import weakref
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from many_threads import in_threads

import cdiff as cd
from cdiff import _core
from cdiff._compiled._compile import MAX_FORMS
from cdiff._core import CallForm, CompiledCall, Fixed, Program, Runner

Point = namedtuple("Point", "x y")


def no_general(args, kwargs):
    raise AssertionError("not by this way")


def direct(f, *args, **kwargs):
    """A compiled function that has seen this call and may not go the general way any more."""
    compiled = cd.compile(f)
    compiled(*args, **kwargs)
    compiled._general = no_general
    return compiled


def is_direct(compiled, *args, **kwargs):
    compiled._general = no_general
    try:
        compiled(*args, **kwargs)
    except AssertionError:
        return False
    finally:
        del compiled._general
    return True


class Echo(CompiledCall):
    """Tells what comes the general way."""

    def _general(self, args, kwargs):
        return "general", args, kwargs


CompiledCall.enable(Echo)


def both():
    """x * y and x / y."""
    program = Program()
    x, y = program.input("f8"), program.input("f8")
    program.outputs = [program.apply("multiply", [x, y]), program.apply("divide", [x, y])]
    return Runner(program)


def echo(runner, template, *args, **kwargs):
    call = Echo()
    call.forms = (CallForm(runner, args, kwargs, template),)
    return call


# --- forms of arguments ---------------------------------------------------------------------------


def test_floats():
    f = direct(cd.value_and_grad(lambda x, y: x * y * y, argnums=(0, 1)), 1.0, 2.0)
    assert f(2.0, 3.0) == (18.0, (9.0, 12.0))
    assert [type(x) for x in f(2.0, 3.0)[1]] == [float, float]


@pytest.mark.parametrize(
    "args, kwargs",
    [
        ((np.arange(3.0), 2.0), {}),
        ((np.arange(3.0), np.float64(2.0)), {}),
        ((np.arange(6.0).reshape(2, 3), 2.0), {}),
        ((np.arange(3, dtype="f4"), 2), {}),
        ((np.arange(3), 2.0), {}),
        ((np.arange(3.0),), {"k": 2.0}),
        ((), {"x": np.arange(3.0), "k": 2.0}),
        ((np.arange(3.0), 2), {}),
        ((np.zeros((0, 3)), 2.0), {}),
    ],
)
def test_numbers_and_arrays(args, kwargs):
    def f(x, k):
        return x * k + 1.0

    for values in (f(*args, **kwargs), direct(f, *args, **kwargs)(*args, **kwargs)):
        np.testing.assert_array_equal(values, f(*args, **kwargs))
        assert values.dtype == f(*args, **kwargs).dtype


@pytest.mark.parametrize(
    "tree",
    [
        (1.0, 2.0, 3.0),
        [np.ones(2), 2.0, None, 3.0],
        {"a": np.ones(2), "b": (1.0, [2.0]), "c": "text"},
        Point(np.ones(2), 3.0),
        [{"a": [{"b": 1.0}]}, 4, True, None],
        {1: 2.0, "x": {}},
    ],
)
def test_containers(tree):
    def f(p):
        return cd.tree_map(lambda x: x if isinstance(x, (int, str)) else x * 2.0, p)

    compiled = cd.compile(f)
    want = compiled(tree)
    assert cd.tree_map(np.array_equal, want, f(tree)) == cd.tree_map(lambda x: True, want)
    assert str(compiled(tree)) == str(want)
    assert type(compiled(tree)) is type(tree)
    assert is_direct(compiled, tree) == (type(tree) is not Point)  # only its result is unusual


def test_a_namedtuple_as_argument():
    f = direct(lambda p: p.x + p.y, Point(1.0, 2.0))
    assert f(Point(3.0, 4.0)) == 7.0
    with pytest.raises(AssertionError):
        f((3.0, 4.0))


@pytest.mark.parametrize(
    "other",
    [
        (np.ones(4), 1.0),
        (np.ones(3, "f4"), 1.0),
        (np.ones((3, 1)), 1.0),
        (np.ones(3), 1),
        (np.ones(3), True),
        (np.ones(3), np.float64(1.0)),
        (np.ones(3), np.array(1.0)),
        (cd.array(np.ones(3)), 1.0),
        (np.ma.ones(3), 1.0),
        ([1.0, 1.0, 1.0], 1.0),
        (np.ones(3), None),
        (np.ones(3),),
        (np.ones(3), 1.0, 1.0),
    ],
)
def test_other_arguments_go_the_general_way(other):
    program = Program()
    x, y = program.input("f8", (3,)), program.input("f8")
    program.outputs = [program.apply("multiply", [x, y], "f8", (3,))]
    call = echo(Runner(program), 0, np.ones(3), 1.0)
    np.testing.assert_array_equal(call(np.arange(3.0), 2.0), [0.0, 2.0, 4.0])
    what, args, kwargs = call(*other)
    assert what == "general" and kwargs == {}
    assert len(args) == len(other) and all(a is b for a, b in zip(args, other, strict=True))


def test_static_arguments():
    class Thing:
        pass

    thing, other = Thing(), Thing()
    program = Program()
    program.outputs = [program.input("f8")]
    call = Echo()
    args = (1.0, 2, "a", thing, (True,), None)
    call.forms = (CallForm(Runner(program), args, {}, 0, (), [2, "a", thing, True]),)
    assert call(5.0, 2, "a", thing, (True,), None) == 5.0
    assert call(5.0, 10**3 // 500, "".join(["a"]), thing, (True,), None) == 5.0
    for k, x in ((1, 3), (1, 2.0), (1, True), (2, "b"), (3, other), (4, (1,)), (4, [True]), (5, 0)):
        given = [5.0, 2, "a", thing, (True,), None]
        given[k] = x
        assert call(*given)[0] == "general"


def test_keywords():
    call = echo(both(), (0, 1), 1.0, y=2.0)
    assert call(3.0, y=2.0) == (6.0, 1.5)
    assert call(3.0, 2.0) == ("general", (3.0, 2.0), {})
    assert call(x=3.0, y=2.0) == ("general", (), {"x": 3.0, "y": 2.0})
    assert call(*[3.0], z=1) == ("general", (3.0,), {"z": 1})
    call = echo(both(), (0, 1), x=1.0, y=2.0)
    assert call(x=3.0, y=2.0) == (6.0, 1.5)
    assert call(y=3.0, x=2.0) == ("general", (), {"y": 3.0, "x": 2.0})


@pytest.mark.parametrize("kind", [list, tuple])
def test_lists_of_another_length_are_other_arguments(kind):
    f = cd.compile(lambda p: sum([x * (k + 1.0) for k, x in enumerate(p)]))
    for n in (2, 2, 3, 3, 1, 2, 3):
        assert f(kind([1.0] * n)) == n * (n + 1) / 2


def test_dicts_must_have_the_same_keys_in_the_same_order():
    f = cd.compile(lambda p: p["a"] - p["b"])
    assert f({"a": 1.0, "b": 3.0}) == -2.0
    assert f({"b": 1.0, "a": 3.0}) == 2.0
    assert f({"a": 1.0, "b": 3.0}) == -2.0
    assert f(OrderedDict(a=1.0, b=4.0)) == -3.0
    with pytest.raises(KeyError):
        f({"a": 1.0, "c": 3.0})


# --- results --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "template, want",
    [
        (0, 6.0),
        (1, 1.5),
        ((0, 1), (6.0, 1.5)),
        ((0, (1, 1)), (6.0, (1.5, 1.5))),
        ([0, (), [1], ((0,),)], [6.0, (), [1.5], ((6.0,),)]),
        ((), ()),
        ({"a": 0, "b": [1, None]}, {"a": 6.0, "b": [1.5, None]}),
        ((Fixed("x"), Fixed(7), 1), ("x", 7, 1.5)),
    ],
)
def test_results_are_nested_like_the_template(template, want):
    assert echo(both(), template, 1.0, 1.0)(3.0, 2.0) == want


def test_templates_and_arguments_are_checked():
    for template in (2, -1, (0, 2)):
        with pytest.raises(ValueError, match="no output"):
            CallForm(both(), (1.0, 1.0), {}, template)
    for template in ("a", 0.0, {0}, True):
        with pytest.raises(ValueError, match="nested"):
            CallForm(both(), (1.0, 1.0), {}, template)
    for args in ((), (1.0,), (1.0,) * 3, (1.0, np.ones(1)), (1.0, {1.0}), (1.0, 1)):
        with pytest.raises(ValueError, match=r"argument|place|another type"):
            CallForm(both(), args, {}, 0)
    with pytest.raises(TypeError, match="CallForms"):
        Echo().forms = (1,)


def test_truth_values_stay_truth_values():
    f = cd.compile(lambda x, a: (x > 1.0, a > x, (a > x).any(), x * 2.0))
    first = f(2.0, np.arange(4.0))
    for again in (f(2.0, np.arange(4.0)), f(2.0, np.arange(4.0))):
        assert [type(y) for y in again] == [type(y) for y in first]
        assert again[0] is first[0] and again[2] == first[2]
    g = cd.compile(lambda x: (x > 1.0, x * 2.0))
    assert [type(g(x)[0]) for x in (2.0, 0.0, 3.0)] == [np.bool_] * 3
    assert [bool(g(x)[0]) for x in (2.0, 0.0, 3.0)] == [True, False, True]


def test_numbers_of_other_dtypes():
    f = cd.compile(lambda x: (x.sum(), x.astype("i4").sum(), x[0]))
    x = np.arange(3, dtype="f4")
    first = f(x)
    assert [y.dtype for y in f(x)] == [np.asarray(y).dtype for y in first]
    assert is_direct(f, x)
    half = x.astype(np.float16)
    for _ in range(2):  # which becomes single precision on the way in
        assert f(half)[0] == 3.0 and f(half)[2].dtype == np.float32


def test_results_belong_to_the_caller_and_arguments_are_not_copied():
    f = direct(lambda x, y: (x * 2.0, [y, x]), np.ones(1000), 1.0)
    x = np.arange(1000.0)
    before = x.copy()
    y, (_, same) = f(x, 2.0)
    again, (_, other) = f(x, 2.0)
    assert not np.shares_memory(same, x) and not np.shares_memory(y, again)
    same[:] = y[:] = 0.0
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(other, before)
    np.testing.assert_array_equal(again, 2 * before)


def test_an_argument_that_is_only_read():
    x = np.arange(4.0)
    x.flags.writeable = False
    f = direct(lambda x: x * 2.0, x)
    np.testing.assert_array_equal(f(x), [0.0, 2.0, 4.0, 6.0])


MATRIX = np.arange(12.0).reshape(3, 4)


def misaligned():
    memory = np.zeros(MATRIX.nbytes + 1, "u1")
    a = memory[1:].view("f8").reshape(3, 4)
    a[:] = MATRIX
    return a


AWKWARD = {
    "transposed": lambda: MATRIX.reshape(4, 3).T,
    "backwards": lambda: MATRIX[::-1, ::-1],
    "every other": lambda: np.arange(48.0).reshape(6, 8)[::2, ::2],
    "broadcast": lambda: np.broadcast_to(np.arange(4.0), (3, 4)),
    "swapped": lambda: MATRIX.astype(">f8"),
    "swapped and transposed": lambda: MATRIX.reshape(4, 3).astype(">f8").T,
    "misaligned": misaligned,
}


@pytest.mark.parametrize("name", AWKWARD)
def test_arrays_that_are_copied_to_be_read(name):
    def f(x, p):
        return x * 2.0 + p["y"][0], x.sum(axis=0)

    x = AWKWARD[name]()
    before = x.copy()
    for first in (x,) if "transposed" in name else (MATRIX, x):  # another order, another program
        g = direct(f, first, {"y": [first]})
        for a, b in ((x, x), (MATRIX, x), (x, MATRIX), (MATRIX, MATRIX)):
            for got, want in zip(g(a, {"y": [b]}), f(a, {"y": [b]}), strict=True):
                np.testing.assert_array_equal(got, want)
                assert got.dtype.isnative
    np.testing.assert_array_equal(x, before)
    x.flags.writeable = False
    np.testing.assert_array_equal(g(x, {"y": [x]})[0], 3.0 * x)
    for other in (x.astype("f4"), x[:, :3], np.asarray(x, "i8")):
        assert not is_direct(g, other, {"y": [MATRIX]})
    h = direct(f, MATRIX, {"y": [MATRIX]})
    with pytest.raises(AssertionError, match="not by this way"):
        h(np.asarray(x).view(np.matrix), {"y": [MATRIX]})


def test_copies_to_be_read_are_given_back():
    g = cd.compile(lambda x, y: x * 2.0 if x[0, 0] >= 0 else y)
    x, y = MATRIX.T.copy().T, np.ones((4, 3)).T
    g(x, y)
    g(-x - 1.0, y)
    calls = [(x, y), (-x - 1.0, y), (x, np.ones(2)), (x, None)]

    def run():
        for a, b in calls:
            with contextlib.suppress(Exception):
                g(a, b)

    run()
    before = [sys.getrefcount(a) for a in (x, y)]
    tracemalloc.start()
    try:
        run()
        start = tracemalloc.get_traced_memory()[0]
        for _ in range(300):
            g(x, y)
            g(calls[1][0], y)
        assert tracemalloc.get_traced_memory()[0] - start < 10_000
    finally:
        tracemalloc.stop()
    assert [sys.getrefcount(a) for a in (x, y)] == before


def test_threads_with_arrays_that_are_copied():
    f = cd.compile(lambda x: np.exp(x * 0.0) + x)
    f(np.ones((200, 200)))

    def work(k):
        x = np.full((200, 400), float(k))[:, ::2]
        for _ in range(20):
            assert (f(x) == k + 1.0).all()

    in_threads(work, 6)


# --- several forms --------------------------------------------------------------------------------


def test_several_forms_stay_direct():
    f = cd.compile(lambda x: x.sum() * 2.0 if x[0] > 0 else x.sum())
    given = [np.ones(3), -np.ones(3), np.ones(4)]
    for _ in range(2):
        for x in given:
            f(x)
    for x in given * 2:
        assert f(x) == (2.0 if x[0] > 0 else 1.0) * x.sum()
        assert is_direct(f, x)
    assert len(f.forms) == 3


def test_more_paths_than_forms():
    f = cd.compile(lambda x: x * int(x))
    for _ in range(3):
        for k in range(10):
            assert f(k + 0.5) == (k + 0.5) * k
    assert f.stats()["recordings"] == 10 and len(f.forms) == MAX_FORMS


def test_a_failed_guard_goes_the_general_way():
    program = Program()
    x, y = program.input("f8"), program.input("f8")
    program.outputs = [program.apply("add", [x, y])]
    program.guard(program.apply("less", [x, y]), True)
    call = echo(Runner(program), 0, 1.0, 1.0)
    assert call(1.0, 2.0) == 3.0
    assert call(2.0, 1.0) == ("general", (2.0, 1.0), {})


def test_errors_of_the_general_way_come_through():
    class Failing(CompiledCall):
        def _general(self, args, kwargs):
            raise KeyError("here")

    with pytest.raises(KeyError, match="here"):
        Failing()("x", 1.0)
    with pytest.raises(NotImplementedError):
        CompiledCall()(1.0)
    with pytest.raises(TypeError, match="subclass"):
        CompiledCall.enable(int)


def test_many_arguments_and_results():
    n = 300
    program = Program()
    xs = [program.input("f8") for _ in range(n)]
    program.outputs = [program.apply("negative", [x]) for x in xs]
    call = echo(Runner(program), tuple(range(n)), *[1.0] * n)
    given = [float(k) for k in range(n)]
    assert call(*given) == tuple(-x for x in given)
    assert call(*given[:-1], "x") == ("general", (*given[:-1], "x"), {})


def test_calls_take_all_forms_of_calling():
    call = echo(both(), 0, 1.0, 1.0)
    assert list(map(call, [1.0, 2.0], [3.0, 4.0])) == [3.0, 8.0]
    assert call.__call__(3.0, 2.0) == 6.0
    assert type(call).__call__(call, 3.0, 2.0) == 6.0
    assert callable(call)


def test_methods():
    class Spring:
        def __init__(self, k):
            self.k = k

        @cd.compile
        def energy(self, x):
            return 0.5 * self.k * x * x

    soft, hard = Spring(1.0), Spring(10.0)
    for _ in range(2):
        assert (soft.energy(2.0), hard.energy(2.0)) == (2.0, 20.0)
    assert is_direct(Spring.energy, soft, 2.0)
    soft.k = 3.0
    assert soft.energy(2.0) == 6.0


def test_a_call_in_a_cycle_is_collected():
    class Own(CompiledCall):
        pass

    call = Own()
    call.me = call
    program = Program()
    program.outputs = [program.input("f8")]
    call.forms = (CallForm(Runner(program), (1.0,), {}, (0, Fixed(call))),)
    alive = weakref.ref(call)
    del call
    gc.collect()
    assert alive() is None


# --- threads --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [3, 20_000])
def test_threads_with_different_forms(size):
    """Forms are replaced and programs forgotten while others run."""
    f = cd.compile(lambda x, k: (x * k).sum() if k > 0 else x.sum())

    def work(k):
        for i in range(60):
            x = np.full(size + k, 1.0 + i % 3)
            factor = 2.0 if (i + k) % 3 else -1.0
            assert f(x, factor) == pytest.approx(x.sum() * (2.0 if factor > 0 else 1.0))
            if i % 20 == 19:
                f.clear()

    in_threads(work, 6)


def test_arrays_taken_out_of_a_list_while_it_is_read():
    f = cd.compile(lambda xs: xs[0] * 2.0 + xs[1])
    box = [np.ones(60_000), np.ones(60_000)]
    f(box)
    stop = threading.Event()

    def change():
        while not stop.is_set():
            box[0] = np.ones(60_000)
            box[1] = np.ones(60_000)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(200):
            assert (f(box) == 3.0).all()
    finally:
        stop.set()
        thread.join()


def test_a_large_program_of_numbers_in_threads():
    def logistic(x):
        for _ in range(21_000):
            x = 3.7 * x * (1.0 - x)
        return x

    f = cd.compile(logistic)
    f(0.3)
    want = {k: logistic(0.1 + 0.1 * k) for k in range(6)}

    def work(k):
        for _ in range(5):
            assert f(0.1 + 0.1 * k) == pytest.approx(want[k], rel=1e-6, abs=1.0)
            assert f(0.1 + 0.1 * k) == f(0.1 + 0.1 * k)

    in_threads(work, 6)


# --- memory ---------------------------------------------------------------------------------------


def test_no_references_are_lost_or_kept():
    f = direct(lambda p, x: {"y": p[0] * x, "n": [x.sum(), None]}, [2.0], np.ones(100))
    p, x = [3.0], np.ones(100)
    gc.collect()
    f(p, x)
    before = _counts(p, x)
    for _ in range(1000):
        f(p, x)
    assert _counts(p, x) == before


def _counts(p, x):
    gc.collect()
    return [sys.getrefcount(y) // (1 if y is not None else 500) for y in (p, p[0], x, None)]


def test_a_graph_that_outgrows_memory():
    @cd.compile
    def f(x):
        for _ in range(3_000_000):
            x = x * 1.0000001
        return x

    _core.set_memory_floor(1 << 60)
    try:
        with pytest.raises(MemoryError, match="of memory are left"):
            f(1.0)
    finally:
        _core.set_memory_floor()
    assert cd.compile(lambda x: x * 2.0)(3.0) == 6.0
