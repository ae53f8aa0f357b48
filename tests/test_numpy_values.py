"""cdiff.numpy gives NumPy's values, shapes and dtypes, for every function and form of call."""

import copy
import inspect
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy_cases import (
    NUMPY,
    OPERANDS,
    PIECEWISE,
    PLAIN,
    SMOOTH,
    names_in,
    operands_as,
    run,
)  # fmt: skip
from numpy_plain_cases import CREATION, UFUNC_CALLS, UFUNC_METHODS

import cdiff as cd
import cdiff.numpy as cnp

FLOATING = [case for group in SMOOTH.values() for case in group] + PIECEWISE

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


MAKERS = tuple(
    f"m.{name}("
    for name in ("zeros", "ones", "full", "full_like", "arange", "array", "asarray", "linspace",
                 "logspace", "geomspace")
)


REDUCTIONS = ["sum", "prod", "mean", "var", "std", "max", "min", "ptp"]


def leaf(x):
    return cd.array(x, requires_grad=True)


def constant(x):
    return cd.array(x)


def check(got, want, exact=False):
    """Same shape, dtype and (nearly the) same values; an Array unless plain is meant."""
    want = np.asarray(want)
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    tolerance = 1e-5 if want.dtype == np.float32 else 1e-12
    got = got.numpy() if isinstance(got, cd.Array) else got
    if exact:
        np.testing.assert_array_equal(got, want)
    else:
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", FLOATING)
def test_array_in_array_out(case):
    want = run(case, np)
    for convert in (constant, leaf):
        got = run(case, cnp, **operands_as(convert, case))
        assert isinstance(got, cd.Array), convert
        check(got, want)


@pytest.mark.parametrize("case", FLOATING + PLAIN + UFUNC_METHODS + UFUNC_CALLS)
def test_plain_numpy_functions_on_arrays(case):
    if case.startswith(MAKERS):
        pytest.skip("NumPy does not dispatch functions that make arrays")
    if "m.array" in case or "m.ones(" in case:
        case = case.replace("m.ones", "np.ones")
    want = run(case, np, np=np)
    got = run(case, np, np=np, **operands_as(leaf, case))
    if case in PLAIN:
        assert not isinstance(got, cd.Array)
        np.testing.assert_array_equal(got, want)
    else:
        assert isinstance(got, cd.Array)
        check(got, want)


@pytest.mark.parametrize("case", FLOATING + PLAIN)
def test_plain_operands_stay_plain(case):
    """NumPy itself answers, so the results are identical."""
    if case.startswith(MAKERS) or "m.ones" in case:
        pytest.skip("makes an Array")
    want = run(case, np)
    got = run(case, cnp)
    assert not isinstance(got, cd.Array)
    assert type(got) is type(want)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("case", PLAIN)
def test_results_without_derivative_are_plain(case):
    want = run(case, np)
    got = run(case, cnp, **operands_as(leaf, case))
    assert not isinstance(got, cd.Array)
    np.testing.assert_array_equal(got, want)
    assert np.asarray(got).dtype == np.asarray(want).dtype


@pytest.mark.parametrize("case", FLOATING)
def test_float32_stays_float32(case):
    single = {name: OPERANDS[name].astype(np.float32) for name in names_in(case, OPERANDS)}
    want = run(case, np, **single)
    got = run(case, cnp, **{name: leaf(x) for name, x in single.items()})
    assert got.shape == np.shape(want)
    assert got.dtype == np.asarray(want).dtype
    np.testing.assert_allclose(got.numpy(), want, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("case", CREATION)
def test_creation(case):
    got = run(case, cnp)
    assert isinstance(got, cd.Array) and not cd.is_tracked(got)
    check(got, run(case, np), exact=True)


def test_every_public_name_exists_and_is_documented():
    assert len(set(cnp.__all__)) == len(cnp.__all__)
    for name in cnp.__all__:
        thing = getattr(cnp, name)
        if inspect.isroutine(thing):
            assert thing.__doc__, name


def signature_of(function):
    try:
        return inspect.signature(function).parameters if callable(function) else {}
    except ValueError:
        return {}


# Arguments that exist for NumPy's own bookkeeping, or that came or went after NumPy 2.0.
OPTIONAL = {"like", "device", "subok", "casting", "order", "dtype", "axes", "axis", "signature",
            "kwargs", "ndmax", "copy", "correction", "mean", "stable", "where",
            "newshape", "interpolation"}  # fmt: skip

RETIRED = {("corrcoef", "bias"), ("corrcoef", "ddof")}  # of NumPy before 2.4, without effect


@pytest.mark.parametrize("module", ["numpy", "numpy.linalg"])
def test_signatures_are_numpys(module):
    """Every parameter of NumPy's is here, in the same place, with the same default."""
    theirs_all = np.linalg if module.endswith("linalg") else np
    ours_all = cnp.linalg if module.endswith("linalg") else cnp
    for name in ours_all.__all__:
        original = getattr(theirs_all, name, None)
        ours, theirs = signature_of(getattr(ours_all, name)), signature_of(original)
        if not inspect.isroutine(original) or isinstance(original, np.ufunc) or not theirs:
            continue
        if not ours:
            continue  # compiled: no signature to look at
        if any(p.kind is p.VAR_POSITIONAL for p in [*ours.values(), *theirs.values()]):
            continue
        for place, (key, parameter) in enumerate(theirs.items()):
            if (name, key) in RETIRED:
                continue
            if key not in ours and (key in OPTIONAL or parameter.kind is parameter.POSITIONAL_ONLY):
                continue
            if key in OPTIONAL and parameter.kind is parameter.KEYWORD_ONLY:
                continue
            assert key in ours, f"{name} has no {key}"
            if parameter.kind is not parameter.KEYWORD_ONLY and key not in OPTIONAL:
                assert list(ours).index(key) == place, f"{name}: place of {key}"
            # NumPy's text signatures print these differently from what they mean.
            if parameter.default is not parameter.empty and name not in ("where", "arange"):
                assert ours[key].default == parameter.default, f"{name}: default of {key}"


# ---------------------------------------------------------------- shapes and axes at random


def axes_for(draw, ndim):
    choice = draw(st.integers(0, 2))
    if choice == 0 or ndim == 0:
        return None
    if choice == 1:
        return draw(st.integers(-ndim, ndim - 1))
    return tuple(draw(st.permutations(range(ndim)))[: draw(st.integers(1, ndim))])


@st.composite
def arrays_and_axes(draw, min_side=1):
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=min_side, max_side=4))
    values = draw(hnp.arrays(np.float64, shape, elements=st.integers(-8, 8).map(lambda k: k / 4)))
    if shape and draw(st.booleans()):
        values = values[(slice(None, None, -1),)]
    return values, axes_for(draw, len(shape))


@settings(max_examples=60, deadline=None)
@given(arrays_and_axes(), st.booleans(), st.sampled_from(REDUCTIONS))
def test_reductions_at_random(drawn, keepdims, name):
    values, axis = drawn
    want = getattr(np, name)(values, axis=axis, keepdims=keepdims)
    check(getattr(cnp, name)(leaf(values), axis=axis, keepdims=keepdims), want)
    check(getattr(np, name)(constant(values), axis=axis, keepdims=keepdims), want)


@settings(max_examples=60, deadline=None)
@given(arrays_and_axes(min_side=0), st.booleans())
def test_empty_arrays_at_random(drawn, keepdims):
    values, axis = drawn
    for name in ("sum", "prod", "mean", "max", "min", "std"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                want = getattr(np, name)(values, axis=axis, keepdims=keepdims)
            except ValueError:
                with pytest.raises(ValueError, match=r"zero-size|identity"):
                    getattr(cnp, name)(leaf(values), axis=axis, keepdims=keepdims)
            else:
                check(getattr(cnp, name)(leaf(values), axis=axis, keepdims=keepdims), want)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_rearrangements_at_random(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4))
    values = np.arange(float(np.prod(shape))).reshape(shape)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    other = data.draw(st.integers(-len(shape), len(shape) - 1))
    shift = data.draw(st.integers(-9, 9))
    count = data.draw(st.integers(0, 3))
    for f in (
        lambda m, x: m.moveaxis(x, axis, other),
        lambda m, x: m.swapaxes(x, axis, other),
        lambda m, x: m.rollaxis(x, axis, other),
        lambda m, x: m.roll(x, shift, axis),
        lambda m, x: m.roll(x, shift),
        lambda m, x: m.flip(x, axis),
        lambda m, x: m.repeat(x, count, axis),
        lambda m, x: m.tile(x, (count, 2)),
        lambda m, x: m.expand_dims(x, axis),
        lambda m, x: m.stack([x, x], axis),
        lambda m, x: m.concatenate([x, x, x], axis),
        lambda m, x: m.array_split(x, 3, axis)[1],
        lambda m, x: m.diff(x, count, axis),
        lambda m, x: m.sort(x, axis),
        lambda m, x: m.cumsum(x, axis),
        lambda m, x: m.cumprod(x, axis),
    ):
        check(f(cnp, leaf(values)), f(np, values))


@st.composite
def einsum_calls(draw):
    sizes = {label: draw(st.integers(1, 3)) for label in "abcd"}
    terms = draw(st.lists(st.text("abcd", max_size=3), min_size=1, max_size=3))
    spec = ",".join(terms)
    if draw(st.booleans()):
        labels = sorted(set("".join(terms)))
        spec += "->" + "".join(draw(st.permutations(labels))[: draw(st.integers(0, len(labels)))])
    return spec, [np.arange(1.0, 1 + np.prod([sizes[c] for c in t])).reshape([sizes[c] for c in t])
                  for t in terms]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(einsum_calls())
def test_einsum_at_random(call):
    spec, arrays = call
    check(cnp.einsum(spec, *[leaf(a) for a in arrays]), np.einsum(spec, *arrays))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_products_at_random(data):
    side = st.integers(0, 3)
    inner = data.draw(side)
    lead_a, lead_b = data.draw(st.lists(side, max_size=2)), data.draw(st.lists(side, max_size=2))
    a = np.arange(1.0, 1 + np.prod([*lead_a, inner])).reshape([*lead_a, inner])
    b_shape = [*lead_b[:-1], inner, *lead_b[-1:]]
    b = np.arange(1.0, 1 + np.prod(b_shape)).reshape(b_shape)
    check(cnp.dot(leaf(a), b), np.dot(a, b))
    check(cnp.tensordot(a, leaf(b), ([-1], [len(lead_b[:-1])])),
          np.tensordot(a, b, ([-1], [len(lead_b[:-1])])))  # fmt: skip
    check(cnp.outer(leaf(a), b), np.outer(a, b))
    check(cnp.kron(leaf(a), b), np.kron(a, b))


# ---------------------------------------------------------------- integers and booleans


@pytest.mark.parametrize("data", [[3, 1, 2], [[1, 2], [3, 4]], [True, False, True]])
@pytest.mark.parametrize(
    "call",
    [
        "m.sum(x)", "m.prod(x)", "m.max(x)", "m.min(x, 0)", "m.mean(x)", "m.var(x)", "m.std(x)",
        "m.cumsum(x)", "m.sort(x)", "m.reshape(x, -1)", "m.concatenate([x, x])", "m.take(x, [0])",
        "m.stack([x, x])", "m.argsort(x)", "m.median(x)", "m.flip(x)", "m.dot(x, x)",
        "x.sum()", "x.mean()", "m.sum(x, dtype=float)", "m.where(x > 1, x, 0.5)", "m.cumprod(x)",
        "m.sum(x, 0, keepdims=True)", "m.repeat(x, 2)", "m.outer(x, x)", "m.average(x)",
        "m.where(x > 1, x, 0)", "m.where(x > 1, 1, x)", "m.where(x > 1, x, x[::-1])", "m.tril(x)",
        "m.select([x > 1], [x])", "m.piecewise(x, [x > 1], [1, 0])", "m.nan_to_num(x)", "m.conj(x)",
        "m.sum(x, dtype=m.int8)", "m.prod(x + 2, dtype=m.int8)", "m.max(x, initial=2.5)",
        "m.sum(x, initial=0.5)", "m.sum(x, 0, m.uint8, keepdims=True, where=x > 1)",
        "m.cumsum(x, dtype=m.int16)", "m.cumprod(x, 0, m.uint8)", "m.min(x, initial=0)",
        *["m.cumulative_sum(x.reshape(-1), dtype=m.int8, include_initial=True)"]
        * (NUMPY >= (2, 1)),
        "m.modf(x.astype(m.int16))[0]", "m.ldexp(x.astype(m.int8 if x.ndim else int), 2)",
        "m.float_power(x, 2)", "m.linalg.norm(x.reshape(-1), 1)", "m.linalg.norm(x, m.inf, axis=0)",
    ],
)  # fmt: skip
def test_integers_and_booleans(call, data):
    x = np.array(data)
    want = eval(call, {"m": np, "x": x})
    check(eval(call, {"m": cnp, "x": cd.array(x)}), want)


SHORT = {name: np.array([1, 2, 0, 3]).astype(name) for name in
         ("bool", "int8", "int64", "uint8", "float32", "float64", "complex64")}  # fmt: skip


@pytest.mark.parametrize("first", SHORT)
@pytest.mark.parametrize(
    "call",
    [
        "m.vecdot(a, b)", "m.convolve(a, b)", "m.convolve(a[:2], b, 'same')", "m.polymul(a, b)",
        "m.correlate(a, b)", "m.correlate(a, b, 'full')", "m.vander(a, 3)", "m.vander(b)",
        "m.vander(b, 0)", "m.piecewise(a, [a > 1], [lambda t: t * 1.5, lambda t: t + 1])",
        "m.piecewise(a, [a > 1, a < 1], [2.5, lambda t: t])", "m.average(m.real(a), weights=b)",
        "m.diff(a, 2)", "m.histogram([0, 1, 1, 2], 3, weights=a)[0]",
    ],
)  # fmt: skip
def test_dtypes_of_mixed_operands(call, first):
    for second, b in SHORT.items():
        a, tolerance = SHORT[first], 1e-6 if "32" in first + second else 1e-12
        want = eval(call, {"m": np, "a": a, "b": b})
        got = eval(call, {"m": cnp, "a": cd.array(a), "b": cd.array(b)})
        assert (got.dtype, got.shape) == (want.dtype, want.shape)
        np.testing.assert_allclose(np.asarray(got), want, rtol=tolerance, atol=tolerance)


def test_piecewise_of_integers_loses_no_derivative():
    whole = cd.array([1, 2, 3])
    for part in (lambda t, x: t * x, lambda t, x: x):

        def f(x, part=part):
            return np.sum(np.piecewise(whole, [whole > 1], [lambda t: part(t, x), 0]))

        with pytest.raises(TypeError, match=r"piecewise: .*int64.*x\.astype\(float\)"):
            cd.grad(f)(2.5)


# What NumPy 2.0 has not, and what later versions give for 1.5.
LATER = {
    "m.cumulative_sum(x)": [1.5],
    "m.cumulative_prod(x, include_initial=True)": [1.0, 1.5],
}


@pytest.mark.parametrize(
    "call",
    [
        "m.take(x, [0, 0], axis=0)", "m.take(x, 0, axis=-1)", "m.take(x, [0])",
        "m.take(x, [3], 0, mode='clip')", "m.repeat(x, 3, axis=0)", "m.repeat(x, [2], -1)",
        "m.compress([True], x, axis=0)", *LATER,
        *(["m.trim_zeros(x)"] if NUMPY >= (2, 2) else []),  # before, no numbers
    ],
)  # fmt: skip
def test_numbers_have_an_axis_where_numpy_gives_them_one(call):
    want = np.array(LATER.get(call) or eval(call, {"m": np, "x": np.array(1.5)}))
    value = eval(f"lambda x: {call}", {"m": cnp})
    check(value(leaf(1.5)), want)

    def f(x):
        return cnp.sum(cnp.square(value(x)))

    cd.testing.check_grads(f, (1.5,), order=2, modes=("fwd", "rev"))
    mapped = cd.vmap(cd.grad(f))(np.array([1.5, -0.5]))
    np.testing.assert_allclose(mapped, [cd.grad(f)(1.5), cd.grad(f)(-0.5)])
    assert cd.compile(cd.grad(f))(0.5) == cd.grad(f)(0.5)


@pytest.mark.parametrize("name", sorted(n for n in dir(np) if isinstance(getattr(np, n), np.ufunc)))
def test_functions_have_what_their_ufuncs_have(name):
    """So that code with `np.add.reduce` runs after `import cdiff.numpy as np`."""
    ours, theirs = getattr(cnp, name), getattr(np, name)
    assert len(ours.__doc__) > 10
    if inspect.isbuiltin(ours):
        assert pickle.loads(pickle.dumps(ours)) is ours is copy.deepcopy(ours)
        if theirs.nin == 1:  # CPython calls its own type of functions by a shortcut
            return
    for attribute in ("nin", "nout", "nargs", "ntypes", "types", "identity", "signature"):
        if name != "fabs":  # which is absolute
            assert getattr(ours, attribute) == getattr(theirs, attribute)
    for method in ("reduce", "accumulate", "reduceat", "outer", "at"):
        assert callable(getattr(ours, method))


def test_methods_of_ufuncs_are_differentiated_by_this_name():
    def f(x):
        cnp.subtract.at(x, [0, 0], cnp.square(x[1:3]))
        return cnp.sum(cnp.multiply.outer(x, x)[0] * cnp.maximum.accumulate(x))

    cd.testing.check_grads(f, (np.array([1.0, 0.5, 3.0]),), order=2, modes=("fwd", "rev"))


def test_plain_out_takes_what_has_no_derivative():
    x, out = np.arange(4.0).reshape(2, 2), np.zeros((2, 2))
    assert np.dot(cd.array(x), x, out=out) is out
    np.testing.assert_array_equal(out, x @ x)
    with pytest.raises(TypeError, match="dot: out=ndarray cannot hold a derivative"):
        cd.grad(lambda x: np.dot(x, x, out=out).sum())(x)
    with pytest.raises(TypeError, match="dot: out=ndarray cannot hold a derivative"):
        cd.compile(lambda x: np.dot(x, x, out=out).sum())(x)
    np.testing.assert_array_equal(out, x @ x)


def test_a_mask_chosen_by_values_as_an_open_mesh():
    @cd.compile
    def f(x):
        return cnp.sum(x[np.ix_(cnp.greater(x[:, 0], 0.0), [0, 2])] ** 2)

    for x in (np.array([[1.0, 2, 3], [-1, 4, 5]]), np.array([[1.0, 2, 3], [2, 4, 5]])):
        assert f(x) == np.sum(x[np.ix_(x[:, 0] > 0, [0, 2])] ** 2)
        expected = np.where(x[:, :1] > 0, 2 * x * [1, 0, 1], 0)
        np.testing.assert_array_equal(cd.grad(f)(x), expected)


@pytest.mark.parametrize(
    "call",
    [
        "m.arange(n, 6)", "m.arange(n)", "m.arange(n, 0, -2)", "m.arange(0.5, n)",
        "m.linspace(0.8, s, 2, dtype=m.int8)", "m.linspace(-s, s, 5, dtype=int)",
        "m.linalg.multi_dot([b, b])", "m.linalg.slogdet(z)[0]", "m.linalg.slogdet(z)[1]",
        "m.linalg.lstsq(b[0], z[0] + 1j)[1]", "m.bincount(m.zeros(0, int), b[:0, 0, 0])",
        "m.logaddexp(b, s)[0]", "m.vectorize(lambda x: 2 * x, otypes='f')(b)",
        "m.vectorize(lambda x: 2 * x, otypes='d')(b[:0])",
    ],
)  # fmt: skip
def test_results_of_arrays_without_a_derivative(call):
    given = {"n": np.array(3), "s": np.array(-0.75), "b": np.arange(8.0).reshape(2, 2, 2)}
    given["z"] = given["b"] * np.array([0.0, 1j]).reshape(2, 1, 1)
    want = np.asarray(eval(call, {"m": np, **given}))
    arrays = {name: cd.array(x) for name, x in given.items()}
    got = np.asarray(eval(call, {"m": cnp, **arrays}))
    if "bincount" not in call:  # NumPy leaves the type of no weights at all to the platform
        assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-13)


# ---------------------------------------------------------------- arrays that are assigned into


def test_created_arrays_can_be_assigned_into():
    x = cd.array([1.0, 2.0], requires_grad=True)
    y = cnp.zeros(3)
    y[1:] = x * x
    y[0] = x[1]
    cnp.sum(y * cnp.arange(3.0)).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, 8.0])


def test_full_of_a_tracked_value_can_be_assigned_into():
    x = cd.array(2.0, requires_grad=True)
    y = cnp.full(3, x)
    y[0] = 5.0
    np.testing.assert_array_equal(y.numpy(), [5.0, 2.0, 2.0])
    cnp.sum(y).backward()
    assert x.grad.item() == 2.0


def test_sort_and_fill_methods_work_in_place():
    x = cd.array([3.0, 1.0, 2.0])
    y = x * 1.0
    assert y.sort() is None
    np.testing.assert_array_equal(y.numpy(), [1.0, 2.0, 3.0])
    y.fill(7.0)
    np.testing.assert_array_equal(y.numpy(), [7.0, 7.0, 7.0])
    np.testing.assert_array_equal(x.numpy(), [3.0, 1.0, 2.0])


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std", "max", "min", "cumsum"])
def test_out(name):
    x = cd.array([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
    out = cnp.zeros(2)
    result = getattr(cnp, name)(x, 0, out=out) if name != "cumsum" else None
    if name == "cumsum":
        out = cnp.zeros((2, 2))
        result = cnp.cumsum(x, 0, out=out)
    assert result is out
    check(out, getattr(np, name)(x.numpy(), 0))
    with pytest.raises(TypeError, match=rf"{name}: out=ndarray cannot hold a derivative"):
        getattr(cnp, name)(x, 0, out=np.zeros(2))
    with pytest.raises(ValueError, match=f"{name}: out has shape"):
        getattr(cnp, name)(x, 0, out=cnp.zeros((5, 1)))


# ---------------------------------------------------------------- functions NumPy does not have


def test_logsumexp_and_softmax():
    special = pytest.importorskip("scipy.special")
    x = OPERANDS["a"]
    for axis in (None, 0, -1, (0, 2)):
        for keepdims in (False, True):
            want = special.logsumexp(x, axis=axis, keepdims=keepdims)
            check(cnp.logsumexp(leaf(x), axis=axis, keepdims=keepdims), want)
            weights = np.arange(24.0).reshape(x.shape)
            want = special.logsumexp(x, axis=axis, keepdims=keepdims, b=weights)
            check(cnp.logsumexp(leaf(x), axis=axis, keepdims=keepdims, b=weights), want)
        check(cnp.softmax(leaf(x), axis=axis), special.softmax(x, axis=axis))
        check(cnp.log_softmax(leaf(x), axis=axis), special.log_softmax(x, axis=axis))
    assert isinstance(cnp.softmax(x), np.ndarray)
    assert isinstance(cnp.log_softmax(x), np.ndarray)
    assert type(cnp.logsumexp([1.0, 2.0])) is float
    np.testing.assert_allclose(cnp.softmax([1000.0, 1000.0]), 0.5, rtol=1e-12)
    np.testing.assert_allclose(cnp.log_softmax([-1e3, 1e3]), [-2e3, 0.0])
    assert cnp.logsumexp(np.array([-np.inf, -np.inf])) == -np.inf
