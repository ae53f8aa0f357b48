# The hot path of `grad` and `value_and_grad`: Python floats in, floats out.
#
# Does what the Python face does for any arguments, for the case in which the
# whole call costs less than a microsecond: leaves, call, one scalar sweep.
# Everything unusual is handed back to the face unharmed.  Fast because nothing
# but the user's function runs in Python.

@cython.auto_pickle(False)
cdef class GradientCall:
    """Base of the functions that `grad` and `value_and_grad` return: the call itself.

    A subclass provides `general(args, kwargs, found)`, which takes every call that is not from
    floats to a float64 scalar.  `found` is None, or the pair (result, leaves) where the function
    was called already, at the next level.
    """
    cdef object function
    cdef tuple positions          # of the arguments to differentiate
    cdef bint single              # one position, not a tuple of them
    cdef bint with_value
    cdef bint direct              # no auxiliary data in the result

    def prepare(self, function, tuple positions, bint single, bint with_value, bint direct):
        """Set what the call needs to know; to be called once, by the subclass."""
        self.function = function
        self.positions = positions
        self.single = single
        self.with_value = with_value
        self.direct = direct

    def __call__(self, /, *args, **kwargs):
        cdef list leaves
        cdef object out
        if not self.direct or kwargs or not floats_at(args, self.positions):
            return self.general(args, kwargs, None)
        leaves = [float_leaf(<double>args[<Py_ssize_t>k], cdiff_tls.depth + 1)
                  for k in self.positions]
        out = call_recorded(self.function, with_leaves(args, self.positions, leaves))
        if type(out) is Array and N(<Array>out).flags == level_bit(cdiff_tls.depth + 1):
            return self.result(<Array>out, sweep_floats(<Array>out, leaves, cdiff_tls.depth + 1))
        return self.general(args, kwargs, (out, leaves))

    cdef object result(self, Array out, list gradients):
        cdef object gradient = gradients[0] if self.single else tuple(gradients)
        return (N(out).v, gradient) if self.with_value else gradient


cdef bint floats_at(tuple args, tuple positions) except -1:
    """Are these arguments plain Python floats (and is there a level left)?"""
    cdef Py_ssize_t i
    for i in positions:
        if i < 0 or i >= len(args) or type(args[i]) is not float:
            return False
    return cdiff_tls.depth < MAX_LEVEL


cdef tuple with_leaves(tuple args, tuple positions, list leaves):
    """The arguments of a call with leaves in the places of floats."""
    cdef list given
    cdef Py_ssize_t i
    if len(args) == 1:
        return (leaves[0],)
    given = list(args)
    for i in range(len(positions)):
        given[<Py_ssize_t>positions[i]] = leaves[i]
    return tuple(given)


cdef object call_recorded(object function, tuple args):
    """function(*args) inside the next level."""
    cdef int depth = cdiff_tls.depth, paused = cdiff_tls.paused
    cdiff_tls.depth = depth + 1
    cdiff_tls.paused = 0
    try:
        return function(*args)
    finally:
        cdiff_tls.depth = depth
        cdiff_tls.paused = paused


cdef inline Array float_leaf(double v, int level):
    cdef Node *n = node_new()
    n.v = v
    n.op = OP_LEAF
    n.flags = <uint32_t>level_bit(level)
    return steal(n)


cdef list sweep_floats(Array y, list leaves, int level):
    """Partial derivatives of a scalar by fresh scalar leaves, as floats."""
    cdef Sweep s
    cdef Py_ssize_t i
    cdef int paused = cdiff_tls.paused
    try:
        sweep_begin(&s, leaves, [y], level, True)
        cdiff_tls.paused = 1
        if visited(&s, N(y)):
            s.order[N(y).mark].slot.number = 1.0
        reverse_run(&s)
        return [s.order[i].slot.number for i in range(s.n_leaves)]
    finally:
        cdiff_tls.paused = paused
        sweep_free(&s)
