# The hot path of `grad` and `value_and_grad`: Python floats in, floats out.
#
# Does what the Python face does for any arguments, for the case in which the
# whole call costs less than a microsecond: leaves, call, one scalar sweep.
# Everything unusual is handed back to the face unharmed.  Fast because nothing
# but the user's function runs in Python.


def float_gradient(f, tuple args, tuple positions):
    """Value and partial derivatives of f at Python floats.

    Returns
    -------
    (value, gradients) : float and list of floats, one per position;
    (None, out, leaves) : f was called but its result needs the general treatment at the next
        level; or None where the arguments do, and f was not called.
    """
    cdef Py_ssize_t i, k, n = len(args)
    cdef int level = cdiff_tls.depth + 1
    cdef int depth = cdiff_tls.depth, paused = cdiff_tls.paused
    cdef list leaves
    cdef object out
    if level > MAX_LEVEL:
        return None
    for k in positions:
        if k < 0 or k >= n or type(args[k]) is not float:
            return None
    leaves = [float_leaf(<double>args[k], level) for k in positions]
    if n == 1:
        args = (leaves[0],)
    else:
        given = list(args)
        for i, k in enumerate(positions):
            given[k] = leaves[i]
        args = tuple(given)
    cdiff_tls.depth = level
    cdiff_tls.paused = 0
    try:
        out = f(*args)
    finally:
        cdiff_tls.depth = depth
        cdiff_tls.paused = paused
    if type(out) is Array and N(<Array>out).flags == level_bit(level):
        return N(<Array>out).v, sweep_floats(<Array>out, leaves, level)
    return None, out, leaves


cdef inline Array float_leaf(double v, int level):
    cdef Node *n = node_new()
    n.v = v
    n.op = OP_LEAF
    n.flags = <uint16_t>level_bit(level)
    return steal(n)


cdef list sweep_floats(Array y, list leaves, int level):
    """Partial derivatives of a scalar by scalar leaves, as floats."""
    cdef Sweep s
    cdef Array a
    cdef Py_ssize_t i
    cdef int paused = cdiff_tls.paused
    cdef list out
    try:
        sweep_begin(&s, leaves, [y], level)
        if s.has_arrays:
            sweep_values(&s, False)
            cdiff_tls.paused = 1
        if visited(&s, N(y)):
            s.number[N(y).mark] += 1.0
        reverse_run(&s)
        out = []
        for a in leaves:
            out.append(s.number[N(a).mark])
        return out
    finally:
        cdiff_tls.paused = paused
        sweep_free(&s)
