# Programs: what a recorded function becomes, a flat list of typed instructions.
#
# Knows operator codes, types and constants; it must not know nodes, Python
# functions or how anything is computed.  Fast because the instructions are one
# C array which transformations walk and append to, and because types and
# attributes are interned: equal ones are one index.

cdef extern from "program.h":
    ctypedef struct Instr:
        uint16_t op
        uint16_t type
        int32_t a
        int32_t b
        int32_t c

cdef enum:
    TYPE_NUMBER = 0               # a float64 scalar
    TYPE_WEAK = 1                 # the same, a Python number: does not decide the dtype
    MAX_TYPES = 0xFFFF
    MANY = 255                    # OP_NARGS of operators with any number of operands


cdef class Guard:
    """A decision that Python took from a value: `value` must hold `expected` again."""
    cdef readonly int32_t value
    cdef readonly object expected  # an ndarray
    cdef readonly str where        # the line that took it, or ""
    cdef readonly str lost         # the conversion at which a derivative would be lost, or ""

    def __init__(self, value, expected, where="", lost=""):
        self.value = value
        self.expected = expected
        self.where = where
        self.lost = lost

    def moved(self, int32_t value):
        """The same decision, of another value."""
        return Guard(value, self.expected, self.where, self.lost)


@cython.final
cdef class Program:
    """A closed, straight-line program over table operators.

    Value i is the result of instruction i.  The first `n_inputs` instructions are the inputs.
    `outputs` are values; `guards` the decisions that were taken when it was recorded.

    Examples
    --------
    >>> import cdiff as cd
    >>> p = cd.programs.Program()
    >>> x = p.input("float64")
    >>> p.outputs = [p.apply("multiply", [x, x], "float64")]
    >>> cd.programs.run(p, 3.0)
    [9.0]
    """
    cdef Instr *code
    cdef Py_ssize_t count, capacity
    cdef double *numbers           # constants of types 0 and 1
    cdef Py_ssize_t n_numbers, numbers_capacity
    cdef int32_t *lists            # operands of instructions with any number of them
    cdef Py_ssize_t n_lists, lists_capacity
    cdef readonly Py_ssize_t n_inputs
    cdef readonly list types       # (typenum, shape)
    cdef readonly list attrs       # tuples of plain values
    cdef readonly list arrays      # constant arrays
    cdef public list outputs
    cdef public list guards
    cdef public list refreshed     # (constant array, what it is copied from before each run)
    cdef readonly list lines       # None, or for each instruction None or (file, line, function)
    cdef object line               # that of the next one
    cdef bint by_hand              # Python has put it together, so it may be anything
    cdef dict type_index, attrs_index

    def __cinit__(self):
        self.types = [(NPY_DOUBLE, ()), (NPY_DOUBLE, ())]
        self.attrs = []
        self.arrays = []
        self.outputs = []
        self.guards = []
        self.refreshed = []
        self.type_index = {(NPY_DOUBLE, ()): TYPE_NUMBER}
        self.attrs_index = {}

    def __dealloc__(self):
        free(self.code)
        free(self.numbers)
        free(self.lists)

    def __len__(self):
        return self.count

    # ------------------------------------------------------------ building

    cdef int32_t emit(self, int op, int type, int32_t a, int32_t b, int32_t c) except -1:
        """Append an instruction; its value."""
        cdef Instr *i
        if self.count == self.capacity:
            self.code = <Instr *>grown(self.code, NULL, &self.capacity, sizeof(Instr))
        i = &self.code[self.count]
        i.op = <uint16_t>op
        i.type = <uint16_t>type
        i.a = a
        i.b = b
        i.c = c
        self.count += 1
        if self.lines is not None:
            self.lines.append(self.line)
        return <int32_t>(self.count - 1)

    cdef int reserve(self, Py_ssize_t n) except -1:
        """Room for so many instructions."""
        cdef void *fresh
        if n > self.capacity:
            fresh = realloc(self.code, n * sizeof(Instr))
            if fresh == NULL:
                raise MemoryError("cdiff: no memory for a program")
            self.code = <Instr *>fresh
            self.capacity = n
        return 0

    cdef int type_of(self, int typenum, tuple shape) except -1:
        """The index of a type."""
        cdef object found = self.type_index.get((typenum, shape))
        if found is None:
            if len(self.types) > MAX_TYPES:
                raise MemoryError(f"cdiff: a program with more than {MAX_TYPES} shapes")
            found = len(self.types)
            self.types.append((typenum, shape))
            self.type_index[typenum, shape] = found
        return found

    cdef int32_t attrs_place(self, object attrs) except -2:
        """Where these attributes stand; -1 for none."""
        cdef object found
        if attrs is None:
            return -1
        key = attrs_key(attrs)
        found = self.attrs_index.get(key)
        if found is None:
            found = len(self.attrs)
            self.attrs.append(attrs)
            self.attrs_index[key] = found
        return found

    cdef int32_t emit_input(self, int type) except -1:
        if self.count != self.n_inputs:
            raise ValueError("a program's inputs come before all else")
        self.n_inputs += 1
        return self.emit(OP_LEAF, type, <int32_t>(self.n_inputs - 1), -1, -1)

    cdef int32_t emit_number(self, double v, bint weak) except -1:
        if self.n_numbers == self.numbers_capacity:
            self.numbers = <double *>grown(self.numbers, NULL, &self.numbers_capacity,
                                           sizeof(double))
        self.numbers[self.n_numbers] = v
        self.n_numbers += 1
        return self.emit(OP_CONST, TYPE_WEAK if weak else TYPE_NUMBER,
                         <int32_t>(self.n_numbers - 1), -1, -1)

    cdef int32_t emit_array(self, np.ndarray x) except -1:
        """A constant array; the program keeps the array itself.

        A 0-d float64 array is read as the only element of a vector: the constants of that type are
        numbers, which nobody can change.
        """
        cdef int32_t a
        if np.PyArray_NDIM(x) == 0 and np.PyArray_TYPE(x) == NPY_DOUBLE:
            a = self.emit_array((<object>x).reshape(1))
            return self.emit(OP_RESHAPE, TYPE_NUMBER, a, -1, self.attrs_place(((),)))
        self.arrays.append(x)
        return self.emit(OP_CONST, self.type_of(np.PyArray_TYPE(x), (<object>x).shape),
                         <int32_t>(len(self.arrays) - 1), -1, -1)

    cdef int32_t emit_list(self, int op, int type, list operands, int32_t attrs) except -1:
        """An instruction with any number of operands."""
        cdef int32_t start = <int32_t>self.n_lists
        for x in operands:
            if self.n_lists == self.lists_capacity:
                self.lists = <int32_t *>grown(self.lists, NULL, &self.lists_capacity,
                                              sizeof(int32_t))
            self.lists[self.n_lists] = x
            self.n_lists += 1
        return self.emit(op, type, start, <int32_t>len(operands), attrs)

    # ------------------------------------------------------------ looking

    cdef inline Py_ssize_t n_operands(self, Py_ssize_t i) noexcept:
        """How many operands an instruction has."""
        cdef Instr *x = &self.code[i]
        if x.op == OP_LEAF or x.op == OP_CONST:
            return 0
        return x.b if OP_NARGS[x.op] == MANY else OP_NARGS[x.op]

    cdef inline int32_t operand(self, Py_ssize_t i, Py_ssize_t k) noexcept:
        """Operand k of an instruction."""
        cdef Instr *x = &self.code[i]
        if OP_NARGS[x.op] == MANY:
            return self.lists[x.a + k]
        return x.a if k == 0 else x.b if k == 1 else x.c

    cdef list operands_of(self, Py_ssize_t i):
        """The operand values of an instruction."""
        cdef Py_ssize_t k
        return [self.operand(i, k) for k in range(self.n_operands(i))]

    cdef object line_at(self, Py_ssize_t i):
        """(file, line, function) that an instruction was recorded from, None if not known."""
        return None if self.lines is None else self.lines[i]

    cdef object attrs_of(self, Py_ssize_t i):
        """The attributes of a structural instruction."""
        cdef Instr *x = &self.code[i]
        if x.op < N_ELEMENTWISE or x.op == OP_LEAF or x.op == OP_CONST or x.c < 0:
            return None
        return self.attrs[x.c]

    # ------------------------------------------------------------ from Python

    def input(self, dtype, tuple shape=()):
        """Append an input; its value."""
        self.by_hand = True
        return self.emit_input(self.type_of(np.dtype(dtype).num, shape))

    def constant(self, x):
        """Append a constant, a Python number (weak) or an array of which a copy is kept."""
        self.by_hand = True
        if isinstance(x, (int, float)) and not isinstance(x, (bool, np.generic)):
            return self.emit_number(x, True)
        x = np.array(x)
        x.flags.writeable = False
        if x.ndim == 0 and x.dtype == np.float64:
            return self.emit_number(x, False)
        return self.emit_array(x)

    def apply(self, str name, operands, dtype="f8", tuple shape=(), attrs=None):
        """Append an instruction whose result has this dtype and shape; its value."""
        cdef int op = OP_CODES[name], type = self.type_of(np.dtype(dtype).num, shape)
        cdef list xs = list(operands) + [-1, -1, -1]
        if op == OP_LEAF or op == OP_CONST:
            raise ValueError(f"{name} is no operator: append an input or a constant")
        self.by_hand = True
        if OP_NARGS[op] == MANY:
            return self.emit_list(op, type, list(operands), self.attrs_place(attrs))
        if len(operands) != OP_NARGS[op]:
            raise ValueError(f"{name} takes {OP_NARGS[op]} operands, not {len(operands)}")
        return self.emit(op, type, xs[0], xs[1],
                         xs[2] if op < N_ELEMENTWISE else self.attrs_place(attrs))

    def copied(self, Program p not None, Py_ssize_t i, operands=()):
        """Append instruction i of another program with these operands (its value)."""
        if not 0 <= i < p.count or p.code[i].op == OP_LEAF:
            raise ValueError(f"instruction {i} cannot be copied")
        self.by_hand = True
        return copied_instruction(p, self, i, dict(zip(p.operands_of(i), operands, strict=True)))

    def guard(self, int value, expected):
        """Append a guard: the value must be what it was."""
        self.guards.append(Guard(value, np.asarray(expected)))

    def check(self):
        """ValueError, unless this program can be run: every place, operand and type is right."""
        check_program(self)

    def with_inputs(self, specs, list places):
        """The same program with the inputs `specs` (dtype, shape), its own at `places` of them."""
        cdef Program q = Program()
        cdef Py_ssize_t i, shift = len(specs) - self.n_inputs
        cdef list at = list(places)
        check_ready(self)
        if len(at) != self.n_inputs:
            raise ValueError(f"a program of {self.n_inputs} inputs got places for {len(at)}")
        q.lines = None if self.lines is None else []
        for dtype, shape in specs:
            q.input(dtype, shape)
        check_types(q)
        for i in range(self.n_inputs):
            check_place(self, i, q, at[i])
        q.by_hand = self.by_hand
        q.refreshed = self.refreshed
        for i in range(self.n_inputs, self.count):
            at.append(i + shift)
            q.line = self.line_at(i)
            copied_instruction(self, q, i, at)
        q.outputs = [at[v] for v in self.outputs]
        for g in self.guards:
            q.guards.append((<Guard>g).moved(at[(<Guard>g).value]))
        return q

    def simplify(self, bint join=True):
        """The same program with equal instructions made one, and without what is not needed.

        Sums of embedded parts are put together from the parts, unless `join` is False.
        """
        check_program(self)
        return simplified(self, join)

    def instructions(self):
        """(operator, dtype, shape, operands, attributes or constant) of every instruction."""
        return [(op_name(self.code[i].op),) + self.described(i) for i in range(self.count)]

    def instruction(self, Py_ssize_t i):
        """One of `instructions`."""
        if not 0 <= i < self.count:
            raise IndexError(f"instruction {i} of a program of {self.count}")
        return (op_name(self.code[i].op),) + self.described(i)

    def count_of(self, str name):
        """How many instructions are of this operator."""
        cdef int op = OP_CODES[name]
        cdef Py_ssize_t i, found = 0
        for i in range(self.count):
            found += self.code[i].op == op
        return found

    cdef tuple described(self, Py_ssize_t i):
        cdef Instr *x = &self.code[i]
        cdef object extra = self.attrs_of(i)
        if x.op == OP_LEAF:
            extra = x.a
        elif x.op == OP_CONST:
            extra = self.numbers[x.a] if x.type <= TYPE_WEAK else self.arrays[x.a]
        return (np.PyArray_DescrFromType(self.types[x.type][0]), self.types[x.type][1],
                self.operands_of(i), extra)

    def __str__(self):
        lines = [instruction_text(self, i) for i in range(self.count)]
        lines += [f"guard %{(<Guard>g).value} == {(<Guard>g).expected!r:.60}"
                  + (f"   # {(<Guard>g).where}" if (<Guard>g).where else "")
                  for g in self.guards]
        lines.append("return " + ", ".join([f"%{i}" for i in self.outputs]))
        return "\n".join(lines)

    def __repr__(self):
        return (f"<Program: {self.n_inputs} inputs, {self.count} instructions, "
                f"{len(self.outputs)} outputs, {len(self.guards)} guards>")


cdef int32_t copied_instruction(Program p, Program q, Py_ssize_t i, at) except -1:
    """Append instruction i of p to q, whose values of p's operands are `at` (a list or a dict)."""
    cdef Instr *x = &p.code[i]
    cdef list operands
    cdef tuple t = p.types[x.type]
    cdef int type = x.type if x.type <= TYPE_WEAK else q.type_of(t[0], t[1])
    if x.op == OP_CONST and x.type <= TYPE_WEAK:
        return q.emit_number(p.numbers[x.a], x.type == TYPE_WEAK)
    if x.op == OP_CONST:
        return q.emit_array(p.arrays[x.a])
    operands = [at[v] for v in p.operands_of(i)]
    if OP_NARGS[x.op] == MANY:
        return q.emit_list(x.op, type, operands, q.attrs_place(p.attrs_of(i)))
    operands += [-1, -1]
    return q.emit(x.op, type, operands[0], operands[1],
                  operands[2] if x.op < N_ELEMENTWISE else q.attrs_place(p.attrs_of(i)))


cdef object attrs_key(object attrs):
    """Equal attributes of different types (1 and True) are different ones."""
    if isinstance(attrs, tuple):
        return tuple([attrs_key(x) for x in attrs])
    return type(attrs), attrs


# ---------------------------------------------------------------- text

cdef str type_text(tuple type):
    """f64[3,4], bool, weak numbers as "num"."""
    cdef object dtype = np.PyArray_DescrFromType(type[0])
    cdef str name = {"f": "f", "i": "i", "u": "u", "b": "bool"}.get(dtype.kind, dtype.kind)
    if dtype.kind != "b":
        name += str(8 * dtype.itemsize)
    return name + (f"[{','.join(map(str, type[1]))}]" if type[1] else "")


cdef str instruction_text(Program p, Py_ssize_t i):
    cdef Instr *x = &p.code[i]
    cdef str head = f"%{i}: {type_text(p.types[x.type])} = "
    if x.op == OP_LEAF:
        return f"{head}input {x.a}"
    if x.op == OP_CONST and x.type <= TYPE_WEAK:
        return f"{head}{p.numbers[x.a]!r}"
    if x.op == OP_CONST:
        return f"{head}array {np.array2string(p.arrays[x.a], threshold=8, edgeitems=3)}"
    operands = [f"%{k}" for k in p.operands_of(i)]
    attrs = p.attrs_of(i)
    if attrs is not None:
        operands += [repr(attr) for attr in attrs]
    remark = "" if p.line_at(i) is None else f"   # {line_text(p.line_at(i))}"
    return f"{head}{op_name(x.op)}({', '.join(operands)}){remark}"


cdef dict OP_CODES = {OP_NAMES[_op].decode(): _op for _op in range(N_OPS)}
