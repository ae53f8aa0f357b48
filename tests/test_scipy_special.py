"""`cdiff.scipy.special`: every row of the tables, by every argument that has a derivative.

A new row is tested by what stands in it: first derivatives at all its samples and second ones at
the first sample against mpmath (or extrapolated differences of SciPy's values where the row has no
`mp`), both modes, eager and compiled, float32, no elements, broadcasting. It must not know any
function but those that are put together by hand.
"""

import subprocess
import sys

import mpmath
import numpy as np
import pytest
import scipy.special as sc
from special_cases import difference, exact

import cdiff as cd
import cdiff.scipy.special as csp
from cdiff.scipy import _gamma_beta, _language, _quadrature
from cdiff.scipy._language import FUNCTIONS, LANGUAGE, ROWS

pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:non-integer arg n"),
]

CASES = [
    pytest.param(name, point, id=f"{name}{point}")
    for name, row in ROWS.items()
    for point in row.samples
]
FIRST = [
    pytest.param(name, row.samples[0], id=name)
    for name, row in ROWS.items()
    if any(d is not None for d in row.d)
]


def differentiable(name):
    return [k for k, d in enumerate(ROWS[name].d) if d is not None]


def at(name, point):
    """The point with floats where a derivative is taken; whole numbers stay orders and degrees."""
    places = differentiable(name)
    return [float(x) if k in places else x for k, x in enumerate(point)]


def along(name, point, k):
    """The row's function of argument k alone."""
    point = at(name, point)
    return lambda x: FUNCTIONS[name](*[x if i == k else p for i, p in enumerate(point)])


def expected(name, point, orders):
    row = ROWS[name]
    if row.mp is not None:
        return exact(row, point, np.real(row.plain()(*at(name, point))), orders)
    k = max(i for i, n in enumerate(orders) if n)
    if sum(orders) == 1:
        return difference(row.plain(), at(name, point), k)
    j = min(i for i, n in enumerate(orders) if n)
    return difference(cd.grad(FUNCTIONS[name], argnums=j), at(name, point), k)


@pytest.mark.parametrize(("name", "point"), CASES)
def test_first_derivatives(name, point):
    row = ROWS[name]
    rtol = row.accuracy if row.mp is not None else 1e-7
    for k in differentiable(name):
        found = cd.grad(FUNCTIONS[name], argnums=k)(*at(name, point))
        orders = [int(i == k) for i in range(len(point))]
        np.testing.assert_allclose(found, expected(name, point, orders), rtol=rtol, atol=1e-300)
        tangent = cd.jvp(along(name, point, k), (at(name, point)[k],), (1.0,))[1]
        np.testing.assert_allclose(tangent, found, rtol=1e-13)


@pytest.mark.parametrize(("name", "point"), FIRST)
def test_second_derivatives(name, point):
    row, f, q = ROWS[name], FUNCTIONS[name], at(name, point)
    rtol = 1e3 * row.accuracy if row.mp is not None else 1e-6
    for k in differentiable(name):
        for j in [j for j in differentiable(name) if j >= k]:
            orders = [int(i == k) + int(i == j) for i in range(len(point))]
            slope = cd.grad(f, argnums=k)
            found = cd.grad(lambda *x: slope(*x), argnums=j)(*q)
            np.testing.assert_allclose(found, expected(name, point, orders), rtol=rtol, atol=1e-40)
            moved = lambda x: slope(*[x if i == j else p for i, p in enumerate(q)])
            tangent = cd.jvp(moved, (q[j],), (1.0,))[1]
            np.testing.assert_allclose(tangent, found, rtol=1e-11, atol=1e-300)


@pytest.mark.parametrize("name", ["gammainc", "betainc", "jv", "erfcx", "ellipk", "zeta_riemann",
                                  "log_ndtr", "owens_t", "gammaincinv"])  # fmt: skip
def test_third_derivatives(name):
    point = ROWS[name].samples[1]
    for k in differentiable(name):
        f = cd.grad(cd.grad(cd.grad(along(name, point, k))))
        orders = [3 * int(i == k) for i in range(len(point))]
        want = expected(name, point, orders)
        rtol = 2e-4 if "inv" in name else 1e-8
        np.testing.assert_allclose(f(at(name, point)[k]), want, rtol=rtol)


@pytest.mark.parametrize(("name", "point"), FIRST)
def test_compiled_derivatives(name, point):
    for k in differentiable(name):
        slope = cd.grad(along(name, point, k))
        compiled, curved = cd.compile(slope), cd.compile(cd.grad(slope))
        x = at(name, point)[k]
        compiled(1.01 * x + 1e-3), curved(1.01 * x + 1e-3)
        np.testing.assert_allclose(compiled(x), slope(x), rtol=1e-14)
        np.testing.assert_allclose(curved(x), cd.grad(slope)(x), rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize(("name", "point"), FIRST)
def test_dtypes_shapes_and_values(name, point):
    row, f = ROWS[name], FUNCTIONS[name]
    k = differentiable(name)[0]
    for dtype, shape in (("f4", (2,)), ("f8", (2, 1)), ("f8", (0, 3)), ("f8", ())):
        given = list(at(name, point))
        given[k] = np.full(shape, given[k], dtype)
        want = row.plain()(*given)
        given[k] = x = cd.array(given[k], requires_grad=True)
        y = f(*given)
        assert (y.shape, y.dtype) == (want.shape, want.dtype)
        rtol = 0 if row.equals is None else 1e-6 if dtype == "f4" else 1e-13
        np.testing.assert_allclose(y.numpy(), want, rtol=rtol, atol=1e-15 if rtol else 0)
        y.backward()
        assert (x.grad.shape, x.grad.dtype) == (shape, np.dtype(dtype))


@pytest.mark.parametrize("name", [p.values[0] for p in FIRST if len(p.values[1]) > 1])
def test_broadcasting(name):
    point, f, places = ROWS[name].samples[0], FUNCTIONS[name], differentiable(name)
    shapes = [(2, 1), (3,), (1, 1), ()]
    given = [np.full(shapes[i], x) for i, x in enumerate(at(name, point))]
    pull = cd.vjp(lambda *xs: f(*[xs[places.index(i)] if i in places else x
                                  for i, x in enumerate(given)]),
                  *[given[k] for k in places])[1]  # fmt: skip
    shape = np.broadcast_shapes(*[x.shape for x in given])
    for k, g in zip(places, pull(np.ones(shape)), strict=True):
        one = cd.grad(f, argnums=k)(*at(name, point))
        assert g.shape == given[k].shape
        repeats = np.prod(shape) / given[k].size
        np.testing.assert_allclose(g, np.full(g.shape, one * repeats), rtol=1e-8, atol=1e-300)


@pytest.mark.parametrize("name", csp.__all__)
def test_plain_arguments_go_to_scipy(name):
    f, original = getattr(csp, name), getattr(sc, name)
    assert f.__doc__ and f.__name__ == name
    row = ROWS.get(name)
    if row is not None:
        np.testing.assert_array_equal(f(*row.samples[0]), original(*row.samples[0]))


def test_enough_functions():
    assert len(csp.__all__) >= 180


def test_every_name_of_an_expression_is_in_the_language():
    """The tables are closed: no derivative uses what has no derivative."""
    for row in ROWS.values():
        for expression in {d for d in row.d if d is not None}:
            code = compile(expression, row.name, "eval")
            assert set(code.co_names) - set(row.args) - {"y"} <= set(LANGUAGE), row.name


# --- functions that are put together by hand ------------------------------------------------------

X = np.array([0.3, 1.2])
BY_HAND = {
    "airy": lambda x: sum(csp.airy(x)),
    "airye": lambda x: sum(csp.airye(x)),
    "itairy": lambda x: sum(csp.itairy(x)),
    "sici": lambda x: sum(csp.sici(x)),
    "shichi": lambda x: sum(csp.shichi(x)),
    "fresnel": lambda x: sum(csp.fresnel(x)),
    "ellipj": lambda x: sum(csp.ellipj(x, 0.4)),
    "spherical_jn": lambda x: csp.spherical_jn(2, x, derivative=True) + csp.spherical_jn(0, x),
    "spherical_kn": lambda x: csp.spherical_kn(np.array([2, 0]), x),
    "jvp": lambda x: csp.jvp(2, x, 2),
    "yvp": lambda x: csp.yvp(1.5, x),
    "ivp": lambda x: csp.ivp(2, x, 3),
    "kvp": lambda x: csp.kvp(0, x, 2),
    "zeta": lambda x: csp.zeta(x + 1) + csp.zeta(x + 1, x),
    "multigammaln": lambda x: csp.multigammaln(x + 3, 3),
    "factorial": lambda x: csp.factorial(x),
    "comb": lambda x: csp.comb(x + 3, x) + csp.comb(x, 0.5, repetition=True),
    "perm": lambda x: csp.perm(x + 3, x),
    "polygamma": lambda x: csp.polygamma(np.array([1, 2]), x),
    "eval_legendre": lambda x: csp.eval_legendre(np.array([0, 3]), x),
    "expn": lambda x: csp.expn(np.array([0, 3]), x),
    "softmax": lambda x: csp.softmax(x),
    "log_softmax": lambda x: csp.log_softmax(x, axis=0),
    "logsumexp": lambda x: csp.logsumexp(x, b=x),
    "logsumexp_sign": lambda x: csp.logsumexp(x, b=x - 5.0, return_sign=True)[0],
    "erf": lambda x: csp.erf(x) + csp.erfc(x) * csp.expit(x) + csp.sinc(x),
    "diric": lambda x: csp.diric(x, 4) + csp.diric(2 * np.pi + 0.0 * x, 3),
    "mathieu": lambda x: csp.mathieu_cem(2, 0.7, x)[0] * csp.mathieu_sem(1, 0.3, x)[1],
    "parabolic": lambda x: sum(csp.pbdv(0.4, x)) + sum(csp.pbvv(0.4, x)) + csp.pbwa(0.4, x)[1],
    "scipys own": lambda x: sc.gamma(x) * sc.jv(2, x),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name):
    f = BY_HAND[name]
    np.testing.assert_allclose(f(cd.array(X)).numpy(), f(X), rtol=1e-13)
    cd.testing.check_grads(f, (X,), order=2)
    g = cd.grad(lambda x: np.sum(f(x) * np.cos(x)))
    compiled = cd.compile(g)
    compiled(X + 0.1)
    np.testing.assert_allclose(compiled(X), g(X), rtol=1e-13)


def test_lambertw_is_real_on_arrays():
    for k, x in ((0, 0.7), (0, -0.2), (-1, -0.2)):
        w = float(mpmath.lambertw(x, k).real)
        found = cd.grad(lambda x: csp.lambertw(x, k))(x)
        np.testing.assert_allclose(found, w / (x * (1 + w)), rtol=1e-13)
    assert np.isnan(csp.lambertw(cd.array([-1.0, 1.0])).numpy()).tolist() == [True, False]
    assert csp.lambertw(0.7).dtype == complex
    with pytest.raises(ValueError, match="branches"):
        csp.lambertw(cd.array(1.0), 3)


def test_parameters_far_apart():
    """Derivatives by parameters where the integrand has two scales, against mpmath."""
    for a, x in ((1e-3, 0.5), (0.1, 3.0), (30.0, 31.0), (300.0, 310.0), (2.5, 40.0), (2.5, 1e-3)):
        want = mpmath.diff(lambda t: mpmath.gammainc(t, 0, x, regularized=True), a, h=1e-5)
        with mpmath.workdps(30):
            want = mpmath.diff(lambda t: mpmath.gammainc(t, 0, x, regularized=True), mpmath.mpf(a),
                               h=mpmath.mpf(10) ** -10)  # fmt: skip
        found = _gamma_beta.gammainc_order_value(1, a, x)
        np.testing.assert_allclose(found, float(want), rtol=2e-12)
    for a, b, x in ((1e-2, 0.5, 0.3), (300.0, 200.0, 0.61), (1e3, 0.3, 0.999), (0.5, 50.0, 0.03)):
        with mpmath.workdps(30):
            want = mpmath.diff(lambda t: mpmath.betainc(t, b, 0, x, regularized=True),
                               mpmath.mpf(a), h=mpmath.mpf(10) ** -10)  # fmt: skip
        found = _gamma_beta.betainc_order_value(1, 0, a, b, x)
        np.testing.assert_allclose(found, float(want), rtol=2e-12)


@pytest.mark.parametrize(("a", "b", "x"), [
    (0.0013510987488116201, 2.9132546202831455, 0.001687010216944573), (5e-3, 8.0, 0.0084),
    (0.02494250894704329, 552.2379386591965, 7.82e-05), (60.0, 0.011, 0.999055), (1e-3, 2.0, 1e-30),
    (0.7, 0.02, 1 - 1e-9), (1000.0, 1400.0, 0.42),
])  # fmt: skip
def test_parameters_where_the_exponent_is_level_first(a, b, x):
    """The rule before this one was wrong in the sixth digit here."""
    for orders in ((1, 0), (0, 1), (1, 1)):
        with mpmath.workdps(50):
            want = mpmath.diff(
                lambda s, t: mpmath.betainc(s, t, 0, mpmath.mpf(x), regularized=True),
                (mpmath.mpf(a), mpmath.mpf(b)), orders)  # fmt: skip
        found = _gamma_beta.betainc_order_value(*orders, a, b, x)
        np.testing.assert_allclose(found, float(want), rtol=5e-11)


def test_many_points_of_parameter_derivatives_are_those_of_one():
    rng = np.random.default_rng(3)
    a, b = 10 ** rng.uniform(-3, 3, (2, 40, 60))
    x = rng.uniform(0, 1, (40, 60))
    x[0, :3] = 0.0, 1.0, np.nan
    for f, given in ((lambda *z: _gamma_beta.betainc_order_value(1, 1, *z), (a, b, x)),
                     (lambda *z: _gamma_beta.gammainc_order_value(2, *z), (a, b))):  # fmt: skip
        many = f(*given)
        for k in ((0, 0), (0, 1), (0, 2), (7, 5), (39, 59), (20, 3)):
            np.testing.assert_allclose(many[k], f(*[z[k] for z in given]), rtol=1e-12)
        assert f(*[z[:, :0] for z in given]).shape == (40, 0)


@pytest.mark.parametrize(("n", "s", "q"), [(1, 2.0, 1.0), (3, 1.5, 0.2), (2, -1.5, 3.0),
                                           (1, 40.0, 2.0), (5, 3.0, 11.0)])  # fmt: skip
def test_derivatives_of_zeta_by_its_exponent(n, s, q):
    want = mpmath.zeta(mpmath.mpf(s), mpmath.mpf(q), n)
    np.testing.assert_allclose(_quadrature.zeta_order_value(n, s, q), float(want), rtol=2e-12)
    assert _quadrature.zeta_order_value(1, 1e30, 3.0) == 0.0


def test_mixed_derivatives_of_zeta():
    """By the exponent once, and by q twice: where q is 1, too, whose logarithm is 0."""
    f = cd.grad(csp.zeta)
    for q in (1.0, 2.5):
        found = cd.grad(cd.grad(f, argnums=1), argnums=1)(2.0, q)
        want = mpmath.diff(lambda s, q: mpmath.zeta(s, q), (2.0, q), (1, 2))
        np.testing.assert_allclose(found, float(want), rtol=1e-7)


def test_borders_of_the_parameter_derivatives():
    assert _gamma_beta.gammainc_order_value(1, 2.0, [0.0, np.inf, -1.0]).tolist()[:2] == [0.0, 0.0]
    assert np.isnan(_gamma_beta.gammainc_order_value(1, [2.0, -1.0], [-1.0, 1.0])).all()
    assert _gamma_beta.betainc_order_value(1, 0, 2.0, 3.0, [0.0, 1.0]).tolist() == [0.0, 0.0]
    assert np.isnan(_gamma_beta.betainc_order_value(0, 1, 2.0, [3.0, -1.0], [1.1, 0.5])).all()


# --- errors ---------------------------------------------------------------------------------------


def test_orders_have_no_derivative():
    with pytest.raises(NotImplementedError, match=r"polygamma\(n, x\): the derivative by n .*by x"):
        cd.grad(csp.polygamma)(1.0, 2.0)
    with pytest.raises(NotImplementedError, match="eval_legendre"):
        cd.jvp(lambda n: csp.eval_legendre(n, 0.3), (1.5,), (1.0,))
    with pytest.raises(NotImplementedError, match=r"mathieu_a\(m, q\): the derivative by m"):
        cd.grad(lambda m: csp.mathieu_a(m, 0.7))(2.0)
    with pytest.raises(TypeError, match="n counts"):
        csp.diric(0.3, cd.array(3.0, requires_grad=True))
    # As a value it may be computed.
    assert csp.jv(cd.array(1.0), 2.0).item() == sc.jv(1.0, 2.0)


def test_bad_calls():
    x = cd.array([1.0], requires_grad=True)
    with pytest.raises(TypeError, match="out cannot be used"):
        csp.gamma(x, out=np.empty(1))
    with pytest.raises(TypeError, match="gammainc takes"):
        csp.gammainc(x)
    with pytest.raises(ValueError):
        csp.beta(cd.array(np.ones(2)), np.ones(3))
    with pytest.raises(AttributeError):
        csp.no_such_function
    with pytest.raises(TypeError, match="exact"):
        csp.comb(x, 1, exact=True)


def test_without_scipy():
    code = (
        "import sys; sys.modules['scipy'] = None\n"
        "import cdiff as cd\n"
        "try:\n    cd.scipy.special\nexcept ImportError as e:\n    print(e)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install cdiff-ad[scipy]" in run.stdout, run.stderr


def test_families_are_of_the_language():
    assert _language.LANGUAGE is LANGUAGE
    row = _language._family_row("erfcx_order", (3,))
    assert row.name == "erfcx_order(3)" and row.d == ("erfcx_order(4, x)",)


@pytest.mark.parametrize("f", [lambda x: csp.comb(x + 3, x), csp.factorial, csp.lambertw,
                               lambda x: csp.logsumexp(x, b=x - 0.5, return_sign=True)[0],
                               csp.gamma])  # fmt: skip
def test_no_decisions_are_recorded(f):
    """A compiled function is recorded once, not for each argument."""
    compiled = cd.compile(f)
    for shift in range(4):
        compiled(X + shift)
    assert compiled.stats()["recordings"] == 1, compiled.stats()


def test_points_far_out_and_outside():
    for f, x in ((csp.i1e, 1e10), (csp.i1e, -1e12), (csp.k1e, 1e10)):
        # Both fall as 1 / sqrt(x) there.
        np.testing.assert_allclose(cd.grad(f)(x), -0.5 * f(x) / x, rtol=1e-9)
        np.testing.assert_allclose(cd.grad(cd.grad(f))(x), 0.75 * f(x) / x**2, rtol=1e-9)
    for x in (1.1e8, 0.99e8):  # where the formula changes
        for f, derivative in ((csp.i1e, -0.75), (csp.k1e, 0.75)):
            want = -0.5 * f(x) / x * (1 + derivative / x)
            np.testing.assert_allclose(cd.grad(f)(x), want, rtol=1e-6 if x < 1e8 else 1e-14)
    assert cd.grad(csp.kolmogorov)(-1.0) == 0.0
    for x in (0.9, -3.0):  # beyond 1 / lmbda the distribution function is constant
        assert cd.grad(csp.tklmbda, argnums=(0, 1))(x, 2.0) == (0.0, 0.0)
    assert cd.grad(csp.tklmbda)(-0.3, 1.0) == 0.5


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("f", "whole", "other"), [
    (lambda n, x: csp.yn(n, x), 1.0, 1.7), (lambda n, x: csp.kn(n, x), 2.0, 2.4),
    (lambda n, x: csp.spherical_jn(n, x), 1.0, 1.5), (lambda n, x: csp.expn(n, x), 0.0, 0.4),
    (lambda n, x: csp.spherical_kn(n, x), 3.0, 3.9), (lambda n, x: csp.bdtr(1.0, n, x), 3.0, 3.8),
    (lambda n, x: csp.bdtrc(1.0, n, x), 3.0, 3.8), (lambda n, x: csp.nbdtr(n, 2.0, x), 3.0, 3.8),
    (lambda n, x: csp.nbdtrc(2.0, n, x), 3.0, 3.8), (lambda n, x: csp.expn(n, x), 2.0, 2.6),
])  # fmt: skip
def test_orders_are_cut_to_whole_numbers(f, whole, other):
    """As SciPy does for the value: the derivative is that of the same function."""
    assert f(whole, 0.7) == f(other, 0.7)
    found = cd.grad(lambda x: f(other, x))(0.7)
    np.testing.assert_allclose(found, cd.grad(lambda x: f(whole, x))(0.7), rtol=1e-13)
    assert found != 0


def test_box_cox_of_whole_numbers():
    for f in ("inv_boxcox", "inv_boxcox1p"):
        x, power = np.array([4, 1]), np.array([1, 2])
        want = getattr(sc, f)(x, power)
        found = getattr(csp, f)(cd.array(x), cd.array(power)).numpy()
        np.testing.assert_allclose(found, want, rtol=1e-14)
