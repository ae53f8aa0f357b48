"""What a compiled function reads by ways that are no plain variable, attribute or entry.

Each case is a function and a change of something that it reads: the program of before the change
answered afterwards. The function itself is the oracle. This file must not know how places are
looked at.
"""

import argparse
import array
import collections
import contextvars
import dataclasses
import functools
import operator
import sys
import threading
import types
import weakref

import numpy as np
import pytest
from scipy import interpolate, sparse
from scipy.sparse.linalg import aslinearoperator

import cdiff as cd

CASES = {}
BEFORE, AFTER = 2.0, 5.0
HELD = {"gain": BEFORE}
GAIN = BEFORE


def case(make):
    """`make()` gives a function, and what changes what it reads from BEFORE to AFTER."""
    CASES[make.__name__] = make
    return make


def attribute(x, name="gain"):
    return lambda: setattr(x, name, AFTER)


def entry(x, key=0):
    return lambda: x.__setitem__(key, AFTER)


class Plain:
    def __init__(self, gain=BEFORE):
        self.gain = gain


@dataclasses.dataclass
class Settings:
    gain: object = BEFORE
    step: int = 0


class Slots:
    __slots__ = ("gain",)

    def __init__(self, gain=BEFORE):
        self.gain = gain


class Below(Slots):
    __slots__ = ()


@dataclasses.dataclass(slots=True)
class SlotsOfData:
    gain: object = BEFORE


@pytest.mark.parametrize("cls", [types.SimpleNamespace, argparse.Namespace, SlotsOfData])
def test_attributes_of_classes_of_the_library_and_slots(cls):
    x = cls(gain=BEFORE)
    check(lambda v: v * x.gain, attribute(x))


@case
def slots():
    x = Below()
    return lambda v: v * x.gain, attribute(x)


@case
def list_in_a_slot():
    x = Slots([BEFORE])
    return lambda v: v * x.gain[0], entry(x.gain)


@case
def slot_that_is_empty():
    x = Slots(AFTER)

    def f(v):
        try:
            return v * x.gain
        except AttributeError:
            return v * BEFORE

    return f, lambda: delattr(x, "gain")


@case
def attribute_that_comes_later():
    x = Plain()
    return lambda v: v * (AFTER if hasattr(x, "more") else BEFORE), attribute(x, "more")


@case
def attribute_by_its_name():
    x = Plain()
    return lambda v: v * getattr(x, "gain"), attribute(x)  # noqa: B009


@case
def attribute_by_a_name_from_outside():
    x, names = Plain(), ["gain"]
    return lambda v: v * sum(getattr(x, name) for name in names), attribute(x)


@pytest.mark.parametrize("by_position", [False, True])
def test_attributes_that_a_pattern_matches(by_position):
    x = Settings()

    def f(v):
        match x:
            case Settings(gain=2.0) if not by_position:
                return v * BEFORE
            case Settings(2.0) if by_position:
                return v * BEFORE
        return v * AFTER

    check(f, attribute(x))


@case
def attribute_by_vars():
    x = Plain()
    return lambda v: v * vars(x)["gain"], attribute(x)


@case
def attribute_by_attrgetter():
    x, read = Plain(), operator.attrgetter("gain")
    return lambda v: v * read(x), attribute(x)


@case
def global_by_its_name():
    return lambda v: v * globals()["GAIN"], lambda: globals().update(GAIN=AFTER)


@case
def behind_a_weak_reference():
    x = Plain()
    held, change = weakref.ref(x), attribute(x)
    return lambda v: v * held().gain, change


def dict_of(cls):
    x = cls()
    x["gain"] = BEFORE
    return x


class OwnDict(dict):
    __getattr__ = dict.__getitem__


@pytest.mark.parametrize(
    "x",
    [dict_of(cls) for cls in (collections.OrderedDict, collections.Counter, OwnDict)]
    + [collections.defaultdict(float, gain=BEFORE), collections.UserDict(gain=BEFORE)],
    ids=lambda x: type(x).__name__,
)
def test_entries_of_dicts_of_other_classes(x):
    check(lambda v: v * x["gain"], entry(x, "gain"))


class OwnList(list):
    pass


SEQUENCES = [
    OwnList([BEFORE]), collections.deque([BEFORE]), collections.UserList([BEFORE]),
    array.array("d", [BEFORE]), memoryview(np.array([BEFORE])), bytearray([2]),
]  # fmt: skip


@pytest.mark.parametrize("x", SEQUENCES, ids=lambda x: type(x).__name__)
def test_elements_of_sequences_of_other_classes(x):
    after = 5 if isinstance(x, bytearray) else AFTER
    check(lambda v: v * x[0], lambda: x.__setitem__(0, after))


ARRAYS = [
    np.array([BEFORE, 1.0]).view(type("Own", (np.ndarray,), {})),
    np.array([[BEFORE, 1.0]]).view(np.matrix),
    np.ma.masked_array([BEFORE, 1.0], mask=[False, True]), np.array([BEFORE, None], dtype=object),
]  # fmt: skip


@pytest.mark.parametrize("x", ARRAYS, ids=lambda x: f"{type(x).__name__} {x.dtype}")
def test_contents_of_arrays_of_other_classes(x):
    check(lambda v: v * np.ravel(x)[0], lambda: x.__setitem__((0,) * x.ndim, AFTER))


def test_masks_of_arrays():
    x = np.ma.masked_array([BEFORE, AFTER - BEFORE], mask=[False, True])
    check(lambda v: v * x.sum(), lambda: setattr(x, "mask", [False, False]))


def test_objects_at_the_same_address():
    """The object that stood in an array is gone, and another one has its memory."""
    x = np.array([BEFORE, None], dtype=object)

    def change():
        for _ in range(3):
            x[0] = x[0] + 1.0

    check(lambda v: v * x[0], change)


@case
def array_in_a_namedtuple():
    x = collections.namedtuple("Pair", "w b")(np.array([BEFORE]), 1.0)
    return lambda v: v * float(x.w[0]), entry(x.w)


@case
def entry_behind_a_proxy():
    held = {"gain": BEFORE}
    x = types.MappingProxyType(held)
    return lambda v: v * x["gain"], entry(held, "gain")


@case
def chain_of_maps():
    held = {"gain": BEFORE}
    x = collections.ChainMap({}, held)
    return lambda v: v * x["gain"], entry(held, "gain")


@case
def set_of_numbers():
    x = {BEFORE}
    return lambda v: v * sum(x), lambda: x.add(AFTER - BEFORE)


@case
def context_variable():
    x = contextvars.ContextVar("x", default=BEFORE)
    return lambda v: v * x.get(), lambda: x.set(AFTER)


@case
def thread_local():
    x = threading.local()
    x.gain = BEFORE
    return lambda v: v * x.gain, attribute(x)


class Methods(Plain):
    """Reads an attribute where Python calls a method for an operator."""

    __array_ufunc__ = None

    def __getitem__(self, k):
        return self.gain

    def __rmul__(self, v):
        return v * self.gain

    def __iter__(self):
        yield self.gain

    def __float__(self):
        return self.gain

    def __enter__(self):
        return self.gain

    def __exit__(self, *error):
        pass

    def __bool__(self):
        return self.gain == BEFORE

    def __array__(self, dtype=None, copy=None):
        return np.array([self.gain])


def entered(v, x):
    with x as gain:
        return v * gain


OPERATORS = {
    "item": lambda v, x: v * x[0],
    "operator": lambda v, x: v * x,
    "iteration": lambda v, x: v * sum(x),
    "float": lambda v, x: v * float(x),
    "with": entered,
    "bool": lambda v, x: v * 2.0 if x else v * 5.0,
    "array": lambda v, x: v * np.asarray(x)[0],
}


@pytest.mark.parametrize("name", OPERATORS)
def test_methods_that_operators_call(name):
    x, f = Methods(), OPERATORS[name]
    check(lambda v: f(v, x), attribute(x))


class Model:
    """Reads a global where it is made."""

    def __init__(self, v):
        self.v = v * HELD["gain"]

    def __add__(self, other):
        return Model(self.v + other.v)


@dataclasses.dataclass
class Data:
    v: object

    def __post_init__(self):
        self.v = self.v * HELD["gain"]


class Parent:
    def value(self, v):
        return v * HELD["gain"]


class Child(Parent):
    def value(self, v):
        return super().value(v)


@pytest.mark.parametrize(
    "f", [lambda v: Model(v).v, lambda v: (Model(v) + Model(v)).v, lambda v: Data(v).v,
          lambda v: Child().value(v)],
    ids=["init", "add", "post_init", "super"],
)  # fmt: skip
def test_what_is_read_where_instances_are_made_and_by_super(f):
    HELD["gain"] = BEFORE
    check(f, entry(HELD, "gain"))


@case
def method_of_a_class():
    cls = type("Own", (), {"value": lambda self, v: v * BEFORE})
    x = cls()
    return lambda v: x.value(v), lambda: setattr(cls, "value", lambda self, v: v * AFTER)


@case
def property_of_a_class():
    cls = type("Own", (), {"gain": property(lambda self: BEFORE)})
    x = cls()
    return lambda v: v * x.gain, lambda: setattr(cls, "gain", property(lambda self: AFTER))


class Scaled:
    """A property that stands before an entry of the instance's own."""

    def __init__(self):
        self.scale = BEFORE
        self.__dict__["gain"] = 1.0

    @property
    def gain(self):
        return self.__dict__["gain"] * self.scale

    @gain.setter
    def gain(self, value):
        self.__dict__["gain"] = value


@case
def property_before_an_own_attribute():
    x = Scaled()
    return lambda v: v * x.gain, attribute(x, "scale")


@case
def class_made_again():
    HELD["cls"] = type("Own", (), {"gain": BEFORE})
    return lambda v: v * HELD["cls"].gain, entry_of_class


def entry_of_class():
    HELD["cls"] = type("Own", (), {"gain": AFTER})


@case
def attribute_of_a_metaclass():
    meta = type("Meta", (type,), {"gain": BEFORE})
    cls = meta("Own", (), {})
    return lambda v: v * cls.gain, attribute(meta)


class Reader:
    def __init__(self):
        self.gain = BEFORE

    def __get__(self, owner, cls=None):
        return self.gain


@case
def descriptor():
    reader = Reader()
    x = type("Own", (), {"gain": reader})()
    return lambda v: v * x.gain, attribute(reader)


@case
def attribute_made_by_getattr():
    def read(self, name):
        try:
            return self.__dict__["store"][name]
        except KeyError:
            raise AttributeError(name) from None

    x = type("Own", (), {"__getattr__": read})()
    x.store = {"gain": BEFORE}
    return lambda v: v * x.gain, entry(x.store, "gain")


class Partly(Plain):
    def scaled(self, v):
        return v * self.gain

    whole = functools.partialmethod(scaled)

    @functools.cached_property
    def cached(self):
        return self.gain


@case
def partial_method():
    x = Partly()
    return lambda v: x.whole(v), attribute(x)


@case
def cached_property():
    x = Partly()

    def change():
        x.gain = AFTER
        del x.cached

    return lambda v: v * x.cached, change


@case
def attribute_of_a_function():
    def f(v):
        return v * f.gain

    f.gain = BEFORE
    return f, attribute(f)


@case
def single_dispatch():
    @functools.singledispatch
    def gain(kind):
        return BEFORE

    return lambda v: v * gain(1), lambda: gain.register(int, lambda kind: AFTER)


@case
def global_that_comes_later():
    def f(v):
        try:
            return v * LATER
        except NameError:
            return v * BEFORE

    globals().pop("LATER", None)
    return f, lambda: globals().update(LATER=AFTER)


def from_module(v):
    from own_settings import GAIN

    return v * GAIN


def by_module(v):
    import own_settings

    return v * own_settings.GAIN


def by_function(v):
    from own_settings import scaled

    return scaled(v)


@pytest.mark.parametrize("f", [from_module, by_module, by_function])
def test_imports_inside_a_function(f, monkeypatch):
    module = types.ModuleType("own_settings")
    module.GAIN = BEFORE
    exec("def scaled(v):\n    return v * GAIN", vars(module))
    monkeypatch.setitem(sys.modules, "own_settings", module)
    check(f, attribute(module, "GAIN"))


def check(f, change):
    compiled, slope = cd.compile(f), cd.compile(cd.grad(f))
    assert (compiled(1.5), slope(1.5)) == (f(1.5), f(1.0))
    assert (compiled(0.5), slope(0.5)) == (f(0.5), f(1.0))
    assert compiled.stats()["recordings"] == 1
    before = f(1.5)
    change()
    assert f(1.5) != before
    assert (compiled(1.5), slope(1.5)) == (f(1.5), f(1.0))
    assert compiled(0.5) == f(0.5)
    assert compiled.stats()["recordings"] == 2


@pytest.mark.parametrize("name", CASES)
def test_changes_are_seen(name):
    check(*CASES[name]())


def changed_parts(x):
    """Double each array that an object is made of, in place."""
    for name in ("data", "coeffs", "coef", "c", "values"):
        part = getattr(x, name, None)
        if isinstance(part, np.ndarray):
            part *= AFTER / BEFORE


GRID = np.arange(4.0)
MADE_OF_ARRAYS = {
    "sparse matrix": (sparse.csr_matrix([[1.0, 2.0], [3.0, 4.0]]), lambda a: a[0, 1]),
    "sparse array": (sparse.coo_array([[1.0, 2.0], [3.0, 4.0]]), lambda a: (a @ np.ones(2))[0]),
    "poly1d": (np.poly1d([1.0, 2.0]), lambda p: p(2.0)),
    "polynomial": (np.polynomial.Polynomial([1.0, 2.0]), lambda p: p(2.0)),
    "spline": (interpolate.CubicSpline(GRID, GRID**2), lambda s: s(1.5)),
    "grid": (interpolate.RegularGridInterpolator((GRID,), GRID**2), lambda s: s([1.5])[0]),
}


@pytest.mark.parametrize("name", MADE_OF_ARRAYS)
def test_arrays_that_objects_of_libraries_are_made_of(name):
    x, read = MADE_OF_ARRAYS[name]
    check(lambda v: v * float(read(x)), lambda: changed_parts(x))


def test_an_object_of_a_library_that_holds_another():
    a = aslinearoperator(sparse.csr_matrix([[1.0, 2.0], [3.0, 4.0]]))
    check(lambda v: v * float(a.matvec(np.ones(2))[0]), lambda: changed_parts(a.A))


def test_annotations_of_a_class_lead_to_nothing():
    class Noted:
        def __annotate__(self, HELD=HELD):
            return HELD["made"]

    x = Noted()
    compiled = cd.compile(lambda v: v * (x is not None))
    for HELD["made"] in range(3):
        assert compiled(1.5) == 1.5
    assert compiled.stats()["recordings"] == 1


def test_a_sparse_matrix_with_another_entry():
    a = sparse.csr_matrix([[1.0, 0.0], [3.0, 4.0]])
    check(lambda v: v * float(a.sum()), lambda: a.__setitem__((1, 1), AFTER))


def test_no_code_of_the_user_runs_to_look():
    """Attributes that a class makes are not asked for."""

    def fail(self, name):
        raise KeyError(name)

    x = type("Own", (dict,), {"__getattr__": fail})(gain=BEFORE)
    check(lambda v: v * x["gain"], entry(x, "gain"))
