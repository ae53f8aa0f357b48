# Factorisations of float64 matrices by rows: P A = L U and R.T R, and systems with triangles.
#
# Knows steps between rows in bytes; it must not know nodes or NumPy.  Everything is halved until
# blocks of eight are left for the kernels (Toledo, SIAM J. Matrix Anal. Appl. 18 (1997) 1065;
# Elmroth et al., SIAM Review 46 (2004) 3), so that nearly all the work is done by our own matrix
# products: NumPy's LAPACK spends most of such a call in triangular solves at a quarter of that
# speed.  One kernel solves for every kind of triangle: an upper one is a lower one read backward.

cdef enum:
    NUMBER = 8                    # bytes of a float64
    SWAPPED_COLUMNS = 512
    WHOLE_TRIANGLE = 48           # rows up to which both halves of a symmetric product are computed

# A triangle and what it is of: strides in bytes, which may be negative.
cdef struct Triangle:
    const char *data
    Py_ssize_t by_row, by_column  # from a row to the next, from a column to the next
    bint unit                     # ones stand for the diagonal


cdef inline Py_ssize_t half_of(Py_ssize_t n) noexcept nogil:
    """About half of more than FACTOR_BLOCK rows, in whole blocks."""
    return (n + FACTOR_BLOCK) // (2 * FACTOR_BLOCK) * FACTOR_BLOCK


cdef bint subtract_product(Py_ssize_t m, Py_ssize_t k, Py_ssize_t n, const char *a, Py_ssize_t ai,
                           Py_ssize_t ak, const char *b, Py_ssize_t bk, char *c,
                           Py_ssize_t ci) noexcept nogil:
    """C - A B for rows of B and C; False if there is no memory to pack operands in."""
    return set_product(m, k, n, a, ai, ak, b, bk, c, ci, True)


cdef bint set_product(Py_ssize_t m, Py_ssize_t k, Py_ssize_t n, const char *a, Py_ssize_t ai,
                      Py_ssize_t ak, const char *b, Py_ssize_t bk, char *c, Py_ssize_t ci,
                      bint subtracts=False) noexcept nogil:
    """A B in C, or what that leaves of it."""
    cdef Products s
    s.first = MatrixProduct(m=m, k=k, n=n, a=a, ai=ai, ak=ak, b=b, bk=bk, bj=NUMBER, c=c, ci=ci,
                            subtracts=subtracts)
    if <double>m * k * n < LONE_PRODUCT and not (product_packs_a(&s.first)
                                                 or product_packs_b(&s.first)):
        KERNELS.product(&s.first, NULL)
        return True
    s.ndim = 2
    s.a = s.b = NULL
    s.count = 1
    s.next = 0
    s.tiled = True
    return run_products(&s, product_threads)


cdef bint solve_lower(const Triangle *t, Py_ssize_t rows, Py_ssize_t n, char *b,
                      Py_ssize_t bi) noexcept nogil:
    """B, of n columns in rows that are bi bytes apart, becomes the solution X of T X = B."""
    cdef Py_ssize_t half
    cdef Triangle rest
    if rows <= FACTOR_BLOCK:
        KERNELS.triangle(rows, n, t.data, t.by_row, t.by_column, t.unit, b, bi)
        return True
    half = half_of(rows)
    rest = t[0]
    rest.data += half * (t.by_row + t.by_column)
    return solve_lower(t, half, n, b, bi) and subtract_product(
        rows - half, half, n, t.data + half * t.by_row, t.by_row, t.by_column, b, bi,
        b + half * bi, bi
    ) and solve_lower(&rest, rows - half, n, b + half * bi, bi)


cdef bint solve_for_triangle(const Triangle *t, Py_ssize_t rows, char *b, Py_ssize_t bi,
                             bint backward) noexcept nogil:
    """The same where B is a triangle, too, whose zeros stay: a third of the work.  Backward, its
    columns are to be read in their other direction, as its rows are (by bi)."""
    cdef Py_ssize_t half, first, second
    cdef Triangle rest
    cdef char *below
    if rows <= FACTOR_BLOCK:
        KERNELS.triangle(rows, rows, t.data, t.by_row, t.by_column, t.unit, b, bi)
        return True
    half = half_of(rows)
    first = (rows - half) * NUMBER if backward else 0
    second = 0 if backward else half * NUMBER
    below = b + half * bi
    rest = t[0]
    rest.data += half * (t.by_row + t.by_column)
    return solve_for_triangle(t, half, b + first, bi, backward) and subtract_product(
        rows - half, half, half, t.data + half * t.by_row, t.by_row, t.by_column, b + first, bi,
        below + first, bi
    ) and solve_lower(&rest, rows - half, half, below + first, bi) and solve_for_triangle(
        &rest, rows - half, below + second, bi, backward)


cdef Triangle backward_triangle(const Triangle *t, Py_ssize_t rows) noexcept nogil:
    """An upper triangle as a lower one, from its last row and column to the first."""
    return Triangle(data=t.data + (rows - 1) * (t.by_row + t.by_column), by_row=-t.by_row,
                    by_column=-t.by_column, unit=t.unit)


cdef bint solve_upper(const Triangle *t, Py_ssize_t rows, Py_ssize_t n, char *b,
                      Py_ssize_t bi) noexcept nogil:
    """As solve_lower, for an upper triangle."""
    cdef Triangle turned = backward_triangle(t, rows)
    return solve_lower(&turned, rows, n, b + (rows - 1) * bi, -bi)


# ---------------------------------------------------------------- P A = L U

cdef void swap_rows(char *a, Py_ssize_t step, Py_ssize_t n, const int64_t *swaps,
                    Py_ssize_t count, bint backward) noexcept nogil:
    """Exchange row j with row swaps[j], of n columns, for all j in their order or backward."""
    cdef double kept[SWAPPED_COLUMNS]
    cdef Py_ssize_t j, k, part, start = 0
    cdef char *p
    cdef char *q
    while start < n:
        part = (n - start if n - start < SWAPPED_COLUMNS else SWAPPED_COLUMNS) * NUMBER
        for k in range(count):
            j = count - 1 - k if backward else k
            if swaps[j] != j:
                p = a + j * step
                q = a + swaps[j] * step
                memcpy(kept, p, part)
                memcpy(p, q, part)
                memcpy(q, kept, part)
        a += part
        start += SWAPPED_COLUMNS


cdef bint factor_rows(Py_ssize_t m, Py_ssize_t n, char *a, Py_ssize_t step,
                      int64_t *swaps) noexcept nogil:
    """P A = L U in place for m >= n; False where a pivot cannot be divided by."""
    cdef Py_ssize_t half, j
    cdef Triangle t
    cdef char *right
    if n <= FACTOR_BLOCK:
        return KERNELS.panel(m, n, a, step, swaps)
    half = half_of(n)
    right = a + half * NUMBER
    if not factor_rows(m, half, a, step, swaps):
        return False
    swap_rows(right, step, n - half, swaps, half, False)
    t = Triangle(data=a, by_row=step, by_column=NUMBER, unit=True)
    if not (solve_lower(&t, half, n - half, right, step)
            and subtract_product(m - half, half, n - half, a + half * step, step, NUMBER, right,
                                 step, right + half * step, step)
            and factor_rows(m - half, n - half, right + half * step, step, swaps + half)):
        return False
    swap_rows(a + half * step, step, half, swaps + half, n - half, False)
    for j in range(half, n):
        swaps[j] += half
    return True


cdef bint solve_factored(Py_ssize_t rows, const char *lu, const int64_t *swaps, bint turned,
                         Py_ssize_t n, char *b, Py_ssize_t bi) noexcept nogil:
    """B becomes the solution of A X = B, or of A.T X = B if turned, given the factors of A."""
    cdef Triangle lower, upper
    cdef Py_ssize_t step = rows * NUMBER
    if turned:
        lower = Triangle(data=lu, by_row=NUMBER, by_column=step, unit=False)
        upper = Triangle(data=lu, by_row=NUMBER, by_column=step, unit=True)
    else:
        lower = Triangle(data=lu, by_row=step, by_column=NUMBER, unit=True)
        upper = Triangle(data=lu, by_row=step, by_column=NUMBER, unit=False)
        swap_rows(b, bi, n, swaps, rows, False)
    if not (solve_lower(&lower, rows, n, b, bi) and solve_upper(&upper, rows, n, b, bi)):
        return False
    if turned:
        swap_rows(b, bi, n, swaps, rows, True)
    return True


# ---------------------------------------------------------------- R.T R

cdef bint factor_corner(Py_ssize_t n, char *a, Py_ssize_t step) noexcept nogil:
    """R.T R = A in place for a small upper triangle; False if A is not positive definite."""
    cdef Py_ssize_t i, j, k
    cdef double *p
    cdef double *q
    cdef double pivot
    for k in range(n):
        p = <double *>(a + k * step)
        if not FACTOR_SMALL <= p[k] <= FACTOR_LARGE:
            return False
        p[k] = c_sqrt(p[k])
        pivot = 1.0 / p[k]
        for j in range(k + 1, n):
            p[j] *= pivot
        for i in range(k + 1, n):
            q = <double *>(a + i * step)
            for j in range(i, n):
                q[j] -= p[i] * p[j]
    return True


cdef bint subtract_square(Py_ssize_t n, Py_ssize_t terms, const char *r, char *c,
                          Py_ssize_t step) noexcept nogil:
    """The upper half of C - R.T R for rows of R."""
    cdef Py_ssize_t half
    if n <= WHOLE_TRIANGLE:
        return subtract_product(n, terms, n, r, NUMBER, step, r, step, c, step)
    half = half_of(n)
    return subtract_square(half, terms, r, c, step) and subtract_product(
        half, terms, n - half, r, NUMBER, step, r + half * NUMBER, step, c + half * NUMBER, step
    ) and subtract_square(n - half, terms, r + half * NUMBER, c + half * (step + NUMBER), step)


cdef bint factor_definite(Py_ssize_t n, char *a, Py_ssize_t step) noexcept nogil:
    """R.T R = A in place in the upper triangle; False if A is not positive definite."""
    cdef Py_ssize_t half
    cdef Triangle t
    cdef char *right
    if n <= FACTOR_BLOCK:
        return factor_corner(n, a, step)
    half = half_of(n)
    right = a + half * NUMBER
    t = Triangle(data=a, by_row=NUMBER, by_column=step, unit=False)
    return factor_definite(half, a, step) and solve_lower(&t, half, n - half, right, step) \
        and subtract_square(n - half, half, right, right + half * step, step) \
        and factor_definite(n - half, right + half * step, step)
