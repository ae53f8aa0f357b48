"""Matrices as SciPy reads them: dtypes, square or not, one triangle that stands for the whole.

Shared by the files of `cdiff.scipy.linalg`; it must not know what is computed of them.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy._common import adjoint, as_array
from cdiff.numpy._decompositions import floating
from cdiff.numpy._index import diagonal, tril, triu
from cdiff.numpy._shape import stack

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["EITHER", "hermitian_of", "matrices_of", "matrix_of", "over_stacks", "promoted",
           "square_of", "symmetric_of", "vector_of"]  # fmt: skip


def square_of(a: Any, name: str) -> Array:
    """Real or complex square matrices, or an error."""
    a = floating(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise misfit(f"{name}: expected a square matrix, got shape {a.shape}")
    return a


def vector_of(c: Any, name: str) -> Array:
    """The operand, which is a vector."""
    c = as_array(c)
    if c.ndim != 1:
        raise misfit(f"{name}: expected a vector, got shape {c.shape}")
    return c


def matrix_of(a: Any, name: str) -> Array:
    """One real or complex matrix, or an error."""
    a = floating(a)
    if a.ndim != 2:
        several = "; for several matrices use cd.vmap" if a.ndim > 2 else ""
        raise misfit(f"{name}: expected a matrix, got shape {a.shape}{several}")
    return a


def matrices_of(a: Any, name: str) -> Array:
    """Real or complex matrices, or an error."""
    a = floating(a)
    if a.ndim < 2:
        raise misfit(f"{name}: expected a matrix, got shape {a.shape}")
    return a


def promoted(*arrays: Any) -> list[Array]:
    """Operands in one dtype, real or complex."""
    found = [floating(as_array(a)) for a in arrays]
    dtype = np.result_type(*[a.dtype for a in found])
    return [_core.cast(a, dtype) for a in found]


def check_method(name: str, method: str | None, *known: str) -> None:
    """A keyword that has no effect here is still one of those that SciPy knows."""
    if method is not None and method not in known:
        raise ValueError(f"{name}: unknown method {method!r}; {' and '.join(known)} are known")


def symmetric_of(a: Array, lower: bool) -> Array:
    """The symmetric matrix of which one triangle is given."""
    return tril(a) + tril(a, -1).mT if lower else triu(a) + triu(a, 1).mT


def hermitian_of(a: Array, lower: bool) -> Array:
    """The Hermitian matrix of which one triangle is given; imaginary parts of the diagonal do not
    count."""
    if a.dtype.kind != "c":
        return symmetric_of(a, lower)
    half = tril(a, -1) if lower else triu(a, 1)
    d = _core.real(diagonal(a, 0, -2, -1))
    main = _core.reshape(d, (*d.shape, 1)) * np.eye(a.shape[-1], dtype=d.dtype)
    return half + adjoint(half) + main


EITHER = 0  # a vector or, with more axes, matrices


def over_stacks(*dims: int, pairs_only: bool = False) -> Callable[[Any], Any]:
    """A decorator for a function of vectors or matrices: given stacks of them, it goes over these
    and stacks its results, as SciPy's functions do.

    Parameters
    ----------
    *dims : int
        How many axes each of the first arguments has, or `EITHER`.
    pairs_only : bool
        The function itself takes stacks where only the first of them is given.

    Returns
    -------
    callable
    """

    def decorate(f: Any) -> Any:
        names = list(signature(f).parameters)[: len(dims)]

        @wraps(f)
        def whole(*args: Any, **kwargs: Any) -> Any:
            count = len(args[: len(dims)])
            given = [*args[:count], *map(kwargs.get, names[count:])]
            arrays = [x if x is None else as_array(x) for x in given]
            if pairs_only and arrays[1] is None:
                return f(*args, **kwargs)
            own = [0 if x is None else min(x.ndim, d or 2)
                   for x, d in zip(arrays, dims, strict=True)]  # fmt: skip
            heads = [() if x is None else x.shape[: x.ndim - d]
                     for x, d in zip(arrays, own, strict=True)]  # fmt: skip
            if not any(heads):
                return f(*args, **kwargs)
            shape, rest = np.broadcast_shapes(*heads), args[count:]
            if 0 in shape:
                raise ValueError(f"{f.__name__}: a stack of shape {shape} is empty")
            parts = [
                x if x is None else _core.broadcast_to(x, shape + x.shape[x.ndim - d :])
                for x, d in zip(arrays, own, strict=True)
            ]
            results = []
            for k in np.ndindex(shape):
                one = [x if x is None else x[k] for x in parts]
                named = {n: x for n, x in zip(names[count:], one[count:], strict=True)
                         if n in kwargs}  # fmt: skip
                results.append(f(*one[:count], *rest, **{**kwargs, **named}))
            return _stacked(results, shape)

        return whole

    return decorate


def _stacked(results: list[Any], shape: tuple[int, ...]) -> Any:
    if isinstance(results[0], tuple):
        return tuple([_stacked(list(x), shape) for x in zip(*results, strict=True)])
    if any(type(x) is Array for x in results):
        y = stack(results)
        return _core.reshape(y, shape + y.shape[1:])
    return np.reshape(results, shape + np.shape(results[0]))
