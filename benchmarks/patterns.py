"""Patterns of programs of numbers: sweeps of 64 directions in a word beside joined index sets.

Three kinds of programs: numbers that come from others not far from them (a loop over elements),
from any of the earlier ones (the worst for sweeps, which then visit everything), and a chain of
all inputs that ends in one number. `chosen` is what a user gets: the sweeps, unless the core finds
that they would visit too much. This file knows the programs and which figures are asked for; all
ways must give the same pattern.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from benchmarks._report import Bound, Reasons, Report, duration, ratio, shown
from benchmarks._timing import Case, Pace, Race

WAYS = {"sweeps": True, "sets": False, "chosen": None}
INSTRUCTIONS = 100_000
INPUTS = {"near": (100, 10_000, 30_000), "any": (100, 1000, 10_000, 30_000), "one": (1000, 10_000)}
QUICK = 1000  # inputs at most
CHOICE = Bound(at_least=0.7)  # the faster of the two ways / what was chosen


def program(kind: str, n: int) -> Any:
    """A program of n inputs and many numbers, products of two earlier ones each."""
    from cdiff._core import Program

    p, rng = Program(), np.random.default_rng(n)
    x = p.input("f8", (n,))
    own = [p.apply("slice", [x], "f8", (), ((i, 1, -1),)) for i in range(n)]
    if kind == "one":
        for v in own[1:]:
            own.append(p.apply("add", [own[-1], p.apply("square", [v])]))
        p.outputs = own[-1:]
        return p
    values = list(own)
    for i in range(INSTRUCTIONS):
        if kind == "near":  # three for each output: two inputs, and a function of them
            a, b = own[i * n // INSTRUCTIONS], own[min(i * n // INSTRUCTIONS + i % 3, n - 1)]
        else:
            a, b = (values[int(k)] for k in rng.integers(0, len(values), 2))
        values.append(p.apply("multiply", [a, b]))
    p.outputs = values[-INSTRUCTIONS // 10 :]
    return p


def pattern(p: Any, bits: bool | None) -> list[Any]:
    """Where the sets of the outputs end, and the sets one after the other."""
    from cdiff._core import pattern_of

    sets = pattern_of(p, [0], None, bits)[0]
    ends = np.cumsum([len(items) for _, items in sets])
    return [ends, np.concatenate([items for _, items in sets]).astype(float)]


def build(contender: str, key: str) -> Case:
    """The pattern of one program, one way."""
    from cdiff._core import pattern_of

    kind, _, n = key.partition(" @ ")
    p, bits = program(kind, int(n)), WAYS[contender]
    names = {"f": pattern_of, "p": p, "bits": bits}
    return Case("f(p, [0], None, bits)", names, partial(pattern, p, bits))


def main(report: Report) -> None:
    """Run this benchmark."""
    pace = Pace(2, 0.005) if report.quick else Pace(7, 0.05)
    report.heading("patterns")
    widths = (20, 12, 12, 12, 12, 34)
    report.say(f"the pattern of {INSTRUCTIONS} products of numbers; below: sets / way")
    report.rows(widths, [("wired @ inputs", "entries", *WAYS, "")])
    reasons = Reasons()
    with Race("benchmarks.patterns", tuple(WAYS), (), pace) as race:
        for kind, n in [(k, n) for k, sizes in INPUTS.items() for n in sizes]:
            if report.quick and n > QUICK:
                continue
            key, expected = f"{kind} @ {n}", pattern(program(kind, n), False)
            times = race.run(key, expected)
            reasons.note(key, times)
            shares = [ratio(times["sets"], times[way]) for way in WAYS]
            fastest = min((x for x in times.values() if isinstance(x, float)), default=float("nan"))
            figure = ratio(fastest, times["chosen"])
            told = report.verdict(f"{key}: fastest / chosen", figure, CHOICE)
            report.rows(widths, [
                (key, str(expected[1].size), *[duration(times[way]) for way in WAYS], ""),
                ("", "", *[shown(x) for x in shares], told),
            ])  # fmt: skip
    reasons.tell(report)


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("patterns")
