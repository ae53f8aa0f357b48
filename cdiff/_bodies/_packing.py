"""Several results as one: a flat vector, which is sliced and reshaped for each.

It is of float64. Complex results make it complex128, or are two numbers each, real and imaginary
parts: the latter for functions whose derivatives are no complex numbers.

An operator of the graph has one result; a function with several is one operator all the same, and
this is the form that its result takes. Knows shapes and dtypes only. It is fast because slices and
reshapes are views, and because a single result is not packed at all.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import cast, concatenate, conj, imag, index, real, reshape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cdiff._core import Array

__all__ = ["Packing", "Spec", "has_derivative", "spec_of"]

Spec = tuple[np.dtype[Any], tuple[int, ...]]

FLOAT64 = np.dtype(np.float64)
COMPLEX128 = np.dtype(np.complex128)
EXACT_INTEGER = 2**53  # float64 holds the integers up to here


def spec_of(x: Any) -> Spec:
    """The dtype and the shape of a number or an array.

    Parameters
    ----------
    x : float, int, bool, ndarray or Array

    Returns
    -------
    dtype, shape : tuple
    """
    found = getattr(x, "dtype", None)
    return (np.dtype(found.type) if found is not None else np.asarray(x).dtype), np.shape(x)


def has_derivative(spec: Spec) -> bool:
    """Does a value of this dtype have a derivative?

    Parameters
    ----------
    spec : (dtype, shape)

    Returns
    -------
    bool
    """
    return spec[0].kind in "fc"


class Packing:
    """Where each of several results stands in one.

    Parameters
    ----------
    specs : sequence of (dtype, shape)
    bare : bool, default True
        Whether a single result of floats stays as it is.
    apart : bool, default False
        Whether real and imaginary parts are numbers of their own.

    Attributes
    ----------
    specs : list
    apart : bool
        Whether there are such parts.
    starts : list of int
        Where each begins, and where the last one ends.
    bare : bool
    dtype : dtype
        Of the vector.
    """

    __slots__ = ("apart", "bare", "dtype", "specs", "starts")

    def __init__(self, specs: Iterable[Spec], bare: bool = True, apart: bool = False) -> None:
        self.specs = list(specs)
        self.bare = bare and len(self.specs) == 1 and has_derivative(self.specs[0])
        is_complex = any(dtype.kind == "c" for dtype, _ in self.specs)
        self.apart = apart and is_complex
        self.dtype = COMPLEX128 if is_complex and not apart else FLOAT64
        self.starts = [0]
        for k, (_, shape) in enumerate(self.specs):
            self.starts.append(self.starts[-1] + prod(shape) * (2 if self.is_pair(k) else 1))

    def is_pair(self, k: int) -> bool:
        """Whether result number k is real parts and then imaginary ones."""
        return self.apart and self.specs[k][0].kind == "c"

    @property
    def size(self) -> int:
        """The length of the vector."""
        return self.starts[-1]

    def pack(self, arrays: Sequence[Any]) -> Any:
        """The vector of these results, as an operation that is recorded.

        Parameters
        ----------
        arrays : sequence of Array
            With the dtypes and shapes of the packing.

        Returns
        -------
        Array
        """
        if self.bare:
            return arrays[0]
        parts: list[Any] = []
        for k, a in enumerate(arrays):
            parts += [real(a), imag(a)] if self.is_pair(k) else [a]
        flat = [reshape(cast(a, self.dtype), (prod(np.shape(a)),)) for a in parts]
        return flat[0] if len(flat) == 1 else concatenate(flat, 0)

    def pack_plain(self, arrays: Sequence[Any]) -> Any:
        """The same for plain values.

        Parameters
        ----------
        arrays : sequence of float or ndarray

        Returns
        -------
        ndarray
        """
        if self.bare:
            dtype, _ = self.specs[0]
            return np.array(arrays[0], dtype)
        flat = np.empty(self.size, self.dtype)
        for k, a in enumerate(arrays):
            x = exact(a).reshape(-1)
            x = np.concatenate([x.real, x.imag]) if self.is_pair(k) else x
            flat[self.starts[k] : self.starts[k + 1]] = x
        return flat

    def at(self, y: Array, k: int) -> Array:
        """Result number k, as an operation that is recorded.

        Parameters
        ----------
        y : Array
            The packed results.
        k : int

        Returns
        -------
        Array
            Of the dtype and the shape of that result.
        """
        if self.bare:
            return y
        dtype, shape = self.specs[k]
        if self.is_pair(k):
            return cast(self._part(y, k, 0) + 1j * self._part(y, k, 1), dtype)
        part = reshape(index(y, slice(self.starts[k], self.starts[k + 1])), shape)
        return cast(part if dtype.kind == "c" else real(part), dtype)

    def _part(self, y: Array, k: int, which: int) -> Any:
        """The real or the imaginary part of result number k, which is a pair."""
        shape = self.specs[k][1]
        start = self.starts[k] + which * prod(shape)
        return reshape(index(y, slice(start, start + prod(shape))), shape)

    def cotangent(self, g: Array, k: int) -> Array:
        """The cotangent of result number k out of that of the vector: of x + iy it is a - ib."""
        return conj(self.at(g, k)) if self.is_pair(k) else self.at(g, k)

    def unpack(self, y: Array) -> list[Array]:
        """All results."""
        return [self.at(y, k) for k in range(len(self.specs))]

    def unpack_plain(self, v: Any) -> list[Any]:
        """All results out of a plain vector that is not bare."""
        found = []
        for k, (dtype, shape) in enumerate(self.specs):
            x = v[self.starts[k] : self.starts[k + 1]]
            if self.is_pair(k):
                x = x[: len(x) // 2] + 1j * x[len(x) // 2 :]
            found.append(np.asarray(x, dtype).reshape(shape))
        return found


def exact(a: Any) -> Any:
    """A plain value as an ndarray that float64 holds exactly.

    Parameters
    ----------
    a : number or ndarray

    Returns
    -------
    ndarray

    Raises
    ------
    OverflowError
        If an integer would be rounded.
    """
    x = np.asarray(a)
    if x.dtype.itemsize == 8 and x.dtype.kind in "iu" and x.size:
        largest = max(abs(int(x.max())), abs(int(x.min())))
        if largest > EXACT_INTEGER:
            raise OverflowError(
                f"an integer result of {largest} cannot be carried through a recorded call: "
                "float64 would round it (integers up to 2**53 are exact)"
            )
    return x
