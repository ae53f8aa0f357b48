"""Groups of one size that read each other's results shifted take turns: nothing may come too early.

Programs are written down instruction by instruction; the oracle knows NumPy's meaning of each.
Here they read at least eight points away; other tests know groups without shifts, and shorter ones,
which one group does.
"""

import signal

import numpy as np
import pytest
from hypothesis import given, settings
from program_oracle import Recorder, check
from shifted_programs import behind, embedded, programs

import cdiff as cd

RANDOM = np.random.default_rng(5)
SIZES = (65_536, 65_537, 69_632, 100_003)


def numbers(n):
    return RANDOM.uniform(0.5, 1.5, n)


def stages(r, x, y, move, count, k=1):
    """Stages of an explicit method: each reads the one before, moved."""
    found = [y]
    for _ in range(count):
        found.append(r.apply("add", y, r.apply("multiply", x, move(r, found[-1], k))))
    return found


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("move", [behind, embedded])
@pytest.mark.parametrize("k", [8, 9, 16, 65])
def test_stages_take_turns(n, move, k):
    r = Recorder()
    x, y = r.input(shape=(n,)), r.input(shape=(n,))
    r.returns(*stages(r, x, y, move, 5, k)[-2:])
    executable = check(r.program, [numbers(n), numbers(n)])
    assert len(executable.woven()) == 1
    assert executable.woven()[0][1] >= 5


@pytest.mark.parametrize("k", [8, 9, 64, 65])
def test_long_copies_take_turns(k):
    """What was given, moved, goes where values of the groups before lay; more than a few numbers
    beside it are copied at once."""
    n = SIZES[-1]
    r = Recorder()
    x, y = r.input(shape=(n,)), r.input(shape=(n,))
    total = r.apply("multiply", x, y)
    for z in stages(r, x, y, embedded, 4, 8)[1:]:
        total = r.apply("add", r.apply("multiply", x, total), embedded(r, z, 8))
    r.returns(stages(r, total, behind(r, y, k), behind, 3, 8)[-1])
    executable = check(r.program, [numbers(n), numbers(n)])
    assert len(executable.woven()) == (1 if k < 65 else 2)


@pytest.mark.parametrize("k", [500, 513, 30_000])
@pytest.mark.parametrize("move", [behind, embedded])
def test_moved_too_far(move, k):
    n = 70_000
    r = Recorder()
    x, y = r.input(shape=(n,)), r.input(shape=(n,))
    r.returns(*stages(r, x, y, move, 4, k)[-2:])
    check(r.program, [numbers(n), numbers(n)])


@pytest.mark.parametrize("n", [100, 4096, 65_535])
def test_short_arrays_do_not(n):
    r = Recorder()
    x, y = r.input(shape=(n,)), r.input(shape=(n,))
    r.returns(stages(r, x, y, behind, 3, 8)[-1])
    assert check(r.program, [numbers(n), numbers(n)]).woven() == []


def test_groups_that_share_nothing_do_not():
    r = Recorder()
    x, y = r.input(shape=(70_000,)), r.input(shape=(80_000,))
    r.returns(r.apply("exp", x), r.apply("exp", y))
    assert check(r.program, [numbers(70_000), numbers(80_000)]).woven() == []


def test_what_is_read_in_another_order_is_complete():
    """Backwards, every other one, or as a table: no turns."""
    n = 140_000
    for index in [(n - 1, -1, n), (0, 2, n // 2)]:
        r = Recorder()
        x = r.input(shape=(n,))
        y = r.apply("multiply", x, x)
        z = r.slice(y, *index)
        m = index[2]
        r.returns(r.apply("add", z, r.slice(x, 0, 1, m)), y)
        assert check(r.program, [numbers(n)]).woven() == []
    r = Recorder()
    x = r.input(shape=(1000, 80))
    y = r.apply("multiply", x, x)
    z = r.transpose(r.reshape(y, (80, 1000)), (1, 0))
    r.returns(r.apply("add", z, x))
    assert check(r.program, [numbers((1000, 80))]).woven() == []


@settings(max_examples=60, deadline=None)
@given(programs(SIZES, [1, 7, 8, 9, 64, 500, 4096], 14))
def test_random_programs(r):
    """Values die and their memory is used again, in whatever order the moves come."""
    check(r.program, [numbers(r.shape(0)[0]) * 0.5], rtol=1e-10, atol=1e-12)


def moved(x, y, m):
    for k in range(m):
        ones = np.ones(8 + k % 3)
        z = np.concatenate([ones, y[: -len(ones)]] if k % 2 else [y[len(ones) :], ones])
        y = 0.5 * y + x * np.sin(z)
    return y


def test_results_are_those_of_many_threads(threads):
    """To the last bit: several threads take one group after the other."""
    x, y = numbers(300_001), numbers(300_001)
    found = []
    for count in (1, 2):
        threads(count)
        f = cd.compile(cd.value_and_grad(lambda x: np.sum(moved(x, y, 6) ** 2)))
        found.append(f(x))
    assert found[0][0] == found[1][0]
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_a_loop_of_stages_and_its_derivative():
    n, h = 70_000, 0.05
    x, w = numbers(n), RANDOM.standard_normal(n)

    def slope(x, y):
        return x * np.concatenate([np.ones(8), y[:-8]])

    def step(x, y):
        k1 = slope(x, y)
        k2 = slope(x, y + h / 2 * k1)
        return y + h * slope(x, y + h / 2 * k2)

    def unrolled(x):
        y = np.zeros(n)
        for _ in range(5):
            y = step(x, y)
        return np.sum(w * y)

    def loop(x):
        return np.sum(w * cd.fori_loop(0, 5, lambda _, y: step(x, y), np.zeros(n)))

    value, wanted = cd.value_and_grad(unrolled)(x)
    for f in (unrolled, loop):
        compiled = cd.compile(cd.value_and_grad(f))
        for _ in range(2):
            found = compiled(x)
            np.testing.assert_allclose(found[0], value, rtol=1e-12)
            np.testing.assert_allclose(found[1], wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_a_signal_ends_them_early():
    def alarm(*_):
        raise TimeoutError("enough")

    x, y = numbers(400_000), numbers(400_000)
    f = cd.compile(lambda x, y: cd.fori_loop(0, 4, lambda _, y: moved(x, y, 20), y))
    right = f(x, y)
    before = signal.signal(signal.SIGALRM, alarm)
    try:
        for k in range(4):
            with pytest.raises(TimeoutError, match="enough"):
                signal.setitimer(signal.ITIMER_REAL, 0.005 + 0.004 * k)
                f(x, y)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    np.testing.assert_array_equal(f(x, y), right)
