"""llsq: a polynomial fitted to the sign function, its squared error and the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

import cdiff as cd
from benchmarks.gradbench._eval import Function, array, compiled, plain, whole


def error(x: Any, t: Any) -> Any:
    residual = np.sign(t)
    power = np.ones(t.shape)
    for coefficient in x:
        residual = residual - coefficient * power
        power = power * t
    return 0.5 * np.sum(residual**2)


def read(message: Any) -> tuple[np.ndarray, np.ndarray]:
    n = whole(message, "n", 2)
    return array(message, "x", (None,)), -1.0 + 2.0 * np.arange(n) / (n - 1)


FUNCTIONS = {
    "primal": Function(lambda data: compiled(error, *data), plain),
    "gradient": Function(lambda data: compiled(cd.grad(error), *data), plain),
}
