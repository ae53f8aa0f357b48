"""Products of vectors, matrices and higher arrays.

All of them become the core's `matmul` (or an elementwise product where nothing is summed) between
reshapes and transposes, so they run at the speed of BLAS and their derivatives are matmuls again.
einsum has a file of its own. This file must not know how a product is differentiated.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import math
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array
from cdiff._face import misfit
from cdiff.numpy._common import (
    NUMPY,
    ArrayLike,
    as_array,
    axis_of,
    handles,
    mirrors,
    shortcut,
    store,
)
from cdiff.numpy._gufuncs import of_ufunc
from cdiff.numpy._index import diagonal

__all__ = [
    "cross", "dot", "inner", "kron", "matmul", "matvec", "outer", "tensordot", "trace", "vdot",
    "vecdot", "vecmat",
]  # fmt: skip


@shortcut(_core.matmul, 2, "any")
@of_ufunc(np.matmul)
def matmul(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """As `numpy.matmul`: products of matrices, of stacks of them, and with vectors.

    >>> cd.grad(lambda x: cnp.matmul(x, x))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    return _core.matmul(x1, x2)


@handles(np.dot)
def dot(a: ArrayLike, b: ArrayLike, out: Any = None) -> Array:
    """As `numpy.dot`: sums of products over the last axis and the last but one.

    >>> cd.grad(lambda x: cnp.dot(x, x))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    if type(a) is not Array or type(b) is not Array:
        if not any_array(a, b, out):
            return NUMPY.dot(a, b, out)
        a, b = as_array(a), as_array(b)
    a_ndim, b_ndim = a.ndim, b.ndim
    if not a_ndim or not b_ndim:
        result = a * b
    elif b_ndim == 1 or (a_ndim <= 2 and b_ndim == 2):
        result = _core.matmul(a, b)
    else:
        result = tensordot(a, b, ((-1,), (-2,)))
    return result if out is None else store(out, result, "dot")


@mirrors(np.vdot)
def vdot(a: ArrayLike, b: ArrayLike, /) -> Array:
    """As `numpy.vdot`: the flat operands' product, the first one conjugate.

    >>> cd.grad(lambda x: cnp.vdot(x, x))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    a, b = as_array(a), as_array(b)
    return _core.matmul(_core.conj(_core.reshape(a, (a.size,))), _core.reshape(b, (b.size,)))


@mirrors(np.inner)
def inner(a: ArrayLike, b: ArrayLike, /) -> Array:
    """As `numpy.inner`: sums of products over the last axes.

    >>> cd.grad(lambda x: cnp.inner(x, x))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    a, b = as_array(a), as_array(b)
    if not a.ndim or not b.ndim:
        return a * b
    if b.ndim == 1:
        return _core.matmul(a, b)
    return tensordot(a, b, ((-1,), (-1,)))


@mirrors(np.outer)
def outer(a: ArrayLike, b: ArrayLike, out: Any = None) -> Array:
    """As `numpy.outer`: all products of the elements of two vectors.

    >>> cd.grad(lambda x: cnp.outer(x, x).sum())(np.array([1.0, 2.0]))
    array([6., 6.])
    """
    a, b = as_array(a), as_array(b)
    result = _core.reshape(a, (a.size, 1)) * _core.reshape(b, (1, b.size))
    return result if out is None else store(out, result, "outer")


@of_ufunc(np.vecdot)
def vecdot(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """As `numpy.vecdot`: sums of products along an axis, the first operand conjugate.

    >>> cd.grad(lambda x: cnp.vecdot(x, x))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    a, b = as_array(x1), as_array(x2)
    if not (a.ndim and b.ndim) or a.shape[-1] != b.shape[-1]:
        raise misfit(f"vecdot: shapes {a.shape} and {b.shape} do not fit")
    product = _core.conj(a) * b
    total = _core.sum(product, (axis_of(product, -1, "vecdot"),), False)
    # Unlike a sum, a product of small integers stays as small as they are.
    return total if total.dtype == product.dtype else _core.cast(total, product.dtype)


handles(np.linalg.vecdot)(vecdot)


@of_ufunc(getattr(np, "matvec", None))
def matvec(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """As `numpy.matvec`: stacks of matrices times stacks of vectors.

    >>> cd.grad(lambda x: cnp.matvec(np.eye(2), x)[1])(np.array([1.0, 2.0]))
    array([0., 1.])
    """
    a, v = as_array(x1), as_array(x2)
    if a.ndim < 2 or not v.ndim or a.shape[-1] != v.shape[-1]:
        raise misfit(f"matvec: shapes {a.shape} and {v.shape} do not fit")
    product = _core.matmul(a, _core.reshape(v, (*v.shape, 1)))
    return _core.reshape(product, product.shape[:-1])


@of_ufunc(getattr(np, "vecmat", None))
def vecmat(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """As `numpy.vecmat`: stacks of vectors times stacks of matrices.

    >>> cd.grad(lambda x: cnp.vecmat(x, np.eye(2))[1])(np.array([1.0, 2.0]))
    array([0., 1.])
    """
    v, a = as_array(x1), as_array(x2)
    if a.ndim < 2 or not v.ndim or a.shape[-2] != v.shape[-1]:
        raise misfit(f"vecmat: shapes {v.shape} and {a.shape} do not fit")
    product = _core.matmul(_core.reshape(_core.conj(v), (*v.shape[:-1], 1, v.shape[-1])), a)
    return _core.reshape(product, product.shape[:-2] + product.shape[-1:])


@mirrors(np.cross)
def cross(
    a: ArrayLike,
    b: ArrayLike,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Array:
    """As `numpy.cross`: the vector product, of vectors of three numbers (or two, while NumPy takes
    them).

    >>> cd.grad(lambda x: cnp.cross(x, [0.0, 1.0, 0.0])[2])(np.ones(3))
    array([1., 0., 0.])
    """
    if axis is not None:
        axisa, axisb, axisc = (axis,) * 3
    a, b = as_array(a), as_array(b)
    a = _axis_last(a, axis_of(a, axisa, "cross"))
    b = _axis_last(b, axis_of(b, axisb, "cross"))
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise misfit(f"cross: incompatible dimensions for cross product: {a.shape}, {b.shape} "
                         "(dimension must be 2 or 3)")  # fmt: skip
    p: list[Any]
    q: list[Any]
    p, q = ([_core.index(x, (..., k)) for k in range(x.shape[-1])] for x in (a, b))
    last = p[0] * q[1] - p[1] * q[0]
    if len(p) == len(q) == 2:
        return last
    zero: Any = np.zeros((), last.dtype)
    (p0, p1, p2), (q0, q1, q2) = [*p, zero][:3], [*q, zero][:3]
    parts = [_core.reshape(x, (*x.shape, 1)) for x in (p1 * q2 - p2 * q1, p2 * q0 - p0 * q2, last)]
    result = _core.concatenate(parts, last.ndim)
    perm = list(range(last.ndim))
    perm.insert(axis_of(result, axisc, "cross"), last.ndim)
    return _core.transpose(result, perm)


def _axis_last(a: Array, axis: int) -> Array:
    return _core.transpose(a, (*[k for k in range(a.ndim) if k != axis], axis))


@mirrors(np.tensordot)
def tensordot(a: ArrayLike, b: ArrayLike, axes: Any = 2) -> Array:
    """As `numpy.tensordot`: sums of products over pairs of axes.

    >>> cd.grad(lambda x: cnp.tensordot(x, x, 1))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    a, b = as_array(a), as_array(b)
    if np.iterable(axes):
        a_axes, b_axes = (tuple(x) if np.iterable(x) else (x,) for x in axes)
    else:
        a_axes, b_axes = tuple(range(-axes, 0)), tuple(range(axes))
    if len(a_axes) != len(b_axes):
        raise misfit("tensordot: shape-mismatch for sum: unequal numbers of axes")
    a_axes = tuple([axis_of(a, i, "tensordot") for i in a_axes])
    b_axes = tuple([axis_of(b, i, "tensordot") for i in b_axes])
    a_shape, b_shape = a.shape, b.shape
    if any(a_shape[i] != b_shape[j] for i, j in zip(a_axes, b_axes, strict=True)):
        raise misfit(
            f"tensordot: shape-mismatch for sum: axes {a_axes} of {a_shape} and {b_axes} of "
            f"{b_shape}"
        )
    a_rest = tuple([i for i in range(a.ndim) if i not in a_axes])
    b_rest = tuple([i for i in range(b.ndim) if i not in b_axes])
    shape = tuple([a_shape[i] for i in a_rest] + [b_shape[i] for i in b_rest])
    count = math.prod([a_shape[i] for i in a_axes])
    a = _flattened(a, a_rest + a_axes, (-1 if count else math.prod(shape[: len(a_rest)]), count))
    b = _flattened(b, b_axes + b_rest, (count, -1 if count else math.prod(shape[len(a_rest) :])))
    return _core.reshape(_core.matmul(a, b), shape)


def _flattened(a: Array, perm: tuple[int, ...], shape: tuple[int, int]) -> Array:
    """The array as a matrix: axes permuted, then merged."""
    a = a if perm == tuple(range(len(perm))) else _core.transpose(a, perm)
    return _core.reshape(a, shape)


@mirrors(np.kron)
def kron(a: ArrayLike, b: ArrayLike) -> Array:
    """As `numpy.kron`: a block of the second array for each element of the first.

    >>> cd.grad(lambda x: cnp.kron(x, [1.0, 2.0]).sum())(np.ones(2))
    array([3., 3.])
    """
    a, b = as_array(a), as_array(b)
    ndim = max(a.ndim, b.ndim)
    a_shape = (1,) * (ndim - a.ndim) + a.shape
    b_shape = (1,) * (ndim - b.ndim) + b.shape
    a = _core.reshape(a, tuple([k for n in a_shape for k in (n, 1)]))
    b = _core.reshape(b, tuple([k for n in b_shape for k in (1, n)]))
    shape = tuple([m * n for m, n in zip(a_shape, b_shape, strict=True)])
    return _core.reshape(a * b, shape)


@mirrors(np.trace)
def trace(
    a: ArrayLike,
    offset: int = 0,
    axis1: int = 0,
    axis2: int = 1,
    dtype: Any = None,
    out: Any = None,
) -> Array:
    """As `numpy.trace`: the sum of a diagonal.

    >>> cd.grad(cnp.trace)(np.ones((2, 2)))
    array([[1., 0.],
           [0., 1.]])
    """
    values = diagonal(as_array(a), offset, axis1, axis2)
    values = values if dtype is None else _core.cast(values, dtype)
    result = _core.sum(values, (values.ndim - 1,), False)
    result = result if dtype is None else _core.cast(result, dtype)
    return result if out is None else store(out, result, "trace")
