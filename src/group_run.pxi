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
        walk_lanes(m.gather, bases, start, n, <double *>at[m.y], False)
    elif m.kind == MICRO_SCATTER:
        walk_lanes(m.gather, bases, start, n, <double *>at[m.a], True)
    elif m.kind == MICRO_SUM:
        sums[m.y] += KERNELS.row[ROW_SUM](n, <double *>at[m.a])
    elif m.kind == MICRO_ROWS:
        sum_rows(g.row, start, n, <double *>at[m.a], <double *>at[m.y])
    else:
        round_lanes(m.kind, n, <double *>at[m.a], at[m.y])


cdef void walk_lanes(const Gather *g, char **bases, Py_ssize_t start, Py_ssize_t n,
                     double *lanes, bint out) noexcept nogil:
    """From memory into lanes, or out of them."""
    cdef char *p = bases[g.base] + g.offset
    if g.ndim != 1:
        walk_part(g.ndim, g.shape, g.strides, p, g.width, start, n, lanes, out)
    elif out:
        move_row(MOVE_COPY, n, p + start * g.strides[0], g.strides[0], <char *>lanes, 8)
    else:
        gather_row(p + start * g.strides[0], g.strides[0], g.width, n, lanes)


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
