"""Compiled functions at points unlike that where they were recorded: other signs, order, ties, nan.

What the program took for granted at the first point is found out here: positions, decisions, and
shapes that depend on values. The values are NumPy's own, the derivatives those of eager code.
"""

import numpy as np
import pytest
from numpy_cases import OPERANDS, PIECEWISE, SMOOTH, called, names_in

import cdiff as cd
import cdiff.numpy as cnp

CASES = [*[case for group in SMOOTH.values() for case in group], *PIECEWISE]

pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::cdiff.CompileWarning"),
    pytest.mark.filterwarnings("ignore::numpy.exceptions.RankWarning"),
]

MOVES = {
    "negated": lambda x, rng: -x,
    "permuted": lambda x, rng: rng.permutation(x.ravel()).reshape(x.shape),
    "some zeros": lambda x, rng: np.where(rng.random(x.shape) < 0.5, 0.0, x),
    "nan": lambda x, rng: np.where(rng.random(x.shape) < 0.3, np.nan, x),
    "elsewhere": lambda x, rng: 3.0 * rng.standard_normal(x.shape),
}

# NumPy's own answer is not ours there, on purpose or not worth the trouble.
EXCEPT = {
    ("m.interp(c, v, u, period=s + 2.2)", "nan"): "the order of samples at nan",
    ("m.unwrap(v * 5, discont=4.0, period=s + 2)", "nan"): "a period that is nan",
    ("m.polydiv(v, t[0])[1]", "nan"): "a remainder that cannot be trimmed",
    ("m.polydiv(v, t[0])[1]", "some zeros"): "a divisor that begins with zero makes such a one",
    ("m.poly(q)", "nan"): "NumPy's eigenvalues raise LinAlgError, ours need none",
    ("m.geomspace(s, 20.0, 5)", "negated"): "NumPy's answer is complex",
    ("m.geomspace(s, 20.0, 5)", "elsewhere"): "NumPy's answer is complex",
    ("m.linalg.cond(pp + m.diag(t[0]), 'nuc')", "some zeros"): "LinAlgError where others are inf",
}


def flat(y):
    """The arrays of a result, which may be a tuple."""
    if isinstance(y, (tuple, list)):
        return [leaf for part in y for leaf in flat(part)]
    return [np.asarray(y)]


def summed(y):
    """One number for all floats in a result, with derivatives."""
    if isinstance(y, (tuple, list)):
        return sum([summed(part) for part in y], 0.0)
    return cnp.sum(y * y) + cnp.sum(y) if getattr(y, "dtype", None) in (float, np.float32) else 0.0


def outcome(f, args):
    try:
        return flat(f(*[x.copy() for x in args]))
    except Exception as error:
        return type(error)


def same(got, want):
    if isinstance(want, type) or isinstance(got, type):
        assert got is want
        return
    assert [(y.shape, y.dtype) for y in got] == [(y.shape, y.dtype) for y in want]
    for a, b in zip(got, want, strict=True):
        if b.dtype.kind != "f":
            np.testing.assert_array_equal(a, b)
            continue
        size = np.nanmax(np.abs(b), initial=1.0)
        atol = 1e-9 * (size if np.isfinite(size) else 1.0)
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=atol)


def functions(case):
    """A case as a function of its operands, its gradient, and the operands."""
    names = names_in(case, OPERANDS)
    f = called(case, names, cnp)
    places = tuple(range(len(names)))
    gradient = cd.grad(lambda *args: summed(f(*args)) + 0.0 * sum(map(cnp.sum, args)), places)
    return f, gradient, [OPERANDS[name] for name in names]


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients(case):
    f, gradient, point = functions(case)
    for function, moves in ((f, MOVES), (gradient, [m for m in MOVES if m != "nan"])):
        if function is gradient and not point:
            continue
        compiled = cd.compile(function)
        same(outcome(compiled, point), outcome(function, point))
        for name in moves:
            # Some versions of NumPy raise LinAlgError for the condition of what is not finite.
            if (case, name) not in EXCEPT and not (name == "nan" and "linalg.cond" in case):
                rng = np.random.default_rng(5)
                moved = [MOVES[name](x, rng) for x in point]
                same(outcome(compiled, moved), outcome(function, moved))


@pytest.mark.parametrize("case", CASES)
def test_at_many_points_at_once(case):
    f, gradient, point = functions(case)
    rng = np.random.default_rng(5)
    moves = [MOVES[name] for name in MOVES if name != "nan"]
    points = [point, *[[move(x, rng) for x in point] for move in moves]]
    for function in (f, gradient) if point else ():
        rows = [(x, outcome(function, x)) for x in points]
        rows = [(x, y) for x, y in rows if not isinstance(y, type)]
        forms = [[(leaf.shape, leaf.dtype) for leaf in y] for _, y in rows]
        rows = [row for row, form in zip(rows, forms, strict=True) if form == forms[0]]
        if case.startswith("m.geomspace"):
            rows = rows[:1]  # NumPy's answer is complex for the others
        if not rows or any(dtype.kind not in "fib" for _, dtype in forms[0]):
            continue
        stacks = [np.stack([x[k] for x, _ in rows]) for k in range(len(point))]
        want = [np.stack([y[k] for _, y in rows]) for k in range(len(forms[0]))]
        same(outcome(cd.vmap(function), stacks), want)
