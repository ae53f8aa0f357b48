# Simplifying programs: one pass forward, which rebuilds a program through a
# table of the instructions that exist already (equal ones become one) and the
# rules of algebra.pxi and views.pxi; then one pass back for dead instructions.
#
# Knows instructions, types and constants; it must not know nodes, nor how
# anything but a number is computed.  Fast because the table is C memory with
# the hash beside the value, in which an instruction lies near its newest
# operand's users (what is written together is found in one cache line), because
# an instruction over numbers touches no Python object, and because a rule looks
# at operands that are simple already.
#
# What holds for all rules: a value keeps its type, differs from what was
# recorded by a few ulp at most (of the largest term, where terms are added in
# another order), and is infinite or nan exactly where that was (but for sums
# of which a part is larger than the largest number).
# The sign of a zero is kept too, but for products with a partial derivative
# (zmul), where the zero law makes nothing of it.

from cpython.exc cimport PyErr_CheckSignals

cdef extern from *:
    """
    #include <string.h>
    /* All sixteen bytes; the high half of a product is its best mixed. */
    static inline uint32_t cdiff_instr_hash(const Instr *x) {
        uint64_t u, v;
        memcpy(&u, x, 8);
        memcpy(&v, (const char *)x + 8, 8);
        u = (u ^ (v * 0x9E3779B97F4A7C15u)) * 0xBF58476D1CE4E5B9u;
        u ^= u >> 29;
        return (uint32_t)((u * 0x94D049BB133111EBu) >> 32);
    }
    """
    uint32_t cdiff_instr_hash(const Instr *) noexcept nogil

cdef enum:
    NOTHING = -1                  # no rule applies
    SMALL_TABLE = 64
    NEAR = 8                      # places tried near the newest operand, before those by the hash
    SIGNALS_EVERY = 0xFFFF        # instructions between two looks for Ctrl-C
    CONTENT_LIMIT = 1 << 16       # bytes up to which constant arrays are compared by content

cdef struct Cell:
    uint32_t hash
    int32_t value                 # plus one; 0 in an empty cell


@cython.final
cdef class _Simplifier:
    """The program that is being built, and the table of its instructions."""
    cdef Program p                # the input
    cdef Program q                # the result, with dead instructions still in it
    cdef int32_t *moved           # where a value of p stands in q
    cdef Cell *cells
    cdef Py_ssize_t size, used
    cdef dict known               # constant arrays and instructions with lists of operands
    cdef list fills               # of each constant array: its only value, None, or NotImplemented

    def __cinit__(self, Program p not None):
        self.p = p
        self.q = Program()
        self.q.lines = None if p.lines is None else []
        self.q.refreshed = list(p.refreshed)
        # Types and attributes keep their places, so most are never looked at.
        self.q.types = list(p.types)
        self.q.type_index = dict(p.type_index)
        self.q.attrs = list(p.attrs)
        self.q.attrs_index = dict(p.attrs_index)
        self.known = {}
        self.fills = []
        self.size = SMALL_TABLE
        while self.size < 2 * p.count:    # zeroed memory costs nothing before it is touched
            self.size *= 2
        self.q.reserve(p.count)
        self.cells = <Cell *>PyMem_Calloc(self.size, sizeof(Cell))
        self.moved = <int32_t *>PyMem_Calloc(p.count + 1, sizeof(int32_t))
        if self.cells == NULL or self.moved == NULL:
            raise MemoryError("cdiff: no memory to simplify a program")

    def __dealloc__(self):
        PyMem_Free(self.cells)
        PyMem_Free(self.moved)

    # ------------------------------------------------------------ the table

    cdef int grow(self) except -1:
        """Twice the room."""
        cdef Cell *old = self.cells
        cdef Py_ssize_t i, near, old_size = self.size
        cdef Cell *fresh = <Cell *>PyMem_Calloc(2 * old_size, sizeof(Cell))
        cdef Py_ssize_t at, step
        if fresh == NULL:
            raise MemoryError("cdiff: no memory to simplify a program")
        self.size = 2 * old_size
        self.cells = fresh
        for i in range(old_size):
            if old[i].value:
                near = place_near(&self.q.code[old[i].value - 1], old[i].hash)
                at = self.place(near, old[i].hash, 0)
                step = 0
                while fresh[at].value:
                    step += 1
                    at = self.place(near, old[i].hash, step)
                fresh[at] = old[i]
        PyMem_Free(old)
        return 0

    cdef inline Py_ssize_t place(self, Py_ssize_t near, uint32_t h, Py_ssize_t step) noexcept:
        """Where the search for an instruction looks at its next step."""
        return ((near if step < NEAR else <Py_ssize_t>h) + step) & (self.size - 1)

    cdef int32_t intern(self, int op, int type, int32_t a, int32_t b, int32_t c) except -2:
        """The value of this instruction, which is appended if it is new."""
        cdef Instr x
        cdef Instr *y
        cdef Cell *cell
        cdef Py_ssize_t near, step = 0
        cdef uint32_t h
        if 2 * self.used >= self.size:
            self.grow()
        x.op = <uint16_t>op
        x.type = <uint16_t>type
        x.a = a
        x.b = b
        x.c = c
        h = cdiff_instr_hash(&x)
        near = place_near(&x, h)
        cell = &self.cells[self.place(near, h, 0)]
        while cell.value:
            if cell.hash == h:
                y = &self.q.code[cell.value - 1]
                if y.a == a and y.b == b and y.c == c and y.op == x.op and y.type == x.type:
                    return cell.value - 1
            step += 1
            cell = &self.cells[self.place(near, h, step)]
        cell.hash = h
        cell.value = self.q.emit(op, type, a, b, c) + 1
        self.used += 1
        return cell.value - 1

    cdef int32_t number(self, double v, int type) except -2:
        """A constant of type 0 or 1; zeros of either sign and all nans are different ones."""
        cdef Instr x
        cdef Instr *y
        cdef Cell *cell
        cdef Py_ssize_t step = 0
        cdef uint32_t h
        if 2 * self.used >= self.size:
            self.grow()
        x.op = OP_CONST
        x.type = <uint16_t>type
        x.c = -1
        memcpy(&x.a, &v, sizeof(int32_t))
        memcpy(&x.b, <char *>&v + sizeof(int32_t), sizeof(int32_t))
        h = cdiff_instr_hash(&x)
        cell = &self.cells[self.place(h, h, 0)]
        while cell.value:
            if cell.hash == h:
                y = &self.q.code[cell.value - 1]
                if y.op == OP_CONST and y.type == type and same_bits(self.q.numbers[y.a], v):
                    return cell.value - 1
            step += 1
            cell = &self.cells[self.place(h, h, step)]
        cell.hash = h
        cell.value = self.q.emit_number(v, type == TYPE_WEAK) + 1
        self.used += 1
        return cell.value - 1

    # ------------------------------------------------------------ constants

    cdef int32_t array(self, np.ndarray x) except -2:
        """A constant array.  One that the user may still write is the same only as itself."""
        cdef object key = id(x), found
        if not np.PyArray_ISWRITEABLE(x) and np.PyArray_NBYTES(x) <= CONTENT_LIMIT:
            key = (np.PyArray_TYPE(x), (<object>x).shape, x.tobytes())
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = self.q.emit_array(x)
            self.fills.append(NotImplemented)
        return found

    cdef bint uniform(self, int32_t v, double *out) except -1:
        """Is this a constant float or boolean, the same in all elements?  Which one?"""
        cdef Instr *x = &self.q.code[v]
        if x.op == OP_BROADCAST_TO:
            x = &self.q.code[x.a]
        if x.op != OP_CONST:
            return False
        if x.type <= TYPE_WEAK:
            out[0] = self.q.numbers[x.a]
            return True
        fill = self.fills[x.a]
        if fill is NotImplemented:
            fill = self.fills[x.a] = fill_of(self.q.arrays[x.a])
        if fill is None:
            return False
        out[0] = fill
        return True

    cdef inline bint is_number(self, int32_t v) noexcept:
        return self.q.code[v].op == OP_CONST and self.q.code[v].type <= TYPE_WEAK

    cdef int32_t full(self, double v, int type) except -2:
        """The constant v in every element of a float or boolean type."""
        cdef tuple t
        cdef int32_t element
        cdef np.ndarray x
        if type <= TYPE_WEAK:
            return self.number(v, type)
        t = self.q.types[type]
        if t[0] == NPY_DOUBLE:
            element = self.number(v, TYPE_NUMBER)
        else:
            x = np.array(v, dtype=np.PyArray_DescrFromType(t[0]))
            x.flags.writeable = False
            element = self.array(x)
        return self.broadcast(element, type)

    cdef int32_t broadcast(self, int32_t v, int type) except -2:
        """v under a type of the same dtype, whose shape it broadcasts to."""
        if self.q.code[v].type == type:
            return v
        return structural_value(self, OP_BROADCAST_TO, type, v, -1,
                                self.q.attrs_place((self.q.types[type][1],)))

    # ------------------------------------------------------------ instructions

    cdef int32_t elementwise(self, int op, int type, int32_t a, int32_t b, int32_t c) except -2:
        """An elementwise instruction in its simplest form."""
        cdef int32_t y
        if self.is_wide(type):
            a, b, c = self.ordinary(a), self.ordinary(b), self.ordinary(c)
        if type > TYPE_WEAK:
            y = slimmed(self, op, type, a, b, c)
        else:
            y = self.folded(op, type, a, b, c)
        if y == NOTHING:
            if commutes(op) and comes_later(self.q, a, b):
                a, b = b, a
            y = algebra(self, op, type, a, b, c)
        return y if y != NOTHING else self.intern(op, type, a, b, c)

    cdef inline bint is_wide(self, int type) except -1:
        """Is a result float64 for another reason than that all operands are Python numbers?"""
        return type == TYPE_NUMBER or type > TYPE_WEAK and self.q.types[type][0] == NPY_DOUBLE

    cdef inline int32_t ordinary(self, int32_t v) except -2:
        """A Python number that does not decide the dtype is as good as any other of its value, and
        instructions with either are then equal."""
        if v < 0 or self.q.code[v].type != TYPE_WEAK or self.q.code[v].op != OP_CONST:
            return v
        return self.number(self.q.numbers[self.q.code[v].a], TYPE_NUMBER)

    cdef int32_t folded(self, int op, int type, int32_t a, int32_t b, int32_t c) except -2:
        """An operator on constant numbers, with a number as its result."""
        cdef double va, vb = 0.0
        if not self.is_number(a) or (b >= 0 and not self.is_number(b)):
            return NOTHING
        va = self.q.numbers[self.q.code[a].a]
        if b >= 0:
            vb = self.q.numbers[self.q.code[b].a]
        if op != OP_WHERE:
            return self.number(SCALAR_VALUE[op](va, vb), type)
        if not self.is_number(c):
            return NOTHING
        return self.number(vb if va != 0.0 else self.q.numbers[self.q.code[c].a], type)

    cdef int32_t other(self, Py_ssize_t i) except -2:
        """An input, a constant, or a structural instruction of the input program."""
        cdef Instr *x = &self.p.code[i]
        cdef int nargs = OP_NARGS[x.op]
        if x.op == OP_LEAF:
            return self.q.emit_input(x.type)
        if x.op == OP_CONST and x.type <= TYPE_WEAK:
            return self.number(self.p.numbers[x.a], x.type)
        if x.op == OP_CONST:
            return self.array(self.p.arrays[x.a])
        if nargs == MANY:
            return listed(self, x.op, x.type,
                          [self.moved[self.p.lists[x.a + k]] for k in range(x.b)], x.c)
        return structural_value(self, x.op, x.type, self.moved[x.a],
                                self.moved[x.b] if nargs > 1 else -1, x.c)

    cdef Program run(self, bint join):
        cdef Py_ssize_t i
        cdef Instr *x
        cdef int nargs
        cdef _Sums sums = _Sums(self) if join and embeds_parts(self.p) else None
        cdef _Selections selections = _Selections(self) if chooses_rows(self.p) else None
        cdef _Summed summed = summed_products(self, self.p)
        for i in range(self.p.count):
            x = &self.p.code[i]
            self.q.line = self.p.line_at(i)
            if sums is not None and x.op == OP_ADD and x.type > TYPE_WEAK:
                self.moved[i] = sums.sum_at(<int32_t>i)
                if self.moved[i] != NOTHING:
                    continue
            if selections is not None and x.op == OP_GATHER:
                self.moved[i] = selections.rows_at(i)
                if self.moved[i] != NOTHING:
                    continue
            if summed is not None and (x.op == OP_SUM or x.op == OP_SUM_TO):
                self.moved[i] = summed.sum_at(i)
                if self.moved[i] != NOTHING:
                    continue
            if x.op < N_ELEMENTWISE:
                nargs = OP_NARGS[x.op]
                self.moved[i] = self.elementwise(x.op, x.type, self.moved[x.a],
                                                 self.moved[x.b] if nargs > 1 else -1,
                                                 self.moved[x.c] if nargs > 2 else -1)
            else:
                self.moved[i] = self.other(i)
            if i & SIGNALS_EVERY == SIGNALS_EVERY:
                PyErr_CheckSignals()
        self.q.outputs = [self.moved[<Py_ssize_t>k] for k in self.p.outputs]
        self.q.guards = kept_guards(self)
        return without_dead(self.q)


cdef bint embeds_parts(Program p) noexcept:
    cdef Py_ssize_t i
    for i in range(p.count):
        if p.code[i].op == OP_EMBED:
            return True
    return False


cdef inline Py_ssize_t place_near(const Instr *x, uint32_t h) noexcept nogil:
    """Beside other instructions with the same newest operand; numbers have none."""
    cdef int32_t newest = x.a
    if x.op == OP_CONST:
        return h
    if x.op < N_ELEMENTWISE:
        newest = x.c if x.c > newest else newest
    newest = x.b if x.b > newest else newest
    return 2 * <Py_ssize_t>newest


cdef inline bint same_bits(double a, double b) noexcept nogil:
    cdef uint64_t u, v
    memcpy(&u, &a, sizeof(double))
    memcpy(&v, &b, sizeof(double))
    return u == v


cdef object fill_of(np.ndarray x):
    """The one value of a float or boolean array that nobody can write, or None."""
    cdef object flat
    if np.PyArray_ISWRITEABLE(x) or not np.PyArray_SIZE(x) or (<object>x).dtype.kind not in "fb":
        return None
    flat = x.reshape(-1)
    first = float(flat[0])
    if np.PyArray_SIZE(x) > 1:
        if first != float(flat[np.PyArray_SIZE(x) - 1]) or not (flat == flat[0]).all():
            return None
        if first == 0.0 and np.signbit(flat).any() != np.signbit(flat).all():
            return None
    return first


# ---------------------------------------------------------------- instructions with many operands

cdef int32_t listed(_Simplifier s, int op, int type, list operands, int32_t attrs) except -2:
    """An instruction with a list of operands; a call is never merged with another."""
    cdef int32_t y
    if op == OP_CALL:
        return s.q.emit_list(op, type, operands, attrs)
    if op == OP_CONCATENATE:
        y = concatenate_rule(s, type, operands, attrs)
        if y != NOTHING:
            return y
    key = (op, type, attrs, tuple(operands))
    found = s.known.get(key)
    if found is None:
        found = s.known[key] = s.q.emit_list(op, type, operands, attrs)
    return found


# ---------------------------------------------------------------- guards

cdef list kept_guards(_Simplifier s):
    """The guards in their order, without those that must hold, or that were asked before."""
    cdef Guard g
    cdef int32_t value
    cdef list out = []
    cdef dict asked = {}
    for g in s.p.guards:
        value = s.moved[g.value]
        if must_hold(s, value, g.expected):
            continue
        key = (value, g.expected.dtype.num, g.expected.shape, g.expected.tobytes())
        place = asked.setdefault(key, len(out))
        if place == len(out):
            out.append(g.moved(value))
        elif g.lost and not (<Guard>out[place]).lost:
            out[place] = g.moved(value)
    return out


cdef bint must_hold(_Simplifier s, int32_t value, object expected) except -1:
    """Is the value a constant, and the expected one?"""
    cdef Instr *x = &s.q.code[value]
    cdef double v
    if s.uniform(value, &v):
        return (s.q.types[x.type][1] == expected.shape
                and bool(((expected == v) | ((expected != expected) & (v != v))).all()))
    if x.op != OP_CONST or np.PyArray_ISWRITEABLE(s.q.arrays[x.a]):
        return False
    return np.array_equal(s.q.arrays[x.a], expected, equal_nan=expected.dtype.kind == "f")


# ---------------------------------------------------------------- dead instructions

cdef Program without_dead(Program q):
    """The same program without what neither outputs nor guards read."""
    cdef char *live = <char *>PyMem_Calloc(q.count + 1, 1)
    cdef int32_t *moved = <int32_t *>PyMem_Calloc(q.count + 1, sizeof(int32_t))
    if live == NULL or moved == NULL:
        PyMem_Free(live)
        PyMem_Free(moved)
        raise MemoryError("cdiff: no memory to simplify a program")
    try:
        return copied_live(q, live, moved, mark_live(q, live))
    finally:
        PyMem_Free(live)
        PyMem_Free(moved)


cdef Py_ssize_t mark_live(Program q, char *live) except -1:
    """Mark what outputs and guards need; how many instructions that and the inputs are."""
    cdef Py_ssize_t i, count = q.n_inputs
    cdef int k, nargs
    cdef Instr *x
    for value in q.outputs:
        live[<Py_ssize_t>value] = 1
    for guard in q.guards:
        live[(<Guard>guard).value] = 1
    for i in range(q.count - 1, -1, -1):
        x = &q.code[i]
        nargs = OP_NARGS[x.op]
        count += live[i] and x.op != OP_LEAF
        if not live[i] or x.op == OP_LEAF or x.op == OP_CONST:
            continue
        if nargs == MANY:
            for k in range(x.b):
                live[q.lists[x.a + k]] = 1
        else:
            live[x.a] = 1
            if nargs > 1:
                live[x.b] = 1
            if nargs > 2:
                live[x.c] = 1
    return count


cdef Program copied_live(Program q, const char *live, int32_t *moved, Py_ssize_t count):
    """The live instructions and all inputs in a program of their own."""
    cdef Program r = Program()
    cdef Py_ssize_t i
    cdef Instr *x
    cdef int nargs
    r.reserve(count)
    r.lines = None if q.lines is None else []
    for i in range(q.count):
        x = &q.code[i]
        r.line = q.line_at(i)
        nargs = OP_NARGS[x.op]
        if not live[i] and x.op != OP_LEAF:
            continue
        if x.op < N_ELEMENTWISE:
            moved[i] = r.emit(x.op, moved_type(q, r, x.type), moved[x.a],
                              moved[x.b] if nargs > 1 else -1, moved[x.c] if nargs > 2 else -1)
        elif x.op == OP_CONST and x.type <= TYPE_WEAK:
            moved[i] = r.emit_number(q.numbers[x.a], x.type == TYPE_WEAK)
        elif x.op == OP_CONST:
            moved[i] = r.emit_array(q.arrays[x.a])
        elif x.op == OP_LEAF:
            moved[i] = r.emit_input(moved_type(q, r, x.type))
        elif nargs == MANY:
            moved[i] = r.emit_list(x.op, moved_type(q, r, x.type),
                                   [moved[q.lists[x.a + k]] for k in range(x.b)],
                                   r.attrs_place(q.attrs_of(i)))
        else:
            moved[i] = r.emit(x.op, moved_type(q, r, x.type), moved[x.a],
                              moved[x.b] if nargs > 1 else -1, r.attrs_place(q.attrs_of(i)))
    r.outputs = [moved[<Py_ssize_t>k] for k in q.outputs]
    r.guards = [(<Guard>g).moved(moved[(<Guard>g).value]) for g in q.guards]
    r.refreshed = q.refreshed
    return r


cdef int moved_type(Program q, Program r, int type) except -1:
    if type <= TYPE_WEAK:
        return type
    typenum, shape = q.types[type]
    return r.type_of(typenum, shape)


cdef Program simplified(Program p, bint join=True):
    """The simplified form of a program that is known to be valid; the input stays as it is.

    Without `join` sums of embedded parts stay sums, for who wants to see the parts.
    """
    cdef Program q = _Simplifier(p).run(join)
    cdef _Simplifier again
    if chooses_rows(q):
        # What read more than rows may be gone, or may have become rows, only now.
        again = _Simplifier(q)
        q = again.run(join) if _Selections(again).gains() else q
    while summed_products(None, q) is not None:   # so may what read more than a sum
        q = _Simplifier(q).run(join)
    return q
