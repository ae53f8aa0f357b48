"""CasADi: symbolic graphs, evaluated by its virtual machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import casadi as ca
import numpy as np

from benchmarks.gradbench import ba as ba_eval
from benchmarks.gradbench.peers import shared

Run = Callable[[], Any]
MOST = 2_000_000  # operations of a graph; beyond that the building alone takes minutes


def run_of(x: Any, value: Any, at: np.ndarray) -> Run:
    """The gradient of a symbolic scalar."""
    function = ca.Function("gradient", [x], [ca.gradient(value, x)])
    return lambda: function(at).full().ravel()


def det(a: np.ndarray) -> Run:
    n = len(a)
    if n > 8:
        raise ValueError(f"a determinant of size {n} has too many operations for a graph")
    x = ca.SX.sym("a", n * n)

    def expand(row: int, columns: list[int]) -> Any:
        if row == n - 1:
            return x[row * n + columns[0]]
        terms = []
        for j, column in enumerate(columns):
            rest = columns[:j] + columns[j + 1 :]
            terms.append((-1) ** j * x[row * n + column] * expand(row + 1, rest))
        return sum(terms[1:], terms[0])

    return run_of(x, expand(0, list(range(n))), a.ravel())


def lse(at: np.ndarray) -> Run:
    x = ca.MX.sym("x", len(at))
    largest = ca.mmax(x)
    return run_of(x, ca.log(ca.sum1(ca.exp(x - largest))) + largest, at)


def llsq(data: Any) -> Run:
    at, t = data
    if len(at) * len(t) > MOST:
        raise ValueError(f"{len(at) * len(t)} terms are too many for a graph")
    x = ca.SX.sym("x", len(at))
    powers = np.power(t[:, None], np.arange(len(at)))
    residual = np.sign(t) - ca.mtimes(ca.DM(powers), x)
    return run_of(x, 0.5 * ca.sumsqr(residual), at)


def ba(data: Any) -> Run:
    x, feature = ca.SX.sym("x", 15), ca.SX.sym("feature", 2)
    r, c, f, u, k, point, w = x[:3], x[3:6], x[6], x[7:9], x[9:11], x[11:14], x[14]
    square = ca.dot(r, r)
    angle = ca.sqrt(square)
    axis, moved = r / angle, point - c
    cos, sin = ca.cos(angle), ca.sin(angle)
    seen = moved * cos + ca.cross(axis, moved) * sin + axis * (ca.dot(axis, moved) * (1 - cos))
    p = seen[:2] / seen[2]
    square = ca.dot(p, p)
    p = p * (1 + k[0] * square + k[1] * square**2)
    error = w * (p * f + u - feature)
    one = ca.Function("one", [x, feature], [ca.jacobian(error, x).T])
    cameras, points, weights, features, i, j = ba_eval.arguments(data)
    mapped = one.map(len(weights))
    rows, columns = shared.ba_structure(data)

    def run() -> Any:
        unknowns = np.concatenate([cameras[i], points[j], weights[:, None]], axis=1)
        blocks = mapped(unknowns.T, features.T).full()
        return rows, columns, np.concatenate([blocks.T.ravel(), -2.0 * weights])

    return run


EVALS: dict[tuple[str, str], Callable[[Any], Run]] = {
    ("ba", "jacobian"): ba,
    ("det", "gradient"): det,
    ("llsq", "gradient"): llsq,
    ("lse", "gradient"): lse,
}
