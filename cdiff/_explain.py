"""Dimension analysis: the shapes of all factors of the chain rule along a recorded graph.

`explain` records a function, names the intermediate values, and writes down the chain rule from
the output back to the argument with the shape of every factor, so that a derivation by hand can
be checked by shapes alone. It reads the graph through one function of the core and knows no
operator by name. No derivative is computed, so it costs one run of the function.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from cdiff._core import Array, Level, graph, leaf
from cdiff._leaves import shape_of
from cdiff._wrap import Inputs, Outputs

if TYPE_CHECKING:
    from collections.abc import Callable

    Shape = tuple[int, ...]
    Node = tuple[str, Shape, list[Any]]  # operator, shape, parents

__all__ = ["Explanation", "Factor", "Link", "Value", "record"]


class Value(NamedTuple):
    """A value of the calculation: its name, operator, shape and the values it is made from."""

    name: str
    op: str
    shape: Shape
    parents: tuple[str, ...]


class Factor(NamedTuple):
    """The derivative of `above` by `below` and its shape in the layout of the explanation.

    ``direct`` (written with a round d) says that only the operator that makes `above` counts,
    not other ways by which it depends on `below`.
    """

    above: str
    below: str
    shape: Shape
    direct: bool

    def __str__(self) -> str:
        d = "\N{PARTIAL DIFFERENTIAL}" if self.direct else "d"
        return f"{d} {self.above} / {d} {self.below}"


class Link(NamedTuple):
    """One application of the chain rule: `result` is the sum of the products in `terms`.

    The one or two factors of a product stand in the order in which they are multiplied, summing
    over the axes of the value between them.
    """

    result: Factor
    terms: tuple[tuple[Factor, ...], ...]


class Explanation:
    """The dimension analysis of a derivative; print it to read it.

    Attributes
    ----------
    layout : {"numerator", "denominator"}
    values : tuple of Value
        From the argument ``x`` to the output ``y``.
    factors : tuple of Factor
        The derivative of every value by every value it is made from directly.
    links : tuple of Link
        The chain rule, from the output back to the argument.
    shape : tuple of int
        Shape of the whole derivative.
    depends : bool
        Whether the output depends on the argument at all.

    Examples
    --------
    >>> import numpy as np
    >>> from cdiff.matrix_calculus import explain
    >>> found = explain(lambda x: np.sin(x).sum(), np.ones(3))
    >>> found.shape, [str(factor) for factor in found.factors]
    ((3,), ['∂ v1 / ∂ x', '∂ y / ∂ v1'])
    """

    def __init__(self, values: list[Value], layout: str, depends: bool) -> None:
        self.layout = layout
        self.values = tuple(values)
        self.depends = depends
        self._shapes = {value.name: value.shape for value in values}
        self._output = values[-1].name
        self.factors = tuple(
            [self._factor(v.name, parent, True) for v in values for parent in v.parents]
        )
        self.links = tuple(self._chain()) if depends else ()
        self.shape = self._factor(self._output, "x", False).shape

    def _factor(self, above: str, below: str, direct: bool) -> Factor:
        up, down = self._shapes[above], self._shapes[below]
        shape = up + down if self.layout == "numerator" else down + up
        return Factor(above, below, shape, direct)

    def _matrix(self, factor: Factor) -> str:
        """Rows and columns of a factor when every value is a vector of its entries."""
        up, down = prod(self._shapes[factor.above]), prod(self._shapes[factor.below])
        return f"{up}x{down}" if self.layout == "numerator" else f"{down}x{up}"

    def _chain(self) -> list[Link]:
        """``dy/dv = sum over the children c of v of (dy/dc) (direct dc/dv)``, for all v."""
        children: dict[str, list[str]] = {value.name: [] for value in self.values}
        for value in self.values:
            for parent in value.parents:
                children[parent].append(value.name)
        return [
            Link(
                self._factor(self._output, value.name, False),
                tuple([self._term(child, value.name) for child in children[value.name]]),
            )
            for value in reversed(self.values[:-1])
        ]

    def _term(self, middle: str, below: str) -> tuple[Factor, ...]:
        inner = self._factor(middle, below, True)
        if middle == self._output:
            return (inner,)
        outer = self._factor(self._output, middle, False)
        return (outer, inner) if self.layout == "numerator" else (inner, outer)

    def __str__(self) -> str:
        rule = "y.shape + x.shape" if self.layout == "numerator" else "x.shape + y.shape"
        lines = [f"Dimension analysis, {self.layout} layout: d y / d x has shape {rule}", ""]
        lines += ["values", *self._value_lines(), ""]
        if not self.depends:
            lines += ["y does not depend on x: the derivative is zero", ""]
        elif self.factors:
            lines += ["factors", *_columns([(str(f), str(f.shape)) for f in self.factors]), ""]
            chain = [row for link in self.links for row in self._link_rows(link)]
            lines += ["chain rule, from the output back", *_columns(chain), ""]
        lines.append(f"d {self._output} / d x has shape {self.shape}")
        return "\n".join(lines)

    __repr__ = __str__

    def words(self) -> str:
        """The analysis in sentences.

        Returns
        -------
        str
        """
        first, last = self.values[0], self.values[-1]
        order = f"{last.name}'s axes, then {first.name}'s"
        if self.layout == "denominator":
            order = f"{first.name}'s axes, then {last.name}'s"
        text = [
            f"{first.name} is {_kind(first.shape)}, {last.name} is {_kind(last.shape)}. In the "
            f"{self.layout} layout the axes of d {last.name} / d {first.name} are {order}: it is "
            f"{_kind(self.shape)}."
        ]
        if not self.depends:
            return f"{text[0]} {last.name} does not depend on {first.name}: all of it is zero."
        for value in self.values[1:]:
            made = " and ".join(value.parents)
            text.append(f"{value.name} is made by {value.op} from {made}: {_kind(value.shape)}.")
        for link in self.links:
            ways = len(link.terms)
            sides = [" times ".join([f"{f} ({self._matrix(f)})" for f in t]) for t in link.terms]
            joined = " plus ".join(sides)
            many = f", one term for each of {ways} ways" if ways > 1 else ""
            text.append(f"{link.result} ({self._matrix(link.result)}) is {joined}{many}.")
        return "\n".join(text)

    def latex(self) -> str:
        """The chain rule as LaTeX, with the size of every factor under it.

        Returns
        -------
        str
            An ``aligned`` environment, without dollar signs.
        """
        rows = [
            f"{self._tex(link.result)} &= "
            + " + ".join([r" \, ".join([self._tex(f) for f in term]) for term in link.terms])
            for link in self.links
        ]
        if not rows:
            rows = [f"{self._tex(self._factor(self._output, 'x', False))} &= 0"]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _tex(self, factor: Factor) -> str:
        d = r"\partial" if factor.direct else r"\mathrm{d}"
        above, below = [
            f"{d} {name[0]}_{{{name[1:]}}}" if len(name) > 1 else f"{d} {name}"
            for name in (factor.above, factor.below)
        ]
        size = self._matrix(factor).replace("x", r" \times ")
        return rf"\underbrace{{\frac{{{above}}}{{{below}}}}}_{{{size}}}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def _value_lines(self) -> list[str]:
        first = self.values[0]
        rows: list[tuple[str, ...]] = [(first.name, str(first.shape), "the argument")]
        rows += [
            (v.name, str(v.shape), f"{v.op}({', '.join(v.parents)})" if v.parents else v.op)
            for v in self.values[1:]
        ]
        return _columns(rows)

    def _link_rows(self, link: Link) -> list[tuple[str, ...]]:
        """One row per product: names, shapes, and sizes as matrices."""
        rows: list[tuple[str, ...]] = []
        for i, term in enumerate(link.terms):
            head = (f"{link.result} =", f"{link.result.shape} =", f"{self._matrix(link.result)} =")
            names, shapes, sizes = head if i == 0 else ("+", "+", "+")
            rows.append(
                (
                    names,
                    " . ".join([str(factor) for factor in term]),
                    f"{shapes} {' . '.join([str(factor.shape) for factor in term])}",
                    f"[{sizes} {' . '.join([self._matrix(factor) for factor in term])}]",
                )
            )
        return rows


def _kind(shape: Shape) -> str:
    """A shape in words."""
    if not shape:
        return "a number"
    if len(shape) == 1:
        return f"a vector of {shape[0]}"
    size = " x ".join([str(n) for n in shape])
    return f"a matrix of {size}" if len(shape) == 2 else f"an array of {size}"


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows of text as aligned columns."""
    widths = [max([len(cell) for cell in column]) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join([cell.ljust(w) for cell, w in zip(row, widths, strict=True)]).rstrip()
        for row in rows
    ]


def record(f: Callable[..., Any], x: Any, layout: str) -> Explanation:
    """Record a function and name the values between argument and output.

    Parameters
    ----------
    f : callable
        Takes one number or array, returns one.
    x : float, ndarray or Array
    layout : {"numerator", "denominator"}

    Returns
    -------
    Explanation

    Raises
    ------
    TypeError
        If the argument or the output is not one number or array.
    """
    inputs = Inputs((x,), 0, "explain")
    if len(inputs.leaves) != 1 or inputs.leaves[0] is not x:
        raise TypeError("explain needs one number or array as argument, not a container")
    with Level() as level:
        traced = leaf(x, level)
        outputs = Outputs(f(traced), f, level)
        y = outputs.leaves[0] if len(outputs.leaves) == 1 else None
        if y is None or outputs.treedef.family is not None:
            raise TypeError("explain needs a function that returns one number or array")
        nodes = graph(y) if y.__class__ is Array else []
        values = _name_values(nodes, id(traced))
    if not values:
        argument = Value("x", "", shape_of(x), ())
        return Explanation([argument, Value("y", "constant", shape_of(y), ())], layout, False)
    return Explanation(values, layout, True)


def _name_values(nodes: list[Any], start: Any) -> list[Value]:
    """The nodes that depend on the argument, as values x, v1, v2, ..., y."""
    kept: dict[Any, Node] = {}
    for node, op, shape, parents, *_ in nodes:
        known = [p for p in dict.fromkeys(parents) if p in kept]
        if known or node == start:
            kept[node] = (op, tuple(shape), known)
    if start not in kept:
        return []
    last = nodes[-1][0]
    _fold_reshapes(kept, start, last)
    names = {start: "x"}
    values = [Value("x", "", kept.pop(start)[1], ())]
    for node, (op, shape, parents) in kept.items():
        names[node] = "y" if node == last else f"v{len(values)}"
        values.append(Value(names[node], op, shape, tuple([names[p] for p in parents])))
    return values


def _fold_reshapes(kept: dict[Any, Node], start: Any, last: Any) -> None:
    """Write reshapes that only add or drop axes of length one into their neighbours.

    Operators make them for themselves (a vector times a matrix is a one-row matrix times a
    matrix); nobody derives by hand through them.
    """
    uses: dict[Any, int] = dict.fromkeys(kept, 0)
    for _, _, parents in kept.values():
        for p in parents:
            uses[p] += 1
    alias: dict[Any, Any] = {}
    for node in list(kept):
        op, shape, parents = kept[node]
        parents = list(dict.fromkeys([alias.get(p, p) for p in parents]))
        kept[node] = (op, shape, parents)
        if op != "reshape" or _squeezed(shape) != _squeezed(kept[parents[0]][1]):
            continue
        parent = parents[0]
        if parent != start and uses[parent] == 1:
            before = kept.pop(parent)
            kept[node] = (before[0], shape, before[2])
        elif node != last:
            del kept[node]
            alias[node] = parent
            uses[parent] += uses[node] - 1


def _squeezed(shape: Shape) -> Shape:
    return tuple([n for n in shape if n != 1])
