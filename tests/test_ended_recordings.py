"""Rules of users that read values of a recording when that has ended: an error, wherever they are.

A rule that runs after `vmap`, a loop or a checkpoint finds one point's or one step's value in a
closure, a global, an attribute. It was taken for those of all. What is still in progress, and what
a rule gets by its residuals, is right.
"""

import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import cdiff as cd

XS = np.array([0.3, 0.7, 1.1])
W = 0.5
HELD = {}


class Holder:
    held = None

    def __init__(self, x):
        self.x = x

    def read(self):
        return self.x


def in_global(x):
    HELD["x"] = x
    return lambda: HELD["x"]


def in_attribute(x):
    Holder.held = x
    return lambda: Holder.held


def derived(x):
    Holder.held = [np.stack([x, x * 3.0])]
    return lambda: Holder.held[0].sum() / 4.0


def chosen(x):
    HELD["x"] = x
    return lambda: np.where(HELD["x"] > 0.5, 1.0, 0.25)


def decided(x):
    HELD["x"] = x
    return lambda: 1.0 if HELD["x"] > 0.5 else 0.25


def counted(x):
    HELD["x"] = x
    return lambda: float(len(XS[: int(np.floor(HELD["x"] * 2.0)) + 1]))


PLACES = {
    "closure": lambda x: lambda: x,
    "global": in_global,
    "attribute": in_attribute,
    "default": lambda x: lambda x=x: x,
    "partial": lambda x: functools.partial(lambda x: x, x),
    "method": lambda x: Holder(x).read,
    "derived": derived,
    "where": chosen,
    "decision": decided,
    "integer": counted,
}


def vjp(read):
    f = cd.custom_vjp(np.sin)
    f.defvjp(lambda w: (np.sin(w), None), lambda _, g: (g * read(),))
    return f


def jvp(read):
    f = cd.custom_jvp(np.sin)
    f.defjvp(lambda p, t: (np.sin(p[0]), t[0] * read()))
    return f


def separate(read):
    f = cd.custom_jvp(np.sin)
    f.defjvps(lambda t, out, w: t * read())
    return f


def operator_vjp(read):
    f = cd.operator(np.sin, vectorised=True)
    f.defvjp(lambda g, out, w: (g * read(),))
    return f


def operator_jvp(read):
    f = cd.operator(np.sin)
    f.defjvp(lambda t, out, w: t[0] * read())
    return f


RULES = [vjp, jvp, separate, operator_vjp, operator_jvp]


def mapped(f):
    return lambda w: np.sum(cd.vmap(lambda x: f(w, x))(XS))


def both_mapped(f):
    return lambda w: np.sum(cd.vmap(f)(w * np.ones(3), XS))


def mapped_twice(f):
    return lambda w: np.sum(cd.vmap(lambda a: cd.vmap(lambda x: a * f(w, x))(XS))(XS))


def in_chunks(f):
    return lambda w: np.sum(cd.vmap(lambda x: f(w, x), chunk_size=2)(XS))


def scanned(f):
    return lambda w: cd.scan(lambda s, x: (s + f(w, x), None), 0.0, XS)[0]


def carried(f):
    return lambda w: cd.scan(lambda s, x: (f(s, x), None), w, XS)[0]


def counting(f):
    return lambda w: cd.fori_loop(0, 3, lambda i, s: s + f(w, i * 0.4), 0.0)


def until(f):
    step = lambda s: (s[0] + 1.0, s[1] + f(s[1], s[0]))
    return lambda w: cd.while_loop(lambda s: s[0] < 3.0, step, (0.0, w))[1]


FORMS = [mapped, both_mapped, mapped_twice, in_chunks, scanned, carried, counting, until]


def leaf_gradient(f):
    w = cd.array(W, requires_grad=True)
    f(w).backward()
    return w.grad


WAYS = {
    "grad": lambda f: cd.grad(f)(W),
    "jvp": lambda f: cd.jvp(f, (W,), (1.0,)),
    "jacfwd": lambda f: cd.jacfwd(lambda w: f(w[0]))(np.array([W])),
    "jacrev": lambda f: cd.jacrev(lambda w: f(w[0]) * w)(np.array([W, W])),
    "backward": leaf_gradient,
    "vjp": lambda f: cd.vjp(f, W)[1](1.0),
    "linearize": lambda f: cd.linearize(f, W)[1](1.0),
    "grad of grad": lambda f: cd.grad(cd.grad(lambda w: f(w * w)))(W),
    "hvp": lambda f: cd.hvp(lambda w: f(w[0] ** 2), (np.array([W]),), (np.ones(1),)),
    "compiled": lambda f: cd.compile(cd.grad(f))(W),
    "of compiled": lambda f: cd.grad(cd.compile(f))(W),
    "checkpoint": lambda f: cd.grad(cd.checkpoint(f))(W),
    "inner": lambda f: cd.vmap(lambda w: cd.grad(f)(w))(np.array([W, W + 0.1])),
}
ERRORS = (TypeError, RuntimeError)
SAYS = "derivative rule reads a value|earlier call of this function|inside a function that was rec"


@pytest.mark.parametrize("place", ["global", "decision"])
@pytest.mark.parametrize("form", FORMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rule", [vjp, jvp, operator_vjp], ids=lambda f: f.__name__)
def test_it_is_an_error_in_every_form(rule, way, form, place):
    f = form(lambda w, x: rule(PLACES[place](x))(w))
    with pytest.raises(ERRORS, match=SAYS):
        WAYS[way](f)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", [mapped, both_mapped, scanned], ids=lambda f: f.__name__)
@pytest.mark.parametrize("way", ["grad", "jvp", "backward"])
@pytest.mark.parametrize("rule", RULES, ids=lambda f: f.__name__)
def test_it_is_an_error_in_every_place(rule, way, form, place):
    f = form(lambda w, x: rule(PLACES[place](x))(w))
    with pytest.raises(ERRORS, match=SAYS + "|lose its derivative|left behind"):
        WAYS[way](f)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("rule", RULES, ids=lambda f: f.__name__)
def test_what_is_in_progress_is_read(rule, place):
    slope = lambda w, x: cd.grad(rule(PLACES[place](x)))(w)
    along = lambda w, x: cd.jvp(rule(PLACES[place](x)), (w,), (1.0,))[1]
    want = [PLACES[place](x)() for x in XS]
    for f in (slope, along):
        np.testing.assert_allclose(cd.vmap(f, in_axes=(None, 0))(W, XS), want)
        np.testing.assert_allclose(cd.scan(lambda c, x: (c, f(W, x)), 0.0, XS)[1], want)  # noqa: B023
        np.testing.assert_allclose([cd.compile(f)(W, x) for x in XS], want)


def with_residual(w, x):
    f = cd.custom_vjp(lambda w, x: np.sin(w))
    f.defvjp(lambda w, x: (np.sin(w), x), lambda x, g: (g * x, None))
    return f(w, x)


@pytest.mark.parametrize("form", FORMS[:5], ids=lambda f: f.__name__)
@pytest.mark.parametrize("way", ["grad", "backward", "vjp", "compiled", "of compiled"])
def test_residuals_are_those_of_the_point(way, form):
    found = np.ravel(WAYS[way](form(with_residual)))
    want = sum(XS) * (sum(XS) if form is mapped_twice else 1.0)
    np.testing.assert_allclose(found, want)


@pytest.mark.parametrize("rule", RULES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("outer", [cd.grad, cd.jacfwd, lambda f: cd.compile(cd.grad(f))])
def test_values_of_outer_transformations_have_their_derivatives(outer, rule):
    """The rule reads `a`, which is tracked outside of the map, and what is in its arguments."""
    inner = {
        "grad": lambda f: cd.grad(f)(W),
        "jvp": lambda f: cd.jvp(f, (W,), (1.0,))[1],
        "jacfwd": lambda f: cd.jacfwd(f)(W),
    }
    for name, slope in inner.items():
        f = lambda a, slope=slope: slope(mapped(lambda w, x: rule(lambda: a * a * 0.5)(w) * x))
        g = lambda a, slope=slope: slope(both_mapped(lambda w, x: rule(lambda: a * a * 0.5)(w) * x))
        np.testing.assert_allclose(outer(f)(1.3), 1.3 * sum(XS), rtol=1e-12, err_msg=name)
        np.testing.assert_allclose(outer(g)(1.3), 1.3 * sum(XS), rtol=1e-12, err_msg=name)


def test_constants_that_a_rule_reads_stay_linked():
    """Of a compiled function, which looks at them in each call."""
    held = np.array([1.0, 2.0])
    rule = cd.custom_vjp(np.sin)
    rule.defvjp(lambda w: (np.sin(w), w), lambda w, g: (g * np.sum(w * held),))
    f = cd.compile(cd.grad(mapped(lambda w, x: rule(w) * x)))
    np.testing.assert_allclose(f(W), 3.0 * W * sum(XS))
    held[0] = 5.0
    np.testing.assert_allclose(f(W), 7.0 * W * sum(XS))


def test_a_pull_in_another_place():
    """The level of the map is that of another transformation when the rule runs."""
    f = mapped(lambda w, x: vjp(lambda: x)(w))
    _, pull = cd.vjp(f, W)
    along = lambda f: cd.jvp(f, (1.0,), (1.0,))[1]
    for use in (
        lambda: cd.grad(lambda g: cd.grad(lambda h: pull(g * h)[0])(1.0))(1.0),
        lambda: along(lambda g: along(lambda h: pull(g * h)[0])),
        lambda: cd.vmap(lambda g: cd.grad(lambda h: pull(g * h)[0])(1.0))(XS),
    ):
        with pytest.raises(ERRORS, match=SAYS):
            use()
    _, pull = cd.vjp(mapped(with_residual), W)
    slope = lambda g: lambda c: cd.grad(g)(c) * c
    g = lambda c: pull(c)[0]
    for _ in range(4):
        np.testing.assert_allclose(g(2.0), 2.0 * sum(XS))
        g = slope(g)


@pytest.mark.parametrize("place", ["closure", "default", "partial"])
@pytest.mark.parametrize("rule", RULES, ids=lambda f: f.__name__)
def test_a_checkpoint_that_a_rule_reads_from(rule, place):
    """The derivative by what it reads was lost: 0 for 1; then it was an error. Now the function is
    remembered, as it is without a checkpoint."""
    plain = lambda w, x: rule(PLACES[place](x))(w) * w
    f = cd.checkpoint(plain)
    assert cd.grad(lambda x: cd.grad(lambda w: f(w, x))(W))(0.7) == W
    point = np.array([W, 0.7])
    for way in (cd.grad, cd.jacfwd, cd.hessian, lambda f: cd.compile(cd.hessian(f))):
        found, want = (way(lambda p, f=f: f(p[0], p[1]))(point) for f in (f, plain))
        np.testing.assert_allclose(found, want, rtol=1e-12)
    rows = np.stack([point, 2.0 * point])
    found, want = (cd.vmap(cd.grad(lambda p, f=f: f(p[0], p[1])))(rows) for f in (f, plain))
    np.testing.assert_allclose(found, want, rtol=1e-12)


@pytest.mark.parametrize("place", ["global", "attribute", "method"])
def test_a_checkpoint_that_a_rule_reads_from_in_other_ways(place):
    f = cd.checkpoint(lambda w, x: vjp(PLACES[place](x))(w))
    with pytest.raises(ERRORS, match=SAYS):
        cd.grad(lambda x: cd.grad(lambda w: f(w, x))(W))(0.7)
    g = cd.checkpoint(with_residual)
    assert cd.grad(lambda x: cd.grad(lambda w: g(w, x))(W))(0.7) == 1.0


def test_errors_in_a_rule_leave_nothing_behind():
    def fail():
        raise KeyError("lit")

    for way in ("grad", "jvp", "backward", "compiled"):
        for form in (mapped, both_mapped, scanned):
            with pytest.raises(KeyError, match="lit"):
                WAYS[way](form(lambda w, x: vjp(fail)(w)))
            with pytest.raises(ERRORS, match=SAYS):
                WAYS[way](form(lambda w, x: vjp(lambda: x)(w)))
            assert cd._core.depth() == 0
            assert cd._core.recordings() == ()
            assert not cd.is_tracked(cd.array(XS) * 2.0)
            np.testing.assert_allclose(cd.grad(mapped(with_residual))(W), sum(XS))


def test_rules_that_are_used_in_other_threads():
    """They were used in the recording of the thread that leads."""

    def elsewhere(f, *args):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(f, *args).result()

    for form in (mapped, both_mapped, scanned):
        f = form(lambda w, x: elsewhere(lambda: vjp(lambda: x)(w)))
        with pytest.raises(ERRORS, match=SAYS):
            cd.grad(f)(W)
        g = form(lambda w, x: elsewhere(lambda: with_residual(w, x)))
        np.testing.assert_allclose(cd.grad(g)(W), sum(XS))
    slope = lambda x: elsewhere(lambda: cd.grad(vjp(lambda: x))(W))
    np.testing.assert_allclose(cd.vmap(slope)(XS), XS)
