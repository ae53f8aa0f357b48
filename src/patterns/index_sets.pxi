# Index sets: for each element of a value the inputs that it depends on.
#
# Sets are ascending, one after the other, as in a CSR matrix.  Knows places (maps
# of elements) and sets; it must not know operators or programs.  Fast because
# each of the few operations below is one pass in C over what it reads and writes,
# because values with the same sets share them, and because the room for a result
# is asked for once.

cdef enum:
    LARGE_SETS = 64 << 20         # bytes from which the memory of the machine is asked for


@cython.final
cdef class _Sets:
    """n sets of columns; set r is items[start[r]:start[r + 1]].  Never empty as a whole: that is
    None in the place of the object."""
    cdef Py_ssize_t n
    cdef int64_t *start
    cdef int32_t *items

    def __dealloc__(self):
        free(self.start)
        free(self.items)


cdef _Sets new_sets(Py_ssize_t n, int64_t room):
    """n sets with room for so many items."""
    cdef _Sets out = _Sets()
    if room > LARGE_SETS // 4:
        need_set_memory(room)
    out.n = n
    out.start = <int64_t *>realloc(NULL, (n + 1) * sizeof(int64_t))
    out.items = <int32_t *>realloc(NULL, (room + 1) * sizeof(int32_t))
    if out.start == NULL or out.items == NULL:
        raise MemoryError("cdiff: no memory for a sparsity pattern")
    out.start[0] = 0
    return out


cdef int need_set_memory(int64_t room) except -1:
    """MemoryError, before anything is allocated, if so many items are more than half of memory."""
    available, _ = memory_left()
    if available is not None and room * 8 > available:
        raise MemoryError(
            f"cdiff: a sparsity pattern of up to {room} entries ({room * 8 >> 20} MB of indices) "
            f"and {available >> 20} MB of memory; the derivative is nearly dense or too large")
    return 0


cdef _Sets fitted(_Sets out):
    """The same without the room that was not needed; None if all sets are empty."""
    cdef int64_t total = out.start[out.n]
    cdef void *smaller
    if total == 0:
        return None
    smaller = realloc(out.items, (total + 1) * sizeof(int32_t))
    if smaller != NULL:
        out.items = <int32_t *>smaller
    return out


cdef _Sets unit_sets(Py_ssize_t n, int64_t first):
    """Element r depends on column first + r only."""
    cdef _Sets out = new_sets(n, n)
    cdef Py_ssize_t r
    for r in range(n):
        out.items[r] = <int32_t>(first + r)
        out.start[r + 1] = r + 1
    return fitted(out)


cdef _Sets taken(_Sets a, object places):
    """Set places[r] of a for each r, none where that is -1; places None: a itself."""
    cdef Py_ssize_t r, n
    cdef int64_t total = 0, at, count
    cdef const int64_t *place
    cdef _Sets out
    if a is None or places is None:
        return a
    n = np.PyArray_SIZE(places)
    place = <const int64_t *>np.PyArray_DATA(<np.ndarray>places)
    for r in range(n):
        if place[r] >= 0:
            total += a.start[place[r] + 1] - a.start[place[r]]
    out = new_sets(n, total)
    with nogil:
        total = 0
        for r in range(n):
            at = place[r]
            if at >= 0:
                count = a.start[at + 1] - a.start[at]
                memcpy(out.items + total, a.items + a.start[at], count * sizeof(int32_t))
                total += count
            out.start[r + 1] = total
    return fitted(out)


cdef _Sets one_after_the_other(list parts, list sizes):
    """Sets one after the other; None stands for as many empty ones as `sizes` says."""
    cdef int64_t total = 0
    cdef Py_ssize_t k, at = 0, size
    cdef _Sets a, out
    for a in parts:
        total += 0 if a is None else a.start[a.n]
    out = new_sets(sum(sizes), total)
    total = 0
    for a, size in zip(parts, sizes):
        if a is not None:
            memcpy(out.items + total, a.items, a.start[size] * sizeof(int32_t))
        for k in range(size):
            at += 1
            out.start[at] = total + (0 if a is None else a.start[k + 1])
        total = out.start[at]
    return fitted(out)


cdef inline int64_t merged(const int32_t *a, int64_t na, const int32_t *b, int64_t nb,
                           int32_t *out) noexcept nogil:
    """The union of two ascending lists; its length."""
    cdef int64_t i = 0, j = 0, n = 0
    cdef int32_t u, v
    while i < na and j < nb:
        u = a[i]
        v = b[j]
        out[n] = u if u < v else v
        i += u <= v
        j += v <= u
        n += 1
    memcpy(out + n, a + i, (na - i) * sizeof(int32_t))
    n += na - i
    memcpy(out + n, b + j, (nb - j) * sizeof(int32_t))
    return n + nb - j


cdef _Sets joined(_Sets a, _Sets b):
    """The unions of sets that stand at the same places; a or b itself where it holds the other."""
    cdef Py_ssize_t r
    cdef int64_t n = 0
    cdef _Sets out
    if a is None or a is b:
        return b
    if b is None:
        return a
    out = new_sets(a.n, a.start[a.n] + b.start[b.n])
    with nogil:
        for r in range(a.n):
            n += merged(a.items + a.start[r], a.start[r + 1] - a.start[r],
                        b.items + b.start[r], b.start[r + 1] - b.start[r], out.items + n)
            out.start[r + 1] = n
    if n == a.start[a.n]:
        return a
    return b if n == b.start[b.n] else fitted(out)


cdef extern from *:
    """
    static int cdiff_before(const void *a, const void *b) {
        int32_t u = *(const int32_t *)a, v = *(const int32_t *)b;
        return (u > v) - (u < v);
    }
    static void cdiff_sort_items(int32_t *items, int64_t n) {
        int64_t i, j;
        if (n > 32) {
            qsort(items, (size_t)n, sizeof(int32_t), cdiff_before);
            return;
        }
        for (i = 1; i < n; i++) {
            int32_t x = items[i];
            for (j = i; j > 0 && items[j - 1] > x; j--) items[j] = items[j - 1];
            items[j] = x;
        }
    }
    """
    void sort_items "cdiff_sort_items"(int32_t *items, int64_t n) noexcept nogil


cdef _Sets through(_Sets a, np.ndarray start, np.ndarray rows, Py_ssize_t columns):
    """For each r the union of the sets rows[start[r]:start[r + 1]] of a."""
    cdef Py_ssize_t r, k, n = np.PyArray_SIZE(start) - 1
    cdef const int64_t *first = <const int64_t *>np.PyArray_DATA(start)
    cdef const int64_t *row = <const int64_t *>np.PyArray_DATA(rows)
    cdef int64_t total = 0, bound, j
    cdef int32_t column
    cdef _Sets out
    cdef int32_t *stamp
    if a is None:
        return None
    for r in range(n):
        bound = 0
        for k in range(first[r], first[r + 1]):
            bound += a.start[row[k] + 1] - a.start[row[k]]
        total += bound if bound < columns else columns
    out = new_sets(n, total)
    stamp = <int32_t *>PyMem_Calloc(columns + 1, sizeof(int32_t))
    if stamp == NULL:
        raise MemoryError("cdiff: no memory for a sparsity pattern")
    with nogil:
        total = 0
        for r in range(n):
            for k in range(first[r], first[r + 1]):
                for j in range(a.start[row[k]], a.start[row[k] + 1]):
                    column = a.items[j]
                    if stamp[column] != r + 1:
                        stamp[column] = <int32_t>(r + 1)
                        out.items[total] = column
                        total += 1
            if first[r + 1] > first[r] + 1:
                sort_items(out.items + out.start[r], total - out.start[r])
            out.start[r + 1] = total
    PyMem_Free(stamp)
    return fitted(out)


cdef _Sets summed(_Sets a, np.ndarray target, Py_ssize_t n):
    """n sets: each the union of those that `target` sends there."""
    if a is None:
        return None
    start, rows = lists_of_targets(target, n)
    return through(a, start, rows, highest_item(a) + 1)


cdef int64_t highest_item(_Sets a) noexcept:
    """The largest column in any of the sets."""
    cdef int64_t j, highest = -1
    for j in range(a.start[a.n]):
        if a.items[j] > highest:
            highest = a.items[j]
    return highest


cdef tuple lists_of_targets(np.ndarray target, Py_ssize_t n):
    """(start, elements): the elements that go to each of n targets, ascending; -1 goes nowhere."""
    cdef Py_ssize_t e, size = np.PyArray_SIZE(target)
    cdef np.ndarray start = np.zeros(n + 1, np.int64), rows = np.empty(size, np.int64)
    cdef int64_t *first = <int64_t *>np.PyArray_DATA(start)
    cdef int64_t *row = <int64_t *>np.PyArray_DATA(rows)
    cdef const int64_t *to = <const int64_t *>np.PyArray_DATA(target)
    with nogil:
        for e in range(size):
            if to[e] >= 0:
                first[to[e] + 1] += 1
        for e in range(n):
            first[e + 1] += first[e]
        for e in range(size):
            if to[e] >= 0:
                row[first[to[e]]] = e
                first[to[e]] += 1
        for e in range(n, 0, -1):
            first[e] = first[e - 1]
        first[0] = 0
    return start, rows


cdef _Sets running(_Sets a, Py_ssize_t length):
    """Runs of `length` sets, each the union of those before it in its run and itself."""
    cdef Py_ssize_t r
    cdef int64_t total = 0, bound = 0, columns
    cdef _Sets out
    if a is None:
        return None
    columns = highest_item(a) + 1
    for r in range(a.n):
        bound = (0 if r % length == 0 else bound) + a.start[r + 1] - a.start[r]
        bound = bound if bound < columns else columns
        total += bound
    out = new_sets(a.n, total)
    with nogil:
        total = 0
        for r in range(a.n):
            bound = 0 if r % length == 0 else total - out.start[r - 1]
            total += merged(out.items + total - bound, bound, a.items + a.start[r],
                            a.start[r + 1] - a.start[r], out.items + total)
            out.start[r + 1] = total
    return fitted(out)


cdef tuple exported_sets(_Sets a, Py_ssize_t n):
    """(start, items) as NumPy arrays, int64 and int32."""
    cdef np.ndarray start = np.zeros(n + 1, np.int64), items
    cdef int64_t total = 0 if a is None else a.start[n]
    items = np.empty(total, np.int32)
    if a is not None:
        memcpy(np.PyArray_DATA(start), a.start, (n + 1) * sizeof(int64_t))
        memcpy(np.PyArray_DATA(items), a.items, total * sizeof(int32_t))
    return start, items
