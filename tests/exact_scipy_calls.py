"""Calls of SciPy's functions, written once more for arrays of fifty digits: `WRITTEN`.

For functions of real numbers only, whose code no such array can go through: transforms,
decompositions, distances. Each is the call of the tests' cases; that its value is SciPy's is
checked where it is used. Must not know cdiff, nor any derivative.
"""

import exact_linalg  # noqa: F401 -- fills the table
import numpy as np
from exact_numbers import each, exact
from exact_numpy import SWAPPED
from mpmath import mp

__all__ = ["WRITTEN"]

WRITTEN = {}  # (module, name): the call
TURNED = 1 + 2j
SIZES = {"s": (3, 5), "axes": (0, 1)}


def ihfftn(x, norm=None):
    return np.conj(np.fft.rfftn(x, norm=SWAPPED[norm]))


def hfftn(x, s, axes):
    return np.fft.irfftn(np.conj(x), s, axes, "forward")


for _name in ("fft", "ifft", "rfft", "ihfft"):
    _f = getattr(np.fft, _name)
    WRITTEN["fft", _name] = lambda x, f=_f: np.abs(f(x, 6, 0, "ortho"))
for _name in ("irfft", "hfft"):
    _f = getattr(np.fft, _name)
    WRITTEN["fft", _name] = lambda x, f=_f: f(x * TURNED, 5)
for _name in ("fft2", "ifft2", "fftn", "ifftn", "rfft2", "rfftn", "ihfft2", "ihfftn"):
    _f = ihfftn if _name.startswith("ihfft") else getattr(np.fft, _name)
    WRITTEN["fft", _name] = lambda x, f=_f: np.abs(f(x, norm="forward"))
for _name in ("irfft2", "irfftn", "hfft2", "hfftn"):
    _f = hfftn if _name.startswith("hfft") else getattr(np.fft, _name)
    WRITTEN["fft", _name] = lambda x, f=_f: f(x * TURNED, **SIZES)


# --- linear algebra -------------------------------------------------------------------------------


def lstsq(a, b):
    x, left = np.linalg.lstsq(a, b)[:2]
    return x, left[0] if b.ndim == 1 else left


def polar(a):
    u, s, vh = np.linalg.svd(a)
    return np.matmul(u, vh), np.matmul(vh.T * s, vh)


def lyapunov(a, q, discrete):
    """One linear system for all elements."""
    one = np.eye(len(a))
    m = np.kron(a, a) - np.eye(a.size) if discrete else np.kron(a, one) + np.kron(one, a)
    right = -q if discrete else q
    return np.linalg.solve(exact(m), right.reshape(-1)).reshape(a.shape)


def solve_toeplitz(c, b):
    n = len(c)
    rows = [[c[abs(i - j)] for j in range(n)] for i in range(n)]
    return np.linalg.solve(np.stack([np.stack(row) for row in rows]), b)


WRITTEN.update({
    ("linalg", "svd"): lambda a: tuple(np.linalg.svd(a, full_matrices=False)),
    ("linalg", "svdvals"): np.linalg.svdvals, ("linalg", "pinv"): np.linalg.pinv,
    ("linalg", "qr"): lambda a: tuple(np.linalg.qr(a)), ("linalg", "lstsq"): lstsq,
    ("linalg", "norm"): lambda a: np.linalg.norm(a, 1), ("linalg", "polar"): polar,
    ("linalg", "solve_continuous_lyapunov"): lambda a, q: lyapunov(a, q, False),
    ("linalg", "solve_discrete_lyapunov"): lambda a, q: lyapunov(a, q, True),
    ("linalg", "solve_toeplitz"): solve_toeplitz,
})  # fmt: skip


# --- distances ------------------------------------------------------------------------------------


def cosine(u, v):
    return 1 - np.sum(u * v) / np.sqrt(np.sum(u * u) * np.sum(v * v))


def jensenshannon(p, q):
    p, q = p / np.sum(p), q / np.sum(q)
    m = (p + q) / 2
    return np.sqrt(np.sum(p * np.log(p / m) + q * np.log(q / m)) / 2)


DISTANCES = {
    "braycurtis": lambda u, v: np.sum(np.abs(u - v)) / np.sum(np.abs(u + v)),
    "canberra": lambda u, v: np.sum(np.abs(u - v) / (np.abs(u) + np.abs(v))),
    "chebyshev": lambda u, v: np.max(np.abs(u - v)),
    "cityblock": lambda u, v: np.sum(np.abs(u - v)), "cosine": cosine,
    "correlation": lambda u, v: cosine(u - np.mean(u), v - np.mean(v)),
    "euclidean": lambda u, v: np.sqrt(np.sum((u - v) ** 2)), "jensenshannon": jensenshannon,
    "seuclidean": lambda u, v, w: np.sqrt(np.sum((u - v) ** 2 / w)),
    "sqeuclidean": lambda u, v: np.sum((u - v) ** 2),
}  # fmt: skip
WRITTEN.update({("spatial.distance", name): f for name, f in DISTANCES.items()})


# --- special functions of several results, or in Python -------------------------------------------


def several(*functions):
    """Of one argument, one result each."""
    return lambda x: tuple([each(f, x) for f in functions])


WRITTEN.update({
    ("special", "comb"): lambda x: each(lambda k: mp.binomial(mp.mpf(5.3), k), x),
    ("special", "perm"): lambda x: each(
        lambda k: mp.gamma(mp.mpf(5.3) + 1) / mp.gamma(mp.mpf(5.3) - k + 1), x),
    ("special", "factorial"): lambda x: each(mp.factorial, x),
    ("special", "multigammaln"): lambda x: each(
        lambda a: mp.log(mp.pi) / 2 + mp.loggamma(a + 2) + mp.loggamma(a + 1.5), x),
    ("special", "lambertw"): lambda x: each(mp.lambertw, x),
    ("special", "logsumexp"): lambda x: np.log(np.sum(x * np.exp(x))),
    ("special", "pbdv"): several(lambda x: mp.pcfd(mp.mpf(0.4), x), lambda x: (
        x / 2 * mp.pcfd(mp.mpf(0.4), x) - mp.pcfd(mp.mpf(0.4) + 1, x))),
})  # fmt: skip
