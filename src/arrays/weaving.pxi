# Weaves: steps that pass over long arrays together.
#
# Groups of elementwise work that read each other's results shifted (stencils, the stages
# of an explicit method) cannot be one group, but for a few points in machine code
# (shifts.pxi).  But they can take turns: each computes a stretch of points, as far
# behind the one before as it reads ahead, and long copies between them go along.  Knows
# which bytes steps touch; it must not know what they compute.  Fast because what one
# group has written is still in a cache near the processor when the next one reads it (20
# upwind steps of a million numbers: 21.7 to 11.6 ms).  Arrays that stay there anyway
# lose by it: up to 9 percent, with 20,000 numbers.

cdef enum:
    WOVEN_POINTS = 512            # that a group computes before it is the next one's turn
    WOVEN_FROM = 1 << 16          # points of a group: half a megabyte
    SHORT_COPY = 64               # elements that are copied beside a long copy
    MOST_TOUCHES = 512            # of a weave, and steps: a search takes the square of that


# ---------------------------------------------------------------- what groups touch

cdef int find_touches(_Pool scratch, Group *g) except -1:
    """All memory of a group whose calls are not joined yet; n_touches stays -1 where it cannot be
    woven: it is short, or its points are not all alike."""
    cdef const Micro *m
    cdef int k, count = 0
    g.n_touches = -1
    if g.size < WOVEN_FROM or g.n_sums or g.row or g.n_takings or g.n_shifts:
        return 0
    g.touches = <Touch *>scratch.take((g.n_slots + g.n_micros + 1) * sizeof(Touch))
    for k in range(g.n_slots):
        if g.slots[k].base != BASE_LANES and g.slots[k].step != 8 and g.slots[k].step != 0:
            return 0
        set_touch(&g.touches[k], g.slots[k].base, g.slots[k].offset,
                  g.size if g.slots[k].step else 1)
        g.touches[k].walks = g.slots[k].step == 8
    for k in range(g.n_micros):
        m = &g.micros[k]
        if m.gather == NULL:
            g.touches[m.y].writes = True
        if m.kind == MICRO_PAIR:
            g.touches[m.c].writes = True
    for k in range(g.n_slots):
        if g.touches[k].base != BASE_LANES:
            g.touches[count] = g.touches[k]
            count += 1
    for k in range(g.n_micros):
        if g.micros[k].gather != NULL:
            touch_gather(&g.touches[count], &g.micros[k])
            count += 1
    g.n_touches = count
    return 0


cdef void set_touch(Touch *t, int32_t base, Py_ssize_t offset, Py_ssize_t count) noexcept:
    """Neighbouring doubles."""
    t.base = base
    t.writes = t.walks = False
    t.low = t.origin = offset
    t.high = offset + 8 * count


cdef void touch_gather(Touch *t, const Micro *m) noexcept:
    """Memory that is walked along, in whatever order."""
    cdef const Gather *x = m.gather
    set_touch(t, x.base, x.offset, 1)
    spread_touch(t, x.ndim, x.shape, x.strides)
    t.writes = m.kind == MICRO_SCATTER
    t.walks = x.ndim == 1 and x.strides[0] == 8 and x.width == 8
    t.origin = x.offset - 8 * x.first


cdef void spread_touch(Touch *t, int ndim, const Py_ssize_t *shape,
                       const Py_ssize_t *strides) noexcept:
    """All that axes lead to."""
    cdef int k
    for k in range(ndim):
        if strides[k] > 0:
            t.high += (shape[k] - 1) * strides[k]
        else:
            t.low += (shape[k] - 1) * strides[k]


# ---------------------------------------------------------------- making weaves

@cython.final
cdef class _Weaving:
    """The weave that begins at a step."""
    cdef const Step *steps
    cdef Touch touches[MOST_TOUCHES]     # of all steps so far
    cdef Py_ssize_t owner[MOST_TOUCHES]  # the step of each
    cdef Woven woven[MOST_TOUCHES]
    cdef Py_ssize_t count, n_touches, groups
    cdef bint shares                     # is there memory that two groups touch?

    cdef void begin(self, const Step *steps) noexcept:
        self.steps = steps
        self.count = self.n_touches = self.groups = 0
        self.shares = False

    cdef bint add(self, const Step *s) noexcept:
        """One more step, if it fits."""
        cdef Py_ssize_t points
        if s.kind == STEP_GROUP:
            return s.group.n_touches >= 0 and self.add_as(s, s.group.size)
        if s.kind != STEP_MOVES:
            return False
        points = long_copy(s)
        return points != 0 and self.add_as(s, points) or self.add_as(s, 0)

    cdef bint add_as(self, const Step *s, Py_ssize_t points) noexcept:
        """The same for a step that takes turns over so many points; 0: for a copy made at once."""
        cdef Woven *w = &self.woven[self.count]
        cdef Py_ssize_t k, n, before = self.n_touches
        w.lag = w.round = 0
        w.points = points
        n = s.group.n_touches if s.kind == STEP_GROUP else 2 * s.count + 2
        if before + n > MOST_TOUCHES:
            return False
        if s.kind == STEP_GROUP:
            memcpy(&self.touches[before], s.group.touches, n * sizeof(Touch))
        else:
            n = touch_moves(s, points, &self.touches[before])
        for k in range(before, before + n):
            self.owner[k] = self.count
            if not self.follows(&self.touches[k], before):
                return False
        # A later touch may have put the whole step off: only now is it known when it runs.
        if not self.meets_copies(before, n):
            return False
        self.n_touches += n
        self.groups += s.kind == STEP_GROUP
        self.count += 1
        return True

    cdef bint follows(self, const Touch *b, Py_ssize_t before) noexcept:
        """Puts the step off until what it touches is ready; False if that is too long."""
        cdef Woven *w = &self.woven[self.count]
        cdef const Touch *a
        cdef const Woven *other
        cdef Py_ssize_t k, needed, ahead
        for k in range(before):
            a = &self.touches[k]
            if not meet(a, b):
                continue
            other = &self.woven[self.owner[k]]
            if other.points and w.points:
                self.shares = True
            if not (a.writes or b.writes):
                continue
            if not other.points:
                w.round = other.round if w.round < other.round else w.round
            elif w.points:
                ahead = b.origin - a.origin
                if not (a.walks and b.walks) or ahead % 8:
                    return False
                needed = (other.lag + ahead // 8 + 7) & ~<Py_ssize_t>7
                w.lag = needed if w.lag < needed else w.lag
            else:
                needed = (last_point(a, b, other.points) + other.lag) // WOVEN_POINTS
                w.round = needed if w.round < needed else w.round
        return w.lag <= WOVEN_POINTS

    cdef bint meets_copies(self, Py_ssize_t before, Py_ssize_t n) noexcept:
        """Is every copy that the step waits for made before it?"""
        cdef const Touch *a
        cdef const Touch *b
        cdef Py_ssize_t k, j, first
        if not self.woven[self.count].points:
            return True
        for k in range(before):
            a = &self.touches[k]
            if self.woven[self.owner[k]].points:
                continue
            for j in range(before, before + n):
                b = &self.touches[j]
                if meet(a, b) and (a.writes or b.writes):
                    first = 0 if not b.walks or a.low < b.low else (a.low - b.origin) // 8
                    if (first + self.woven[self.count].lag) // WOVEN_POINTS \
                            < self.woven[self.owner[k]].round:
                        return False
        return True


cdef bint meet(const Touch *a, const Touch *b) noexcept:
    return a.base == b.base and a.low < b.high and b.low < a.high


cdef Py_ssize_t last_point(const Touch *a, const Touch *b, Py_ssize_t size) noexcept:
    """The last one of a group of `size` points where its touch a meets b."""
    cdef Py_ssize_t end = a.high if a.high < b.high else b.high
    return (end - 1 - a.origin) // 8 if a.walks else size - 1


cdef Py_ssize_t long_copy(const Step *s) noexcept:
    """The points of a stretch that is copied to where hardly more stands beside it; 0: none."""
    cdef const MovePart *m
    cdef Py_ssize_t i, n = 0
    if s.op != OP_CONCATENATE:            # whose parts lie apart
        return 0
    for i in range(s.count):
        m = &s.moves[i]
        if m.ndim != 1 or m.shape[0] > 1 and (m.to[0] != 8 or m.source[0] != 8):
            return 0
        if m.shape[0] > SHORT_COPY:
            if n:
                return 0
            n = m.shape[0]
    return n if n >= WOVEN_FROM else 0


cdef Py_ssize_t first_point(const Step *s, const MovePart *m, Py_ssize_t points) noexcept nogil:
    """Where a short copy comes on the way of the long one: next to what lies beside it."""
    cdef const MovePart *other = s.moves
    cdef Py_ssize_t ahead
    while other.shape[0] != points:
        other += 1
    ahead = (m.to_offset - other.to_offset) // 8
    return 0 if ahead < 0 else ahead if ahead < points - m.shape[0] else points - m.shape[0]


cdef Py_ssize_t touch_moves(const Step *s, Py_ssize_t points, Touch *out) noexcept:
    """What copies read and write; returns how many touches that are."""
    cdef const MovePart *m
    cdef Py_ssize_t i, n = 0, first
    if s.zeros:
        set_touch(&out[0], s.out.base, s.out.offset, s.filled // 8)
        set_touch(&out[1], s.out.base, s.out.offset + s.filled_end,
                  (s.out.nbytes - s.filled_end) // 8)
        out[0].writes = out[1].writes = True
        n = 2
    for i in range(s.count):
        m = &s.moves[i]
        set_touch(&out[n], m.to_base, m.to_offset, 1)
        spread_touch(&out[n], m.ndim, m.shape, m.to)
        out[n].writes = True
        set_touch(&out[n + 1], m.from_base, m.from_offset, 1)
        spread_touch(&out[n + 1], m.ndim, m.shape, m.source)
        if points:
            first = first_point(s, m, points)
            out[n].walks = out[n + 1].walks = True
            out[n].origin -= 8 * first
            out[n + 1].origin -= 8 * first
        n += 2
    return n


cdef int find_weaves(Executable e) except -1:
    """The longest ones within stretches, from each group that is in none yet."""
    cdef _Weaving w = None
    cdef Py_ssize_t i, k
    cdef const Stretch *s
    for k in range(e.n_stretches):
        s = &e.stretches[k]
        i = s.start
        while i < s.end:
            if s.python or e.steps[i].kind != STEP_GROUP or e.steps[i].group.n_touches < 0:
                i += 1
                continue
            if w is None:
                w = _Weaving()
            w.begin(&e.steps[i])
            while i < s.end and w.count < MOST_TOUCHES and w.add(&e.steps[i]):
                i += 1
            if w.count == 0:
                i += 1
            elif w.groups > 1 and w.shares:
                e.steps[i - w.count].weave = keep_weave(e.pool, w)
    return 0


cdef Weave *keep_weave(_Pool pool, _Weaving w) except NULL:
    cdef Weave *out = <Weave *>pool.take(sizeof(Weave))
    cdef const Step *s
    cdef Py_ssize_t k, rounds
    out.count = w.count
    out.steps = <Woven *>pool.take(w.count * sizeof(Woven))
    memcpy(out.steps, w.woven, w.count * sizeof(Woven))
    for k in range(w.count):
        s = &w.steps[k]
        rounds = w.woven[k].round + 1
        if s.kind == STEP_GROUP:
            out.weight += s.group.weight
            out.far = out.far or s.group.far
        if w.woven[k].points:
            rounds = (w.woven[k].points + w.woven[k].lag + WOVEN_POINTS - 1) // WOVEN_POINTS
        out.rounds = rounds if out.rounds < rounds else out.rounds
    return out


# ---------------------------------------------------------------- running them

cdef bint run_weave(const Step *s, const Memory *m) noexcept nogil:
    """The steps of a weave in turn; False with an exception set if a signal ended that."""
    cdef const Weave *w = s.weave
    cdef Py_ssize_t i, k, start, stop, points, work = 0
    for i in range(w.rounds):
        for k in range(w.count):
            points = w.steps[k].points
            if not points:
                if w.steps[k].round == i:
                    run_moves(&s[k], m.bases)
                continue
            start = i * WOVEN_POINTS - w.steps[k].lag
            stop = start + WOVEN_POINTS if start + WOVEN_POINTS < points else points
            start = start if start > 0 else 0
            if start >= stop:
                continue
            if s[k].kind == STEP_GROUP:
                run_points(s[k].group, m.bases, m.lanes, NULL, start, stop, NULL)
            else:
                copy_points(&s[k], m.bases, points, start, stop)
        work += WOVEN_POINTS * w.weight
        if work > STRETCH_WORK:
            work = 0
            if signalled():
                return False
    if w.far:
        code_fence()
    return True


cdef void copy_points(const Step *s, char **bases, Py_ssize_t points, Py_ssize_t start,
                      Py_ssize_t stop) noexcept nogil:
    """What stands at these points of a long copy."""
    cdef const MovePart *m
    cdef Py_ssize_t i, first, low, high
    for i in range(s.count):
        m = &s.moves[i]
        first = first_point(s, m, points)
        low = 0 if start < first else start - first
        high = m.shape[0] if m.shape[0] < stop - first else stop - first
        if low < high:
            copy_bytes(bases[m.to_base] + m.to_offset + 8 * low,
                       bases[m.from_base] + m.from_offset + 8 * low, 8 * (high - low))
