"""JAX, jitted, its results awaited."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from benchmarks._jax import jax
from benchmarks.gradbench import ba as ba_eval
from benchmarks.gradbench import ht as ht_eval
from benchmarks.gradbench.peers import shared

NAMES = shared.Names(
    jnp,
    lambda x: jnp.max(x, -1, keepdims=True),
    lambda x: jnp.min(x, -1),
    lambda x: jnp.cumprod(x, -1),
    jnp.asarray,
    jnp.concatenate,
)
Run = Callable[[], Any]

jax.devices()  # as imports, what a process does once is no part of a first call


def run_of(function: Callable[..., Any], *arguments: Any) -> Run:
    """A jitted call, compiled."""
    given = jax.tree.map(jnp.asarray, arguments)
    call = jax.jit(function)
    jax.block_until_ready(call(*given))
    return lambda: jax.tree.map(np.asarray, jax.block_until_ready(call(*given)))


# --- ba -----------------------------------------------------------------------------------------


def rotate(r: Any, x: Any) -> Any:
    square = r @ r
    angle = jnp.sqrt(jnp.where(square == 0.0, 1.0, square))
    axis = r / angle
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    turned = x * cos + jnp.cross(axis, x) * sin + axis * ((axis @ x) * (1.0 - cos))
    return jnp.where(square == 0.0, x + jnp.cross(r, x), turned)


def reprojection_error(unknowns: Any, feature: Any) -> Any:
    camera, x, w = unknowns[:11], unknowns[11:14], unknowns[14]
    seen = rotate(camera[:3], x - camera[3:6])
    p = seen[:2] / seen[2]
    square = p @ p
    p = p * (1.0 + camera[9] * square + camera[10] * square**2)
    return w * (p * camera[6] + camera[7:9] - feature)


def ba(data: Any) -> Run:
    def blocks(cameras: Any, points: Any, w: Any, features: Any, i: Any, j: Any) -> Any:
        unknowns = jnp.concatenate([cameras[i], points[j], w[:, None]], axis=1)
        values = jax.vmap(jax.jacfwd(reprojection_error))(unknowns, features)
        return jnp.concatenate([values.ravel(), jax.vmap(jax.grad(lambda w: 1 - w * w))(w)])

    values = run_of(blocks, *ba_eval.arguments(data))
    rows, columns = shared.ba_structure(data)
    return lambda: (rows, columns, values())


# --- ht -----------------------------------------------------------------------------------------


def rotations(angles: Any) -> Any:
    sin, cos = jnp.sin(angles), jnp.cos(angles)
    (sx, sz, sy), (cx, cz, cy) = sin.T, cos.T
    rows = [
        [cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz],
        [cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz],
        [-sy, sx * cy, cx * cy],
    ]
    return jnp.stack([jnp.stack(row, axis=1) for row in rows], axis=1)


def axis_angle(r: Any) -> Any:
    angle = jnp.sqrt(jnp.sum(r**2))
    x, y, z = r / angle
    zero = jnp.zeros(())
    k = jnp.stack([jnp.stack(row) for row in [[zero, -z, y], [z, zero, -x], [-y, x, zero]]])
    return jnp.eye(3) + jnp.sin(angle) * k + (1 - jnp.cos(angle)) * (k @ k)


def residuals(theta: Any, shift: Any, model: Any, parents: Any, seen: Any, p: Any, u: Any) -> Any:
    relatives, weights = model["base_relatives"], model["weights"]
    base = model["base_positions"]
    bones = len(parents)
    angles = jnp.zeros((bones, 3)).at[ht_eval.joints(bones)].set(theta[6:])
    turned = relatives[:, :, :3] @ rotations(angles)
    turned = jnp.concatenate([turned, relatives[:, :, 3:]], axis=2)
    absolutes: list[Any] = []
    for i, parent in enumerate(parents):
        absolutes.append(turned[i] if parent < 0 else absolutes[parent] @ turned[i])
    transforms = (jnp.stack(absolutes) @ model["inverse_base_absolutes"])[:, :3]
    weighted = (weights[:, :, None] * base[:, None, :]).reshape(len(base), -1)
    posed = weighted @ jnp.swapaxes(transforms, 1, 2).reshape(-1, 3)
    hand = posed @ axis_angle(theta[:3]).T + theta[3:6]
    corners = model["triangles"][seen]
    a, b = (u + shift).T[:, :, None]
    first, second, third = [hand[corners[:, k]] for k in range(3)]
    return p - (a * first + b * second + (1 - a - b) * third)


def ht(data: Any) -> Run:
    theta, shift, model, seen, points, places = data
    parents = model["parents"]
    arrays = {name: x for name, x in model.items() if isinstance(x, np.ndarray)}

    def rows(theta: Any, shift: Any, *rest: Any) -> Any:
        def both(theta: Any, shift: Any) -> Any:
            return residuals(theta, shift, rest[0], parents, *rest[1:])

        by_theta, by_shift = jax.jacfwd(both, argnums=(0, 1))(theta, shift)
        return jnp.concatenate([by_shift, by_theta], axis=2).reshape(-1, 28)

    return run_of(rows, theta, shift, arrays, seen, points, places)


# --- the others ---------------------------------------------------------------------------------


def gmm(data: Any) -> Run:
    p, x, gamma, m = data
    parameters = tuple(p[name] for name in ("alpha", "mu", "q", "l"))
    gradient = jax.grad(lambda p, x: shared.log_posterior(NAMES, p, x, gamma, m))
    return run_of(gradient, parameters, x)


def kmeans(data: Any) -> Run:
    def direction(centroids: Any, points: Any) -> Any:
        slope = jax.grad(lambda c: shared.cluster_cost(NAMES, c, points))
        gradient, diagonal = jax.jvp(slope, (centroids,), (jnp.ones_like(centroids),))
        return gradient / diagonal

    return run_of(direction, *data)


def llsq(data: Any) -> Run:
    return run_of(jax.grad(lambda x, t: shared.polynomial_error(NAMES, x, t)), *data)


def lse(x: Any) -> Run:
    return run_of(jax.grad(lambda x: shared.log_sum_exp(NAMES, x)), x)


def ode(data: Any) -> Run:
    x, steps = data
    h = 2.0 / steps

    def last(x: Any) -> Any:
        def step(y: Any, _: Any) -> Any:
            return shared.runge_kutta_step(NAMES, x, y, h), None

        return jax.lax.scan(step, jnp.zeros_like(x), None, steps)[0][-1]

    return run_of(jax.grad(last), x)


def lstm(data: Any) -> Run:
    def loss(main: Any, extra: Any, state: Any, sequence: Any) -> Any:
        count, width = sequence.shape
        weights = main.reshape(-1, 2, 4, width)

        def step(states: Any, pair: Any) -> Any:
            x = pair[0] * extra[0]
            after = []
            for (w, b), (hidden, cell) in zip(weights, states, strict=True):
                forget = jax.nn.sigmoid(x * w[0] + b[0])
                ingate = jax.nn.sigmoid(hidden * w[1] + b[1])
                outgate = jax.nn.sigmoid(x * w[2] + b[2])
                cell = cell * forget + ingate * jnp.tanh(hidden * w[3] + b[3])
                x = outgate * jnp.tanh(cell)
                after.append((x, cell))
            predicted = x * extra[1] + extra[2]
            normed = predicted - jnp.log(2.0 + jnp.sum(jnp.exp(predicted)))
            return after, jnp.sum(pair[1] * normed)

        first = [(state[2 * i], state[2 * i + 1]) for i in range(len(weights))]
        _, gains = jax.lax.scan(step, first, (sequence[:-1], sequence[1:]))
        return -jnp.sum(gains) / ((count - 1) * width)

    return run_of(jax.grad(loss, argnums=(0, 1)), *data)


EVALS: dict[tuple[str, str], Callable[[Any], Run]] = {
    ("ba", "jacobian"): ba,
    ("gmm", "jacobian"): gmm,
    ("ht", "jacobian"): ht,
    ("kmeans", "dir"): kmeans,
    ("llsq", "gradient"): llsq,
    ("lse", "gradient"): lse,
    ("lstm", "jacobian"): lstm,
    ("ode", "gradient"): ode,
}
