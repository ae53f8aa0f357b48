"""What a user writes, for the type checker: `mypy --strict` must accept all of it. Never run."""

from typing import Any, assert_type

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


# What transformations return keeps what is known of the function, and takes plain arrays besides.
def decay(t: float, rate: float) -> float:
    return float(t * rate)


def outputs(x: cd.Array, power: int) -> tuple[cd.Array, cd.Array]:
    return x, x**power


@cd.compile
def energy(x: Vector) -> float:
    return float(np.sum(x**2))


@cd.compile(static_argnums=1)
def raised(x: cd.Array, power: int) -> cd.Array:
    return x**power


class Model:
    weight = 2.0

    @cd.compile
    def loss(self, x: Vector) -> float:
        return self.weight * float(np.sum(x))

    @cd.grad
    def slope(self, x: Vector) -> float:
        return self.weight


start: Vector = np.ones(3)
assert_type(cd.compile(decay)(1.0, 2.0), float)
assert_type(cd.compile(decay)(1.0, rate=2.0), float)
assert_type(energy(np.ones(3)), float)
assert_type(energy.stats(), dict[str, int])
energy(np.ones(3), out=np.zeros(()))
energy.profile(np.ones(3)).by_line()
energy.save("energy.cdiff")
power = raised(np.ones(3), 2)  # an ndarray, though the function says Array
print(power.shape, raised.program, raised.draw(np.ones(3), 2).svg)
first, second = cd.compile(outputs)(np.ones(3), 2)
anything = cd.compile(lambda x: x * 2.0)
print(anything(3.0), anything.stats()["recordings"])
print(Model().loss(np.ones(3)) + Model().slope(np.ones(3)))
assert_type(cd.grad(decay)(1.0, 2.0), float)
assert_type(cd.grad(rosenbrock)(start), Vector)
assert_type(cd.grad(residuals)({"scale": 1.0, "rate": 2.0}), dict[str, float])
print(cd.grad(lambda x, y: x * y)(np.ones(3), 1.0).shape, cd.grad(lambda x: x**2)(2.0) + 1.0)
assert_type(cd.value_and_grad(decay)(1.0, 2.0), tuple[Any, float])
assert_type(cd.elementwise_grad(rosenbrock)(start), Vector)
both = cd.grad(decay, argnums=(0, 1))(1.0, 2.0)
print(both[0] + both[1])
inner, aux = cd.grad(lambda x: (x**2, x), has_aux=True)(2.0)
curvature = cd.grad(cd.grad(decay))(1.0, 2.0)
print(curvature + inner + aux)
fast = cd.compile(cd.value_and_grad(rosenbrock))
value, gradient = fast(np.ones(3))
mapped = cd.vmap(decay, in_axes=(0, None))(np.ones(3), 2.0)
rows = cd.vmap(in_axes=1)(rosenbrock)(np.ones((3, 2)))
slopes = cd.vmap(cd.grad(rosenbrock))(np.ones((2, 3)))
print(gradient.shape, mapped.shape, rows.shape, slopes.shape)
loss, slope, more = cd.jvp(outputs, (np.ones(3), 2.0), (np.ones(3), 0.0), has_aux=True)


# What is known of results, so that a program is checked and not merely accepted.
def hinged(x: cd.Array) -> cd.Array:
    y = cnp.where(x > 0.0, x, 0.0) + x.mean(axis=0) + x.std(ddof=1) * x.max(axis=-1)
    return y * cd.stop_gradient(y) + x.reshape(-1).ravel().dot(y)


def held(x: Vector) -> Vector:
    return x * cd.stop_gradient(x)


assert_type(cd.checkpoint(held)(np.ones(3)), Vector)
print(cnp.triu_indices(3), cnp.ndarray)

# Mistakes that a checker has to see; it complains where one of these is no error to it.
mistaken = cd.array([1.0])
cd.gradd(rosenbrock)  # type: ignore[attr-defined]
cnp.sinn(mistaken)  # type: ignore[attr-defined]
cnp.linalg.nrm(mistaken)  # type: ignore[attr-defined]
mistaken.summ()  # type: ignore[attr-defined]
mistaken.sum().shpae  # type: ignore[attr-defined]
mistaken.max(axs=0)  # type: ignore[call-arg]
cnp.where(mistaken > 0.0, mistaken, 0.0).foo  # type: ignore[attr-defined]
cd.grad(3.0)  # type: ignore[call-overload]
