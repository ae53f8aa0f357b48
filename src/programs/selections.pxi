# Rows that are chosen from a result: a rule of simplify.pxi over what computes them.
#
# Where all that is read of a value are rows at positions, fewer than there are, the rows are taken
# from its operands instead, as long as each row is computed by itself: only what is read is
# computed then.  Knows along which axis the rows of an operand lie; it must not know what operators
# compute.  Fast because one pass back finds what is chosen, and only programs with gathers have it.

cdef enum:
    DEEPEST_CHOICE = 64           # instructions between a gather and what is taken instead


@cython.final
cdef class _Selections:
    """What is chosen of the values of the program to be simplified."""
    cdef _Simplifier s
    cdef Program p
    cdef char *all_read           # of a value: is it more than chosen rows that is read?
    cdef dict chosen              # otherwise its axis, depth and positions
    cdef set better               # values that are not needed if rows of their operands are taken
    cdef dict made
    cdef int32_t attrs            # of the gather that is looked at

    def __dealloc__(self):
        PyMem_Free(self.all_read)

    def __init__(self, _Simplifier s not None):
        cdef Py_ssize_t i
        self.s = s
        self.p = s.p
        self.chosen = {}
        self.better = set()
        self.made = {}
        self.all_read = <char *>PyMem_Calloc(self.p.count + 1, 1)
        if self.all_read == NULL:
            raise MemoryError("cdiff: no memory to simplify a program")
        for value in self.p.outputs:
            self.all_read[<Py_ssize_t>value] = True
        for guard in self.p.guards:
            self.all_read[(<Guard>guard).value] = True
        for i in range(self.p.count - 1, -1, -1):
            self.look_back(i)
        for i in sorted(self.chosen):
            if not self.all_read[i] and self.is_better(i):
                self.better.add(i)

    cdef tuple shape(self, Py_ssize_t v):
        return self.p.types[self.p.code[v].type][1]

    # ------------------------------------------------------------ what is read

    cdef int look_back(self, Py_ssize_t i) except -1:
        """What instruction i reads of its operands."""
        cdef Instr *x = &self.p.code[i]
        cdef int32_t *operands = NULL
        cdef int k, count = operands_at(self.p, i, &operands)
        cdef tuple choice = None if self.all_read[i] else self.chosen.get(i)
        cdef Py_ssize_t axis
        if choice is None and not self.all_read[i]:
            return 0                      # nobody reads it
        if x.op == OP_GATHER and len(self.shape(x.b)) == 1:
            self.read(x.a, 0, 0, frozenset([x.b]))
            self.all_read[x.b] = True
            return 0
        for k in range(count):
            axis = -1 if choice is None else self.axis_of(i, k, choice[0])
            if axis < 0 or choice[1] == DEEPEST_CHOICE:
                self.all_read[operands[k]] = True
            else:
                self.read(operands[k], axis, choice[1] + 1, choice[2])
        return 0

    cdef int read(self, int32_t v, Py_ssize_t axis, Py_ssize_t depth, object positions) except -1:
        """One more reader of v; rows of another axis, or more than half of them, are all."""
        cdef Py_ssize_t total = 0
        if self.all_read[v]:
            return 0
        before, deepest, others = self.chosen.get(v, (axis, depth, positions))
        positions |= others
        for k in positions:
            total += self.shape(k)[0]
        if before != axis or self.p.types[self.p.code[v].type][0] != NPY_DOUBLE \
                or 2 * total > self.shape(v)[axis]:
            self.all_read[v] = True
        self.chosen[v] = axis, depth if depth > deepest else deepest, positions
        return 0

    cdef Py_ssize_t axis_of(self, Py_ssize_t i, int k, Py_ssize_t axis) except -2:
        """The axis of operand k along which the rows lie that rows of i along `axis` are made of;
        -1 if it has none."""
        cdef Instr *x = &self.p.code[i]
        cdef int32_t *operands = NULL
        cdef tuple own, shape = self.shape(i)
        cdef Py_ssize_t j
        operands_at(self.p, i, &operands)
        own = self.shape(operands[k])
        if x.op == OP_TRANSPOSE:
            return self.p.attrs_of(i)[0][axis]
        if x.op == OP_RESHAPE:
            for j in range(len(own)):
                if own[j] == shape[axis] and product(own[:j]) == product(shape[:axis]):
                    return j
            return -1
        if x.op == OP_MATMUL and axis >= len(shape) - 2:
            if len(self.shape(x.a)) < 2 or len(self.shape(x.b)) < 2:
                return -1
            return len(own) - 2 + k if axis == len(shape) - 2 + k else -1
        if x.op >= N_ELEMENTWISE and x.op != OP_BROADCAST_TO:
            return -1
        j = axis - len(shape) + len(own)
        return j if j >= 0 and own[j] == shape[axis] else -1

    cdef bint is_better(self, Py_ssize_t i) except -1:
        """Can what is chosen of i be made of rows of its operands, and can those be taken?"""
        cdef Instr *x = &self.p.code[i]
        cdef int32_t *operands = NULL
        cdef int k, count = operands_at(self.p, i, &operands)
        cdef Py_ssize_t axis
        cdef bint passes = False
        for k in range(count):
            axis = self.axis_of(i, k, self.chosen[i][0])
            if axis < 0:
                continue
            passes = True
            if operands[k] not in self.better and not (
                    axis == 0 and self.p.types[self.p.code[operands[k]].type][0] == NPY_DOUBLE
                    and self.p.code[operands[k]].op != OP_TRANSPOSE
                    and self.p.code[operands[k]].op != OP_BROADCAST_TO):
                return False
        return passes and (x.op < N_ELEMENTWISE or x.op == OP_TRANSPOSE or x.op == OP_RESHAPE
                           or x.op == OP_MATMUL or x.op == OP_BROADCAST_TO)

    cdef bint gains(self) except -1:
        """Is there a gather that is better made of rows of other values?"""
        cdef Py_ssize_t i
        for i in range(self.p.count):
            if self.p.code[i].op == OP_GATHER and self.p.code[i].a in self.better:
                return True
        return False

    # ------------------------------------------------------------ what is computed

    cdef int32_t rows_at(self, Py_ssize_t i) except -2:
        """The value of a gather, by rows of what its table is computed of; or NOTHING."""
        cdef Instr *x = &self.p.code[i]
        if x.a not in self.better or len(self.shape(x.b)) != 1:
            return NOTHING
        self.attrs = x.c
        return self.rows(x.a, 0, x.b)

    cdef int32_t rows(self, int32_t v, Py_ssize_t axis, int32_t positions) except -2:
        """Rows of v at positions."""
        cdef _Simplifier s = self.s
        cdef tuple shape = self.shape(v)
        cdef int type
        cdef int32_t y
        cdef object line = s.q.line
        if (v, positions) in self.made:
            return self.made[v, positions]
        s.q.line = self.p.line_at(v)
        shape = shape[:axis] + self.shape(positions) + shape[axis + 1:]
        type = s.q.type_of(NPY_DOUBLE, shape)
        if v in self.better:
            y = self.computed(v, axis, positions, type, shape)
        else:
            y = structural_value(s, OP_GATHER, type, s.moved[v], s.moved[positions],
                                 self.attrs)
        s.q.line = line
        self.made[v, positions] = y
        return y

    cdef int32_t computed(self, int32_t v, Py_ssize_t axis, int32_t positions, int type,
                          tuple shape) except -2:
        """Rows of v, of rows of its operands."""
        cdef _Simplifier s = self.s
        cdef Instr *x = &self.p.code[v]
        cdef int32_t *operands = NULL
        cdef int32_t at[3]
        cdef int k, count = operands_at(self.p, v, &operands)
        cdef Py_ssize_t own
        at[0] = at[1] = at[2] = -1
        for k in range(count):
            own = self.axis_of(v, k, axis)
            at[k] = s.moved[operands[k]] if own < 0 else self.rows(operands[k], own, positions)
        if x.op < N_ELEMENTWISE:
            return s.elementwise(x.op, type, at[0], at[1], at[2])
        if x.op == OP_MATMUL or x.op == OP_TRANSPOSE:
            return structural_value(s, x.op, type, at[0], at[1], x.c)
        return applied(s, x.op, type, at[0], -1, (shape,))


cdef bint chooses_rows(Program p) noexcept:
    """Are there rows at positions of what is computed?"""
    cdef Py_ssize_t i
    for i in range(p.count):
        if p.code[i].op == OP_GATHER and p.code[p.code[i].a].op != OP_LEAF \
                and p.code[p.code[i].a].op != OP_CONST:
            return True
    return False
