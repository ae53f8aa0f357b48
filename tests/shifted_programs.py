"""Programs of one vector whose values are read some points before or behind, drawn by hypothesis.

They are written down instruction by instruction with the oracle's recorder, and must not know how
the library plans them: which of the moves share a group, and which groups take turns.
"""

import numpy as np
from hypothesis import strategies as st
from program_oracle import Recorder


def behind(r, y, k):
    """y moved k places back, with numbers where nothing comes from."""
    n = r.shape(y)[0]
    return r.concatenate([r.constant(np.linspace(0.5, 1.0, k)), r.slice(y, 0, 1, n - k)])


def ahead(r, y, k):
    n = r.shape(y)[0]
    return r.concatenate([r.slice(y, k, 1, n - k), r.constant(np.linspace(0.5, 1.0, k))])


def embedded(r, y, k):
    """Ahead, with zeros."""
    n = r.shape(y)[0]
    return r.apply("embed", r.slice(y, k, 1, n - k), attrs=((n,), (0, 1, n - k)))


def embedded_behind(r, y, k):
    n = r.shape(y)[0]
    return r.apply("embed", r.slice(y, 0, 1, n - k), attrs=((n,), (k, 1, n - k)))


MOVES = {
    "behind": behind,
    "ahead": ahead,
    "embedded": embedded,
    "embedded_behind": embedded_behind,
}
# What becomes of the value y, given the input x, another value z, and a number of places k. Nothing
# grows so much that a sine makes much of the last digit.
STEPS = {
    **{name: lambda r, x, y, z, k, move=move: r.apply("add", x, move(r, y, k))
       for name, move in MOVES.items()},
    "half": lambda r, x, y, z, k: r.apply("multiply", y, r.constant(np.array(0.5))),
    "times": lambda r, x, y, z, k: r.apply("multiply", y, r.apply("sin", z)),
    "minus": lambda r, x, y, z, k: r.apply("subtract", y, z),
    "sin": lambda r, x, y, z, k: r.apply("sin", y),
    "ends": lambda r, x, y, z, k: r.concatenate(
        [r.apply("sin", r.slice(y, 0, 1, r.shape(y)[0] - k)), r.slice(x, 0, 1, k)]
    ),
    "given": lambda r, x, y, z, k: r.apply("multiply", y, behind(r, x, k)),
    "tail": lambda r, x, y, z, k: r.apply("add", y, ahead(r, x, k)),
}  # fmt: skip


def programs(sizes, places, most):
    """A strategy: programs of `most` steps at most, of vectors of one of the sizes."""
    kinds = st.sampled_from([*STEPS, "keep", "sum"])
    step = st.tuples(kinds, st.sampled_from(places), st.integers(0, 5))
    steps = st.lists(step, min_size=2, max_size=most)
    return st.builds(recorded, steps, st.sampled_from(sizes))


def recorded(steps, n):
    """The recorder of a program whose results are the values that were kept, and the last one."""
    r = Recorder()
    x = r.input(shape=(n,))
    values, kept = [x, r.apply("multiply", x, x)], []
    for what, k, back in steps:
        y = values[-1 - back % len(values)]
        if what == "keep":
            kept.append(y)
        elif what == "sum":
            kept.append(r.sum(y))
        else:
            values.append(STEPS[what](r, x, y, values[-back % len(values)], k))
    r.returns(*dict.fromkeys([*kept, values[-1]]))
    return r
