# Structural operators on nodes: the applier that records them, and the values
# of those that only look at memory differently (reshape, transpose, broadcast,
# slice, embed, concatenate, where, cast).
#
# Knows shapes and strides; derivatives live in the table (the generated
# functions ADJ and TAN), never here.  Fast because views share memory, and
# because one applier does the recording for all operators.

# `a` is the first operand; operators of one operand may be given no list.
ctypedef Array (*value_fn)(Array a, list operands, object attrs)

cdef value_fn VALUE[N_OPS]


cdef Array apply(int op, list operands, object attrs):
    """Value of a structural operator, recorded if an operand is tracked."""
    cdef Array y
    cdef int i, flags = 0
    if watching:
        return watched_structural(op, operands, attrs)
    for i in range(len(operands)):
        flags |= N(<Array>operands[i]).flags
    if flags & NODE_DUAL:
        return dual_structural(op, operands, attrs)
    y = result_or_wait(op, <Array>operands[0], operands, attrs)
    if not recording(flags & LEVEL_MASK):
        return y
    return attach(fresh_result(y, operands), op, operands, STRUCT_SAVES[op], attrs)


cdef Array apply1(int op, Array a, object attrs):
    """apply for one operand, without a list of it."""
    cdef Array y
    cdef Node *n
    cdef int levels
    if watching:
        return watched_structural(op, [a], attrs)
    if N(a).flags & NODE_DUAL:
        return dual_structural(op, [a], attrs)
    y = result_or_wait(op, a, None, attrs)
    levels = recording(levels_of(N(a)))
    if not levels:
        return y
    if y is a:
        y = detached(y)
    n = N(y)
    n.op = <uint8_t>op
    n.flags |= <uint32_t>levels
    Py_INCREF(attrs)
    n.obj = <PyObject *>attrs
    n.p0 = hold(saved(a) if STRUCT_SAVES[op] & 1 or is_deferred(y) else a)
    return y


cdef inline Array result_or_wait(int op, Array a, list operands, object attrs):
    """The value of a structural operator, or one that waits."""
    cdef Array y = None, p
    if cdiff_tls.deferring:
        y = deferred_result(op, a, operands, attrs)
    if y is None:
        need(a)
        if operands is not None:
            for p in operands:
                need(p)
        y = settle(VALUE[op](a, operands, attrs))
    if N(y).flags & NODE_ARRAY and N(y).arr.ndim > 1 and not gives_c_order(op):
        if operands is not None:
            note_orders(y, operands)
        elif N(a).flags & NODE_ARRAY:
            note_order(y, N(a).arr)
    return y


cdef inline bint gives_c_order(int op) noexcept nogil:
    """Do NumPy's results of this operator lie in C order, whatever the operands?"""
    return (op == OP_RESHAPE or op == OP_MATMUL or op == OP_SOLVE or op == OP_INV
            or op == OP_CHOLESKY)


cdef void note_orders(Array y, list operands) noexcept:
    """Note whether NumPy may lay out a result in another order, as it may one of the operands."""
    cdef Array p
    for p in operands:
        if N(p).flags & NODE_ARRAY:
            note_order(y, N(p).arr)


cdef Array fresh_result(Array y, list operands):
    """A node of its own for a value function that returned one of its operands."""
    cdef Array a
    for a in operands:
        if a is y:
            return detached(y)
    return y


cdef object y_attrs(Array y):
    cdef PyObject *obj = N(y).obj
    return <object>obj if obj != NULL and not is_number_of_leaf(obj) else None


cdef inline bint is_traced(Array a) noexcept:
    """Has an operator on this value to be recorded, or does it carry a tangent?"""
    return N(a).flags & NODE_DUAL != 0 or recording(levels_of(N(a)))


cdef Array const(double v):
    return weak_scalar(v)


cdef Array zeros_array(int ndim, const Py_ssize_t *shape, int typenum,
                       Py_ssize_t used=PY_SSIZE_T_MAX):
    """Zeros, of which the caller will write `used`: few in much memory are better left to the
    operating system, which gives zeroed pages where they are touched."""
    cdef Py_ssize_t nbytes = checked_size(ndim, shape, itemsize_of(typenum))
    cdef Arr *r
    cdef int i
    if nbytes >= LAZY_ZEROS and used < nbytes // (8 * LINE):
        r = block_zeroed(ndim, nbytes)
    else:
        r = block_new(ndim, nbytes)
        memset(r.data, 0, nbytes)
    r.typenum = <int8_t>typenum
    for i in range(ndim):
        r.dims[i] = shape[i]
    set_contiguous(r, itemsize_of(typenum))
    return steal(array_node(r))


cdef Array zeros_like_node(Array a):
    """Zeros of a node's shape and dtype."""
    a = innermost(a)
    if not N(a).flags & NODE_ARRAY:
        return scalar(0.0)
    return zeros_array(N(a).arr.ndim, ARR_SHAPE(N(a).arr), N(a).arr.typenum)


cdef Array zeros_like_part(Array y, tuple attrs, Py_ssize_t k):
    """Zeros in place of operand k of a concatenation, which is not kept if it is a constant."""
    cdef Py_ssize_t shape[MAX_NDIM]
    cdef tuple index
    y = innermost(y)
    index = section(shape_tuple(y), attrs[0], attrs[1], k)
    return zeros_array(read_shape(index[2::3], shape), shape, N(y).arr.typenum)


cdef Array settle(Array a):
    """A 0-d float64 array becomes an inline scalar; everything else stays."""
    cdef Arr *r
    if not N(a).flags & NODE_ARRAY:
        return a
    r = N(a).arr
    if r.ndim == 0 and r.typenum == NPY_DOUBLE and not is_deferred(a):
        return scalar((<double *>r.data)[0])
    return a


cdef double float_of(Array a):
    """The number in a node of size one, whatever its kind."""
    a = innermost(a)
    if not N(a).flags & NODE_ARRAY:
        return N(a).v
    need(a)
    if N(a).arr.size != 1:
        raise TypeError(f"only arrays of size 1 can become a number; this one has shape "
                        f"{shape_tuple(a)}")
    if N(a).arr.typenum == NPY_DOUBLE:
        return (<double *>N(a).arr.data)[0]
    if N(a).arr.typenum == NPY_FLOAT:
        return (<float *>N(a).arr.data)[0]
    if is_complex(N(a).arr.typenum):
        raise TypeError("can't convert complex to float; take x.real, x.imag or abs(x)")
    return float(ndarray_of(a).reshape(())[()])


cdef int read_shape(object shape, Py_ssize_t *out) except -1:
    """A tuple of ints into C memory; the number of axes."""
    cdef int i, ndim = len(shape)
    if ndim > MAX_NDIM:
        raise ValueError(f"cdiff: {ndim} dimensions; at most {MAX_NDIM} are supported")
    for i in range(ndim):
        out[i] = shape[i]
    return ndim


# ---------------------------------------------------------------- views

cdef Array as_block(Array a):
    """The node with an array block, also for an inline scalar."""
    cdef Array out
    if N(a).flags & NODE_ARRAY:
        return a
    out = new_array(0, NULL, NPY_DOUBLE)
    (<double *>N(out).arr.data)[0] = N(a).v
    return out


cdef Array value_reshape(Array a, list operands, object attrs):
    cdef Py_ssize_t shape[MAX_NDIM]
    cdef Py_ssize_t strides[MAX_NDIM]
    cdef int i, ndim = read_shape(attrs[0], shape)
    cdef Py_ssize_t step
    cdef np.ndarray reshaped
    a = as_block(a)
    step = itemsize_of(N(a).arr.typenum)
    if N(a).arr.flags & ARR_CONTIGUOUS:
        for i in range(ndim - 1, -1, -1):
            strides[i] = step
            step *= shape[i] if shape[i] > 0 else 1
        return view_array(N(a).arr, ndim, shape, strides, N(a).arr.data)
    reshaped = ndarray_of(a).reshape(attrs[0])
    if np.PyArray_DATA(reshaped) != N(a).arr.data:
        return wrap_ndarray(reshaped)
    for i in range(ndim):
        strides[i] = np.PyArray_STRIDE(reshaped, i)
    return view_array(N(a).arr, ndim, shape, strides, N(a).arr.data)


cdef Array value_transpose(Array a, list operands, object attrs):
    cdef Py_ssize_t shape[MAX_NDIM]
    cdef Py_ssize_t strides[MAX_NDIM]
    cdef Arr *r
    cdef int i, axis
    a = as_block(a)
    r = N(a).arr
    for i in range(r.ndim):
        axis = attrs[0][i]
        shape[i] = ARR_SHAPE(r)[axis]
        strides[i] = ARR_STRIDES(r)[axis]
    return view_array(r, r.ndim, shape, strides, r.data)


cdef bint is_turned(Array p) noexcept:
    """Is this a large array with its axes in another order, which one operation alone reads?"""
    return (N(p).op == OP_TRANSPOSE and N(p).flags & (NODE_ARRAY | NODE_DUAL) == NODE_ARRAY
            and N(p).arr.typenum == NPY_DOUBLE and N(p).arr.size >= NOGIL_SIZE
            and N(p).arr.holders == 1 and not N(p).arr.flags & ARR_CONTIGUOUS)


cdef inline bint is_leaf_across(Array p, Array g) noexcept:
    """Is it a leaf that p is the transpose of, so that its gradient may lie as the cotangent g?"""
    return (N(p).p0 != NULL and N(p).p0.op == OP_LEAF and lies_across(N(p).arr)
            and N(g).arr.flags & ARR_CONTIGUOUS != 0)


cdef Array turned_partial(int op, int k, Array g, Array a, Array b, Array y, Array p):
    """times_partial for such an operand p, in the order of what p was made from: so the adjoint of
    the transposition has nothing to move.  None where something else is read that lies otherwise.
    """
    cdef int i, reads = OP_SAVES[op][k]
    cdef tuple back
    cdef Array x
    cdef list read = []
    cdef bint reads_array = False
    if OP_PARTIAL[op][k] == PARTIAL_ONE or cdiff_tls.tracing or not is_turned(p) \
            or N(g).flags & (NODE_ARRAY | NODE_DUAL) != NODE_ARRAY \
            or typenum_of(g) != NPY_DOUBLE or not same_shape(g, p):
        return None
    need(p)
    back = (inverse_permutation(y_attrs(p)[0]),)
    for i, x in enumerate((a, b, y)):
        x = x if reads >> i & 1 else None
        if x is p:
            x = value_transpose(x, None, back)
            reads_array = True
        elif x is not None and N(x).flags & (NODE_ARRAY | NODE_DUAL):
            return None
        read.append(x)
    if not reads_array and is_leaf_across(p, g):
        return None
    g = times_partial_raw(op, k, value_transpose(g, None, back), read[0], read[1], read[2])
    return value_transpose(g, None, y_attrs(p))


cdef int raise_broadcast(Array a, object shape) except -1:
    raise misfit(f"broadcast_to: shape {shape_tuple(a)} does not broadcast to {shape}")


cdef Array value_broadcast_to(Array a, list operands, object attrs):
    cdef Py_ssize_t shape[MAX_NDIM]
    cdef Py_ssize_t strides[MAX_NDIM]
    cdef Arr *r
    cdef int i, ndim = read_shape(attrs[0], shape), shift
    a = as_block(a)
    r = N(a).arr
    shift = ndim - r.ndim
    checked_size(ndim, shape, itemsize_of(r.typenum))
    if shift < 0:
        raise_broadcast(a, attrs[0])
    for i in range(ndim):
        strides[i] = 0
        if i >= shift and ARR_SHAPE(r)[i - shift] == shape[i]:
            strides[i] = ARR_STRIDES(r)[i - shift]
        elif i >= shift and ARR_SHAPE(r)[i - shift] != 1:
            raise_broadcast(a, attrs[0])
    return view_array(r, ndim, shape, strides, r.data)


cdef Array fused_expand(Array u, tuple shape, tuple axes):
    """A reduction's result (with the reduced axes or without) under the shape before: one view."""
    cdef Py_ssize_t dims[MAX_NDIM]
    cdef Py_ssize_t strides[MAX_NDIM]
    cdef int i, k = 0, axis = 0, ndim = read_shape(shape, dims)
    cdef Arr *r
    if not N(u).flags & NODE_ARRAY:
        return steal(number_node(N(u).v, ndim, dims))
    need(u)
    r = N(u).arr
    for i in range(ndim):
        strides[i] = 0
        if axis < <int>len(axes) and <int>axes[axis] == i:
            axis += 1
            k += r.ndim == ndim
        else:
            strides[i] = ARR_STRIDES(r)[k]
            k += 1
    return view_array(r, ndim, dims, strides, r.data)


cdef Node *number_node(double v, int ndim, const Py_ssize_t *shape) except NULL:
    """One number in memory, seen through a shape."""
    cdef Arr *r = block_new(ndim, sizeof(double))
    cdef int i
    (<double *>r.data)[0] = v
    r.typenum = NPY_DOUBLE
    for i in range(ndim):
        r.dims[i] = shape[i]
        r.dims[ndim + i] = 0
    note_contiguity(r, sizeof(double))
    return array_node(r)


cdef Array value_slice(Array a, list operands, object attrs):
    """A view; a single element is a copy, as in NumPy."""
    cdef Array y = slice_view(as_block(a), attrs[0])
    return y if N(y).arr.ndim or N(y).arr.typenum == NPY_DOUBLE else contiguous_copy(y)


cdef Array slice_view(Array a, tuple index):
    """The part of an array that (start, step, count) per axis selects; count -1 drops the axis."""
    cdef Py_ssize_t shape[MAX_NDIM]
    cdef Py_ssize_t strides[MAX_NDIM]
    cdef Arr *r = N(a).arr
    cdef char *data = r.data
    cdef int axis, ndim = 0
    cdef Py_ssize_t count
    for axis in range(r.ndim):
        data += <Py_ssize_t>index[3 * axis] * ARR_STRIDES(r)[axis]
        count = index[3 * axis + 2]
        if count >= 0:
            shape[ndim] = count
            strides[ndim] = <Py_ssize_t>index[3 * axis + 1] * ARR_STRIDES(r)[axis]
            ndim += 1
    return view_array(r, ndim, shape, strides, data)


cdef int add_into_slice(Array target, Array g, tuple attrs) except -1:
    """target[index] += g, in place."""
    add_in_place(slice_view(target, attrs[0]), g)
    return 0


cdef int add_in_place(Array view, Array g) except -1:
    """view += g for a strided float view; numbers and arrays broadcast."""
    cdef np.ndarray out
    need(g)
    if not move(MOVE_ADD, N(view).arr, N(as_block(g)).arr):
        out = export(view, NPY_ARRAY_WRITEABLE)
        np.add(out, ndarray_of(g), out=out, casting="same_kind")
    return 0


cdef int copy_in_place(Array view, Array v) except -1:
    """view[...] = v, broadcast and cast as NumPy's assignment does."""
    cdef Arr *r = N(view).arr
    need(innermost(v))
    if same_memory(view, v):
        v = contiguous_copy(innermost(v))
    if r.size == 1 and r.typenum == NPY_DOUBLE and size_of(v) == 1:
        (<double *>r.data)[0] = float_of(v)
    elif not move(MOVE_COPY, r, N(as_block(innermost(v))).arr):
        np.copyto(export(view, NPY_ARRAY_WRITEABLE), ndarray_of(v), casting="unsafe")
    return 0


cdef Array value_embed(Array a, list operands, object attrs):
    cdef Py_ssize_t shape[MAX_NDIM]
    cdef tuple index = attrs[1]
    cdef int i, ndim = read_shape(attrs[0], shape)
    cdef Py_ssize_t left = size_of(a)
    cdef Array out
    # Of a constant of a program only the part that is not zero is read: the rest is never touched.
    cdef Py_ssize_t used = 0 if cdiff_tls.tracing else left
    if ndim == 1 and index[1] == 1 and index[2] >= 0 and typenum_of(a) == NPY_DOUBLE \
            and (used or (shape[0] - left) * <Py_ssize_t>sizeof(double) < LAZY_ZEROS):
        return padded(contiguous(as_block(a)), shape[0], index[0])
    for i in range(ndim):
        left //= shape[i] if shape[i] > 0 else 1
    # As many elements as there are places: all are written, and need no zeros before.
    out = (new_array(ndim, shape, typenum_of(a)) if left == 1
           else zeros_array(ndim, shape, typenum_of(a), used))
    copy_in_place(slice_view(out, index), a)
    return out


cdef Array padded(Array a, Py_ssize_t extent, Py_ssize_t start):
    """A vector with zeros before and behind: every element is written once."""
    cdef Arr *r = N(a).arr
    cdef Array out = new_array(1, &extent, NPY_DOUBLE)
    cdef double *p = <double *>N(out).arr.data
    memset(p, 0, start * sizeof(double))
    copy_bytes(p + start, r.data, r.size * sizeof(double))
    memset(p + start + r.size, 0, (extent - start - r.size) * sizeof(double))
    return out


cdef Array value_index_set(Array a, list operands, object attrs):
    """A copy of operand 0 whose slice holds operand 1 (broadcast)."""
    cdef Array out = contiguous_copy(as_block(a))
    copy_in_place(slice_view(out, attrs[0]), <Array>operands[1])
    return out


cdef Array value_concatenate(Array a, list operands, object attrs):
    cdef Py_ssize_t shape[MAX_NDIM]
    cdef Arr *r = N(a).arr
    cdef Array y, p
    cdef int axis = attrs[0], i
    for i in range(r.ndim):
        shape[i] = ARR_SHAPE(r)[i]
    shape[axis] = 0
    for p in operands:
        if N(p).arr.typenum != NPY_DOUBLE:
            return wrap_ndarray(np.concatenate([ndarray_of(q) for q in operands], axis=axis))
        shape[axis] += ARR_SHAPE(N(p).arr)[axis]
    y = new_array(r.ndim, shape, NPY_DOUBLE)
    fill_parts(N(y).arr, operands, axis)
    return y


cdef int fill_parts(Arr *y, list operands, int axis) except -1:
    """Copy arrays side by side along an axis; large ones from either end in turn (goes_down)."""
    cdef Arr *part = block_over(y, y.ndim, y.data)
    cdef bint falling = y.size >= NOGIL_SIZE and goes_down()
    cdef Py_ssize_t stride = y.dims[y.ndim + axis], at = y.dims[axis] if falling else 0
    cdef Array p
    cdef int i
    for i in range(2 * y.ndim):
        part.dims[i] = y.dims[i]
    for p in reversed(operands) if falling else operands:
        part.dims[axis] = ARR_SHAPE(N(p).arr)[axis]
        part.size = N(p).arr.size
        at -= part.dims[axis] if falling else 0
        part.data = y.data + at * stride
        move(MOVE_COPY, part, N(p).arr, falling)
        at += 0 if falling else part.dims[axis]
    block_release(part)
    return 0


cdef Array value_where(Array a, list operands, object attrs):
    cdef Job job
    cdef Array y
    cdef bint falling
    if holds_complex(<Array>operands[1]) or holds_complex(<Array>operands[2]):
        return wrap_result(np.where(*[numpy_operand(y) for y in operands]))
    cdef Array c = a if typenum_of(a) == NPY_BOOL else as_float(a)
    cdef Array b = as_float(<Array>operands[2])
    a = as_float(<Array>operands[1])
    cdef int typenum = result_typenum(<Array>operands[1], <Array>operands[2])
    job_shape(&job, OP_WHERE, c, a, b, None)
    y = new_array(job.ndim, job.shape, typenum)
    job_operand(&job, c)
    job_operand(&job, a)
    job_operand(&job, b)
    job_coalesce(&job)
    falling = job.size >= NOGIL_SIZE and goes_down()
    with nogil:
        where_run(&job, N(y).arr, falling)
    return y


cdef void where_run(const Job *job, Arr *out, bint falling) noexcept nogil:
    """The three-operand select over blocks (see job_run)."""
    cdef double buffers[4][BLOCK]
    cdef const double *p[3]
    cdef double *dst
    cdef Py_ssize_t block, blocks = (job.size + BLOCK - 1) // BLOCK, start, n
    cdef bint single = out.typenum == NPY_FLOAT
    cdef int k
    for block in range(blocks):
        start = (fallen(block, blocks, BLOCK) if falling else block) * BLOCK
        n = job.size - start
        n = n if n < BLOCK else BLOCK
        for k in range(3):
            p[k] = block_operand(job, k, start, n, buffers[k])
        dst = &buffers[3][0]
        if not single:
            dst = <double *>out.data + start
        KERNELS.where(n, dst, p[0], p[1], p[2], job.operands[0].mode != BROADCAST,
                      job.operands[1].mode != BROADCAST, job.operands[2].mode != BROADCAST)
        if single:
            KERNELS.narrow(n, <float *>out.data + start, dst)


cdef Array where3(Array c, Array a, Array b):
    """c ? a : b; a scalar condition with scalar branches just picks one."""
    if not (N(c).flags | N(a).flags | N(b).flags) & NODE_SLOW and not tracing(levels_of(N(c))):
        return ew1(OP_POSITIVE, a if N(c).v != 0.0 else b)
    return apply(OP_WHERE, [c, a, b], None)


cdef Array apply_where(Array c, Array a, Array b):
    return where3(c, a, b)


cdef Array value_cast(Array a, list operands, object attrs):
    """Between float types; of a complex number the real part goes into a real type."""
    cdef object dtype = np.PyArray_DescrFromType(attrs[0])
    cdef object x = ndarray_of(a)
    return wrap_ndarray((x if is_complex(attrs[0]) else x.real).astype(dtype))


cdef Array apply_cast(Array a, int typenum):
    """The node in another dtype; to an integer or boolean type the derivative ends."""
    if typenum_of(innermost(a)) == typenum:
        return a
    if not is_inexact(typenum):
        check_lossless(a, typenum)
        if tracing(levels_of(N(a))):
            return traced_cast(a, typenum)
        return wrap_ndarray(ndarray_of(a).astype(np.PyArray_DescrFromType(typenum)))
    return apply1(OP_CAST, a, (typenum,))


cdef Array cast_as_asked(Array a, int typenum):
    """The same for a dtype that users name: the imaginary part is not dropped without a word."""
    if holds_complex(a) and not is_complex(typenum):
        raise bad_dtype(f"complex values cannot become {np.PyArray_DescrFromType(typenum)}; take "
                        f"x.real, or abs(x)")
    return apply_cast(a, typenum)


cdef int check_lossless(Array a, int typenum) except -1:
    """A cast to integers ends a derivative rightly; to anything else it would lose it."""
    cdef object dtype = np.PyArray_DescrFromType(typenum)
    if derivative_levels(a) and dtype.kind not in "biu":
        raise bad_dtype(f"a tracked array cannot become {dtype}: derivatives need real or complex "
                        f"floats; write x.detach() if the derivative may be dropped")
    return 0


# ---------------------------------------------------------------- appliers used by the rules

cdef Array apply_reshape(Array a, object shape):
    return apply1(OP_RESHAPE, a, (shape,))


cdef Array apply_transpose(Array a, object perm):
    return apply1(OP_TRANSPOSE, a, (perm,))


cdef Array apply_broadcast_to(Array a, object shape):
    return a if shape_tuple(a) == shape else apply1(OP_BROADCAST_TO, a, (shape,))


cdef Array apply_sum_to(Array a, object shape):
    return a if shape_tuple(a) == shape else apply1(OP_SUM_TO, a, (shape,))


cdef Array apply_slice(Array a, object index):
    return apply1(OP_SLICE, a, (index,))


cdef Array apply_embed(Array g, object shape, object index):
    return apply1(OP_EMBED, g, (shape, index))


cdef Array apply_index_set(Array a, Array v, object index):
    return apply(OP_INDEX_SET, [a, v], (index,))


cdef Array apply_concatenate(list parts, int axis, tuple starts=None):
    """`starts`: where each operand begins along the axis, and where the last one ends."""
    cdef Py_ssize_t end = 0
    cdef list begins = [0]
    if len(parts) == 1:
        return parts[0]
    if starts is None:
        for part in parts:
            end += <Py_ssize_t>shape_tuple(part)[axis]
            begins.append(end)
        starts = tuple(begins)
    return apply(OP_CONCATENATE, parts, (axis, starts))


cdef object shape_of(Array a):
    return shape_tuple(a)
