# Coloring of symmetric patterns, and of rows and columns together.
#
# Knows patterns in CSR form and nothing else.  The vertices of a symmetric pattern are
# colored so that any two colors meet in stars (a star coloring: each entry can be read
# off directly) or in trees (an acyclic coloring: fewer colors, and entries are found
# one after the other by substitution).  Rows and columns of any pattern are the
# vertices of a symmetric one, so the same star coloring colors both sides of it
# (Gebremedhin, Manne, Pothen, SIAM Review 47, 2005; Gebremedhin, Tarafdar, Manne,
# Pothen, SIAM J. Sci. Comput. 29, 2007).  Greedy; the time is the sum of the squares
# of the row lengths.  What is read where is reading.pxi's.

cdef enum:
    NEUTRAL = -2                  # the color of a vertex whose direction nobody needs


cdef class _TwoColored:
    """A coloring in the making; edges that two colors share are in sets."""
    cdef _Bipartite g
    cdef np.ndarray hold
    cdef int32_t *color
    cdef int32_t *forbidden       # of each color: for which vertex
    cdef int32_t *first_vertex    # of each color: by which vertex it was seen, and
    cdef int64_t *first_edge      # the edge to the first neighbour with that color
    cdef int64_t *edge            # of each entry: the first of the two that are its edge

    cdef int open(self, _Bipartite g, Py_ssize_t per_vertex, Py_ssize_t per_entry) except -1:
        """Room for the arrays above and so many more, which follow `edge`; filled with -1."""
        cdef Py_ssize_t n = g.n + 1, entries = g.row_items.size, j
        self.g = g
        self.hold = np.full((4 + per_vertex) * n + (1 + per_entry) * entries, -1, np.int64)
        self.first_edge = <int64_t *>np.PyArray_DATA(self.hold)
        self.color = <int32_t *>(self.first_edge + n)
        self.forbidden = <int32_t *>(self.first_edge + 2 * n)
        self.first_vertex = <int32_t *>(self.first_edge + 3 * n)
        self.edge = self.first_edge + (4 + per_vertex) * n
        find_mirrors(g, self.edge)
        for j in range(entries):
            self.edge[j] = j if j < self.edge[j] else self.edge[j]
        return 0

    cdef void look(self, int32_t v, int64_t j) noexcept nogil:
        """What the colored neighbour at entry j forbids."""

    cdef void forbid_around(self, int32_t v, int32_t w) noexcept nogil:
        """v cannot have the color of any neighbour of w."""
        cdef int64_t j
        for j in range(self.g.rs[w], self.g.rs[w + 1]):
            if self.g.ri[j] != v and self.color[self.g.ri[j]] >= 0:
                self.forbidden[self.color[self.g.ri[j]]] = v

    cdef void join(self, int32_t v, int64_t j) noexcept nogil:
        """Put the edge to the colored neighbour at entry j into its set."""

    cdef inline bint counts(self, int32_t v, int64_t j) noexcept nogil:
        return self.g.ri[j] != v and self.color[self.g.ri[j]] >= 0

    cdef void step(self, int32_t v, int32_t first) noexcept nogil:
        """Give v the smallest color from `first` on that it can have."""
        cdef int64_t j
        cdef int32_t c = first
        for j in range(self.g.rs[v], self.g.rs[v + 1]):
            if self.counts(v, j):
                self.forbidden[self.color[self.g.ri[j]]] = v
        for j in range(self.g.rs[v], self.g.rs[v + 1]):
            if self.counts(v, j):
                self.look(v, j)
            elif self.color[self.g.ri[j]] == NEUTRAL:
                # Its entries are read from the directions of its neighbours only.
                self.forbid_around(v, self.g.ri[j])
        while self.forbidden[c] == v:
            c += 1
        self.color[v] = c
        for j in range(self.g.rs[v], self.g.rs[v + 1]):
            if self.counts(v, j):
                self.join(v, j)


@cython.final
cdef class _Stars(_TwoColored):
    """Any two colors meet in stars only.

    The hub of a star is a vertex, or -1 while it is a single edge.
    """
    cdef int32_t *treated
    cdef int32_t *first_neighbor  # of each color, as first_edge
    cdef int64_t *star            # of each edge
    cdef int32_t *hub             # of each star
    cdef int64_t n_stars

    def __init__(self, _Bipartite g not None):
        cdef Py_ssize_t n = g.n + 1, entries = g.row_items.size
        self.open(g, 2, 2)
        self.treated = <int32_t *>(self.first_edge + 4 * n)
        self.first_neighbor = <int32_t *>(self.first_edge + 5 * n)
        self.star = self.edge + entries
        self.hub = <int32_t *>(self.star + entries)

    cdef void look(self, int32_t v, int64_t j) noexcept nogil:
        cdef int32_t w = self.g.ri[j], x, c = self.color[w]
        cdef int64_t k
        if self.first_vertex[c] == v:
            if self.treated[self.first_neighbor[c]] != v:
                self.treated[self.first_neighbor[c]] = v
                self.forbid_around(v, self.first_neighbor[c])
            self.treated[w] = v
            self.forbid_around(v, w)
            return
        self.first_vertex[c] = v
        self.first_neighbor[c] = w
        self.first_edge[c] = self.edge[j]
        for k in range(self.g.rs[w], self.g.rs[w + 1]):
            x = self.g.ri[k]
            if x != v and x != w and self.color[x] >= 0 \
                    and self.hub[self.star[self.edge[k]]] == x:
                self.forbidden[self.color[x]] = v

    cdef void join(self, int32_t v, int64_t j) noexcept nogil:
        cdef int32_t w = self.g.ri[j], x, c = self.color[w]
        cdef int64_t k
        for k in range(self.g.rs[w], self.g.rs[w + 1]):
            x = self.g.ri[k]
            if x != v and x != w and self.color[x] == self.color[v]:
                self.hub[self.star[self.edge[k]]] = w
                self.star[self.edge[j]] = self.star[self.edge[k]]
                return
        if self.first_vertex[c] == v and self.first_neighbor[c] != w:
            self.hub[self.star[self.first_edge[c]]] = v
            self.star[self.edge[j]] = self.star[self.first_edge[c]]
            return
        self.hub[self.n_stars] = -1
        self.star[self.edge[j]] = self.n_stars
        self.n_stars = self.n_stars + 1


@cython.final
cdef class _Trees(_TwoColored):
    """Any two colors meet in trees only: disjoint sets of edges, by pointers to a parent."""
    cdef int64_t *parent          # of each edge; of a root -1
    cdef int32_t *seen_by         # of each root: the vertex that came to the tree last, and
    cdef int32_t *seen_from       # the neighbour that it came from

    def __init__(self, _Bipartite g not None):
        cdef Py_ssize_t entries = g.row_items.size
        self.open(g, 0, 3)
        self.parent = self.edge + entries
        self.seen_by = <int32_t *>(self.edge + 2 * entries)
        self.seen_from = <int32_t *>(self.edge + 3 * entries)

    cdef int64_t root(self, int64_t e) noexcept nogil:
        """The root of an edge's tree; the way to it is halved."""
        while self.parent[e] >= 0:
            if self.parent[self.parent[e]] >= 0:
                self.parent[e] = self.parent[self.parent[e]]
            e = self.parent[e]
        return e

    cdef void unite(self, int64_t a, int64_t b) noexcept nogil:
        a, b = self.root(a), self.root(b)
        if a != b:
            self.parent[a] = b

    cdef void look(self, int32_t v, int64_t j) noexcept nogil:
        """Forbid the colors that would close a cycle: the same tree is met from two neighbours."""
        cdef int32_t w = self.g.ri[j], x
        cdef int64_t k, e
        for k in range(self.g.rs[w], self.g.rs[w + 1]):
            x = self.g.ri[k]
            if x == w or self.color[x] < 0 or self.forbidden[self.color[x]] == v:
                continue
            e = self.root(self.edge[k])
            if self.seen_by[e] != v:
                self.seen_by[e] = v
                self.seen_from[e] = w
            elif self.seen_from[e] != w:
                self.forbidden[self.color[x]] = v

    cdef void join(self, int32_t v, int64_t j) noexcept nogil:
        cdef int32_t w = self.g.ri[j], x, c = self.color[w]
        cdef int64_t k
        if self.first_vertex[c] == v:
            self.unite(self.edge[j], self.first_edge[c])
        else:
            self.first_vertex[c] = v
            self.first_edge[c] = self.edge[j]
        for k in range(self.g.rs[w], self.g.rs[w + 1]):
            x = self.g.ri[k]
            if x != v and x != w and self.color[x] == self.color[v]:
                self.unite(self.edge[j], self.edge[k])


cdef np.ndarray greedy_vertices(_Bipartite g, np.ndarray order, bint acyclic,
                                Py_ssize_t n_columns, np.ndarray needed):
    """Colors in an order; vertices from n_columns on have colors of their own, from there on, and
    those that are not needed the color g.n."""
    cdef _TwoColored s = _Trees(g) if acyclic else _Stars(g)
    cdef np.ndarray colors = np.empty(g.n, np.int32)
    cdef int32_t *out = <int32_t *>np.PyArray_DATA(colors)
    cdef const int32_t *at = <const int32_t *>np.PyArray_DATA(order)
    cdef const uint8_t *taken = <const uint8_t *>np.PyArray_DATA(needed)
    cdef Py_ssize_t k
    with nogil:
        for k in range(g.n):
            if not taken[k]:
                s.color[k] = NEUTRAL
        for k in range(g.n):
            if taken[at[k]]:
                s.step(at[k], 0 if at[k] < n_columns else <int32_t>n_columns)
        for k in range(g.n):
            out[k] = s.color[k] if taken[k] else <int32_t>g.n
    return colors


cdef np.ndarray covering(_Bipartite g, Py_ssize_t n_columns):
    """Few vertices such that each edge has one of them: those with the most edges that are left, as
    long as these are several; then columns."""
    cdef np.ndarray place = np.empty(g.n, np.int64)
    place[dynamic_order(g, ORDER_DYNAMIC_LARGEST, True)] = np.arange(g.n)
    v = np.repeat(np.arange(g.n), np.diff(g.row_start))
    w = g.row_items
    needed = np.bincount(v[place[w] > place[v]], minlength=g.n) > 1
    rest = v[~needed[v] & ~needed[w]]
    needed[rest[rest < n_columns]] = True
    return needed


cdef _Reading best_reading(_Bipartite g, orderings, bint acyclic, Py_ssize_t n_columns, seed,
                           double backward):
    """The coloring with the least work; `backward` is that of a color of the vertices from
    n_columns on."""
    cdef _Reading best = None, found
    cdef list choices = [np.ones(g.n, bool)]
    if n_columns < g.n:
        choices.append(covering(g, n_columns))
    for ordering in orderings:
        order = column_order(g, ordering, seed, True, None)
        for needed in choices:
            colors = greedy_vertices(g, order, acyclic, n_columns, needed)
            found = _Reading(g, colors, n_columns, backward)
            if best is None or found.work < best.work:
                best = found
    if best is None:
        raise ValueError("coloring: no ordering given")
    return best


def color_symmetric(start, items, Py_ssize_t n, orderings=("natural", "smallest_last"),
                    acyclic=False, seed=0):
    """(colors, flipped, steps, depth): a coloring of the vertices of a symmetric pattern.

    A star coloring (entries are read off directly) or an acyclic one (by substitution); vertices
    whose direction is not needed get -1.  `flipped` says which entries are read as their mirror
    image, `steps` (targets, sources) what is to be subtracted from which entry, in this order, and
    `depth` how many subtractions depend on one another.
    """
    cdef _Bipartite g = _Bipartite(start, items, n)
    cdef _Reading found = best_reading(g, orderings, acyclic, n, seed, 1.0)
    return found.colors, found.flipped, (found.targets, found.sources), found.depth


def color_both(start, items, Py_ssize_t n, orderings=("natural", "smallest_last"), seed=0,
               double backward=1.0):
    """(rows, columns, by_row): colors of rows and of columns such that each entry can be read off,
    and which entries are read from the colors of rows.

    Lines whose direction is not needed get -1.  `backward` is the work of a color of rows, where
    that of a color of columns is 1.
    """
    cdef _Bipartite g = _Bipartite(start, items, n)
    cdef Py_ssize_t entries = g.row_items.size
    cdef _Reading found
    whole = _Bipartite(np.concatenate([g.column_start, entries + g.row_start[1:]]),
                       np.concatenate([g.column_items + n, g.row_items]), n + g.m)
    found = best_reading(whole, orderings, False, n, seed, backward)
    return found.colors[n:], found.colors[:n], found.flipped[entries:]
