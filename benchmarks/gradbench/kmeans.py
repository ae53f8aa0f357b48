"""kmeans: the cost of a clustering, and the step of Newton's method for its centroids."""

from __future__ import annotations

from typing import Any

import numpy as np

import cdiff as cd
from benchmarks.gradbench._eval import Function, array, compiled, field, plain

BLOCK = 512  # points whose distances to all centroids exist at once


def part_of_cost(centroids: Any, points: Any) -> Any:
    """The sum of the squared distances of some points to their nearest centroids."""
    squares = np.sum(points**2, axis=1)[:, None] + np.sum(centroids**2, axis=1)
    nearest = np.argmin(squares - 2.0 * (points @ centroids.T), axis=1)
    return np.sum((points - centroids[nearest]) ** 2)


def cost(centroids: Any, points: Any) -> Any:
    """The sum of the squared distances of all points to their nearest centroids."""
    n, d = points.shape
    whole = n - n % BLOCK
    blocks = np.reshape(points[:whole], (-1, BLOCK, d))
    total, _ = cd.scan(lambda c, p: (c + part_of_cost(centroids, p), None), 0.0, blocks)
    return total + part_of_cost(centroids, points[whole:])


def direction(centroids: Any, points: Any) -> Any:
    """The gradient divided by the diagonal of the Hessian, which has nothing else."""
    slope = cd.grad(lambda c: cost(c, points))
    gradient, diagonal = cd.jvp(slope, (centroids,), (np.ones(centroids.shape),))
    return gradient / diagonal


def read(message: Any) -> tuple[np.ndarray, np.ndarray]:
    points = array(message, "points", (None, None))
    if not len(field(message, "centroids")):
        array(message, "centroids", (1, points.shape[1]))
    return array(message, "centroids", (None, points.shape[1])), points


FUNCTIONS = {
    "cost": Function(lambda data: compiled(cost, *data), plain),
    "dir": Function(lambda data: compiled(direction, *data), plain),
}
