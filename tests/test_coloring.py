"""Colorings: valid, deterministic, and close to what is known to be the fewest."""

from itertools import product

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import cdiff as cd
from cdiff import _core


def csr(a):
    a = sp.csr_array(a)
    a.sum_duplicates()
    return a.indptr.astype(np.int64), a.indices.astype(np.int32)


def columns(a, **options):
    return _core.color_columns(*csr(a), a.shape[1], **options)


def valid_columns(a, colors):
    """No two columns of one color share a row."""
    group = sp.csr_array(
        (np.ones(a.shape[1]), (np.arange(a.shape[1]), colors)), shape=(a.shape[1], colors.max() + 1)
    )
    return ((sp.csr_array(a != 0).astype(int) @ group).toarray() <= 1).all()


def banded(n, low, high):
    return sp.csr_array(
        sp.diags_array([np.ones(n)] * (low + high + 1), offsets=range(-low, high + 1), shape=(n, n))
    )


def arrow(n):
    a = sp.lil_array((n, n))
    a[0, :] = 1
    a[:, 0] = 1
    a.setdiag(1)
    return sp.csr_array(a)


def grid(n, nine):
    line = banded(n, 1, 1)
    if nine:
        return sp.csr_array(sp.kron(line, line))
    eye = sp.eye_array(n)
    return sp.csr_array((sp.kron(line, eye) + sp.kron(eye, line)) != 0).astype(float)


def cube(n):
    line, eye = banded(n, 1, 1), sp.eye_array(n)
    total = sp.kron(sp.kron(line, eye), eye) + sp.kron(sp.kron(eye, line), eye)
    return sp.csr_array((total + sp.kron(sp.kron(eye, eye), line)) != 0).astype(float)


@pytest.mark.parametrize("ordering", _core.ORDERINGS)
@pytest.mark.parametrize("seed", range(4))
def test_every_ordering_gives_valid_colorings(ordering, seed):
    a = sp.random_array((60, 50), density=0.05, rng=np.random.default_rng(seed))
    colors = columns(a, orderings=(ordering,), rounds=0)
    used = np.diff(sp.csc_array(a).indptr) > 0
    assert (colors[~used] == -1).all() and (colors[used] >= 0).all()
    assert valid_columns(sp.csc_array(a)[:, used], colors[used])
    assert (columns(a, orderings=(ordering,), rounds=0) == colors).all()


def first_fit(a, order):
    """The smallest color that no column which shares a row has: what greedy means."""
    rows, by_column = sp.csr_array(a), sp.csc_array(a)
    colors = np.full(a.shape[1], -1)
    for v in order:
        taken = {-1}
        for r in by_column.indices[by_column.indptr[v] : by_column.indptr[v + 1]]:
            taken.update(colors[rows.indices[rows.indptr[r] : rows.indptr[r + 1]]].tolist())
        if len(taken) > 1 or by_column.indptr[v] < by_column.indptr[v + 1]:
            colors[v] = next(c for c in range(len(taken) + 1) if c not in taken)
    return colors


@pytest.mark.parametrize(("density", "words"), [(0.002, 1), (0.1, 2), (0.2, 4)])
def test_greedy_is_first_fit(density, words):
    a = sp.random_array((90, 400), density=density, rng=np.random.default_rng(2), format="csr")
    expected = first_fit(a, range(400))
    assert 64 * (words - 1) <= expected.max() < 64 * words  # colors that one word holds
    np.testing.assert_array_equal(columns(a, orderings=("natural",), rounds=0), expected)
    order = np.random.default_rng(6).permutation(400)
    found = columns(a, orderings=("random",), rounds=0, seed=6)
    np.testing.assert_array_equal(found, first_fit(a, order))


def numbered_at_random(a, seed=4):
    rng = np.random.default_rng(seed)
    a = sp.csr_array(a)[rng.permutation(a.shape[0])][:, rng.permutation(a.shape[1])]
    a.sort_indices()
    return sp.csr_array(a)


def scattered():
    """A mesh of more than 40,000 points that is numbered at random, in two pieces, with columns and
    rows that are empty, and a row that a hundred points share."""
    mesh = grid(180, nine=False)
    a = sp.block_array([[mesh, None, None], [None, mesh[:9000, :9000], None]], format="lil")
    a.resize((a.shape[0] + 40, a.shape[1] + 30))
    a[-1, 5000:5100] = 1.0
    return numbered_at_random(sp.csr_array(a))


def test_a_mesh_that_is_numbered_at_random():
    a = scattered()
    used = np.diff(sp.csc_array(a).indptr) > 0
    assert (~used).any() and a.shape[1] > 40_000
    natural = first_fit(a, range(a.shape[1]))
    np.testing.assert_array_equal(columns(a, orderings=("natural",), rounds=0), natural)
    for ordering in _core.ORDERINGS:
        colors = columns(a, orderings=(ordering,), rounds=0)
        assert (colors[~used] == -1).all() and (colors[used] >= 0).all()
        assert valid_columns(sp.csc_array(a)[:, used], colors[used])
        assert (columns(a, orderings=(ordering,), rounds=0) == colors).all()


def test_numbers_at_random_cost_no_colors():
    a = numbered_at_random(grid(210, nine=False))
    assert columns(a, orderings=_core.ORDERINGS).max() + 1 <= 7
    rows = numbered_at_random(sp.csr_array(a)[:, ::3])
    assert valid_columns(rows, columns(rows))


@pytest.mark.parametrize(
    ("a", "fewest", "slack"),
    [
        (banded(200, 1, 1), 3, 0),
        (banded(200, 3, 2), 6, 0),
        (arrow(50), 50, 0),
        (grid(30, nine=True), 9, 0),
        (grid(30, nine=False), 5, 0),
        (grid(31, nine=False), 5, 0),
        (cube(8), 7, 0),
        (sp.eye_array(10), 1, 0),
    ],
)
def test_known_optima(a, fewest, slack):
    colors = columns(a, orderings=_core.ORDERINGS)
    assert valid_columns(a, colors)
    assert fewest <= colors.max() + 1 <= fewest + slack


def stencil(shape, steps):
    """Each point of a regular grid and those that are these steps away."""
    at = np.indices(shape).reshape(len(shape), -1)
    numbers = np.arange(at.shape[1]).reshape(shape)
    a = sp.lil_array((at.shape[1], at.shape[1]))
    for step in steps:
        to = at + np.array(step)[:, None]
        inside = ((to >= 0) & (to < np.array(shape)[:, None])).all(axis=0)
        a[np.flatnonzero(inside), numbers[tuple(to[:, inside])]] = 1
    return sp.csr_array(a)


def ball(dimensions, radius):
    """All steps of this length at most, by the sum of their parts."""
    reach = range(-radius, radius + 1)
    return [s for s in product(reach, repeat=dimensions) if sum(map(abs, s)) <= radius]


@pytest.mark.parametrize(
    ("shape", "steps"),
    [
        *[((n, m), ball(2, 1)) for n, m in ((4, 4), (9, 23), (60, 50), (2, 40))],
        *[((n, m), ball(2, 2)) for n, m in ((12, 9), (30, 41))],
        *[((n, m), list(product((-1, 0, 1), repeat=2))) for n, m in ((12, 9), (30, 41))],
        ((9, 11), [(0, 0), (0, 1), (1, 0)]),
        *[((n, m, k), ball(3, 1)) for n, m, k in ((8, 8, 8), (5, 12, 7))],
    ],
)
@pytest.mark.parametrize("orderings", [("natural",), ("random",)])
def test_stencils_get_the_fewest_there_can_be(shape, steps, orderings):
    """Even where greedy colors in this order are more."""
    a = stencil(shape, steps)
    fewest = np.diff(a.indptr).max()
    colors = columns(a, orderings=orderings, rounds=1)
    assert valid_columns(a, colors) and colors.max() + 1 == fewest
    if orderings == ("random",):
        assert columns(a, orderings=orderings, rounds=1, grids=False).max() + 1 > fewest


def test_what_only_looks_like_a_grid():
    """A row that the sampled ones say nothing of: what does not fit is not taken."""
    a = stencil((70, 40), ball(2, 1)).tolil()
    a[1234] = a[1300]
    a[1234, [0, 5, 10, 15, 20]] = 1
    colors = columns(sp.csr_array(a))
    assert valid_columns(sp.csr_array(a), colors)
    ring = stencil((20, 20), [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (0, 19), (0, -19)])
    assert valid_columns(ring, columns(ring))


def edges(pairs):
    """A row for each edge of a graph: columns that share no row are vertices that share no edge."""
    pairs = sorted({tuple(sorted(p)) for p in pairs})
    a = np.zeros((len(pairs), 1 + max(j for _, j in pairs)))
    for k, p in enumerate(pairs):
        a[k, list(p)] = 1
    return sp.csr_array(a)


def queen(n):
    at = [(i, j) for i in range(n) for j in range(n)]
    return [
        (n * i + j, n * k + m)
        for i, j in at
        for k, m in at
        if (i, j) != (k, m) and (i == k or j == m or abs(i - k) == abs(j - m))
    ]


def mycielski(k):
    """Graphs without triangles that need k colors."""
    pairs, n = [(0, 1)], 2
    for _ in range(k - 2):
        pairs += [(i, n + j) for i, j in pairs] + [(j, n + i) for i, j in pairs]
        pairs += [(n + i, 2 * n) for i in range(n)]
        n = 2 * n + 1
    return pairs


# Curtis, Powell, Reid 1974 and Coleman, More 1983 made columns out of vertices like this. The
# numbers for queens are those of the DIMACS collection.
@pytest.mark.parametrize(
    ("pairs", "fewest"),
    [
        *[(mycielski(k), k) for k in (3, 4, 5, 6, 7)],
        (queen(5), 5),
        (queen(6), 7),
        (queen(7), 7),
        (queen(8), 9),
        ([(i, (i + 1) % 9) for i in range(9)], 3),
        ([(i, (i + s) % 13) for i in range(13) for s in (1, 5)], 4),
        ([(i, j) for i in range(12) for j in range(12) if i % 3 != j % 3], 3),
    ],
)
def test_published_graphs(pairs, fewest):
    a = edges(pairs)
    colors = columns(a, orderings=_core.ORDERINGS)
    assert valid_columns(a, colors)
    assert fewest <= colors.max() + 1 <= fewest + 1


def test_enough_is_enough():
    a = grid(20, nine=False)
    known = columns(a).max() + 1
    assert valid_columns(a, columns(a, fewest=known + 3))
    assert known <= columns(a, fewest=known + 3).max() + 1 <= known + 3
    assert valid_columns(a, columns(a, grids=False))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=60))
def test_any_small_pattern(places):
    a = np.eye(12)
    for i, j in places:
        a[i, j] = 1
    assert valid_columns(sp.csr_array(a), columns(sp.csr_array(a)))


def test_a_coloring_with_a_conflict_is_seen():
    """The checks above can fail."""
    assert not valid_columns(banded(9, 1, 1), np.zeros(9, int))


def test_bad_input():
    start, items = csr(banded(5, 1, 1))
    with pytest.raises(ValueError, match="columns"):
        _core.color_columns(start, items, 3)
    with pytest.raises(ValueError, match="ordering"):
        _core.color_columns(start, items, 5, orderings=("alphabetic",))
    with pytest.raises(ValueError, match="rise"):
        _core.color_columns(start[::-1].copy(), items, 5)
    assert _core.color_columns(np.zeros(1, np.int64), np.zeros(0, np.int32), 0).size == 0


def test_a_pattern_with_duplicates_stays_as_it_is():
    a = sp.csr_array((np.arange(1.0, 6), np.array([2, 0, 0, 1, 1]), np.array([0, 3, 5])), (2, 3))
    before = a.indptr.copy(), a.indices.copy(), a.data.copy()
    assert (cd.sparse.color(a) == [0, 0, 1]).all()
    f = lambda x: np.stack([x[0] * x[2], x[1] ** 2])
    assert cd.sparse_jacobian(f, pattern=a)(np.arange(1.0, 4)).nnz == 3
    for x, y in zip((a.indptr, a.indices, a.data), before, strict=True):
        np.testing.assert_array_equal(x, y)
