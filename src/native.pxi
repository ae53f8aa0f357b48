# Runs: light operators of a group as one function in machine code.
#
# Brings calls of light operators together, and chooses registers and steps for each run of them;
# must not know encodings (machine_code.h), nor programs.  Fast because what one operator computes
# and another reads stays in a register: memory is read once and written once in a run, and lanes
# only hold what other calls read, or what has no register left.

cdef extern from "machine_code.h":
    ctypedef void (*native_fn)(int64_t n, char **pointers, char *lanes) noexcept nogil
    ctypedef struct MachineStep:
        int16_t kind, op
        int8_t y, a, b, c
        int32_t slot, stride, offset
    enum:
        CDIFF_MACHINE_CODE
        VALUE_REGISTERS
        DO_OPERATOR, DO_LOAD, DO_LOAD_LANE, DO_SPREAD, DO_STORE, DO_STORE_LANE
        DO_GATHER, DO_SCATTER, DO_LOOK, DO_RANGE
        NOT_NATIVE, NATIVE, NATIVE_CHOOSES, NATIVE_SWALLOWS, NATIVE_DIVIDES, NATIVE_ABSORBS
        MAX_STEP_BYTES, FRAME_BYTES, MAX_STRIDES
    int native_kind(int op) noexcept nogil
    native_fn assemble(uint8_t *memory, const MachineStep *steps, int n_fixed, int n, bint look,
                       size_t *length) noexcept nogil
    bint code_seal(void *p, size_t n) noexcept nogil

cdef enum:
    HELD_NUMBERS = 8              # numbers that stay in registers all the time
    MAX_TABLES = 64               # whose columns are read or written
    HEAVY_AT_ONCE = 16            # calls between two runs: what they compute takes lanes
    NEVER = 0x7fffffff            # the next use of what is not read any more

# What is known of a slot within a run.
cdef enum:
    MADE = 1                      # the run computes it
    STORED_TOO = 2                # and has put it into memory
    TAINTED = 4                   # the quick body may have made it NaN
    TOUCHED = 8                   # its memory is used
    RANGED = 16                   # it is known whether it is too large or small to divide
# And while calls are reordered.
cdef enum:
    WAITS_TO_READ = 1
    WAITS_TO_WRITE = 2

cdef bint machine_code = False


def use_machine_code(on=None):
    """Whether programs made ready from now on have machine code; `on` sets it where it works."""
    global machine_code
    if on is not None:
        machine_code = bool(on) and machine_code_works()
    return machine_code


cdef bint machine_code_works() noexcept:
    """Does the processor have the instructions, and the system memory that can be executed?"""
    cdef void *p
    cdef native_fn call
    cdef size_t length
    cdef bint works
    if not CDIFF_MACHINE_CODE or KERNELS.isa[:6] != b"avx512":
        return False
    p = code_memory(4096)
    if p == NULL:
        return False
    call = assemble(<uint8_t *>p, NULL, 0, 0, False, &length)
    works = code_seal(p, 4096)
    if works:
        call(0, NULL, NULL)
    code_free(p, 4096)
    return works


machine_code = machine_code_works()


# What one run does: the micro that stands for it points here.
cdef struct Run:
    native_fn call
    int n_fixed, n_steps, n_instructions, n_touched
    bint look                     # a quick body and an exact one
    MachineStep *steps
    int32_t *instructions         # that it does
    int32_t *touched              # slots whose memory it reads or writes


cdef inline bint is_light(const Micro *m) noexcept nogil:
    """Is a call an operator in machine code, or a column that is read or written (see find_tables)?"""
    return (m.kind == MICRO_WHERE or m.kind == MICRO_VALUE and native_kind(m.op) != NOT_NATIVE
            or m.gather != NULL and m.gather.table >= 0)


cdef inline int slots_read(const Micro *m, int32_t *slots) noexcept nogil:
    """The slots whose content a call reads, before there are runs; returns their number."""
    cdef int count = 0 if m.kind == MICRO_GATHER else m.reads
    slots[0] = m.a
    slots[1] = m.b
    slots[2] = m.c
    slots[3] = m.d
    return count


cdef inline int slots_written(const Micro *m, int32_t *slots) noexcept nogil:
    slots[0] = m.a if m.kind == MICRO_ROUND else m.y
    slots[1] = m.c if m.kind == MICRO_PAIR else m.a
    return (0 if m.kind == MICRO_SUM or m.kind == MICRO_SCATTER
            else 2 if m.kind == MICRO_PAIR or m.kind == MICRO_SINGLE else 1)


@cython.final
cdef class _Runs:
    """Turns the calls of a group into runs and what is left."""
    cdef Group *g
    cdef _Pool pool, scratch
    cdef int32_t *place           # of a slot: the first one with the same memory
    cdef int32_t *next_use        # of a slot, from the present call on
    cdef int32_t *last_use        # of a slot, in the whole group
    cdef int8_t *register_of
    cdef char *known              # of a slot: KNOWN_ flags
    cdef int32_t[VALUE_REGISTERS] content   # the slot in each register, -1: free
    cdef int first, end           # of the calls of this run
    cdef int n_slots              # without those of tables
    cdef int32_t *next_of         # of each call: the next uses of y, a, b, c
    cdef Run *run
    cdef int capacity

    def __init__(self, _Pool pool, _Pool scratch):
        self.pool = pool
        self.scratch = scratch

    cdef int make(self, Group *g) except -1:
        cdef int k = 0, kept = 0, end
        cdef Py_ssize_t n = g.n_slots + MAX_TABLES
        self.g = g
        self.n_slots = g.n_slots
        self.place = self.numbers(n)
        self.next_use = self.numbers(n)
        self.last_use = self.numbers(n)
        self.register_of = <int8_t *>self.scratch.take(n + 1)
        self.known = <char *>self.scratch.take(n + 1)
        self.find_places()
        self.find_tables()
        self.bring_together()
        self.find_last_uses()
        while k < g.n_micros:
            end = k
            while end < g.n_micros and is_light(&g.micros[end]):
                end += 1
            if end - k < 2:
                g.micros[kept] = g.micros[k]
                k += 1
            else:
                self.add_run(k, end)
                g.micros[kept] = g.micros[k]
                g.micros[kept].kind = MICRO_NATIVE
                g.micros[kept].run = self.run
                k = end
            kept += 1
        g.n_micros = kept
        return 0

    cdef int32_t *numbers(self, Py_ssize_t n) except NULL:
        return <int32_t *>self.scratch.take((n + 1) * sizeof(int32_t))

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
            if x.ndim != 1 or x.width != 8 or not fits_int32(16 * x.strides[0]):
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

    # ------------------------------------------------------------ order

    cdef int bring_together(self) except -1:
        """Reorder calls so that light ones stand together, as far as one does not wait for
        another: all light ones that can be done, some others, and so on."""
        cdef Group *g = self.g
        cdef Micro *left = <Micro *>self.scratch.take((g.n_micros + 1) * sizeof(Micro))
        cdef char *held = <char *>self.scratch.take(g.n_slots + 1)
        cdef int n = g.n_micros, done = 0
        cdef bint light = True
        memcpy(left, g.micros, n * sizeof(Micro))
        while n:
            n = self.take_those(left, n, held, light, &done)
            light = not light
        return 0

    cdef int take_those(self, Micro *left, int n, char *held, bint light, int *done) noexcept:
        """Take light calls or others that wait for none of those left before them; returns how
        many are left."""
        cdef int k, kept = 0, limit = n if light else HEAVY_AT_ONCE
        cdef bint memory = False      # something waits that reads or writes memory at large
        memset(held, 0, self.g.n_slots)
        for k in range(n):
            if limit and is_light(&left[k]) == light and not self.waits(&left[k], held, memory):
                self.g.micros[done[0]] = left[k]
                done[0] += 1
                limit -= 1
                continue
            memory |= self.mark(&left[k], held)
            left[kept] = left[k]
            kept += 1
        return kept

    cdef bint waits(self, const Micro *m, const char *held, bint memory) noexcept:
        """Does a call read what waits to be written, or write what waits to be read?"""
        cdef int32_t slots[4]
        cdef int k, n = slots_read(m, slots)
        if memory and (m.gather != NULL or self.writes_memory(m)):
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

    # ------------------------------------------------------------ one run

    cdef int add_run(self, int first, int end) except -1:
        """Steps and registers for the calls from first up to end."""
        cdef int k, n = end - first
        cdef Run *r = <Run *>self.pool.take(sizeof(Run))
        self.run = r
        self.first = first
        self.end = end
        r.steps = <MachineStep *>self.scratch.take(
            (16 * n + HELD_NUMBERS) * sizeof(MachineStep))
        r.instructions = <int32_t *>self.pool.take(n * sizeof(int32_t))
        r.touched = <int32_t *>self.pool.take(4 * n * sizeof(int32_t))
        memset(self.known, 0, self.g.n_slots)
        memset(self.register_of, 0xff, self.g.n_slots)
        for k in range(VALUE_REGISTERS):
            self.content[k] = -1
        self.find_next_uses()
        self.find_looks()
        self.hold_numbers()
        for k in range(first, end):
            r.instructions[k - first] = self.g.micros[k].instruction
            if self.g.micros[k].gather == NULL:
                self.add_operator(k)
            else:
                self.add_column(k)
        r.n_instructions = n
        return 0

    cdef int find_next_uses(self) except -1:
        """From the last call back to the first."""
        cdef int32_t slots[4]
        cdef int32_t *next_of
        cdef const Micro *m
        cdef int k, j, count
        self.next_of = self.numbers(4 * (self.end - self.first))
        for k in range(self.g.n_slots):
            self.next_use[k] = NEVER
        for k in range(self.end - 1, self.first - 1, -1):
            m = &self.g.micros[k]
            next_of = &self.next_of[4 * (k - self.first)]
            count = slots_read(m, slots)
            next_of[0] = self.next_use[m.y]
            for j in range(count):
                next_of[j + 1] = self.next_use[slots[j]]
            for j in range(count):
                self.next_use[slots[j]] = k
        return 0

    cdef int find_looks(self) noexcept:
        """Are two bodies worth it: are there products in which a zero absorbs or quotients, and is
        nothing that is read lost before a round can be done again?"""
        cdef int32_t slots[4]
        cdef int k, j
        cdef bint gains = False, lost = False
        for k in range(self.first, self.end):
            gains |= self.g.micros[k].gather == NULL \
                and native_kind(self.g.micros[k].op) >= NATIVE_DIVIDES
            for j in range(slots_read(&self.g.micros[k], slots)):
                if not self.known[slots[j]] & MADE:
                    self.known[self.place[slots[j]]] |= TOUCHED
            j = self.g.micros[k].y
            self.known[j] |= MADE
            lost |= self.g.slots[j].base != BASE_LANES and self.known[self.place[j]] & TOUCHED
        self.run.look = gains and not lost
        memset(self.known, 0, self.g.n_slots)
        return 0

    cdef int hold_numbers(self) noexcept:
        """The first numbers that are read have registers for the whole run."""
        cdef int32_t slots[4]
        cdef int k, j, r = VALUE_REGISTERS - 1
        cdef const Micro *m
        for k in range(self.first, self.end):
            m = &self.g.micros[k]
            for j in range(slots_read(m, slots)):
                if operand_stride(m, j) == 0 and self.register_of[slots[j]] < 0 \
                        and r >= VALUE_REGISTERS - HELD_NUMBERS:
                    self.put(DO_SPREAD, 0, r, 0, 0, 0, slots[j])
                    self.touch(slots[j])
                    self.register_of[slots[j]] = <int8_t>r
                    self.content[r] = slots[j]
                    r -= 1
        self.run.n_fixed = self.run.n_steps
        return 0

    cdef int put(self, int kind, int op, int y, int a, int b, int c, int32_t slot) noexcept:
        cdef MachineStep *s = &self.run.steps[self.run.n_steps]
        s.kind = <int16_t>kind
        s.op = <int16_t>op
        s.y = <int8_t>y
        s.a = <int8_t>a
        s.b = <int8_t>b
        s.c = <int8_t>c
        s.slot = slot
        self.run.n_steps += 1
        return 0

    cdef int touch(self, int32_t slot) noexcept:
        if not self.known[slot] & TOUCHED:
            self.known[slot] |= TOUCHED
            self.run.touched[self.run.n_touched] = slot
            self.run.n_touched += 1
        return 0

    cdef int add_operator(self, int k) noexcept:
        """One operator: its operands into registers, what it gives into one of those that are
        free then."""
        cdef const Micro *m = &self.g.micros[k]
        cdef const int32_t *next_of = &self.next_of[4 * (k - self.first)]
        cdef int op = OP_WHERE if m.kind == MICRO_WHERE else m.op
        cdef int j, y, count, kind = native_kind(op)
        cdef int32_t slots[4]
        cdef int r[4]
        cdef uint32_t busy = 0
        cdef char taint = TAINTED if kind == NATIVE_ABSORBS else 0
        r[1] = r[2] = 0
        count = slots_read(m, slots)
        for j in range(count):
            r[j] = self.bring(slots[j], operand_stride(m, j), busy)
            busy |= <uint32_t>1 << r[j]
        for j in range(count):
            if self.known[slots[j]] & TAINTED:
                taint = TAINTED
                if kind == NATIVE_SWALLOWS or kind == NATIVE_CHOOSES and j == 0:
                    self.look(r[j])
            if kind == NATIVE_DIVIDES and self.run.look and not self.known[slots[j]] & RANGED:
                self.known[slots[j]] |= RANGED
                self.put(DO_RANGE, 0, 0, r[j], 0, 0, 0)
            self.next_use[slots[j]] = next_of[j + 1]
        for j in range(count):
            self.let_go(slots[j], r[j])
        y = self.free_register(0)
        self.put(DO_OPERATOR, op, y, r[0], r[1], r[2], 0)
        self.known[m.y] |= taint
        return self.add_result(m.y, y, next_of[0])

    cdef int add_result(self, int32_t slot, int r, int32_t next_use) noexcept:
        """A register holds a value that the run has made."""
        self.content[r] = slot
        self.register_of[slot] = <int8_t>r
        self.next_use[slot] = next_use
        self.known[slot] |= MADE
        self.keep(slot, r)
        return self.let_go(slot, r)

    cdef int add_column(self, int k) noexcept:
        """A column into a register, or out of one."""
        cdef const Micro *m = &self.g.micros[k]
        cdef const int32_t *next_of = &self.next_of[4 * (k - self.first)]
        cdef const Gather *x = m.gather
        cdef int r = self.free_register(0) if m.kind == MICRO_GATHER else self.bring(m.a, 1, 0)
        self.touch(x.table)
        if m.kind == MICRO_SCATTER and self.known[m.a] & TAINTED:
            self.look(r)
        self.put(DO_GATHER if m.kind == MICRO_GATHER else DO_SCATTER, 0, r, r, 0, 0, x.table)
        self.run.steps[self.run.n_steps - 1].stride = <int32_t>x.strides[0]
        self.run.steps[self.run.n_steps - 1].offset = <int32_t>(
            x.offset - self.g.slots[x.table].offset)
        if m.kind == MICRO_GATHER:
            return self.add_result(m.y, r, next_of[0])
        self.next_use[m.a] = next_of[1]
        return self.let_go(m.a, r)

    cdef int look(self, int r) noexcept:
        return self.put(DO_LOOK, 0, 0, r, 0, 0, 0) if self.run.look else 0

    cdef int keep(self, int32_t slot, int r) noexcept:
        """Store what is read after the run."""
        if self.g.slots[slot].base == BASE_LANES and self.last_use[slot] < self.end:
            return 0
        if self.known[slot] & TAINTED:
            self.look(r)
        return self.store(slot, r)

    cdef int store(self, int32_t slot, int r) noexcept:
        self.put(DO_STORE_LANE if self.g.slots[slot].base == BASE_LANES else DO_STORE,
                 0, 0, r, 0, 0, slot)
        self.known[slot] |= STORED_TOO
        return self.touch(slot)

    cdef int let_go(self, int32_t slot, int r) noexcept:
        """Free the register of what is not read any more; numbers keep theirs."""
        if self.next_use[slot] == NEVER and self.content[r] == slot \
                and not self.is_held(r):
            self.content[r] = -1
            self.register_of[slot] = -1
        return 0

    cdef inline bint is_held(self, int r) noexcept:
        return r > VALUE_REGISTERS - 1 - self.run.n_fixed

    cdef int bring(self, int32_t slot, int stride, uint32_t busy) noexcept:
        """The register of a slot, into which it is loaded if it is not there."""
        cdef int r = self.register_of[slot]
        if r >= 0:
            return r
        r = self.free_register(busy)
        self.put(DO_SPREAD if stride == 0 else
                 DO_LOAD_LANE if self.g.slots[slot].base == BASE_LANES else DO_LOAD,
                 0, r, 0, 0, 0, slot)
        self.touch(slot)
        self.content[r] = slot
        self.register_of[slot] = <int8_t>r
        return r

    cdef int free_register(self, uint32_t busy) noexcept:
        """A free register, else that of what is read last of all (Belady)."""
        cdef int r, found = -1
        cdef int32_t slot
        for r in range(VALUE_REGISTERS - self.run.n_fixed):
            if self.content[r] < 0:
                return r
            if not busy >> r & 1 and (found < 0 or self.next_use[self.content[r]]
                                      > self.next_use[self.content[found]]):
                found = r
        slot = self.content[found]
        if self.known[slot] & (MADE | STORED_TOO) == MADE:
            self.store(slot, found)
        self.register_of[slot] = -1
        return found


cdef inline bint fits_int32(Py_ssize_t n) noexcept nogil:
    return -0x7fffffff <= n <= 0x7fffffff


cdef inline int operand_stride(const Micro *m, int operand) noexcept nogil:
    return m.sa if operand == 0 else m.sb if operand == 1 else m.sc


cdef int move_run(Run *r, const int32_t *place) noexcept:
    """Follow slots to their final places."""
    cdef int k
    for k in range(r.n_steps):
        r.steps[k].slot = place[r.steps[k].slot]
    for k in range(r.n_touched):
        r.touched[k] = place[r.touched[k]]
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
            room += 2 * MAX_STEP_BYTES * g.micros[k].run.n_steps + FRAME_BYTES
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
        r.call = assemble(p, r.steps, r.n_fixed, r.n_steps, r.look, &length)
        p += (length + 63) & ~<size_t>63
        r.steps = NULL
    if not code_seal(start, room):
        raise MemoryError("cdiff: the system does not let memory be executed any more")
    return 0
