"""det: the determinant by cofactor expansion along the first row, without remembering minors.

The expansion of a small matrix is plain recursion, which the program holds as single operations;
that of a large one is a loop over its columns (`cd.scan`) in which the expansion of the minor
stands once, so that neither memory nor recording grow like n!. What both compute is the same sum.
The recursion computes every minor anew as often as the definition does; that compiled code does
not is the doing of the library, which makes equal operations one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import cdiff as cd
from benchmarks.gradbench._eval import Function, array, compiled, plain, whole

UNROLLED = 7  # up to this size the expansion is written out


def expansion(a: Any, columns: tuple[int, ...]) -> Any:
    """The determinant of the last rows of a matrix, of these columns."""
    row = len(a) - len(columns)
    if len(columns) == 1:
        return a[row][columns[0]]
    total = 0.0
    for j, column in enumerate(columns):
        term = a[row][column] * expansion(a, columns[:j] + columns[j + 1 :])
        total = total - term if j % 2 else total + term
    return total


def det(a: Any) -> Any:
    """The determinant of a square matrix."""
    n = a.shape[0]
    if n <= UNROLLED:
        return expansion([list(row) for row in a], tuple(range(n)))
    signs = (-1.0) ** np.arange(n)
    remaining = np.array([[i for i in range(n) if i != j] for j in range(n)])

    def add(total: Any, term: Any) -> Any:
        factor, columns = term
        return total + factor * det(a[1:][:, columns]), None

    return cd.scan(add, 0.0, (signs * a[0], remaining))[0]


def read(message: Any) -> np.ndarray:
    ell = whole(message, "ell", 1)
    matrix: np.ndarray = array(message, "A", (ell * ell,)).reshape(ell, ell)
    return matrix


FUNCTIONS = {
    "primal": Function(lambda a: compiled(det, a), plain),
    "gradient": Function(lambda a: compiled(cd.grad(det), a), lambda g: g.ravel().tolist()),
}
