"""ba: bundle adjustment, the sparse Jacobian of the reprojection errors of many observations.

An observation sees one point through one camera, so its Jacobian has a row for each of its two
residuals with 15 entries: `cd.sparse.block_jacobian` puts the matrix together from these blocks and
the lists of cameras and points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import cdiff as cd
from benchmarks.gradbench._eval import Function, Run, array, compiled, number, whole

CAMERA = 11  # rotation 3, centre 3, focal length, principal point 2, radial distortion 2
CHUNK = 256  # observations that are evaluated together

Vector = tuple[Any, Any, Any]


def dot(a: Vector, b: Vector) -> Any:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vector, b: Vector) -> Vector:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def rotate(r: Vector, x: Vector) -> Vector:
    """Rodrigues' formula."""
    square = dot(r, r)
    if square == 0.0:
        u, v, w = cross(r, x)
        return x[0] + u, x[1] + v, x[2] + w
    angle = np.sqrt(square)
    axis = (r[0] / angle, r[1] / angle, r[2] / angle)
    cos, sin = np.cos(angle), np.sin(angle)
    along = dot(axis, x) * (1.0 - cos)
    u, v, w = cross(axis, x)
    return (
        x[0] * cos + u * sin + axis[0] * along,
        x[1] * cos + v * sin + axis[1] * along,
        x[2] * cos + w * sin + axis[2] * along,
    )


def reprojection_error(camera: Any, point: Any, w: Any, feature: Any) -> Any:
    """How far from its feature a camera sees a point, weighted."""
    r1, r2, r3, c1, c2, c3, focal, u0, v0, k1, k2 = camera
    x, y, z = rotate((r1, r2, r3), (point[0] - c1, point[1] - c2, point[2] - c3))
    x, y = x / z, y / z
    square = x * x + y * y
    scale = focal * (1.0 + k1 * square + k2 * square * square)
    return np.stack([w * (x * scale + u0 - feature[0]), w * (y * scale + v0 - feature[1])])


def weight_error(w: Any) -> Any:
    return 1.0 - w * w


@dataclass(frozen=True)
class Data:
    """Cameras (n, 11), points (m, 3), weights (p,), features (p, 2); who sees what."""

    cameras: np.ndarray
    points: np.ndarray
    weights: np.ndarray
    features: np.ndarray
    camera_of: np.ndarray
    point_of: np.ndarray


def read(message: Any) -> Data:
    n, m, p = (whole(message, name, 1) for name in "nmp")
    observations = np.arange(p)
    return Data(
        np.tile(array(message, "cam", (CAMERA,)), (n, 1)),
        np.tile(array(message, "x", (3,)), (m, 1)),
        np.full(p, number(message, "w")),
        np.tile(array(message, "feat", (2,)), (p, 1)),
        observations % n,
        observations % m,
    )


def errors(
    cameras: Any, points: Any, weights: Any, features: Any, camera_of: Any, point_of: Any
) -> Any:
    """The errors of all observations, (p, 2) and (p,)."""

    def error(i: Any, j: Any, w: Any, feature: Any) -> Any:
        return reprojection_error(cameras[i], points[j], w, feature)

    reprojection = cd.vmap(error, chunk_size=CHUNK)(camera_of, point_of, weights, features)
    return reprojection, cd.vmap(weight_error)(weights)


def arguments(data: Data) -> tuple[np.ndarray, ...]:
    return (
        data.cameras, data.points, data.weights, data.features, data.camera_of, data.point_of,
    )  # fmt: skip


def prepare_jacobian(data: Data) -> Run:
    """Values and index arrays of the sparse matrix: the rows of the reprojections, then those of
    the weights; the columns of cameras, points, weights."""
    every = np.arange(len(data.weights))
    jacobian = cd.sparse.block_jacobian(
        (reprojection_error, [(0, data.camera_of), (1, data.point_of), (2, every)]),
        (weight_error, [(2, every)]),
        chunk_size=CHUNK,
    )
    unknowns = data.cameras, data.points, data.weights

    def run() -> Any:
        found = jacobian(unknowns, (data.features,))
        return found.indptr, found.indices, found.data

    run()
    return run


def answer_objective(result: tuple[np.ndarray, np.ndarray]) -> Any:
    reprojection, weight = result
    return {
        "reproj_error": {"elements": reprojection[0].tolist(), "repeated": len(reprojection)},
        "w_err": {"element": float(weight[0]), "repeated": len(weight)},
    }


def answer_jacobian(result: tuple[np.ndarray, ...]) -> Any:
    ends = [[*x[:30].tolist(), x[-1].item()] for x in result]
    return dict(zip(("rows", "cols", "vals"), ends, strict=True))


FUNCTIONS = {
    "objective": Function(lambda data: compiled(errors, *arguments(data)), answer_objective),
    "jacobian": Function(prepare_jacobian, answer_jacobian),
}
