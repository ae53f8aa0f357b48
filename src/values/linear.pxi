# Linear algebra: values of matmul, einsum, solve, inv, cholesky, logabsdet.
#
# Knows how to call BLAS and LAPACK through NumPy where no factorisation of our own
# is quicker (see products.pxi and factors.pxi); derivatives live in the table.
# Fast because the factors that a matrix had last are kept, so that a value and its
# derivatives share them, and because a triangle is found to be one.

cdef object LINALG_ERROR = np.linalg.LinAlgError


cdef Array value_matmul(Array a, list operands, object attrs):
    cdef Arr *ra = N(a).arr
    cdef Arr *rb = N(<Array>operands[1]).arr
    cdef Py_ssize_t shape[2]
    cdef Array out
    if ra.typenum == NPY_DOUBLE and rb.typenum == NPY_DOUBLE and ra.ndim == rb.ndim:
        if are_own_products(ra.ndim, ra.dims, rb.dims, ra.data == rb.data):
            out = own_products(ra, rb)
            if float_errors():
                told_value(out, np.matmul, (ndarray_of(a), ndarray_of(<Array>operands[1])))
            return out
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
        note_refusal(function, tuple(operands))
        shapes = ", ".join([str(shape_tuple(a)) for a in operands])
        text = f"{name}: {error} (operands of shape {shapes})"
        raise with_operands(LINALG_ERROR(text)) from None


# ---------------------------------------------------------------- factors that are kept

cdef enum:
    OWN_ROWS = 2                  # from where our factorisations are quicker than a NumPy call,
    KEPT_ROWS = 1024              # up to where factors are kept,
    LONE_ROWS = 64                # and from where it pays to release the GIL
    TURN_BLOCK = 16

# A matrix and its factors: a copy of it, L and U by rows, the exchanges of rows (as int64 numbers
# in the memory of an array), and the inverse, if it was asked for. Compared by value, which costs
# nothing beside a factorisation, so nothing has to be told when the matrix changes.
cdef list kept_factors = None

cdef double LOG_OF_2 = 0.6931471805599453


cdef inline bint is_own_matrix(Arr *r) noexcept nogil:
    """Is it a square matrix that our own factorisations are for?"""
    return r.ndim == 2 and r.typenum == NPY_DOUBLE and r.dims[0] == r.dims[1] >= OWN_ROWS \
        and KERNELS.panel != NULL


cdef void copy_rows(Py_ssize_t m, Py_ssize_t n, double *to, Py_ssize_t step, const char *source,
                    Py_ssize_t by_row, Py_ssize_t by_column) noexcept nogil:
    """A matrix of any strides, in bytes, as rows that are `step` numbers apart; by blocks where it
    lies by columns."""
    cdef Py_ssize_t i, j, start = 0, end
    if by_column == NUMBER:
        for i in range(m):
            memcpy(to + i * step, source + i * by_row, n * NUMBER)
        return
    while start < n:
        end = start + TURN_BLOCK if start + TURN_BLOCK < n else n
        for i in range(m):
            for j in range(start, end):
                to[i * step + j] = (<const double *>(source + i * by_row + j * by_column))[0]
        start = end


cdef Array matrix_copy(Arr *r):
    """A matrix in pooled memory of its own, by rows."""
    cdef Array out = new_array(2, ARR_SHAPE(r), NPY_DOUBLE)
    copy_rows(r.dims[0], r.dims[1], <double *>N(out).arr.data, r.dims[1], r.data, r.dims[2],
              r.dims[3])
    return out


cdef list factors_of(Arr *r, bint *turned):
    """Kept or new factors of a matrix, or of its transpose if that lies by rows; None where LAPACK
    shall decide, since a pivot is zero or not finite."""
    global kept_factors
    cdef Array rows, matrix, factors, swaps
    cdef Py_ssize_t n = r.dims[0]
    cdef Py_ssize_t nbytes = n * n * NUMBER
    cdef const char *data = r.data
    cdef bint fine
    turned[0] = r.dims[2] == NUMBER and r.dims[3] == n * NUMBER
    if not turned[0] and not r.flags & ARR_CONTIGUOUS:
        rows = matrix_copy(r)
        data = N(rows).arr.data
    if kept_factors is not None:
        matrix = kept_factors[0]
        if N(matrix).arr.size == n * n and memcmp(N(matrix).arr.data, data, nbytes) == 0:
            return kept_factors
    matrix = new_array(2, ARR_SHAPE(r), NPY_DOUBLE)
    factors = new_array(2, ARR_SHAPE(r), NPY_DOUBLE)
    swaps = new_array(1, ARR_SHAPE(r), NPY_DOUBLE)
    memcpy(N(matrix).arr.data, data, nbytes)
    memcpy(N(factors).arr.data, data, nbytes)
    if n < LONE_ROWS:
        fine = factor_rows(n, n, N(factors).arr.data, n * NUMBER, <int64_t *>N(swaps).arr.data)
    else:
        prepare_products()
        with nogil:
            fine = factor_rows(n, n, N(factors).arr.data, n * NUMBER,
                               <int64_t *>N(swaps).arr.data)
    if not fine:
        return None
    found = [matrix, factors, swaps, None]
    if n <= KEPT_ROWS:
        kept_factors = found
    return found


# ---------------------------------------------------------------- systems and inverses

cdef bint can_divide(const char *p, Py_ssize_t n, Py_ssize_t step) noexcept nogil:
    """Are all numbers of a diagonal neither zero nor out of the usual range?"""
    cdef Py_ssize_t i
    for i in range(n):
        if not FACTOR_SMALL <= fabs((<const double *>(p + i * step))[0]) <= FACTOR_LARGE:
            return False
    return True


cdef bint is_triangle(const char *p, Py_ssize_t n, Py_ssize_t by_row,
                      Py_ssize_t by_column) noexcept nogil:
    """Are there only zeros above the diagonal?"""
    cdef Py_ssize_t i, j
    for i in range(n):
        for j in range(i + 1, n):
            if (<const double *>(p + i * by_row + j * by_column))[0] != 0.0:
                return False
    return True


cdef bint solve_by_factors(list found, bint turned, Arr *x) noexcept:
    """The columns of x become solutions."""
    cdef const char *lu = N(<Array>found[1]).arr.data
    cdef const int64_t *swaps = <const int64_t *>N(<Array>found[2]).arr.data
    with nogil:
        return solve_factored(x.dims[0], lu, swaps, turned, x.dims[1], x.data, x.dims[2])


cdef bint solve_by_triangle(Arr *a, bint lower, Arr *x) noexcept nogil:
    """The same for a triangle."""
    cdef Triangle t = Triangle(data=a.data, by_row=a.dims[2], by_column=a.dims[3], unit=False)
    cdef Py_ssize_t n = a.dims[0], step = x.dims[2]
    cdef char *p = x.data
    if not lower:                                  # from here on it is a lower one, read backward
        t = backward_triangle(&t, n)
        p += (n - 1) * step
        step = -step
    if x.dims[1] == n and is_triangle(x.data, n, x.dims[2 if lower else 3],
                                      x.dims[3 if lower else 2]):
        return solve_for_triangle(&t, n, p, step, not lower)
    return solve_lower(&t, n, x.dims[1], p, step)


cdef Array own_solve(Arr *a, Arr *b):
    """The solution of a @ x = b for matrices; None where LAPACK shall decide."""
    cdef list found = None
    cdef bint turned = False, fine
    cdef bint lower = is_triangle(a.data, a.dims[0], a.dims[2], a.dims[3])
    cdef Array x
    if lower or is_triangle(a.data, a.dims[0], a.dims[3], a.dims[2]):
        if not can_divide(a.data, a.dims[0], a.dims[2] + a.dims[3]):
            return None
    else:
        found = factors_of(a, &turned)
        if found is None:
            return None
    x = matrix_copy(b)
    prepare_products()
    if found is not None:
        fine = solve_by_factors(found, turned, N(x).arr)
    else:
        with nogil:
            fine = solve_by_triangle(a, lower, N(x).arr)
    return x if fine else None


cdef Array value_solve(Array a, list operands, object attrs):
    cdef Arr *b = N(<Array>operands[1]).arr
    cdef Array x = None
    if is_own_matrix(N(a).arr) and b.typenum == NPY_DOUBLE and b.ndim == 2 \
            and b.dims[0] == N(a).arr.dims[0]:
        x = own_solve(N(a).arr, b)
    if x is not None:
        return x
    return wrap_result(linalg_call(np.linalg.solve, "solve", operands))


cdef Array own_inverse(Arr *a):
    """The inverse of a matrix; None where LAPACK shall decide."""
    cdef bint turned = False
    cdef list found = factors_of(a, &turned)
    cdef Py_ssize_t i, n = a.dims[0]
    cdef Array x
    cdef double *p
    if found is None:
        return None
    if found[3] is not None:
        a = N(<Array>found[3]).arr
        x = new_array(2, ARR_SHAPE(a), NPY_DOUBLE)
        copy_rows(n, n, <double *>N(x).arr.data, n, a.data, NUMBER if turned else n * NUMBER,
                  n * NUMBER if turned else NUMBER)
        return x
    x = new_array(2, ARR_SHAPE(a), NPY_DOUBLE)
    p = <double *>N(x).arr.data
    memset(p, 0, n * n * NUMBER)
    for i in range(n):
        p[i * n + i] = 1.0
    prepare_products()
    if not solve_by_factors(found, turned, N(x).arr):
        return None
    if n <= KEPT_ROWS:
        found[3] = contiguous_copy(apply_transpose(x, (1, 0)) if turned else x)
    return x


cdef Array value_inv(Array a, list operands, object attrs):
    cdef Array x = own_inverse(N(a).arr) if is_own_matrix(N(a).arr) else None
    return wrap_result(linalg_call(np.linalg.inv, "inv", [a])) if x is None else x


cdef Array value_cholesky(Array a, list operands, object attrs):
    cdef Arr *r = N(a).arr
    cdef Py_ssize_t i, j, n
    cdef Array turned, out
    cdef double *p
    cdef bint fine
    if is_own_matrix(r):
        n = r.dims[0]
        turned = new_array(2, ARR_SHAPE(r), NPY_DOUBLE)
        p = <double *>N(turned).arr.data
        copy_rows(n, n, p, n, r.data, r.dims[3], r.dims[2])   # LAPACK, too, reads the lower half
        prepare_products()
        with nogil:
            fine = factor_definite(n, <char *>p, n * NUMBER)
        if fine:
            out = new_array(2, ARR_SHAPE(r), NPY_DOUBLE)
            for i in range(n):
                for j in range(i):
                    p[i * n + j] = 0.0
            copy_rows(n, n, <double *>N(out).arr.data, n, <char *>p, NUMBER, n * NUMBER)
            return out
    return wrap_result(linalg_call(np.linalg.cholesky, "cholesky", [a]))


# ---------------------------------------------------------------- determinants

cdef bint own_determinant(Array a, double *fraction, int *exponent) except -1:
    """A determinant as fraction * 2**exponent, which cannot overflow, by factors of our own; False
    where LAPACK shall decide."""
    cdef bint turned = False
    cdef list found = factors_of(N(a).arr, &turned) if is_own_matrix(N(a).arr) else None
    cdef Py_ssize_t i, n = N(a).arr.dims[0]
    cdef int more = 0
    cdef const double *p
    cdef const int64_t *swaps
    if found is None:
        return False
    p = <const double *>N(<Array>found[1]).arr.data
    swaps = <const int64_t *>N(<Array>found[2]).arr.data
    fraction[0] = 1.0
    exponent[0] = 0
    for i in range(n):
        fraction[0] = frexp(fraction[0] * (p[i * n + i] if swaps[i] == i else -p[i * n + i]), &more)
        exponent[0] += more
    return True


cdef Array value_logabsdet(Array a, list operands, object attrs):
    cdef double fraction
    cdef int exponent
    if own_determinant(a, &fraction, &exponent):
        return scalar(c_log(fabs(fraction)) + exponent * LOG_OF_2)
    return wrap_result(linalg_call(np.linalg.slogdet, "slogdet", [a])[1])


cdef Array value_det(Array a, list operands, object attrs):
    cdef double fraction
    cdef int exponent
    if own_determinant(a, &fraction, &exponent):
        return scalar(c_ldexp(fraction, exponent))
    return wrap_result(linalg_call(np.linalg.det, "det", [a]))
