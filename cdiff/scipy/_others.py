"""The public names of SciPy that have no derivative here, each with its reason, by patterns.

The page docs/scipy.md prints them, an Array that meets one says the reason, and a test compares
with SciPy's own lists, so that no name is forgotten. It knows names only.
"""

from __future__ import annotations

import inspect
from fnmatch import fnmatchcase
from functools import wraps
from typing import Any

from cdiff.scipy._mirror import any_tracked, plainly

__all__ = ["INSTEAD", "OTHERS", "other", "reason"]

SETTINGS = "errors, warnings, settings and classes without numbers"
CONSTANT = "tables and constants of whole numbers: they have no derivative and work as they are"
COMPLEX = "its results are complex; "
TESTS = "a statistical test or an estimate that ranks, counts or searches"
WRITE = "write it with NumPy's functions, which are differentiated"
DESIGN = "designs or transforms filters and systems, once and for constant specifications"

# By module: reasons, and patterns of names, the first one that fits.
OTHERS: dict[str, dict[str, str]] = {
    "special": {
        SETTINGS: "Special* geterr seterr errstate",
        CONSTANT: "*_zeros roots_* *_roots bernoulli euler factorial2 factorialk stirling2 "
                  "*_coef ellip_normal *_seq",
        "polynomials as objects: use eval_* of the same name, which have derivatives":
            "legendre cheby? laguerre genlaguerre hermite hermitenorm gegenbauer jacobi sh_*",
        "SciPy's own formula, which Arrays pass through with their derivatives": "assoc_laguerre",
        COMPLEX + "use jvp and yvp": "h?vp",
        COMPLEX + "use ber, bei, ker, kei and their derivatives": "kelvin",
        COMPLEX + "use fresnel": "modfresnel*",
        "returns a series of functions or their derivatives: use eval_legendre or lpmv":
            "legendre_p* assoc_legendre_p* sph_legendre_p* lqmn lqn",
        COMPLEX + "use sph_harm_y": "sph_harm_y_all",
        "returns a series of functions: use spherical_jn and spherical_yn": "riccati_*",
        "returns a series of functions: use jv": "lmbda besselpoly",
        "its derivative is in no table": "obl_* pro_* mathieu_mod* ellip_harm*",
        "SciPy has no density of it to take its derivative from":
            "ncf* nct* chndtridf fdtridfd smirnov*",
    },
    "stats": {
        SETTINGS: "*Warning *Error *Method",
        "classes of SciPy's newer interface: use the distributions of the same name":
            "Binomial Logistic Mixture Normal Uniform Covariance CensoredData make_distribution "
            "abs exp log truncate order_statistic",
        "a distribution of whole numbers only": "hypergeom nhypergeom nchypergeom_* randint "
            "multivariate_hypergeom zipfian poisson_binom",
        "its density or distribution function is an integral or a series without a table":
            "ksone kstwo kstwobign landau levy_stable studentized_range irwinhall "
            "dpareto_lognorm matrix_t",
        "makes random numbers or matrices": "ortho_group special_ortho_group unitary_group "
            "random_correlation random_table uniform_direction",
        "makes a distribution of its own: write its density": "rv_*",
        WRITE: "kstat* lmoment describe differential_entropy directional_stats t???? t??? "
               "pointbiserialr obrientransform expectile quantile scoreatpercentile trim1 trimboth "
               "wasserstein_distance_nd sigmaclip",
        TESTS: "*",
    },
    "linalg": {
        SETTINGS: "LinAlg* *_funcs find_best_blas_type",
        CONSTANT: "dft hadamard helmert hilbert invhilbert pascal invpascal",
        "use solve_continuous_lyapunov, its new name": "solve_lyapunov",
        "decompositions that are not unique, and functions made of them; what to write instead "
        "stands in the error": "*",
    },
    "signal": {
        SETTINGS: "BadCoefficients choose_conv_method",
        "answers with places, counts or shapes": "argrel* find_peaks* peak_* correlation_lags "
            "check_* unique_roots max_len_seq unit_impulse closest_* vectorstrength czt_points",
        "windows are constants; those with parameters are in signal.windows": "get_window",
        "write it with lfilter, convolve or the transforms of cdiff.scipy.fft":
            "sepfir2d symiirorder? envelope hilbert2 czt zoom_fft "
            "CZT ZoomFFT cspline* qspline* gauss_spline spline_filter",
        "write it with the transforms of cdiff.scipy.fft": "istft ShortTimeFFT lombscargle freq* "
            "group_delay dfreqresp findfreqs",
        "write the wave with NumPy's functions": "chirp gausspulse sawtooth square sweep_poly",
        "solve the differential or difference equation with cdiff.integrate, or use lfilter":
            "lsim dlsim step impulse dstep dimpulse bode dbode lti dlti",
        DESIGN: "*",
    },
    "signal.windows": {
        "without parameters a window is constant": "boxcar triang parzen bohman blackman nuttall "
            "blackmanharris flattop bartlett barthann hamming hann cosine lanczos get_window",
        "its parameter has no derivative here": "*",
    },
    "interpolate": {
        "use PchipInterpolator, CubicSpline or PPoly": "BPoly",
        "use make_interp_spline and BSpline": "spl* sproot spalde bispl* make_* *UnivariateSpline "
            "generate_knots insert UnivariateSpline",
        "use RegularGridInterpolator": "*BivariateSpline NdBSpline NdPPoly interp2d RectSphere* "
            "*SphereBivariateSpline",
        "write Lagrange's formula with NumPy's functions": "Krogh* krogh_* "
            "approximate_taylor_polynomial",
        "SciPy's own formula, which Arrays pass through with their derivatives": "lagrange",
        "use RBFInterpolator": "Rbf",
        "its triangulation, or its choice of points, has no derivative": "AAA "
            "CloughTocher2DInterpolator FloaterHormannInterpolator pade",
    },
    "integrate": {
        SETTINGS: "*Warning",
        CONSTANT: "lebedev_rule newton_cotes",
        "use the solvers of cdiff.integrate": "solve_* ode* *ode OdeSol* RK* DOP853 Radau BDF "
            "LSODA DenseOutput ODE*",
        "SciPy's own formula, which Arrays pass through with their derivatives": "fixed_quad",
        "use quad of cdiff.integrate": "quad quad_vec dblquad tplquad nquad cubature tanhsinh",
        "evaluate the function at points and use simpson or trapezoid": "*",
    },
    "ndimage": {
        "works on booleans, labels or places, which have no derivative": "binary_* label "
            "find_objects generate_binary_structure iterate_structure value_indices watershed_ift "
            "distance_transform_* *_position extrema histogram labeled_comprehension",
        "use the transforms of cdiff.scipy.fft": "fourier_*",
        "calls a function for each point: use sliding_window_view, or map_coordinates":
            "generic_* geometric_transform vectorized_filter",
        "write it with NumPy's functions of the elements of a label": "center_of_mass maximum mean "
            "median minimum standard_deviation sum sum_labels variance",
    },
    "spatial.distance": {
        "it compares and counts": "dice hamming jaccard rogerstanimoto russellrao sokal* yule",
        "answers with whole numbers": "is_valid_* num_obs_*",
        "write it as np.max(np.min(cdist(u, v), axis=1))": "directed_hausdorff",
    },
    "sparse": {
        SETTINGS: "*Warning sparray spmatrix is* get_index_dtype safely_cast_index_arrays",
        "makes or changes constant matrices; of tracked values make csr_array, csc_array or "
        "coo_array": "*",
    },
    "sparse.linalg": {
        SETTINGS: "*Error *Warning ArpackNo* use_solver is_* spbandwidth",
        "use spsolve, cg, bicgstab or gmres, or cdiff.linear_solve with this solver": "bicg cgs "
            "gcrotmk lgmres lsmr lsqr minres qmr tfqmr spilu SuperLU spsolve_triangular",
        "SciPy's own formula, which Arrays of matrices pass through": "expm_multiply",
        "use the function of the dense matrix in cdiff.scipy.linalg": "*",
    },
}  # fmt: skip


# What to write instead of the decompositions of `linalg`.
INSTEAD = {
    "null_space": "its basis is not unique; the projector eye(n) - pinv(A) @ A is",
    "orth": "its basis is not unique; the projector A @ pinv(A) is",
    "schur": "use eig, or eigh for symmetric matrices",
    "hessenberg": "use eig, or qr",
    "funm": "write the function with expm, logm, sqrtm and their relatives",
    "qz": "use eig(A, B)",
    "rq": "write it with qr of the flipped matrix: q, r = qr(A[::-1].T)",
    "matrix_balance": "it rounds to powers of two; leave it out",
    "eig_banded": "use eigh of the whole matrix",
    "eigvals_banded": "use eigvalsh of the whole matrix",
    "cholesky_banded": "use cholesky of the whole matrix",
    "cho_solve_banded": "use solveh_banded",
}


def reason(module: str, name: str) -> str | None:
    """Why a name has no derivative; None if nothing is known of it.

    Parameters
    ----------
    module : str
        Such as "signal.windows".
    name : str

    Returns
    -------
    str or None
    """
    for text, patterns in OTHERS.get(module, {}).items():
        if any(fnmatchcase(name, pattern) for pattern in patterns.split()):
            return text
    return None


def other(original: Any, module: str, name: str) -> Any:
    """A name of SciPy's module; where it is a function that Arrays cannot pass, it says why.

    Parameters
    ----------
    original : module
        SciPy's.
    module, name : str

    Returns
    -------
    object

    Raises
    ------
    AttributeError
    """
    if name.startswith("__") or not hasattr(original, name):
        raise AttributeError(f"module 'cdiff.scipy.{module}' has no attribute {name!r}")
    thing = getattr(original, name)
    if inspect.isclass(thing) or inspect.ismodule(thing) or not callable(thing):
        return thing
    why = reason(module, name) or "write it with other functions"
    full = f"scipy.{module}.{name}"
    return _checked(thing, full, why) if inspect.isroutine(thing) else _Other(thing, full, why)


def _checked(function: Any, full: str, why: str) -> Any:
    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if not any_tracked([*args, *kwargs.values()]):
            return plainly(function, args, kwargs)
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            if "derivative" not in str(error) and "cdiff" not in str(error):
                raise
            raise NotImplementedError(
                f"{full} has no derivative in cdiff: {why}; or give it x.numpy() if none is needed"
            ) from error

    return checked


class _Other:
    """An object of SciPy, such as a distribution, of which calls and methods are checked."""

    def __init__(self, thing: Any, full: str, why: str) -> None:
        self._thing, self._full, self._why = thing, full, why

    def __repr__(self) -> str:
        return repr(self._thing)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _checked(self._thing, self._full, self._why)(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{self._full} has no attribute {name!r} in cdiff")
        found = getattr(self._thing, name)
        full = f"{self._full}.{name}"
        return _checked(found, full, self._why) if inspect.isroutine(found) else found
