"""Patterns of numbers: sweeps of 64 directions in a word find what joined sets find, entry by entry.

Random programs are made instruction by instruction. The third way to their patterns is Python's own
sets, which know of a few operators what depends on what.
"""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cdiff as cd
from cdiff._core import Program, pattern_of

BINARY = ("add", "subtract", "multiply", "divide", "zmul", "maximum", "floor_divide", "arctan2")
UNARY = ("sin", "exp", "negative", "floor", "sign", "sqrt")
NOTHING = ("floor_divide", "floor", "sign")


class Made:
    """A random program, and the columns that each of its values depends on."""

    def __init__(self, rng, size, inputs, outputs):
        self.rng, self.p = rng, Program()
        self.numbers, self.sets = [], {}
        self.n_inputs = inputs
        x = self.p.input("f8", (inputs, 2))
        y = self.p.input("f8")
        self.hidden = self.p.input("f8")
        self.columns = [0, None, None]
        self.columns[1] = 2 * inputs
        self.see(y, {2 * inputs})
        self.see(self.hidden, set())
        self.constants = [self.p.constant(c) for c in (0.0, 2.0, -1.5)]
        for c in self.constants:
            self.see(c, set())
        for _ in range(size):
            self.step(x)
        kept = [self.numbers[k] for k in rng.integers(0, len(self.numbers), outputs)]
        ones = [self.p.apply("reshape", [v], "f8", (1,), ((1,),)) for v in kept]
        places = tuple(range(outputs + 1))
        self.p.outputs = [self.p.apply("concatenate", ones, "f8", (outputs,), (0, places)), kept[0]]
        self.p.check()
        self.expected = [self.sets[v] for v in kept]

    def see(self, v, columns):
        self.numbers.append(v)
        self.sets[v] = columns
        return v

    def pick(self):
        late = self.numbers[-8:] if self.rng.random() < 0.7 else self.numbers
        return late[self.rng.integers(0, len(late))]

    def step(self, x):
        kind, a, b = self.rng.integers(0, 12), self.pick(), self.pick()
        if kind < 3:
            r, c = (int(k) for k in (self.rng.integers(0, self.n_inputs), self.rng.integers(0, 2)))
            v = self.p.apply("slice", [x], "f8", (), ((r, 1, -1, c, 1, -1),))
            self.see(v, {2 * r + c})
        elif kind < 7:
            op = BINARY[self.rng.integers(0, len(BINARY))]
            columns = self.sets[a] | self.sets[b]
            if op in ("multiply", "zmul"):
                zero = self.constants[0]
                columns = (self.sets[a] if b != zero else set()) | (
                    self.sets[b] if a != zero else set()
                )
            self.see(self.p.apply(op, [a, b]), set() if op in NOTHING else columns)
        elif kind < 9:
            op = UNARY[self.rng.integers(0, len(UNARY))]
            self.see(self.p.apply(op, [a]), set() if op in NOTHING else self.sets[a])
        elif kind < 10:
            less = self.p.apply("less", [a, b], "?")
            v = self.p.apply("where", [less, a, b])
            self.see(v, self.sets[a] | self.sets[b])
        elif kind < 11:
            v = self.p.apply("reshape", [a], "f8", (1, 1), ((1, 1),))
            v = self.p.apply("reshape", [v], "f8", (), ((),))
            self.see(v, self.sets[a])
        elif self.rng.random() < 0.3:  # the run ends: a sum over a row, a number with two columns
            r = int(self.rng.integers(0, self.n_inputs))
            row = self.p.apply("slice", [x], "f8", (2,), ((r, 1, -1, 0, 1, 2),))
            v = self.p.apply("sum", [row], "f8", (), ((0,), False))
            self.see(v, {2 * r, 2 * r + 1})

    def found(self, bits, inputs=None):
        sets, _, notes = pattern_of(self.p, self.columns, inputs, bits)
        assert not notes
        return sets


def rows(found):
    start, items = found
    return [items[a:b].tolist() for a, b in zip(start[:-1], start[1:], strict=True)]


def same(a, b):
    return all(
        np.array_equal(x, y) and x.dtype == y.dtype
        for pair in zip(a, b, strict=True)
        for x, y in zip(*pair, strict=True)
    )


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(0, 300),
    st.integers(1, 150),
    st.integers(1, 150),
)
def test_sweeps_find_what_sets_find(seed, size, inputs, outputs):
    made = Made(np.random.default_rng(seed), size, inputs, outputs)
    swept, joined = made.found(True), made.found(False)
    assert rows(swept[0]) == [sorted(s) for s in made.expected]
    assert rows(swept[1]) == [sorted(made.expected[0])]
    assert same(swept, joined) and same(swept, made.found(None))
    rng = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        point = [rng.integers(-2, 3, (inputs, 2)) * 1.0, 0.0, 1.0]
        point[1:] = [np.float64(x) for x in point[1:]]
        local = made.found(True, point)
        assert same(local, made.found(False, point))
    for some, every in zip(rows(local[0]), rows(swept[0]), strict=True):
        assert set(some) <= set(every)
