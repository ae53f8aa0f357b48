"""Every elementwise operator on the built core: derivatives in every mode, to order three.

By the reverse sweep, the forward sweep over a recorded graph and dual numbers, on scalars and on
arrays. What is right comes from elsewhere: mpmath's differences, complex steps, the oracle, and the
table's list of conventions for the awkward points. It must not know any row by its formula.
"""

import itertools
import math

import numpy as np
import pytest

mpmath = pytest.importorskip("mpmath")

from operator_modes import (  # noqa: E402
    BINARY,
    FUNCTIONS,
    NAMES,
    WAYS,
    along,
    by_jvp,
    by_vjp,
    columns,
    everywhere,
    moderate,
    near,
    numpys,
    points,
    same,
    slope,
    slopes,
)
from optable_exact import (  # noqa: E402
    ROWS,
    SMALL,
    SPECIAL,
    differentiable,
    exact_mixed,
    exact_partial,
)

import cdiff as cd  # noqa: E402
import cdiff.numpy as cnp  # noqa: E402
import reference as ad  # noqa: E402
from cdiff import _core  # noqa: E402
from cdiff.testing import check_grads  # noqa: E402

SMOOTH = [row.name for row in SMALL if any(d not in ("0", "1", "-1") for d in row.d)]

pytestmark = pytest.mark.filterwarnings("error")


# --- first derivatives --------------------------------------------------------------------------


@pytest.mark.parametrize("name", FUNCTIONS)
def test_partials_are_exact_to_a_few_ulp_in_every_mode(name):
    given = points(name)
    arrays = columns(given)
    for k in differentiable(ROWS[name]):
        found = [way(name, arrays, k, np.ones(len(given))) for way in WAYS]
        for i, point in enumerate(given):
            want, allowed = exact_partial(name, k, point)
            float_path = cd.grad(getattr(_core, name), argnums=k)(*point)
            scalars = [way(name, point, k, 1.0) for way in WAYS]
            for got in (float_path, *scalars, *[array[i] for array in found]):
                assert abs(float(got) - want) <= allowed, (k, point, got, want)


def has_complex_loop(name):
    ufunc = getattr(np, ROWS[name].numpy or "", None)
    return isinstance(ufunc, np.ufunc) and "D" * ufunc.nin + "->D" in ufunc.types


@pytest.mark.parametrize("name", [name for name in SMOOTH if has_complex_loop(name)])
def test_partials_against_complex_steps(name):
    for point in moderate(name):
        for k in range(len(point)):
            step = [complex(x, 1e-20 * (j == k)) for j, x in enumerate(point)]
            want = numpys(name, *step).imag / 1e-20
            assert by_jvp(name, point, k, 1.0) == pytest.approx(want, rel=1e-11), (point, k)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if hasattr(ad, name)])
def test_partials_are_the_oracles_at_the_edges_too(name):
    oracle = getattr(ad, name)
    for point in everywhere(name):
        if math.isnan(oracle(*point)) and not any(map(math.isnan, point)):
            continue  # outside of the domain
        for k in range(len(point)):
            want = ad.grad(oracle, k)(*point)
            assert near(by_vjp(name, point, k, 1.0), want, 5000), (point, k, want)


@pytest.mark.parametrize("name", [name for name in NAMES if ROWS[name].at_kink])
def test_conventions_at_kinks_in_every_mode(name):
    at_kink = ROWS[name].at_kink
    arrays = columns([point for point, _ in at_kink])
    for k in range(len(arrays)):
        found = [way(name, arrays, k, np.ones(len(at_kink))) for way in WAYS]
        for i, (point, partials) in enumerate(at_kink):
            float_path = cd.grad(getattr(_core, name), argnums=k)(*point)
            scalars = [way(name, point, k, 1.0) for way in WAYS]
            for got in (float_path, *scalars, *[array[i] for array in found]):
                assert near(got, partials[k]), (point, k, got)


# A nan is a seed too; products with it are nan, except where a zero absorbs it.
@pytest.mark.parametrize("seed", [1.0, -2.0, 0.0, math.inf, math.nan])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_all_modes_agree_at_the_edges_and_zeros_absorb(name, seed):
    given = everywhere(name)
    arrays = columns(given)
    for k in range(len(arrays)):
        found = [way(name, arrays, k, np.full(len(given), seed)) for way in WAYS]
        partial = slopes(name, k, given)
        for i, point in enumerate(given):
            want = by_vjp(name, point, k, seed)
            if seed == 0.0 or partial[i] == 0.0:
                assert want == 0.0, (point, k)
            else:
                with np.errstate(all="ignore"):
                    assert same(want, seed * partial[i]), (point, k)
            for way, array in zip(WAYS, found, strict=True):
                assert same(way(name, point, k, seed), want), (way.__name__, point, k)
                assert same(array[i], found[0][i]), (way.__name__, point, k)
            # Single values and vectors may come from different versions of a function.
            assert near(found[0][i], want, 64), (point, k, found[0][i], want)


@pytest.mark.parametrize("name", BINARY)
def test_one_value_as_both_operands(name):
    """x op x: both partials arrive at the same node."""
    function = getattr(_core, name)
    x = np.array([0.4, 1.5, 3.0])
    want = sum(slopes(name, k, tuple(zip(x.tolist(), x.tolist(), strict=True))) for k in (0, 1))
    for got in (
        cd.vjp(lambda x: function(x, x), x)[1](np.ones(3))[0],
        cd.jvp(lambda x: function(x, x), (x,), (np.ones(3),))[1],
        cd.linearize(lambda x: function(x, x), x)[1](np.ones(3)),
        [cd.grad(lambda x: function(x, x))(v) for v in x.tolist()],
        [cd.jvp(lambda x: function(x, x), (v,), (1.0,))[1] for v in x.tolist()],
        [cd.linearize(lambda x: function(x, x), v)[1](1.0) for v in x.tolist()],
    ):
        np.testing.assert_allclose(got, want, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("mode", ["reverse", "forward", "push"])
def test_where(mode):
    c = np.array([1.0, 0.0, -0.0, math.nan, math.inf])
    a, b = np.linspace(1, 2, 5), np.linspace(3, 5, 5)
    want = np.where(c, a, b)
    for condition in (c, c != 0, cd.array(c)):
        for k, chosen in ((0, c != 0), (1, c == 0)):
            f = slope(lambda a, b: _core.where(condition, a, b * 1.0), k, mode)  # noqa: B023
            np.testing.assert_array_equal(f(a, b), chosen)
        np.testing.assert_array_equal(_core.where(condition, a, b), want)
    # A branch that is not taken never sees a seed, however wild it is.
    f = slope(lambda a: cnp.where(a > 0, _core.sqrt(a), a), 0, mode)
    np.testing.assert_array_equal(f(np.array([4.0, 0.0, -1.0])), [0.25, 1.0, 1.0])
    assert f(0.0) == 1.0


# --- higher derivatives -------------------------------------------------------------------------


def mixed(name, directions, modes):
    f = getattr(_core, name)
    for k, mode in zip(directions, modes, strict=True):
        f = slope(f, k, mode)
    return f


def nestings(order):
    return itertools.product(("reverse", "forward", "push"), repeat=order)


def directions_of(name, order):
    return itertools.combinations_with_replacement(differentiable(ROWS[name]), order)


def exact_with_tolerance(name, directions, point):
    want = exact_mixed(name, directions, point)
    return want, 1e-11 * abs(want) + 1e-300


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("name", SMOOTH)
def test_higher_derivatives_in_every_nesting(name, order):
    for directions in directions_of(name, order):
        # Where a derivative is no double, it need only be large.
        given = [point for point in points(name)
                 if abs(exact_mixed(name, directions, point)) < 1e290]  # fmt: skip
        wants = [exact_with_tolerance(name, directions, point) for point in given]
        for number, modes in enumerate(nestings(order)):
            f = mixed(name, directions, modes)
            found = [f(*columns(given))]
            if number % 3 == 0 or order == 2:
                found.append([f(*point) for point in given])
            for i, (want, allowed) in enumerate(wants):
                for got in found:
                    assert abs(float(got[i]) - want) <= allowed, (directions, modes, given[i], want)


@pytest.mark.parametrize(("name", "point", "directions", "want"), SPECIAL)
def test_higher_derivatives_at_special_points(name, point, directions, want):
    order = len(directions)
    alternating = [("reverse", "forward", "push")[i % 3] for i in range(order)]
    chosen = nestings(order) if order < 4 else [("reverse",) * order, ("forward",) * order,
                                               alternating]  # fmt: skip
    for modes in chosen:
        f = mixed(name, directions, modes)
        assert f(*point) == pytest.approx(want, rel=1e-14, abs=0), modes
        arrays = [np.array([x, x]) for x in point]
        assert f(*arrays) == pytest.approx([want, want], rel=1e-14, abs=0), modes


def inside(name, point):
    """Is the point away from the border of the domain, and is the function tame there?"""
    row = ROWS[name]
    helpers = {"absolute": abs, "hypot": math.hypot}
    for factor in (0.9, 1.0, 1.1):
        operands = dict(zip(row.operands, [factor * x for x in point], strict=True))
        if row.domain and not eval(row.domain, helpers, operands):
            return False
    sizes = [abs(float(exact_mixed(name, (k,) * 3, point))) for k in differentiable(row)]
    return all(abs(x) > 0.05 for x in point) and max(sizes) < 1e3


@pytest.mark.parametrize("name", FUNCTIONS)
def test_numerically_to_order_three(name):
    given = [point for point in moderate(name) if inside(name, point)]
    assert given
    count = len(differentiable(ROWS[name]))
    args = columns(given)
    function = along(name, args, 0) if count == 1 else getattr(_core, name)
    check_grads(function, args[:count], order=3)
    point = given[0]
    check_grads(along(name, point, 0) if count == 1 else function, point[:count], order=3)


def test_the_tests_reach_every_row():
    assert {row.name for row in SMALL} | {"where"} == set(ROWS)
    assert all(callable(getattr(_core, name)) for name in ROWS)
    assert all(moderate(name) for name in FUNCTIONS)
