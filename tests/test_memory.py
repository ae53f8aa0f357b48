"""Repeated thousands of times: no memory growth."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import subprocess
import sys
import time

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp

# ------------------------------------------------------------------ memory


def resident():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def grown(function, count):
    """By how much the process grows in so many calls."""
    gc.collect()
    before = resident()
    for _ in range(count):
        function()
    gc.collect()
    return resident() - before


def failing(x):
    y = x * x
    raise ValueError(y)


def fails(function):
    try:
        function()
    except (ValueError, TypeError, RuntimeError):
        return
    raise AssertionError("should have failed")


VECTOR = np.linspace(0.1, 1.0, 20)
KEPT = cd.array(VECTOR, requires_grad=True)


def failing_backward():
    y = KEPT * KEPT
    fails(lambda: y.backward(np.ones(3)))
    fails(lambda: y.backward("text"))


def twice():
    y = (KEPT * KEPT).sum()
    y.backward()
    fails(y.backward)
    KEPT.zero_grad()


def assigned():
    y = cnp.zeros(20)
    y[3] = KEPT[2]
    y += KEPT
    y.sum().backward()
    KEPT.zero_grad()


REPEATED = {
    "scalar grad": lambda: cd.grad(lambda x: x * x + cnp.sin(x))(2.0),
    "array grad": lambda: cd.grad(lambda x: (np.exp(x) * x).sum())(VECTOR),
    "jvp": lambda: cd.jvp(lambda x: np.exp(x) * x, (VECTOR,), (VECTOR,)),
    "vjp": lambda: cd.vjp(lambda x: np.exp(x) * x, VECTOR)[1](VECTOR),
    "jacobian": lambda: cd.jacobian(lambda x: x * x)(VECTOR[:3]),
    "hessian": lambda: cd.hessian(lambda x: (x**3).sum())(VECTOR[:3]),
    "nested grad": lambda: cd.grad(cd.grad(lambda x: x**3))(2.0),
    "failing function": lambda: fails(lambda: cd.grad(failing)(VECTOR)),
    "failing jvp": lambda: fails(lambda: cd.jvp(failing, (2.0,), (1.0,))),
    "wrong output": lambda: fails(lambda: cd.grad(lambda x: x * x)(VECTOR)),
    "failing operator": lambda: fails(lambda: KEPT * np.ones(3)),
    "failing index": lambda: fails(lambda: KEPT * "text"),
    "failing backward": failing_backward,
    "backward": lambda: ((KEPT * KEPT).sum().backward(), KEPT.zero_grad()),
    "backward twice": twice,
    "accumulate": lambda: (KEPT * 1e-9).sum().backward(),
    "array": lambda: cd.array(VECTOR, requires_grad=True),
    "list": lambda: cd.array([[1.0, KEPT[0]], [KEPT[1], 2.0]]),
    "pickle": lambda: pickle.loads(pickle.dumps(cd.array(VECTOR))),
    "deepcopy": lambda: copy.deepcopy(KEPT),
    "numpy": lambda: (KEPT * 2.0).numpy()[3:].copy(),
    "assigned": assigned,
    "concatenate": lambda: cd.grad(lambda x: np.concatenate([x, x, x]).sum())(VECTOR),
    "where": lambda: cd.grad(lambda x: cnp.where(x > 0.5, x, x * x).sum())(VECTOR),
    "solve": lambda: cd.grad(lambda x: np.linalg.solve(np.eye(3) + x, np.ones(3)).sum())(0.1),
    "einsum": lambda: cd.grad(lambda x: cnp.einsum("i,i->", x, x))(VECTOR),
    "no_grad": lambda: cd.no_grad()(lambda: KEPT * 2.0)(),
}


@pytest.mark.memory
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc on this system")
@pytest.mark.parametrize("kind", REPEATED)
def test_no_memory_growth(kind):
    function = REPEATED[kind]
    start = time.process_time()
    for _ in range(100):
        function()
    # A slow use is repeated less often, so that the whole does not take minutes.
    count = int(min(32_000, 2.0 / (time.process_time() - start) * 100))
    for _ in range(count // 10):
        function()
    # One leaked node per call would be 64 bytes per call, every time; what else the process does
    # with its memory happens once.
    growth = (grown(function, count) for _ in range(3))
    assert any(size < max(16 * count, 1 << 19) for size in growth)


STEPS_OF_FORWARD_MODE = """
import os, sys
import numpy as np
import cdiff as cd

def resident():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def f(x):
    for k in range(20_000):
        if k in (4_000, 19_999):
            sizes.append(resident())
        x = np.sin(x) * 1.000001 + 0.1
    return x

vector = np.linspace(0.1, 1.0, 20)
for run in (
    lambda: cd.jvp(f, (1.0,), (1.0,)),
    lambda: cd.jvp(f, (vector,), (vector,)),
    lambda: cd.jvp(lambda x: cd.jvp(f, (x,), (1.0,))[1], (1.0,), (1.0,)),
    lambda: cd.vjp(f, 1.0),
):
    sizes = []
    run()
    print(sizes[-1] - sizes[0])
"""


@pytest.mark.memory
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc on this system")
def test_forward_mode_stores_nothing():
    """In a process of its own, whose memory nobody has used before."""
    run = subprocess.run([sys.executable, "-c", STEPS_OF_FORWARD_MODE], capture_output=True,
                         text=True, check=True)  # fmt: skip
    *forward, reverse = map(int, run.stdout.split())
    assert max(forward) < 500_000
    assert reverse > 2_500_000  # three nodes of 64 bytes for each of 16,000 steps


def test_nodes_in_dirty_memory_are_counted():
    """What was in the memory before must not pass for the reference count of an immortal."""
    code = "import cdiff, sys; x = cdiff.array(1.0); y = x * x; print(sys.getrefcount(y))"
    # glibc then fills new memory with the complement of this byte; elsewhere it means nothing.
    environment = {**os.environ, "MALLOC_PERTURB_": "1"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True,
                         text=True, check=True)  # fmt: skip
    assert run.stdout.strip() in {"1", "2"}


@pytest.mark.memory
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc on this system")
def test_a_large_graph_is_given_back():
    def use():
        x = cd.array(np.ones(100), requires_grad=True)
        y = x
        for _ in range(10_000):
            y = np.sin(y)
        y.sum().backward()

    use()
    gc.collect()
    before = resident()
    for _ in range(20):
        use()
    assert resident() - before < 8 << 20


@pytest.mark.memory
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc on this system")
def test_what_a_result_is_made_of_lies_in_the_result():
    x = np.linspace(0.0, 1.0, 1 << 21)

    def softmax(x):
        y = np.exp(x - np.max(x))
        return y / np.sum(y)

    f = cd.compile(softmax)
    f(x[:100_000])
    gc.collect()
    cd._core.pool_clear()
    before = resident()
    result = f(x)
    cd._core.pool_clear()  # the argument is copied while the function is recorded
    assert resident() - before < 1.5 * result.nbytes
    expected = np.exp(x - 1.0)
    np.testing.assert_allclose(result, expected / expected.sum(), rtol=1e-13)


def test_a_node_is_freed_once():
    """A graph of scalars and arrays that share operands: what was freed is given out again, to one
    each."""
    x = cd.array(1.5, requires_grad=True)
    v = cd.array([1.0, 2.0], requires_grad=True)
    for _ in range(20):
        t = x * 2.0
        _ = t * t, (t + x) * (t - 1.0), -t / t  # an operand twice, and of several
        t = v[0] * t  # a scalar of an array
        _ = (v * t) * (v * t), t + v.sum() * t
        _ = cd.jvp(lambda z: z * z + z, (2.0,), (1.0,))
        del t
        long = x
        for _ in range(100):
            long = (long + x) * 0.5
        del long
    kept = [x * float(k) for k in range(5000)]
    assert len({id(z) for z in kept}) == len(kept)
    assert [z.item() for z in kept] == [1.5 * k for k in range(5000)]
    sum(kept[:100], x).backward()
    assert x.grad.item() == 1.0 + sum(range(100))
