# The hot path of `grad`, `value_and_grad` and `jacobian`: Python floats and
# plain arrays in, floats and arrays out.
#
# Does what the Python face does for any arguments, for the case in which the
# whole call costs a microsecond or a few: leaves, call, sweep.  Everything
# unusual is handed back to the face unharmed.  Fast because nothing but the
# user's function runs in Python.

cdef enum:
    FEW_ARGUMENTS = 16


@cython.auto_pickle(False)
cdef class DirectCall:
    """Base of the functions that transformations return: the call itself.

    A subclass provides `general(args, kwargs, found)`, which takes every call that is not from
    floats and float64 ndarrays to one float64 Array.  `found` is None, or the pair (result, leaves)
    where the function was called already, at the next level.
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
        return self.call(args, kwargs)

    cdef object call(self, tuple args, dict kwargs):
        cdef list leaves = None
        cdef object out, result
        cdef int level = cdiff_tls.depth + 1
        if self.direct and not kwargs:
            leaves = direct_leaves(args, self.positions, level)
        if leaves is None:
            return self.general(args, kwargs, None)
        out = call_recorded(self.function, with_leaves(args, self.positions, leaves))
        if type(out) is Array:
            result = self.derivative(current(<Array>out), args, leaves, level)
            if result is not None:
                return result
        return self.general(args, kwargs, (out, leaves))

    cdef object derivative(self, Array out, tuple args, list leaves, int level):
        """The result of the call; None where this is no case for the short way."""
        return None


@cython.auto_pickle(False)
cdef class GradientCall(DirectCall):
    """The call of what `grad` and `value_and_grad` return; from floats, nothing is allocated that
    is not part of the result or of the graph."""
    cdef Py_ssize_t places[FEW_ARGUMENTS]
    cdef Py_ssize_t count         # of positions; -1 where the general way has to be taken

    def __call__(self, /, *args, **kwargs):
        cdef tuple given
        cdef object out
        if kwargs or not self.takes(args):
            return self.call(args, kwargs)
        given = self.given_leaves(args)
        out = call_recorded(self.function, given)
        if type(out) is Array and N(<Array>out).flags == level_bit(cdiff_tls.depth + 1):
            return self.swept(<Array>out, given)
        return self.general(args, kwargs, (out, [given[i] for i in self.positions]))

    def prepare(self, function, tuple positions, bint single, bint with_value, bint direct):
        cdef Py_ssize_t i
        DirectCall.prepare(self, function, positions, single, with_value, direct)
        self.count = len(positions) if direct and len(positions) <= FEW_ARGUMENTS else -1
        for i in range(self.count):
            self.places[i] = positions[i]

    cdef bint takes(self, tuple args) noexcept:
        """Are the chosen arguments plain Python floats (and is there a level left)?"""
        cdef Py_ssize_t i, k
        for i in range(self.count):
            k = self.places[i]
            if k < 0 or k >= len(args) or type(args[k]) is not float:
                return False
        return self.count > 0 and cdiff_tls.depth < MAX_LEVEL

    cdef tuple given_leaves(self, tuple args):
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

    cdef object derivative(self, Array out, tuple args, list leaves, int level):
        cdef object gradient
        cdef list gradients
        if N(out).flags != level_bit(level):
            return None
        gradients = sweep_direct(out, leaves, level)
        gradient = gradients[0] if self.single else tuple(gradients)
        return (N(out).v, gradient) if self.with_value else gradient


@cython.auto_pickle(False)
cdef class JacobianCall(DirectCall):
    """The call of what `jacobian`, `jacfwd` and `jacrev` return, for one argument."""
    cdef str mode

    def prepare_mode(self, str mode):
        """"fwd", "rev" or "auto"; to be called once, by the subclass."""
        self.mode = mode

    cdef object derivative(self, Array out, tuple args, list leaves, int level):
        cdef Array x = leaves[0]
        cdef list blocks
        cdef np.ndarray matrix
        if typenum_of(innermost(out)) != NPY_DOUBLE or not is_plain_at(out, level):
            return None
        blocks = jacobian_blocks([out], leaves, level, self.mode)
        matrix = (<list>blocks[0])[0]
        if ndim_of(out) != 1 or ndim_of(x) != 1:
            matrix = matrix.reshape(shape_tuple(out) + shape_tuple(x))
        if np.PyArray_NDIM(matrix) == 0:
            return (<double *>np.PyArray_DATA(matrix))[0]
        return matrix


cdef list direct_leaves(tuple args, tuple positions, int level):
    """Leaves for Python floats and float64 ndarrays; None for others (or if no level is left)."""
    cdef list leaves = []
    cdef Py_ssize_t i
    cdef object x
    if level > MAX_LEVEL:
        return None
    for i in positions:
        if i < 0 or i >= len(args):
            return None
        x = args[i]
        if type(x) is float:
            leaves.append(float_leaf(x, level))
        elif type(x) is np.ndarray and np.PyArray_TYPE(x) == NPY_DOUBLE \
                and np.PyArray_NDIM(x) and np.PyArray_ISBEHAVED_RO(x):
            leaves.append(array_leaf(x, level))
        else:
            return None
    return leaves


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


cdef Array array_leaf(np.ndarray x, int level):
    """A leaf with a copy of an ndarray."""
    cdef Array a
    if not np.PyArray_IS_C_CONTIGUOUS(x):
        a = contiguous_copy(wrap_ndarray(x, True))
    else:
        a = new_array(np.PyArray_NDIM(x), <Py_ssize_t *>np.PyArray_DIMS(x), NPY_DOUBLE)
        memcpy(N(a).arr.data, np.PyArray_DATA(x), N(a).arr.size * sizeof(double))
    N(a).op = OP_LEAF
    N(a).flags |= <uint32_t>level_bit(level)
    return a


cdef list sweep_direct(Array y, list leaves, int level):
    """Derivatives of a scalar by fresh leaves, as floats and ndarrays."""
    cdef Sweep s
    cdef Py_ssize_t i
    cdef int paused = cdiff_tls.paused
    try:
        sweep_begin(&s, leaves, [y], level, True)
        cdiff_tls.paused = 1
        if visited(&s, N(y)):
            s.order[N(y).mark].slot.number = 1.0
        reverse_run(&s)
        return [s.order[i].slot.number if in_number(&s, i) else array_gradient(&s, i)
                for i in range(s.n_leaves)]
    finally:
        cdiff_tls.paused = paused
        sweep_free(&s)


cdef object array_gradient(Sweep *s, Py_ssize_t i):
    """What arrived at an array leaf, as an ndarray."""
    cdef Array value = get_value(s, i)
    if value is None:
        value = zeros_like_node(<Array><PyObject *>s.order[i].node)
    return plain_value(own_result(value))
