"""Functions of complex numbers and points for them, for test_complex.py: NumPy's functions in a
form that runs on arrays of NumPy and of cdiff alike. This file knows neither cdiff nor pytest.
"""

import numpy as np

__all__ = ["CASES", "HOLOMORPHIC", "POINTS"]


def points(shape, seed, size=1.0):
    rng = np.random.default_rng(seed)
    return size * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))


Z = points(4, 1)
W = points(4, 2)
M = points((3, 3), 3)
N = points((3, 3), 4)
TALL = points((4, 2), 5)
STACK = points((2, 3, 3), 6)
BIG = points((5, 5), 7)
X = np.array([0.3, -1.2, 2.5, 0.7])
POSITIVE = M @ M.conj().T + 3 * np.eye(3)
ROTATION = np.array([[0.2, -1.0, 0.3], [1.1, 0.4, -0.2], [0.1, 0.5, 1.7]])

# Holomorphic functions of one number, away from their branch cuts.
POINTS = np.array([0.3 + 0.4j, -0.7 + 0.2j, 0.5 - 0.8j, 1.3 + 1.1j])
_NAMES = """
    positive negative square reciprocal sqrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin
    arccos arctan sinh cosh tanh arcsinh arccosh arctanh sinc
"""
HOLOMORPHIC = _NAMES.split()


def hermitian(a):
    return (a + np.conj(np.swapaxes(a, -1, -2))) / 2


def weighted(v):
    """A function of columns that their phases do not change."""
    return np.abs(v * np.arange(1.0, v.shape[-2] + 1)[:, None] + np.roll(v, 1, -2)) ** 2


def changed(z, w):
    y = z.copy()
    y[1] = w[0] * 2j
    y[2:] *= w[:2]
    return y


def added(z, w):
    y = z.copy()
    np.add.at(y, [0, 2, 0], w[:3] * z[0])
    return y


CASES = {
    # between real and complex
    "real": (lambda z: np.real(z) * z.real, (Z,)),
    "imag": (lambda z: np.imag(z) ** 2 * z.imag, (Z,)),
    "conj": (lambda z: np.conj(z) * z.conj() + z.conjugate(), (Z,)),
    "absolute": (lambda z: np.abs(z) ** 3 + np.absolute(z), (Z,)),
    "angle": (lambda z: np.angle(z) + np.angle(z, deg=True), (Z,)),
    "sign": (lambda z: np.sign(z), (Z,)),
    "of real numbers": (lambda x: np.exp(1j * x) * x, (X,)),
    "of real and complex": (lambda x, z: x * z + x / z - z**2 * x, (X, Z)),
    "of a real scalar": (lambda x: np.exp(2j * x) + 1j, (0.7,)),
    "of a complex scalar": (lambda z: z * np.conj(z) * np.exp(z), (0.7 - 0.2j,)),
    "scalar to real": (lambda z: abs(z * z) + z.real, (0.7 - 0.2j,)),
    "power": (lambda z, w: z**w, (np.exp(Z), W)),
    "power of a real number": (lambda x, w: x**w, (np.abs(X), W)),
    "real power": (lambda z, x: z**x, (np.exp(Z), X)),
    "integer powers": (lambda z: z**3 + z**-2 + z**2 + z**1, (Z,)),
    "float_power": (lambda z: np.float_power(z, 2.5), (np.exp(Z),)),
    "divide": (lambda z, w: z / w + 1 / z, (Z, W)),
    "where": (lambda z, w: np.where(np.arange(4) > 1, z * w, w.real), (Z, W)),
    "real_if_close": (lambda z: np.real_if_close(z), (Z,)),
    "in place": (changed, (Z, W)),
    # shapes
    "views": (lambda m: m.T[1:, ::-1].reshape(-1)[[0, 2, 2]] * m[1, :3], (M,)),
    "stack": (lambda z, w: np.stack([z, w, z * w], 1), (Z, W)),
    "concatenate": (lambda z, x: np.concatenate([z, x]), (Z, X)),
    "broadcast": (lambda z, m: z[:3] + m * z[0], (Z, M)),
    "take": (lambda z: np.take(z, [[0, 1], [3, 3]]), (Z,)),
    "roll": (lambda z: np.roll(z, 1) * np.flip(z), (Z,)),
    "pad": (lambda z: np.pad(z, 2) ** 2, (Z,)),
    "tril": (lambda m: np.tril(m) * np.triu(m, -1), (M,)),
    "diag": (lambda z: np.diag(z) + np.diag(np.diag(z), 0), (Z,)),
    "meshgrid": (lambda z, w: np.meshgrid(z, w)[1] ** 2, (Z, W)),
    "repeat": (lambda z: np.repeat(z, 2) ** 2, (Z,)),
    "tile": (lambda z: np.tile(z, 2) ** 2, (Z,)),
    "linspace": (lambda z, w: np.linspace(z[0], w[0], 4), (Z, W)),
    "geomspace": (lambda z, w: np.geomspace(z[0], w[0], 4), (Z, W)),
    "sort": (lambda z: np.sort(z * z), (Z,)),
    "add at": (lambda z, w: added(z, w), (Z, W)),
    "nan_to_num": (lambda z: np.nan_to_num(z * z), (Z,)),
    "gradient": (lambda z: np.gradient(z * z), (Z,)),
    # reductions
    "sum": (lambda m: np.sum(m * m, axis=0) + np.sum(m), (M,)),
    "mean": (lambda m: np.mean(m * m, axis=1, keepdims=True), (M,)),
    "prod": (lambda m: np.prod(m, axis=0), (M,)),
    "prod at zero": (lambda z: np.prod(z), (np.array([0.0, 1 + 2j, 0.5 - 1j]),)),
    "cumsum": (lambda m: np.cumsum(m, 1) ** 2, (M,)),
    "cumprod": (lambda z: np.cumprod(z), (Z,)),
    "var": (lambda m: np.var(m, axis=0, ddof=1), (M,)),
    "std": (lambda m: np.std(m, axis=1), (M,)),
    "average": (lambda z, x: np.average(z, weights=np.exp(x)), (Z, X)),
    "diff": (lambda z: np.diff(z * z), (Z,)),
    "nansum": (lambda z: np.nansum(z * z), (Z,)),
    "nanmean": (lambda z: np.nanmean(z * z) + np.nanstd(z), (Z,)),
    "corrcoef": (lambda m: np.corrcoef(m) * (1 - np.eye(3)), (points((3, 6), 8),)),
    "cov": (lambda m: np.cov(m), (M,)),
    "trapezoid": (lambda z: np.trapezoid(z * z), (Z,)),
    "interp": (lambda z: np.interp(np.array([0.5, 1.2]), np.arange(4.0), z), (Z,)),
    "convolve": (lambda z, w: np.convolve(z, w), (Z, W)),
    "correlate": (lambda z, w: np.correlate(z, w, "full"), (Z, W)),
    # products
    "matmul": (lambda m, n: m @ n @ m, (M, N)),
    "matmul of real and complex": (lambda x, m: x[:3] @ m, (X, M)),
    "dot": (lambda z, w: np.dot(z, w), (Z, W)),
    "vdot": (lambda z, w: np.vdot(z, w), (Z, W)),
    "vecdot": (lambda z, w: np.vecdot(z, w), (M, N)),
    "inner": (lambda m, n: np.inner(m, n), (M, N)),
    "outer": (lambda z, w: np.outer(z, w), (Z, W)),
    "kron": (lambda m, n: np.kron(m[:2], n[:, :1]), (M, N)),
    "tensordot": (lambda m, n: np.tensordot(m, n, 1), (M, N)),
    "einsum": (lambda m, n: np.einsum("ij,kj->ik", m, n) + np.einsum("ii->i", m), (M, N)),
    "cross": (lambda m, n: np.cross(m, n), (M, N)),
    "trace": (lambda m: np.trace(m @ m), (M,)),
    "polyval": (lambda p, z: np.polyval(p, z), (W, Z)),
    "poly": (lambda z: np.poly(z), (Z,)),
    "polymul": (lambda z, w: np.polymul(z, w), (Z, W)),
    "vander": (lambda z: np.vander(z), (Z,)),
    # linear algebra
    "solve": (lambda m, n: np.linalg.solve(m, n), (M, N)),
    "inv": (lambda m: np.linalg.inv(m), (STACK,)),
    "det": (lambda m: np.linalg.det(m), (M,)),
    "det of a larger one": (lambda m: np.linalg.det(m), (BIG,)),
    "slogdet": (lambda m: tuple(np.linalg.slogdet(m)), (BIG,)),
    "matrix_power": (lambda m: np.linalg.matrix_power(m, 3), (M,)),
    "cholesky": (lambda m: np.linalg.cholesky(hermitian(m) + 4 * np.eye(3)), (M,)),
    "cholesky upper": (
        lambda m: np.linalg.cholesky(hermitian(m) + 4 * np.eye(3), upper=True), (M,)
    ),
    "norm": (lambda m: np.linalg.norm(m) + np.linalg.norm(m, axis=0), (M,)),
    "norm 1": (lambda z: np.linalg.norm(z, 1) + np.linalg.norm(z, 3), (Z,)),
    "norm inf": (lambda z: np.linalg.norm(z, np.inf) + np.linalg.norm(z, -np.inf), (Z,)),
    "matrix norms": (lambda m: np.linalg.norm(m, 1) + np.linalg.norm(m, np.inf), (M,)),
    "spectral norm": (lambda m: np.linalg.norm(m, 2) + np.linalg.norm(m, -2), (M,)),
    "nuclear norm": (lambda m: np.linalg.norm(m, "nuc"), (TALL,)),
    "eigvalsh": (lambda m: np.linalg.eigvalsh(hermitian(m)), (M,)),
    "eigh": (lambda m: weighted(np.linalg.eigh(hermitian(m))[1]), (M,)),
    "eigvals": (lambda m: np.linalg.eigvals(m), (M,)),
    "eig": (lambda m: np.linalg.eig(m)[1], (M,)),
    "eig of real numbers": (lambda m: tuple(np.linalg.eig(m)), (ROTATION,)),
    "roots": (lambda z: np.roots(z), (Z,)),
    "roots of real numbers": (lambda x: np.roots(x), (np.array([1.0, 0.3, 2.0, 0.5]),)),
    "svdvals": (lambda m: np.linalg.svdvals(m), (TALL,)),
    "svd": (lambda m: weighted(np.linalg.svd(m, full_matrices=False)[0]), (M,)),
    "svd of a tall one": (lambda m: weighted(np.linalg.svd(m, full_matrices=False)[0]), (TALL,)),
    "svd of a wide one": (
        lambda m: weighted(np.linalg.svd(m.T, full_matrices=False)[2].T), (TALL,)
    ),
    "svd whole": (lambda m: _whole(*np.linalg.svd(m, full_matrices=False)), (TALL,)),
    "qr": (lambda m: tuple(np.linalg.qr(m)), (M,)),
    "qr of a tall one": (lambda m: tuple(np.linalg.qr(m)), (TALL,)),
    "pinv": (lambda m: np.linalg.pinv(m), (TALL,)),
    "lstsq": (lambda m, z: np.linalg.lstsq(m, z, rcond=None)[0], (TALL, Z)),
    "cond": (lambda m: np.linalg.cond(m), (M,)),
    "tensorinv": (lambda m: np.linalg.tensorinv(m.reshape(3, 3, 1), 1), (M,)),
}


def _whole(u, s, vh):
    return (u * s) @ vh
