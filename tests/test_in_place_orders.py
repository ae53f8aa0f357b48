"""Whether a reshape is a view depends in NumPy on the order of the elements in memory, which the
operands of each operation decide.  Here results lie in C order: where NumPy's may not, an array and
its reshaped self are the same until one is changed, and reading the other raises then.
"""

from __future__ import annotations

import copy
import io
import pickle

import numpy as np
import numpy_cases
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cdiff as cd
import cdiff.numpy as cnp
from cdiff import _core

MATRIX = np.arange(1.0, 13.0).reshape(3, 4) / 7.0
UNSURE = "one of two arrays was changed"
MODES = ["eager", "reverse", "forward", "compiled", "compiled gradient", "vmap"]


def result_of(mode, run, x):
    """What a program of an array gives in one of the ways of running it."""
    if mode == "eager":
        return np.asarray(run(cd.array(x)))
    if mode == "reverse":
        return cd.vjp(run, x)[0]
    if mode == "forward":
        return cd.jvp(run, (x,), (x,))[0]
    if mode == "compiled":
        return cd.compile(run)(x)
    if mode == "compiled gradient":
        return cd.compile(lambda x: cd.vjp(run, x)[0])(x)
    return cd.vmap(run)(np.stack([x + 1.0, x]))[1]


def changed_after(make):
    """A program that changes what `make` gives of an array, and reads the array."""

    def program(x, np):
        y = x * 2.0
        z = make(y, np)
        z *= 3.0
        return y + 0.0

    return program


# What is a view in NumPy, or is not, whatever the order of the elements.
SURE = {
    "an axis into two": lambda y, np: y.T.reshape(2, 2, 3),
    "an axis into two, and ones": lambda y, np: y.T.reshape(1, 4, 1, 3, 1),
    "a new axis": lambda y, np: y.T[:, None],
    "squeeze": lambda y, np: np.squeeze(y.T[:, None], 1),
    "transpose": lambda y, np: y.T,
    "slice": lambda y, np: y.T[1:],
    "a copy": lambda y, np: y.T.copy().reshape(-1),
    "copy.copy of a vector": lambda y, np: copy.copy(y[0]).reshape(2, 2),
    "an array in C order": lambda y, np: np.array(y, order="C").reshape(-1),
    "a sum over an axis": lambda y, np: y.sum(0).reshape(2, 2),
    "a product": lambda y, np: (y.T @ y).reshape(-1),
    "rows by their numbers": lambda y, np: y.copy()[[0, 1]].reshape(-1),
    "a vector": lambda y, np: y[1].reshape(2, 2),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("name", SURE)
def test_what_is_sure_is_as_in_numpy(name, order, mode):
    x = np.array(MATRIX, order=order)
    program = changed_after(SURE[name])
    expected = program(x.copy(order="K"), np)
    np.testing.assert_allclose(result_of(mode, lambda x: program(x, cnp), x), expected)


# What is a view in NumPy by the order of the elements.
UNSURES = {
    "reshape": lambda y, np: y.T.reshape(-1),
    "reshape of a sum with its transpose": lambda y, np: (y + 0.0).T.reshape(2, 6),
    "order F": lambda y, np: y.reshape(-1, order="F"),
    "ravel": lambda y, np: y.ravel(),
    "ravel of the transpose": lambda y, np: y.T.ravel(),
    "ascontiguousarray": lambda y, np: np.ascontiguousarray(y),
    "asfortranarray": lambda y, np: np.asfortranarray(y),
    "asarray": lambda y, np: np.asarray(y.T, order="C"),
    "require": lambda y, np: np.require(y, requirements="C"),
    "a part of it": lambda y, np: y.reshape(-1)[2:],
    "a reshape of it": lambda y, np: y.reshape(-1).reshape(6, 2),
    "of a part": lambda y, np: y[1:].reshape(-1),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", UNSURES)
def test_what_is_not_sure_raises_when_it_is_read(name, mode):
    program = changed_after(UNSURES[name])
    x = np.asfortranarray(MATRIX)
    if name == "reshape of a sum with its transpose":  # y itself has no part in it
        np.testing.assert_allclose(result_of(mode, lambda x: program(x, cnp), x), x * 2.0)
        return
    with pytest.raises(ValueError, match=UNSURE):
        result_of(mode, lambda x: program(x, cnp), x)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", UNSURES)
def test_the_view_raises_when_the_array_was_changed(name, mode):
    def program(x):
        y = x * 2.0
        z = UNSURES[name](y, cnp)
        y *= 3.0
        return z + 0.0

    x = np.asfortranarray(MATRIX)
    if name == "reshape of a sum with its transpose":
        expected = (x * 2.0).T.reshape(2, 6)
        np.testing.assert_allclose(result_of(mode, program, x), expected)
        return
    with pytest.raises(ValueError, match=UNSURE):
        result_of(mode, program, x)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", UNSURES)
def test_what_is_changed_itself_goes_on(name, mode):
    """Whatever it shares memory with: the array that was written to holds what was written."""

    def program(x, np):
        z = UNSURES[name](x * 2.0, np)
        z *= 3.0
        z[0] = z[1] * z[1]
        return z * 1.0

    x = np.asfortranarray(MATRIX)
    result = result_of(mode, lambda x: program(x, cnp), x)
    np.testing.assert_allclose(result, program(x, np))


def test_gradients_go_through_views_that_are_not_sure():
    def f(x):
        z = (x.T * 2.0).reshape(-1)
        z *= z
        z[2:5] = 0.0
        return z.sum()

    x = MATRIX
    expected = 8.0 * x
    expected.T.flat[2:5] = 0.0
    z = np.zeros(12)
    z[:] = (8.0 * x).T.reshape(-1)
    z[2:5] = 0.0
    expected = z.reshape(4, 3).T
    np.testing.assert_allclose(cd.grad(f)(x), expected)
    np.testing.assert_allclose(cd.compile(cd.grad(f))(x), expected)
    np.testing.assert_allclose(cd.jvp(f, (x,), (x,))[1], (expected * x).sum())


def test_a_leaf_in_the_order_of_fortran():
    leaf = cd.array(np.asfortranarray(MATRIX), requires_grad=True)
    with cd.no_grad():
        flat = leaf.reshape(-1)
        flat -= 1.0
    np.testing.assert_allclose(flat, MATRIX.reshape(-1) - 1.0)
    with pytest.raises(ValueError, match=UNSURE):
        leaf * 2.0
    with cd.no_grad(), pytest.raises(ValueError, match=UNSURE):
        leaf[0] = 1.0


def test_a_failed_read_leaves_the_rest_as_it_is():
    y = cd.array(MATRIX).T * 2.0
    part, z = y[1:], y.reshape(-1)
    z[0] = 9.0
    for read in (lambda: y + 1.0, lambda: part.sum(), lambda: repr(y), lambda: np.asarray(part),
                 lambda: y.__setitem__(0, 1.0), lambda: part.__imul__(2.0)):  # fmt: skip
        with pytest.raises(ValueError, match=UNSURE):
            read()
    np.testing.assert_allclose(z[1:], (MATRIX.T * 2.0).reshape(-1)[1:])
    assert z[0] == 9.0 and y.shape == (4, 3)


def test_read_only_stays_read_only():
    y = cd.array(MATRIX).T * 2.0
    y.flags.writeable = False
    z = y.reshape(-1)
    assert not z.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        z[0] = 1.0
    np.testing.assert_allclose(y, MATRIX.T * 2.0)


# ---------------------------------------------------------------- random programs


def _changed(a, b, np):
    a *= 1.5


def _one_row(a, b, np):
    if a.shape[0]:
        a[0] = a[-1] * 2.0


def _out(a, b, np):
    np.add(a, 0.25, out=a)


def _assigned(a, b, np):
    a[...] = 0.5


def _flat(a, b, np):
    a.flat[1:3] = 7.0


STEPS = [
    _changed, _changed, _one_row, _out, _assigned, _flat,
    lambda a, b, np: a.T,
    lambda a, b, np: np.sin(a),
    lambda a, b, np: a * 2.0,
    lambda a, b, np: a + b if a.shape == b.shape else a - 1.0,
    lambda a, b, np: np.where(a > 0.6, a, 0.0),
    lambda a, b, np: np.clip(a, 0.1, 0.9),
    lambda a, b, np: np.concatenate([a, a * 2.0]) if a.size < 40 else a + 1.0,
    lambda a, b, np: a.reshape(-1),
    lambda a, b, np: a.reshape(a.shape[0] * 2, -1) if a.size % (a.shape[0] * 2) == 0 else a[None],
    lambda a, b, np: a.ravel(),
    lambda a, b, np: a.reshape(3, -1) if a.size % 3 == 0 else a[None],
    lambda a, b, np: a.reshape(-1, order="F"),
    lambda a, b, np: a[::-1],
    lambda a, b, np: a[..., ::2],
    lambda a, b, np: a[..., [0, -1]],
    lambda a, b, np: a[[0, -1]],
    lambda a, b, np: np.take(a, [0, 0], axis=0),
    lambda a, b, np: a.copy(),
    lambda a, b, np: np.copy(a),
    lambda a, b, np: np.array(a),
    lambda a, b, np: np.zeros_like(a),
    lambda a, b, np: np.ascontiguousarray(a),
    lambda a, b, np: np.asfortranarray(a),
    lambda a, b, np: np.cumsum(a, axis=0),
    lambda a, b, np: np.sort(a, axis=0),
    lambda a, b, np: a.sum(axis=0, keepdims=True),
    lambda a, b, np: np.swapaxes(a, 0, -1),
    lambda a, b, np: np.expand_dims(a, 0) if a.ndim < 4 else a[0],
    lambda a, b, np: np.einsum("ij,ij->ji", a, a) if a.ndim == 2 else np.squeeze(a),
    lambda a, b, np: a @ a.T if a.ndim == 2 and a.size < 40 else a + 0.5,
    lambda a, b, np: np.roll(a, 1),
    lambda a, b, np: np.linalg.norm(a, axis=0, keepdims=True),
    lambda a, b, np: np.stack([a, a], axis=1) if a.size < 40 else a[0:],
]  # fmt: skip


def run_steps(steps, x, np, readable=None):
    """All arrays of a program, end to end: those that can be read, which are noted, or those that
    were noted."""
    arrays = [x * 1.0, np.cos(x)]
    for kind, i, j in steps:
        a, b = arrays[i % len(arrays)], arrays[j % len(arrays)]
        made = STEPS[kind % len(STEPS)](a, b, np)
        if made is not None and made.ndim:
            arrays.append(made)
    parts = []
    for k, a in enumerate(arrays):
        if np is cnp:
            try:
                parts.append((a * 1.0).copy().reshape(-1))
                readable.append(k)
            except ValueError as error:
                assert UNSURE in str(error)
        elif k in readable:
            parts.append(a.copy().reshape(-1))
    return np.concatenate(parts) if parts else np.zeros(0)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 999), st.integers(0, 9), st.integers(0, 9)), max_size=10),
    st.sampled_from("CF"),
    st.sampled_from(MODES),
)
def test_random_programs_are_as_in_numpy_or_raise(steps, order, mode):
    readable = []

    def run(x):
        readable.clear()
        return run_steps(steps, x, cnp, readable)

    x = np.array(MATRIX, order=order)
    try:
        result = result_of(mode, run, x)
    except ValueError as error:
        assert UNSURE in str(error)
        return
    np.testing.assert_allclose(result, run_steps(steps, x.copy(order="K"), np, readable), 1e-9)


def sines(x):
    return cnp.sin(x).sum(axis=0)


def test_a_compiled_function_knows_the_order_of_its_arguments():
    def f(x):
        z = x.reshape(-1)
        z *= 2.0
        return x + 0.0

    compiled = cd.compile(f)
    turned = np.asfortranarray(MATRIX)
    for _ in range(3):
        np.testing.assert_array_equal(compiled(MATRIX), 2.0 * MATRIX)
        np.testing.assert_array_equal(compiled(np.stack([MATRIX, MATRIX], 1)[:, 0]), 2.0 * MATRIX)
        with pytest.raises(ValueError, match=UNSURE):
            compiled(turned)
    plain = cd.compile(sines)
    for x in (turned, MATRIX, turned[::-1], MATRIX.T, turned):
        np.testing.assert_allclose(plain(x), np.sin(x).sum(axis=0), 1e-14)
    again = pickle.loads(pickle.dumps(plain))
    np.testing.assert_allclose(again(turned), np.sin(turned).sum(axis=0), 1e-14)
    buffer = io.BytesIO()
    plain.save(buffer)
    loaded = cd.load(io.BytesIO(buffer.getvalue()))
    for x in (turned, MATRIX, MATRIX.T):
        np.testing.assert_allclose(loaded(x), np.sin(x).sum(axis=0), 1e-14)


CASES = [
    *(case for cases in numpy_cases.SMOOTH.values() for case in cases),
    *numpy_cases.PIECEWISE,
    *numpy_cases.PLAIN,
]


def arrays_of(result):
    if isinstance(result, (list, tuple)):
        return [a for part in result for a in arrays_of(part)]
    return [result]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore")
def test_a_reshape_of_every_result_is_a_view_where_numpys_is_or_not_sure(case):
    for order in "CF":
        given = {name: np.array(x, order=order) for name, x in numpy_cases.OPERANDS.items()}
        tracked = {name: cd.array(x) for name, x in given.items()}
        expected = arrays_of(numpy_cases.run(case, np, **given))
        for x, y in zip(expected, arrays_of(numpy_cases.run(case, cnp, **tracked)), strict=True):
            if type(y) is cd.Array and y.ndim > 1 and y.size and x.flags.writeable:
                shared = np.shares_memory(x, x.reshape(-1))
                assert _core.is_layout_unknown(y) or _core.is_view(y.reshape(-1)) == shared


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 4)])
def test_without_elements(shape):
    y = cd.array(np.zeros(shape)).T * 2.0
    for other in ((0,), (0, 5), (4, 0, 2), shape):
        z = y.reshape(other)
        z *= 2.0
        assert z.shape == other and y.sum() == 0.0
