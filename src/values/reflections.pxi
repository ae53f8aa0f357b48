# Q R = A by reflections, of float64 matrices with as many rows as columns at least, by rows.
#
# Knows steps between rows in bytes, and how to pack both factors into a vector; it must not know
# nodes.  As in factors.pxi nearly all the work is done by our own products: columns are halved down
# to blocks of eight, and up to REFLECTED reflections act together, as I - V T V.T (Schreiber and
# Van Loan, SIAM J. Sci. Stat. Comput. 10 (1989) 53; Elmroth and Gustavson, IBM J. Res. Dev. 44
# (2000) 605).  V has its zeros and ones where R would be, so that it is an operand as it lies.

cdef enum:
    REFLECTED = 64
    BY_REFLECTION = REFLECTED * NUMBER      # from a row of T to the next

# A matrix on its way: vectors, R, the triangles T of all blocks one below the other, and room for
# two products of REFLECTED rows.
cdef struct Reflections:
    Py_ssize_t m, n
    char *v
    char *r
    char *t
    char *room


cdef inline char *triangle_at(const Reflections *f, Py_ssize_t at) noexcept nogil:
    """T of the reflections from number `at` on."""
    return f.t + at * BY_REFLECTION + at % REFLECTED * NUMBER


cdef bint apply_reflections(const Reflections *f, Py_ssize_t at, Py_ssize_t k, Py_ssize_t n,
                            bint turned, char *c) noexcept nogil:
    """C - V T V.T C (or T.T, if turned), of k reflections from number `at` on, for n columns of
    rows that begin with that number."""
    cdef Py_ssize_t step = f.n * NUMBER, width = n * NUMBER, rows = f.m - at
    cdef const char *v = f.v + at * (step + NUMBER)
    cdef char *second = f.room + k * width
    return set_product(k, rows, n, v, NUMBER, step, c, step, f.room, width) and set_product(
        k, k, n, triangle_at(f, at), NUMBER if turned else BY_REFLECTION,
        BY_REFLECTION if turned else NUMBER, f.room, width, second, width
    ) and subtract_product(rows, k, n, v, step, NUMBER, second, width, c, step)


cdef bint join_reflections(const Reflections *f, Py_ssize_t at, Py_ssize_t k,
                           Py_ssize_t n) noexcept nogil:
    """T of k reflections and the n after them, from T of each: - T1 V1.T V2 T2 beside those."""
    cdef Py_ssize_t step = f.n * NUMBER, width = n * NUMBER
    cdef const char *v = f.v + (at + k) * step + at * NUMBER
    cdef char *second = f.room + k * width
    return set_product(k, f.m - at - k, n, v, NUMBER, step, v + k * NUMBER, step, f.room, width) \
        and set_product(k, n, n, f.room, width, NUMBER, triangle_at(f, at + k), BY_REFLECTION,
                        second, width) \
        and subtract_product(k, k, n, triangle_at(f, at), BY_REFLECTION, NUMBER, second, width,
                             triangle_at(f, at) + k * NUMBER, BY_REFLECTION)


cdef bint factor_columns(const Reflections *f, Py_ssize_t at, Py_ssize_t n) noexcept nogil:
    """Reflections for n columns from number `at` on; False where LAPACK shall decide."""
    cdef Py_ssize_t step = f.n * NUMBER, half = REFLECTED if n > REFLECTED else half_of(n), i
    cdef char *v = f.v + at * (step + NUMBER)
    cdef char *r = f.r + at * (step + NUMBER)
    cdef char *right = v + half * NUMBER
    if n <= FACTOR_BLOCK:
        return KERNELS.reflect(f.m - at, n, v, step, r, triangle_at(f, at), BY_REFLECTION)
    if not (factor_columns(f, at, half)
            and apply_reflections(f, at, half, n - half, True, right)):
        return False
    for i in range(half):
        memcpy(r + i * step + half * NUMBER, right + i * step, (n - half) * NUMBER)
        memset(right + i * step, 0, (n - half) * NUMBER)
    return factor_columns(f, at + half, n - half) and (
        n > REFLECTED or join_reflections(f, at, half, n - half))


cdef bint factor_orthogonal(const Reflections *f, char *q) noexcept nogil:
    """The vectors become those of A's reflections, and Q and R (of zeros) are set."""
    cdef Py_ssize_t step = f.n * NUMBER, i, at = (f.n - 1) // REFLECTED * REFLECTED
    if not factor_columns(f, 0, f.n):
        return False
    memset(q, 0, f.m * step)
    for i in range(f.n):
        (<double *>(q + i * (step + NUMBER)))[0] = 1.0
    while at >= 0:
        i = f.n - at
        if not apply_reflections(f, at, i if i < REFLECTED else REFLECTED, i, False,
                                 q + at * (step + NUMBER)):
            return False
        at -= REFLECTED
    # What is not finite comes out in R, and so does what became too large.
    return fabs(KERNELS.row[ROW_SUM](f.n * f.n, <const double *>f.r)) <= FACTOR_LARGE


def reduced_qr(np.ndarray a):
    """Q and R of a float64 matrix, one behind the other in a vector of the pool's memory; None
    where NumPy shall compute them."""
    cdef Array packed, vectors, room
    cdef Reflections f
    cdef char *q
    cdef bint fine
    cdef Py_ssize_t shape[2]
    if KERNELS.reflect == NULL or np.PyArray_NDIM(a) != 2 or np.PyArray_TYPE(a) != NPY_DOUBLE \
            or not np.PyArray_DIM(a, 0) >= np.PyArray_DIM(a, 1) > 0:
        return None
    shape[0], shape[1] = np.PyArray_DIM(a, 0), np.PyArray_DIM(a, 1)
    f.m, f.n = shape[0], shape[1]
    vectors = new_array(2, shape, NPY_DOUBLE)
    shape[0] = (f.m + f.n) * f.n
    packed = new_array(1, shape, NPY_DOUBLE)
    shape[0] = 3 * f.n * REFLECTED
    room = new_array(1, shape, NPY_DOUBLE)
    f.v, f.t, q = N(vectors).arr.data, N(room).arr.data, N(packed).arr.data
    f.room = f.t + f.n * BY_REFLECTION
    f.r = q + f.m * f.n * NUMBER
    copy_rows(f.m, f.n, <double *>f.v, f.n, np.PyArray_BYTES(a), np.PyArray_STRIDE(a, 0),
              np.PyArray_STRIDE(a, 1))
    memset(f.t, 0, f.n * BY_REFLECTION)
    memset(f.r, 0, f.n * f.n * NUMBER)
    prepare_products()
    with nogil:
        fine = factor_orthogonal(&f, q)
    return export(packed, NPY_ARRAY_WRITEABLE) if fine else None
