"""Who is right where a derivative and a difference disagree: `judged`.

Two witnesses that make other mistakes than a plain difference are asked about one entry: the
complex step, which has no subtraction and so no rounding error, where the function takes complex
numbers; and a ladder of differences with ever smaller steps, extrapolated (Richardson), which knows
how far it can be trusted. A kink deceives both, and shows in the slopes on its two sides. Knows
functions of one real or complex step, neither arrays nor cdiff.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Verdict", "judged", "ladder"]

COMPLEX_STEP = 1e-100  # its square vanishes beside any number, so there is no truncation error
RUNGS = 12
SHRINK = 2.0


class Verdict(NamedTuple):
    """The finding, and the words for it.

    Attributes
    ----------
    fault : {"derivative", "difference", "unknown"}
    words : str
    """

    fault: str
    words: str


def ladder(along: Callable[[float], float], start: float) -> tuple[float, float]:
    """A derivative at zero from differences with smaller and smaller steps, extrapolated.

    Parameters
    ----------
    along : callable
        The function of a real step.
    start : float
        The largest step.

    Returns
    -------
    value, error : float
        The entry of the extrapolation table that its neighbours confirm best, and how well (inf if
        nothing is finite).
    """
    best, error = float("nan"), float("inf")
    before: list[float] = []
    for rung in range(RUNGS):
        h = start / SHRINK**rung
        row = [(along(h) - along(-h)) / (2.0 * h)]
        for k, old in enumerate(before):
            factor = SHRINK ** (2 * (k + 1))
            row.append((factor * row[k] - old) / (factor - 1.0))
            distance = max(abs(row[k + 1] - row[k]), abs(row[k + 1] - old))
            if distance < error:
                best, error = row[k + 1], distance
        before = row
    return best, error


def sides(along: Callable[[float], float], start: float) -> tuple[float, float] | None:
    """The slopes to the left and to the right of a kink that small steps cannot get away from.

    Parameters
    ----------
    along : callable
        The function of a real step.
    start : float
        The largest step of a ladder.

    Returns
    -------
    tuple of float, or None
        None where there is no kink: the slopes of a smooth function approach each other as fast as
        the step shrinks, and what is noise does not stay the same over several steps.
    """
    middle = along(0.0)
    found = []
    for rung in (RUNGS - 5, RUNGS - 3, RUNGS - 1):
        h = start / SHRINK**rung
        found.append(((middle - along(-h)) / h, (along(h) - middle) / h))
    gaps = [right - left for left, right in found]
    steady = min(gaps) * max(gaps) > 0.0 and max(map(abs, gaps)) < 1.5 * min(map(abs, gaps))
    return found[-1] if steady else None


def complex_slope(along: Callable[[complex], complex]) -> float | None:
    """The derivative by a step in the imaginary direction; None where that is impossible.

    Parameters
    ----------
    along : callable
        The function of a complex step.

    Returns
    -------
    float or None
    """
    try:
        with np.errstate(all="ignore"):
            slope = float(np.imag(along(1j * COMPLEX_STEP))) / COMPLEX_STEP
    except Exception:  # whatever a function does that was never meant for complex numbers
        return None
    return slope if np.isfinite(slope) else None


def judged(
    computed: float,
    numerical: float,
    along: Callable[[float], float],
    along_complex: Callable[[complex], complex],
    start: float,
    tolerance: float,
) -> Verdict:
    """Which of two values of a derivative is at fault.

    Parameters
    ----------
    computed, numerical : float
        The derivative in question, and the difference that disagrees with it.
    along, along_complex : callable
        The function of a real and of a complex step in the direction of the entry.
    start : float
        The largest real step to try.
    tolerance : float
        What counts as agreement, relative to the size of the numbers.

    Returns
    -------
    Verdict
    """
    with np.errstate(all="ignore"):
        extrapolated, error = ladder(along, start)
        kink = sides(along, start)
    slope = complex_slope(along_complex)
    scale = max(abs(computed), abs(numerical))
    steady = error <= 10.0 * tolerance * scale
    found = [f"Richardson extrapolation gives {extrapolated:.9g} +- {error:.1g}"]
    if slope is not None:
        found.insert(0, f"the complex step gives {slope:.9g}")
    words = ", ".join(found)

    def agree(a: float, b: float) -> bool:
        return abs(a - b) <= 10.0 * tolerance * scale

    if kink is not None and abs(kink[1] - kink[0]) > 10.0 * tolerance * scale:
        low, high = sorted(kink)
        margin = 10.0 * tolerance * scale
        if low - margin <= computed <= high + margin:
            return Verdict(
                "difference",
                f"the finite difference is at fault: there is a kink at or beside this point, with "
                f"the slopes {kink[0]:.6g} and {kink[1]:.6g} on its sides, and the derivative is "
                "one of them or between them",
            )
    # A complex step through abs or a comparison is wrong without a word: it counts where it
    # confirms one of the two.
    confirms = slope is not None and agree(slope, computed)
    if (confirms and not agree(computed, numerical)) or (steady and agree(extrapolated, computed)):
        return Verdict("difference", f"the finite difference is at fault: {words}")
    if steady or (slope is not None and agree(slope, numerical)):
        return Verdict("derivative", f"the derivative is at fault: {words}")
    return Verdict(
        "unknown",
        f"neither can be trusted here (a kink, noise, or a singular point nearby?): {words}",
    )
