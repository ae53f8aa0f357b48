# Jacobians as matrices: many directions forward (see fan.pxi), or many
# cotangents backward through a graph that is sorted once.
#
# Knows sweeps, fans and ndarrays; containers and layouts belong to the Python
# face.  Fast because entries go straight into one matrix per pair of an output
# and a leaf, without an array object for each row or column.

# ---------------------------------------------------------------- matrices

cdef np.ndarray zero_matrix(Array y, Array x):
    cdef np.npy_intp dims[2]
    dims[0] = size_of(y)
    dims[1] = size_of(x)
    return np.PyArray_ZEROS(2, dims, complex_typenum(typenum_of(x)) if holds_complex(y)
                            else typenum_of(x), 0)


cdef int write_column(np.ndarray matrix, Py_ssize_t column, Tangent *t) except -1:
    cdef Py_ssize_t m, rows = np.PyArray_DIM(matrix, 0), width = np.PyArray_DIM(matrix, 1)
    cdef double *dst = <double *>np.PyArray_DATA(matrix) + column
    cdef const double *src
    cdef Arr *r
    if np.PyArray_TYPE(matrix) != NPY_DOUBLE or t.array != NULL and not (
            typenum_of(<Array>t.array) == NPY_DOUBLE
            and N(<Array>t.array).arr.flags & ARR_CONTIGUOUS):
        matrix[:, column] = t.number if t.array == NULL else ndarray_of(<Array>t.array).reshape(-1)
    elif t.array == NULL:
        for m in range(rows):
            dst[m * width] = t.number
    else:
        r = N(<Array>t.array).arr
        src = <const double *>r.data
        for m in range(rows):
            dst[m * width] = src[m]
    return 0


cdef int write_columns(Fan *f, list at_outputs, list blocks) except -1:
    """What arrived at the outputs, into the columns of their matrices."""
    cdef Py_ssize_t i, k, m
    cdef Bundle *b
    for i, row in zip(at_outputs, blocks):
        if i < 0 or not f.sweep.order[i].flags & ENTRY_ACTIVE:
            continue
        b = bundle_at(f, i)
        k = 0
        for m in range(b.count):
            while b.items[m].direction >= f.starts[k + 1]:
                k += 1
            write_column(<np.ndarray>(<list>row)[k], b.items[m].direction - f.starts[k],
                         &b.items[m])
    return 0


cdef list forward_blocks(list outputs, list leaves, int level):
    """For each output and each (distinct, fresh) leaf the matrix of derivatives; plain values."""
    cdef Sweep s
    cdef Fan f
    cdef Py_ssize_t i, total, width
    cdef int paused = cdiff_tls.paused
    cdef list blocks = [[zero_matrix(y, x) for x in leaves] for y in outputs]
    memset(&f, 0, sizeof(Fan))
    try:
        sweep_begin(&s, leaves, outputs, level, False)
        cdiff_tls.paused = 1
        at_outputs = positions_of(&s, outputs)
        fan_begin(&f, &s, at_outputs)
        total = f.starts[s.n_leaves]
        width = directions_per_pass(&s, total)
        f.scratch = <Tangent *>PyMem_Calloc(width, sizeof(Tangent))
        if f.scratch == NULL:
            raise MemoryError("cdiff: no memory for a Jacobian")
        while f.first < total:
            f.stop = f.first + width if f.first + width < total else total
            fan_run(&f)
            write_columns(&f, at_outputs, blocks)
            for i in range(s.count):
                bundle_clear(&f.bundles[i])
            f.first = f.stop
        return blocks
    finally:
        cdiff_tls.paused = paused
        fan_end(&f)
        sweep_free(&s)


cdef int reverse_row(Sweep *s, Py_ssize_t i, Array y, Py_ssize_t place) except -1:
    """One sweep from one entry of an output; what earlier ones left is forgotten."""
    cdef PyObject *previous
    cdef Py_ssize_t k
    for k in range(s.count):
        previous = NULL if in_number(s, k) else s.order[k].slot.value
        s.order[k].slot.value = NULL          # also the number 0.0
        Py_XDECREF(previous)
    put_value(s, i, unit_vector(y, place))
    return reverse_run(s)


cdef list reverse_blocks(list outputs, list leaves, int level):
    """The same by one sweep for each entry of the outputs; the graph is sorted once."""
    cdef Sweep s
    cdef Array y
    cdef Py_ssize_t i, k, place
    cdef int paused = cdiff_tls.paused
    cdef list blocks = [[zero_matrix(y, x) for x in leaves] for y in outputs]
    try:
        sweep_begin(&s, leaves, outputs, level, True)
        cdiff_tls.paused = 1
        for i, y, row in zip(positions_of(&s, outputs), outputs, blocks):
            for place in range(size_of(y) if i >= 0 else 0):
                reverse_row(&s, i, y, place)
                for k in range(s.n_leaves):
                    write_row(<np.ndarray>(<list>row)[k], place, get_value(&s, k))
        return blocks
    finally:
        cdiff_tls.paused = paused
        sweep_free(&s)


cdef int write_row(np.ndarray matrix, Py_ssize_t row, Array v) except -1:
    cdef Py_ssize_t width = np.PyArray_DIM(matrix, 1)
    if v is None:
        return 0
    if not N(v).flags & NODE_ARRAY and np.PyArray_TYPE(matrix) == NPY_DOUBLE and width == 1:
        (<double *>np.PyArray_DATA(matrix))[row] = N(v).v
    elif N(v).flags & NODE_ARRAY and N(v).arr.flags & ARR_CONTIGUOUS \
            and N(v).arr.typenum == np.PyArray_TYPE(matrix) and N(v).arr.size == width:
        memcpy(<char *>np.PyArray_DATA(matrix) + row * width * itemsize_of(N(v).arr.typenum),
               N(v).arr.data, width * itemsize_of(N(v).arr.typenum))
    else:
        matrix[row] = ndarray_of(v).reshape(-1)
    return 0


cdef bint is_plain_at(Array a, int level) except -1:
    """Has nothing but the transformation at this level to do with it?"""
    return not N(a).flags & NODE_DUAL and outer_levels(a, level) == 0


cdef bint has_calls(list outputs, list leaves, int level) except -1:
    """Are there rules in the graph between these, which may read what outer levels track?"""
    cdef Sweep s
    try:
        sweep_begin(&s, leaves, outputs, level, False)
        return s.has_calls
    finally:
        sweep_free(&s)


def jacobian_blocks(outputs, leaves, int level, str mode):
    """For each output a list with a matrix (outputs by inputs) for each leaf, as ndarrays.

    `mode` is "fwd", "rev" or "auto"; or "symmetric" for that of a gradient.  None where an outer
    transformation has to see the entries.
    """
    cdef list ys = entered_nodes(outputs), xs = list(leaves)
    cdef Array a
    for a in ys + xs:
        if not is_plain_at(a, level):
            return None
    if level > 1 and has_calls(ys, xs, level):
        return None
    if watching:                          # one sweep after another can be looked into
        return reverse_blocks(ys, xs, level)
    if mode == "symmetric":
        mode = "rev" if puts_together(ys, xs, level) else "fwd"
    if mode == "auto":
        mode = "fwd" if prefers_forward(ys, xs) else "rev"
    if products_pay(ys, xs, level, total_size(xs if mode == "fwd" else ys)):
        found = lane_blocks(ys, xs, level, mode == "fwd")
        if found is not None:
            return found
    return (forward_blocks if mode == "fwd" else reverse_blocks)(ys, xs, level)


cdef bint prefers_forward(list outputs, list leaves):
    """A direction is cheaper than a cotangent: all go together, and partials are computed once."""
    cdef Py_ssize_t n_in = total_size(leaves), n_out = total_size(outputs)
    return n_in <= 1 or (n_out > 1 and n_in <= 2 * n_out)


cdef bint puts_together(list outputs, list leaves, int level) except -1:
    """Does a gradient put together what belongs to parts of the argument?  A cotangent is taken
    apart by views, while each direction would be put together once more."""
    cdef Sweep s
    cdef Py_ssize_t i
    try:
        sweep_begin(&s, leaves, outputs, level, False)
        if s.has_calls:
            return False
        for i in range(s.n_leaves, s.count):
            if s.order[i].node.op == OP_EMBED:
                return True
        return False
    finally:
        sweep_free(&s)


cdef Py_ssize_t total_size(list nodes) except -1:
    cdef Py_ssize_t n = 0
    cdef Array a
    for a in nodes:
        n += size_of(a)
    return n
