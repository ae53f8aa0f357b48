"""Interpolants of one variable: steps, splines by their knots, Akima's and periodic ones.

Values against SciPy, derivatives in both modes to order two against differences, compiled against
eager, mapped against one by one. It must not know how a derivative is made.
"""

import numpy as np
import pytest
import scipy.interpolate as si
from scipy_checks import checks_of, compiled_agrees

import cdiff as cd
import cdiff.scipy.interpolate as cip

rng = np.random.default_rng(11)
X = np.cumsum(rng.uniform(0.4, 1.0, size=8))
V = rng.normal(size=8)
Y2 = rng.normal(size=(8, 2))
Q = np.array([X[0] + 0.1, X[2] + 0.21, X[5] + 0.3, X[7] - 0.05])
FAR = np.array([X[0] - 0.37, X[3] + 0.1, X[7] + 0.71])
LOOP = np.append(V[:-1], V[0])  # ends where it began
LOOP2 = np.concatenate([Y2[:-1], Y2[:1]])
KNOTS = np.array([0.0, 0.0, 0.0, 0.0, 0.9, 1.7, 3.0, 3.0, 3.0, 3.0])
APART = KNOTS + 0.013 * np.arange(10)  # no two equal ones
C6 = rng.normal(size=6)
C62 = rng.normal(size=(2, 6, 3))
AT = np.array([[0.1, 1.2], [2.9, 1.75]])
AWAY = np.array([-0.4, 0.95, 3.6])
POLY = rng.normal(size=(4, 3))
POLY2 = rng.normal(size=(2, 3, 4, 2))
BREAKS = np.array([0.0, 0.8, 2.0, 2.5])
MIXED = np.array([3, 0, 5, 7, 1, 2, 6, 4])


def loops(x, y, q):
    return cip.CubicSpline(x, y, bc_type="periodic")(q)


def loop_of(v):
    """Values that end where they begin."""
    m = cd.numpy if isinstance(v, cd.Array) else np
    return m.concatenate([v[:-1], v[:1]])


STEPS = {f"interp1d {kind}": (lambda x, y, q, k=kind: cip.interp1d(x, y, k)(q), (X, V, Q))
         for kind in ("zero", "slinear", "quadratic", "cubic", 5)}  # fmt: skip
STEPS |= {f"interp1d {kind}": (lambda y, q, k=kind: cip.interp1d(X, y, k)(q), (V, Q))
          for kind in ("nearest", "nearest-up", "previous", "next")}  # fmt: skip
STEPS |= {f"interp1d {kind} beyond": (
              lambda y, k=kind: cip.interp1d(X, y, k, axis=0, fill_value="extrapolate")(
                  FAR if k not in ("previous", "next") else Q), (Y2,))
          for kind in ("linear", "nearest", "previous", "next", "zero", "quadratic", "cubic")}
STEPS |= {
    "interp1d unsorted": (lambda x, y: cip.interp1d(x[MIXED], y[MIXED], "quadratic")(Q), (X, V)),
    "interp1d unsorted steps": (lambda y: cip.interp1d(X[MIXED], y, "previous", 0)(Q), (Y2,)),
    "interp1d filled": (lambda y, q: cip.interp1d(X, y, "quadratic", bounds_error=False,
                                                  fill_value=(1.0, 2.0))(q), (V, FAR)),
}  # fmt: skip

CURVES = {
    "periodic": (lambda x, y, q: loops(x, loop_of(y), q), (X, V, Q)),
    "periodic columns": (lambda y, q: loops(X, loop_of(y), q), (Y2, FAR)),
    "periodic of 3": (lambda x, y: loops(x, loop_of(y), FAR), (X[:3], V[:3])),
    "periodic of 4": (lambda x, y: loops(x, loop_of(y), FAR), (X[:4], V[:4])),
    "periodic slope": (lambda y, q: cip.CubicSpline(X, loop_of(y), bc_type="periodic")(q, 1),
                       (V, FAR)),
    **{f"periodic spline {k}": (lambda x, y, q, k=k: cip.make_interp_spline(
        x, loop_of(y), k, bc_type="periodic")(q), (X, V, FAR)) for k in (1, 2, 3, 4, 5)},
    "periodic spline of 3": (lambda x, y: cip.make_interp_spline(
        x, loop_of(y), 4, bc_type="periodic")(FAR), (X[:3], V[:3])),
    "periodic spline columns": (lambda y: cip.make_interp_spline(
        X, loop_of(y), bc_type="periodic")(FAR, 1), (Y2,)),
    "periodic integral": (lambda y, a, b: cip.CubicSpline(
        X, loop_of(y), bc_type="periodic").integrate(a, b), (Y2, FAR[0], FAR[2] + 9.0)),
    "akima": (lambda x, y, q: cip.Akima1DInterpolator(x, y)(q), (X, V, Q)),
    "akima columns": (lambda y: cip.Akima1DInterpolator(X, y, axis=1, extrapolate=True)(FAR),
                      (Y2.T.copy(),)),
    "akima of 2": (lambda x, y: cip.Akima1DInterpolator(x, y)(x[:1] + 0.1), (X[:2], V[:2])),
    "akima of 3": (lambda x, y: cip.Akima1DInterpolator(x, y)(x[:1] + 0.1), (X[:3], V[:3])),
    "makima": (lambda x, y, q: cip.Akima1DInterpolator(x, y, method="makima")(q), (X, V, Q)),
    "akima slope": (lambda y, q: cip.Akima1DInterpolator(X, y).derivative()(q), (V, Q)),
    "ppoly": (lambda c, x, q: cip.PPoly(c, x)(q), (POLY, BREAKS, AWAY)),
    "ppoly axis": (lambda c, q: cip.PPoly(c, BREAKS[[0, 1, 2, 3, 3]] + np.arange(5), axis=1)(q),
                   (POLY2, AT)),
    "ppoly derivative": (lambda c, q: cip.PPoly(c, BREAKS).derivative(2)(q), (POLY, AWAY)),
    "ppoly integral": (lambda c, x: cip.PPoly(c, x).integrate(0.3, 2.2), (POLY, BREAKS)),
    "ppoly inside": (lambda c, q: cip.PPoly(c, BREAKS, extrapolate=False)(q), (POLY, AT / 1.3)),
    "ppoly descending": (lambda c, x, q: [
        cip.PPoly(c, x[::-1])(q), cip.PPoly(c, x[::-1]).integrate(0.3, 2.2),
        cip.PPoly(c, x[::-1], extrapolate=False)(q[1:2]), cip.PPoly(c, x[::-1], "periodic")(q)],
        (POLY, BREAKS, AWAY)),
    "ppoly periodic": (lambda c, q: cip.PPoly(c, BREAKS, "periodic")(q), (POLY, AWAY)),
    "coefficients": (lambda x, y: cip.CubicSpline(x, y).c, (X, Y2)),
}  # fmt: skip

SPLINES = {
    "bspline": (lambda t, c, q: cip.BSpline(t, c, 3)(q), (APART, C6, AWAY)),
    "bspline axis": (lambda c, q: cip.BSpline(KNOTS, c, 3, axis=1)(q), (C62, AT)),
    "bspline inside": (lambda c, q: cip.BSpline(KNOTS, c, 3, False)(q), (C6, AT)),
    "bspline periodic": (lambda c, q: cip.BSpline(KNOTS, c, 3, "periodic")(q), (C6, AWAY)),
    "bspline nu": (lambda c, q: cip.BSpline(KNOTS, c, 3)(q, 2), (C6, AT)),
    "bspline derivative": (lambda t, c, q: cip.BSpline(t, c, 3).derivative(2)(q), (APART, C6, AT)),
    "bspline antiderivative": (lambda c, q: cip.BSpline(KNOTS, c, 3, axis=1).antiderivative(2)(q),
                               (C62, AWAY)),
    "bspline integrate": (lambda c, a: cip.BSpline(KNOTS, c, 3).integrate(a, 2.5), (C6, AWAY[0])),
    "bspline integrate beyond": (
        lambda c, b: cip.BSpline(KNOTS, c, 3).integrate(0.7, b), (C6, AWAY[2])),
    "bspline integrate inside": (lambda c, a: cip.BSpline(KNOTS, c, 3).integrate(
        a - 1.0, 9.0, extrapolate=False), (C6, AT[0, 0])),
    "bspline steps": (lambda c: cip.BSpline(KNOTS[3:7], c, 0)(AT), (C6[:3],)),
    "made axis": (lambda y: cip.make_interp_spline(X, y, axis=1)(FAR), (Y2.T.copy(),)),
    "made ends": (lambda x, y, d: cip.make_interp_spline(
        x, y, bc_type=([(1, d[0])], [(2, d[1])]))(Q), (X, V, C6[:2])),
    "made two ends": (lambda y, d: cip.make_interp_spline(
        X, y, 5, bc_type=([(1, d), (2, 0.5)], [(1, 0.0), (3, 1.0)]))(Q), (V, C6[0])),
    "made knots": (lambda y, t: cip.make_interp_spline(X, y, 2, t=t)(Q),
                   (V, np.r_[X[0] - [0.3, 0.2, 0.1], X[1:-2] / 2 + X[2:-1] / 2,
                             X[-1] + [0.1, 0.2, 0.3]])),
    "made coefficients": (lambda x, y: cip.make_interp_spline(x, y).c, (X, V)),
}  # fmt: skip
SPLINES |= {f"made {k}": (lambda x, y, q, k=k: cip.make_interp_spline(x, y, k)(q), (X, Y2, Q))
            for k in range(6)}  # fmt: skip
SPLINES |= {f"made {bc}": (lambda y, q, b=bc: cip.make_interp_spline(X, y, bc_type=b)(q), (V, FAR))
            for bc in ("clamped", "natural", "not-a-knot")}  # fmt: skip
CASES = STEPS | CURVES | SPLINES
test_values_are_scipys, test_derivatives, _, test_mapped = checks_of(CASES)


@pytest.mark.parametrize("name", CASES)
def test_compiled(name):
    assert compiled_agrees(*CASES[name]) == 1


def test_akima_where_the_slopes_do_not_change():
    """On a line the weights are 0 / 0: SciPy takes the mean of two slopes, which is exact there."""
    line = np.arange(8.0)
    got = cip.Akima1DInterpolator(line, cd.array(2 * line + 1), extrapolate=True)(FAR)
    np.testing.assert_allclose(got.numpy(), 2 * FAR + 1, rtol=1e-14)
    slope = cd.grad(lambda s: cip.Akima1DInterpolator(line, s * line)(2.5))(3.0)
    np.testing.assert_allclose(slope, 2.5, rtol=1e-14)


def test_a_step_at_a_point_is_scipys():
    for kind in ("nearest", "nearest-up", "previous", "next", "zero"):
        at = np.concatenate([X, (X[1:] + X[:-1]) / 2])
        got = cip.interp1d(X, cd.array(V), kind)(at)
        np.testing.assert_array_equal(got.numpy(), si.interp1d(X, V, kind)(at))


@pytest.mark.parametrize(("call", "error", "text"), [
    (lambda: cip.interp1d(X, cd.array(V), "odd"), NotImplementedError, "kind='odd'"),
    (lambda: cip.interp1d(X[:3], cd.array(V[:3]), "cubic"), ValueError, "fewer than 4 points"),
    (lambda: cip.CubicSpline(X, cd.array(V), bc_type="periodic")(Q), ValueError, "identical"),
    (lambda: cip.CubicSpline(X, cd.array(V), bc_type="odd")(Q), ValueError, "bc_type='odd'"),
    (lambda: cip.Akima1DInterpolator(X, cd.array(V), method="x"), NotImplementedError, "method"),
    (lambda: cip.PPoly(cd.array(V), X), ValueError, r"\(8,\) have no axis"),
    (lambda: cip.PPoly(cd.array(POLY), X), ValueError, "do not fit"),
    (lambda: cip.PPoly(cd.array(POLY), BREAKS[[0, 2, 1, 3]]), ValueError, "increasing"),
    (lambda: cip.BSpline(KNOTS, cd.array(C6[:3]), 3), ValueError, r"\(10,\).*\(3,\).*degree 3"),
    (lambda: cip.BSpline(KNOTS[::-1], cd.array(C6), 3), ValueError, "non-decreasing"),
    (lambda: cip.BSpline(KNOTS, cd.array(C6), 3)(Q, 0, "odd"), ValueError, "not 'odd'"),
    (lambda: cip.BSpline(KNOTS, cd.array(C6), 3).derivative(4), ValueError, "0 to 3, not 4"),
    (lambda: cip.BSpline(KNOTS, cd.array(C6), 3, "periodic").integrate(0.0, 1.0),
     NotImplementedError, "within one period"),
    (lambda: cip.make_interp_spline(X, cd.array(V), bc_type="periodic"), ValueError, "last of y"),
    (lambda: cip.make_interp_spline(X, cd.array(LOOP), 3, KNOTS, "periodic"), ValueError,
     "has 14 knots, not 10"),
    (lambda: cip.make_interp_spline(X, cd.array(V), bc_type="odd"), ValueError, "'odd'"),
    (lambda: cip.make_interp_spline(X[:4], cd.array(V)), ValueError, r"\(4,\) and y .*\(8,\)"),
    (lambda: cip.make_interp_spline(X[::-1], cd.array(V)), ValueError, "strictly increasing"),
    (lambda: cip.make_interp_spline(X, cd.array(V), t=KNOTS), ValueError, "8 points, degree 3"),
    (lambda: cip.make_interp_spline(X, cd.array(V), bc_type=([(7, 0.0)], [(1, 0.0)])), ValueError,
     "0 to 3"),
])  # fmt: skip
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()
