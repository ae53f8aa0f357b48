# Sums over rows or columns of a matrix product: a rule of simplify.pxi.
#
# The sum of the rows of A B is the sum of the rows of A, times B: one row is multiplied instead of
# all, and the product needs no memory.  So is the derivative by what is taken from all rows before
# they are multiplied.  Knows shapes and who reads a product; it must not know how one is computed.
# Fast because only programs with such a sum are looked at.

@cython.final
cdef class _Summed:
    """The products of the program to be simplified of which one sum is all that is read."""
    cdef _Simplifier s
    cdef Program p
    cdef dict lone                # sum -> its axes among the last two of the product

    def __init__(self, _Simplifier s, Program p not None):
        cdef dict readers = {}
        cdef int32_t *operands = NULL
        cdef Py_ssize_t i, k
        self.s = s
        self.p = p
        self.lone = {}
        for i in range(p.count):
            for k in range(operands_at(p, i, &operands)):
                readers[operands[k]] = readers.get(operands[k], 0) + 1
        for value in p.outputs + [(<Guard>guard).value for guard in p.guards]:
            readers[value] = 2
        for i in range(p.count):
            if is_sum_of_product(p, i) and readers[p.code[i].a] == 1:
                axes = self.axes_of(i)
                if axes:
                    self.lone[i] = axes

    cdef tuple shape(self, Py_ssize_t v):
        return self.p.types[self.p.code[v].type][1]

    cdef list axes_of(self, Py_ssize_t i):
        """Which operands, 0 or 1, of the product that instruction i sums are better summed."""
        cdef Instr *x = &self.p.code[i]
        cdef tuple shape = self.shape(x.a), own
        cdef Py_ssize_t n = len(shape)
        cdef object summed
        if x.op == OP_SUM:
            summed = self.p.attrs_of(i)[0]
        else:
            own = (1,) * (n - len(self.shape(i))) + self.shape(i)
            summed = [k for k in range(n) if own[k] != shape[k]]
        return [k for k in range(2) if n - 2 + k in summed
                and shape[n - 2 + k] > 1 and shape[n - 1 - k] > 1]

    cdef int32_t sum_at(self, Py_ssize_t i) except -2:
        """The value of a sum by a smaller product; or NOTHING."""
        cdef _Simplifier s = self.s
        cdef Instr x = self.p.code[i]
        cdef int32_t[2] at
        cdef list shape
        cdef int32_t y
        if i not in self.lone:
            return NOTHING
        shape = list(self.shape(x.a))
        at[0], at[1] = s.moved[self.p.code[x.a].a], s.moved[self.p.code[x.a].b]
        for k in self.lone[i]:
            shape[len(shape) - 2 + k] = 1
            at[k] = self.one_of(at[k], k)
        y = structural_value(s, OP_MATMUL, s.q.type_of(NPY_DOUBLE, tuple(shape)), at[0], at[1],
                             self.p.code[x.a].c)
        if product(tuple(shape)) == product(self.shape(i)):
            return applied(s, OP_RESHAPE, x.type, y, -1, (self.shape(i),))
        return structural_value(s, x.op, x.type, y, -1, x.c)

    cdef int32_t one_of(self, int32_t v, int k) except -2:
        """The sum of the rows (k is 0) or columns of a matrix, as a matrix."""
        cdef tuple shape = shape_at(self.s, v)
        cdef Py_ssize_t axis = len(shape) - 2 + k
        shape = shape[:axis] + (1,) + shape[axis + 1:]
        return applied(self.s, OP_SUM_TO, self.s.q.type_of(NPY_DOUBLE, shape), v, -1, (shape,))


cdef bint is_sum_of_product(Program p, Py_ssize_t i) except -1:
    """Is it a sum of float64 matrices, each the product of two that have more than one element?"""
    cdef Instr *x = &p.code[i]
    cdef Instr *y
    if x.op != OP_SUM and x.op != OP_SUM_TO:
        return False
    y = &p.code[x.a]
    return y.op == OP_MATMUL and p.types[y.type][0] == NPY_DOUBLE \
        and len(p.types[p.code[y.a].type][1]) > 1 and len(p.types[p.code[y.b].type][1]) > 1


cdef _Summed summed_products(_Simplifier s, Program p):
    """The products of p to be summed before; None where there are none."""
    cdef Py_ssize_t i
    cdef _Summed found
    for i in range(p.count):
        if is_sum_of_product(p, i):
            found = _Summed(s, p)
            return found if found.lone else None
    return None
