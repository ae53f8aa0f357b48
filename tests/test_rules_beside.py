"""Rules of users for functions that read values beside their arguments, inside recorded programs.

The derivative by what is read beside is not the rule's, and would be lost: that is an error where
both are asked for, as it is outside of programs, and a right value where one of them is.
"""

import numpy as np
import pytest

import cdiff as cd


def with_vjp(f):
    made = cd.custom_vjp(f)
    made.defvjp(lambda y: (f(y), y), lambda y, g: (g * np.cos(y),))
    return made


def with_jvp(f):
    made = cd.custom_jvp(f)
    made.defjvp(lambda p, t: (f(*p), np.cos(p[0]) * t[0]))
    return made


def reading(rule, w, y):
    return rule(lambda y: np.sin(y) + w * w)(y * 2.0)


def stopped(rule, w, y):
    return rule(lambda y: np.sin(y) + cd.stop_gradient(w) ** 2)(y * 2.0)


def comparing(rule, w, y):
    return rule(lambda y: np.where(y > w, np.sin(y), np.sin(y) + 1.0))(y * 2.0)


def loop(f, w, x):
    return cd.scan(lambda c, _: (f(w, c), None), x, length=2)[0]


def carried(f, w, x):
    return cd.scan(lambda c, _: (f(c, x), None), w, length=1 + 1)[0]


def while_loop(f, w, x):
    step = lambda s: (f(w, s[0]), s[1] + 1.0)
    return cd.while_loop(lambda s: s[1] < 2.0, step, (x, 0.0))[0]


WAYS = {
    "checkpoint": lambda f, w, x: cd.checkpoint(f)(w, x),
    "scan": loop,
    "carry": carried,
    "while": while_loop,
    "vmap": lambda f, w, x: np.sum(cd.vmap(f, in_axes=(None, 0))(w, np.ones(2) * x)),
    "vmap of both": lambda f, w, x: np.sum(cd.vmap(f)(np.ones(2) * w, np.ones(2) * x)),
}
MODES = {
    "reverse": cd.grad,
    "forward": cd.jacfwd,
    "compiled": lambda f, argnums: cd.compile(cd.grad(f, argnums=argnums)),
}


@pytest.mark.parametrize("rule", [with_vjp, with_jvp])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", WAYS)
def test_what_a_rule_does_not_know(way, mode, rule):
    def f(form, w, x):
        return WAYS[way](lambda w, y: form(rule, w, y), w, x)

    plain = lambda g: g
    forms = (reading, stopped, comparing) if rule is with_vjp else (reading,)  # its rule reads f
    for form in forms:
        derivative = MODES[mode](lambda w, x, form=form: f(form, w, x), argnums=(0, 1))
        if form is reading and (way, mode, rule) != ("checkpoint", "forward", with_vjp):
            with pytest.raises(TypeError, match="derivative rule"):
                derivative(2.0, 0.5)
            continue
        want = lambda w, x, form=form: WAYS[way](lambda w, y: form(plain, w, y), w, x)
        expected = cd.grad(want, argnums=(0, 1))(2.0, 0.5)
        np.testing.assert_allclose(derivative(2.0, 0.5), expected, rtol=1e-12)


@pytest.mark.parametrize("rule", [with_vjp, with_jvp])
def test_one_of_them_alone(rule):
    plain = lambda g: g
    for form in (reading, comparing):
        f = lambda w, x, form=form: cd.checkpoint(lambda w, y: form(rule, w, y))(w, x)
        g = lambda w, x, form=form: form(plain, w, x)
        for k in (0, 1):
            np.testing.assert_allclose(
                cd.grad(f, argnums=k)(2.0, 0.5), cd.grad(g, argnums=k)(2.0, 0.5), rtol=1e-12
            )


def test_what_a_recording_computed_outside_of_itself():
    """In a derivative of a loop it counted as read beside the arguments that it was made of."""
    inner = lambda x, w: cd.grad(lambda y: np.sin(y * w) * w)(x)
    ruled = cd.custom_vjp(inner)
    slopes = cd.grad(inner, argnums=(0, 1))
    ruled.defvjp(
        lambda x, w: (inner(x, w), (x, w)), lambda r, g: tuple(g * part for part in slopes(*r))
    )
    loop = lambda f: lambda x, w: cd.scan(lambda c, r: (c + f(c * r, w), None), x, np.ones(2))[0]
    both = (0, 1)
    for outer, within in ((cd.jacfwd, cd.jacfwd), (cd.jacrev, cd.jacfwd), (cd.jacfwd, cd.grad)):
        twice = lambda f: outer(within(loop(f), argnums=both), argnums=both)  # noqa: B023
        for found, want in zip(twice(ruled)(0.7, 1.3), twice(inner)(0.7, 1.3), strict=True):
            np.testing.assert_allclose(found, want, rtol=1e-12)


@pytest.mark.parametrize("derivative", [cd.grad, cd.jacfwd, cd.hessian])
def test_a_jvp_rule_that_reads_the_argument_from_its_closure(derivative):
    """The sweep said that two threads differentiate the same graph."""

    def f(x):
        sine = cd.custom_jvp(np.sin)
        sine.defjvp(lambda p, t: (np.sin(p[0]), t[0] * np.cos(x * x)))
        return sine(x * x) * x

    plain = lambda x: np.sin(x * x) * x
    np.testing.assert_allclose(derivative(f)(0.7), derivative(plain)(0.7), rtol=1e-12)
    x = cd.array(0.7, requires_grad=True)
    f(x).backward()
    np.testing.assert_allclose(x.grad.item(), cd.grad(plain)(0.7), rtol=1e-12)
