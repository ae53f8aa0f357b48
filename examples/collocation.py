"""Optimal control by collocation: a pendulum on a cart is swung up with the least force.

States and force at all nodes are the unknowns; the trapezoidal rule ties neighbouring nodes. Each
step of sequential quadratic programming solves the equations of the Lagrangian, whose blocks are
the sparse Hessian of the Lagrangian and the sparse Jacobian of the constraints. Run as ``python
examples/collocation.py [nodes]``.
"""

import sys

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

import cdiff as cd

GRAVITY, LENGTH, CART, BOB, DURATION = 9.81, 0.5, 1.0, 0.3, 2.0
START, GOAL = np.zeros(4), np.array([1.0, np.pi, 0.0, 0.0])


def dynamics(state, force):
    """The derivative of (position, angle, speed, angular speed) at all nodes."""
    angle, speed, rate = state[:, 1], state[:, 2], state[:, 3]
    sine, cosine = np.sin(angle), np.cos(angle)
    inertia = CART + BOB * sine**2
    push = force + BOB * LENGTH * sine * rate**2
    acceleration = (push + BOB * GRAVITY * sine * cosine) / inertia
    turning = -(push * cosine + (CART + BOB) * GRAVITY * sine) / (LENGTH * inertia)
    return np.stack([speed, rate, acceleration, turning], axis=1)


def unknowns(z):
    z = np.reshape(z, (-1, 5))
    return z[:, :4], z[:, 4]


def constraints(z):
    """Zero where the trapezoidal rule and both ends hold."""
    state, force = unknowns(z)
    step = DURATION / (state.shape[0] - 1)
    slope = dynamics(state, force)
    defects = state[1:] - state[:-1] - step / 2 * (slope[1:] + slope[:-1])
    return np.concatenate([np.reshape(defects, (-1,)), state[0] - START, state[-1] - GOAL])


def objective(z):
    _, force = unknowns(z)
    squares = force**2
    return DURATION / (squares.shape[0] - 1) * (np.sum(squares) - squares[0] / 2 - squares[-1] / 2)


def lagrangian(z, v):
    return objective(z) + np.sum(v * constraints(z))


def main(nodes):
    share = np.linspace(0.0, 1.0, nodes)[:, None]
    z = np.reshape(np.hstack([START + share * (GOAL - START), np.zeros((nodes, 1))]), -1)
    multipliers = np.zeros(constraints(z).size)
    jacobian = cd.sparse_jacobian(constraints, has_value=True).prepare(z)
    hessian = cd.sparse_hessian(lagrangian).prepare(z, multipliers)
    print(jacobian, hessian, sep="\n")
    gradient = cd.compile(cd.grad(objective))
    for iteration in range(100):
        c, a = jacobian(z)
        g = gradient(z)
        stationary = np.abs(g + a.T @ multipliers).max()
        print(f"step {iteration}: constraints {np.abs(c).max():.2e}, slope {stationary:.2e}")
        if max(np.abs(c).max(), stationary) < 1e-8:
            break
        h = hessian(z, multipliers)
        system = sp.block_array([[h, a.T], [a, None]], format="csc")
        step = spsolve(system, -np.concatenate([g, c]))
        length = min(1.0, 2.0 / np.abs(step[: z.size]).max())
        z = z + length * step[: z.size]
        multipliers = multipliers + length * (step[z.size :] - multipliers)
    print(f"effort {objective(z):.4f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
