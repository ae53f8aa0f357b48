# The order in which a program runs: the second part of planning a run.
#
# Puts instructions into units: stretches of work on numbers, groups of
# elementwise work over the same points, and single steps.  Knows who waits for
# whom and how large values are; it must not know what anything computes.  Small
# things go first, so that as much as possible is ready when a group over many
# points begins: a larger group passes over memory less often.

cdef enum UnitKind:
    UNIT_LOADS
    UNIT_NUMBERS
    UNIT_GROUP
    UNIT_STEP

cdef enum:
    MAX_GROUP = 1024               # instructions in a group
    INDEX_BITS = 32               # of a key in a heap: below, the instruction; above, its class
    WAY_UP = 1                    # from the first point to the last one,
    WAY_DOWN = 2                  # or back

# Instructions order[start] to order[start + count - 1], which run as one.
cdef struct Unit:
    UnitKind kind
    int32_t start
    int32_t count

# The smallest key comes out first.
cdef struct Heap:
    int64_t *keys
    Py_ssize_t count
    Py_ssize_t capacity


cdef int heap_push(Heap *h, int64_t key) except -1:
    cdef Py_ssize_t i = h.count, up
    if h.count == h.capacity:
        h.keys = <int64_t *>grown(h.keys, NULL, &h.capacity, sizeof(int64_t))
    h.count += 1
    while i:
        up = (i - 1) // 2
        if h.keys[up] <= key:
            break
        h.keys[i] = h.keys[up]
        i = up
    h.keys[i] = key
    return 0


cdef int64_t heap_pop(Heap *h) noexcept:
    cdef int64_t first = h.keys[0], key
    cdef Py_ssize_t i = 0, child = 1
    h.count -= 1
    key = h.keys[h.count]
    while child < h.count:
        if child + 1 < h.count and h.keys[child + 1] < h.keys[child]:
            child += 1
        if h.keys[child] >= key:
            break
        h.keys[i] = h.keys[child]
        i = child
        child = 2 * i + 1
    h.keys[i] = key
    return first


cdef inline int32_t key_index(int64_t key) noexcept:
    return <int32_t>(key & 0xFFFFFFFF)


@cython.final
cdef class _Schedule:
    cdef _Plan plan
    cdef Heap ready               # everything that could run now
    cdef Heap *lanes              # of that, the lanes of each key
    cdef Py_ssize_t n_keys
    cdef int32_t *order
    cdef Py_ssize_t count
    cdef Unit *units
    cdef Py_ssize_t n_units
    cdef int32_t *later           # what waits for the end of the group
    cdef Py_ssize_t n_later, later_capacity

    def __init__(self, _Plan plan not None):
        cdef Py_ssize_t i
        self.plan = plan
        self.n_keys = len(plan.keys)
        self.order = <int32_t *>plan.scratch.take((plan.n + 1) * sizeof(int32_t))
        self.units = <Unit *>plan.scratch.take((plan.n + 1) * sizeof(Unit))
        self.lanes = <Heap *>PyMem_Calloc(self.n_keys + 1, sizeof(Heap))
        if self.lanes == NULL:
            raise MemoryError()
        for i in range(plan.n):
            if plan.values[i].kind > KIND_VIEW and plan.values[i].waits == 0:
                self.make_ready(<int32_t>i)
        while self.ready.count:
            self.next_unit()

    def __dealloc__(self):
        cdef Py_ssize_t i
        free(self.ready.keys)
        free(self.later)
        if self.lanes != NULL:
            for i in range(self.n_keys):
                free(self.lanes[i].keys)
        PyMem_Free(self.lanes)

    cdef int make_ready(self, int32_t i) except -1:
        """Its class: loads, numbers, then everything by size."""
        cdef Value *v = &self.plan.values[i]
        cdef const Type *t
        cdef Py_ssize_t size
        cdef int64_t rank = 0
        if v.kind == KIND_NUMBER:
            rank = 1
        elif v.kind != KIND_LOAD:
            t = self.plan.type(self.plan.program.code[i].a if v.kind == KIND_SUM else i)
            size = t.size
            rank = 2
            while size > 1:
                size >>= 1
                rank += 1
        heap_push(&self.ready, rank << INDEX_BITS | i)
        if v.key >= 0:
            heap_push(&self.lanes[v.key], i)
        return 0

    cdef int next_unit(self) except -1:
        cdef int32_t i = key_index(self.ready.keys[0])
        cdef Kind kind = self.plan.values[i].kind
        if self.plan.values[i].unit >= 0:
            heap_pop(&self.ready)             # a group has taken it
            return 0
        self.units[self.n_units].start = <int32_t>self.count
        if kind == KIND_LANES or kind == KIND_SUM:
            self.units[self.n_units].kind = UNIT_GROUP
            self.take_group(self.plan.values[i].key)
        elif kind == KIND_STEP:
            self.units[self.n_units].kind = UNIT_STEP
            heap_pop(&self.ready)
            self.take(i)
            self.release(i)
        else:
            self.units[self.n_units].kind = UNIT_LOADS if kind == KIND_LOAD else UNIT_NUMBERS
            self.take_numbers(kind)
        self.units[self.n_units].count = <int32_t>self.count - self.units[self.n_units].start
        self.n_units += 1
        return 0

    cdef int take(self, int32_t i) except -1:
        self.plan.values[i].unit = <int32_t>self.n_units
        self.order[self.count] = i
        self.count += 1
        return 0

    cdef int release(self, int32_t i) except -1:
        """What waited for i alone is ready."""
        cdef Py_ssize_t k
        for k in range(self.plan.first_edge[i], self.plan.first_edge[i + 1]):
            self.release_edge(self.plan.edges[k])
        return 0

    cdef inline int release_edge(self, int32_t reader) except -1:
        self.plan.values[reader].waits -= 1
        if self.plan.values[reader].waits == 0:
            self.make_ready(reader)
        return 0

    cdef int take_numbers(self, Kind kind) except -1:
        cdef int32_t i
        while self.ready.count:
            i = key_index(self.ready.keys[0])
            if self.plan.values[i].kind != kind:
                break
            heap_pop(&self.ready)
            self.take(i)
            self.release(i)
        return 0

    cdef int take_group(self, int32_t key) except -1:
        """All lanes of this shape that are ready, and those that they make ready."""
        cdef Heap *h = &self.lanes[key]
        cdef Py_ssize_t start = self.count, k, row = 0
        cdef int way = 0
        cdef list others = []
        cdef int32_t i
        self.n_later = 0
        while h.count and self.count - start < MAX_GROUP:
            i = key_index(heap_pop(h))
            if not self.fits(i, &row, &way):
                others.append(i)
                continue
            self.take(i)
            self.release_in_group(i, key)
        for i in others:
            heap_push(h, i)
        self.join_pairs(start)
        for k in range(self.n_later):
            self.release_edge(self.later[k])
        return 0

    cdef int join_pairs(self, Py_ssize_t start) except -1:
        """Two functions of one operand become neighbours: one kernel computes both."""
        cdef Instr *code = self.plan.program.code
        cdef Py_ssize_t at
        cdef int32_t i
        cdef dict firsts = {}, mate = {}
        cdef list order = []
        for at in range(start, self.count):
            i = self.order[at]
            if code[i].op < N_ELEMENTWISE and OP_PAIR[code[i].op]:
                firsts[OP_PAIR[code[i].op], code[i].a] = i
        if not firsts:
            return 0
        for at in range(start, self.count):
            i = self.order[at]
            first = firsts.pop((code[i].op, code[i].a), None)
            if first is not None:
                mate[first] = mate[i] = (first, i)
        for at in range(start, self.count):
            i = self.order[at]
            pair = mate.get(i, (i,))
            if pair is not None:
                order += pair
                mate.update(dict.fromkeys(pair))
        for at in range(start, self.count):
            self.order[at] = order[at - start]
        return 0

    cdef bint fits(self, int32_t i, Py_ssize_t *row, int *way) noexcept:
        """A group has blocks of whole rows of one length for its sums over the last axes, or goes
        one way for its shifts."""
        cdef Value *v = &self.plan.values[i]
        cdef int own
        if self.plan.shifts[i] != NULL:
            own = WAY_DOWN if self.plan.shifts[i].ahead else WAY_UP
            if row[0] or way[0] and way[0] != own:
                return False
            way[0] = own
            return True
        if v.kind != KIND_SUM or v.row == self.plan.type(self.plan.program.code[i].a).size:
            return True
        if way[0]:
            return False
        if row[0] == 0:
            row[0] = v.row
        return row[0] == v.row

    cdef bint starts_anywhere(self, const Unit *unit) noexcept:
        """Has a group shifts, and is it so large that threads share it?  They start by computing
        some points of others again, so its results must not lie over what it reads."""
        cdef Py_ssize_t at
        cdef int32_t i
        for at in range(unit.start, unit.start + unit.count):
            i = self.order[at]
            if self.plan.shifts[i] != NULL:
                return self.plan.type(i).size * unit.count >= SHARED_WORK
        return False

    cdef int release_in_group(self, int32_t i, int32_t key) except -1:
        """Who reads i point by point can join its group; all others wait for its end."""
        cdef _Plan plan = self.plan
        cdef Py_ssize_t k
        cdef int32_t reader
        cdef bint lanes = plan.values[i].kind == KIND_LANES
        for k in range(plan.first_edge[i], plan.first_edge[i + 1]):
            reader = plan.edges[k]
            if lanes and plan.values[reader].key == key and plan.same_lanes(reader, i):
                self.release_edge(reader)
                continue
            if self.n_later == self.later_capacity:
                self.later = <int32_t *>grown(self.later, NULL, &self.later_capacity,
                                              sizeof(int32_t))
            self.later[self.n_later] = reader
            self.n_later += 1
        return 0
