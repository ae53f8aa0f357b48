"""`cdiff.numpy.polynomial`: the functions of all six bases, and the classes.

Values against NumPy, derivatives in both modes to order two against differences, compiled against
eager, mapped against one by one. It must not know how a derivative is made.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy_checks import compiled_agrees, mapped_agrees, values_are_scipys

import cdiff as cd
import cdiff.numpy as cnp
import cdiff.numpy.polynomial as cp

MODULES = {"polynomial": "poly", "chebyshev": "cheb", "legendre": "leg", "hermite": "herm",
           "hermite_e": "herme", "laguerre": "lag"}  # fmt: skip
CLASSES = ("Polynomial", "Chebyshev", "Legendre", "Hermite", "HermiteE", "Laguerre")
X = np.array([-0.7, 0.25, 0.9, 0.4, -0.1, 0.63])
Y = np.array([0.3, -0.5, 1.1, 0.2, 0.8, -0.9])
C = np.array([0.8, -1.1, 0.6, 0.9])
D = np.array([0.5, 0.7, -1.3])
TABLE = np.outer(C, D) + 0.1
BOX = TABLE[:, :, None] * np.array([1.0, -0.4])
ZEROS = np.array([-0.6, 0.1, 0.75])

CASES = {
    "val": (lambda f, x, c: f(x, c), (X, C)),
    "val number": (lambda f, x, c: f(x, c), (X[0], C)),
    "val constant": (lambda f, x, c: f(x, c), (X, C[:1])),
    "val table": (lambda f, x, c: f(x, c), (X[:2], TABLE)),
    "val each": (lambda f, x, c: f(x, c, tensor=False), (X[:3], TABLE)),
    "val2d": (lambda f, x, y, c: f(x, y, c), (X, Y, TABLE)),
    "val3d": (lambda f, x, y, c: f(x, y, x * y, c), (X, Y, BOX)),
    "grid2d": (lambda f, x, y, c: f(x, y, c), (X[:3], Y[:2], TABLE)),
    "grid3d": (lambda f, x, y, c: f(x, y, x, c), (X[:3], Y[:2], BOX)),
    "vander": (lambda f, x: f(x, 4), (X,)),
    "vander 0": (lambda f, x: f(x, 0), (X,)),
    "add": (lambda f, c, d: f(c, d), (C, D)),
    "sub": (lambda f, c, d: f(d, c), (C, D)),
    "mul": (lambda f, c, d: f(c, d), (C, D)),
    "mulx": (lambda f, c: f(c), (C,)),
    "div": (lambda f, c, d: f(c, d), (C, D)),
    "div by more": (lambda f, c, d: f(d, c)[1], (C, D)),
    "pow": (lambda f, c: f(c, 3), (D,)),
    "pow of a multiple": (lambda f, c: f(c, 2), (np.array([0.0, 0.7, -1.3]),)),
    "pow 0": (lambda f, c: f(c, 0), (D,)),
    "der": (lambda f, c: f(c), (C,)),
    "der twice": (lambda f, c, s: f(c, 2, s), (C, np.array(1.3))),
    "der axis": (lambda f, c: f(c, axis=1), (TABLE,)),
    "der all": (lambda f, c: f(c, 4), (C,)),
    "int": (lambda f, c: f(c), (C,)),
    "int twice": (lambda f, c, k, s: f(c, 2, [k[0], k[1]], lbnd=0.3, scl=s),
                  (C, D[:2], np.array(0.7))),
    "int from": (lambda f, c, b: f(c, lbnd=b), (C, np.array(0.4))),
    "int axis": (lambda f, c: f(c, axis=1), (TABLE,)),
    "line": (lambda f, a, b: f(a, b), (np.array(0.3), np.array(1.4))),
    "fromroots": (lambda f, r: f(r), (ZEROS,)),
    "fit": (lambda f, x, y: f(x, y, 2), (X, Y)),
    "fit columns": (lambda f, y: f(X, y, 2), (np.stack([X, Y], 1),)),
    "fit weights": (lambda f, y, w: f(X, y, [0, 2], w=w), (Y, 1.5 + X)),
}  # fmt: skip


def case_of(module, name):
    """A function of this library on Arrays, of NumPy's on ndarrays."""
    call, args = CASES[name]
    full = MODULES[module] + name.split()[0]
    ours = getattr(getattr(cp, module), full)
    return (lambda *a: call(ours, *a)), args


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("name", CASES)
class TestFunctions:
    def test_values_are_numpys(self, module, name):
        f, args = case_of(module, name)
        values_are_scipys(f, args, rtol=1e-10)

    def test_derivatives(self, module, name):
        f, args = case_of(module, name)
        cd.testing.check_grads(f, args, order=2)

    def test_compiled_and_mapped(self, module, name):
        f, args = case_of(module, name)
        compiled_agrees(f, args)
        mapped_agrees(f, args, factor=1.02)


@pytest.mark.parametrize("module", MODULES)
def test_roots(module):
    """The zeros of a series whose zeros are given, and by the coefficients."""
    f = getattr(getattr(cp, module), MODULES[module] + "roots")
    c = getattr(getattr(np.polynomial, module), MODULES[module] + "fromroots")(ZEROS)
    np.testing.assert_allclose(f(cd.array(c)).numpy(), ZEROS, rtol=1e-10)
    # NumPy 2.5 gives real zeros as complex numbers for three of the bases.
    cd.testing.check_grads(lambda c: np.real(f(c)), (c,), order=2)
    assert f(cd.array([2.0])).shape == (0,)


@pytest.mark.parametrize("module", MODULES)
@given(c=hnp.arrays(float, st.integers(1, 5), elements=st.floats(-4, 4)),
       d=hnp.arrays(float, st.integers(1, 5), elements=st.floats(-4, 4)),
       x=hnp.arrays(float, st.integers(1, 4), elements=st.floats(-1.5, 1.5)))  # fmt: skip
def test_products_and_sums_are_those_of_the_values(module, c, d, x):
    """Zeros at the end too: NumPy drops them, here they may have a derivative."""
    prefix, ours, theirs = MODULES[module], getattr(cp, module), getattr(np.polynomial, module)
    val = getattr(theirs, prefix + "val")
    for name, combined in (("mul", np.multiply), ("add", np.add), ("sub", np.subtract)):
        found = getattr(ours, prefix + name)(cd.array(c), d).numpy()
        want = combined(val(x, c), val(x, d))
        np.testing.assert_allclose(val(x, found), want, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("name", CLASSES)
def test_classes(name):
    ours, theirs = getattr(cp, name), getattr(np.polynomial, name)

    def used(make):
        def f(c, x, domain):
            p, q = make(c, domain=domain), make([1.0, -0.4], domain=domain)
            mixed = (p * q + p - q) ** 2 // q - 2.0
            return (p(x), p.deriv(2)(x), p.integ(1, [0.3], 0.1)(x), mixed(x), (p % q).coef,
                    (-p).coef, p(x[0]))  # fmt: skip

        return f

    args = (C, X, np.array([-2.0, 1.5]))
    for got, want in zip(used(ours)(*map(cd.array, args)), used(theirs)(*args), strict=True):
        np.testing.assert_allclose(np.asarray(got.numpy()), want, rtol=1e-9, atol=1e-11)

    def loss(make):
        return lambda *a: sum([cnp.sum(cnp.sin(y)) if any(isinstance(z, cd.Array) for z in a)
                               else np.sum(np.sin(y)) for y in used(make)(*a)])  # fmt: skip

    # The differences are those of NumPy's own class.
    computed = cd.grad(loss(ours), argnums=(0, 1, 2))(*args)
    for k, derivative in enumerate(computed):
        step = 1e-6 * np.cos(np.arange(args[k].size))
        moved = [[a + sign * step if i == k else a for i, a in enumerate(args)] for sign in (1, -1)]
        numerical = loss(theirs)(*moved[0]) - loss(theirs)(*moved[1])
        np.testing.assert_allclose(2 * derivative @ step, numerical, rtol=1e-4)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("name", CLASSES)
def test_series_of_series(name, kind):
    """A series at another one, which is how NumPy converts between bases and domains."""
    ours, theirs = getattr(cp, name), getattr(np.polynomial, name)

    def used(make, module):
        def f(c, d):
            p = make(c, domain=[-2, 3])
            other = p.convert(kind=getattr(module, kind), domain=[0, 1])
            return (other.coef, p(make(d))(0.3), getattr(module, kind).cast(p)(0.4),
                    make(c[:1])(p).coef[:1])  # fmt: skip

        return f

    for got, want in zip(used(ours, cp)(cd.array(C), cd.array(D)),
                         used(theirs, np.polynomial)(C, D), strict=True):  # fmt: skip
        np.testing.assert_allclose(np.asarray(got.numpy()), want, rtol=1e-9, atol=1e-11)
    numpys = ours(cd.array(C)).convert(kind=getattr(np.polynomial, kind))
    assert isinstance(numpys, getattr(cp, kind))
    cd.testing.check_grads(lambda c, d: used(ours, cp)(c, d)[:2], (C, D), order=2)


@pytest.mark.parametrize("name", CLASSES)
def test_zeros_and_trimming_of_classes(name):
    ours, theirs = getattr(cp, name), getattr(np.polynomial, name)
    c = np.append(C, [1e-3, 0.0])
    for tol, size in ((0, 5), (0.01, 4), (9.0, 1)):
        want, got = theirs(c).trim(tol), ours(cd.array(c), domain=[0, 1]).trim(tol)
        np.testing.assert_array_equal(got.coef.numpy(), want.coef)
        assert (got.coef.size, got.domain.tolist()) == (size, [0.0, 1.0])
    with pytest.raises(ValueError, match="tol must be non-negative"):
        ours(cd.array(c)).trim(-1)
    want = theirs.fromroots(ZEROS, domain=[-1, 2])
    f = lambda c: np.real(ours(c, domain=[-1, 2]).roots())
    np.testing.assert_allclose(f(cd.array(want.coef)).numpy(), ZEROS, rtol=1e-9)
    bases = [theirs.basis(k, domain=[-1, 2])(ZEROS) for k in range(want.coef.size)]
    exact = -np.stack(bases, 1) / want.deriv()(ZEROS)[:, None]
    for jacobian in (cd.jacrev, cd.jacfwd):
        np.testing.assert_allclose(jacobian(f)(want.coef), exact, rtol=1e-7)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("name", [n for n in CASES if not n.startswith(("fit", "val3d", "grid3d"))])
def test_single_precision_is_kept(module, name):
    call, args = CASES[name]
    full = MODULES[module] + name.split()[0]
    plain = [np.asarray(a).astype(np.float32) for a in args]
    want = call(getattr(getattr(np.polynomial, module), full), *plain)
    got = call(getattr(getattr(cp, module), full), *map(cd.array, plain))
    for x, y in zip(*[z[:1] if isinstance(z, tuple) else (z,) for z in (want, got)], strict=True):
        assert y.dtype == x.dtype


@pytest.mark.parametrize("name", CLASSES)
def test_fits_of_classes(name):
    ours, theirs = getattr(cp, name), getattr(np.polynomial, name)
    for keywords in ({}, {"w": 2.0 + X}, {"domain": [-1.0, 2.0]}, {"domain": []}):
        want = theirs.fit(X, Y, 2, **keywords)
        got = ours.fit(cd.array(X), cd.array(Y), 2, **keywords)
        np.testing.assert_allclose(got.coef.numpy(), want.coef, rtol=1e-9)
        np.testing.assert_allclose(got(0.3).numpy(), want(0.3), rtol=1e-9)
        cd.testing.check_grads(lambda x, y, k=keywords: ours.fit(x, y, 2, **k)(0.3), (X, Y))
    series, status = ours.fit(cd.array(X), Y, 2, full=True)
    assert len(status) == 4 and isinstance(series, ours)


def test_plain_is_numpys_own():
    p = cp.Chebyshev([1.0, 2.0, 0.5])
    assert isinstance(p, np.polynomial.Chebyshev)
    assert p(0.3) == np.polynomial.Chebyshev([1.0, 2.0, 0.5])(0.3)
    assert cp.Legendre.basis(3)(0.2) == np.polynomial.Legendre.basis(3)(0.2)
    assert cp.Hermite.fit(X, Y, 1).coef.tolist() == np.polynomial.Hermite.fit(X, Y, 1).coef.tolist()
    assert cp.chebyshev.chebgauss(2)[1].shape == (2,) and cnp.polynomial is cp
    assert cp.Polynomial.fromroots(cd.array(ZEROS)).coef.shape == (4,)
    with pytest.raises(AttributeError):
        cp.no_such_name
    with pytest.raises(AttributeError):
        cp.legendre.no_such_name


@pytest.mark.parametrize(("call", "error", "text"), [
    (lambda: cp.Polynomial(cd.array(TABLE)), ValueError, r"1-d and not empty, got shape \(4, 3\)"),
    (lambda: cp.Polynomial(cd.array(C), domain=[0.0]), ValueError, "domain.*elements"),
    (lambda: cp.legendre.legval(X, cd.array(np.zeros(0))), ValueError, "legval: .*needed"),
    (lambda: cp.legendre.legmul(cd.array(TABLE), C), ValueError, "legmul: .*1-d"),
    (lambda: cp.legendre.legder(cd.array(C), -1), ValueError, "legder: .*-1"),
    (lambda: cp.legendre.legint(cd.array(C), 1, [1.0, 2.0]), ValueError, "2 constants for 1"),
    (lambda: cp.legendre.legvander(cd.array(X), -1), ValueError, "legvander: deg"),
    (lambda: cp.legendre.legpow(cd.array(C), 0.5), ValueError, "legpow: power"),
    (lambda: cp.legendre.legdiv(C, cd.array([1.0, 0.0])), ZeroDivisionError, "legdiv"),
    (lambda: cp.legendre.legfit(cd.array(X), C, 1), TypeError, r"legfit: .*\(6,\) and y \(4,\)"),
    (lambda: cp.legendre.legfit(cd.array(X), Y, -1), ValueError, "legfit: deg"),
    (lambda: cp.legendre.legfit(cd.array(X), Y, 1, w=C), TypeError, r"w of shape \(6,\)"),
])  # fmt: skip
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize("tensor", [True, False])
@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_values_from_roots(shape, tensor):
    """np.polynomial itself takes an Array for one number, so that its result would be another."""
    ours, numpys = cp.polynomial.polyvalfromroots, np.polynomial.polynomial.polyvalfromroots
    rng = np.random.default_rng(3)
    x = rng.uniform(size=shape)
    for r in (rng.uniform(size=3), rng.uniform(size=(3, *shape)), rng.uniform(size=(3, 2, 1))):
        try:
            want = numpys(x, r, tensor)
        except ValueError:
            with pytest.raises(ValueError, match="polyvalfromroots"):
                ours(cd.array(x), r, tensor)
            continue
        np.testing.assert_allclose(ours(cd.array(x), r, tensor).numpy(), want, rtol=1e-13)
        cd.testing.check_grads(lambda x, r: ours(x, r, tensor), (x, r), order=2)
