"""Points by components: a program whose arrays of shape (n, 3) become three of shape (n,).

A function of many points, like the residuals of a bundle adjustment, holds small vectors and
matrices along the last axes. Operators on them do not run along long rows, and what is selected
from them is copied. With an array for each component, selection costs nothing, everything left is
elementwise over n and is computed block by block, and zeros of seeds vanish. This file knows shapes
and the structural operators' attributes; it must not know derivatives. An operator without a rule
here gets its operands put together again, so that every program has this form.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from cdiff._core import Program

if TYPE_CHECKING:
    from collections.abc import Iterator

    Shape = tuple[int, ...]

__all__ = ["by_components"]

FEWEST_POINTS = 256
MOST_COMPONENTS = 32
MOST_INSTRUCTIONS = 2_000  # of a program that is rewritten


def is_split(shape: Shape) -> bool:
    """Is an array of this shape held by components?

    Parameters
    ----------
    shape : tuple of int

    Returns
    -------
    bool
    """
    return len(shape) > 1 and shape[0] >= FEWEST_POINTS and prod(shape[1:]) <= MOST_COMPONENTS


def by_components(program: Program) -> Program:
    """The same program, points by components.

    Parameters
    ----------
    program : Program

    Returns
    -------
    Program
        The given one where there is nothing to split.
    """
    if len(program) > MOST_INSTRUCTIONS:
        return program
    code = program.instructions()
    if not any(is_split(shape) for _, _, shape, _, _ in code):
        return program
    return _Rewriter(program, code).run()


class _Rewriter:
    """The new program, and where the values of the old one are in it."""

    def __init__(self, program: Program, code: list[Any]) -> None:
        self.old = program
        self.code = code
        self.new = Program()
        self.new.refreshed = program.refreshed
        self.whole: dict[int, int] = {}
        self.parts: dict[int, list[int]] = {}

    def run(self) -> Program:
        for i, (op, dtype, shape, operands, _) in enumerate(self.code):
            if op == "leaf":
                self.whole[i] = self.new.input(dtype, shape)
                continue
            if op == "const":
                self.whole[i] = self.new.copied(self.old, i)
                continue
            rule = getattr(self, f"_{op}", self._elementwise)
            found = (
                rule(i) if is_split(shape) or op in ("sum", "sum_to", "slice", "reshape") else None
            )
            if found is None:
                self.whole[i] = self.new.copied(self.old, i, [self.get(k) for k in operands])
            elif is_split(shape):
                self.parts[i] = found
            else:
                self.whole[i] = found[0]
        self.new.outputs = [self.get(v) for v in self.old.outputs]
        for g in self.old.guards:
            self.new.guards.append(g.moved(self.get(g.value)))
        return self.new

    def apply(
        self, op: str, operands: list[int], dtype: Any, shape: Shape, attrs: Any = None
    ) -> int:
        return self.new.apply(op, operands, dtype, shape, attrs)

    # ---------------------------------------------------------------- whole and parts

    def get(self, v: int) -> int:
        """A value as one array."""
        if v not in self.whole:
            _, dtype, shape, _, _ = self.code[v]
            columns = [
                self.apply("reshape", [x], dtype, (shape[0], 1), ((shape[0], 1),))
                for x in self.parts[v]
            ]
            k = len(columns)
            joined = columns[0]
            if k > 1:
                attrs = (1, tuple(range(k + 1)))
                joined = self.apply("concatenate", columns, dtype, (shape[0], k), attrs)
            if len(shape) != 2:
                joined = self.apply("reshape", [joined], dtype, shape, (shape,))
            self.whole[v] = joined
        return self.whole[v]

    def split(self, v: int) -> list[int]:
        """The components of a value with points."""
        if v not in self.parts:
            _, dtype, shape, _, _ = self.code[v]
            if len(shape) == 1:
                return [self.whole[v]]
            self.parts[v] = [
                self.apply("slice", [self.whole[v]], dtype, shape[:1], (self._column(shape, at),))
                for at in _places(shape[1:])
            ]
        return self.parts[v]

    def _column(self, shape: Shape, at: Shape) -> Shape:
        index = [0, 1, shape[0]]
        for k in at:
            index += [k, 1, -1]
        return tuple(index)

    def component(self, v: int, at: Shape, n: int, rank: int) -> int:
        """The component at a place of a result of this rank; the same for all points if v has no
        points."""
        _, dtype, shape, _, _ = self.code[v]
        own = (1,) * (rank - len(shape)) + shape
        inner = tuple(k if m > 1 else 0 for k, m in zip(at, own[1:], strict=True))
        if own[0] == n and len(shape) == rank:
            return self.split(v)[_flat(inner, own[1:])]
        if shape == ():
            return self.whole[v]
        index: list[int] = []
        for k in ((0, *inner))[rank - len(shape) :]:
            index += [k, 1, -1]
        return self.apply("slice", [self.get(v)], dtype, (), (tuple(index),))

    # ---------------------------------------------------------------- rules

    def _elementwise(self, i: int) -> list[int] | None:
        op, dtype, shape, operands, extra = self.code[i]
        if extra is not None and op != "cast":
            return None
        shapes = [self.code[k][2] for k in operands]
        if any(len(s) == len(shape) and s[0] not in (1, shape[0]) for s in shapes):
            return None
        n, rank = shape[0], len(shape)
        return [
            self.apply(op, [self.component(k, at, n, rank) for k in operands], dtype, (n,), extra)
            for at in _places(shape[1:])
        ]

    _cast = _elementwise

    def _reshape(self, i: int) -> list[int] | None:
        _, _, shape, (a,), _ = self.code[i]
        source = self.code[a][2]
        if source[:1] != shape[:1] or not (is_split(source) or len(source) == 1):
            return None
        if len(shape) > 1 and not is_split(shape):
            return None
        return self.split(a)

    def _broadcast_to(self, i: int) -> list[int] | None:
        _, _, shape, (a,), _ = self.code[i]
        if self.code[a][2][:1] != shape[:1] or len(self.code[a][2]) != len(shape):
            return None
        return [self.component(a, at, shape[0], len(shape)) for at in _places(shape[1:])]

    def _transpose(self, i: int) -> list[int] | None:
        _, _, shape, (a,), (perm,) = self.code[i]
        if perm[0] != 0:
            return None
        parts, inner = self.split(a), self.code[a][2][1:]
        where = [perm.index(k + 1) - 1 for k in range(len(inner))]
        return [parts[_flat([at[k] for k in where], inner)] for at in _places(shape[1:])]

    def _slice(self, i: int) -> list[int] | None:
        _, dtype, shape, (a,), (index,) = self.code[i]
        source = self.code[a][2]
        if not is_split(source) or a not in self.parts or index[2] < FEWEST_POINTS:
            return None
        inner = [
            [index[k] + index[k + 1] * j for j in range(abs(index[k + 2]))]
            for k in range(3, len(index), 3)
        ]
        chosen = [self.split(a)[_flat(at, source[1:])] for at in product(*inner)]
        if tuple(index[:3]) == (0, 1, source[0]):
            return chosen
        return [self.apply("slice", [x], dtype, shape[:1], (tuple(index[:3]),)) for x in chosen]

    def _concatenate(self, i: int) -> list[int] | None:
        _, dtype, shape, operands, (axis, starts) = self.code[i]
        if any(self.code[k][1] != dtype for k in operands):
            return None
        if axis == 0:
            if not all(is_split(self.code[k][2]) for k in operands):
                return None
            columns = zip(*[self.split(k) for k in operands], strict=True)
            return [
                self.apply("concatenate", list(xs), dtype, shape[:1], (0, starts)) for xs in columns
            ]
        out = []
        for at in _places(shape[1:]):
            k = next(k for k in range(len(operands)) if at[axis - 1] < starts[k + 1])
            inner = list(at)
            inner[axis - 1] -= starts[k]
            out.append(self.split(operands[k])[_flat(inner, self.code[operands[k]][2][1:])])
        return out

    def _sum(self, i: int) -> list[int] | None:
        _, dtype, _, (a,), (axes, _) = self.code[i]
        source = self.code[a][2]
        if 0 in axes or not is_split(source) or self.code[a][1] != dtype:
            return None
        kept = [k for k in range(1, len(source)) if k not in axes]
        return self._added(a, kept, dtype)

    def _sum_to(self, i: int) -> list[int] | None:
        _, dtype, shape, (a,), _ = self.code[i]
        source = self.code[a][2]
        if len(source) != len(shape) or not is_split(source) or shape[0] != source[0]:
            return None
        return self._added(a, [k for k in range(1, len(shape)) if shape[k] > 1], dtype)

    def _added(self, a: int, kept: list[int], dtype: Any) -> list[int]:
        """The sums over all trailing axes but some."""
        source = self.code[a][2]
        sums: dict[Shape, int] = {}
        for at, x in zip(_places(source[1:]), self.split(a), strict=True):
            key = tuple(at[k - 1] for k in kept)
            known = sums.get(key)
            sums[key] = x if known is None else self.apply("add", [known, x], dtype, source[:1])
        return list(sums.values())

    def _gather(self, i: int) -> list[int] | None:
        _, dtype, shape, (a, at), _ = self.code[i]
        source, rows = self.code[a][2], self.code[at][2]
        if len(rows) != 1:
            return None
        op, _, _, _, positions = self.code[at]
        inner = prod(source[1:])
        if op != "const" or a in self.parts or not self._is_own(at):
            rows_at = self.get(at)
            return [self.apply("gather", [x, rows_at], dtype, shape[:1]) for x in self.split(a)]
        flat = self.apply("reshape", [self.get(a)], dtype, (prod(source),), ((prod(source),),))
        # Component k lies k numbers behind the first: one array of positions serves all of them.
        first = self.new.constant(positions * inner)
        length = (source[0] - 1) * inner + 1
        return [
            self.apply("gather", [self._behind(flat, k, length, dtype), first], dtype, shape[:1])
            for k in range(inner)
        ]

    def _behind(self, v: int, k: int, length: int, dtype: Any) -> int:
        """`length` elements of a vector, from element k on."""
        return self.apply("slice", [v], dtype, (length,), ((k, 1, length),))

    def _is_own(self, v: int) -> bool:
        """Is a constant array one that nobody can change?"""
        x = self.code[v][4]
        return not x.flags.writeable and x.base is None and bool((x >= 0).all())

    def _matmul(self, i: int) -> list[int] | None:
        _, dtype, shape, (a, b), _ = self.code[i]
        left, right = self.code[a][2], self.code[b][2]
        if len(shape) != 3 or left[0] != right[0] or not (is_split(left) and is_split(right)):
            return None
        out = []
        for r, c in _places(shape[1:]):
            total = None
            for k in range(left[2]):
                x = self.split(a)[_flat((r, k), left[1:])]
                y = self.split(b)[_flat((k, c), right[1:])]
                term = self.apply("multiply", [x, y], dtype, shape[:1])
                total = (
                    term if total is None else self.apply("add", [total, term], dtype, shape[:1])
                )
            if total is None:
                return None
            out.append(total)
        return out

    def _whole(self, i: int) -> None:
        """An operator that is not taken apart."""

    _embed = _index_set = _scatter_add = _cumsum = _linrec = _max = _min = _prod = _whole
    _logsumexp = _norm2 = _einsum = _solve = _inv = _det = _logabsdet = _cholesky = _call = _whole


def _places(shape: Shape) -> Iterator[Shape]:
    """All places in an array, the last axis fastest."""
    return product(*[range(n) for n in shape])


def _flat(at: Any, shape: Shape) -> int:
    place = 0
    for k, n in zip(at, shape, strict=True):
        place = place * n + k
    return place
