# The sweeps: cotangents backward, or tangents forward, along the sorted graph.
#
# Knows nodes, the table's partials and the structural rules by code; it must
# not know any operator by its formula.  Fast because scalars hand on numbers
# without anything in between, because arrays of one shape go straight to the
# fused adjoint kernels, which accumulate in place, and because the last operand
# takes over the memory of the cotangent it is made of.  Branches that do not
# lead to a requested leaf are sorted but never computed.

cdef enum:
    MANY_ELEMENTS = 64            # of an array, whose cotangents are put together at once


# ---------------------------------------------------------------- accumulation

cdef inline bint in_number(const Sweep *s, Py_ssize_t i) noexcept nogil:
    return not s.recorded and s.order[i].flags & ENTRY_SCALAR


cdef Array get_value(Sweep *s, Py_ssize_t i):
    """The cotangent or tangent of entry i as a node; None for zero."""
    cdef Slot *slot = &s.order[i].slot
    if in_number(s, i):
        return scalar(slot.number) if slot.number != 0.0 else None
    if s.elements != NULL:
        settle_elements(s, i)
    return <Array>slot.value if slot.value != NULL else None


cdef inline void set_value(Sweep *s, Py_ssize_t i, Array c) noexcept:
    cdef PyObject *previous = s.order[i].slot.value
    Py_XINCREF(<PyObject *>c)
    s.order[i].slot.value = <PyObject *>c
    Py_XDECREF(previous)


cdef int put_value(Sweep *s, Py_ssize_t i, Array c) except -1:
    """Add a contribution to entry i, in place where nobody else sees the memory."""
    cdef Array old
    cdef PyObject *o
    if c is None:
        return 0
    if in_number(s, i):
        s.order[i].slot.number += N(c).v if not N(c).flags & NODE_ARRAY else float_of(c)
        return 0
    o = s.order[i].slot.value
    if o == NULL:
        set_value(s, i, c)
    elif not s.recorded and is_private(o) and plain_partner(<Array>o, c):
        old = <Array>o
        KERNELS.value[OP_ADD](size_of(old), <double *>N(old).arr.data, <double *>N(old).arr.data,
                              numbers_of(c), 1, (N(c).flags & NODE_ARRAY) != 0)
    elif not s.recorded and takes_in(o, <PyObject *>c):
        add_in_place(<Array>o, c)
    elif not s.recorded and takes_in(<PyObject *>c, o):
        add_in_place(c, <Array>o)
        set_value(s, i, c)
    else:
        set_value(s, i, ew2(OP_ADD, <Array>o, c))
    return 0


cdef inline const double *numbers_of(Array a) noexcept:
    return <const double *>N(a).arr.data if N(a).flags & NODE_ARRAY else &N(a).v


cdef inline bint is_private(PyObject *o, Py_ssize_t references=1) noexcept:
    """A contiguous float64 array that only this sweep refers to."""
    cdef Arr *r
    if Py_REFCNT(o) != references or not (<Node *>o).flags & NODE_ARRAY:
        return False
    r = (<Node *>o).arr
    return (r.refcnt == 1 and r.holders == 0 and r.owner == NULL and r.base == NULL
            and r.typenum == NPY_DOUBLE and r.flags & ARR_CONTIGUOUS != 0)


cdef inline bint takes_in(PyObject *o, PyObject *c) noexcept:
    """Is `o` large memory of its own, to which the elements of `c` can be added in place?"""
    return (is_private(o) and (<Node *>o).arr.size >= NOGIL_SIZE and (<Node *>c).flags & NODE_ARRAY
            and broadcasts_into((<Node *>c).arr, (<Node *>o).arr))


cdef Array fit_operand(Array c, Array target):
    """A cotangent contribution reduced to the operand's shape and cast to its dtype."""
    cdef Array inner
    if c is None:
        return None
    inner = innermost(c)
    if not same_shape(inner, target):
        c = apply_sum_to(c, shape_tuple(target)) if size_of(inner) != size_of(target) \
            or ndim_of(inner) >= ndim_of(target) else apply_broadcast_to(c, shape_tuple(target))
    if typenum_of(innermost(c)) != typenum_of(target):
        c = apply_cast(c, typenum_of(target))
    return c


# ---------------------------------------------------------------- reverse

cdef inline int end_of_tree(Sweep *s, Node *p, double g) except -1:
    """Add to the cotangent of an operand that has a place in the order."""
    if not visited(s, p):
        raise RuntimeError("cdiff: two threads differentiate the same graph at once")
    s.order[p.mark].slot.number += g
    return 0


cdef int reverse_tree(Sweep *s, Node *n, double g) except -1:
    """Hand the cotangent of a scalar down its tree; a zero absorbs on either side, as in zmul."""
    cdef Py_ssize_t size = 0
    cdef Node *p
    cdef Node *q
    cdef double gp, gq
    while True:
        p = n.p0 if n.d0 != 0.0 and takes_part(s, n.p0) else NULL
        q = n.p1 if n.d1 != 0.0 and takes_part(s, n.p1) else NULL
        gp = g * n.d0
        gq = g * n.d1
        look_ahead(n, n.p0)
        n = NULL
        if p != NULL:
            if in_tree(p):
                n = p
                g = gp
            else:
                end_of_tree(s, p, gp)
        if q != NULL:
            if not in_tree(q):
                end_of_tree(s, q, gq)
            else:
                if n != NULL:
                    trees_push(s, &size, n, gp)
                n = q
                g = gq
        if n == NULL:
            if size == 0:
                return 0
            size -= 1
            n = s.trees[size].node
            g = s.trees[size].number


cdef int reverse_structural(Sweep *s, Py_ssize_t i, Array y, Array g) except -1:
    cdef Ext *ext = wide_operands(N(y))
    cdef Py_ssize_t k, j
    cdef Py_ssize_t count = ext.nparents if ext != NULL else 2
    cdef Array p
    if N(y).op == OP_CALL:
        return reverse_call(s, i, y, g)
    if N(y).op == OP_INDEX_SET and not s.recorded and s.order[i].i0 >= 0 \
            and is_private(<PyObject *>g, 2):
        return reverse_index_set(s, i, y, g)
    for k in range(count):
        j = operand_at(s, &s.order[i], ext, k)
        if j < 0 or not s.order[j].flags & ENTRY_ACTIVE:
            continue
        p = <Array><PyObject *>s.order[j].node
        if not s.recorded and (reverse_into(s, j, p, y, g)
                               or reverse_inner_product(s, j, k, y, g)):
            continue
        if s.recorded and keep_element(s, j, p, y, g):
            continue
        put_value(s, j, fit_operand(ADJ[N(y).op](y, g, <int>k), p))
    return 0


cdef bint reverse_total(Sweep *s, const Entry *e) except -1:
    """The sum of a whole array that nothing else has reached: one number seen through its shape."""
    cdef Entry *to = &s.order[e.i0] if e.i0 >= 0 else NULL
    if to == NULL or not to.flags & ENTRY_ACTIVE or not to.node.flags & NODE_ARRAY \
            or to.node.arr.typenum != NPY_DOUBLE or to.slot.value != NULL or e.slot.number == 0.0:
        return False
    to.slot.value = <PyObject *>number_node(e.slot.number, to.node.arr.ndim,
                                            ARR_SHAPE(to.node.arr))
    return True


cdef int reverse_index_set(Sweep *s, Py_ssize_t i, Array y, Array g) except -1:
    """The cotangent of y, cleared where y was assigned, becomes that of the version before.

    So the sweep through n assignments into one array takes n times the size of the parts, not of
    the array.
    """
    cdef tuple index = (<tuple>N(y).obj)[0]
    cdef Py_ssize_t j = s.order[i].i1
    cdef Array part = slice_view(g, index)
    if j >= 0 and s.order[j].flags & ENTRY_ACTIVE:
        put_value(s, j, fit_operand(settle(contiguous_copy(part)), <Array><PyObject *>
                                    s.order[j].node))
    j = s.order[i].i0
    if s.order[j].flags & ENTRY_ACTIVE:
        copy_in_place(part, scalar(0.0))
        part = None
        put_value(s, j, g)
    return 0


cdef bint reverse_into(Sweep *s, Py_ssize_t j, Array p, Array y, Array g) except -1:
    """Indexing operators add straight into the operand's cotangent, without a dense temporary."""
    cdef int op = N(y).op
    if op != OP_SLICE and op != OP_GATHER or typenum_of(p) != NPY_DOUBLE \
            or not N(p).flags & NODE_ARRAY:
        return False
    if op == OP_SLICE and s.order[j].slot.value == NULL:
        set_value(s, j, value_embed(g, None, (shape_tuple(p), (<tuple>N(y).obj)[0])))
        return True
    if s.order[j].slot.value == NULL or not is_private(s.order[j].slot.value):
        put_private(s, j, p)
    if op == OP_SLICE:
        add_into_slice(<Array>s.order[j].slot.value, g, <tuple>N(y).obj)
    else:
        add_into_rows(<Array>s.order[j].slot.value, g, <Array>parent(y, 1))
    return True


cdef bint reverse_inner_product(Sweep *s, Py_ssize_t j, Py_ssize_t k, Array y, Array g) except -1:
    """A row times a column: g times the other operand, in the memory of that if only y knows it."""
    cdef Node *p = s.order[j].node
    cdef Node *q = N(y).p1 if k == 0 else N(y).p0
    cdef double seed
    cdef Array c
    if N(y).op != OP_MATMUL or not s.frees or size_of(y) != 1 or not is_last_reader(q, p.arr.size) \
            or p.arr.ndim != q.arr.ndim or not is_plain(p.arr):
        return False
    seed = float_of(g)
    KERNELS.value[OP_MULTIPLY](q.arr.size, <double *>q.arr.data, <double *>q.arr.data, &seed, 1, 0)
    memcpy(q.arr.dims, p.arr.dims, 2 * p.arr.ndim * sizeof(Py_ssize_t))
    c = steal(<Node *>released_operand(N(y), 1 - <int>k))
    put_value(s, j, c)
    return True


cdef bint keep_element(Sweep *s, Py_ssize_t j, Array p, Array y, Array g) except -1:
    """In a recorded sweep, keep what comes from single elements of an array until its cotangent is
    asked for: each on its own would be an array of zeros around it."""
    cdef tuple index, shape
    cdef Py_ssize_t axis, at = 0
    if N(y).op != OP_SLICE or ndim_of(y) or typenum_of(p) != NPY_DOUBLE:
        return False
    index = (<tuple>N(y).obj)[0]
    shape = shape_tuple(p)
    for axis in range(len(shape)):
        at = at * <Py_ssize_t>shape[axis] + <Py_ssize_t>index[3 * axis]
    if s.elements == NULL:
        elements = {}
        Py_INCREF(elements)
        s.elements = <PyObject *>elements
    (<dict>s.elements).setdefault(j, []).append((at, y, g))
    return True


cdef int settle_elements(Sweep *s, Py_ssize_t j) except -1:
    """Add what was kept for entry j to its cotangent: many of them side by side."""
    cdef list kept = (<dict>s.elements).pop(j, None)
    cdef Array p = <Array><PyObject *>s.order[j].node
    if kept is None:
        return 0
    if len(kept) >= MANY_ELEMENTS:
        put_value(s, j, side_by_side(p, kept))
        return 0
    for _, y, g in kept:
        put_value(s, j, fit_operand(ADJ[OP_SLICE](y, g, 0), p))
    return 0


cdef Array side_by_side(Array p, list kept):
    """An array like p of the elements (place, element of p, cotangent), zero elsewhere."""
    cdef dict sums = {}
    cdef list pieces = []
    cdef Py_ssize_t end = 0, at, size = size_of(p)
    cdef tuple shape = shape_tuple(p)
    for at, y, g in kept:
        g = fit_operand(g, y)
        sums[at] = ew2(OP_ADD, <Array>sums[at], <Array>g) if at in sums else g
    for at in sorted(sums):
        if at > end:
            pieces.append(apply_broadcast_to(scalar(0.0), (at - end,)))
        pieces.append(apply_reshape(sums[at], (1,)))
        end = at + 1
    if end < size:
        pieces.append(apply_broadcast_to(scalar(0.0), (size - end,)))
    whole = apply_concatenate(pieces, 0)
    return whole if len(shape) == 1 else apply_reshape(whole, shape)


cdef int put_private(Sweep *s, Py_ssize_t j, Array p) except -1:
    """Give entry j a cotangent array of its own: zeros, or a copy of the shared one."""
    cdef Array fresh = zeros_like_node(p)
    cdef PyObject *previous = s.order[j].slot.value
    if previous != NULL:
        fresh = ew2(OP_ADD, fresh, <Array>previous)
    set_value(s, j, fresh)
    return 0


cdef bint find_source(Source *out, const Node *n, const Node *p, bint read) noexcept nogil:
    """What an adjoint kernel reads of operand p of n; False where a kernel cannot."""
    out.data = NULL
    out.stride = 0
    if not read:
        return True
    if p == NULL:
        out.data = &n.d1
    elif not p.flags & NODE_ARRAY:
        out.data = &p.v
    elif is_plain(p.arr) and same_dims(p.arr, n.arr):
        out.data = <const double *>p.arr.data
        out.stride = 1
    return out.data != NULL


cdef bint find_seed(Source *out, const Node *n, const Node *g) noexcept nogil:
    """The same of the cotangent g of n: data of n's shape, or one number seen through it."""
    if not g.flags & NODE_ARRAY or g.arr.typenum != NPY_DOUBLE or not same_dims(g.arr, n.arr):
        return False
    out.data = <const double *>g.arr.data
    out.stride = 1 if g.arr.flags & ARR_CONTIGUOUS else 0
    return out.stride == 1 or is_one_number(g.arr)


cdef int reverse_arrays(Sweep *s, Entry *e) except -1:
    """The operands of an elementwise node that are plain arrays of its shape, by kernels alone.

    Returns a bit for each operand that is done; the others take the general way.
    """
    cdef Node *n = e.node
    cdef Source g
    cdef int32_t j
    cdef int i, k, done = 0, first
    if not is_plain(n.arr) or not find_seed(&g, n, <Node *>e.slot.value):
        return 0
    for k in range(2):
        j = e.i0 if k == 0 else e.i1
        if j < 0 or not s.order[j].flags & ENTRY_ACTIVE or OP_PARTIAL[n.op][k] == PARTIAL_ZERO:
            done |= 1 << k
    # A sum first: then the other operand may take over the memory of the cotangent.
    first = not done and s.order[e.i0].slot.value == NULL and s.order[e.i1].slot.value != NULL
    for i in range(2):
        k = i ^ first
        j = e.i0 if k == 0 else e.i1
        if not done >> k & 1 and reverse_array(s, e, k, j, &g, done | 1 << k == 3):
            done |= 1 << k
    return done


cdef bint reverse_array(Sweep *s, Entry *e, int k, int32_t j, const Source *g,
                        bint last) except -1:
    """One operand; for the last one, the memory of the node's own cotangent may be taken over."""
    cdef Node *n = e.node
    cdef Node *p = n.p0 if k == 0 else n.p1
    cdef Node *other = n.p1 if k == 0 else n.p0
    cdef PyObject *o = s.order[j].slot.value
    cdef int reads = OP_SAVES[n.op][k]
    cdef Source a, b
    cdef bint taken = False
    if not p.flags & NODE_ARRAY or p.arr.typenum != NPY_DOUBLE or not same_dims(p.arr, n.arr) \
            or not find_source(&a, n, n.p0, reads & 1) \
            or not find_source(&b, n, n.p1, reads & 2):
        return False
    if o == NULL:
        taken = last and g.stride == 1 and is_private(e.slot.value)
        if taken:
            o = e.slot.value
        elif OP_PARTIAL[n.op][k] == PARTIAL_ONE:
            set_value(s, j, <Array>e.slot.value)
            return True
        elif last and s.frees and is_last_reader(other, n.arr.size) \
                and same_dims(other.arr, n.arr):
            run_adjoint(s, n, k, other.arr, g, &a, &b, 0)
            s.order[j].slot.value = released_operand(n, k ^ 1)
            return True
        else:
            o = <PyObject *>fresh_like(n.arr)
        s.order[j].slot.value = o
        run_adjoint(s, n, k, (<Node *>o).arr, g, &a, &b, 0)
        if taken:
            e.slot.value = NULL
        return True
    if not is_private(o) or o == e.slot.value:
        return False
    run_adjoint(s, n, k, (<Node *>o).arr, g, &a, &b, 1)
    return True


cdef inline bint is_last_reader(const Node *p, Py_ssize_t size) noexcept nogil:
    """Is the operand p of a node a large constant of this size that only the node knows?  So is the
    copy that was saved of an ndarray."""
    return (p != NULL and p.op == OP_CONST and not p.flags & (LEVEL_MASK | NODE_SHOWN)
            and p.flags & NODE_ARRAY and size >= NOGIL_SIZE and p.arr.size == size
            and p.arr.refcnt == 1 and p.arr.holders == 1 and Py_REFCNT(<PyObject *>p) == 0
            and p.arr.owner == NULL and p.arr.base == NULL and p.arr.pins == 0
            and is_plain(p.arr))


cdef PyObject *released_operand(Node *n, int k) noexcept:
    """An operand k of n of that kind, whose memory is a cotangent's; n is as in a freed graph."""
    cdef Node *p = n.p1 if k == 1 else n.p0
    if k == 1:
        n.p1 = NULL
    else:
        n.p0 = NULL
    n.obj = NULL
    n.op = OP_FREED
    p.arr.holders = 0
    p.arr.flags &= ~ARR_SAVED
    p.flags = NODE_ARRAY
    Py_SET_REFCNT(<PyObject *>p, 1)
    return <PyObject *>p


cdef int run_adjoint(Sweep *s, const Node *n, int k, Arr *out, const Source *g, const Source *a,
                     const Source *b, int accumulate) except -1:
    cdef double *to = <double *>out.data
    cdef const double *y = <const double *>n.arr.data
    cdef adj_fn kernel = KERNELS.adjoint[n.op][k]
    if puts_off(s, out):
        put_off(s, out.size, kernel, to, g, a, b, y, accumulate)
    else:
        kernel(out.size, to, g.data, a.data, b.data, y, g.stride, a.stride, b.stride, accumulate)
    return 0


cdef int reverse_elementwise(Sweep *s, Py_ssize_t i, Array y, Array g, int done) except -1:
    """Any elementwise node; `done` has a bit for each operand that has its share already."""
    cdef int op = N(y).op
    cdef int k
    cdef int32_t j
    cdef Array a = operand(y, 0)
    cdef Array b = operand(y, 1) if OP_NARGS[op] > 1 else None
    cdef Array p, c
    for k in range(2 if b is not None else 1):
        j = s.order[i].i0 if k == 0 else s.order[i].i1
        if done >> k & 1 or j < 0 or not s.order[j].flags & ENTRY_ACTIVE:
            continue
        p = a if k == 0 else b
        if not s.recorded and accumulate_fused(s, j, op, k, g, a, b, y):
            continue
        if OP_PARTIAL[op][k] == PARTIAL_MINUS_ONE and size_of(innermost(p)) < size_of(innermost(g)):
            put_value(s, j, ew1(OP_NEGATIVE, fit_operand(g, p)))      # the few, not the many
            continue
        c = None if s.recorded or s.order[j].slot.value != NULL else turned_partial(op, k, g, a, b,
                                                                                    y, p)
        put_value(s, j, fit_operand(times_partial(op, k, g, a, b, y), p) if c is None else c)
    return 0


cdef bint accumulate_fused(Sweep *s, Py_ssize_t j, int op, int k, Array g, Array a, Array b,
                           Array y) except -1:
    """Kernel that adds g * partial into an existing private cotangent of y's shape."""
    cdef Job job
    cdef int reads = OP_SAVES[op][k]
    cdef PyObject *o = s.order[j].slot.value
    if OP_PARTIAL[op][k] != PARTIAL_GENERAL or in_number(s, j) or o == NULL \
            or not is_private(o) or not same_shape(<Array>o, y) or is_complex(typenum_of(y)):
        return False
    a = as_float(a) if reads & 1 else None
    b = as_float(b) if reads & 2 else None
    job_shape(&job, op, y, None, None, None)
    job_operand(&job, g)
    job_operand(&job, a)
    job_operand(&job, b)
    job_operand(&job, y if reads & 4 else None)
    job_execute(&job, NULL, KERNELS.adjoint[op][k], (<Node *>o).arr, 1)
    return True


cdef int reverse_run(Sweep *s) except -1:
    """From the last entry to the first: every node hands its cotangent to its operands."""
    cdef Py_ssize_t i
    if watching:
        return watched_reverse(s)
    s.puts_off = True
    for i in range(s.count - 1, s.n_leaves - 1, -1):
        reverse_entry(s, i)
    return catch_up(s)


cdef inline int reverse_entry(Sweep *s, Py_ssize_t i) except -1:
    cdef int done = 0
    cdef Entry *e = &s.order[i]
    cdef Array y, c
    if e.flags & (ENTRY_ACTIVE | ENTRY_LEAF) != ENTRY_ACTIVE:
        return 0
    if e.flags & ENTRY_LOCAL and s.by_trees:
        return reverse_tree(s, e.node, e.slot.number) if e.slot.number != 0.0 else 0
    if e.node.op < N_LOCAL and not s.recorded and not e.flags & ENTRY_SCALAR \
            and e.slot.value != NULL:
        done = reverse_arrays(s, e)
        if done == 3:
            return drop_later(s, &e.slot.value)
    if e.node.op == OP_SUM and not s.recorded and e.flags & ENTRY_SCALAR and reverse_total(s, e):
        return 0
    if s.n_calls:
        catch_up(s)
    c = get_value(s, i)
    if c is None:
        return 0
    y = <Array><PyObject *>e.node
    if e.node.op < N_LOCAL:
        reverse_elementwise(s, i, y, c, done)
    else:
        reverse_structural(s, i, y, c)
    # A cotangent that has been handed on: its memory is reused at once.
    if not s.recorded and not e.flags & ENTRY_SCALAR:
        set_value(s, i, None)
    return 0


# ---------------------------------------------------------------- forward

cdef inline double forward_number(const Sweep *s, const Entry *e) noexcept nogil:
    cdef const Node *n = e.node
    cdef double t = 0.0
    if e.i0 >= 0 and n.d0 != 0.0 and s.order[e.i0].slot.number != 0.0:
        t = s.order[e.i0].slot.number * n.d0
    if e.i1 >= 0 and n.d1 != 0.0 and s.order[e.i1].slot.number != 0.0:
        t += s.order[e.i1].slot.number * n.d1
    return t


cdef int forward_run(Sweep *s, list at_outputs) except -1:
    """Tangents from the leaves along the order; needs no parent to be kept alive."""
    cdef Py_ssize_t i
    if watching:
        return watched_forward(s, at_outputs)
    for i in range(s.n_leaves, s.count):
        forward_entry(s, i, at_outputs)
    return 0


cdef inline int forward_entry(Sweep *s, Py_ssize_t i, list at_outputs) except -1:
    cdef Entry *e = &s.order[i]
    cdef Array y
    if e.flags & (ENTRY_ACTIVE | ENTRY_LEAF) != ENTRY_ACTIVE:
        return 0
    if e.flags & ENTRY_LOCAL and not s.recorded:
        e.slot.number = forward_number(s, e)
        return 0
    y = <Array><PyObject *>e.node
    if e.node.op < N_LOCAL:
        put_value(s, i, forward_elementwise(s, e, y))
    elif e.node.op != OP_INDEX_SET or not forward_index_set(s, i, y, at_outputs):
        put_value(s, i, forward_structural(s, e, y))
    return 0


cdef bint forward_index_set(Sweep *s, Py_ssize_t i, Array y, list at_outputs) except -1:
    """The tangent of the version before, with the part set, becomes that of y if nobody reads it
    later.  So n assignments into one array take n times the size of the parts, here as well.
    """
    cdef Entry *e = &s.order[i]
    cdef Slot *old = &s.order[e.i0].slot
    cdef Array t
    if s.recorded or e.i0 < 0 or old.value == NULL or not is_private(old.value):
        return False
    if s.last == NULL:
        note_readers(s, at_outputs)
    if s.last[e.i0] != i:
        return False
    t = get_value(s, e.i1) if e.i1 >= 0 else None
    copy_in_place(slice_view(<Array>old.value, (<tuple>N(y).obj)[0]),
                  scalar(0.0) if t is None else t)
    e.slot.value = old.value
    old.value = NULL
    return True


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
        j = operand_at(s, e, ext, k)
        t = get_value(s, j) if j >= 0 else None
        any_tangent = any_tangent or t is not None
        operands.append(parent(y, k))
        tangents.append(t)
    if not any_tangent:
        return None
    if N(y).op == OP_CALL and s.recorded:
        return forward_call(s, y, operands, tangents)
    return like_primal(TAN[N(y).op](y, tuple(operands), tuple(tangents), y_attrs(y)), y)
