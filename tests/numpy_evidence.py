"""What holds of every name of NumPy that has a derivative, as measured: docs/numpy_coverage.json.

For each name of `tests/numpy_coverage.py` the first calls of the tests' own cases are taken, at
samples for operators; every derivative is compared with the exact one of `exact_modes.py`, to order
two, in all modes and dtypes, and values and dtypes with NumPy's. What holds is the row; nothing is
typed by hand.
``python tests/numpy_evidence.py docs/numpy_coverage.json`` writes the file (a minute);
tests/test_numpy_evidence.py measures again and compares.
"""

import re
import sys
import warnings
from functools import cache

import numpy as np
from evidence import Row, as_json, flat
from exact_modes import MODES, compare
from exact_numbers import ELEMENTWISE, TRANSCRIBED
from exact_space import OWN, space
from numpy_cases import OPERANDS, PIECEWISE, SMOOTH, called, names_in
from numpy_coverage import CARRYING, COVERAGE
from numpy_plain_cases import CREATION, UFUNC_CALLS

import cdiff as cd
import cdiff.numpy as cnp

MODULES = {"numpy": cnp, "numpy.linalg": cnp.linalg, "numpy.fft": cnp.fft, "numpy.emath": cnp.emath}
TEXTS = [case for group in SMOOTH.values() for case in group] + UFUNC_CALLS
STEPS = PIECEWISE + CREATION  # for names without others
DTYPES = ("f4", "f8", "c8", "c16")
# How far from the exact derivative, in units of the largest number of the result.
NEAR = {"f4": 2e-3, "f8": 1e-10, "c8": 2e-3, "c16": 1e-10}
OWN_CODE, TRANSCRIPT = "its own code in 50 digits", "mpmath in 50 digits"
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
    "arange": "m.arange(x[0], 4.0 + (4j if m.iscomplexobj(x) else 0.0))",
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


def changing(name, m):
    """What a function that changes an array has made of one."""
    change = eval(f"lambda x, z, w: {CALLS[name]}", {"m": m})

    def f(x):
        z, w = 0.0 * x, 0.0 * m.outer(x, x)
        change(x, z, w)
        return w if name == "fill_diagonal" else z

    return f


@cache
def cases_of(module, name):
    """(function, the same of NumPy, the same in exact numbers, arguments) of calls of a name."""
    everywhere = (cnp, np, space)
    if name in CHANGING:
        return [(*[changing(name, m) for m in everywhere], (LINE,))]
    if module == "numpy" and name in CALLS:
        return [(*[called(CALLS[name], ["x"], m) for m in everywhere], (LINE,))]
    prefix = re.escape(module.replace("numpy", "m"))
    alike = same(module, name)
    through = re.compile(rf"\b{prefix}\.({'|'.join(alike)})\(")
    found = [x for x in TEXTS if through.search(x)] or [x for x in STEPS if through.search(x)]
    pairs = [(x, names_in(x, OPERANDS)) for x in found]
    cases = [(*[called(x, moved, m) for m in everywhere], tuple([OPERANDS[k] for k in moved]))
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
                return [(ours, numpys, numpys, args)]
    return []


def directions(args):
    rng = np.random.default_rng(7)
    part = lambda x: rng.uniform(0.2, 1.0, x.shape) * rng.choice([-1.0, 1.0], x.shape)
    return [part(x) + (1j * part(x) if x.dtype.kind == "c" else 0.0) for x in args]


def given(args, dtype):
    """The arguments in a dtype, and directions."""
    complex_too = np.dtype(dtype).kind == "c"
    turned = lambda x: x * (1 + 0.1j) + 0.07j * np.roll(x.reshape(-1), 1).reshape(x.shape)
    moved = [(turned(x) if complex_too else x).astype(dtype) for x in args]
    return moved, [d.astype(dtype) for d in directions(moved)]


def as_numpys(f, original, args):
    """Values and dtypes are the original's."""
    want, got = flat(original(*args)), flat(f(*[cd.array(x) for x in args]))
    single = any(x.dtype.itemsize < (16 if x.dtype.kind == "c" else 8) for x in args)
    close = {"rtol": 2e-3, "atol": 1e-4} if single else {"rtol": 1e-9, "atol": 1e-11}
    return all(x.dtype == y.dtype and np.allclose(x, y, equal_nan=True, **close)
               for x, y in zip(want, got, strict=True))  # fmt: skip


def held(case, dtype):
    """What one call does in one dtype: modes and order; None where NumPy refuses it as well."""
    f, original, exact, args = case
    args, along = given(args, dtype)
    try:
        original(*args)
        if not as_numpys(f, original, args):
            return set(), 0
    except (TypeError, ValueError, NotImplementedError):
        return None
    kinds = ("eager", "compiled", "mapped") if dtype == "f8" else ("eager",)
    errors = compare(f, exact, args, along, kinds)
    right = lambda kind, modes: all(errors[kind][mode] < NEAR[dtype] for mode in modes)
    modes = {kind for kind in kinds[1:] if right(kind, errors[kind])}
    modes |= {mode for mode in MODES[:2] if right("eager", [mode])}
    twice = [mode for mode in errors["eager"] if len(mode.split()) > 1]
    return modes, ("reverse" in modes) + ("reverse" in modes and right("eager", twice))


def reference(module, name):
    """Whether NumPy's own code was run, or the function written once more with mpmath."""
    function = getattr(namespace(np, module), name)
    element = isinstance(function, np.ufunc) and function.__name__ in ELEMENTWISE
    written = element or name in OWN or function in TRANSCRIBED
    return TRANSCRIPT if written else OWN_CODE


def measured(module, name):
    """The row of a name: what every call of it does, and the dtypes of all of them."""
    found = {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for dtype in DTYPES:
            all_of = [held(case, dtype) for case in cases_of(module, name)]
            found[dtype] = [x for x in all_of if x is not None]
    plain = found["f8"]
    modes = tuple([m for m in MODES if plain and all(m in modes for modes, _ in plain)])
    right = lambda row: {"forward", "reverse"} <= row[0] and row[1] >= 1
    dtypes = [d for d in DTYPES if found[d] and all(map(right, found[d]))]
    order = min([order for _, order in plain], default=0)
    names = tuple([np.dtype(d).name for d in dtypes])
    return Row(module, name, modes, order, names, reference(module, name))


if __name__ == "__main__":
    lines = as_json([measured(*key) for key in names() if has(*key)])
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write(lines)
