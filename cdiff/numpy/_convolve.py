"""Convolution and correlation of two sequences.

One bilinear operator with two forms, "full" and "valid", each of which has the other two products
as its adjoint: so it is closed under differentiation and every derivative runs at the speed of
NumPy's own loop. "same" is a part of "full". This file must not know sweeps or programs.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, call
from cdiff._face import misfit
from cdiff._transformations._mapped import PointCallee
from cdiff.numpy._common import NUMPY, ArrayLike, as_array, mirrors, of_values

__all__ = ["convolve", "correlate"]

MODES = ("full", "same", "valid")
MOST_SHIFTS = 256  # elements of the other operand, up to which a pattern is that of a band
BACKWARD = slice(None, None, -1)


class Convolution(PointCallee):
    """The operator; "valid" wants the longer operand first."""

    def __init__(self, mode: str) -> None:
        self.is_first = False
        self.mode = mode

    def __repr__(self) -> str:
        return f"convolve({self.mode})"

    def __reduce__(self) -> Any:
        return Convolution, (self.mode,)

    def sources(self, k: int, shapes: list[tuple[int, ...]]) -> Any:
        """For each term of the sums the element of operand k that each result reads, -1 for none;
        None where these are very many, or all."""
        (n,), (m,) = shapes[k], shapes[1 - k]
        if m > MOST_SHIFTS or (self.mode == "valid" and k == 1):
            return None
        if self.mode == "valid":
            return (np.arange(n - m + 1) + j for j in range(m))
        shifted = (np.arange(n + m - 1) - j for j in range(m))
        return (np.where((at >= 0) & (at < n), at, -1) for at in shifted)

    def value(self, arrays: list[Any]) -> Any:
        return NUMPY.convolve(arrays[0], arrays[1], self.mode)

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        (a, v), (ta, tv) = operands, tangents
        terms = [call(self, pair) for pair in ((ta, v), (a, tv)) if None not in map(_seen, pair)]
        return sum(terms[1:], terms[0]) if terms else None

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        a, v = operands
        if self.mode == "full":
            return [call(VALID, _longer_first(g, v)) if wanted[0] else None,
                    call(VALID, _longer_first(g, a)) if wanted[1] else None]  # fmt: skip
        return [call(FULL, [g, _core.index(v, BACKWARD)]) if wanted[0] else None,
                _core.index(call(VALID, [a, _core.index(g, BACKWARD)]), BACKWARD)
                if wanted[1] else None]  # fmt: skip


def _seen(x: Any) -> Any:
    return None if x is None else True


def _longer_first(g: Array, other: Array) -> list[Array]:
    """The operands of the adjoint of "full": the cotangent is the longer one."""
    return [g, _core.index(other, BACKWARD)]


FULL, VALID = Convolution("full"), Convolution("valid")


@mirrors(np.convolve)
def convolve(a: ArrayLike, v: ArrayLike, mode: str = "full") -> Array:
    """As `numpy.convolve`: sums of products with the reversed second vector, by both.

    >>> cd.grad(lambda x: cnp.convolve(x, [1.0, 2.0])[1])(np.ones(3))
    array([2., 1., 0.])
    """
    left, right = _sequences(a, v, "convolve", mode)
    if left.dtype.kind not in "fc":
        return as_array(of_values(NUMPY.convolve, left, right, mode))
    if left.size < right.size:
        left, right = right, left
    if mode == "valid":
        return call(VALID, [left, right])
    full = call(FULL, [left, right])
    if mode == "full":
        return full
    first = (right.size - 1) // 2
    return _core.index(full, slice(first, first + left.size))


@mirrors(np.correlate)
def correlate(a: ArrayLike, v: ArrayLike, mode: str = "valid") -> Array:
    """As `numpy.correlate`: sums of products with the (conjugate) second vector, by both.

    >>> cd.grad(lambda x: cnp.correlate(x, [1.0, 2.0])[0])(np.ones(3))
    array([1., 2., 0.])
    """
    if not (np.ndim(a) and np.ndim(v)):
        raise misfit(
            f"correlate: object of too small depth for desired array: {np.shape(a)}, {np.shape(v)}"
        )
    left, right = _sequences(a, v, "correlate", mode)
    right = _core.conj(right)
    if left.size < right.size:
        # NumPy correlates the longer with the shorter, and turns the result round.
        return _core.index(_correlated(right, left, mode), BACKWARD)
    return _correlated(left, right, mode)


def _correlated(left: Array, right: Array, mode: str) -> Array:
    return convolve(left, _core.index(right, BACKWARD), mode)


def _sequences(a: ArrayLike, v: ArrayLike, name: str, mode: str) -> tuple[Array, Array]:
    if mode not in MODES:
        raise ValueError(f"{name}: mode must be one of 'valid', 'same', or 'full' (got {mode!r})")
    left, right = (_core.reshape(x, (1,)) if not x.ndim else x for x in map(as_array, (a, v)))
    if left.ndim != 1 or right.ndim != 1:
        raise misfit(f"{name}: object too deep for desired array: {left.shape}, {right.shape}")
    if not left.size or not right.size:
        which = "a" if not left.size else "v"
        raise ValueError(f"{name}: {which} cannot be empty")
    dtype = np.result_type(left.dtype, right.dtype)
    return _core.cast(left, dtype), _core.cast(right, dtype)
