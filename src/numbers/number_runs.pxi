# Number runs: code of the one-point gear as machine code.
#
# Cuts code into stretches of light instructions, which become functions, and others, which are
# interpreted; must not know programs, registers of the processor or encodings.  Fast because an
# instruction costs what it computes: no fetch of the next one, no jump that has to be guessed, and
# what is read soon is still in a register.

cdef enum:
    SHORTEST_RUN = 8              # instructions: below, the interpreter is as fast
    LONGEST_RUN = 1000            # what the tables of one run have room for
    MAX_NATIVE_NUMBERS = 200000   # instructions: beyond, machine code outgrows the caches


cdef inline bint is_light_code(const Code *x) noexcept nogil:
    return native_kind(x.op) != NOT_NATIVE


@cython.final
cdef class _NumberRuns:
    """Makes the runs of one piece of code."""
    cdef const Code *code
    cdef Py_ssize_t n
    cdef _Pool pool, scratch
    cdef _Registers registers
    cdef Call *calls
    cdef MachineStep *steps
    cdef int32_t *touched
    cdef NumberRun *runs
    cdef int n_runs
    cdef uint8_t *bytes           # the machine code of all runs so far
    cdef Py_ssize_t n_bytes, room

    def __dealloc__(self):
        free(self.bytes)

    cdef NumberRun *make(self, _Pool pool, const Code *code, Py_ssize_t n, int *n_runs,
                         const int32_t *results, Py_ssize_t n_results) except NULL:
        """Runs for code after which only `results` are read; NULL for all registers."""
        cdef Py_ssize_t longest
        self.code = code
        self.n = n
        self.pool = pool
        self.scratch = _Pool()
        self.find_calls(results, n_results)
        longest = self.n if self.n < LONGEST_RUN else LONGEST_RUN
        self.steps = <MachineStep *>self.scratch.take(
            (STEPS_OF_CALL * longest + HELD_NUMBERS) * sizeof(MachineStep))
        self.touched = <int32_t *>self.scratch.take(5 * longest * sizeof(int32_t))
        self.runs = <NumberRun *>self.pool.take((2 * self.n // SHORTEST_RUN + 3)
                                                * sizeof(NumberRun))
        self.cut()
        self.seal()
        n_runs[0] = self.n_runs
        return self.runs

    cdef int find_calls(self, const int32_t *results, Py_ssize_t n_results) except -1:
        cdef Py_ssize_t k, n_registers = registers_of(self.code, self.n)
        cdef const Code *x
        cdef Call *c
        self.registers = _Registers(self.scratch, n_registers, False)
        self.calls = <Call *>self.scratch.take((self.n + 1) * sizeof(Call))
        for k in range(self.n):
            x = &self.code[k]
            c = &self.calls[k]
            c.op = x.op
            c.n = 3 if x.op >= N_OPS else OP_NARGS[x.op]
            c.y = x.y
            c.slots[0], c.slots[1], c.slots[2] = x.a, x.b, x.c
        for k in range(n_registers):
            self.registers.next_use[k] = LATER if results == NULL else NEVER
        for k in range(n_results):
            if results[k] < n_registers:
                self.registers.next_use[results[k]] = LATER
        find_next_uses(self.calls, <int>self.n, 0, self.registers.next_use)
        return 0

    cdef int cut(self) except -1:
        """Light stretches that are long enough, and what is between them."""
        cdef Py_ssize_t k = 0, end, start = 0
        while k < self.n:
            end = k
            while end < self.n and end - k < LONGEST_RUN and is_light_code(&self.code[end]):
                end += 1
            if end - k >= SHORTEST_RUN:
                self.interpreted(start, k)
                self.native(k, end)
                start = end
            k = end if end > k else k + 1
        return self.interpreted(start, self.n)

    cdef int interpreted(self, Py_ssize_t start, Py_ssize_t end) noexcept:
        if end > start:
            self.runs[self.n_runs].start = &self.code[start]
            self.runs[self.n_runs].end = &self.code[end]
            self.n_runs += 1
        return 0

    cdef int native(self, Py_ssize_t first, Py_ssize_t end) except -1:
        """One function, of which only the place is known until there is memory for all."""
        cdef _Registers r = self.registers
        cdef int k, n = <int>(end - first)
        cdef size_t length
        r.begin(&self.calls[first], n, <int32_t>end, NULL, self.steps, self.touched)
        for k in range(n):
            r.add(&self.calls[first + k])
        r.finish(&self.calls[first], n)
        for k in range(r.n_steps):
            self.steps[k].slot *= sizeof(double)
        self.make_room(2 * MAX_STEP_BYTES * r.n_steps + FRAME_BYTES)
        assemble_point(&self.bytes[self.n_bytes], self.steps, r.n_steps, r.look, &length)
        self.runs[self.n_runs].place = self.n_bytes
        self.runs[self.n_runs].is_native = True
        self.n_runs += 1
        self.n_bytes += (length + 15) & ~<size_t>15
        return 0

    cdef int make_room(self, Py_ssize_t n) except -1:
        cdef void *p
        if self.n_bytes + n <= self.room:
            return 0
        self.room = 2 * self.n_bytes + n
        p = realloc(self.bytes, self.room)
        if p == NULL:
            raise MemoryError("cdiff: no memory for machine code")
        self.bytes = <uint8_t *>p
        return 0

    cdef int seal(self) except -1:
        """The code where it can be executed; nothing in it depends on where that is."""
        cdef char *p
        cdef Py_ssize_t k
        if not self.n_bytes:
            return 0
        p = <char *>self.pool.take_code(self.n_bytes)
        memcpy(p, self.bytes, self.n_bytes)
        for k in range(self.n_runs):
            if self.runs[k].is_native:
                self.runs[k].call = <native_fn><void *>(p + self.runs[k].place)
        if not code_seal(p, self.n_bytes):
            raise MemoryError("cdiff: the system does not let memory be executed any more")
        return 0


cdef Py_ssize_t registers_of(const Code *code, Py_ssize_t n) noexcept nogil:
    """One more than the last register that code uses."""
    cdef Py_ssize_t k
    cdef int32_t last = 0
    for k in range(n):
        last = code[k].y if code[k].y > last else last
        last = code[k].a if code[k].a > last else last
        last = code[k].b if code[k].b > last else last
        last = code[k].c if code[k].c > last else last
    return last + 1


cdef void run_numbers(const NumberRun *runs, int n, double *r) noexcept nogil:
    cdef int i
    for i in range(n):
        if runs[i].is_native:
            runs[i].call(1, NULL, <char *>r)
        else:
            interpret(runs[i].start, runs[i].end, r)
