# Joining calls of light operations: two or three become one.
#
# A lane that is computed by a sum, difference or product and read once, by another of
# them, is never written: one kernel does both.  Knows which operations there are
# kernels for; it must not know programs.  Fast in what it makes: two operations in one
# call read three operands and write one result.

cdef inline int as_first(int op) noexcept nogil:
    """An operation as the first of two; -1 if it cannot be."""
    return (FIRST_ADD if op == OP_ADD else FIRST_SUBTRACT if op == OP_SUBTRACT
            else FIRST_MULTIPLY if op == OP_MULTIPLY or op == OP_SQUARE
            else FIRST_ZMUL if op == OP_ZMUL else -1)


cdef inline int as_second(int op, bint of_first) noexcept nogil:
    """An operation as the second of two, whose first operand (or second) the first gives."""
    return (THEN_ADD if op == OP_ADD else THEN_MULTIPLY if op == OP_MULTIPLY
            else THEN_ZMUL if op == OP_ZMUL else -1 if op != OP_SUBTRACT
            else THEN_SUBTRACT if of_first else THEN_SUBTRACT_FROM)


cdef struct Fusing:
    Group *g
    int32_t *reads                # how often each slot is read
    int32_t *maker                # the call that makes it, plus one


cdef int fuse_micros(_Pool scratch, Group *g) except -1:
    """Join what can be joined, in the order of the calls."""
    cdef Fusing f
    cdef int k, kept = 0
    f.g = g
    f.reads = <int32_t *>scratch.take((g.n_slots + 1) * sizeof(int32_t))
    f.maker = <int32_t *>scratch.take((g.n_slots + 1) * sizeof(int32_t))
    for k in range(g.n_micros):
        count_reads(&f, &g.micros[k])
    for k in range(g.n_micros):
        if g.micros[k].kind == MICRO_VALUE:
            join_operands(&f, k)
            f.maker[g.micros[k].y] = k + 1
    for k in range(g.n_micros):
        if g.micros[k].kind != MICRO_GONE:
            g.micros[kept] = g.micros[k]
            kept += 1
    g.n_micros = kept
    return 0


cdef void count_reads(Fusing *f, const Micro *m) noexcept nogil:
    f.reads[m.a] += 1
    if m.reads > 1:
        f.reads[m.b] += 1
    if m.reads > 2:
        f.reads[m.c] += 1


cdef void join_operands(Fusing *f, int j) noexcept nogil:
    """Let call j do what makes its operands, if there is a kernel for that."""
    cdef Micro *m = &f.g.micros[j]
    cdef int i, k
    if m.reads != 2 or as_second(m.op, True) < 0:
        return
    i = joinable(f, m.a, j)
    k = joinable(f, m.b, j)
    if i >= 0 and k >= 0 and join_products(f, i, k, j):
        return
    if i > k:
        join_first(f, i, j, as_second(m.op, True), m.b, m.sb)
    elif k >= 0:
        join_first(f, k, j, as_second(m.op, False), m.a, m.sa)


cdef int joinable(const Fusing *f, int32_t slot, int j) noexcept nogil:
    """The call that makes a slot, if call j could do it as well; else -1."""
    cdef int i = f.maker[slot] - 1
    cdef Micro *m
    if i < 0 or f.g.slots[slot].base != BASE_LANES or f.reads[slot] != 1:
        return -1
    m = &f.g.micros[i]
    if m.kind != MICRO_VALUE or as_first(m.op) < 0:
        return -1
    if m.op == OP_SQUARE:
        m.sb = m.sa
    if m.sa == 0:                         # the first operand moves
        if m.op == OP_SUBTRACT or m.sb == 0:
            return -1
        m.a, m.b = m.b, m.a
        m.sa, m.sb = m.sb, m.sa
    return i if is_kept(f, m.a, i, j) and is_kept(f, m.b, i, j) else -1


cdef bint is_kept(const Fusing *f, int32_t slot, int i, int j) noexcept nogil:
    """Is what a slot holds at call i still there at call j?  Results may lie over operands."""
    cdef const GroupSlot *s = &f.g.slots[slot]
    cdef const Micro *m
    cdef int k
    if s.base == BASE_LANES:
        return True
    for k in range(i + 1, j):
        m = &f.g.micros[k]
        if m.kind == MICRO_GONE or m.kind == MICRO_SUM:
            continue
        if lies_over(s, &f.g.slots[m.y]) or m.kind == MICRO_PAIR and lies_over(
                s, &f.g.slots[m.c]):
            return False
    return True


cdef inline bint lies_over(const GroupSlot *s, const GroupSlot *t) noexcept nogil:
    return s.base == t.base and s.offset == t.offset


cdef void join_first(Fusing *f, int i, int j, int then, int32_t c, int32_t sc) noexcept nogil:
    cdef Micro *m = &f.g.micros[j]
    cdef Micro *first = &f.g.micros[i]
    m.kind = MICRO_FUSED
    m.fused = KERNELS.fused[as_first(first.op)][then]
    m.reads = 3
    m.a = m.d = first.a
    m.b = first.b
    m.sb = first.sb
    m.c = c
    m.sc = sc
    take_over(m, first)


cdef bint join_products(Fusing *f, int i, int k, int j) noexcept nogil:
    """The sum of two products, if all that is multiplied moves."""
    cdef Micro *m = &f.g.micros[j]
    cdef Micro *x = &f.g.micros[i]
    cdef Micro *z = &f.g.micros[k]
    if m.op != OP_ADD and m.op != OP_SUBTRACT or as_first(x.op) < FIRST_MULTIPLY \
            or as_first(z.op) < FIRST_MULTIPLY or x.sb == 0 or z.sb == 0:
        return False
    m.kind = MICRO_PRODUCTS
    m.products = KERNELS.products[x.op == OP_ZMUL][z.op == OP_ZMUL][m.op == OP_SUBTRACT]
    m.reads = 4
    m.a = x.a
    m.b = x.b
    m.c = z.a
    m.d = z.b
    take_over(m, x)
    take_over(m, z)
    return True


cdef inline void take_over(Micro *m, Micro *other) noexcept nogil:
    m.joined[m.n_joined] = other.instruction
    m.n_joined += 1
    other.kind = MICRO_GONE
