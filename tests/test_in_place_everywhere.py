"""Random statements that change arrays and views, under every transformation, against NumPy.

The same source runs on ndarrays, whose values and differences are the oracle, and on Arrays: alone,
tracked, recorded, and in bodies of loops that read from outside what they go on to change. It must
not know how a version or a view is made.
"""

import random

import numpy as np
import pytest

import cdiff as cd

X = np.linspace(-1.3, 1.4, 9) + 0.03 * np.arange(9) ** 2 % 0.7
V = np.array([0.4, -0.3, 1.1, 0.2, -0.8, 0.6, 0.9, -0.1, 0.5])
D = np.cos(3.0 * np.arange(9))
STEP = 1e-4

VIEWS = ("a[1:]", "a[::-1]", "a.T", "a.reshape(-1)", "a.ravel()", "a[::2]", "a[:, ::-1]", "a[0]",
         "a[:2, 1:].T", "a[:1].reshape(-1)", "a[::-1].ravel()", "np.ravel(a[:, 1:])", "np.flip(a)",
         "a[None]", "a[1][::-1]", "b[1:]", "b.T", "b[::-1]", "b.reshape(-1)", "b.ravel()", "b[:2]",
         "np.swapaxes(b, 0, -1)", "a.copy()", "a[:2].reshape(3, 2)")  # fmt: skip
WRITES = ("b[...] = b[::-1]", "a[...] = a[::-1]", "a[...] = a.T", "a[1:] = a[:-1]", "b[::-1] = b",
          "b += b[::-1]", "b[0] = x[1] * x[2]", "b *= 1.5", "a[0] = 2.0", "b[-1] = v[0]",
          "a[:, 0] = v[:3]", "b[...] = 0.5 * v[1]", "b += v[2]", "np.copyto(b, x.mean())",
          "np.copyto(a, a[::-1], where=a > 0.2)", "b.T[...] -= 0.7 * b.T", "b[...] = 7.0",
          "for q in b.flat: b[0] += 0.1 * q", "for q in b: b[...] += 0.2 * q",
          "for q in a: q *= a[0, 0]", "a[0], a[1] = a[1], a[0]", "np.sin(b, out=b)", "a += x[3]",
          "b[b > 0.3] *= 0.5", "np.add.at(b, [0, 0], x[0])", "y = b * b; b[...] += y")  # fmt: skip


def source(lines):
    body = ("a = x.reshape(3, 3) * 1.0", "b = a", *lines)
    last = "return np.concatenate([np.ravel(a) * 1.0, np.ravel(b) * v[0]])"
    return "def f(x, v):\n" + "".join(f"    {line}\n" for line in (*body, last))


def function(lines):
    space = {"np": np, "__name__": __name__}
    exec(source(lines), space)
    return space["f"]


def runs(lines):
    try:
        function(lines)(X.copy(), V)
    except (IndexError, ValueError):
        return False
    return True


def random_lines(seed):
    chosen, lines = random.Random(seed), []
    while len(lines) < 6:
        more = [f"b = {chosen.choice(VIEWS)}" if chosen.random() < 0.4 else chosen.choice(WRITES)]
        lines += more if runs(lines + more) else []
    return lines


def slope(f, x):
    at = lambda s: f(x + s * D, V)
    return (8.0 * (at(STEP) - at(-STEP)) - at(2.0 * STEP) + at(-2.0 * STEP)) / (12.0 * STEP)


def in_bodies(f):
    """The function in bodies that read x from outside, and v from their own arguments."""
    rows = np.stack([V, V[::-1]])
    return {
        "vmap": lambda x: cd.vmap(lambda v: f(x, v))(rows)[0],
        "scan": lambda x: cd.scan(lambda c, v: (c, f(x, v)), 0.0, rows)[1][0],
        "scan of x": lambda x: cd.scan(lambda c, _: (f(x, V), c), f(x, V), None, 2)[0],
        "checkpoint": lambda x: cd.checkpoint(lambda v: f(x, v))(V),
        "compile": lambda x: cd.compile(lambda v: f(x, v))(V),
    }


def check(lines):
    f = function(lines)
    alone = lambda x: f(x, V)
    pulled = np.arange(1.0, 1.0 + len(alone(X.copy())))

    def near(found, wanted, what, digits=1e-9):
        np.testing.assert_allclose(
            found, wanted, rtol=digits, atol=digits, err_msg=f"{what}\n{source(lines)}"
        )

    value, tangent = alone(X.copy()), slope(f, X)
    near(alone(cd.array(X)).numpy(), value, "constant")
    near(alone(cd.array(X, requires_grad=True)).numpy(), value, "tracked")
    near(cd.jvp(alone, (X,), (D,))[1], tangent, "jvp", 1e-6)
    tangent = cd.jvp(alone, (X,), (D,))[1]
    for name, g in {"alone": alone, **in_bodies(f)}.items():
        near(np.asarray(g(cd.array(X))), value, name)
        near(cd.jvp(g, (X,), (D,))[0], value, f"value of jvp, {name}")
        near(cd.jvp(g, (X,), (D,))[1], tangent, f"jvp, {name}")
        near(cd.vjp(g, X)[1](pulled)[0] @ D, tangent @ pulled, f"vjp, {name}")
    push = cd.compile(lambda x: cd.jvp(alone, (x,), (D,)))
    pull = cd.compile(lambda x: cd.vjp(alone, x)[1](pulled)[0])
    for _ in range(2):
        near(push(X)[0], value, "value of compiled jvp")
        near(push(X)[1], tangent, "compiled jvp")
        near(pull(X) @ D, tangent @ pulled, "compiled vjp")
    at_points = cd.vmap(lambda x: cd.jvp(alone, (x,), (D,)))(np.stack([X, X]))
    near(at_points[0][1], value, "mapped value")
    near(at_points[1][1], tangent, "mapped jvp")


@pytest.mark.parametrize("seed", [*range(60), 114])
def test_random_changes(seed):
    check(random_lines(seed))


@pytest.mark.parametrize(
    "lines",
    [
        ["a[0] = 7.0", "a[...] = a[::-1]"],
        ["a *= 2.0", "b = a[::-1]", "a[...] = b"],
        ["a[0] = x[1]", "np.copyto(a, a[::-1])"],
        ["a[0] = x[1]", "b = np.flip(a)", "b[1:] = b[:-1]"],
        ["a[0] = x[1]", "b = a[:1].T", "b[...] = x[2]"],
        ["a[0] = x[1]", "b = a[:1].reshape(-1)", "b[...] = 7.0"],
        ["a[0] = 2.0", "a[-1] = v[0]"],
        ["a[0] = x[1] * x[2]", "a[1:] = v[1:3, None]", "a *= a"],
        ["b = a[::-1].ravel()", "a *= a", "b += 1.0"],
        ["for q in a.reshape(-1): a[...] += q * q"],
        ["for q in a.flat: a[0] += 0.1 * q"],
        ["for q in a.T.flat: a[0] += 0.1 * q"],
        ["b = a[0]", "for q in reversed(b): b[0] += q", "p, q = b[:2]", "b[0] = q", "b[1] = p"],
    ],
)
def test_changes_that_were_lost(lines):
    """Overlapping memory, views of parts, memory from outside, copies of NumPy's, iteration."""
    check(lines)


PARTS = {
    "row": lambda a, x: a.__setitem__(0, np.sin(x[1])),
    "column": lambda a, x: a.__setitem__((slice(None), 0), x[1] * x[2]),
    "rows": lambda a, x: a.__setitem__(slice(2), x[1:4] * x[:3]),
    "reversed": lambda a, x: a.__setitem__((1, slice(None, None, -1)), np.sin(x[2])),
    "two": lambda a, x: (a.__setitem__(0, x[1]), a.__setitem__((1, slice(2)), x[1] * x[2])),
}


@pytest.mark.parametrize("constant", [0.0, 7.0])
@pytest.mark.parametrize("part", PARTS)
def test_one_value_for_many_elements_of_constants_at_many_points(part, constant):
    """As many points as the part has elements: the tangents of other points fitted into it."""

    def f(x):
        a = np.full((3, 3), 7.0) * x[0]
        a[...] = constant
        PARTS[part](a, x)
        return a * 1.0

    points = np.stack([X, 0.8 * X, 1.2 * X])
    ways = {
        "value": f,
        "jvp": lambda x: cd.jvp(f, (x,), (D,))[1],
        "jacfwd": cd.jacfwd(f),
        "jacrev": cd.jacrev(f),
        "hessian": cd.hessian(lambda x: (f(x) ** 2).sum()),
        "jacrev of jvp": cd.jacrev(lambda x: cd.jvp(f, (x,), (D,))[1]),
    }
    for name, way in ways.items():
        wanted = np.stack([way(x) for x in points])
        for mapped in (cd.vmap(way), cd.compile(cd.vmap(way)), by_scan(way)):
            np.testing.assert_allclose(mapped(points), wanted, rtol=1e-12, err_msg=name)
        through = cd.jvp(cd.vmap(way), (points,), (points * points,))[1]
        each = [cd.jvp(way, (x,), (x * x,))[1] for x in points]
        np.testing.assert_allclose(through, np.stack(each), rtol=1e-11, atol=1e-12, err_msg=name)


def by_scan(way):
    return lambda points: cd.scan(lambda c, x: (c, way(x)), 0.0, points)[1]


KEPT = []


def kept(a):
    KEPT[:] = [a]
    return a * a


CHANGED_AND_ALIVE = {
    "returned": lambda a, v: a,
    "a view": lambda a, v: a.reshape(3, 3)[::-1],
    "kept": lambda a, v: kept(a),
    "looked at": lambda a, v: a * float(np.asarray(cd.stop_gradient(a.reshape(-1)))[0]),
}


@pytest.mark.parametrize("name", CHANGED_AND_ALIVE)
@pytest.mark.parametrize("change", ["a[-1] = v[0]", "a *= v", "a[:4] += v[1:5]; a[0] *= a[1]"])
def test_what_is_read_before_a_change_is_not_what_it_becomes(name, change):
    """A value from outside that a body changed, and that was still there when it had run, came in
    as what the body had made of it."""
    rows = np.stack([V, V[::-1]])

    def f(x, v):
        space = {"a": x * 1.0, "v": v}
        exec(change, space)
        return CHANGED_AND_ALIVE[name](space["a"], v)

    alone = lambda x: np.stack([f(x, v) * 1.0 for v in rows])
    bodies = {
        "vmap": lambda x: cd.vmap(lambda v: f(x, v))(rows),
        "scan": lambda x: cd.scan(lambda c, v: (c, f(x, v)), 0.0, rows)[1],
        "checkpoint": lambda x: np.stack([cd.checkpoint(lambda v: f(x, v))(v) for v in rows]),
    }
    weights = np.cos(np.arange(18.0)).reshape(alone(X).shape)
    tracked = cd.array(X, requires_grad=True)
    for way, g in bodies.items():
        np.testing.assert_allclose(g(tracked).numpy(), alone(X), rtol=1e-12, err_msg=way)
        for h in (lambda f: cd.vjp(f, X)[1](weights)[0], lambda f: cd.jvp(f, (X,), (D,))[1]):
            np.testing.assert_allclose(h(g), h(alone), rtol=1e-12, atol=1e-12, err_msg=way)
