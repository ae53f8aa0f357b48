"""A Gaussian process whose kernel is put together of objects, and its hyperparameters fitted.

Classes with operators of their own, parameters in a dict, and a factorisation that is tried again
with more on the diagonal where it fails: what the function does when it catches the error is a
decision like any other, for a compiled function too.

Run as ``python examples/gaussian_process.py``.
"""

import numpy as np
from numpy.linalg import LinAlgError

import cdiff as cd
from cdiff.optimize import minimize

RANDOM = np.random.default_rng(3)
T = np.sort(RANDOM.uniform(0.0, 10.0, 60))
Y = np.sin(2.0 * T) + 0.2 * T + 0.1 * RANDOM.standard_normal(60)


class Kernel:
    """A covariance of two vectors of times; kernels are added and multiplied."""

    def __init__(self, function):
        self.function = function

    def __call__(self, s, t):
        return self.function(s[:, None], t[None, :])

    def __add__(self, other):
        return Kernel(lambda s, t: self.function(s, t) + other.function(s, t))

    def __mul__(self, other):
        return Kernel(lambda s, t: self.function(s, t) * other.function(s, t))


def smooth(length):
    return Kernel(lambda s, t: np.exp(-0.5 * ((s - t) / length) ** 2))


def periodic(period, length):
    return Kernel(lambda s, t: np.exp(-2.0 * (np.sin(np.pi * (s - t) / period) / length) ** 2))


def scaled(variance):
    return Kernel(lambda s, t: variance)


def model(p):
    wave = scaled(np.exp(p["wave"])) * periodic(np.exp(p["period"]), 1.0)
    return wave + scaled(np.exp(p["trend"])) * smooth(np.exp(p["length"]))


def factor(matrix):
    """The Cholesky factor, with as much on the diagonal as that takes; and how often it failed."""
    jitter, failures = 0.0, 0
    while True:
        try:
            return np.linalg.cholesky(matrix + jitter * np.eye(len(matrix))), failures
        except LinAlgError:
            jitter, failures = max(1e-10, 10.0 * jitter), failures + 1


def surprise(p):
    """Minus the logarithm of the likelihood of the data, by the logarithms of the parameters."""
    low, failures = factor(model(p)(T, T) + np.exp(p["noise"]) * np.eye(T.size))
    white = np.linalg.solve(low, Y)
    return 0.5 * white @ white + np.sum(np.log(np.diag(low))), failures


def main():
    start = {"wave": 0.0, "period": 1.2, "trend": 0.0, "length": 2.0, "noise": -1.0}
    found = minimize(cd.compile(lambda p: surprise(p)[0]), start, method="BFGS")
    print(f"{found.nfev} evaluations, -log likelihood {found.fun:.4f}")
    for name, value in found.x.items():
        print(f"{name:>7} {np.exp(value):.4f}")

    compiled = cd.compile(cd.value_and_grad(surprise, has_aux=True))
    for noise in (-5.0, -45.0, -5.0):
        (value, failures), gradient = compiled({**found.x, "noise": noise})
        print(f"log noise {noise:5.1f}: {failures} failures, {value:.6g}, "
              f"by the period {gradient['period']:.6g}")  # fmt: skip


if __name__ == "__main__":
    main()
