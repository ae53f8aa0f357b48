# Registers: which value is in which register of the processor when, for machine code.
#
# Turns calls of operators over slots into steps over registers; must not know encodings
# (machine_code.h), nor what slots stand for: memory behind a pointer, lanes, numbers.  Fast in what
# it makes: a value stays in its register until it is read for the last time, and if there is none
# left, the one goes that is read last of all (L. Belady, A study of replacement algorithms, IBM
# Systems Journal 5, 1966).

cdef extern from "machine/machine_code.h":
    ctypedef void (*native_fn)(int64_t n, char **pointers, char *lanes) noexcept nogil
    ctypedef struct MachineStep:
        int16_t kind, op
        int8_t y, a, b, c
        int32_t slot, stride, offset
    enum:
        CDIFF_MACHINE_CODE
        VALUE_REGISTERS
        DO_OPERATOR, DO_LOAD, DO_LOAD_FAR, DO_LOAD_LANE, DO_SPREAD
        DO_STORE, DO_STORE_PAST, DO_STORE_LANE, DO_GATHER, DO_SCATTER, DO_LOOK, DO_RANGE
        DO_SHIFT, DO_FETCH
        NOT_NATIVE, NATIVE, NATIVE_CHOOSES, NATIVE_SWALLOWS, NATIVE_DIVIDES, NATIVE_ABSORBS
        SHARED_RECIPROCAL, SHARING_RECIPROCAL, SHARING_DIVIDE, SHIFT_BEHIND, SHIFT_AHEAD
        ROUND_TO_SINGLE
        MAX_STEP_BYTES, MAX_COLUMNS_BYTES, FRAME_BYTES, MAX_STRIDES
    int native_kind(int op) noexcept nogil
    native_fn assemble(uint8_t *memory, const MachineStep *steps, int n_fixed, int n, bint look,
                       bint single, size_t *length) noexcept nogil
    native_fn assemble_point(uint8_t *memory, const MachineStep *steps, int n, bint look,
                             size_t *length) noexcept nogil
    bint code_seal(void *p, size_t n) noexcept nogil
    void code_fence() noexcept nogil

cdef enum:
    HELD_NUMBERS = 8              # numbers that stay in registers all the time
    STEPS_OF_CALL = 16            # at most: loads, looks, the operator, and stores
    LATER = 0x7ffffffe            # the next use of what is read after the run
    NEVER = 0x7fffffff            # and of what is not read any more

# What is known of a slot within a run.
cdef enum:
    MADE = 1                      # the run computes it
    STORED_TOO = 2                # and has put it into memory
    TAINTED = 4                   # the quick body may have made it NaN
    TOUCHED = 8                   # its memory is used
    RANGED = 16                   # it is known whether it is too large or small to divide
    MODERATE = 32                 # the same for a numerator or a root: a quotient of such

# Where a slot is, for _Registers.pointed.
cdef enum:
    IN_LANES = 0
    IN_MEMORY = 1                 # behind a pointer
    IN_FAR_MEMORY = 2             # the same, and more than the caches hold

cdef int machine_code = -1        # not asked yet: whoever only imports needs no memory for code


def use_machine_code(on=None):
    """Whether programs made ready from now on have machine code; `on` sets it where it works."""
    global machine_code
    if on is not None:
        machine_code = bool(on) and machine_code_works()
    return has_machine_code()


cdef bint has_machine_code() noexcept:
    global machine_code
    if machine_code < 0:
        machine_code = machine_code_works()
    return machine_code


cdef bint machine_code_works() noexcept:
    """Does the processor have the instructions, and the system memory that can be executed?"""
    cdef void *p
    cdef native_fn call
    cdef size_t length
    cdef bint works
    if not CDIFF_MACHINE_CODE or <bytes>KERNELS.isa != b"avx512":
        return False
    p = code_memory(4096)
    if p == NULL:
        return False
    call = assemble(<uint8_t *>p, NULL, 0, 0, False, False, &length)
    works = code_seal(p, 4096)
    if works:
        call(0, NULL, NULL)
    code_free(p, 4096)
    return works


cdef inline size_t step_bytes(int kind) noexcept nogil:
    """The most that a step takes in machine code."""
    return (MAX_COLUMNS_BYTES if kind == DO_GATHER or kind == DO_SCATTER or kind == DO_FETCH
            else MAX_STEP_BYTES)


# An operator over slots.
cdef struct Call:
    int op, n                     # of operands
    int32_t y
    int32_t slots[3]
    bint spread[3]                # the operand is one number for all points
    int32_t next[4]               # the calls that read y and the operands next
    int32_t kept                  # of a shift: the slot of what it keeps
    int32_t count                 # and by how many points it goes


cdef void find_next_uses(Call *calls, int n, int first, int32_t *next_use) noexcept nogil:
    """Fill in `next`, from the last call to the first, which counts as `first`; `next_use` of each
    slot is what holds after the last one."""
    cdef Call *c
    cdef int k, j
    for k in range(n - 1, -1, -1):
        c = &calls[k]
        if c.y >= 0:
            c.next[0] = next_use[c.y]
            next_use[c.y] = NEVER
        for j in range(c.n):
            c.next[j + 1] = next_use[c.slots[j]]
        for j in range(c.n):
            next_use[c.slots[j]] = first + k


cdef inline bint is_shared_reciprocal(const Call *c, int j) noexcept nogil:
    return j == c.n - 1 and (c.op == SHARING_RECIPROCAL or c.op == SHARING_DIVIDE)


cdef inline bint is_denominator(const Call *c, int j) noexcept nogil:
    return c.op != OP_SQRT and (c.op != OP_DIVIDE and c.op != SHARING_DIVIDE or j == 1)


@cython.final
cdef class _Registers:
    """Chooses steps and registers for one run after the other."""
    cdef MachineStep *steps
    cdef int32_t *touched         # slots whose memory is used
    cdef int n_steps, n_fixed, n_touched
    cdef int32_t end              # calls from here on are after the run
    cdef bint look                # two bodies, a quick one and an exact one
    cdef bint divides             # the quick body divides by Newton's method
    cdef int32_t *next_use        # of a slot, from the present call on
    cdef int8_t *register_of
    cdef char *known              # of a slot
    cdef const char *pointed      # where each slot is; NULL: all are lanes
    cdef int32_t[VALUE_REGISTERS] content   # the slot in each register, -1: free

    def __init__(self, _Pool scratch not None, Py_ssize_t n_slots, bint divides):
        self.next_use = <int32_t *>scratch.take((n_slots + 1) * sizeof(int32_t))
        self.register_of = <int8_t *>scratch.take(n_slots + 1)
        self.known = <char *>scratch.take(n_slots + 1)
        self.divides = divides
        memset(self.register_of, 0xff, n_slots)

    cdef int begin(self, const Call *calls, int n, int32_t end, const int32_t *place,
                   MachineStep *steps, int32_t *touched) noexcept:
        """A run of n calls, the last of which is before `end`; there is room for their steps."""
        cdef int r
        self.steps = steps
        self.touched = touched
        self.n_steps = self.n_fixed = self.n_touched = 0
        self.end = end
        for r in range(VALUE_REGISTERS):
            self.content[r] = -1
        self.find_looks(calls, n, place)
        self.hold_numbers(calls, n)
        return 0

    cdef int finish(self, const Call *calls, int n) noexcept:
        """Forget what was known of the slots of a run."""
        cdef int k, j
        for k in range(n):
            if calls[k].y >= 0:
                self.known[calls[k].y] = 0
                self.register_of[calls[k].y] = -1
            for j in range(calls[k].n):
                self.known[calls[k].slots[j]] = 0
                self.register_of[calls[k].slots[j]] = -1
        for k in range(self.n_touched):
            self.known[self.touched[k]] = 0
        return 0

    cdef int find_looks(self, const Call *calls, int n, const int32_t *place) noexcept:
        """Are two bodies worth it: are there products in which a zero absorbs or quotients, and is
        nothing that is read lost before a round can be done again?"""
        cdef int32_t slot
        cdef int k, j, kind
        cdef bint gains = False, lost = False
        for k in range(n):
            kind = native_kind(calls[k].op)
            gains |= kind == NATIVE_ABSORBS or kind == NATIVE_DIVIDES and self.divides
            for j in range(calls[k].n):
                slot = calls[k].slots[j]
                if not self.known[slot] & MADE:
                    self.known[slot if place == NULL else place[slot]] |= TOUCHED
            slot = calls[k].y
            if slot >= 0:
                self.known[slot] |= MADE
                lost |= self.known[slot if place == NULL else place[slot]] & TOUCHED
        self.look = gains and not lost
        for k in range(n):
            for j in range(calls[k].n):
                slot = calls[k].slots[j]
                self.known[slot] = self.known[slot if place == NULL else place[slot]] = 0
            if calls[k].y >= 0:
                self.known[calls[k].y] = 0
        return 0

    cdef int hold_numbers(self, const Call *calls, int n) noexcept:
        """The first numbers that are read have registers for the whole run."""
        cdef int k, j, r = VALUE_REGISTERS - 1
        cdef int32_t slot
        for k in range(n):
            for j in range(calls[k].n):
                slot = calls[k].slots[j]
                if calls[k].spread[j] and self.register_of[slot] < 0 \
                        and r >= VALUE_REGISTERS - HELD_NUMBERS:
                    self.put(DO_SPREAD, 0, r, 0, 0, 0, slot)
                    self.touch(slot)
                    self.register_of[slot] = <int8_t>r
                    self.content[r] = slot
                    r -= 1
        self.n_fixed = self.n_steps
        return 0

    cdef MachineStep *put(self, int kind, int op, int y, int a, int b, int c,
                          int32_t slot) noexcept:
        cdef MachineStep *s = &self.steps[self.n_steps]
        s.kind = <int16_t>kind
        s.op = <int16_t>op
        s.y = <int8_t>y
        s.a = <int8_t>a
        s.b = <int8_t>b
        s.c = <int8_t>c
        s.slot = slot
        s.stride = s.offset = 0
        self.n_steps += 1
        return s

    cdef int touch(self, int32_t slot) noexcept:
        if not self.known[slot] & TOUCHED:
            self.known[slot] |= TOUCHED
            self.touched[self.n_touched] = slot
            self.n_touched += 1
        return 0

    cdef int add(self, const Call *c) noexcept:
        """One operator: its operands into registers, what it gives into one of those that are
        free then."""
        cdef int j, y, kind = native_kind(c.op)
        cdef int r[3]
        cdef uint32_t busy = 0
        cdef bint ranges = kind == NATIVE_DIVIDES and self.divides and self.look
        cdef char taint = TAINTED if kind == NATIVE_ABSORBS else 0, size = 0
        r[1] = r[2] = 0
        for j in range(c.n):
            r[j] = self.bring(c.slots[j], c.spread[j], busy)
            busy |= <uint32_t>1 << r[j]
        for j in range(c.n):
            if self.known[c.slots[j]] & TAINTED:
                taint = TAINTED
                if kind == NATIVE_SWALLOWS or kind == NATIVE_CHOOSES and j == 0:
                    self.put(DO_LOOK, 0, 0, r[j], 0, 0, 0)
            if ranges and not is_shared_reciprocal(c, j):
                self.range(c.slots[j], r[j], is_denominator(c, j))
            self.next_use[c.slots[j]] = c.next[j + 1]
        if ranges:
            size = RANGED if c.op != OP_DIVIDE and c.op != SHARING_DIVIDE else \
                MODERATE if self.known[c.slots[0]] & RANGED else 0
        for j in range(c.n):
            self.let_go(c.slots[j], r[j])
        # Where an operand was, a product needs no instruction that moves it; where the summand was,
        # a sum of products neither.
        y = r[2] if c.n == 3 and self.content[r[2]] < 0 else \
            r[0] if self.content[r[0]] < 0 else self.free_register(0)
        if c.op == SHIFT_AHEAD or c.op == SHIFT_BEHIND:
            taint = 0                     # as the look has found
            self.put(DO_SHIFT, c.count, y, r[0], c.op == SHIFT_AHEAD, 0, c.kept)
        else:
            self.put(DO_OPERATOR, c.op, y, r[0], r[1], r[2], 0)
        return self.add_result(c.y, y, c.next[0], taint | size)

    cdef int add_result(self, int32_t slot, int r, int32_t next_use, char known) noexcept:
        """A register holds a value that the run has made, of which so much is known."""
        self.content[r] = slot
        self.register_of[slot] = <int8_t>r
        self.next_use[slot] = next_use
        self.known[slot] = self.known[slot] & TOUCHED | MADE | known
        if self.is_pointed(slot):
            self.store(slot, r)
        return self.let_go(slot, r)

    cdef inline bint is_pointed(self, int32_t slot) noexcept:
        return self.pointed != NULL and self.pointed[slot] != IN_LANES

    cdef int range(self, int32_t slot, int r, bint divides) noexcept:
        """Look at the size of what takes part in a quotient (or `divides`), once."""
        if not self.known[slot] & (RANGED if divides else RANGED | MODERATE):
            self.known[slot] |= RANGED
            self.put(DO_RANGE, 0, 0, r, 0, 0, 0)
        return 0

    cdef int store(self, int32_t slot, int r) noexcept:
        if self.known[slot] & TAINTED:
            self.put(DO_LOOK, 0, 0, r, 0, 0, 0)
        self.put(DO_STORE_LANE if not self.is_pointed(slot)
                 else DO_STORE_PAST if self.pointed[slot] == IN_FAR_MEMORY
                 and self.next_use[slot] == NEVER else DO_STORE, 0, 0, r, 0, 0, slot)
        self.known[slot] |= STORED_TOO
        return self.touch(slot)

    cdef int let_go(self, int32_t slot, int r) noexcept:
        """Free the register of what the run does not read any more; numbers keep theirs."""
        if self.next_use[slot] < self.end or self.content[r] != slot \
                or r > VALUE_REGISTERS - 1 - self.n_fixed:
            return 0
        if self.next_use[slot] != NEVER and self.known[slot] & (MADE | STORED_TOO) == MADE:
            self.store(slot, r)
        self.content[r] = -1
        self.register_of[slot] = -1
        return 0

    cdef int bring(self, int32_t slot, bint spread, uint32_t busy) noexcept:
        """The register of a slot, into which it is loaded if it is not there."""
        cdef int r = self.register_of[slot]
        if r >= 0:
            return r
        r = self.free_register(busy)
        self.put(DO_SPREAD if spread else DO_LOAD_LANE if not self.is_pointed(slot)
                 else DO_LOAD_FAR if self.pointed[slot] == IN_FAR_MEMORY else DO_LOAD,
                 0, r, 0, 0, 0, slot)
        self.touch(slot)
        self.content[r] = slot
        self.register_of[slot] = <int8_t>r
        return r

    cdef int free_register(self, uint32_t busy) noexcept:
        """A free register, else that of what is read last of all."""
        cdef int r, found = -1
        cdef int32_t slot
        for r in range(VALUE_REGISTERS - self.n_fixed):
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
