"""Results of SciPy's functions: a reshape is a view where SciPy's is, or it is known not to be sure
(see test_in_place_orders.py).
"""

import numpy as np
import pytest
import scipy
import scipy.fft
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.ndimage
import scipy.signal
import scipy.spatial.distance
import scipy.special
import scipy.stats

import cdiff as cd
import cdiff.numpy as cnp
import cdiff.scipy
import cdiff.scipy.fft
import cdiff.scipy.integrate
import cdiff.scipy.interpolate
import cdiff.scipy.linalg
import cdiff.scipy.ndimage
import cdiff.scipy.signal
import cdiff.scipy.spatial.distance
import cdiff.scipy.special
import cdiff.scipy.stats
from cdiff import _core

RANDOM = np.random.default_rng(1)
A = RANDOM.random((4, 4)) + 4.0 * np.eye(4)
OPERANDS = {"A": A, "B": RANDOM.random((4, 3)), "P": A @ A.T, "M": RANDOM.random((6, 8))}
CASES = """
linalg.solve(A, B)|linalg.inv(A)|linalg.lu(A)|linalg.qr(A)|linalg.svd(A)|linalg.eigh(P)
linalg.expm(A)|linalg.sqrtm(P)|linalg.cho_solve(s.linalg.cho_factor(P), B)|linalg.lu_factor(A)
linalg.solve_triangular(A, B)|linalg.cholesky(P)|linalg.pinv(A)|linalg.block_diag(A, B)
linalg.solve_sylvester(A, A, A)|linalg.polar(A)|linalg.khatri_rao(A, A)
signal.convolve(M, A)|signal.fftconvolve(M, A)|signal.lfilter([1.0, 2.0], [1.0, 0.5], M, axis=0)
signal.detrend(M, axis=0)|signal.savgol_filter(M, 5, 2, axis=0)|signal.resample(M, 5, axis=0)
ndimage.gaussian_filter(M, 1.0)|ndimage.zoom(M, 2.0, order=1)|ndimage.map_coordinates(M, [A, A])
interpolate.CubicSpline(n.arange(6.0), M)(B)|interpolate.interp1d(n.arange(8.0), M)(B)
interpolate.PchipInterpolator(n.arange(6.0), M)(B)
fft.fft(M, axis=0)|fft.dct(M, axis=0)|fft.fftn(M)|stats.norm.logpdf(M)|stats.zscore(M)
spatial.distance.cdist(A, A)|integrate.cumulative_trapezoid(M, axis=0)
special.gamma(M)|special.gammainc(M, M)|special.softmax(M, axis=0)|special.expit(M)
""".replace("\n", "|").strip("|").split("|")


def arrays_of(result):
    if isinstance(result, (list, tuple)):
        return [a for part in result for a in arrays_of(part)]
    return [result]


@pytest.mark.parametrize("case", CASES)
def test_a_reshape_of_every_result_is_a_view_where_scipys_is_or_not_sure(case):
    for order in "CF":
        given = {name: np.array(x, order=order) for name, x in OPERANDS.items()}
        tracked = {name: cd.array(x) for name, x in given.items()}
        expected = arrays_of(eval("s." + case, {"s": scipy, "n": np, **given}))
        found = arrays_of(eval("s." + case, {"s": cdiff.scipy, "n": cnp, **tracked}))
        for x, y in zip(expected, found, strict=True):
            if type(y) is cd.Array and y.ndim > 1:
                shared = np.shares_memory(x, x.reshape(-1))
                assert _core.is_layout_unknown(y) or _core.is_view(y.reshape(-1)) == shared
