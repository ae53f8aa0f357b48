"""One problem at several sizes: cdiff on one thread and on two, beside its peers.

Prints for each size the times, and below them the ratios with the bounds that hold for the largest.
It knows the table and its bounds, and no problem and no library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks._report import Bound, Reasons, Report, duration, ratio, shown
from benchmarks._timing import Pace, Race

SCALING = Bound(at_least=1.7)  # one thread / two


@contextmanager
def race_of_sizes(
    report: Report,
    name: str,
    title: str,
    peers: Mapping[str, Bound],
    sizes: tuple[int, ...],
    expected: Callable[[int], Any],
) -> Iterator[tuple[Race, tuple[int, ...]]]:
    """Print the table; the race goes on inside the block, with the widths of the columns."""
    contenders = ("cdiff", "two threads", *peers)
    widths = (14, 10, 12, *[max(10, len(peer)) for peer in peers], 40)
    pace = Pace(2, 0.01) if report.quick else Pace(9, 0.1)
    report.heading(name)
    report.say(f"{title}; below: peer / cdiff")
    report.rows(widths, [("", *contenders, "")])
    reasons = Reasons()
    with Race(f"benchmarks.{name}", contenders, (), pace) as race:
        for size in sizes[:1] if report.quick else sizes:
            times = race.run(str(size), expected(size))
            reasons.note(str(size), times)
            report.rows(widths, [(f"n = {size}", *(duration(times[c]) for c in contenders), "")])
            bounds = {"one thread / two": SCALING, **{f"{p} / cdiff": b for p, b in peers.items()}}
            figures = [
                ratio(times["cdiff"], times["two threads"]),
                *[ratio(times[peer], times["cdiff"]) for peer in peers],
            ]
            told = [
                report.verdict(f"{size}: {what}", figure, bound if size == max(sizes) else None)
                for (what, bound), figure in zip(bounds.items(), figures, strict=True)
            ]
            verdict = "; ".join(filter(None, told))
            report.rows(widths, [("", "", *map(shown, figures), verdict)])
        yield race, widths
    reasons.tell(report)
