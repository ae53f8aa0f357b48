# Sorting the graph for a sweep: every node after its operands.
#
# Knows nodes and their links; it must not know any operator.  Fast because a
# scalar that only one other scalar uses (the temporaries of an expression) needs
# no place in the order: the trees of such nodes are walked where they lie;
# because nodes are marked in place (a mark counts only if the order agrees, so
# nothing is ever cleared); and because a small graph needs no allocation.  It is
# iterative: a chain of a million nodes is a usual graph.

cdef extern from "loops/kernel_table.h":
    void cdiff_prefetch(const void *p) noexcept nogil

cdef enum EntryFlag:
    ENTRY_ACTIVE = 1           # the node depends on a requested leaf
    ENTRY_LEAF = 2
    ENTRY_SCALAR = 4           # its cotangent or tangent is a number
    ENTRY_LOCAL = 8            # its partials are numbers, in d0 and d1 of the node
    ENTRY_LEFT = 16            # a leaf of a recording that has ended, whose mark said so

cdef enum:
    SMALL_SWEEP = 48           # entries that a sweep holds without an allocation
    WAITING_CALLS = 16                 # of kernels that wait at most
    WAITING_ARRAYS = 4                   # arrays that are kept for them and would be free otherwise

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

# What an adjoint kernel reads of an operand, and a call of one that waits (see put_off.pxi).
cdef struct Source:
    const double *data         # NULL: not read
    int stride                 # 0 for a number that stands for all elements

cdef struct AdjointCall:
    adj_fn kernel
    double *out
    const double *y
    Source g, a, b
    int accumulate

cdef struct Sweep:
    Entry *order
    Node **stack               # nodes to visit; an odd pointer: its operands are in the order
    Pending *trees
    int32_t *wide
    int32_t *last              # see note_readers; NULL where nobody has asked
    PyObject *elements         # see keep_element; NULL where there are none
    Py_ssize_t count, capacity, stack_size, stack_capacity, trees_capacity, n_wide, wide_capacity
    Py_ssize_t n_leaves
    int level, bit
    bint all_leaves            # every leaf is requested
    bint prunes                # there are leaves that nobody asked for
    bint has_values            # not all nodes are scalars with partials
    bint has_calls             # there are rules, which may read what outer transformations track
    bint recorded              # the sweep itself is recorded, for an outer transformation
    bint by_trees              # nodes with one user have no place in the order
    bint frees                 # the graph is freed afterwards: memory of its own may be reused
    bint puts_off              # kernels over large arrays may wait for others
    int n_calls, n_kept
    Py_ssize_t calls_size
    AdjointCall calls[WAITING_CALLS]
    PyObject *kept[WAITING_ARRAYS]
    Entry small_order[SMALL_SWEEP]
    Node *small_stack[SMALL_SWEEP]
    Pending small_trees[SMALL_SWEEP]


# Sweeps begun and not ended, in all threads: no graph may be freed under another's feet.
cdef Py_ssize_t sweeps_running = 0


cdef inline bint cannot_fail(int op) noexcept nogil:
    """Has this operator an adjoint without errors of its own?  One must leave the graph whole."""
    return op < N_LOCAL or op == OP_SUM or op == OP_MATMUL or op == OP_RESHAPE \
        or op == OP_TRANSPOSE or op == OP_SLICE or op == OP_BROADCAST_TO


cdef inline Ext *wide_operands(Node *n) noexcept nogil:
    return n.ext if owns_objects(n) and n.ext != NULL and n.ext.nparents > 0 else NULL


cdef inline bint visited(const Sweep *s, const Node *n) noexcept nogil:
    return <Py_ssize_t>n.mark < s.count and s.order[n.mark].node == n


# ---------------------------------------------------------------- room

cdef void sweep_init(Sweep *s, int level) noexcept:
    global sweeps_running
    sweeps_running += 1
    cdiff_tls.sweeping += 1
    s.order = s.small_order
    s.stack = s.small_stack
    s.trees = s.small_trees
    s.wide = NULL
    s.last = NULL
    s.elements = NULL
    s.count = s.stack_size = s.n_wide = s.wide_capacity = s.n_leaves = 0
    s.capacity = s.stack_capacity = s.trees_capacity = SMALL_SWEEP
    s.level = level
    s.bit = level_bit(level)
    s.all_leaves = s.prunes = s.has_values = s.recorded = s.by_trees = s.puts_off = False
    s.frees = s.has_calls = False
    s.n_calls = s.n_kept = 0


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
    cdiff_tls.sweeping -= 1
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
    free(s.last)
    Py_XDECREF(s.elements)
    drop_kept(s)


cdef void drop_kept(Sweep *s) noexcept:
    """Let go of the arrays that only calls that wait have read."""
    while s.n_kept:
        s.n_kept -= 1
        Py_DECREF(<object>s.kept[s.n_kept])


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
    cdef int left = ENTRY_LEFT if n.mark == LEFT_MARK else 0
    cdef Entry *e = sort_append(s, n)
    e.flags |= ENTRY_LEAF | (ENTRY_ACTIVE if active else 0) | left
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
        s.has_calls |= n.op == OP_CALL
        s.frees = s.frees and cannot_fail(n.op)
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
        raise with_operands(RuntimeError(
            "backward: this part of the graph was already freed by an earlier backward(); call "
            "backward(retain_graph=True) the first time" + origin_text(n)))
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
    s.by_trees = by_trees and not watching
    s.all_leaves = leaves is None
    if leaves is not None:
        for a in leaves:
            if not visited(s, N(a)):
                sort_leaf(s, N(a), True)
        s.n_leaves = s.count
    for a in outputs:
        sort_from(s, N(a))
    return 0


cdef inline Py_ssize_t operand_at(const Sweep *s, const Entry *e, const Ext *ext,
                                  Py_ssize_t k) noexcept nogil:
    """Where operand k of an entry stands, given its wide operands; -1 if it does not take part."""
    if ext != NULL:
        return s.wide[e.i0 + k]
    return e.i0 if k == 0 else e.i1


cdef int note_readers(Sweep *s, list outputs) except -1:
    """Fill `last` with the entry that reads each entry last; nobody reads an output last."""
    cdef Py_ssize_t i, j, k
    cdef Entry *e
    cdef Ext *ext
    s.last = <int32_t *>calloc(s.count + 1, sizeof(int32_t))
    if s.last == NULL:
        raise MemoryError("cdiff: no memory for a sweep")
    for i in range(s.n_leaves, s.count):
        e = &s.order[i]
        ext = wide_operands(e.node)
        for k in range(2 if ext == NULL else ext.nparents):
            j = operand_at(s, e, ext, k)
            if j >= 0:
                s.last[j] = <int32_t>i
    for i in outputs:
        if i >= 0:
            s.last[i] = <int32_t>s.count
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


cdef inline void look_ahead(const Node *n, const Node *p) noexcept nogil:
    """Fetch what a few more steps like that from n to p lead to: chains often lie in a row."""
    cdiff_prefetch(<const void *>(<size_t>p + 8 * (<size_t>p - <size_t>n)))


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
        look_ahead(n, p)
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
