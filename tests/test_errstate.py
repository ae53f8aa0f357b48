"""`np.errstate` on tracked values: operations raise, call, print and log what NumPy's do.

The oracle is NumPy itself: the same ufunc, on the same plain operands, under the same settings.
"""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp

EDGES = (0.0, -0.0, 1.0, -2.0, 0.3, np.inf, -np.inf, np.nan, 1.5e308, -1.5e308, 2e-308, 5e-324,
         800.0, -800.0)  # fmt: skip
UFUNCS = {
    name: ufunc
    for name, ufunc in vars(np).items()
    if isinstance(ufunc, np.ufunc) and ufunc.__name__ == name and "d->d" in ufunc.types
    and name not in ("degrees", "radians")  # which go by their other names
    or name in ("divide", "power", "multiply", "add", "subtract", "hypot", "logaddexp", "arctan2",
                "logaddexp2", "floor_divide", "remainder", "fmod", "maximum", "fmin", "copysign")
}  # fmt: skip


def complaint(f, *args):
    """What a call says under a setting that makes errors of everything; None for nothing."""
    try:
        with np.errstate(all="raise"):
            f(*args)
    except FloatingPointError as error:
        return str(error)
    return None


def leaf(x, dtype=None):
    return cd.array(x, dtype=dtype, requires_grad=True)


def point(ufunc, numbers):
    """Operands that are not NumPy's own special case of a power by a number."""
    return [np.float64(x) for x in numbers][: ufunc.nin]


@pytest.mark.parametrize("name", UFUNCS)
def test_every_number_raises_what_numpy_raises(name):
    ufunc = UFUNCS[name]
    for numbers in itertools.product(EDGES, repeat=ufunc.nin):
        want = complaint(ufunc, *point(ufunc, numbers))
        if name.startswith("logaddexp") and want:
            continue  # of differences that NumPy takes on its way: the result is what it should be
        assert complaint(ufunc, *map(leaf, numbers)) == want, numbers


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", UFUNCS)
def test_every_array_raises_what_numpy_raises(name, dtype):
    ufunc = UFUNCS[name]
    for numbers in itertools.product(EDGES, repeat=ufunc.nin):
        with np.errstate(all="ignore"):
            operands = [np.array([x, 1.0, 0.5], dtype) for x in numbers]
        want = complaint(ufunc, *operands)
        assert complaint(ufunc, *map(leaf, operands)) == want, numbers


@pytest.mark.parametrize("n", [1, 5, 1000, 100_000])
def test_sizes_and_layouts(n):
    x = np.linspace(-1.0, 1.0, n)
    x[n // 2] = 0.0
    for f in (lambda x: 1.0 / x, np.log, lambda x: x[::2] / x[::2], lambda x: x[:9, None] / x,
              lambda x: np.exp((x - 1.0) * 1e4), lambda x: x / 0.0, lambda x: x / np.float32(0.0),
              lambda x: np.log(x.astype(np.float32))):  # fmt: skip
        assert complaint(f, leaf(x)) == complaint(f, x) is not None


def test_operators_names_and_changes_in_place():
    x = np.array([1.0, 0.0])

    def changed(x):
        y = x * 1.0
        y /= x

    for f in (changed, lambda x: np.divide(x, 0.0, out=x * 1.0),
              lambda x: x**-2.5, lambda x: np.sqrt(x - 1.0), lambda x: 5.0 // x,
              lambda x: np.add(x, 1e308) * 1e10):  # fmt: skip
        assert complaint(f, leaf(x)) == complaint(f, x) is not None
    said = complaint(lambda x: cnp.divide(1.0, x), leaf(x))
    assert said == "divide by zero encountered in divide"
    assert complaint(lambda x: cnp.log(x), leaf(0.0)) == "divide by zero encountered in log"


def test_sums_products_and_matrices():
    x = np.full((3, 4), 1e200)
    for f in (np.prod, lambda x: np.sum(x * 1e108), lambda x: np.prod(x, 1), lambda x: x @ x.T,
              lambda x: np.sum(x * 1e108, (0, 1), keepdims=True), np.cumprod,
              lambda x: np.cumsum(x * 1e108, 1), lambda x: np.cumprod(x / 1e200, 0) * x * x,
              lambda x: x[0] @ x[1]):  # fmt: skip
        assert complaint(f, leaf(x)) == complaint(f, x) is not None
    assert complaint(np.sum, leaf(x)) is complaint(np.max, leaf(x)) is None


def test_complex_numbers():
    z = np.array([1 + 1j, 0])
    for f in (lambda z: 1.0 / z, np.log, lambda z: z * 1e308 * 1e308, lambda z: np.exp(z * 1e4)):
        assert complaint(f, leaf(z)) == complaint(f, z) is not None


@pytest.mark.parametrize(
    "inside",
    [lambda f: cd.grad(f)(0.0), lambda f: cd.jvp(f, (0.0,), (1.0,)), lambda f: cd.hessian(f)(0.0),
     lambda f: cd.grad(lambda x: f(x * np.ones(3)).sum())(0.0)],
)  # fmt: skip
def test_control_flow_by_errors_is_numpys(inside):
    def f(x):
        try:
            with np.errstate(divide="raise"):
                return 1.0 / x
        except FloatingPointError:
            return x * 2.0

    assert np.allclose(np.asarray(inside(f)[1] if isinstance(inside(f), tuple) else inside(f)),
                       np.asarray(inside(lambda x: x * 2.0)[1] if isinstance(inside(f), tuple)
                                  else inside(lambda x: x * 2.0)))  # fmt: skip


def test_one_kind_of_error_and_not_the_others():
    with np.errstate(divide="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.exp(leaf(1000.0)).item() == np.inf
        with pytest.raises(FloatingPointError, match="divide by zero"):
            np.reciprocal(leaf(0.0))
    with np.errstate(all="raise", divide="ignore"):
        assert (1.0 / leaf([0.0])).item() == np.inf


def test_call_log_and_print(capfd):
    seen = []

    class Log:
        def write(self, message):
            seen.append(message)

    with np.errstate(call=lambda kind, flag: seen.append((kind, flag)), divide="call"):
        1.0 / leaf(0.0)
    with np.errstate(call=Log(), invalid="log"):
        np.log(leaf([-1.0, 2.0]))
    with np.errstate(over="print"):
        np.exp(leaf(1e4))
    assert seen == [("divide by zero", 1), "Warning: invalid value encountered in log\n"]
    assert "overflow encountered in exp" in "".join(capfd.readouterr())


def test_settings_of_the_whole_process():
    before = np.seterr(divide="raise")
    try:
        with pytest.raises(FloatingPointError):
            1.0 / leaf(0.0)
    finally:
        np.seterr(**before)
    assert (1.0 / leaf(0.0)).item() == np.inf


def test_nothing_warns_by_default():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (1.0 / leaf(0.0)).item() == np.inf
        assert np.isnan(np.log(leaf([-1.0, 1.0])).numpy()[0])


def test_sweeps_and_tangents_are_silent():
    with np.errstate(all="raise"):
        assert cd.grad(np.sqrt)(0.0) == np.inf
        assert cd.grad(lambda x: np.sqrt(x).sum())(np.zeros(2)).tolist() == [np.inf] * 2
        assert cd.jvp(np.sqrt, (np.zeros(2),), (np.ones(2),))[1].tolist() == [np.inf] * 2
        assert cd.grad(cd.grad(np.sqrt))(0.0) == -np.inf
        cd.jacobian(lambda x: np.sqrt(x))(np.zeros(3))
        x = leaf([0.0, 1.0])
        np.sqrt(x).sum().backward()
        assert x.grad.tolist() == [np.inf, 0.5]


def test_compiled_functions_are_silent_from_the_first_call():
    f = cd.compile(cd.grad(lambda x: np.log(x).sum()))
    with np.errstate(all="raise"):
        for _ in range(2):
            assert f(np.zeros(2)).tolist() == [np.inf] * 2
        assert cd.vmap(lambda x: 1.0 / x)(np.zeros(2)).tolist() == [np.inf] * 2
        assert cd.vmap(cd.grad(np.log))(np.zeros(2)).tolist() == [np.inf] * 2
        assert cd.scan(lambda c, x: (c / x, c), 1.0, np.zeros(2))[0] == np.inf


def test_an_error_leaves_the_operands_as_they_were():
    x = leaf([1.0, 0.0])
    y = x * 2.0
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        1.0 / y
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]
