# NumberCode: a program of numbers, made ready for the one-point gear.
#
# Knows programs and the interpreter's instructions; it must not know nodes,
# Python arguments or derivatives.  Fast because everything is decided once:
# what is needed at all, which products and sums are one instruction, and in
# which register each value lives, so that a run copies the inputs and
# constants, interprets, and picks out the results, without the GIL.

cdef extern from "machine/interpreter.h":
    """
    #if defined(_MSC_VER)
    #include <intrin.h>
    static void *cdiff_exchange(void **place, void *x) {
        return _InterlockedExchangePointer(place, x);
    }
    #else
    static void *cdiff_exchange(void **place, void *x) {
        return __atomic_exchange_n(place, x, __ATOMIC_ACQ_REL);
    }
    #endif
    """
    ctypedef struct Code:
        uint16_t op
        uint16_t flags
        int32_t y, a, b, c
    ctypedef void (*interpret_fn)(const Code *code, const Code *end, double *r) noexcept nogil
    enum:
        CODE_MULTIPLY_ADD, CODE_MULTIPLY_SUBTRACT, CODE_SUBTRACT_PRODUCT
        CODE_ZMUL_ADD, CODE_ZMUL_SUBTRACT, CODE_SUBTRACT_ZMUL
        CODE_ADD_ADD
    const scalar_fn *cdiff_heavy
    interpret_fn interpreter_select(const char *isa) noexcept nogil
    # Puts x in a place that threads share; what was there before.
    void *cdiff_exchange(void **place, void *x) noexcept nogil

cdef enum:
    STACK_REGISTERS = 1024        # a run with no more of them needs no memory from elsewhere
    SPARE_REGISTERS = 4           # sets of registers kept for the next runs
    DENSE_REGISTERS = 4096        # up to here each value has its own register
    RUN_OK = -1
    RUN_NO_MEMORY = -2
    # What becomes of a value, while code is made.
    VALUE_UNUSED = 0
    VALUE_USED = 1
    VALUE_KEPT = 2                # an output or a guard: its register is not reused
    VALUE_MERGED = 3              # computed by the instruction that reads it

cdef interpret_fn interpret = interpreter_select(KERNELS.isa)
cdiff_heavy = SCALAR_VALUE

# Operators whose result is 0 or 1 if the operands are: the others cannot make a bool.
cdef frozenset TRUTH_OPS = frozenset([OP_CODES[_name] for _name in (
    "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "isnan", "isfinite",
    "isinf", "signbit", "multiply", "maximum", "minimum", "where")])


cdef bint is_number_type(tuple type) noexcept:
    """float64 and bool scalars are what registers hold."""
    return type[1] == () and (type[0] == NPY_DOUBLE or type[0] == NPY_BOOL)


# A stretch of code: a function in machine code, or for the interpreter.
cdef struct NumberRun:
    native_fn call
    const Code *start
    const Code *end
    bint is_native
    Py_ssize_t place

cdef struct Making:
    # What is known of each value of the program while its code is made.
    int32_t *uses                 # how often it is read
    uint8_t *fate                 # VALUE_...
    int32_t *place                # its register, -1 while there is none
    int32_t *last                 # the last instruction of the code that reads it
    int32_t *vacant               # a stack of registers to be used again
    Py_ssize_t n_vacant
    bint fuses                    # products with the sums that only they are for: one rounding


@cython.final
cdef class NumberCode:
    """The code of a program whose values are all float64 or bool scalars; bools are 0.0 and 1.0.

    ValueError for any other program.  `run` may be called by several threads at once.
    """
    cdef Code *code
    cdef double *constants        # they stand behind the inputs
    cdef int32_t *results         # the registers of the outputs, then those of the guards
    cdef double *expected         # of each guard
    cdef NumberRun *runs          # of the code, in order
    cdef int n_runs
    cdef _Pool pool               # what runs are in
    cdef void *spare[SPARE_REGISTERS]
    cdef readonly Py_ssize_t n_instructions, n_registers, n_inputs, n_constants, n_outputs, n_guards

    def __cinit__(self, Program program not None, bint fuses=True):
        cdef Making m
        cdef Py_ssize_t n = program.count
        check_results(program)
        check_numbers(program)
        self.n_inputs = program.n_inputs
        self.n_outputs = len(program.outputs)
        self.n_guards = len(program.guards)
        m.n_vacant, m.fuses = 0, fuses
        m.uses = <int32_t *>PyMem_Calloc(n + 1, sizeof(int32_t))
        m.fate = <uint8_t *>PyMem_Calloc(n + 1, 1)
        m.place = <int32_t *>PyMem_Calloc(n + 1, sizeof(int32_t))
        m.last = <int32_t *>PyMem_Calloc(n + 1, sizeof(int32_t))
        m.vacant = <int32_t *>PyMem_Calloc(n + 1, sizeof(int32_t))
        try:
            if m.uses == NULL or m.fate == NULL or m.place == NULL or m.last == NULL \
                    or m.vacant == NULL:
                raise MemoryError(f"cdiff: no memory for the code of {n} instructions")
            count_uses(program, &m)
            self.write(program, &m)
            native = has_machine_code() and self.n_instructions <= MAX_NATIVE_NUMBERS
            if self.n_instructions >= REGROUPED and not native:
                regroup(self.code, self.n_instructions, m.vacant)
            self.place_values(program, &m)
            self.place_results(program, &m)
            if native:
                self.pool = _Pool()
                self.runs = _NumberRuns().make(
                    self.pool, self.code, self.n_instructions, &self.n_runs, self.results,
                    self.n_outputs + self.n_guards)
        finally:
            PyMem_Free(m.uses)
            PyMem_Free(m.fate)
            PyMem_Free(m.place)
            PyMem_Free(m.last)
            PyMem_Free(m.vacant)

    def __dealloc__(self):
        cdef int i
        for i in range(SPARE_REGISTERS):
            cdiff_aligned_free(self.spare[i])
        PyMem_Free(self.code)
        PyMem_Free(self.constants)
        PyMem_Free(self.results)
        PyMem_Free(self.expected)

    def __repr__(self):
        return (f"<NumberCode: {self.n_inputs} inputs, {self.n_instructions} instructions, "
                f"{self.n_registers} registers, {self.n_outputs} outputs, {self.n_guards} guards>")

    def __reduce__(self):
        raise TypeError("a NumberCode cannot be pickled; pickle the program")

    # ------------------------------------------------------------ making

    cdef int write(self, Program p, Making *m) except -1:
        """The instructions, with values of the program for registers."""
        cdef Py_ssize_t i, n = 0
        cdef Instr *x
        self.code = <Code *>PyMem_Calloc(p.count + 1, sizeof(Code))
        if self.code == NULL:
            raise MemoryError(f"cdiff: no memory for the code of {p.count} instructions")
        # From the end, since an instruction decides what becomes of those that it reads.
        for i in range(p.count - 1, p.n_inputs - 1, -1):
            x = &p.code[i]
            if m.fate[i] == VALUE_UNUSED or m.fate[i] == VALUE_MERGED or x.op == OP_CONST:
                continue
            write_code(p, m, <int32_t>i, &self.code[n])
            n += 1
        turn_around(self.code, n)
        self.n_instructions = n
        return 0

    cdef int place_values(self, Program p, Making *m) except -1:
        """Registers: inputs, constants, then the values, reused if there are many."""
        cdef Py_ssize_t i, k = 0, n = self.n_inputs
        cdef bint reuse
        cdef Code *x
        memset(m.place, 0xFF, (p.count + 1) * sizeof(int32_t))
        for i in range(p.n_inputs):
            m.place[i] = <int32_t>i
        # Counted, because several instructions may share a number of the program.
        for i in range(p.n_inputs, p.count):
            k += p.code[i].op == OP_CONST
        self.constants = <double *>PyMem_Calloc(k + 1, sizeof(double))
        if self.constants == NULL:
            raise MemoryError("cdiff: no memory for constants")
        for i in range(p.n_inputs, p.count):
            if p.code[i].op == OP_CONST and m.fate[i] != VALUE_UNUSED:
                self.constants[self.n_constants] = constant_number(p, i)
                m.place[i] = <int32_t>(n + self.n_constants)
                self.n_constants += 1
        n += self.n_constants
        reuse = n + self.n_instructions > DENSE_REGISTERS
        if reuse:
            find_last_uses(self.code, self.n_instructions, m.last)
        for k in range(self.n_instructions):
            x = &self.code[k]
            if reuse:
                vacate(m, x, <int32_t>k, <int32_t>(self.n_inputs + self.n_constants))
            i = x.y
            x.a, x.b, x.c = m.place[x.a], m.place[x.b], m.place[x.c]
            if m.n_vacant:
                m.n_vacant -= 1
                x.y = m.vacant[m.n_vacant]
            else:
                x.y = <int32_t>n
                n += 1
            m.place[i] = x.y
        self.n_registers = n
        return 0

    cdef int place_results(self, Program p, Making *m) except -1:
        cdef Py_ssize_t i
        self.results = <int32_t *>PyMem_Calloc(self.n_outputs + self.n_guards + 1, sizeof(int32_t))
        self.expected = <double *>PyMem_Calloc(self.n_guards + 1, sizeof(double))
        if self.results == NULL or self.expected == NULL:
            raise MemoryError("cdiff: no memory for the results")
        for i in range(self.n_outputs):
            self.results[i] = m.place[<Py_ssize_t>p.outputs[i]]
        for i in range(self.n_guards):
            self.results[self.n_outputs + i] = m.place[(<Guard>p.guards[i]).value]
            self.expected[i] = (<Guard>p.guards[i]).expected
        return 0

    # ------------------------------------------------------------ running

    cdef int run(self, const double *inputs, double *outputs, double *seen) noexcept nogil:
        """RUN_OK, RUN_NO_MEMORY, or the first guard that failed (the outputs are written).

        What that guard saw is written to `seen`, which may be NULL.
        """
        cdef double small[STACK_REGISTERS]
        cdef double *r = small
        cdef Py_ssize_t i
        cdef int done = RUN_OK
        if self.n_registers > STACK_REGISTERS:
            r = self.take_registers()
            if r == NULL:
                return RUN_NO_MEMORY
        else:
            memcpy(&r[self.n_inputs], self.constants, self.n_constants * sizeof(double))
        memcpy(r, inputs, self.n_inputs * sizeof(double))
        if self.n_runs:
            run_numbers(self.runs, self.n_runs, r)
        else:
            interpret(self.code, &self.code[self.n_instructions], r)
        for i in range(self.n_outputs):
            outputs[i] = r[self.results[i]]
        for i in range(self.n_guards):
            if not same_number(r[self.results[self.n_outputs + i]], self.expected[i]):
                done = <int>i
                if seen != NULL:
                    seen[0] = r[self.results[self.n_outputs + i]]
                break
        if r != small:
            self.give_registers(r)
        return done

    cdef double *take_registers(self) noexcept nogil:
        """A set of registers that holds the constants; NULL if there is no memory."""
        cdef double *r
        cdef int i
        for i in range(SPARE_REGISTERS):
            r = <double *>cdiff_exchange(&self.spare[i], NULL)
            if r != NULL:
                return r
        r = <double *>cdiff_aligned_alloc(self.n_registers * sizeof(double))
        if r != NULL:
            memcpy(&r[self.n_inputs], self.constants, self.n_constants * sizeof(double))
        return r

    cdef void give_registers(self, double *r) noexcept nogil:
        """Keep a set of registers for the next run."""
        cdef int i
        for i in range(SPARE_REGISTERS):
            r = <double *>cdiff_exchange(&self.spare[i], r)
            if r == NULL:
                return
        cdiff_aligned_free(r)

    def evaluate(self, *inputs):
        """(the first guard that failed or -1, the outputs), from Python numbers."""
        return self.answer(inputs)[:2]

    cdef tuple answer(self, inputs):
        """(the first guard that failed or -1, the outputs, what that guard saw)."""
        cdef double *memory
        cdef Py_ssize_t i
        cdef int done
        if len(inputs) != self.n_inputs:
            raise ValueError(f"{len(inputs)} inputs for a program that takes {self.n_inputs}")
        memory = <double *>PyMem_Calloc(self.n_inputs + self.n_outputs + 1, sizeof(double))
        if memory == NULL:
            raise MemoryError("cdiff: no memory for inputs and outputs")
        try:
            for i in range(self.n_inputs):
                memory[i] = inputs[i]
            i = self.n_inputs + self.n_outputs
            with nogil:
                done = self.run(memory, &memory[self.n_inputs], &memory[i])
            if done == RUN_NO_MEMORY:
                raise MemoryError(f"cdiff: no memory for {self.n_registers} registers")
            return done, [memory[self.n_inputs + k] for k in range(self.n_outputs)], memory[i]
        finally:
            PyMem_Free(memory)


# ---------------------------------------------------------------- making code

cdef int check_numbers(Program p) except -1:
    """ValueError unless registers can hold every value and the interpreter knows every operator."""
    cdef Py_ssize_t i
    cdef Instr *x
    cdef list fits = [is_number_type(type) for type in p.types]
    for i in range(p.count):
        x = &p.code[i]
        if not fits[x.type] or not (x.op < N_ELEMENTWISE or x.op == OP_LEAF or x.op == OP_CONST
                                    or is_conversion(p, x)):
            raise ValueError(f"no number: {instruction_text(p, i)}")
        if x.type > TYPE_WEAK and p.types[x.type][0] == NPY_BOOL and x.op < N_ELEMENTWISE \
                and x.op not in TRUTH_OPS:
            raise ValueError(f"no truth value: {instruction_text(p, i)}")
        if not reads_earlier(x, <int32_t>i):
            raise ValueError(f"reads what is not there yet: {instruction_text(p, i)}")
    for value in p.outputs + [(<Guard>guard).value for guard in p.guards]:
        if not 0 <= value < p.count:
            raise ValueError(f"there is no value {value} in a program of {p.count}")
    return 0


cdef bint reads_earlier(Instr *x, int32_t i) noexcept nogil:
    """Whether all operands of instruction i stand before it."""
    cdef int n = n_operands(x.op)
    return ((n < 1 or 0 <= x.a < i) and (n < 2 or 0 <= x.b < i) and (n < 3 or 0 <= x.c < i))


cdef bint is_conversion(Program p, Instr *x):
    """A structural operator that only changes the type, to one in which the value is the same."""
    return x.op == OP_CAST and p.types[x.type][0] == NPY_DOUBLE


cdef double constant_number(Program p, Py_ssize_t i) except? -1.0:
    cdef Instr *x = &p.code[i]
    return p.numbers[x.a] if x.type <= TYPE_WEAK else float(p.arrays[x.a])


cdef int n_operands(int op) noexcept nogil:
    return 0 if op == OP_LEAF or op == OP_CONST else OP_NARGS[op]


cdef int count_uses(Program p, Making *m) except -1:
    """Which values are needed, and how often each is read by one that is."""
    cdef Py_ssize_t i
    cdef Instr *x
    cdef int n
    for value in p.outputs:
        m.fate[<Py_ssize_t>value] = VALUE_KEPT
    for guard in p.guards:
        m.fate[(<Guard>guard).value] = VALUE_KEPT
    for i in range(p.count - 1, -1, -1):
        if m.fate[i] == VALUE_UNUSED:
            continue
        x = &p.code[i]
        n = n_operands(x.op)
        if n > 0:
            use(m, x.a)
        if n > 1:
            use(m, x.b)
        if n > 2:
            use(m, x.c)
    return 0


cdef inline void use(Making *m, int32_t value) noexcept nogil:
    m.uses[value] += 1
    if m.fate[value] == VALUE_UNUSED:
        m.fate[value] = VALUE_USED


cdef inline int mergeable(Program p, Making *m, int32_t value) noexcept:
    """The operator of a value that only its reader needs, OP_FREED for any other."""
    return p.code[value].op if m.fate[value] == VALUE_USED and m.uses[value] == 1 else OP_FREED


cdef inline bint is_product(int op) noexcept nogil:
    return op == OP_MULTIPLY or op == OP_SQUARE or op == OP_ZMUL


cdef void write_code(Program p, Making *m, int32_t i, Code *out) noexcept:
    """The instruction that computes value i, together with what only it reads."""
    cdef Instr *x = &p.code[i]
    cdef int left, right
    out.op = x.op
    out.y = i
    out.a = x.a
    out.b = x.b if n_operands(x.op) > 1 else x.a
    out.c = x.c if n_operands(x.op) > 2 else x.a
    if x.op == OP_CAST:
        out.op = OP_POSITIVE
    if x.op != OP_ADD and x.op != OP_SUBTRACT:
        return
    right = mergeable(p, m, x.b)
    left = mergeable(p, m, x.a)
    if m.fuses and is_product(right):
        take_operands(p, m, x.b, x.a, out)
        if x.op == OP_ADD:
            out.op = CODE_ZMUL_ADD if right == OP_ZMUL else CODE_MULTIPLY_ADD
        else:
            out.op = CODE_SUBTRACT_ZMUL if right == OP_ZMUL else CODE_SUBTRACT_PRODUCT
    elif m.fuses and is_product(left):
        take_operands(p, m, x.a, x.b, out)
        if x.op == OP_ADD:
            out.op = CODE_ZMUL_ADD if left == OP_ZMUL else CODE_MULTIPLY_ADD
        else:
            out.op = CODE_ZMUL_SUBTRACT if left == OP_ZMUL else CODE_MULTIPLY_SUBTRACT
    elif x.op == OP_ADD and (left == OP_ADD or right == OP_ADD):
        if left == OP_ADD:
            take_operands(p, m, x.a, x.b, out)
        else:
            take_operands(p, m, x.b, x.a, out)
        out.op = CODE_ADD_ADD


cdef inline void take_operands(Program p, Making *m, int32_t value, int32_t other,
                               Code *out) noexcept:
    """Read what `value` reads, so that it needs no instruction of its own."""
    m.fate[value] = VALUE_MERGED
    out.a = p.code[value].a
    out.b = out.a if p.code[value].op == OP_SQUARE else p.code[value].b
    out.c = other


cdef void turn_around(Code *code, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef Code x
    for i in range(n // 2):
        x = code[i]
        code[i] = code[n - 1 - i]
        code[n - 1 - i] = x


cdef void find_last_uses(Code *code, Py_ssize_t n, int32_t *last) noexcept nogil:
    """The last instruction that reads each value."""
    cdef int32_t k
    for k in range(<int32_t>n):
        last[code[k].a] = k
        last[code[k].b] = k
        last[code[k].c] = k


cdef void vacate(Making *m, Code *x, int32_t k, int32_t fixed) noexcept nogil:
    """Free the registers of the values that instruction k reads last, from `fixed` on."""
    cdef int32_t value
    cdef int j
    for j in range(3):
        value = x.a if j == 0 else x.b if j == 1 else x.c
        if m.last[value] == k and m.place[value] >= fixed and m.fate[value] != VALUE_KEPT:
            m.vacant[m.n_vacant] = m.place[value]
            m.n_vacant += 1
            m.last[value] = -1    # once, also where it is read twice


cdef bint same_number(double x, double y) noexcept nogil:
    """The same bits, or both nan."""
    return memcmp(&x, &y, sizeof(double)) == 0 or (x != x and y != y)
