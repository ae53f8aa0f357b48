"""The cut of a program at its index maps: J = S B G.

Most large functions gather (slice, index, reshape) their inputs into arrays, compute something
element by element, and put the results into place (concatenate, embed, scatter, sum). G and S only
move numbers, so that their derivatives are known places; what is between, B, has inputs which no
two elements share any more. Its Jacobian then needs very few directions: a reverse sweep gives a
residual's whole Jacobian for a stencil, two the blocks of a bundle adjustment. This file finds the
maps and knows neither colors nor derivatives. It walks over instructions, not over elements, and
maps are NumPy's work; a program of very many instructions, numbers mostly, is not cut.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import Places, part_of_program, placed_rows

if TYPE_CHECKING:
    from cdiff._core import Program

__all__ = ["Cut", "Term", "cut_program", "whole_program"]

MOST_INSTRUCTIONS = 20_000  # of a program that is looked through
MOST_TERMS = 256  # into which outputs are taken apart
COPIES = frozenset(["reshape", "transpose", "slice", "gather", "positive"])
PLACED = frozenset(["reshape", "transpose", "slice", "embed", "concatenate", "positive"])
SUMS = frozenset(["sum", "sum_to", "scatter_add"])
MOVES = frozenset(["transpose", "slice", "embed", "concatenate", *SUMS])


class Term:
    """A value of the part in between, times a number, added to rows of the result.

    Parameters
    ----------
    value : int
        In the program that was cut; later the number of the output of the part.
    rows : ndarray of int64
        For each element its row; -1 for none.
    factor : float
    """

    __slots__ = ("factor", "rows", "value")

    def __init__(self, value: int, rows: Any, factor: float) -> None:
        self.value = value
        self.rows = rows
        self.factor = factor


class Cut:
    """A program between two sets of values.

    Attributes
    ----------
    roots : list of int
        Values of the whole program that are inputs of the part.
    columns : list of ndarray
        For each root the column of each of its elements; -1 for a zero.
    terms : list of Term
        What becomes of its outputs; `value` is the number of the output.
    part : Program
        Its inputs are the roots, then those of the whole program.
    watched : list
        As `pattern_of` gives them.
    is_whole : bool
    """

    __slots__ = ("columns", "is_whole", "part", "roots", "terms", "watched")

    def __init__(
        self,
        program: Program,
        columns: dict[int, Any],
        terms: list[Term],
        watched: list[Any],
        is_whole: bool,
    ) -> None:
        values = list(dict.fromkeys(t.value for t in terms))
        number = {v: k for k, v in enumerate(values)}
        self.roots = list(columns)
        self.columns = list(columns.values())
        self.terms = [Term(number[t.value], t.rows, t.factor) for t in terms]
        self.part = part_of_program(program, self.roots, values)
        self.watched = watched
        self.is_whole = is_whole


def whole_program(program: Program, firsts: list[int | None], n_outputs: int) -> Cut:
    """The program as one part, its inputs and outputs as they are.

    Parameters
    ----------
    program : Program
    firsts : list
        The first column of each input, None for those that are not differentiated.
    n_outputs : int
        How many of the outputs are differentiated.

    Returns
    -------
    Cut
    """
    columns = {
        k: np.arange(first, first + prod(program.instruction(k)[2]))
        for k, first in enumerate(firsts)
        if first is not None
    }
    terms, start = [], 0
    for v in program.outputs[:n_outputs]:
        size = prod(program.instruction(v)[2])
        terms.append(Term(v, np.arange(start, start + size), 1.0))
        start += size
    return Cut(program, columns, terms, [], True)


class _Walk:
    """The instructions of a program, and what is known of each value."""

    def __init__(self, program: Program, firsts: list[int | None]) -> None:
        self.code = program.instructions()
        self.places = Places(program)
        self.maps: list[Any] = [None] * len(self.code)  # columns of values that are copies
        self.depends = [False] * len(self.code)
        self.moved = [False] * len(self.code)  # see `_moves`
        for i, (op, _, shape, operands, _) in enumerate(self.code):
            if op == "leaf":
                first = firsts[i]
                if first is not None:
                    self.depends[i] = True
                    self.maps[i] = np.arange(first, first + prod(shape))
            elif any(self.depends[k] for k in operands):
                self.depends[i] = self.code[i][1].kind in "fc"
                self.maps[i] = self._copied(i)
                self.moved[i] = self._moves(i)

    def _copied(self, i: int) -> Any:
        """The columns of a value that holds nothing but copies of inputs; else None."""
        op, dtype, _, operands, _ = self.code[i]
        if op == "concatenate":
            if any(self.maps[k] is None or self.code[k][1] != dtype for k in operands):
                return None
            return self._side_by_side(i)
        if op not in COPIES or self.maps[operands[0]] is None:
            return None
        source = self.places.source(i, 0)
        if source is NotImplemented:
            return None
        found = self.maps[operands[0]]
        return found if source is None else found[source]

    def _side_by_side(self, i: int) -> Any:
        _, _, shape, operands, _ = self.code[i]
        out = np.full(prod(shape), -1, np.int64)
        for k, v in enumerate(operands):
            source = self.places.source(i, k)
            inside = source >= 0
            out[inside] = self.maps[v][source[inside]]
        return out

    def number(self, v: int) -> float | None:
        """A constant number, or None."""
        op, dtype, shape, _, extra = self.code[v]
        if op != "const" or dtype.kind == "c" or shape != () or np.ndim(extra):
            return None
        return float(extra)

    def factor(self, i: int) -> tuple[int, float] | None:
        """(operand, number) of a value that is a number times another one of its shape."""
        op, _, shape, operands, _ = self.code[i]
        if op == "negative":
            return operands[0], -1.0
        if op in ("multiply", "zmul", "divide"):
            for k in (0, 1):
                number = self.number(operands[1 - k])
                if not number or self.code[operands[k]][2] != shape:
                    continue
                if op != "divide":
                    return operands[k], number
                if k == 0:
                    return operands[0], 1.0 / number
        return None

    def _moves(self, v: int) -> bool:
        """Is something below this value, but for sums and factors, moved to other places?"""
        op, _, _, operands, _ = self.code[v]
        if self.maps[v] is not None or not self.depends[v]:
            return False
        if op in MOVES:
            return True
        if op in ("add", "subtract", "reshape", "positive"):
            return any(self.moved[k] for k in operands)
        scaled = self.factor(v)
        return scaled is not None and self.moved[scaled[0]]

    def terms(self, v: int, rows: Any) -> list[Term] | None:
        """A value taken apart into what is added up in rows; None if these are too many."""
        out: list[Term] = []
        stack = [(v, rows, 1.0)]
        while stack:
            v, rows, factor = stack.pop()
            if not self.depends[v]:
                continue
            below = self._below(v, rows, factor) if self.moved[v] else None
            if below is None:
                out.append(Term(v, rows, factor))
            else:
                stack += below[::-1]
            if len(out) + len(stack) > MOST_TERMS:
                return None
        return out

    def _below(self, v: int, rows: Any, factor: float) -> list[tuple[int, Any, float]] | None:
        """The operands of a linear operator that go into these rows; None for another one."""
        op, _, shape, operands, _ = self.code[v]
        if op in SUMS:
            target = self.places.target(v)
            if target is NotImplemented:
                return None
            return [(operands[0], np.where(target >= 0, rows[target], -1), factor)]
        if op in PLACED:
            return [(k, self._placed(v, n, k, rows), factor) for n, k in enumerate(operands)]
        if op in ("add", "subtract"):
            if any(self.depends[k] and self.code[k][2] != shape for k in operands):
                return None
            signs = (1.0, 1.0 if op == "add" else -1.0)
            return [(k, rows, factor * sign) for k, sign in zip(operands, signs, strict=True)]
        scaled = self.factor(v)
        return None if scaled is None else [(scaled[0], rows, factor * scaled[1])]

    def _placed(self, v: int, n: int, k: int, rows: Any) -> Any:
        """The rows of the elements of operand n (value k), which v holds once at most."""
        source = self.places.source(v, n)
        if source is None:
            return rows
        return placed_rows(source, rows, prod(self.code[k][2]))

    def roots(self, values: list[int]) -> dict[int, Any]:
        """The copies of inputs that these values are computed from, and their columns."""
        out: dict[int, Any] = {}
        seen, stack = set(values), list(values)
        while stack:
            v = stack.pop()
            if self.maps[v] is not None:
                out[v] = self.maps[v]
                continue
            for k in self.code[v][3]:
                if self.depends[k] and k not in seen:
                    seen.add(k)
                    stack.append(k)
        return dict(sorted(out.items()))


def cut_program(program: Program, firsts: list[int | None], n_outputs: int) -> Cut | None:
    """The part of a program between its index maps.

    Parameters
    ----------
    program : Program
        Simplified.
    firsts : list
        The first column of each input, None for those that are not differentiated.
    n_outputs : int
        How many of the outputs are differentiated.

    Returns
    -------
    Cut or None
        None where there is nothing to cut, or too much of it.
    """
    if len(program) > MOST_INSTRUCTIONS:
        return None
    walk = _Walk(program, firsts)
    terms: list[Term] = []
    start = 0
    for v in program.outputs[:n_outputs]:
        size = prod(walk.code[v][2])
        found = walk.terms(v, np.arange(start, start + size))
        if found is None:
            return None
        terms += found
        start += size
    values = list(dict.fromkeys(t.value for t in terms))
    columns = walk.roots(values)
    if set(columns) <= set(range(program.n_inputs)) and set(values) <= set(program.outputs):
        return None
    if not terms:
        return None
    return Cut(program, columns, terms, walk.places.watched, False)
