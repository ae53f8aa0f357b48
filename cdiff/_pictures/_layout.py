"""Where the boxes of a layered drawing go: `layered`.

A small version of the usual way (Sugiyama): layers by the longest path from the top, long edges cut
by points of their own, boxes of a layer ordered by where their neighbours are, positions moved
toward the neighbours without overlaps. Knows widths, heights and edges, nothing of what is drawn.
Fast enough for the hundred boxes that a person can look at.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

__all__ = ["Placed", "layered"]

GAP_X, GAP_Y = 26.0, 44.0
ROUNDS = 12

Point = tuple[float, float]


class Placed(NamedTuple):
    """A finished layout.

    Attributes
    ----------
    centers : list of (x, y)
        Of every box.
    routes : list of list of (x, y)
        The points that every edge passes, from the bottom of a box to the top of another.
    size : (width, height)
    """

    centers: list[Point]
    routes: list[list[Point]]
    size: Point


def layered(sizes: list[Point], edges: list[tuple[int, int]]) -> Placed:
    """Place boxes so that every edge goes down.

    Parameters
    ----------
    sizes : list of (width, height)
        In an order in which every edge goes from an earlier box to a later one.
    edges : list of (int, int)

    Returns
    -------
    Placed
    """
    widths = [w for w, _ in sizes]
    layer = _layers(len(sizes), edges)
    chains = _chains(layer, edges, widths)
    rows = _rows(layer)
    above, below = _neighbours(len(layer), chains)
    for _ in range(ROUNDS // 2):
        _order(rows, above)
        _order(rows[::-1], below)
    x = _positions(rows, widths, above, below)
    heights = [max([sizes[i][1] for i in r if i < len(sizes)], default=0.0) for r in rows]
    tops = [0.0, *itertools.accumulate([height + GAP_Y for height in heights])]
    y = [tops[layer[i]] + heights[layer[i]] / 2 for i in range(len(layer))]
    routes = []
    for chain in chains:
        start, end = chain[0], chain[-1]
        route = [(x[start], y[start] + sizes[start][1] / 2)]
        route += [(x[i], y[i]) for i in chain[1:-1]]
        routes.append([*route, (x[end], y[end] - sizes[end][1] / 2)])
    width = max([at + w / 2 for at, w in zip(x, widths, strict=True)], default=0.0)
    return Placed([(x[i], y[i]) for i in range(len(sizes))], routes, (width, tops[-1] - GAP_Y))


def _layers(n: int, edges: list[tuple[int, int]]) -> list[int]:
    """The longest path to each box; boxes without operands stand just above their first user."""
    layer = [0] * n
    for a, b in sorted(edges, key=lambda edge: edge[1]):
        layer[b] = max(layer[b], layer[a] + 1)
    has_operands = {b for _, b in edges}
    users: dict[int, int] = {}
    for a, b in edges:
        users[a] = min(users.get(a, layer[b]), layer[b])
    return [users[i] - 1 if i in users and i not in has_operands else layer[i] for i in range(n)]


def _chains(layer: list[int], edges: list[tuple[int, int]], widths: list[float]) -> list[list[int]]:
    """Each edge as the boxes and points on its way; the points are added to layers and widths."""
    chains = []
    for a, b in edges:
        chain = [a]
        for between in range(layer[a] + 1, layer[b]):
            layer.append(between)
            widths.append(1.0)
            chain.append(len(layer) - 1)
        chains.append([*chain, b])
    return chains


def _rows(layer: list[int]) -> list[list[int]]:
    rows: list[list[int]] = [[] for _ in range(max(layer, default=-1) + 1)]
    for i, k in enumerate(layer):
        rows[k].append(i)
    return rows


def _neighbours(n: int, chains: list[list[int]]) -> tuple[list[list[int]], list[list[int]]]:
    above: list[list[int]] = [[] for _ in range(n)]
    below: list[list[int]] = [[] for _ in range(n)]
    for chain in chains:
        for a, b in itertools.pairwise(chain):
            above[b].append(a)
            below[a].append(b)
    return above, below


def _order(rows: list[list[int]], toward: list[list[int]]) -> None:
    """Sort each row by the mean place of the neighbours in the row before."""
    for before, row in itertools.pairwise(rows):
        place = {i: k for k, i in enumerate(before)}
        own = {i: k for k, i in enumerate(row)}

        def middle(i: int, place: dict[int, int] = place, own: dict[int, int] = own) -> float:
            known = [place[j] for j in toward[i] if j in place]
            return sum(known) / len(known) if known else float(own[i])

        row.sort(key=middle)


def _positions(
    rows: list[list[int]], widths: list[float], above: list[list[int]], below: list[list[int]]
) -> list[float]:
    """Centres along x: toward the neighbours, in the order of the row."""
    x = [0.0] * len(widths)
    for row in rows:
        _spread(row, [0.0] * len(row), widths, x)
    for turn in range(ROUNDS):
        toward = below if turn % 2 else above
        for row in rows[::-1] if turn % 2 else rows:
            wanted = [
                sum([x[j] for j in toward[i]]) / len(toward[i]) if toward[i] else x[i] for i in row
            ]
            _spread(row, wanted, widths, x)
    left = min([x[i] - widths[i] / 2 for i in range(len(widths))], default=0.0)
    return [value - left for value in x]


def _spread(row: list[int], wanted: list[float], widths: list[float], x: list[float]) -> None:
    """Positions as near as possible to those wanted: blocks of touching boxes share a shift."""
    blocks: list[tuple[float, int, list[float]]] = []  # shift, boxes, offsets
    offset = 0.0
    for k, i in enumerate(row):
        if k:
            offset += (widths[row[k - 1]] + widths[i]) / 2 + GAP_X
        shift, count, offsets = wanted[k] - offset, 1, [offset]
        while blocks and blocks[-1][0] > shift:
            other, n, before = blocks.pop()
            shift = (shift * count + other * n) / (count + n)
            count, offsets = count + n, before + offsets
        blocks.append((shift, count, offsets))
    places = [shift + off for shift, _, offsets in blocks for off in offsets]
    for i, place in zip(row, places, strict=True):
        x[i] = place
