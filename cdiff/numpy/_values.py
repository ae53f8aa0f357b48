"""NumPy functions whose results carry no derivative, called on values.

Their answers are booleans, integers, shapes, dtypes or text, so there is no derivative to lose and
they come back as plain NumPy. The file is a list; how values are taken is in `_common.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cdiff._core import is_tracked, peek
from cdiff.numpy._common import handles, like_ufunc, on_forms, on_values, plain

__all__ = [
    "all", "allclose", "any", "argmax", "argmin", "argpartition", "argsort", "argwhere",
    "array2string", "array_equal", "array_equiv", "array_repr", "array_str", "bitwise_and",
    "bitwise_count", "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "can_cast", "common_type", "count_nonzero",
    "diag_indices_from", "digitize", "einsum_path", "flatnonzero", "gcd", "invert", "isclose",
    "iscomplex", "iscomplexobj", "isfortran", "isin", "isneginf", "isposinf", "isreal",
    "isrealobj", "isscalar", "lcm", "left_shift", "lexsort", "logical_and", "logical_not",
    "logical_or", "logical_xor", "may_share_memory", "nanargmax", "nanargmin", "ndim",
    "nextafter", "nonzero", "packbits",
    "ravel_multi_index", "result_type", "right_shift", "searchsorted", "shape", "shares_memory",
    "size", "spacing", "tril_indices_from", "triu_indices_from", "unpackbits", "unravel_index",
]  # fmt: skip

all = on_values(np.all)
allclose = on_values(np.allclose)
any = on_values(np.any)
argmax = on_values(np.argmax)
argmin = on_values(np.argmin)
argpartition = on_values(np.argpartition)
argsort = on_values(np.argsort)
argwhere = on_values(np.argwhere)
array2string = on_values(np.array2string)
array_equal = on_values(np.array_equal)
array_equiv = on_values(np.array_equiv)
array_repr = on_values(np.array_repr)
array_str = on_values(np.array_str)
bitwise_and = on_values(np.bitwise_and)
bitwise_count = on_values(np.bitwise_count)
bitwise_or = on_values(np.bitwise_or)
bitwise_xor = on_values(np.bitwise_xor)
can_cast = on_values(np.can_cast)
common_type = on_forms(np.common_type)
count_nonzero = on_values(np.count_nonzero)
diag_indices_from = on_forms(np.diag_indices_from)
digitize = on_values(np.digitize)
einsum_path = on_forms(np.einsum_path)
flatnonzero = on_values(np.flatnonzero)
gcd = on_values(np.gcd)
invert = on_values(np.invert)
isclose = on_values(np.isclose)
iscomplex = on_values(np.iscomplex)
iscomplexobj = on_forms(np.iscomplexobj)
isin = on_values(np.isin)
isneginf = on_values(np.isneginf)
isposinf = on_values(np.isposinf)
isreal = on_values(np.isreal)
isrealobj = on_forms(np.isrealobj)
isscalar = on_forms(np.isscalar)
lcm = on_values(np.lcm)
left_shift = on_values(np.left_shift)
lexsort = on_values(np.lexsort)
logical_and = on_values(np.logical_and)
logical_not = on_values(np.logical_not)
logical_or = on_values(np.logical_or)
logical_xor = on_values(np.logical_xor)
may_share_memory = on_values(np.may_share_memory)
nanargmax = on_values(np.nanargmax)
nanargmin = on_values(np.nanargmin)
ndim = on_forms(np.ndim)
nonzero = on_values(np.nonzero)
packbits = on_values(np.packbits)
ravel_multi_index = on_values(np.ravel_multi_index)
result_type = on_values(np.result_type)
right_shift = on_values(np.right_shift)
searchsorted = on_values(np.searchsorted)
shape = on_forms(np.shape)
shares_memory = on_values(np.shares_memory)
size = on_forms(np.size)
spacing = on_values(np.spacing)
tril_indices_from = on_forms(np.tril_indices_from)
triu_indices_from = on_forms(np.triu_indices_from)
unpackbits = on_values(np.unpackbits)
unravel_index = on_values(np.unravel_index)

# NumPy's other names for the same functions.
bitwise_invert = invert
bitwise_left_shift = left_shift
bitwise_not = invert
bitwise_right_shift = right_shift


@handles(np.nextafter)
def nextafter(x1: Any, x2: Any, /, out: Any = None, **kwargs: Any) -> Any:
    """As `numpy.nextafter`, for values without a derivative."""
    if is_tracked(x1) or is_tracked(x2):
        raise TypeError(
            "nextafter steps between neighbouring floating-point numbers and has no derivative; "
            "write x.detach() if it may be dropped"
        )
    return np.nextafter(plain(x1), plain(x2), out=out, **kwargs)


like_ufunc(nextafter, np.nextafter)


@handles(np.isfortran)
def isfortran(a: Any) -> bool:
    """As `numpy.isfortran`; of how the values lie in memory, so they have to be there."""
    return np.isfortran(peek(a))
