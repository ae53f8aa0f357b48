"""Derivatives by orders and parameters for which SciPy has no function, against mpmath.

Bessel functions by their order over the whole plane (contour integrals), and the central difference
of `_differences.py`.
"""

import mpmath
import numpy as np
import pytest
import scipy.special as sc

import cdiff as cd
import cdiff.scipy.special as csp
from cdiff.scipy import _orders
from cdiff.scipy._language import FUNCTIONS

KINDS = {
    "jv": (_orders.jv_order_value, mpmath.besselj),
    "yv": (_orders.yv_order_value, mpmath.bessely),
    "ive": (_orders.ive_order_value, lambda v, x: mpmath.exp(-x) * mpmath.besseli(v, x)),
    "kve": (_orders.kve_order_value, lambda v, x: mpmath.exp(x) * mpmath.besselk(v, x)),
}
# Small and large arguments, turning points, whole and negative orders, both sides of every branch.
POINTS = [
    (0.3, 1.3), (0.0, 30.0), (5.0, 5.0), (5.01, 5.0), (50.0, 50.0), (50.3, 48.0), (120.0, 10.0),
    (1e-3, 1e-3), (-2.0, 1.3), (-2.5, 0.4), (-7.2, 3.0), (0.1, 1e-6), (20.0, 400.0), (30.0, 0.01),
]  # fmt: skip


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_bessel_functions_by_their_order(kind, order):
    value, exact = KINDS[kind]
    for v, x in POINTS:
        with mpmath.workdps(40):
            want = float(mpmath.diff(lambda u: exact(u, mpmath.mpf(x)), mpmath.mpf(v), order))
        np.testing.assert_allclose(value(order, v, x), want, rtol=2e-11, err_msg=f"{v}, {x}")


@pytest.mark.parametrize("kind", KINDS)
def test_the_contours_give_the_functions_themselves(kind):
    rng = np.random.default_rng(3)
    x = 10 ** rng.uniform(-6, 4, 300)
    v = np.where(rng.random(300) < 0.5, rng.uniform(-20, 200, 300), x * rng.uniform(0.5, 1.5, 300))
    v = np.where(v < 300, v, 2.5)
    with np.errstate(all="ignore"):
        want, found = getattr(sc, kind)(v, x), KINDS[kind][0](0, v, x)
        # Near a zero, digits are those of the modulus.
        scale = np.hypot(sc.jv(v, x), sc.yv(v, x)) if kind in ("jv", "yv") else np.abs(want)
        scale = np.where((np.abs(v) < x) | (v < 0), scale, np.abs(want))
    known = np.isfinite(scale) & (scale > 1e-280) & (scale < 1e280)
    assert known.sum() > 150
    assert np.max(np.abs(found - want)[known] / scale[known]) < 1e-10


def test_orders_of_other_arguments():
    assert np.isnan(_orders.jv_order_value(1, 0.5, -1.0))
    assert _orders.kve_order_value(1, 0.5, np.inf) == 0.0
    assert np.isnan(_orders.yv_order_value(1, np.nan, 1.0))
    assert _orders.ive_order_value(1, np.ones((0, 3)), 1.0).shape == (0, 3)


def test_mixed_derivatives_and_other_forms():
    """By the order and the argument in either sequence, through jvp and kvp too."""
    for f in (csp.jv, csp.yv, csp.iv, csp.ive, csp.kv, csp.kve):
        one = cd.grad(cd.grad(f, argnums=0), argnums=1)(1.3, 0.9)
        two = cd.grad(cd.grad(f, argnums=1), argnums=0)(1.3, 0.9)
        np.testing.assert_allclose(one, two, rtol=1e-11)
    cd.testing.check_grads(lambda v: csp.jvp(v, 1.7, 2) + csp.kvp(v, 1.2), (1.4,), order=2)
    several = cd.vmap(cd.grad(csp.kv))(np.array([0.4, 2.0]), np.array([1.0, 3.0]))
    np.testing.assert_allclose(several, [cd.grad(csp.kv)(0.4, 1.0), cd.grad(csp.kv)(2.0, 3.0)])


PARAMETERS = {
    "hyp1f1": ((1.3, 0.05, 0.5), (-2.5, 3.0, -30.0), (4.0, 2.0, 20.0)),
    "hyp2f1": ((1.3, 0.7, 0.1, 0.5), (0.4, 2.2, 1.5, -7.0), (3.0, 1.5, 4.5, 0.9)),
    "hyp0f1": ((0.1, -2.0), (12.0, 30.0), (-0.4, 0.7)),
    "hyperu": ((1.3, 0.7, 0.1), (3.0, -2.5, 12.0)),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_by_steps(name):
    """To 1e-9, also close to a pole of the function."""
    for point in PARAMETERS[name]:
        for k in range(len(point) - 1):
            f = lambda p: getattr(mpmath, name)(*[p if i == k else mpmath.mpf(x)
                                                  for i, x in enumerate(point)])  # fmt: skip
            with mpmath.workdps(40):
                want = float(mpmath.diff(f, mpmath.mpf(point[k])))
            found = cd.grad(FUNCTIONS[name], argnums=k)(*point)
            np.testing.assert_allclose(found, want, rtol=1e-9, err_msg=f"{point}, {k}")


def test_steps_keep_single_precision_and_constants():
    x = cd.array(np.full((2, 1), 1.3, "f4"), requires_grad=True)
    csp.hyp1f1(x, 0.7, np.array([0.5, 0.6], "f4")).sum().backward()
    assert x.grad.dtype == np.float32 and x.grad.shape == (2, 1)
    assert cd.grad(csp.eval_jacobi, argnums=1)(0, 0.4, 0.7, 0.3) == 0.0
