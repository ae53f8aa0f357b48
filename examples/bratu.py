"""The Bratu equation on a square by Newton's method with sparse Jacobians.

Laplace(u) + L exp(u) = 0 inside, u = 0 on the border, on 300 x 300 unknowns by default. The
residual is a few lines of NumPy; its Jacobian has five entries in a row, comes from one
direction, and goes to SciPy's sparse solver as it is. Run as ``python examples/bratu.py [unknowns
along a side]``.
"""

import sys

import numpy as np
from scipy.sparse.linalg import spsolve

import cdiff as cd

LAMBDA = 6.0


def residual(u):
    """The five-point formula, times the square of the step."""
    n = round(u.size**0.5)
    grid = np.pad(np.reshape(u, (n, n)), 1)
    around = grid[2:, 1:-1] + grid[:-2, 1:-1] + grid[1:-1, 2:] + grid[1:-1, :-2]
    center = grid[1:-1, 1:-1]
    return np.reshape(around - 4 * center + LAMBDA / (n + 1) ** 2 * np.exp(center), (-1,))


def main(n):
    u = np.zeros(n * n)
    jacobian = cd.sparse_jacobian(residual, format="csc", has_value=True).prepare(u)
    print(jacobian)
    for step in range(12):
        r, matrix = jacobian(u)
        size = np.abs(r).max() * (n + 1) ** 2
        print(f"step {step}: residual {size:.2e}")
        if size < 1e-8:
            break
        u = u - spsolve(matrix, r)
    print(f"largest value {u.max():.6f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
