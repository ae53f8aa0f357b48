"""What an `Array` looks like in a notebook: its kind, its values as a table, its gradient.

Knows NumPy arrays and HTML. Large arrays show their corners, so the cost does not grow with them.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import is_tracked, peek

if TYPE_CHECKING:
    from cdiff._core import Array

__all__ = ["array_html"]

EDGE = 4  # rows and columns that are shown at each end
CELL = "style='text-align:right;font-family:monospace;padding:1px 8px'"


def array_html(self: Array) -> str:
    """The HTML that a notebook shows for an Array."""
    value = np.asarray(peek(self))
    shape = " x ".join([str(n) for n in value.shape]) or "scalar"
    facts = [f"Array, {shape}, {value.dtype}"]
    if self.requires_grad:
        facts.append("requires_grad")
    elif is_tracked(self):
        facts.append("tracked")
    parts = [f"<div><b>{', '.join(facts)}</b>", _table(value)]
    gradient = self.grad if self.requires_grad else None
    if gradient is not None:
        parts += ["<b>grad</b>", _table(np.asarray(peek(gradient)))]
    return "".join([*parts, "</div>"])


def _table(value: Any) -> str:
    """Numbers and vectors as a row, matrices as rows and columns, all else as text."""
    if value.ndim > 2:
        return f"<pre>{escape(np.array2string(value, threshold=60, edgeitems=2))}</pre>"
    rows = [
        "<tr>" + "".join([f"<td {CELL}>{_cell(x)}</td>" for x in _ends(list(row))]) + "</tr>"
        for row in _ends(list(np.atleast_2d(value)))
        if row is not None
    ]
    if np.atleast_2d(value).shape[0] > 2 * EDGE:
        rows.insert(EDGE, f"<tr><td {CELL}>...</td></tr>")
    return f"<table>{''.join(rows)}</table>"


def _ends(items: list[Any]) -> list[Any]:
    """The first and the last, with None where something is left out."""
    if len(items) <= 2 * EDGE:
        return items
    return [*items[:EDGE], None, *items[-EDGE:]]


def _cell(x: Any) -> str:
    return "..." if x is None else escape(f"{x:.6g}" if isinstance(x, np.floating) else str(x))
