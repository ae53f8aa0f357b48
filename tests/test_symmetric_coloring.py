"""Colorings of symmetric matrices and of both sides: entries are recovered, and few colors needed.

Recovery is done here with numbers: a random matrix is multiplied with the seeds and rebuilt from
the products alone. Optima are those of the literature, and of a full search for small graphs.
"""

from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from test_coloring import arrow, banded, csr, cube, grid

from cdiff import _core

RNG = np.random.default_rng(4)


def seeds(colors):
    """A column of ones and zeros for each color."""
    return (colors[:, None] == np.arange(colors.max(initial=-1) + 1)).astype(float)


def random_symmetric(a):
    values = sp.csr_array(a).astype(float).toarray() * RNG.uniform(0.5, 2.0, a.shape)
    return np.tril(values) + np.tril(values, -1).T


def recovered(a, colors, flipped, steps):
    """The matrix from its products with the seeds, as a preparation reads it."""
    start, items = csr(a)
    rows = np.repeat(np.arange(a.shape[0]), np.diff(start))
    values = random_symmetric(a)
    products = values @ seeds(colors)
    data = np.where(
        flipped, products[items, colors[rows]], products[rows, colors[items]]
    )  # fmt: skip
    for target, source in zip(*steps, strict=True):
        data[target] -= data[source]
    return values, sp.csr_array((data, items, start), shape=a.shape).toarray()


def check_symmetric(a, **options):
    """Color, recover, compare; the number of colors."""
    colors, flipped, steps, depth = _core.color_symmetric(*csr(a), a.shape[0], **options)
    values, found = recovered(a, colors, flipped, steps)
    np.testing.assert_allclose(found, values, rtol=1e-11, atol=1e-11)
    if not options.get("acyclic"):
        assert depth == 0 and not len(steps[0])
        np.testing.assert_array_equal(found, values * (found != 0))
    return colors.max(initial=-1) + 1


def check_both(a, **options):
    """The same for rows and columns together; how many colors there are of each."""
    start, items = csr(a)
    rows, columns, by_row = _core.color_both(start, items, a.shape[1], **options)
    line = np.repeat(np.arange(a.shape[0]), np.diff(start))
    values = sp.csr_array(a).astype(float).toarray() * RNG.uniform(0.5, 2.0, a.shape)
    forward, backward = values @ seeds(columns), seeds(rows).T @ values
    data = np.array(
        [backward[rows[r], c] if b else forward[r, columns[c]]
         for r, c, b in zip(line, items, by_row, strict=True)]
    )  # fmt: skip
    found = sp.csr_array((data, items, start), shape=a.shape).toarray()
    np.testing.assert_array_equal(found, values)
    return rows.max(initial=-1) + 1, columns.max(initial=-1) + 1


def matrix(text):
    return sp.csr_array(np.array([[int(x) for x in line] for line in text.split()], float))


def graph(n, edges):
    a = np.eye(n)
    for i, j in edges:
        a[i, j] = a[j, i] = 1
    return sp.csr_array(a)


def cycle(n):
    return graph(n, [(i, (i + 1) % n) for i in range(n)])


def bipartite(m, n):
    return graph(m + n, [(i, m + j) for i in range(m) for j in range(n)])


# Gebremedhin, Manne, Pothen: What color is your Jacobian? (2005), figures 4.1 and 6.1; the latter
# is also figure 1 of Gebremedhin, Pothen, Tarafdar, Walther (INFORMS J. Comput. 21, 2009).
FIGURE_4 = matrix("110000 111011 011100 001101 010010 010101")
FIGURE_6 = matrix(
    "1100001000 1110100000 0111010000 0011000001 0100110100"
    " 0010110010 1000001100 0000101110 0000010111 0001000011"
)
PETERSEN = graph(
    10,
    [(i, (i + 1) % 5) for i in range(5)]
    + [(i, i + 5) for i in range(5)]
    + [(5 + i, 5 + (i + 2) % 5) for i in range(5)],
)
CUBE = graph(8, [(i, i ^ b) for i in range(8) for b in (1, 2, 4) if i < i ^ b])

# Name: matrix, the fewest colors of a star coloring and of an acyclic one. Bands: Coleman and More
# 1984, Coleman and Cai 1986; cycles, bipartite graphs and grids: Fertin, Raspaud, Reed 2004, and
# Fertin, Godard, Raspaud 2003.
KNOWN = {
    "tridiagonal": (banded(40, 1, 1), 3, 2),
    "five bands": (banded(60, 2, 2), 5, 3),
    "eleven bands": (banded(90, 5, 5), 11, 6),
    "arrow": (arrow(40), 2, 2),
    "cycle of 5": (cycle(5), 4, 3),
    "cycle of 9": (cycle(9), 3, 3),
    "cycle of 12": (cycle(12), 3, 3),
    "complete": (graph(7, combinations(range(7), 2)), 7, 7),
    "bipartite": (bipartite(4, 6), 5, 5),
    "5-point": (grid(20, nine=False), 5, 3),
    "figure 4.1": (FIGURE_4, 3, 3),
    "figure 6.1": (FIGURE_6, 4, 3),
    "diagonal": (sp.csr_array(sp.eye_array(9)), 1, 1),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_optima(name):
    a, star, acyclic = KNOWN[name]
    assert star <= check_symmetric(a, orderings=_core.ORDERINGS) <= star + 1
    assert acyclic <= check_symmetric(a, orderings=_core.ORDERINGS, acyclic=True) <= acyclic + 1


def meets_in_stars(edges, colors):
    """No path of four vertices in two colors."""
    return is_forest(edges, colors, most=3)


def is_forest(edges, colors, most=None):
    """No cycle in two colors, and (for stars) no two vertices of a tree that have several edges."""
    for pair in combinations(sorted(set(colors)), 2):
        inside = [(i, j) for i, j in edges if {colors[i], colors[j]} == set(pair)]
        parent = {v: v for e in inside for v in e}

        def root(v, parent=parent):
            while parent[v] != v:
                v = parent[v]
            return v

        for i, j in inside:
            if root(i) == root(j):
                return False
            parent[root(i)] = root(j)
        degree = np.bincount([v for e in inside for v in e], minlength=len(colors))
        if most and any(degree[i] > 1 and degree[j] > 1 for i, j in inside):
            return False
    return True


def fewest(a, valid):
    """By exhaustive search: the fewest colors of a coloring that is valid."""
    n = a.shape[0]
    edges = [(i, j) for i, j in zip(*np.nonzero(a.toarray()), strict=True) if i < j]

    def extend(colors, k):
        v = len(colors)
        if v == n:
            return True
        inside = [(i, j) for i, j in edges if j < v + 1]
        for c in range(min(max(colors, default=-1) + 2, k)):
            trial = [*colors, c]
            proper = all(trial[i] != trial[j] for i, j in inside)
            if proper and valid(inside, trial) and extend(trial, k):
                return True
        return False

    return next(k for k in range(1, n + 1) if extend([], k))


@pytest.mark.parametrize("name", ["figure 4.1", "figure 6.1", "cycle of 5", "cycle of 9"])
def test_the_optima_are_what_the_literature_says(name):
    a, star, acyclic = KNOWN[name]
    assert fewest(a, meets_in_stars) == star
    assert fewest(a, is_forest) == acyclic


@pytest.mark.parametrize("a", [PETERSEN, CUBE, graph(6, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)])])
def test_small_graphs_are_within_one_of_the_optimum(a):
    star, acyclic = fewest(a, meets_in_stars), fewest(a, is_forest)
    assert star <= check_symmetric(a, orderings=_core.ORDERINGS) <= star + 1
    assert acyclic <= check_symmetric(a, orderings=_core.ORDERINGS, acyclic=True) <= acyclic + 1


@pytest.mark.parametrize("ordering", _core.ORDERINGS)
@pytest.mark.parametrize("acyclic", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_every_ordering_gives_all_entries(ordering, acyclic, seed):
    a = sp.random_array((60, 60), density=0.04, rng=np.random.default_rng(seed))
    a = sp.csr_array((a + a.T + (sp.eye_array(60) if seed % 2 else 0 * a)) != 0).astype(float)
    check_symmetric(a, orderings=(ordering,), acyclic=acyclic)
    again = [_core.color_symmetric(*csr(a), 60, (ordering,), acyclic)[0] for _ in range(2)]
    assert (again[0] == again[1]).all()
    b = sp.random_array((40, 70), density=0.05, rng=np.random.default_rng(seed))
    check_both(sp.csr_array(b != 0), orderings=(ordering,))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12)), max_size=60))
def test_any_small_pattern(places):
    a = np.zeros((10, 13))
    for i, j in places:
        a[i, j] = 1
    check_both(sp.csr_array(a))
    s = sp.csr_array(a[:, :10] + a[:, :10].T)
    assert check_symmetric(s, acyclic=True) <= check_symmetric(s) + 1


@pytest.mark.parametrize(
    ("a", "most"),
    [
        (arrow(60), 3),
        (sp.csr_array(arrow(60) - sp.diags_array([0.0, *np.ones(59)])), 2),
        (sp.csr_array(sp.vstack([np.ones((2, 30)), sp.eye_array(30)])), 3),
        (sp.csr_array(sp.hstack([np.ones((30, 3)), sp.eye_array(30)])), 4),
        (banded(50, 1, 1), 4),
        (sp.csr_array((20, 30)), 0),
    ],
)
def test_both_sides_together_need_few_colors(a, most):
    assert sum(check_both(a, orderings=_core.ORDERINGS)) <= most


def test_directions_that_nobody_needs_are_left_out():
    """Without a diagonal one of the two sides of a bipartite graph is enough."""
    a = bipartite(3, 8)
    a.setdiag(0)
    a.eliminate_zeros()
    colors = _core.color_symmetric(*csr(a), 11)[0]
    assert colors.max() + 1 == 3 and (colors == -1).sum() == 8


def test_a_chain_is_as_deep_as_it_is_long():
    for n in (2, 5, 40):
        *_, steps, depth = _core.color_symmetric(*csr(banded(n, 1, 1)), n, acyclic=True)
        assert len(steps[0]) == 2 * max(n - 3, 0)
        assert depth == (n - 2) // 2


def test_subtractions_see_when_digits_are_lost():
    places = np.array([1]), np.array([0])
    room = np.empty(2)
    for pair, kept in (([1.0, 3.0], True), ([1.0, 1.0 + 1e-5], False), ([0.0, 0.0], True),
                       ([np.inf, np.inf], False), ([1.0, np.nan], False), ([1e3, 1e3 + 4], True),
                       ([1.0, np.inf], True)):  # fmt: skip
        data = np.array(pair)
        assert _core.subtract_in_order(data, *places, room) == kept
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(data[1], np.subtract(pair[1], pair[0]))


def test_the_exhaustive_search_and_the_recovery_can_fail():
    edges = [(0, 1), (1, 2), (2, 3)]
    assert not meets_in_stars(edges, [0, 1, 0, 1]) and is_forest(edges, [0, 1, 0, 1])
    assert not is_forest([*edges, (0, 3)], [0, 1, 0, 1])
    a = banded(9, 1, 1)
    colors, flipped, steps, _ = _core.color_symmetric(*csr(a), 9, acyclic=True)
    values, found = recovered(a, colors, flipped, (steps[0][:-2], steps[1][:-2]))
    assert not np.allclose(values, found)


def test_bad_input():
    with pytest.raises(ValueError, match="symmetric"):
        _core.color_symmetric(*csr(banded(5, 0, 1)), 5)
    with pytest.raises(ValueError, match="ordering"):
        _core.color_symmetric(*csr(banded(5, 1, 1)), 5, orderings=())
    with pytest.raises(ValueError, match="ordering"):
        _core.color_both(*csr(banded(5, 1, 1)), 5, orderings=("alphabetic",))
    with pytest.raises(ValueError, match="columns"):
        _core.color_both(*csr(banded(5, 1, 1)), 3)
    assert _core.color_symmetric(np.zeros(1, np.int64), np.zeros(0, np.int32), 0)[0].size == 0
    assert [x.size for x in _core.color_both(np.zeros(3, np.int64), np.zeros(0, np.int32), 4)] == [
        2, 4, 0
    ]  # fmt: skip


def test_three_dimensions():
    assert 4 <= check_symmetric(cube(6), orderings=_core.ORDERINGS, acyclic=True) <= 6
