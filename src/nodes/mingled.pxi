# Values of other threads, where levels do not tell them from a thread's own (see lead.pxi).
#
# Knows leaves and duals by the numbers of their transformations, and which of these are in progress
# in which thread; it must not know what is done with a value.  Fast enough: only threads that
# mingle come here, and who compares values of a program that another thread records.

cdef ThreadState *thread_of(uint32_t mark) noexcept:
    """The other thread that is in a transformation (see dual_mark); NULL if none is."""
    cdef ThreadState *t = busy
    while t != NULL:
        if t != &cdiff_tls and t.depth >= <int>(mark >> SERIAL_BITS) \
                and t.serial[mark >> SERIAL_BITS] == mark & ((1 << SERIAL_BITS) - 1):
            return t
        t = t.next
    return NULL


cdef int bit_elsewhere(uint32_t mark, ThreadState *tracer=NULL) noexcept:
    """The bit of the level of such a transformation, 0 if it is none; if a `tracer` is given, only
    of one that this thread records a program at."""
    cdef int bit = level_bit(<int>(mark >> SERIAL_BITS))
    cdef ThreadState *t = thread_of(mark)
    if t == NULL or (tracer != NULL and (t != tracer or not t.told & <uint32_t>bit)):
        return 0
    return bit


cdef bint is_dual_elsewhere(Node *n) noexcept:
    """Does a dual belong to such a transformation?"""
    return cdiff_tls.mingles and bit_elsewhere(n.mark) != 0


cdef int leaf_elsewhere(Node *n, ThreadState *tracer) noexcept:
    """The same of a node as `bit_elsewhere`, 0 if it is no leaf."""
    if (n.op != OP_LEAF and n.op != OP_POSITIVE) or not is_number_of_leaf(n.obj):
        return 0
    return bit_elsewhere(<uint32_t>(<size_t>n.obj >> 1), tracer)


cdef int levels_elsewhere(Array a, ThreadState *tracer=NULL) except -1:
    """The levels of other threads that a value depends on; if a `tracer` is given, only those at
    which this thread records programs."""
    cdef Sweep s
    cdef Py_ssize_t i
    cdef int found = 0, mark
    if N(a).flags & NODE_DUAL:
        mark = dual_level(a)
        found = bit_elsewhere(N(a).mark, tracer)
        if is_raw_dual(N(a)):
            return found
        return found | levels_elsewhere(primal_at(a, mark), tracer) \
            | levels_elsewhere(tangent_at(a, mark), tracer)
    sweep_init(&s, MAX_LEVEL)
    s.bit = LEVEL_MASK & ~level_bit(0)
    try:
        sort_from(&s, N(a))
        for i in range(s.count):
            found |= leaf_elsewhere(s.order[i].node, tracer)
            if s.order[i].flags & ENTRY_LEFT:
                s.order[i].node.mark = LEFT_MARK
    finally:
        sweep_free(&s)
    return found


cdef int outer_levels(Array a, int level) except -1:
    """The levels of a value that are outside of the transformation of this thread at `level`."""
    cdef int outer = levels_of(N(a)) & (level_bit(level) - 1)
    if cdiff_tls.mingles and outer != levels_of(N(a)):
        outer |= levels_elsewhere(a)
    return outer


cdef int refuse_mingled(list nodes, int level) except -1:
    """An error where a recording at `level` reads what is not below that level in another thread:
    it cannot be told from what the recording itself computes."""
    cdef Array a
    for a in nodes:
        if levels_elsewhere(a) & ~(level_bit(level) - 1):
            raise_mingled()
    return 0


cdef int raise_mingled() except -1:
    raise RecursionError(
        "cdiff: no level is left to record a program (compile, vmap, scan ...) in this "
        "thread from values that a transformation in another thread tracks: more than "
        f"{MAX_LEVEL // 2} levels are in progress in all threads; use fewer threads at "
        "once, or record it in the thread of that transformation")


cdef int raise_elsewhere(Array a) except -1:
    """The error of `refuse_elsewhere`, for one value."""
    if a is not None and is_traced_elsewhere(a):
        raise TypeError("cdiff: a decision by a value that a function is being recorded with in "
                        "another thread (compile, vmap, scan); decide in the thread that calls it")
    return 0


cdef bint is_traced_elsewhere(Array a) noexcept:
    """Is this a value of a program that another thread records?"""
    cdef ThreadState *t = busy
    try:
        while t != NULL:
            if t != &cdiff_tls and t.told & N(a).flags and levels_elsewhere(a, t):
                return True
            t = t.next
    except MemoryError:
        return True
    return False
