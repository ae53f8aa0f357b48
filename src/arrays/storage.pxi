# Where values live while a program runs: the third part of planning a run.
#
# Gives numbers registers and arrays places in an arena, both used again as soon
# as a value has been read for the last time; results are made where they are
# wanted.  Knows the order of a schedule and sizes; it must not know operators.
# Fast because the memory of a call is known before it, and small memory stays in
# the cache.

cdef enum:
    BASE_LANES = -1               # the lanes of a group
    BASE_KEPT = -2                # behind them, what its shifts keep
    BASE_REGISTERS = 0
    BASE_ARENA = 1
    FIRST_INPUT = 2               # then the inputs, constant arrays and outputs

cdef enum:
    CHUNK = 2048                  # points of a group that have sums of their own
    SHORT_CHUNK = 512             # and that one thread takes at a time, if there are no sums
    MAX_BLOCK = 1024              # points that go through a group together

# Free parts of the arena, by offset.
cdef struct Gap:
    Py_ssize_t start
    Py_ssize_t size


cdef inline Py_ssize_t chunk_points(Py_ssize_t most, Py_ssize_t row,
                                    Py_ssize_t block) noexcept nogil:
    """Points of a chunk: whole blocks, or rows that are longer; more than half of `most`."""
    cdef Py_ssize_t n = row if row > block else block
    return most // n * n if n < most else n


@cython.final
cdef class _Storage:
    cdef _Plan plan
    cdef _Schedule schedule
    cdef int32_t *free_registers
    cdef Py_ssize_t n_free, n_registers
    cdef Gap *gaps
    cdef Py_ssize_t n_gaps, gaps_capacity
    cdef Py_ssize_t arena_size
    cdef int first_constant, first_output, n_bases
    cdef list made                # for each output: is it computed where it is wanted?
    cdef dict pieces              # call -> the outputs that are all that is made of its result
    cdef bint writes_over         # may results of this unit lie over operands?

    def __init__(self, _Schedule schedule not None):
        cdef Program p = schedule.plan.program
        cdef Py_ssize_t u
        self.schedule = schedule
        self.plan = schedule.plan
        self.free_registers = <int32_t *>self.plan.scratch.take((p.count + 1) * sizeof(int32_t))
        self.first_constant = FIRST_INPUT + <int>p.n_inputs
        self.first_output = self.first_constant + <int>len(p.arrays)
        self.n_bases = self.first_output + <int>len(p.outputs)
        self.place_given()
        self.place_outputs()
        self.place_strips()
        self.find_last()
        self.reach_outputs()
        for u in range(schedule.n_units):
            if schedule.units[u].kind == UNIT_NUMBERS:
                self.place_numbers(&schedule.units[u])
            else:
                self.place_unit(&schedule.units[u])

    def __dealloc__(self):
        free(self.gaps)

    cdef int place_given(self) except -1:
        cdef Program p = self.plan.program
        cdef Value *v
        cdef Py_ssize_t i
        for i in range(p.count):
            v = &self.plan.values[i]
            if v.kind != KIND_GIVEN:
                continue
            if self.plan.type(i).number:
                self.new_register(v)
            elif p.code[i].op == OP_LEAF:
                v.base = FIRST_INPUT + p.code[i].a
            else:
                v.base = self.first_constant + p.code[i].a
        return 0

    cdef int place_strips(self) except -1:
        """An array that is made in strips has a base of its own, which goes on with them."""
        cdef Maker *m
        cdef int k
        for k in range(self.plan.n_makers):
            m = &self.plan.makers[k]
            m.base = self.n_bases
            self.n_bases += 1
            self.plan.values[m.value].base = m.base
            self.plan.values[m.value].flags |= STORED
        return 0

    cdef int place_outputs(self) except -1:
        """An output that is all of some memory in C order is made where it is wanted."""
        cdef Program p = self.plan.program
        cdef Value *v
        cdef Value *root
        cdef int k
        cdef list claimed = []
        self.made = []
        self.find_pieces()
        for k in range(<int>len(p.outputs)):
            v = &self.plan.values[<Py_ssize_t>p.outputs[k]]
            root = &self.plan.values[v.root]
            root.flags |= KEPT
            self.made.append(v.root in self.pieces)
            if self.made[k] or root.kind == KIND_GIVEN or v.root in claimed \
                    or self.plan.type(v.root).number \
                    or v.strides != NULL or v.offset \
                    or self.plan.type(v.root).size != self.plan.type(p.outputs[k]).size:
                continue
            claimed.append(v.root)
            root.base = self.first_output + k
            self.made[k] = True
        for guard in p.guards:
            self.plan.values[self.plan.values[(<Guard>guard).value].root].flags |= KEPT
        return 0

    cdef int find_pieces(self) except -1:
        """Results of callees that nobody reads: those callees write outputs themselves."""
        cdef Program p = self.plan.program
        cdef int k
        cdef int32_t r
        self.pieces = {}
        for k in range(<int>len(p.outputs)):
            r = self.plan.values[<Py_ssize_t>p.outputs[k]].root
            if self.plan.type(r).typenum == NPY_DOUBLE and not self.plan.type(r).number \
                    and self.plan.first_edge[r] == self.plan.first_edge[r + 1] \
                    and self.is_direct_call(r):
                self.pieces.setdefault(r, []).append(k)
        for guard in p.guards:
            self.pieces.pop(self.plan.values[(<Guard>guard).value].root, None)
        for r in list(self.pieces):
            if not self.are_pieces(self.pieces[r]):
                del self.pieces[r]
        return 0

    cdef bint are_pieces(self, list outputs) except -1:
        """Is each of these outputs a stretch of memory, no two the same?"""
        cdef Program p = self.plan.program
        cdef const Value *v
        cdef set firsts = set()
        for k in outputs:
            v = &self.plan.values[<Py_ssize_t>p.outputs[k]]
            if v.strides != NULL or self.plan.type(p.outputs[k]).size == 0 or v.offset in firsts:
                return False
            firsts.add(v.offset)
        return True

    cdef int find_last(self) except -1:
        """When each root is read for the last time, and which values of groups need memory."""
        cdef const Join *join
        cdef int32_t *operands = NULL
        cdef Unit *unit
        cdef Value *root
        cdef Py_ssize_t u, at, end
        cdef int k, count
        for u in range(self.schedule.n_units):
            unit = &self.schedule.units[u]
            end = unit.start + unit.count - 1
            for at in range(unit.start, unit.start + unit.count):
                join = self.plan.joins[self.schedule.order[at]]
                count = self.plan.operands(self.schedule.order[at], &operands)
                for k in range(count):
                    if join != NULL and join.regions[k].scattered:
                        continue              # its group has done that
                    root = &self.plan.values[self.plan.values[operands[k]].root]
                    root.last = <int32_t>(at if unit.kind == UNIT_NUMBERS else end)
                    if root.unit != u:
                        root.flags |= STORED
        return 0

    cdef int reach_outputs(self) except -1:
        """What dies where an output is made is made there already: fewer pages of fresh memory."""
        cdef const Unit *unit
        cdef Py_ssize_t u, at
        cdef int32_t i, r
        for u in range(self.schedule.n_units - 1, -1, -1):
            unit = &self.schedule.units[u]
            if unit.kind == UNIT_NUMBERS:
                continue
            self.writes_over = not self.schedule.starts_anywhere(unit)
            for at in range(unit.start, unit.start + unit.count):
                i = self.schedule.order[at]
                if self.is_made_outside(i):
                    r = self.dying_operand(unit, at, BASE_REGISTERS)  # has no place yet
                    if r >= 0 and self.is_lanes(r):
                        self.plan.values[r].base = self.plan.values[i].base
        return 0

    cdef bint is_lanes(self, int32_t i) noexcept:
        """Is it made point by point, and not as a part of something else?"""
        return self.plan.values[i].kind == KIND_LANES and self.plan.joins[i] == NULL

    cdef bint is_made_outside(self, int32_t i) noexcept:
        return self.is_lanes(i) and self.plan.values[i].base >= self.first_output

    # ------------------------------------------------------------ registers

    cdef int new_register(self, Value *v) except -1:
        if self.n_free:
            self.n_free -= 1
            v.slot = self.free_registers[self.n_free]
        else:
            v.slot = <int32_t>self.n_registers
            self.n_registers += 1
        v.base = BASE_REGISTERS
        v.place = v.slot * sizeof(double)
        return 0

    cdef int place_numbers(self, const Unit *unit) except -1:
        """A result may take the register of an operand that dies with it."""
        cdef int32_t *operands = NULL
        cdef Py_ssize_t at
        cdef int32_t i
        cdef int k, count
        for at in range(unit.start, unit.start + unit.count):
            i = self.schedule.order[at]
            count = operands_at(self.plan.program, i, &operands)
            for k in range(count):
                self.let_go(self.plan.values[operands[k]].root, at)
            self.new_register(&self.plan.values[i])
            self.let_go(i, -1)
        return 0

    cdef int let_go(self, int32_t r, Py_ssize_t at) except -1:
        """Free the memory of a root if `at` is where it is read for the last time."""
        cdef Value *v = &self.plan.values[r]
        if v.last != at or v.flags & KEPT or v.kind == KIND_GIVEN:
            return 0
        v.last = -2
        if self.plan.type(r).number:
            self.free_registers[self.n_free] = v.slot
            self.n_free += 1
        elif v.base == BASE_ARENA:
            self.arena_free(v.place, self.nbytes(r))
        return 0

    # ------------------------------------------------------------ arrays

    cdef Py_ssize_t nbytes(self, int32_t r) noexcept:
        """Memory of an array: whole cache lines."""
        cdef const Type *t = self.plan.type(r)
        return (t.size * t.itemsize + LINE) & ~<Py_ssize_t>(LINE - 1)

    cdef int place_unit(self, const Unit *unit) except -1:
        cdef int32_t *operands = NULL
        cdef Py_ssize_t at, end = unit.start + unit.count - 1
        cdef int32_t i
        cdef int k, count
        self.writes_over = not self.schedule.starts_anywhere(unit)
        for at in range(unit.start, end + 1):
            self.place_value(unit, at)
            for join, _ in self.plan.scatters.get(self.schedule.order[at], ()):
                self.place_join(join)
        for at in range(unit.start, end + 1):
            i = self.schedule.order[at]
            count = self.plan.operands(i, &operands)
            for k in range(count):
                self.let_go(self.plan.values[operands[k]].root, end)
            self.let_go(i, -1)
            if self.plan.strips[i] != NULL:
                self.arena_free(self.plan.strips[i].room, strip_bytes(self.plan.strips[i]))
            if self.plan.values[i].kind == KIND_SUM:
                self.arena_free(self.plan.values[i].scratch, self.scratch_size(i))
        return 0

    cdef Py_ssize_t scratch_size(self, int32_t i) noexcept:
        """A partial sum for each chunk."""
        cdef Py_ssize_t size = self.plan.type(self.plan.program.code[i].a).size
        return (size // CHUNK * 2 + 8) * sizeof(double) & ~<Py_ssize_t>(LINE - 1)

    cdef int place_value(self, const Unit *unit, Py_ssize_t at) except -1:
        cdef int32_t i = self.schedule.order[at], r
        cdef Value *v = &self.plan.values[i]
        if v.kind == KIND_SUM:
            v.scratch = self.arena_take(self.scratch_size(i))
        if self.plan.strips[i] != NULL:
            self.plan.strips[i].room = self.arena_take(strip_bytes(self.plan.strips[i]))
        if self.plan.type(i).number:
            return self.new_register(v)
        if self.plan.joins[i] != NULL:
            return self.place_join(i)
        if v.base >= FIRST_INPUT:
            v.flags |= STORED
            return 0
        if self.is_direct_call(i):
            v.base = self.n_bases             # where its result will lie is known when it is there
            self.n_bases += 1
            v.flags |= STORED
            v.scratch = PY_SSIZE_T_MAX if v.flags & KEPT else v.last
            return 0
        v.base = BASE_ARENA
        if v.kind == KIND_LANES:
            if not v.flags & (STORED | KEPT):
                v.base = BASE_LANES
                return 0
            v.flags |= STORED
            r = self.dying_operand(unit, at, BASE_ARENA)
            if r >= 0:
                v.place = self.plan.values[r].place
                self.plan.values[r].last = -2
                return 0
        v.place = self.arena_take(self.nbytes(i))
        return 0

    cdef bint is_direct_call(self, int32_t i) except -1:
        """Does a callee hand over the memory of this value?"""
        cdef Program p = self.plan.program
        if p.code[i].op != OP_CALL:
            return False
        callee = p.attrs_of(i)[0]
        return isinstance(callee, Callee) and (<Callee>callee).is_direct

    cdef int place_join(self, int32_t i) except -1:
        """A concatenation has its memory from the first group on that writes a part of it."""
        cdef Value *v = &self.plan.values[i]
        if self.plan.joins[i].placed:
            return 0
        self.plan.joins[i].placed = True
        v.flags |= STORED
        if v.base < FIRST_INPUT:
            v.base = BASE_ARENA
            v.place = self.arena_take(self.nbytes(i))
        return 0

    cdef int32_t dying_operand(self, const Unit *unit, Py_ssize_t at, int base) except -2:
        """An operand, of this base, whose memory this result of a group may take: nobody reads it
        afterwards."""
        cdef int32_t *operands = NULL
        cdef int32_t i = self.schedule.order[at], r
        cdef int k, count = operands_at(self.plan.program, i, &operands)
        cdef Value *root
        # Machine code may do a round again, and knows only of doubles whether they are still there.
        if not self.writes_over or self.plan.type(i).typenum == NPY_FLOAT:
            return -1
        for k in range(count):
            r = self.plan.values[operands[k]].root
            root = &self.plan.values[r]
            if root.base == base and root.last == unit.start + unit.count - 1 \
                    and not root.flags & KEPT and root.kind != KIND_GIVEN \
                    and not self.plan.type(r).number \
                    and self.plan.type(r).typenum == self.plan.type(i).typenum \
                    and self.plan.type(r).size == self.plan.type(i).size \
                    and root.unit != self.plan.values[i].unit \
                    and self.is_read_before(unit, at, r):
                return r
        return -1

    cdef bint is_read_before(self, const Unit *unit, Py_ssize_t at, int32_t r) except -1:
        """Is `r` read up to this place only, and at each point just there?"""
        cdef int32_t *operands = NULL
        cdef Py_ssize_t j
        cdef int k, count
        for j in range(unit.start, unit.start + unit.count):
            count = operands_at(self.plan.program, self.schedule.order[j], &operands)
            for k in range(count):
                if self.plan.values[operands[k]].root == r and \
                        (j > at or not self.plan.same_lanes(self.schedule.order[j], r)):
                    return False
        return True

    cdef Py_ssize_t arena_take(self, Py_ssize_t size) except -1:
        """The smallest gap that is large enough, or the end."""
        cdef Py_ssize_t k, best = -1, start
        for k in range(self.n_gaps):
            if self.gaps[k].size >= size and (best < 0 or self.gaps[k].size < self.gaps[best].size):
                best = k
        if best < 0:
            start = self.arena_size
            if self.n_gaps and self.gaps[self.n_gaps - 1].start \
                    + self.gaps[self.n_gaps - 1].size == self.arena_size:
                self.n_gaps -= 1
                start = self.gaps[self.n_gaps].start
            if size > PY_SSIZE_T_MAX - start:
                raise MemoryError("cdiff: a program needs more memory than there can be")
            self.arena_size = start + size
            return start
        start = self.gaps[best].start
        self.gaps[best].start += size
        self.gaps[best].size -= size
        if self.gaps[best].size == 0:
            self.n_gaps -= 1
            for k in range(best, self.n_gaps):
                self.gaps[k] = self.gaps[k + 1]
        return start

    cdef int arena_free(self, Py_ssize_t start, Py_ssize_t size) except -1:
        """Back among the gaps, joined with its neighbours."""
        cdef Py_ssize_t k = self.n_gaps, j, m
        if self.n_gaps + 1 >= self.gaps_capacity:
            self.gaps = <Gap *>grown(self.gaps, NULL, &self.gaps_capacity, sizeof(Gap))
        while k > 0 and self.gaps[k - 1].start > start:
            self.gaps[k] = self.gaps[k - 1]
            k -= 1
        self.gaps[k].start = start
        self.gaps[k].size = size
        self.n_gaps += 1
        for j in range(k, k - 2, -1):
            if 0 <= j < self.n_gaps - 1 \
                    and self.gaps[j].start + self.gaps[j].size == self.gaps[j + 1].start:
                self.gaps[j].size += self.gaps[j + 1].size
                self.n_gaps -= 1
                for m in range(j + 1, self.n_gaps):
                    self.gaps[m] = self.gaps[m + 1]
        return 0
