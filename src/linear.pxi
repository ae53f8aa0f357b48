# Linear algebra: values of matmul, einsum, solve, inv, cholesky, logabsdet.
#
# Knows how to call BLAS and LAPACK through NumPy (a well-kept library beats our
# own); derivatives live in the table.  Fast because small products are computed
# by a loop of our own before a NumPy call would have parsed its arguments.

cdef enum:
    SMALL_PRODUCT = 4096          # multiply-adds below which our own loop wins

cdef object LINALG_ERROR = np.linalg.LinAlgError


cdef Array small_matmul(Arr *a, Arr *b):
    """C = A B for small two-dimensional float64 operands of any strides."""
    cdef Py_ssize_t shape[2]
    cdef Py_ssize_t i, j, k, m = ARR_SHAPE(a)[0], n = ARR_SHAPE(b)[1], inner = ARR_SHAPE(a)[1]
    cdef Py_ssize_t ai = ARR_STRIDES(a)[0], ak = ARR_STRIDES(a)[1]
    cdef Py_ssize_t bk = ARR_STRIDES(b)[0], bj = ARR_STRIDES(b)[1]
    cdef const char *pa
    cdef const char *pb
    cdef double s
    cdef double *c
    cdef Array out
    shape[0] = m
    shape[1] = n
    out = new_array(2, shape, NPY_DOUBLE)
    c = <double *>N(out).arr.data
    for i in range(m):
        for j in range(n):
            pa = a.data + i * ai
            pb = b.data + j * bj
            s = 0.0
            for k in range(inner):
                s += (<const double *>pa)[0] * (<const double *>pb)[0]
                pa += ak
                pb += bk
            c[i * n + j] = s
    return out


cdef Array outer_product(Arr *a, Arr *b):
    """A column times a row, which BLAS is slow at."""
    cdef Py_ssize_t shape[2]
    cdef Array out
    shape[0] = ARR_SHAPE(a)[0]
    shape[1] = ARR_SHAPE(b)[1]
    out = new_array(2, shape, NPY_DOUBLE)
    with nogil:
        outer_loop(a, b, <double *>N(out).arr.data)
    return out


cdef void outer_loop(const Arr *a, const Arr *b, double *out) noexcept nogil:
    cdef Py_ssize_t i, n = ARR_SHAPE(b)[1]
    for i in range(ARR_SHAPE(a)[0]):
        KERNELS.value[OP_MULTIPLY](n, out + i * n, <double *>b.data,
                                   <double *>(a.data + i * ARR_STRIDES(a)[0]), 1, 0)


cdef Array value_matmul(Array a, list operands, object attrs):
    cdef Py_ssize_t shape[2]
    cdef Array out
    cdef Array b = <Array>operands[1]
    cdef Arr *ra = N(a).arr
    cdef Arr *rb = N(b).arr
    if (ra.ndim == 2 and rb.ndim == 2 and ra.typenum == NPY_DOUBLE and rb.typenum == NPY_DOUBLE
            and ARR_SHAPE(ra)[0] * ARR_SHAPE(ra)[1] * ARR_SHAPE(rb)[1] <= SMALL_PRODUCT):
        return small_matmul(ra, rb)
    if (ra.ndim == 2 and rb.ndim == 2 and ARR_SHAPE(ra)[1] == 1 and ra.typenum == NPY_DOUBLE
            and rb.typenum == NPY_DOUBLE):
        b = contiguous(b)
        return outer_product(ra, N(b).arr)
    if ra.ndim == 2 and rb.ndim == 2 and ra.typenum == NPY_DOUBLE and rb.typenum == NPY_DOUBLE:
        shape[0] = ARR_SHAPE(ra)[0]
        shape[1] = ARR_SHAPE(rb)[1]
        out = new_array(2, shape, NPY_DOUBLE)      # pooled memory costs no page faults
        np.matmul(ndarray_of(a), ndarray_of(b), export(out, NPY_ARRAY_WRITEABLE))
        return out
    return wrap_result(np.matmul(ndarray_of(a), ndarray_of(b)))


cdef Array value_einsum(Array a, list operands, object attrs):
    return wrap_result(np.einsum(attrs[0], *[ndarray_of(a) for a in operands],
                                 optimize=len(operands) > 2))


cdef object linalg_call(object function, str name, list operands):
    try:
        return function(*[ndarray_of(a) for a in operands])
    except LINALG_ERROR as error:
        shapes = ", ".join([str(shape_tuple(a)) for a in operands])
        raise LINALG_ERROR(f"{name}: {error} (operands of shape {shapes})") from None


cdef Array value_solve(Array a, list operands, object attrs):
    return wrap_result(linalg_call(np.linalg.solve, "solve", operands))


cdef Array value_inv(Array a, list operands, object attrs):
    return wrap_result(linalg_call(np.linalg.inv, "inv", [a]))


cdef Array value_cholesky(Array a, list operands, object attrs):
    return wrap_result(linalg_call(np.linalg.cholesky, "cholesky", [a]))


cdef Array value_logabsdet(Array a, list operands, object attrs):
    return wrap_result(linalg_call(np.linalg.slogdet, "slogdet", [a])[1])


cdef Array value_det(Array a, list operands, object attrs):
    return wrap_result(linalg_call(np.linalg.det, "det", [a]))
