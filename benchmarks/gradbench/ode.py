"""ode: a chain of linear differential equations by the classic method of Runge and Kutta."""

from __future__ import annotations

from typing import Any

import numpy as np

import cdiff as cd
from benchmarks.gradbench._eval import Function, array, compiled, plain, whole

END = 2.0


def slope(x: Any, y: Any) -> Any:
    """y[0]' = x[0] and y[i]' = x[i] y[i - 1]."""
    return x * np.concatenate([np.ones(1), y[:-1]])


def solution(x: Any, steps: int) -> Any:
    """The values at the end, from zeros at 0."""
    h = END / steps

    def step(_: Any, y: Any) -> Any:
        k1 = slope(x, y)
        k2 = slope(x, y + h / 2 * k1)
        k3 = slope(x, y + h / 2 * k2)
        k4 = slope(x, y + h * k3)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return cd.fori_loop(0, steps, step, np.zeros(x.shape))


def last(x: Any, steps: int) -> Any:
    return solution(x, steps)[-1]


def read(message: Any) -> tuple[np.ndarray, int]:
    return array(message, "x", (None,)), whole(message, "s", 1)


FUNCTIONS = {
    "primal": Function(lambda data: compiled(solution, *data), plain),
    "gradient": Function(lambda data: compiled(cd.grad(last), *data), plain),
}
