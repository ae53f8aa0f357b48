"""Random functions of vectors under nested transformations, with sizes on both sides of the
library's thresholds: every way to a derivative gives what one direction and Cauchy's formula give.

It must not know how a program is made (see `vector_programs.py`) or differentiated. It is fast
because only the cheap ways are taken where arrays are long; more seeds are a matter of patience.
"""

import random

import numpy as np
import pytest
from vector_programs import Library, Plain, Program, derivatives

import cdiff as cd

# Directions of lanes and rows that are short (7 to 17), of products (31 to 33), of bit sweeps and
# matrices of 4096 entries (63 to 65); blocks (512), then runs without the lock (32768).
SIZES = (1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65)
LONG = (511, 512, 513, 4095, 4096, 4097, 32767, 32769)
SEEDS = range(45)


def assert_near(found, wanted, what, digits):
    found, wanted = np.asarray(found, dtype=float), np.asarray(wanted, dtype=float)
    assert found.shape == wanted.shape, what
    scale = np.max(np.abs(wanted), initial=1e-3)
    assert np.max(np.abs(found - wanted), initial=0.0) <= digits * scale, what


class Case:
    """A random program at a point, two directions, and the derivatives along them."""

    def __init__(self, seed, sizes, long=False):
        chosen = random.Random(seed)
        n = chosen.choice(sizes)
        made = Program(seed, n, chosen.randint(1, 5), heavy=not long)
        self.what = f"{n} numbers, {made.names}"
        self.x, self.n = made.x, n
        rng = np.random.default_rng(seed)
        self.d, self.e = (rng.standard_normal(n) / np.sqrt(n) for _ in range(2))
        self.f = lambda x: made.vector(Library, x)
        self.g = lambda x: made.scalar(Library, x)
        plain = lambda x: made.scalar(Plain, x)
        self.along = derivatives(lambda x: made.vector(Plain, x), self.x, self.d)
        with_e = derivatives(plain, self.x, self.d + self.e)
        without = derivatives(plain, self.x, self.d - self.e)
        self.slope = self.along[1].sum()
        self.curvature = (with_e[2] - without[2]) / 4.0

    def check(self, name, found, wanted, digits=1e-6):
        assert_near(found, wanted, f"{name}: {self.what}", digits)

    def check_directions(self):
        f, g, x, d, e = self.f, self.g, self.x, self.d, self.e
        slope = lambda v: cd.jvp(g, (v,), (d,))[1]
        ways = {
            "grad": cd.grad(g)(x) @ d,
            "jvp": slope(x),
            "compiled grad": cd.compile(cd.grad(g))(x) @ d,
            "linearize": cd.linearize(g, x)[1](d),
            "compiled linearize": cd.compile(cd.linearize(g, x)[1])(d),
        }
        for name, found in ways.items():
            self.check(name, found, self.slope)
        second = {
            "hvp": cd.hvp(g, (x,), (d,)) @ e,
            "compiled hvp": cd.compile(lambda v: cd.hvp(g, (v,), (d,)))(x) @ e,
            "reverse over reverse": cd.grad(lambda v: cd.grad(g)(v) @ d)(x) @ e,
            "reverse over forward": cd.grad(slope)(x) @ e,
            "forward over forward": cd.jvp(slope, (x,), (e,))[1],
            "checkpoint": cd.hvp(cd.checkpoint(g), (x,), (d,)) @ e,
        }
        for name, found in second.items():
            self.check(name, found, self.curvature)
        self.check("vector", cd.jvp(f, (x,), (d,))[1], self.along[1])

    def check_jacobians(self):
        f, x, m = self.f, self.x, len(self.along[0])
        wanted = np.stack([cd.jvp(f, (x,), (t,))[1] for t in np.eye(self.n)], axis=1)
        self.check("columns", wanted @ self.d, self.along[1])
        ways = {
            "jacfwd": cd.jacfwd(f)(x),
            "jacrev": cd.jacrev(f)(x),
            "compiled jacfwd": cd.compile(cd.jacfwd(f))(x),
            "compiled jacrev": cd.compile(cd.jacrev(f))(x),
            "mapped linearize": cd.vmap(cd.linearize(f, x)[1])(np.eye(self.n)).T,
            "mapped vjp": cd.vmap(cd.vjp(f, x)[1])(np.eye(m))[0],
            "checkpoint": cd.jacrev(cd.checkpoint(f))(x),
            "mapped jacrev": cd.vmap(cd.jacrev(f))(np.stack([x, 0.9 * x]))[0],
        }
        for name, found in ways.items():
            self.check(name, found, wanted, 1e-9)

    def check_hessians(self):
        g, x = self.g, self.x
        gradient = cd.grad(g)
        wanted = np.stack([cd.jvp(gradient, (x,), (t,))[1] for t in np.eye(self.n)])
        self.check("rows", self.d @ wanted @ self.e, self.curvature)
        ways = {
            "hessian": cd.hessian(g)(x),
            "compiled hessian": cd.compile(cd.hessian(g))(x),
            "jacrev of grad": cd.jacrev(gradient)(x),
            "jacrev of jacfwd": cd.jacrev(cd.jacfwd(g))(x),
            "jacrev of compiled grad": cd.jacrev(cd.compile(gradient))(x),
            "checkpoint": cd.hessian(cd.checkpoint(g))(x),
            "mapped hvp": cd.vmap(lambda t: cd.hvp(g, (x,), (t,)))(np.eye(self.n)),
        }
        for name, found in ways.items():
            self.check(name, found, wanted, 1e-8)

    def check_third(self):
        g, x, d = self.g, self.x, self.d
        wanted = self.along[3].sum()
        for outer in (cd.jacfwd, cd.jacrev):
            found = np.einsum("ijk,i,j,k", outer(cd.hessian(g))(x), d, d, d)
            self.check(f"{outer} of hessian", found, wanted, 1e-4)
        bent = lambda v: cd.hvp(g, (v,), (d,)) @ d
        self.check("reverse over hvp", cd.grad(bent)(x) @ d, wanted, 1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_nesting(seed):
    case = Case(seed, SIZES)
    case.check_directions()
    case.check_jacobians() if case.n * len(case.along[0]) <= 5000 else None
    case.check_hessians()
    case.check_third() if case.n <= 9 else None


@pytest.mark.parametrize("seed", range(1000, 1012))
def test_directions_of_long_arrays(seed):
    Case(seed, LONG, long=True).check_directions()


# --- what these programs have found --------------------------------------------------------------


@pytest.mark.parametrize("outer", [cd.jacfwd, cd.jacrev])
def test_jacobians_of_gradients_through_calls_with_constants_that_are_not_kept(outer):
    """The highest level of a graph was looked for in operands that a call does not keep."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((9, 9))
    a = a + a.T + 8.0 * np.diag(np.arange(9.0))

    def f(x):
        return np.sum(np.linalg.eigh(a + np.sin(x)[:, None] * np.sin(x)[None, :])[0] ** 2)

    x = np.linspace(0.1, 0.5, 9)
    for inner in (cd.grad(f), cd.hessian(f)):
        found = outer(inner)(x)
        wanted = np.stack([cd.jvp(inner, (x,), (t,))[1] for t in np.eye(9)], axis=-1)
        assert_near(found, wanted, "eigh", 1e-9)


def test_linear_functions_of_loops_in_programs():
    """Of a loop that reads the point it was recorded at a level that had ended."""
    x = np.linspace(0.2, 0.5, 3)
    push = cd.linearize(lambda v: cd.fori_loop(0, 3, lambda i, w: np.sin(w) * v, v), x)[1]
    rows = np.stack([push(t) for t in np.eye(3)])
    assert np.allclose(np.asarray(cd.vmap(push)(np.eye(3))), rows, rtol=1e-14)
    assert np.allclose(np.asarray(cd.compile(push)(np.ones(3))), rows.sum(axis=0), rtol=1e-14)


def test_pulled_back_rows_of_loops_with_a_condition():
    """Likewise backward, where the loop begins with what was computed at that level."""

    def f(v):
        body = lambda p: (0.7 * np.sin(p[0]) + 0.1 * v, p[1] + 1)
        return cd.while_loop(lambda p: p[1] < 5, body, (v * v + v, 0))[0]

    x = np.linspace(0.2, 0.5, 3)
    found = cd.vmap(cd.vjp(f, x)[1])(np.eye(3))[0]
    assert np.allclose(np.asarray(found), cd.jacfwd(f)(x), rtol=1e-13)
