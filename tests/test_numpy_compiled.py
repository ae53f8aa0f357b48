"""Every function of cdiff.numpy inside a compiled function: the values and derivatives of eager."""

import numpy as np
import pytest
from numpy_cases import OPERANDS, PIECEWISE, SMOOTH, called, names_in
from numpy_plain_cases import UFUNC_CALLS, UFUNC_METHODS

import cdiff as cd
import cdiff.numpy as cnp

CASES = [case for group in SMOOTH.values() for case in group]

pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::cdiff.CompileWarning"),
]


def function_of(case):
    """A scalar function of the operands of a case, and the operands."""
    names = names_in(case, OPERANDS)
    value = called(case, names, np if case in UFUNC_METHODS + UFUNC_CALLS else cnp)

    def f(*args):
        y = value(*args)
        return cnp.sum(y * y) + cnp.sum(y)

    return f, [OPERANDS[k] for k in names]


def close(got, want):
    scale = max(1.0, float(np.max(np.abs(want), initial=0.0)))
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-10 * scale)


@pytest.mark.parametrize("case", CASES + UFUNC_METHODS + UFUNC_CALLS)
def test_derivatives_to_order_two(case):
    f, point = function_of(case)
    places = tuple(range(len(point)))
    # Along the operands themselves, which keeps symmetric matrices symmetric.
    second = lambda *args: cd.jvp(cd.grad(f, argnums=places), args, args)
    compiled = cd.compile(second)
    for scale in (1.0, 1.0, 1.001):
        args = [x * scale for x in point]
        (got, got2), (want, want2) = compiled(*args), second(*args)
        for k in places:
            close(got[k], want[k])
            close(got2[k], want2[k])


@pytest.mark.parametrize("case", PIECEWISE)
def test_values(case):
    names = names_in(case, OPERANDS)
    f = called(case, names, cnp)
    compiled = cd.compile(f)
    point = [OPERANDS[k] for k in names]
    for _ in range(2):
        np.testing.assert_allclose(np.asarray(compiled(*point)), np.asarray(f(*point)), rtol=1e-12)


# Functions that choose elements by values: positions are values of the program, no decisions.
ONCE = [
    "m.sort(v)", "m.sort(a, 0)", "m.median(a, 1)", "m.take(v, m.argsort(u))",
    "m.take_along_axis(c, m.argsort(c, 1), 1)", "v[m.argsort(v)]",
    "m.quantile(a, 0.3, axis=1)", "m.percentile(v, [20.0, 60.0])", "m.nanmedian(c, 0)",
    "m.nanmean(c, 1)", "m.nanstd(c)", "m.partition(v, 2)", "m.unwrap(v * 5)",
    "m.interp(c, v, u, period=2.2)", "m.interp(v, [-2.0, 0.0, 3.0], u[:3])", "m.nan_to_num(c)",
    "m.choose(m.argmax(c, 1), [c[:, k] for k in range(4)])", "m.convolve(v, u)", "m.cov(c)",
    "m.histogram(v, [-9.0, 0.0, 9.0], weights=u)[0]", "m.modf(c)[0]", "m.frexp(c)[0]",
    "m.linalg.eigvalsh(p)", "m.linalg.svd(a)[1]", "m.linalg.qr(d)[1]", "m.linalg.pinv(c)",
    "m.gradient(c)[0]", "m.std(c, where=c > 0)", "m.select([c > 0], [c * c], c)",
    "m.linalg.det(p)", "m.linalg.det(q * [[1], [1], [1], [0]])", "m.linalg.slogdet(q)[1]",
    "abs(m.linalg.slogdet(q + 1j * p)[0] - 1)", "m.linalg.norm(c, 2)", "m.linalg.norm(a[0], 'nuc')",
    "m.linalg.cond(q)", "m.linalg.norm(v, 0) * v", "m.histogram(v, 3, weights=u)[0]",
]  # fmt: skip


@pytest.mark.parametrize("case", ONCE)
def test_positions_are_no_decisions(case):
    f, point = function_of(case)
    compiled = cd.compile(cd.grad(f, argnums=tuple(range(len(point)))))
    rng = np.random.default_rng(7)
    for _ in range(4):
        args = [x + 0.4 * rng.standard_normal(x.shape) for x in point]
        for got, want in zip(compiled(*args), cd.grad(f, argnums=tuple(range(len(point))))(*args),
                             strict=True):  # fmt: skip
            close(got, want)
    assert compiled.stats()["recordings"] == 1


@pytest.mark.parametrize(
    "f",
    [
        lambda c: c[::-1].reshape(12)[cnp.argsort(c.reshape(12))],
        lambda c: cd.grad(lambda c: cnp.prod(c[::-1]) ** 2)(c),
        lambda c: cnp.cumsum(c[1:, ::-1].reshape(8), 0),
    ],
)
def test_reshaped_parts_that_do_not_begin_at_the_first_element(f):
    c = np.random.default_rng(3).standard_normal((3, 4))
    compiled = cd.compile(f)
    for k in range(3):
        close(compiled(c + k), np.asarray(f(c + k)))


def test_positions_out_of_bounds_raise_in_a_replay():
    f = cd.compile(lambda x: cnp.take(x, cnp.astype(x[:1] * 1.0, np.int64)))
    np.testing.assert_array_equal(f(np.array([1.0, 5.0])), [5.0])
    with pytest.raises(IndexError, match="out of bounds"):
        f(np.array([3.0, 5.0]))


@pytest.mark.parametrize("where", [True, np.array([True, False, True])], ids=["all", "some"])
@pytest.mark.parametrize("name", ["less", "logical_and", "isnan", "logical_not", "spacing"])
def test_questions_with_out(name, where):
    """What a ufunc without derivative writes into out= is what it writes at every point."""
    question = getattr(cnp, name)
    operands = (2.0,) if getattr(np, name).nin == 2 else ()

    def f(x):
        out = cnp.zeros(3)
        question(x, *operands, out=out, where=where)
        return cnp.where(out, x * x, x)

    compiled = cd.compile(f)
    for point in (np.array([1.5, -2.0, 3.0]), np.array([3.0, 0.0, 1.5]), np.array([np.nan, 0, 0])):
        out = np.zeros(3)
        getattr(np, name)(point, *operands, out=out, where=where)
        want = np.where(out, point * point, point)
        for g in (f, compiled, lambda x: cd.vmap(f)(np.stack([x, x]))[1]):
            np.testing.assert_array_equal(np.asarray(cd._core.value(g(cd.array(point)))), want)


@pytest.mark.parametrize("name", ["any", "all"])
def test_questions_of_many_points_with_where(name):
    mask = np.array([[1, 0, 1], [0, 1, 1]], bool)

    def f(x):
        return x * getattr(np, name)(x > 0.5, where=mask)

    x = np.stack([np.full((2, 3), 0.7), np.where(mask, 0.0, 1.0), np.where(mask, 1.0, 0.0)])
    np.testing.assert_array_equal(cd.vmap(f)(x), np.stack([f(p) for p in x]))


WHOLE = {
    "det": lambda n: cnp.linalg.det(cnp.reshape(n, (2, 2)).astype(np.int64) * 2**33),
    "diag": lambda n: cnp.diag(n, -1),
    "list": lambda n: cnp.array([[n[0], 1], [2, n[1]]]),
    "list with floats": lambda n: cnp.array([n[0], 1, 2.0]),
    "fill_diagonal": lambda n: filled(cnp.diag(n), n[::-1]),
}


def filled(a, values):
    a[[0, 1]] = 1
    a[a > 2] = 0
    cnp.fill_diagonal(a, values)
    return a


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint8, bool])
@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_have_numpys_dtypes(name, dtype):
    f, n = WHOLE[name], np.array([3, 1, 2, 5]).astype(dtype)
    want = f(n)
    for found in (cd.compile(f)(n), cd.vmap(f)(n[None])[0]):
        np.testing.assert_allclose(found, want, rtol=1e-14)
        assert np.asarray(found).dtype == want.dtype


def test_running_sums_take_no_truth_value_for_an_axis():
    for name in ("cumulative_sum", "cumulative_prod"):
        with pytest.raises(TypeError, match="an integer is required"):
            getattr(cnp, name)(cd.array(np.ones((2, 2))), axis=True)


def test_a_question_that_would_be_lost_is_refused():
    for question in (np.less, cnp.less):
        compiled = cd.compile(lambda x, ask=question: ask(x, 2.0, out=np.zeros(3, bool)))
        with pytest.raises(TypeError, match=r"out= or \+= \(into a plain ndarray\)"):
            compiled(np.array([1.5, -2.0, 3.0]))
