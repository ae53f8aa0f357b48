"""Entries of sparse derivatives: their places against SciPy's sums, runs against entry by entry,
and colorings that are tried on a sample first."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import cdiff as cd
from cdiff import _core
from cdiff._sparsity import _sample


def filled(n, n_values, places, elements, terms, where, fixed, values):
    """What `Entries` computes, contribution by contribution."""
    out, first = np.zeros(n), 0
    for last, factor in terms:
        for c in range(first, last):
            w = where[elements[c]]
            if w != -1:
                out[places[c]] += factor * (values[w] if w >= 0 else fixed[-2 - w])
        first = last
    return out


def check(n, places, elements, terms, where, fixed, n_values):
    places, elements = np.asarray(places, np.int32), np.asarray(elements, np.int64)
    where, fixed = np.asarray(where, np.int32), np.asarray(fixed, float)
    entries = _core.Entries(n, n_values, places, elements, terms, where, fixed)
    values = np.random.default_rng(1).normal(size=n_values)
    expected = filled(n, n_values, places, elements, terms, where, fixed, values)
    room = np.concatenate([values, entries.constants])
    for data in (None, np.full(n, np.nan)):
        np.testing.assert_allclose(entries.fill(room, data), expected, rtol=1e-14, atol=1e-14)
    # The tables alone say the same.
    by_tables = room[entries.source] * entries.factors[entries.factor]
    more = room[entries.more_source] * entries.factors[entries.more_factor]
    np.add.at(by_tables, entries.more_place, more)
    np.testing.assert_allclose(by_tables, expected, rtol=1e-14, atol=1e-14)
    return entries


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_entries_that_repeat_and_others(data):
    """Stretches of one form, each entry one value further on, between stretches of none."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    places, elements, terms, at = [], [], [], 0
    n_values = 3000
    for _ in range(data.draw(st.integers(1, 4))):
        period = data.draw(st.integers(1, 9))
        times = data.draw(st.integers(1, 80))
        steps = rng.integers(0, 2, period)
        first = rng.integers(0, 500, period)
        twice = data.draw(st.integers(0, 3))
        for i in range(times):
            for j in range(period):
                for k in range(1 + (j < twice) * rng.integers(1, 3)):
                    places.append(at)
                    elements.append(first[j] + i * steps[j] + 7 * k)
                at += 1
        for _ in range(data.draw(st.integers(0, 90))):
            places.append(at)
            elements.append(rng.integers(0, n_values))
            at += 1
    where = np.arange(n_values)
    zeros = rng.integers(0, n_values, 40)
    where[zeros[:20]] = -1
    where[zeros[20:]] = -2 - rng.integers(0, 3, 20)
    middle = data.draw(st.integers(0, len(places)))
    order = rng.permutation(len(places)) if data.draw(st.booleans()) else np.arange(len(places))
    terms = [(middle, -0.5), (len(places), 1.0)]
    check(at, np.array(places)[order], np.array(elements)[order], terms, where, [0.5, 2, 0], 3000)


def test_a_stencil_is_made_of_runs():
    rows, columns = 40, 60
    n = rows * columns
    at = np.arange(5 * n)
    where = np.arange(n)
    elements = np.where(at % 5 == 2, at // 5, n + at % 5)
    where = np.concatenate([where, [-2, -2, -1, -3, -3]])
    entries = check(5 * n, at, elements, [(5 * n, 1.0)], where, [-1.0, 4.0], n)
    assert entries.repeated == 5 * n
    shuffled = np.random.default_rng(0).permutation(n)[elements[elements < n]]
    assert check(n, np.arange(n), shuffled, [(n, 2.0)], np.arange(n), [], n).repeated == 0


def test_entries_of_several_contributions_are_no_run():
    n = 400
    at = np.repeat(np.arange(n), 3)
    entries = check(n, at, np.tile(np.arange(3), n), [(3 * n, 1.0)], np.arange(3), [], 3)
    assert entries.repeated == 0 and entries.more_place.size == 2 * n


def part(m, n, seed, density=0.1):
    a = sp.random_array((m, n), density=density, format="csr", rng=np.random.default_rng(seed))
    a.data[:] = np.arange(1, a.nnz + 1)
    return a


@pytest.mark.parametrize("by_columns", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_the_structure_of_terms(seed, by_columns):
    rng = np.random.default_rng(seed)
    a, shape = part(60, 50, seed), (30, 45)
    if seed == 5:  # few long lines, in no order
        a, shape = part(60, 400, seed, 0.4), (3, 300)
    columns = rng.integers(-1, shape[1], a.shape[1]).astype(np.int32)
    terms = [(0, 20, rng.integers(-1, shape[0], 20)), (20, 60, rng.integers(-1, shape[0], 40)),
             (10, 30, rng.integers(-1, shape[0], 20))]  # fmt: skip
    start, items, place, entry, ends = _core.structure_of_terms(
        a.indptr.astype(np.int64), a.indices.astype(np.int32), columns, terms,
        shape[by_columns], by_columns,
    )  # fmt: skip
    expected = np.zeros(shape)
    flags = np.zeros(shape, bool)
    for first, last, rows in terms:
        x = sp.coo_array(a[first:last])
        kept = (rows[x.coords[0]] >= 0) & (columns[x.coords[1]] >= 0)
        i, j = rows[x.coords[0][kept]], columns[x.coords[1][kept]]
        np.add.at(expected, (i, j), x.data[kept])
        flags[i, j] = True
    data = np.zeros(len(items))
    np.add.at(data, place, a.data[entry])
    cls = sp.csc_array if by_columns else sp.csr_array
    found = cls((data, items, start), shape=shape)
    np.testing.assert_array_equal(found.toarray(), expected)
    assert len(items) == flags.sum() and found.has_sorted_indices and ends[-1] == len(place)


def test_rows_that_are_placed():
    source, rows = np.array([3, -1, 0]), np.array([7, 8, 9])
    np.testing.assert_array_equal(_core.placed_rows(source, rows, 5), [9, -1, -1, 7, -1])
    for bad in ((source, rows[:2], 5), (source, rows, 3)):
        with pytest.raises(ValueError, match="elements"):
            _core.placed_rows(*bad)


def pattern_of(a):
    a = sp.csr_array(a)
    return _sample.Pattern(
        a.indptr.astype(np.int64), a.indices.astype(np.int32), a.shape[1], True
    )


def test_a_sample_is_a_part_of_the_pattern():
    band = sp.diags_array([np.ones(20000)] * 3, offsets=(-1, 0, 1), shape=(20000, 20000))
    whole = pattern_of(band)
    sample = whole.sample()
    assert 0 < sample.items.size < 5000 and not sample.may_be_grid
    assert np.diff(sample.start).max() == 3 and len(sample.row_lengths) == sample.m
    small = pattern_of(sp.eye_array(100))
    assert small.sample() is small
    assert whole.fewest(1.5) == pytest.approx((3 * 20000 - 2) / 20000)
    assert pattern_of(sp.csr_array((3, 4))).fewest(1.5) == 0.0


def test_large_patterns_find_what_small_ones_do():
    """An arrow needs rows and columns; a sample of it says so."""

    def arrow(x):
        return np.concatenate([np.sum(x**2)[None], np.sin(x[1:]) * x[0]])

    for n in (50, 30_000):
        x = np.random.default_rng(0).normal(size=n)
        prepared = cd.sparse_jacobian(arrow, verify=True).prepare(x)
        assert sum(prepared.directions) <= 3

    def bumps(x):  # not cut: cumulative sums in blocks
        return np.cumsum(np.reshape(np.sin(x), (-1, 4)), axis=1)

    x = np.random.default_rng(0).normal(size=12_000)
    prepared = cd.sparse_jacobian(bumps, verify=True).prepare(x)
    assert sum(prepared.directions) <= 4
    v = np.random.default_rng(1).normal(size=x.size)
    expected = np.ravel(cd.jvp(bumps, (x,), (v,))[1])
    np.testing.assert_allclose(prepared(x) @ v, expected, rtol=1e-12)


COUNT = 700  # rows: enough for the program to write them as a table
RNG = np.random.default_rng(8)


def mapped(x, w):
    """Rows of one form, then others that read the same values."""
    one = lambda p, s: np.stack([np.sin(p[0]) * p[1] * s, np.exp(p[1] * s) + 2.0 * p[0]])
    rows = cd.vmap(one)(np.reshape(x, (-1, 2)), w)
    return rows, np.sin(x[:3]) * w[:3]


def all_of_mapped(x, w):
    return np.concatenate([np.reshape(y, (-1,)) for y in mapped(x, w)])


def dense_mapped(x, w):
    return np.concatenate(cd.jacobian(all_of_mapped, argnums=(0, 1))(x, w), axis=1)


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
@pytest.mark.parametrize("value", [False, True])
def test_tables_are_written_by_the_program(form, value):
    x, w = RNG.normal(size=2 * COUNT), RNG.normal(size=COUNT)
    prepared = cd.sparse_jacobian(mapped, (0, 1), format=form, has_value=value).prepare(x, w)
    tables = prepared._plan.workspace._tables
    assert tables.places if form != "csc" else True
    for sign in (1.0, -1.0):
        found = prepared(sign * x, w)
        if value:
            y, found = found
            np.testing.assert_array_equal(np.concatenate([np.ravel(v) for v in y]),
                                          all_of_mapped(sign * x, w))  # fmt: skip
        np.testing.assert_allclose(found.toarray(), dense_mapped(sign * x, w), rtol=1e-13)
        again = prepared(x, w, out=found)
        again = again[1] if value else again
        assert again is found
        np.testing.assert_allclose(found.toarray(), dense_mapped(x, w), rtol=1e-13)


def test_arguments_may_lie_where_tables_are_written():
    x, w = RNG.normal(size=40 * COUNT), RNG.normal(size=20 * COUNT)
    prepared = cd.sparse_jacobian(mapped, (0, 1)).prepare(x, w)
    want, out = prepared(x, w), prepared(x, w)
    assert prepared._plan.workspace._tables.places
    inside = out.data[: x.size]
    inside[:] = x
    assert (prepared(inside, w, out=out).data == want.data).all()
    held = out.data[: x.size]  # by the function itself
    held[:] = x
    f = lambda x, w: mapped(x * held, w)
    prepared = cd.sparse_jacobian(f, (0, 1)).prepare(x, w)
    want = prepared(x, w).data
    assert (prepared(x, w, out=out).data == want).all()
    with pytest.raises(ValueError, match="read-only"):
        out.data.flags.writeable = False
        prepared(x, w, out=out)


def test_values_of_tables_under_other_transformations():
    x, w = RNG.normal(size=2 * COUNT), RNG.normal(size=COUNT)
    prepared = cd.sparse_jacobian(mapped, (0, 1)).prepare(x, w)
    assert prepared._plan.workspace._tables.places
    np.testing.assert_allclose(cd.compile(prepared.values)(x, w), prepared.values(x, w), rtol=1e-14)
    v = RNG.normal(size=x.size)
    _, change = cd.jvp(lambda x: prepared.values(x, w), (x,), (v,))
    step = 1e-6
    numeric = (prepared.values(x + step * v, w) - prepared.values(x - step * v, w)) / (2 * step)
    np.testing.assert_allclose(change, numeric, rtol=1e-6, atol=1e-7)


def test_another_path_with_tables():
    f = lambda x, w: mapped(x, w) if x[0] > 0 else mapped(x**3, w)
    x, w = np.abs(RNG.normal(size=2 * COUNT)) + 0.1, RNG.normal(size=COUNT)
    prepared = cd.sparse_jacobian(f, (0, 1)).prepare(x, w)
    out = prepared(x, w)
    g = lambda x, w: mapped(x**3, w)
    want = cd.sparse_jacobian(g, (0, 1))(-x, w).toarray()
    np.testing.assert_allclose(prepared(-x, w, out=out).toarray(), want, rtol=1e-13)


def traced(f):
    """The most memory that a call takes at once, of what Python and NumPy ask for."""
    tracemalloc.start()
    f()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


@pytest.mark.parametrize("n", [3000, 60_000])
def test_calls_allocate_nothing_beyond_the_result(n):
    chained = lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2)
    residual = lambda x: x[2:] + x[:-2] - np.exp(x[1:-1])
    x, w = RNG.normal(size=n), RNG.normal(size=n // 2)
    for derivative, args in (
        (cd.sparse_hessian(chained), (x,)),
        (cd.sparse_jacobian(residual), (x,)),
        (cd.sparse_jacobian(mapped, (0, 1)), (x, w)),
    ):
        prepared = derivative.prepare(*args)
        out = prepared(*args)
        prepared(*args, out=out)
        pooled = _core.pool_info()
        assert traced(lambda: prepared(*args, out=out)) < 12_000  # noqa: B023 called at once
        assert traced(lambda: prepared(*args)) < out.data.nbytes + 12_000  # noqa: B023
        assert _core.pool_info() == pooled
