# The sweeps: an iterative topological sort, then cotangents backward or
# tangents forward along it.
#
# Knows nodes, the table's partials and the structural rules by code; it must
# not know any operator by its formula.  Fast because the sort marks nodes in
# place (a mark counts only if the order agrees, so nothing is ever cleared),
# because scalar nodes cost two multiply-adds on plain memory, and because array
# cotangents are accumulated in place by the fused adjoint kernels.  Branches
# that do not lead to a requested leaf are sorted but never computed.

cdef struct Entry:
    Node *node
    int32_t i0                 # positions of the operands in this order, -1: not part of it;
    int32_t i1                 # for more than two operands, i0 is an offset into `wide`

cdef struct Sweep:
    Entry *order
    unsigned char *active      # does the node depend on a requested leaf?
    double *number             # cotangent or tangent of scalar nodes
    PyObject **value           # the same of array nodes (and of all, when recording)
    int32_t *wide
    Node **stack
    Py_ssize_t count, capacity, n_leaves, n_wide, wide_capacity, stack_size, stack_capacity
    int bit
    bint all_leaves, has_arrays, recorded


cdef inline bint has_number(Node *n) noexcept nogil:
    """Is this a scalar whose partials lie in d0 and d1?"""
    return n.op < N_LOCAL and not n.flags & NODE_ARRAY


cdef inline Ext *wide_operands(Node *n) noexcept nogil:
    return n.ext if owns_objects(n) and n.ext != NULL and n.ext.nparents > 0 else NULL


cdef inline bint visited(const Sweep *s, const Node *n) noexcept nogil:
    return <Py_ssize_t>n.mark < s.count and s.order[n.mark].node == n


cdef int sweep_reserve(Sweep *s, Py_ssize_t need) except -1 nogil:
    """Room for `need` more entries of the order."""
    cdef Py_ssize_t capacity
    cdef void *p
    if s.count + need <= s.capacity:
        return 0
    capacity = 2 * s.capacity + need + 64
    if capacity > 0x7FFFFFF0:
        with gil:
            raise MemoryError("cdiff: a graph of more than 2^31 nodes")
    p = realloc(s.order, capacity * sizeof(Entry))
    if p != NULL:
        s.order = <Entry *>p
        p = realloc(s.active, capacity)
        if p != NULL:
            s.active = <unsigned char *>p
            s.capacity = capacity
            return 0
    with gil:
        raise MemoryError("cdiff: no memory for the topological sort")


cdef int sweep_push(Sweep *s, Node *n) except -1 nogil:
    cdef Py_ssize_t capacity
    cdef void *p
    if s.stack_size == s.stack_capacity:
        capacity = 2 * s.stack_capacity + 256
        p = realloc(s.stack, capacity * sizeof(Node *))
        if p == NULL:
            with gil:
                raise MemoryError("cdiff: no memory for the topological sort")
        s.stack = <Node **>p
        s.stack_capacity = capacity
    s.stack[s.stack_size] = n
    s.stack_size += 1
    return 0


cdef void sweep_free(Sweep *s) noexcept:
    cdef Py_ssize_t i
    if s.value != NULL:
        for i in range(s.count):
            if s.value[i] != NULL:
                Py_DECREF(<object>s.value[i])
    free(s.order)
    free(s.active)
    free(s.number)
    free(s.value)
    free(s.wide)
    free(s.stack)


# ---------------------------------------------------------------- sorting

cdef int sort_append(Sweep *s, Node *n, bint active) except -1 nogil:
    sweep_reserve(s, 1)
    s.order[s.count].node = n
    s.order[s.count].i0 = -1
    s.order[s.count].i1 = -1
    s.active[s.count] = active
    n.mark = <uint32_t>s.count
    s.has_arrays |= not has_number(n) and n.op != OP_LEAF
    s.has_arrays |= n.flags & NODE_ARRAY
    s.count += 1
    return 0


cdef inline int sort_operand(Sweep *s, Node *p) except -1 nogil:
    """Push an operand that is still to be visited; 1 if there is one."""
    if p == NULL or not p.flags & s.bit or visited(s, p):
        return 0
    sweep_push(s, p)
    return 1


cdef int sort_finish(Sweep *s, Node *n) except -1 nogil:
    """All operands are in the order: append the node with their positions."""
    cdef Ext *ext = wide_operands(n)
    cdef bint active = False
    cdef int32_t i0 = -1, i1 = -1
    if ext != NULL:
        i0 = sort_wide(s, ext, &active)
    elif n.op == OP_LEAF:
        active = s.all_leaves
    else:
        if n.p0 != NULL and n.p0.flags & s.bit:
            i0 = <int32_t>n.p0.mark
            active = s.active[i0]
        if n.p1 != NULL and n.p1.flags & s.bit:
            i1 = <int32_t>n.p1.mark
            active = active or s.active[i1]
    sort_append(s, n, active)
    s.order[s.count - 1].i0 = i0
    s.order[s.count - 1].i1 = i1
    return 0


cdef int32_t sort_wide(Sweep *s, Ext *ext, bint *active) except? -1 nogil:
    """Positions of many operands, appended to `wide`; the offset of the first."""
    cdef Py_ssize_t k, capacity
    cdef void *p
    cdef Node *q
    if s.n_wide + ext.nparents > s.wide_capacity:
        capacity = 2 * s.wide_capacity + ext.nparents
        p = realloc(s.wide, capacity * sizeof(int32_t))
        if p == NULL:
            with gil:
                raise MemoryError("cdiff: no memory for the topological sort")
        s.wide = <int32_t *>p
        s.wide_capacity = capacity
    for k in range(ext.nparents):
        q = ext.parents[k]
        if q != NULL and q.flags & s.bit:
            s.wide[s.n_wide + k] = <int32_t>q.mark
            active[0] = active[0] or s.active[q.mark]
        else:
            s.wide[s.n_wide + k] = -1
    s.n_wide += ext.nparents
    return <int32_t>(s.n_wide - ext.nparents)


cdef int sort_from(Sweep *s, Node *root) except -1 nogil:
    """Depth-first from one output: operands before the nodes that use them."""
    cdef Node *n
    cdef Ext *ext
    cdef int pending
    cdef Py_ssize_t k
    if not root.flags & s.bit:
        return 0
    sweep_push(s, root)
    while s.stack_size > 0:
        n = s.stack[s.stack_size - 1]
        if visited(s, n):
            s.stack_size -= 1
            continue
        pending = 0
        ext = wide_operands(n)
        if n.op == OP_FREED:
            with gil:
                raise_freed()
        if ext != NULL:
            for k in range(ext.nparents):
                pending |= sort_operand(s, ext.parents[k])
        elif n.op != OP_LEAF:
            pending = sort_operand(s, n.p0)
            pending |= sort_operand(s, n.p1)
        if not pending:
            s.stack_size -= 1
            sort_finish(s, n)
    return 0


cdef int raise_freed() except -1:
    raise RuntimeError("backward: this part of the graph was already freed by an earlier "
                       "backward(); call backward(retain_graph=True) the first time")


cdef int sweep_begin(Sweep *s, list leaves, list outputs, int level) except -1:
    """Sort the graph between `leaves` (None: every requires_grad leaf) and `outputs`."""
    cdef Array a
    memset(s, 0, sizeof(Sweep))
    s.bit = level_bit(level)
    s.all_leaves = leaves is None
    if leaves is not None:
        for a in leaves:
            sort_append(s, N(a), True)
        s.n_leaves = s.count
    for a in outputs:
        sort_from(s, N(a))
    s.number = <double *>calloc(s.count + 1, sizeof(double))
    if s.number == NULL:
        raise MemoryError("cdiff: no memory for the sweep")
    return 0


cdef int sweep_values(Sweep *s, bint recorded) except -1:
    """Slots for array (or recorded) cotangents, only where the graph has any."""
    s.recorded = recorded
    if s.has_arrays or recorded:
        s.value = <PyObject **>calloc(s.count + 1, sizeof(PyObject *))
        if s.value == NULL:
            raise MemoryError("cdiff: no memory for the sweep")
    return 0


# ---------------------------------------------------------------- accumulation

cdef inline bint in_number(const Sweep *s, Py_ssize_t i) noexcept nogil:
    return not s.recorded and not s.order[i].node.flags & NODE_ARRAY


cdef Array get_value(Sweep *s, Py_ssize_t i):
    """The cotangent or tangent of entry i as a node; None for zero."""
    if in_number(s, i):
        return scalar(s.number[i]) if s.number[i] != 0.0 else None
    return <Array>s.value[i] if s.value != NULL and s.value[i] != NULL else None


cdef int put_value(Sweep *s, Py_ssize_t i, Array c) except -1:
    """Add a contribution to entry i, in place where nobody else sees the memory."""
    cdef Array old
    cdef PyObject *previous
    if c is None:
        return 0
    if in_number(s, i):
        s.number[i] += N(c).v if not N(c).flags & NODE_ARRAY else float_of(c)
        return 0
    if s.value[i] == NULL:
        Py_INCREF(c)
        s.value[i] = <PyObject *>c
        return 0
    if not s.recorded and is_private(s.value[i]) and plain_partner(<Array>s.value[i], c):
        old = <Array>s.value[i]
        KERNELS.value[OP_ADD](size_of(old), <double *>N(old).arr.data, <double *>N(old).arr.data,
                              numbers_of(c), 1, (N(c).flags & NODE_ARRAY) != 0)
        return 0
    old = ew2(OP_ADD, <Array>s.value[i], c)
    previous = s.value[i]
    Py_INCREF(old)
    s.value[i] = <PyObject *>old
    Py_DECREF(<object>previous)
    return 0


cdef inline const double *numbers_of(Array a) noexcept:
    return <const double *>N(a).arr.data if N(a).flags & NODE_ARRAY else &N(a).v


cdef inline bint is_private(PyObject *o) noexcept:
    """A contiguous float64 array that only this sweep refers to."""
    cdef Arr *r
    if Py_REFCNT(o) != 1 or not (<Node *>o).flags & NODE_ARRAY:
        return False
    r = (<Node *>o).arr
    return (r.refcnt == 1 and r.owner == NULL and r.base == NULL and r.typenum == NPY_DOUBLE
            and r.flags & ARR_CONTIGUOUS != 0)


cdef Array fit_operand(Array c, Array target):
    """A cotangent contribution reduced to the operand's shape and cast to its dtype."""
    cdef Array inner = innermost(c)
    if c is None:
        return None
    if not same_shape(inner, target):
        c = apply_sum_to(c, shape_tuple(target)) if size_of(inner) != size_of(target) \
            or ndim_of(inner) >= ndim_of(target) else apply_broadcast_to(c, shape_tuple(target))
    if typenum_of(innermost(c)) != typenum_of(target):
        c = apply_cast(c, typenum_of(target))
    return c


# ---------------------------------------------------------------- reverse

cdef int reverse_structural(Sweep *s, Py_ssize_t i, Array y, Array g) except -1:
    cdef Ext *ext = wide_operands(N(y))
    cdef Py_ssize_t k, j
    cdef Py_ssize_t count = ext.nparents if ext != NULL else 2
    cdef Array p
    for k in range(count):
        if ext != NULL:
            j = s.wide[s.order[i].i0 + k]
        else:
            j = s.order[i].i0 if k == 0 else s.order[i].i1
        if j < 0 or not s.active[j]:
            continue
        p = <Array><PyObject *>s.order[j].node
        if not s.recorded and reverse_into(s, j, p, y, g):
            continue
        put_value(s, j, fit_operand(ADJ[N(y).op](y, g, <int>k), p))
    return 0


cdef bint reverse_into(Sweep *s, Py_ssize_t j, Array p, Array y, Array g) except -1:
    """Indexing operators add straight into the operand's cotangent, without a dense temporary."""
    cdef int op = N(y).op
    if op != OP_SLICE and op != OP_GATHER or typenum_of(p) != NPY_DOUBLE:
        return False
    if s.value[j] == NULL or not is_private(s.value[j]):
        put_private(s, j, p)
    if op == OP_SLICE:
        add_into_slice(<Array>s.value[j], g, <tuple>N(y).obj)
    else:
        add_into_rows(<Array>s.value[j], g, <Array>parent(y, 1))
    return True


cdef int put_private(Sweep *s, Py_ssize_t j, Array p) except -1:
    """Give entry j a cotangent array of its own: zeros, or a copy of the shared one."""
    cdef Array fresh = zeros_like_node(p)
    cdef PyObject *previous = s.value[j]
    if previous != NULL:
        fresh = ew2(OP_ADD, fresh, <Array>previous)
        Py_DECREF(<object>previous)
    Py_INCREF(fresh)
    s.value[j] = <PyObject *>fresh
    return 0


cdef int reverse_elementwise(Sweep *s, Py_ssize_t i, Array y, Array g) except -1:
    cdef int op = N(y).op
    cdef int k
    cdef int32_t j
    cdef Array a = operand(y, 0)
    cdef Array b = operand(y, 1) if OP_NARGS[op] > 1 else None
    cdef Array p
    for k in range(2 if b is not None else 1):
        j = s.order[i].i0 if k == 0 else s.order[i].i1
        if j < 0 or not s.active[j]:
            continue
        p = a if k == 0 else b
        if not s.recorded and accumulate_fused(s, j, op, k, g, a, b, y):
            continue
        put_value(s, j, fit_operand(times_partial(op, k, g, a, b, y), p))
    return 0


cdef bint accumulate_fused(Sweep *s, Py_ssize_t j, int op, int k, Array g, Array a, Array b,
                           Array y) except -1:
    """Kernel that adds g * partial into an existing private cotangent of y's shape."""
    cdef Job job
    cdef int reads = OP_SAVES[op][k]
    if OP_PARTIAL[op][k] != PARTIAL_GENERAL or s.value == NULL or s.value[j] == NULL \
            or not is_private(s.value[j]) or not same_shape(<Array>s.value[j], y):
        return False
    a = as_float(a) if reads & 1 else None
    b = as_float(b) if reads & 2 else None
    job_shape(&job, op, y, None, None, None)
    job_operand(&job, g)
    job_operand(&job, a)
    job_operand(&job, b)
    job_operand(&job, y if reads & 4 else None)
    job_execute(&job, NULL, KERNELS.adjoint[op][k], (<Node *>s.value[j]).arr, 1)
    return True


cdef int reverse_run(Sweep *s) except -1:
    cdef Py_ssize_t i
    cdef Node *n
    cdef Entry *e
    cdef double g
    cdef Array y, c
    for i in range(s.count - 1, s.n_leaves - 1, -1):
        e = &s.order[i]
        n = e.node
        if not s.active[i] or n.op == OP_LEAF:
            continue
        if has_number(n) and not s.recorded:
            g = s.number[i]
            if g != 0.0:
                if e.i0 >= 0 and n.d0 != 0.0:
                    s.number[e.i0] += g * n.d0
                if e.i1 >= 0 and n.d1 != 0.0:
                    s.number[e.i1] += g * n.d1
            continue
        c = get_value(s, i)
        if c is None:
            continue
        y = <Array><PyObject *>n
        if n.op < N_LOCAL:
            reverse_elementwise(s, i, y, c)
        else:
            reverse_structural(s, i, y, c)
        if not s.recorded and n.flags & NODE_ARRAY:
            clear_value(s, i)
    return 0


cdef inline void clear_value(Sweep *s, Py_ssize_t i) noexcept:
    """Give back a cotangent that has been handed on, so that its memory is reused at once."""
    cdef PyObject *o = s.value[i]
    s.value[i] = NULL
    if o != NULL:
        Py_DECREF(<object>o)


# ---------------------------------------------------------------- forward

cdef int forward_run(Sweep *s) except -1:
    """Tangents from the leaves along the order; needs no parent to be kept alive."""
    cdef Py_ssize_t i
    cdef Node *n
    cdef Entry *e
    cdef double t
    cdef Array y
    for i in range(s.n_leaves, s.count):
        e = &s.order[i]
        n = e.node
        if not s.active[i]:
            continue
        if has_number(n) and not s.recorded:
            t = 0.0
            if e.i0 >= 0:
                t = sv_zmul(s.number[e.i0], n.d0)
            if e.i1 >= 0:
                t += sv_zmul(s.number[e.i1], n.d1)
            s.number[i] = t
            continue
        y = <Array><PyObject *>n
        if n.op < N_LOCAL:
            put_value(s, i, forward_elementwise(s, e, y))
        else:
            put_value(s, i, forward_structural(s, e, y))
    return 0


cdef Array forward_elementwise(Sweep *s, Entry *e, Array y):
    cdef int op = N(y).op
    cdef Array a = operand(y, 0)
    cdef Array b = operand(y, 1) if OP_NARGS[op] > 1 else None
    cdef Array t = None
    cdef Array seed
    if e.i0 >= 0:
        seed = get_value(s, e.i0)
        t = dual_term(op, 0, seed, a, b, y)
    if e.i1 >= 0:
        seed = get_value(s, e.i1)
        t = add_tangents(t, dual_term(op, 1, seed, a, b, y))
    return like_primal(t, y)


cdef Array forward_structural(Sweep *s, Entry *e, Array y):
    cdef Ext *ext = wide_operands(N(y))
    cdef Py_ssize_t k, j, count = ext.nparents if ext != NULL else 2
    cdef list operands = [], tangents = []
    cdef bint any_tangent = False
    cdef Array t
    for k in range(count):
        if ext != NULL:
            j = s.wide[e.i0 + k]
        else:
            j = e.i0 if k == 0 else e.i1
        t = get_value(s, j) if j >= 0 else None
        any_tangent = any_tangent or t is not None
        operands.append(parent(y, k))
        tangents.append(t)
    if not any_tangent:
        return None
    return like_primal(TAN[N(y).op](y, tuple(operands), tuple(tangents), y_attrs(y)), y)
