"""Executables shared by threads, forks and callers; memory that they use; arrays from outside."""

import multiprocessing
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from many_threads import in_threads
from program_oracle import Recorder, check

import cdiff._core as core


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape)


def test_many_threads_in_one_executable():
    r = Recorder()
    x = r.input(shape=(40_000,))
    y = r.apply("sin", x)
    m = r.apply("matmul", r.reshape(y, (200, 200)), r.reshape(y, (200, 200)))
    executable = r.returns(m, r.sum(r.apply("exp", y)))
    inputs = [numbers(40_000, seed=k) for k in range(8)]
    right = [executable.run([x]) for x in inputs]
    wrong = []

    def work(k):
        for _ in range(20):
            found = executable.run([inputs[k]])
            if not ((found[0] == right[k][0]).all() and found[1] == right[k][1]):
                wrong.append(k)

    in_threads(work)
    assert wrong == []


def large():
    r = Recorder()
    x = r.input(shape=(300, 1000))
    y = r.apply("exp", r.apply("sin", r.apply("multiply", x, r.transpose(x, (0, 1)))))
    z = r.apply("add", y, r.slice(x, 0, 1, 1, 0, 1, 1000))
    executable = r.returns(z, r.sum(z), r.sum(y, (1,)), r.sum(r.apply("tanh", z)))
    return executable, numbers(300, 1000)


def test_results_do_not_depend_on_the_number_of_threads(threads):
    executable, x = large()
    right = executable.run([x])
    for n in (2, 3, 7, 1, 2):
        threads(n)
        assert core.get_num_threads() == n
        for _ in range(5):
            found = executable.run([x])
            assert all(np.array_equal(a, b) for a, b in zip(found, right, strict=True))
    for n in (0, -1, 65, 10**30):
        with pytest.raises(ValueError, match="set_num_threads: between 1 and 64"):
            threads(n)
    for n in (1.5, "2", None, True):
        with pytest.raises(TypeError, match="expected an integer"):
            threads(n)
    assert threads(3) == 2 and threads(1) == 3


def test_pairs_are_computed_by_one_kernel():
    """Sine and cosine, in either order, in place of their operand, far out and for any length."""
    for n in (1, 5, 8, 71, 300, 9000):
        r = Recorder()
        x = r.input(shape=(n,))
        y = r.apply("multiply", x, x)
        c, s = r.apply("cos", y), r.apply("sin", y)
        t, e = r.apply("tanh", s), r.apply("sinh", s)
        r.program.outputs = [
            r.apply("add", c, s),
            t,
            r.apply("subtract", r.apply("cosh", s), r.apply("multiply", t, e)),
            r.sum(r.apply("tanh_slope", s)),
        ]
        check(r.program, [numbers(n) * 10.0 ** (np.arange(n) % 7)], rtol=1e-11)


@pytest.mark.parametrize("name", ["divide", "reciprocal", "sqrt"])
def test_quotients_are_rounded_correctly(name):
    """Bit for bit NumPy's, also where a step in between would overflow or lose digits."""
    rng = np.random.default_rng(1)
    a, b = rng.uniform(1, 2, (2, 100_000)) * 2.0 ** rng.integers(-1074, 1024, (2, 100_000))
    edges = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1.7e308, 2.0**-500, 2.0**500])
    a[: 9 * 9], b[: 9 * 9] = np.repeat(edges, 9), np.tile(edges, 9)
    a[200:50_000] = 2.0 ** rng.integers(-60, 60) * rng.uniform(-2, 2, 49_800)
    b[200:50_000] = rng.uniform(-2, 2, 49_800)
    operands = [a, b] if name == "divide" else [a]
    for n in (7, 1000, 100_000):
        r = Recorder()
        x = [r.input(shape=(n,)) for _ in operands]
        executable = r.returns(r.apply(name, *x))
        with np.errstate(all="ignore"):
            right = getattr(np, name)(*[v[:n] for v in operands])
        assert np.array_equal(executable.run([v[:n] for v in operands])[0], right, equal_nan=True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_threads_after_fork(threads):
    threads(2)
    executable, x = large()
    right = executable.run([x])[1]
    child = os.fork()
    if child == 0:
        os._exit(0 if executable.run([x])[1] == right else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert executable.run([x])[1] == right


def test_pool_shared_by_callers(threads):
    threads(2)
    executable, x = large()
    right = executable.run([x])[1]
    found = []
    callers = [
        threading.Thread(target=lambda: found.extend(executable.run([x])[1] for _ in range(10)))
        for _ in range(4)
    ]
    for t in callers:
        t.start()
    for t in callers:
        t.join()
    assert found == [right] * 40


def test_interpreter_ends_while_threads_wait():
    code = """
import numpy as np, cdiff as cd
cd.set_num_threads(3)
f = cd.compile(lambda x: np.exp(np.sin(x * x)).sum())
x = np.linspace(0, 1, 400_000)
f(x)  # recorded: its sum may be taken in another order
assert f(x) == f(x)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def _forked_sum(n):
    """In a child process: one large sum with two threads."""
    core.set_num_threads(2)
    executable, x = large()
    return executable.run([x * n])[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_multiprocessing_after_threads(threads):
    threads(2)
    right = [_forked_sum(k) for k in (1, 2)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(_forked_sum, [1, 2]) == right


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork_while_another_thread_runs(threads):
    """The pool of the child starts empty, whatever its locks were."""
    threads(2)
    executable, x = large()
    right = executable.run([x])[1]
    stop = threading.Event()

    def keep_busy():
        while not stop.is_set():
            executable.run([x])

    busy = threading.Thread(target=keep_busy)
    busy.start()
    try:
        for _ in range(5):
            child = os.fork()
            if child == 0:
                os._exit(0 if executable.run([x])[1] == right else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        busy.join()


def test_impossible_memory_is_an_error():
    r = Recorder()
    x = r.input(shape=(2**20,))
    column, row = r.reshape(x, (2**20, 1)), r.reshape(x, (1, 2**20))
    program = r.program
    y = program.apply("matmul", [column, row], "f8", (2**20, 2**20))
    program.outputs = [program.apply("sin", [y], "f8", (2**20, 2**20))]
    with pytest.raises(MemoryError):
        core.Executable(program).run([np.zeros(2**20)])


def test_inputs_that_share_memory():
    """Inputs may overlap each other: a call only reads them."""
    base = numbers(60)
    r = Recorder()
    x, y = r.input(shape=(50,)), r.input(shape=(50,))
    a = r.apply("sin", r.apply("add", x, y))
    r.program.outputs = [a, r.apply("multiply", a, y), x]
    check(r.program, [base[:50], base[10:]])
    before = base.copy()
    core.Executable(r.program).run([base[:50], base[10:]])
    assert (base == before).all()


def test_nan_guard():
    """A nan that was seen is the same decision again, and another value is not."""
    r = Recorder()
    x = r.input()
    y = r.input(shape=(2,))
    r.program.guard(x, np.nan)
    executable = r.returns(r.apply("multiply", y, x))
    assert np.isnan(executable.run([np.nan, np.ones(2)])[0]).all()
    with pytest.raises(core.GuardFailed):
        executable.run([1.0, np.ones(2)])


def test_captured_arrays_are_read_at_each_call():
    r = Recorder()
    x = r.input(shape=(2,))
    base = np.arange(4.0)
    r.returns(r.apply("add", x, r.constant(base[:2])))
    r.program.arrays[0] = live = base[::2]
    executable = core.Executable(r.program)
    assert executable.run([np.zeros(2)])[0].tolist() == [0, 2]
    live[0] = 7
    assert executable.run([np.zeros(2)])[0].tolist() == [7, 2]


@pytest.mark.memory
def test_memory_does_not_grow():
    import tracemalloc

    r = Recorder()
    x = r.input(shape=(200,))
    y = r.apply("cumsum", r.apply("sin", x), attrs=(0, False))
    executable = r.returns(y, r.sum(y), r.slice(x, 3, 1, 100))
    passed = numbers(200)
    tracemalloc.start()
    for _ in range(100):
        executable.run([passed])
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(10_000):
        executable.run([passed])
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 10_000
