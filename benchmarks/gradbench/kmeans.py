"""kmeans: the cost of a clustering, and the step of Newton's method for its centroids."""

from __future__ import annotations

from typing import Any

import numpy as np

import cdiff as cd
from benchmarks.gradbench._eval import Function, array, compiled, field, plain

AT_ONCE = 2**17  # distances that exist at the same time


def nearest(centroids: Any, points: Any) -> Any:
    """For each point the number of the nearest centroid: the least |c|^2 - 2 c.p."""
    squares = np.sum(centroids**2, axis=1)
    doubled = 2.0 * centroids.T
    chunk = max(1, AT_ONCE // len(squares))
    return cd.vmap(lambda p: np.argmin(squares - p @ doubled), chunk_size=chunk)(points)


def cost(centroids: Any, points: Any) -> Any:
    """The sum of the squared distances of all points to their nearest centroids."""
    found = nearest(cd.stop_gradient(centroids), points)  # which one is a decision
    return np.sum((points - centroids[found]) ** 2)


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
