# Coloring: which columns (or rows, or vertices) of a sparse pattern may share a
# direction.
#
# Knows patterns in CSR form and nothing else: neither derivatives nor programs.
# Two columns that share a row get different colors (a partial distance-2 coloring);
# rows are the columns of the transposed pattern.  Greedy, in an order that is
# natural, random, or by degrees in the graph whose neighbours are columns that share
# a row (or, for symmetric patterns, those of the pattern itself).  Linear in the sum of
# the squares of the row lengths, which the graph has as edges and which are never
# stored; the dynamic orders keep columns in lists by degree, so that each step of theirs
# costs what it changes.  Everything is deterministic.

ORDERINGS = ("natural", "random", "largest_first", "smallest_last", "incidence_degree",
             "dynamic_largest_first")

cdef enum:
    ORDER_SMALLEST_LAST = 0
    ORDER_INCIDENCE = 1
    ORDER_DYNAMIC_LARGEST = 2


@cython.final
cdef class _Bipartite:
    """A pattern by rows and by columns."""
    cdef Py_ssize_t m, n
    cdef np.ndarray row_start, row_items, column_start, column_items
    cdef const int64_t *rs
    cdef const int32_t *ri
    cdef const int64_t *cs
    cdef const int32_t *ci

    def __init__(self, start, items, Py_ssize_t n):
        self.m = len(start) - 1
        self.n = n
        self.row_start = np.ascontiguousarray(start, np.int64)
        self.row_items = np.ascontiguousarray(items, np.int32)
        self.check()
        self.column_start, self.column_items = transposed_pattern(self.row_start, self.row_items, n)
        self.rs = <const int64_t *>np.PyArray_DATA(self.row_start)
        self.ri = <const int32_t *>np.PyArray_DATA(self.row_items)
        self.cs = <const int64_t *>np.PyArray_DATA(self.column_start)
        self.ci = <const int32_t *>np.PyArray_DATA(self.column_items)

    cdef int check(self) except -1:
        """ValueError unless start and items are those of a CSR matrix with n columns."""
        start, items = self.row_start, self.row_items
        if (self.m < 0 or start[0] != 0 or start[self.m] != items.size
                or (np.diff(start) < 0).any()):
            raise ValueError("coloring: start must rise from 0 to the number of items")
        if items.size and (items.min() < 0 or items.max() >= self.n):
            raise ValueError(f"coloring: items must be columns, from 0 to {self.n - 1}")
        return 0


def transposed_pattern(np.ndarray start not None, np.ndarray items not None, Py_ssize_t n):
    """(start, items) by columns of a pattern by rows (int64 and int32); the items ascend."""
    cdef Py_ssize_t r, m = np.PyArray_SIZE(start) - 1
    cdef np.ndarray out_start = np.zeros(n + 1, np.int64)
    cdef np.ndarray out_items = np.empty(np.PyArray_SIZE(items), np.int32)
    cdef const int64_t *s = <const int64_t *>np.PyArray_DATA(start)
    cdef const int32_t *c = <const int32_t *>np.PyArray_DATA(items)
    cdef int64_t *to = <int64_t *>np.PyArray_DATA(out_start)
    cdef int32_t *out = <int32_t *>np.PyArray_DATA(out_items)
    cdef int64_t j
    with nogil:
        for j in range(s[m]):
            to[c[j] + 1] += 1
        for r in range(n):
            to[r + 1] += to[r]
        for r in range(m):
            for j in range(s[r], s[r + 1]):
                out[to[c[j]]] = <int32_t>r
                to[c[j]] += 1
        for r in range(n, 0, -1):
            to[r] = to[r - 1]
        to[0] = 0
    return out_start, out_items


# ---------------------------------------------------------------- orders

cdef int64_t around(_Bipartite g, int32_t v, bint near, int32_t *stamp,
                    int32_t *out) noexcept nogil:
    """Write the neighbours of a column, each once, and return their number: the columns that share
    a row with it; `near`, in a symmetric pattern, those in its row."""
    cdef int64_t j, k, count = 0
    stamp[v] = v
    for j in range(g.cs[v], g.cs[v + 1]):
        if near:
            if g.ci[j] != v:
                out[count] = g.ci[j]
                count += 1
            continue
        for k in range(g.rs[g.ci[j]], g.rs[g.ci[j] + 1]):
            if stamp[g.ri[k]] != v:
                stamp[g.ri[k]] = v
                out[count] = g.ri[k]
                count += 1
    return count


cdef np.ndarray degrees(_Bipartite g, bint near):
    """The number of neighbours of each column."""
    cdef np.ndarray out = np.empty(g.n, np.int64), room = np.full((2, g.n), -1, np.int32)
    cdef int64_t *degree = <int64_t *>np.PyArray_DATA(out)
    cdef int32_t *stamp = <int32_t *>np.PyArray_DATA(room)
    cdef Py_ssize_t v
    with nogil:
        for v in range(g.n):
            degree[v] = around(g, <int32_t>v, near, stamp, stamp + g.n)
    return out


cdef struct Queue:
    int64_t *key                  # of each vertex; -1 once it is taken out
    int32_t *head                 # the first vertex of each key
    int32_t *next
    int32_t *before


cdef void queue_remove(Queue *q, int32_t v) noexcept nogil:
    if q.before[v] >= 0:
        q.next[q.before[v]] = q.next[v]
    else:
        q.head[q.key[v]] = q.next[v]
    if q.next[v] >= 0:
        q.before[q.next[v]] = q.before[v]


cdef void queue_insert(Queue *q, int32_t v, int64_t key) noexcept nogil:
    q.key[v] = key
    q.next[v] = q.head[key]
    q.before[v] = -1
    if q.head[key] >= 0:
        q.before[q.head[key]] = v
    q.head[key] = v


cdef np.ndarray dynamic_order(_Bipartite g, int kind, bint near):
    """Smallest last, incidence degree or dynamic largest first."""
    cdef bint rising = kind == ORDER_INCIDENCE
    cdef np.ndarray keys = np.zeros(g.n, np.int64) if rising else degrees(g, near)
    cdef np.ndarray order = np.empty(g.n, np.int32)
    cdef np.ndarray heads, links = np.empty((2, g.n), np.int32)
    cdef np.ndarray room = np.full((2, g.n), -1, np.int32)
    cdef int32_t *out = <int32_t *>np.PyArray_DATA(order)
    cdef int32_t *stamp = <int32_t *>np.PyArray_DATA(room)
    cdef int32_t *found = stamp + g.n
    cdef int64_t highest = g.n if rising else keys.max(initial=0), at, j, change
    cdef Py_ssize_t step
    cdef int32_t v, w
    cdef Queue q
    heads = np.full(highest + 1, -1, np.int32)
    q.key = <int64_t *>np.PyArray_DATA(keys)
    q.head = <int32_t *>np.PyArray_DATA(heads)
    q.next = <int32_t *>np.PyArray_DATA(links)
    q.before = q.next + g.n
    change = 1 if rising else -1
    with nogil:
        for step in range(g.n - 1, -1, -1):
            queue_insert(&q, <int32_t>step, q.key[step])
        at = 0 if kind != ORDER_DYNAMIC_LARGEST else highest
        for step in range(g.n):
            if kind == ORDER_SMALLEST_LAST:
                while q.head[at] < 0:
                    at += 1
            else:
                while q.head[at] < 0:
                    at -= 1
            v = q.head[at]
            queue_remove(&q, v)
            q.key[v] = -1
            out[g.n - 1 - step if kind == ORDER_SMALLEST_LAST else step] = v
            for j in range(around(g, v, near, stamp, found)):
                w = found[j]
                if q.key[w] >= 0:
                    queue_remove(&q, w)
                    queue_insert(&q, w, q.key[w] + change)
            # A key has moved by one at most.
            if kind != ORDER_DYNAMIC_LARGEST:
                at += change
            at = 0 if at < 0 else highest if at > highest else at
    return order


cdef np.ndarray column_order(_Bipartite g, str ordering, seed, bint near, np.ndarray number):
    """All columns in an order; `number` is where they are if they have been numbered anew."""
    if ordering == "natural" or ordering == "random":
        found = np.arange(g.n, dtype=np.int32)
        if ordering == "random":
            found = np.random.default_rng(seed).permutation(g.n).astype(np.int32)
        return found if number is None else number[found]
    if ordering == "largest_first":
        found = degrees(g, near)
        return counted_order(found.max(initial=0) - found)
    if ordering == "smallest_last":
        return dynamic_order(g, ORDER_SMALLEST_LAST, near)
    if ordering == "incidence_degree":
        return dynamic_order(g, ORDER_INCIDENCE, near)
    if ordering == "dynamic_largest_first":
        return dynamic_order(g, ORDER_DYNAMIC_LARGEST, near)
    raise ValueError(f"coloring: ordering must be one of {ORDERINGS}, got {ordering!r}")


# ---------------------------------------------------------------- columns

cdef np.ndarray greedy_columns(_Bipartite g, np.ndarray order):
    """The smallest color that no column which shares a row has, one column after the other.

    Each row has a word with the colors that are taken in it, 64 at a time: a column that finds none
    of them free waits for the next 64, which only those that wait can have taken.
    """
    cdef np.ndarray colors = np.empty(g.n, np.int32), words = np.zeros(g.m, np.uint64)
    cdef np.ndarray waiting = np.array(order)
    cdef int32_t *color = <int32_t *>np.PyArray_DATA(colors)
    cdef int32_t *at = <int32_t *>np.PyArray_DATA(waiting)
    cdef uint64_t *taken = <uint64_t *>np.PyArray_DATA(words)
    cdef uint64_t found
    cdef Py_ssize_t step, left = g.n, count
    cdef int32_t base = 0, v, c
    cdef int64_t j
    with nogil:
        while left:
            count = left
            left = 0
            for step in range(count):
                v = at[step]
                found = 0
                for j in range(g.cs[v], g.cs[v + 1]):
                    found |= taken[g.ci[j]]
                if ~found == 0:
                    at[left] = v
                    left += 1
                    continue
                c = cdiff_lowest_bit(~found)
                color[v] = base + c
                for j in range(g.cs[v], g.cs[v + 1]):
                    taken[g.ci[j]] |= <uint64_t>1 << c
            for step in range(left):
                for j in range(g.cs[at[step]], g.cs[at[step] + 1]):
                    taken[g.ci[j]] = 0
            base += 64
    return colors


cdef np.ndarray counted_order(np.ndarray keys):
    """What sorts keys, from 0 to less than there are of them or not much more; equal ones stay in
    their order."""
    cdef np.ndarray ends = np.cumsum(np.bincount(keys)), order = np.empty(keys.size, np.int32)
    cdef np.ndarray sorted_by = np.ascontiguousarray(keys, np.int32)
    cdef const int32_t *key = <const int32_t *>np.PyArray_DATA(sorted_by)
    cdef int64_t *end = <int64_t *>np.PyArray_DATA(ends)
    cdef int32_t *out = <int32_t *>np.PyArray_DATA(order)
    cdef Py_ssize_t k
    with nogil:
        for k in range(np.PyArray_SIZE(order) - 1, -1, -1):
            end[key[k]] -= 1
            out[end[key[k]]] = <int32_t>k
    return order


cdef np.ndarray by_classes(np.ndarray colors, int turn):
    """An order that keeps columns of one color together, for which greedy never needs more colors:
    the last color first, the largest class first, or the smallest."""
    cdef np.ndarray sizes = np.bincount(colors), rank
    if turn % 3 == 0:
        rank = np.arange(sizes.size, dtype=np.int32)[::-1]
    else:
        rank = np.empty(sizes.size, np.int32)
        rank[np.argsort(-sizes if turn % 3 == 1 else sizes, kind="stable")] = np.arange(sizes.size)
    return counted_order(rank[colors])


cdef np.ndarray improved(_Bipartite g, np.ndarray best, int rounds, int enough):
    """Colors found class by class over those that are known, up to `rounds` times."""
    cdef int turn, highest = best.max(initial=-1), found
    for turn in range(rounds):
        if highest < enough:
            break
        colors = greedy_columns(g, by_classes(best, turn))
        found = colors.max(initial=-1)
        if found <= highest:
            best, highest = colors, found
    return best


def color_columns(start, items, Py_ssize_t n, orderings=("natural", "smallest_last"),
                  int rounds=12, seed=0, int fewest=0, bint grids=True):
    """Colors of the n columns of a pattern such that no two of a color share a row.

    Greedy for each of the orderings, as long as more colors are used than the longest row has
    entries, which is the fewest there can be; after the first of them a periodic coloring with
    these, if the pattern is that of a stencil (not without `grids`); up to `rounds` times over what
    was found, class by class (a third of that before the second ordering too); then a periodic
    coloring with more.  With `fewest` colors it looks for nothing but that.  Columns without
    entries get the color -1.

    A large pattern whose columns are numbered at random is numbered anew, which decides who is
    first where an ordering leaves that open; the new numbers are one more ordering.
    """
    cdef _Bipartite g = _Bipartite(start, items, n)
    cdef int bound = np.diff(g.row_start).max(initial=0)
    cdef int enough = bound if bound > fewest else fewest
    cdef np.ndarray apart = None, number = None, best
    if not orderings:
        raise ValueError("coloring: no ordering given")
    if is_scattered(g):
        g, number = renumbered(g)
    best = greedy_columns(g, column_order(g, orderings[0], seed, False, number))
    if rounds and best.max(initial=-1) >= bound:
        if number is not None:
            best = fewer(best, greedy_columns(g, np.arange(n, dtype=np.int32)))
        elif grids:
            apart = differences(g)
            best = fewer(best, lattice_columns(g, apart, bound, bound + 1))
    best = improved(g, best, rounds // 3, enough)
    for ordering in orderings[1:]:
        if best.max(initial=-1) < enough:
            break
        best = fewer(best, greedy_columns(g, column_order(g, ordering, seed, False, number)))
    best = improved(g, best, rounds, enough)
    if apart is not None and best.max(initial=-1) > bound:
        best = fewer(best, lattice_columns(g, apart, bound + 1, best.max(initial=-1) + 1))
    best[np.diff(g.column_start) == 0] = -1
    return best if number is None else best[number]


cdef np.ndarray fewer(np.ndarray best, object colors):
    """The coloring with fewer colors; the first where both have as many, or there is one only."""
    return colors if colors is not None and colors.max(initial=-1) < best.max(initial=-1) else best
