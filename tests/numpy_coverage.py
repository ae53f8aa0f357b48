"""What cdiff does with every public function of NumPy: the coverage list, as data, and its page.

`COVERAGE` has one row for each function of `numpy`, `numpy.linalg`, `numpy.fft` and `numpy.emath`:
its kind and, where there is no derivative, the reason. tests/test_numpy_coverage.py compares it
with NumPy itself and calls the functions, so it cannot drift. This file knows names only and
imports neither NumPy nor cdiff. ``python tests/numpy_coverage.py --docs FILE`` writes the page.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

__all__ = ["CARRYING", "COVERAGE", "KINDS", "WITHOUT", "Row", "page"]


class Row(NamedTuple):
    """One function of NumPy."""

    module: str
    name: str
    kind: str
    reason: str


KINDS = {
    "differentiable": "has its derivative, in both modes and to every order",
    "constant": "is piecewise constant: its derivative is 0",
    "built": "makes an `Array` that carries the derivatives of what it is made of",
    "made": "makes an `Array` that tracked values can be assigned into",
    "changed": "changes its first argument, an `Array`, as NumPy does",
    "plain": "answers with integers, booleans, shapes or text, which carry no derivative",
    "none": "raises an error on a tracked array",
    "other": "takes no numbers that could be tracked",
}

_NUMPY = {
    "differentiable": """
        abs absolute acos acosh add angle append apply_along_axis apply_over_axes arccos arccosh
        arcsin arcsinh arctan arctan2 arctanh array_split asin asinh astype atan atan2 atanh
        atleast_1d atleast_2d atleast_3d average block broadcast_arrays broadcast_to cbrt choose
        clip column_stack compress concat concatenate conj conjugate convolve copy copysign
        corrcoef correlate cos cosh cov cross cumprod cumsum cumulative_prod cumulative_sum
        deg2rad degrees delete diag diagflat diagonal diff divide divmod dot dsplit dstack ediff1d
        einsum exp exp2 expand_dims expm1 extract fabs flip fliplr flipud float_power fmax fmin
        fmod frexp gradient heaviside histogram histogram2d histogram_bin_edges histogramdd
        hsplit hstack hypot i0 imag inner insert interp intersect1d ix_ kron ldexp log log10 log1p
        log2 logaddexp logaddexp2 matmul matrix_transpose matvec max maximum mean median meshgrid
        min minimum mod modf moveaxis multiply nan_to_num nancumprod nancumsum nanmax nanmean
        nanmedian nanmin nanpercentile nanprod nanquantile nanstd nansum nanvar negative outer
        pad partition percentile permute_dims piecewise poly polyadd polyder polydiv polyfit
        polyint polymul polysub polyval positive pow power prod ptp quantile rad2deg radians
        ravel real real_if_close reciprocal remainder repeat reshape resize roll rollaxis roots
        rot90 select setdiff1d setxor1d sin sinc sinh sort sort_complex split sqrt square squeeze
        stack std subtract sum swapaxes take take_along_axis tan tanh tensordot tile trace transpose
        trapezoid tril trim_zeros triu true_divide union1d unique unique_all unique_counts
        unique_inverse unique_values unstack unwrap vander var vdot vecdot vecmat vectorize
        vsplit vstack where amax amin bincount
    """,
    "constant": "around ceil fix floor floor_divide rint round sign trunc",
    "built": """
        arange array asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray
        fromfunction fromiter full full_like geomspace kaiser linspace logspace require
    """,
    "made": "empty empty_like eye from_dlpack identity ones ones_like tri zeros zeros_like",
    "changed": "copyto fill_diagonal place put put_along_axis putmask",
    "plain": """
        all allclose any argmax argmin argpartition argsort argwhere array2string array_equal
        array_equiv array_repr array_str bitwise_and bitwise_count bitwise_invert
        bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor can_cast
        common_type count_nonzero diag_indices_from digitize einsum_path equal flatnonzero gcd
        greater greater_equal invert isclose iscomplex iscomplexobj isfinite isfortran isin isinf
        isnan isneginf isposinf isreal isrealobj isscalar iterable lcm left_shift less
        less_equal lexsort logical_and logical_not logical_or logical_xor may_share_memory nanargmax
        nanargmin ndim nonzero not_equal packbits ravel_multi_index result_type right_shift
        searchsorted shape shares_memory signbit size spacing tril_indices_from triu_indices_from
        unpackbits unravel_index
    """,
}

_LINALG = {
    "differentiable": """
        cholesky cond cross det diagonal eig eigh eigvals eigvalsh inv lstsq matmul matrix_norm
        matrix_power matrix_transpose multi_dot norm outer pinv qr slogdet solve svd svdvals
        tensordot tensorinv tensorsolve trace vecdot vector_norm
    """,
    "plain": "matrix_rank",
}

_FFT = {
    "differentiable": """
        fft fft2 fftn fftshift hfft ifft ifft2 ifftn ifftshift ihfft irfft irfft2 irfftn rfft rfft2
        rfftn
    """
}

_EMATH = {"differentiable": "arccos arcsin arctanh log log10 log2 logn power sqrt"}

# Those that count as functions with a derivative.
CARRYING = ("differentiable", "constant", "built", "changed")
WITHOUT = ("none", "other")

_NO_DERIVATIVE = {
    ("numpy", "nextafter"): "steps between neighbouring floating-point numbers",
    ("numpy", "isnat"): "is for dates",
    ("numpy", "min_scalar_type"): "asks for the smallest type that holds a number; use x.numpy()",
    ("numpy", "asmatrix bmat"): "the class matrix is not differentiated; use arrays of two axes",
    ("numpy", "save savetxt savez savez_compressed"): "writes a file; save x.numpy()",
    ("numpy", "frombuffer"): "makes plain arrays",
    ("numpy", "typename mintypecode"): "takes the name of a type",
}

_WITHOUT_NUMBERS = {
    "numpy": {
        "makes integers": "diag_indices indices mask_indices tril_indices triu_indices",
        "makes an array of a given length": "bartlett blackman hamming hanning",
        "text and dates": """
            base_repr binary_repr busday_count busday_offset datetime_as_string datetime_data
            format_float_positional format_float_scientific is_busday
        """,
        "reads files or memory": "fromfile fromregex fromstring genfromtxt load loadtxt",
        "a function of a function": "frompyfunc nested_iters",
        "types": "broadcast_shapes isdtype issubdtype promote_types",
        "NumPy's own settings and information": """
            get_include get_printoptions getbufsize geterr geterrcall info printoptions
            set_printoptions setbufsize seterr seterrcall show_config show_runtime test
        """,
        "an old name of another function": "in1d row_stack trapz",
    },
    "numpy.linalg": {"NumPy's own settings and information": "test"},
    "numpy.fft": {
        "makes an array of a given length": "fftfreq rfftfreq",
        "NumPy's own settings and information": "test",
    },
}


_MODULES = {"numpy": _NUMPY, "numpy.linalg": _LINALG, "numpy.fft": _FFT, "numpy.emath": _EMATH}


def _rows() -> list[Row]:
    rows = []
    for module, kinds in _MODULES.items():
        for kind, names in kinds.items():
            rows += [Row(module, name, kind, "") for name in names.split()]
    for (module, names), reason in _NO_DERIVATIVE.items():
        rows += [Row(module, name, "none", reason) for name in names.split()]
    for module, groups in _WITHOUT_NUMBERS.items():
        for reason, names in groups.items():
            rows += [Row(module, name, "other", reason) for name in names.split()]
    return sorted(rows)


COVERAGE: list[Row] = _rows()


# --- the page -------------------------------------------------------------------------------------

HEAD = """# NumPy's functions

Generated from `tests/numpy_coverage.py` by `make docs`; do not edit.

Every public function of `numpy`, `numpy.linalg`, `numpy.fft` and `numpy.emath`, and what happens
when it is called on an array that is being differentiated. `np.f(x)` and `cdiff.numpy.f(x)` are the
same, except for what NumPy gives no library a say in: functions that make arrays from numbers,
`np.r_`, `np.c_`, `np.ndenumerate` and `np.vectorize`, which therefore have to be called as
`cdiff.numpy`'s. What has nothing to do with derivatives (`cdiff.numpy.mgrid`, `loadtxt`, `ndarray`,
...) is NumPy's own.

Methods of ufuncs (`np.add.outer`, `np.maximum.accumulate`, `np.subtract.at`, ...) and
`sliding_window_view` are differentiated too, and `cdiff.numpy.random` draws samples that are
differentiated by the parameters of normal, uniform, exponential, lognormal, Laplace, logistic,
Gumbel, Rayleigh, Weibull, Pareto, power and triangular distributions (the numbers are NumPy's), by
the scale of gamma ones, and by mean and covariance of `multivariate_normal` with
`method="cholesky"`; `choice`, `permutation`, `permuted` and `shuffle` of an `Array` keep the
derivatives of its elements. All other parameters raise an error where they are tracked. A compiled
function draws when it is recorded, and not again. `cdiff.numpy.polynomial` has the
classes (`Polynomial`, `Chebyshev`, ...) and functions (`chebval`, `legfit`, ...) of
`numpy.polynomial`, by coefficients, points and domains; `np.polynomial` itself gives no library a
say: its `polyval` and relatives take an `Array` for one number, which makes another result where
coefficients have several axes, and `polyvalfromroots` too. `np.bmat` of an `Array` in no list is
None. `np.nditer` cannot go over an array that is differentiated: iterate over `x.flat`.

{work} functions work. {carrying} of them have the right derivative: {constant} are constant but for
their steps, all others carry it. The other {rest} answer with what has no derivative, or make a
fresh array. {without} raise an error on tracked arrays, or take no numbers.

Of the names below that are differentiable, autograd 1.9.1 has a derivative for 148, and JAX 0.10.2
has functions of its own for 261 (`python -m benchmarks.names`). Each is tested at random
shapes, axes and keyword arguments: values, shapes and dtypes against NumPy's; derivatives of first
and second order in forward and reverse mode, eager, compiled and mapped, against exact ones of the
same calls in numbers of 50 digits (`tests/test_exact_drawn.py`), against differences and against
eager code (`tests/test_numpy_*.py`), complex ones where NumPy takes complex numbers.
What was measured of each, dtype by dtype, stands on [a page of its own](numpy_coverage.md).

`help(cdiff.numpy.f)` says what is particular to the derivative of `f`, and shows one. Classes,
constants and submodules are left out. At points where a function is not smooth, what cdiff
gives stands on the [page of conventions](conventions.md).
"""


def page() -> str:
    """The coverage list as a page of the documentation."""
    counts = {kind: sum([row.kind == kind for row in COVERAGE]) for kind in KINDS}
    carrying = sum([counts[kind] for kind in CARRYING])
    without = sum([counts[kind] for kind in WITHOUT])
    work = len(COVERAGE) - without
    head = HEAD.format(
        work=work, carrying=carrying, constant=counts["constant"], rest=work - carrying,
        without=without,
    )  # fmt: skip
    parts = [head, "\n| | functions | |\n|---|---|---|\n"]
    parts += [f"| {kind} | {counts[kind]} | {meaning} |\n" for kind, meaning in KINDS.items()]
    for kind, meaning in KINDS.items():
        parts.append(f"\n## {kind.capitalize()}\n\nWhat {meaning}.\n")
        if kind in WITHOUT:
            parts += _by_reason(kind)
            continue
        for module in _MODULES:
            names = [f"`{r.name}`" for r in COVERAGE if r.kind == kind and r.module == module]
            if names:
                parts.append(f"\n{module}: {', '.join(names)}\n")
    return "".join(parts)


def _by_reason(kind: str) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for row in COVERAGE:
        if row.kind == kind:
            prefix = row.module.removeprefix("numpy").removeprefix(".")
            name = f"{prefix}.{row.name}" if prefix else row.name
            reasons.setdefault(row.reason, []).append(f"`{name}`")
    lines = [f"| {', '.join(names)} | {reason} |\n" for reason, names in reasons.items()]
    return ["\n| functions | why |\n|---|---|\n", *lines]


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "--docs":
        sys.exit("usage: numpy_coverage.py --docs FILE")
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(page())
