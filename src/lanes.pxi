# Lanes: many directions, or many cotangents, through a graph that an outer
# transformation sees.
#
# One sweep is recorded with a direction that stands for all of them; its program
# is evaluated with all directions along a new first axis.  Knows sweeps, traces
# and batches; it must not know operators, nor what the entries are for.  Fast
# because the outer transformation records each operation once and not once for
# each direction, and because many products with a matrix are one product.
# Where a node holds one number a direction of its own costs less: programs of
# numbers run faster than those of arrays, and most directions reach few of them.

cdef enum:
    FEWEST_LANES = 8              # directions, and
    FEWEST_ELEMENTS = 8           # elements of a node on the average, from which lanes pay
    LARGEST_UNROLLED = 200000     # nodes times directions that may be recorded one by one


cdef bint lanes_pay(list outputs, list leaves, int level, Py_ssize_t directions) except -1:
    """Does the sorted graph hold arrays rather than numbers?"""
    cdef Sweep s
    cdef Py_ssize_t i, total = 0
    if directions < FEWEST_LANES:
        return False
    try:
        sweep_begin(&s, leaves, outputs, level, False)
        for i in range(s.count):
            total += size_of(<Array><PyObject *>s.order[i].node)
        return total >= FEWEST_ELEMENTS * s.count or s.count * directions > LARGEST_UNROLLED
    finally:
        sweep_free(&s)


cdef Array unit_vectors(Array like):
    """All unit vectors of the space of a node, along the first axis."""
    cdef tuple shape = shape_tuple(like)
    eye = np.eye(size_of(like), dtype=dtype_of(like))
    return wrap_ndarray(eye.reshape((size_of(like),) + shape))


cdef list swept_at_once(Array source, list outputs, list leaves, int level, bint forward):
    """What arrives from all entries of `source` (the only leaf forward, the only output backward):
    arrays with the entries along the first axis, None where nothing arrives."""
    cdef Trace trace = Trace()
    cdef int inner
    cdef list found
    cdef Array c
    cdef Batch batch
    with trace as inner:
        seed = trace.input(zeros_like_node(source))
        found = sweep_through(outputs, [seed], leaves, level, forward, inner)
        program, captured = trace.freeze([a for a in found if a is not None])
    captured = [lower_node(c, level) for c in captured]
    batch = Batch(program.simplify(), [unit_vectors(source)] + captured,
                  [True] + [False] * len(captured), size_of(source))
    arrived = iter(batch.outputs())
    return [None if a is None else spread_lanes(next(arrived), size_of(source)) for a in found]


cdef Array spread_lanes(tuple value, Py_ssize_t n):
    """A value with the axis of directions; one that is the same for all gets it too."""
    cdef Array a = value[0]
    return a if value[1] else apply_broadcast_to(a, (n,) + shape_tuple(a))


def jacobian_lanes(outputs, leaves, int level, str mode):
    """For each output a list with the entries for each leaf, all at once: columns ("fwd") or rows
    ("rev") along the first axis, None for zeros.

    None where directions one by one are faster, or where duals are among the values.
    """
    cdef list ys = checked_nodes(outputs, "outputs"), xs = list(leaves), found
    cdef bint forward = mode == "fwd"
    cdef Py_ssize_t n = 0
    cdef Array a
    for a in xs if forward else ys:
        n += size_of(a)
    for a in ys + xs:
        if N(a).flags & NODE_DUAL:
            return None
    if not lanes_pay(ys, xs, level, n):
        return None
    if forward:
        found = [swept_at_once(a, ys, [a], level, True) for a in xs]
        return [[column[k] for column in found] for k in range(len(ys))]
    return [swept_at_once(a, [a], xs, level, False) for a in ys]
