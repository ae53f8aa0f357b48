"""What a compiled function reads besides its arguments: never a wrong value when that changes."""

import functools
import types
import warnings

import numpy as np
import pytest

import cdiff as cd
from cdiff._core import Surroundings

RATE = 2.0
TABLE = {"a": 1.0, "b": [2.0, 3.0]}
HISTORY = 0


def helper(x):
    return x * RATE


def nested(x):
    return helper(x) + 1.0


@pytest.fixture
def world():
    """Global variables that are put back afterwards."""
    before = {name: globals()[name] for name in ("RATE", "HISTORY", "helper")}
    yield globals()
    globals().update(before)


def recordings(f):
    return f.stats()["recordings"]


def test_a_global_number(world):
    f = cd.compile(lambda x: x * RATE)
    g = cd.compile(cd.grad(lambda x: x * x * RATE))
    h = cd.compile(nested)
    for rate in (2.0, 5.0, 2.0, -0.0, 0.0):
        world["RATE"] = rate
        for _ in range(2):
            assert str(f(3.0)) == str(3.0 * rate)
            assert g(3.0) == 6.0 * rate
            assert h(3.0) == 3.0 * rate + 1.0
    assert recordings(f) == 4


def test_functions_of_exec_in_a_plain_dict():
    """They belong to no module, and are looked through like any function of a user."""
    world = {"rate": 2.0, "table": np.array([1.0, 2.0])}
    exec("def helper(x): return x * rate\ndef f(x): return helper(x).sum() + table[0]", world)
    f = cd.compile(world["f"])
    assert f(np.ones(2)) == 5.0
    world["rate"] = 3.0
    assert f(np.ones(2)) == 7.0
    world["table"][0] = 2.0
    assert f(np.ones(2)) == 8.0


def test_a_helper_that_is_defined_again(world):
    h = cd.compile(nested)
    assert h(1.0) == 3.0
    world["helper"] = lambda x: x * 10.0
    assert h(1.0) == 11.0
    del world["helper"]
    with pytest.raises(NameError):
        h(1.0)


def test_closures():
    a, b = 2.0, np.ones(2)

    def f(x):
        return x * a * b

    compiled = cd.compile(f)
    assert list(compiled(1.0)) == [2.0, 2.0]
    a = 3.0
    assert list(compiled(1.0)) == [3.0, 3.0]
    b = np.full(2, 5.0)
    assert list(compiled(1.0)) == [15.0, 15.0]
    a, b = 2.0 + 1.0, b
    assert list(compiled(1.0)) == [15.0, 15.0]
    assert recordings(compiled) == 3
    a = 3
    assert list(compiled(1.0)) == [15.0, 15.0] and recordings(compiled) == 4


def test_a_closure_that_an_outer_gradient_tracks():
    a = 2.0
    f = cd.compile(lambda x: x * a)
    assert f(3.0) == 6.0

    def outer(t):
        nonlocal a
        a = t
        return f(3.0)

    assert cd.grad(outer)(5.0) == 3.0
    a = 4.0
    assert f(3.0) == 12.0


def test_attributes():
    class Inner:
        k = 1.0

        @property
        def double(self):
            return self.own * 2.0

        def __init__(self):
            self.own = 3.0

    class Model:
        def __init__(self):
            self.w = np.ones(2)
            self.inner = Inner()
            self.calls = 0

        def __call__(self, x):
            return (self.w * x).sum() * self.inner.k + self.inner.double

    model = Model()
    functions = [cd.compile(model), cd.compile(model.__call__), cd.compile(lambda x: model(x))]
    functions.append(cd.compile(functools.partial(Model.__call__, model)))

    def check(want):
        for f in functions:
            assert (f(2.0), f(2.0)) == (want, want)

    check(10.0)
    model.w = np.ones(3)
    check(12.0)
    model.w[0] = 2.0
    check(14.0)
    model.inner.own = 4.0
    check(16.0)
    model.inner.k = 2.0
    check(24.0)
    model.inner = Inner()
    check(14.0)
    before = [recordings(f) for f in functions]
    model.calls += 1
    check(14.0)
    assert [recordings(f) for f in functions] == before


def test_classes_and_modules():
    class Config:
        rate = 2.0

    module = types.ModuleType("settings")
    module.rate = 3.0
    f = cd.compile(lambda x: x * Config.rate * module.rate)
    assert f(1.0) == 6.0
    Config.rate = 5.0
    assert f(1.0) == 15.0
    module.rate = 4.0
    assert f(1.0) == 20.0 and recordings(f) == 3


def test_containers():
    f = cd.compile(lambda x: x * TABLE["a"] + sum(TABLE["b"]))
    try:
        assert f(1.0) == 6.0
        TABLE["a"] = 10.0
        assert f(1.0) == 15.0
        TABLE["b"][1] = 4.0
        assert f(1.0) == 16.0
        TABLE["b"].append(1.0)
        assert f(1.0) == 17.0
        TABLE["b"] = [0.0]
        assert f(1.0) == 10.0
    finally:
        TABLE.update(a=1.0, b=[2.0, 3.0])


def test_defaults():
    table = np.ones(3)

    def f(x, t=table, *, k={"n": 1.0}):  # noqa: B006
        return x * t[0] * k["n"]

    compiled = cd.compile(f)
    assert compiled(1.0) == 1.0
    table[0] = 5.0
    assert compiled(1.0) == 5.0
    f.__kwdefaults__["k"]["n"] = 2.0
    assert compiled(1.0) == 10.0


def test_what_the_function_changes_itself_is_not_looked_at(world):
    seen = []

    class Counter:
        n = 0

    def f(x):
        global HISTORY
        HISTORY += 1
        Counter.n += 1
        seen.append(1)
        return x * 2.0

    compiled = cd.compile(f)
    assert [compiled(x) for x in (1.0, 2.0, 3.0)] == [2.0, 4.0, 6.0]
    assert recordings(compiled) == 1 and HISTORY == 1 and seen == [1]


def test_a_function_that_is_there_later(world):
    def f(x):
        return later(x)  # noqa: F821

    compiled = cd.compile(f)
    with pytest.raises(NameError):
        compiled(1.0)
    world["later"] = lambda x: x + 1.0
    try:
        assert compiled(1.0) == 2.0
    finally:
        del world["later"]


def test_recursive_structures_are_looked_through_once():
    loop = {"k": 2.0}
    loop["self"] = loop
    f = cd.compile(lambda x: x * loop["k"] * loop["self"]["k"])
    assert f(1.0) == 4.0
    loop["k"] = 3.0
    assert f(1.0) == 9.0
    long = list(range(1000))
    g = cd.compile(lambda x: x * len(long))
    assert g(1.0) == 1000.0


def test_the_warning_names_three_things_from_outside_at_most():
    a = b = c = d = 0.0
    f = cd.compile(lambda x: x * a * b * c * d)
    with pytest.warns(cd.CompileWarning) as caught:
        for i in range(300):
            a = b = c = d = float(i)
            f(2.0)
    assert "what changes is a, b, c, from outside" in str(caught[0].message)


def test_the_warning_names_what_changes():
    k = 0.0
    f = cd.compile(lambda x: x * k)
    with pytest.warns(cd.CompileWarning, match="what changes is k, from outside"):
        for i in range(300):
            k = float(i)
            assert f(2.0) == 2.0 * k
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f(3.0) == 3.0 * 299


def test_times_from_outside_have_units():
    day, hour = np.timedelta64(1, "D"), np.timedelta64(1, "h")
    unit = day
    f = cd.compile(lambda x: x * (unit / hour))
    assert f(1.0) == 24.0
    unit = hour
    assert f(1.0) == 1.0
    unit = day
    assert f(1.0) == 24.0 and recordings(f) == 2


# --- places ---------------------------------------------------------------------------------------


def test_surroundings():
    namespace, array = {"a": 1.0, "s": "t"}, np.ones(2)
    cell = types.CellType(3.0)
    s = Surroundings([
        (namespace, "a", "a"), (namespace, "none", "none"), (cell, None, "cell"),
        (array, None, "array"), (namespace, "s", "s"),
    ])  # fmt: skip
    assert s.holds() and len(s) == 5 and s.changed() == []
    namespace["a"] = 0.5 + 0.5
    namespace["s"] = "".join(["t"])
    cell.cell_contents = 1.5 * 2
    assert s.holds()
    namespace["none"] = None
    array[0] = 2.0
    cell.cell_contents = 4.0
    assert s.changed() == ["none", "cell", "array"] and not s.holds()
    less = s.without_changed([(namespace, "none", "none")])
    assert less.holds() and less.labels == ["a", "s", "none"]
    assert less.values() == [("a", 1.0), ("s", "t"), ("none", None)]
    assert s.values() is None
    assert Surroundings([({}, "a", "a"), ({"f": helper}, "f", "f")]).values() == [
        ("a", ("nothing",)),
        ("f", ("named", __name__, "helper")),
    ]
    cell = types.CellType()
    s = Surroundings([(cell, None, "cell")])
    assert s.holds()
    cell.cell_contents = 1
    assert not s.holds()


SLOPES = np.ones(3)


def summed_by_vjp():
    f = cd.custom_vjp(np.sum)
    f.defvjp(lambda x: (np.sum(x), None), lambda _, g: (g * SLOPES,))
    return f


def summed_by_plain_arrays():
    f = cd.custom_vjp(np.sum)
    f.defvjp(lambda x: (np.sum(x), None), lambda _, g: (SLOPES * 1.0,))
    return f


def summed_by_jvp():
    f = cd.custom_jvp(np.sum)
    f.defjvp(lambda p, t: (np.sum(p[0]), t[0] @ SLOPES))
    return f


def summed_by_parts():
    f = cd.custom_jvp(np.sum)
    f.defjvps(lambda t, out, x: t @ SLOPES)
    return f


def summed_by_operator():
    f = cd.operator(lambda x: float(np.sum(x)))
    f.defvjp(lambda g, out, x: (g * SLOPES,))
    return f


@pytest.mark.parametrize(
    "made",
    [summed_by_vjp, summed_by_plain_arrays, summed_by_jvp, summed_by_parts, summed_by_operator],
)
@pytest.mark.parametrize("derivative", [cd.grad, cd.jacfwd, lambda f: cd.grad(cd.checkpoint(f))])
def test_an_array_that_only_a_rule_reads(made, derivative):
    """Combined with a cotangent that nothing tracks it was a constant of the program."""
    x = np.arange(3.0)
    f = cd.compile(derivative(made()))
    for values in ([1.0, 1.0, 1.0], [2.0, 3.0, 4.0], [-1.0, 0.5, 0.0]):
        SLOPES[:] = values
        want = derivative(made())(x)
        np.testing.assert_allclose(f(x), want)


def test_a_rule_that_is_given_anew():
    f = cd.custom_vjp(np.sin)
    f.defvjp(lambda x: (np.sin(x), x), lambda x, g: (g * np.cos(x),))
    g = cd.compile(cd.grad(f))
    assert g(0.0) == 1.0
    f.defvjp(lambda x: (np.sin(x), x), lambda x, g: (g * 7.0,))
    assert g(0.0) == 7.0
