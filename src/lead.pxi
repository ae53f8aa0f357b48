# Levels of several threads: which are taken, and whose values may decide.
#
# The first thread that is inside a transformation leads.  Others count their levels from the
# highest that any thread is at, so that what the threads before them track is outside of what they
# begin, as it is where the same thread begins it; or from the depth of the leading one where so
# many are at work that levels would run out.  All of this is kept under the global lock.  Nothing
# here knows what a transformation does.  Fast: a thread alone pays a few operations for each
# transformation that it begins or leaves, and one comparison for each tracked value that Python
# looks at.

cdef ThreadState *lead = NULL
cdef int lead_depth = 0
cdef uint32_t lead_tracing = 0    # the levels at which it records programs
cdef int highest_depth = 0        # of all threads


cdef inline int taken_levels() noexcept:
    """The depth from which a transformation would count that begins now."""
    return cdiff_tls.depth if cdiff_tls.depth else taken_elsewhere()


cdef inline int taken_elsewhere() noexcept:
    """The same for a thread that is in none."""
    return highest_depth if highest_depth <= MAX_LEVEL // 2 else lead_depth


cdef inline void go_to(int depth) noexcept:
    global highest_depth
    threads_at[cdiff_tls.depth] -= 1
    threads_at[depth] += 1
    if depth > highest_depth:
        highest_depth = depth
    while highest_depth and threads_at[highest_depth] <= 0:
        highest_depth -= 1
    cdiff_tls.depth = depth
    if lead == NULL or lead == &cdiff_tls:
        note_lead()


cdef void note_lead() noexcept:
    global lead, lead_depth, lead_tracing
    lead = &cdiff_tls if cdiff_tls.depth else NULL
    lead_depth = cdiff_tls.depth
    lead_tracing = cdiff_tls.tracing


cdef inline int refuse_elsewhere(int levels) except -1:
    """An error for a decision by a value of a program that another thread records: it would not
    know."""
    if levels & <int>lead_tracing and lead != &cdiff_tls:
        raise_elsewhere(levels & <int>lead_tracing)
    return 0


cdef int raise_elsewhere(int levels) except -1:
    cdef int own = level_bit(cdiff_tls.depth + 1) - level_bit(cdiff_tls.base + 1)
    if levels & ~(own if cdiff_tls.depth else 0):
        raise TypeError("cdiff: a decision by a value that a function is being recorded with in "
                        "another thread (compile, vmap, scan); decide in the thread that calls it")
    return 0
