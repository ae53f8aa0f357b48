"""How a compiled function looks at what it reads outside.

No code of the user's runs for it, threads may change it meanwhile, nothing is kept longer, and
pickles take along what means the same elsewhere.
"""

import collections
import contextvars
import dataclasses
import gc
import operator
import pickle
import sys
import threading
import types
import warnings
import weakref

import numpy as np
import pytest

import cdiff as cd
from cdiff._core import Contents, Surroundings
from cdiff._surroundings._named import code_digest, names_of
from cdiff._surroundings._ranges import overlapping
from cdiff._surroundings._surroundings import Observer

BEFORE, AFTER = 2.0, 5.0
STEPS = {}


class Plain:
    def __init__(self, gain=BEFORE):
        self.gain = gain


def fivefold(v):
    return v * AFTER


# --- what is not asked, and what it costs ---------------------------------------------------------


def test_names_that_stand_in_the_code_are_no_others():
    x = Plain()
    x.count = 0
    compiled = cd.compile(
        lambda v: v * getattr(x, "gain") * getattr(x, "more", 1.0) * vars(x)["gain"]  # noqa: B009
        + (operator.attrgetter("gain")(x) if hasattr(x, "gain") else vars(x).get("gain"))
    )
    for k in range(3):
        x.count = k
        assert compiled(1.0) == 6.0
    assert compiled.stats()["recordings"] == 1
    code = (lambda x, d: getattr(d if x else x, "gain")).__code__  # noqa: B009
    assert names_of(code).any_attribute  # a jump is not followed


class OwnDict(dict):
    calls = 0

    def __iter__(self):
        OwnDict.calls += 1
        return super().__iter__()

    items = values = keys = __iter__


class OwnList(list):
    calls = 0

    def __iter__(self):
        OwnList.calls += 1
        return super().__iter__()

    __len__ = __getitem__ = None


@pytest.mark.parametrize("x", [OwnDict(dict.fromkeys(range(500), 1.0)), OwnList([1.0] * 500)])
def test_no_code_of_a_container_runs_to_look(x):
    base = type(x).__mro__[1]
    compiled = cd.compile(lambda v: v * base.__getitem__(x, 300))
    assert compiled(3.0) == 3.0
    base.__setitem__(x, 300, AFTER)
    assert compiled(3.0) == 15.0 and compiled(1.0) == 5.0
    assert type(x).calls == 0


def test_what_a_function_changes_in_a_container_is_not_looked_at_but_the_rest_is():
    seen, cache = [BEFORE] * 200, dict.fromkeys(range(200), BEFORE)

    def f(v):
        seen.append(v)
        seen[0] = cache["new"] = 1.0
        return v * seen[100] * cache[100]

    compiled = cd.compile(f)
    assert [compiled(1.0), compiled(2.0)] == [4.0, 8.0] and len(seen) == 201
    seen.pop()
    seen[0] = 0.0
    assert compiled(1.0) == 4.0 and compiled.stats()["recordings"] == 1
    seen[100] = AFTER
    assert compiled(1.0) == 10.0
    cache[100] = AFTER
    assert compiled(1.0) == 25.0 and compiled.stats()["recordings"] == 3


def test_labels_of_entries():
    items, table = [1.0, 2.0, [3.0]], {"a": 1.0, "b": 2.0}
    pairs = ("a", table["a"], "b", table["b"])
    s = Surroundings([
        (items, Contents(tuple(items)), "items"), (table, Contents(pairs), "table"),
        (np.ones(2), False, "shape"), (fivefold, code_digest, "code"),
        (Plain(), type, "x"),
        (collections.deque([1.0]), tuple, "deque"),
    ])  # fmt: skip
    assert s.holds() and s.values() is None  # a list means nothing elsewhere
    table["a"] = table.pop("a")
    assert s.changed() == ["the order of table"]
    items[1] = 4.0
    table["c"] = 1.0
    assert s.changed() == ["items[1]", "len(table)"]
    less = s.without_changed()
    assert less.holds()
    items[0] = 2.0
    del table["b"]
    assert less.changed() == ["items[0]", "table['b']"]
    with pytest.raises(TypeError, match="no place"):
        Surroundings([(1.0, None, "number")])
    with pytest.raises(TypeError, match="no place"):
        Surroundings([([1.0], 0, "element")])


def test_an_object_of_a_class_of_pythons_own():
    """This one seems to be of no module of the standard library."""
    marker, gains, name = contextvars.Token.MISSING, Plain(), "gain"
    compiled = cd.compile(lambda v: v * getattr(gains, name) if marker else v)
    assert compiled(1.0) == BEFORE
    gains.gain = AFTER
    assert compiled(1.0) == AFTER


def test_values_that_are_the_same_elsewhere():
    table = {"a": 1.0, "b": helper_of_pickles}
    pairs = tuple(x for pair in table.items() for x in pair)
    ring = collections.deque([1.0])
    s = Surroundings([(table, Contents(pairs), "table"), (ring, tuple, "deque")])
    named = ("named", __name__, "helper_of_pickles")
    assert s.values() == [
        ("len(table)", 2), ("table['a']", 1.0), ("table['b']", named), ("deque", 1.0)
    ]  # fmt: skip


def test_a_value_that_is_released():
    """A view whose memory is let go of is a change, no error of the looking."""
    x = memoryview(np.array([BEFORE]))
    compiled = cd.compile(lambda v: v * x[0])
    assert compiled(1.0) == BEFORE
    x.release()
    with pytest.raises(ValueError, match="released"):
        compiled(1.0)


def test_very_much_is_told():
    table = [float(k) for k in range(120_000)]
    with pytest.warns(cd.CompileWarning, match="may read 120,0.. objects and entries"):
        assert cd.compile(lambda v: v * table[110_000])(1.0) == 110_000.0
    table = tuple(table)  # cannot change
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cd.compile(lambda v: v * table[110_000])(1.0) == 110_000.0


def test_overlapping_memory():
    whole = np.arange(40.0)
    meets = overlapping([whole[30:], whole[4:8], whole[6:12], whole[12:12], np.ones(())])
    assert [k for k in range(40) if meets(whole[k : k + 1])] == [*range(4, 12), *range(30, 40)]
    assert meets(whole[::-1]) and not meets(whole[3::-1]) and not meets(whole[5:5])
    assert not overlapping([])(whole)


# --- threads, memory, pickles ---------------------------------------------------------------------


def test_containers_that_another_thread_changes():
    items, table = [1.0] * 300, dict.fromkeys(range(300), 1.0)
    ring = collections.deque(items)
    compiled = cd.compile(lambda v: v * (len(items) > 0) * (len(table) > 0) * (len(ring) > 0))
    stop = threading.Event()

    def change():
        k = 0
        while not stop.is_set():
            k += 1
            items.append(float(k))
            table[k % 1000] = [k]
            ring.append([k])
            if k % 100 == 0:
                del items[200:]
                for key in range(100, 200):
                    table.pop(key, None)
                ring.popleft()

    worker = threading.Thread(target=change)
    worker.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", cd.CompileWarning)
            assert all(compiled(2.0) == 2.0 for _ in range(100))
    finally:
        stop.set()
        worker.join()
    assert compiled(3.0) == 3.0


def test_threads_see_an_exchange():
    table = [1.0] * 1000
    compiled = cd.compile(lambda v: v * table[500])
    found = []
    for k in range(4):
        table[500] = float(k)
        threads = [threading.Thread(target=lambda: found.append(compiled(2.0))) for _ in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert found[-3:] == [2.0 * k] * 3


def test_nothing_is_kept_longer_than_the_compiled_function():
    class Held:
        gain = 1.0

    x = Held()
    held = weakref.ref(x)
    table = {k: [x] for k in range(200)}
    compiled = cd.compile(lambda v: v * table[100][0].gain)
    assert compiled(1.0) == 1.0
    count = sys.getrefcount(x)
    for _ in range(1000):
        compiled(1.0)
    assert sys.getrefcount(x) == count
    table.clear()
    del compiled, x
    gc.collect()
    assert held() is None


TABLE = {"a": 1.0, "b": [2.0] * 200}


def helper_of_pickles(v, gain=1.0):
    return v * TABLE["b"][150] * np.add(gain, 0.0)


def test_pickles():
    compiled = cd.compile(helper_of_pickles)
    assert compiled(1.5) == 3.0
    data = pickle.dumps(compiled)
    assert pickle.loads(data).stats()["programs"] == 0  # a list means nothing elsewhere
    simple = cd.compile(copied_by_pickles)
    assert simple(1.5) == 3.0
    data = pickle.dumps(simple)
    other = pickle.loads(data)
    assert other.stats()["programs"] == 1 and other(1.5) == 3.0
    assert other.stats()["recordings"] == 0
    code = copied_by_pickles.__code__
    copied_by_pickles.__code__ = fivefold.__code__
    try:
        assert pickle.loads(data)(1.5) == 7.5
    finally:
        copied_by_pickles.__code__ = code


def copied_by_pickles(v):
    return np.sin(v) * 0.0 + v * BEFORE


def test_arrays_in_containers_of_one_another():
    """Many arrays are put in order once, not compared with one another."""
    a = [np.ones(3) for _ in range(300)]
    observer = Observer(lambda: a, ())
    assert len(observer.content(linked=a[100:])) == 100


def test_many_objects():
    layers = [{name: np.ones(1) for name in "abcdefghijkl"} for _ in range(99)]
    compiled = cd.compile(lambda v: v * sum(float(layer["c"][0]) for layer in layers))
    assert compiled(1.0) == 99.0
    for k in (0, 50, 98):
        layers[k]["c"] += 1.0
    assert compiled(1.0) == 102.0


@dataclasses.dataclass
class Settings:
    gain: object = BEFORE
    step: int = 0

    def __post_init__(self):
        self.made = STEPS.get("made")


def test_what_a_function_does_not_read_may_change():
    x = types.SimpleNamespace(gain=BEFORE, step=0)
    y, z, w = types.SimpleNamespace(gain=BEFORE), Plain(), Settings()
    z.count = 0
    compiled = cd.compile(lambda v: v * x.gain * y.gain * z.gain * w.gain)
    for k in range(3):
        x.step = z.count = w.step = STEPS["made"] = k
        assert compiled(1.5) == 24.0
    assert compiled.stats()["recordings"] == 1
