"""Errors about operands say where each was made: without any switch, in every way of running."""

import linecache
import subprocess
import sys
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
from operand_notes import line_numbers, note_of

import cdiff as cd
import cdiff._checks._bindings as bindings
import cdiff.numpy as cnp

at = line_numbers(__file__)

W = cd.array(np.ones((2, 3)))  # global


def add(x):
    b = np.ones(4)  # b
    return x + b  # add


def test_names_arguments_and_intermediate_results():
    def predict(x, bias):
        h = W @ x  # h
        return np.sin(h * 2.0) + bias  # return

    def call():
        given = cd.array(np.ones(3))  # given
        return predict(given, np.ones(5))  # call

    note = note_of(call)
    assert note.splitlines() == [
        f"operands of `np.sin(h * 2.0) + bias`, {__file__}:{at('return')}:",
        "  `np.sin(h * 2.0)`, made on this line",
        "    `h * 2.0`, made on this line",
        f"      `h`: float64 (2,), assigned at line {at('h')}",
        f"  `bias`: float64 (5,), argument of predict, given at line {at('call')}",
    ]
    note = note_of(lambda: predict(cd.array(np.ones(7)), 1.0))
    assert f"`W`: float64 (2, 3), assigned at line {at('global')}" in note


X, Y = cd.array(np.ones(3)), np.ones((2, 2))  # data
INTEGERS = cd.array(np.arange(3))
MATRIX = cd.array(np.eye(3))
REAL = cd.array(np.ones(3), requires_grad=True)
COMPLEX = cd.array(np.ones(3) * 1j)
WORDS = np.array(["a", "b", "c"])


def set_item(x, value):
    x[:2] = value


def set_gradient(x, value):
    x.grad = value


def in_place(x):
    x += Y


ERRORS = {
    "add": (lambda: X + Y, "X", "Y"),
    "reversed": (lambda: Y - X, "Y", "X"),
    "comparison": (lambda: X < Y, "X", "Y"),
    "integers": (lambda: INTEGERS + Y.astype(int)[0], "INTEGERS"),
    "ufunc": (lambda: np.hypot(X, Y), "X", "Y"),
    "plain first": (lambda: np.arctan2(Y, X), "Y", "X"),
    "ours": (lambda: cnp.hypot(X, Y), "X", "Y"),
    "matmul": (lambda: X @ Y, "X", "Y"),
    "dot": (lambda: np.dot(X, Y), "X", "Y"),
    "method": (lambda: X.dot(Y), "X", "Y"),
    "einsum": (lambda: np.einsum("i,jk->k", X, Y[0]), "X"),
    "tensordot": (lambda: cnp.tensordot(X, Y, axes=1), "X", "Y"),
    "outer": (lambda: cnp.linalg.outer(X, Y), "X", "Y"),
    "concatenate": (lambda: np.concatenate([X, Y]), "X", "Y"),
    "stack": (lambda: cnp.stack((X, Y)), "X", "Y"),
    "array": (lambda: cd.array([X, Y[0]]), "X"),
    "reshape": (lambda: X.reshape(2, 2), "X"),
    "np.reshape": (lambda: np.reshape(X, 5), "X"),
    "transpose": (lambda: X.transpose(0, 1), "X"),
    "broadcast_to": (lambda: np.broadcast_to(X, (2, 4)), "X"),
    "squeeze": (lambda: cnp.squeeze(X, 0), "X"),
    "axis": (lambda: X.sum(axis=3), "X"),
    "mT": (lambda: X.mT, "X"),
    "solve": (lambda: np.linalg.solve(MATRIX, Y), "MATRIX", "Y"),
    "inv": (lambda: cnp.linalg.inv(X), "X"),
    "where": (lambda: np.where(X > 0, X, Y), "X", "Y"),
    "index": (lambda: X[7], "X"),
    "indices": (lambda: X[0, 1], "X"),
    "fancy index": (lambda: X[[0, 9]], "X"),
    "mask": (lambda: X[np.ones(4, bool)], "X"),
    "joint index": (lambda: MATRIX[[0, 1], [0, 5]], "MATRIX"),
    "assignment": (lambda: set_item(X * 1.0, Y), "x", "value"),
    "tracked assignment": (lambda: set_item(X * 1.0, REAL), "x", "value"),
    "in place": (lambda: in_place(X * 1.0), "x", "Y"),
    "seed": (lambda: (REAL * 2.0).backward(Y), "REAL", "Y"),
    "gradient": (lambda: setattr(REAL, "grad", Y), "REAL", "Y"),
    "gradient assigned": (lambda: set_gradient(REAL, Y), "x", "value"),
    "cotangent": (lambda: cd.vjp(np.sin, X)[1](Y), "X", "Y"),
    "tangent": (lambda: cd.jvp(np.sin, (X,), (Y,)), "X", "Y"),
    "out": (lambda: np.add(X, 1.0, out=cd.array(np.ones(2))), "X"),
    # dtypes
    "words": (lambda: X + WORDS, "X", "WORDS"),
    "complex": (lambda: np.floor(COMPLEX), "COMPLEX"),
    "complex order": (lambda: np.arctan2(COMPLEX, X), "COMPLEX", "X"),
    "complex seed": (lambda: (REAL * 2.0).backward(COMPLEX), "REAL", "COMPLEX"),
    "complex assignment": (lambda: set_item(X * 1.0, COMPLEX[:2]), "x", "value"),
    "tracked into integers": (lambda: set_item(INTEGERS.copy(), REAL[:2]), "x", "value"),
    "cast": (lambda: COMPLEX.astype(float), "COMPLEX"),
    "casting": (lambda: X.astype(np.float32, casting="equiv"), "X"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_about_operands_names_them(name):
    wrong, *names = ERRORS[name]
    note = note_of(wrong)
    assert note.startswith("operands of `") and f"{__file__}:" in note.splitlines()[0]
    for operand in names:
        assert f"`{operand}`" in note, note
        if operand in ("X", "Y"):
            assert f"assigned at line {at('data')}" in note


GRADIENT = {
    "grad": lambda: cd.grad(lambda x: np.sum(add(x)))(np.ones(3)),
    "jvp": lambda: cd.jvp(add, (np.ones(3),), (np.ones(3),)),
    "compile": lambda: cd.compile(add)(np.ones(3)),
    "compiled gradient": lambda: cd.compile(cd.grad(lambda x: np.sum(add(x))))(np.ones(3)),
    "hessian": lambda: cd.hessian(lambda x: np.sum(add(x)))(np.ones(3)),
    "vmap": lambda: cd.vmap(add)(np.ones((2, 3))),
    "scan": lambda: cd.scan(lambda c, x: (c, add(x)), 0.0, np.ones((2, 3))),
    "checkpoint": lambda: cd.checkpoint(add)(cd.array(np.ones(3), requires_grad=True)),
    "sparse": lambda: cd.sparse_jacobian(add)(np.ones(3)),
    "debug": lambda: cd.explain(add, np.ones(3)),
}


@pytest.mark.parametrize("way", GRADIENT)
def test_while_something_is_recorded(way):
    note = note_of(GRADIENT[way])
    assert note.startswith(f"operands of `x + b`, {__file__}:{at('add')}:\n  `x`: float64 (3,), ")
    assert "argument of add" in note
    assert f"\n  `b`: float64 (4,), assigned at line {at('b')}" in note


def test_an_argument_that_a_transformation_passes():
    note = note_of(lambda: cd.grad(add)(np.ones(3)))  # grad
    assert f"`x`: float64 (3,), argument of add, given at line {at('grad')}" in note
    note = note_of(lambda: cd.scan(lambda c, x: (add(x), c), 0.0, np.ones((2, 3))))  # scan
    assert f"argument of add, given as `x` at line {at('scan')}, argument of <lambda>, " in note
    assert f"passed by cdiff from line {at('scan')}" in note


# --- where names come from ------------------------------------------------------------------------


class Layer:
    def __init__(self):
        self.w = cd.array(np.ones((2, 2)))  # attribute

    @property
    def computed(self):
        return self.w * 1.0

    def call(self, x):
        return self.w @ x

    def turned(self, x):
        return self.computed @ x


Pair = namedtuple("Pair", "left right")


@dataclass
class Model:
    w: object

    def scaled(self):
        self.w = self.w * 2.0  # scaled
        return self.w + np.ones(4)


class Slots:
    __slots__ = ("w",)

    def __init__(self, w):
        self.w = w  # slot


def test_attributes():
    layer = Layer()
    assert f"`self.w`: float64 (2, 2), assigned at line {at('attribute')}" in note_of(layer.call, X)
    assert "`self.computed`, made on this line" in note_of(layer.turned, X)
    slots = Slots(X)
    note = note_of(lambda: slots.w + Y)
    assert f"`slots.w`: float64 (3,), assigned at line {at('slot')}" in note
    pair = Pair(X, Y)  # pair
    note = note_of(lambda: pair.left + pair.right)
    assert f"`pair.left`: float64 (3,), of `pair`, assigned at line {at('pair')}" in note
    model = Model(X)  # model
    note = note_of(lambda: model.w + Y)
    made = f"of `model`, assigned at line {at('model')}"
    assert f"`model.w`: float64 (3,), assigned at line {at('scaled')}, or {made}" in note
    note = note_of(model.scaled)
    assert f"`self.w`: float64 (3,), assigned at line {at('scaled')}" in note
    model.w = cd.array(np.ones(5))  # set
    note = note_of(use_of, model)  # which assigns to it too
    lines = f"{at('scaled')} or {at('set')} or {at('other')}"
    assert f"`model.w`: float64 (5,), assigned at line {lines}" in note


def use_of(model):
    if model is None:
        model.w = X  # other
    return model.w + Y


def test_items():
    params = {"w": X, "layers": [cd.array(np.ones(4))]}  # params
    note = note_of(lambda: params["w"] + params["layers"][0])
    assert f"`params['w']`: float64 (3,), in `params`, assigned at line {at('params')}" in note
    assert "`params['layers'][0]`: float64 (4,), in `params`, assigned at line" in note
    parts = [X, X, Y]  # parts
    note = note_of(lambda: np.concatenate(parts))
    assert (
        f"`parts`: list of 3 with shapes (3,), (3,), (2, 2), assigned at line {at('parts')}" in note
    )


def test_several_assignments_are_all_said():
    def f(n):
        y = X * 1.0  # first
        for _ in range(n):
            y = y * 2.0  # second
        if n > 5:
            z = Y  # third
        else:
            z = Y * 1.0  # fourth
        w = Y  # overwritten
        w = Y * 2.0  # last
        return y @ z, w  # product

    note = note_of(f, 1)
    assert f"`y`: float64 (3,), assigned at line {at('first')} or {at('second')}" in note
    assert f"`z`: float64 (2, 2), assigned at line {at('third')} or {at('fourth')}" in note

    def g():
        w = Y  # overwritten
        w = Y * 2.0  # kept
        return X + w

    assert f"`w`: float64 (2, 2), assigned at line {at('kept')}" in note_of(g)

    def h(x):
        if x is None:
            x = Y  # default
        return X + x

    note = note_of(h, Y)
    assert f"`x`: float64 (2, 2), argument of h, or assigned at line {at('default')}" in note


def test_assignments_in_handlers_and_blocks():
    def f():
        try:
            y = Y[9]  # tried
        except IndexError:
            y = Y  # handler
        finally:
            pass
        with np.errstate(all="ignore"):
            return X + y

    assert f"`y`: float64 (2, 2), assigned at line {at('tried')} or {at('handler')}" in note_of(f)
    if (found := X * 1.0) is not None:  # walrus
        note = note_of(lambda: found + Y)
    assert f"`found`: float64 (3,), assigned at line {at('walrus')}" in note


def test_closures_lambdas_comprehensions_generators():
    w = cd.array(np.ones(4))  # enclosing

    def inner():
        return X + w

    assert f"`w`: float64 (4,), assigned at line {at('enclosing')}" in note_of(inner)
    note = note_of(made())
    assert f"`z`: float64 (2,), assigned at line {at('gone')}" in note
    note = note_of(lambda: [x + w for x in [X]])
    assert "operands of `x + w`" in note and "`x`: float64 (3,)" in note
    note = note_of(lambda: tuple(x + w for x in [X]))
    assert "operands of `x + w`" in note and f"line {at('enclosing')}" in note
    note = note_of(lambda: [x * (w + Y) for x in [X]])  # one instruction stores and loads x
    assert "operands of `w + Y`" in note and "`x`" not in note
    note = note_of(lambda: sum([X, w]))
    assert "operands of `sum([X, w])`" in note and "`w`: float64 (4,)" in note


def made():
    z = cd.array(np.ones(2))  # gone
    return lambda: z + X


def test_the_caller_of_the_caller():
    def outer(first):
        return middle(first, k=1)  # middle

    def middle(second, k):
        return inner(np.ones(1), third=second) if k else None  # inner

    def inner(*args, third):
        return third + Y + args[0]

    made_here = X * 1.0  # made
    note = note_of(lambda: outer(made_here))
    assert (
        f"argument of inner, given as `second` at line {at('inner')}, "
        f"argument of middle, given as `first` at line {at('middle')}, argument of outer, "
        "given as `made_here` at line"
    ) in note
    assert note.count(f"assigned at line {at('made')}") == 1


def test_deep_recursion():
    def f(x, n):
        return f(x, n - 1) if n else x + Y  # deep

    start = X * 1.0  # start
    note = note_of(f, start, 10)
    assert "`x`: float64 (3,), argument of f, given" in note
    assert len(note) < 600 + 2 * len(__file__)
    assert "`x`: float64 (3,), argument of f" in note_of(f, start, 500)

    def g(n):
        try:
            return g(n + 1)
        except RecursionError:
            return X + Y  # hardly any room left: an error of its own would be another one

    with pytest.raises(ValueError, match="could not be broadcast"):
        g(0)


def test_without_source():
    names = {"np": np, "cd": cd}
    code = "a = cd.array([1.0, 2.0])\nfor _ in range(2):\n  b = np.ones(3)\n(a\n  + np.sin(b))"
    note = note_of(exec, code, names)
    assert note.splitlines() == [
        "operands at <string>:4:",
        "  `a`: float64 (2,), assigned at line 1",
        "  a result without a name, made on line 5",
        "    `b`: float64 (3,), assigned at line 3",
    ]
    note = note_of(eval, "a + b", names)
    assert note.splitlines() == [
        "operands at <string>:1:",
        "  `a`: float64 (2,)",
        "  `b`: float64 (3,)",
    ]


def test_cells_of_a_notebook():
    """Each cell is a source of its own, which `linecache` knows; they share their names."""
    names = {"np": np, "cd": cd}
    cells = {
        "<cell 1>": "a = cd.array([1.0, 2.0])\n",
        "<cell 2>": "\nb = np.ones(3)\n",
        "<cell 3>": "a + b\n",
    }
    try:
        for name, source in cells.items():
            linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        for name in ("<cell 1>", "<cell 2>"):
            exec(compile(cells[name], name, "exec"), names)
        note = note_of(exec, compile(cells["<cell 3>"], "<cell 3>", "exec"), names)
    finally:
        for name in cells:
            del linecache.cache[name]
    assert note.splitlines() == [
        "operands of `a + b`, <cell 3>:1:",
        "  `a`: float64 (2,), assigned at <cell 1>:1",
        "  `b`: float64 (3,), assigned at <cell 2>:2",
    ]


def test_equal_code_on_other_lines():
    """The same bytecode from another place has lines of its own; what was read of old code goes."""
    for k in range(2 * bindings.MOST_READ):
        names = {"X": X, "Y": Y}
        exec("\n" * (k % 3) + "def f(x):\n" + "\n" * (k % 5) + "    y = x\n    return y + Y", names)
        note = note_of(names["f"], X)
        assert f"`y`: float64 (3,), assigned at line {k % 3 + k % 5 + 2}" in note
        assert len(bindings._READ) <= bindings.MOST_READ


def test_a_script_without_columns(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(
        "import numpy as np, cdiff as cd\n"
        "def f(x):\n"
        "    return x + b\n"
        "b = np.ones(3)\n"
        "b = np.ones(4)\n"
        "f(cd.array(np.ones(2)))\n"
        "b = np.ones(5)\n"
    )
    for option, head in ((), "operands of `x + b`, "), (("-X", "no_debug_ranges"), "operands at "):
        found = subprocess.run(
            [sys.executable, *option, str(path)], capture_output=True, text=True, check=False
        )
        assert found.returncode == 1
        assert f"{head}{path}:3:" in found.stderr
        assert "`x`: float64 (2,), argument of f, given at line 6" in found.stderr
        assert "`b`: float64 (4,), assigned at line 5" in found.stderr
