# Reductions, cumulative operators and gathers: their values.
#
# Knows strided memory; derivatives live in the table.  Fast because whole
# contiguous float64 arrays are reduced by our own loops (pairwise in blocks, so
# as accurate as NumPy) without the microseconds of a NumPy call; other layouts
# go to NumPy.

cdef double pairwise_sum(const double *p, Py_ssize_t n) noexcept nogil:
    """Sum with eight accumulators per block and a balanced tree above (Higham 2002, 4.2)."""
    cdef double acc[8]
    cdef double s = 0.0
    cdef Py_ssize_t i, half
    cdef int k
    if n < 8:
        for i in range(n):
            s += p[i]
        return s
    if n > 1024:
        half = (n // 2) & ~<Py_ssize_t>7
        return pairwise_sum(p, half) + pairwise_sum(p + half, n - half)
    for k in range(8):
        acc[k] = p[k]
    i = 8
    while i + 8 <= n:
        for k in range(8):
            acc[k] += p[i + k]
        i += 8
    while i < n:
        s += p[i]
        i += 1
    return ((acc[0] + acc[1]) + (acc[2] + acc[3])) + ((acc[4] + acc[5]) + (acc[6] + acc[7])) + s


cdef bint reduces_all(Array a, object axes) noexcept:
    """A contiguous float64 array whose every axis is reduced?"""
    cdef Arr *r = N(a).arr
    return (r.typenum == NPY_DOUBLE and r.flags & ARR_CONTIGUOUS and r.ndim > 0
            and <int>len(<tuple>axes) == r.ndim)


cdef Array shaped_number(double v, Array a, bint keepdims):
    """A full reduction's result: a scalar, or one element with all axes kept."""
    cdef Py_ssize_t shape[MAX_NDIM]
    cdef Array out
    cdef int i, ndim = ndim_of(a)
    if not keepdims or ndim == 0:
        return scalar(v)
    for i in range(ndim):
        shape[i] = 1
    out = new_array(ndim, shape, NPY_DOUBLE)
    (<double *>N(out).arr.data)[0] = v
    return out


cdef Array value_sum(list operands, object attrs):
    cdef Array a = as_block(<Array>operands[0])
    cdef Arr *r = N(a).arr
    cdef double s
    if reduces_all(a, attrs[0]):
        if r.size < NOGIL_SIZE:
            s = pairwise_sum(<double *>r.data, r.size)
        else:
            with nogil:
                s = pairwise_sum(<double *>r.data, r.size)
        return shaped_number(s, a, attrs[1])
    return wrap_result(np.add.reduce(ndarray_of(a), axis=attrs[0], keepdims=bool(attrs[1])))


cdef Array wrap_result(object x):
    """NumPy's answer, which may be a scalar, as a node."""
    return wrap_ndarray(np.asarray(x))


cdef Array value_sum_to(list operands, object attrs):
    """Sum over the axes along which `shape` was broadcast."""
    cdef Array a = as_block(<Array>operands[0])
    cdef tuple shape = attrs[0]
    cdef int extra = ndim_of(a) - len(shape)
    cdef int i
    cdef Arr *r = N(a).arr
    cdef Array out
    if extra == r.ndim and reduces_all(a, tuple(range(r.ndim))):
        return scalar(pairwise_sum(<double *>r.data, r.size))
    axes = tuple(range(extra)) + tuple([i + extra for i in range(len(shape))
                                        if shape[i] == 1 and ARR_SHAPE(r)[i + extra] != 1])
    out = wrap_result(np.add.reduce(ndarray_of(a), axis=axes))
    return value_reshape([out], (shape,))


cdef Array value_max(list operands, object attrs):
    return wrap_result(np.maximum.reduce(ndarray_of(<Array>operands[0]), axis=attrs[0],
                                         keepdims=bool(attrs[1])))


cdef Array value_min(list operands, object attrs):
    return wrap_result(np.minimum.reduce(ndarray_of(<Array>operands[0]), axis=attrs[0],
                                         keepdims=bool(attrs[1])))


cdef Array value_prod(list operands, object attrs):
    return wrap_result(np.multiply.reduce(ndarray_of(<Array>operands[0]), axis=attrs[0],
                                          keepdims=bool(attrs[1])))


cdef Array value_logsumexp(list operands, object attrs):
    """max-shifted: m + log(sum(exp(a - m))), with infinite maxima passed through."""
    cdef np.ndarray a = ndarray_of(<Array>operands[0])
    top = np.maximum.reduce(a, axis=attrs[0], keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(top), top, 0.0).astype(a.dtype)
    with np.errstate(divide="ignore", over="ignore"):
        out = np.log(np.add.reduce(np.exp(a - shift), axis=attrs[0], keepdims=True)) + shift
    return wrap_result(out if attrs[1] else np.squeeze(out, axis=attrs[0]))


cdef Array value_norm2(list operands, object attrs):
    """Euclidean norm over axes, scaled so that neither overflow nor underflow spoils it."""
    cdef np.ndarray a = ndarray_of(<Array>operands[0])
    scale = np.maximum.reduce(np.abs(a), axis=attrs[0], keepdims=True, initial=0.0)
    safe = np.where((scale > 0) & np.isfinite(scale), scale, 1.0).astype(a.dtype)
    out = np.sqrt(np.add.reduce(np.square(a / safe), axis=attrs[0], keepdims=True)) * safe
    return wrap_result(out if attrs[1] else np.squeeze(out, axis=attrs[0]))


cdef Array value_cumsum(list operands, object attrs):
    cdef np.ndarray a = ndarray_of(<Array>operands[0])
    if not attrs[1]:
        return wrap_result(np.cumsum(a, axis=attrs[0]))
    return wrap_result(np.flip(np.cumsum(np.flip(a, attrs[0]), axis=attrs[0]), attrs[0]))


cdef Array value_linrec(list operands, object attrs):
    """t[j] = a[j] * t[j-1] + b[j] along an axis (from the end, if reverse)."""
    cdef np.ndarray a, b
    cdef double[:, :, ::1] av, bv, tv
    cdef Py_ssize_t i, j, k, n, last
    cdef int axis = attrs[0]
    a = ndarray_of(<Array>operands[0])
    b = ndarray_of(<Array>operands[1])
    a, b = np.broadcast_arrays(a, b)
    shape = (<object>b).shape
    dtype = np.result_type(a, b)
    lead = int(np.prod(shape[:axis]))
    n = shape[axis]
    av = np.array(a, dtype=np.float64, order="C", ndmin=1).reshape(lead, n, -1 if b.size else 0)
    bv = np.array(b, dtype=np.float64, order="C", ndmin=1).reshape(lead, n, -1 if b.size else 0)
    tv = bv
    for i in range(lead):
        for j in range(1, n):
            last = n - j if attrs[1] else j - 1
            for k in range(tv.shape[2]):
                if attrs[1]:
                    tv[i, last - 1, k] += av[i, last - 1, k] * tv[i, last, k]
                else:
                    tv[i, j, k] += av[i, j, k] * tv[i, last, k]
    return wrap_result(np.asarray(tv).reshape(shape).astype(dtype, copy=False))


# ---------------------------------------------------------------- gathers

cdef Array value_gather(list operands, object attrs):
    """Rows idx of a (K, m) array."""
    a, idx = operands
    return wrap_result(np.take(ndarray_of(a), ndarray_of(idx), axis=0))


cdef Array value_scatter_add(list operands, object attrs):
    """(K, m) zeros to whose rows idx the rows of g are added."""
    cdef Array g = <Array>operands[0]
    cdef Py_ssize_t shape[2]
    cdef Array out
    shape[0] = attrs[0]
    shape[1] = ARR_SHAPE(N(g).arr)[1]
    out = zeros_array(2, shape, typenum_of(g))
    add_into_rows(out, g, <Array>operands[1])
    return out


cdef int add_into_rows(Array target, Array g, Array idx) except -1:
    """target[idx[i]] += g[i] in place; idx may repeat rows and must be in range."""
    cdef Array source = contiguous(as_block(g))
    cdef Array index = contiguous(idx)
    cdef const int64_t *rows = <const int64_t *>N(index).arr.data
    cdef Py_ssize_t n = N(index).arr.size
    cdef Py_ssize_t m = ARR_SHAPE(N(target).arr)[1]
    cdef Py_ssize_t i, j
    cdef double *dst
    cdef const double *src
    if typenum_of(target) != NPY_DOUBLE or not N(target).arr.flags & ARR_CONTIGUOUS:
        np.add.at(export(target, NPY_ARRAY_WRITEABLE), ndarray_of(idx), ndarray_of(g))
        return 0
    src = <const double *>N(source).arr.data
    dst = <double *>N(target).arr.data
    for i in range(n):
        for j in range(m):
            dst[rows[i] * m + j] += src[i * m + j]
    return 0
