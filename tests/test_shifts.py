"""Values read a few points before or behind in one group: what comes from the vector before, also
where blocks, chunks and threads meet.

Programs are written down instruction by instruction; the oracle knows NumPy's meaning of each.
Where there is no machine code the same programs go through copies. Other tests know how groups take
turns.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from program_oracle import Recorder, check
from shifted_programs import MOVES, ahead, behind, embedded, programs

import cdiff as cd
from cdiff import _core

RANDOM = np.random.default_rng(7)
HAS_MACHINE_CODE = _core.use_machine_code()
SIZES = (16, 17, 23, 24, 31, 1000, 1031, 8191, 8192, 8193, 20_005)


def numbers(n):
    return RANDOM.uniform(0.5, 1.5, n)


def operations(executable, *inputs):
    """The operators of each step."""
    steps = {}
    for step, op, *_ in executable.profile(list(inputs)):
        steps.setdefault(step, []).append(op)
    return list(steps.values())


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("k", [1, 2, 3, 7, 8])
def test_stages_are_one_group(n, move, k):
    """Of what is given, and of what the group makes; what has eight points or more is copied."""
    r = Recorder()
    x, y = r.input(shape=(n,)), r.input(shape=(n,))
    z = y
    for _ in range(4):
        z = r.apply("add", y, r.apply("multiply", x, MOVES[move](r, z, k)))
    r.returns(z)
    given = [numbers(n), numbers(n)]
    executable = check(r.program, given)
    if HAS_MACHINE_CODE and k < 8:
        assert len(operations(executable, *given)) == 1


@pytest.mark.parametrize("n", [1000, 20_005])
@pytest.mark.parametrize("move", MOVES)
def test_what_is_moved_goes_elsewhere_too(n, move):
    """To outputs, to heavy kernels, into sums, and into concatenations."""
    r = Recorder()
    x = r.input(shape=(n,))
    y = r.apply("exp", x)
    z = MOVES[move](r, y, 1)
    w = MOVES[move](r, r.apply("sin", r.apply("multiply", z, x)), 2)
    whole = r.concatenate([r.apply("add", w, z), r.slice(x, 0, 1, 5)])
    r.returns(z, w, r.apply("sum", r.apply("multiply", w, y), attrs=((0,), False)), whole)
    check(r.program, [numbers(n)], rtol=1e-12)


def test_both_ways_are_two_groups():
    n = 1000
    r = Recorder()
    x = r.input(shape=(n,))
    y = r.apply("multiply", x, x)
    z = r.apply("subtract", behind(r, y, 1), ahead(r, y, 1))
    r.returns(r.apply("multiply", z, embedded(r, z, 2)))
    check(r.program, [numbers(n)])


def test_a_head_that_is_computed():
    """From the same array, or from another group."""
    n = 500
    r = Recorder()
    x = r.input(shape=(n,))
    y = r.apply("exp", x)
    first = r.concatenate([r.slice(y, 0, 1, 1), r.slice(y, 0, 1, n - 1)])
    few = r.apply("exp", r.slice(x, 3, 1, 2))
    second = r.concatenate([few, r.slice(y, 0, 1, n - 2)])
    r.returns(r.apply("multiply", first, y), r.apply("multiply", second, y))
    check(r.program, [numbers(n)])


def test_what_is_no_shift():
    """Another stretch, another order, sums of rows beside it, and the ends of tables."""
    n = 96
    r = Recorder()
    x = r.input(shape=(n,))
    y = r.apply("multiply", x, x)
    one = r.constant(np.ones(1))
    moved = [
        r.concatenate([one, r.slice(y, 1, 1, n - 1)]),
        r.concatenate([r.slice(y, 0, 1, n - 1), one]),
        r.concatenate([one, r.slice(y, n - 1, -1, n - 1)]),
        r.apply("embed", r.slice(y, 0, 1, n - 1), attrs=((n,), (0, 1, n - 1))),
    ]
    r.returns(*[r.apply("add", z, x) for z in moved])
    check(r.program, [numbers(n)])
    r = Recorder()
    x = r.input(shape=(n,))
    z = r.apply("multiply", behind(r, x, 1), x)
    rows = r.reshape(r.apply("multiply", x, x), (8, 12))
    r.returns(z, r.apply("sum", rows, attrs=((1,), False)))
    check(r.program, [numbers(n)])


@pytest.mark.parametrize("move", MOVES)
def test_zeros_absorb_and_quotients_are_done_again(move):
    """The quick body of machine code is left where numbers are infinite, NaN, or huge: the exact
    one finds what was before."""
    n = 77
    given = [numbers(n), numbers(n)]
    for at, value in [(0, np.inf), (7, np.nan), (8, 1e300), (15, -np.inf), (40, 0.0), (76, np.inf)]:
        given[0][at] = value
        given[1][at] = 0.0
    r = Recorder()
    x, y = r.input(shape=(n,)), r.input(shape=(n,))
    z = r.apply("zmul", x, y)
    for _ in range(3):
        z = r.apply("zmul", r.apply("divide", MOVES[move](r, z, 1), x), y)
    r.returns(z)
    with np.errstate(all="ignore"):
        check(r.program, given)


@settings(max_examples=100, deadline=None)
@given(programs(SIZES, range(1, 10), 16))
def test_random_programs(r):
    check(r.program, [numbers(r.shape(0)[0]) * 0.5], rtol=1e-10, atol=1e-12)


def moved(x, y, m):
    for k in range(m):
        ones = np.ones(1 + k % 3)
        z = np.concatenate([ones, y[: -len(ones)]] if k % 2 else [y[len(ones) :], ones])
        y = 0.5 * y + x * z
    return y


@pytest.mark.parametrize("n", [300_001, 65_536])
def test_results_are_those_of_many_threads(threads, n):
    """To the last bit: each thread computes the points again that its first ones need."""
    x, y = numbers(n), numbers(n)
    found = []
    for count in (1, 2, 3):
        threads(count)
        f = cd.compile(cd.value_and_grad(lambda x: np.sum(moved(x, y, 6) ** 2)))
        found.append(f(x))
        up = cd.compile(lambda x: moved(x, np.concatenate([np.ones(2), x[:-2]]) * y, 1))
        found[-1] += (up(x),)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def upwind(u, c, steps):
    for _ in range(steps):
        u = u - c * (u - np.concatenate([np.zeros(1), u[:-1]]))
    return u


@pytest.mark.parametrize("n", [40, 50_000])
def test_upwind_differences_and_their_derivatives(n):
    x = numbers(n)
    want = cd.grad(lambda u: np.sum(upwind(u, 0.3, 40) ** 2))(x)
    got = cd.compile(cd.grad(lambda u: np.sum(upwind(u, 0.3, 40) ** 2)))
    for _ in range(2):
        np.testing.assert_allclose(got(x), want, rtol=1e-12)
    looped = cd.compile(
        cd.grad(lambda u: np.sum(cd.fori_loop(0, 40, lambda _, u: upwind(u, 0.3, 1), u) ** 2))
    )
    for _ in range(2):
        np.testing.assert_allclose(looped(x), want, rtol=1e-12)


def test_with_and_without_machine_code():
    """To the last bit."""
    n = 3001
    x, y = numbers(n), numbers(n)
    found = []
    try:
        for on in (False, HAS_MACHINE_CODE):
            _core.use_machine_code(on)
            f = cd.compile(lambda x: moved(x, y, 7))
            f(x)
            found.append(f(x))
    finally:
        _core.use_machine_code(True)
    np.testing.assert_array_equal(*found)
