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

all = on_values(np.all, "all(x)", "np.True_")
allclose = on_values(np.allclose, "allclose(x, x)", "True")
any = on_values(np.any, "any(x > 2.0)", "np.True_")
argmax = on_values(np.argmax, "argmax(x)", "np.int64(0)")
argmin = on_values(np.argmin, "argmin(x)", "np.int64(1)")
argpartition = on_values(np.argpartition, "argpartition(x, 0)[0]", "np.int64(1)")
argsort = on_values(np.argsort, "argsort(x)", "array([1, 2, 0])")
argwhere = on_values(np.argwhere, "argwhere(x > 2.0)", "array([[0]])")
array2string = on_values(np.array2string, "array2string(x)", "'[3. 1. 2.]'")
array_equal = on_values(np.array_equal, "array_equal(x, x)", "True")
array_equiv = on_values(np.array_equiv, "array_equiv(x, [x, x])", "True")
array_repr = on_values(np.array_repr, "array_repr(x)", "'array([3., 1., 2.])'")
array_str = on_values(np.array_str, "array_str(x)", "'[3. 1. 2.]'")
bitwise_and = on_values(
    np.bitwise_and, "bitwise_and(x > 1.0, x > 2.0)", "array([ True, False, False])"
)
bitwise_count = on_values(np.bitwise_count, "bitwise_count(6)", "np.uint8(2)")
bitwise_or = on_values(
    np.bitwise_or, "bitwise_or(x > 2.0, x < 2.0)", "array([ True,  True, False])"
)
bitwise_xor = on_values(
    np.bitwise_xor, "bitwise_xor(x > 1.0, x > 2.0)", "array([False, False,  True])"
)
can_cast = on_values(np.can_cast, "can_cast(x.dtype, int)", "False")
common_type = on_forms(np.common_type, "common_type(x)", "<class 'numpy.float64'>")
count_nonzero = on_values(np.count_nonzero, "count_nonzero(x > 1.0, axis=0)", "np.int64(2)")
diag_indices_from = on_forms(
    np.diag_indices_from, "diag_indices_from(cd.array([[1.0]]))", "(array([0]), array([0]))"
)
digitize = on_values(np.digitize, "digitize(x, [0.0, 2.0])", "array([2, 1, 2])")
einsum_path = on_forms(np.einsum_path, 'einsum_path("i,i->", x, x)[0]', "['einsum_path', (0, 1)]")
flatnonzero = on_values(np.flatnonzero, "flatnonzero(x > 1.0)", "array([0, 2])")
gcd = on_values(np.gcd, "gcd(6, 4)", "np.int64(2)")
invert = on_values(np.invert, "invert(x > 1.0)", "array([False,  True, False])")
isclose = on_values(np.isclose, "isclose(x, 3.0)", "array([ True, False, False])")
iscomplex = on_values(np.iscomplex, "iscomplex(x)", "array([False, False, False])")
iscomplexobj = on_forms(np.iscomplexobj, "iscomplexobj(x)", "False")
isin = on_values(np.isin, "isin(x, [1.0])", "array([False,  True, False])")
isneginf = on_values(np.isneginf, "isneginf(x)", "array([False, False, False])")
isposinf = on_values(np.isposinf, "isposinf(x)", "array([False, False, False])")
isreal = on_values(np.isreal, "isreal(x)", "array([ True,  True,  True])")
isrealobj = on_forms(np.isrealobj, "isrealobj(x)", "True")
isscalar = on_forms(np.isscalar, "isscalar(x)", "False")
lcm = on_values(np.lcm, "lcm(6, 4)", "np.int64(12)")
left_shift = on_values(np.left_shift, "left_shift(1, 3)", "np.int64(8)")
lexsort = on_values(np.lexsort, "lexsort([x])", "array([1, 2, 0])")
logical_and = on_values(
    np.logical_and, "logical_and(x > 1.0, x < 3.0)", "array([False, False,  True])"
)
logical_not = on_values(np.logical_not, "logical_not(x > 1.0)", "array([False,  True, False])")
logical_or = on_values(
    np.logical_or, "logical_or(x > 2.0, x < 2.0)", "array([ True,  True, False])"
)
logical_xor = on_values(
    np.logical_xor, "logical_xor(x > 1.0, x > 2.0)", "array([False, False,  True])"
)
may_share_memory = on_values(np.may_share_memory, "may_share_memory(x, x)", "True")
nanargmax = on_values(np.nanargmax, "nanargmax(x)", "np.int64(0)")
nanargmin = on_values(np.nanargmin, "nanargmin(x)", "np.int64(1)")
ndim = on_forms(np.ndim, "ndim(x)", "1")
nonzero = on_values(np.nonzero, "nonzero(x > 1.0)", "(array([0, 2]),)")
packbits = on_values(np.packbits, "packbits(x > 1.0)", "array([160], dtype=uint8)")
ravel_multi_index = on_values(
    np.ravel_multi_index, "ravel_multi_index((1, 2), (3, 4))", "np.int64(6)"
)
result_type = on_values(np.result_type, "result_type(x, np.float32)", "dtype('float64')")
right_shift = on_values(np.right_shift, "right_shift(8, 3)", "np.int64(1)")
searchsorted = on_values(np.searchsorted, "searchsorted([0.0, 2.5], x)", "array([2, 1, 1])")
shape = on_forms(np.shape, "shape(x)", "(3,)")
shares_memory = on_values(np.shares_memory, "shares_memory(x, x)", "True")
size = on_forms(np.size, "size(x)", "3")
spacing = on_values(np.spacing, "spacing(cd.array([1.0])) == 2.0**-52", "array([ True])")
tril_indices_from = on_forms(
    np.tril_indices_from, "tril_indices_from(cd.array([[1.0]]))", "(array([0]), array([0]))"
)
triu_indices_from = on_forms(
    np.triu_indices_from, "triu_indices_from(cd.array([[1.0]]))", "(array([0]), array([0]))"
)
unpackbits = on_values(
    np.unpackbits, "unpackbits(np.uint8([160]))", "array([1, 0, 1, 0, 0, 0, 0, 0], dtype=uint8)"
)
unravel_index = on_values(
    np.unravel_index, "unravel_index(5, (2, 3))", "(np.int64(1), np.int64(2))"
)

# NumPy's other names for the same functions.
bitwise_invert = invert
bitwise_left_shift = left_shift
bitwise_not = invert
bitwise_right_shift = right_shift


@handles(np.nextafter)
def nextafter(x1: Any, x2: Any, /, out: Any = None, **kwargs: Any) -> Any:
    """As `numpy.nextafter`: the next floating-point number, for values without a derivative.

    >>> float(cnp.nextafter(cd.array(1.0), 2.0)) - 1.0
    2.220446049250313e-16
    """
    if is_tracked(x1) or is_tracked(x2):
        raise TypeError(
            "nextafter steps between neighbouring floating-point numbers and has no derivative; "
            "write x.detach() if it may be dropped"
        )
    return np.nextafter(plain(x1), plain(x2), out=out, **kwargs)


like_ufunc(nextafter, np.nextafter)


@handles(np.isfortran)
def isfortran(a: Any) -> bool:
    """As `numpy.isfortran`; of how the values lie in memory, so they have to be there.

    >>> cnp.isfortran(cd.array([1.0]))
    False
    """
    return np.isfortran(peek(a))
