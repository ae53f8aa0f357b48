"""Recorded at one point, replayed at others: nothing that depends on values became a constant.

Value, gradient and second derivatives of every kind of function whose derivative looks at values
(which element is the largest, what a permutation sorts, which branch a norm takes).
"""

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp

VECTORS = {
    "max": lambda x: cnp.max(x * x),
    "min": lambda x: cnp.min(np.sin(x)),
    "ptp": lambda x: cnp.max(x) - cnp.min(x) * x[0],
    "maximum": lambda x: np.maximum(x, x[::-1] ** 2).sum(),
    "minimum of numbers": lambda x: np.minimum(x[0], x[1]) * x[2],
    "clip": lambda x: (np.clip(x, -0.5, 0.5) * x).sum(),
    "absolute": lambda x: (abs(x) * x[1]).sum(),
    "sign": lambda x: (np.sign(x) * x * x).sum(),
    "where": lambda x: cnp.where(x > 0.1, x * x, x).sum(),
    "relu": lambda x: (cd.relu(x) ** 2).sum(),
    "prod": lambda x: np.prod(x),
    "prod of nearly zeros": lambda x: np.prod(np.round(x)),
    "cumsum": lambda x: (np.cumsum(x) * x).sum(),
    "cumprod": lambda x: np.cumprod(x).sum(),
    "logsumexp": lambda x: cd.logsumexp(x * 3.0),
    "softmax": lambda x: (cd.softmax(x) * x).sum(),
    "log_softmax": lambda x: (cd.log_softmax(x) * x).sum(),
    "norm": lambda x: np.linalg.norm(x),
    "norm 1": lambda x: np.linalg.norm(x, 1),
    "norm inf": lambda x: np.linalg.norm(x, np.inf),
    "norm 3": lambda x: np.linalg.norm(x, 3),
    "std": lambda x: np.std(x),
    "var": lambda x: np.var(x) * x[0],
    "sort": lambda x: (np.sort(x) * np.arange(6.0)).sum(),
    "median": lambda x: np.median(x) * x[0],
    "argmax": lambda x: x[np.argmax(x)] * x[1],
    "argsort": lambda x: (x[np.argsort(x)] * np.arange(6.0)).sum(),
    "mask": lambda x: (x[x > 0] ** 2).sum(),
    "if": lambda x: (x * x).sum() if x[0] > x[1] else x.sum(),
    "while": lambda x: halved(x).sum(),
    "power": lambda x: (np.exp(x) ** x[0]).sum(),
    "hypot": lambda x: np.hypot(x[0], x[1]) * x[2],
    "arctan2": lambda x: np.arctan2(x[:3], x[3:]).sum(),
    "floor": lambda x: (np.floor(x * 3) * x).sum(),
    "remainder": lambda x: (np.remainder(x, 0.3) * x).sum(),
    "diff": lambda x: (np.diff(x) ** 2).sum(),
    "outer": lambda x: np.outer(x, x * x).sum(),
    "stack": lambda x: (np.stack([x, x * x]) @ x).sum(),
    "assignment": lambda x: assigned(x).sum(),
}

MATRICES = {
    "max of rows": lambda a: (cnp.max(a, axis=1) ** 2).sum(),
    "max of columns": lambda a: (cnp.max(a, axis=0, keepdims=True) * a).sum(),
    "min of all axes": lambda a: cnp.min(a, axis=(0, 1)) * a[0, 0],
    "sort of columns": lambda a: (np.sort(a, axis=0) * np.arange(9.0).reshape(3, 3)).sum(),
    "det": lambda a: np.linalg.det(a),
    "slogdet": lambda a: np.linalg.slogdet(a)[1],
    "inv": lambda a: np.linalg.inv(a).sum(),
    "solve": lambda a: np.linalg.solve(a, a[0]).sum(),
    "cholesky": lambda a: np.linalg.cholesky(a @ a.T + np.eye(3)).sum(),
    "norm fro": lambda a: np.linalg.norm(a),
    "norms of rows": lambda a: np.linalg.norm(a, axis=1).sum(),
    "trace": lambda a: np.trace(a @ a @ a),
    "einsum": lambda a: np.einsum("ij,jk,ki->", a, a, a),
    "triu": lambda a: (np.triu(a) @ a).sum(),
    "prod of rows": lambda a: np.prod(a, axis=1).sum(),
    "std of columns": lambda a: np.std(a, axis=0).sum(),
    "logsumexp of rows": lambda a: cd.logsumexp(a, axis=1).sum(),
    "largest of each row": lambda a: a[np.arange(3), np.argmax(a, axis=1)].sum() * a[0, 0],
}


def halved(x):
    while abs(x[0]) > 0.4:
        x = x * 0.5
    return x


def assigned(x):
    y = x * x
    y[1:3] = cnp.max(x) * y[:2]
    return y


def points(shape):
    rng = np.random.default_rng(5)
    fixed = np.arange(1.0, 1 + np.prod(shape)).reshape(shape) / 4 * (-1.0) ** np.arange(shape[-1])
    fixed = fixed + np.eye(3) if len(shape) == 2 else fixed
    return [rng.normal(size=shape), -rng.normal(size=shape), fixed, rng.normal(size=shape)]


def hessian_times(f):
    """Forward over reverse."""
    return lambda x: cd.jvp(cd.grad(f), (x,), (np.cos(x),))[1]


@pytest.mark.parametrize("derivative", [cd.value_and_grad, cd.jacfwd, hessian_times])
@pytest.mark.parametrize(
    ("f", "shape"),
    [(f, (6,)) for f in VECTORS.values()] + [(f, (3, 3)) for f in MATRICES.values()],
    ids=[*VECTORS, *MATRICES],
)
def test_replay_elsewhere(f, shape, derivative):
    plain = derivative(f)
    compiled = cd.compile(plain)
    for x in points(shape) * 2:
        right, found = plain(x), compiled(x)
        if derivative is not cd.value_and_grad:
            right, found = (right,), (found,)
        for a, b in zip(right, found, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rows", [2, 16, 30])
def test_a_slice_that_is_reshaped_by_copying(rows):
    """What is copied starts where its own memory starts, not where the slice did."""

    def f(x):
        a = x.reshape(rows, 24)
        return a[:, :12].reshape(rows, 2, 6) + a[:, 12:].reshape(rows, 2, 6)

    x = np.arange(rows * 24.0)
    compiled = cd.compile(f)
    for k in range(5):
        np.testing.assert_array_equal(compiled(x + k), f(x + k))
