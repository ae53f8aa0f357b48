"""What holds of every name of NumPy that has a derivative, as measured: docs/numpy_coverage.json.

For each name of `cdiff/numpy/_coverage.py` the first calls of the tests' own cases are taken, at
samples for operators; what a function has to be is tried by `evidence.py`, plain values being
NumPy's. What holds is the row; nothing is typed by hand.
``python tests/numpy_evidence.py docs/numpy_coverage.json`` writes the file (a minute);
tests/test_numpy_evidence.py measures again and compares.
"""

import re
import sys
import warnings
from functools import cache, partial

import numpy as np
from evidence import Row, as_json, derivatives, holds, in_dtype
from numpy_cases import CONSTANTS, OPERANDS, PIECEWISE, SMOOTH, names_in
from numpy_plain_cases import CREATION, UFUNC_CALLS

import cdiff.numpy as cnp
from cdiff.numpy._coverage import CARRYING, COVERAGE

MODULES = {"numpy": cnp, "numpy.linalg": cnp.linalg, "numpy.fft": cnp.fft, "numpy.emath": cnp.emath}
TEXTS = [case for group in SMOOTH.values() for case in group] + UFUNC_CALLS + PIECEWISE + CREATION
DTYPES = ("f4", "f8", "c8", "c16")
SEVERAL = 4  # calls of one name
LINE, OTHER = np.array([0.3, 1.2, 0.7]), np.array([0.9, 0.4, 1.7])
SAMPLES = (np.array([0.3, 0.72]), np.array([1.5, 2.3]), np.array([-0.4, 0.6]))

# Functions that change their first argument, and builders, of which the cases have few.
CALLS = {
    "copyto": "m.copyto(z, x, where=[True, False, True])",
    "fill_diagonal": "m.fill_diagonal(w, x)",
    "place": "m.place(z, [True, False, True], x)",
    "put": "m.put(z, [2, 0], x[:2])",
    "put_along_axis": "m.put_along_axis(z, m.array([2, 0]), x[:2], 0)",
    "putmask": "m.putmask(z, [True, False, True], x)",
    "fromfunction": "m.fromfunction(lambda i: i * x[0], (3,))",
    "fromiter": "m.fromiter((y * 2.0 for y in x), x.dtype)",
    "full_like": "m.full_like(x, x[0])",
    "kaiser": "m.kaiser(5, x[0])",
    "linspace": "m.linspace(x[0], x[1:], 4)",
    "geomspace": "m.geomspace(x[0], x[1], 4)",
    "logspace": "m.logspace(x[0], x[1], 4)",
    "arange": "m.arange(x[0], 4.0)",
    "full": "m.full(2, x[0])",
    "divmod": "m.divmod(x, 0.5)",
    "floor_divide": "m.floor_divide(x, 0.5)",
    "vectorize": "m.vectorize(lambda y: y * y)(x)",
    **{name: f"m.{name}([x[0], x[1]])" for name in (
        "array", "asanyarray", "asarray", "asarray_chkfinite", "ascontiguousarray",
        "asfortranarray", "require")},
}  # fmt: skip
CHANGING = ("copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask")


def names():
    """(module, name) of everything that carries a derivative."""
    return [(row.module, row.name) for row in COVERAGE if row.kind in CARRYING]


def has(module, name):
    """Has the running NumPy this name? It comes and goes."""
    return hasattr(namespace(np, module), name)


def namespace(top, module):
    for part in module.split(".")[1:]:
        top = getattr(top, part)
    return top


def called(text, operands, m):
    """A call, as text, as a function of operands in a namespace."""
    code = compile(text, text, "eval")

    def f(*args):
        given = dict(zip(operands, args, strict=True))
        return eval(code, {"m": m, **OPERANDS, **CONSTANTS, **given})

    return f


def changing(name, m):
    """What a function that changes an array has made of one."""

    def f(x):
        z, w = 0.0 * x, 0.0 * m.outer(x, x)
        eval(CALLS[name], {"m": m, "x": x, "z": z, "w": w})
        return w if name == "fill_diagonal" else z

    return f


@cache
def cases_of(module, name):
    """(function, the same of NumPy, arguments) of calls of a name."""
    if name in CHANGING:
        return [(changing(name, cnp), changing(name, np), (LINE,))]
    if module == "numpy" and name in CALLS:
        return [(called(CALLS[name], ["x"], cnp), called(CALLS[name], ["x"], np), (LINE,))]
    prefix = re.escape(module.replace("numpy", "m"))
    alike = same(module, name)
    found = [x for x in TEXTS if re.search(rf"\b{prefix}\.({'|'.join(alike)})\(", x)]
    pairs = [(x, names_in(x, OPERANDS)) for x in found]
    cases = [(called(x, moved, cnp), called(x, moved, np), tuple([OPERANDS[k] for k in moved]))
             for x, moved in pairs if moved]  # fmt: skip
    return cases[:SEVERAL] + samples_of(module, name)


def same(module, name):
    """All names of a function, itself first."""
    this = getattr(MODULES[module], name)
    others = [x for x in MODULES[module].__all__ if getattr(MODULES[module], x) is this]
    return [re.escape(x) for x in (name, *others)]


def samples_of(module, name):
    """Operators at samples: the first that lies in the domain."""
    ours, numpys = getattr(MODULES[module], name), getattr(namespace(np, module), name)
    elementwise = isinstance(numpys, np.ufunc) and numpys.signature is None
    if name == "ldexp" or not (elementwise or name == "sinc"):
        return []
    for x in SAMPLES:
        args = (x,) if getattr(numpys, "nin", 1) == 1 else (x, x[::-1] * 0.7)
        with np.errstate(all="ignore"):
            if all(np.isfinite(y).all() for y in np.atleast_1d(numpys(*args))):
                return [(ours, numpys, args)]
    return []


def measured(module, name):
    """The row of a name: what its best call does, and the dtypes of all of them."""
    best, dtypes = (0, ()), set()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for f, original, args in cases_of(module, name):
            try:
                held = derivatives(f, args)
            except (TypeError, ValueError, NotImplementedError):
                continue
            best = max(best, held, key=lambda found: (len(found[1]), found[0]))
            dtypes |= {d for d in DTYPES if holds(partial(in_dtype, f, args, d, original))}
    if "c16" not in dtypes:
        dtypes.discard("c8")
    held = tuple([np.dtype(d).name for d in DTYPES if d in dtypes])
    return Row(module, name, tuple(best[1]), best[0], held, "differences")


if __name__ == "__main__":
    lines = as_json([measured(*key) for key in names() if has(*key)])
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write(lines)
