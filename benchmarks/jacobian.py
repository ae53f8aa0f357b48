"""Derivatives of small problems: Jacobians of curves to be fitted, and calls on three numbers.

The curves are those of NIST's regressions (examples/nist_regression.py) on points of our own: few
parameters, some dozen points, plain NumPy code, so that what a library does around the arithmetic
decides. The rival there is the forward difference, one more value of the function for each
parameter; its answer is too rough to be checked, so it shows an exact one instead. This file knows
how each library is asked for a Jacobian; JAX compiles the function beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks._peers import load
from benchmarks._report import Bound, Reasons, Report, duration, ratio, shown
from benchmarks._timing import Case, Pace, Race

CONTENDERS = ("cdiff", "numpy", "autograd", "jax")
PEERS = CONTENDERS[1:]
WIDTHS = (20, 8, 10, 12, 10, 10, 10, 10, 10, 30)
FASTER = {"numpy": Bound(at_least=2.0), "autograd": Bound(at_least=1.0)}


# --- the problems ------------------------------------------------------------------------------


def _rise(xp: Any, b: Any, t: Any) -> Any:
    return b[0] * (1 - xp.exp(-b[1] * t))


def _decay_over_line(xp: Any, b: Any, t: Any) -> Any:
    return xp.exp(-b[0] * t) / (b[1] + b[2] * t)


def _logistic(xp: Any, b: Any, t: Any) -> Any:
    return b[0] / (1 + xp.exp(b[1] - b[2] * t)) ** (1 / b[3])


def _decays(xp: Any, b: Any, t: Any) -> Any:
    return b[0] * xp.exp(-b[1] * t) + b[2] * xp.exp(-b[3] * t) + b[4] * xp.exp(-b[5] * t)


def _cubics(xp: Any, b: Any, t: Any) -> Any:
    over = b[0] + b[1] * t + b[2] * t**2 + b[3] * t**3
    return over / (1 + b[4] * t + b[5] * t**2 + b[6] * t**3)


def _peaks(xp: Any, b: Any, t: Any) -> Any:
    first = b[2] * xp.exp(-((t - b[3]) ** 2) / b[4] ** 2)
    second = b[5] * xp.exp(-((t - b[6]) ** 2) / b[7] ** 2)
    return b[0] * xp.exp(-b[1] * t) + first + second


# name: (model, number of points, number of parameters)
MODELS: dict[str, tuple[Callable[[Any, Any, Any], Any], int, int]] = {
    "rise": (_rise, 14, 2),
    "decay / line": (_decay_over_line, 54, 3),
    "logistic": (_logistic, 15, 4),
    "three decays": (_decays, 24, 6),
    "cubic / cubic": (_cubics, 37, 7),
    "two peaks": (_peaks, 250, 8),
}


def _energy(xp: Any, x: Any) -> Any:
    return xp.sum((x * x + 1.0) * xp.sin(x))


X, V = np.array([0.3, 1.1, 1.9]), np.array([1.0, -2.0, 0.5])
SLOPES = np.cos(X) * (X * X + 1.0) + 2.0 * X * np.sin(X)
CURVATURES = 4.0 * X * np.cos(X) + (2.0 - X * X - 1.0) * np.sin(X)
CALLS = {
    "grad": [SLOPES],
    "jvp": [_energy(np, X), SLOPES @ V],
    "hessian": [np.diag(CURVATURES)],
    "hvp": [CURVATURES * V],
}


def _points(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and abscissae."""
    _, n, p = MODELS[name]
    return np.linspace(0.5, 1.5, p), np.linspace(0.1, 2.0, n)


def exact(name: str) -> np.ndarray:
    """The Jacobian by complex steps so small that their square vanishes."""
    model, step = MODELS[name][0], 1e-30
    b, t = _points(name)
    units = np.eye(len(b)) * step * 1j
    return np.stack([model(np, b + unit, t).imag / step for unit in units], axis=1)


# --- one contender -----------------------------------------------------------------------------


def forward_differences(function: Callable[[Any], Any], b: np.ndarray) -> np.ndarray:
    """One more value of the function for each parameter."""
    start, step = function(b), 1.5e-8
    matrix = np.empty((start.size, b.size))
    for k in range(b.size):
        moved = b.copy()
        moved[k] += step
        matrix[:, k] = (function(moved) - start) / step
    return matrix


def _module(contender: str) -> Any:
    """The library itself, beside what takes NumPy's part in it."""
    if contender == "jax":
        from benchmarks._jax import jax

        jax.config.update("jax_enable_x64", True)
        return jax
    if contender == "autograd":
        import autograd

        return autograd
    import cdiff

    return cdiff


def _call(contender: str, name: str, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What each library offers for a call on three numbers."""
    library = _module(contender)
    if name in ("grad", "hessian"):
        made: Callable[[Any], Any] = getattr(library, name)(f)
        return made
    if contender == "autograd":
        import autograd.differential_operators as operators

        if name == "hvp":
            product = operators.hessian_vector_product(f)
            return lambda x: product(x, V)
        push = operators.make_jvp_reversemode(f)
        return lambda x: (f(x), push(x)(V))
    if name == "jvp":
        return lambda x: library.jvp(f, (x,), (V,))
    if contender == "cdiff":
        return lambda x: library.hvp(f, (x,), (V,))
    return lambda x: library.jvp(library.grad(f), (x,), (V,))[1]


def _case(contender: str, call: Callable[[Any], Any], x: np.ndarray) -> Case:
    names: dict[str, Any] = {"call": call, "x": x}
    stmt = "call(x)"
    if contender == "jax":
        from benchmarks._jax import jax

        names |= {"call": jax.jit(call), "block": jax.block_until_ready, "x": jax.numpy.asarray(x)}
        stmt = "block(call(x))"

    def answer() -> list[Any]:
        value = names["call"](names["x"])
        return [np.asarray(v) for v in (value if isinstance(value, tuple) else (value,))]

    return Case(stmt, names, answer)


def build(contender: str, key: str) -> Case:
    """One contender's version of `kind | name`."""
    kind, name = key.split(" | ")
    if contender == "jax":
        _module(contender)
    # cdiff is given NumPy's own functions, as its users would.
    xp = np if contender in ("cdiff", "numpy") else load(contender).xp
    if kind == "call":
        return _case(contender, _call(contender, name, lambda x: _energy(xp, x)), X)
    model = MODELS[name][0]
    b, t = _points(name)

    def curve(b: Any) -> Any:
        return model(xp, b, t)

    if contender == "numpy":
        names = {"call": forward_differences, "f": curve, "x": b}
        return Case("call(f, x)", names, lambda: [exact(name)])
    library = _module(contender)
    jacobian = library.jacfwd(curve) if contender == "jax" else library.jacobian(curve)
    return _case(contender, jacobian, b)


# --- the tables --------------------------------------------------------------------------------


def _row(race: Race, report: Report, reasons: Reasons, key: str, expected: list[Any]) -> None:
    name = key.split(" | ")[1]
    contenders = CONTENDERS if name in MODELS else ("cdiff", "autograd", "jax")
    times = race.run(key, expected, contenders)
    reasons.note(key, times)
    figures = {peer: ratio(times[peer], times["cdiff"]) for peer in contenders[1:]}
    verdicts = [
        report.verdict(f"{key}, {peer} / cdiff", figure, FASTER.get(peer))
        for peer, figure in figures.items()
    ]
    size = "{1} x {2}".format(*MODELS[name]) if name in MODELS else "3"
    cells = [duration(times[one]) if one in times else "" for one in CONTENDERS]
    cells += [shown(figures[peer]) if peer in figures else "" for peer in PEERS]
    report.rows(WIDTHS, [(name, size, *cells, "; ".join(filter(None, dict.fromkeys(verdicts))))])


def main(report: Report) -> None:
    """Run this benchmark."""
    pace = Pace(2, 0.002) if report.quick else Pace(7, 0.01)
    report.heading("jacobian")
    report.say("Jacobians (numpy: forward differences) and calls on an array of three numbers")
    titles = ("cdiff", "differences", *PEERS[1:], "diff/cd", "autogr/cd", "jax/cd", "")
    report.rows(WIDTHS, [("", "size", *titles)])
    reasons = Reasons()
    with Race("benchmarks.jacobian", CONTENDERS, ("cdiff", "numpy"), pace) as race:
        for name in MODELS:
            _row(race, report, reasons, f"jacobian | {name}", [exact(name)])
        for name, expected in CALLS.items():
            _row(race, report, reasons, f"call | {name}", expected)
    reasons.tell(report)


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("jacobian")
