# Steps: what an Executable goes through in a call.
#
# Makes the steps of a plan and knows how each kind runs over the memory of a
# workspace; must not know schedules or where the memory comes from.  Fast because
# a step is a switch and a kernel on addresses known in advance.  What has no
# kernel of its own (STEP_ARRAYS) goes through the operators that Python code
# uses, over the same memory.

cdef class _Workspace

cdef enum:
    TILE = 256                    # elements of a row that several copies move in turn

cdef enum StepKind:
    STEP_LOADS
    STEP_NUMBERS
    STEP_GROUP
    STEP_MOVES                    # copies of parts, after zeros if there are gaps
    STEP_REDUCE
    STEP_PRODUCT                  # of matrices, by kernels of our own
    STEP_STRIPS                   # the same where an operand is made on the way
    STEP_GATHER
    STEP_SCATTER
    STEP_PYTHON                   # from here on with the GIL
    STEP_BLAS
    STEP_ARRAYS

# Steps that pass over their memory together, see weaving.pxi.
cdef struct Woven:
    Py_ssize_t points             # of a group or a long copy; 0: a copy that is made at once,
    Py_ssize_t round              # in this round
    Py_ssize_t lag                # points that it is behind the first step

cdef struct Weave:
    Py_ssize_t count, rounds, weight
    bint far
    Woven *steps

# A value as a step sees it.  dims: shape and strides.
cdef struct Part:
    int32_t base
    int typenum
    int ndim
    bint number
    bint contiguous
    Py_ssize_t offset
    Py_ssize_t size
    Py_ssize_t nbytes
    Py_ssize_t *dims

cdef struct Load:
    int32_t base
    int32_t width
    int32_t slot
    Py_ssize_t offset

# A copy of elements of eight bytes.
cdef struct MovePart:
    int32_t to_base, from_base
    int ndim
    Py_ssize_t to_offset, from_offset
    Py_ssize_t *shape
    Py_ssize_t *to
    Py_ssize_t *source

cdef struct Step:
    StepKind kind
    int op
    int n_operands
    int32_t instruction           # -1: a copy of an output
    bint adopts                   # the result stays where a callee has made it
    int n_pieces                  # or goes to outputs from there, as nobody else reads it
    Part *pieces
    Py_ssize_t *firsts            # which elements of the result they begin with
    Py_ssize_t at, last           # places in the schedule: of this, and where that is read last
    Py_ssize_t count              # of loads, codes or moves
    Py_ssize_t work
    bint zeros
    Py_ssize_t filled, filled_end  # bytes of the result that a group has written among zeros
    Part out
    Part *operands
    Code *codes
    NumberRun *runs               # the same as machine code, where there is any
    int n_runs
    Load *loads
    MovePart *moves
    Group *group
    Strip *strip
    Weave *weave                  # of this step and the next ones, if they run as one
    Layout layout
    Taking taking                 # of a gather or a scatter


cdef inline char *part_data(const Part *p, char **bases) noexcept nogil:
    return bases[p.base] + p.offset


cdef void run_loads(const Step *s, char **bases) noexcept nogil:
    cdef const Load *load = s.loads
    cdef Py_ssize_t i
    for i in range(s.count):
        (<double *>bases[BASE_REGISTERS])[load.slot] = \
            (<const double *>(bases[load.base] + load.offset))[0] if load.width == 8 else \
            (<const uint8_t *>(bases[load.base] + load.offset))[0]
        load += 1


cdef void move_axes(int ndim, const Py_ssize_t *shape, const Py_ssize_t *dt, const Py_ssize_t *ds,
                    char *to, const char *source) noexcept nogil:
    cdef Py_ssize_t i
    if ndim == 1:
        move_row(MOVE_COPY, shape[0], to, dt[0], source, ds[0])
        return
    if ndim == 2 and dt[1] == 8 and is_crossed(ds, 1):
        copy_crossed(shape[0], shape[1], to, dt[0], source, ds[1], HAS_AVX2)
        return
    for i in range(shape[0]):
        move_axes(ndim - 1, shape + 1, dt + 1, ds + 1, to + i * dt[0], source + i * ds[0])


cdef void run_moves(const Step *s, char **bases) noexcept nogil:
    cdef const MovePart *m = s.moves
    cdef Py_ssize_t i, start = 0, n = common_row(s)
    if s.zeros:
        memset(part_data(&s.out, bases), 0, s.filled)
        memset(part_data(&s.out, bases) + s.filled_end, 0, s.out.nbytes - s.filled_end)
    if n:
        # What is written piece by piece stays in the cache until it is complete.
        while start < n:
            for i in range(s.count):
                move_tile(&s.moves[i], bases, start, TILE if n - start > TILE else n - start)
            start += TILE
        return
    for i in range(s.count):
        # A carry that is kept may lie where it goes.
        if bases[m.to_base] + m.to_offset != bases[m.from_base] + m.from_offset:
            move_axes(m.ndim, m.shape, m.to, m.source, bases[m.to_base] + m.to_offset,
                      bases[m.from_base] + m.from_offset)
        m += 1


cdef Py_ssize_t common_row(const Step *s) noexcept nogil:
    """The length of the rows of several copies that are worth doing in tiles; else 0."""
    cdef Py_ssize_t i, n = 0
    for i in range(s.count):
        if n and s.moves[i].shape[s.moves[i].ndim - 1] != n:
            return 0
        n = s.moves[i].shape[s.moves[i].ndim - 1]
    return n if s.count > 1 and n > TILE else 0


cdef void move_tile(const MovePart *m, char **bases, Py_ssize_t start,
                    Py_ssize_t n) noexcept nogil:
    """Elements start to start + n - 1 of every row."""
    cdef Py_ssize_t shape[MAX_NDIM]
    cdef int last = m.ndim - 1
    memcpy(shape, m.shape, m.ndim * sizeof(Py_ssize_t))
    shape[last] = n
    move_axes(m.ndim, shape, m.to, m.source,
              bases[m.to_base] + m.to_offset + start * m.to[last],
              bases[m.from_base] + m.from_offset + start * m.source[last])


cdef void run_reduce(const Step *s, char **bases) noexcept nogil:
    cdef const double *p = <const double *>part_data(&s.operands[0], bases)
    cdef double *out = <double *>part_data(&s.out, bases)
    if s.op == OP_MAX:
        reduce_loop(ROW_MAX, OP_MAXIMUM, &s.layout, p, out)
    elif s.op == OP_MIN:
        reduce_loop(ROW_MIN, OP_MINIMUM, &s.layout, p, out)
    elif s.op == OP_PROD:
        reduce_loop(ROW_PROD, OP_MULTIPLY, &s.layout, p, out)
    else:
        reduce_loop(ROW_SUM, OP_ADD, &s.layout, p, out)


cdef bint run_product(const Step *s, char **bases) noexcept nogil:
    cdef const Part *a = &s.operands[0]
    cdef const Part *b = &s.operands[1]
    return matrix_products(a.ndim, a.dims, part_data(a, bases), b.dims, part_data(b, bases),
                           <double *>part_data(&s.out, bases), product_threads)


cdef void make_rows(const Maker *m, int axis, const char *a, const char *b,
                    double **out) noexcept nogil:
    """A part of a matrix, along the axes from `axis` on."""
    cdef const Py_ssize_t *strides = m.strides[axis]
    cdef Py_ssize_t i
    if axis == m.ndim - 1:
        m.kernel(m.shape[axis], out[0], <const double *>a, <const double *>b, strides[0] != 0,
                 strides[1] != 0)
        out[0] += m.shape[axis]
        return
    for i in range(m.shape[axis]):
        make_rows(m, axis + 1, a + i * strides[0], b + i * strides[1], out)


# A strip that several threads make, by matrices.
cdef struct StripRun:
    const Maker *maker
    char **bases
    double *room
    Py_ssize_t first
    int64_t next, count


cdef void share_strip(void *context, int worker) noexcept nogil:
    """Take matrices until none is left."""
    cdef StripRun *r = <StripRun *>context
    cdef const Maker *m = r.maker
    cdef int64_t i = cdiff_take(&r.next, 1)
    cdef double *out
    while i < r.count:
        out = r.room + i * m.matrix
        make_rows(m, 0, r.bases[m.bases[0]] + m.offsets[0] + (r.first + i) * m.along[0],
                  r.bases[m.bases[1]] + m.offsets[1] + (r.first + i) * m.along[1], &out)
        i = cdiff_take(&r.next, 1)


cdef bint run_strips(const Step *s, const Memory *m) noexcept nogil:
    """A product of which an operand is made strip by strip."""
    cdef Py_ssize_t dims[2][2 * MAX_NDIM]
    cdef const Part *a = &s.operands[0]
    cdef const Part *b = &s.operands[1]
    cdef const Maker *x = s.strip.maker
    cdef char **bases = m.bases
    cdef Py_ssize_t count = a.dims[0]
    cdef StripRun r
    r.maker = x
    r.bases = bases
    r.room = <double *>(bases[BASE_ARENA] + s.strip.room)
    r.first = 0
    memcpy(dims[0], a.dims, 2 * a.ndim * sizeof(Py_ssize_t))
    memcpy(dims[1], b.dims, 2 * b.ndim * sizeof(Py_ssize_t))
    while r.first < count:
        r.next = 0
        r.count = x.most if x.most < count - r.first else count - r.first
        dims[0][0] = dims[1][0] = r.count
        bases[x.base] = <char *>(r.room - r.first * x.matrix)
        cdiff_parallel(share_strip, &r, m.workers if r.count * x.matrix >= SHARED_WORK else 1)
        if not matrix_products(a.ndim, dims[0], part_data(a, bases) + r.first * a.dims[a.ndim],
                               dims[1], part_data(b, bases) + r.first * b.dims[b.ndim],
                               <double *>(part_data(&s.out, bases) + r.first * s.out.dims[a.ndim]),
                               product_threads):
            return False
        r.first += r.count
    return True


cdef bint run_rows(const Step *s, char **bases) noexcept nogil:
    """Rows of operand 0 at the positions of operand 1, or these rows added to zeros there; False
    where one is out of range."""
    cdef double *out = <double *>part_data(&s.out, bases)
    if s.kind == STEP_SCATTER:
        memset(out, 0, s.out.nbytes)
    return move_rows(&s.taking, bases, <const double *>part_data(&s.operands[0], bases), out,
                     s.kind == STEP_SCATTER)


cdef bint run_step(const Step *s, const Memory *memory) noexcept nogil:
    """One step below STEP_PYTHON; False if that ended early: a position out of range, a signal, no
    memory for a product."""
    cdef char **bases = memory.bases
    if s.kind == STEP_NUMBERS:
        if s.n_runs:
            run_numbers(s.runs, s.n_runs, <double *>bases[BASE_REGISTERS])
        else:
            interpret(s.codes, s.codes + s.count, <double *>bases[BASE_REGISTERS])
    elif s.kind == STEP_GROUP:
        return run_group(s.group, memory)
    elif s.kind == STEP_LOADS:
        run_loads(s, bases)
    elif s.kind == STEP_MOVES:
        run_moves(s, bases)
    elif s.kind == STEP_REDUCE:
        run_reduce(s, bases)
    elif s.kind == STEP_PRODUCT:
        return run_product(s, bases)
    elif s.kind == STEP_STRIPS:
        return run_strips(s, memory)
    else:
        return run_rows(s, bases)
    return True


# ---------------------------------------------------------------- steps over Python's arrays

cdef np.ndarray part_array(const Part *p, _Workspace w, int flags):
    """An ndarray over a part, which keeps the workspace alive."""
    cdef np.ndarray out = np.PyArray_New(np.ndarray, p.ndim, <np.npy_intp *>p.dims, p.typenum,
                                         <np.npy_intp *>(p.dims + p.ndim), part_data(p, w.m.bases),
                                         0, flags | NPY_ARRAY_ALIGNED, None)
    np.set_array_base(out, w)
    np.PyArray_UpdateFlags(out, NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_F_CONTIGUOUS)
    return out


cdef object part_value(const Part *p, _Workspace w):
    """A part as an ndarray of its own, numbers too."""
    if p.number:
        return np.array((<double *>part_data(p, w.m.bases))[0],
                        dtype=np.PyArray_DescrFromType(p.typenum))
    return np.array(part_array(p, w, 0))


cdef Array part_node(const Part *p, _Workspace w, bint weak):
    """A node over a part."""
    cdef Arr *r
    cdef double v
    cdef Array a
    if p.number:
        v = (<double *>part_data(p, w.m.bases))[0]
        if p.typenum == NPY_BOOL:
            return wrap_ndarray(np.asarray(v != 0.0))
        a = weak_scalar(v) if weak else scalar(v)
        if weak and v == <double><int64_t>v:
            N(a).mark = WEAK_INTEGER
        return a
    r = block_new(p.ndim, 0)
    r.typenum = <int8_t>p.typenum
    r.data = part_data(p, w.m.bases)
    memcpy(r.dims, p.dims, 2 * p.ndim * sizeof(Py_ssize_t))
    r.size = p.size
    r.flags = ARR_CONTIGUOUS if p.contiguous else 0
    Py_INCREF(w)
    r.base = <PyObject *>w
    return steal(array_node(r))


cdef int keep_value(const Part *p, _Workspace w, Array y) except -1:
    """The result of an operator goes where it is planned."""
    cdef Arr *r
    cdef object value, out
    if p.number:
        (<double *>part_data(p, w.m.bases))[0] = float_of(y)
        return 0
    y = as_block(y)
    r = N(y).arr
    if r.typenum == p.typenum and r.flags & ARR_CONTIGUOUS and p.contiguous and r.size == p.size:
        copy_bytes(part_data(p, w.m.bases), r.data, p.nbytes)
        return 0
    value = ndarray_of(y)
    out = part_array(p, w, NPY_ARRAY_WRITEABLE)
    np.copyto(out, value if value.size != out.size else value.reshape(out.shape), casting="unsafe")
    return 0


cdef int run_arrays(const Step *s, _Workspace w, Program program) except -1:
    """A step by the operator that Python code would use."""
    cdef int k
    cdef Array y
    cdef object attrs = None
    cdef list operands = []
    if s.instruction < 0:
        np.copyto(part_array(&s.out, w, NPY_ARRAY_WRITEABLE), part_value(&s.operands[0], w))
        return 0
    attrs = program.attrs_of(s.instruction)
    if s.op == OP_CALL and run_inside(s, w, attrs[0]):
        return 0
    if s.n_pieces:
        attrs[0].value_into([lent_value(&s.operands[k], w) for k in range(s.n_operands)],
                            [(s.firsts[k], part_array(&s.pieces[k], w, NPY_ARRAY_WRITEABLE))
                             for k in range(s.n_pieces)])
        return 0
    if s.adopts:
        return adopt_value(s, w, attrs[0].value([lent_value(&s.operands[k], w)
                                                 for k in range(s.n_operands)]))
    if s.op == OP_GATHER:
        return keep_value(&s.out, w, wrap_ndarray(np.asarray(
            lent_value(&s.operands[0], w)[part_value(&s.operands[1], w)])))
    if s.op == OP_CALL or s.op == OP_SCATTER_ADD \
            or s.op == OP_WHERE and not is_float(s.out.typenum):
        lent = s.op != OP_CALL or type(attrs[0]) is Hosted and (<Hosted>attrs[0]).borrows
        values = [lent_value(&s.operands[k], w) if lent else part_value(&s.operands[k], w)
                  for k in range(s.n_operands)]
        found = python_value(s, values, attrs)
        found = np.asarray(found)
        shape = program.types[program.code[s.instruction].type][1]
        if found.shape != shape:
            raise ValueError(f"{attrs[0] if attrs else op_name(s.op)} gave a result of shape "
                             f"{found.shape}, which was {shape} when it was recorded")
        return keep_value(&s.out, w, wrap_ndarray(found))
    for k in range(s.n_operands):
        operands.append(part_node(&s.operands[k], w, s.op < N_ELEMENTWISE and reads_weak(
            program, s.instruction, k)))
    if s.op >= N_ELEMENTWISE or s.op == OP_WHERE:
        y = VALUE[s.op](operands[0], operands, attrs)
    elif s.n_operands == 1:
        y = numpy_elementwise(s.op, operands[0], None)
    else:
        y = numpy_elementwise(s.op, operands[0], operands[1])
    return keep_value(&s.out, w, y)


cdef object lent_value(const Part *p, _Workspace w):
    """A part as a read-only ndarray, in the memory where it is."""
    return part_value(p, w) if p.number else part_array(p, w, 0)


cdef int adopt_value(const Step *s, _Workspace w, object found) except -1:
    """The result of a callee is read where it lies, and let go after it has been read."""
    cdef np.ndarray y = np.ascontiguousarray(found, np.PyArray_DescrFromType(s.out.typenum))
    if np.PyArray_SIZE(y) != s.out.size:
        raise ValueError(f"a function recorded as giving {part_text(&s.out)} gave "
                         f"{(<object>found).shape}")
    for base, (last, _) in list(w.adopted.items()):
        if last < s.at:
            del w.adopted[base]
    w.adopted[s.out.base] = s.last, y
    w.m.bases[s.out.base] = np.PyArray_BYTES(y)
    return 0


cdef object python_value(const Step *s, list values, object attrs):
    """Operators that the core's functions do not check, or not compute in this type."""
    if s.op == OP_CALL:
        return attrs[0].value(values)
    if s.op == OP_WHERE:
        return np.where(*values)
    out = np.zeros((attrs[0],) + values[0].shape[values[1].ndim:], values[0].dtype)
    np.add.at(out, values[1], values[0])
    return out


cdef bint reads_weak(Program program, Py_ssize_t i, int k) noexcept:
    cdef int32_t *operands = NULL
    operands_at(program, i, &operands)
    return program.code[operands[k]].type == TYPE_WEAK


cdef int run_python(const Step *s, _Workspace w, Program program) except -1:
    """One step from STEP_PYTHON on."""
    if s.kind == STEP_BLAS:
        np.matmul(part_array(&s.operands[0], w, 0), part_array(&s.operands[1], w, 0),
                  part_array(&s.out, w, NPY_ARRAY_WRITEABLE))
        return 0
    return run_arrays(s, w, program)
