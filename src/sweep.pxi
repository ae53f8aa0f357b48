# The sweeps: an iterative topological sort, then cotangents backward or
# tangents forward along it.
#
# Knows nodes, the table's partials and the structural rules by code; it must
# not know any operator by its formula.  Fast because a scalar that only one
# other scalar uses (the temporaries of an expression) needs no place in the
# order: the trees of such nodes are walked where they lie, once to sort and
# once to hand cotangents on; because the sort marks nodes in place (a mark
# counts only if the order agrees, so nothing is ever cleared); because array
# cotangents are accumulated in place by the fused adjoint kernels; and because
# a small sweep allocates nothing.  Branches that do not lead to a requested
# leaf are sorted but never computed.

cdef enum EntryFlag:
    ENTRY_ACTIVE = 1           # the node depends on a requested leaf
    ENTRY_LEAF = 2
    ENTRY_SCALAR = 4           # its cotangent or tangent is a number
    ENTRY_LOCAL = 8            # its partials are numbers, in d0 and d1 of the node

cdef enum:
    SMALL_SWEEP = 48           # entries that a sweep holds without an allocation

cdef union Slot:
    double number
    PyObject *value

# A node of the sorted graph.  i0, i1: positions of the operands, -1 for those that are not part of
# it; with more than two operands, i0 is an offset into `wide`.
cdef struct Entry:
    Node *node
    Slot slot
    int32_t i0
    int32_t i1
    int flags

# A node of a tree still to be visited, with its cotangent.
cdef struct Pending:
    Node *node
    double number

cdef struct Sweep:
    Entry *order
    Node **stack               # nodes to visit; an odd pointer: its operands are in the order
    Pending *trees
    int32_t *wide
    Py_ssize_t count, capacity, stack_size, stack_capacity, trees_capacity, n_wide, wide_capacity
    Py_ssize_t n_leaves
    int bit
    bint all_leaves            # every leaf is requested
    bint prunes                # there are leaves that nobody asked for
    bint has_values            # not all nodes are scalars with partials
    bint recorded              # the sweep itself is recorded, for an outer transformation
    bint by_trees              # nodes with one user have no place in the order
    Entry small_order[SMALL_SWEEP]
    Node *small_stack[SMALL_SWEEP]
    Pending small_trees[SMALL_SWEEP]


# Sweeps begun and not ended, in all threads: no graph may be freed under another's feet.
cdef Py_ssize_t sweeps_running = 0


cdef inline bint has_number(Node *n) noexcept nogil:
    """Is this a scalar whose partials lie in d0 and d1?"""
    return n.op < N_LOCAL and not n.flags & NODE_ARRAY


cdef inline Ext *wide_operands(Node *n) noexcept nogil:
    return n.ext if owns_objects(n) and n.ext != NULL and n.ext.nparents > 0 else NULL


cdef inline bint visited(const Sweep *s, const Node *n) noexcept nogil:
    return <Py_ssize_t>n.mark < s.count and s.order[n.mark].node == n


# ---------------------------------------------------------------- room

cdef void sweep_init(Sweep *s, int level) noexcept:
    global sweeps_running
    sweeps_running += 1
    s.order = s.small_order
    s.stack = s.small_stack
    s.trees = s.small_trees
    s.wide = NULL
    s.count = s.stack_size = s.n_wide = s.wide_capacity = s.n_leaves = 0
    s.capacity = s.stack_capacity = s.trees_capacity = SMALL_SWEEP
    s.bit = level_bit(level)
    s.all_leaves = s.prunes = s.has_values = s.recorded = s.by_trees = False


cdef void *grown(void *old, void *small, Py_ssize_t *capacity, size_t size) except NULL:
    """Twice the room for items of `size` bytes; `small` is the part that lies in the Sweep."""
    cdef Py_ssize_t wanted = 2 * capacity[0] + SMALL_SWEEP
    cdef void *fresh = NULL
    if wanted < 0x7FFFFFF0:
        fresh = realloc(NULL if old == small else old, wanted * size)
    if fresh == NULL:
        raise MemoryError("cdiff: no memory to sort the graph")
    if old == small and old != NULL:
        memcpy(fresh, small, capacity[0] * size)
    capacity[0] = wanted
    return fresh


cdef void sweep_free(Sweep *s) noexcept:
    global sweeps_running
    cdef Py_ssize_t i
    sweeps_running -= 1
    if s.has_values or s.recorded:
        for i in range(s.count):
            if not in_number(s, i) and s.order[i].slot.value != NULL:
                Py_DECREF(<object>s.order[i].slot.value)
    if s.order != s.small_order:
        free(s.order)
    if s.stack != s.small_stack:
        free(s.stack)
    if s.trees != s.small_trees:
        free(s.trees)
    free(s.wide)


# ---------------------------------------------------------------- sorting

cdef inline int sort_push(Sweep *s, Node *n) except -1:
    if s.stack_size == s.stack_capacity:
        s.stack = <Node **>grown(s.stack, s.small_stack, &s.stack_capacity, sizeof(Node *))
    s.stack[s.stack_size] = n
    s.stack_size += 1
    return 0


cdef inline int sort_operand(Sweep *s, Node *p) except -1:
    """Push an operand that is still to be visited."""
    if p != NULL and p.flags & s.bit and not visited(s, p):
        sort_push(s, p)
    return 0


cdef inline Entry *sort_append(Sweep *s, Node *n) except NULL:
    cdef Entry *e
    if s.count == s.capacity:
        s.order = <Entry *>grown(s.order, s.small_order, &s.capacity, sizeof(Entry))
    e = &s.order[s.count]
    e.node = n
    e.slot.number = 0.0
    e.i0 = -1
    e.i1 = -1
    e.flags = 0 if n.flags & NODE_ARRAY else ENTRY_SCALAR
    n.mark = <uint32_t>s.count
    s.count += 1
    return e


cdef int sort_leaf(Sweep *s, Node *n, bint active) except -1:
    cdef Entry *e = sort_append(s, n)
    e.flags |= ENTRY_LEAF | (ENTRY_ACTIVE if active else 0)
    s.has_values |= (n.flags & NODE_ARRAY) != 0
    s.prunes |= not active
    return 0


cdef inline int32_t sort_position(Sweep *s, Node *p, int *active) noexcept:
    """Where an operand stands in the order; -1 if it does not take part."""
    if p == NULL or not p.flags & s.bit:
        return -1
    active[0] |= s.order[p.mark].flags & ENTRY_ACTIVE
    return <int32_t>p.mark


cdef int sort_finish(Sweep *s, Node *n) except -1:
    """All operands are in the order: append the node with their positions."""
    cdef Ext *ext = NULL
    cdef Entry *e
    cdef int active = 0
    cdef int32_t i0 = -1, i1 = -1
    if n.op == OP_LEAF:
        return sort_leaf(s, n, s.all_leaves)
    if has_number(n):
        if s.by_trees:
            active = ENTRY_ACTIVE if not s.prunes or tree_is_active(s, n) else 0
        else:
            i0 = sort_position(s, n.p0, &active)
            i1 = sort_position(s, n.p1, &active)
        active |= ENTRY_LOCAL
    else:
        s.has_values = True
        ext = wide_operands(n)
        if ext != NULL:
            i0 = sort_wide(s, ext, &active)
        else:
            i0 = sort_position(s, n.p0, &active)
            i1 = sort_position(s, n.p1, &active)
    e = sort_append(s, n)
    e.i0 = i0
    e.i1 = i1
    e.flags |= active
    return 0


cdef int32_t sort_wide(Sweep *s, Ext *ext, int *active) except? -1:
    """Positions of many operands, appended to `wide`; the offset of the first."""
    cdef Py_ssize_t k
    while s.n_wide + ext.nparents > s.wide_capacity:
        s.wide = <int32_t *>grown(s.wide, NULL, &s.wide_capacity, sizeof(int32_t))
    for k in range(ext.nparents):
        s.wide[s.n_wide + k] = sort_position(s, ext.parents[k], active)
    s.n_wide += ext.nparents
    return <int32_t>(s.n_wide - ext.nparents)


cdef int sort_operands(Sweep *s, Node *n) except -1:
    """Push the operands of a node that are not in the order yet."""
    cdef Ext *ext
    cdef Py_ssize_t k
    if has_number(n):
        if s.by_trees:
            return sort_tree(s, n)
        sort_operand(s, n.p0)
        sort_operand(s, n.p1)
        return 0
    if n.op == OP_FREED:
        raise RuntimeError("backward: this part of the graph was already freed by an earlier "
                           "backward(); call backward(retain_graph=True) the first time")
    if n.op == OP_LEAF:
        return 0
    ext = wide_operands(n)
    if ext == NULL:
        sort_operand(s, n.p0)
        sort_operand(s, n.p1)
    else:
        for k in range(ext.nparents):
            sort_operand(s, ext.parents[k])
    return 0


cdef int sort_from(Sweep *s, Node *root) except -1:
    """Depth-first from one output: operands before the nodes that use them."""
    cdef Node *n
    cdef Py_ssize_t size
    sort_operand(s, root)
    while s.stack_size > 0:
        n = s.stack[s.stack_size - 1]
        if <size_t>n & 1:
            s.stack_size -= 1
            sort_finish(s, <Node *>(<size_t>n - 1))
        elif visited(s, n):
            s.stack_size -= 1
        else:
            size = s.stack_size
            sort_operands(s, n)
            if s.stack_size == size:
                s.stack_size -= 1
                sort_finish(s, n)
            else:
                s.stack[size - 1] = <Node *>(<size_t>n + 1)
    return 0


cdef int sweep_begin(Sweep *s, list leaves, list outputs, int level, bint by_trees) except -1:
    """Sort the graph between `leaves` (None: every requires_grad leaf) and `outputs`.

    `by_trees` is for sweeps on plain memory in reverse.
    """
    cdef Array a
    sweep_init(s, level)
    s.by_trees = by_trees
    s.all_leaves = leaves is None
    if leaves is not None:
        for a in leaves:
            if not visited(s, N(a)):
                sort_leaf(s, N(a), True)
        s.n_leaves = s.count
    for a in outputs:
        sort_from(s, N(a))
    return 0


cdef list positions_of(Sweep *s, list nodes):
    """Where nodes stand in the order, -1 for those outside (another sweep may mark them later)."""
    cdef Array a
    cdef list out = []
    for a in nodes:
        out.append(<Py_ssize_t>N(a).mark if visited(s, N(a)) else -1)
    return out


# ---------------------------------------------------------------- trees of temporaries

cdef inline bint takes_part(const Sweep *s, Node *p) noexcept nogil:
    return p != NULL and p.flags & s.bit != 0


cdef inline bint in_tree(Node *p) noexcept nogil:
    """Has this operand of a scalar no other user?  Then it is walked, not sorted."""
    return Py_REFCNT(<PyObject *>p) == 1 and has_number(p)


cdef inline int trees_push(Sweep *s, Py_ssize_t *size, Node *n, double number) except -1:
    if size[0] == s.trees_capacity:
        s.trees = <Pending *>grown(s.trees, s.small_trees, &s.trees_capacity, sizeof(Pending))
    s.trees[size[0]].node = n
    s.trees[size[0]].number = number
    size[0] += 1
    return 0


cdef int sort_tree(Sweep *s, Node *n) except -1:
    """Push what the tree below a scalar ends in; the second operand first, for sums grow left."""
    cdef Py_ssize_t size = 0
    cdef Node *p
    cdef Node *q
    while True:
        p = n.p0
        q = n.p1
        n = NULL
        if takes_part(s, p):
            if in_tree(p):
                n = p
            else:
                sort_operand(s, p)
        if takes_part(s, q):
            if not in_tree(q):
                sort_operand(s, q)
            else:
                if n != NULL:
                    trees_push(s, &size, n, 0.0)
                n = q
        if n == NULL:
            if size == 0:
                return 0
            size -= 1
            n = s.trees[size].node


cdef bint tree_is_active(Sweep *s, Node *n) except -1:
    """Does anything at the ends of a sorted tree lead to a requested leaf?"""
    cdef Py_ssize_t size = 0
    trees_push(s, &size, n, 0.0)
    while size > 0:
        size -= 1
        n = s.trees[size].node
        if operand_is_active(s, n.p0, &size) or operand_is_active(s, n.p1, &size):
            return True
    return False


cdef bint operand_is_active(Sweep *s, Node *p, Py_ssize_t *size) except -1:
    """The same for one operand; those inside the tree are left for later."""
    if not takes_part(s, p):
        return False
    if in_tree(p):
        trees_push(s, size, p, 0.0)
        return False
    return s.order[p.mark].flags & ENTRY_ACTIVE


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


# ---------------------------------------------------------------- accumulation

cdef inline bint in_number(const Sweep *s, Py_ssize_t i) noexcept nogil:
    return not s.recorded and s.order[i].flags & ENTRY_SCALAR


cdef Array get_value(Sweep *s, Py_ssize_t i):
    """The cotangent or tangent of entry i as a node; None for zero."""
    cdef Slot *slot = &s.order[i].slot
    if in_number(s, i):
        return scalar(slot.number) if slot.number != 0.0 else None
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

cdef int reverse_structural(Sweep *s, Py_ssize_t i, Array y, Array g) except -1:
    cdef Ext *ext = wide_operands(N(y))
    cdef Py_ssize_t k, j
    cdef Py_ssize_t count = ext.nparents if ext != NULL else 2
    cdef Array p
    if N(y).op == OP_INDEX_SET and not s.recorded and s.order[i].i0 >= 0 \
            and is_private(<PyObject *>g, 2):
        return reverse_index_set(s, i, y, g)
    for k in range(count):
        if ext != NULL:
            j = s.wide[s.order[i].i0 + k]
        else:
            j = s.order[i].i0 if k == 0 else s.order[i].i1
        if j < 0 or not s.order[j].flags & ENTRY_ACTIVE:
            continue
        p = <Array><PyObject *>s.order[j].node
        if not s.recorded and reverse_into(s, j, p, y, g):
            continue
        put_value(s, j, fit_operand(ADJ[N(y).op](y, g, <int>k), p))
    return 0


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
    if op != OP_SLICE and op != OP_GATHER or typenum_of(p) != NPY_DOUBLE:
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


cdef int put_private(Sweep *s, Py_ssize_t j, Array p) except -1:
    """Give entry j a cotangent array of its own: zeros, or a copy of the shared one."""
    cdef Array fresh = zeros_like_node(p)
    cdef PyObject *previous = s.order[j].slot.value
    if previous != NULL:
        fresh = ew2(OP_ADD, fresh, <Array>previous)
    set_value(s, j, fresh)
    return 0


cdef struct Source:
    const double *data         # NULL: not read
    int stride                 # 0 for a number that stands for all elements


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
    cdef int i
    if not g.flags & NODE_ARRAY or g.arr.typenum != NPY_DOUBLE or not same_dims(g.arr, n.arr):
        return False
    out.data = <const double *>g.arr.data
    out.stride = 1
    if g.arr.flags & ARR_CONTIGUOUS:
        return True
    out.stride = 0
    for i in range(g.arr.ndim):
        if g.arr.dims[i] != 1 and g.arr.dims[g.arr.ndim + i] != 0:
            return False
    return True


cdef int reverse_arrays(Sweep *s, Entry *e) except -1:
    """The operands of an elementwise node that are plain arrays of its shape, by kernels alone.

    Returns a bit for each operand that is done; the others take the general way.
    """
    cdef Node *n = e.node
    cdef Source g
    cdef int32_t j
    cdef int k, done = 0
    if not is_plain(n.arr) or not find_seed(&g, n, <Node *>e.slot.value):
        return 0
    for k in range(2):
        j = e.i0 if k == 0 else e.i1
        if j < 0 or not s.order[j].flags & ENTRY_ACTIVE or OP_PARTIAL[n.op][k] == PARTIAL_ZERO:
            done |= 1 << k
    for k in range(2):
        j = e.i0 if k == 0 else e.i1
        if not done >> k & 1 and reverse_array(s, e, k, j, &g, done | 1 << k == 3):
            done |= 1 << k
    return done


cdef bint reverse_array(Sweep *s, Entry *e, int k, int32_t j, const Source *g,
                        bint last) except -1:
    """One operand; for the last one, the memory of the node's own cotangent may be taken over."""
    cdef Node *n = e.node
    cdef Node *p = n.p0 if k == 0 else n.p1
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
        else:
            o = <PyObject *>fresh_like(n.arr)
        s.order[j].slot.value = o
        run_adjoint(n, k, (<Node *>o).arr, g, &a, &b, 0)
        if taken:
            e.slot.value = NULL
        return True
    if not is_private(o) or o == e.slot.value:
        return False
    run_adjoint(n, k, (<Node *>o).arr, g, &a, &b, 1)
    return True


cdef void run_adjoint(const Node *n, int k, Arr *out, const Source *g, const Source *a,
                      const Source *b, int accumulate) noexcept:
    cdef double *to = <double *>out.data
    cdef const double *y = <const double *>n.arr.data
    if out.size < NOGIL_SIZE:
        KERNELS.adjoint[n.op][k](out.size, to, g.data, a.data, b.data, y, g.stride, a.stride,
                                 b.stride, accumulate)
    else:
        with nogil:
            KERNELS.adjoint[n.op][k](out.size, to, g.data, a.data, b.data, y, g.stride, a.stride,
                                     b.stride, accumulate)


cdef int reverse_elementwise(Sweep *s, Py_ssize_t i, Array y, Array g, int done) except -1:
    """Any elementwise node; `done` has a bit for each operand that has its share already."""
    cdef int op = N(y).op
    cdef int k
    cdef int32_t j
    cdef Array a = operand(y, 0)
    cdef Array b = operand(y, 1) if OP_NARGS[op] > 1 else None
    cdef Array p
    for k in range(2 if b is not None else 1):
        j = s.order[i].i0 if k == 0 else s.order[i].i1
        if done >> k & 1 or j < 0 or not s.order[j].flags & ENTRY_ACTIVE:
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
    cdef PyObject *o = s.order[j].slot.value
    if OP_PARTIAL[op][k] != PARTIAL_GENERAL or in_number(s, j) or o == NULL \
            or not is_private(o) or not same_shape(<Array>o, y):
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
    cdef int done
    cdef Entry *e
    cdef Array y, c
    for i in range(s.count - 1, s.n_leaves - 1, -1):
        e = &s.order[i]
        if e.flags & (ENTRY_ACTIVE | ENTRY_LEAF) != ENTRY_ACTIVE:
            continue
        if e.flags & ENTRY_LOCAL and not s.recorded:
            if e.slot.number != 0.0:
                reverse_tree(s, e.node, e.slot.number)
            continue
        done = 0
        if e.node.op < N_LOCAL and not s.recorded and e.slot.value != NULL:
            done = reverse_arrays(s, e)
            if done == 3:
                set_value(s, i, None)
                continue
        c = get_value(s, i)
        if c is None:
            continue
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


cdef int forward_run(Sweep *s) except -1:
    """Tangents from the leaves along the order; needs no parent to be kept alive."""
    cdef Py_ssize_t i
    cdef Entry *e
    cdef Array y
    for i in range(s.n_leaves, s.count):
        e = &s.order[i]
        if e.flags & (ENTRY_ACTIVE | ENTRY_LEAF) != ENTRY_ACTIVE:
            continue
        if e.flags & ENTRY_LOCAL and not s.recorded:
            e.slot.number = forward_number(s, e)
            continue
        y = <Array><PyObject *>e.node
        if e.node.op < N_LOCAL:
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
