# Floats: runs of machine code whose registers hold float32 numbers, not doubles.
#
# Knows calls, and which of their slots hold numbers that a float32 holds; must not know encodings
# or registers.  Fast because nothing is converted on the way: an operator on floats takes one
# instruction where rounding each result to a float takes two more, and their divider is quicker.

cdef inline bint holds_floats(const Type *t) noexcept nogil:
    return t.typenum == NPY_FLOAT or t.typenum == NPY_BOOL


cdef bint is_float_constant(Program p, int32_t i) noexcept:
    """Is this a number that is known already, and that float32 holds?"""
    cdef const Instr *x = &p.code[i]
    return (x.op == OP_CONST and x.type <= TYPE_WEAK
            and <double><float>p.numbers[x.a] == p.numbers[x.a])


cdef bint works_on_floats(const Group *g, int first, int end) noexcept nogil:
    """Do the light calls from first up to end read floats only, and is each result rounded to one?
    What is computed of floats has the bits of what is computed of doubles then (single_loops.h)."""
    cdef const Micro *m
    cdef int32_t slots[3]
    cdef int k, j
    for k in range(first, end):
        m = &g.micros[k]
        if m.gather != NULL:
            if m.gather.width != 4:
                return False
        elif m.op != ROUND_TO_SINGLE:
            if not 0 <= m.op < N_ELEMENTWISE or g.slots[m.y].content == ANY_NUMBERS:
                return False
            slots[0] = m.a
            slots[1] = m.b
            slots[2] = m.c
            for j in range(m.reads):
                if g.slots[slots[j]].content != FLOATS:
                    return False
    return True
