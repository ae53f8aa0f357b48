# The hot path of `grad` and `value_and_grad`: Python floats in, floats out.
#
# Does what the Python face does for any arguments, for the case in which the
# whole call costs less than a microsecond: leaves, call, one scalar sweep.
# Everything unusual is handed back to the face unharmed.  Fast because nothing
# but the user's function runs in Python.

cdef enum:
    FEW_ARGUMENTS = 16


@cython.auto_pickle(False)
cdef class GradientCall:
    """Base of the functions that `grad` and `value_and_grad` return: the call itself.

    A subclass provides `general(args, kwargs, found)`, which takes every call that is not from
    floats to a float64 scalar.  `found` is None, or the pair (result, leaves) where the function
    was called already, at the next level.
    """
    cdef object function
    cdef tuple positions          # of the arguments to differentiate
    cdef Py_ssize_t places[FEW_ARGUMENTS]
    cdef Py_ssize_t count         # of them; -1 where the general way has to be taken
    cdef bint single              # one position, not a tuple of them
    cdef bint with_value

    def prepare(self, function, tuple positions, bint single, bint with_value, bint direct):
        """Set what the call needs to know; to be called once, by the subclass.

        `direct` says that there is no auxiliary data in the function's result.
        """
        cdef Py_ssize_t i
        self.function = function
        self.positions = positions
        self.single = single
        self.with_value = with_value
        self.count = len(positions) if direct and len(positions) <= FEW_ARGUMENTS else -1
        for i in range(self.count):
            self.places[i] = positions[i]

    def __call__(self, /, *args, **kwargs):
        cdef tuple given
        cdef object out
        if kwargs or not self.takes(args):
            return self.general(args, kwargs, None)
        given = self.with_leaves(args)
        out = call_recorded(self.function, given)
        if type(out) is Array and N(<Array>out).flags == level_bit(cdiff_tls.depth + 1):
            return self.swept(<Array>out, given)
        return self.general(args, kwargs, (out, [given[i] for i in self.positions]))

    cdef bint takes(self, tuple args) noexcept:
        """Are the chosen arguments plain Python floats (and is there a level left)?"""
        cdef Py_ssize_t i, k
        for i in range(self.count):
            k = self.places[i]
            if k < 0 or k >= len(args) or type(args[k]) is not float:
                return False
        return self.count > 0 and cdiff_tls.depth < MAX_LEVEL

    cdef tuple with_leaves(self, tuple args):
        """The arguments of a call with leaves in the places of floats."""
        cdef tuple given = PyTuple_New(len(args))
        cdef Py_ssize_t i, k
        cdef object x
        for k in range(len(args)):
            x = args[k]
            for i in range(self.count):
                if self.places[i] == k:
                    x = float_leaf(<double>args[k], cdiff_tls.depth + 1)
            Py_INCREF(x)
            PyTuple_SET_ITEM(given, k, x)
        return given

    cdef object swept(self, Array y, tuple given):
        """The result of a call: one sweep on numbers, from y to the leaves."""
        cdef Sweep s
        cdef Py_ssize_t i
        cdef int paused = cdiff_tls.paused
        cdef object gradient
        sweep_init(&s, cdiff_tls.depth + 1)
        try:
            s.by_trees = True
            for i in range(self.count):
                sort_leaf(&s, N(<Array>given[self.places[i]]), True)
            s.n_leaves = self.count
            sort_from(&s, N(y))
            cdiff_tls.paused = 1
            s.order[N(y).mark].slot.number = 1.0
            reverse_run(&s)
            gradient = s.order[0].slot.number if self.single else self.gradients(&s)
        finally:
            cdiff_tls.paused = paused
            sweep_free(&s)
        return (N(y).v, gradient) if self.with_value else gradient

    cdef tuple gradients(self, const Sweep *s):
        cdef tuple out = PyTuple_New(self.count)
        cdef Py_ssize_t i
        cdef object d
        for i in range(self.count):
            d = s.order[i].slot.number
            Py_INCREF(d)
            PyTuple_SET_ITEM(out, i, d)
        return out


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
