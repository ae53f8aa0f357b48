"""What is differentiated under `cdiff.scipy`, as the page docs/scipy.md: made from the tables and
the modules' own lists, so that it cannot drift (a test compares).

It knows names and rows. To write the page: ``python tests/scipy_coverage.py > docs/scipy.md``.
"""

from __future__ import annotations

from importlib import import_module
from inspect import ismodule

import scipy

from cdiff.scipy import _multivariate, _statistics
from cdiff.scipy._language import OWN, ROWS
from cdiff.scipy._others import OTHERS, reason
from cdiff.scipy._stats_table import CONTINUOUS, DISCRETE

__all__ = ["ANSWERS", "counts", "others", "page"]

# What has no derivative to measure: answers about a matrix, and the class of tracked matrices.
ANSWERS = ("bandwidth", "ishermitian", "issymmetric", "SparseArray")

MODULES = ("linalg", "fft", "signal", "signal.windows", "interpolate", "integrate", "ndimage",
           "spatial.distance", "sparse", "sparse.linalg")  # fmt: skip

HEAD = """# SciPy

<!-- made by python tests/scipy_coverage.py; do not edit -->

`cdiff.scipy` has SciPy's names and signatures (`pip install cdiff-ad[scipy]`). A call with plain
arguments is SciPy's own call; with an `Array` among them the result is differentiated, in forward
and reverse mode, eager and compiled, to any order unless a line says otherwise. Names without a
derivative stand at the end, each with its reason. Asking for a derivative that is not available
raises a `NotImplementedError` that names the argument.

Values are SciPy's. Derivatives by the parameters of the incomplete gamma and beta functions are
integrals, computed to a relative error below 1e-11 (tested against mpmath), those by the order of
Bessel functions contour integrals, to 1e-10 of the modulus, of every order, for `x > 0`. By the
parameters of hypergeometric functions, of `struve`, `wright_bessel`, `chndtr`, Mathieu and
parabolic cylinder functions and polynomials of Jacobi's kind they are differences of order twelve
of SciPy's values, with an error of 1e-9 or less (tested against mpmath where that has them). All
others are expressions in functions of this page, as accurate as these. What was measured of every
name, dtype by dtype, stands on [a page of its own](scipy_coverage.md).

- Where SciPy reads one triangle of a matrix only (`cholesky`, `assume_a="pos"`), the derivative
  by the other triangle is 0.
- `lambertw` of an `Array` is real (branches 0 and -1); SciPy's result is complex.
- `lu` and its relatives take matrices of full rank. Functions of matrices (`expm`, `logm`,
  `sqrtm`, ...) of a real matrix must be real, so give `A.astype(complex)` where they are not.
- `eigh`, `eigvalsh` (all `type`s), `eig` and `eigvals` solve generalised problems by both matrices,
  `eig` with left vectors too, where all eigenvalues are finite and differ. `ldl` and
  `qr` with pivots are differentiated for constant pivots, `pinv` and `lstsq` along changes that
  keep the rank.
- `linalg`, `fft`, `ndimage` and `convolve` with its relatives take complex numbers; other functions
  are for real ones. `linalg` takes stacks where SciPy does.
- `convolve` and `correlate` go over all axes; `lfilter` and `sosfilt` are differentiated by `zi`.
- `filtfilt`, `sosfiltfilt` (method "pad"), `savgol_filter`, `welch` and its relatives (with the
  mean of segments), `freqz`, `convolve2d` and `correlate2d` go by signals and coefficients,
  `resample` without a window; `upfirdn` and `resample_poly` with zeros beyond the ends (or a
  constant level), `decimate` with its own filters.
- Filters of ranks and extrema (`medfilt`, `median_filter`, `maximum_filter`, morphology) have the
  derivative of the element that they choose.
- Statistics of samples pass nan on (`nan_policy="propagate"`); tests of hypotheses are SciPy's own.
- `splrep`, `InterpolatedUnivariateSpline` and `RectBivariateSpline` without smoothing,
  `RBFInterpolator` with all neighbours; `LinearNDInterpolator`, `NearestNDInterpolator` and
  `griddata` by values and queries, not by the points.
- `hankel1`, `hankel2` (also scaled), `wofz` and `sph_harm_y` take real points.
- `ndimage`: orders 0 to 5 and all modes, by the image, the places, `shift`, `matrix`, `offset`,
  `angle`, `weights` and `sigma`. Images of integers give integers, as SciPy's, unless another
  argument is an `Array` of floats: then nothing is rounded.
- Logarithms of probabilities (`logcdf`, `logsf`) keep value and slope where the probability
  underflows or is a difference of larger numbers. Where SciPy integrates a density numerically
  (`genhyperbolic`, `norminvgauss`, `geninvgauss`, `gausshyper`, ...), the probability of an `Array`
  is an integral too, by one fixed rule, to 1e-11. Derivatives by the order of Bessel functions
  take a few tenths of a millisecond a point.
- `ppf` and `isf` are there for all families, by `q` and all shapes: where no inverse function is
  known, with SciPy's value, which is searched for, and the derivatives of the inverse function.
- Distributions with plain parameters (`norm(0.0, 2.0)`) are differentiated by the variable.
- `CubicSpline`, `Akima1DInterpolator`, `PPoly`, `BSpline`, `make_interp_spline` and `interp1d` are
  differentiated by points, values, knots, coefficients and queries, in all their forms;
  `interp1d` of a step by its values only, as it is.
  `RegularGridInterpolator` and `interpn`: all methods but "splinef2d" and the legacy ones. Their
  splines are solved for directly, on plain arrays too, where SciPy's default is an iterative
  solver that stops at three to six digits.
- A sparse matrix of tracked nonzeros is a `SparseArray`, of constant structure, whatever its
  format: with `@`, sums, numbers in front, rows and columns, `kron`, and the solvers. `splu` and
  `factorized` make factors once for all solutions and their derivatives; `cg`, `bicgstab` and
  `gmres` compute derivatives as they compute values, to the same tolerance (give one: SciPy's
  default is five digits), and raise where they do not converge.
"""


METHODS = """`logpdf`, `pdf`, `cdf`, `sf`, `logcdf`, `logsf`, `ppf`, `isf`, `median` and `interval`;
by the variable, `loc`, `scale` and all shapes but those of the third column."""

MULTIVARIATE = (
    """With `logpdf` and `pdf` (or `logpmf` and `pmf`), by points and all real parameters: """
)


STATISTICS = "Of samples, by their elements and all real parameters: "

ABSENT_HEAD = "## Without a derivative"
ABSENT = """All other public names of these modules in SciPy {}, each with its reason; they are
SciPy's own, for plain arguments. With a tracked Array they raise an error that says the same."""


def counts() -> dict[str, int]:
    """How many names each module has that take an `Array`.

    Returns
    -------
    dict
    """
    found = {"special": len(import_module("cdiff.scipy.special").__all__)}
    found["stats"] = len(import_module("cdiff.scipy.stats").__all__)
    for name in MODULES:
        found[name] = len(_names(name))
    return found


def _names(name: str) -> list[str]:
    full = "cdiff.scipy._windows" if name == "signal.windows" else f"cdiff.scipy.{name}"
    names: list[str] = import_module(full).__all__
    return sorted(x for x in names if x not in ("linalg", "windows"))


def _special() -> list[str]:
    special: list[str] = import_module("cdiff.scipy.special").__all__
    lines = ["| function | derivatives by | not by | where |", "|---|---|---|---|"]
    for name in special:
        row = ROWS.get(name)
        if row is None:
            what = "an operator of the core" if name in OWN else "composed"
            lines.append(f"| `{name}` | {what} | | |")
            continue
        shown = [a.rstrip("_") for a in row.args]
        by = [a for a, d in zip(shown, row.d, strict=True) if d is not None]
        rest = [a for a in shown if a not in by]
        call = f"`{name}({', '.join(shown)})`"
        lines.append(f"| {call} | {', '.join(by)} | {', '.join(rest)} | {row.domain} |")
    return lines


def _stats() -> list[str]:
    lines = ["| distribution | shapes | not by |", "|---|---|---|"]
    for name, family in CONTINUOUS.items():
        shapes, constant = ", ".join(family.shapes), ", ".join(family.constant)
        lines.append(f"| `{name}` | {shapes} | {constant} |")
    return lines


def others(name: str) -> dict[str, list[str]]:
    """The public names of one of SciPy's modules that have no derivative here, by reasons.

    Parameters
    ----------
    name : str

    Returns
    -------
    dict of list of str
    """
    module = import_module(f"scipy.{name}")
    known = {"special": import_module("cdiff.scipy.special").__all__,
             "stats": import_module("cdiff.scipy.stats").__all__}  # fmt: skip
    done = known[name] if name in known else _names(name)
    found: dict[str, list[str]] = {}
    for x in sorted({x for x in module.__all__ if x != "test"} - set(done)):
        if not ismodule(getattr(module, x, None)):
            found.setdefault(reason(name, x) or "", []).append(x)
    return found


def _absent() -> list[str]:
    lines = []
    for name in OTHERS:
        found = others(name)
        lines += [f"### {name}: {sum([len(x) for x in found.values()])}", ""]
        for why in [why for why in OTHERS[name] if why in found]:
            listed = ", ".join([f"`{x}`" for x in found[why]])
            lines += [f"- {why[0].upper()}{why[1:]}: {listed}."]
        lines.append("")
    return lines


def page() -> str:
    """The page as Markdown."""
    total = counts()
    listed = ", ".join([f"{n} in `{name}`" for name, n in total.items()])
    discrete = ", ".join([f"`{name}`" for name in DISCRETE])
    but = ", ".join([f"`{name}`" for name in ANSWERS])
    lines = [HEAD, f"{sum(total.values())} names: {listed}. All but {but} carry derivatives.", ""]
    lines += [f"## special: {total['special']} functions", "", *_special(), ""]
    lines += [f"## stats: {total['stats']}", "", METHODS, "", *_stats(), ""]
    lines += [f"Discrete, by the parameters, `logpmf`, `pmf`, most `cdf`: {discrete}.", ""]
    lines += [MULTIVARIATE + ", ".join([f"`{name}`" for name in _multivariate.__all__]) + ".", ""]
    samples = ", ".join([f"`{name}`" for name in _statistics.__all__])
    lines += [STATISTICS + samples + ".", ""]
    for name in MODULES:
        listed = ", ".join([f"`{x}`" for x in _names(name)])
        lines += [f"## {name}: {total[name]}", "", listed + ".", ""]
    version = ".".join(scipy.__version__.split(".")[:2])
    lines += [ABSENT_HEAD, "", ABSENT.format(version), "", *_absent()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
