# Looking: the recorded graph as plain values, and what a reverse sweep brings to it.
#
# Knows nodes and sweeps; it must not know what a picture or an explanation looks
# like.  Made for graphs that a person looks at: everything is copied out.

cdef Py_ssize_t texts = 0         # that were made of tracked values


def texts_made(Py_ssize_t more=0):
    """How many texts were made of tracked values, with so many more.

    A text takes no part in a program: what it told was true of one run of a function.
    """
    global texts
    texts += more
    return texts


cdef np.ndarray told(Array a):
    """The value of an array, for a text."""
    texts_made(is_tracked(a))
    return ndarray_of(current(a))


def adjoints(y, v, int level=0):
    """({id: cotangent}, {(id of a node, id of its operand): what it adds}) of a sweep from `y`.

    The sweep starts with the cotangent `v` (None: ones), stores no gradients and frees nothing.
    """
    cdef Sweep s
    cdef Array a = current(<Array?>y), c
    cdef Py_ssize_t i
    cdef dict at_nodes = {}, at_edges = {}
    cdef int paused = cdiff_tls.paused
    quiet()
    sweep_init(&s, level)
    try:
        s.all_leaves = True
        if not N(a).flags & s.bit:               # left behind by a transformation: no place in it
            return at_nodes, at_edges
        sort_from(&s, N(a))
        cdiff_tls.paused = 1
        put_seed(&s, N(a).mark, a, None if v is None else as_node(v))
        for i in range(s.count - 1, -1, -1):
            c = get_value(&s, i)
            if c is not None:
                at_nodes[<size_t>s.order[i].node] = np.array(ndarray_of(c))
                hand_on(&s, i, at_edges)
    finally:
        loud()
        cdiff_tls.paused = paused
        sweep_free(&s)
    return at_nodes, at_edges


cdef int hand_on(Sweep *s, Py_ssize_t i, dict at_edges) except -1:
    """reverse_entry, with a note of what each operand gets from it."""
    cdef list places = [] if s.order[i].flags & ENTRY_LEAF else \
        sorted({j for j in structural_positions(s, i) if j >= 0})
    cdef list before = [get_value(s, j) for j in places]
    cdef Array old, c
    for j in places:
        clear_value(s, j)
    reverse_entry(s, i)
    for j, old in zip(places, before):
        c = get_value(s, j)
        if c is not None:
            at_edges[<size_t>s.order[i].node, <size_t>s.order[<Py_ssize_t>j].node] = \
                np.array(ndarray_of(c))
        put_value(s, j, old)
    return 0


cdef int clear_value(Sweep *s, Py_ssize_t j) except -1:
    cdef PyObject *previous = NULL if in_number(s, j) else s.order[j].slot.value
    s.order[j].slot.value = NULL                 # also the number 0.0
    Py_XDECREF(previous)
    return 0


cdef object GraphRow = None


cdef object graph_row():
    """The class of the rows of a graph, made for the first one: namedtuple() compiles code.

    A row is a node: `constants` are the numbers that it keeps in place of operands, by their
    positions; `line` is (file, line, function) where somebody watched.
    """
    global GraphRow
    if GraphRow is None:
        from collections import namedtuple
        GraphRow = namedtuple("GraphRow", "id op shape operands value constants line tracked")
    return GraphRow


def graph(y):
    """The recorded graph above `y` as rows, operands first: see graph_row."""
    cdef object make = graph_row()
    cdef list out = []
    cdef set seen = set()
    cdef list stack = [as_node(y)]
    cdef Array a
    while stack:
        a = stack[len(stack) - 1]
        if id(a) in seen:
            stack.pop()
            continue
        operands = graph_operands(a)
        pending = [p for p in operands if p is not None and id(p) not in seen]
        if pending:
            stack.extend(pending)
            continue
        stack.pop()
        seen.add(id(a))
        parents = tuple([id(p) for p in operands if p is not None])
        name = callee_name(N(a).op, y_attrs(a) if N(a).op == OP_CALL else None)
        out.append(make(id(a), name, shape_tuple(a), parents, ndarray_of(a), constants_of(a),
                        line_of(N(a)), levels_of(N(a)) != 0))
    return out


cdef enum:
    LEFT_MARK = 0x7FFFFFFF        # of an input of a program whose recording has ended


def refuse_left(list ys, int level):
    """Raise where a result at `level` depends on a value that belongs to a recorded function.

    Such a value, left in a list or a global by the body of a loop, say, holds what it was at the
    first step alone, and has lost the derivatives with respect to everything outside.
    """
    cdef int inner = LEVEL_MASK & ~(2 * level_bit(level) - 1)
    cdef list stack = [y for y in ys if type(y) is Array and N(<Array>y).flags & inner]
    cdef set seen = set()
    cdef Array a
    while stack:
        a = stack.pop()
        if not N(a).flags & inner or id(a) in seen:
            continue
        seen.add(id(a))
        if N(a).op == OP_LEAF and N(a).mark == LEFT_MARK:
            raise RuntimeError("cdiff: an Array from inside a function that was recorded (the body "
                               "of a loop, a mapped, checkpointed or solved function) was used "
                               "outside of it; return such values instead" + origin_text(N(a)))
        stack += [p for p in graph_operands(a) if p is not None]
        if N(a).flags & NODE_DUAL and N(a).p1 != NULL:
            stack.append(<Array><PyObject *>N(a).p1)


def let_out(list inputs):
    """Results of a recording go out as the values that they are: its inputs are constants there."""
    cdef Array a
    for a in inputs:
        N(a).mark = 0


cdef dict constants_of(Array a):
    """The numbers that an elementwise node holds in place of operands."""
    cdef int k, op = N(a).op
    if op >= N_LOCAL or N(a).flags & NODE_DUAL:
        return {}
    return {k: float(ndarray_of(operand(a, k))) for k in range(OP_NARGS[op])
            if (N(a).p0 if k == 0 else N(a).p1) == NULL}


cdef list graph_operands(Array a):
    cdef Node *n = N(a)
    cdef Ext *ext = wide_operands(n)
    cdef Py_ssize_t k
    if n.op == OP_LEAF or n.op == OP_CONST:
        return []
    if n.flags & NODE_DUAL:
        return [] if n.p0 == NULL else [<object><PyObject *>n.p0]
    if ext != NULL:
        return [parent(a, k) for k in range(ext.nparents)]
    return [parent(a, 0), parent(a, 1)]
