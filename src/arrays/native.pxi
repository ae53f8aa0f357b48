# Runs: light operators of a group as one function in machine code.
#
# Brings calls of light operators together and makes runs of them; must not know encodings
# (machine_code.h), registers (registers.pxi) or programs.  Fast because what one operator computes
# and another reads stays in a register: memory is read once and written once in a run, and lanes
# only hold what other calls read, or what has no register left.

cdef enum:
    MAX_TABLES = 64               # whose columns are read or written
    HEAVY_AT_ONCE = 16            # calls between two runs: what they compute takes lanes
    FAR_FROM = 15 << 20           # bytes of a group that a core's part of the caches does not hold

# While calls are reordered.
cdef enum:
    WAITS_TO_READ = 1
    WAITS_TO_WRITE = 2

# What one run does: the micro that stands for it points here.
cdef struct Run:
    native_fn call
    int n_fixed, n_steps, n_instructions, n_touched, n_edges
    bint look                     # a quick body and an exact one
    bint single                   # its registers hold floats
    MachineStep *steps
    int32_t *instructions         # that it does
    int32_t *touched              # slots whose memory it reads or writes
    Gather **edges                # what it scatters at some points only


cdef inline int32_t denominator(const Group *g, const Micro *m) noexcept nogil:
    """What a call divides by at each point; -1: it does not divide, or by a number, or floats, for
    which the divider is quick."""
    return (-1 if m.kind != MICRO_VALUE or g.slots[m.y].content == TO_BE_ROUNDED
            else m.b if m.op == OP_DIVIDE and m.sb
            else m.a if m.op == OP_RECIPROCAL and m.sa else -1)


cdef inline int share_reciprocal(Micro *m, int32_t shared) noexcept nogil:
    """Let a call take the reciprocal of its denominator from a slot."""
    if m.op == OP_DIVIDE:
        m.op = SHARING_DIVIDE
        m.c = shared
        m.sc = 1
    else:
        m.op = SHARING_RECIPROCAL
        m.b = shared
        m.sb = 1
    m.reads += 1
    return 0


cdef inline bint is_light(const Micro *m) noexcept nogil:
    """Is a call an operator in machine code, or a column that is read or written?"""
    return (m.kind == MICRO_WHERE or m.kind == MICRO_VALUE and native_kind(m.op) != NOT_NATIVE
            or m.gather != NULL and m.gather.table >= 0)


cdef inline bint is_shift(const Micro *m) noexcept nogil:
    return m.kind == MICRO_VALUE and (m.op == SHIFT_AHEAD or m.op == SHIFT_BEHIND)


cdef inline int slots_read(const Micro *m, int32_t *slots) noexcept nogil:
    """The slots whose content a call reads, before there are runs; returns their number."""
    cdef int count = 0 if m.kind == MICRO_GATHER else m.reads
    slots[0] = m.a
    slots[1] = m.b
    slots[2] = m.c
    slots[3] = m.d
    return count


cdef inline int slots_written(const Micro *m, int32_t *slots) noexcept nogil:
    slots[0] = m.y
    slots[1] = m.c
    return (0 if m.kind == MICRO_SUM or m.kind == MICRO_SCATTER
            else 2 if m.kind == MICRO_PAIR else 1)


@cython.final
cdef class _Runs:
    """Turns the calls of a group into runs and what is left."""
    cdef Group *g
    cdef _Pool pool, scratch
    cdef int32_t *place           # of a slot: the first one with the same memory
    cdef int32_t *last_use        # of a slot, in the whole group
    cdef int n_slots              # without those of tables
    cdef _Registers registers
    cdef set fetched              # tables that a run has asked for

    def __init__(self, _Pool pool not None, _Pool scratch not None):
        self.pool = pool
        self.scratch = scratch
        self.fetched = set()

    cdef int make(self, Group *g) except -1:
        cdef int k = 0, kept = 0, end
        cdef Run *run
        cdef Py_ssize_t n
        self.g = g
        self.share_reciprocals()
        self.n_slots = g.n_slots
        n = g.n_slots + MAX_TABLES
        self.place = self.numbers(n)
        self.last_use = self.numbers(n)
        self.registers = _Registers(self.scratch, n, True)
        self.find_places()
        self.find_tables()
        self.bring_together()
        self.find_last_uses()
        self.find_pointed()
        while k < g.n_micros:
            end = k
            while end < g.n_micros and is_light(&g.micros[end]):
                end += 1
            if end - k < 2 and not is_shift(&g.micros[k]):
                g.micros[kept] = g.micros[k]
                k += 1
            else:
                run = self.run_of(k, end)
                g.micros[kept] = g.micros[k]
                g.micros[kept].kind = MICRO_NATIVE
                g.micros[kept].run = run
                k = end
            kept += 1
        g.n_micros = kept
        return 0

    cdef int32_t *numbers(self, Py_ssize_t n) except NULL:
        return <int32_t *>self.scratch.take((n + 1) * sizeof(int32_t))

    # ------------------------------------------------------------ quotients

    cdef int share_reciprocals(self) except -1:
        """Quotients by one denominator share its reciprocal, made before the first of them."""
        cdef Group *g = self.g
        cdef Micro *old = <Micro *>self.scratch.take((g.n_micros + 1) * sizeof(Micro))
        cdef int32_t *count = self.numbers(g.n_slots)
        cdef int32_t *shared = self.numbers(g.n_slots)
        cdef int k, n = g.n_micros
        cdef int32_t slot
        for k in range(n):
            old[k] = g.micros[k]
            slot = denominator(g, &old[k])
            if slot >= 0:
                count[slot] += 1
        g.n_micros = 0
        for k in range(n):
            slot = denominator(g, &old[k])
            if slot >= 0 and count[slot] > 1:
                if not shared[slot]:
                    shared[slot] = self.add_reciprocal(&old[k], slot) + 1
                share_reciprocal(&old[k], shared[slot] - 1)
            g.micros[g.n_micros] = old[k]
            g.n_micros += 1
        return 0

    cdef int32_t add_reciprocal(self, const Micro *quotient, int32_t slot) noexcept:
        cdef Group *g = self.g
        cdef Micro *m = &g.micros[g.n_micros]
        m[0] = quotient[0]
        m.op = SHARED_RECIPROCAL
        m.reads = 1
        m.a = m.b = m.c = m.d = slot
        m.sa = 1
        m.y = g.n_slots
        m.kernel = KERNELS.value[OP_RECIPROCAL]
        g.slots[m.y].base = BASE_LANES
        g.slots[m.y].offset = g.slots[m.y].step = 0
        g.n_slots += 1
        g.n_micros += 1
        return m.y

    # ------------------------------------------------------------ memory

    cdef int find_places(self) except -1:
        """Results may lie over operands: slots with the same memory have one place."""
        cdef dict places = {}
        cdef int32_t k
        for k in range(self.g.n_slots):
            self.place[k] = k
            if self.g.slots[k].base != BASE_LANES:
                self.place[k] = places.setdefault(
                    (self.g.slots[k].base, self.g.slots[k].offset), k)
        return 0

    cdef int find_tables(self) except -1:
        """Columns of one table share a pointer, as long as there is room for it."""
        cdef Group *g = self.g
        cdef Gather *x
        cdef dict tables = {}
        cdef set strides = set()
        cdef int k
        for k in range(g.n_micros):
            x = g.micros[k].gather
            if x == NULL:
                continue
            x.table = -1
            if x.ndim == 1 and x.width >= 4 and x.strides[0] == x.width:
                self.point_to(x, g.micros[k].kind == MICRO_SCATTER and x.count < g.size)
                continue
            if x.ndim != 1 or x.width != 8 or not fits_int32(16 * x.strides[0]) \
                    or g.micros[k].kind == MICRO_SCATTER and x.count < g.size:
                continue
            key = (x.base, x.strides[0])
            if key not in tables:
                if g.n_slots >= self.n_slots + MAX_TABLES \
                        or len(strides | {x.strides[0]}) > MAX_STRIDES:
                    continue
                strides.add(x.strides[0])
                g.slots[g.n_slots].base = x.base
                g.slots[g.n_slots].offset = x.offset
                g.slots[g.n_slots].step = <int32_t>x.strides[0]
                tables[key] = g.n_slots
                g.n_slots += 1
            if fits_int32(x.offset - g.slots[<int>tables[key]].offset):
                x.table = tables[key]
        return 0

    cdef int point_to(self, Gather *x, bint partial) noexcept:
        """Neighbouring numbers have a pointer of their own, as if point 0 were among them; and a
        lane to be written at the edges, where points are left out."""
        cdef Group *g = self.g
        if g.n_slots + 2 > self.n_slots + MAX_TABLES:
            return 0
        x.table = x.spare = g.n_slots
        g.slots[x.table].base = x.base
        g.slots[x.table].offset = x.offset - x.width * x.first
        g.slots[x.table].step = x.width
        if partial:
            x.spare += 1
            g.slots[x.spare].base = BASE_LANES
            g.slots[x.spare].offset = g.slots[x.spare].step = 0
        g.n_slots = x.spare + 1
        return 0

    # ------------------------------------------------------------ order

    cdef int bring_together(self) except -1:
        """Reorder calls so that light ones stand together, as far as one does not wait for
        another: light ones that the next others wait for, these others, and so on."""
        cdef Group *g = self.g
        cdef Micro *left = <Micro *>self.scratch.take((g.n_micros + 1) * sizeof(Micro))
        cdef char *held = <char *>self.scratch.take(g.n_slots + 1)
        cdef char *wanted = <char *>self.scratch.take(g.n_micros + 1)
        cdef int n = g.n_micros, done = 0, before
        memcpy(left, g.micros, n * sizeof(Micro))
        while n:
            before = done
            n = self.take_those(left, n, held, self.find_wanted(left, n, held, wanted), True, &done)
            n = self.take_those(left, n, held, NULL, False, &done)
            if done == before:        # what is wanted waits for what is not
                n = self.take_those(left, n, held, NULL, True, &done)
        return 0

    cdef char *find_wanted(self, const Micro *left, int n, char *behind, char *wanted) noexcept:
        """The light calls that the next others wait for, if these work on lanes; NULL: all.  A run
        does no more, since what it hands on in lanes is stored and loaded, and what it makes it of
        lies in lanes or memory.  Sums are never next: nobody waits for them."""
        cdef int32_t slots[4]
        cdef bint waits
        cdef int k, j, limit = HEAVY_AT_ONCE
        memset(behind, 0, self.g.n_slots)
        for k in range(n):
            waits = False
            for j in range(slots_read(&left[k], slots)):
                waits |= behind[slots[j]]
            wanted[k] = limit and not (waits or is_light(&left[k]) or left[k].kind == MICRO_SUM)
            if wanted[k] and (left[k].kind == MICRO_SCATTER or self.writes_memory(&left[k])):
                return NULL
            limit -= wanted[k]
            for j in range(slots_written(&left[k], slots)):
                behind[slots[j]] = waits or not is_light(&left[k])
        if limit == HEAVY_AT_ONCE:
            return NULL
        memset(behind, 0, self.g.n_slots)
        for k in range(n - 1, -1, -1):
            if is_light(&left[k]):
                for j in range(slots_written(&left[k], slots)):
                    wanted[k] |= behind[slots[j]]
            for j in range(slots_read(&left[k], slots)):
                behind[slots[j]] |= wanted[k]
        return wanted

    cdef int take_those(self, Micro *left, int n, char *held, const char *wanted, bint light,
                        int *done) noexcept:
        """Take light calls (those that are `wanted`, if that is given) or others that wait for none
        of those left before them; returns how many are left."""
        cdef int k, kept = 0, limit = n if light else HEAVY_AT_ONCE
        cdef bint memory = False      # something waits that reads or writes memory at large
        memset(held, 0, self.g.n_slots)
        for k in range(n):
            if limit and is_light(&left[k]) == light and (wanted == NULL or wanted[k]) \
                    and not self.waits(&left[k], held, memory):
                self.g.micros[done[0]] = left[k]
                done[0] += 1
                limit -= 1
                continue
            memory |= self.mark(&left[k], held)
            left[kept] = left[k]
            kept += 1
        return kept

    cdef bint waits(self, const Micro *m, const char *held, bint memory) noexcept:
        """Does a call read what waits to be written, or write what waits to be read?  Nobody
        gathers what this group has made."""
        cdef int32_t slots[4]
        cdef int k, n = slots_read(m, slots)
        if memory and (m.kind == MICRO_SCATTER or self.writes_memory(m)):
            return True
        for k in range(n):
            if held[self.place[slots[k]]] & WAITS_TO_WRITE:
                return True
        n = slots_written(m, slots)
        for k in range(n):
            if held[self.place[slots[k]]]:
                return True
        return False

    cdef bint mark(self, const Micro *m, char *held) noexcept:
        """Note what a call that waits reads and writes; whether that is memory at large."""
        cdef int32_t slots[4]
        cdef int k, n = slots_read(m, slots)
        for k in range(n):
            held[self.place[slots[k]]] |= WAITS_TO_READ
        n = slots_written(m, slots)
        for k in range(n):
            held[self.place[slots[k]]] |= WAITS_TO_WRITE
        return m.gather != NULL

    cdef bint writes_memory(self, const Micro *m) noexcept:
        cdef int32_t slots[4]
        cdef int k, n = slots_written(m, slots)
        for k in range(n):
            if self.g.slots[slots[k]].base != BASE_LANES:
                return True
        return False

    cdef int find_last_uses(self) noexcept:
        cdef int32_t slots[4]
        cdef int k, j
        for k in range(self.g.n_slots):
            self.last_use[k] = -1
        for k in range(self.g.n_micros):
            for j in range(slots_read(&self.g.micros[k], slots)):
                self.last_use[slots[j]] = k
        return 0

    cdef int find_pointed(self) except -1:
        """Where slots are.  What a large group reads is asked for ahead; what it writes would not
        stay in the caches, and to be written there it would be read before."""
        cdef char *pointed = <char *>self.scratch.take(self.g.n_slots + 1)
        cdef Py_ssize_t total = 0
        cdef int k
        for k in range(self.g.n_slots):
            total += self.g.slots[k].step
        self.g.far = total * self.g.size >= FAR_FROM
        for k in range(self.g.n_slots):
            pointed[k] = IN_LANES if self.g.slots[k].base == BASE_LANES \
                else IN_FAR_MEMORY if self.g.far and self.g.slots[k].base >= FIRST_INPUT \
                else IN_MEMORY
        self.registers.pointed = pointed
        return 0

    # ------------------------------------------------------------ one run

    cdef Run *run_of(self, int first, int end) except NULL:
        """Steps and registers for the calls from first up to end."""
        cdef int k, n = end - first
        cdef Run *r = <Run *>self.pool.take(sizeof(Run))
        cdef Call *calls = <Call *>self.scratch.take(n * sizeof(Call))
        cdef _Registers registers = self.registers
        r.instructions = self.pool_numbers(n)
        r.touched = self.pool_numbers(5 * n)
        r.edges = <Gather **>self.pool.take(n * sizeof(Gather *))
        self.sort_columns(first, end)
        for k in range(self.g.n_slots):
            registers.next_use[k] = LATER if self.last_use[k] >= end else NEVER
        for k in range(n):
            set_call(&calls[k], &self.g.micros[first + k])
            r.instructions[k] = self.g.micros[first + k].instruction
        find_next_uses(calls, n, first, registers.next_use)
        r.steps = <MachineStep *>self.scratch.take(
            (STEPS_OF_CALL * n + HELD_NUMBERS) * sizeof(MachineStep))
        r.single = works_on_floats(self.g, first, end)
        registers.divides = not r.single
        registers.begin(calls, n, end, self.place, r.steps, r.touched)
        fetch_rows(self.g, registers, self.fetched, first, end)
        k = 0
        while k < n:
            if self.g.micros[first + k].gather == NULL:
                registers.add(&calls[k])
                k += 1
            else:
                add_edge(r, registers, self.g.micros[first + k].gather)
                k += self.add_columns(&self.g.micros[first + k], &calls[k], n - k)
        registers.finish(calls, n)
        r.n_instructions = n
        r.n_steps = registers.n_steps
        r.n_fixed = registers.n_fixed
        r.n_touched = registers.n_touched
        r.look = registers.look
        return r

    cdef int32_t *pool_numbers(self, Py_ssize_t n) except NULL:
        return <int32_t *>self.pool.take((n + 1) * sizeof(int32_t))

    cdef int sort_columns(self, int first, int end) except -1:
        """Columns side by side go together: where the first of them is read, or where the last is
        written."""
        cdef Micro *micros = self.g.micros
        cdef Micro *old = <Micro *>self.scratch.take((end - first) * sizeof(Micro))
        cdef Micro *columns = <Micro *>self.scratch.take((end - first) * sizeof(Micro))
        cdef int32_t *place = self.numbers(end - first)
        cdef int k, j, group, n = 0, at = first
        for k in range(first, end):
            old[k - first] = micros[k]
            if micros[k].gather == NULL or micros[k].kind == MICRO_SCATTER \
                    and self.registers.is_pointed(micros[k].a):
                continue
            old[k - first].kind = MICRO_GONE
            j = n
            while j and is_column_before(&micros[k], &columns[j - 1]):
                columns[j] = columns[j - 1]
                place[j] = place[j - 1]
                j -= 1
            columns[j] = micros[k]
            place[j] = k
            n += 1
        k = 0
        while k < n:
            group = columns_at(&columns[k], n - k)
            for j in range(k + 1, k + group):
                if (place[j] < place[k]) == (columns[k].kind == MICRO_GATHER):
                    place[k] = place[j]
            for j in range(k + 1, k + group):
                place[j] = place[k]
            k += group
        for k in range(first, end):
            if old[k - first].kind != MICRO_GONE:
                micros[at] = old[k - first]
                at += 1
            for j in range(n):
                if place[j] == k:
                    micros[at] = columns[j]
                    at += 1
        return 0

    cdef int add_columns(self, const Micro *m, const Call *c, int n) noexcept:
        """Columns into registers, or out of them: as many of n calls as are side by side, which is
        returned."""
        cdef _Registers registers = self.registers
        cdef const Gather *x = m.gather
        cdef MachineStep *s
        cdef int[4] r = [0, 0, 0, 0]
        cdef uint32_t busy = 0
        cdef int j
        n = columns_at(m, n)
        registers.touch(x.table)
        for j in range(n):
            if c.n:
                r[j] = registers.bring(m[j].a, False, busy)
                if registers.known[m[j].a] & TAINTED:
                    registers.put(DO_LOOK, 0, 0, r[j], 0, 0, 0)
            else:
                r[j] = registers.free_register(busy)
                registers.content[r[j]] = m[j].y
            busy |= <uint32_t>1 << r[j]
        if x.strides[0] == x.width:       # with a pointer of its own
            registers.put(DO_STORE if c.n else DO_LOAD, x.width == 4, r[0], r[0], 0, 0, x.table)
        else:
            s = registers.put(DO_SCATTER if c.n else DO_GATHER, n, r[0], r[1], r[2], r[3], x.table)
            s.stride = <int32_t>x.strides[0]
            s.offset = <int32_t>(x.offset - self.g.slots[x.table].offset)
        for j in range(n):
            if c.n:
                registers.next_use[m[j].a] = c[j].next[1]
                registers.let_go(m[j].a, r[j])
            else:
                registers.add_result(m[j].y, r[j], c[j].next[0], 0)
        return n


cdef int add_edge(Run *r, _Registers registers, Gather *x) noexcept:
    """What is written at some points only has a lane for the blocks in which others are."""
    if x.spare > x.table:
        r.edges[r.n_edges] = x
        registers.touch(x.spare)
        r.n_edges += 1
    return 0


cdef bint has_edge(const Run *r, int slot) noexcept:
    cdef int k
    for k in range(r.n_edges):
        if r.edges[k].spare == slot:
            return True
    return False


cdef bint is_column_before(const Micro *m, const Micro *other) noexcept nogil:
    """By what is done with it, table and place."""
    if m.kind != other.kind:
        return m.kind < other.kind
    if m.gather.table != other.gather.table:
        return m.gather.table < other.gather.table
    return m.gather.offset < other.gather.offset


cdef int columns_at(const Micro *m, int n) noexcept nogil:
    """How many of n calls are columns side by side that go together: one, two or four."""
    cdef int k = 1
    while k < n and k < 4 and m[k].gather != NULL and m[k].kind == m.kind \
            and m[k].gather.table == m.gather.table \
            and m[k].gather.offset == m.gather.offset + k * <Py_ssize_t>sizeof(double):
        k += 1
    return k & ~1 if k > 1 else 1


cdef int set_call(Call *c, const Micro *m) noexcept nogil:
    """What a micro computes; columns have no operator, and one of the two ends only."""
    cdef int32_t slots[4]
    cdef int j
    c.n = slots_read(m, slots)
    c.op = -1 if m.gather != NULL else OP_WHERE if m.kind == MICRO_WHERE else m.op
    c.y = -1 if m.kind == MICRO_SCATTER else m.y
    for j in range(c.n):
        c.slots[j] = slots[j]
        c.spread[j] = (m.sa if j == 0 else m.sb if j == 1 else m.sc) == 0
    c.kept = m.b
    c.count = m.sb
    return 0


cdef inline bint fits_int32(Py_ssize_t n) noexcept nogil:
    return -0x7fffffff <= n <= 0x7fffffff


cdef bint has_runs(const Group *g) noexcept:
    cdef int k
    for k in range(g.n_micros):
        if g.micros[k].kind == MICRO_NATIVE:
            return True
    return False


cdef int move_run(Run *r, const int32_t *place) noexcept:
    """Follow slots to their final places."""
    cdef int k
    for k in range(r.n_steps):
        r.steps[k].slot = place[r.steps[k].slot]
    for k in range(r.n_touched):
        r.touched[k] = place[r.touched[k]]
    for k in range(r.n_edges):
        r.edges[k].table = place[r.edges[k].table]
        r.edges[k].spare = place[r.edges[k].spare]
    return 0


cdef int write_runs(_Pool pool, Group *g) except -1:
    """Machine code for all runs of a group whose slots have their final places."""
    cdef Run *r
    cdef size_t room = 0, page = 4096, length
    cdef uint8_t *p
    cdef uint8_t *start
    cdef int k, j
    for k in range(g.n_micros):
        if g.micros[k].kind == MICRO_NATIVE:
            r = g.micros[k].run
            room += FRAME_BYTES
            for j in range(r.n_steps):
                room += 2 * step_bytes(r.steps[j].kind)
    if not room:
        return 0
    room = (room + page - 1) & ~(page - 1)
    start = p = <uint8_t *>pool.take_code(room)
    for k in range(g.n_micros):
        if g.micros[k].kind != MICRO_NATIVE:
            continue
        r = g.micros[k].run
        for j in range(r.n_steps):
            if r.steps[j].kind == DO_LOAD_LANE or r.steps[j].kind == DO_STORE_LANE:
                r.steps[j].slot = <int32_t>g.slots[r.steps[j].slot].offset
                r.steps[j].stride = 0 if r.steps[j].slot >= g.spilled else sizeof(double)
            elif r.steps[j].kind == DO_SHIFT:
                r.steps[j].slot = <int32_t>g.slots[r.steps[j].slot].offset
        r.call = assemble(p, r.steps, r.n_fixed, r.n_steps, r.look, r.single,
                          &length)
        p += (length + 63) & ~<size_t>63
        r.steps = NULL
    if not code_seal(start, room):
        raise MemoryError("cdiff: the system does not let memory be executed any more")
    return 0
