"""Results of functions of float32 and complex64 arrays have the dtypes of NumPy's and SciPy's own.

Every call of the tables of tests, on plain arrays of single precision and on the same as `Array`s.
It must not know any function.
"""

from __future__ import annotations

import warnings
from importlib import import_module

import numpy as np
import pytest
from numpy_cases import CONSTANTS, OPERANDS, PIECEWISE, PLAIN, SMOOTH

import cdiff as cd
import cdiff.numpy as cnp

FILES = ("linalg", "fft", "arrays", "interpolate", "ndimage", "more")
# SciPy computes these ones of real numbers by complex ones of single precision.
WIDER = ("hankel1", "hankel1e", "hankel2", "hankel2e")


def single(x):
    return np.asarray(x).astype(np.complex64 if np.iscomplexobj(x) else np.float32)


def tracked(x):
    return cd.array(x, requires_grad=True) if x.dtype.kind in "fc" else cd.array(x)


def dtypes_of(result):
    if isinstance(result, (tuple, list)):
        return [dtypes_of(x) for x in result]
    return np.asarray(cd.array(result).numpy() if type(result) is cd.Array else result).dtype


def same_dtypes(ours, theirs):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            want = theirs()
        except Exception:
            return  # SciPy itself does not take these in single precision
        assert dtypes_of(ours()) == dtypes_of(want)


GROUPS = {**SMOOTH, "piecewise": PIECEWISE, "plain": PLAIN}


@pytest.mark.parametrize("group", GROUPS)
def test_of_numpy(group):
    plain = {name: single(x) for name, x in OPERANDS.items()}
    arrays = {name: tracked(x) for name, x in plain.items()}
    for case in GROUPS[group]:
        same_dtypes(
            lambda c=case: eval(c, {"m": cnp, "np": np, **CONSTANTS, **arrays}),
            lambda c=case: eval(c, {"m": np, "np": np, **CONSTANTS, **plain}),
        )


@pytest.mark.parametrize("file", FILES)
def test_of_scipy(file):
    for name, (f, args) in import_module(f"test_scipy_{file}").CASES.items():
        if name in WIDER or any(np.asarray(x).dtype.kind not in "fc" for x in args):
            continue
        plain = [single(x) for x in args]
        same_dtypes(lambda f=f, a=plain: f(*map(tracked, a)), lambda f=f, a=plain: f(*a))


# What NumPy computes in float64 from float32 values, because the result goes into float64.
INTO_DOUBLE = {
    "sum": lambda x, out: np.sum(x, axis=0, out=out),
    "prod": lambda x, out: np.prod(x, axis=0, out=out),
    "mean": lambda x, out: x.mean(axis=0, out=out),
    "cumsum": lambda x, out: np.cumsum(x[:3, 0], out=out),
    "cumprod": lambda x, out: np.cumprod(x[:3, 0], out=out),
    "add.at": lambda x, out: np.add.at(out, [0, 0, 1, 1, 2], x[:, 0]),
    "subtract.at": lambda x, out: np.subtract.at(out, [0, 0, 1, 1, 2], x[:, 0]),
}


@pytest.mark.parametrize("name", INTO_DOUBLE)
def test_sums_into_double_precision_keep_its_digits(name):
    x = np.random.default_rng(5).standard_normal((5, 3)).astype(np.float32)
    want, got = np.zeros(3), cd.array(np.zeros(3))
    INTO_DOUBLE[name](x, want)
    INTO_DOUBLE[name](cd.array(x), got)
    np.testing.assert_allclose(got, want, rtol=1e-14)
