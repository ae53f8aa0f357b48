"""Derivatives written by users: `custom_vjp`, `custom_jvp`, `operator`.

Each rule here is the true derivative, so all modes, orders and nestings are checked against the
same function without a rule; wrong rules show that the rule is what is used.
"""

import copy
import gc
import math
import pickle
import weakref

import numpy as np
import pytest

import cdiff as cd
from cdiff._rules._operator import OperatorCall
from cdiff._rules._rules import Arguments, Results

X = np.array([0.3, -0.7, 1.1])


def plain(x, p):
    return np.sin(x) * p["s"] * p["v"], np.sum(x * x) * p["s"]


def with_vjp():
    @cd.custom_vjp
    def f(x, p):
        return plain(x, p)

    def fwd(x, p):
        return f(x, p), (x, p)

    def bwd(saved, given):
        x, p = saved
        g, h = given
        x_bar = g * np.cos(x) * p["s"] * p["v"] + 2.0 * h * p["s"] * x
        s_bar = np.sum(g * np.sin(x) * p["v"]) + h * np.sum(x * x)
        return x_bar, {"s": s_bar, "v": g * np.sin(x) * p["s"]}

    f.defvjp(fwd, bwd)
    return f


def with_jvp():
    @cd.custom_jvp
    def f(x, p):
        return plain(x, p)

    @f.defjvp
    def rule(primals, tangents):
        (x, p), (t, q) = primals, tangents
        first = np.cos(x) * t * p["s"] * p["v"] + np.sin(x) * (q["s"] * p["v"] + p["s"] * q["v"])
        return f(x, p), (first, 2.0 * np.sum(x * t) * p["s"] + np.sum(x * x) * q["s"])

    return f


def with_jvps():
    f = cd.custom_jvp(plain)
    f.defjvps(
        lambda t, out, x, p: (np.cos(x) * t * p["s"] * p["v"], 2.0 * np.sum(x * t) * p["s"]),
        lambda q, out, x, p: (
            np.sin(x) * (q["s"] * p["v"] + p["s"] * q["v"]),
            np.sum(x * x) * q["s"],
        ),
    )
    return f


def as_operator(which):
    """The value by functions that see plain numbers only."""

    @cd.operator
    def f(x, p):
        assert type(x) is np.ndarray and type(p["s"]) is float
        first = np.array([math.sin(v) for v in x]) * p["s"] * p["v"]
        return first, sum([float(v) ** 2 for v in x]) * p["s"]

    def vjp(given, out, x, p):
        g, h = given
        x_bar = g * np.cos(x) * p["s"] * p["v"] + 2.0 * h * p["s"] * x
        s_bar = np.sum(g * np.sin(x) * p["v"]) + h * out[1] / p["s"]
        return x_bar, {"s": s_bar, "v": g * np.sin(x) * p["s"]}

    def jvp(tangents, out, x, p):
        t, q = tangents
        first = np.cos(x) * t * p["s"] * p["v"] + np.sin(x) * (q["s"] * p["v"] + p["s"] * q["v"])
        return first, 2.0 * np.sum(x * t) * p["s"] + np.sum(x * x) * q["s"]

    if "vjp" in which:
        f.defvjp(vjp)
    if "jvp" in which:
        f.defjvp(jvp)
    return f


MADE = {
    "custom_vjp": with_vjp,
    "custom_jvp": with_jvp,
    "defjvps": with_jvps,
    "operator, vjp": lambda: as_operator(["vjp"]),
    "operator, jvp": lambda: as_operator(["jvp"]),
    "operator, both": lambda: as_operator(["vjp", "jvp"]),
}


def loss(f):
    def function(x, s, v):
        a, b = f(x, {"s": s, "v": v})
        return np.sum(a * a) * b + np.sum(np.exp(a))

    return function


POINT = (X, 0.8, np.array([1.0, 0.5, -0.3]))
MODES = {
    "value": lambda f: f,
    "grad": lambda f: cd.grad(f, argnums=(0, 1, 2)),
    "jvp": lambda f: lambda *a: cd.jvp(f, a, tuple([np.ones(np.shape(x)) * 0.7 for x in a])),
    "one argument": lambda f: cd.grad(f, argnums=1),
    "jacrev of grad": lambda f: cd.jacrev(cd.grad(f), argnums=0),
    "jacfwd of grad": lambda f: cd.jacfwd(cd.grad(f, argnums=2), argnums=0),
    "jacrev of jacfwd": lambda f: cd.jacrev(cd.jacfwd(f), argnums=2),
    "jacfwd of jacfwd": lambda f: cd.jacfwd(cd.jacfwd(f)),
    "third": lambda f: cd.grad(cd.grad(cd.grad(f, argnums=1), argnums=1), argnums=1),
    "hvp": lambda f: lambda x, s, v: cd.hvp(lambda y: f(y, s, v), (x,), (np.ones(3),)),
    "checkpoint": lambda f: cd.grad(cd.checkpoint(f), argnums=(0, 1)),
    "in a loop": lambda f: cd.grad(
        lambda x, s, v: cd.fori_loop(0, 3, lambda i, c: 0.1 * c + f(x * 0.3, s + 0.01 * c, v), 0.0),
        argnums=(0, 1),
    ),
}


def close(got, expected, rtol=1e-11):
    if isinstance(expected, tuple):
        for g, e in zip(got, expected, strict=True):
            close(g, e, rtol)
        return
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("made", MADE)
def test_true_rules_change_nothing(made, mode, compiled):
    got, expected = MODES[mode](loss(MADE[made]())), MODES[mode](loss(plain))
    got = cd.compile(got) if compiled else got
    close(got(*POINT), expected(*POINT))
    other = (POINT[0] * 0.5, 1.3, POINT[2] + 0.2)
    close(got(*other), expected(*other))


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_the_rule_is_what_is_used(compiled):
    """A wrong rule shows in every mode; second derivatives differentiate the rule."""
    wrap = cd.compile if compiled else lambda f: f
    f = cd.custom_vjp(lambda x: x**3)
    f.defvjp(lambda x: (x**3, x), lambda x, g: (g * 10.0 * x,))
    assert wrap(cd.grad(f))(2.0) == 20.0
    assert wrap(cd.grad(cd.grad(f)))(2.0) == 10.0
    assert wrap(lambda x: cd.jvp(f, (x,), (1.0,))[1])(2.0) == 20.0
    h = cd.custom_jvp(lambda x: x**3)
    h.defjvp(lambda p, t: (p[0] ** 3, 10.0 * p[0] * t[0]))
    assert wrap(cd.grad(h))(2.0) == 20.0
    assert wrap(cd.grad(cd.grad(h)))(2.0) == 10.0
    assert f(2.0) == 8.0 and wrap(h)(2.0) == 8.0


def test_arguments_without_derivative():
    f = cd.custom_vjp(lambda n, x, name: x**n, nondiff_argnums=(0, 2))
    seen = []

    def bwd(n, name, x, g):
        seen.append((n, name))
        return (g * n * x ** (n - 1),)

    f.defvjp(lambda n, x, name: (f(n, x, name), x), bwd)
    assert cd.grad(lambda x: f(3, x, "cube"))(2.0) == 12.0
    assert cd.grad(lambda x: f(3, name="cube", x=x))(2.0) == 12.0
    assert seen == [(3, "cube")] * 2
    h = cd.custom_jvp(lambda g, x: g(x), nondiff_argnums=-2)
    h.defjvp(lambda g, primals, tangents: (g(*primals), 5.0 * tangents[0]))
    assert cd.grad(lambda x: h(np.cos, x))(2.0) == 5.0
    with pytest.raises(TypeError, match="argument 0 is in nondiff_argnums but a transformation"):
        cd.grad(lambda n: f(n, 2.0, "x"))(3.0)


def test_none_is_a_zero_cotangent():
    f = cd.custom_vjp(lambda x, p: np.sum(x) * p["a"] + p["b"])
    f.defvjp(lambda x, p: (f(x, p), x), lambda x, g: (None, {"a": g * np.sum(x), "b": None}))
    g = cd.grad(lambda x, a, b: f(x, {"a": a, "b": b}), argnums=(0, 1, 2))
    close(g(X, 2.0, 3.0), (np.zeros(3), np.sum(X), 0.0))


def test_integers_are_values_of_the_program():
    """An index that a loop counts is an argument, never a constant of the first step."""
    f = cd.custom_jvp(lambda x, i: x[i] * (i + 1))

    @f.defjvp
    def rule(primals, tangents):
        (x, i), (t, _) = primals, tangents
        return x[i] * (i + 1), t[i] * (i + 1)

    h = cd.operator(lambda x, i: x[i] * (i + 1))
    h.defvjp(lambda g, out, x, i: (g * (np.arange(3) == i) * (i + 1), None))
    for function in (f, h):
        total = lambda x, f=function: cd.fori_loop(0, 3, lambda i, c: c + f(x, i), 0.0)
        for g in (cd.grad, cd.jacfwd, lambda t: cd.compile(cd.grad(t))):
            close(g(total)(X), np.array([1.0, 2.0, 3.0]))


def test_values_from_the_closure_pass_through_the_rule():
    """A residual may depend on what an outer transformation tracks."""

    def outer(a):
        f = cd.custom_vjp(lambda x: np.sin(a * x))
        f.defvjp(lambda x: (np.sin(a * x), a * np.cos(a * x)), lambda s, g: (g * s,))
        return cd.grad(f)(0.7)

    exact = math.cos(0.7 * 1.2) - 0.7 * 1.2 * math.sin(0.7 * 1.2)
    assert cd.grad(outer)(1.2) == pytest.approx(exact, rel=1e-13)
    assert cd.compile(cd.grad(outer))(1.2) == pytest.approx(exact, rel=1e-13)


def closing(kind, a):
    """sin(a x) with a rule by x."""
    if kind == "vjp":
        f = cd.custom_vjp(lambda x: np.sin(a * x))
        f.defvjp(lambda x: (f(x), x), lambda x, g: (g * a * np.cos(a * x),))
    else:
        f = cd.custom_jvp(lambda x: np.sin(a * x))
        f.defjvp(lambda p, t: (f(p[0]), t[0] * a * np.cos(a * p[0])))
    return f


CLOSING = pytest.mark.parametrize("kind", ["vjp", "jvp"])


@CLOSING
def test_values_from_the_closure_are_differentiated_where_no_argument_is(kind):
    """By the function's own operations, as where no argument is differentiated at all."""
    slope = 0.7 * math.cos(0.84)
    for f in (
        lambda a: closing(kind, a)(0.7),
        lambda a: cd.value_and_grad(closing(kind, a))(0.7)[0],
        lambda a: cd.jvp(closing(kind, a), (0.7,), (1.0,))[0],
        lambda a: cd.vmap(closing(kind, a))(np.array([0.7, 0.1]))[0],
    ):
        assert cd.grad(f)(1.2) == pytest.approx(slope, rel=1e-13)
        assert cd.jvp(f, (1.2,), (1.0,))[1] == pytest.approx(slope, rel=1e-13)
        assert cd.compile(cd.grad(f))(1.2) == pytest.approx(slope, rel=1e-13)


@CLOSING
def test_values_from_the_closure_beside_arguments_have_no_rule(kind):
    """The rule gives no derivative by them, which was lost."""
    f = lambda a: closing(kind, a)(a)
    kept = lambda a: closing(kind, cd.stop_gradient(a))(a)
    w = cd.array(1.2, requires_grad=True)
    for way in (
        lambda f: cd.grad(f)(1.2),
        lambda f: cd.jvp(f, (1.2,), (1.0,))[1],
        lambda f: cd.grad(cd.grad(f))(1.2),
        lambda f: cd.compile(cd.grad(f))(1.2),
        lambda f: cd.vmap(cd.grad(f))(np.array([1.2, 0.3]))[0],
        lambda f: f(w),
    ):
        with pytest.raises(TypeError, match="depends on values from outside"):
            way(f)
        way(kept)
    assert cd.grad(kept)(1.2) == pytest.approx(1.2 * math.cos(1.44), rel=1e-13)


def scaled(kind, a):
    """sin, with a times its derivative as its rule, which has a from its closure."""
    if kind == "vjp":
        f = cd.custom_vjp(lambda x: np.sin(x))
        f.defvjp(lambda x: (np.sin(x), x), lambda x, g: (g * a * np.cos(x),))
    else:
        f = cd.custom_jvp(lambda x: np.sin(x))
        f.defjvp(lambda p, t: (np.sin(p[0]), t[0] * a * np.cos(p[0])))
    return f


SLOPES = {
    "grad": lambda f: cd.grad(f)(0.7),
    "jvp": lambda f: cd.jvp(f, (0.7,), (1.0,))[1],
    "linearize": lambda f: cd.linearize(f, 0.7)[1](1.0),
    "jacfwd": lambda f: cd.jacfwd(f)(0.7),
    "jacrev": lambda f: cd.jacrev(f)(0.7),
    "elementwise": lambda f: cd.elementwise_grad(lambda x: np.stack([x, f(x)]))(0.7) - 1.0,
}
AROUND = {
    "plain": lambda f: f,
    "checkpoint": cd.checkpoint,
    "vmap": lambda f: lambda x: cd.vmap(f)(cd.numpy.stack([x, x]))[1],
    "compile": cd.compile,
}


@CLOSING
@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("around", AROUND)
def test_values_from_the_closure_of_the_rule(kind, slope, around):
    """The derivative inside did not know that anybody would look at what the rule reads."""
    f = lambda a: SLOPES[slope](AROUND[around](scaled(kind, a)))
    cos = math.cos(0.7)
    assert cd.grad(f)(1.2) == pytest.approx(cos, rel=1e-13)
    assert cd.jvp(f, (1.2,), (1.0,))[1] == pytest.approx(cos, rel=1e-13)
    compiled = cd.compile(f)
    assert compiled(1.2) == pytest.approx(1.2 * cos, rel=1e-13)
    assert compiled(2.0) == pytest.approx(2.0 * cos, rel=1e-13)
    np.testing.assert_allclose(cd.vmap(f)(np.array([1.2, 2.0])), [1.2 * cos, 2.0 * cos], rtol=1e-13)


@CLOSING
def test_rules_that_read_values_of_a_loop_or_a_map_from_their_closure(kind):
    """They read those of the first step, or of the first point."""
    pairs = np.array([1.2, 2.0])
    each = lambda x, a: scaled(kind, a)(x)
    loop = lambda x: cd.scan(lambda c, a: (each(c, a), None), x, pairs)[0]
    outer = lambda a: cd.grad(lambda x: cd.fori_loop(0, 2, lambda i, c: each(c, a), x))(0.7)
    repeated = lambda f: cd.grad(lambda x: cd.fori_loop(0, 2, lambda i, c: f(c), x))(0.7)
    before = lambda a: repeated(scaled(kind, a))
    for f in (
        lambda: cd.grad(loop)(0.7),
        lambda: cd.jvp(loop, (0.7,), (1.0,)),
        lambda: cd.grad(lambda x: cd.vmap(each)(x, pairs).sum())(pairs),
        lambda: cd.jvp(lambda x: cd.vmap(each)(x, pairs), (pairs,), (pairs,)),
        lambda: cd.grad(outer)(1.2),
        lambda: cd.compile(outer)(1.2),
        lambda: cd.vmap(outer)(pairs),
        lambda: cd.grad(before)(1.2),
        lambda: cd.jvp(before, (1.2,), (1.0,)),
    ):
        with pytest.raises(TypeError, match="reads a value from its closure"):
            f()
    assert loop(0.7) == pytest.approx(math.sin(math.sin(0.7)), rel=1e-15)
    np.testing.assert_allclose(
        cd.vmap(cd.grad(each), (None, 0))(0.7, pairs), pairs * math.cos(0.7), rtol=1e-13
    )


# ---------------------------------------------------------------- bad rules


def vjp_of(bwd, fwd=lambda x: (x * 2.0, x)):
    f = cd.custom_vjp(lambda x: x * 2.0)
    f.defvjp(fwd, bwd)
    return f


def jvp_of(rule):
    f = cd.custom_jvp(lambda x: x * 2.0)
    f.defjvp(rule)
    return f


def operator_of(rule):
    f = cd.operator(lambda x: x * 2.0, name="double")
    f.defvjp(rule)
    return f


BAD = [
    (cd.custom_vjp(lambda x: x), TypeError, "has no rule yet; call .defvjp"),
    (cd.custom_jvp(lambda x: x), TypeError, "has no rule yet; call .defjvp"),
    (vjp_of(lambda r, g: g), TypeError, "the bwd rule of .* must return a tuple with one entry"),
    (vjp_of(lambda r, g: (g, g)), TypeError, "1 differentiated argument.*2 entries"),
    (vjp_of(lambda r, g: (np.ones(2),)), ValueError, r"cotangent of argument 0.*\(2,\).*\(3,\)"),
    (vjp_of(lambda r, g: ((g, g),)), TypeError, "cotangent of argument 0"),
    (vjp_of(lambda r, g: (g,), lambda x: x * 2.0), TypeError, "fwd rule of .* must return a pair"),
    (jvp_of(lambda p, t: t[0]), TypeError, "the jvp rule of .* must return a pair"),
    (jvp_of(lambda p, t: (p[0], np.ones(2))), ValueError, r"tangent.*\(2,\).*\(3,\)"),
    (jvp_of(lambda p, t: (p[0], "t")), TypeError, "tangent"),
    (operator_of(lambda g, out, x: g), TypeError, "vjp rule of operator double"),
    (operator_of(lambda g, out, x: (g[:2],)), ValueError, r"operator double.*\(2,\).*\(3,\)"),
    (cd.operator(lambda x: x, name="bare"), TypeError, "operator bare has no derivative"),
]


@pytest.mark.parametrize(("f", "error", "text"), BAD, ids=range(len(BAD)))
def test_bad_rules(f, error, text):
    with pytest.raises(error, match=text):
        cd.grad(lambda x: np.sum(f(x)))(X)
    assert cd.grad(lambda x: x * x)(3.0) == 6.0  # nothing is left behind


def test_rules_that_are_no_functions():
    for made, method in ((cd.custom_vjp, "defvjp"), (cd.custom_jvp, "defjvp"),
                         (cd.operator, "defvjp"), (cd.operator, "defjvp")):  # fmt: skip
        with pytest.raises(TypeError, match="needs a function"):
            getattr(made(lambda x: x), method)(*[3] * (2 if made is cd.custom_vjp else 1))
        with pytest.raises(TypeError, match="needs a function"):
            made(3)


def test_the_number_of_separate_rules():
    f = cd.custom_jvp(lambda x, y: x * y)
    f.defjvps(lambda t, out, x, y: t * y)
    with pytest.raises(TypeError, match="1 rules for the 2 differentiated"):
        cd.grad(f)(1.0, 2.0)
    f.defjvps(lambda t, out, x, y: t * y, None)
    assert cd.grad(f, argnums=(0, 1))(1.0, 2.0) == (2.0, 0.0)
    f.defjvps(None, None)
    assert cd.jvp(f, (1.0, 2.0), (1.0, 1.0))[1] == 0.0


@pytest.mark.parametrize("where", ["f", "fwd", "bwd", "jvp", "operator", "operator's rule"])
def test_exceptions_in_rules_leave_nothing_behind(where):
    def maybe(place, result):
        if place == where:
            raise KeyError("mine")
        return result

    f = cd.custom_vjp(lambda x: maybe("f", x))
    f.defvjp(lambda x: (maybe("fwd", x), None), lambda r, g: (maybe("bwd", g),))
    h = cd.custom_jvp(lambda x: maybe("f", x))
    h.defjvp(lambda p, t: maybe("jvp", (p[0], t[0])))
    o = cd.operator(lambda x: maybe("operator", x))
    o.defvjp(lambda g, out, x: (maybe("operator's rule", g),))
    raised = 0
    for function in (f, h, o, f if where != "f" else h):
        for g in (cd.grad, lambda k: cd.grad(cd.grad(k)), lambda k: cd.compile(cd.grad(k))):
            try:
                g(function)(2.0)
            except KeyError:
                raised += 1
            assert cd.grad(lambda x: x * x)(3.0) == 6.0
            assert cd.grad(cd.grad(lambda x: x * x))(3.0) == 2.0
    assert raised >= 3


# ---------------------------------------------------------------- operators


def test_an_operator_is_one_instruction_and_runs_each_time():
    calls = []

    @cd.operator
    def f(x):
        calls.append(x)
        return math.sqrt(x)

    f.defvjp(lambda g, out, x: (g * 0.5 / out,))
    c = cd.compile(cd.value_and_grad(f))
    assert c(4.0) == (2.0, 0.25) and c(9.0) == (3.0, pytest.approx(1 / 6))
    assert calls == [4.0, 9.0] and all(type(x) is float for x in calls)
    assert [name for name, *_ in c.program.instructions()].count("call") == 1
    assert f(16.0) == 4.0 and type(f(16.0)) is float
    assert cd.grad(cd.grad(f))(4.0) == pytest.approx(-1 / 32)


def test_an_operator_without_rule_can_be_used_as_a_value():
    f = cd.operator(np.sort)
    c = cd.compile(lambda x: f(x) * 2.0)
    assert c(X).tolist() == (np.sort(X) * 2.0).tolist()
    assert c(-X).tolist() == (np.sort(-X) * 2.0).tolist()
    assert cd.grad(lambda x: np.sum(x * f(cd.stop_gradient(x))))(X).tolist() == np.sort(X).tolist()


def test_the_form_of_an_operators_result_must_not_change():
    f = cd.operator(lambda x: x if x[0] > 0 else x[:1])
    c = cd.compile(lambda x: f(x) * 2.0)
    for x in (X, -X, X):
        np.testing.assert_array_equal(c(x), f(x) * 2.0)
    with pytest.raises(ValueError, match=r"\(3,\) when it was recorded, now .* \(1,\)"):
        cd.vmap(f)(np.stack([X, -X]))


def test_what_an_operator_is_given_cannot_be_changed():
    def f(x):
        x[0] = 7.0
        return x

    with pytest.raises(ValueError, match="read-only"):
        cd.grad(lambda x: np.sum(cd.operator(f)(x)))(X)


def test_an_operator_may_return_its_argument():
    f = cd.operator(lambda x: x)
    f.defvjp(lambda g, out, x: (g,))
    c = cd.compile(lambda x: f(x) * 1.0)
    y = c(X)
    y[0] = 9.0
    assert X[0] == 0.3 and c(X)[0] == 0.3


def test_results_of_integers():
    f = cd.operator(lambda x: (np.argmax(x), x * 2.0))
    f.defvjp(lambda given, out, x: (given[1] * 2.0,))
    c = cd.compile(cd.grad(lambda x: x[f(x)[0]] ** 2 + np.sum(f(x)[1])))
    close(c(X), np.array([2.0, 2.0, 4.2]))
    close(c(X[::-1].copy()), np.array([4.2, 2.0, 2.0]))


@pytest.mark.parametrize("vectorised", [False, True])
def test_a_call_at_many_points(vectorised):
    sizes = []

    def value(x, s):
        sizes.append(np.shape(x))
        return np.sum(np.sin(x), axis=-1) * s

    f = cd.operator(value, vectorised=vectorised)
    f.defvjp(lambda g, out, x, s: (g * s * np.cos(x), g * np.sum(np.sin(x))))
    one = OperatorCall(f, Arguments((X, 2.0), ()), Results(1.0, "f", whole=True))
    many = one.batched(4, (True, False))
    xs = np.arange(12.0).reshape(4, 3) / 7
    sizes.clear()
    np.testing.assert_allclose(many.value([xs, np.asarray(2.0)]), np.sum(np.sin(xs), 1) * 2.0)
    assert len(sizes) == (1 if vectorised else 4)

    def total(xs, s):
        return np.sum(cd._core.call(many, [xs, s]) * np.arange(1, 5.0))

    def expected(xs, s):
        return np.sum(np.sum(np.sin(xs), 1) * s * np.arange(1, 5.0))

    for g in (lambda h: cd.grad(h, argnums=(0, 1)), lambda h: cd.jacfwd(h, argnums=1)):
        close(g(total)(xs, 2.0), g(expected)(xs, 2.0))


# ---------------------------------------------------------------- objects


def cube(x):
    return x**3


def cube_fwd(x):
    return x**3, x


def cube_bwd(x, g):
    return (3.0 * g * x * x,)


def cube_rule(primals, tangents):
    return primals[0] ** 3, 3.0 * primals[0] ** 2 * tangents[0]


def cube_vjp(g, out, x):
    return (3.0 * g * x * x,)


pickled_vjp, pickled_jvp, pickled_operator = (
    cd.custom_vjp(cube), cd.custom_jvp(cube), cd.operator(cube)
)  # fmt: skip
pickled_vjp.defvjp(cube_fwd, cube_bwd)
pickled_jvp.defjvp(cube_rule)
pickled_operator.defvjp(cube_vjp)


@pytest.mark.parametrize("f", [pickled_vjp, pickled_jvp, pickled_operator])
def test_pickling_and_copying(f):
    for other in (pickle.loads(pickle.dumps(f)), copy.copy(f), copy.deepcopy(f)):
        assert other(2.0) == 8.0 and cd.grad(other)(2.0) == 12.0
    assert f.__name__ == "cube"


@pytest.mark.parametrize("made", MADE)
def test_rules_are_freed(made):
    f = MADE[made]()
    marks = []
    for g in (cd.grad, lambda h: cd.grad(cd.grad(h, argnums=1), argnums=1), cd.jacfwd):
        x = np.array(X)
        marks.append(weakref.ref(x))
        g(loss(f))(x, *POINT[1:])
        del x
    kept = weakref.ref(f)
    del f
    gc.collect()
    assert kept() is None and all(mark() is None for mark in marks)


@pytest.mark.parametrize("make", [cd.custom_jvp, cd.custom_vjp])
def test_arguments_of_a_rule_have_positions(make):
    """One that can be given by keyword only would not reach the rule."""
    rule = make(lambda x, *, k=2.0: x * k)
    if make is cd.custom_jvp:
        rule.defjvp(lambda p, t: (p[0], t[0]))
    else:
        rule.defvjp(lambda x: (x, ()), lambda r, g: (g,))
    with pytest.raises(TypeError, match="k can only be given by keyword"):
        cd.grad(lambda x: rule(x, k=3.0))(1.0)
