"""Patterns of numbers: sweeps of 64 directions in a word find what joined sets find.

Random programs are made instruction by instruction. The third way to their patterns is Python's own
sets, which know of a few operators what depends on what.
"""

import signal
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many_threads import in_threads

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
    return [items[a:b].tolist() for a, b in pairwise(start)]


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


def numbers(x, wide):
    """Functions of single elements: more inputs than outputs, or the other way round."""
    y = [np.sin(x[i]) * x[i + 1] + (x[0] if i % 100 == 3 else 0.0) for i in range(x.size - 1)]
    if wide:
        return np.stack([sum(y[k::70]) for k in range(70)])
    return np.stack([a * b for a in y for b in y[::40]])


@pytest.mark.parametrize("wide", [True, False])
def test_both_directions_with_more_than_one_word(wide):
    x = np.random.default_rng(1).normal(size=150)
    f = lambda x: numbers(x, wide)
    dense = cd.jacobian(f)(x)
    assert (cd.sparsity(f, x).toarray() == (dense != 0)).all()
    assert (cd.sparsity(f, x, local=True).toarray() == (dense != 0)).all()
    assert np.allclose(cd.sparse_jacobian(f)(x).toarray(), dense, rtol=1e-13)


def test_hessians_of_numbers():
    def f(x):
        total = 0.0
        for i in range(1, x.size):
            total = total + (x[i] - x[i - 1] ** 2) ** 2 * (x[7] if i == 90 else 1.0)
        return total

    x = np.random.default_rng(2).normal(size=140)
    dense = cd.hessian(f)(x)
    assert (cd.sparsity(f, x, kind="hessian").toarray() == (dense != 0)).all()
    assert np.allclose(cd.sparse_hessian(f)(x).toarray(), dense, rtol=1e-12)


def mixed(inputs, size, outputs):
    """A program whose values are products of any two before them."""
    rng, p = np.random.default_rng(5), Program()
    x = p.input("f8", (inputs,))
    values = [p.apply("slice", [x], "f8", (), ((i, 1, -1),)) for i in range(inputs)]
    for _ in range(size):
        a, b = rng.integers(0, len(values), 2)
        values.append(p.apply("multiply", [values[a], values[b]]))
    p.outputs = values[-outputs:]
    return p


def test_memory_is_no_table_of_nodes_and_directions():
    p = mixed(20_000, 20_000, 50)
    tracemalloc.start()
    swept = pattern_of(p, [0], None, True)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 40_000 * 20_000 // 8 // 5  # bits of all nodes and directions would be 100 MB
    assert same(swept[0], pattern_of(p, [0], None, False)[0])


def test_threads_find_the_same_patterns():
    p = mixed(300, 3000, 500)
    expected = pattern_of(p, [0])[0]
    assert all(same(expected, other) for other in in_threads(lambda _: pattern_of(p, [0])[0], 4))
    assert len(expected) == 500 and sum(items.size for _, items in expected) > 500


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer")
def test_signals_are_heard_between_sweeps():
    p, heard = mixed(60_000, 60_000, 60_000), []
    before = signal.signal(signal.SIGALRM, lambda *_: heard.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
        pattern_of(p, [0], None, True)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert len(heard) > 10
