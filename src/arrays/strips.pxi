# Strips: products of matrices of which an operand is made some matrices at a time, a part of
# planning a run.
#
# A large array that one sum, difference or product makes of much smaller ones (like the differences
# of all points and all centers), and that products of matrices alone read, has no memory.  Each of
# the products makes a strip of it, as many matrices as stay in the cache, multiplies these, and
# makes the next.  Knows instructions, strides and who reads what; it must not know when anything
# runs or where memory is.  Fast in what it makes: rows are made in the cache in less time than they
# are written to memory, and memory that is touched for the first time costs several times as much.

cdef enum:
    STRIPPED_FROM = 1 << 19       # elements of an array: 4 MB
    STRIP_ELEMENTS = 1 << 16      # half of the second-level cache
    MOST_STRIPS = 2               # products of one array: each computes it once more
    LEAST_STRIPS = 4              # of which an array consists
    LEAST_SPREAD = 4              # times the size of all that it is made of
    LEAST_ROW = 16                # elements that one call of a kernel makes

# How strips of an array are made: by rows, along the axes of a matrix that operands do not walk as
# one.  Strides are bytes; those of an axis stand behind those of the other operand.
cdef struct Maker:
    int32_t value
    int32_t base                  # where the array would begin, so that the strip lies in its room
    int32_t bases[2]              # of the operands
    Py_ssize_t offsets[2]
    Py_ssize_t matrix             # elements of one matrix
    Py_ssize_t most               # matrices in a strip
    Py_ssize_t along[2]           # from one matrix to the next
    int ndim
    Py_ssize_t shape[MAX_NDIM]
    Py_ssize_t strides[MAX_NDIM][2]
    ew_fn kernel

# A product that makes its operand so.
cdef struct Strip:
    Maker *maker
    int32_t *operands             # what it waits for
    int count
    Py_ssize_t room               # in the arena


cdef int find_strips(_Plan plan) except -1:
    """After all else that asks who reads what."""
    cdef dict products = {}
    cdef int32_t *uses
    cdef Py_ssize_t i
    cdef int32_t r
    cdef int k
    for i in range(plan.n):
        for k in range(2 if plan.program.code[i].op == OP_MATMUL else 0):
            r = plan.values[plan.program.operand(i, k)].root
            if plan.type(r).size >= STRIPPED_FROM and is_spread(plan, r) \
                    and has_matrices_of(plan, i, k):
                products.setdefault(r, []).append(i)
    if not products:
        return 0
    uses = <int32_t *>plan.scratch.take((plan.n + 1) * sizeof(int32_t))
    count_root_reads(plan, uses)
    plan.makers = <Maker *>plan.pool.take(len(products) * sizeof(Maker))
    for value, readers in products.items():
        if len(readers) == uses[<Py_ssize_t>value] and are_free(plan, readers):
            keep_maker(plan, value, readers)
    return 0


cdef bint is_spread(_Plan plan, int32_t r) noexcept:
    """Does a light operator make it of two operands that are small beside it?"""
    cdef const Instr *x = &plan.program.code[r]
    cdef Py_ssize_t size = 0
    cdef int k
    if plan.values[r].kind != KIND_LANES or as_first(x.op) < 0 or OP_NARGS[x.op] != 2 \
            or plan.type(r).typenum != NPY_DOUBLE or plan.type(r).ndim < 2:
        return False
    for k in range(2):
        if plan.type(plan.program.operand(r, k)).typenum != NPY_DOUBLE:
            return False
        size += plan.type(plan.values[plan.program.operand(r, k)].root).size
    return size * LEAST_SPREAD <= plan.type(r).size


cdef bint has_matrices_of(_Plan plan, Py_ssize_t i, int k) except -1:
    """Does a product, by a kernel of our own, read each matrix of operand k where its root has
    one?"""
    cdef Py_ssize_t dims[2][2 * MAX_NDIM]
    cdef Py_ssize_t end = sizeof(double)
    cdef const Value *v
    cdef const Type *t
    cdef int j, axis
    for j in range(2):
        v = &plan.values[plan.program.operand(i, j)]
        t = plan.type(plan.program.operand(i, j))
        if t.typenum != NPY_DOUBLE or t.ndim != plan.type(i).ndim or t.ndim < 3:
            return False
        memcpy(dims[j], t.shape, t.ndim * sizeof(Py_ssize_t))
        memcpy(&dims[j][t.ndim], plan.strides_of(v, t), t.ndim * sizeof(Py_ssize_t))
    if dims[0][0] != dims[1][0] or not are_own_products(t.ndim, dims[0], dims[1], False):
        return False
    v = &plan.values[plan.program.operand(i, k)]
    for axis in range(1, t.ndim):
        if dims[k][t.ndim + axis] < 0:
            return False
        end += (dims[k][axis] - 1) * dims[k][t.ndim + axis]
    return (v.offset == 0 and dims[k][0] >= LEAST_STRIPS and end <= dims[k][t.ndim]
            and dims[k][0] == plan.type(v.root).shape[0] and dims[k][0] * dims[k][t.ndim]
            == plan.type(v.root).size * <Py_ssize_t>sizeof(double))


cdef bint are_free(_Plan plan, list readers) except -1:
    """Are these few products, none of which has a strip yet?"""
    if len(readers) > MOST_STRIPS or len(set(readers)) < len(readers):
        return False
    for i in readers:
        if plan.strips[<Py_ssize_t>i] != NULL:
            return False
    return True


cdef int keep_maker(_Plan plan, int32_t r, list readers) except -1:
    """If its rows are long enough, nobody has to ask for the array any more."""
    cdef Maker *m = &plan.makers[plan.n_makers]
    cdef Strip *x
    cdef int k
    find_rows(plan, r, m)
    if m.shape[m.ndim - 1] < LEAST_ROW:
        return 0
    for k in range(2):
        if m.strides[m.ndim - 1][k] != 0 and m.strides[m.ndim - 1][k] != sizeof(double):
            return 0
    m.value = r
    m.kernel = KERNELS.value[plan.program.code[r].op]
    m.matrix = plan.type(r).size // plan.type(r).shape[0]
    m.most = STRIP_ELEMENTS // m.matrix if m.matrix < STRIP_ELEMENTS else 1
    plan.n_makers += 1
    for i in readers:
        x = <Strip *>plan.pool.take(sizeof(Strip))
        x.maker = m
        x.operands = <int32_t *>plan.pool.take(3 * sizeof(int32_t))
        x.count = 3
        for k in range(2):
            x.operands[k] = plan.program.operand(r, k)
            if plan.values[plan.program.operand(i, k)].root != r:
                x.operands[2] = plan.program.operand(i, k)
        plan.strips[<Py_ssize_t>i] = x
    plan.values[r].kind = KIND_VIEW
    plan.values[r].key = -1
    return 0


cdef int find_rows(_Plan plan, int32_t r, Maker *m) except -1:
    """The axes of a matrix, those that both operands walk as one joined."""
    cdef const Type *t = plan.type(r)
    cdef const Type *u
    cdef Py_ssize_t strides[2][MAX_NDIM]
    cdef int32_t v
    cdef int k, axis
    for k in range(2):
        v = plan.program.operand(r, k)
        u = plan.type(v)
        broadcast_strides(t, u, plan.strides_of(&plan.values[v], u), strides[k])
        m.along[k] = strides[k][0]
    m.ndim = 0
    for axis in range(1, t.ndim):
        if t.shape[axis] == 1 and (m.ndim or axis < t.ndim - 1):
            continue
        if m.ndim and m.strides[m.ndim - 1][0] == t.shape[axis] * strides[0][axis] \
                and m.strides[m.ndim - 1][1] == t.shape[axis] * strides[1][axis]:
            m.ndim -= 1
            m.shape[m.ndim] *= t.shape[axis]
        else:
            m.shape[m.ndim] = t.shape[axis]
        m.strides[m.ndim][0] = strides[0][axis]
        m.strides[m.ndim][1] = strides[1][axis]
        m.ndim += 1
    return 0


cdef inline Py_ssize_t strip_bytes(const Strip *x) noexcept nogil:
    """The room of a strip: whole cache lines."""
    return (x.maker.most * x.maker.matrix * <Py_ssize_t>sizeof(double) + LINE) & ~<Py_ssize_t>(
        LINE - 1)
