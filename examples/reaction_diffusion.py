"""The Brusselator with diffusion on a line, a stiff system, by SciPy's BDF with a sparse Jacobian.

Run as ``python examples/reaction_diffusion.py [cells]``.
"""

import sys

import numpy as np
from scipy.integrate import solve_ivp

import cdiff as cd

A, B, DIFFUSION = 1.0, 3.0, 0.02


def rates(t, y):
    """u' = A + u^2 v - (B + 1) u + D u_xx, v' = B u - u^2 v + D v_xx; A and B / A at the ends."""
    n = y.size // 2
    u, v = y[:n], y[n:]
    uuv = u**2 * v
    scale = DIFFUSION * (n + 1) ** 2
    wide_u, wide_v = np.pad(u, 1, constant_values=A), np.pad(v, 1, constant_values=B / A)
    return np.concatenate(
        [
            A + uuv - (B + 1.0) * u + scale * (wide_u[2:] - 2.0 * u + wide_u[:-2]),
            B * u - uuv + scale * (wide_v[2:] - 2.0 * v + wide_v[:-2]),
        ]
    )


def main(n):
    x = np.arange(1, n + 1) / (n + 1)
    start = np.concatenate([A + np.sin(2.0 * np.pi * x), np.full(n, B / A)])
    jacobian = cd.sparse_jacobian(rates, argnums=1)
    print(jacobian.prepare(0.0, start))
    fast = cd.compile(rates)
    found = solve_ivp(fast, (0.0, 10.0), start, method="BDF", jac=jacobian, rtol=1e-6, atol=1e-8)
    print(f"{found.message} steps {found.t.size}, Jacobians {found.njev}")
    print(f"largest u {found.y[:n, -1].max():.5f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
