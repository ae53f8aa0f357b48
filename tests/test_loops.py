"""Loops: the same values and derivatives as the loop in Python, in every mode and nesting.

What a loop computes is checked against the plain Python loop over the same body, recorded eagerly
and differentiated by the same library without any loop, and against the complex step. This file
knows loops and nothing of how they run.
"""

import numpy as np
import pytest
from loop_bodies import BODIES, ROWS, A, python_scan, tanh_body

import cdiff as cd


def loss(scan, body, init, reverse=False, **options):
    def function(a, init=init, xs=ROWS):
        carry, ys = scan(body(a), init, xs, reverse=reverse, **options)
        total = np.sum(np.asarray(carry)) if isinstance(carry, np.ndarray) else np.sum(carry)
        for i, y in enumerate(ys):
            total = total + (i + 1.0) * y
        return total

    function.init = init
    return function


DERIVATIVES = {
    "value": lambda f: f,
    "grad": cd.grad,
    "jacfwd": cd.jacfwd,
    "hessian": cd.hessian,
    "reverse over reverse": lambda f: cd.jacrev(cd.grad(f)),
    "forward over forward": lambda f: cd.jacfwd(cd.jacfwd(f)),
    "reverse over forward": lambda f: cd.jacrev(cd.jacfwd(f)),
    "all arguments": lambda f: lambda a: cd.grad(f, argnums=(0, 1, 2))(a, f.init, ROWS),
}


def close(got, expected, rtol=1e-11):
    if isinstance(expected, tuple):
        assert len(got) == len(expected)
        for g, e in zip(got, expected, strict=True):
            close(g, e, rtol)
        return
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("reverse", [False, True], ids=["up", "down"])
@pytest.mark.parametrize("what", DERIVATIVES)
@pytest.mark.parametrize("name", BODIES)
def test_scan_is_the_loop_in_python(name, what, reverse, compiled):
    body, init = BODIES[name]
    ours, theirs = loss(cd.scan, body, init, reverse), loss(python_scan, body, init, reverse)
    got = DERIVATIVES[what](ours)
    got = cd.compile(got) if compiled else got
    expected = DERIVATIVES[what](theirs)
    close(got(A), expected(A))
    close(got(A * 0.5 + 0.1), expected(A * 0.5 + 0.1))  # other paths, and replayed


@pytest.mark.parametrize("every", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("reverse", [False, True])
def test_checkpointed_scans_give_the_same(every, reverse):
    for name in ("tanh", "deciding", "product"):
        body, init = BODIES[name]
        expected = cd.value_and_grad(loss(python_scan, body, init, reverse))(A)
        ours = loss(cd.scan, body, init, reverse, checkpoint_every=every)
        close(cd.value_and_grad(ours)(A), expected)
        close(cd.hessian(ours)(A), cd.hessian(loss(python_scan, body, init, reverse))(A))


def test_gradients_agree_with_the_complex_step():
    def recurrence(a, xp):
        c, total = np.ones(2), 0.0
        for x in ROWS:
            total = total + xp.sum(c * x)
            c = xp.tanh(a * c + x)
        return total + xp.sum(c)

    def ours(a):
        c, ys = cd.scan(tanh_body(a), np.ones(2), ROWS)
        return np.sum(c) + np.sum(ys)

    expected = [recurrence(A + 1e-30j * (np.arange(2) == k), np).imag / 1e-30 for k in range(2)]
    close(cd.grad(ours)(A), np.array(expected), rtol=1e-13)
    close(cd.jacfwd(ours)(A), np.array(expected), rtol=1e-13)


# ---------------------------------------------------------------- long loops, and large matrices


def lstm(scan, weights, xs, size):
    state, inputs, bias = weights

    def step(carry, x):
        h, c = carry
        z = state @ h + inputs @ x + bias
        c = cd.sigmoid(z[:size]) * c + cd.sigmoid(z[size : 2 * size]) * np.tanh(z[3 * size :])
        return (cd.sigmoid(z[2 * size : 3 * size]) * np.tanh(c), c), h

    return scan(step, (np.zeros(size), np.zeros(size)), xs)


@pytest.mark.parametrize("steps", [1, 5, 300])
@pytest.mark.parametrize("reverse", [False, True])
def test_products_with_constants_and_sums_of_products(steps, reverse):
    """Those are taken out of the loop: matrices large enough, more steps than one stack."""
    rng = np.random.default_rng(steps)
    size = 20
    weights = tuple(rng.normal(size=s) * 0.2 for s in [(80, 20), (80, 9), (80,)])
    xs = rng.normal(size=(steps, 9))

    def value(scan, weights, xs):
        (h, c), hs = lstm(scan, weights, xs, size)
        return np.sum(h * c) + sum([np.sum(y * y) for y in hs])

    def scan(f, init, xs):
        return cd.scan(f, init, xs, reverse=reverse)

    def loop(f, init, xs):
        return python_scan(f, init, xs, reverse=reverse)

    def of(scan):
        return cd.value_and_grad(lambda w, x: value(scan, w, x), argnums=(0, 1))

    got, expected = of(scan)(weights, xs), of(loop)(weights, xs)
    close(got[0], expected[0])
    close(got[1][0], expected[1][0], rtol=1e-9)
    close(got[1][1], expected[1][1], rtol=1e-9)
    compiled = cd.compile(of(scan))
    compiled(weights, xs * 0.5)
    close(compiled(weights, xs)[1][0], expected[1][0], rtol=1e-9)


@pytest.mark.parametrize("rows", [3, 8])
def test_products_of_rows_that_are_matrices(rows):
    rng = np.random.default_rng(rows)
    w, v = rng.normal(size=(16, 12)) * 0.1, rng.normal(size=(12, 12)) * 0.1
    xs = rng.normal(size=(50, rows, 16))

    def value(scan, w, v):
        c, ys = scan(lambda c, x: (np.tanh(x @ w + c @ v), np.sum(c)), np.zeros((rows, 12)), xs)
        return np.sum(c) + sum(list(ys))

    got = cd.grad(lambda w, v: value(cd.scan, w, v), argnums=(0, 1))(w, v)
    expected = cd.grad(lambda w, v: value(python_scan, w, v), argnums=(0, 1))(w, v)
    close(got, expected, rtol=1e-9)


def test_a_guard_that_fails_between_two_stacks_of_products():
    rng = np.random.default_rng(0)
    w = rng.normal(size=(12, 12)) * 0.3
    xs = rng.normal(size=(200, 12))

    def value(scan, w):
        def step(c, x):
            z = np.tanh(w @ c + w @ x)
            return (z if z[0] > 0.0 else -0.5 * z), z[1]

        c, ys = scan(step, np.ones(12), xs)
        return np.sum(c) + sum(list(ys))

    expected = cd.grad(lambda w: value(python_scan, w))(w)
    close(cd.grad(lambda w: value(cd.scan, w))(w), expected, rtol=1e-9)


def test_a_loop_is_one_instruction():
    f = cd.compile(cd.grad(lambda a: cd.fori_loop(0, 1000, lambda i, c: c * a, 1.0)))
    close(f(1.001), 1000 * 1.001**999)
    calls = [name for name, *_ in f.program.instructions() if name == "call"]
    assert len(calls) <= 2 and len(f.program) < 60
    assert f.stats()["recordings"] == 1
    close(f(1.002), 1000 * 1.002**999)
    assert f.stats()["recordings"] == 1


def test_the_body_runs_in_python_once():
    calls = []

    def step(c, x):
        calls.append(1)
        return c * x, c

    cd.scan(step, 1.0, np.linspace(0.9, 1.1, 500))
    assert len(calls) == 1


# ---------------------------------------------------------------- forms


def test_containers_ints_and_nothing():
    def step(carry, x):
        return {"n": carry["n"] + 1, "v": carry["v"] * x["a"]}, (carry["n"], x["b"][0] * 2)

    xs = {"a": np.array([2.0, 3.0]), "b": [np.array([5, 6])]}
    carry, (numbers, doubled) = cd.scan(step, {"n": 0, "v": 1.0}, xs)
    assert carry == {"n": 2, "v": 6.0} and carry["n"].dtype == np.int64
    assert numbers.tolist() == [0, 1] and doubled.tolist() == [10, 12]
    assert cd.scan(lambda c, x: (None, x), None, np.arange(2.0))[0] is None
    assert cd.scan(lambda c, x: (c, None), 1.0, length=3)[1] is None


def test_an_int_that_becomes_a_float():
    assert cd.scan(lambda c, x: (c + x, None), 0, np.array([0.5, 0.25]))[0] == 0.75
    assert cd.grad(lambda a: cd.fori_loop(0, 3, lambda i, c: c + a, 0))(2.0) == 3.0
    halved = lambda c, _: (c * 0.5 + 1.0, None)
    assert cd.scan(halved, 4, length=10, checkpoint_every=3)[0] == 2.0 + 2.0 * 0.5**10
    assert cd.fori_loop(0, 3_000_000, lambda i, c: c * 0.5 + 1.0, 4) == 2.0
    with pytest.raises(TypeError, match="keep its shape and dtype"):
        cd.scan(halved, np.int64(4), length=10, checkpoint_every=3)


def test_ints_and_booleans_in_the_carry_have_no_derivative():
    def f(a):
        def step(c, x):
            count, flag, v = c
            return (count + 2, v > 1.1, np.where(flag, v * a, v + a * count)), None

        return cd.scan(step, (0, True, 1.0), length=4)[0][2]

    def python(a):
        count, flag, v = 0, True, 1.0
        for _ in range(4):
            count, flag, v = count + 2, v > 1.1, (v * a if flag else v + a * count)
        return v

    step = 1e-6
    expected = (python(1.3 + step) - python(1.3 - step)) / (2 * step)
    for found in (cd.grad(f)(1.3), cd.jvp(f, (1.3,), (1.0,))[1], cd.compile(cd.grad(f))(1.3)):
        assert found == pytest.approx(expected, rel=1e-8)


def test_no_steps():
    xs = np.zeros((0, 3))
    carry, ys = cd.scan(lambda c, x: (c + x, np.sum(x)), np.ones(3), xs)
    assert carry.tolist() == [1.0] * 3 and ys.shape == (0,)
    f = lambda a: np.sum(cd.scan(lambda c, x: (c * a, c), a, xs)[0])
    assert cd.grad(f)(np.ones(3)).tolist() == [1.0] * 3
    assert cd.jvp(f, (np.ones(3),), (np.ones(3),))[1] == 3.0
    assert cd.compile(cd.grad(f))(np.ones(3)).tolist() == [1.0] * 3
    assert cd.fori_loop(4, 2, lambda i, c: c + i, 1.5) == 1.5


def test_results_belong_to_the_caller():
    xs = np.arange(3.0)
    carry, ys = cd.scan(lambda c, x: (x, x), 0.0, xs)
    ys[0] = 7.0
    assert xs[0] == 0.0 and type(carry) is float and ys.flags.owndata


def test_float32_stays():
    x32 = np.ones(3, np.float32)
    carry, ys = cd.scan(lambda c, x: (c * x, c), x32, np.full((4, 3), 0.5, np.float32))
    assert carry.dtype == ys.dtype == np.float32
    g = cd.grad(lambda a: np.sum(cd.scan(lambda c, x: (c * a, None), a, length=3)[0]))(x32)
    assert g.dtype == np.float32 and g.tolist() == [4.0] * 3


def test_arrays_of_any_layout():
    xs = np.arange(24.0).reshape(4, 6)[:, ::2]
    swapped = xs.astype(">f8")
    f = lambda x: cd.scan(lambda c, r: (c + r, c * r), np.zeros(3), x)
    for other in (swapped, np.asfortranarray(xs)):
        for got, expected in zip(f(other), f(np.array(xs)), strict=True):
            np.testing.assert_array_equal(got, expected)


# ---------------------------------------------------------------- other loops


def test_fori_loop():
    assert cd.fori_loop(2, 5, lambda i, c: c + i, 0) == 9
    assert cd.grad(lambda x: cd.fori_loop(0, 5, lambda i, c: c * x + i, 0.0))(2.0) == 23.0
    got = cd.grad(lambda a: cd.fori_loop(0, 3, lambda i, c: c + a[i] ** 2, 0.0))(np.arange(1, 4.0))
    assert got.tolist() == [2.0, 4.0, 6.0]


def test_numbers_that_no_counter_holds():
    assert cd.fori_loop(2**63 - 3, 2**63 - 1, lambda i, c: i, 0) == 2**63 - 2
    assert cd.fori_loop(2**80, 2**70, lambda i, c: c * 2.0, 1.0) == 1.0
    for first, last in [(0, 2**63 + 5), (-(2**63) - 1, 0), (2**63, 2**63 + 5)]:
        with pytest.raises(OverflowError, match="64 bits"):
            cd.fori_loop(first, last, lambda i, c: c + 1.0, 0.0)


def newton(a):
    return cd.while_loop(lambda x: abs(x * x - a) > 1e-13, lambda x: 0.5 * (x + a / x), a)


@pytest.mark.parametrize("wrap", [lambda f: f, cd.compile], ids=["eager", "compiled"])
def test_while_loop(wrap):
    f = wrap(cd.grad(newton))
    for a in (4.0, 9.0, 100.0, 4.5, 2.0):  # each takes another number of steps
        assert f(a) == pytest.approx(0.5 / a**0.5, rel=1e-9)
    assert wrap(cd.grad(cd.grad(newton)))(4.0) == pytest.approx(-1 / 32, rel=1e-7)
    forward = wrap(lambda a: cd.jvp(newton, (a,), (1.0,))[1])
    assert forward(9.0) == pytest.approx(1 / 6, rel=1e-9)


STEPS = {  # (condition, body, carry) of 1000 steps with x
    "numbers": lambda x: (
        lambda c: c[0] < 1000.0, lambda c: (c[0] + 1.0, c[1] * 0.9 + x), (0.0, x)
    ),
    "an int": lambda x: (lambda c: c[0] < 1000, lambda c: (c[0] + 1, c[1] * 0.9 + x), (0, x)),
    "arrays": lambda x: (
        lambda c: np.sum(c[0]) < 3000.0,
        lambda c: (c[0] + np.arange(3.0), np.tanh(c[1] * x) + ROWS[0, 0]),
        (np.zeros(3), np.ones((2, 2))),
    ),
    "a flag": lambda x: (
        lambda c: c[0], lambda c: (c[1] < 999.0, c[1] + 1.0, c[2] * x), (True, 0.0, x)
    ),
    "a number as condition": lambda x: (
        lambda c: c[0], lambda c: (c[0] - 1.0, c[1] * x), (1000.0, x)
    ),
    "a condition from outside": lambda x: (
        lambda c: c[0] < 2000.0 * x, lambda c: (c[0] + 1.0, c[1] * x), (0.0, x)
    ),
    "decisions": lambda x: (
        lambda c: c[0] < 1000.0,
        lambda c: (c[0] + 1.0, c[1] * x + 1.0 if c[0] < 70.0 else c[1] * 0.5 + x),
        (0.0, x),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize(
    ("what", "point"),
    [(lambda f: f, 0.5), (cd.grad, 0.5), (lambda f: cd.vmap(cd.grad(f)), np.array([0.25, 0.5]))],
    ids=["value", "grad", "vmap of grad"],
)
def test_a_while_loop_of_many_steps(name, compiled, what, point):
    def by_python(cond, body, carry):
        while cond(carry):
            carry = body(carry)
        return carry

    found, exact = [
        what(lambda x, loop=loop: np.sum(loop(*STEPS[name](x))[-1]))
        for loop in (cd.while_loop, by_python)
    ]
    found = cd.compile(found) if compiled else found
    for x in (point, point * 0.99):
        np.testing.assert_allclose(found(x), exact(x), rtol=1e-12)


def test_a_compiled_while_loop_is_not_run_while_it_is_recorded():
    """Condition and step are called while they are recorded, not once for each step."""
    calls, tests = [], []

    def f(x, n):
        step = lambda c: (calls.append(1), (c[0] + 1.0, np.sin(c[1]) + x))[1]
        goes_on = lambda c: (tests.append(1), c[0] < n)[1]
        return cd.while_loop(goes_on, step, (0.0, x))[1]

    n = 3e5
    compiled = cd.compile(f)
    values = [compiled(0.5, n), compiled(0.5, n), f(0.5, n)]
    assert len(set(values)) == 1
    assert len(calls) == 2
    assert len(tests) == 2


def test_a_while_loop_says_when_it_goes_on_for_too_long():
    for limit in (0, 1, 63, 64, 65, 5000, 100_000):
        f = lambda x, n: cd.while_loop(
            lambda c: c[0] < n, lambda c: (c[0] + 1.0, c[1] * x), (0.0, x), max_steps=limit  # noqa: B023
        )[1]
        for g in (f, cd.compile(f), cd.compile(cd.grad(f))):
            assert 0.0 <= g(0.5, float(limit)) < 1.1
            with pytest.raises(RuntimeError, match=f"still holds after {limit} steps"):
                g(0.5, limit + 1.0)


def test_while_loop_that_never_runs():
    assert cd.while_loop(lambda c: c < 0.0, lambda c: c * 2.0, 1.0) == 1.0
    assert cd.grad(lambda a: cd.while_loop(lambda c: c < 0.0, lambda c: c * a, a))(3.0) == 1.0


def test_loops_in_loops_and_derivatives_in_loops():
    def nested(a, scan):
        def outer(c, x):
            return scan(lambda d, y: (d * a + y * x, d), c, np.arange(3.0))[0], c

        return scan(outer, 1.0, np.array([0.5, 2.0, 1.0]))[0]

    for g in (cd.grad, lambda f: cd.grad(cd.grad(f)), cd.jacfwd, cd.hessian):
        close(g(lambda a: nested(a, cd.scan))(0.7), g(lambda a: nested(a, python_scan))(0.7))

    def descent(a, scan):
        slope = cd.grad(lambda p: (np.sin(p * a) - 0.3) ** 2)
        return scan(lambda p, x: (p - 0.1 * slope(p), None), 0.4, np.zeros(5))[0]

    for g in (cd.grad, lambda f: cd.grad(cd.grad(f)), cd.jacfwd):
        close(g(lambda a: descent(a, cd.scan))(0.7), g(lambda a: descent(a, python_scan))(0.7))
        compiled = cd.compile(g(lambda a: descent(a, cd.scan)))
        close(compiled(0.7), g(lambda a: descent(a, python_scan))(0.7))


def test_forward_mode_reads_values_from_outside():
    """A tangent that comes in through the closure only, in every form of operation."""
    f = lambda a: cd.scan(lambda c, x: (c * a, None), 1.0, length=10)[0]
    assert cd.jvp(f, (1.1,), (1.0,))[1] == pytest.approx(10 * 1.1**9)
    g = lambda a: cd.scan(lambda c, x: (a, np.sin(a)), 1.0, length=2)
    (carry, _), (t, ts) = cd.jvp(g, (0.3,), (1.0,))
    assert (carry, t) == (0.3, 1.0)
    close(ts, np.cos(0.3) * np.ones(2))

    def stores(a):
        def step(c, x):
            d = c * 1.0
            d[0] = a
            return d, np.concatenate([d, np.reshape(a, (1,))])

        return cd.scan(step, np.ones(2), length=2)[1]

    close(cd.jvp(stores, (0.3,), (1.0,))[1], np.array([[1.0, 0.0, 1.0]] * 2))


INNER = {
    "grad": cd.grad,
    "value_and_grad": lambda f: lambda x: cd.value_and_grad(f)(x)[1],
    "jacobian": cd.jacobian,
    "jacfwd": cd.jacfwd,
    "jvp": lambda f: lambda x: cd.jvp(f, (x,), (1.0,))[1],
    "vjp": lambda f: lambda x: cd.vjp(f, x)[1](1.0)[0],
    "linearize": lambda f: lambda x: cd.linearize(f, x)[1](1.0),
    "elementwise_grad": cd.elementwise_grad,
    "second": lambda f: lambda x: cd.grad(cd.grad(f))(x) - cd.grad(cd.grad(f))(x) + cd.grad(f)(x),
    "hessian": lambda f: lambda x: cd.hessian(lambda y: y * y * x * x / 4.0 * np.sin(x))(x) * 2.0,
    "compile": lambda f: cd.compile(cd.grad(f)),
    "vmap": lambda f: lambda x: cd.vmap(lambda k: cd.grad(f)(x) * k)(np.ones(2))[1],
}
OUTER = {
    "fori_loop": lambda h: lambda x: cd.fori_loop(0, 2, lambda i, c: h(x) + 0.0 * c, 1.0),
    "while_loop": lambda h: lambda x: cd.while_loop(
        lambda c: c[1] < 2.0, lambda c: (h(x), c[1] + 1.0), (x, 0.0)
    )[0],
    "checkpoint": lambda h: lambda x: cd.checkpoint(lambda y: h(x) + 0.0 * y)(x),
    "vmap": lambda h: lambda x: cd.vmap(lambda k: h(x) * k)(np.ones(2))[1],
    "compile": lambda h: lambda x: cd.compile(lambda y: h(x) + 0.0 * y)(x),
}


@pytest.mark.parametrize("outer", OUTER)
@pytest.mark.parametrize("inner", INNER)
def test_derivatives_inside_of_a_tangent_from_outside(inner, outer):
    """The very number that has the tangent, as the argument of a derivative in a body."""
    f = lambda x: x * x * np.sin(x)
    h, want = INNER[inner](f), cd.grad(f) if inner != "hessian" else (lambda x: x * x * np.sin(x))
    derivative = cd.grad(want)(0.7)
    g = OUTER[outer](h)
    assert g(0.7) == pytest.approx(want(0.7), rel=1e-12)
    assert cd.jvp(g, (0.7,), (1.0,))[1] == pytest.approx(derivative, rel=1e-12)
    assert cd.grad(g)(0.7) == pytest.approx(derivative, rel=1e-12)
    assert cd.grad(lambda x: cd.jvp(g, (x,), (1.0,))[1])(0.7) == pytest.approx(
        cd.grad(cd.grad(want))(0.7), rel=1e-11
    )


def test_a_compiled_function_that_reads_a_tangent_from_outside_is_not_kept():
    outer = {}
    compiled = cd.compile(lambda x: x * outer["a"])

    def f(a):
        outer["a"] = a
        return compiled(2.0)

    assert cd.jvp(f, (3.0,), (1.0,)) == (6.0, 2.0)
    assert cd.jvp(f, (5.0,), (1.0,)) == (10.0, 2.0)


def test_backward_goes_through_a_loop():
    a = cd.array(A, requires_grad=True)
    carry, ys = cd.scan(tanh_body(a), np.ones(2), ROWS)
    (carry.sum() + ys.sum()).backward()

    def expected(a):
        carry, ys = python_scan(tanh_body(a), np.ones(2), ROWS)
        return np.sum(carry) + sum(ys)

    close(a.grad.numpy(), cd.grad(expected)(A))


def test_results_that_nobody_reads_take_no_part_in_the_derivative():
    """Neither those of the steps, nor what the loop keeps for its derivative."""
    xs, w = np.linspace(-1.0, 1.2, 21).reshape(7, 3), np.array([1.0, -2.0, 0.5])

    def loop(scan, reads):
        def f(a):
            def body(c, x):
                return np.tanh(a * c + x), (c * x, c * c + a)

            carry, ys = scan(body, w, xs)
            if isinstance(ys, list):
                ys = [np.stack(rows) for rows in zip(*ys, strict=True)]
            parts = {"carry": carry, "first": ys[0], "second": ys[1]}
            return sum(np.sum(parts[name] * np.sin(parts[name])) for name in reads)

        return f

    counts = {}
    for reads in ["carry", "first", "second", "first second", "carry second", "carry first second"]:
        f = cd.compile(cd.grad(loop(cd.scan, reads.split())))
        expected = cd.grad(loop(python_scan, reads.split()))(0.7 * w)
        for _ in range(2):
            close(f(0.7 * w), expected)
        close(cd.jacrev(f)(0.7 * w), cd.jacrev(cd.grad(loop(python_scan, reads.split())))(0.7 * w))
        calls = [row[3] for row in f.program.instructions() if row[0] == "call"]
        counts[reads] = len(calls[-1])
    assert counts["carry first second"] == counts["first second"] == counts["carry"] + 2
    assert counts["carry second"] == counts["first"] == counts["second"] == counts["carry"] + 1


def test_zeros_that_are_known_are_not_carried_back():
    """The cotangents of a plain sum are constants while a program is recorded."""
    x = np.array([0.5, -1.5, 2.0])
    operands = {}
    for k in (0, 1):
        f = cd.compile(
            cd.grad(lambda x, k=k: np.sum(cd.scan(lambda c, _: (c * x, c), x, None, length=3)[k]))
        )
        close(f(x), 4 * x**3 if k == 0 else 1 + 2 * x + 3 * x**2)
        operands[k] = [row[3] for row in f.program.instructions() if row[0] == "call"][-1]
    assert len(operands[0]) == 4  # cotangent and sum, saved carries, x
    assert len(operands[1]) == 5


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("count", [1, 100, 250, 599])
def test_rows_of_which_a_program_returns_a_part(count, reverse):
    """They are written where the result is, but for one that is in it in part."""
    xs = np.linspace(0.1, 1.0, 600).reshape(6, 100)

    def part(c):
        _, rows = cd.scan(lambda c, x: (c * 0.5 + x, np.sin(c) * x), c, xs, reverse=reverse)
        return rows.reshape(-1)[:count]

    compiled = cd.compile(part)
    for c in np.ones(100), np.linspace(0.0, 2.0, 100):
        np.testing.assert_array_equal(compiled(c), part(c))
        np.testing.assert_array_equal(compiled(c), part(c))
    assert compiled.stats()["recordings"] == 1
