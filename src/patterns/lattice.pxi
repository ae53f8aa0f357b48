# Periodic colorings of what looks like a stencil on a regular grid.
#
# Knows patterns in CSR form and nothing else; it must not know orders of columns.  The distances of
# columns that share a row, in some of the rows, tell which side lengths a grid could have; a color
# is then (x + a y + b z) mod k.  Whether a coloring is right is decided by looking at every row.
# Fast because a grid is known by a few numbers: only the colors and the look at the rows cost time
# in proportion to the pattern, a few nanoseconds for each entry, and the greedy orders, which
# cost ten times that and more, need not be tried where a grid has the fewest colors there can be.

cdef enum:
    MOST_DIFFERENCES = 96         # between columns that share a row, on what may be a regular grid
    DIFFERENCE_SLOTS = 256        # of a table with room for these, and gaps
    MOST_SIDES = 32               # distances that may be the side of a grid
    ROWS_LOOKED_AT = 256


cdef struct Lattice:
    int64_t apart[MOST_DIFFERENCES]   # distances of columns that share a row, ascending
    int32_t x[MOST_DIFFERENCES]       # the same as steps along three axes, mod k
    int32_t y[MOST_DIFFERENCES]
    int32_t z[MOST_DIFFERENCES]
    int count
    int64_t outer                     # columns from one plane to the next; 1 if there is one plane
    int64_t inner                     # and from one line to the next
    int32_t k                         # colors
    int32_t a                         # by which a color changes from line to line
    int32_t b                         # and from plane to plane


cdef np.ndarray differences(_Bipartite g):
    """All distances of two columns in some of the rows, ascending; none if these are too many for a
    grid."""
    cdef np.ndarray found = np.zeros(DIFFERENCE_SLOTS, np.int64)
    cdef int64_t *table = <int64_t *>np.PyArray_DATA(found)
    cdef Py_ssize_t r, step = g.m // ROWS_LOOKED_AT + 1
    cdef int64_t j, i, d
    cdef int slot, count = 0
    for r in range(0, g.m, step):
        if g.rs[r + 1] - g.rs[r] > MOST_DIFFERENCES:
            return np.empty(0, np.int64)
        for j in range(g.rs[r], g.rs[r + 1]):
            for i in range(g.rs[r], j):
                d = g.ri[j] - <int64_t>g.ri[i]
                d = -d if d < 0 else d
                slot = <int>(d % DIFFERENCE_SLOTS)
                while table[slot] != 0 and table[slot] != d:
                    slot = (slot + 1) % DIFFERENCE_SLOTS
                if table[slot] != d:
                    if count == MOST_DIFFERENCES:
                        return np.empty(0, np.int64)
                    count += 1
                    table[slot] = d
    return np.sort(found[found != 0])


cdef list grid_sides(np.ndarray apart):
    """Pairs (outer, inner) that may be the sides of a grid with these distances."""
    cdef list sides = [(1, 1)], large = [s for s in apart.tolist() if s > 2]
    if len(large) <= MOST_SIDES:
        sides += [(s, 1) for s in large]
    if 2 * len(large) <= MOST_SIDES:
        sides += [(s, t) for s in large for t in large if t < s]
    return sides


cdef int64_t nearest(int64_t distance, int64_t side) noexcept nogil:
    """How often a side goes into a distance, to the nearest, towards zero from the middle."""
    cdef int64_t size = -distance if distance < 0 else distance
    size = (2 * size + side - 1) // (2 * side)
    return -size if distance < 0 else size


cdef bint fit_lattice(Lattice *t) noexcept nogil:
    """Find the first a and b with which no two columns at one of the distances share a color."""
    cdef int64_t y, z, rest
    cdef int i
    for i in range(t.count):
        z = nearest(t.apart[i], t.outer) if t.outer > 1 else 0
        rest = t.apart[i] - z * t.outer
        y = nearest(rest, t.inner) if t.inner > 1 else 0
        rest -= y * t.inner
        t.x[i] = <int32_t>(rest % t.k + t.k) % t.k
        t.y[i] = <int32_t>(y % t.k + t.k) % t.k
        t.z[i] = <int32_t>(z % t.k)
    for t.a in range(t.k if t.inner > 1 else 1):
        for t.b in range(t.k if t.outer > 1 else 1):
            for i in range(t.count):
                if (t.x[i] + t.a * t.y[i] + t.b * t.z[i]) % t.k == 0:
                    break
            else:
                return True
    return False


cdef void fill_lattice(const Lattice *t, int32_t *color, Py_ssize_t n) noexcept nogil:
    """The color of each column: along a line one more each time, from line to line and from plane
    to plane by what was found."""
    cdef int64_t x = 0, in_plane = 0
    cdef int32_t c = 0, line = 0, plane = 0
    cdef Py_ssize_t v
    for v in range(n):
        color[v] = c
        c = c + 1 if c + 1 < t.k else 0
        x += 1
        in_plane += 1
        if in_plane == t.outer and t.outer > 1:
            x = in_plane = 0
            c = line = plane = (plane + t.b) % t.k
        elif x == t.inner and t.inner > 1:
            x = 0
            c = line = (line + t.a) % t.k


cdef bint is_valid(_Bipartite g, np.ndarray colors, int32_t k):
    """Has no row two columns of one of the k colors?"""
    cdef np.ndarray stamps = np.full(k, -1, np.int32)
    cdef int32_t *seen = <int32_t *>np.PyArray_DATA(stamps)
    cdef const int32_t *color = <const int32_t *>np.PyArray_DATA(colors)
    cdef Py_ssize_t r
    cdef int64_t j
    cdef bint repeated = False
    with nogil:
        for r in range(g.m):
            for j in range(g.rs[r], g.rs[r + 1]):
                repeated = repeated or seen[color[g.ri[j]]] == r
                seen[color[g.ri[j]]] = <int32_t>r
            if repeated:
                break
    return not repeated


cdef object lattice_columns(_Bipartite g, np.ndarray apart, int fewest, int most):
    """The periodic coloring with the fewest colors, from `fewest` to below `most`, of a grid in
    which columns at these distances share rows; None if there is none that is valid."""
    cdef np.ndarray colors = None
    cdef list sides = grid_sides(apart)
    cdef Lattice t
    if not apart.size:
        return None
    t.count = <int>apart.size
    memcpy(t.apart, np.PyArray_DATA(apart), t.count * sizeof(int64_t))
    for t.k in range(fewest if fewest > 1 else 1, most):
        for t.outer, t.inner in sides:
            if not fit_lattice(&t):
                continue
            if colors is None:
                colors = np.empty(g.n, np.int32)
            fill_lattice(&t, <int32_t *>np.PyArray_DATA(colors), g.n)
            if is_valid(g, colors, t.k):
                return colors
    return None
