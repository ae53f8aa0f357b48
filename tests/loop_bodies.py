"""Bodies of loops, and the loop in Python, for the tests of loops."""

import numpy as np

A = np.array([0.3, -0.4])
ROWS = np.linspace(-1.0, 1.2, 14).reshape(7, 2)


def python_scan(f, init, xs, length=None, reverse=False):
    """What `scan` is, for arrays without containers."""
    n = length if xs is None else len(xs)
    ys = [None] * n
    carry = init
    for i in reversed(range(n)) if reverse else range(n):
        carry, ys[i] = f(carry, None if xs is None else xs[i])
    return carry, ys


def tanh_body(a):
    return lambda c, x: (np.tanh(a * c + x), np.sum(c * x))


def deciding_body(a):
    return lambda c, x: (c * a + x if np.sum(c) > 0.5 else c - a * x, np.sum(c) ** 2)


def product_body(a):
    w = np.outer(a, a) + np.eye(2)
    u = np.outer(a, np.ones(2))
    return lambda c, x: (np.tanh(w @ c + u @ x), c @ x)


def number_body(a):
    return lambda c, x: (np.sin(a[0] * c + x[1]), c * a[1])


def constant_body(a):
    return lambda c, x: (a * 1.0, np.sum(a * x))


BODIES = {
    "tanh": (tanh_body, np.ones(2)),
    "deciding": (deciding_body, np.array([0.2, 0.1])),
    "product": (product_body, np.ones(2)),
    "numbers": (number_body, 0.7),
    "constant": (constant_body, np.ones(2)),
}
