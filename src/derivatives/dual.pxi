# Forward mode: dual nodes.
#
# A dual node is a shell around a primal and a tangent that belong to one
# transformation (its level, see dual_mark).  An operator that meets dual operands unwraps the
# highest level, applies itself to what is inside, and applies the table's
# tangent rule; so nested forward modes are nested shells, and a reverse graph
# may lie inside a shell.  It must not know any operator by name.  Fast, and
# O(1) in memory, because a float64 scalar carries its tangent as a plain
# number (no parents, no second node) and a shell keeps nothing but its two values.


cdef enum:
    SERIAL_BITS = 26              # below the level in a dual node's mark

cdef uint32_t next_serial = 0     # the number of the transformation begun last, in any thread


cdef inline int dual_mark(int level) noexcept nogil:
    """What the duals of the transformation in progress at `level` carry in their mark.

    The number below the level tells them from duals that an earlier transformation of the same
    level has left behind: those count as constants of a level just below.
    """
    return level << SERIAL_BITS | <int>cdiff_tls.serial[level]


cdef inline int larger(int a, int b) noexcept nogil:
    return a if a > b else b


cdef inline bint is_raw_dual(Node *n) noexcept nogil:
    """A dual scalar whose primal (v) and tangent (d0) are plain numbers."""
    return n.flags & NODE_DUAL and n.p0 == NULL


cdef Array raw_dual(double v, double tangent, int level):
    cdef Node *n = node_new()
    n.v = v
    n.d0 = tangent
    n.op = OP_DUAL
    n.flags = <uint32_t>(NODE_DUAL | level_bit(level >> SERIAL_BITS))
    n.mark = level
    return steal(n)


cdef Array make_dual(Array primal, Array tangent, int level):
    """The shell; without a tangent the primal itself."""
    cdef Node *n
    if tangent is None:
        return primal
    if not (N(primal).flags | N(tangent).flags) & (NODE_SLOW | LEVEL_MASK):
        return raw_dual(N(primal).v, N(tangent).v, level)
    n = node_new()
    n.op = OP_DUAL
    n.flags = <uint32_t>(NODE_DUAL | level_bit(level >> SERIAL_BITS) | levels_of(N(primal))
                         | levels_of(N(tangent)))
    n.mark = level
    n.v = 0.0
    n.p0 = hold(primal)
    n.p1 = hold(tangent)
    return steal(n)


cdef inline int dual_level(Array a) noexcept:
    return <int>N(a).mark if a is not None and N(a).flags & NODE_DUAL else -1


cdef int highest_dual(list nodes) except? -2:
    cdef int level = -1
    cdef Array a
    for a in nodes:
        level = larger(level, dual_level(a))
    return level


cdef Array primal_at(Array a, int level):
    if dual_level(a) != level:
        return a
    if N(a).p0 == NULL:
        return scalar(N(a).v)
    return <Array><PyObject *>N(a).p0


cdef Array tangent_at(Array a, int level):
    """The tangent a value carries at this level, None for zero."""
    if dual_level(a) != level:
        return None
    if N(a).p0 == NULL:
        return scalar(N(a).d0)
    return <Array><PyObject *>N(a).p1


cdef Array innermost(Array a):
    """The value under all shells."""
    while N(a).flags & NODE_DUAL:
        a = primal_at(a, N(a).mark)
    return a


def undual(y, int level):
    """(primal, tangent) of a result of forward mode; the tangent is None where it is zero.

    To be called before the level is left.
    """
    cdef Array a = as_node(y)
    cdef int mark = dual_mark(level)
    while dual_level(a) > mark:   # left behind by a transformation inside this one
        if is_dual_elsewhere(N(a)):
            return undual_inside(a, level)
        a = primal_at(a, N(a).mark)
    return primal_at(a, mark), tangent_at(a, mark)


cdef tuple undual_inside(Array a, int level):
    """The same of a dual of another thread, which goes on being one."""
    cdef int mark = N(a).mark
    cdef Array primal, along, across = None, slope = scalar(0.0)
    primal, along = undual(primal_at(a, mark), level)
    slope, across = undual(tangent_at(a, mark), level)
    return make_dual(primal, slope, mark), dual_or_none(along, across, mark)


cdef Array add_tangents(Array s, Array t):
    if s is None:
        return t
    return s if t is None else ew2(OP_ADD, s, t)


cdef Array like_primal(Array t, Array y):
    """Give a tangent its primal's shape and dtype."""
    cdef Array inner = innermost(y)
    if t is None:
        return None
    if not same_shape(innermost(t), inner):
        t = apply_broadcast_to(t, shape_tuple(inner))
    if typenum_of(innermost(t)) != typenum_of(inner):
        t = apply_cast(t, typenum_of(inner))
    return t


cdef Array dual_elementwise(int op, Array a, Array b):
    cdef int level = larger(dual_level(a), dual_level(b))
    cdef Array pa, pb, y, t
    cdef list inside
    if OP_COMPLEX[op] == COMPLEX_MADE and holds_complex(a):
        return MADE_COMPLEX[op](a)
    if all_tracing:
        inside = entered_all([a, b])
        if inside is not None:
            return ew1(op, inside[0]) if b is None else ew2(op, inside[0], inside[1])
    if raw_partner(N(a), level) and (b is None or raw_partner(N(b), level)):
        return dual_scalar(op, N(a), N(b) if b is not None else NULL, level)
    pa = primal_at(a, level)
    pb = primal_at(b, level) if b is not None else None
    y = ew1(op, pa) if b is None else ew2(op, pa, pb)
    cdiff_tls.sweeping += 1
    try:
        t = dual_term(op, 0, tangent_at(a, level), pa, pb, y)
        if b is not None:
            t = add_tangents(t, dual_term(op, 1, tangent_at(b, level), pa, pb, y))
    finally:
        cdiff_tls.sweeping -= 1
    return make_dual(y, like_primal(t, y), level)


cdef Array dual_term(int op, int k, Array t, Array a, Array b, Array y):
    return None if t is None else times_partial(op, k, t, a, b, y)


cdef inline bint raw_partner(Node *n, int level) noexcept nogil:
    """Can this operand take part in plain dual-number arithmetic at `level`?"""
    if n.flags & NODE_DUAL:
        return n.p0 == NULL and <int>n.mark == level
    return not n.flags & (NODE_SLOW | LEVEL_MASK)


cdef Array dual_scalar(int op, Node *a, Node *b, int level):
    """Value and tangent of an operator on plain numbers, without inner nodes."""
    cdef double d[2]
    cdef double t = 0.0
    cdef double v = SCALAR_PARTIALS[op](a.v, b.v if b != NULL else 0.0, d)
    if is_unusual(v) and tells():
        tell_errors(op, a, b)
    if not has_partial(op):
        return scalar(v)
    if a.flags & NODE_DUAL:
        t = sv_zmul(a.d0, d[0])
    if b != NULL and b.flags & NODE_DUAL:
        t += sv_zmul(b.d0, d[1])
    return raw_dual(v, t, level)


cdef Array dual_structural(int op, list operands, object attrs):
    """A structural operator on dual operands, by the table's tangent rule."""
    cdef int level = -1
    cdef Array a, y
    cdef list primals, tangents, inside = entered_all(operands)
    if inside is not None:
        return apply(op, inside, attrs)
    for a in operands:
        level = larger(level, dual_level(a))
    primals = [primal_at(a, level) for a in operands]
    tangents = [tangent_at(a, level) for a in operands]
    # `apply` pins operands of a recording, which moves a part of memory that is assigned into: a
    # view of that part would be one of the old memory.
    y = (apply1(op, <Array>primals[0], attrs) if is_view_operator(op)
         else apply(op, primals, attrs))
    if TAN[op] == NULL:
        return y
    cdiff_tls.sweeping += 1
    try:
        return make_dual(y, like_primal(TAN[op](y, tuple(primals), tuple(tangents), attrs), y),
                         level)
    finally:
        cdiff_tls.sweeping -= 1
