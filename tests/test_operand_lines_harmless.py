"""Looking for the names of an error's operands harms nothing: no code of the user runs, nothing is
kept alive, and an error of the search itself is not seen.
"""

import contextlib
import gc
import sys
import weakref

import numpy as np
import pytest
from operand_notes import line_numbers, note_of

import cdiff as cd
import cdiff._checks._bindings as bindings
import cdiff._checks._operands as operands
import cdiff.numpy as cnp

at = line_numbers(__file__)

X, Y = cd.array(np.ones(3)), np.ones((2, 2))  # data
MATRIX = cd.array(np.eye(3))
REAL = cd.array(np.ones(3), requires_grad=True)


def add(x):
    return x + np.ones(4)


class Layer:
    def __init__(self):
        self.w = cd.array(np.ones((2, 2)))

    def call(self, x):
        return self.w @ x


class Hostile:
    """Anything that runs is an error."""

    def __getattribute__(self, name):
        raise SystemExit(f"code was run: {name}")

    def __repr__(self):
        raise SystemExit("code was run")

    __bool__ = __len__ = __iter__ = __eq__ = __hash__ = __repr__


def test_no_code_of_the_user_is_run():
    class Lazy:
        @property
        def w(self):
            raise SystemExit("code was run")

        def __getattr__(self, name):
            raise SystemExit("code was run")

        def __getitem__(self, key):
            raise SystemExit("code was run")

    def f(thing, lazy, x):
        return (thing, lazy, x + Y)[2]

    note = note_of(f, Hostile(), Lazy(), X)
    assert "`x`: float64 (3,), argument of f, given as `X`" not in note  # note_of passes *args
    assert "`x`: float64 (3,), argument of f" in note
    hostile, lazy = Hostile(), Lazy()
    note = note_of(lambda: [hostile, lazy, np.concatenate([X, Y, [hostile, lazy][:0]])])
    assert "`X`" in note


def test_decisions_are_not_recorded_by_looking():
    seen = []

    def f(x):
        try:
            add(x)
        except ValueError as error:
            seen.append(error.__notes__[0])
        return x * 2.0

    compiled = cd.compile(f)
    assert compiled(np.ones(3)).tolist() == [2.0, 2.0, 2.0]
    assert compiled(np.full(3, 5.0)).tolist() == [10.0, 10.0, 10.0]
    assert len(seen) == 1 and compiled.stats()["recordings"] == 1


def test_nothing_is_kept_alive():
    class Payload:
        pass

    def f():
        payload = Payload()
        x, watched = X * 1.0, weakref.ref(payload)
        with pytest.raises(ValueError, match="broadcast"):
            x + Y
        del payload
        return watched()  # the frame still runs: a copy of its variables would hold it

    def caught(kept):
        with contextlib.suppress(ValueError):
            X + Y
        try:
            kept + Y
        except (TypeError, ValueError) as error:
            return str(error)

    gc.disable()  # what goes at once was in no cycle
    try:
        assert f() is None
        payload, array = Payload(), X * 1.0
        watched = weakref.ref(payload)
        assert "broadcast" in caught(array)
        before = sys.getrefcount(array)
        assert "broadcast" in caught(array)
        assert sys.getrefcount(array) == before
        del payload
        assert watched() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("broken", ["_note", "_described", "_attribute"])
def test_an_error_of_the_search_is_not_seen(monkeypatch, broken):
    def fail(*args):
        raise RuntimeError("inside")

    monkeypatch.setattr(operands, broken, fail)
    layer = Layer()
    with pytest.raises(ValueError, match="do not fit") as caught:
        layer.call(X)
    assert caught.value.__context__ is None and not hasattr(caught.value, "__notes__")
    monkeypatch.undo()
    monkeypatch.setattr(bindings, "last_lines", fail)
    with pytest.raises(ValueError, match="broadcast"):
        add(X)


def test_exact_lines_win():
    with cd.debug_lines():
        x = X * 1.0  # exact
        note = note_of(lambda: x + Y)
        assert note.startswith("in add\n") and f"made at {__file__}:{at('exact')}" in note
        y = x * x
        again = y
        note = note_of(lambda: cnp.linalg.solve(MATRIX, again + Y))
        assert "operands of" not in note and note.startswith("in ")
        note = note_of(lambda: cnp.stack([again, x[:2]]))
        assert f"`again`: float64 (3,), made at {__file__}:" in note


def test_an_error_that_has_notes_stays_as_it_is():
    error = ValueError("message")
    error.add_note("mine")
    assert operands.with_operands(error) is error and error.__notes__ == ["mine"]


class Cell:
    def forward(self, x):
        self.state = x * 2.0  # leak
        return np.sum(x)


def test_what_was_left_behind_or_freed_has_a_name():
    cell = Cell()
    cd.grad(cell.forward)(np.ones(3))
    for take in (lambda: cell.state.backward(), lambda: np.asarray(cell.state)):
        with pytest.raises((RuntimeError, TypeError), match=r"left(?: it)? behind") as caught:
            take()
        [note] = caught.value.__notes__
        assert f"`cell.state`: float64 (3,), assigned at line {at('leak')}" in note
    y = np.sum(REAL * REAL)  # freed
    y.backward()
    note = note_of(lambda: y.backward(), error=RuntimeError)
    assert f"`y`: float64 (), assigned at line {at('freed')}" in note
    note = note_of(lambda: X.backward(Y), error=RuntimeError)
    assert f"`X`: float64 (3,), assigned at line {at('data')}" in note
