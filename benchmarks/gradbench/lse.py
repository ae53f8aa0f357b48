"""lse: the logarithm of a sum of exponentials, shifted by the largest, and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

import cdiff as cd
from benchmarks.gradbench._eval import Function, array, compiled, plain


def log_sum_exp(x: Any) -> Any:
    largest = cd.stop_gradient(np.max(x))  # any shift gives the same value
    return np.log(np.sum(np.exp(x - largest))) + largest


def read(message: Any) -> np.ndarray:
    x: np.ndarray = array(message, "x", (None,))
    return x


FUNCTIONS = {
    "primal": Function(lambda x: compiled(log_sum_exp, x), plain),
    "gradient": Function(lambda x: compiled(cd.grad(log_sum_exp), x), plain),
}
