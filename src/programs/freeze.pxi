# Freezing: the graph of what a Trace has recorded becomes a program.
#
# Knows nodes and programs, as trace.pxi and no other room does; it must not know how a recording
# came about.  Fast because it walks the sorted graph once and writes one instruction a node.

cdef tuple freeze(Trace trace, list outputs, bint rules):
    """The part of the graph that outputs and decisions depend on, as a program."""
    cdef Sweep s
    cdef _Frozen f = _Frozen()
    cdef Array a
    cdef Py_ssize_t i
    sweep_init(&s, trace.level)
    try:
        s.all_leaves = True
        f.program = Program()
        f.program.lines = [] if noting else None
        f.rules = rules
        f.trace = trace
        for a in trace.inputs + [x for x, _ in trace.duals if x is not None]:
            sort_leaf(&s, N(a), True)
            f.program.emit_input(node_type(f.program, N(a)))
        f.n_leaves = f.program.n_inputs
        f.captured.extend([dual for _, dual in trace.duals])
        # Decisions first, in their order: what they look at comes before what they decide.
        for a, _, _, _ in trace.decisions:
            sort_from(&s, N(a))
        for a in outputs:
            sort_from(&s, N(innermost(a)))
        f.room(s.count)
        for i in range(s.count):
            find_captured(&s, s.order[i].node, f)
        for a in outputs:
            capture(&s, N(innermost(a)), f)
        for a, _, _, _ in trace.decisions:
            capture(&s, N(a), f)
        for i in range(s.count):
            f.at[i] = <int32_t>i if i < f.n_leaves else freeze_node(&s, s.order[i].node, f)
        f.program.outputs.extend([freeze_operand(&s, N(innermost(a)), f) for a in outputs])
        for a, expected, where, lost in trace.decisions:
            f.program.guards.append(Guard(freeze_operand(&s, N(a), f), expected, where, lost))
    finally:
        sweep_free(&s)
    return f.program, f.captured


cdef class _Frozen:
    """A program in the making: where each node of the sorted graph went."""
    cdef Program program
    cdef int32_t *at
    cdef Py_ssize_t n_leaves       # inputs that are not captured values of a graph
    cdef list captured             # outer values, and
    cdef dict constants            # the value of each node outside the graph, by address
    cdef bint rules                # custom derivatives are kept
    cdef Trace trace

    def __cinit__(self):
        self.captured = []
        self.constants = {}

    def __dealloc__(self):
        free(self.at)

    cdef int room(self, Py_ssize_t n) except -1:
        # The program, its simplified copy and what making them needs.
        take_memory(n * 6 * sizeof(Instr))
        self.at = <int32_t *>realloc(NULL, (n + 1) * sizeof(int32_t))
        if self.at == NULL:
            raise MemoryError("cdiff: no memory to make a program")
        return 0


cdef inline int node_type(Program p, Node *n) except -1:
    if not n.flags & NODE_ARRAY:
        return TYPE_NUMBER
    return p.type_of(n.arr.typenum, shape_tuple(<Array><PyObject *>n))


cdef int find_captured(Sweep *s, Node *n, _Frozen f) except -1:
    """Note the operands of a node that belong to an outer graph: they become inputs."""
    cdef Ext *ext
    cdef Py_ssize_t k
    if n.op == OP_LEAF:
        if <Py_ssize_t>n.mark >= f.n_leaves:
            raise RuntimeError("cdiff: an Array that an earlier call of this function left behind "
                               "(in a list, an attribute or a global) was used in it again; return "
                               "such values instead" + origin_text(n))
        return 0
    ext = wide_operands(n)
    if ext != NULL:
        for k in range(ext.nparents):
            capture(s, ext.parents[k], f)
        return 0
    capture(s, n.p0, f)
    capture(s, n.p1, f)
    return 0


cdef int capture(Sweep *s, Node *p, _Frozen f) except -1:
    """An operand of an outer level is an input; one of an inner level only (a leaf of a
    transformation inside, made of something constant) is a constant."""
    cdef uint32_t outer = LEVEL_MASK & (s.bit - 1)
    if p == NULL or p.flags & s.bit or not p.flags & outer or <size_t>p in f.constants:
        return 0
    f.constants[<size_t>p] = f.program.emit_input(node_type(f.program, p))
    f.captured.append(f.trace.version(<Array><PyObject *>p))
    return 0


cdef int32_t freeze_operand(Sweep *s, Node *p, _Frozen f) except -1:
    """The value of an operand: of the graph, captured, or a constant."""
    cdef object found
    if p.flags & s.bit:
        return f.at[p.mark]
    found = f.constants.get(<size_t>p)
    if found is None:
        if p.flags & NODE_ARRAY:
            found = freeze_constant(s, <Array><PyObject *>p, f)
        else:
            found = f.program.emit_number(p.v, p.flags & NODE_WEAK)
        f.constants[<size_t>p] = found
    return found


cdef int32_t freeze_constant(Sweep *s, Array a, _Frozen f) except -1:
    """A constant array; what rules need of one transposed is a view of it in the program too."""
    cdef list perm = []
    cdef Array copy = f.trace.transposed_by(a, perm)
    if copy is None:
        return emit_constant(a, f)
    return f.program.emit(OP_TRANSPOSE, node_type(f.program, N(a)),
                          freeze_operand(s, N(copy), f), -1,
                          f.program.attrs_place((tuple(perm),)))


cdef int32_t emit_constant(Array a, _Frozen f) except -1:
    """A constant array; one that somebody can still change stays linked to what it was taken from.

    An ndarray in C order is read where it is.  Others, and Arrays, are copied before each run;
    but not an Array that has been changed since, for what the operation read is its past.  Two
    programs of one trace share the copies.
    """
    cdef np.ndarray original = f.trace.original_of(a)
    cdef np.ndarray x
    if original is not None and np.PyArray_IS_C_CONTIGUOUS(original):
        return f.program.emit_array(original)
    x = own_constant(a) if original is None else None
    if x is not None:
        return f.program.emit_array(x)
    x = f.trace.copies.get(<size_t><PyObject *>a)
    if x is None or not same_content(x, ndarray_of(a)):
        x = np.array(ndarray_of(a), order="C")
        f.trace.copies[<size_t><PyObject *>a] = x
    if original is not None:
        f.program.refreshed.append((x, original))
    elif <size_t><PyObject *>a not in f.trace.originals and not N(a).flags & NODE_ALIAS \
            and Py_REFCNT(<PyObject *>a) > 0:
        f.program.refreshed.append((x, a))
    else:
        x.flags.writeable = False
    return f.program.emit_array(x)


cdef int32_t freeze_node(Sweep *s, Node *n, _Frozen f) except -1:
    """One instruction for one node; returns its value."""
    cdef Program p = f.program
    cdef int type = node_type(p, n)
    cdef int32_t a, b
    p.line = line_of(n) if noting else None
    if n.op == OP_CALL and not f.rules and is_rule(n):
        return freeze_operand(s, n.p0 if wide_operands(n) == NULL else wide_operands(n).parents[0],
                              f)
    if n.op < N_LOCAL:
        a = freeze_local(s, n, n.p0, n.d0, f)
        b = freeze_local(s, n, n.p1, n.d1, f) if OP_NARGS[n.op] == 2 else -1
        return p.emit(n.op, type, a, b, -1)
    return freeze_structural(s, n, type, f)


cdef inline int32_t freeze_local(Sweep *s, Node *n, Node *p, double constant,
                                 _Frozen f) except -1:
    """An operand of an elementwise node; numbers were left behind in the node."""
    if p == NULL:
        return f.program.emit_number(n.d1 if n.flags & NODE_ARRAY else constant, is_weak(n))
    return freeze_operand(s, p, f)


cdef bint is_weak(Node *n) noexcept:
    """Did the number in an elementwise node leave the dtype of the other operand as it is?"""
    cdef Node *other = n.p0 if n.p0 != NULL else n.p1
    return (not n.flags & NODE_ARRAY or not is_double(n.arr.typenum)
            or other == NULL or not other.flags & NODE_ARRAY or is_double(other.arr.typenum))


cdef inline bint is_double(int typenum) noexcept:
    return typenum == NPY_DOUBLE or typenum == NPY_CDOUBLE


cdef int32_t freeze_structural(Sweep *s, Node *n, int type, _Frozen f) except -1:
    cdef Program p = f.program
    cdef Ext *ext = wide_operands(n)
    cdef list operands = []
    cdef Py_ssize_t k
    cdef int32_t attrs = p.attrs_place(<object>n.obj if n.obj != NULL else None)
    if ext != NULL:
        operands = [freeze_operand(s, ext.parents[k], f) for k in range(ext.nparents)]
    else:
        operands = [freeze_operand(s, n.p0, f)] if n.p0 != NULL else []
        if n.p1 != NULL:
            operands.append(freeze_operand(s, n.p1, f))
    if OP_NARGS[n.op] == MANY:
        return p.emit_list(n.op, type, operands, attrs)
    if len(operands) != OP_NARGS[n.op]:
        raise SystemError(f"cdiff: {op_name(n.op)} was recorded without all its operands")
    if n.op == OP_WHERE:
        return p.emit(n.op, type, operands[0], operands[1], operands[2])
    return p.emit(n.op, type, operands[0], operands[1] if len(operands) > 1 else -1, attrs)
