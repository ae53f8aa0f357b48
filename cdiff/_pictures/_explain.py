"""Dimension analysis: the shapes of all factors of the chain rule along a recorded graph.

`explain` records a function, names the intermediate values, and writes down the chain rule from
the output back to the argument with the shape of every factor, so that a derivation by hand can
be checked by shapes alone. It reads the graph through one function of the core and knows no
operator by name. No derivative is computed, so it costs one run of the function.
"""

from __future__ import annotations

import re
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from cdiff._arguments._leaves import shape_of
from cdiff._arguments._tree import leaf_paths
from cdiff._arguments._wrap import Inputs, Outputs
from cdiff._core import Array, Level, graph, leaf

if TYPE_CHECKING:
    from collections.abc import Callable

    Shape = tuple[int, ...]
    Node = tuple[str, Shape, list[Any]]  # operator, shape, parents

__all__ = ["Explanation", "Factor", "Link", "Value", "record"]


class Value(NamedTuple):
    """A value of the calculation: its name, operator, shape and the values it is made from.

    A value that an operator takes twice, as in ``x * x``, counts once among the parents.
    """

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
    arguments : tuple of str
        ``("x",)``, or what the parts of a container are called: ``("x['a']", "x['b']")``.
    values : tuple of Value
        From the argument ``x``, or its parts, to the output ``y``.
    factors : tuple of Factor
        The derivative of every value by every value it is made from directly.
    links : tuple of Link
        The chain rule, from the output back to the argument.
    shape : tuple of int, or dict
        Shape of the whole derivative; by each part of a container, under its name.
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

    def __init__(
        self, values: list[Value], layout: str, output: str, arguments: tuple[str, ...] = ("x",)
    ) -> None:
        self.layout = layout
        self.arguments = arguments
        self.values = tuple(values)
        self._shapes = {value.name: value.shape for value in values}
        self._output = output
        self.factors = tuple(
            [self._factor(v.name, parent, True) for v in values for parent in v.parents]
        )
        used = {parent for value in values for parent in value.parents} | {output}
        self._unused = [x for x in arguments if x not in used]
        self.depends = len(self._unused) < len(arguments)
        self.links = tuple(self._chain()) if self.depends else ()
        shapes = {x: self._factor(output, x, False).shape for x in arguments}
        self.shape: Shape | dict[str, Shape] = shapes if arguments != ("x",) else shapes["x"]

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
            for value in reversed(self.values)
            if children[value.name]
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
        y = self._output
        lines += ["values", *self._value_lines(), ""]
        lines += [f"{y} does not depend on {x}: the derivative is zero" for x in self._unused]
        lines += [""] * bool(self._unused)
        if self.factors:
            lines += ["factors", *_columns([(str(f), str(f.shape)) for f in self.factors]), ""]
            chain = [row for link in self.links for row in self._link_rows(link)]
            lines += ["chain rule, from the output back", *_columns(chain), ""]
        for x in self.arguments:
            lines.append(f"d {y} / d {x} has shape {self._factor(y, x, False).shape}")
        return "\n".join(lines)

    __repr__ = __str__

    def words(self) -> str:
        """The analysis in sentences.

        Returns
        -------
        str
        """
        y, text = self._output, []
        for x in self.arguments:
            order = f"{y}'s axes, then {x}'s"
            if self.layout == "denominator":
                order = f"{x}'s axes, then {y}'s"
            shape = self._factor(y, x, False).shape
            text.append(
                f"{x} is {_kind(self._shapes[x])}, {y} is {_kind(self._shapes[y])}. In the "
                f"{self.layout} layout the axes of d {y} / d {x} are {order}: it is {_kind(shape)}."
            )
            if x in self._unused:
                text[-1] += f" {y} does not depend on {x}: all of it is zero."
        if not self.depends:
            return "\n".join(text)
        for value in self.values[len(self.arguments) :]:
            made = " and ".join(value.parents)
            made = f" from {made}" if made else ""
            text.append(f"{value.name} is made by {value.op}{made}: {_kind(value.shape)}.")
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
        y = self._output
        rows += [f"{self._tex(self._factor(y, x, False))} &= 0" for x in self._unused]
        if y in self.arguments:
            rows.append(f"{self._tex(self._factor(y, y, False))} &= I")
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _tex(self, factor: Factor) -> str:
        d = r"\partial" if factor.direct else r"\mathrm{d}"
        above, below = [f"{d} {_tex_name(name)}" for name in (factor.above, factor.below)]
        size = self._matrix(factor).replace("x", r" \times ")
        return rf"\underbrace{{\frac{{{above}}}{{{below}}}}}_{{{size}}}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def _value_lines(self) -> list[str]:
        n = len(self.arguments)
        what = "the argument" if n == 1 else "a part of the argument"
        rows: list[tuple[str, ...]] = [(v.name, str(v.shape), what) for v in self.values[:n]]
        rows += [
            (v.name, str(v.shape), f"{v.op}({', '.join(v.parents)})" if v.parents else v.op)
            for v in self.values[n:]
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


def _tex_name(name: str) -> str:
    """``v12`` or ``x['a'][0]`` with what follows the letter as an index."""
    words = ", ".join(re.findall(r"\w+", name[1:]))
    return f"{name[0]}_{{{words}}}" if words else name


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


def record(f: Callable[..., Any], x: Any, layout: str, kwargs: dict[str, Any]) -> Explanation:
    """Record a function and name the values between argument and output.

    Parameters
    ----------
    f : callable
        Takes what `x` is, returns one number or array.
    x : float, ndarray, Array or container of them
    layout : {"numerator", "denominator"}
    kwargs : dict
        Further arguments of `f`, not differentiated.

    Returns
    -------
    Explanation

    Raises
    ------
    TypeError
        If there is no number in the argument, or the output is not one number or array.
    """
    inputs = Inputs((x,), 0, "explain")
    names = leaf_paths(inputs.trees[0], "x")
    if not names:
        raise TypeError("explain: the argument holds no number or array")
    with Level() as level:
        traced = [leaf(part, level) for part in inputs.leaves]
        outputs = Outputs(inputs.run(f, traced, kwargs), f, level)
        y = outputs.leaves[0] if len(outputs.leaves) == 1 else None
        if y is None or outputs.treedef.family is not None:
            raise TypeError("explain needs a function that returns one number or array")
        nodes = graph(y) if y.__class__ is Array else []
        starts = {id(node): name for node, name in zip(traced, names, strict=True)}
        values, output = _name_values(nodes, starts)
    shapes = {v.name: v.shape for v in values}
    arguments = [
        Value(name, "", shapes.get(name, shape_of(part)), ())
        for name, part in zip(names, inputs.leaves, strict=True)
    ]
    made = [v for v in values if v.name not in starts.values()]
    if not values:
        made, output = [Value("y", "constant", shape_of(y), ())], "y"
    return Explanation([*arguments, *made], layout, output, tuple(names))


def _name_values(nodes: list[Any], starts: dict[Any, str]) -> tuple[list[Value], str]:
    """The nodes that depend on the arguments, as values x, v1, v2, ..., y; the name of the last."""
    kept: dict[Any, Node] = {}
    for node, op, shape, parents, *_ in nodes:
        known = [p for p in dict.fromkeys(parents) if p in kept]
        if known or node in starts:
            kept[node] = (op, tuple(shape), known)
    names = {node: name for node, name in starts.items() if node in kept}
    if not names:
        return [], ""
    last = nodes[-1][0]
    _fold_reshapes(kept, starts, last)
    values = [Value(name, "", kept.pop(node)[1], ()) for node, name in names.items()]
    for number, (node, (op, shape, parents)) in enumerate(kept.items(), 1):
        names[node] = "y" if node == last else f"v{number}"
        values.append(Value(names[node], op, shape, tuple([names[p] for p in parents])))
    return values, names[last]


def _fold_reshapes(kept: dict[Any, Node], starts: Any, last: Any) -> None:
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
        if parent not in starts and uses[parent] == 1:
            before = kept.pop(parent)
            kept[node] = (before[0], shape, before[2])
        elif node != last:
            del kept[node]
            alias[node] = parent
            uses[parent] += uses[node] - 1


def _squeezed(shape: Shape) -> Shape:
    return tuple([n for n in shape if n != 1])
