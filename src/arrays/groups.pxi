# Groups: elementwise work over many points, a block of points at a time.
#
# Compiles a unit of a schedule into kernel calls over slots (memory, numbers,
# lanes); must not know any operator, only its kernel.  Fast because
# a block of points goes through all instructions while it is in the first-level
# cache: intermediate values are lanes that are never stored, and whatever is not
# plain float64 memory is gathered into lanes once.

cdef int cost_of_point(const Group *g) noexcept nogil:
    """What a point costs, in light calls."""
    cdef const Micro *m
    cdef int k, cost = TOUCH_COST * g.n_touches if g.n_touches > 0 else 0
    for k in range(g.n_micros):
        m = &g.micros[k]
        cost += HEAVY_COST if (m.kind == MICRO_VALUE or m.kind == MICRO_PAIR) \
            and not (is_light(m) or is_shift(m)) else 1
    return cost


@cython.final
cdef class _GroupCompiler:
    """Makes the kernel calls of one unit."""
    cdef _Plan plan
    cdef Group *group
    cdef int32_t unit, instruction
    cdef Py_ssize_t capacity
    cdef dict known               # (base, offset, step, strides) -> slot

    def __init__(self, _Plan plan not None):
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
        for at in range(u.start, u.start + u.count):
            self.capacity += 2 * len(plan.scatters.get(schedule.order[at], ()))
        g.micros = <Micro *>plan.scratch.take(self.capacity * sizeof(Micro))
        g.slots = <GroupSlot *>plan.scratch.take(
            (self.capacity + MAX_TABLES) * sizeof(GroupSlot))
        g.sums = <GroupSum *>plan.pool.take(u.count * sizeof(GroupSum))
        g.shifts = <GroupShift *>plan.pool.take(u.count * sizeof(GroupShift))
        g.takings = <Taking *>plan.pool.take(u.count * sizeof(Taking))
        g.size = self.points_of(i)
        at = u.start
        while at < u.start + u.count:
            i = schedule.order[at]
            at += 1
            self.instruction = i
            if plan.values[i].kind == KIND_SUM:
                self.add_sum(i)
            elif plan.shifts[i] != NULL:
                self.add_shift(i)
                self.add_scatters(i)
            elif plan.program.code[i].op == OP_GATHER:
                self.add_take(i)
                self.add_scatters(i)
            elif at < u.start + u.count and self.is_pair(i, schedule.order[at]):
                self.add_pair(i, schedule.order[at])
                self.add_scatters(i)
                self.add_scatters(schedule.order[at])
                at += 1
            else:
                self.add_lanes(i)
                self.add_scatters(i)
        g.weight = g.n_micros
        find_touches(plan.scratch, g)
        g.cost = cost_of_point(g)
        self.find_halo(not schedule.starts_anywhere(u))
        if has_machine_code():
            _Runs(plan.pool, plan.scratch).make(g)
        else:
            fuse_micros(plan.scratch, g)
        self.set_geometry()
        self.move_to_pool()
        write_runs(plan.pool, g)
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
        m.a = m.b = m.c = m.d = a
        m.sa = 1
        m.reads = 1
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
            k = self.shared_slot(root.base, offset, 0)
            if is_float_constant(plan.program, plan.values[x].root):
                self.group.slots[k].content = FLOATS
            return k
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
        cdef int k
        cdef tuple key
        key = (base, offset, t.typenum, tuple([(look.shape[k], look.strides[k])
                                               for k in range(look.ndim)]))
        if key in self.known:
            return self.known[key]
        g = self.new_gather(base, offset, look)
        g.width = WIDE_INTEGER if t.typenum == np.NPY_INT64 else \
            8 if t.number else <int>t.itemsize
        y = self.new_slot(BASE_LANES, 0, 0)
        if holds_floats(t):
            self.group.slots[y].content = FLOATS
        self.new_micro(MICRO_GATHER, y, y).gather = g
        self.known[key] = y
        return y

    cdef Gather *new_gather(self, int32_t base, Py_ssize_t offset, const Look *look) except NULL:
        """A walk over float64 memory."""
        cdef Gather *g = <Gather *>self.plan.pool.take(sizeof(Gather))
        cdef int k
        g.base = base
        g.offset = offset
        g.ndim = look.ndim if look.ndim else 1
        g.table = -1
        g.width = 8
        g.shape = <Py_ssize_t *>self.plan.pool.take(2 * g.ndim * sizeof(Py_ssize_t))
        g.strides = g.shape + g.ndim
        g.shape[0] = 1
        for k in range(look.ndim):
            g.shape[k] = look.shape[k]
            g.strides[k] = look.strides[k]
        return g

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
            if holds_floats(self.plan.type(i)):
                self.group.slots[v.lane].content = FLOATS
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
        cdef bint single = plan.type(i).typenum == NPY_FLOAT
        cdef bint rounds = single and not self.keeps_floats(i)
        cdef int32_t y
        cdef Micro *m
        for k in range(count):
            slots[k] = self.operand(i, operands[k], False, &strides[k])
        self.place_result(i)
        y = v.lane
        if rounds:
            y = self.new_slot(BASE_LANES, 0, 0)
            self.group.slots[y].content = TO_BE_ROUNDED
        m = self.new_micro(MICRO_WHERE if op == OP_WHERE else MICRO_VALUE, y, slots[0])
        m.op = op
        m.reads = count
        m.sa = strides[0]
        if count > 1:
            m.b = slots[1]
            m.sb = strides[1]
        if count > 2:
            m.c = slots[2]
            m.sc = strides[2]
        m.kernel = KERNELS.value[OP_POSITIVE if op == OP_CAST else op]
        if rounds:
            m = self.new_micro(MICRO_VALUE, v.lane, y)
            m.op = ROUND_TO_SINGLE
            m.kernel = KERNELS.round
        if v.flags & STORED and single:
            self.add_singles(i)
        elif v.flags & STORED and not self.is_direct(i):
            self.new_micro(MICRO_BOOL, self.new_slot(v.base, v.place, 1), v.lane)
        return 0

    cdef bint keeps_floats(self, int32_t i) noexcept:
        """Is this a float32 number as it is, or with another sign?"""
        cdef const Instr *x = &self.plan.program.code[i]
        return ((x.op == OP_NEGATIVE or x.op == OP_ABSOLUTE or x.op == OP_POSITIVE)
                and self.plan.type(x.a).typenum == NPY_FLOAT and not self.plan.type(x.a).number)

    cdef int add_singles(self, int32_t i) except -1:
        """A value in memory as float32."""
        cdef const Value *v = &self.plan.values[i]
        cdef Gather *g
        cdef Look look
        look.ndim = 1
        look.shape[0] = self.plan.type(i).size
        look.strides[0] = 4
        g = self.new_gather(v.base, v.place, &look)
        g.width = 4
        g.count = look.shape[0]
        self.new_micro(MICRO_SCATTER, v.lane, v.lane).gather = g
        return 0

    cdef int add_scatters(self, int32_t i) except -1:
        """The parts of concatenations that value i is: at once, so that its lane is free again."""
        for join, k in self.plan.scatters.get(i, ()):
            self.instruction = <int32_t>join
            self.add_scatter(&self.plan.joins[<Py_ssize_t>join].regions[<int>k])
        return 0

    cdef int add_scatter(self, const Region *region) except -1:
        cdef _Plan plan = self.plan
        cdef const Value *whole = &plan.values[self.instruction]
        cdef const Value *root = &plan.values[plan.values[region.value].root]
        cdef const Type *t = plan.type(region.value)
        cdef Gather *g
        cdef Look look
        cdef int32_t lane = root.lane
        if root.kind == KIND_GIVEN:
            set_look(&look, t.ndim, t.shape, plan.strides_of(&plan.values[region.value], t))
            lane = self.gathered(root.base, root.place + plan.values[region.value].offset, t, &look)
        set_look(&look, region.ndim, region.dims, region.dims + region.ndim)
        g = self.new_gather(whole.base, whole.place + region.offset, &look)
        g.count = t.size
        if root.kind != KIND_GIVEN:
            g.first = plan.values[region.value].offset // <Py_ssize_t>sizeof(double)
        self.new_micro(MICRO_SCATTER, lane, lane).gather = g
        return 0

    cdef int add_shift(self, int32_t i) except -1:
        """The first points come from the head, or from zeros."""
        cdef _Plan plan = self.plan
        cdef Group *g = self.group
        cdef const Shift *x = plan.shifts[i]
        cdef const Value *body = &plan.values[x.body]
        cdef const Value *head
        cdef GroupShift *s = &g.shifts[g.n_shifts]
        cdef Micro *m
        cdef int32_t a = body.lane if body.unit == self.unit \
            else self.shared_slot(body.base, body.place, 8)
        self.place_result(i)
        m = self.new_micro(MICRO_VALUE, plan.values[i].lane, a)
        m.op = SHIFT_AHEAD if x.ahead else SHIFT_BEHIND
        s.slot = m.b = self.new_slot(BASE_KEPT, g.n_shifts, 0)
        s.count = m.sb = x.count
        s.ahead = g.descends = x.ahead
        s.base = -1
        if x.head >= 0:
            head = &plan.values[plan.values[x.head].root]
            s.base = head.base
            s.offset = head.place + plan.values[x.head].offset
        g.n_shifts += 1
        return 0

    cdef int add_take(self, int32_t i) except -1:
        """Rows at positions, a block of their numbers at a time."""
        cdef _Plan plan = self.plan
        cdef int32_t a = plan.program.code[i].a, b = plan.program.code[i].b
        cdef const Value *table = &plan.values[plan.values[a].root]
        cdef Gather *g
        cdef Look look
        look.ndim = 0
        g = self.new_gather(table.base, table.place + plan.values[a].offset, &look)
        g.ndim = 0
        g.taking = self.taking(a, b)
        self.place_result(i)
        self.new_micro(MICRO_GATHER, plan.values[i].lane, plan.values[i].lane).gather = g
        return 0

    cdef Taking *taking(self, int32_t table, int32_t positions) except NULL:
        """How these rows are taken.  What takes as many rows at the same positions shares it: they
        are looked at once."""
        cdef _Plan plan = self.plan
        cdef Group *g = self.group
        cdef const Value *root = &plan.values[plan.values[positions].root]
        cdef Taking *t = &g.takings[g.n_takings]
        cdef int k
        plan.find_taking(table, positions, t)
        t.base = root.base
        t.offset = root.place + plan.values[positions].offset
        for k in range(g.n_takings):
            if memcmp(&g.takings[k], t, sizeof(Taking)) == 0:
                return &g.takings[k]
        g.n_takings += 1
        return t

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

    cdef int find_halo(self, bint alone) except -1:
        """How a chunk of a group with shifts begins: those before it may not be there yet."""
        cdef Group *g = self.group
        cdef int32_t slots[4]
        cdef int k, j
        if not g.n_shifts:
            return 0
        g.halo = (8 * g.n_shifts + 15) & ~15
        g.alone = alone or g.halo > MOST_HALO
        g.results = <int32_t *>self.plan.pool.take((2 * g.n_micros + 1) * sizeof(int32_t))
        for k in range(g.n_micros):
            g.alone = g.alone or g.micros[k].kind == MICRO_SCATTER
            for j in range(slots_written(&g.micros[k], slots)):
                if g.slots[slots[j]].base >= 0:
                    g.results[g.n_results] = slots[j]
                    g.n_results += 1
        if g.alone:
            g.halo = g.n_results = 0
        return 0

    cdef int set_geometry(self) except -1:
        """The points of a block: as many as have room where all lanes are; and of a chunk."""
        cdef Group *g = self.group
        cdef Py_ssize_t lane
        cdef int k, lanes = self.share_lanes()
        # Two more for what passes by in memory: where eight vectors went through a cache of eight
        # ways, one compiled function in four took a quarter more time than the others.
        g.block = LANE_ROOM // (lanes + 2) & ~<Py_ssize_t>15
        g.block = MAX_BLOCK if g.block > MAX_BLOCK else 64 if g.block < 64 else g.block
        if 0 < g.row < g.block:
            g.block = g.block // g.row * g.row
        g.block = self.panel_block(lanes, g.block)
        g.chunk = chunk_points(CHUNK if g.n_sums else SHORT_CHUNK, g.row, g.block)
        if g.chunk > g.size:
            g.chunk = g.size
        if g.block > g.chunk:
            g.block = g.chunk
        # Machine code writes whole vectors into lanes, on its way back beginning before them.
        lane = (g.block * sizeof(double) + LINE - 1) & ~<Py_ssize_t>(LINE - 1)
        lane += LINE * g.descends
        g.spilled = g.lane_bytes = lanes * lane
        g.n_chunks = (g.size + g.chunk - 1) // g.chunk if g.size else 0
        for k in range(g.n_slots):
            if g.slots[k].base != BASE_LANES:
                continue
            if g.slots[k].offset >= 0:
                g.slots[k].offset = g.slots[k].offset * lane + LINE * g.descends
            else:
                g.slots[k].offset = g.spilled + (SPILLED - g.slots[k].offset) * LINE
                if g.lane_bytes < g.slots[k].offset + LINE:
                    g.lane_bytes = g.slots[k].offset + LINE
        for k in range(g.n_slots):
            if g.slots[k].base == BASE_KEPT:
                g.slots[k].offset = g.lane_bytes
                g.lane_bytes += 2 * LINE
        g.spare = g.lane_bytes
        g.lane_bytes += LINE + g.n_results * g.halo * <Py_ssize_t>sizeof(double)
        return 0

    cdef Py_ssize_t panel_block(self, int lanes, Py_ssize_t block) noexcept:
        """Whole panels, where an operand is crossed whose rows are long: one by one each of them
        takes a number out of every cache line."""
        cdef Group *g = self.group
        cdef const Gather *x
        cdef Py_ssize_t n
        cdef int k
        for k in range(g.n_micros):
            x = g.micros[k].gather
            if g.micros[k].kind == MICRO_GATHER and x.taking == NULL and x.ndim > 1 \
                    and x.width == 8 and is_crossed(x.strides, x.ndim - 1) and not g.n_shifts:
                n = PANEL_ROWS * x.shape[x.ndim - 1]
                if block < n <= MAX_PANEL and (lanes + 2) * n <= PANEL_ROOM \
                        and (g.row == 0 or n % g.row == 0):
                    block = n
        return block

    cdef int share_lanes(self) except -1:
        """Values that do not live together share a lane; returns how many lanes there are.  What
        one run alone writes and reads again needs a vector only: SPILLED, SPILLED - 1 and so on."""
        cdef Group *g = self.group
        cdef int *last = <int *>self.plan.scratch.take((g.n_slots + 1) * sizeof(int))
        cdef int k, slot, lanes = 0, spilled
        cdef list free_lanes = []
        for k in range(g.n_micros):
            for slot in self.lanes_read(&g.micros[k]) + self.lanes_written(&g.micros[k]):
                last[slot] = k
        for k in range(g.n_slots):
            g.slots[k].offset = SPILLED if g.slots[k].base == BASE_LANES else g.slots[k].offset
        for k in range(g.n_micros):
            # A kernel may write what it reads; a run may read again what it has written.
            if g.micros[k].kind != MICRO_NATIVE:
                self.free_lanes(self.lanes_read(&g.micros[k]), k, last, free_lanes)
            spilled = SPILLED
            for slot in self.lanes_written(&g.micros[k]):
                if g.slots[slot].offset < 0 and g.micros[k].kind == MICRO_NATIVE \
                        and last[slot] == k and not has_edge(g.micros[k].run, slot):
                    g.slots[slot].offset = spilled
                    spilled -= 1
                elif g.slots[slot].offset < 0:
                    if not free_lanes:
                        free_lanes.append(lanes)
                        lanes += 1
                    g.slots[slot].offset = free_lanes.pop()
            if g.micros[k].kind == MICRO_NATIVE:
                self.free_lanes(self.lanes_read(&g.micros[k]), k, last, free_lanes)
        return lanes

    cdef int free_lanes(self, list slots, int k, int *last, list free_lanes) except -1:
        """The lanes of slots that call k is the last to need."""
        for slot in slots:
            if last[<int>slot] == k and self.group.slots[<int>slot].offset >= 0:
                free_lanes.append(self.group.slots[<int>slot].offset)
                last[<int>slot] = -1
        return 0

    cdef list lanes_read(self, const Micro *m):
        cdef Group *g = self.group
        cdef int k
        if m.kind == MICRO_NATIVE:
            return self.lanes_written(m)
        return [k for k in (m.a, m.b, m.c, m.d) if g.slots[k].base == BASE_LANES]

    cdef list lanes_written(self, const Micro *m):
        cdef Group *g = self.group
        cdef int k
        if m.kind == MICRO_NATIVE:
            return [m.run.touched[k] for k in range(m.run.n_touched)
                    if g.slots[m.run.touched[k]].base == BASE_LANES]
        if m.kind == MICRO_SUM:
            return []
        return [k for k in (m.y, m.c) if g.slots[k].base == BASE_LANES]

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
            micros[k].d = place[micros[k].d]
            if micros[k].kind != MICRO_SUM:
                micros[k].y = place[micros[k].y]
            if micros[k].kind == MICRO_NATIVE:
                move_run(micros[k].run, place)
        for k in range(g.n_shifts):
            g.shifts[k].slot = place[g.shifts[k].slot]
        for k in range(g.n_results):
            g.results[k] = place[g.results[k]]
        g.slots = slots
        g.micros = micros
        return self.find_streams()

    cdef int find_streams(self) except -1:
        """What moves from point to point, each table of columns once."""
        cdef Group *g = self.group
        cdef Py_ssize_t total = 0
        cdef int k
        cdef const Gather *gather
        cdef set seen = set()
        g.streams = <Stream *>self.plan.pool.take(
            (g.n_moving + g.n_micros + 1) * sizeof(Stream))
        for k in range(g.n_moving):
            if g.slots[k].step > 0:
                self.add_stream(g.slots[k].base, g.slots[k].offset, g.slots[k].step)
        for k in range(g.n_micros):
            gather = g.micros[k].gather
            if gather != NULL and gather.ndim == 1 and gather.strides[0] > 0 \
                    and (gather.base, gather.strides[0]) not in seen:
                seen.add((gather.base, gather.strides[0]))
                self.add_stream(gather.base, gather.offset, gather.strides[0])
        for k in range(g.n_streams):
            total += g.streams[k].step
        g.fetches = total * g.block // LINE // (g.n_micros + 1) + 1
        # Runs go along all their memory in step, which the processor foresees by itself.
        if g.size * total <= FETCH_AHEAD or has_runs(g) or g.block > MAX_BLOCK:
            g.n_streams = 0
        return 0

    cdef int add_stream(self, int32_t base, Py_ssize_t offset, Py_ssize_t step) noexcept:
        cdef Stream *s = &self.group.streams[self.group.n_streams]
        s.base = base
        s.offset = offset
        s.step = step
        self.group.n_streams += 1
        return 0
