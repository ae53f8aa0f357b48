# The block machine: one pass of a kernel over operands of any layout.
#
# Knows shapes, strides and the types that kernels read; it must not know any
# operator.  Fast because operands that are not contiguous float64 data of the
# full shape stream through cache-size blocks (numexpr's idea) without a
# temporary of their own, after neighbouring axes have been merged; rows that
# lie as kernels want them are not even copied into a block.

cdef enum:
    BLOCK = 512                   # doubles per block buffer: five fit in half of L1
    NOGIL_SIZE = 32768            # elements from which releasing the GIL pays
    FAR_SIZE = 32768              # elements from which three arrays leave 1 MB of cache little room
    STRETCH = 2048                # elements that several kernels of a sweep handle in turn
    LONG_STRETCH = 32768          # elements that a falling job goes through upward
    MAX_PANEL = 16384             # elements of rows that are gathered from columns together
    SHORT_ROW = 16                # elements up to which a call costs more than its work
    WIDE_INTEGER = -8             # as a width: int64
    SHORTEST_ROW = 8              # doubles for which a call of a kernel costs less than copies

cdef enum OperandMode:
    DIRECT                        # contiguous float64 of the job's shape
    BROADCAST                     # one number for the whole job
    GATHER                        # anything else: strided, float32, partly broadcast

cdef struct Operand:
    OperandMode mode
    int width                     # bytes of an element: 8, 4 (float32) or 1 (bool)
    const char *data
    double number
    Py_ssize_t strides[MAX_NDIM]

# One pass of a kernel over arrays that broadcast to a common shape.
cdef struct Job:
    int ndim
    int count
    single_fn single              # the kernel in float32, if the result is and there is one
    Py_ssize_t size
    Py_ssize_t shape[MAX_NDIM]
    Operand operands[4]

cdef extern from "loops/widening.h":
    void widen_bytes(int64_t n, double *out, const uint8_t *p) noexcept nogil

cdef extern from "loops/moving.h":
    void copy_backwards(int64_t n, double *out, const double *last) noexcept nogil
    void copy_crossed(int64_t rows, int64_t n, char *out, int64_t down, const char *source,
                      int64_t along, bint wide) noexcept nogil
    enum:
        PANEL_ROWS

cdef const KernelTable *KERNELS = kernels_select()
cdef bint HAS_AVX2 = KERNELS.isa != b"baseline"


def kernels_in_use():
    """The instruction set that was chosen when the module was imported: "baseline", "avx2" ..."""
    return KERNELS.isa.decode()


cdef inline bint is_one_number(const Arr *r) noexcept nogil:
    """Is the same element seen everywhere?"""
    cdef int i
    for i in range(r.ndim):
        if r.dims[i] != 1 and r.dims[r.ndim + i] != 0:
            return False
    return r.size > 0


cdef int job_operand(Job *job, Array a) except -1:
    """Add an operand (None: not read by the kernel) to a job whose shape is set."""
    cdef Operand *o = &job.operands[job.count]
    cdef Arr *r
    cdef int i, shift
    job.count += 1
    o.mode = BROADCAST
    o.data = NULL
    if a is None:
        return 0
    if not N(a).flags & NODE_ARRAY:
        o.data = <const char *>&N(a).v
        return 0
    need(a)
    r = N(a).arr
    o.width = 4 if r.typenum == NPY_FLOAT else 1 if r.typenum == NPY_BOOL else 8
    if r.size == 1 or is_one_number(r):
        gather_row(r.data, 0, o.width, 1, &o.number)
        o.data = <const char *>&o.number
        return 0
    o.data = r.data
    if r.size == job.size and r.flags & ARR_CONTIGUOUS and o.width == 8:
        o.mode = DIRECT
        return 0
    o.mode = GATHER
    shift = job.ndim - r.ndim
    for i in range(job.ndim):
        o.strides[i] = 0
        if i >= shift and ARR_SHAPE(r)[i - shift] != 1:
            o.strides[i] = ARR_STRIDES(r)[i - shift]
    return 0


cdef void job_coalesce(Job *job) noexcept nogil:
    """Merge neighbouring axes that every gathered operand walks as one."""
    cdef int axis, k, last = 0
    cdef bint merges
    cdef Operand *o
    if job.ndim < 2:
        return
    for axis in range(1, job.ndim):
        merges = True
        for k in range(job.count):
            o = &job.operands[k]
            if o.mode == GATHER and job.shape[axis] != 1 and job.shape[last] != 1 \
                    and o.strides[last] != o.strides[axis] * job.shape[axis]:
                merges = False
        if merges:
            for k in range(job.count):
                o = &job.operands[k]
                if o.mode == GATHER and job.shape[axis] != 1:
                    o.strides[last] = o.strides[axis]
            job.shape[last] *= job.shape[axis]
        else:
            last += 1
            job.shape[last] = job.shape[axis]
            for k in range(job.count):
                job.operands[k].strides[last] = job.operands[k].strides[axis]
    job.ndim = last + 1


cdef void gather_row(const char *src, Py_ssize_t stride, int width, Py_ssize_t n,
                     double *dst) noexcept nogil:
    """n elements of 8, 4 or 1 bytes, or WIDE_INTEGER, as doubles."""
    cdef Py_ssize_t i
    if width == 8 and stride == 8:
        copy_bytes(dst, src, n * sizeof(double))
    elif width == 8 and stride == 0:
        KERNELS.value[OP_POSITIVE](n, dst, <const double *>src, NULL, 0, 0)
    elif width == 8 and stride == -8:
        copy_backwards(n, dst, <const double *>src)
    elif width == 8:
        for i in range(n):
            dst[i] = (<const double *>(src + i * stride))[0]
    elif width == 4 and stride == 4:
        KERNELS.widen(n, dst, <const float *>src)
    elif width == 1 and stride == 1:
        widen_bytes(n, dst, <const uint8_t *>src)
    elif width == 4:
        for i in range(n):
            dst[i] = (<const float *>(src + i * stride))[0]
    elif width == WIDE_INTEGER:
        for i in range(n):
            dst[i] = <double>(<const int64_t *>(src + i * stride))[0]
    else:
        for i in range(n):
            dst[i] = (<const uint8_t *>(src + i * stride))[0]


cdef void walk_part(int ndim, const Py_ssize_t *shape, const Py_ssize_t *strides, char *src,
                    int width, Py_ssize_t start, Py_ssize_t count, double *dst,
                    bint out) noexcept nogil:
    """Elements start .. start+count of strided memory, in C order, as doubles in dst, or (`out`)
    from there, all doubles; ndim > 0."""
    cdef Py_ssize_t index[MAX_NDIM]
    cdef Py_ssize_t n, rows
    cdef int last = ndim - 1
    cdef int axis
    cdef bint panels = last > 0 and width == 8 and (shape[last] <= SHORT_ROW
                                                    or is_crossed(strides, last))
    for axis in range(last, 0, -1):
        index[axis] = start % shape[axis]
        start //= shape[axis]
        src += index[axis] * strides[axis]
    index[0] = start
    src += start * strides[0]
    while count > 0:
        rows = 0
        if panels and index[last] == 0:
            rows = shape[last - 1] - index[last - 1]
            rows = rows if rows * shape[last] < count else count // shape[last]
        if rows:
            n = rows * shape[last]
            move_panel(rows, shape[last], strides[last - 1], strides[last], src, dst, out)
            axis = last - 1
            src += rows * strides[axis]
            index[axis] += rows
        else:
            n = shape[last] - index[last]
            n = n if n < count else count
            if out:
                move_row(MOVE_COPY, n, src, strides[last], <char *>dst, 8)
            else:
                gather_row(src, strides[last], width, n, dst)
            axis = last
            src += n * strides[axis]
            index[axis] += n
        dst += n
        count -= n
        while axis > 0 and index[axis] == shape[axis]:
            src += strides[axis - 1] - index[axis] * strides[axis]
            index[axis] = 0
            axis -= 1
            index[axis] += 1


cdef inline bint is_crossed(const Py_ssize_t *strides, int last) noexcept nogil:
    """Does memory go along the columns of the last two axes?"""
    return strides[last - 1] == 8 and strides[last] != 8 and strides[last] != 0


cdef void move_panel(Py_ssize_t rows, Py_ssize_t n, Py_ssize_t down, Py_ssize_t along, char *src,
                     double *dst, bint out) noexcept nogil:
    """Short or crossed rows of n doubles each to dst, or (`out`) from there, column by column."""
    cdef Py_ssize_t i, k, done = 1
    if out:
        for k in range(n):
            for i in range(rows):
                (<double *>(src + i * down + k * along))[0] = dst[i * n + k]
    elif down == 0 and along == 8:
        # One row again and again: all that there is, twice.
        copy_bytes(dst, src, n * sizeof(double))
        while done < rows:
            i = done if done < rows - done else rows - done
            memcpy(dst + done * n, dst, i * n * sizeof(double))
            done += i
    elif down == 8:
        copy_crossed(rows, n, <char *>dst, n * 8, src, along, HAS_AVX2)
    else:
        for k in range(n):
            for i in range(rows):
                dst[i * n + k] = (<const double *>(src + i * down + k * along))[0]


cdef inline const double *block_operand(const Job *job, int k, Py_ssize_t start, Py_ssize_t n,
                                        double *buffer) noexcept nogil:
    cdef const Operand *o = &job.operands[k]
    if o.mode == DIRECT:
        return <const double *>o.data + start
    if o.mode == BROADCAST:
        return <const double *>o.data
    walk_part(job.ndim, job.shape, o.strides, o.data, o.width, start, n, buffer, False)
    return buffer


cdef bint goes_by_rows(const Job *job, const Arr *out) noexcept nogil:
    """Is each operand that would be gathered one number, or lies it as in memory, in every row?"""
    cdef const Operand *o
    cdef int k, last = job.ndim - 1
    cdef bint gathers = False
    if last < 1 or job.shape[last] < SHORTEST_ROW or out.typenum != NPY_DOUBLE:
        return False
    for k in range(job.count):
        o = &job.operands[k]
        if o.mode == GATHER:
            gathers = True
            # The fourth is the value of the node, of which kernels read every element.
            if o.width != 8 or (o.strides[last] != 8 and (o.strides[last] != 0 or k == 3)):
                return False
    return gathers


cdef void job_rows(const Job *job, ew_fn value, adj_fn adjoint, Arr *out,
                   int accumulate) noexcept nogil:
    """One call of the kernel for each row, of panel after panel: nothing is copied."""
    cdef const char *p[4]
    cdef Py_ssize_t steps[4]
    cdef bint moves[4]
    cdef const Operand *o
    cdef int k, last = job.ndim - 1
    cdef Py_ssize_t panel, row, rows = job.shape[last - 1], n = job.shape[last]
    cdef double *dst = <double *>out.data
    for k in range(4):
        o = &job.operands[k]
        p[k] = NULL
        steps[k] = 0
        moves[k] = k < job.count and (o.mode == DIRECT or (o.mode == GATHER
                                                           and o.strides[last] != 0))
        if k < job.count and o.mode != BROADCAST:
            steps[k] = n * 8 if o.mode == DIRECT else o.strides[last - 1]
    for panel in range(job.size // (rows * n)):
        for k in range(job.count):
            p[k] = panel_of(job, &job.operands[k], panel)
        for row in range(rows):
            if value != NULL:
                value(n, dst, <const double *>p[0], <const double *>p[1], moves[0], moves[1])
            else:
                adjoint(n, dst, <const double *>p[0], <const double *>p[1], <const double *>p[2],
                        <const double *>p[3], moves[0], moves[1], moves[2], accumulate)
            dst += n
            for k in range(4):
                p[k] += steps[k]


cdef inline const char *panel_of(const Job *job, const Operand *o, Py_ssize_t panel) noexcept nogil:
    """Where the last two axes begin for one index of the others, which are counted as one."""
    cdef const char *p = o.data
    cdef int axis = job.ndim - 3
    if o.mode == DIRECT:
        return p + panel * job.shape[axis + 1] * job.shape[axis + 2] * 8
    if o.mode == GATHER:
        while axis > 0:
            p += panel % job.shape[axis] * o.strides[axis]
            panel //= job.shape[axis]
            axis -= 1
        if axis == 0:
            p += panel * o.strides[0]
    return p


cdef Py_ssize_t job_step(const Job *job, const Arr *out, int accumulate,
                         int *inside) noexcept nogil:
    """Elements of a block; `inside`: the operand that is gathered into the result, or -1."""
    cdef int k, last = job.ndim - 1, gathered = 0
    cdef Py_ssize_t panel
    cdef bint single = out.typenum == NPY_FLOAT, taken = accumulate
    inside[0] = -1
    for k in range(job.count):
        if job.operands[k].mode == GATHER:
            inside[0] = k
            gathered += 1
        elif job.operands[k].data == out.data:
            taken = True                      # the result takes the memory of an operand
    if not gathered and not single:
        return job.size if job.size < NOGIL_SIZE else LONG_STRETCH
    if gathered == 1 and last > 0 and not single and not taken:
        panel = PANEL_ROWS * job.shape[last]
        if BLOCK < panel <= MAX_PANEL and job.operands[inside[0]].width == 8 \
                and is_crossed(job.operands[inside[0]].strides, last):
            return panel
    inside[0] = -1
    return BLOCK


cdef inline Py_ssize_t fallen(Py_ssize_t k, Py_ssize_t blocks, Py_ssize_t step) noexcept nogil:
    """The block whose turn is k-th in a falling job: long stretches from the last one on, each of
    them upward, as processors expect it that fetch memory in advance."""
    cdef Py_ssize_t some = LONG_STRETCH // step
    cdef Py_ssize_t first = blocks - (k // some + 1) * some
    return (first if first > 0 else 0) + k % some


cdef void job_run(const Job *job, ew_fn value, adj_fn adjoint, Arr *out, int accumulate,
                  bint falling) noexcept nogil:
    """Run a value kernel (operands a, b) or an adjoint kernel (g, a, b, y) over all blocks, from
    the last one if they are `falling`."""
    cdef double buffers[5][BLOCK]
    cdef const double *p[4]
    cdef double *dst
    cdef Py_ssize_t start, n, block, blocks, step
    cdef bint single = out.typenum == NPY_FLOAT
    cdef int k, inside
    if goes_by_rows(job, out):
        job_rows(job, value, adjoint, out, accumulate)
        return
    step = job_step(job, out, accumulate, &inside)
    blocks = (job.size + step - 1) // step
    for block in range(blocks):
        start = (fallen(block, blocks, step) if falling else block) * step
        n = job.size - start
        n = n if n < step else step
        dst = buffers[4]
        if not single:
            dst = <double *>out.data + start
        for k in range(job.count):
            p[k] = block_operand(job, k, start, n, dst if k == inside else buffers[k])
        if single and accumulate:
            KERNELS.widen(n, dst, <const float *>out.data + start)
        if value != NULL:
            value(n, dst, p[0], p[1], job.operands[0].mode != BROADCAST,
                  job.operands[1].mode != BROADCAST)
        else:
            adjoint(n, dst, p[0], p[1], p[2], p[3], job.operands[0].mode != BROADCAST,
                    job.operands[1].mode != BROADCAST, job.operands[2].mode != BROADCAST,
                    accumulate)
        if single:
            KERNELS.narrow(n, <float *>out.data + start, dst)


cdef bint goes_single(const Job *job) noexcept nogil:
    """Does the kernel in float32 find what it needs: floats in every row, or one number?"""
    cdef const Operand *o
    cdef int k, last = job.ndim - 1
    cdef bint moves = False
    if job.single == NULL or last < 0 or last > 0 and job.shape[last] < SHORTEST_ROW:
        return False
    for k in range(job.count):
        o = &job.operands[k]
        if o.mode == GATHER and o.width == 4 and (o.strides[last] == 4 or o.strides[last] == 0):
            moves |= o.strides[last] == 4
        elif o.mode != BROADCAST:
            return False
    return moves


cdef void job_singles(const Job *job, Arr *out, bint falling) noexcept nogil:
    """One call of the kernel in float32 for each row, or for each stretch of a long one."""
    cdef const char *p[2]
    cdef const char *q[2]
    cdef double number[2]
    cdef Py_ssize_t down[2], along[2]
    cdef const Operand *o
    cdef int k, last = job.ndim - 1
    cdef Py_ssize_t n = job.shape[last], rows = job.shape[last - 1] if last else 1
    cdef Py_ssize_t panel, row, block, start
    cdef Py_ssize_t step = n if n < NOGIL_SIZE else LONG_STRETCH
    cdef Py_ssize_t blocks = (n + step - 1) // step
    cdef float *dst = <float *>out.data
    for panel in range(job.size // (rows * n)):
        for k in range(2):
            o = &job.operands[k]
            p[k] = panel_of(job, o, panel)
            along[k] = o.strides[last] if o.mode == GATHER else 0
            down[k] = o.strides[last - 1] if last and o.mode == GATHER else 0
        for row in range(rows):
            for k in range(2):
                q[k] = p[k]
                if job.operands[k].mode == GATHER and not along[k]:
                    number[k] = (<const float *>p[k])[0]
                    q[k] = <const char *>&number[k]
                p[k] += down[k]
            for block in range(blocks):
                start = (fallen(block, blocks, step) if falling else block) * step
                job.single(n - start if n - start < step else step, dst + start,
                           q[0] + start * along[0], q[1] + start * along[1], along[0], along[1])
            dst += n


cdef bint _falling = False


cdef bint goes_down() noexcept:
    """Large jobs go up and down in turn: the next one begins where this one has left its data in
    the cache."""
    global _falling
    _falling = not _falling
    return _falling


cdef void job_execute(Job *job, ew_fn value, adj_fn adjoint, Arr *out, int accumulate) noexcept:
    cdef bint falling
    if job.size == 0:
        return
    job_coalesce(job)
    if job.size < NOGIL_SIZE:
        job_any(job, value, adjoint, out, accumulate, False)
    else:
        falling = goes_down()
        with nogil:
            job_any(job, value, adjoint, out, accumulate, falling)


cdef inline void job_any(const Job *job, ew_fn value, adj_fn adjoint, Arr *out, int accumulate,
                         bint falling) noexcept nogil:
    if goes_single(job):
        job_singles(job, out, falling)
    else:
        job_run(job, value, adjoint, out, accumulate, falling)


cdef bint broadcast_into(Job *job, Array a) noexcept:
    """Widen the job's shape by an operand's; False where that does not fit."""
    cdef Arr *r
    cdef int i, j, shift
    cdef Py_ssize_t extent
    if a is None or not N(a).flags & NODE_ARRAY:
        return True
    r = N(a).arr
    if r.ndim > job.ndim:
        shift = r.ndim - job.ndim
        for i in range(job.ndim - 1, -1, -1):
            job.shape[i + shift] = job.shape[i]
        for i in range(shift):
            job.shape[i] = 1
        job.ndim = r.ndim
    shift = job.ndim - r.ndim
    for i in range(r.ndim):
        j = i + shift
        extent = ARR_SHAPE(r)[i]
        if job.shape[j] == 1:
            job.shape[j] = extent
        elif extent != 1 and extent != job.shape[j]:
            return False
    return True


cdef int job_shape(Job *job, int op, Array a, Array b, Array c, Array d) except -1:
    cdef int i
    job.ndim = 0
    job.count = 0
    job.single = NULL
    if not (broadcast_into(job, a) and broadcast_into(job, b) and broadcast_into(job, c)
            and broadcast_into(job, d)):
        shapes = " ".join([str(shape_tuple(x)) for x in (a, b, c, d) if x is not None])
        raise misfit(f"{op_name(op)}: operands could not be broadcast together with shapes "
                     f"{shapes}")
    job.size = 1
    for i in range(job.ndim):
        job.size *= job.shape[i]
    return 0
