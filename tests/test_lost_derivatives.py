"""Results of SciPy's solvers have no derivative: where one is asked for, an error says what has.

What stands in a function, its arguments, its data or its start may be a value that is being
differentiated; a solver must not take it for a plain number. A guess may be one, of which a
solution is no function.
"""

import numpy as np
import pytest

import cdiff as cd
import cdiff.integrate as cdi
import cdiff.optimize as cdo

pytest.importorskip("scipy.optimize")

T = np.arange(3.0)
SQUARES = "implicit_minimize of the sum of squares"
LOST = [
    (lambda a, **o: cdo.minimize(lambda x: (x - a) ** 2, 0.0, **o), "implicit_minimize"),
    (lambda a, **o: cdo.minimize(lambda x: (x - a) ** 2, 0.0, method="COBYQA", **o), "implicit"),
    (lambda a, **o: cdo.root(lambda x: x - a, 0.0, **o), "custom_root"),
    (lambda a, **o: cdo.root(lambda x, b: x - b, 0.0, args=(a,), **o), "custom_root"),
    (lambda a, **o: cdo.least_squares(lambda x: x - a, 0.0, **o), SQUARES),
    (lambda a, **o: cdo.curve_fit(lambda x, b: a * b * x, T, T, **o), SQUARES),
    (lambda a, **o: cdo.curve_fit(lambda x, b: b * x, a * T, T, **o), SQUARES),
    (lambda a, **o: cdo.curve_fit(lambda x, b: b * x, T, a * T, **o), SQUARES),
    (lambda a, **o: cdo.curve_fit(lambda x, b: b * x, T, T, sigma=a * (T + 1.0), **o), SQUARES),
]


@pytest.mark.parametrize("compile", [True, False])
@pytest.mark.parametrize(("lost", "instead"), LOST)
def test_results_of_optimisers(lost, instead, compile):
    with pytest.raises(TypeError, match=f"being differentiated.*no derivative; take.*{instead}"):
        cd.grad(lambda a: lost(a, compile=compile) and 1.0)(2.0)
    assert lost(2.0, compile=compile)  # without a derivative all is well


def test_a_guess_has_no_derivative():
    line = lambda x: x - 1.0
    for call in (lambda a: cdo.root(line, a), lambda a: cdo.minimize(lambda x: line(x) ** 2, a)):
        assert cd.grad(lambda a, call=call: call(a).x)(2.0) == 0.0


def test_other_errors_stay_what_they_are():
    def fails(x):
        raise ZeroDivisionError("of the user")

    for call in (cdo.minimize, cdo.root, cdo.least_squares):
        with pytest.raises(ZeroDivisionError, match="of the user"):
            cd.grad(lambda a, call=call: call(lambda x: fails(x * a), 1.0).x)(2.0)


@pytest.mark.parametrize("method", ["RK45", "Radau"])
def test_results_of_solve_ivp(method):
    """A start is no guess: its derivative is not zero."""
    span = (0.0, 1.0)
    lost = [
        lambda a: cdi.solve_ivp(lambda t, y: -y, span, a, method).y[-1],
        lambda a: cdi.solve_ivp(lambda t, y: {"u": -y["u"]}, span, {"u": a}, method).y["u"][-1],
        lambda a: cdi.solve_ivp(lambda t, y: -a * y, span, 1.0, method).y[-1],
        lambda a: cdi.solve_ivp(lambda t, y, k: -k * y, span, 1.0, method, args=(a,)).y[-1],
    ]
    for f in lost:
        with pytest.raises(TypeError, match=r"no derivative; take cdiff.integrate.odeint"):
            cd.grad(f)(2.0)
        compiled = cd.compile(f)
        for a in (1.0, 2.0, 1.5):
            assert compiled(a) == f(a)
        np.testing.assert_allclose(cd.vmap(f)(np.array([1.0, 2.0])), [f(1.0), f(2.0)], rtol=1e-12)
