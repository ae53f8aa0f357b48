"""`numpy.linalg` with NumPy's names: norms, systems, determinants, powers and chains of products.

Conventions: a norm has derivative 0 where it is 0, maxima inside norms share ties evenly, and the
determinant has exact derivatives of every order for singular matrices too. This file composes
primitives of the core; it must not know their derivatives.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array
from cdiff._face import misfit, noted
from cdiff.numpy._common import (
    ALL_AXES,
    NUMPY,
    ArrayLike,
    adjoint,
    any_order,
    as_array,
    axes_of,
    axis_of,
    handles,
    in_shape,
    mirrors,
    of_values,
    on_values,
    real_dtype,
    shortcut,
    store,
)
from cdiff.numpy._decompositions import (
    eig,
    eigh,
    eigvals,
    eigvalsh,
    floating,
    square_of,
    svd,
    svdvals,
)
from cdiff.numpy._det import det
from cdiff.numpy._index import diagonal as _diagonal
from cdiff.numpy._least_squares import lstsq, pinv
from cdiff.numpy._linalg import cross as _cross
from cdiff.numpy._linalg import dot, matmul, tensordot, vecdot
from cdiff.numpy._linalg import outer as _outer
from cdiff.numpy._linalg import trace as _trace
from cdiff.numpy._qr import qr
from cdiff.numpy._shape import matrix_transpose
from cdiff.numpy._singular import singular_norm

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "LinAlgError", "cholesky", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals",
    "eigvalsh", "inv", "lstsq", "matmul", "matrix_norm", "matrix_power", "matrix_rank",
    "matrix_transpose", "multi_dot", "norm", "outer", "pinv", "qr", "slogdet", "solve", "svd",
    "svdvals", "tensordot", "tensorinv", "tensorsolve", "trace", "vecdot", "vector_norm",
]  # fmt: skip

LinAlgError = np.linalg.LinAlgError

matrix_rank = on_values(
    np.linalg.matrix_rank, "linalg.matrix_rank([[1.0, 2.0], [2.0, 4.0]])", "np.int64(1)"
)

handles(np.linalg.matmul)(matmul)
handles(np.linalg.matrix_transpose)(matrix_transpose)
handles(np.linalg.tensordot)(tensordot)


# --- systems --------------------------------------------------------------------------------------


@mirrors(np.linalg.solve)
def solve(a: ArrayLike, b: ArrayLike) -> Array:
    """As `numpy.linalg.solve`: x of a @ x = b, by both.

    >>> cd.grad(lambda b: cnp.linalg.solve([[4.0]], b)[0])(np.ones(1))
    array([0.25])
    """
    a, b = square_of(a, "solve"), as_array(b)
    if b.ndim == 1:
        if a.shape[-1] != b.size:
            raise misfit(f"solve: shapes {a.shape} and {b.shape} do not fit")
        b = _core.reshape(b, (b.size, 1))
        x = _core.solve(a, _core.broadcast_to(b, a.shape[:-2] + b.shape))
        return _core.reshape(x, x.shape[:-1])
    if b.ndim == 0 or a.shape[-1] != b.shape[-2]:
        raise misfit(f"solve: shapes {a.shape} and {b.shape} do not fit")
    stack = noted(np.broadcast_shapes, a.shape[:-2], b.shape[:-2])
    a = _core.broadcast_to(a, stack + a.shape[-2:])
    return _core.solve(a, _core.broadcast_to(b, stack + b.shape[-2:]))


@handles(np.linalg.inv)
@shortcut(_core.inv)
def inv(a: ArrayLike) -> Array:
    """As `numpy.linalg.inv`: inverse matrices.

    >>> cd.grad(lambda a: cnp.linalg.inv(a)[0, 0])(np.array([[2.0]]))
    array([[-0.25]])
    """
    if type(a) is not Array and not any_array(a):
        return NUMPY.linalg.inv(a)
    try:
        return _core.inv(a)
    except ValueError:  # LinAlgError is one
        square_of(a, "inv")
        raise


@mirrors(np.linalg.cholesky)
@any_order
def cholesky(a: ArrayLike, /, *, upper: bool = False) -> Array:
    """As `numpy.linalg.cholesky`: the lower factor L of L @ L.mT (or, of the upper one, its
    transpose); one triangle is read.

    >>> cd.grad(lambda a: cnp.linalg.cholesky(a)[0, 0])(np.array([[4.0]]))
    array([[0.25]])
    """
    a = square_of(a, "cholesky")
    return adjoint(_core.cholesky(adjoint(a))) if upper else _core.cholesky(a)


@mirrors(np.linalg.tensorsolve)
def tensorsolve(a: ArrayLike, b: ArrayLike, axes: Any = None) -> Array:
    """As `numpy.linalg.tensorsolve`: x of tensordot(a, x, x.ndim) = b, by both.

    >>> cd.grad(lambda b: cnp.linalg.tensorsolve([[4.0]], b)[0])(np.ones(1))
    array([0.25])
    """
    a, b = as_array(a), as_array(b)
    if axes is not None:
        last = [axis_of(a, k, "tensorsolve") for k in axes]
        a = _core.transpose(a, (*[k for k in range(a.ndim) if k not in last], *last))
    shape = a.shape[b.ndim :]
    size = math.prod(shape)
    if a.size != size**2 or b.size != size:
        raise misfit(
            f"tensorsolve: Input arrays must satisfy the requirement prod(a.shape[b.ndim:]) == "
            f"prod(a.shape[:b.ndim]), which shapes {a.shape} and {b.shape} do not",
            LinAlgError,
        )
    x = _core.solve(_core.reshape(a, (size, size)), _core.reshape(b, (size, 1)))
    return _core.reshape(x, shape)


@mirrors(np.linalg.tensorinv)
def tensorinv(a: ArrayLike, ind: int = 2) -> Array:
    """As `numpy.linalg.tensorinv`: the inverse of an array as a matrix of its first `ind` axes.

    >>> cd.grad(lambda a: cnp.linalg.tensorinv(a, ind=1)[0, 0])(np.array([[2.0]]))
    array([[-0.25]])
    """
    a = as_array(a)
    if ind <= 0:
        raise ValueError("tensorinv: Invalid ind argument.")
    shape = a.shape[ind:] + a.shape[:ind]
    size = math.prod(a.shape[ind:])
    if size * size != a.size:
        raise misfit(
            f"tensorinv: shape {a.shape} is not square when split at axis {ind}", LinAlgError
        )
    return _core.reshape(_core.inv(_core.reshape(a, (size, size))), shape)


class SlogdetResult(NamedTuple):
    """Sign and logarithm of the absolute value of a determinant."""

    sign: Any
    logabsdet: Array


@mirrors(np.linalg.slogdet)
def slogdet(a: ArrayLike) -> SlogdetResult:
    """As `numpy.linalg.slogdet`: sign and logarithm of the determinant; the sign of real matrices
    has no derivative.

    >>> cd.grad(lambda t: cnp.linalg.slogdet(t * np.eye(3))[1])(2.0)
    1.5
    """
    a = floating(square_of(a, "slogdet"))
    sign = as_array(of_values(_sign_of_det, a))
    if a.dtype.kind == "c":
        singular = _core.equal(_core.absolute(sign), 0.0)
        if np.any(singular):  # they have no phase, and any other matrix in their place will do
            eye = np.eye(a.shape[-1], dtype=a.dtype)
            phased = _core.where(singular[..., np.newaxis, np.newaxis], eye, a)
            return SlogdetResult(sign * slogdet(phased).sign, _core.logabsdet(a))
        # The rest is a determinant of value 1, so that it can neither overflow nor lose digits.
        rest = _core.det(_core.solve(of_values(np.positive, a), a))
        sign = sign * rest / _core.absolute(rest)
    return SlogdetResult(sign, _core.logabsdet(a))


def _sign_of_det(a: Any) -> Any:
    """By the core, which keeps the factors, where the determinant is in range."""
    with np.errstate(over="ignore"):
        found = _core.value(_core.det(a))
    if a.dtype.kind == "c" or not np.isfinite(found).all() or not np.all(found):
        return np.asarray(np.linalg.slogdet(a).sign)
    return np.asarray(np.sign(found))


# --- powers and chains ----------------------------------------------------------------------------


@mirrors(np.linalg.matrix_power)
@any_order
def matrix_power(a: ArrayLike, n: int) -> Array:
    """As `numpy.linalg.matrix_power`: products of a matrix with itself, of its inverse for n < 0.

    >>> cd.grad(lambda t: cnp.linalg.matrix_power(t * np.eye(2), 3)[0, 0])(2.0)
    12.0
    """
    a = square_of(a, "matrix_power")
    try:
        n = n.__index__()
    except AttributeError:
        raise TypeError("matrix_power: exponent must be an integer") from None
    if n == 0:
        return _core.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)
    power, n = (a, n) if n > 0 else (_core.inv(a), -n)
    while not n & 1:
        power, n = _core.matmul(power, power), n >> 1
    result = power
    while n := n >> 1:
        power = _core.matmul(power, power)
        if n & 1:
            result = _core.matmul(result, power)
    return result


@mirrors(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[ArrayLike], *, out: Any = None) -> Array:
    """As `numpy.linalg.multi_dot`: the product of several matrices, in the cheapest order.

    >>> cd.grad(lambda x: cnp.linalg.multi_dot([x, np.eye(2), x]))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    chain = [as_array(a) for a in arrays]
    if len(chain) < 2:
        raise ValueError("multi_dot: expecting at least two arrays.")
    if len(chain) == 2:
        return dot(chain[0], chain[1], out)
    first, last = chain[0].ndim, chain[-1].ndim
    if first == 1:
        chain[0] = _core.reshape(chain[0], (1, -1))
    if last == 1:
        chain[-1] = _core.reshape(chain[-1], (-1, 1))
    for a in chain:
        if a.ndim != 2:
            raise misfit(
                f"multi_dot: {a.ndim}-dimensional array given, must be 2-dimensional", LinAlgError
            )
    result = _product(chain, _chain_order(chain), 0, len(chain) - 1)
    if first == 1 or last == 1:
        shape = (result.shape[0],) * (first > 1) + (result.shape[1],) * (last > 1)
        result = in_shape(result, shape)
    return result if out is None else store(out, result, "multi_dot")


def _chain_order(chain: list[Array]) -> dict[tuple[int, int], int]:
    """Where to split each part of a chain of products (Cormen et al., section 15.2)."""
    p = [a.shape[0] for a in chain] + [chain[-1].shape[1]]
    cost = {(i, i): 0 for i in range(len(chain))}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, len(chain)):
        for i in range(len(chain) - length):
            j = i + length
            options = [
                (cost[i, k] + cost[k + 1, j] + p[i] * p[k + 1] * p[j + 1], k) for k in range(i, j)
            ]
            cost[i, j], split[i, j] = min(options)
    return split


def _product(chain: list[Array], split: dict[tuple[int, int], int], i: int, j: int) -> Array:
    if i == j:
        return chain[i]
    k = split[i, j]
    return dot(_product(chain, split, i, k), _product(chain, split, k + 1, j))


# --- norms ----------------------------------------------------------------------------------------


@handles(np.linalg.norm)
@shortcut(_core.norm2)
def norm(x: ArrayLike, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    """As `numpy.linalg.norm`: of vectors or matrices, with every `ord`; the derivative is 0 where
    the norm is 0.

    >>> cd.grad(cnp.linalg.norm)(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """
    if type(x) is not Array and not any_array(x):
        return NUMPY.linalg.norm(x, ord, axis, keepdims)
    if ord is None and axis is None:
        return _core.norm2(x, None, keepdims)
    x = floating(x)
    if axis is None:
        axes = ALL_AXES[x.ndim]
    elif np.iterable(axis) and not isinstance(axis, tuple):
        raise TypeError("norm: 'axis' must be None, an integer or a tuple of integers")
    else:
        axes = tuple([axis_of(x, i, "norm") for i in (axis if np.iterable(axis) else (axis,))])
    if len(axes) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axes, keepdims)
    if len(axes) != 2:
        raise misfit("norm: Improper number of dimensions to norm.")
    if axes[0] == axes[1]:
        raise ValueError("norm: Duplicate axes given.")
    return _matrix_norm(x, "fro" if ord is None else ord, axes, keepdims)


@mirrors(np.linalg.vector_norm)
def vector_norm(
    x: ArrayLike, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2
) -> Array:  # fmt: skip
    """As `numpy.linalg.vector_norm`; the derivative is 0 where the norm is 0.

    >>> cd.grad(cnp.linalg.vector_norm)(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """
    x = floating(x)
    return _vector_norm(x, 2 if ord is None else ord, axes_of(x, axis, "vector_norm"), keepdims)


@mirrors(np.linalg.matrix_norm)
def matrix_norm(x: ArrayLike, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    """As `numpy.linalg.matrix_norm`; the derivative is 0 where the norm is 0.

    >>> cd.grad(cnp.linalg.matrix_norm)(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    """
    x = floating(x)
    if x.ndim < 2:
        raise misfit(f"matrix_norm: an array of two axes or more is needed, not {x.shape}")
    return _matrix_norm(x, "fro" if ord is None else ord, (x.ndim - 2, x.ndim - 1), keepdims)


@mirrors(np.linalg.cond)
def cond(x: ArrayLike, p: Any = None) -> Array:
    """As `numpy.linalg.cond`: the largest singular value divided by the smallest, or another
    norm's.

    >>> round(cd.grad(lambda t: cnp.linalg.cond([[t, 0.0], [0.0, 2.0]]))(4.0), 6)
    0.5
    """
    x = as_array(x)
    if x.ndim < 2 or not x.size:
        raise misfit(
            f"cond: a non-empty array of two axes or more is needed, not {x.shape}", LinAlgError
        )
    axes = (x.ndim - 2, x.ndim - 1)
    x = floating(x)
    if p is None or p in (2, -2):
        large, small = (_matrix_norm(x, k, axes, False) for k in ((-2, 2) if p == -2 else (2, -2)))
        empty = _core.equal(small, 0.0)
        return _core.where(empty, np.inf, large / _core.where(empty, 1.0, small))
    x = square_of(x, "cond")
    singular = of_values(_is_singular, x)
    unit = np.eye(x.shape[-1], dtype=x.dtype)
    regular = _core.where(singular[..., np.newaxis, np.newaxis], unit, x)
    product = _matrix_norm(x, p, axes, False) * _matrix_norm(_core.inv(regular), p, axes, False)
    return _core.where(singular, np.inf, product)


def _is_singular(x: Any) -> Any:
    """Does elimination meet a pivot that is exactly zero, as in NumPy's `inv`?"""
    return np.asarray(np.linalg.slogdet(x).sign == 0)


def _vector_norm(x: Array, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Array:
    if isinstance(ord, str):
        raise ValueError(f"norm: Invalid norm order {ord!r} for vectors")
    if ord == 2:
        return _core.norm2(x, axes, keepdims)
    if ord == 0:
        counted = _core.where(_core.equal(_core.absolute(x), 0.0), 0.0, 1.0)
        return _core.sum(_core.cast(counted, real_dtype(x)), axes, keepdims)
    size = _core.absolute(x)
    if ord == np.inf and 0 not in [x.shape[k] for k in axes]:
        return _core.max(size, axes, keepdims)
    if ord == -np.inf:
        return _core.min(size, axes, keepdims)
    if ord in (1, np.inf):  # the largest of no elements is 0, as their sum
        return _core.sum(size, axes, keepdims)
    if 0 < ord < 1:
        # The slope of size**ord is infinite at 0, where absolute's convention is slope 0.
        zero = _core.equal(size, 0.0)
        terms = _core.where(zero, 0.0, _core.power(_core.where(zero, 1.0, size), ord))
    else:
        terms = _core.power(size, ord)
    total = _core.sum(terms, axes, keepdims)
    zero = _core.equal(total, 0.0)
    root = _core.power(_core.where(zero, 1.0, total), 1.0 / ord)
    return _core.where(zero, 0.0 if ord > 0 else np.inf, root)


def _matrix_norm(x: Array, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Array:
    row, column = axes
    if ord == "fro":
        return _core.norm2(x, tuple(sorted(axes)), keepdims)
    if ord in (2, "nuc") and not x.shape[row] * x.shape[column]:
        result = _core.sum(_core.absolute(x), tuple(sorted(axes)), True)  # the largest of none
    elif ord in ("nuc", 2, -2):
        batch = [i for i in range(x.ndim) if i not in axes]
        result = singular_norm(_core.transpose(x, (*batch, row, column)), ord)
    elif ord in (1, -1, np.inf, -np.inf):
        inner, outer = (row, column) if abs(ord) == 1 else (column, row)
        sums = _core.sum(_core.absolute(x), (inner,), True)
        none = ord > 0 and not x.shape[outer]
        result = (_core.sum if none else _core.max if ord > 0 else _core.min)(sums, (outer,), True)
    else:
        raise ValueError(f"norm: Invalid norm order {ord!r} for matrices.")
    kept = enumerate(x.shape)
    if keepdims:
        return _core.reshape(result, tuple([1 if i in axes else n for i, n in kept]))
    return in_shape(result, tuple([n for i, n in kept if i not in axes]))


# --- functions of the array API standard ----------------------------------------------------------


@mirrors(np.linalg.outer)
def outer(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """As `numpy.linalg.outer`: all products of the elements of two vectors.

    >>> cd.grad(lambda x: cnp.linalg.outer(x, x).sum())(np.array([1.0, 2.0]))
    array([6., 6.])
    """
    a, b = as_array(x1), as_array(x2)
    if a.ndim != 1 or b.ndim != 1:
        raise misfit(
            f"outer: input arrays must be one-dimensional, got shapes {a.shape} and {b.shape}"
        )
    return _outer(a, b)


@mirrors(np.linalg.cross)
def cross(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Array:
    """As `numpy.linalg.cross`: the product of vectors of three numbers.

    >>> cd.grad(lambda x: cnp.linalg.cross(x, [0.0, 1.0, 0.0])[2])(np.ones(3))
    array([1., 0., 0.])
    """
    a, b = as_array(x1), as_array(x2)
    if a.shape[axis] != 3 or b.shape[axis] != 3:
        raise misfit(f"cross: both arrays must hold vectors of length three, not {a.shape} and "
                         f"{b.shape}")  # fmt: skip
    return _cross(a, b, axis=axis)


@mirrors(np.linalg.diagonal)
def diagonal(x: ArrayLike, /, *, offset: int = 0) -> Array:
    """As `numpy.linalg.diagonal`: the diagonals of matrices, in the last two axes.

    >>> cd.grad(lambda x: cnp.linalg.diagonal(x).sum())(np.ones((2, 2)))
    array([[1., 0.],
           [0., 1.]])
    """
    return _diagonal(x, offset, -2, -1)


@mirrors(np.linalg.trace)
def trace(x: ArrayLike, /, *, offset: int = 0, dtype: Any = None) -> Array:
    """As `numpy.linalg.trace`: sums of diagonals, in the last two axes.

    >>> cd.grad(cnp.linalg.trace)(np.ones((2, 2)))
    array([[1., 0.],
           [0., 1.]])
    """
    return _trace(x, offset, -2, -1, dtype)


def __dir__() -> list[str]:
    return sorted(__all__)
