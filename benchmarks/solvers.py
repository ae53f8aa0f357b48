"""Solvers: what exact derivatives save where SciPy would take differences.

Three problems: the gradient of a loss on the solution of a differential equation by its parameters
(beside `jax.experimental.ode` and differences of `solve_ivp`), a minimum by BFGS, and the
derivative of the root of a system by its parameters. SciPy's answers by differences have few
digits, so answers are compared after rounding; parameters differ from call to call, so that nothing
is remembered. This file knows how each library writes a problem.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks._peers import load
from benchmarks._report import Reasons, Report, duration, ratio, shown
from benchmarks._timing import Case, Missing, Pace, Race

CONTENDERS = ("cdiff", "cdiff eager", "differences")
TIMES = np.linspace(0.0, 5.0, 11)
START = np.array([1.0, 0.6])
RATES = np.array([1.1, 0.9, 0.8, 0.7])
TOLERANCE = 1e-8
SIZE = 20  # unknowns of the system, and variables of the minimum

Run = Callable[[], Any]


def new_rates() -> Callable[[], Any]:
    """Parameters that differ from call to call, too little to matter."""
    turn = itertools.count()
    return lambda: RATES * (1.0 + 1e-12 * next(turn))


def slope(xp: Any, t: Any, y: Any, p: Any) -> Any:
    """Predators and their prey."""
    return xp.stack([p[0] * y[0] - p[1] * y[0] * y[1], p[2] * y[0] * y[1] - p[3] * y[1]])


def rosenbrock(xp: Any, x: Any) -> Any:
    return xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def system(xp: Any, x: Any, p: Any) -> Any:
    """Nonlinear, tridiagonal, with a root near 0."""
    return 4.0 * x + p[0] * x**3 - p[1] * xp.roll(x, 1) - p[2] * xp.roll(x, -1) - p[3]


def _cdiff(key: str, compiled: bool) -> Run:
    import cdiff as cd
    import cdiff.integrate as cdi
    import cdiff.numpy as cnp
    import cdiff.optimize as cdo

    made = cd.compile if compiled else lambda f: f
    rates = new_rates()
    if key == "minimum":
        return lambda: cdo.minimize(
            lambda x: rosenbrock(cnp, x), np.zeros(SIZE), method="BFGS", compile=compiled
        ).x
    if key == "root":
        root = cd.custom_root(lambda x, p: system(cnp, x, p))
        derivative = made(cd.jacobian(lambda p: root(np.zeros(SIZE), p)))
        return lambda: derivative(rates())

    def loss(p: Any) -> Any:
        y = cdi.odeint(lambda t, y: slope(cnp, t, y, p), START, TIMES, rtol=TOLERANCE,
                       atol=TOLERANCE)  # fmt: skip
        return cnp.sum(y**2)

    gradient = made(cd.grad(loss))
    return lambda: gradient(rates())


def _central(f: Callable[[Any], Any]) -> Any:
    """Two values for each parameter."""
    steps = np.eye(RATES.size) * 1e-4
    return np.stack([(f(RATES + h) - f(RATES - h)) / 2e-4 for h in steps], axis=-1)


def _differences(key: str) -> Run:
    try:
        from scipy.integrate import solve_ivp
        from scipy.optimize import minimize, root
    except ImportError as error:
        raise Missing("not installed: SciPy") from error
    if key == "minimum":
        return lambda: minimize(lambda x: rosenbrock(np, x), np.zeros(SIZE), method="BFGS").x
    if key == "root":
        start = np.zeros(SIZE)
        return lambda: _central(lambda p: root(lambda x: system(np, x, p), start, tol=1e-12).x)

    def loss(p: Any) -> Any:
        y = solve_ivp(lambda t, y: slope(np, t, y, p), (0.0, 5.0), START, "RK45", TIMES,
                      rtol=TOLERANCE, atol=TOLERANCE).y  # fmt: skip
        return np.sum(y**2)

    return lambda: _central(loss)


def _jax() -> Run:
    from jax.experimental.ode import odeint

    from benchmarks._jax import jax

    jax.config.update("jax_enable_x64", True)
    xp = load("jax").xp

    def loss(p: Any) -> Any:
        y = odeint(lambda y, t: slope(xp, t, y, p), xp.asarray(START), xp.asarray(TIMES),
                   rtol=TOLERANCE, atol=TOLERANCE)  # fmt: skip
        return xp.sum(y**2)

    run, rates = jax.jit(jax.grad(loss)), new_rates()
    return lambda: jax.block_until_ready(run(rates()))


def _maker(contender: str, key: str) -> Run:
    if contender == "jax jit":
        return _jax()
    if contender == "differences":
        return _differences(key)
    return _cdiff(key, contender == "cdiff")


def build(contender: str, key: str) -> Case:
    """One contender's answer to the problem `key`."""
    run = _maker(contender, key)
    return Case("f()", {"f": run}, lambda: [rounded(run())])


def rounded(x: Any) -> Any:
    """An answer to the digits that differences have."""
    return np.round(np.asarray(x, dtype=float), 3)


def main(report: Report) -> None:
    """Run this benchmark."""
    pace = Pace(2, 0.05) if report.quick else Pace(7, 0.2)
    widths = (22, 12, 12, 12, 4)
    report.heading("solvers")
    report.say("gradients through solvers, and a minimum; ratios to cdiff")
    reasons = Reasons()
    for key in ("odeint", "root", "minimum"):
        names = (*CONTENDERS, "jax jit") if key == "odeint" else CONTENDERS
        with Race("benchmarks.solvers", names, (), pace) as race:
            times = race.run(key, [rounded(_cdiff(key, False)())])
            reasons.note(key, times)
            report.rows(widths, [(key, "time", "/ cdiff", "", "")])
            for name in names:
                once = ratio(times[name], times["cdiff"])
                report.rows(widths, [(name, duration(times[name]), shown(once), "", "")])
    reasons.tell(report)


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("solvers")
