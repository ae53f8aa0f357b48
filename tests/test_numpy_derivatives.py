"""Derivatives of cdiff.numpy: every function in both modes to order two, and the awkward points."""

import numpy as np
import pytest
from numpy_cases import OPERANDS, SMOOTH, called, names_in
from numpy_plain_cases import UFUNC_CALLS, UFUNC_METHODS

import cdiff as cd
import cdiff.numpy as cnp
from cdiff.testing import check_grads

CASES = [case for group in SMOOTH.values() for case in group]

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

X = np.array([0.5, -1.25, 2.0, 0.25])
M = OPERANDS["q"]


@pytest.mark.parametrize("case", CASES + UFUNC_METHODS + UFUNC_CALLS)
def test_numerically_to_order_three(case):
    names = names_in(case, OPERANDS)
    f = called(case, names, np if case in UFUNC_METHODS + UFUNC_CALLS else cnp)
    # squares, so that linear functions have more than one derivative too
    check_grads(lambda *args: f(*args) ** 2 + f(*args), [OPERANDS[k] for k in names], order=3)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
def test_exponentials_numerically(name, axis):
    check_grads(lambda x: getattr(cnp, name)(x, axis=axis), (OPERANDS["a"],), order=3)
    check_grads(lambda x, b: cnp.logsumexp(x, axis, b=b * b), (OPERANDS["a"], OPERANDS["b"]))


def gradient(f, x):
    """Reverse gradient, after checking that forward mode and an outer level agree with it."""
    x = np.asarray(x, dtype=float)
    reverse = cd.grad(f)(x)
    columns = [cd.jvp(f, (x,), (e.reshape(x.shape),))[1] for e in np.eye(x.size)]
    np.testing.assert_allclose(np.reshape(columns, x.shape), reverse, rtol=1e-9, atol=1e-9)
    nested = cd.jvp(cd.grad(f), (x,), (np.zeros_like(x),))[0]
    np.testing.assert_allclose(nested, reverse, rtol=1e-9, atol=1e-9)
    return reverse


# ---------------------------------------------------------------- closed forms


@pytest.mark.parametrize("n", [1, 5])
def test_moments_in_closed_form(n):
    x = np.linspace(-1.0, 2.0, n + 1)
    size, centre = n + 1, x - x.mean()
    np.testing.assert_allclose(gradient(cnp.sum, x), np.ones(size))
    np.testing.assert_allclose(gradient(cnp.mean, x), np.full(size, 1 / size))
    np.testing.assert_allclose(gradient(cnp.var, x), 2 * centre / size)
    np.testing.assert_allclose(gradient(cnp.std, x), centre / size / x.std())
    np.testing.assert_allclose(gradient(lambda x: cnp.var(x, ddof=1), x), 2 * centre / (size - 1))


def test_products_in_closed_form():
    a, b = OPERANDS["c"], OPERANDS["d"]
    w = OPERANDS["q"][:3, :3]
    got = cd.grad(lambda a, b: cnp.sum(w * cnp.dot(a, b)), argnums=(0, 1))(a, b)
    np.testing.assert_allclose(got[0], w @ b.T)
    np.testing.assert_allclose(got[1], a.T @ w)
    got = cd.grad(lambda a, b: cnp.einsum("ij,ij,jk->", w, a @ b, w), argnums=0)(a, b)
    np.testing.assert_allclose(got, (w * w.sum(1)) @ b.T)


def test_logsumexp_and_softmax_in_closed_form():
    p = np.exp(X) / np.exp(X).sum()
    np.testing.assert_allclose(gradient(cnp.logsumexp, X), p)
    np.testing.assert_allclose(cd.jacobian(cnp.softmax)(X), np.diag(p) - np.outer(p, p))
    np.testing.assert_allclose(cd.jacobian(cnp.log_softmax)(X), np.eye(4) - p)
    np.testing.assert_allclose(cd.hessian(cnp.logsumexp)(X), np.diag(p) - np.outer(p, p))


def test_linear_algebra_in_closed_form():
    p = OPERANDS["p"]
    inverse = np.linalg.inv(p)
    np.testing.assert_allclose(gradient(cnp.linalg.det, p), np.linalg.det(p) * inverse.T)
    np.testing.assert_allclose(gradient(lambda p: cnp.linalg.slogdet(p)[1], p), inverse.T)
    np.testing.assert_allclose(gradient(lambda p: cnp.trace(cnp.linalg.inv(p)), p),
                               -(inverse @ inverse).T)  # fmt: skip
    b = OPERANDS["u"][:4]
    x = np.linalg.solve(p, b)
    np.testing.assert_allclose(gradient(lambda b: cnp.sum(cnp.linalg.solve(p, b)), b),
                               inverse.T @ np.ones(4))  # fmt: skip
    np.testing.assert_allclose(gradient(lambda p: cnp.sum(cnp.linalg.solve(p, b)), p),
                               -np.outer(inverse.T @ np.ones(4), x))  # fmt: skip


# ---------------------------------------------------------------- ties


@pytest.mark.parametrize("name", ["max", "min"])
def test_ties_of_extremes_share_evenly(name):
    f = getattr(cnp, name)
    sign = 1.0 if name == "max" else -1.0
    x = sign * np.array([3.0, 1.0, 3.0, 3.0])
    np.testing.assert_allclose(gradient(f, x), [1 / 3, 0, 1 / 3, 1 / 3])
    np.testing.assert_allclose(gradient(f, np.full(5, 2.0)), np.full(5, 0.2))
    square = sign * np.array([[1.0, 1.0], [0.0, 1.0]])
    np.testing.assert_allclose(gradient(lambda x: cnp.sum(f(x, 1)), square), [[0.5, 0.5], [0, 1]])
    np.testing.assert_allclose(gradient(lambda x: cnp.sum(f(x, axis=0, keepdims=True)), square),
                               [[1, 0.5], [0, 0.5]])  # fmt: skip


def test_other_ties():
    np.testing.assert_allclose(gradient(cnp.ptp, [1.0, 3.0, 3.0, 1.0]), [-0.5, 0.5, 0.5, -0.5])
    np.testing.assert_allclose(gradient(lambda x: cnp.sum(cnp.clip(x, -1, 1)), [-2.0, -1, 0, 1, 2]),
                               [0, 0.5, 1, 0.5, 0])  # fmt: skip
    weights = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(gradient(lambda x: weights @ cnp.sort(x), [2.0, 1.0, 2.0]),
                               [2.0, 1.0, 3.0])  # fmt: skip
    norm = lambda x: cnp.linalg.norm(x, np.inf)
    np.testing.assert_allclose(gradient(norm, [1.0, -1.0, 0.5]), [0.5, -0.5, 0])


def test_median():
    np.testing.assert_allclose(gradient(cnp.median, [3.0, 1.0, 2.0]), [0, 0, 1])
    np.testing.assert_allclose(gradient(cnp.median, [3.0, 1.0, 2.0, 9.0]), [0.5, 0, 0.5, 0])


# ---------------------------------------------------------------- zeros


@pytest.mark.parametrize(
    ("x", "first"),
    [
        ([2.0, 0.0, 3.0], [0, 6, 0]),
        ([0.0, 0.0, 3.0], [0, 0, 0]),
        ([2.0, 5.0, 3.0], [15, 6, 10]),
        ([0.0], [1]),
    ],
)
def test_prod_with_zeros(x, first):
    np.testing.assert_allclose(gradient(cnp.prod, x), first)
    n = len(x)
    second = [[0.0 if i == j else np.prod([x[k] for k in range(n) if k not in (i, j)])
               for j in range(n)] for i in range(n)]  # fmt: skip
    np.testing.assert_allclose(cd.hessian(cnp.prod)(np.array(x)), second)


def test_cumprod_with_zeros():
    jacobian = cd.jacobian(cnp.cumprod)(np.array([2.0, 0.0, 3.0, 0.0]))
    np.testing.assert_allclose(jacobian, [[1, 0, 0, 0], [0, 2, 0, 0], [0, 6, 0, 0], [0] * 4])


@pytest.mark.parametrize("order", [None, 2, 1, 3, 2.5, 0.5, np.inf, -np.inf, 0])
def test_norm_at_zero(order):
    np.testing.assert_array_equal(gradient(lambda x: cnp.linalg.norm(x, order), np.zeros(3)), 0)


@pytest.mark.parametrize("order", ["fro", 1, np.inf])
def test_matrix_norm_at_zero(order):
    f = lambda x: cnp.linalg.norm(x, order)
    np.testing.assert_array_equal(gradient(f, np.zeros((2, 3))), 0)


def test_norm_of_rows_of_which_one_is_zero():
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    for order in (None, 2, 3.0):
        got = gradient(lambda x, order=order: cnp.sum(cnp.linalg.norm(x, order, axis=1)), x)
        assert np.isfinite(got).all()
        np.testing.assert_array_equal(got[1], 0)


def test_std_of_constant():
    np.testing.assert_array_equal(gradient(cnp.std, [2.0, 2.0, 2.0]), 0)
    x = np.array([[1.0, 1.0], [1.0, 3.0]])
    got = gradient(lambda x: cnp.sum(cnp.std(x, axis=1)), x)
    np.testing.assert_allclose(got, [[0, 0], [-0.5, 0.5]])


def test_where_does_not_leak_the_other_branch():
    f = lambda x: cnp.sum(cnp.where(x > 0, cnp.sqrt(x), 0.0))
    np.testing.assert_allclose(gradient(f, [4.0, 0.0, 1.0]), [0.25, 0, 0.5])
    f = lambda x: cnp.sum(cnp.select([x > 0], [cnp.log(x)], 0.0))
    np.testing.assert_allclose(gradient(f, [4.0, 0.0, 1.0]), [0.25, 0, 1.0])


# ---------------------------------------------------------------- determinants


def adjugate(x):
    n = len(x)
    cofactors = [[(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(x, i, 0), j, 1))
                  for j in range(n)] for i in range(n)]  # fmt: skip
    return np.array(cofactors)


def rank_deficient(n, rank):
    rng = np.random.default_rng(n * 10 + rank)
    return rng.standard_normal((n, rank)) @ rng.standard_normal((rank, n))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("lost", [0, 1, 2, 3])
def test_det_of_singular_matrices(n, lost):
    x = rank_deficient(n, max(n - lost, 0))
    scale = max(1.0, np.abs(x).max()) ** n
    got = gradient(cnp.linalg.det, x)
    np.testing.assert_allclose(got, adjugate(x), atol=1e-10 * scale)


@pytest.mark.parametrize("lost", [0, 1, 2, 4, 5])
def test_second_and_third_derivatives_of_singular_det(lost):
    """Along a direction t the determinant is a polynomial: its coefficients by interpolation."""
    n = 5
    x = rank_deficient(n, n - lost)
    t = np.random.default_rng(5).standard_normal((n, n))
    places = np.cos(np.pi * (np.arange(n + 1) + 0.5) / (n + 1))
    values = [np.linalg.det(x + s * t) for s in places]
    coefficients = np.linalg.solve(np.vander(places, increasing=True), values)
    f = lambda s: cnp.linalg.det(x + s * t)
    factorial = 1.0
    for order in range(1, 4):
        f = cd.grad(f)
        factorial *= order
        np.testing.assert_allclose(f(0.0), factorial * coefficients[order], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9, 1e-12])
def test_det_of_nearly_singular_matrices(gap):
    u, _, vt = np.linalg.svd(M)
    x = u @ np.diag([2.0, 1.0, 0.5, gap]) @ vt
    np.testing.assert_allclose(gradient(cnp.linalg.det, x), adjugate(x), rtol=1e-9, atol=1e-9)
    slope = cd.grad(cnp.linalg.det)
    numerical = (slope(x + 1e-4 * M) - slope(x - 1e-4 * M)) / 2e-4
    np.testing.assert_allclose(cd.jvp(slope, (x,), (M,))[1], numerical, rtol=1e-6, atol=1e-6)


def test_det_of_a_stack_with_singular_members():
    x = np.stack([M, rank_deficient(4, 3), np.zeros((4, 4)), np.eye(4)])
    got = cd.grad(lambda x: cnp.sum(cnp.linalg.det(x)))(x)
    np.testing.assert_allclose(got, [adjugate(m) for m in x], atol=1e-12)
    assert cnp.linalg.det(cd.array(x)).shape == (4,)


def test_det_keeps_its_value_exactly():
    x = np.diag([1.0, 2.0, 4.0, 8.0])[None]  # of a single one it may be more exact than NumPy's
    assert cd.value_and_grad(lambda x: cnp.linalg.det(x)[0])(x)[0] == np.linalg.det(x)[0]


# ---------------------------------------------------------------- nothing at all


@pytest.mark.parametrize(
    "f",
    [
        cnp.sum,
        cnp.prod,
        lambda x: cnp.sum(cnp.cumsum(x)),
        lambda x: cnp.sum(cnp.cumprod(x, 0)),
        lambda x: cnp.sum(cnp.sort(x, 0)),
        lambda x: cnp.sum(cnp.concatenate([x, x], 1)),
        lambda x: cnp.sum(cnp.dot(x.T, x)),
        lambda x: cnp.einsum("ij,ij", x, x),
        lambda x: cnp.sum(cnp.repeat(x, 2, 0)),
        lambda x: cnp.sum(cnp.std(x, axis=1)),
        lambda x: cnp.linalg.norm(x),
        lambda x: cnp.sum(cnp.take(x, [0, 1], 1)),
    ],
)
def test_empty_arrays(f):
    assert cd.grad(f)(np.zeros((0, 3))).shape == (0, 3)


def test_zero_dimensional_operands():
    assert cd.grad(cnp.sum)(2.0) == 1.0
    assert cd.grad(cnp.max)(2.0) == 1.0
    assert cd.grad(cnp.mean)(2.0) == 1.0
    assert cd.grad(cnp.std)(2.0) == 0.0
    assert cd.grad(cnp.prod)(2.0) == 1.0
    assert cd.grad(cnp.linalg.norm)(-2.0) == -1.0
    assert cd.grad(lambda x: cnp.sum(cnp.outer(x, x)))(3.0) == 6.0


# ---------------------------------------------------------------- the rest


def test_descending_sort():
    x = np.array([2.0, np.nan, 3.0, 2.0, -1.0])
    weights = np.array([1.0, 10.0, 100.0, 1000.0, 10_000.0])
    down = cnp.sort(cd.array(x), descending=True)
    np.testing.assert_array_equal(down.numpy(), [3.0, 2.0, 2.0, -1.0, np.nan])
    slope = gradient(lambda x: weights @ cnp.sort(x, descending=True), x)
    np.testing.assert_array_equal(slope, [10.0, 10_000.0, 1.0, 100.0, 1000.0])
    np.testing.assert_array_equal(cnp.sort(cd.array(x), descending=None).numpy(), np.sort(x))
    for plain in (np.array([3, 0, 7], np.uint8), np.array([-128, 127, 0], np.int8), x > 2.0):
        down = cnp.sort(cd.array(plain), descending=True)
        np.testing.assert_array_equal(np.asarray(down), np.sort(plain)[::-1])
    down = cd.array(x)
    down.sort(descending=True)
    np.testing.assert_array_equal(down, [3.0, 2.0, 2.0, -1.0, np.nan])
    with pytest.raises(ValueError, match="same time"):
        cnp.sort(cd.array(x), kind="stable", descending=True)


def test_the_number_of_axes_that_sequences_make():
    x = np.array([1.0, 2.0])
    slope = cd.jacobian(lambda x: cnp.array([x, x], ndmax=2)[1])(x)
    np.testing.assert_array_equal(slope, np.eye(2))
    np.testing.assert_array_equal(cnp.array(cd.array([x, x]), ndmax=1), [x, x])  # no sequence
    with pytest.raises(ValueError, match="ndmax=1"):
        cnp.array([cd.array(x), x], ndmax=1)


@pytest.mark.parametrize("name", ["round", "rint", "floor", "ceil", "trunc", "fix", "sign"])
def test_rounding_has_derivative_zero(name):
    np.testing.assert_array_equal(gradient(lambda x: cnp.sum(getattr(cnp, name)(x) * 2.0), X), 0)


def test_nan_to_num_drops_the_derivative_of_what_it_replaces():
    f = lambda x: cnp.sum(cnp.nan_to_num(cnp.log(x)))
    np.testing.assert_allclose(gradient(f, [2.0, 0.0]), [0.5, 0.0])


def test_negative_strides_and_views():
    x = np.arange(12.0).reshape(3, 4)[::-1, ::-2]
    w = np.arange(6.0).reshape(3, 2)
    np.testing.assert_allclose(gradient(lambda x: cnp.sum(w * cnp.flip(x, 0)), x), w[::-1])
    np.testing.assert_allclose(gradient(lambda x: cnp.sum(w * x[::-1]), x), w[::-1])


def test_functions_of_several_tracked_operands_at_once():
    def f(x):
        rows = cnp.stack([x, 2 * x, cnp.flip(x)])
        return cnp.sum(cnp.linalg.solve(cnp.outer(x, x) + cnp.eye(4), rows.T) ** 2)

    check_grads(f, (X,), order=3)


def test_numpy_functions_are_differentiated_too():
    f = lambda x: np.sum(np.concatenate([x, np.cumsum(x)]) * np.mean(x)) + np.linalg.norm(x)
    g = lambda x: cnp.sum(cnp.concatenate([x, cnp.cumsum(x)]) * cnp.mean(x)) + cnp.linalg.norm(x)
    np.testing.assert_array_equal(cd.grad(f)(X), cd.grad(g)(X))


def test_functions_without_handler_say_so():
    with pytest.raises(TypeError, match=r"numpy.*min_scalar_type"):
        cd.grad(lambda x: np.sum(x) * np.min_scalar_type(x).itemsize)(X)
