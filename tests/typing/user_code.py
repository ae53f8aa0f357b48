"""What a user writes, for the type checker: `mypy --strict` must accept all of it. Never run."""

import numpy as np
from numpy.typing import NDArray

import cdiff as cd
import cdiff.numpy as cnp

Vector = NDArray[np.float64]


def rosenbrock(x: cd.Array) -> cd.Array:
    return cnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def descend(x: Vector, steps: int, rate: float) -> Vector:
    value_and_grad = cd.value_and_grad(rosenbrock)
    for _ in range(steps):
        value, slope = value_and_grad(x)
        if value < 1e-12:
            break
        x = x - rate * slope
    return x


def newton_step(x: Vector) -> Vector:
    step: Vector = np.linalg.solve(cd.hessian(rosenbrock)(x), cd.grad(rosenbrock)(x))
    return x - step


def residuals(parameters: dict[str, cd.Array]) -> cd.Array:
    t = np.linspace(0.0, 1.0, 5)
    return parameters["scale"] * cnp.exp(-parameters["rate"] * t) - 1.0


def eager() -> cd.Array:
    x = cd.array([1.0, 2.0, 3.0], requires_grad=True)
    y = cnp.sum(cnp.sin(x) * x) + (x @ x) / 2
    y.backward()
    with cd.no_grad():
        z = x.detach() + 1.0
    return z


jacobian = cd.jacobian(residuals)
out, pullback = cd.vjp(rosenbrock, np.ones(3))
cotangents = pullback(1.0)
value, directional = cd.jvp(rosenbrock, (np.ones(3),), (np.ones(3),))
product = cd.hvp(rosenbrock, (np.ones(3),), (np.ones(3),))
