# Reading: where each entry of a symmetric matrix is found among the sums of a coloring.
#
# A vertex v and a color c give one number: the sum of the entries of row v whose columns
# have the color c.  An entry that is alone in its sum is read off; where two colors
# meet in trees, entries are found from the leaves inward, each as a sum minus the
# entries that are known.  Knows patterns and colors; it must not know how they were
# made.  Fast because each entry enters the queue once, and because a sum holds what is
# left of it as a count and an exclusive or.

cdef enum:
    MOST_LOST = 1024              # times its own size: terms of a sum that is an entry
    UNREADABLE = 1 << 30          # entries of a sum that no direction gives


cdef int find_mirrors(_Bipartite g, int64_t *mirror) except -1:
    """For each entry the place of its mirror image; ValueError if the pattern is not symmetric."""
    cdef np.ndarray places = np.array(g.row_start[:g.m])
    cdef int64_t *at = <int64_t *>np.PyArray_DATA(places)
    cdef int64_t j
    cdef int32_t v, w
    if g.m != g.n or not (np.array_equal(g.row_start, g.column_start)
                          and np.array_equal(g.row_items, g.column_items)):
        raise ValueError("coloring: the pattern is not symmetric, or its rows do not ascend")
    with nogil:
        for v in range(g.n):
            for j in range(g.rs[v], g.rs[v + 1]):
                w = g.ri[j]
                if w >= v:
                    # Vertices ascend, so w meets its smaller neighbours in their order.
                    mirror[j] = at[w]
                    mirror[at[w]] = j
                    at[w] += 1
    return 0


@cython.final
cdef class _Reading:
    """How the entries of a symmetric matrix are read; ValueError if a coloring does not give them.

    Vertices from n_columns on have colors of their own, from there on, which cost `backward` each;
    those with the color g.n have no direction.
    """
    cdef _Bipartite g
    cdef np.ndarray colors        # numbered anew, -1 where the direction is not needed
    cdef np.ndarray flipped       # of each entry: whether it is read as its mirror image
    cdef np.ndarray targets, sources  # what is to be subtracted from which entry, in this order
    cdef int64_t n_steps
    cdef int32_t depth            # how many subtractions depend on one another
    cdef double work
    cdef const int32_t *color
    cdef np.ndarray hold, flags
    cdef int64_t *mirror
    cdef int64_t *sum_of          # of each entry
    cdef int64_t *left            # of each sum: the exclusive or of its entries that are not known
    cdef int32_t *count           # and their number,
    cdef int32_t *size            # and that of all its entries
    cdef int32_t *deep            # of each entry: how many subtractions led to it
    cdef int64_t *queue
    cdef int64_t last             # the end of the queue
    cdef uint8_t *known           # of each entry
    cdef uint8_t *used            # of each color

    def __init__(self, _Bipartite g not None, np.ndarray colors not None, Py_ssize_t n_columns,
                 double backward):
        cdef Py_ssize_t entries = g.row_items.size
        self.g = g
        self.color = <const int32_t *>np.PyArray_DATA(colors)
        self.hold = np.zeros(6 * entries + 1, np.int64)
        self.mirror = <int64_t *>np.PyArray_DATA(self.hold)
        self.sum_of = self.mirror + entries
        self.left = self.sum_of + entries
        self.queue = self.left + entries
        self.count = <int32_t *>(self.queue + entries)
        self.size = self.count + entries
        self.deep = <int32_t *>(self.queue + 2 * entries)
        self.flags = np.zeros(entries + g.n + 1, np.uint8)
        self.known = <uint8_t *>np.PyArray_DATA(self.flags)
        self.used = self.known + entries
        self.flipped = np.zeros(entries, bool)
        self.targets = np.empty(2 * entries, np.int64)
        self.sources = np.empty(2 * entries, np.int64)
        find_mirrors(g, self.mirror)
        self.find_sums()
        self.leaves_inward()
        self.single_edges()
        if not self.flags[:entries].all():
            raise ValueError("coloring: two colors meet in a cycle, or neighbours share one")
        self.targets = self.targets[:self.n_steps].copy()
        self.sources = self.sources[:self.n_steps].copy()
        self.number_colors(colors, n_columns, backward)

    cdef int find_sums(self) except -1:
        cdef np.ndarray marks = np.full(2 * self.g.n + 2, -1, np.int64)
        cdef int64_t *row = <int64_t *>np.PyArray_DATA(marks)  # of each color: seen in which row
        cdef int64_t *number = row + self.g.n + 1
        cdef int64_t *left = self.left
        cdef int32_t *count = self.count
        cdef int32_t *size = self.size
        cdef int64_t j, n_sums = 0
        cdef int32_t v, c
        with nogil:
            for v in range(self.g.n):
                for j in range(self.g.rs[v], self.g.rs[v + 1]):
                    c = self.color[self.g.ri[j]]
                    if row[c] != v:
                        row[c] = v
                        number[c] = n_sums
                        if c == self.g.n:
                            count[n_sums] = size[n_sums] = UNREADABLE
                        n_sums += 1
                    self.sum_of[j] = number[c]
                    left[number[c]] ^= j
                    count[number[c]] += 1
                    size[number[c]] += 1
        return 0

    cdef void find(self, int64_t j) noexcept nogil:
        """Entry j is the only one of its sum that is not known."""
        cdef int64_t s = self.sum_of[j], i = self.mirror[j], k
        cdef int32_t v = self.g.ri[i]
        if self.size[s] > 1:
            for k in range(self.g.rs[v], self.g.rs[v + 1]):
                if self.sum_of[k] == s and k != j:
                    self.subtract(j, k)
                    self.subtract(i, k)
                    if self.deep[k] >= self.deep[j]:
                        self.deep[j] = self.deep[k] + 1
        self.deep[i] = self.deep[j]
        if self.deep[j] > self.depth:
            self.depth = self.deep[j]
        self.used[self.color[self.g.ri[j]]] = 1
        (<uint8_t *>np.PyArray_DATA(self.flipped))[i] = i != j
        self.mark(j)
        if i != j:
            self.mark(i)

    cdef void subtract(self, int64_t j, int64_t k) noexcept nogil:
        (<int64_t *>np.PyArray_DATA(self.targets))[self.n_steps] = j
        (<int64_t *>np.PyArray_DATA(self.sources))[self.n_steps] = k
        self.n_steps = self.n_steps + 1

    cdef void mark(self, int64_t j) noexcept nogil:
        cdef int64_t s = self.sum_of[j]
        self.known[j] = 1
        self.left[s] = self.left[s] ^ j
        self.count[s] = self.count[s] - 1
        if self.count[s] == 1:
            self.push(self.left[s])

    cdef void push(self, int64_t j) noexcept nogil:
        self.queue[self.last] = j
        self.last = self.last + 1

    cdef void leaves_inward(self) noexcept:
        """The diagonal, and all trees of more than one edge."""
        cdef int64_t j, i, first = 0
        with nogil:
            for j in range(self.g.rs[self.g.n]):
                i = self.mirror[j]
                if self.size[self.sum_of[j]] == 1 and (i == j or self.size[self.sum_of[i]] > 1):
                    self.push(j)
            while first < self.last:
                j = self.queue[first]
                first += 1
                if not self.known[j]:
                    self.find(j)

    cdef int single_edges(self) except -1:
        """What is alone in both sums is read where the direction is needed anyhow, or else by the
        color that serves more of these edges."""
        cdef np.ndarray counts = np.zeros(self.g.n + 1, np.int64)
        cdef int64_t *served = <int64_t *>np.PyArray_DATA(counts)
        cdef int64_t j, i
        cdef int32_t a, b
        cdef int turn
        for turn in range(2):
            for j in range(self.g.rs[self.g.n]):
                i = self.mirror[j]
                if self.known[j] or i < j or self.count[self.sum_of[j]] > 1 \
                        or self.count[self.sum_of[i]] > 1:
                    continue
                a = self.color[self.g.ri[j]]
                b = self.color[self.g.ri[i]]
                if self.used[a] or self.used[b]:
                    self.find(j if self.used[a] else i)
                elif turn == 1:
                    self.find(j if served[a] >= served[b] else i)
                else:
                    served[a] += 1
                    served[b] += 1
        return 0

    cdef int number_colors(self, np.ndarray colors, Py_ssize_t n_columns,
                           double backward) except -1:
        used = self.flags[self.flags.size - self.g.n - 1:].astype(bool)
        number = np.full(self.g.n + 1, -1, np.int32)
        forward, others = used[:n_columns], used[n_columns:]
        number[:n_columns][forward] = np.arange(np.count_nonzero(forward))
        number[n_columns:][others] = np.arange(np.count_nonzero(others))
        self.work = np.count_nonzero(forward) + backward * np.count_nonzero(others)
        self.colors = number[colors]
        self.colors[np.diff(self.g.row_start) == 0] = -1
        return 0


def subtract_in_order(np.ndarray data not None, np.ndarray targets not None,
                      np.ndarray sources not None, np.ndarray room not None):
    """data[target] -= data[source] one after the other (float64; int64 places); whether the
    results kept their digits.

    `room` is as long as `data`.  An entry that comes out more than a thousand times smaller than
    what it was computed from has lost digits, and so has one that is not a number.
    """
    cdef Py_ssize_t k, steps = np.PyArray_SIZE(targets), n = np.PyArray_SIZE(data)
    cdef double *x
    cdef double *mass
    cdef const int64_t *t = <const int64_t *>np.PyArray_DATA(targets)
    cdef const int64_t *s = <const int64_t *>np.PyArray_DATA(sources)
    cdef bint kept = True
    check_doubles(data, n)
    check_doubles(room, n)
    x = <double *>np.PyArray_DATA(data)
    mass = <double *>np.PyArray_DATA(room)
    with nogil:
        for k in range(n):
            mass[k] = fabs(x[k])
        for k in range(steps):
            x[t[k]] -= x[s[k]]
            mass[t[k]] += mass[s[k]]
        for k in range(steps):
            kept = kept and mass[t[k]] <= MOST_LOST * fabs(x[t[k]])
    return kept
