"""Pictures of calculations: `draw`, for arrays, functions and compiled functions.

A graph comes from the core as plain rows, a program as a list of instructions; both become `Box`es,
of which large graphs are folded by the function that made them, then placed and drawn as SVG. Knows
no operator: a box says what the core calls it. Nothing here is fast or has to be.
"""

from __future__ import annotations

import inspect
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cdiff._arguments._leaves import shape_of
from cdiff._arguments._tree import flatten, flatten_like, leaf_paths
from cdiff._arguments._wrap import Inputs, Outputs, function_name
from cdiff._checks._debug import debug_lines
from cdiff._core import Array, Level, adjoints, graph, leaf, replay
from cdiff._pictures._layout import layered
from cdiff._pictures._svg import Picture, box, curve, document, text, text_width

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdiff._core import Program

__all__ = ["draw", "draw_program", "parameter_names"]

MAX_BOXES = 80
FILLS = {"input": "#e3f4e1", "constant": "#f0f0f0", "output": "#fdecc8", "operation": "#e8f0fb",
         "folded": "#efe6f7"}  # fmt: skip
ADJOINT = "#b3261e"


class Box(NamedTuple):
    """One value of a calculation, or several folded into one.

    Attributes
    ----------
    kind : str
        A key of `FILLS`.
    lines : tuple of str
        The text in it; the first is the title.
    adjoint : str
        The derivative of the output by this value, where it is known.
    operands : tuple of (int, str)
        The boxes it is made from, each with what it hands back to it.
    origin : tuple or None
        (file, line, function) of the code that made it.
    """

    kind: str
    lines: tuple[str, ...]
    adjoint: str
    operands: tuple[tuple[int, str], ...]
    origin: Any


def draw(
    y: Any,
    *args: Any,
    values: bool = True,
    adjoint: Any = None,
    max_boxes: int = MAX_BOXES,
    **kwargs: Any,
) -> Picture:
    """A picture of a calculation: operators, shapes, values and derivatives.

    Parameters
    ----------
    y : Array, callable or compiled function
        A result, drawn back to what it was made from; or a function, which is run once.
    *args : containers of floats and arrays
        Arguments of the function, all differentiated.
    values : bool, default True
        Whether values and adjoints are written into the boxes.
    adjoint : container of array_like, optional
        The cotangent of the output, of its form, with which the reverse sweep starts; ones by
        default. In red, a box has its adjoint, and an edge what it adds to the operand's.
    max_boxes : int, default 80
        A larger graph is folded: all operations that one function made without a detour through
        another are one box (where lines are known: functions, and arrays made under
        `debug_lines`), else those of one operator.
    **kwargs : object
        Keyword arguments of the function, not differentiated.

    Returns
    -------
    Picture
        Shows itself in a notebook; ``svg`` is the text, ``save(path)`` writes it.

    Raises
    ------
    TypeError
        If `y` is neither an Array nor a function, or there are arguments for an Array.
    ValueError
        If `max_boxes` is less than 2, or `adjoint` has another shape than the output.
    RuntimeError
        If `backward` has freed the graph.

    Examples
    --------
    >>> import cdiff as cd, numpy as np
    >>> x = cd.array([1.0, 2.0], requires_grad=True)
    >>> y = np.sum(np.sin(x) * x)
    >>> cd.draw(y)
    <drawing of y: 4 boxes>
    >>> cd.draw(lambda x: x * x + 1.0, 3.0).svg[:4]
    '<svg'
    """
    if max_boxes.__class__ is not int or max_boxes < 2:
        raise ValueError(f"draw: max_boxes must be an integer >= 2, got {max_boxes!r}")
    if isinstance(y, Array):
        if args or kwargs:
            raise TypeError("draw: an Array is drawn without arguments; draw(f, x) draws f")
        names = _names_of(_variables(sys._getframe(1)))
        return _picture(_boxes_of_graph([y], names, values, [adjoint], 0), max_boxes, "")
    if hasattr(type(y), "draw"):
        if adjoint is not None:
            raise TypeError(
                "draw: a program has no adjoints; draw the program of its derivative, "
                "compile(grad(f)), or the function itself"
            )
        drawing: Picture = y.draw(*args, values=values, max_boxes=max_boxes, **kwargs)
        return drawing
    if not callable(y):
        raise TypeError(f"draw needs an Array or a function, got a {type(y).__name__}")
    return _draw_function(y, args, kwargs, values, adjoint, max_boxes)


# --- from a graph ---------------------------------------------------------------------------------


def _variables(frame: Any) -> list[tuple[str, Any]]:
    """The variables that code can see, the local ones last."""
    return [*frame.f_globals.items(), *frame.f_locals.items()]


def _names_of(variables: list[tuple[str, Any]]) -> dict[int, str]:
    """The names of the Arrays among variables, by what the graph calls them."""
    return {id(x): name for name, x in variables if isinstance(x, Array) and name.isidentifier()}


def _draw_function(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    values: bool,
    adjoint: Any,
    max_boxes: int,
) -> Picture:
    inputs = Inputs(args, tuple(range(len(args))), "draw")
    seen: list[tuple[str, Any]] = []

    def note(frame: Any, event: str, _: Any) -> None:
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        if event == "return" and package not in _NOT_USERS:
            seen.extend([(k, v) for k, v in frame.f_locals.items() if isinstance(v, Array)])

    with debug_lines(), Level() as level:
        traced = [leaf(x, level) for x in inputs.leaves]
        before = sys.getprofile()
        sys.setprofile(note)
        try:
            out = inputs.run(f, traced, kwargs)
        finally:
            _profile_again(before)
        outputs = Outputs(out, f, level)
        names = _names_of(seen)
        names.update({id(x): n for x, n in zip(traced, argument_names(f, args), strict=True)})
        paths = leaf_paths(outputs.treedef, "the output")
        found = [
            (y, path) for y, path in zip(outputs.leaves, paths, strict=True) if type(y) is Array
        ]
        if not found:
            raise TypeError(
                "draw needs a function with an array or a number that depends on its arguments; "
                f"{function_name(f)} returned none"
            )
        if len(paths) > 1:
            names = {**{id(y): path for y, path in found}, **names}
        seeds = [None] * len(found) if adjoint is None else [
            seed for seed, y in zip(flatten_like(outputs.treedef, adjoint, "draw: adjoint"),
                                    outputs.leaves, strict=True) if type(y) is Array
        ]  # fmt: skip
        boxes = _boxes_of_graph([y for y, _ in found], names, values, seeds, level)
    return _picture(boxes, max_boxes, function_name(f))


def _profile_again(before: Any) -> None:
    """Give the place of the profiler back, which may be one written in C (cProfile)."""
    if before is None or callable(before):
        sys.setprofile(before)
    else:
        before.enable()


_NOT_USERS = ("cdiff", "numpy", "scipy")  # packages whose variables nobody wants to read


def parameter_names(f: Any) -> list[str]:
    """The names of a function's parameters, as far as Python can tell.

    Parameters
    ----------
    f : callable

    Returns
    -------
    list of str
    """
    try:
        return list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        return []


def argument_names(f: Any, args: tuple[Any, ...]) -> list[str]:
    """What a function calls the numbers and arrays in its arguments.

    Parameters
    ----------
    f : callable
    args : tuple

    Returns
    -------
    list of str
    """
    parameters = parameter_names(f)
    names = []
    for i, x in enumerate(args):
        name = parameters[i] if i < len(parameters) else f"argument {i}"
        names += leaf_paths(flatten(x)[1], name)
    return names


def _swept(y: Array, adjoint: Any, level: int) -> tuple[dict[int, Any], dict[Any, Any]]:
    """The adjoints of nodes and edges, of one output."""
    if adjoint is not None and np.shape(adjoint) != shape_of(y):
        raise ValueError(f"draw: adjoint has shape {np.shape(adjoint)}, the output {shape_of(y)}")
    return adjoints(y, adjoint, level)


def _add_up(total: dict[Any, Any], more: dict[Any, Any]) -> None:
    """Sums of adjoints, each where it belongs."""
    for key, g in more.items():
        total[key] = total[key] + g if key in total else g


def _boxes_of_graph(
    outputs: list[Array], names: dict[int, str], values: bool, seeds: list[Any], level: int
) -> list[Box]:
    graphs = [graph(y) for y in outputs]
    rows = list({row.id: row for found in graphs for row in found}.values())
    if any(row.op == "freed" for row in rows):
        raise RuntimeError(
            "draw: backward() has freed this graph; draw it before (adjoints are computed for the "
            "picture, and nothing is freed), or call backward(retain_graph=True)"
        )
    ends = {found[-1].id for found in graphs}
    at_nodes: dict[int, Any] = {}
    at_edges: dict[tuple[int, int], Any] = {}
    if values and any(row.tracked for row in rows if row.id in ends):
        for y, seed in zip(outputs, seeds, strict=True):
            by_node, by_edge = _swept(y, seed, level)
            _add_up(at_nodes, by_node)
            _add_up(at_edges, by_edge)
    place = {row.id: k for k, row in enumerate(rows)}
    boxes = []
    for row in rows:
        kind = "operation" if row.operands or row.constants else "constant"
        if row.op == "leaf":
            kind = "input"
        elif row.id in ends and kind == "operation":
            kind = "output"
        operands = tuple(
            [(place[p], _text_of(at_edges.get((row.id, p)))) for p in dict.fromkeys(row.operands)]
        )
        title = _title(names.get(row.id, ""), row.op, row.constants, kind)
        lines = _described(title, row.shape, row.value if values else None, row.line)
        boxes.append(Box(kind, lines, _text_of(at_nodes.get(row.id)), operands, row.line))
    return boxes


def _title(name: str, op: str, constants: dict[int, float], kind: str) -> str:
    """``name = operator(...)`` with the constants among the operands."""
    if kind in ("input", "constant"):
        return name or kind
    if constants:
        places = range(max(2, 1 + max(constants)))
        op += "(" + ", ".join([f"{constants[k]:.4g}" if k in constants else "." for k in places])
        op += ")"
    return f"{name} = {op}" if name else op


def _described(title: str, shape: Any, value: Any, line: Any) -> tuple[str, ...]:
    lines = ["\0" + title]
    if shape:
        lines.append(str(tuple(shape)))
    if value is not None:
        lines.append(_text_of(value))
    if line is not None and not line[0].startswith("<"):  # no file, as in a doctest or a notebook
        lines.append(f"{os.path.basename(line[0])}:{line[1]}")
    return tuple(lines)


def _text_of(value: Any) -> str:
    """A number or the beginning of an array."""
    if value is None:
        return ""
    value = np.asarray(value)
    flat = value.reshape(-1)
    parts = [f"{x:.4g}" if value.dtype.kind in "fc" else str(x) for x in flat[:3].tolist()]
    if value.ndim == 0:
        return parts[0]
    return "[" + " ".join(parts) + (" ...]" if flat.size > 3 else "]")


# --- from a program -------------------------------------------------------------------------------


def draw_program(
    program: Program,
    name: str,
    inputs: list[Any] | None,
    names: list[str],
    max_boxes: int = MAX_BOXES,
) -> Picture:
    """A picture of a program.

    Parameters
    ----------
    program : Program
    name : str
        Of the function, for the title.
    inputs : list or None
        Values to run it with, which are then written into the boxes.
    names : list of str
        Of the inputs.
    max_boxes : int

    Returns
    -------
    Picture
    """
    found: list[Any] = [None] * len(program)
    if inputs is not None:
        specs = [(np.asarray(x).dtype, np.shape(x)) for x in inputs]
        whole = program.with_inputs(specs, list(range(len(inputs))))
        whole.outputs = list(range(len(whole)))
        whole.guards = []
        found = [y.detach().numpy() for y in replay(whole, inputs) or []]
    lines = program.lines or [None] * len(program)
    outputs = set(program.outputs)
    boxes: list[Box] = []
    place: dict[int, int] = {}
    constants: dict[int, float] = {}
    for i, (op, _, shape, operands, extra) in enumerate(program.instructions()):
        if op == "const" and shape == ():
            constants[i] = float(extra)
            if i not in outputs:
                continue
        op = repr(extra[0]) if op == "call" else op  # of a scan, say, how many steps it has
        name_of = names[extra] if op == "leaf" and extra < len(names) else ""
        kind = {"leaf": "input", "const": "constant"}.get(op, "operation")
        numbers = {k: constants[p] for k, p in enumerate(operands) if p in constants}
        title = _title(name_of, op, numbers, kind)
        kind = "output" if i in outputs and kind == "operation" else kind
        edges = tuple([(place[p], "") for p in dict.fromkeys(operands) if p in place])
        described = _described(title, shape, found[i], lines[i])
        place[i] = len(boxes)
        boxes.append(Box(kind, described, "", edges, lines[i]))
    return _picture(boxes, max_boxes, name)


# --- folding --------------------------------------------------------------------------------------


def _folded(boxes: list[Box], max_boxes: int) -> list[Box]:
    """One box for what one function did; where that is too many still, the last ones and a rest."""
    if len(boxes) <= max_boxes:
        return boxes
    key: list[Any] = []
    for b in boxes:
        # The depth grows wherever the function changes, so no fold is part of a cycle.
        own = b.origin[0:1] + b.origin[2:3] if b.origin else b.lines[0]
        if b.kind in ("input", "output"):
            own = ("", len(key))
        depth = max([key[p][1] + (key[p][0] != own) for p, _ in b.operands], default=0)
        key.append((own, depth))
    groups: dict[Any, list[int]] = {}
    for i, k in enumerate(key):
        groups.setdefault(k, []).append(i)
    merged = _merged(boxes, sorted(groups.values(), key=lambda g: key[g[0]][1]))
    if len(merged) <= max_boxes:
        return merged
    rest = list(range(len(merged) - max_boxes + 1))
    single = [[i] for i in range(len(rest), len(merged))]
    return _merged(merged, [rest, *single])


def _merged(boxes: list[Box], groups: list[list[int]]) -> list[Box]:
    where = {i: k for k, group in enumerate(groups) for i in group}
    out = []
    for k, group in enumerate(groups):
        edges = {
            where[p]: value if len(group) == 1 else ""
            for i in group
            for p, value in boxes[i].operands
            if where[p] != k
        }
        first = boxes[group[0]]
        if len(group) == 1:
            out.append(first._replace(operands=tuple(edges.items())))
            continue
        origin = first.origin
        title = origin[2] if origin else first.lines[0].lstrip("\0").partition("(")[0]
        if len({boxes[i].origin[2] if boxes[i].origin else "" for i in group}) > 1:
            title = "..."
        lines = ["\0" + title, f"{sum([_count(boxes[i]) for i in group])} operations"]
        if origin and title != "...":
            lines.append(f"{os.path.basename(origin[0])}:{origin[1]}")
        out.append(Box("folded", tuple(lines), "", tuple(edges.items()), origin))
    return out


def _count(b: Box) -> int:
    return int(b.lines[1].split()[0]) if b.kind == "folded" else 1


# --- the picture ----------------------------------------------------------------------------------

SIZE, LINE, PAD = 11, 15, 8


def _picture(boxes: list[Box], max_boxes: int, name: str) -> Picture:
    total = len(boxes)
    boxes = _folded(boxes, max_boxes)
    title = name or boxes[-1].lines[0].lstrip("\0").partition(" ")[0]
    sizes: list[tuple[float, float]] = []
    for b in boxes:
        shown = [*b.lines, *([f"adjoint {b.adjoint}"] if b.adjoint else [])]
        width = max([text_width(line.lstrip("\0"), SIZE) for line in shown]) + 2 * PAD
        sizes.append((width, LINE * len(shown) + PAD))
    edges = [(p, k) for k, b in enumerate(boxes) for p, _ in b.operands]
    labels = [value for b in boxes for _, value in b.operands]
    placed = layered(sizes, edges)
    parts = [curve([(x + PAD, y + PAD) for x, y in route]) for route in placed.routes]
    right = placed.size[0]
    for label, (x, y) in zip(labels, _label_places(placed.routes, labels), strict=True):
        if label:
            parts.append(text(x + PAD, y + PAD + 3, label, SIZE - 2, ADJOINT))
            right = max(right, x + text_width(label, SIZE - 2))
    for b, size, center in zip(boxes, sizes, placed.centers, strict=True):
        parts.append(_drawn(b, size, (center[0] + PAD, center[1] + PAD)))
    width, height = right + 2 * PAD, placed.size[1] + 2 * PAD
    folded = f" ({total} operations)" if total > len(boxes) else ""
    summary = f"drawing of {title}: {len(boxes)} boxes{folded}"
    return Picture(document(width, height, parts, summary), summary)


def _label_places(routes: Any, labels: list[str]) -> list[tuple[float, float]]:
    """Where the labels of edges begin: beside the middle, or where no other label stands."""
    taken: list[tuple[float, float, float]] = []
    for (start, end, *_), label in zip(routes, labels, strict=True):
        width = text_width(label, SIZE - 2)
        places = [_on_curve(start, end, t) for t in (0.5, 0.35, 0.2, 0.1, 0.65, 0.8, 0.9)]
        free = [
            place
            for place in places
            if not label or not any(_overlap((*place, width), other) for other in taken)
        ]
        taken.append((*(free or places)[0], width if label else -1e9))
    return [(x, y) for x, y, _ in taken]


def _on_curve(start: Any, end: Any, t: float) -> tuple[float, float]:
    """A point beside a curve as `curve` draws it."""
    (x0, y0), (x1, y1) = start, end
    smooth = t * t * (3.0 - 2.0 * t)
    along = 1.5 * t * (1.0 - t) + t**3  # both inner points of the curve are half way down
    return x0 + (x1 - x0) * smooth + 4.0, y0 + (y1 - y0) * along


def _overlap(a: tuple[float, float, float], b: tuple[float, float, float]) -> bool:
    """Do two labels (left, middle, width) lie on each other?"""
    return a[0] < b[0] + b[2] + 2 and b[0] < a[0] + a[2] + 2 and abs(a[1] - b[1]) < SIZE


def _drawn(b: Box, size: tuple[float, float], center: tuple[float, float]) -> str:
    """A box with its text; where it was made stands in its tooltip."""
    left, top = center[0] - size[0] / 2, center[1] - size[1] / 2
    parts = [box(left, top, *size, FILLS[b.kind])]
    y = top + LINE - 2
    for k, line in enumerate(b.lines):
        parts.append(text(center[0], y, line, SIZE, "#1f2933" if k < 1 else "#52606d",
                          anchor="middle"))  # fmt: skip
        y += LINE
    if b.adjoint:
        parts.append(text(center[0], y, f"adjoint {b.adjoint}", SIZE, ADJOINT, anchor="middle"))
    if b.origin:
        place = f"{b.origin[0]}:{b.origin[1]} in {b.origin[2]}"
        parts.append(f"<title>{place.replace('&', '&amp;').replace('<', '&lt;')}</title>")
    return "<g>" + "".join(parts) + "</g>"
