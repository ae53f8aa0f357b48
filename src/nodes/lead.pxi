# Levels of several threads: which are taken, and whose values may decide.
#
# A thread that is in no transformation counts its levels from the highest that any thread is at, so
# that what the threads before it track is outside of what it begins, as it is where the same thread
# begins it.  Where so many are at work that levels would run out it begins below some of them, and
# mingles: then the bits of a value's levels do not tell what is outside, and its graph is searched
# for leaves and duals of transformations that are in progress in other threads, by their numbers
# (see mingled.pxi).  All of this is kept under the global lock.  Nothing here knows what a
# transformation does.  Fast: a thread alone pays a few operations for each transformation that it
# begins or leaves, and one comparison for each tracked value that Python looks at.

cdef ThreadState *busy = NULL     # the first of the threads in transformations, as they began
cdef int highest_depth = 0        # of all threads
cdef uint32_t all_tracing = 0     # the levels at which any thread records programs, this one too


cdef inline int taken_levels() noexcept:
    """The depth from which a transformation would count that begins now."""
    return cdiff_tls.depth if cdiff_tls.depth else taken_elsewhere()


cdef inline int taken_elsewhere() noexcept:
    """The same for a thread that is in none."""
    return highest_depth if highest_depth <= MAX_LEVEL // 2 else MAX_LEVEL // 2


cdef inline int own_levels() noexcept:
    """The levels of the transformations that this thread is in."""
    return level_bit(cdiff_tls.depth + 1) - level_bit(cdiff_tls.base + 1) if cdiff_tls.depth else 0


cdef inline int perhaps_elsewhere(int levels) noexcept:
    """Those of these levels at which another thread may record a program of what has them."""
    levels &= <int>(all_tracing & ~cdiff_tls.tracing)
    return levels if not levels or cdiff_tls.mingles else levels & ~own_levels()


cdef void go_to(int depth) noexcept:
    global highest_depth
    if not cdiff_tls.depth:
        come()
    threads_at[cdiff_tls.depth] -= 1
    threads_at[depth] += 1
    if depth > highest_depth:
        highest_depth = depth
    while highest_depth and threads_at[highest_depth] <= 0:
        highest_depth -= 1
    cdiff_tls.depth = depth
    if cdiff_tls.told != cdiff_tls.tracing:
        tell_tracing()
    if not depth:
        leave()


cdef void come() noexcept:
    """This thread begins the outermost of its transformations."""
    cdef ThreadState **last = &busy
    cdiff_tls.base = taken_elsewhere()
    cdiff_tls.mingles = highest_depth > cdiff_tls.base
    while last[0] != NULL:
        last = &last[0].next
    last[0] = &cdiff_tls
    cdiff_tls.next = NULL


cdef void leave() noexcept:
    cdef ThreadState **at = &busy
    while at[0] != NULL and at[0] != &cdiff_tls:
        at = &at[0].next
    if at[0] != NULL:
        at[0] = cdiff_tls.next


cdef void tell_tracing() noexcept:
    global all_tracing
    cdef ThreadState *t = busy
    all_tracing = 0
    cdiff_tls.told = cdiff_tls.tracing
    while t != NULL:
        all_tracing |= t.told
        t = t.next


def only_thread():
    """In the child of a fork no other thread is in a transformation."""
    global busy, highest_depth
    cdef int level
    for level in range(MAX_LEVEL + 1):
        threads_at[level] = level == cdiff_tls.depth
    highest_depth = cdiff_tls.depth
    busy = &cdiff_tls if cdiff_tls.depth else NULL
    cdiff_tls.next = NULL
    tell_tracing()


if hasattr(__import__("os"), "register_at_fork"):
    __import__("os").register_at_fork(after_in_child=only_thread)


cdef inline void new_number(int level) noexcept:
    """A number for the transformation that this thread begins at a level."""
    global next_serial
    next_serial = (next_serial + 1) & ((1 << SERIAL_BITS) - 1)
    cdiff_tls.serial[level] = next_serial


cdef int above_all(int level) noexcept:
    """A level for a recording that begins at `level` in a thread that mingles: one that no thread
    is at, while enough are left above it for what the recording nests."""
    if highest_depth <= 2 * MAX_LEVEL // 3 and (highest_depth > level or threads_at[level] > 1):
        level = highest_depth + 1
        go_to(level)
        new_number(level)
    return level


cdef inline void set_mark(Node *leaf, uint32_t mark) noexcept:
    """Note whose leaf this is: not all of its levels need be lower."""
    leaf.obj = <PyObject *>(<size_t>mark << 1 | 1)


cdef inline void set_number(Node *leaf, int level) noexcept:
    """The same, for a transformation of this thread."""
    set_mark(leaf, dual_mark(level))


cdef inline int refuse_elsewhere(Array a, Array b=None) except -1:
    """An error for a decision by a value of a program that another thread records: it would not
    know."""
    if perhaps_elsewhere(N(a).flags | (N(b).flags if b is not None else 0)):
        raise_elsewhere(a)
        raise_elsewhere(b)
    return 0
