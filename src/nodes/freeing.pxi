# Freeing nodes: what happens when nobody holds one any more.
#
# Knows what holds a node and what a node holds; it must not know operators or sweeps.
# Fast because a scalar that is dropped alone goes to the freelist without a call,
# because a graph is freed from a list instead of by recursion, without calls of Python
# from node to node, and because the rest is kept apart.

cdef extern from *:
    """
    #ifdef __GNUC__ /* Else the many registers of these are saved for every scalar, too. */
    static void cdiff_retire(Node *) __attribute__((noinline));
    static void cdiff_free_waiting(void) __attribute__((noinline));
    #endif
    """

cdef inline void bury(Node *n) noexcept:
    """A node that is to be freed waits for its turn."""
    cdiff_set_next_dead(n, cdiff_tls.graveyard)
    cdiff_tls.graveyard = n


cdef inline void leave_operand(Node *p) noexcept:
    """As _drop, but what nobody holds any more waits for its turn."""
    if p == NULL:
        return
    if p.flags & NODE_ARRAY:
        p.arr.holders -= 1
        if p.arr.holders or Py_REFCNT(<PyObject *>p):
            return
    elif Py_REFCNT(<PyObject *>p) != 1:
        Py_DECREF(<object><PyObject *>p)
        return
    else:
        Py_SET_REFCNT(<PyObject *>p, 0)
    bury(p)


cdef inline void node_free(Node *n) noexcept:
    """Free a node that owns nothing but its operands.  No code of others runs."""
    cdef Node *p0 = n.p0
    cdef Node *p1 = n.p1
    node_recycle(n)
    leave_operand(p0)
    leave_operand(p1)


cdef void node_dealloc(PyObject *self) noexcept:
    """tp_dealloc: iterative, so that a chain of a million nodes cannot overflow the stack."""
    cdef Node *n = <Node *>self
    if has_number(n):
        node_free(n)
    elif n.flags & NODE_ARRAY and n.arr.holders:
        retire(n)
        return
    elif is_plain_result(n):
        block_release(n.arr)
        node_free(n)
    else:
        bury(n)
    if cdiff_tls.graveyard != NULL:
        free_waiting()


cdef inline bint is_plain_result(Node *n) noexcept:
    """An array by an elementwise operator that owns nothing but its block and its operands?"""
    return n.op < N_LOCAL and n.ext == NULL and not n.flags & (NODE_DUAL | NODE_ALIAS | NODE_VIEW)


cdef void free_waiting "cdiff_free_waiting"() noexcept:
    """Free the nodes that wait, and those that wait then; nested calls leave that to the first."""
    cdef Node *n
    if cdiff_tls.freeing:
        return
    cdiff_tls.freeing = 1
    while cdiff_tls.graveyard != NULL:
        n = cdiff_tls.graveyard
        cdiff_tls.graveyard = cdiff_next_dead(n)
        if not has_number(n):
            _release_payload(n)
        node_free(n)
    cdiff_tls.freeing = 0


cdef void retire "cdiff_retire"(Node *n) noexcept:
    """The last Python reference is gone, the graph goes on: only the node of the graph is left.

    Whatever only users could see goes: the newest version, and being a view.  A node whose value
    no derivative reads also lets go of memory that is being assigned into.
    """
    cdef Node *base
    cdef Node *newest
    while n != NULL:
        newest = NULL
        if n.flags & NODE_ALIAS:
            n.flags &= ~NODE_ALIAS
            newest = n.ext.current
            n.ext.current = NULL
        base = _take_base(n)
        if base != NULL:
            leave_memory(n)
        _drop(newest)
        n = NULL
        if base != NULL and Py_REFCNT(<PyObject *>base) == 1 and base.flags & NODE_ARRAY \
                and base.arr.holders:
            Py_SET_REFCNT(<PyObject *>base, 0)
            n = base
        elif base != NULL:
            Py_DECREF(<object><PyObject *>base)
