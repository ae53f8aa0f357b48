"""Calls with derivatives of their own at many points: decompositions and SciPy's functions."""

import importlib
import pkgutil

import numpy as np
import pytest

import cdiff as cd
from cdiff._core import Callee

special = pytest.importorskip("cdiff.scipy.special", reason="SciPy is not installed")

N = 5
RNG = np.random.default_rng(0)
ROWS = RNG.uniform(0.5, 2.0, (N, 3))
STACK = RNG.uniform(0.5, 2.0, (N, 2, 3))
NUMBERS = RNG.uniform(0.5, 2.0, N)
ROW = RNG.uniform(0.5, 2.0, 3)
MATRICES = RNG.standard_normal((N, 3, 3)) + 3.0 * np.eye(3)
linalg = importlib.import_module("cdiff.scipy.linalg")
signal = importlib.import_module("cdiff.scipy.signal")

CASES = {
    "gamma": (lambda x: special.gamma(x).sum(), (ROWS,), (0,)),
    "beta, equal ranks": (lambda x, y: special.beta(x, y[0]).sum(), (ROWS, STACK), (0, 0)),
    "beta, another rank": (lambda x, y: special.beta(x, y).sum(), (ROWS, STACK), (0, 0)),
    "beta, a number": (lambda x, y: special.beta(x, y).sum(), (NUMBERS, STACK), (0, 0)),
    "beta, one for all": (lambda x, y: special.betaln(x, y).sum(), (ROWS, ROW), (0, None)),
    "beta, a constant": (lambda x: special.betaln(x, ROW).sum(), (NUMBERS,), (0,)),
    "a gradient": (lambda x: cd.grad(lambda x: special.gammaln(x).sum())(x).sum(), (ROWS,), (0,)),
    "expm": (lambda a: linalg.expm(a).sum(), (MATRICES,), (0,)),
    "solve": (lambda a, b: linalg.solve(a, b).sum(), (MATRICES, ROW), (0, None)),
    "lu": (lambda a: (linalg.lu(a)[2] ** 2).sum(), (MATRICES,), (0,)),
    "eigvalsh": (lambda a: np.linalg.eigvalsh(a @ a.T).max(), (MATRICES,), (0,)),
    "svd": (lambda a: np.linalg.svd(a)[1].max(), (MATRICES,), (0,)),
    "convolve": (lambda x, y: (np.convolve(x, y) ** 2).sum(), (ROWS, ROW), (0, None)),
    "lfilter": (lambda x: (signal.lfilter([1.0, 0.5], [1.0, -0.2], x) ** 2).sum(), (ROWS,), (0,)),
}


def leaves(tree):
    return [np.asarray(x) for x in (tree if isinstance(tree, tuple) else (tree,))]


def at(args, axes, i):
    return [x[i] if axis == 0 else x for x, axis in zip(args, axes, strict=True)]


@pytest.mark.parametrize("name", CASES)
def test_points_one_by_one_and_at_once(name):
    f, args, axes = CASES[name]
    places = tuple(range(len(args)))
    for g in (f, cd.grad(f, argnums=places)):
        want = [leaves(g(*at(args, axes, i))) for i in range(N)]
        mapped = cd.vmap(g, in_axes=axes)
        for got in (mapped(*args), cd.compile(mapped)(*args)):
            for k, x in enumerate(leaves(got)):
                np.testing.assert_allclose(x, np.stack([row[k] for row in want]), rtol=1e-11)


@pytest.mark.parametrize("name", CASES)
def test_derivatives_of_many_points(name):
    f, args, axes = CASES[name]
    places = tuple(range(len(args)))
    mapped = lambda *args: (cd.vmap(f, in_axes=axes)(*args) ** 2).sum()
    loop = lambda *args: sum([f(*at(args, axes, i)) ** 2 for i in range(N)])
    pairs = zip(cd.grad(mapped, places)(*args), cd.grad(loop, places)(*args), strict=True)
    for got, want in pairs:
        np.testing.assert_allclose(got, want, rtol=1e-10)
    tangents = tuple([np.cos(np.arange(x.size)).reshape(x.shape) for x in args])
    for moved in (tangents, (tangents[0], *[0.0 * t for t in tangents[1:]])):
        got, want = (cd.jvp(g, args, moved)[1] for g in (mapped, loop))
        np.testing.assert_allclose(got, want, rtol=1e-10)


def callees(cls=Callee):
    for child in cls.__subclasses__():
        yield child
        yield from callees(child)


def test_every_call_of_the_package_can_be_mapped():
    for module in pkgutil.walk_packages(cd.__path__, "cdiff."):
        importlib.import_module(module.name)
    found = {c for c in callees() if c.__module__.startswith("cdiff.")}
    assert len(found) > 15
    assert not {c.__name__ for c in found if not hasattr(c, "batched")}
