"""`r_`, `c_`, builders of arrays, windows, and methods of `Array` that choose elements."""

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp

V = np.array([0.5, -1.25, 2.0])
M = np.arange(6.0).reshape(2, 3) + 0.5

INDICES = [
    "m.r_[v, 1, v[0]]", "m.r_[1:4, v]", "m.r_[0.0:1.0:4j, v, 2.5]", "m.r_['0,2', v, v]",
    "m.r_['1,2,0', v, v]", "m.r_['0,2,0', v, 1:3]", "m.r_['-1', a, a]", "m.r_[a, a]",
    "m.c_[v, v]", "m.c_[a, a[:, :1]]", "m.c_[v, 1:4]", "m.c_[a, [1, 2]]",
]  # fmt: skip


@pytest.mark.parametrize("case", INDICES)
def test_index_expressions(case):
    want = np.asarray(eval(case, {"m": np, "v": V, "a": M}))
    f = lambda v, a: eval(case, {"m": cnp, "v": v, "a": a})
    got = f(cd.array(V), cd.array(M))
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got.numpy(), want)
    cd.testing.check_grads(lambda v, a: f(v, a) ** 2, (V, M), order=2)


def test_index_expressions_of_plain_numbers_are_numpys():
    np.testing.assert_array_equal(cnp.r_[1:4, 2.5], np.r_[1:4, 2.5])
    assert cnp.r_[cd.array(np.float32([1.0])), 2.0].dtype == np.float32
    assert len(cnp.r_) == 0


def test_the_class_matrix_is_refused():
    with pytest.raises(TypeError, match="class matrix is not differentiated"):
        cnp.r_["r", cd.array(V), 1.0]


def test_tracked_ends_of_a_range():
    f = lambda t: cnp.r_[t : 2 * t : 3j]
    np.testing.assert_allclose(cd.jacobian(f)(2.0), [1.0, 1.5, 2.0])


@pytest.mark.parametrize("window, axis", [(2, 0), ((1, 2), None), ((2, 2), (0, 1)), (3, -1)])
def test_windows(window, axis):
    windows = np.lib.stride_tricks.sliding_window_view
    f = lambda a: windows(a, window, axis)
    np.testing.assert_array_equal(f(cd.array(M)).numpy(), f(M))
    cd.testing.check_grads(lambda a: f(a) ** 2, (M,), order=2)
    with pytest.raises(ValueError, match="cannot be written to"):
        windows(cd.array(M), window, axis, writeable=True)


def test_methods_that_choose():
    a = cd.array(M, requires_grad=True)
    np.testing.assert_array_equal(a.compress([True, False, True], 1).numpy(), M[:, [0, 2]])
    np.testing.assert_array_equal(cd.array([0, 1, 0]).choose([a[0], a[1]]).numpy(), [0.5, 4.5, 2.5])
    b = cd.array(-M)
    b.partition(1)
    np.testing.assert_array_equal(b.numpy(), np.partition(-M, 1))
    cd.testing.check_grads(lambda a: a.compress([False, True], 0) ** 2, (M,), order=2)


def test_errors_of_builders():
    x = cd.array([1.0, np.inf])
    with pytest.raises(ValueError, match="must not contain infs or NaNs"):
        cnp.asarray_chkfinite(x)
    with pytest.raises(ValueError, match="expected 3 but iterator had only 2"):
        cnp.fromiter(iter(x), float, 3)
    with pytest.raises(KeyError):
        cnp.require(x, requirements=["Z"])
    with pytest.raises(ValueError, match="zero-size axis"):
        np.subtract.reduce(cd.array(np.zeros((0, 2))))
    with pytest.raises(IndexError, match="out of range for axis of length 2"):
        np.add.reduceat(x, [5])
    with pytest.raises(TypeError, match="vector of integers"):
        np.add.reduceat(x, [0.5])


def test_a_compiled_root_of_either_kind():
    """Which branch is taken is a decision of the program."""
    f = cd.compile(lambda x: cnp.abs(cnp.emath.sqrt(x)) ** 2)
    for x in (4.0, -4.0, 9.0):
        assert f(np.float64(x)) == pytest.approx(abs(x))
    assert cd.grad(lambda x: cnp.imag(cnp.emath.sqrt(x)))(-4.0) == pytest.approx(-0.25)


@pytest.mark.parametrize("name", ["maximum", "add", "logaddexp", "multiply", "hypot"])
def test_methods_of_ufuncs_take_lists_of_tracked_values(name):
    def f(x):
        rows = [x, np.sin(x), [2.0, x[0], x[1] * x[2]]]
        ufunc = getattr(cnp, name)
        return cnp.stack([ufunc.reduce(rows), ufunc.accumulate((x, x * x))[1],
                          ufunc.reduceat(rows, [0, 2])[0]])  # fmt: skip

    x = np.array([0.4, 1.3, -0.6])
    ufunc = getattr(np, name)
    rows = [x, np.sin(x), [2.0, x[0], x[1] * x[2]]]
    want = np.stack([ufunc.reduce(rows), ufunc.accumulate((x, x * x))[1],
                     ufunc.reduceat(rows, [0, 2])[0]])  # fmt: skip
    np.testing.assert_allclose(f(x), want, rtol=1e-14)
    cd.testing.check_grads(f, (x,), order=2)
