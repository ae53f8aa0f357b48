# Bit sweeps: which leaves the results of a graph depend on, 64 directions in each word.
#
# Nodes come in order: node 0, which depends on nothing, the leaves, what is between, the
# results; each reads two nodes before it (0 for none).  Knows pairs of nodes and nothing else:
# neither operators nor sets.  Fast because a sweep reads eight bytes of a node and writes
# a word, and because it leaves out all stretches of nodes that none of its 64 directions can
# reach.  Forward directions are leaves, backward ones results.  The memory is a word for each
# node and 16 bytes for each word found that is not zero, however many sweeps there are.

cdef extern from "loops/kernel_table.h":
    int cdiff_lowest_bit(uint64_t x) noexcept nogil

cdef enum:
    BIT_LANES = 64                # directions of a sweep
    BIT_STRETCH = 64              # nodes that are left out together

cdef struct Found:
    uint64_t word
    int32_t row
    int32_t sweep

cdef struct BitSweep:
    const int32_t *pair           # the two operands of each node
    Py_ssize_t n, first, lanes    # nodes; where directions begin, and how many there are
    Py_ssize_t goal, rows         # where they are looked at
    bint back
    int32_t *span                 # the first and the last sweep that comes by each stretch
    uint64_t *word
    Found *found
    Py_ssize_t n_found


cdef inline Py_ssize_t lesser(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return a if a < b else b


cdef inline void widen(int32_t *span, const int32_t *other) noexcept nogil:
    """Make a first and a last sweep include others."""
    if other[0] < span[0]:
        span[0] = other[0]
    if other[1] > span[1]:
        span[1] = other[1]


cdef np.ndarray spans(const int32_t *pair, Py_ssize_t n, Py_ssize_t first, Py_ssize_t lanes,
                      bint back, int64_t *visits):
    """The first and the last sweep that comes by each stretch of nodes; `visits` are those of
    stretches in all sweeps."""
    cdef np.ndarray out = np.empty((n // BIT_STRETCH + 1, 2), np.int32)
    cdef np.ndarray room = np.empty((n, 2), np.int32)
    cdef int32_t *span = <int32_t *>np.PyArray_DATA(out)
    cdef int32_t *own = <int32_t *>np.PyArray_DATA(room)
    cdef Py_ssize_t i, k, v
    with nogil:
        for i in range(n):
            own[2 * i] = span[2 * (i // BIT_STRETCH)] = <int32_t>n
            own[2 * i + 1] = span[2 * (i // BIT_STRETCH) + 1] = -1
        for i in range(lanes):
            own[2 * (first + i)] = own[2 * (first + i) + 1] = <int32_t>(i // BIT_LANES)
        for i in range(n):
            v = n - 1 - i if back else i
            for k in range(2 * v, 2 * v + 2):
                if pair[k]:
                    if back:
                        widen(own + 2 * pair[k], own + 2 * v)
                    else:
                        widen(own + 2 * v, own + 2 * pair[k])
            widen(span + 2 * (v // BIT_STRETCH), own + 2 * v)
        visits[0] = 0
        for k in range((n + BIT_STRETCH - 1) // BIT_STRETCH):
            if span[2 * k + 1] >= 0:
                visits[0] += span[2 * k + 1] - span[2 * k] + 1
    return out


cdef void sweep_bits(BitSweep *s, int32_t sweep) noexcept nogil:
    """One sweep: 64 directions go along the graph, and what has arrived is noted."""
    cdef Py_ssize_t i, k, v, end, count = (s.n + BIT_STRETCH - 1) // BIT_STRETCH
    cdef uint64_t word
    for i in range(sweep * BIT_LANES, lesser(sweep * BIT_LANES + BIT_LANES, s.lanes)):
        s.word[s.first + i] |= <uint64_t>1 << (i % BIT_LANES)
    for i in range(count):
        k = count - 1 - i if s.back else i
        if s.span[2 * k] > sweep or s.span[2 * k + 1] < sweep:
            continue
        end = lesser(k * BIT_STRETCH + BIT_STRETCH, s.n)
        if s.back:
            for v in range(end - 1, k * BIT_STRETCH - 1, -1):
                word = s.word[v]
                s.word[s.pair[2 * v]] |= word
                s.word[s.pair[2 * v + 1]] |= word
        else:
            for v in range(k * BIT_STRETCH, end):
                s.word[v] |= s.word[s.pair[2 * v]] | s.word[s.pair[2 * v + 1]]
    for k in range(count):
        if s.span[2 * k] > sweep or s.span[2 * k + 1] < sweep:
            continue
        end = lesser(k * BIT_STRETCH + BIT_STRETCH, s.n)
        v = k * BIT_STRETCH
        for v in range(v if v > s.goal else s.goal, lesser(end, s.goal + s.rows)):
            if s.word[v]:
                s.found[s.n_found] = Found(s.word[v], <int32_t>(v - s.goal), sweep)
                s.n_found += 1
        memset(s.word + k * BIT_STRETCH, 0, (end - k * BIT_STRETCH) * sizeof(uint64_t))


cdef tuple lists_of_bits(BitSweep *s):
    """(start, items): for each row its directions, ascending."""
    cdef np.ndarray start = np.zeros(s.rows + 1, np.int64), items
    cdef int64_t *to = <int64_t *>np.PyArray_DATA(start)
    cdef int32_t *out
    cdef Py_ssize_t k
    cdef uint64_t word
    with nogil:
        for k in range(s.n_found):
            word = s.found[k].word
            while word:
                to[s.found[k].row + 1] += 1
                word &= word - 1
        for k in range(s.rows):
            to[k + 1] += to[k]
    need_set_memory(to[s.rows])
    items = np.empty(to[s.rows], np.int32)
    out = <int32_t *>np.PyArray_DATA(items)
    with nogil:
        for k in range(s.n_found):
            word = s.found[k].word
            while word:
                out[to[s.found[k].row]] = (s.found[k].sweep * BIT_LANES
                                           + cdiff_lowest_bit(word))
                to[s.found[k].row] += 1
                word &= word - 1
        for k in range(s.rows, 0, -1):
            to[k] = to[k - 1]
        to[0] = 0
    return start, items


cdef int all_sweeps(BitSweep *s) except -1:
    """All directions, 64 at a time."""
    cdef Py_ssize_t room = 0
    cdef int32_t sweep
    cdef void *found
    for sweep in range((s.lanes + BIT_LANES - 1) // BIT_LANES):
        if s.n_found + s.rows > room:
            room = 2 * s.n_found + s.rows
            if room * sizeof(Found) > LARGE_SETS:
                need_set_memory(room * (sizeof(Found) // sizeof(int32_t)))
            found = realloc(s.found, room * sizeof(Found))
            if found == NULL:
                raise MemoryError("cdiff: no memory for a sparsity pattern")
            s.found = <Found *>found
        with nogil:
            sweep_bits(s, sweep)
        PyErr_CheckSignals()
    return 0


cdef tuple bit_pattern(np.ndarray pairs, Py_ssize_t leaves, Py_ssize_t results, int64_t most):
    """(start, items): the leaves, counted from 0, that each result depends on; None if stretches
    would have to be visited more often than `most` times."""
    cdef np.ndarray forward, backward, words
    cdef int64_t visits, reverse
    cdef BitSweep s
    s.n = len(pairs)
    s.pair = <const int32_t *>np.PyArray_DATA(pairs)
    forward = spans(s.pair, s.n, 1, leaves, False, &visits)
    backward = spans(s.pair, s.n, s.n - results, results, True, &reverse)
    if visits > most and reverse > most:
        return None
    words = np.zeros(s.n, np.uint64)
    s.word = <uint64_t *>np.PyArray_DATA(words)
    s.back = reverse < visits
    s.span = <int32_t *>np.PyArray_DATA(backward if s.back else forward)
    s.first, s.lanes, s.goal, s.rows = 1, leaves, s.n - results, results
    if s.back:
        s.first, s.lanes, s.goal, s.rows = s.goal, results, 1, leaves
    s.found = NULL
    s.n_found = 0
    try:
        all_sweeps(&s)
        found = lists_of_bits(&s)
    finally:
        free(s.found)
    return transposed_pattern(*found, results) if s.back else found
