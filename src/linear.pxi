# Linear algebra: values of matmul, einsum, solve, inv, cholesky, logabsdet.
#
# Knows how to call BLAS and LAPACK through NumPy (a well-kept library beats our
# own, but for products, see products.pxi); derivatives live in the table.  Fast
# as they are.

cdef object LINALG_ERROR = np.linalg.LinAlgError


cdef Array value_matmul(Array a, list operands, object attrs):
    cdef Arr *ra = N(a).arr
    cdef Arr *rb = N(<Array>operands[1]).arr
    cdef Py_ssize_t shape[2]
    cdef Array out
    if ra.typenum == NPY_DOUBLE and rb.typenum == NPY_DOUBLE and ra.ndim == rb.ndim:
        if are_own_products(ra.ndim, ra.dims, rb.dims, ra.data == rb.data):
            return own_products(ra, rb)
        if ra.ndim == 2:                           # pooled memory costs no page faults
            shape[0] = ARR_SHAPE(ra)[0]
            shape[1] = ARR_SHAPE(rb)[1]
            out = new_array(2, shape, NPY_DOUBLE)
            np.matmul(ndarray_of(a), ndarray_of(<Array>operands[1]),
                      export(out, NPY_ARRAY_WRITEABLE))
            return out
    return wrap_result(np.matmul(ndarray_of(a), ndarray_of(<Array>operands[1])))


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
