"""Forms of calls in which results were once not NumPy's: values, shapes, dtypes, memory, errors.

Each is compared with NumPy's own answer for plain arrays, at every layout that matters.
"""

from itertools import product

import numpy as np
import pytest
from numpy_cases import since

import cdiff as cd
import cdiff.numpy as cnp

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
LINE = np.arange(1.0, 7.0)
SINGLE = np.array([[0.5, -1.25, 2.0], [1.5, 0.25, -0.75]], np.float32)


def plain(x):
    return x.numpy() if isinstance(x, cd.Array) else np.asarray(x)


# --- memory: what is changed through a result, and what a result shows ----------------------------

PARTS = {
    "as it is": lambda x: x,
    "reversed": lambda x: x[::-1],
    "every other": lambda x: x[::2],
    "matrix": lambda x: x.reshape(2, 3),
    "transposed": lambda x: x.reshape(2, 3).T,
    "columns": lambda x: x.reshape(2, 3)[:, ::2],
    "last first": lambda x: x.reshape(2, 3)[:, ::-1],
    "one": lambda x: x[:1].reshape(1, 1),
}
MADE = {
    "ravel": lambda m, x: m.ravel(x),
    "ravel F": lambda m, x: m.ravel(x, order="F"),
    "flatten": lambda m, x: x.flatten(),
    "reshape": lambda m, x: m.reshape(x, -1),
    "reshape copy": lambda m, x: m.reshape(x, -1, copy=True),
    "method copy": lambda m, x: x.reshape((-1,), copy=True),
    "method copy of lengths": lambda m, x: x.reshape(-1, 1, copy=True),
    "method no copy": lambda m, x: x.reshape(-1, copy=False),
    "reshape no copy": lambda m, x: m.reshape(x, -1, copy=False),
    "astype": lambda m, x: m.astype(x, float, copy=False),
    "astype copy": lambda m, x: m.astype(x, float),
    "block": lambda m, x: m.block(x),
    "subtract.reduce": lambda m, x: m.subtract.reduce(x, axis=0, keepdims=True),
    "fmax.reduce": lambda m, x: m.fmax.reduce(x, axis=0, keepdims=True),
    "rollaxis": lambda m, x: m.rollaxis(x, -1, -1),
    "diff": lambda m, x: m.diff(x, n=0),
    "concatenate": lambda m, x: m.concatenate([x]),
    "atleast_3d": lambda m, x: m.atleast_3d(x),
}


def changed(m, start, part, made, through):
    """The array and the result of a function of a part of it, one changed after the call."""
    whole = start.copy() if m is np else cd.array(start)
    result = made(m, part(whole))
    if through:
        result[...] = 100.0 + np.arange(result.size).reshape(result.shape)
    else:
        whole[...] = whole + 50.0
    return plain(whole), plain(result)


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_results_share_memory_as_in_numpy(part, made):
    for through in (True, False):
        try:
            want = changed(np, LINE, part, made, through)
        except TypeError:  # NumPy 2.0 has no copy=
            continue
        except ValueError:
            with pytest.raises(ValueError, match="copy"):
                changed(cnp, LINE, part, made, through)
            continue
        for got, expected in zip(changed(cnp, LINE, part, made, through), want, strict=True):
            np.testing.assert_array_equal(got, expected)


# --- values, shapes and dtypes --------------------------------------------------------------------

CALLS = {
    **{f"rollaxis {i} {j}": (lambda m, x, i=i, j=j: m.rollaxis(x, i, j), np.ones((2, 3, 4)))
       for i, j in product((-2, 0, 2), range(-3, 4))},
    **{f"norm {order} {shape}": (lambda m, x, k=order: m.linalg.vector_norm(x, ord=k, axis=0),
                                 np.zeros(shape))
       for order, shape in product((-2, -1, -0.5, 0.5, 1, 2, 3, 0), ((0,), (0, 2)))},
    "percentile of float64": (lambda m, x: m.percentile(x, np.float64(30.0)), SINGLE),
    "percentile of float": (lambda m, x: m.percentile(x, 30.0, axis=1), SINGLE),
    "percentile of float32": (lambda m, x: m.percentile(x, np.float32(30.0)), SINGLE),
    "percentile of integers": (lambda m, x: m.percentile(x, [30, 40]), SINGLE),
    "nanpercentile of float64": (lambda m, x: m.nanpercentile(x, np.float64(30.0)), SINGLE),
    "quantile of integers": (lambda m, x: m.quantile(x, [0, 1]), SINGLE),
    "quantile of float64": (lambda m, x: m.quantile(x, np.float64(0.3)), SINGLE),
    "nanquantile of nothing": (lambda m, x: m.nanquantile(x, [0.1, 0.9], axis=0), SINGLE[:0]),
    "nanmedian of nothing": (lambda m, x: m.nanmedian(x, axis=1, keepdims=True), SINGLE[:, :0]),
    "intersection of dtypes": (lambda m, x: m.intersect1d(x, [0.5, 2.0]), SINGLE),
    "nanmean of a number": (lambda m, x: m.nanmean(x, axis=0), np.array(2.0)),
    "accumulate the axis": (lambda m, x: m.hypot.accumulate(x, axis=None), LINE),
    "accumulate axes": (lambda m, x: m.add.accumulate(x, axis=(-1,)), LINE),
    "rfft2 of one axis": (lambda m, x: m.fft.rfft2(x, axes=(0, 0)), LINE),
    "rfftn of one axis": (lambda m, x: m.fft.rfftn(x, axes=(1, 0, 1)), np.ones((3, 5))),
    "stack by a rule": (lambda m, x: m.stack([x, x], casting="no"), SINGLE),
}  # fmt: skip
since(CALLS, {"percentile of float64": (2, 4), "nanpercentile of float64": (2, 4)})


@pytest.mark.parametrize(("f", "x"), CALLS.values(), ids=CALLS)
def test_results_are_numpys(f, x):
    want, got = f(np, x), f(cnp, cd.array(x))
    assert plain(got).shape == np.shape(want)
    assert plain(got).dtype == want.dtype
    np.testing.assert_allclose(plain(got), want, rtol=2e-6)


def test_the_largest_of_no_elements_is_zero():
    """As since NumPy 2.3."""
    x = cd.array(np.zeros((0, 2)))
    np.testing.assert_array_equal(cnp.linalg.norm(x, np.inf, axis=0).numpy(), [0.0, 0.0])


@pytest.mark.parametrize("name", ["nansum", "nanprod"])
def test_integers_of_what_holds_nan(name):
    x = np.array([[1.0, np.nan], [2.0, 3.0]])
    found = getattr(cnp, name)(cd.array(x), axis=1, dtype=int)
    np.testing.assert_array_equal(found.numpy(), getattr(np, name)(x, axis=1, dtype=int))
    assert found.dtype == int


# --- errors ---------------------------------------------------------------------------------------

WRONG = {
    "vecdot of other lengths": (lambda m, x: m.vecdot(x, x[:1]), LINE),
    "vecdot of numbers": (lambda m, x: m.vecdot(x, x[0]), LINE),
    "vecdot of no vectors": (lambda m, x: m.linalg.vecdot(x, x[:1]), LINE),
    "rollaxis too far": (lambda m, x: m.rollaxis(x, 0, 3), SINGLE),
    "rollaxis too far back": (lambda m, x: m.rollaxis(x, 0, -3), SINGLE),
    "stack by no rule": (lambda m, x: m.stack([x, x], casting="bad"), LINE),
    "concatenate by no rule": (lambda m, x: m.concatenate([x, x], casting="bad"), LINE),
    "concatenate other dtypes": (lambda m, x: m.concatenate([x, x * 1j], casting="no"), LINE),
    "sort by two rules": (lambda m, x: m.sort(x, kind="stable", stable=True), LINE),
    "nanmean as integers": (lambda m, x: m.nanmean(x, dtype=int), LINE),
    "nanstd as integers": (lambda m, x: m.nanstd(x, dtype=int), LINE),
    "hypot of complex": (lambda m, x: m.hypot.reduce(x + 1j), LINE[:1]),
    "logaddexp of complex": (lambda m, x: m.logaddexp.reduce(x + 1j), LINE),
    "accumulate both": (lambda m, x: m.hypot.accumulate(x, axis=None), SINGLE),
    "reshape with a copy": (lambda m, x: m.reshape(x.T, -1, copy=False), SINGLE),
    "ix_ of a matrix": (lambda m, x: m.ix_(x), SINGLE),
}
since(WRONG, {"reshape with a copy": (2, 1)})


@pytest.mark.parametrize(("f", "x"), WRONG.values(), ids=WRONG)
def test_errors_are_numpys(f, x):
    with pytest.raises((ValueError, TypeError)) as numpys:
        f(np, x)
    with pytest.raises((ValueError, TypeError)) as ours:
        f(cnp, cd.array(x))
    assert issubclass(numpys.type, ours.type) or issubclass(ours.type, numpys.type)
