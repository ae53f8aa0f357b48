"""ba: bundle adjustment, the sparse Jacobian of the reprojection errors of many observations.

An observation sees one point through one camera, so its Jacobian has a row for each of its two
residuals with 15 entries: `cd.vmap(cd.jacobian(...))` over the observations gives exactly the
blocks of the sparse matrix, whose index arrays follow from the lists of cameras and points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import cdiff as cd
from benchmarks.gradbench._eval import Function, Run, array, compiled, number, whole

CAMERA = 11  # rotation 3, centre 3, focal length, principal point 2, radial distortion 2


def rotate(r: Any, x: Any) -> Any:
    """Rodrigues' formula."""
    square = np.dot(r, r)
    if square == 0.0:
        return x + np.cross(r, x)
    angle = np.sqrt(square)
    axis = r / angle
    cos, sin = np.cos(angle), np.sin(angle)
    return x * cos + np.cross(axis, x) * sin + axis * (np.dot(axis, x) * (1.0 - cos))


def project(camera: Any, x: Any) -> Any:
    """A point in the picture of a camera."""
    seen = rotate(camera[:3], x - camera[3:6])
    p = seen[:2] / seen[2]
    square = np.dot(p, p)
    p = p * (1.0 + camera[9] * square + camera[10] * square**2)
    return p * camera[6] + camera[7:9]


def reprojection_error(camera: Any, x: Any, w: Any, feature: Any) -> Any:
    return w * (project(camera, x) - feature)


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
    reprojection = cd.vmap(reprojection_error)(
        cameras[camera_of], points[point_of], weights, features
    )
    return reprojection, cd.vmap(weight_error)(weights)


def blocks(
    cameras: Any, points: Any, weights: Any, features: Any, camera_of: Any, point_of: Any
) -> Any:
    """The nonzero entries in the order of the rows: 2 times 15 for each observation, then 1."""
    of_one = cd.jacobian(reprojection_error, argnums=(0, 1, 2))

    def block(camera: Any, x: Any, w: Any, feature: Any) -> Any:
        by_camera, by_point, by_weight = of_one(camera, x, w, feature)
        return np.concatenate([by_camera, by_point, by_weight[:, None]], axis=1)

    reprojection = cd.vmap(block)(cameras[camera_of], points[point_of], weights, features)
    return np.concatenate([reprojection.ravel(), cd.vmap(cd.grad(weight_error))(weights)])


def indices(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Row pointers and columns of the Jacobian in compressed rows."""
    n, m, p = len(data.cameras), len(data.points), len(data.weights)
    rows = np.empty(3 * p + 1, np.int32)
    rows[: 2 * p] = 15 * np.arange(2 * p)
    rows[2 * p :] = 30 * p + np.arange(p + 1)
    columns = np.empty(31 * p, np.int32)
    block = columns[: 30 * p].reshape(p, 2, 15)
    weight = CAMERA * n + 3 * m + np.arange(p)
    block[:, :, :CAMERA] = (CAMERA * data.camera_of[:, None] + np.arange(CAMERA))[:, None]
    block[:, :, CAMERA:14] = (CAMERA * n + 3 * data.point_of[:, None] + np.arange(3))[:, None]
    block[:, :, 14] = weight[:, None]
    columns[30 * p :] = weight
    return rows, columns


def arguments(data: Data) -> tuple[np.ndarray, ...]:
    return (
        data.cameras, data.points, data.weights, data.features, data.camera_of, data.point_of,
    )  # fmt: skip


def prepare_jacobian(data: Data) -> Run:
    """Values and index arrays of the sparse matrix."""
    values = compiled(blocks, *arguments(data))
    return lambda: (*indices(data), values())


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
