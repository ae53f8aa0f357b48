"""One element of an array as a view without axes (`x[0, ...]`, a reshape or squeeze to no axes):
it shows changes of the array and passes its own on, as in NumPy, in every mode.
"""

from __future__ import annotations

import copy
import pickle

import numpy as np
import numpy_cases
import pytest

import cdiff as cd
import cdiff.numpy as cnp

X = np.array([0.3, 0.7, 1.3])
D = np.array([1.0, -0.5, 0.25])

PROGRAMS = {
    "in place": "y = x[1, ...]; y *= 2; return x * y",
    "all in-place operators": "a, b = x[0, ...], x[2, ...]; a += b; b *= a; a /= b; b -= a; "
    "b **= 2; return x * a * b",
    "bases change": "y = x[1, ...]; x[1] = 5.0; return x * y",
    "assigned": "y = x[1, ...]; y[...] = x[0]; y[()] += 1.0; return x * y",
    "one element assigned": "y = x[1, ...]; y[...] = (x[:1] * x[2])[None]; return x * y",
    "a new axis": "y = x[1, None]; y *= 3.0; return x * y",
    "squeeze": "y = np.squeeze(x[1:2]); y += 3.0; np.add(y, 1.0, out=y); return x * y",
    "reshape": "y = x[1:2].reshape(()); y -= 3.0; z = y[None]; z *= 2.0; w = y[...]; w += 1.0; "
    "return x * y * z * w",
    "reshape of it": "y = x[1, ...]; z = y.reshape(1, 1); z *= 2.0; x *= 2; return z + y",
    "expand_dims of it": "y = x[1, ...]; z = np.expand_dims(y, 0); y *= 2; return z * x",
    "atleast_1d": "y = x[1, ...]; v = np.atleast_1d(y); v *= 3; return x * y * v",
    "ravel and flatten": "y = x[1, ...]; v = y.ravel(); w = y.flatten(); v *= 3; w *= 2; "
    "return x * y * v * w",
    "broadcast_to": "y = x[1, ...]; b = np.broadcast_to(y, (3,)); y *= 2; return b * x",
    "transposes": "m = x[None]; y = m.T[2, 0, ...]; y *= y; y.T[...] = y + 1; return m * y",
    "copies": "y = x[1, ...]; v = np.array(y); w = y.copy(); u = +y; t = y[()]; y *= 2; "
    "return np.stack([v, w, u, t]) * y",
    "view and asarray": "y = x[1, ...]; v = y.view(); w = np.asarray(y); v *= 3; w += 1; "
    "return x * y * v * w",
    "a number is none": "y = x[1, ...]; y = y + 1; s = np.sin(x[0]); z = s; s *= 2; y *= z; "
    "return x * y * s",
    "changed while it is read": "y = x[2, ...]; x += y; y += x[0]; x *= y; return x * y",
    "in a loop": "for i in range(3):\n  t = x[i, ...]\n  t *= i + 1\nreturn x * t",
    "many": "o = [x[i, ...] for i in range(3)]; x *= 2; return np.stack(o) * x",
    "a part of a flip": "y = np.flip(x)[0, ...]; y -= 1; return x * y",
    "of other axes": "y = np.moveaxis(x[None], 0, -1)[2, 0, ...]; y -= 1; return x * y",
    "copyto and out": "y = x[..., 1]; np.multiply(x, 2, out=x); np.copyto(y, 3.0); return x * y",
    "fill, flat, put": "y = x[1, ...]; y.fill(2.0); x *= y; y.flat = 4.0; x *= y; y.put(0, 3.0); "
    "return x * y",
    "in single precision": "x = x.astype(np.float32); y = x[1, ...]; y *= 2; y[...] = y + 1; "
    "return x * y",
    "complex": "x = x * 1j; y = x[1, ...]; y *= 2; y[...] = y + 1j; return (x * y).real",
    "summed": "y = x[1, ...]; s = 0.0; s += y; y *= 2; s += y; return x * s",
}


def program(source):
    space = {}
    lines = source.replace("; ", "\n").split("\n")
    exec("def f(x, np):\n" + "".join(f"    {line}\n" for line in lines), space)
    return space["f"]


def check_as_in_numpy(source, digits=1e-12):
    """A program of `x` and `np` has NumPy's value, and one derivative, in every mode."""
    written = program(source)
    f = lambda x: written(x, cnp)
    value = written(X.copy(), np)
    near = lambda found, wanted, r=digits: np.testing.assert_allclose(found, wanted, r, r)
    near(f(cd.array(X)), value)
    near(f(cd.array(X, requires_grad=True) * 1.0).numpy(), value)
    near(cd.vjp(f, X)[0], value)
    near(cd.compile(f)(X), value)
    near(cd.vmap(f)(np.stack([D, X]))[1], value)
    tangent = cd.jvp(f, (X,), (D,))[1]
    if digits < 1e-6:
        step = 1e-5
        moved = lambda s: written(X + s * D, np)
        near(tangent, (moved(step) - moved(-step)) / (2.0 * step), 1e-7)
    weights = np.cos(np.arange(value.size)).reshape(value.shape).astype(value.dtype)
    near(cd.vjp(f, X)[1](weights)[0] @ D, (weights * tangent).sum())
    near(cd.compile(lambda x: cd.jvp(f, (x,), (D,))[1])(X), tangent)
    near(cd.compile(lambda x: cd.vjp(f, x)[1](weights)[0])(X) @ D, (weights * tangent).sum())
    squares = lambda x: (f(x) ** 2).sum()
    near(cd.jvp(cd.grad(squares), (X,), (D,))[1], cd.hessian(squares)(X) @ D, 100.0 * digits)


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_in_numpy_in_every_mode(name):
    check_as_in_numpy(PROGRAMS[name], 1e-5 if name == "in single precision" else 1e-12)


SCALAR_CASES = [
    case
    for case in [
        *(case for cases in numpy_cases.SMOOTH.values() for case in cases),
        *numpy_cases.PIECEWISE,
    ]
    if numpy_cases.names_in(case, ["s"])
]


def parts(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


@pytest.mark.parametrize("case", SCALAR_CASES)
def test_functions_take_it_as_a_number(case):
    def total(s):
        results = parts(numpy_cases.run(case, cnp, s=s))
        return sum(cnp.real(y * 1.0).sum() for y in results if type(y) is cd.Array) * 1.0

    s = 0.75
    one = np.array([s])
    expected = np.asarray(total(cd.array(s)))
    slope = cd.grad(total)(s)
    for f in (lambda x: total(x[0, ...]), lambda x: total(x.reshape(()))):
        np.testing.assert_array_equal(f(cd.array(one)), expected)
        np.testing.assert_allclose(cd.grad(f)(one), [slope], 1e-12)
        np.testing.assert_allclose(cd.jvp(f, (one,), (np.ones(1),))[1], slope, 1e-12)
        np.testing.assert_allclose(cd.compile(cd.grad(f))(one), [slope], 1e-12)


def test_it_is_a_number_for_python():
    x = cd.array([0.75, 2.0])
    y = x[0, ...]
    assert (float(y), int(y), repr(y), f"{y:.1f}", bool(y)) == (0.75, 0, "Array(0.75)", "0.8", True)
    assert (y.shape, y.ndim, y.size, y.dtype) == ((), 0, 1, np.float64)
    assert y.base is x and type(y[()]) is cd.Array
    for again in (copy.copy(y), copy.deepcopy(y), pickle.loads(pickle.dumps(y)), cd.array(y)):
        again *= 2.0
        assert again == 1.5
    assert x[0] == 0.75 and "abc"[cd.array([1, 2])[0, ...]] == "b"
    for wrong in (len, iter, hash):
        with pytest.raises(TypeError):
            wrong(y)


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        (0, 1.0, IndexError),
        (slice(None), 1.0, IndexError),
        ((), [1.0, 2.0], ValueError),
        ((), np.zeros(0), ValueError),
        (..., "a", TypeError),
        (..., 1j, TypeError),
    ],
)
def test_what_cannot_be_assigned_changes_nothing(key, value, error):
    x = cd.array([0.75, 2.0])
    y = x[0, ...]
    with pytest.raises(error):
        y[key] = value
    np.testing.assert_array_equal(x, [0.75, 2.0])


def test_integers_keep_their_type():
    x = cd.array([1, 2, 3])
    y = x[1, ...]
    y += 5
    y[...] = y * 2
    np.testing.assert_array_equal(x, [1, 14, 3])
    with pytest.raises(TypeError):
        y += 0.5


def test_read_only():
    x = cd.array([1.0, 2.0])
    before = x[0, ...]
    x.flags.writeable = False
    after = x[1, ...]
    assert before.flags.writeable and not after.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        after *= 2.0


def test_of_a_leaf():
    w = cd.array([1.0, 2.0], requires_grad=True)
    y = w[0, ...]
    (y * y).backward()
    np.testing.assert_array_equal(w.grad, [2.0, 0.0])
    with pytest.raises(RuntimeError, match="requires_grad"):
        y *= 2.0
    with cd.no_grad():
        y -= 0.5
    np.testing.assert_array_equal(w, [0.5, 2.0])
    (y * y).backward()
    np.testing.assert_array_equal(w.grad, [3.0, 0.0])


def test_elements_by_integers_are_numbers():
    x = cd.array([1.0, 2.0])
    y = x[0]
    y *= 3.0
    assert x[0] == 1.0 and y == 3.0
    with pytest.raises(TypeError, match="scalar"):
        y[()] = 1.0


def test_parts_of_a_complex_number_are_no_views_of_an_array():
    z = cd.array(np.complex64(1.0 + 2.0j))
    assert z.real.reshape(1).shape == (1,) and z.imag[None].shape == (1,) and z.real.T == 1.0
