"""Hamiltonian Monte Carlo on a posterior whose moments are known exactly.

Bayesian linear regression with known noise has a normal posterior: mean and covariance are
formulae. The sampler knows only the log-density, written in NumPy; its gradient is cdiff's, and all
chains run at once, as one compiled function of many points (`cd.vmap`). The steps of a trajectory
are a `cd.fori_loop`, so the whole trajectory is one program. Only NumPy and cdiff are needed:

    python examples/hmc.py

The exit status is 0 if the moments of the draws agree with the exact ones.
"""

import sys
import time

import numpy as np

import cdiff as cd

NOISE, PRIOR = 0.5, 2.0
CHAINS, WARM_UP, DRAWS = 64, 100, 400
STEPS, WIDTH = 8, 0.9


def make_data():
    """Covariates that are correlated, so that the posterior is no sphere."""
    rng = np.random.default_rng(20)
    x = rng.normal(size=(60, 4)) @ np.array(
        [[1.0, 0.6, 0.0, 0.0], [0.0, 0.8, 0.3, 0.0], [0.0, 0.0, 1.0, 0.5], [0.0, 0.0, 0.0, 0.7]]
    )
    return x, x @ np.array([1.0, -2.0, 0.5, 3.0]) + NOISE * rng.normal(size=60)


X, Y = make_data()


def log_density(w):
    """The logarithm of the posterior of the weights, up to a constant."""
    return -0.5 * np.sum((X @ w - Y) ** 2) / NOISE**2 - 0.5 * np.sum(w**2) / PRIOR**2


def exact_posterior():
    precision = X.T @ X / NOISE**2 + np.eye(4) / PRIOR**2
    covariance = np.linalg.inv(precision)
    return covariance @ X.T @ Y / NOISE**2, covariance


def energy(w, momentum):
    return 0.5 * np.sum(momentum**2) - log_density(w)


def trajectory(w, momentum, width):
    """Leapfrog steps; the change of the energy along them."""
    force = cd.grad(log_density)
    start = energy(w, momentum)

    def step(_, state):
        w, momentum = state
        momentum = momentum + 0.5 * width * force(w)
        w = w + width * momentum
        return w, momentum + 0.5 * width * force(w)

    w, momentum = cd.fori_loop(0, STEPS, step, (w, momentum))
    return w, energy(w, momentum) - start


def sample(rng):
    """Draws of all chains, of shape (draws, chains, weights), and the rate of acceptance."""
    scale = np.sqrt(np.min(np.linalg.eigvalsh(exact_posterior()[1])))
    move = cd.compile(cd.vmap(trajectory))
    w = rng.normal(size=(CHAINS, 4))
    draws, accepted = [], 0.0
    for k in range(WARM_UP + DRAWS):
        width = scale * WIDTH * rng.uniform(0.5, 1.5, size=CHAINS)
        proposed, change = move(w, rng.normal(size=w.shape), width)
        taken = np.log(rng.random(CHAINS)) < -change
        w = np.where(taken[:, None], proposed, w)
        if k >= WARM_UP:
            draws.append(w)
            accepted += taken.mean() / DRAWS
    return np.stack(draws), accepted


def main():
    mean, covariance = exact_posterior()
    begin = time.perf_counter()
    draws, accepted = sample(np.random.default_rng(3))
    seconds = time.perf_counter() - begin
    flat = draws.reshape(-1, 4)
    # Chains are independent, so the spread of their means is the error of the mean of all.
    error = draws.mean(axis=0).std(axis=0) / np.sqrt(CHAINS)
    off = (flat.mean(axis=0) - mean) / error
    ratio = np.cov(flat.T) / covariance
    print(f"{flat.shape[0]} draws of {CHAINS} chains, {accepted:.0%} accepted, in {seconds:.2f} s")
    print("weight      exact mean   mean of draws   off by (standard errors)   spread / exact")
    for k in range(4):
        print(f"w{k}        {mean[k]:12.5f} {flat[:, k].mean():15.5f} {off[k]:18.2f}", end="")
        print(f"{np.sqrt(ratio[k, k]):23.3f}")
    good = np.all(np.abs(off) < 4.5) and np.allclose(np.cov(flat.T), covariance, rtol=0.1,
                                                     atol=0.05 * covariance.max())  # fmt: skip
    print("the draws agree with the posterior" if good else "the draws DO NOT agree")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
