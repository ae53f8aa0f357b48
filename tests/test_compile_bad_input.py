"""Compiled functions in awkward situations, and profiles: a clear error or the right value."""

import inspect
import math
import signal
import threading
from fractions import Fraction

import numpy as np
import pytest

import cdiff as cd


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def test_paths_with_different_structures():
    f = cd.compile(lambda x: x.sum() if x[0] > 0 else (x * 2.0, {"n": 1, "s": None}))
    x = np.ones(2)
    for _ in range(3):
        assert f(x) == 2.0
        y, rest = f(-x)
        assert y.tolist() == [-2.0, -2.0] and rest == {"n": 1, "s": None}


class Holder:
    def __init__(self, value):
        self.value = value


HELD = Holder(1.0)


@pytest.mark.parametrize(
    "f, seen, what",
    [
        (lambda x: Holder(x * 2.0), lambda y: y.value.item(), "Holder"),
        (lambda x: (k * x for k in range(3)), lambda y: [k.item() for k in y], "generator"),
        (lambda x: (x, lambda: x * 3.0), lambda y: y[1]().item(), "function"),
        (lambda x: map(x.__mul__, [1, 2]), lambda y: [k.item() for k in y], "map"),
        (lambda x: {"n": {1, 2}}, lambda y: y["n"].pop(), "set"),
        (lambda x: (x, str(x)), lambda y: y[1], "text"),
        (lambda x: f"{x:.3f} and more", lambda y: y, "text"),
        (lambda x: [repr(x * 1.0).encode()], lambda y: y[0], "text|bytes"),
        (lambda x: np.array2string(np.ones(2) * x), lambda y: y, "text"),
    ],
)
def test_results_that_no_program_can_make(f, seen, what):
    """Never those of another call."""
    compiled = cd.compile(f)
    found = []
    for _ in range(2):
        for x in (1.0, 2.0):
            with pytest.warns(cd.CompileWarning, match=rf"returned a .*({what}).* at each call"):
                found.append(seen(compiled(x)))
    assert found[:2] == found[2:] and (what == "set" or found[0] != found[1])
    assert compiled.stats()["programs"] == 0


@pytest.mark.filterwarnings("error::cdiff.CompileWarning")
def test_constants_in_results():
    half = Fraction(1, 2)
    f = cd.compile(lambda x, h: (x * 2.0, "text", HELD, h, rosenbrock, None, int, half, range(2)))
    for helper in (HELD, Holder(2.0)):
        for x in (1.0, 2.0):
            want = (2.0 * x, "text", HELD, helper, rosenbrock, None, int, half, range(2))
            assert f(x, helper) == want
    assert f.stats()["recordings"] == f.stats()["programs"] == 2


def test_printing_makes_no_decision():
    def f(x):
        print(x, f"{x:.2f}")
        return x * 2.0

    compiled = cd.compile(f)
    assert [compiled(1.0), compiled(2.0)] == [2.0, 4.0]
    assert compiled.stats()["recordings"] == 1


def test_whether_a_number_is_among_the_elements_is_one_decision():
    def f(x):
        return x[0] * (2.0 if 3.0 in x else 5.0) + (x[1] if x[1] in x else 0.0)

    compiled = cd.compile(f)
    for x in ([1.0, 2.0], [1.5, 2.5], [3.0, 4.0], [7.0, 3.0], [-1.0, 0.0]):
        assert compiled(np.array(x)) == f(np.array(x))
    assert compiled.stats()["recordings"] == 2


def test_nan_and_infinity():
    f = cd.compile(lambda x: x * 2.0 if x > 0 else -x)
    for x in (1.0, math.nan, -1.0, math.nan, math.inf, -math.inf):
        assert str(f(x)) == str(x * 2.0 if x > 0 else -x)
    assert f.stats()["programs"] == 2
    g = cd.compile(lambda x, k: x + k, static_argnums=1)
    assert math.isnan(g(1.0, math.nan)) and math.isnan(g(1.0, float("nan")))
    assert g.stats()["recordings"] == 1
    h = cd.compile(lambda x: x * float(x.item()))
    assert math.isnan(h(math.nan)) and math.isnan(h(math.nan)) and h(2.0) == 4.0


def test_recursion():
    @cd.compile
    def power(x, n):
        return 1.0 if n == 0 else x * power(x, n - 1)

    assert [power(2.0, n) for n in (3, 5, 3)] == [8.0, 32.0, 8.0]
    assert cd.grad(power)(2.0, 3) == 12.0

    @cd.compile
    def endless(x):
        return endless(x)

    with pytest.raises(RecursionError):
        endless(1.0)

    @cd.compile
    def untracked(x):
        return x * untracked(2.0) if x > 2.5 else x * 10.0

    assert [untracked(3.0), untracked(4.0), untracked(1.0)] == [60.0, 80.0, 10.0]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit])
def test_errors_while_recording(error):
    armed = [True]

    @cd.compile
    def f(x):
        y = x * 2.0
        if armed[0]:
            raise error("here")
        return y

    for _ in range(2):
        with pytest.raises(error):
            f(1.0)
    assert f.stats()["recordings"] == 0
    armed[0] = False
    assert (f(1.0), f(2.0), cd.grad(f)(1.0)) == (2.0, 4.0, 2.0)


def test_errors_of_other_threads_do_not_matter():
    inside, leave = threading.Event(), threading.Event()
    wait = [True]

    @cd.compile
    def f(x):
        if wait[0]:
            wait[0] = False
            inside.set()
            leave.wait(10)
            raise ValueError("slow")
        return x * 2.0

    failed = []

    def slow():
        try:
            f(1.0)
        except ValueError as error:
            failed.append(error)

    thread = threading.Thread(target=slow)
    thread.start()
    inside.wait(10)
    assert cd.grad(lambda x: x * x)(3.0) == 6.0  # a trace of another thread is none of ours
    leave.set()
    thread.join()
    assert len(failed) == 1 and f(1.0) == 2.0


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer")
def test_an_interrupt_during_a_long_replay():
    n = 300_000

    def f(x):
        for _ in range(60):
            x = np.sort(np.sin(x) + x)
        return x

    compiled = cd.compile(f)
    x = np.random.default_rng(0).uniform(size=n)
    want = compiled(x)

    def ring(*_):
        raise InterruptedError("stop")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(InterruptedError):
            for _ in range(1000):
                compiled(x)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    np.testing.assert_array_equal(compiled(x), want)


def test_arguments_that_are_no_numbers():
    f = cd.compile(lambda x: x)
    with pytest.raises(TypeError, match=r"argument 0.* set, neither a float nor an array"):
        f({1.0})
    with pytest.raises(TypeError, match=r"argument 'k'\[0\].* set"):
        cd.compile(lambda k: k)(k=[{1.0}])
    assert f("text") == "text" and f(None) is None and f(1 + 2j) == 1 + 2j


def test_a_shape_that_changes_at_every_call():
    f = cd.compile(lambda x: x.sum())
    with pytest.warns(cd.CompileWarning, match="argument 0.*keep its shape"):
        for n in range(1, 300):
            assert f(np.ones(n)) == n


# --- profiles -------------------------------------------------------------------------------------


def loop_of_two_lines(x):
    def step(s, row):
        moved = np.tanh(s @ s)
        return moved + row, np.sum(np.sin(moved))

    return np.sum(cd.scan(step, x, np.ones((5, 30, 30)))[1])


@pytest.mark.parametrize("transform", [lambda f: f, cd.grad, cd.value_and_grad])
def test_a_profile_looks_into_loops(transform):
    f = cd.compile(transform(loop_of_two_lines))
    profile = f.profile(0.1 * np.eye(30))
    operators = {row.operator: row for row in profile.by_operator()}
    assert {"matmul", "tanh"} <= set(operators) and not any("scan" in name for name in operators)
    first = inspect.getsourcelines(loop_of_two_lines)[1] + 2
    lines = {int(row.where.rpartition(":")[2]): row for row in profile.by_line()}
    assert {first, first + 1} <= set(lines)
    assert operators["matmul"].bytes >= 5 * 3 * 8 * 900  # of five steps
    assert sum([row.seconds for row in profile.rows]) < 100 * profile.seconds


def test_a_profile_names_what_is_no_operator():
    wave = cd.custom_vjp(lambda x: np.sin(x))
    wave.defvjp(lambda x: (wave(x), x), lambda x, g: (np.cos(x) * g,))
    f = cd.compile(cd.vmap(cd.grad(lambda x: np.sum(wave(x) ** 2))))
    names = {row.operator for row in f.profile(np.ones((4, 8))).rows}
    assert any(name.startswith("the bwd rule of ") for name in names)
    g = cd.compile(cd.grad(lambda x: cd.while_loop(lambda s: s < 50.0, lambda s: s * 1.5, x)))
    names |= {row.operator for row in g.profile(1.0).rows}
    assert any(name.startswith("while_loop") for name in names)
    assert not any("object at" in name for name in names)


def test_a_profile_names_loops():
    f = cd.compile(lambda x: cd.fori_loop(0, 7, lambda i, s: s * 1.5 + 1.0, x) + np.ones(3))
    assert "scan of 7 steps" in {row.operator for row in f.profile(1.0).rows}  # of numbers
    g = cd.compile(lambda x: cd.fori_loop(0, 7, lambda i, s: s + x if i > 3 else s - x, x))
    assert {row.operator for row in g.profile(np.ones(3)).rows} == {"scan of 7 steps"}  # two ways


def test_a_profile_of_arrays():
    f = cd.compile(cd.value_and_grad(rosenbrock))
    profile = f.profile(np.ones(10_000))
    assert f.stats()["recordings"] == 1
    rows = {row.operator: row for row in profile.by_operator()}
    assert {"sum", "square", "multiply", "concatenate"} <= set(rows)
    assert all(row.seconds > 0 and row.instructions >= 1 for row in profile.rows)
    assert rows["concatenate"].bytes >= 8 * 10_000
    times = [row.seconds for row in profile.rows]
    assert times == sorted(times, reverse=True) and profile.seconds > 0
    assert sum(times) < 100 * profile.seconds
    text = repr(profile)
    assert text.startswith("rosenbrock: ")
    assert len(text.splitlines()) == 4 + len(rows) + len(profile.by_line())
    f.profile(-np.ones(10_000))
    assert f.stats()["recordings"] == 1


def two_lines(x):
    y = np.exp(x) * x
    return np.sum(np.sin(y))


def test_a_profile_of_source_lines():
    """The derivative's operations count for the lines that they are the derivative of."""
    first = two_lines.__code__.co_firstlineno + 1
    profile = cd.compile(cd.grad(two_lines)).profile(np.ones(1000))
    lines = {row.where: row for row in profile.by_line()}
    assert set(lines) == {f"{__file__}:{first}", f"{__file__}:{first + 1}"}
    where = {row.operator: row.where for row in profile.rows}
    assert where["cos"].endswith(f":{first + 1}") and where["exp"].endswith(f":{first}")
    total = sum(row.seconds for row in profile.rows)
    assert sum(row.seconds for row in profile.by_operator()) == pytest.approx(total)
    assert sum(row.instructions for row in lines.values()) <= sum(
        row.instructions for row in profile.rows
    )
    assert "y = np.exp(x) * x" in repr(profile)
    picture = profile.picture()
    assert "by source line" in picture.svg and "np.exp(x)" in picture.svg
    assert profile._repr_svg_() == picture.svg


def test_a_profile_of_numbers():
    f = cd.compile(lambda x, y: x * y + np.sin(x) * x)
    profile = f.profile(1.0, y=2.0)
    counts = {row.operator: row.instructions for row in profile.rows}
    assert counts == {"multiply": 2, "add": 1, "sin": 1}
    assert all(row.seconds is None for row in profile.rows)
    assert "a call, 4 instructions" in repr(profile)
    assert [row.instructions for row in profile.by_line()] == [4]
    assert "profile of" in profile.picture().svg


def test_a_profile_of_what_is_no_program():
    f = cd.compile(lambda x: x * 2.0)
    with pytest.raises(TypeError, match="tracked"):
        cd.grad(lambda x: f.profile(x))(1.0)
    assert cd.compile(lambda: 1.0).profile().rows == ()
