"""Positions that a program computes: `x[np.argmin(d)]` is a gather and no decision.

Every key is compared with NumPy on plain arrays, compiled (recorded once, whatever the positions
are), mapped (against a loop over the points) and differentiated (against the same key on fixed
positions).
"""

import itertools
import random

import numpy as np
import pytest
from vmap_loop import data, same

import cdiff as cd
import cdiff.numpy as cnp

TABLE = data(6, 2)
MASK = np.array([False, True, False, False, True, False])

# From an array (5, 6) to a part of it, written so that NumPy understands it too.
READS = {
    "first axis": lambda m: m[np.argmin(m[:, 0])],
    "from the end": lambda m: m[np.argmin(m[:, 0]) - 5],
    "second axis": lambda m: m[:, np.argmin(m[0])],
    "last axis": lambda m: m[..., np.argmax(m[0])],
    "array": lambda m: m[:, np.argsort(m[0])],
    "matrix of positions": lambda m: m[np.argsort(m, axis=0) % 3],
    "beside a slice": lambda m: m[np.argsort(m[:, 1]), 1:3],
    "after a slice": lambda m: m[1:3, np.argsort(m[1])],
    "beside a number": lambda m: m[np.argmin(m[:, 0]), 2],
    "after a number": lambda m: m[-1, np.argsort(m[0])],
    "beside a new axis": lambda m: m[None, np.argsort(m[:, 0]), None],
    "two": lambda m: m[np.argmin(m[:, 0]), np.argmax(m[0])],
    "rows and columns": lambda m: m[np.arange(5), np.argmin(m, axis=1)],
    "broadcast": lambda m: m[np.argsort(m[:, 0])[:, None], np.argsort(m[0])],
    "with a slice between": lambda m: m.reshape(5, 2, 3)[np.argmin(m[:, 0]), :, np.arange(3)],
    "beside a mask": lambda m: m[np.argsort(m[:, 0])[:2], MASK],
    "one beside a mask": lambda m: m[np.argmin(m[:, 0]), MASK],
    "after a mask": lambda m: m[MASK.tolist()[:5], np.argmin(m[0])],
    "beside more axes": lambda m: m[np.argmin(m[:, 0]), np.array([[0], [3]])],
    "beside True": lambda m: m[np.argmin(m[:, 0]), True],
    "list": lambda m: m[[np.argmin(m[:, 0]), np.argmax(m[:, 0])]],
    "small integers": lambda m: m[np.argsort(m[:, 0]).astype(np.int16)],
    "arithmetic": lambda m: m[(2 * np.argmin(m[:, 0]) + 1) % 5],
    "method": lambda m: m[m[:, 0].argmin()],
    "take": lambda m: np.take(m, np.argsort(m[0]), axis=1),
    "take, wrapped": lambda m: np.take(m, np.argsort(m[0]) + 3, axis=1, mode="wrap"),
    "take, clipped": lambda m: np.take(m, np.argsort(m[0]) + 3, axis=1, mode="clip"),
    "take_along_axis": lambda m: np.take_along_axis(m, np.argsort(m, axis=1), axis=1),
    "searchsorted": lambda m: m[:, np.searchsorted(np.array([-0.5, 0.5]), m[0, 0])],
    "sort": lambda m: np.sort(m, axis=0),
}


def set_row(m):
    y = m * 1.0
    y[np.argmin(m[:, 0])] = m[0] * 3.0
    return y


def set_beside_a_mask(m):
    y = m * 1.0
    y[np.argsort(m[:, 0])[:2], MASK] *= m[:2, 0]
    return y


def set_elements(m):
    y = m * 1.0
    y[np.arange(5), np.argmin(m, axis=1)] = m[:, 0] * 2.0
    return y


def set_columns(m):
    y = m * 1.0
    y[1:, np.argsort(m[0])[:2]] = 7.0
    return y


def set_repeated(m):
    """The last one wins."""
    y = m * 1.0
    y[np.argsort(m[:, 0]) // 2] = m
    return y


def set_in_constants(m):
    y = cnp.zeros(6) if isinstance(m, cd.Array) else np.zeros(6)
    y[np.argmax(m[0])] = 1.0
    return y * m[0]


WRITES = {f.__name__: f for f in (set_row, set_elements, set_columns, set_repeated,
                                  set_in_constants, set_beside_a_mask)}  # fmt: skip
BOTH = READS | WRITES


def inputs(count=4):
    return [data(5, 6, seed=seed) for seed in range(count)]


@pytest.mark.parametrize("name", BOTH)
def test_recorded_once(name):
    f = cd.compile(BOTH[name])
    for m in inputs():
        np.testing.assert_allclose(f(m), BOTH[name](m), rtol=1e-15)
    assert f.stats()["recordings"] == 1
    assert not f.program.guards


@pytest.mark.parametrize("name", BOTH)
def test_eager(name):
    for m in inputs(2):
        x = cd.array(m, requires_grad=True)
        np.testing.assert_array_equal(BOTH[name](x).numpy(), BOTH[name](m))


@pytest.mark.parametrize("name", BOTH)
def test_every_point_has_its_own(name):
    same(BOTH[name], np.stack(inputs()))


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_derivative(name, mode):
    jacobian = cd.jacobian(BOTH[name], mode=mode)
    compiled, mapped = cd.compile(jacobian), cd.vmap(jacobian)(np.stack(inputs(2)))
    for m, found in zip(inputs(2), mapped, strict=True):
        want = differences(BOTH[name], m)
        for got in (jacobian(m), compiled(m), found):
            np.testing.assert_allclose(got, want, atol=1e-7)
    assert compiled.stats()["recordings"] == 1


def differences(f, m, h=1e-6):
    """The positions do not change so close to m."""
    out = np.zeros(np.shape(f(m)) + m.shape)
    for i, j in itertools.product(range(m.shape[0]), range(m.shape[1])):
        step = np.zeros(m.shape)
        step[i, j] = h
        out[..., i, j] = (f(m + step) - f(m - step)) / (2 * h)
    return out


def test_second_derivatives():
    def f(m):
        return (m[np.arange(5), np.argmin(m, axis=1)] ** 3).sum()

    m = inputs(1)[0]
    want = np.zeros((5, 6, 5, 6))
    for i, j in enumerate(np.argmin(m, axis=1)):
        want[i, j, i, j] = 6 * m[i, j]
    for hessian in (cd.hessian(f), cd.compile(cd.hessian(f)), cd.jacrev(cd.jacfwd(f))):
        np.testing.assert_allclose(hessian(m), want)


def test_positions_as_arguments():
    f = cd.compile(lambda i, x: x[i] * 2.0)
    x = data(6)
    for i in ([0, 1, 2], [-1, 5, -6], [3, 3, 3]):
        np.testing.assert_array_equal(f(np.array(i), x), x[i] * 2.0)
    assert f.stats()["recordings"] == 1


KEYS = {
    "rows": lambda x, i: x[i],
    "columns": lambda x, i: x[:, i],
    "pairs": lambda x, i: x[i, i],
    "with a slice": lambda x, i: x[i, :, None],
    "take": lambda x, i: np.take(x, i, axis=1),
    "set": lambda x, i: written(x * 1.0, i),
    "gradient": lambda x, i: cd.grad(lambda x: (x[i] ** 2).sum())(x),
}


def written(y, i):
    y[i] = 1.0
    return y


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("bad", [6, -7, 2**40])
def test_out_of_range(name, bad):
    x, good = data(6, 6), np.array([0, -1, 5])
    compiled = cd.compile(KEYS[name])
    compiled(x, good)
    for call in (KEYS[name], compiled, cd.compile(KEYS[name])):
        with pytest.raises(IndexError, match=f"{bad} is out of bounds"):
            call(x, np.array([0, bad, 1]))
    mapped = cd.vmap(KEYS[name])
    with pytest.raises(IndexError, match=f"{bad} is out of bounds"):
        mapped(np.stack([x, x]), np.array([[0, 1, 2], [0, bad, 1]]))
    np.testing.assert_array_equal(compiled(x, good), KEYS[name](x, good))


def test_positions_must_be_integers():
    for f in (lambda x: x[x], lambda x: x[:, x]):
        with pytest.raises(IndexError, match="integer"):
            cd.compile(f)(data(2, 2))
    with pytest.raises(IndexError, match="too many indices"):
        cd.compile(lambda x, i: x[i, i])(data(3), np.array([0]))
    with pytest.raises(IndexError, match=r"indexing arrays.*\(2,\) \(3,\)"):
        cd.compile(lambda x, i, j: x[i, j])(data(3, 3), np.arange(2), np.arange(3))
    with pytest.raises(IndexError):
        cd.compile(lambda x, i: x[0][i])(data(3), np.array([0]))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[x > 0].sum(),
        lambda x: x[np.flatnonzero(x > 0)].sum(),
        lambda x: x[np.nonzero(x > 0)].sum(),
        lambda x: x[np.where(x > 0)].sum(),
        lambda x: x[np.argwhere(x > 0)].sum(),
        lambda x: np.extract(x > 0, x).sum(),
        lambda x: np.compress(x > 0, x).sum(),
    ],
)
def test_how_many_elements_a_mask_takes_is_a_decision(f):
    g = cd.compile(cd.value_and_grad(f))
    points = ([1.0, -1.0, 2.0], [-1.0, 2.0, 3.0], [3.0, 4.0, 5.0], [-1.0, -2.0, 1.0], [-1.0] * 3)
    for x in map(np.array, points):
        value, slope = g(x)
        assert value == x[x > 0].sum()
        np.testing.assert_array_equal(slope, x > 0)
    assert g.stats()["recordings"] == 4


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.unique(x),
        lambda x: np.unique(x, return_index=True)[0] * np.unique(x, return_counts=True)[1],
        lambda x: np.unique(x)[np.unique(x, return_inverse=True)[1]] * x,
        lambda x: np.union1d(x, [2.0, 9.0]),
        lambda x: np.intersect1d(x, [2.0, 3.0, 9.0], return_indices=True)[0],
        lambda x: np.setdiff1d(x, [2.0, 9.0]) ** 2,
        lambda x: np.setxor1d(x, [2.0, 9.0]),
    ],
)
def test_how_many_elements_a_set_has_is_a_decision(f):
    g = cd.compile(cd.jacobian(f))
    for x in map(np.array, ([2.0, 1.0, 3.0], [1.0, 3.0, 2.0], [3.0, 1.0, 2.0], [2.0, 2.0, 1.0])):
        np.testing.assert_array_equal(cd.compile(f)(x), f(x))
        np.testing.assert_array_equal(g(x), cd.jacobian(f)(x))
    assert g.stats()["recordings"] == 2


def test_counts_have_as_many_entries_as_there_are_values():
    f = cd.compile(lambda x: (np.bincount(x.astype(int)) * x.mean()).sum())
    for x in ([1.0, 2.0, 0.0], [2.0, 2.0, 2.0], [5.0, 0.0, 1.0], [1.0, 5.0, 5.0]):
        assert f(np.array(x)) == (np.bincount(np.array(x, int)) * np.mean(x)).sum()
    assert f.stats()["recordings"] == 2


MASK_KEYS = [
    lambda x, m: m,
    lambda x, m: m[0],
    lambda x, m: (slice(None), m[:, 0]),
    lambda x, m: (m[0], 1),
    lambda x, m: (m[0], ..., np.newaxis),
    lambda x, m: (0, m[1]),
]


@pytest.mark.parametrize("key", MASK_KEYS)
def test_masks_of_several_axes(key):
    x = data(4, 4)

    def read(x):
        return (x[key(x, x > 0)] ** 2).sum()

    def write(x):
        y = x * 1.0
        y[key(x, x > 0)] = x[0, 0] * 2.0
        return (y**2).sum()

    def write_rows(x):
        y = x * 1.0
        k = key(x, x > 0)
        y[k] = y[k] * 3.0
        return (y**2).sum()

    for f in (read, write, write_rows):
        compiled = cd.compile(cd.value_and_grad(f))
        for sign in (1.0, -1.0, 0.5):
            value, slope = compiled(x * sign)
            want, want_slope = cd.value_and_grad(f)(x * sign)
            np.testing.assert_allclose(value, want, rtol=1e-15)
            np.testing.assert_allclose(slope, want_slope, rtol=1e-15)


def test_a_number_where_a_mask_says_so_is_no_decision():
    def f(x):
        y = x * 1.0
        y[x > 0] = 0.5
        return (y * x).sum()

    g = cd.compile(cd.grad(f))
    for x in (np.array([1.0, -1.0]), np.array([-1.0, -2.0]), np.array([3.0, 4.0])):
        np.testing.assert_array_equal(g(x), np.where(x > 0, 0.5, 2 * x))
    assert g.stats()["recordings"] == 1


def test_masks_that_do_not_fit():
    for f in (lambda x: x[x[:2] > 0], lambda x: x[np.stack([x, x]) > 0]):
        with pytest.raises(IndexError, match=r"boolean|indices"):
            f(np.ones(3))
        with pytest.raises(IndexError, match=r"boolean|indices"):
            cd.compile(f)(np.ones(3))


def test_a_table_of_constants():
    table = cd.array(TABLE)
    f = cd.compile(cd.grad(lambda d: (table[np.argmin(d)] * d[:2]).sum()))
    for seed in range(3):
        d = data(6, seed=seed)
        want = np.zeros(6)
        want[:2] = TABLE[np.argmin(d)]
        np.testing.assert_array_equal(f(d), want)
    assert f.stats()["recordings"] == 1


def test_nested_maps():
    def inner(d, i):
        return d[i] + d[np.argmin(d)]

    same(lambda m: cd.vmap(inner)(m, np.argmin(m, axis=1)), data(3, 4, 5))
    same(lambda x, i: cd.vmap(lambda row: row[i])(x), data(3, 4, 5), np.array([0, -1, 2]))


def test_numpy_reads_operands_where_they_lie():
    """Whose memory is used again afterwards, in another order than that of rows, and anew in each
    call; what comes back is a copy."""

    def f(x):
        y = x * 2.0
        rows = np.searchsorted(y, [1.0, 2.5])
        order = np.argsort(-y[::2])
        counts = np.count_nonzero(y.reshape(4, 5).T > 1.0, axis=0)
        return y[rows], y[::2][order], order, counts, y * y + 1.0

    compiled = cd.compile(f)
    found = []
    for seed in range(4):
        x = np.sort(np.random.default_rng(seed).uniform(0.0, 2.0, 20))
        found.append((compiled(x), f(x)))
    for got, wanted in found:
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(a, b)


# Parts of a key for an axis of length n, which begins at w[s].
COMPUTED = (
    "np.argsort(w[s:s + n])", "np.argsort(w[s:s + n])[:2] - n", "np.argmax(w[s:s + n])",
    "np.argsort(w[s:s + n])[:2, None]", "(np.floor(abs(w[:2])) % n).astype(np.int32)",
)  # fmt: skip
FIXED = (
    ":", "None", "-1", "1:", "::-1", "[0, -1]", "np.array([[0], [1]])", "np.arange(n) % 3 > 0",
    "0:0", "[k % 2 > 0 for k in range(n)]", "[]", "True", "np.int8(1)",
)  # fmt: skip


def drawn_key(seed):
    r, parts, used = random.Random(seed), [], 0
    while used < 3 and (not parts or r.random() < 0.75):
        part = r.choice(COMPUTED if len(parts) == seed % 3 else (*COMPUTED, *FIXED))
        parts.append(f"(lambda n, s: {part})({(3, 4, 2)[used]}, {r.randrange(5)})"
                     if "n" in part.replace("None", "") else part)  # fmt: skip
        used += part not in ("None", "True")
    return ", ".join(parts)


@pytest.mark.parametrize("seed", range(60))
def test_drawn_keys(seed):
    names = {"np": np}
    exec(f"def f(x, w): return x[{drawn_key(seed)}]", names)
    exec(f"def g(x, w):\n y = x * 1.0\n y[{drawn_key(seed)}] = 0.5 * w[0]\n return y", names)
    xs, ws = data(3, 3, 4, 2, seed=1), data(3, 9, seed=2)
    for f in (names["f"], names["g"]):
        try:
            want = [f(x, w) for x, w in zip(xs, ws, strict=True)]
        except IndexError:
            with pytest.raises((IndexError, ValueError)):
                cd.compile(f)(xs[0], ws[0])
            continue
        compiled = cd.compile(f)
        for x, w, y in zip(xs, ws, want, strict=True):
            np.testing.assert_array_equal(compiled(x, w), y)
        np.testing.assert_array_equal(cd.vmap(f)(xs, ws), want)
