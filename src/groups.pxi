# Groups: elementwise work over many points, a block of points at a time.
#
# Compiles a unit of a schedule into kernel calls over slots (memory, numbers,
# lanes) and runs them; must not know any operator, only its kernel.  Fast because
# a block of points goes through all instructions while it is in the first-level
# cache: intermediate values are lanes that are never stored, and whatever is not
# plain float64 memory is gathered into lanes once.

cdef extern from "threads.h":
    enum:
        MAX_THREADS
    ctypedef void (*work_fn)(void *context, int worker) noexcept nogil
    void cdiff_parallel(work_fn work, void *context, int n) noexcept nogil
    void cdiff_pool_prepare() noexcept
    int64_t cdiff_take(int64_t *next, int64_t count) noexcept nogil

cdef extern from "kernel_table.h":
    void cdiff_prefetch(const void *p) noexcept nogil

cdef enum:
    FETCH_AHEAD = 300000          # bytes of a group from which memory is slower than its kernels
    SHARED_WORK = 400000          # points times instructions from which threads share a group

# What the steps of a call work on.
cdef struct Memory:
    char **bases
    char *lanes                   # lane_bytes for each worker
    Py_ssize_t lane_bytes
    int workers

cdef enum MicroKind:
    MICRO_VALUE
    MICRO_WHERE
    MICRO_PAIR                    # two functions of a: y, and c from its pair
    MICRO_GATHER                  # any memory into lanes
    MICRO_SINGLE                  # lanes rounded to float32, in place and into memory
    MICRO_ROUND                   # in place only
    MICRO_BOOL                    # lanes into memory as bool
    MICRO_SUM                     # adds up a block
    MICRO_ROWS                    # adds up each row of a block

cdef enum:
    MAX_SLOTS = 5 * MAX_GROUP
    LANE_ROOM = 4608              # doubles that all lanes of a group may take: most of L1

# Where a kernel finds its numbers: base and offset, and bytes from point to point.
cdef struct GroupSlot:
    int32_t base
    int32_t step
    Py_ssize_t offset

cdef struct Gather:
    int32_t base
    int width
    int ndim
    Py_ssize_t offset
    Py_ssize_t *shape
    Py_ssize_t *strides

# One call of a kernel: slots, and which of them move from point to point.
cdef struct Micro:
    MicroKind kind
    int32_t y, a, b, c
    int32_t sa, sb, sc
    int32_t instruction
    ew_fn kernel
    pair_fn pair
    Gather *gather

# A sum: where its partial sums are, and where it goes.
cdef struct GroupSum:
    Py_ssize_t scratch
    int32_t base
    Py_ssize_t offset

cdef struct Group:
    Py_ssize_t size, row, block, chunk, n_chunks
    Py_ssize_t lane_bytes
    int n_micros, n_slots, n_moving, n_sums
    int n_streams                 # slots that are worth fetching ahead: all that move, or none
    Micro *micros
    GroupSlot *slots              # those that move first
    GroupSum *sums


@cython.final
cdef class _GroupCompiler:
    """Makes the kernel calls of one unit."""
    cdef _Plan plan
    cdef Group *group
    cdef int32_t unit, instruction
    cdef Py_ssize_t capacity
    cdef dict known               # (base, offset, step, strides) -> slot

    def __init__(self, _Plan plan):
        self.plan = plan

    cdef Group *compile(self, _Schedule schedule, Py_ssize_t unit) except NULL:
        cdef const Unit *u = &schedule.units[unit]
        cdef _Plan plan = self.plan
        cdef Py_ssize_t at
        cdef int32_t i = schedule.order[u.start]
        cdef Group *g = <Group *>plan.pool.take(sizeof(Group))
        self.group = g
        self.unit = <int32_t>unit
        self.known = {}
        self.capacity = 8 * u.count
        g.micros = <Micro *>plan.scratch.take(self.capacity * sizeof(Micro))
        g.slots = <GroupSlot *>plan.scratch.take(self.capacity * sizeof(GroupSlot))
        g.sums = <GroupSum *>plan.pool.take(u.count * sizeof(GroupSum))
        g.size = self.points_of(i)
        at = u.start
        while at < u.start + u.count:
            i = schedule.order[at]
            at += 1
            self.instruction = i
            if plan.values[i].kind == KIND_SUM:
                self.add_sum(i)
            elif at < u.start + u.count and self.is_pair(i, schedule.order[at]):
                self.add_pair(i, schedule.order[at])
                at += 1
            else:
                self.add_lanes(i)
        self.set_geometry()
        self.move_to_pool()
        return g

    cdef Py_ssize_t points_of(self, int32_t i) noexcept:
        cdef _Plan plan = self.plan
        return plan.type(plan.program.code[i].a if plan.values[i].kind == KIND_SUM else i).size

    # ------------------------------------------------------------ slots

    cdef int32_t new_slot(self, int32_t base, Py_ssize_t offset, int step) noexcept:
        cdef GroupSlot *s = &self.group.slots[self.group.n_slots]
        s.base = base
        s.offset = offset
        s.step = step
        self.group.n_slots += 1
        return self.group.n_slots - 1

    cdef Micro *new_micro(self, MicroKind kind, int32_t y, int32_t a) noexcept:
        cdef Micro *m = &self.group.micros[self.group.n_micros]
        m.kind = kind
        m.y = y
        m.a = m.b = m.c = a
        m.sa = 1
        m.instruction = self.instruction
        self.group.n_micros += 1
        return m

    cdef int32_t operand(self, int32_t i, int32_t x, bint spread, int32_t *stride) except -1:
        """The slot of an operand; `spread`: numbers too have to be lanes."""
        cdef _Plan plan = self.plan
        cdef Value *root = &plan.values[plan.values[x].root]
        cdef const Type *t = plan.type(x)
        cdef Look look
        cdef int k
        cdef bint still = True
        cdef Py_ssize_t offset = root.place + plan.values[x].offset
        stride[0] = 1
        if root.unit == self.unit:
            return root.lane
        plan.look(i, x, &look)
        for k in range(look.ndim):
            still = still and look.strides[k] == 0
        if still and not spread and (t.typenum == NPY_DOUBLE or t.number):
            stride[0] = 0
            return self.shared_slot(root.base, offset, 0)
        if t.typenum == NPY_DOUBLE and look.ndim == 1 and look.strides[0] == 8:
            return self.shared_slot(root.base, offset, 8)
        return self.gathered(root.base, offset, t, &look)

    cdef int32_t shared_slot(self, int32_t base, Py_ssize_t offset, int step) except -1:
        cdef tuple key = (base, offset, step)
        if key not in self.known:
            self.known[key] = self.new_slot(base, offset, step)
        return self.known[key]

    cdef int32_t gathered(self, int32_t base, Py_ssize_t offset, const Type *t,
                          const Look *look) except -1:
        """Lanes with the elements of an operand, once for the whole group."""
        cdef Gather *g
        cdef int32_t y
        cdef int k, ndim = look.ndim if look.ndim else 1
        cdef tuple key
        key = (base, offset, t.typenum, tuple([(look.shape[k], look.strides[k])
                                               for k in range(look.ndim)]))
        if key in self.known:
            return self.known[key]
        g = <Gather *>self.plan.pool.take(sizeof(Gather))
        g.base = base
        g.offset = offset
        g.ndim = ndim
        g.width = WIDE_INTEGER if t.typenum == np.NPY_INT64 else \
            8 if t.number else <int>t.itemsize
        g.shape = <Py_ssize_t *>self.plan.pool.take(2 * ndim * sizeof(Py_ssize_t))
        g.strides = g.shape + ndim
        g.shape[0] = 1
        for k in range(look.ndim):
            g.shape[k] = look.shape[k]
            g.strides[k] = look.strides[k]
        y = self.new_slot(BASE_LANES, 0, 0)
        self.new_micro(MICRO_GATHER, y, y).gather = g
        self.known[key] = y
        return y

    # ------------------------------------------------------------ instructions

    cdef bint is_direct(self, int32_t i) noexcept:
        """Is its memory what kernels write?"""
        cdef const Value *v = &self.plan.values[i]
        return v.flags & STORED and self.plan.type(i).typenum == NPY_DOUBLE \
            or v.base == BASE_REGISTERS

    cdef int place_result(self, int32_t i) noexcept:
        cdef Value *v = &self.plan.values[i]
        if self.is_direct(i):
            v.lane = self.new_slot(v.base, v.place, 0 if v.base == BASE_REGISTERS else 8)
        else:
            v.lane = self.new_slot(BASE_LANES, 0, 0)
        return 0

    cdef bint is_pair(self, int32_t i, int32_t j) noexcept:
        cdef Instr *x = &self.plan.program.code[i]
        cdef Instr *y = &self.plan.program.code[j]
        return (x.op < N_ELEMENTWISE and OP_PAIR[x.op] and OP_PAIR[x.op] == y.op and x.a == y.a
                and self.plan.type(i).typenum == self.plan.type(j).typenum == NPY_DOUBLE
                and not self.plan.type(i).number)

    cdef int add_pair(self, int32_t i, int32_t j) except -1:
        cdef Micro *m
        cdef int32_t stride, a = self.operand(i, self.plan.program.code[i].a, True, &stride)
        self.place_result(i)
        self.place_result(j)
        m = self.new_micro(MICRO_PAIR, self.plan.values[i].lane, a)
        m.c = self.plan.values[j].lane
        m.pair = KERNELS.pair[self.plan.program.code[i].op]
        return 0

    cdef int add_lanes(self, int32_t i) except -1:
        cdef _Plan plan = self.plan
        cdef int32_t *operands = NULL
        cdef int32_t slots[3]
        cdef int32_t strides[3]
        cdef int k, count = operands_at(plan.program, i, &operands), op = plan.program.code[i].op
        cdef Value *v = &plan.values[i]
        cdef const Type *t = plan.type(i)
        cdef Micro *m
        for k in range(count):
            slots[k] = self.operand(i, operands[k], False, &strides[k])
        self.place_result(i)
        m = self.new_micro(MICRO_WHERE if op == OP_WHERE else MICRO_VALUE, v.lane, slots[0])
        m.sa = strides[0]
        if count > 1:
            m.b = slots[1]
            m.sb = strides[1]
        if count > 2:
            m.c = slots[2]
            m.sc = strides[2]
        m.kernel = KERNELS.value[OP_POSITIVE if op == OP_CAST else op]
        if t.typenum == NPY_FLOAT:
            k = self.new_slot(v.base, v.place, 4) if v.flags & STORED else v.lane
            self.new_micro(MICRO_SINGLE if v.flags & STORED else MICRO_ROUND, k, v.lane)
        elif v.flags & STORED and not self.is_direct(i):
            self.new_micro(MICRO_BOOL, self.new_slot(v.base, v.place, 1), v.lane)
        return 0

    cdef int add_sum(self, int32_t i) except -1:
        cdef Group *g = self.group
        cdef Value *v = &self.plan.values[i]
        cdef int32_t stride, a = self.operand(i, self.plan.program.code[i].a, True, &stride)
        if v.row < g.size:
            g.row = v.row
            self.new_micro(MICRO_ROWS, self.new_slot(v.base, v.place, 0), a)
            return 0
        self.new_micro(MICRO_SUM, g.n_sums, a)
        g.sums[g.n_sums].scratch = v.scratch
        g.sums[g.n_sums].base = v.base
        g.sums[g.n_sums].offset = v.place
        g.n_sums += 1
        return 0

    # ------------------------------------------------------------ finishing

    cdef int set_geometry(self) except -1:
        """Lanes are shared by values that do not live together; then the points of a block."""
        cdef Group *g = self.group
        cdef int *last = <int *>self.plan.scratch.take((g.n_slots + 1) * sizeof(int))
        cdef int k, slot, lanes = 0
        cdef Micro *m
        cdef list free_lanes = []
        for k in range(g.n_micros):
            m = &g.micros[k]
            last[m.a] = last[m.b] = last[m.c] = k
            if m.kind != MICRO_SUM:
                last[m.y] = k
        for k in range(g.n_slots):
            g.slots[k].offset = -1 if g.slots[k].base == BASE_LANES else g.slots[k].offset
        for k in range(g.n_micros):
            m = &g.micros[k]
            for slot in (m.a, m.b, m.c):
                if g.slots[slot].base == BASE_LANES and last[slot] == k \
                        and g.slots[slot].offset >= 0:
                    free_lanes.append(g.slots[slot].offset)
                    last[slot] = -1
            for slot in () if m.kind == MICRO_SUM else (m.y, m.c):
                if g.slots[slot].base == BASE_LANES and g.slots[slot].offset < 0:
                    if not free_lanes:
                        free_lanes.append(lanes)
                        lanes += 1
                    g.slots[slot].offset = free_lanes.pop()
        g.block = LANE_ROOM // (lanes + 1) & ~<Py_ssize_t>15
        g.block = MAX_BLOCK if g.block > MAX_BLOCK else 64 if g.block < 64 else g.block
        g.chunk = chunk_points(g.row)
        if g.chunk > g.size:
            g.chunk = g.size
        if 0 < g.row < g.block:
            g.block = g.block // g.row * g.row
        if g.block > g.chunk:
            g.block = g.chunk
        g.lane_bytes = (lanes * g.block * sizeof(double) + 2 * LINE) & ~<Py_ssize_t>(LINE - 1)
        g.n_chunks = (g.size + g.chunk - 1) // g.chunk if g.size else 0
        for k in range(g.n_slots):
            if g.slots[k].base == BASE_LANES:
                g.slots[k].offset *= g.block * sizeof(double)
        return 0

    cdef int move_to_pool(self) except -1:
        """The finished tables, with the slots that move in front."""
        cdef Group *g = self.group
        cdef GroupSlot *slots = <GroupSlot *>self.plan.pool.take(
            (g.n_slots + 1) * sizeof(GroupSlot))
        cdef Micro *micros = <Micro *>self.plan.pool.take((g.n_micros + 1) * sizeof(Micro))
        cdef int32_t *place = <int32_t *>self.plan.scratch.take((g.n_slots + 1) * sizeof(int32_t))
        cdef int k, moving = 0, still
        for k in range(g.n_slots):
            moving += g.slots[k].step != 0
        g.n_moving = moving
        still = moving
        moving = 0
        for k in range(g.n_slots):
            place[k] = moving if g.slots[k].step else still
            moving += g.slots[k].step != 0
            still += g.slots[k].step == 0
            slots[place[k]] = g.slots[k]
        for k in range(g.n_micros):
            micros[k] = g.micros[k]
            micros[k].a = place[micros[k].a]
            micros[k].b = place[micros[k].b]
            micros[k].c = place[micros[k].c]
            if micros[k].kind != MICRO_SUM:
                micros[k].y = place[micros[k].y]
        g.slots = slots
        g.micros = micros
        g.n_streams = moving if g.size * 8 * moving > FETCH_AHEAD else 0
        return 0


# ---------------------------------------------------------------- running

cdef void run_chunks(const Group *g, char **bases, char *lanes, Py_ssize_t first,
                     Py_ssize_t end, double *seconds) noexcept nogil:
    """The chunks from first up to end.  Nothing depends on how the chunks are shared out.

    `seconds`, if given, is where the time of each instruction is added up.
    """
    cdef char *at[MAX_SLOTS]
    cdef double sums[MAX_GROUP]
    cdef Py_ssize_t start, stop, n, chunk
    cdef int k
    cdef const GroupSlot *s
    for chunk in range(first, end):
        start = chunk * g.chunk
        stop = start + g.chunk if start + g.chunk < g.size else g.size
        for k in range(g.n_slots):
            s = &g.slots[k]
            at[k] = (lanes if s.base < 0 else bases[s.base]) + s.offset + start * s.step
        for k in range(g.n_sums):
            sums[k] = 0.0
        while True:
            n = g.block if stop - start > g.block else stop - start
            if g.row > g.block and n > g.row - start % g.row:
                n = g.row - start % g.row
            if seconds == NULL:
                run_block(g, bases, at, sums, start, n)
            else:
                time_block(g, bases, at, sums, start, n, seconds)
            start += n
            if start >= stop:
                break
            for k in range(g.n_moving):
                at[k] += n * g.slots[k].step
        for k in range(g.n_sums):
            (<double *>(bases[BASE_ARENA] + g.sums[k].scratch))[chunk] = sums[k]


cdef inline void run_block(const Group *g, char **bases, char **at, double *sums, Py_ssize_t start,
                           Py_ssize_t n) noexcept nogil:
    """All instructions on n points."""
    cdef int k, stream = 0
    for k in range(g.n_micros):
        if stream < g.n_streams and k * g.n_streams >= stream * g.n_micros:
            fetch_ahead(at[stream] + n * g.slots[stream].step, n * g.slots[stream].step)
            stream += 1
        run_micro(&g.micros[k], g, bases, at, sums, start, n)


cdef inline void fetch_ahead(const char *p, Py_ssize_t nbytes) noexcept nogil:
    """Have the next block brought into the cache while this one is computed."""
    cdef Py_ssize_t i = 0
    while i < nbytes:
        cdiff_prefetch(p + i)
        i += LINE


cdef void time_block(const Group *g, char **bases, char **at, double *sums, Py_ssize_t start,
                     Py_ssize_t n, double *seconds) noexcept nogil:
    """The same with a look at the clock after each instruction."""
    cdef double now, last = cdiff_clock()
    cdef int k
    for k in range(g.n_streams):
        fetch_ahead(at[k] + n * g.slots[k].step, n * g.slots[k].step)
    for k in range(g.n_micros):
        run_micro(&g.micros[k], g, bases, at, sums, start, n)
        now = cdiff_clock()
        seconds[g.micros[k].instruction] += now - last
        last = now


cdef inline void run_micro(const Micro *m, const Group *g, char **bases, char **at, double *sums,
                           Py_ssize_t start, Py_ssize_t n) noexcept nogil:
    if m.kind == MICRO_VALUE:
        m.kernel(n, <double *>at[m.y], <double *>at[m.a], <double *>at[m.b], m.sa, m.sb)
    elif m.kind == MICRO_PAIR:
        m.pair(n, <double *>at[m.y], <double *>at[m.c], <double *>at[m.a])
    elif m.kind == MICRO_WHERE:
        KERNELS.where(n, <double *>at[m.y], <double *>at[m.a], <double *>at[m.b],
                      <double *>at[m.c], m.sa, m.sb, m.sc)
    elif m.kind == MICRO_GATHER:
        gather_lanes(m.gather, bases, start, n, <double *>at[m.y])
    elif m.kind == MICRO_SUM:
        sums[m.y] += KERNELS.row[ROW_SUM](n, <double *>at[m.a])
    elif m.kind == MICRO_ROWS:
        sum_rows(g.row, start, n, <double *>at[m.a], <double *>at[m.y])
    else:
        round_lanes(m.kind, n, <double *>at[m.a], at[m.y])


cdef void gather_lanes(const Gather *g, char **bases, Py_ssize_t start, Py_ssize_t n,
                       double *dst) noexcept nogil:
    cdef const char *src = bases[g.base] + g.offset
    if g.ndim == 1:
        gather_row(src + start * g.strides[0], g.strides[0], g.width, n, dst)
    else:
        gather_part(g.ndim, g.shape, g.strides, src, g.width, start, n, dst)


cdef void sum_rows(Py_ssize_t row, Py_ssize_t start, Py_ssize_t n, const double *p,
                   double *out) noexcept nogil:
    """Sums of the rows that this block is made of, or of its part of one row."""
    cdef Py_ssize_t i
    out += start // row
    if n < row:
        out[0] = KERNELS.row[ROW_SUM](n, p) + (out[0] if start % row else 0.0)
        return
    for i in range(n // row):
        out[i] = KERNELS.row[ROW_SUM](row, p + i * row)


cdef void round_lanes(MicroKind kind, Py_ssize_t n, double *p, char *out) noexcept nogil:
    cdef Py_ssize_t i
    cdef float x
    if kind == MICRO_BOOL:
        for i in range(n):
            out[i] = p[i] != 0.0
    elif kind == MICRO_ROUND:
        for i in range(n):
            p[i] = <float>p[i]
    else:
        for i in range(n):
            x = <float>p[i]
            (<float *>out)[i] = x
            p[i] = x


cdef void finish_sums(const Group *g, char **bases) noexcept nogil:
    """The partial sums of the chunks, always in the same order."""
    cdef int k
    for k in range(g.n_sums):
        (<double *>(bases[g.sums[k].base] + g.sums[k].offset))[0] = KERNELS.row[ROW_SUM](
            g.n_chunks, <double *>(bases[BASE_ARENA] + g.sums[k].scratch))


# A group that several threads work on.
cdef struct GroupRun:
    const Group *group
    char **bases
    char *lanes
    Py_ssize_t lane_bytes
    int64_t next


cdef void share_group(void *context, int worker) noexcept nogil:
    """Take chunks until none is left."""
    cdef GroupRun *r = <GroupRun *>context
    cdef int64_t first = cdiff_take(&r.next, 1)
    while first < r.group.n_chunks:
        run_chunks(r.group, r.bases, r.lanes + worker * r.lane_bytes, first, first + 1,
                   NULL)
        first = cdiff_take(&r.next, 1)


cdef void run_group(const Group *g, const Memory *m) noexcept nogil:
    cdef GroupRun r
    if m.workers > 1 and g.n_chunks > 1 and g.size * g.n_micros >= SHARED_WORK:
        r.group = g
        r.bases = m.bases
        r.lanes = m.lanes
        r.lane_bytes = m.lane_bytes
        r.next = 0
        cdiff_parallel(share_group, &r, m.workers)
    else:
        run_chunks(g, m.bases, m.lanes, 0, g.n_chunks, NULL)
    finish_sums(g, m.bases)
