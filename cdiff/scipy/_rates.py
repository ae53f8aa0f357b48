"""Filters from one rate to another as operators: `upfirdn` from any sum on, and its transposes.

Samples, taps and results are paired where ``start + down * result == up * sample + tap``. Whichever
of the three is asked for is a sum of products of the other two, so the operators are closed under
differentiation. They are computed by SciPy, or one product of vectors for each tap: only pairs cost
anything, at any rates. This file must not know programs or sweeps.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import Array, Callee, call
from cdiff.scipy._linear import Bilinear
from cdiff.scipy._need import scipy_module

if TYPE_CHECKING:
    from collections.abc import Iterator

_signal = scipy_module("signal")
__all__ = ["Filtered"]


class Paired(Bilinear):
    """Taps of a filter, rows of samples at one rate, and rows of results at another one.

    Parameters
    ----------
    up, down : int
    start : int
        The tap that meets the first sample in the first result.
    count : int
        How many numbers are asked for, at least 1.
    """

    def __init__(self, up: int, down: int, start: int, count: int) -> None:
        if up < 1 or down < 1 or start < 0 or count < 1:
            raise ValueError(f"there is no filter {(up, down, start, count)!r:.40}")
        self.up = up
        self.down = down
        self.start = start
        self.count = count

    def __repr__(self) -> str:
        return f"upfirdn({self.up}, {self.down})"

    def __reduce__(self) -> Any:
        return type(self), (self.up, self.down, self.start, self.count)

    def _samples(self, h: Array, g: Array, count: int) -> Array:
        """What results give to the samples: a filter back to their rate."""
        back = Filtered(self.down, self.up, h.size - 1 - self.start, count)
        return call(back, [h[::-1], g])


class Filtered(Paired):
    """Results, along the last axis, of taps and samples."""

    def batched(self, n: int, flags: tuple[bool, ...]) -> Callee:
        return super().batched(n, flags) if flags[0] else self  # rows may have any axes

    def sources(self, k: int, shapes: list[tuple[int, ...]]) -> Iterator[Any]:
        """For each term of the sums the element of operand k that a result reads, -1 for none."""
        (size,), (*rows, n) = shapes
        first = self.start + np.arange(self.count) * self.down
        offsets = np.arange(np.prod(rows, dtype=int))[:, None] * n
        for tap in range(-(-size // self.up)):
            taps, places = first % self.up + tap * self.up, first // self.up - tap
            read = (taps < size) & (places >= 0) & (places < n)
            yield np.where(read, taps + 0 * offsets if k == 0 else places + offsets, -1).reshape(-1)

    def value(self, arrays: list[Any]) -> Any:
        h, x = arrays
        before = -self.start % self.down  # zeros, so that a result is where the sums are to start
        first = (self.start + before) // self.down
        h = np.concatenate([np.zeros(before, h.dtype), h])
        whole = _signal.upfirdn(h, x, self.up, self.down)[..., first : first + self.count]
        found = np.zeros((*x.shape[:-1], self.count), whole.dtype)
        found[..., : whole.shape[-1]] = whole
        return found

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        h, x = operands
        taps = Taps(self.up, self.down, self.start, h.size)
        return [call(taps, [x, g]) if wanted[0] else None,
                self._samples(h, g, x.shape[-1]) if wanted[1] else None]  # fmt: skip


class Taps(Paired):
    """Taps, of samples and results: sums over all pairs that meet there, in all rows."""

    def value(self, arrays: list[Any]) -> Any:
        x, g = (a.reshape(-1, a.shape[-1]) for a in arrays)
        step = gcd(self.up, self.down)
        across, along = self.up // step, self.down // step
        inverse = pow(along, -1, across)
        found = np.zeros(self.count, np.result_type(x, g))
        for tap in range(self.count):
            least = max(0, -((self.start - tap) // self.down))
            turns, rest = divmod(tap - self.start, step)
            if rest:
                continue
            k = least + (turns * inverse - least) % across
            n = (self.start + k * self.down - tap) // self.up
            results, samples = g[:, k::across], x[:, n::along]
            met = min(results.shape[1], samples.shape[1])
            found[tap] = np.einsum("ij,ij->", results[:, :met], samples[:, :met])
        return found

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        x, results = operands
        there = Filtered(self.up, self.down, self.start, results.shape[-1])
        return [self._samples(g, results, x.shape[-1]) if wanted[0] else None,
                call(there, [g, x]) if wanted[1] else None]  # fmt: skip
