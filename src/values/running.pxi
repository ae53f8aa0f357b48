# Running sums, linear recurrences and products of all others: their values.
#
# Knows strided memory and the layouts of reductions; derivatives live in the
# table.  Fast because contiguous float64 arrays go through loops of our own
# (running_loops.h), which do not let every element wait for the one before it
# where they need not; other layouts and types go to NumPy.

cdef extern from "loops/running_loops.h":
    void running_sums(int64_t rows, int64_t n, const double *p, double *out) noexcept nogil
    void running_sums_back(int64_t rows, int64_t n, const double *p, double *out) noexcept nogil
    void recurrence_row(const KernelTable *kernels, bint reverse, int64_t n, const double *a,
                        const double *b, double *out) noexcept nogil
    void recurrence_rows(bint reverse, int64_t n, int64_t inner, const double *a, const double *b,
                         double *out) noexcept nogil
    void pull_row(const KernelTable *kernels, bint reverse, int64_t n, const double *a,
                  const double *c, double *out) noexcept nogil
    void others_row(const KernelTable *kernels, int64_t n, const double *p,
                    double *out) noexcept nogil


cdef Array value_cumsum(Array a, list operands, object attrs):
    cdef Layout s
    cdef Array y
    cdef np.ndarray x
    cdef bint reverse = attrs[1]
    if typenum_of(a) == NPY_DOUBLE:
        a = contiguous(as_block(a))
        if find_layout(N(a).arr, (attrs[0],), &s):
            y = steal(fresh_like(N(a).arr))
            with nogil:
                cumsum_loop(&s, <double *>N(a).arr.data, <double *>N(y).arr.data, reverse)
            if float_errors():
                told_value(y, np.add.accumulate, (ndarray_of(a), attrs[0]))
            return y
    x = ndarray_of(a)
    if not reverse:
        return wrap_result(np.cumsum(x, axis=attrs[0]))
    return wrap_result(np.flip(np.cumsum(np.flip(x, attrs[0]), axis=attrs[0]), attrs[0]))


cdef void cumsum_loop(const Layout *s, const double *p, double *out, bint reverse) noexcept nogil:
    cdef Py_ssize_t i, j, at, step = -s.inner if reverse else s.inner
    if s.inner == 1:
        if reverse:
            running_sums_back(s.outer, s.n, p, out)
        else:
            running_sums(s.outer, s.n, p, out)
        return
    for i in range(s.outer):
        at = (s.n - 1) * s.inner if reverse else 0
        memcpy(out + at, p + at, s.inner * sizeof(double))
        for j in range(1, s.n):
            at += step
            KERNELS.value[OP_ADD](s.inner, out + at, out + at - step, p + at, 1, 1)
        p += s.n * s.inner
        out += s.n * s.inner


cdef Array value_linrec(Array a, list operands, object attrs):
    """t[j] = a[j] * t[j-1] + b[j] along an axis (from the end, if reverse)."""
    cdef Layout s
    cdef Array y, b = <Array>operands[1]
    cdef np.ndarray p, q
    cdef bint reverse = attrs[1]
    if typenum_of(a) != NPY_DOUBLE or typenum_of(b) != NPY_DOUBLE or not same_shape(a, b):
        p, q = np.broadcast_arrays(ndarray_of(a), ndarray_of(b))
        dtype = np.result_type(p, q)
        if dtype.kind == "c":
            return wrap_result(complex_linrec(p, q, attrs[0], reverse, dtype))
        a, b = wrap_ndarray(p.astype(np.float64)), wrap_ndarray(q.astype(np.float64))
        return wrap_result(ndarray_of(value_linrec(a, [a, b], attrs)).astype(dtype, copy=False))
    a, b = contiguous(as_block(a)), contiguous(as_block(b))
    y = steal(fresh_like(N(b).arr))
    if find_layout(N(y).arr, (attrs[0],), &s):
        with nogil:
            linrec_loop(&s, <double *>N(a).arr.data, <double *>N(b).arr.data,
                        <double *>N(y).arr.data, reverse)
        if float_errors():  # a function has running products only; other ones are of sweeps
            told_value(y, np.multiply.accumulate, (ndarray_of(a), attrs[0]))
    return y


cdef object complex_linrec(object a, object b, Py_ssize_t axis, bint reverse, object dtype):
    """The same, one step for all rows at a time."""
    cdef object out = np.array(b, dtype)
    cdef object t = np.moveaxis(out, axis, 0), factors = np.moveaxis(a, axis, 0)
    if reverse:
        t, factors = t[::-1], factors[::-1]
    for j in range(1, len(t)):
        t[j] += factors[j] * t[j - 1]
    return out


cdef void linrec_loop(const Layout *s, const double *a, const double *b, double *out,
                      bint reverse) noexcept nogil:
    cdef Py_ssize_t i, step = s.n * s.inner
    for i in range(s.outer):
        if s.inner == 1:
            recurrence_row(KERNELS, reverse, s.n, a, b, out)
        else:
            recurrence_rows(reverse, s.n, s.inner, a, b, out)
        a += step
        b += step
        out += step


cdef Array fused_linrec_pull(Array a, Array c, object axis, object reverse):
    """Along the last axis without a copy of `a` that is shifted by one."""
    cdef Array y
    cdef Py_ssize_t i, n
    cdef bint backward = reverse
    if typenum_of(a) != NPY_DOUBLE or typenum_of(c) != NPY_DOUBLE or not same_shape(a, c) \
            or <Py_ssize_t>axis != ndim_of(a) - 1 or size_of(a) == 0:
        y = value_slice(a, None, (part(shape_of(a), axis, reverse),))
        y = value_embed(y, None, (shape_of(a), part(shape_of(a), axis, not reverse)))
        return value_linrec(y, [y, c], (axis, not reverse))
    a, c = contiguous(a), contiguous(c)
    y = steal(fresh_like(N(c).arr))
    n = ARR_SHAPE(N(c).arr)[<Py_ssize_t>axis]
    with nogil:
        for i in range(N(c).arr.size // n):
            pull_row(KERNELS, backward, n, <double *>N(a).arr.data + i * n,
                     <double *>N(c).arr.data + i * n, <double *>N(y).arr.data + i * n)
    return y


cdef Array fused_times_shifted(Array c, Array x, object axis, object back):
    """Along the last axis without a copy of `x` that is shifted by one."""
    cdef Array y
    cdef Py_ssize_t i, n, skipped = 1 if back else 0
    cdef double *out
    if typenum_of(c) != NPY_DOUBLE or typenum_of(x) != NPY_DOUBLE or not same_shape(c, x) \
            or <Py_ssize_t>axis != ndim_of(c) - 1 or size_of(c) == 0:
        y = value_slice(x, None, (part(shape_of(x), axis, back),))
        return ew2(OP_ZMUL, c, value_embed(y, None, (shape_of(x),
                                                     part(shape_of(x), axis, not back))))
    c, x = contiguous(c), contiguous(x)
    y = steal(fresh_like(N(c).arr))
    out = <double *>N(y).arr.data
    n = ARR_SHAPE(N(c).arr)[<Py_ssize_t>axis]
    for i in range(0, N(c).arr.size, n):
        KERNELS.value[OP_ZMUL](n - 1, out + i + skipped, numbers_of(c) + i + skipped,
                               numbers_of(x) + i + 1 - skipped, 1, 1)
        out[i if back else i + n - 1] = 0.0
    return y


cdef Array fused_others_product(Array m):
    """Products of all other elements of each row, by running products from both sides."""
    cdef Array source, y
    if holds_complex(m):
        return wrap_result(complex_others(ndarray_of(m)))
    source = contiguous(apply_cast(innermost(m), NPY_DOUBLE))
    y = new_array(2, ARR_SHAPE(N(source).arr), NPY_DOUBLE)
    with nogil:
        others_loop(N(source).arr, <double *>N(y).arr.data)
    return apply_cast(y, typenum_of(innermost(m)))


cdef object complex_others(np.ndarray m):
    cdef object before = np.ones_like(m), after = np.ones_like(m)
    np.cumprod(m[:, :-1], axis=1, out=before[:, 1:])
    np.cumprod(m[:, :0:-1], axis=1, out=after[:, -2::-1])
    return before * after


cdef void others_loop(const Arr *r, double *out) noexcept nogil:
    cdef const double *p = <const double *>r.data
    cdef Py_ssize_t i, n = r.dims[1]
    for i in range(r.dims[0]):
        others_row(KERNELS, n, p + i * n, out + i * n)
