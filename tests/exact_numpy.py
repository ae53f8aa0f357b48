"""NumPy's functions that compute with float64 only, once more in numbers of fifty digits.

Interpolation, histograms, steps of a range, transforms, `emath`: written from NumPy's documentation
with NumPy's own functions on `Exact` arrays. Where a function is not here, NumPy's own code runs.
Must not know cdiff, nor any derivative.
"""

import numpy as np
from exact_numbers import COMPLEXES, Exact, each, exact, lifted, plain, transcribed
from mpmath import mp

__all__ = []


def stacked(parts, shape=None):
    y = np.array(parts, dtype=object).view(Exact)
    return y if shape is None else y.reshape(shape)


@transcribed(np.sinc)
def sinc(x):
    return each(lambda a: mp.sin(mp.pi * a) / (mp.pi * a) if a != 0 else mp.mpf(1), x)


@transcribed(np.i0)
def i0(x):
    return each(lambda a: mp.besseli(0, a), x)


def kaiser(m, beta):
    beta, k = exact(beta), np.arange(m) - (m - 1) / 2
    return i0(beta * np.sqrt(1 - exact(k / ((m - 1) / 2)) ** 2)) / i0(beta)


@transcribed(np.real)
def real(x):
    return x.real


@transcribed(np.imag)
def imag(x):
    return x.imag


@transcribed(np.angle)
def angle(z, deg=False):
    a = np.arctan2(z.imag, z.real)
    return a * 180 / exact(+mp.pi) if deg else a


@transcribed(np.sort_complex)
def sort_complex(a):
    return np.sort(a)


@transcribed(np.nan_to_num)
def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    ends = np.finfo(float)
    posinf, neginf = (ends.max if posinf is None else posinf), neginf or ends.min
    y = np.where(np.isnan(x), nan, x)
    return np.where(np.isinf(x), np.where(x.real > 0, posinf, neginf), y)


@transcribed(np.real_if_close)
def real_if_close(a, tol=100):
    return a.real if np.all(plain(a.imag) == 0) else a


@transcribed(np.isscalar)
def isscalar(x):
    return False


@transcribed(np.astype)
def astype(x, dtype, /, *, copy=True, device=None):
    return x.astype(dtype)


@transcribed(np.var)
def var(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True, mean=None,
        correction=None):  # fmt: skip
    """Of real and complex numbers (NumPy's code for objects takes squares of complex numbers)."""
    count = np.sum(np.broadcast_to(np.asarray(where), a.shape), axis=axis, keepdims=True)
    middle = np.sum(a, axis=axis, keepdims=True, where=where) / count if mean is None else mean
    d = a - middle
    total = np.sum((d * np.conj(d)).real, axis=axis, keepdims=keepdims, where=where)
    free = count - (ddof if correction is None else correction)
    return total / (free if keepdims else free.reshape(np.shape(total)))


@transcribed(np.std)
def std(a, *args, **kwargs):
    return np.sqrt(var(a, *args, **kwargs))


@transcribed(np.cov)
def cov(m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, dtype=None):
    """By the formula of NumPy's page, with weights of both kinds."""
    rows = [np.atleast_2d(x) if rowvar or np.ndim(x) == 1 else x.T for x in (m, y) if x is not None]
    x = np.concatenate(rows, 0)
    ddof = int(not bias) if ddof is None else ddof
    a = exact(plain_or(1.0 if aweights is None else aweights))
    w = (1 if fweights is None else np.asarray(fweights)) * a * np.ones(x.shape[1])
    total = np.sum(w)
    d = x - np.sum(x * w, 1, keepdims=True) / total
    free = total - ddof * (1 if aweights is None else np.sum(w * a) / total)
    return np.squeeze(np.matmul(d * w, np.conj(d).T) / free)


@transcribed(np.corrcoef)
def corrcoef(x, y=None, rowvar=True):
    c = cov(x, y, rowvar)
    size = np.sqrt(np.atleast_1d(np.diagonal(np.atleast_2d(c)).real))
    return np.squeeze(np.atleast_2d(c) / size / size[:, None])


@transcribed(np.nanvar)
def nanvar(a, *args, where=True, **kwargs):
    return var(a, *args, where=where & ~np.isnan(a), **kwargs)


@transcribed(np.nanstd)
def nanstd(a, *args, **kwargs):
    return np.sqrt(nanvar(a, *args, **kwargs))


@transcribed(np.correlate)
def correlate(a, v, mode="valid"):
    """NumPy's code for objects forgets the conjugate."""
    return np.correlate.__wrapped__(a, np.conj(v), mode)


# --- ranges ---------------------------------------------------------------------------------------


def arange(start, stop, step=1.0):
    count = len(np.arange(*[plain(x)[()] for x in (start, stop, step)]))
    return exact(start) + exact(step) * np.arange(count)


def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    start, stop = np.broadcast_arrays(exact(plain_or(start)), exact(plain_or(stop)), subok=True)
    step = (stop - start) / (num - 1 if endpoint else num)
    y = np.stack([start + k * step for k in range(num)], axis)
    return (y, step) if retstep else y


def plain_or(x):
    return x if isinstance(x, Exact) else np.asarray(x)


def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    start, stop, base = np.broadcast_arrays(*[exact(plain_or(x)) for x in (start, stop, base)],
                                            subok=True)  # fmt: skip
    powers = linspace(start, stop, num, endpoint, axis=axis)
    return np.power(np.expand_dims(base, axis), powers)


def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    start, stop = exact(plain_or(start)), exact(plain_or(stop))
    ratio = linspace(np.zeros(1), np.ones(1), num, endpoint)[:, 0]
    found = np.stack([start * np.exp(r * np.log(stop / start)) for r in ratio], 0)
    return np.moveaxis(found, 0, axis)


# --- samples --------------------------------------------------------------------------------------


@transcribed(np.interp)
def interp(x, xp, fp, left=None, right=None, period=None):
    x, xp, fp = exact(plain_or(x)), exact(plain_or(xp)), exact(plain_or(fp))
    if period is not None:
        x, xp = x % period, xp % period
        order = np.argsort(plain(xp))
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    left, right = (fp[0] if left is None else left), (fp[-1] if right is None else right)
    flat = [between(a, xp, fp, left, right) for a in x.reshape(-1)]
    return np.stack(flat).reshape(x.shape)


def between(a, xp, fp, left, right):
    if bool(a < xp[0]):
        return exact(left)
    if bool(a > xp[-1]):
        return exact(right)
    k = int(np.searchsorted(plain(xp), plain(a), "right")) - 1
    if k == len(xp) - 1:
        return fp[k]
    return fp[k] + (fp[k + 1] - fp[k]) / (xp[k + 1] - xp[k]) * (a - xp[k])


@transcribed(np.gradient)
def gradient(f, *spacing, axis=None, edge_order=1):
    f = exact(plain_or(f))
    axes = range(f.ndim) if axis is None else np.atleast_1d(axis)
    steps = spacing if len(spacing) > 1 else [*spacing, 1.0][:1] * len(axes)
    found = [slopes(np.moveaxis(f, k, 0), h, edge_order) for k, h in zip(axes, steps, strict=True)]
    found = [np.moveaxis(y, 0, k) for k, y in zip(axes, found, strict=True)]
    return found[0] if len(found) == 1 else tuple(found)


def slopes(f, spacing, edge_order):
    """By the parabola through three neighbours, along the first axis."""
    n, spacing = len(f), exact(spacing)
    x = spacing if spacing.ndim else spacing * np.arange(n)
    inner = [parabola(x, f, k, (k - 1, k, k + 1)) for k in range(1, n - 1)]
    if edge_order == 2:
        ends = [parabola(x, f, 0, (0, 1, 2)), parabola(x, f, n - 1, (n - 3, n - 2, n - 1))]
    else:
        ends = [(f[k + 1] - f[k]) / (x[k + 1] - x[k]) for k in (0, n - 2)]
    return np.stack([ends[0], *inner, ends[1]])


def parabola(x, f, k, near):
    total = 0
    for i in near:
        others = [j for j in near if j != i]
        weight = sum([x[k] - x[j] for j in others])
        total = total + f[i] * (weight / np.prod(np.stack([x[i] - x[j] for j in others])))
    return total


def edges_of(a, bins, within):
    """The edges of one axis: given, or equally many steps from the smallest to the largest."""
    a = exact(plain_or(a)).reshape(-1)
    if np.ndim(bins):
        return exact(plain_or(bins))
    if isinstance(bins, str):
        bins = len(np.histogram_bin_edges(plain(a), bins, within)) - 1
    low, high = (np.min(a), np.max(a)) if within is None else map(exact, within)
    return linspace(low, high, int(bins) + 1)


@transcribed(np.histogram_bin_edges)
def histogram_bin_edges(a, bins=10, range=None, weights=None):
    return edges_of(a, bins, range)


@transcribed(np.histogramdd)
def histogramdd(sample, bins=10, range=None, density=None, weights=None):
    sample = list(sample) if isinstance(sample, tuple) else list(sample.T)
    bins = bins if isinstance(bins, (list, tuple)) else [bins] * len(sample)
    ranges = range if range is not None else [None] * len(sample)
    edges = [edges_of(a, b, r) for a, b, r in zip(sample, bins, ranges, strict=True)]
    shape = tuple([len(e) - 1 for e in edges])
    sums = np.zeros(shape, object).view(Exact)
    for k, place in enumerate(zip(*map(places, sample, edges), strict=True)):
        if -1 not in place:
            sums[place] = sums[place] + (1 if weights is None else weights[k])
    if density:
        sums = sums / np.sum(sums)
        for k, e in enumerate(edges):
            sums = sums / np.diff(e).reshape([-1 if j == k else 1 for j, _ in enumerate(edges)])
    return exact(sums), edges


def places(a, edges):
    """The bin of each sample, -1 outside."""
    a, e = plain(a).reshape(-1), plain(edges)
    k = np.searchsorted(e, a, "right") - 1
    k[a == e[-1]] -= 1
    return np.where((a < e[0]) | (a > e[-1]), -1, k).tolist()


@transcribed(np.histogram)
def histogram(a, bins=10, range=None, density=None, weights=None):
    flat = None if weights is None else exact(plain_or(weights)).reshape(-1)
    sums, edges = histogramdd((plain_or(a).reshape(-1),), (bins,), (range,), density, flat)
    return sums, edges[0]


@transcribed(np.histogram2d)
def histogram2d(x, y, bins=10, range=None, density=None, weights=None):
    sums, edges = histogramdd((x, y), bins, range, density, weights)
    return sums, edges[0], edges[1]


@transcribed(np.bincount)
def bincount(x, /, weights=None, minlength=0):
    y = [exact(0.0)] * max(minlength, max(x) + 1)
    for k, place in enumerate(x):
        y[place] = y[place] + weights[k]
    return np.stack(y)


def without_nan(name):
    """Order statistics of what is left without nan."""
    function = getattr(np, name.removeprefix("nan"))

    @transcribed(getattr(np, name))
    def f(a, *args, axis=None, keepdims=False, **kwargs):
        ndim, q = a.ndim, args[: name != "nanmedian"]
        axis = args[len(q)] if len(args) > len(q) else axis
        a = a.reshape(-1) if axis is None else np.moveaxis(a, axis, 0)
        rows = [function(column[~np.isnan(column)], *q, **kwargs)
                for column in a.reshape(len(a), -1).T]  # fmt: skip
        y = np.stack([exact(plain_or(row)) for row in rows], -1)
        y = y.reshape(y.shape[:-1] + a.shape[1:])
        if not keepdims:
            return y
        lead = y.ndim - a.ndim + 1
        if axis is None:
            return y.reshape(y.shape + (1,) * ndim)
        return np.expand_dims(y, lead + axis)

    return f


for _name in ("nanmedian", "nanquantile", "nanpercentile"):
    without_nan(_name)


_unique = np.unique


@transcribed(np.unique)
def unique(ar, *args, axis=None, **kwargs):
    if axis is None:
        return _unique.__wrapped__(np.asarray(ar), *args, **kwargs)
    rows = np.unique(plain(ar), axis=axis, return_index=True)[1]
    return np.take(ar, rows, axis=axis)


@transcribed(np.piecewise)
def piecewise(x, condlist, funclist, *args, **kw):
    y, conditions = np.zeros_like(x), [np.asarray(c) for c in condlist]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.any(conditions, axis=0))
    for condition, f in zip(conditions, funclist, strict=True):
        if condition.any():
            y[condition] = f(x[condition], *args, **kw) if callable(f) else f
    return exact(y)


# --- transforms -----------------------------------------------------------------------------------


def cut(a, n, axis):
    """Exactly n elements along an axis, zeros at the end."""
    a = np.moveaxis(a, axis, -1)
    n = a.shape[-1] if n is None else int(n)
    short = max(0, n - a.shape[-1])
    return np.pad(a[..., :n], [(0, 0)] * (a.ndim - 1) + [(0, short)]), n


def scale(n, norm, inverse):
    norm = norm or "backward"
    if norm == "ortho":
        return 1 / mp.sqrt(n)
    return mp.mpf(1) / n if (norm == "backward") == inverse else mp.mpf(1)


def fourier(a, n, axis, norm, inverse):
    a, n = cut(exact(plain_or(a)), n, axis)
    sign = 2 if inverse else -2
    roots = [mp.expjpi(mp.mpf(sign * k) / n) * scale(n, norm, inverse) for k in range(n)]
    matrix = exact([[roots[(j * k) % n] for j in range(n)] for k in range(n)])
    return np.moveaxis(np.matmul(a, matrix), -1, axis)


def fft(a, n=None, axis=-1, norm=None):
    return fourier(a, n, axis, norm, False)


def ifft(a, n=None, axis=-1, norm=None):
    return fourier(a, n, axis, norm, True)


def rfft(a, n=None, axis=-1, norm=None):
    y = np.moveaxis(fft(a, n, axis, norm), axis, -1)
    return np.moveaxis(y[..., : y.shape[-1] // 2 + 1], -1, axis)


def irfft(a, n=None, axis=-1, norm=None):
    a = exact(plain_or(a))
    n = 2 * (a.shape[axis] - 1) if n is None else int(n)
    half, _ = cut(a, n // 2 + 1, axis)
    whole = np.concatenate([half, np.conj(half[..., (n - 1) // 2 : 0 : -1])], -1)
    whole[..., 0] = whole[..., 0].real
    if n % 2 == 0:
        whole[..., n // 2] = whole[..., n // 2].real
    return np.moveaxis(ifft(whole, n, -1, norm).real, -1, axis)


SWAPPED = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def hfft(a, n=None, axis=-1, norm=None):
    return irfft(np.conj(exact(plain_or(a))), n, axis, SWAPPED[norm])


def ihfft(a, n=None, axis=-1, norm=None):
    return np.conj(rfft(a, n, axis, SWAPPED[norm]))


def of_axes(one, last, two):
    """A transform of several axes: that of one for the last, then the others."""

    def f(a, s=None, axes=(-2, -1) if two else None, norm=None):
        a = exact(plain_or(a))
        if axes is None:
            axes = list(range(a.ndim))[-len(s) :] if s is not None else list(range(a.ndim))
        sizes = list(s) if s is not None else [None] * len(axes)
        if last is irfft:
            for n, k in list(zip(sizes, axes, strict=True))[:-1]:
                a = one(a, n, k, norm)
            return last(a, sizes[-1], axes[-1], norm)
        for step, (n, k) in enumerate(list(zip(sizes, axes, strict=True))[::-1]):
            a = (last if step == 0 else one)(a, n, k, norm)
        return a

    return f


for _f in (fft, ifft, rfft, irfft, hfft, ihfft):
    transcribed(getattr(np.fft, _f.__name__))(_f)
for _end, _two in (("2", True), ("n", False)):
    for _name, _one, _last in (("fft", fft, fft), ("ifft", ifft, ifft), ("rfft", fft, rfft),
                               ("irfft", ifft, irfft)):  # fmt: skip
        transcribed(getattr(np.fft, _name + _end))(of_axes(_one, _last, _two))


# --- emath ----------------------------------------------------------------------------------------

EMATH = {"sqrt": mp.sqrt, "log": mp.log, "log2": lambda x: mp.log(x) / mp.log(2),
         "log10": lambda x: mp.log(x) / mp.log(10), "arccos": mp.acos, "arcsin": mp.asin,
         "arctanh": mp.atanh}  # fmt: skip


def extended(name):
    """Complex where the real function ends, on the side of its cut that NumPy takes."""
    function, theirs = EMATH[name], getattr(np.emath, name)

    def f(x):
        y = function(x)
        same = isinstance(y, COMPLEXES) and mp.im(y) * theirs(complex(x).real).imag < 0
        return mp.conj(y) if same and mp.im(x) == 0 else y

    transcribed(theirs)(lambda x: each(f, exact(plain_or(x))))


for _name in EMATH:
    extended(_name)


@transcribed(np.emath.power)
def emath_power(x, p):
    x, p = np.broadcast_arrays(exact(plain_or(x)), exact(plain_or(p)), subok=True)
    pairs = zip(x.reshape(-1), p.reshape(-1), strict=True)
    found = [mp.mpmathify(lifted(a[()])) ** lifted(b[()]) for a, b in pairs]
    return exact(np.array(found, dtype=object)).reshape(x.shape)


@transcribed(np.emath.logn)
def emath_logn(n, x):
    return np.emath.log(exact(plain_or(x))) / np.emath.log(exact(plain_or(n)))
