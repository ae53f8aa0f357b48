"""Where other libraries meet an `Array` that is being differentiated: products with SciPy's sparse
matrices, sums with them, and what to write instead where a library would drop the derivative.

It knows the code that asks for a plain array by its name only, and no derivative. Nothing here runs
unless a tracked value is about to be made plain, or an operand is of no known type.
"""

from __future__ import annotations

import linecache
import sys
from importlib import import_module
from types import FrameType
from typing import Any

import numpy as np

from cdiff import _core

__all__ = ["instead_of", "sparse_product", "sparse_sum", "sparse_times", "stand_in"]

NITER = "np.nditer cannot go over an Array that is being differentiated: iterate over x.flat"
OF_OBJECTIVES = ("__call__", "function_wrapper")  # that make a number of what an objective gives
OF_POPULATIONS = "_calculate_population_energies"  # the same of differential_evolution
OBJECTIVE = (
    "SciPy's minimizers take plain numbers of an objective, and this one gives a tracked one, "
    "whose derivative would be lost: call cdiff.optimize.minimize instead"
)
# By the package that asks: what to write instead.
INSTEAD = {
    "numpy.ma": "masked arrays hold no derivatives: use np.where, or np.nansum and the like",
    "pandas": "a table of pandas takes plain arrays here: write np.dot(table, v) or "
    "table.to_numpy() @ v, and v * column or column * v for elements",
    "scipy.sparse": "SciPy's sparse matrices take plain arrays here: write A @ x or x @ A for "
    "products, A * x or A / x for a number x, csr_array(A) * x or A.toarray() * x for elements, "
    "and cdiff.scipy.sparse for matrices whose nonzeros are tracked",
}
# Of SciPy's sparse matrices: what asks for a plain array, and the operators that it asks for.
OPERATORS = {
    "_multiply_2d_with_broadcasting": ("__mul__", "__rmul__"),
    "_divide": ("__truediv__",),
}
ASSIGNING = {"fill_diagonal"}  # into a plain array
CLASSES = {"RClass": "r_", "CClass": "c_"}
NO_COUNTERPART = (
    "SciPy's own functions take plain arrays: cdiff.scipy, cdiff.optimize and cdiff.integrate have "
    "those with derivatives, and a.numpy() drops the derivative"
)


def stand_in(x: _core.Array, tracked: bool) -> Any:
    """What `Array.__array__` gives instead of raising; None where it has to.

    SciPy's sparse matrices leave products and quotients to the other operand if that is no array
    to NumPy. The assertions of numpy.testing go by values, and give nothing back.

    Parameters
    ----------
    x : Array
    tracked : bool
        Whether a derivative would be lost.

    Returns
    -------
    ndarray, or None

    Raises
    ------
    NotImplementedError
        For np.nditer and SciPy's minimizers, which put a message of their own in the place of a
        TypeError.
    """
    frame = sys._getframe(1)
    package = frame.f_globals.get("__name__", "")
    if package.startswith("scipy.sparse") and _of_operator(frame, tracked):
        return np.array(None, dtype=object)
    if not tracked:
        return None
    if package.startswith("numpy.testing."):
        return x.numpy()
    if "nditer" in frame.f_code.co_names and "nditer(" in _running(frame):
        raise NotImplementedError(NITER)
    code = frame.f_code
    if package.startswith("scipy.") and code.co_name in OF_OBJECTIVES and "item" in code.co_names:
        raise NotImplementedError(OBJECTIVE)
    calls = _calls(frame)
    if calls and calls[-1].f_code.co_name == OF_POPULATIONS:
        raise NotImplementedError(OBJECTIVE)
    return None


def _of_operator(frame: FrameType, tracked: bool) -> bool:
    """Whether a sparse matrix asks for its operator, which Python then leaves to the Array; what
    asks for a method would hand on that there is no result."""
    name = frame.f_code.co_name
    if not tracked or name == "_matmul_dispatch":
        return name == "_matmul_dispatch"
    operators = OPERATORS.get(name, ())
    while operators and frame.f_back and _library(frame.f_back) == "scipy":
        frame = frame.f_back
    return frame.f_code.co_name in operators


def instead_of(usual: str) -> str:
    """What to write instead of the code that is about to lose a derivative.

    Parameters
    ----------
    usual : str
        For code of the user's own.

    Returns
    -------
    str
    """
    frame = sys._getframe(1)
    package = frame.f_globals.get("__name__", "")
    for name, instead in INSTEAD.items():
        if f"{package}.".startswith(f"{name}."):
            return instead
    calls = _calls(frame)
    for call in calls:
        if found := _counterpart(call):
            return f"the libraries' own functions take plain arrays: call {found} instead"
    if not calls and ("random" in frame.f_code.co_names or _draws(frame)):  # without frames
        usual += "; samples of cdiff.numpy.random have derivatives by their parameters"
    return NO_COUNTERPART if calls and _library(calls[0]) == "scipy" else usual


def _library(frame: FrameType) -> str:
    package: str = frame.f_globals.get("__name__", "")
    return package.partition(".")[0]


def _calls(frame: FrameType | None) -> list[FrameType]:
    """The calls inside SciPy, or inside NumPy, that lead here from the user's code, from there."""
    calls = []
    while frame is not None and _library(frame) in ("numpy", "scipy"):
        calls.append(frame)
        frame = frame.f_back
    return [x for x in calls if _library(x) == "scipy"][::-1] or calls[::-1]


def _counterpart(call: FrameType) -> str | None:
    """The public name here of what a call inside a library is, if there is one."""
    name, owner = call.f_code.co_name, call.f_locals.get("self")
    family = getattr(getattr(owner, "dist", owner), "name", None)  # of a distribution
    if owner is not None:
        name = family if isinstance(family, str) else type(owner).__name__
    name, module = CLASSES.get(name, name), call.f_globals["__name__"]
    if name == "wrapper" and hasattr(wrapped := call.f_locals.get("f"), "__module__"):
        name, module = getattr(wrapped, "__name__", name), wrapped.__module__
    library, *parts = module.split(".")
    homes = [f"cdiff.{library}.{'.'.join(parts[:k])}" for k in (2, 1)]
    if library == "numpy" and parts[0] in ("lib", "_core"):
        homes = ["cdiff.numpy"]
    elif library == "scipy":
        homes.append(f"cdiff.{parts[0]}")
    for home in homes:
        try:
            own = import_module(home)
        except ImportError:
            continue
        if name not in dir(own) or name.startswith("_") or name in ASSIGNING:
            continue
        if getattr(own, name) is not getattr(np, name, None):  # as what has no derivatives is
            return f"{home}.{name}"
    return None


def _draws(frame: FrameType) -> bool:
    """Whether a method is called that is one of NumPy's generators by its name."""
    name = _running(frame).partition("(")[0].rpartition(".")[2]
    return name in dir(import_module("numpy.random").Generator)


def _running(frame: FrameType) -> str:
    """The source of the call that a frame is in; "" where that is not known."""
    positions = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    first, last, start, stop = positions
    if first is None or last is None:
        return ""
    lines = [linecache.getline(frame.f_code.co_filename, k) for k in range(first, last + 1)]
    if first == last:
        return lines[0].encode()[start:stop].decode(errors="replace")
    return "".join(lines)


def sparse_sum(a: Any, b: Any, minus: bool) -> Any:
    """A sum or difference of a sparse matrix of SciPy and an Array, which is dense.

    Parameters
    ----------
    a, b : Array, and anything else
    minus : bool
        Whether `b` is subtracted.

    Returns
    -------
    Array, or NotImplemented if neither is sparse

    Raises
    ------
    NotImplementedError
        If the other one is a number.
    """
    sparse = sys.modules.get("scipy.sparse")
    if sparse is None or not (sparse.issparse(a) or sparse.issparse(b)):
        return NotImplemented
    if not (a.ndim and b.ndim):
        raise NotImplementedError(
            "adding a number to a sparse matrix makes it dense; write A.toarray() + x"
        )
    dense = [x.toarray() if sparse.issparse(x) else x for x in (a, b)]
    return dense[0] - dense[1] if minus else dense[0] + dense[1]


def sparse_product(a: Any, b: Any) -> Any:
    """A product of which one operand is one of SciPy's sparse matrices; NotImplemented else."""
    sparse = sys.modules.get("scipy.sparse")
    if sparse is None or not (sparse.issparse(a) or sparse.issparse(b)):
        return NotImplemented
    from cdiff.scipy.sparse._array import matmul

    return matmul(a, b)


def sparse_times(a: Any, b: Any, divided: bool) -> Any:
    """A sparse matrix of SciPy times a number or divided by it, or by each element of an array, or
    a product of one whose operator `*` is that of matrices.

    Parameters
    ----------
    a, b : Array, and anything else
    divided : bool
        Whether `a` is divided by `b`.

    Returns
    -------
    SparseArray, sparse matrix, Array, or NotImplemented
    """
    sparse = sys.modules.get("scipy.sparse")
    if sparse is None or not (sparse.issparse(a) or (sparse.issparse(b) and not divided)):
        return NotImplemented
    matrix, x = (a, b) if sparse.issparse(a) else (b, a)
    if not _core.is_tracked(x):
        if x.ndim:
            return NotImplemented
        x = np.asarray(x)[()]
    elif x.ndim and isinstance(matrix, sparse.spmatrix) and not divided:
        return sparse_product(a, b)
    else:
        from cdiff.scipy.sparse._array import as_sparse

        matrix = as_sparse(matrix, "sparse product")
    return matrix / x if divided else matrix * x
