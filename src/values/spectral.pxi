# Eigenvalues and singular values, with vectors, of one float64 matrix.
#
# Knows where NumPy's LAPACK is; it must not know nodes, nor derivatives.  The reduction to two or
# three diagonals and the way back, which are products, are our own (condensed.pxi); the diagonals
# are LAPACK's by divide and conquer (dstedc and dbdsdc).  Where a routine or our kernels are
# missing, and for matrices whose numbers are out of the usual range, NumPy computes it all.

cdef extern from "lapack.h":
    bint cdiff_find_routines(const char *library, const char *const *names, int count,
                             void **found) noexcept nogil

# Hidden arguments behind the others are the lengths of strings, as Fortran has them.
ctypedef void (*stedc_fn)(
    const char *vectors, const int64_t *n, double *d, double *e, double *z, const int64_t *step,
    double *work, const int64_t *works, int64_t *iwork, const int64_t *iworks, int64_t *info,
    size_t) noexcept nogil
ctypedef void (*bdsdc_fn)(
    const char *uplo, const char *vectors, const int64_t *n, double *d, double *e, double *u,
    const int64_t *u_step, double *vt, const int64_t *vt_step, double *q, int64_t *iq,
    double *work, int64_t *iwork, int64_t *info, size_t, size_t) noexcept nogil

cdef enum:
    SPECTRAL_COLUMNS = 512        # beyond, threads of a BLAS read more of a matrix at a time
    ALIGNED_PARTS = 8
    NOT_SOUGHT = 0                # of LAPACK's routines
    MISSING
    FOUND

cdef int lapack_state = NOT_SOUGHT
cdef void *lapack_routines[2]


cdef bint has_lapack() except -1:
    """Are the routines for two and three diagonals there?"""
    global lapack_state
    cdef const char *names[2]
    cdef object file
    cdef bytes library
    if lapack_state == NOT_SOUGHT:
        lapack_state = MISSING
        names[0], names[1] = b"dstedc", b"dbdsdc"
        file = getattr(getattr(np.linalg, "_umath_linalg", None), "__file__", None)
        if file is not None:
            library = __import__("os").fsencode(file)
            if cdiff_find_routines(library, names, 2, lapack_routines):
                lapack_state = FOUND
    return lapack_state == FOUND


cdef bint is_for_us(np.ndarray a) except -1:
    """Is it a float64 matrix, not wide, of a size that we are quicker for?"""
    return KERNELS.symmetric != NULL and np.PyArray_NDIM(a) == 2 \
        and np.PyArray_TYPE(a) == NPY_DOUBLE \
        and np.PyArray_DIM(a, 0) >= np.PyArray_DIM(a, 1) > 1 \
        and np.PyArray_DIM(a, 1) <= SPECTRAL_COLUMNS and has_lapack()


cdef Array some_room(Py_ssize_t count, double **room):
    """Room for so many numbers and a few aligned parts."""
    cdef Array found
    count += ALIGNED_PARTS * CACHE_LINE // NUMBER
    found = new_array(1, &count, NPY_DOUBLE)
    room[0] = <double *>N(found).arr.data
    return found


cdef inline Py_ssize_t more_of(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return a if a > b else b


cdef bint eigen_of(Condensed *f, double *w, double *z, double *room) noexcept nogil:
    """The values, and the vectors in columns, of the matrix whose upper triangle is there."""
    cdef int64_t n = f.n, info = 0, works = 1 + 4 * n + n * n, iworks = 3 + 5 * n
    cdef double *work = room + n
    if not tridiagonalise(f, w, room):
        return False
    # What was the matrix takes the vectors of the diagonals, by columns.
    (<stedc_fn>lapack_routines[0])(b"I", &n, w, room, f.a, &n, work, &works,
                                   <int64_t *>(work + works), &iworks, &info, 1)
    copy_rows(n, n, z, n, <const char *>f.a, NUMBER, n * NUMBER)
    return info == 0 and reflect_rows(&f.left, n - 1, n, z, n, work)


def symmetric_eigen(np.ndarray a):
    """Eigenvalues and eigenvectors of a symmetric float64 matrix, whose lower triangle is read, one
    behind the other in a vector of the pool's memory; None where NumPy shall compute them."""
    cdef Array packed, kept
    cdef Condensed f
    cdef double *room
    cdef double *w
    cdef bint fine
    cdef Py_ssize_t n, size
    if not is_for_us(a) or np.PyArray_DIM(a, 0) != np.PyArray_DIM(a, 1):
        return None
    n = np.PyArray_DIM(a, 0)
    f.m = f.n = f.left.n = n
    f.step = f.left.step = row_step_of(n)
    size = n + n * n
    packed = new_array(1, &size, NPY_DOUBLE)
    kept = some_room((2 * n + 8 + PANEL) * f.step + n * PANEL
                     + more_of(n * (n + 10) + 4, n + 2 * PANEL * n), &room)
    f.a = aligned(&room, whole_vectors(n) * f.step)
    f.left.v = aligned(&room, n * f.step)
    f.q = aligned(&room, PANEL * f.step)
    memset(f.a, 0, (f.q - f.a) * NUMBER)
    f.left.t = aligned(&room, n * PANEL)
    copy_rows(n, n, f.a, f.step, np.PyArray_BYTES(a), np.PyArray_STRIDE(a, 1),
              np.PyArray_STRIDE(a, 0))
    w = <double *>N(packed).arr.data
    prepare_products()
    with nogil:
        fine = eigen_of(&f, w, w + n, room)
    return export(packed, NPY_ARRAY_WRITEABLE) if fine else None


cdef bint singular_of(Condensed *f, double *u, double *s, double *vt, double *room) noexcept nogil:
    """U, the singular values, and V transposed."""
    cdef int64_t n = f.n, info = 0
    cdef int64_t unused
    cdef double *v = room + n
    cdef double *work = v + n * n
    if not bidiagonalise(f, s, room):
        return False
    # Read by rows, the matrices that LAPACK gives by columns are U transposed and V.
    (<bdsdc_fn>lapack_routines[1])(b"U", b"I", &n, s, room, f.a, &n, v, &n, work, &unused, work,
                                   <int64_t *>(work + 3 * n * n + 4 * n), &info, 1, 1)
    copy_rows(n, n, u, n, <const char *>f.a, NUMBER, n * NUMBER)
    memset(u + n * n, 0, (f.m - n) * n * NUMBER)
    if not (info == 0 and reflect_rows(&f.left, n, n, u, n, work)
            and reflect_rows(&f.right, n - 1, n, v, n, work)):
        return False
    copy_rows(n, n, vt, n, <const char *>v, NUMBER, n * NUMBER)
    return True


def reduced_svd(np.ndarray a):
    """U, the singular values and V transposed of a float64 matrix with as many rows as columns at
    least, one behind the other in a vector; None where NumPy shall compute them."""
    cdef Py_ssize_t m, n
    cdef object qr, found
    if not is_for_us(a):
        return None
    m, n = np.PyArray_DIM(a, 0), np.PyArray_DIM(a, 1)
    if m < 11 * n // 6:           # LAPACK's bound, for the same signs
        return nearly_square_svd(a)
    qr = reduced_qr(a)
    found = None if qr is None else nearly_square_svd(qr[m * n:].reshape(n, n))
    if found is None:
        return None
    u = np.matmul(qr[:m * n].reshape(m, n), found[:n * n].reshape(n, n))
    return np.concatenate((u.reshape(-1), found[n * n:]))


cdef object nearly_square_svd(np.ndarray a):
    cdef Array packed, kept
    cdef Condensed f
    cdef double *room
    cdef double *u
    cdef bint fine
    cdef Py_ssize_t m, n, size
    f.m, f.n = np.PyArray_DIM(a, 0), np.PyArray_DIM(a, 1)
    m, n = f.m, f.n
    f.left.n, f.right.n = m, n
    f.left.step, f.step = row_step_of(m), row_step_of(n)
    f.right.step = f.step
    size = m * n + n + n * n
    packed = new_array(1, &size, NPY_DOUBLE)
    kept = some_room((m + n + PANEL) * f.step + (n + PANEL) * f.left.step + 2 * n * PANEL
                     + n * (n + 1) + more_of(n * (3 * n + 12), 2 * PANEL * n), &room)
    f.a = aligned(&room, m * f.step)
    f.left.v = aligned(&room, n * f.left.step)
    f.right.v = aligned(&room, n * f.step)
    f.q = aligned(&room, PANEL * f.step)
    f.r = aligned(&room, PANEL * f.left.step)
    f.left.t = aligned(&room, n * PANEL)
    f.right.t = aligned(&room, n * PANEL)
    copy_rows(m, n, f.a, f.step, np.PyArray_BYTES(a), np.PyArray_STRIDE(a, 0),
              np.PyArray_STRIDE(a, 1))
    u = <double *>N(packed).arr.data
    prepare_products()
    with nogil:
        fine = singular_of(&f, u, u + m * n, u + m * n + n, room)
    return export(packed, NPY_ARRAY_WRITEABLE) if fine else None
