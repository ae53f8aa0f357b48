"""`cdiff.integrate.solve_ivp` and `solve_bvp`: SciPy's solvers with exact derivatives.

Results are compared with SciPy's own, and with solutions in closed form.
"""

import copy
import pickle
from collections import OrderedDict, defaultdict
from typing import Any, NamedTuple

import numpy as np
import pytest

import cdiff as cd
import cdiff.integrate as cdi
import cdiff.numpy as cnp

scipy_integrate = pytest.importorskip("scipy.integrate")


@pytest.mark.parametrize("compile", [True, False])
@pytest.mark.parametrize("method", ["RK45", "DOP853", "Radau", "BDF", "LSODA"])
def test_solve_ivp(method, compile):
    def f(t, y, k):
        return {"a": -k * (y["a"] - y["b"]), "b": -y["b"]}

    def by_hand(t, v, k):
        return np.array([*(-k * (v[:2] - v[2])), -v[2]])

    start = {"a": np.array([0.0, 2.0]), "b": 1.0}
    found = cdi.solve_ivp(f, (0.0, 1.0), start, method, args=(50.0,), dense_output=True,
                          compile=compile, rtol=1e-6)  # fmt: skip
    own = {}
    if method in ("Radau", "BDF", "LSODA"):
        jac = np.array([[-50.0, 0, 50], [0, -50, 50], [0, 0, -1]])
        own["jac"] = lambda t, v, k: jac
    expected = scipy_integrate.solve_ivp(by_hand, (0.0, 1.0), [0.0, 2.0, 1.0], method,
                                         args=(50.0,), rtol=1e-6, **own)  # fmt: skip
    assert found.success and found.t.shape == expected.t.shape
    np.testing.assert_allclose(found.y["a"], expected.y[:2], rtol=1e-7)
    np.testing.assert_allclose(found.y["b"], expected.y[2], rtol=1e-7)
    assert found.sol(0.5)["a"].shape == (2,) and found.sol(np.zeros(3))["a"].shape == (2, 3)


def test_solve_ivp_gets_exact_jacobians_and_events():
    calls = []

    def f(t, y):
        calls.append(t)
        return cnp.stack([y[1], 1000.0 * (1 - y[0] ** 2) * y[1] - y[0]])

    def crossing(t, y):
        return y[0]

    crossing.terminal = True
    found = cdi.solve_ivp(f, (0.0, 2000.0), np.array([2.0, 0.0]), "Radau", events=crossing)
    assert found.status == 1 and found.y_events[0].shape == (2, 1) and len(calls) < 10
    assert found.y.shape[0] == 2 and abs(found.y_events[0][0, 0]) < 1e-9
    plain = scipy_integrate.solve_ivp(
        lambda t, y: [y[1], 1000.0 * (1 - y[0] ** 2) * y[1] - y[0]], (0.0, 2000.0), [2.0, 0.0],
        "Radau", events=crossing,
    )  # fmt: skip
    assert found.t[-1] == pytest.approx(plain.t[-1], rel=1e-2)
    with pytest.raises(ValueError, match="what fun returned"):
        cdi.solve_ivp(lambda t, y: y[:1], (0, 1), np.ones(2))


def test_solve_bvp():
    x = np.linspace(0.0, np.pi, 11)
    found = cdi.solve_bvp(
        lambda x, y, p: cnp.stack([y[1], -p[0] ** 2 * y[0]]),
        lambda a, b, p: cnp.stack([a[0], b[0], a[1] - p[0]]),
        x, np.stack([np.sin(1.3 * x), np.cos(1.3 * x)]), p=np.array([1.3]), tol=1e-8,
    )  # fmt: skip
    assert found.success and found.p[0] == pytest.approx(1.0, rel=1e-7)
    np.testing.assert_allclose(found.sol(x)[0], np.sin(x), atol=1e-6)
    bratu = cdi.solve_bvp(lambda x, y: cnp.stack([y[1], -np.exp(y[0])]),
                          lambda a, b: cnp.stack([a[0], b[0]]),
                          x / np.pi, np.zeros((2, 11)), compile=False)  # fmt: skip
    assert float(bratu.sol(0.5)[0]) == pytest.approx(0.14054, abs=1e-4)


class Membrane(NamedTuple):
    height: np.ndarray
    slope: np.ndarray


@pytest.mark.parametrize("compile", [True, False])
def test_solve_bvp_in_containers(compile):
    """Two oscillators with one unknown stiffness each, as SciPy solves them with matrices."""
    x = np.linspace(0.0, np.pi, 15)

    def f(x, y, p):
        return Membrane(y.slope, -(p["k"] ** 2)[:, None] * y.height)

    def bc(a, b, p):
        return {"ends": (a.height, b.height), "start": a.slope - p["k"]}

    waves = np.stack([np.sin(1.2 * x), np.sin(2.2 * x)])
    guess = Membrane(waves, np.gradient(waves, x, axis=1))
    found = cdi.solve_bvp(f, bc, x, guess, {"k": np.array([1.2, 2.2])}, compile=compile, tol=1e-7)
    assert found.success and type(found.y) is Membrane and found.yp.slope.shape[0] == 2
    np.testing.assert_allclose(found.p["k"], [1.0, 2.0], rtol=1e-7)
    there = found.sol(x)
    np.testing.assert_allclose(there.height, np.stack([np.sin(x), np.sin(2.0 * x)]), atol=1e-6)
    np.testing.assert_allclose(found.sol(0.3, 1).height, there.slope[:, 0] * 0 +
                               [np.cos(0.3), 2.0 * np.cos(0.6)], atol=1e-5)  # fmt: skip

    def rows(x, y, p):
        return np.vstack([y[2:], -(p**2)[:, None] * y[:2]])

    def by_hand(a, b, p):
        return np.concatenate([a[:2], b[:2], a[2:] - p])

    expected = scipy_integrate.solve_bvp(rows, by_hand, x, np.vstack(guess), [1.2, 2.2], tol=1e-7)
    assert found.x.shape == expected.x.shape
    np.testing.assert_allclose(np.vstack(found.y), expected.y, rtol=1e-6, atol=1e-8)


def test_solve_bvp_gets_exact_jacobians(monkeypatch):
    seen = {}

    def method(fun, bc, x, y, p, fun_jac, bc_jac, **rest):
        seen.update(fun=fun_jac(x, y, p), bc=bc_jac(y[:, 0], y[:, -1], p), value=fun(x, y, p))
        return scipy_integrate._ivp.ivp.OdeResult(y=y, yp=y, sol=None, p=p)

    monkeypatch.setattr(scipy_integrate, "solve_bvp", method)
    x = np.linspace(0.0, 1.0, 4)
    y = {"u": np.linspace(0.1, 0.4, 4), "v": np.ones(4)}
    cdi.solve_bvp(
        lambda x, y, p: {"u": p * y["v"] * x, "v": np.sin(y["u"]) * y["v"]},
        lambda a, b, p: (a["u"] * b["v"], p**2, b["u"]), x, y, 3,
    )  # fmt: skip
    zero, u = np.zeros(4), y["u"]
    by_y = np.array([[zero, 3.0 * x], [np.cos(u), np.sin(u)]])
    np.testing.assert_allclose(seen["fun"][0], by_y)
    np.testing.assert_allclose(seen["fun"][1], np.array([[x], [zero]]))
    np.testing.assert_allclose(seen["value"], [3.0 * x, np.sin(u)])
    np.testing.assert_allclose(seen["bc"][0], [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    np.testing.assert_allclose(seen["bc"][1], [[0.0, 0.1], [0.0, 0.0], [1.0, 0.0]])
    np.testing.assert_allclose(seen["bc"][2], [[0.0], [6.0], [0.0]])


def test_forms_of_a_boundary_value_problem():
    x = np.linspace(0.0, 1.0, 5)
    single = cdi.solve_bvp(lambda x, y: -y, lambda a, b: a - 1.0, x, np.ones(5))
    np.testing.assert_allclose(single.y, np.exp(-single.x), atol=1e-4)
    zeros = {"u": np.zeros(5), "v": np.zeros(5)}
    ends = lambda a, b: (a["u"], b["u"])
    sagging = cdi.solve_bvp(lambda x, y: {"u": y["v"], "v": -1.0}, ends, x, zeros)
    np.testing.assert_allclose(sagging.y["u"], x * (1.0 - x) / 2.0, atol=1e-12)
    for guess in (np.zeros((2, 5), int), [[0] * 5, [0.0] * 5]):
        listed = cdi.solve_bvp(lambda x, y: [y[1], -1.0], lambda a, b: [a[0], b[0]], x, guess)
        np.testing.assert_allclose(listed.y[0], sagging.y["u"], atol=1e-12)
    turning = cdi.solve_bvp(lambda x, y: (y[1], -y[0]), lambda a, b: (a[0] - 1.0, b[0] - 1.0j), x,
                            np.zeros((2, 5), complex), tol=1e-8)  # fmt: skip
    exact = np.cos(turning.x) + (1.0j - np.cos(1.0)) / np.sin(1.0) * np.sin(turning.x)
    np.testing.assert_allclose(turning.y[0], exact, atol=1e-7)


def test_mistakes_of_solve_bvp():
    x = np.linspace(0.0, 1.0, 5)
    y = {"u": np.zeros(5), "v": np.zeros((2, 5))}
    ends = lambda a, b: (a["u"], b["v"])
    same = lambda x, y: y
    with pytest.raises(ValueError, match=r"last axis of y\['v'\].*5 places.*\(5, 2\)"):
        cdi.solve_bvp(same, ends, x, {"u": np.zeros(5), "v": np.zeros((5, 2))})
    with pytest.raises(ValueError, match=r"x must be a vector of places"):
        cdi.solve_bvp(same, ends, np.ones((2, 2)), y)
    with pytest.raises(ValueError, match=r"shape \(2,\) of a state and the 5 places: \(2, 5\)"):
        cdi.solve_bvp(lambda x, y: {"u": y["u"], "v": y["u"]}, ends, x, y)
    with pytest.raises(TypeError, match="must have 2 entries, it has 1"):
        cdi.solve_bvp(lambda x, y: {"u": y["u"]}, ends, x, y)
    with pytest.raises(TypeError, match="bc"):
        cdi.solve_bvp(same, None, x, y)
    rows = np.zeros((2, 5))
    for out in ([rows[0], rows[0, :1]], [rows[0], rows]):
        with pytest.raises(ValueError, match="a row; it must have the shape"):
            cdi.solve_bvp(lambda x, y, out=out: out, lambda a, b: (a[0], b[0]), x, rows)
    with pytest.raises(TypeError, match="is complex at a row, the first guess is real"):
        cdi.solve_bvp(lambda x, y: (y[1], 1j * y[0]), lambda a, b: (a[0], b[0]), x, rows)
    for out in (None, []):
        with pytest.raises((TypeError, ValueError), match="solve_bvp: the output of test_mistakes"):
            cdi.solve_bvp(lambda x, y, out=out: out, lambda a, b: (a[0], b[0]), x, rows)


def test_lists_of_rows_are_arrays():
    """SciPy's users return lists."""
    t = np.array([0.0, 1.0])
    turn = lambda t, y: [y[1], -y[0]]
    found = cdi.solve_ivp(turn, t, [1, 0], "Radau", rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.y[:, -1], [np.cos(1.0), -np.sin(1.0)], rtol=1e-7)
    end = lambda w: cdi.odeint(lambda t, y: (w * y[1], -w * y[0]), np.array([1.0, 0.0]), t)[-1][0]
    assert cd.grad(end)(1.0) == pytest.approx(-np.sin(1.0), rel=1e-6)
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        cdi.solve_ivp(lambda t, y: [y[1]], t, [1.0, 0.0])
    assert cdi.solve_ivp(turn, t, [1.0, 0.0], dense_output=True).sol.t_max == 1.0
    with pytest.raises(RuntimeError, match="not finite behind t = "):
        cdi.odeint(lambda t, y: np.where(t < 0.5, y, np.nan), np.ones(1), t)
    with pytest.raises(TypeError, match="one number or array"):
        cdi.solve_ivp(lambda t, y: [y[1], [y[0]]], t, [1.0, 0.0])
    for f in (lambda t, y: [1.0j, y[0]], lambda t, y: 1j * y):
        with pytest.raises(TypeError, match=r"is real, but .* is complex"):
            cdi.solve_ivp(f, t, [1.0, 0.0])
        with pytest.raises(TypeError, match=r"is real, but .* is complex"):
            cdi.odeint(f, np.ones(2), t)


@pytest.mark.parametrize("method", ["Radau", "BDF"])
def test_solve_ivp_with_a_sparse_jacobian(method):
    def heat(t, y, k):
        u = np.concatenate([np.zeros(1), y["u"], np.zeros(1)])
        return {"u": k * (u[2:] - 2.0 * u[1:-1] + u[:-2]) * 1e3 - y["u"] ** 3}

    start = {"u": np.sin(np.linspace(0.0, np.pi, 32)[1:-1])}
    given = {"rtol": 1e-6, "args": (2.0,)}
    found = cdi.solve_ivp(heat, (0.0, 0.1), start, method, sparse=True, **given)
    dense = cdi.solve_ivp(heat, (0.0, 0.1), start, method, **given)
    assert found.success and found.t.shape == dense.t.shape
    np.testing.assert_allclose(found.y["u"], dense.y["u"], rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="Radau and BDF, not 'LSODA'"):
        cdi.solve_ivp(heat, (0.0, 0.1), start, "LSODA", sparse=True, **given)


@pytest.mark.parametrize("method", ["RK45", "RK23", "DOP853", "BDF"])
@pytest.mark.parametrize("start", [[1.0 + 0.5j, 2.0], (1j, -1.0), np.array([1.0 + 0.5j, 2.0])])
def test_solve_ivp_of_complex_states_is_scipys(method, start):
    spin = lambda t, y: [1j * y[0] * y[1], -0.5j * y[1] + 0.1 * y[0]]
    expected = scipy_integrate.solve_ivp(spin, (0.0, 1.0), start, method, rtol=1e-8, atol=1e-10)
    found = cdi.solve_ivp(spin, (0.0, 1.0), start, method, rtol=1e-8, atol=1e-10)
    assert found.y.dtype == complex and found.y.shape[0] == 2
    np.testing.assert_allclose(found.y[:, -1], expected.y[:, -1], rtol=1e-5)
    if method == "BDF":
        assert found.njev > 0


class Pair(NamedTuple):
    u: Any
    v: Any


def test_results_in_containers_can_be_stored():
    starts = [{"x": 1.0, "rest": [np.ones(2), None]}, (1.0, np.ones(2)), OrderedDict(x=1.0),
              defaultdict(float, x=1.0), Pair(1.0, np.ones(2))]  # fmt: skip
    for start in starts:
        decay = lambda t, y: cd.tree_map(lambda part: -part, y)
        found = cdi.solve_ivp(decay, (0.0, 1.0), start, dense_output=True)
        for again in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
            here, there = found.sol(0.5), again.sol(0.5)
            assert type(here) is type(there) is type(start)
            cd.tree_map(np.testing.assert_array_equal, here, there)
            cd.tree_map(np.testing.assert_array_equal, found.y, again.y)
            assert again.sol.ts.tolist() == found.sol.ts.tolist()


def test_events_are_numbers():
    for event in (lambda t, y: None, lambda t, y: y, lambda t, y: {"a": 1.0, "b": 2.0}):
        with pytest.raises(TypeError, match=r"the output of .*an event is one number"):
            cdi.solve_ivp(lambda t, y: -y, (0.0, 1.0), np.ones(2), events=event)
    found = cdi.solve_ivp(lambda t, y: -y, (0.0, 1.0), [2.0], events=lambda t, y: y - 1.0)
    assert found.t_events[0] == pytest.approx([np.log(2.0)], rel=1e-2)


def test_solve_ivp_takes_scipys_classes():
    calls = []

    def slope(t, y):
        calls.append(1)
        return [-1000.0 * (y[0] - y[1]), -y[1]]

    for method in (scipy_integrate.Radau, scipy_integrate.BDF):
        del calls[:]
        found = cdi.solve_ivp(slope, (0.0, 1.0), [0.0, 1.0], method, compile=False)
        assert found.njev > 0
        # What SciPy counts does not hold the calls for a Jacobian, of which differences need two.
        assert len(calls) <= found.nfev + found.njev + 1
        with_sparse = cdi.solve_ivp(slope, (0.0, 1.0), [0.0, 1.0], method, sparse=True)
        np.testing.assert_allclose(with_sparse.y[:, -1], found.y[:, -1], rtol=1e-6)
    with pytest.raises(ValueError, match="not 'RK45'"):
        cdi.solve_ivp(slope, (0.0, 1.0), [0.0, 1.0], scipy_integrate.RK45, sparse=True)
