"""The limits of what a note about operands says (long lists, many lines, items that have gone), and
where notes are made: in threads, in the code of a module."""


import numpy as np
import pytest
from many_threads import in_threads
from test_operand_lines import X, Y, add, note_of

import cdiff as cd
import cdiff._checks._operands as operands


@pytest.mark.parametrize(("value", "words"), [
    (list(range(8)), "[0, 1, 2, 3, 4, 5, 6, 7]"),
    (list(range(9)), f"list of 9 with shapes {', '.join(['()'] * 8)}, ..."),
    ([np.ones(1)] * 8, f"list of 8 with shapes {', '.join(['(1,)'] * 8)}"),
    ((1.5, 2, np.ones(2)), "tuple of 3 with shapes (), (), (2,)"),
    ([np.ones(1), "a"], ""), ([], ""), (True, "True"), (object(), ""),
])  # fmt: skip
def test_what_an_operand_is(value, words):
    assert operands._described(value) == words


def test_an_item_that_has_gone_meanwhile():
    def f(parts):
        return parts[1] + parts.pop(0)

    note = note_of(f, [cd.array(np.ones(2)), cd.array(np.ones(3))])
    assert note.splitlines()[1] == "  `parts[1]`, made on this line"
    assert "float64" not in note


@pytest.mark.parametrize("n", [operands.MOST_LINES, operands.MOST_LINES + 1])
def test_a_long_note_is_cut(n):
    names = ", ".join([f"a{k}" for k in range(n)])
    space = {"np": np}
    exec(f"def join({names}):\n    return np.concatenate([{names}])", space)
    arrays = [cd.array(np.ones(1)) for _ in range(n - 1)]
    _, *lines = note_of(space["join"], *arrays, cd.array(np.ones((1, 1)))).splitlines()
    assert len(lines[: operands.MOST_LINES]) == operands.MOST_LINES
    assert lines[operands.MOST_LINES :] == ["  ..."] * (n - operands.MOST_LINES)


def test_threads():
    notes = []

    def work(_):
        notes.extend([note_of(add, X) for _ in range(20)])

    in_threads(work, 4)
    assert len(notes) == 80 and len(set(notes)) == 1


def test_long_expressions_are_cut_short():
    source = "X + " + " + ".join(["X"] * 2000) + " + Y"
    note = note_of(eval, source, {"X": X, "Y": Y})
    assert "`Y`: float64 (2, 2)" in note or note.endswith("...")
    assert len(note.splitlines()) <= 14


def test_the_names_of_a_module_are_still_there_after_a_note():
    space = {"a": cd.array([1.0, 2.0]), "b": cd.array([1.0, 2.0, 3.0])}
    code = """
try:
    a + b
except ValueError as error:
    note = error.__notes__[0]
"""
    exec(compile(code, "module.py", "exec"), space)
    assert "`a`" in space["note"] and set("ab") < set(space)
