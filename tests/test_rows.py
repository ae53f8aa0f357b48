"""Elements and rows at positions: every kind of key beside NumPy, in blocks of positions.

The oracle of a value is NumPy's index, that of a derivative `np.add.at`, which adds in the order of
the positions: results are the same to the last bit.  Other tests know what a program makes of
positions that it computes.
"""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cdiff as cd
import cdiff.numpy as cnp
from cdiff._core import set_deferred_size

RANDOM = np.random.default_rng(8)
BLOCK = 512  # positions that are checked at once
COUNTS = (1, 15, 16, 17, BLOCK - 1, BLOCK, BLOCK + 1, 2000)
FAR = 1 << 19  # numbers from which results are written past the caches


def gradient(key, x, cotangent):
    """What the elements of x[key] hand back to x, by NumPy."""
    result = np.zeros_like(x)
    np.add.at(result, key, cotangent)
    return result


def check(key, x):
    """Value and derivative of x[key], at once and compiled."""
    expected = x[key]
    cotangent = RANDOM.standard_normal(expected.shape)
    leaf = cd.array(x, requires_grad=True)
    value = leaf[key]
    np.testing.assert_array_equal(value.numpy(), expected)
    assert value.shape == expected.shape
    value.backward(cotangent)
    wanted = gradient(key, x, cotangent)
    np.testing.assert_array_equal(np.asarray(leaf.grad), wanted)
    compiled = cd.compile(cd.value_and_grad(lambda x: np.sum(x[key] * cotangent)))
    for _ in range(2):
        total, slope = compiled(x)
        np.testing.assert_allclose(total, np.sum(expected * cotangent), atol=1e-12)
        np.testing.assert_array_equal(slope, wanted)


@pytest.mark.parametrize("width", [(), (1,), (2,), (3,), (4,), (40,), (2, 3), (0,)])
@pytest.mark.parametrize("count", COUNTS)
def test_rows_in_blocks(count, width):
    x = RANDOM.standard_normal((7, *width))
    check(RANDOM.integers(-7, 7, count), x)


@pytest.mark.parametrize("count", [FAR - 1, FAR, FAR + 1, FAR + 3 * BLOCK + 5])
def test_many_positions(count):
    x = RANDOM.standard_normal(3001)
    check(RANDOM.integers(-3001, 3001, count), x)


@pytest.mark.parametrize("place", [0, FAR // 2, FAR - 1, FAR, FAR + 6])
@pytest.mark.parametrize("bad", [7, -8])
def test_a_position_outside_among_many_is_named(place, bad):
    positions = RANDOM.integers(-7, 7, FAR + 7)
    positions[place] = bad
    with pytest.raises(IndexError, match=f"index {bad} is out of bounds for axis 0 with size 7"):
        cd.array(RANDOM.standard_normal(7), requires_grad=True)[positions]


def test_positions_of_other_types_and_layouts():
    x = RANDOM.standard_normal(9)
    for dtype in (np.int8, np.uint8, np.int32, np.uint64, ">i8"):
        check(RANDOM.integers(0, 9, 600).astype(dtype), x)
    check(RANDOM.integers(-9, 9, (40, 30)).T, x)
    check(RANDOM.integers(-9, 9, 1300)[::2], x)
    check(np.zeros((0, 3), int), x)


@pytest.mark.parametrize("bad", [7, -8, 2**62, -(2**63), 2**63 - 1])
@pytest.mark.parametrize("place", [0, BLOCK - 1, BLOCK, 1500, 1999])
def test_a_position_outside_is_named(place, bad):
    positions = RANDOM.integers(-7, 7, 2000)
    positions[place] = bad
    x = RANDOM.standard_normal(7)
    message = f"index {bad} is out of bounds for axis 0 with size 7"
    with pytest.raises(IndexError, match=message):
        cd.array(x, requires_grad=True)[positions]
    read = cd.compile(lambda x, positions: x[positions])
    read(x, np.zeros(2000, int))
    with pytest.raises(IndexError, match=message):
        read(x, positions)
    add = cd.compile(cd.grad(lambda x, positions: np.sum(x[positions] ** 2)))
    add(x, np.zeros(2000, int))
    with pytest.raises(IndexError, match=message):
        add(x, positions)


def test_positions_changed_after_the_index():
    x = cd.array(np.arange(5.0), requires_grad=True)
    positions = np.array([0, 1, 1, 4])
    y = x[positions]
    positions[:] = 100
    y.backward(np.ones(4))
    np.testing.assert_array_equal(np.asarray(x.grad), [1.0, 2.0, 0.0, 0.0, 1.0])


KEYS = {
    "rows of the second axis": (slice(None), np.array([2, 0, -1, 2])),
    "rows of the last axis": (slice(None), slice(None), np.array([[1, 0], [-2, 1]])),
    "one row, as an array": (slice(None), np.array(2)),
    "an array for each axis": (np.array([3, 0, -1]), np.array([1, 1, 2]), np.array([0, 5, -6])),
    "arrays that broadcast": (np.array([[3], [0]]), np.array([1, 1, 2])),
    "an array and numbers": (np.array([3, 0, 3]), -1, 4),
    "after a number": (1, np.array([2, 0, 2]), -1),
    "beside a slice": (slice(1, None), np.array([2, 0])),
    "after a slice with a step": (slice(None, None, 2), np.array([2, 0])),
    "a slice between": (np.array([3, 0]), slice(None), np.array([5, 1])),
    "a new axis": (None, np.array([3, 0])),
    "arrays after a whole axis": (slice(None), np.array([2, 0, 2]), np.array([1, -1, 1])),
    "broadcast after a whole axis": (slice(None), np.array([[2], [0]]), np.array([1, 0])),
    "numbers after a whole axis": (slice(None), 1, -2),
    "an ellipsis": (Ellipsis, np.array([5, 0, 0])),
    "a mask beside": (np.array([3, 0]), np.array([True, False, True])),
    "lists": ([0, 3], [1, 2]),
    "a mask of two axes": RANDOM.standard_normal((4, 3)) > 0,
}


@pytest.mark.parametrize("name", KEYS)
def test_keys(name):
    check(KEYS[name], RANDOM.standard_normal((4, 3, 6)))
    check(KEYS[name], RANDOM.standard_normal((6, 3, 4)).T)


@pytest.mark.parametrize("name", KEYS)
def test_assigning_at_keys(name):
    """As NumPy assigns: where a position is repeated, the last value stays."""
    key, x = KEYS[name], RANDOM.standard_normal((4, 3, 6))
    v = RANDOM.standard_normal(x[key].shape)
    weights = RANDOM.standard_normal(x.shape)

    def total(x, v):
        y = 2.0 * x
        y[key] = v
        return np.sum(y * weights)

    source = np.full(x.shape, -1)
    source[key] = np.arange(v.size).reshape(v.shape)
    wanted = np.zeros(v.size)
    wanted[source[source >= 0]] = weights[source >= 0]
    derivative = cd.grad(total, (0, 1))
    compiled = cd.compile(derivative)
    for f in (derivative, compiled, compiled):
        by_x, by_v = f(x, v)
        np.testing.assert_array_equal(by_x, np.where(source < 0, 2.0 * weights, 0.0))
        np.testing.assert_array_equal(by_v, wanted.reshape(v.shape))
    expected = 2.0 * x
    expected[key] = v
    np.testing.assert_allclose(cd.compile(total)(x, v), np.sum(expected * weights), atol=1e-12)


def test_assigning_makes_few_tables():
    """Positions and one table of places; the program copies neither that nor what was hit."""
    n = 64
    rows, columns = np.tril_indices(n, -1)

    def total(v):
        lower = cnp.zeros((100, n, n))
        lower[:, rows, columns] = v
        return np.sum(lower**2)

    v = np.ones((100, rows.size))
    cd.compile(cd.grad(lambda v: np.sum(v**2)))(v)  # and all imports
    compiled = cd.compile(cd.grad(total))
    before = set_deferred_size(1 << 40)  # memory that waits would be counted, too
    tracemalloc.start()
    try:
        result = compiled(v)
        now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        set_deferred_size(before)
    table = 8 * 100 * n * n
    assert now < 2 * table
    assert most < 3.6 * table
    np.testing.assert_array_equal(result, 2 * v)


@pytest.mark.parametrize(
    "key",
    [
        (np.array([0, 4]), np.array([0, 1])),
        (slice(None), np.array([0, -4])),
        (slice(None), np.array([0, 2]), np.array([0, 6])),
        (slice(None), np.array([0, 3]), np.array([0, 1])),
        (slice(None), slice(None), slice(None), 0, np.array([0])),
        (np.array([0, 1]), np.array([0, 1, 2])),
        (np.array([0, 1]), 3),
        (slice(None), slice(None), slice(None), np.array([0])),
    ],
)
def test_keys_that_do_not_fit(key):
    x = RANDOM.standard_normal((4, 3, 6))
    with pytest.raises(IndexError) as expected:
        x[key]
    with pytest.raises(IndexError) as found:
        cd.array(x, requires_grad=True)[key]
    words = str(expected.value).split(":")[0]
    assert str(found.value).startswith(words) or words.startswith("too many indices")


@st.composite
def keys(draw, shape=(4, 3, 5)):
    """A key of integers, whole axes and integer arrays that broadcast."""
    lead = draw(st.integers(1, len(shape)))
    wide = draw(st.integers(1, 4))
    parts = []
    for extent in shape[:lead]:
        number = st.integers(-extent, extent - 1)
        array = st.lists(number, min_size=wide, max_size=wide).map(np.array)
        parts.append(draw(st.one_of(number, st.just(slice(None)), array)))
    return tuple(parts)


@settings(max_examples=150, deadline=None)
@given(keys())
def test_random_keys(key):
    check(key, RANDOM.standard_normal((4, 3, 5)))


def test_along_an_axis():
    x = RANDOM.standard_normal((5, 4))
    order = np.argsort(x, axis=1)
    leaf = cd.array(x, requires_grad=True)
    np.take_along_axis(leaf, order, axis=1).backward(x)
    expected = np.zeros_like(x)
    np.put_along_axis(expected, order, x, axis=1)
    np.testing.assert_array_equal(np.asarray(leaf.grad), expected)
