"""Derivatives of cdiff in every mode beside the exact ones, to order two: `compare`.

The exact value, and the first and second derivative along a direction, are those of the same call
in numbers of fifty digits, by central differences over a step of 1e-14: nothing in them knows a
rule of differentiation, and their error is far below that of float64. cdiff computes the same in
each mode: forward and forward over forward, reverse, forward over reverse, reverse over forward,
reverse over reverse; eager, compiled, and for several points at once.
"""

from typing import NamedTuple

import numpy as np
from exact_numbers import DIGITS, exact, plain
from mpmath import mp

import cdiff as cd

__all__ = ["MODES", "Truth", "compare", "inexact", "parts_of", "truth"]

STEP = "1e-14"
MODES = ("forward", "reverse", "compiled", "mapped")


class Truth(NamedTuple):
    """Values, first and second derivatives along the directions: a list of arrays each."""

    values: list
    first: list
    second: list


def parts_of(y):
    return [part for x in y for part in parts_of(x)] if isinstance(y, (tuple, list)) else [y]


def inexact(y):
    """The results that can have a derivative."""
    return [x for x in parts_of(y) if is_number(x)]


def is_number(x):
    return np.asarray(cd._core.value(x)).dtype.kind in "fcO"


def truth(f, args, directions):
    """What a function is near a point, by `f` on arrays of fifty digits."""
    with mp.workdps(DIGITS):
        h = mp.mpf(STEP)
        given = [(exact(x), exact(d)) for x, d in zip(args, directions, strict=True)]
        at = lambda t: inexact(f(*[x + exact(t * h) * d for x, d in given]))
        low, middle, high = at(-1), at(0), at(1)
        rows = list(zip(map(exact, low), map(exact, middle), map(exact, high), strict=True))
        return Truth(
            [plain(b) for _, b, _ in rows],
            [plain((c - a) / exact(2 * h)) for a, _, c in rows],
            [plain((a - 2 * b + c) / exact(h * h)) for a, b, c in rows],
        )


def weights_like(values):
    rng = np.random.default_rng(11)
    return [rng.uniform(0.5, 1.5, np.shape(y)) * (1 + 0.3j * np.iscomplexobj(y)) for y in values]


def paired(weights, values):
    """One number of all results: a cotangent and a tangent pair without a conjugate."""
    return sum([np.sum(np.real(w * y)) for w, y in zip(weights, values, strict=True)])


def everything(f, args, directions, weights):
    """A function of the arguments that answers with the derivatives in all modes."""
    places = tuple(range(len(args)))
    along = lambda g: paired(directions, g)
    loss = lambda *x: paired(weights, inexact(f(*x)))
    gradient = cd.grad(loss, argnums=places)
    value = lambda *x: inexact(f(*x))
    slope = lambda *x: cd.jvp(value, x, directions)[1]

    def answer(*x):
        y, first = cd.jvp(value, x, directions)
        bend = cd.jvp(slope, x, directions)[1]
        back = along(gradient(*x))
        scalars = [
            back,
            along(cd.jvp(lambda *z: gradient(*z), x, directions)[1]),
            along(cd.grad(lambda *z: paired(weights, slope(*z)), argnums=places)(*x)),
            along(cd.grad(lambda *z: along(gradient(*z)), argnums=places)(*x)),
        ]
        return list(y), list(first), list(bend), scalars

    return answer


def error(got, want):
    """The largest difference, in units of the largest number of the result."""
    worst = 0.0
    for x, y in zip(got, want, strict=True):
        x, y = np.asarray(cd._core.value(x)), np.asarray(y)
        if x.shape != y.shape:
            return np.inf
        if x.size:
            known = np.isfinite(y)
            if not np.array_equal(np.isfinite(x), known):
                return np.inf
            size = np.max(np.abs(y[known]), initial=0.0)
            gap = np.max(np.abs(x[known] - y[known]), initial=0.0)
            worst = max(worst, float(gap / max(size, 1e-3)))
    return worst


def errors(found, want, weights):
    """Of values, forward, second order forward, and the four of one number."""
    y, first, bend, scalars = found
    one, two = paired(weights, want.first), paired(weights, want.second)
    sizes = [sum([np.sum(np.abs(w * x)) for w, x in zip(weights, part, strict=True)]) + 1e-3
             for part in (want.first, want.second)]  # fmt: skip
    numbers = [float(np.real(x)) for x in scalars]
    rest = [abs(numbers[0] - one) / sizes[0], *[abs(x - two) / sizes[1] for x in numbers[1:]]]
    return {
        "values": error(y, want.values), "forward": error(first, want.first),
        "forward twice": error(bend, want.second),
        **dict(zip(("reverse", "forward over reverse", "reverse over forward", "reverse twice"),
                   map(float, rest), strict=True)),
    }  # fmt: skip


def near(args):
    return [1.003 * x for x in args]


def compare(f, original, args, directions, kinds=("eager", "compiled", "mapped")):
    """Errors of everything, beside the exact function; a dict by kind and mode.

    `f` is the function on arrays of cdiff, `original` on exact ones, or the truth itself.
    """
    known = isinstance(original, Truth)
    want = original if known else truth(original, args, directions)
    weights = weights_like(want.values)
    answer = everything(f, args, directions, weights)
    found = {}
    if "eager" in kinds:
        found["eager"] = errors(answer(*args), want, weights)
    if "compiled" in kinds:
        other = cd.compile(answer)
        other(*near(args))
        other(*args)
        found["compiled"] = errors(other(*args), want, weights)
    if "mapped" in kinds:
        both = cd.vmap(answer)(*[np.stack([a, b]) for a, b in zip(near(args), args, strict=True)])
        found["mapped"] = errors([[x[1] for x in part] for part in both], want, weights)
    return found
