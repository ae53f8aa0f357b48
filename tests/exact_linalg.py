"""`numpy.linalg` in numbers of fifty digits: elimination, and mpmath's eigenvalues and singular
values.

What a decomposition leaves to choice (signs and phases of vectors, the order of eigenvalues, a
basis of a complement) is taken from NumPy's own answer for the rounded matrix. Must not know cdiff,
nor any derivative.
"""

from collections import namedtuple

import numpy as np
from exact_numbers import COMPLEXES, Exact, each, exact, lifted, plain, transcribed
from exact_numpy import plain_or
from mpmath import mp

__all__ = []

Eigen = namedtuple("Eigen", "eigenvalues eigenvectors")
Svd = namedtuple("Svd", "U S Vh")
Qr = namedtuple("Qr", "Q R")
LogDet = namedtuple("LogDet", "sign logabsdet")


def H(a):
    return np.conj(np.swapaxes(a, -1, -2))


def stacks(function, a, *others):
    """A function of matrices on each of a stack."""
    lead = a.shape[:-2]
    flat = [exact(plain_or(x)).reshape(-1, *x.shape[-2:]) for x in (a, *others)]
    found = [function(*row) for row in zip(*flat, strict=True)]
    if isinstance(found[0], tuple):
        parts = [np.stack(list(map(exact, part))) for part in zip(*found, strict=True)]
        return tuple([part.reshape(lead + part.shape[1:]) for part in parts])
    y = np.stack(list(map(exact, found)))
    return y.reshape(lead + y.shape[1:])


def eliminated(a, b):
    """The solution of a x = b, and det a, by elimination with pivots."""
    n, a, b, det = len(a), a.copy(), b.copy(), exact(1.0)
    for k in range(n):
        p = k + int(np.argmax(np.abs(plain(a[k:, k]))))
        if p != k:
            a[[k, p]], b[[k, p]], det = a[[p, k]], b[[p, k]], -det
        det = det * a[k, k]
        for i in range(n):
            if i != k and bool(a[k, k] != 0):
                factor = a[i, k] / a[k, k]
                a[i], b[i] = a[i] - factor * a[k], b[i] - factor * b[k]
    if bool(det != 0):
        b = b / np.diagonal(a)[:, None]
    return b, det


def eye(n):
    return exact(np.eye(n))


@transcribed(np.linalg.solve)
def solve(a, b):
    a, b = exact(plain_or(a)), exact(plain_or(b))
    if b.ndim == 1:
        return solve(a, b[:, None])[..., 0]
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = (np.broadcast_to(x, lead + x.shape[-2:], subok=True) for x in (a, b))
    return stacks(lambda a, b: eliminated(a, b)[0], a, b)


@transcribed(np.linalg.inv)
def inv(a):
    return stacks(lambda a: eliminated(a, eye(len(a)))[0], a)


@transcribed(np.linalg.det)
def det(a):
    return stacks(lambda a: eliminated(a, eye(len(a)))[1], a)


@transcribed(np.linalg.slogdet)
def slogdet(a):
    d = det(a)
    return LogDet(np.sign(d), np.log(np.abs(d)))


@transcribed(np.linalg.matrix_power)
def matrix_power(a, n):
    if n < 0:
        return matrix_power(inv(a), -n)
    y = np.broadcast_to(eye(a.shape[-1]), a.shape, subok=True)
    for _ in range(n):
        y = np.matmul(y, a)
    return y


@transcribed(np.linalg.tensorinv)
def tensorinv(a, ind=2):
    n = int(np.prod(a.shape[ind:]))
    return inv(a.reshape(-1, n)).reshape(a.shape[ind:] + a.shape[:ind])


@transcribed(np.linalg.tensorsolve)
def tensorsolve(a, b, axes=None):
    a, b = exact(plain_or(a)), exact(plain_or(b))
    if axes is not None:
        a = np.moveaxis(a, axes, range(a.ndim - len(axes), a.ndim))
    shape = a.shape[b.ndim :]
    n = int(np.prod(shape))
    return solve(a.reshape(-1, n), b.reshape(-1)).reshape(shape)


@transcribed(np.linalg.cholesky)
def cholesky(a, /, *, upper=False):
    def lower(a):
        n, y = len(a), np.zeros(a.shape, object).view(Exact)
        for j in range(n):
            for i in range(j, n):
                rest = a[i, j] - sum([y[i, k] * np.conj(y[j, k]) for k in range(j)])
                y[i, j] = np.sqrt(rest) if i == j else rest / y[j, j]
        return exact(y)

    y = stacks(lower, a)
    return H(y) if upper else y


# --- eigenvalues and singular values --------------------------------------------------------------


def matrix(a):
    return mp.matrix([[lifted(x[()]) for x in row] for row in a])


def array(m):
    return exact([[m[i, j] for j in range(m.cols)] for i in range(m.rows)])


def is_complex(a):
    return any(isinstance(x.v, COMPLEXES) for x in np.asarray(a).reshape(-1))


def aligned(vectors, theirs):
    """Columns with the phases of NumPy's."""
    overlap = np.sum(np.conj(vectors) * theirs, 0)
    return vectors * (overlap / np.abs(overlap))


@transcribed(np.linalg.eigh)
def eigh(a, UPLO="L"):
    def one(a):
        w, v = (mp.eighe if is_complex(a) else mp.eigsy)(matrix(a))
        return exact(list(w)), aligned(array(v), np.linalg.eigh(plain(a))[1])

    return Eigen(*stacks(one, (a + H(a)) / 2))


@transcribed(np.linalg.eigvalsh)
def eigvalsh(a, UPLO="L"):
    return eigh(a).eigenvalues


@transcribed(np.linalg.eig)
def eig(a):
    def one(a):
        w, v = mp.eig(matrix(a))
        w0, v0 = np.linalg.eig(plain(a))
        order = [int(np.argmin(np.abs(plain(exact(list(w))) - x))) for x in w0]
        v = array(v)[:, order]
        v = v / np.sqrt(np.sum(np.abs(v) ** 2, 0))
        top = np.argmax(np.abs(v0), 0), np.arange(len(a))
        v = v * (np.abs(v[top]) / v[top]) * np.sign(v0[top].real)
        return exact([w[k] for k in order]), v

    return Eigen(*stacks(one, a))


@transcribed(np.linalg.eigvals)
def eigvals(a):
    return eig(a).eigenvalues


def complement(u, theirs):
    """Orthonormal columns to u, as near to NumPy's as the projection is."""
    return qr_of(theirs - np.matmul(u, np.matmul(H(u), theirs)), theirs)[0]


@transcribed(np.linalg.svd)
def svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    def one(a):
        u, s, v = (mp.svd_c if is_complex(a) else mp.svd_r)(matrix(a))
        u, v, k = array(u), array(v), len(s)
        u0, _, v0 = np.linalg.svd(plain(a))
        overlap = np.sum(np.conj(u) * u0[:, :k], 0)
        turn = overlap / np.abs(overlap)
        u, v = u * turn, v * np.conj(turn)[:, None]
        if full_matrices and len(a) > k:
            u = np.concatenate([u, complement(u, exact(u0[:, k:]))], 1)
        if full_matrices and a.shape[1] > k:
            v = np.concatenate([v, H(complement(H(v), exact(H(v0[k:]))))], 0)
        return u, exact(list(s)), v

    found = Svd(*stacks(one, a))
    return found if compute_uv else found.S


@transcribed(np.linalg.svdvals)
def svdvals(x, /):
    return svd(x, False).S


def qr_of(a, theirs=None):
    """By orthogonalisation (twice is not needed with fifty digits), with NumPy's phases."""
    theirs = np.linalg.qr(plain(a))[0] if theirs is None else plain(theirs)
    columns = []
    for j in range(min(a.shape)):
        v = a[:, j]
        for q in columns:
            v = v - q * np.sum(np.conj(q) * v)
        v = v / np.sqrt(np.sum((v * np.conj(v)).real))
        columns.append(v * np.sign(np.sum(np.conj(plain(v)) * theirs[:, j]).real))
    q = np.stack(columns, 1)
    return q, np.triu(np.matmul(H(q), a))


@transcribed(np.linalg.qr)
def qr(a, mode="reduced"):
    found = stacks(qr_of, a)
    return found[1] if mode == "r" else Qr(*found)


@transcribed(np.linalg.pinv)
def pinv(a, rcond=None, hermitian=False, *, rtol=None):
    if a.shape[-2] >= a.shape[-1]:
        return solve(np.matmul(H(a), a), H(a))
    return H(solve(np.matmul(a, H(a)), a))


@transcribed(np.linalg.lstsq)
def lstsq(a, b, rcond=None):
    a, b = exact(plain_or(a)), exact(plain_or(b))
    x = np.matmul(pinv(a), b)
    rest = b - np.matmul(a, x)
    left = np.sum((rest * np.conj(rest)).real, 0)
    left = left.reshape(-1) if len(a) > a.shape[1] else exact(np.zeros(0))
    return x, left, min(a.shape), svdvals(a)


# --- norms ----------------------------------------------------------------------------------------


def vector_norm_of(x, ord, axis, keepdims):
    size = np.abs(x)
    total = lambda y: np.sum(y, axis=axis, keepdims=keepdims)
    if ord is None or ord == 2:
        return np.sqrt(total(size * size))
    if abs(ord) == np.inf:
        return (np.max if ord > 0 else np.min)(size, axis=axis, keepdims=keepdims)
    if ord == 0:
        return exact(plain_or(total((plain(size) != 0) * 1.0)))
    return total(size ** exact(ord)) ** (1 / exact(ord))


def matrix_norm_of(x, ord, axes, keepdims):
    m = np.moveaxis(x, axes, (-2, -1))
    if ord in (None, "fro"):
        y = np.sqrt(np.sum(np.abs(m) ** 2, (-2, -1)))
    elif ord == "nuc":
        y = np.sum(svdvals(m), -1)
    elif abs(ord) == 2:
        y = svdvals(m)[..., 0 if ord > 0 else -1]
    else:
        sums = np.sum(np.abs(m), -2 if abs(ord) == 1 else -1)
        y = (np.max if ord > 0 else np.min)(sums, -1)
    return np.expand_dims(y, tuple([k % x.ndim for k in axes])) if keepdims else y


@transcribed(np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    if axis is None and (ord is None or x.ndim == 1):
        return vector_norm_of(x.reshape(-1), ord, 0, False)
    if axis is None:
        axis = (-2, -1)
    if np.ndim(axis) == 0 or len(axis) == 1:
        return vector_norm_of(x, ord, axis, keepdims)
    return matrix_norm_of(x, ord, axis, keepdims)


@transcribed(np.linalg.vector_norm)
def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    y = vector_norm_of(x.reshape(-1), ord, 0, False) if axis is None else None
    if y is None:
        return vector_norm_of(x, ord, axis, keepdims)
    return y.reshape((1,) * x.ndim) if keepdims else y


@transcribed(np.linalg.matrix_norm)
def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    return matrix_norm_of(x, ord, (-2, -1), keepdims)


@transcribed(np.linalg.cond)
def cond(x, p=None):
    if p in (None, 2, -2):
        s = svdvals(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return matrix_norm(x, ord=p) * matrix_norm(inv(x), ord=p)


# --- polynomials ----------------------------------------------------------------------------------


@transcribed(np.roots)
def roots(p):
    p = exact(plain_or(p))
    nonzero = np.flatnonzero(plain(p))
    zeros, p = len(p) - 1 - nonzero[-1], p[nonzero[0] : nonzero[-1] + 1]
    found = mp.polyroots([lifted(x[()]) for x in p], maxsteps=200, extraprec=200)
    theirs = np.roots(plain(p))
    order = [int(np.argmin(np.abs(plain(exact(found)) - x))) for x in theirs]
    return exact([found[k] for k in order] + [mp.mpf(0)] * int(zeros))


@transcribed(np.polyfit)
def polyfit(x, y, deg, rcond=None, full=False, w=None, cov=False):
    x, y = exact(plain_or(x)), exact(plain_or(y))
    a = x[:, None] ** np.arange(deg, -1, -1)
    if w is not None:
        w = exact(plain_or(w))
        a, y = a * w[:, None], (y.T * w).T
    c, left, rank, _ = lstsq(a, y)
    size = np.sqrt(np.sum(a * a, 0))
    if full:
        return c, left, rank, svdvals(a / size), None
    if not cov:
        return c
    base = inv(np.matmul(a.T, a))
    factor = 1 if cov == "unscaled" else left / (len(x) - deg - 1)
    return c, base * factor if y.ndim == 1 else base[..., None] * factor


@transcribed(np.poly)
def poly(z):
    z = eigvals(z) if z.ndim == 2 else z
    y = exact([1.0])
    for a in z:
        y = np.concatenate([y, np.zeros(1)]) - np.concatenate([np.zeros(1), y * a])
    tiny = isinstance(lifted(np.sum(y)[()]), COMPLEXES) and np.max(np.abs(plain(y.imag))) < 1e-40
    return each(mp.re, y) if tiny else y
