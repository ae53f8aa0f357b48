# What each instruction of a program needs: the first part of planning a run.
#
# Sorts instructions into views (which cost nothing), work on numbers, on the
# elements of arrays, and all other steps, and finds where in whose memory each
# value lies.  Knows types, shapes and strides; it must not know in which order
# anything runs or where its memory is.  Runs once per program, so that a call
# looks at nothing but finished tables.

cdef enum Kind:
    KIND_GIVEN                    # an input or a constant
    KIND_VIEW                     # another look at its operand's memory
    KIND_LOAD                     # an element of an array, as a number
    KIND_NUMBER                   # a number made from numbers
    KIND_LANES                    # element by element
    KIND_SUM                      # a sum over all or the last axes, which can go along with them
    KIND_STEP                     # anything else

cdef enum:
    KEPT = 1                      # an output or a guard looks at it when all is done
    STORED = 2                    # it has memory, and not only lanes of a group

cdef struct Type:
    int typenum
    int ndim
    bint number                   # 0-d float64 or bool: lives in a register, as a double
    Py_ssize_t itemsize
    Py_ssize_t size
    Py_ssize_t *shape

# A value; what comes after `strides` is known of roots only: values with memory of their own.
cdef struct Value:
    Kind kind
    int flags
    int32_t root
    int32_t key                   # the shape of its lanes, axes of length one left out
    int32_t waits                 # operands that are not computed yet
    int32_t unit                  # where it is computed, -1: before the run or not yet
    Py_ssize_t offset             # from the start of the root's memory, in bytes
    Py_ssize_t *strides           # NULL: C order
    Py_ssize_t row                # KIND_SUM: elements of one sum
    Py_ssize_t place              # offset in the base
    Py_ssize_t scratch            # of a sum: its partial sums in the arena; of a load: its source
    int32_t base
    int32_t last                  # the place in the order after which nobody reads it
    int32_t slot                  # the register of a number
    int32_t lane                  # where the group that computes it has it

# An operand that lanes read: its strides along the axes of the group, longer ones only.
cdef struct Look:
    int ndim
    Py_ssize_t shape[MAX_NDIM]
    Py_ssize_t strides[MAX_NDIM]

cdef struct Join                  # joins.pxi
cdef struct Maker                 # strips.pxi
cdef struct Strip
cdef struct Shift                 # shifts.pxi

# Questions are worth 0 or 1.
cdef bint IS_QUESTION[N_ELEMENTWISE]
for _name in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "isnan",
              "isfinite", "isinf", "signbit"):
    IS_QUESTION[OP_CODES[_name]] = True


cdef inline bint gatherable(int typenum) noexcept nogil:
    """Types whose elements a group reads as doubles."""
    return (typenum == NPY_DOUBLE or typenum == NPY_FLOAT or typenum == NPY_BOOL
            or typenum == np.NPY_INT64)


cdef inline int operands_at(Program p, Py_ssize_t i, int32_t **operands) noexcept:
    """The operand values of an instruction, where they lie."""
    cdef Instr *x = &p.code[i]
    if x.op == OP_LEAF or x.op == OP_CONST:
        return 0
    if OP_NARGS[x.op] == MANY:
        operands[0] = p.lists + x.a
        return x.b
    operands[0] = &x.a
    return OP_NARGS[x.op]


@cython.final
cdef class _Plan:
    """A program, and what is found out about it on the way to an Executable."""
    cdef Program program
    cdef _Pool pool                # tables that the Executable keeps
    cdef _Pool scratch
    cdef Py_ssize_t n
    cdef Type *types
    cdef Value *values
    cdef dict keys
    cdef Shift **shifts           # for each one that groups make on the way, else NULL
    cdef Join **joins             # for each concatenation that is planned as a whole
    cdef int n_given              # operands of concatenations that go along with computed ones
    cdef dict scatters            # root -> [(concatenation, number of its region)]
    cdef Strip **strips           # for each product that makes an operand in strips, else NULL
    cdef Maker *makers
    cdef int n_makers
    # The instructions that read each root: edges[first_edge[r]] to edges[first_edge[r + 1] - 1]
    cdef int32_t *first_edge
    cdef int32_t *edges

    def __init__(self, Program program not None, _Pool pool not None):
        self.program = program
        self.pool = pool
        self.scratch = _Pool()
        self.n = program.count
        self.keys = {}
        self.values = <Value *>self.scratch.take((self.n + 1) * sizeof(Value))
        self.shifts = <Shift **>self.scratch.take((self.n + 1) * sizeof(void *))
        self.strips = <Strip **>self.scratch.take((self.n + 1) * sizeof(void *))
        self.read_types()
        for i in range(self.n):
            self.read_instruction(i)
        find_shifts(self)
        self.keep_takes()
        find_joins(self)
        find_strips(self)
        self.find_edges()

    cdef inline Type *type(self, Py_ssize_t i) noexcept:
        return &self.types[self.program.code[i].type]

    cdef int operands(self, Py_ssize_t i, int32_t **operands) noexcept:
        """The values that instruction i waits for."""
        cdef const Join *join = self.joins[i]
        cdef const Strip *strip = self.strips[i]
        if strip != NULL:
            operands[0] = strip.operands
            return strip.count
        if join == NULL:
            return operands_at(self.program, i, operands)
        operands[0] = join.operands
        return join.count

    cdef int read_types(self) except -1:
        cdef Type *t
        cdef list types = self.program.types
        self.types = <Type *>self.pool.take(len(types) * sizeof(Type))
        for i in range(<Py_ssize_t>len(types)):
            t = &self.types[i]
            t.typenum = types[i][0]
            t.ndim = len(types[i][1])
            t.shape = <Py_ssize_t *>self.pool.take((t.ndim + 1) * sizeof(Py_ssize_t))
            read_shape(types[i][1], t.shape)
            t.itemsize = itemsize_of(t.typenum)
            t.size = checked_size(t.ndim, t.shape, t.itemsize) // t.itemsize
            t.number = t.ndim == 0 and (t.typenum == NPY_DOUBLE or t.typenum == NPY_BOOL)
        return 0

    cdef int read_instruction(self, Py_ssize_t i) except -1:
        """Its kind, and where its value lies."""
        cdef Value *v = &self.values[i]
        cdef int op = self.program.code[i].op
        v.root = <int32_t>i
        v.unit = -1
        v.last = -1
        v.slot = -1
        v.key = -1
        if op == OP_LEAF or op == OP_CONST:
            v.kind = KIND_GIVEN
        elif op < N_ELEMENTWISE:
            v.kind = self.elementwise_kind(i)
        elif op == OP_RESHAPE or op == OP_TRANSPOSE or op == OP_BROADCAST_TO or op == OP_SLICE:
            v.kind = self.view_kind(i, op)
        elif op == OP_CAST:
            v.kind = self.cast_kind(i)
        elif op == OP_SUM or op == OP_SUM_TO:
            v.kind = self.sum_kind(i)
        elif op == OP_GATHER:
            v.kind = self.gather_kind(i)
        elif op == OP_CONCATENATE or op == OP_EMBED:
            v.kind = shift_kind(self, i)
        else:
            v.kind = KIND_STEP
        if v.kind == KIND_LANES:
            v.key = self.lanes_key(self.type(i))
        elif v.kind == KIND_SUM:
            v.key = self.lanes_key(self.type(self.program.code[i].a))
        return 0

    cdef int32_t lanes_key(self, const Type *t) except -1:
        shape = tuple([t.shape[k] for k in range(t.ndim) if t.shape[k] != 1])
        return self.keys.setdefault(shape, len(self.keys))

    # ------------------------------------------------------------ kinds

    cdef Kind elementwise_kind(self, Py_ssize_t i) except *:
        cdef Type *t = self.type(i)
        cdef Type *u
        cdef int32_t *operands = NULL
        cdef int k, count = operands_at(self.program, i, &operands)
        cdef bint numbers = t.number, floats = False, integers = False
        for k in range(count):
            u = self.type(operands[k])
            if not gatherable(u.typenum):
                return KIND_STEP
            numbers = numbers and u.number
            floats = floats or (is_float(u.typenum)
                                and self.program.code[operands[k]].type != TYPE_WEAK)
            integers = integers or u.typenum == np.NPY_INT64
        if t.typenum == NPY_BOOL:
            # Of integers alone the comparison is NumPy's: doubles do not hold all of them.
            if not IS_QUESTION[self.program.code[i].op] or integers and not floats:
                return KIND_STEP
        elif not is_float(t.typenum):
            return KIND_STEP
        return KIND_NUMBER if numbers else KIND_LANES

    cdef Kind cast_kind(self, Py_ssize_t i) except *:
        cdef Type *t = self.type(i)
        cdef Type *u = self.type(self.program.code[i].a)
        if not is_float(t.typenum) or not gatherable(u.typenum):
            return KIND_STEP
        return KIND_NUMBER if t.number and u.number else KIND_LANES

    cdef Kind sum_kind(self, Py_ssize_t i) except *:
        """Are the axes it sums over the last ones of a float64 array?"""
        cdef int32_t a = self.program.code[i].a
        cdef Type *u = self.type(a)
        cdef tuple axes
        cdef int k
        cdef bint inside = True
        if u.typenum != NPY_DOUBLE or u.size == 0 or u.number:
            return KIND_STEP
        axes = self.summed_axes(i)
        self.values[i].row = 1
        for k in range(u.ndim - 1, -1, -1):
            if u.shape[k] == 1:
                continue
            if k in axes:
                if not inside:
                    return KIND_STEP
                self.values[i].row *= u.shape[k]
            else:
                inside = False
        return KIND_SUM if self.values[i].row > 1 else KIND_STEP

    cdef Kind gather_kind(self, Py_ssize_t i) except *:
        """Are float64 rows that lie side by side taken at positions that a group can walk along?"""
        cdef Instr *x = &self.program.code[i]
        cdef Taking taking
        if self.type(i).size == 0 or self.type(i).number or not self.find_taking(x.a, x.b, &taking):
            return KIND_STEP
        return KIND_LANES

    cdef bint find_taking(self, Py_ssize_t table, Py_ssize_t positions, Taking *out) except -1:
        """What is known of rows at positions before there is memory; False: they are not taken by
        kernels."""
        cdef const Type *t = self.type(table)
        cdef const Type *u = self.type(positions)
        cdef Look look
        if t.typenum != NPY_DOUBLE or t.number or u.typenum != np.NPY_INT64 \
                or self.values[table].strides != NULL:
            return False
        set_look(&look, u.ndim, u.shape, self.strides_of(&self.values[positions], u))
        if look.ndim > 1:
            return False
        out.n = u.size
        out.step = look.strides[0] if look.ndim else sizeof(int64_t)
        out.count = t.shape[0]
        out.row = t.size // t.shape[0] if t.shape[0] else 1
        return True

    cdef int keep_takes(self) except -1:
        """A gather belongs to a group only where something in it reads the rows as they come."""
        cdef char *wanted = <char *>self.scratch.take(self.n + 1)
        cdef int32_t *operands = NULL
        cdef Py_ssize_t i
        cdef int k, count
        cdef int32_t r
        for i in range(self.n):
            if self.values[i].key < 0:
                continue
            count = operands_at(self.program, i, &operands)
            for k in range(count):
                r = self.values[operands[k]].root
                if self.program.code[r].op == OP_GATHER and not wanted[r]:
                    wanted[r] = self.values[r].key == self.values[i].key and self.same_lanes(i, r)
        for i in range(self.n):
            if self.program.code[i].op == OP_GATHER and not wanted[i]:
                self.values[i].kind = KIND_STEP
                self.values[i].key = -1
        return 0

    cdef tuple summed_axes(self, Py_ssize_t i):
        """The axes of a `sum`, or those that `sum_to` sums over."""
        cdef Type *u = self.type(self.program.code[i].a)
        cdef tuple first = self.program.attrs_of(i)[0]
        cdef int k, extra
        if self.program.code[i].op == OP_SUM:
            return first
        extra = u.ndim - <int>len(first)
        return tuple([k for k in range(u.ndim)
                      if k < extra or first[k - extra] == 1 and u.shape[k] != 1])

    # ------------------------------------------------------------ views

    cdef Kind view_kind(self, Py_ssize_t i, int op) except *:
        cdef int32_t a = self.program.code[i].a
        cdef Type *t = self.type(i)
        cdef Type *u = self.type(a)
        cdef Value *v = &self.values[i]
        cdef Value *w = &self.values[a]
        if u.number and t.number:
            v.root = w.root
            return KIND_VIEW
        if t.number:
            if op == OP_SLICE:
                self.slice_view(v, w, t, u, self.program.attrs_of(i)[0])
            else:
                v.offset = w.offset
            v.scratch = v.offset
            v.offset = 0
            v.strides = NULL
            return KIND_LOAD
        if u.number and u.typenum == NPY_BOOL:
            return KIND_STEP              # a register holds it as a double
        if op == OP_SLICE:
            self.slice_view(v, w, t, u, self.program.attrs_of(i)[0])
        elif op == OP_TRANSPOSE:
            self.transposed_view(v, w, t, u, self.program.attrs_of(i)[0])
        elif op == OP_BROADCAST_TO:
            self.broadcast_view(v, w, t, u)
        elif not self.reshaped_view(v, w, t, u):
            return KIND_STEP
        v.root = w.root
        if v.strides != NULL and in_c_order(t, v.strides):
            v.strides = NULL
        return KIND_VIEW

    cdef Py_ssize_t *strides_of(self, const Value *v, const Type *t) except NULL:
        """The strides of a value, written out."""
        cdef Py_ssize_t *s
        if v.strides != NULL:
            return v.strides
        s = <Py_ssize_t *>self.pool.take((t.ndim + 1) * sizeof(Py_ssize_t))
        c_strides(t, s)
        return s

    cdef int slice_view(self, Value *v, const Value *w, const Type *t, const Type *u,
                        tuple index) except -1:
        cdef Py_ssize_t *strides = self.strides_of(w, u)
        cdef Py_ssize_t *out = <Py_ssize_t *>self.pool.take((t.ndim + 1) * sizeof(Py_ssize_t))
        cdef int axis, ndim = 0
        v.offset = w.offset
        for axis in range(u.ndim):
            v.offset += <Py_ssize_t>index[3 * axis] * strides[axis]
            if <Py_ssize_t>index[3 * axis + 2] >= 0:
                out[ndim] = <Py_ssize_t>index[3 * axis + 1] * strides[axis]
                ndim += 1
        v.strides = out
        return 0

    cdef int transposed_view(self, Value *v, const Value *w, const Type *t, const Type *u,
                             tuple perm) except -1:
        cdef Py_ssize_t *strides = self.strides_of(w, u)
        cdef int k
        v.strides = <Py_ssize_t *>self.pool.take((t.ndim + 1) * sizeof(Py_ssize_t))
        v.offset = w.offset
        for k in range(t.ndim):
            v.strides[k] = strides[<int>perm[k]]
        return 0

    cdef int broadcast_view(self, Value *v, const Value *w, const Type *t, const Type *u) except -1:
        cdef Py_ssize_t *strides = self.strides_of(w, u)
        v.strides = <Py_ssize_t *>self.pool.take((t.ndim + 1) * sizeof(Py_ssize_t))
        v.offset = w.offset
        broadcast_strides(t, u, strides, v.strides)
        return 0

    cdef bint reshaped_view(self, Value *v, const Value *w, const Type *t, const Type *u) except -1:
        """Memory in C order keeps its order, and axes of length one may come and go."""
        cdef int i = 0, k
        v.offset = w.offset
        if w.strides == NULL:
            v.strides = NULL
            return True
        v.strides = <Py_ssize_t *>self.pool.take((t.ndim + 1) * sizeof(Py_ssize_t))
        for k in range(t.ndim):
            if t.shape[k] == 1:
                continue
            while i < u.ndim and u.shape[i] == 1:
                i += 1
            if i == u.ndim or u.shape[i] != t.shape[k]:
                # A copy, in memory of its own: nothing of where the operand lies may stay.
                v.strides = NULL
                v.offset = 0
                return False
            v.strides[k] = w.strides[i]
            i += 1
        return True

    # ------------------------------------------------------------ who reads what

    cdef int find_edges(self) except -1:
        cdef int32_t *operands = NULL
        cdef Py_ssize_t i, total = 0
        cdef int k, count
        cdef int32_t r
        self.first_edge = <int32_t *>self.scratch.take((self.n + 2) * sizeof(int32_t))
        for i in range(self.n):
            if self.values[i].kind == KIND_VIEW:
                continue
            count = self.operands(i, &operands)
            for k in range(count):
                self.first_edge[self.values[operands[k]].root + 2] += 1
            total += count
        self.edges = <int32_t *>self.scratch.take((total + 1) * sizeof(int32_t))
        for i in range(self.n):
            self.first_edge[i + 1] += self.first_edge[i]
        for i in range(self.n):
            if self.values[i].kind == KIND_VIEW:
                continue
            count = self.operands(i, &operands)
            for k in range(count):
                r = self.values[operands[k]].root
                self.edges[self.first_edge[r + 1]] = <int32_t>i
                self.first_edge[r + 1] += 1
                self.values[i].waits += self.values[r].kind != KIND_GIVEN
        return 0

    # ------------------------------------------------------------ operands of lanes

    cdef int look(self, Py_ssize_t i, Py_ssize_t operand, Look *out) except -1:
        """How the lanes of instruction i walk over an operand."""
        cdef Py_ssize_t strides[MAX_NDIM]
        cdef Py_ssize_t broadcast[MAX_NDIM]
        cdef const Type *t = self.type(i if self.values[i].kind == KIND_LANES else operand)
        cdef const Type *u = self.type(operand)
        cdef const Py_ssize_t *own = self.values[operand].strides
        if own == NULL:
            c_strides(u, strides)
            own = strides
        broadcast_strides(t, u, own, broadcast)
        set_look(out, t.ndim, t.shape, broadcast)
        return 0

    cdef bint same_lanes(self, Py_ssize_t i, int32_t root) except -1:
        """Does instruction i read `root` at each point just as it was computed there?"""
        cdef int32_t *operands = NULL
        cdef int k, count = operands_at(self.program, i, &operands)
        cdef Look look
        if self.program.code[i].op == OP_GATHER:
            return False                  # it reads at positions
        if self.shifts[i] != NULL:
            return self.shifts[i].body == root
        for k in range(count):
            if self.values[operands[k]].root != root:
                continue
            if self.values[operands[k]].offset:
                return False
            self.look(i, operands[k], &look)
            if look.ndim and (look.ndim != 1
                              or look.strides[0] != self.type(operands[k]).itemsize):
                return False
        return True


cdef void c_strides(const Type *t, Py_ssize_t *out) noexcept nogil:
    cdef Py_ssize_t step = t.itemsize
    cdef int k
    for k in range(t.ndim - 1, -1, -1):
        out[k] = step
        step *= t.shape[k] if t.shape[k] > 0 else 1


cdef bint in_c_order(const Type *t, const Py_ssize_t *strides) noexcept nogil:
    cdef Py_ssize_t step = t.itemsize
    cdef int k
    if t.size == 0:
        return True
    for k in range(t.ndim - 1, -1, -1):
        if t.shape[k] != 1 and strides[k] != step:
            return False
        step *= t.shape[k]
    return True


cdef void broadcast_strides(const Type *t, const Type *u, const Py_ssize_t *strides,
                            Py_ssize_t *out) noexcept nogil:
    """Strides of a value of type u along the axes of t; 0 where it is repeated."""
    cdef int k, shift = t.ndim - u.ndim
    for k in range(t.ndim):
        out[k] = 0
        if k >= shift and u.shape[k - shift] != 1:
            out[k] = strides[k - shift]


cdef void set_look(Look *x, int ndim, const Py_ssize_t *shape,
                   const Py_ssize_t *strides) noexcept nogil:
    """A walk along longer axes."""
    cdef int k
    x.ndim = 0
    for k in range(ndim):
        if shape[k] != 1:
            x.shape[x.ndim] = shape[k]
            x.strides[x.ndim] = strides[k]
            x.ndim += 1
    merge_axes(x)


cdef void merge_axes(Look *x) noexcept nogil:
    """Neighbouring axes that are walked as one become one."""
    cdef int k, last = 0
    for k in range(1, x.ndim):
        if x.strides[last] == x.strides[k] * x.shape[k]:
            x.shape[last] *= x.shape[k]
        else:
            last += 1
            x.shape[last] = x.shape[k]
        x.strides[last] = x.strides[k]
    if x.ndim:
        x.ndim = last + 1
