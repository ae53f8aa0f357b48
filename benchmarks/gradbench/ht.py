"""ht: hand tracking, the Jacobian of distances between a posed hand and measured points.

26 angles and shifts pose the hand; in the complicated variant each measured point has two more
unknowns, its place in a triangle. As no residual knows another point's place, two directions
stand for all of these (`shift` is added to every one), so that the Jacobian has 28 columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import cdiff as cd
from benchmarks.gradbench._eval import Function, array, compiled, field, whole

FINGERS = 5
THETA = 26
Model = dict[str, Any]


def rotations(angles: Any) -> Any:
    """Rz(a[1]) Ry(a[2]) Rx(a[0]) for each row, (b, 3, 3)."""
    sin, cos = np.sin(angles), np.cos(angles)
    (sx, sz, sy), (cx, cz, cy) = sin.T, cos.T
    rows = [
        [cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz],
        [cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz],
        [-sy, sx * cy, cx * cy],
    ]
    return np.stack([np.stack(row, axis=1) for row in rows], axis=1)


def axis_angle(r: Any) -> Any:
    """The rotation by |r| around r."""
    angle = np.sqrt(np.sum(r**2))
    if angle < 1e-4:
        return np.eye(3)
    x, y, z = r / angle
    s, c = np.sin(angle), np.cos(angle)
    rows = [
        [x * x + (1 - x * x) * c, x * y * (1 - c) - z * s, x * z * (1 - c) + y * s],
        [x * y * (1 - c) + z * s, y * y + (1 - y * y) * c, y * z * (1 - c) - x * s],
        [x * z * (1 - c) - y * s, z * y * (1 - c) + x * s, z * z + (1 - z * z) * c],
    ]
    return np.stack([np.stack(row) for row in rows])


def joints(bones: int) -> tuple[np.ndarray, np.ndarray]:
    """Bone and angle that each of theta[6:] turns: three joints a finger, the first in two ways."""
    pairs = []
    for finger in range(FINGERS):
        first = 2 + 4 * finger
        pairs += [(first, 0), (first, 1), (first + 1, 0), (first + 2, 0)]
    bone, angle = np.array(pairs).T
    if bone.max() >= bones:
        raise ValueError(f"a hand has {bone.max() + 1} bones at least, got {bones}")
    return bone, angle


def transforms(theta: Any, model: Model) -> Any:
    """What each bone does to the points of the base hand, (b, 4, 4)."""
    relatives = model["base_relatives"]
    bones = len(relatives)
    angles = cd.numpy.zeros((bones, 3))
    angles[joints(bones)] = theta[6:]
    turned = relatives[:, :, :3] @ rotations(angles)
    turned = np.concatenate([turned, relatives[:, :, 3:]], axis=2)
    absolutes: list[Any] = []
    for i, parent in enumerate(model["parents"]):
        absolutes.append(turned[i] if parent < 0 else absolutes[parent] @ turned[i])
    return np.stack(absolutes) @ model["inverse_base_absolutes"]


def vertices(theta: Any, model: Model) -> Any:
    """The vertices of the posed hand, (V, 3): what the bones do, weighted, then the whole hand."""
    weights, base = model["weights"].T, model["base_positions"].T
    weighted = (weights[:, None] * base).reshape(-1, base.shape[1])  # (4 b, V)
    scale = np.ones(3)
    whole = axis_angle(theta[:3]) * scale
    if model["is_mirrored"]:
        whole = whole * np.array([-1.0, 1.0, 1.0])
    moves = whole @ transforms(theta, model)[:, :3]  # (b, 3, 4)
    return weighted.T @ np.reshape(np.swapaxes(moves, 1, 2), (-1, 3)) + theta[3:6]


def residuals(theta: Any, shift: Any, model: Model, seen: Any, points: Any, places: Any) -> Any:
    """Measured points minus those of the hand, (c, 3); places is None in the simple variant."""
    hand = vertices(theta, model)
    if places is None:
        return points - hand[seen]
    corners = model["triangles"][seen]
    u, v = (places + shift).T[:, :, None]
    return points - (
        u * hand[corners[:, 0]] + v * hand[corners[:, 1]] + (1.0 - u - v) * hand[corners[:, 2]]
    )


def jacobian(theta: Any, shift: Any, model: Model, seen: Any, points: Any, places: Any) -> Any:
    """Rows of 28 columns, in the simple variant 26."""
    arguments = theta, shift, model, seen, points, places
    if places is None:
        return cd.jacfwd(residuals)(*arguments).reshape(-1, THETA)
    by_theta, by_shift = cd.jacfwd(residuals, argnums=(0, 1))(*arguments)
    return np.concatenate([by_shift, by_theta], axis=2).reshape(-1, 2 + THETA)


def read_model(message: Any) -> Model:
    bones = whole(message, "bone_count", 1)
    matrices = (bones, 4, 4)
    base = array(message, "base_positions", (None, 4))
    return {
        "parents": tuple(array(message, "parents", (bones,), int).tolist()),
        "base_relatives": array(message, "base_relatives", matrices),
        "inverse_base_absolutes": array(message, "inverse_base_absolutes", matrices),
        "base_positions": base,
        "weights": array(message, "weights", (len(base), bones)),
        "triangles": array(message, "triangles", (None, 3), int),
        "is_mirrored": bool(field(message, "is_mirrored")),
    }


def read(message: Any) -> tuple[Any, ...]:
    data = field(message, "data")
    model = read_model(field(data, "model"))
    seen = array(data, "correspondences", (None,), int)
    points = array(data, "points", (len(seen), 3))
    places = array(message, "us", (len(seen), 2)) if field(message, "us") else None
    return array(message, "theta", (THETA,)), np.zeros(2), model, seen, points, places


FUNCTIONS = {
    "objective": Function(lambda data: compiled(residuals, *data), lambda r: r.ravel().tolist()),
    "jacobian": Function(lambda data: compiled(jacobian, *data), lambda j: j.tolist()),
}
