# Products of float64 matrices: which kernel computes them, by how many threads.
#
# Knows shapes and strides, and batches of matrices; derivatives live in the table.
# Fast because no product goes through the microseconds of a NumPy call that a
# kernel of our own computes as quickly, and because large ones and batches are
# shared out among threads in pieces.  How a product is cut into pieces changes no
# bit of it, since an element of it does not depend on its neighbours.

cdef extern from "threads.h":
    enum:
        MAX_THREADS
    ctypedef void (*work_fn)(void *context, int worker) noexcept nogil
    void cdiff_parallel(work_fn work, void *context, int n) noexcept nogil
    void cdiff_pool_prepare() noexcept
    int64_t cdiff_take(int64_t *next, int64_t count) noexcept nogil
    ctypedef struct WorkShare "work_share":
        pass
    void cdiff_deal(WorkShare *shares, int n, int64_t first, int64_t end) noexcept nogil
    int64_t cdiff_take_dealt(WorkShare *shares, int n, int worker, int64_t count,
                             int64_t *last) noexcept nogil

cdef extern from "loops/product_rooms.h":
    double *cdiff_take_room() noexcept nogil
    void cdiff_give_room(double *) noexcept nogil
    size_t cdiff_clear_rooms() noexcept nogil

cdef enum:
    SMALL_PRODUCT = 4096          # multiply-adds up to which our own loops win over a BLAS,
    SMALL_VECTOR = 1 << 18        # and where one of the matrices is a row or a column
    SMALL_MATRIX = 1 << 16        # elements of B that need not be packed, or are packed quickly,
    MANY_ROWS = 192               # and rows of A from where that is worth it for any B
    HALF_PRODUCT = 128
    LONE_PRODUCT = 1 << 15        # from where it pays to release the GIL,
    SHARED_PRODUCT = 1 << 20      # and in a piece for another thread
    PIECE_ROWS = 8                # pieces are made of whole tiles
    PIECE_COLUMNS = 24

# A batch of products, cut into pieces.
cdef struct Products:
    MatrixProduct first
    int ndim                      # of the operands, whose shapes and strides follow
    const Py_ssize_t *a
    const Py_ssize_t *b
    bint tiled                    # by the kernel for matrices
    Py_ssize_t count              # of matrices
    int64_t rows, columns         # of a piece
    int64_t pieces, taken, next   # taken: at a time
    double *rooms[MAX_THREADS]

cdef int product_threads = 0      # 0: not known yet


cdef int find_product_threads() except -1:
    """Until set_num_threads is called, as many as NumPy's BLAS would take."""
    global product_threads
    cdef object os = __import__("os"), found
    cdef Py_ssize_t n = 0
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        found = os.environ.get(name, "")
        if n == 0 and found.isdecimal() and len(found) < 10:
            n = int(found)
    if n == 0:
        n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") \
            else os.cpu_count() or 1
    product_threads = <int>n if n < MAX_THREADS else MAX_THREADS
    return 0


cdef inline bint is_tiled(Py_ssize_t m, Py_ssize_t n) noexcept nogil:
    """Is it for the kernel for matrices?"""
    return KERNELS.product != NULL and m > 1 and n > 1


cdef inline bint is_own_product(Py_ssize_t m, Py_ssize_t inner, Py_ssize_t n) noexcept nogil:
    """Is a kernel of our own quicker than a call of BLAS through NumPy?"""
    if inner <= 1 or is_tiled(m, n):
        return True
    return m * inner * n <= (SMALL_VECTOR if m == 1 or n == 1 else SMALL_PRODUCT)


cdef bint are_own_products(int ndim, const Py_ssize_t *a, const Py_ssize_t *b,
                           bint same) noexcept nogil:
    """The same for (batches of) matrices, given their shapes and strides, and whether they begin at
    the same place."""
    cdef Py_ssize_t m = a[ndim - 2], inner = a[ndim - 1], n = b[ndim - 1]
    if ndim > 2 and KERNELS.product == NULL:
        return False
    if 1 < m < MANY_ROWS and n > 1 and inner * n > SMALL_MATRIX:
        return False                           # to pack B is not worth it for so few rows
    if same and m > HALF_PRODUCT and m == n and a[2 * ndim - 2] == b[2 * ndim - 1] \
            and a[2 * ndim - 1] == b[2 * ndim - 2]:
        return False                           # A A.T, of which a BLAS computes one half
    return is_own_product(m, inner, n)


cdef void simple_product(const MatrixProduct *p) noexcept nogil:
    """C = A B where C is contiguous, by loops over rows."""
    cdef double *c = <double *>p.c
    cdef Py_ssize_t i, j, k
    cdef double s
    if p.k == 1 and p.bj == sizeof(double):
        for i in range(p.m):
            KERNELS.value[OP_MULTIPLY](p.n, c + i * p.n, <const double *>p.b,
                                       <const double *>(p.a + i * p.ai), 1, 0)
    elif p.k == 1 and p.n == 1 and p.ai == sizeof(double):
        KERNELS.value[OP_MULTIPLY](p.m, c, <const double *>p.a, <const double *>p.b, 1, 0)
    elif p.n == 1 and p.ak == sizeof(double) and p.bk == sizeof(double):
        KERNELS.rows(p.m, p.k, c, <const double *>p.a, p.ai, <const double *>p.b)
    elif p.n == 1 and p.ai == sizeof(double):
        KERNELS.columns(p.k, p.m, c, <const double *>p.a, p.ak, <const double *>p.b, p.bk, 0)
    elif p.bj == sizeof(double):
        for i in range(p.m):
            KERNELS.columns(p.k, p.n, c + i * p.n, <const double *>p.b, p.bk,
                            <const double *>(p.a + i * p.ai), p.ak, 0)
    elif p.m == 1 and p.ak == sizeof(double) and p.bk == sizeof(double):
        KERNELS.rows(p.n, p.k, c, <const double *>p.b, p.bj, <const double *>p.a)
    else:
        for i in range(p.m):
            for j in range(p.n):
                s = 0.0
                for k in range(p.k):
                    s += (<const double *>(p.a + i * p.ai + k * p.ak))[0] * (
                        <const double *>(p.b + k * p.bk + j * p.bj))[0]
                c[i * p.n + j] = s


cdef void place_product(const Products *s, int64_t at, MatrixProduct *p) noexcept nogil:
    """The operands and the result of number `at` of the batch."""
    cdef int axis
    p[0] = s.first
    p.c += at * p.m * p.ci
    for axis in range(s.ndim - 3, -1, -1):
        p.a += at % s.a[axis] * s.a[s.ndim + axis]
        p.b += at % s.a[axis] * s.b[s.ndim + axis]
        at //= s.a[axis]


cdef void whole_products(const Products *s, int64_t at, int64_t end, double *room) noexcept nogil:
    """Those from `at` to `end` of the batch, along its last axis without looking for each."""
    cdef MatrixProduct p
    cdef int64_t i, row = 1, a = 0, b = 0
    if s.ndim > 2:
        row = s.a[s.ndim - 3]
        a = s.a[2 * s.ndim - 3]
        b = s.b[2 * s.ndim - 3]
    while at < end:
        place_product(s, at, &p)
        for i in range(row - at % row if row - at % row < end - at else end - at):
            if s.tiled:
                KERNELS.product(&p, room)
            else:
                simple_product(&p)
            p.a += a
            p.b += b
            p.c += p.m * p.ci
            at += 1


cdef void product_piece(const Products *s, int64_t piece, double *room) noexcept nogil:
    """A part of one of the matrices."""
    cdef MatrixProduct p
    cdef int64_t across = (s.first.n + s.columns - 1) // s.columns
    cdef int64_t down = (s.first.m + s.rows - 1) // s.rows
    cdef int64_t i = piece // across % down * s.rows
    cdef int64_t j = piece % across * s.columns
    place_product(s, piece // (across * down), &p)
    p.c += i * p.ci + j * <Py_ssize_t>sizeof(double)
    p.a += i * p.ai
    p.b += j * p.bj
    p.m = s.rows if s.rows < p.m - i else p.m - i
    p.n = s.columns if s.columns < p.n - j else p.n - j
    KERNELS.product(&p, room)


cdef void share_products(void *context, int worker) noexcept nogil:
    """Take pieces until none is left."""
    cdef Products *s = <Products *>context
    cdef int64_t i, first = cdiff_take(&s.next, s.taken)
    cdef int64_t end
    while first < s.pieces:
        end = first + s.taken if first + s.taken < s.pieces else s.pieces
        if s.pieces == s.count:
            whole_products(s, first, end, s.rooms[worker])
        else:
            for i in range(first, end):
                product_piece(s, i, s.rooms[worker])
        first = cdiff_take(&s.next, s.taken)


cdef void cut_products(Products *s, double wanted) noexcept nogil:
    """Halves, until there are as many pieces as wanted."""
    s.pieces = s.count
    s.rows = s.first.m
    s.columns = s.first.n
    while s.tiled and s.pieces < wanted:
        if s.rows > s.columns and s.rows > PIECE_ROWS:
            s.rows = (s.rows + 2 * PIECE_ROWS - 1) // (2 * PIECE_ROWS) * PIECE_ROWS
        elif s.columns > PIECE_COLUMNS:
            s.columns = (s.columns + 2 * PIECE_COLUMNS - 1) // (2 * PIECE_COLUMNS) * PIECE_COLUMNS
        else:
            return
        s.pieces = s.count * ((s.first.m + s.rows - 1) // s.rows) * (
            (s.first.n + s.columns - 1) // s.columns)


cdef bint run_products(Products *s, int threads) noexcept nogil:
    """All pieces; False if there is no memory to pack operands in."""
    cdef double work = <double>s.first.m * s.first.k * s.first.n * s.count
    cdef bint packs = s.tiled and (product_packs_a(&s.first) or product_packs_b(&s.first))
    cdef bint fine = True
    cdef int i
    if work < 2 * SHARED_PRODUCT:
        threads = 1
    cut_products(s, 2.0 * threads if threads > 1 else 1.0)
    if threads > s.pieces:
        threads = <int>s.pieces
    s.taken = 1 + s.pieces // (8 * threads)
    for i in range(threads):
        s.rooms[i] = cdiff_take_room() if packs else NULL
        fine = fine and (s.rooms[i] != NULL or not packs)
    if fine:
        cdiff_parallel(share_products, s, threads)
    for i in range(threads):
        cdiff_give_room(s.rooms[i])
    return fine


cdef bint matrix_products(int ndim, const Py_ssize_t *a, const char *a_data, const Py_ssize_t *b,
                          const char *b_data, double *out, int threads) noexcept nogil:
    """Products of float64 matrices of any strides along equal batch axes, in contiguous memory.

    Operands are given by shape and strides; False if there is no memory to pack them in.
    """
    cdef Products s
    cdef MatrixProduct *p = &s.first
    cdef int axis
    a += ndim - 2
    b += ndim - 2
    p.m = a[0]
    p.k = a[1]
    p.n = b[1]
    p.a = a_data
    p.ai = a[ndim]
    p.ak = a[ndim + 1]
    p.b = b_data
    p.bk = b[ndim]
    p.bj = b[ndim + 1]
    p.c = <char *>out
    p.ci = p.n * <Py_ssize_t>sizeof(double)
    p.subtracts = False
    s.tiled = is_tiled(p.m, p.n)
    if ndim == 2 and not s.tiled:
        simple_product(p)
        return True
    if ndim == 2 and <double>p.m * p.k * p.n < LONE_PRODUCT \
            and not (product_packs_a(p) or product_packs_b(p)):
        KERNELS.product(p, NULL)
        return True
    s.ndim = ndim
    s.a = a - (ndim - 2)
    s.b = b - (ndim - 2)
    s.count = 1
    s.next = 0
    for axis in range(ndim - 2):
        s.count *= s.a[axis]
    return s.count * p.m * p.n == 0 or run_products(&s, threads)


cdef Array own_products(Arr *a, Arr *b):
    """The same for blocks, in memory from the pool, which costs no page faults."""
    cdef Py_ssize_t shape[MAX_NDIM]
    cdef Array out
    cdef double *data
    cdef int ndim = a.ndim
    cdef bint fine
    memcpy(shape, ARR_SHAPE(a), ndim * sizeof(Py_ssize_t))
    shape[ndim - 1] = ARR_SHAPE(b)[ndim - 1]
    out = new_array(ndim, shape, NPY_DOUBLE)
    data = <double *>N(out).arr.data
    if <double>N(out).arr.size * ARR_SHAPE(a)[ndim - 1] < LONE_PRODUCT:
        fine = matrix_products(ndim, a.dims, a.data, b.dims, b.data, data, 1)
    else:
        prepare_products()
        with nogil:
            fine = matrix_products(ndim, a.dims, a.data, b.dims, b.data, data, product_threads)
    if not fine:
        raise_no_room()
    return out


cdef int prepare_products() except -1:
    """Before products that threads may share."""
    if product_threads == 0:
        find_product_threads()
    if product_threads > 1:
        cdiff_pool_prepare()
    return 0


cdef int raise_no_room() except -1:
    raise MemoryError("cdiff: no memory to pack the operands of a matrix product in")
