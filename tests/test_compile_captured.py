"""Arrays that a compiled function reads from outside, changed in place: never a wrong value, and no
more recordings than needed."""

import warnings

import numpy as np
import pytest

import cdiff as cd
from cdiff._surroundings._reads import variables_of_programs
from cdiff._surroundings._surroundings import Observer


def recordings(f):
    return f.stats()["recordings"]


def test_captured_arrays_that_are_used_while_recording_only():
    a, number = np.arange(4.0), np.array(2.0)
    f = cd.compile(lambda x: x * a[1] + a.sum() * number)
    assert f(1.0) == 13.0
    a[1] = 5.0
    assert f(1.0) == 25.0
    number[()] = 3.0
    assert f(1.0) == 35.0
    assert f(2.0) == 40.0 and recordings(f) == 3


@pytest.mark.parametrize("view", [slice(None), slice(None, None, -2), slice(1, None)])
def test_large_arrays_that_are_used_while_recording_only(view):
    whole = np.arange(20001.0)
    a = whole[view]
    f = cd.compile(lambda x: x * a[-1])
    for place in (0, -1, len(a) // 2):
        before = recordings(f)
        f(1.0)
        f(1.0)
        assert recordings(f) == before + (before == 0)
        a[place] += 1.0
        assert f(2.0) == 2.0 * a[-1] and recordings(f) == max(before, 1) + 1


def test_arrays_that_nobody_can_change_are_not_looked_at():
    a, data = np.ones(4), np.frombuffer(bytearray(32))
    a.flags.writeable = False
    assert cd.compile(lambda x: x * a[0])(2.0) == 2.0
    assert Observer(lambda: a, ()).content([]) == []
    data.flags.writeable = False  # its memory is still somebody's
    assert len(Observer(lambda: data, ()).content([])) == 1


def test_captured_arrays_that_the_program_reads_need_no_new_one():
    a, b = np.arange(4.0), np.ones((2, 8))[:, ::2]
    f = cd.compile(lambda x: (x * a).sum() + (x * b).sum())
    for k in range(9):
        assert f(np.ones(4)) == a.sum() + b.sum()
        a += 1.0
        b *= 2.0 + k
    a[0] = b[1, 1] = 0.5
    assert f(np.ones(4)) == a.sum() + b.sum() and recordings(f) == 1
    g = cd.compile(cd.grad(lambda x: np.sum(np.exp(-x * a))))  # until derivatives are known, too
    for k in range(9):
        np.testing.assert_allclose(g(np.ones(4)), -np.exp(-a) * a)
        a += 1.0 + 0.1 * k
    assert recordings(g) == 2
    a[1] = np.nan
    assert np.isnan(g(np.ones(4))[1]) and recordings(g) == 2


HANDED_ON = {
    "product": lambda x, y: x @ A,
    "both sides": lambda x, y: A - 2.0 * x * A**y,
    "functions": lambda x, y: np.add(np.exp(-x), 1.0) * A / np.sum(y * y),
    "local variable": lambda x, y: np.sum((x * y) * A),
}
READ_BY_PYTHON = {
    "element": lambda x, y: x @ A + A[0],
    "method": lambda x, y: x @ A + A.sum(),
    "attribute": lambda x, y: x @ A.T,
    "argument": lambda x, y: np.dot(x, A),
    "comparison": lambda x, y: (x > A) * x,
    "position": lambda x, y: x[A],
    "argument of a ufunc": lambda x, y: np.exp(A) * x,
    "function of NumPy": lambda x, y: np.size(x) * A,
    "function of a constant": lambda x, y: np.exp(2.0) * A,
    "variable that is not NumPy": lambda x, y: cd.exp(x) * A,
    "a constant": lambda x, y: x * (2.0 * A),
    "itself": lambda x, y: x * (A @ A),
    "what may be a number": lambda x, y: x.size * A,
    "container": lambda x, y: (x, A)[0] @ A,
    "result": lambda x, y: A,
    "jump": lambda x, y: x @ A if y else A @ x,
    "inner function": lambda x, y: (lambda: x @ A)(),
    "comprehension": lambda x, y: [x @ A for _ in range(2)],
}
A = np.arange(1.0, 4.0)


@pytest.mark.parametrize("name", [*HANDED_ON, *READ_BY_PYTHON])
def test_which_variables_are_only_handed_on(name):
    f = {**HANDED_ON, **READ_BY_PYTHON}[name]
    found = variables_of_programs(f.__code__, frozenset((0, 1)), frozenset(("np",)))
    assert ("A" in found) == (name in HANDED_ON)
    assert "A" not in variables_of_programs(f.__code__, frozenset())


def test_variables_that_locals_hide_or_keep():
    def keeps(x):
        b = A
        return x @ b

    def hides(x):
        x = x.size
        return x * A

    def rebinds(x):
        y = x * A
        return -y + A

    def states(x):
        x.sum()
        return x * A

    def handles(x):
        try:
            return x * A
        except ValueError:
            return x * A[0]

    traced = frozenset((0,))
    assert "A" in variables_of_programs(states.__code__, traced)
    assert not variables_of_programs(handles.__code__, traced)
    assert not variables_of_programs(keeps.__code__, traced)
    assert "A" not in variables_of_programs(hides.__code__, traced)
    assert "A" in variables_of_programs(rebinds.__code__, traced)


OF_A = {
    "product": lambda a: lambda x: np.sum(x * a),
    "sum": lambda a: lambda x: x[0] * np.sum(a) + x @ a,
    "signs": lambda a: lambda x: np.sum(x * (a > 0)) + x @ a,
    "direction": lambda a: lambda x: np.sum(x * (a / np.linalg.norm(a))) + x @ a,
    "differences": lambda a: lambda x: np.sum(x * (a - np.mean(a))) + x @ a,
    "squares": lambda a: lambda x: np.sum((x * a) * a) * np.sum(x[0] * a),
}


PRODUCTS = {
    "x @ a": lambda a: lambda x: np.sum(np.sin(x @ a)),
    "a @ x": lambda a: lambda x: np.sum(np.sin(a @ x)),
    "(x * a) @ x": lambda a: lambda x: np.sum(np.sin((x * a) @ x)),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_captured_arrays_of_products_need_no_new_recordings(name):
    rng = np.random.default_rng(0)
    a, x = rng.normal(size=(3, 3)), rng.normal(size=3)
    f = PRODUCTS[name](a)
    compiled = cd.compile(cd.grad(f))
    for _ in range(6):
        np.testing.assert_allclose(compiled(x), cd.grad(f)(x), rtol=1e-12)
        a[:] = rng.normal(size=(3, 3))
    assert recordings(compiled) == 2  # the transposes in it are made of what is there


def changing(make, change, derivative=cd.grad, a=None, x=1.0):
    """How often a derivative is recorded while a captured array changes, at last to anything."""
    rng = np.random.default_rng(0)
    a = np.empty((4, 3)) if a is None else a
    change(a, rng)
    f = derivative(make(a))
    compiled = cd.compile(f)
    for k in range(5):
        np.testing.assert_allclose(compiled(x), f(x), rtol=1e-9, atol=1e-9)
        if k < 3:
            change(a, rng)
        else:
            a[...] = rng.normal(size=a.shape) * (1.0 + 1j if a.dtype.kind == "c" else 1.0)
    return recordings(compiled)


def whole(a, rng):
    a[...] = rng.integers(1, 99, a.shape)


def weighted(a, rng):
    whole(a, rng)
    a[0, 0] += 1000.0 - np.sum(a * WEIGHTS)


def first_row(a, rng):
    whole(a, rng)
    a[0] = [1.0, 2.0, 3.0]


def first_column(a, rng):
    first = np.roll(a[:, 0], 1)
    a[:, 1:] = rng.integers(1, 99, (4, 2))
    a[:, 0] = first if np.ptp(first) else [3.0, 1.0, 4.0, 5.0]


VARIES, WEIGHTS = np.empty((4, 3)), np.arange(1.0, 13.0).reshape(4, 3)
KEPT = {
    "weighted sum": (lambda a: lambda x: np.sum(x * a * WEIGHTS) + np.sum(np.sin(x * a)), weighted),
    "part of it": (lambda a: lambda x: np.sum(np.sin(x * a)) + (x * a)[0].sum(), first_row),
    "a column": (lambda a: lambda x: np.sum(np.sin(x * a)) + (x * a)[:, 0].sum(), first_column),
    "imaginary part": (lambda a: lambda x: np.sum(np.sin(x * a).real + (x * a).imag), whole,
                       cd.grad, np.empty((4, 3), complex)),
    "signs": (lambda a: lambda x: np.sum(np.sin(x * a)) + np.sum(np.copysign(x, a)), whole),
    "a sum": (lambda a: lambda x: np.sum(np.sin(x * a)) + np.sum(x * a), whole),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_changes_keep_may_change_later(name):
    """What a derivative needs of an array alone stays the same for some time, by chance or not."""
    changing(*KEPT[name])


def test_arrays_that_only_the_program_reads_need_one_more_recording():
    summed = lambda a: lambda x: np.sum(np.sin(x * a))
    sines = lambda a: lambda x: np.sin(x @ a)
    assert changing(sines, whole, cd.jacobian, x=np.ones(4)) == 2
    assert changing(summed, first_row) == 2
    assert changing(summed, whole, a=np.empty((8, 6))[::2, ::-2]) == 2
    assert changing(summed, whole, a=np.empty((3, 4)).T) == 2
    waves = lambda a: lambda x: np.sum(np.sin(x * a).real)
    assert changing(waves, whole, a=np.empty((4, 3), complex)) == 2
    assert changing(lambda a: lambda x: x * a, whole, cd.jacobian) > 2  # a constant
    assert changing(lambda a: lambda x: np.sum(np.sin(x * VARIES)), whole, a=VARIES) == 2
    a = np.arange(1.0, 4.0)
    logarithms = cd.compile(cd.grad(lambda x: np.sum(np.log(x + x * a))))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # also where the other numbers have no logarithm
        for _ in range(3):
            np.testing.assert_allclose(logarithms(2.0), 1.5)
            a += 1.0
    assert recordings(logarithms) == 2


def test_one_of_two_arrays_is_read_by_the_program_only():
    a, b = np.arange(1.0, 4.0), np.arange(2.0, 5.0)
    f = cd.grad(lambda x, *, k=2.0: np.sum(np.sin(k * x * a) + np.cos(x * b) + x * b))
    compiled = cd.compile(f)
    for changed, more in (a, 1), (a, 0), (b, 1), (a, 0), (b, 1), (b, 1), (a, 0):
        before = recordings(compiled)
        np.testing.assert_allclose(compiled(0.7), f(0.7), rtol=1e-12)
        changed += 1.0
        np.testing.assert_allclose(compiled(0.7), f(0.7), rtol=1e-12)
        assert recordings(compiled) == max(before, 1) + more


def test_what_cannot_be_tried_with_other_numbers_is_looked_at():
    spd = lambda a: lambda x: np.sum(np.linalg.cholesky(x * a)) + np.sum(x * a)

    def change(a, rng):
        a[...] = 4.0 * np.eye(3) + rng.random()

    a = np.eye(3)
    f = cd.grad(spd(a))
    compiled = cd.compile(f)
    for _ in range(4):
        np.testing.assert_allclose(compiled(2.0), f(2.0), rtol=1e-12)
        change(a, np.random.default_rng())


@pytest.mark.parametrize("name", OF_A)
@pytest.mark.parametrize("derivative", [None, cd.grad, cd.value_and_grad])
@pytest.mark.parametrize("n", [1, 3, 40])
def test_changes_that_leave_something_as_it_was(derivative, n, name):
    """Of signs, of sums, of directions, of what is there: several times, and then any other."""
    rng = np.random.default_rng(n)
    flips = lambda a: np.negative(a, out=a)
    for change in (lambda a: a.__iadd__(1.0), lambda a: a.__imul__(2.0), rng.shuffle, flips):
        a = rng.integers(1, 9, size=n).astype(float)
        f = OF_A[name](a)
        f = f if derivative is None else derivative(f)
        compiled = cd.compile(f)
        for k in range(6):
            if k < 5:
                change(a)
            else:
                a -= 7.5 * np.arange(n)
            x = rng.normal(size=n)
            pair = [y if isinstance(y, tuple) else (y,) for y in (compiled(x), f(x))]
            for found, want in zip(*pair, strict=True):
                np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-9)


READS = {
    "element": lambda x, a: x @ a + a[0],
    "constant result": lambda x, a: (x @ a, a[1])[1] + x @ a,
    "sum": lambda x, a: x @ a * a.sum(),
    "maximum": lambda x, a: x @ a + a.max(),
    "order": lambda x, a: x @ a + x[int(np.argmin(a))],
    "decision": lambda x, a: x @ a if a[0] > 0 else -(x @ a),
    "and": lambda x, a: (a.any() and 1.0) * (x @ a),
    "loop": lambda x, a: sum([x @ a for _ in range(int(abs(a[0])) + 1)]),
    "view": lambda x, a: x[:2] @ a[:2] + a[2:][0],
    "only the program": lambda x, a: x @ a + (x * a).sum(),
}


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("n", [3, 10_000])
def test_no_change_of_a_captured_array_is_missed(name, n):
    """Whoever reads it, and whether all of it changes, some of it, or its order."""
    rng = np.random.default_rng(len(name) + n)
    a = rng.normal(size=n)
    read = READS[name]
    f = cd.compile(lambda x: read(x, a))
    x = rng.normal(size=n)
    for _ in range(20):
        np.testing.assert_allclose(f(x), read(x, a), rtol=1e-9, atol=1e-9)
        change = rng.integers(4)
        if change == 0:
            a[rng.integers(n)] = rng.normal()
        elif change == 1:
            rng.shuffle(a)
        elif change == 2:
            a[: n // 2] += 1.0
        else:
            a[:] = rng.normal(size=n)


def test_two_arrays_of_one_name():
    world = {"__name__": "own", "a": np.arange(3.0)}
    other = {"__name__": "own", "a": np.arange(3.0) + 5.0}
    helpers = [eval("lambda x: x @ a", world), eval("lambda x: x @ a + a[0]", other)]
    f = cd.compile(lambda x: helpers[0](x) + helpers[1](x))
    for _ in range(4):
        for g in helpers:
            g.__globals__["a"] += 1.0
            assert f(np.ones(3)) == helpers[0](np.ones(3)) + helpers[1](np.ones(3))


def test_trust_is_for_one_signature():
    a = np.arange(1.0, 5.0)
    f = cd.compile(lambda x: x[0] * a + sum([a[k] for k in range(len(x) - 1)]))
    for n in (1, 3, 1, 3):
        x = np.ones(n)
        for _ in range(5):
            np.testing.assert_array_equal(f(x), a + a[: n - 1].sum())
            a += 1.0
