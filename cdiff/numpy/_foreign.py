"""Where other libraries meet an `Array` that is being differentiated: products with SciPy's sparse
matrices, and what to write instead where a library would drop the derivative.

It knows the code that asks for a plain array by its name only, and no derivative. Nothing here runs
unless a tracked value is about to be made plain, or an operand is of no known type.
"""

from __future__ import annotations

import linecache
import sys
from types import FrameType
from typing import Any

import numpy as np

__all__ = ["sparse_product", "stand_in"]

NITER = "np.nditer cannot go over an Array that is being differentiated: iterate over x.flat"
# By the package that asks: what to write instead.
INSTEAD = {
    "pandas": "a table of pandas takes plain arrays here: write np.dot(table, v) or "
    "table.to_numpy() @ v, and v * column or column * v for elements",
    "scipy.sparse": "SciPy's sparse matrices take plain arrays here: write A @ x or x @ A for "
    "products, A.toarray() * x for elements, and cdiff.scipy.sparse for matrices whose nonzeros "
    "are tracked",
}


def stand_in(tracked: bool) -> Any:
    """What `Array.__array__` gives instead of raising; None where it has to.

    SciPy's sparse matrices leave a product to the other operand if that is no array to NumPy.

    Parameters
    ----------
    tracked : bool
        Whether a derivative would be lost.

    Returns
    -------
    ndarray of no axes, or None

    Raises
    ------
    TypeError
        With what to write, for libraries that are known.
    NotImplementedError
        For np.nditer, which puts a message of its own in the place of a TypeError.
    """
    frame = sys._getframe(1)
    package = frame.f_globals.get("__name__", "")
    if frame.f_code.co_name == "_matmul_dispatch" and package.startswith("scipy.sparse"):
        return np.array(None, dtype=object)
    if not tracked:
        return None
    if "nditer" in frame.f_code.co_names and "nditer(" in _running(frame):
        raise NotImplementedError(NITER)
    for name, instead in INSTEAD.items():
        if package.startswith(f"{name}."):
            raise TypeError(
                f"conversion to a NumPy array of a tracked array would lose its derivative; "
                f"{instead}"
            )
    return None


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


def sparse_product(a: Any, b: Any) -> Any:
    """A product of which one operand is one of SciPy's sparse matrices; NotImplemented else."""
    sparse = sys.modules.get("scipy.sparse")
    if sparse is None or not (sparse.issparse(a) or sparse.issparse(b)):
        return NotImplemented
    from cdiff.scipy.sparse._array import matmul

    return matmul(a, b)
