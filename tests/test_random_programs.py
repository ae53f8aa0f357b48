"""Random programs: the oracle and the library agree in value, and in every derivative, whichever
way it is computed: reverse, forward, and all nestings of the two to third order.

It must not know how a program is made (see `programs.py`) or differentiated; points that lie near
a kink are left to the tests of conventions.
"""

import itertools
import operator
import types

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import cdiff as cd
import cdiff.numpy as cnp
import reference as ad
from programs import OPERATORS, Grid, broadcast_shape, grids, indices, points, programs

# NumPy's own warning, where the spelling `np.sqrt` meets a constant below zero.
pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in sqrt")

FORWARD, REVERSE = "forward", "reverse"
NAMES = {op.name for op in OPERATORS} | {"greater", "tanh", "sqrt", "exp", "hypot", "softplus"}

PYTHON_OPERATORS = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "floor_divide": operator.floordiv,
    "remainder": operator.mod,
    "power": operator.pow,
    "negative": operator.neg,
    "positive": operator.pos,
    "absolute": abs,
    "greater": operator.gt,
}


def spelling(*sources):
    """The operators under their names, each from the first source that has it."""
    found = {}
    for name in NAMES:
        found[name] = next(getattr(ns, name) for ns in sources if hasattr(ns, name))
    return types.SimpleNamespace(**found)


# The ways in which a user may write the same program.
SPELLINGS = {
    "cdiff.numpy": spelling(cnp, cd),
    "numpy": spelling(np, cd),
    "operators": spelling(types.SimpleNamespace(**PYTHON_OPERATORS), cnp, cd),
}
spellings = st.sampled_from(sorted(SPELLINGS))

# Rare combinations (a choice under a forward sweep over a reverse one) take this many to turn up.
relaxed = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


def assume_smooth(program, *point):
    assume(program.margin(ad, *point) > 1e-6)


def assert_near(found, wanted, what):
    """Equal to ten digits of the largest entry: the smaller ones may come from cancellation."""
    found, wanted = np.asarray(found, dtype=float), np.asarray(wanted, dtype=float)
    assert found.shape == wanted.shape, what
    scale = np.max(np.abs(wanted), initial=1.0)
    assert np.all(np.abs(found - wanted) <= 1e-10 * scale), (what, found, wanted)


def partial(f, position, mode):
    """The library's derivative of f by one of its scalar arguments, a function of all of them."""
    if mode == REVERSE:
        return cd.grad(f, argnums=position)

    def by_forward_sweep(*args):
        return cd.jvp(f, args, tuple(float(k == position) for k in range(len(args))))[1]

    return by_forward_sweep


# --- scalars -------------------------------------------------------------------------------------


@relaxed
@given(st.data(), spellings, st.integers(1, 3))
def test_values_and_gradients(data, spelled, size):
    program, point = data.draw(programs(inputs=size)), data.draw(points(size))
    assume_smooth(program, *point)
    every = tuple(range(size))
    wanted_value, wanted = ad.value_and_grad(lambda *x: program(ad, *x), every)(*point)

    def f(*x):
        return program(SPELLINGS[spelled], *x)

    value, gradient = cd.value_and_grad(f, argnums=every)(*point)
    assert_near(value, wanted_value, "value")
    assert_near(gradient, wanted, REVERSE)
    assert_near(cd.jvp(f, point, point)[0], wanted_value, "value in forward mode")
    assert_near([partial(f, k, FORWARD)(*point) for k in every], wanted, FORWARD)

    leaves = [cd.array(x, requires_grad=True) for x in point]
    result = f(*leaves)
    if cd.is_tracked(result):
        result.backward()
    found = [0.0 if leaf.grad is None else leaf.grad for leaf in leaves]
    assert_near(found, wanted, "backward")


def check_every_nesting(program, point, ns, positions):
    wanted = lambda *x: program(ad, *x)
    for position in positions:
        wanted = ad.grad(wanted, position)
    for modes in itertools.product((FORWARD, REVERSE), repeat=len(positions)):
        found = lambda *x: program(ns, *x)
        for position, mode in zip(positions, modes, strict=True):
            found = partial(found, position, mode)
        assert_near(found(*point), wanted(*point), modes)


@relaxed
@given(programs(inputs=2), points(2), spellings, st.sampled_from([(0, 0), (0, 1), (1, 1)]))
def test_second_derivatives_in_every_nesting(program, point, spelled, positions):
    assume_smooth(program, *point)
    check_every_nesting(program, point, SPELLINGS[spelled], positions)


@relaxed
@given(
    programs(inputs=2, most_steps=5), points(2), spellings, st.sampled_from([(0, 0, 1), (1, 1, 1)])
)
def test_third_derivatives_in_every_nesting(program, point, spelled, positions):
    assume_smooth(program, *point)
    check_every_nesting(program, point, SPELLINGS[spelled], positions)


@relaxed
@given(programs(inputs=3), points(3), spellings)
def test_hessians(program, point, spelled):
    assume_smooth(program, *point)
    wanted = ad.hessian(lambda x: program(ad, *x))(list(point))
    hessian = cd.hessian(lambda x: program(SPELLINGS[spelled], x[0], x[1], x[2]))
    assert_near(hessian(np.array(point)), wanted, "hessian")


# --- arrays that broadcast -----------------------------------------------------------------------


def as_array(grid):
    return np.array(grid.elements, dtype=float).reshape(grid.shape)


class ArrayCase:
    """A program on arrays, its result weighted entry by entry, for the oracle and the library."""

    def __init__(self, program, arrays, spelled):
        self.program, self.grids, self.ns = program, arrays, SPELLINGS[spelled]
        self.shape = broadcast_shape([grid.shape for grid in arrays])
        self.arrays = tuple(map(as_array, arrays))
        # Directions and weights that are neither equal nor zero.
        self.directions = tuple(
            np.cos(1.0 + np.arange(x.size)).reshape(x.shape) for x in self.arrays
        )
        size = int(np.prod(self.shape))
        self.weights = 1.0 + np.sin(np.arange(size)).reshape(self.shape) / 2
        self.every = tuple(range(len(arrays)))

    def assume_smooth(self):
        for index in indices(self.shape):
            assume_smooth(self.program, *(grid[index] for grid in self.grids))

    def oracle(self, *elements):
        """The entries of the result, from the lists of elements of the operands."""
        operands = [Grid(grid.shape, part) for grid, part in zip(self.grids, elements, strict=True)]
        return [
            float(self.weights[index]) * self.program(ad, *(x[index] for x in operands))
            for index in indices(self.shape)
        ]

    def oracle_sum(self, *elements):
        return sum(self.oracle(*elements))

    def library(self, *arrays):
        return self.weights * self.program(self.ns, *arrays)

    def library_sum(self, *arrays):
        return cnp.sum(self.library(*arrays))

    def elements(self, arrays):
        return tuple(x.ravel().tolist() for x in arrays)


def flat(arrays):
    return np.concatenate([np.ravel(np.asarray(x, dtype=float)) for x in arrays])


def inner(directions, arrays):
    return sum(cnp.sum(t * x) for t, x in zip(directions, arrays, strict=True))


cases = st.builds(ArrayCase, programs(inputs=2, most_steps=6), grids(2), spellings)


@relaxed
@given(cases)
def test_gradients_by_arrays(case):
    case.assume_smooth()
    elements, directions = case.elements(case.arrays), case.elements(case.directions)
    wanted_value, wanted = ad.value_and_grad(case.oracle_sum, case.every)(*elements)
    value, gradient = cd.value_and_grad(case.library_sum, argnums=case.every)(*case.arrays)
    assert_near(value, wanted_value, "value")
    assert list(map(np.shape, gradient)) == list(map(np.shape, case.arrays))
    assert_near(flat(gradient), flat(wanted), REVERSE)

    value, tangent = cd.jvp(case.library, case.arrays, case.directions)
    wanted_value, wanted_tangent = ad.jvp(case.oracle, elements, directions)
    assert np.shape(value) == np.shape(tangent) == case.shape
    assert_near(np.ravel(value), wanted_value, "value in forward mode")
    assert_near(np.ravel(tangent), wanted_tangent, FORWARD)


@relaxed
@given(cases)
def test_jacobians_by_arrays(case):
    case.assume_smooth()
    elements = case.elements(case.arrays)
    for k, x in enumerate(case.arrays):
        wanted = np.reshape(ad.jacfwd(case.oracle, k)(*elements), case.shape + x.shape)
        for jacobian in (cd.jacobian, cd.jacfwd, cd.jacrev):
            found = jacobian(case.library, argnums=k)(*case.arrays)
            assert_near(found, wanted, jacobian.__name__)


@relaxed
@given(cases)
def test_second_derivatives_by_arrays_in_every_nesting(case):
    case.assume_smooth()
    f, every, arrays, directions = case.library_sum, case.every, case.arrays, case.directions
    _, wanted = ad.jvp(
        ad.grad(case.oracle_sum, every), case.elements(arrays), case.elements(directions)
    )
    wanted = flat(wanted)

    def slope(*x):
        return cd.jvp(f, x, directions)[1]

    _, found = cd.jvp(cd.grad(f, argnums=every), arrays, directions)
    assert_near(flat(found), wanted, "forward over reverse")
    found = cd.grad(slope, argnums=every)(*arrays)
    assert_near(flat(found), wanted, "reverse over forward")
    found = cd.grad(lambda *x: inner(directions, cd.grad(f, argnums=every)(*x)), argnums=every)
    assert_near(flat(found(*arrays)), wanted, "reverse over reverse")
    _, found = cd.jvp(slope, arrays, directions)
    assert_near(found, flat(directions) @ wanted, "forward over forward")
