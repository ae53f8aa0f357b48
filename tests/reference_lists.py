"""Reductions and linear algebra on lists of values of the oracle (see `reference.py`).

What it is: the textbook formula of each, written with Python's operators, so that the oracle
differentiates it; made to be read, not to be fast. A vector is a list of values and a matrix a
list of rows. What it must not know: the library, and NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import reference as ad
from reference import Value

Vector = Sequence[Value]
Matrix = Sequence[Sequence[Value]]


def total(xs: Vector) -> Value:
    return reduce(ad.add, xs, 0.0)


def product(xs: Vector) -> Value:
    return reduce(ad.multiply, xs, 1.0)


def mean(xs: Vector) -> Value:
    return total(xs) / len(xs)


def variance(xs: Vector, ddof: int = 0) -> Value:
    center = mean(xs)
    return total([ad.square(x - center) for x in xs]) / (len(xs) - ddof)


def norm(xs: Vector) -> Value:
    """The Euclidean norm; its derivative at zero is zero."""
    return reduce(ad.hypot, xs, 0.0)


def largest(xs: Vector) -> Value:
    """The largest value; its derivative is shared evenly among ties."""
    winners = [x for x in xs if ad.plain(x) == max(map(ad.plain, xs))]
    return mean(winners)


def logsumexp(xs: Vector) -> Value:
    top = max(map(ad.plain, xs))
    shift = top if math.isfinite(top) else 0.0
    return shift + ad.log(total([ad.exp(x - shift) for x in xs]))


def softmax(xs: Vector) -> list[Value]:
    return [ad.exp(x - logsumexp(xs)) for x in xs]


def dot(xs: Vector, ys: Vector) -> Value:
    return total([x * y for x, y in zip(xs, ys, strict=True)])


def transpose(a: Matrix) -> list[list[Value]]:
    return [list(column) for column in zip(*a, strict=True)]


def matmul(a: Matrix, b: Matrix) -> list[list[Value]]:
    return [[dot(row, column) for column in transpose(b)] for row in a]


def trace(a: Matrix) -> Value:
    return total([row[i] for i, row in enumerate(a)])


def _minor(a: Matrix, i: int, j: int) -> list[list[Value]]:
    return [[*row[:j], *row[j + 1 :]] for k, row in enumerate(a) if k != i]


def det(a: Matrix) -> Value:
    """The determinant by minors: slow, and exact in its derivatives for singular matrices too."""
    if not a:
        return 1.0
    return total([(-1.0) ** j * x * det(_minor(a, 0, j)) for j, x in enumerate(a[0])])


def inv(a: Matrix) -> list[list[Value]]:
    """The inverse by Cramer's rule."""
    size, whole = range(len(a)), det(a)
    return [
        [(-1.0) ** (i + j) * ad.divide(det(_minor(a, j, i)), whole) for j in size] for i in size
    ]


def cholesky(a: Matrix) -> list[list[Value]]:
    factor: list[list[Value]] = [[0.0] * len(a) for _ in a]
    for i, row in enumerate(factor):
        for j in range(i):
            row[j] = (a[i][j] - dot(row[:j], factor[j][:j])) / factor[j][j]
        row[i] = ad.sqrt(a[i][i] - dot(row[:i], row[:i]))
    return factor
