"""Sums of embedded parts are put together: the same numbers, by fewer operations.

The parts are random boxes in arrays of one to three axes, compared with NumPy; then gradients of
functions that take arrays apart, compared with those that run eagerly.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cdiff as cd
from cdiff import _core


@st.composite
def sums(draw):
    """(shape, terms): each the index of a part, or None for a whole array."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    terms = []
    for _ in range(draw(st.integers(2, 6))):
        index = []
        for n in shape:
            start = draw(st.integers(0, n - 1))
            count = draw(st.one_of(st.just(-1), st.integers(1, n - start)))
            index += [start, 1, count]
        terms.append(draw(st.one_of(st.just(tuple(index)), st.just(tuple(index)), st.none())))
    return shape, terms


def key_of(index):
    return tuple([
        start if count == -1 else slice(start, start + count)
        for start, _, count in zip(index[::3], index[1::3], index[2::3], strict=True)
    ])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(sums(), st.booleans())
def test_random_boxes(case, nested):
    shape, terms = case
    p = _core.Program()
    rng = np.random.default_rng(0)
    inputs, want, total = [], np.zeros(shape), None
    parts = [shape if i is None else tuple([n for n in i[2::3] if n >= 0]) for i in terms]
    values = [p.input("f8", part) for part in parts]
    for index, part, v in zip(terms, parts, values, strict=True):
        x = np.asarray(rng.normal(size=part))
        inputs.append(x if part else float(x))
        if index is None:
            want += x
        else:
            want[key_of(index)] += x
            v = p.apply("embed", [v], "f8", shape, (shape, index))
        total = v if total is None else p.apply("add", [total, v], "f8", shape)
    if nested:
        larger = (3, *shape)
        where = [(k, 1, -1) + tuple(np.ravel([(0, 1, n) for n in shape]).tolist()) for k in (0, 2)]
        both = [p.apply("embed", [total], "f8", larger, (larger, index)) for index in where]
        total = p.apply("add", both, "f8", larger)
        want = np.stack([want, np.zeros(shape), want])
    p.outputs = [total]
    for program in (p, p.simplify()):
        (got,) = _core.Executable(program).run(inputs)
        np.testing.assert_allclose(got, want, rtol=1e-14, atol=1e-14)


def elements(x):
    return x[0] * x[1] + np.sin(x[2]) * x[0] ** 2 + x[5]


def rotated(x):
    a, b = x[:3], x[3:]
    return (a[1] * b[2] - a[2] * b[1]) ** 2 + a[0] * (a * b).sum()


def matrix(x):
    m = x.reshape(2, 3)
    return m[0, 0] * m[1, 2] - m[0, 2] * m[1, 0] + m[1].prod()


def with_the_whole(x):
    return x[0] * x[1] + (x**2).sum()


def differences(x):
    return ((x[1:] - x[:-1]) ** 2).sum() + x[::2].prod()


FUNCTIONS = [elements, rotated, matrix, with_the_whole, differences]


@pytest.mark.parametrize("f", FUNCTIONS)
def test_gradients(f):
    x = np.random.default_rng(3).normal(size=6)
    gradient = cd.grad(f)
    np.testing.assert_allclose(cd.compile(gradient)(x), gradient(x), rtol=1e-13, atol=1e-13)
    xs = np.random.default_rng(4).normal(size=(5, 6))
    want = np.stack([gradient(x) for x in xs])
    np.testing.assert_allclose(cd.vmap(gradient)(xs), want, rtol=1e-13, atol=1e-13)
    compiled = cd.compile(cd.vmap(gradient))
    np.testing.assert_allclose(compiled(xs), want, rtol=1e-13, atol=1e-13)
    second = cd.compile(cd.hessian(f))
    np.testing.assert_allclose(second(x), cd.hessian(f)(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("f", [elements, rotated])
def test_nothing_is_embedded_any_more(f):
    compiled = cd.compile(cd.vmap(cd.grad(f)))
    compiled(np.ones((4, 6)))
    assert "embed" not in str(compiled.program)


def test_many_terms():
    def f(x):
        return sum([x[i] * x[i - 1] for i in range(len(x))])

    x = np.random.default_rng(0).normal(size=300)
    want = np.roll(x, 1) + np.roll(x, -1)
    np.testing.assert_allclose(cd.compile(cd.grad(f))(x), want, rtol=1e-14)


def test_what_is_needed_whole_is_added_whole():
    """A long stretch among zeros that is read elsewhere is not taken apart for a sum."""
    n = 50
    shape, index, rest = (n,), (0, 1, n - 1), (1, 1, n - 1)

    def program(read_elsewhere):
        p = _core.Program()
        x, y = p.input("f8", (n - 1,)), p.input("f8", (n - 1,))
        whole = p.apply("embed", [x], "f8", shape, (shape, index))
        other = p.apply("embed", [y], "f8", shape, (shape, rest))
        outputs = [p.apply("add", [whole, other], "f8", shape)]
        if read_elsewhere:
            outputs.append(p.apply("exp", [whole], "f8", shape))
        p.outputs = outputs
        return p.simplify()

    assert "concatenate" in str(program(False))
    assert "concatenate" not in str(program(True))
    x, y = np.arange(1.0, n), np.arange(n, 2.0 * n - 1)
    want = np.append(x, 0.0) + np.append(0.0, y)
    for case in (False, True):
        np.testing.assert_array_equal(_core.Executable(program(case)).run([x, y])[0], want)
