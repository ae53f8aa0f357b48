"""How a table is written: `row` for a function with derivatives of its own, `equal` for one that is
differentiated as an expression in others. It knows rows, and no function.
"""

from __future__ import annotations

from typing import Any

from cdiff.scipy._rows import Row

__all__ = ["Table"]


class Table(dict[str, Row]):
    """Rows by name, in the order in which they were written.

    Examples
    --------
    >>> table = Table()
    >>> table.row("xlogy", "x y", "log(y)", "x / y", mp="x * log(y)", at=[(2, 3)])
    >>> table["xlogy"].d
    ('log(y)', 'x / y')
    """

    def row(self, name: str, args: str, *d: str | None, at: Any = (), **more: Any) -> None:
        """Add a function with one expression (or None) for each argument."""
        names = tuple(args.split())
        if len(d) != len(names):
            raise ValueError(f"{name}: {len(d)} derivatives for the arguments {names}")
        if name in self:
            raise ValueError(f"{name} stands in the table twice")
        self[name] = Row(name, names, d, samples=points(at), **more)

    def equal(self, name: str, args: str, equals: str, by: str, at: Any = (), **more: Any) -> None:
        """Add a function that is differentiated, by some arguments, as an equal expression."""
        names, known = tuple(args.split()), by.split()
        d = tuple([equals if a in known else None for a in names])
        if name in self:
            raise ValueError(f"{name} stands in the table twice")
        self[name] = Row(name, names, d, equals=equals, samples=points(at), **more)


def points(at: Any) -> tuple[tuple[float, ...], ...]:
    """Sample points as tuples; a single number is a point of a function of one argument."""
    return tuple([p if isinstance(p, tuple) else (p,) for p in at])
