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
    FEWEST_PRODUCTS = 32          # directions, and
    LARGE_MATRIX = 4096           # elements, from which one product of plain matrices pays


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
        return (highest_level(&s) < MAX_LEVEL
                and (total >= FEWEST_ELEMENTS * s.count
                     or s.count * directions > LARGEST_UNROLLED))
    finally:
        sweep_free(&s)


cdef bint products_pay(list outputs, list leaves, int level, Py_ssize_t directions) except -1:
    """Are there products with large matrices in a graph of plain values?"""
    cdef Sweep s
    cdef Py_ssize_t i
    cdef int k
    cdef Array y, a
    if directions < FEWEST_PRODUCTS:
        return False
    try:
        sweep_begin(&s, leaves, outputs, level, False)
        if highest_level(&s) >= MAX_LEVEL:
            return False
        for i in range(s.n_leaves, s.count):
            y = <Array><PyObject *>s.order[i].node
            if N(y).op != OP_MATMUL and N(y).op != OP_SOLVE:
                continue
            for k in range(2):
                a = parent(y, k)
                if a is not None and size_of(a) >= LARGE_MATRIX:
                    return True
        return False
    finally:
        sweep_free(&s)


cdef int highest_level(const Sweep *s) noexcept:
    """The highest level of the nodes of a sorted graph and their operands.

    It may be that of a transformation inside which has ended.
    """
    cdef Py_ssize_t i, k
    cdef uint32_t flags = 0
    cdef int level = MAX_LEVEL
    cdef Node *n
    cdef Ext *ext
    for i in range(s.count):
        n = s.order[i].node
        ext = wide_operands(n)
        flags |= n.flags
        if ext != NULL:
            for k in range(ext.nparents):      # NULL for a constant that the node does not keep
                flags |= ext.parents[k].flags if ext.parents[k] != NULL else 0
        else:
            flags |= (n.p0.flags if n.p0 != NULL else 0) | (n.p1.flags if n.p1 != NULL else 0)
    while level > 0 and not flags & <uint32_t>level_bit(level):
        level -= 1
    return level


cdef int level_of_graph(list outputs, list leaves, int level) except -1:
    """The highest level in the graph between these."""
    cdef Sweep s
    try:
        sweep_begin(&s, leaves, outputs, level, False)
        return highest_level(&s)
    finally:
        sweep_free(&s)


cdef Array unit_vectors(Array like):
    """All unit vectors of the space of a node, along the first axis."""
    cdef tuple shape = shape_tuple(like)
    eye = np.eye(size_of(like), dtype=dtype_of(like))
    return wrap_ndarray(eye.reshape((size_of(like),) + shape))


cdef list swept_at_once(Array source, list outputs, list leaves, int level, bint forward):
    """What arrives from all entries of `source` (the only leaf forward, the only output backward):
    arrays with the entries along the first axis, None where nothing arrives.  None instead of the
    list where a rule decides by what arrives, for each direction may decide otherwise."""
    cdef Trace trace = Trace()
    cdef int inner
    cdef list found
    cdef Array c
    cdef Batch batch
    with trace as inner:
        seed = trace.input(zeros_like_node(source))
        found = sweep_through(outputs, [seed], leaves, level, forward, inner)
        program, captured = trace.freeze([a for a in found if a is not None])
    if trace.decisions:
        return None
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

    None where directions one by one are faster, where duals are among the values, or where
    directions may differ in what they decide.
    """
    cdef list ys = entered_nodes(outputs), xs = list(leaves)
    cdef bint forward = mode == "fwd"
    cdef Py_ssize_t n = total_size(xs if forward else ys)
    cdef Array a
    for a in ys + xs:
        if N(a).flags & NODE_DUAL:
            return None
    if not lanes_pay(ys, xs, level, n):
        return None
    return arrived_at_once(ys, xs, level, forward)


cdef list arrived_at_once(list ys, list xs, int level, bint forward):
    """What arrives from all entries, recorded above all levels of the graph: at one of them the
    nodes of a transformation that has ended would be taken for part of the recording.  None where
    directions may differ in what they decide."""
    cdef Array a
    cdef list found = []
    cdef int depth = cdiff_tls.depth
    go_to(larger(depth, level_of_graph(ys, xs, level)))
    try:
        for a in xs if forward else ys:
            found.append(swept_at_once(a, ys if forward else [a], [a] if forward else xs, level,
                                       forward))
            if found[len(found) - 1] is None:
                return None
    finally:
        go_to(depth)
    return found if not forward else [[column[k] for column in found] for k in range(len(ys))]


cdef list lane_blocks(list ys, list xs, int level, bint forward):
    """Matrices of plain values, as forward_blocks and reverse_blocks give them, or None."""
    cdef Array y, x
    cdef list found = arrived_at_once(ys, xs, level, forward)
    if found is None:
        return None
    return [[lane_matrix(e, y, x, forward) for e, x in zip(row, xs)]
            for row, y in zip(found, ys)]


cdef np.ndarray lane_matrix(object lanes, Array y, Array x, bint forward):
    cdef np.ndarray out = zero_matrix(y, x)
    if lanes is None:
        return out
    found = ndarray_of(<Array>lanes)
    if forward:
        out[...] = found.reshape(size_of(x), size_of(y)).T
    else:
        out[...] = found.reshape(size_of(y), size_of(x))
    return out
