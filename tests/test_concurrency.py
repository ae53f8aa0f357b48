"""Interrupted, threaded, forked, ending: right answers, never a crash, nothing left behind."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from many_threads import in_threads
from test_robustness import fine

import cdiff as cd
import cdiff.numpy as cnp

# ------------------------------------------------------------------ interruption


def interrupted(function, delay):
    """Run a function until a signal raises KeyboardInterrupt in it; True if it did."""

    def stop(signum, frame):
        if not done.is_set():
            raise KeyboardInterrupt

    def send():
        # To the main thread: a timer's signal may reach a thread of BLAS, which ignores it.
        if not done.wait(delay):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGALRM)

    done = threading.Event()
    before = signal.signal(signal.SIGALRM, stop)
    sender = threading.Thread(target=send)
    try:
        sender.start()
        function()
        done.set()
    except KeyboardInterrupt:
        return True
    finally:
        done.set()
        sender.join()
        signal.signal(signal.SIGALRM, before)
    return False


no_signals = pytest.mark.skipif(
    not hasattr(signal, "pthread_kill"), reason="no signals to threads on this system"
)


def needs_signals(test):
    return pytest.mark.signals(no_signals(test))


def endless(x):
    y = x
    while True:
        y = cnp.sin(y) * 1.5 + x


@needs_signals
@pytest.mark.parametrize("start", [1.0, np.ones(3)], ids=["scalar", "array"])
@pytest.mark.parametrize(
    "transform",
    [
        lambda f, x: cd.grad(f)(x),
        lambda f, x: cd.value_and_grad(f)(x),
        lambda f, x: cd.jvp(f, (x,), (x,)),
        lambda f, x: cd.grad(cd.grad(f))(x),
        lambda f, x: cd.hessian(f)(x),
        lambda f, x: cd.linearize(f, x),
        lambda f, x: f(cd.array(x, requires_grad=True)),
        lambda f, x: cd.no_grad()(f)(cd.array(x, requires_grad=True)),
    ],
)
def test_interrupted_while_recording(transform, start):
    for delay in (0.001, 0.02):
        assert interrupted(lambda: transform(endless, start), delay)
        fine()


@needs_signals
def test_interrupted_during_backward():
    x = cd.array(np.ones(3), requires_grad=True)
    y = x
    for _ in range(20_000):
        # einsum runs Python code inside the sweep, where the signal is noticed.
        y = cnp.where(y > 0, y * 1.0, x) if _ % 2 else cnp.einsum("i,ij->j", y, np.eye(3))
    seen = set()
    for delay in (0.002, 0.005, 0.01, 0.02):
        stopped = interrupted(lambda: y.backward(retain_graph=True), delay)
        seen.add(stopped)
        if x.grad is not None:
            np.testing.assert_array_equal(x.grad.numpy(), np.ones(3))
            x.zero_grad()
        fine()
    assert True in seen
    y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.ones(3))


@needs_signals
def test_interrupted_around_a_large_scalar_sweep():
    x = cd.array(1.0, requires_grad=True)
    y = x
    for _ in range(1_000_000):
        y = y + 1e-6
    for delay in (0.001, 0.003, 0.01, 0.03):
        interrupted(lambda: y.backward(retain_graph=True), delay)
        assert x.grad is None or x.grad.item() == 1.0
        x.zero_grad()
    y.backward()
    assert x.grad.item() == 1.0
    fine()


@needs_signals
def test_interrupted_between_operations():
    f = cd.compile(lambda x: [(x * float(k)) @ x for k in range(1, 17)])
    x = np.random.default_rng(0).normal(size=(500, 500))
    want = f(x)
    start = time.perf_counter()
    f(x)
    whole = time.perf_counter() - start
    for part in (0.4, 0.2, 0.1, 0.05, 0.4, 0.2, 0.1, 0.05):  # a busy machine may be late
        rooms = [np.full_like(x, np.nan) for _ in want]
        stopped = interrupted(lambda rooms=rooms: f(x, out=rooms), part * whole)
        if stopped and np.isnan(rooms[-1]).all():  # it was not reached
            break
    else:
        pytest.fail("no operation was followed by the interrupt")
    for y, z in zip(f(x, out=rooms), want, strict=True):
        np.testing.assert_array_equal(y, z)
    fine()


# ------------------------------------------------------------------ threads


SIZE = 50_000  # large enough for the core to let other threads run


def test_threads_share_constants():
    constant = cd.array(np.linspace(0.5, 1.5, SIZE))
    matrix = cd.array(np.linspace(0.0, 1.0, 10_000).reshape(100, 100))

    def f(x):
        return (np.sin(x * constant) * constant).sum() + (matrix @ matrix).sum() * x

    expected = cd.grad(f)(0.5)
    assert in_threads(lambda k: [cd.grad(f)(0.5) for _ in range(10)]) == [[expected] * 10] * 8


def test_threads_share_functions_and_records():
    x = np.linspace(0.1, 1.0, SIZE)
    _, pull = cd.vjp(lambda u: np.exp(u) * u, x)
    _, push = cd.linearize(lambda u: np.exp(u) * u, x)
    hessian = cd.hessian(lambda u: (u**3).sum())
    right = np.exp(x) * (1.0 + x)

    def work(k):
        for _ in range(10):
            np.testing.assert_allclose(pull(np.full(SIZE, float(k)))[0], k * right, rtol=1e-12)
            np.testing.assert_allclose(push(np.full(SIZE, float(k))), k * right, rtol=1e-12)
            np.testing.assert_array_equal(hessian(np.ones(2) * k), np.eye(2) * 6.0 * k)
        return True

    assert all(in_threads(work))


@pytest.mark.parametrize("size", [(), (3,), (SIZE,)])
def test_threads_share_a_leaf(size):
    """Every contribution arrives, as if the threads had run one after the other."""
    x = cd.array(np.ones(size), requires_grad=True)
    times = 20 if size == (SIZE,) else 200

    def work(k):
        for _ in range(times):
            (x * float(k + 1) * x).sum().backward()

    in_threads(work)
    np.testing.assert_array_equal(x.grad.numpy(), np.full(size, 2.0 * 36 * times))


@pytest.mark.parametrize("retain", [False, True])
def test_threads_share_a_graph(retain):
    """Each sweep gives the right gradient, or says that another has freed the graph."""
    for _ in range(10):
        x = cd.array(np.ones(SIZE), requires_grad=True)
        shared = np.exp(np.sin(x) * 0.0) * x

        def work(k, shared=shared):
            try:
                (shared * 2.0).backward(retain_graph=retain)
            except RuntimeError as error:
                assert "already freed" in str(error)
                return 0
            return 1

        swept = sum(in_threads(work))
        assert swept == 8 if retain else swept >= 1
        np.testing.assert_allclose(x.grad.numpy(), np.full(SIZE, 2.0 * swept), rtol=1e-12)


def test_threads_with_errors_and_interrupts():
    def broken(x):
        y = x * x
        raise ValueError(y)

    def work(k):
        for i in range(200):
            if i % 2:
                with pytest.raises(ValueError):
                    cd.grad(broken)(1.0)
            assert cd.grad(cd.grad(lambda x: x**3))(float(k)) == 6.0 * k
        return True

    assert all(in_threads(work))


def test_no_grad_is_a_matter_of_one_thread():
    x = cd.array(2.0, requires_grad=True)
    block = cd.no_grad()

    def work(k):
        for _ in range(500):
            if k % 2:
                with block:
                    time.sleep(0)
                    assert not cd.is_tracked(x * x)
            assert cd.is_tracked(x * x)
        return True

    assert all(in_threads(work))
    assert cd.is_tracked(x * x)


def test_nodes_made_in_one_thread_and_dropped_in_another():
    made = in_threads(lambda k: [cd.array(np.ones(100), requires_grad=True) * k for _ in range(99)])
    expected = [k * 100.0 for k in range(8)]
    assert in_threads(lambda k: made[k].pop().sum().item()) == expected

    def work(k):
        while made[(k + 1) % 8]:
            made[(k + 1) % 8].pop().backward()

    in_threads(work)
    fine()


# ------------------------------------------------------------------ processes


def run_script(text, *args, expect=0):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", text, *args], capture_output=True, text=True, env=env, timeout=300
    )
    assert done.returncode == expect, (done.returncode, done.stdout, done.stderr)
    assert "Exception ignored" not in done.stderr, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


FORK = """
import os, threading
import numpy as np
import cdiff as cd
x = cd.array(np.ones(5), requires_grad=True)
y = x * x
def child():
    y.backward()
    assert x.grad.tolist() == [2.0] * 5
    assert cd.grad(lambda u: u * u)(3.0) == 6.0
    z = x
    for _ in range(100000):
        z = z * 1.0
    z.backward()
    assert x.grad.tolist() == [3.0] * 5
    return 0
def in_grad(u):
    pid = os.fork()
    if pid == 0:
        try:
            code = 0 if cd.grad(lambda w: w * w)(3.0) == 6.0 and (u * u).item() == 4.0 else 1
        except BaseException:
            code = 2
        os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    return u * u
pid = os.fork()
if pid == 0:
    os._exit(child())
assert os.waitpid(pid, 0)[1] == 0
assert x.grad is None
assert cd.grad(in_grad)(2.0) == 4.0
y.backward()
print(x.grad.tolist())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_fork():
    assert run_script(FORK) == "[2.0, 2.0, 2.0, 2.0, 2.0]\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_threads_of_a_program_after_a_fork():
    """Those of the parent are gone in the child, which begins new ones."""
    text = """
import os, warnings
import numpy as np
import cdiff as cd
warnings.simplefilter("ignore")
cd.set_num_threads(2)
x = np.linspace(0.0, 1.0, 300001)
f = cd.compile(lambda x: np.sum(np.exp(x) * np.sin(x)) + x * np.cos(x))
expected = f(x)
pid = os.fork()
assert all(np.array_equal(f(x), expected) for _ in range(3))
if pid == 0:
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    assert run_script(text) == "0\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_a_fork_while_other_threads_take_levels():
    """They are gone in the child, with the memory of theirs that levels are read from."""
    text = """
import os, threading, warnings
import cdiff as cd
from cdiff import _core
warnings.simplefilter("ignore")
go_on, began = threading.Event(), threading.Barrier(9)
def f(x):
    began.wait(20)
    go_on.wait(20)
    return x * x
threads = [threading.Thread(target=cd.compile(cd.grad(f)), args=(2.0,)) for _ in range(8)]
for thread in threads:
    thread.start()
began.wait(20)
assert _core.depth() > 0
def forks(x):
    pid = os.fork()
    if pid:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        return x * x
    threading.Timer(10, os._exit, (1,)).start()
    g = cd.compile(cd.grad(lambda y: y * y))
    new = [threading.Thread(target=g, args=(k,)) for k in (1.0, 2.0)]
    for thread in new:
        thread.start()
    for thread in new:
        thread.join()
    total = lambda y: cd.vmap(lambda z: z * x)(y).sum()
    assert cd.grad(total)(_core.array([1.0, 2.0])).shape == (2,)
    return x * x * x
parent = os.getpid()
found = cd.grad(forks)(3.0)
if os.getpid() != parent:
    os._exit(0 if found == 27.0 and _core.depth() == 0 else 2)
print(found)
go_on.set()
for thread in threads:
    thread.join()
assert _core.depth() == 0
"""
    assert run_script(text).split() == ["6.0"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_a_fork_while_another_thread_records():
    # The child waited for ever for what that thread held.
    text = """
import os, sys, threading, warnings
import cdiff as cd
warnings.simplefilter("ignore")
recording, go_on = threading.Event(), threading.Event()
def f(x, slow):
    if slow:
        recording.set()
        go_on.wait(20)
    return cd.scan(lambda c, z: (c * x, c), x, length=3)[0]
compiled = cd.compile(f, static_argnums=1)
thread = threading.Thread(target=compiled, args=(2.0, True))
thread.start()
recording.wait()
pid = os.fork()
if not pid:
    threading.Timer(10, os._exit, (1,)).start()
    os._exit(0 if compiled(2.0, False) == 16.0 else 2)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
go_on.set()
thread.join()

def forks(x):
    pid = os.fork()  # what this thread holds it goes on holding, also in the child
    if not pid:
        return x * x
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    return x * x * x
found = cd.compile(forks)(3.0)
if found == 9.0:
    os._exit(0)
print(found)
"""
    assert run_script(text).split() == ["0", "0", "27.0"]


def cube(x):
    return (x**3).sum()


def work_in_a_process(x):
    leaf = pickle.loads(pickle.dumps(x))
    cube(leaf).backward()
    return leaf, cd.hessian(cube)(x.numpy().copy())


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_multiprocessing(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} on this system")
    x = cd.array([1.0, 2.0], requires_grad=True)
    with multiprocessing.get_context(method).Pool(2) as pool:
        for leaf, hessian in pool.map(work_in_a_process, [x] * 4):
            assert leaf.requires_grad
            assert leaf.grad.tolist() == [3.0, 12.0]
            np.testing.assert_array_equal(hessian, np.diag([6.0, 12.0]))
        assert pool.map(cd.grad(cube), [np.ones(2)] * 3)[2].tolist() == [3.0, 3.0]


EXITS = {
    "live graph": "y = x\nfor _ in range(200000): y = np.sin(y) * x",
    "live scalars": "y = cd.array(1., requires_grad=True)\nfor _ in range(500000): y = y * 1.0",
    "global in a module": "import builtins; builtins.kept = (x * x, cd.grad(lambda u: u * u))",
    "cycle": "l = [x * x]; l.append(l)",
    "generator": "def g():\n  with cd.no_grad():\n    yield x * x\nit = g(); next(it)",
    "open record": "y, pull = cd.vjp(lambda u: u * x, np.ones(3))",
    "atexit": "import atexit; atexit.register(lambda: (x * x).backward())",
    "thread": "import threading\nt = threading.Thread(target=lambda: [(x * x).backward() "
    "for _ in range(2000)], daemon=True); t.start()",
    "at the end": "class D:\n  def __del__(self, x=x): (x * x).sum()\nd = D(); sys.d = d",
    "inside grad": "cd.grad(lambda u: sys.exit(0))(1.0)",
    "memory view": "v = memoryview((x * x).numpy()); del x",
}


@pytest.mark.parametrize("kind", EXITS)
def test_the_interpreter_ends_well(kind):
    run_script(
        "import sys\nimport numpy as np\nimport cdiff as cd\n"
        "x = cd.array(np.ones(3), requires_grad=True)\n" + EXITS[kind]
    )


def test_the_face_is_loaded_once_whoever_comes_first():
    text = """
import sys, threading
import numpy as np
import cdiff as cd
assert "cdiff.numpy" not in sys.modules
sys.setswitchinterval(1e-6)
barrier = threading.Barrier(8)
errors = []
def work(k):
    x = cd.array([1.0, 2.0], requires_grad=True)
    barrier.wait()
    try:
        y = x.mean() if k % 2 else np.concatenate([x, x])
        y.backward()
    except BaseException as error:
        errors.append(error)
threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
print(errors)
"""
    for _ in range(3):
        assert run_script(text) == "[]\n"


def test_loading_the_face_may_be_interrupted():
    text = """
import sys
import numpy as np
import cdiff as cd
class Stop:
    def find_spec(self, name, path=None, target=None):
        if name == "cdiff.numpy._shape":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Stop())
x = cd.array([1.0, 2.0], requires_grad=True)
for _ in range(2):
    try:
        np.concatenate([x, x])
    except KeyboardInterrupt:
        print("stopped")
del sys.meta_path[0]
print(np.concatenate([x, x]).tolist())
"""
    assert run_script(text) == "stopped\nstopped\n[1.0, 2.0, 1.0, 2.0]\n"
