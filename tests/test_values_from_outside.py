"""Bodies of loops, checkpoints and maps that differentiate, and read from outside what other
transformations differentiate: as points, as directions and as cotangents.

The oracle is the same body called twice, without any loop. It must not know how a body is recorded.
"""

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp

X = np.linspace(0.2, 0.9, 3)
D = np.array([1.0, -0.5, 0.3])


def g(x):
    return np.sin(x) * x * x


def total(x):
    return g(x).sum()


def slope(x):
    return np.cos(x) * x * x + 2.0 * x * np.sin(x)


by_vjp = cd.custom_vjp(g)
by_vjp.defvjp(lambda x: (by_vjp(x), x), lambda x, t: (t * slope(x),))
by_jvp = cd.custom_jvp(g)
by_jvp.defjvp(lambda p, t: (by_jvp(p[0]), slope(p[0]) * t[0]))


def pushed_root(c, x):
    root = lambda t: cd.custom_root(lambda y, t: y - 0.1 * np.sin(y * x) - t)(np.zeros(3), t)
    return cd.hvp(lambda t: (root(t) ** 2).sum(), (x,), (c,))


def written(y, x):
    y = y * 1.0
    y[0] = x[1] * x[0]
    y[1:] *= x[1:]
    return y


# Functions of the carry c and of x, which comes from outside.
BODIES = {
    "cotangent": lambda c, x: cd.vjp(g, c)[1](x)[0],
    "tangent": lambda c, x: cd.linearize(g, c)[1](x),
    "direction": lambda c, x: cd.jvp(g, (c,), (x,))[1],
    "hvp along x": lambda c, x: cd.hvp(total, (c,), (x,)),
    "hvp at x": lambda c, x: cd.hvp(total, (x,), (c,)),
    "hvp at and along x": lambda c, x: cd.hvp(total, (x,), (x,)) + c,
    "value of jvp of grad": lambda c, x: cd.jvp(cd.grad(total), (x,), (c,))[0] * c,
    "jvp of pull at x": lambda c, x: cd.jvp(lambda y: cd.vjp(g, y)[1](c)[0], (x,), (x,))[1],
    "jvp of pull of x": lambda c, x: cd.jvp(lambda y: cd.vjp(g, c)[1](y)[0], (x,), (x,))[1],
    "pull of jvp along x": lambda c, x: cd.vjp(lambda y: cd.jvp(g, (y,), (x,))[1], x)[1](c)[0],
    "pull of direction": lambda c, x: cd.vjp(lambda y: cd.jvp(g, (c,), (y,))[1], x)[1](x)[0],
    "compiled": lambda c, x: cd.hvp(cd.compile(total), (x,), (c,)),
    "rule": lambda c, x: cd.hvp(lambda y: by_vjp(y).sum(), (x,), (c,)),
    "other rule": lambda c, x: cd.hvp(lambda y: by_jvp(y).sum(), (x,), (c,)),
    "root": pushed_root,
    "written": lambda c, x: cd.hvp(lambda y: (written(y * y, x) ** 2).sum(), (x,), (c,)),
    "hessian": lambda c, x: cd.hessian(total)(x) @ c,
    "jacfwd of grad": lambda c, x: cd.jacfwd(cd.grad(total))(x) @ c,
    "mapped": lambda c, x: cd.vmap(lambda t: cd.hvp(total, (x,), (t,)))(cnp.stack([c, x]))[0],
}

LOOPS = {
    "scan": lambda b, x: cd.scan(lambda c, _: (b(c, x), None), x * 0.5, None, 2)[0],
    "while": lambda b, x: cd.while_loop(
        lambda p: p[1] < 2, lambda p: (b(p[0], x), p[1] + 1), (x * 0.5, 0)
    )[0],
    "checkpoint": lambda b, x: twice(cd.checkpoint(lambda c: b(c, x)), x * 0.5),
    "vmap": lambda b, x: twice(cd.vmap(lambda c: b(c, x)), cnp.stack([x * 0.5] * 2))[1],
    "compile": lambda b, x: twice(cd.compile(lambda c: b(c, x)), x * 0.5),
    "root": lambda b, x: twice(
        lambda c: cd.custom_root(lambda y: 3.0 * (y - b(c, x)))(np.zeros(3)), x * 0.5
    ),
}

WAYS = {
    "jvp": lambda f: cd.jvp(f, (X,), (D,))[1],
    "vjp": lambda f: cd.vjp(f, X)[1](D)[0],
    "jvp of jvp": lambda f: cd.jvp(lambda y: cd.jvp(f, (y,), (D,))[1], (X,), (D,))[1],
    "jvp of vjp": lambda f: cd.jvp(lambda y: cd.vjp(f, y)[1](D)[0], (X,), (D,))[1],
    "compiled jvp": lambda f: cd.compile(lambda x: cd.jvp(f, (x,), (D,))[1])(X),
}


def twice(f, x):
    return f(f(x))


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("body", BODIES)
def test_bodies_that_differentiate_what_comes_from_outside(body, loop):
    b, run = BODIES[body], LOOPS[loop]
    for name, way in WAYS.items():
        wanted = way(lambda x: b(b(x * 0.5, x), x))
        np.testing.assert_allclose(
            way(lambda x: run(b, x)), wanted, rtol=1e-8, atol=1e-11, err_msg=name
        )
