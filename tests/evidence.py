"""What a function has to be, measured: the common part of the coverage lists of NumPy and SciPy.

One call of a function is tried in everything: derivatives in both modes and of second order against
extrapolated differences of plain values, compiled and mapped gradients, and other dtypes. Knows
functions and arrays, no names.
"""

import json
from itertools import pairwise
from typing import NamedTuple

import numpy as np

import cdiff as cd


class Row(NamedTuple):
    """One name: what holds."""

    module: str
    name: str
    modes: tuple[str, ...]
    orders: int
    dtypes: tuple[str, ...]
    against: str


def claimed(file):
    """The rows of a list; none where the documentation is not installed."""
    if not file.exists():
        return []
    return [Row(**row) for row in json.loads(file.read_text(encoding="utf-8"))]


def difference(f, scale=1e-3):
    """The derivative of a function of a number at 1, by extrapolated differences."""
    table = [(f(1.0 + h) - f(1.0 - h)) / (2 * h) for h in [scale / 2**i for i in range(6)]]
    for j in range(1, 6):
        table = [(4**j * b - a) / (4**j - 1) for a, b in pairwise(table)]
    return float(table[-1])


def loss_of(f):
    def loss(*args):
        y = f(*args)
        parts = y if isinstance(y, (tuple, list)) else [y]
        return sum([np.sum(np.real(x) * np.cos(np.real(x)) + np.imag(x)) for x in parts])

    return loss


def agree(x, y, rtol):
    return bool(np.allclose(x, y, rtol=rtol, atol=1e-2 * rtol * (1 + np.max(np.abs(y), initial=0))))


def holds(check):
    """Whether a check is true; an error is a no."""
    try:
        return bool(check())
    except Exception:
        return False


def directions(args):
    rng = np.random.default_rng(7)
    return [rng.uniform(0.2, 1.0, x.shape) * 0.1 for x in args]


def derivatives(f, args):
    """The order to which derivatives agree with differences, and the modes that do."""
    loss, d = loss_of(f), directions(args)
    places = tuple(range(len(args)))
    gradient = cd.grad(loss, argnums=places)
    moved = lambda t: [x + (t - 1.0) * z for x, z in zip(args, d, strict=True)]
    along = lambda g: sum([np.sum(x * z) for x, z in zip(g, d, strict=True)])
    want = difference(lambda t: float(loss(*moved(t))))
    checks = {
        "forward": lambda: agree(cd.jvp(loss, args, tuple(d))[1], want, 1e-5),
        "reverse": lambda: agree(along(gradient(*args)), want, 1e-5),
        "compiled": lambda: compiled(gradient, args),
        "mapped": lambda: mapped(gradient, args),
    }
    modes = [mode for mode, check in checks.items() if holds(check)]
    second = difference(lambda t: float(along(gradient(*moved(t)))))
    order2 = lambda: agree(along(cd.jvp(lambda *z: gradient(*z), args, tuple(d))[1]), second, 1e-4)
    return ("reverse" in modes) + ("reverse" in modes and holds(order2)), modes


def compiled(gradient, args):
    other = cd.compile(gradient)
    other(*[1.003 * x for x in args])
    return all(agree(x, y, 1e-9) for x, y in zip(other(*args), gradient(*args), strict=True))


def mapped(gradient, args):
    several = cd.vmap(gradient)(*[np.stack([x, x]) for x in args])
    return all(agree(x[1], y, 1e-8) for x, y in zip(several, gradient(*args), strict=True))


def in_dtype(f, args, dtype, original=None):
    """Values and dtypes are the original's, and the derivative has the dtype of the argument."""
    given = [x.astype(dtype) if x.dtype.kind in "fc" else x for x in args]
    if np.dtype(dtype).kind == "c":
        given = [x * (1 + 0.1j) for x in given]
    want, got = (original or f)(*given), f(*[cd.array(x) for x in given])
    rtol = 2e-3 if np.dtype(dtype).itemsize in (4,) or dtype == "c8" else 1e-7
    for x, y in zip(flat(want), flat(got), strict=True):
        if x.dtype != y.dtype or not agree(y, x, rtol):
            return False
    gradient = cd.grad(loss_of(f), argnums=tuple(range(len(args))))(*given)
    if dtype == "c16" and not along_real(f, given, gradient):
        return False
    return all(g.dtype == x.dtype and np.isfinite(g).all()
               for g, x in zip(gradient, given, strict=True) if x.dtype.kind in "fc")


def along_real(f, args, gradient):
    """The derivative in a real direction is the difference."""
    d, loss = directions(args), loss_of(f)
    moved = lambda t: [x + (t - 1.0) * z for x, z in zip(args, d, strict=True)]
    want = difference(lambda t: float(loss(*moved(t))))
    found = sum([np.sum(np.real(g) * z) for g, z in zip(gradient, d, strict=True)])
    return agree(found, want, 1e-5)


def flat(y):
    return [np.asarray(cd._core.value(x)) for x in (y if isinstance(y, (tuple, list)) else [y])]


def as_json(rows):
    lines = ",\n".join([json.dumps(row._asdict()) for row in rows])
    return f"[\n{lines}\n]\n"
