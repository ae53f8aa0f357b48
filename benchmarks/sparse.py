"""Sparse derivatives: preparing and evaluating, beside CasADi, differences and hand-written C++.

The residual of a 5-point formula, Hessians of two Rosenbrock functions, a collocation of a system
of ten states, and a bundle adjustment. CasADi writes into a buffer of its caller, and so does cdiff
here (`out=`). This file knows how each library writes the problems down and which figures are asked
for; all contenders must give the same product with a vector.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._report import Bound, Reasons, Report, duration, ratio, shown
from benchmarks._timing import Case, Pace, Race

CONTENDERS = ("cdiff", "casadi SX", "casadi MX", "differences")
SIZES = {"bratu": (10_000, 90_000, 1_000_000), "chained": (100_000,), "pairs": (100_000,),
         "collocation": (1000,)}  # fmt: skip
AGAINST_CASADI, AGAINST_DIFFERENCES = Bound(at_least=3.0), Bound(at_least=5.0)
AGAINST_CPP = Bound(at_least=1.0)
GRIDS = (2_025, 19_881, 199_809, 1_999_396)  # unknowns; five entries each, 1e4 to 1e7
LINEAR = Bound(at_most=3.0)  # the time of an entry: the most against the least, caches included
SHUFFLED = "color shuffled"
CAMERAS, POINTS, OBSERVATIONS = 49, 7776, 31843


def point(name: str, size: int) -> np.ndarray:
    n = 10 * size if name == "collocation" else size
    return np.random.default_rng(size).normal(size=n) * 0.5


def bratu(u: Any) -> Any:
    n = round(u.size**0.5)
    grid = np.pad(np.reshape(u, (n, n)), 1)
    around = grid[2:, 1:-1] + grid[:-2, 1:-1] + grid[1:-1, 2:] + grid[1:-1, :-2]
    return np.reshape(4 * u - np.reshape(around, (-1,)) - 0.01 * np.exp(u), (-1,))


def chained(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def pairs(x: Any) -> Any:
    return np.sum(100 * (x[1::2] - x[::2] ** 2) ** 2 + (1 - x[::2]) ** 2)


def collocation(z: Any) -> Any:
    x = np.reshape(z, (-1, 10))
    columns = [
        np.sin(x[:, (i + 1) % 10]) * x[:, i] - x[:, (i + 3) % 10] ** 2 for i in range(10)
    ]
    slope = np.stack(columns, axis=1)
    return np.reshape(x[1:] - x[:-1] - 0.005 * (slope[1:] + slope[:-1]), (-1,))


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "bratu": bratu, "chained": chained, "pairs": pairs, "collocation": collocation,
}  # fmt: skip


def _product(matrix: Any) -> list[Any]:
    """What all contenders must agree on."""
    return [matrix @ np.cos(np.arange(matrix.shape[1]))]


def shuffled(pattern: Any) -> Any:
    """The pattern of the same mesh, its points numbered at random."""
    order = np.random.default_rng(5).permutation(pattern.shape[0])
    return pattern[order][:, order].tocsr()


def _derivative(name: str) -> Any:
    import cdiff

    hessian = name in ("chained", "pairs")
    return (cdiff.sparse_hessian if hessian else cdiff.sparse_jacobian)(FUNCTIONS[name])


def _cdiff(name: str, what: str, size: int) -> Case:
    import cdiff

    x, derivative = point(name, size), _derivative(name)
    if what.startswith("color"):
        pattern = cdiff.sparsity(FUNCTIONS[name], x)
        pattern = shuffled(pattern) if what == SHUFFLED else pattern
        return Case("f(x)", {"f": cdiff.sparse.color, "x": pattern}, lambda: [np.zeros(1)])
    prepared = derivative.prepare(x)
    out = prepared(x)
    if what == "prepare":
        return Case("f(x)", {"f": derivative.prepare, "x": x}, lambda: _product(out))
    return Case("f(x, out=out)", {"f": prepared, "x": x, "out": out}, lambda: _product(out))


def _casadi_function(name: str, size: int, kind: str) -> Any:
    """The derivative as a CasADi function of a column vector; its matrix is in CasADi's order."""
    import casadi as ca

    symbols = getattr(ca, kind)
    if name == "bratu":
        n = round(size**0.5)
        u = symbols.sym("u", n, n)
        grid = symbols.zeros(n + 2, n + 2)
        grid[1:-1, 1:-1] = u
        around = grid[2:, 1:-1] + grid[:-2, 1:-1] + grid[1:-1, 2:] + grid[1:-1, :-2]
        f, x = ca.vec(4 * u - around - 0.01 * ca.exp(u)), ca.vec(u)
        return ca.Function("J", [u], [ca.jacobian(f, x)])
    if name == "collocation":
        x = symbols.sym("x", 10, size)
        rows = [ca.sin(x[(i + 1) % 10, :]) * x[i, :] - x[(i + 3) % 10, :] ** 2 for i in range(10)]
        slope = ca.vertcat(*rows)
        f = ca.vec(x[:, 1:] - x[:, :-1] - 0.005 * (slope[:, 1:] + slope[:, :-1]))
        return ca.Function("J", [x], [ca.jacobian(f, ca.vec(x))])
    x = symbols.sym("x", size)
    a, b = (x[:-1], x[1:]) if name == "chained" else (x[::2], x[1::2])
    f = ca.sum1(100 * (b - a**2) ** 2 + (1 - a) ** 2)
    return ca.Function("H", [x], [ca.hessian(f, x)[0]])


def _casadi(name: str, what: str, size: int, kind: str) -> Case:
    import scipy.sparse as sp

    make = partial(_casadi_function, name, size, kind)
    function, x = make(), point(name, size)
    pattern = function.sparsity_out(0)
    values = np.zeros(pattern.nnz())
    buffer, run = function.buffer()
    buffer.set_arg(0, memoryview(x))
    buffer.set_res(0, memoryview(values))
    run()
    matrix = sp.csc_array((values, pattern.row(), pattern.colind()), shape=pattern.shape)
    names = {"run": make if what == "prepare" else run, "keep": (function, buffer, x, values)}
    return Case("run()", names, lambda: _product(matrix))


def _differences(name: str, size: int) -> Case:
    from scipy.optimize._numdiff import approx_derivative, group_columns

    import cdiff

    x = point(name, size)
    pattern = cdiff.sparsity(FUNCTIONS[name], x)
    sparsity = (pattern.astype(float), group_columns(pattern))
    f = FUNCTIONS[name]
    run = partial(approx_derivative, f, x, method="2-point", sparsity=sparsity)
    # Differences have eight digits; their product is not compared but replaced.
    exact = _derivative(name)(x)
    return Case("run()", {"run": run}, lambda: _product(exact))


def scene() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    cameras = rng.normal(size=(CAMERAS, 11)) * 0.1 + 0.3
    points = rng.normal(size=(POINTS, 3)) + np.array([0.0, 0.0, 6.0])
    which = np.stack([np.arange(OBSERVATIONS) % CAMERAS, np.arange(OBSERVATIONS) % POINTS], axis=1)
    weights = rng.uniform(0.5, 1.0, OBSERVATIONS)
    return cameras, points, weights, rng.normal(size=(OBSERVATIONS, 2)), which


def observed(camera: Any, spot: Any, weight: Any, feature: Any) -> Any:
    x, angle = spot - camera[3:6], np.sqrt(camera[:3] @ camera[:3])
    axis, cosine = camera[:3] / angle, np.cos(angle)
    seen = x * cosine + np.cross(axis, x) * np.sin(angle) + axis * (axis @ x) * (1 - cosine)
    flat = seen[:2] / seen[2]
    square = flat @ flat
    distortion = 1 + camera[9] * square + camera[10] * square**2
    return weight * (flat * distortion * camera[6] + camera[7:9] - feature)


def residuals(cameras: Any, points: Any, weights: Any, features: Any, which: Any) -> Any:
    import cdiff

    seen = cdiff.vmap(observed)(cameras[which[:, 0]], points[which[:, 1]], weights, features)
    return seen, 1 - weights**2


def _bundle_cdiff() -> Case:
    import cdiff

    args = scene()
    prepared = cdiff.sparse_jacobian(residuals, argnums=(0, 1, 2)).prepare(*args)
    out = prepared(*args)
    names = {"f": prepared, "args": args, "out": out}
    return Case("f(*args, out=out)", names, lambda: _product(out))


def _bundle_cpp() -> Case:
    import scipy.sparse as sp

    source = Path(__file__).with_name("sparse_ba.cpp")
    library = Path(tempfile.mkdtemp()) / "sparse_ba.so"
    command = ["g++", "-O3", "-march=native", "-shared", "-fPIC", str(source), "-o", str(library)]
    subprocess.run(command, check=True, capture_output=True)
    function = ctypes.CDLL(str(library)).jacobian
    arrays = [np.ascontiguousarray(x) for x in scene()]
    values = np.zeros(31 * OBSERVATIONS)
    pointers = [ctypes.c_void_p(x.ctypes.data) for x in (*arrays, values)]
    run = partial(function, ctypes.c_long(OBSERVATIONS), *pointers)
    run()
    which, n = arrays[4], 11 * CAMERAS + 3 * POINTS
    at = [11 * which[:, :1] + np.arange(11), 11 * CAMERAS + 3 * which[:, 1:] + np.arange(3),
          n + np.arange(OBSERVATIONS)[:, None]]  # fmt: skip
    columns = np.concatenate([np.repeat(np.hstack(at), 2, axis=0).ravel(), at[2].ravel()])
    start = np.concatenate([15 * np.arange(2 * OBSERVATIONS),
                            30 * OBSERVATIONS + np.arange(OBSERVATIONS + 1)])  # fmt: skip
    matrix = sp.csr_array((values, columns, start), shape=(3 * OBSERVATIONS, n + OBSERVATIONS))
    return Case("run()", {"run": run, "keep": (arrays, values)}, lambda: _product(matrix))


def build(contender: str, key: str) -> Case:
    """One contender's version of `problem, prepare or evaluate @ size`."""
    name, _, rest = key.partition(", ")
    if name == "bundle":
        return _bundle_cpp() if contender == "C++" else _bundle_cdiff()
    what, _, size = rest.partition(" @ ")
    if contender == "cdiff":
        return _cdiff(name, what, int(size))
    if contender == "differences":
        return _differences(name, int(size))
    return _casadi(name, what, int(size), contender.removeprefix("casadi "))


def _compared(name: str, what: str) -> list[str]:
    """Who takes part: MX is for matrices, differences are for Jacobians and prepare nothing."""
    hessian = name in ("chained", "pairs")
    return [
        contender
        for contender in CONTENDERS
        if not (hessian and contender in ("casadi MX", "differences"))
        and not (what == "prepare" and contender == "differences")
    ]


def _problems(report: Report, pace: Pace, quick: bool) -> None:
    widths = (34, 10, 10, 10, 12, 34)
    report.say("a sparse Jacobian or Hessian; below: peer / cdiff")
    report.rows(widths, [("", *CONTENDERS, "")])
    reasons = Reasons()
    with Race("benchmarks.sparse", CONTENDERS, (), pace) as race:
        for name, size in [(n, s) for n, sizes in SIZES.items() for s in sizes]:
            if quick and size > 10_000:
                continue
            expected = _product(_derivative(name)(point(name, size)))
            for what in ("prepare", "evaluate"):
                key = f"{name}, {what} @ {size}"
                present = _compared(name, what)
                times = race.run(key, expected, present)
                reasons.note(key, times)
                cells = [duration(times[c]) if c in times else "" for c in CONTENDERS]
                report.rows(widths, [(key, *cells, "")])
                figures, told = {}, []
                for peer in present[1:]:
                    bound = AGAINST_DIFFERENCES if peer == "differences" else AGAINST_CASADI
                    figures[peer] = ratio(times[peer], times["cdiff"])
                    told.append(report.verdict(f"{key}: {peer} / cdiff", figures[peer], bound))
                shares = [shown(figures.get(c, "")) for c in CONTENDERS[1:]]
                report.rows(widths, [("", "", *shares, "; ".join(told))])
    reasons.tell(report)


def _linear(report: Report, pace: Pace, quick: bool) -> None:
    """Time for each entry of the 5-point Jacobian, from 1e4 to 1e7 entries."""
    sizes = GRIDS[:2] if quick else GRIDS
    widths = (34, *[12] * len(sizes), 34)
    report.say()
    report.say("5-point residual: nanoseconds for each entry")
    report.rows(widths, [("unknowns", *map(str, sizes), "")])
    with Race("benchmarks.sparse", ("cdiff",), (), pace) as race:
        for what in ("color", SHUFFLED, "prepare", "evaluate"):
            each = []
            for size in sizes:
                color = what.startswith("color")
                expected = [np.zeros(1)] if color else _product(_derivative("bratu")(
                    point("bratu", size)))  # fmt: skip
                times = race.run(f"bratu, {what} @ {size}", expected)
                each.append(ratio(times["cdiff"], 5.0 * size))
            # A fixed time is no part of what grows.
            figure = max(each[1:]) / min(each)
            told = f"most / least: {shown(figure)}"  # without a grid in it, every order is tried
            if what != SHUFFLED:
                told = report.verdict(f"{what}: most / least time for an entry", figure, LINEAR)
            report.rows(widths, [(what, *[f"{x:.1f}" for x in each], told)])


def _bundle(report: Report, pace: Pace) -> None:
    widths = (34, 10, 10, 10, 12, 34)
    report.say()
    report.say(f"bundle adjustment of {OBSERVATIONS} observations: the whole Jacobian")
    report.rows(widths, [("", "cdiff", "C++", "", "", "")])
    reasons = Reasons()
    args = scene()
    import cdiff

    expected = _product(cdiff.sparse_jacobian(residuals, argnums=(0, 1, 2))(*args))
    with Race("benchmarks.sparse", ("cdiff", "C++"), (), pace) as race:
        times = race.run("bundle", expected)
        reasons.note("bundle", times)
        figure = ratio(times["C++"], times["cdiff"])
        verdict = report.verdict("bundle: C++ / cdiff", figure, AGAINST_CPP)
        cells = [duration(times[c]) for c in ("cdiff", "C++")]
        report.rows(widths, [("bundle", *cells, shown(figure), "", verdict)])
    reasons.tell(report)


def main(report: Report) -> None:
    """Run this benchmark."""
    pace = Pace(2, 0.005) if report.quick else Pace(7, 0.05)
    report.heading("sparse")
    _problems(report, pace, report.quick)
    _linear(report, pace, report.quick)
    _bundle(report, pace)


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("sparse")
