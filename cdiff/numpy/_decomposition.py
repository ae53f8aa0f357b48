"""The operator of one matrix whose results are packed into a vector: what decompositions share.

A decomposition gives its results, and one rule in terms of them: its tangent, of which the reverse
rule is the transpose, or its cotangent, of which the tangent is the transpose. This file must not
know any of them, nor sweeps or programs.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, Callee, Level, call, leaf, pullback
from cdiff._face import misfit
from cdiff._rules._rules import transposed_push
from cdiff._transformations._mapped import PointCallee, Stacked

__all__ = ["ByCotangent", "Decomposition", "is_zero"]

LinAlgError = np.linalg.LinAlgError


LARGE = 1 << 14  # elements of a matrix from where the memory of LAPACK matters
KEPT_MEMORY = 31 << 20  # bytes; there is no effect of 32 MB and more


@lru_cache(maxsize=1)
def _keep_memory() -> None:
    """Let the process keep what LAPACK works in, some megabytes for each call.

    glibc gives memory back to the system that is larger than anything freed before (mallopt(3),
    M_MMAP_THRESHOLD), and to get its pages anew takes up to a tenth of the time of `svd`. So one
    block is freed that was never touched. With other allocators that does nothing.
    """
    np.empty(KEPT_MEMORY, np.uint8)


class Decomposition(PointCallee):
    """An operator of one matrix (or a stack): results packed, rule by its tangent.

    `options` are what else decides the value.
    """

    name = ""
    real_results: tuple[int, ...] = ()  # those that are real for complex matrices, too

    def __init__(self, *options: Any) -> None:
        self.is_first = False
        self.options = options
        self.points: tuple[int, ...] = ()  # of a stack that is packed row by row

    def batched(self, n: int, flags: tuple[bool, ...]) -> Callee:
        whole = type(self)(*self.options)
        whole.points = (n,)
        return Stacked(self, n, flags, whole)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> Any:
        return type(self), self.options

    def results(self, a: Any) -> Any:
        """The results for an ndarray: several arrays, or one vector of all of them."""
        raise NotImplementedError

    def parts(self, a: Any) -> tuple[Any, ...]:
        """The results for an ndarray, one by one."""
        return self.split(self.results(a), a)

    def split(self, found: Any, a: Any) -> tuple[Any, ...]:
        """Results for an ndarray, if they are in one vector as views of that."""
        if not isinstance(found, np.ndarray):
            return tuple(found)
        operator: Any = type(self)
        layout = _layout(operator, a.shape, 0, 1)
        return tuple(found[at].reshape(shape) for at, shape in layout)

    def tangents(self, a: Array, t: Array, results: list[Array], check: bool) -> tuple[Array, ...]:
        """The tangents of the results for the tangent t of a, which is checked if asked for."""
        raise NotImplementedError

    def value(self, arrays: list[Any]) -> Any:
        if arrays[0].size >= LARGE:
            _keep_memory()
        try:
            results = self.results(arrays[0])
        except LinAlgError as error:
            raise misfit(
                f"{self.name}: {error} (operand of shape {arrays[0].shape})", LinAlgError
            ) from None
        if isinstance(results, np.ndarray):
            return results
        rows = [x.reshape((*self.points, -1)) for x in results]
        return rows[0] if len(rows) == 1 else np.concatenate(rows, -1)

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        return None if tangents[0] is None else self.pushed(y, operands[0], tangents[0], True)

    def pushed(self, y: Array, a: Array, t: Array, check: bool) -> Array:
        """The packed tangents."""
        parts = self.tangents(a, t, self.unpacked(y, a), check)
        rows = [_core.reshape(x, (*self.points, -1)) for x in parts]
        return _core.concatenate(rows, len(self.points))

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        a = operands[0]
        results, cotangents = self.unpacked(y, a), self.unpacked(g, a)
        seen = self.checked(results, cotangents, g)
        found = self.cotangent(a, results, cotangents) if seen is g else None
        if found is not None:
            return [found]
        # The transpose of the tangent, which is linear in t; what is to be checked here is g.
        with Level() as level:
            t = leaf(np.zeros(a.shape, a.dtype), level)
            return pullback([self.pushed(y, a, t, False)], [seen], [t], level)

    def checked(self, results: list[Array], cotangents: list[Array], g: Array) -> Array:
        """The packed cotangent g, unless it asks for what has no derivative."""
        return g

    def cotangent(self, a: Array, results: list[Array], cotangents: list[Array]) -> Array | None:
        """The cotangent of a, if there is a shorter way to it than the transpose of the tangent."""
        return None

    @staticmethod
    def shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        """The shapes of the results for the shape of an operand."""
        raise NotImplementedError

    def unpacked(self, y: Array, a: Array) -> list[Array]:
        """The results, out of the vector."""
        operator: Any = type(self)
        layout = _layout(operator, a.shape, len(self.points), y.ndim)
        parts = [y if at is None else _core.index(y, at) for at, _ in layout]
        for k, (_, shape) in enumerate(layout):
            if parts[k].shape != shape:
                parts[k] = _core.reshape(parts[k], shape)
        for k in self.real_results:
            parts[k] = _core.real(parts[k])
        return parts

    def __call__(self, a: Array) -> list[Array]:
        """The results for an operand."""
        return self.unpacked(call(self, [a]), a)


@lru_cache(maxsize=256)
def _layout(
    operator: Any, shape: tuple[int, ...], lead: int, ndim: int
) -> list[tuple[Any, tuple[int, ...]]]:
    """Where the results for an operand of this shape, but for their first axes, lie in the last
    axis of a packed array (None: they are all of it), and their shapes."""
    shapes = operator.shapes(shape)
    if len(shapes) == 1:
        return [(None, shapes[0])]
    ends = list(accumulate([math.prod(one[lead:]) for one in shapes], initial=0))
    parts: list[Any] = [slice(start, stop) for start, stop in pairwise(ends)]
    places = parts if ndim == 1 else [(..., part) for part in parts]
    return list(zip(places, shapes, strict=True))


class ByCotangent(Decomposition):
    """The rule is `cotangent`, and the tangent is its transpose."""

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        return transposed_push(self, y, operands, tangents) if tangents[0] is not None else None


def is_zero(g: Array) -> bool:
    """Is this cotangent zero in all derivatives? That of results that were not used is."""
    return not _core.is_tracked(g) and not _core.value(g).any()
