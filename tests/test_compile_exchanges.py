"""Whatever a compiled function reads outside may be exchanged: entries of large containers, code,
classes, methods, attributes whose names are made while it runs. It is never stale.

Each case is a function and a change of something that it reads; the function itself is the oracle.
This file must not know how places are looked at.
"""

import collections
import dataclasses
import importlib
import operator
import sys
import types

import numpy as np
import pytest

import cdiff as cd

CASES = {}
BEFORE, AFTER = 2.0, 5.0


def case(make):
    """`make()` gives a function, and what changes what it reads."""
    CASES[make.__name__] = make
    return make


class Plain:
    def __init__(self, gain=BEFORE):
        self.gain = gain

    def value(self, v):
        return v * BEFORE


def attribute(x, name="gain", value=AFTER):
    return lambda: setattr(x, name, value)


def entry(x, key=0):
    return lambda: x.__setitem__(key, AFTER)


def in_world(text, **world):
    """A function of a module of its own, and the variables of that."""
    world["__name__"] = "own"
    exec(text, world)
    return world["f"], world


# --- containers of any size -----------------------------------------------------------------------


@case
def list_of_ten_thousand():
    x = [1.0] * 10_000
    return lambda v: v * x[7000], entry(x, 7000)


@case
def dict_of_thousands():
    x = dict.fromkeys(range(3000), 1.0)
    return lambda v: v * x[2000], entry(x, 2000)


@case
def lists_in_a_large_tuple():
    x = tuple([BEFORE] for _ in range(500))
    return lambda v: v * x[400][0], entry(x[400])


@case
def arrays_in_a_large_list():
    x = [np.array([BEFORE]) for _ in range(500)]
    return lambda v: v * float(x[400][0]), entry(x[400])


@case
def large_arrays_in_a_large_list():
    """Whose contents together are more than what is kept as it is."""
    x = [np.full(2000, BEFORE) for _ in range(200)]
    return lambda v: v * float(x[199][1999]), entry(x[199], 1999)


@case
def large_set():
    x = {float(k) for k in range(1000)}
    return lambda v: v * sum(x), lambda: x.add(0.5)


@case
def large_deque():
    x = collections.deque([BEFORE] * 1000)
    return lambda v: v * x[500], entry(x, 500)


@case
def behind_twenty_thousand_objects():
    x = [[Plain()] for _ in range(11_000)]
    return lambda v: v * x[10_999][0].gain, attribute(x[10_999][0])


@case
def end_of_a_linked_list():
    first = last = Plain()
    for _ in range(2000):
        last.next = Plain()
        last = last.next

    def f(v):
        x = first
        while hasattr(x, "next"):
            x = x.next
        return v * x.gain

    return f, attribute(last)


@case
def bottom_of_nested_lists():
    x = inner = [BEFORE]
    for _ in range(600):
        x = [x]

    def f(v):
        y = x
        while isinstance(y, list):
            y = y[0]
        return v * y

    return f, entry(inner)


@case
def list_that_contains_itself():
    x = [BEFORE] * 300
    x[1] = x
    return lambda v: v * x[1][1][200], entry(x, 200)


@case
def order_of_a_dict():
    x = {"a": BEFORE, "b": AFTER}
    return lambda v: v * next(iter(x.values())), lambda: x.update(a=x.pop("a"))


@case
def order_of_an_ordered_dict():
    x = collections.OrderedDict(a=BEFORE, b=AFTER)
    return lambda v: v * next(iter(x.values())), lambda: x.move_to_end("a")


@case
def object_in_a_frozenset():
    y = Plain()
    x = frozenset([y])
    return lambda v: v * next(iter(x)).gain, attribute(y)


@case
def list_behind_a_view():
    x = {"a": [BEFORE]}
    values = x.values()
    return lambda v: v * next(iter(values))[0], entry(x["a"])


@case
def key_of_a_dict():
    key = Plain()
    x = {key: 1.0}
    return lambda v: v * next(iter(x)).gain, attribute(key)


@case
def object_in_an_array():
    x = np.array([Plain(), None], dtype=object)
    return lambda v: v * x[0].gain, attribute(x[0])


# --- functions ------------------------------------------------------------------------------------


def doubled(v):
    return v * BEFORE


def fivefold(v):
    return v * AFTER


def copy_of(f):
    return types.FunctionType(f.__code__, f.__globals__, f.__name__)


@case
def code_of_a_function():
    f = copy_of(doubled)
    return lambda v: f(v), attribute(f, "__code__", fivefold.__code__)


@case
def code_of_the_function_itself():
    f = copy_of(doubled)
    return f, attribute(f, "__code__", fivefold.__code__)


@case
def defaults():
    def scaled(v, gain=BEFORE):
        return v * gain

    return lambda v: scaled(v), attribute(scaled, "__defaults__", (AFTER,))


@case
def named_defaults():
    def scaled(v, *, gain=BEFORE):
        return v * gain

    return lambda v: scaled(v), attribute(scaled, "__kwdefaults__", {"gain": AFTER})


@case
def function_of_a_library():
    f, world = in_world("def f(v): return act(v)", act=np.sin)
    return f, lambda: world.update(act=np.exp)


@case
def builtin_function_that_a_global_hides():
    f, world = in_world("def f(v): return v * sum([2.0])")
    return f, lambda: world.update(sum=lambda x: AFTER)


# --- instances and classes ------------------------------------------------------------------------


@case
def class_of_an_instance():
    first, second = (type("Own", (), {"gain": gain}) for gain in (BEFORE, AFTER))
    x = first()
    return lambda v: v * x.gain, attribute(x, "__class__", second)


@case
def bases_of_a_class():
    first, second = (type("Own", (), {"gain": gain}) for gain in (BEFORE, AFTER))
    x = type("Below", (first,), {})()
    return lambda v: v * x.gain, attribute(type(x), "__bases__", (second,))


@case
def attributes_as_a_whole():
    x = Plain()
    return lambda v: v * x.gain, attribute(x, "__dict__", {"gain": AFTER})


@case
def method_of_an_instance():
    x = Plain()
    return lambda v: x.value(v), attribute(x, "value", fivefold)


@case
def method_that_a_subclass_gets():
    x = type("Below", (Plain,), {})()
    return lambda v: x.value(v), attribute(type(x), "value", lambda self, v: v * AFTER)


@case
def property_that_a_class_gets():
    x = type("Below", (Plain,), {})()
    return lambda v: v * x.gain, attribute(type(x), "gain", property(lambda self: AFTER))


@case
def method_for_an_operator():
    x = type("Own", (), {"__getitem__": lambda self, k: BEFORE})()
    return lambda v: v * x[0], attribute(type(x), "__getitem__", lambda self, k: AFTER)


@dataclasses.dataclass
class Settings:
    gain: float = BEFORE
    inner: object = None


@case
def equality_of_dataclasses():
    x, y = Settings(), Settings()
    return lambda v: v * BEFORE if x == y else v * AFTER, attribute(x)


# --- names that are made while the function runs --------------------------------------------------


@case
def name_that_is_put_together():
    x = Plain()
    x.w1 = BEFORE
    return lambda v: sum(v * getattr(x, f"w{k}") for k in (1,)), attribute(x, "w1")


@case
def object_at_a_name_that_is_put_together():
    x = Plain()
    x.w1 = Plain()
    return lambda v: sum(v * getattr(x, f"w{k}").gain for k in (1,)), attribute(x.w1)


@case
def slot_at_a_name_that_is_put_together():
    x = type("Own", (), {"__slots__": ("w1",)})()
    x.w1 = BEFORE
    return lambda v: sum(v * getattr(x, f"w{k}") for k in (1,)), attribute(x, "w1")


@case
def class_at_a_name_that_is_put_together():
    x = type("Own", (), {"w1": BEFORE})()
    return lambda v: sum(v * getattr(x, f"w{k}") for k in (1,)), attribute(type(x), "w1")


@case
def method_at_a_name_that_is_put_together():
    x = type("Own", (Plain,), {"scaled": lambda self, v: v * self.gain})()
    return lambda v: getattr(x, "_scaled"[1:])(v), attribute(x)


@case
def module_at_a_name_that_is_put_together():
    x = types.ModuleType("own_module")
    x.w1 = BEFORE
    return lambda v: sum(v * getattr(x, f"w{k}") for k in (1,)), attribute(x, "w1")


@case
def all_attributes():
    x = Plain()
    return lambda v: v * sum(vars(x).values()), attribute(x)


@case
def attribute_that_vars_shows_later():
    x = Plain()
    return lambda v: v * sum(vars(x).values()), attribute(x, "more")


@case
def attributes_by_dir():
    x = Plain()
    return lambda v: v * sum(getattr(x, name) for name in dir(x) if name[0] == "g"), attribute(x)


@case
def fields_as_a_dict():
    x = Settings()
    return lambda v: v * dataclasses.asdict(x)["gain"], attribute(x)


@case
def getter_of_a_name_with_dots():
    x = Settings(inner=Settings())
    read = operator.attrgetter("inner.gain")
    return lambda v: v * read(x), attribute(x.inner)


@case
def evaluated_text():
    f, world = in_world("def f(v): return v * eval(''.join(['ga', 'in']))", gain=BEFORE)
    return f, lambda: world.update(gain=AFTER)


@case
def evaluated_attribute():
    f, world = in_world("def f(v): return eval(''.join(['v * x.ga', 'in']))", x=Plain())
    return f, attribute(world["x"])


@case
def global_at_a_name_that_is_put_together():
    f, world = in_world("def f(v): return v * globals()[''.join(['ga', 'in'])]", gain=BEFORE)
    return f, lambda: world.update(gain=AFTER)


@case
def reader_by_another_name():
    text = "def f(v): return v * read(x, ''.join(['ga', 'in']))"
    f, world = in_world(text, x=Plain(), read=getattr)
    return f, attribute(world["x"])


@case
def module_that_is_imported_by_a_text():
    module = types.ModuleType("own_module_by_text")
    module.gain = BEFORE
    sys.modules["own_module_by_text"] = module
    return lambda v: v * importlib.import_module("own_module_by_text").gain, attribute(module)


# --- arrays, loops --------------------------------------------------------------------------------


@case
def shape_of_an_array():
    x = np.ones(6)
    return lambda v: v * x.shape[0], attribute(x, "shape", (2, 3))


@case
def shape_of_an_array_that_programs_read():
    x = np.arange(6.0).reshape(2, 3).copy()
    return lambda v: (v * x)[1, 1], attribute(x, "shape", (3, 2))


@case
def body_of_a_loop():
    x = [1.0] * 5000

    def f(v):
        return cd.scan(lambda c, k: (c * x[4000], c), v, np.arange(3.0))[0]

    return f, entry(x, 4000)


@case
def function_of_many_points():
    x = [1.0] * 5000

    def f(v):
        return np.sum(cd.vmap(lambda y: y * v * x[4000])(np.arange(3.0)))

    return f, entry(x, 4000)


@pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning")  # since NumPy 2.5
@pytest.mark.parametrize("name", CASES)
def test_exchanges_are_seen(name):
    f, change = CASES[name]()
    compiled, slope = cd.compile(f), cd.compile(cd.grad(f))
    for _ in range(2):
        assert (compiled(1.5), slope(1.5)) == (f(1.5), cd.grad(f)(1.5))
    assert compiled.stats()["recordings"] == 1
    before = f(1.5)
    change()
    assert f(1.5) != before
    for _ in range(2):
        assert (compiled(1.5), slope(1.5)) == (f(1.5), cd.grad(f)(1.5))
    assert compiled.stats()["recordings"] == 2
