# Renumbering: columns of a pattern in an order in which those that share rows are near.
#
# Knows patterns in CSR form and nothing else; it must not know colors.  A mesh may come numbered at
# random; then each row of it is a few misses of the cache, each time that it is looked at, and the
# orders and the rounds of a coloring look very often.  Breadth first, from each column to those
# that share a row with it, gives columns and rows new numbers near to those of their neighbours.
# Fast because it looks at each row and each column once, and writes the new rows as it meets them:
# this one pass takes the misses that all others are spared.

cdef enum:
    FEWEST_TO_RENUMBER = 20000    # columns; a smaller pattern is in the cache
    NEAR_COLUMNS = 4096           # columns from an item of a row to that of the row before
    PAIRS_LOOKED_AT = 512         # of rows
    AHEAD = 8                     # columns that are asked for before they are visited


cdef bint is_scattered(_Bipartite g) noexcept:
    """Are the items of successive rows, the first of each and so on, mostly far apart?"""
    cdef int64_t far = 0, count = 0, i, j, end
    cdef Py_ssize_t r, step = g.m // PAIRS_LOOKED_AT + 1
    if g.n < FEWEST_TO_RENUMBER:
        return False
    for r in range(1, g.m, step):
        i = g.rs[r - 1]
        end = i + MOST_DIFFERENCES if g.rs[r] > i + MOST_DIFFERENCES else g.rs[r]
        j = g.rs[r]
        while i < end and j < g.rs[r + 1]:
            far += not -NEAR_COLUMNS < g.ri[j] - g.ri[i] < NEAR_COLUMNS
            count += 1
            i += 1
            j += 1
    return 2 * far > count


cdef struct Walk:
    int32_t *number               # the new number of each column; -1: none so far
    int32_t *queue                # columns by their new numbers
    int64_t last                  # the end of the queue
    int64_t *start                # of the new rows
    int32_t *items
    Py_ssize_t rows
    uint8_t *seen                 # of each row: has it been met?


cdef void meet_row(_Bipartite g, Walk *w, int32_t r) noexcept nogil:
    """The next row: its columns get numbers as far as they have none."""
    cdef int64_t k, at = w.start[w.rows]
    cdef int32_t v
    w.seen[r] = True
    for k in range(g.rs[r], g.rs[r + 1]):
        v = g.ri[k]
        if w.number[v] < 0:
            w.number[v] = <int32_t>w.last
            w.queue[w.last] = v
            w.last += 1
        w.items[at] = w.number[v]
        at += 1
    w.rows += 1
    w.start[w.rows] = at


cdef void walk_columns(_Bipartite g, Walk *w) noexcept nogil:
    """Breadth first from each column that has not been reached."""
    cdef Py_ssize_t root
    cdef int64_t first, j
    cdef int32_t v
    for root in range(g.n):
        if w.number[root] >= 0:
            continue
        first = w.number[root] = <int32_t>w.last
        w.queue[first] = <int32_t>root
        w.last += 1
        while first < w.last:
            v = w.queue[first]
            first += 1
            if first + AHEAD < w.last:
                cdiff_prefetch(g.cs + w.queue[first + AHEAD])
            for j in range(g.cs[v], g.cs[v + 1]):
                if not w.seen[g.ci[j]]:
                    meet_row(g, w, g.ci[j])


cdef tuple renumbered(_Bipartite g):
    """(pattern, number): the pattern without empty rows, and the new number of each column."""
    cdef np.ndarray number = np.full(g.n, -1, np.int32), queue = np.empty(g.n, np.int32)
    cdef np.ndarray start = np.zeros(g.m + 1, np.int64), seen = np.zeros(g.m, np.uint8)
    cdef np.ndarray items = np.empty(g.row_items.size, np.int32)
    cdef Walk w
    w.number = <int32_t *>np.PyArray_DATA(number)
    w.queue = <int32_t *>np.PyArray_DATA(queue)
    w.start = <int64_t *>np.PyArray_DATA(start)
    w.items = <int32_t *>np.PyArray_DATA(items)
    w.seen = <uint8_t *>np.PyArray_DATA(seen)
    w.last = w.rows = 0
    with nogil:
        walk_columns(g, &w)
    return _Bipartite(start[:w.rows + 1], items, g.n), number
