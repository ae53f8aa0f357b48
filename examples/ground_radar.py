"""Permittivities of the ground from a radar pulse: finite differences in time, inverted.

The solver is written as such solvers are, with arrays that are made once and changed in place, one
element or a stretch at a time, and borders that copy their neighbours. Compiled, its gradient costs
a few runs, whatever the number of layers. Run as ``python examples/ground_radar.py [layers]``.
"""

import sys

import numpy as np

import cdiff as cd
import cdiff.numpy as cnp
from cdiff.optimize import minimize

CELLS, STEPS, ANTENNA, SURFACE = 44, 200, 5, 14


def received(permittivity):
    """The field at the antenna at all times: Yee's scheme in one dimension."""
    electric, magnetic = cnp.zeros(CELLS), cnp.zeros(CELLS)
    speed = cnp.full(CELLS, 0.5)
    depth = (CELLS - SURFACE - 10) // len(permittivity)
    for k in range(len(permittivity)):
        top = SURFACE + k * depth
        speed[top : top + depth] = 0.5 / permittivity[k]
    trace = cnp.zeros(STEPS)
    for t in range(STEPS):
        magnetic[:-1] += 0.5 * (electric[1:] - electric[:-1])
        electric[1:] += speed[1:] * (magnetic[1:] - magnetic[:-1])
        electric[ANTENNA] += np.exp(-(((t - 24.0) / 8.0) ** 2))
        electric[0] = electric[1]
        electric[-1] = electric[-2]
        trace[t] = electric[ANTENNA]
    return trace


def main(layers):
    truth = 1.5 + np.sin(np.arange(layers)) ** 2
    measured = received(truth).numpy()

    def misfit(permittivity):
        return np.sum((received(permittivity) - measured) ** 2)

    found = minimize(cd.compile(misfit), np.full(layers, 2.0), method="BFGS", tol=1e-10)
    print(f"{found.nfev} evaluations, {found.njev} gradients")
    for k in range(layers):
        print(f"layer {k}: {found.x[k]:.6f}, true {truth[k]:.6f}")
    print(f"largest error {np.max(np.abs(found.x - truth)):.1e}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
