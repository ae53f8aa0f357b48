# `backward`: the reverse sweep of a graph that users hold, into the gradients of
# its leaves.
#
# Knows sweeps and where a leaf keeps its gradient; transformations have pulls of
# their own.  Fast because a sweep that frees the graph gives memory back as it
# goes, and because a gradient that arrives first is kept, not copied.

cdef int backward_from(Array y, object v, bint retain_graph) except -1:
    """Reverse sweep from y into every requires_grad leaf; gradients are stored only at the end."""
    cdef Sweep s
    cdef Array seed
    cdef int paused = cdiff_tls.paused
    y = current(y)
    refuse_inside(y)
    if N(y).flags & NODE_DUAL or not N(y).flags & level_bit(0):
        raise with_operands(RuntimeError("backward: this array does not depend on any array made "
                                         "with requires_grad=True" + stale_text(y)))
    if levels_of(N(y)) != level_bit(0):
        refuse_left([y], 0)
    seed = checked_seed(y, v)
    sweep_init(&s, 0)
    try:
        s.by_trees = not watching
        s.all_leaves = True
        s.frees = not retain_graph and sweeps_running == 1 and not watching
        sort_from(&s, N(y))
        if s.has_calls and s.by_trees:
            sweep_free(&s)
            sweep_init(&s, 0)
            s.all_leaves = True
            sort_from(&s, N(y))
        cdiff_tls.paused = 1
        put_seed(&s, N(y).mark, y, seed)
        reverse_run(&s)
        store_gradients(&s)
        if not retain_graph and sweeps_running == 1:
            free_graph(&s)
    finally:
        cdiff_tls.paused = paused
        sweep_free(&s)
    return 0


cdef int refuse_inside(Array y) except -1:
    """An error where y belongs to a transformation that this thread is in, whose graph `backward`
    would free, and which goes on with what one call of its function has left in the leaves."""
    if levels_of(N(y)) & own_levels():
        raise RuntimeError("backward: this array belongs to a transformation (grad, jvp, vmap, "
                           "compile ...) whose function is running; write cdiff.grad(f)(x) or "
                           "cdiff.vjp(f, x) there, or call backward on what it returns")
    return 0


cdef str stale_text(Array y):
    """What a value is that depends on no leaf of `backward` and is tracked all the same."""
    if not levels_of(N(y)):
        return ""
    return ("; it belongs to a transformation (grad, vjp, compile ...) whose function left it "
            "behind" + origin_text(N(y)))


cdef Array fitting_gradient(Array a, object value):
    """A gradient that a user gives to a leaf, in the leaf's dtype and in memory of its own."""
    cdef Array g = current(as_node(value))
    if levels_of(N(g)):
        raise TypeError("grad: a tracked array cannot become a gradient; write g.detach() if its "
                        "derivative may be dropped")
    refuse_in_reals(a, g)
    if shape_tuple(g) != shape_tuple(a):
        raise misfit(f"grad: shape {shape_tuple(g)} does not fit the leaf's {shape_tuple(a)}")
    g = as_block(apply_cast(g, typenum_of(current(a))))
    return settle(contiguous_copy(g))


cdef Array checked_seed(Array y, object v):
    cdef Array seed = None if v is None else as_node(v)
    check_seed_type(y, seed)
    if seed is None:
        return None
    if N(seed).flags & NODE_DUAL or levels_of(N(seed)):
        raise TypeError("backward: the seed v must not be tracked; use cdiff.vjp for nested "
                        "derivatives")
    if shape_tuple(seed) != shape_tuple(y):
        raise misfit(f"backward: the seed v has shape {shape_tuple(seed)}, "
                     f"the array has shape {shape_tuple(y)}; they must be equal")
    return seed


cdef int store_gradients(Sweep *s) except -1:
    """Accumulate into the leaves' gradients: first compute all sums, then store them."""
    cdef Py_ssize_t i, last = -1, count = 0
    for i in range(s.count):
        if s.order[i].node.op == OP_LEAF:
            last = i
            count += 1
    if count == 1 and s.order[last].node.p0 == NULL:
        return store_only(<Array><PyObject *>s.order[last].node, arrived(s, last))
    cdef list leaves = [], values = [], olds = [], totals = []
    for i in range(s.count):
        if s.order[i].node.op == OP_LEAF:
            add_gradient(leaves, values, s.order[i].node, arrived(s, i))
    while len(totals) < len(leaves):
        olds = [gradient_of(<Array>a) for a in leaves]
        totals = [with_old(olds[i], <Array>values[i]) for i in range(len(olds))]
        for i in range(len(olds)):
            # Adding a large array lets other threads run: begin again if one of them was here.
            if gradient_of(<Array>leaves[i]) is not olds[i]:
                totals = []
                break
    for i in range(len(totals)):
        set_gradient(<Array>leaves[i], <Array>totals[i])
    return 0


cdef int store_only(Array leaf, Array value) except -1:
    """The same for the only leaf, without lists."""
    cdef object old = gradient_of(leaf)
    cdef Array total = with_old(old, value)
    if gradient_of(leaf) is not old:
        return store_only(leaf, value)
    set_gradient(leaf, total)
    return 0


cdef Array arrived(Sweep *s, Py_ssize_t i):
    """What the sweep brought to a leaf, as an array that is the leaf's from now on."""
    cdef Array value = get_value(s, i)
    if value is None:
        return zeros_like_node(<Array><PyObject *>s.order[i].node)
    if not in_number(s, i):
        s.order[i].slot.value = NULL
        Py_DECREF(value)
    value = own_result(value, True)
    keep_result(value)
    return value


cdef int add_gradient(list leaves, list values, Node *n, Array value) except -1:
    """Note what arrived at a leaf; versions of one that was changed in place count as that one."""
    cdef Array leaf = <Array><PyObject *>(n.p0 if n.p0 != NULL else n)
    cdef Py_ssize_t i
    for i in range(len(leaves)):
        if leaves[i] is leaf:
            values[i] = ew2(OP_ADD, <Array>values[i], value)
            return 0
    leaves.append(leaf)
    values.append(value)
    return 0


cdef inline Array with_old(object old, Array value):
    return value if old is None else ew2(OP_ADD, current(<Array>old), value)


cdef inline object gradient_of(Array leaf):
    return None if N(leaf).p1 == NULL else <object><PyObject *>N(leaf).p1


cdef void set_gradient(Array a, Array value) noexcept:
    """A leaf holds its gradient as a user would: it may be changed in place."""
    cdef PyObject *previous = <PyObject *>N(a).p1
    Py_XINCREF(<PyObject *>value)
    N(a).p1 = NULL if value is None else N(value)
    Py_XDECREF(previous)


cdef int free_graph(Sweep *s) except -1:
    """Let go of operands and saved values; the nodes remember that they were freed.

    Views stay: they save nothing, and may have to be made again when their base changes.
    """
    cdef Py_ssize_t i
    cdef Node *n
    cdef Node *p0
    cdef Node *p1
    for i in range(s.count):
        need(<Array><PyObject *>s.order[i].node)
        Py_INCREF(<object><PyObject *>s.order[i].node)
    for i in range(s.count - 1, -1, -1):
        n = s.order[i].node
        if n.op != OP_LEAF and not n.flags & NODE_VIEW:
            p0 = n.p0
            p1 = n.p1
            if owns_objects(n):
                release_operands(n)
            else:
                n.ext = NULL
            n.obj = NULL
            n.p0 = NULL
            n.p1 = NULL
            n.op = OP_FREED
            _drop(p0)
            _drop(p1)
    for i in range(s.count):
        Py_DECREF(<object><PyObject *>s.order[i].node)
    return 0


cdef void release_operands(Node *n) noexcept:
    cdef Py_ssize_t i, count
    if n.op >= N_LOCAL and n.obj != NULL:
        Py_DECREF(<object>n.obj)
        n.obj = NULL
    if n.ext != NULL:
        count = n.ext.nparents
        n.ext.nparents = 0
        for i in range(count):
            _drop(n.ext.parents[i])
