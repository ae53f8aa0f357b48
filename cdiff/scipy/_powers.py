"""`scipy.linalg`'s functions of square matrices: the exponential, logarithm, roots and powers.

Each is one operator, whose value SciPy computes; names and signatures are SciPy's. This file must
not know how their derivatives come about (`_matrix.py`), sweeps or programs.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

from cdiff._core import Array, call
from cdiff._face import misfit
from cdiff.scipy._matrix import MatrixFunction
from cdiff.scipy._mirror import in_double, mirror_of
from cdiff.scipy._need import scipy_module
from cdiff.scipy._structure import check_method, promoted, square_of

__all__: list[str] = []
_mirrors = mirror_of(scipy_module("linalg"), __all__)


def _matrix_function(name: str, slope: float) -> Any:
    """A function of that name; `slope` is what its example shows."""
    operator = MatrixFunction(name)

    def function(A: Any) -> Array:
        return call(operator, [square_of(A, name)])

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"As `scipy.linalg.{name}(A)`; a real matrix must have a real result.\n\n"
        f">>> round(cd.grad(lambda t: csl.{name}([[t]])[0, 0])(0.5), 4) + 0.0\n{slope}"
    )
    return _mirrors(in_double(function) if name == "logm" else function)


expm = _matrix_function("expm", 1.6487)
logm = _matrix_function("logm", 2.0)
sqrtm = _matrix_function("sqrtm", 0.7071)
cosm = _matrix_function("cosm", -0.4794)
sinm = _matrix_function("sinm", 0.8776)
tanm = _matrix_function("tanm", 1.2984)
coshm = _matrix_function("coshm", 0.5211)
sinhm = _matrix_function("sinhm", 1.1276)
tanhm = _matrix_function("tanhm", 0.7864)
signm = _matrix_function("signm", 0.0)


@_mirrors
@in_double
def fractional_matrix_power(A: Any, t: float) -> Array:
    """As `scipy.linalg.fractional_matrix_power`, by A; a tracked t goes through expm and logm.

    >>> round(cd.grad(lambda t: csl.fractional_matrix_power([[t]], 0.5)[0, 0])(4.0), 6)
    0.25
    """
    A = square_of(A, "fractional_matrix_power")
    if isinstance(t, Array):
        return expm(t * logm(A))
    return call(MatrixFunction("fractional_matrix_power", t), [A])


@_mirrors
@in_double
def expm_frechet(
    A: Any, E: Any, method: str | None = None, compute_expm: bool = True, check_finite: bool = True
) -> Any:
    """As `scipy.linalg.expm_frechet`: expm(A) and its derivative along E, by both matrices.

    >>> cd.grad(lambda e: csl.expm_frechet(np.zeros((1, 1)), e)[1].sum())(np.ones((1, 1)))
    array([[1.]])
    """
    check_method("expm_frechet", method, "SPS", "blockEnlarge")
    A, E = promoted(square_of(A, "expm_frechet"), square_of(E, "expm_frechet"))
    if A.shape != E.shape:
        raise misfit(f"expm_frechet: shapes {A.shape} and {E.shape} differ")
    along = MatrixFunction("expm").along(A, E)
    return (expm(A), along) if compute_expm else along
