"""Einstein summation: every form NumPy accepts, planned once per subscripts and shapes.

The plan (cached) takes diagonals of repeated labels, sums labels nobody else needs, and contracts
the operands two at a time in the order of NumPy's greedy path, each time as one batched matmul
between reshapes. So large contractions run at the speed of BLAS, and derivatives need no rule of
their own. The planner knows labels and shapes only, never an Array.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff._face import misfit
from cdiff.numpy._common import NUMPY, as_array, mirrors, of_values, store
from cdiff.numpy._index import diagonal_view

__all__ = ["einsum"]

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

Shape = tuple[int, ...]


class Single(NamedTuple):
    """What is done to one operand before it meets another."""

    diagonals: tuple[tuple[int, int], ...]
    shape: Shape | None  # without the unit axes that broadcast against longer ones
    summed: Shape


class Pair(NamedTuple):
    """One contraction of the operands at two places of the working list."""

    places: tuple[int, int]
    perms: tuple[Shape | None, Shape | None]
    shapes: tuple[Shape, Shape]
    product: Any
    shape: Shape


class Plan(NamedTuple):
    singles: tuple[Single, ...]
    pairs: tuple[Pair, ...]
    perm: Shape | None


@mirrors(np.einsum)
def einsum(
    *operands: Any,
    out: Any = None,
    optimize: Any = False,
    dtype: Any = None,
    order: str = "K",
    casting: str = "safe",
) -> Array:
    """As `numpy.einsum`: sums of products by indices; the order of contraction is always optimised.

    >>> cd.grad(lambda x: cnp.einsum("i,i->", x, x))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    spec, arrays = _split_operands(operands)
    if dtype is not None:
        for a in arrays:
            if not NUMPY.can_cast(a.dtype, dtype, casting):
                raise TypeError(
                    f"einsum: an operand of dtype {a.dtype} cannot be cast to {np.dtype(dtype)} by "
                    f"the rule {casting!r}"
                )
        arrays = [_core.cast(a, dtype) for a in arrays]
    if all(a.dtype.kind in "biu" for a in arrays):  # the sums of NumPy's own do not grow wider
        result = as_array(of_values(NUMPY.einsum, spec, *arrays))
        return result if out is None else store(out, result, "einsum")
    plan = _planned(spec, tuple([a.shape for a in arrays]))
    work = [_prepared(a, single) for a, single in zip(arrays, plan.singles, strict=True)]
    for places, perms, shapes, product, shape in plan.pairs:
        b, a = work.pop(places[1]), work.pop(places[0])
        a = _arranged(a, perms[0], shapes[0])
        b = _arranged(b, perms[1], shapes[1])
        c = product(a, b)
        work.append(c if c.shape == shape else _core.reshape(c, shape))
    result = work[0] if plan.perm is None else _core.transpose(work[0], plan.perm)
    if plan.pairs and (optimize or _is_turned(plan, arrays)):
        _core.note_any_order(result)
    return result if out is None else store(out, result, "einsum")


def _is_turned(plan: Plan, arrays: list[Array]) -> bool:
    """Do axes come in another order, which that of NumPy's result in memory follows?"""
    return (
        plan.perm is not None
        or any(perm is not None for pair in plan.pairs for perm in pair.perms)
        or any(_core.may_lie_otherwise(a) for a in arrays)
    )


def _prepared(a: Array, single: Single) -> Array:
    for i, j in single.diagonals:
        a = diagonal_view(a, 0, i, j)
    if single.shape is not None:
        a = _core.reshape(a, single.shape)
    return _core.sum(a, single.summed, False) if single.summed else a


def _arranged(a: Array, perm: Shape | None, shape: Shape) -> Array:
    a = a if perm is None else _core.transpose(a, perm)
    return a if a.shape == shape else _core.reshape(a, shape)


# --- subscripts -----------------------------------------------------------------------------------


def _split_operands(operands: tuple[Any, ...]) -> tuple[str, list[Array]]:
    """Subscripts as a string, and the arrays, from either way of calling einsum."""
    if not operands:
        raise ValueError("einsum: must specify the subscripts and at least one operand")
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), [as_array(x) for x in operands[1:]]
    terms = [_term(sublist) for sublist in operands[1::2]]
    spec = ",".join(terms)
    if len(operands) % 2:
        spec += "->" + _term(operands[-1])
    return spec, [as_array(x) for x in operands[: len(operands) // 2 * 2 : 2]]


def _term(sublist: Any) -> str:
    try:
        return "".join(["..." if i is Ellipsis else LETTERS[i.__index__()] for i in sublist])
    except (AttributeError, IndexError, TypeError):
        raise TypeError(
            f"einsum: each operand must be followed by a list of ints below 52 or Ellipsis, got "
            f"{sublist!r}"
        ) from None


def _labels(spec: str, shapes: tuple[Shape, ...]) -> tuple[list[list[Any]], list[Any]]:
    """Labels of each operand's axes and of the result's; axes of an ellipsis get numbers."""
    left, arrow, right = spec.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise misfit(f"einsum: {len(shapes)} operands do not fit the subscripts {spec!r}")
    inputs, widest = [], 0
    for term, shape in zip(terms, shapes, strict=True):
        inputs.append(_expanded(term, len(shape), spec))
        widest = max(widest, sum(isinstance(label, int) for label in inputs[-1]))
    dots: list[Any] = list(range(-widest, 0))
    letters = [label for term in inputs for label in term if isinstance(label, str)]
    if not arrow:
        return inputs, dots + sorted({c for c in letters if letters.count(c) == 1})
    before, ellipsis, after = right.partition("...")
    if widest and not ellipsis:
        raise ValueError(
            f"einsum: the operands have more axes than the subscripts {spec!r} name, so the output "
            "needs '...' too"
        )
    for label in before + after:
        if label not in letters or (before + after).count(label) > 1:
            raise ValueError(
                f"einsum: output subscript {label!r} in {spec!r} must appear in an input, and once "
                "in the output"
            )
    return inputs, [*before, *dots, *after]


def _expanded(term: str, ndim: int, spec: str) -> list[Any]:
    """Labels of one operand; the axes of its ellipsis are numbered from the right."""
    before, ellipsis, after = term.partition("...")
    for label in before + after:
        if label not in LETTERS:
            raise ValueError(f"einsum: invalid subscript {label!r} in {spec!r}")
    missing = ndim - len(before) - len(after)
    if missing < 0 or (missing and not ellipsis):
        raise misfit(
            f"einsum: subscripts {term!r} name {len(before + after)} axes of an operand that has "
            f"{ndim}"
        )
    return [*before, *range(-missing, 0), *after]


# --- plan -----------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _planned(spec: str, shapes: tuple[Shape, ...]) -> Plan:
    inputs, output = _labels(spec, shapes)
    sizes: dict[Any, int] = {}
    for labels, shape in zip(inputs, shapes, strict=True):
        for label, n in zip(labels, shape, strict=True):
            if sizes.setdefault(label, n) != n:
                if 1 not in (sizes[label], n):
                    raise misfit(
                        f"einsum: label {label!r} stands for axes of length {sizes[label]} and {n} "
                        f"in {spec!r} with operands of shape {', '.join(map(str, shapes))}"
                    )
                sizes[label] = n if sizes[label] == 1 else sizes[label]
    kept = [_kept_axes(*operand, sizes) for operand in zip(inputs, shapes, strict=True)]
    singles, work = [], []
    for k, (diagonals, left, labels) in enumerate(kept):
        others = [label for i, term in enumerate(kept) if i != k for label in term[2]]
        needed = {*others, *output}
        summed = tuple([i for i, label in enumerate(labels) if label not in needed])
        singles.append(Single(diagonals, left, summed))
        work.append([label for label in labels if label in needed])
    pairs = []
    for i, j in _path(work, output, sizes):
        b, a = work.pop(j), work.pop(i)
        needed = {label for term in work for label in term}.union(output)
        pair, rest = _plan_pair((i, j), a, b, needed, sizes)
        pairs.append(pair)
        work.append(rest)
    perm = tuple([work[0].index(label) for label in output])
    return Plan(tuple(singles), tuple(pairs), None if perm == tuple(range(len(perm))) else perm)


def _kept_axes(
    labels: list[Any], shape: Shape, sizes: dict[Any, int]
) -> tuple[tuple[tuple[int, int], ...], Shape | None, list[Any]]:
    """Diagonals to take of one operand, its shape without stretched unit axes, and its labels."""
    axes = list(zip(labels, shape, strict=True))
    diagonals = []
    for label in dict.fromkeys(labels):
        while (places := [i for i, axis in enumerate(axes) if axis[0] == label])[1:]:
            i, j = places[:2]
            if axes[i][1] != axes[j][1]:
                raise misfit(
                    f"einsum: dimensions in operand of shape {shape} for collapsing index "
                    f"{label!r} don't match"
                )
            diagonals.append((i, j))
            axes = [*(axis for k, axis in enumerate(axes) if k not in (i, j)), axes[i]]
    kept = [(label, n) for label, n in axes if n == sizes[label]]
    dropped = None if len(kept) == len(axes) else tuple([n for _, n in kept])
    return tuple(diagonals), dropped, [label for label, _ in kept]


def _path(work: list[list[Any]], output: list[Any], sizes: dict[Any, int]) -> list[Any]:
    """Pairs of places (i < j) to contract, in order."""
    if len(work) < 3:
        return [(0, 1)] if len(work) == 2 else []
    number = {label: k for k, label in enumerate(sizes)}
    operands: list[Any] = []
    for labels in work:
        operands.append(np.broadcast_to(0.0, [sizes[label] for label in labels]))
        operands.append([number[label] for label in labels])
    found = np.einsum_path(*operands, [number[label] for label in output], optimize="greedy")[0]
    pairs = []
    count = len(work)
    for places in found[1:]:
        i, *more = sorted(places)
        # Three or more at once: the rest are met one by one by the product, which is put last.
        for done, j in enumerate(more):
            pairs.append((i, j) if not done else (j - done - 1, count - 1))
            count -= 1
    return pairs


def _plan_pair(
    places: tuple[int, int], a: list[Any], b: list[Any], needed: set[Any], sizes: dict[Any, int]
) -> tuple[Pair, list[Any]]:
    """Two operands as stacks of matrices: shared and kept, own, shared and summed labels."""
    batch = [label for label in a if label in b and label in needed]
    summed = [label for label in a if label in b and label not in needed]
    a_own = [label for label in a if label not in b]
    b_own = [label for label in b if label not in a]

    def lengths(labels: list[Any]) -> Shape:
        return tuple([sizes[label] for label in labels])

    stack, count = lengths(batch), math.prod(lengths(summed))
    rows, columns = lengths(a_own), lengths(b_own)
    if summed:
        a_order, b_order = batch + a_own + summed, batch + summed + b_own
        # A vector instead of a matrix with one row or column, where there is no stack.
        a_shape = (*stack, math.prod(rows), count) if stack or rows else (count,)
        b_shape = (*stack, count, math.prod(columns)) if stack or columns else (count,)
    else:
        a_order, b_order = batch + a_own, batch + b_own
        a_shape = stack + rows + (1,) * len(columns)
        b_shape = stack + (1,) * len(rows) + columns
    perms = (_order(a, a_order), _order(b, b_order))
    product = _core.matmul if summed else _core.multiply
    pair = Pair(places, perms, (a_shape, b_shape), product, stack + rows + columns)
    return pair, batch + a_own + b_own


def _order(labels: list[Any], wanted: list[Any]) -> Shape | None:
    """The permutation that brings labels into an order, None where they have it already."""
    return None if labels == wanted else tuple([labels.index(label) for label in wanted])
