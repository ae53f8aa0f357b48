"""The rows of the operator table as calls of the built core, for the tests of the operators.

Points for every row, what "equal" means at them, and the ways in which the library can be asked
for a derivative. It knows the table's fields and the library's transformations; it must not know
any row by its formula. Needs mpmath: callers skip where it is missing.
"""

from functools import cache

import numpy as np
from optable_exact import EPS, ROWS, SMALL

import cdiff as cd
import cdiff.numpy as cnp
from cdiff import _core

QUESTIONS = {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "isnan",
             "isfinite", "isinf", "signbit"}  # fmt: skip
NAMES = [row.name for row in SMALL]
# A question has a plain answer of NumPy's, which no derivative flows through.
FUNCTIONS = [name for name in NAMES if name not in QUESTIONS]
BINARY = [name for name in FUNCTIONS if len(ROWS[name].operands) == 2]


def numpys(name, *operands, **options):
    """NumPy's value, or None where NumPy lacks the function."""
    row = ROWS[name]
    if not row.numpy:
        return None
    with np.errstate(all="ignore"):
        return getattr(np, row.numpy)(*operands, **options)


def points(name):
    return ROWS[name].samples


def awkward(name):
    row = ROWS[name]
    return row.edges + tuple(point for point, _ in row.at_kink)


def everywhere(name):
    return points(name) + awkward(name)


def columns(given):
    return [np.array(column) for column in zip(*given, strict=True)]


def same(got, want):
    """Equal, or both nan; zeros are equal whatever their sign."""
    return got == want or (got != got and want != want)


def near(got, want, digits=4):
    return same(got, want) or abs(got - want) <= digits * EPS * abs(want) + 5e-324


def assert_all_near(got, want, digits=4, message=""):
    """The same infinities, nans and zeros; else within a few ulp."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, message
    with np.errstate(all="ignore"):
        close = np.abs(got - want) <= digits * EPS * np.abs(want) + 5e-324
    bad = ~(close | (got == want) | (np.isnan(got) & np.isnan(want)))
    assert not bad.any(), (message, np.argwhere(bad)[:3], got[bad][:3], want[bad][:3])


def moderate(name):
    """Points whose numbers may be paired with one another: in the domain, neither huge nor tiny."""
    return [point for point in points(name) if all(abs(x) < 50 and abs(x) > 1e-4 for x in point)]


# --- the ways to a derivative -------------------------------------------------------------------


def along(name, args, k):
    """The operator as a function of operand k alone."""
    function = getattr(_core, name)
    return lambda x: function(*args[:k], x, *args[k + 1:])


def by_vjp(name, args, k, seed):
    return cd.vjp(along(name, args, k), args[k])[1](seed)[0]


def by_backward(name, args, k, seed):
    x = cd.array(args[k], requires_grad=True)
    y = along(name, args, k)(x)
    if not cd.is_tracked(y):
        return np.zeros_like(args[k])
    y.backward(seed)
    return x.grad.numpy()


def by_jvp(name, args, k, seed):
    return cd.jvp(along(name, args, k), (args[k],), (seed,))[1]


def by_pushforward(name, args, k, seed):
    return cd.linearize(along(name, args, k), args[k])[1](seed)


def by_vjp_of_all(name, args, k, seed):
    return cd.vjp(getattr(_core, name), *args)[1](seed)[k]


def by_jvp_of_all(name, args, k, seed):
    tangents = [seed if j == k else np.zeros_like(x)[()] for j, x in enumerate(args)]
    return cd.jvp(getattr(_core, name), args, tangents)[1]


WAYS = (by_vjp, by_backward, by_jvp, by_pushforward, by_vjp_of_all, by_jvp_of_all)


@cache
def slopes(name, k, given):
    """Partial k at each point, one scalar at a time."""
    return np.array([by_vjp(name, point, k, 1.0) for point in given])


def slope(f, k, mode):
    """The elementwise derivative of f by operand k, as a function of the same operands."""

    def reverse(*args):
        return cd.grad(lambda *args: cnp.sum(f(*args)), argnums=k)(*args)

    def forward(*args):
        return cd.jvp(lambda x: f(*args[:k], x, *args[k + 1:]), (args[k],), (ones(args[k]),))[1]

    def push(*args):
        return cd.linearize(lambda x: f(*args[:k], x, *args[k + 1:]), args[k])[1](ones(args[k]))

    return {"reverse": reverse, "forward": forward, "push": push}[mode]


def ones(x):
    return np.ones(np.shape(x)) if np.shape(x) else 1.0
