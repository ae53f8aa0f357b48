# From a plan to the steps of an Executable: the last part of planning a run.
#
# Chooses for each unit of a schedule the step that does it, and writes its
# addresses down.  Knows which operators have steps of their own; it must not know
# how a step runs.  Whatever has no step of its own goes through the operator that
# Python code uses.

@cython.final
cdef class _StepMaker:
    cdef Executable e
    cdef Program program
    cdef _Plan plan
    cdef _Schedule schedule
    cdef _Storage storage

    def __init__(self, Executable e not None):
        self.e = e
        self.program = e.program
        self.plan = _Plan(e.program, e.pool)
        self.schedule = _Schedule(self.plan)
        self.storage = _Storage(self.schedule)

    cdef int make(self) except -1:
        cdef Executable e = self.e
        cdef _Schedule schedule = self.schedule
        cdef Py_ssize_t u
        cdef Unit *unit
        cdef Step *s
        e.steps = <Step *>e.pool.take(
            (schedule.n_units + len(self.program.outputs) + 1) * sizeof(Step))
        e.lane_bytes = LINE
        for u in range(schedule.n_units):
            unit = &schedule.units[u]
            s = &e.steps[u]
            s.instruction = schedule.order[unit.start]
            s.op = self.program.code[s.instruction].op
            s.at = unit.start
            if unit.kind == UNIT_NUMBERS:
                self.make_numbers(s, unit)
            elif unit.kind == UNIT_LOADS:
                self.make_loads(s, unit)
            elif unit.kind == UNIT_GROUP:
                self.make_group(s, u)
            else:
                self.make_single(s)
        for u in range(self.plan.n_makers):
            self.make_maker(&self.plan.makers[u])
        e.n_steps = schedule.n_units
        self.make_outputs()
        self.make_inputs()
        self.make_guards()
        self.make_stretches()
        find_weaves(e)
        self.make_constants()
        e.first_constant = self.storage.first_constant
        e.first_output = self.storage.first_output
        e.n_bases = self.storage.n_bases
        e.n_registers = self.storage.n_registers
        e.arena_size = self.storage.arena_size
        return 0

    # ------------------------------------------------------------ parts

    cdef int set_part(self, Part *p, Py_ssize_t i) except -1:
        """Where a value is."""
        cdef const Value *v = &self.plan.values[i]
        cdef const Value *root = &self.plan.values[v.root]
        cdef const Type *t = self.plan.type(i)
        cdef int k
        p.base = root.base
        p.offset = root.place + v.offset
        p.typenum = t.typenum
        p.ndim = t.ndim
        p.number = t.number
        p.size = t.size
        p.nbytes = t.size * t.itemsize
        p.contiguous = v.strides == NULL
        p.dims = <Py_ssize_t *>self.plan.pool.take((2 * t.ndim + 1) * sizeof(Py_ssize_t))
        for k in range(t.ndim):
            p.dims[k] = t.shape[k]
        if p.contiguous:
            c_strides(t, p.dims + t.ndim)
        else:
            memcpy(p.dims + t.ndim, v.strides, t.ndim * sizeof(Py_ssize_t))
        return 0

    cdef int set_operands(self, Step *s) except -1:
        cdef int32_t *operands = NULL
        cdef int k
        s.strip = self.plan.strips[s.instruction]
        if s.strip != NULL:
            s.n_operands = operands_at(self.program, s.instruction, &operands)
        else:
            s.n_operands = self.plan.operands(s.instruction, &operands)
        s.operands = <Part *>self.plan.pool.take((s.n_operands + 1) * sizeof(Part))
        for k in range(s.n_operands):
            self.set_part(&s.operands[k], operands[k])
        self.set_part(&s.out, s.instruction)
        s.work = s.out.size + s.operands[0].size
        return 0

    # ------------------------------------------------------------ units

    cdef int make_numbers(self, Step *s, const Unit *unit) except -1:
        cdef _Plan plan = self.plan
        cdef int32_t *operands = NULL
        cdef int32_t at[3]
        cdef int32_t i
        cdef Py_ssize_t j
        cdef int k, count
        s.kind = STEP_NUMBERS
        s.count = s.work = unit.count
        s.codes = <Code *>plan.pool.take(unit.count * sizeof(Code))
        for j in range(unit.count):
            i = self.schedule.order[unit.start + j]
            count = operands_at(self.program, i, &operands)
            at[0] = at[1] = at[2] = 0
            for k in range(count):
                at[k] = plan.values[plan.values[operands[k]].root].slot
            s.codes[j].op = self.program.code[i].op
            if s.codes[j].op == OP_CAST:
                s.codes[j].op = OP_POSITIVE
            s.codes[j].y = plan.values[i].slot
            s.codes[j].a = at[0]
            s.codes[j].b = at[1]
            s.codes[j].c = at[2]
        if SHORTEST_RUN <= unit.count <= MAX_NATIVE_NUMBERS and has_machine_code():
            s.runs = _NumberRuns().make(plan.pool, s.codes, unit.count, &s.n_runs, NULL, 0)
        return 0

    cdef int make_loads(self, Step *s, const Unit *unit) except -1:
        cdef _Plan plan = self.plan
        cdef Value *v
        cdef Value *root
        cdef Load *load
        cdef Py_ssize_t j
        cdef int32_t a
        s.kind = STEP_LOADS
        s.count = s.work = unit.count
        s.loads = <Load *>plan.pool.take(unit.count * sizeof(Load))
        for j in range(unit.count):
            v = &plan.values[self.schedule.order[unit.start + j]]
            a = self.program.code[self.schedule.order[unit.start + j]].a
            root = &plan.values[plan.values[a].root]
            load = &s.loads[j]
            load.base = root.base
            load.offset = root.place + v.scratch
            load.width = <int32_t>plan.type(a).itemsize
            load.slot = v.slot
        return 0

    cdef int make_group(self, Step *s, Py_ssize_t unit) except -1:
        s.kind = STEP_GROUP
        s.group = _GroupCompiler(self.plan).compile(self.schedule, unit)
        s.work = s.group.size * s.group.weight
        if s.group.lane_bytes > self.e.lane_bytes:
            self.e.lane_bytes = s.group.lane_bytes
        return 0

    cdef int make_maker(self, Maker *m) except -1:
        """Where the operands of an array that is made in strips are."""
        cdef const Value *v
        cdef const Value *root
        cdef int k
        for k in range(2):
            v = &self.plan.values[self.program.operand(m.value, k)]
            root = &self.plan.values[v.root]
            m.bases[k] = root.base
            m.offsets[k] = root.place + v.offset
        return 0

    cdef int make_single(self, Step *s) except -1:
        cdef int op = s.op
        self.set_operands(s)
        s.kind = STEP_ARRAYS
        s.adopts = s.out.base >= self.storage.first_output + len(self.program.outputs)
        s.last = self.plan.values[s.instruction].scratch
        self.set_pieces(s)
        if op == OP_RESHAPE or op == OP_CONCATENATE or op == OP_EMBED or op == OP_INDEX_SET:
            self.try_moves(s)
        elif op == OP_SUM or op == OP_SUM_TO or op == OP_MAX or op == OP_MIN or op == OP_PROD:
            self.try_reduce(s)
        elif op == OP_MATMUL:
            self.try_product(s)
        elif op == OP_GATHER or op == OP_SCATTER_ADD:
            self.try_rows(s)
        return 0

    cdef int set_pieces(self, Step *s) except -1:
        """The outputs that a callee fills, as vectors."""
        cdef _Pool pool = self.plan.pool
        cdef Part *p
        cdef list outputs = self.storage.pieces.get(s.instruction, [])
        cdef Py_ssize_t k
        s.pieces = <Part *>pool.take((len(outputs) + 1) * sizeof(Part))
        s.firsts = <Py_ssize_t *>pool.take((len(outputs) + 1) * sizeof(Py_ssize_t))
        for k in outputs:
            p = &s.pieces[s.n_pieces]
            self.set_part(p, self.program.outputs[k])
            s.firsts[s.n_pieces] = p.offset // <Py_ssize_t>sizeof(double)
            p.base = self.storage.first_output + <int32_t>k
            p.offset = 0
            p.ndim = 1
            p.dims = <Py_ssize_t *>pool.take(2 * sizeof(Py_ssize_t))
            p.dims[0] = p.size
            p.dims[1] = sizeof(double)
            s.n_pieces += 1
        return 0

    cdef int try_reduce(self, Step *s) except -1:
        """Over neighbouring axes of a contiguous array?  It is then seen as three axes."""
        cdef const Part *p = &s.operands[0]
        cdef tuple axes
        cdef int k, first, count
        if s.op == OP_SUM_TO:
            axes = self.plan.summed_axes(s.instruction)
        else:
            axes = self.program.attrs_of(s.instruction)[0]
        count = len(axes)
        if p.typenum != NPY_DOUBLE or s.out.typenum != NPY_DOUBLE or not p.contiguous \
                or not p.size or not count or p.number:
            return 0
        first = axes[0]
        if <int>axes[count - 1] - first + 1 != count:
            return 0
        s.layout.outer = s.layout.n = s.layout.inner = 1
        for k in range(p.ndim):
            if k < first:
                s.layout.outer *= p.dims[k]
            elif k < first + count:
                s.layout.n *= p.dims[k]
            else:
                s.layout.inner *= p.dims[k]
        s.kind = STEP_REDUCE
        return 0

    cdef int try_product(self, Step *s) except -1:
        cdef const Part *a = &s.operands[0]
        cdef const Part *b = &s.operands[1]
        if a.typenum != NPY_DOUBLE or b.typenum != NPY_DOUBLE or s.out.typenum != NPY_DOUBLE \
                or a.ndim < 2 or b.ndim < 2:
            return 0
        s.kind = STEP_BLAS
        s.work = s.out.size * a.dims[a.ndim - 1]
        if a.ndim == b.ndim and are_own_products(a.ndim, a.dims, b.dims, a.base == b.base
                                                 and a.offset == b.offset):
            s.kind = STEP_PRODUCT if s.strip == NULL else STEP_STRIPS
            self.e.has_products = True
        return 0

    cdef int try_rows(self, Step *s) except -1:
        cdef const Instr *x = &self.program.code[s.instruction]
        cdef bint added = s.op == OP_SCATTER_ADD
        if s.out.typenum != NPY_DOUBLE or s.operands[0].typenum != NPY_DOUBLE \
                or not s.operands[0].contiguous \
                or not self.plan.find_taking(s.instruction if added else x.a, x.b, &s.taking):
            return 0
        s.kind = STEP_SCATTER if added else STEP_GATHER
        s.taking.base = s.operands[1].base
        s.taking.offset = s.operands[1].offset
        return 0

    # ------------------------------------------------------------ copies

    cdef int try_moves(self, Step *s) except -1:
        """Parts copied one after the other, if all is of one type of eight bytes."""
        cdef tuple attrs = self.program.attrs_of(s.instruction)
        cdef Part part
        cdef int k
        for k in range(s.n_operands):
            if not (movable(&s.operands[k]) and s.operands[k].typenum == s.out.typenum):
                return 0
        if not movable(&s.out):
            return 0
        s.kind = STEP_MOVES
        s.moves = <MovePart *>self.plan.pool.take((s.n_operands + 1) * sizeof(MovePart))
        part = s.out
        s.zeros = s.op == OP_EMBED
        if self.plan.joins[s.instruction] != NULL:
            self.add_regions(s, self.plan.joins[s.instruction])
        elif s.op == OP_CONCATENATE:
            part.dims = <Py_ssize_t *>self.plan.pool.take((2 * part.ndim + 1) * sizeof(Py_ssize_t))
            memcpy(part.dims, s.out.dims, 2 * part.ndim * sizeof(Py_ssize_t))
            for k in range(s.n_operands):
                part.dims[<int>attrs[0]] = s.operands[k].dims[<int>attrs[0]]
                self.add_move(s, &part, &s.operands[k])
                part.offset += part.dims[<int>attrs[0]] * part.dims[part.ndim + <int>attrs[0]]
        elif s.op == OP_EMBED:
            self.slice_part(&part, &s.out, attrs[1])
            self.add_move(s, &part, &s.operands[0])
        elif s.op == OP_INDEX_SET:
            self.add_move(s, &s.out, &s.operands[0])
            self.slice_part(&part, &s.out, attrs[0])
            self.add_move(s, &part, &s.operands[1])
        else:                             # reshape: its elements in the order of the operand
            part.ndim = s.operands[0].ndim
            part.dims = <Py_ssize_t *>self.plan.pool.take((2 * part.ndim + 1) * sizeof(Py_ssize_t))
            memcpy(part.dims, s.operands[0].dims, part.ndim * sizeof(Py_ssize_t))
            c_strides(self.plan.type(self.program.code[s.instruction].a), part.dims + part.ndim)
            self.add_move(s, &part, &s.operands[0])
        return 0

    cdef int add_regions(self, Step *s, const Join *join) except -1:
        """What groups have not written."""
        cdef Part part = s.out
        cdef int k
        s.work = 0
        for k in range(join.count):
            if join.regions[k].scattered:
                s.filled = join.regions[k].offset
                s.filled_end = s.filled + s.operands[k].nbytes
                continue
            part.ndim = join.regions[k].ndim
            part.dims = join.regions[k].dims
            part.offset = s.out.offset + join.regions[k].offset
            self.add_move(s, &part, &s.operands[k])
            s.work += s.operands[k].size
        return 0

    cdef int slice_part(self, Part *part, const Part *whole, tuple index) except -1:
        """The part that (start, step, count) per axis selects; count -1 drops the axis."""
        cdef int axis, ndim = 0
        cdef Py_ssize_t strides[MAX_NDIM]
        part[0] = whole[0]
        part.dims = <Py_ssize_t *>self.plan.pool.take((2 * whole.ndim + 1) * sizeof(Py_ssize_t))
        for axis in range(whole.ndim):
            part.offset += <Py_ssize_t>index[3 * axis] * whole.dims[whole.ndim + axis]
            if <Py_ssize_t>index[3 * axis + 2] >= 0:
                part.dims[ndim] = index[3 * axis + 2]
                strides[ndim] = <Py_ssize_t>index[3 * axis + 1] * whole.dims[whole.ndim + axis]
                ndim += 1
        part.ndim = ndim
        memcpy(part.dims + ndim, strides, ndim * sizeof(Py_ssize_t))
        return 0

    cdef int add_move(self, Step *s, const Part *to, const Part *source) except -1:
        """One more copy, of `source` broadcast to `to`; nothing where there are no elements."""
        cdef MovePart *m = &s.moves[s.count]
        cdef int k, shift = to.ndim - source.ndim
        cdef Py_ssize_t stride
        m.to_base = to.base
        m.to_offset = to.offset
        m.from_base = source.base
        m.from_offset = source.offset
        m.shape = <Py_ssize_t *>self.plan.pool.take(3 * (to.ndim + 1) * sizeof(Py_ssize_t))
        m.to = m.shape + to.ndim + 1
        m.source = m.to + to.ndim + 1
        m.ndim = 0
        for k in range(to.ndim):
            if to.dims[k] == 0:
                return 0
            if to.dims[k] == 1:
                continue
            stride = 0
            if k >= shift and source.dims[k - shift] != 1:
                stride = source.dims[source.ndim + k - shift]
            if m.ndim and m.to[m.ndim - 1] == to.dims[to.ndim + k] * to.dims[k] \
                    and m.source[m.ndim - 1] == stride * to.dims[k]:
                m.ndim -= 1
                m.shape[m.ndim] *= to.dims[k]
            else:
                m.shape[m.ndim] = to.dims[k]
            m.to[m.ndim] = to.dims[to.ndim + k]
            m.source[m.ndim] = stride
            m.ndim += 1
        if m.ndim == 0:
            m.shape[0] = 1
            m.ndim = 1
        turn_rows(m)
        s.count += 1
        return 0

    # ------------------------------------------------------------ what goes in and out

    cdef int make_outputs(self) except -1:
        """Copies of the outputs that are not computed where they are wanted."""
        cdef Executable e = self.e
        cdef Step *s
        cdef Part *p
        cdef int k
        e.n_outputs = len(self.program.outputs)
        e.results = <Part *>e.pool.take((e.n_outputs + 1) * sizeof(Part))
        for k in range(<int>e.n_outputs):
            p = &e.results[k]
            self.set_part(p, self.program.outputs[k])
            if p.number:
                continue
            if self.storage.made[k]:
                p.base = self.storage.first_output + k
                p.offset = 0
                continue
            s = &e.steps[e.n_steps]
            e.n_steps += 1
            s.kind = STEP_ARRAYS
            s.op = OP_RESHAPE
            s.instruction = -1
            s.operands = <Part *>e.pool.take(sizeof(Part))
            s.operands[0] = p[0]
            s.n_operands = 1
            s.work = p.size
            p.base = self.storage.first_output + k
            p.offset = 0
            p.contiguous = True
            p.dims = <Py_ssize_t *>e.pool.take((2 * p.ndim + 1) * sizeof(Py_ssize_t))
            memcpy(p.dims, s.operands[0].dims, p.ndim * sizeof(Py_ssize_t))
            c_strides(self.plan.type(self.program.outputs[k]), p.dims + p.ndim)
            s.out = p[0]
            if movable(p):
                s.kind = STEP_MOVES
                s.moves = <MovePart *>e.pool.take(sizeof(MovePart))
                self.add_move(s, &s.out, &s.operands[0])
        return 0

    cdef int make_inputs(self) except -1:
        cdef Executable e = self.e
        cdef Py_ssize_t k
        e.n_inputs = self.program.n_inputs
        e.inputs = <Part *>e.pool.take((e.n_inputs + 1) * sizeof(Part))
        for k in range(e.n_inputs):
            self.set_part(&e.inputs[k], k)
        return 0

    cdef int make_constants(self) except -1:
        """Constants are read where they are, unless kernels cannot; those may have to be read
        again before each call."""
        cdef Executable e = self.e
        cdef np.ndarray x
        e.constants = []
        e.has_live = len(self.program.refreshed) > 0
        for x in self.program.arrays:
            e.constants.append(x if np.PyArray_ISCARRAY_RO(x) else np.array(
                x, dtype=x.dtype.newbyteorder("="), order="C"))
            if np.PyArray_ISWRITEABLE(x) and (e.constants[len(e.constants) - 1] is not x
                                              or np.PyArray_NDIM(x) == 0):
                e.has_live = True
        return 0

    cdef int make_guards(self) except -1:
        cdef Executable e = self.e
        cdef GuardCheck *g
        cdef Guard guard
        cdef const Value *root
        cdef np.ndarray expected
        cdef list kept = []
        e.guards = <GuardCheck *>e.pool.take((len(self.program.guards) + 1) * sizeof(GuardCheck))
        for guard in self.program.guards:
            g = &e.guards[e.n_guards]
            self.set_part(&g.part, guard.value)
            root = &self.plan.values[self.plan.values[guard.value].root]
            g.step = root.unit
            expected = np.array(guard.expected, order="C")
            if not has_dims(expected, &g.part) \
                    or expected.dtype != np.PyArray_DescrFromType(g.part.typenum):
                raise ValueError(f"guard {e.n_guards}: a value of type {part_text(&g.part)} can "
                                 f"never be {guard.expected!r:.60}")
            kept.append(expected)
            g.expected = np.PyArray_BYTES(expected)
            if g.part.number:
                g.number = float(expected)
            e.n_guards += 1
        e.expected = kept
        return 0

    cdef int make_stretches(self) except -1:
        """Steps that run without a look at Python in between."""
        cdef Executable e = self.e
        cdef Stretch *s = NULL
        cdef Py_ssize_t i, work = 0
        cdef bint python
        e.stretches = <Stretch *>e.pool.take((e.n_steps + 1) * sizeof(Stretch))
        for i in range(e.n_steps):
            python = e.steps[i].kind >= STEP_PYTHON
            if s == NULL or python or s.python or work > STRETCH_WORK:
                s = &e.stretches[e.n_stretches]
                e.n_stretches += 1
                s.start = i
                s.python = python
                work = 0
            work += e.steps[i].work
            s.end = i + 1
            s.releases = work >= NOGIL_SIZE
        return 0


cdef void turn_rows(MovePart *m) noexcept:
    """Long rows instead of many short ones: the first axis goes last."""
    cdef Py_ssize_t *axes[3]
    cdef Py_ssize_t first
    cdef int k, j
    if m.ndim < 2 or m.shape[m.ndim - 1] >= SHORT_ROW or m.shape[0] < SHORT_ROW:
        return
    axes[0] = m.shape
    axes[1] = m.to
    axes[2] = m.source
    for k in range(3):
        first = axes[k][0]
        for j in range(m.ndim - 1):
            axes[k][j] = axes[k][j + 1]
        axes[k][m.ndim - 1] = first


cdef bint movable(const Part *p) noexcept:
    return p.nbytes == 8 * p.size and not (p.number and p.typenum == NPY_BOOL)
