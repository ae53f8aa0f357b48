# Levels of several threads: which are taken, and whose values may decide.
#
# The first thread that is inside a transformation leads.  Others count their levels from its depth,
# so that what it tracks is outside of what they begin, as it is where the same thread begins it.
# Nothing here knows what a transformation does.  Fast: a thread alone pays one comparison for each
# transformation that it begins or leaves and for each tracked value that Python looks at.

LEVELS = MAX_LEVEL + 1            # of values: of those outside of all transformations too

cdef ThreadState *lead = NULL
cdef int lead_depth = 0
cdef uint32_t lead_tracing = 0    # the levels at which it records programs


cdef inline int taken_levels() noexcept:
    """The depth from which a transformation would count that begins now."""
    return cdiff_tls.depth if cdiff_tls.depth else lead_depth


cdef inline void go_to(int depth) noexcept:
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
