"""A few shapes as SVG text: what drawings and profiles are made of, without dependencies.

Knows XML and nothing of graphs. Widths of text are estimated (nothing here can measure a font).
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Picture", "bars", "box", "curve", "document", "text", "text_width"]

FONT = "font-family='DejaVu Sans Mono, Menlo, Consolas, monospace'"
EM = 0.62  # width of a character in a monospaced font, as a part of its size


class Picture:
    """A finished SVG: it shows itself in a notebook, and is saved with ``save(path)``.

    Attributes
    ----------
    svg : str
        The whole document.
    """

    def __init__(self, svg: str, summary: str) -> None:
        self.svg = svg
        self._summary = summary

    def save(self, path: str) -> None:
        """Write the SVG to a file.

        Parameters
        ----------
        path : str or path
        """
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.svg)

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<{self._summary}>"


def text_width(line: str, size: float) -> float:
    return EM * size * len(line)


def text(
    x: float,
    y: float,
    line: str,
    size: float = 11,
    color: str = "#1f2933",
    *,
    anchor: str = "start",
) -> str:
    bold = " font-weight='bold'" if line.startswith("\0") else ""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{color}' text-anchor='{anchor}'"
        f"{bold}>{escape(line.lstrip(chr(0)))}</text>"
    )


def box(x: float, y: float, width: float, height: float, fill: str, edge: str = "#7b8794") -> str:
    return (
        f"<rect x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{height:.1f}' rx='5' "
        f"fill='{fill}' stroke='{edge}'/>"
    )


def curve(points: Sequence[tuple[float, float]], color: str = "#7b8794") -> str:
    """A smooth line through points, each passed vertically, with an arrow at its end."""
    (x0, y0), *rest = points
    path = f"M{x0:.1f},{y0:.1f}"
    for x, y in rest:
        middle = (y0 + y) / 2
        path += f" C{x0:.1f},{middle:.1f} {x:.1f},{middle:.1f} {x:.1f},{y:.1f}"
        x0, y0 = x, y
    return f"<path d='{path}' fill='none' stroke='{color}' marker-end='url(#arrow)'/>"


def document(width: float, height: float, parts: Sequence[str], title: str) -> str:
    """The parts as one SVG document on a white ground."""
    arrow = (
        "<defs><marker id='arrow' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' "
        "markerHeight='7' orient='auto'><path d='M0,0 L8,4 L0,8 z' fill='#7b8794'/></marker></defs>"
    )
    return "\n".join(
        [
            f"<svg xmlns='http://www.w3.org/2000/svg' width='{width:.0f}' height='{height:.0f}' "
            f"viewBox='0 0 {width:.0f} {height:.0f}' {FONT}>",
            f"<title>{escape(title)}</title>",
            arrow,
            f"<rect width='{width:.0f}' height='{height:.0f}' fill='white'/>",
            *parts,
            "</svg>",
        ]
    )


def bars(title: str, groups: Sequence[tuple[str, Sequence[tuple[str, float, str]]]]) -> str:
    """Horizontal bars in groups: (heading, [(name, length, note), ...])."""
    size, row, longest = 11, 18.0, 260.0
    names = [name for _, items in groups for name, _, _ in items]
    left = max([text_width(name, size) for name in names], default=0.0) + 16
    parts, y = [text(8, 20, "\0" + title, 13)], 44.0
    for heading, items in groups:
        parts.append(text(8, y, "\0" + heading, size))
        y += row
        most = max([length for _, length, _ in items], default=0.0) or 1.0
        for name, length, note in items:
            width = max(1.0, longest * length / most)
            parts.append(text(left, y, name, size, anchor="end"))
            parts.append(box(left + 8, y - 11, width, 14, "#7aa6d8", "#4f7cac"))
            parts.append(text(left + 14 + width, y, note, size, "#52606d"))
            y += row
        y += row / 2
    return document(max(left + longest + 110, text_width(title, 13) + 24), y, parts, title)
