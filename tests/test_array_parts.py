"""`x.flat`, `x.real = v`, `x.view()`, the attributes of memory, and ufuncs that say no.

What is written through them is differentiated; everything is compared with ndarrays.
"""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from test_in_place import same_everywhere

import cdiff as cd
import cdiff.numpy as cnp

X = np.arange(1.0, 7.0)


def shaped(x):
    return x.reshape(2, 3)


# ---------------------------------------------------------------- flat

FLAT_READS = {
    "number": lambda a: a.flat[4],
    "negative": lambda a: a.flat[-1],
    "slice": lambda a: a.flat[1:5:2],
    "list": lambda a: a.flat[[0, 5, 0]],
    "mask": lambda a: a.flat[np.arange(6) % 2 == 0],
    "all": lambda a: a.flat[...],
    "of a transpose": lambda a: a.T.flat[1:4],
    "copy": lambda a: a.flat.copy(),
}


@pytest.mark.parametrize("name", FLAT_READS)
def test_flat_is_read_as_numpys(name):
    read = FLAT_READS[name]
    np.testing.assert_array_equal(np.asarray(read(cd.array(shaped(X)))), read(shaped(X)))
    same_everywhere(
        lambda x: (read(shaped(x)) ** 3).sum(),
        lambda x: (x.reshape(-1)[read(shaped(np.arange(6)))] ** 3).sum(),
    )


FLAT_ARGUMENTS = {
    "sum": lambda a, flat: np.sum(flat(a), (0,)),
    "ufunc": lambda a, flat: np.exp(flat(a.T)),
    "reduce": lambda a, flat: np.multiply.reduce(flat(a)),
    "list": lambda a, flat: np.concatenate([flat(a), flat(a.T)]),
    "dot": lambda a, flat: np.dot(flat(a), flat(a.T)),
    "operator": lambda a, flat: a.ravel() - flat(a.T),
}


@pytest.mark.parametrize("name", FLAT_ARGUMENTS)
def test_flat_is_an_argument_as_numpys(name):
    f = FLAT_ARGUMENTS[name]
    same_everywhere(
        lambda x: (f(shaped(x), lambda a: a.flat) ** 2).sum(),
        lambda x: (f(shaped(x), np.ravel) ** 2).sum(),
    )


def test_flat_is_compared_and_is_not_written_to_as_an_argument():
    x = cd.array(shaped(X))
    np.testing.assert_array_equal(x.T.flat == x.T.ravel(), [True] * 6)
    np.testing.assert_array_equal(x.flat <= X[3], X <= 4.0)
    with pytest.raises(ValueError, match="read-only"):
        np.copyto(x.flat, 1.0)


FLAT_WRITES = {
    "number": lambda a: a.flat.__setitem__(4, 7.5),
    "slice": lambda a: a.flat.__setitem__(slice(1, 4), [7.0, 8.0, 9.0]),
    "repeated": lambda a: a.flat.__setitem__(slice(None), [7.0, 8.0]),
    "list": lambda a: a.flat.__setitem__([5, 0], 7.5),
    "of a transpose": lambda a: a.T.flat.__setitem__(slice(0, 3), [7.0, 8.0, 9.0]),
    "whole": lambda a: setattr(a, "flat", [7.0, 8.0, 9.0, 10.0]),
    "whole number": lambda a: setattr(a, "flat", 12.5),
}


@pytest.mark.parametrize("name", FLAT_WRITES)
def test_flat_is_written_as_numpys(name):
    want, got = shaped(X.copy()), cd.array(shaped(X))
    FLAT_WRITES[name](want)
    FLAT_WRITES[name](got)
    np.testing.assert_array_equal(got.numpy(), want)

    def f(x):
        a = shaped(x)
        FLAT_WRITES[name](a)
        return (x * np.arange(6.0)).sum()

    # A change writes constants, so the elements that it leaves alone have their weight.
    kept = np.where(want.ravel() == X, np.arange(6.0), 0.0)
    np.testing.assert_allclose(cd.grad(f)(X), kept)


def test_values_that_are_put_through_flat_have_their_derivative():
    def f(x):
        shaped(x).flat[2:4] = x[:2] * x[4]
        return (x**3).sum()

    same_everywhere(f, lambda x: (x[[0, 1, 4, 5]] ** 3).sum() + ((x[:2] * x[4]) ** 3).sum())


def test_flat_is_an_iterator():
    flat = cd.array(shaped(X)).flat
    assert (len(flat), flat.index, flat.coords) == (6, 0, (0, 0))
    assert next(flat).item() == 1.0
    assert flat.coords == (0, 1)
    assert [x.item() for x in flat] == [2.0, 3.0, 4.0, 5.0, 6.0]
    with pytest.raises(StopIteration):
        next(flat)
    np.testing.assert_array_equal(np.asarray(flat), X)
    with pytest.raises(TypeError, match="scalar cannot be changed"):
        cd.array(1.0).flat[0] = 2.0


@pytest.mark.parametrize("tracked", [False, True])
def test_a_derivative_that_is_a_number_is_no_array(tracked):
    x = cd.array(0.7, requires_grad=True)
    value = x if tracked else 1.0
    for transformation in (cd.grad, cd.jacobian):
        g = transformation(lambda q: cnp.sum(q * 2.0))(x)
        with pytest.raises(TypeError, match="scalar cannot be changed"):
            g[...] = value
        g += value
        assert g.item() == 2.0 + (0.7 if tracked else 1.0)


# ---------------------------------------------------------------- parts of numbers


def test_real_and_imag_are_assigned_to():
    def f(x):
        z = x + 1j * x[::-1]
        z.real = x * x
        z.imag = 2.0 * x
        w = x * 1.0
        w.real = x**3
        return (z * z).real.sum() + w.sum()

    same_everywhere(f, lambda x: (x**4 - 4.0 * x**2 + x**3).sum())
    z = cd.array([1 + 2j, 3 + 4j])
    z.imag = 0.5
    np.testing.assert_array_equal(z.numpy(), [1 + 0.5j, 3 + 0.5j])
    with pytest.raises(TypeError, match="real: a part of complex numbers is real"):
        z.real = 1j
    with pytest.raises(TypeError, match="does not have imaginary part"):
        cd.array(X).imag = 1.0


# ---------------------------------------------------------------- views and memory


def test_view_is_a_view():
    def f(x):
        y = x.view()
        y *= x[0]
        x.view(np.float64)[1] = 2.0
        return (x**2).sum()

    same_everywhere(f, lambda x: ((x[0] * x[[0, 2, 3, 4, 5]]) ** 2).sum() + 4.0)
    for wrong in ((np.float32,), (int,), (None, np.ndarray)):
        with pytest.raises(TypeError, match=r"view: .* x\.astype\(dtype\)"):
            cd.array(X).view(*wrong)


def test_attributes_of_memory_are_numpys():
    a, x = np.zeros((2, 3)), cd.array(np.zeros((2, 3)))
    assert x.strides == a.strides
    assert x.flags.c_contiguous
    assert not x.flags["F_CONTIGUOUS"]
    assert x.tobytes() == a.tobytes()
    assert pickle.loads(x.dumps()).shape == (2, 3)
    assert not np.isfortran(x)


@pytest.mark.parametrize("name", ["tobytes", "dumps", "tofile", "dump"])
def test_bytes_of_a_tracked_array_would_lose_the_derivative(name, tmp_path):
    arguments = (tmp_path / "file",) if name in ("tofile", "dump") else ()
    leaf = cd.array(X, requires_grad=True)
    with pytest.raises(TypeError, match=rf"{name}\(\) of a tracked array would lose"):
        getattr(leaf, name)(*arguments)
    getattr(leaf.detach(), name)(*arguments)


def test_resize_in_place_says_what_to_write():
    with pytest.raises(TypeError, match=r"resize: an Array of shape \(6,\).*np\.resize"):
        cd.array(X).resize(2, 3)


# ---------------------------------------------------------------- ufuncs that say no

LEAF = cd.array(X, requires_grad=True)
REFUSED = {
    "where without out": (lambda: np.log(LEAF, where=X > 2), TypeError, "where= without out="),
    "plain out": (lambda: np.log(LEAF, out=np.zeros(6), where=X > 2), TypeError, "plain ndarray"),
    "mask of numbers": (lambda: np.log(LEAF, out=cnp.zeros(6), where=X), TypeError, "booleans"),
    "small out": (lambda: np.log(LEAF, out=cnp.zeros(5)), ValueError, r"shape \(6,\)"),
    "mask that does not fit": (
        lambda: np.log(LEAF, out=cnp.zeros(6), where=np.ones(4, bool)), ValueError, "4"),
    "integers asked for": (lambda: np.add(LEAF, 1, dtype=int), TypeError, "add: cannot cast"),
    "float32 safely": (
        lambda: np.add(LEAF, 1, dtype=np.float32, casting="safe"), TypeError, "rule 'safe'"),
    "unknown keyword": (lambda: np.add(LEAF, 1, axis=0), TypeError, "axis"),
    "order matters": (
        lambda: np.subtract.reduce(LEAF.reshape(2, 3), axis=None), ValueError, "order of its"),
    "no identity": (lambda: np.fmax.reduce(LEAF, where=X > 2), ValueError, "pass initial="),
    "empty": (lambda: np.fmax.reduce(LEAF[:0]), ValueError, "pass initial="),
    "axis": (lambda: np.hypot.reduce(LEAF, axis=1), np.exceptions.AxisError, "hypot.reduce"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


def test_reductions_of_nothing_are_identities():
    empty = cd.array(np.zeros((0, 2)))
    for ufunc in (np.add, np.multiply, np.hypot, np.logaddexp, np.logaddexp2):
        got = ufunc.reduce(empty)
        np.testing.assert_array_equal(got.numpy(), ufunc.reduce(np.zeros((0, 2))))
    assert np.hypot.accumulate(empty).shape == (0, 2)


def test_ufuncs_compute_in_the_dtype_that_is_asked_for():
    for call in (
        lambda x: np.exp(x, dtype=np.float32),
        lambda x: np.divide(x, 3.0, dtype=np.float32),
        lambda x: np.hypot.reduce(x, dtype=np.float32),
        lambda x: cnp.exp(x, dtype=np.float32),
    ):
        got, want = call(cd.array(X)), call(X)
        assert got.dtype == want.dtype == np.float32
        np.testing.assert_allclose(got.numpy(), want, rtol=3e-7)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_exponent_one_half_is_a_root(dtype):
    """As in NumPy, whose root of -0.0 is -0.0 and whose root of -inf is NaN."""
    x = np.array([4.0, 2.0, 0.0, -0.0, -1.0, -np.inf, np.inf, np.nan], dtype)
    with np.errstate(invalid="ignore"):
        wanted = x**0.5
        found = [
            (cd.array(x, requires_grad=True) ** 0.5).detach(),
            cnp.power(cd.array(x), 0.5),
            cd.compile(lambda x: x**0.5)(x),
            cd.jvp(lambda x: x**0.5, (x,), (np.ones_like(x),))[0],
        ]
    for y in map(np.asarray, found):
        np.testing.assert_array_equal(y, wanted)
        np.testing.assert_array_equal(np.signbit(y), np.signbit(wanted))
        assert y.dtype == dtype
    slope = cd.elementwise_grad(lambda x: x**0.5)
    np.testing.assert_array_equal(slope(np.array([4.0, 0.25, 0.0])), [0.25, 1.0, np.inf])
    np.testing.assert_array_equal(cd.elementwise_grad(slope)(np.array([4.0])), [-1 / 32])


def test_float_power_computes_in_float64():
    for dtype in (np.float32, np.int32):
        x = np.arange(1, 4, dtype=dtype)
        assert np.float_power(cd.array(x), 2).dtype == np.float_power(x, 2).dtype == np.float64
    gradient = cd.grad(lambda x: np.float_power(x, 3).sum())(np.float32([1.0, 2.0]))
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, [3.0, 12.0])


def test_choices_of_integers_are_integers_in_a_compiled_function():
    places = np.array([2, 0, 1])

    @cd.compile
    def f(x, i):
        return (x[np.where(i > 0, i, 1)] * np.array([1.0, 10.0, 100.0])).sum()

    x = np.array([1.0, 2.0, 3.0])
    for _ in range(2):
        assert f(x, places) == 3.0 + 20.0 + 200.0
        assert f(x, places[::-1].copy()) == 2.0 + 20.0 + 300.0
    np.testing.assert_array_equal(cd.grad(f)(x, places), [0.0, 110.0, 1.0])


def test_choices_and_masked_reductions_are_saved():
    @cd.compile
    def f(x, i):
        lengths = np.hypot.reduce(x.reshape(2, 3), 0, initial=1.0, where=x.reshape(2, 3) > 2.0)
        return lengths.sum() + x[np.where(i > 0, i, 1)].sum()

    places, file = np.array([2, 0, 1]), io.BytesIO()
    want = f(X, places)
    f.save(file)
    file.seek(0)
    loaded = cd.load(file)
    for x in (X, X[::-1].copy(), X - 2.0):
        np.testing.assert_allclose(loaded(x, places), f(x, places), rtol=1e-14)
        np.testing.assert_allclose(cd.grad(loaded)(x, places), cd.grad(f)(x, places), rtol=1e-12)
    assert loaded(X, places) == want


def test_a_median_of_infinities():
    x = np.array([[np.nan, np.inf, -np.inf, np.inf], [1.0, 2.0, 3.0, -np.inf]])
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(np.nanmedian(cd.array(x), 0).numpy(), np.nanmedian(x, 0))


def test_a_mask_that_a_compiled_function_computes():
    def f(x):
        return np.divide(1.0, x, out=np.zeros_like(x), where=x > 0).sum()

    compiled = cd.compile(cd.value_and_grad(f))
    for x in (X - 3.0, 3.0 - X, X):
        (value, gradient), inside = compiled(x), x > 0
        np.testing.assert_allclose(value, (1 / x[inside]).sum())
        np.testing.assert_allclose(gradient, np.where(inside, -1 / np.where(inside, x, 1) ** 2, 0))
    assert compiled.stats()["programs"] == 1
