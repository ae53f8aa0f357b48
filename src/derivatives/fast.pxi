# The hot path of `grad`, `value_and_grad`, `jacobian` and `jvp`: Python floats
# and plain arrays in, floats and arrays out.
#
# Does what the Python face does for any arguments, for the case in which the
# whole call costs a microsecond or a few: leaves, call, sweep.  Everything
# unusual is handed back to the face unharmed.  Fast because nothing but the
# user's function runs in Python.

cdef enum:
    FEW_ARGUMENTS = 16


cdef class DirectCall(VectorCallable):
    """Base of the functions that transformations return: the call itself.

    A subclass provides `general(args, kwargs, found)`, which takes every call that is not from
    floats and float64 ndarrays to one float64 Array.  `found` is None, or (result, leaves, level)
    where the function was called already; that level is open.
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

    def __cinit__(self, *args, **kwargs):
        self.vectorcall = <vectorcallfunc>call_direct

    cdef object derivative(self, Array y, tuple given):
        """The result of the call, given the arguments with leaves; None: to be done by `general`"""
        return None

    cdef bint takes(self, PyObject *const *args, Py_ssize_t n) noexcept:
        """Are the chosen arguments floats and plain float64 arrays (and is there a level left)?"""
        cdef Py_ssize_t i, k
        for i in range(self.count):
            k = self.places[i]
            if k < 0 or k >= n or not (PyFloat_CheckExact(args[k])
                                       or is_plain_ndarray(<object>args[k])):
                return False
        return self.count > 0 and cdiff_tls.depth < MAX_LEVEL \
            and (highest_depth == 0 or cdiff_tls.depth > 0)

    cdef tuple with_leaves(self, PyObject *const *args, Py_ssize_t n):
        """The arguments of a call with leaves in the chosen places."""
        cdef tuple given = PyTuple_New(n)
        cdef Py_ssize_t i, k
        cdef object x
        new_number(cdiff_tls.depth + 1)
        for k in range(n):
            x = <object>args[k]
            for i in range(self.count):
                if self.places[i] == k:
                    x = float_leaf(<double>x, cdiff_tls.depth + 1) if type(x) is float \
                        else array_leaf(<np.ndarray>x, cdiff_tls.depth + 1)
                    break
            Py_INCREF(x)
            PyTuple_SET_ITEM(given, k, x)
        return given


cdef object call_direct(PyObject *called, PyObject *const *args, size_t nargsf, PyObject *names):
    """The vectorcall of a DirectCall."""
    cdef DirectCall self = <DirectCall>called
    cdef Py_ssize_t n = PyVectorcall_NARGS(nargsf)
    if names != NULL or not self.takes(args, n):
        if names == NULL and takes_arrays(self, args, n):
            return call_nested(self, args, n)
        return self.general(positional(args, n), named(args + n, names), None)
    return call_recorded(self, args, n)


cdef class GradientCall(DirectCall):
    """The call of what `grad` and `value_and_grad` return."""

    cdef object derivative(self, Array y, tuple given):
        """One sweep from y to the leaves."""
        cdef Sweep s
        cdef Py_ssize_t i
        cdef int paused = cdiff_tls.paused
        cdef object gradient
        if N(y).flags != level_bit(cdiff_tls.depth):
            return None
        sweep_init(&s, cdiff_tls.depth)
        try:
            s.by_trees = not watching
            for i in range(self.count):
                sort_leaf(&s, N(<Array>given[self.places[i]]), True)
            s.n_leaves = self.count
            sort_from(&s, N(y))
            if s.has_calls or (s.prunes and cdiff_tls.mingles):
                return None
            cdiff_tls.paused = 1
            s.order[N(y).mark].slot.number = 1.0
            reverse_run(&s)
            gradient = leaf_gradient(&s, 0) if self.single else self.gradients(&s)
        finally:
            cdiff_tls.paused = paused
            sweep_free(&s)
        return (N(y).v, gradient) if self.with_value else gradient

    cdef tuple gradients(self, Sweep *s):
        cdef tuple out = PyTuple_New(self.count)
        cdef Py_ssize_t i
        cdef object d
        for i in range(self.count):
            d = leaf_gradient(s, i)
            Py_INCREF(d)
            PyTuple_SET_ITEM(out, i, d)
        return out


cdef class JacobianCall(DirectCall):
    """The call of what `jacobian`, `jacfwd` and `jacrev` return, for one argument."""
    cdef str mode

    def prepare_mode(self, str mode):
        """"fwd", "rev" or "auto", or "symmetric" for a function that is a gradient."""
        self.mode = mode

    cdef object derivative(self, Array y, tuple given):
        cdef Array x = given[self.places[0]]
        cdef np.ndarray matrix
        if levels_of(N(y)) != level_bit(cdiff_tls.depth):
            refuse_left([y], cdiff_tls.depth)
        y = current(y)
        if not is_plain_at(y, cdiff_tls.depth) or typenum_of(y) != NPY_DOUBLE:
            return None
        found = jacobian_blocks([y], [x], cdiff_tls.depth, self.mode)
        if found is None:
            return None
        matrix = found[0][0]
        if ndim_of(y) != 1 or ndim_of(x) != 1:
            matrix = matrix.reshape(shape_tuple(y) + shape_tuple(x))
        if np.PyArray_NDIM(matrix) == 0:
            return (<double *>np.PyArray_DATA(matrix))[0]
        return matrix


for _callable in (DirectCall, GradientCall, JacobianCall):
    VectorCallable.enable(_callable)


cdef object call_recorded(DirectCall self, PyObject *const *args, Py_ssize_t n):
    """The call with leaves in the chosen places.  All of it is inside of one level: once that is
    left another thread may take it, and this one would begin above."""
    cdef int depth = cdiff_tls.depth, paused = cdiff_tls.paused
    cdef tuple given = self.with_leaves(args, n)
    cdef Py_ssize_t i
    cdef object out, result
    go_to(depth + 1)
    cdiff_tls.paused = 0
    try:
        out = PyObject_Vectorcall(self.function, tuple_items(<PyObject *>given), n, NULL)
        if type(out) is Array:
            result = self.derivative(<Array>out, given)
            if result is not None:
                return result
        found = out, [given[i] for i in self.positions], depth + 1
        return self.general(positional(args, n), {}, found)
    finally:
        go_to(depth)
        cdiff_tls.paused = paused


cdef inline Array float_leaf(double v, int level):
    cdef Node *n = node_new()
    n.v = v
    n.op = OP_LEAF
    n.flags = <uint32_t>level_bit(level)
    set_number(n, level)
    return steal(n)


def direct_jvp(function, primals, tangents, otherwise):
    """Value and tangent of a function of floats and float64 ndarrays.

    None for other arguments; `otherwise(result, function, level)` for results that are not one
    plain Array, while the level is open.
    """
    cdef tuple given
    cdef int level
    cdef object out
    if not are_directions(primals, tangents) or not callable(function):
        return None
    with Level() as level:
        given = tuple([direct_dual(x, t, dual_mark(level)) for x, t in zip(primals, tangents)])
        out = function(*given)
        if type(out) is Array and is_plain_dual(current(<Array>out), dual_mark(level)):
            out = current(<Array>out)
            return (plain_value(primal_at(out, dual_mark(level))),
                    plain_value(tangent_at(out, dual_mark(level))))
        return otherwise(out, function, level)


cdef bint are_directions(object primals, object tangents) except -1:
    """Two tuples of floats and plain arrays that fit in pairs?"""
    cdef object x, t
    if type(primals) is not tuple or type(tangents) is not tuple or not primals \
            or len(<tuple>primals) != len(<tuple>tangents):
        return False
    for x, t in zip(primals, tangents):
        if type(x) is float and type(t) is float:
            continue
        if not is_plain_ndarray(x) or not is_plain_ndarray(t) \
                or not np.PyArray_SAMESHAPE(<np.ndarray>x, <np.ndarray>t):
            return False
    return True


cdef Array direct_dual(object x, object t, int mark):
    if type(x) is float:
        return raw_dual(x, t, mark)
    return make_dual(own_array(<np.ndarray>x), own_array(<np.ndarray>t), mark)


cdef bint is_plain_dual(Array y, int mark) noexcept:
    """A value and a tangent that nothing else tracks, both float64 and no 0-d arrays?"""
    if dual_level(y) != mark:
        return False
    if N(y).p0 == NULL:
        return True
    return is_plain_part(N(y).p0) and is_plain_part(N(y).p1)


cdef bint is_plain_part(const Node *n) noexcept:
    if n.flags & (NODE_DUAL | LEVEL_MASK):
        return False
    return not n.flags & NODE_ARRAY or (n.arr.typenum == NPY_DOUBLE and n.arr.ndim > 0)


cdef inline bint is_plain_ndarray(object x) noexcept:
    """Is it a float64 ndarray that is no scalar, in native form?"""
    return (type(x) is np.ndarray and np.PyArray_TYPE(<np.ndarray>x) == NPY_DOUBLE
            and np.PyArray_NDIM(<np.ndarray>x) > 0 and np.PyArray_ISBEHAVED_RO(<np.ndarray>x))


cdef Array own_array(np.ndarray x):
    """A copy of a float64 ndarray, in C order."""
    cdef Array a
    if not np.PyArray_IS_C_CONTIGUOUS(x):
        return contiguous_copy(wrap_ndarray(x, True))
    a = new_array(np.PyArray_NDIM(x), <Py_ssize_t *>np.PyArray_DIMS(x), NPY_DOUBLE)
    memcpy(N(a).arr.data, np.PyArray_DATA(x), N(a).arr.size * sizeof(double))
    return a


cdef inline Array array_leaf(np.ndarray x, int level):
    cdef Array a = own_array(x)
    N(a).op = OP_LEAF
    N(a).flags |= <uint32_t>level_bit(level)
    set_number(N(a), level)
    return a


cdef object leaf_gradient(Sweep *s, Py_ssize_t i):
    """What arrived at a leaf, as a float or an ndarray."""
    cdef Array value
    if in_number(s, i):
        return s.order[i].slot.number
    value = get_value(s, i)
    if value is None:
        value = zeros_like_node(<Array><PyObject *>s.order[i].node)
    return plain_value(own_result(value))
