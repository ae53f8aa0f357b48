"""Bundle adjustment by Levenberg-Marquardt with a sparse Jacobian.

The residual of one observation is a function of one camera (11 numbers), one point and one
weight; it is mapped over all observations, whose cameras and points are gathered. The Jacobian of
everything comes from three directions. First the Jacobian at the ADBench problem of 49 cameras,
7776 points and 31843 observations is compared with its published entries; then a smaller scene
with known points is solved. Run as ``python examples/bundle_adjustment.py [observations of the
first problem]``.
"""

import sys

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

import cdiff as cd

# ADBench's ba1: every camera, point, weight and feature is the same.
CAMERAS, POINTS = 49, 7776
CAMERA = [-0.758453, -1.109613, -0.845551, 34.556073, 39.676747, 53.881673, 419.194514, 5.864426,
          -8.51887, 0.087812, 0.002739]  # fmt: skip
POINT, WEIGHT, FEATURE = [7.203245, 0.001144, 3.023326], 0.417022, [271.760969, 834.209256]
RESIDUAL = [0.10133583791450886, -0.06896776592424401]
FIRST_ROW = [-461.4463210015993, 178.8679280144455, -19.423916472206248, -3.0615983420410315,
             6.392457556226442, -3.340282281299017, 0.26476024920703156, 0.417022, 0.0,
             243.62824566083003, 676.4867782658688, 3.0615983420410315, -6.392457556226442,
             3.340282281299017, 0.24299878163378708]  # fmt: skip


def rotated(vector, x):
    """Rodrigues' formula."""
    angle = np.sqrt(vector @ vector)
    axis = vector / angle
    sine, cosine = np.sin(angle), np.cos(angle)
    return x * cosine + np.cross(axis, x) * sine + axis * (axis @ x) * (1.0 - cosine)


def observed(camera, point, weight, feature):
    """Weighted distance of a projected point from where it was seen."""
    seen = rotated(camera[:3], point - camera[3:6])
    flat = seen[:2] / seen[2]
    square = flat @ flat
    distortion = 1.0 + camera[9] * square + camera[10] * square**2
    return weight * (flat * distortion * camera[6] + camera[7:9] - feature)


def residuals(cameras, points, weights, features, which):
    seen = cd.vmap(observed)(cameras[which[:, 0]], points[which[:, 1]], weights, features)
    return seen, 1.0 - weights**2


def published(p):
    args = np.tile(CAMERA, (CAMERAS, 1)), np.tile(POINT, (POINTS, 1)), np.full(p, WEIGHT)
    which = np.stack([np.arange(p) % CAMERAS, np.arange(p) % POINTS], axis=1)
    jacobian = cd.sparse_jacobian(residuals, argnums=(0, 1, 2), has_value=True)
    prepared = jacobian.prepare(*args, np.tile(FEATURE, (p, 1)), which)
    print(prepared)
    (seen, _), matrix = prepared(*args, np.tile(FEATURE, (p, 1)), which)
    first = 11 * CAMERAS
    columns = [*range(11), first, first + 1, first + 2, first + 3 * POINTS]
    far = np.abs(matrix[[0]].toarray()[0, columns] - FIRST_ROW).max()
    print(f"residual differs by {np.abs(seen - RESIDUAL).max():.1e}, first row by {far:.1e}")


def scene(rng, cameras=6, points=60):
    """Cameras around points, what they see, and a start beside the truth."""
    spots = rng.normal(size=(points, 3))
    turns = 0.3 + 0.2 * rng.normal(size=(cameras, 3))
    places = rng.normal(size=(cameras, 3)) * 0.3 - np.array([0.0, 0.0, 8.0])
    rest = np.tile([2.0, 0.0, 0.0, 0.01, 0.001], (cameras, 1))
    truth = np.hstack([turns, places, rest])
    which = np.stack(np.meshgrid(np.arange(cameras), np.arange(points)), -1).reshape(-1, 2)
    weights = np.ones(len(which))
    features, _ = residuals(truth, spots, weights, np.zeros((len(which), 2)), which)
    noise = 0.02 * rng.normal(size=spots.shape)
    return truth, spots + noise, weights, features, which


def solve():
    cameras, points, weights, features, which = scene(np.random.default_rng(4))

    def fitted(points):
        return residuals(cameras, points, weights, features, which)[0]

    jacobian = cd.sparse_jacobian(fitted, has_value=True).prepare(points)
    print(jacobian)
    damping = 1e-3
    for step in range(20):
        value, matrix = jacobian(points)
        cost = np.sum(value**2)
        print(f"step {step}: cost {cost:.3e}")
        if cost < 1e-18:
            break
        normal = (matrix.T @ matrix + damping * sp.eye_array(points.size)).tocsc()
        trial = points - np.reshape(spsolve(normal, matrix.T @ np.ravel(value)), points.shape)
        better = np.sum(np.asarray(fitted(trial)) ** 2) < cost
        points, damping = (trial, damping / 10.0) if better else (points, damping * 10.0)


if __name__ == "__main__":
    published(int(sys.argv[1]) if len(sys.argv) > 1 else 31843)
    solve()
