"""Arrays without axes that NumPy's constructors make (`zeros(())`, `array(2.0)`, `asarray` of a
number): they change in place, as in NumPy, in every mode; results of functions are numbers.
"""

from __future__ import annotations

import copy
import pickle

import numpy as np
import numpy_cases
import pytest
from test_number_views import check_as_in_numpy

import cdiff as cd
import cdiff.numpy as cnp

PROGRAMS = {
    "zeros": "s = np.zeros(()); t = s; t += x[0]; return s * x",
    "ones": "s = np.ones(()); s[()] = x[1]; s[...] += x[0]; return s * x",
    "empty": "s = np.empty(shape=()); s.fill(3.0); s *= x[2]; return s * x",
    "full": "s = np.full((), x[0]); t = s; t *= x[1]; return s * x",
    "full of a constant": "s = np.full([], 2.0); t = s; t *= x[1]; return s * x",
    "array": "s = np.array(2.0); t = s; t *= x[1]; return s * x",
    "array of a result": "r = x.sum(); s = np.array(r); t = s; t *= x[1]; return s * x + r",
    "array of an array": "s = np.array(3.0); u = np.array(s); u += x[0]; return s * x + u",
    "asarray": "s = np.asarray(2.0); t = s; t *= x[1]; return s * x",
    "asarray of a result": "r = x.sum(); s = np.asarray(r); t = s; t *= x[1]; return s * x + r",
    "asarray of an array": "s = np.array(3.0); u = np.asarray(s); u += x[0]; return s * x + u",
    "array(copy=None)": "s = np.array(3.0); u = np.array(s, copy=None); u += x[0]; return s * x",
    "ndmin": "s = np.array(x[0], ndmin=1); t = s; t *= x[1]; return s * x",
    "zeros_like": "s = np.zeros_like(x[0]); t = s; t += x[1]; return s * x",
    "ones_like": "s = np.ones_like(x.sum()); t = s; t += x[1]; return s * x",
    "full_like": "s = np.full_like(x[0], x[2]); t = s; t += x[1]; return s * x",
    "empty_like": "s = np.empty_like(x[0]); s[()] = x[1]; return s * x",
    "astype": "s = np.zeros(()).astype(complex); t = s; t += 2j * x[0]; return (s * x).imag",
    "copies": "s = np.ones(()).copy(); t = s; t += x[0]; u = np.copy(s); v = u; v *= x[1]; "
    "return s * x + u",
    "copy of a result": "s = np.copy(x[0]); t = s; t += x[1]; return s * x",
    "complex": "s = np.zeros((), complex); t = s; t += 1j * x[1]; return (s * x).imag",
    "out of a sum": "s = np.zeros(()); np.sum(x, out=s); t = s; t += 1.0; return s * x",
    "out of a product": "s = np.zeros(()); np.multiply(x[0], x[1], out=s); return s * x",
    "add.at": "s = np.ones(()); np.add.at(s, (), x[0]); np.subtract.at(s, ..., x[1]); return s * x",
    "multiply.at": "s = np.ones(()); np.multiply.at(s, True, x[0]); return s * x",
    "a view with an axis": "s = np.zeros(()); r = s.reshape(1); s += x[0]; r *= 2.0; return r * x",
    "in a function": "def add(s, v):\n  s += v\ns = np.zeros(())\nfor v in x: add(s, v * v)\n"
    "return s * x",
    "in a dictionary": "d = {'s': np.zeros(())}; a = d['s']; a += x[0]; return d['s'] * x",
    "in an array": "s = np.zeros(()); a = np.array([s, x[0]]); s += x[1]; return a[0] + s * x",
    "the largest": "s = np.array(-9.0)\nfor v in x: s[()] = max(s, v)\nreturn s * x",
    "a mask": "s = np.array(1.0); s[s > 0.5] = x[0]; s[s > 0.5] = 9.0; return s * x",
    "a mask of a tracked value": "s = np.array(1.0); s[x[2] > x[0]] = x[0]; s[np.False_] = 2.0; "
    "s[np.array(x[2] < x[1])] *= 3.0; return s * x",
    "flat, put, place, copyto": "s = np.zeros(()); s.flat = x[1]; t = s * 1.0; np.put(s, 0, x[2]); "
    "t += s; np.place(s, True, x[0]); t += s; np.copyto(s, x[1]); return (s + t) * x",
    "item": "s = np.zeros(()); s += 2; return s.item() * x",
    "of a number": "s = x.sum(); v = s.reshape(1); v += 1.0; w = s[None]; w *= 2; return s * v * w",
    "of a complex number": "s = (x * 1j).sum(); v = s.reshape(1); v += 1.0; w = s[None]; w *= 2.0; "
    "return (s * v * w).real * x",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_in_numpy_in_every_mode(name):
    check_as_in_numpy(PROGRAMS[name])


SINGLE = {
    "zeros": "s = np.zeros((), np.float32); t = s; t += 2.0; return s * x",
    "astype": "s = np.zeros(()).astype(np.float32); t = s; t += 2.0; return s * x",
    "of a result": "x = x.astype(np.float32); s = x.sum(); v = s[None]; v += 1.0; return s * v",
}


@pytest.mark.parametrize("name", SINGLE)
def test_in_single_precision(name):
    check_as_in_numpy(SINGLE[name], 1e-5)


@pytest.mark.parametrize(
    "again",
    [
        copy.copy,
        copy.deepcopy,
        np.copy,
        cnp.copy,
        cnp.array,
        lambda s: pickle.loads(pickle.dumps(s)),
        lambda s: s.copy(),
        lambda s: s.astype(complex),
    ],
)
def test_copies_have_memory_of_their_own_and_change_in_place(again):
    s = cnp.ones(())
    t = u = again(s)
    u *= 3.0
    u[()] += 1.0
    assert t == 4.0 and s == 1.0


def test_what_cannot_be_written():
    s = cnp.zeros(())
    for wrong in (0, slice(None), [0], "a"):
        with pytest.raises(IndexError):
            s[wrong] = 1.0
    with pytest.raises(IndexError):
        np.add.at(s, 0, 1.0)
    with pytest.raises(TypeError, match="scalar"):
        np.add.at(s * 2.0, (), 1.0)
    with pytest.raises(ValueError, match="shape"):
        s[()] = [1.0, 2.0]
    s.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        s += 1.0
    assert s == 0.0


def results(case, namespace, operands):
    found = numpy_cases.run(case, namespace, **operands)
    return list(found) if isinstance(found, (tuple, list)) else [found]


CASES = [
    *(case for cases in numpy_cases.SMOOTH.values() for case in cases),
    *numpy_cases.PIECEWISE,
    *numpy_cases.PLAIN,
]


@pytest.mark.parametrize("case", CASES)
def test_where_numpy_gives_a_number_no_other_name_sees_a_change(case):
    plain = {k: np.float64(x) if x.ndim == 0 else x for k, x in numpy_cases.OPERANDS.items()}
    try:
        expected = results(case, np, {k: x.copy() for k, x in plain.items()})
    except (TypeError, ValueError):
        pytest.skip(f"NumPy needs an array in the place of a number: {case}")
    found = results(case, cnp, {k: cd.array(x) for k, x in plain.items()})
    for x, y in zip(expected, found, strict=True):
        if isinstance(x, np.generic) and type(y) is cd.Array and y.dtype.kind in "fc":
            before, z = float(y.real), y
            z *= 2.0
            assert z is not y or not before
