"""NumPy's functions that change their argument, on Arrays: NumPy's values, errors and derivatives.

The same call changes an ndarray and an Array; the derivative is compared with that of the same
thing written without a change.
"""

from __future__ import annotations

import numpy as np
import pytest
from test_in_place import same_everywhere

import cdiff as cd
import cdiff.numpy as cnp

X = np.arange(1.0, 7.0)
MASK = np.array([[True, False, True], [False, False, True]])

# Changes of a (2, 3) array `a` that only read numbers: what NumPy gives is what we give.
CALLS = {
    "copyto": lambda a: np.copyto(a, [7.0, 8.0, 9.0]),
    "copyto number": lambda a: np.copyto(a, 3),
    "copyto where": lambda a: np.copyto(a, [7.0, 8.0, 9.0], where=MASK),
    "copyto where row": lambda a: np.copyto(a, -1.0, where=MASK[:1]),
    "copyto overlapping": lambda a: np.copyto(a, a[::-1]),
    "put": lambda a: np.put(a, [0, -1, 4], [7.0, 8.0, 9.0]),
    "put repeated": lambda a: np.put(a, [1, 1, 5], [7.0, 8.0]),
    "put too many": lambda a: np.put(a, 2, [7.0, 8.0]),
    "put wrap": lambda a: np.put(a, [7, -8], 7.5, mode="wrap"),
    "put clip": lambda a: np.put(a, [[9, -9]], [7.0, 8.0], mode="clip"),
    "put nothing": lambda a: np.put(a, [], [7.0]),
    "put from nothing": lambda a: np.put(a, [1], []),
    "put into a view": lambda a: np.put(a[:, ::2].T, [1, 2], [7.0, 8.0]),
    "method put": lambda a: a.put([0, 3], [7.0, 8.0]),
    "place": lambda a: np.place(a, MASK, [7.0, 8.0]),
    "place flat mask": lambda a: np.place(a, MASK.ravel(), [7.0]),
    "place nowhere": lambda a: np.place(a, np.zeros((2, 3), bool), []),
    "putmask": lambda a: np.putmask(a, MASK, a * 10.0),
    "putmask repeated": lambda a: np.putmask(a, MASK, [7.0, 8.0]),
    "putmask from nothing": lambda a: np.putmask(a, MASK, []),
    "fill_diagonal": lambda a: np.fill_diagonal(a, 7.0),
    "fill_diagonal values": lambda a: np.fill_diagonal(a.T, [7.0, 8.0]),
    "fill_diagonal wrapped": lambda a: np.fill_diagonal(a.reshape(6, 1), 7.0, wrap=True),
    "put_along_axis": lambda a: np.put_along_axis(a, np.array([[2], [0]]), 7.0, 1),
    "put_along_axis 0": lambda a: np.put_along_axis(a, np.array([[1, 0, -1]]), a[:1] * 3.0, 0),
    "put_along_axis flat": lambda a: np.put_along_axis(a, np.array([1, -2]), 7.0, None),
    "add.at": lambda a: np.add.at(a, [0, 1, 0], [1.0, 2.0, 3.0]),
    "add.at pairs": lambda a: np.add.at(a, ([0, 0, 1], [1, 1, 2]), [1.0, 2.0, 3.0]),
    "add.at slice": lambda a: np.add.at(a, (slice(None), [0, 0]), 1.5),
    "add.at mask": lambda a: np.add.at(a, MASK, [1.0, 2.0, 3.0]),
    "add.at integer": lambda a: np.add.at(a, (0, 1), 5.0),
    "subtract.at": lambda a: np.subtract.at(a, (0, [2, 2]), [1.0, 2.0]),
    "multiply.at": lambda a: np.multiply.at(a, ([0, 1, 0, 0], [1, 2, 1, 0]), [3.0, 2.0, -1.0, 0.5]),
    "divide.at": lambda a: np.divide.at(a, MASK, 4.0),
    "maximum.at": lambda a: np.maximum.at(a, (0, [1, 1, 2]), [9.0, 19.0, 0.0]),
    "negative.at": lambda a: np.negative.at(a, ([0, 0, 1], [1, 1, 2])),
    "minimum.at nowhere": lambda a: np.minimum.at(a, [], np.zeros((0, 3))),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CALLS)
def test_values_are_numpys(name, dtype):
    expected = X.reshape(2, 3).astype(dtype)
    found = cd.array(expected)
    assert CALLS[name](expected) is None
    assert CALLS[name](found) is None
    assert found.dtype == dtype
    np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize("name", CALLS)
def test_derivatives_are_those_of_the_elements_that_stay(name):
    if name == "copyto overlapping":
        weights = np.arange(6.0).reshape(2, 3)[::-1]
        expected = weights.ravel()
    else:
        # All changes are affine in `a`, so differences of step 1 are exact but for rounding.
        def plain(x):
            a = x.reshape(2, 3).copy()
            CALLS[name](a)
            return (a * np.arange(6.0).reshape(2, 3)).sum()

        expected = [plain(X + step) - plain(X) for step in np.eye(6)]

    def f(x):
        a = x.reshape(2, 3)
        CALLS[name](a)
        return (a * np.arange(6.0).reshape(2, 3)).sum()

    np.testing.assert_allclose(cd.grad(f)(X), expected, atol=1e-12)
    np.testing.assert_allclose(cd.jacfwd(f)(X), expected, atol=1e-12)


def cube(a):
    return (a**3).sum()


def changed(change):
    """A function that changes its argument, then sums the cubes."""

    def f(x):
        change(x)
        return cube(x)

    return f


def test_derivatives_flow_through_the_values_put():
    keep = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 1.0])
    same_everywhere(
        changed(lambda x: np.put(x, [0, 3], np.sin(x[1:3]))),
        lambda x: cube(x * keep) + cube(np.sin(x[1:3])),
    )
    same_everywhere(
        changed(lambda x: np.place(x, keep == 0, x[4] * x[5])),
        lambda x: cube(x * keep) + 2 * cube(x[4:5] * x[5:6]),
    )
    same_everywhere(
        changed(lambda x: np.putmask(x, keep == 0, x * x)),
        lambda x: cube(x * keep) + cube((x * x)[::3]),
    )
    same_everywhere(
        changed(lambda x: np.copyto(x, np.exp(x[::-1]), where=keep == 0)),
        lambda x: cube(x * keep) + cube(np.exp(x[[5, 2]])),
    )
    same_everywhere(
        changed(lambda x: np.put_along_axis(x, np.array([0, 3]), x[4:] * x[5], 0)),
        lambda x: cube(x * keep) + cube(x[4:] * x[5]),
    )
    same_everywhere(
        changed(lambda x: np.fill_diagonal(x.reshape(2, 3), x[2] * x[5])),
        lambda x: cube(x[[1, 2, 3, 5]]) + 2 * cube(x[2:3] * x[5:6]),
    )
    same_everywhere(
        changed(lambda x: np.add.at(x, [1, 1, 2], np.sin(x[:3]))),
        lambda x: (
            cube(x[[0, 3, 4, 5]])
            + cube(x[1:2] + np.sin(x[0:1]) + np.sin(x[1:2]))
            + cube(x[2:3] + np.sin(x[2:3]))
        ),
    )
    same_everywhere(
        changed(lambda x: np.subtract.at(x, ([0, 0],), x[1:3])),
        lambda x: cube(x[1:]) + cube(x[:1] - x[1:2] - x[2:3]),
    )


def test_integers_follow_numpy_and_take_no_tracked_value():
    counts = cd.array([1, 2, 3])
    np.add.at(counts, [0, 0, 2], 1)
    np.put(counts, [1], [9])
    np.copyto(counts, [True, False, False], where=[False, False, True])
    assert counts.tolist() == [3, 9, 0]
    with pytest.raises(TypeError, match="same_kind"):
        np.copyto(counts, 0.5)
    np.copyto(counts, 0.5, casting="unsafe")
    assert counts.tolist() == [0, 0, 0]
    w = cd.array([1.0, 2.0, 3.0], requires_grad=True)
    for change in (np.putmask, np.place):
        with pytest.raises(TypeError, match=r"[cC]annot cast"):
            change(counts, [0, 1, 1], np.array([1.0]))
    for change in (np.add.at, np.put, np.putmask, np.place):
        with pytest.raises(TypeError, match="make the array with dtype float"):
            change(counts, [0, 1, 1], w)


REFUSED = {
    "element": lambda a, v: a.__setitem__(0, v),
    "part": lambda a, v: a.__setitem__(slice(0, 2), [v, v]),
    "places": lambda a, v: a.__setitem__([0, 1], [v, 1]),
    "fill": lambda a, v: a.fill(v),
    "put": lambda a, v: a.put([0], v),
    "place": lambda a, v: np.place(a, [1, 0, 0], v),
    "putmask": lambda a, v: np.putmask(a, [1, 0, 0], [v]),
    "fill_diagonal": lambda a, v: np.fill_diagonal(a[:, None], v),
    "put_along_axis": lambda a, v: np.put_along_axis(a, np.array([0]), [v], 0),
    "copyto": lambda a, v: np.copyto(a, v, casting="unsafe", where=[True, False, False]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_integers_refuse_what_they_cannot_hold(name):
    """As NumPy, whose copyto alone lets floats become any number."""
    for value in [np.nan, np.inf, 300] + [np.float32(np.nan)] * (name in ("element", "fill")):
        a, b = np.arange(3, dtype=np.int8), cd.array(np.arange(3, dtype=np.int8))
        if name == "copyto" and type(value) is float:
            continue
        with pytest.raises((ValueError, OverflowError)) as of_numpy:
            REFUSED[name](a, value)
        with pytest.raises(of_numpy.type):
            REFUSED[name](b, value)
        assert b.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "change",
    [
        lambda a, v: np.copyto(a, v),
        lambda a, v: np.put(a, [0], v),
        lambda a, v: np.place(a, a == 0, v),
        lambda a, v: np.putmask(a, a == 0, v),
        lambda a, v: np.put_along_axis(a, np.array([0]), v, 0),
        lambda a, v: np.add.at(a, [0], v),
        lambda a, v: np.fill_diagonal(a[:, None], v),
    ],
)
def test_plain_ndarrays_cannot_take_a_derivative_and_leaves_stay(change):
    plain, v = np.zeros(3), cd.array([2.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"cdiff\.numpy\.zeros"):
        change(plain, v * 3.0)
    assert not plain.any()
    change(plain, v.detach())
    assert plain[0] == 2.0
    leaf = cd.array([0.0, 0.0, 0.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="no_grad"):
        change(leaf, 1.0)
    with cd.no_grad():
        change(leaf, 1.0)
    assert leaf[0].item() == 1.0


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda a: np.put(a, [6], 1.0), IndexError),
        (lambda a: np.put(a, [-7], 1.0), IndexError),
        (lambda a: np.put(a, [0], 1.0, mode="bend"), ValueError),
        (lambda a: np.place(a, MASK, []), ValueError),
        (lambda a: np.putmask(a, MASK[0], 1.0), ValueError),
        (lambda a: np.fill_diagonal(a[0], 1.0), ValueError),
        (lambda a: np.fill_diagonal(a.reshape(1, 2, 3), 1.0), ValueError),
        (lambda a: np.copyto(a, [1.0, 2.0]), ValueError),
        (lambda a: np.copyto(a, 1j), TypeError),
        (lambda a: np.put_along_axis(a, np.array([0]), 1.0, 1), ValueError),
        (lambda a: np.put_along_axis(a, np.array([[0.5]]), 1.0, 1), IndexError),
        (lambda a: np.add.at(a, [2], 1.0), IndexError),
        (lambda a: np.add.at(a, [0], [1.0, 2.0]), ValueError),
    ],
)
def test_errors_are_numpys_and_change_nothing(change, error):
    for a in (X.reshape(2, 3).copy(), cd.array(X.reshape(2, 3))):
        with pytest.raises(error):
            change(a)
        np.testing.assert_array_equal(np.asarray(a), X.reshape(2, 3))


def test_what_has_no_rule_says_so():
    with pytest.raises(TypeError, match="positions must be integers"):
        np.put(cd.array([1.0, 2.0]), [0.5], 1.0)
    with pytest.raises(TypeError, match=r"multiply\.at: an array of dtype int64 cannot hold"):
        np.multiply.at(cd.array([1, 2]), [0], 2.5)


def test_repeated_positions_count_one_after_another():
    rows = np.array([2, 0, 2, 2])

    def segments(x):
        out = cnp.ones(3)
        np.multiply.at(out, rows, x[:4])
        np.power.at(out, [2, 2], x[4:])
        return (out * np.arange(1.0, 4.0)).sum()

    def direct(x):
        return x[1] + 2.0 + 3.0 * (x[0] * x[2] * x[3]) ** (x[4] * x[5])

    same_everywhere(segments, direct)


def test_unary_ufuncs_at_positions():
    same_everywhere(
        changed(lambda x: np.sqrt.at(x, [0, 0, 3])),
        lambda x: cube(x[0] ** 0.25) + cube(np.sqrt(x[3])) + cube(x[[1, 2, 4, 5]]),
    )


def test_filling_an_array_made_for_it():
    def f(x):
        out = cnp.zeros((2, 2))
        cnp.fill_diagonal(out, x)
        cnp.put(out, [1], x[0] * x[1])
        return (out @ out).sum()

    np.testing.assert_allclose(cd.grad(f)(np.array([2.0, 3.0])), [25.0, 22.0])


def test_an_array_that_is_filled_and_read_by_a_loop_is_compiled():
    """What stood in it before is a constant of the program, not something to look up again."""

    def f(x):
        a = cd.numpy.zeros(3)
        a[:2] = x[:2]
        return cd.scan(lambda c, _: (c + np.sum(a * x), None), 0.0, length=3)[0]

    x = np.array([1.0, 2.0, 3.0])
    for g in (f, cd.grad(f), cd.grad(lambda x: np.sum(cd.grad(f)(x) ** 2))):
        compiled = cd.compile(g)
        for k in (1.0, 2.0, 3.0):
            np.testing.assert_allclose(compiled(k * x), g(k * x), rtol=1e-15)


@pytest.mark.parametrize(
    ("key", "shape"),
    [(np.s_[:0], (0, 3)), (np.s_[:0], (3,)), (np.s_[:, 2:2], (4, 0)), (np.s_[2:2, :1], (0, 1))],
)
def test_nothing_is_assigned_to_an_empty_part(key, shape):
    x = cd.array(np.arange(12.0).reshape(4, 3), requires_grad=True)
    y = x * 2.0
    y[key] = np.ones(shape)
    y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.full((4, 3), 2.0))
    with pytest.raises(ValueError, match="could not broadcast"):
        y[key] = np.ones((7, 7))


def elsewhere(y, x):
    """Every function that takes a mask or positions, of which all are computed."""
    cell = np.floor(np.abs(x)).astype(int)
    np.copyto(y, x[::-1], where=x < 0.0)
    np.putmask(y, y > 1.0, [0.5, 0.25])
    np.place(y, y < -1.0, -0.5)
    np.put(y, np.argsort(x)[:2], x[:2])
    np.add.at(y, cell, x)
    np.subtract.at(y, -cell, x * x)
    np.add.at(y, [np.argmax(x), 0], x[:2])
    np.put_along_axis(y.reshape(2, 4), np.argmax(x.reshape(2, 4), axis=1)[:, np.newaxis], 0.3, 1)
    return np.bincount(cell, x, minlength=8) + np.take(x, [np.argmin(x), *range(7)])


def test_computed_masks_and_positions_are_no_decisions():
    def f(x, module):
        y = module.zeros(8)
        return (elsewhere(y, x) * y).sum()

    rng = np.random.default_rng(2)
    slope = cd.grad(lambda x: f(x, cnp))
    compiled = cd.compile(slope)
    for _ in range(4):
        x, t = rng.uniform(-3.0, 3.0, (2, 8))
        found = slope(x)
        difference = (f(x + 1e-6 * t, np) - f(x - 1e-6 * t, np)) / 2e-6
        assert found @ t == pytest.approx(difference, rel=1e-6)
        np.testing.assert_allclose(compiled(x), found, rtol=1e-12)
    assert compiled.stats()["recordings"] == 1


def test_pieces_of_as_many_elements_are_no_decision():
    pieces = lambda x: np.piecewise(x, [x < -0.5, x > 0.5], [np.sin, np.exp, 0.0]).sum()
    compiled = cd.compile(cd.grad(pieces))
    for x in ([-1.0, 1.0, 0.0], [0.3, -2.0, 2.0]):
        np.testing.assert_allclose(compiled(np.array(x)), cd.grad(pieces)(np.array(x)))
    assert compiled.stats()["recordings"] == 1
