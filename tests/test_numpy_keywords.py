"""The keywords of NumPy at their edges: each call gives what NumPy gives, or the error that NumPy
gives, and says which function it was.

Values, shapes and dtypes are compared with NumPy's, derivatives (both modes, compiled and mapped)
with differences of NumPy's values. It must not know how a derivative is made.
"""

from itertools import product

import numpy as np
import pytest
import scipy.sparse as ss

import cdiff as cd
import cdiff.numpy as cnp

rng = np.random.default_rng(5)
M, V, S = rng.uniform(0.2, 0.9, (3, 4)), rng.uniform(0.2, 0.9, 4), np.array(0.6)
Z, SIGNED = M + 0.3j * M[::-1, ::-1], M - 0.5
MASK = M > 0.5
SINGLE = M.astype(np.float32)

# A call by its arguments, and what is differentiated.
SAME = [
    (lambda x: np.linspace(x, 2 * x, 3, axis=-2), (V,)),
    (lambda x: np.logspace(x, 2 * x, 3, base=V, axis=np.int64(1)), (V,)),
    (lambda x: np.geomspace(x, 2 * x, 3, axis=-1), (M,)),
    (lambda x: np.cross(x[:, :3], M[:, 1:], axisc=0), (M,)),
    (lambda x: np.pad(x[0], (1, 2), "edge"), (V,)),
    (lambda x: np.pad(x[:0], [(0, 0), (1, 1)], "maximum"), (M,)),
    (lambda x: np.pad(x[:0], 0, "linear_ramp"), (V,)),
    (lambda x: np.hypot.reduce(x, axis=()), (SIGNED,)),
    (lambda x: np.hypot.reduce(x[:1]), (SIGNED,)),
    (lambda x: np.hypot.reduce(x[:1], initial=None), (SIGNED,)),
    (lambda x: np.hypot.reduceat(x, [0, 2], axis=0), (SIGNED,)),
    (lambda x, i: np.sum(x, 0, initial=i), (M, S)),
    (lambda x, i: np.subtract.reduce(x, 1, initial=i), (M, S)),
    (lambda x: np.logaddexp.reduce(x, initial=None), (M,)),
    (lambda x: np.sum(x, 1, where=MASK.tolist()), (M,)),
    (lambda x: np.std(x, 1, mean=None), (M,)),
    (lambda x: np.real(np.var(x, dtype=complex)), (M,)),
    (lambda x: np.linalg.vector_norm(x, ord=None), (M,)),
    (lambda x: np.linalg.matrix_norm(x, ord=None), (M,)),
    (lambda x: np.ravel(x, order="f"), (M,)),
    (lambda x: np.reshape(x, (4, 3), order=None), (M,)),
    (lambda x, r: np.clip(x, 0.3, r), (M, 0.5 + M)),
    (lambda x: np.choose([0, 1, 1, 0], [x, x[::-1]], mode="wrap"), (V,)),
    (lambda x: np.vander(x, np.int64(3)), (V,)),
    (lambda x: np.polyfit([2.0], x[:1], 0), (V,)),
    (lambda x: np.interp(x, [0.0, 0.5, 1.0], [1, 4, 2j], left=1j).real, (V,)),
    (lambda x: np.nan_to_num(x * np.array([1, np.nan, np.inf, 1]), posinf=S), (V,)),
    (lambda x: np.add(x, x, order="F", casting="no", subok=False), (M,)),
    (lambda x: ss.csr_array(np.eye(4)) - x, (V,)),
    (lambda x: x + ss.csr_array(np.eye(3, 4)), (M,)),
]
# A call that NumPy refuses, the error, and what it says.
REFUSED = [
    (lambda m, x: m.linspace(x, x, 3, axis=2), ValueError, "linspace"),
    (lambda m, x: m.logspace(x, x, 3, axis=-3), ValueError, "linspace|logspace"),
    (lambda m, x: m.geomspace(x, x, 3, axis=5), ValueError, "geomspace"),
    (lambda m, x: m.cross(x[:3], x[1:], axisc=1), ValueError, "cross"),
    (lambda m, x: m.cumsum(x, 0.0), TypeError, "float"),
    (lambda m, x: m.add.accumulate(x, axis=0.0), TypeError, "float"),
    (lambda m, x: m.sum(x, initial=[1.0, 2.0]), (TypeError, ValueError), "sum.*one number"),
    (lambda m, x: m.sum(x, initial=1j), TypeError, "sum.*complex128"),
    (lambda m, x: m.divide.reduce(x, initial=[1.0, 2.0]), (TypeError, ValueError), "divide.*one"),
    (lambda m, x: m.sum(x, where=np.ones(4)), TypeError, "where.*booleans.*float64"),
    (lambda m, x: m.mean(x, where=np.ones(4, int)), TypeError, "where.*booleans.*int64"),
    (lambda m, x: m.interp(x, [0.0, 1.0], [1.0, 2.0], left=1j), TypeError, "interp"),
    (lambda m, x: m.choose([0, 1, 0, 1], [x, x], mode="bad"), ValueError, "choose.*bad"),
    (lambda m, x: m.vander(x, -1), ValueError, "vander"),
    (lambda m, x: m.polyfit(x[:0], x[:0], 1), TypeError, "polyfit: expected non-empty"),
    (lambda m, x: m.sort(x, kind="bad"), ValueError, "kind.*bad"),
    (lambda m, x: m.argsort(x, kind="bad"), ValueError, "kind.*bad"),
    (lambda m, x: m.tril(x[0]), ValueError, "tril.*at least 1-d"),
    (lambda m, x: m.roll(x, [[1]], 0), ValueError, "roll.*1D"),
    (lambda m, x: m.roots(x.reshape(2, 2)), ValueError, r"roots.*rank-1.*\(2, 2\)"),
    (lambda m, x: m.vander(x, 1.5), TypeError, "float"),
    (lambda m, x: np.exp(x, casting="bad"), ValueError, "exp.*bad"),
    (lambda m, x: m.matmul(x, x, casting="bad"), ValueError, "matmul.*bad"),
    (lambda m, x: m.pad(x[:0], 1, "mean"), ValueError, "pad: can't extend empty axis 0"),
    (lambda m, x: np.exp(cd.array([1, 2]), dtype=int), TypeError, "exp"),
    (lambda m, x: np.add(cd.array([1]), 1.5, dtype=int), TypeError, "add.*float64 to int64"),
    (lambda m, x: np.add(1, x, casting="equiv"), TypeError, "add.*equiv"),
    (lambda m, x: np.hypot(x.astype("f4"), 1.5, casting="equiv"), TypeError, "hypot.*equiv"),
    (lambda m, x: np.add(x, x, order="bad"), ValueError, "add.*bad"),
    (lambda m, x: m.add.accumulate(x[0]), TypeError, "add.accumulate"),
    (lambda m, x: x.copy("bad"), ValueError, "copy.*bad"),
    (lambda m, x: x.astype(float, order="bad"), ValueError, "astype.*bad"),
    (lambda m, x: m.reshape(x, (2, 2), order="K"), ValueError, "reshape.*K"),
    (lambda m, x: m.ravel(x, order=1), TypeError, "ravel.*int"),
    (lambda m, x: m.matmul(x, x, dtype=int), TypeError, "matmul.*float64 to int64"),
    (lambda m, x: m.nan_to_num(x * m.array(np.nan), nan=1j), TypeError, "nan_to_num.*complex"),
    (lambda m, x: m.polyval(2.0, x), TypeError, "polyval"),
    (lambda m, x: m.trapezoid(x, 2.0), ValueError, "trapezoid"),
    (lambda m, x: x + ss.csr_array(np.eye(4)) * 0 + 0 * (m.sum(x) + ss.csr_array(np.eye(4))),
     NotImplementedError, "toarray"),
]  # fmt: skip


def arrays(results):
    return results if isinstance(results, tuple) else (results,)


def loss_of(call):
    """A sum of all elements with weights of their own."""

    def loss(*args):
        total = 0.0
        for y in arrays(call(*args)):
            total = total + np.sum(y * np.cos(np.arange(np.size(y))).reshape(np.shape(y)))
        return total

    return loss


def slope(f, args, moves):
    """The derivative along a direction, by extrapolated differences."""

    def at(step):
        return float(f(*[x + step * t for x, t in zip(args, moves, strict=True)]))

    wide, near = [(at(h) - at(-h)) / (2 * h) for h in (4e-4, 2e-4)]
    return (4 * near - wide) / 3


def check_same(got, want):
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    rough = want.dtype in (np.float32, np.complex64)
    np.testing.assert_allclose(got, want, rtol=1e-5 if rough else 1e-12, atol=1e-13)


@pytest.mark.parametrize(("call", "args"), SAME)
def test_as_numpys(call, args):
    check_same(call(*map(cd.array, args)), call(*args))
    loss, places = loss_of(call), tuple(range(len(args)))
    moves = [np.cos(1.7 * np.arange(x.size) + 1).reshape(x.shape) for x in args]
    want = slope(loss, args, moves)
    stacked = [np.stack([x, x]) for x in args]
    found = [
        cd.grad(loss, argnums=places)(*args),
        cd.compile(cd.grad(loss, argnums=places))(*args),
        [g[1] for g in cd.vmap(cd.grad(loss, argnums=places))(*stacked)],
    ]
    for gradients in found:
        total = sum([np.sum(g * t) for g, t in zip(gradients, moves, strict=True)])
        np.testing.assert_allclose(total, want, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(cd.jvp(loss, args, moves)[1], want, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(("call", "error", "text"), REFUSED)
def test_refused_as_by_numpy(call, error, text):
    with pytest.raises((TypeError, ValueError, IndexError, AttributeError, NotImplementedError)):
        call(np, V)
    for x in (cd.array(V), cd.array(V, requires_grad=True)):
        with pytest.raises(error, match=text):
            call(cnp, x)


# --- every keyword with every value, where NumPy and this library must agree ----------------------

VALUES = {
    "axis": [0, -1, 2, (0,), (0, 1), (), (0, 0), np.int64(1), 1.0, None],
    "keepdims": [True, False, 1],
    "dtype": [float, np.float32, complex, np.complex64, int, bool],
    "initial": [0.5, 3, True, np.float64(2), np.float32(2), np.array([1.0, 2.0]), 2j],
    "where": [True, False, MASK, MASK[0], MASK.astype(int), M, np.ones((5, 7), bool)],
    "ddof": [0, 1, 0.5, -1, np.int64(1), "s"],
    "correction": [0, 1, 0.5, "s"],
}
REDUCTIONS = {
    "sum": "axis dtype keepdims initial where", "prod": "axis dtype keepdims initial where",
    "max": "axis keepdims", "min": "axis keepdims", "mean": "axis dtype keepdims where",
    "var": "axis dtype keepdims where ddof correction", "ptp": "axis keepdims",
    "std": "axis dtype keepdims where ddof correction", "median": "axis keepdims",
    "average": "axis keepdims", "nansum": "axis dtype keepdims initial where",
    "nanmean": "axis keepdims where", "nanmax": "axis keepdims", "cumsum": "axis dtype",
    "cumprod": "axis dtype", "all": "axis keepdims where", "argmax": "axis keepdims",
    "count_nonzero": "axis keepdims", "add.reduce": "axis dtype keepdims initial where",
    "multiply.reduce": "axis dtype keepdims initial where", "add.accumulate": "axis dtype",
    "maximum.reduce": "axis keepdims", "fmax.reduce": "axis keepdims", "hypot.reduce": "axis",
}  # fmt: skip


def differs_on_purpose(name, x, options):
    """What has no order or no real value here, and axes of numbers, which few functions take."""
    if name == "add.accumulate" and type(options.get("axis")) is tuple:
        return True
    if x is Z:
        no_order = name in ("max", "min", "ptp", "median") or "max" in name
        return no_order or np.dtype(options.get("dtype", complex)).kind != "c"
    return not x.ndim and "axis" in options and name in ("mean", "var", "std", "nanmean")


def reduced(name, x, options):
    function = np
    for part in name.split("."):
        function = getattr(function, part)
    try:
        return function(x, **options)
    except (TypeError, ValueError, IndexError) as error:
        return error


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REDUCTIONS)
def test_every_keyword_of_a_reduction(name):
    keywords = REDUCTIONS[name].split()
    for (k, key), x in product(enumerate(keywords), (M, SINGLE, Z, np.array(0.5))):
        for value, other in product(VALUES[key], [None, *keywords[:k]]):
            options = {key: value} if other is None else {key: value, other: VALUES[other][0]}
            if differs_on_purpose(name, x, options):
                continue
            want = reduced(name, x, options)
            found = reduced(name, cd.array(x, requires_grad=True) * 1, options)
            message = f"{name} {x.dtype} {x.shape} {options}: {want!r}, {found!r}"
            assert isinstance(want, Exception) == isinstance(found, Exception), message
            if isinstance(want, Exception):
                assert isinstance(found, (TypeError, ValueError)), message
                continue
            plain = np.asarray(cd._core.value(found))
            assert np.shape(plain) == np.shape(want), message
            assert plain.dtype == np.asarray(want).dtype, message
            rough = 1e-5 if plain.dtype in (np.float32, np.complex64) else 1e-12
            np.testing.assert_allclose(plain, want, rtol=rough, atol=rough, err_msg=message)


# --- what was silently another number -------------------------------------------------------------


def test_infinite_parts_of_complex_numbers():
    ends = np.array([np.inf, np.nan, 2.0])
    for part in ("real", "imag"):
        want = np.array([1 + 1j, 2 + 0.5j, 3j])
        found = cd.array(want.copy())
        setattr(want, part, ends)
        setattr(found, part, ends)
        np.testing.assert_array_equal(found.numpy(), want)
    z = np.array([complex(np.inf, 1), complex(1, -np.inf), complex(np.nan, 2)])
    for options in ({}, {"posinf": np.inf, "neginf": -np.inf}, {"nan": 3.0}):
        found = np.nan_to_num(cd.array(z), **options)
        np.testing.assert_array_equal(found.numpy(), np.nan_to_num(z, **options))
    for x in (np.array([np.inf, 0.5]), np.array([-np.inf, 2.0])):
        for name in ("arccos", "arcsin"):
            f = getattr(np.emath, name)
            np.testing.assert_allclose(f(cd.array(x)).numpy(), f(x), rtol=1e-14)


@pytest.mark.parametrize("name", ["mean", "var", "std"])
def test_moments_of_dtype_object_do_not_lose_the_derivative(name):
    with pytest.raises(TypeError, match=f"{name}.*object"):
        cd.grad(lambda x: getattr(np, name)(x, dtype=object))(V)


@pytest.mark.parametrize(
    "f",
    [lambda z: z / 2, lambda z: z - np.mean(z), lambda z: z.sum() / 3.0, lambda z: (2 * z) / 2 + z],
)
def test_compiled_derivatives_of_single_complex_numbers(f):
    def loss(z):
        y = f(z)
        return np.sum(np.square(np.real(y)) + np.sin(np.imag(y)))

    z = Z.astype(np.complex64)
    want = cd.grad(loss)(z)
    for derivative in (cd.compile(cd.grad(loss)), lambda z: cd.vmap(cd.grad(loss))(z[None])[0]):
        found = derivative(z)
        assert found.dtype == np.complex64
        np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(cd.compile(cd.grad(lambda z: np.var(z)))(z),
                               cd.grad(np.var)(z), rtol=1e-5)  # fmt: skip


def test_a_bound_of_clip_is_rounded_no_more_than_numpys():
    found = np.clip(cd.array(SINGLE), 0.3, np.float64(0.8))
    check_same(found, np.clip(SINGLE, 0.3, np.float64(0.8)))


@pytest.mark.parametrize("name", ["arccos", "arcsin", "arctanh"])
def test_the_ends_of_a_domain_are_no_complex_numbers(name):
    x = np.array([1.0, -1.0])
    with np.errstate(divide="ignore"):
        check_same(getattr(cnp.emath, name)(cd.array(x)), getattr(np.emath, name)(x))


@pytest.mark.parametrize("q", [0.5, np.float64(0.5), np.array(0.5), [0.5], np.float32(0.5), 1])
@pytest.mark.parametrize("method", ["linear", "nearest", "weibull"])
def test_the_dtype_of_a_quantile(q, method):
    want = np.quantile(SINGLE, q, method=method)
    check_same(cnp.quantile(cd.array(SINGLE), q, method=method), want)


def test_the_sign_of_a_singular_matrix_keeps_its_dtype():
    singular = np.ones((2, 2), np.complex64)
    check_same(cnp.linalg.slogdet(cd.array(singular)).sign, np.linalg.slogdet(singular).sign)


def test_from_a_function_of_integers():
    f = lambda i, j: i // 2 + j
    check_same(cnp.fromfunction(f, (3, 2), dtype=int), np.fromfunction(f, (3, 2), dtype=int))


def test_two_samples_at_one_place_have_no_slope():
    at_the_end = cd.grad(lambda x: cnp.interp(x, [0.0, 1.0, 1.0], [0.0, 1.0, 3.0]))
    assert [at_the_end(x) for x in (0.5, 1.0, 2.0)] == [1.0, 0.0, 0.0]


def test_replacements_take_the_dtype_of_the_array():
    x = np.array([1, np.nan], np.float32)
    assert np.nan_to_num(cd.array(x), nan=np.array(2.0)).dtype == np.float32
    assert np.sum(cd.array(x), initial=np.float64(1)).dtype == np.float32


def test_conditions_count_as_in_python():
    for condition in (None, "", "a", 0.5, np.nan, [1, 0, 2, 0]):
        found = cnp.where(condition, cd.array(V), 0.0)
        np.testing.assert_array_equal(found.numpy(), np.where(condition, V, 0.0))


def test_positions_into_a_given_array():
    out = cd.array(np.zeros(3))
    assert np.argmax(cd.array(M), 1, out=out) is out
    np.testing.assert_array_equal(out.numpy(), np.argmax(M, 1))
    with pytest.raises(ValueError, match=r"argmax.*\(3,\).*\(4,\)"):
        np.argmax(cd.array(M), 0, out=out)


def test_setflags():
    x = cd.array(V)
    x.setflags(write=False)
    assert not x.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        x[0] = 1.0
    x.setflags(write=True)
    x[0] = 1.0
    with pytest.raises(ValueError, match="setflags"):
        x.setflags(uic=True)
