"""det: the determinant by cofactor expansion along the first row, without remembering minors.

Minors of the outer levels are gone through one by one (`cd.scan`), those of the middle ones all
together (`cd.vmap`), and the expansion of the small ones stands in the program: that bounds the
memory, which would hold all n! products otherwise. Each is the same sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import cdiff as cd
from benchmarks.gradbench._eval import Function, array, compiled, plain, whole

UNROLLED = 4  # up to this size the expansion is written out
TOGETHER = 7  # up to this size all minors of a matrix are computed at once


def signs(n: int) -> np.ndarray:
    return (-1.0) ** np.arange(n)


def remaining(n: int) -> np.ndarray:
    """Row j holds the columns that remain without column j, (n, n - 1)."""
    return np.array([[i for i in range(n) if i != j] for j in range(n)])


def det(a: Any) -> Any:
    """The determinant of a square matrix."""
    n = a.shape[0]
    if n == 1:
        return a[0, 0]
    if n <= UNROLLED:
        terms = [
            sign * a[0, j] * det(a[1:, columns])
            for j, (sign, columns) in enumerate(zip(signs(n), remaining(n), strict=True))
        ]
        return sum(terms[1:], terms[0])
    if n <= TOGETHER:
        minors = cd.vmap(lambda columns: det(a[1:, columns]))(remaining(n))
        return np.sum(signs(n) * a[0] * minors)

    def add(total: Any, term: Any) -> Any:
        factor, columns = term
        return total + factor * det(a[1:][:, columns]), None

    return cd.scan(add, 0.0, (signs(n) * a[0], remaining(n)))[0]


def read(message: Any) -> np.ndarray:
    ell = whole(message, "ell", 1)
    matrix: np.ndarray = array(message, "A", (ell * ell,)).reshape(ell, ell)
    return matrix


FUNCTIONS = {
    "primal": Function(lambda a: compiled(det, a), plain),
    "gradient": Function(lambda a: compiled(cd.grad(det), a), lambda g: g.ravel().tolist()),
}
