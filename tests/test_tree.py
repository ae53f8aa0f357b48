"""Containers: taken apart, put together, matched, and named in error messages."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict, namedtuple
from typing import ClassVar

import numpy as np
import pytest
from many_threads import in_threads

import cdiff as cd
from cdiff._arguments._tree import flatten, flatten_like, leaf_paths, tree_map, unflatten

Point = namedtuple("Point", "x y")


@dataclasses.dataclass
class Layer:
    weight: object
    bias: object


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    a: object
    label: str = dataclasses.field(default="", metadata={"static": True})


@dataclasses.dataclass
class Checked:
    scale: float
    kind: ClassVar[str] = "checked"
    start: dataclasses.InitVar[int] = 0

    def __post_init__(self, start):
        if not float(self.scale) > 0:
            raise ValueError("scale must be positive")


class Plain:
    def __init__(self, value):
        self.value = value


CONTAINERS = [
    1.0,
    np.ones(3),
    [],
    (),
    {},
    None,
    [1.0],
    (1.0, [2.0, {"a": 3.0}]),
    {"w": np.ones((2, 2)), "b": [1.0, None, 2.0]},
    {3: 1.0, ("tuple", "key"): 2.0},
    Point(1.0, [2.0, 3.0]),
    OrderedDict(b=1.0, a=2.0),
    defaultdict(list, a=1.0),
    Layer(1.0, {"z": 2.0}),
    Frozen((1.0, 2.0), "name"),
    Checked(2.0),
    [[[[[[1.0]]]]]],
]


def same(a, b):
    """Equal containers of the same classes (arrays compared by value)."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if dataclasses.is_dataclass(a):
        names = [f.name for f in dataclasses.fields(a)]
        return all(same(getattr(a, n), getattr(b, n)) for n in names)
    return a == b


@pytest.mark.parametrize("tree", CONTAINERS, ids=repr)
def test_flatten_and_unflatten_are_inverse(tree):
    leaves, treedef = flatten(tree)
    assert len(leaves) == treedef.n_leaves
    assert same(unflatten(treedef, leaves), tree)
    assert len(leaf_paths(treedef, "it")) == len(leaves)
    assert all(x is y for x, y in zip(flatten_like(treedef, tree, "it"), leaves, strict=True))


def test_a_leaf_is_not_walked():
    x = np.ones(3)
    leaves, treedef = flatten(x)
    assert leaves[0] is x
    assert unflatten(treedef, leaves) is x


def test_order_of_leaves_is_that_of_the_container():
    tree = {"b": 1.0, "a": [2.0, (3.0, 4.0)], "c": Point(5.0, 6.0)}
    assert flatten(tree)[0] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_none_is_an_empty_container():
    assert flatten([None, 1.0, None])[0] == [1.0]
    assert tree_map(lambda x: 2 * x, [None, 1.0]) == [None, 2.0]


def test_classes_survive():
    tree = defaultdict(list, a=1.0)
    again = tree_map(lambda x: x + 1, tree)
    assert type(again) is defaultdict
    assert again.default_factory is list
    assert type(tree_map(abs, OrderedDict(b=-1.0))) is OrderedDict
    assert tree_map(abs, Point(-1.0, -2.0)) == Point(1.0, 2.0)


def test_dataclass_fields():
    frozen = tree_map(lambda x: -x, Frozen(1.0, "kept"))
    assert frozen == Frozen(-1.0, "kept")
    # A gradient may be negative where a parameter must not be: __post_init__ is not run.
    assert tree_map(lambda x: -x, Checked(2.0)).scale == -2.0
    assert flatten(Layer)[0] == [Layer]  # the class itself is no container


def test_paths():
    tree = {"w": [1.0, (2.0,)], 3: Point(4.0, Layer(5.0, 6.0))}
    assert leaf_paths(flatten(tree)[1], "argument 0") == [
        "argument 0['w'][0]",
        "argument 0['w'][1][0]",
        "argument 0[3].x",
        "argument 0[3].y.weight",
        "argument 0[3].y.bias",
    ]


def test_dict_keys_match_in_any_order():
    treedef = flatten({"a": 1.0, "b": 2.0})[1]
    assert flatten_like(treedef, {"b": 20.0, "a": 10.0}, "it") == [10.0, 20.0]


@pytest.mark.parametrize(
    ("tree", "other", "message"),
    [
        ({"a": 1.0}, {"b": 1.0}, r"it must have the entries \['a'\], it has \['b'\]"),
        ({"a": 1.0}, [1.0], "it must be a dict with 1 entries, got a list with 1"),
        ([1.0, 2.0], [1.0], "it must have 2 entries, it has 1"),
        ([1.0, 2.0], (1.0, 2.0), "it must be a list with 2 entries, got a tuple"),
        ([1.0, {"a": 2.0}], [1.0, {"a": [2.0]}], r"it\[1\]\['a'\] must be one number or array"),
        (1.0, [1.0], "it must be one number or array, got a list with 1 entries"),
        (1.0, None, "it must be one number or array, got None"),
        ((1.0,), 1.0, "it must be a tuple with 1 entries, got a float"),
        (Point(1.0, 2.0), (1.0, 2.0), "it must be a Point with 2 entries, got a tuple"),
        (Layer(1.0, 2.0), {"weight": 1.0, "bias": 2.0}, "it must be a Layer"),
    ],
)
def test_mismatch_names_the_place(tree, other, message):
    with pytest.raises(TypeError, match=message):
        flatten_like(flatten(tree)[1], other, "it")


def test_tree_map_over_several():
    assert tree_map(lambda a, b, c: a + b + c, (1.0, 2.0), (3.0, 4.0), (5.0, 6.0)) == (9.0, 12.0)
    with pytest.raises(TypeError, match="container 2"):
        tree_map(lambda a, b, c: a, (1.0,), (1.0,), [1.0])


def test_unflatten_wants_the_right_number():
    with pytest.raises(ValueError, match="2 leaves, got 3"):
        unflatten(flatten((1.0, 2.0))[1], [1.0, 2.0, 3.0])


def test_repr_of_a_structure():
    assert repr(flatten({"a": [1.0, 2.0]})[1]) == "dict(['a']: list([0]: *, [1]: *))"


class Registered:
    def __init__(self, value, name):
        self.value, self.name = value, name


cd.register_container(
    Registered, lambda r: ((r.value,), r.name), lambda name, children: Registered(*children, name)
)


def test_registered_container():
    again = tree_map(lambda x: 2 * x, {"r": Registered([1.0, 2.0], "kept")})["r"]
    assert (again.value, again.name) == ([2.0, 4.0], "kept")
    gradient = cd.grad(lambda r: r.value[0] * r.value[1])(Registered([2.0, 3.0], "n"))
    assert (gradient.value, gradient.name) == ([3.0, 2.0], "n")
    with pytest.raises(TypeError, match=r"argument 0<0>\[1\] is the integer 2"):
        cd.grad(lambda r: r.value[0])(Registered([1.0, 2], "n"))


def test_registering_wrongly():
    with pytest.raises(ValueError, match="Registered is a container already"):
        cd.register_container(Registered, None, None)
    with pytest.raises(ValueError, match="dict is a container already"):
        cd.register_container(dict, None, None)
    with pytest.raises(TypeError, match="needs a class"):
        cd.register_container("Registered", None, None)


def test_unregistered_classes_are_leaves():
    thing = Plain(1.0)
    assert flatten([thing])[0] == [thing]

    class Table(dict):
        pass

    table = Table(a=1.0)
    assert flatten(table)[0] == [table]


def test_threads_share_nothing():
    failures = []

    def work(k):
        tree = {str(i): [float(k), (float(i),)] for i in range(50)}
        for _ in range(50):
            leaves, treedef = flatten(tree)
            if not same(unflatten(treedef, leaves), tree):
                failures.append(k)

    in_threads(work)
    assert not failures
