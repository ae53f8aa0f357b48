"""`cdiff.scipy.ndimage`: transformations and filters.

Values against SciPy (at random places far beyond the borders, for every order and mode),
derivatives in both modes to order two against differences, compiled against eager, mapped against
one by one. It must not know how a derivative is made.
"""

from functools import partial

import numpy as np
import pytest
import scipy.ndimage as sn
import scipy.signal as ss
from hypothesis import given
from hypothesis import strategies as st
from scipy_checks import checks_of

import cdiff as cd
import cdiff.scipy.ndimage as cn
import cdiff.scipy.signal as css
from cdiff.scipy import _ranks
from cdiff.scipy._filters import PADS
from cdiff.scipy._resample import MODES

rng = np.random.default_rng(5)
M = rng.normal(size=(4, 6))
LINE = rng.normal(size=7)
CUBE = rng.normal(size=(3, 4, 2))
W3 = rng.normal(size=3)
W4 = rng.normal(size=4)
K = rng.normal(size=(2, 3))
AT = np.stack([rng.uniform(0.1, 2.9, 5), rng.uniform(0.1, 4.9, 5)])
FAR = np.array([[-1.3, 5.2, 1.6, -7.37], [2.3, 8.11, -3.42, 1.21]])
TURN = np.array([[0.9, -0.4], [0.3, 1.1]])

CASES = {
    f"map {order} {mode}": (
        lambda a, c, o=order, m=mode: cn.map_coordinates(a, c, order=o, mode=m, cval=0.5),
        (M, FAR if order else AT))
    for order in (1, 2, 3, 4, 5) for mode in MODES
}  # fmt: skip
CASES |= {f"shift {order} {mode}": (
              lambda a, s, o=order, m=mode: cn.shift(a, s, order=o, mode=m, cval=0.3),
              (M, np.array([0.63, -1.71])))
          for order in (1, 3) for mode in MODES}  # fmt: skip
CASES |= {f"zoom {order} {mode}": (
              lambda a, o=order, m=mode: cn.zoom(a, (1.6, 0.7), order=o, mode=m), (M,))
          for order in (0, 1, 4) for mode in MODES}  # fmt: skip
CASES |= {f"spline_filter {mode} {order}": (
              lambda a, o=order, m=mode: cn.spline_filter(a, o, mode=m), (M,))
          for mode in ("mirror", "reflect", "grid-wrap") for order in (2, 3, 5)}  # fmt: skip
CASES |= {f"correlate {mode}": (lambda a, w, m=mode: cn.correlate(a, w, mode=m, cval=0.4), (M, K))
          for mode in PADS}  # fmt: skip
CASES |= {
    "map 0": (lambda a: cn.map_coordinates(a, FAR, order=0, mode="mirror"), (M,)),
    "map of a cube": (lambda a, c: cn.map_coordinates(a, c, order=2, mode="nearest"),
                      (CUBE, np.array([[0.3, 2.2], [1.61, 0.2], [0.4, 1.3]]))),
    "map as it is": (lambda a, c: cn.map_coordinates(a, c, order=3, prefilter=False), (M, AT)),
    "map to a matrix": (lambda a, c: cn.map_coordinates(a, c.reshape(2, 5, 1), order=1), (M, AT)),
    "shift all": (lambda a, s: cn.shift(a, s, order=2, mode="grid-wrap"), (M, np.array(0.8))),
    "zoom grid": (lambda a: cn.zoom(a, 1.4, mode="grid-constant", grid_mode=True), (M,)),
    "zoom by nothing": (lambda a: cn.zoom(a, 1.0), (M,)),
    "spline_filter1d": (lambda a: cn.spline_filter1d(a, 4, 0, mode="mirror"), (M,)),
    "affine": (lambda a, m, b: cn.affine_transform(a, m, b, mode="reflect"),
               (M, TURN, np.array([0.47, -0.33]))),
    "affine diagonal": (lambda a, m: cn.affine_transform(a, m, 0.33, (3, 5), order=1,
                                                         mode="mirror"), (M, np.array([0.7, 1.3]))),
    "affine whole": (lambda a, m: cn.affine_transform(a, np.vstack([m, [0, 0, 1.0]])
                                                      if isinstance(m, np.ndarray) else m, order=2),
                     (M, np.c_[TURN, [0.47, 0.23]])),
    "rotate": (lambda a, t: cn.rotate(a, t, mode="nearest"), (M, np.array(21.0))),
    "rotate in place": (lambda a, t: cn.rotate(a, t, (1, 2), reshape=False, order=2),
                        (CUBE, np.array(-33.0))),
    # SciPy's filter is not exact in short lines, and leaves the axes that are not turned alone.
    "rotate planes": (lambda a, t: cn.rotate(a, t, order=5, mode="reflect"),
                      (CUBE, np.array(20.0))),
    "rotate planes apart": (lambda a, t: cn.rotate(a, t, (2, 0), order=3, mode="grid-constant",
                                                   cval=0.3, reshape=False),
                            (CUBE, np.array(-40.0))),
    "correlate1d": (lambda a, w: cn.correlate1d(a, w, 0, origin=-1), (M, W3)),
    "correlate1d even": (lambda a, w: cn.correlate1d(a, w, mode="wrap", origin=1), (M, W4)),
    "convolve1d": (lambda a, w: cn.convolve1d(a, w, origin=1), (M, W3)),
    "convolve1d even": (lambda a, w: cn.convolve1d(a, w, 0, mode="nearest"), (M, W4)),
    "convolve": (lambda a, w: cn.convolve(a, w, mode="mirror", origin=(0, 1)), (M, K)),
    "convolve axes": (lambda a, w: cn.convolve(a, w, axes=(0, 2)), (CUBE, K)),
    "gaussian1d": (lambda a, s: cn.gaussian_filter1d(a, s, 0), (M, np.array(0.7))),
    "gaussian1d slope": (lambda a, s: cn.gaussian_filter1d(a, s, order=1, mode="nearest"),
                         (M, np.array(0.7))),
    "gaussian1d bend": (lambda a, s: cn.gaussian_filter1d(a, s, order=3, radius=3, mode="wrap"),
                        (LINE, np.array(0.9))),
    "gaussian": (lambda a, s: cn.gaussian_filter(a, s, mode=("mirror", "constant"), cval=1.0),
                 (M, np.array([0.5, 0.8]))),
    "gaussian orders": (lambda a, s: cn.gaussian_filter(a, s, (0, 1), axes=(0, 2)),
                        (CUBE, np.array(0.4))),
    "uniform1d": (lambda a: cn.uniform_filter1d(a, 4, origin=1, mode="constant", cval=2.0), (M,)),
    "uniform": (lambda a: cn.uniform_filter(a, (2, 3)), (M,)),
    "sobel": (lambda a: cn.sobel(a, 0), (M,)),
    "prewitt": (lambda a: cn.prewitt(a, mode=("nearest", "wrap")), (M,)),
    "laplace": (lambda a: cn.laplace(a), (M,)),
    "gaussian_laplace": (lambda a, s: cn.gaussian_laplace(a, s), (M, np.array(0.6))),
    "gaussian_gradient_magnitude": (lambda a, s: cn.gaussian_gradient_magnitude(a, s),
                                    (M, np.array(0.6))),
}  # fmt: skip

test_values_are_scipys, test_derivatives, test_compiled, test_mapped = checks_of(CASES)


def test_every_name_is_tested():
    tested = {name.split()[0] for name in CASES}
    short = {"map_coordinates": "map", "affine_transform": "affine", "gaussian_filter": "gaussian",
             "gaussian_filter1d": "gaussian1d", "uniform_filter": "uniform",
             "uniform_filter1d": "uniform1d"}  # fmt: skip
    linear = set(cn.__all__) - set(_ranks.__all__)  # the others: test_scipy_more.py
    assert {short.get(name, name) for name in linear} == tested


@given(st.data())
def test_places_are_folded_as_scipy_does(data):
    """Whole and half steps too, which decide on which side of a step a place lies."""
    shape = data.draw(st.sampled_from([(9,), (1,), (2,), (5, 7), (1, 4), (2, 3)]))
    order, mode = data.draw(st.integers(0, 5)), data.draw(st.sampled_from([*MODES, "grid-mirror"]))
    places = np.array([data.draw(st.lists(
        st.integers(-40, 60).map(lambda k: k / 2) | st.floats(-2.3 * n - 1, 3.3 * n + 2),
        min_size=4, max_size=4)) for n in shape])  # fmt: skip
    a, keywords = rng.normal(size=shape), {"order": order, "mode": mode, "cval": 0.7}
    keywords["prefilter"] = data.draw(st.booleans())
    want = sn.map_coordinates(a, places, **keywords)
    got = cn.map_coordinates(cd.array(a), places, **keywords)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-10, atol=1e-11)


def test_a_compiled_image_takes_other_places():
    f = cd.compile(lambda a, c: cn.map_coordinates(a, c, order=3, mode="reflect"))
    for step in (0.0, 0.7, 3.9):
        want = sn.map_coordinates(M, FAR + step, order=3, mode="reflect")
        np.testing.assert_allclose(f(M, FAR + step), want, rtol=1e-10, atol=1e-12)
    assert f.stats()["recordings"] == 1


def test_dtypes():
    for dtype in (np.float32, np.float64):
        a = M.astype(dtype)
        for f in (lambda a: cn.map_coordinates(a, AT), lambda a: cn.shift(a, 0.3),
                  lambda a: cn.zoom(a, 1.3), lambda a: cn.gaussian_filter(a, 0.7),
                  lambda a: cn.sobel(a)):  # fmt: skip
            assert f(cd.array(a)).dtype == f(a).dtype == dtype
    whole = np.arange(12).reshape(3, 4)
    for f in (lambda m, a: m[0].gaussian_filter(a, 1.0), lambda m, a: m[0].zoom(a, 2, order=1),
              lambda m, a: m[0].median_filter(a, 3), lambda m, a: m[1].correlate(a, [[1, 2]]),
              lambda m, a: m[0].correlate(a, K), lambda m, a: m[1].convolve2d(a, K > 0)):
        want, ours = f((sn, ss), whole), partial(f, (cn, css))
        for got in (ours(cd.array(whole)).numpy(), cd.compile(ours)(whole)):
            np.testing.assert_array_equal(got, want)
            assert got.dtype == want.dtype
    # Of integers SciPy makes integers; with places that are differentiated that would be a loss.
    whole = np.arange(12).reshape(3, 4) ** 2
    g = cd.grad(lambda c: np.sum(cn.map_coordinates(whole, c, order=1)))(AT[:, :2] / 2)
    assert (g != 0).all()


@pytest.mark.parametrize(("call", "error", "text"), [
    (lambda: cn.map_coordinates(cd.array(M), AT, order=6), RuntimeError, "0 to 5, not 6"),
    (lambda: cn.map_coordinates(cd.array(M), AT[:1]), ValueError, r"\(1, 5\) for 2 axes"),
    (lambda: cn.map_coordinates(cd.array(M), AT, mode="odd"), ValueError, "mode is one of.*'odd'"),
    (lambda: cn.map_coordinates(cd.array(M), AT, output=M), TypeError, "output"),
    (lambda: cn.map_coordinates(cd.array(1.0), AT), RuntimeError, r"shape \(\)"),
    (lambda: cn.shift(cd.array(M), [1.0, 2.0, 3.0]), RuntimeError, "a number or 2 numbers"),
    (lambda: cn.affine_transform(cd.array(M), np.eye(4)), RuntimeError, r"\(4, 4\).*2 axes"),
    (lambda: cn.affine_transform(cd.array(M), TURN, output_shape=(3,)), RuntimeError, "1 axes"),
    (lambda: cn.rotate(cd.array(LINE), 1.0), ValueError, r"two axes.*\(7,\)"),
    (lambda: cn.rotate(cd.array(M), 1.0, (0, 0)), ValueError, "must differ"),
    (lambda: cn.spline_filter(cd.array(M), 1), RuntimeError, "2 to 5, not 1"),
    (lambda: cn.correlate1d(cd.array(M), M), RuntimeError, r"weights given: shape \(4, 6\)"),
    (lambda: cn.correlate1d(cd.array(M), W3, origin=2), ValueError, "origin=2"),
    (lambda: cn.correlate1d(cd.array(M), W3, mode="odd"), RuntimeError, "mode is one of"),
    (lambda: cn.correlate(cd.array(M), W3), RuntimeError, r"\(3,\) for 2 axes"),
    (lambda: cn.convolve(cd.array(M), K, origin=(0,)), RuntimeError, "1 entries for 2 axes"),
    (lambda: cn.gaussian_filter1d(cd.array(M), 1.0, order=-1), ValueError, "order=-1"),
    (lambda: cn.uniform_filter1d(cd.array(M), 0), RuntimeError, "filter size 0"),
])  # fmt: skip
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()
