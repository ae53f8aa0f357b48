"""Products of matrices: every shape and layout beside NumPy, threads, and memory."""

import ctypes
import mmap
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many_threads import in_threads

import cdiff as cd
import cdiff._core as core

EPS = np.finfo(float).eps


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# The shape of an array and what makes the operand of it, of NumPy's arrays and of tracked ones.
LAYOUTS = {
    "C": (lambda m, n: (m, n), lambda x, _: x),
    "transposed": (lambda m, n: (n, m), lambda x, _: x.T),
    "backward": (lambda m, n: (m, n), lambda x, _: x[::-1, ::-1]),
    "every other": (lambda m, n: (m, 2 * n), lambda x, _: x[:, ::2]),
    "rows apart": (lambda m, n: (m, n + 3), lambda x, _: x[:, :-3]),
    "one row": (lambda m, n: (1, n), lambda x, shape: np.broadcast_to(x, shape)),
}


def close(found, a, b):
    """Within the bound of a sum of k products in any order."""
    k = a.shape[-1]
    bound = 2 * (k + 2) * EPS * (np.abs(a) @ np.abs(b))
    np.testing.assert_array_less(np.abs(found - a @ b), bound + 1e-300)
    assert found.shape == (a @ b).shape


def compiled(a, b):
    return cd.compile(lambda x, y: x @ y)(a, b)


@pytest.mark.parametrize("left", ["C", "transposed"])
@pytest.mark.parametrize("right", ["C", "transposed"])
def test_every_shape(left, right):
    """All numbers of rows and columns to 70, with all numbers of terms."""
    for m in range(71):
        for n in range(71):
            k = (5 * m + 7 * n) % 71
            a, b = numbers(m, k), numbers(k, n, seed=1)
            x = cd.array(a.T.copy()).T if left == "transposed" else cd.array(a)
            y = cd.array(b.T.copy()).T if right == "transposed" else cd.array(b)
            found = (x @ y).numpy()
            error = np.abs(found - a @ b) - 2 * (k + 2) * EPS * (np.abs(a) @ np.abs(b))
            assert found.shape == (m, n)
            assert (error <= 0).all(), (m, k, n)


@pytest.mark.parametrize("shape", [(9, 31, 50), (300, 40, 99), (70, 300, 400), (520, 515, 341)])
@pytest.mark.parametrize("left", LAYOUTS)
@pytest.mark.parametrize("right", LAYOUTS)
def test_every_layout(shape, left, right):
    m, k, n = shape
    (base_of, of_left), (other_base_of, of_right) = LAYOUTS[left], LAYOUTS[right]
    x, y = numbers(*base_of(m, k)), numbers(*other_base_of(k, n), seed=1)
    a, b = of_left(x, (m, k)), of_right(y, (k, n))
    close((of_left(cd.array(x), (m, k)) @ of_right(cd.array(y), (k, n))).numpy(), a, b)


def test_compiled_views_keep_their_layout():
    """Transposes, reversals and steps inside a program reach the kernel as strides."""
    a, b = numbers(90, 300), numbers(300, 110, seed=1)

    def f(x, y):
        return (x @ y, y.T @ x.T, x[::-1, ::-1] @ y[::-1], x[:, ::2] @ y[1::2], x[3:, 7:] @ y[7:],
                x.T[5:].T @ y[5:])

    for found, right in zip(cd.compile(f)(a, b), f(a, b), strict=True):
        np.testing.assert_allclose(found, right, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shapes", [
    ((5, 9, 17), (5, 17, 30)), ((5, 1, 9, 17), (3, 17, 30)), ((2, 3, 40, 50), (50, 60)),
    ((40, 50), (4, 50, 60)), ((0, 3, 4), (0, 4, 5)), ((4, 0, 3), (4, 3, 5)), ((6, 3, 0), (6, 0, 5)),
    ((300, 3, 3), (300, 3, 3)), ((7, 1, 20), (7, 20, 30)), ((7, 20, 30), (7, 30, 1)),
    ((3, 300, 270), (3, 270, 100)),
])
@pytest.mark.parametrize("turned", [False, True])
def test_batches(shapes, turned):
    a, b = (numbers(*s, seed=k) for k, s in enumerate(shapes))
    if turned:
        a, b = (v.swapaxes(-1, -2).copy().swapaxes(-1, -2) for v in (a, b))
    for found in ((cd.array(a) @ cd.array(b)).numpy(), compiled(a, b),
                  cd.compile(lambda x, y: x.swapaxes(-1, -2).swapaxes(-1, -2) @ y)(a, b)):
        close(found, a, b)


def test_batch_axes_in_any_order():
    a, b = numbers(4, 5, 9, 17), numbers(5, 4, 17, 30, seed=1)

    def f(x, y):
        return x.transpose(1, 0, 2, 3) @ y, x @ y.transpose(1, 0, 2, 3)[:, ::-1]

    for found, right in zip(cd.compile(f)(a, b), f(a, b), strict=True):
        np.testing.assert_allclose(found, right, rtol=0, atol=1e-13)


@pytest.mark.parametrize("shape", [(4, 5, 6), (33, 70, 41), (301, 530, 345)])
def test_integers_are_exact(shape):
    m, k, n = shape
    random = np.random.default_rng(0)
    a, b = random.integers(-1000, 1000, (m, k)), random.integers(-1000, 1000, (k, n))
    exact = a @ b
    a, b = a.astype(float), b.astype(float)
    assert ((cd.array(a) @ cd.array(b)).numpy() == exact).all()
    assert ((cd.array(a.T.copy()).T @ cd.array(b.T.copy()).T).numpy() == exact).all()
    assert (compiled(a, b) == exact).all()


def test_zeros_skip_nothing():
    """0 * inf and nan, wherever they stand, as NumPy."""
    for m, k, n in ((3, 4, 5), (20, 30, 27), (300, 270, 100)):
        for special in (np.inf, -np.inf, np.nan):
            a, b = np.zeros((m, k)), np.ones((k, n))
            b[k // 2, n - 1] = special
            a[m - 1, 0] = special
            with np.errstate(invalid="ignore"):
                right = a @ b
            np.testing.assert_array_equal((cd.array(a) @ cd.array(b)).numpy(), right)
            np.testing.assert_array_equal(compiled(a, b), right)


def test_no_terms_give_zeros():
    a, b, zeros = np.ones((30, 0)), np.ones((0, 40)), np.zeros((30, 40))
    assert ((cd.array(a) @ cd.array(b)).numpy() == zeros).all()
    assert (compiled(a, b) == zeros).all()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_part_of_any_matrices(data):
    """Products of slices of larger arrays, in eager code and in a program."""
    def operand(name, rows, columns):
        steps = [data.draw(st.sampled_from([1, 1, 2, -1, -3]), f"{name} step {i}") for i in (0, 1)]
        turned = data.draw(st.booleans(), f"{name} transposed")
        size = [n * abs(s) + 2 for n, s in zip((rows, columns), steps, strict=True)]
        index = tuple(
            slice(1, 1 + n * s, s) if s > 0 else slice(n * -s, 0, s)
            for n, s in zip((rows, columns), steps, strict=True))
        base = numbers(*(size[::-1] if turned else size), seed=len(name))

        def view(x):
            return (x.T if turned else x)[index]

        return base, view

    m, k, n = (data.draw(st.integers(0, 60), name) for name in "mkn")
    left, of_left = operand("a", m, k)
    right, of_right = operand("bb", k, n)
    a, b = of_left(left), of_right(right)
    close((of_left(cd.array(left)) @ of_right(cd.array(right))).numpy(), a, b)
    close(cd.compile(lambda x, y: of_left(x) @ of_right(y))(left, right), a, b)


# ---------------------------------------------------------------- threads

SHARED = [((1000, 301), (301, 400)), ((130, 2000), (2000, 130)), ((9, 400), (400, 2000)),
          ((2000, 400), (400, 11)), ((50, 60, 70), (50, 70, 33)), ((3, 300, 90), (3, 90, 310)),
          ((90000, 4, 4), (90000, 4, 4)), ((5, 700, 30), (30, 700)), ((700, 600, 9), (700, 9, 1))]


@pytest.mark.skipif(core.kernels_in_use() != "avx512", reason="NumPy's BLAS computes it here")
@pytest.mark.parametrize("shapes", SHARED)
@pytest.mark.parametrize("turned", [(), (0,), (1,), (0, 1)])
def test_the_same_bits_by_any_number_of_threads(threads, shapes, turned):
    a, b = (numbers(*s, seed=k) for k, s in enumerate(shapes))
    x, y = (np.ascontiguousarray(v.swapaxes(-1, -2)) if k in turned else v
            for k, v in enumerate((a, b)))

    def f(x, y):
        x = x.swapaxes(-1, -2) if 0 in turned else x
        return x @ (y.swapaxes(-1, -2) if 1 in turned else y)

    fast = cd.compile(f)
    threads(1)
    alone, lone = f(cd.array(x), cd.array(y)).numpy(), fast(x, y)
    np.testing.assert_allclose(alone, a @ b, rtol=0, atol=1e-10)
    assert (alone == lone).all()
    for n in (2, 3, 8):
        threads(n)
        for _ in range(3):
            assert (f(cd.array(x), cd.array(y)).numpy() == alone).all()
            assert (fast(x, y) == alone).all()


def test_derivatives_by_threads(threads):
    a, b = numbers(300, 400), numbers(400, 350, seed=1)
    f = cd.grad(lambda x, y: (x @ y).sum(), argnums=(0, 1))
    threads(1)
    alone = f(a, b)
    threads(3)
    for found, first, right in zip(f(a, b), alone, (np.ones((300, 350)) @ b.T,
                                                    a.T @ np.ones((300, 350))), strict=True):
        assert (found == first).all()
        np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-12)


def test_several_callers_at_once(threads):
    threads(2)
    operands = [(numbers(200, 300, seed=k), numbers(300, 250, seed=-k - 1 + 20)) for k in range(6)]
    fast = cd.compile(lambda x, y: x @ y)
    right = [fast(a, b) for a, b in operands]
    wrong = []

    def work(k):
        a, b = operands[k]
        for _ in range(20):
            if not ((cd.array(a) @ cd.array(b)).numpy() == right[k]).all():
                wrong.append(k)
            if not (fast(a, b) == right[k]).all():
                wrong.append(k)

    in_threads(work, 6)
    assert wrong == []


COUNT = """
import os
import numpy as np
import cdiff as cd
a = cd.array(np.ones((500, 500)))
before = len(os.listdir("/proc/self/task"))
a @ a
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads by /proc")
@pytest.mark.skipif(core.kernels_in_use() != "avx512", reason="NumPy's BLAS computes it here")
@pytest.mark.parametrize("n", [1, 3])
def test_threads_are_as_many_as_numpys_unless_set(n):
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    environment["OPENBLAS_NUM_THREADS"] = str(n)
    told = subprocess.run([sys.executable, "-c", COUNT], env=environment, capture_output=True,
                          text=True, check=True)
    assert int(told.stdout) == n - 1


# ---------------------------------------------------------------- memory

def at_the_end(shape, backing):
    """An array whose last element is the last one before memory that nobody may touch."""
    page = mmap.PAGESIZE
    size = int(np.prod(shape)) * 8
    pages = -(-size // page)
    region = mmap.mmap(-1, (pages + 1) * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(region))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(start + pages * page), page, 0) == 0
    backing.append((region, start))
    memory = (ctypes.c_double * (size // 8)).from_address(start + pages * page - size)
    return np.frombuffer(memory, float).reshape(shape)


@pytest.mark.skipif(not hasattr(mmap, "MAP_PRIVATE"), reason="needs mprotect")
@pytest.mark.parametrize("turned", [(), (0,), (1,), (0, 1)])
def test_nothing_is_touched_past_the_end_of_a_matrix(turned):
    """A read or a write of one element more would end the process."""
    fast = cd.compile(lambda x, y: (x.T if 0 in turned else x) @ (y.T if 1 in turned else y))
    small = [(m, k, n) for m in (2, 3, 8, 13) for k in (1, 5, 8) for n in (2, 7, 9, 24, 31)]
    for m, k, n in [*small, (301, 20, 101), (40, 260, 345), (20, 3, 110)]:
        backing = []
        a = at_the_end((k, m) if 0 in turned else (m, k), backing)
        b = at_the_end((n, k) if 1 in turned else (k, n), backing)
        out = at_the_end((m, n), backing)
        a[...] = numbers(*a.shape)
        b[...] = numbers(*b.shape, seed=1)
        fast(a, b, out=out)
        close(out, a.T if 0 in turned else a, b.T if 1 in turned else b)


SHORT_OF_MEMORY = """
import resource
import numpy as np
import cdiff as cd
import cdiff._core as core
cd.set_num_threads(1)
a = cd.array(np.random.default_rng(0).standard_normal((150, 150)))
fast = cd.compile(lambda x: x.T @ x.T)
plain = a.numpy()
right = fast(plain)
core.pool_clear()
room = a * a                                      # memory for the result
del room
spare = []
limit = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (1 << 20, limit[1]))
size = 1 << 20
while size >= 1 << 17:                            # and no large piece of the allocator's besides
    try:
        spare.append(bytearray(size))
    except MemoryError:
        size //= 2
caught = 0
for f in (lambda: a.T @ a.T, lambda: fast(plain, out=kept)):
    kept = right
    for _ in range(50):
        try:
            f()
        except MemoryError as error:
            caught += "to pack the operands" in str(error)
resource.setrlimit(resource.RLIMIT_AS, limit)
del spare
print(caught, (np.abs((a.T @ a.T).numpy() - plain.T @ plain.T) < 1e-11).all(),
      (np.abs(fast(plain) - plain.T @ plain.T) < 1e-11).all())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs limits on memory")
@pytest.mark.skipif(core.kernels_in_use() != "avx512", reason="nothing is packed here")
@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="needs its own memory")
def test_no_memory_to_pack_in_is_an_error_and_nothing_more():
    told = subprocess.run([sys.executable, "-c", SHORT_OF_MEMORY], capture_output=True, text=True,
                          env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}, check=False)
    assert told.stdout.split() == ["100", "True", "True"], told
