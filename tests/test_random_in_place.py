"""Random programs that change arrays in place, through parts, masks and views, and by `out=`.

They are run as NumPy code first, which says what the value is; derivatives in forward and reverse
mode, compiled, mapped and recomputed have to agree with each other and with differences. Programs
begin with constants, into which tracked values get only later, and views of these are kept
meanwhile. This file must not know how changes in place are made.
"""

import random

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp

POINT = 0.7
VECTORS = ("a", "b", "c")  # of four elements; M is a 3 x 4 matrix; v and w are views that are kept
PARTS = (
    "{x}[:-1]", "{x}[1:]", "{x}[::-1][1:]", "{x}[:3]", "M[0, 1:]", "M[1, ::-1][:3]", "M.T[0]",
    "M[:, 2]", "M.T[1:, 0]", "M.reshape(-1)[2:5]", "M[[0, 2, 1], [1, 0, 3]]", "{x}[[0, 2, 3]]",
    "{x}[np.array([True, False, True, True])]", "v[...]", "w[:]",
)  # fmt: skip
BOUND = PARTS[:3] + ("M[0, 1:]", "M.T[0]", "M[:, 2]", "M.T[1:, 0]", "M.reshape(-1)[2:5]", "w")
STARTS = (
    "a = np.zeros(4); b = np.zeros(4); c = np.ones(4); M = np.zeros((3, 4)); v = a[1:]; "
    "w = M[0, 1:]",
    "a = np.zeros(4); b = p * K4; c = np.ones(4) * p; M = np.outer(K3, K4) * p; v = b[1:]; "
    "w = M[0, 1:]",
    "a = np.array([p, 1.0, 2.0, 0.5]); b = np.zeros(4); c = np.zeros(4); M = np.zeros((3, 4)); "
    "v = c[1:]; w = a[:-1]",
)
RESULT = (
    "(a * K4).sum() + (b * b * K4).sum() + (np.tanh(c) * K4).sum() + (M * KM).sum() + v.sum() "
    "+ (w * K3).sum() + 0.1 * p"
)
CONSTANTS = {
    "K3": np.array([0.3, -0.7, 1.1]),
    "K4": np.array([1.0, 0.6, -0.4, 1.7]),
    "KM": np.sin(np.arange(12.0)).reshape(3, 4),
}


def part(r, parts=PARTS):
    return r.choice(parts).format(x=r.choice(VECTORS))


def value(r, depth=0):
    kind = r.random()
    if depth > 1 or kind < 0.45:
        return part(r)
    if kind < 0.65:
        return r.choice(["p", "0.5", "2.0", "K3"])
    if kind < 0.85:
        return f"({value(r, depth + 1)} {r.choice('+-*')} {value(r, depth + 1)})"
    return f"np.{r.choice(['sin', 'cos'])}({value(r, depth + 1)})"


def statement(r):
    kind = r.random()
    if kind < 0.4:
        return f"{part(r)} {r.choice(['+=', '-=', '*='])} {value(r)}"
    if kind < 0.55:
        return f"{part(r)} = 1.0 * {value(r)}"  # NumPy does not copy all that overlaps
    if kind < 0.63:
        number = r.choice(["p", "0.5", "M[1, 1]", "p * a[1]", "v[0]"])
        return f"{r.choice(VECTORS)}[{r.randrange(4)}] {r.choice(['=', '+='])} {number}"
    if kind < 0.75:
        return f"{r.choice('vw')} = {part(r, BOUND)}"
    if kind < 0.82:
        room = r.choice(["a[1:]", "M[0, 1:]", "b[:3]", "v"])
        return f"np.{r.choice(['add', 'multiply'])}({value(r)}, K3, out={room})"
    if kind < 0.9:
        row = r.choice(["a", "b * p", "0.3", "c[::-1]", "M[0]"])
        return f"M[{r.choice(['1', '0', ':', '1:'])}] {r.choice(['+=', '*=', '='])} {row}"
    if kind < 0.95:
        return r.choice(["a = b.copy()", "c = M[2]", "a = a[::-1]", "M = M[::-1]", "a, b = b, a"])
    return f"np.add.at({r.choice(VECTORS)}, [0, 0, 2], {value(r)})"


def source(seed):
    r = random.Random(seed)
    body = [statement(r) for _ in range(r.randint(3, 9))]
    if r.random() < 0.3:
        k = r.randrange(len(body))
        body[k:] = ["for _ in range(2):", *["    " + line for line in body[k:]]]
    lines = [*r.choice(STARTS).split("; "), *body, f"return {RESULT}"]
    return "def f(p):\n" + "".join(f"    {line}\n" for line in lines)


def made(text, module):
    names = {**CONSTANTS, "np": module}
    exec(text, names)
    return names["f"]


def ways(f):
    """Value and derivative at the point, in every way."""
    yield "forward", cd.jvp(f, (POINT,), (1.0,))
    yield "reverse", cd.value_and_grad(f)(POINT)
    yield "checkpoint", cd.value_and_grad(cd.checkpoint(f))(POINT)
    compiled = cd.compile(cd.value_and_grad(f))
    compiled(0.2)
    yield "compiled", compiled(POINT)
    points = np.array([-0.6, POINT, 0.2])
    yield "mapped", [x[1] for x in cd.vmap(cd.value_and_grad(f))(points)]
    leaf = cd.array(POINT, requires_grad=True)
    y = f(leaf)
    y.backward()
    yield "backward", (y.item(), leaf.grad.item())


@pytest.mark.parametrize("seed", range(330, 460))
def test_changes_in_place(seed):
    text = source(seed)
    plain = made(text, np)
    want, h = plain(POINT), 1e-6
    slope = (plain(POINT + h) - plain(POINT - h)) / (2 * h)
    assert abs(want) < 1e9, text
    for way, (y, dy) in ways(made(text, cnp)):
        assert y == pytest.approx(want, rel=1e-9, abs=1e-9), (way, text)
        assert dy == pytest.approx(slope, rel=1e-5, abs=1e-5 * (1 + abs(want))), (way, text)


def test_arrays_made_before_the_loop_are_tracked_once_something_tracked_gets_in():
    """Two fields that feed each other, the first time with zeros: a view of constants must not stay
    one where a tracked version takes over their memory."""

    def waves(np, p, steps=6):
        e, h = np.zeros(6), np.zeros(6)
        for t in range(steps):
            h[:-1] += 0.5 * (e[1:] - e[:-1])
            e[1:] += 0.5 * (h[1:] - h[:-1])
            e[2] += p[0] * (t + 1.0)
            e[-1] = p[1] * e[-2]
        return (e * np.arange(1.0, 7.0)).sum()

    p, v = np.array([1.0, 0.3]), np.array([0.4, -0.9])
    g = cd.grad(lambda p: waves(cnp, p))(p)
    slope = (waves(np, p + 1e-6 * v) - waves(np, p - 1e-6 * v)) / 2e-6
    assert g @ v == pytest.approx(slope, rel=1e-7)
    assert g @ v == pytest.approx(cd.jvp(lambda p: waves(cnp, p), (p,), (v,))[1], rel=1e-13)


def test_a_view_of_constants_that_is_kept_becomes_tracked_with_them():
    def f(p):
        a = cnp.zeros(4)
        a[:-1] += 1.0
        v = a[1:]
        w = v[::-1]
        a[1:3] += p
        with cd.no_grad():
            seen = v.copy()
        return (v * v).sum() + w[1] * seen[0]

    assert cd.grad(f)(2.0) == 2 * 3.0 + 2 * 3.0 + 3.0
