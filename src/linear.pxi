# Linear algebra: values of matmul, einsum, solve, inv, cholesky, logabsdet.
#
# Knows how to call BLAS and LAPACK through NumPy (a well-kept library beats our
# own); derivatives live in the table.  Fast because small products are computed
# by a loop of our own before a NumPy call would have parsed its arguments.

cdef enum:
    SMALL_PRODUCT = 4096          # multiply-adds up to which our own loop wins,
    SMALL_VECTOR = 1 << 18        # and where one of the matrices is a row or a column

cdef object LINALG_ERROR = np.linalg.LinAlgError


cdef void matrix_product(Py_ssize_t m, Py_ssize_t inner, Py_ssize_t n, const char *a,
                         Py_ssize_t ai, Py_ssize_t ak, const char *b, Py_ssize_t bk,
                         Py_ssize_t bj, double *c) noexcept nogil:
    """C = A B for matrices of float64 of any strides; C is contiguous."""
    cdef Py_ssize_t i, j, k
    cdef double s
    if n == 1 and ak == sizeof(double) and bk == sizeof(double):
        KERNELS.rows(m, inner, c, <const double *>a, ai, <const double *>b)
    elif n == 1 and ai == sizeof(double):
        KERNELS.columns(inner, m, c, <const double *>a, ak, <const double *>b, bk)
    elif bj == sizeof(double):
        for i in range(m):
            KERNELS.columns(inner, n, c + i * n, <const double *>b, bk,
                            <const double *>(a + i * ai), ak)
    elif m == 1 and ak == sizeof(double) and bk == sizeof(double):
        KERNELS.rows(n, inner, c, <const double *>b, bj, <const double *>a)
    else:
        for i in range(m):
            for j in range(n):
                s = 0.0
                for k in range(inner):
                    s += (<const double *>(a + i * ai + k * ak))[0] * (
                        <const double *>(b + k * bk + j * bj))[0]
                c[i * n + j] = s


cdef inline bint is_small_product(Py_ssize_t m, Py_ssize_t inner, Py_ssize_t n) noexcept nogil:
    """Is a loop of our own quicker than a call of BLAS through NumPy?"""
    if inner == 1:
        return True
    return m * inner * n <= (SMALL_VECTOR if m == 1 or n == 1 else SMALL_PRODUCT)


cdef Array value_matmul(Array a, list operands, object attrs):
    cdef Py_ssize_t shape[2]
    cdef Py_ssize_t inner
    cdef Array out
    cdef Array b = <Array>operands[1]
    cdef Arr *ra = N(a).arr
    cdef Arr *rb = N(b).arr
    if ra.ndim != 2 or rb.ndim != 2 or ra.typenum != NPY_DOUBLE or rb.typenum != NPY_DOUBLE:
        return wrap_result(np.matmul(ndarray_of(a), ndarray_of(b)))
    shape[0] = ARR_SHAPE(ra)[0]
    shape[1] = ARR_SHAPE(rb)[1]
    inner = ARR_SHAPE(ra)[1]
    out = new_array(2, shape, NPY_DOUBLE)          # pooled memory costs no page faults
    if not is_small_product(shape[0], inner, shape[1]):
        np.matmul(ndarray_of(a), ndarray_of(b), export(out, NPY_ARRAY_WRITEABLE))
        return out
    matrix_product(shape[0], inner, shape[1], ra.data, ARR_STRIDES(ra)[0], ARR_STRIDES(ra)[1],
                   rb.data, ARR_STRIDES(rb)[0], ARR_STRIDES(rb)[1], <double *>N(out).arr.data)
    return out


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
