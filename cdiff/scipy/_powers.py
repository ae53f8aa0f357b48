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
from cdiff.scipy._mirror import mirror_of
from cdiff.scipy._need import scipy_module
from cdiff.scipy._structure import check_method, promoted, square_of

__all__: list[str] = []
_mirrors = mirror_of(scipy_module("linalg"), __all__)


def _matrix_function(name: str) -> Any:
    operator = MatrixFunction(name)

    def function(A: Any) -> Array:
        return call(operator, [square_of(A, name)])

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"As `scipy.linalg.{name}(A)`; a real matrix must have a real result."
    return _mirrors(function)


expm = _matrix_function("expm")
logm = _matrix_function("logm")
sqrtm = _matrix_function("sqrtm")
cosm = _matrix_function("cosm")
sinm = _matrix_function("sinm")
tanm = _matrix_function("tanm")
coshm = _matrix_function("coshm")
sinhm = _matrix_function("sinhm")
tanhm = _matrix_function("tanhm")
signm = _matrix_function("signm")


@_mirrors
def fractional_matrix_power(A: Any, t: float) -> Array:
    """As `scipy.linalg.fractional_matrix_power`, by A; a tracked t goes through expm and logm."""
    A = square_of(A, "fractional_matrix_power")
    if isinstance(t, Array):
        return expm(t * logm(A))
    return call(MatrixFunction("fractional_matrix_power", t), [A])


@_mirrors
def expm_frechet(
    A: Any, E: Any, method: str | None = None, compute_expm: bool = True, check_finite: bool = True
) -> Any:
    """As `scipy.linalg.expm_frechet`, by both matrices."""
    check_method("expm_frechet", method, "SPS", "blockEnlarge")
    A, E = promoted(square_of(A, "expm_frechet"), square_of(E, "expm_frechet"))
    if A.shape != E.shape:
        raise misfit(f"expm_frechet: shapes {A.shape} and {E.shape} differ")
    along = MatrixFunction("expm").along(A, E)
    return (expm(A), along) if compute_expm else along
