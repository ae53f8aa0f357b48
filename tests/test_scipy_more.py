"""`cdiff.scipy`: filters there and back, spectra, filters that sort, statistics of samples, and
interpolants by FITPACK's names and of scattered points.

Values against SciPy, derivatives in both modes to order two against differences (and against exact
ones by `scipy_evidence`, which takes its calls from here), compiled against eager, mapped against
one by one. It must not know how a derivative is made.
"""

import numpy as np
from scipy_checks import checks_of

import cdiff.scipy.integrate as ci
import cdiff.scipy.interpolate as cip
import cdiff.scipy.ndimage as cn
import cdiff.scipy.signal as csg
import cdiff.scipy.special as csp
import cdiff.scipy.stats as cst

rng = np.random.default_rng(21)
V = rng.normal(size=11)
W = rng.normal(size=11)
M = rng.normal(size=(4, 9))
IMAGE = rng.permutation(24).reshape(4, 6) / 7.0 - 1.7  # no two are nearly equal
SMALL = rng.normal(size=(2, 3))
B, A = np.array([0.4, 0.3, 0.1]), np.array([1.2, -0.5, 0.2])
SOS = np.array([[1.0, 0.4, 0.2, -0.3, 0.1], [0.7, 0.1, 0.2, 0.4, 0.1]])
ONE = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0])
SPREAD = np.eye(6)[[0, 1, 2, 4, 5]]
HOLES = np.array([[1, 0, 1], [0, 1, 1]])
POSITIVE = rng.uniform(0.4, 2.5, size=(5, 3))
PART = rng.uniform(0.2, 1.0, size=7)
ANGLES = rng.uniform(0.2, 2.6, size=7)
WINDOW = rng.uniform(0.5, 1.0, size=4)


def sections(s):
    return s @ SPREAD + ONE


SIGNAL = {
    "lfilter_zi": (csg.lfilter_zi, (B, A)),
    "lfilter_zi short": (csg.lfilter_zi, (B, A[:2])),
    "sosfilt_zi": (lambda s: csg.sosfilt_zi(sections(s)), (SOS,)),
    "filtfilt": (csg.filtfilt, (B, A, V)),
    "filtfilt even": (lambda x: csg.filtfilt(B, A, x, 0, "even", 2), (M,)),
    "filtfilt constant": (lambda a, x: csg.filtfilt(B[:1], a, x, padtype="constant", padlen=5),
                          (A, M)),
    "sosfiltfilt": (lambda s, x: csg.sosfiltfilt(sections(s), x, padlen=4), (SOS, M)),
    "sosfiltfilt axis": (lambda x: csg.sosfiltfilt(sections(SOS[:1]), x, 0, "even", 3), (M,)),
    **{f"savgol_filter {mode}": (
        lambda x, m=mode: csg.savgol_filter(x, 5, 2, mode=m, cval=0.3), (M,))
       for mode in ("interp", "mirror", "constant", "nearest", "wrap")},
    "savgol_filter slope": (lambda x, d: csg.savgol_filter(x, 4, 3, 1, d, axis=0),
                            (M, np.array(0.3))),
    "savgol_filter even": (lambda x: csg.savgol_filter(x, 4, 2, mode="mirror"), (M,)),
    "deconvolve": (csg.deconvolve, (V, A)),
    **{f"{name} {mode} {edge}": (
        lambda a, b, n=name, m=mode, e=edge: getattr(csg, n)(a, b, m, e, 0.7), (IMAGE, SMALL))
       for name in ("convolve2d", "correlate2d") for mode in ("full", "same", "valid")
       for edge in ("fill", "wrap", "symm")},
    "convolve2d swapped": (lambda a, b: csg.convolve2d(a, b, "valid"), (SMALL, IMAGE)),
    "correlate2d swapped": (lambda a, b: csg.correlate2d(a, b, "valid"), (SMALL, IMAGE)),
    "wiener": (csg.wiener, (IMAGE,)),
    "wiener noise": (lambda x, n: csg.wiener(x, (1, 3), n), (M, np.array(0.4))),
    **{f"resample {n} {kind}": (
        lambda x, n=n, k=k: np.real(csg.resample(x * k, n, axis=-1)), (M[:, :m],))
       for n in (4, 6, 8, 11, 12) for m in (6, 7, 8)
       for kind, k in ((m, 1.0), (f"{m} complex", 1 + 0.4j))},
    "resample times": (lambda x: csg.resample(x, 6, np.arange(4.0))[0], (M,)),
    **{f"upfirdn {up} {down}": (
        lambda h, x, up=up, down=down: csg.upfirdn(h, x, up, down, 0), (V, M))
       for up, down in ((3, 2), (1, 1), (2, 5))},
    **{f"resample_poly {pad}": (
        lambda x, w, pad=pad: csg.resample_poly(x, 4, 6, 1, w, pad), (M, V))
       for pad in ("constant", "mean", "median", "minimum", "maximum")},
    "resample_poly complex": (lambda x: np.real(csg.resample_poly(x * (1 + 1j), 3, 2)), (M,)),
    "resample_poly as it is": (lambda x: csg.resample_poly(x, 2, 2), (M,)),
    **{f"decimate {kind} {phase}": (
        lambda x, kind=kind, phase=phase: csg.decimate(x, 2, 2, kind, 0, phase), (V,))
       for kind in ("iir", "fir") for phase in (True, False)},
    "medfilt": (csg.medfilt, (V,)),
    "medfilt rows": (lambda x: csg.medfilt(x, (1, 5)), (M,)),
    "medfilt2d": (lambda x: csg.medfilt2d(x, 3), (IMAGE,)),
    "order_filter": (lambda x: csg.order_filter(x, np.ones((3, 1)), 2), (IMAGE,)),
    "periodogram": (lambda x: csg.periodogram(x)[1], (M,)),
    "periodogram shorter": (lambda x, f: csg.periodogram(x, f, "hann", 4, "linear")[1],
                            (M, np.array(2.5))),
    "periodogram longer": (lambda x: csg.periodogram(x, nfft=12, axis=0, scaling="spectrum")[1],
                           (M,)),
    "welch": (lambda x, f: csg.welch(x, f, nperseg=4)[1], (V, np.array(1.7))),
    "welch window": (lambda x, w: csg.welch(x, 2.0, w, noverlap=1, detrend=False)[1], (M, WINDOW)),
    "welch two sides": (lambda x: csg.welch(x, nperseg=5, return_onesided=False)[1], (V,)),
    "csd": (lambda x, y: np.abs(csg.csd(x, y, nperseg=4)[1]), (V, W[:9])),
    "coherence": (lambda x, y: csg.coherence(x, y, nperseg=4)[1], (V, W)),
    **{f"spectrogram {mode}": (
        lambda x, m=mode: np.abs(csg.spectrogram(x, nperseg=4, noverlap=2, mode=m)[2]), (M,))
       for mode in ("psd", "magnitude", "complex")},
    "stft": (lambda x: np.abs(csg.stft(x, 2.0, nperseg=4)[2]), (V,)),
    "stft bare": (lambda x: np.abs(csg.stft(x, nperseg=4, boundary=None, padded=False, axis=0,
                                            scaling="psd", detrend="constant")[2]), (M.T.copy(),)),
}  # fmt: skip

RANKS = {
    f"{name} {mode}": (lambda a, n=name, m=mode: getattr(cn, n)(a, (2, 3), mode=m, cval=0.4),
                       (IMAGE,))
    for name in ("maximum_filter", "minimum_filter", "median_filter")
    for mode in ("reflect", "constant", "nearest", "mirror", "wrap")
}  # fmt: skip
RANKS |= {
    "maximum_filter holes": (lambda a: cn.maximum_filter(a, footprint=HOLES, origin=(0, -1)),
                             (IMAGE,)),
    "minimum_filter axes": (lambda a: cn.minimum_filter(a, 3, axes=(1,)), (IMAGE,)),
    "maximum_filter1d": (lambda a: cn.maximum_filter1d(a, 4, 0, origin=1), (IMAGE,)),
    "minimum_filter1d": (lambda a: cn.minimum_filter1d(a, 3, mode="mirror"), (IMAGE,)),
    "rank_filter": (lambda a: cn.rank_filter(a, -2, (3, 2)), (IMAGE,)),
    "rank_filter of a line": (lambda a: cn.rank_filter(a, 1, 4), (V,)),
    "percentile_filter": (lambda a: cn.percentile_filter(a, 20, footprint=HOLES), (IMAGE,)),
    "percentile_filter end": (lambda a: cn.percentile_filter(a, 100, 3), (V,)),
}  # fmt: skip
for _name in ("grey_erosion", "grey_dilation", "grey_opening", "grey_closing", "white_tophat",
              "black_tophat", "morphological_gradient", "morphological_laplace"):  # fmt: skip
    _f = getattr(cn, _name)
    RANKS[_name] = (lambda a, f=_f: f(a, (2, 3)), (IMAGE,))
    RANKS[f"{_name} holes"] = (lambda a, f=_f: f(a, footprint=HOLES, mode="nearest"), (IMAGE,))
    RANKS[f"{_name} heights"] = (lambda a, f=_f: f(a, structure=SMALL, origin=(0, 1)), (IMAGE,))

STATS = {
    "gmean": (cst.gmean, (POSITIVE,)),
    "gmean weights": (lambda a, w: cst.gmean(a, 1, weights=w, keepdims=True),
                      (POSITIVE, np.array([0.4, 1.0, 2.0]))),
    "hmean": (lambda a: cst.hmean(a, axis=None), (POSITIVE,)),
    "pmean": (lambda a: cst.pmean(a, 2.5), (POSITIVE,)),
    "pmean of order 0": (lambda a: cst.pmean(a, 0, axis=1), (POSITIVE,)),
    "trim_mean": (lambda a: cst.trim_mean(a, 0.2), (M.T.copy(),)),
    "trim_mean all": (lambda a: cst.trim_mean(a, 0.1, None), (M,)),
    "moment": (lambda a: cst.moment(a, 3), (M,)),
    "moment about": (lambda a, c: cst.moment(a, 2, axis=None, center=c), (M, np.array(0.3))),
    "skew": (cst.skew, (M.T.copy(),)),
    "skew unbiased": (lambda a: cst.skew(a, None, False), (M,)),
    "kurtosis": (lambda a: cst.kurtosis(a, 1), (M,)),
    "kurtosis unbiased": (lambda a: cst.kurtosis(a, 1, False, False, keepdims=True), (M,)),
    "sem": (cst.sem, (M,)),
    "variation": (lambda a: cst.variation(a, 1, ddof=1), (POSITIVE,)),
    "zscore": (lambda a: cst.zscore(a, 1, 1), (M,)),
    "zscore all": (lambda a: cst.zscore(a, None), (M,)),
    "zmap": (cst.zmap, (M, M[:, ::-1] ** 2)),
    "gzscore": (lambda a: cst.gzscore(a, axis=0), (POSITIVE,)),
    "gstd": (cst.gstd, (POSITIVE,)),
    "iqr": (cst.iqr, (V,)),
    "iqr normal": (lambda a: cst.iqr(a, 1, (90, 20), "normal"), (M,)),
    "median_abs_deviation": (cst.median_abs_deviation, (M.T.copy(),)),
    "entropy": (cst.entropy, (POSITIVE,)),
    "entropy relative": (lambda p, q: cst.entropy(p, q, 2, 1), (POSITIVE, POSITIVE[::-1] ** 2)),
    "circmean": (cst.circmean, (ANGLES,)),
    "circmean degrees": (lambda a: cst.circmean(a, 180.0, -180.0), (100.0 * ANGLES,)),
    "circvar": (cst.circvar, (ANGLES,)),
    "circstd": (lambda a: cst.circstd(a, 3.0), (ANGLES,)),
    "boxcox": (cst.boxcox, (PART, np.array(0.4))),
    "boxcox_llf": (cst.boxcox_llf, (np.array(0.4), POSITIVE)),
    "yeojohnson": (cst.yeojohnson, (V, np.array(1.3))),
    "yeojohnson_llf": (cst.yeojohnson_llf, (np.array(1.3), M.T.copy())),
    "pearsonr": (lambda x, y: tuple(cst.pearsonr(x, y)), (V, W)),
    "linregress": (lambda x, y: tuple(cst.linregress(x, y))[:5], (V, W)),
    "wasserstein_distance": (cst.wasserstein_distance, (V, W[:4])),
    "wasserstein_distance weights": (cst.wasserstein_distance, (V[:7], W[:4], PART, PART[:4])),
    "gaussian_kde": (lambda d, w, x: cst.gaussian_kde(d, "silverman", w)(x),
                     (M[:2], PART.repeat(2)[:9], SMALL)),
    "gaussian_kde log": (lambda d, x: cst.gaussian_kde(d).logpdf(x), (V, W)),
    "gaussian_kde width": (lambda d, h: cst.gaussian_kde(d, h).pdf(np.ones((3, 1))),
                           (M[:3], np.array(0.8))),
    "energy_distance": (cst.energy_distance, (V, W[:4])),
}  # fmt: skip
X7 = np.cumsum(rng.uniform(0.4, 1.0, 7))
Y7 = rng.normal(size=7)
INSIDE = np.array([X7[0] + 0.1, X7[3] + 0.2, X7[6] - 0.3])
BEYOND = np.array([X7[0] - 0.4, X7[2] + 0.1, X7[6] + 0.3])
GX, GY = np.array([0.0, 0.8, 1.5, 2.9]), np.array([-1.0, 0.1, 0.9, 2.0, 2.4])
SURFACE = rng.normal(size=(4, 5))
QX, QY = np.array([0.3, 1.1, 2.2]), np.array([-0.7, 1.3, 2.1])
SITES = rng.uniform(-1.0, 1.0, size=(9, 2))
HEIGHTS = rng.normal(size=9)
HEIGHTS2 = rng.normal(size=(9, 2))
AMONG = np.array([[0.05, 0.1], [-0.2, 0.12]])


def made_spline(x, y, **more):
    return cip.InterpolatedUnivariateSpline(x, y, **more)


THROUGH = {
    **{f"splrep {k}": (lambda x, y, q, k=k: cip.splev(q, cip.splrep(x, y, k=k)), (X7, Y7, BEYOND))
       for k in (1, 2, 3, 4, 5)},
    "splrep coefficients": (lambda x, y: cip.splrep(x, y)[1], (X7, Y7)),
    "splev slope": (lambda y, q: cip.splev(q, cip.splrep(X7, y), 1, 1), (Y7, BEYOND)),
    "splev ends": (lambda y, q: cip.splev(q, cip.splrep(X7, y), ext=3), (Y7, BEYOND)),
    "splint": (lambda y, a, b: cip.splint(a, b, cip.splrep(X7, y)), (Y7, INSIDE[0], BEYOND[2])),
    "pchip_interpolate": (cip.pchip_interpolate, (X7, Y7, INSIDE)),
    "pchip_interpolate slopes": (lambda y, q: cip.pchip_interpolate(X7, y, q, [0, 1]),
                                 (Y7, INSIDE)),
    "InterpolatedUnivariateSpline": (lambda x, y, q: made_spline(x, y)(q), (X7, Y7, INSIDE)),
    "InterpolatedUnivariateSpline slope": (
        lambda y, q: made_spline(X7, y, k=4).derivative()(q), (Y7, INSIDE)),
    "InterpolatedUnivariateSpline zeros": (
        lambda y, q: made_spline(X7, y, ext=1)(q), (Y7, BEYOND)),
    "InterpolatedUnivariateSpline integral": (
        lambda y, a: made_spline(X7, y).integral(a, 9.0), (Y7, BEYOND[1])),
    "RectBivariateSpline": (
        lambda x, z, p, q: cip.RectBivariateSpline(x, GY, z).ev(p, q), (GX, SURFACE, QX, QY)),
    "RectBivariateSpline grid": (
        lambda z, p: cip.RectBivariateSpline(GX, GY, z, kx=2, ky=1)(p, QY[:2]), (SURFACE, QX)),
    "RectBivariateSpline slope": (
        lambda z, p: cip.RectBivariateSpline(GX, GY, z)(p, QY, 1, 1, grid=False), (SURFACE, QX)),
    "RectBivariateSpline beyond": (
        lambda z, p: cip.RectBivariateSpline(GX, GY, z).ev(p, 9.0), (SURFACE, QX - 0.9)),
    "BarycentricInterpolator": (
        lambda x, y, q: cip.BarycentricInterpolator(x, y)(q), (X7, Y7, INSIDE)),
    "BarycentricInterpolator at a point": (
        lambda y: cip.BarycentricInterpolator(GY, y, axis=1)(GY[[1, 3]]), (SURFACE,)),
    "barycentric_interpolate": (
        lambda x, y, q: cip.barycentric_interpolate(x, y, q[:2, None]), (X7, Y7, INSIDE)),
    **{f"RBFInterpolator {kernel}": (
        lambda y, d, x, k=kernel: cip.RBFInterpolator(y, d, kernel=k, epsilon=e)(x),
        (SITES, HEIGHTS2, AMONG))
       for kernel in ("thin_plate_spline", "linear", "cubic", "quintic", "multiquadric",
                      "inverse_multiquadric", "inverse_quadratic", "gaussian") for e in (0.7,)},
    "RBFInterpolator smooth": (
        lambda d, s, e: cip.RBFInterpolator(SITES, d, None, s, "gaussian", e, -1)(AMONG),
        (HEIGHTS, np.array(0.3), np.array(1.7))),
    "LinearNDInterpolator": (
        lambda v, q: cip.LinearNDInterpolator(SITES, v)(q), (HEIGHTS2, AMONG)),
    "LinearNDInterpolator filled": (
        lambda v, x, y: cip.LinearNDInterpolator(SITES, v, 0.5, True)(x, y),
        (HEIGHTS, np.array([0.05, 7.0]), np.array([0.1]))),
    "NearestNDInterpolator": (lambda v: cip.NearestNDInterpolator(SITES, v)(AMONG), (HEIGHTS,)),
    "griddata": (lambda v, q: cip.griddata(SITES, v, q), (HEIGHTS, AMONG)),
    "griddata nearest": (
        lambda v: cip.griddata(tuple(SITES.T), v, (0.1, [0.2, 0.3]), "nearest"), (HEIGHTS,)),
    "griddata of a line": (
        lambda v, q: cip.griddata(X7, v, q, "cubic"), (Y7, INSIDE)),
}  # fmt: skip
def both(y):
    return np.real(y), np.imag(y)


OTHERS = {
    "romb": (ci.romb, (V[:9],)),
    "romb rows": (lambda y, h: ci.romb(y, h, axis=0), (M[:3], np.array(0.4))),
    "freqz": (lambda b, a: np.abs(csg.freqz(b, a, 5, True)[1]), (B, A)),
    "freqz places": (lambda b, w: np.abs(csg.freqz(b, 2.0, w, fs=3.0)[1]), (B, PART)),
    "freqz_sos": (lambda s: np.abs(csg.freqz_sos(sections(s), 4)[1]), (SOS,)),
    "sosfreqz": (lambda s: np.abs(csg.sosfreqz(sections(s), PART)[1]), (SOS,)),
    **{name: (lambda x, n=name: both(getattr(csp, n)(1.0, x)), (PART,))
       for name in ("hankel1", "hankel2", "hankel1e", "hankel2e")},
    "hankel1 order": (lambda v, x: np.abs(csp.hankel1(v, x)), (PART[:3], PART[:3] + 1.0)),
    "wofz": (lambda x: both(csp.wofz(x)), (V,)),
    "sph_harm_y": (lambda t, p: both(csp.sph_harm_y([[0], [2], [3]], [[0], [-1], [2]], t, p)),
                   (ANGLES, 1.7 * ANGLES)),
    "vonmises cdf": (lambda x, k: cst.vonmises.cdf(x, k), (4.0 * V[:4], np.array(1.7))),
    "vonmises rest": (lambda x, k: cst.vonmises.logsf(x, k, 0.2, 0.9), (V[:4], np.array(0.4))),
}  # fmt: skip
CASES = {**SIGNAL, **RANKS, **STATS, **THROUGH, **OTHERS}
test_values_are_scipys, test_derivatives, test_compiled, test_mapped = checks_of(CASES)
