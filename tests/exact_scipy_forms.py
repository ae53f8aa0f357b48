"""Formulas of SciPy's functions for arrays of fifty digits, as its pages and the handbooks have
them: special functions of several results, densities of vectors and matrices, linear algebra that
reads half a matrix, windows, and whatever is affine in each of its arguments.

They fill `exact_scipy_calls.WRITTEN`, each for the call that `scipy_evidence` makes of the name.
Must not know cdiff, nor any derivative.
"""

from functools import cache

import numpy as np
import scipy.fft as sf
import scipy.linalg as sl
import scipy.ndimage as sn
import scipy.signal as sg
import scipy.special as sc
from exact_linalg import aligned
from exact_numbers import each, exact, lifted, plain
from exact_scipy_calls import WRITTEN, lyapunov, several
from mpmath import mp

__all__ = ["affine", "constant"]


def constant(x):
    return exact(np.asarray(x, float))


def numbers(f, *args):
    """A function of mpmath's numbers on elements, one by one."""
    rows = np.broadcast(*map(np.asarray, args))
    found = [f(*[lifted(x) for x in row]) for row in rows]
    return exact(found).reshape(rows.shape)


# --- affine in each argument: its values at zero and at unit vectors say everything ---------------


def table(f, shapes):
    """What the elements of the arguments, each preceded by a one, are multiplied with."""
    if not shapes:
        return np.asarray(f())
    at = lambda x: table(lambda *rest: f(x, *rest), shapes[1:])
    units = np.eye(int(np.prod(shapes[0]))).reshape(-1, *shapes[0])
    base = at(np.zeros(shapes[0]))
    return np.stack([base, *[at(unit) - base for unit in units]])


def affine(f):
    """The same function of exact arrays, of SciPy's own values."""

    def g(*args):
        found = table(f, [x.shape for x in args])
        for x in args:
            ahead = np.concatenate([exact([1.0]), x.reshape(-1)])
            shape = found.shape[1:]
            found = np.sum(ahead[:, None] * exact(found).reshape(len(ahead), -1), 0).reshape(shape)
        return found

    return g


WRITTEN.update({
    ("fft", "fht"): affine(lambda x: sf.fht(x, 0.1, 0.5)),
    ("fft", "ifht"): affine(lambda x: sf.ifht(x, 0.1, 0.5, offset=0.2, bias=-0.1)),
    ("signal", "correlate"): affine(lambda a, b: sg.correlate(a, b, "full")),
    ("signal", "hilbert"): affine(sg.hilbert),
    ("ndimage", "correlate"): affine(lambda a, w: sn.correlate(a, w, mode="reflect", cval=0.4)),
    ("ndimage", "correlate1d"): affine(lambda a, w: sn.correlate1d(a, w, 0, origin=-1)),
    ("signal.windows", "general_cosine"): affine(lambda a: sg.windows.general_cosine(6, a)),
    ("signal.windows", "general_hamming"): affine(lambda a: sg.windows.general_hamming(5, a)),
})  # fmt: skip


# --- windows --------------------------------------------------------------------------------------


def general_gaussian(p, s):
    places = constant(np.abs(np.arange(6) - 2.5))
    return np.exp(-((places / s) ** (2 * p)) / 2)


def kaiser(b):
    places = exact([mp.sqrt(1 - mp.mpf(k - 2) ** 2 / 4) for k in range(5)])
    bessel = lambda x: each(lambda t: mp.besseli(0, t), x)
    return bessel(b * places) / bessel(b)


WRITTEN["signal.windows", "general_gaussian"] = general_gaussian
WRITTEN["signal.windows", "kaiser"] = kaiser


# --- special functions ----------------------------------------------------------------------------


def airye(x):
    grown = mp.exp(2 * x**1.5 / 3)
    upper = sum([mp.airybi(x, derivative=k) for k in (0, 1)]) / grown
    return sum([mp.airyai(x, derivative=k) for k in (0, 1)]) * grown + upper


def jacobi(u, m):
    sn, cn, dn = (mp.ellipfun(kind, u, m=m) for kind in ("sn", "cn", "dn"))
    return sn, cn, dn, mp.atan2(sn, cn)


def integral(theirs, integrand):
    """From SciPy's value beside the point, which has no part in a derivative."""

    def f(x):
        near = round(float(x), 6)
        middle, half = (x + near) / 2, (x - near) / 2
        root = mp.sqrt(mp.mpf(3) / 5)  # Gauss's rule, over less than 1e-6
        nodes = [(-root, 5), (0, 8), (root, 5)]
        total = mp.fsum([w * integrand(middle + half * t) for t, w in nodes])
        return mp.mpf(float(theirs(near))) + half * total / 9

    return f


def integrals(name, *integrands):
    function = getattr(sc, name)
    return several(*[integral(lambda x, k=k: function(x)[k], f) for k, f in enumerate(integrands)])


I0, K0, J0, Y0 = (lambda x, f=f: f(0, x) for f in (mp.besseli, mp.besselk, mp.besselj, mp.bessely))
HALF_LINES = {
    "it2struve0": lambda x: -mp.struveh(0, x) / x, "itstruve0": lambda x: mp.struveh(0, x),
    "itmodstruve0": lambda x: mp.struvel(0, x),
}  # fmt: skip
for _name, _f in HALF_LINES.items():
    _whole = integral(getattr(sc, _name), _f)
    WRITTEN["special", _name] = lambda x, f=_whole: each(f, x)


COUNT = 18  # coefficients of a Mathieu function


@cache
def mathieu(kind, q):
    """Characteristic value and Fourier coefficients of order 2."""
    start = 0 if kind == "c" else 1
    squares = [mp.mpf(4 * k * k) for k in range(start, start + COUNT)]
    a = mp.matrix(COUNT)
    for k in range(COUNT):
        a[k, k] = squares[k]
        if k:
            a[k, k - 1] = a[k - 1, k] = q * (mp.sqrt(2) if kind == "c" and k == 1 else 1)
    values, vectors = mp.eigsy(a)
    order = 1 if kind == "c" else 0
    found = [vectors[k, order] for k in range(COUNT)]
    found = [x * mp.sign(found[order]) for x in found]
    if kind == "c":
        found[0] /= mp.sqrt(2)
    return values[order], found


def mathieu_function(kind, q, x):
    """The value, and the derivative by the angle in radians."""
    _, weights = mathieu(kind, q)
    angle, start = 2 * mp.radians(x), 0 if kind == "c" else 1
    wave, slope = (mp.cos, lambda t: -mp.sin(t)) if kind == "c" else (mp.sin, mp.cos)
    terms = list(enumerate(weights, start))
    return (mp.fsum([w * wave(k * angle) for k, w in terms]),
            mp.fsum([2 * k * w * slope(k * angle) for k, w in terms]))  # fmt: skip


def parts(f, count):
    """Several results of mpmath's numbers as arrays."""
    return lambda *args: tuple(
        [numbers(lambda *row, k=k: f(*row)[k], *args) for k in range(count)]
    )


def complex_valued(f):
    """Real and imaginary part."""
    return parts(lambda *x: (mp.re(f(*x)), mp.im(f(*x))), 2)


def with_slope(f):
    return several(f, lambda x: mp.diff(f, x))


WRITTEN.update({
    ("special", "airye"): lambda x: each(airye, x), ("special", "ellipj"): parts(jacobi, 4),
    ("special", "diric"): lambda x: each(
        lambda t: mp.sin(2 * t) / (4 * mp.sin(t / 2)) + 1, x),
    ("special", "zeta"): lambda x: each(lambda t: mp.zeta(t + 1) + mp.zeta(t + 1, t), x),
    ("special", "it2i0k0"): integrals(
        "it2i0k0", lambda x: (I0(x) - 1) / x, lambda x: -K0(x) / x),
    ("special", "it2j0y0"): integrals(
        "it2j0y0", lambda x: (1 - J0(x)) / x, lambda x: -Y0(x) / x),
    ("special", "iti0k0"): integrals("iti0k0", I0, K0),
    ("special", "itj0y0"): integrals("itj0y0", J0, Y0),
    ("special", "itairy"): integrals("itairy", mp.airyai, mp.airybi, lambda x: mp.airyai(-x),
                                     lambda x: mp.airybi(-x)),
    ("special", "mathieu_a"): lambda q: each(lambda t: mathieu("c", t)[0], q),
    ("special", "mathieu_b"): lambda q: each(lambda t: mathieu("s", t)[0], q),
    ("special", "mathieu_cem"): parts(lambda q, x: mathieu_function("c", q, x), 2),
    ("special", "mathieu_sem"): parts(lambda q, x: mathieu_function("s", q, x), 2),
    **{("special", f"hankel{kind}{end}"): complex_valued(
        lambda x, k=kind, e=end: (mp.hankel1 if k == 1 else mp.hankel2)(1, x)
        * (mp.expj(-x if k == 1 else x) if e else 1)) for kind in (1, 2) for end in ("", "e")},
    ("special", "wofz"): complex_valued(lambda x: mp.exp(-x * x) * mp.erfc(-1j * x)),
    ("special", "sph_harm_y"): lambda t, p: complex_valued(lambda *z: mp.spherharm(*z))(
        constant([[0], [2], [3]]), constant([[0], [-1], [2]]), t, p),
    ("special", "pbvv"): with_slope(lambda x: mp.pcfv(-mp.mpf(0.4) - 0.5, x)),
    ("special", "pbwa"): with_slope(lambda x: mp.pcfw(mp.mpf(0.4), x)),
})  # fmt: skip


# --- densities of vectors and matrices ------------------------------------------------------------


def log_gamma(x):
    return each(mp.loggamma, x)


def log_pi(factor):
    return exact(mp.log(factor * mp.pi))


def definite(a):
    return (a + np.swapaxes(a, 0, 1)) / 2


def log_det(a):
    return np.log(np.abs(np.linalg.det(a)))


def form(d, c):
    """d^T c^-1 d of each row."""
    return np.sum(d * np.linalg.solve(c, d.T).T, -1)


def multivariate_normal(x, m, c):
    c = definite(c)
    return -(form(x - m, c) + log_det(c) + len(c) * log_pi(2)) / 2


def multivariate_t(x, m, c, df):
    c, p = definite(c), len(c)
    front = log_gamma((df + p) / 2) - log_gamma(df / 2) - p * (np.log(df) + log_pi(1)) / 2
    return front - log_det(c) / 2 - (df + p) / 2 * np.log1p(form(x - m, c) / df)


def log_multigamma(a, p):
    rest = sum([log_gamma(a - mp.mpf(j) / 2) for j in range(p)])
    return p * (p - 1) * log_pi(1) / 4 + rest


def wishart(x, df, s):
    x, s, p = definite(x), definite(s), len(x)
    front = (df - p - 1) / 2 * log_det(x) - np.trace(np.linalg.solve(s, x)) / 2
    size = df * p * exact(mp.log(2)) / 2 + df / 2 * log_det(s)
    return front - size - log_multigamma(df / 2, p)


def invwishart(x, df, s):
    x, s, p = definite(x), definite(s), len(x)
    front = -(df + p + 1) / 2 * log_det(x) - np.trace(np.linalg.solve(x, s)) / 2
    size = df * p * exact(mp.log(2)) / 2 - df / 2 * log_det(s)
    return front - size - log_multigamma(df / 2, p)


def matrix_normal(x, m, r, c):
    r, c = definite(r), definite(c)
    n, p = len(r), len(c)
    sizes = n * p * log_pi(2) + p * log_det(r) + n * log_det(c)
    ends = [np.sum(d * np.linalg.solve(c, np.linalg.solve(r, d).T).T) for d in x - m]
    return -(np.stack(ends) + sizes) / 2


def dirichlet(x, a):
    x = x / np.sum(x, 0)
    front = log_gamma(np.sum(a)) - np.sum(log_gamma(a))
    return front + np.sum((a - 1).reshape(-1, 1) * np.log(x), 0)


def multinomial(p):
    counts = constant([1, 2, 3])
    front = log_gamma(exact(7.0)) - np.sum(log_gamma(counts + 1))
    return front + np.sum(counts * np.log(p / np.sum(p)))


def normal_inverse_gamma(x, s2, mu, lmbda, a, b):
    front = (np.log(lmbda) - log_pi(2) - np.log(s2)) / 2 + a * np.log(b) - log_gamma(a)
    return front - (a + 1) * np.log(s2) - (2 * b + lmbda * (x - mu) ** 2) / (2 * s2)


def unit(x):
    return x / np.sqrt(np.sum(x * x, axis=-1, keepdims=True))


def vonmises_fisher(x, m, k):
    bessel = each(lambda t: mp.besseli(mp.mpf(1) / 2, t), k)
    front = np.log(k) / 2 - exact(1.5) * log_pi(2) - np.log(bessel)
    return front + k * np.sum(unit(x) * unit(m), -1)


WRITTEN.update({("stats", f.__name__): f for f in (
    multivariate_normal, multivariate_t, wishart, invwishart, matrix_normal, dirichlet, multinomial,
    normal_inverse_gamma, vonmises_fisher)})


# --- linear algebra of one triangle ---------------------------------------------------------------


def of_lower(a):
    return np.tril(a) + np.tril(a, -1).T


def of_upper(a):
    return np.triu(a) + np.triu(a, 1).T


def eigh(a, b):
    """The generalised problem, by the factor of the second matrix."""
    a, b = of_lower(a), of_lower(b)
    low = np.linalg.cholesky(b)
    w, v = np.linalg.eigh(np.linalg.solve(low, np.linalg.solve(low, a).T))
    return w, aligned(np.linalg.solve(low.T, v), sl.eigh(plain(a), plain(b))[1])


def ldl(a):
    """Without pivots."""
    low = np.linalg.cholesky(of_lower(a))
    root = np.diagonal(low)
    return low / root, np.diag(root * root)


def tridiagonal(d, e):
    return np.linalg.eigvalsh(np.diag(d) + np.diag(e, 1) + np.diag(e, -1))


def procrustes(a, b):
    u, s, vh = np.linalg.svd(np.matmul(a.T, b))
    return np.matmul(u, vh), np.sum(s)


def half_band(ab, b):
    n = ab.shape[1]
    upper = np.diag(ab[1]) + np.diag(ab[0, 1:], 1) + np.diag(ab[0, 1:], -1)
    return np.linalg.solve(upper.reshape(n, n), b)


def riccati(name, gain, discrete):
    """By Newton's steps from SciPy's own solution: a linear equation each."""

    def f(a, b, q, r):
        q, r = q + q.T, r + r.T
        x = constant(getattr(sl, name)(*map(plain, (a, b, q, r))))
        for _ in range(3):
            k = gain(a, b, r, x)
            closed, left = a - np.matmul(b, k), q + np.matmul(k.T, np.matmul(r, k))
            x = lyapunov(closed.T, left if discrete else -left, discrete)
        return x

    return f


def of_flow(a, b, r, x):
    return np.linalg.solve(r, np.matmul(b.T, x))


def of_steps(a, b, r, x):
    bx = np.matmul(b.T, x)
    return np.linalg.solve(r + np.matmul(bx, b), np.matmul(bx, a))


WRITTEN.update({
    ("linalg", "cholesky"): lambda a: np.linalg.cholesky(of_upper(a), upper=True),
    ("linalg", "cho_factor"): lambda a, b: np.linalg.solve(of_upper(a), b),
    ("linalg", "cho_solve"): lambda a, b: np.linalg.solve(of_upper(a), b),
    ("linalg", "eigh"): eigh, ("linalg", "eigvalsh"): lambda a, b: eigh(a, b)[0],
    ("linalg", "eigh_tridiagonal"): tridiagonal,
    ("linalg", "eigvalsh_tridiagonal"): lambda d, e: tridiagonal(d, e)[1:],
    ("linalg", "ldl"): ldl, ("linalg", "pinvh"): lambda a: np.linalg.inv(of_lower(a)),
    ("linalg", "orthogonal_procrustes"): procrustes, ("linalg", "solveh_banded"): half_band,
    ("linalg", "solve_continuous_are"): riccati("solve_continuous_are", of_flow, False),
    ("linalg", "solve_discrete_are"): riccati("solve_discrete_are", of_steps, True),
    ("sparse.linalg", "norm"): lambda d: np.sqrt(np.sum(d * d)),
})  # fmt: skip
