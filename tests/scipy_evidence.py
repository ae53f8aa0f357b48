"""What holds of every name of `cdiff.scipy`, as measured: the source of docs/scipy_coverage.json.

For each name one call of the tests' own cases that goes through it is taken, and everything that a
function has to be is tried: values against SciPy's, derivatives in all modes and to second order
against the exact ones of `exact_scipy.py` (or, where it has none, against extrapolated differences
of SciPy's values), and the other dtypes. What holds is the row; nothing is typed by hand.
``python tests/scipy_evidence.py docs/scipy_coverage.json`` writes the file (two minutes);
tests/test_scipy_coverage.py measures again and compares.
"""

import sys
import warnings
from collections import defaultdict
from contextlib import contextmanager
from functools import cache
from importlib import import_module

import numpy as np
import scipy_coverage
from evidence import Row, as_json, derivatives, directions, holds, in_dtype
from exact_modes import MODES, compare
from exact_scipy import bent, truth_of
from test_scipy_arrays import CUBE, CUBE_TABLE, CUBE_XI
from test_scipy_interpolate import FAR, Y2
from test_scipy_interpolate import X as X8
from test_scipy_more import CASES
from test_scipy_ndimage import FAR as PLACES
from test_scipy_ndimage import TURN
from test_scipy_ndimage import M as IMAGE

import cdiff as cd
from cdiff.scipy import _complex_valued, _statistics
from cdiff.scipy._language import FUNCTIONS, ROWS
from cdiff.scipy._stats_table import CONTINUOUS, DISCRETE

FILES = ("linalg", "fft", "arrays", "interpolate", "ndimage", "more")
NO_CASE, DIFFERENCES = "no case", "differences"
CLOSE = 1e-9  # how far from the exact derivative, in units of the largest number of the result


@cache
def module_of(name):
    full = "_windows" if name == "signal.windows" else name
    return import_module(f"cdiff.scipy.{full}")


def names():
    """(module, name) of everything that is differentiated."""
    for module in ("special", "stats", *scipy_coverage.MODULES):
        for name in sorted(module_of(module).__all__):
            if name not in ("linalg", "windows", *scipy_coverage.ANSWERS):
                yield module, name


# --- a call for each name -------------------------------------------------------------------------


@cache
def called():
    """The first case of the tests' tables that goes through each name."""
    tables = [import_module(f"test_scipy_{file}").CASES for file in FILES]
    keys = defaultdict(list)
    for key in names():
        keys[id(original(*key))].append(key)
    found, seen = {}, []
    with noted(seen), np.errstate(all="ignore"):
        for f, args in [case for table in tables for case in table.values()]:
            seen[:] = [key for x in held(f) for key in keys[id(x)]]
            f(*[cd.array(x) for x in args])
            for key in seen:
                found.setdefault(key, (f, args))
    return found


@cache
def original(module, name):
    return getattr(module_of(module), name)


@contextmanager
def noted(seen):
    """While it lasts, stand-ins tell the names through which calls go."""
    put_back = []
    for module, name in names():
        target, function = module_of(module), original(module, name)
        if module == "special" and name not in _complex_valued.__all__:
            continue
        if not callable(function):
            continue
        if module == "stats" and name not in _statistics.__all__:
            continue

        def stand_in(*a, _key=(module, name), _f=function, **k):
            seen.append(_key)
            return _f(*a, **k)

        put_back.append((target, name, function))
        setattr(target, name, stand_in)
    try:
        yield
    finally:
        for target, name, function in put_back:
            setattr(target, name, function)


def held(f):
    """The case itself, its defaults, and what is in its closure: functions, where it calls them."""
    cells = [cell.cell_contents for cell in getattr(f, "__closure__", None) or ()]
    return [f, *cells, *(getattr(f, "__defaults__", None) or ())]


def case_of(module, name):
    """A function and its arguments; None where no test has a case."""
    if (module, name) in CALLS:
        return CALLS[module, name]
    if module == "special" and name not in _complex_valued.__all__:
        return special_case(name)
    if module == "stats" and name not in _statistics.__all__:
        return stats_case(name)
    return called().get((module, name))


def special_case(name):
    row = ROWS.get(name)
    if row is None:
        by_hand = import_module("test_scipy_special")
        calls = {**by_hand.BY_HAND, **SEVERAL}
        f = calls.get(name)
        return None if f is None else (f, (by_hand.X,))
    places = [k for k, d in enumerate(row.d) if d is not None]
    point = row.samples[0]

    def f(*moved):
        given = iter(moved)
        return FUNCTIONS[name](*[next(given) if k in places else x for k, x in enumerate(point)])

    return f, tuple([np.array([point[k]], dtype=float) for k in places])


def special(name, *rest):
    function = getattr(module_of("special"), name)
    return lambda x: function(x, *rest)


def made_sparse(kind):
    """The product with a matrix whose nonzeros are tracked."""

    def f(data, x):
        make = getattr(module_of("sparse"), "csr_array" if kind == "matmul" else kind)
        a = make((data, (np.array([0, 1, 2, 2]), np.array([1, 0, 2, 0]))), shape=(3, 3))
        return module_of("sparse").matmul(a, x) if kind == "matmul" else a @ x

    return f, (np.array([0.3, 1.2, 0.7, 2.0]), np.array([1.5, 0.4, 0.9]))


U, V, W = np.array([0.3, 1.2, 0.7]), np.array([0.9, 0.4, 1.7]), np.array([0.8, 1.1, 0.6])
SQUARE = np.array([[2.0, 0.3, 0.1], [0.2, 1.1, 0.4], [0.1, 0.3, 0.5]])


def distance(name, *more):
    function = getattr(module_of("spatial.distance"), name)
    return function, (U, V, *more)


def in_mirror(name, *args, **keywords):
    """A transformation of an image that goes on as in a mirror."""
    return lambda *z: getattr(module_of("ndimage"), name)(*z, mode="mirror", **keywords), args


CALLS = {
    ("linalg", "eig"): (lambda a: module_of("linalg").eig(a)[0], (SQUARE,)),
    ("linalg", "eigvals"): (lambda a: module_of("linalg").eigvals(a), (SQUARE,)),
    ("signal", "hilbert"): (lambda x: module_of("signal").hilbert(x), (U,)),
    ("special", "ellipj"): (lambda u, m: module_of("special").ellipj(u, m), (U, W / 2)),
    **{("special", f"mathieu_{kind}"): (
        lambda q, x, name=f"mathieu_{kind}": getattr(module_of("special"), name)(2, q, x),
        (U, 30.0 * V)) for kind in ("cem", "sem")},
    ("stats", "gaussian_kde"): CASES["gaussian_kde"],
    ("signal.windows", "general_cosine"): (
        lambda a: module_of("signal.windows").general_cosine(6, a), (U,)),
    ("interpolate", "RegularGridInterpolator"): (
        lambda g, v, q: module_of("interpolate").RegularGridInterpolator(
            (g, CUBE[1]), v, "cubic")(q), (CUBE[0], CUBE_TABLE, CUBE_XI)),
    ("interpolate", "make_interp_spline"): (
        lambda x, y, q: module_of("interpolate").make_interp_spline(x, y)(q), (X8, Y2, FAR)),
    ("ndimage", "map_coordinates"): in_mirror("map_coordinates", IMAGE, PLACES),
    ("ndimage", "shift"): in_mirror("shift", IMAGE, PLACES[:, 0]),
    ("ndimage", "affine_transform"): in_mirror("affine_transform", IMAGE, TURN, PLACES[:, 2]),
    ("ndimage", "rotate"): in_mirror("rotate", IMAGE, np.array(21.0), reshape=False),
    ("ndimage", "gaussian_filter"): (
        lambda a, s: module_of("ndimage").gaussian_filter(a, s), (IMAGE, np.array([0.5, 0.8]))),
    **{("spatial.distance", name): distance(name) for name in (
        "braycurtis", "canberra", "chebyshev", "cityblock", "correlation", "cosine", "euclidean",
        "jensenshannon", "sqeuclidean")},
    ("spatial.distance", "seuclidean"): distance("seuclidean", W),
    ("spatial.distance", "mahalanobis"): distance("mahalanobis", SQUARE @ SQUARE.T),
    **{("sparse", name): made_sparse(name) for name in (
        "coo_array", "coo_matrix", "csc_array", "csc_matrix", "csr_array", "csr_matrix",
        "matmul")},
    ("sparse.linalg", "norm"): (
        lambda d: module_of("sparse.linalg").norm(
            module_of("sparse").coo_array((d, ([0, 1, 2], [1, 0, 1])), (3, 2))), (U,)),
    ("stats", "multinomial"): (
        lambda p: module_of("stats").multinomial.logpmf([1, 2, 3], 6, p / np.sum(p)), (U,)),
}  # fmt: skip


SEVERAL = {
    **{name: special(name) for name in (
        "cbrt", "erf", "erfc", "exp2", "expit", "expm1", "log1p", "log_expit", "sinc", "factorial",
        "iti0k0", "itj0y0", "it2i0k0", "it2j0y0", "itairy")},
    "comb": lambda x: module_of("special").comb(5.3, x),
    "lambertw": lambda x: module_of("special").lambertw(x).real,
    "mathieu_cem": lambda x: module_of("special").mathieu_cem(2, 0.7, x),
    "mathieu_sem": lambda x: module_of("special").mathieu_sem(2, 0.7, x),
    "multigammaln": lambda x: module_of("special").multigammaln(x + 2.0, 2),
    "pbdv": lambda x: module_of("special").pbdv(0.4, x),
    "pbvv": lambda x: module_of("special").pbvv(0.4, x),
    "pbwa": lambda x: module_of("special").pbwa(0.4, x),
    "perm": lambda x: module_of("special").perm(5.3, x),
}  # fmt: skip


def stats_case(name):
    stats = module_of("stats")
    d = getattr(stats, name)
    family = CONTINUOUS.get(d._family.name) if hasattr(d, "_family") else None
    if family is not None:
        x = d._plain.ppf(np.array([0.46, 0.83]), *family.at)
        return d.logpdf, (x, *[np.array(s) for s in family.at])
    if hasattr(d, "_family"):
        shapes = DISCRETE[name].at
        real = [k for k, s in enumerate(shapes) if isinstance(s, float)]

        def f(*moved):
            given = iter(moved)
            full = [next(given) if k in real else s for k, s in enumerate(shapes)]
            return d.logpmf(np.array([1.0]), *full)

        return f, tuple([np.array(shapes[k]) for k in real])
    cases = import_module("test_scipy_multivariate")
    return cases.of(name)[::2] if name in cases.CASES else None


# --- what holds -----------------------------------------------------------------------------------


def measured(module, name):
    """The row of a name."""
    case = case_of(module, name)
    if case is None:
        return Row(module, name, (), 0, (), NO_CASE)
    f, args = case
    args = tuple([np.asarray(x) for x in args])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        exact = exactly(module, name, f, args)
        order, modes, oracle = exact or (*derivatives(f, args), DIFFERENCES)
        dtypes = [d for d in ("f4", "f8", "c8", "c16") if holds(lambda d=d: in_dtype(f, args, d))]
        dtypes = [d for d in dtypes if d != "c8" or "c16" in dtypes]
    return Row(module, name, tuple(modes), order, tuple([np.dtype(d).name for d in dtypes]), oracle)


def exactly(module, name, f, args):
    """Order and modes to which derivatives are the exact ones, and what those are; or None."""
    args = [np.asarray(x, float) for x in args]
    row = ROWS.get(name) if module == "special" else None
    d = original(module, name) if module == "stats" else None
    along = directions(args)
    found = truth_of(module, name, f, args, along, row, d)
    if found is None:
        return None
    errors = compare(bent(f), found[0], args, along)
    right = lambda kind, modes: all(errors[kind][mode] < CLOSE for mode in modes)
    twice = [mode for mode in errors["eager"] if len(mode.split()) > 1]
    modes = [mode for mode in MODES[:2] if right("eager", [mode])]
    modes += [kind for kind in MODES[2:] if right(kind, errors[kind])]
    return ("reverse" in modes) + ("reverse" in modes and right("eager", twice)), modes, found[1]


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write(as_json([measured(*key) for key in names()]))
