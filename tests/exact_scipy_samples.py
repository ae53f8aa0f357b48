"""Statistics of samples, spectra of signals and filters that sort, written once more for arrays of
fifty digits.

A filter that sorts answers with elements of the image: which ones, SciPy's own values say, and
these elements are taken. They fill `exact_scipy_calls.WRITTEN`, each for the call that
`scipy_evidence` makes of the name. Must not know cdiff, nor any derivative.
"""

import numpy as np
import scipy.ndimage as sn
import scipy.signal as sg
import test_scipy_more as cases
from exact_numbers import each, exact, plain
from exact_scipy_calls import WRITTEN
from exact_scipy_forms import affine, constant, log_pi, numbers
from exact_special import incomplete_beta
from mpmath import mp

__all__ = ["picked"]


# --- filters that sort ----------------------------------------------------------------------------


def picked(f):
    """Of values that differ: the elements, or zeros around, that the result consists of."""

    def g(a):
        flat = np.concatenate([a.reshape(-1), exact([0.0])])
        y = np.asarray(f(plain(a)))
        places = np.argmin(np.abs(plain(flat)[:, None] - y.reshape(-1)), 0)
        return flat[places].reshape(y.shape)

    return g


SIZE = (2, 3)
WRITTEN.update({("ndimage", name): picked(lambda a, n=name: getattr(sn, n)(a, SIZE))
                for name in ("maximum_filter", "minimum_filter", "median_filter", "grey_erosion",
                             "grey_dilation", "grey_opening", "grey_closing")})  # fmt: skip
_eroded, _dilated, _opened, _closed = (
    WRITTEN["ndimage", f"grey_{_name}"] for _name in ("erosion", "dilation", "opening", "closing"))
WRITTEN.update({
    ("ndimage", "maximum_filter1d"): picked(lambda a: sn.maximum_filter1d(a, 4, 0, origin=1)),
    ("ndimage", "minimum_filter1d"): picked(lambda a: sn.minimum_filter1d(a, 3, mode="mirror")),
    ("ndimage", "rank_filter"): picked(lambda a: sn.rank_filter(a, -2, (3, 2))),
    ("ndimage", "percentile_filter"): picked(
        lambda a: sn.percentile_filter(a, 20, footprint=[[1, 0, 1], [0, 1, 1]])),
    ("ndimage", "morphological_gradient"): lambda a: _dilated(a) - _eroded(a),
    ("ndimage", "morphological_laplace"): lambda a: _dilated(a) + _eroded(a) - 2 * a,
    ("ndimage", "white_tophat"): lambda a: a - _opened(a),
    ("ndimage", "black_tophat"): lambda a: _closed(a) - a,
    ("signal", "medfilt"): picked(sg.medfilt), ("signal", "medfilt2d"): picked(sg.medfilt2d),
    ("signal", "order_filter"): picked(lambda a: sg.order_filter(a, np.ones((3, 1)), 2)),
    ("signal", "savgol_filter"): affine(lambda x: sg.savgol_filter(x, 5, 2)),
    ("signal", "resample"): affine(lambda x: sg.resample(x, 4, axis=-1)),
    ("signal", "upfirdn"): affine(lambda h, x: sg.upfirdn(h, x, 3, 2, 0)),
    ("signal", "resample_poly"): affine(lambda x, w: sg.resample_poly(x, 4, 6, 1, w)),
    ("signal", "decimate"): affine(lambda x: sg.decimate(x, 2, 2)),
    ("signal", "correlate2d"): affine(lambda a, b: sg.correlate2d(a, b, "full", "fill", 0.7)),
})  # fmt: skip


# --- spectra --------------------------------------------------------------------------------------


def spectra(x, window, step, trend=True):
    """Transforms of segments."""
    n = len(window)
    parts = np.stack([x[..., k : k + n] for k in range(0, x.shape[-1] - n + 1, step)], -2)
    parts = parts - np.mean(parts, -1, keepdims=True) if trend else parts
    return np.fft.rfft(parts * constant(window))


def powers(first, second, window, fs):
    """Both sides of the spectrum in one, of a window of even or odd length."""
    twice = np.full(first.shape[-1], 2.0)
    twice[0] = 1.0
    twice[-1] = 1.0 if len(window) % 2 == 0 else 2.0
    return np.conj(first) * second * twice / (fs * np.sum(constant(window) ** 2))


def mean_powers(x, y, fs=1):
    window = sg.get_window("hann", 4)
    y = np.concatenate([y, exact(np.zeros(len(x) - len(y)))])
    return np.mean(powers(spectra(x, window, 2), spectra(y, window, 2), window, fs), -2)


def periodogram(x):
    window = np.ones(x.shape[-1])
    found = spectra(x, window, 1)
    return powers(found, found, window, 1)[:, 0].real


def coherence(x, y):
    size = np.abs(mean_powers(x, y)) ** 2
    return size / (mean_powers(x, x).real * mean_powers(y, y).real)


def spectrogram(x):
    window = sg.get_window(("tukey", 0.25), 4)
    found = spectra(x, window, 2)
    return np.swapaxes(powers(found, found, window, 1).real, -1, -2)


def stft(x):
    window = sg.get_window("hann", 4)
    zeros = exact(np.zeros(2))
    x = np.concatenate([zeros, x, zeros, exact(np.zeros((-len(x)) % 2))])
    return np.abs(spectra(x, window, 2, False)).T / np.sum(constant(window))


WRITTEN.update({
    ("signal", "periodogram"): periodogram, ("signal", "coherence"): coherence,
    ("signal", "welch"): lambda x, fs: mean_powers(x, x, fs).real,
    ("signal", "csd"): lambda x, y: np.abs(mean_powers(x, y)),
    ("signal", "spectrogram"): spectrogram, ("signal", "stft"): stft,
})  # fmt: skip


def response(b, a, w):
    """The quotient of two polynomials on the circle, its size."""
    waves = [exact(np.exp(-1j * np.outer(w, np.arange(len(c))))) for c in (b, a)]
    up, down = (np.matmul(e, c) for e, c in zip(waves, (b, a), strict=True))
    return np.abs(up / down)


def of_sections(s, w):
    one = exact([1.0])
    rows = [(row[:3], np.concatenate([one, row[3:]])) for row in s]
    return np.prod(np.stack([response(b, a, w) for b, a in rows]), 0)


WRITTEN.update({
    ("signal", "freqz"): lambda b, a: response(b, a, np.arange(5) * 0.4 * np.pi),
    ("signal", "freqz_sos"): lambda s: of_sections(s, np.arange(4) * 0.25 * np.pi),
    ("signal", "sosfreqz"): lambda s: of_sections(s, cases.PART),
})  # fmt: skip


# --- statistics -----------------------------------------------------------------------------------


def centred(a, axis=0):
    return a - np.mean(a, axis, keepdims=True)


def deviation(a, axis=0, ddof=0):
    return np.sqrt(np.sum(centred(a, axis) ** 2, axis, keepdims=True) / (a.shape[axis] - ddof))


def middle(a):
    """The median of an odd number of rows."""
    order = np.argsort(plain(a), 0)
    return np.take_along_axis(a, order, 0)[len(a) // 2]


def iqr(x):
    s = x[np.argsort(plain(x))]
    return (s[7] + s[8] - s[2] - s[3]) / 2


def gaps(u, v):
    """Widths between all values, and the differences of the distributions there."""
    both = np.concatenate([u, v])
    steps = np.r_[np.full(len(u), len(v)), np.full(len(v), -len(u))]  # in units of 1 / (n m)
    order = np.argsort(plain(both))
    both = both[order]
    return both[1:] - both[:-1], exact(np.cumsum(steps[order])[:-1]) / (len(u) * len(v))


def energy(u, v):
    widths, gap = gaps(u, v)
    return np.sqrt(2 * np.sum(gap * gap * widths))


def wasserstein(u, v):
    widths, gap = gaps(u, v)
    return np.sum(np.abs(gap) * widths)


def correlation(x, y):
    x, y = centred(x), centred(y)
    return np.sum(x * y) / np.sqrt(np.sum(x * x) * np.sum(y * y))


def doubled_tail(r, n):
    """The probability of a larger correlation of independent samples."""
    return each(lambda t: incomplete_beta(mp.mpf(n) / 2 - 1, mp.mpf(1) / 2, 1 - t * t), r)


def pearsonr(x, y):
    r = correlation(x, y)
    return r, doubled_tail(r, len(x))


def linregress(x, y):
    n, r = len(x), correlation(x, y)
    slope = np.sum(centred(x) * centred(y)) / np.sum(centred(x) ** 2)
    left = np.sum((centred(y) - slope * centred(x)) ** 2) / (n - 2)
    error = np.sqrt(left / np.sum(centred(x) ** 2))
    return slope, np.mean(y) - slope * np.mean(x), r, doubled_tail(r, n), error


def yeojohnson(x, lmbda):
    right = lambda t, p: mp.expm1(p * mp.log1p(t)) / p
    return numbers(lambda t, p: right(t, p) if t >= 0 else -right(-t, 2 - p), x, lmbda)


def boxcox(x, lmbda):
    return np.expm1(lmbda * np.log(x)) / lmbda


def log_likelihood(sums, made, lmbda):
    return (lmbda - 1) * sums - len(made) * np.log(np.mean(centred(made) ** 2, 0)) / 2


def gaussian_kde(data, weights, points):
    """Silverman's width."""
    weights = weights / np.sum(weights)
    d, count = len(data), 1 / np.sum(weights**2)
    apart = data - np.sum(data * weights, 1, keepdims=True)
    spread = np.matmul(apart * weights, apart.T) / (1 - 1 / count)
    spread = spread * (count * (d + 2) / 4) ** (-exact(2.0) / (d + 4))
    between = data[:, :, None] - points[:, None, :]
    solved = np.linalg.solve(spread, between.reshape(d, -1)).reshape(between.shape)
    size = np.exp(-d * log_pi(2) / 2) / np.sqrt(np.linalg.det(spread))
    return np.sum(weights[:, None] * np.exp(-np.sum(between * solved, 0) / 2), 0) * size


WRITTEN.update({("stats", name): f for name, f in {
    "boxcox": boxcox, "yeojohnson": yeojohnson, "iqr": iqr, "energy_distance": energy,
    "wasserstein_distance": wasserstein, "pearsonr": pearsonr, "linregress": linregress,
    "gaussian_kde": gaussian_kde,
    "boxcox_llf": lambda lmbda, x: log_likelihood(np.sum(np.log(x), 0), boxcox(x, lmbda), lmbda),
    "yeojohnson_llf": lambda lmbda, x: log_likelihood(
        np.sum(np.sign(x) * np.log1p(np.abs(x)), 0), yeojohnson(x, lmbda), lmbda),
    "circmean": lambda a: np.arctan2(np.mean(np.sin(a)), np.mean(np.cos(a))),
    "entropy": lambda p: -np.sum(p / np.sum(p, 0) * np.log(p / np.sum(p, 0)), 0),
    "gstd": lambda a: np.exp(deviation(np.log(a), 0, 1))[0],
    "gzscore": lambda a: centred(np.log(a)) / deviation(np.log(a)),
    "median_abs_deviation": lambda a: middle(np.abs(a - middle(a))),
    "moment": lambda a: np.mean(centred(a) ** 3, 0),
    "sem": lambda a: deviation(a, 0, 1)[0] / np.sqrt(exact(len(a))),
    "variation": lambda a: deviation(a, 1, 1)[:, 0] / np.mean(a, 1),
    "zmap": lambda a, b: (a - np.mean(b, 0)) / deviation(b),
    "zscore": lambda a: centred(a, 1) / deviation(a, 1, 1),
}.items()})  # fmt: skip
