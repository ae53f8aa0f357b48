"""Transformations begun in other threads, of values that one in this thread tracks."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Event

import numpy as np
import pytest

import cdiff as cd
from cdiff import _core

POINTS = [0.3, 0.7, 1.1]


def in_threads(f, xs=POINTS):
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(f, xs))


def here(f, xs=POINTS):
    return [f(x) for x in xs]


INNER = {
    "grad": lambda a: cd.grad(lambda x: np.sin(a * x) * x),
    "value": lambda a: lambda x: np.sin(a * x) * x,
    "grad of grad": lambda a: cd.grad(cd.grad(lambda x: np.sin(a * x) * x)),
    "argument": lambda a: lambda x: cd.grad(lambda y: np.sin(y * y))(a * x),
    "jacfwd": lambda a: cd.jacfwd(lambda x: np.sin(a * x) * x),
    "vmap": lambda a: lambda x: np.sum(cd.vmap(lambda y: np.sin(a * y) * x)(np.ones(3) * x)),
    "scan": lambda a: lambda x: cd.scan(lambda c, _: (np.sin(a * c), None), x, length=3)[0],
    "compile": lambda a: lambda x: cd.compile(lambda y: np.sin(a * y))(x),
    "checkpoint": lambda a: cd.grad(cd.checkpoint(lambda x: np.sin(a * x) * x)),
}
OUTER = {
    "grad": cd.grad,
    "jacfwd": cd.jacfwd,
    "hessian": cd.hessian,
    "jvp": lambda f: lambda x: cd.jvp(f, (x,), (1.0,))[1],
    "compiled": lambda f: cd.compile(cd.grad(f)),
}


@pytest.mark.parametrize("outer", OUTER)
@pytest.mark.parametrize("inner", INNER)
def test_derivatives_in_other_threads(inner, outer):
    f = lambda a, each: sum(each(INNER[inner](a)))
    want = OUTER[outer](lambda a: f(a, here))(1.3)
    derivative = OUTER[outer](lambda a: f(a, in_threads))
    for _ in range(2):
        np.testing.assert_allclose(derivative(1.3), want, rtol=1e-12)
    np.testing.assert_allclose(OUTER[outer](lambda a: f(a, here))(0.4), derivative(0.4), rtol=1e-12)


def test_decisions_in_other_threads():
    """The program that is being recorded would not know of them."""
    g = lambda a: sum(in_threads(lambda x: a * x if a * x > 0.5 else a))
    np.testing.assert_allclose(cd.grad(g)(1.0), 1.0 + 0.7 + 1.1)
    with pytest.raises(TypeError, match="another thread"):
        cd.compile(g)(1.0)
    with pytest.raises(TypeError, match="another thread"):
        cd.vmap(g)(np.ones(2))


def test_threads_of_their_own():
    """They need nothing of each other, whatever each of them is inside of."""

    def work(x):
        for _ in range(50):
            f = lambda y: cd.grad(lambda z: np.sin(z * y) if z > 0.1 else z)(y)
            found = cd.jacfwd(f)(x), cd.compile(cd.grad(f))(x), cd.vmap(f)(np.array([x, -x]))[0]
        return found

    want = here(work, POINTS * 3)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, POINTS * 3))
    np.testing.assert_allclose(found, want, rtol=1e-12)


def elsewhere(f, *args):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(f, *args).result()


# Each takes a function of one number to one of its derivative, or to a value of many points.
STAGES = {
    "grad": cd.grad,
    "jacfwd": cd.jacfwd,
    "jvp": lambda f: lambda x: cd.jvp(f, (x,), (1.0,))[1],
    "vmap": lambda f: lambda x: np.sum(cd.vmap(lambda r: f(x * r))(np.array([1.0, 0.5]))),
    "compile": lambda f: lambda x: cd.compile(lambda y: f(y * 1.0))(x),
}


@pytest.mark.parametrize("inner", STAGES)
@pytest.mark.parametrize("middle", STAGES)
@pytest.mark.parametrize("outer", OUTER)
def test_threads_of_threads(outer, middle, inner):
    """Their levels were those of the thread that began them, whose derivatives were lost."""

    def f(a, run):
        innermost = lambda b: STAGES[inner](lambda c: np.sin(a * b * c) * b * c * c)(0.7 * b)
        return run(lambda: STAGES[middle](lambda b: run(lambda: innermost(b)))(0.5 * a))

    want = OUTER[outer](lambda a: f(a, lambda g: g()))(1.3)
    found = OUTER[outer](lambda a: f(a, elsewhere))(1.3)
    np.testing.assert_allclose(found, want, rtol=1e-11)


def test_a_thread_that_stays_behind():
    """The thread that began first ends first; the levels of the other one stay taken."""
    began, go_on = Event(), Event()

    def second():
        def f(b):
            began.set()
            assert go_on.wait(60)
            return elsewhere(lambda: cd.grad(lambda c: np.sin(b * c) * c)(0.7))

        return cd.grad(f)(0.5)

    with ThreadPoolExecutor(1) as pool:
        waiting = []

        def first(a):
            waiting.append(pool.submit(second))
            assert began.wait(60)
            return a * a

        assert cd.grad(first)(3.0) == 6.0
        go_on.set()
        found = waiting[0].result(60)
    want = cd.grad(lambda b: cd.grad(lambda c: np.sin(b * c) * c)(0.7))(0.5)
    np.testing.assert_allclose(found, want, rtol=1e-12)
    assert _core.depth() == 0


def sine_by_vjp():
    f = cd.custom_vjp(np.sin)
    f.defvjp(lambda x: (np.sin(x), x), lambda x, g: (g * np.cos(x),))
    return f


def sine_by_jvp():
    f = cd.custom_jvp(np.sin)
    f.defjvp(lambda p, t: (np.sin(p[0]), t[0] * np.cos(p[0])))
    return f


def called_again(f):
    f = cd.compile(f)
    return lambda xs: np.array([f(x) for x in xs])


OVER_POINTS = {
    "vmap": cd.vmap,
    "scan": lambda f: lambda xs: cd.scan(lambda c, x: (c, f(x)), 0.0, xs)[1],
    "compile": called_again,
}


@pytest.mark.parametrize("rule", [sine_by_vjp, sine_by_jvp])
@pytest.mark.parametrize("over", OVER_POINTS)
def test_functions_with_rules_in_other_threads(over, rule):
    """They took the values of the first point for those of all."""
    sine, xs = rule(), np.array(POINTS)
    f = lambda x: elsewhere(lambda: sine(x))
    np.testing.assert_allclose(OVER_POINTS[over](f)(xs), np.sin(xs), rtol=1e-12)
    np.testing.assert_allclose(OVER_POINTS[over](cd.grad(f))(xs), np.cos(xs), rtol=1e-12)
    if over != "compile":
        total = lambda xs: np.sum(OVER_POINTS[over](f)(xs))
        np.testing.assert_allclose(cd.grad(total)(xs), np.cos(xs), rtol=1e-12)


C = np.array([1.0, 2.0, 3.0])


KEPT = {
    "constant": lambda x: x + C,
    "on the left": lambda x: C - x,
    "integers": lambda x: x * np.array([1, 2, 3]) + np.array([1, 2, 3]),
    "where": lambda x: np.where(np.array([True, False, True]), C, x),
    "concatenate": lambda x: np.concatenate([C, x]),
    "floor": lambda x: np.floor(2.5 * x) + x,
    "remainder": lambda x: np.fmod(2.5 * x, C),
    "stop_gradient": lambda x: cd.stop_gradient(x) * x,
    "complex": lambda x: np.abs(x + 1j * C),
    "integers of values": lambda x: (4.0 * x).astype(int) * x,
    "in place": lambda x: cd.numpy.zeros(3).__iadd__(x).__isub__(C),
}


@pytest.mark.parametrize("kept", KEPT)
def test_operands_without_derivative_in_other_threads(kept):
    """Programs took arrays for 0, and what has no derivative for what it was at first."""
    f = KEPT[kept]
    g = lambda x: elsewhere(lambda: f(x))
    xs = np.array([[0.5, 0.7, -0.2], [1.5, -0.7, 2.2], [-3.5, 0.1, 0.25]])
    want, slopes = np.stack([f(x) for x in xs]), np.stack([cd.jacobian(f)(x) for x in xs])
    for over in OVER_POINTS.values():
        np.testing.assert_allclose(over(g)(xs), want, rtol=1e-12)
        np.testing.assert_allclose(over(cd.jacobian(g))(xs), slopes, rtol=1e-12)


BESIDE_A_DUAL = {
    "product": lambda a, b: a * b,
    "product of an array": lambda a, b: np.sum(np.stack([a, b, a * b]) @ (C * b)),
    "outer alone": lambda a, b: np.sin(a) * np.exp(b) + a,
    "grad": lambda a, b: cd.grad(lambda c: np.sin(a * b * c))(0.7 * b),
    "compile": lambda a, b: cd.compile(lambda c: np.sin(a * b * c))(0.7 * b),
    "product with a function of it": lambda a, b: np.sin(b) * a,
    "rule": lambda a, b: sine_by_jvp()(a * b) + sine_by_vjp()(a),
}


@pytest.mark.parametrize("operation", BESIDE_A_DUAL)
@pytest.mark.parametrize("over", ["vmap", "scan"])
def test_values_of_a_jvp_around_a_recording_in_other_threads(over, operation):
    """They were not told from values of the program that is being recorded."""
    f, xs = BESIDE_A_DUAL[operation], np.array(POINTS)
    mapped = lambda run: lambda a: OVER_POINTS[over](lambda b: run(lambda: f(a, b)))(xs)
    for inner in (mapped, lambda run: lambda a: cd.jvp(mapped(run), (a,), (1.0,))[1]):
        want = cd.jvp(inner(lambda g: g()), (1.3,), (1.0,))
        found = cd.jvp(inner(elsewhere), (1.3,), (1.0,))
        np.testing.assert_allclose(found, want, rtol=1e-12)
    slopes = lambda run: lambda a: OVER_POINTS[over](cd.grad(lambda b: run(lambda: f(a, b))))(xs)
    want = cd.jvp(slopes(lambda g: g()), (1.3,), (1.0,))
    np.testing.assert_allclose(cd.jvp(slopes(elsewhere), (1.3,), (1.0,)), want, rtol=1e-12)


def test_a_gradient_at_a_value_of_a_jvp_inside_a_recording_in_another_thread():
    inside = lambda a, b: cd.grad(lambda c: np.sin(a * b * c))(0.7 * a)
    f = lambda a: cd.vmap(lambda b: elsewhere(lambda: inside(a, b)))(np.array(POINTS))
    with pytest.raises(TypeError, match="in the thread that calls it"):
        cd.jvp(f, (1.3,), (1.0,))


# ------------------------------------------------------------------ more threads than levels


@contextmanager
def crowd(depths):
    """Threads that are inside as many transformations, one after the other."""
    go_on = Event()

    def occupy(depth, began):
        with ExitStack() as stack:
            for _ in range(depth):
                stack.enter_context(_core.Level())
            began.set()
            assert go_on.wait(120)

    with ThreadPoolExecutor(len(depths)) as pool:
        waiting = []
        try:
            for depth in depths:
                began = Event()
                waiting.append(pool.submit(occupy, depth, began))
                assert began.wait(60)
            yield
        finally:
            go_on.set()
        for task in waiting:
            task.result(60)


EAGER = {
    "grad": cd.grad,
    "reverse": lambda f: lambda x: cd.vjp(f, x)[1](1.0)[0],
    "linearize": lambda f: lambda x: cd.linearize(f, x)[1](1.0),
    "jvp": STAGES["jvp"],
    "jacrev": cd.jacrev,
    "hessian": cd.hessian,
    "hvp": lambda f: lambda x: cd.hvp(f, (x,), (1.0,)),
    "array": lambda f: lambda x: np.sum(cd.grad(lambda v: f(v @ v))(np.array([0.3, 0.5]) * x)),
    "value": lambda f: lambda x: cd.value_and_grad(f)(x)[0],
}
CROWDS = [(9,), (5, 4), (3, 3, 3), (12,)]


@pytest.mark.parametrize("middle", EAGER)
@pytest.mark.parametrize("outer", EAGER)
def test_more_threads_than_levels(outer, middle):
    """The derivatives of threads of threads were lost where levels ran out."""

    def f(run, inner):
        innermost = lambda a, b: EAGER[inner](lambda c: np.sin(a * b * c) * b * c * c)(0.7 * b)
        outermost = lambda a: run(
            lambda: EAGER[middle](lambda b: run(lambda: innermost(a, b)))(0.5 * a)
        )
        return run(lambda: EAGER[outer](outermost)(1.3))

    for inner in EAGER:
        want = f(lambda g: g(), inner)
        for crowded in CROWDS:
            with crowd(crowded):
                found = f(elsewhere, inner)
            assert not cd.is_tracked(found)
            case = f"{inner}, {crowded}"
            np.testing.assert_allclose(found, want, rtol=1e-10, atol=1e-12, err_msg=case)


@pytest.mark.parametrize("crowded", CROWDS, ids=str)
@pytest.mark.parametrize("inner", STAGES)
@pytest.mark.parametrize("middle", STAGES)
def test_recordings_in_more_threads_than_levels(middle, inner, crowded):
    """They are right, or say what is the matter."""

    def f(run):
        innermost = lambda a, b: STAGES[inner](lambda c: np.sin(a * b * c) * b * c * c)(0.7 * b)
        outermost = lambda a: run(
            lambda: STAGES[middle](lambda b: run(lambda: innermost(a, b)))(0.5 * a)
        )
        return run(lambda: cd.grad(outermost)(1.3))

    want = f(lambda g: g())
    with crowd(crowded):
        try:
            found = f(elsewhere)
        except RecursionError as error:
            assert "in all threads" in str(error) or "more than 17 deep" in str(error)
            return
    np.testing.assert_allclose(found, want, rtol=1e-10, atol=1e-12)


def test_levels_that_other_threads_have_taken_are_named():
    says = "so do those of other threads"
    with crowd((2,)), ExitStack() as stack, pytest.raises(RecursionError, match=says):
        for _ in range(17):
            stack.enter_context(_core.Level())


def test_pools_in_sibling_threads():
    """Several threads that start workers at the same time, any of which may find levels taken."""

    def derivative(a):
        f = lambda b: sum(in_threads(lambda x: cd.grad(lambda x: np.sin(b * x) * x)(x)))
        return cd.grad(f)(a)

    points = np.linspace(0.3, 1.5, 12)
    x = np.array(POINTS)[:, None]
    want = np.sum(2 * x * np.cos(points * x) - points * x * x * np.sin(points * x), axis=0)
    for _ in range(5):
        with ThreadPoolExecutor(6) as pool:
            np.testing.assert_allclose(list(pool.map(derivative, points)), want, rtol=1e-11)


def test_decisions_in_threads_of_a_thread_that_records():
    """Of a thread that is not the first one in a transformation, too."""
    began, go_on = Event(), Event()

    def first(a):
        began.set()
        assert go_on.wait(60)
        return a * a

    f = lambda x: elsewhere(lambda: x * 3.0 if x > 1.0 else x * x)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(cd.grad(first), 3.0)
        assert began.wait(60)
        try:
            with pytest.raises(TypeError, match="another thread"):
                elsewhere(lambda: cd.compile(f)(2.0))
            assert cd.grad(f)(2.0) == 3.0
        finally:
            go_on.set()
        assert waiting.result(60) == 6.0


MEANWHILE = {
    "checkpoint": cd.checkpoint(lambda x: np.sin(x) * x),
    "scan": lambda x: cd.scan(lambda c, _: (np.sin(c * x), None), x, length=3)[0],
    "while_loop": lambda x: cd.while_loop(lambda c: c.sum() < 9.0, lambda c: c * 1.5 + x, x),
    "custom_root": lambda x: cd.custom_root(lambda y, a: y**3 + y - a)(np.ones(2), x),
    "linear_solve": lambda x: cd.linear_solve(lambda y: 3.0 * y + x * y[::-1], x),
}
WHOLE = {
    "grad": lambda f: cd.grad(lambda x: f(x).sum()),
    "value_and_grad": lambda f: cd.value_and_grad(lambda x: f(x).sum()),
    "aux": lambda f: cd.grad(lambda x: (f(x).sum(), 1.0), has_aux=True),
    "jacobian": cd.jacobian,
    "jacfwd": cd.jacfwd,
    "hessian": lambda f: cd.hessian(lambda x: f(x).sum()),
    "vjp": lambda f: lambda x: cd.vjp(f, x)[1](np.ones(2)),
    "jvp": lambda f: lambda x: cd.jvp(f, (x,), (x,)),
    "linearize": lambda f: lambda x: cd.linearize(f, x)[1](x),
    "compiled": lambda f: cd.compile(cd.grad(lambda x: f(x).sum())),
    "of an Array": lambda f: lambda x: cd.grad(lambda x: f(x).sum())(cd.array(x)).numpy(),
    "requires_grad": lambda f: lambda x: by_backward(f, x),
}


def by_backward(f, x):
    x = cd.array(x, requires_grad=True)
    f(x).sum().backward()
    return x.grad


@pytest.mark.parametrize("other", [cd.grad, cd.jacfwd, cd.compile])
@pytest.mark.parametrize("whole", WHOLE)
@pytest.mark.parametrize("inner", MEANWHILE)
def test_a_thread_that_begins_meanwhile(inner, whole, other):
    """The level of a derivative is its own until the derivative is there."""
    point, begun, over = np.array([0.7, 1.3]), Event(), Event()

    def waiting(x):
        begun.set()
        assert over.wait(60)
        return x * x

    def f(x):
        if not begun.is_set():
            pending.append(pool.submit(other(waiting), 2.0))
            assert begun.wait(60)
        return MEANWHILE[inner](x)

    want, pending = WHOLE[whole](MEANWHILE[inner])(point), []
    with ThreadPoolExecutor(1) as pool:
        try:
            got = WHOLE[whole](f)(point)
        finally:
            over.set()
    for x, y in zip(got, want, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12)
    pending[0].result(60)
