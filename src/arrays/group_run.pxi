# Running groups: kernels over a block of points at a time.
#
# Walks the calls of a group over chunks and blocks, and shares chunks out among
# threads; must not know what a kernel computes.  Fast because lanes stay in the
# first-level cache from call to call, and because the next block is on its way from
# memory while this one is computed.

cdef void run_chunks(const Group *g, char **bases, char *lanes, Py_ssize_t first,
                     Py_ssize_t end, double *seconds) noexcept nogil:
    """The chunks from first up to end.  Nothing depends on how the chunks are shared out.

    `seconds`, if given, is where the time of each instruction is added up.
    """
    cdef double sums[MAX_GROUP]
    cdef Py_ssize_t start = first * g.chunk, stop
    cdef int k
    if g.n_shifts and first < end and (start == 0 or not g.alone):
        begin_shifts(g, bases, lanes, start)
    while first < end:
        # Only sums tell one chunk from the next.
        first = first + 1 if g.n_sums else end
        stop = first * g.chunk if first < g.n_chunks else g.size
        for k in range(g.n_sums):
            sums[k] = 0.0
        run_points(g, bases, lanes, sums, start, stop, seconds)
        for k in range(g.n_sums):
            (<double *>(bases[BASE_ARENA] + g.sums[k].scratch))[first - 1] = sums[k]
        start = stop
    if g.far:
        code_fence()


cdef void begin_shifts(const Group *g, char **bases, char *lanes,
                       Py_ssize_t start) noexcept nogil:
    """What shifts keep is what comes before the first point; at another one, what some points
    before that give, whose results nobody sees."""
    cdef double sums[MAX_GROUP]
    cdef double *kept
    cdef const GroupShift *s
    cdef int k
    for k in range(g.n_sums):
        sums[k] = 0.0
    for k in range(g.n_shifts):
        s = &g.shifts[k]
        kept = <double *>(lanes + g.slots[s.slot].offset)
        memset(kept, 0, LINE)
        if s.base >= 0:
            memcpy(kept if s.ahead else kept + 8 - s.count, bases[s.base] + s.offset, 8 * s.count)
    if start:
        run_blocks(g, bases, lanes, sums, start - g.halo, start, NULL, True)


cdef void run_points(const Group *g, char **bases, char *lanes, double *sums, Py_ssize_t start,
                     Py_ssize_t stop, double *seconds) noexcept nogil:
    """The points from start up to stop, block by block."""
    run_blocks(g, bases, lanes, sums, start, stop, seconds, False)


cdef inline Py_ssize_t first_of(const Group *g, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
    """The first of n points, of which `start` come before on the way of the group."""
    return g.size - start - n if g.descends else start


cdef void run_blocks(const Group *g, char **bases, char *lanes, double *sums, Py_ssize_t start,
                     Py_ssize_t stop, double *seconds, bint unseen) noexcept nogil:
    """`unseen`: results go to a place behind the lanes."""
    cdef char *at[MAX_SLOTS]
    cdef Py_ssize_t n = points_at(g, start, stop), first = first_of(g, start, n), moved
    cdef Py_ssize_t least = first_of(g, start, stop - start)
    cdef int k
    cdef const GroupSlot *s
    for k in range(g.n_slots):
        s = &g.slots[k]
        at[k] = (lanes if s.base < 0 else bases[s.base]) + s.offset + first * s.step
    if unseen:
        for k in range(g.n_results):
            at[g.results[k]] = lanes + g.spare + 8 * (k * g.halo + first - least)
    while True:
        if seconds == NULL:
            run_block(g, bases, at, lanes, sums, first, n)
        else:
            time_block(g, bases, at, lanes, sums, first, n, seconds)
        start += n
        if start >= stop:
            break
        n = points_at(g, start, stop)
        moved = first_of(g, start, n) - first
        first += moved
        for k in range(g.n_moving):
            at[k] += moved * g.slots[k].step


cdef inline Py_ssize_t points_at(const Group *g, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """Of the block that begins there."""
    cdef Py_ssize_t n = g.block if stop - start > g.block else stop - start
    if g.row > g.block and n > g.row - start % g.row:
        n = g.row - start % g.row
    return n


cdef inline void run_block(const Group *g, char **bases, char **at, char *lanes, double *sums,
                           Py_ssize_t start, Py_ssize_t n) noexcept nogil:
    """All instructions on n points."""
    cdef int k
    cdef Fetch f
    f.left = g.n_streams
    f.stream = g.streams
    f.p = f.end = NULL
    for k in range(g.n_micros):
        if f.left:
            fetch_ahead(&f, g.fetches, bases, start + n, n)
        run_micro(&g.micros[k], g, bases, at, lanes, sums, start, n)


# How far the next block has been asked for.
cdef struct Fetch:
    int left                      # streams
    const Stream *stream
    const char *p
    const char *end


cdef inline void fetch_ahead(Fetch *f, Py_ssize_t lines, char **bases, Py_ssize_t start,
                             Py_ssize_t n) noexcept nogil:
    """Have the next lines brought into the cache: few at a time, for only some can be under way."""
    while lines > 0:
        if f.p >= f.end:
            if f.left == 0:
                return
            f.p = bases[f.stream.base] + f.stream.offset + start * f.stream.step
            f.end = f.p + n * f.stream.step
            f.stream += 1
            f.left -= 1
        cdiff_prefetch(f.p)
        f.p += LINE
        lines -= 1


cdef void time_block(const Group *g, char **bases, char **at, char *lanes, double *sums,
                     Py_ssize_t start, Py_ssize_t n, double *seconds) noexcept nogil:
    """The same with a look at the clock after each instruction."""
    cdef double now, last = cdiff_clock()
    cdef int k
    for k in range(g.n_micros):
        run_micro(&g.micros[k], g, bases, at, lanes, sums, start, n)
        now = cdiff_clock()
        seconds[g.micros[k].instruction] += now - last
        last = now


cdef inline void run_micro(const Micro *m, const Group *g, char **bases, char **at, char *lanes,
                           double *sums, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
    if m.kind == MICRO_NATIVE:
        if m.run.n_edges:
            run_with_edges(m.run, bases, at, lanes, start, n)
        else:
            m.run.call(n, at, lanes)
    elif m.kind == MICRO_VALUE:
        m.kernel(n, <double *>at[m.y], <double *>at[m.a], <double *>at[m.b], m.sa, m.sb)
    elif m.kind == MICRO_FUSED:
        m.fused(n, <double *>at[m.y], <double *>at[m.a], <double *>at[m.b], <double *>at[m.c],
                m.sb, m.sc)
    elif m.kind == MICRO_PRODUCTS:
        m.products(n, <double *>at[m.y], <double *>at[m.a], <double *>at[m.b],
                   <double *>at[m.c], <double *>at[m.d])
    elif m.kind == MICRO_PAIR:
        m.pair(n, <double *>at[m.y], <double *>at[m.c], <double *>at[m.a])
    elif m.kind == MICRO_WHERE:
        KERNELS.where(n, <double *>at[m.y], <double *>at[m.a], <double *>at[m.b],
                      <double *>at[m.c], m.sa, m.sb, m.sc)
    elif m.kind == MICRO_GATHER:
        gather_lanes(m.gather, bases, start, n, <double *>at[m.y])
    elif m.kind == MICRO_SCATTER:
        scatter_lanes(m.gather, bases, start, n, <double *>at[m.a])
    elif m.kind == MICRO_SUM:
        sums[m.y] += KERNELS.row[ROW_SUM](n, <double *>at[m.a])
    elif m.kind == MICRO_ROWS:
        sum_rows(g.row, start, n, <double *>at[m.a], <double *>at[m.y])
    else:
        write_bools(n, <double *>at[m.a], at[m.y])


cdef void run_with_edges(const Run *r, char **bases, char **at, char *lanes, Py_ssize_t start,
                         Py_ssize_t n) noexcept nogil:
    """Machine code that writes at all points: of a block in which some are left out, into lanes."""
    cdef const Gather *x
    cdef int k
    for k in range(r.n_edges):
        x = r.edges[k]
        if start < x.first or start + n > x.first + x.count:
            at[x.table] = at[x.spare]
    r.call(n, at, lanes)
    for k in range(r.n_edges):
        x = r.edges[k]
        if start < x.first or start + n > x.first + x.count:
            scatter_lanes(x, bases, start, n, <double *>at[x.spare])
            at[x.table] = bases[x.base] + x.offset + 8 * (start - x.first)


cdef void gather_lanes(const Gather *g, char **bases, Py_ssize_t start, Py_ssize_t n,
                       double *lanes) noexcept nogil:
    """From memory into lanes."""
    cdef char *p = bases[g.base] + g.offset
    if g.taking != NULL:
        take_block(g.taking, bases, <const double *>p, start, n, lanes)
    elif g.ndim != 1:
        walk_part(g.ndim, g.shape, g.strides, p, g.width, start, n, lanes, False)
    else:
        gather_row(p + start * g.strides[0], g.strides[0], g.width, n, lanes)


cdef void scatter_lanes(const Gather *g, char **bases, Py_ssize_t start, Py_ssize_t n,
                        double *lanes) noexcept nogil:
    """Out of lanes into memory, as far as the points are among those that are written."""
    cdef char *p = bases[g.base] + g.offset
    cdef Py_ssize_t end = start + n if start + n < g.first + g.count else g.first + g.count
    if start < g.first:
        lanes += g.first - start
        start = g.first
    n = end - start
    start -= g.first
    if n <= 0:
        return
    if g.width == 4:
        KERNELS.narrow(n, <float *>p + start, lanes)
    elif g.ndim != 1:
        walk_part(g.ndim, g.shape, g.strides, p, g.width, start, n, lanes, True)
    else:
        move_row(MOVE_COPY, n, p + start * g.strides[0], g.strides[0], <char *>lanes, 8)


cdef void sum_rows(Py_ssize_t row, Py_ssize_t start, Py_ssize_t n, const double *p,
                   double *out) noexcept nogil:
    """Sums of the rows that this block is made of, or of its part of one row."""
    cdef Py_ssize_t i
    out += start // row
    if n < row:
        out[0] = KERNELS.row[ROW_SUM](n, p) + (out[0] if start % row else 0.0)
    elif row <= SHORT_ROW:
        reduce_short(OP_ADD, n // row, row, p, out)
    else:
        for i in range(n // row):
            out[i] = KERNELS.row[ROW_SUM](row, p + i * row)


cdef void write_bools(Py_ssize_t n, const double *p, char *out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = p[i] != 0.0


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
    Py_ssize_t taken              # chunks at a time
    int workers
    WorkShare shares[MAX_THREADS]


cdef void share_group(void *context, int worker) noexcept nogil:
    """Take chunks until none is left."""
    cdef GroupRun *r = <GroupRun *>context
    cdef int64_t first, last = 0
    while True:
        first = cdiff_take_dealt(r.shares, r.workers, worker, r.taken, &last)
        if first < 0:
            return
        run_chunks(r.group, r.bases, r.lanes + worker * r.lane_bytes, first, last, NULL)


cdef int taking_outside(const Group *g, char **bases) noexcept nogil:
    """The first rows of a group that are taken at a position that does not exist; -1: none."""
    cdef int k
    for k in range(g.n_takings):
        if not are_positions_inside(&g.takings[k], bases):
            return k
    return -1


cdef bint run_group(const Group *g, const Memory *m) noexcept nogil:
    """All points; False if a position is out of range, or with an exception set if a signal ended
    that."""
    cdef GroupRun r
    cdef Py_ssize_t first = 0, end, some = 1 + STRETCH_WORK // (g.chunk * g.weight + 1)
    if taking_outside(g, m.bases) >= 0:
        return False
    r.group = g
    r.bases = m.bases
    r.lanes = m.lanes
    r.lane_bytes = m.lane_bytes
    r.workers = m.workers
    while first < g.n_chunks:
        if first and signalled():
            return False
        end = first + some if first + some < g.n_chunks else g.n_chunks
        if m.workers > 1 and g.n_chunks > 1 and not g.alone and g.size * g.cost >= SHARED_COST:
            r.taken = taken_at_once(g, end - first, m.workers)
            cdiff_deal(r.shares, m.workers, first, end)
            cdiff_parallel(share_group, &r, m.workers)
        else:
            run_chunks(g, m.bases, m.lanes, first, end, NULL)
        first = end
    finish_sums(g, m.bases)
    return True


cdef inline Py_ssize_t taken_at_once(const Group *g, Py_ssize_t count,
                                     int workers) noexcept nogil:
    """Of so many chunks: few, since the others wait for whoever takes the last ones; of a group
    with shifts more, since whoever takes some computes points before them."""
    cdef Py_ssize_t n = 1 + count // (TAKES * workers), least = SHIFTED_POINTS // g.chunk
    return least if g.n_shifts and n < least else n


cdef bint signalled() noexcept nogil:
    """Whether a signal, looked for with the GIL, has left an exception."""
    with gil:
        return cdiff_check_signals() != 0
