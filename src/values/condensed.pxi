# Condensed forms: Q T Q.T of a symmetric matrix, with three diagonals, and Q B P.T, with two.
#
# Knows rows of doubles; it must not know nodes, nor what becomes of the diagonals.  The columns are
# reflected one by one, but of a panel of them the matrix is spared the outer products: it is A -
# P.T Q - R.T S until a product settles them, and its own part in each step is a product with one
# vector (Dongarra, Sorensen and Hammarling, J. Comput. Appl. Math. 27 (1989) 215; Van Zee et al.,
# ACM TOMS 39 (2012) 2).  Fast because a symmetric matrix is read by half, because all rows begin on
# cache lines, and because the products of the vectors, which the reflections of a panel need to act
# together as I - V.T T V, come with the steps.

cdef enum:
    PANEL = 16                    # reflections that act together
    UPPER_ROWS = 64               # rows of an upper triangle that are settled together
    CACHE_LINE = 64

# The reflections of one side: vectors in rows, as long as that side, and T.T of each panel.
cdef struct Reflectors:
    Py_ssize_t n                  # numbers of a vector,
    Py_ssize_t step               # and to the next one
    double *v
    double *t

# A matrix by rows, and the outer products that are still to be subtracted from it.
cdef struct Condensed:
    Py_ssize_t m, n
    Py_ssize_t step               # numbers from a row to the next
    double *a
    Reflectors left               # P of a panel is some of these,
    Reflectors right              # and S is some of these
    double *q                     # rows of n,
    double *r                     # and of m, numbers
    double dots[2 * PANEL]


cdef inline Py_ssize_t whole_vectors(Py_ssize_t n) noexcept nogil:
    return (n + 7) // 8 * 8


cdef inline Py_ssize_t row_step_of(Py_ssize_t n) noexcept nogil:
    """Numbers from a row of n to the next, all of which begin on cache lines; no whole pages, since
    lines that are pages apart drive each other out of a cache."""
    n = whole_vectors(n)
    return n + 8 if n * NUMBER % <Py_ssize_t>PAGE == 0 else n


cdef double *aligned(double **room, Py_ssize_t count) noexcept nogil:
    """Take the next numbers of some room, from a cache line on."""
    cdef double *found = <double *>((<size_t>room[0] + CACHE_LINE - 1) & ~<size_t>(CACHE_LINE - 1))
    room[0] = found + count
    return found


cdef void subtract_rows(Py_ssize_t count, Py_ssize_t n, const double *rows, Py_ssize_t step,
                        const double *f, Py_ssize_t gap, double *x) noexcept nogil:
    """x -= f R, for n numbers of `count` rows, and as many factors, `gap` numbers apart."""
    KERNELS.columns(count, n, x, rows, step * NUMBER, f, gap * NUMBER, -1)


cdef bint reflection(Py_ssize_t n, double *x, double *tau, double *last) noexcept nogil:
    """x becomes the vector v, which begins with 1, of the reflection I - tau v v.T that leaves one
    number of it, of LAPACK's sign; False where a square may be out of range, or is no number."""
    cdef double first = x[0], rest = KERNELS.row[ROW_SQUARES](n - 1, x + 1) if n > 1 else 0.0
    cdef double square = first * first + rest, inverse
    cdef Py_ssize_t i
    x[0] = 1.0
    last[0] = first
    tau[0] = 0.0
    if not square <= FACTOR_LARGE:
        return False
    if rest < FACTOR_SMALL:       # nothing to reflect, if these are zeros and no small numbers
        for i in range(1, n):
            if x[i] != 0.0:
                return False
        return True
    last[0] = -c_copysign(c_sqrt(square), first)
    tau[0] = (last[0] - first) / last[0]
    inverse = 1.0 / (first - last[0])
    KERNELS.value[OP_MULTIPLY](n - 1, x + 1, x + 1, &inverse, 1, 0)
    return True


cdef void join_panel(const Reflectors *f, Py_ssize_t j, double tau,
                     const double *dots) noexcept nogil:
    """The row of T.T for reflection j, of which `dots` has the products with those before it."""
    cdef Py_ssize_t k = j % PANEL
    cdef double *row = f.t + j * PANEL
    memset(row, 0, PANEL * NUMBER)
    subtract_rows(k, k, row - k * PANEL, PANEL, dots, 1, row)
    KERNELS.value[OP_MULTIPLY](k, row, row, &tau, 1, 0)
    row[k] = tau


cdef bint settle_panel(Py_ssize_t m, Py_ssize_t n, const double *p, Py_ssize_t p_step,
                       const double *q, Py_ssize_t q_step, double *a,
                       Py_ssize_t step) noexcept nogil:
    """A - P.T Q, of a whole panel."""
    return subtract_product(m, PANEL, n, <const char *>p, NUMBER, p_step * NUMBER,
                            <const char *>q, q_step * NUMBER, <char *>a, step * NUMBER)


# ---------------------------------------------------------------- symmetric: P = S = V, Q = R = W

cdef bint tridiagonal_step(Condensed *f, Py_ssize_t j, double *d, double *e) noexcept nogil:
    """Column j: numbers d[j] and e[j], and rows of V and W."""
    cdef Py_ssize_t k = j % PANEL, n = f.n - j - 1, step = f.step, after = j + 1
    cdef double *v = f.left.v + j * step
    cdef double *w = f.q + k * step
    cdef const double *vs = f.left.v + (j - k) * step
    cdef double tau, half
    memcpy(v + j, f.a + j * step + j, (n + 1) * NUMBER)
    subtract_rows(k, n + 1, f.q + j, step, vs + j, step, v + j)
    subtract_rows(k, n + 1, vs + j, step, f.q + j, step, v + j)
    d[j] = v[j]
    v[j] = 0.0
    if n == 0:
        return True
    if not reflection(n, v + after, &tau, &e[j]):
        return False
    KERNELS.symmetric(after, whole_vectors(f.n), <const char *>f.a, step * NUMBER, v, w)
    KERNELS.rows(k, n, f.dots, vs + after, step * NUMBER, v + after)
    KERNELS.rows(k, n, f.dots + PANEL, f.q + after, step * NUMBER, v + after)
    join_panel(&f.left, j, tau, f.dots)
    subtract_rows(k, n, f.q + after, step, f.dots, 1, w + after)
    subtract_rows(k, n, vs + after, step, f.dots + PANEL, 1, w + after)
    KERNELS.value[OP_MULTIPLY](n, w + after, w + after, &tau, 1, 0)
    KERNELS.rows(1, n, &half, w + after, step * NUMBER, v + after)
    half *= 0.5 * tau
    subtract_rows(1, n, v + after, step, &half, 1, w + after)
    return True


cdef bint settle_upper(Condensed *f, Py_ssize_t at) noexcept nogil:
    """The upper triangle of what is left from number `at` on, after a panel."""
    cdef Py_ssize_t step = f.step, i = at, rows
    cdef const double *v = f.left.v + (at - PANEL) * step
    cdef double *a
    while i < f.n:
        rows = f.n - i if f.n - i < UPPER_ROWS else UPPER_ROWS
        a = f.a + i * step + i
        if not (settle_panel(rows, f.n - i, v + i, step, f.q + i, step, a, step)
                and settle_panel(rows, f.n - i, f.q + i, step, v + i, step, a, step)):
            return False
        i += rows
    return True


cdef bint tridiagonalise(Condensed *f, double *d, double *e) noexcept nogil:
    """The three diagonals of a symmetric matrix, of which the upper triangle is read; False where
    LAPACK shall decide."""
    cdef Py_ssize_t j
    for j in range(f.n):
        if not tridiagonal_step(f, j, d, e):
            return False
        if (j + 1) % PANEL == 0 and not settle_upper(f, j + 1):
            return False
    return True


# ---------------------------------------------------------------- any: A - V.T Q - R.T U

cdef bint column_step(Condensed *f, Py_ssize_t j, double *d) noexcept nogil:
    """Column j: a number d[j], and rows of V and Q."""
    cdef Py_ssize_t k = j % PANEL, m = f.m - j, n = f.n - j - 1, after = j + 1
    cdef Py_ssize_t long_ = f.left.step, step = f.step
    cdef double *v = f.left.v + j * long_
    cdef double *q = f.q + k * step
    cdef const double *vs = f.left.v + (j - k) * long_
    cdef const double *us = f.right.v + (j - k) * step
    cdef Py_ssize_t begin
    cdef double tau
    if k == 0:                    # the columns of the panel, each line of the cache once
        copy_rows(PANEL if PANEL < f.n - j else f.n - j, m, v + j, long_,
                  <const char *>(f.a + j * step + j), NUMBER, step * NUMBER)
    memset(v + j - k, 0, k * NUMBER)
    subtract_rows(k, m, vs + j, long_, f.q + j, step, v + j)
    subtract_rows(k, m, f.r + j, long_, us + j, step, v + j)
    if not reflection(m, v + j, &tau, &d[j]):
        return False
    KERNELS.rows(k, m, f.dots, vs + j, long_ * NUMBER, v + j)
    KERNELS.rows(k, m, f.dots + PANEL, f.r + j, long_ * NUMBER, v + j)
    join_panel(&f.left, j, tau, f.dots)
    if n:
        begin = after // 8 * 8
        KERNELS.columns(m, f.n - begin, q + begin, f.a + j * step + begin, step * NUMBER, v + j,
                        NUMBER, 0)
        subtract_rows(k, n, f.q + after, step, f.dots, 1, q + after)
        subtract_rows(k, n, us + after, step, f.dots + PANEL, 1, q + after)
        KERNELS.value[OP_MULTIPLY](n, q + after, q + after, &tau, 1, 0)
    return True


cdef bint row_step(Condensed *f, Py_ssize_t j, double *e) noexcept nogil:
    """Row j, after its column: a number e[j], and rows of U and R."""
    cdef Py_ssize_t k = j % PANEL, m = f.m - j - 1, n = f.n - j - 1, after = j + 1
    cdef Py_ssize_t long_ = f.left.step, step = f.step
    cdef double *u = f.right.v + j * step
    cdef double *r = f.r + k * long_
    cdef const double *vs = f.left.v + (j - k) * long_
    cdef const double *us = f.right.v + (j - k) * step
    cdef Py_ssize_t begin
    cdef double tau
    if n == 0:
        return True
    memset(u + j - k, 0, (k + 1) * NUMBER)
    memcpy(u + after, f.a + j * step + after, n * NUMBER)
    subtract_rows(k + 1, n, f.q + after, step, vs + j, long_, u + after)
    subtract_rows(k, n, us + after, step, f.r + j, long_, u + after)
    if not reflection(n, u + after, &tau, &e[j]):
        return False
    KERNELS.rows(k + 1, n, f.dots + PANEL, f.q + after, step * NUMBER, u + after)
    KERNELS.rows(k, n, f.dots, us + after, step * NUMBER, u + after)
    join_panel(&f.right, j, tau, f.dots)
    begin = after // 8 * 8
    KERNELS.rows(m, f.n - begin, r + after, f.a + after * step + begin, step * NUMBER, u + begin)
    subtract_rows(k + 1, m, vs + after, long_, f.dots + PANEL, 1, r + after)
    subtract_rows(k, m, f.r + after, long_, f.dots, 1, r + after)
    KERNELS.value[OP_MULTIPLY](m, r + after, r + after, &tau, 1, 0)
    return True


cdef bint settle_rest(Condensed *f, Py_ssize_t at) noexcept nogil:
    """What is left from row and column number `at` on, after a panel."""
    cdef Py_ssize_t long_ = f.left.step, step = f.step, first = at - PANEL
    cdef const double *v = f.left.v + first * long_ + at
    cdef const double *u = f.right.v + first * step + at
    cdef double *a = f.a + at * step + at
    return settle_panel(f.m - at, f.n - at, v, long_, f.q + at, step, a, step) \
        and settle_panel(f.m - at, f.n - at, f.r + at, long_, u, step, a, step)


cdef bint bidiagonalise(Condensed *f, double *d, double *e) noexcept nogil:
    """The diagonal and the one above it of a matrix with as many rows as columns at least; False
    where LAPACK shall decide."""
    cdef Py_ssize_t j
    for j in range(f.n):
        if not (column_step(f, j, d) and row_step(f, j, e)):
            return False
        if (j + 1) % PANEL == 0 and j + 1 < f.n and not settle_rest(f, j + 1):
            return False
    return True


cdef bint reflect_rows(const Reflectors *f, Py_ssize_t count, Py_ssize_t n, double *c,
                       Py_ssize_t step, double *room) noexcept nogil:
    """C becomes H0 H1 ... C, for n columns; `room` is for two panels of them."""
    cdef Py_ssize_t at = (count - 1) // PANEL * PANEL, k
    cdef const char *v
    cdef const char *t
    cdef char *below
    cdef char *second
    while at >= 0:
        k = count - at if count - at < PANEL else PANEL
        v = <const char *>(f.v + at * f.step + at)
        t = <const char *>(f.t + at * PANEL)
        below = <char *>(c + at * step)
        second = <char *>(room + k * n)
        if not (set_product(k, f.n - at, n, v, f.step * NUMBER, NUMBER, below, step * NUMBER,
                            <char *>room, n * NUMBER)
                and set_product(k, k, n, t, NUMBER, PANEL * NUMBER, <char *>room, n * NUMBER,
                                second, n * NUMBER)
                and subtract_product(f.n - at, k, n, v, NUMBER, f.step * NUMBER, second, n * NUMBER,
                                     below, step * NUMBER)):
            return False
        at -= PANEL
    return True
